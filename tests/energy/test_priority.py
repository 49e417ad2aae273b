"""Priority at stations of OCPP 2.1: asked for where the tree bears it, and counted while it is given."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from msgspec.structs import replace

from forecourt.energy import store
from forecourt.energy.keeper.priorities import REST, asked_now
from forecourt.energy.needs.model import Needs, Priority, Source, Wants
from forecourt.energy.pages.at_session import priority_word
from forecourt.energy.service.needs import find_priority
from forecourt.energy.store.priorities import PriorityAsk
from forecourt.simulator import outside, profiles
from forecourt.simulator.car import Car
from forecourt.simulator.faults import PERFECT
from forecourt.simulator.fleet import DIALECTS
from forecourt.simulator.station import Station
from tests.energy.test_loop import (  # noqa: F401
    CALM,
    CAR,
    LIMIT_A,
    MAKE,
    NEARLY,
    Plant,
    StepClock,
    all_connected,
    bay,
    limit_site,
    planted,
    rig,
    site_of,
    stepped,
    tree_of,
)
from tests.stations.gateway.conftest import PASSWORD, Rig
from tests.support import EPOCH

MOST_A = 32


async def station(rig: Rig, clock: StepClock, site_id: int, number: int) -> Station:  # noqa: F811
    identity = f"FAST-{number}"
    await rig.register(identity)
    rig.admin.execute("UPDATE stations SET site_id = %s WHERE identity = %s", (site_id, identity))
    url = f"ws://127.0.0.1:{rig.port}/ocpp"
    return Station(identity, MAKE, DIALECTS["2.1"], clock, url=url, password=PASSWORD, habits=PERFECT)


def own_profile(station: Station) -> None:
    """Whoever installed it let it have a profile for priority."""
    schedule = {"id": 1, "chargingRateUnit": "A", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": MOST_A}]}
    wire = {
        "id": 70, "stackLevel": 0, "chargingProfilePurpose": "PriorityCharging", "chargingProfileKind": "Relative",
        "chargingSchedule": [schedule],
    }  # fmt: skip
    station.limits.install(profiles.read(wire, 1))


class Drivers:
    """What drivers say at the page, and what came of it at their stations."""

    def __init__(self, plant: Plant) -> None:
        self._plant = plant
        rows = plant.rig.rows("SELECT session_id FROM sessions JOIN stations USING (station_id) ORDER BY identity")
        self.sessions: list[UUID] = [session_id for (session_id,) in rows]

    async def want(self, number: int, priority: Priority | None) -> None:
        tenant_id, now = self._plant.rig.tenant(), self._plant.clock.now()
        async with self._plant.tenants.tenant(tenant_id) as conn:
            wants = Wants(priority=priority)
            await store.store_needs(conn, tenant_id, self.sessions[number], Source.DRIVER, wants, "person:1", now)

    async def asked(self, number: int) -> Any:
        """What was asked last, the station's word, and whether it may go by its own profile; None: nothing was."""
        tenant_id = self._plant.rig.tenant()
        async with self._plant.tenants.tenant(tenant_id) as conn:
            found = await find_priority(conn, tenant_id, self.sessions[number])
        return None if found is None else (found.wanted, found.status, found.active)


@pytest.mark.parametrize(
    ("wanted", "accepted", "status", "active", "words"),
    [
        (True, None, None, True, "its station was asked for priority, and has not answered"),
        (True, True, "Accepted", True, "its station goes by its own profile for priority"),
        (True, False, "NoProfile", False, "its station has no profile of its own for priority: the plan alone"),
        (True, False, "Rejected", False, "its station was asked for priority, and said no"),
        # By the driver at the station, or by us.
        (True, True, "Accepted", False, "its station goes by its own profile for priority no more"),
        (False, True, "Accepted", False, "its station goes by its own profile for priority no more"),
    ],
)
def test_what_a_station_makes_of_it_is_said_in_words(
    wanted: bool, accepted: bool | None, status: str | None, active: bool, words: str
) -> None:
    asked = PriorityAsk(
        session_id=UUID(int=1), wanted=wanted, active=active, asked_at=EPOCH, accepted=accepted, status=status
    )
    assert priority_word(asked).startswith(words)


def test_a_station_that_was_not_reached_is_asked_to_end_it_until_it_has() -> None:
    wants = Needs(wants=Wants(priority=Priority.HIGH), sources={"priority": Source.DRIVER})
    withdrawn = Needs(wants=Wants(), sources={})
    began = PriorityAsk(
        session_id=UUID(int=1), wanted=True, active=True, asked_at=EPOCH, accepted=True, status="Accepted"
    )
    assert asked_now(wants, began, EPOCH + REST) is None
    assert asked_now(withdrawn, began, EPOCH) is False
    unsent = replace(began, wanted=False, accepted=False, status="station-offline")
    assert asked_now(withdrawn, unsent, EPOCH + REST / 2) is None
    assert asked_now(withdrawn, unsent, EPOCH + REST) is False
    # What never began isn't ended, and a refusal to begin is the last word.
    assert asked_now(withdrawn, replace(unsent, active=False), EPOCH + REST) is None
    assert asked_now(wants, replace(began, active=False, accepted=False), EPOCH + REST) is None


def test_what_its_own_profile_allows_counts_until_a_station_has_obeyed_the_end_of_it() -> None:
    ended = PriorityAsk(
        session_id=UUID(int=1), wanted=False, active=False, asked_at=EPOCH, accepted=True, status="Accepted",
        ended_at=EPOCH,
    )  # fmt: skip
    assert ended.counts(60.0, EPOCH + timedelta(seconds=59))
    assert not ended.counts(60.0, EPOCH + timedelta(seconds=60))
    assert replace(ended, active=True, ended_at=None).counts(60.0, EPOCH + REST)


async def test_a_station_goes_by_its_own_profile_for_priority_only_where_the_tree_bears_it(
    stepped: StepClock,  # noqa: F811
    rig: Rig,  # noqa: F811
) -> None:
    site_id = site_of(rig)
    stations = [await station(rig, stepped, site_id, number) for number in range(2)]
    able = stations[0]
    own_profile(able)
    async with planted(rig, stepped, site_id, stations, tree_of(stations)) as plant:
        await all_connected(plant)
        await plant.go(timedelta(seconds=20))
        await limit_site(plant, MOST_A - 2.0)
        for each in stations:
            bay(each).plug_in(Car(CAR, 0.2), plant.clock.now())
            bay(each).present("CARD", plant.clock.now())
        await plant.go(timedelta(minutes=2))
        drivers = Drivers(plant)
        await drivers.want(0, Priority.HIGH)
        small = await plant.go(timedelta(minutes=2), CALM)
        assert await drivers.asked(0) is None
        assert max(small) <= (MOST_A - 2) * NEARLY

        await limit_site(plant, LIMIT_A)
        fast = await plant.go(timedelta(minutes=3), CALM)
        assert await drivers.asked(0) == (True, "Accepted", True)
        assert able.limits.prioritised == {1}
        assert plant.limits_a() == pytest.approx([MOST_A, LIMIT_A - MOST_A], abs=1)
        assert max(fast) <= LIMIT_A * NEARLY

        # Enough: it is asked to end it, and the other one has no such profile. Neither was seen to be quick before:
        # that it has ended counts after a while, and so does the cut after it.
        await drivers.want(0, None)
        await drivers.want(1, Priority.HIGH)
        other = await plant.go(timedelta(minutes=5), CALM)
        assert await drivers.asked(0) == (False, "Accepted", False)
        assert await drivers.asked(1) == (True, "NoProfile", False)
        assert able.limits.prioritised == set()
        assert plant.limits_a() == pytest.approx([LIMIT_A - MOST_A, MOST_A], abs=1)
        assert max(other) <= LIMIT_A * NEARLY
        ended = rig.rows("SELECT ended_at >= asked_at FROM priority_asks WHERE NOT wanted")
        assert ended == [(True,)]
        calls = rig.rows("SELECT count(*) FROM commands WHERE action = 'UsePriorityCharging'")
        assert calls == [(3,)]

        # A driver presses the button at the station: it is told by then, and the others make room.
        await drivers.want(1, None)
        await plant.go(timedelta(minutes=2), CALM)
        outside.press(able, bay(able), fast=True)
        pressed = await plant.go(timedelta(minutes=2))
        assert plant.limits_a() == pytest.approx([MOST_A, LIMIT_A - MOST_A], abs=1)
        assert max(pressed[-12:]) <= LIMIT_A * NEARLY
        outside.press(able, bay(able), fast=False)
        # Its draw fell to one limit so far, which proves nothing: it has as long as a slow one to end it.
        await plant.go(timedelta(minutes=5), CALM)
        assert plant.limits_a() == pytest.approx([LIMIT_A / 2] * 2, abs=1)
        assert rig.rows("SELECT count(*) FROM commands WHERE action = 'UsePriorityCharging'") == calls
