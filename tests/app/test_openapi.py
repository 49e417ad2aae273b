"""The OpenAPI document is what the API does: examples that its own schemas accept, and whatever a machine makes up from
it is answered as it says."""

import asyncio
import os
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from functools import partial
from http.cookiejar import DefaultCookiePolicy
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
import requests
from hypothesis import HealthCheck, Phase, given, seed, settings
from msgspec import Struct

from forecourt.access import Role, store
from forecourt.access.service import key_digest
from forecourt.app.web import create_app
from forecourt.drivers.accounts import store as accounts
from forecourt.drivers.accounts.model import SESSION_LIFE, TOKEN_PREFIX
from forecourt.drivers.accounts.store import entry
from forecourt.platform.bus import Bus
from forecourt.platform.clock import SystemClock
from forecourt.platform.database import Pool
from forecourt.platform.digest import keyed_digest
from forecourt.platform.settings import Settings
from tests.conftest import Database, Servers
from tests.http import NOBODY, PASSWORD_HASH, SECRET, House, judge_at_hand, judge_of
from tests.stations.pki import Holder
from tests.support import WAIT_S
from tests.ui.conftest import served

#: What lists something and is no list, and why.
NO_LISTS = {
    "GET /stations/{station}/plugs": "what was said of plugs, beside what the station told itself",
    "GET /stations/{station}/charging-limits": "limits, what differs, and when both were looked at",
    "GET /energy/series": "zones with prices, and others with CO2",
    "GET /ledger/profit": "an account of a span: its connectors, and costs that are none's",
    "GET /ledger/vat": "an account of a span, by rate and country",
    "GET /expansion": "every site, and by which inputs",
}
KEY = "fc_a key of the tests of the document"
DRIVER_TOKEN = f"{TOKEN_PREFIX}of the tests of the document"
#: Made-up requests of each operation, in each way of making them up: a few at every run, more for who wants to know.
EXAMPLES = int(os.environ.get("FORECOURT_TEST_EXAMPLES", "2"))
#: Of what is made up; any other would do as well.
SEED = 1
#: A stream has no end, and an address that somebody made up must not be called.
LEFT_OUT = {"stream", "test_hook", "put_driver_provider"}
#: How drivers sign in by a provider, which is not there: no example of it goes on.
BY_PROVIDER = "/driver/sign-in/provider"
#: What a driver's own app asks.
DRIVERS_OWN = "/driver/me"
#: What is answered where a payment provider was asked, which is not there.
AWAY = (502, 504)
NOBODY_URL = "http://127.0.0.1:9"
Case = Any


async def test_every_body_and_answer_has_an_example_that_its_schema_accepts(house: House) -> None:
    judges = await house.document()
    document = judges.content
    missing, wrong = [], []
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            bodies = {"body": operation.get("requestBody", {}), **operation["responses"]}
            for name, body in bodies.items():
                for content in body.get("content", {}).values():
                    where = f"{method} {path} {name}"
                    several = [each["value"] for each in content.get("examples", {}).values()]
                    examples = [content["example"]] if "example" in content else several
                    if not examples:
                        missing.append(where)
                    judge = judges.judge(content["schema"])
                    wrong += [f"{where}: {fault}" for example in examples for fault in judge.iter_errors(example)]
    assert missing == []
    assert wrong == []


async def test_a_wrong_example_would_be_found(house: House) -> None:
    judges = await house.document()
    body = judges.content["paths"]["/api/v1/sites"]["post"]["requestBody"]["content"]["application/json"]
    assert judges.judge(body["schema"]).is_valid(body["example"])
    assert not judges.judge(body["schema"]).is_valid({**body["example"], "name": 5})


async def test_every_list_is_answered_in_one_shape(house: House) -> None:
    judges = await house.document()
    others = set()
    for path, operations in judges.content["paths"].items():
        for method, operation in operations.items():
            for status, answer in operation["responses"].items():
                for kind, content in answer.get("content", {}).items():
                    if status.startswith("2") and kind == "application/json":
                        schema = content["schema"]
                        if "$ref" in schema:
                            schema = judges.content["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
                        listed = method == "get" and operation["operationId"].startswith("list_")
                        if schema.get("type") == "array" or "items" in schema.get("properties", {}):
                            listed = True
                        if listed and set(schema.get("properties", {})) != {"items", "next"}:
                            others.add(f"{method.upper()} {path.removeprefix('/api/v1')}")
    assert others == NO_LISTS.keys()


class Running(Struct, frozen=True, kw_only=True):
    """The API over a real socket, in a thread with a loop of its own."""

    url: str
    key: str
    admin_url: str


@asynccontextmanager
async def api(database: Database, nats_url: str, folder: Path) -> AsyncIterator[str]:
    bus = await Bus.connect(nats_url)
    async with Pool(database.url, "forecourt_app", size=4) as db:
        settings = Settings(data_dir=folder, secret_key=SECRET, stripe_url=NOBODY)
        app = create_app(settings, db, bus, SystemClock())
        async with db.tenant(1) as conn:
            await store.insert_member(
                conn, 1, email="ada@example.org", name="Ada Lovelace", role="owner", password_hash=PASSWORD_HASH
            )
            await store.insert_key(conn, 1, "owner", Role.OWNER, key_digest(SECRET.encode(), KEY))
            now = SystemClock().now()
            driver = await accounts.insert_driver(conn, 1, email="d@example.org", name=None, language="en", at=now)
            assert driver is not None
            await entry.insert_session(
                conn, 1, driver.driver_id, keyed_digest(SECRET.encode(), "driver session", DRIVER_TOKEN), how="letter",
                address="", user_agent="", now=now, expires_at=now + SESSION_LIFE,
            )  # fmt: skip
        async with served(app) as at:
            yield at
    await bus.close()


@pytest.fixture
def running(servers: Servers, tmp_path: Path) -> Iterator[Running]:
    import psycopg

    with servers.database() as database:
        with psycopg.connect(database.admin_url, autocommit=True) as admin:
            admin.execute("INSERT INTO organisations (name) VALUES ('A')")
        ready, stop = threading.Event(), threading.Event()
        made: list[str] = []

        async def serve() -> None:
            async with api(database, servers.nats.url, tmp_path) as url:
                made.append(url)
                ready.set()
                await asyncio.to_thread(stop.wait)

        thread = threading.Thread(target=lambda: asyncio.run(serve()), daemon=True)
        thread.start()
        assert ready.wait(WAIT_S), "the API did not start"
        yield Running(url=made[0], key=KEY, admin_url=database.admin_url)
        stop.set()
        thread.join(WAIT_S)


def document_of(client: httpx.Client) -> Any:
    """The document, for who asks to change as they like."""
    judge = judge_at_hand() or judge_of(client.get("/api/v1/openapi.json").raise_for_status().json())
    return deepcopy(judge.content)


def known_things(client: httpx.Client) -> dict[str, Any]:
    """One of each that can be named in an address, so that not every made-up request meets nothing."""

    def make(path: str, body: Any) -> Any:
        answer = client.post(f"/api/v1{path}", json=body)
        assert answer.status_code < 300, answer.text
        return answer.json()

    make("/sites", {"name": "Yard", "slug": "yard"})
    make("/stations", {"id": "CP1", "site": "yard"})
    make("/tokens", {"uid": "04AB", "type": "ISO14443", "status": "accepted"})
    driver = {"authorization": f"Bearer {DRIVER_TOKEN}"}
    vehicle = client.post("/api/v1/driver/me/vehicles", json={"name": "Blue"}, headers=driver)
    assert vehicle.status_code == 201, vehicle.text
    key = make("/keys", {"name": "Other", "role": "viewer"})
    hook = make("/webhooks", {"url": "https://example.com", "events": ["token.changed"]})
    delivery = make(f"/webhooks/{hook['webhook']['id']}/test", None)
    run = make("/bulk-runs/registration", {"stations": ["CP1"], "registration": "pending"})
    return {
        "run_id": run["id"],
        "site": "yard",
        "station": "CP1",
        "uid": "04AB",
        "vehicle_id": vehicle.json()["vehicle_id"],
        "key_id": key["id"],
        "webhook_id": hook["webhook"]["id"],
        "delivery_id": delivery["id"],
    }


def examples_of_requests(document: dict[str, Any]) -> Iterator[tuple[str, str, Any]]:
    """Method, path and body of each."""
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            for content in operation.get("requestBody", {}).get("content", {}).values():
                for example in [content["example"]] if "example" in content else content["examples"].values():
                    if operation["operationId"] not in LEFT_OUT:
                        yield method, path, example


def example_things(client: httpx.Client, admin_url: str) -> dict[str, Any]:
    """What the examples name, and one of each that can be named in an address."""
    import psycopg
    from psycopg.types.json import Jsonb

    def make(path: str, body: Any) -> Any:
        answer = client.post(f"/api/v1{path}", json=body)
        assert answer.status_code < 300, answer.text
        return answer.json()

    make("/sites", {"name": "Berlin", "slug": "berlin"})
    make("/sites", {"name": "North yard", "slug": "north-yard"})
    for station in ("CP1", "CP2"):
        make("/stations", {"id": station, "site": "north-yard"})
    make("/tokens", {"uid": "04A2B1C3D4E5F6", "type": "ISO14443", "status": "accepted"})
    hook = make("/webhooks", {"url": "https://example.com", "events": ["token.changed"]})
    rule = make("/alert-rules", {"name": "Night", "recipients": ["ada@example.org"]})
    prices = {"name": "Prices", "source": {"kind": "nordpool", "area": "SE3"}}
    feed = make("/sites/north-yard/feeds", prices)
    component = {"type": "ENERGY", "price": "0.45"}
    body = {"id": "", "currency": "EUR", "elements": [{"price_components": [component]}]}
    tariff = make("/tariffs", {"name": "Day", "tariff": body})
    host = make("/hosts", {"name": "Ada", "country": "DE", "email": "ada@example.org"})
    report = make("/reports", {"name": "Week", "parts": ["use"]})
    make(f"/reports/{report['id']}/runs", None)
    driver = make("/drivers", {"email": "bea@example.org"})
    fleet = make("/fleets", {"name": "Vans", "currency": "EUR"})
    plan = make("/plans", {"name": "silver", "title": "Silver", "currency": "EUR", "month_fee": 1})
    written = document_of(client)["paths"]["/api/v1/payment-accounts"]["post"]["requestBody"]
    account = make("/payment-accounts", written["content"]["application/json"]["example"])
    incident_id, session_id, payment_id, place_id, reader_id, alert_id, change_id = (uuid4() for _ in range(7))
    with psycopg.connect(admin_url, autocommit=True) as admin:
        admin.execute(
            "INSERT INTO payment_intents (intent_id, tenant_id, purpose, method, state, currency, hold_amount,"
            " hold_said, created_at, updated_at)"
            " VALUES (%s, 1, 'session', 'hosted', 'released', 'EUR', 1000, '{}', now(), now())",
            (payment_id,),
        )
        admin.execute(
            "INSERT INTO card_readers (reader_id, tenant_id, account_id, reference, name, site_id, created_at)"
            " SELECT %s, 1, %s, 'tmr_1', 'Kiosk', site_id, now() FROM sites WHERE slug = 'north-yard'",
            (reader_id, account["id"]),
        )
        admin.execute(
            "INSERT INTO waiting_places (place_id, tenant_id, site_id, rank, state, language, joined_at)"
            " SELECT %s, 1, site_id, 1, 'waiting', 'en', now() FROM sites WHERE slug = 'north-yard'",
            (place_id,),
        )
        admin.execute(
            "INSERT INTO connectors (station_id, evse, connector, tenant_id, state, state_at)"
            " SELECT station_id, 1, 1, tenant_id, 'Available', now() FROM stations"
        )
        admin.execute(
            "INSERT INTO sessions (session_id, tenant_id, station_id, transaction_id, start_key, started_at, last_key,"
            " last_at, heard_at) SELECT %s, 1, station_id, '42', 0, now(), 0, now(), now() FROM stations"
            " WHERE identity = 'CP1'",
            (session_id,),
        )
        admin.execute(
            "INSERT INTO knocks (tenant_id, identity, reason, tls, knocked, remote_address, subprotocols,"
            " first_at, last_at) VALUES (1, 'CP9', 'unknown', false, 1, '192.0.2.7', 'ocpp1.6', now(), now())"
        )
        admin.execute(
            "INSERT INTO incidents (incident_id, tenant_id, kind, severity, station_id, station, since, latest_at,"
            " opened_at, changed_at) SELECT %s, 1, 'fault', 3, station_id, identity, now(), now(), now(), now()"
            " FROM stations WHERE identity = 'CP1'",
            (incident_id,),
        )
        admin.execute(
            "WITH e AS (INSERT INTO ledger_accounts (tenant_id, name) VALUES (1, 'bank')), d AS ("
            " INSERT INTO reconcile_differences (tenant_id, account, kind, about, at, found_at)"
            " VALUES (1, 'acme', 'unknown', 'txn_1', now(), now())), b AS ("
            " INSERT INTO bank_lines (tenant_id, reference, booked_on,"
            " amount, currency, returned, read_at) VALUES (1, 'b', '2026-03-02', 100, 'EUR', false, now()))"
            " INSERT INTO payouts (tenant_id, host_id, way, currency, amount, state, execution_on, up_to_line, source,"
            " bank_shown, made_at) VALUES (1, %s, 'sepa', 'EUR', 100, 'paid', '2026-03-02', 0, 'bank', 'x', now())",
            (host["id"],),
        )
        admin.execute(
            "INSERT INTO connector_alerts (alert_id, tenant_id, station, evse, opened_on, opened_at, part, risk,"
            " reasons, model) VALUES (%s, 1, 'CP1', 1, '2026-03-02', now(), 'latch', 0.5, '[]', 'x')",
            (alert_id,),
        )
        admin.execute(
            "INSERT INTO hardware_changes (change_id, tenant_id, station_id, kind, happened_on, reason, said_at,"
            " said_by) SELECT %s, 1, station_id, 'controller', '2026-01-02', 'worn', now(), 'x' FROM stations"
            " WHERE identity = 'CP1'",
            (change_id,),
        )
        # An invoice that is as good as any to be named: with one line, of a session that was posted.
        buyer = {"name": "Volt", "street": "x", "postcode": "1", "city": "x", "country": "DE"}
        seller = buyer | {"vat_id": "DE136695976"}
        assert client.put("/api/v1/invoicing", json={"seller": seller}).status_code == 200
        said = {"seller": seller, "buyer": buyer, "zone": "UTC", "account": {}, "rates": []}
        part = [{"country": "DE", "rate": "19", "net": 100, "vat": 19}]
        admin.execute(
            "WITH a AS (INSERT INTO ledger_accounts (tenant_id, name) VALUES (1, 'revenue:energy'),"
            "  (1, 'vat_payable:DE:19'), (1, 'fleet_receivable:1') RETURNING account_id, name),"
            " j AS (INSERT INTO journal (tenant_id, key, kind, at, legs, session_id, intent)"
            "  VALUES (1, 'capture:x', 'fleet_invoice', now(), 3, %(session)s, 'x') RETURNING entry_id),"
            " p AS (INSERT INTO postings (entry_id, leg, tenant_id, account_id, currency, amount)"
            "  SELECT entry_id, row_number() OVER (), 1, account_id, 'EUR', CASE name WHEN 'revenue:energy' THEN -100"
            "  WHEN 'vat_payable:DE:19' THEN -19 ELSE 119 END FROM a, j),"
            " i AS (INSERT INTO fleet_invoices (tenant_id, fleet_id, kind, year, serial, number, reference, currency,"
            "  net, vat, total, issued_at, issued_on, due_on, period_from, period_to, said, made_by)"
            "  VALUES (1, %(fleet)s, 'invoice', 2020, 1, 'X', 'RF', 'EUR', 100, 19, 119, now(), now(), now(), now(),"
            "  now(), %(said)s, 'x') RETURNING invoice_id)"
            " INSERT INTO fleet_lines (tenant_id, fleet_id, entry_id, kind, at, session_id, ended_at, currency, amount,"
            " parts, invoice_id) SELECT 1, %(fleet)s, entry_id, 'session', now(), %(session)s, now(), 'EUR', 119,"
            " %(parts)s, invoice_id FROM i, j",
            {"session": session_id, "fleet": fleet["fleet_id"], "said": Jsonb(said), "parts": Jsonb(part)},
        )
    return {
        "invoice_id": 1,
        "entry_id": 1,
        "action_id": 1,
        "alert_id": alert_id,
        "change_id": change_id,
        "campaign_id": 1,
        "report_id": report["id"],
        "report_run_id": 1,
        "form": "pdf",
        "driver_id": driver["driver_id"],
        "fleet_id": fleet["fleet_id"],
        "plan_id": plan["plan_id"],
        "vehicle_id": 1,
        "evse": 1,
        "host_id": host["id"],
        "payout_id": 1,
        "difference_id": 1,
        "line_id": 1,
        "document_id": 1,
        "station": "CP1",
        "site": "north-yard",
        "uid": "04A2B1C3D4E5F6",
        "webhook_id": hook["webhook"]["id"],
        "rule_id": rule["id"],
        "feed_id": feed["feed_id"],
        "incident_id": incident_id,
        "session_id": session_id,
        "payment_id": payment_id,
        "reader_id": reader_id,
        "setup_id": payment_id,
        "place_id": place_id,
        "account_id": account["id"],
        "tariff_id": tariff["id"],
        "zone": "NL",
        "battery": "battery",
        "person_id": 1,
    }


def test_every_example_of_a_request_is_taken_as_it_is(running: Running) -> None:
    headers = {"authorization": f"Bearer {running.key}"}
    refused = []
    with httpx.Client(base_url=running.url, headers=headers, timeout=WAIT_S) as client:
        document = document_of(client)
        things = example_things(client, running.admin_url)
        for method, path, example in examples_of_requests(document):
            if BY_PROVIDER in path:
                continue
            address = path.format(**things).replace("/inbox/CP1/", "/inbox/CP9/")
            if path.endswith("/snooze"):
                # The one that has its time: a time to come soon is no example for long.
                example["until"] = (datetime.now(UTC) + timedelta(days=1)).isoformat()
            if path.endswith(("/contract-roots", "/contract-rules/test")):
                # A certificate is long, and runs out.
                example["pem"] = Holder("V2G root").pem
            if path.endswith("/tariff-assignments"):
                example["tariff_id"] = things["tariff_id"]
            if path.endswith("/ledger/unmatched"):
                example["payment"] = str(things["payment_id"])
            answer = client.request(method, address, json=example)
            if answer.status_code in (400, 404, 422) or (answer.content and answer.json().get("refused")):
                refused.append(f"{method} {path} {example}: {answer.text}")
    assert refused == [], "\n".join(refused)


def ask(
    operation: Any, session: requests.Session, url: str, headers: dict[str, str], known: dict[str, Any], mode: Any
) -> None:
    """Makes up requests of one operation and fails at the first answer that the document doesn't know."""
    from schemathesis.checks import not_a_server_error
    from schemathesis.specs.openapi.checks import (
        content_type_conformance,
        response_schema_conformance,
        status_code_conformance,
    )

    checks = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]

    # A seed that is said spares reading this source anew for one.
    @seed(SEED)
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode), meets=_halves())
    def asked(case: Case, meets: bool) -> None:
        if "key_id" in (case.path_parameters or {}) or meets:
            case.path_parameters = {
                name: known.get(name, value) for name, value in (case.path_parameters or {}).items()
            }
        response = case.call(base_url=url, session=session, headers=headers)
        # A provider that is away is said by a status of the five hundreds, where the document says that it may be.
        away = response.status_code in AWAY
        case.validate_response(response, checks=checks[1:] if away else checks, headers=headers)
        if response.status_code >= 400:
            problem = response.json()
            assert problem["status"] == response.status_code
            assert len(problem["detail"]) > len("Bad request."), problem
            assert problem["code"]

    asked()


def _halves() -> Any:
    from hypothesis import strategies

    return strategies.booleans()


def test_whatever_a_machine_makes_up_is_answered_as_the_document_says(running: Running) -> None:
    # Here, since it takes seconds to load and every process of a run loads this module.
    import schemathesis

    headers = {"authorization": f"Bearer {running.key}"}
    with (
        httpx.Client(base_url=running.url, headers=headers, timeout=WAIT_S) as client,
        keeping_alive() as session,
    ):
        document = document_of(client)
        known = known_things(client)
        schema = schemathesis.openapi.from_dict(document)
        wanted = {*names_of(document)}
        chosen_of = schema.include(lambda case: case.operation.definition.raw["operationId"] in wanted)
        results: list[Any] = list(chosen_of.get_all_operations())
        unread = [str(each.err()) for each in results if not hasattr(each, "ok")]
        assert unread == [], "the document can't be read"
        chosen = [each.ok() for each in results]
        chosen.sort(key=takes_away)
        assert len(chosen) == len(wanted)
        faults = []
        for operation in chosen:
            with_whose = {"authorization": f"Bearer {DRIVER_TOKEN}"} if DRIVERS_OWN in operation.path else headers
            for mode in schemathesis.GenerationMode:
                fault = caught(partial(ask, operation, session, running.url, with_whose, known, mode))
                if fault is not None:
                    faults.append(f"{operation.method.upper()} {operation.path} ({mode.value}): {fault}")
        assert client.get("/api/v1/sites").status_code == 200, "the key of this test still counts"
    assert faults == [], "\n\n".join(faults)


def names_of(document: dict[str, Any]) -> list[str]:
    """The operations that requests are made up of."""
    paths = document["paths"].values()
    names = [each["operationId"] for operations in paths for each in operations.values()]
    return [name for name in names if name not in LEFT_OUT]


def keeping_alive() -> requests.Session:
    """Asks by one connection, and remembers no cookie: each request is made up by itself."""
    session = requests.Session()
    session.trust_env = False
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    return session


def takes_away(operation: Any) -> int:
    """What takes away comes last, so that the others meet something; what ends who asks, at the very last."""
    if "sign-out" in operation.path or operation.path.endswith(DRIVERS_OWN):
        return 2 if operation.method in ("delete", "post") else 0
    return 1 if operation.method == "delete" else 0


def caught(work: Callable[[], None]) -> str | None:
    """What a piece of work failed with."""
    try:
        work()
    except Exception as fault:  # noqa: BLE001 - all of them are told together
        return repr(fault) if not isinstance(fault, BaseExceptionGroup) else "; ".join(map(repr, fault.exceptions))
    return None
