"""A site is set up over the API, what is said of it is kept, and whoever may not changes nothing."""

import json
import os
import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from httpx import AsyncClient

from forecourt.access import Role
from forecourt.energy import store
from forecourt.energy.errors import ElectricsRefused
from forecourt.energy.needs.model import Source, Wants
from tests.http import House, Tenant, problem, walk

SHARED = Path(os.environ.get("FORECOURT_TEST_DATA", Path(__file__).parents[3] / "shared" / "data"))
SHARED_PRICES = SHARED / "prices" / "nl_day_ahead_2022_2023.csv.gz"
HOW_TO = Path(__file__).parents[2] / "docs" / "how-to" / "set-up-smart-charging.md"
#: A request of the examples: method, path and body.
EXAMPLE = re.compile(r"^ *(put|post) \"?(/[^\" ]+)\"? '(\{.*?\})'$", re.MULTILINE | re.DOTALL)
GRID = {"id": "grid", "limit_a": 63.0}


async def furnish(house: House, tenant: Tenant, stations: int = 2) -> tuple[AsyncClient, str, list[str]]:
    """An owner, a site by its address, and the stations there, each with one EVSE that said what it is."""
    owner = await tenant.client()
    site = (await owner.post("/api/v1/sites", json={"name": "Yard", "time_zone": "Europe/Berlin"})).json()
    names = [f"CP-{uuid4().hex[:8]}" for _ in range(stations)]
    for name in names:
        assert (await owner.post("/api/v1/stations", json={"id": name, "site": site["slug"]})).status_code == 201
    with house.admin() as connection:
        connection.execute(
            "INSERT INTO connectors (station_id, evse, connector, tenant_id, state, state_at)"
            " SELECT station_id, 1, 1, tenant_id, 'Available', now() FROM stations WHERE identity = ANY(%s)",
            (names,),
        )
    return owner, f"/api/v1/sites/{site['slug']}", names


def hung(station: str, **more: Any) -> dict[str, Any]:
    return {"station": station, "evse": 1, "node": "grid", **more}


async def test_electrics_are_stored_in_versions_and_a_stale_change_is_refused(house: House, tenant: Tenant) -> None:
    owner, site, [one, two] = await furnish(house, tenant)
    empty = await owner.get(f"{site}/electrics")
    assert (empty.json()["version"], empty.json()["electrics"]) == (0, None)
    assert {each["station"] for each in empty.json()["unhung"]} == {one, two}
    body = {
        "nodes": [GRID, {"id": "panel", "name": "Panel 1", "parent": "grid", "limit_w": 22_000}],
        "evses": [hung(one, node="panel", phases="L2", max_a=16.0)],
        "loads": [{"id": "hall", "node": "grid", "most_w": 5_000}],
        "batteries": [
            {
                "id": "box", "node": "panel", "capacity_wh": 60_000, "charge_w": 30_000, "discharge_w": 30_000,
                "wear_per_kwh": "0.031",
            }
        ],
    }  # fmt: skip
    headers = {"if-match": empty.headers["etag"]}
    made = await owner.put(f"{site}/electrics", json=body, headers=headers)
    assert made.status_code == 200, made.text
    shown = made.json()
    assert (shown["version"], [each["station"] for each in shown["unhung"]]) == (1, [two])
    assert shown["electrics"]["batteries"][0]["wear_per_kwh"] == "0.031"
    assert shown["changed_by"].startswith("key:")
    # Sent again nothing changes; from what was read before nothing is overwritten.
    again = await owner.put(f"{site}/electrics", json=body, headers={"if-match": made.headers["etag"]})
    assert (again.json()["version"], again.headers["etag"]) == (1, made.headers["etag"])
    problem(await owner.put(f"{site}/electrics", json=body, headers=headers), 412, "changed-meanwhile")
    moved = await owner.put(f"{site}/electrics", json=body | {"evses": [hung(one), hung(two)]})
    assert (moved.json()["version"], moved.json()["unhung"]) == (2, [])
    entries = (await owner.get("/api/v1/audit", params={"action": "change electrics"})).json()["items"]
    assert [entry["after"]["version"] for entry in entries] == [2, 1]


async def test_every_fault_of_electrics_is_named_at_once(house: House, tenant: Tenant) -> None:
    owner, site, [one, _] = await furnish(house, tenant)
    _, other_site, [elsewhere, _] = await furnish(house, tenant)
    body = {
        "nodes": [GRID, {"id": "a", "parent": "b"}, {"id": "b", "parent": "a"}],
        "evses": [hung(one), hung(one), hung(elsewhere), hung("nobody"), hung(one, evse=2)],
        "loads": [{"id": "hall", "node": "cellar"}],
        "solar": [{"id": "hall", "node": "grid", "peak_w": 1}],
    }
    refused = problem(await owner.put(f"{site}/electrics", json=body), 422, ElectricsRefused.code)
    named = {(fault["of"], fault["id"], fault["detail"]) for fault in refused["faults"]}
    assert {
        ("node", "a", "it stands in a circle"),
        ("EVSE", f"{one}:1", "it is there 2 times"),
        ("EVSE", f"{one}:2", f"station {one} has no such EVSE; it says that it has 1"),
        ("EVSE", "nobody:1", "no station nobody is registered: register it first, and give it this site"),
        ("EVSE", f"{elsewhere}:1", "its station stands neither at this site nor at a part of it"),
        ("attachment", "hall", "it is there 2 times"),
        ("attachment", "hall", "there is no node cellar"),
    } <= named
    assert (await owner.get(f"{site}/electrics")).json()["version"] == 0
    # One that never booted is registered, and nobody knows yet what it has.
    new = f"CP-{uuid4().hex[:8]}"
    await owner.post("/api/v1/stations", json={"id": new, "site": site.rsplit("/", 1)[1]})
    early = await owner.put(f"{site}/electrics", json={"nodes": [{"id": "grid"}], "evses": [hung(new)]})
    [fault] = problem(early, 422, ElectricsRefused.code)["faults"]
    assert "has not told yet which EVSEs it has: connect it" in fault["detail"]
    # A part's EVSE hangs at one place only.
    with house.admin() as connection:
        connection.execute(
            "UPDATE sites SET parent_id = (SELECT site_id FROM sites WHERE tenant_id = %(tenant)s AND slug = %(above)s)"
            " WHERE tenant_id = %(tenant)s AND slug = %(slug)s",
            {"tenant": tenant.tenant_id, "above": site.rsplit("/", 1)[1], "slug": other_site.rsplit("/", 1)[1]},
        )
    good = {"nodes": [GRID], "evses": [hung(elsewhere)]}
    assert (await owner.put(f"{other_site}/electrics", json=good)).status_code == 200
    twice = problem(await owner.put(f"{site}/electrics", json=good), 422, ElectricsRefused.code)
    assert [fault["detail"] for fault in twice["faults"]] == ["it hangs at the site Yard already"]


async def test_a_fallback_that_would_overload_the_tree_in_silence_is_refused(house: House, tenant: Tenant) -> None:
    owner, site, stations = await furnish(house, tenant, 3)
    problem(await owner.put(f"{site}/smart-charging", json={"enabled": True}), 409, "electrics-missing")
    body = {"nodes": [{"id": "grid", "limit_a": 16.0}], "evses": [hung(each) for each in stations]}
    # Three times 6 A would be too much, so by itself the fallback is nothing; asked for, it is refused.
    assert (await owner.put(f"{site}/electrics", json=body)).status_code == 200
    settings = {"enabled": True, "mode": "greenest", "unserved_per_kwh": "0.455", "fallback_a": 6.0}
    refused = problem(await owner.put(f"{site}/smart-charging", json=settings), 422, "smart-charging-refused")
    assert refused["faults"][0]["id"] == "grid"
    assert (await owner.get(f"{site}/smart-charging")).json()["dynamic_profiles"] is False
    for wear, status, code in (("-0.01", 422, "smart-charging-refused"), ("NaN", 400, "request-invalid")):
        worn = settings | {"fallback_a": 5.0, "car_wear_per_kwh": wear}
        problem(await owner.put(f"{site}/smart-charging", json=worn), status, code)
    wanted = settings | {"fallback_a": 5.0, "feed_in_limit_w": 7_000, "car_wear_per_kwh": "0.07"}
    wanted |= {"dynamic_profiles": True}
    stored = await owner.put(f"{site}/smart-charging", json=wanted)
    assert stored.json() == wanted
    assert (await owner.get(f"{site}/smart-charging")).json() == wanted
    shrunk = {**body, "nodes": [{"id": "grid", "limit_a": 14.0}]}
    assert problem(await owner.put(f"{site}/electrics", json=shrunk), 422, "electrics-refused")["faults"]


async def test_prices_are_exact_and_the_outlook_says_which_are_missing(house: House, tenant: Tenant) -> None:
    owner, site, [one, _] = await furnish(house, tenant)
    body = {"nodes": [GRID], "evses": [hung(one)], "loads": [{"id": "hall", "node": "grid", "most_w": 7_000}]}
    await owner.put(f"{site}/electrics", json=body)
    problem(await owner.get(f"{site}/utility-tariff"), 404, "tariff-missing")
    bad = {"currency": "EUR", "seasons": [{"weekdays": {"hours": [6, 3], "prices": ["0.1"]}}]}
    assert len(problem(await owner.put(f"{site}/utility-tariff", json=bad), 422, "tariff-refused")["faults"]) == 2
    tariff = {
        "currency": "EUR", "price_zone": "NL", "factor": "1.21", "markup_per_kwh": "0.0801",
        "demand_charge_per_kw": "9.8", "feed_in_per_kwh": "0.07", "co2_zone": "NL",
    }  # fmt: skip
    stored = await owner.put(f"{site}/utility-tariff", json=tariff)
    assert stored.json()["factor"] == "1.21"
    far = {"source": "x", "id": "far", "limit_w": 1, "from": "9999-01-01T00:00:00Z"}
    problem(await owner.post(f"{site}/limits", json=far), 422, "limit-refused")
    ancient = far | {"from": "0001-01-01T00:00:00Z"}
    problem(await owner.post(f"{site}/limits", json=ancient), 422, "limit-refused")
    now = house.clock.now()
    hour = now.replace(minute=0, second=0, microsecond=0)
    prices = "\n".join(f"{(hour + timedelta(hours=n)).isoformat()},{80 + n}.25" for n in range(-24, 3))
    loaded = await owner.post("/api/v1/energy/prices/NL", json={"csv": f"# a note\nutc,eur_per_mwh\n{prices}\n"})
    assert loaded.json() == {"values": 27, "changed": 27}
    ahead = (await owner.get(f"{site}/outlook", params={"hours": 6})).json()
    assert ahead["currency"] == "EUR"
    assert Decimal(ahead["price"]["values"][0]) == Decimal("0.08025") * Decimal("1.21") + Decimal("0.0801")
    # Behind the last price, that of the same hour of the day before stands in; the load's meter never said anything.
    known = next(number for number, missing in enumerate(ahead["price"]["stand_in"]) if missing)
    assert 4 * 2 < known <= 4 * 3
    assert Decimal(ahead["price"]["values"][-1]) < Decimal(ahead["price"]["values"][0])
    assert ahead["price"]["provenance"]["source"] == "CSV"
    [load] = ahead["loads"]
    assert (load["power_w"]["values"][0], all(load["power_w"]["stand_in"])) == (7_000, True)
    assert set(ahead["co2"]["stand_in"]) == {True}
    refused = await owner.post("/api/v1/energy/prices/NL", json={"csv": "utc,eur_per_mwh\n2026-03-01T00:00,x\nnoon,3"})
    assert len(problem(refused, 422, "series-refused")["lines"]) == 2
    listed = await walk(owner, "/api/v1/energy/prices/NL", limit=10)
    assert [each["value"] for each in listed[:2]] == ["0.05625000", "0.05725000"]


@pytest.mark.skipif(not SHARED_PRICES.is_file(), reason="the shared prices are not here")
async def test_the_shared_day_ahead_prices_are_read_unchanged() -> None:
    import gzip

    from forecourt.energy.signals.sheet import read_series

    text = gzip.decompress(SHARED_PRICES.read_bytes()).decode()
    series = read_series(text, "price", "EV2Gym", datetime(2026, 3, 1, tzinfo=UTC))
    assert (series.currency, len(series.spans) > 17_000) == ("EUR", True)
    assert series.spans[0].value == Decimal("0.1247")
    assert {span.minutes for span in series.spans} == {60}


async def test_a_limit_is_said_once_however_often_it_is_sent_and_withdrawn_for_good(
    house: House, tenant: Tenant
) -> None:
    owner, site, [one, _] = await furnish(house, tenant)
    await owner.put(f"{site}/electrics", json={"nodes": [GRID], "evses": [hung(one)]})
    now = house.clock.now()
    said = {
        "source": "grid operator", "id": "event 1", "limit_w": 20_000,
        "from": (now + timedelta(hours=1)).isoformat(), "to": (now + timedelta(hours=2)).isoformat(),
    }  # fmt: skip
    first = (await owner.post(f"{site}/limits", json=said)).json()
    second = (await owner.post(f"{site}/limits", json=said | {"limit_w": 10_000})).json()
    assert (second["limit_id"], second["limit_w"]) == (first["limit_id"], 10_000)
    assert len(await walk(owner, f"{site}/limits")) == 1
    problem(await owner.post(f"{site}/limits", json=said | {"node": "attic"}), 422, "limit-refused")
    problem(await owner.post(f"{site}/limits", json=said | {"to": said["from"]}), 422, "limit-refused")
    absurd = problem(await owner.post(f"{site}/limits", json=said | {"limit_w": 10**9}), 400, "request-invalid")
    assert absurd["errors"][0]["detail"] == "This must be 100000000 or less"
    over = {"from": (now - timedelta(hours=2)).isoformat(), "to": (now - timedelta(hours=1)).isoformat()}
    past = problem(await owner.post(f"{site}/limits", json=said | over), 422, "limit-refused")
    assert "it is over already" in past["faults"][0]["detail"]
    [limit] = (await owner.get(f"{site}/outlook", params={"hours": 3})).json()["limits"]
    assert (limit["node"], limit["limit_w"]) == ("grid", [None] * 4 + [10_000] * 4 + [None] * 4)
    assert (await owner.delete(f"{site}/limits/{first['limit_id']}")).status_code == 204
    assert (await owner.get(f"{site}/outlook", params={"hours": 3})).json()["limits"] == []
    problem(await owner.delete(f"{site}/limits/{uuid4()}"), 404, "limit-unknown")


async def test_an_outlook_without_all_limits_is_refused_as_is_declared(
    house: House, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner, site, _ = await furnish(house, tenant)
    assert (await owner.post(f"{site}/limits", json={"source": "DSO", "id": "1", "limit_w": 9})).status_code == 200
    monkeypatch.setattr("forecourt.energy.store.signals.MAX_LIMITS", 0)
    problem(await owner.get(f"{site}/outlook"), 409, "too-many-limits")
    told = (await owner.get("/api/v1/openapi.json")).json()["paths"]["/api/v1/sites/{site}/outlook"]["get"]
    assert "409" in told["responses"]


async def test_a_load_is_foretold_from_days_like_today_and_from_what_it_draws_now(house: House, tenant: Tenant) -> None:
    owner, site, [one, _] = await furnish(house, tenant)
    body = {"nodes": [GRID], "evses": [hung(one)], "loads": [{"id": "hall", "node": "grid", "most_w": 50_000}]}
    await owner.put(f"{site}/electrics", json=body)
    now = house.clock.now()
    alike = [day for day in range(1, 15) if ((now - timedelta(days=day)).weekday() >= 5) == (now.weekday() >= 5)]
    past = [
        {"at": (now - timedelta(days=day, minutes=-15 * quarter)).isoformat(), "power_w": 10_000 + 100 * quarter}
        for day in alike
        for quarter in range(-4, 16)
    ]
    said = await owner.post(f"{site}/load", json={"readings": [*past, {"power_w": 14_000}], "source": "meter"})
    assert (said.json()["of"], said.json()["changed"]) == ("hall", len(past) + 1)
    assert (await owner.post(f"{site}/load", json={"readings": past})).json()["changed"] == 0
    [load] = (await owner.get(f"{site}/outlook", params={"hours": 3})).json()["loads"]
    values = load["power_w"]["values"]
    assert load["power_w"]["stand_in"] == [False] * 12
    # It draws 4 kW more than it usually does now, of which less and less is expected to last.
    assert 13_000 < values[0] <= 14_100
    assert values[0] - 10_000 > values[5] - 10_500 > values[11] - 11_100 > 0
    house.clock.advance(3600)
    [late] = (await owner.get(f"{site}/outlook", params={"hours": 1})).json()["loads"]
    assert late["power_w"]["stand_in"] == [True] * 4
    assert min(late["power_w"]["values"]) >= 50_000
    problem(await owner.post(f"{site}/load", json={"of": "attic", "readings": past}), 422, "readings-refused")
    absurd = problem(await owner.post(f"{site}/load", json={"readings": [{"power_w": 10**9}]}), 400, "request-invalid")
    assert absurd["errors"][0]["detail"] == "This must be 100000000 or less"
    [meter] = (await owner.get(f"{site}/load")).json()["items"]
    assert (meter["of"], meter["latest"]["power_w"], meter["latest"]["source"]) == ("hall", 14_000, "meter")


async def test_of_what_is_said_of_a_session_the_drivers_word_counts_first(house: House, tenant: Tenant) -> None:
    owner, _, [one, _] = await furnish(house, tenant)
    uid = f"T{uuid4().hex[:8]}"
    await owner.post("/api/v1/tokens", json={"uid": uid, "type": "Central", "status": "accepted"})
    with house.admin() as connection:
        row = connection.execute(
            "INSERT INTO sessions (tenant_id, station_id, transaction_id, start_key, started_at, last_key, last_at,"
            " heard_at, evse, token_uid) SELECT tenant_id, station_id, 'TX1', 0, %s, 0, now(), now(), 1, %s"
            " FROM stations WHERE identity = %s RETURNING session_id",
            (house.clock.now(), uid, one),
        ).fetchone()
    assert row is not None
    session = f"/api/v1/sessions/{row[0]}/needs"
    before = await owner.get(f"/api/v1/tokens/{uid}/charging-preferences")
    stored = await owner.put(
        f"/api/v1/tokens/{uid.lower()}/charging-preferences",
        json={"energy_wh": 30_000, "priority": "low", "departure": "07:30:00"},
        headers={"if-match": before.headers["etag"]},
    )
    assert stored.status_code == 200, stored.text
    stale = {"if-match": before.headers["etag"]}
    again = await owner.put(f"/api/v1/tokens/{uid}/charging-preferences", json={}, headers=stale)
    problem(again, 412, "changed-meanwhile")
    async with house.db.tenant(tenant.tenant_id) as conn:
        car = Wants(energy_wh=9_000, max_a=16.0)
        assert await store.store_needs(
            conn, tenant.tenant_id, row[0], Source.ISO15118, car, "station:CP", house.clock.now()
        )
    problem(await owner.put(session, json={"minimum_wh": 1}), 422, "needs-refused")
    by = (house.clock.now() + timedelta(hours=1)).isoformat()
    more = {"energy_wh": 1_000, "minimum_wh": 50_000, "minimum_by": by}
    problem(await owner.put(session, json=more), 422, "needs-refused")
    soon, later = (house.clock.now() + timedelta(minutes=each) for each in (10, 20))
    departs = {"departure_at": soon.isoformat()}
    assert (await owner.put(session, json=departs)).status_code == 200
    house.clock.advance(900)
    # What it said may be repeated with something else; what is over may not be said anew.
    assert (await owner.put(session, json={**departs, "priority": "high"})).status_code == 200
    over = problem(await owner.put(session, json=departs, params={"source": "driver"}), 422, "needs-over")
    assert "departure_at" in over["detail"]
    late = {"minimum_wh": 1, "minimum_by": soon.isoformat(), "departure_at": later.isoformat()}
    assert "minimum_by" in problem(await owner.put(session, json=late), 422, "needs-over")["detail"]
    await owner.put(session, json={"energy_wh": 20_000})
    shown = (await owner.put(session, params={"source": "driver"}, json={"energy_wh": 15_000})).json()
    assert (shown["energy_wh"], shown["wants"]["max_a"], shown["wants"]["priority"]) == (15_000, 16.0, "low")
    assert shown["sources"] == {
        "energy_wh": Source.DRIVER, "max_a": Source.ISO15118, "priority": Source.TOKEN, "departure_at": Source.TOKEN,
    }  # fmt: skip
    assert [each["source"] for each in shown["said"]] == ["driver", "api", "iso15118", "token"]
    assert (await owner.delete(session, params={"source": "driver"})).status_code == 204
    assert (await owner.get(session)).json()["energy_wh"] == 20_000
    # Nobody can tell a retired station: it is refused, and nothing of it kept.
    assert (await owner.delete(f"/api/v1/stations/{one}")).status_code == 200
    problem(await owner.put(session, json={"energy_wh": 1}), 409, "station-retired")
    kept = (await owner.get(session)).json()
    assert (kept["energy_wh"], kept["time_zone"]) == (20_000, "Europe/Berlin")
    problem(await owner.get(f"/api/v1/sessions/{uuid4()}/needs"), 404, "session-unknown")


async def test_who_may_change_what_of_a_site(house: House, tenant: Tenant) -> None:
    owner, site, [one, _] = await furnish(house, tenant)
    site_id = (await owner.get(site)).json()["id"]
    electrics = {"nodes": [GRID], "evses": [hung(one)]}
    sheet = {"csv": "utc,eur_per_mwh\n2026-03-01T00:00:00Z,1\n"}
    may = {
        Role.OPERATOR: (200, 200, 200), Role.TECHNICIAN: (200, 403, 403), Role.SUPPORT: (403, 403, 403),
        Role.VIEWER: (403, 403, 403),
    }  # fmt: skip
    for role, wanted in may.items():
        client = await tenant.client(role)
        asked = (
            (await client.put(f"{site}/electrics", json=electrics)).status_code,
            (await client.put(f"{site}/smart-charging", json={"enabled": False})).status_code,
            (await client.post("/api/v1/energy/prices/NL", json=sheet)).status_code,
        )
        assert (role, asked) == (role, wanted)
    assert (await owner.post("/api/v1/energy/prices/NL", json=sheet)).status_code == 200
    # Whoever is limited to the site changes it, reads the zone's prices, and loads none.
    limited = await tenant.client(Role.OPERATOR, (site_id,))
    assert (await limited.put(f"{site}/smart-charging", json={"mode": "solar"})).status_code == 200
    assert len(await walk(limited, "/api/v1/energy/prices/NL")) == 1
    problem(await limited.post("/api/v1/energy/prices/NL", json=sheet), 403, "forbidden-by-sites")
    _, elsewhere, _ = await furnish(house, tenant)
    problem(await limited.get(f"{elsewhere}/electrics"), 404, "site-unknown")
    host = await tenant.client(Role.SITE_HOST, (site_id,))
    assert (await host.get(f"{site}/electrics")).json()["version"] == 1


@pytest.mark.parametrize("nonsense", ["NaN", "Infinity", "-1", "0", "1e99"])
async def test_an_amount_that_is_none_is_refused_wherever_it_is_said(
    house: House, tenant: Tenant, nonsense: str
) -> None:
    owner, site, [one, _] = await furnish(house, tenant)
    tree = {"nodes": [GRID], "evses": [hung(one)]}
    assert (await owner.put(f"{site}/electrics", json=tree)).status_code == 200
    refused = await owner.put(f"{site}/smart-charging", json={"enabled": True, "unserved_per_kwh": nonsense})
    if nonsense in ("-1", "0"):
        problem(refused, 422, "smart-charging-refused")
        return
    problem(refused, 400, "request-invalid")
    prices = {"begins": "01-01", "weekdays": {"hours": [0], "prices": ["0.3"]}}
    tariff = {"currency": "EUR", "seasons": [prices], "demand_charge_per_kw": nonsense}
    problem(await owner.put(f"{site}/utility-tariff", json=tariff), 400, "request-invalid")
    box = {"id": "box", "node": "grid", "capacity_wh": 1, "charge_w": 1, "discharge_w": 1, "wear_per_kwh": nonsense}
    problem(await owner.put(f"{site}/electrics", json=tree | {"batteries": [box]}), 400, "request-invalid")


async def test_the_requests_of_the_how_to_are_answered_as_they_stand(house: House, tenant: Tenant) -> None:
    owner, site, names = await furnish(house, tenant)
    uid = f"T{uuid4().hex[:8]}"
    await owner.post("/api/v1/tokens", json={"uid": uid, "type": "Central", "status": "accepted"})
    with house.admin() as connection:
        row = connection.execute(
            "INSERT INTO sessions (tenant_id, station_id, transaction_id, start_key, started_at, last_key, last_at,"
            " heard_at, evse) SELECT tenant_id, station_id, 'TX1', 0, now(), 0, now(), now(), 1 FROM stations"
            " WHERE identity = %s RETURNING session_id",
            (names[0],),
        ).fetchone()
    assert row is not None
    now = house.clock.now()
    times = {
        f"'${name}'": (now + timedelta(hours=n)).isoformat() for name, n in (("FROM", 1), ("TO", 3), ("LEAVES", 6))
    }
    here = {"north-yard": site.rsplit("/", 1)[1], "CP1": names[0], "CP2": names[1], "$TOKEN": uid, "$SESSION": row[0]}
    here |= times
    text, sent = HOW_TO.read_text(encoding="utf-8"), []
    told = len(re.findall(r"^ *(?:put|post) \"?/", text, re.MULTILINE))
    for word, ours in here.items():
        text = text.replace(word, str(ours))
    for method, path, body in EXAMPLE.findall(text):
        answer = await owner.request(method, f"/api/v1{path}", json=json.loads(body))
        assert answer.status_code == 200, f"{path}: {answer.text}"
        sent.append(path.partition("?")[0].rsplit("/", 1)[1])
    assert set(sent) == {
        "electrics", "utility-tariff", "load", "state", "limits", "needs", "charging-preferences", "smart-charging",
    }  # fmt: skip
    assert len(sent) == told, "one is written in another way"
