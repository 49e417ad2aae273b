"""Holds, increments, captures, releases and refunds, through the unmodified SDK over real HTTP."""

from typing import Any

import pytest
import stripe

from tests.sandbox import Sandbox
from tests.simulator.provider.said import ASKING, HOLD, held, session, taken

DAY_S = 86_400


def refusal(call: Any, *arguments: Any) -> stripe.StripeError:
    with pytest.raises(stripe.StripeError) as caught:
        call(*arguments)
    return caught.value


def card_of(intent: Any) -> Any:
    return intent.latest_charge.payment_method_details.card


def test_a_driver_pays_on_the_page_and_the_hold_tells_its_card_and_its_end(box: Sandbox) -> None:
    made = session(box, payment_intent_data=HOLD | {"metadata": {"session": "S1"}})
    assert (made.payment_intent, made.status, made.amount_total) == (None, "open", 5000)
    done = box.pay(made.id)
    assert (done["status"], done["payment_status"], done["url"]) == ("complete", "unpaid", None)
    intent: Any = box.client.v1.payment_intents.retrieve(done["payment_intent"], {"expand": ["latest_charge"]})
    assert (intent.status, intent.amount, intent.amount_capturable) == ("requires_capture", 5000, 5000)
    assert intent.metadata.session == "S1"
    card = card_of(intent)
    assert (card.brand, card.last4, card.capture_before) == ("visa", "4242", intent.latest_charge.created + 7 * DAY_S)
    assert intent.latest_charge.captured is False
    assert box.client.v1.balance.retrieve().pending[0].amount == 0


def test_less_than_the_hold_is_taken_once_with_its_fee_and_the_rest_let_go(box: Sandbox) -> None:
    intent = held(box)
    done = box.client.v1.payment_intents.capture(
        intent.id, {"amount_to_capture": 1234, "expand": ["latest_charge.balance_transaction"]}
    )
    charge: Any = done.latest_charge
    assert (done.status, done.amount_received, done.amount_capturable) == ("succeeded", 1234, 0)
    assert (charge.amount_captured, charge.amount_refunded, charge.refunded) == (1234, 3766, False)
    # 1.5 % is 18.51, half up 19 minor units, and 25 fixed.
    moved = charge.balance_transaction
    assert (moved.amount, moved.fee, moved.net, moved.status) == (1234, 44, 1190, "pending")
    assert refusal(box.client.v1.payment_intents.capture, intent.id).code == "payment_intent_unexpected_state"
    assert [row["what"] for row in box.ledger(box.account)] == ["hold", "capture"]


def test_a_hold_grows_by_its_new_whole_where_asked_and_never_shrinks(box: Sandbox) -> None:
    grow = box.client.v1.payment_intents.increment_authorization
    intent = held(box)
    assert card_of(intent).incremental_authorization.status == "available"
    grown = grow(intent.id, {"amount": 8000, "expand": ["latest_charge"]})
    assert (grown.amount, grown.amount_capturable, card_of(grown).amount_authorized) == (8000, 8000, 8000)
    assert refusal(grow, intent.id, {"amount": 8000}).code == "payment_intent_invalid_parameter"
    for total in range(8001, 8010):
        grow(intent.id, {"amount": total})
    assert refusal(grow, intent.id, {"amount": 9000}).code == "payment_intent_unexpected_state"
    unasked = held(box, payment_method_options={})
    assert card_of(unasked).incremental_authorization.status == "unavailable"
    assert refusal(grow, unasked.id, {"amount": 8000}).code == "payment_intent_unexpected_state"


def test_an_increment_that_the_bank_refuses_leaves_the_hold_as_it_was(box: Sandbox) -> None:
    intent = held(box)
    box.control("settings", {"increments_declined": True})
    error = refusal(box.client.v1.payment_intents.increment_authorization, intent.id, {"amount": 8000})
    assert (type(error), error.code) == (stripe.CardError, "card_declined")
    assert box.client.v1.payment_intents.retrieve(intent.id).amount_capturable == 5000


def test_a_capture_above_the_hold_is_bounded_by_brand_and_by_asking(box: Sandbox) -> None:
    capture = box.client.v1.payment_intents.capture
    visa = held(box)
    assert card_of(visa).overcapture.to_dict() == {"status": "available", "maximum_amount_capturable": 5750}
    assert refusal(capture, visa.id, {"amount_to_capture": 5751}).code == "amount_too_large"
    done = capture(visa.id, {"amount_to_capture": 5750})
    assert (done.amount_received, done.amount) == (5750, 5750)
    for other in (held(box, card="mastercard"), held(box, payment_method_options={})):
        assert card_of(other).overcapture.status == "unavailable"
        assert refusal(capture, other.id, {"amount_to_capture": 5001}).code == "amount_too_large"


def test_a_hold_that_nobody_takes_ends_after_seven_days_and_can_not_be_taken(box: Sandbox) -> None:
    intent = held(box)
    box.advance(7 * DAY_S - 60)
    assert box.client.v1.payment_intents.retrieve(intent.id).status == "requires_capture"
    box.advance(61)
    ended = box.client.v1.payment_intents.retrieve(intent.id, {"expand": ["latest_charge"]})
    assert (ended.status, ended.cancellation_reason, ended.amount_capturable) == ("canceled", "expired", 0)
    assert refusal(box.client.v1.payment_intents.capture, intent.id).code == "payment_intent_unexpected_state"
    last = box.ledger(box.account)[-1]
    assert (last["what"], last["payment_intent"], last["amount"]) == ("expire", intent.id, 5000)
    assert last["at"] == card_of(ended).capture_before


def test_a_canceled_hold_is_let_go_and_a_taken_one_can_not_be_canceled(box: Sandbox) -> None:
    cancel = box.client.v1.payment_intents.cancel
    intent = held(box)
    done = cancel(intent.id, {"cancellation_reason": "requested_by_customer", "expand": ["latest_charge"]})
    assert (done.status, done.latest_charge.refunded) == ("canceled", True)  # type: ignore[union-attr]
    assert refusal(cancel, taken(box).id).code == "payment_intent_unexpected_state"


def test_refunds_never_give_back_more_than_what_is_left(box: Sandbox) -> None:
    refund = box.client.v1.refunds.create
    intent = held(box)
    assert refusal(refund, {"payment_intent": intent.id}).code == "payment_intent_unexpected_state"
    box.client.v1.payment_intents.capture(intent.id, {"amount_to_capture": 1000})
    first = refund({"payment_intent": intent.id, "amount": 300, "expand": ["balance_transaction"]})
    assert (first.status, first.balance_transaction.amount, first.balance_transaction.fee) == ("succeeded", -300, 0)  # type: ignore[union-attr]
    assert refusal(refund, {"payment_intent": intent.id, "amount": 701}).code == "amount_too_large"
    rest = refund({"payment_intent": intent.id})
    assert rest.amount == 700
    assert refusal(refund, {"payment_intent": intent.id, "amount": 1}).code == "charge_already_refunded"
    charge = box.client.v1.charges.retrieve(str(intent.latest_charge.id))
    assert (charge.refunded, charge.amount_refunded, charge.amount_captured) == (True, 5000, 1000)
    assert [r.amount for r in box.client.v1.refunds.list({"payment_intent": intent.id}).data] == [700, 300]


def test_a_refund_that_fails_later_puts_the_money_back(box: Sandbox) -> None:
    made = box.client.v1.refunds.create({"payment_intent": taken(box, card="refund_fails").id, "amount": 2000})
    assert made.status == "succeeded"
    box.advance(DAY_S + 1)
    assert box.client.v1.refunds.retrieve(made.id).status == "failed"
    moved = box.client.v1.balance_transactions.list({"type": "refund"}).data
    assert sum(movement.amount for movement in moved) == 0
    slow = box.client.v1.refunds.create({"payment_intent": taken(box, card="refund_later").id})
    assert slow.status == "pending"
    box.advance(DAY_S + 1)
    assert box.client.v1.refunds.retrieve(slow.id).status == "succeeded"


@pytest.mark.parametrize(("currency", "amount", "fee"), [("jpy", 500, 8), ("kwd", 5000, 175), ("eur", 50, 26)])
def test_amounts_are_in_the_minor_units_that_a_currency_has(box: Sandbox, currency: str, amount: int, fee: int) -> None:
    done = taken(box, amount, currency=currency)
    assert (done.latest_charge.balance_transaction.fee, done.currency) == (fee, currency)


def test_thousandths_end_in_zero_and_each_currency_has_a_least_amount(box: Sandbox) -> None:
    create = box.client.v1.payment_intents.create
    assert refusal(create, {"amount": 5001, "currency": "kwd"}).code == "parameter_invalid_integer"
    assert refusal(create, {"amount": 49, "currency": "eur"}).code == "amount_too_small"
    assert refusal(create, {"amount": 10**8, "currency": "eur"}).code == "amount_too_large"
    assert refusal(create, {"amount": 500, "currency": "xyz"}).param == "currency"  # type: ignore[attr-defined]
    assert refusal(session, box, 30).code == "amount_too_small"


def test_a_session_ends_by_itself_or_when_told_and_then_takes_no_money(box: Sandbox) -> None:
    told, left = session(box), session(box)
    assert box.client.v1.checkout.sessions.expire(told.id).status == "expired"
    box.advance(DAY_S + 1)
    ended = box.client.v1.checkout.sessions.retrieve(left.id)
    assert (ended.status, ended.url) == ("expired", None)
    with pytest.raises(Exception, match="expired"):
        box.pay(told.id)
    assert box.client.v1.payment_intents.list().data == []


def test_automatic_capture_takes_the_money_at_once(box: Sandbox) -> None:
    done = box.pay(session(box, payment_intent_data={}, payment_method_options=ASKING)["id"])
    assert done["payment_status"] == "paid"
    assert box.client.v1.payment_intents.retrieve(done["payment_intent"]).amount_received == 5000
    later = held(box)
    box.client.v1.payment_intents.capture(later.id)
    assert box.client.v1.checkout.sessions.list({"payment_intent": later.id}).data[0].payment_status == "paid"


def test_lists_come_in_pages_the_newest_first_and_only_of_ones_own(box: Sandbox) -> None:
    made = [box.client.v1.payment_intents.create({"amount": 100 + n, "currency": "eur"}).id for n in range(5)]
    first = box.client.v1.payment_intents.list({"limit": 2})
    assert ([intent.id for intent in first.data], first.has_more) == (made[:2:-1], True)
    assert [intent.id for intent in first.auto_paging_iter()] == made[::-1]
    other = box.another()
    assert other.client.v1.payment_intents.list().data == []
    assert refusal(other.client.v1.payment_intents.retrieve, made[0]).code == "resource_missing"
