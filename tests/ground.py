"""What tests that would each need a whole database stand on, one after another.

The database is emptied between them instead of being made anew, and connections to it stay open, with all that the
server has read and planned for them: together that is more work than most such tests are. Numbers that the database
gives go on, so that nothing which a process remembers of an earlier test can be taken for something of a later one.
"""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import procrastinate
import psycopg
import pytest_asyncio
from psycopg_pool import AsyncConnectionPool

from forecourt.platform.database import Pool, Role
from forecourt.platform.outward import Outward
from tests.conftest import Database

#: What a test may leave behind in the schema: nothing, by the number of things of each kind.
SCHEMA = b"""
    SELECT (SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace),
        (SELECT count(*) FROM pg_attribute JOIN pg_class c ON c.oid = attrelid
            WHERE relnamespace = 'public'::regnamespace AND NOT attisdropped),
        (SELECT count(*) FROM pg_proc WHERE pronamespace = 'public'::regnamespace),
        (SELECT count(*) FROM pg_constraint WHERE connamespace = 'public'::regnamespace),
        (SELECT count(*) FROM pg_trigger), (SELECT count(*) FROM pg_policy)
    """
#: Tables in which something was ever written.
USED = b"""
    SELECT oid::regclass::text FROM pg_class
    WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND pg_relation_size(oid) > 0
    """
#: Triggers that hold everybody, by table.
GUARDS = b"""
    SELECT tgrelid::regclass::text, array_agg(quote_ident(tgname)) FROM pg_trigger WHERE tgenabled = 'A' GROUP BY 1
    """
#: What the migrations themselves wrote down.
OF_MIGRATIONS = ("_yoyo_", "yoyo_")
#: Whoever holds up the emptying of the database has not ended with its test.
LOCK_TIMEOUT = "60s"


class Ground:
    """A database of a module and connections to it that stay open; `clear` it after each test."""

    def __init__(self, database: Database, nats_url: str) -> None:
        self.database, self.nats_url = database, nats_url
        self.admin = psycopg.connect(database.admin_url, autocommit=True)
        self._stack = AsyncExitStack()
        self._pools: dict[tuple[Role, int, str], Pool] = {}
        self._outward: dict[bool, Outward] = {}
        self._queue: AsyncConnectionPool[Any] | None = None
        self._schema = self.admin.execute(SCHEMA).fetchone()
        self._guards: dict[str, list[str]] = dict(self.admin.execute(GUARDS).fetchall())

    async def close(self) -> None:
        """Closes what was opened."""
        await self._stack.aclose()
        self.admin.close()

    async def pool(self, role: Role, size: int, application: str = "forecourt") -> Pool:
        """The pool of that role and size, of whoever names it so."""
        key = (role, size, application)
        if key not in self._pools:
            made = Pool(self.database.url, role, size=size, application=application)
            self._pools[key] = await self._stack.enter_async_context(made)
        return self._pools[key]

    async def outward(self, *, private: bool) -> Outward:
        """The way out, into private networks or not."""
        if private not in self._outward:
            self._outward[private] = await self._stack.enter_async_context(Outward(private=private))
        return self._outward[private]

    async def open(self, app: procrastinate.App) -> None:
        """Connects an application to the queue, as the first one did it; there is nothing to close."""
        if self._queue is None:
            await app.open_async()
            connector: Any = app.connector
            self._queue = connector.pool
            self._stack.push_async_callback(connector.pool.close)
        else:
            await app.open_async(self._queue)

    def clear(self) -> None:
        """Takes away all rows that a test wrote. Fails where it left something in the schema."""
        # No trigger keeps what may not be taken away, or asks for each row whether another one refers to it.
        said = ["SET LOCAL session_replication_role = replica", f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'"]
        for (table,) in self.admin.execute(USED).fetchall():
            if table in self._guards:
                said += self._taken(table, self._guards[table])
            elif not table.startswith(OF_MIGRATIONS):
                said.append(f"DELETE FROM ONLY {table}")
        with self.admin.transaction():
            self.admin.execute("; ".join(said).encode(), prepare=False)
        assert self.admin.execute(SCHEMA).fetchone() == self._schema, "a test left something behind in the schema"

    def _taken(self, table: str, guards: list[str]) -> list[str]:
        """How rows are taken away that nobody may take away, if there are any."""
        [(any_,)] = self.admin.execute(f"SELECT EXISTS (SELECT FROM {table})".encode()).fetchall()
        if not any_:
            return []
        said = [f"ALTER TABLE {table} {how} TRIGGER {name}" for how in ("DISABLE", "ENABLE ALWAYS") for name in guards]
        return [*said[: len(guards)], f"DELETE FROM ONLY {table}", *said[len(guards) :]]


@pytest_asyncio.fixture(scope="module")
async def ground(database: Database, nats_url: str) -> AsyncIterator[Ground]:
    made = Ground(database, nats_url)
    yield made
    await made.close()
