"""The door for providers' webhooks."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from forecourt.simulator.adyen.hooks import body_of
from tests.http import House, Tenant
from tests.payments.signing import SECRET, signed


def event(name: str, reference: str = "pi_unknown") -> bytes:
    about: dict[str, Any] = {"id": reference, "object": "payment_intent", "metadata": {}}
    return json.dumps(
        {"id": name, "object": "event", "type": "payment_intent.succeeded", "data": {"object": about}}
    ).encode()


async def test_webhooks_are_kept_once_as_they_came_and_forged_or_old_ones_refused(house: House, tenant: Tenant) -> None:
    house.clock.set(datetime.now(UTC))
    client, outside = await tenant.client(), house.client()
    keys = {"name": "ours", "secret_key": "sk_test_12345678", "webhook_secret": SECRET}
    made = await client.post("/api/v1/payment-accounts", json=keys)
    assert made.status_code == 201
    assert "sk_test" not in made.text
    path, now = made.json()["webhook"], int(house.clock.now().timestamp())
    body = event("evt_1")
    for _ in range(3):
        assert (await outside.post(path, content=body, headers=signed(body, now))).status_code == 200
    refused = [
        (path, body, signed(body, now - 301)),
        (path, body, signed(body, now, "whsec_another")),
        (path, body + b" ", signed(body, now)),
        (path, body, {}),
        ("/hooks/payments/deployment", body, signed(body, now)),
        ("/hooks/payments/9b2f7a52-6c1e-4b0e-9a55-3c2f0e8b7d11", body, signed(body, now)),
    ]
    for where, raw, headers in refused:
        assert (await outside.post(where, content=raw, headers=headers)).status_code == 400
    with house.admin() as admin:
        rows = admin.execute(
            "SELECT event, body FROM payment_hooks WHERE tenant_id = %s", (tenant.tenant_id,)
        ).fetchall()
        kept = admin.execute("SELECT sealed FROM payment_accounts WHERE tenant_id = %s", (tenant.tenant_id,)).fetchall()
    assert [(name, bytes(raw)) for name, raw in rows] == [("evt_1", body)]
    assert b"sk_test" not in bytes(kept[0][0])


async def test_an_account_at_adyen_is_added_answered_as_adyen_expects_and_what_it_tells_kept_once(
    house: House, tenant: Tenant
) -> None:
    house.clock.set(datetime.now(UTC))
    client, outside, key = await tenant.client(), house.client(), "ab" * 32
    keys = {"name": "adyen-main", "provider": "adyen", "secret_key": "AQEtest1234", "webhook_secret": key}
    for wrong in (
        keys,
        {**keys, "merchant_account": "Shop", "webhook_secret": "no digits of sixteen"},
        {**keys, "merchant_account": "Shop", "provider": "stripe"},
    ):
        assert (await client.post("/api/v1/payment-accounts", json=wrong)).status_code in (400, 422)
    made = await client.post("/api/v1/payment-accounts", json={**keys, "merchant_account": "Shop"})
    assert (made.status_code, made.json()["provider"]) == (201, "adyen")
    assert "AQE" not in made.text
    path = made.json()["webhook"]

    def hook(signed_by: str = key, merchant: str = "Shop", days: int = 0, live: str = "false") -> bytes:
        item = {
            "eventCode": "AUTHORISATION", "pspReference": "BCDFGHJKLMNPQRST", "success": "true", "reason": "",
            "merchantReference": "of nobody", "merchantAccountCode": merchant, "paymentMethod": "visa",
            "eventDate": (house.clock.now() - timedelta(days=days)).isoformat(),
            "amount": {"value": 4000, "currency": "EUR"}, "additionalData": {"cardSummary": "1111"},
        }  # fmt: skip
        return body_of(item, signed_by).replace(b'"live":"false"', f'"live":"{live}"'.encode())

    for _ in range(3):
        answer = await outside.post(path, content=hook())
        assert (answer.status_code, answer.text) == (200, "[accepted]")
    for forged in (
        hook("cd" * 32), hook(merchant="Other"), hook(days=32), hook(days=-1), hook(live="true"), b"{}", b"[]",
        hook().replace(b"4000", b"9000"), hook().replace(b"hmacSignature", b"signature"),
    ):  # fmt: skip
        assert (await outside.post(path, content=forged)).status_code == 400
    with house.admin() as admin:
        rows = admin.execute(
            "SELECT kind, reference, amount, good, card FROM payment_told WHERE tenant_id = %s", (tenant.tenant_id,)
        ).fetchall()
        kept = admin.execute("SELECT count(*) FROM payment_hooks WHERE tenant_id = %s", (tenant.tenant_id,)).fetchone()
        sealed = admin.execute("SELECT sealed FROM payment_accounts WHERE provider = 'adyen'").fetchall()
    card = {"brand": "visa", "last4": "1111", "kind": "card"}
    assert rows == [("AUTHORISATION", "BCDFGHJKLMNPQRST", 4000, True, card)]
    assert kept == (1,)
    assert all(b"AQE" not in bytes(row[0]) for row in sealed)
    # New keys: the merchant account stays where none is given, and what the old key signed is forged.
    house.clock.advance(1)
    change = {"secret_key": "AQEtest5678", "webhook_secret": "EF" * 32}
    assert (await client.patch(f"/api/v1/payment-accounts/{made.json()['id']}", json=change)).status_code == 200
    assert (await outside.post(path, content=hook())).status_code == 400
    assert (await outside.post(path, content=hook("ef" * 32))).status_code == 200


async def test_the_uid_of_an_rfid_card_is_a_token_though_it_could_be_a_cards_number(tenant: Tenant) -> None:
    """Fourteen digits, right by their check digit and as one scheme's begin; elsewhere they are refused."""
    client, uid = await tenant.client(), "36148900647913"
    made = await client.post("/api/v1/tokens", json={"uid": uid, "type": "ISO14443", "status": "accepted"})
    assert (made.status_code, made.json()["uid"]) == (201, uid)
    assert (await client.get(f"/api/v1/tokens/{uid}")).status_code == 200
    refused = await client.post(
        "/api/v1/tokens", json={"uid": "4242424242424242", "type": "ISO14443", "status": "accepted"}
    )
    assert (refused.status_code, refused.json()["code"]) == (422, "card-number-refused")
    assert (await client.post("/api/v1/sites", json={"name": f"Site {uid}"})).status_code == 422
