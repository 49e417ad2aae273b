"""The one control of time: days of a zone, as the clock on its wall counts them."""

from datetime import UTC, datetime, timedelta

import pytest

from forecourt.ui.ranges import ALWAYS, MAX_DAYS, time_range, time_range_to_the_minute

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


def test_a_page_that_shows_everything_is_asked_for_less_by_a_preset() -> None:
    everything = time_range(NIGHT, BERLIN, default=ALWAYS)
    assert (everything.since, everything.until, everything.query) == (None, None, {})
    today = time_range(NIGHT, BERLIN, preset="today", default=ALWAYS)
    assert (today.since, today.query) == (today.start, {"range": "today"})
    assert time_range(NIGHT, BERLIN, preset=ALWAYS).preset == "7d", "it is not offered everywhere"


def test_times_of_day_are_those_of_the_zone_and_survive_in_the_address() -> None:
    span = time_range_to_the_minute(NIGHT, BERLIN, first="2026-02-01T10:30", last="2026-02-01T09:00", default=ALWAYS)
    typed = time_range_to_the_minute(NIGHT, BERLIN, first="2026-02-01 10:30", last="2026-02-01 09:00", default=ALWAYS)
    assert typed == span, "a field has a blank where an address has a T"
    assert (span.start, span.end) == (datetime(2026, 2, 1, 8, tzinfo=UTC), datetime(2026, 2, 1, 9, 30, tzinfo=UTC))
    assert span.query == {"from": "2026-02-01T09:00", "to": "2026-02-01T10:30"}
    assert time_range_to_the_minute(NIGHT, BERLIN, last="2026-02-01T09:00").end - span.start == timedelta(0)
    days = time_range_to_the_minute(NIGHT, BERLIN, first="2026-02-01", last="2026-02-02", default=ALWAYS)
    assert days.query == {"from": "2026-02-01", "to": "2026-02-02"}


@pytest.mark.parametrize("asked", ["0001-01-01T00:00", "9999-12-31T23:59", "T", "2026-02-30T10:00", "nonsense T"])
def test_times_that_are_none_are_the_default(asked: str) -> None:
    span = time_range_to_the_minute(NIGHT, "Pacific/Kiritimati", first=asked, last=asked, default=ALWAYS)
    assert span.query == {}


def test_a_span_of_minutes_is_cut_as_one_of_days() -> None:
    span = time_range_to_the_minute(NIGHT, BERLIN, first="2020-01-01T00:00", last="2026-01-01T00:00")
    assert span.end - span.start == timedelta(days=MAX_DAYS)
