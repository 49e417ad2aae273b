"""Sites and stations over HTTP: who may connect and how they are."""

import asyncio
from datetime import datetime, timedelta
from typing import Any

import pytest

from forecourt.access import Role
from forecourt.stations.model import password_hash
from forecourt.stations.service import slug_of
from tests.http import SECRET, House, Tenant, check_orders, problem, walk

SITES = "/api/v1/sites"
STATIONS = "/api/v1/stations"


def stored(house: House, identity: str) -> tuple[Any, ...]:
    """What gateways read of a station: password hash, version, registration, profile."""
    with house.admin() as connection:
        row = connection.execute(
            "SELECT password_hash, version, registration, security_profile FROM stations WHERE identity = %s",
            (identity,),
        ).fetchone()
    assert row is not None
    return tuple(row)


async def a_station(tenant: Tenant, identity: str, **fields: Any) -> dict[str, Any]:
    answer = await (await tenant.client()).post(STATIONS, json={"id": identity, **fields})
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


async def test_a_station_is_registered_with_its_given_password_which_is_never_shown(
    house: House, tenant: Tenant
) -> None:
    password = "a password from the factory"
    made = await a_station(
        tenant,
        f"CP 1/{tenant.tenant_id}".replace("/", "-"),
        password=password,
        security_profile=1,
        registration="pending",
        name="Left of the gate",
        latitude=52.5,
        longitude=13.4,
        max_power_w=22_000,
    )
    assert "password" not in made
    assert made["has_password"] is True
    assert (made["registration"], made["state"], made["connected"]) == ("pending", "Offline", False)
    assert stored(house, made["id"])[0] == password_hash(SECRET.encode(), password)
    client = await tenant.client()
    assert (await client.get(f"{STATIONS}/{made['id']}")).json() == made
    with house.admin() as connection:
        audit = connection.execute("SELECT audit::text FROM audit").fetchall()
    assert not any(password in text for (text,) in audit)


@pytest.mark.parametrize("profile", [1, 2])
async def test_a_password_is_made_where_one_is_needed_and_shown_once(
    house: House, tenant: Tenant, profile: int
) -> None:
    made = await a_station(tenant, f"made-{tenant.tenant_id}", security_profile=profile)
    assert len(made["password"]) == 40
    assert stored(house, made["id"])[0] == password_hash(SECRET.encode(), made["password"])
    assert "password" not in (await (await tenant.client()).get(f"{STATIONS}/{made['id']}")).json()


@pytest.mark.parametrize("profile", [0, 3])
async def test_no_password_is_made_where_none_is_needed(house: House, tenant: Tenant, profile: int) -> None:
    made = await a_station(tenant, f"bare-{tenant.tenant_id}", security_profile=profile)
    assert "password" not in made
    assert made["has_password"] is False
    client = await tenant.client()
    changed = (await client.patch(f"{STATIONS}/{made['id']}", json={"security_profile": 1})).json()
    assert stored(house, made["id"])[0] == password_hash(SECRET.encode(), changed["password"])


async def test_an_identity_is_taken_for_the_whole_deployment(tenant: Tenant, stranger: Tenant) -> None:
    identity = f"taken-{tenant.tenant_id}"
    await a_station(tenant, identity)
    for client in (await tenant.client(), await stranger.client()):
        problem(await client.post(STATIONS, json={"id": identity}), 409, "station-exists")
    problem(await (await stranger.client()).get(f"{STATIONS}/{identity}"), 404, "station-unknown")
    problem(await (await stranger.client()).patch(f"{STATIONS}/{identity}", json={}), 404, "station-unknown")
    assert await walk(await stranger.client(), STATIONS) == []


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"id": ""},
        {"id": "a:b"},
        {"id": "a/b"},
        {"id": ".."},
        {"id": " a"},
        {"id": "a "},
        {"id": "a\x7f"},
        {"id": "x" * 256},
        {"id": "a", "security_profile": 4},
        {"id": "a", "security_profile": "one"},
        {"id": "a", "registration": "Accepted"},
        {"id": "a", "password": ""},
        {"id": "a", "password": "x" * 65},
        {"id": "a", "password": "tab\t"},
        {"id": "a", "latitude": 91},
        {"id": "a", "max_power_w": 0},
        {"id": "a\u200bb"},
        {"id": "a", "max_power_w": "11000"},
        {"id": "a", "max_power_w": 1e1},
        {"id": "a", "name": "   "},
        {"id": "a", "site": True},
        {"id": "a", "vendor": "said by the station alone"},
    ],
)
async def test_what_could_never_connect_is_refused(tenant: Tenant, body: dict[str, Any]) -> None:
    client = await tenant.client()
    problem(await client.post(STATIONS, json=body), 400, "request-invalid")
    assert await walk(client, STATIONS) == []


async def test_only_a_change_of_what_gateways_know_draws_a_new_version(house: House, tenant: Tenant) -> None:
    made = await a_station(tenant, f"v-{tenant.tenant_id}")
    client, path = await tenant.client(), f"{STATIONS}/v-{tenant.tenant_id}"
    version = stored(house, made["id"])[1]
    for change, draws in [
        ({"name": "New name"}, False),
        ({"registration": "rejected"}, True),
        ({"security_profile": 2}, True),
        ({"password": "another password"}, True),
        ({}, False),
        ({"latitude": None, "id": made["id"]}, False),
    ]:
        answer = await client.patch(path, json=change)
        assert answer.status_code == 200, answer.text
        now = stored(house, made["id"])[1]
        assert (now > version) is draws, change
        version = now
    problem(await client.patch(path, json={"id": "another"}), 409, "identity-fixed")
    assert stored(house, made["id"])[0] == password_hash(SECRET.encode(), "another password")


async def test_a_station_stands_at_a_site_named_by_slug_or_id(tenant: Tenant, stranger: Tenant) -> None:
    client = await tenant.client()
    site = (await client.post(SITES, json={"name": "Büro Süd", "country": "DE", "time_zone": "Europe/Berlin"})).json()
    assert site["slug"] == "buro-sud"
    by_slug = await a_station(tenant, f"s-{tenant.tenant_id}", site="buro-sud")
    by_id = await a_station(tenant, f"i-{tenant.tenant_id}", site=site["id"])
    assert by_slug["site"] == by_id["site"] == "buro-sud"
    await a_station(tenant, f"n-{tenant.tenant_id}")
    assert [each["id"] for each in await walk(client, STATIONS, site="buro-sud")] == [by_slug["id"], by_id["id"]]
    moved = (await client.patch(f"{STATIONS}/{by_id['id']}", json={"site": None})).json()
    assert moved["site"] is None
    refused = await (await stranger.client()).post(STATIONS, json={"id": "x", "site": site["id"]})
    problem(refused, 422, "site-refused")


async def test_sites_are_sorted_as_asked_and_one_that_goes_meanwhile_takes_none_with_it(tenant: Tenant) -> None:
    client = await tenant.client()
    for name in ("Yard", "alp", "Zoo", "yard", "Alp"):
        await client.post(SITES, json={"name": name})
    made = ["yard", "alp", "zoo", "yard-2", "alp-2"]
    by_name = ["alp", "alp-2", "yard", "yard-2", "zoo"]
    await check_orders(client, SITES, "slug", oldest=made, newest=made[::-1], name=by_name)
    page = (await client.get(SITES, params={"sort": "name", "limit": 2})).json()
    await client.delete(f"{SITES}/alp-2")
    rest = await client.get(SITES, params={"sort": "name", "cursor": page["next"]})
    assert [each["slug"] for each in rest.json()["items"]] == by_name[2:]


async def test_sites_are_listed_shown_and_named_apart(tenant: Tenant, stranger: Tenant) -> None:
    client = await tenant.client()
    made = [(await client.post(SITES, json={"name": "Yard"})).json() for _ in range(3)]
    assert [site["slug"] for site in made] == ["yard", "yard-2", "yard-3"]
    problem(await client.post(SITES, json={"name": "Other", "slug": "yard"}), 409, "site-exists")
    assert await walk(client, SITES, limit=2) == made
    assert (await client.get(f"{SITES}/yard-2")).json() == made[1]
    assert (await client.get(f"{SITES}/{made[1]['id']}")).json() == made[1]
    for path in (f"{SITES}/yard", f"{SITES}/{made[0]['id']}", f"{SITES}/{2**70}"):
        problem(await (await stranger.client()).get(path), 404, "site-unknown")


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({}, 400, "request-invalid"),
        ({"name": ""}, 400, "request-invalid"),
        ({"name": "x", "slug": "Not A Slug"}, 400, "request-invalid"),
        ({"name": "x", "country": "Germany"}, 400, "request-invalid"),
        ({"name": "x", "longitude": 181}, 400, "request-invalid"),
        ({"name": "x", "time_zone": "Mars/Olympus"}, 422, "time-zone-refused"),
    ],
)
async def test_a_bad_site_is_refused(tenant: Tenant, body: dict[str, Any], status: int, code: str) -> None:
    problem(await (await tenant.client()).post(SITES, json=body), status, code)


async def test_a_held_station_shows_its_connectors_and_one_word_for_all(house: House, tenant: Tenant) -> None:
    made = await a_station(tenant, f"live-{tenant.tenant_id}")
    with house.admin() as connection:
        gateway = f"gateway-{tenant.tenant_id}"
        row = connection.execute("SELECT station_id, now() FROM stations WHERE identity = %s", (made["id"],)).fetchone()
        assert row is not None
        station_id, now = row
        connection.execute("INSERT INTO gateways VALUES (%s, %s, %s)", (gateway, now, now + timedelta(minutes=1)))
        connection.execute(
            "INSERT INTO station_links (station_id, tenant_id, epoch, gateway_id, protocol, connected_at, last_seen_at)"
            " VALUES (%s, %s, 1, %s, 'ocpp2.0.1', %s, %s)",
            (station_id, tenant.tenant_id, gateway, now, now),
        )
        for evse, connector, state in [(0, 0, "Unavailable"), (1, 1, "Charging"), (2, 1, "Available")]:
            connection.execute(
                "INSERT INTO connectors (station_id, evse, connector, tenant_id, state, state_at)"
                " VALUES (%s, %s, %s, %s, %s, %s)",
                (station_id, evse, connector, tenant.tenant_id, state, now),
            )
        client = await tenant.client()
        shown = (await client.get(f"{STATIONS}/{made['id']}")).json()
        assert (shown["connected"], shown["state"], shown["protocol"]) == (True, "Charging", "ocpp2.0.1")
        assert [(each["evse"], each["state"]) for each in shown["connectors"]] == [
            (0, "Unavailable"),
            (1, "Charging"),
            (2, "Available"),
        ]
        assert (await client.get(STATIONS)).json()["items"] == [shown]
        connection.execute("UPDATE gateways SET lease_until = now() WHERE gateway_id = %s", (gateway,))
        lost = (await client.get(f"{STATIONS}/{made['id']}")).json()
        assert (lost["connected"], lost["state"]) == (False, "Offline")
        assert shown["disconnected_at"] is None
        row = connection.execute("SELECT lease_until FROM gateways WHERE gateway_id = %s", (gateway,)).fetchone()
        assert row == (datetime.fromisoformat(lost["disconnected_at"]),)


async def test_a_password_that_a_call_left_open_counts_as_one_until_another_is_given(
    house: House, tenant: Tenant
) -> None:
    made = await a_station(tenant, f"open-{tenant.tenant_id}", security_profile=0)
    assert made["has_password"] is False
    with house.admin() as connection:
        connection.execute(
            "INSERT INTO commands (tenant_id, station_id, action, payload, asked_by, asked_at, outcome, password_hash)"
            " SELECT tenant_id, station_id, 'ChangeConfiguration', '{}', 'test', now(), 'timeout', %s FROM stations"
            " WHERE identity = %s",
            (password_hash(SECRET.encode(), "given by a call"), made["id"]),
        )
        client, path = await tenant.client(), f"{STATIONS}/{made['id']}"
        # Were one made now, the station that took the other would be locked out.
        changed = (await client.patch(path, json={"security_profile": 1})).json()
        assert changed["has_password"] is True
        assert "password" not in changed
        query = "SELECT count(*) FROM commands WHERE tenant_id = %s AND password_hash IS NOT NULL"
        assert connection.execute(query, (tenant.tenant_id,)).fetchone() == (1,)
        await client.patch(path, json={"password": "given by hand"})
        assert connection.execute(query, (tenant.tenant_id,)).fetchone() == (0,)
        assert stored(house, made["id"])[0] == password_hash(SECRET.encode(), "given by hand")


async def test_more_than_one_page_of_stations_is_walked_without_gap_or_double(house: House, tenant: Tenant) -> None:
    identities = [f"{tenant.tenant_id}-{number}" for number in range(205)]
    with house.admin() as connection:
        connection.cursor().executemany(
            "INSERT INTO stations (tenant_id, identity) VALUES (%s, %s)",
            [(tenant.tenant_id, identity) for identity in identities],
        )
    client = await tenant.client(Role.VIEWER)
    assert [each["id"] for each in await walk(client, STATIONS)] == identities
    assert [each["id"] for each in await walk(client, STATIONS, limit=200)] == identities


@pytest.mark.parametrize(
    "path", [f"{STATIONS}/a%00b", f"{STATIONS}/{'x' * 256}", f"{SITES}/%00", f"{SITES}/A"],
    ids=["unseen", "long", "unseen site", "large letter"],
)  # fmt: skip
async def test_what_no_station_and_no_site_can_be_called_is_not_there(tenant: Tenant, path: str) -> None:
    problem(await (await tenant.client()).get(path), 404, "not-found")


async def test_rubbish_in_a_question_is_refused(tenant: Tenant) -> None:
    problem(await (await tenant.client()).get(f"{STATIONS}?site=%00"), 400, "request-invalid")


@pytest.mark.parametrize("role", [Role.SUPPORT, Role.VIEWER, Role.SITE_HOST])
async def test_roles_that_dont_build_register_nothing(tenant: Tenant, role: Role) -> None:
    client = await tenant.client(role)
    for method, path in [("POST", SITES), ("POST", STATIONS), ("PATCH", f"{STATIONS}/x")]:
        refused = problem(await client.request(method, path, json={"id": "x", "name": "x"}), 403, "forbidden")
        assert "owner" in refused["needs"]


async def test_row_level_security_alone_keeps_stations_apart(house: House, tenant: Tenant, stranger: Tenant) -> None:
    await (await tenant.client()).post(SITES, json={"name": "Yard"})
    await a_station(tenant, f"apart-{tenant.tenant_id}", site="yard")
    async with house.db.tenant(stranger.tenant_id) as conn:
        for table in ("sites", "stations"):
            assert await (await conn.execute(f"SELECT * FROM {table}".encode())).fetchall() == []
            assert (await conn.execute(f"UPDATE {table} SET name = 'taken over'".encode())).rowcount == 0


@pytest.mark.parametrize(
    ("name", "slug"), [("North yard", "north-yard"), ("  --Ä/B  ", "a-b"), ("充电", "site"), ("x" * 80, "x" * 63)]
)
def test_a_slug_fits_an_address(name: str, slug: str) -> None:
    assert slug_of(name) == slug


async def test_a_site_is_changed_and_what_is_not_named_stays(tenant: Tenant, stranger: Tenant) -> None:
    client = await tenant.client()
    made = (await client.post(SITES, json={"name": "Yard", "city": "Berlin", "time_zone": "Europe/Berlin"})).json()
    changed = (await client.patch(f"{SITES}/yard", json={"name": "South yard", "country": "DE", "city": None})).json()
    assert changed == {**made, "name": "South yard", "country": "DE", "city": None}
    assert (await client.patch(f"{SITES}/{made['id']}", json={})).json() == changed
    await client.post(SITES, json={"name": "Other"})
    problem(await client.patch(f"{SITES}/yard", json={"slug": "other"}), 409, "site-exists")
    problem(await client.patch(f"{SITES}/yard", json={"time_zone": "Mars/Olympus"}), 422, "time-zone-refused")
    problem(await client.patch(f"{SITES}/yard", json={"name": None}), 400, "request-invalid")
    problem(await (await stranger.client()).patch(f"{SITES}/{made['id']}", json={"name": "x"}), 404, "site-unknown")
    assert (await client.patch(f"{SITES}/yard", json={"slug": "south"})).json()["slug"] == "south"
    assert (await client.get(f"{SITES}/south")).json() == {**changed, "slug": "south"}


async def test_a_site_goes_only_when_no_station_stands_there(tenant: Tenant, stranger: Tenant) -> None:
    client = await tenant.client()
    await client.post(SITES, json={"name": "Yard"})
    stations = [await a_station(tenant, f"{number}-at-{tenant.tenant_id}", site="yard") for number in range(2)]
    refused = problem(await client.delete(f"{SITES}/yard"), 409, "site-in-use")
    assert refused["stations"] == 2
    assert "2 stations" in refused["detail"]
    problem(await (await stranger.client()).delete(f"{SITES}/yard"), 404, "site-unknown")
    await client.patch(f"{STATIONS}/{stations[0]['id']}", json={"site": None})
    assert problem(await client.delete(f"{SITES}/yard"), 409, "site-in-use")["stations"] == 1
    await client.delete(f"{STATIONS}/{stations[1]['id']}")
    assert (await client.delete(f"{SITES}/yard")).status_code == 204
    problem(await client.get(f"{SITES}/yard"), 404, "site-unknown")
    assert (await client.get(f"{STATIONS}/{stations[1]['id']}")).json()["site"] is None


async def test_a_retired_station_leaves_the_lists_and_frees_its_identity_for_anybody(
    house: House, tenant: Tenant, stranger: Tenant
) -> None:
    client, other = await tenant.client(), await stranger.client()
    identity = f"retired-{tenant.tenant_id}"
    path = f"{STATIONS}/{identity}"
    await a_station(tenant, identity, name="First")
    with house.admin() as connection:
        connection.execute(
            "INSERT INTO messages (at, tenant_id, station_id, direction, kind, message_id, payload)"
            " SELECT now(), tenant_id, station_id, 'i', 2, 'm1', '{}' FROM stations WHERE identity = %s",
            (identity,),
        )
    problem(await other.delete(path), 404, "station-unknown")
    retired = (await client.delete(path)).json()
    assert (retired["id"], retired["state"], retired["has_password"]) == (identity, "Offline", False)
    assert retired["retired_at"] is not None
    assert (await client.delete(path)).json() == retired == (await client.get(path)).json()
    assert await walk(client, STATIONS) == []
    assert await walk(client, STATIONS, retired=True) == [retired]
    assert [each["message_id"] for each in await walk(client, f"{path}/messages")] == ["m1"]
    problem(await client.patch(path, json={"name": "x"}), 409, "station-retired")
    problem(await client.post(f"{path}/calls", json={"action": "Reset"}), 409, "station-retired")
    problem(await client.post(f"{path}/start", json={"token": "A"}), 409, "station-retired")

    await a_station(stranger, identity, name="Another's")
    assert (await client.get(path)).json() == retired
    problem(await client.post(STATIONS, json={"id": identity}), 409, "station-exists")
    await other.delete(path)
    await a_station(tenant, identity, name="Second")
    assert (await client.get(path)).json()["name"] == "Second"
    assert await walk(client, f"{path}/messages") == []
    assert [each["name"] for each in await walk(client, STATIONS, retired=True)] == ["First", "Second"]
    with house.admin() as connection:
        audits = connection.execute(
            "SELECT count(*) FROM audit WHERE action = 'retire station' AND object = %s", (f"station:{identity}",)
        ).fetchone()
    assert audits == (2,)


@pytest.mark.parametrize("role", [Role.SUPPORT, Role.VIEWER])
async def test_roles_that_dont_build_take_nothing_down(tenant: Tenant, role: Role) -> None:
    await a_station(tenant, f"stays-{tenant.tenant_id}-{role}")
    await (await tenant.client()).post(SITES, json={"name": "Yard"})
    client = await tenant.client(role)
    for path in (f"{SITES}/yard", f"{STATIONS}/stays-{tenant.tenant_id}-{role}"):
        problem(await client.delete(path), 403, "forbidden")


async def test_stations_are_listed_by_what_an_operator_looks_for(house: House, tenant: Tenant) -> None:
    client, number = await tenant.client(Role.VIEWER), tenant.tenant_id
    for name in ("North yard", "South yard"):
        await (await tenant.client()).post(SITES, json={"name": name})
    await a_station(tenant, f"f1-{number}", site="north-yard", name="50% left")
    await a_station(tenant, f"f2-{number}", site="south-yard", registration="pending", name="right_hand")
    await a_station(tenant, f"f3-{number}", registration="rejected")
    with house.admin() as connection:
        gateway = f"gateway-of-filters-{number}"
        connection.execute("INSERT INTO gateways VALUES (%s, now(), now() + interval '1 minute')", (gateway,))
        for identity, state in ((f"f1-{number}", "Charging"), (f"f2-{number}", "Faulted")):
            connection.execute(
                "INSERT INTO station_links"
                " (station_id, tenant_id, epoch, gateway_id, protocol, connected_at, last_seen_at)"
                " SELECT station_id, tenant_id, 1, %s, 'ocpp1.6', now(), now() FROM stations WHERE identity = %s",
                (gateway, identity),
            )
            connection.execute(
                "INSERT INTO connectors (station_id, evse, connector, tenant_id, state, state_at)"
                " SELECT station_id, 1, 1, tenant_id, %s, now() FROM stations WHERE identity = %s",
                (state, identity),
            )
    for filters, expected in [
        ({"state": "Charging"}, ["f1"]),
        ({"state": "Faulted"}, ["f2"]),
        ({"state": "Offline"}, ["f3"]),
        ({"registration": "pending"}, ["f2"]),
        ({"connected": "true"}, ["f1", "f2"]),
        ({"connected": "false"}, ["f3"]),
        ({"search": "YARD"}, ["f1", "f2"]),
        ({"search": "50%"}, ["f1"]),
        ({"search": "t_h"}, ["f2"]),
        ({"search": "t%h"}, []),
        ({"search": "F3-"}, ["f3"]),
        ({"connected": "true", "site": "north-yard"}, ["f1"]),
        ({"connected": "true", "registration": "rejected"}, []),
    ]:
        found = [each["id"].split("-")[0] for each in await walk(client, STATIONS, limit=1, **filters)]
        assert found == expected, filters
    for bad in ("state=Happy", "registration=Accepted", "connected=perhaps", "search=%00", f"search={'x' * 201}"):
        problem(await client.get(f"{STATIONS}?{bad}"), 400, "request-invalid")


async def test_a_change_made_from_an_old_reading_of_a_station_is_refused(house: House, tenant: Tenant) -> None:
    client, path = await tenant.client(), f"{STATIONS}/etag-{tenant.tenant_id}"
    made = await client.post(STATIONS, json={"id": f"etag-{tenant.tenant_id}"})
    first = made.headers["etag"]
    assert (await client.get(path)).headers["etag"] == first
    with house.admin() as connection:
        connection.execute(
            "UPDATE stations SET vendor = 'V', booted_at = now() WHERE tenant_id = %s", (tenant.tenant_id,)
        )
    assert (await client.get(path)).headers["etag"] == first
    changed = await client.patch(path, json={"name": "A"}, headers={"if-match": first})
    second = changed.headers["etag"]
    assert second != first
    problem(await client.patch(path, json={"name": "B"}, headers={"if-match": first}), 412, "changed-meanwhile")
    problem(await client.patch(path, json={"name": "B"}, headers={"if-match": f"W/{second}"}), 412, "changed-meanwhile")
    assert (await client.get(path)).json()["name"] == "A"
    answer = await client.patch(path, json={"password": "another password"}, headers={"if-match": f'"x", {second}'})
    assert answer.status_code == 200
    assert answer.headers["etag"] not in (first, second)
    assert (await client.patch(path, json={"name": "C"}, headers={"if-match": "*"})).json()["name"] == "C"
    assert (await client.patch(path, json={"name": "D"})).json()["name"] == "D"


async def test_a_change_made_from_an_old_reading_of_a_site_is_refused(tenant: Tenant) -> None:
    client, path = await tenant.client(), f"{SITES}/yard"
    first = (await client.post(SITES, json={"name": "Yard"})).headers["etag"]
    assert (await client.get(path)).headers["etag"] == first
    changes = [client.patch(path, json={"city": city}, headers={"if-match": first}) for city in ("Berlin", "Bonn")]
    answers = await asyncio.gather(*changes)
    assert sorted(answer.status_code for answer in answers) == [200, 412]
    (winner,) = [answer for answer in answers if answer.status_code == 200]
    now = await client.get(path)
    assert (now.json(), now.headers["etag"]) == (winner.json(), winner.headers["etag"])


async def test_stations_are_sorted_by_name_page_by_page(tenant: Tenant) -> None:
    client, number = await tenant.client(), tenant.tenant_id
    for identity, name in (("z", "Beta"), ("y", "Alpha"), ("x", "Beta"), ("Gamma", None), ("w", "Delta")):
        await a_station(tenant, f"{identity}-{number}", name=name)
    await client.delete(f"{STATIONS}/w-{number}")
    by_name = [each["id"].split("-")[0] for each in await walk(client, STATIONS, sort="name", limit=1)]
    assert by_name == ["y", "z", "x", "Gamma"]
    everyone = [each["id"].split("-")[0] for each in await walk(client, STATIONS, sort="name", limit=2, retired=True)]
    assert everyone == ["y", "z", "x", "w", "Gamma"]
    cursor = (await client.get(STATIONS, params={"limit": 1})).json()["next"]
    problem(await client.get(STATIONS, params={"cursor": cursor, "sort": "name"}), 400, "cursor-refused")
    problem(await client.get(STATIONS, params={"sort": "colour"}), 400, "request-invalid")
