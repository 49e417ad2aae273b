"""What is said of a session by one way leaves alone what was said by another, also at the same time."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from msgspec.structs import replace

from forecourt.access.model import Service
from forecourt.app.driving import Departures
from forecourt.energy.errors import NeedsOver, NeedsRefused
from forecourt.energy.needs.model import Source, Wants
from forecourt.energy.service.needs import change_needs, find_needs, needs_tag, say_needs
from forecourt.platform.preconditions import ChangedMeanwhile
from tests.care.yard import Yard


def session(yard: Yard) -> UUID:
    """One that runs at the first EVSE of a station."""
    now = yard.clock.now()
    [row] = yard.rows(
        "INSERT INTO sessions (tenant_id, station_id, transaction_id, start_key, started_at, last_key, last_at,"
        " heard_at, evse) VALUES (%s, %s, 'T1', 0, %s, 0, %s, %s, 1) RETURNING session_id",
        *(yard.tenant_id, yard.station(), now, now, now),
    )
    return UUID(str(row["session_id"]))


async def said_by_driver(yard: Yard, session_id: UUID) -> Wants:
    async with yard.tenants.tenant(yard.tenant_id) as conn:
        return (await find_needs(conn, yard.tenant_id, session_id)).of(Source.DRIVER)


async def test_a_departure_leaves_what_else_the_driver_said(yard: Yard) -> None:
    session_id, now = session(yard), yard.clock.now()
    desk = Service(tenant_id=yard.tenant_id, id="desk", name="Desk")
    said = Wants(
        departure_at=now + timedelta(hours=1), may_discharge=False, stop_energy_wh=40_000, minimum_wh=5_000,
        minimum_by=now + timedelta(minutes=5),
    )  # fmt: skip
    async with yard.tenants.tenant(yard.tenant_id) as conn:
        await say_needs(conn, desk, session_id, Source.DRIVER, said, now)
        await say_needs(conn, desk, session_id, Source.API, Wants(may_discharge=True), now)
    # What was said before stays, though its time is over by now.
    yard.clock.advance(600)
    departures, leaves = Departures(yard.tenants, yard.clock), now + timedelta(hours=3)
    await departures.leave_at(yard.tenant_id, session_id, leaves)
    assert await said_by_driver(yard, session_id) == replace(said, departure_at=leaves)
    async with yard.tenants.tenant(yard.tenant_id) as conn:
        counts = await find_needs(conn, yard.tenant_id, session_id)
    assert (counts.wants.may_discharge, counts.wants.stop_energy_wh) == (False, 40_000)
    # A change made from what was shown before is refused.
    with pytest.raises(ChangedMeanwhile):
        async with yard.tenants.tenant(yard.tenant_id) as conn:
            await change_needs(conn, desk, session_id, Source.DRIVER, lambda _: said, now, needs_tag(said))
    assert (await said_by_driver(yard, session_id)).departure_at == leaves


async def test_what_is_said_at_the_same_time_is_all_kept(yard: Yard) -> None:
    session_id, now = session(yard), yard.clock.now()
    desk = Service(tenant_id=yard.tenant_id, id="desk", name="Desk")
    leaves = now + timedelta(hours=3)
    async with yard.tenants.tenant(yard.tenant_id) as conn:
        refuses = Wants(may_discharge=False)
        await say_needs(conn, desk, session_id, Source.DRIVER, refuses, now)
        other = asyncio.create_task(Departures(yard.tenants, yard.clock).leave_at(yard.tenant_id, session_id, leaves))
        while not yard.rows(
            "SELECT 1 FROM pg_locks l JOIN pg_stat_activity a USING (pid)"
            " WHERE NOT l.granted AND a.datname = current_database() LIMIT 1"
        ):
            assert not other.done(), "it waited for nobody"
            await asyncio.sleep(0.01)
    await other
    assert await said_by_driver(yard, session_id) == Wants(may_discharge=False, departure_at=leaves)


async def test_no_time_is_taken_that_can_not_be_meant_and_none_is_printed(yard: Yard) -> None:
    session_id, now = session(yard), yard.clock.now()
    desk = Service(tenant_id=yard.tenant_id, id="desk", name="Desk")
    too_far = [(year, NeedsRefused, "more than 366 days ahead") for year in (9999, now.year + 2)]
    for year, refused, words in (*too_far, (1, NeedsOver, "is over already")):
        wants = Wants(departure_at=datetime(year, 1, 1, tzinfo=UTC))
        with pytest.raises(refused, match=words) as told:
            async with yard.tenants.tenant(yard.tenant_id) as conn:
                await say_needs(conn, desk, session_id, Source.DRIVER, wants, now)
        assert f"{year:04}-" not in str(told.value)


async def test_nothing_is_needed_after_the_car_has_left(yard: Yard) -> None:
    session_id, now = session(yard), yard.clock.now()
    desk = Service(tenant_id=yard.tenant_id, id="desk", name="Desk")
    leaves, later = now + timedelta(hours=3), now + timedelta(hours=3, seconds=1)
    for name in ("departure_at", "stop_at"):
        wants = replace(Wants(minimum_wh=5_000, minimum_by=later), **{name: leaves})
        with pytest.raises(NeedsRefused, match=f"minimum_by is after {name}.* Send a minimum_by that is no later"):
            async with yard.tenants.tenant(yard.tenant_id) as conn:
                await say_needs(conn, desk, session_id, Source.DRIVER, wants, now)
    wants = Wants(departure_at=leaves, minimum_wh=5_000, minimum_by=leaves)
    async with yard.tenants.tenant(yard.tenant_id) as conn:
        await say_needs(conn, desk, session_id, Source.DRIVER, wants, now)
    # Who leaves sooner than was said for him needs it sooner: he can mend nothing that somebody else said.
    sooner = now + timedelta(hours=1)
    await Departures(yard.tenants, yard.clock).leave_at(yard.tenant_id, session_id, sooner)
    assert await said_by_driver(yard, session_id) == replace(wants, departure_at=sooner, minimum_by=sooner)
