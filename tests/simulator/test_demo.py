"""The demo fleet lives: cars come and go, most things work, some don't."""

import asyncio
from collections import Counter

import pytest

from forecourt.simulator import fleet
from forecourt.simulator.clock import JumpClock
from forecourt.simulator.demo import BROKEN_BAYS, LOST_STATIONS, Demo
from tests.simulator.conftest import START
from tests.simulator.csms import Stub


async def quiet(stub: Stub, demo: Demo) -> None:
    """Wait until what the stations had to say at this moment is said."""
    for station in demo.stations:
        if station.link.wanted and station.link.online:
            await station.link.drained()
    heard = -1
    while heard != len(stub.heard):
        heard = len(stub.heard)
        await asyncio.sleep(0.01)


async def test_after_minutes_about_half_of_the_bays_charge_and_little_is_broken() -> None:
    async with Stub() as stub:
        clock = JumpClock(START)
        demo = Demo(stub.url, clock, "secret", seed=1)
        for station in demo.stations:
            station.power_on()
        await stub.until(lambda: all(station.accepted for station in demo.stations))
        changes = []
        for _ in range(120):
            clock.advance(5)
            heard = len(stub.heard)
            demo.beat()
            for station in demo.stations:
                station.advance()
            await quiet(stub, demo)
            changes.append(len(stub.heard) - heard)
        bays = [bay for station in demo.stations for bay in station.bays]
        states = Counter(bay.status for bay in bays)
        taken = states["Charging"] + states["SuspendedEV"]
        assert 0.3 * len(bays) < taken < 0.85 * len(bays)
        assert states["Charging"] > 0.25 * len(bays)
        assert sum(bay.error != "NoError" for bay in bays) <= BROKEN_BAYS
        assert sum(not station.link.wanted for station in demo.stations) <= LOST_STATIONS
        assert sum(change > 0 for change in changes) > 100

        demo.close()
        for station in demo.stations:
            station.link.start()
            await station.link.drained()
            station.power_off()
        assert stub.faults == []
        assert not any(bay.tx for bay in bays)


async def test_whom_the_demo_has_go_out_of_reach_it_names_so_that_nobody_takes_it_for_a_fault() -> None:
    async with Stub() as stub:
        clock = JumpClock(START)
        told: list[str] = []
        demo = Demo(stub.url, clock, "secret", seed=1, tell=told.append)
        for station in demo.stations:
            station.power_on()
        await stub.until(lambda: all(station.accepted for station in demo.stations))
        back_at: dict[str, str] = {}
        losses = 0
        while losses < 2 * LOST_STATIONS:
            clock.advance(5)
            away = {station.identity for station in demo.stations if not station.link.wanted}
            demo.beat()
            assert len(told) <= 1
            gone = {station.identity for station in demo.stations if not station.link.wanted}
            for line in told:
                [identity] = gone - away
                losses += 1
                back_at[identity] = line.partition(" until ")[2][:8]
                assert line == f"{identity} is out of reach until {back_at[identity]} UTC, as the demo has it."
            assert gone - away <= back_at.keys()
            assert all(f"{clock.now():%H:%M:%S}" >= back_at[identity] for identity in away - gone)
            told.clear()
        for station in demo.stations:
            station.power_off()


def test_the_fleet_is_some_sixty_stations_of_three_versions_in_a_tree_of_sites_under_names_of_their_own() -> None:
    demo = Demo("ws://nowhere", JumpClock(START), None, seed=1)
    assert 55 <= len(demo.stations) <= 65
    assert len({station.identity for station in demo.stations}) == len(demo.stations)
    versions = Counter(station.dialect.subprotocol for station in demo.stations)
    assert set(versions) == {"ocpp1.6", "ocpp2.0.1", "ocpp2.1"}
    assert min(versions.values()) > 15
    powers = {station.make.power_w for station in demo.stations}
    assert {11_000, 22_000, 50_000, 150_000, 300_000} <= powers
    assert all(site.latitude and site.longitude for site in demo.sites if site.city)
    stands_at = {registered.site for registered in demo.registered}
    known: list[str] = []
    for site in demo.sites:
        assert site.parent is None or site.parent in known, "what a site is part of is made before it"
        known.append(site.slug)
    assert len(set(known)) == len(known)
    assert stands_at < set(known)
    parts = {site.slug: site.parent for site in demo.sites}
    assert any(parts.get(parts[slug or ""] or "") for slug in stands_at), "region, site, part"
    assert len({registered.name for registered in demo.registered}) == len(demo.stations)


def test_the_offices_have_regulars_who_come_together_and_could_be_full_long_before_they_leave() -> None:
    clock = JumpClock(START)
    demo = Demo("ws://nowhere", clock, None, seed=1)
    bays = list(demo.regulars.cards)
    assert {f"{each['station']}:{each['evse']}" for each in demo.wiring.electrics["evses"]} == {
        f"{station}:{bay}" for station, bay in bays
    }
    assert set(demo.regulars.cards.values()) <= demo.tokens.keys()
    demo.regulars.begin(clock.now())
    clock.advance(3_700)
    assert all(3_500 <= demo.regulars.comes_in_s(clock.now()) <= 3_650 for _ in bays)
    for bay in bays:
        car, card, stay_s = demo.regulars.arrive(bay, clock.now())
        need = demo.regulars.needs[card]
        assert (car.target - car.soc) * car.model.battery_wh == pytest.approx(need.energy_wh)
        assert need.energy_wh / 11_000 * 3_600 < stay_s / 2
        assert abs((need.departure_at - clock.now()).total_seconds() - stay_s) < 1


def test_registers_never_run_back_when_the_demo_starts_again_later() -> None:
    later = JumpClock(START)
    later.advance(3_600)
    before, after = (Demo("ws://nowhere", clock, None, seed=1).stations for clock in (JumpClock(START), later))
    for old, new in zip(before, after, strict=True):
        assert new.identity == old.identity
        most_wh = min(old.make.power_w, 20_000)
        assert new.bays[0].register_wh >= old.bays[0].register_wh + most_wh * 0.99 or new.make.power_w > 30_000


def test_passwords_come_back_with_the_same_secret_and_differ_by_station() -> None:
    assert fleet.password("s", "CP1") == fleet.password("s", "CP1")
    assert fleet.password("s", "CP1") != fleet.password("s", "CP2")
    assert fleet.password("s", "CP1") != fleet.password("t", "CP1")
    assert len(bytes.fromhex(fleet.password("s", "CP1"))) == 16
