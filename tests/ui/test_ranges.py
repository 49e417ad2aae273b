"""The one control of time: days of a zone, as the clock on its wall counts them."""

from datetime import UTC, datetime, timedelta

import pytest

from forecourt.ui.ranges import MAX_DAYS, time_range

#: 00:30 of 29 March in Berlin, an hour and a half before its clocks go forward.
NIGHT = datetime(2026, 3, 28, 23, 30, tzinfo=UTC)
BERLIN = "Europe/Berlin"


def test_today_is_the_day_of_the_zone_and_has_23_hours_when_clocks_go_forward() -> None:
    berlin, utc = time_range(NIGHT, BERLIN, preset="today"), time_range(NIGHT, "UTC", preset="today")
    assert (berlin.first.day, utc.first.day) == (29, 28)
    assert berlin.end - berlin.start == timedelta(hours=23)
    assert utc.end - utc.start == timedelta(hours=24)
    assert berlin.start == datetime(2026, 3, 28, 23, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("preset", "first", "last"),
    [("today", 29, 29), ("yesterday", 28, 28), ("7d", 23, 29), ("month", 1, 29), ("nonsense", 23, 29)],
)
def test_presets_end_with_today_and_an_unknown_one_is_the_default(preset: str, first: int, last: int) -> None:
    span = time_range(NIGHT, BERLIN, preset=preset)
    assert (span.first.day, span.last.day) == (first, last)
    assert (span.start < span.end, span.start.tzinfo) == (True, UTC)


def test_two_days_win_over_a_preset_in_whatever_order_and_both_belong_to_the_span() -> None:
    span = time_range(NIGHT, BERLIN, preset="today", first="2026-02-03", last="2026-02-01")
    assert span.preset == "custom"
    assert span.end - span.start == timedelta(days=3)
    assert span.query == {"from": "2026-02-01", "to": "2026-02-03"}
    assert time_range(NIGHT, BERLIN, last="2026-02-03").query == {"from": "2026-02-03", "to": "2026-02-03"}


@pytest.mark.parametrize("asked", ["2026-02-30", "yesterday", "0001-01-01", "9999-12-31", "\x00", "2026-02-01T00:00"])
def test_days_that_are_none_are_the_default(asked: str) -> None:
    assert time_range(NIGHT, "Pacific/Kiritimati", first=asked, last=asked).query == {}


def test_a_span_of_years_is_cut_and_says_so_in_its_address() -> None:
    span = time_range(NIGHT, BERLIN, first="2020-01-01", last="2026-01-01")
    assert span.last - span.first == timedelta(days=MAX_DAYS - 1)
    assert span.query["to"] == span.last.isoformat()
