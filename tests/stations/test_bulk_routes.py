"""Bulk runs over HTTP, with no worker at work: planned, asked for, followed and stopped."""

from forecourt.access import Role
from tests.http import House, Tenant, check_orders, problem, walk


async def some_stations(tenant: Tenant, *names: str, site: str | None = None) -> list[str]:
    owner = await tenant.client()
    made = [f"{name}-{tenant.tenant_id}" for name in names]
    for identity in made:
        answer = await owner.post("/api/v1/stations", json={"id": identity, "site": site})
        assert answer.status_code == 201
    return made


async def test_a_plan_says_what_a_run_would_meet_and_does_nothing(house: House, tenant: Tenant) -> None:
    owner = await tenant.client()
    yard = (await owner.post("/api/v1/sites", json={"name": "Yard"})).json()["slug"]
    here = await some_stations(tenant, "A", "B", site=yard)
    [there] = await some_stations(tenant, "C")
    named = await owner.post("/api/v1/bulk-runs/plan", json={"stations": [there, "nowhere", here[0]]})
    assert named.json() == {
        "stations": [here[0], there],
        "unknown": ["nowhere"],
        "charging": 0,
        "offline": 2,
    }
    meant = (await owner.post("/api/v1/bulk-runs/plan", json={"where": {"site": yard}})).json()
    assert meant["stations"] == here
    everything = (await owner.post("/api/v1/bulk-runs/plan", json={"where": {}})).json()
    assert everything["stations"] == [*here, there]
    problem(await owner.post("/api/v1/bulk-runs/plan", json={}), 422, "bulk-run-refused")
    both = {"stations": here, "where": {}}
    problem(await owner.post("/api/v1/bulk-runs/plan", json=both), 422, "bulk-run-refused")
    assert await walk(owner, "/api/v1/bulk-runs") == []


async def test_a_run_is_of_exactly_the_stations_asked_for_and_is_followed_and_stopped(
    house: House, tenant: Tenant, stranger: Tenant
) -> None:
    operator = await tenant.client(Role.OPERATOR)
    names = await some_stations(tenant, "B", "C", "A")
    headers = {"idempotency-key": "once"}
    wanted = {"stations": names, "type": "soft"}
    answer = await operator.post("/api/v1/bulk-runs/reset", json=wanted, headers=headers)
    assert answer.status_code == 202
    run = answer.json()
    assert (run["state"], run["outcomes"], run["asked_by"]) == ("waiting", {"waiting": 3}, "operator")
    again = await operator.post("/api/v1/bulk-runs/reset", json=wanted, headers=headers)
    assert again.json()["id"] == run["id"], "asked twice with one key is asked once"
    at = f"/api/v1/bulk-runs/{run['id']}"
    await check_orders(operator, f"{at}/stations", "station", asked=names, station=sorted(names))
    assert await walk(operator, f"{at}/stations", outcome="done") == []
    assert [each["id"] for each in await walk(operator, "/api/v1/bulk-runs", state="waiting")] == [run["id"]]
    assert await walk(operator, "/api/v1/bulk-runs", action="site") == []
    stopped = await operator.post(f"{at}/stop")
    assert stopped.json()["state"] == "stopping"
    assert (await operator.get(at)).json() == stopped.json()
    problem(await (await stranger.client()).get(at), 404, "bulk-run-unknown")
    problem(await (await tenant.client(Role.SUPPORT)).post(f"{at}/stop"), 403, "forbidden")
    with house.admin() as connection:
        told = connection.execute("SELECT subject FROM outbox WHERE event = 'bulk_run.asked'").fetchall()
    assert told == [(run["id"],)]


async def test_a_run_that_names_what_is_not_there_begins_nothing(tenant: Tenant, stranger: Tenant) -> None:
    owner = await tenant.client()
    [mine], [theirs] = await some_stations(tenant, "A"), await some_stations(stranger, "B")
    refused = await owner.post("/api/v1/bulk-runs/reset", json={"stations": [mine, theirs], "type": "hard"})
    assert problem(refused, 422, "bulk-run-refused")["unknown"] == [theirs]
    lost = await owner.post("/api/v1/bulk-runs/site", json={"stations": [mine], "site": "nowhere"})
    problem(lost, 422, "site-refused")
    moved = await owner.post("/api/v1/bulk-runs/site", json={"stations": [mine], "site": None})
    assert (moved.status_code, moved.json()["argument"]) == (202, "")
    assert [each["action"] for each in await walk(owner, "/api/v1/bulk-runs")] == ["site"]


async def test_runs_are_listed_from_either_end(tenant: Tenant) -> None:
    owner, path = await tenant.client(), "/api/v1/bulk-runs"
    body = {"stations": await some_stations(tenant, "A"), "site": None}
    made = [(await owner.post(f"{path}/site", json=body)).json()["id"] for _ in range(3)]
    await check_orders(owner, path, "id", newest=made[::-1], oldest=made)


async def test_connectors_keys_and_people_are_found_by_what_they_are(house: House, tenant: Tenant) -> None:
    owner = await tenant.client()
    one, two = await some_stations(tenant, "A", "B")
    with house.admin() as connection:
        connection.execute(
            "INSERT INTO connectors (station_id, evse, connector, tenant_id, state, state_at)"
            " SELECT station_id, evse, 1, tenant_id, state, now() FROM stations,"
            " (VALUES (0, 'Available'), (1, 'Available'), (2, 'Faulted')) AS c (evse, state) WHERE identity = ANY(%s)",
            ([one, two],),
        )
        connection.execute("UPDATE connectors SET connector = 0 WHERE evse = 0")
    listed = [(each["station"], each["evse"]) for each in await walk(owner, "/api/v1/connectors", limit=1)]
    assert listed == [(one, 1), (one, 2), (two, 1), (two, 2)], "the station itself is no connector"
    faulted = await walk(owner, "/api/v1/connectors", state="Faulted", station=two)
    assert [(each["station"], each["evse"], each["connected"]) for each in faulted] == [(two, 2, False)]
    assert await walk(owner, "/api/v1/connectors", site="nowhere") == []
    await owner.patch(f"/api/v1/stations/{one}", json={"name": "Zoo"})
    with house.admin() as connection:
        for number, (place, evse) in enumerate([(two, 2), (one, 1), (one, 2), (two, 1)]):
            connection.execute(
                "UPDATE connectors SET state_at = '2026-03-01Z'::timestamptz - make_interval(hours => %s), info = %s"
                " WHERE evse = %s AND station_id = (SELECT station_id FROM stations WHERE identity = %s)",
                (number // 3, f"{place[0]}{evse}", evse, place),
            )
    await check_orders(
        owner,
        "/api/v1/connectors",
        "info",
        registered=["A1", "A2", "B1", "B2"],
        name=["B1", "B2", "A1", "A2"],
        changed=["B2", "A2", "A1", "B1"],
    )

    viewer = (await owner.post("/api/v1/keys", json={"name": "Wall", "role": "viewer"})).json()["id"]
    assert [each["id"] for each in await walk(owner, "/api/v1/keys", role="viewer")] == [viewer]
    assert (await owner.get(f"/api/v1/keys/{viewer}")).json()["name"] == "Wall"
    await owner.delete(f"/api/v1/keys/{viewer}")
    assert [each["id"] for each in await walk(owner, "/api/v1/keys", revoked=True)] == [viewer]
    problem(await owner.get(f"/api/v1/keys/{viewer + 1000}"), 404, "key-unknown")

    email = await tenant.operator(Role.SUPPORT)
    await tenant.operator(Role.TECHNICIAN)
    assert [each["email"] for each in await walk(owner, "/api/v1/people", role="support")] == [email]
    assert [each["email"] for each in await walk(owner, "/api/v1/people", search=email[4:].upper())] == [email]
    assert await walk(owner, "/api/v1/people", search="nobody%") == []
