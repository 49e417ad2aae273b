"""How prices are shown before a driver starts: in the order and units that the law of the place asks for. Pure.

What is shown is data: amounts, units and conditions, in the order in which they must stand. The words are whoever shows
them, in the driver's language.
"""

from collections.abc import Iterator, Mapping, Sequence
from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum
from fractions import Fraction
from typing import Final

from msgspec import Struct

from forecourt.platform.money import Rounding, minor_digits, rounded
from forecourt.pricing.model import (
    SECONDS_AN_HOUR,
    WH_A_KWH,
    Cap,
    Circumstances,
    Conditions,
    Dimension,
    Element,
    Per,
    PriceComponent,
    PriceLimit,
    Reserved,
    Since,
    Tariff,
    TaxIncluded,
)

#: From this power on, in W, stations of the European Union sell ad hoc by the kWh (Regulation (EU) 2023/1804, 5(4)).
AFIR_POWER_W: Final = 50_000


class Unit(StrEnum):
    """What a price is of, in the order in which prices stand (Regulation (EU) 2023/1804, article 5(4))."""

    KWH = "kwh"
    MINUTE = "minute"
    SESSION = "session"
    #: Of parking behind or without charging.
    IDLE_MINUTE = "idle_minute"
    RESERVATION_MINUTE = "reservation_minute"
    RESERVATION = "reservation"


class PriceLaw(Struct, frozen=True, kw_only=True):
    """What the law of a place asks of a price that is shown. `cents`: prices per kWh are in hundredths of the unit;
    `decimals` at least of the amount per kWh. `kwh_from_w`: from this power on there must be a price per kWh; None:
    nowhere. `kwh_only`: no price per minute of charging may stand beside it."""

    source: str
    tax_included: bool
    cents: bool = False
    decimals: int = 2
    kwh_from_w: int | None = AFIR_POWER_W
    kwh_only: bool = False


_AFIR: Final = "Regulation (EU) 2023/1804, article 5"
#: By country (ISO 3166), or country and subdivision. What isn't here is shown like the European Union's.
LAWS: Final[Mapping[str, PriceLaw]] = {
    "DE": PriceLaw(source=f"{_AFIR}; PAngV § 14", tax_included=True),
    "FR": PriceLaw(source=f"{_AFIR}; Code de la consommation L112-1", tax_included=True),
    "NL": PriceLaw(source=f"{_AFIR}; Burgerlijk Wetboek 6:230m", tax_included=True),
    "GB": PriceLaw(
        source="Public Charge Point Regulations 2023, regulation 11",
        tax_included=True,
        cents=True,
        kwh_from_w=0,
    ),
    "US": PriceLaw(source="23 CFR 680.106", tax_included=False, decimals=2, kwh_from_w=0),
    "US-CA": PriceLaw(
        source="4 CCR § 4002.11 (NIST Handbook 44, 3.40)", tax_included=False, decimals=4, kwh_from_w=0, kwh_only=True
    ),
}
ELSEWHERE: Final = PriceLaw(source=_AFIR, tax_included=True)


class Says(StrEnum):
    """What a line tells, in the order in which lines stand."""

    #: What one of the unit costs.
    PRICE = "price"
    #: That so many of what it is `of` cost nothing: those that come first.
    FREE = "free"
    #: The most that what it is `of` costs together, in a session or on each day of it.
    CAP = "cap"
    #: The least and the most that a session costs.
    LEAST = "least"
    MOST = "most"


class Line(Struct, frozen=True, kw_only=True):
    """One line of what a driver must know of a price: `amount` in the currency's major unit, taxes in or out as the law
    has it; of what is free, in kWh or minutes. Only a price has a `unit`, and `when` says under which conditions it
    counts; later lines of a unit count where no earlier one does. `step`: in steps of how many units it is billed,
    None: by the Wh or second. `of`: what other lines are about, nothing named: all of it; `per`: over what a cap is
    counted."""

    says: Says = Says.PRICE
    unit: Unit | None = None
    amount: Decimal
    when: Conditions = Conditions()
    tax_percent: Decimal | None = None
    step: Decimal | None = None
    of: tuple[Unit, ...] = ()
    per: Per = Per.SESSION


class Warned(StrEnum):
    """What a law, or what is shown, says against a tariff; the value is what the API shows."""

    NO_KWH_PRICE = "no-kwh-price"
    """The law wants a price per kWh for ad hoc charging at this power, and the tariff has none."""
    MINUTES_BESIDE_KWH = "minutes-beside-kwh"
    """The law lets charging be sold by energy alone; a price per minute of charging stands beside it."""
    STEPS = "steps"
    """Quantities are rounded up in steps: more is paid than was delivered."""
    TAX_UNKNOWN = "tax-unknown"
    """Prices must be shown with taxes, and the tariff says none."""
    MANY_LINES = "many-lines"
    """There is more to read of the price than a driver reads before he starts."""
    NEGATIVE_PRICE = "negative-price"
    """A price is below 0: the driver is paid. OCPI lets it be, few mean it."""
    TAX_UNUSUAL = "tax-unusual"
    """A rate of tax is above any usual one."""


#: Lines that fit on a phone before the first action.
READABLE_LINES: Final = 6
#: In percent. The highest standard rate of VAT in the European Union is 27 (Hungary).
USUAL_TAX: Final = 30
_ORDER: Final = tuple(Unit)
_UNITS: Final = {
    (Dimension.ENERGY, False): Unit.KWH,
    (Dimension.TIME, False): Unit.MINUTE,
    (Dimension.FLAT, False): Unit.SESSION,
    (Dimension.PARKING_TIME, False): Unit.IDLE_MINUTE,
    (Dimension.TIME, True): Unit.RESERVATION_MINUTE,
    (Dimension.FLAT, True): Unit.RESERVATION,
}
#: Decimals with which amounts are told at the most.
_MOST_DECIMALS: Final = 4
_SECONDS_A_MINUTE: Final = 60


def law_of(country: str | None, subdivision: str | None = None) -> PriceLaw:
    """The law of a place: of its subdivision (ISO 3166-2, `US-CA`) where that has its own."""
    return LAWS.get(subdivision or "") or LAWS.get(country or "") or ELSEWHERE


def display(tariff: Tariff, law: PriceLaw, there: Circumstances | None = None) -> tuple[Line, ...]:
    """All that makes the price there: every price that may count, in the order in which the law has them, and behind
    them what is free, caps, the least and the most."""
    elements = [each for each in tariff.elements if _may_count(each, there or Circumstances())]
    prices = sorted(_prices(tariff, law, elements), key=lambda line: _ORDER.index(line.unit or Unit.KWH))
    units = {line.unit for line in prices}
    return (*prices, *_free(tariff, units), *_caps(tariff, law, elements), *_limits(tariff, law, elements))


def most_of_session(tariff: Tariff, there: Circumstances | None = None) -> Decimal | None:
    """The most that a session costs by the tariff, after taxes in the major unit; None where it sets no most."""
    elements = [each for each in tariff.elements if _may_count(each, there or Circumstances())]
    return None if tariff.max_price is None else _limit(tariff, ELSEWHERE, elements, tariff.max_price)


def _prices(tariff: Tariff, law: PriceLaw, elements: Sequence[Element]) -> Iterator[Line]:
    always: set[Unit] = set()
    for element in elements:
        for component in element.price_components:
            unit = _unit(component, element.conditions)
            # Behind one that always counts none of its unit ever does.
            if unit is None or unit in always:
                continue
            yield Line(
                unit=unit,
                amount=_amount(tariff, law, component, unit),
                when=element.conditions,
                tax_percent=None if tariff.tax_included is TaxIncluded.NOT_APPLICABLE else component.percent,
                step=_step(component),
            )
            if element.conditions in (Conditions(), Conditions(reservation=Reserved.RESERVATION)):
                always.add(unit)


def _step(component: PriceComponent) -> Decimal | None:
    if component.type is Dimension.FLAT or component.step_size <= 1:
        return None
    return Decimal(component.step_size) / (WH_A_KWH if component.type is Dimension.ENERGY else _SECONDS_A_MINUTE)


def _free(tariff: Tariff, priced: set[Unit | None]) -> Iterator[Line]:
    """What is free of what costs something at all."""
    free = tariff.free
    if free is None:
        return
    for unit, amount in (
        (Unit.KWH, free.kwh),
        (Unit.MINUTE, Decimal(free.charging_minutes)),
        (Unit.IDLE_MINUTE, Decimal(free.parking_minutes)),
    ):
        if amount and unit in priced:
            yield Line(says=Says.FREE, amount=amount, of=(unit,))


def _caps(tariff: Tariff, law: PriceLaw, elements: Sequence[Element]) -> Iterator[Line]:
    for cap in tariff.caps:
        meant = [each for each in _components(elements) if not cap.dimensions or each.type in cap.dimensions]
        if meant:
            yield Line(says=Says.CAP, amount=_taxed(tariff, law, cap.before_taxes, meant), of=_capped(cap), per=cap.per)


def _capped(cap: Cap) -> tuple[Unit, ...]:
    return tuple(unit for (dimension, reserved), unit in _UNITS.items() if dimension in cap.dimensions and not reserved)


def _limits(tariff: Tariff, law: PriceLaw, elements: Sequence[Element]) -> Iterator[Line]:
    for says, limit in ((Says.LEAST, tariff.min_price), (Says.MOST, tariff.max_price)):
        amount = None if limit is None else _limit(tariff, law, elements, limit)
        # A least of nothing says nothing; a most of nothing says that all is free.
        if amount is not None and (amount or says is Says.MOST):
            yield Line(says=says, amount=amount)


def _limit(tariff: Tariff, law: PriceLaw, elements: Sequence[Element], limit: PriceLimit) -> Decimal:
    """A limit as the law has it told: where it moves what is paid in proportion, at the highest tax that may be in."""
    if law.tax_included and limit.after_taxes is not None:
        return _paid(Fraction(limit.after_taxes), tariff.currency)
    return _taxed(tariff, law, limit.before_taxes, _components(elements))


def _taxed(tariff: Tariff, law: PriceLaw, before: Decimal, components: Sequence[PriceComponent]) -> Decimal:
    """An amount before taxes as the law has it told, at the highest tax of what it may be for: no driver pays more."""
    exact = Fraction(before)
    if law.tax_included and tariff.tax_included is not TaxIncluded.NOT_APPLICABLE:
        exact *= 1 + Fraction(max((each.percent or Decimal(0) for each in components), default=Decimal(0))) / 100
    return _paid(exact, tariff.currency)


def _paid(exact: Fraction, currency: str) -> Decimal:
    """In whole minor units, as it would be paid."""
    return Decimal(rounded(exact, currency, Rounding.HALF_UP)).scaleb(-minor_digits(currency))


def _components(elements: Sequence[Element]) -> list[PriceComponent]:
    return [component for element in elements for component in element.price_components]


def warnings(tariff: Tariff, law: PriceLaw, power_w: int | None) -> Sequence[Warned]:
    """What the law says against the tariff at an EVSE of so much power (None: not known), and what a driver misses."""
    return tuple(_warnings(tariff, law, power_w))


def _warnings(tariff: Tariff, law: PriceLaw, power_w: int | None) -> Iterator[Warned]:
    lines = display(tariff, law)
    units = {line.unit for line in lines}
    bound = law.kwh_from_w is not None and (law.kwh_from_w == 0 or (power_w or 0) >= law.kwh_from_w)
    if bound and Unit.KWH not in units:
        yield Warned.NO_KWH_PRICE
    if law.kwh_only and Unit.MINUTE in units:
        yield Warned.MINUTES_BESIDE_KWH
    components = _components(tariff.elements)
    if any(each.step_size > 1 and each.type is not Dimension.FLAT for each in components):
        yield Warned.STEPS
    if law.tax_included and tariff.tax_included is TaxIncluded.NO and any(each.percent is None for each in components):
        yield Warned.TAX_UNKNOWN
    if len(lines) > READABLE_LINES:
        yield Warned.MANY_LINES
    if any(each.price < 0 for each in components):
        yield Warned.NEGATIVE_PRICE
    if any((each.percent or 0) > USUAL_TAX for each in components):
        yield Warned.TAX_UNUSUAL


def _unit(component: PriceComponent, when: Conditions) -> Unit | None:
    if when.reservation is Reserved.RESERVATION_EXPIRES:
        return None
    return _UNITS.get((component.type, when.reservation is not None))


def _may_count(element: Element, there: Circumstances) -> bool:
    c = element.conditions
    return all(
        wanted is None or known is None or wanted == known
        for wanted, known in ((c.evse_kind, there.evse_kind), (c.driver_group, there.driver_group))
    )


def _amount(tariff: Tariff, law: PriceLaw, component: PriceComponent, unit: Unit) -> Decimal:
    exact = Fraction(component.price)
    taxed = 1 + Fraction(component.percent or 0) / 100
    if law.tax_included and tariff.tax_included is TaxIncluded.NO:
        exact *= taxed
    elif not law.tax_included and tariff.tax_included is TaxIncluded.YES:
        exact /= taxed
    if unit in (Unit.MINUTE, Unit.IDLE_MINUTE, Unit.RESERVATION_MINUTE):
        exact = exact * 60 / SECONDS_AN_HOUR
    return _told(exact, law.decimals if unit is Unit.KWH else 2)


def _told(exact: Fraction, decimals: int) -> Decimal:
    """With no more decimals than there are, no fewer than the law wants."""
    told = (Decimal(exact.numerator) / Decimal(exact.denominator)).quantize(
        Decimal(1).scaleb(-_MOST_DECIMALS), ROUND_HALF_UP
    )
    least = Decimal(1).scaleb(-decimals)
    return told.quantize(least) if told == told.quantize(least) else told.normalize()


def idles(line: Line) -> bool:
    """Whether a price counts from the end of charging on, which drivers must be warned of."""
    return line.unit is Unit.IDLE_MINUTE or line.when.since is Since.CHARGING_END
