"""What cars draw, by what their sessions tell and by what their EVSEs tell outside of any transaction."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from forecourt.energy import store
from forecourt.energy.dispatch.standing import is_settled
from forecourt.energy.keeper.notes import note_obedience
from forecourt.energy.keeper.reading import find_planned, read_site
from forecourt.energy.store import explained, keeping
from forecourt.energy.store.cars import LATEST_SETS
from forecourt.energy.store.measured import Measured, measured_of
from forecourt.energy.store.now import list_now
from forecourt.ocpp.neutral import Measurand, Phase
from forecourt.stations.model import password_hash
from tests.care.yard import Yard
from tests.energy.test_store import furnish
from tests.energy.test_store import measured as store_measured
from tests.ground import Ground
from tests.stations.gateway.conftest import PASSWORD, SECRET, a_rig

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
POWER, CURRENT, REGISTER = (
    int(Measurand.POWER_IMPORT),
    int(Measurand.CURRENT_IMPORT),
    int(Measurand.ENERGY_IMPORT_REGISTER),
)
ON_L1 = CURRENT | Phase.L1 << 8


def told(at: datetime, *readings: int, arrived: datetime | None = None) -> dict[str, Any]:
    """A set as the database gives it: one with an arrival belongs to no transaction."""
    came = None if arrived is None else arrived.isoformat()
    return {"at": at.isoformat(), "readings": list(readings), "arrived_at": came}


def measured(*sets: dict[str, Any], last: datetime = NOON, heard: datetime = NOON, believed: bool = True) -> Measured:
    latest = sorted(sets, key=lambda each: each["at"], reverse=True)
    return measured_of(latest, last, heard, believed=believed)


def test_the_latest_of_each_counts_whether_or_not_it_belongs_to_the_transaction() -> None:
    own = told(NOON, POWER, 7_000, ON_L1, 10_000)
    later = NOON + MINUTE
    apart = told(later, POWER, 0, CURRENT, 0, arrived=later + SECOND)
    found = measured(own, apart)
    assert (found.power_w, found.power_at) == (0, later)
    # What was said of one conductor is older than what is said of all.
    assert (found.currents_a, found.current_at) == ((0.0, 0.0, 0.0), later)
    found = measured(own, told(NOON - MINUTE, POWER, 0, CURRENT, 0, arrived=NOON - MINUTE))
    assert (found.power_w, found.power_at) == (None, NOON)
    assert (found.currents_a, found.current_at) == ((10.0, None, None), NOON)
    # No meter shows that: the session goes on with what it knows.
    found = measured(own, told(later, POWER, 2**32, arrived=later))
    assert (found.power_w, found.power_at) == (None, NOON)
    # Registers of both may be two, so no mean is made of one and the other.
    pair = [told(NOON + at, REGISTER, wh, arrived=NOON + at) for at, wh in ((MINUTE, 900_100), (2 * MINUTE, 900_200))]
    found = measured(told(NOON, REGISTER, 100), *pair)
    assert found.mean is not None
    assert (found.mean.since, found.mean.most_w) == (NOON + MINUTE, 12_000)


@pytest.mark.parametrize("ahead", [timedelta(0), 3 * MINUTE, -20 * MINUTE])
def test_it_was_measured_by_our_clock_and_never_after_it_came(ahead: timedelta) -> None:
    said, came = NOON + MINUTE + ahead, NOON + MINUTE
    apart = told(said, POWER, 100, arrived=came)
    assert measured(apart, last=NOON + ahead).power_at == came
    # The last report of the transaction had been waiting for an hour.
    assert measured(apart, last=NOON - timedelta(hours=1) + ahead).power_at == came
    # So had this, and the report not.
    late = told(said, POWER, 100, arrived=came + timedelta(hours=1))
    assert measured(late, last=NOON + ahead).power_at == came
    # A time that is none spoils nothing.
    wild = told(NOON + timedelta(days=9_000), POWER, 9, arrived=came)
    assert measured(apart, wild, last=NOON + ahead).power_at == came
    # A clock that can't be believed tells nothing but what passes.
    assert measured(apart, told(said - MINUTE, POWER, 9, arrived=NOON), believed=False).power_at == came


def event(kind: str, seq: int, at: datetime) -> dict[str, Any]:
    return {
        "eventType": kind, "timestamp": at.isoformat(), "triggerReason": "Authorized", "seqNo": seq,
        "transactionInfo": {"transactionId": "tx-1", "chargingState": "Charging"},
        "evse": {"id": 1, "connectorId": 1},
    }  # fmt: skip


def meter_values(at: datetime, power_w: int, *, evse: int = 1, current_a: int | None = None) -> dict[str, Any]:
    sampled = [{"value": power_w, "measurand": "Power.Active.Import"}]
    if current_a is not None:
        sampled.append({"value": current_a, "measurand": "Current.Import"})
    return {"evseId": evse, "meterValue": [{"timestamp": at.isoformat(), "sampledValue": sampled}]}


async def test_a_station_that_tells_what_it_draws_outside_of_the_transaction_is_found_out_or_seen_to_obey(
    yard: Yard, ground: Ground
) -> None:
    site, stations, _ = await furnish(yard)
    name, station_id = next(iter(stations.items()))
    yard.rows(
        "UPDATE stations SET security_profile = 1, registration = 'accepted', password_hash = %s WHERE station_id = %s",
        password_hash(SECRET.encode(), PASSWORD.encode()), station_id,
    )  # fmt: skip
    now = datetime.now(UTC)
    async with a_rig(ground) as rig, rig.station(name, "ocpp2.0.1") as station:
        await station.call("MeterValues", meter_values(now - 7 * MINUTE, 3_000))
        await station.call("TransactionEvent", event("Started", 0, now - 6 * MINUTE))

        async def power_w() -> int | None:
            async with yard.tenants.tenant(yard.tenant_id) as conn:
                [car] = await store.active_cars(conn, yard.tenant_id, site)
            return car.power_w

        assert await power_w() is None, "before it came another may have charged"
        for number in range(LATEST_SETS):
            # It doesn't know the time yet.
            await station.call("MeterValues", meter_values(now + timedelta(days=1_000 + number), 1))
        await station.call("MeterValues", meter_values(now, 9_000, evse=2))
        await station.call("MeterValues", meter_values(now, 6_900, current_a=10))
        assert await power_w() == 6_900
        [session] = yard.rows("SELECT session_id FROM sessions WHERE station_id = %s", station_id)
        async with yard.tenants.tenant(yard.tenant_id) as conn:
            order = keeping.NewOrder(
                station_id=station_id, evse=1, session_id=session["session_id"], limit_ma=0, urgent=True,
                sent_at=now - 4 * MINUTE, valid_to=now + 8 * MINUTE, drawn_ma=10_000,
            )  # fmt: skip
            [number] = await keeping.insert_orders(conn, yard.tenant_id, site, [order])
            yes = keeping.OrderAnswer(order_id=number, accepted=True, unsent=False, status="Accepted")
            await keeping.answer_orders(conn, yard.tenant_id, [yes], now - 4 * MINUTE)
            record = await find_planned(conn, yard.tenant_id, site)
            assert record is not None
            reading = await read_site(conn, record, None, now)
            assert await note_obedience(conn, reading) == 1
        then = datetime.now(UTC)
        await station.call("MeterValues", meter_values(then, 0))
        async with yard.tenants.tenant(yard.tenant_id) as conn:
            reading = await read_site(conn, record, None, datetime.now(UTC))
    standing = reading.known.standings[reading.known.tree.numbers[f"{name}:1"]]
    # The current was measured before the power.
    assert standing.drawn_ma == 0
    assert standing.drawn_at is not None
    assert then <= standing.drawn_at <= reading.known.at
    # That counts long before the time is over that a station takes of which nothing is known.
    told_now = replace(standing.orders[0], sent_at=now, answered_at=now)
    obeys = replace(standing, orders=(told_now,), disobeys=False)
    assert is_settled(told_now, obeys, reading.known.at)
    assert not is_settled(told_now, replace(obeys, drawn_ma=10_000, drawn_most_ma=None), reading.known.at)


async def test_what_an_evse_tells_outside_of_the_transaction_is_in_charts_savings_and_the_past_as_well(
    yard: Yard,
) -> None:
    site, stations, _ = await furnish(yard)
    station_id, now = next(iter(stations.values())), yard.clock.now()
    yard.session(station_id, timedelta(hours=2), timedelta(hours=1), 6_000)
    [row] = yard.rows("SELECT session_id, started_at, meter_start_wh FROM sessions WHERE station_id = %s", station_id)
    came, start_wh = row["started_at"], row["meter_start_wh"]

    def apart(at: datetime, *readings: int, evse: int = 1) -> None:
        yard.rows(
            "INSERT INTO meter_values (station_id, transaction_id, at, digest, tenant_id, evse, readings, arrived_at)"
            " VALUES (%s, '', %s, %s, %s, %s, %s, %s)",
            station_id, at, evse, yard.tenant_id, evse, list(readings), at + timedelta(seconds=2),
        )  # fmt: skip

    apart(came - MINUTE, POWER, 99_000)
    apart(came + 10 * MINUTE, POWER, 11_000, REGISTER, start_wh + 1_000)
    apart(came + 10 * MINUTE, POWER, 88_000, REGISTER, start_wh + 5_000, evse=2)
    apart(came + 30 * MINUTE, POWER, 9_000, REGISTER, start_wh + 4_000)
    apart(came + 90 * MINUTE, POWER, 77_000, REGISTER, start_wh + 90_000)
    async with yard.tenants.tenant(yard.tenant_id) as conn:
        points = await explained.evses_between(conn, yard.tenant_id, site, came - timedelta(hours=1), now, MINUTE)
        [register] = await explained.registers_of(conn, yard.tenant_id, site, came - timedelta(hours=1), now)
        [visit] = await store.visits_of(conn, yard.tenant_id, site, came - timedelta(hours=1))
    assert [each.power_w for each in reversed(points)] == [11_000, 9_000, 0]
    assert (register.max_w, register.readings_wh) == (11_000, [1_000, 4_000])
    assert register.read_at == [came + 10 * MINUTE, came + 30 * MINUTE]
    assert visit.max_w == 11_000
    # What the transaction itself tells of its register goes before.
    yard.rows(
        "INSERT INTO meter_values (station_id, transaction_id, at, digest, tenant_id, evse, readings)"
        " SELECT station_id, transaction_id, %s, 1, tenant_id, evse, %s FROM sessions WHERE session_id = %s",
        came + 20 * MINUTE, [REGISTER, start_wh + 2_500], row["session_id"],
    )  # fmt: skip
    async with yard.tenants.tenant(yard.tenant_id) as conn:
        [register] = await explained.registers_of(conn, yard.tenant_id, site, came - timedelta(hours=1), now)
    assert (register.max_w, register.readings_wh) == (11_000, [2_500])


async def test_what_goes_on_now_is_what_an_evse_told_last_in_the_transaction_or_outside(yard: Yard) -> None:
    site, stations, _ = await furnish(yard)
    (name, station_id), now = next(iter(stations.items())), yard.clock.now()
    yard.session(station_id, timedelta(hours=1), energy_wh=5_000)
    [row] = yard.rows("SELECT session_id, started_at FROM sessions WHERE station_id = %s", station_id)

    async def goes_on() -> tuple[int | None, float | None]:
        async with yard.tenants.tenant(yard.tenant_id) as conn:
            found = (await list_now(conn, yard.tenant_id, site))[f"{name}:1"]
        return found.power_w, found.current_a

    assert await goes_on() == (None, None)
    said = {"at": now - MINUTE, "readings": [POWER, 6_900, CURRENT, 10_000]}
    yard.rows(
        "INSERT INTO meter_values (station_id, transaction_id, at, digest, tenant_id, evse, readings, arrived_at)"
        " VALUES (%s, '', %s, 1, %s, 1, %s, %s)",
        station_id, said["at"], yard.tenant_id, said["readings"], said["at"],
    )  # fmt: skip
    assert await goes_on() == (6_900, 10.0)
    store_measured(yard, row["session_id"], timedelta(0), current_import=4_000)
    yard.rows("UPDATE sessions SET power_w = 2_760 WHERE session_id = %s", row["session_id"])
    assert await goes_on() == (2_760, 4.0)
