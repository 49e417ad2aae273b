"""Sites as people see them: a tree whose numbers are those of branches, and no more of it than somebody may see."""

import re

import pytest
from httpx import AsyncClient

from forecourt.access import Role
from forecourt.stations import site_pages
from forecourt.stations.branches import Today, branches
from forecourt.stations.store import ShownSite
from tests.http import BASE, PASSWORD, House, Tenant
from tests.sessions.test_api import say
from tests.stations.test_pages import add_station, application, signed_in

__all__ = ["application"]


def a_site(site_id: int, path: list[int]) -> ShownSite:
    return ShownSite(
        site_id=site_id, slug=f"s{site_id}", name="", parent=None, path=path, address=None, city=None, country=None,
        time_zone="UTC", latitude=None, longitude=None, stations=0, own_stations=0, states={},
    )  # fmt: skip


def test_a_branch_sums_what_is_below_it_and_counts_its_depth_among_what_is_shown() -> None:
    shown = [a_site(2, [1, 2]), a_site(3, [1, 2, 3]), a_site(4, [1, 4])]
    today = {"s2": Today(1, 10, 1, 100), "s3": Today(2, 20, 2, 200), "s9": Today(4, 40, 4, 400)}
    paths = {"s2": [1, 2], "s3": [1, 2, 3], "s9": [1, 9]}
    made = branches(shown, today, paths)
    assert [branch.depth for branch in made] == [0, 1, 0]
    assert [branch.today for branch in made] == [Today(3, 30, 3, 300), Today(2, 20, 2, 200), Today()]


async def grove(house: House, tenant: Tenant) -> AsyncClient:
    """Top > Middle > Leaf and Other, a station at Middle and two at Leaf, one of them offline."""
    owner = await tenant.client()
    ids = {}
    for name, parent in (("Top", None), ("Middle", "top"), ("Leaf", "middle"), ("Other", None)):
        made = await owner.post("/api/v1/sites", json={"name": name, "slug": name.lower(), "parent": parent})
        ids[name] = made.json()["id"]
    add_station(house, tenant, ["Charging"], site_id=ids["Middle"])
    add_station(house, tenant, ["Available"], site_id=ids["Leaf"])
    add_station(house, tenant, ["Available"], site_id=ids["Leaf"], connected=False)
    return owner


def rows(page: str) -> dict[str, str]:
    """The text of each line of the tree, by slug."""
    found = re.findall(r'<tr role="row" data-row="([a-z]+)">(.*?)</tr>', page, re.DOTALL)
    return {slug: " ".join(re.sub(r"<[^>]+>", " ", line).split()) for slug, line in found}


async def test_each_site_of_the_tree_counts_the_stations_of_its_branch(house: House, tenant: Tenant) -> None:
    await grove(house, tenant)
    page = rows((await (await signed_in(house, tenant)).get("/sites")).text)
    assert list(page) == ["other", "top", "middle", "leaf"]
    assert "1 Available 1 Charging 1 Offline" in " ".join(sorted(re.findall(r"\d [A-Z]\w+", page["top"])))
    assert "3 stations · 0 here" in page["top"]
    assert "3 stations · 1 here" in page["middle"]
    assert "2 stations" in page["leaf"]
    assert "here" not in page["leaf"]
    found = rows((await (await signed_in(house, tenant)).get("/sites?q=leaf")).text)
    assert list(found) == ["top", "middle", "leaf"]
    assert "3 stations" in found["top"], "a search leaves out no station of a site that it shows"


async def test_the_power_of_a_site_is_that_of_all_its_stations_however_many_are_listed(
    house: House, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = await (await tenant.client()).post("/api/v1/sites", json={"name": "Yard", "slug": "yard"})
    for name in ("A", "B"):
        identity = add_station(house, tenant, ["Charging"], site_id=made.json()["id"], name=name)
    with house.admin() as connection:
        row = connection.execute("SELECT station_id FROM stations WHERE identity = %s", (identity,)).fetchone()
        assert row is not None
        say(connection, tenant, row[0], "1", evse=1, connector=1, power_w=7_200, started_at=house.clock.now())
    client = await signed_in(house, tenant)
    power = re.compile(r"Power now</span><b>(?:<span[^>]*>)?([^<]+)<")
    assert "7.2" in rows((await client.get("/sites")).text)["yard"]
    whole = (await client.get("/sites/yard")).text
    assert power.findall(whole) == ["7.2\N{NO-BREAK SPACE}kW"]
    assert "data-sum" in whole
    monkeypatch.setattr(site_pages, "MAX_AT_SITE", 1)
    part = (await client.get("/sites/yard")).text
    assert 'data-row="' + identity not in part
    assert power.findall(part) == ["7.2\N{NO-BREAK SPACE}kW"]
    assert "data-sum" not in part, "a sum of the listed ones would be less"


async def test_who_is_limited_to_a_branch_sees_it_as_if_it_were_all(house: House, tenant: Tenant) -> None:
    await grove(house, tenant)
    email = await tenant.operator(Role.OPERATOR)
    with house.admin() as connection:
        connection.execute(
            "UPDATE memberships SET site_ids = "
            " ARRAY(SELECT site_id FROM sites WHERE slug = 'middle' AND tenant_id = %s)"
            " WHERE person_id = (SELECT person_id FROM people WHERE email = %s)",
            (tenant.tenant_id, email),
        )
    client = house.client(headers={"origin": BASE, "accept": "text/html"})
    await client.post("/sign-in", data={"email": email, "password": PASSWORD})
    page = (await client.get("/sites")).text
    assert list(rows(page)) == ["middle", "leaf"]
    assert "Top" not in page
    one = (await client.get("/sites/middle")).text
    assert 'popovertarget="move"' not in one, "nobody moves the site that they are limited to"
    assert (await client.get("/sites/top")).status_code == 404
    refused = await client.post("/sites/leaf/move", data={"parent": "other"})
    assert refused.headers["location"] == "/sites/leaf?done=site-refused"


async def test_a_site_moves_with_its_branch_and_never_below_itself(house: House, tenant: Tenant) -> None:
    owner = await grove(house, tenant)
    client = await signed_in(house, tenant)
    answer = await client.post("/sites/top/move", data={"parent": "leaf"})
    assert answer.headers["location"] == "/sites/top?done=site-tree-refused"
    assert "not below itself" in (await client.get(answer.headers["location"])).text
    assert "leaf" not in re.findall(r'<option value="(\w+)"', (await client.get("/sites/middle")).text)
    await client.post("/sites/middle/move", data={"parent": "other"})
    assert "3 stations" in rows((await client.get("/sites")).text)["other"]
    assert (await owner.get("/api/v1/sites/middle")).json()["parent"] == "other"
    form = {"name": "Leaf", "time_zone": "UTC", "parent": "top", "latitude": "52"}
    half = await client.post("/sites/leaf/edit", data=form)
    assert half.status_code == 422
    assert "Latitude and longitude belong together" in half.text
    await client.post("/sites/leaf/edit", data={**form, "latitude": ""})
    assert (await owner.get("/api/v1/sites/leaf")).json()["parent"] == "top"
