"""Finding stations and sites by part of what they are called, for Ctrl-K."""

from typing import Any

import pytest

from forecourt.stations.search import StationSearch
from tests.http import House, Tenant


async def titles(house: House, tenant: Tenant, text: str, limit: int = 6) -> list[tuple[str, str]]:
    found = await StationSearch(house.db)(tenant.tenant_id, text, limit)
    return [(each.kind, each.title) for each in found]


@pytest.fixture
async def named(house: House, tenant: Tenant) -> None:
    client = await tenant.client()
    await client.post("/api/v1/sites", json={"name": "Ost_hafen", "slug": "east", "city": "Berlin"})
    for number, name in enumerate(("Harbour", "Old harbour", "100% green", None)):
        body: dict[str, Any] = {"id": f"N{tenant.tenant_id}-{number}", "name": name, "site": "east"}
        assert (await client.post("/api/v1/stations", json=body)).status_code == 201


@pytest.mark.usefixtures("named")
async def test_what_begins_so_comes_first_and_signs_mean_themselves(house: House, tenant: Tenant) -> None:
    assert await titles(house, tenant, "HARB") == [("station", "Harbour"), ("station", "Old harbour")]
    assert await titles(house, tenant, "0%") == [("station", "100% green")]
    assert await titles(house, tenant, "t_h") == [("site", "Ost_hafen")]
    assert await titles(house, tenant, "berl") == [("site", "Ost_hafen")]
    assert await titles(house, tenant, "\\") == []
    assert len(await titles(house, tenant, f"n{tenant.tenant_id}-", limit=3)) == 3


@pytest.mark.usefixtures("named")
async def test_nobody_finds_another_organisations_or_a_retired_station(
    house: House, tenant: Tenant, stranger: Tenant
) -> None:
    assert await titles(house, stranger, "harb") == []
    await (await tenant.client()).delete(f"/api/v1/stations/N{tenant.tenant_id}-0")
    assert await titles(house, tenant, "harb") == [("station", "Old harbour")]


async def test_the_function_behind_it_finds_nothing_without_a_tenant_and_not_under_another(
    house: House, tenant: Tenant, stranger: Tenant
) -> None:
    await (await tenant.client()).post("/api/v1/stations", json={"id": f"F{tenant.tenant_id}", "name": "Findable"})
    for acting, number in ((tenant.tenant_id, 1), (stranger.tenant_id, 0), (None, 0)):
        pool = house.db.anyone() if acting is None else house.db.tenant(acting)
        async with pool as conn:
            rows = await (await conn.execute("SELECT stations_by_part('%findable%', 10)")).fetchall()
            assert len(rows) == number
            assert await (await conn.execute("SELECT tokens_by_part('%', NULL)")).fetchall() == []
