import itertools
import re
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from httpx import AsyncClient

from forecourt.access import Role
from forecourt.ocpp.neutral import CertificateQuestion, Standing
from forecourt.platform.database import Pool
from forecourt.stations import store
from forecourt.stations.certificates import store as answers
from forecourt.stations.certificates.model import Said
from forecourt.stations.live import LiveStations
from forecourt.stations.model import STATE_PRIORITY, STATION_STATES, station_state
from tests.http import BASE, PASSWORD, House, Tenant
from tests.stations.pki import EMAID, Holder

_numbers = itertools.count(1)
PAGE = {"accept": "text/html"}
CONTRACTS = "/contracts"
#: Certificates that are good by whichever clock.
LONG: dict[str, Any] = {"from_": timedelta(days=-1_500), "until": timedelta(days=1_500)}
#: Of the states below, the one that wants to be seen first.
URGENCY = ("Faulted", "Restarting", "Unavailable", "Charging", "Available")


@pytest.fixture(scope="module")
def application(application_with_pages: tuple[Pool, Any]) -> tuple[Pool, Any]:
    return application_with_pages


async def signed_in(house: House, tenant: Tenant) -> AsyncClient:
    client = house.client(headers={"origin": BASE, **PAGE})
    answer = await client.post("/sign-in", data={"email": await tenant.operator(), "password": PASSWORD})
    assert answer.status_code == 303, answer.text
    return client


def add_station(
    house: House,
    tenant: Tenant,
    connectors: Sequence[str] = (),
    *,
    connected: bool = True,
    lease: str = "1 hour",
    own_state: str | None = None,
    error_code: str | None = None,
    **columns: Any,
) -> str:
    """Registers a station of which its gateway holds the socket; returns its identity."""
    identity = columns.pop("identity", f"CP{next(_numbers):05d}")
    columns = {"tenant_id": tenant.tenant_id, "identity": identity, **columns}
    places = [(number, 1, state) for number, state in enumerate(connectors, 1)]
    places += [(0, 0, own_state)] if own_state else []
    with house.admin() as connection:
        row = connection.execute(
            f"INSERT INTO stations ({', '.join(columns)}) VALUES ({', '.join(['%s'] * len(columns))})"
            " RETURNING station_id",
            list(columns.values()),
        ).fetchone()
        assert row is not None
        gateway = f"gateway of {identity}"
        connection.execute(
            "INSERT INTO gateways (gateway_id, started_at, lease_until) VALUES (%s, now(), now() + %s::interval)",
            (gateway, lease),
        )
        connection.execute(
            "INSERT INTO station_links (station_id, tenant_id, epoch, gateway_id, protocol, connected_at, last_seen_at)"
            " VALUES (%s, %s, 1, %s, 'ocpp2.0.1', now(), now())",
            (row[0], tenant.tenant_id, gateway if connected else None),
        )
        for evse, connector, state in places:
            connection.execute(
                "INSERT INTO connectors (station_id, evse, connector, tenant_id, state, state_at, error_code)"
                " VALUES (%s, %s, %s, %s, %s, now(), %s)",
                (row[0], evse, connector, tenant.tenant_id, state, error_code),
            )
    return str(identity)


async def states(house: House, tenant: Tenant, **asked: Any) -> dict[str, str]:
    async with house.db.tenant(tenant.tenant_id) as conn:
        rows, _ = await store.list_for_page(conn, tenant.tenant_id, limit=500, **asked)
    return {row.identity: row.state for row in rows}


async def test_the_database_and_the_gateway_find_the_same_word_for_a_station(house: House, tenant: Tenant) -> None:
    wanted = {}
    for pair in [(), *itertools.combinations_with_replacement(STATE_PRIORITY, 2)]:
        wanted[add_station(house, tenant, pair)] = station_state(True, pair)
        wanted[add_station(house, tenant, pair, connected=False)] = station_state(False, pair)
    assert await states(house, tenant) == wanted


async def test_every_list_finds_the_word_by_which_a_station_itself_speaks(house: House, tenant: Tenant) -> None:
    client = await tenant.client()
    site = (await client.post("/api/v1/sites", json={"name": "Yard"})).json()
    wanted = {}
    for own, connectors, word in (
        ("Unavailable", ["Available", "Available"], "Unavailable"),
        ("Unavailable", [], "Unavailable"),
        ("Unavailable", ["Available", "Charging"], "Charging"),
        ("Unavailable", ["Levitating"], "Unavailable"),
        ("Faulted", ["Charging"], "Faulted"),
        ("Available", ["Unavailable"], "Unavailable"),
        ("Available", ["Charging"], "Charging"),
        ("Charging", ["Available"], "Available"),
    ):
        wanted[add_station(house, tenant, connectors, own_state=own, site_id=site["id"])] = word
        assert station_state(True, connectors, own=own) == word
    restarting = add_station(house, tenant, ["Charging"], connected=False, site_id=site["id"])
    wanted[restarting] = station_state(False, ["Charging"], restarting=True)
    with house.admin() as connection:
        connection.execute(
            "UPDATE station_links l SET restarting_until = now() + interval '1 hour' FROM stations s"
            " WHERE s.station_id = l.station_id AND s.identity = %s",
            (restarting,),
        )
    assert await states(house, tenant) == wanted
    shown = {each["id"]: each["state"] for each in (await client.get("/api/v1/stations")).json()["items"]}
    assert shown == wanted
    counted = {state: list(wanted.values()).count(state) for state in set(wanted.values())}
    for state in STATION_STATES:
        # Such stations a bulk run takes that is asked for by their state.
        assert set(await states(house, tenant, state=state)) == {name for name, word in wanted.items() if word == state}
    in_order = list(await states(house, tenant, sort="state"))
    assert [wanted[name] for name in in_order] == sorted(wanted.values(), key=URGENCY.index)
    async with house.db.tenant(tenant.tenant_id) as conn:
        assert await store.count_states(conn, tenant.tenant_id) == counted
        for asked in ({}, {"slug": site["slug"]}, {"search": "yard"}):
            [yard] = await store.list_shown_sites(conn, tenant.tenant_id, **asked)
            assert yard.states == counted


async def test_a_station_whose_gateway_died_is_offline(house: House, tenant: Tenant) -> None:
    identity = add_station(house, tenant, ["Charging"], lease="-1 second")
    assert await states(house, tenant) == {identity: "Offline"}


async def test_a_search_takes_every_character_as_itself(house: House, tenant: Tenant) -> None:
    percent = add_station(house, tenant, identity="A%B", name="Fast lane")
    underscore = add_station(house, tenant, identity="A_B")
    backslash = add_station(house, tenant, identity="A\\B")
    add_station(house, tenant, identity="AxB")
    assert set(await states(house, tenant, search="A%B")) == {percent}
    assert set(await states(house, tenant, search="a_b")) == {underscore}
    assert set(await states(house, tenant, search="A\\B")) == {backslash}
    assert set(await states(house, tenant, search="fast LANE")) == {percent}


async def test_counts_of_states_add_up_to_the_stations_of_the_organisation(
    house: House, tenant: Tenant, stranger: Tenant
) -> None:
    add_station(house, tenant, ["Charging"])
    add_station(house, tenant, ["Charging"])
    add_station(house, tenant, ["Faulted"], connected=False)
    add_station(house, stranger, ["Charging"])
    totals = await LiveStations(house.db).totals(tenant.tenant_id)
    assert totals == {
        **{f"totals.n.{state}": 0 for state in STATION_STATES},
        "totals.n.Charging": 2,
        "totals.n.Offline": 1,
        "totals.stations": 3,
    }


async def test_a_page_arrives_whole_with_the_state_and_power_of_each_station(house: House, tenant: Tenant) -> None:
    identity = add_station(house, tenant, ["Faulted"], error_code="GroundFailure", name="Yard 1", max_power_w=22_000)
    page = await (await signed_in(house, tenant)).get("/stations")
    assert page.status_code == 200
    for piece in (
        f'data-live-state="station.{identity}.state"',
        "Yard 1",
        "GroundFailure",
        "of 22\N{NO-BREAK SPACE}kW",
    ):
        assert piece in page.text
    assert "script-src 'self'" in page.headers["content-security-policy"]
    assert page.headers["cache-control"] == "private, no-store"


async def test_a_page_never_shows_a_station_of_another_organisation(
    house: House, tenant: Tenant, stranger: Tenant
) -> None:
    theirs = add_station(house, stranger, ["Charging"], latitude=52.5, longitude=13.4)
    ours = add_station(house, tenant, ["Charging"], latitude=52.5, longitude=13.4)
    client = await signed_in(house, tenant)
    for path in ("/stations", f"/stations?q={theirs}", f"/stations?station={theirs}", "/stations/points"):
        assert f"station.{theirs}." not in (await client.get(path)).text
    assert [point["id"] for point in (await client.get("/stations/points")).json()] == [ours]
    gone = await client.get(f"/stations/{theirs}/panel")
    assert gone.status_code == 404
    assert "no such station" in gone.text


async def test_a_list_goes_on_after_fifty_and_keeps_its_filters(house: House, tenant: Tenant) -> None:
    for number in range(51):
        add_station(house, tenant, ["Available"], identity=f"{tenant.tenant_id}-P{number:02d}")
    add_station(house, tenant, ["Charging"])
    client = await signed_in(house, tenant)
    first = (await client.get("/stations?state=Available")).text
    assert first.count('<tr role="row" data-row=') == 50
    assert "1–50 of 51" in first  # noqa: RUF001
    assert "/stations?state=Available&amp;page=2" in first
    second = (await client.get("/stations?state=Available&page=2")).text
    assert second.count('<tr role="row" data-row=') == 1
    assert f"{tenant.tenant_id}-P50" in second


async def test_a_fault_is_told_with_its_cause_and_the_next_step(house: House, tenant: Tenant) -> None:
    identity = add_station(house, tenant, ["Faulted", "Available"], error_code="GroundFailure")
    panel = (await (await signed_in(house, tenant)).get(f"/stations/{identity}/panel")).text
    assert "earth leakage protection has tripped" in panel
    assert "Send an electrician" in panel


async def test_an_organisation_without_stations_is_told_how_to_begin(house: House, tenant: Tenant) -> None:
    page = (await (await signed_in(house, tenant)).get("/stations")).text
    assert "Connect your first station" in page
    assert "ws://forecourt.test:9000/ocpp/CP1" in page


async def test_who_is_not_signed_in_is_sent_to_sign_in_and_back(house: House) -> None:
    answer = await house.client(headers=PAGE).get("/stations?state=Faulted")
    assert answer.status_code == 303
    assert answer.headers["location"] == "/sign-in?next=%2Fstations%3Fstate%3DFaulted"


@pytest.mark.parametrize("query", ["state=Levitating", "site=nowhere&q=nothing", "station=unknown", "page=9999"])
async def test_an_address_that_asks_for_nothing_known_still_answers(house: House, tenant: Tenant, query: str) -> None:
    add_station(house, tenant, ["Available"])
    assert (await (await signed_in(house, tenant)).get(f"/stations?{query}")).status_code == 200


@pytest.mark.parametrize("path", ["/stations?q=%00", "/stations?station=%00", "/stations?page=0"])
async def test_an_address_that_can_not_be_meant_is_refused(house: House, tenant: Tenant, path: str) -> None:
    assert (await (await signed_in(house, tenant)).get(path)).status_code == 400


async def test_a_panel_of_what_no_station_can_be_called_is_not_there(house: House, tenant: Tenant) -> None:
    assert (await (await signed_in(house, tenant)).get("/stations/%00/panel")).status_code == 404


async def test_what_a_station_calls_itself_is_never_taken_for_markup(house: House, tenant: Tenant) -> None:
    add_station(house, tenant, ["Faulted"], name='<img src=x onerror="alert(1)">', error_code="<b>x</b>")
    page = (await (await signed_in(house, tenant)).get("/stations")).text
    assert "<img src=x" not in page
    assert "<b>x</b>" not in page


async def test_a_filter_by_state_finds_the_stations_that_are_shown_in_it(house: House, tenant: Tenant) -> None:
    for pair in [(), *itertools.combinations_with_replacement(STATE_PRIORITY, 2)]:
        add_station(house, tenant, pair)
    add_station(house, tenant, ["Charging"], connected=False)
    add_station(house, tenant, ["Charging"], own_state="Faulted")
    shown = await states(house, tenant)
    for state in STATION_STATES:
        assert await states(house, tenant, state=state) == {name: word for name, word in shown.items() if word == state}
    async with house.db.tenant(tenant.tenant_id) as conn:
        counts = await store.count_states(conn, tenant.tenant_id)
    assert counts == {state: list(shown.values()).count(state) for state in set(shown.values())}


async def test_codes_to_print_stand_where_their_station_does(house: House, tenant: Tenant) -> None:
    identity = add_station(house, tenant, ["Available"])
    page = (await (await signed_in(house, tenant)).get(f"/codes/stations/{identity}")).text
    assert (page.count('class="qr"'), "data-print" in page) == (1, True)
    assert re.search(r'<a href="/stations"[^>]*aria-current="page"', page)


async def test_authorities_are_trusted_and_contracts_registered_on_the_page_of_plug_and_charge(
    house: House, tenant: Tenant
) -> None:
    client, api = await signed_in(house, tenant), await tenant.client()
    root = Holder("MO root", **LONG)
    lower = Holder("MO sub 2", root, depth=0, **LONG)
    contract = Holder(EMAID, lower, ca=False, **LONG)
    for path in ("/payments", "/settings", "/search?q=plug"):
        assert 'href="/contracts"' in (await client.get(path)).text, path
    assert "every contract whose certificates a station sends is refused" in (await client.get(CONTRACTS)).text
    refused = await client.post(f"{CONTRACTS}/roots", data={"pem": contract.pem})
    assert (refused.status_code, "no certificate of an authority" in refused.text) == (422, True)
    assert contract.pem.splitlines()[1] in refused.text
    assert (await client.post(f"{CONTRACTS}/roots", data={"pem": root.pem})).status_code == 303
    assert "is trusted already" in (await client.post(f"{CONTRACTS}/roots", data={"pem": root.pem})).text
    assert (await client.post(f"{CONTRACTS}/roots", data={"pem": lower.pem})).status_code == 303
    for uid, kind in ((EMAID, "eMAID"), ("CARD", "ISO14443")):
        await api.post("/api/v1/tokens", json={"uid": uid, "type": kind, "status": "accepted"})
    driver = (await api.post("/api/v1/drivers", json={"email": "ada@example.org", "name": "Ada"})).json()["driver_id"]
    await api.post(f"/api/v1/drivers/{driver}/tokens", json={"uid": EMAID})
    # Who registers contracts sees what is trusted, and changes none of it.
    support = house.client(headers={"origin": BASE, **PAGE})
    await support.post("/sign-in", data={"email": await tenant.operator(Role.SUPPORT), "password": PASSWORD})
    assert 'href="/contracts"' in (await support.get("/payments")).text
    seen = (await support.get(CONTRACTS)).text
    assert ("All contracts under this root" in seen, "Register a contract" in seen) == (True, True)
    assert (f'action="{CONTRACTS}/' in seen, "Trust it no more" in seen) == (False, False)
    assert (await support.post(f"{CONTRACTS}/roots", data={"pem": root.pem})).status_code == 403
    page = (await client.get(CONTRACTS)).text
    assert "All contracts under this root" in page
    assert "it is under CN=MO root" in page
    assert f'<a href="/drivers/{driver}">Ada</a>' in page
    assert "CARD" not in page

    now = house.clock.now()
    asked = CertificateQuestion(
        algorithm="SHA256", issuer_name_hash="aa", issuer_key_hash="bb", serial="c0ffee", url="http://ocsp.example"
    )
    said = Said(
        standing=Standing.REVOKED, issuer="CN=MO sub 2", produced_at=now - timedelta(hours=3),
        counts_until=now + timedelta(hours=1), asked_at=now - timedelta(minutes=5),
    )  # fmt: skip
    async with house.db.tenant(tenant.tenant_id) as conn:
        await answers.put_answer(conn, tenant.tenant_id, asked, said)
    page = (await client.get(CONTRACTS)).text
    assert ("What responders said last" in page, "No. c0ffee" in page) == (True, True)
    assert ("by CN=MO sub 2" in page, "Revoked" in page, "counts until" in page) == (True, True, True)
    house.clock.advance(7_200)
    assert "counts no more" in (await client.get(CONTRACTS)).text

    sent = {"pem": contract.pem + lower.pem}
    assert 'data-outcome="Accepted"' in (looked := await client.post(f"{CONTRACTS}/look", data=sent)).text
    assert (f"{EMAID}:" in looked.text, looked.text.count("no responder asked")) == (True, 2)
    for each in (await api.get("/api/v1/contract-roots")).json()["items"]:
        path = f"{CONTRACTS}/roots/{each['fingerprint']}/remove"
        assert (await client.post(path)).headers["location"] == f"{CONTRACTS}?done=distrusted"
        assert (await client.post(path)).headers["location"] == CONTRACTS
    assert 'data-outcome="CertChainError"' in (await client.post(f"{CONTRACTS}/look", data=sent)).text
    assert "no certificates of a contract" in (await client.post(f"{CONTRACTS}/look", data={"pem": "x"})).text


async def test_how_contracts_are_judged_is_said_on_the_page_and_its_secret_shown_once(
    house: House, tenant: Tenant
) -> None:
    client, api = await signed_in(house, tenant), await tenant.client()
    form = {"required": "yes", "unproven": "refuse", "provider_url": "http://127.0.0.1:1/"}
    refused = await client.post(f"{CONTRACTS}/rules", data=form)
    assert (refused.status_code, 'value="http://127.0.0.1:1/"' in refused.text) == (422, True)
    form["provider_url"] = "https://example.com/contracts"
    assert "whsec_" in (await client.post(f"{CONTRACTS}/rules", data=form)).text
    assert (await client.post(f"{CONTRACTS}/rules", data=form)).status_code == 303
    stored = (await api.get("/api/v1/contract-rules")).json()
    assert [stored[name] for name in form] == [True, "refuse", form["provider_url"]]
    page = (await client.get(CONTRACTS)).text
    assert form["provider_url"] in page
    assert "whsec_" not in page
