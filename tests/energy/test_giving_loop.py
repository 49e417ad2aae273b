"""The closed loop with cars that give back: stations on real sockets, of which one lets its car give as it is told, one
refuses, and those that can't are never asked."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace

from forecourt.energy import store
from forecourt.energy.dispatch.times import CLOCK_MARGIN, GIVES_FOR, LOW_VALID_FOR
from forecourt.energy.events import SAID
from forecourt.energy.jobs import EnergyJobs
from forecourt.energy.needs.model import Source, Wants
from forecourt.energy.signals.model import DayRates, Season, Tariff
from forecourt.energy.storage.model import RELIED
from forecourt.simulator import outside, v201_answers
from forecourt.simulator.car import Car
from forecourt.simulator.faults import PERFECT
from forecourt.simulator.station import Station
from forecourt.stations.variables import of_report
from tests.energy.test_loop import (
    CAR,
    LIMIT_A,
    MAKE,
    NEARLY,
    STEP,
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
from tests.stations.gateway.conftest import Rig

GIVES_W = 11_000
#: Dear until noon by the clock of the site, where it is nine.
TARIFF = Tariff(
    currency="EUR",
    seasons=(Season(weekdays=DayRates(hours=(0, 8, 12), prices=(Decimal("0.10"), Decimal("0.90"), Decimal("0.10")))),),
)
GIVER, REFUSER = 2, 3


async def test_a_car_gives_what_its_station_is_told_and_no_limit_is_exceeded_when_it_stops(
    stepped: StepClock,  # noqa: F811
    rig: Rig,  # noqa: F811
) -> None:
    site_id = site_of(rig)
    makes = [MAKE, MAKE, replace(MAKE, gives=True), MAKE]
    # Of 1.6, of 2.0.1, and two of 2.1.
    stations = [
        await _station(rig, stepped, site_id, number, PERFECT, make)
        for number, make in zip((0, 1, 2, 5), makes, strict=True)
    ]
    giver, refuser = stations[GIVER], stations[REFUSER]
    async with planted(rig, stepped, site_id, stations, tree_of(stations)) as plant:
        await _priced(plant)
        _told_variables(plant, giver, of=giver)
        # One says that it can, and refuses all the same.
        _told_variables(plant, refuser, of=giver)
        await all_connected(plant)
        await plant.go(timedelta(seconds=20))
        for number, station in enumerate(stations):
            charged = 0.8 if number >= GIVER else 0.2
            bay(station).plug_in(Car(CAR, charged, gives_w=GIVES_W if number == GIVER else 0), plant.clock.now())
            bay(station).present("CARD", plant.clock.now())
        await plant.go(timedelta(seconds=10))
        await _needed(plant)
        worst = await plant.go(timedelta(minutes=4))
        assert max(worst) <= LIMIT_A * NEARLY
        assert bay(giver).reading(plant.clock.now()).power_w == pytest.approx(-GIVES_W, abs=100)
        # Others may draw more by what was measured, as far as a breaker bears that it ends.
        taken_a = sum(bay(each).reading(plant.clock.now()).current_a for each in stations[:GIVER])
        assert LIMIT_A * 1.04 < taken_a <= LIMIT_A * (1 + RELIED)
        [(power_w, given_wh, energy_wh)] = rig.rows(
            "SELECT power_w, given_stop_wh - given_start_wh, meter_stop_wh - meter_start_wh FROM sessions n"
            " JOIN stations USING (station_id) WHERE identity = %s",
            giver.identity,
        )
        # What it took before it said what it needs is all that its bill goes by.
        begun = bay(giver).tx
        assert begun is not None
        taken_wh = int(bay(giver).register_wh) - begun.start_wh
        assert (round(power_w / 100), energy_wh) == (-GIVES_W // 100, taken_wh)
        assert given_wh > 200
        # Only who can is told to give, and who refused is not asked again; limits go on to be told there.
        told = rig.rows(
            "SELECT identity, accepted, count(*) FROM charging_orders JOIN stations USING (station_id)"
            " WHERE gives_ma > 0 GROUP BY 1, 2 ORDER BY 1"
        )
        assert [(identity, accepted) for identity, accepted, _ in told] == [
            (giver.identity, True), (refuser.identity, False),
        ]  # fmt: skip
        assert told[1][2] == 1
        assert {each.purpose for each in refuser.limits} == {"TxDefaultProfile", "TxProfile"}

        # It gives no more, without a word: that is seen, and the others are told less.
        load = bay(giver).load
        assert isinstance(load, Car)
        load.keeps = 1.0
        gone = await plant.go(timedelta(seconds=60))
        assert max(gone) <= LIMIT_A * (1 + RELIED)
        assert max(gone[6:]) <= LIMIT_A * NEARLY

        # Whoever isn't told again gives no longer than he was told to, then waits, then charges by his default.
        load.keeps = 0.0
        await plant.go(timedelta(minutes=1))
        assert bay(giver).reading(plant.clock.now()).power_w < 0
        giver.link.stop()
        await _alone(plant, GIVES_FOR + CLOCK_MARGIN)
        assert bay(giver).reading(plant.clock.now()).power_w == 0
        await _alone(plant, LOW_VALID_FOR)
        assert bay(giver).reading(plant.clock.now()).power_w > 0


async def _alone(plant: Plant, during: timedelta) -> None:
    """Time passes at stations; nobody plans."""
    for _ in range(during // STEP):
        plant.clock.at += STEP
        plant.stations[GIVER].advance()


async def _priced(plant: Plant) -> None:
    async with plant.tenants.tenant(plant.rig.tenant()) as conn:
        await store.store_tariff(conn, plant.rig.tenant(), plant.site_id, TARIFF, "test", plant.clock.now())


def _told_variables(plant: Plant, station: Station, *, of: Station) -> None:
    """As if its variables had been read, with what another says of its bays."""
    for row in of_report(v201_answers.gives_items(of), plant.clock.now()):
        plant.rig.admin.execute(
            "INSERT INTO station_variables (station_id, component, variable, attribute, tenant_id, value, read_only,"
            " secret, read_at) SELECT station_id, %s, %s, %s, tenant_id, %s, true, false, now() FROM stations"
            " WHERE identity = %s",
            (row.component, row.variable, row.attribute, row.value, station.identity),
        )


async def _needed(plant: Plant) -> None:
    """The cars of 2.1 say what they need, and that they may give; the others must have theirs soon."""
    now, tenant_id = plant.clock.now(), plant.rig.tenant()
    for station in plant.stations[GIVER:]:
        outside.need(
            station, bay(station), leaves_at=now + timedelta(hours=6), energy_wh=0, gives_w=GIVES_W, spare_wh=10_000
        )
        await station.link.drained()
    worker: Any = None
    jobs = EnergyJobs(worker, plant.tenants, plant.clock)
    for (subject,) in plant.rig.rows("SELECT subject FROM outbox WHERE event = %s", SAID):
        await jobs.needs_said(tenant_id=tenant_id, subject=subject)
    soon = Wants(energy_wh=50_000, departure_at=now + timedelta(hours=2))
    for (session_id,) in plant.rig.rows(
        "SELECT session_id FROM sessions JOIN stations USING (station_id) WHERE identity = ANY(%s)",
        [each.identity for each in plant.stations[:GIVER]],
    ):
        async with plant.tenants.tenant(tenant_id) as conn:
            await store.store_needs(conn, tenant_id, session_id, Source.API, soon, "test", now)
