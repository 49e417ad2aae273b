"""Connections to PostgreSQL: a bounded pool whose every connection wears one role and sees one tenant at a time.

The application logs in as a member of several roles that can't see past row-level security; each process takes the one
role that its work needs. The tenant is set for one transaction only, so that a connection given back knows nobody.

Who may see some sites of a tenant only is limited for as long as their request runs (`limited_to`), so that no query of
any room has to remember it: each transaction begun inside tells PostgreSQL, whose policies hold the rows back.
"""

import asyncio
import os
import select
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from contextvars import ContextVar
from typing import Any, Literal, Self

import psycopg
from psycopg import AsyncConnection, sql
from psycopg.pq import TransactionStatus
from psycopg_pool import AsyncConnectionPool, PoolTimeout, TooManyRequests

from forecourt.platform.errors import ForecourtError

Role = Literal["forecourt_app", "forecourt_ingest", "forecourt_worker"]

CONNECT_TIMEOUT_S = 5
#: How long a caller waits for a free connection before it is told that the database is busy.
ACQUIRE_TIMEOUT_S = 5.0
#: Callers that may wait at once; beyond that the answer is immediate.
MAX_WAITING = 1000
#: A statement run this often on one connection is prepared by the server.
PREPARE_THRESHOLD = 5
#: Connections kept open while idle.
MIN_SIZE = 1
STATEMENT_TIMEOUT_MS = 30_000
#: How long a process that starts waits for a database that starts too.
START_PATIENCE_S = 60.0
START_RETRY_S = 0.5
IDLE_IN_TRANSACTION_TIMEOUT_MS = 60_000
#: A transaction that is not over by then is given up from this side, with its connection: a server that stands still
#: keeps no deadline of its own. Longer than those, so that it speaks only where they do not.
TRANSACTION_DEADLINE_S = 90.0
#: An unused connection beyond MIN_SIZE is closed after this long.
MAX_IDLE_S = 300.0
#: The longest pause between two tries to reach a lost server. The library would pause for half of the time that it was
#: away, and so long after its return nobody would be served.
RECONNECT_S = 1.0
#: Readings of what a server said to a connection that nobody used: its last words, and then the end.
MAX_READINGS = 8
#: A server that acknowledges a commit it may lose breaks the promise made to stations.
REQUIRED_ON = ("fsync", "synchronous_commit", "full_page_writes")


_sites: ContextVar[tuple[int, ...] | None] = ContextVar("sites", default=None)


@contextmanager
def limited_to(sites: tuple[int, ...] | None) -> Iterator[None]:
    """Transactions begun inside, by this task and those it starts, see these sites and all below them only.

    None: not limited. An empty limit sees no site at all.
    """
    token = _sites.set(sites)
    try:
        yield
    finally:
        _sites.reset(token)


class DatabaseBusy(ForecourtError):
    """The database is busy or away. Try again in a few seconds."""

    status = 503
    code = "database-busy"
    unsent = True


class StatementSwallowed(ForecourtError):
    """A statement of the transaction had failed, so nothing of it is kept."""

    code = "statement-swallowed"


class DatabaseUnsafe(ForecourtError):
    """The database is not safe to use. Correct what is named and start again."""

    code = "database-unsafe"


async def connect(url: str, role: Role | None = None, *, autocommit: bool = False) -> AsyncConnection[Any]:
    """Opens one connection outside any pool, wearing a role if one is named; raises DatabaseBusy if it can't."""
    try:
        connection = await AsyncConnection.connect(
            url, autocommit=autocommit, connect_timeout=CONNECT_TIMEOUT_S, prepare_threshold=PREPARE_THRESHOLD
        )
    except psycopg.OperationalError as fault:
        raise DatabaseBusy(f"PostgreSQL can't be reached: {_first_line(fault)}") from fault
    try:
        await _dress(connection, role)
    except BaseException:
        await connection.close()
        raise
    return connection


async def _dress(connection: AsyncConnection[Any], role: Role | None) -> None:
    """Takes the role for the whole life of the connection, and limits that keep a stuck caller from holding locks."""
    if role is not None:
        await connection.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(role)))
    await connection.execute(
        f"SET statement_timeout = {STATEMENT_TIMEOUT_MS};"
        f"SET idle_in_transaction_session_timeout = {IDLE_IN_TRANSACTION_TIMEOUT_MS};"
        "SET timezone = 'UTC'"
    )
    if not connection.autocommit:
        await connection.commit()


class Pool:
    """A bounded set of connections of one role. Open it with `async with`, or `open` and `close`."""

    def __init__(
        self, url: str, role: Role, *, size: int, application: str = "forecourt",
        acquire_timeout_s: float | None = None, deadline_s: float = TRANSACTION_DEADLINE_S,
    ) -> None:  # fmt: skip
        self._deadline_s = deadline_s
        self._acquire_timeout_s = ACQUIRE_TIMEOUT_S if acquire_timeout_s is None else acquire_timeout_s

        async def dress(connection: AsyncConnection[Any]) -> None:
            await _dress(connection, role)

        self._pool: AsyncConnectionPool[AsyncConnection[Any]] = AsyncConnectionPool(
            url,
            min_size=min(MIN_SIZE, size),
            max_size=size,
            open=False,
            configure=dress,
            name=application,
            timeout=self._acquire_timeout_s,
            max_waiting=MAX_WAITING,
            max_idle=MAX_IDLE_S,
            reconnect_timeout=RECONNECT_S,
            reconnect_failed=try_again,
            kwargs={
                # A transaction is begun here, with all that it is told first.
                "autocommit": True,
                "connect_timeout": CONNECT_TIMEOUT_S,
                "prepare_threshold": PREPARE_THRESHOLD,
                "application_name": application,
            },
        )
        self._inspection: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Starts the pool without waiting for the server, so that a process can start while the database is away."""
        await self._pool.open(wait=False)

    async def close(self) -> None:
        """Gives back every connection; those in use are closed when they return."""
        if self._inspection is not None:
            self._inspection.cancel()
        await self._pool.close(timeout=CONNECT_TIMEOUT_S)

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(self, *_exc: object) -> None:
        await self.close()

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[AsyncConnection[Any]]:
        """A bare connection, that commits each statement. Raises DatabaseBusy when none comes free in time."""
        connection = await self._acquired()
        try:
            yield connection
        finally:
            await self._pool.putconn(connection)

    async def _acquired(self) -> AsyncConnection[Any]:
        """A connection on which the server has not hung up while it was idle: those go back, to be replaced."""
        clock = asyncio.get_running_loop().time
        deadline = clock() + self._acquire_timeout_s
        while True:
            try:
                connection = await self._pool.getconn(timeout=deadline - clock())
            except (PoolTimeout, TooManyRequests) as fault:
                raise DatabaseBusy from fault
            if not _hung_up(connection):
                return connection
            await self._pool.putconn(connection)

    @asynccontextmanager
    async def tenant(self, tenant_id: int, *, person_id: int | None = None) -> AsyncIterator[AsyncConnection[Any]]:
        """One connection, one transaction, one tenant's rows; commits on leaving, rolls back on an error.

        Raises StatementSwallowed on leaving after a statement that failed, for then nothing is kept: what may fail goes
        into a `transaction()` of the connection, within this one, which can fail alone.

        With a person, also what is that person's own. Held by the limit of `limited_to`.
        """
        begin = _begin_as(tenant_id, person_id)
        async with self._connection() as connection, self._transaction(connection, begin):
            yield connection

    @asynccontextmanager
    async def person(self, person_id: int) -> AsyncIterator[AsyncConnection[Any]]:
        """As `tenant`, before an organisation is chosen: what is a person's own, in whichever organisation."""
        begin = _begin_as(None, person_id)
        async with self._connection() as connection, self._transaction(connection, begin):
            yield connection

    @asynccontextmanager
    async def anyone(self) -> AsyncIterator[AsyncConnection[Any]]:
        """One transaction without a tenant: sees no tenant's rows, only the lookup functions made for it."""
        async with self._connection() as connection, self._transaction(connection, b"BEGIN"):
            yield connection

    @asynccontextmanager
    async def _transaction(self, connection: AsyncConnection[Any], begin: bytes) -> AsyncIterator[None]:
        """A transaction that tells a lost connection from a wrong statement: the first is DatabaseBusy, and so is one
        that takes longer than the pool's deadline. PostgreSQL answers a COMMIT after a failed statement by rolling back
        without an error, so that is told here. `begin`: the statements that begin it, in one round trip.

        One lost connection usually means a restarted server, so the idle ones are asked before they are lent out: a
        server may have gone without hanging up.
        """
        alarm = asyncio.get_running_loop().call_later(self._deadline_s, _cut, connection)
        try:
            try:
                await connection.execute(begin, prepare=False)
                yield
                if connection.info.transaction_status is TransactionStatus.INERROR:
                    raise StatementSwallowed
            except BaseException:
                # A lost connection has nothing to roll back, and what was lost with it is told by what is raised.
                with suppress(psycopg.Error):
                    await connection.rollback()
                raise
            await connection.commit()
        except psycopg.OperationalError as fault:
            if not connection.broken:
                raise
            if self._inspection is None or self._inspection.done():
                self._inspection = asyncio.create_task(self._pool.check())
            raise DatabaseBusy from fault
        finally:
            alarm.cancel()


async def try_again(pool: AsyncConnectionPool[Any]) -> None:
    """For a pool that gave a lost server up after RECONNECT_S: it begins anew at once."""
    await pool.check()


async def check_heard(connection: AsyncConnection[Any]) -> None:
    """For a pool of others: raises psycopg.OperationalError for a connection on which the server has hung up."""
    if _hung_up(connection):
        raise psycopg.OperationalError("the server has ended the connection")


def _hung_up(connection: AsyncConnection[Any]) -> bool:
    """Whether the server ended a connection that nobody used, as one does that stops or is killed.

    An idle server is silent, so this is one look at the socket and no round trip. It tells nothing of a server that
    went without a word, such as one behind a broken network.
    """
    look = select.poll()
    try:
        look.register(connection.pgconn.socket, select.POLLIN)
        for _ in range(MAX_READINGS):
            if not look.poll(0):
                break
            connection.pgconn.consume_input()
    except psycopg.OperationalError:
        return True
    return False


def _cut(connection: AsyncConnection[Any]) -> None:
    """End a connection under a transaction that waits for its server: it fails at once, as if the server had gone.

    Cancelling the wait instead would have the driver ask the server to cancel, and wait for that.
    """
    with suppress(psycopg.Error, OSError), socket.socket(fileno=os.dup(connection.pgconn.socket)) as line:
        line.shutdown(socket.SHUT_RDWR)


def _begin_as(tenant_id: int | None, person_id: int | None) -> bytes:
    """Begins a transaction and says whose rows it may see; PostgreSQL forgets that when it ends.

    Text and no parameters: so they go together, and each is a number or a list of numbers.
    """
    sites = _sites.get()
    tenant = "" if tenant_id is None else f"{tenant_id:d}"
    person = "" if person_id is None else f"{person_id:d}"
    limit = "" if sites is None else "{" + ",".join(f"{site:d}" for site in sites) + "}"
    return (
        f"BEGIN; SET LOCAL forecourt.tenant = '{tenant}'; SET LOCAL forecourt.person = '{person}';"
        f" SET LOCAL forecourt.sites = '{limit}'"
    ).encode("ascii")


async def check_safe(connection: AsyncConnection[Any]) -> None:
    """Raises DatabaseUnsafe unless a commit survives a power cut and this role is held by row-level security."""
    for name in REQUIRED_ON:
        row = await (await connection.execute("SELECT current_setting(%s)", (name,))).fetchone()
        if row is None or row[0] == "off":
            raise DatabaseUnsafe(
                f"PostgreSQL runs with {name} off: it would lose what stations were told is stored. Turn it on."
            )
    row = await (
        await connection.execute(
            "SELECT rolname, rolsuper OR rolbypassrls FROM pg_roles WHERE rolname IN (current_user, session_user)"
            " AND (rolsuper OR rolbypassrls) LIMIT 1"
        )
    ).fetchone()
    if row is not None:
        raise DatabaseUnsafe(
            f"The database role {row[0]} passes row-level security by: tenants would see each other."
            " Let FORECOURT_DATABASE_URL name an ordinary role, and FORECOURT_MIGRATE_URL the owner of the tables."
        )


async def wait_until_safe(url: str, role: Role) -> None:
    """Returns once the database answers and is safe to use in this role.

    Raises DatabaseBusy when it does not answer within START_PATIENCE_S, DatabaseUnsafe at once.
    """
    deadline = asyncio.get_running_loop().time() + START_PATIENCE_S
    while True:
        try:
            connection = await connect(url, role)
            break
        except DatabaseBusy:
            if asyncio.get_running_loop().time() >= deadline:
                raise
            await asyncio.sleep(START_RETRY_S)
    try:
        await check_safe(connection)
    finally:
        await connection.close()


def _first_line(fault: Exception) -> str:
    return str(fault).partition("\n")[0]
