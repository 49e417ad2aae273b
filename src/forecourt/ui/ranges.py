"""The one control by which a page chooses a span of time: presets or two days, in the address, in one zone.

A day is what the clock on the wall of a zone calls one, so it has 23 or 25 hours twice a year. The span begins with its
first day and ends before the day behind its last. Where minutes count, a page takes times of day in their place.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Final
from zoneinfo import ZoneInfo

from litestar.params import QueryParameter
from msgspec import Struct, structs

from forecourt.platform.days import midnight, month_of
from forecourt.ui.i18n import mark

#: Days that two chosen dates may span; longer spans are cut at the end.
MAX_DAYS: Final = 400
CUSTOM: Final = "custom"
DEFAULT: Final = "7d"
#: No span at all, which a page may offer besides.
ALWAYS: Final = "all"
#: What a person reads for each preset, in the order of the control.
PRESETS: Final = {
    "today": mark("Today"),
    "yesterday": mark("Yesterday"),
    "7d": mark("7 days"),
    "month": mark("This month"),
}
#: The same for pages that tell of long times.
LONG_PRESETS: Final = {
    "7d": mark("7 days"),
    "30d": mark("30 days"),
    "month": mark("This month"),
    "12m": mark("12 months"),
}
#: The same for pages that show everything unless they are asked for less.
PRESETS_OR_ALWAYS: Final = {ALWAYS: mark("Whenever"), **PRESETS}

RangeWord = Annotated[str, QueryParameter(name="range", max_length=20)]
FromDay = Annotated[str, QueryParameter(name="from", max_length=10)]
ToDay = Annotated[str, QueryParameter(name="to", max_length=10)]
FromTime = Annotated[str, QueryParameter(name="from", max_length=25)]
ToTime = Annotated[str, QueryParameter(name="to", max_length=25)]
Href = Callable[..., str]
DAY: Final = timedelta(days=1)
#: Times of day that a zone can be put to.
LEAST: Final = datetime(1970, 1, 1, tzinfo=UTC)
MOST: Final = datetime(9000, 1, 1, tzinfo=UTC)


class TimeRange(Struct, frozen=True, kw_only=True):
    """A span of time: `start` belongs to it, `end` does not (UTC); `first` and `last` are its days in `zone`."""

    preset: str
    zone: str
    first: date
    last: date
    start: datetime
    end: datetime
    default: str = DEFAULT
    #: Chosen to the minute: `start` and `end` are times of day and not the ends of days.
    timed: bool = False

    @property
    def since(self) -> datetime | None:
        """`start`, or None where everything is meant."""
        return None if self.preset == ALWAYS else self.start

    @property
    def until(self) -> datetime | None:
        """`end`, or None where everything is meant."""
        return None if self.preset == ALWAYS else self.end

    @property
    def query(self) -> Mapping[str, str]:
        """How an address says it; the default is not said. A named `range` of None takes a custom one away."""
        if self.timed:
            return {"from": self.local(self.start), "to": self.local(self.end)}
        if self.preset == CUSTOM:
            return {"from": self.first.isoformat(), "to": self.last.isoformat()}
        return {} if self.preset == self.default else {"range": self.preset}

    def local(self, at: datetime) -> str:
        """A moment in the zone, to the minute, as addresses say it; a field has a blank for the T."""
        return at.astimezone(ZoneInfo(self.zone)).strftime("%Y-%m-%dT%H:%M")


def time_range(
    now: datetime, zone: str, *, preset: str = "", first: str = "", last: str = "", default: str = DEFAULT
) -> TimeRange:
    """The span that an address asks for; what it asks in a way that can't be read is the default's.

    `first` and `last` are ISO dates; one alone means that one day. Both win over a preset.
    """
    today = now.astimezone(ZoneInfo(zone)).date()
    days = _dates(first, last)
    if days is not None:
        begin, end = days
        chosen = CUSTOM
    else:
        chosen = preset if preset in PRESETS or preset in LONG_PRESETS or preset == default else default
        begin, end = _of_preset(chosen, today)
    return TimeRange(
        preset=chosen,
        zone=zone,
        first=begin,
        last=end,
        start=midnight(begin, ZoneInfo(zone)),
        end=midnight(end + timedelta(days=1), ZoneInfo(zone)),
        default=default,
    )


def time_range_to_the_minute(
    now: datetime, zone: str, *, preset: str = "", first: str = "", last: str = "", default: str = DEFAULT
) -> TimeRange:
    """The same, where `first` and `last` may be local times of day; the one that is left out is a day apart."""
    begin, end = _moment(first, zone), _moment(last, zone)
    whole = time_range(now, zone, preset=preset, first=first, last=last, default=default)
    if begin is None and end is None:
        return whole
    begin = begin if begin is not None else max(end - DAY, LEAST) if end is not None else LEAST
    end = end if end is not None else begin + DAY
    begin, end = min(begin, end), min(max(begin, end), min(begin, end) + timedelta(days=MAX_DAYS))
    days = [each.astimezone(ZoneInfo(zone)).date() for each in (begin, end)]
    return structs.replace(whole, preset=CUSTOM, first=days[0], last=days[1], start=begin, end=end, timed=True)


def _moment(text: str, zone: str) -> datetime | None:
    """A local time of day; None for what is none, such as a day alone."""
    if "T" not in text and " " not in text:
        return None
    try:
        at = datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return at if LEAST < at < MOST else None


def _of_preset(preset: str, today: date) -> tuple[date, date]:
    if preset == "yesterday":
        return today - timedelta(days=1), today - timedelta(days=1)
    if preset == "7d":
        return today - timedelta(days=6), today
    if preset == "30d":
        return today - timedelta(days=29), today
    if preset == "12m":
        return today - timedelta(days=364), today
    if preset == ALWAYS:
        return today, today
    if preset == "month":
        return month_of(today), today
    return today, today


def _dates(first: str, last: str) -> tuple[date, date] | None:
    try:
        begin = date.fromisoformat(first or last)
        end = date.fromisoformat(last or first)
    except ValueError:
        return None
    begin, end = min(begin, end), max(begin, end)
    # The ends of the calendar have no midnight in every zone.
    if not date.min + timedelta(days=2) < begin <= end < date.max - timedelta(days=MAX_DAYS + 2):
        return None
    return begin, min(end, begin + timedelta(days=MAX_DAYS - 1))
