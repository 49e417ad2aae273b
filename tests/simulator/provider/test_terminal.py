"""A terminal driven by the server: a reader asks, a card is held to it, a hold of two days comes of it."""

from typing import Any

import pytest
import stripe

from tests.sandbox import Sandbox

DAY_S = 86_400


@pytest.fixture
def reader(box: Sandbox) -> str:
    address: Any = {"line1": "Hauptstr. 1", "city": "Berlin", "country": "DE", "postal_code": "10115"}
    location = box.client.v1.terminal.locations.create({"display_name": "Garage", "address": address})
    made = box.client.v1.terminal.readers.create({"registration_code": "simulated-s700", "location": location.id})
    assert box.client.v1.terminal.connection_tokens.create({"location": location.id}).secret.startswith("pst_test_")
    return made.id


def asked(box: Sandbox, reader: str) -> str:
    intent = box.client.v1.payment_intents.create(
        {
            "amount": 3000,
            "currency": "eur",
            "capture_method": "manual",
            "allowed_payment_method_types": ["card_present"],
        }
    )
    shown = box.client.v1.terminal.readers.process_payment_intent(reader, {"payment_intent": intent.id})
    assert shown.action.status == "in_progress"  # type: ignore[union-attr]
    return intent.id


def test_a_card_held_to_a_reader_makes_a_hold_of_two_days_at_the_terminal_s_fee(box: Sandbox, reader: str) -> None:
    given = asked(box, reader)
    done = box.client.v1.test_helpers.terminal.readers.present_payment_method(reader)
    assert done.action.status == "succeeded"  # type: ignore[union-attr]
    intent: Any = box.client.v1.payment_intents.retrieve(given, {"expand": ["latest_charge"]})
    card = intent.latest_charge.payment_method_details.card_present
    assert (intent.status, card.last4, card.reader) == ("requires_capture", "4242", reader)
    assert card.capture_before == intent.latest_charge.created + 2 * DAY_S
    taken: Any = box.client.v1.payment_intents.capture(given, {"expand": ["latest_charge.balance_transaction"]})
    assert taken.latest_charge.balance_transaction.fee == 52
    late = asked(box, reader)
    box.control(f"readers/{reader}/present", {"card": "visa"})
    box.advance(2 * DAY_S + 1)
    assert box.client.v1.payment_intents.retrieve(late).cancellation_reason == "expired"


def test_a_declined_card_fails_the_reader_s_action_and_another_can_follow(box: Sandbox, reader: str) -> None:
    given = asked(box, reader)
    failed = box.control(f"readers/{reader}/present", {"card": "insufficient_funds"})
    assert (failed["action"]["status"], failed["action"]["failure_code"]) == ("failed", "card_declined")
    box.client.v1.terminal.readers.process_payment_intent(reader, {"payment_intent": given})
    box.control(f"readers/{reader}/present", {"card": "mastercard"})
    assert box.client.v1.payment_intents.retrieve(given).status == "requires_capture"


def test_a_reader_is_busy_with_one_offline_with_none_and_gives_up_by_itself(box: Sandbox, reader: str) -> None:
    given = asked(box, reader)
    process = box.client.v1.terminal.readers.process_payment_intent
    with pytest.raises(stripe.APIError, match="busy"):
        process(reader, {"payment_intent": given})
    box.advance(61)
    action: Any = box.client.v1.terminal.readers.retrieve(reader).action
    assert (action.status, action.failure_code) == ("failed", "customer_canceled")
    box.control(f"readers/{reader}", {"status": "offline"})
    with pytest.raises(stripe.InvalidRequestError) as caught:
        process(reader, {"payment_intent": given})
    assert caught.value.code == "terminal_reader_offline"
    box.control(f"readers/{reader}", {"status": "online", "presents_after_s": 3})
    process(reader, {"payment_intent": given})
    box.advance(4)
    assert box.client.v1.payment_intents.retrieve(given).status == "requires_capture"
