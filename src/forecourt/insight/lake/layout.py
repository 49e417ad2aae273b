"""Where a lake lies on disk: a folder an organisation, manifests, files, and the lock of who writes.

    lake/tenant-7/LATEST                      the number of the latest snapshot
    lake/tenant-7/snapshots/000012.json       what it consists of
    lake/tenant-7/data/sessions/2025-06-DIGEST.parquet
    lake/tenant-7/work.json                   what an export that was stopped had made
    lake/tenant-7/lock

A manifest appears whole under its name or not at all, and LATEST is changed after it. Who reads a snapshot holds its
manifest (flock, shared), so who replaces it can wait until nobody needs the files that it named.
"""

import contextlib
import fcntl
import hashlib
import os
import shutil
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from typing import BinaryIO, Final

import msgspec
from msgspec import Struct, field

from forecourt.platform.errors import ForecourtError

#: The form of manifests and of the files that they name. A lake of another one is made anew by the next export.
FORMAT: Final = 7
#: Bytes that are read at a time to digest a file.
CHUNK_BYTES: Final = 1 << 20
#: Who reads by a manifest that was replaced is waited for so long; whoever asks longer is told that the lake is busy.
READERS_WAIT_S: Final = 60.0
_LOOK_S: Final = 0.05


class LakeBusy(ForecourtError):
    """Somebody writes this organisation's lake just now. Wait until that is done, then ask again."""

    status = 409
    code = "lake-busy"


class LakeMissing(ForecourtError):
    """There is no lake yet. `forecourt insight export` makes it."""

    status = 404
    code = "lake-missing"


class File(Struct, frozen=True, kw_only=True):
    """One file of a snapshot. `partition` is the day or month that it holds, `until` when the last session in it ended,
    `drivers` whether it has any."""

    partition: str
    path: str
    rows: int
    digest: str
    until: datetime | None = None
    drivers: bool = False


class Manifest(Struct, frozen=True, kw_only=True):
    """One snapshot. `watermark`: what PostgreSQL had heard until then is in it. `places`: a digest of which station is
    where and in which zone, as hours were counted by."""

    format: int = FORMAT
    lake_id: str
    tenant_id: int
    snapshot: int
    made_at: datetime
    watermark: datetime
    places: str = ""
    tables: dict[str, list[File]] = field(default_factory=dict)

    @property
    def edition(self) -> str:
        """What it holds, as a digest: a snapshot keeps its number when drivers are erased from it."""
        return hashlib.sha256(msgspec.json.encode(self.tables)).hexdigest()


class Work(Struct, frozen=True, kw_only=True):
    """What an export has made so far: files by table and partition, each with the marks that it covers, by day."""

    #: None: an export of before forms were noted.
    format: int | None = None
    base: int
    anew: bool
    made: dict[str, tuple[File | None, dict[date, int]]] = field(default_factory=dict)


class Folder:
    """One organisation's lake on disk."""

    def __init__(self, root: Path, tenant_id: int) -> None:
        self.tenant_id = tenant_id
        self.path = root / f"tenant-{tenant_id}"
        self.data = self.path / "data"
        #: What doesn't fit into memory while hours are counted.
        self.spill = self.path / "spill"
        self._snapshots = self.path / "snapshots"
        self._latest = self.path / "LATEST"
        self._work = self.path / "work.json"

    @contextmanager
    def locked(self) -> Iterator[None]:
        """The one who writes; the kernel lets go of it when a process ends however it ends. Raises LakeBusy."""
        self._snapshots.mkdir(parents=True, exist_ok=True)
        self.data.mkdir(exist_ok=True)
        with (self.path / "lock").open("w", encoding="ascii") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise LakeBusy from None
            yield

    def latest(self) -> Manifest | None:
        """The latest snapshot; None: there is none, or of another form."""
        try:
            number = int(self._latest.read_text(encoding="ascii"))
        except (FileNotFoundError, ValueError):
            return None
        return self.snapshot(number)

    def snapshot(self, number: int) -> Manifest | None:
        """One snapshot that is kept."""
        try:
            manifest = msgspec.json.decode(self._manifest(number).read_bytes(), type=Manifest)
        except (FileNotFoundError, msgspec.MsgspecError):
            return None
        return manifest if manifest.format == FORMAT and manifest.tenant_id == self.tenant_id else None

    @contextmanager
    def held(self, number: int) -> Iterator[Manifest]:
        """One snapshot, whose files stay while this is open, though drivers are erased from it meanwhile. Raises
        LakeMissing."""
        while True:
            try:
                file = self._manifest(number).open("rb")
            except FileNotFoundError:
                raise LakeMissing from None
            with file:
                fcntl.flock(file, fcntl.LOCK_SH)
                if not _stands(file, self._manifest(number)):
                    continue
                manifest = self.snapshot(number)
                if manifest is None:
                    raise LakeMissing
                yield manifest
                return

    def snapshots(self) -> list[int]:
        """The numbers of those that are kept, oldest first."""
        return sorted(int(path.stem) for path in self._snapshots.glob("*.json"))

    def write(self, manifest: Manifest) -> None:
        """Puts a manifest in its place, over one of the same number; whole or not at all."""
        _replace(self._manifest(manifest.snapshot), msgspec.json.format(msgspec.json.encode(manifest), indent=1))

    def replace(self, manifest: Manifest) -> BinaryIO:
        """Writes it over the one of its number. That one, open, for `wait_for_readers`."""
        old = self._manifest(manifest.snapshot).open("rb")
        self.write(manifest)
        return old

    def publish(self, manifest: Manifest) -> None:
        """From now on this snapshot is the latest."""
        self.write(manifest)
        _replace(self._latest, str(manifest.snapshot).encode())

    def drop(self, number: int) -> None:
        """Lets a snapshot go; its files go with the next `sweep`."""
        self._manifest(number).unlink(missing_ok=True)

    def work(self) -> Work | None:
        """What an export that was stopped had made, in the form of today."""
        try:
            work = msgspec.json.decode(self._work.read_bytes(), type=Work)
        except (FileNotFoundError, msgspec.MsgspecError):
            return None
        return work if work.format == FORMAT else None

    def note(self, work: Work | None) -> None:
        """Writes down what was made so far; None: there is nothing left to do."""
        if work is None:
            self._work.unlink(missing_ok=True)
        else:
            _replace(self._work, msgspec.json.encode(work))

    def place(self, draft: Path, table: str, partition: str) -> tuple[str, str]:
        """Gives a finished file its name by what it holds; the path below `path`, and its digest."""
        digest = hashlib.sha256()
        with draft.open("rb") as file:
            while chunk := file.read(CHUNK_BYTES):
                digest.update(chunk)
            os.fsync(file.fileno())
        name = digest.hexdigest()[:32]
        target = self.data / table / f"{partition}-{name}.parquet"
        target.parent.mkdir(parents=True, exist_ok=True)
        draft.replace(target)
        _sync(target.parent)
        return str(target.relative_to(self.path)), name

    def draft(self, table: str, partition: str) -> Path:
        """Where a file is written before it has its name."""
        (self.data / table).mkdir(parents=True, exist_ok=True)
        return self.data / table / f".{partition}.draft"

    def sweep(self) -> int:
        """Deletes files that no snapshot and no work in hand names; how many. Only who holds the lock may, and counts
        nothing just then."""
        named = {file.path for number in self.snapshots() for file in self.files(number)}
        work = self.work()
        if work is not None:
            named |= {file.path for file, _ in work.made.values() if file is not None}
        # One that was killed left it.
        shutil.rmtree(self.spill, ignore_errors=True)
        gone = 0
        for path in self.data.rglob("*"):
            if path.is_file() and str(path.relative_to(self.path)) not in named:
                path.unlink()
                gone += 1
        return gone

    def files(self, number: int) -> list[File]:
        """All files of a snapshot."""
        manifest = self.snapshot(number)
        return [] if manifest is None else [file for files in manifest.tables.values() for file in files]

    def _manifest(self, number: int) -> Path:
        return self._snapshots / f"{number:06d}.json"


def wait_for_readers(olds: Iterable[BinaryIO]) -> bool:
    """Waits until nobody reads by any of these manifests, which were replaced, READERS_WAIT_S for all at the most;
    whether that is so."""
    left = [old for old in olds if _is_read(old)]
    for _ in range(int(READERS_WAIT_S / _LOOK_S)):
        if not left:
            return True
        time.sleep(_LOOK_S)
        left = [old for old in left if _is_read(old)]
    return not left


def _is_read(old: BinaryIO) -> bool:
    """Whether somebody holds it still; else nobody will any more."""
    try:
        fcntl.flock(old, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    return False


def _stands(file: BinaryIO, path: Path) -> bool:
    """Whether it is still the one under this name."""
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False


def _replace(path: Path, content: bytes) -> None:
    draft = path.with_name(f".{path.name}.draft")
    with draft.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    _sync(path.parent)


def _sync(folder: Path) -> None:
    """Names survive a power cut too."""
    handle = os.open(folder, os.O_RDONLY)
    with contextlib.suppress(OSError):
        os.fsync(handle)
    os.close(handle)
