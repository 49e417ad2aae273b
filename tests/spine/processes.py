"""Forecourt's processes as they really run, to be frozen, killed and started again.

Every process started here dies with the test process, however that one ends: `tests.spine.forking` asks the kernel for
it.
"""

import asyncio
import contextlib
import os
import signal
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Self

import msgspec
import psycopg

from forecourt.platform.embedded.process import POLL_S
from forecourt.simulator.fleet import password
from forecourt.stations.model import password_hash
from tests.spine.forking import Forked
from tests.support import WAIT_S

CONNECT_TIMEOUT_S = 60
#: A probe may meet a server that was frozen with a lock in its hand.
PROBE_TIMEOUT_MS = 60_000
STOP_STEPS = ((signal.SIGTERM, 30.0),)
SECRET = "a secret of the deployment, for tests"
#: What the passwords of simulated stations are made from.
STATIONS_SECRET = "a secret of the stations, for tests"


async def until(condition: Callable[[], object], what: str, within_s: float = WAIT_S) -> None:
    """Waits until a condition holds; names what did not come about otherwise."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + within_s
    while not condition():
        assert loop.time() < deadline, f"it never came about that {what}"
        await asyncio.sleep(POLL_S)


class Program:
    """One process of Forecourt, as `forecourt up` starts it; but it is loaded once for all of them."""

    def __init__(self, arguments: list[str], env: dict[str, str], log: Path) -> None:
        self.name = log.stem
        #: Whether it was killed or told to end, and did not end by itself.
        self.asked_to_end = False
        self._command = arguments[0]
        self._child = Forked(arguments, log=log, env=env)

    @property
    def pid(self) -> int:
        return self._child.pid

    @property
    def running(self) -> bool:
        return self._child.running

    @property
    def returncode(self) -> int | None:
        return self._child.returncode

    async def start(self) -> None:
        """Starts it and waits until it says that it is ready."""
        await self._child.start()
        await until(lambda: self.said(f"{self._command} ready") or not self.running, f"{self.name} is ready")
        assert self.running, f"{self.name} ended while starting:\n{self._child.tail()}"

    def said(self, event: str) -> list[dict[str, Any]]:
        """The lines of its log about an event."""
        with contextlib.suppress(FileNotFoundError):
            lines = self._child.log.read_bytes().splitlines()
            decoded = (msgspec.json.decode(line) for line in lines if line.startswith(b"{") and line.endswith(b"}"))
            return [line for line in decoded if line.get("event") == event]
        return []

    def complaints(self) -> list[dict[str, Any]]:
        """What it logged as an error or worse."""
        lines = self._child.log.read_bytes().splitlines()
        decoded = (msgspec.json.decode(line) for line in lines if line.startswith(b"{") and line.endswith(b"}"))
        return [line for line in decoded if line.get("level") in ("error", "critical")]

    def tail(self) -> str:
        """The end of its log."""
        return self._child.tail()

    @property
    def gateway_id(self) -> str:
        """By which name a gateway stands in the directory."""
        [line] = self.said("gateway ready")
        return str(line["gateway"])

    async def freeze(self) -> None:
        """Stops it in the middle of whatever it does; returns when every thread stands still."""
        os.kill(self.pid, signal.SIGSTOP)
        async with asyncio.timeout(WAIT_S):
            while not stands_still(self.pid):
                await asyncio.sleep(0)

    def thaw(self) -> None:
        os.kill(self.pid, signal.SIGCONT)

    async def kill(self) -> None:
        """kill -9; nothing to do where it ended already."""
        if self.running:
            self.asked_to_end = True
            os.kill(self.pid, signal.SIGKILL)
        await asyncio.wait_for(self._child.wait(), WAIT_S)

    def terminate(self) -> None:
        """Asks it to end; `ended` waits for that."""
        self.asked_to_end = True
        os.kill(self.pid, signal.SIGTERM)

    async def ended(self) -> int:
        """Waits for its end; its exit code."""
        return await asyncio.wait_for(self._child.wait(), WAIT_S)

    async def stop(self) -> None:
        """Ends it, whatever state it is in."""
        if self.running:
            self.thaw()
        await self._child.stop(STOP_STEPS)


def stands_still(pid: int) -> bool:
    """Whether every thread of a process is stopped; those that end while we look are none of it any more."""
    states = []
    with contextlib.suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            with contextlib.suppress(OSError):
                stat = (task / "stat").read_text(encoding="utf-8", errors="replace")
                states.append(stat.rpartition(")")[2].split()[0])
    return all(state in "TZX" for state in states)


class Deployment:
    """Programs over one database and one bus, and SQL past row-level security. Leaving it ends every program."""

    def __init__(self, folder: Path, *, database_url: str, admin_url: str, nats_url: str) -> None:
        self.database_url = database_url
        self.nats_url = nats_url
        self._admin_url = admin_url
        self._folder = folder
        self._admin: psycopg.Connection[Any] | None = None
        #: Every program there ever was.
        self.programs: list[Program] = []

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_exc: object) -> None:
        await asyncio.gather(*(program.stop() for program in self.programs))
        if self._admin is not None:
            self._admin.close()

    # -- programs

    def program(self, *arguments: str, **settings: object) -> Program:
        """A program of this deployment, not started yet; `settings` by their names in lower case."""
        values: dict[str, object] = {
            "data_dir": self._folder,
            "database_url": self.database_url,
            "nats_url": self.nats_url,
            "secret_key": SECRET,
            "host": "127.0.0.1",
            **settings,
        }
        env = {name: value for name, value in os.environ.items() if not name.startswith("FORECOURT_")}
        env |= {f"FORECOURT_{name.upper()}": str(value) for name, value in values.items()}
        log = self._folder / "log" / f"{arguments[0]}-{len(self.programs)}.log"
        # Its connections to PostgreSQL bear its name where they have none of their own: the group commit's above all.
        program = Program(list(arguments), env | {"PYTHONUNBUFFERED": "1", "PGAPPNAME": log.stem}, log)
        self.programs.append(program)
        return program

    async def gateway(self, port: int) -> Program:
        """A gateway that takes connections on a port, which others may listen on too."""
        program = self.program("gateway", ocpp_port=port)
        await program.start()
        return program

    # -- the registry

    def tenant(self, name: str = "Org") -> int:
        """An organisation of that name, made if it is missing."""
        found = self.rows("SELECT tenant_id FROM organisations WHERE name = %s", name)
        if not found:
            found = self.rows("INSERT INTO organisations (name) VALUES (%s) RETURNING tenant_id", name)
        return int(found[0][0])

    def register(self, identities: Iterable[str]) -> None:
        """Stations with the passwords that the simulator gives them; gateways started later know them at once."""
        tenant_id = self.tenant()
        rows = [
            (tenant_id, identity, password_hash(SECRET.encode(), password(STATIONS_SECRET, identity)))
            for identity in identities
        ]
        with self.admin().cursor() as cursor:
            cursor.executemany(
                "INSERT INTO stations (tenant_id, identity, security_profile, password_hash) VALUES (%s, %s, 1, %s)",
                rows,
            )

    def accept_tokens(self, uids: Iterable[str]) -> None:
        """Tokens that may charge."""
        tenant_id = self.tenant()
        with self.admin().cursor() as cursor:
            cursor.executemany(
                "INSERT INTO tokens (tenant_id, uid_key, uid, type, status)"
                " VALUES (%s, lower(%s), %s, 'ISO14443', 'accepted') ON CONFLICT DO NOTHING",
                [(tenant_id, uid, uid) for uid in uids],
            )

    # -- the database as a superuser sees it

    def admin(self) -> psycopg.Connection[Any]:
        """A connection for looking, made anew when the server was killed under the last one."""
        if self._admin is None or self._admin.broken or self._admin.closed:
            self._admin = psycopg.connect(self._admin_url, autocommit=True, connect_timeout=CONNECT_TIMEOUT_S)
            self._admin.execute(f"SET statement_timeout = {PROBE_TIMEOUT_MS}".encode())
        return self._admin

    def lock(self, table: str) -> psycopg.Connection[Any]:
        """A connection that lets nobody write to a table until it is closed."""
        connection = psycopg.connect(self._admin_url, connect_timeout=CONNECT_TIMEOUT_S)
        connection.execute(f"LOCK TABLE {table} IN SHARE MODE".encode())
        return connection

    def rows(self, query: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """What a query returns; tried a second time when the connection turns out to be dead."""
        try:
            return self.admin().execute(query.encode(), parameters).fetchall()
        except psycopg.OperationalError:
            if self._admin is not None and not self._admin.broken:
                raise
            return self.admin().execute(query.encode(), parameters).fetchall()

    def places_of(self, text: str) -> set[str]:
        """Every table with a row that has a text in any of its columns, and every log that has it in a line."""
        tables = [
            name
            for (name,) in self.rows(
                "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')"
            )
        ]
        found = {
            name
            for name in tables
            if self.value(f'SELECT EXISTS (SELECT FROM "{name}" t WHERE strpos(t::text, %s) > 0)', text)
        }
        logs = (self._folder / "log").glob("*.log*")
        return found | {log.name for log in logs if text in log.read_text(encoding="utf-8", errors="replace")}

    def value(self, query: str, *parameters: Any) -> Any:
        """The one value that a query returns."""
        [[value]] = self.rows(query, *parameters)
        return value
