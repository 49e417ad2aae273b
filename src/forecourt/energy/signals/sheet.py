"""Series of prices and CO2 intensities as sheets hold them: CSV of times and values. Pure.

The head names what is in a column: `utc` or `start` is when a value begins to hold, `eur_per_mwh` a price of the day
ahead in EUR, `g_per_kwh` CO2. Lines that begin with # are notes.
"""

import csv
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from itertools import pairwise
from typing import Final

from msgspec import Struct

from forecourt.energy.errors import Faulty
from forecourt.energy.model import Fault
from forecourt.energy.signals.model import MAX_PLACES, SeriesKind, Span, is_in_reach
from forecourt.ui.i18n import mark

#: Values of one sheet.
MAX_VALUES: Final = 40_000
#: What a value holds for where the next one doesn't tell: the market's hour.
_USUAL_MIN: Final = 60
#: Where in a sheet something is wrong is told of so many lines.
MAX_TOLD: Final = 20
_TIMES: Final = ("utc", "start", "start_at", "time", "timestamp", "datetime")
_PRICE: Final = re.compile(r"([a-z]{3})_per_(mwh|kwh)")
_CO2: Final = {"g_per_kwh": Decimal(1), "kg_per_mwh": Decimal(1), "t_per_mwh": Decimal(1000)}
_MOST: Final = Decimal(10**6)
_TOO_FAR: Final = mark("the time is more than two years ahead or thirty years past")


class SeriesRefused(Faulty):
    """The sheet can't be read as a series. Mend the lines that are named and send it again."""

    code = "series-refused"


class _Unread(ValueError):
    """A line can't be read."""

    def __init__(self, words: str, **values: object) -> None:
        super().__init__(words)
        self.fault = Fault(words=words, values=values)


class Series(Struct, frozen=True, kw_only=True):
    """The values of a sheet in the order of their times; prices in `currency`."""

    currency: str | None
    spans: tuple[Span, ...]


def read_series(text: str, kind: SeriesKind, source: str, fetched_at: datetime) -> Series:
    """The series of a sheet, whole: nothing of it is taken if a line is wrong. Raises SeriesRefused."""
    lines = (
        (number, line)
        for number, line in enumerate(text.removeprefix("\ufeff").splitlines(), 1)
        if line.strip() and not line.startswith("#")
    )
    head = next(lines, None)
    if head is None:
        raise _refused([Fault(words=mark("the sheet is empty; its first line names the columns: utc,eur_per_mwh"))])
    delimiter = ";" if head[1].count(";") > head[1].count(",") else ","
    names = [name.strip().lower() for name in head[1].split(delimiter)]
    time_at = next((number for number, name in enumerate(names) if name in _TIMES), None)
    value_at, factor, currency = _value_column(names, kind)
    if time_at is None or value_at is None:
        wanted = "eur_per_mwh" if kind == "price" else "g_per_kwh"
        words = mark("line %(line)s must name the columns: one of %(times)s, and one as %(wanted)s")
        named = {"line": head[0], "times": ", ".join(_TIMES), "wanted": wanted}
        raise _refused([Fault(words=words, values=named)])
    values: dict[datetime, Decimal] = {}
    wrong: list[Fault] = []
    for number, line in lines:
        try:
            at, value = _read(next(csv.reader([line], delimiter=delimiter)), time_at, value_at, names[time_at])
            _check(at, value, kind, fetched_at)
        except _Unread as refused:
            wrong.append(Fault(of="line", id=str(number), words=refused.fault.words, values=refused.fault.values))
            continue
        told = (value * factor).quantize(Decimal(1).scaleb(-MAX_PLACES))
        if values.setdefault(at, told) != told:
            words = mark("an earlier line has another value for this time")
            wrong.append(Fault(of="line", id=str(number), words=words))
        if len(values) > MAX_VALUES:
            words = mark("the sheet has more than %(most)s values; send it in parts")
            raise _refused([Fault(words=words, values={"most": MAX_VALUES})])
    if wrong or not values:
        raise _refused(wrong or [Fault(words=mark("no line has a value"))], lines=[str(each) for each in wrong])
    return Series(currency=currency, spans=tuple(_spans(values, source, fetched_at)))


def _refused(faults: list[Fault], lines: list[str] | None = None) -> SeriesRefused:
    told = "; ".join(str(each) for each in faults[:MAX_TOLD])
    refused = SeriesRefused(f"{told[0].upper()}{told[1:]}.", **({} if lines is None else {"lines": lines[:MAX_TOLD]}))
    refused.faults = faults[:MAX_TOLD]
    return refused


def _value_column(names: list[str], kind: SeriesKind) -> tuple[int | None, Decimal, str | None]:
    """Which column holds the value, by what it comes to what is stored, and the currency of a price."""
    for number, name in enumerate(names):
        price = _PRICE.fullmatch(name)
        if kind == "price" and price is not None:
            return number, Decimal("0.001") if price[2] == "mwh" else Decimal(1), price[1].upper()
        if kind == "co2" and name in _CO2:
            return number, _CO2[name], None
    return None, Decimal(1), None


def _read(cells: list[str], time_at: int, value_at: int, name: str) -> tuple[datetime, Decimal]:
    if len(cells) <= max(time_at, value_at):
        raise _Unread(mark("a cell is missing"))
    try:
        at = datetime.fromisoformat(cells[time_at].strip())
    except ValueError:
        words = mark("“%(text)s” is no time such as 2026-03-01T12:00:00Z")
        raise _Unread(words, text=cells[time_at].strip()[:40]) from None
    if at.tzinfo is None and name != "utc":
        raise _Unread(mark("the time says no zone; end it with Z, or call the column utc"))
    try:
        value = Decimal(cells[value_at].strip())
    except InvalidOperation:
        raise _Unread(mark("“%(text)s” is no number"), text=cells[value_at].strip()[:40]) from None
    if not value.is_finite() or abs(value) > _MOST:
        raise _Unread(mark("the value is out of all reason"))
    try:
        return (at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)), value
    except OverflowError:
        raise _Unread(_TOO_FAR) from None


def _check(at: datetime, value: Decimal, kind: SeriesKind, now: datetime) -> None:
    if not is_in_reach(at, now):
        raise _Unread(_TOO_FAR)
    if kind == "co2" and value < 0:
        raise _Unread(mark("a CO2 intensity is at least 0"))


def _spans(values: dict[datetime, Decimal], source: str, fetched_at: datetime) -> Iterator[Span]:
    """Each value holds until the next one; before a hole and at the end, as long as the one before it."""
    times = sorted(values)
    held = _USUAL_MIN
    if len(times) > 1:
        held = min(held, *(max(1, (after - at) // timedelta(minutes=1)) for at, after in pairwise(times)))
    for number, at in enumerate(times):
        until = times[number + 1] if number + 1 < len(times) else None
        minutes = held if until is None else (until - at) // timedelta(minutes=1)
        if 0 < minutes <= _USUAL_MIN:
            held = minutes
        yield Span(start_at=at, minutes=held, value=values[at], source=source, fetched_at=fetched_at)
