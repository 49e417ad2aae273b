"""The engine against a search second by second, and what must hold of every price."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from forecourt.pricing.engine import Pricer
from forecourt.pricing.model import (
    Conditions,
    Day,
    Dimension,
    Element,
    PriceComponent,
    Reserved,
    Segment,
    SegmentKind,
    Since,
    Tariff,
    TaxIncluded,
)
from tests.pricing import oracle

ZONES = ("Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe", "UTC")
#: Around nights on which clocks change, and on which nothing happens.
NIGHTS = (
    datetime(2026, 3, 29, 0, 30, tzinfo=UTC),
    datetime(2026, 10, 24, 23, 10, tzinfo=UTC),
    datetime(2026, 3, 8, 6, 20, tzinfo=UTC),
    datetime(2026, 4, 4, 14, 40, tzinfo=UTC),
    datetime(2026, 12, 31, 22, 59, 17, tzinfo=UTC),
    datetime(2026, 6, 3, 9, 0, 1, tzinfo=UTC),
)
money = st.decimals(min_value=0, max_value=5, places=4)
times = st.sampled_from([None, "00:00", "01:45", "02:30", "09:00", "17:00", "23:00"])


def maybe(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | values


conditions = st.builds(
    Conditions,
    start_time=times,
    end_time=times,
    start_date=maybe(st.sampled_from([date(2026, 3, 29), date(2026, 10, 25), date(2027, 1, 1)])),
    end_date=maybe(st.sampled_from([date(2026, 3, 30), date(2026, 10, 25), date(2027, 1, 1)])),
    days=st.frozensets(st.sampled_from(list(Day)), max_size=4),
    min_kwh=maybe(st.decimals(min_value=0, max_value=3, places=3)),
    max_kwh=maybe(st.decimals(min_value=0, max_value=3, places=3)),
    min_power=maybe(st.sampled_from([Decimal(4), Decimal(11)])),
    max_power=maybe(st.sampled_from([Decimal(11), Decimal("22.5")])),
    min_current=maybe(st.sampled_from([Decimal(6), Decimal(32)])),
    max_current=maybe(st.sampled_from([Decimal(16), Decimal("32.1")])),
    min_duration=maybe(st.integers(0, 2000)),
    max_duration=maybe(st.integers(0, 2000)),
    since=st.sampled_from([Since.START, *Since]),
    reservation=st.sampled_from([None, None, None, *Reserved]),
)
few_conditions = st.just(Conditions()) | conditions.flatmap(
    lambda one: st.sets(st.sampled_from(Conditions.__struct_fields__), max_size=12).map(
        lambda gone: replace(one, **{each: getattr(Conditions(), each) for each in gone})
    )
)
components = st.builds(
    PriceComponent,
    type=st.sampled_from(list(Dimension)),
    price=money,
    vat=maybe(st.sampled_from([Decimal(0), Decimal("5.2"), Decimal(19), Decimal(20)])),
    step_size=st.sampled_from([0, 1, 1, 60, 500, 900]),
)
elements = st.builds(
    Element,
    price_components=st.lists(components, min_size=1, max_size=3).map(tuple),
    conditions=few_conditions,
)
tariffs = st.builds(
    Tariff,
    id=st.just("T"),
    currency=st.sampled_from(["EUR", "JPY", "KWD"]),
    elements=st.lists(elements, min_size=1, max_size=5).map(tuple),
    tax_included=st.sampled_from(list(TaxIncluded)),
)
segments = st.lists(
    st.builds(
        Segment,
        seconds=st.integers(0, 1500),
        kind=st.sampled_from([SegmentKind.CHARGING, SegmentKind.PARKING, SegmentKind.WITHHELD]),
        energy_wh=st.integers(0, 3000) | st.fractions(0, 3000, max_denominator=7),
        power_w=maybe(st.sampled_from([0, 3_999, 4_000, 11_000, 22_500])),
        current_a=maybe(st.sampled_from([0, 6, 16, 32, Fraction(321, 10)])),
    ),
    min_size=1,
    max_size=4,
)
reservation = st.lists(
    st.builds(Segment, seconds=st.integers(0, 1500), kind=st.just(SegmentKind.RESERVATION)), max_size=1
)


@settings(max_examples=150, deadline=None)
@given(tariffs, st.sampled_from(ZONES), st.sampled_from(NIGHTS), reservation, segments | st.just([]))
def test_the_price_is_what_a_search_second_by_second_finds(
    tariff: Tariff, zone: str, start_at: datetime, reserved: list[Segment], used: list[Segment]
) -> None:
    session = [*reserved, *used]
    bill = Pricer(tariff, ZoneInfo(zone)).price(start_at, session)
    total = bill.before_limits
    assert (total.excl_vat, total.incl_vat) == oracle.price(tariff, zone, start_at, session)
    assert sum((fee.excl_vat for fee in bill.fees), Fraction(0)) == total.excl_vat
    assert sum((fee.incl_vat for fee in bill.fees), Fraction(0)) == total.incl_vat


@settings(max_examples=100, deadline=None)
@given(tariffs, st.sampled_from(ZONES), st.sampled_from(NIGHTS), segments, st.data())
def test_splitting_a_segment_changes_nothing(
    tariff: Tariff, zone: str, start_at: datetime, session: list[Segment], data: st.DataObject
) -> None:
    number = data.draw(st.integers(0, len(session) - 1))
    whole = session[number]
    first = data.draw(st.integers(0, whole.seconds))
    if not whole.seconds:
        return
    power_w = whole.power_w
    if power_w is None:
        power_w = Fraction(whole.energy_wh * 3600) / whole.seconds
    parts = [
        replace(whole, seconds=seconds, energy_wh=Fraction(whole.energy_wh) * seconds / whole.seconds, power_w=power_w)
        for seconds in (first, whole.seconds - first)
        if seconds
    ]
    pricer = Pricer(tariff, ZoneInfo(zone))
    split = [*session[:number], *parts, *session[number + 1 :]]
    assert pricer.price(start_at, split).total == pricer.price(start_at, session).total


@settings(max_examples=100, deadline=None)
@given(tariffs, st.sampled_from(ZONES), st.sampled_from(NIGHTS), segments, st.integers(1, 5000))
def test_more_energy_never_costs_less(
    tariff: Tariff, zone: str, start_at: datetime, session: list[Segment], more_wh: int
) -> None:
    """Where no condition asks for energy or power, and no prices are below nothing."""
    plain = replace(
        tariff,
        elements=tuple(
            replace(
                each,
                conditions=replace(each.conditions, min_kwh=None, max_kwh=None, min_power=None, max_power=None),
            )
            for each in tariff.elements
        ),
    )
    pricer = Pricer(plain, ZoneInfo(zone))
    fuller = [replace(session[0], energy_wh=session[0].energy_wh + more_wh), *session[1:]]
    less, more = pricer.price(start_at, session).total, pricer.price(start_at, fuller).total
    assert more.excl_vat >= less.excl_vat
    assert more.incl_vat >= less.incl_vat


def test_a_night_of_25_hours_is_priced_for_each_of_them() -> None:
    tariff = Tariff(
        id="T",
        currency="EUR",
        elements=(
            Element(
                price_components=(PriceComponent(type=Dimension.TIME, price=Decimal(1)),),
                conditions=Conditions(start_time="02:00", end_time="03:00"),
            ),
        ),
    )
    pricer = Pricer(tariff, ZoneInfo("Europe/Berlin"))
    for start_at, hours in (
        (datetime(2026, 10, 24, 22, tzinfo=UTC), 2),
        (datetime(2026, 3, 28, 23, tzinfo=UTC), 0),
        (datetime(2026, 6, 2, 22, tzinfo=UTC), 1),
    ):
        night = [Segment(seconds=int(timedelta(hours=6).total_seconds()), kind=SegmentKind.CHARGING)]
        assert pricer.price(start_at, night).total.excl_vat == hours


@pytest.mark.parametrize(("expired", "fees"), [(False, 2), (True, 2 + 3)])
def test_a_reservation_has_its_fee_once_whatever_counts_later(expired: bool, fees: int) -> None:
    def fee(price: int, **conditions: Any) -> Element:
        component = PriceComponent(type=Dimension.FLAT, price=Decimal(price))
        return Element(price_components=(component,), conditions=Conditions(**conditions))

    early = {"max_duration": 600}
    tariff = Tariff(
        id="T", currency="EUR",
        elements=(
            fee(2, reservation=Reserved.RESERVATION, **early), fee(7, reservation=Reserved.RESERVATION),
            fee(3, reservation=Reserved.RESERVATION_EXPIRES, **early), fee(9, reservation=Reserved.RESERVATION_EXPIRES),
        ),
    )  # fmt: skip
    session = [Segment(seconds=1200, kind=SegmentKind.RESERVATION)]
    if not expired:
        session.append(Segment(seconds=60, kind=SegmentKind.CHARGING))
    start_at = datetime(2026, 6, 2, 22, tzinfo=UTC)
    assert Pricer(tariff, ZoneInfo("Europe/Berlin")).price(start_at, session).total.excl_vat == fees
