"""What a gateway remembers of sessions, and what asks for a review, when others have had a hand in them."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio
from msgspec.structs import replace

from forecourt.ocpp.neutral import Step, Token, TransactionAnswer, TransactionReport
from forecourt.platform.database import Pool
from forecourt.sessions import service, store
from forecourt.sessions.review import QUIET
from forecourt.stations.gateway.station import Connector, Station
from tests.conftest import Database
from tests.sessions.histories import NOON, Said
from tests.sessions.writers import TENANT, Bench, Writer


@pytest_asyncio.fixture
async def bench(database: Database, nats_url: str) -> AsyncIterator[Bench]:
    bench = Bench(database, nats_url)
    async with bench.at_work():
        bench.admin.execute("TRUNCATE sessions, session_ends, outbox")
        yield bench
    bench.admin.close()


def said(
    step: Step, seq: int, minutes: float = 0, *, transaction_id: str = "tx", power_w: int | None = None, evse: int = 1
) -> Said:
    at = NOON + timedelta(minutes=minutes)
    report = TransactionReport(
        step=step, at=at, transaction_id=transaction_id, seq=seq, evse=evse, connector=1, power_w=power_w
    )
    return report, at


def shown(writer: Writer, station: Station) -> dict[str, Any]:
    """What screens were told of a station, by the last part of the key."""
    return {
        key.rpartition(".")[2]: value for key, value in writer.live.gathered(TENANT).items() if station.identity in key
    }


def remembered(writer: Writer, station: Station) -> set[str]:
    return {
        transaction_id for station_id, transaction_id in writer.sessions._running if station_id == station.station_id
    }


def events(bench: Bench) -> list[str]:
    """What waits for its follow-up, taken away."""
    return sorted(event for (event,) in bench.admin.execute("DELETE FROM outbox RETURNING event").fetchall())


async def test_a_station_that_connects_is_forgotten_and_read_back_when_it_speaks(bench: Bench) -> None:
    here, there = bench.writers
    station = bench.station()
    await here.say_all(
        station, [said(Step.STARTED, 0, power_w=7_000), said(Step.STARTED, 0, transaction_id="other", evse=2)]
    )
    await there.say(station, said(Step.ENDED, 2, 1))
    here.sessions.forget(station)
    assert remembered(here, station) == set()
    await here.say(station, said(Step.UPDATED, 1, 2, transaction_id="other", power_w=3_000, evse=2))
    assert remembered(here, station) == {"other"}
    assert shown(here, station)["power_w"] == 3_000
    # What is read back is the whole session, which was heard elsewhere, and its end stays the end.
    await here.say(station, said(Step.UPDATED, 1, 0.5, power_w=7_000))
    assert remembered(here, station) == {"other"}


async def test_a_session_that_was_closed_from_evidence_is_not_remembered_when_an_old_report_of_it_comes(
    bench: Bench,
) -> None:
    here, there = bench.writers
    station = bench.station()
    await here.say_all(station, [said(Step.STARTED, 0), said(Step.UPDATED, 2, 2, power_w=7_000)])
    bench.admin.execute("UPDATE sessions SET closed_at = last_at")
    await there.say(station, said(Step.UPDATED, 1, 1, power_w=7_000))
    assert remembered(there, station) == set()
    assert shown(there, station)["power_w"] == 0
    await there.say(station, said(Step.UPDATED, 3, 3, power_w=6_000))
    assert remembered(there, station) == {"tx"}


async def test_a_silent_session_is_not_shown_when_another_begins_at_its_evse_or_its_connector_is_free(
    bench: Bench,
) -> None:
    writer = bench.writers[0]
    station = bench.station()
    quiet = QUIET.total_seconds() / 60
    station.connectors[3, 1] = Connector("Available", NOON, None, None)
    station.connectors[4, 1] = Connector("Occupied", NOON, None, None)
    for evse, transaction_id in ((2, "same"), (3, "free"), (4, "charging")):
        await writer.say(station, said(Step.STARTED, 0, transaction_id=transaction_id, power_w=7_000, evse=evse))
    await writer.say(station, said(Step.STARTED, 0, quiet - 1, transaction_id="new", power_w=1, evse=2))
    assert remembered(writer, station) == {"same", "free", "charging", "new"}
    await writer.say(station, said(Step.UPDATED, 1, quiet, transaction_id="new", power_w=2, evse=2))
    assert remembered(writer, station) == {"charging", "new"}
    assert shown(writer, station)["power_w"] == 7_002


async def test_a_report_behind_the_end_asks_for_the_review_again(bench: Bench) -> None:
    writer = bench.writers[0]
    station = bench.station()
    await writer.say(station, said(Step.STARTED, 0))
    assert events(bench) == ["session.started"]
    await writer.say(station, said(Step.UPDATED, 1, 1))
    assert events(bench) == []
    await writer.say(station, said(Step.ENDED, 3, 3))
    assert events(bench) == ["session.ended"]
    await writer.say(station, said(Step.UPDATED, 2, 2))
    assert events(bench) == ["session.ended"]


async def test_a_session_that_goes_on_after_it_was_closed_from_evidence_is_reviewed_again(bench: Bench) -> None:
    writer = bench.writers[0]
    station = bench.station()
    await writer.say(station, said(Step.STARTED, 0))
    bench.admin.execute("UPDATE sessions SET closed_at = last_at, notes = '{end-missing}'")
    events(bench)
    await writer.say(station, said(Step.UPDATED, 1, 1))
    assert bench.value("SELECT over_at FROM sessions") is None
    assert events(bench) == ["session.started"]


async def test_screens_hear_of_each_session_of_a_station_by_itself(bench: Bench) -> None:
    writer, _ = bench.writers
    station = bench.station()
    await writer.say(station, said(Step.STARTED, 0, power_w=7_000))
    await writer.say(station, said(Step.STARTED, 0, transaction_id="other", power_w=3_000, evse=2))
    ids: dict[str, str] = dict(
        bench.admin.execute(
            "SELECT transaction_id, session_id::text FROM sessions WHERE station_id = %s", (station.station_id,)
        ).fetchall()
    )
    told = shown(writer, station)
    assert told["power_w"] == 10_000
    assert (told[f"power_w@{ids['tx']}"], told[f"power_w@{ids['other']}"]) == (7_000, 3_000)
    await writer.say(station, said(Step.ENDED, 1, 5, power_w=0))
    told = shown(writer, station)
    assert (told[f"power_w@{ids['tx']}"], told[f"state@{ids['tx']}"]) == (None, "Ended")
    assert told[f"power_w@{ids['other']}"] == 3_000
    # Nothing was said of what its car does: what screens know of that, as by its connector, stays.
    assert f"state@{ids['other']}" not in told


async def test_ends_that_contradict_each_other_are_kept_and_the_first_counts_whole(bench: Bench) -> None:
    writer = bench.writers[0]
    station = bench.station()
    await writer.say(station, said(Step.STARTED, 0))
    for seq, minutes, wh in ((1, 10, 5_000), (2, 12, 7_000), (1, 10, 5_000)):
        report, at = said(Step.ENDED, seq, minutes)
        await writer.say(station, (replace(report, meter_last_wh=wh, stop_reason=f"Reason{seq}"), at))
    kept = bench.admin.execute("SELECT meter_wh, stop_reason FROM session_ends ORDER BY order_key").fetchall()
    assert kept == [(5_000, "Reason1"), (7_000, "Reason2")]
    assert bench.value("SELECT meter_stop_wh FROM sessions") == 5_000
    assert bench.value("SELECT stop_reason FROM sessions") == "Reason1"
    session_id = bench.value("SELECT session_id::text FROM sessions")
    async with Pool(bench.url, "forecourt_app", size=1) as pool, pool.tenant(TENANT) as connection:
        evidence = await store.find_evidence(connection, TENANT, session_id)
    assert evidence is not None
    assert evidence.contradicted


async def test_a_token_is_judged_by_its_state_when_it_was_shown_and_not_when_that_was_told(bench: Bench) -> None:
    writer = bench.writers[0]
    bench.admin.execute("INSERT INTO organisations (name) VALUES ('A')")
    expired = datetime.now(UTC) - timedelta(hours=1)
    bench.admin.execute(
        "INSERT INTO tokens (tenant_id, uid_key, uid, type, status, expires_at)"
        " VALUES (%s, 'w', 'W', 'R', 'accepted', %s)",
        (TENANT, expired),
    )
    decided = []
    for offset in (-60, 60):
        at = expired + timedelta(seconds=offset)
        report, _ = said(Step.STARTED, 0)
        station = bench.station()
        answer = await writer.say(station, (replace(report, at=at, token=Token("W")), expired + timedelta(hours=1)))
        assert isinstance(answer, TransactionAnswer)
        assert answer.token is not None
        stored = bench.value("SELECT token_status FROM sessions WHERE station_id = %s", station.station_id)
        decided.append((answer.token.status.value, stored))
    assert decided == [("Accepted", "Accepted"), ("Expired", "Expired")]


async def test_a_station_whose_last_session_is_forgotten_for_others_leaves_nothing_behind(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "MAX_REMEMBERED", 2)
    writer = bench.writers[0]
    first, second = bench.station(), bench.station()
    await writer.say(first, said(Step.STARTED, 0))
    for transaction_id in ("a", "b"):
        await writer.say(second, said(Step.STARTED, 0, transaction_id=transaction_id))
    assert remembered(writer, first) == set()
    assert set(writer.sessions._at_station) == {second.station_id}
    await writer.say(second, said(Step.STARTED, 0, transaction_id="c"))
    assert set(writer.sessions._at_station[second.station_id]) == remembered(writer, second) == {"b", "c"}
