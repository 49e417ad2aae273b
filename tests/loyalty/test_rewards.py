"""Points, tiers and cashback: what a session earns, in the books at once, used and lapsed to the cent."""

import asyncio
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from forecourt.loyalty.rewards import service
from forecourt.loyalty.rewards.model import (
    Earned,
    Lot,
    PointsMissing,
    Program,
    ProgramRefused,
    RefundedLot,
    Tier,
    TierBy,
    Use,
    check_program,
    earned,
    taken_back,
    taken_of,
    tier_of,
)
from forecourt.payments.ledger.model import Entry, Kind, Leg
from forecourt.payments.ledger.service import post
from forecourt.platform.money import Money
from tests.loyalty.club import Club
from tests.support import EPOCH

PROGRAM = Program(
    currency="EUR", points_per_kwh=2, points_per_unit=1, value_of_100=90, expires_days=30,
    cashback_percent=Decimal("1.5"), tier_by=TierBy.SESSIONS, tier_window_days=90,
    tiers=(Tier(name="Silver", least=2, points_percent=150), Tier(name="Gold", least=5, cashback_percent=Decimal(3))),
)  # fmt: skip


def test_points_are_of_energy_and_money_and_the_highest_tier_counts() -> None:
    plain = earned(PROGRAM, None, energy_wh=10_150, paid=604)
    # 20.3 and 6.04 points: 26; worth 23.4 cents, and 1.5 % of 6.04 back.
    assert plain == Earned(points=26, minor=23, cashback=9)
    silver = tier_of(PROGRAM, Use(sessions=4, energy_wh=0, paid=0))
    assert silver is not None
    assert (silver.name, earned(PROGRAM, silver, energy_wh=10_150, paid=604).points) == ("Silver", 39)
    gold = tier_of(PROGRAM, Use(sessions=5, energy_wh=0, paid=0))
    assert earned(PROGRAM, gold, energy_wh=0, paid=604) == Earned(points=6, minor=5, cashback=18)
    assert tier_of(PROGRAM, Use(sessions=1, energy_wh=10**9, paid=10**9)) is None


@given(st.integers(1, 10_000), st.integers(0, 10_000), st.lists(st.integers(1, 3_000), max_size=8))
def test_parts_of_points_are_worth_together_what_the_whole_is(points: int, minor: int, parts: list[int]) -> None:
    lot = Lot(lot_id=1, driver_id=1, points=points, points_left=points, currency="EUR", minor=minor, minor_left=minor,
              expires_at=EPOCH)  # fmt: skip
    worth = 0
    for part in [*(min(each, points) for each in parts), points]:
        wanted = min(part, lot.points_left)
        for taken in taken_of([lot], wanted):
            assert taken.minor >= 0
            worth += taken.minor
            lot = Lot(lot_id=1, driver_id=1, points=points, points_left=lot.points_left - taken.points, currency="EUR",
                      minor=minor, minor_left=lot.minor_left - taken.minor, expires_at=EPOCH)  # fmt: skip
    assert (worth, lot.points_left, lot.minor_left) == (minor, 0, 0)


@pytest.mark.parametrize(
    "wrong",
    [
        {"cashback_percent": Decimal(51)}, {"value_of_100": 0},
        {"tiers": (Tier(name="A", least=1), Tier(name="B", least=1))},
    ],
)  # fmt: skip
def test_a_program_that_can_not_be_meant_is_refused(wrong: dict[str, Any]) -> None:
    said: dict[str, Any] = {"currency": "EUR", "points_per_kwh": 1, "value_of_100": 1}
    check_program(Program(**said))
    with pytest.raises(ProgramRefused):
        check_program(Program(**(said | wrong)))


async def test_a_paid_session_earns_once_and_points_are_used_or_lapse_in_the_books(club: Club) -> None:
    till: Any = club.till
    tenant, [(driver, _)] = club.tenant_id, club.drivers()
    async with till.tenants.tenant(tenant) as conn:
        await service.set_program(conn, till.actor, PROGRAM, till.clock.now())
    intent = await till.paid(driver_id=driver, payer=f"driver:{driver}")
    await till.work()
    till.plug_in(intent, wh=10_150)
    await till.work()
    for _ in range(2):
        await till.loyalty.paid(tenant_id=tenant, subject=str(intent.intent_id))
    # 10.15 kWh cost 6.04 with VAT.
    found = {name: left for name, left in till.balances().items() if name.startswith(("points", "rewards", "wallet"))}
    assert found == {f"points:{driver}": -23, "rewards": 32, f"wallet:{driver}": -9}

    async def use(points: int | None) -> Money | None:
        try:
            async with till.tenants.tenant(tenant) as conn:
                return await service.redeem(conn, tenant, driver, points, till.clock.now())
        except PointsMissing:
            return None

    # Two at once take no more than there are.
    both = await asyncio.gather(use(20), use(20))
    assert sorted(each.amount for each in both if each) == [18]
    assert till.balances()[f"wallet:{driver}"] == -27
    async with till.tenants.tenant(tenant) as conn:
        purse = await service.purse_of(conn, tenant, driver, till.clock.now())
    assert purse is not None
    assert (purse.points, purse.worth.amount, purse.tier, purse.next_lapse) == (6, 5, None, 6)
    assert purse.next_tier is not None
    assert purse.next_tier.name == "Silver"
    till.clock.advance(timedelta(days=31).total_seconds())
    assert await use(None) is None
    assert [await till.loyalty.lapse_points() for _ in range(2)] == [6, 0]
    found = {name: left for name, left in till.balances().items() if name.startswith(("points", "rewards", "wallet"))}
    # What lapsed is given by nobody.
    assert found == {"rewards": 27, f"wallet:{driver}": -27}


@given(st.integers(0, 10_000), st.integers(0, 10_000), st.lists(st.integers(1, 900), min_size=1, max_size=6))
def test_refunds_take_in_parts_what_they_take_at_once_and_leave_what_the_rest_earns(
    points: int, cashback: int, parts: list[int]
) -> None:
    paid = sum(parts) + 7
    lot = Lot(lot_id=1, driver_id=1, points=points, points_left=points, currency="EUR", minor=points, minor_left=points,
              expires_at=EPOCH)  # fmt: skip
    done, gone, minor = 0, 0, 0
    for part in [*parts, 7]:
        back = taken_back(RefundedLot(lot=lot, cashback=cashback, paid=paid, refunded=done, back=done + part), EPOCH)
        done, minor = done + part, minor + back.cashback
        if back.taken:
            gone += back.taken.points
            lot = replace(lot, points_left=points - gone, minor_left=lot.minor_left - back.taken.minor)
        # What stays paid keeps at least its share.
        assert (points - gone) * paid >= points * (paid - done)
        assert (cashback - minor) * paid >= cashback * (paid - done)
    assert (lot.points_left, lot.minor_left, minor) == (0, 0, cashback)


async def test_a_refund_takes_back_what_the_session_earned_once_and_no_more_than_is_left(club: Club) -> None:
    till: Any = club.till
    tenant, [(driver, _)] = club.tenant_id, club.drivers()
    async with till.tenants.tenant(tenant) as conn:
        await service.set_program(conn, till.actor, PROGRAM, till.clock.now())
    intent = await till.paid(driver_id=driver, payer=f"driver:{driver}")
    await till.work()
    till.plug_in(intent, wh=10_150)
    await till.work()
    about = {"tenant_id": tenant, "subject": str(intent.intent_id)}
    await till.loyalty.paid(**about)
    await till.loyalty.refunded(**about)

    def books() -> dict[str, int]:
        balances = till.balances().items()
        return {name: left for name, left in balances if name.startswith(("points", "rewards", "wallet"))}

    assert books() == {f"points:{driver}": -23, "rewards": 32, f"wallet:{driver}": -9}
    # Half of 6.04: 13 of 26 points, which keep 11 cents, and 4 of 9 cents.
    await till.payments.refund(till.actor, intent.intent_id, 302, "half")
    for _ in range(2):
        await till.loyalty.refunded(**about)
    assert books() == {f"points:{driver}": -11, "rewards": 16, f"wallet:{driver}": -5}
    async with till.tenants.tenant(tenant) as conn:
        await service.redeem(conn, tenant, driver, 10, till.clock.now())
        purse = await service.purse_of(conn, tenant, driver, till.clock.now())
    assert purse is not None
    assert [(move.kind, move.points) for move in purse.moves] == [("used", 10), ("refunded", 13)]
    # The rest takes the three points that are left, and out of the wallet five cents and eight of the nine that ten
    # points became: 8.8 cents, rounded for the driver.
    await till.payments.refund(till.actor, intent.intent_id, None, "the rest")
    for _ in range(2):
        await till.loyalty.refunded(**about)
    assert books() == {"rewards": 1, f"wallet:{driver}": -1}
    async with till.tenants.tenant(tenant) as conn:
        assert not await service.reward(conn, tenant, intent.intent_id, till.clock.now())


async def test_what_a_driver_spent_of_a_refunded_sessions_cashback_leaves_no_wallet_below_nothing(club: Club) -> None:
    till: Any = club.till
    tenant, [(driver, _)] = club.tenant_id, club.drivers()
    async with till.tenants.tenant(tenant) as conn:
        await service.set_program(conn, till.actor, PROGRAM, till.clock.now())
    intent = await till.paid(driver_id=driver, payer=f"driver:{driver}")
    await till.work()
    till.plug_in(intent, wh=10_150)
    await till.work()
    about = {"tenant_id": tenant, "subject": str(intent.intent_id)}
    await till.loyalty.paid(**about)
    spent = Entry(
        key="spent", kind=Kind.WALLET_USE, at=till.clock.now(),
        legs=(Leg(account=f"wallet:{driver}", currency="EUR", amount=6),
              Leg(account="revenue:energy", currency="EUR", amount=-6)),
    )  # fmt: skip
    async with till.tenants.tenant(tenant) as conn:
        await post(conn, tenant, spent)
    await till.payments.refund(till.actor, intent.intent_id, None, "all")
    await till.loyalty.refunded(**about)
    assert {name: left for name, left in till.balances().items() if name.startswith(("points", "wallet"))} == {}
    assert till.balances()["rewards"] == 6


async def test_who_has_no_account_earns_nothing(club: Club) -> None:
    till: Any = club.till
    async with till.tenants.tenant(club.tenant_id) as conn:
        await service.set_program(conn, till.actor, PROGRAM, till.clock.now())
        assert not await service.reward(conn, club.tenant_id, UUID(int=7), till.clock.now())
    intent = await till.paid()
    await till.work()
    till.plug_in(intent, wh=10_000)
    await till.work()
    # Somebody without an account.
    await till.loyalty.paid(tenant_id=club.tenant_id, subject=str(intent.intent_id))
    assert not [name for name in till.balances() if name.startswith(("points", "rewards"))]
