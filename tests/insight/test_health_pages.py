"""Health as it is seen: by the API, in the console and on a station's page; each by whom it is meant for."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio

from forecourt.access import Role
from forecourt.insight.health import service
from forecourt.insight.health.contest import Contest
from forecourt.insight.health.found import Alert, Connector, Look, Reason
from forecourt.insight.health.store import connectors, models
from forecourt.platform.database import Pool
from forecourt.ui.assets import STATIC_DIR
from tests.care.console import signed_in
from tests.http import House, Tenant

pytestmark = pytest.mark.skipif(
    not (STATIC_DIR / "manifest.json").exists(), reason="the web assets are not built: `make setup` builds them"
)


@pytest.fixture(scope="module")
def application(application_with_pages: tuple[Pool, Any]) -> tuple[Pool, Any]:
    return application_with_pages


@pytest_asyncio.fixture
async def tenant(house: House) -> AsyncIterator[Tenant]:
    """With a connector that wears at one site, and a new and a broken one at another."""
    tenant = await house.tenant()
    names = [f"H{number}-{tenant.tenant_id}" for number in (1, 2, 3)]
    with house.admin() as admin:
        admin.execute(
            "INSERT INTO sites (tenant_id, slug, name) SELECT %s, n, n FROM unnest('{dock,yard}'::text[]) AS n",
            (tenant.tenant_id,),
        )
        admin.execute(
            "INSERT INTO stations (tenant_id, identity) SELECT %s, unnest(%s::text[])", (tenant.tenant_id, names)
        )
    now = house.clock.now()
    day = (now - timedelta(days=1)).date()
    reasons = [Reason(sign="failed", added=2.0, part=6, whole=40, others_part=2, others_whole=200),
               Reason(sign="heat", added=0.5, part=96, whole=2, others_part=350, others_whole=10)]  # fmt: skip
    known: dict[str, Any] = {"seen_on": day, "evse": 1, "days": 90, "recent": [0.2, None, 0.91]}
    rows = [
        Connector(station=names[0], site="yard", standing="known", kind="gradual", part="contactor", risk=0.91,
                  reasons=reasons, **known),
        Connector(station=names[1], site="dock", standing="few_days", kind=None, part=None, risk=None, reasons=[],
                  **(known | {"days": 3})),
        Connector(station=names[2], site="dock", standing="down", kind="sudden", part=None, risk=None, reasons=[],
                  **known),
    ]  # fmt: skip
    alert = Alert(alert_id=uuid4(), station=names[0], evse=1, site="yard", opened_on=day, opened_at=now,
                  part="contactor", risk=0.91, reasons=reasons, lead_d=14.0, model="simulation-x")  # fmt: skip
    look = Look(looked_at=now, seen_on=day, model="simulation-x", learned=True, threshold=0.8, known=1, unknown=2,
                left_out=0, failures=2, foreseen=1, drift={"heat": 0.31, "lock": 0.01})  # fmt: skip
    async with house.db.tenant(tenant.tenant_id) as conn:
        await connectors.keep_connectors(conn, tenant.tenant_id, rows)
        await connectors.open_alert(conn, tenant.tenant_id, alert)
        await connectors.keep_look(conn, tenant.tenant_id, look)
    yield tenant


async def test_health_is_told_alike_by_the_api_the_page_and_the_stations_page(house: House, tenant: Tenant) -> None:
    api, station = await tenant.client(Role.TECHNICIAN), f"H1-{tenant.tenant_id}"
    told = (await api.get("/api/v1/insight/health")).json()
    assert [(each["standing"], each["kind"]) for each in told["connectors"]] == [
        ("known", "gradual"), ("down", "sudden"), ("few_days", None),
    ]  # fmt: skip
    worn = told["connectors"][0]
    said = [each["said"] for each in worn["reasons"]]
    assert said == [
        "15.0 % of starts failed, at the rest of the site 1.0 %",
        "it gets 48.0 °C hot, the rest of the site 35.0 °C",
    ]
    assert "contactor" in worn["likely_cause"]
    assert told["model"]["validation"]["recall"]["value"] > 0.5
    console = await signed_in(house, tenant)
    page = (await console.get("/insight/health")).text
    for text in (*said, "half of such connectors failed within 14 days", "too few days: 3 of 14", "not proven on real"):
        assert text in page
    assert "unlike: what the figures promise" in page
    assert "kommt" not in page
    german = (await console.get("/insight/health", headers={"accept-language": "de"})).text
    assert "15,0 % der Starts schlugen fehl, am übrigen Standort 1,0 %" in german
    short = (await console.get(f"/insight/health/at/{station}")).text
    assert "wears: Contactor" in short
    assert (await console.get("/insight/health/at/nowhere")).text == ""
    assert "Nobody has looked yet" in (await (await signed_in(house, await house.tenant())).get("/insight/health")).text


async def test_the_riskiest_are_seen_at_once_and_the_others_behind_a_fold(house: House, tenant: Tenant) -> None:
    day = (house.clock.now() - timedelta(days=1)).date()
    rows = [
        Connector(station=f"H2-{tenant.tenant_id}", site="dock", evse=number, seen_on=day, standing="known", kind=None,
                  part="lock", risk=0.5 - number / 100, reasons=[], days=90, recent=[0.1])
        for number in range(2, 16)
    ]  # fmt: skip
    async with house.db.tenant(tenant.tenant_id) as conn:
        await connectors.keep_connectors(conn, tenant.tenant_id, rows)
    page = (await (await signed_in(house, tenant)).get("/insight/health")).text
    others = page[page.index('id="others-title"') : page.index('id="alerts-title"')]
    seen, fold, folded = others.partition("<details")
    assert fold
    assert seen.count('<th scope="row">') == 10
    assert folded.count('<th scope="row">') == 4
    assert "EVSE 11" in seen
    assert "EVSE 15" in folded


async def test_what_was_found_is_said_once_by_who_may(house: House, tenant: Tenant) -> None:
    api = await tenant.client(Role.TECHNICIAN)
    [alert] = (await api.get("/api/v1/insight/health")).json()["alerts"]
    path = f"/api/v1/insight/health/alerts/{alert['id']}/found"
    assert (await (await tenant.client(Role.VIEWER)).post(path, json={"found": "worn"})).status_code == 403
    assert (await (await (await house.tenant()).client()).post(path, json={"found": "worn"})).status_code == 404
    answer = await api.post(path, json={"found": "sound", "note": "all is well"})
    assert (answer.json()["outcome"], answer.json()["note"]) == ("sound", "all is well")
    assert (await api.post(path, json={"found": "worn"})).status_code == 409
    told = (await api.get("/api/v1/insight/health")).json()
    assert told["connectors"][0]["alert"] is None
    assert told["outcomes"] == {"sound": 1}
    console = await signed_in(house, tenant)
    page = await console.post(f"/insight/health/alerts/{alert['id']}/found", data={"found": "worn"})
    assert page.status_code == 409
    assert "Somebody has said already" in page.text


async def test_who_found_a_part_worn_is_led_to_say_what_was_replaced(house: House, tenant: Tenant) -> None:
    api, console = await tenant.client(Role.TECHNICIAN), await signed_in(house, tenant)
    station = f"H1-{tenant.tenant_id}"
    assert "Say what was replaced" not in (await console.get("/insight/health")).text
    [alert] = (await api.get("/api/v1/insight/health")).json()["alerts"]
    await api.post(f"/api/v1/insight/health/alerts/{alert['id']}/found", json={"found": "worn"})
    page = (await console.get("/insight/health")).text
    [path] = [part.partition('"')[0] for part in page.split('href="') if "/replacement/changes?" in part]
    form = (await console.get(path.replace("&amp;", "&"))).text
    assert f'value="{station}"' in form
    assert '<option value="power" selected>' in form
    assert f'value="{house.clock.now().date()}"' in form
    assert f"changes?station={station}" in (await console.get(f"/insight/health/at/{station}")).text
    viewer = await signed_in(house, tenant, Role.VIEWER)
    assert "Say what was replaced" not in (await viewer.get("/insight/health")).text


async def test_who_is_limited_to_a_site_sees_its_connectors_alone(house: House, tenant: Tenant) -> None:
    with house.admin() as admin:
        [(dock,), (yard,)] = admin.execute(
            "SELECT site_id FROM sites WHERE tenant_id = %s ORDER BY slug", (tenant.tenant_id,)
        ).fetchall()
    seen = []
    for site in (yard, dock):
        told = (await (await tenant.client(Role.VIEWER, sites=(site,))).get("/api/v1/insight/health")).json()
        look = told["look"]
        whole = {look[name] for name in ("left_out", "failures", "foreseen", "drift")}
        seen.append(
            ({each["site"] for each in told["connectors"]}, len(told["alerts"]), look["known"], look["unknown"], whole)
        )
    assert seen == [({"yard"}, 1, 1, 0, {None}), ({"dock"}, 0, 0, 2, {None})]
    # A site that is asked for is no smaller a network.
    viewer = await tenant.client(Role.VIEWER, sites=(dock,))
    assert (await viewer.get("/api/v1/insight/health?site=yard")).json()["look"]["unknown"] == 2
    contest = Contest(champion="a", why="few_failures", failures=(7, 5, 3))
    async with house.db.tenant(tenant.tenant_id) as conn:
        await models.keep_contest(conn, tenant.tenant_id, house.clock.now().date(), house.clock.now(), contest)
    for limits, seeing in ((None, True), ((dock,), False)):
        page = (await (await signed_in(house, tenant, Role.VIEWER, sites=limits)).get("/insight/health")).text
        for text in ("Failures in 150 days", "Contests with a model", "Whether connectors here are like those"):
            assert (text in page) == seeing, text
    other = await (await house.tenant()).client()
    assert (await other.get("/api/v1/insight/health")).json()["connectors"] == []


async def test_a_quiet_site_is_told_of_beside_a_loud_one_and_counts_are_of_all(
    house: House, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    day = (house.clock.now() - timedelta(days=1)).date()
    loud = [f"L{number}-{tenant.tenant_id}" for number in range(3)]
    with house.admin() as admin:
        admin.execute(
            "INSERT INTO stations (tenant_id, identity, site_id) SELECT %s, n, s.site_id"
            " FROM unnest(%s::text[]) AS n, sites s WHERE s.tenant_id = %s AND s.slug = 'dock'",
            (tenant.tenant_id, loud, tenant.tenant_id),
        )
        [(dock,)] = admin.execute(
            "SELECT site_id FROM sites WHERE tenant_id = %s AND slug = 'dock'", (tenant.tenant_id,)
        ).fetchall()
    known: dict[str, Any] = {"evse": 1, "seen_on": day, "kind": None, "part": None, "reasons": [], "recent": []}
    rows = [Connector(station=name, site="dock", standing="known", days=90, risk=0.5 + number / 10, **known)
            for number, name in enumerate(loud)]  # fmt: skip
    quiet = Connector(station=f"H1-{tenant.tenant_id}", site="yard", standing="known", days=90, risk=0.1, **known)
    new = Connector(station=loud[0], site="dock", standing="few_days", days=3, risk=None, **(known | {"evse": 2}))
    alerts = [Alert(alert_id=uuid4(), station=name, evse=9, site="dock", opened_on=day, opened_at=house.clock.now(),
                    part="lock", risk=0.9, reasons=[], lead_d=None, model="x") for name in loud]  # fmt: skip
    async with house.db.tenant(tenant.tenant_id) as conn:
        await connectors.keep_connectors(conn, tenant.tenant_id, [*rows, quiet, new])
        for alert in alerts:
            await connectors.open_alert(conn, tenant.tenant_id, alert)
    # So few are listed that the newest alerts, and the riskiest connectors, are all of the other site.
    monkeypatch.setattr(service, "MAX_ALERTS_SHOWN", 2)
    monkeypatch.setattr(service, "MAX_STANDINGS", 3)
    api = await tenant.client(Role.TECHNICIAN)
    told = (await api.get("/api/v1/insight/health", params={"site": "yard"})).json()
    assert [each["station"] for each in told["alerts"]] == [quiet.station]
    assert told["outcomes"] == {"open": 1}
    # The one with an alert is told of first, though three are at more risk.
    every = (await api.get("/api/v1/insight/health")).json()
    assert [each["station"] for each in every["connectors"]] == [quiet.station, loud[2], loud[1]]
    assert every["connectors"][0]["alert"]["part"] == "contactor"
    assert every["outcomes"] == {"open": 4}
    limited = await tenant.client(Role.TECHNICIAN, sites=(int(dock),))
    look = (await limited.get("/api/v1/insight/health")).json()["look"]
    assert (look["known"], look["unknown"]) == (3, 1)
