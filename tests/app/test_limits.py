"""Who is limited to some sites, over HTTP and on live pages."""

import asyncio

from httpx import AsyncClient
from msgspec import json

from forecourt.access import Role
from forecourt.platform.bus import Bus
from forecourt.sessions.live import LiveSessions
from forecourt.stations.live import LiveStations
from forecourt.ui.live import Hub, Pace
from tests.http import House, Tenant, problem, walk
from tests.support import WAIT_S


async def two_yards(tenant: Tenant) -> tuple[int, int]:
    """A yard with a part, a harbour, and a station at each and one nowhere; the ids of yard and harbour."""
    owner = await tenant.client()
    number = tenant.tenant_id
    yard = (await owner.post("/api/v1/sites", json={"name": "Yard"})).json()
    part = (await owner.post("/api/v1/sites", json={"name": "Part", "parent": yard["slug"]})).json()
    harbour = (await owner.post("/api/v1/sites", json={"name": "Harbour"})).json()
    assert (yard["parent"], part["parent"]) == (None, "yard")
    for name, site in (("yard", yard), ("part", part), ("harbour", harbour)):
        made = await owner.post("/api/v1/stations", json={"id": f"{name}-{number}", "site": site["id"]})
        assert made.status_code == 201
    await owner.post("/api/v1/stations", json={"id": f"nowhere-{number}"})
    return yard["id"], harbour["id"]


async def stations_of(client: AsyncClient, tenant: Tenant) -> set[str]:
    return {each["id"].removesuffix(f"-{tenant.tenant_id}") for each in await walk(client, "/api/v1/stations")}


async def test_a_site_host_sees_the_stations_of_their_sites_and_changes_nothing(tenant: Tenant) -> None:
    yard, _ = await two_yards(tenant)
    host = await tenant.client(Role.SITE_HOST, (yard,))
    assert await stations_of(host, tenant) == {"yard", "part"}
    assert {site["slug"] for site in await walk(host, "/api/v1/sites")} == {"yard", "part"}
    problem(await host.get(f"/api/v1/stations/harbour-{tenant.tenant_id}"), 404, "station-unknown")
    problem(await host.get(f"/api/v1/stations/harbour-{tenant.tenant_id}/messages"), 404, "station-unknown")
    problem(await host.get("/api/v1/sites/harbour"), 404, "site-unknown")
    problem(await host.patch(f"/api/v1/stations/yard-{tenant.tenant_id}", json={"name": "X"}), 403, "forbidden")
    assert await stations_of(await tenant.client(Role.SITE_HOST), tenant) == set()


async def test_an_operator_limited_to_a_site_works_there_and_nowhere_else(tenant: Tenant) -> None:
    yard, harbour = await two_yards(tenant)
    client = await tenant.client(Role.OPERATOR, (yard,))
    number = tenant.tenant_id
    assert (await client.patch(f"/api/v1/stations/yard-{number}", json={"name": "First"})).status_code == 200
    problem(await client.patch(f"/api/v1/stations/harbour-{number}", json={"name": "X"}), 404, "station-unknown")
    hidden = await client.patch(f"/api/v1/stations/yard-{number}", json={"site": harbour})
    told = problem(hidden, 422, "site-refused")["detail"]
    assert "limited to" in told
    assert "POST" not in told
    problem(await client.patch(f"/api/v1/stations/yard-{number}", json={"site": None}), 422, "site-needed")
    problem(await client.post("/api/v1/stations", json={"id": f"new-{number}"}), 422, "site-needed")
    problem(await client.post("/api/v1/sites", json={"name": "New"}), 422, "site-needed")
    made = await client.post("/api/v1/sites", json={"name": "New", "parent": "part"})
    assert made.status_code == 201
    put = await client.post("/api/v1/stations", json={"id": f"new-{number}", "site": "new"})
    assert put.status_code == 201
    refused = problem(
        await client.post("/api/v1/tokens", json={"uid": "A", "type": "Central", "status": "accepted"}),
        403,
        "forbidden-by-sites",
    )
    assert "whole organisation" in refused["detail"]


async def test_a_site_is_part_of_another_ten_deep_at_most(tenant: Tenant) -> None:
    owner = await tenant.client()
    parent = None
    for number in range(10):
        made = await owner.post("/api/v1/sites", json={"name": f"Level {number}", "parent": parent})
        assert made.status_code == 201
        parent = made.json()["slug"]
    problem(await owner.post("/api/v1/sites", json={"name": "Too deep", "parent": parent}), 422, "site-tree-refused")


async def test_a_live_page_of_a_limited_person_is_told_of_their_stations_alone(
    house: House, tenant: Tenant, nats_url: str
) -> None:
    yard, _ = await two_yards(tenant)
    number = tenant.tenant_id
    bus = await Bus.connect(nats_url)
    stations, sessions = LiveStations(house.db), LiveSessions(house.db)
    hub = Hub(
        bus, snapshots=[stations.snapshot, sessions.snapshot], totals=stations.totals, pace=Pace(frame_s=0, heal_s=60)
    )
    topics = [f"station.yard-{number}", f"station.harbour-{number}", "totals"]
    async with hub.open(number, (yard,)) as limited, hub.open(number) as whole:
        for page in (limited, whole):
            await hub.watch(page, topics)
        first, second = json.decode(await limited.next_frame()), json.decode(await whole.next_frame())
        assert first["snapshot"]["totals.stations"] == 2
        assert second["snapshot"]["totals.stations"] == 4
        assert not any("harbour" in key for key in first["snapshot"])
        said = {f"station.harbour-{number}.power_w": 7, f"station.yard-{number}.power_w": 8}
        await bus.publish(f"live.{number}", json.encode(said))
        async with asyncio.timeout(WAIT_S):
            assert json.decode(await whole.next_frame()) == {"delta": said}
            assert json.decode(await limited.next_frame()) == {"delta": {f"station.yard-{number}.power_w": 8}}
    await bus.close()


async def test_who_is_limited_is_told_that_campaigns_are_of_the_whole_and_not_that_nobody_has_them(
    tenant: Tenant,
) -> None:
    """Row-level security keeps members, codes, the program and points from them: all of it would be told as none."""
    yard, _ = await two_yards(tenant)
    owner = await tenant.client()
    terms = {"name": "Night", "label": "Night", "currency": "EUR", "amount": 100}
    made = (await owner.post("/api/v1/loyalty/campaigns", json=terms)).json()["campaign_id"]
    program = {"currency": "EUR", "points_per_kwh": 1, "value_of_100": 100}
    assert (await owner.put("/api/v1/loyalty/program", json=program)).status_code == 200
    limited = await tenant.client(Role.OPERATOR, (yard,))
    read = ("campaigns", f"campaigns/{made}", f"campaigns/{made}/effect", "program", "drivers/1/points")
    for path in read:
        problem(await limited.get(f"/api/v1/loyalty/{path}"), 403, "forbidden-by-sites")
    asked = {"station": f"yard-{tenant.tenant_id}", "voucher": "SPRING-26"}
    problem(await limited.post("/api/v1/loyalty/quote", json=asked), 403, "forbidden-by-sites")
    for path in read[:4]:
        assert (await owner.get(f"/api/v1/loyalty/{path}")).status_code == 200


async def test_a_sites_host_is_told_what_sessions_came_to_and_nothing_of_the_books(tenant: Tenant) -> None:
    yard, _ = await two_yards(tenant)
    host, limited = await tenant.client(Role.SITE_HOST, (yard,)), await tenant.client(Role.OPERATOR, (yard,))
    for path in ("sessions", "payments", "tariffs", "insight/actions"):
        assert (await host.get(f"/api/v1/{path}")).status_code == 200, path
    # No lake is written yet; who may not would be told that first.
    for path in ("insight/use", "insight/drivers"):
        problem(await host.get(f"/api/v1/{path}"), 404, "lake-missing")
    for path in ("insight/profit", "insight/replacement/inputs", "expansion", "ledger/profit"):
        problem(await host.get(f"/api/v1/{path}"), 403, "forbidden")
        problem(await limited.get(f"/api/v1/{path}"), 403, "forbidden-by-sites")
