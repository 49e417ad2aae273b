"""A sheet of stations: what each line comes to, and doing it."""

from forecourt.access import Role
from tests.http import Tenant, problem, walk

IMPORT = "/api/v1/stations/import"


async def ready(tenant: Tenant, prefix: str) -> str:
    client = await tenant.client()
    assert (await client.post("/api/v1/sites", json={"name": "Yard", "slug": "yard"})).status_code == 201
    return f"""id;name;site;max_power_w;latitude;longitude;password
{prefix}1;North 1;yard;22000;52,5;13,4;
{prefix}2;North 2;;11000;;;a password of its own
{prefix}3;;nowhere;11000;;;
{prefix}/4;;;11 kW;91;;
"""


async def test_two_bad_lines_are_told_cell_by_cell_and_the_good_ones_are_registered_once(tenant: Tenant) -> None:
    prefix = f"I{tenant.tenant_id}-"
    sheet, client = await ready(tenant, prefix), await tenant.client()
    dry = (await client.post(IMPORT, json={"csv": sheet})).json()
    assert await walk(client, "/api/v1/stations") == []
    told = {line["line"]: [each["column"] for each in line["problems"]] for line in dry["lines"] if line["problems"]}
    assert told == {4: ["site"], 5: ["id", "max_power_w", "latitude"]}
    done = (await client.post(IMPORT, json={"csv": sheet, "dry_run": False})).json()
    assert (done["created"], done["refused"]) == (2, 2)
    first, second = done["lines"][:2]
    assert len(first["password"]) == 40, "one was made and is shown this once"
    assert "password" not in second, "its own is never told back"
    stations = {station["id"]: station for station in await walk(client, "/api/v1/stations")}
    assert (stations[f"{prefix}1"]["site"], stations[f"{prefix}1"]["latitude"]) == ("yard", 52.5)
    again = (await client.post(IMPORT, json={"csv": sheet, "dry_run": False})).json()
    assert (again["created"], again["changed"], again["unchanged"]) == (0, 0, 2)


async def test_an_absent_column_stays_and_a_change_is_told_before_it_is_made(tenant: Tenant) -> None:
    prefix = f"J{tenant.tenant_id}-"
    sheet, client = await ready(tenant, prefix), await tenant.client()
    await client.post(IMPORT, json={"csv": sheet, "dry_run": False})
    change = {"csv": f"id,name\n{prefix}1,South 1\n{prefix}2,North 2", "dry_run": False}
    answer = (await client.post(IMPORT, json=change)).json()
    assert [(line["action"], line["changes"]) for line in answer["lines"]] == [
        ("change", {"name": "South 1"}),
        ("same", {}),
    ]
    station = (await client.get(f"/api/v1/stations/{prefix}1")).json()
    assert (station["name"], station["site"], station["max_power_w"]) == ("South 1", "yard", 22_000)


async def test_half_a_position_is_told_at_the_column_that_lacks_it(tenant: Tenant) -> None:
    client, identity = await tenant.client(), f"P{tenant.tenant_id}"
    answer = (await client.post(IMPORT, json={"csv": f"id,longitude\n{identity},13.4", "dry_run": False})).json()
    [line] = answer["lines"]
    assert (line["action"], [each["column"] for each in line["problems"]]) == ("refused", ["latitude"])


async def test_an_id_of_another_organisation_is_refused_without_harm_to_the_other_lines(
    tenant: Tenant, stranger: Tenant
) -> None:
    taken, free = f"T{tenant.tenant_id}", f"F{tenant.tenant_id}"
    await (await stranger.client()).post("/api/v1/stations", json={"id": taken})
    client = await tenant.client()
    answer = (await client.post(IMPORT, json={"csv": f"id\n{taken}\n{free}", "dry_run": False})).json()
    assert [line["action"] for line in answer["lines"]] == ["refused", "create"]
    assert [station["id"] for station in await walk(client, "/api/v1/stations")] == [free]
    problem(await (await tenant.client(Role.SUPPORT)).post(IMPORT, json={"csv": "id\nx"}), 403, "forbidden")


async def test_the_plan_of_who_is_limited_to_sites_is_what_happens_and_tells_nothing_of_other_sites(
    tenant: Tenant, stranger: Tenant
) -> None:
    owner, prefix = await tenant.client(), f"L{tenant.tenant_id}-"
    sites = [(await owner.post("/api/v1/sites", json={"name": name})).json() for name in ("Seen", "Hidden")]
    seen, hidden = sites
    for name, site in (("hidden", hidden), ("seen", seen)):
        await owner.post("/api/v1/stations", json={"id": f"{prefix}{name}", "site": site["id"]})
    await (await stranger.client()).post("/api/v1/stations", json={"id": f"{prefix}foreign"})
    limited = await tenant.client(Role.TECHNICIAN, (seen["id"],))
    lines = [(name, seen["slug"]) for name in ("hidden", "foreign", "new")]
    lines += [("hidden", seen["slug"]), ("placeless", ""), ("seen", ""), ("elsewhere", hidden["slug"])]
    sheet = "id,site\n" + "\n".join(f"{prefix}{name},{site}" for name, site in lines)
    dry = (await limited.post(IMPORT, json={"csv": sheet})).json()
    assert [line["action"] for line in dry["lines"]] == ["refused", "refused", "create", *["refused"] * 4]
    assert [[each["column"] for each in line["problems"]] for line in dry["lines"]] == [
        ["id"], ["id"], [], ["id"], ["site"], ["site"], ["site"],
    ]  # fmt: skip
    [of_hidden], [of_foreign] = (line["problems"] for line in dry["lines"][:2])
    assert of_hidden["detail"] == of_foreign["detail"], "whose station it is, is not told"
    assert "organisation" not in of_hidden["detail"]
    assert [station["id"] for station in await walk(limited, "/api/v1/stations")] == [f"{prefix}seen"]
    answer = await limited.post(IMPORT, json={"csv": sheet, "dry_run": False})
    assert answer.status_code == 200, answer.text
    for told in (done := answer.json())["lines"]:
        told.pop("password", None)
    assert done["lines"] == dry["lines"]
    assert len(await walk(owner, "/api/v1/stations")) == 3


async def test_the_plan_refuses_an_id_of_another_organisation_as_doing_it_would(
    tenant: Tenant, stranger: Tenant
) -> None:
    taken = f"T{tenant.tenant_id}"
    await (await stranger.client()).post("/api/v1/stations", json={"id": taken})
    client = await tenant.client()
    dry = (await client.post(IMPORT, json={"csv": f"id\n{taken}"})).json()
    done = (await client.post(IMPORT, json={"csv": f"id\n{taken}", "dry_run": False})).json()
    assert [line["action"] for line in dry["lines"]] == ["refused"]
    assert dry["lines"] == done["lines"]
