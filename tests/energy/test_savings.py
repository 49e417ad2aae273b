"""What is saved, counted by hand."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

from msgspec.structs import replace

from forecourt.energy.explained.savings import Charged, Month, Time, savings
from forecourt.energy.model import Node
from forecourt.energy.service.explained import charged_of
from forecourt.energy.site import HungEvse, SiteTree
from forecourt.energy.store.explained import Register

EIGHT = datetime(2026, 3, 2, 8, tzinfo=UTC)
HOUR = timedelta(hours=1)


def four_hours(**more: Any) -> Time:
    """Dear for two hours, cheap for two; a kW of the highest hour costs 12 a month, of which half is counted."""
    known: dict[str, Any] = {
        "start_at": EIGHT,
        "step": HOUR,
        "price": [Decimal("0.40"), Decimal("0.40"), Decimal("0.10"), Decimal("0.10")],
        "feed_in": [Decimal("0.05")] * 4,
        "beside_wh": [0] * 4,
        "months": [Month(first=0, last=4, share=Decimal("0.5"), charge_per_kw=Decimal(12))],
    }
    return Time(**known | more)


def stayed(hours: int, energy_wh: int, max_w: int | None, *read: tuple[int, int]) -> Charged:
    return Charged(
        came_at=EIGHT,
        left_at=EIGHT + hours * HOUR,
        energy_wh=energy_wh,
        max_w=max_w,
        read=[(EIGHT + at * HOUR, wh) for at, wh in read],
    )


def test_a_car_that_waited_for_the_cheap_hours_saved_what_the_dear_ones_cost() -> None:
    # 10 kWh in hours 3 and 4; uncontrolled 10 kW in hour 1.
    found = savings(four_hours(), [stayed(4, 10_000, 10_000, (2, 0), (3, 5_000))])
    assert (found.actual.energy_cost, found.actual.peak_w) == (Decimal("1.00"), 5_000)
    assert (found.uncontrolled.energy_cost, found.uncontrolled.peak_w) == (Decimal("4.00"), 10_000)
    # 5 kW and 10 kW, at 12 for half of a month.
    assert (found.actual.demand_cost, found.uncontrolled.demand_cost) == (Decimal(30), Decimal(60))
    assert found.saved == Decimal("33.00")
    assert (found.unread, found.unmeasured) == (0, 0)


def test_what_cost_more_within_hours_proves_nothing_and_cars_that_were_never_let_go_are_told_of() -> None:
    # Two cars that waited, to charge both at once in hour 3: uncontrolled, one did so before the other came.
    waited = [stayed(3, 5_000, 5_000, (2, 0)), stayed(3, 5_000, 5_000, (2, 0))]
    later = [replace(waited[0], left_at=EIGHT + 3 * HOUR), replace(waited[1], came_at=EIGHT + HOUR)]
    flat = {"price": [Decimal("0.10")] * 4}
    found = savings(four_hours(**flat), later)
    assert (found.actual.peak_w, found.uncontrolled.peak_w, found.saved) == (10_000, 5_000, Decimal(-30))
    assert (found.lasted, found.too_early, found.held_back) == (3 * HOUR, True, True)
    assert not savings(four_hours(), [stayed(4, 10_000, 10_000, (2, 0))]).too_early
    days = Time(
        start_at=EIGHT, step=HOUR, price=[Decimal("0.10")] * 30, feed_in=[Decimal(0)] * 30, beside_wh=[0] * 30,
        months=[Month(first=0, last=30, share=Decimal(1), charge_per_kw=Decimal(1))],
    )  # fmt: skip
    long = savings(days, [*later, stayed(30, 1_000, 1_000)])
    assert (long.saved < 0, long.too_early, long.held_back) == (True, False, True)


def test_the_sun_is_worth_what_it_would_have_been_paid_and_the_peak_is_of_the_whole_site() -> None:
    # The roof gives 4 kWh too much in hour 3, the building takes 3 kWh in hour 1.
    time = four_hours(beside_wh=[3_000, 0, -4_000, 0])
    found = savings(time, [stayed(4, 6_000, 6_000, (2, 0), (3, 6_000))])
    # Hour 3: 2 kWh at 0.10, and 4 kWh that would have been paid 0.05 each.
    assert found.actual.energy_cost == Decimal("0.40")
    assert found.uncontrolled.energy_cost == Decimal("2.40")
    # The building's own 3 kW are paid anyway.
    assert (found.actual.peak_w, found.actual.demand_cost) == (3_000, Decimal(0))
    assert (found.uncontrolled.peak_w, found.uncontrolled.demand_cost) == (9_000, Decimal(36))


def test_what_was_not_measured_is_counted_alike_and_said() -> None:
    found = savings(four_hours(), [stayed(4, 7_001, None)])
    assert found.actual == found.uncontrolled
    assert found.saved == 0
    assert (found.unread, found.unmeasured) == (1, 1)
    # 7001 Wh over four hours, and not one of them is lost.
    assert found.actual.energy_cost == Decimal("0.40") * Decimal("3.500") + Decimal("0.10") * Decimal("3.501")


def test_a_register_that_jumps_back_or_overshoots_adds_no_energy() -> None:
    crazy = stayed(4, 4_000, 4_000, (1, 3_000), (2, 1_000), (3, 9_000))
    found = savings(four_hours(), [crazy])
    assert found.actual.energy_cost == Decimal("0.40") * 3 + Decimal("0.10") * 1


def test_a_car_whose_meter_missed_its_highest_power_still_has_its_energy_when_it_leaves() -> None:
    # 8 kWh in two hours can't have been at 1 kW.
    found = savings(four_hours(), [stayed(2, 8_000, 1_000)])
    assert found.uncontrolled.energy_cost == Decimal("0.40") * 8
    assert found.uncontrolled.peak_w == 4_000


def register(evse: int, token: str | None, max_w: int | None) -> Register:
    return Register(
        session_id=uuid4(), station="CP", evse=evse, token=token, came_at=EIGHT, left_at=EIGHT + HOUR, energy_wh=5_000,
        max_w=max_w, read_at=[], readings_wh=[],
    )  # fmt: skip


def test_a_car_that_was_held_back_could_have_taken_what_its_token_took_elsewhere_as_far_as_its_evse_gives_it() -> None:
    evses = tuple(HungEvse(station="CP", evse=number, node="grid", max_a=amps) for number, amps in ((1, 16), (2, 32)))
    tree = SiteTree(nodes=(Node(id="grid"),), evses=evses)
    rows = [
        register(2, "A", 22_000), register(2, "A", 4_000), register(1, "A", 4_000), register(1, "B", 4_000),
        register(1, None, 4_000), register(1, "A", None), register(9, "A", 5_000), register(1, "C", 12_000),
        register(1, "D", None),
    ]  # fmt: skip
    most = [each.max_w for each in charged_of(rows, tree)]
    assert most == [22_000, 22_000, 11_040, 4_000, 4_000, 11_040, 5_000, 12_000, None]
