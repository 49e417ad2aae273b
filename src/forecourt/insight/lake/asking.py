"""Questions to one snapshot of a lake: by SQL, or by Ibis expressions, on DuckDB.

Whoever asks sees this organisation's files and nothing else: no other file, no network, no setting can be reached.
"""

import threading
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from forecourt.insight.lake import tables
from forecourt.insight.lake.layout import Folder, LakeBusy, LakeMissing, Manifest
from forecourt.insight.turns import Halt
from forecourt.platform.errors import ForecourtError

if TYPE_CHECKING:
    import duckdb
    import ibis

MEMORY: Final = "1GB"
THREADS: Final = 2


class Hand:
    """Breaks off what is asked of a snapshot, from any thread, while it is open, and what is reckoned of that."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._db: duckdb.DuckDBPyConnection | None = None
        self._halt = Halt()

    @contextmanager
    def holding(self, db: "duckdb.DuckDBPyConnection") -> Iterator[None]:
        """What is asked meanwhile, before what was asked until now goes on."""
        with self._lock:
            before, self._db = self._db, db
        try:
            yield
        finally:
            with self._lock:
                self._db = before

    def interrupt(self) -> None:
        """Ends the query of this moment, whose asker hears a duckdb.InterruptException; the next one begins all the
        same."""
        self._halt.interrupt()
        with self._lock:
            if self._db is not None:
                self._db.interrupt()

    def check(self) -> None:
        """Between steps that are no queries. Raises BrokenOff once it is broken off."""
        self._halt.check()


class QuestionRefused(ForecourtError):
    """The lake can't answer that: it is asked by SELECT, and holds this organisation's files alone."""

    status = 422
    code = "question-refused"


def snapshot_of(root: Path, tenant_id: int, number: int | None = None) -> tuple[Folder, Manifest]:
    """The latest snapshot, or one by its number. Raises LakeMissing."""
    folder = Folder(root, tenant_id)
    manifest = folder.latest() if number is None else folder.snapshot(number)
    if manifest is None:
        kept = ", ".join(map(str, folder.snapshots()))
        raise LakeMissing(None if number is None else f"There is no snapshot {number}. There are: {kept or 'none'}.")
    return folder, manifest


def files_of(folder: Folder, manifest: Manifest, table: str) -> list[str]:
    """The files of a table, in order of time."""
    return [str(folder.path / file.path) for file in manifest.tables.get(table, ())]


@contextmanager
def opened(
    root: Path,
    tenant_id: int,
    number: int | None = None,
    named: Collection[str] = tables.COLUMNS.keys(),
    hand: Hand | None = None,
) -> "Iterator[duckdb.DuckDBPyConnection]":
    """A snapshot as views, one a table, that can be asked by anybody's SQL; with a `hand`, others can break off what is
    asked. Raises LakeMissing.

    Who knows which tables will be `named` says so: to make all of them costs more than many an answer.
    """
    with _begun(root, tenant_id, number) as (db, view), (hand or Hand()).holding(db):
        for table in named:
            view(table)
        db.execute("SET enable_external_access = false")
        db.execute("SET lock_configuration = true")
        yield db


@contextmanager
def _begun(
    root: Path, tenant_id: int, number: int | None
) -> "Iterator[tuple[duckdb.DuckDBPyConnection, Callable[[str], None]]]":
    """A connection, and what makes a table of the snapshot a view of it. Its files stay until it is closed. Raises
    LakeMissing, and LakeBusy for a question that outlasted them: drivers were erased from them meanwhile."""
    import duckdb

    folder, latest = snapshot_of(root, tenant_id, number)
    with folder.held(latest.snapshot) as manifest:
        db = duckdb.connect(config={"memory_limit": MEMORY, "threads": THREADS})
        try:
            yield db, _views(db, folder, manifest)
        except duckdb.IOException as fault:
            if all(Path(path).exists() for path in _every(folder, manifest)):
                raise
            raise LakeBusy from fault
        finally:
            db.close()


def _every(folder: Folder, manifest: Manifest) -> list[str]:
    return [path for table in tables.COLUMNS for path in files_of(folder, manifest, table)]


def _views(db: "duckdb.DuckDBPyConnection", folder: Folder, manifest: Manifest) -> Callable[[str], None]:
    """What makes a table of the snapshot a view of it. From here on none but its files can be read, one by one."""
    db.execute("SET TimeZone = 'UTC'; SET enable_progress_bar = false")
    db.execute("SET allowed_paths = ?", [_every(folder, manifest)])

    def view(table: str) -> None:
        files = files_of(folder, manifest, table)
        if files:
            db.read_parquet(files).create_view(table)
        else:
            db.from_arrow(tables.schema(table).empty_table()).create(table)

    return view


def ask(db: "duckdb.DuckDBPyConnection", question: str) -> "Any":
    """The answer as an Arrow table. Raises QuestionRefused with what DuckDB says of the question."""
    import duckdb

    try:
        statements = duckdb.extract_statements(question)
        if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
            raise QuestionRefused
        return db.execute(statements[0]).to_arrow_table()
    except duckdb.Error as fault:
        raise QuestionRefused(f"The lake can't answer that. {fault}") from fault


@contextmanager
def expressed(
    root: Path, tenant_id: int, number: int | None = None, hand: Hand | None = None
) -> "Iterator[Mapping[str, ibis.Table]]":
    """A snapshot as Ibis tables by name; with a `hand`, others can break off what is asked. Raises LakeMissing."""
    import ibis

    # Expressions are ours: nothing is locked, for Ibis sets what it needs.
    with _begun(root, tenant_id, number) as (db, view), (hand or Hand()).holding(db):
        yield _Tables(ibis.duckdb.from_connection(db), view)


class _Tables(Mapping[str, "ibis.Table"]):
    """Tables by name. Each is made when it is first named, and what its columns are is known without asking for it:
    both cost more than many an answer."""

    def __init__(self, backend: Any, view: Callable[[str], None]) -> None:
        self._backend = backend
        self._view = view
        self._known: dict[str, ibis.Table] = {}

    def __getitem__(self, name: str) -> "ibis.Table":
        if name not in self._known:
            if name not in tables.COLUMNS:
                raise KeyError(name)
            self._view(name)
            self._known[name] = _described(self._backend, name)
        return self._known[name]

    def __iter__(self) -> Iterator[str]:
        return iter(tables.COLUMNS)

    def __len__(self) -> int:
        return len(tables.COLUMNS)


def _described(backend: Any, name: str) -> "ibis.Table":
    """A table of the lake as its columns are meant to be."""
    import ibis
    from ibis.expr import operations

    columns = ibis.Schema.from_pyarrow(tables.schema(name))
    made: ibis.Table = operations.DatabaseTable(name=name, schema=columns, source=backend).to_expr()
    return made
