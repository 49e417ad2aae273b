"""What a session comes to: quantities and rates, from which every amount follows exactly, and is rounded once."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from fractions import Fraction

from msgspec import Struct

from forecourt.platform.money import Rounding, minor_digits, rounded
from forecourt.pricing.model import (
    Dimension,
    Discount,
    Fee,
    PriceComponent,
    PriceLimit,
    SegmentKind,
    Tariff,
    Tax,
    Total,
)


class Piece(Struct, frozen=True):
    """A part of a session in which the same prices count: since when in seconds since 1970, how long, how much energy
    in parts of a Wh (`under` of them in each), and the numbers of the rates of energy, of time, and of what is charged
    once (-1: none)."""

    starts: int
    seconds: int
    kind: SegmentKind
    parts: int
    under: int
    energy: int
    time: int
    flats: tuple[int, ...]


class Rate(Struct, frozen=True, kw_only=True):
    """A price component as it is counted with: `excl` and `incl` per Wh, s or once, over the tariff's denominator."""

    element: int
    component: PriceComponent
    reserved: bool
    step: int
    stepped_as: tuple[Dimension, bool]
    excl: int
    incl: int
    vat: Decimal | None


class Rounded(Struct, frozen=True, kw_only=True):
    """What is paid at one rate of VAT (None: no tax), in minor units; the tax is what is between both."""

    vat: Decimal | None
    excl_vat: int
    incl_vat: int


class Taken(Struct, frozen=True, kw_only=True):
    """What a discount takes off a bill, exactly; nothing where it makes quantities less instead."""

    discount: Discount
    excl_vat: Fraction
    incl_vat: Fraction


class Adjusted(Struct, frozen=True, kw_only=True):
    """What caps, limits and discounts make of all fees: what is left by rate of VAT, and what each discount took.
    `waived`, after taxes, is what is above the most that may be taken."""

    by_rate: Mapping[Decimal | None, Total]
    taken: tuple[Taken, ...]
    waived: Fraction


class TaxPart(Struct, frozen=True, kw_only=True):
    """What one of several taxes comes to, exactly."""

    name: str
    percent: Decimal
    amount: Fraction


class Bill(Struct, frozen=True, kw_only=True):
    """Quantities by the number of their rate, as used, and as billed after their steps: in parts of a Wh, s or time,
    `under` of them in each."""

    tariff: Tariff
    rates: tuple[Rate, ...]
    denominator: int
    under: int
    used: Mapping[int, int]
    billed: Mapping[int, int]
    #: None: the tariff has no caps, and there are no discounts.
    adjusted: Adjusted | None = None

    @property
    def fees(self) -> tuple[Fee, ...]:
        """Line by line, in the order of the tariff; in all, what the session costs before any limit on its price."""
        return tuple(
            Fee(
                element=rate.element,
                component=rate.component,
                reserved=rate.reserved,
                used=Fraction(self.used[number], self.under),
                billed=Fraction(self.billed[number], self.under),
                excl_vat=Fraction(self.billed[number] * rate.excl, self._over),
                incl_vat=Fraction(self.billed[number] * rate.incl, self._over),
            )
            for number, rate in enumerate(self.rates)
            if number in self.billed
        )

    @property
    def before_limits(self) -> Total:
        """What all fees come to."""
        by_rate = self._by_rate().values()
        return Total(
            excl_vat=Fraction(sum(each[0] for each in by_rate), self._over),
            incl_vat=Fraction(sum(each[1] for each in by_rate), self._over),
        )

    @property
    def total(self) -> Total:
        """What the session costs, within the caps and limits of the tariff, less all discounts."""
        if self.adjusted is not None:
            parts = self.adjusted.by_rate.values()
            return Total(
                excl_vat=sum((each.excl_vat for each in parts), Fraction(0)),
                incl_vat=sum((each.incl_vat for each in parts), Fraction(0)),
            )
        return limited(self.before_limits, self.tariff.min_price, self.tariff.max_price, self.rates[0].vat)

    @property
    def by_rate(self) -> Mapping[Decimal | None, Total]:
        """The total by rate of VAT, which sums up to it: what a limit took or added is spread in proportion."""
        if self.adjusted is not None:
            return self.adjusted.by_rate
        before, total = self.before_limits, self.total
        if not before.excl_vat and not before.incl_vat:
            return {self.rates[0].vat: total} if total.incl_vat or total.excl_vat else {}
        return {
            vat: Total(
                excl_vat=Fraction(excl, self._over) * _share(total.excl_vat, before.excl_vat),
                incl_vat=Fraction(incl, self._over) * _share(total.incl_vat, before.incl_vat),
            )
            for vat, (excl, incl) in self._by_rate().items()
        }

    def rounded(self, rounding: Rounding = Rounding.HALF_UP) -> tuple[Rounded, ...]:
        """What is paid in minor units: rounded once, for each rate of VAT. Where something is waived, all of them are
        together no more than may be taken, and the tax within each is what is rounded."""
        plain = self.tariff.min_price is None and self.tariff.max_price is None and self.adjusted is None
        if plain and rounding is Rounding.HALF_UP:
            unit, over = 2 * 10 ** minor_digits(self.tariff.currency), self._over
            return tuple(
                Rounded(vat=vat, excl_vat=_half_up(excl * unit, over), incl_vat=_half_up(incl * unit, over))
                for vat, (excl, incl) in self._by_rate().items()
            )
        if self.adjusted is not None and self.adjusted.waived:
            return self._within(rounding)
        return tuple(
            Rounded(
                vat=vat,
                excl_vat=rounded(each.excl_vat, self.tariff.currency, rounding),
                incl_vat=rounded(each.incl_vat, self.tariff.currency, rounding),
            )
            for vat, each in self.by_rate.items()
        )

    def _within(self, rounding: Rounding) -> tuple[Rounded, ...]:
        """Amounts with tax next to the exact ones, which together are never more than those."""
        currency, unit = self.tariff.currency, 10 ** minor_digits(self.tariff.currency)
        exact = [each.incl_vat * unit for each in self.by_rate.values()]
        paid = [each.__floor__() for each in exact]
        by_remainder = sorted(range(len(exact)), key=lambda number: paid[number] - exact[number])
        for number in by_remainder[: sum(exact, Fraction(0)).__floor__() - sum(paid)]:
            paid[number] += 1
        return tuple(
            Rounded(vat=vat, excl_vat=incl - rounded(each.incl_vat - each.excl_vat, currency, rounding), incl_vat=incl)
            for (vat, each), incl in zip(self.by_rate.items(), paid, strict=True)
        )

    @property
    def taxes(self) -> tuple[TaxPart, ...]:
        """What each of several taxes comes to, where prices have several; in all, the tax at their rates."""
        stacks = {rate.vat: rate.component.taxes for rate in self.rates if rate.component.taxes}
        found: dict[tuple[str, Decimal], Fraction] = {}
        for percent, total in self.by_rate.items():
            parts = _tax_parts(stacks.get(percent, ()), total)
            for tax, amount in zip(stacks.get(percent, ()), parts, strict=True):
                found[tax.name, tax.percent] = found.get((tax.name, tax.percent), Fraction(0)) + amount
        return tuple(TaxPart(name=name, percent=percent, amount=amount) for (name, percent), amount in found.items())

    @property
    def _over(self) -> int:
        return self.denominator * self.under

    def _by_rate(self) -> dict[Decimal | None, tuple[int, int]]:
        """Amounts before and after tax, `_over` of them in each unit of the currency, by rate of VAT."""
        found: dict[Decimal | None, tuple[int, int]] = {}
        for number, quantity in self.billed.items():
            rate = self.rates[number]
            excl, incl = found.get(rate.vat, (0, 0))
            found[rate.vat] = (excl + quantity * rate.excl, incl + quantity * rate.incl)
        return found


def limited(before: Total, least: PriceLimit | None, most: PriceLimit | None, vat: Decimal | None) -> Total:
    """What is paid of an amount between the least and the most. `vat`: in percent, that a limit before taxes is taxed
    at where there is no amount whose taxes would say so."""
    excl, incl = before.excl_vat, before.incl_vat
    for limit, chosen in ((least, max), (most, min)):
        if limit is None:
            continue
        bound = Fraction(limit.before_taxes)
        limited = chosen(excl, bound)
        if limit.after_taxes is not None:
            incl = chosen(incl, Fraction(limit.after_taxes))
        elif limited != excl:
            incl = incl * limited / excl if excl else limited * (1 + Fraction(vat or 0) / 100)
        excl = limited
    return Total(excl_vat=excl, incl_vat=incl)


def _tax_parts(taxes: Sequence[Tax], total: Total) -> list[Fraction]:
    """What each tax comes to; a limit after taxes moves all of them in proportion."""
    whole, parts = Fraction(1), []
    for tax in taxes:
        part = (whole if tax.on_top else Fraction(1)) * Fraction(tax.percent) / 100
        parts.append(part)
        whole += part
    paid = total.incl_vat - total.excl_vat
    return [paid * part / (whole - 1) if whole != 1 else Fraction(0) for part in parts]


def _share(part: Fraction, whole: Fraction) -> Fraction:
    return part / whole if whole else Fraction(1)


def _half_up(twice: int, over: int) -> int:
    """A half of `twice` / `over`, rounded half away from zero."""
    return (twice + over) // (2 * over) if twice >= 0 else -((over - twice) // (2 * over))
