"""What makes a bill less: free quantities, caps, discounts; several taxes; dearer prices for others. All exact."""

from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from forecourt.pricing.engine import Pricer
from forecourt.pricing.model import (
    Cap,
    Circumstances,
    Dimension,
    Discount,
    Element,
    Free,
    Per,
    PriceComponent,
    PriceLimit,
    Segment,
    SegmentKind,
    Tariff,
    Tax,
    Total,
)

ZONE = ZoneInfo("Europe/Berlin")
#: 22:00 in Berlin.
START = datetime(2026, 3, 1, 21, tzinfo=UTC)
CHARGING = Segment(seconds=3600, kind=SegmentKind.CHARGING, energy_wh=10_000)
PARKING = Segment(seconds=6 * 3600, kind=SegmentKind.PARKING)


def tariff(**more: Any) -> Tariff:
    """0.50 once and 0.40 a kWh at 19 %, 6 an hour of parking at 7 %."""
    prices = ((Dimension.FLAT, "0.50", 19), (Dimension.ENERGY, "0.40", 19), (Dimension.PARKING_TIME, "6", 7))
    components = tuple(
        PriceComponent(type=of, price=Decimal(price), vat=Decimal(vat), step_size=0) for of, price, vat in prices
    )
    return Tariff(id="t", currency="EUR", elements=(Element(price_components=components),), **more)


def total(of: Tariff, *segments: Segment, there: Circumstances | None = None, **how: Any) -> Total:
    return Pricer(of, ZONE, there or Circumstances()).price(START, segments or (CHARGING, PARKING), **how).total


def euros(excl: str, incl: str) -> Total:
    return Total(excl_vat=Fraction(excl), incl_vat=Fraction(incl))


def test_without_any_of_it_it_costs_what_its_fees_come_to() -> None:
    assert total(tariff()) == euros("40.50", str(4.50 * 1.19 + 36 * 1.07))


def test_a_cap_of_a_session_holds_its_dimensions_and_leaves_others_alone() -> None:
    capped = tariff(caps=(Cap(before_taxes=Decimal(12), dimensions=frozenset({Dimension.PARKING_TIME})),))
    assert total(capped) == euros("16.50", "18.195")  # 4.50 at 19 % and 12 at 7 %
    assert total(capped, CHARGING) == total(tariff(), CHARGING)


def test_a_cap_of_a_day_counts_each_day_by_the_clock_of_the_site() -> None:
    # One hour of parking before midnight in Berlin and five behind it.
    daily = tariff(caps=(Cap(before_taxes=Decimal(12), per=Per.DAY, dimensions=frozenset({Dimension.PARKING_TIME})),))
    assert total(daily) == euros("22.50", str(Fraction("4.50") * Fraction("1.19") + 18 * Fraction("1.07")))
    whole = tariff(caps=(Cap(before_taxes=Decimal(8), per=Per.DAY),))
    # The first day comes to 4.50 + 6, the second to 30.
    assert total(whole).excl_vat == 16


def test_on_the_night_on_which_clocks_change_a_day_is_as_long_as_it_is() -> None:
    # 23:00 on 28 March 2026 in Berlin; the 29th has 23 hours.
    daily = tariff(caps=(Cap(before_taxes=Decimal(138), per=Per.DAY),))
    parked = Segment(seconds=26 * 3600, kind=SegmentKind.PARKING)
    bill = Pricer(daily, ZONE).price(datetime(2026, 3, 28, 22, tzinfo=UTC), [parked])
    # 1 h and what is once, 23 h that reach the cap exactly, 2 h.
    assert bill.total.excl_vat == Fraction("6.50") + 138 + 12


def test_what_is_free_comes_first_and_is_not_billed() -> None:
    free = tariff(free=Free(kwh=Decimal("2.5"), parking_minutes=60))
    assert total(free).excl_vat == Fraction("0.50") + Fraction("7.5") * Fraction("0.40") + 5 * 6
    assert total(tariff(free=Free(kwh=Decimal(100), parking_minutes=10**6))) == euros("0.50", "0.595")


def test_discounts_come_after_caps_and_limits_one_after_the_other_and_never_below_nothing() -> None:
    of = tariff(max_price=PriceLimit(before_taxes=Decimal(20)))
    fifth = Discount(id="member", label="Member", percent=Decimal(20))
    voucher = Discount(id="v1", label="Voucher", before_taxes=Decimal(5))
    bill = Pricer(of, ZONE).price(START, [CHARGING, PARKING], discounts=[fifth, voucher])
    assert bill.adjusted is not None
    assert bill.total.excl_vat == 20 - 4 - 5
    assert [each.excl_vat for each in bill.adjusted.taken] == [4, 5]
    assert total(of, discounts=[voucher, fifth]).excl_vat == 20 - 5 - 3
    assert total(of, discounts=[Discount(id="v", label="V", before_taxes=Decimal(99))]) == euros("0", "0")
    assert total(of, discounts=[Discount(id="v", label="V", percent=Decimal(500))]) == euros("0", "0")


@pytest.mark.parametrize(
    ("most", "paid"), [("55", [(4622, 5500)]), ("20", [(1681, 2000)]), ("0.01", [(1, 1)])]
)  # fmt: skip
def test_a_bill_that_ends_at_the_most_is_that_and_its_tax_is_rounded_half_up(
    most: str, paid: list[tuple[int, int]]
) -> None:
    parts = PriceComponent(type=Dimension.FLAT, price=Decimal("54.37"), vat=Decimal(19))
    one = Tariff(id="t", currency="EUR", elements=(Element(price_components=(parts,)),))
    bill = Pricer(one, ZONE).price(START, (CHARGING,), most=Fraction(most))
    # 55.00 * 19 / 119 = 8.7815: the tax is 8.78 and what is left 46.22.
    assert [(each.excl_vat, each.incl_vat) for each in bill.rounded()] == paid


@given(st.integers(1, 8_000))
def test_at_several_rates_no_cent_of_the_most_is_lost_and_none_is_added(most_cents: int) -> None:
    bill = Pricer(tariff(), ZONE).price(START, (CHARGING, PARKING), most=Fraction(most_cents, 100))
    whole = euros("40.50", str(4.50 * 1.19 + 36 * 1.07)).incl_vat
    assert sum(each.incl_vat for each in bill.rounded()) == min(most_cents, round(whole * 100))
    for each, exact in zip(bill.rounded(), bill.by_rate.values(), strict=True):
        assert abs(each.incl_vat - each.excl_vat - (exact.incl_vat - exact.excl_vat) * 100) <= Fraction(1, 2) + 1 * (
            bill.adjusted is None or not bill.adjusted.waived
        )


def test_an_amount_after_taxes_and_the_most_are_exact_whatever_the_rates() -> None:
    plain = Pricer(tariff(), ZONE).price(START, [CHARGING, PARKING]).total
    voucher = Discount(id="v", label="V", after_taxes=Decimal(5))
    tenth = Discount(id="t", label="T", percent=Decimal(10), most=Decimal("0.99"))
    bill = Pricer(tariff(), ZONE).price(START, [CHARGING, PARKING], discounts=[voucher, tenth])
    assert bill.adjusted is not None
    assert [each.incl_vat for each in bill.adjusted.taken] == [5, Fraction("0.99")]
    assert bill.total.incl_vat == plain.incl_vat - 5 - Fraction("0.99")
    # In proportion of both rates.
    assert bill.total.excl_vat / plain.excl_vat == bill.total.incl_vat / plain.incl_vat
    assert total(tariff(), discounts=[Discount(id="v", label="V", after_taxes=Decimal(999))]) == euros("0", "0")


def test_a_discount_of_one_dimension_takes_from_it_alone_and_from_its_tax() -> None:
    half = Discount(id="v", label="V", percent=Decimal(50), dimensions=frozenset({Dimension.PARKING_TIME}))
    bill = Pricer(tariff(), ZONE).price(START, [CHARGING, PARKING], discounts=[half])
    assert {vat: each.excl_vat for vat, each in bill.by_rate.items()} == {Decimal(19): Fraction("4.5"), Decimal(7): 18}
    assert sum(each.incl_vat for each in bill.rounded()) == 536 + 1926


def test_a_voucher_of_kwh_and_minutes_adds_to_what_the_tariff_gives() -> None:
    voucher = Discount(id="v", label="V", free=Free(kwh=Decimal(4), parking_minutes=30))
    of = tariff(free=Free(kwh=Decimal(1), parking_minutes=30))
    assert total(of, discounts=[voucher]).excl_vat == Fraction("0.50") + 5 * Fraction("0.40") + 5 * 6


def test_several_taxes_of_a_price_are_counted_on_top_of_each_other_or_not_and_told_apart() -> None:
    taxes = (Tax(name="GST", percent=Decimal(5)), Tax(name="QST", percent=Decimal("9.975"), on_top=True))
    component = PriceComponent(type=Dimension.ENERGY, price=Decimal("0.40"), taxes=taxes)
    of = Tariff(id="t", currency="CAD", elements=(Element(price_components=(component,)),))
    bill = Pricer(of, ZONE).price(START, [CHARGING])
    assert bill.total.incl_vat == 4 * Fraction("1.05") * Fraction("1.09975")
    assert [(each.name, each.amount) for each in bill.taxes] == [
        ("GST", Fraction("0.2")),
        ("QST", Fraction("4.2") * Fraction("0.09975")),
    ]


def test_drivers_of_other_operators_pay_more_where_the_tariff_says_so() -> None:
    of = tariff(roaming_markup=Decimal("12.5"))
    assert total(of) == total(tariff())
    assert total(of, there=Circumstances(roaming=True)).excl_vat == total(of).excl_vat * Fraction("1.125")


@pytest.mark.parametrize("least", ["3", "100"])
def test_the_least_price_counts_for_what_caps_left(least: str) -> None:
    of = tariff(min_price=PriceLimit(before_taxes=Decimal(least)), caps=(Cap(before_taxes=Decimal(1)),))
    assert total(of).excl_vat == int(least)


def test_the_least_price_is_taxed_where_nothing_was_used() -> None:
    prices = (PriceComponent(type=Dimension.ENERGY, price=Decimal("0.40"), vat=Decimal(19), step_size=0),)
    of = Tariff(
        id="t", currency="EUR", elements=(Element(price_components=prices),),
        min_price=PriceLimit(before_taxes=Decimal(1)),
    )  # fmt: skip
    nothing, little = (Segment(seconds=60, kind=SegmentKind.CHARGING, energy_wh=wh) for wh in (0, 1))
    off = [Discount(id="d", label="D", before_taxes=Decimal(0))]
    for discounts in ([], off):
        told = [total(of, each, discounts=discounts) for each in (nothing, little)]
        assert told == [euros("1", "1.19")] * 2
    [rate] = Pricer(of, ZONE, Circumstances()).price(START, (nothing,)).rounded()
    assert (rate.vat, rate.excl_vat, rate.incl_vat) == (Decimal(19), 100, 119)
    # What is said after taxes counts as it is said.
    said = structs.replace(of, min_price=PriceLimit(before_taxes=Decimal(1), after_taxes=Decimal("1.10")))
    assert total(said, nothing) == euros("1", "1.10")


amounts = st.decimals(0, 50, places=2)
discounts = st.lists(
    st.builds(
        Discount,
        id=st.just("d"),
        label=st.just("D"),
        percent=st.none() | st.decimals(0, 150, places=1),
        before_taxes=st.none() | amounts,
        free=st.none() | st.builds(Free, kwh=amounts, parking_minutes=st.integers(0, 600)),
        dimensions=st.frozensets(st.sampled_from(Dimension), max_size=2),
    ),
    max_size=3,
)


@given(discounts, st.lists(st.builds(Cap, before_taxes=amounts, per=st.sampled_from(Per)), max_size=2))
def test_whatever_is_taken_off_nothing_goes_below_nothing_and_all_of_it_is_accounted_for(
    given_off: list[Discount], caps: list[Cap]
) -> None:
    pricer = Pricer(tariff(caps=tuple(caps)), ZONE)
    bill = pricer.price(START, [CHARGING, PARKING], discounts=given_off)
    freely = [Discount(id="d", label="D", free=each.free) for each in given_off]
    before = pricer.price(START, [CHARGING, PARKING], discounts=freely).total
    assert all(0 <= each.excl_vat <= each.incl_vat for each in bill.by_rate.values())
    if bill.adjusted is not None:
        for of in ("excl_vat", "incl_vat"):
            taken = sum((getattr(each, of) for each in bill.adjusted.taken), Fraction(0))
            assert getattr(bill.total, of) + taken == getattr(before, of)


@given(st.lists(st.integers(1, 3599), max_size=4), discounts)
def test_splitting_a_segment_changes_nothing_of_it(cuts: list[int], given_off: list[Discount]) -> None:
    edges = sorted({0, *cuts, 3600})
    parts = [
        Segment(
            seconds=until - since,
            kind=SegmentKind.CHARGING,
            energy_wh=Fraction(10_000 * (until - since), 3600),
        )
        for since, until in pairwise(edges)
    ]
    of = tariff(caps=(Cap(before_taxes=Decimal(7), per=Per.DAY),), free=Free(kwh=Decimal(1)))
    assert total(of, *parts, PARKING, discounts=given_off) == total(of, discounts=given_off)
