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

from forecourt.pricing.model import (
    SECONDS_AN_HOUR,
    Circumstances,
    Conditions,
    Dimension,
    Element,
    PriceComponent,
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


class Line(Struct, frozen=True, kw_only=True):
    """One price as it is shown: of one unit, in the currency's major unit, taxes in or out as the law has it. `when`:
    under which conditions; later lines of a unit count where no earlier one does."""

    unit: Unit
    amount: Decimal
    when: Conditions
    tax_percent: Decimal | None


class Warned(StrEnum):
    """What a law, or what is shown, says against a tariff; the value is what the API shows."""

    NO_KWH_PRICE = "no-kwh-price"
    """The law wants a price per kWh for ad hoc charging at this power, and the tariff has none."""
    MINUTES_BESIDE_KWH = "minutes-beside-kwh"
    """The law lets charging be sold by energy alone; a price per minute of charging stands beside it."""
    STEPS = "steps"
    """Quantities are rounded up in steps: more is paid than was delivered, which the price doesn't show."""
    TAX_UNKNOWN = "tax-unknown"
    """Prices must be shown with taxes, and the tariff says none."""
    MANY_LINES = "many-lines"
    """There are more prices than a driver reads before he starts."""
    NEGATIVE_PRICE = "negative-price"
    """A price is below 0: the driver is paid. OCPI lets it be, few mean it."""
    TAX_UNUSUAL = "tax-unusual"
    """A rate of tax is above any usual one."""


#: Prices that fit on a phone before the first action.
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


def law_of(country: str | None, subdivision: str | None = None) -> PriceLaw:
    """The law of a place: of its subdivision (ISO 3166-2, `US-CA`) where that has its own."""
    return LAWS.get(subdivision or "") or LAWS.get(country or "") or ELSEWHERE


def display(tariff: Tariff, law: PriceLaw, there: Circumstances | None = None) -> tuple[Line, ...]:
    """Every price of the tariff that may count there, in the order in which the law has them."""
    lines = [
        Line(
            unit=unit,
            amount=_amount(tariff, law, component, unit),
            when=element.conditions,
            tax_percent=None if tariff.tax_included is TaxIncluded.NOT_APPLICABLE else component.percent,
        )
        for element in tariff.elements
        if _may_count(element, there or Circumstances())
        for component in element.price_components
        if (unit := _unit(component, element.conditions)) is not None
    ]
    kept: list[Line] = []
    always: set[Unit] = set()
    for line in lines:
        # Behind one that always counts none of its unit ever does.
        if line.unit not in always:
            kept.append(line)
        if line.when == Conditions() or line.when == Conditions(reservation=Reserved.RESERVATION):
            always.add(line.unit)
    return tuple(sorted(kept, key=lambda line: _ORDER.index(line.unit)))


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
    components = [component for element in tariff.elements for component in element.price_components]
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
    told = (Decimal(exact.numerator) / Decimal(exact.denominator)).quantize(
        Decimal(1).scaleb(-_MOST_DECIMALS), ROUND_HALF_UP
    )
    least = Decimal(1).scaleb(-(law.decimals if unit is Unit.KWH else 2))
    # No more decimals than there are, no fewer than the law wants.
    return told.quantize(least) if told == told.quantize(least) else told.normalize()


def idles(line: Line) -> bool:
    """Whether a price counts from the end of charging on, which drivers must be warned of."""
    return line.unit is Unit.IDLE_MINUTE or line.when.since is Since.CHARGING_END
