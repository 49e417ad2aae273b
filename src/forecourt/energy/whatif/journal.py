"""What of a what-if is done, in a file beside its report, so that one that was stopped goes on where it was.

The file begins with what it is of; parts of ways follow, each with its length and a checksum, so that one that was
killed while it wrote loses the last part only. It is appended to and never rewritten.
"""

import fcntl
import hashlib
import os
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO, Final

import msgspec
import numpy as np
from msgspec import Struct

from forecourt.energy.rows import Floats
from forecourt.energy.whatif.series import ScenarioRefused

#: Told apart from files of others, and of versions that played otherwise.
MAGIC: Final = b"forecourt what-if 2\n"
#: The largest file, and the largest part. What goes beyond is played again.
MAX_BYTES: Final = 1 << 30
MAX_PART_BYTES: Final = 1 << 28
#: Of a part in the file: its length and its checksum.
HEAD_BYTES: Final = 8


class Part(Struct, frozen=True, kw_only=True, array_like=True):
    """What a way did from step `begin` to before `end`: the cars (numbers), steps and currents (A) that aren't zero, as
    arrays in bytes. `unplanned`: in how many of its steps no plan was found."""

    way: str
    begin: int
    end: int
    unplanned: int
    car: bytes
    step: bytes
    current_a: bytes


def part_of(way: str, begin: int, end: int, current_a: Floats, unplanned: int) -> Part:
    """A part of the currents of a way, (cars, steps)."""
    car, step = np.nonzero(current_a[:, begin:end])
    return Part(
        way=way,
        begin=begin,
        end=end,
        unplanned=unplanned,
        car=car.astype("<i4").tobytes(),
        step=(step + begin).astype("<i4").tobytes(),
        current_a=current_a[car, step + begin].astype("<f8").tobytes(),
    )


def done_by(parts: Sequence[Part], current_a: Floats) -> int:
    """Puts what parts of a way did into its currents, and tells the step before which it is done."""
    for part in parts:
        car, step = np.frombuffer(part.car, "<i4"), np.frombuffer(part.step, "<i4")
        current_a[car, step] = np.frombuffer(part.current_a, "<f8")
    return parts[-1].end if parts else 0


def key_of(*of: Any) -> bytes:
    """Of all that a what-if is made of: another one has another key."""
    return hashlib.sha256(msgspec.msgpack.encode(of)).digest()


class Journal:
    """The file at `path` of the what-if with this key; without a path nothing is kept. Raises ScenarioRefused where the
    file can't be written, or another process writes it.

    `other`: the file was of another what-if, and was begun anew.
    """

    def __init__(self, path: Path | None = None, key: bytes = b"") -> None:
        self._path = path
        self._file: BinaryIO | None = None
        self._parts: dict[str, list[Part]] = {}
        self._bytes = 0
        self.other = False
        if path is not None:
            self._file = _opened(path)
            self._read(self._file, MAGIC + key)

    @property
    def kept(self) -> int:
        return sum(parts[-1].end for parts in self._parts.values() if parts)

    def of(self, way: str) -> Sequence[Part]:
        """What is kept of a way, in order and without gaps from the first step on."""
        return self._parts.get(way, [])

    def keep(self, part: Part) -> None:
        """Adds a part."""
        if self._file is None:
            return
        raw = msgspec.msgpack.encode(part)
        if len(raw) > MAX_PART_BYTES or self._bytes + len(raw) + HEAD_BYTES > MAX_BYTES:
            return
        self._file.write(len(raw).to_bytes(4, "little") + zlib.crc32(raw).to_bytes(4, "little") + raw)
        self._file.flush()
        self._bytes += len(raw) + HEAD_BYTES
        self._add(part)

    def remove(self) -> None:
        """All is done."""
        if self._path is not None and self._file is not None:
            self._path.unlink(missing_ok=True)
        self.close()

    def close(self) -> None:
        """Another process may go on."""
        if self._file is not None:
            self._file.close()

    def _read(self, file: BinaryIO, begins: bytes) -> None:
        held = file.read(MAX_BYTES)
        if held[: len(begins)] == begins:
            self._bytes = len(begins)
            for part, end in _parts(held, len(begins)):
                self._add(part)
                self._bytes = end
        else:
            self.other = bool(held)
            file.seek(0)
            file.write(begins)
            self._bytes = len(begins)
        # What is broken at the end is written anew.
        file.truncate(self._bytes)
        file.seek(self._bytes)

    def _add(self, part: Part) -> None:
        parts = self._parts.setdefault(part.way, [])
        if part.begin == (parts[-1].end if parts else 0):
            parts.append(part)


def _opened(path: Path) -> BinaryIO:
    try:
        file = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o644), "r+b")
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as fault:
        raise ScenarioRefused(f"{path} is written by another what-if. Wait for it, or name another report.") from fault
    except OSError as fault:
        raise ScenarioRefused(f"{path} can't be written: {fault.strerror}.") from fault
    return file


def _parts(held: bytes, at: int) -> Iterator[tuple[Part, int]]:
    """The parts of a file and where each ends, until one is broken."""
    while at + HEAD_BYTES <= len(held):
        size, check = (int.from_bytes(held[at + begin : at + begin + 4], "little") for begin in (0, 4))
        at += HEAD_BYTES
        raw = held[at : at + min(size, MAX_PART_BYTES)]
        if len(raw) < size or zlib.crc32(raw) != check:
            return
        try:
            part = msgspec.msgpack.decode(raw, type=Part)
        except msgspec.MsgspecError:
            return
        at += size
        yield part, at
