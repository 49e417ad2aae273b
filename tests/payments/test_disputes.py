"""A driver's bank disputes a payment: the provider says so, and everything else follows by itself, whichever of the
webhook, the hourly look and the night is first."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from typing import Any

import pytest
import pytest_asyncio

from forecourt.payments.hosts.store.hosts import HostRow
from forecourt.payments.intents.disputed import heed_disputes
from forecourt.payments.intents.errors import PaymentDisputed
from forecourt.payments.intents.model import State
from forecourt.payments.psp.words import Dispute, DisputeState
from tests.payments.bank import Bank
from tests.payments.hosts import a_bank, a_host, a_rule, rules
from tests.payments.till import Till
from tests.sandbox import Sandbox, sandbox

#: 20 kWh at 0.595, and the provider's fee of a dispute.
PAID, FEE = 1190, 2000
#: Of a charge of that: 1.5 % and 25 cents.
CHARGED = 43


@pytest.fixture
def box() -> Iterator[Sandbox]:
    """One for each test: its clock goes on by days."""
    with sandbox() as running:
        yield running


@pytest_asyncio.fixture
async def bank(till: Till) -> AsyncIterator[Bank]:
    yield Bank(till)


async def test_a_lost_dispute_is_posted_by_itself_with_its_fee_and_stays(bank: Bank) -> None:
    till = bank.till
    intent = await bank.captured()
    dispute = await bank.dispute(intent)
    await bank.hint(intent)
    assert (await till.find(intent)).state is State.DISPUTED
    [row] = await bank.disputes(intent)
    assert (row.reference, row.amount, row.status, row.reason) == (
        dispute, PAID, DisputeState.NEEDS_RESPONSE, "fraudulent",
    )  # fmt: skip
    assert row.evidence_by == row.opened_at + timedelta(days=7)
    taken = {"psp_fees": FEE, "revenue:energy": -1000, "vat_payable:DE:19": -190}
    assert till.balances() == {**taken, "disputes": PAID, "psp_receivable:deployment": -FEE}
    # Nobody answers, and no webhook comes: the hourly look finds out.
    assert (await till.find(intent)).next_at == till.clock.now() + timedelta(hours=1)
    await bank.decide(dispute, "lost")
    till.clock.advance(3601)
    await till.sweeper.sweep()
    await bank.follow()
    lost = await till.find(intent)
    assert (lost.state, lost.next_at) == (State.DISPUTED, None)
    [row] = await bank.disputes(intent)
    assert (row.status, row.decided_at) == (DisputeState.LOST, till.clock.now())
    assert till.balances() == {**taken, "write_offs": PAID, "psp_receivable:deployment": -FEE}
    assert bank.steps(intent) == ["disputed", "dispute_lost"]
    # Heard again, and held against what the provider moved at night: nothing is posted twice, and nothing differs.
    await bank.hint(intent)
    await bank.night(3)
    assert till.balances() == {
        **taken, "psp_fees": FEE + CHARGED, "write_offs": PAID, "psp_receivable:deployment": -FEE - CHARGED,
    }  # fmt: skip
    assert till.rows("SELECT kind, about FROM reconcile_differences WHERE tenant_id = %s", till.tenant_id) == []
    assert bank.steps(intent) == ["disputed", "dispute_lost"]


async def test_a_won_dispute_gives_the_money_back_but_for_its_fee(bank: Bank) -> None:
    till = bank.till
    intent = await bank.captured()
    dispute = await bank.dispute(intent)
    await bank.hint(intent)
    sent: Any = {"evidence": {"uncategorized_text": "winning_evidence"}}
    await asyncio.to_thread(till.box.client.v1.disputes.update, dispute, sent)
    await asyncio.to_thread(till.box.advance, 60)
    till.clock.advance(60)
    await bank.hint(intent)
    won = await till.find(intent)
    assert (won.state, won.next_at) == (State.CAPTURED, None)
    assert [row.status for row in await bank.disputes(intent)] == [DisputeState.WON]
    assert till.balances() == {
        "psp_fees": FEE, "revenue:energy": -1000, "vat_payable:DE:19": -190, "psp_receivable:deployment": PAID - FEE,
    }  # fmt: skip
    assert bank.steps(intent) == ["disputed", "dispute_won"]
    # Whether it gives back what was won is for the provider to say: this one doesn't, and nothing is posted.
    asked = await till.payments.refund(till.actor, intent.intent_id, None, "all the same")
    assert (asked.state, asked.refunded_amount) == (State.CAPTURED, 0)
    [call] = till.rows("SELECT state FROM payment_calls WHERE intent_id = %s AND kind = 'refund'", intent.intent_id)
    assert (call["state"], till.happened("refund")) == ("failed", [])
    await bank.night(3)
    assert till.rows("SELECT kind, about FROM reconcile_differences WHERE tenant_id = %s", till.tenant_id) == []


async def test_an_inquiry_for_which_nothing_was_taken_bars_no_refund_and_a_dispute_does(bank: Bank) -> None:
    till = bank.till
    intent = await bank.captured()
    asked = Dispute(
        reference="du_asks", amount=PAID, currency="EUR", status=DisputeState.NEEDS_RESPONSE, reason="general",
        opened_at=till.clock.now(),
    )  # fmt: skip
    async with till.payments.saga.turn(till.tenant_id, intent.intent_id) as turn:
        await heed_disputes(turn, [asked])
    back = await till.payments.refund(till.actor, intent.intent_id, 119, "as asked")
    assert (back.refunded_amount, [row["amount"] for row in till.happened("refund")]) == (119, [119])
    await bank.dispute(intent)
    await bank.hint(intent)
    with pytest.raises(PaymentDisputed):
        await till.payments.refund(till.actor, intent.intent_id, 119, "and more")


@pytest.mark.parametrize("first", ["webhook", "night"])
async def test_a_dispute_after_the_host_was_paid_is_netted_with_what_comes(bank: Bank, first: str) -> None:
    till = bank.till
    yard: Any = till
    await a_bank(yard)
    host = await a_host(yard)
    [site] = till.rows("SELECT site_id FROM sites WHERE tenant_id = %s", till.tenant_id)
    await rules(yard, host, site["site_id"], a_rule(), till.clock.now() - timedelta(days=1))
    till.rows("UPDATE sites SET path = ARRAY[site_id] WHERE tenant_id = %s", till.tenant_id)
    intent = await bank.captured()
    for _ in range(6):
        await bank.night()
    assert _paid(till) == [700], "70 percent of what was earned"
    assert _owed(till, host) == 0
    dispute = await bank.dispute(intent)
    if first == "webhook":
        await bank.hint(intent)
    await bank.night()
    assert [row.status for row in await bank.disputes(intent)] == [DisputeState.NEEDS_RESPONSE]
    assert _owed(till, host) == -700
    await bank.decide(dispute, "lost")
    await bank.night()
    assert [row.status for row in await bank.disputes(intent)] == [DisputeState.LOST]
    # What they owe is taken from what they are owed next, and the rest is paid.
    assert _owed(till, host) == -700
    for _ in range(2):
        await bank.captured()
        till.clock.advance(60)
    for _ in range(6):
        await bank.night()
    assert _paid(till) == [700, 700]
    assert _owed(till, host) == 0
    assert till.balances()["write_offs"] == PAID
    assert "disputes" not in till.balances()
    assert till.rows("SELECT kind, about FROM reconcile_differences WHERE tenant_id = %s", till.tenant_id) == []


def _paid(till: Till) -> list[int]:
    rows = till.rows("SELECT amount, state FROM payouts WHERE tenant_id = %s ORDER BY payout_id", till.tenant_id)
    assert {row["state"] for row in rows} <= {"paid"}
    return [row["amount"] for row in rows]


def _owed(till: Till, host: HostRow) -> int:
    return -till.balances().get(f"host_payable:{host.host_id}", 0)
