"""What is owed and paid from a wallet: the debt, the wallet, the books and the host's share, whatever comes after."""

import asyncio
import random
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from unittest.mock import AsyncMock

import pytest
import pytest_asyncio

from forecourt.payments.hosts.shares import follow
from forecourt.payments.intents.errors import NothingOwed, RefundTooHigh, WalletEmpty
from forecourt.payments.intents.model import Intent, Method, Purpose, State
from forecourt.payments.intents.saga import Saga
from forecourt.payments.ledger.building import between
from forecourt.payments.ledger.entries import OTHER_INCOME, wallet
from forecourt.payments.ledger.model import Kind
from forecourt.payments.ledger.service import post
from forecourt.payments.ledger.store.reports import name_debts, read_receivables
from forecourt.payments.providers.book import Book, BookKind
from forecourt.payments.reconcile import service as reconcile
from forecourt.payments.reconcile.service import Reconciler
from tests.payments.bank import Bank
from tests.payments.test_debts import an_owner
from tests.payments.till import RETURN, Till

#: What a session of 20 kWh comes to, with VAT, and what its host is owed of it whole.
BILL, SHARE = 1190, 700


class Driver:
    """Somebody with a wallet, and what they owe."""

    def __init__(self, bank: Bank, number: int = 7) -> None:
        self.bank, self.till, self.number, self.payer = bank, bank.till, number, f"driver:{number}"
        self._given = 0

    async def owe(self, wh: int = 20_000) -> Intent:
        """A session that began once what was held of the wallet was given back, and the wallet was empty by then."""
        await self.put_in(4000)
        intent = await self.till.begin(method=Method.WALLET, payer=self.payer)
        await self.till.charging.start(self.till.tenant_id, intent.intent_id)
        self.till.clock.advance(301)
        await self.till.payments.saga.drive(self.till.tenant_id, intent.intent_id)
        await self.put_in(-4000)
        self.till.plug_in(intent, wh=wh)
        await self.bank.follow()
        owed = await self.till.find(intent)
        assert owed.owed_amount == owed.billed_amount != 0
        return owed

    async def put_in(self, amount: int) -> None:
        """Money that somebody gave: no provider has it."""
        self._given += 1
        entry = between(
            f"gift:{self.number}:{self._given}", Kind.TOP_UP, self.till.clock.now(), "EUR", OTHER_INCOME,
            wallet(str(self.number)), amount,
        )  # fmt: skip
        async with self.till.tenants.tenant(self.till.tenant_id) as conn:
            await post(conn, self.till.tenant_id, entry)

    async def pay(self) -> Intent:
        paid = await self.till.payments.pay_from_wallet(self.till.tenant_id, self.payer)
        await self.bank.follow()
        return paid

    async def page(self) -> Intent:
        return await self.till.payments.pay_debt(self.till.tenant_id, self.payer, return_url=RETURN)

    async def paid_on(self, page: Intent) -> Intent:
        await asyncio.to_thread(self.till.box.pay, str(page.reference))
        paid = await self.till.payments.returned(self.till.tenant_id, page.intent_id)
        await self.bank.follow()
        return paid

    async def give_back(self, intent: Intent, amount: int | None = None) -> Intent:
        back = await self.till.payments.refund(self.till.actor, intent.intent_id, amount, "sorry")
        await self.bank.follow()
        return back

    async def room(self) -> int:
        """What can be spent of the wallet, as those know it who hold money and those who answer stations."""
        async with self.till.tenants.tenant(self.till.tenant_id) as conn:
            left = await Book(self.till.tenants, self.till.tenant_id, BookKind.WALLET, self.till.clock).room(
                conn, self.payer, "EUR"
            )
        told = self.till.one("SELECT coalesce(payments_wallet_left(%s, %s), 0) AS it", self.till.tenant_id, self.number)
        assert told == left
        return left

    def debts(self) -> int:
        return self.till.one(
            "SELECT coalesce(sum(owed_amount), 0)::bigint AS it FROM payment_intents WHERE tenant_id = %s"
            " AND payer = %s",
            self.till.tenant_id,
            self.payer,
        )

    def in_wallet(self) -> int:
        return -self.till.balances().get(f"wallet:{self.number}", 0)


@pytest_asyncio.fixture
async def driver(till: Till) -> AsyncIterator[Driver]:
    yield Driver(Bank(till))


async def test_a_debt_is_paid_from_the_wallet_its_host_has_the_share_at_once_and_what_goes_back_is_refunded(
    driver: Driver,
) -> None:
    till, host = driver.till, await an_owner(driver.till)
    payable = f"host_payable:{host.host_id}"
    debt = await driver.owe()
    with pytest.raises(WalletEmpty):
        await driver.pay()
    await driver.put_in(5000)
    paid = await driver.pay()
    assert (paid.state, paid.purpose, paid.method) == (State.CAPTURED, Purpose.DEBT, Method.WALLET)
    assert (await till.find(debt)).owed_amount == 0
    books = till.balances()
    assert (books.get("driver_receivable"), books[payable], driver.in_wallet()) == (None, -SHARE, 5000 - BILL)
    assert await driver.room() == 5000 - BILL
    with pytest.raises(NothingOwed):
        await driver.pay()
    # Half of it goes back into the wallet: so do revenue, tax and the host's half, and nothing is owed again.
    await driver.give_back(paid, BILL // 2)
    books = till.balances()
    assert (books.get("driver_receivable"), books[payable]) == (None, -SHARE // 2)
    assert (books["revenue:energy"], books["vat_payable:DE:19"]) == (-500, -95)
    assert await driver.room() == driver.in_wallet() == 5000 - BILL // 2
    with pytest.raises(RefundTooHigh):
        await driver.give_back(paid, BILL)
    with pytest.raises(NothingOwed):
        await driver.pay()
    # The rest by the session's own payment.
    await driver.give_back(debt)
    books = till.balances()
    assert (books.get(payable), books.get("revenue:energy"), driver.in_wallet()) == (None, None, 5000)


async def test_who_owes_what_nets_a_debt_with_all_that_paid_it(driver: Driver) -> None:
    till = driver.till

    async def receivables() -> list[tuple[str, int, list[int]]]:
        async with till.tenants.tenant(till.tenant_id) as conn:
            rows = await read_receivables(conn, till.tenant_id, till.clock.now() + timedelta(days=40), limit=9)
            named = await name_debts(conn, till.tenant_id, [row.who for row in rows])
        return [(str(named[row.who].intent_id), row.total, list(row.by_age)) for row in rows]

    debt = await driver.owe()
    assert await receivables() == [(str(debt.intent_id), BILL, [0, BILL, 0, 0])]
    await driver.put_in(500)
    await driver.pay()
    assert await receivables() == [(str(debt.intent_id), BILL - 500, [0, BILL - 500, 0, 0])]
    await driver.put_in(BILL)
    paid = await driver.pay()
    assert await receivables() == []
    await driver.give_back(paid)
    assert await receivables() == []


async def test_a_wallet_that_holds_less_pays_a_part_and_the_page_the_rest(driver: Driver) -> None:
    till, host = driver.till, await an_owner(driver.till)
    debt = await driver.owe()
    await driver.put_in(119)
    assert (await driver.pay()).captured_amount == 119
    assert (await till.find(debt)).owed_amount == BILL - 119
    assert till.balances()[f"host_payable:{host.host_id}"] == -SHARE // 10
    with pytest.raises(WalletEmpty):
        await driver.pay()
    rest = await driver.page()
    assert rest.hold_amount == BILL - 119
    assert (await driver.paid_on(rest)).state is State.CAPTURED
    assert (driver.debts(), till.balances().get("driver_receivable")) == (0, None)
    # What a provider has is ours to use later.
    assert till.balances()[f"host_payable:{host.host_id}"] == -SHARE // 10


async def test_a_page_that_waits_is_closed_and_what_is_paid_there_all_the_same_goes_back(driver: Driver) -> None:
    await driver.owe()
    await driver.put_in(5000)
    page = await driver.page()
    paid = await driver.pay()
    assert (paid.state, paid.captured_amount) == (State.CAPTURED, BILL)
    assert (await driver.till.find(page)).state is State.ABANDONED
    assert driver.in_wallet() == 5000 - BILL
    # A page that was paid just before pays the debt, and nothing is taken of the wallet.
    await driver.owe()
    page = await driver.page()
    await asyncio.to_thread(driver.till.box.pay, str(page.reference))
    with pytest.raises(NothingOwed):
        await driver.pay()
    assert (driver.in_wallet(), driver.debts()) == (5000 - BILL, 0)


async def test_what_pays_a_debt_is_spent_by_nobody_else_and_once_whoever_dies(
    driver: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    till = driver.till
    await driver.owe()
    await driver.put_in(2000)

    class Killed(BaseException):
        """A process that is no more."""

    # It is taken of the wallet's book, and whoever was to post it is no more.
    with monkeypatch.context() as gone:
        gone.setattr(Saga, "_keep", AsyncMock(side_effect=Killed))
        with pytest.raises(Killed):
            await driver.pay()
    assert (driver.in_wallet(), await driver.room(), driver.debts()) == (2000, 2000 - BILL, BILL)
    await asyncio.gather(*[till.payments.pay_from_wallet(till.tenant_id, driver.payer) for _ in range(3)])
    till.clock.advance(60)
    await till.settle()
    await driver.bank.follow()
    taken = till.rows(
        "SELECT captured_amount FROM payment_intents WHERE tenant_id = %s AND purpose = 'debt'", till.tenant_id
    )
    assert [row["captured_amount"] for row in taken] == [BILL]
    assert (driver.in_wallet(), await driver.room(), driver.debts()) == (2000 - BILL, 2000 - BILL, 0)
    # Two at once, before either is heard of, take the same money once.
    await driver.owe()
    both = await asyncio.gather(*[till.payments.pay_from_wallet(till.tenant_id, driver.payer) for _ in range(2)])
    assert len({each.intent_id for each in both}) == 1
    assert (driver.in_wallet(), driver.debts()) == (0, BILL - (2000 - BILL))


async def test_whatever_is_done_in_any_order_books_debts_wallets_and_shares_agree(bank_of_two: list[Driver]) -> None:
    host = await an_owner(bank_of_two[0].till)
    for seed in range(3):
        chance = random.Random(seed)
        driver, till = bank_of_two[seed % 2], bank_of_two[0].till
        payments: list[Intent] = []
        for _ in range(9):
            match chance.choice(("owe", "put in", "wallet", "wallet", "back", "hold")):
                case "owe" if not driver.debts():
                    await driver.owe(chance.randrange(1_000, 30_000))
                case "put in":
                    await driver.put_in(chance.randrange(1, 1500))
                case "wallet":
                    try:
                        payments.append(await driver.pay())
                    except (WalletEmpty, NothingOwed) as fault:
                        empty = isinstance(fault, WalletEmpty)
                        assert (await driver.room() == 0) if empty else not driver.debts()
                case "back" if payments:
                    paid = await till.find(chance.choice(payments))
                    left = paid.captured_amount - paid.refunded_amount
                    if left:
                        await driver.give_back(paid, chance.randint(1, left))
                case "hold" if not driver.debts():
                    held = await till.begin(method=Method.WALLET, payer=driver.payer)
                    if held.state is State.AUTHORISED:
                        await till.payments.abandon(till.tenant_id, held.intent_id)
            books = till.balances()
            assert sum(each.debts() for each in bank_of_two) == books.get("driver_receivable", 0)
            assert await driver.room() == driver.in_wallet() >= 0
            sold = -books.get("revenue:energy", 0)
            gross = sold - books.get("vat_payable:DE:19", 0)
            came = gross - books.get("driver_receivable", 0)
            given = -books.get(f"host_payable:{host.host_id}", 0)
            # 70 % of what came of it before VAT, each session rounded by itself.
            assert abs(given - came * sold * 7 / max(gross * 10, 1)) <= 20


async def test_debts_that_get_no_share_keep_no_other_from_being_looked_at(
    bank_of_two: list[Driver], monkeypatch: pytest.MonkeyPatch
) -> None:
    till = bank_of_two[0].till
    host = await an_owner(till)
    monkeypatch.setattr(reconcile, "AT_ONCE", 1)
    for each in bank_of_two:
        await each.owe()
        await each.put_in(BILL)
    for each in bank_of_two:
        # Nobody followed it when it was paid.
        await till.payments.pay_from_wallet(till.tenant_id, each.payer)
    ids = till.rows(
        "SELECT intent_id FROM payment_intents WHERE tenant_id = %s AND purpose = 'session'", till.tenant_id
    )
    first = min(str(row["intent_id"]) for row in ids)
    till.rows("DELETE FROM outbox WHERE tenant_id = %s", till.tenant_id)

    async def fails(conn: Any, tenant_id: int, intent: str, *about: Any, **more: Any) -> None:
        if intent == first:
            raise RuntimeError("it can't be told")
        await follow(conn, tenant_id, intent, *about, **more)

    monkeypatch.setattr(reconcile, "follow", fails)
    await Reconciler(till.tenants, till.clock).follow_part_paid(till.tenant_id)
    assert till.balances()[f"host_payable:{host.host_id}"] == -SHARE


@pytest_asyncio.fixture
async def bank_of_two(till: Till) -> AsyncIterator[list[Driver]]:
    bank = Bank(till)
    yield [Driver(bank, 7), Driver(bank, 8)]
