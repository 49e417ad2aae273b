"""A tariff as OCPP 2.1 says it: a station that reckons by it comes to our price, or is not asked to."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from forecourt.pricing.engine import Pricer
from forecourt.pricing.model import (
    Cap,
    Conditions,
    Dimension,
    Element,
    Free,
    PriceComponent,
    PriceLimit,
    Reserved,
    Segment,
    SegmentKind,
    Since,
    Tariff,
    Tax,
    TaxIncluded,
)
from forecourt.pricing.ocpp21 import tariff_21
from tests.pricing.station21 import cost
from tests.pricing.test_engine import NIGHTS, ZONES, segments, tariffs

START = datetime(2026, 6, 3, 9, 0, tzinfo=UTC)
ENERGY = PriceComponent(type=Dimension.ENERGY, price=Decimal("0.49"), vat=Decimal(19))


def sayable(tariff: Tariff) -> Tariff:
    """As much of it as OCPP 2.1 has words for."""
    elements = []
    for element in tariff.elements:
        c = replace(element.conditions, reservation=None)
        kinds = {each.type for each in element.price_components}
        if c.since is not Since.CHARGING_END or kinds != {Dimension.PARKING_TIME}:
            c = replace(c, since=Since.START)
        if Dimension.FLAT in kinds:
            measured = [f"{bound}_{of}" for bound in ("min", "max") for of in ("kwh", "current", "power", "duration")]
            c = replace(c, **dict.fromkeys(measured))
        prices = tuple(replace(each, vat=Decimal(19), step_size=0) for each in element.price_components)
        elements.append(Element(price_components=prices, conditions=c))
    return replace(tariff, elements=tuple(elements), currency="EUR")


def told(tariff: Tariff) -> dict[str, Any]:
    said, lost = tariff_21(tariff)
    assert lost == []
    decoded: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(said))
    return decoded


@settings(max_examples=30, deadline=None)
@given(tariffs.map(sayable), st.sampled_from(ZONES), st.sampled_from(NIGHTS), segments)
def test_a_station_that_reckons_by_what_it_was_told_comes_to_our_price(
    tariff: Tariff, zone: str, start_at: datetime, session: list[Segment]
) -> None:
    # What the site withholds no station has a word for.
    known = [each for each in session if each.kind is not SegmentKind.WITHHELD]
    session = [replace(each, seconds=max(each.seconds, 1)) for each in known]
    ours = Pricer(tariff, ZoneInfo(zone)).price(start_at, session).before_limits
    excl, incl = cost(told(tariff), zone, start_at, session)
    assert abs(excl - float(ours.excl_vat)) < 1e-5
    assert abs(incl - float(ours.incl_vat)) < 1e-5


def test_everything_that_is_said_stands_where_ocpp_has_it() -> None:
    night = Conditions(start_time="22:00", end_time="06:00", start_date=date(2026, 1, 1), min_power=Decimal("11.5"))
    idle = Conditions(since=Since.CHARGING_END, min_duration=900)
    tariff = Tariff(
        id="T1",
        currency="EUR",
        elements=(
            Element(price_components=(replace(ENERGY, price=Decimal("0.39")),), conditions=night),
            Element(
                price_components=(
                    ENERGY,
                    PriceComponent(type=Dimension.FLAT, price=Decimal("0.5"), vat=Decimal(19)),
                    PriceComponent(type=Dimension.TIME, price=Decimal("1.2"), vat=Decimal(19)),
                )
            ),
            Element(price_components=(PriceComponent(type=Dimension.PARKING_TIME, price=Decimal(6)),), conditions=idle),
            Element(
                price_components=(PriceComponent(type=Dimension.TIME, price=Decimal(3)),),
                conditions=Conditions(reservation=Reserved.RESERVATION),
            ),
        ),
        min_price=PriceLimit(before_taxes=Decimal(1), after_taxes=Decimal("1.19")),
        starts_at=START,
    )
    assert told(tariff) == {
        "tariffId": "T1",
        "currency": "EUR",
        "validFrom": "2026-06-03T09:00:00Z",
        "energy": {
            "prices": [
                {
                    "priceKwh": 0.39,
                    "conditions": {
                        "startTimeOfDay": "22:00",
                        "endTimeOfDay": "06:00",
                        "validFromDate": "2026-01-01",
                        "minPower": 11_500.0,
                    },
                },
                {"priceKwh": 0.49},
            ],
            "taxRates": [{"type": "VAT", "tax": 19.0}],
        },
        "fixedFee": {"prices": [{"priceFixed": 0.5}], "taxRates": [{"type": "VAT", "tax": 19.0}]},
        "chargingTime": {"prices": [{"priceMinute": 0.02}], "taxRates": [{"type": "VAT", "tax": 19.0}]},
        "idleTime": {"prices": [{"priceMinute": 0.1, "conditions": {"minIdleTime": 900}}]},
        "reservationTime": {"prices": [{"priceMinute": 0.05}]},
        "minCost": {"exclTax": 1.0, "inclTax": 1.19},
    }


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"caps": (Cap(before_taxes=Decimal(9)),)}, "caps"),
        ({"free": Free(kwh=Decimal(1))}, "free"),
        ({"roaming_markup": Decimal(5)}, "other operators"),
        ({"ends_at": START}, "ends at a time"),
        ({"elements": [Conditions(driver_group="staff")]}, "a group of drivers"),
        ({"elements": [Conditions(since=Since.CHARGING_START, min_duration=1)]}, "start of charging"),
        ({"elements": [Conditions(since=Since.CHARGING_END, min_duration=1)]}, "more than idle time"),
        ({"elements": [Conditions(payment_brand="visa")]}, "brand"),
        ({"elements": [Conditions(reservation=Reserved.RESERVATION)]}, "energy of reservations"),
        ({"components": [replace(ENERGY, step_size=500)]}, "in steps"),
        ({"components": [ENERGY, replace(ENERGY, vat=Decimal(7))]}, "several rates"),
    ],
)
def test_what_ocpp_has_no_word_for_is_told_so_that_no_station_reckons_by_less(
    change: dict[str, Any], words: str
) -> None:
    elements = tuple(Element(price_components=(ENERGY,), conditions=each) for each in change.pop("elements", ()))
    components = change.pop("components", None)
    if components is not None:
        elements = tuple(Element(price_components=(each,)) for each in components)
    tariff = Tariff(id="T", currency="EUR", elements=elements or (Element(price_components=(ENERGY,)),), **change)
    _, lost = tariff_21(tariff)
    assert len(lost) == 1
    assert words in lost[0]


def test_prices_that_include_taxes_are_said_without_and_taxes_on_taxes_are_stacked() -> None:
    gross = Tariff(
        id="T", currency="EUR", elements=(Element(price_components=(ENERGY,)),), tax_included=TaxIncluded.YES
    )
    assert told(gross)["energy"]["prices"] == [{"priceKwh": 0.411764706}]
    stack = (Tax(name="GST", percent=Decimal(5)), Tax(name="QST", percent=Decimal("9.975"), on_top=True))
    both = replace(gross, tax_included=TaxIncluded.NO, elements=(
        Element(price_components=(replace(ENERGY, vat=None, taxes=stack),)),
    ))  # fmt: skip
    session = [Segment(seconds=3600, kind=SegmentKind.CHARGING, energy_wh=10_000)]
    ours = Pricer(both, ZoneInfo("UTC")).price(START, session).before_limits
    assert cost(told(both), "UTC", START, session)[1] == pytest.approx(float(ours.incl_vat), abs=1e-6)
