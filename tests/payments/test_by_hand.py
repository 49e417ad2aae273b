"""What is done by hand about payments, at the provider or here: all of it is posted, and none of it stops a worker."""

import asyncio
from datetime import UTC
from typing import Any

import pytest

from forecourt.care.service.watch import look
from forecourt.care.words import tell
from forecourt.payments.intents.errors import NothingOwed, RefundTooHigh
from forecourt.payments.intents.model import CallKind, Intent, Method, Purpose, State
from forecourt.payments.intents.saga import NO_SESSION, Saga
from forecourt.payments.providers.stripe import Stripe
from forecourt.payments.psp.errors import ProviderRefused
from forecourt.payments.saved.store import list_methods
from forecourt.platform.money import Money
from forecourt.platform.preconditions import ChangedMeanwhile
from tests.payments.till import RETURN, Till


def capture(till: Till, intent: Intent, amount: int | None = None) -> None:
    """Somebody takes the money on the provider's own pages."""
    assert intent.reference is not None
    till.box.client.v1.payment_intents.capture(
        intent.reference, params={} if amount is None else {"amount_to_capture": amount}
    )


async def a_debtor(till: Till, payer: str = "driver:7") -> Intent:
    """Who owes 1.19 euro of a session that began after its hold was given back."""
    intent = await till.paid(payer=payer)
    await till.work()
    till.clock.advance(301)
    await till.sweeper.sweep()
    till.plug_in(intent, wh=2_000)
    await till.work()
    return await till.find(intent)


async def test_what_a_debt_was_paid_with_goes_back_as_a_refund_of_the_session_and_is_not_owed_again(till: Till) -> None:
    debt = await a_debtor(till)
    assert debt.owed_amount == 119
    paid = await till.payments.pay_debt(till.tenant_id, "driver:7", return_url=RETURN)
    assert paid.reference is not None
    await asyncio.to_thread(till.box.pay, paid.reference)
    paid = await till.payments.returned(till.tenant_id, paid.intent_id)
    assert (paid.purpose, paid.state, till.balances().get("driver_receivable")) == (Purpose.DEBT, State.CAPTURED, None)
    part = await till.payments.refund(till.actor, paid.intent_id, 19, "too slow")
    assert (part.state, part.owed_amount, part.refunded_amount) == (State.CAPTURED, 0, 19)
    assert till.balances() == {"psp_receivable:deployment": 100, "revenue:energy": -84, "vat_payable:DE:19": -16}
    whole = await till.payments.refund(till.actor, paid.intent_id, None, "all of it")
    assert (whole.state, whole.owed_amount, till.balances()) == (State.REFUNDED, 0, {})
    assert [row["amount"] for row in till.happened("refund")] == [19, 100]
    told = "SELECT kind, amount FROM payment_steps WHERE intent_id = %s AND kind LIKE 'debt_%%' ORDER BY step_id"
    assert [tuple(row.values()) for row in till.rows(told, debt.intent_id)] == [
        ("debt_paid", 119), ("debt_refunded", 19), ("debt_refunded", 100),
    ]  # fmt: skip
    with pytest.raises(NothingOwed):
        await till.payments.pay_debt(till.tenant_id, "driver:7", return_url=RETURN)
    # And another start is refused no more.
    assert (await till.begin(payer="driver:7", evse=2)).state is State.HOLD_REQUESTED


async def test_a_session_that_was_paid_later_is_refunded_as_any_other(till: Till) -> None:
    debt = await a_debtor(till)
    paid = await till.payments.pay_debt(till.tenant_id, "driver:7", return_url=RETURN)
    assert paid.reference is not None
    await asyncio.to_thread(till.box.pay, paid.reference)
    await till.payments.returned(till.tenant_id, paid.intent_id)
    with pytest.raises(RefundTooHigh) as refused:
        await till.payments.refund(till.actor, debt.intent_id, 120, "too much")
    assert refused.value.context["left"] == 119
    await till.payments.refund(till.actor, debt.intent_id, 60, "too slow", seen_left=119)
    with pytest.raises(ChangedMeanwhile):
        await till.payments.refund(till.actor, debt.intent_id, 59, "twice", seen_left=119)
    assert till.balances() == {"psp_receivable:deployment": 59, "revenue:energy": -50, "vat_payable:DE:19": -9}
    assert (await till.find(paid)).refunded_amount == 60
    await till.payments.refund(till.actor, debt.intent_id, None, "all of it")
    assert (till.balances(), (await till.find(paid)).state) == ({}, State.REFUNDED)
    with pytest.raises(RefundTooHigh):
        await till.payments.refund(till.actor, debt.intent_id, 1, "too much")


async def test_what_is_taken_by_hand_before_a_session_is_nobodys_and_starts_nothing(till: Till) -> None:
    intent = await till.paid()
    await till.work()
    await asyncio.to_thread(capture, till, intent)
    till.clock.advance(11 * 60)
    await till.sweeper.sweep()
    taken = await till.find(intent)
    assert (taken.state, taken.captured_amount, taken.session_id) == (State.CAPTURED, 4000, None)
    assert till.balances() == {"psp_receivable:deployment": 4000, "unmatched": -4000}
    [token] = till.rows("SELECT status FROM tokens WHERE uid = %s", intent.token_uid)
    assert token["status"] == "invalid"
    await till.payments.refund(till.actor, intent.intent_id, None, "nobody charged")
    assert till.balances() == {}


async def test_what_is_taken_by_hand_while_a_late_session_goes_on_pays_for_it(till: Till) -> None:
    intent = await till.paid()
    await till.work()
    await asyncio.to_thread(capture, till, intent, 2000)
    till.box.faults(seed=1, match="*", error=1.0)
    till.clock.advance(301)
    await till.sweeper.sweep()
    session_id = till.plug_in(intent, wh=1_000, over=False)
    await till.work()
    assert (await till.find(intent)).state is State.RELEASING
    till.box.faults()
    till.clock.advance(60)
    await till.sweeper.sweep()
    goes_on = await till.find(intent)
    assert (goes_on.state, goes_on.authorised_amount, till.balances()) == (State.AUTHORISED, 2000, {})
    till.go_on(session_id, wh=20_000)
    await till.work()
    taken = await till.find(intent)
    assert (taken.state, taken.captured_amount, taken.billed_amount) == (State.CAPTURED, 2000, 1190)
    assert till.balances()["unmatched"] == -810


async def test_what_is_taken_by_hand_of_a_hold_that_could_not_be_given_back_is_in_the_books(
    till: Till, monkeypatch: pytest.MonkeyPatch
) -> None:
    intent = await till.paid()
    await till.work()
    till.clock.advance(301)

    async def refuse(*_: Any) -> Any:
        raise ProviderRefused("Not now.")

    with monkeypatch.context() as shut:
        shut.setattr(Stripe, "cancel", refuse)
        await till.settle()
    assert (await till.find(intent)).state is State.RELEASED
    await asyncio.to_thread(capture, till, intent, 500)
    taken = await till.payments.saga.heed(till.tenant_id, intent.intent_id)
    assert (taken.state, taken.captured_amount) == (State.CAPTURED, 500)
    assert till.balances() == {"psp_receivable:deployment": 500, "unmatched": -500}


async def test_what_is_given_back_by_hand_is_given_back_in_the_books_once(till: Till) -> None:
    intent = await till.paid()
    await till.work()
    till.box.control("settings", {"increments_declined": True})
    try:
        async with till.payments.saga.turn(till.tenant_id, intent.intent_id) as turn:
            await turn.open_call(CallKind.INCREMENT, 5000)
        await till.payments.saga.drive(till.tenant_id, intent.intent_id)
    finally:
        till.box.control("settings", {"increments_declined": False})
    till.plug_in(intent, wh=20_000)
    await till.work()
    taken = await till.find(intent)
    refused = till.rows(
        "SELECT state, reference FROM payment_calls WHERE kind = 'increment' AND intent_id = %s", intent.intent_id
    )
    assert [(row["state"], row["reference"]) for row in refused] == [("failed", None)], "no name to know it by"

    def give_back(amount: int) -> None:
        till.box.client.v1.refunds.create({"payment_intent": taken.reference or "", "amount": amount})

    await asyncio.to_thread(give_back, 119)
    for _ in range(2):
        part = await till.payments.saga.heed(till.tenant_id, intent.intent_id)
        assert (part.state, part.refunded_amount) == (State.CAPTURED, 119)
    assert till.balances() == {"psp_receivable:deployment": 1071, "revenue:energy": -900, "vat_payable:DE:19": -171}
    # Nothing told of the rest: we hear of it as ours is refused.
    await asyncio.to_thread(give_back, 1071)
    whole = await till.payments.refund(till.actor, intent.intent_id, 100, "as asked")
    assert (whole.state, whole.refunded_amount, till.balances()) == (State.REFUNDED, 1190, {})
    steps = till.rows("SELECT kind FROM payment_steps WHERE intent_id = %s ORDER BY step_id", intent.intent_id)
    assert [row["kind"] for row in steps][-3:] == ["refund_asked", "refund_refused", "refunded"]


async def test_who_presses_twice_gives_back_once(till: Till) -> None:
    intent = await till.paid()
    await till.work()
    till.plug_in(intent, wh=20_000)
    await till.work()
    asked = [till.payments.refund(till.actor, intent.intent_id, 119, "by mistake", seen_left=1190) for _ in range(2)]
    told = await asyncio.gather(*asked, return_exceptions=True)
    assert [type(each) for each in told if isinstance(each, Exception)] == [ChangedMeanwhile]
    assert (await till.find(intent)).refunded_amount == 119
    assert [row["amount"] for row in till.happened("refund")] == [119]


async def test_what_is_taken_by_hand_above_the_bill_is_nobodys_and_goes_back_first(till: Till) -> None:
    intent = await till.paid()
    await till.work()
    session_id = till.plug_in(intent, wh=20_000, over=False)
    await till.work()
    await asyncio.to_thread(capture, till, intent, 2000)
    till.go_on(session_id, wh=20_000)
    await till.work()
    taken = await till.find(intent)
    assert (taken.state, taken.captured_amount, taken.billed_amount) == (State.CAPTURED, 2000, 1190)
    assert till.balances() == {
        "psp_receivable:deployment": 2000, "revenue:energy": -1000, "vat_payable:DE:19": -190, "unmatched": -810,
    }  # fmt: skip
    await till.payments.refund(till.actor, intent.intent_id, 700, "too much")
    assert till.balances()["unmatched"] == -110
    await till.payments.refund(till.actor, intent.intent_id, 229, "too much")
    assert till.balances() == {
        "psp_receivable:deployment": 1071, "revenue:energy": -900, "vat_payable:DE:19": -171,
    }  # fmt: skip
    await till.payments.refund(till.actor, intent.intent_id, None, "goodwill")
    assert till.balances() == {}


async def test_a_payment_at_which_something_is_wrong_stops_neither_the_worker_nor_others(
    till: Till, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken, whole = await till.begin(), await till.begin(evse=2)
    real = Saga.drive

    async def drive(self: Saga, tenant_id: int, intent_id: Any) -> Intent:
        assert intent_id != broken.intent_id, "nobody thought of this"
        return await real(self, tenant_id, intent_id)

    monkeypatch.setattr(Saga, "drive", drive)
    assert whole.reference is not None
    await asyncio.to_thread(till.box.pay, whole.reference)
    till.clock.advance(31)
    assert await till.sweeper.sweep() == 2
    assert (await till.find(whole)).state is State.AUTHORISED
    waits = (await till.find(broken)).next_at
    assert waits is not None
    assert (waits - till.clock.now()).total_seconds() == 600
    till.clock.advance(60)
    await till.sweeper.sweep()
    assert (await till.find(broken)).next_at == waits


async def test_a_payment_of_which_its_account_knows_nothing_any_more_ends_like_one_that_nobody_paid(till: Till) -> None:
    unpaid, held = await till.begin(), await till.paid(evse=2)
    gone = "cs_test_of_another_account"
    till.rows("UPDATE payment_intents SET reference = %s WHERE tenant_id = %s", gone, till.tenant_id)
    till.clock.advance(16 * 60)
    # It is given back as far as that can be, and after some refusals that is let be.
    for _ in range(12):
        await till.sweeper.sweep()
        till.clock.advance(60)
    assert (await till.find(unpaid)).state is State.ABANDONED
    over = await till.find(held)
    assert (over.state, over.reason, over.next_at) == (State.RELEASED, NO_SESSION, None)
    tokens = till.rows("SELECT status FROM tokens WHERE uid = %s", held.token_uid)
    assert all(row["status"] == "invalid" for row in tokens)


async def test_who_gives_up_while_the_provider_is_away_is_not_billed_later(till: Till) -> None:
    kept = await till.paid(payer="driver:8", save=True, evse=2)
    await till.work()
    async with till.tenants.tenant(till.tenant_id) as conn:
        [card] = await list_methods(conn, till.tenant_id, "driver:8")
    till.box.faults(seed=1, match="*", error=1.0)
    try:
        saved = await till.begin(method=Method.SAVED, payer="driver:8", method_id=card.method_id)
        page = await till.begin(evse=3)
        for each in (saved, page):
            away = await till.payments.abandon(till.tenant_id, each.intent_id)
            assert (away.state, away.reference) == (State.HOLD_REQUESTED, None)
    finally:
        till.box.faults()
    till.clock.advance(120)
    await till.sweeper.sweep()
    await till.work()
    assert [start.token.uid for start in till.stations.starts] == [kept.token_uid]
    for each in (saved, page):
        over = await till.find(each)
        assert (over.state, over.captured_amount, over.start_asked_at) == (State.ABANDONED, 0, None)
    assert len(till.happened("cancel")) == 1
    tokens = till.rows("SELECT status FROM tokens WHERE uid = ANY(%s)", [saved.token_uid, page.token_uid])
    assert all(row["status"] == "invalid" for row in tokens)


async def test_a_top_up_goes_back_as_far_as_it_is_neither_spent_nor_held(till: Till) -> None:
    top_up = await till.payments.top_up(
        till.tenant_id, "driver:7", Money(amount=5000, currency="EUR"), return_url=RETURN
    )
    assert top_up.reference is not None
    await asyncio.to_thread(till.box.pay, top_up.reference)
    await till.payments.returned(till.tenant_id, top_up.intent_id)
    spent = await till.begin(method=Method.WALLET, payer="driver:7")
    assert spent.authorised_amount == 4000
    with pytest.raises(RefundTooHigh, match="left in the wallet"):
        await till.payments.refund(till.actor, top_up.intent_id, 1001, "as asked")
    await till.work()
    till.plug_in(spent, wh=20_000)
    await till.work()
    assert till.balances()["wallet:7"] == -3810
    till.box.faults(seed=1, match="*", error=1.0)
    try:
        # On its way back, it is neither held nor given back once more.
        await till.payments.refund(till.actor, top_up.intent_id, 3000, "as asked")
        small = await till.begin(method=Method.WALLET, payer="driver:7", evse=2)
        assert small.authorised_amount == 810
        await till.payments.abandon(till.tenant_id, small.intent_id)
    finally:
        till.box.faults()
    till.clock.advance(600)
    await till.sweeper.sweep()
    back = await till.payments.refund(till.actor, top_up.intent_id, None, "all of it")
    assert back.refunded_amount == 3810
    assert "wallet:7" not in till.balances()
    with pytest.raises(RefundTooHigh, match="left in the wallet"):
        await till.payments.refund(till.actor, top_up.intent_id, None, "and more")


async def test_a_hold_that_runs_out_while_its_session_is_held_back_is_told_of_once_a_day_before(till: Till) -> None:
    intent = await till.paid()
    await till.work()
    session = till.plug_in(intent, wh=20_000)
    till.rows(
        "INSERT INTO session_signatures (session_id, tenant_id, station_id, trust, flaws, records, held, checked_at)"
        " VALUES (%s, %s, %s, 'broken', '{}', 2, true, now())",
        session, till.tenant_id, till.station_id,
    )  # fmt: skip
    await till.work()

    async def looked() -> list[tuple[str, bool]]:
        for _ in range(2):
            async with till.tenants.tenant(till.tenant_id) as conn:
                await look(conn, till.tenant_id, till.clock.now())
        rows = till.rows("SELECT kind, closed_at, session_id FROM incidents WHERE tenant_id = %s", till.tenant_id)
        return [(row["kind"], row["closed_at"] is None) for row in rows if row["session_id"] == session]

    [held] = till.rows("SELECT capture_before FROM payment_intents WHERE intent_id = %s", intent.intent_id)
    ahead = (held["capture_before"] - till.clock.now()).total_seconds() - 86_400
    till.clock.advance(ahead - 60)
    assert await looked() == []
    till.clock.advance(120)
    assert await looked() == [("hold_ends", True)]
    [incident] = till.rows("SELECT detail, evse FROM incidents WHERE session_id = %s", session)
    assert incident["detail"]["payment"] == str(intent.intent_id)
    told = tell("hold_ends", incident["detail"], "UTC")
    assert f"{held['capture_before'].astimezone(UTC):%H:%M}" in told.happened
    till.clock.advance(3_600)
    assert await looked() == [("hold_ends", True)], "once"
    till.rows("UPDATE session_signatures SET released_at = now() WHERE session_id = %s", session)
    assert await looked() == [("hold_ends", False)]
