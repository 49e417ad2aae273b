"""Whether a session that runs is billed as parking now, since when and at how much a minute: by its own bill. As is
whether it is not, because the site lets nothing flow."""

from datetime import datetime
from decimal import Decimal
from fractions import Fraction

from msgspec import Struct

from forecourt.driver.receipt import price_of_minute
from forecourt.driver.way import Way
from forecourt.driver.words import hour, price
from forecourt.pricing.model import Dimension, SegmentKind
from forecourt.pricing.shown import LineShown, PeriodShown, Quote
from forecourt.ui.i18n import gettext as _


class Idle(Struct, frozen=True, kw_only=True):
    """`each_minute` after taxes, in the currency's major unit."""

    since: datetime
    each_minute: Decimal
    currency: str


def idle_of(way: Way) -> Idle | None:
    """The fee for parking that runs; None where none does."""
    if way.running is None or way.running.ended_at is not None or way.cost is None or way.cost.bill is None:
        return None
    bill, since, line = way.cost.bill, None, None
    for period in reversed(bill.periods):
        fee = _fee(bill, period)
        if fee is None:
            break
        since, line = period.start, line or fee
    if since is None or line is None:
        return None
    return Idle(since=since, each_minute=price_of_minute(line), currency=bill.currency)


def withheld(way: Way) -> bool:
    """Whether the station offers a session that runs nothing now."""
    if way.running is None or way.running.ended_at is not None or way.cost is None or way.cost.bill is None:
        return False
    periods = way.cost.bill.periods
    return bool(periods) and periods[-1].kind is SegmentKind.WITHHELD


def idle_words(way: Way) -> str | None:
    """What a driver is told of it, in the language that is being spoken."""
    if withheld(way):
        return _("The site lets no power flow just now. No fee for parking runs.")
    idle = idle_of(way)
    if idle is None:
        return None
    return _("Parking without charging costs %(price)s per minute. It has been counted since %(time)s.") % {
        "price": price(idle.each_minute, idle.currency), "time": hour(idle.since, str(way.zone)),
    }  # fmt: skip


def _fee(bill: Quote, period: PeriodShown) -> LineShown | None:
    """The price by which a part of the session counts as parking, if that is any."""
    if period.kind is not SegmentKind.PARKING or period.time_element is None:
        return None
    return next(
        (
            line
            for line in bill.lines
            if line.dimension is Dimension.PARKING_TIME
            and line.element == period.time_element
            and Fraction(line.billed)
            and Fraction(line.incl_vat)
        ),
        None,
    )
