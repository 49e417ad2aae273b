"""Sessions that go on slowly before what was held is used up: a station on a real socket, a gateway, a planner, and
the provider, from the page to the capture."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from forecourt.energy.explained.words import sentences
from forecourt.energy.service.explained import session_told
from forecourt.payments.intents.model import Intent, State
from forecourt.payments.intents.sizing import Car as PaidCar
from forecourt.platform.bus import Bus
from forecourt.simulator.car import Car
from forecourt.simulator.faults import PERFECT, Habits
from forecourt.stations.commands import Commander
from tests.energy.test_loop import (
    CAR,
    LIMIT_A,
    NEARLY,
    Plant,
    StepClock,
    _station,
    all_connected,
    bay,
    planted,
    rig,  # noqa: F401
    site_of,
    stepped,  # noqa: F401
    tree_of,
)
from tests.http import an_actor
from tests.payments.till import Till, a_tariff
from tests.sandbox import Sandbox
from tests.stations.gateway.conftest import SECRET, Rig

#: Which doesn't take a hold that is raised.
FIXED = "unionpay"
#: So much a kWh, before 19 % of VAT, that a small hold is used up in minutes.
DEAR = a_tariff("4", "6")
#: A quarter of 22 kW.
SLOW_W = 5_500
STEP = timedelta(seconds=15)


class Forecourt:
    """A site with stations, what is paid there, and everything that goes on while time passes."""

    def __init__(self, plant: Plant, till: Till) -> None:
        self.plant, self.till = plant, till
        self.worst_a: list[float] = []

    async def go(self, during: timedelta) -> None:
        for _ in range(during // STEP):
            self.plant.clock.at += STEP
            await self.plant.stations_live()
            await self.till.work()
            await self.till.sweeper.sweep()
            await self.plant.stations_live()
            await self.plant.keeper.turn()
            await self.plant.keeper.settled()
            await self.plant.reconciler.settle()
            await self.plant.stations_live()
            self.worst_a.append(self.plant.drawn_a())

    async def until(self, state: State, intent: Intent, most: timedelta) -> Intent:
        for _ in range(most // STEP):
            await self.go(STEP)
            found = await self.till.find(intent)
            if found.state is state:
                return found
        raise AssertionError(f"it is {found.state} after {most}")

    async def plugged_and_paid(self) -> Intent:
        """A car plugs in at the first station, and its driver pays."""
        bay(self.plant.stations[0]).plug_in(Car(CAR, 0.2), self.plant.clock.now())
        car = PaidCar(needs_wh=1_500, max_power_w=22_000)
        intent = await self.till.paid(FIXED, station=self.plant.stations[0].identity, car=car)
        assert intent.state is State.AUTHORISED
        await self.till.work()
        return intent

    async def words(self, session_id: UUID) -> str:
        async with self.till.tenants.tenant(self.till.tenant_id) as conn:
            told = await session_told(conn, self.till.tenant_id, session_id, self.plant.clock.now())
        assert told is not None
        assert told.explanation is not None
        return " ".join(sentences(told.explanation, self.plant.clock.now(), "UTC"))

    def steps(self, intent: Intent) -> list[str]:
        rows = self.till.rows("SELECT kind FROM payment_steps WHERE intent_id = %s ORDER BY step_id", intent.intent_id)
        return [row["kind"] for row in rows]


@asynccontextmanager
async def forecourt(rig: Rig, clock: StepClock, box: Sandbox, *habits: Habits) -> AsyncIterator[Forecourt]:  # noqa: F811
    # The provider's clock is none but its own.
    clock.at = datetime.now(UTC).replace(microsecond=0)
    site_id = site_of(rig)
    stations = [await _station(rig, clock, site_id, number + 1, each) for number, each in enumerate(habits)]
    rig.admin.execute("UPDATE stations SET max_power_w = 22000")
    rig.admin.execute("UPDATE sites SET country = 'DE'")
    timer: Any = clock
    worker = await rig.ground.pool("forecourt_worker", 2)
    async with planted(rig, clock, site_id, stations, tree_of(stations)) as plant:
        bus = await Bus.connect(rig.nats_url)
        commander = Commander(plant.tenants, bus, clock, secret_key=SECRET.encode())
        till = Till(rig.ground, worker, plant.tenants, timer, box.another(), commander=commander)
        till.tenant_id, till.actor = rig.tenant(), an_actor(rig.tenant())
        await till.priced(DEAR)
        await all_connected(plant)
        made = Forecourt(plant, till)
        await made.go(timedelta(seconds=30))
        yield made
        await till.providers.close()
        till.close()
        await bus.close()


async def test_a_session_goes_on_slowly_before_its_hold_is_used_up_and_is_captured_within_it(
    rig: Rig,  # noqa: F811
    stepped: StepClock,  # noqa: F811
    box: Sandbox,
) -> None:
    async with forecourt(rig, stepped, box, PERFECT, PERFECT) as place:
        intent = await place.plugged_and_paid()
        other = bay(place.plant.stations[1])
        other.plug_in(Car(CAR, 0.2), stepped.now())
        other.present("CARD", stepped.now())
        await place.go(timedelta(minutes=2))
        fast = place.plant.limits_a()
        assert fast == pytest.approx([30, 30], abs=1), "they share the limit of the site"
        intent = await place.till.find(intent)
        assert intent.session_id is not None
        assert "nearly used up" not in await place.words(intent.session_id)
        while (await place.till.find(intent)).slowed_at is None:
            await place.go(STEP)
            assert (await place.till.find(intent)).state is State.AUTHORISED
        # What it leaves the other car takes, as far as its EVSE gives it, once a slow station would have obeyed.
        await place.go(timedelta(minutes=3))
        assert place.plant.limits_a() == pytest.approx([SLOW_W / 690, 32], abs=0.2)
        assert "what was held is nearly used up" in await place.words(intent.session_id)
        slowed_wh = bay(place.plant.stations[0]).register_wh
        intent = await place.until(State.CAPTURED, intent, timedelta(minutes=30))
        went_on_wh = bay(place.plant.stations[0]).register_wh - slowed_wh
        assert went_on_wh > 200, "it went on, slowly"
        story = place.steps(intent)
        assert [each for each in story if each in ("slowed", "stop_asked", "captured")] == [
            "slowed", "stop_asked", "captured",
        ]  # fmt: skip
        # Nearly all of what was held, and no more: it was stopped a minute of full power before.
        assert intent.authorised_amount * 0.8 < intent.captured_amount <= intent.authorised_amount
        assert [row["amount"] for row in place.till.happened("capture")] == [intent.captured_amount]
        assert max(place.worst_a) <= LIMIT_A * NEARLY
        # It ends with the session: whoever comes next is kept to nothing.
        first = bay(place.plant.stations[0])
        first.unplug(stepped.now())
        await place.go(timedelta(seconds=30))
        first.plug_in(Car(CAR, 0.2), stepped.now())
        first.present("CARD", stepped.now())
        await place.go(timedelta(minutes=3))
        assert place.plant.limits_a() == pytest.approx([30, 30], abs=1)
        assert max(place.worst_a) <= LIMIT_A * NEARLY


async def test_where_a_station_takes_no_limits_the_session_is_stopped_in_time_instead(
    rig: Rig,  # noqa: F811
    stepped: StepClock,  # noqa: F811
    box: Sandbox,
) -> None:
    deaf = Habits(refuses_purposes=frozenset({"TxProfile", "TxDefaultProfile"}))
    async with forecourt(rig, stepped, box, deaf, PERFECT) as place:
        intent = await place.plugged_and_paid()
        intent = await place.until(State.CAPTURED, intent, timedelta(minutes=15))
        assert [each for each in place.steps(intent) if each in ("slowed", "stop_asked", "captured")] == [
            "stop_asked", "captured",
        ]  # fmt: skip
        assert place.till.rows("SELECT 1 FROM session_caps") == []
        assert intent.authorised_amount * 0.8 < intent.captured_amount <= intent.authorised_amount


async def test_where_nobody_plans_a_session_is_stopped_in_time_and_an_unplanned_one_is_not_capped(till: Till) -> None:
    fixed = await till.paid(FIXED)
    await till.work()
    # Of 40 euro 34.51 are used: less than five looks are left, and more than one.
    session_id = till.plug_in(fixed, wh=58_000, minutes=60, over=False)
    await till.work()
    till.clock.advance(31)
    await till.sweeper.sweep()
    assert (till.stations.stops, (await till.find(fixed)).slowed_at) == ([], None)
    assert not await till.slower.slow(till.tenant_id, session_id, SLOW_W)
    till.go_on(session_id, wh=65_000, over=False)
    till.clock.advance(31)
    await till.sweeper.sweep()
    assert len(till.stations.stops) == 1
