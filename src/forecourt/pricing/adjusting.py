"""What makes a bill other than the sum of its fees: what is free, caps, limits, discounts. Exact, and in this order.

1. Free kWh and minutes are those that come first: their quantities are not billed.
2. A cap lowers the fees of its dimensions in proportion, one cap after the other as the tariff names them.
3. The least and the most of the tariff count for what is left.
4. Discounts are taken off, one after the other, each in proportion from what it is for, and never more than there is.
5. What is above the most that may be taken, by what was authorised, is waived.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction
from zoneinfo import ZoneInfo

from msgspec import structs

from forecourt.pricing.bill import Adjusted, Bill, Piece, Taken, limited
from forecourt.pricing.model import Cap, Dimension, Discount, Free, Per, SegmentKind, Total

#: The day of a fee, where days count, and the number of its rate.
_Key = tuple[date | None, int]
_Amounts = dict[_Key, tuple[Fraction, Fraction]]
_NOTHING = Fraction(0)


def freed(pieces: Sequence[Piece], free: Iterable[Free | None]) -> list[Piece]:
    """The pieces without what is free of them; as before where nothing is."""
    wh, charging_s, parking_s = _NOTHING, 0, 0
    for each in free:
        if each is not None:
            wh += Fraction(each.kwh) * 1000
            charging_s += each.charging_minutes * 60
            parking_s += each.parking_minutes * 60
    left = dict.fromkeys(SegmentKind, 0) | {SegmentKind.CHARGING: charging_s, SegmentKind.PARKING: parking_s}
    found = []
    for piece in pieces:
        taken_wh = min(max(Fraction(piece.parts, piece.under), _NOTHING), wh)
        taken_s = min(piece.seconds, left[piece.kind])
        if taken_wh or taken_s:
            wh -= taken_wh
            left[piece.kind] -= taken_s
            rest = Fraction(piece.parts, piece.under) - taken_wh
            seconds = piece.seconds - taken_s
            found.append(structs.replace(piece, parts=rest.numerator, under=rest.denominator, seconds=seconds))
        else:
            found.append(piece)
    return found


def adjust(
    bill: Bill, pieces: Sequence[Piece], zone: ZoneInfo, discounts: Sequence[Discount], most: Fraction | None
) -> Adjusted:
    """What is left of a bill that these pieces came to; `most`: that may be taken, after taxes."""
    daily = any(cap.per is Per.DAY for cap in bill.tariff.caps)
    quantities = _by_day(bill, pieces, zone) if daily else {(None, n): q for n, q in _exact(bill).items()}
    amounts: _Amounts = {
        key: (
            quantity * Fraction(bill.rates[key[1]].excl, bill.denominator),
            quantity * Fraction(bill.rates[key[1]].incl, bill.denominator),
        )
        for key, quantity in quantities.items()
    }
    for cap in bill.tariff.caps:
        _cap(bill, amounts, cap)
    _limit(bill, amounts)
    taken = tuple(_discount(bill, amounts, each) for each in discounts)
    waived = _waive(amounts, most)
    by_rate: dict[Decimal | None, Total] = {}
    for (_, number), (excl, incl) in amounts.items():
        rate = bill.rates[number].vat
        known = by_rate.get(rate, Total(excl_vat=_NOTHING, incl_vat=_NOTHING))
        by_rate[rate] = Total(excl_vat=known.excl_vat + excl, incl_vat=known.incl_vat + incl)
    return Adjusted(by_rate=by_rate, taken=taken, waived=waived)


def _exact(bill: Bill) -> Mapping[int, Fraction]:
    return {number: Fraction(quantity, bill.under) for number, quantity in bill.billed.items()}


def _by_day(bill: Bill, pieces: Sequence[Piece], zone: ZoneInfo) -> dict[_Key, Fraction]:
    """What was billed, by day; what a step adds belongs to the last day."""
    found: dict[_Key, Fraction] = {}
    last: dict[int, date] = {}
    for piece in pieces:
        day = datetime.fromtimestamp(piece.starts, zone).date()
        counted = [(piece.energy, Fraction(piece.parts, piece.under)), (piece.time, Fraction(piece.seconds))]
        counted += [(number, Fraction(1)) for number in piece.flats if number in bill.billed and number not in last]
        for number, quantity in counted:
            if number >= 0 and quantity:
                found[day, number] = found.get((day, number), _NOTHING) + quantity
                last[number] = day
    for number, billed in _exact(bill).items():
        if number in last:
            found[last[number], number] += billed - Fraction(bill.used[number], bill.under)
    return found


def _of(bill: Bill, amounts: _Amounts, dimensions: frozenset[Dimension]) -> list[_Key]:
    return [key for key in amounts if not dimensions or bill.rates[key[1]].component.type in dimensions]


def _cap(bill: Bill, amounts: _Amounts, cap: Cap) -> None:
    meant = _of(bill, amounts, cap.dimensions)
    groups: dict[date | None, list[_Key]] = {}
    for key in meant:
        groups.setdefault(key[0] if cap.per is Per.DAY else None, []).append(key)
    for keys in groups.values():
        whole = sum((amounts[key][0] for key in keys), _NOTHING)
        if whole > Fraction(cap.before_taxes):
            _scale(amounts, keys, Fraction(cap.before_taxes) / whole)


def _limit(bill: Bill, amounts: _Amounts) -> None:
    before = Total(
        excl_vat=sum((each[0] for each in amounts.values()), _NOTHING),
        incl_vat=sum((each[1] for each in amounts.values()), _NOTHING),
    )
    total = limited(before, bill.tariff.min_price, bill.tariff.max_price, bill.rates[0].vat)
    if total == before:
        return
    if not before.excl_vat or not before.incl_vat:
        amounts.clear()
        amounts[None, 0] = (total.excl_vat, total.incl_vat)
        return
    for key, (excl, incl) in amounts.items():
        amounts[key] = (excl * total.excl_vat / before.excl_vat, incl * total.incl_vat / before.incl_vat)


def _discount(bill: Bill, amounts: _Amounts, discount: Discount) -> Taken:
    keys = _of(bill, amounts, discount.dimensions)
    whole = sum((amounts[key][0] for key in keys), _NOTHING)
    with_tax = sum((amounts[key][1] for key in keys), _NOTHING)
    wanted = whole * Fraction(discount.percent or 0) / 100 + Fraction(discount.before_taxes or 0)
    share = min(max(wanted, _NOTHING), whole) / whole if whole > 0 else _NOTHING
    if with_tax > 0:
        share = min(share + Fraction(discount.after_taxes or 0) / with_tax, Fraction(1))
        if discount.most is not None:
            share = min(share, Fraction(discount.most) / with_tax)
    _scale(amounts, keys, 1 - share)
    return Taken(discount=discount, excl_vat=whole * share, incl_vat=with_tax * share)


def _waive(amounts: _Amounts, most: Fraction | None) -> Fraction:
    whole = sum((each[1] for each in amounts.values()), _NOTHING)
    if most is None or whole <= most:
        return _NOTHING
    _scale(amounts, amounts, most / whole)
    return whole - most


def _scale(amounts: _Amounts, keys: Iterable[_Key], factor: Fraction) -> None:
    for key in keys:
        excl, incl = amounts[key]
        amounts[key] = (excl * factor, incl * factor)
