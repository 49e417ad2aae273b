"""Hosts who are paid through the provider: their way there and back, transfers, and what it takes back, of payments
that were really captured at the sandbox, by the real SDK."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest
import pytest_asyncio

from forecourt.payments.bank.days import is_banking_day
from forecourt.payments.bank.model import Bank
from forecourt.payments.bank.store import BankRow, put_bank
from forecourt.payments.hosts import service
from forecourt.payments.hosts.connect import Connect, state_of
from forecourt.payments.hosts.outcomes import bounce
from forecourt.payments.hosts.shares import follow
from forecourt.payments.hosts.store import hosts as store
from forecourt.payments.hosts.store import lines
from forecourt.payments.hosts.store.hosts import HostRow
from forecourt.payments.hosts.words import asked_for
from forecourt.payments.intents.model import Intent
from forecourt.payments.ledger import entries
from forecourt.payments.ledger.service import post
from forecourt.payments.reconcile.jobs import MoneyJobs
from tests.ground import Ground
from tests.payments.hosts import IBANS, a_rule
from tests.payments.till import SECRET, Till, a_till
from tests.sandbox import sandbox
from tests.support import WAIT_S, FakeClock

BACK, AGAIN = "https://owners.test/back", "https://owners.test/again"
#: Of 10 kWh for 5.95: 70 % of what was earned before VAT.
SHARE = 350


class Estate:
    """A till's place that is somebody else's, who gets a share of what is earned there."""

    def __init__(self, till: Till) -> None:
        self.till = till
        self.connect = Connect(till.tenants, till.providers, till.clock)
        self.money = MoneyJobs(till.worker, till.tenants, till.clock, SECRET, till.providers.by_name)
        self.host_id = 0

    async def opened(self, **more: Any) -> "Estate":
        till = self.till
        while not is_banking_day(till.clock.now().date(), "EUR"):
            # The provider's clock goes with it: its pages are of one day only.
            till.clock.advance(86_400)
            till.box.advance(86_400)
        site = till.one("SELECT site_id AS it FROM sites WHERE tenant_id = %s", till.tenant_id)
        values = {"name": "Ada", "country": "DE", "email": "ada@owners.test", "site_ids": [site]} | more
        async with till.tenants.tenant(till.tenant_id) as conn:
            values["created_at"] = till.clock.now()
            self.host_id = (await store.insert_host(conn, till.tenant_id, values)).host_id
            since = till.clock.now() - timedelta(days=9)
            await store.insert_rule(
                conn, till.tenant_id, host_id=self.host_id, site_id=site, station_id=None, valid_from=since,
                rule=a_rule(), made_at=since, made_by="test",
            )  # fmt: skip
        return self

    async def host(self) -> HostRow:
        async with self.till.tenants.tenant(self.till.tenant_id) as conn:
            return await service.find(conn, self.till.tenant_id, self.host_id)

    async def led(self) -> str:
        """Where the host is led now."""
        page = await self.connect.onboard(self.till.actor, self.host_id, return_url=BACK, refresh_url=AGAIN)
        assert page.url.startswith(f"{self.till.box.address}/c/onboard/")
        return page.url

    async def at_provider(self) -> None:
        """The host goes there, says everything, and comes back."""
        async with httpx.AsyncClient() as browser:
            answer = await browser.post(await self.led(), data={"iban": IBANS[0], "holder": "Ada"})
        assert answer.headers["location"] == BACK
        await self.connect.look(self.till.tenant_id, self.host_id)

    async def earn(self, card: str = "at_once") -> None:
        """A session is paid by a card whose money the provider lets us have at once."""
        till = self.till
        intent = await till.paid(card)
        await till.work()
        till.plug_in(intent, wh=10_000)
        await till.work()
        assert (await till.find(intent)).captured_amount == 595

    async def night(self) -> None:
        """A little later: the provider's clock is ahead of one that stands still."""
        self.till.clock.advance(60)
        await self.money.night_of(self.till.tenant_id)

    def payouts(self) -> list[tuple[str, str, int, int]]:
        rows = self.till.rows(
            "SELECT way, state, amount, taken_back FROM payouts WHERE tenant_id = %s ORDER BY payout_id",
            self.till.tenant_id,
        )
        return [(row["way"], row["state"], row["amount"], row["taken_back"]) for row in rows]

    def owed(self) -> int:
        return -self.till.balances().get(f"host_payable:{self.host_id}", 0)

    def differences(self) -> list[dict[str, Any]]:
        return self.till.rows(
            "SELECT kind, about, said FROM reconcile_differences WHERE tenant_id = %s AND gone_at IS NULL",
            self.till.tenant_id,
        )

    def transfers(self) -> list[Any]:
        return list(self.till.box.client.v1.transfers.list().data)


@pytest_asyncio.fixture
async def estate(ground: Ground, clock: FakeClock) -> AsyncIterator[Estate]:
    """With a provider of its own: its clock goes on with the test's."""
    with sandbox() as box:
        async with a_till(ground, clock, box) as till:
            yield await Estate(till).opened()


async def test_a_host_goes_to_the_provider_once_or_in_two_turns_and_is_known_after_it(estate: Estate) -> None:
    first = await estate.led()
    host = await estate.host()
    assert host.connect_account.startswith("acct_")
    assert (state_of(host), host.connect_by) == (None, "deployment")
    begun = state_of(await estate.connect.look(estate.till.tenant_id, estate.host_id))
    assert begun is not None
    assert (begun.may_receive, begun.may_pay_out) == (False, False)
    assert asked_for(begun.due) == ["a bank account", "acceptance of the provider's terms"]
    # Left, and gone there again: the same account by another way.
    second = await estate.led()
    assert second != first
    assert (await estate.host()).connect_account == host.connect_account
    assert len(estate.till.box.client.v1.accounts.list().data) == 1
    async with httpx.AsyncClient() as browser:
        wrong = await browser.post(second, data={"iban": "DE00", "holder": "Ada"}, follow_redirects=True)
        assert "IBAN" in wrong.text
        answer = await browser.post(second, data={"iban": IBANS[0], "holder": "Ada"})
    assert answer.headers["location"] == BACK
    done = state_of(await estate.connect.look(estate.till.tenant_id, estate.host_id))
    assert done is not None
    assert (done.told, done.may_receive, done.may_pay_out, done.due) == (True, True, True, ())


async def test_two_who_begin_at_once_make_one_account(estate: Estate) -> None:
    await asyncio.gather(estate.led(), estate.led(), estate.led())
    assert len(estate.till.box.client.v1.accounts.list().data) == 1


async def test_what_is_owed_goes_by_transfer_and_the_books_and_the_provider_agree(estate: Estate) -> None:
    await estate.at_provider()
    await estate.earn()
    await estate.night()
    assert estate.payouts() == [("connect", "paid", SHARE, 0)]
    [transfer] = estate.transfers()
    assert (transfer.amount, transfer.destination) == (SHARE, (await estate.host()).connect_account)
    assert estate.owed() == 0
    # What the provider says that it holds is what the books say.
    balance = estate.till.box.client.v1.balance.retrieve()
    parts: list[Any] = [*balance.available, *balance.pending]
    held = sum(each.amount for each in parts if each.currency == "eur")
    assert estate.till.balances()["psp_receivable:deployment"] == held
    estate.till.clock.advance(86_400 * 2)
    await estate.night()
    assert estate.differences() == []
    assert len(estate.transfers()) == 1


async def can_be_paid_by_file(estate: Estate) -> None:
    till = estate.till
    async with till.tenants.tenant(till.tenant_id) as conn:
        bank = Bank(SECRET)
        await service.put_bank(conn, till.actor, estate.host_id, bank, name="Ada", iban=IBANS[0], bic="")
        own = BankRow(
            name="Till", iban_sealed=bank.close(IBANS[1]), iban_shown="NL91", bic="", changed_at=till.clock.now()
        )
        await put_bank(conn, till.tenant_id, own)


async def test_who_may_not_receive_there_yet_is_paid_as_before(estate: Estate) -> None:
    till = estate.till
    await can_be_paid_by_file(estate)
    await estate.led()
    await estate.earn()
    await estate.night()
    assert estate.payouts() == [("sepa", "paid", SHARE, 0)]
    # The night itself asked the provider, and asks again: once they may, the next goes there.
    assert (await estate.host()).connect_read_at == till.clock.now()
    async with httpx.AsyncClient() as browser:
        await browser.post(await estate.led(), data={"iban": IBANS[0], "holder": "Ada"})
    await estate.earn()
    await estate.night()
    assert [way for way, *_ in estate.payouts()] == ["sepa", "connect"]
    assert estate.owed() == 0


async def test_what_the_provider_takes_back_is_owed_again_and_waits_for_somebody_to_look(estate: Estate) -> None:
    till = estate.till
    await estate.at_provider()
    await estate.earn()
    await estate.night()
    [transfer] = estate.transfers()
    reversals = till.box.client.v1.transfers.reversals
    await asyncio.to_thread(reversals.create, transfer.id, {"amount": 100})
    till.clock.advance(1)
    for _ in range(2):
        await estate.night()
    assert estate.payouts() == [("connect", "paid", SHARE, 100)]
    assert estate.owed() == 100
    assert (await estate.host()).held_at is not None
    await asyncio.to_thread(reversals.create, transfer.id, {})
    till.clock.advance(1)
    await estate.night()
    assert estate.payouts() == [("connect", "bounced", SHARE, SHARE)]
    assert estate.owed() == SHARE
    async with till.tenants.tenant(till.tenant_id) as conn:
        await service.resume(conn, till.actor, estate.host_id)
    till.clock.advance(86_400 * 3)
    while not is_banking_day(till.clock.now().date(), "EUR"):
        till.clock.advance(86_400)
    await estate.night()
    assert estate.payouts()[1:] == [("connect", "paid", SHARE, 0)]
    assert (estate.owed(), estate.differences()) == (0, [])
    assert sum(each.amount - each.amount_reversed for each in estate.transfers()) == SHARE


async def test_a_payout_that_is_taken_back_by_hand_after_a_part_of_it_gives_the_rest_only(estate: Estate) -> None:
    till = estate.till
    await estate.at_provider()
    await estate.earn()
    await estate.night()
    [transfer] = estate.transfers()
    await asyncio.to_thread(till.box.client.v1.transfers.reversals.create, transfer.id, {"amount": 100})
    till.clock.advance(1)
    await estate.night()
    [row] = till.rows("SELECT payout_id FROM payouts WHERE tenant_id = %s", till.tenant_id)
    async with till.tenants.tenant(till.tenant_id) as conn:
        await bounce(conn, till.tenant_id, row["payout_id"], "by hand", till.clock.now())
    assert estate.owed() == SHARE
    # The provider tells of the rest as well: it was booked already.
    await asyncio.to_thread(till.box.client.v1.transfers.reversals.create, transfer.id, {})
    till.clock.advance(1)
    await estate.night()
    assert estate.owed() == SHARE


async def test_what_there_is_not_enough_of_at_hand_is_paid_another_night(estate: Estate) -> None:
    till = estate.till
    await estate.at_provider()
    await estate.earn()
    # The operator's own bank got it all first.
    [there] = till.box.client.v1.balance.retrieve().available
    await asyncio.to_thread(till.box.client.v1.payouts.create, {"amount": there.amount, "currency": "eur"})
    await estate.night()
    assert estate.payouts() == [("connect", "refused", SHARE, 0)]
    assert (await estate.host()).held_at is None
    assert estate.owed() == SHARE
    for _ in range(2):
        await estate.earn()
    await estate.night()
    assert estate.payouts()[1:] == [("connect", "paid", 3 * SHARE, 0)]
    assert estate.owed() == 0


async def test_a_transfer_whose_answer_was_lost_is_found_after_its_key_is_forgotten(
    ground: Ground, clock: FakeClock
) -> None:
    with sandbox() as box:
        async with a_till(ground, clock, box) as till:
            estate = await Estate(till).opened()
            await estate.at_provider()
            await estate.earn()
            plan = [{"fault": "drop_after", "match": "POST /v1/transfers", "times": 1}]
            await asyncio.to_thread(till.box.faults, next=plan)
            await estate.night()
            assert estate.payouts() == [("connect", "asked", SHARE, 0)]
            assert len(estate.transfers()) == 1
            # The next night the provider doesn't know the key any more.
            await asyncio.to_thread(till.box.advance, 86_400 + 3_600)
            till.clock.advance(86_400 + 3_600)
            await estate.night()
            assert estate.payouts() == [("connect", "paid", SHARE, 0)]
            assert len(estate.transfers()) == 1
            assert estate.owed() == 0


async def test_nothing_else_is_paid_while_it_is_not_known_what_came_of_a_transfer(
    ground: Ground, clock: FakeClock
) -> None:
    with sandbox() as box:
        async with a_till(ground, clock, box) as till:
            estate = await Estate(till).opened()
            await can_be_paid_by_file(estate)
            await estate.at_provider()
            await estate.earn()
            plan = [{"fault": "drop_after", "match": "POST /v1/transfers", "times": 1}]
            await asyncio.to_thread(till.box.faults, next=plan)
            await estate.night()
            # The next night the account is gone: the way would be by file.
            for _ in range(2):
                assert await estate.money._payouts.pay(till.tenant_id, {}) == 0
            assert estate.payouts() == [("connect", "asked", SHARE, 0)]
            assert len(estate.transfers()) == 1
            await estate.night()
            assert estate.payouts() == [("connect", "paid", SHARE, 0)]
            assert estate.owed() == 0


def test_what_a_provider_asks_for_is_said_in_words_each_once() -> None:
    due = ["individual.dob.day", "individual.dob.month", "individual.verification.document", "company.tax_id", "x.y"]
    assert asked_for(due) == [
        "a date of birth", "an identity document, or another proof", "a tax number", "more details",
    ]  # fmt: skip


async def two_debts(estate: Estate) -> list[Intent]:
    """Somebody owes 5.95 and 1.19 of sessions that began after their holds were given back."""
    till = estate.till
    debts = []
    for wh in (10_000, 2_000):
        intent = await till.paid()
        await till.work()
        till.clock.advance(301)
        await till.sweeper.sweep()
        till.plug_in(intent, wh=wh)
        await till.work()
        debts.append(intent)
    till.rows("UPDATE payment_intents SET payer = 'driver:7' WHERE tenant_id = %s", till.tenant_id)
    assert [(await till.find(each)).owed_amount for each in debts] == [595, 119]
    await estate.night()
    assert estate.owed() == 0
    return debts


async def debt_paid(estate: Estate) -> Intent:
    """Whatever is owed is paid by card."""
    till = estate.till
    paying = await till.payments.pay_debt(till.tenant_id, "driver:7", return_url=BACK)
    assert paying.reference is not None
    await asyncio.to_thread(till.box.pay, paying.reference, "at_once")
    return await till.payments.returned(till.tenant_id, paying.intent_id)


async def shares_follow(estate: Estate, intent: Intent) -> None:
    """As after each refund and each dispute; twice is once."""
    till = estate.till
    for _ in range(2):
        async with till.tenants.tenant(till.tenant_id) as conn:
            await follow(conn, till.tenant_id, str(intent.intent_id), till.clock.now(), settled=False)


async def settled(estate: Estate) -> None:
    till = estate.till
    till.clock.advance(60)
    await estate.money._reconciler.reconcile(till.tenant_id, await till.providers.by_name(till.tenant_id))


async def test_what_debts_were_paid_with_goes_back_with_the_share_of_the_session_that_it_is_of(estate: Estate) -> None:
    till = estate.till
    await two_debts(estate)
    paid = await debt_paid(estate)
    await settled(estate)
    whole = SHARE + 70
    assert estate.owed() == whole
    # What was paid last goes back first: all of the second share, and 153 of 500 net of the first.
    await till.payments.refund(till.actor, paid.intent_id, 300, "by mistake")
    await shares_follow(estate, paid)
    assert estate.owed() == whole - 70 - 107
    assert "driver_receivable" not in till.balances()
    # In parts it is what it is at once.
    await till.payments.refund(till.actor, paid.intent_id, 414, "all of it")
    await shares_follow(estate, paid)
    assert (estate.owed(), till.balances().get("revenue:energy")) == (0, None)
    [sums] = till.rows(
        "SELECT sum(amount)::bigint AS lines FROM host_lines WHERE tenant_id = %s AND payout_id IS NULL", till.tenant_id
    )
    assert sums["lines"] == estate.owed()


async def test_of_two_debts_that_one_payment_paid_the_session_that_is_refunded_loses_its_share(estate: Estate) -> None:
    till = estate.till
    first, second = await two_debts(estate)
    paid = await debt_paid(estate)
    await settled(estate)
    # The one that was paid first, though what was paid last would go back first.
    await till.payments.refund(till.actor, first.intent_id, None, "too slow")
    await shares_follow(estate, paid)
    assert (estate.owed(), till.balances()["revenue:energy"], till.balances()["vat_payable:DE:19"]) == (70, -100, -19)
    await till.payments.refund(till.actor, paid.intent_id, 60, "and half of the other")
    await shares_follow(estate, paid)
    await shares_follow(estate, second)
    # 60 of 119 are 50.4 of 100 net: what goes back of a share is rounded up.
    assert (estate.owed(), till.balances()["revenue:energy"]) == (34, -50)


async def test_a_dispute_of_what_paid_a_debt_takes_the_share_back_until_it_is_won(estate: Estate) -> None:
    till = estate.till
    await two_debts(estate)
    paid = await debt_paid(estate)
    await settled(estate)
    about: Any = {
        "dispute": "dp_1", "intent": str(paid.intent_id), "at": till.clock.now(), "currency": "EUR", "amount": 714,
    }  # fmt: skip
    for made, left in ((entries.dispute_opened, 0), (entries.dispute_won, SHARE + 70)):
        async with till.tenants.tenant(till.tenant_id) as conn:
            await post(conn, till.tenant_id, made(account="deployment", **about))
        await shares_follow(estate, paid)
        assert estate.owed() == left


async def test_two_who_follow_payments_of_one_debt_wait_for_each_other_and_never_both(
    estate: Estate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A payment paid the debt of another and was owed again itself, which a third one paid: whoever follows the second
    needs the first, whoever follows the third needs both. The first of them stops at what it holds first."""
    till = estate.till
    debt, again = sorted(str(each.intent_id) for each in await two_debts(estate))
    third, now = str(uuid4()), till.clock.now()
    for owed, payer in ((debt, again), (again, third)):
        till.rows(
            "INSERT INTO payment_steps (tenant_id, intent_id, at, kind, amount, detail)"
            " VALUES (%s, %s, %s, 'debt_paid', 100, %s)", till.tenant_id, owed, now, payer,
        )  # fmt: skip
        source = entries.psp("deployment")
        about: Any = {"payment": payer, "at": now, "source": source, "currency": "EUR", "amount": 100}
        async with till.tenants.tenant(till.tenant_id) as conn:
            await post(conn, till.tenant_id, entries.debt_paid(intent=payer, **about))
    hold, stopped, go_on = lines.hold_intent, asyncio.Event(), asyncio.Event()

    async def stop(conn: Any, tenant_id: int, intent: str) -> None:
        await hold(conn, tenant_id, intent)
        if asyncio.current_task() is first and not stopped.is_set():
            stopped.set()
            await go_on.wait()

    async def follows(intent: str) -> None:
        async with till.tenants.tenant(till.tenant_id) as conn:
            await follow(conn, till.tenant_id, intent, now, settled=False)

    monkeypatch.setattr(lines, "hold_intent", stop)
    first = asyncio.create_task(follows(again))
    await stopped.wait()
    second = asyncio.create_task(follows(third))
    waiting = (
        "SELECT count(*) AS it FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
        " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    )
    async with asyncio.timeout(WAIT_S):
        while not till.one(waiting):
            await asyncio.sleep(0.01)
    go_on.set()
    await asyncio.gather(first, second)


@pytest.mark.parametrize("given_up", [False, True])
async def test_of_a_debt_that_is_paid_in_parts_a_host_gets_each_part_as_its_money_comes(
    estate: Estate, given_up: bool
) -> None:
    till = estate.till
    debts = await two_debts(estate)
    owes = "UPDATE payment_intents SET owed_amount = %s WHERE tenant_id = %s AND intent_id = %s"
    # 50 of 119 are paid.
    till.rows(owes, 50, till.tenant_id, debts[1].intent_id)
    await debt_paid(estate)
    till.rows(owes, 69, till.tenant_id, debts[1].intent_id)
    for _ in range(2):
        await settled(estate)
        assert estate.owed() == SHARE + 29
    if given_up:
        await till.payments.write_off(till.actor, debts[1].intent_id, "too little to chase")
        await settled(estate)
        assert estate.owed() == SHARE + 29
        return
    rest = await debt_paid(estate)
    await shares_follow(estate, rest)
    assert (rest.captured_amount, estate.owed()) == (69, SHARE + 29), "that money is not ours yet"
    for _ in range(2):
        await settled(estate)
        assert estate.owed() == SHARE + 70
    await till.payments.refund(till.actor, rest.intent_id, None, "by mistake")
    await shares_follow(estate, rest)
    assert estate.owed() == SHARE + 29
    sums = till.rows(
        "SELECT sum(amount)::bigint AS owed, sum(share)::bigint AS share, sum(net)::bigint AS net FROM host_lines"
        " WHERE tenant_id = %s AND intent = %s", till.tenant_id, str(debts[1].intent_id),
    )  # fmt: skip
    assert sums == [{"owed": 29, "share": 29, "net": 42}]


@pytest.mark.parametrize("given_up", [0, 119])
async def test_a_host_gets_their_share_of_what_was_owed_once_it_is_paid(estate: Estate, given_up: int) -> None:
    till = estate.till
    debts = await two_debts(estate)
    if given_up:
        await till.payments.write_off(till.actor, debts[1].intent_id, "too little to chase")
    paying = await debt_paid(estate)
    async with till.tenants.tenant(till.tenant_id) as conn:
        await follow(conn, till.tenant_id, str(paying.intent_id), till.clock.now(), settled=False)
    assert estate.owed() == 0, "the money is not ours yet"
    for _ in range(2):
        till.clock.advance(60)
        await estate.money._reconciler.reconcile(till.tenant_id, await till.providers.by_name(till.tenant_id))
        assert estate.owed() == SHARE + (0 if given_up else 70)
    shares = till.rows(
        "SELECT intent, amount FROM host_lines WHERE tenant_id = %s ORDER BY amount DESC", till.tenant_id
    )
    assert [row["intent"] for row in shares] == [str(each.intent_id) for each in debts[: 1 if given_up else 2]]
