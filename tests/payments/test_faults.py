"""A provider that fails at one call in five, and webhooks that come thrice, in any order, forged, old or not at all:
each session is captured once, everything that was taken is posted, and all ends as if nothing had gone wrong."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any
from unittest.mock import AsyncMock

import pytest
import pytest_asyncio

from forecourt.payments.intents.errors import NothingOwed
from forecourt.payments.intents.model import FINAL, Intent, Purpose, State
from forecourt.payments.intents.saga import Saga
from forecourt.platform.money import Money
from tests.conftest import Database
from tests.ground import Ground
from tests.payments.gate import Gate, a_gate
from tests.payments.till import RETURN, Till, a_till
from tests.sandbox import Sandbox, sandbox
from tests.support import FakeClock

#: Sessions of a run.
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
#: Of all webhooks: each comes three times and after others that came later, one in ten never, and as many are signed by
#: somebody else, or long ago.
MISCHIEF = {"triple": 1.0, "shuffle": 1.0, "lose": 0.1, "forge": 0.1, "stale": 0.1}
#: What is the same of a payment in every run: all but names and times.
SAME = (
    "purpose, method, state, currency, hold_amount, authorised_amount, billed_amount, captured_amount, refunded_amount,"
    " owed_amount, reference IS NULL AS unnamed, page_url, may_increment, per_hour, card, saved, payer, evse,"
    " tariff_version, ends_as, reason, stop_reason, hold_said, next_at"
)


@pytest.fixture(scope="module")
def bank() -> Iterator[Sandbox]:
    """A provider that fails at times."""
    with sandbox() as running:
        yield running


@pytest_asyncio.fixture
async def shaky(ground: Ground, clock: FakeClock, bank: Sandbox) -> AsyncIterator[Till]:
    async with a_till(ground, clock, bank) as made:
        yield made
        made.box.faults()
        made.box.control("webhooks", {})


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


def end_state(till: Till) -> list[dict[str, Any]]:
    """Everything that is kept of each payment, in their order: what it came to, what was asked and what of that was
    done, its story, what is posted, what its session costs, whether its token still starts, and what the provider did.
    """
    found = []
    intents = till.rows(
        f"SELECT intent_id, reference, session_id, token_uid, {SAME} FROM payment_intents WHERE tenant_id = %s"
        " ORDER BY number",
        till.tenant_id,
    )
    done = [row for row in till.box.ledger(till.box.account) if "payment_intent" in row]
    for row in intents:
        intent_id = row.pop("intent_id")
        reference, session, token = (row.pop(name) for name in ("reference", "session_id", "token_uid"))
        row["calls"] = till.rows(
            "SELECT kind, amount, state, reason, said FROM payment_calls WHERE intent_id = %s ORDER BY number",
            intent_id,
        )
        row["steps"] = till.rows(
            "SELECT kind, amount, nullif(detail, %s) AS detail FROM payment_steps WHERE intent_id = %s"
            " ORDER BY step_id",
            str(session), intent_id,
        )  # fmt: skip
        row["posted"] = till.rows(
            "SELECT j.kind, a.name, p.currency, p.amount FROM journal j JOIN postings p USING (entry_id)"
            " JOIN ledger_accounts a USING (account_id) WHERE j.tenant_id = %s AND j.intent = %s"
            " ORDER BY j.entry_id, p.leg",
            till.tenant_id, str(intent_id),
        )  # fmt: skip
        row["cost"] = till.rows(
            "SELECT excl_minor, incl_minor, currency, final FROM session_costs WHERE session_id = %s", session
        )
        row["token"] = till.rows("SELECT status FROM tokens WHERE tenant_id = %s AND uid = %s", till.tenant_id, token)
        row["done"] = [(each["what"], each["amount"]) for each in done if each["payment_intent"] == reference]
        found.append(row)
    return found


class Run:
    """Drivers who pay, charge and leave, some with a refund, and webhooks that come in between."""

    def __init__(self, till: Till, seed: int) -> None:
        self.till, self.chance = till, random.Random(seed)

    async def whole(self) -> None:
        """From the first page to the last refund."""
        till = self.till
        intents = [await self._paid(number) for number in range(1, SESSIONS + 1)]
        await self._until({State.AUTHORISED}, intents, step_s=15)
        sessions = [till.plug_in(each, wh=1_000 * (number + 1)) for number, each in enumerate(intents)]
        # Some hints that a session is priced are lost: the sweeper finds out by itself.
        lost = {str(each) for each in self.chance.sample(sessions, 2)}
        await self._until(FINAL, intents, step_s=30, lost=lost)
        for each in intents[::3]:
            await till.payments.refund(till.actor, each.intent_id, 100 if each is not intents[0] else None, "as asked")
        await till.settle(rounds=60)
        await asyncio.to_thread(till.box.delivered)
        await till.work()

    async def _paid(self, evse: int) -> Any:
        intent = await self.till.begin(evse=evse)
        for _ in range(30):
            intent = await self.till.find(intent)
            if intent.page_url is not None:
                break
            self.till.clock.advance(20)
            await self.till.sweeper.sweep()
        assert intent.reference is not None
        await asyncio.to_thread(self.till.box.pay, intent.reference)
        return intent

    async def _until(
        self, states: Any, intents: Sequence[Any], *, step_s: int, lost: Sequence[str] | set[str] = ()
    ) -> None:
        till = self.till
        for _ in range(60):
            till.rows("DELETE FROM outbox WHERE event = 'session.priced' AND subject = ANY(%s)", list(lost))
            await asyncio.to_thread(till.box.delivered)
            await till.work()
            if all([(await till.find(each)).state in states for each in intents]):
                return
            till.clock.advance(step_s)
            await till.sweeper.sweep()
        raise AssertionError("not all of them got there")


async def test_a_provider_that_fails_and_webhooks_in_disorder_come_to_the_same_end(
    shaky: Till, ground: Ground, database: Database, clock: FakeClock, bank: Sandbox, nats_url: str
) -> None:
    async with a_gate(database, nats_url, shaky.box) as door:
        shaky.box.faults(seed=11, hang_s=0.3, match="*", **FAULTS)
        shaky.box.control("webhooks", {"seed": 7, **MISCHIEF})
        await Run(shaky, 3).whole()
        counts = shaky.box.control("")["fault_counts"]
        shaky.box.faults()
        shaky.box.control("webhooks", {})
    ends = end_state(shaky)
    check_the_books(shaky)
    check_the_door(shaky, door)
    assert sum(counts.values()) >= SESSIONS, "the provider was to fail"
    async with a_till(ground, clock, bank) as clean, a_gate(database, nats_url, clean.box) as quiet:
        await Run(clean, 3).whole()
        for number, (one, other) in enumerate(zip(ends, end_state(clean), strict=True)):
            for name, value in one.items():
                assert value == other[name], (number, name)
        assert Counter(shaky.balances()) == Counter(clean.balances())
        check_the_books(clean)
    assert {status for _, status in quiet.said} == {200}


async def test_what_was_held_and_what_goes_back_wait_while_the_key_is_not_let_in(shaky: Till) -> None:
    intent = await shaky.paid(payer="driver:7")
    await shaky.work()
    shaky.box.faults(match="*", shut=1.0)
    shaky.plug_in(intent, wh=20_000)
    for _ in range(8):
        await shaky.work()
        shaky.clock.advance(1801)
        await shaky.sweeper.sweep()
    waits = await shaky.find(intent)
    assert (waits.state, waits.owed_amount, shaky.balances()) == (State.CAPTURING, 0, {})
    shaky.box.faults()
    shaky.clock.advance(1801)
    await shaky.settle()
    assert [(await shaky.find(intent)).state, *(row["amount"] for row in shaky.happened("capture"))] == [
        State.CAPTURED, 1190,
    ]  # fmt: skip
    shaky.box.faults(match="*", shut=1.0)
    assert (await shaky.payments.refund(shaky.actor, intent.intent_id, 119, "too slow")).refunded_amount == 0
    shaky.box.faults()
    await shaky.settle()
    assert (await shaky.find(intent)).refunded_amount == 119
    assert [row["amount"] for row in shaky.happened("refund")] == [119]
    check_the_books(shaky)


@pytest.mark.parametrize("tried", [False, True])
async def test_a_hold_that_stands_is_taken_from_though_its_first_key_may_be_forgotten(
    shaky: Till, monkeypatch: pytest.MonkeyPatch, tried: bool
) -> None:
    intent = await shaky.paid(payer="driver:7")
    await shaky.work()
    if tried:
        shaky.box.faults(match="*", drop=1.0)
    else:
        # The call is written down, and nobody is left to make it.
        monkeypatch.setattr(Saga, "_carry_out", AsyncMock(return_value=False))
    shaky.plug_in(intent, wh=20_000)
    await shaky.work()
    shaky.box.faults()
    monkeypatch.undo()
    query = "SELECT key, tries FROM payment_calls WHERE intent_id = %s AND kind = 'capture'"
    [before] = shaky.rows(query, intent.intent_id)
    assert (before["tries"] > 0) == tried
    shaky.clock.advance(24 * 3600)
    await shaky.settle()
    taken = await shaky.find(intent)
    assert (taken.state, taken.captured_amount, taken.owed_amount) == (State.CAPTURED, 1190, 0)
    [now] = shaky.rows(query, intent.intent_id)
    assert now["key"] != before["key"]
    assert [row["amount"] for row in shaky.happened("capture")] == [1190]
    check_the_books(shaky)


@pytest.mark.parametrize("purpose", [Purpose.TOP_UP, Purpose.DEBT])
async def test_a_page_that_was_quicker_than_its_closing_is_posted_once(shaky: Till, purpose: Purpose) -> None:
    before, page = await a_page(shaky, purpose)
    shaky.clock.advance(16 * 60)
    plan = {"fault": "drop", "match": "POST /v1/checkout/sessions/*/expire", "times": 1}
    await asyncio.to_thread(shaky.box.faults, next=[plan])
    await shaky.sweeper.sweep()
    assert (await shaky.find(page)).state is State.RELEASING
    await asyncio.to_thread(shaky.box.pay, str(page.reference))
    await shaky.settle()
    await check_paid(shaky, before, page)


@pytest.mark.parametrize("purpose", [Purpose.TOP_UP, Purpose.DEBT])
async def test_a_page_that_was_given_up_and_is_paid_all_the_same_is_posted_once(shaky: Till, purpose: Purpose) -> None:
    before, page = await a_page(shaky, purpose)
    shaky.rows("UPDATE payment_intents SET state = 'abandoned', next_at = NULL WHERE intent_id = %s", page.intent_id)
    assert (await shaky.payments.returned(shaky.tenant_id, page.intent_id)).state is State.ABANDONED
    await asyncio.to_thread(shaky.box.pay, str(page.reference))
    about = (shaky.tenant_id, page.intent_id)
    await asyncio.gather(*(shaky.payments.saga.heed(*about) for _ in range(3)), shaky.payments.returned(*about))
    await check_paid(shaky, before, page)


async def a_page(till: Till, purpose: Purpose) -> tuple[dict[str, int], Intent]:
    """A page on which 5.95 go into a wallet, or pay what somebody owes; and what the ledger came to before."""
    if purpose is Purpose.TOP_UP:
        money = Money(amount=595, currency="EUR")
        return {}, await till.payments.top_up(till.tenant_id, "driver:7", money, return_url=RETURN)
    owing = await till.paid(payer="driver:7")
    await till.work()
    till.clock.advance(301)
    await till.sweeper.sweep()
    till.plug_in(owing, wh=10_000)
    await till.work()
    before = till.balances()
    assert before["driver_receivable"] == 595
    return before, await till.payments.pay_debt(till.tenant_id, "driver:7", return_url=RETURN)


async def check_paid(till: Till, before: dict[str, int], page: Intent) -> None:
    """What was taken on the page is posted once, and is whose it is."""
    paid = await till.find(page)
    assert (paid.state, paid.captured_amount, paid.next_at) == (State.CAPTURED, 595, None)
    came = {"wallet:7": -595} if page.purpose is Purpose.TOP_UP else {}
    owed = {name: amount for name, amount in before.items() if name != "driver_receivable"}
    assert till.balances() == owed | came | {"psp_receivable:deployment": 595}
    steps = till.rows("SELECT kind FROM payment_steps WHERE intent_id = %s AND kind = 'captured'", page.intent_id)
    assert len(steps) == 1
    assert [row["amount"] for row in till.happened("capture")] == [595]
    with pytest.raises(NothingOwed):
        await till.payments.pay_debt(till.tenant_id, "driver:7", return_url=RETURN)


def check_the_door(till: Till, door: Gate) -> None:
    """Good ones were taken, each once however often it came, and all others refused and not kept."""
    assert set(door.said) == {(True, 200), (False, 400)}
    [kept] = till.rows("SELECT count(*) AS n FROM payment_hooks WHERE tenant_id = %s", till.tenant_id)
    assert 0 < kept["n"] < door.said[True, 200]
    assert door.said[False, 400] >= SESSIONS // 2
