"""A file of lines that is only ever added to, and survives being cut short by a crash."""

from collections.abc import Iterator
from pathlib import Path


class Journal:
    """Opened for adding; a last line that a crash cut short is taken away first."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("a+b")
        self._file.seek(0)
        whole = 0
        for line in self._file:
            whole += len(line) if line.endswith(b"\n") else 0
        self._file.truncate(whole)

    def add(self, line: bytes) -> None:
        self._file.write(line + b"\n")

    def flush(self) -> None:
        self._file.flush()

    def close(self) -> None:
        self._file.close()


def lines(path: Path) -> Iterator[bytes]:
    """The whole lines of a journal."""
    with path.open("rb") as file:
        for line in file:
            if line.endswith(b"\n"):
                yield line
