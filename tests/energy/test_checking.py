"""Whether a station holds what it was told: when it is asked, and what its answer means."""

from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from forecourt.energy.dispatch.checking import (
    CHECK_EVERY,
    CHECK_REST,
    CHECK_WAIT,
    QUIET,
    SETTLES_IN,
    Finding,
    Found,
    Held,
    LastCheck,
    Ours,
    compare,
    is_due,
    is_unsaid,
    is_whole,
    of_schedule,
    with_reported,
)
from forecourt.energy.dispatch.profiles import default_profile, running_profile
from forecourt.energy.model import Phases
from forecourt.energy.outside.model import External
from forecourt.ocpp.neutral import ChargingLimit, ChargingProfile, Period, Purpose, Schedule, Unit

NOW = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
S = timedelta(seconds=1)
DEFAULT = default_profile(2, 6_000, Phases.ALL, 690.0, Unit.CURRENT).profile
RUNNING = running_profile(2, "T1", 16_000, Phases.ALL, 690.0, Unit.CURRENT, NOW, NOW + 300 * S).profile
OURS = Ours(evse=2, purpose=Purpose.TX_DEFAULT, stack_level=0, profile_id=20, unit=Unit.CURRENT, most=6_000)


def check(ago: timedelta, answered: timedelta | None = None, *, settled: bool = True) -> LastCheck:
    return LastCheck(
        asked_at=NOW - ago,
        answered_at=None if answered is None else NOW - answered,
        settled_at=NOW - ago if settled else None,
    )


@pytest.mark.parametrize(
    ("last", "connected", "doubtful", "due"),
    [
        (None, SETTLES_IN - S, False, False),
        (None, SETTLES_IN, False, True),
        (check(S, settled=False), timedelta(hours=1), True, False),
        (check(CHECK_WAIT, settled=False), timedelta(minutes=1), True, False),
        (check(CHECK_REST, settled=False), timedelta(minutes=1), False, True),
        (check(CHECK_REST), timedelta(minutes=5), False, True),
        (check(CHECK_REST - S), timedelta(minutes=5), True, False),
        (check(CHECK_REST), timedelta(hours=1), True, True),
        (check(CHECK_REST), timedelta(hours=1), False, False),
        (check(CHECK_EVERY), timedelta(hours=9), False, True),
    ],
)
def test_a_station_is_asked_when_it_is_there_anew_when_it_is_doubtful_and_now_and_then(
    last: LastCheck | None, connected: timedelta, doubtful: bool, due: bool
) -> None:
    assert is_due(last, NOW - connected, doubtful, NOW) is due


def test_a_report_is_whole_when_nothing_more_has_come_for_a_while() -> None:
    assert not is_whole(check(9 * S, None, settled=False), NOW)
    assert not is_whole(check(9 * S, QUIET - S, settled=False), NOW)
    assert is_whole(check(9 * S, QUIET, settled=False), NOW)
    assert not is_whole(check(9 * S, QUIET), NOW)


def held(profile: ChargingProfile, evse: int = 2, source: str = "CSO") -> Held:
    return Held(evse=evse, source=source, profile=profile)


def found(*there: Held, ours: tuple[Ours, ...] = (OURS,)) -> list[tuple[Found, int, int | None]]:
    return [(each.found, each.evse, each.profile_id) for each in compare(there, ours)]


def test_what_is_not_there_or_allows_more_is_lost_and_what_nobody_told_is_of_others() -> None:
    assert found(held(DEFAULT), held(RUNNING)) == []
    assert found() == [(Found.LOST, 2, 20)]
    assert found(held(DEFAULT, evse=1)) == [(Found.LOST, 2, 20), (Found.OTHER, 1, 20)]
    more = replace(DEFAULT, periods=(Period(start_s=0, limit=0), Period(start_s=360, limit=20_000)))
    assert found(held(more)) == [(Found.LOST, 2, 20)]
    unlimited = replace(DEFAULT, periods=(Period(start_s=0),))
    assert found(held(unlimited)) == [(Found.LOST, 2, 20)]
    # In the other unit it can't be compared, and less is as safe.
    watts = replace(more, unit=Unit.POWER)
    assert found(held(watts)) == []
    assert found(held(replace(DEFAULT, periods=DEFAULT.periods[:1]))) == []
    higher = replace(RUNNING, id=77, stack_level=5)
    external = replace(RUNNING, id=78, purpose=Purpose.EXTERNAL)
    assert found(held(DEFAULT), held(higher), held(external, source="EMS")) == [
        (Found.OTHER, 2, 77), (Found.OTHER, 2, 78),
    ]  # fmt: skip


def test_a_limit_that_was_told_without_saying_how_much_is_what_its_station_reports_later() -> None:
    silent = External(station="CP1", said=ChargingLimit(source="EMS", evse=2), since=NOW, said_at=NOW)
    finding = Finding(found=Found.OTHER, evse=2, purpose=Purpose.EXTERNAL, source="EMS", limit=9_000)

    def least(asked: datetime, *findings: Finding) -> int | None:
        last = LastCheck(asked_at=asked, answered_at=asked, settled_at=asked, findings=findings)
        [external] = with_reported([silent], {"CP1": last})
        assert is_unsaid(silent, last) is (asked < NOW)
        return external.least(Unit.CURRENT, NOW, NOW + S)

    assert least(NOW + S, finding) == 9_000
    assert least(NOW - S, finding) is None
    assert least(NOW + S, replace(finding, evse=1), replace(finding, source="SO"), replace(finding, limit=None)) is None
    assert with_reported([silent], {}) == [silent]


def test_a_composite_schedule_is_compared_with_what_was_told() -> None:
    def said(limit: int | None, unit: Unit = Unit.CURRENT) -> Finding | None:
        schedule = Schedule(unit=unit, periods=(Period(start_s=0, limit=limit),))
        return of_schedule(1, schedule, 16_000, 690.0)

    assert said(16_000) is None
    assert said(11_040, Unit.POWER) is None
    assert said(None) is None
    assert of_schedule(1, None, 16_000, 690.0) is None
    assert said(10_000) == Finding(found=Found.LESS, evse=1, limit=10_000, told=16_000)
    assert said(22_080, Unit.POWER) == Finding(found=Found.MORE, evse=1, limit=32_000, told=16_000)
