"""Adyen's wire fake by plain HTTP: what it says to which request, its page as a browser without JavaScript uses it, and
webhooks that come again."""

import asyncio
import base64
import csv
import hashlib
import hmac
import io
import json
from collections.abc import AsyncIterator, Iterator
from typing import Any
from uuid import uuid4

import httpx
import pytest
import pytest_asyncio

from tests.adyen import AdyenBox, adyen_box
from tests.receiver import Receiver, receiving
from tests.support import WAIT_S


@pytest.fixture(scope="module")
def running() -> Iterator[AdyenBox]:
    with adyen_box() as made:
        yield made


@pytest.fixture
def box(running: AdyenBox) -> AdyenBox:
    return running.another()


@pytest_asyncio.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as made:
        made.status, made.body = 200, b"[accepted]"
        yield made


def ask(
    box: AdyenBox, path: str, body: Any = None, *, key: str | None = None, method: str = "POST", who: str | None = None
) -> httpx.Response:
    headers = {"x-api-key": who or box.keys.api_key} | ({"Idempotency-Key": key} if key else {})
    return httpx.request(method, f"{box.address}/v72/{path}", json=body, headers=headers, timeout=WAIT_S)


def wish(box: AdyenBox, **more: Any) -> dict[str, Any]:
    return {
        "merchantAccount": box.keys.merchant_account, "reference": f"R{uuid4().hex}", "manualCapture": True,
        "amount": {"value": 4000, "currency": "EUR"}, "returnUrl": "https://drive.test/back?a=1&b=2", **more,
    }  # fmt: skip


def change(box: AdyenBox, payment: str, what: str, value: int | None = None, key: str | None = None) -> httpx.Response:
    amount = {} if value is None else {"amount": {"value": value, "currency": "EUR"}}
    body = {"merchantAccount": box.keys.merchant_account, **amount}
    return ask(box, f"payments/{payment}/{what}", body, key=key or uuid4().hex)


def told(box: AdyenBox) -> list[dict[str, Any]]:
    return [json.loads(raw)["notificationItems"][0]["NotificationRequestItem"] for raw in box.events()]


def test_the_same_key_is_answered_the_same_and_another_body_under_it_refused(box: AdyenBox) -> None:
    body, key = wish(box), uuid4().hex
    first, second = ask(box, "paymentLinks", body, key=key), ask(box, "paymentLinks", body, key=key)
    assert (first.status_code, first.content) == (201, second.content)
    assert second.headers["idempotency-key"] == key
    assert ask(box, "paymentLinks", {**body, "reference": "other"}, key=key).status_code == 422
    assert ask(box, "paymentLinks", body, key="k" * 65).status_code == 422
    assert ask(box, "paymentLinks", body).json()["id"] != first.json()["id"]
    payment = box.pay(first.json()["id"])["payment"]
    once, twice = change(box, payment, "captures", 100, "same"), change(box, payment, "captures", 100, "same")
    assert once.json()["pspReference"] == twice.json()["pspReference"]
    assert [row["amount"] for row in box.ledger() if row["what"] == "capture"] == [100]


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"nonsense": 1}, "unknown fields"),
        ({"amount": {"value": 0, "currency": "EUR"}}, "Invalid amount"),
        ({"amount": {"value": "40", "currency": "EUR"}}, "Invalid amount"),
        ({"amount": {"value": 40, "currency": "eur"}}, "Currency"),
        ({"reference": ""}, "reference"),
        ({"reference": "x" * 81}, "too long"),
        ({"storePaymentMethodMode": "enabled"}, "shopperReference"),
        ({"expiresAt": "2020-01-01T00:00:00+00:00"}, "expiresAt"),
        ({"expiresAt": "soon"}, "expiresAt"),
        ({"manualCapture": "yes"}, "manualCapture"),
    ],
)
def test_what_is_wrong_is_refused_in_the_providers_form(box: AdyenBox, more: dict[str, Any], said: str) -> None:
    answer = ask(box, "paymentLinks", wish(box, **more))
    assert answer.status_code == 422
    assert answer.json()["status"] == 422
    assert {"errorCode", "errorType"} <= answer.json().keys()
    assert said in answer.json()["message"]


def test_nobody_reaches_what_is_anothers(box: AdyenBox) -> None:
    other = box.another()
    link = ask(box, "paymentLinks", wish(box)).json()["id"]
    assert ask(other, f"paymentLinks/{link}", method="GET").status_code == 404
    assert ask(box, "paymentLinks", wish(box), who=other.keys.api_key).status_code == 403
    assert ask(box, "paymentLinks", wish(box), who="short").status_code == 401
    payment = box.pay(link)["payment"]
    assert change(other, payment, "captures", 100).status_code == 422
    assert ask(box, "nothing", {}).status_code == 404


def test_the_page_is_honest_runs_no_script_and_leads_back_once_it_is_paid(box: AdyenBox) -> None:
    link = ask(box, "paymentLinks", wish(box, description="Charging at <North>")).json()
    with httpx.Client(timeout=WAIT_S) as browser:
        page = browser.get(link["url"])
        assert "Sandbox provider, no real money" in page.text
        assert "40.00 EUR" in page.text
        assert "Charging at &lt;North&gt;" in page.text
        assert "<script" not in page.text
        assert "default-src 'none'" in page.headers["content-security-policy"]
        refused = browser.post(link["url"], data={"do": "pay", "card": "declined"})
        assert refused.status_code == 303
        refused = browser.get(link["url"])
        assert "Try another card" in refused.text
        asks = browser.post(link["url"], data={"do": "pay", "card": "challenge"}, follow_redirects=True)
        assert "is it you" in asks.text
        failed = browser.post(link["url"], data={"do": "fail"}, follow_redirects=True)
        assert "Try another card" in failed.text
        browser.post(link["url"], data={"do": "pay", "card": "challenge"})
        done = browser.post(link["url"], data={"do": "pass"}, follow_redirects=True)
        assert 'href="https://drive.test/back?a=1&amp;b=2"' in done.text
        assert browser.get(link["url"]).status_code == 410
    assert [(each["eventCode"], each["success"]) for each in told(box)] == [
        ("AUTHORISATION", "false"), ("AUTHORISATION", "false"), ("AUTHORISATION", "true"),
    ]  # fmt: skip
    assert ask(box, f"paymentLinks/{link['id']}", method="GET").json()["status"] == "completed"
    assert ask(box, f"paymentLinks/{link['id']}", {"status": "expired"}, method="PATCH").status_code == 422


def test_changes_are_taken_at_once_and_what_came_of_them_is_told(box: AdyenBox) -> None:
    payment = box.pay(ask(box, "paymentLinks", wish(box)).json()["id"])["payment"]
    for what, value in (
        ("amountUpdates", 5000), ("captures", 5001), ("captures", 3000), ("captures", 1), ("cancels", None),
        ("refunds", 2000), ("refunds", 1001),
    ):  # fmt: skip
        answer = change(box, payment, what, value)
        assert (answer.status_code, answer.json()["status"], answer.json()["paymentPspReference"]) == (
            201, "received", payment,
        )  # fmt: skip
    assert [(each["eventCode"], each["success"]) for each in told(box)[1:]] == [
        ("AUTHORISATION_ADJUSTMENT", "true"), ("CAPTURE", "false"), ("CAPTURE", "true"), ("CAPTURE", "false"),
        ("CANCELLATION", "false"), ("REFUND", "true"), ("REFUND", "false"),
    ]  # fmt: skip
    assert {each["originalReference"] for each in told(box)[1:]} == {payment}
    moved = [(row["what"], row["amount"]) for row in box.ledger()]
    assert moved == [("hold", 4000), ("increment", 5000), ("capture", 3000), ("refund", 2000)]


def test_pages_and_holds_run_out_by_its_clock(box: AdyenBox) -> None:
    left = ask(box, "paymentLinks", wish(box)).json()["id"]
    payment = box.pay(ask(box, "paymentLinks", wish(box)).json()["id"])["payment"]
    box.advance(29 * 86_400)
    assert ask(box, f"paymentLinks/{left}", method="GET").json()["status"] == "expired"
    change(box, payment, "captures", 100)
    assert [(each["eventCode"], each["success"]) for each in told(box)[1:]] == [
        ("EXPIRE", "true"),
        ("CAPTURE", "false"),
    ]


def test_a_kept_card_pays_for_its_shopper_alone(box: AdyenBox) -> None:
    shopper = {"shopperReference": "driver-7", "recurringProcessingModel": "UnscheduledCardOnFile"}
    link = ask(box, "paymentLinks", wish(box, storePaymentMethodMode="enabled", **shopper)).json()["id"]
    box.pay(link, "declines_later")
    token = told(box)[0]["additionalData"]["tokenization.storedPaymentMethodId"]
    body = {
        "merchantAccount": box.keys.merchant_account, "reference": "later", "amount": {"value": 1, "currency": "EUR"},
        "paymentMethod": {"type": "scheme", "storedPaymentMethodId": token}, "shopperInteraction": "ContAuth",
        **shopper,
    }  # fmt: skip
    assert ask(box, "payments", {**body, "shopperReference": "driver-8"}).status_code == 422
    answer = ask(box, "payments", body)
    assert (answer.status_code, answer.json()["resultCode"], answer.json()["refusalReason"]) == (
        200, "Refused", "Refused",
    )  # fmt: skip


async def test_webhooks_are_signed_as_adyen_says_and_come_again_until_they_are_accepted(
    box: AdyenBox, receiver: Receiver
) -> None:
    receiver.body = b"ok"
    box.send_to(receiver.url)
    box.pay(ask(box, "paymentLinks", wish(box)).json()["id"])
    await received(receiver, 3)
    # Three times at once, and then by the clock.
    assert len(receiver.got) == 3
    receiver.body = b"[accepted]"
    box.advance(121)
    await received(receiver, 4)
    box.advance(86_400)
    for _ in range(5):
        await receiver_turn()
    assert len(receiver.got) == 4
    assert len({body for _, body in receiver.got}) == 1
    item = json.loads(receiver.got[0][1])["notificationItems"][0]["NotificationRequestItem"]
    signed = ":".join(
        (item["pspReference"], "", item["merchantAccountCode"], item["merchantReference"], "4000", "EUR",
         "AUTHORISATION", "true")
    )  # fmt: skip
    digest = hmac.new(bytes.fromhex(box.keys.hook_key), signed.encode(), hashlib.sha256).digest()
    assert item["additionalData"]["hmacSignature"] == base64.b64encode(digest).decode()


async def received(receiver: Receiver, many: int) -> None:
    """Until so many have come."""
    async with asyncio.timeout(WAIT_S):
        while len(receiver.got) < many:
            await receiver_turn()


async def receiver_turn() -> None:
    """Lets what is under way arrive."""
    await asyncio.sleep(0.02)


def test_a_batch_is_settled_to_nothing_and_its_report_is_its_users_alone(box: AdyenBox) -> None:
    link = ask(box, "paymentLinks", wish(box)).json()["id"]
    payment = box.pay(link)["payment"]
    change(box, payment, "captures", 3000)
    assert box.settle() == "settlement_detail_report_batch_1.csv"
    change(box, payment, "refunds", 2990)
    box.settle()
    box.control(f"dispute/{payment}", {})
    box.control(f"dispute/{payment}/won", {})
    box.settle()
    assert box.settle() == "settlement_detail_report_batch_4.csv", "what is owed is carried on"
    sums, types = [], []
    for number in range(1, 5):
        rows = list(csv.DictReader(io.StringIO(box.report(f"settlement_detail_report_batch_{number}.csv"))))
        cents = [int((row[f"Net {side} (NC)"] or "0").replace(".", "")) for row in rows for side in ("Credit", "Debit")]
        sums.append(sum(cents[::2]) - sum(cents[1::2]))
        types.append([row["Type"] for row in rows])
    assert sums == [0, 0, 0, 0]
    assert types == [
        ["Settled", "Fee", "MerchantPayout"], ["Refunded", "Balancetransfer"],
        ["Balancetransfer", "Chargeback", "ChargebackReversed", "Balancetransfer"],
        ["Balancetransfer", "Balancetransfer"],
    ]  # fmt: skip
    told_of = [each for each in told(box) if each["eventCode"] == "REPORT_AVAILABLE"]
    assert told_of[0]["pspReference"] == "settlement_detail_report_batch_1.csv"
    assert told_of[0]["reason"].startswith(f"{box.address}/reports/download/MerchantAccount/")
    for key in (box.keys.api_key, "", box.another().keys.report_key):
        assert httpx.get(told_of[0]["reason"], headers={"x-api-key": str(key)}).status_code == 401
    assert httpx.get(f"{told_of[0]['reason']}x", headers={"x-api-key": str(box.keys.report_key)}).status_code == 404


def test_a_batch_closes_by_itself_at_midnight(running: AdyenBox) -> None:
    box = running.another()
    payment = box.pay(ask(box, "paymentLinks", wish(box)).json()["id"])["payment"]
    change(box, payment, "captures", 3000)
    box.advance(86_400)
    assert [each["eventCode"] for each in told(box)][-1] == "REPORT_AVAILABLE"
