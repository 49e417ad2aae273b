"""The processes of a run: who is started, on which core, what CPU time each has used, and that none is left."""

import asyncio
import contextlib
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import msgspec
import psutil
from msgspec import Struct
from psycopg import AsyncConnection

from bench import ordinary, words
from bench.crowd import PASSWORD, TAG
from forecourt.platform.bus import Bus
from forecourt.platform.embedded import EmbeddedNats, EmbeddedPostgres
from forecourt.platform.embedded.postgres import ADMIN, LOGIN
from forecourt.platform.embedded.process import Child
from forecourt.platform.migrate import migrate
from forecourt.stations.gateway.words import REFRESH_SUBJECT
from forecourt.stations.model import password_hash

SECRET = "a secret for the bench, which guards nothing"
ORDINARY_DATABASE = "ordinary"
START_DEADLINE_S = 60.0
REFRESH_DEADLINE_S = 10.0
ORDER_DEADLINE_S = 120.0
STOP_STEPS = ((signal.SIGTERM, 15.0), (signal.SIGKILL, 5.0))
TENANT = "Bench"
#: The first is left to the server under measurement; everything else shares the others.
ALL_CORES = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
#: A crowd's line of JSON is short; a traceback is not.
LINE_LIMIT = 1 << 20


class Spent(Struct, frozen=True, kw_only=True):
    """CPU seconds since their start."""

    server: float
    postgres: float
    nats: float

    def since(self, before: "Spent") -> "Spent":
        return Spent(
            server=self.server - before.server,
            postgres=self.postgres - before.postgres,
            nats=self.nats - before.nats,
        )

    @property
    def together(self) -> float:
        return self.server + self.postgres + self.nats


class Crowd:
    """The bench's end of the process of stations."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def order(self, order: words.Order) -> words.Told:
        """Order and wait until it is done. Raises RuntimeError with what the crowd complains of."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(msgspec.json.encode(order) + b"\n")
        async with asyncio.timeout(ORDER_DEADLINE_S):
            line = await self._process.stdout.readline()
        if not line:
            raise RuntimeError("The crowd of stations ended; its words stand above.")
        told = msgspec.json.decode(line, type=words.Told)
        if told.fault is not None:
            raise RuntimeError(f"A station was not served as it should: {told.fault}")
        return told


class Server:
    """A server under measurement with its port."""

    def __init__(self, name: str, port: int, child: Child) -> None:
        self.name = name
        self.port = port
        self.process = psutil.Process(child.pid)

    def memory(self) -> int:
        """Bytes of its own, shared pages counted in parts."""
        return int(self.process.memory_full_info().pss)


class Stage:
    """The servers that both ways share, and the ways to start what is measured."""

    def __init__(self, folder: Path, postgres: EmbeddedPostgres, nats: EmbeddedNats, *, quick: bool) -> None:
        self.folder = folder
        self.postgres = postgres
        self.nats = nats
        self.quick = quick
        self.tenant_id = 0
        self._names = iter(range(1, 10_000))
        self._postgres = psutil.Process(postgres.pid)
        self._nats = psutil.Process(nats.pid)
        self._registered = 0
        self._gateways = 0

    async def prepare(self) -> None:
        """Make the tables of both, an organisation and a token."""
        await asyncio.to_thread(migrate, self.postgres.admin_url, LOGIN)
        async with await self.admin() as connection:
            await connection.execute(f"CREATE DATABASE {ORDINARY_DATABASE}")
            row = await (
                await connection.execute("INSERT INTO organisations (name) VALUES (%s) RETURNING tenant_id", (TENANT,))
            ).fetchone()
            assert row is not None
            self.tenant_id = row[0]
            await connection.execute(
                "INSERT INTO tokens (tenant_id, uid_key, uid, type, status) VALUES (%s, lower(%s), %s, %s, 'accepted')",
                (self.tenant_id, TAG, TAG, "ISO14443"),
            )
        async with await self.admin(ORDINARY_DATABASE) as connection:
            await connection.execute(ordinary.TABLE)

    async def register(self, count: int) -> int:
        """Put so many new stations into the registry, known to the gateway that runs; the number of the first."""
        first, self._registered = self._registered, self._registered + count
        async with await self.admin() as connection:
            await connection.execute(
                "INSERT INTO stations (tenant_id, identity, password_hash)"
                " SELECT %s, 'CP' || lpad(n::text, 6, '0'), %s FROM generate_series(%s::int, %s::int) n",
                (self.tenant_id, password_hash(SECRET.encode(), PASSWORD), first, self._registered - 1),
            )
        await self.refresh()
        return first

    async def refresh(self) -> None:
        """Have the gateways that run read the registry."""
        if self._gateways:
            bus = await Bus.connect(self.nats.url)
            await bus.request_all(REFRESH_SUBJECT, b"", self._gateways, REFRESH_DEADLINE_S)
            await bus.close()

    async def settle(self) -> None:
        """Leave no work of before to what is measured next."""
        for database in ("forecourt", ORDINARY_DATABASE):
            async with await self.admin(database) as connection:
                await connection.execute("VACUUM ANALYZE")
        async with await self.admin() as connection:
            await connection.execute("CHECKPOINT")

    def spent(self, server: Server) -> Spent:
        """CPU time of a server and of those it leans on."""
        return Spent(server=_tree(server.process), postgres=_tree(self._postgres), nats=_tree(self._nats))

    @asynccontextmanager
    async def gateway(self) -> AsyncIterator[Server]:
        """Ours, as it is run anywhere."""
        async with self._ours("gateway", "FORECOURT_OCPP_PORT") as server:
            self._gateways += 1
            try:
                yield server
            finally:
                self._gateways -= 1

    @asynccontextmanager
    async def web(self) -> AsyncIterator[Server]:
        """Our pages and API."""
        async with self._ours("web", "FORECOURT_WEB_PORT") as server:
            yield server

    @asynccontextmanager
    async def _ours(self, name: str, port_variable: str) -> AsyncIterator[Server]:
        port = _free_port()
        variables = {
            "FORECOURT_DATA_DIR": str(self.folder),
            "FORECOURT_HOST": "127.0.0.1",
            port_variable: str(port),
            "FORECOURT_DATABASE_URL": self.postgres.app_url,
            "FORECOURT_NATS_URL": self.nats.url,
            "FORECOURT_SECRET_KEY": SECRET,
            "FORECOURT_LOG_LEVEL": "warning",
        }
        kept = {name: value for name, value in os.environ.items() if not name.startswith("FORECOURT_")}
        command = [sys.executable, "-m", "forecourt.cli", name]
        async with self._server(name, port, command, kept | variables) as server:
            yield server

    @asynccontextmanager
    async def ordinary(self) -> AsyncIterator[Server]:
        """The ordinary way."""
        async with self._other("ordinary") as server:
            yield server

    @asynccontextmanager
    async def bare(self) -> AsyncIterator[Server]:
        """The least that our parts can do."""
        async with self._other("bare") as server:
            yield server

    @asynccontextmanager
    async def _other(self, name: str) -> AsyncIterator[Server]:
        port = _free_port()
        command = [sys.executable, "-m", f"bench.{name}", str(port), self.postgres.url(ADMIN, ORDINARY_DATABASE)]
        async with self._server(name, port, command, dict(os.environ)) as server:
            yield server

    @asynccontextmanager
    async def _server(self, name: str, port: int, command: list[str], env: dict[str, str]) -> AsyncIterator[Server]:
        child = Child(command, log=self.folder / "log" / f"{name}-{next(self._names)}.log", env=env)
        with on_cores(ALL_CORES[:1]):
            await child.start()
        try:
            await _until_listening(child, port)
            yield Server(name, port, child)
        finally:
            await child.stop(STOP_STEPS)

    @asynccontextmanager
    async def crowd(self, server: Server) -> AsyncIterator[Crowd]:
        """A process of stations for one server."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "bench.crowd",
            str(server.port),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=LINE_LIMIT,
            start_new_session=True,
        )
        try:
            yield Crowd(process)
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()

    async def admin(self, database: str = "forecourt") -> AsyncConnection[tuple[int, ...]]:
        """A connection past row-level security, each statement committed by itself."""
        return await AsyncConnection.connect(self.postgres.url(ADMIN, database), autocommit=True, connect_timeout=10)


@asynccontextmanager
async def stage(folder: Path, *, quick: bool) -> AsyncIterator[Stage]:
    """PostgreSQL and NATS with Forecourt's own settings, away from the core of what is measured."""
    with on_cores(ALL_CORES[1:]):
        async with EmbeddedPostgres(folder) as postgres, EmbeddedNats(folder) as nats:
            made = Stage(folder, postgres, nats, quick=quick)
            await made.prepare()
            yield made


def _tree(process: psutil.Process) -> float:
    """CPU seconds of a process and its children, those included that ended and were waited for."""
    times = process.cpu_times()
    spent = times.user + times.system + times.children_user + times.children_system
    for child in process.children():
        with contextlib.suppress(psutil.NoSuchProcess):
            spent += _tree(child)
    return float(spent)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def _until_listening(child: Child, port: int) -> None:
    async with asyncio.timeout(START_DEADLINE_S):
        while True:
            if not child.running:
                raise RuntimeError(f"A server ended while starting:\n{child.tail()}")
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.05)
                continue
            writer.close()
            return


@contextmanager
def on_cores(cores: Sequence[int]) -> Iterator[None]:
    """Processes started inside stay on these cores; on any where there is but one, or the system can't do it."""
    if len(ALL_CORES) < 2:
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, set(cores))
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
