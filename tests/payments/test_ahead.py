"""Holds that run out while nobody knows whether their session still runs: what is taken, and what puts it right."""

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any
from unittest.mock import AsyncMock
from uuid import UUID

import pytest

from forecourt.payments.declines import Decline
from forecourt.payments.intents import books
from forecourt.payments.intents.errors import DebtOpen
from forecourt.payments.intents.model import CAPTURE_AHEAD, Intent, State
from forecourt.payments.providers.stripe import Stripe
from forecourt.payments.psp.errors import Declined
from forecourt.payments.psp.words import Refund
from forecourt.payments.reconcile.service import Reconciler
from forecourt.payments.reconcile.store import comparing
from forecourt.pricing.model import Dimension, Element, PriceComponent, Tariff
from tests.payments.bank import Bank
from tests.payments.till import Till

#: One euro an hour, and 19 % VAT on top.
BY_TIME = Tariff(
    id="", currency="EUR",
    elements=(
        Element(
            price_components=(
                PriceComponent(type=Dimension.TIME, price=Decimal(1), vat=Decimal(19)),
                PriceComponent(type=Dimension.PARKING_TIME, price=Decimal(1), vat=Decimal(19)),
            )
        ),
    ),
)  # fmt: skip


class Killed(BaseException):
    """A process that is no more."""


@dataclass(frozen=True)
class Silent:
    """A session of which the station said something an hour after it began, or `hours`, and then nothing more."""

    till: Till
    intent: Intent
    session: UUID

    async def now(self) -> Intent:
        return await self.till.find(self.intent)

    async def run_out(self) -> Intent:
        """Until the hold is about to run out."""
        held = await self.now()
        assert held.capture_before is not None
        self.till.clock.set(held.capture_before - CAPTURE_AHEAD)
        await self.till.sweeper.sweep()
        await self.till.work()
        return await self.now()

    async def back(self, *, hours: int) -> Intent:
        """The station is back, and says that the session was over so many hours after it began."""
        self.till.go_on(self.session, wh=10_000)
        self.till.rows(
            "UPDATE sessions SET ended_at = started_at + %s, last_at = started_at + %s WHERE session_id = %s",
            *[timedelta(hours=hours)] * 2, self.session,
        )  # fmt: skip
        self.till.rows(
            "DELETE FROM meter_values m USING sessions s WHERE s.session_id = %s AND m.station_id = s.station_id"
            " AND m.transaction_id = s.transaction_id AND m.at > s.ended_at",
            self.session,
        )
        await self.till.work()
        return await self.now()


async def a_silent(till: Till, *, hours: int = 1, **more: Any) -> Silent:
    await till.priced(BY_TIME)
    intent = await till.paid(payer="driver:7", **more)
    await till.work()
    session = till.plug_in(intent, wh=10_000, minutes=60 * hours, over=False)
    await till.work()
    return Silent(till, intent, session)


async def test_of_a_silent_station_no_more_is_taken_than_was_heard_and_it_is_sold_once_it_is_priced(till: Till) -> None:
    silent = await a_silent(till)
    taken = await silent.run_out()
    assert (taken.state, taken.captured_amount, taken.billed_amount) == (State.CAPTURED, 119, None)
    # Nothing is sold yet: no revenue, no VAT, and no share of a host.
    assert till.balances() == {"psp_receivable:deployment": 119, "taken_ahead": -119}
    assert [row["event"] for row in till.rows("SELECT event FROM outbox WHERE tenant_id = %s", till.tenant_id)] == []
    sold = await silent.back(hours=1)
    assert (sold.state, sold.captured_amount, sold.billed_amount, sold.next_at) == (State.CAPTURED, 119, 119, None)
    await till.settle()
    assert till.balances() == {
        "psp_receivable:deployment": 119, "revenue:time": -100, "vat_payable:DE:19": -19,
    }  # fmt: skip
    assert [row["amount"] for row in till.happened("capture")] == [119]


async def test_who_dies_before_it_is_sold_leaves_it_to_the_next_look(till: Till) -> None:
    silent = await a_silent(till, hours=4)
    await silent.run_out()

    async def dies(*_: Any, **__: Any) -> None:
        raise Killed

    # Its price is known, and whoever was told of it is no more, once it was asked and once before the sale is kept.
    real = till.jobs.priced
    till.jobs.priced = dies  # type: ignore[method-assign]
    with pytest.raises(Killed):
        await silent.back(hours=1)
    till.jobs.priced = real  # type: ignore[method-assign]
    with pytest.MonkeyPatch.context() as gone:
        gone.setattr(books, "post_sold_ahead", dies)
        with pytest.raises(Killed):
            await till.payments.saga.drive(till.tenant_id, silent.intent.intent_id)
    assert till.balances() == {"psp_receivable:deployment": 476, "taken_ahead": -476}
    till.clock.advance(601)
    await till.sweeper.sweep()
    await till.settle()
    assert [row["amount"] for row in till.happened("refund")] == [357]
    assert till.balances() == {
        "psp_receivable:deployment": 119, "revenue:time": -100, "vat_payable:DE:19": -19,
    }  # fmt: skip


async def test_what_was_taken_above_the_price_goes_back_by_itself_and_revenue_is_the_bills(till: Till) -> None:
    silent = await a_silent(till, hours=4)
    assert (await silent.run_out()).captured_amount == 476
    sold = await silent.back(hours=1)
    await till.settle()
    sold = await silent.now()
    assert (sold.state, sold.billed_amount, sold.refunded_amount) == (State.CAPTURED, 119, 357)
    assert [row["amount"] for row in till.happened("refund")] == [357]
    assert till.balances() == {
        "psp_receivable:deployment": 119, "revenue:time": -100, "vat_payable:DE:19": -19,
    }  # fmt: skip


async def test_what_came_on_top_is_owed_and_the_station_is_asked_to_stop_as_soon_as_it_is_back(till: Till) -> None:
    silent = await a_silent(till)
    assert (await silent.run_out()).captured_amount == 119
    asked = len(till.stations.stops)
    till.clock.advance(3_601)
    await till.sweeper.sweep()
    assert len(till.stations.stops) > asked
    owes = await silent.back(hours=3)
    assert (owes.state, owes.captured_amount, owes.billed_amount, owes.owed_amount) == (
        State.CAPTURED, 119, 357, 238,
    )  # fmt: skip
    assert till.balances() == {
        "psp_receivable:deployment": 119, "driver_receivable": 238, "revenue:time": -100, "revenue:idle": -200,
        "vat_payable:DE:19": -57,
    }  # fmt: skip
    with pytest.raises(DebtOpen):
        await till.begin(payer="driver:7", evse=2)


async def test_what_came_on_top_is_asked_of_the_saved_card_and_owed_only_where_that_is_declined(till: Till) -> None:
    silent = await a_silent(till, save=True)
    intent = await till.paid(payer="driver:8", save=True, evse=2)
    await till.work()
    declined = Silent(till, intent, till.plug_in(intent, wh=10_000, over=False))
    await till.work()
    # The later one's hold is about to run out: so is the other's.
    await declined.run_out()
    for each in (silent, declined):
        assert (await each.now()).captured_amount == 119
    gone = '{"customer": "cus_none", "method": "pm_none"}'
    till.rows("UPDATE payment_intents SET saved = %s WHERE intent_id = %s", gone, intent.intent_id)
    for each in (silent, declined):
        owes = await each.back(hours=3)
        assert (owes.billed_amount, owes.owed_amount) == (357, 238)
    await till.settle()
    assert [(await each.now()).owed_amount for each in (silent, declined)] == [0, 238]
    assert till.balances()["driver_receivable"] == 238
    taken = (
        "SELECT method, state, captured_amount FROM payment_intents WHERE tenant_id = %s AND purpose = 'debt'"
        " ORDER BY number"
    )
    assert till.rows(taken, till.tenant_id) == [
        {"method": "saved", "state": "captured", "captured_amount": 238},
        {"method": "saved", "state": "failed", "captured_amount": 0},
    ]


@pytest.mark.parametrize("gone", ["disputed", "given back"])
async def test_what_came_on_top_is_not_asked_of_a_card_whose_owner_disputes_or_has_it_all_back(
    till: Till, gone: str
) -> None:
    silent = await a_silent(till, save=True)
    taken = await silent.run_out()
    if gone == "disputed":
        await Bank(till).dispute(taken)
        await Bank(till).hint(taken)
    else:
        await till.payments.refund(till.actor, taken.intent_id, None, "the station is broken")
    await silent.back(hours=3)
    await till.settle()
    assert (await silent.now()).owed_amount == 238
    assert till.rows("SELECT 1 FROM payment_intents WHERE tenant_id = %s AND purpose = 'debt'", till.tenant_id) == []


async def test_what_came_on_top_waits_for_nobody_to_confirm_it(till: Till, monkeypatch: pytest.MonkeyPatch) -> None:
    silent = await a_silent(till, save=True)
    await silent.run_out()
    monkeypatch.setattr(Stripe, "charge_saved", AsyncMock(side_effect=Declined("Confirm it.", why=Decline.CONFIRM)))
    await silent.back(hours=3)
    await till.settle()
    rows = till.rows(
        "SELECT method, state FROM payment_intents WHERE tenant_id = %s AND purpose = 'debt'", till.tenant_id
    )
    assert (rows, (await silent.now()).owed_amount) == ([{"method": "saved", "state": "failed"}], 238)


async def test_what_is_above_the_price_goes_back_once_a_dispute_that_stood_then_is_won(
    till: Till, monkeypatch: pytest.MonkeyPatch
) -> None:
    bank, silent = Bank(till), await a_silent(till, hours=4)
    taken = await silent.run_out()
    dispute = await bank.dispute(taken)
    await bank.hint(taken)
    sold = await silent.back(hours=1)
    await till.settle()
    assert (sold.state, sold.billed_amount, (await silent.now()).refunded_amount) == (State.DISPUTED, 119, 0)
    asked: list[int] = []

    async def gives(_psp: Stripe, _reference: str, amount: int, _key: str, ours: str) -> Refund:
        asked.append(amount)
        return Refund(reference="re_won", amount=amount, ours=ours)

    # Whether it gives back of a charge whose dispute was won is the provider's to say: this one does.
    monkeypatch.setattr(Stripe, "refund", gives)
    await bank.decide(dispute, "won")
    for _ in range(2):
        await bank.hint(taken)
    now = await silent.now()
    assert (now.state, now.refunded_amount, till.balances().get("unmatched")) == (State.CAPTURED, 357, None)
    assert asked == [357]


async def test_what_was_given_back_meanwhile_is_neither_given_back_again_nor_owed(till: Till) -> None:
    silent = await a_silent(till, hours=4)
    await silent.run_out()
    await till.payments.refund(till.actor, silent.intent.intent_id, 400, "the station is broken")
    assert till.balances() == {"psp_receivable:deployment": 76, "taken_ahead": -76}
    sold = await silent.back(hours=1)
    await till.settle()
    # Of 1.19 that it came to 43 cents went back with what was above it.
    assert (sold.billed_amount, sold.owed_amount, (await silent.now()).refunded_amount) == (119, 0, 400)
    assert till.balances() == {
        "psp_receivable:deployment": 76, "revenue:time": -64, "vat_payable:DE:19": -12,
    }  # fmt: skip


async def test_a_host_waits_for_a_share_until_what_was_taken_ahead_is_sold(till: Till) -> None:
    silent = await a_silent(till)
    # A hold that runs out at once, as the provider's clock stands still.
    soon = till.clock.now() + CAPTURE_AHEAD + timedelta(minutes=1)
    till.rows("UPDATE payment_intents SET capture_before = %s WHERE tenant_id = %s", soon, till.tenant_id)
    assert (await silent.run_out()).captured_amount == 119
    till.clock.set(silent.intent.created_at + timedelta(days=8))
    books = Reconciler(till.tenants, till.clock)
    provider: Any = (await till.providers.by_name(till.tenant_id))["deployment"]
    await books.take(till.tenant_id, "deployment", provider)
    await books.post(till.tenant_id, "deployment")

    async def to_settle() -> int:
        async with till.tenants.tenant(till.tenant_id) as conn:
            rows = await comparing.list_to_settle(
                conn, till.tenant_id, "deployment", till.clock.now(), ["charge", "payment"], 10
            )
        return len(rows)

    assert await to_settle() == 0
    await silent.back(hours=1)
    assert await to_settle() == 1
    # The provider's movement and the journal agree.
    assert await books.compare(till.tenant_id, "deployment", timedelta(0)) == []
