"""Replacement as it is reached: what stations tell, what people say, what they are told; each who may."""

import asyncio
import csv
import io
import threading
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio
from psycopg.errors import InsufficientPrivilege
from python_calamine import CalamineWorkbook

from forecourt.access import Role
from forecourt.insight.dashboards import files
from forecourt.insight.dashboards.workbook import workbook
from forecourt.insight.replacement import service, store
from forecourt.insight.turns import AnswerTooSlow
from forecourt.platform.database import Pool, limited_to
from forecourt.ui.assets import STATIC_DIR
from tests.care.console import signed_in
from tests.http import House, Tenant, problem, walk

pytestmark = pytest.mark.skipif(
    not (STATIC_DIR / "manifest.json").exists(), reason="the web assets are not built: `make setup` builds them"
)
API = "/api/v1/insight/replacement"
PAGE = "/insight/health/replacement"
STATIONS = 40
COSTS = {"planned_minor": 20_000, "failed_minor": 60_000, "failed_down_h": 24, "hour_minor": 500}


@pytest.fixture(scope="module")
def application(application_with_pages: tuple[Pool, Any]) -> tuple[Pool, Any]:
    return application_with_pages


def name(tenant: Tenant, number: int) -> str:
    return f"R{number}-{tenant.tenant_id}"


@pytest_asyncio.fixture
async def tenant(house: House) -> AsyncIterator[Tenant]:
    """With 40 stations of one connector at two sites, registered two years ago."""
    tenant = await house.tenant()
    at = house.clock.now() - timedelta(days=730)
    with house.admin() as admin:
        admin.execute(
            "INSERT INTO sites (tenant_id, slug, name, path) SELECT %s, n, 'The ' || n, '{}'"
            " FROM unnest('{dock,yard}'::text[]) n",
            (tenant.tenant_id,),
        )
        admin.execute(
            "INSERT INTO stations (tenant_id, identity, site_id, vendor, model, created_at)"
            " SELECT %(t)s, 'R' || n || '-' || %(t)s, (SELECT site_id FROM sites WHERE tenant_id = %(t)s"
            " AND slug = CASE n %% 2 WHEN 0 THEN 'dock' ELSE 'yard' END), 'Volt', 'One', %(at)s"
            " FROM generate_series(1, %(most)s) n",
            {"t": tenant.tenant_id, "at": at, "most": STATIONS},
        )
        admin.execute(
            "INSERT INTO connectors (station_id, evse, connector, tenant_id, state, state_at)"
            " SELECT station_id, 1, 1, tenant_id, 'Available', %s FROM stations WHERE tenant_id = %s",
            (at, tenant.tenant_id),
        )
    yield tenant


def sheet(tenant: Tenant, today: date) -> str:
    """Stations that were put in six years ago, and cables of every second that were worn after four to five."""
    lines = ["Station;kind;evse;connector;on;reason"]
    for number in range(1, STATIONS + 1):
        began = today - timedelta(days=6 * 365)
        lines.append(f"{name(tenant, number)};station;;;{began};commissioned")
        if number % 2:
            lines.append(f"{name(tenant, number)};cable;1;1;{began + timedelta(days=1_400 + 10 * number)};worn")
    return "\n".join(lines)


async def test_past_replacements_lead_to_a_plan_with_a_budget(house: House, tenant: Tenant) -> None:
    api = await tenant.client()
    today = house.clock.now().date()
    blank = (await api.get(API)).json()["plan"]
    assert {each["told"] for each in blank["kinds"]} == {"unknown_age", "not_recorded"}
    assert blank["year"] is None
    dry = (await api.post(f"{API}/changes/import", json={"csv": sheet(tenant, today)})).json()
    assert (dry["dry_run"], dry["created"], dry["refused"]) == (True, 60, 0)
    assert (await api.get(f"{API}/changes")).json()["items"] == []
    for wanted in ({"created": 60, "unchanged": 0}, {"created": 0, "unchanged": 60}):
        done = (await api.post(f"{API}/changes/import", json={"csv": sheet(tenant, today), "dry_run": False})).json()
        assert {key: done[key] for key in wanted} == wanted
    since = (today - timedelta(days=6 * 365)).isoformat()
    inputs = {"currency": "EUR", "cable": {"recorded_since": since, **COSTS}}
    assert (await api.put(f"{API}/inputs", json=inputs)).status_code == 200
    plan = (await api.get(API)).json()["plan"]
    cables = next(each for each in plan["kinds"] if each["kind"] == "cable")
    assert (cables["told"], cables["units"], cables["assumed"], cables["wear"]["ends"]) == ("age", 40, 0, 20)
    assert cables["shape"]["low"] > 1.5
    # Twenty are six years old, of a kind that half of were worn after four to five.
    assert 5 < cables["year"]["expected"] < 20
    assert plan["budget"]["year"]["high_minor"] == plan["year"]["high"] * 72_000
    assert plan["budget"]["lacking"] == []
    assert cables["models"][0]["advice"]["verdict"] == "pays"
    assert {each["site"] for each in plan["sites"]} == {"dock", "yard"}
    # At the dock all are the first ones.
    assert plan["sites"][0]["site"] == "dock"
    units = (await api.get(f"{API}/units", params={"station": name(tenant, 2)})).json()
    assert [(each["place"]["kind"], each["began_on"], each["ahead"]) for each in units["items"]] == [
        ("cable", since, True)
    ]
    walked = await walk(api, f"{API}/units", limit=7)
    assert len({each["station"] for each in walked}) == 40
    assert [each["chance"] for each in walked] == sorted((each["chance"] for each in walked), reverse=True)
    assert len({each["change_id"] for each in await walk(api, f"{API}/changes", limit=7)}) == 60
    page = (await (await signed_in(house, tenant)).get(PAGE)).text
    for text in ("Cable, plug and lock", "Volt One", "Replace ahead", "Yes, at", "Alerts of health are another thing",
                 "None ended in 80 years of use: fewer than 3.7 of 100 a year"):  # fmt: skip
        assert text in page, text
    german = (await (await signed_in(house, tenant)).get(PAGE, headers={"accept-language": "de"})).text
    assert "Kabel, Stecker und Verriegelung" in german
    taken = (await (await signed_in(house, tenant)).get(f"{PAGE}.csv")).text
    rows = list(csv.DictReader(io.StringIO(taken)))
    assert len(rows) == 40
    assert {row["site_name"] for row in rows} == {"The dock", "The yard"}
    assert 'href="/sites/dock">The dock</a>' in page
    book = (await (await signed_in(house, tenant)).get(f"{PAGE}.xlsx")).content
    [head, *lines] = CalamineWorkbook.from_filelike(io.BytesIO(book)).get_sheet_by_index(0).to_python()
    assert [line[0] for line in lines] == [row["station"] for row in rows]
    assert "Ends within a year (%)" in head
    assert [float(row["chance_in_a_year"]) for row in rows] == sorted(
        (float(row["chance_in_a_year"]) for row in rows), reverse=True
    )


@pytest.mark.parametrize("path", [f"{PAGE}.xlsx", f"{PAGE}/changes.xlsx"], ids=["units", "changes"])
async def test_others_are_answered_while_a_workbook_is_written(
    house: House, tenant: Tenant, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    on_the_loop = []

    def told(*given: Any) -> bytes:
        try:
            asyncio.get_running_loop()
            on_the_loop.append(True)
        except RuntimeError:
            on_the_loop.append(False)
        return workbook(*given)

    monkeypatch.setattr(files, "workbook", told)
    assert (await (await signed_in(house, tenant)).get(path)).status_code == 200
    assert on_the_loop == [False]


async def test_what_is_said_of_hardware_is_kept_once_and_taken_back_with_a_trace(house: House, tenant: Tenant) -> None:
    api = await tenant.client(Role.TECHNICIAN)
    today = house.clock.now().date()
    said = {"station": name(tenant, 1), "kind": "cable", "evse": 1, "connector": 1, "on": today.isoformat(),
            "reason": "vandalism", "note": "Cut off"}  # fmt: skip
    made = await api.post(f"{API}/changes", json=said)
    assert made.status_code == 201
    assert (made.json()["site"], made.json()["place"]["connector"]) == ("yard", 1)
    problem(await api.post(f"{API}/changes", json=said), 409, "hardware-change-exists")
    problem(await api.post(f"{API}/changes", json=said | {"station": "nowhere"}), 404, "station-unknown")
    tomorrow = (today + timedelta(days=1)).isoformat()
    for wrong in ({"on": tomorrow}, {"on": "1999-12-31"}, {"kind": "station"}, {"connector": None}):
        problem(await api.post(f"{API}/changes", json=said | wrong), 422, "hardware-change-refused")
    stranger = await (await house.tenant()).client()
    problem(await stranger.delete(f"{API}/changes/{made.json()['change_id']}"), 404, "hardware-change-unknown")
    problem(await stranger.post(f"{API}/changes", json=said), 404, "station-unknown")
    problem(await (await tenant.client(Role.VIEWER)).post(f"{API}/changes", json=said), 403, "forbidden")
    assert (await api.delete(f"{API}/changes/{made.json()['change_id']}")).status_code == 204
    problem(await api.delete(f"{API}/changes/{made.json()['change_id']}"), 404, "hardware-change-unknown")
    with house.admin() as admin:
        traces = admin.execute(
            "SELECT action, object FROM audit WHERE tenant_id = %s AND action LIKE '%%hardware%%' ORDER BY audit_id",
            (tenant.tenant_id,),
        ).fetchall()
    subject = f"station:{name(tenant, 1)}"
    assert traces == [("say hardware was changed", subject), ("take back what was said of hardware", subject)]


async def test_who_is_limited_to_a_site_sees_and_says_what_is_there_and_no_money(house: House, tenant: Tenant) -> None:
    owner = await tenant.client()
    today = house.clock.now().date()
    assert (
        await owner.post(f"{API}/changes/import", json={"csv": sheet(tenant, today), "dry_run": False})
    ).status_code == 200
    with house.admin() as admin:
        [(yard,)] = admin.execute(
            "SELECT site_id FROM sites WHERE tenant_id = %s AND slug = 'yard'", (tenant.tenant_id,)
        ).fetchall()
        admin.execute("UPDATE sites SET path = ARRAY[site_id] WHERE tenant_id = %s", (tenant.tenant_id,))
    since = (today - timedelta(days=6 * 365)).isoformat()
    await owner.put(f"{API}/inputs", json={"cable": {"recorded_since": since, **COSTS}})
    limited = await tenant.client(Role.OPERATOR, (yard,))
    told = (await limited.get(API)).json()
    assert told["inputs"] is None
    assert told["plan"]["budget"] is None
    assert {each["site"] for each in told["plan"]["sites"]} == {"yard"}
    assert {each["cost"] for each in told["plan"]["sites"]} == {None}
    advised = [model["advice"] for kind in told["plan"]["kinds"] for model in kind["models"] if model["advice"]]
    assert [(each["verdict"], each["saved"]) for each in advised] == [("pays", None)]
    assert next(each["units"] for each in told["plan"]["kinds"] if each["kind"] == "cable") == 20
    # The whole organisation's plan was reckoned before, and is nobody else's.
    assert (
        next(each["units"] for each in (await owner.get(API)).json()["plan"]["kinds"] if each["kind"] == "cable") == 40
    )
    assert {each["site"] for each in (await limited.get(f"{API}/changes")).json()["items"]} == {"yard"}
    problem(await limited.get(f"{API}/inputs"), 403, "forbidden-by-sites")
    problem(await limited.put(f"{API}/inputs", json={}), 403, "forbidden-by-sites")
    said = {"kind": "controller", "on": today.isoformat(), "reason": "worn"}
    assert (await limited.post(f"{API}/changes", json=said | {"station": name(tenant, 1)})).status_code == 201
    problem(await limited.post(f"{API}/changes", json=said | {"station": name(tenant, 2)}), 404, "station-unknown")
    page = (await (await signed_in(house, tenant, Role.TECHNICIAN)).get(PAGE)).text
    assert "Cost, once they failed" not in page
    assert "720.00" not in page


async def test_lines_that_cannot_be_are_refused_and_the_others_kept(house: House, tenant: Tenant) -> None:
    api = await tenant.client()
    today = house.clock.now().date()
    one, day = name(tenant, 1), today.isoformat()
    lines = [
        "station,kind,evse,connector,on,reason,note",
        f"{one},cable,1,1,{day},worn,",
        f"{one},cable,1,1,{day},defect,",
        f"{one},cable,,1,{day},worn,",
        f"nowhere,station,,,{day},worn,",
        f"{one},wheel,,,{day},worn,",
        f"{one},station,,,{today + timedelta(days=1)},worn,",
        f"{one},station,,,,worn,",
        f"{one},power,1,,{day},ahead,all good",
    ]
    done = (await api.post(f"{API}/changes/import", json={"csv": "\n".join(lines), "dry_run": False})).json()
    assert [each["action"] for each in done["lines"]] == ["create", *["refused"] * 6, "create"]
    assert [each["problems"][0]["column"] for each in done["lines"][1:-1]] == [
        "on", "kind", "station", "kind", "on", "on",
    ]  # fmt: skip
    kept = (await api.get(f"{API}/changes", params={"station": one})).json()["items"]
    assert sorted((each["place"]["kind"], each["reason"]) for each in kept) == [("cable", "worn"), ("power", "ahead")]
    # What is taken along comes in again.
    file = (await (await signed_in(house, tenant)).get(f"{PAGE}/changes.csv")).text
    again = (await api.post(f"{API}/changes/import", json={"csv": file})).json()
    assert (again["unchanged"], again["refused"]) == (2, 0)


async def test_a_plug_that_the_station_does_not_have_is_refused(house: House, tenant: Tenant) -> None:
    """As where an operator numbers the plugs of one EVSE otherwise."""
    api = await tenant.client()
    one, day = name(tenant, 1), house.clock.now().date().isoformat()
    said = {"station": one, "kind": "cable", "evse": 1, "connector": 2, "on": day, "reason": "worn"}
    problem(await api.post(f"{API}/changes", json=said), 422, "hardware-change-refused")
    power = {"station": one, "kind": "power", "evse": 2, "on": day, "reason": "worn"}
    problem(await api.post(f"{API}/changes", json=power), 422, "hardware-change-refused")
    lines = f"station,kind,evse,connector,on,reason\n{one},cable,1,2,{day},worn\n{one},power,2,,{day},worn"
    done = (await api.post(f"{API}/changes/import", json={"csv": lines})).json()
    assert [[each["column"] for each in line["problems"]] for line in done["lines"]] == [["connector"], ["evse"]]
    # One that never spoke has whatever somebody says.
    with house.admin() as admin:
        admin.execute("DELETE FROM connectors WHERE tenant_id = %s", (tenant.tenant_id,))
    assert (await api.post(f"{API}/changes", json=said)).status_code == 201


async def test_an_import_does_not_say_it_created_what_somebody_else_said_meanwhile(
    house: House, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    api = await tenant.client()
    one, day = name(tenant, 1), house.clock.now().date().isoformat()
    said = {"station": one, "kind": "controller", "on": day, "reason": "worn"}
    assert (await api.post(f"{API}/changes", json=said)).status_code == 201

    async def nothing_yet(*_given: Any, **_more: Any) -> list[Any]:
        return []

    # What the import read before the other one wrote.
    monkeypatch.setattr(store, "list_changes", nothing_yet)
    lines = f"station,kind,evse,on,reason,note\n{one},controller,,{day},recall,\n{one},power,1,{day},ahead,all good"
    done = (await api.post(f"{API}/changes/import", json={"csv": lines, "dry_run": False})).json()
    monkeypatch.undo()
    assert [each["action"] for each in done["lines"]] == ["refused", "create"]
    assert (done["created"], done["refused"]) == (1, 1)
    kept = (await api.get(f"{API}/changes", params={"station": one})).json()["items"]
    assert {(each["place"]["kind"], each["reason"], each["note"]) for each in kept} == {
        ("controller", "worn", None), ("power", "ahead", "all good"),
    }  # fmt: skip
    with house.admin() as admin:
        [(traced,)] = admin.execute(
            "SELECT detail FROM audit WHERE tenant_id = %s AND action = 'import what was said of hardware'",
            (tenant.tenant_id,),
        ).fetchall()
    assert traced == {"lines": 1}


async def test_hardware_and_costs_are_said_on_pages_too(house: House, tenant: Tenant) -> None:
    console = await signed_in(house, tenant)
    one, today = name(tenant, 1), house.clock.now().date().isoformat()
    typed = {"station": one, "kind": "cable", "evse": "1", "connector": "1", "on": today, "reason": "worn", "note": ""}
    refused = await console.post(f"{PAGE}/changes", data=typed | {"connector": ""})
    assert refused.status_code == 422
    assert "a cable an EVSE and a connector" in refused.text
    assert f'value="{one}"' in refused.text
    unread = await console.post(f"{PAGE}/changes", data=typed | {"on": "yesterday", "station": "nowhere"})
    assert "must be a day such as" in unread.text
    unknown = await console.post(f"{PAGE}/changes", data=typed | {"station": "nowhere"})
    assert "must be the id of one of your stations" in unknown.text
    assert (await console.post(f"{PAGE}/changes", data=typed)).status_code == 303
    page = (await console.get(f"{PAGE}/changes")).text
    assert "Worn" in page
    [path] = {part.partition('"')[0] for part in page.split('action="') if part.partition('"')[0].endswith("/forget")}
    assert (await console.post(path)).status_code == 303
    assert "Nobody said anything of hardware yet" in (await console.get(f"{PAGE}/changes")).text
    blank = {f"{kind}_{of}": "" for kind in ("station", "controller", "power", "cable")
             for of in ("recorded_since", "planned_minor", "failed_minor", "planned_down_h", "failed_down_h",
                        "hour_minor")}  # fmt: skip
    costs = blank | {"currency": "eur", "cable_recorded_since": today, "cable_failed_minor": "600.50",
                     "cable_failed_down_h": "24"}  # fmt: skip
    wrong = await console.post(PAGE, data=costs | {"cable_failed_minor": "a lot"})
    assert wrong.status_code == 422
    assert "must be an amount" in wrong.text
    future = await console.post(PAGE, data=costs | {"cable_recorded_since": "2999-01-01"})
    assert future.status_code == 422
    assert (await console.post(PAGE, data=costs)).status_code == 303
    api = await tenant.client()
    stored = (await api.get(f"{API}/inputs")).json()
    assert stored["cable"]["failed_minor"] == 60_050
    assert (stored["cable"]["planned_minor"], stored["cable"]["hour_minor"]) == (None, 0)
    assert 'value="600.50"' in (await console.get(PAGE)).text
    assert "Needed in each line: station, kind, on, reason." in (await console.get(f"{PAGE}/changes/import")).text
    shown = await console.post(f"{PAGE}/changes/import", data={"csv": sheet(tenant, date.fromisoformat(today))})
    assert "60 will be created" in shown.text


async def test_this_morning_is_no_future_east_of_greenwich(house: House, tenant: Tenant) -> None:
    """Of an organisation whose day has begun while it is yesterday by UTC."""
    now = house.clock.now()
    house.clock.set(now.replace(hour=22))
    today = (now + timedelta(days=1)).date()
    try:
        with house.admin() as admin:
            admin.execute(
                "UPDATE organisations SET time_zone = 'Pacific/Auckland' WHERE tenant_id = %s", (tenant.tenant_id,)
            )
        api = await tenant.client()
        one = name(tenant, 1)
        said = {"station": one, "kind": "controller", "on": today.isoformat(), "reason": "worn"}
        assert (await api.post(f"{API}/changes", json=said)).status_code == 201
        tomorrow = (today + timedelta(days=1)).isoformat()
        problem(await api.post(f"{API}/changes", json=said | {"on": tomorrow}), 422, "hardware-change-refused")
        lines = f"station,kind,on,reason\n{one},station,{today},worn\n{one},station,{tomorrow},worn"
        done = (await api.post(f"{API}/changes/import", json={"csv": lines, "dry_run": False})).json()
        assert [each["action"] for each in done["lines"]] == ["create", "refused"]
        since = (today - timedelta(days=700)).isoformat()
        inputs = {"controller": {"recorded_since": since, "new_when_registered": True},
                  "station": {"new_when_registered": True}}  # fmt: skip
        assert (await api.put(f"{API}/inputs", json=inputs)).status_code == 200
        future = {"controller": {"recorded_since": tomorrow}}
        problem(await api.put(f"{API}/inputs", json=future), 422, "replacement-inputs-refused")
        plan = (await api.get(API)).json()["plan"]
        assert plan["on"] == today.isoformat()
        # What was said this morning is in what is told.
        assert {each["kind"]: each["wear"]["ends"] for each in plan["kinds"] if each["wear"]} == {
            "station": 1, "controller": 1,
        }  # fmt: skip
    finally:
        house.clock.set(now)


async def test_stations_beyond_those_that_are_looked_at_are_counted(
    house: House, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "MAX_STATIONS", STATIONS - 3)
    monkeypatch.setattr(service, "MAX_CHANGES", 1)
    api = await tenant.client()
    said = {"station": name(tenant, 1), "kind": "controller", "on": "2026-01-01", "reason": "worn"}
    assert (await api.post(f"{API}/changes", json=said)).status_code == 201
    with house.admin() as admin:
        admin.execute(
            "INSERT INTO hardware_changes (tenant_id, station_id, kind, happened_on, reason, said_at, said_by)"
            " SELECT tenant_id, station_id, kind, happened_on - 1, reason, said_at, said_by FROM hardware_changes"
            " WHERE tenant_id = %s",
            (tenant.tenant_id,),
        )
    told = (await api.get(API)).json()["plan"]["left_out"]
    assert told == {"stations": 3, "units": 0, "changes": 1}
    page = (await (await signed_in(house, tenant)).get(PAGE)).text
    assert "3 stations, 0 pieces of hardware and 1 notes" in page


async def test_who_waits_too_long_for_a_plan_is_told_so_and_one_that_takes_too_long_is_broken_off(
    house: House, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, go, ended = threading.Event(), threading.Event(), threading.Event()
    made = service._planned

    def slowly(*given: Any) -> Any:
        begun.set()
        go.wait()
        return made(*given)

    def endless(*given: Any) -> Any:
        try:
            while True:
                given[-1].check()
        finally:
            ended.set()

    monkeypatch.setattr(service, "_planned", slowly)
    replacing = service.Replacing(house.db, house.clock)
    first = asyncio.create_task(replacing.plan(tenant.tenant_id))
    try:
        await asyncio.to_thread(begun.wait)
        replacing._made.within_s = 0
        for other in (tenant, await house.tenant()):
            with pytest.raises(AnswerTooSlow):
                await replacing.plan(other.tenant_id)
    finally:
        go.set()
        plan = await first
    # Nobody waits any more.
    replacing._made.within_s = 30.0
    assert await replacing.plan(tenant.tenant_id) == plan
    slow = service.Replacing(house.db, house.clock, within_s=0.1)
    monkeypatch.setattr(service, "_planned", endless)
    with pytest.raises(AnswerTooSlow):
        await slow.plan(tenant.tenant_id)
    assert ended.is_set(), "its place is free again only when its thread has ended"
    monkeypatch.setattr(service, "_planned", made)
    slow._made.within_s = 30.0
    assert await slow.plan(tenant.tenant_id) == plan


async def test_more_than_is_kept_is_refused_whatever_who_asks_may_see(
    house: House, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "MAX_CHANGES", 1)
    api = await tenant.client()
    said = {"station": name(tenant, 2), "kind": "controller", "reason": "worn"}
    made = await api.post(f"{API}/changes", json=said | {"on": "2026-01-01"})
    assert made.status_code == 201
    problem(await api.post(f"{API}/changes", json=said | {"on": "2026-01-02"}), 409, "too-many-hardware-changes")
    with house.admin() as admin:
        [(yard,)] = admin.execute(
            "UPDATE sites SET path = ARRAY[site_id] WHERE tenant_id = %s AND slug = 'yard' RETURNING site_id",
            (tenant.tenant_id,),
        ).fetchall()
    limited = await tenant.client(Role.OPERATOR, (yard,))
    assert (await limited.get(f"{API}/changes")).json()["items"] == []
    other = said | {"station": name(tenant, 1), "on": "2026-01-02"}
    problem(await limited.post(f"{API}/changes", json=other), 409, "too-many-hardware-changes")
    # What was taken back makes room.
    assert (await api.delete(f"{API}/changes/{made.json()['change_id']}")).status_code == 204
    assert (await limited.post(f"{API}/changes", json=other)).status_code == 201


async def test_who_is_limited_to_a_site_cannot_say_what_replacing_costs_even_past_the_application(
    house: House, tenant: Tenant
) -> None:
    owner = await tenant.client()
    assert (await owner.put(f"{API}/inputs", json={"cable": {"recorded_since": "2025-01-01"}})).status_code == 200
    with limited_to((-1,)):
        async with house.db.tenant(tenant.tenant_id) as conn:
            # A plan of their own site is reckoned by it.
            assert (await store.find_inputs(conn, tenant.tenant_id)) is not None
            done = await conn.execute("UPDATE replacement_inputs SET inputs = '{}'")
            assert done.rowcount == 0
    other = (await house.tenant()).tenant_id
    with limited_to((-1,)), pytest.raises(InsufficientPrivilege):
        async with house.db.tenant(other) as conn:
            await conn.execute(
                "INSERT INTO replacement_inputs (tenant_id, inputs, said_at, said_by)"
                " VALUES (forecourt_tenant(), '{}', now(), 'x')"
            )


async def test_what_is_said_of_a_day_is_of_the_station_that_stood_there_then(house: House) -> None:
    tenant = await house.tenant()
    with house.admin() as admin:
        for identity, retired, created in (
            (None, datetime(2025, 1, 1, tzinfo=UTC), datetime(2022, 1, 1, tzinfo=UTC)),
            ("SAME-" + str(tenant.tenant_id), None, datetime(2025, 2, 1, tzinfo=UTC)),
        ):
            admin.execute(
                "INSERT INTO stations (tenant_id, identity, retired_identity, retired_at, created_at)"
                " VALUES (%s, %s, %s, %s, %s)",
                (tenant.tenant_id, identity, None if identity else f"SAME-{tenant.tenant_id}", retired, created),
            )
    async with house.db.tenant(tenant.tenant_id) as conn:
        standings = (await store.list_standings(conn, tenant.tenant_id, [f"SAME-{tenant.tenant_id}"]))[
            f"SAME-{tenant.tenant_id}"
        ]
    api = await tenant.client()
    said = {"station": f"SAME-{tenant.tenant_id}", "kind": "station", "reason": "worn"}
    found = {}
    for day in ("2021-01-01", "2025-01-01", "2025-02-01"):
        answer = await api.post(f"{API}/changes", json=said | {"on": day})
        assert answer.status_code == 201
        found[day] = answer.json()["station_id"]
    current, before = standings
    assert found == {
        "2021-01-01": current.station_id,
        "2025-01-01": before.station_id,
        "2025-02-01": current.station_id,
    }
