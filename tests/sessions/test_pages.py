"""Lists, files and fragments of sessions as the pages give them, over the real database."""

import csv
import io
import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from httpx import AsyncClient

from forecourt.ocpp.neutral import Context, Measurand
from forecourt.platform.database import Pool
from forecourt.sessions import store
from forecourt.sessions.pages import lists
from forecourt.sessions.search import ids_beginning
from forecourt.sessions.store import SessionFilter
from tests.http import House, Tenant, problem, problem_page
from tests.sessions.test_api import a_station, code, say
from tests.stations.test_pages import signed_in
from tests.support import EPOCH

BEGAN = EPOCH - timedelta(hours=3)


@pytest.fixture(scope="module")
def application(application_with_pages: tuple[Pool, Any]) -> tuple[Pool, Any]:
    return application_with_pages


def sessions(house: House, tenant: Tenant, station_id: int, number: int, **columns: Any) -> list[str]:
    """So many ended sessions, a minute apart, the first one the oldest."""
    ended = {"meter_start_wh": 0, "meter_stop_wh": 1_000, "end_key": 2, **columns}
    with house.admin() as connection:
        return [
            say(
                connection,
                tenant,
                station_id,
                f"tx{n}",
                **{"started_at": BEGAN + n * timedelta(minutes=1), "ended_at": BEGAN + timedelta(hours=1), **ended},
            )
            for n in range(number)
        ]


def shown(page: str) -> list[str]:
    return re.findall(r'<tr role="row" data-row="([0-9a-f-]{36})"', page)


async def test_pages_go_on_by_place_and_show_each_session_once_whatever_begins_meanwhile(
    house: House, tenant: Tenant
) -> None:
    _, station_id = await a_station(house, tenant)
    made = sessions(house, tenant, station_id, lists.PAGE_SIZE + 7)
    client = await signed_in(house, tenant)
    first = (await client.get("/sessions")).text
    assert shown(first) == made[:-51:-1]
    older = re.search(r'rel="next" href="([^"]+)"', first)
    assert older is not None
    with house.admin() as connection:
        say(connection, tenant, station_id, "new", started_at=EPOCH - timedelta(minutes=1))
    second = (await client.get(older[1].replace("&amp;", "&"))).text
    assert shown(second) == made[6::-1]
    assert 'rel="next"' not in second
    problem_page(await client.get("/sessions?cursor=made-up"), 400, "cursor-refused")


async def test_filters_narrow_the_list_and_its_sums_alike(house: House, tenant: Tenant) -> None:
    _, first = await a_station(house, tenant, "FIRST")
    other, second = await a_station(house, tenant, "SECOND")
    sessions(house, tenant, first, 3, token_uid="04aB", notes=["sequence-gap"])
    sessions(house, tenant, second, 2, token_uid="04AB")
    with house.admin() as connection:
        old = say(connection, tenant, second, "ghost", started_at=EPOCH - timedelta(days=90), power_w=7_000)
    client = await signed_in(house, tenant)
    for query, number in (
        ("", 5),
        (f"station={other}", 2),
        ("token=04ab", 5),
        ("token=04abc", 0),
        ("noted=true", 3),
        ("status=completed&range=today", 5),
        ("range=yesterday", 0),
        ("site=nowhere", 0),
    ):
        page = (await client.get(f"/sessions?{query}")).text
        assert len(shown(page)) == number, query
    running = (await client.get("/sessions?status=active&range=today")).text
    assert shown(running) == [old], "one that runs is shown whenever it began"
    async with house.db.tenant(tenant.tenant_id) as conn:
        totals = await store.count_matching(conn, tenant.tenant_id, SessionFilter(since=BEGAN - timedelta(days=1)))
        everything = await store.count_matching(conn, tenant.tenant_id, SessionFilter())
    assert (totals.sessions, totals.running, totals.energy_wh, totals.power_w) == (5, 0, 5_000, 0)
    assert (everything.sessions, everything.running, everything.power_w) == (6, 1, 7_000)


async def test_the_file_holds_every_matching_session_over_many_batches_and_no_formula(
    house: House, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lists, "EXPORT_BATCH", 3)
    identity, station_id = await a_station(house, tenant, "=CSV")
    made = sessions(house, tenant, station_id, 10, token_uid="=cmd|'/c calc'!A1", stop_reason="Local")
    client = await signed_in(house, tenant)
    answer = await client.get("/sessions/export.csv?status=completed")
    assert answer.headers["content-type"].startswith("text/csv")
    assert "attachment" in answer.headers["content-disposition"]
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [row["session_id"] for row in rows] == made[::-1]
    assert (rows[0]["token"], rows[0]["station"]) == ("'=cmd|'/c calc'!A1", f"'{identity}")
    assert (rows[0]["energy_wh"], rows[-1]["duration_s"], rows[-1]["started_at"]) == (
        "1000",
        "3600",
        BEGAN.isoformat(),
    )


async def test_a_signed_value_is_handed_out_byte_for_byte_and_told_in_the_record(house: House, tenant: Tenant) -> None:
    _, station_id = await a_station(house, tenant)
    [session_id] = sessions(house, tenant, station_id, 1)
    record = 'OCMF|{"FV":"1.0","GI":"Zähler\\u00e4 <b>"}|{"SD":"304402  "}\n'
    begin = code(Measurand.ENERGY_IMPORT_REGISTER, context=Context.BEGIN)
    with house.admin() as connection:
        connection.execute(
            "INSERT INTO meter_values (station_id, transaction_id, at, digest, tenant_id, readings, signed)"
            " VALUES (%s, 'tx0', %s, 1, %s, %s, %s)",
            (station_id, BEGAN, tenant.tenant_id, [7, 1, begin, 0], json.dumps([[1, record]])),
        )
    client = await signed_in(house, tenant)
    answer = await client.get(f"/sessions/{session_id}/signed/1")
    assert answer.content == record.encode()
    assert "attachment" in answer.headers["content-disposition"]
    assert (await client.get(f"/sessions/{session_id}/signed/2")).status_code == 404
    page = (await client.get(f"/sessions/{session_id}")).text
    assert "Transaction.Begin, OCMF" in page
    assert "Zähler" not in page
    cdr = (await (await tenant.client()).get(f"/api/v1/sessions/{session_id}/cdr")).json()
    assert cdr["signed_data"]["signed_values"] == [{"nature": "Start", "plain_data": "", "signed_data": record}]
    assert (cdr["total_energy"], cdr["auth_method"]) == (1.0, "AUTH_REQUEST")


async def test_the_page_of_a_session_that_is_over_says_how_long_it_was_and_where_its_curve_ends(
    house: House, tenant: Tenant
) -> None:
    _, station_id = await a_station(house, tenant)
    end = BEGAN + timedelta(seconds=15, milliseconds=997)
    [over] = sessions(house, tenant, station_id, 1, ended_at=end)
    with house.admin() as connection:
        running = say(connection, tenant, station_id, "running")
    client = await signed_in(house, tenant)
    page = (await client.get(f"/sessions/{over}")).text
    assert re.findall(r"<dt>(?:Lasted|total_time)</dt><dd>(\d+).s</dd>", page) == ["16", "16"]
    assert f'data-end="{end.isoformat()}"' in page
    assert "data-end" not in (await client.get(f"/sessions/{running}")).text


async def test_a_running_session_has_no_record_yet(house: House, tenant: Tenant) -> None:
    _, station_id = await a_station(house, tenant)
    with house.admin() as connection:
        session_id = say(connection, tenant, station_id, "1")
    client = await tenant.client()
    problem(await client.get(f"/api/v1/sessions/{session_id}/cdr"), 409, "session-running")


async def test_the_curve_holds_what_was_measured_of_this_session_alone(house: House, tenant: Tenant) -> None:
    _, station_id = await a_station(house, tenant)
    first, _ = sessions(house, tenant, station_id, 2)
    with house.admin() as connection:
        for transaction, watts in (("tx0", 7_000), ("tx1", 22_000)):
            for n in range(4):
                connection.execute(
                    "INSERT INTO meter_values (station_id, transaction_id, at, digest, tenant_id, readings)"
                    " VALUES (%s, %s, %s, %s, %s, %s)",
                    (
                        station_id,
                        transaction,
                        BEGAN + timedelta(minutes=n),
                        n,
                        tenant.tenant_id,
                        [code(Measurand.POWER_IMPORT), watts + n],
                    ),
                )
    curve = (await (await signed_in(house, tenant)).get(f"/sessions/{first}/curve")).json()
    assert [value for _, value in curve["power_kw"]] == [7.0, 7.001, 7.002, 7.003]
    assert curve["power_kw"][0][0] == int(BEGAN.timestamp() * 1000)


async def test_the_curve_holds_what_the_evse_told_outside_of_the_transaction_while_that_lasted(
    house: House, tenant: Tenant
) -> None:
    _, station_id = await a_station(house, tenant)
    [first] = sessions(house, tenant, station_id, 1)
    power, register = code(Measurand.POWER_IMPORT), code(Measurand.ENERGY_IMPORT_REGISTER)
    own = [("tx0", 2, 1, [register, 1_200])]
    outside = ((-1, 1, 1), (1, 2, 2), (1, 1, 7_000), (3, 1, 8_000))
    apart = [("", n, evse, [power, watts, register, 9_000 + n]) for n, evse, watts in outside]
    with house.admin() as connection:
        connection.execute("UPDATE sessions SET evse = 1 WHERE session_id = %s", (first,))
        for number, (transaction, minute, evse, readings) in enumerate(own + apart):
            at = BEGAN + timedelta(minutes=minute)
            connection.execute(
                "INSERT INTO meter_values"
                " (station_id, transaction_id, at, digest, tenant_id, evse, readings, arrived_at)"
                " VALUES (%s, %s, %s, %s, %s, %s, %s, %s)",
                (station_id, transaction, at, number, tenant.tenant_id, evse, readings, None if transaction else at),
            )
    curve = (await (await signed_in(house, tenant)).get(f"/sessions/{first}/curve")).json()
    assert [value for _, value in curve["power_kw"]] == [7.0, 8.0]
    # The register is the transaction's own: another may be of another meter.
    async with house.db.tenant(tenant.tenant_id) as conn:
        points = await store.curve(conn, tenant.tenant_id, UUID(str(first)), 60)
    assert [each.value for each in points if each.measurand == Measurand.ENERGY_IMPORT_REGISTER] == [1_200]


@pytest.mark.parametrize("path", ["", "/curve", "/signed/1"])
async def test_another_organisation_finds_no_trace_of_a_session(
    house: House, tenant: Tenant, stranger: Tenant, path: str
) -> None:
    identity, station_id = await a_station(house, tenant, "SECRET")
    [session_id] = sessions(house, tenant, station_id, 1, token_uid="04SECRET")
    client: AsyncClient = await signed_in(house, stranger)
    assert (await client.get(f"/sessions/{session_id}{path}")).status_code == 404
    for list_path in (
        "/sessions",
        f"/sessions/recent?station={identity}",
        "/sessions/recent?token=04SECRET",
        "/sessions/export.csv",
    ):
        assert session_id not in (await client.get(list_path)).text
    assert session_id not in (await client.get(f"/search?part=true&q={session_id[:12]}")).text


async def test_a_stations_fragment_shows_what_runs_before_what_ended_and_leads_to_all(
    house: House, tenant: Tenant
) -> None:
    identity, station_id = await a_station(house, tenant)
    sessions(house, tenant, station_id, lists.SHORT + 3)
    with house.admin() as connection:
        running = say(connection, tenant, station_id, "old", started_at=EPOCH - timedelta(days=3), evse=2, power_w=11)
    page = (await (await signed_in(house, tenant)).get(f"/sessions/recent?station={identity}")).text
    assert shown(page)[0] == running
    assert len(shown(page)) == lists.SHORT
    assert f'data-live="station.{identity}.power_w@{running}"' in page
    assert f'href="/sessions?station={identity}"' in page


async def test_a_session_whose_connector_alone_tells_what_the_car_does_is_shown_by_that(
    house: House, tenant: Tenant
) -> None:
    identity, station_id = await a_station(house, tenant)
    with house.admin() as connection:
        running = say(connection, tenant, station_id, "old", evse=2, connector=1)
        sessions(house, tenant, station_id, 1, evse=2, connector=1)
        connection.execute(
            "INSERT INTO connectors (tenant_id, station_id, evse, connector, state, state_at)"
            " VALUES (%s, %s, 2, 1, 'SuspendedEVSE', %s)",
            (tenant.tenant_id, station_id, EPOCH),
        )
    browser = await signed_in(house, tenant)
    page = (await browser.get(f"/sessions/recent?station={identity}")).text
    assert page.count("Paused by station") == 1
    assert "Paused by station" in (await browser.get(f"/sessions/{running}")).text


async def test_today_is_that_of_each_sites_zone(house: House, tenant: Tenant) -> None:
    client = await tenant.client()
    for zone in ("Pacific/Kiritimati", "UTC"):
        slug = zone.lower().partition("/")[0]
        await client.post("/api/v1/sites", json={"name": slug, "slug": slug, "time_zone": zone})
        identity, station_id = await a_station(house, tenant, slug)
        await client.patch(f"/api/v1/stations/{identity}", json={"site": slug})
        with house.admin() as connection:
            say(connection, tenant, station_id, "1", started_at=datetime(2026, 3, 1, 9, tzinfo=UTC), power_w=5)
    async with house.db.tenant(tenant.tenant_id) as conn:
        rows = await store.today_by_site(conn, tenant.tenant_id, EPOCH)
    assert {row.site: (row.sessions, row.running, row.power_w) for row in rows} == {
        "pacific": (0, 1, 5),
        "utc": (1, 1, 5),
    }, "at noon UTC the day in Kiritimati is two hours old"


async def test_a_site_in_another_zone_has_its_own_time_beside_the_organisations(house: House, tenant: Tenant) -> None:
    client = await tenant.client()
    pages = {}
    for zone in ("America/Los_Angeles", "Africa/Abidjan"):
        slug = zone.lower().partition("/")[0]
        await client.post("/api/v1/sites", json={"name": slug, "slug": slug, "time_zone": zone})
        identity, station_id = await a_station(house, tenant, slug)
        await client.patch(f"/api/v1/stations/{identity}", json={"site": slug})
        with house.admin() as connection:
            session_id = say(connection, tenant, station_id, "1", started_at=datetime(2026, 3, 1, 9, 5, tzinfo=UTC))
        reader = await signed_in(house, tenant)
        pages[slug] = [(await reader.get(path)).text for path in (f"/sessions/{session_id}", f"/stations/{identity}")]
    # The organisation's zone is UTC, and so is the other site's.
    session, station = pages["america"]
    assert "1 Mar 2026, 09:05:00 UTC" in session
    assert "1 Mar 2026, 01:05:00 Pacific Standard Time at the site" in session
    assert "Local time" in station
    assert "1 Mar 2026, 04:00:00 Pacific Standard Time" in station
    session, station = pages["africa"]
    assert "at the site" not in session
    assert "Local time" not in station


async def test_a_token_knows_its_last_use_in_whatever_case_stations_spell_it(house: House, tenant: Tenant) -> None:
    _, station_id = await a_station(house, tenant)
    sessions(house, tenant, station_id, 2, token_uid="04ab")
    async with house.db.tenant(tenant.tenant_id) as conn:
        used = await store.last_use(conn, tenant.tenant_id, ["04AB", "04AC"])
    assert used == {"04AB": BEGAN + timedelta(minutes=1)}


def test_the_beginning_of_an_id_is_a_span_of_ids_and_nothing_else_is() -> None:
    span = ids_beginning("7a0C-2")
    assert span is not None
    assert [str(each) for each in span] == [
        "7a0c2000-0000-0000-0000-000000000000",
        "7a0c2fff-ffff-ffff-ffff-ffffffffffff",
    ]
    assert [ids_beginning(text) for text in ("7a0", "xyz0", "", "7a0c2" * 9)] == [None] * 4
