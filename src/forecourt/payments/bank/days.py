"""On which days banks move money, by currency. Pure.

EUR by TARGET2, GBP by the bank holidays of England, USD by Fedwire, CHF by SIC. Of other currencies only the weekend,
new year and Christmas are known.
"""

from collections.abc import Callable
from datetime import date, timedelta
from functools import lru_cache
from typing import Final

SATURDAY: Final = 5
#: The longest row of days on which no bank works.
MAX_ROW: Final = 10


def is_banking_day(day: date, currency: str) -> bool:
    """Whether banks move this currency that day."""
    return day.weekday() < SATURDAY and day not in _holidays(day.year, currency)


def banking_day(day: date, currency: str) -> date:
    """That day, or the next on which banks work."""
    for ahead in range(MAX_ROW):
        found = day + timedelta(days=ahead)
        if is_banking_day(found, currency):
            return found
    raise AssertionError("banks never close for so long")


def next_banking_day(day: date, currency: str) -> date:
    """The first banking day behind that day."""
    return banking_day(day + timedelta(days=1), currency)


def easter(year: int) -> date:
    """Easter Sunday (Meeus, Astronomical Algorithms, chapter 8)."""
    a, b, c = year % 19, year // 100, year % 100
    h = (19 * a + b - b // 4 - (b - (b + 8) // 25 + 1) // 3 + 15) % 30
    rest = (32 + 2 * (b % 4) + 2 * (c // 4) - h - c % 4) % 7
    m = (a + 11 * h + 22 * rest) // 451
    month, day = divmod(h + rest - 7 * m + 114, 31)
    return date(year, month, day + 1)


@lru_cache(maxsize=256)
def _holidays(year: int, currency: str) -> frozenset[date]:
    return frozenset(_CALENDARS.get(currency, _other)(year))


def _other(year: int) -> list[date]:
    return [date(year, 1, 1), date(year, 12, 25)]


def _target2(year: int) -> list[date]:
    sunday = easter(year)
    around = [sunday - timedelta(days=2), sunday + timedelta(days=1)]
    return [date(year, 1, 1), *around, date(year, 5, 1), date(year, 12, 25), date(year, 12, 26)]


def _england(year: int) -> list[date]:
    sunday = easter(year)
    christmas, boxing = date(year, 12, 25), date(year, 12, 26)
    return [
        _monday_behind(date(year, 1, 1)), sunday - timedelta(days=2), sunday + timedelta(days=1),
        _weekday(year, 5, 0, 1), _last_monday(year, 5), _last_monday(year, 8),
        # What falls on a weekend is made up for on the next days that are free.
        *({4: (christmas, boxing + timedelta(days=2)), 5: (christmas + timedelta(days=2), boxing + timedelta(days=2)),
           6: (boxing, christmas + timedelta(days=2))}.get(christmas.weekday(), (christmas, boxing))),
    ]  # fmt: skip


def _fedwire(year: int) -> list[date]:
    fixed = [date(year, 1, 1), date(year, 6, 19), date(year, 7, 4), date(year, 11, 11), date(year, 12, 25)]
    # One on a Sunday is kept on Monday; one on a Saturday is not made up for.
    kept = [day + timedelta(days=1) if day.weekday() == SATURDAY + 1 else day for day in fixed]
    return [
        *kept, _weekday(year, 1, 0, 3), _weekday(year, 2, 0, 3), _last_monday(year, 5), _weekday(year, 9, 0, 1),
        _weekday(year, 10, 0, 2), _weekday(year, 11, 3, 4),
    ]  # fmt: skip


def _sic(year: int) -> list[date]:
    sunday = easter(year)
    around = [sunday + timedelta(days=ahead) for ahead in (-2, 1, 39, 50)]
    fixed = [(1, 1), (1, 2), (5, 1), (8, 1), (12, 25), (12, 26)]
    return [*around, *(date(year, month, day) for month, day in fixed)]


def _weekday(year: int, month: int, weekday: int, number: int) -> date:
    """The nth Monday (0), Tuesday ... of a month."""
    first = date(year, month, 1)
    return first + timedelta(days=(weekday - first.weekday()) % 7 + 7 * (number - 1))


def _last_monday(year: int, month: int) -> date:
    last = date(year, month + 1, 1) - timedelta(days=1)
    return last - timedelta(days=last.weekday())


def _monday_behind(day: date) -> date:
    return day + timedelta(days=7 - day.weekday()) if day.weekday() >= SATURDAY else day


_CALENDARS: Final[dict[str, Callable[[int], list[date]]]] = {
    "EUR": _target2, "GBP": _england, "USD": _fedwire, "CHF": _sic,
}  # fmt: skip
