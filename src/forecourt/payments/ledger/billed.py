"""From the bill of a session to the lines of an entry: revenue by what it was for, VAT by country and rate. Pure."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Final

from msgspec import Struct, structs

from forecourt.platform.money import minor_digits, rounded
from forecourt.pricing.model import Dimension
from forecourt.pricing.shown import LineShown, Quote

VAT: Final = "vat_payable:"
RESERVATION: Final = "revenue:reservation"
SUBSCRIPTION: Final = "revenue:subscription"
#: What was given off it, by who bears that.
WE_BEAR: Final = "discounts:operator"
HOST_BEARS: Final = "discounts:host"
REVENUE: Final = {
    Dimension.ENERGY: "revenue:energy",
    Dimension.TIME: "revenue:time",
    Dimension.PARKING_TIME: "revenue:idle",
    Dimension.FLAT: "revenue:flat",
}


class Line(Struct, frozen=True, kw_only=True):
    """What goes to one account of what was billed, in minor units; a discount's is below 0."""

    account: str
    amount: int


class Billed(Struct, frozen=True, kw_only=True):
    """What somebody owes for a session, parted into revenue and VAT. `nets`: what each account of VAT is of, before it,
    in minor units; what is in none of them is without VAT. None: nobody says so. `country`: where it was sold (ISO 3166
    alpha-2); empty where that isn't asked."""

    currency: str
    lines: tuple[Line, ...]
    nets: Mapping[str, int] | None = None
    country: str = ""

    @property
    def total(self) -> int:
        """With VAT: what is paid."""
        return sum(line.amount for line in self.lines)

    @property
    def vat(self) -> list[tuple[Decimal, int]]:
        """What of it is VAT: each rate in percent, and so much of it in minor units."""
        taxed = [line for line in self.lines if line.account.startswith(VAT)]
        return [(Decimal(line.account.rpartition(":")[2]), line.amount) for line in taxed]

    def within(self, most: int) -> "Billed":
        """What counts of it where no more than `most` minor units are taken: a bill above that is lowered to it."""
        return self if self.total <= most else self.part(most)

    def part(self, amount: int, after: Sequence[int] = ()) -> "Billed":
        """`amount` of it, after these parts were taken before: all parts of it are together the whole, to the cent,
        and of what was taken so far each rate has its share of the whole with the VAT that this comes to, rounded half
        up. No more than is left of it can be taken."""
        start = sum(after)
        assert 0 <= amount <= self.total - start, "more than is left"
        lines, nets = self._taken(start + amount)
        lines_before, nets_before = self._taken(start)
        parts = zip(self.lines, lines, lines_before, strict=True)
        return structs.replace(
            self,
            lines=tuple(Line(account=line.account, amount=now - was) for line, now, was in parts if now != was),
            nets=None if self.nets is None else {
                name: nets[name] - nets_before[name] for name in self.nets if nets[name] != nets_before[name]
            },
        )  # fmt: skip

    def _taken(self, amount: int) -> tuple[list[int], dict[str, int]]:
        """What of each line, and of what each account of VAT is of, is in the first `amount` that is taken. Each grows
        with that, or stays, so that no part turns against the others."""
        vats = {line.account: line.amount for line in self.lines if line.account.startswith(VAT)}
        whole = self._nets(vats)
        if amount == self.total:
            return [line.amount for line in self.lines], whole
        gross = [net + vats.get(name, 0) for name, net in whole.items()]
        *taken, _ = spread(amount, [*gross, self.total - sum(gross)])
        taxes = {
            name: _tax_within(name, part, vats.get(name, 0), all_of_it)
            for name, part, all_of_it in zip(whole, taken, gross, strict=True)
        }
        nets = {name: part - taxes[name] for name, part in zip(whole, taken, strict=True)}
        revenue = [line.amount for line in self.lines if line.account not in vats]
        earned = iter(_spread_signed(amount - sum(taxes.values()), revenue))
        return [taxes[line.account] if line.account in vats else next(earned) for line in self.lines], nets

    def _nets(self, vats: Mapping[str, int]) -> dict[str, int]:
        """What each account of VAT is of; where nobody says so, what its rate and its VAT come to."""
        if self.nets is not None:
            return {name: self.nets.get(name, 0) for name in {**self.nets, **vats}}
        left, found = self.total - sum(vats.values()), dict[str, int]()
        for name, vat in vats.items():
            rate = _rate_in(name)
            found[name] = min(_half_up(Fraction(vat) / rate), left) if rate else 0
            left -= found[name]
        return found


def _rate_in(account: str) -> Fraction:
    """The rate of an account of VAT: 0.19 of `vat_payable:DE:19`."""
    return Fraction(account.rpartition(":")[2]) / 100


def _half_up(exact: Fraction) -> int:
    return (2 * exact.numerator + exact.denominator) // (2 * exact.denominator)


def _tax_within(account: str, part: int, vat: int, whole: int) -> int:
    """The VAT within so much of what was billed at a rate, all of which is `whole` with `vat`."""
    rate = _rate_in(account)
    tax = _half_up(part * rate / (1 + rate))
    return min(max(tax, vat - (whole - part)), vat)


def spread(amount: int, over: Sequence[int]) -> list[int]:
    """An amount in proportion to others, none below 0, of which it is no more than all. Of a higher amount none has
    less."""
    if len(over) == 1:
        return [amount]
    middle, whole = len(over) // 2, sum(over)
    here = _half_up(Fraction(amount * sum(over[:middle]), whole)) if whole else 0
    return [*spread(here, over[:middle]), *spread(amount - here, over[middle:])]


def _spread_signed(amount: int, over: Sequence[int]) -> list[int]:
    """As `spread`, where some are below 0: what was given off something."""
    off = [max(-each, 0) for each in over]
    whole = sum(over)
    taken_off = _half_up(Fraction(amount * sum(off), whole)) if whole else 0
    found = zip(
        spread(amount + taken_off, [max(each, 0) for each in over]) if over else (),
        spread(taken_off, off) if over else (), strict=True,
    )  # fmt: skip
    return [more - less for more, less in found]


def _of(currency: str, totals: Mapping[str, int], nets: Mapping[str, int], country: str) -> Billed:
    lines = tuple(Line(account=name, amount=amount) for name, amount in totals.items() if amount)
    return Billed(currency=currency, lines=lines, nets=nets, country=country)


def of_quote(quote: Quote, country: str) -> Billed:
    """What a bill comes to in minor units, with the net amount of each rate of VAT parted by what it was for: in
    proportion, and together exactly that. Revenue is what it was before discounts, and what each took stands against
    it, by who bears it and what it was for: `discounts:operator:energy`. `country`: ISO 3166 alpha-2, where the station
    stands."""
    totals: dict[str, int] = {}

    def add(name: str, amount: int) -> None:
        totals[name] = totals.get(name, 0) + amount

    rates, taken, nets = quote.rounded.by_rate, _taken(quote), dict[str, int]()
    for rate in rates:
        meant = [n for n, line in enumerate(quote.lines) if line.vat == rate.vat or len(rates) == 1]
        exact = [Fraction(quote.lines[number].excl_vat) for number in meant]
        names = [_account(quote.lines[number]) for number in meant]
        off = [
            (bearer, number, parts[number]) for bearer, parts in taken.items() for number in meant if number in parts
        ]
        whole = rate.excl_vat.amount + sum(part for *_, part in off)
        if sum(exact):
            parts = in_proportion(whole, [each * whole / sum(exact) for each in exact])
        else:
            names, parts = names[:1] or [REVENUE[Dimension.FLAT]], [whole]
        for name, part in zip(names, parts, strict=True):
            add(name, part)
        for who, number, part in off:
            add(f"{who}:{_account(quote.lines[number]).partition(':')[2]}", -part)
        taxed = f"{VAT}{country}:{rate_name(rate.vat or Decimal(0))}"
        add(taxed, rate.incl_vat.amount - rate.excl_vat.amount)
        nets |= {taxed: rate.excl_vat.amount} if rate.vat and rate.excl_vat.amount else {}
    return _of(quote.currency, totals, nets, country)


def _account(line: LineShown) -> str:
    return RESERVATION if line.reservation else REVENUE[line.dimension]


def _taken(quote: Quote) -> dict[str, dict[int, int]]:
    """What discounts took before VAT, by who bears them and by the number of the line that they were taken off, in
    minor units: each rounded once."""
    found: dict[str, dict[int, int]] = {}
    for discount in quote.discounts:
        amount = rounded(Fraction(discount.excl_vat), quote.currency)
        meant = [n for n, line in enumerate(quote.lines) if not discount.dimensions
                 or line.dimension in discount.dimensions]  # fmt: skip
        weights = [Fraction(quote.lines[number].excl_vat) for number in meant]
        if not amount or not sum(weights):
            continue
        parts = found.setdefault(HOST_BEARS if discount.host_bears else WE_BEAR, {})
        for number, part in zip(
            meant, in_proportion(amount, [each * amount / sum(weights) for each in weights]), strict=True
        ):
            parts[number] = parts.get(number, 0) + part
    return found


def of_fee(amount: int, currency: str, vat: Decimal | None, country: str) -> Billed:
    """A membership's fee parted into revenue and the VAT within it, rounded once, half up."""
    exact = Fraction(amount) / (1 + Fraction(vat or 0) / 100)
    net = rounded(exact / 10 ** minor_digits(currency), currency)
    taxed = f"{VAT}{country}:{rate_name(vat or Decimal(0))}"
    return _of(currency, {SUBSCRIPTION: net, taxed: amount - net}, {taxed: net} if vat and net else {}, country)


def rate_name(rate: Decimal) -> str:
    """A rate of VAT as accounts name it: 19, 5.5."""
    return f"{rate.normalize():f}"


def apportioned(amount: int, over: Sequence[int]) -> list[int]:
    """An amount in proportion to others."""
    whole = sum(over)
    if not whole:
        return [0] * len(over)
    return in_proportion(amount, [Fraction(each * amount, whole) for each in over])


def in_proportion(amount: int, exact: Sequence[Fraction]) -> list[int]:
    """Whole numbers next to the exact ones, which sum to `amount` as those do: the largest remainders are rounded up,
    the first of equal ones."""
    floors = [each.__floor__() for each in exact]
    missing = amount - sum(floors)
    by_remainder = sorted(range(len(exact)), key=lambda number: floors[number] - exact[number])
    for number in by_remainder[:missing]:
        floors[number] += 1
    return floors
