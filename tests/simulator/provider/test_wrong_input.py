"""What can't be understood is refused in the provider's own format, and card numbers are refused wherever they come."""

import socket
from typing import Any

import httpx
import pytest

from forecourt.simulator.provider.errors import ApiError
from forecourt.simulator.provider.form import decode, holds_card_number, luhn
from tests.sandbox import Sandbox
from tests.simulator.provider.said import connected, session
from tests.support import WAIT_S

CARD = "4242424242424242"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def post(box: Sandbox, path: str, form: str = "", **headers: str) -> httpx.Response:
    sent = {"Authorization": f"Bearer {box.key}"} | FORM | {n.replace("_", "-"): v for n, v in headers.items()}
    return httpx.post(f"{box.address}{path}", content=form.encode(), headers=sent, timeout=WAIT_S)


def test_forms_are_read_as_nested_objects_and_lists() -> None:
    assert decode("a[b][0][c]=1&a[b][1][c]=2&d[]=x&d[]=y&e=%C3%A9") == {
        "a": {"b": [{"c": "1"}, {"c": "2"}]}, "d": ["x", "y"], "e": "é",
    }  # fmt: skip
    for wrong in ("a[b=1", "a=1&a[b]=2", "a=1&a=2", "[a]=1", "a[b][c][d][e][f][g]=1", "a=" + "x" * 5001, "a"):
        with pytest.raises(ApiError):
            decode(wrong)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (CARD, True), ("pay 4242-4242 4242 4242 now", True), ("378282246310005", True), ("4242424242424241", False),
        ("1700000000006", False), ("DE89370400440532013000", False), ("id4242424242424242", False),
        ("42424242-4242-4242-8abc-0123456789ab", False), ("42424242-4242-4242", True),
    ],
)  # fmt: skip
def test_a_number_that_could_be_a_card_is_seen_in_a_text(text: str, found: bool) -> None:
    assert holds_card_number(text) is found
    assert luhn("4242424242424242")


@pytest.mark.parametrize(
    ("path", "form", "headers"),
    [
        ("/v1/customers", f"description=card+{CARD}", {}),
        ("/v1/customers", "metadata[pan]=4242+4242+4242+4242", {}),
        ("/v1/customers", f"{CARD}=1", {}),
        ("/v1/customers", "name=x", {"Idempotency_Key": CARD}),
        (f"/v1/customers/{CARD}", "name=x", {}),
        ("/v1/payment_methods", f"type=card&card[number]={CARD}", {}),
        ("/v1/test_helpers/terminal/readers/tmr_x/present_payment_method", f"card_present[number]={CARD}", {}),
    ],
)
def test_a_card_number_is_refused_everywhere_but_on_the_page(
    box: Sandbox, path: str, form: str, headers: dict[str, str]
) -> None:
    answer = post(box, path, form, **headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (402, "card_number_refused")
    assert CARD not in answer.text


def test_a_card_number_is_refused_in_other_fields_of_the_page_too(box: Sandbox) -> None:
    url = str(session(box).url)
    assert httpx.post(url, data={"do": "choose", "card": CARD}).status_code == 400


@pytest.mark.parametrize(
    ("form", "code", "param"),
    [
        ("currency=eur", "parameter_missing", "amount"),
        ("amount=12.5&currency=eur", "parameter_invalid_integer", "amount"),
        ("amount=1e3&currency=eur", "parameter_invalid_integer", "amount"),
        ("amount=-5&currency=eur", "amount_too_small", "amount"),
        ("amount=500&currency=eur&colour=red", "parameter_unknown", "colour"),
        ("amount=500&currency=eur&customer=cus_none", "resource_missing", "customer"),
        ("amount[a]=500&currency=eur", None, "amount"),
        ("amount=500&currency=eur&allowed_payment_method_types[0]=ideal", None, "allowed_payment_method_types"),
        ("amount=500&currency=eur&payment_method_types[0]=card", "parameter_unknown", "payment_method_types"),
        ("amount=500&currency=eur&capture_method=later", None, "capture_method"),
        ("amount=500&currency=eur&metadata[" + "n" * 41 + "]=1", None, "metadata"),
        ("amount=500&currency=eur&expand[0]=a.b.c.d.e", None, "expand"),
        ("amount=500&currency=eur&expand[0]=nothing", None, "expand"),
    ],
)
def test_a_wrong_parameter_is_named_and_nothing_is_made(box: Sandbox, form: str, code: str | None, param: str) -> None:
    answer = post(box, "/v1/payment_intents", form)
    error = answer.json()["error"]
    assert answer.status_code in (400, 404)
    assert (error["type"], error.get("code"), error["param"]) == ("invalid_request_error", code, param)
    assert answer.headers["request-id"].startswith("req_")
    assert box.client.v1.payment_intents.list().data == []


def test_only_test_keys_are_let_in_and_only_known_addresses_answer(box: Sandbox) -> None:
    for key in ("sk_live_abcdefgh1234", "pk_test_abcdefgh1234", "sk_test_x", ""):
        answer = httpx.get(f"{box.address}/v1/balance", headers={"Authorization": f"Bearer {key}"} if key else {})
        assert (answer.status_code, "abcdefgh" in answer.text) == (401, False)
    assert httpx.get(f"{box.address}/v1/balance", auth=(box.key, "")).status_code == 200
    assert post(box, "/v1/nothing").status_code == 404
    assert post(box, "/v1/customers", "{}", Content_Type="application/json").status_code == 400
    assert post(box, "/v1/customers", "a=" + "x" * 70_000).status_code == 413
    assert post(box, "/v1/customers", "", Idempotency_Key="k" * 256).json()["error"]["type"] == "idempotency_error"


def test_an_iban_must_fit_its_check_digits_and_terminals_are_simulated(box: Sandbox) -> None:
    host = connected(box)
    form = "external_account[object]=bank_account&external_account[account_number]=DE00370400440532013000"
    answer = post(box, f"/v1/accounts/{host}/external_accounts", form)
    assert answer.json()["error"]["code"] == "account_number_invalid"
    assert post(box, "/v1/terminal/readers", "registration_code=puppies-plug-could").status_code == 400


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("clock", {"advance_s": -1}), ("clock", {"advance_s": 10**9}), ("clock", {}), ("faults", {"eror": 1}),
        ("faults", {"latency_s": 31}), ("webhooks", {"delay_s": 10**6}), ("settings", {"settle_days": 91}),
        ("settings", {"anything": 1}), ("sessions/cs_none/pay", {}), ("payouts/po_none/fail", {}),
    ],
)  # fmt: skip
def test_the_control_door_says_what_it_takes(box: Sandbox, path: str, body: dict[str, Any]) -> None:
    with pytest.raises(Exception, match="invalid_request_error"):
        box.control(path, body)


def test_the_control_door_is_shut_to_other_names_and_to_forms_of_web_pages(box: Sandbox) -> None:
    door = f"{box.address}/_sandbox/clock"
    assert httpx.post(door, data={"advance_s": "1"}).status_code == 400
    told = httpx.post(door, json={"advance_s": 0}, headers={"Host": "evil.test:80"})
    assert (told.status_code, httpx.post(door, json={"advance_s": 0}).status_code) == (403, 200)


def test_a_request_that_is_no_http_does_no_harm(box: Sandbox) -> None:
    host, port = box.address.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=WAIT_S) as raw:
        raw.sendall(b"\x00\xff not http\r\n\r\n")
        assert b"400" in raw.recv(1000)
    assert box.control("")["address"] == box.address
