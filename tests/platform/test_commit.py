"""Group commit against a real PostgreSQL: what is one transaction, what is set aside, and who is told when."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
import pytest_asyncio
from psycopg import AsyncConnection, sql

from forecourt.platform import packrow
from forecourt.platform.commit import MAX_BATCH, MAX_BATCH_BYTES, MAX_PATIENT, GroupCommit, Lane, Outcome, Write
from forecourt.platform.database import connect
from tests.conftest import Database, Servers
from tests.support import WAIT_S

KEPT = Lane(
    name="kept",
    columns=("number bigint", "key int", "word text"),
    merge=("INSERT INTO kept (number, key, word) SELECT number, key, word FROM stage_kept ORDER BY number",),
    answer="SELECT number, upper(word), key FROM stage_kept",
)
TABLES = """
    CREATE TABLE kept (number bigint PRIMARY KEY, key int, word text CHECK (word <> 'poison'),
        transaction xid8 DEFAULT pg_current_xact_id());
    CREATE TABLE set_aside (raw text, error text);
    """


class Bench:
    """A group commit at work, who was told what, and a superuser's view of the database."""

    def __init__(self, database: Database, servers_url: str) -> None:
        self._url = database.admin_url
        self._name = database.admin_url.partition("@/")[2].partition("?")[0]
        self.server = psycopg.connect(servers_url, autocommit=True)
        self.admin = psycopg.connect(self._url, autocommit=True)
        self.admin.execute(TABLES.encode())
        self.told: list[tuple[str, Outcome]] = []
        #: Called with each write that is set aside, before it is.
        self.on_quarantine: Callable[[], None] = lambda: None
        self.commit = GroupCommit(self._connect, (KEPT,), self._quarantine)

    async def _connect(self) -> AsyncConnection[Any]:
        return await connect(self._url, autocommit=True)

    async def _quarantine(self, connection: AsyncConnection[Any], write: Write, error: str) -> None:
        self.on_quarantine()
        await connection.execute("INSERT INTO set_aside VALUES (%s, %s)", (write.raw.decode(), error))

    def write(self, word: str, key: int | None = None, *, raw: bytes | None = None) -> Write:
        """A write of one row, that notes what it is told."""
        write = Write(key=key, raw=word.encode())
        packed = packrow.text(word) if raw is None else packrow.raw(raw)
        write.add(KEPT.name, packrow.row(packrow.int8(write.number), packrow.int4(key), packed))
        write.done = lambda _, outcome: self.told.append((word, outcome))
        return write

    def submit(self, *words: str, key: int | None = None) -> None:
        for word in words:
            self.commit.submit(self.write(word, key))

    def rows(self, query: str, *parameters: Any) -> list[tuple[Any, ...]]:
        return self.admin.execute(query.encode(), parameters).fetchall()

    async def until(self, condition: Callable[[], object], what: str) -> None:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + WAIT_S
        while not condition():
            assert loop.time() < deadline, f"it never came about that {what}"
            await asyncio.sleep(0.005)

    async def until_told(self, count: int) -> None:
        await self.until(lambda: len(self.told) >= count and self.commit.idle, f"{count} were told")

    @contextmanager
    def held_up(self) -> Iterator[None]:
        """Nobody can write to the table."""
        with psycopg.connect(self._url) as blocker:
            blocker.execute("LOCK TABLE kept IN ACCESS EXCLUSIVE MODE")
            yield

    async def until_held_up(self) -> None:
        """A batch is on its way and waits for the one who holds the table."""
        waits = "SELECT count(*) FROM pg_stat_activity WHERE datname = %s AND wait_event_type = 'Lock'"
        await self.until(lambda: self.rows(waits, self._name) == [(1,)], "a batch waits for the table")

    def go_away(self) -> None:
        """PostgreSQL ends the connections to this database and refuses new ones."""
        self.server.execute(sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS false").format(sql.Identifier(self._name)))
        self.cut()

    def cut(self) -> None:
        """PostgreSQL ends the connections to this database."""
        self.server.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (self._name,))

    def come_back(self) -> None:
        self.server.execute(sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS true").format(sql.Identifier(self._name)))
        self.admin = psycopg.connect(self._url, autocommit=True)


@pytest_asyncio.fixture
async def bench(servers: Servers) -> AsyncIterator[Bench]:
    with servers.empty_database() as database:
        bench = Bench(database, servers.postgres.admin_url)
        running = asyncio.create_task(bench.commit.run())
        yield bench
        assert not running.done(), "the group commit ended by itself"
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        bench.admin.close()
        bench.server.close()


async def test_what_gathers_while_a_commit_runs_is_one_transaction(bench: Bench) -> None:
    with bench.held_up():
        bench.submit("first")
        await bench.until_held_up()
        bench.submit(*(f"later {number}" for number in range(50)))
        assert bench.told == []
    await bench.until_told(51)
    assert {outcome for _, outcome in bench.told} == {Outcome.STORED}
    assert bench.rows("SELECT count(*) FROM kept GROUP BY transaction ORDER BY transaction") == [(1,), (50,)]
    assert (bench.commit.commits, bench.commit.stored) == (2, 51)


async def test_each_write_gets_the_answers_to_its_own_rows(bench: Bench) -> None:
    writes = [bench.write(f"word {number}", number) for number in range(20)]
    for write in writes:
        bench.commit.submit(write)
    await bench.until_told(20)
    assert [write.answers for write in writes] == [{"kept": (f"WORD {number}", number)} for number in range(20)]


async def test_two_writes_of_one_key_are_never_in_one_batch_and_keep_their_order(bench: Bench) -> None:
    with bench.held_up():
        bench.submit("first")
        await bench.until_held_up()
        for turn in range(4):
            bench.submit(f"a{turn}", key=1)
            bench.submit(f"b{turn}", key=2)
            bench.submit(f"none {turn}")
    await bench.until_told(13)
    for key, name in ((1, "a"), (2, "b")):
        stored = bench.rows("SELECT word FROM kept WHERE key = %s ORDER BY transaction", key)
        assert stored == [(f"{name}{turn}",) for turn in range(4)]
        assert bench.rows("SELECT count(DISTINCT transaction) FROM kept WHERE key = %s", key) == [(4,)]
    # What has no key needs not wait: all of it went with the first batch behind.
    assert bench.rows("SELECT count(DISTINCT transaction) FROM kept WHERE word LIKE 'none%%'") == [(1,)]
    assert bench.commit.commits == 5


async def test_a_batch_has_a_bound(bench: Bench) -> None:
    with bench.held_up():
        bench.submit("first")
        await bench.until_held_up()
        bench.submit(*(f"w{number}" for number in range(MAX_BATCH + 1)))
    await bench.until_told(MAX_BATCH + 2)
    sizes = bench.rows("SELECT count(*) FROM kept GROUP BY transaction ORDER BY transaction")
    assert sizes == [(1,), (MAX_BATCH,), (1,)]


async def test_a_write_too_large_for_a_batch_is_not_overtaken_by_later_ones_of_its_key(bench: Bench) -> None:
    large = "x" * (MAX_BATCH_BYTES * 2 // 3)
    with bench.held_up():
        bench.submit("first")
        await bench.until_held_up()
        bench.submit("a" + large)
        bench.submit("b" + large, "small", key=1)
    await bench.until_told(4)
    stored = bench.rows("SELECT left(word, 1), length(word) FROM kept ORDER BY transaction")
    assert stored == [("f", 5), ("a", 1 + len(large)), ("b", 1 + len(large)), ("s", 5)]


@pytest.mark.parametrize("raw", [b"poison", b"not \xff UTF-8", b"zero \0 byte"], ids=["check", "encoding", "zero"])
async def test_a_row_that_can_not_be_stored_is_set_aside_alone_and_all_others_are_stored(
    bench: Bench, raw: bytes
) -> None:
    with bench.held_up():
        bench.submit("first")
        await bench.until_held_up()
        for number in range(64):
            offends = number in (13, 14, 50)
            bench.commit.submit(bench.write(f"w{number}", raw=raw if offends else None))
    await bench.until_told(65)
    outcomes = dict(bench.told)
    offenders = {"w13", "w14", "w50"}
    assert len(bench.told) == len(outcomes) == 65
    assert {word for word, outcome in outcomes.items() if outcome is Outcome.QUARANTINED} == offenders
    assert {word for (word,) in bench.rows("SELECT word FROM kept")} == outcomes.keys() - offenders
    aside = bench.rows("SELECT raw, error FROM set_aside")
    assert {word for word, _ in aside} == offenders
    assert len(aside) == 3
    assert all(error.partition(":")[0].isidentifier() for _, error in aside)
    assert (bench.commit.stored, bench.commit.quarantined) == (62, 3)


async def test_while_the_database_is_away_writes_wait_and_each_is_told_once_when_it_is_back(bench: Bench) -> None:
    bench.submit("before")
    await bench.until_told(1)
    bench.go_away()
    bench.submit(*(f"w{number}" for number in range(20)), key=None)
    await bench.until(lambda: bench.commit.away_since is not None, "it is missed")
    bench.submit("during")
    assert [word for word, _ in bench.told] == ["before"]
    assert not bench.commit.idle
    bench.come_back()
    await bench.until_told(22)
    assert bench.commit.away_since is None
    assert Counter(bench.told) == Counter(
        (word, Outcome.STORED) for word in ("before", "during", *(f"w{number}" for number in range(20)))
    )
    assert bench.rows("SELECT count(*), count(DISTINCT word) FROM kept") == [(22, 22)]


async def test_a_batch_whose_connection_is_lost_is_stored_once_on_another(bench: Bench) -> None:
    with bench.held_up():
        bench.submit(*(f"w{number}" for number in range(10)))
        await bench.until_held_up()
        bench.server.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
        await bench.until(lambda: bench.commit.away_since is not None, "it is missed")
        assert bench.told == []
    await bench.until_told(10)
    assert Counter(bench.told).most_common(1)[0][1] == 1
    assert bench.rows("SELECT count(*) FROM kept") == [(10,)]


async def test_a_message_is_set_aside_once_even_if_the_database_goes_away_just_then(bench: Bench) -> None:
    cuts = [bench.cut]

    def cut_once() -> None:
        if cuts:
            cuts.pop()()

    bench.on_quarantine = cut_once
    bench.submit("poison")
    await bench.until_told(1)
    assert bench.told == [("poison", Outcome.QUARANTINED)]
    bench.come_back()
    assert bench.rows("SELECT raw FROM set_aside") == [("poison",)]
    # The database answers: nobody must be turned away because of it.
    assert bench.commit.away_since is None


async def test_a_failure_in_one_senders_answer_keeps_no_other_from_theirs(bench: Bench) -> None:
    def fail(_: Write, outcome: Outcome) -> None:
        raise ValueError("this sender can't take its answer")

    with bench.held_up():
        bench.submit("first")
        await bench.until_held_up()
        bench.submit("one")
        broken = bench.write("broken")
        broken.done = fail
        bench.commit.submit(broken)
        bench.submit("other")
    await bench.until_told(3)
    bench.submit("later")
    await bench.until_told(4)
    assert [word for word, _ in bench.told] == ["first", "one", "other", "later"]
    assert bench.rows("SELECT count(*) FROM kept") == [(5,)]


async def test_what_nobody_waits_for_is_stored_in_its_time_and_bounded_while_the_database_is_away(
    bench: Bench,
) -> None:
    bench.commit.submit_patiently(bench.write("alone"))
    await bench.until_told(1)
    bench.go_away()
    bench.submit("missed")
    await bench.until(lambda: bench.commit.away_since is not None, "it is missed")
    for number in range(MAX_PATIENT + 10):
        bench.commit.submit_patiently(bench.write(f"log {number}"))
    assert bench.commit.dropped == 10
    bench.submit("waits")
    bench.come_back()
    await bench.until_told(MAX_PATIENT + 3)
    assert bench.rows("SELECT count(*) FROM kept WHERE word LIKE 'log%%'") == [(MAX_PATIENT,)]
    assert bench.commit.dropped == 10
    # There is room again.
    bench.commit.submit_patiently(bench.write("after"))
    await bench.until_told(MAX_PATIENT + 4)
