"""The merge in SQL is the join of the model: whatever stations say, however it is batched, by one gateway or by two.

Each report takes the way it takes in a gateway: the verb, the group commit with its staging tables, PostgreSQL. Only
the socket is missing.
"""

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from forecourt.ocpp.neutral import Step, TransactionAnswer, TransactionReport
from forecourt.platform.clock import plausible
from forecourt.sessions.model import Session, order_key
from forecourt.stations.gateway.station import Station
from tests.conftest import Database
from tests.sessions.histories import GOOD, NOON, Said, accepted, arrivals, histories_2x, histories_16, starts_16, states
from tests.sessions.writers import FACTS, TENANT, Bench, Writer


@pytest.fixture(scope="module")
def bench(database: Database, nats_url: str) -> Iterator[tuple[Bench, asyncio.Runner]]:
    with asyncio.Runner() as runner:
        bench = Bench(database, nats_url)
        bench.admin.execute("INSERT INTO organisations (name) VALUES ('A')")
        bench.admin.execute(
            "INSERT INTO tokens (tenant_id, uid_key, uid, type, status) VALUES (%s, %s, %s, 'RFID', 'accepted')",
            (TENANT, GOOD, GOOD),
        )
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
        session = session.apply(report, arrived, accepted=accepted(report))
    return session


many = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))


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
        check_extras(made, station, history, expected)
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
    check_extras(made, station, [start, *history, *again], expected)
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


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.dictionaries(st.integers(0, 9), states, min_size=2, max_size=8),
    st.integers(1, 2),
    st.randoms(),
)
def test_what_transactions_say_of_charging_is_known_at_every_seqno_whatever_the_order_and_the_way(
    bench: tuple[Bench, asyncio.Runner], said: dict[int, str | None], writers: int, chance: Random
) -> None:
    made, runner = bench
    together, shuffled = made.station(), made.station()
    history = [(a_state(seq, state), NOON) for seq, state in sorted(said.items())]
    mixed = chance.sample([*history, *history[::2]], len(history) + len(history[::2]))
    runner.run(made.writers[0].say_all(together, history))
    runner.run(tell(made.writers[:writers], [(shuffled, mixed)], chance))
    expected, last = {}, None
    for seq, state in sorted(said.items()):
        expected[seq] = last = state or last
    for station in (together, shuffled):
        rows = made.admin.execute(
            "SELECT seq, state, at FROM session_states WHERE station_id = %s ORDER BY order_key", (station.station_id,)
        ).fetchall()
        assert all((state, at) == (said[seq], a_state(seq, state).at) for seq, state, at in rows)
        known = {at: next((state for seq, state, _ in reversed(rows) if seq <= at), None) for at in said}
        assert known == expected


def test_a_state_that_is_said_with_every_report_is_stored_once(bench: tuple[Bench, asyncio.Runner]) -> None:
    made, runner = bench
    station = made.station()
    words = ["Charging"] * 4 + ["SuspendedEVSE"] * 3 + ["Charging"]
    history = [(a_state(seq, word), NOON) for seq, word in enumerate(words)]
    runner.run(made.writers[0].say_all(station, history))
    # Said again to a gateway that knows nothing of it.
    runner.run(made.writers[1].say_all(station, history))
    rows = made.admin.execute(
        "SELECT seq, state FROM session_states WHERE station_id = %s ORDER BY seq", (station.station_id,)
    ).fetchall()
    assert rows == [(0, "Charging"), (4, "SuspendedEVSE"), (7, "Charging")]


def a_state(seq: int, state: str | None) -> TransactionReport:
    step, at = Step.UPDATED if seq else Step.STARTED, NOON - timedelta(minutes=30 - seq)
    return TransactionReport(step=step, at=at, transaction_id="tx", seq=seq, evse=1, charging_state=state)


def ends(history: list[Said]) -> set[tuple[Any, ...]]:
    """The ends that were said, each once; its time counts where the station's clock is believed."""
    return {
        (
            order_key(report),
            report.at if plausible(report.at, arrived) else None,
            report.meter_last_wh,
            report.stop_reason,
        )
        for report, arrived in history
        if report.step is Step.ENDED
    }


def check_extras(made: Bench, station: Station, history: list[Said], expected: Session) -> None:
    """What the model does not hold: seqNos, the token's decision, each set of meter values once, what must follow."""
    reports: list[TransactionReport] = [report for report, _ in history]
    seqs = made.value(
        "SELECT ARRAY(SELECT seq FROM unnest(seqs) part, LATERAL generate_series(lower(part), upper(part) - 1) seq"
        " ORDER BY seq) FROM sessions WHERE station_id = %s",
        station.station_id,
    )
    assert seqs == sorted({report.seq for report in reports if report.seq >= 0})
    status = made.value("SELECT token_status FROM sessions WHERE station_id = %s", station.station_id)
    named = [report for report in reports if report.token is not None]
    assert status == ("Accepted" if any(map(accepted, named)) else "Invalid" if named else None)
    stop_wh = made.value("SELECT meter_stop_wh FROM sessions WHERE station_id = %s", station.station_id)
    assert stop_wh == expected.meter_stop_wh
    kept = made.value("SELECT count(*) FROM session_ends WHERE station_id = %s", station.station_id)
    assert kept == len(ends(history))
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
