"""A driver pays by an organisation's own account at Adyen: a whole session through rows, door and sweeper, and what
becomes of it where webhooks come late, twice, in another order, or never."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from datetime import timedelta

import pytest
import pytest_asyncio

from forecourt.payments.intents.model import FINAL, MAX_REFUSALS, Intent, State
from forecourt.payments.psp.errors import ProviderAway
from forecourt.platform.money import Money
from tests.adyen import AdyenBox
from tests.ground import Ground
from tests.payments.door import Door, a_door
from tests.payments.till import RETURN, Till, a_till
from tests.sandbox import Sandbox
from tests.support import FakeClock

#: Sessions of the run with faults.
SESSIONS = 5


@pytest_asyncio.fixture
async def till(ground: Ground, clock: FakeClock, box: Sandbox, second: AdyenBox) -> AsyncIterator[Till]:
    """One more organisation that sells at a station, by an account of its own at Adyen."""
    async with a_till(ground, clock, box, adyen=second) as made:
        yield made


@pytest_asyncio.fixture
async def door(till: Till) -> AsyncIterator[Door]:
    async with a_door(till) as made:
        yield made


async def paid(till: Till, door: Door, card: str = "visa", **more: object) -> Intent:
    """Begun, paid on the page, and heard of."""
    await till.paid(card, **more)
    await door.hear()
    await till.work()
    [row] = till.rows("SELECT max(number) AS it FROM payment_intents WHERE tenant_id = %s", till.tenant_id)
    [named] = till.rows("SELECT intent_id FROM payment_intents WHERE number = %s", row["it"])
    return await till.payments.find(till.tenant_id, named["intent_id"])


async def test_a_session_is_held_started_captured_and_given_back_by_what_webhooks_say(till: Till, door: Door) -> None:
    intent = await till.begin()
    assert (intent.state, intent.account_id) == (State.HOLD_REQUESTED, till.account_id)
    assert intent.page_url is not None
    assert intent.reference is not None
    assert till.adyen is not None
    await asyncio.to_thread(till.adyen.pay, intent.reference)
    # The driver is back before the provider told: nothing is believed yet.
    assert (await till.payments.returned(till.tenant_id, intent.intent_id)).state is State.HOLD_REQUESTED
    await door.hear()
    assert "payment.authorised" in await till.work()
    intent = await till.find(intent)
    assert (intent.state, intent.authorised_amount, intent.card and intent.card.last4) == (
        State.AUTHORISED, 4000, "1111",
    )  # fmt: skip
    assert len(till.stations.starts) == 1
    till.plug_in(intent, wh=20_000)
    await till.work()
    # Asked for and taken as a request: not captured before that is told.
    assert (await till.find(intent)).state is State.CAPTURING
    assert till.balances() == {}
    await door.hear()
    await till.work()
    intent = await till.find(intent)
    assert (intent.state, intent.captured_amount) == (State.CAPTURED, 1190)
    assert till.balances() == {"psp_receivable:adyen-main": 1190, "revenue:energy": -1000, "vat_payable:DE:19": -190}
    asked = await till.payments.refund(till.actor, intent.intent_id, 119, "too slow")
    assert asked.refunded_amount == 0
    await door.hear()
    await till.work()
    assert (await till.find(intent)).refunded_amount == 119
    await till.payments.refund(till.actor, intent.intent_id, None, "goodwill")
    await door.hear()
    await till.work()
    intent = await till.find(intent)
    assert (intent.state, till.balances()) == (State.REFUNDED, {})
    assert [row["amount"] for row in till.happened("capture")] == [1190]
    assert [row["amount"] for row in till.happened("refund")] == [119, 1071]


async def test_webhooks_come_over_the_socket_thrice_shuffled_and_forged_ones_are_never_believed(
    till: Till, door: Door
) -> None:
    assert till.adyen is not None
    till.adyen.control("mischief", {"triple": 0.5, "shuffle": 0.5, "seed": 5})
    till.adyen.send_to(door.url)
    intent = await till.paid()
    for step in range(3):
        await asyncio.to_thread(till.adyen.control, "idle")
        await till.work()
        if step == 0:
            till.plug_in(intent, wh=20_000)
            await till.work()
        if step == 1:
            await till.payments.refund(till.actor, intent.intent_id, 119, "too slow")
    intent = await till.find(intent)
    assert (intent.state, intent.captured_amount, intent.refunded_amount) == (State.CAPTURED, 1190, 119)
    assert door.came >= 3
    # The hook of a payment that nobody made, signed by another key, is refused and brought again for nothing.
    till.adyen.control("mischief", {"forge": 1.0})
    before = door.came
    other = await till.begin(evse=2)
    assert other.reference is not None
    await asyncio.to_thread(till.adyen.pay, other.reference)
    await asyncio.to_thread(till.adyen.control, "idle")
    assert door.came > before
    assert (await till.payments.returned(till.tenant_id, other.intent_id)).state is State.HOLD_REQUESTED
    # Once it is signed as it should be, the retry is taken.
    till.adyen.control("mischief", {})
    till.adyen.advance(600)
    till.clock.advance(600)
    await asyncio.to_thread(till.adyen.control, "idle")
    await till.work()
    assert (await till.find(other)).state is State.AUTHORISED


async def test_a_capture_whose_webhook_is_late_is_waited_for_and_asked_for_once(till: Till, door: Door) -> None:
    intent = await paid(till, door)
    till.plug_in(intent, wh=20_000)
    await till.work()
    # Days pass: the key is forgotten, nobody says a word, and nothing is done a second time nor owed.
    for _ in range(8):
        till.clock.advance(timedelta(days=1).total_seconds())
        await till.sweeper.sweep()
        await till.work()
    late = await till.find(intent)
    assert (late.state, late.owed_amount) == (State.CAPTURING, 0)
    assert [row["amount"] for row in till.happened("capture")] == [1190]
    await door.hear()
    await till.work()
    assert (await till.find(intent)).state is State.CAPTURED
    assert till.balances()["psp_receivable:adyen-main"] == 1190


@pytest.mark.parametrize("fault", ["timeout_after", "drop_after", "error_after", "error", "rate_limit", "drop"])
async def test_a_capture_that_failed_on_the_way_is_done_once(till: Till, door: Door, fault: str) -> None:
    intent = await paid(till, door)
    assert till.adyen is not None
    psp = await till.providers.of_payment(intent.tenant_id, intent.method.value, intent.account_id)
    if fault.startswith("timeout"):
        psp._deadline_s = 0.5  # type: ignore[attr-defined]
    plan = {"fault": fault, "match": "POST /payments/*/captures", "times": 1}
    await asyncio.to_thread(till.adyen.faults, next=[plan], hang_s=1)
    till.plug_in(intent, wh=20_000)
    await till.work()
    door.miss()
    for _ in range(4):
        till.clock.advance(30)
        await till.sweeper.sweep()
    await door.hear()
    # What was told in the fault is lost for good: the answer to the same key names it, and Adyen brings it again.
    for body in till.adyen.events():
        await door.post(body)
    await till.work()
    await till.settle()
    assert (await till.find(intent)).state is State.CAPTURED
    assert [row["amount"] for row in till.happened("capture")] == [1190]
    assert till.balances()["psp_receivable:adyen-main"] == 1190


async def test_a_payment_that_is_never_heard_of_is_given_back_by_our_name_of_it(till: Till, door: Door) -> None:
    intent = await till.paid()
    door.miss()
    assert intent.state is State.HOLD_REQUESTED
    till.clock.advance(timedelta(minutes=16).total_seconds())
    await till.sweeper.sweep()
    assert (await till.find(intent)).state is State.RELEASING
    assert [row["amount"] for row in till.happened("cancel")] == [4000]
    assert (await till.begin()).state is State.HOLD_REQUESTED
    await door.hear()
    await till.settle()
    intent = await till.find(intent)
    assert (intent.state, till.stations.starts, till.balances()) == (State.ABANDONED, [], {})


async def test_an_authorisation_that_comes_while_its_page_is_closed_gives_the_hold_back(till: Till, door: Door) -> None:
    intent = await till.paid()
    till.clock.advance(timedelta(minutes=16).total_seconds())
    await till.sweeper.sweep()
    await door.hear()
    await till.work()
    await door.hear()
    await till.settle()
    assert (await till.find(intent)).state is State.ABANDONED
    assert len(till.happened("cancel")) == 1
    assert till.stations.starts == []


async def test_money_taken_on_a_page_that_is_closed_meanwhile_is_in_the_wallet(till: Till, door: Door) -> None:
    money = Money(amount=5000, currency="EUR")
    page = await till.payments.top_up(till.tenant_id, "driver:7", money, return_url=RETURN)
    assert till.adyen is not None
    await asyncio.to_thread(till.adyen.pay, str(page.reference))
    till.clock.advance(timedelta(minutes=16).total_seconds())
    await till.sweeper.sweep()
    assert (await till.find(page)).state is State.RELEASING
    for _ in range(2):
        await door.hear()
        await till.work()
    await till.settle()
    paid = await till.find(page)
    assert (paid.state, paid.captured_amount, till.balances()["wallet:7"]) == (State.CAPTURED, 5000, -5000)
    assert (len(till.happened("capture")), till.happened("cancel")) == (1, [])


async def test_a_page_that_nobody_paid_on_is_closed(till: Till, door: Door) -> None:
    intent = await till.begin()
    till.clock.advance(timedelta(minutes=16).total_seconds())
    await till.settle()
    assert (await till.find(intent)).state is State.ABANDONED
    assert till.adyen is not None
    with pytest.raises(Exception, match="expired"):
        till.adyen.pay(str(intent.reference))


async def test_a_running_session_raises_its_hold_or_stops_where_the_bank_does_not_or_nobody_says(
    till: Till, door: Door
) -> None:
    def stopped() -> int:
        return len({each.transaction_id for each in till.stations.stops})

    async def at_the_hold(card: str, evse: int) -> Intent:
        intent = await paid(till, door, card, evse=evse)
        till.plug_in(intent, wh=65_000, minutes=60, over=False)
        await till.work()
        till.clock.advance(31)
        await till.sweeper.sweep()
        return intent

    raised = await at_the_hold("visa", 1)
    await door.hear()
    await till.work()
    assert ((await till.find(raised)).authorised_amount, till.stations.stops) == (6000, [])

    refused = await at_the_hold("raise_refused", 2)
    await door.hear()
    await till.work()
    till.clock.advance(31)
    await till.sweeper.sweep()
    assert ((await till.find(refused)).authorised_amount, stopped()) == (4000, 1)

    unsaid = await at_the_hold("mastercard", 3)
    door.miss()
    for _ in range(7):
        till.clock.advance(31)
        await till.sweeper.sweep()
    now = await till.find(unsaid)
    assert (now.authorised_amount, now.may_increment, stopped()) == (4000, False, 2)
    fixed = await at_the_hold("unionpay", 4)
    assert ((await till.find(fixed)).may_increment, stopped()) == (False, 3)


async def test_a_capture_that_the_bank_refuses_is_owed_after_a_few_refusals(till: Till, door: Door) -> None:
    intent = await paid(till, door, "capture_refused", payer="driver:7")
    till.plug_in(intent, wh=20_000)
    await till.work()
    # Looks at which nobody said anything are no refusals.
    for _ in range(MAX_REFUSALS):
        till.clock.advance(1801)
        await till.sweeper.sweep()
    for _ in range(20):
        await door.hear()
        await till.work()
        if (await till.find(intent)).state is State.FAILED:
            break
        till.clock.advance(60)
        await till.sweeper.sweep()
    intent = await till.find(intent)
    assert (intent.state, intent.owed_amount, intent.captured_amount) == (State.FAILED, 1190, 0)
    assert till.balances()["driver_receivable"] == 1190
    assert till.happened("capture") == []
    assert till.adyen is not None
    assert sum(b'"eventCode":"CAPTURE"' in body.replace(b": ", b":") for body in till.adyen.events()) == MAX_REFUSALS


async def test_a_capture_that_is_taken_back_becomes_a_debt_and_no_revenue_is_counted_twice(
    till: Till, door: Door
) -> None:
    intent = await paid(till, door, "capture_lost", payer="driver:7")
    till.plug_in(intent, wh=20_000)
    await till.work()
    assert till.adyen is not None
    *before, lost = till.adyen.events()
    for body in before:
        await door.post(body)
    await till.work()
    assert (await till.find(intent)).state is State.CAPTURED
    for _ in range(2):
        await door.post(lost)
        await till.work()
    intent = await till.find(intent)
    assert (intent.state, intent.owed_amount, intent.captured_amount) == (State.FAILED, 1190, 0)
    assert till.balances() == {"driver_receivable": 1190, "revenue:energy": -1000, "vat_payable:DE:19": -190}
    with pytest.raises(Exception, match="unpaid"):
        await till.begin(payer="driver:7", evse=2)


async def test_a_hold_that_ran_out_falls_to_the_saved_card(till: Till, door: Door) -> None:
    intent = await paid(till, door, payer="driver:7", save=True)
    assert intent.saved is not None
    session_id = till.plug_in(intent, wh=10_000, over=False)
    await till.work()
    assert till.adyen is not None
    await asyncio.to_thread(till.adyen.advance, 29 * 86_400)
    till.clock.advance(29 * 86_400)
    await door.hear()
    till.go_on(session_id, wh=10_000)
    for _ in range(4):
        await till.work()
        await door.hear()
        till.clock.advance(60)
        await till.sweeper.sweep()
    now = await till.find(intent)
    # A month of parking, of which no more is taken than was held.
    assert (now.state, now.captured_amount, now.owed_amount) == (State.CAPTURED, 4000, 0)
    [taken] = till.happened("capture")
    assert (taken["amount"], taken["payment"]) == (4000, now.reference)
    assert now.reference != intent.reference
    methods = till.rows("SELECT customer FROM payment_methods WHERE tenant_id = %s", till.tenant_id)
    assert len(methods) == 1


async def test_a_provider_that_is_away_while_the_page_is_asked_for_is_asked_again(till: Till, door: Door) -> None:
    assert till.adyen is not None
    plan = {"fault": "drop_after", "match": "POST /paymentLinks", "times": 1}
    await asyncio.to_thread(till.adyen.faults, next=[plan])
    intent = await till.begin()
    assert intent.page_url is None
    till.clock.advance(10)
    await till.sweeper.sweep()
    intent = await till.find(intent)
    assert intent.page_url is not None
    assert intent.state not in FINAL
    with pytest.raises(ProviderAway):
        await asyncio.to_thread(till.adyen.faults, next=[{"fault": "drop", "match": "GET *", "times": 1}])
        psp = await till.providers.of_payment(intent.tenant_id, intent.method.value, intent.account_id)
        await psp.get(str(intent.reference))


async def run_sessions(till: Till) -> list[tuple[State, int, int]]:
    """Drivers who pay, charge and leave, some with a refund; how their payments end."""
    assert till.adyen is not None
    intents = [await till.begin(evse=number + 1) for number in range(SESSIONS)]

    async def go_on(until: Callable[[Intent], bool]) -> list[Intent]:
        for _ in range(80):
            assert till.adyen is not None
            await asyncio.to_thread(till.adyen.control, "idle")
            await till.work()
            await till.sweeper.sweep()
            now = [await till.find(each) for each in intents]
            if all(until(each) for each in now):
                return now
            # Both clocks, so that what came too late or was refused is brought again.
            till.clock.advance(20)
            await asyncio.to_thread(till.adyen.advance, 20)
        raise AssertionError([each.state for each in now])

    for each in await go_on(lambda each: each.page_url is not None):
        await asyncio.to_thread(till.adyen.pay, str(each.reference))
    for number, each in enumerate(await go_on(lambda each: each.state is State.AUTHORISED)):
        till.plug_in(each, wh=1_000 * (number + 1))
    await go_on(lambda each: each.state in FINAL)
    for each in intents[::3]:
        await till.payments.refund(till.actor, each.intent_id, 100 if each is not intents[0] else None, "as asked")
    asked = {each.intent_id for each in intents[::3]}
    ends = await go_on(lambda each: (each.refunded_amount > 0) == (each.intent_id in asked))
    return [(each.state, each.captured_amount, each.refunded_amount) for each in ends]


async def test_a_provider_that_fails_at_one_call_in_five_comes_to_the_same_end(
    till: Till, door: Door, ground: Ground, clock: FakeClock, box: Sandbox, second: AdyenBox
) -> None:
    """Calls fail before and after they acted; webhooks come thrice, in another order, and a third of them late."""
    assert till.adyen is not None
    till.adyen.send_to(door.url)
    till.adyen.control("mischief", {"seed": 7, "triple": 0.3, "shuffle": 0.5, "delay": 0.3, "delay_s": 60})
    before, after = {"error": 0.03, "rate_limit": 0.03, "drop": 0.03}, {"error_after": 0.03, "drop_after": 0.08}
    till.adyen.faults(seed=11, **before, **after)
    try:
        ends = await run_sessions(till)
    finally:
        till.adyen.faults()
        till.adyen.control("mischief", {})
    taken = Counter(row["payment"] for row in till.happened("capture"))
    assert (len(taken), set(taken.values())) == (SESSIONS, {1})
    assert sum(row["amount"] for row in till.happened("refund")) == sum(back for _, _, back in ends)
    loose = till.rows("SELECT sum(amount) AS it FROM postings WHERE tenant_id = %s GROUP BY entry_id", till.tenant_id)
    assert {row["it"] for row in loose} == {0}
    async with a_till(ground, clock, box, adyen=second) as clean, a_door(clean) as open_door:
        assert clean.adyen is not None
        clean.adyen.send_to(open_door.url)
        assert ends == await run_sessions(clean)
        assert till.balances() == clean.balances()
