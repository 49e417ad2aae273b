"""Providers that fail, webhooks that come thrice, in any order or not at all, and processes that are killed while money
moves: each session is captured once, and everything that was taken is posted."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence

import pytest
import pytest_asyncio

from forecourt.payments.intents.model import FINAL, State
from tests.conftest import Database
from tests.payments.till import Till, a_till
from tests.sandbox import Sandbox, sandbox
from tests.support import FakeClock

#: Sessions of a run with faults.
SESSIONS = 12
#: On one call in five: half of the faults come after the provider acted.
FAULTS = {
    "error": 0.03,
    "error_after": 0.03,
    "rate_limit": 0.03,
    "drop": 0.03,
    "drop_after": 0.05,
    "timeout_after": 0.03,
}


@pytest.fixture(scope="module")
def bank() -> Iterator[Sandbox]:
    """A provider that fails at times."""
    with sandbox() as running:
        yield running


@pytest_asyncio.fixture
async def shaky(database: Database, clock: FakeClock, bank: Sandbox) -> AsyncIterator[Till]:
    async with a_till(database, clock, bank) as made:
        yield made
        made.box.faults()


def check_the_books(till: Till, besides: Sequence[str] = ()) -> None:
    """Every capture at the provider is posted once, and nothing else is. `besides`: what was taken there by hand."""
    taken = Counter(row["payment_intent"] for row in till.happened("capture")) - Counter(besides)
    assert all(number == 1 for number in taken.values()), "a session was captured twice"
    posted = till.rows(
        "SELECT i.reference, i.captured_amount, i.state FROM payment_intents i JOIN journal j"
        " ON j.tenant_id = i.tenant_id AND j.key = 'capture:' || i.intent_id WHERE i.tenant_id = %s",
        till.tenant_id,
    )
    assert sorted(row["reference"] for row in posted) == sorted(taken)
    amounts = {row["payment_intent"]: row["amount"] for row in till.happened("capture")}
    assert all(row["captured_amount"] == amounts[row["reference"]] for row in posted)
    loose = till.rows("SELECT sum(amount) AS it FROM postings WHERE tenant_id = %s GROUP BY entry_id", till.tenant_id)
    assert all(row["it"] == 0 for row in loose)


async def run_sessions(till: Till, rng: random.Random) -> list[tuple[State, int, int]]:
    """Drivers who pay, charge and leave, some with a refund; how their payments end."""
    intents = []
    for number in range(SESSIONS):
        intent = await till.begin(evse=number + 1)
        for _ in range(30):
            intent = await till.find(intent)
            if intent.page_url is not None:
                break
            till.clock.advance(20)
            await till.sweeper.sweep()
        assert intent.reference is not None
        await asyncio.to_thread(till.box.pay, intent.reference)
        intents.append(intent)
    for _ in range(40):
        till.clock.advance(15)
        await till.sweeper.sweep()
        await till.work()
        if all([(await till.find(each)).state is State.AUTHORISED for each in intents]):
            break
    sessions = [till.plug_in(each, wh=1_000 * (number + 1)) for number, each in enumerate(intents)]
    # Some hints that a session is priced are lost: the sweeper finds out by itself.
    lost = {str(each) for each in rng.sample(sessions, 2)}
    for _ in range(60):
        till.rows("DELETE FROM outbox WHERE event = 'session.priced' AND subject = ANY(%s)", list(lost))
        till.clock.advance(30)
        await till.work()
        await till.sweeper.sweep()
        now = [await till.find(each) for each in intents]
        if all(each.state in FINAL for each in now):
            break
    for each in intents[::3]:
        await till.payments.refund(till.actor, each.intent_id, 100 if each is not intents[0] else None, "as asked")
    await till.settle(rounds=60)
    ends = [await till.find(each) for each in intents]
    return [(each.state, each.captured_amount, each.refunded_amount) for each in ends]


async def test_a_provider_that_fails_at_one_call_in_five_comes_to_the_same_end(
    shaky: Till, database: Database, clock: FakeClock, bank: Sandbox
) -> None:
    shaky.box.faults(seed=11, hang_s=1, **FAULTS)
    ends = await run_sessions(shaky, random.Random(3))
    shaky.box.faults()
    check_the_books(shaky)
    async with a_till(database, clock, bank) as clean:
        assert ends == await run_sessions(clean, random.Random(3))
        assert Counter(shaky.balances().values()) == Counter(clean.balances().values())
