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
from psycopg.errors import LockNotAvailable

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
    given_again,
    taken_back,
    taken_of,
    tier_of,
)
from forecourt.payments.intents.model import Intent
from forecourt.payments.intents.refunds import heed_refunds
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


@given(
    st.integers(0, 10_000), st.integers(0, 10_000), st.integers(0, 10_000), st.booleans(), st.integers(0, 6),
    st.lists(st.integers(1, 900), min_size=1, max_size=6),
)  # fmt: skip
def test_refunds_take_in_parts_what_they_take_at_once_and_leave_what_the_rest_earns(
    points: int, cashback: int, used: int, lapsed: bool, after: int, parts: list[int]
) -> None:
    paid, worth = sum(parts) + 7, points * 3 // 4
    whole = Lot(lot_id=1, driver_id=1, points=points, points_left=points, currency="EUR", minor=worth,
                minor_left=worth, expires_at=EPOCH)  # fmt: skip

    def refund(of: RefundedLot, back: int) -> tuple[RefundedLot, int]:
        """What is left of a lot, and what goes out of the wallet."""
        gone = taken_back(replace(of, back=back))
        lot = of.lot
        if gone.taken:
            lot = replace(lot, points_left=lot.points_left - gone.taken.points,
                          minor_left=lot.minor_left - gone.taken.minor)  # fmt: skip
        return replace(of, lot=lot, refunded=back), gone.used + gone.cashback

    def use(of: RefundedLot) -> RefundedLot:
        """Some points become money, and the others may lapse."""
        [*taken] = taken_of([of.lot], min(used, of.lot.points_left))
        gone, minor = sum(each.points for each in taken), sum(each.minor for each in taken)
        left, left_minor = of.lot.points_left - gone, of.lot.minor_left - minor
        lot = replace(of.lot, points_left=0 if lapsed else left, minor_left=0 if lapsed else left_minor)
        return replace(of, lot=lot, used=gone, used_minor=minor)

    of = RefundedLot(session_id=UUID(int=1), lot=whole, cashback=cashback, paid=paid, refunded=0, back=0)
    done = out = 0
    for number, part in enumerate([*parts, 7]):
        if number == after:
            of = use(of)
            at_once = refund(of, paid)[1]
            before = out
        done += part
        of, minor = refund(of, done)
        assert minor >= 0
        out += minor
        if number < after:
            # What stays paid keeps at least its share.
            assert of.lot.points_left * paid >= points * (paid - done)
    if after <= len(parts):
        assert out - before == at_once
        assert out == cashback + of.used_minor
    assert (of.lot.points_left, of.lot.minor_left) == (0, 0)


@given(
    points=st.integers(1, 500), value=st.integers(0, 300), cashback=st.integers(0, 200), paid=st.integers(1, 900),
    used=st.integers(0, 500), backs=st.lists(st.integers(0, 900), max_size=6),
)  # fmt: skip
def test_what_refunds_take_and_failed_ones_give_comes_to_what_stays_given_back(
    points: int, value: int, cashback: int, paid: int, used: int, backs: list[int]
) -> None:
    """Whatever went back and came again in between: it is as if only what stays had gone back."""
    lot = Lot(
        lot_id=1, driver_id=1, points=points, points_left=points, currency="EUR", minor=points * value // 100,
        minor_left=points * value // 100, expires_at=EPOCH,
    )  # fmt: skip
    whole = RefundedLot(session_id=UUID(int=1), lot=lot, cashback=cashback, paid=paid, refunded=0, back=0)
    if part := min(used, points):
        [taken] = taken_of([lot], part)
        left = replace(lot, points_left=points - part, minor_left=lot.minor - taken.minor)
        whole = replace(whole, lot=left, used=part, used_minor=taken.minor)

    def turned(of: RefundedLot, back: int) -> RefundedLot:
        of, lot = replace(of, back=back), of.lot
        if back >= of.refunded:
            gone = taken_back(of)
            points, minor = (gone.taken.points, gone.taken.minor) if gone.taken else (0, 0)
            wallet = gone.used + gone.cashback
        else:
            again = given_again(of)
            points, minor, wallet = -again.points, -again.minor, -again.wallet
        lot = replace(lot, points_left=lot.points_left - points, minor_left=lot.minor_left - minor)
        return replace(
            of, lot=lot, refunded=back, back_points=of.back_points + points, back_wallet=of.back_wallet + wallet
        )

    of = whole
    for back in backs:
        of = turned(of, min(back, paid))
        assert of == replace(turned(whole, of.back), back=of.back)
        assert of.back_points == lot.points - of.lot.points_left - of.used


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
    # The rest takes the three points that are left, and out of the wallet five cents and the nine that ten points
    # became: of a session that was refunded whole nothing is kept.
    await till.payments.refund(till.actor, intent.intent_id, None, "the rest")
    for _ in range(2):
        await till.loyalty.refunded(**about)
    assert books() == {}
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


async def a_rewarded(club: Club) -> tuple[Intent, int]:
    """A session of 6.04 that earned 26 points and 9 cents, and its driver."""
    till: Any = club.till
    tenant, [(driver, _)] = club.tenant_id, club.drivers()
    async with till.tenants.tenant(tenant) as conn:
        await service.set_program(conn, till.actor, PROGRAM, till.clock.now())
    intent = await till.paid(driver_id=driver, payer=f"driver:{driver}")
    await till.work()
    till.plug_in(intent, wh=10_150)
    await till.work()
    await till.loyalty.paid(tenant_id=tenant, subject=str(intent.intent_id))
    return intent, driver


def kept(club: Club) -> dict[str, int]:
    """What drivers have in the books."""
    balances = club.till.balances().items()
    return {name: left for name, left in balances if name.startswith(("points", "wallet"))}


async def test_what_a_hold_keeps_of_a_refunded_sessions_cashback_is_taken_once_it_comes_free(club: Club) -> None:
    till: Any = club.till
    intent, driver = await a_rewarded(club)
    # A session that is paid by the wallet holds all that is in it.
    till.rows(
        "INSERT INTO payment_book_holds (tenant_id, reference, kind, payer, intent, currency, state, authorised, key,"
        " made_at) VALUES (%s, gen_random_uuid(), 'wallet', %s, %s, 'EUR', 'authorised', 9, 'k', now())",
        club.tenant_id, f"driver:{driver}", str(UUID(int=5)),
    )  # fmt: skip
    await till.payments.refund(till.actor, intent.intent_id, None, "all")
    about = {"tenant_id": club.tenant_id, "subject": str(intent.intent_id)}
    for _ in range(2):
        await till.loyalty.refunded(**about)
        await till.loyalty.freed(**about)
    assert kept(club) == {f"wallet:{driver}": -9}
    till.rows("UPDATE payment_book_holds SET authorised = 5 WHERE tenant_id = %s", club.tenant_id)
    await till.loyalty.freed(**about)
    assert kept(club) == {f"wallet:{driver}": -5}
    till.rows("UPDATE payment_book_holds SET state = 'cancelled' WHERE tenant_id = %s", club.tenant_id)
    for _ in range(2):
        await till.loyalty.freed(**about)
    assert kept(club) == {}


async def test_nothing_goes_back_of_a_payment_while_what_it_earns_is_reckoned(club: Club) -> None:
    till: Any = club.till
    intent, _ = await a_rewarded(club)
    async with till.tenants.tenant(club.tenant_id) as conn:
        await service.reward(conn, club.tenant_id, intent.intent_id, till.clock.now())
        with pytest.raises(LockNotAvailable):
            till.rows("SELECT FROM payment_intents WHERE intent_id = %s FOR NO KEY UPDATE NOWAIT", intent.intent_id)


@pytest.mark.parametrize("way", ["dispute", "capture"])
async def test_what_is_lost_of_a_payment_keeps_no_points_and_no_cashback(club: Club, way: str) -> None:
    till: Any = club.till
    intent, driver = await a_rewarded(club)
    about = {"tenant_id": club.tenant_id, "subject": str(intent.intent_id)}
    if way == "capture":
        async with till.payments.saga.turn(club.tenant_id, intent.intent_id) as turn:
            await turn.capture_lost("refused")
    else:
        dispute = "INSERT INTO payment_disputes (tenant_id, account_id, intent_id, reference, amount, currency, status,"
        dispute += " reason, opened_at, decided_at) VALUES (%s, %s, %s, 'd', 604, 'EUR', 'under_review', 'f', now(),"
        till.rows(f"{dispute} NULL)", club.tenant_id, (await till.find(intent)).account_id, intent.intent_id)
        await till.loyalty.refunded(**about)
        # While the bank decides, nothing is taken.
        assert kept(club) == {f"points:{driver}": -23, f"wallet:{driver}": -9}
        till.rows("UPDATE payment_disputes SET status = 'lost', decided_at = now() WHERE intent_id = %s",
                  intent.intent_id)  # fmt: skip
    for _ in range(2):
        await till.loyalty.refunded(**about)
    assert kept(club) == {}
    async with till.tenants.tenant(club.tenant_id) as conn:
        assert not await service.reward(conn, club.tenant_id, intent.intent_id, till.clock.now())


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


async def test_what_a_refund_took_is_given_again_once_where_it_comes_to_nothing(club: Club) -> None:
    till: Any = club.till
    intent, driver = await a_rewarded(club)
    tenant, about = club.tenant_id, {"tenant_id": club.tenant_id, "subject": str(intent.intent_id)}
    whole = {f"points:{driver}": -23, f"wallet:{driver}": -9}
    assert kept(club) == whole
    async with till.tenants.tenant(tenant) as conn:
        await service.redeem(conn, tenant, driver, 10, till.clock.now())
    assert kept(club) == {f"points:{driver}": -14, f"wallet:{driver}": -18}

    async def fails(amount: int) -> None:
        """The provider takes back a refund of so much."""
        held = await till.find(intent)
        hold = await (await till.payments.saga._psp_of(held)).get(held.reference)
        told = tuple(replace(each, status="failed") if each.amount == amount else each for each in hold.refunds)
        async with till.payments.saga.turn(tenant, intent.intent_id) as turn:
            await heed_refunds(turn, replace(hold, refunds=told))
        assert "payment.refund_failed" in await till.work()

    # A third, and the rest: all of it, the money that points became too.
    await till.payments.refund(till.actor, intent.intent_id, 202, "a third")
    await till.loyalty.refunded(**about)
    third = kept(club)
    await till.payments.refund(till.actor, intent.intent_id, None, "the rest")
    for _ in range(2):
        await till.loyalty.refunded(**about)
    assert kept(club) == {}
    rest = (await till.find(intent)).captured_amount - 202
    await fails(rest)
    for _ in range(2):
        await till.loyalty.refunded(**about)
    assert kept(club) == third
    await fails(202)
    for _ in range(2):
        await till.loyalty.refunded(**about)
    assert kept(club) == {f"points:{driver}": -14, f"wallet:{driver}": -18}
    async with till.tenants.tenant(tenant) as conn:
        purse = await service.purse_of(conn, tenant, driver, till.clock.now())
    assert purse is not None
    assert (purse.points, purse.worth.amount) == (16, 14)
    assert [move.points for move in purse.moves if move.kind == "returned"] == [8, 8]
