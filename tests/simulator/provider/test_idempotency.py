"""One key, one act: replayed, refused for another body, in use while it is in work, and forgotten after a day."""

import threading
from typing import Any

import pytest
import stripe

from tests.sandbox import Sandbox
from tests.simulator.provider.said import connected, held

DAY_S = 86_400


def test_the_same_key_and_body_are_answered_by_what_was_answered_before(box: Sandbox) -> None:
    intent = held(box)
    asked: Any = (intent.id, {"amount_to_capture": 700, "metadata": {"a": "1", "b": "2"}}, {"idempotency_key": "k"})
    first = box.client.v1.payment_intents.capture(*asked)
    again = box.client.v1.payment_intents.capture(*asked)
    assert again.last_response.body == first.last_response.body  # type: ignore[union-attr]
    assert "Idempotent-Replayed" not in first.last_response.headers  # type: ignore[union-attr]
    assert again.last_response.headers["Idempotent-Replayed"] == "true"  # type: ignore[union-attr]
    assert [row["what"] for row in box.ledger(box.account)] == ["hold", "capture"]


def test_the_same_key_for_something_else_is_refused_and_does_nothing(box: Sandbox) -> None:
    intent = held(box)
    key: Any = {"idempotency_key": "k"}
    box.client.v1.payment_intents.capture(intent.id, {"amount_to_capture": 700}, key)
    with pytest.raises(stripe.IdempotencyError, match="same parameters"):
        box.client.v1.payment_intents.capture(intent.id, {"amount_to_capture": 701}, key)
    with pytest.raises(stripe.IdempotencyError, match="same endpoint"):
        box.client.v1.refunds.create({"payment_intent": intent.id}, key)
    assert box.client.v1.refunds.list().data == []


def test_a_key_is_of_its_account_alone(box: Sandbox) -> None:
    key, host = "shared", connected(box)
    made = [
        client.v1.customers.create({"name": name}, {"idempotency_key": key} | options)  # type: ignore[arg-type]
        for client, name, options in (
            (box.client, "a", {}), (box.another().client, "b", {}), (box.client, "c", {"stripe_account": host}),
        )
    ]  # fmt: skip
    assert len({customer.id for customer in made}) == 3


def test_what_was_decided_is_replayed_and_what_was_not_understood_is_not(box: Sandbox) -> None:
    create = box.client.v1.payment_intents.create
    wanted: Any = {"amount": 900, "currency": "eur", "confirm": True, "payment_method": "pm_card_visa_chargeDeclined"}
    said = []
    for _ in range(2):
        with pytest.raises(stripe.CardError) as caught:
            create(wanted, {"idempotency_key": "declined"})
        said.append(caught.value.http_body)
    assert said[0] == said[1]
    assert len(box.client.v1.payment_intents.list().data) == 1
    with pytest.raises(stripe.InvalidRequestError):
        create({"amount": 0, "currency": "eur"}, {"idempotency_key": "wrong"})
    assert create({"amount": 900, "currency": "eur"}, {"idempotency_key": "wrong"}).amount == 900


def test_a_key_in_use_is_told_so_and_the_act_happens_once(box: Sandbox) -> None:
    intent = held(box)
    box.faults(latency_s=0.3)
    outcomes: list[Any] = []
    gate = threading.Barrier(4)

    def capture() -> None:
        gate.wait()
        try:
            outcomes.append(box.client.v1.payment_intents.capture(intent.id, {}, {"idempotency_key": "k"}).status)
        except stripe.APIError as error:
            outcomes.append((error.http_status, error.error.code))  # type: ignore[union-attr]

    threads = [threading.Thread(target=capture) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(map(str, outcomes)) == sorted(map(str, ["succeeded", *[(409, "idempotency_key_in_use")] * 3]))


def test_a_key_is_forgotten_after_a_day(box: Sandbox) -> None:
    def make() -> str:
        return box.client.v1.customers.create({"name": "x"}, {"idempotency_key": "k"}).id

    first = make()
    box.advance(DAY_S - 60)
    assert make() == first
    box.advance(61)
    assert make() != first
