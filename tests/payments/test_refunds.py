"""What becomes of refunds at the provider: that they come to nothing, or are made by hand there, is found out."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import pytest_asyncio

from forecourt.payments.intents.model import State
from forecourt.payments.intents.refunds import CAME_BACK
from forecourt.payments.providers.stripe import Stripe
from forecourt.payments.psp.errors import ProviderRefused
from tests.payments.bank import DAY, Bank
from tests.payments.till import Till
from tests.sandbox import Sandbox, sandbox


@pytest.fixture
def box() -> Iterator[Sandbox]:
    """One for each test: its clock goes on by days."""
    with sandbox() as running:
        yield running


@pytest_asyncio.fixture
async def bank(till: Till) -> AsyncIterator[Bank]:
    yield Bank(till)


async def test_a_refund_that_comes_to_nothing_is_undone_and_may_be_asked_again(bank: Bank) -> None:
    till = bank.till
    intent = await bank.captured("refund_fails")
    whole = till.balances()
    back = await till.payments.refund(till.actor, intent.intent_id, None, "as asked")
    assert (back.state, till.balances()) == (State.REFUNDED, {})
    till.clock.advance(DAY)
    await asyncio.to_thread(till.box.advance, DAY)
    for _ in range(2):
        kept = await till.payments.saga.heed(till.tenant_id, intent.intent_id)
        assert (kept.state, kept.refunded_amount, till.balances()) == (State.CAPTURED, 0, whole)
    assert (await till.work()).count("payment.refund_failed") == 1
    [call] = till.rows(
        "SELECT state, reason FROM payment_calls WHERE intent_id = %s AND kind = 'refund'", intent.intent_id
    )
    assert (call["state"], call["reason"]) == ("failed", CAME_BACK)
    await bank.night(3)
    assert till.rows("SELECT kind, about FROM reconcile_differences WHERE tenant_id = %s", till.tenant_id) == []
    again = await till.payments.refund(till.actor, intent.intent_id, 119, "once more")
    assert (again.state, again.refunded_amount) == (State.CAPTURED, 119)


async def test_what_is_done_by_hand_and_no_webhook_tells_is_found_by_a_night(
    bank: Bank, monkeypatch: pytest.MonkeyPatch
) -> None:
    till = bank.till
    paid = await bank.captured()
    kept = await till.paid(evse=2)
    await till.work()
    till.clock.advance(301)

    async def refuse(*_: Any) -> Any:
        raise ProviderRefused("Not now.")

    with monkeypatch.context() as shut:
        shut.setattr(Stripe, "cancel", refuse)
        await till.settle()
    assert (await till.find(kept)).state is State.RELEASED
    client = till.box.client.v1
    await asyncio.to_thread(client.refunds.create, {"payment_intent": paid.reference or "", "amount": 190})
    await asyncio.to_thread(client.payment_intents.capture, kept.reference or "", {"amount_to_capture": 500})
    await bank.night()
    back, taken = await till.find(paid), await till.find(kept)
    assert (back.state, back.refunded_amount) == (State.CAPTURED, 190)
    assert (taken.state, taken.captured_amount) == (State.CAPTURED, 500)
    await bank.night(3)
    standing = "SELECT kind, about FROM reconcile_differences WHERE tenant_id = %s AND gone_at IS NULL"
    assert till.rows(standing, till.tenant_id) == []
