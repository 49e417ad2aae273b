"""What a session costs, line by line in words, for its page. Marked; translated where it is shown."""

from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Final

from msgspec import Struct

from forecourt.platform.money import rounded
from forecourt.pricing.model import Dimension
from forecourt.pricing.shown import LineShown, Quote
from forecourt.sessions.costing.model import CostSaid, SessionCost
from forecourt.ui import formats, i18n
from forecourt.ui.i18n import gettext as _
from forecourt.ui.i18n import mark

_WHAT: Final = {
    Dimension.ENERGY: mark("Energy"),
    Dimension.TIME: mark("Charging time"),
    Dimension.PARKING_TIME: mark("Parking time"),
    Dimension.FLAT: mark("Once a session"),
}
_RESERVED: Final = {Dimension.TIME: mark("Reservation"), Dimension.FLAT: mark("Once a reservation")}
_EACH: Final = {
    Dimension.ENERGY: mark("%(price)s a kWh"),
    Dimension.TIME: mark("%(price)s an hour"),
    Dimension.PARKING_TIME: mark("%(price)s an hour"),
}
#: What the least and the most, and the caps of a tariff make of its lines.
LIMITED: Final = mark("By the least or the most of the tariff")
WAIVED: Final = mark("Above what was authorised, waived")


class Line(Struct, frozen=True, kw_only=True):
    """One line: what (`what` is marked unless it is a `name`), how much of it at which price, and what it comes to."""

    what: str
    much: str
    amount: str
    name: str = ""


def lines(cost: SessionCost) -> list[Line]:
    """All lines before taxes, and the taxes."""
    bill = cost.bill
    if bill is None:
        return []
    found = [_line(each, bill.currency) for each in bill.lines]
    taken = sum((Fraction(each.excl_vat) for each in bill.discounts), Fraction(0))
    limited = Fraction(bill.excl_vat) + taken - Fraction(bill.before_limits.excl_vat)
    if limited and not Fraction(bill.waived):
        found.append(Line(what=LIMITED, much="", amount=_amount(limited, bill.currency)))
    for discount in bill.discounts:
        amount = _amount(-Fraction(discount.excl_vat), bill.currency)
        found.append(Line(what="", name=discount.label, much="", amount=amount))
    if Fraction(bill.waived):
        found.append(Line(what=WAIVED, much="", amount=_amount(-Fraction(bill.waived), bill.currency)))
    return [*found, *_taxes(bill)]


def _line(line: LineShown, currency: str) -> Line:
    what = _RESERVED.get(line.dimension, "") if line.reservation else _WHAT[line.dimension]
    billed = Fraction(line.billed)
    price = f"{_digits(line.price)}{formats.SPACE}{currency}"
    each = i18n.gettext(_EACH.get(line.dimension, "")) % {"price": price}
    if line.dimension is Dimension.ENERGY:
        much = f"{formats.kwh(int(billed))} · {each}"
    elif line.dimension is Dimension.FLAT:
        much = ""
    else:
        much = f"{formats.duration(timedelta(seconds=int(billed)))} · {each}"
    return Line(what=what, much=much, amount=_amount(Fraction(line.excl_vat), currency))


def _taxes(bill: Quote) -> list[Line]:
    if bill.taxes:
        return [
            Line(what="", name=each.name, much=f"{_digits(each.percent)}{formats.SPACE}%",
                 amount=_amount(Fraction(each.amount), bill.currency))
            for each in bill.taxes
        ]  # fmt: skip
    return [
        Line(
            what=mark("VAT"),
            much=f"{_digits(rate.vat)}{formats.SPACE}%",
            amount=formats.money(rate.incl_vat.amount - rate.excl_vat.amount, bill.currency),
        )
        for rate in bill.rounded.by_rate
        if rate.vat is not None
    ]


def _amount(amount: Fraction, currency: str) -> str:
    return formats.money(rounded(amount, currency), currency)


def _digits(number: Decimal) -> str:
    """As it was set, without zeros that say nothing."""
    plain = number.normalize()
    exponent = plain.as_tuple().exponent
    assert isinstance(exponent, int)
    return i18n.number(plain, max(0, -exponent))


def said_words(said: CostSaid) -> str:
    """What a station reckons that a session costs, after taxes where it says so."""
    if said.failed:
        return _("It could not reckon.") + (f" {said.reason}" if said.reason else "")
    if said.incl_tax is None and said.excl_tax is None:
        return formats.NOTHING
    amount = said.excl_tax if said.incl_tax is None else said.incl_tax
    words = f"{_digits(amount or Decimal(0))} {said.currency}"
    return words if said.incl_tax is not None else _("%(amount)s before taxes") % {"amount": words}
