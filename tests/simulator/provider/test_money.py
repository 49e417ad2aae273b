"""What the provider owes: balances, payouts, connected accounts, transfers, disputes. Every movement adds up."""

from typing import Any

import pytest
import stripe

from tests.sandbox import Sandbox
from tests.simulator.provider.said import connected, held, taken

DAY_S = 86_400


def balance(box: Sandbox, account: str | None = None) -> tuple[int, int]:
    """Available and pending in euro cents, as told; it must be the sum of all movements."""
    options: Any = {"stripe_account": account} if account else {}
    told = box.client.v1.balance.retrieve({}, options)
    sums = tuple(
        sum(part.amount for part in place if part.currency == "eur") for place in (told.available, told.pending)
    )
    moved = box.client.v1.balance_transactions.list({"limit": 100}, options).data
    assert sum(movement.net for movement in moved) == sum(sums)
    assert sum(movement.net for movement in moved if movement.status == "available") == sums[0]
    return sums  # type: ignore[return-value]


def settle(box: Sandbox) -> None:
    box.advance(3 * DAY_S)


def test_what_is_taken_can_be_paid_out_after_the_days_it_takes_to_settle(box: Sandbox) -> None:
    taken(box)
    assert balance(box) == (0, 4900)
    with pytest.raises(stripe.InvalidRequestError) as caught:
        box.client.v1.payouts.create({"amount": 4900, "currency": "eur"})
    assert caught.value.code == "balance_insufficient"
    settle(box)
    assert balance(box) == (4900, 0)
    payout = box.client.v1.payouts.create({"amount": 4900, "currency": "eur"})
    assert (payout.status, balance(box)) == ("pending", (0, 0))
    settle(box)
    assert box.client.v1.payouts.retrieve(payout.id).status == "paid"
    box.control("settings", {"settle_days": 5})
    moved = taken(box).latest_charge.balance_transaction
    assert moved.available_on == (moved.created // DAY_S + 5) * DAY_S


def test_a_card_that_settles_at_once_is_available_at_once(box: Sandbox) -> None:
    taken(box, card="at_once")
    assert balance(box) == (4900, 0)


def test_hosts_are_paid_by_transfers_that_can_be_taken_back_in_part(box: Sandbox) -> None:
    host = connected(box)
    charge = taken(box).latest_charge
    with pytest.raises(stripe.InvalidRequestError) as caught:
        box.client.v1.transfers.create({"amount": 1000, "currency": "eur", "destination": host})
    assert caught.value.code == "balance_insufficient"
    transfer = box.client.v1.transfers.create(
        {"amount": 4000, "currency": "eur", "destination": host, "source_transaction": charge.id}
    )
    assert (balance(box), balance(box, host)) == ((0, 900), (0, 4000))
    with pytest.raises(stripe.InvalidRequestError, match="must not exceed"):
        box.client.v1.transfers.create(
            {"amount": 1001, "currency": "eur", "destination": host, "source_transaction": charge.id}
        )
    back = box.client.v1.transfers.reversals.create(transfer.id, {"amount": 1500})
    assert back.amount == 1500
    with pytest.raises(stripe.InvalidRequestError):
        box.client.v1.transfers.reversals.create(transfer.id, {"amount": 2501})
    now = box.client.v1.transfers.retrieve(transfer.id)
    assert (now.amount_reversed, now.reversed, now.reversals.data[0].id) == (1500, False, back.id)
    settle(box)
    assert (balance(box), balance(box, host)) == ((2400, 0), (2500, 0))


def test_a_transfer_needs_an_account_that_may_receive(box: Sandbox) -> None:
    taken(box, card="at_once")
    waiting = box.client.v1.accounts.create({"type": "express", "capabilities": {"transfers": {"requested": True}}})
    with pytest.raises(stripe.InvalidRequestError) as caught:
        box.client.v1.transfers.create({"amount": 1, "currency": "eur", "destination": waiting.id})
    assert caught.value.code == "insufficient_capabilities_for_transfer"
    strange = connected(box.another())
    with pytest.raises(stripe.InvalidRequestError, match="No such destination"):
        box.client.v1.transfers.create({"amount": 1, "currency": "eur", "destination": strange})
    with pytest.raises(stripe.PermissionError):
        box.client.v1.balance.retrieve({}, {"stripe_account": strange})


@pytest.mark.parametrize(
    ("iban", "code"),
    [
        ("DE89370400440532013000", None), ("DE62370400440532013001", "no_account"),
        ("DE35370400440532013002", "account_closed"),
    ],
)  # fmt: skip
def test_a_bank_account_takes_a_payout_or_sends_it_back(box: Sandbox, iban: str, code: str | None) -> None:
    host = connected(box, iban)
    taken(box, card="at_once")
    box.client.v1.transfers.create({"amount": 4000, "currency": "eur", "destination": host})
    as_host: Any = {"stripe_account": host}
    payout = box.client.v1.payouts.create({"amount": 4000, "currency": "eur"}, as_host)
    assert balance(box, host) == (0, 0)
    settle(box)
    now = box.client.v1.payouts.retrieve(payout.id, {}, as_host)
    assert (now.status, now.failure_code) == (("failed", code) if code else ("paid", None))
    assert balance(box, host) == ((4000, 0) if code else (0, 0))
    whats = [row["what"] for row in box.ledger(host)]
    assert whats == ["received", "payout", "payout_failed" if code else "payout_paid"]


def test_an_account_is_paid_out_by_itself_every_day_and_its_movements_name_the_payout(box: Sandbox) -> None:
    host = connected(box, interval="daily")
    taken(box, card="at_once")
    box.client.v1.transfers.create({"amount": 4000, "currency": "eur", "destination": host})
    box.advance(DAY_S)
    as_host: Any = {"stripe_account": host}
    (payout,) = box.client.v1.payouts.list({}, as_host).data
    assert (payout.amount, payout.automatic, balance(box, host)) == (4000, True, (0, 0))
    (moved,) = box.client.v1.balance_transactions.list({"payout": payout.id}, as_host).data
    assert (moved.type, moved.source) == ("payout", payout.id)


def test_the_next_payout_fails_when_told_to_and_one_that_was_paid_can_come_back(box: Sandbox) -> None:
    taken(box, card="at_once")
    box.control(f"accounts/{box.account}", {"next_payout_fails": "could_not_process"})
    first = box.client.v1.payouts.create({"amount": 1000, "currency": "eur"})
    settle(box)
    assert box.client.v1.payouts.retrieve(first.id).failure_code == "could_not_process"
    second = box.client.v1.payouts.create({"amount": 1000, "currency": "eur"})
    settle(box)
    assert box.client.v1.payouts.retrieve(second.id).status == "paid"
    box.control(f"payouts/{second.id}/fail", {"code": "account_closed"})
    assert box.client.v1.payouts.retrieve(second.id).status == "failed"
    assert balance(box) == (4900, 0)


@pytest.mark.parametrize(("evidence", "status", "left"), [("winning_evidence", "won", 2900), (None, "lost", -2100)])
def test_a_dispute_takes_the_money_and_its_fee_until_it_is_decided(
    box: Sandbox, evidence: str | None, status: str, left: int
) -> None:
    intent = taken(box, card="disputed")
    (dispute,) = box.client.v1.disputes.list({"payment_intent": intent.id}).data
    assert (dispute.status, dispute.reason, dispute.amount) == ("needs_response", "fraudulent", 5000)
    assert dispute.balance_transactions[0].net == -7000
    with pytest.raises(stripe.InvalidRequestError) as caught:
        box.client.v1.refunds.create({"payment_intent": intent.id})
    assert caught.value.code == "charge_disputed"
    if evidence:
        sent = box.client.v1.disputes.update(dispute.id, {"evidence": {"uncategorized_text": evidence}})
        assert (sent.status, sent.evidence_details.submission_count) == ("under_review", 1)
        box.advance(1)
    else:
        box.advance(8 * DAY_S)
    assert box.client.v1.disputes.retrieve(dispute.id).status == status
    assert sum(balance(box)) == left


def test_a_dispute_is_opened_and_decided_through_the_door_or_given_in(box: Sandbox) -> None:
    for end in ("won", "lost", "given in"):
        charge = taken(box).latest_charge.id
        dispute = box.control(f"charges/{charge}/dispute", {"reason": "product_not_received"})
        if end == "given in":
            assert box.client.v1.disputes.close(dispute["id"]).status == "lost"
        else:
            assert box.control(f"disputes/{dispute['id']}", {"status": end})["status"] == end
        with pytest.raises(stripe.InvalidRequestError, match="already closed"):
            box.client.v1.disputes.close(dispute["id"])


def test_a_refund_takes_back_the_host_s_share(box: Sandbox) -> None:
    host = connected(box)
    data: Any = {"capture_method": "manual", "transfer_data": {"destination": host, "amount": 4000}}
    intent = held(box, payment_intent_data=data)
    box.client.v1.payment_intents.capture(intent.id, {"amount_to_capture": 5000})
    assert sum(balance(box, host)) == 4000
    box.client.v1.refunds.create({"payment_intent": intent.id, "amount": 2500, "reverse_transfer": True})
    assert sum(balance(box, host)) == 2000
