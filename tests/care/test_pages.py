"""The pages of the room as they arrive, by roles and languages."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio
from litestar.datastructures import FormMultiDict

from forecourt.access import Role
from forecourt.care.pages.alerts import read_form
from forecourt.care.pages.incidents import snooze_until
from forecourt.care.service.watch import look
from forecourt.platform.database import Pool, limited_to
from forecourt.ui.assets import STATIC_DIR
from tests.care.console import PAGE, signed_in
from tests.care.yard import Yard
from tests.ground import Ground
from tests.http import House, Tenant, problem_page
from tests.support import EPOCH

pytestmark = pytest.mark.skipif(
    not (STATIC_DIR / "manifest.json").exists(), reason="the web assets are not built: `make setup` builds them"
)
MINUTE = timedelta(minutes=1)


@pytest.fixture(scope="module")
def application(application_with_pages: tuple[Pool, Any]) -> tuple[Pool, Any]:
    return application_with_pages


@pytest_asyncio.fixture
async def yard(ground: Ground, house: House, tenant: Tenant) -> Yard:
    worker = await ground.pool("forecourt_worker", 1)
    return Yard(ground.admin, worker, house.db, house.clock, tenant_id=tenant.tenant_id)


async def a_fault(yard: Yard, error_code: str | None = "GroundFailure") -> UUID:
    yard.says(yard.station(name="Yard 1", site_id=yard.site(name="North yard")), "Faulted", error_code, evse=2)
    await yard.look()
    [incident] = [row for row in yard.incidents() if row["kind"] == "fault"]
    return UUID(str(incident["incident_id"]))


async def test_an_organisation_without_stations_is_led_to_its_first_one(house: House, tenant: Tenant) -> None:
    page = (await (await signed_in(house, tenant)).get("/")).text
    assert "Welcome to Forecourt" in page
    assert '<a class="button primary" href="/stations/connect">Connect your first station</a>' in page


async def test_who_is_not_signed_in_is_sent_to_sign_in(house: House) -> None:
    for path in ("/", "/incidents", "/settings/alerts"):
        answer = await house.client(headers=PAGE).get(path)
        assert answer.status_code == 303
        assert answer.headers["location"].startswith("/sign-in?next=")


async def test_the_overview_arrives_whole_with_what_needs_attention_first(
    house: House, tenant: Tenant, yard: Yard
) -> None:
    incident = await a_fault(yard)
    yard.session(yard.station(name="Yard 2"), 30 * MINUTE, energy_wh=7_500, power_w=11_000)
    page = (await (await signed_in(house, tenant)).get("/")).text
    for piece in (
        "The earth leakage protection has tripped",
        "Likely cause: moisture, a damaged cable or the car. Send an electrician.",
        f'href="/incidents/{incident}"',
        ">Open the station</a>",
        f'action="/incidents/{incident}/acknowledge"',
        "Yard 1</a> · EVSE 2 · North yard",
        'data-live="totals.power_w"',
        "charges with 11.0\N{NO-BREAK SPACE}kW",
        "7.50\N{NO-BREAK SPACE}kWh",
        "Not enough history yet",
    ):
        assert piece in page, piece
    assert "script-src 'self'" in (await (await signed_in(house, tenant)).get("/")).headers["content-security-policy"]


async def test_the_overview_says_that_nobody_looks_when_the_worker_is_gone(
    house: House, tenant: Tenant, yard: Yard
) -> None:
    yard.station()
    client = await signed_in(house, tenant)
    assert "The first look comes within a minute." in (await client.get("/incidents/attention")).text
    await yard.look()
    assert "Every station is looked at each minute." in (await client.get("/incidents/attention")).text
    yard.clock.advance(600)
    assert "the worker does not run" in (await client.get("/incidents/attention")).text


async def test_incidents_put_aside_or_closed_are_off_the_attention_list(
    house: House, tenant: Tenant, yard: Yard
) -> None:
    incident = await a_fault(yard)
    client = await signed_in(house, tenant)
    answer = await client.post(f"/incidents/{incident}/snooze", data={"wait": "3600", "note": "later"})
    assert (answer.status_code, answer.headers["location"]) == (303, f"/incidents/{incident}")
    assert "Nothing needs attention." in (await client.get("/incidents/attention")).text
    yard.clock.advance(3600)
    assert f"/incidents/{incident}" in (await client.get("/incidents/attention")).text
    answer = await client.post(f"/incidents/{incident}/close", data={"note": "mended", "next": "/"})
    assert answer.headers["location"] == "/"
    page = (await client.get(f"/incidents/{incident}")).text
    assert "Closed: Someone" in page
    assert "mended" in page
    again = await client.post(f"/incidents/{incident}/close", data={})
    assert again.status_code == 409
    assert "closed already" in again.text


async def test_a_form_never_leads_to_another_site(house: House, tenant: Tenant, yard: Yard) -> None:
    incident = await a_fault(yard)
    client = await signed_in(house, tenant)
    answer = await client.post(f"/incidents/{incident}/acknowledge", data={"next": "//evil.example"})
    assert answer.headers["location"] == "/"


async def test_a_dangerous_action_asks_first_with_its_consequence(house: House, tenant: Tenant, yard: Yard) -> None:
    incident = await a_fault(yard, None)
    client = await signed_in(house, tenant)
    asked = (await client.get(f"/incidents/{incident}/act")).text
    assert "Restart the station?" in asked
    assert "nobody can start there" in asked
    refused = await client.post(f"/incidents/{incident}/act")
    assert refused.status_code == 409
    assert "Not done: " in refused.text
    viewer = await signed_in(house, tenant, Role.VIEWER)
    problem_page(await viewer.post(f"/incidents/{incident}/act"), 403, "forbidden")
    assert "Restart the station</a>" not in (await viewer.get(f"/incidents/{incident}")).text


async def test_an_incident_of_a_refused_station_leads_to_its_settings(house: House, tenant: Tenant, yard: Yard) -> None:
    station = yard.station(identity="R 1", connected=False)
    yard.refused(station)
    await yard.look()
    [incident] = yard.incidents()
    path = f"/incidents/{incident['incident_id']}"
    page = (await (await signed_in(house, tenant, Role.TECHNICIAN)).get(path)).text
    assert "it is refused whenever it connects: “Wrong password”, last on 1 Mar 2026, 12:00:00" in page
    assert "Enter the password once more in the station&#39;s settings" in page
    assert "power" not in page.split("What to do next")[0].split("Likely cause")[1]
    assert '<a class="button primary" href="/stations/R%201/settings">' in page
    viewer = await signed_in(house, tenant, Role.VIEWER)
    assert "/settings" not in (await viewer.get(path)).text.split("<main")[1]
    german = (await (await signed_in(house, tenant, language="de")).get(path)).text
    assert "bei jedem Verbinden abgewiesen: „Falsches Passwort“, zuletzt am" in german


async def test_a_station_that_waits_is_accepted_from_its_incident(house: House, tenant: Tenant, yard: Yard) -> None:
    station = yard.station(registration="pending", created_at=yard.clock.now() - timedelta(hours=1), since=MINUTE)
    await yard.look()
    [incident] = yard.incidents()
    client = await signed_in(house, tenant, Role.TECHNICIAN)
    answer = await client.post(f"/incidents/{incident['incident_id']}/act")
    assert answer.status_code == 303
    [row] = yard.rows("SELECT registration FROM stations WHERE station_id = %s", station)
    assert row["registration"] == "accepted"
    await yard.look()
    assert yard.kinds() == []
    assert "Someone acted on it" in (await client.get(f"/incidents/{incident['incident_id']}")).text


async def test_refused_messages_are_read_and_their_incident_closes(house: House, tenant: Tenant, yard: Yard) -> None:
    station = yard.station()
    numbers = [yard.quarantine(station) for _ in range(2)]
    await yard.look()
    [incident] = yard.incidents()
    client = await signed_in(house, tenant, Role.SUPPORT)
    page = (await client.get(f"/incidents/{incident['incident_id']}")).text
    assert "NumericValueOutOfRange: too much" in page
    assert f'href="/api/v1/quarantine/{numbers[0]}"' in page
    assert (await client.post(f"/incidents/{incident['incident_id']}/act")).status_code == 303
    await yard.look()
    assert yard.kinds() == []


async def test_the_list_keeps_its_filters_in_the_address(house: House, tenant: Tenant, yard: Yard) -> None:
    for _ in range(51):
        yard.station(connected=False)
    fault = await a_fault(yard)
    client = await signed_in(house, tenant)
    first = (await client.get("/incidents?kind=offline")).text
    assert first.count("The station is not connected") == 50
    assert "1–50 of 51" in first  # noqa: RUF001
    assert "/incidents?kind=offline&amp;page=2" in first
    assert (await client.get("/incidents?kind=offline&page=2")).text.count("The station is not connected") == 1
    found = (await client.get("/incidents?q=north+yard&severity=critical")).text
    assert re.findall(r'happened" role="cell"><a href="/incidents/([\w-]+)"', found) == [str(fault)]
    assert "No incident matches." in (await client.get("/incidents?q=nowhere")).text
    assert "Nothing has happened yet." in (await client.get("/incidents?status=closed")).text


@pytest.mark.parametrize("query", ["status=odd", "kind=odd", "severity=odd", "site=nowhere", "page=9999", "q=%25_"])
async def test_an_address_that_asks_for_nothing_known_still_answers(house: House, tenant: Tenant, query: str) -> None:
    assert (await (await signed_in(house, tenant)).get(f"/incidents?{query}")).status_code == 200


async def test_pages_show_nothing_of_another_organisation(
    house: House, tenant: Tenant, stranger: Tenant, yard: Yard
) -> None:
    incident = await a_fault(yard)
    client = await signed_in(house, stranger)
    for path in ("/", "/incidents", "/incidents/attention", "/overview/recent"):
        assert str(incident) not in (await client.get(path)).text
    for path in (f"/incidents/{incident}", f"/incidents/{incident}/toast", f"/incidents/{incident}/act"):
        assert (await client.get(path)).status_code == 404
    assert (await client.post(f"/incidents/{incident}/close", data={})).status_code == 404


async def test_the_pages_speak_german(house: House, tenant: Tenant, yard: Yard) -> None:
    yard.station(connected=False, name="Hof 1")
    await yard.look()
    client = await signed_in(house, tenant, language="de")
    for path, words in (
        ("/", ("Braucht Aufmerksamkeit", "Die Station ist nicht verbunden", "Heute, Sonntag")),
        ("/incidents", ("Vorfälle", "Kritisch", "Wahrscheinliche Ursache: Strom oder Netzwerk der Station")),
        ("/settings/alerts", ("Noch wird niemand informiert",)),
    ):
        page = (await client.get(path)).text
        for word in words:
            assert word in page, (path, word)


async def test_what_a_station_says_is_never_taken_for_markup(house: House, tenant: Tenant, yard: Yard) -> None:
    station = yard.station(name="<img src=x onerror=alert(1)>")
    yard.says(station, "Faulted", "<b>x</b>")
    await yard.look()
    [incident] = yard.incidents()
    client = await signed_in(house, tenant)
    for path in ("/", "/incidents", f"/incidents/{incident['incident_id']}"):
        page = (await client.get(path)).text
        assert "<img src=x" not in page
        assert "<b>x</b>" not in page


async def test_an_alert_rule_is_made_tried_and_deleted_in_forms(house: House, tenant: Tenant, yard: Yard) -> None:
    client = await signed_in(house, tenant)
    ada = yard.member()
    assert "Nobody is told yet" in (await client.get("/settings/alerts")).text
    form = {
        "name": "Nights", "active": "on", "kinds": ["fault", "offline"], "least_severity": "critical",
        "recipients": ada, "delay_min": "5", "quiet_from": "22:00", "quiet_until": "06:00",
        "quiet_zone": "Europe/Berlin", "language": "de",
    }  # fmt: skip
    refused = await client.post("/settings/alerts", data={**form, "escalate_min": "10"})
    assert refused.status_code == 422
    assert "Escalation needs both" in refused.text
    assert 'value="Nights"' in refused.text
    made = await client.post("/settings/alerts", data=form)
    assert made.status_code == 303
    page = (await client.get("/settings/alerts")).text
    assert "after 5 min" in page
    assert "quiet from 22:00 to 06:00 (Europe/Berlin)" in page
    [rule] = re.findall(r'/settings/alerts/(\d+)"', page)[:1]
    assert "A test is on its way to" in (await client.post(f"/settings/alerts/{rule}/test")).text
    assert [letter["recipient"] for letter in yard.letters()] == [ada]
    assert "will no longer be told" in (await client.get(f"/settings/alerts/{rule}/delete")).text
    support = await signed_in(house, tenant, Role.SUPPORT)
    problem_page(await support.post(f"/settings/alerts/{rule}/delete"), 403, "forbidden")
    assert (await client.post(f"/settings/alerts/{rule}/delete")).status_code == 303
    assert "Nobody is told yet" in (await client.get("/settings/alerts")).text


async def test_a_site_that_its_building_overloads_is_an_incident_without_a_station(
    house: House, tenant: Tenant, yard: Yard
) -> None:
    north = yard.site(name="North yard", slug="north-yard")
    station = yard.station(site_id=north)
    yard.rows(
        "INSERT INTO energy_sites (site_id, tenant_id, enabled, changed_at, changed_by) VALUES (%s, %s, true, %s, 'x')",
        north, yard.tenant_id, yard.clock.now(),
    )  # fmt: skip

    def overloads(load_w: int) -> None:
        yard.rows(
            "INSERT INTO node_overloads AS o (site_id, node, tenant_id, name, since, load_w, limit_w)"
            " VALUES (%s, 'p1', %s, 'Panel North', %s, %s, 10000)"
            " ON CONFLICT (site_id, node) DO UPDATE SET load_w = excluded.load_w",
            north, yard.tenant_id, yard.clock.now(), load_w,
        )  # fmt: skip

    overloads(12_345)
    await yard.look()
    assert yard.kinds() == [], "machines may start"
    await yard.minutes(1)
    assert yard.kinds() == ["overloaded"]
    overloads(14_000)
    await yard.minutes(1)
    [incident] = yard.incidents()
    assert (incident["station_id"], incident["site_id"], incident["node"]) == (None, north, "p1")
    path = f"/incidents/{incident['incident_id']}"

    client = await signed_in(house, tenant)
    page = (await client.get(path)).text
    assert "Panel North carries 14.0 kW without any car, and its limit is 10.0 kW" in page
    assert "North yard" in page
    assert page.count('href="/energy/sites/north-yard/plan"') >= 2
    assert "Open the station" not in page
    german = (await client.get(path, headers={"accept-language": "de"})).text
    assert "Panel North trägt 14,0 kW ohne ein einziges Auto, die Grenze ist 10,0 kW" in german
    assert "Plan des Standorts öffnen" in german
    for listed in ("/incidents", "/incidents?site=north-yard", "/incidents?q=north", "/incidents?kind=overloaded", "/"):
        assert "Panel North carries" in (await client.get(listed)).text, listed
    assert "Panel North carries" not in (await client.get("/incidents?site=elsewhere")).text
    [shown] = (await client.get("/api/v1/incidents")).json()["items"]
    assert (shown["station"], shown["site"], shown["node"]) == (None, "north-yard", "p1")
    assert (shown["severity"], shown["detail"]["load_w"]) == ("critical", 14_000)

    # A look at one station says nothing of sites.
    async with house.db.tenant(tenant.tenant_id) as conn:
        await look(conn, tenant.tenant_id, yard.clock.now(), station)
    assert yard.kinds() == ["overloaded"]
    # Who acknowledges it isn't told again, and it closes itself.
    assert (await client.post(f"{path}/acknowledge", data={"note": ""})).status_code == 303
    yard.rows("DELETE FROM node_overloads")
    await yard.minutes(1)
    assert yard.kinds() == []
    assert yard.events().count(("incident.closed", str(incident["incident_id"]))) == 1
    # At a site that isn't kept any more nothing is known to be wrong.
    overloads(20_000)
    await yard.minutes(2)
    assert yard.kinds() == ["overloaded"]
    yard.rows("UPDATE energy_sites SET enabled = false WHERE site_id = %s", north)
    await yard.minutes(1)
    assert yard.kinds() == []


async def test_who_is_limited_to_other_sites_sees_no_incident_of_a_site(
    house: House, tenant: Tenant, yard: Yard
) -> None:
    north, south = yard.site(name="North"), yard.site(name="South")
    for site in (north, south):
        yard.rows(
            "INSERT INTO incidents (tenant_id, kind, severity, site_id, node, since, latest_at, opened_at, changed_at)"
            " VALUES (%s, 'overloaded', 3, %s, 'grid', now(), now(), now(), now())",
            yard.tenant_id, site,
        )  # fmt: skip
    with limited_to((south,)):
        async with house.db.tenant(tenant.tenant_id) as conn:
            rows = await (await conn.execute("SELECT site_id FROM incidents")).fetchall()
    assert rows == [(south,)]


def test_choosing_all_kinds_is_no_choice_and_a_form_without_boxes_says_no() -> None:
    everything = FormMultiDict(
        [("kinds", kind) for kind in ("fault", "offline", "flapping", "failed_starts", "quarantined", "not_accepted")]
        + [("kinds", kind) for kind in ("disobeys", "overloaded", "clock", "ghost", "hold_ends", "excess", "unplanned")]
        + [("kinds", "wearing"), ("kinds", "nonsense")]
        + [("site_ids", "3"), ("site_ids", "x")]
    )
    values = read_form(everything)
    assert values["kinds"] == []
    assert values["site_ids"] == [3]
    assert (values["active"], values["tell_closed"]) == (False, False)


@pytest.mark.parametrize(
    ("wait", "until"),
    [
        ("3600", EPOCH + timedelta(hours=1)),
        ("morning", datetime(2026, 3, 2, 7, tzinfo=UTC)),
        ("", None),
        ("never", None),
    ],
)
def test_a_choice_of_the_form_stands_for_a_time_at_the_site(wait: str, until: datetime | None) -> None:
    assert snooze_until(wait, "Europe/Berlin", EPOCH) == until
