"""The door for providers' webhooks, and what no door takes: the number of a card."""

import json
import re
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.http import House, Tenant
from tests.payments.door import SECRET, signed

NUMBER = "4242424242424242"


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


async def test_the_number_of_a_card_is_taken_by_no_route_and_kept_nowhere(
    house: House, tenant: Tenant, caplog: pytest.LogCaptureFixture
) -> None:
    client, document = await tenant.client(), await house.document()
    paths = document.content["paths"]
    for path, operations in paths.items():
        for method in operations:
            if method in ("post", "put", "patch"):
                where = re.sub(r"\{\w+\}", "1", path)
                answer = await client.request(method, where, json={"number": NUMBER, "name": f"card {NUMBER}"})
                assert answer.status_code >= 400, (method, path)
                assert NUMBER not in answer.text, (method, path)
    assert NUMBER not in caplog.text
    with house.admin() as admin:
        tables = admin.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
        for (table,) in tables:
            found = admin.execute(
                f"SELECT 1 FROM {table} t WHERE t::text LIKE '%{NUMBER}%' LIMIT 1".encode()
            ).fetchone()
            assert found is None, table
