"""A tariff in the words of OCPP 2.1 (edition 1, I: Tariff and cost), for stations that reckon costs themselves. Pure.

OCPP says prices before taxes, of time by the minute, and taxes once for all prices of a dimension. What it can't say
makes a station's own reckoning another than ours, so a tariff of which something is lost is for no station: such a
station is told running costs instead. Only time that the site withholds, for which we bill none, has no word in any
tariff: a station that counts it as idle reckons more until it is told what the session came to.
"""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final

from msgspec import UNSET, UnsetType

from forecourt.ocpp.v21 import messages as v21
from forecourt.pricing.model import (
    SECONDS_AN_HOUR,
    WH_A_KWH,
    Conditions,
    Dimension,
    Element,
    PriceComponent,
    PriceLimit,
    Reserved,
    Since,
    Tariff,
    TaxIncluded,
)

#: Decimals of a price that is told; more are rounded, which moves no session's cost by a minor unit.
DECIMALS: Final = 9
_MINUTES_AN_HOUR: Final = SECONDS_AN_HOUR // 60

#: Which field says the prices of a dimension: of a session, and of a reservation.
_FIELDS: Final = {
    (Dimension.ENERGY, False): "energy",
    (Dimension.TIME, False): "charging_time",
    (Dimension.PARKING_TIME, False): "idle_time",
    (Dimension.FLAT, False): "fixed_fee",
    (Dimension.TIME, True): "reservation_time",
    (Dimension.FLAT, True): "reservation_fixed",
}


def tariff_21(tariff: Tariff) -> tuple[v21.TariffType, Sequence[str]]:
    """The tariff, and in words what OCPP 2.1 can't say of it; by one of which something is lost no station may
    reckon."""
    lost = [*_lost_of_all(tariff)]
    told: dict[str, list[tuple[Element, PriceComponent]]] = {}
    for number, element in enumerate(tariff.elements):
        lost += [f"Element {number + 1} {words}, which OCPP 2.1 can't say." for words in _lost(element)]
        reserved = element.conditions.reservation is not None
        for component in element.price_components:
            field = _FIELDS.get((component.type, reserved))
            if field is not None:
                told.setdefault(field, []).append((element, component))
    parts: dict[str, Any] = {}
    for field, prices in told.items():
        rates = {component.percent for _, component in prices}
        if len(rates) > 1:
            lost.append(f"Prices of {field} have several rates of tax, of which OCPP 2.1 knows one.")
        parts[field] = _part(field, tariff, prices)
    return (
        v21.TariffType(
            tariff_id=tariff.id,
            currency=tariff.currency,
            valid_from=tariff.starts_at if tariff.starts_at is not None else UNSET,
            min_cost=_limit(tariff.min_price),
            max_cost=_limit(tariff.max_price),
            **parts,
        ),
        lost,
    )


def _part(field: str, tariff: Tariff, prices: list[tuple[Element, PriceComponent]]) -> Any:
    taxes = UNSET if tariff.tax_included is TaxIncluded.NOT_APPLICABLE else _taxes(prices[0][1])
    included = tariff.tax_included is TaxIncluded.YES
    if field in ("fixed_fee", "reservation_fixed"):
        return v21.TariffFixedType(
            prices=tuple(
                v21.TariffFixedPriceType(price_fixed=_price(each, included, 1), conditions=_fixed(element.conditions))
                for element, each in prices
            ),
            tax_rates=taxes,
        )
    if field == "energy":
        return v21.TariffEnergyType(
            prices=tuple(
                v21.TariffEnergyPriceType(price_kwh=_price(each, included, 1), conditions=_when(element.conditions))
                for element, each in prices
            ),
            tax_rates=taxes,
        )
    return v21.TariffTimeType(
        prices=tuple(
            v21.TariffTimePriceType(
                price_minute=_price(each, included, _MINUTES_AN_HOUR), conditions=_when(element.conditions)
            )
            for element, each in prices
        ),
        tax_rates=taxes,
    )


def _price(component: PriceComponent, included: bool, units: int) -> float:
    """A price before taxes of one of so many units, as the number that a station is told."""
    exact = Fraction(component.price) / units
    if included and component.percent is not None:
        exact = exact / (1 + Fraction(component.percent) / 100)
    return float(round(Decimal(exact.numerator) / Decimal(exact.denominator), DECIMALS))


def _taxes(component: PriceComponent) -> tuple[v21.TaxRateType, ...] | UnsetType:
    if component.taxes:
        return tuple(
            v21.TaxRateType(type=each.name[:20], tax=float(each.percent), stack=number if each.on_top else 0)
            for number, each in enumerate(component.taxes)
        )
    return UNSET if component.percent is None else (v21.TaxRateType(type="VAT", tax=float(component.percent)),)


def _when(c: Conditions) -> v21.TariffConditionsType | UnsetType:
    said = _calendar(c)
    for name, value, units in (
        ("energy", (c.min_kwh, c.max_kwh), WH_A_KWH),
        ("current", (c.min_current, c.max_current), 1),
        ("power", (c.min_power, c.max_power), 1_000),
    ):
        for bound, number in zip(("min", "max"), value, strict=True):
            if number is not None:
                said[f"{bound}_{name}"] = float(number * units)
    counted = "idle_time" if c.since is Since.CHARGING_END else "time"
    for bound, seconds in (("min", c.min_duration), ("max", c.max_duration)):
        if seconds is not None:
            said[f"{bound}_{counted}"] = seconds
    return v21.TariffConditionsType(**said) if said else UNSET


def _fixed(c: Conditions) -> v21.TariffConditionsFixedType | UnsetType:
    said = _calendar(c)
    if c.payment_brand is not None:
        said["payment_brand"] = c.payment_brand
    return v21.TariffConditionsFixedType(**said) if said else UNSET


def _calendar(c: Conditions) -> dict[str, Any]:
    said: dict[str, Any] = {}
    if c.start_time is not None:
        said["start_time_of_day"] = c.start_time
    if c.end_time is not None:
        said["end_time_of_day"] = c.end_time
    if c.days:
        said["day_of_week"] = tuple(each for each in v21.DayOfWeekEnumType if each.value.upper() in c.days)
    if c.start_date is not None:
        said["valid_from_date"] = c.start_date.isoformat()
    if c.end_date is not None:
        said["valid_to_date"] = c.end_date.isoformat()
    if c.evse_kind is not None:
        said["evse_kind"] = v21.EvseKindEnumType(c.evse_kind.value)
    return said


def _limit(limit: PriceLimit | None) -> v21.PriceType | UnsetType:
    if limit is None:
        return UNSET
    after = UNSET if limit.after_taxes is None else float(limit.after_taxes)
    return v21.PriceType(excl_tax=float(limit.before_taxes), incl_tax=after)


def _lost_of_all(tariff: Tariff) -> Iterator[str]:
    if tariff.caps:
        yield "It has caps, which OCPP 2.1 can't say."
    if tariff.free is not None:
        yield "Something of a session is free, which OCPP 2.1 can't say."
    if tariff.roaming_markup is not None:
        yield "Prices are higher for drivers of other operators, which OCPP 2.1 can't say."
    if tariff.ends_at is not None:
        yield "It ends at a time, which OCPP 2.1 can't say."


def _lost(element: Element) -> Iterator[str]:
    """What of an element OCPP 2.1 has no word for."""
    c = element.conditions
    kinds = {each.type for each in element.price_components}
    if c.driver_group is not None:
        yield "counts for a group of drivers"
    if c.since is Since.CHARGING_START and (c.min_duration, c.max_duration) != (None, None):
        yield "counts from the start of charging"
    if c.since is Since.CHARGING_END and kinds - {Dimension.PARKING_TIME}:
        yield "prices more than idle time from the end of charging"
    if c.reservation is Reserved.RESERVATION_EXPIRES:
        yield "is for reservations that expired"
    if c.reservation is not None and Dimension.ENERGY in kinds:
        yield "prices energy of reservations"
    if c.payment_brand is not None and kinds != {Dimension.FLAT}:
        yield "depends on the brand of a card"
    measured = (c.min_kwh, c.max_kwh, c.min_current, c.max_current, c.min_power, c.max_power)
    if Dimension.FLAT in kinds and any(each is not None for each in (*measured, c.min_duration, c.max_duration)):
        yield "has a flat fee by energy, power or duration"
    if any(each.step_size > 1 and each.type is not Dimension.FLAT for each in element.price_components):
        yield "rounds up in steps"
