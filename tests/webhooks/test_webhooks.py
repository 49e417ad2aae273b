"""What happens is heard by programs outside: signed, at least once, again when it fails, and never by strangers."""

import json
import socket
from datetime import timedelta
from typing import Any

import pytest

from forecourt.access import Role
from forecourt.platform.outward import NAME_UNKNOWN, NO_TLS, Outward, Unanswered
from forecourt.webhooks import sender
from forecourt.webhooks.model import MAX_ANSWER, MAX_WEBHOOKS, RETRY_AFTER, Kind
from forecourt.webhooks.store import deliveries
from tests.http import House, Tenant, check_orders, problem, walk
from tests.webhooks.conftest import CARD, Receiver, Works, a_webhook, signature


async def test_a_changed_token_is_told_as_the_api_shows_it_signed_by_the_standard(
    tenant: Tenant, works: Works, receiver: Receiver, point: Any
) -> None:
    client = await tenant.client()
    webhook_id, secret = await a_webhook(client, receiver.url)
    point(webhook_id, receiver.url)
    shown = (await client.post("/api/v1/tokens", json=CARD)).json()
    assert await works.work() == 1
    [(headers, body)] = receiver.got
    assert headers["content-type"] == "application/json"
    assert headers["webhook-signature"] == signature(secret, headers, body)
    told = json.loads(body)
    assert told["type"] == "token.changed"
    assert told["data"] == shown
    [delivery] = await walk(client, f"/api/v1/webhooks/{webhook_id}/deliveries")
    assert (delivery["state"], delivery["status"], delivery["attempts"]) == ("delivered", 204, 1)
    assert delivery["event"] == headers["webhook-id"]
    assert delivery["subject"] == "04AB"
    await client.delete(f"/api/v1/tokens/{CARD['uid']}")
    await works.work()
    assert json.loads(receiver.got[1][1])["data"] == {"uid": "04AB", "deleted": True}


async def test_what_nobody_wants_to_hear_is_not_even_written_down(tenant: Tenant, works: Works) -> None:
    client = await tenant.client()
    await client.post("/api/v1/tokens", json=CARD)
    webhook_id, _ = await a_webhook(client, "", "session.ended")
    await client.post("/api/v1/tokens", json=CARD)
    assert works.rows("SELECT count(*) FROM outbox WHERE tenant_id = %s", tenant.tenant_id) == [(0,)]
    await client.patch(f"/api/v1/webhooks/{webhook_id}", json={"events": ["token.changed"]})
    await client.post("/api/v1/tokens", json=CARD)
    assert works.rows("SELECT event FROM outbox WHERE tenant_id = %s", tenant.tenant_id) == [("token.changed",)]
    await client.patch(f"/api/v1/webhooks/{webhook_id}", json={"active": False})
    await works.work()
    await client.post("/api/v1/tokens", json=CARD)
    assert works.rows("SELECT count(*) FROM outbox WHERE tenant_id = %s", tenant.tenant_id) == [(0,)]


async def test_organisations_with_the_same_card_wait_for_nobody_and_hear_each_of_their_own(
    tenant: Tenant, stranger: Tenant, works: Works
) -> None:
    for one in (tenant, stranger):
        await a_webhook(await one.client(), "")
    for one, name in ((tenant, "Ada"), (stranger, "Grace")):
        client = await one.client()
        assert (await client.post("/api/v1/tokens", json={**CARD, "driver_name": name})).status_code in (200, 201)
        assert (await client.patch(f"/api/v1/tokens/{CARD['uid']}", json={"vehicle": "van"})).status_code == 200
    waiting = "SELECT tenant_id FROM outbox WHERE event = 'token.changed' AND tenant_id = ANY(%s) ORDER BY 1"
    both = sorted((tenant.tenant_id, stranger.tenant_id))
    assert works.rows(waiting, both) == [(each,) for each in both]
    await works.work()
    for one, name in ((tenant, "Ada"), (stranger, "Grace")):
        [(body,)] = works.rows("SELECT body FROM webhook_events WHERE tenant_id = %s", one.tenant_id)
        assert json.loads(body)["data"]["driver_name"] == name


async def test_a_job_done_twice_tells_once(tenant: Tenant, works: Works, receiver: Receiver, point: Any) -> None:
    client = await tenant.client()
    webhook_id, _ = await a_webhook(client, receiver.url)
    point(webhook_id, receiver.url)
    await client.post("/api/v1/tokens", json=CARD)
    await works.work()
    await works.webhooks.tell(Kind.TOKEN_CHANGED, tenant_id=tenant.tenant_id, subject=f"{tenant.tenant_id}:04AB")
    assert await works.work() == 0
    assert len(receiver.got) == 1


async def test_a_failed_delivery_is_tried_for_three_days_then_the_webhook_is_paused_and_its_owners_are_written_to(
    house: House, tenant: Tenant, works: Works, receiver: Receiver, point: Any
) -> None:
    client = await tenant.client()
    owner = await tenant.operator()
    await tenant.operator(Role.VIEWER)
    webhook_id, _ = await a_webhook(client, receiver.url)
    point(webhook_id, receiver.url)
    receiver.status, receiver.body = 500, b"out of order \x00\xff" + b"x" * 5_000
    await client.post("/api/v1/tokens", json=CARD)
    assert await works.work() == 1
    for wait in RETRY_AFTER:
        house.clock.advance(wait.total_seconds() - 1)
        assert await works.work() == 0, "it is tried too early"
        house.clock.advance(1)
        assert await works.work() == 1
    assert timedelta(days=3) <= sum(RETRY_AFTER, timedelta()) < timedelta(days=4)
    assert len(set(receiver.events())) == 1, "each try carries the same id"
    webhook = (await client.get(f"/api/v1/webhooks/{webhook_id}")).json()
    assert webhook["paused_at"] is not None
    assert webhook["pause_reason"] == "failing"
    letters = works.rows("SELECT recipient, body FROM letters WHERE tenant_id = %s", tenant.tenant_id)
    assert [recipient for recipient, _ in letters] == [owner]
    assert f"http://console/webhooks/{webhook_id}" in letters[0][1]
    [delivery] = await walk(client, f"/api/v1/webhooks/{webhook_id}/deliveries", state="failed")
    whole = (await client.get(f"/api/v1/webhooks/{webhook_id}/deliveries/{delivery['id']}")).json()
    assert [attempt["number"] for attempt in whole["attempts"]] == list(range(len(RETRY_AFTER) + 1, 0, -1))
    assert whole["attempts"][0]["answer"].startswith("out of order ")
    assert len(whole["attempts"][0]["answer"].encode()) <= MAX_ANSWER + 10

    # What happens meanwhile is held, and sent when a person lets the webhook go on; what failed when it is replayed.
    await client.post("/api/v1/tokens", json={**CARD, "uid": "04CD"})
    assert await works.work() == 0
    receiver.status = 200
    house.clock.advance(60)
    resumed = (await client.patch(f"/api/v1/webhooks/{webhook_id}", json={"active": True})).json()
    assert resumed["paused_at"] is None
    assert await works.work() == 1
    assert json.loads(receiver.got[-1][1])["data"]["uid"] == "04CD"
    replayed = await client.post(
        f"/api/v1/webhooks/{webhook_id}/replay",
        json={"since": "2026-03-01T00:00:00Z", "until": "2030-01-01T00:00:00Z"},
    )
    assert replayed.json() == {"deliveries": 1}
    assert await works.work() == 1
    assert receiver.events()[-1] == receiver.events()[0]


async def test_a_receiver_that_is_gone_is_not_asked_again(
    tenant: Tenant, works: Works, receiver: Receiver, point: Any
) -> None:
    client = await tenant.client()
    webhook_id, _ = await a_webhook(client, receiver.url)
    point(webhook_id, receiver.url)
    receiver.status = 410
    await client.post("/api/v1/tokens", json=CARD)
    await works.work()
    assert (await client.get(f"/api/v1/webhooks/{webhook_id}")).json()["pause_reason"] == "gone"


async def test_a_delivered_event_can_be_sent_again_alone_or_with_all_of_its_time(
    house: House, tenant: Tenant, works: Works, receiver: Receiver, point: Any
) -> None:
    client = await tenant.client()
    webhook_id, _ = await a_webhook(client, receiver.url)
    point(webhook_id, receiver.url)
    for uid in ("A1", "A2", "A3"):
        await client.post("/api/v1/tokens", json={**CARD, "uid": uid})
        await works.work()
        house.clock.advance(60)
    path = f"/api/v1/webhooks/{webhook_id}"
    [third, second, first] = await walk(client, f"{path}/deliveries")
    ids = [each["id"] for each in (third, second, first)]
    await check_orders(client, f"{path}/deliveries", "id", newest=ids, oldest=ids[::-1])
    assert (await client.post(f"{path}/deliveries/{second['id']}/replay")).json()["state"] == "waiting"
    assert await works.work() == 1
    assert receiver.events()[-1] == second["event"]
    until = (house.clock.now() - timedelta(minutes=1)).isoformat()
    body = {"since": "2026-01-01T00:00:00Z", "until": until, "everything": True}
    assert (await client.post(f"{path}/replay", json=body)).json() == {"deliveries": 2}
    problem(await client.post(f"{path}/deliveries/999999/replay"), 404, "delivery-unknown")


async def test_a_test_delivery_is_tried_once_even_while_the_webhook_is_paused(
    house: House, tenant: Tenant, works: Works, receiver: Receiver, point: Any
) -> None:
    client = await tenant.client()
    webhook_id, secret = await a_webhook(client, receiver.url)
    point(webhook_id, receiver.url)
    works.rows(
        "UPDATE webhooks SET paused_at = now(), pause_reason = 'failing' WHERE webhook_id = %s RETURNING 1", webhook_id
    )
    answer = await client.post(f"/api/v1/webhooks/{webhook_id}/test")
    assert answer.status_code == 202
    receiver.status = 500
    assert await works.work() == 1
    [(headers, body)] = receiver.got
    assert headers["webhook-signature"] == signature(secret, headers, body)
    assert json.loads(body)["type"] == "webhook.test"
    house.clock.advance(100_000)
    assert await works.work() == 0


async def test_a_rotated_secret_signs_beside_the_former_one_for_a_day(
    house: House, tenant: Tenant, works: Works, receiver: Receiver, point: Any
) -> None:
    client = await tenant.client()
    webhook_id, former = await a_webhook(client, receiver.url)
    point(webhook_id, receiver.url)
    present = (await client.post(f"/api/v1/webhooks/{webhook_id}/rotate-secret")).json()["secret"]
    assert present != former
    await client.post("/api/v1/tokens", json=CARD)
    await works.work()
    headers, body = receiver.got[-1]
    wanted = [signature(present, headers, body), signature(former, headers, body)]
    assert headers["webhook-signature"].split(" ") == wanted
    house.clock.advance(24 * 3600)
    await client.post("/api/v1/tokens", json={**CARD, "uid": "X"})
    await works.work()
    headers, body = receiver.got[-1]
    assert headers["webhook-signature"] == signature(present, headers, body)


async def test_a_slow_receiver_holds_up_nobody_and_is_given_up_at_the_deadline(
    tenant: Tenant, works: Works, receiver: Receiver, point: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sender, "DEADLINE_S", 0.2)
    client = await tenant.client()
    webhook_id, _ = await a_webhook(client, receiver.url)
    point(webhook_id, receiver.url)
    receiver.delay_s = 30
    await client.post("/api/v1/tokens", json=CARD)
    assert await works.work() == 1
    [delivery] = await walk(client, f"/api/v1/webhooks/{webhook_id}/deliveries")
    assert delivery["state"] == "waiting"
    assert delivery["error"] == "no answer within 0.2 s"


async def test_a_redirect_is_not_followed(tenant: Tenant, works: Works, receiver: Receiver, point: Any) -> None:
    client = await tenant.client()
    webhook_id, _ = await a_webhook(client, receiver.url)
    point(webhook_id, receiver.url)
    receiver.status, receiver.headers = 302, {"location": receiver.url + "/elsewhere"}
    await client.post("/api/v1/tokens", json=CARD)
    await works.work()
    assert len(receiver.got) == 1
    [delivery] = await walk(client, f"/api/v1/webhooks/{webhook_id}/deliveries")
    assert (delivery["state"], delivery["status"]) == ("waiting", 302)


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/x",
        "http://[::1]/x",
        "http://10.0.0.7/x",
        "http://169.254.169.254/latest/meta-data",
        "http://[::ffff:127.0.0.1]/x",
        "http://[64:ff9b::7f00:1]/x",
        "http://localhost:8000/x",
        "http://user:secret@example.com/x",
    ],
)
async def test_an_address_of_our_own_network_is_refused(tenant: Tenant, url: str) -> None:
    client = await tenant.client()
    problem(
        await client.post("/api/v1/webhooks", json={"url": url, "events": ["session.ended"]}), 422, "address-refused"
    )
    webhook_id, _ = await a_webhook(client, "")
    problem(await client.patch(f"/api/v1/webhooks/{webhook_id}", json={"url": url}), 422, "address-refused")


async def test_a_name_that_stands_for_a_private_address_is_not_called(receiver: Receiver) -> None:
    port = receiver.url.split(":")[2].split("/")[0]
    async with Outward(private=False) as outward:
        # Names are looked at when they are resolved: this one is 127.0.0.1 to every resolver there is.
        with pytest.raises(Unanswered, match="private address"):
            await outward.post(f"http://0x7f.1:{port}/hook", {}, b"{}", deadline_s=10, most=100)
    assert receiver.got == []
    async with Outward(private=True) as outward:
        answer = await outward.post(f"http://0x7f.1:{port}/hook", {}, b"{}", deadline_s=10, most=100)
    assert answer.status == 204


async def test_why_no_answer_came_is_said_in_words(receiver: Receiver) -> None:
    port = receiver.url.split(":")[2].split("/")[0]
    with socket.socket() as taken:
        # Bound and not listening: who calls there is refused.
        taken.bind(("127.0.0.1", 0))
        reasons = {
            f"http://127.0.0.1:{taken.getsockname()[1]}/": "the connection was refused",
            f"https://127.0.0.1:{port}/": NO_TLS,
            "http://no-such-server.invalid/": NAME_UNKNOWN,
        }
        async with Outward(private=True) as outward:
            for url, reason in reasons.items():
                with pytest.raises(Unanswered) as fault:
                    await outward.post(url, {}, b"{}", deadline_s=10, most=100)
                assert str(fault.value) == reason


async def test_webhooks_are_listed_from_either_end(tenant: Tenant) -> None:
    client = await tenant.client()
    made = [(await a_webhook(client, ""))[0] for _ in range(3)]
    await check_orders(client, "/api/v1/webhooks", "id", oldest=made, newest=made[::-1])


async def test_webhooks_are_the_owners_and_of_one_organisation(
    tenant: Tenant, stranger: Tenant, works: Works, receiver: Receiver, point: Any
) -> None:
    client = await tenant.client()
    webhook_id, _ = await a_webhook(client, receiver.url)
    point(webhook_id, receiver.url)
    problem(await (await tenant.client(Role.VIEWER)).get("/api/v1/webhooks"), 403, "forbidden")
    other = await stranger.client()
    assert await walk(other, "/api/v1/webhooks") == []
    for method, path in (
        ("GET", ""),
        ("PATCH", ""),
        ("DELETE", ""),
        ("POST", "/test"),
        ("POST", "/rotate-secret"),
        ("GET", "/deliveries"),
    ):
        answer = await other.request(
            method, f"/api/v1/webhooks/{webhook_id}{path}", json={"active": True} if method == "PATCH" else None
        )
        problem(answer, 404, "webhook-unknown")
    await other.post("/api/v1/tokens", json=CARD)
    assert await works.work() == 0
    problem(await client.get("/api/v1/webhooks/999999"), 404, "webhook-unknown")


async def test_secrets_are_neither_shown_again_nor_readable_in_the_database(tenant: Tenant, works: Works) -> None:
    client = await tenant.client()
    webhook_id, secret = await a_webhook(client, "")
    assert secret not in (await client.get(f"/api/v1/webhooks/{webhook_id}")).text
    [(kept,)] = works.rows("SELECT webhooks::text FROM webhooks WHERE webhook_id = %s", webhook_id)
    [(sealed,)] = works.rows("SELECT secret FROM webhooks WHERE webhook_id = %s", webhook_id)
    assert secret.removeprefix("whsec_") not in kept
    assert secret.removeprefix("whsec_").encode() not in bytes(sealed)


async def test_the_number_of_webhooks_and_of_what_waits_for_one_is_bounded(
    tenant: Tenant, works: Works, receiver: Receiver, point: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = await tenant.client()
    webhook_id, _ = await a_webhook(client, receiver.url)
    monkeypatch.setattr(deliveries, "MAX_WAITING", 1)
    receiver.status = 500
    point(webhook_id, receiver.url)
    for uid in ("A", "B"):
        await client.post("/api/v1/tokens", json={**CARD, "uid": uid})
        await works.work()
    assert len(await walk(client, f"/api/v1/webhooks/{webhook_id}/deliveries")) == 1
    assert (await client.get(f"/api/v1/webhooks/{webhook_id}")).json()["paused_at"] is not None
    for _ in range(MAX_WEBHOOKS - 1):
        await a_webhook(client, "")
    body = {"url": "https://example.com", "events": ["token.changed"]}
    problem(await client.post("/api/v1/webhooks", json=body), 409, "too-many-webhooks")


async def test_what_was_told_is_forgotten_after_a_month(
    house: House, tenant: Tenant, works: Works, receiver: Receiver, point: Any
) -> None:
    client = await tenant.client()
    webhook_id, _ = await a_webhook(client, receiver.url)
    point(webhook_id, receiver.url)
    await client.post("/api/v1/tokens", json=CARD)
    await works.work()
    house.clock.advance(29 * 86_400)
    await works.webhooks.tidy()
    assert len(await walk(client, f"/api/v1/webhooks/{webhook_id}/deliveries")) == 1
    house.clock.advance(2 * 86_400)
    await works.webhooks.tidy()
    assert await walk(client, f"/api/v1/webhooks/{webhook_id}/deliveries") == []


async def test_a_session_is_told_when_it_starts_once_and_while_it_runs_only_when_something_was_said(
    house: House, tenant: Tenant, works: Works, receiver: Receiver, point: Any
) -> None:
    client = await tenant.client()
    webhook_id, _ = await a_webhook(client, receiver.url, "session.started", "session.updated", "session.ended")
    point(webhook_id, receiver.url)
    await client.post("/api/v1/stations", json={"id": f"S{tenant.tenant_id}"})
    [(station_id,)] = works.rows("SELECT station_id FROM stations WHERE tenant_id = %s", tenant.tenant_id)
    now = house.clock.now()
    [(session_id,)] = works.rows(
        "INSERT INTO sessions (tenant_id, station_id, transaction_id, start_key, started_at, last_key, last_at,"
        " heard_at, power_w) VALUES (%s, %s, '1', 0, %s, 0, %s, %s, 7000) RETURNING session_id::text",
        tenant.tenant_id, station_id, now, now, now,
    )  # fmt: skip

    def say(event: str) -> None:
        works.rows(
            "INSERT INTO outbox (event, subject, tenant_id) VALUES (%s, %s, %s) RETURNING 1",
            event, session_id, tenant.tenant_id,
        )  # fmt: skip

    async def minute() -> None:
        tenants = await works.webhooks.following(Kind.SESSION_UPDATED)
        await works.sessions.tell_updates(tenants, house.clock.now() - timedelta(minutes=1))
        await works.work()

    say("session.started")
    await works.work()
    say("session.started")
    assert await works.work() == 0, "one session starts once"
    shown = (await client.get(f"/api/v1/sessions/{session_id}")).json()
    assert json.loads(receiver.got[0][1])["data"] == shown
    await minute()
    house.clock.advance(30)
    await minute()
    house.clock.advance(120)
    await minute()
    kinds = [json.loads(body)["type"] for _, body in receiver.got]
    assert kinds == ["session.started", "session.updated"], "what says nothing new is not told"
    works.rows("UPDATE sessions SET power_w = 8000, heard_at = %s WHERE session_id = %s RETURNING 1",
               house.clock.now(), session_id)  # fmt: skip
    await minute()
    assert json.loads(receiver.got[-1][1])["data"]["power_w"] == 8000
