"""The provider's own pages, used as a browser without JavaScript does; cards, 3-D Secure, saved cards, hosts."""

import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import stripe

from tests.sandbox import Refused, Sandbox
from tests.simulator.provider.said import HOLD, session, taken
from tests.support import WAIT_S


@pytest.fixture
def browser() -> Iterator[httpx.Client]:
    with httpx.Client(timeout=WAIT_S) as client:
        yield client


def typed(number: str, year: str = "2034") -> dict[str, str]:
    return {"do": "type", "number": number, "exp_month": "12", "exp_year": year, "cvc": "123"}


def test_the_page_is_honest_runs_no_script_and_leads_back_with_the_session(box: Sandbox, browser: httpx.Client) -> None:
    made = session(box)
    page = browser.get(str(made.url))
    assert "Sandbox provider, no real money" in page.text
    assert "50.00 EUR" in page.text
    assert "<script" not in page.text
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "form-action 'self' https://driver.test" in policy
    back = browser.post(str(made.url), data={"do": "abandon"})
    assert (back.status_code, back.headers["location"]) == (303, "https://driver.test/back")
    paid = browser.post(str(made.url), data={"do": "choose", "card": "visa"})
    assert (paid.status_code, paid.headers["location"]) == (303, f"https://driver.test/done?s={made.id}")
    assert browser.get(str(made.url)).status_code == 410


def test_a_typed_number_leaves_only_brand_last_digits_and_fingerprint(box: Sandbox, browser: httpx.Client) -> None:
    made = session(box)
    assert browser.post(str(made.url), data=typed("4000 0027 6000 0016")).status_code == 303
    told = box.client.v1.checkout.sessions.retrieve(
        made.id, {"expand": ["payment_intent.latest_charge", "payment_intent.payment_method"]}
    )
    card = told.payment_intent.payment_method.card  # type: ignore[union-attr]
    assert (card.brand, card.last4, card.country, len(card.fingerprint)) == ("visa", "0016", "DE", 16)  # type: ignore[union-attr, arg-type]
    everything = str(told) + str(box.client.v1.events.list({"limit": 100}).data) + str(box.ledger())
    assert "4000002760000016" not in re.sub(r"\D", "", everything.replace("4242", ""))


@pytest.mark.parametrize(
    ("form", "said"),
    [
        (typed("4242424242424241"), "number is incorrect"),
        (typed("4111111111111111"), "used a non test card"),
        (typed("4242424242424242", "2020"), "in the past"),
        (typed("4000000000000069"), "has expired"),
        (typed("4000000000009995"), "insufficient funds"),
        ({"do": "choose", "card": "declined"}, "was declined"),
    ],
)
def test_a_refused_card_is_told_on_the_page_and_another_can_be_tried(
    box: Sandbox, browser: httpx.Client, form: dict[str, str], said: str
) -> None:
    made = session(box)
    answer = browser.post(str(made.url), data=form)
    # Back in the browser must not send the form anew.
    assert (answer.status_code, answer.headers["location"]) == (303, f"/c/pay/{made.id}")
    answer = browser.get(str(made.url))
    assert said in answer.text
    assert said not in browser.get(str(made.url)).text
    if form.get("number"):
        assert form["number"] not in answer.text
    assert box.client.v1.checkout.sessions.retrieve(made.id).status == "open"
    assert browser.post(str(made.url), data=typed("5555555555554444")).status_code == 303


@pytest.mark.parametrize(("do", "status"), [("pass", "requires_capture"), ("fail", "requires_payment_method")])
def test_3d_secure_is_passed_or_failed_on_the_bank_s_page(
    box: Sandbox, browser: httpx.Client, do: str, status: str
) -> None:
    made = session(box)
    asked = browser.post(str(made.url), data=typed("4000000000003220"))
    assert asked.headers["location"].startswith("/c/challenge/pi_")
    bank = f"{box.address}{asked.headers['location']}"
    assert "3-D Secure" in browser.get(bank).text
    answer = browser.post(bank, data={"do": do})
    (intent,) = box.client.v1.payment_intents.list({"expand": ["data.latest_charge"]}).data
    assert intent.status == status
    if do == "pass":
        assert answer.headers["location"] == f"https://driver.test/done?s={made.id}"
        assert intent.latest_charge.payment_method_details.card.three_d_secure.result == "authenticated"  # type: ignore[union-attr]
    else:
        assert answer.headers["location"] == f"/c/pay/{made.id}"
        assert intent.last_payment_error.code == "payment_intent_authentication_failure"  # type: ignore[union-attr]
    assert browser.get(bank).status_code == 410


def test_a_card_saved_on_the_page_pays_later_without_its_owner(box: Sandbox) -> None:
    customer = box.client.v1.customers.create({"email": "driver@example.com"})
    setup = box.client.v1.checkout.sessions.create(
        {"mode": "setup", "customer": customer.id, "currency": "eur", "success_url": "https://driver.test/saved"}
    )
    done = box.pay(setup.id, "challenge_until_saved", challenge="pass")
    assert (done["status"], done["payment_status"]) == ("complete", "no_payment_required")
    (method,) = box.client.v1.customers.payment_methods.list(customer.id).data
    assert done["setup_intent"]
    later: Any = {
        "amount": 1500, "currency": "eur", "customer": customer.id, "payment_method": method.id, "confirm": True,
        "off_session": True, "capture_method": "manual",
    }  # fmt: skip
    assert box.client.v1.payment_intents.create(later).status == "requires_capture"
    with pytest.raises(stripe.InvalidRequestError, match="belongs to the Customer"):
        box.client.v1.payment_intents.create(later | {"customer": box.client.v1.customers.create({}).id})
    assert box.client.v1.payment_methods.detach(method.id).customer is None
    assert box.client.v1.customers.payment_methods.list(customer.id).data == []


def test_a_saved_card_may_need_its_owner_or_be_refused(box: Sandbox) -> None:
    customer = box.client.v1.customers.create({})
    later: Any = {"amount": 1500, "currency": "eur", "customer": customer.id, "confirm": True, "off_session": True}
    for ready, code in (
        ("pm_card_authenticationRequired", "authentication_required"), ("pm_card_chargeCustomerFail", "card_declined"),
    ):  # fmt: skip
        method = box.client.v1.payment_methods.attach(ready, {"customer": customer.id})
        with pytest.raises(stripe.CardError) as caught:
            box.client.v1.payment_intents.create(later | {"payment_method": method.id})
        assert caught.value.code == code
        assert caught.value.error.payment_intent.status == "requires_payment_method"  # type: ignore[union-attr]


def test_a_payment_that_saves_its_card_makes_a_customer(box: Sandbox) -> None:
    done = box.pay(session(box, payment_intent_data=HOLD | {"setup_future_usage": "off_session"})["id"])
    (method,) = box.client.v1.customers.payment_methods.list(done["customer"]).data
    assert method.card.last4 == "4242"  # type: ignore[union-attr]


def test_a_host_is_onboarded_on_the_page_and_may_then_be_paid(box: Sandbox, browser: httpx.Client) -> None:
    account = box.client.v1.accounts.create({"type": "express", "capabilities": {"transfers": {"requested": True}}})
    assert (account.payouts_enabled, account.capabilities.transfers) == (False, "inactive")  # type: ignore[union-attr]
    link = box.client.v1.account_links.create(
        {"account": account.id, "type": "account_onboarding", "return_url": "https://host.test/done",
         "refresh_url": "https://host.test/again"}
    )  # fmt: skip
    wrong = browser.post(link.url, data={"iban": "DE00370400440532013000", "holder": "Parkhaus"}, follow_redirects=True)
    assert "IBAN you provided is invalid" in wrong.text
    done = browser.post(link.url, data={"iban": "DE89 3704 0044 0532 0130 00", "holder": "Parkhaus"})
    assert done.headers["location"] == "https://host.test/done"
    now = box.client.v1.accounts.retrieve(account.id)
    assert (now.payouts_enabled, now.capabilities.transfers) == (True, "active")  # type: ignore[union-attr]
    assert now.external_accounts.data[0].last4 == "3000"  # type: ignore[union-attr]
    assert box.client.v1.accounts.capabilities.retrieve(account.id, "transfers").status == "active"
    assert browser.get(link.url).status_code == 404


def test_a_charge_can_be_read_as_a_receipt(box: Sandbox, browser: httpx.Client) -> None:
    charge = taken(box).latest_charge
    assert "50.00 EUR" in browser.get(charge.receipt_url).text


def test_a_driver_who_was_declined_through_the_door_can_pay_again(box: Sandbox) -> None:
    made = session(box)
    with pytest.raises(Refused, match="card_declined"):
        box.pay(made.id, "declined")
    assert box.pay(made.id)["status"] == "complete"
    assert [row["what"] for row in box.ledger(box.account)] == ["decline", "hold"]
