"""What the page of a station is told of its sessions: their power over time, and when they began and ended."""

import itertools
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import cast

from forecourt.ocpp.neutral import Location, Measurand, Phase
from forecourt.sessions.at_station.service import CURVE_POINTS, SessionsAtStation
from forecourt.stations.commands import Commander
from tests.http import House, Tenant
from tests.support import EPOCH

_numbers = itertools.count(1)
POWER = Measurand.POWER_IMPORT | Phase.NONE << 8 | Location.OUTLET << 16
POWER_OF_L1 = Measurand.POWER_IMPORT | Phase.L1 << 8 | Location.OUTLET << 16
#: As long as the curve has points, so that each stands for one minute.
SPAN = timedelta(minutes=CURVE_POINTS)


def at(minute: float) -> datetime:
    return EPOCH + timedelta(minutes=minute)


def a_station(house: House, tenant: Tenant) -> tuple[str, int]:
    identity = f"AT{next(_numbers)}"
    with house.admin() as connection:
        row = connection.execute(
            "INSERT INTO stations (tenant_id, identity) VALUES (%s, %s) RETURNING station_id",
            (tenant.tenant_id, identity),
        ).fetchone()
    assert row is not None
    return identity, int(row[0])


def a_session(
    house: House,
    tenant: Tenant,
    station_id: int,
    began: float,
    ended: float | None,
    samples: Sequence[tuple[float, int, int]] = (),
) -> str:
    """A session from minute to minute, with (minute, code, value) measured in it."""
    transaction = f"t{next(_numbers)}"
    with house.admin() as connection:
        row = connection.execute(
            "INSERT INTO sessions (tenant_id, station_id, transaction_id, start_key, started_at, last_key, last_at,"
            " heard_at, ended_at, evse, token_uid) VALUES (%s, %s, %s, 0, %s, 0, %s, now(), %s, 1, 'TAG')"
            " RETURNING session_id::text",
            (
                tenant.tenant_id,
                station_id,
                transaction,
                at(began),
                at(began if ended is None else ended),
                None if ended is None else at(ended),
            ),
        ).fetchone()
        for digest, (minute, code, value) in enumerate(samples):
            connection.execute(
                "INSERT INTO meter_values (station_id, transaction_id, at, digest, tenant_id, readings)"
                " VALUES (%s, %s, %s, %s, %s, %s)",
                (station_id, transaction, at(minute), digest, tenant.tenant_id, [int(code), value]),
            )
    assert row is not None
    return str(row[0])


def of(house: House) -> SessionsAtStation:
    """With a clock behind the span; nothing is asked of a station here."""
    house.clock.set(EPOCH + SPAN)
    return SessionsAtStation(house.db, cast("Commander", None), house.clock)


async def curve(house: House, tenant: Tenant, identity: str) -> dict[int, int]:
    points = await of(house).power(tenant.tenant_id, identity, EPOCH, EPOCH + SPAN)
    return {int((moment - EPOCH).total_seconds() // 60): power_w for moment, power_w in points}


async def test_the_power_of_a_station_is_that_of_its_sessions_together_and_zero_without_any(
    house: House, tenant: Tenant
) -> None:
    identity, station_id = a_station(house, tenant)
    a_session(house, tenant, station_id, 10, 20, [(12, POWER, 7_000), (12.5, POWER, 9_000), (13, POWER, 6_000)])
    a_session(house, tenant, station_id, 11, 30, [(12, POWER, 3_000), (12, POWER_OF_L1, 99_000)])
    power_w = await curve(house, tenant, identity)
    assert power_w[5] == 0
    assert power_w[12] == 11_000
    assert power_w[13] == 6_000
    assert power_w[100] == 0
    assert 15 not in power_w, "somebody charged, and no power was said: that is no zero"


async def test_what_is_not_the_station_s_or_not_of_the_span_is_not_in_its_curve(
    house: House, tenant: Tenant, stranger: Tenant
) -> None:
    identity, station_id = a_station(house, tenant)
    _, other = a_station(house, tenant)
    a_session(house, tenant, other, 10, 20, [(12, POWER, 7_000)])
    a_session(house, tenant, station_id, -30, -10, [(-20, POWER, 5_000)])
    assert set((await curve(house, tenant, identity)).values()) == {0}
    assert set((await curve(house, stranger, identity)).values()) == {0}


async def test_a_curve_has_a_bounded_number_of_points_and_none_of_the_future(house: House, tenant: Tenant) -> None:
    identity, station_id = a_station(house, tenant)
    a_session(house, tenant, station_id, 10, None, [(minute / 60, POWER, 1_000) for minute in range(600, 900)])
    reader = of(house)
    assert len(await reader.power(tenant.tenant_id, identity, EPOCH, EPOCH + timedelta(days=400))) <= CURVE_POINTS + 1
    house.clock.set(EPOCH)
    assert await reader.power(tenant.tenant_id, identity, at(1), at(2)) == []


async def test_begin_and_end_of_a_session_are_events_only_where_they_lie_in_the_span(
    house: House, tenant: Tenant
) -> None:
    identity, station_id = a_station(house, tenant)
    session = a_session(house, tenant, station_id, 10, 20)
    a_session(house, tenant, station_id, -10, 5)
    events = await of(house).events(tenant.tenant_id, identity, at(0), at(15))
    assert [(event.at, "began" in event.title) for event in events] == [(at(10), True), (at(5), False)]
    assert events[0].href == f"/sessions/{session}"
    running = a_session(house, tenant, station_id, 30, None)
    assert [each.session_id for each in await of(house).running(tenant.tenant_id, identity)] == [running]
