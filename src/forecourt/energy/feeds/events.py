"""What the events of grid operators allow, and from when to when. Pure."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from forecourt.energy.feeds.model import Allowed, FeedFailed, Level, OpenAdr2, OpenAdr3, in_watts

_DURATION: Final = re.compile(
    r"P(?:(?P<weeks>\d+)W)?(?:(?P<days>\d+)D)?"
    r"(?:T(?:(?P<hours>\d+)H)?(?:(?P<minutes>\d+)M)?(?:(?P<seconds>\d+(?:\.\d+)?)S)?)?"
)
#: What stands for no end (ISO 8601, OpenADR 3).
_FOR_EVER: Final = frozenset({"P9999Y", "PT0S", "P0D"})
_LONGEST: Final = timedelta(days=366)
#: Times beyond these count as these: no clock can be reckoned with near the ends of the calendar.
_EARLIEST: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LATEST: Final = datetime(2200, 1, 1, tzinfo=UTC)
_LEVELS: Final[Mapping[int, Level]] = {1: "1", 2: "2", 3: "3"}


def shifted(feed_id: int, event_id: str, within: timedelta) -> timedelta:
    """By how much an event begins later that may begin within a time, so that not all begin at once: always the same of
    one event."""
    digest = hashlib.sha256(f"{feed_id}:{event_id}".encode()).digest()
    return timedelta(seconds=int(within / timedelta(seconds=1) * int.from_bytes(digest[:4], "big") / 2**32))


def duration_of(text: str | None) -> timedelta | None:
    """An ISO 8601 duration; None for one without end. Raises FeedFailed."""
    if not text or text in _FOR_EVER:
        return None
    found = _DURATION.fullmatch(text)
    if found is None or not any(found.groups()):
        raise FeedFailed("unreadable", f"a duration {text[:40]!r}")
    parts = {name: float(value) for name, value in found.groupdict().items() if value}
    if sum(parts.values()) > 10**8:
        raise FeedFailed("unreadable", f"a duration {text[:40]!r}")
    length = timedelta(**parts)
    return None if length > _LONGEST else length


def moment(text: Any) -> datetime:
    """A time with its zone, from 1970 to 2200. Raises FeedFailed."""
    try:
        at = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        raise FeedFailed("unreadable", f"a time {str(text)[:40]!r}") from None
    if at.tzinfo is None:
        raise FeedFailed("unreadable", f"a time without a zone {str(text)[:40]!r}")
    return min(max(at, _EARLIEST), _LATEST)


def of_level(source: OpenAdr2 | OpenAdr3, value: Any) -> int | None:
    """What a SIMPLE level allows; None: everything. A level that the feed says nothing of allows what the one below
    does: no level allows more than a lower one. Raises FeedFailed for what is no level."""
    if isinstance(value, bool) or value not in (0, 1, 2, 3):
        raise FeedFailed("unreadable", f"a level {str(value)[:40]!r}")
    said = [source.levels[_LEVELS[level]] for level in range(1, int(value) + 1) if _LEVELS[level] in source.levels]
    return min(said, default=None)


def limits_of(source: OpenAdr2, feed_id: int, event: Mapping[str, Any]) -> tuple[list[Allowed], list[str]]:
    """The limits of an OpenADR 2.0b event as openleadr reads it, and the names of its signals that are not followed.

    Followed are SIMPLE levels, LOAD_CONTROL as a share of full load (x-loadControlCapacity) or a power
    (x-loadControlSetpoint), and LOAD_DISPATCH as a power (setpoint). Raises FeedFailed.
    """
    event_id = str(event["event_descriptor"]["event_id"])
    period: Mapping[str, Any] = event["active_period"]
    later = shifted(feed_id, event_id, _may_begin_within(period))
    found: list[Allowed] = []
    left_out: list[str] = []
    signals = event["event_signals"]
    for number, signal in enumerate(signals if isinstance(signals, list) else signals["event_signals"]):
        at: datetime = period["dtstart"]
        for place, interval in enumerate(signal["intervals"]):
            starts_at: datetime = interval.get("dtstart") or at
            length: timedelta = interval.get("duration") or timedelta()
            at = starts_at + length
            power_w, is_followed = _allows(source, signal, interval.get("signal_payload"))
            if not is_followed:
                left_out.append(f"{signal['signal_name']} {signal['signal_type']}")
                break
            if power_w is not None:
                name = f"{event_id[:180]}/{number}.{place}"
                # A duration of nothing is one without end.
                ends_at = at + later if length else None
                found.append(Allowed(external_id=name, limit_w=power_w, starts_at=starts_at + later, ends_at=ends_at))
    return found, left_out


def _may_begin_within(period: Mapping[str, Any]) -> timedelta:
    """The time within which an event may begin."""
    tolerance = period.get("tolerance") or {}
    within = (tolerance.get("tolerate") or tolerance).get("startafter")
    return within if isinstance(within, timedelta) else timedelta()


def _allows(source: OpenAdr2, signal: Mapping[str, Any], value: Any) -> tuple[int | None, bool]:
    """What an interval allows (None: everything), and whether such a signal is followed."""
    name, kind = signal["signal_name"], signal["signal_type"]
    if name.upper() == "SIMPLE":
        return of_level(source, value), True
    if name == "LOAD_CONTROL" and kind == "x-loadControlCapacity" and source.full_w is not None:
        if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
            raise FeedFailed("unreadable", f"a share {str(value)[:40]!r}")
        return (None, True) if value >= 1 else (int(source.full_w * value), True)
    if (name, kind) in (("LOAD_CONTROL", "x-loadControlSetpoint"), ("LOAD_DISPATCH", "setpoint")):
        power_w = in_watts(value, _units(signal.get("measurement")))
        return power_w, power_w is not None
    return None, False


def _units(measurement: Mapping[str, Any] | None) -> str | None:
    """`KW` for kilowatts; `?` for what is no active power."""
    if measurement is None:
        return None
    if str(measurement.get("unit", "W")).upper() != "W":
        return "?"
    return {"none": "W", "k": "KW", "M": "MW"}.get(str(measurement.get("scale") or "none"), "?")


def decimal_of(value: Any) -> Decimal:
    """A price or an intensity as it is written. Raises FeedFailed."""
    try:
        found = Decimal(str(value))
    except InvalidOperation:
        found = Decimal("NaN")
    if isinstance(value, bool) or not found.is_finite() or abs(found) > 10**6:
        raise FeedFailed("unreadable", f"a value {str(value)[:40]!r}")
    return found


def first(values: Sequence[Any]) -> Any:
    """The value of a payload. Raises FeedFailed where there is none."""
    if not values:
        raise FeedFailed("unreadable", "a payload without a value")
    return values[0]
