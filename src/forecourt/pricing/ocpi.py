"""Tariffs in OCPI's form (2.3.0, and 2.2.1 which differs in how it says limits of the price), both ways.

Reading is lenient, as OCPI asks of a receiver: fields that aren't known are left alone, but for those of restrictions.
What can't be meant is refused.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Annotated, Final

from msgspec import Meta, Struct

from forecourt.platform.money import Currency
from forecourt.pricing.checking import below_nothing, crossed, no_currency, odd, refuse
from forecourt.pricing.model import (
    MAX_COMPONENTS,
    MAX_ELEMENTS,
    Conditions,
    Day,
    Dimension,
    Element,
    PriceComponent,
    PriceLimit,
    Reserved,
    Since,
    Tariff,
    TaxIncluded,
    TimeOfDay,
)

#: OCPI's number, taken digit by digit as it is written; as a string as well.
Number = Annotated[Decimal, Meta(examples=["0.25"])]


class OcpiPriceComponent(Struct, frozen=True, kw_only=True):
    """PriceComponent class."""

    type: Dimension
    price: Annotated[Number, Meta(description="Per kWh, per hour, or once.")]
    vat: Annotated[Number | None, Meta(description="In percent; null: no tax.", examples=["19"])] = None
    step_size: Annotated[int, Meta(ge=0, le=10**9, description="In Wh or s.", examples=[1])] = 1


class OcpiRestrictions(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """TariffRestrictions class. A field that isn't one of its own is refused: an element would count where it doesn't
    by what was meant."""

    start_time: TimeOfDay | None = None
    end_time: TimeOfDay | None = None
    start_date: date | None = None
    end_date: date | None = None
    min_kwh: Number | None = None
    max_kwh: Number | None = None
    min_current: Number | None = None
    max_current: Number | None = None
    min_power: Number | None = None
    max_power: Number | None = None
    min_duration: Annotated[int, Meta(ge=0)] | None = None
    max_duration: Annotated[int, Meta(ge=0)] | None = None
    day_of_week: list[Day] | None = None
    reservation: Reserved | None = None


class OcpiElement(Struct, frozen=True, kw_only=True):
    """TariffElement class."""

    price_components: Annotated[list[OcpiPriceComponent], Meta(min_length=1, max_length=MAX_COMPONENTS)]
    restrictions: OcpiRestrictions | None = None


class OcpiPriceLimit(Struct, frozen=True, kw_only=True):
    """PriceLimit class of 2.3.0, or Price class of 2.2.1."""

    before_taxes: Annotated[Number | None, Meta(examples=["0.50"])] = None
    after_taxes: Annotated[Number | None, Meta(examples=["0.55"])] = None
    excl_vat: Annotated[Number | None, Meta(description="Of 2.2.1.", examples=[None])] = None
    incl_vat: Annotated[Number | None, Meta(description="Of 2.2.1.", examples=[None])] = None


class OcpiTariff(Struct, frozen=True, kw_only=True):
    """Tariff object: what of it makes a price. Other fields may be there."""

    currency: Currency
    elements: Annotated[list[OcpiElement], Meta(min_length=1, max_length=MAX_ELEMENTS)]
    id: Annotated[str, Meta(max_length=255, examples=["12"])] = ""
    tax_included: Annotated[TaxIncluded, Meta(examples=["NO"])] = TaxIncluded.NO
    min_price: OcpiPriceLimit | None = None
    max_price: OcpiPriceLimit | None = None
    start_date_time: Annotated[str, Meta(max_length=40, examples=["2026-01-01T00:00:00Z"])] | None = None
    end_date_time: Annotated[str, Meta(max_length=40, examples=["2027-01-01T00:00:00Z"])] | None = None


#: A tariff as it may be sent: of energy, and of parking from half an hour after the session's start on.
EXAMPLE: Final = {
    "id": "12",
    "currency": "EUR",
    "elements": [
        {"price_components": [{"type": "ENERGY", "price": "0.49", "vat": "19", "step_size": 1}]},
        {
            "price_components": [{"type": "PARKING_TIME", "price": "6.00", "vat": "19", "step_size": 60}],
            "restrictions": {"min_duration": 1800},
        },
    ],
    "tax_included": "NO",
    "min_price": {"before_taxes": "0.50"},
}


def read_tariff(said: OcpiTariff) -> Tariff:
    """The tariff as we price it. Raises TariffUnreadable, which names all that can't be meant."""
    faults = [*_faults(said)]
    moments: list[datetime | None] = []
    for name in ("start_date_time", "end_date_time"):
        try:
            moments.append(_moment(getattr(said, name)))
        except ValueError:
            faults.append((name, "a time is written as 2026-03-01T12:00:00Z"))
    refuse(faults)
    return Tariff(
        id=said.id,
        currency=said.currency,
        elements=tuple(_element(each) for each in said.elements),
        tax_included=said.tax_included,
        min_price=_limit(said.min_price),
        max_price=_limit(said.max_price),
        starts_at=moments[0],
        ends_at=moments[1],
    )


def write_tariff(tariff: Tariff) -> tuple[OcpiTariff, Sequence[str]]:
    """The tariff in OCPI 2.3.0, and in words what OCPI can't say of it. An element that needs what can't be said is
    left out: it must not count where it doesn't."""
    lost, elements = [], []
    for number, element in enumerate(tariff.elements):
        unsaid = [*_unsaid(element.conditions)]
        if unsaid:
            lost.append(f"Element {number + 1} counts {' and '.join(unsaid)}, which OCPI 2.3.0 can't say.")
            continue
        c = element.conditions
        own = {each: getattr(c, each) for each in OcpiRestrictions.__struct_fields__ if each != "day_of_week"}
        days = sorted(c.days, key=list(Day).index) or None
        elements.append(
            OcpiElement(
                price_components=[
                    OcpiPriceComponent(type=each.type, price=each.price, vat=each.percent, step_size=each.step_size)
                    for each in element.price_components
                ],
                restrictions=None if c == Conditions() else OcpiRestrictions(**own, day_of_week=days),
            )
        )
    lost += _unsaid_of_all(tariff)
    return (
        OcpiTariff(
            id=tariff.id,
            currency=tariff.currency,
            elements=elements,
            tax_included=tariff.tax_included,
            min_price=_said_limit(tariff.min_price),
            max_price=_said_limit(tariff.max_price),
            start_date_time=_written(tariff.starts_at),
            end_date_time=_written(tariff.ends_at),
        ),
        lost,
    )


def _unsaid_of_all(tariff: Tariff) -> Iterator[str]:
    if tariff.caps:
        yield "It has caps, which OCPI 2.3.0 can't say."
    if tariff.free is not None:
        yield "Something of a session is free, which OCPI 2.3.0 can't say."
    if tariff.roaming_markup is not None:
        yield "Prices are higher for drivers of other operators, which OCPI 2.3.0 can't say."
    if any(component.taxes for element in tariff.elements for component in element.price_components):
        yield "Taxes are told as one, which OCPI 2.3.0 can't tell apart."


def _unsaid(c: Conditions) -> Iterator[str]:
    if c.since is not Since.START and (c.min_duration is not None or c.max_duration is not None):
        yield "from the end of charging" if c.since is Since.CHARGING_END else "from the start of charging"
    for name, words in (
        ("evse_kind", "by AC or DC"),
        ("driver_group", "for a group of drivers"),
        ("payment_brand", "by the brand of a card"),
    ):
        if getattr(c, name) is not None:
            yield words


def _element(said: OcpiElement) -> Element:
    own = {}
    if said.restrictions is not None:
        own = {each: getattr(said.restrictions, each) for each in OcpiRestrictions.__struct_fields__}
        own["days"] = frozenset(own.pop("day_of_week") or ())
    return Element(
        price_components=tuple(
            PriceComponent(type=each.type, price=each.price, vat=each.vat, step_size=each.step_size)
            for each in said.price_components
        ),
        conditions=Conditions(**own),
    )


def _limit(said: OcpiPriceLimit | None) -> PriceLimit | None:
    if said is None:
        return None
    before = said.excl_vat if said.before_taxes is None else said.before_taxes
    assert before is not None, "faults were looked for"
    return PriceLimit(before_taxes=before, after_taxes=said.incl_vat if said.after_taxes is None else said.after_taxes)


def _known_limit(said: OcpiPriceLimit | None) -> PriceLimit | None:
    """A limit as far as it can be read while faults are looked for."""
    return None if said is None or (said.before_taxes is None and said.excl_vat is None) else _limit(said)


def _said_limit(limit: PriceLimit | None) -> OcpiPriceLimit | None:
    return None if limit is None else OcpiPriceLimit(before_taxes=limit.before_taxes, after_taxes=limit.after_taxes)


def _moment(text: str | None) -> datetime | None:
    """OCPI leaves out the zone, which is UTC (types, DateTime)."""
    if text is None:
        return None
    moment = datetime.fromisoformat(text)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _written(moment: datetime | None) -> str | None:
    return None if moment is None else moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _faults(said: OcpiTariff) -> Iterator[tuple[str, str]]:
    yield from no_currency(said.currency)
    for name in ("min_price", "max_price"):
        limit = getattr(said, name)
        if limit is not None:
            if limit.before_taxes is None and limit.excl_vat is None:
                yield name, "the amount before taxes is missing"
            yield from odd(name, limit, ("before_taxes", "after_taxes", "excl_vat", "incl_vat"))
            for amount in ("before_taxes", "after_taxes", "excl_vat", "incl_vat"):
                yield from below_nothing(name, limit, amount)
    yield from crossed(_known_limit(said.min_price), _known_limit(said.max_price))
    for number, element in enumerate(said.elements):
        place = f"elements[{number}]"
        for count, component in enumerate(element.price_components):
            yield from odd(f"{place}.price_components[{count}]", component, ("price", "vat"))
        restrictions = element.restrictions
        if restrictions is not None:
            names = [f"{bound}_{of}" for of in ("kwh", "current", "power") for bound in ("min", "max")]
            yield from odd(f"{place}.restrictions", restrictions, names)
