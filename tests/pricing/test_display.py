"""Prices as the law of each place has them shown, and what 1.6 stations are told."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from msgspec.structs import replace

from forecourt.platform.money import Money
from forecourt.pricing.california import default_price, final_cost, running_cost, user_price
from forecourt.pricing.display import LAWS, Says, Unit, Warned, display, law_of, warnings
from forecourt.pricing.engine import Pricer
from forecourt.pricing.model import (
    Cap,
    Circumstances,
    Conditions,
    Dimension,
    Element,
    EvseKind,
    Free,
    Per,
    PriceComponent,
    PriceLimit,
    Reserved,
    Segment,
    SegmentKind,
    Since,
    Tariff,
    TaxIncluded,
)
from forecourt.pricing.words import line_words
from tests.support import EPOCH


def priced(type: Dimension, price: str, vat: str | None = "20", step: int = 1) -> PriceComponent:
    return PriceComponent(type=type, price=Decimal(price), vat=None if vat is None else Decimal(vat), step_size=step)


IDLE = Conditions(since=Since.CHARGING_END, min_duration=600)
#: In an order that no law has.
TARIFF = Tariff(
    id="T",
    currency="EUR",
    elements=(
        Element(price_components=(priced(Dimension.PARKING_TIME, "6"),), conditions=IDLE),
        Element(price_components=(priced(Dimension.FLAT, "0.5"), priced(Dimension.TIME, "1.2"))),
        Element(price_components=(priced(Dimension.ENERGY, "0.4"),), conditions=Conditions(start_time="22:00")),
        Element(price_components=(priced(Dimension.ENERGY, "0.49"),)),
    ),
)
ORDER = [Unit.KWH, Unit.KWH, Unit.MINUTE, Unit.SESSION, Unit.IDLE_MINUTE]


@pytest.mark.parametrize(
    ("place", "shown", "cents", "warned_at_50_kw", "warned_at_22_kw_by_the_minute"),
    [
        (("DE", None), "0.588", False, [], []),
        (("FR", None), "0.588", False, [], []),
        (("NL", None), "0.588", False, [], []),
        (("GB", None), "0.588", True, [], [Warned.NO_KWH_PRICE]),
        (
            ("US", "US-CA"),
            "0.4900",
            False,
            [Warned.MINUTES_BESIDE_KWH],
            [Warned.NO_KWH_PRICE, Warned.MINUTES_BESIDE_KWH],
        ),
        (("US", "US-OR"), "0.49", False, [], [Warned.NO_KWH_PRICE]),
        (("SE", None), "0.588", False, [], []),
    ],
)
def test_each_law_has_prices_in_its_order_with_its_taxes_and_units(
    place: tuple[str, str | None],
    shown: str,
    cents: bool,
    warned_at_50_kw: list[Warned],
    warned_at_22_kw_by_the_minute: list[Warned],
) -> None:
    law = law_of(*place)
    lines = display(TARIFF, law)
    assert [line.unit for line in lines] == ORDER
    assert (str(lines[1].amount), law.cents) == (shown, cents)
    assert [*warnings(TARIFF, law, 50_000)] == warned_at_50_kw
    by_minute = replace(TARIFF, elements=(Element(price_components=(priced(Dimension.TIME, "6"),)),))
    assert [*warnings(by_minute, law, 22_000)] == warned_at_22_kw_by_the_minute
    assert Warned.NO_KWH_PRICE in warnings(by_minute, law, 50_000)


def test_prices_of_time_are_by_the_minute_and_taxes_are_put_in_or_taken_out_exactly_once() -> None:
    by_unit = {line.unit: line.amount for line in display(TARIFF, LAWS["DE"])}
    assert (by_unit[Unit.MINUTE], by_unit[Unit.IDLE_MINUTE]) == (Decimal("0.024"), Decimal("0.12"))
    assert by_unit[Unit.SESSION] == Decimal("0.60")
    gross = replace(TARIFF, tax_included=TaxIncluded.YES)
    assert display(gross, LAWS["DE"])[1].amount == Decimal("0.49")
    assert display(gross, LAWS["US-CA"])[1].amount == Decimal("0.4083")


def test_what_can_never_count_there_is_not_shown() -> None:
    fast = Element(price_components=(priced(Dimension.ENERGY, "0.69"),), conditions=Conditions(evse_kind=EvseKind.DC))
    never = Element(price_components=(priced(Dimension.ENERGY, "9"),))
    expired = Element(
        price_components=(priced(Dimension.FLAT, "3"),),
        conditions=Conditions(reservation=Reserved.RESERVATION_EXPIRES),
    )
    tariff = replace(TARIFF, elements=(expired, fast, *TARIFF.elements, never))
    at_ac = display(tariff, LAWS["US-CA"], Circumstances(evse_kind=EvseKind.AC))
    assert [str(line.amount) for line in at_ac if line.unit is Unit.KWH] == ["0.4000", "0.4900"]
    at_dc = display(tariff, LAWS["US-CA"], Circumstances(evse_kind=EvseKind.DC))
    assert [str(line.amount) for line in at_dc if line.unit is Unit.KWH] == ["0.6900", "0.4000", "0.4900"]


#: With all that makes a session cost something else than what its units cost.
TERMS = Tariff(
    id="T",
    currency="EUR",
    elements=(
        Element(
            price_components=(
                priced(Dimension.ENERGY, "0.50", "19"),
                priced(Dimension.PARKING_TIME, "6", "7", 900),
            )
        ),
    ),
    min_price=PriceLimit(before_taxes=Decimal(4), after_taxes=Decimal(5)),
    max_price=PriceLimit(before_taxes=Decimal(30)),
    caps=(
        Cap(before_taxes=Decimal(12), per=Per.DAY, dimensions=frozenset({Dimension.PARKING_TIME})),
        Cap(before_taxes=Decimal(20)),
        Cap(before_taxes=Decimal(1), dimensions=frozenset({Dimension.FLAT})),
    ),
    free=Free(kwh=Decimal(5), charging_minutes=15, parking_minutes=30),
)


def test_all_that_makes_a_price_is_told_behind_what_its_units_cost() -> None:
    told = [line_words(line, LAWS["DE"], "EUR") for line in display(TERMS, LAWS["DE"])]
    assert [each.replace("\N{NO-BREAK SPACE}", " ") for each in told] == [
        "€0.595 per kWh",
        "€0.107 per minute parked without charging, in steps of 15 min",
        # Charging by the minute costs nothing anyway, and there is no flat fee to be capped.
        "The first 5 kWh are free",
        "The first 30 min parked without charging are free",
        # At the tax of what it is about; of several, at the highest.
        "At most €12.84 a day (time parked without charging)",
        "At most €23.80 a session",
        "At least €5.00 a session",
        "At most €35.70 a session",
    ]
    at_border = [line_words(line, LAWS["US"], "EUR") for line in display(TERMS, LAWS["US"])]
    assert at_border[-2:] == ["At least €4.00 a session", "At most €30.00 a session"]
    assert len({line for line in display(TERMS, LAWS["DE"]) if line.says is Says.PRICE}) == 2
    assert Warned.MANY_LINES in warnings(TERMS, LAWS["DE"], None)
    nothing = replace(TERMS, min_price=PriceLimit(before_taxes=Decimal(0)), max_price=None, caps=(), free=Free())
    assert [line.says for line in display(nothing, LAWS["DE"])] == [Says.PRICE, Says.PRICE]
    given_away = replace(nothing, max_price=PriceLimit(before_taxes=Decimal(0)))
    assert line_words(display(given_away, LAWS["DE"])[-1], LAWS["DE"], "EUR") == "At most €0.00 a session"


@pytest.mark.parametrize("included", TaxIncluded)
@pytest.mark.parametrize(("least", "most"), [("1.33", None), ("1.33", "1.50"), ("0.01", "0.02")])
def test_what_is_told_as_the_least_and_the_most_is_what_is_paid(
    included: TaxIncluded, least: str, most: str | None
) -> None:
    after = None if most is None else Decimal(most)
    limit = PriceLimit(before_taxes=Decimal(least), after_taxes=after)
    tariff = replace(TARIFF, tax_included=included, min_price=limit, max_price=limit)
    told = [line.amount for line in display(tariff, LAWS["DE"])[-2:]]
    for energy_wh in (1_000, 400_000):
        flows = Segment(seconds=3_600, kind=SegmentKind.CHARGING, energy_wh=energy_wh)
        paid = sum(each.incl_vat for each in Pricer(tariff, ZoneInfo("UTC")).price(EPOCH, [flows]).rounded())
        assert told == [Decimal(paid) / 100] * 2


@pytest.mark.parametrize(
    ("dimension", "step", "told"),
    [
        (Dimension.ENERGY, 1, None),
        (Dimension.ENERGY, 500, "0.5 kWh"),
        (Dimension.TIME, 60, "1 min"),
        (Dimension.PARKING_TIME, 90, "90 s"),
        (Dimension.PARKING_TIME, 20, "20 s"),
        (Dimension.FLAT, 900, None),
    ],
    ids=str,
)
def test_steps_stand_beside_their_price(dimension: Dimension, step: int, told: str | None) -> None:
    tariff = replace(TARIFF, elements=(Element(price_components=(priced(dimension, "6", "20", step),)),))
    [line] = display(tariff, LAWS["DE"])
    said = line_words(line, LAWS["DE"], "EUR").replace("\N{NO-BREAK SPACE}", " ")
    assert said.partition(", in steps of ")[2] == (told or "")


def test_what_a_driver_could_not_see_is_warned_of() -> None:
    steps = replace(TARIFF, elements=(Element(price_components=(priced(Dimension.ENERGY, "0.4", None, 1000),)),))
    assert [*warnings(steps, LAWS["DE"], None)] == [Warned.STEPS, Warned.TAX_UNKNOWN]
    many = tuple(
        Element(price_components=(priced(Dimension.ENERGY, "0.4"),), conditions=Conditions(min_kwh=Decimal(number)))
        for number in range(7)
    )
    assert [*warnings(replace(TARIFF, elements=many), LAWS["NL"], None)] == [Warned.MANY_LINES]


@pytest.mark.parametrize(
    ("price", "vat", "warned"),
    [
        ("-0.49", "19", [Warned.NEGATIVE_PRICE]),
        ("0.49", "30", []),
        ("0.49", "90", [Warned.TAX_UNUSUAL]),
        ("0", "0", []),
    ],
)
def test_prices_and_taxes_that_few_mean_are_warned_of(price: str, vat: str, warned: list[Warned]) -> None:
    odd = replace(TARIFF, elements=(Element(price_components=(priced(Dimension.ENERGY, price, vat),)),))
    assert [*warnings(odd, LAWS["DE"], None)] == warned


def test_a_1_6_station_is_told_prices_and_costs_in_the_words_of_the_application_note() -> None:
    def said(text: str) -> dict[str, Any]:
        found: dict[str, Any] = msgspec.json.decode(text)
        return found

    prices = {"kWhPrice": 0.49, "hourPrice": 1.2, "flatFee": 0.5}
    assert said(default_price(TARIFF, "0.49 a kWh", "ask")) == {
        "priceText": "0.49 a kWh", "priceTextOffline": "ask", "chargingPrice": prices,
    }  # fmt: skip
    at = datetime(2026, 3, 1, 12, tzinfo=UTC)
    running = running_cost(98, at, 1_234_000, Money(amount=1234, currency="EUR"), charging=True, tariff=TARIFF)
    assert running.payload()["vendorId"] == "org.openchargealliance.costmsg"
    assert (running.message_id, said(running.data)) == (
        "RunningCost",
        {
            "transactionId": 98, "timestamp": "2026-03-01T12:00:00Z", "meterValue": 1_234_000, "cost": 12.34,
            "state": "Charging", "chargingPrice": prices, "idlePrice": {"graceMinutes": 10, "hourPrice": 6.0},
        },
    )  # fmt: skip
    final = final_cost(98, Money(amount=331, currency="JPY"), "331 yen", "https://example.com/r/1")
    assert said(final.data) == {
        "transactionId": 98, "cost": 331.0, "priceText": "331 yen", "qrCodeText": "https://example.com/r/1",
    }  # fmt: skip
    mine = user_price("04A2", {"en": "cheap", "de": "x" * 600}, "en")
    assert said(mine.data)["priceTextExtra"] == [{"format": "UTF8", "language": "de", "content": "x" * 512}]
