"""Opens a file by what is in it, packed or not: text in its encoding, a JSON document, or a workbook."""

import codecs
import gzip
import io
import zlib
from pathlib import Path
from typing import BinaryIO, Final, Literal

from msgspec import Struct

from forecourt.insight.importing.model import ImportRefused

#: Bytes of a JSON document or a workbook, unpacked: these are read whole.
MAX_WHOLE_BYTES: Final = 1 << 30
#: Bytes that are looked at, at a time.
CHUNK_BYTES: Final = 1 << 20
_GZIP, _ZIP, _OLE = b"\x1f\x8b", b"PK\x03\x04", b"\xd0\xcf\x11\xe0"
#: Marks of UTF-16 and of UTF-8, in the order in which they are looked for.
_MARKS: Final = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))


class Opened(Struct, frozen=True, kw_only=True):
    """What a file is. `encoding` is that of a text; `note` what was guessed about it."""

    path: Path
    kind: Literal["text", "json", "workbook"]
    encoding: str = "utf-8"
    note: str | None = None

    def content(self) -> BinaryIO:
        """Its content, unpacked, from the beginning."""
        return _open(self.path)

    def text(self) -> io.TextIOWrapper:
        """Its lines, from the beginning."""
        return io.TextIOWrapper(self.content(), encoding=self.encoding, newline="")

    def whole(self) -> bytes:
        """All of it. Raises ImportRefused for more than MAX_WHOLE_BYTES, or a packed file that was cut off."""
        with self.content() as file:
            try:
                content = file.read(MAX_WHOLE_BYTES + 1)
            except (EOFError, zlib.error, gzip.BadGzipFile) as fault:
                raise ImportRefused(_cut(self.path)) from fault
        if len(content) > MAX_WHOLE_BYTES:
            raise ImportRefused(f"{self.path.name} is larger than 1 GiB unpacked. Cut it into several files.")
        return content


def opened(path: Path, encoding: str | None = None) -> Opened:
    """Looks at a file. Raises ImportRefused for one that can't be read, is empty, or is no text in its encoding."""
    try:
        with _open(path) as file:
            head = file.read(4096)
    except OSError as fault:
        raise ImportRefused(f"{path} can't be read: {fault.strerror or 'it is no whole gzip file'}.") from fault
    except (EOFError, zlib.error) as fault:
        raise ImportRefused(_cut(path)) from fault
    if not head.strip():
        raise ImportRefused(f"{path.name} is empty.")
    if head[:4] in (_ZIP, _OLE):
        return Opened(path=path, kind="workbook")
    if encoding is None:
        encoding, note = _guessed(path, head)
    else:
        note = None
        _check(path, encoding)
    json = head.decode(encoding, errors="ignore").lstrip("\ufeff \t\r\n")[:1] in ("{", "[")
    return Opened(path=path, kind="json" if json else "text", encoding=encoding, note=note)


def _open(path: Path) -> BinaryIO:
    file = path.open("rb")
    packed = file.read(2) == _GZIP
    file.seek(0)
    return gzip.GzipFile(fileobj=file, mode="rb") if packed else file  # type: ignore[return-value]


def _guessed(path: Path, head: bytes) -> tuple[str, str | None]:
    for mark, encoding in _MARKS:
        if head.startswith(mark):
            _check(path, encoding)
            return encoding, None
    if b"\x00" in head:
        raise ImportRefused(
            f"{path.name} is no text in UTF-8: line 1 has zero bytes. Say --encoding utf-16, or save it as UTF-8."
        )
    wrong = _first_wrong_line(path, "utf-8")
    if wrong is None:
        return "utf-8", None
    _check(path, "cp1252")
    return "cp1252", f"line {wrong} is not UTF-8: read as Windows-1252; if that is wrong, say --encoding"


def _check(path: Path, encoding: str) -> None:
    try:
        wrong = _first_wrong_line(path, encoding)
    except LookupError:
        raise ImportRefused(f"There is no encoding {encoding}. Common ones: utf-8, cp1252, utf-16, latin-1.") from None
    if wrong is not None:
        raise ImportRefused(
            f"Line {wrong} of {path.name} is no text in {encoding}. Say in which encoding it was saved, as"
            " --encoding latin-1, or save it as UTF-8."
        )


def _first_wrong_line(path: Path, encoding: str) -> int | None:
    """The first line that is not of this encoding. Raises LookupError for an encoding that does not exist."""
    decoder, lines = codecs.getincrementaldecoder(encoding)(), 1
    try:
        with _open(path) as file:
            while chunk := file.read(CHUNK_BYTES):
                lines += decoder.decode(chunk).count("\n")
            decoder.decode(b"", final=True)
    except UnicodeDecodeError as fault:
        # What stands before the wrong byte in this chunk is counted in its own bytes.
        return lines + bytes(fault.object[: fault.start]).count(b"\n")
    except (EOFError, zlib.error, gzip.BadGzipFile) as fault:
        raise ImportRefused(_cut(path)) from fault
    return None


def _cut(path: Path) -> str:
    return f"{path.name} was cut off: its packed content ends in the middle. Copy or download it again."
