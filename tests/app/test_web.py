"""What every answer has in common, and what machines ask."""

import re
from typing import Annotated, Any
from uuid import uuid4

import jsonschema_rs
import msgspec
import pytest
import structlog
from litestar import Litestar, get, post
from msgspec import Meta

from forecourt.access import Access, Role, Verb
from forecourt.app.web import create_app
from forecourt.app.wording import ANYTHING_ELSE, in_words
from forecourt.drivers.outside.api import Trial
from forecourt.platform.bus import Bus
from forecourt.platform.database import Pool
from forecourt.platform.settings import Settings
from tests.conftest import Servers
from tests.http import BASE, PASSWORD, SECRET, House, Tenant, fake_shell, problem
from tests.support import FakeClock


async def test_the_document_is_openapi_3_1_and_open_to_everybody(house: House) -> None:
    answer = await house.client().get("/api/v1/openapi.json")
    document = answer.json()
    assert document["openapi"].startswith("3.1.")
    assert document["components"]["securitySchemes"]["apiKey"]["scheme"] == "bearer"
    operations = [
        operation
        for path in document["paths"].values()
        for method, operation in path.items()
        if method in ("get", "post", "patch", "delete")
    ]
    assert len({operation["operationId"] for operation in operations}) == len(operations)
    for operation in operations:
        assert operation["summary"]
        assert {"401", "403", "default"} <= set(operation["responses"])
        assert any(status.startswith("2") for status in operation["responses"])
    # Whoever needs no role is told so, and who is signed in as a driver needs that alone.
    said = {path: operation["get"] for path, operation in document["paths"].items() if "get" in operation}
    for path, words, security in (
        ("/api/v1/driver/places/{station}/{evse}", "Needs no role: anybody may ask.", []),
        ("/api/v1/driver/me/money", "Needs a driver who is signed in: no role of an operator.", [{"driver": []}]),
        (
            "/api/v1/driver-pages",
            "Needs the role owner or operator or technician or support or viewer or site_host.",
            None,
        ),
    ):
        assert said[path]["description"].endswith(words), said[path]["description"]
        assert said[path].get("security") == security
    for name, schema in document["components"]["schemas"].items():
        jsonschema_rs.meta.validate({**schema, "$schema": "https://json-schema.org/draft/2020-12/schema"})
        assert "." not in name
    refs = {part.split('"')[0] for part in answer.text.split('"#/components/schemas/')[1:]}
    assert refs <= set(document["components"]["schemas"])


async def test_requests_in_the_document_refuse_unknown_members(house: House) -> None:
    document = (await house.document()).content
    for path in document["paths"].values():
        for method in ("post", "patch"):
            if "requestBody" in path.get(method, {}):
                reference = path[method]["requestBody"]["content"]["application/json"]["schema"]["$ref"]
                schema = document["components"]["schemas"][reference.rpartition("/")[2]]
                assert schema["additionalProperties"] is False


async def test_a_parameter_that_was_left_out_is_named(tenant: Tenant) -> None:
    owner = await tenant.client()
    told = problem(await owner.get("/api/v1/hosts/1/statement"), 400, "request-invalid")
    said = "This address needs the query parameter"
    assert told["errors"] == [{"detail": f"{said} {name!r}", "pointer": name} for name in ("from", "to")]
    assert (
        told["detail"] == "This address needs the query parameter 'from' (from). Correct it and send the request again."
    )


@pytest.mark.parametrize("path", ["/", "/api/v1/nothing", "/api/v2", "/api/v1/stations/a/b/c", "/%00", "/sign-in/x"])
async def test_an_address_that_is_none_is_a_problem_that_says_where_to_look(house: House, path: str) -> None:
    assert "/api/v1/openapi.json" in problem(await house.client().get(path), 404, "not-found")["detail"]


@pytest.mark.parametrize(
    ("path", "name", "words"),
    [
        ("tariffs/abc", "tariff_id", "'abc' in the address is not a UUID, such as"),
        ("sessions/1/cdr", "session_id", "'1' in the address is not a UUID, such as"),
        ("plans/gold", "plan_id", "'gold' in the address is not a whole number"),
    ],
)
async def test_an_id_that_can_not_be_one_is_named(house: House, path: str, name: str, words: str) -> None:
    told = problem(await house.client().get(f"/api/v1/{path}"), 404, "not-found")
    assert told["errors"][0]["pointer"] == name
    assert words in told["detail"]


@pytest.mark.parametrize("number", ["-1", "0", str(2**63), "9" * 20])
async def test_a_number_that_nothing_is_called_is_an_address_of_nothing_on_every_route(
    application: tuple[Pool, Any], tenant: Tenant, number: str
) -> None:
    client, asked, app = await tenant.client(), 0, application[1]
    while not isinstance(app, Litestar):
        app = app._inner
    for route in app.routes:
        numbers = {part.name for part in route.path_components if not isinstance(part, str) and part.type is int}
        if not numbers or "GET" not in getattr(route, "methods", ()) or not route.path.startswith("/api/v1/"):
            continue
        parts = [
            part if isinstance(part, str) else number if part.name in numbers else str(uuid4())
            for part in route.path_components
        ]
        answer = await client.get("/" + "/".join(parts), headers={"accept": "application/json"})
        # Who is signed in as no driver is told that, and where a parameter is missing that comes first.
        if answer.status_code == 401 or "needs the query parameter" in answer.text:
            continue
        assert answer.status_code == 404, (answer.url, answer.text)
        asked += 1
    assert asked > 20
    told = problem(await client.get(f"/api/v1/hosts/{number}"), 404, "not-found")
    assert told["errors"][0]["pointer"] == "host_id"
    problem(await client.post(f"/api/v1/payouts/{number}/bounce", json={"reason": "x"}), 404, "not-found")


async def test_a_method_that_is_none_names_those_that_are(house: House, tenant: Tenant) -> None:
    answer = await (await tenant.client()).put("/api/v1/stations", json={})
    problem(answer, 405, "method-not-allowed")
    assert {"GET", "POST"} <= set(answer.headers["allow"].split(", "))


@pytest.mark.parametrize(
    "content", [b"", b"{", b"\xff", b"null", b"[]", b'"x"', b'{"name": "\xed\xa0\x80"}', b"[" * 100_000]
)
async def test_a_body_that_is_none_is_a_problem(tenant: Tenant, content: bytes) -> None:
    client = await tenant.client()
    answer = await client.post("/api/v1/sites", content=content, headers={"content-type": "application/json"})
    problem(answer, 400, "request-invalid")


async def test_a_body_beyond_a_mebibyte_is_refused(tenant: Tenant) -> None:
    answer = await (await tenant.client()).post("/api/v1/sites", json={"name": "x" * 1024 * 1024})
    problem(answer, 413, "request-entity-too-large")


async def test_every_answer_carries_the_security_headers_and_an_id(house: House, tenant: Tenant) -> None:
    client = await tenant.client()
    for path in ("/api/v1/stations", "/api/v1/nothing", "/healthz", "/sign-in"):
        headers = (await client.get(path)).headers
        assert headers["content-security-policy"].startswith("default-src 'none'")
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert "no-store" in headers["cache-control"]
        assert headers["x-request-id"]
        assert "server" not in headers
    kept = await client.get("/healthz", headers={"x-request-id": "from-the-proxy.1"})
    assert kept.headers["x-request-id"] == "from-the-proxy.1"
    forged = await client.get("/healthz", headers={"x-request-id": "a b"})
    assert forged.headers["x-request-id"] != "a b"


async def test_machines_learn_that_it_lives_and_what_it_measures(house: House, tenant: Tenant) -> None:
    nobody = house.client()
    assert (await nobody.get("/healthz")).text == "ok\n"
    ready = await nobody.get("/readyz")
    assert (ready.status_code, ready.json()) == (200, {"database": "ok", "bus": "ok"})
    await (await tenant.client()).get("/api/v1/stations/nobodys")
    measured = await nobody.get("/metrics")
    assert measured.headers["content-type"].startswith("text/plain")
    assert (
        'forecourt_http_requests_total{method="GET",route="/api/v1/stations/{station}",status="404"}' in measured.text
    )
    assert "nobodys" not in measured.text


async def test_it_is_not_ready_without_its_database_and_says_so(house: House, nats_url: str, clock: FakeClock) -> None:
    bus = await Bus.connect(nats_url)
    nowhere = "postgresql://forecourt@127.0.0.1:1/none"
    settings = Settings(database_url=nowhere, nats_url=nats_url, secret_key=SECRET)
    async with Pool(nowhere, "forecourt_app", size=1, acquire_timeout_s=0.2) as db:
        away = House(house.ground, db, create_app(settings, db, bus, clock), clock)
        client = away.client()
        assert (await client.get("/healthz")).status_code == 200
        ready = await client.get("/readyz")
        assert (ready.status_code, ready.json()) == (503, {"database": "away", "bus": "ok"})
        answer = await client.get("/api/v1/stations", headers={"authorization": "Bearer fc_x"})
        assert answer.status_code == 503
        assert answer.headers["retry-after"]
        assert "127.0.0.1" not in answer.text
        await away.close()
    await bus.close()
    async with Pool(house.database.url, "forecourt_app", size=1) as db:
        deaf = House(house.ground, db, create_app(settings, db, bus, clock), clock)
        ready = await deaf.client().get("/readyz")
        assert (ready.status_code, ready.json()) == (503, {"database": "ok", "bus": "away"})
        await deaf.close()


async def test_what_nobody_foresaw_is_told_without_its_inside(
    house: House, servers: Servers, nats_url: str, clock: FakeClock
) -> None:
    @get("/broken", opt={"public": True})
    async def broken() -> None:
        raise RuntimeError("the password is hunter2")

    @get("/forgotten")
    async def forgotten() -> None:
        raise AssertionError("a route that names nothing is closed")

    settings = Settings(database_url=house.database.url, nats_url=nats_url, secret_key=SECRET)
    bus = await Bus.connect(nats_url)
    app = create_app(settings, house.db, bus, clock, screens=[broken, forgotten])
    made = House(house.ground, house.db, app, clock)
    with structlog.testing.capture_logs() as logs:
        answer = await made.client().get("/broken")
        problem(await made.client().get("/forgotten"), 401, "unauthenticated")
    assert "hunter2" not in answer.text
    problem(answer, 500, "internal")
    assert any(event["event"] == "request failed" for event in logs)
    await made.close()
    await bus.close()


async def test_a_person_who_is_not_signed_in_is_sent_to_sign_in(house: House, nats_url: str, clock: FakeClock) -> None:
    @get("/stations")
    async def page() -> str:
        return "the page"

    settings = Settings(database_url=house.database.url, nats_url=nats_url, secret_key=SECRET)
    bus = await Bus.connect(nats_url)
    access = Access(house.db, SECRET.encode(), clock)
    made = House(
        house.ground, house.db, create_app(settings, house.db, bus, clock, access=access, screens=[page]), clock
    )
    answer = await made.client().get("/stations?q=a", headers={"accept": "text/html,*/*;q=0.8"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in?next=%2Fstations%3Fq%3Da")
    await made.close()
    await bus.close()


async def test_a_problem_that_a_browser_meets_is_a_page_in_the_words_of_its_reader(
    house: House, nats_url: str, clock: FakeClock
) -> None:
    @get("/broken")
    async def broken() -> None:
        raise RuntimeError("the password is hunter2")

    @post("/forbidden", opt={"verb": Verb.CONTROL})
    async def forbidden() -> None:
        raise AssertionError("a viewer came through")

    settings = Settings(database_url=house.database.url, nats_url=nats_url, secret_key=SECRET)
    bus = await Bus.connect(nats_url)
    access = Access(house.db, SECRET.encode(), clock)
    app = create_app(
        settings, house.db, bus, clock, access=access, shell=fake_shell(clock), screens=[broken, forbidden]
    )
    made = House(house.ground, house.db, app, clock)
    tenant = await made.tenant()
    html = {"accept": "text/html,*/*;q=0.8", "accept-language": "de", "origin": BASE}
    viewer, nobody = made.client(headers=html), made.client(headers=html)

    stray = await nobody.get("/nothing")
    assert (stray.status_code, stray.headers["content-type"]) == (404, "text/html; charset=utf-8")
    assert "Hier ist nichts" in stray.text
    assert stray.headers["x-request-id"] in stray.text
    assert 'href="/sign-in"' in stray.text
    assert "<nav" not in stray.text

    email = await tenant.operator(Role.VIEWER)
    assert (await viewer.post("/sign-in", data={"email": email, "password": PASSWORD})).status_code == 303
    lost = await viewer.get("/nothing")
    assert lost.status_code == 404
    assert "<nav" in lost.text
    assert "Hier ist nichts" in lost.text

    refused = await viewer.post("/forbidden")
    assert (refused.status_code, refused.headers["cache-control"]) == (403, "private, no-store")
    assert "Das dürfen Sie nicht" in refused.text
    assert "Inhaber, Betreiber, Techniker, Kundendienst" in refused.text
    assert "Ihre Rolle: Betrachter" in refused.text

    failed = await viewer.get("/broken")
    assert failed.status_code == 500
    assert "Auf unserer Seite ist etwas schiefgegangen" in failed.text
    assert "hunter2" not in failed.text

    part = await viewer.post("/forbidden", headers={"hx-request": "true", "hx-request-type": "partial"})
    assert part.status_code == 403
    assert part.text.startswith('<p class="fault" role="alert" data-problem="forbidden"')
    whole = await viewer.get("/nothing", headers={"hx-request": "true", "hx-request-type": "full"})
    assert whole.text.startswith("<!doctype html>")

    problem(await viewer.get("/api/v1/stations/nothing"), 404, "station-unknown")
    problem(await viewer.get("/nothing", headers={"accept": "*/*"}), 404, "not-found")
    await made.close()
    await bus.close()


async def test_the_log_line_of_a_request_names_the_asker_and_no_secret(house: House, tenant: Tenant) -> None:
    client = await tenant.client()
    with structlog.testing.capture_logs() as logs:
        await client.get("/api/v1/stations?cursor=rubbish-in-a-query")
        await client.get("/healthz")
    (line,) = [event for event in logs if event["event"] == "request"]
    assert (line["method"], line["path"], line["status"]) == ("GET", "/api/v1/stations", 400)
    assert line["tenant_id"] == tenant.tenant_id
    assert client.headers["authorization"].removeprefix("Bearer ") not in str(logs)
    assert "rubbish" not in str(line)


async def test_a_query_parameter_that_is_none_is_refused_and_those_that_are_are_named(tenant: Tenant) -> None:
    client = await tenant.client()
    answer = problem(await client.get("/api/v1/stations?limit=3&sit=north"), 400, "parameter-unknown")
    assert answer["parameter"] == "sit"
    assert {"site", "limit", "cursor"} <= set(answer["parameters"])
    assert "'sit'" in answer["detail"]
    for path in ("/api/v1/sites/x?site=", "/api/v1/keys?%00", "/api/v1/sessions?Limit=1", "/api/v1/tokens?data=1"):
        problem(await client.get(path), 400, "parameter-unknown")
    problem(await client.post("/api/v1/sites?dry_run=true", json={"name": "Yard"}), 400, "parameter-unknown")
    assert (await client.get("/api/v1/sites")).json()["items"] == []


async def test_no_route_of_the_api_takes_a_parameter_that_the_document_does_not_know(
    house: House, tenant: Tenant
) -> None:
    client = await tenant.client()
    person = house.client(headers={"sec-fetch-site": "same-origin"})
    await person.post("/sign-in", data={"email": await tenant.operator(), "password": PASSWORD})
    for path, operations in (await house.document()).content["paths"].items():
        address = path.replace("{session_id}", "6f1d8b7e-2d55-4d3c-9a51-0d8f2c1b7a10")
        for name in (
            "{incident_id}", "{command_id}", "{run_id}", "{limit_id}", "{tariff_id}", "{assignment_id}",
            "{payment_id}", "{account_id}", "{card_id}", "{reader_id}", "{setup_id}", "{place_id}", "{fee_id}",
            "{alert_id}", "{change_id}",
        ):  # fmt: skip
            address = address.replace(name, "6f1d8b7e-2d55-4d3c-9a51-0d8f2c1b7a10")
        address = re.sub(
            r"\{(number|evse|(webhook|delivery|rule|key|person|invitation|passkey|own_session|feed|entry|host|payout|file"
            r"|difference|line|document|driver|fleet|plan|vehicle|invoice|campaign|action|study|report|report_run)_id)\}",
            "1",
            address,
        )
        address = address.replace("{", "").replace("}", "")
        for method in set(operations) & {"get", "post", "patch", "delete"}:
            # What is a person's own is for who is signed in, and no key.
            asker = person if "/me/" in path else client
            answer = await asker.request(method, f"{address}?nobody-has-this=1")
            told = problem(answer, 400, "parameter-unknown")["parameters"]
            declared = [each["name"] for each in operations[method].get("parameters", ()) if each["in"] == "query"]
            assert told == sorted(declared), (method, path)


async def test_a_cursor_is_taken_by_the_list_that_gave_it_out_alone(tenant: Tenant) -> None:
    client = await tenant.client()
    for _ in range(2):
        await client.post("/api/v1/sites", json={"name": "Yard"})
    cursor = (await client.get("/api/v1/sites?limit=1")).json()["next"]
    assert len((await client.get("/api/v1/sites", params={"cursor": cursor})).json()["items"]) == 1
    for path in ("stations", "tokens", "sessions", "keys"):
        problem(await client.get(f"/api/v1/{path}", params={"cursor": cursor}), 400, "cursor-refused")
    problem(await client.get("/api/v1/sites", params={"cursor": cursor[:-1]}), 400, "cursor-refused")


#: What is bound to a version beside changes of a part.
MATCHED = {
    ("post", "/api/v1/inbox/{station}/adopt"),
    *(("put", f"/api/v1/sites/{{site}}/{name}") for name in ("electrics", "smart-charging", "utility-tariff")),
    ("put", "/api/v1/sites/{site}/feeds/{feed_id}"),
    ("put", "/api/v1/tokens/{uid}/charging-preferences"),
    ("put", "/api/v1/tariffs/{tariff_id}"),
    ("put", "/api/v1/driver-pages"),
    ("put", "/api/v1/driver-sign-in-provider"),
}


async def test_the_document_tells_of_idempotency_keys_and_etags(house: House) -> None:
    paths = (await house.document()).content["paths"]
    for path, operations in paths.items():
        for method, operation in operations.items():
            headers = {each["name"] for each in operation.get("parameters", ()) if each["in"] == "header"}
            tagged = any(
                "ETag" in each.get("headers", {}) for status, each in operation["responses"].items() if status[0] == "2"
            )
            thing = path in ("/api/v1/sites/{site}", "/api/v1/stations/{station}", "/api/v1/tokens/{uid}")
            # Who is adopted may be bound to who was seen; what is put whole, to what was there.
            matched = method == "patch" or (method, path) in MATCHED
            expected = ({"Idempotency-Key"} if method == "post" else set()) | ({"If-Match"} if matched else set())
            assert headers == expected, (method, path)
            assert tagged or not thing or method == "delete", (method, path)
            assert ("412" in operation["responses"]) is matched, (method, path)


@pytest.mark.parametrize(
    ("path", "body", "words"),
    [
        ("stations", None, "The body is missing. Send a JSON object."),
        ("stations", {}, "The field `id` is missing."),
        ("stations", {"id": ""}, "This must not be empty (#/id)."),
        ("stations", {"id": "a/b"}, "A station's id has no slash, no colon"),
        (
            "stations",
            {"id": "A", "password": "\n"},
            "A station's password is of printable ASCII characters (#/password).",
        ),
        ("tokens", {"uid": "\n"}, "A token's uid has no control characters (#/uid)."),
        ("sites", {"name": " \u3000 "}, "This must hold something that can be seen"),
        ("sites", {"name": "\u200b\u200b"}, "This must hold something that can be seen"),
        ("keys", {"name": "\u2060", "role": "viewer"}, "This must hold something that can be seen"),
        ("alert-rules", {"name": "\ufeff "}, "This must hold something that can be seen"),
        (
            "keys",
            {"name": "k", "role": "boss"},
            "'boss' is none of the values that can stand here: owner, operator, technician, support, viewer, site_host",
        ),
        (
            "webhooks",
            {"url": "https://example.com", "events": ["token.changed", "x"]},
            "'x' is none of the values that can stand here: session.started,",
        ),
        (
            "stations/CP1/reset",
            {"type": "Soft"},
            "'Soft' is none of the values that can stand here: ",
        ),
        (
            "tokens",
            {"uid": "A", "type": "Central", "status": "accepted", "expires_at": 5},
            "Write a time as RFC 3339 does, such as 2026-03-01T12:00:00Z (#/expires_at).",
        ),
        (
            "tokens",
            {"uid": "A", "type": "Central", "status": "accepted", "expires_at": "tomorrow"},
            "Write a time as RFC 3339 does, such as 2026-03-01T12:00:00Z (#/expires_at).",
        ),
        (
            "tokens",
            {"uid": "A", "type": "Central", "status": "accepted", "expires_at": "2030-01-01T00:00:00"},
            "The time says no zone.",
        ),
        (
            "sites/yard/feeds",
            {"name": "F", "source": {"kind": "openadr9"}},
            "'openadr9' is none of the values that can stand here: ",
        ),
    ],
)
async def test_what_is_wrong_with_a_body_is_said_in_words(tenant: Tenant, path: str, body: Any, words: str) -> None:
    client = await tenant.client()
    answer = await client.post(f"/api/v1/{path}", **({} if body is None else {"json": body}))
    told = problem(answer, 400, "request-invalid")["detail"]
    assert told.startswith(words), told
    assert "regex" not in answer.text


def test_a_time_of_day_and_a_day_are_asked_for_by_an_example() -> None:
    assert in_words("Invalid RFC3339 encoded time").endswith("such as 18:00:00")
    assert in_words("Invalid RFC3339 encoded date").endswith("2026-03-01")
    assert in_words("Expected `time | null`, got `int`").startswith("This must be a time of day such as 18:00:00")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (rb'{"name": "\ud800"}', "half of a character"),
        (rb'{"name": "\ud800 yard"}', "half of a character"),
        (b'{"name": "Yard"', "ends too early"),
        (b'{"name": "Yard", "latitude": NaN}', "no NaN"),
        (b'{"name": "Yard", "latitude": -Infinity}', "no NaN and no Infinity"),
        (b'{"name": "Yard", "latitude": ' + b"9" * 5000 + b"}", "larger than any"),
        (b'{"name": "Yard",}', "no JSON"),
    ],
)
async def test_why_a_body_can_not_be_read_is_said_in_words(tenant: Tenant, content: bytes, words: str) -> None:
    headers = {"content-type": "application/json"}
    answer = await (await tenant.client()).post("/api/v1/sites", content=content, headers=headers)
    assert words in problem(answer, 400, "request-invalid")["detail"]


@pytest.mark.parametrize(
    ("query", "pointer", "words"),
    [
        ("stations?state=bogus", "state", "The state is one of"),
        ("stations?sort=bogus", "sort", "'bogus' is none of the values that can stand here: name, registered"),
        ("stations?registration=x", "registration", "accepted, pending, rejected"),
        ("sessions?status=x", "status", "active, completed"),
        ("keys?role=x", "role", "viewer, site_host"),
        ("audit/export?format=xml", "format", "csv, jsonl"),
        ("audit?from=10000-01-01", "from", "RFC 3339 does, such as 2026-03-01T12:00:00Z"),
        ("audit?from=5", "from", "RFC 3339 does, such as 2026-03-01T12:00:00Z"),
        ("audit?to=5.5", "to", "RFC 3339 does, such as 2026-03-01T12:00:00Z"),
        ("stations?limit=1e1", "limit", "whole number"),
        ("stations?limit=5.0", "limit", "whole number"),
        ("stations?limit=1&limit=2", "limit", "given more than once"),
    ],
)
async def test_a_parameter_that_is_refused_is_named_as_it_was_written(
    tenant: Tenant, query: str, pointer: str, words: str
) -> None:
    told = problem(await (await tenant.client()).get(f"/api/v1/{query}"), 400, "request-invalid")
    assert told["errors"][0]["pointer"] == pointer
    assert words in told["detail"]
    assert f"({pointer})" in told["detail"]


async def test_a_parameter_of_many_values_may_be_said_several_times(tenant: Tenant) -> None:
    client = await tenant.client()
    # Refused for the name that nobody has, and so not for being said twice.
    answer = await client.get("/api/v1/stream?stations=a/b&stations=CP1")
    assert "more than once" not in problem(answer, 400, "request-invalid")["detail"]


async def test_every_pattern_of_the_api_is_told_in_words(house: House) -> None:
    document = msgspec.json.encode((await house.document()).content).decode()
    patterns = set(re.findall(r'"pattern":("(?:[^"\\]|\\.)*")', document))
    assert patterns
    told = {each: in_words(f"Expected `str` matching regex {msgspec.json.decode(each)!r}") for each in patterns}
    assert [each for each, words in told.items() if words == ANYTHING_ELSE] == []


@pytest.mark.parametrize(
    ("kind", "given", "words"),
    [
        (Annotated[int, Meta(ge=1)], 0, "This must be 1 or more"),
        (Annotated[int, Meta(le=200)] | None, 201, "This must be 200 or less"),
        (Annotated[float, Meta(gt=0.5)], 0.5, "This must be more than 0.5"),
        (Annotated[list[int], Meta(min_length=1)], [], "This must have at least 1 entry"),
        (Annotated[list[int], Meta(max_length=2)], [1, 2, 3], "This must have at most 2 entries"),
        (int, "1", "This must be a whole number, and is text"),
        (bool | None, 1, "This must be true or false or null, and is a whole number"),
        (list[str], {}, "This must be a list, and is an object"),
        (Trial, {"uid": "1", "kind": "x"}, "There is no field `kind` here"),
    ],
)
def test_what_a_field_must_be_is_told_in_words_and_no_types(kind: Any, given: Any, words: str) -> None:
    with pytest.raises(msgspec.ValidationError) as told:
        msgspec.convert(given, kind)
    assert in_words(str(told.value).partition(" - at ")[0]) == words


async def test_a_position_is_whole_or_none(tenant: Tenant) -> None:
    client = await tenant.client()
    site = {"name": "Yard", "time_zone": "Europe/Berlin"}
    problem(await client.post("/api/v1/sites", json={**site, "latitude": 52.5}), 422, "position-refused")
    problem(await client.post("/api/v1/stations", json={"id": "POS1", "longitude": 13.4}), 422, "position-refused")
    made = await client.post("/api/v1/sites", json={**site, "latitude": 52.5, "longitude": 13.4})
    path = f"/api/v1/sites/{made.json()['slug']}"
    problem(await client.patch(path, json={"latitude": None}), 422, "position-refused")
    assert (await client.patch(path, json={"latitude": None, "longitude": None})).status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "stations", {"id": "X", "site": "\0"}),
        ("POST", "sites", {"name": "x", "parent": "\0"}),
        ("POST", "sites", {"name": "turned \u202e around"}),
        ("POST", "stations", {"id": "\u202eevil"}),
        ("POST", "stations", {"id": "\u00a0"}),
        ("POST", "tokens", {"uid": "A", "type": "ISO14443", "status": "accepted",
                            "expires_at": "9999-12-31T23:59:59-14:00"}),
        ("POST", "keys", {"name": "k", "role": "viewer", "expires_at": "9999-12-31T23:59:59-14:00"}),
        ("GET", "audit?action=%00", None),
        ("GET", "audit/export?action=%00", None),
        ("GET", "audit/export?actor=%00", None),
        ("GET", "audit/export?object=%00", None),
    ],
)  # fmt: skip
async def test_what_can_not_be_kept_is_refused_in_words(tenant: Tenant, method: str, path: str, body: Any) -> None:
    client = await tenant.client()
    told = problem(await client.request(method, f"/api/v1/{path}", json=body), 400, "request-invalid")
    assert told["detail"].endswith("send the request again.") or "Send an earlier one." in told["detail"]
