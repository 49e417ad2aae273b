"""What drivers read of prices, in their language. `_` translates where it is called."""

import re
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from typing import Final
from zoneinfo import ZoneInfo

from babel.dates import format_time, get_day_names
from babel.numbers import format_currency, format_decimal, get_currency_symbol

from forecourt.driver.model import Stage
from forecourt.platform.money import Money, minor_digits
from forecourt.pricing.display import Line, PriceLaw, Unit
from forecourt.pricing.model import Conditions, Day, Since
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
#: What a driver does or waits for at each stage: a heading and a sentence.
STAGES: Final = {
    Stage.OPENING: (mark("One moment"), mark("The payment page is being opened.")),
    Stage.PAY: (mark("Pay to start"), mark("You are being taken to the payment page.")),
    Stage.STARTING: (mark("Payment is held"), mark("The station is being asked to start.")),
    Stage.PLUG: (mark("Plug in now"), mark("The station waits for your car. Nothing is taken if you don't plug in.")),
    Stage.CHARGING: (mark("Charging"), mark("You may lock your car and leave. Keep this page to follow and to stop.")),
    Stage.PAUSED: (mark("Not charging now"), mark("Your car is full, or pauses by itself or for the site.")),
    Stage.STOPPING: (mark("Stopping"), mark("The station was asked to stop. Unplug when it says so.")),
    Stage.BILLING: (mark("Charging is over"), mark("Your receipt is being made. You may unplug and go.")),
    Stage.RECEIPT: (mark("Receipt"), mark("Thank you. Only this was taken; the rest of the hold is released.")),
    Stage.NOTHING: (mark("Nothing was taken"), mark("The hold on your card is released.")),
    Stage.DECLINED: (
        mark("Payment failed"),
        mark("It was declined or not completed. Nothing was taken."),
    ),
    Stage.OWED: (mark("Payment is open"), mark("The session could not be charged to your card. Please pay it below.")),
}


def stage_words(stage: Stage) -> tuple[str, str]:
    """The heading and the sentence of a stage."""
    heading, sentence = STAGES[stage]
    return _(heading), _(sentence)


def money(amount: Money, *, decimals: int | None = None) -> str:
    """An amount as the language writes it: `12,34 €`."""
    major = Decimal(amount.amount).scaleb(-minor_digits(amount.currency))
    return price(major, amount.currency, decimals=decimals)


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


def hour(at: datetime, zone: str) -> str:
    """The time of day of a moment in a zone, to the minute."""
    return str(format_time(at, "short", tzinfo=ZoneInfo(zone), locale=current().locale))


def line_words(line: Line, law: PriceLaw, currency: str) -> str:
    """A price: `0.49 € per kWh`, and for places where it must be in pence `49p per kWh`."""
    if law.cents and line.unit is Unit.KWH and currency == "GBP":
        pence = format_decimal(line.amount * 100, format="#,##0.##", locale=current().locale)
        return f"{pence}p {_(UNITS[line.unit])}"
    return f"{price(line.amount, currency)} {_(UNITS[line.unit])}"


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


def minor(amount: int, currency: str) -> Money:
    """So many minor units, for pages that have them apart."""
    return Money(amount=amount, currency=currency)
