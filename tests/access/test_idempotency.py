"""Writes that are asked twice and done once."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from httpx import AsyncClient, Response

from forecourt.access import Role
from forecourt.access.idempotency import ABANDONED, KEPT
from forecourt.access.service import Access
from tests.http import House, Tenant, problem, walk

SITES = "/api/v1/sites"


async def post(client: AsyncClient, path: str, body: Any, key: str) -> Response:
    return await client.post(path, json=body, headers={"idempotency-key": key})


async def test_asked_again_the_first_answer_comes_and_nothing_is_done(tenant: Tenant) -> None:
    client = await tenant.client()
    first = await post(client, SITES, {"name": "Yard"}, "k1")
    again = await post(client, SITES, {"name": "Yard"}, "k1")
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.content == first.content
    assert again.headers["etag"] == first.headers["etag"]
    assert again.headers["content-type"] == first.headers["content-type"]
    assert (first.headers.get("idempotency-replayed"), again.headers["idempotency-replayed"]) == (None, "true")
    assert again.headers["x-request-id"] != first.headers["x-request-id"]
    assert await walk(client, SITES) == [first.json()]
    assert (await post(client, SITES, {"name": "Yard"}, "k2")).json()["slug"] == "yard-2"
    assert (await client.post(SITES, json={"name": "Yard"})).json()["slug"] == "yard-3"


async def test_another_request_under_the_same_key_is_refused(tenant: Tenant, stranger: Tenant) -> None:
    client = await tenant.client()
    made = await post(client, SITES, {"name": "Yard"}, "k")
    token = {"uid": "A", "type": "ISO14443", "status": "accepted"}
    for asker, path, body in (
        (client, SITES, {"name": "Other"}),
        (client, "/api/v1/tokens", token),
        (await tenant.client(Role.OPERATOR), SITES, {"name": "Yard"}),
    ):
        problem(await post(asker, path, body, "k"), 422, "idempotency-key-reused")
    theirs = await post(await stranger.client(), SITES, {"name": "Yard"}, "k")
    assert theirs.status_code == 201
    assert theirs.json()["id"] != made.json()["id"]
    assert len(await walk(client, SITES)) == 1


async def test_while_the_first_is_at_work_the_second_is_told_so(
    house: House, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = await tenant.client()
    inside, go_on = asyncio.Event(), asyncio.Event()
    create_key = Access.create_key

    async def slow(*arguments: Any, **named: Any) -> Any:
        inside.set()
        await go_on.wait()
        return await create_key(*arguments, **named)

    monkeypatch.setattr(Access, "create_key", slow)
    body = {"name": "App", "role": "viewer"}
    first = asyncio.create_task(post(client, "/api/v1/keys", body, "k"))
    await inside.wait()
    problem(await post(client, "/api/v1/keys", body, "k"), 409, "request-in-flight")
    house.clock.advance(ABANDONED.total_seconds() - 1)
    problem(await post(client, "/api/v1/keys", body, "k"), 409, "request-in-flight")
    go_on.set()
    made = await first
    assert (await post(client, "/api/v1/keys", body, "k")).json() == made.json()


async def test_many_at_once_do_it_once(tenant: Tenant) -> None:
    client = await tenant.client()
    answers = await asyncio.gather(*(post(client, SITES, {"name": "Yard"}, "k") for _ in range(20)))
    assert {answer.status_code for answer in answers} <= {201, 409}
    assert len({answer.content for answer in answers if answer.status_code == 201}) == 1
    assert len(await walk(client, SITES)) == 1


async def test_a_request_that_died_with_its_process_frees_its_key_after_a_while(house: House, tenant: Tenant) -> None:
    client = await tenant.client()
    await post(client, SITES, {"name": "Yard"}, "k")
    with house.admin() as connection:
        connection.execute("UPDATE idempotent_requests SET answer = NULL")
    problem(await post(client, SITES, {"name": "Yard"}, "k"), 409, "request-in-flight")
    house.clock.advance(ABANDONED.total_seconds())
    assert (await post(client, SITES, {"name": "Yard"}, "k")).json()["slug"] == "yard-2"


async def test_an_answer_is_kept_for_a_day_and_then_forgotten(house: House, tenant: Tenant) -> None:
    client = await tenant.client()
    first = await post(client, SITES, {"name": "Yard"}, "k")
    await post(client, SITES, {"name": "Other"}, "old")
    house.clock.advance((KEPT - timedelta(seconds=1)).total_seconds())
    assert (await post(client, SITES, {"name": "Yard"}, "k")).json() == first.json()
    house.clock.advance(1)
    assert (await post(client, SITES, {"name": "Yard"}, "k")).json()["slug"] == "yard-2"
    with house.admin() as connection:
        kept = connection.execute(
            "SELECT count(*) FROM idempotent_requests WHERE tenant_id = %s", (tenant.tenant_id,)
        ).fetchone()
    assert kept == (1,)


async def test_an_answer_by_which_nothing_was_done_is_not_kept(tenant: Tenant) -> None:
    client = await tenant.client()
    station = {"id": f"idem-{tenant.tenant_id}", "site": "yard"}
    problem(await post(client, "/api/v1/stations", station, "k"), 422, "site-refused")
    await client.post(SITES, json={"name": "Yard"})
    assert (await post(client, "/api/v1/stations", station, "k")).status_code == 201
    problem(await post(await tenant.client(Role.VIEWER), SITES, {"name": "x"}, "v"), 403, "forbidden")
    problem(await client.post(SITES, content=b"{", headers={"idempotency-key": "b"}), 400, "request-invalid")


async def test_the_database_holds_neither_the_key_nor_a_secret_of_the_answer(house: House, tenant: Tenant) -> None:
    client = await tenant.client()
    body = {"name": "App", "role": "viewer"}
    made = await post(client, "/api/v1/keys", body, "a-key-of-the-caller")
    assert (await post(client, "/api/v1/keys", body, "a-key-of-the-caller")).json() == made.json()
    with house.admin() as connection:
        [(answer, whole)] = connection.execute(
            "SELECT answer, r::text FROM idempotent_requests r WHERE tenant_id = %s", (tenant.tenant_id,)
        ).fetchall()
    assert made.json()["key"].encode() not in bytes(answer)
    assert b"App" not in bytes(answer)
    assert "a-key-of-the-caller" not in whole
    assert b"a-key-of-the-caller".hex() not in whole


@pytest.mark.parametrize("key", ["", "x" * 256, "tab\t", "ü".encode("latin-1")])
async def test_a_key_that_is_none_is_refused(tenant: Tenant, key: str | bytes) -> None:
    client = await tenant.client()
    raw = key if isinstance(key, bytes) else key.encode()
    answer = await client.post(SITES, json={"name": "Yard"}, headers=[(b"idempotency-key", raw)])
    problem(answer, 400, "idempotency-key-invalid")
    assert await walk(client, SITES) == []


async def test_nobody_is_told_anything_by_a_key_of_somebody_else(house: House, tenant: Tenant) -> None:
    await post(await tenant.client(), SITES, {"name": "Yard"}, "k")
    problem(await post(house.client(), SITES, {"name": "Yard"}, "k"), 401, "unauthenticated")


async def test_a_body_beyond_a_mebibyte_is_refused_as_without_a_key(tenant: Tenant) -> None:
    answer = await post(await tenant.client(), SITES, {"name": "x" * 1024 * 1024}, "k")
    problem(answer, 413, "request-entity-too-large")
