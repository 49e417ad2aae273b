"""Dynamic profiles of OCPP 2.1: what is said to whom, and over real sockets that limits hold with them and without a
planner."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from msgspec.structs import replace

from forecourt.energy.dispatch.dynamic import DYNAMIC_FOR, REFUSED_FOR, HeldDynamic, Settled, said_dynamically, settled
from forecourt.energy.dispatch.profiles import running_profile
from forecourt.energy.dispatch.times import CLOCK_MARGIN, LOW_VALID_FOR, PAUSE, VALID_FOR
from forecourt.energy.model import Phases
from forecourt.ocpp.neutral import CommandAnswer, Kind, Period, SetChargingProfile, Unit, UpdateDynamicSchedule
from forecourt.platform.errors import ForecourtError
from forecourt.simulator.car import Car
from forecourt.simulator.faults import PERFECT, Cut
from forecourt.simulator.fleet import DIALECTS
from forecourt.simulator.station import Station
from forecourt.stations.call_faults import StationOffline, StationTimeout
from tests.energy.test_loop import (  # noqa: F401
    CALM,
    CAR,
    CUT_A,
    DEFAULT_A,
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

NOW = datetime(2026, 3, 23, 9, 0, tzinfo=UTC)
S = timedelta(seconds=1)
SESSION = UUID(int=1)
HELD = HeldDynamic(session_id=SESSION, lasts=VALID_FOR, until=NOW + timedelta(minutes=10), held_at=NOW - 60 * S)


def whole(limit_ma: int = 16_000) -> SetChargingProfile:
    return running_profile(2, "t1", limit_ma, Phases.ALL, 690.0, Unit.CURRENT, NOW, NOW + VALID_FOR)


def said(held: HeldDynamic | None, valid_for: timedelta = VALID_FOR, booted_at: datetime | None = None) -> Any:
    return said_dynamically(whole(), held, SESSION, NOW, NOW + valid_for, booted_at)


def test_a_limit_is_said_as_a_dynamic_profile_that_ends_by_itself_and_then_by_its_change_alone() -> None:
    first = said(HeldDynamic())
    assert isinstance(first, SetChargingProfile)
    profile = first.profile
    assert (profile.kind, profile.start_at, profile.updated_at) == (Kind.DYNAMIC, None, NOW)
    assert (profile.duration_s, profile.update_interval_s, profile.valid_to) == (300, 240, NOW + DYNAMIC_FOR)
    assert (profile.id, profile.transaction_id, profile.periods) == (21, "t1", whole().profile.periods)
    assert said(HELD) == UpdateDynamicSchedule(profile_id=21, unit=Unit.CURRENT, limit=16_000)


@pytest.mark.parametrize(
    ("held", "valid_for", "booted_at"),
    [
        pytest.param(replace(HELD, session_id=uuid4()), VALID_FOR, None, id="of another session"),
        pytest.param(replace(HELD, held_at=None), VALID_FOR, None, id="nobody knows whether it is held"),
        pytest.param(HELD, VALID_FOR, NOW - 30 * S, id="booted since"),
        pytest.param(HELD, LOW_VALID_FOR, None, id="to hold longer"),
        pytest.param(replace(HELD, until=NOW + VALID_FOR - S), VALID_FOR, None, id="ends before"),
        pytest.param(replace(HELD, refused_at=NOW - REFUSED_FOR, held_at=None), VALID_FOR, None, id="refused long ago"),
    ],
)
def test_a_profile_is_said_anew_wherever_its_change_would_not_do(
    held: HeldDynamic, valid_for: timedelta, booted_at: datetime | None
) -> None:
    found = said(held, valid_for, booted_at)
    assert isinstance(found, SetChargingProfile)
    assert found.profile.kind is Kind.DYNAMIC


def test_a_station_that_takes_none_is_told_the_limit_as_any_other() -> None:
    assert said(None) == said(replace(HELD, refused_at=NOW - 60 * S)) == whole()
    two = replace(whole().profile, periods=(*whole().profile.periods, Period(start_s=60, limit=0)))
    assert said_dynamically(replace(whole(), profile=two), HELD, SESSION, NOW, NOW + VALID_FOR, None) == replace(
        whole(), profile=two
    )


CHANGE = UpdateDynamicSchedule(profile_id=21, unit=Unit.CURRENT, limit=16_000)
YES, NO = (CommandAnswer(accepted=accepted, status=str(accepted)) for accepted in (True, False))


@pytest.mark.parametrize(
    ("command", "answer", "came"),
    [
        (said(HeldDynamic()), YES, Settled.HELD),
        (said(HeldDynamic()), NO, Settled.REFUSED),
        (said(HeldDynamic()), StationOffline(), None),
        (CHANGE, YES, None),
        (CHANGE, NO, Settled.LOST),
        pytest.param(CHANGE, StationOffline(), Settled.LOST, id="it never heard of it, and mustn't by asking"),
        pytest.param(CHANGE, StationTimeout(), None, id="it may have heard of it, which counts"),
        (whole(), NO, None),
    ],
)
def test_only_what_counts_is_answered_to_a_station_that_asks(
    command: SetChargingProfile | UpdateDynamicSchedule, answer: CommandAnswer | ForecourtError, came: Settled | None
) -> None:
    assert settled(command, answer) is came


async def station(rig: Rig, clock: StepClock, site_id: int, number: int) -> Station:  # noqa: F811
    identity = f"DYN-{number}"
    await rig.register(identity)
    rig.admin.execute("UPDATE stations SET site_id = %s WHERE identity = %s", (site_id, identity))
    rig.admin.execute(
        "INSERT INTO station_variables (station_id, component, variable, attribute, tenant_id, value, read_only,"
        " secret, read_at) SELECT station_id, 'SmartChargingCtrlr', 'SupportsDynamicProfiles', 'Actual', tenant_id,"
        " 'true', true, false, now() FROM stations WHERE identity = %s",
        (identity,),
    )
    url = f"ws://127.0.0.1:{rig.port}/ocpp"
    return Station(identity, MAKE, DIALECTS["2.1"], clock, url=url, password=PASSWORD, habits=PERFECT)


def told(plant: Plant, identity: str) -> dict[str, int]:
    """How often a station was told limits of transactions, by the call."""
    return dict(
        plant.rig.rows(
            "SELECT c.action, count(*) FROM commands c JOIN charging_orders o USING (command_id)"
            " JOIN stations s ON s.station_id = c.station_id WHERE s.identity = %s GROUP BY 1",
            identity,
        )
    )


def renewing(plant: Plant, *, known: bool) -> None:
    """Whether changes are known to renew dynamic profiles at this site."""
    plant.rig.admin.execute("UPDATE energy_sites SET dynamic_profiles = %s WHERE site_id = %s", (known, plant.site_id))


async def without_planner(plant: Plant, during: timedelta) -> list[float]:
    """Let time pass while nobody plans."""
    worst = []
    for _ in range(during // CALM):
        plant.clock.at += CALM
        await plant.stations_live()
        worst.append(plant.drawn_a())
    return worst


async def test_limits_hold_by_changes_of_dynamic_profiles_which_run_out_when_none_come(
    stepped: StepClock,  # noqa: F811
    rig: Rig,  # noqa: F811
) -> None:
    site_id = site_of(rig)
    stations = [await station(rig, stepped, site_id, number) for number in range(3)]
    first, second, refuser = stations
    # It says that it takes them, and doesn't.
    refuser.dialect.dynamic = False
    async with planted(rig, stepped, site_id, stations, tree_of(stations)) as plant:
        await all_connected(plant)
        renewing(plant, known=True)
        await plant.go(timedelta(seconds=20))
        for each in stations:
            bay(each).plug_in(Car(CAR, 0.2), plant.clock.now())
            bay(each).present("CARD", plant.clock.now())
        begun = await plant.go(timedelta(minutes=2))
        assert plant.limits_a() == pytest.approx([20, 20, 20], abs=1)
        kinds = [{each.kind for each in one.limits if each.purpose == "TxProfile"} for one in stations]
        assert kinds == [{"Dynamic"}, {"Dynamic"}, {"Absolute"}]
        steady = await plant.go(timedelta(minutes=6), CALM)
        await limit_site(plant, CUT_A)
        cut = await plant.go(timedelta(minutes=1))
        assert max(begun[-5:] + steady) <= LIMIT_A * NEARLY
        assert min(steady) >= LIMIT_A * 0.95
        assert max(cut[-8:]) <= CUT_A * NEARLY
        assert plant.limits_a() == pytest.approx([15, 15, 15], abs=1)
        # Most of what was said was a change; the one that takes none was told one, and then as any other.
        calls = told(plant, first.identity)
        assert calls["UpdateDynamicSchedule"] >= 3 > calls["SetChargingProfile"] >= 1
        assert "UpdateDynamicSchedule" not in told(plant, refuser.identity)
        assert rig.rows("SELECT count(*) FROM charging_orders WHERE accepted = false AND NOT unsent") == [(0,)]

        # One loses its profile: its change is refused, and the whole of it told again.
        for profile in list(second.limits):
            if profile.purpose == "TxProfile":
                second.limits.clear(profile.id, None, None, None)
        lost = await plant.go(timedelta(minutes=4), CALM)
        assert [each.kind for each in second.limits if each.purpose == "TxProfile"] == ["Dynamic"]
        assert max(lost) <= CUT_A * NEARLY
        refused = rig.rows("SELECT DISTINCT status FROM charging_orders WHERE unsent ORDER BY 1")
        assert refused == [("Rejected",)]

        # Nobody plans any more: they ask, are answered what was wanted last, and then nothing.
        asked = "SELECT count(*) FROM charging_orders WHERE status = 'Asked'"
        alone = await without_planner(plant, timedelta(minutes=5))
        assert rig.rows(asked) == [(2,)]
        alone += await without_planner(plant, VALID_FOR + PAUSE)
        assert rig.rows(asked) == [(2,)]
        assert max(alone) <= CUT_A * NEARLY
        assert plant.limits_a() == pytest.approx([DEFAULT_A] * 3, abs=0.1)
        # What they were answered counted as long as they went by it.
        [(until,)] = rig.rows("SELECT max(valid_to) FROM charging_orders WHERE status = 'Asked'")
        assert until + CLOCK_MARGIN <= plant.clock.now()
        # A planner that is there again changes what is over, and it holds again.
        again = await plant.go(timedelta(minutes=2), CALM)
        assert max(again) <= CUT_A * NEARLY
        assert plant.limits_a() == pytest.approx([15, 15, 15], abs=1)
        # Somebody doubts that changes renew them: what is told next is no dynamic profile, and nobody is answered.
        renewing(plant, known=False)
        again = await plant.go(timedelta(minutes=3), CALM)
        assert max(again) <= CUT_A * NEARLY
        kinds = [{each.kind for each in one.limits if each.purpose == "TxProfile"} for one in stations]
        assert kinds == [{"Absolute"}] * 3
        assert rig.rows("SELECT count(*) FROM dynamic_profiles WHERE held_at IS NOT NULL") == [(0,)]
        first.link.stop(Cut.ABORT)
        away = await plant.go(VALID_FOR + PAUSE, CALM)
        assert max(away) <= CUT_A * NEARLY
        assert plant.limits_a()[0] == pytest.approx(DEFAULT_A, abs=0.1)
