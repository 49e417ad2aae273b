"""The routes of incidents and alert rules, by roles and past organisations."""

from datetime import timedelta
from typing import Any

import pytest
import pytest_asyncio

from forecourt.access import Role
from tests.care.yard import Yard
from tests.ground import Ground
from tests.http import House, Tenant, check_orders, problem, walk


@pytest_asyncio.fixture
async def yard(ground: Ground, house: House, tenant: Tenant) -> Yard:
    """The stations of the tenant of the house."""
    worker = await ground.pool("forecourt_worker", 1)
    return Yard(ground.admin, worker, house.db, house.clock, tenant_id=tenant.tenant_id)


async def faults(yard: Yard, number: int) -> list[str]:
    for _ in range(number):
        yard.says(yard.station(), "Faulted", "GroundFailure")
    await yard.look()
    return [str(row["incident_id"]) for row in yard.incidents()]


async def test_an_incident_tells_what_happened_why_and_what_to_do(yard: Yard, tenant: Tenant) -> None:
    site = yard.site(slug="north-yard")
    yard.says(yard.station(site_id=site, identity="CP-A"), "Faulted", "GroundFailure", evse=2)
    await yard.look()
    client = await tenant.client(Role.VIEWER)
    [listed] = (await client.get("/api/v1/incidents")).json()["items"]
    assert listed | {"id": "", "since": "", "opened_at": ""} == {
        "id": "", "kind": "fault", "severity": "critical", "status": "open", "station": "CP-A", "site": "north-yard",
        "node": None, "evse": 2, "connector": 1, "session": None,
        "happened": "The earth leakage protection has tripped",
        "likely_cause": "moisture, a damaged cable or the car", "next_step": "Send an electrician",
        "detail": {"error_code": "GroundFailure"}, "since": "", "opened_at": "", "closed_at": None, "closed_by": None,
        "acknowledged_at": None, "acknowledged_by": None, "snoozed_until": None,
    }  # fmt: skip
    shown = (await client.get(f"/api/v1/incidents/{listed['id']}")).json()
    assert [event["event"] for event in shown["history"]] == ["opened"]


async def test_incidents_are_acknowledged_put_aside_and_closed_with_a_note_and_an_audit(
    yard: Yard, tenant: Tenant
) -> None:
    [incident] = await faults(yard, 1)
    client = await tenant.client(Role.SUPPORT)
    path = f"/api/v1/incidents/{incident}"
    seen = (await client.post(f"{path}/acknowledge", json={"note": "on my way"})).json()
    assert seen["acknowledged_by"] == "support"
    until = (yard.clock.now() + timedelta(hours=4)).isoformat()
    assert (await client.post(f"{path}/snooze", json={"until": until})).json()["snoozed_until"] is not None
    assert (await client.post(f"{path}/snooze", json={"until": None})).json()["snoozed_until"] is None
    closed = (await client.post(f"{path}/close", json={})).json()
    assert (closed["status"], closed["closed_by"]) == ("closed", "support")
    problem(await client.post(f"{path}/close", json={}), 409, "incident-closed")
    history = (await client.get(path)).json()["history"]
    assert [event["event"] for event in history] == ["closed", "snoozed", "snoozed", "acknowledged", "opened"]
    assert history[3]["note"] == "on my way"
    audited = yard.rows("SELECT action FROM audit WHERE object = %s ORDER BY audit_id", f"incident:{incident}")
    assert [row["action"] for row in audited] == [
        "acknowledged incident", "snoozed incident", "snoozed incident", "closed incident",
    ]  # fmt: skip


@pytest.mark.parametrize("ahead", [timedelta(0), timedelta(days=-1), timedelta(days=31)])
async def test_an_incident_can_not_be_put_aside_for_ever_or_for_the_past(
    yard: Yard, tenant: Tenant, ahead: timedelta
) -> None:
    [incident] = await faults(yard, 1)
    until = (yard.clock.now() + ahead).isoformat()
    client = await tenant.client()
    problem(await client.post(f"/api/v1/incidents/{incident}/snooze", json={"until": until}), 422, "snooze-refused")


async def test_incidents_are_listed_by_what_one_asks_for_page_by_page(yard: Yard, tenant: Tenant) -> None:
    ids = await faults(yard, 3)
    yard.station(connected=False, identity="GONE")
    await yard.look()
    client = await tenant.client()
    await client.post(f"/api/v1/incidents/{ids[0]}/close", json={})
    await client.post(f"/api/v1/incidents/{ids[1]}/acknowledge", json={})
    assert [one["id"] for one in await walk(client, "/api/v1/incidents", limit=1, kind="fault")] == ids[::-1]

    async def kinds(**asked: Any) -> list[str]:
        return [one["kind"] for one in await walk(client, "/api/v1/incidents", **asked)]

    assert await kinds(status="open") == ["offline", "fault", "fault"]
    assert await kinds(status="closed") == ["fault"]
    assert await kinds(station="GONE") == ["offline"]
    assert await kinds(severity="warning") == []
    assert await kinds(acknowledged="true") == ["fault"]
    assert await kinds(site="nowhere") == []
    gone = (await walk(client, "/api/v1/incidents", station="GONE"))[0]["id"]
    yard.rows("UPDATE incidents SET severity = CASE incident_id WHEN %s THEN 1 WHEN %s THEN 3 ELSE 2 END", gone, ids[1])
    await check_orders(
        client,
        "/api/v1/incidents",
        "id",
        newest=[gone, ids[2], ids[1], ids[0]],
        oldest=[ids[0], ids[1], ids[2], gone],
        severity=[ids[1], ids[2], ids[0], gone],
    )


async def test_another_organisation_and_a_viewer_change_nothing(yard: Yard, tenant: Tenant, stranger: Tenant) -> None:
    [incident] = await faults(yard, 1)
    theirs, viewer = await stranger.client(), await tenant.client(Role.VIEWER)
    assert (await theirs.get("/api/v1/incidents")).json()["items"] == []
    problem(await theirs.get(f"/api/v1/incidents/{incident}"), 404, "incident-unknown")
    for act in ("acknowledge", "close"):
        problem(await theirs.post(f"/api/v1/incidents/{incident}/{act}", json={}), 404, "incident-unknown")
        problem(await viewer.post(f"/api/v1/incidents/{incident}/{act}", json={}), 403, "forbidden")
    assert yard.kinds() == ["fault"]


async def test_an_alert_rule_is_made_changed_tried_and_deleted(
    house: House, yard: Yard, tenant: Tenant, stranger: Tenant
) -> None:
    client, theirs = await tenant.client(Role.OPERATOR), await stranger.client()
    ada = yard.member()
    made = await client.post("/api/v1/alert-rules", json={"name": "On duty", "recipients": [ada], "delay_s": 60})
    assert made.status_code == 201
    rule = made.json()
    path = f"/api/v1/alert-rules/{rule['id']}"
    changed = await client.patch(
        path,
        json={"kinds": ["offline"], "least_severity": "critical", "quiet_from": "22:00:00", "quiet_until": "06:00:00"},
    )
    assert (changed.json()["kinds"], changed.json()["quiet_from"]) == (["offline"], "22:00:00")
    assert changed.json()["recipients"] == [ada]
    old = {"if-match": made.headers["etag"]}
    problem(await client.patch(path, json={"name": "x"}, headers=old), 412, "changed-meanwhile")
    problem(await client.patch(path, json={"quiet_until": None}), 422, "alert-rule-refused")
    problem(await client.patch(path, json={"recipients": ["x@example.org"]}), 422, "alert-rule-refused")
    problem(await client.patch(path, json={"kinds": ["nonsense"]}), 400, "request-invalid")
    assert (await client.post(f"{path}/test")).json() == {"recipients": [ada]}
    assert [one["step"] for one in await walk(client, "/api/v1/alerts", rule=rule["id"])] == ["test"]
    for answer in (await theirs.get(path), await theirs.patch(path, json={"name": "x"}), await theirs.delete(path)):
        problem(answer, 404, "alert-rule-unknown")
    problem(await (await tenant.client(Role.TECHNICIAN)).delete(path), 403, "forbidden")
    assert [one["id"] for one in await walk(client, "/api/v1/alert-rules")] == [rule["id"]]
    assert (await client.delete(path)).status_code == 204
    problem(await client.get(path), 404, "alert-rule-unknown")
    assert len(await walk(client, "/api/v1/alerts")) == 1


async def test_alert_rules_and_what_they_sent_are_sorted_as_asked(yard: Yard, tenant: Tenant) -> None:
    client, path, ada = await tenant.client(Role.OPERATOR), "/api/v1/alert-rules", yard.member()
    names = ("Night", "day", "Week", "night")
    made = [(await client.post(path, json={"name": name, "recipients": [ada]})).json()["id"] for name in names]
    first, day, week, last = made
    await check_orders(
        client, path, "id", oldest=made, newest=made[::-1], name=[day, *sorted([first, last], key=str), week]
    )
    for rule in made:
        await client.post(f"{path}/{rule}/test")
    await check_orders(client, "/api/v1/alerts", "rule", newest=made[::-1], oldest=made)
