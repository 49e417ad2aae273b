"""A top-up that its bank takes back: what is left of it is spent by nobody, and leaves the wallet once it is lost."""

import asyncio
import random
from uuid import uuid4

import pytest
import pytest_asyncio

from forecourt.payments.disputes.store import InWallet
from forecourt.payments.intents.charged_back import left_of
from forecourt.payments.intents.errors import WalletEmpty
from forecourt.payments.intents.model import Intent, Method, State
from forecourt.platform.money import Money
from tests.payments.bank import Bank
from tests.payments.test_wallet_debts import BILL, Driver
from tests.payments.till import RETURN, Till

#: What the provider keeps for each dispute.
FEE = 2000


@pytest_asyncio.fixture
async def driver(till: Till) -> Driver:
    return Driver(Bank(till))


async def top_up(driver: Driver, amount: int) -> Intent:
    till = driver.till
    page = await till.payments.top_up(
        till.tenant_id, driver.payer, Money(amount=amount, currency="EUR"), return_url=RETURN
    )
    await asyncio.to_thread(till.box.pay, str(page.reference))
    return await till.payments.returned(till.tenant_id, page.intent_id)


async def dispute(driver: Driver, paid: Intent) -> str:
    found = await driver.bank.dispute(paid)
    await driver.bank.hint(paid)
    return found


async def decide(driver: Driver, paid: Intent, about: str, status: str) -> None:
    await driver.bank.decide(about, status)
    await driver.bank.hint(paid)


async def test_what_a_bank_took_back_of_a_wallet_is_spent_by_nobody_and_leaves_it_once_it_is_lost(
    driver: Driver,
) -> None:
    till = driver.till
    await driver.owe()
    paid = await top_up(driver, 5000)
    about = await dispute(driver, paid)
    assert (await driver.room(), driver.in_wallet()) == (0, 5000)
    with pytest.raises(WalletEmpty):
        await driver.pay()
    # What comes later is the driver's, and pays what is owed.
    await driver.put_in(BILL + 300)
    assert await driver.room() == BILL + 300
    await driver.pay()
    assert (await driver.room(), driver.debts()) == (300, 0)
    refused = await till.begin(method=Method.WALLET, payer=driver.payer)
    assert (refused.state, refused.authorised_amount) == (State.FAILED, 0)
    await decide(driver, paid, about, "lost")
    assert (await driver.room(), driver.in_wallet()) == (300, 300)
    books = till.balances()
    assert (books.get("disputes"), books.get("write_offs")) == (None, None)
    assert (books["psp_receivable:deployment"], books["psp_fees"]) == (-FEE, FEE)
    # And once more changes nothing.
    await driver.bank.hint(paid)
    assert till.balances() == books


async def test_of_a_dispute_that_is_won_all_can_be_spent_again(driver: Driver) -> None:
    paid = await top_up(driver, 5000)
    about = await dispute(driver, paid)
    assert await driver.room() == 0
    await decide(driver, paid, about, "won")
    assert await driver.room() == driver.in_wallet() == 5000


async def test_what_a_session_holds_is_lost_as_far_as_that_takes_more_than_else_is_there_and_the_rest_goes(
    driver: Driver,
) -> None:
    till = driver.till
    paid = await top_up(driver, 5000)
    held = await till.begin(method=Method.WALLET, payer=driver.payer)
    assert held.authorised_amount == 4000
    about = await dispute(driver, paid)
    await driver.put_in(700)
    assert await driver.room() == 0
    await decide(driver, paid, about, "lost")
    # What is free goes; of what is held nobody knows yet.
    assert (driver.in_wallet(), till.balances()["disputes"], await driver.room()) == (4000, 3300, 0)
    await till.work()
    till.plug_in(held, wh=20_000)
    await driver.bank.follow()
    assert (await till.find(held)).captured_amount == BILL
    books = till.balances()
    assert (driver.in_wallet(), books.get("disputes"), books["write_offs"]) == (0, None, BILL - 700)
    # What is put in from then on is the driver's.
    await driver.put_in(900)
    assert await driver.room() == 900


@pytest.mark.parametrize("seed", range(30))
def test_what_disputes_keep_back_is_never_more_than_there_is_and_nothing_of_it_is_left_out(seed: int) -> None:
    chance = random.Random(seed)
    rows = [
        InWallet(
            account_id=uuid4(), reference=str(number), intent_id=uuid4(), lost=chance.random() < 0.5,
            in_wallet=chance.randint(1, 50),
        )
        for number in range(chance.randint(1, 4))
    ]  # fmt: skip
    there, busy = chance.randint(-10, 150), chance.choice((0, 0, chance.randint(0, 100)))
    found = left_of(rows, there, busy)
    for row, left in zip(rows, found, strict=True):
        assert left.kept + left.taken + left.spent == row.in_wallet
        assert min(left.kept, left.taken, left.spent) >= 0
        assert row.lost or not left.taken
    taken = sum(left.taken for left in found)
    assert sum(left.kept for left in found) <= max(there - taken, 0)
    # What is held is there to be taken, and where nothing is held nothing of what is lost stays.
    assert not taken or there - taken >= busy
    if not busy:
        assert not any(left.kept for row, left in zip(rows, found, strict=True) if row.lost)
