"""Prices in words, in the language of who reads: those that count, and under which conditions. `_` translates where it
is called, by the catalogue of the console or that of drivers."""

import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Final

from babel.dates import get_day_names
from babel.numbers import format_currency, format_decimal, get_currency_symbol

from forecourt.platform.money import minor_digits
from forecourt.pricing.display import Line, PriceLaw, Says, Unit
from forecourt.pricing.model import Conditions, Day, Per, Since
from forecourt.ui.i18n import current, mark
from forecourt.ui.i18n import gettext as _

UNITS: Final = {
    Unit.KWH: mark("per kWh"),
    Unit.MINUTE: mark("per minute of charging"),
    Unit.SESSION: mark("once per session"),
    Unit.IDLE_MINUTE: mark("per minute parked without charging"),
    Unit.RESERVATION_MINUTE: mark("per minute reserved"),
    Unit.RESERVATION: mark("once per reservation"),
}
FREE: Final = {
    Unit.KWH: mark("The first %(amount)s are free"),
    Unit.MINUTE: mark("The first %(amount)s of charging are free"),
    Unit.IDLE_MINUTE: mark("The first %(amount)s parked without charging are free"),
}
LEAST: Final = mark("At least %(amount)s a session")
MOST: Final = {Per.SESSION: mark("At most %(amount)s a session"), Per.DAY: mark("At most %(amount)s a day")}
#: Of what there is the most in a cap.
OF: Final = {
    Unit.KWH: mark("energy"),
    Unit.MINUTE: mark("time of charging"),
    Unit.SESSION: mark("fees once per session"),
    Unit.IDLE_MINUTE: mark("time parked without charging"),
}


def price(major: Decimal, currency: str, *, decimals: int | None = None) -> str:
    """An amount in the major unit, with as many decimals as it has, at least those of the currency."""
    exponent = major.as_tuple().exponent
    have = -exponent if isinstance(exponent, int) else 0
    digits = max(minor_digits(currency), have) if decimals is None else decimals
    pattern = _pattern(digits)
    # A symbol that ends in a letter stands apart from what follows it.
    if get_currency_symbol(currency, locale=current().locale)[-1].isalpha():
        pattern = re.sub(r"¤(?=[#0])", "¤\N{NO-BREAK SPACE}", pattern)
    return str(format_currency(major, currency, format=pattern, locale=current().locale, currency_digits=False))


def line_words(line: Line, law: PriceLaw, currency: str) -> str:
    """A price: `0.49 € per kWh`, and for places where it must be in pence `49p per kWh`; what is free, a cap, the least
    or the most: `At least 5.00 € a session`."""
    if line.says is Says.FREE:
        [unit] = line.of
        return _(FREE[unit]) % {"amount": _quantity(unit, line.amount)}
    if line.unit is None:
        said = _(LEAST if line.says is Says.LEAST else MOST[line.per]) % {"amount": price(line.amount, currency)}
        return f"{said} ({', '.join(_(OF[unit]) for unit in line.of)})" if line.of else said
    told = price(line.amount, currency)
    if law.cents and line.unit is Unit.KWH and currency == "GBP":
        told = f"{format_decimal(line.amount * 100, format='#,##0.##', locale=current().locale)}p"
    told = f"{told} {_(UNITS[line.unit])}"
    if line.step is None:
        return told
    return _("%(price)s, in steps of %(amount)s") % {"price": told, "amount": _quantity(line.unit, line.step)}


def when_words(c: Conditions) -> str:
    """Under which conditions a price counts; empty where it always does."""
    return ", ".join(_when(c))


def _when(c: Conditions) -> Iterator[str]:
    names = get_day_names("abbreviated", locale=current().locale)
    if c.days:
        yield " ".join(names[number] for number, day in enumerate(Day) if day in c.days)
    if c.start_time or c.end_time:
        yield f"{c.start_time or '00:00'}\N{EN DASH}{c.end_time or '24:00'}"
    if c.start_date is not None or c.end_date is not None:
        yield f"{c.start_date or ''} \N{EN DASH} {c.end_date or ''}".strip()
    yield from _span(c.min_kwh, c.max_kwh, "kWh")
    yield from _span(c.min_power, c.max_power, "kW")
    yield from _span(c.min_current, c.max_current, "A")
    if c.min_duration:
        after = _("after charging ended") if c.since is Since.CHARGING_END else _("of the session")
        yield _(
            "from minute %(minute)s %(after)s",
        ) % {"minute": c.min_duration // 60, "after": after}
    if c.max_duration is not None:
        yield _("until minute %(minute)s") % {"minute": c.max_duration // 60}


def _quantity(unit: Unit, amount: Decimal) -> str:
    """`5 kWh`, `15 min`; a part of a minute in seconds."""
    if unit is Unit.KWH:
        return f"{_number(amount)}\N{NO-BREAK SPACE}kWh"
    if amount % 1:
        return f"{_number(amount * 60)}\N{NO-BREAK SPACE}s"
    return f"{_number(amount)}\N{NO-BREAK SPACE}min"


def _span(least: Decimal | None, most: Decimal | None, unit: str) -> Iterator[str]:
    if least is not None and most is not None:
        yield f"{_number(least)}\N{EN DASH}{_number(most)} {unit}"
    elif least is not None:
        yield _("from %(amount)s") % {"amount": f"{_number(least)} {unit}"}
    elif most is not None:
        yield _("up to %(amount)s") % {"amount": f"{_number(most)} {unit}"}


def _number(value: Decimal) -> str:
    return str(format_decimal(value, locale=current().locale))


def _pattern(digits: int) -> str:
    """The language's way to write money, with so many decimals."""
    plain = str(current().locale.currency_formats["standard"].pattern)
    return plain.replace("0.00", f"0.{'0' * digits}" if digits else "0")
