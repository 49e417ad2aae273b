"""The pages of one station and of many, asked as a browser without scripts does."""

import json
import re
from datetime import timedelta
from typing import Any

import pytest
from httpx import AsyncClient

from forecourt.access.model import Role
from forecourt.platform.bus import BusAway
from forecourt.platform.errors import ForecourtError
from forecourt.platform.sheets import csv_line
from forecourt.stations import bulk
from forecourt.stations.commands import (
    OutcomeUnrecorded,
    StationAnswerInvalid,
    StationBusy,
    StationLost,
    StationOffline,
    StationTimeout,
)
from forecourt.stations.errors import StationRetired
from forecourt.stations.pages.ask import failed
from forecourt.stations.refusals import LATELY
from tests.http import BASE, PASSWORD, House, Tenant
from tests.stations.test_inbox import a_knock
from tests.stations.test_log import say
from tests.stations.test_pages import PAGE, add_station, application, signed_in

__all__ = ["application"]


async def as_role(house: House, tenant: Tenant, role: Role) -> AsyncClient:
    client = house.client(headers={"origin": BASE, **PAGE})
    answer = await client.post("/sign-in", data={"email": await tenant.operator(role), "password": PASSWORD})
    assert answer.status_code == 303
    return client


def number_of(house: House, identity: str) -> int:
    with house.admin() as connection:
        row = connection.execute("SELECT station_id FROM stations WHERE identity = %s", (identity,)).fetchone()
    assert row is not None
    return int(row[0])


def site(house: House, tenant: Tenant, slug: str = "yard") -> int:
    with house.admin() as connection:
        row = connection.execute(
            "INSERT INTO sites (tenant_id, slug, name, time_zone) VALUES (%s, %s, 'The yard', 'Europe/Berlin')"
            " RETURNING site_id",
            (tenant.tenant_id, slug),
        ).fetchone()
    assert row is not None
    return int(row[0])


PATHS = [
    "",
    "/messages",
    "/configuration",
    "/settings",
    "/timeline",
    "/commands",
    "/connectors",
    "/ask/reset",
    "/retire",
]


@pytest.mark.parametrize("path", PATHS)
async def test_every_page_of_a_station_is_there_and_a_foreign_one_is_not(
    house: House, tenant: Tenant, stranger: Tenant, path: str
) -> None:
    ours, theirs = add_station(house, tenant, ["Available"]), add_station(house, stranger, ["Available"])
    client = await signed_in(house, tenant)
    found = await client.get(f"/stations/{ours}{path}")
    assert found.status_code == 200, found.text
    assert ours in found.text
    gone = await client.get(f"/stations/{theirs}{path}")
    assert gone.status_code == 404
    assert "There is no station" in gone.text


@pytest.mark.parametrize("path", ["/stations/{}", "/stations/{}/panel"])
async def test_a_station_that_is_refused_is_not_said_to_be_without_power(
    house: House, tenant: Tenant, path: str
) -> None:
    identity = add_station(house, tenant, ["Available"], connected=False)
    client = await signed_in(house, tenant)
    page = path.format(identity)
    then = house.clock.now() - LATELY / 2
    with house.admin() as connection:
        connection.execute(
            "UPDATE station_links SET connected_at = %s, last_seen_at = %s, disconnected_at = %s WHERE station_id = %s",
            (then, then, then, number_of(house, identity)),
        )
    assert "Most likely its power or network is down" in (await client.get(page)).text
    a_knock(house, tenant, identity, reason="wrong_password", station_id=number_of(house, identity))
    text = (await client.get(page)).text
    assert "Most likely its power" not in text
    assert "It is refused whenever it connects: Wrong password, last on" in text
    assert "or make a new one here." in text
    assert f'href="/stations/{identity}/settings">Its settings</a>' in text
    assert f'href="/stations/connect/{identity}"' in text
    viewer = (await (await as_role(house, tenant, Role.VIEWER)).get(page)).text
    assert "Wrong password" in viewer
    assert "Its settings" not in viewer
    with house.admin() as connection:
        connection.execute("UPDATE knocks SET last_at = %s WHERE identity = %s", (then - LATELY, identity))
    assert "Most likely its power" in (await client.get(page)).text


async def test_a_station_whose_id_is_odd_has_pages_as_well(house: House, tenant: Tenant) -> None:
    identity = add_station(house, tenant, ["Available"], identity="A%2F ä?#&=B")
    client = await signed_in(house, tenant)
    page = await client.get("/stations/A%252F%20%C3%A4%3F%23%26%3DB")
    assert page.status_code == 200
    for link in set(re.findall(r'href="(/stations/[^"]+/(?:messages|configuration|settings))"', page.text)):
        answer = await client.get(link)
        assert answer.status_code == 200, link
    assert identity.replace("&", "&amp;") in page.text


@pytest.mark.parametrize(
    ("role", "offered", "refused"),
    [
        (Role.VIEWER, [], ["start", "unlock", "reset", "trigger", "availability"]),
        (Role.SUPPORT, ["start", "unlock"], ["reset", "trigger", "availability"]),
        (Role.OPERATOR, ["start", "unlock", "reset"], ["trigger", "availability"]),
        (Role.TECHNICIAN, ["start", "unlock", "reset", "trigger", "availability"], []),
    ],
)
async def test_a_command_is_offered_to_who_may_give_it_and_refused_to_all_others(
    house: House, tenant: Tenant, role: Role, offered: list[str], refused: list[str]
) -> None:
    identity = add_station(house, tenant, ["Available"])
    client = await as_role(house, tenant, role)
    page = (await client.get(f"/stations/{identity}")).text
    for command in offered:
        assert f"/ask/{command}" in page
        assert (await client.get(f"/stations/{identity}/ask/{command}")).status_code == 200
    for command in refused:
        assert f"/ask/{command}" not in page
        assert (await client.get(f"/stations/{identity}/ask/{command}")).status_code == 403
        assert (await client.post(f"/stations/{identity}/ask/{command}", data={})).status_code == 403


@pytest.mark.parametrize(
    ("command", "form"),
    [
        ("start", {"token": "04A2", "evse": "1"}),
        ("unlock", {"evse": "1.1"}),
        ("reset", {"kind": "hard"}),
        ("trigger", {"message": "Heartbeat"}),
        ("availability", {"kind": "operative"}),
    ],
)
async def test_a_command_to_a_station_that_is_away_says_that_nothing_was_sent(
    house: House, tenant: Tenant, command: str, form: dict[str, str]
) -> None:
    identity = add_station(house, tenant, ["Available"], connected=False)
    answer = await (await signed_in(house, tenant)).post(f"/stations/{identity}/ask/{command}", data=form)
    assert answer.status_code == 200
    assert 'data-outcome="unsent"' in answer.text
    assert "Nothing was sent" in answer.text


@pytest.mark.parametrize(
    ("command", "form"),
    [("start", {"token": " "}), ("stop", {}), ("stop", {"session": "11111111-1111-4111-8111-111111111111"})],
)
async def test_a_command_about_nothing_is_not_sent(
    house: House, tenant: Tenant, command: str, form: dict[str, str]
) -> None:
    identity = add_station(house, tenant, ["Available"])
    answer = await (await signed_in(house, tenant)).post(f"/stations/{identity}/ask/{command}", data=form)
    assert answer.status_code == 200
    assert 'data-outcome="unsent"' in answer.text


async def test_what_is_wanted_of_a_station_that_is_away_is_shown_tried_and_forgotten(
    house: House, tenant: Tenant
) -> None:
    identity = add_station(house, tenant, ["Available"], connected=False)
    at = f"/stations/{identity}/desired"
    browser = await signed_in(house, tenant)
    assert f'hx-get="{at}"' in (await browser.get(f"/stations/{identity}")).text
    assert "<h2>" not in (await browser.get(at)).text
    await browser.post(f"/stations/{identity}/ask/availability", data={"kind": "inoperative", "evse": "1"})
    shown = (await browser.get(at)).text
    assert re.search("out of service.*EVSE 1.*not connected.*tried again at", shown, re.DOTALL)
    assert 'hx-trigger="load delay' not in shown
    viewer = await as_role(house, tenant, Role.VIEWER)
    assert "<form" not in (await viewer.get(at)).text
    which = {"kind": "availability", "key": "1"}
    assert (await viewer.post(f"{at}/try", data=which)).status_code == 403
    assert (await browser.post(f"{at}/try", data=which)).headers["location"] == f"/stations/{identity}"
    tried = (await browser.post(f"{at}/try", data=which, headers={"hx-request": "true"})).text
    assert "to be sent" in tried
    assert 'hx-trigger="load delay' in tried
    forgotten = (await browser.post(f"{at}/forget", data=which, headers={"hx-request": "true"})).text
    assert "out of service" not in forgotten
    with house.admin() as connection:
        told = connection.execute(
            "SELECT action FROM audit WHERE object = %s ORDER BY 1", (f"station:{identity}",)
        ).fetchall()
    assert told == [("change availability",), ("forget desired",), ("try desired",), ("try desired",)]


async def test_the_log_shows_a_call_beside_its_answer_and_explains_what_deviates(house: House, tenant: Tenant) -> None:
    identity = add_station(house, tenant, ["Available"])
    frames: list[dict[str, Any]] = [
        {
            "action": "StartTransaction",
            "message_id": "abc",
            "payload": '{"connectorId":1,"meterStart":17.0,"idTag":"<b>T</b>"}',
            "deviations": "integer-as-decimal $.meterStart",
        },
        {
            "action": "StartTransaction",
            "message_id": "abc",
            "kind": 3,
            "direction": "o",
            "payload": '{"transactionId":7,"idTagInfo":{"status":"Accepted"}}',
        },
    ]
    say(house, tenant, number_of(house, identity), *frames)
    client = await signed_in(house, tenant)
    log = (await client.get(f"/stations/{identity}/messages")).text
    assert "answered Accepted" in log
    assert "1 deviation" in log
    assert "<b>T</b>" not in log
    number = re.findall(r'data-number="(\d+)"', log)[-1]
    page = (await client.get(f"/stations/{identity}/messages/{number}")).text
    assert "A whole number is written with a decimal point" in page
    assert "From the station: StartTransaction" in page
    assert "To the station: StartTransaction" in page
    assert "transactionId" in page
    only = (await client.get(f"/stations/{identity}/messages", params={"call": "abc"})).text
    assert only.count("data-number=") == 2
    news = await client.get(f"/stations/{identity}/messages/new", params={"after": number})
    assert news.text.count("data-number=") == 1
    nothing = await client.get(f"/stations/{identity}/messages/new", params={"after": 2**62})
    assert nothing.status_code == 204
    assert (await client.get(f"/stations/{identity}/messages/{2**62}")).status_code == 404


async def test_what_can_not_be_meant_in_an_address_of_the_log_is_left_out_or_refused(
    house: House, tenant: Tenant
) -> None:
    identity = add_station(house, tenant, ["Available"])
    client = await signed_in(house, tenant)
    for query in ("kind=x&direction=y", "from=yesterday&to=2026-02-30T00:00", "q=%25&errors=1&deviating=1"):
        assert (await client.get(f"/stations/{identity}/messages?{query}")).status_code == 200, query
    for query in ("q=%00", "before=0", "action=a%20b"):
        assert (await client.get(f"/stations/{identity}/messages?{query}")).status_code == 400, query


async def test_a_station_is_changed_unless_somebody_else_was_quicker(house: House, tenant: Tenant) -> None:
    site(house, tenant)
    identity = add_station(house, tenant, ["Available"], name="Before")
    client = await signed_in(house, tenant)
    page = (await client.get(f"/stations/{identity}/settings")).text
    tag = re.search(r'name="tag" value="([^"]+)"', page)
    assert tag is not None
    form = {
        "name": "After",
        "site": "yard",
        "registration": "pending",
        "security_profile": "2",
        "max_power_kw": "22,5",
        "latitude": "52.5",
        "longitude": "13.4",
        "tag": tag[1].replace("&#34;", '"'),
    }
    saved = await client.post(f"/stations/{identity}/settings", data=form)
    assert "Saved." in saved.text
    with house.admin() as connection:
        row = connection.execute(
            "SELECT s.name, i.slug, registration, security_profile, max_power_w, s.latitude, s.longitude"
            " FROM stations s JOIN sites i USING (site_id) WHERE identity = %s",
            (identity,),
        ).fetchone()
    assert row == ("After", "yard", "pending", 2, 22_500, 52.5, 13.4)
    again = await client.post(f"/stations/{identity}/settings", data={**form, "name": "Too late"})
    assert "Somebody else changed the station meanwhile" in again.text
    assert 'value="After"' in again.text


@pytest.mark.parametrize(
    "wrong",
    [
        {"max_power_kw": "many"},
        {"max_power_kw": "-1"},
        {"max_power_kw": "inf"},
        {"latitude": "91"},
        {"latitude": "nan"},
    ],
)
async def test_a_number_that_is_none_changes_nothing(house: House, tenant: Tenant, wrong: dict[str, str]) -> None:
    identity = add_station(house, tenant, ["Available"], name="Before")
    form = {"name": "After", "registration": "accepted", "security_profile": "1", **wrong}
    answer = await (await signed_in(house, tenant)).post(f"/stations/{identity}/settings", data=form)
    assert "Nothing was saved" in answer.text
    assert 'value="Before"' in answer.text


async def test_a_new_password_is_shown_once_and_stands_nowhere(house: House, tenant: Tenant) -> None:
    identity = add_station(house, tenant, ["Available"])
    client = await signed_in(house, tenant)
    page = (await client.post(f"/stations/{identity}/password", data={"way": "installer"})).text
    found = re.search(r"<code>([0-9a-f]{40})</code>", page)
    assert found is not None
    assert found[1] not in (await client.get(f"/stations/{identity}/settings")).text
    with house.admin() as connection:
        for table in ("stations", "audit", "commands"):
            rows = connection.execute(f"SELECT t::text FROM {table} t").fetchall()
            assert found[1] not in str(rows)


async def test_the_audit_says_what_came_of_what_a_station_was_asked(house: House, tenant: Tenant) -> None:
    identity = add_station(house, tenant, ["Available"])
    client = await signed_in(house, tenant)
    with house.admin() as connection:
        for outcome, answer in (("answered", '{"status": "Rejected"}'), ("unknown", None), ("unsent", None)):
            connection.execute(
                "WITH c AS (INSERT INTO commands (tenant_id, station_id, action, payload, asked_by, asked_at, outcome,"
                " answer) VALUES (%s, %s, 'Reset', '{}', 'key:1 Grid', now(), %s, %s) RETURNING command_id)"
                " INSERT INTO audit (tenant_id, actor, action, object, detail)"
                " SELECT %s, 'key:1 Grid', 'reset station', %s, jsonb_build_object('command', command_id) FROM c",
                (
                    tenant.tenant_id,
                    number_of(house, identity),
                    outcome,
                    answer,
                    tenant.tenant_id,
                    f"station:{identity}",
                ),
            )
        connection.execute(
            "INSERT INTO audit (tenant_id, actor, action, object, detail)"
            " VALUES (%s, 'key:1 Grid', 'reset station', %s,"
            """ '{"command": "no id", "not_sent": "station-offline"}')""",
            (tenant.tenant_id, f"station:{identity}"),
        )
    page = (await client.get("/audit", params={"object": f"station:{identity}"})).text
    told = [each.partition("<")[0] for each in re.findall(r"<dt>command</dt><dd>(.*?)</dd>", page)]
    assert told == ["no id", "Not sent", "Outcome unknown", "Answered: Rejected"]
    assert "<dt>not sent</dt><dd>station-offline</dd>" in page
    assert "Outcome unknown" in (await client.get(f"/stations/{identity}")).text


async def test_a_retired_station_leaves_the_list(house: House, tenant: Tenant) -> None:
    identity = add_station(house, tenant, ["Available"])
    client = await signed_in(house, tenant)
    asked = await client.get(f"/stations/{identity}/retire")
    assert "It is disconnected at once" in asked.text
    assert (await client.post(f"/stations/{identity}/retire")).status_code == 200
    assert f'data-row="{identity}"' not in (await client.get("/stations")).text


async def test_filters_of_the_list_narrow_it_and_go_along_from_page_to_page(house: House, tenant: Tenant) -> None:
    one = add_station(house, tenant, ["Charging"], vendor="Birch", model="Post 22", registration="pending")
    two = add_station(house, tenant, ["Faulted"], connected=False)
    three = add_station(house, tenant, ["Faulted"])
    client = await signed_in(house, tenant)

    async def rows(query: str) -> list[str]:
        return re.findall(r'data-row="([^"]+)"', (await client.get(f"/stations?{query}")).text)

    assert await rows("registration=pending") == [one]
    assert await rows("model=Birch+Post+22") == [one]
    assert await rows("connected=no") == [two]
    assert await rows("connected=yes&state=Faulted") == [three]
    assert await rows("protocol=ocpp1.6") == []
    assert (await rows("sort=state"))[:2] == [three, two]
    assert set(await rows("protocol=ocpp9&registration=x&connected=maybe&sort=;drop")) == {one, two, three}
    page = (await client.get("/stations?registration=pending&sort=seen")).text
    assert "/stations.csv?registration=pending&amp;sort=seen" in page


async def test_the_csv_has_what_the_list_shows_and_no_formula(house: House, tenant: Tenant, stranger: Tenant) -> None:
    one = add_station(house, tenant, ["Charging"], name='=HYPERLINK("http://x")', max_power_w=22_000)
    two = add_station(house, tenant, ["Available"])
    add_station(house, stranger, ["Charging"])
    client = await signed_in(house, tenant)
    everything = (await client.get("/stations.csv")).text.splitlines()
    assert len(everything) == 3
    assert everything[0].startswith("id,name,site,state")
    charging = (await client.get("/stations.csv?state=Charging")).text
    assert one in charging
    assert two not in charging
    assert "'=HYPERLINK" in charging
    chosen = (await client.post("/stations.csv", data={"station": [two]})).text
    assert two in chosen
    assert one not in chosen
    assert csv_line(["a,b", None, 1]) == '"a,b",,1\r\n'


async def test_a_plan_says_the_consequence_before_anything_is_done(
    house: House, tenant: Tenant, stranger: Tenant
) -> None:
    ours = [
        add_station(house, tenant, ["Charging"]),
        add_station(house, tenant, ["Available"]),
        add_station(house, tenant, ["Available"], connected=False),
    ]
    theirs = add_station(house, stranger, ["Charging"])
    client = await signed_in(house, tenant)
    plan = await client.post("/bulk-runs/plan", data={"action": "reset", "reset": "hard", "station": [*ours, theirs]})
    assert "Resets 3 stations." in plan.text
    assert "1 is charging: its sessions will end. 1 is not connected" in " ".join(plan.text.split())
    assert "1 is not connected and can" in plan.text
    assert theirs not in plan.text
    with house.admin() as connection:
        assert connection.execute(
            "SELECT count(*) FROM bulk_runs WHERE tenant_id = %s", (tenant.tenant_id,)
        ).fetchone() == (0,)
    nothing = await client.post("/bulk-runs/plan", data={"action": "reset", "station": [theirs]})
    assert "No station was chosen" in nothing.text


async def test_a_run_belongs_to_its_organisation_and_needs_the_right_role(
    house: House, tenant: Tenant, stranger: Tenant
) -> None:
    identity = add_station(house, tenant, ["Available"])
    client = await signed_in(house, tenant)
    asked = await client.post("/bulk-runs/reset", data={"action": "reset", "reset": "soft", "station": [identity]})
    assert asked.status_code == 303
    address = asked.headers["location"]
    assert identity in (await client.get(address)).text
    for _ in range(bulk.MAX_OPEN):
        asked = await client.post("/bulk-runs/reset", data={"action": "reset", "reset": "soft", "station": [identity]})
    assert (asked.status_code, "Too many runs have not ended yet" in asked.text) == (409, True)
    assert (await (await signed_in(house, stranger)).get(address)).status_code == 404
    viewer = await as_role(house, tenant, Role.VIEWER)
    assert (await viewer.get(address)).status_code == 200
    for path in ("/bulk-runs/reset", "/bulk-runs/registration", "/bulk-runs/site", f"{address}/stop"):
        assert (await viewer.post(path, data={"action": "reset", "station": [identity]})).status_code == 403
    assert 'form="bulk"' not in (await viewer.get("/stations")).text


async def test_the_pages_speak_german_to_whom_asks_for_it(house: House, tenant: Tenant) -> None:
    identity = add_station(house, tenant, ["Faulted"], error_code="GroundFailure")
    client = await signed_in(house, tenant)
    client.headers["accept-language"] = "de"
    page = (await client.get(f"/stations/{identity}")).text
    for words in ("Ladepunkt 1", "Der Fehlerstromschutz hat ausgelöst", "Gestört", "Neu starten", "Verfügbarkeit"):
        assert words in page
    for path in ("/messages", "/configuration", "/settings", "/ask/reset"):
        assert 'lang="de"' in (await client.get(f"/stations/{identity}{path}")).text


@pytest.mark.parametrize(
    ("fault", "outcome"),
    [
        (StationOffline(), "unsent"),
        (StationBusy(), "unsent"),
        (StationTimeout(command_id="c"), "unknown"),
        (StationLost(), "unknown"),
        (StationAnswerInvalid(), "unknown"),
        (OutcomeUnrecorded(), "unknown"),
        (BusAway(), "unknown" if not BusAway.unsent else "unsent"),
        (StationRetired(), "unsent"),
    ],
)
def test_a_failure_says_whether_anything_may_have_happened(fault: ForecourtError, outcome: str) -> None:
    answer = failed(fault)
    assert answer.outcome == outcome
    assert ("Nothing was sent" in answer.words) == (outcome == "unsent")


def test_a_fault_that_is_none_of_a_call_is_not_made_pretty() -> None:
    with pytest.raises(ForecourtError):
        failed(ForecourtError())


async def test_a_boot_is_told_with_what_the_station_said_and_nothing_else(house: House, tenant: Tenant) -> None:
    at = house.clock.now() - timedelta(hours=1)
    identity = add_station(house, tenant, created_at=at)
    boots = (
        {"reason": "PowerUp", "chargingStation": {"vendorName": "V", "model": "M"}},
        {"chargePointVendor": "V", "chargePointModel": "M"},
        {"firmwareVersion": "1.2"},
    )
    said = [
        {"action": "BootNotification", "at": at + timedelta(minutes=n), "payload": json.dumps(boot)}
        for n, boot in enumerate(boots)
    ]
    say(house, tenant, number_of(house, identity), *said)
    page = (await (await signed_in(house, tenant)).get(f"/stations/{identity}")).text
    assert re.findall(r"Booted[^<]*", page) == ["Booted with firmware 1.2", "Booted", "Booted (PowerUp)"]


async def test_an_adoption_that_is_opened_by_its_address_has_the_place_that_its_form_answers_into(
    house: House, tenant: Tenant
) -> None:
    identity = a_knock(house, tenant)
    page = (await (await signed_in(house, tenant)).get(f"/inbox/{identity}/adopt")).text
    assert 'hx-target="#adopt"' in page
    assert page.count('id="adopt"') == 1
