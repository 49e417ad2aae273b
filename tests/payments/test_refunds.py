"""What becomes of refunds at the provider: that they come to nothing, or are made by hand there, is found out."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from forecourt.payments.intents.model import State
from forecourt.payments.intents.refunds import CAME_BACK
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
