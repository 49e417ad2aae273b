"""Tokens over HTTP, and the decision that gateways read."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import httpx
import pytest
import uvicorn
from psycopg.errors import InsufficientPrivilege

from forecourt.access import Role
from forecourt.drivers.model import uid_key
from tests.http import House, Tenant, check_orders, problem, walk
from tests.support import WAIT_S

TOKENS = "/api/v1/tokens"
CARD = {"uid": "04A2B1C3", "type": "ISO14443", "status": "accepted"}


async def test_a_token_is_stored_and_found_whatever_its_case(tenant: Tenant) -> None:
    client = await tenant.client()
    made = await client.post(TOKENS, json={**CARD, "group": "fleet", "expires_at": "2030-01-01T01:00:00+01:00"})
    assert made.status_code == 201
    assert made.json() == {
        **CARD,
        "group": "fleet",
        "expires_at": "2030-01-01T00:00:00Z",
        "driver_name": None,
        "driver_reference": None,
        "vehicle": None,
        "created_at": made.json()["created_at"],
        "updated_at": made.json()["updated_at"],
    }
    assert (await client.get(f"{TOKENS}/04a2b1c3")).json() == made.json()
    assert (await client.get(TOKENS)).json() == {"items": [made.json()], "next": None}


async def test_the_same_uid_again_replaces_the_token_and_says_so(tenant: Tenant) -> None:
    client = await tenant.client()
    first = (await client.post(TOKENS, json={**CARD, "group": "fleet"})).json()
    again = await client.post(TOKENS, json={**CARD, "uid": "04a2B1c3", "status": "blocked"})
    assert again.status_code == 200
    assert (again.json()["uid"], again.json()["status"], again.json()["group"]) == ("04a2B1c3", "blocked", None)
    assert again.json()["created_at"] == first["created_at"]
    assert len(await walk(client, TOKENS)) == 1


async def test_tokens_are_sorted_as_asked_and_one_that_goes_meanwhile_takes_none_with_it(tenant: Tenant) -> None:
    client = await tenant.client()
    for uid in ("b2", "A1", "DE/8AA/1", "a0", "C3"):
        await client.post(TOKENS, json={**CARD, "uid": uid})
    await check_orders(
        client,
        TOKENS,
        "uid",
        oldest=["b2", "A1", "DE/8AA/1", "a0", "C3"],
        newest=["C3", "a0", "DE/8AA/1", "A1", "b2"],
        uid=["a0", "A1", "b2", "C3", "DE/8AA/1"],
    )
    first = (await client.get(TOKENS, params={"sort": "uid", "limit": 2})).json()
    await client.delete(f"{TOKENS}/A1")
    rest = (await client.get(TOKENS, params={"sort": "uid", "cursor": first["next"]})).json()
    assert [each["uid"] for each in rest["items"]] == ["b2", "C3", "DE/8AA/1"]


async def test_a_change_leaves_alone_what_it_does_not_name(tenant: Tenant) -> None:
    client = await tenant.client()
    await client.post(TOKENS, json={**CARD, "group": "fleet", "expires_at": "2030-01-01T00:00:00Z"})
    changed = (await client.patch(f"{TOKENS}/04A2B1C3", json={"status": "no_credit", "expires_at": None})).json()
    assert (changed["status"], changed["expires_at"], changed["group"]) == ("no_credit", None, "fleet")
    assert (await client.patch(f"{TOKENS}/04A2B1C3", json={})).status_code == 200
    problem(await client.patch(f"{TOKENS}/unknown", json={"status": "blocked"}), 404, "token-unknown")


async def test_a_forgotten_token_is_unknown(tenant: Tenant) -> None:
    client = await tenant.client()
    await client.post(TOKENS, json=CARD)
    assert (await client.delete(f"{TOKENS}/04A2B1C3")).status_code == 204
    problem(await client.get(f"{TOKENS}/04A2B1C3"), 404, "token-unknown")
    problem(await client.delete(f"{TOKENS}/04A2B1C3"), 404, "token-unknown")


@pytest.mark.parametrize(
    "body",
    [
        {},
        {**CARD, "uid": ""},
        {**CARD, "uid": "x" * 256},
        {**CARD, "uid": "a\x00b"},
        {**CARD, "uid": "a\nb"},
        {**CARD, "uid": 4},
        {**CARD, "type": ""},
        {**CARD, "type": "x" * 21},
        {**CARD, "status": "Accepted"},
        {**CARD, "expires_at": "tomorrow"},
        {**CARD, "expires_at": "2030-01-01T00:00:00"},
        {**CARD, "group": ""},
        {**CARD, "tenant_id": 2},
    ],
)
async def test_a_token_that_no_station_could_send_is_refused(tenant: Tenant, body: dict[str, Any]) -> None:
    client = await tenant.client()
    problem(await client.post(TOKENS, json=body), 400, "request-invalid")
    assert await walk(client, TOKENS) == []


async def test_two_organisations_have_the_same_card_and_dont_see_each_others(tenant: Tenant, stranger: Tenant) -> None:
    mine, foreign = await tenant.client(), await stranger.client()
    assert (await mine.post(TOKENS, json=CARD)).status_code == 201
    assert (await foreign.post(TOKENS, json={**CARD, "status": "blocked"})).status_code == 201
    assert (await mine.get(f"{TOKENS}/04A2B1C3")).json()["status"] == "accepted"
    await foreign.delete(f"{TOKENS}/04A2B1C3")
    assert (await mine.get(f"{TOKENS}/04A2B1C3")).status_code == 200
    problem(await foreign.get(f"{TOKENS}/04A2B1C3"), 404, "token-unknown")


@pytest.mark.parametrize(
    ("role", "allowed"),
    [(Role.OPERATOR, True), (Role.SUPPORT, True), (Role.TECHNICIAN, False), (Role.VIEWER, False)],
)
async def test_roles_that_only_look_change_no_token(tenant: Tenant, role: Role, allowed: bool) -> None:
    client = await tenant.client(role)
    answer = await client.post(TOKENS, json=CARD)
    assert (answer.status_code == 201) is allowed
    assert (await client.get(TOKENS)).status_code == 200


async def test_a_long_list_is_walked_to_its_end_without_gap_or_double(tenant: Tenant) -> None:
    client = await tenant.client()
    for number in range(23):
        await client.post(TOKENS, json={**CARD, "uid": f"card-{number}"})
    for limit in (1, 5, 23, 200):
        items = await walk(client, TOKENS, limit=limit)
        assert [item["uid"] for item in items] == [f"card-{number}" for number in range(23)]


async def test_gateways_read_the_decision_with_the_expiry_applied(house: House, tenant: Tenant) -> None:
    client = await tenant.client()
    with house.admin() as connection:
        row = connection.execute("SELECT now()").fetchone()
        assert row is not None
        past, future = row[0] - timedelta(seconds=1), row[0] + timedelta(days=1)
        wanted: dict[str, str] = {}
        for status, expires_at, word in [
            ("accepted", None, "Accepted"),
            ("accepted", future, "Accepted"),
            ("accepted", past, "Expired"),
            ("blocked", past, "Blocked"),
            ("expired", None, "Expired"),
            ("invalid", None, "Invalid"),
            ("no_credit", None, "NoCredit"),
        ]:
            uid = f"T-{len(wanted)}-{tenant.tenant_id}"
            body = {"uid": uid, "type": "ISO14443", "status": status, "group": "fleet"}
            await client.post(TOKENS, json=body | ({"expires_at": expires_at.isoformat()} if expires_at else {}))
            wanted[uid_key(uid)] = word
        connection.execute("SET ROLE forecourt_ingest")
        rows = connection.execute(
            "SELECT uid_key, status FROM token_decisions WHERE tenant_id = %s", (tenant.tenant_id,)
        ).fetchall()
        assert dict(rows) == wanted
        with pytest.raises(InsufficientPrivilege):
            connection.execute("UPDATE tokens SET status = 'accepted'")


async def test_row_level_security_alone_keeps_tokens_apart(house: House, tenant: Tenant, stranger: Tenant) -> None:
    await (await tenant.client()).post(TOKENS, json=CARD)
    async with house.db.tenant(stranger.tenant_id) as conn:
        for table in ("tokens", "token_decisions"):
            assert await (await conn.execute(f"SELECT * FROM {table}".encode())).fetchall() == []
        assert (await conn.execute("UPDATE tokens SET status = 'blocked'")).rowcount == 0
        assert (await conn.execute("DELETE FROM tokens")).rowcount == 0


def test_uids_compare_as_the_database_compares_them() -> None:
    assert uid_key("DE*ABC-é-Ä") == "de*abc-é-Ä"


@asynccontextmanager
async def over_tcp(house: House) -> AsyncIterator[str]:
    """The application behind its real server; where it listens."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        config = uvicorn.Config(
            house._app, http="httptools", lifespan="off", log_config=None, timeout_graceful_shutdown=1
        )
        server = uvicorn.Server(config)
        serving = asyncio.create_task(server.serve([listener]))
        while not server.started:
            await asyncio.sleep(0.01)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        server.should_exit = True
        await serving


@pytest.mark.parametrize("uid", ["DE/8AA/CA2B3C4D5", "/", "a//b/", "50%2F50", "ä/ö", "messages/", "..", "a/../b"])
async def test_a_uid_with_slashes_is_addressed_by_its_encoding_over_real_http(
    house: House, tenant: Tenant, stranger: Tenant, uid: str
) -> None:
    headers = (await tenant.client()).headers
    path = f"/api/v1/tokens/{quote(uid, safe='').replace('.', '%2E')}"
    async with (
        over_tcp(house) as base,
        httpx.AsyncClient(timeout=WAIT_S, base_url=base, headers={"authorization": headers["authorization"]}) as client,
    ):
        body = {"uid": uid, "type": "eMAID", "status": "accepted"}
        made = await client.post("/api/v1/tokens", json=body)
        assert made.status_code == 201
        assert (await client.get(path)).json() == made.json()
        assert (await client.get(path.replace("%2F", "%2f"))).json() == made.json()
        assert (await client.patch(path, json={"status": "blocked"})).json()["status"] == "blocked"
        problem(await client.get(path + "x"), 404, "token-unknown")
        assert (await client.delete(path)).status_code == 204
        problem(await client.get(path), 404, "token-unknown")


async def test_an_encoded_slash_parts_no_address_and_is_no_name_of_a_station(tenant: Tenant) -> None:
    client = await tenant.client()
    await client.post("/api/v1/stations", json={"id": f"slash-{tenant.tenant_id}"})
    for path in (f"slash-{tenant.tenant_id}%2Fmessages", f"%2Fslash-{tenant.tenant_id}", "a%1Fb", "a%1F%2Fb"):
        problem(await client.get(f"/api/v1/stations/{path}"), 404, "not-found")
    problem(await client.get("/api/v1%2Fstations"), 404, "not-found")
    problem(await client.get("/api/v1/tokens/a%1Fb"), 404, "not-found")


async def test_tokens_are_listed_by_what_an_operator_looks_for(tenant: Tenant) -> None:
    client = await tenant.client()
    for body in (
        {**CARD, "uid": "A1", "group": "Fleet"},
        {**CARD, "uid": "A2", "status": "blocked", "group": "fleet"},
        {**CARD, "uid": "DE_8AA", "type": "eMAID"},
    ):
        await client.post(TOKENS, json=body)
    for filters, expected in [
        ({"status": "blocked"}, ["A2"]),
        ({"type": "eMAID"}, ["DE_8AA"]),
        ({"group": "FLEET"}, ["A1", "A2"]),
        ({"group": "FLEET", "status": "accepted"}, ["A1"]),
        ({"search": "flee"}, ["A1", "A2"]),
        ({"search": "e_8a"}, ["DE_8AA"]),
        ({"search": "_1"}, []),
    ]:
        assert [each["uid"] for each in await walk(client, TOKENS, limit=1, **filters)] == expected, filters
    for bad in ("status=Accepted", "type=a%20b", "group=", "search=%00"):
        problem(await client.get(f"{TOKENS}?{bad}"), 400, "request-invalid")


async def test_a_change_made_from_an_old_reading_of_a_token_is_refused(tenant: Tenant) -> None:
    client, path = await tenant.client(), f"{TOKENS}/{CARD['uid']}"
    first = (await client.post(TOKENS, json=CARD)).headers["etag"]
    assert (await client.get(path)).headers["etag"] == first
    second = (await client.patch(path, json={"status": "blocked"}, headers={"if-match": first})).headers["etag"]
    assert second != first
    refused = await client.patch(path, json={"status": "accepted"}, headers={"if-match": first})
    problem(refused, 412, "changed-meanwhile")
    assert (await client.get(path)).json()["status"] == "blocked"
    problem(await client.patch(path + "x", json={}, headers={"if-match": first}), 404, "token-unknown")
