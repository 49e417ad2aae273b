"""Waiting lists by the API and in the console: the driver's app, and whoever runs the site."""

import re
from typing import Any
from uuid import UUID, uuid4

import pytest
import pytest_asyncio
from httpx import AsyncClient

from forecourt.access import Role
from forecourt.platform.database import Pool
from tests.access.ways import audited, signed_in
from tests.http import House, Tenant, problem, walk


class Yard:
    """A site with one connector that is in use."""

    def __init__(self, house: House, tenant: Tenant, owner: AsyncClient, station: str) -> None:
        self.house, self.tenant, self.owner, self.station = house, tenant, owner, station
        self.slug = f"yard-{tenant.tenant_id}"
        self.list = f"/api/v1/sites/{self.slug}/waiting-list"
        self.app = house.client()

    def state(self, state: str) -> None:
        with self.house.admin() as connection:
            connection.execute(
                "INSERT INTO connectors (station_id, evse, connector, tenant_id, state, state_at)"
                " SELECT station_id, 1, 1, tenant_id, %s, now() FROM stations WHERE identity = %s"
                " ON CONFLICT (station_id, evse, connector) DO UPDATE SET state = excluded.state",
                (state, self.station),
            )

    async def join(self, **body: Any) -> dict[str, Any]:
        answer = await self.app.post(f"/api/v1/driver/places/{self.station}/1/waiting", json=body)
        assert answer.status_code == 201, answer.text
        joined: dict[str, Any] = answer.json()
        return joined

    async def place(self, joined: dict[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = (await self.app.get(f"/api/v1/driver/waiting/{joined['id']}")).json()
        return found


@pytest_asyncio.fixture(scope="module")
async def application(application_with_pages: tuple[Pool, Any]) -> tuple[Pool, Any]:
    return application_with_pages


@pytest_asyncio.fixture
async def yard(house: House, tenant: Tenant) -> Yard:
    owner = await tenant.client(Role.OWNER)
    station = f"W-{uuid4().hex[:8]}"
    made = Yard(house, tenant, owner, station)
    site = await owner.post("/api/v1/sites", json={"name": "Yard", "slug": made.slug})
    assert site.status_code == 201, site.text
    assert (await owner.post("/api/v1/stations", json={"id": station, "site": made.slug})).status_code == 201
    with house.admin() as connection:
        connection.execute(
            "INSERT INTO gateways (gateway_id, started_at, lease_until) VALUES ('w', now(), now() + interval '1 hour')"
            " ON CONFLICT (gateway_id) DO UPDATE SET lease_until = excluded.lease_until"
        )
        connection.execute(
            "INSERT INTO station_links (station_id, tenant_id, epoch, gateway_id, protocol, connected_at, last_seen_at)"
            " SELECT station_id, tenant_id, 1, 'w', 'ocpp1.6', now(), now() FROM stations WHERE identity = %s",
            (station,),
        )
    made.state("Charging")
    return made


async def test_the_places_of_an_organisation_are_listed_to_their_end(yard: Yard) -> None:
    tenant_id = yard.tenant.tenant_id
    with yard.house.admin() as connection:
        connection.execute(
            "INSERT INTO connectors (station_id, evse, connector, tenant_id, state, state_at)"
            " SELECT station_id, evse, 1, tenant_id, 'Available', now() FROM stations, generate_series(2, 4) evse"
            " WHERE identity = %s",
            (yard.station,),
        )
        connection.execute(
            "INSERT INTO driver_brands (tenant_id, slug, name, colour) VALUES (%s, %s, 'Yard', '#114488')",
            (tenant_id, f"brand-{tenant_id}"),
        )
    spots = await walk(yard.app, f"/api/v1/driver/brands/brand-{tenant_id}/places", limit=1)
    assert [(spot["evse"], spot["free"]) for spot in spots] == [(1, False), (2, True), (3, True), (4, True)]


async def test_an_app_joins_snoozes_and_leaves_and_the_operator_skips_and_removes(yard: Yard) -> None:
    closed = await yard.app.get(f"/api/v1/driver/places/{yard.station}/1/waiting")
    assert (closed.json()["open"], closed.json()["who"]) == (False, None)
    problem(await yard.app.post(f"/api/v1/driver/places/{yard.station}/1/waiting", json={}), 409, "waiting-closed")
    policy = {"active": True, "who": "anybody", "hold_minutes": 5, "snooze_minutes": 20, "max_waiting": 3}
    stored = await yard.owner.put(f"{yard.list}/policy", json=policy)
    assert stored.json()["policies"] == [{"connector_type": None, "policy": policy}]
    first, second, third = [await yard.join(email=f"{name}@example.com") for name in ("a", "b", "c")]
    assert [each["position"] for each in (first, second, third)] == [1, 2, 3]
    problem(await yard.app.post(f"/api/v1/driver/places/{yard.station}/1/waiting", json={}), 409, "waiting-full")
    listed = (await yard.owner.get(yard.list)).json()["waiting"]
    assert [each["state"] for each in listed] == ["waiting"] * 3
    # The second is let go first; the first keeps a place right behind.
    swapped = (await yard.owner.post(f"{yard.list}/{listed[0]['number']}/skip")).json()["waiting"]
    assert [each["number"] for each in swapped] == [listed[place]["number"] for place in (1, 0, 2)]
    yard.state("Available")
    held = await yard.place(second)
    assert (held["state"], held["station"], held["evse"]) == ("held", yard.station, 1)
    # A hold is let go when its driver is skipped, and the next one's turn comes at once.
    await yard.owner.post(f"{yard.list}/{listed[1]['number']}/skip")
    assert [(await yard.place(each))["state"] for each in (first, second)] == ["held", "waiting"]
    snoozed = (await yard.app.post(f"/api/v1/driver/waiting/{first['id']}/snooze")).json()
    assert (snoozed["state"], snoozed["may_snooze"], snoozed["not_before"] is not None) == ("waiting", False, True)
    problem(await yard.app.post(f"/api/v1/driver/waiting/{first['id']}/snooze"), 409, "snooze-used")
    assert (await yard.owner.delete(f"{yard.list}/{listed[1]['number']}")).status_code == 204
    assert (await yard.place(second))["state"] == "removed"
    problem(await yard.owner.delete(f"{yard.list}/{listed[1]['number']}"), 404, "waiting-place-unknown")
    assert (await yard.place(third))["state"] == "held"
    # Whoever pays elsewhere than where the connector is held for them is told so.
    place = (await yard.app.get(f"/api/v1/driver/places/{yard.station}/1")).json()
    assert (place["free"], place["held_until"] is not None) == (False, True)
    left = await yard.app.post(f"/api/v1/driver/waiting/{third['id']}/leave")
    assert left.json()["state"] == "left"
    problem(await yard.app.get(f"/api/v1/driver/waiting/{UUID(int=5)}"), 404, "waiting-place-unknown")
    done = [each for each in audited(yard.house, yard.tenant) if "wait" in each]
    assert done == ["change waiting list", "skip waiting driver", "skip waiting driver", "remove waiting driver"]


@pytest.mark.parametrize(
    "wrong", [{"hold_minutes": 1}, {"max_waiting": 201}, {"who": "friends"}, {"snooze_minutes": -1}]
)
async def test_a_policy_is_bounded(yard: Yard, wrong: dict[str, Any]) -> None:
    problem(await yard.owner.put(f"{yard.list}/policy", json=wrong), 400, "request-invalid")
    assert (await yard.owner.get(yard.list)).json()["policies"] == []


async def test_a_stranger_and_somebody_limited_to_another_site_see_and_change_nothing(
    yard: Yard, stranger: Tenant
) -> None:
    await yard.owner.put(f"{yard.list}/policy", json={})
    joined = await yard.join()
    for client in (await stranger.client(Role.OWNER), await yard.tenant.client(Role.OPERATOR, sites=())):
        problem(await client.get(yard.list), 404, "site-unknown")
        problem(await client.put(f"{yard.list}/policy", json={"active": False}), 404, "site-unknown")
    assert (await yard.place(joined))["position"] == 1


async def test_the_console_shows_who_waits_and_lets_the_next_go_first(yard: Yard) -> None:
    browser = await signed_in(yard.house, yard.tenant)
    page = f"/sites/{yard.slug}/waiting-list"
    assert "Nobody waits here" in (await browser.get(page)).text
    assert "Drivers can't wait here" in (await browser.get(f"/waiting-lists/at/{yard.slug}")).text
    form = {"active": "yes", "who": "anybody", "hold_minutes": "7", "snooze_minutes": "0", "max_waiting": "5"}
    refused = await browser.post(f"{page}/policy", data=form | {"hold_minutes": "many"}, follow_redirects=True)
    assert "Nothing was stored" in refused.text
    assert "Stored." in (await browser.post(f"{page}/policy", data=form, follow_redirects=True)).text
    first, second, third = [await yard.join() for _ in range(3)]
    yard.state("Available")
    assert (await yard.place(first))["state"] == "held"
    shown = (await browser.get(page)).text
    assert "Their turn" in shown
    assert yard.station in shown
    numbers = [each["number"] for each in (await yard.owner.get(yard.list)).json()["waiting"]]
    number = numbers[0]
    seen = re.findall(r'name="next" value="([0-9]*)"', shown)
    assert seen == [str(numbers[1]), str(numbers[2]), ""]
    # Pressed twice it is one place.
    for told in ("The next one goes first.", "The list has changed since you looked."):
        skipped = await browser.post(f"{page}/{number}/skip", data={"next": seen[0]}, follow_redirects=True)
        assert told in skipped.text
    assert [(await yard.place(each))["state"] for each in (first, second, third)] == ["waiting", "held", "waiting"]
    order = [each["number"] for each in (await yard.owner.get(yard.list)).json()["waiting"]]
    assert order == [numbers[1], numbers[0], numbers[2]]
    taken = await browser.post(f"{page}/{number}/remove", follow_redirects=True)
    assert "Taken out" in taken.text
    assert (await yard.place(first))["state"] == "removed"


async def test_the_console_sets_up_the_provider_of_drivers_as_far_as_it_answers(yard: Yard) -> None:
    browser, path = await signed_in(yard.house, yard.tenant), "/settings/driver-sign-in"
    assert "have no name yet" in (await browser.get(path)).text
    pages = {"slug": f"pages-{yard.tenant.tenant_id}", "name": "Volt"}
    assert (await yard.owner.put("/api/v1/driver-pages", json=pages)).status_code == 200
    assert f"/my/sign-in/{pages['slug']}/callback" in (await browser.get(path)).text
    form = {
        "title": "Volt ID",
        "issuer": "login.example.com",
        "client_id": "x",
        "client_secret": "open sesame",
        "domains": "*",
    }
    assert "must be host names" in (await browser.post(path, data=form)).text
    refused = await browser.post(path, data=form | {"domains": ""})
    assert (refused.status_code, "The issuer is the address" in refused.text) == (422, True)
    assert "open sesame" not in refused.text
    shown = (await yard.owner.get("/api/v1/driver-sign-in-provider")).json()
    assert (shown["title"], shown["redirect_uri"].endswith(f"/my/sign-in/{pages['slug']}/callback")) == (None, True)
    wanted = {"title": "Volt ID", "issuer": "https://127.0.0.1:9", "client_id": "x", "client_secret": "s"}
    problem(await yard.owner.put("/api/v1/driver-sign-in-provider", json=wanted), 422, "provider-invalid")
    assert (await yard.owner.delete("/api/v1/driver-sign-in-provider")).status_code == 204
