"""Members pay their own price wherever they start, and their months by what their account pays by."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from forecourt.drivers.fleets import service as fleets
from forecourt.payments.intents.beginning import Begin
from forecourt.payments.intents.model import Method
from forecourt.payments.intents.prices import Prices
from forecourt.payments.intents.service import Payments
from forecourt.pricing.assigning import Scope
from tests.ground import Ground
from tests.payments.lot import VERSIONS, Lot, a_lot
from tests.payments.online import online
from tests.sandbox import Sandbox

GOLD = {"name": "gold", "title": "Gold", "currency": "EUR", "month_fee": 1190, "vat": 19}


@pytest_asyncio.fixture
async def lot(ground: Ground, box: Sandbox, tmp_path: Path) -> AsyncIterator[Lot]:
    async with a_lot(ground, box, tmp_path) as made:
        yield made


async def member(lot: Lot, driver: int, **more: Any) -> int:
    """The driver becomes a member, as an operator does it; the plan's number."""
    async with lot.tenants.tenant(lot.tenant_id) as conn:
        plan = await fleets.create_plan(conn, lot.actor, GOLD | more, lot.clock.now())
        await fleets.subscribe(conn, lot.actor, driver, plan.plan_id, lot.clock.now() - timedelta(hours=3))
    return plan.plan_id


def months(lot: Lot) -> list[tuple[Any, ...]]:
    return lot.rig.rows("SELECT number, state, tries FROM subscription_fees ORDER BY number")


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_member_pays_their_own_price_by_their_card_and_others_the_ordinary_one(lot: Lot, version: str) -> None:
    mine, other = lot.driver(), lot.driver("0B")
    for each in (mine, other):
        await lot.card(each)
    await member(lot, mine, month_fee=0)
    await lot.priced("0.25", Scope(subscription="gold"))
    async with lot.station(version) as station:
        await station.begin()
        await station.end(10_000)
        await lot.at_work(station)
        await station.begin("0B", transaction="tx-2", minutes_ago=20)
        await station.end(10_000)
        await lot.at_work(station)
    assert [(each["driver_id"], each["captured_amount"]) for each in lot.intents()] == [(mine, 298), (other, 595)]
    assert months(lot) == []


async def test_a_membership_that_ended_before_or_began_after_a_session_does_not_count_for_it(lot: Lot) -> None:
    driver = lot.driver()
    await lot.card(driver)
    await lot.priced("0.25", Scope(subscription="gold"))
    await member(lot, driver, month_fee=0)
    lot.run("UPDATE subscriptions SET began_at = now() - interval '30 minutes'")
    async with lot.station("ocpp2.0.1") as station:
        await station.begin(minutes_ago=60)
        await station.end(10_000, minutes_ago=55)
        await lot.at_work(station)
        await station.begin(transaction="tx-2", minutes_ago=20)
        # It ends while the session runs: what counted when it began goes on to count.
        lot.run("UPDATE subscriptions SET ends_at = now() - interval '10 minutes'")
        await station.end(10_000)
        await lot.at_work(station)
        await station.begin(transaction="tx-3", minutes_ago=5)
        await station.end(10_000, minutes_ago=0.05)
        await lot.at_work(station)
    assert [each["captured_amount"] for each in lot.intents()] == [595, 298, 595]


async def test_a_member_is_quoted_and_held_and_billed_the_same_by_the_page(lot: Lot) -> None:
    driver = lot.driver()
    await lot.fill_wallet(driver, 50_000)
    await member(lot, driver, month_fee=0)
    await lot.priced("0.25", Scope(subscription="gold"))
    payments = Payments(lot.tenants, lot.jobs.providers, lot.clock, Prices(lot.clock))
    mine = await payments.quote(lot.tenant_id, "CP1", 1, driver_id=driver)
    others = await payments.quote(lot.tenant_id, "CP1", 1)
    assert (mine.offer.name, mine.offer.subscription, mine.hold.likely) == ("At 0.25", "gold", 1190)
    assert (others.offer.name, others.offer.subscription, others.hold.likely) == ("At 0.50", None, 2380)
    online(lot.rig.admin, "CP1")
    asked = Begin(station="CP1", evse=1, return_url="https://x.test/", method=Method.WALLET,
                  payer=f"driver:{driver}", driver_id=driver)  # fmt: skip
    intent = await payments.begin(lot.tenant_id, asked)
    assert (intent.tariff_id, intent.hold_amount) == (mine.offer.tariff_id, 1500)


async def test_a_month_is_paid_ahead_by_the_saved_card_once_and_so_is_the_next(lot: Lot) -> None:
    driver = lot.driver()
    await lot.card(driver)
    await member(lot, driver)
    await lot.work()
    assert months(lot) == [(0, "paid", 0)]
    [intent] = lot.intents()
    assert (intent["method"], intent["captured_amount"], intent["driver_id"]) == ("saved", 1190, driver)
    sold = {"psp_receivable:deployment": 1190, "revenue:subscription": -1000, "vat_payable:ZZ:19": -190}
    assert lot.balances() == sold
    [(_, subject, body)] = lot.letters()
    assert "€11.90" in subject
    assert "Gold" in body
    assert "19 % of VAT" in body
    # Events that come again, and looks before the month is over, ask for nothing.
    lot.run("INSERT INTO outbox (event, subject, tenant_id)"
            " SELECT 'subscription.begun', subscription_id::text, tenant_id FROM subscriptions")  # fmt: skip
    lot.clock.advance(timedelta(days=27).total_seconds())
    await lot.work()
    await lot.jobs.fees.look_at_due()
    assert len(lot.intents()) == 1
    lot.clock.advance(timedelta(days=4).total_seconds())
    for _ in range(2):
        await lot.jobs.fees.look_at_due()
        await lot.work()
    assert months(lot) == [(0, "paid", 0), (1, "paid", 0)]
    taken = [each.amount_received for each in lot.box.client.v1.payment_intents.list({"limit": 10}).data]
    assert taken == [1190, 1190]
    [(gap,)] = lot.rig.rows(
        "SELECT b.from_at = a.until_at FROM subscription_fees a JOIN subscription_fees b ON b.number = a.number + 1"
    )
    assert gap
    # A refund takes revenue and tax back with it.
    payments = Payments(lot.tenants, lot.jobs.providers, lot.clock, Prices(lot.clock))
    await payments.refund(lot.actor, lot.intents()[1]["intent_id"], None, "goodwill")
    assert lot.balances() == sold


async def test_a_month_is_taxed_where_the_organisation_is_not_where_its_first_site_is(lot: Lot) -> None:
    lot.run("UPDATE sites SET country = 'NL'")
    lot.run(
        "INSERT INTO invoice_sellers (tenant_id, said, dunning, changed_at)"
        f" VALUES ({lot.tenant_id}, '{{\"country\": \"DE\"}}', '[]', now())"
    )
    driver = lot.driver()
    await lot.card(driver)
    await member(lot, driver)
    await lot.work()
    assert lot.balances()["vat_payable:DE:19"] == -190


async def test_a_month_that_nobody_pays_is_asked_for_four_times_and_then_the_membership_ends(lot: Lot) -> None:
    driver = lot.driver()
    await lot.card(driver, "pm_card_chargeCustomerFail")
    await member(lot, driver)
    await lot.work()
    assert months(lot) == [(0, "due", 1)]
    for days, tries in ((1, 2), (3, 3)):
        lot.clock.advance(timedelta(days=days).total_seconds() - 60)
        assert await lot.jobs.fees.look_at_due() == 0
        lot.clock.advance(61)
        await lot.jobs.fees.look_at_due()
        await lot.work()
        assert months(lot) == [(0, "due", tries)]
    assert lot.one("SELECT ends_at IS NULL FROM subscriptions")
    lot.clock.advance(timedelta(days=3, seconds=1).total_seconds())
    await lot.jobs.fees.look_at_due()
    await lot.work()
    assert months(lot) == [(0, "failed", 3)]
    assert lot.one("SELECT ends_at IS NOT NULL FROM subscriptions")
    assert len(lot.intents()) == 4
    assert lot.balances() == {}
    subjects = sorted(subject for _, subject, _ in lot.letters())
    assert subjects == ["Your membership Gold could not be paid"] * 3 + ["Your membership Gold has ended"]
    # Nobody owes a month that was not paid, so sessions go on.
    assert lot.one("SELECT count(*) FROM payment_intents WHERE owed_amount > 0") == 0


async def test_a_wallet_pays_a_month_whole_or_not_at_all_and_a_fleet_never(lot: Lot) -> None:
    mine, ours = lot.driver(), lot.driver("0B")
    await lot.fill_wallet(mine, 1_189)
    lot.fleet(ours)
    plan = await member(lot, mine)
    await lot.work()
    assert months(lot) == [(0, "due", 1)]
    assert lot.balances()[f"wallet:{mine}"] == -1_189
    await lot.fill_wallet(mine, 1, key="more")
    lot.clock.advance(timedelta(days=1, seconds=1).total_seconds())
    await lot.jobs.fees.look_at_due()
    await lot.work()
    assert months(lot) == [(0, "paid", 1)]
    assert f"wallet:{mine}" not in lot.balances()
    async with lot.tenants.tenant(lot.tenant_id) as conn:
        await fleets.subscribe(conn, lot.actor, ours, plan, lot.clock.now())
    await lot.work()
    assert lot.one("SELECT state || tries FROM subscription_fees WHERE driver_id = %s", ours) == "due1"
    assert len([each for each in lot.intents() if each["driver_id"] == ours]) == 0


async def test_a_membership_that_ends_is_asked_for_no_more(lot: Lot) -> None:
    driver = lot.driver()
    await lot.card(driver)
    await member(lot, driver)
    await lot.work()
    async with lot.tenants.tenant(lot.tenant_id) as conn:
        await fleets.unsubscribe(conn, lot.actor, driver, lot.clock.now())
    lot.clock.advance(timedelta(days=40).total_seconds())
    for _ in range(2):
        await lot.jobs.fees.look_at_due()
        await lot.work()
    assert months(lot) == [(0, "paid", 0)]
    assert len(lot.intents()) == 1
