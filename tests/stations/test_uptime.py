from datetime import datetime, timedelta

import pytest

from forecourt.stations.store import ChangeRow, GapRow
from forecourt.stations.uptime import uptime
from tests.support import EPOCH


def at(minutes: int) -> datetime:
    return EPOCH + timedelta(minutes=minutes)


def said(minutes: int, state: str, evse: int = 1, error_code: str | None = None) -> ChangeRow:
    return ChangeRow(
        evse=evse, connector=0 if evse == 0 else 1, state_at=at(minutes), state=state, error_code=error_code
    )


def gone(begin: int, end: int | None) -> GapRow:
    return GapRow(lost_at=at(begin), returned_at=None if end is None else at(end))


def permille(changes: list[ChangeRow], *gaps: GapRow) -> int | None:
    """Over the 100 minutes from EPOCH on."""
    return uptime(changes, gaps, at(0), at(100)).usable_permille


def test_a_station_is_usable_while_one_of_its_connectors_is() -> None:
    one = [said(-5, "Available"), said(50, "Faulted"), said(80, "Available")]
    assert permille(one) == 700
    other = [said(-5, "Available", evse=2), said(70, "Unavailable", evse=2)]
    assert permille([*one, *other]) == 900


def test_without_a_connection_nothing_is_usable_whatever_was_said_last() -> None:
    assert permille([said(-5, "Charging")], gone(20, 40)) == 800
    assert permille([said(-5, "Available")], gone(20, 40), gone(90, None)) == 700
    assert permille([said(-5, "Available")], gone(-60, None)) == 0


def test_a_fault_during_a_gap_is_not_counted_twice() -> None:
    assert permille([said(-5, "Available"), said(30, "Faulted"), said(50, "Available")], gone(20, 40)) == 700


def test_a_connector_that_said_nothing_yet_makes_no_one_usable() -> None:
    assert permille([]) is None
    assert permille([said(60, "Available")]) == 400
    assert permille([said(0, "Available", evse=0)]) is None


def test_a_state_said_again_goes_on_and_bands_are_cut_to_the_span() -> None:
    found = uptime([said(-30, "Available"), said(10, "Available"), said(40, "Charging")], [], at(0), at(100))
    [strip] = found.strips
    assert [(band.state, band.began_at, band.ended_at) for band in strip.bands] == [
        ("Available", at(0), at(40)),
        ("Charging", at(40), at(100)),
    ]


def test_the_time_without_connection_is_that_within_the_span() -> None:
    found = uptime([], [gone(-10, 5), gone(95, 130)], at(0), at(100))
    assert found.gap_s == 10 * 60
    assert len(found.gaps) == 2


@pytest.mark.parametrize("end", [0, -5])
def test_a_span_without_length_has_no_availability(end: int) -> None:
    assert uptime([said(-9, "Available")], [], at(0), at(end)).usable_permille is None
