"""What a hold at Adyen is by what was told of it: the same whatever was heard first, twice, or beside it."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecourt.payments.providers.adyen_shapes import (
    Amount,
    Item,
    card_of,
    hold_of,
    read_reference,
    reference_of,
    told_by,
)
from forecourt.payments.psp.words import Card, DisputeState, HoldAsked, HoldState, Told
from forecourt.platform.money import Money

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
PAYMENT = "PLCDFGHJKLMNPQRS"


def told(kind: str, reference: str, amount: int = 0, **more: Any) -> Told:
    about = PAYMENT if kind != "AUTHORISATION" else reference
    return Told(kind=kind, reference=reference, about=about, at=NOON, amount=amount, currency="EUR", **more)


HELD = told("AUTHORISATION", PAYMENT, 4000, card=Card(brand="visa", last4="1111"))
STORY = (
    HELD,
    told("received", "ADJUST", key="k1"),
    told("AUTHORISATION_ADJUSTMENT", "ADJUST", 6000),
    told("AUTHORISATION_ADJUSTMENT", "ADJUST2", 8000, good=False),
    told("received", "CAPTURE1", key="k2"),
    told("CAPTURE", "CAPTURE1", 9000, good=False, reason="Insufficient balance on payment"),
    told("CAPTURE", "CAPTURE2", 5000),
    told("received", "REFUND1", key="k3", call="ours"),
    told("REFUND", "REFUND1", 700),
    told("REFUND", "REFUND2", 9000, good=False),
    told("CHARGEBACK", "DISPUTE1", 5000),
)


@given(st.permutations(STORY), st.lists(st.sampled_from(STORY), max_size=3))
def test_a_hold_is_the_same_in_whatever_order_its_story_is_heard(story: list[Told], again: list[Told]) -> None:
    # What is heard again is kept once, by what it says.
    heard = {each.event: each for each in [*story, *again]}
    hold = hold_of(PAYMENT, list(heard.values()))
    assert hold == hold_of(PAYMENT, STORY)
    assert hold is not None
    assert (hold.state, hold.authorised, hold.captured, hold.refunded) == (HoldState.CAPTURED, 6000, 5000, 700)
    assert hold.disputed
    [dispute] = hold.disputes
    assert (dispute.reference, dispute.amount, dispute.status) == ("DISPUTE1", 5000, DisputeState.NEEDS_RESPONSE)
    assert [each.amount for each in dispute.movements] == [-5000]
    assert [(each.ours, each.status) for each in hold.refunds] == [("ours", "succeeded"), (None, "failed")]
    assert hold.capture_before == NOON + timedelta(days=7)


@pytest.mark.parametrize("good", [True, False])
def test_what_is_taken_at_once_is_taken_unless_it_was_given_back_before(good: bool) -> None:
    made = told("AUTHORISATION", PAYMENT, 4000, at_once=True)
    hold = hold_of(PAYMENT, [made, told("TECHNICAL_CANCEL", "BACK", 4000, good=good)])
    assert hold is not None
    assert (hold.state, hold.captured) == ((HoldState.CANCELLED, 0) if good else (HoldState.CAPTURED, 4000))


@given(st.sets(st.sampled_from(STORY)))
def test_whatever_is_missing_no_more_is_captured_than_was_told(some: set[Told]) -> None:
    hold = hold_of(PAYMENT, list(some))
    if HELD not in some:
        assert hold is None
    else:
        assert hold is not None
        assert hold.captured == (5000 if any(each.reference == "CAPTURE2" for each in some) else 0)
        assert hold.authorised in (4000, 6000)


@pytest.mark.parametrize(
    ("more", "state", "captured"),
    [
        ([], HoldState.AUTHORISED, 0),
        ([told("received", "C", key="k")], HoldState.AUTHORISED, 0),
        ([told("CANCELLATION", "C", 4000, good=False)], HoldState.AUTHORISED, 0),
        ([told("CANCELLATION", "C", 4000)], HoldState.CANCELLED, 0),
        ([told("TECHNICAL_CANCEL", "C", 4000)], HoldState.CANCELLED, 0),
        ([told("EXPIRE", "E", 4000)], HoldState.EXPIRED, 0),
        ([told("CAPTURE", "C", 1190)], HoldState.CAPTURED, 1190),
        ([told("CAPTURE", "C", 1190), told("CAPTURE_FAILED", "C", 1190, reason="closed")], HoldState.FAILED, 0),
        ([told("CAPTURE", "C", 1190), told("REFUND", "R", 190), told("REFUND_FAILED", "R", 190)], HoldState.CAPTURED,
         1190),
        ([told("CHARGEBACK", "D", 1190), told("CHARGEBACK_REVERSED", "D2", 1190)], HoldState.AUTHORISED, 0),
    ],
)  # fmt: skip
def test_a_hold_stands_where_its_last_word_puts_it(more: list[Told], state: HoldState, captured: int) -> None:
    hold = hold_of(PAYMENT, [HELD, *more])
    assert hold is not None
    assert (hold.state, hold.captured, hold.disputed, hold.refunded) == (state, captured, False, 0)
    assert hold.authorised == (4000 if state in (HoldState.AUTHORISED, HoldState.CAPTURED) else 0)


def test_our_reference_brings_back_payment_call_and_whether_money_was_taken() -> None:
    asked = HoldAsked(
        intent=uuid4().hex, call=uuid4().hex, amount=Money(amount=1, currency="EUR"), description="Charging"
    )
    intent, call, at_once = read_reference(reference_of(asked))
    assert (str(intent).replace("-", ""), call, at_once) == (asked.intent, asked.call, False)
    for wrong in (None, "", "of somebody else", f"{asked.intent}x{asked.call}", f"{asked.intent}h{asked.call}0",
                  f"{'z' * 32}h{asked.call}"):  # fmt: skip
        assert read_reference(wrong) == (None, None, False)


def test_what_is_not_signed_brings_no_more_than_four_digits_and_nothing_that_a_database_refuses() -> None:
    item = Item(
        event_code="AUTHORISATION", success="false", psp_reference=PAYMENT, merchant_account_code="Shop",
        event_date=NOON, amount=Amount(value=4000, currency="EUR"), reason="no\0", payment_method="mc_applepay",
        additional_data={"cardSummary": "4111111111111111", "recurring.recurringDetailReference": "x"},
    )  # fmt: skip
    said = told_by(item)
    assert (said.reason, said.card, said.saved) == ("no", Card(brand="mastercard", last4="", kind="apple_pay"), None)
    assert card_of(None, {}) is None


def test_a_chargeback_that_is_reversed_is_won_and_a_second_one_lost() -> None:
    story = [
        HELD,
        told("CAPTURE", "CAPTURE", 1190),
        told("CHARGEBACK", "D1", 1190, reason="Fraud"),
        told("CHARGEBACK_REVERSED", "D2", 1190),
    ]
    won = hold_of(PAYMENT, story)
    assert won is not None
    assert [(each.reference, each.status, each.reason) for each in won.disputes] == [("D1", DisputeState.WON, "Fraud")]
    assert [each.amount for each in won.disputes[0].movements] == [-1190, 1190]
    lost = hold_of(PAYMENT, [*story, told("SECOND_CHARGEBACK", "D3", 1190)])
    assert lost is not None
    assert [each.status for each in lost.disputes] == [DisputeState.WON, DisputeState.LOST]
    assert [each.amount for each in lost.disputes[1].movements] == [-1190]
