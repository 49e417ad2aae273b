"""What is owed of a session whose hold could not be taken of, and is taken there by hand: the debt is paid by it."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from typing import Any
from unittest.mock import ANY

import pytest
import pytest_asyncio

from forecourt.payments.hosts.store.hosts import HostRow
from forecourt.payments.intents import events
from forecourt.payments.intents.errors import NothingOwed
from forecourt.payments.intents.model import Intent, State
from forecourt.payments.providers.stripe import Stripe
from forecourt.payments.psp.errors import ProviderRefused
from forecourt.payments.unmatched.model import To
from forecourt.payments.unmatched.service import post_to, take_back
from tests.payments.bank import Bank
from tests.payments.hosts import a_host, a_rule, rules
from tests.payments.till import RETURN, Till
from tests.sandbox import Sandbox, sandbox


@pytest.fixture
def box() -> Iterator[Sandbox]:
    """One for each test: its clock goes on by days."""
    with sandbox() as running:
        yield running


@pytest_asyncio.fixture
async def bank(till: Till) -> AsyncIterator[Bank]:
    yield Bank(till)


async def a_debt(till: Till, monkeypatch: pytest.MonkeyPatch) -> Intent:
    """Who owes 11.90 euro, as the provider refused to take them of a hold that stands."""
    intent = await till.paid(payer="driver:7", email="ada@drive.test")
    await till.work()

    async def refuse(*_: Any) -> Any:
        raise ProviderRefused("Not now.")

    with monkeypatch.context() as shut:
        shut.setattr(Stripe, "capture", refuse)
        till.plug_in(intent, wh=20_000)
        await till.work()
        await till.settle()
    owed = await till.find(intent)
    assert (owed.state, owed.owed_amount, owed.next_at) == (State.FAILED, 1190, None)
    return owed


async def an_owner(till: Till) -> HostRow:
    """Whose place it is, with 70 percent of what is earned there."""
    yard: Any = till
    host = await a_host(yard)
    [site] = till.rows("SELECT site_id FROM sites WHERE tenant_id = %s", till.tenant_id)
    await rules(yard, host, site["site_id"], a_rule(), till.clock.now() - timedelta(days=1))
    till.rows("UPDATE sites SET path = ARRAY[site_id] WHERE tenant_id = %s", till.tenant_id)
    return host


async def by_hand(till: Till, intent: Intent, amount: int) -> None:
    assert intent.reference is not None
    client = till.box.client.v1.payment_intents
    await asyncio.to_thread(client.capture, intent.reference, {"amount_to_capture": amount})


async def test_what_is_owed_and_taken_by_hand_of_its_hold_is_paid_and_its_host_owed(
    bank: Bank, monkeypatch: pytest.MonkeyPatch
) -> None:
    till = bank.till
    host = await an_owner(till)
    intent = await a_debt(till, monkeypatch)
    await by_hand(till, intent, 1500)
    # No webhook tells of it: a night finds it.
    await bank.night()
    assert (await till.find(intent)).state is State.CAPTURED
    paid = await till.find(intent)
    assert (paid.captured_amount, paid.owed_amount, paid.reason) == (1500, 0, None)
    told = "SELECT kind, amount FROM payment_steps WHERE intent_id = %s AND amount IS NOT NULL ORDER BY step_id"
    steps = [(row["kind"], row["amount"]) for row in till.rows(told, intent.intent_id)]
    assert steps[-2:] == [("taken_there", 1500), ("debt_paid", 1190)]
    with pytest.raises(NothingOwed):
        await till.payments.pay_debt(till.tenant_id, "driver:7", return_url=RETURN)
    await bank.night(3)
    books = till.balances()
    assert (books.get("driver_receivable"), books["unmatched"]) == (None, -310)
    assert books[f"host_payable:{host.host_id}"] == -700
    standing = "SELECT kind, about FROM reconcile_differences WHERE tenant_id = %s AND gone_at IS NULL"
    assert till.rows(standing, till.tenant_id) == []
    # What was nobody's goes back first, then what the session earned, with its host's part.
    await till.payments.refund(till.actor, intent.intent_id, 310 + 595, "sorry")
    await bank.follow()
    books = till.balances()
    assert (books.get("unmatched"), books["revenue:energy"], books["vat_payable:DE:19"]) == (None, -500, -95)
    assert books[f"host_payable:{host.host_id}"] == -350


async def test_money_of_nobody_that_pays_a_debt_in_parts_gives_the_host_each_and_asks_for_the_receipt_at_the_end(
    bank: Bank, monkeypatch: pytest.MonkeyPatch
) -> None:
    till = bank.till
    host = await an_owner(till)
    owed, odd = await a_debt(till, monkeypatch), await till.paid(evse=2)
    await till.work()
    await by_hand(till, odd, 2000)
    await till.payments.saga.heed(till.tenant_id, odd.intent_id)
    await bank.night(3)

    async def told(amount: int) -> tuple[int, bool]:
        async with till.tenants.tenant(till.tenant_id) as conn:
            row = await post_to(
                conn, till.actor, till.clock, odd.intent_id, amount, To.DEBT, "as told", debt=owed.intent_id
            )
        said = {each["event"] for each in till.rows("SELECT event FROM outbox WHERE tenant_id = %s", till.tenant_id)}
        await bank.follow()
        return row.entry_id, events.CAPTURED in said

    payable = f"host_payable:{host.host_id}"
    assert await told(119) == (ANY, False)
    assert till.balances()[payable] == -70
    entry, receipt = await told(1071)
    assert (receipt, till.balances()[payable]) == (True, -700)
    async with till.tenants.tenant(till.tenant_id) as conn:
        await take_back(conn, till.actor, till.clock, entry, "by mistake")
    await bank.follow()
    assert (till.balances()[payable], (await till.find(owed)).owed_amount) == (-70, 1071)


async def test_a_webhook_tells_of_a_debt_that_is_taken_in_part_and_its_receipt_is_asked_for(
    till: Till, monkeypatch: pytest.MonkeyPatch
) -> None:
    intent = await a_debt(till, monkeypatch)
    await by_hand(till, intent, 190)
    till.rows("DELETE FROM outbox WHERE tenant_id = %s", till.tenant_id)
    for _ in range(2):
        paid = await till.payments.saga.heed(till.tenant_id, intent.intent_id)
        assert (paid.state, paid.captured_amount, paid.owed_amount) == (State.CAPTURED, 190, 1000)
    assert till.balances()["driver_receivable"] == 1000
    assert await till.work() == [events.CAPTURED]
    rest = await till.payments.pay_debt(till.tenant_id, "driver:7", return_url=RETURN)
    assert rest.hold_amount == 1000


async def test_what_was_paid_otherwise_before_it_was_taken_by_hand_is_nobodys_and_goes_back_whole(
    till: Till, monkeypatch: pytest.MonkeyPatch
) -> None:
    intent = await a_debt(till, monkeypatch)
    paid = await till.payments.pay_debt(till.tenant_id, "driver:7", return_url=RETURN)
    assert paid.reference is not None
    await asyncio.to_thread(till.box.pay, paid.reference)
    await till.payments.returned(till.tenant_id, paid.intent_id)
    await by_hand(till, intent, 1190)
    twice = await till.payments.saga.heed(till.tenant_id, intent.intent_id)
    assert (twice.state, till.balances()["unmatched"]) == (State.CAPTURED, -1190)
    await till.payments.refund(till.actor, intent.intent_id, 1190, "paid twice")
    books = till.balances()
    assert (books.get("unmatched"), books["revenue:energy"], books.get("driver_receivable")) == (None, -1000, None)
    # Then what paid for it.
    await till.payments.refund(till.actor, intent.intent_id, None, "all of it")
    assert till.balances() == {}
