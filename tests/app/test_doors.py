"""Every route at once: closed to nobody, open to the roles the table says, and held by the database all the same."""

from typing import Any

import psycopg
import pytest
from psycopg.errors import InsufficientPrivilege

from forecourt.access import Role, Verb, may
from forecourt.access.model import roles_for
from tests.http import House, Tenant, problem

#: What each route needs, said again here on purpose: who widens a route meets this table.
NEEDS = {
    ("POST", "/api/v1/keys"): Verb.KEYS,
    ("GET", "/api/v1/keys"): Verb.KEYS,
    ("DELETE", "/api/v1/keys/{key_id}"): Verb.KEYS,
    ("GET", "/api/v1/audit"): Verb.AUDIT,
    ("POST", "/api/v1/tokens"): Verb.CHANGE_TOKENS,
    ("GET", "/api/v1/tokens"): Verb.READ,
    ("GET", "/api/v1/tokens/{uid}"): Verb.READ,
    ("PATCH", "/api/v1/tokens/{uid}"): Verb.CHANGE_TOKENS,
    ("DELETE", "/api/v1/tokens/{uid}"): Verb.CHANGE_TOKENS,
    ("POST", "/api/v1/sites"): Verb.CHANGE_SITES,
    ("GET", "/api/v1/sites"): Verb.READ,
    ("GET", "/api/v1/sites/{site}"): Verb.READ,
    ("PATCH", "/api/v1/sites/{site}"): Verb.CHANGE_SITES,
    ("DELETE", "/api/v1/sites/{site}"): Verb.CHANGE_SITES,
    ("POST", "/api/v1/stations"): Verb.CHANGE_STATIONS,
    ("GET", "/api/v1/stations"): Verb.READ,
    ("GET", "/api/v1/stations/{station}"): Verb.READ,
    ("PATCH", "/api/v1/stations/{station}"): Verb.CHANGE_STATIONS,
    ("DELETE", "/api/v1/stations/{station}"): Verb.CHANGE_STATIONS,
    ("GET", "/api/v1/quarantine"): Verb.READ,
    ("GET", "/api/v1/quarantine/{number}"): Verb.READ,
    ("POST", "/api/v1/quarantine/{number}/review"): Verb.REVIEW,
    ("GET", "/api/v1/orphan-reports"): Verb.READ,
    ("POST", "/api/v1/orphan-reports/{number}/review"): Verb.REVIEW,
    ("GET", "/api/v1/stations/{station}/messages"): Verb.READ,
    ("GET", "/api/v1/stations/{station}/commands"): Verb.READ,
    ("GET", "/api/v1/stations/{station}/availability"): Verb.READ,
    ("POST", "/api/v1/stations/{station}/calls"): Verb.CALL,
    ("POST", "/api/v1/stations/{station}/unlock"): Verb.CONTROL,
    ("POST", "/api/v1/stations/{station}/reset"): Verb.RESET,
    ("POST", "/api/v1/stations/{station}/start"): Verb.CONTROL,
    ("GET", "/api/v1/stations/{station}/remote-starts"): Verb.READ,
    ("GET", "/api/v1/sessions"): Verb.READ,
    ("GET", "/api/v1/sessions/{session_id}"): Verb.READ,
    ("GET", "/api/v1/sessions/{session_id}/samples"): Verb.READ,
    ("POST", "/api/v1/sessions/{session_id}/stop"): Verb.CONTROL,
}
TENANT_TABLES = (
    "organisations",
    "memberships",
    "person_sessions",
    "invitations",
    "api_keys",
    "audit",
    "idempotent_requests",
    "tokens",
    "sites",
    "stations",
    "station_links",
    "connectors",
    "connector_history",
    "messages",
    "quarantine",
    "commands",
    "connection_gaps",
    "unsupported_actions",
    "sessions",
    "remote_starts",
    "meter_values",
    "orphan_reports",
)


def filled(path: str) -> str:
    values = {"key_id": str(2**31 - 1), "uid": "x", "site": "x", "station": "x", "number": str(2**31 - 1)}
    return path.format(**values, session_id="7a0c2f0e-54d1-4a8e-9a55-0c5d0ff3c5de")


async def test_the_table_names_every_route(house: House) -> None:
    document = (await house.document()).content
    routes = {
        (method.upper(), path)
        for path, operations in document["paths"].items()
        for method in operations
        if method in ("get", "post", "put", "patch", "delete")
    }
    assert routes == set(NEEDS)


async def test_nobody_gets_nowhere(house: House) -> None:
    client = house.client()
    for method, path in NEEDS:
        answer = await client.request(method, filled(path), json={})
        problem(answer, 401, "unauthenticated")


@pytest.mark.parametrize("role", Role)
async def test_a_role_passes_where_its_verbs_lead_and_nowhere_else(tenant: Tenant, role: Role) -> None:
    client = await tenant.client(role)
    for (method, path), verb in NEEDS.items():
        answer = await client.request(method, filled(path), json={"rubbish": True})
        if may(role, verb):
            assert answer.status_code in (200, 204, 400, 404), f"{method} {path}: {answer.text}"
        else:
            assert problem(answer, 403, "forbidden")["needs"] == roles_for(verb)


def test_a_site_host_sees_nothing_until_sites_can_be_given_to_one() -> None:
    assert not any(may(Role.SITE_HOST, verb) for verb in Verb)
    assert all(may(Role.OWNER, verb) for verb in Verb)


def as_app(house: House, tenant_id: int | None) -> psycopg.Connection[Any]:
    """The application's login in its role: what a route would see if it forgot every check."""
    connection = psycopg.connect(house.database.url, autocommit=True)
    connection.execute("SET ROLE forecourt_app")
    if tenant_id is not None:
        connection.execute("SELECT set_config('forecourt.tenant', %s, false)", (str(tenant_id),))
    return connection


async def test_without_a_tenant_the_database_shows_and_takes_nothing(house: House, tenant: Tenant) -> None:
    await tenant.operator()
    await (await tenant.client()).post("/api/v1/stations", json={"id": f"here-{tenant.tenant_id}"})
    with as_app(house, None) as connection:
        for table in TENANT_TABLES:
            rows = connection.execute(f"SELECT count(*) FROM {table}".encode()).fetchone()
            assert rows == (0,), table
        for statement in (
            f"INSERT INTO tokens (tenant_id, uid_key, uid, type, status)"
            f" VALUES ({tenant.tenant_id}, 'a', 'a', 'b', 'accepted')",
            f"INSERT INTO stations (tenant_id, identity) VALUES ({tenant.tenant_id}, 'nobodys')",
            f"INSERT INTO audit (tenant_id, actor, action, object) VALUES ({tenant.tenant_id}, 'a', 'b', 'c')",
        ):
            with pytest.raises(InsufficientPrivilege, match="row-level security"):
                connection.execute(statement.encode())


async def test_for_another_tenant_the_database_shows_and_takes_nothing(
    house: House, tenant: Tenant, stranger: Tenant
) -> None:
    await tenant.operator()
    await (await tenant.client()).post("/api/v1/stations", json={"id": f"mine-{tenant.tenant_id}"})
    await (await stranger.client()).post("/api/v1/stations", json={"id": f"theirs-{stranger.tenant_id}"})
    with as_app(house, stranger.tenant_id) as connection:
        for table in TENANT_TABLES:
            rows = connection.execute(
                f"SELECT count(*) FROM {table} WHERE tenant_id <> {stranger.tenant_id}".encode()
            ).fetchone()
            assert rows == (0,), table
        with pytest.raises(InsufficientPrivilege, match="row-level security"):
            connection.execute(
                "INSERT INTO stations (tenant_id, identity) VALUES (%s, 'smuggled')", (tenant.tenant_id,)
            )
        with pytest.raises(InsufficientPrivilege, match="row-level security"):
            connection.execute("UPDATE stations SET tenant_id = %s", (tenant.tenant_id,))


async def test_what_a_station_said_of_a_session_can_not_be_rewritten(house: House, tenant: Tenant) -> None:
    with as_app(house, tenant.tenant_id) as connection:
        connection.execute("UPDATE sessions SET notes = '{}', closed_at = NULL")
        for column in ("meter_stop_wh", "ended_at", "token_uid", "tenant_id"):
            with pytest.raises(InsufficientPrivilege, match="permission denied"):
                connection.execute(f"UPDATE sessions SET {column} = NULL".encode())


async def test_the_audit_can_be_added_to_and_never_changed(house: House, tenant: Tenant) -> None:
    await (await tenant.client()).post("/api/v1/sites", json={"name": "Yard"})
    with as_app(house, tenant.tenant_id) as connection:
        assert connection.execute("SELECT action FROM audit").fetchall() == [("create site",)]
        for statement in (b"UPDATE audit SET actor = 'another'", b"DELETE FROM audit", b"TRUNCATE audit"):
            with pytest.raises(InsufficientPrivilege, match="permission denied"):
                connection.execute(statement)


async def test_the_lookups_before_a_tenant_is_known_pass_no_list_and_no_other_role(
    house: House, tenant: Tenant
) -> None:
    email = await tenant.operator()
    with house.admin() as connection:
        row = connection.execute(
            "SELECT rolsuper OR rolbypassrls OR rolcanlogin FROM pg_roles WHERE rolname = 'forecourt_lookup'"
        ).fetchone()
        assert row == (False,)
        owned = connection.execute(
            "SELECT proname FROM pg_proc WHERE proowner = 'forecourt_lookup'::regrole ORDER BY 1"
        ).fetchall()
        assert owned == [
            ("access_invitation",),
            ("access_key",),
            ("access_person",),
            ("access_session",),
            ("sessions_tenants_with_due_starts",),
            ("sessions_tenants_with_sharing",),
            ("sessions_tenants_with_silence",),
        ]
        for role in ("forecourt_ingest", "forecourt_worker"):
            connection.execute(f"SET ROLE {role}".encode())
            with pytest.raises(InsufficientPrivilege):
                connection.execute("SELECT * FROM access_person(%s)", (email,))
            connection.execute("RESET ROLE")
    with as_app(house, None) as connection:
        found = connection.execute("SELECT name FROM access_person(%s)", (email,)).fetchall()
        assert found == [("Someone",)]
        assert connection.execute("SELECT * FROM access_person('%')").fetchall() == []
