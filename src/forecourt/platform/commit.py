"""Group commit: what many senders want stored goes to PostgreSQL in one transaction, and each is told after COMMIT.

Batches form by themselves: whatever gathered while the last commit ran is the next one, so an idle system answers at
the speed of one commit and a busy one pays for a commit once in hundreds of messages. PostgreSQL refuses COPY into
tables under row-level security, so rows travel as parameters: an array of rows for each lane, which prepared set-based
statements unnest and merge. The whole transaction is one round trip.

A batch that fails for what is in it is cut in halves until the offender stands alone; that one is quarantined and
the rest is stored. A batch that fails because the database is away waits and is tried again: every merge is
idempotent, so a commit whose outcome was never learned is repeated safely.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from enum import Enum
from itertools import count
from typing import Any

import psycopg
import structlog
from msgspec import Struct
from psycopg import AsyncConnection, errors

from forecourt.platform import packrow
from forecourt.platform.database import DatabaseBusy
from forecourt.platform.pipeline import Pipeline, Statement

log = structlog.get_logger(__name__)

#: Writes in one transaction at the most; more wait for the next.
MAX_BATCH = 4_000
#: Bytes of rows in one transaction at the most, unless one write alone has more: the server holds them in memory.
MAX_BATCH_BYTES = 16 << 20
#: How long a write nobody waits for may lie before it causes a commit of its own.
PATIENT_WAIT_S = 0.2
#: Writes nobody waits for that are kept while the database is away; beyond, new ones are dropped and counted.
MAX_PATIENT = 50_000
#: Bytes of them: whichever bound is met first.
MAX_PATIENT_BYTES = 64 << 20
#: One transaction's deadline; past it the connection is given up and the batch repeated on a new one.
COMMIT_DEADLINE_S = 20.0
CONNECT_DEADLINE_S = 5.0
RETRY_FIRST_S = 0.05
RETRY_MOST_S = 2.0

_numbers = count(1)

#: Failures for which a row can be at fault; psycopg files the last three under OperationalError. Whatever else goes
#: wrong (no connection, no disk, no privilege, a deadlock) says nothing about the rows: the batch is repeated whole.
_ROW_FAULTS = (
    psycopg.DataError,
    psycopg.IntegrityError,
    errors.ProgramLimitExceeded,
    errors.StatementTooComplex,
    errors.TooManyColumns,
    errors.CardinalityViolation,
)
#: Another transaction stood in the way: this one is repeated at once, the database being well.
_CONTENTION = (errors.DeadlockDetected, errors.SerializationFailure, errors.LockNotAvailable)
_FAULTS = (psycopg.Error, OSError, TimeoutError, DatabaseBusy)


class Lane(Struct, frozen=True, kw_only=True):
    """One kind of row: its columns and which statements merge it.

    `columns` are "name type". `merge` are statements over the batch's rows, which they see as a table
    `stage_<name>`; they go through it in the order of its key, so that two gateways lock in one order. `answer` is a
    SELECT over it whose first column is the write's number; it sees what all merges of the batch have done.
    """

    name: str
    columns: tuple[str, ...]
    merge: tuple[str, ...] = ()
    answer: str | None = None


class Outcome(Enum):
    """What became of a write."""

    STORED = "stored"
    QUARANTINED = "quarantined"


class Write:
    """What one message wants stored: rows by lane, and whom to tell.

    `key` keeps two writes of one subject out of the same batch, so no statement meets a row twice. `raw` is what
    quarantine keeps. `answers` holds, after STORED, the row each answering lane returned, without its number.
    """

    __slots__ = ("answers", "done", "key", "number", "raw", "rows", "size", "subject")

    def __init__(self, key: int | None = None, raw: bytes = b"", subject: Any = None) -> None:
        self.number = next(_numbers)
        self.key = key
        self.raw = raw
        self.subject = subject
        self.rows: list[tuple[str, bytes]] = []
        self.size = 0
        self.answers: dict[str, tuple[Any, ...]] = {}
        self.done: Callable[[Write, Outcome], None] | None = None

    def add(self, lane: str, row: bytes) -> None:
        """Put one packed row on a lane."""
        self.rows.append((lane, row))
        self.size += len(row)


class _Prepared(Struct, frozen=True, kw_only=True):
    """What a connection knows of a lane, once a row came on it: the number of the type of rows, and the statements."""

    row_type: int
    merge: tuple[Statement, ...]
    answer: Statement | None


_BEGIN = Statement(name=b"begin", query=b"BEGIN")
_COMMIT = Statement(name=b"commit", query=b"COMMIT")

Connect = Callable[[], Awaitable[AsyncConnection[Any]]]
Quarantine = Callable[[AsyncConnection[Any], Write, str], Awaitable[None]]


class GroupCommit:
    """Owns one connection and the transaction. Nothing else writes through that connection."""

    def __init__(self, connect: Connect, lanes: tuple[Lane, ...], quarantine: Quarantine) -> None:
        self._connect = connect
        self._lanes = {lane.name: lane for lane in lanes}
        self._quarantine = quarantine
        self._waiting: list[Write] = []
        self._patient = 0
        self._patient_bytes = 0
        self._wake = asyncio.Event()
        self._alarm: asyncio.TimerHandle | None = None
        self._connection: AsyncConnection[Any] | None = None
        self._pipeline: Pipeline | None = None
        self._prepared: dict[str, _Prepared] = {}
        self._busy = False
        #: Writes dropped because nobody waited for them and the database was away too long.
        self.dropped = 0
        #: Commits made, writes stored and writes quarantined since start.
        self.commits = 0
        self.stored = 0
        self.quarantined = 0
        #: Monotonic time since which PostgreSQL could not be reached; None while it answers.
        self.away_since: float | None = None

    @property
    def idle(self) -> bool:
        """Nothing waits and nothing is being written."""
        return not self._busy and not self._waiting

    @property
    def waiting(self) -> int:
        """How many writes wait for the next batch."""
        return len(self._waiting)

    def submit(self, write: Write) -> None:
        """Store soon; `write.done` is called after COMMIT (or quarantine), never before, from the event loop."""
        self._waiting.append(write)
        self._wake.set()

    def submit_patiently(self, write: Write) -> None:
        """Store with the next batch, or within PATIENT_WAIT_S. For what no one is told about, the log above all."""
        if self._patient >= MAX_PATIENT or self._patient_bytes >= MAX_PATIENT_BYTES:
            self.dropped += 1
            return
        self._patient += 1
        self._patient_bytes += write.size
        self._waiting.append(write)
        if self._alarm is None and not self._wake.is_set():
            self._alarm = asyncio.get_running_loop().call_later(PATIENT_WAIT_S, self._wake.set)

    async def run(self) -> None:
        """Commit batches until cancelled. A cancellation abandons what is not yet answered; nothing was promised."""
        try:
            while True:
                await self._wake.wait()
                self._wake.clear()
                if self._alarm is not None:
                    self._alarm.cancel()
                    self._alarm = None
                while batch := self._take():
                    self._busy = True
                    await self._store(batch)
                    self._busy = False
        finally:
            if self._connection is not None:
                await self._connection.close()

    def _take(self) -> list[Write]:
        """The next batch: in order of arrival, one write a key."""
        waiting = self._waiting
        keys: set[int] = set()
        size = 0
        batch: list[Write] = []
        rest: list[Write] = []
        for write in waiting:
            key = write.key
            full = len(batch) >= MAX_BATCH or (size + write.size > MAX_BATCH_BYTES and len(batch) > 0)
            if full or (key is not None and key in keys):
                rest.append(write)
                # Later writes of the same key must not overtake it.
                if key is not None:
                    keys.add(key)
                continue
            if key is not None:
                keys.add(key)
            batch.append(write)
            size += write.size
        self._waiting = rest
        self._patient = 0 if not rest else min(self._patient, len(rest))
        self._patient_bytes = 0 if not rest else min(self._patient_bytes, sum([write.size for write in rest]))
        return batch

    async def _store(self, batch: list[Write]) -> None:
        """Write a batch for good: repeat while the database is away, cut in halves when the rows are at fault."""
        delay = RETRY_FIRST_S
        while True:
            try:
                await asyncio.wait_for(self._transact(batch), COMMIT_DEADLINE_S)
            except _ROW_FAULTS as fault:
                await self._isolate(batch, fault)
                return
            except _CONTENTION as fault:
                log.info("a batch met another transaction and is repeated", fault=type(fault).__name__)
                await asyncio.sleep(delay)
            except _FAULTS as fault:
                await self._lost(fault)
                await asyncio.sleep(delay)
                delay = min(delay * 2, RETRY_MOST_S)
            else:
                self.away_since = None
                self.commits += 1
                self.stored += len(batch)
                self._tell(batch, Outcome.STORED)
                return

    async def _lost(self, fault: BaseException) -> None:
        if self.away_since is None:
            self.away_since = asyncio.get_running_loop().time()
            log.warning("database away, answers wait", fault=type(fault).__name__, detail=str(fault).strip())
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()

    async def _isolate(self, batch: list[Write], fault: psycopg.Error) -> None:
        if len(batch) > 1:
            middle = len(batch) // 2
            await self._store(batch[:middle])
            await self._store(batch[middle:])
            return
        [write] = batch
        log.error("a message could not be stored and is quarantined", fault=type(fault).__name__, detail=str(fault))
        delay = RETRY_FIRST_S
        while True:
            try:
                await self._quarantine(await self._ready(), write, f"{type(fault).__name__}: {fault}")
                break
            except _FAULTS as away:
                await self._lost(away)
                await asyncio.sleep(delay)
                delay = min(delay * 2, RETRY_MOST_S)
        self.away_since = None
        self.quarantined += 1
        self._tell(batch, Outcome.QUARANTINED)

    def _tell(self, batch: list[Write], outcome: Outcome) -> None:
        for write in batch:
            # Taken off, because what is told usually holds the write: a cycle that only the collector would free.
            done, write.done = write.done, None
            if done is None:
                continue
            try:
                done(write, outcome)
            except Exception:
                # One sender's answer must not keep the others from theirs.
                log.exception("an answer after commit failed")

    async def _ready(self, lanes: Iterable[str] = ()) -> AsyncConnection[Any]:
        """A connection that knows these lanes. It is told of each when first a row comes on it: of most, many a
        connection never hears."""
        if self._connection is None or self._connection.closed:
            self._prepared = {}
            self._connection = await asyncio.wait_for(self._connect(), CONNECT_DEADLINE_S)
            self._pipeline = Pipeline(self._connection)
            # A plan made for the rows of one batch would be planned anew for the next.
            await self._connection.execute("SET plan_cache_mode = force_generic_plan")
            await self._pipeline.prepare([_BEGIN, _COMMIT])
        unknown = [self._lanes[name] for name in lanes if name not in self._prepared]
        if unknown:
            assert self._pipeline is not None
            prepared = await _prepared(self._connection, unknown)
            await self._pipeline.prepare(_statements(prepared.values()))
            self._prepared |= prepared
        return self._connection

    async def _transact(self, batch: list[Write]) -> None:
        rows = self._rows(batch)
        connection = await self._ready(rows)
        try:
            await self._merge(batch, rows)
        except (*_ROW_FAULTS, *_CONTENTION):
            await connection.execute("ROLLBACK")
            raise

    def _rows(self, batch: list[Write]) -> dict[str, list[bytes]]:
        """The rows of a batch by lane, in the order of lanes."""
        rows: dict[str, list[bytes]] = {}
        for write in batch:
            for name, row in write.rows:
                if name in rows:
                    rows[name].append(row)
                else:
                    rows[name] = [row]
        return {name: rows[name] for name in self._lanes if name in rows}

    async def _merge(self, batch: list[Write], rows: dict[str, list[bytes]]) -> None:
        """One transaction in one round trip: the merges of all lanes used, then what they answer, then COMMIT."""
        if not rows:
            return
        used = {name: self._prepared[name] for name in rows}
        packed = {name: packrow.array(prepared.row_type, rows[name]) for name, prepared in used.items()}
        merges = [(statement, packed[name]) for name, prepared in used.items() for statement in prepared.merge]
        answers = [(name, prepared.answer) for name, prepared in used.items() if prepared.answer is not None]
        questions = [(statement, packed[name]) for name, statement in answers]
        assert self._pipeline is not None
        results = await self._pipeline.run([(_BEGIN, None), *merges, *questions, (_COMMIT, None)])
        if answers:
            by_number = {write.number: write for write in batch}
            for (name, _), answered in zip(answers, results[1 + len(merges) : -1], strict=True):
                for number, *values in answered:
                    by_number[number].answers[name] = tuple(values)


async def _prepared(connection: AsyncConnection[Any], lanes: Sequence[Lane]) -> dict[str, _Prepared]:
    """Tell this connection, and only this one, what rows of lanes are; the statements are yet to be prepared."""
    types = [f"pg_temp.row_{lane.name}" for lane in lanes]
    made = [f"CREATE TYPE {name} AS ({', '.join(lane.columns)})" for name, lane in zip(types, lanes, strict=True)]
    await connection.execute("; ".join(made).encode())
    cursor = await connection.execute(
        "SELECT each::regtype::oid::int8, (each || '[]')::regtype::oid::int8"
        " FROM unnest(%s::text[]) WITH ORDINALITY AS n (each, place) ORDER BY place",
        (types,),
    )
    return {
        lane.name: _prepared_lane(lane, number, array_number)
        for lane, (number, array_number) in zip(lanes, await cursor.fetchall(), strict=True)
    }


def _prepared_lane(lane: Lane, number: int, array_number: int) -> _Prepared:
    def over_rows(statement: str, part: str) -> Statement:
        query = f"WITH stage_{lane.name} AS (SELECT * FROM unnest($1)) {statement}"  # noqa: S608  lanes are constants
        return Statement(name=f"{lane.name} {part}".encode(), query=query.encode(), parameter_type=array_number)

    return _Prepared(
        row_type=number,
        merge=tuple(over_rows(statement, f"merge {part}") for part, statement in enumerate(lane.merge)),
        answer=None if lane.answer is None else over_rows(lane.answer, "answer"),
    )


def _statements(prepared: Collection[_Prepared]) -> list[Statement]:
    answers = [lane.answer for lane in prepared if lane.answer is not None]
    return [statement for lane in prepared for statement in lane.merge] + answers
