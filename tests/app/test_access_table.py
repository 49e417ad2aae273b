"""Every route of the application, API and pages, asked by everybody there can be: the walk writes the access table.

`docs/reference/access.md` is what the walk finds. When it differs, the test says so and leaves what it found beside it;
`FORECOURT_TEST_WRITE=1` puts it there.
"""

import os
import re
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio
from httpx import AsyncClient
from litestar import Litestar
from litestar.routes import HTTPRoute
from msgspec import Struct
from psycopg import sql

from forecourt.access import Access, Role, Verb
from forecourt.access.guard import SAFE_METHODS
from forecourt.access.model import OF_THE_WHOLE
from forecourt.app.screens import screens
from forecourt.app.web import create_app
from forecourt.platform.bus import Bus
from forecourt.platform.database import Pool
from forecourt.platform.settings import Settings
from forecourt.ui.assets import Assets
from tests.conftest import Database
from tests.ground import Ground
from tests.http import BASE, NOBODY, PASSWORD, SECRET, House, Tenant
from tests.support import FakeClock

TABLE = Path(__file__).parents[2] / "docs" / "reference" / "access.md"
WRITE = "FORECOURT_TEST_WRITE"
HEAD = """# Who may ask what

Made by a test that asks every route, of the API and of the pages, as a person of each role and as nobody: it is what
happens, not what is meant (`tests/app/test_access_table.py`). A blank is a refusal: 403, or for nobody 401 and the way
to sign in. Who is limited to some sites is refused besides what concerns *the whole* organisation, and finds nothing
but what is at those sites. API keys pass where their role does, unless their scopes or sites say less. What limits
mean: [tenancy](../explanation/tenancy.md).
"""


class Door(Struct, frozen=True, order=True):
    """A route by one method; `verb` None: open to everybody."""

    path: str
    method: str
    verb: Verb | None


class Town(Struct, frozen=True, kw_only=True):
    """The whole application with an organisation, a stranger beside it, and a thing of every kind."""

    house: House
    doors: list[Door]
    tenant: Tenant
    stranger: Tenant
    #: Stands in everything at the site, and nowhere else.
    mark: str
    things: Mapping[str, str]
    elsewhere: int

    async def as_person(self, tenant: Tenant, role: Role, sites: tuple[int, ...] | None = None) -> AsyncClient:
        email = await tenant.operator(role)
        if sites is not None or role is Role.SITE_HOST:
            with self.house.admin() as connection:
                connection.execute(
                    "UPDATE memberships SET site_ids = %s"
                    " WHERE person_id = (SELECT person_id FROM people WHERE email = %s)",
                    (list(sites or ()), email),
                )
        client = self.house.client(headers={"origin": BASE, "accept": "text/html"})
        answer = await client.post("/sign-in", data={"email": email, "password": PASSWORD})
        assert answer.status_code == 303
        return client

    def rows(self) -> dict[str, list[str]]:
        """Every row of the organisation in every table, as text."""
        with self.house.admin() as connection:
            tables = connection.execute(
                "SELECT c.relname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id'"
                " WHERE c.relkind IN ('r', 'p') AND c.relnamespace = 'public'::regnamespace AND NOT c.relispartition"
            ).fetchall()
            found = {}
            for (table,) in tables:
                name = sql.Identifier(table)
                query = sql.SQL("SELECT t::text FROM {} t WHERE tenant_id = %s ORDER BY 1").format(name)
                found[table] = [text for (text,) in connection.execute(query, (self.tenant.tenant_id,)).fetchall()]
        return found


async def ask(client: AsyncClient, door: Door, things: Mapping[str, str], body: object) -> Any:
    path = re.sub(r"\{(\w+)(:\w+)?\}", lambda name: things[name[1]], door.path)
    if path == "/api/v1/stream":  # one that is let through never ends, so it is asked for wrongly
        path += "?rubbish=1"
    if door.method in SAFE_METHODS:
        return await client.request(door.method, path)
    if path.startswith("/api/"):
        return await client.request(door.method, path, json=body)
    return await client.request(door.method, path, data={})


def doors_of(app: Litestar) -> list[Door]:
    return sorted(
        Door(route.path_format, method, None if handler.opt.get("public") else handler.opt.get("verb", Verb.READ))
        for route in app.routes
        if isinstance(route, HTTPRoute)
        for method, (handler, _) in route.route_handler_map.items()
        if method not in ("HEAD", "OPTIONS")
    )


#: What a path's part is filled with where nothing is to be found.
SOME_ID = "7a0c2f0e-54d1-4a8e-9a55-0c5d0ff3c5de"
NOTHING = {
    **dict.fromkeys(("key_id", "person_id", "invitation_id", "number", "tenant_id"), str(2**31 - 1)),
    **dict.fromkeys(
        ("webhook_id", "delivery_id", "rule_id", "passkey_id", "own_session_id", "feed_id"), str(2**31 - 1)
    ),
    **dict.fromkeys(
        ("host_id", "entry_id", "payout_id", "file_id", "line_id", "difference_id", "document_id"), str(2**31 - 1)
    ),
    **dict.fromkeys(
        ("uid", "site", "station", "account", "identity", "file_path", "action", "name", "asset", "slug"), "x"
    ),
    **dict.fromkeys(
        ("session_id", "request_id", "command_id", "incident_id", "run_id", "limit_id", "alert_id", "change_id"),
        SOME_ID,
    ),
    **dict.fromkeys(("tariff_id", "assignment_id", "payment_id", "account_id", "intent_id"), SOME_ID),
    **dict.fromkeys(
        ("driver_id", "fleet_id", "plan_id", "vehicle_id", "invoice_id", "campaign_id", "study_id"), str(2**31 - 1)
    ),
    "action_id": str(2**31 - 1),
    **dict.fromkeys(("card_id", "reader_id", "setup_id", "place_id", "fee_id"), SOME_ID),
    **dict.fromkeys(("report_id", "report_run_id"), str(2**31 - 1)),
    "form": "pdf",
    "address": "001122AABBCC",
    "fingerprint": "0" * 64,
    "zone": "x",
    "battery": "x",
    "evse": "1",
    "brand": "x",
    "colour": "0a7a4b",
    "version": "v1",
    "password": "x",
}


async def a_thing_of_every_kind(house: House, tenant: Tenant, mark: str) -> tuple[dict[str, str], int]:
    owner = await tenant.client()
    yard = (await owner.post("/api/v1/sites", json={"name": f"Yard {mark}"})).json()
    other = (await owner.post("/api/v1/sites", json={"name": "Elsewhere"})).json()
    identity, uid = f"CP-{uuid4().hex[:8]}", f"T-{uuid4().hex[:8]}"
    made = await owner.post("/api/v1/stations", json={"id": identity, "name": f"One {mark}", "site": yard["id"]})
    assert made.status_code == 201
    await owner.post("/api/v1/tokens", json={"uid": uid, "type": "Central", "status": "accepted", "group": mark})
    key = (await owner.post("/api/v1/keys", json={"name": f"App {mark}", "role": "viewer"})).json()
    invited = await owner.post("/api/v1/invitations", json={"email": f"{mark}@example.org", "role": "viewer"})
    await tenant.operator()
    with house.admin() as connection:
        station = connection.execute("SELECT station_id FROM stations WHERE identity = %s", (identity,)).fetchone()
        assert station is not None
        session = connection.execute(
            "INSERT INTO sessions (tenant_id, station_id, transaction_id, start_key, started_at, last_key, last_at,"
            " heard_at, evse) VALUES (%s, %s, %s, 0, now(), 0, now(), now(), 1) RETURNING session_id::text",
            (tenant.tenant_id, station[0], mark),
        ).fetchone()
        broken = connection.execute(
            "INSERT INTO quarantine (at, tenant_id, station_id, raw, error) VALUES (now(), %s, %s, %s, 'x')"
            " RETURNING quarantine_id::text",
            (tenant.tenant_id, station[0], mark),
        ).fetchone()
        person = connection.execute(
            "SELECT max(person_id)::text FROM memberships WHERE tenant_id = %s", (tenant.tenant_id,)
        ).fetchone()
        run = connection.execute(
            "INSERT INTO bulk_runs (tenant_id, action, argument, actor, asked_at)"
            " VALUES (%s, 'reset', 'soft', %s, now()) RETURNING run_id::text",
            (tenant.tenant_id, f'{{"name": "{mark}"}}'),
        ).fetchone()
        assert run is not None
        connection.execute(
            "INSERT INTO bulk_run_stations (run_id, position, tenant_id, station_id, station)"
            " VALUES (%s, 1, %s, %s, %s)",
            (run[0], tenant.tenant_id, station[0], mark),
        )
        connection.execute(
            "INSERT INTO station_variables (station_id, component, variable, attribute, tenant_id, value, read_only,"
            " secret, read_at) VALUES (%s, '', 'Key', 'Actual', %s, %s, false, false, now())",
            (station[0], tenant.tenant_id, mark),
        )
        connection.execute(
            "INSERT INTO connectors (station_id, evse, connector, tenant_id, state, state_at, info)"
            " VALUES (%s, 1, 1, %s, 'Available', now(), %s)",
            (station[0], tenant.tenant_id, mark),
        )
        assert session is not None
        command = connection.execute(
            "INSERT INTO commands (tenant_id, station_id, action, payload, asked_by, asked_at, outcome)"
            " VALUES (%s, %s, 'Reset', '{}', %s, now(), 'timeout') RETURNING command_id::text",
            (tenant.tenant_id, station[0], mark),
        ).fetchone()
        assert command is not None
        limit = connection.execute(
            "INSERT INTO node_limits (tenant_id, site_id, source, external_id, limit_w, starts_at, said_at, said_by)"
            " VALUES (%s, %s, %s, '1', 1, now(), now(), 'x') RETURNING limit_id::text",
            (tenant.tenant_id, yard["id"], mark),
        ).fetchone()
        assert limit is not None
        zone = "NL"
        connection.execute(
            "INSERT INTO site_tariffs (site_id, tenant_id, tariff, changed_at, changed_by)"
            " VALUES (%s, %s, %s, now(), %s)",
            (yard["id"], tenant.tenant_id, '{"currency": "EUR", "price_zone": "' + mark + '"}', mark),
        )
        connection.execute(
            "INSERT INTO energy_sites (site_id, tenant_id, electrics_version, changed_at, changed_by)"
            " VALUES (%s, %s, 1, now(), %s)",
            (yard["id"], tenant.tenant_id, mark),
        )
        battery = f'{{"id": "{mark}", "node": "grid", "capacity_wh": 1, "charge_w": 1, "discharge_w": 1}}'
        connection.execute(
            "INSERT INTO electrics (site_id, version, tenant_id, tree, changed_at, changed_by)"
            " VALUES (%s, 1, %s, %s, now(), %s)",
            (yard["id"], tenant.tenant_id, f'{{"nodes": [{{"id": "grid"}}], "batteries": [{battery}]}}', mark),
        )
        connection.execute(
            "INSERT INTO charging_preferences (tenant_id, uid_key, wants, changed_at, changed_by)"
            " VALUES (%s, lower(%s), '{}', now(), %s)",
            (tenant.tenant_id, uid, mark),
        )
        connection.execute(
            "INSERT INTO session_needs (session_id, source, tenant_id, station_id, wants, said_at, said_by)"
            " VALUES (%s, 'api', %s, %s, '{}', now(), %s)",
            (session[0], tenant.tenant_id, station[0], mark),
        )
        host = connection.execute(
            "INSERT INTO hosts (tenant_id, name, country, site_ids, created_at) VALUES (%s, %s, 'DE', %s, now())"
            " RETURNING host_id::text",
            (tenant.tenant_id, mark, [yard["id"]]),
        ).fetchone()
        entry = connection.execute(
            "WITH a AS (INSERT INTO ledger_accounts (tenant_id, name) VALUES (%(tenant)s, 'bank')"
            "  RETURNING account_id),"
            " j AS (INSERT INTO journal (tenant_id, key, kind, at, legs, memo)"
            "  VALUES (%(tenant)s, 'k', 'expense', now(), 2, %(mark)s) RETURNING entry_id)"
            " INSERT INTO postings (entry_id, leg, tenant_id, account_id, currency, amount)"
            " SELECT entry_id, n, %(tenant)s, account_id, 'EUR', 2 * n - 3 FROM a, j, generate_series(1, 2) AS n"
            " RETURNING entry_id::text",
            {"tenant": tenant.tenant_id, "mark": mark},
        ).fetchone()
        assert host is not None
        assert entry is not None
        connection.execute(
            "INSERT INTO host_lines (tenant_id, host_id, entry_id, kind, at, currency, amount, memo)"
            " VALUES (%s, %s, %s, 'expense', now(), 'EUR', 1, %s)",
            (tenant.tenant_id, host[0], entry[0], mark),
        )
    assert session is not None
    assert broken is not None
    assert person is not None
    things = {
        "station": identity,
        "identity": identity,
        "site": yard["slug"],
        "uid": uid,
        "key_id": str(key["id"]),
        "invitation_id": str(invited.json()["id"]),
        "person_id": person[0],
        "session_id": session[0],
        "run_id": run[0],
        "command_id": command[0],
        "limit_id": limit[0],
        "zone": zone,
        "battery": mark,
        "host_id": host[0],
        "entry_id": entry[0],
        "account": "bank",
        "number": broken[0],
        "tenant_id": str(tenant.tenant_id),
    }
    return {**NOTHING, **things}, other["id"]


@pytest_asyncio.fixture(scope="module")
async def whole(
    database: Database, nats_url: str, clock_of_process: FakeClock, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[tuple[Pool, Any]]:
    """The whole application, its pages included; to put all its routes together takes long."""
    names = (
        "console.css", "console.js", "signin.js", "inter-latin-wght-normal.woff2", "countries.json", "map-worker.js",
        "driver.css", "driver.js", "find.css", "find.js",
    )  # fmt: skip
    settings = Settings(
        data_dir=tmp_path_factory.mktemp("data"), database_url=database.url, nats_url=nats_url, secret_key=SECRET,
        stripe_url=NOBODY,
    )  # fmt: skip
    bus, clock = await Bus.connect(nats_url), clock_of_process
    async with Pool(database.url, "forecourt_app", size=2) as db:
        access = Access(db, SECRET.encode(), clock)
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(Assets, "load", lambda: Assets({name: f"/static/{name}" for name in names}, {}))
            seen = screens(settings, db, bus, clock, access)
        yield db, create_app(settings, db, bus, clock, access=access, shell=seen.shell, screens=seen.routes)
    await bus.close()


@pytest_asyncio.fixture
async def town(whole: tuple[Pool, Any], ground: Ground, clock: FakeClock) -> AsyncIterator[Town]:
    db, app = whole
    # Whether answers are as the document says is asked elsewhere, of every route.
    house = House(ground, db, app, clock, judged=False)
    tenant, stranger = await house.tenant(), await house.tenant()
    mark = f"mark{uuid4().hex[:10]}"
    things, elsewhere = await a_thing_of_every_kind(house, tenant, mark)
    yield Town(
        house=house, doors=doors_of(app._inner._inner._inner), tenant=tenant, stranger=stranger, mark=mark,
        things=things, elsewhere=elsewhere,
    )  # fmt: skip
    await house.close()


def passed(answer: Any) -> bool:
    """Whether the guard let it through; what a route itself refuses has come that far."""
    assert answer.status_code < 500 or answer.status_code in (502, 503, 504), answer.text
    if answer.status_code == 303:
        return not answer.headers["location"].startswith("/sign-in?next=")
    if answer.status_code not in (401, 403):
        return True
    told = re.search(r'(?:"code":|data-problem=)"([^"]*)"', answer.text)
    return told is None or told[1] not in ("unauthenticated", "forbidden", "forbidden-by-sites")


async def test_every_route_lets_through_whom_the_table_names_and_nobody_else(town: Town) -> None:
    nobody = town.house.client(headers={"accept": "text/html"})
    people = {role: await town.as_person(town.tenant, role) for role in Role}
    for client in people.values():
        # Refusals are told to them in JSON: a page of each costs more than to decide it.
        client.headers["accept"] = "application/json"
    lines = [
        f"| route | needs | {' | '.join(role.value for role in Role)} | nobody |",
        "|---" * (3 + len(Role)) + "|",
    ]
    for door in town.doors:
        open_to_all = passed(await ask(nobody, door, NOTHING, {"rubbish": True}))
        cells = ["yes"] * len(Role)
        if door.verb is not None:  # the others sign in and out, which would end the walk
            answers = [await ask(client, door, NOTHING, {"rubbish": True}) for client in people.values()]
            cells = ["yes" if passed(answer) else "" for answer in answers]
        assert open_to_all is (door.verb is None), door
        needs = (
            "nothing" if door.verb is None else door.verb.value + (" (the whole)" if door.verb in OF_THE_WHOLE else "")
        )
        row = [f"`{door.method} {door.path}`", needs, *cells, "yes" if open_to_all else ""]
        lines.append("| " + " | ".join(row) + " |")
    found = HEAD + "\n" + re.sub(r" +\|", " |", "\n".join(lines)) + "\n"
    if os.environ.get(WRITE):
        TABLE.write_text(found, encoding="utf-8")
    assert TABLE.read_text(encoding="utf-8") == found, f"{TABLE.name} is not what is: run this with {WRITE}=1"


async def test_another_organisation_sees_nothing_of_it_and_changes_nothing_of_it(town: Town) -> None:
    own, foreign = await town.as_person(town.tenant, Role.OWNER), await town.as_person(town.stranger, Role.OWNER)
    reading = [door for door in town.doors if door.method == "GET" and door.verb is not None]
    mine = [door for door in reading if town.mark in (await ask(own, door, town.things, {})).text]
    assert len(mine) >= 12, "too little was looked at to prove anything"
    for door in reading:
        assert town.mark not in (await ask(foreign, door, town.things, {})).text, door
    before = town.rows()
    for door in town.doors:
        if door.method != "GET" and door.verb is not None:
            answer = await ask(foreign, door, town.things, {})
            passed(answer)
    assert town.rows() == before


async def test_who_is_limited_to_another_site_sees_nothing_of_this_one_and_changes_nothing_of_it(town: Town) -> None:
    limited = await town.as_person(town.tenant, Role.OPERATOR, (town.elsewhere,))
    for door in town.doors:
        if door.method == "GET" and door.verb is not None:
            assert town.mark not in (await ask(limited, door, town.things, {})).text, door
    before = town.rows()
    for door in town.doors:
        if door.method != "GET" and door.verb is not None:
            await ask(limited, door, town.things, {})
    after = town.rows()
    # What they do about how they themselves sign in is theirs to do, and told to them by letter.
    own = ("recovery_codes", "sign_in_steps", "letters", "outbox")
    told = ("audit", "person_sessions", "memberships", "idempotent_requests", *own)
    assert {name: rows for name, rows in after.items() if name not in told} == {
        name: rows for name, rows in before.items() if name not in told
    }
