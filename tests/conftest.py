"""Real servers for every test that asks for them; started once a run, only if some test does.

| fixture        | lives for | what it is                                                                          |
|----------------|-----------|-------------------------------------------------------------------------------------|
| `servers`      | the run   | `Servers`: one embedded PostgreSQL and one NATS in a temporary folder               |
| `database`     | a module  | `Database`: a fresh, migrated database, cloned from a template; dropped afterwards  |
| `database_url` | a module  | `database.url`: it as the application's login (SET ROLE to forecourt_app and so on) |
| `admin_url`    | a module  | `database.admin_url`: it as a superuser, past row-level security                    |
| `nats_url`     | the run   | the NATS server                                                                     |
| `clock`        | a test    | a `FakeClock`, the one of the process at its beginning                              |

A test that needs a database of its own makes it by `with servers.database() as database`; where many of a module do,
they stand on one `ground` after another, see `tests.ground`. A test that kills servers starts its own
`EmbeddedPostgres(tmp_path)` or `EmbeddedNats(tmp_path)` and leaves these alone.
"""

import asyncio
import contextlib
import fcntl
import gc
import itertools
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import httpx
import hypothesis
import psycopg
import pytest
import pytest_asyncio
import structlog
import uvloop
from hypothesis.internal.conjecture import providers
from msgspec import Struct

from forecourt.platform import database as connections
from forecourt.platform.collector import THRESHOLDS, loading
from forecourt.platform.embedded import EmbeddedNats, EmbeddedPostgres
from forecourt.platform.embedded.postgres import ADMIN, DATABASE, LOGIN
from forecourt.platform.migrate import migrate
from tests.support import FakeClock

pytest_plugins = ["tests.ground", "tests.http", "tests.owned", "tests.browsers"]

TEMPLATE = "forecourt_template"
#: Plans are made for any values at once, as they are for a connection that has lived for a while: to plan a statement
#: takes longer than to run it on a table of some rows.
CONFIGURATION = {
    "shared_buffers": "64MB",
    "max_wal_size": "256MB",
    "plan_cache_mode": "force_generic_plan",
    # Tables of some rows gain nothing by being looked through, but all plans for them would be made anew.
    "autovacuum": "off",
    "update_process_title": "off",
}
#: Files with the longest tests, longest first. Processes take files in this order, so that none of them is left alone
#: with a long one while the others have nothing more to do. The others follow as they come.
LONGEST = (
    "app/test_openapi.py",
    "spine/test_kill.py",
    "spine/test_outage.py",
    "energy/test_loop.py",
    "insight/test_lake.py",
    "insight/test_usage.py",
    "payments/test_contracts.py",
    "driver/test_browser.py",
    "app/test_up.py",
    "insight/test_dashboards.py",
    "stations/gateway/test_browser.py",
    "cli/test_verbs.py",
    "app/test_console.py",
    "spine/test_two_gateways.py",
    "app/test_access_table.py",
    "spine/test_secrets.py",
    "app/test_palette.py",
    "stations/gateway/test_card_numbers.py",
    "energy/test_whatif_journal.py",
    "energy/test_whatif_steps.py",
    "energy/test_whatif.py",
    "energy/test_whatif_storage.py",
    "energy/test_dispatch.py",
    "energy/test_priority.py",
    "sessions/test_merge.py",
    "spine/test_drain.py",
    "care/test_browser.py",
    "ui/test_browser.py",
    "access/test_browser.py",
    "stations/gateway/test_inbox_browser.py",
    "access/test_account_browser.py",
    "spine/test_api.py",
    "app/test_web_process.py",
    "webhooks/test_pages.py",
    "webhooks/test_webhooks.py",
)
#: Set, properties are tried on other examples in each run.
CHANCE = "FORECOURT_TEST_CHANCE"
CONNECT_TIMEOUT_S = 60
#: A file system in memory, and what a run may need there. Servers write through to the disk at every commit, and a slow
#: one would hold up everything; what a kill leaves behind is the same in either place.
MEMORY, MEMORY_BYTES = Path("/dev/shm"), 6_000_000_000
#: Where the kernel tells how many bytes all of us together may hold in memory, in either of its ways; no number where
#: nothing limits it.
MEMORY_LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))

# How long an example takes depends on what else the machine does. The same are made up in every run, or one that nobody
# changed anything for would fail; who looks for more sets `CHANCE`.
hypothesis.settings.register_profile(
    "tests",
    hypothesis.settings(),
    deadline=None,
    derandomize=CHANCE not in os.environ,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.load_profile("tests")
# Or each process reads all sources of ours that it happens to have loaded, which takes seconds, and what is made up
# depends on them.
pytest.MonkeyPatch().setattr(providers, "is_local_module_file", lambda path: False)
# A connection of a test lives for a moment, and most of what it asks twice it would plan twice.
pytest.MonkeyPatch().setattr(connections, "PREPARE_THRESHOLD", 1)
# To read whom this machine trusts takes longer than most of what a client then asks, without TLS.
pytest.MonkeyPatch().setattr("httpx._transports.default.create_ssl_context", cache(httpx.create_ssl_context))


def pytest_configure(config: pytest.Config) -> None:
    """Temporary folders lie in memory where there is room, unless it was said where; garbage is looked for as seldom as
    in the processes of Forecourt, since much is held."""
    gc.set_threshold(*THRESHOLDS)
    # As the processes of Forecourt run.
    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
    # The framework's own way paints each traceback with colours and the values of variables, which takes longer than
    # what led to it.
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.dev.set_exc_info,
            structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback),
        ]
    )
    said = config.option.basetemp or {"TMPDIR", "PYTEST_DEBUG_TEMPROOT"} & os.environ.keys()
    if not said and room_in_memory() >= MEMORY_BYTES:
        os.environ["TMPDIR"] = str(MEMORY)
        tempfile.tempdir = None


def pytest_sessionfinish() -> None:
    """All that is held now is held until the process ends: it isn't looked through for garbage, again and again, at
    the end."""
    gc.freeze()


def room_in_memory() -> int:
    """The bytes that files in memory may take."""
    if not os.access(MEMORY, os.W_OK):
        return 0
    room = [shutil.disk_usage(MEMORY).free]
    for limit in MEMORY_LIMITS:
        with contextlib.suppress(OSError, ValueError):
            room.append(int(limit.read_text(encoding="ascii")))
    with contextlib.suppress(OSError, KeyError):
        lines = dict(line.split(":") for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines())
        room.append(int(lines["MemAvailable"].split()[0]) * 1024)
    return min(room)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """To look through all that the modules of tests hold, again and again, takes longer than many a test."""
    with loading():
        return (yield)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Longest files first."""
    root = Path(__file__).parent
    places = {name: place for place, name in enumerate(LONGEST) if (root / name).is_file()}
    assert len(places) == len(LONGEST), "a file named in LONGEST is not there"
    items.sort(key=lambda item: places.get(item.path.relative_to(root).as_posix(), len(places)))


class Database(Struct, frozen=True, kw_only=True):
    """One database by its two addresses."""

    url: str
    admin_url: str


class Servers:
    """The servers of the run, and as many databases as tests ask for."""

    def __init__(self, postgres: EmbeddedPostgres, nats: EmbeddedNats) -> None:
        self.postgres = postgres
        self.nats = nats
        self._numbers = itertools.count(1)

    @contextmanager
    def database(self) -> Iterator[Database]:
        """A fresh database with every room's migrations applied, dropped on leaving whoever still uses it."""
        with self.empty_database(TEMPLATE) as database:
            yield database

    @contextmanager
    def empty_database(self, template: str = "template1") -> Iterator[Database]:
        """A database that no migration has seen."""
        name = f"test_{next(self._numbers)}"
        # As it lies on the disk: a third of the work of writing it to the log, which would spare a checkpoint.
        self._run(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY")
        try:
            yield Database(url=self.postgres.url(LOGIN, name), admin_url=self.postgres.url(ADMIN, name))
        finally:
            self._run(f"DROP DATABASE {name} WITH (FORCE)")

    def _run(self, statement: str) -> None:
        url = self.postgres.url(ADMIN, "postgres")
        with psycopg.connect(url, autocommit=True, connect_timeout=CONNECT_TIMEOUT_S) as connection:
            connection.execute(statement.encode())


async def copy_prepared(base: Path, folder: Path) -> None:
    """PostgreSQL's data folder in `folder`: migrated, with a `TEMPLATE` that is a copy of its database.

    Made in `base`, the folder of the tests of a process, or beside it for all the processes of a run: the first that
    asks makes it, and each copies it.
    """
    run = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    prepared, draft = run / "prepared", run / "draft"
    with (run / "prepared.lock").open("w") as lock:
        await asyncio.to_thread(fcntl.flock, lock, fcntl.LOCK_EX)
        if not prepared.exists():
            shutil.rmtree(draft, ignore_errors=True)  # left behind by one that failed or was killed
            async with EmbeddedPostgres(draft, configuration=CONFIGURATION) as postgres:
                await asyncio.to_thread(migrate, postgres.admin_url, LOGIN)
                with psycopg.connect(
                    postgres.url(ADMIN, "postgres"), autocommit=True, connect_timeout=CONNECT_TIMEOUT_S
                ) as connection:
                    connection.execute(f"CREATE DATABASE {TEMPLATE} TEMPLATE {DATABASE}".encode())
            (draft / "postgres").rename(prepared)
    await asyncio.to_thread(shutil.copytree, prepared, folder / "postgres")


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def servers(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Servers]:
    folder = tmp_path_factory.mktemp("servers")
    await copy_prepared(tmp_path_factory.getbasetemp(), folder)
    async with (
        EmbeddedPostgres(folder, configuration=CONFIGURATION) as postgres,
        EmbeddedNats(folder) as nats,
    ):
        yield Servers(postgres, nats)


@pytest.fixture(scope="module")
def database(servers: Servers) -> Iterator[Database]:
    with servers.database() as fresh:
        yield fresh


@pytest.fixture(scope="module")
def database_url(database: Database) -> str:
    return database.url


@pytest.fixture(scope="module")
def admin_url(database: Database) -> str:
    return database.admin_url


@pytest.fixture(scope="session")
def nats_url(servers: Servers) -> str:
    return servers.nats.url


@pytest.fixture(scope="session")
def clock_of_process() -> FakeClock:
    """What the applications of modules are given; tests take `clock`."""
    return FakeClock()


@pytest.fixture
def clock(clock_of_process: FakeClock) -> FakeClock:
    clock_of_process.begin_again()
    return clock_of_process
