"""The merge in SQL is the join of the model: whatever stations say, however it is batched, by one gateway or by two.

Each report takes the way it takes in a gateway: the verb, the group commit with its staging tables, PostgreSQL. Only
the socket is missing.
"""

import asyncio
import itertools
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from random import Random
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from psycopg import AsyncConnection

from forecourt.ocpp.neutral import Answer, TransactionAnswer, TransactionReport
from forecourt.platform import database as databases
from forecourt.platform.bus import Bus
from forecourt.platform.commit import GroupCommit, Outcome, Write
from forecourt.platform.live import LiveFeed
from forecourt.sessions.lanes import LANES as SESSION_LANES
from forecourt.sessions.model import Session, plausible
from forecourt.sessions.service import Sessions
from forecourt.stations.gateway.inbound import Inbound
from forecourt.stations.gateway.lanes import LANES as STATION_LANES
from forecourt.stations.gateway.reports import StationReports
from forecourt.stations.gateway.server import quarantine
from forecourt.stations.gateway.station import Station
from tests.conftest import Database
from tests.sessions.histories import Said, arrivals, histories_2x, histories_16, starts_16
from tests.support import FakeClock

TENANT = 1
WAIT_S = 30.0
#: What PostgreSQL must agree with the model on.
FACTS = tuple(
    field for field in Session.__struct_fields__ if field not in ("station_id", "transaction_id", "session_id")
)


class Writer:
    """What a gateway puts between its sockets and PostgreSQL."""

    def __init__(self, commit: GroupCommit, sessions: Sessions) -> None:
        self.commit = commit
        self.sessions = sessions

    async def say(self, station: Station, said: Said) -> Answer:
        """Hand a report in and wait for the answer, as a station does."""
        report, arrived = said
        write = Write(key=station.station_id, subject=station)
        decide = self.sessions.record(Inbound(station, arrived, write), report)
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()

        def stored(_: Write, outcome: Outcome) -> None:
            assert outcome is Outcome.STORED
            answer.set_result(decide())

        write.done = stored
        self.commit.submit(write)
        return await asyncio.wait_for(answer, WAIT_S)

    async def say_all(self, station: Station, history: list[Said]) -> None:
        """One after the other, as over one socket."""
        for said in history:
            await self.say(station, said)


class Bench:
    """Two writers over one database, on a loop that runs while something is awaited."""

    def __init__(self, database: Database, nats_url: str) -> None:
        self.admin = psycopg.connect(database.admin_url, autocommit=True)
        self._database = database
        self._nats_url = nats_url
        self._numbers = itertools.count(1)
        self.writers: list[Writer] = []

    def station(self) -> Station:
        """A station nobody has spoken of."""
        number = next(self._numbers)
        return Station(number, TENANT, f"S{number}")

    @asynccontextmanager
    async def at_work(self) -> AsyncIterator[None]:
        bus = await Bus.connect(self._nats_url)
        self.writers = [self._writer(LiveFeed(bus)) for _ in range(2)]
        running = [asyncio.create_task(writer.commit.run()) for writer in self.writers]
        try:
            yield
        finally:
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)
            await bus.close()

    def _writer(self, live: LiveFeed) -> Writer:
        async def connect() -> AsyncConnection[Any]:
            return await databases.connect(self._database.url, "forecourt_ingest", autocommit=True)

        commit = GroupCommit(connect, (*STATION_LANES, *SESSION_LANES), quarantine)
        return Writer(commit, Sessions(live, StationReports(FakeClock(), live, 300)))

    def stored(self, station: Station) -> dict[str, tuple[Any, ...]]:
        """What PostgreSQL has of a station's sessions, by transaction."""
        rows = self.admin.execute(
            f"SELECT transaction_id, {', '.join(FACTS)} FROM sessions WHERE station_id = %s".encode(),
            (station.station_id,),
        ).fetchall()
        return {row[0]: row[1:] for row in rows}

    def value(self, query: str, *parameters: Any) -> Any:
        row = self.admin.execute(query.encode(), parameters).fetchone()
        assert row is not None
        return row[0]


@pytest.fixture(scope="module")
def bench(database: Database, nats_url: str) -> Iterator[tuple[Bench, asyncio.Runner]]:
    with asyncio.Runner() as runner:
        bench = Bench(database, nats_url)
        work = bench.at_work()
        runner.run(work.__aenter__())
        try:
            yield bench, runner
        finally:
            runner.run(work.__aexit__(None, None, None))
            bench.admin.close()


async def tell(writers: list[Writer], told: list[tuple[Station, list[Said]]], chance: Random) -> None:
    """All stations speak at once, and each over a socket at every writer: what comes together is one batch."""
    sockets = {(writer, station): list[Said]() for writer in writers for station, _ in told}
    for station, history in told:
        for said in history:
            sockets[chance.choice(writers), station].append(said)
    await asyncio.gather(*(writer.say_all(station, part) for (writer, station), part in sockets.items()))


def facts(session: Session) -> tuple[Any, ...]:
    return tuple(getattr(session, name) for name in FACTS)


def fold(station: Station, transaction_id: str, history: list[Said]) -> Session:
    session = Session(station_id=station.station_id, transaction_id=transaction_id)
    for report, arrived in history:
        session = session.apply(report, arrived)
    return session


many = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))


@many
@given(st.lists(histories_2x(), min_size=1, max_size=4), st.integers(1, 2), st.randoms())
def test_the_sql_merge_of_2x_reports_is_the_join_of_the_model(
    bench: tuple[Bench, asyncio.Runner], histories: list[list[Said]], writers: int, chance: Random
) -> None:
    made, runner = bench
    stations = [made.station() for _ in histories]
    runner.run(tell(made.writers[:writers], list(zip(stations, histories, strict=True)), chance))
    for station, history in zip(stations, histories, strict=True):
        expected = fold(station, "tx", history)
        assert made.stored(station) == {"tx": facts(expected)}
        check_extras(made, station, history)
        if writers == 1:
            check_memory(made, station, "tx", expected)


@many
@given(st.data(), st.integers(1, 2), st.randoms())
def test_the_sql_merge_of_16_reports_is_the_join_of_the_model(
    bench: tuple[Bench, asyncio.Runner], data: st.DataObject, writers: int, chance: Random
) -> None:
    made, runner = bench
    station = made.station()
    start = data.draw(starts_16())
    answer = runner.run(made.writers[0].say(station, start))
    assert isinstance(answer, TransactionAnswer)
    assert answer.transaction_id is not None
    history = data.draw(histories_16(answer.transaction_id))
    # Its start may be said again at any time, as long as the station's clock tells it from other starts.
    first, arrived = start
    arrivals_again = data.draw(st.lists(arrivals, max_size=2))
    again = [(first, at) for at in arrivals_again if plausible(first.at, at) and plausible(first.at, arrived)]
    told = chance.sample([*history, *again], len(history) + len(again))
    runner.run(tell(made.writers[:writers], [(station, told)], chance))
    expected = fold(station, answer.transaction_id, [start, *history])
    assert made.stored(station) == {answer.transaction_id: facts(expected)}
    check_extras(made, station, [start, *history, *again])
    if writers == 1:
        check_memory(made, station, answer.transaction_id, expected)


@many
@given(st.lists(histories_2x(), min_size=1, max_size=3))
def test_a_batch_of_many_stations_is_stored_as_if_each_had_been_alone(
    bench: tuple[Bench, asyncio.Runner], histories: list[list[Said]]
) -> None:
    made, runner = bench
    together = [made.station() for _ in histories]
    alone = [made.station() for _ in histories]
    runner.run(tell(made.writers[:1], list(zip(together, histories, strict=True)), Random(0)))
    for station, history in zip(alone, histories, strict=True):
        runner.run(made.writers[1].say_all(station, history))
    for one, other in zip(together, alone, strict=True):
        assert made.stored(one) == made.stored(other)


def check_extras(made: Bench, station: Station, history: list[Said]) -> None:
    """What the model does not hold: seqNos, the token's decision, each set of meter values once, what must follow."""
    reports: list[TransactionReport] = [report for report, _ in history]
    seqs = made.value(
        "SELECT ARRAY(SELECT seq FROM unnest(seqs) part, LATERAL generate_series(lower(part), upper(part) - 1) seq"
        " ORDER BY seq) FROM sessions WHERE station_id = %s",
        station.station_id,
    )
    assert seqs == sorted({report.seq for report in reports if report.seq >= 0})
    status = made.value("SELECT token_status FROM sessions WHERE station_id = %s", station.station_id)
    assert status == ("Invalid" if any(report.token is not None for report in reports) else None)
    heard_at = made.value("SELECT heard_at FROM sessions WHERE station_id = %s", station.station_id)
    assert heard_at == max(arrived for _, arrived in history)
    sets = {
        (sample.at, tuple(other.value for other in report.samples)) for report in reports for sample in report.samples
    }
    assert made.value("SELECT count(*) FROM meter_values WHERE station_id = %s", station.station_id) == len(sets)
    assert made.value("SELECT count(*) FROM orphan_reports WHERE station_id = %s", station.station_id) == 0


def check_memory(made: Bench, station: Station, transaction_id: str, expected: Session) -> None:
    """The gateway's memory holds the session as long as it runs, and as PostgreSQL has it."""
    known = made.writers[0].sessions._running.get((station.station_id, transaction_id))
    if expected.active:
        assert known is not None
        assert known.session_id is not None
        assert replace(known, session_id=None) == expected
    else:
        assert known is None
