"""Smart charging explained: in words, as data, at a time that is past, and made again; by plans of the real planner."""

import re
import zlib
from datetime import datetime, timedelta
from html import unescape
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
import pytest
from httpx import AsyncClient
from msgspec.structs import replace

from forecourt.access import Role
from forecourt.app.driving import Departures
from forecourt.driver.model import HeldBack
from forecourt.driver.way import Leaving
from forecourt.energy.explained.session import explain
from forecourt.energy.explained.words import BESIDE, WHY, sentences
from forecourt.energy.keeper.notes import note_in_force
from forecourt.energy.keeper.reading import find_planned, read_site
from forecourt.energy.needs.model import Said, Source, Wants, merge
from forecourt.energy.planner.ladder import Grade
from forecourt.energy.planner.reasons import Reason, Why
from forecourt.energy.planner.solver import SiteSolver
from forecourt.energy.planning import plan as plans
from forecourt.energy.planning.knowledge import packed, unpacked
from forecourt.energy.planning.making import plan_site
from forecourt.energy.planning.plan import BatteryPlan
from forecourt.energy.service.explained import plan_at
from forecourt.energy.site import STALE, Mode
from forecourt.energy.storage.model import BatteryWhy
from forecourt.energy.store import keeping
from forecourt.energy.store.plans import insert_plan
from forecourt.platform.database import Pool
from forecourt.ui.assets import STATIC_DIR
from tests.care.console import signed_in
from tests.energy.test_api import GRID, furnish, hung
from tests.http import House, Tenant, problem

pytestmark = pytest.mark.skipif(
    not (STATIC_DIR / "manifest.json").exists(), reason="the web assets are not built: `make setup` builds them"
)
TAG = re.compile(r'name="tag" value="([^"]+)"')
NBSP = "\N{NO-BREAK SPACE}"
TARIFF = {
    "currency": "EUR", "demand_charge_per_kw": "10",
    "seasons": [{"weekdays": {"hours": [0, 22], "prices": ["0.30", "0.20"]}}],
}  # fmt: skip


@pytest.fixture(scope="module")
def application(application_with_pages: tuple[Pool, Any]) -> tuple[Pool, Any]:
    return application_with_pages


class Yard:
    """A site with a panel of 16 A, behind which two cars charge."""

    def __init__(self, house: House, tenant: Tenant, owner: AsyncClient, api: str, sessions: list[UUID]) -> None:
        self.house, self.tenant, self.owner, self.api, self.sessions = house, tenant, owner, api, sessions
        self.page = f"/energy/sites/{api.rsplit('/', 1)[1]}"
        self.site_id = 0

    def rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        with self.house.admin() as connection:
            cursor = connection.execute(query.encode(), values)
            return cursor.fetchall() if cursor.description else []

    async def plan(self) -> None:
        """As the planner does."""
        async with self.house.db.tenant(self.tenant.tenant_id) as conn:
            record = await find_planned(conn, self.tenant.tenant_id, self.site_id)
            assert record is not None
            reading = await read_site(conn, record, None, self.house.clock.now())
            plan = plan_site(reading.known, SiteSolver())
            await note_in_force(conn, reading)
            await insert_plan(conn, self.tenant.tenant_id, self.site_id, plan, packed(reading.known))
            await keeping.insert_power(
                conn, self.tenant.tenant_id, self.site_id, plan.at, charging_w=9_000, load_w=0, solar_w=0,
                allowed_w=11_000,
            )  # fmt: skip

    def told(self, session: UUID, limit_ma: int, accepted: bool | None) -> None:
        now = self.house.clock.now()
        self.rows(
            "INSERT INTO charging_orders (tenant_id, site_id, station_id, evse, session_id, limit_ma, urgent, sent_at,"
            " valid_to, answered_at, accepted, status) SELECT tenant_id, %s, station_id, evse, session_id, %s, false,"
            " %s, %s, %s, %s, 'Word' FROM sessions WHERE session_id = %s",
            self.site_id, limit_ma, now, now + timedelta(minutes=5), None if accepted is None else now, accepted,
            session,
        )  # fmt: skip


async def yard(house: House, tenant: Tenant, *, enabled: bool = True) -> Yard:
    owner, api, stations = await furnish(house, tenant)
    panel = {"id": "p1", "name": "Panel North", "parent": "grid", "limit_a": 16.0}
    body = {"nodes": [GRID, panel], "evses": [hung(each, node="p1") for each in stations]}
    assert (await owner.put(f"{api}/electrics", json=body)).status_code == 200
    assert (await owner.put(f"{api}/utility-tariff", json=TARIFF)).status_code == 200
    settings = {"mode": "fastest", "enabled": enabled}
    assert (await owner.put(f"{api}/smart-charging", json=settings)).status_code == 200
    made = Yard(house, tenant, owner, api, [])
    for number, station in enumerate(stations):
        [(session, _)] = made.rows(
            "INSERT INTO sessions (tenant_id, station_id, transaction_id, start_key, started_at, last_key, last_at,"
            " heard_at, evse, meter_start_wh, meter_stop_wh) SELECT tenant_id, station_id, %s, 0, %s, 0, %s, %s, 1, 0,"
            " 1000 FROM stations WHERE identity = %s RETURNING session_id, station_id",
            f"T{number}", *[house.clock.now()] * 3, station,
        )  # fmt: skip
        made.sessions.append(session)
    slug = api.rsplit("/", 1)[1]
    [(made.site_id,)] = made.rows(
        "SELECT site_id FROM sites WHERE tenant_id = %s AND slug = %s", tenant.tenant_id, slug
    )
    return made


async def test_a_session_says_why_it_charges_so_and_what_its_station_was_told(house: House, tenant: Tenant) -> None:
    made = await yard(house, tenant)
    await made.plan()
    first, second = made.sessions
    made.told(first, 8_000, True)
    house.clock.advance(30)
    made.told(first, 7_000, False)
    why = f"It may charge at 8{NBSP}A (5.5{NBSP}kW): the limit of Panel North L1 is shared by 2{NBSP}cars."
    shown = (await made.owner.get(f"/api/v1/sessions/{first}/charging")).json()
    assert re.sub(r"L\d", "L1", shown["car"]["words"][0]).replace(" cars", f"{NBSP}cars") == why
    assert (shown["car"]["why"], shown["car"]["limit"]["cars"], shown["car"]["limit_ma"]) == ("limit", 2, 8_000)
    assert [(each["limit_ma"], each["accepted"]) for each in shown["orders"]] == [(7_000, False), (8_000, True)]
    # 25 kWh are assumed, of which it has one, and three hours: too much for what there is.
    assert (shown["car"]["stay"]["leaves_by"], shown["car"]["lacks_wh"]) == (None, 24_000)
    assert 0 < shown["car"]["unserved_wh"] < 24_000

    browser = await signed_in(house, tenant)
    page = (await browser.get(f"/energy/at-session/{first}")).text
    assert "is shared by 2" in page
    assert "nobody said; assumed" in page
    assert "refused" in page
    assert "as is assumed" in page
    assert "Charge faster now" in page
    assert f'hx-get="/energy/at-session/{first}"' in (await browser.get(f"/sessions/{first}")).text
    assert "told nothing yet" in (await browser.get(f"/energy/at-session/{second}")).text

    # Who may says what the driver needs; what else the driver said stays.
    leaves = (house.clock.now() + timedelta(hours=2)).strftime("%Y-%m-%d %H:%M")
    wrong = await browser.post(f"/energy/at-session/{first}", data={"departure": "soon", "energy_kwh": "3"})
    assert (wrong.status_code, "times are written as" in wrong.text, 'value="soon"' in wrong.text) == (422, True, True)
    early = (house.clock.now() - timedelta(days=1)).strftime("%Y-%m-%d %H:%M")
    gone = await browser.post(f"/energy/at-session/{first}", data={"departure": early, "energy_kwh": "3"})
    assert (gone.status_code, "This departure is over already" in gone.text) == (422, True)
    half = await browser.post(f"/energy/at-session/{first}", data={"departure": leaves, "minimum_kwh": "5"})
    assert (half.status_code, "a least energy needs a time" in half.text, 'value="5"' in half.text) == (422, True, True)
    beyond = await browser.post(
        f"/energy/at-session/{first}", data={"departure": "", "may_give": "yes", "keep_soc": "140"}
    )
    assert beyond.status_code == 422
    sent = {"departure": leaves, "energy_kwh": "30,5", "priority": "", "stop_kwh": "40"}
    sent |= {"may_give": "yes", "keep_soc": "40"}
    assert (await browser.post(f"/energy/at-session/{first}", data=sent)).status_code == 200
    house.clock.advance(60)
    await made.plan()
    deaf = (await browser.get(f"/energy/at-session/{first}")).text
    assert "its station refuses what it is told" in deaf
    made.told(first, 7_000, True)
    house.clock.advance(30)
    await made.plan()
    short = (await browser.get(f"/energy/at-session/{first}")).text
    assert "the driver says so" in short
    assert "It will lack" in short
    assert "Let it go before others" in short
    faster = await browser.post(f"/energy/at-session/{first}", data={"priority": "high"})
    assert "The planner looks at it now" in faster.text
    assert "Back to normal speed" in faster.text
    wants = (await made.owner.get(f"/api/v1/sessions/{first}/needs")).json()
    assert (wants["wants"]["energy_wh"], wants["wants"]["priority"]) == (30_500, "high")
    assert wants["wants"]["stop_energy_wh"] == 40_000
    assert (wants["wants"]["may_discharge"], wants["wants"]["keep_soc_pct"]) == (True, 40)
    assert set(wants["sources"].values()) == {"driver"}
    house.clock.advance(1)
    await made.plan()
    page = (await browser.get(f"/energy/at-session/{first}")).text
    assert "It goes before others" in page
    # What was done already is not what is left to do.
    assert "though it goes before others. Raise the limit" in page
    assert "Let it go before others" not in page
    assert "The planner looks at it now" not in page
    # A form doesn't put what it showed before in place of what the driver said since.
    later = house.clock.now() + timedelta(hours=1)
    tagged = sent | {"priority": "high", "tag": unescape(TAG.findall(page)[0])}
    await Departures(house.db, house.clock).leave_at(tenant.tenant_id, first, later)
    old = await browser.post(f"/energy/at-session/{first}", data=tagged)
    assert (old.status_code, "nothing was stored" in old.text) == (422, True)
    kept = (await made.owner.get(f"/api/v1/sessions/{first}/needs")).json()["wants"]
    assert kept == wants["wants"] | {"departure_at": kept["departure_at"]}
    assert datetime.fromisoformat(kept["departure_at"]) == later
    tagged["tag"] = unescape(TAG.findall(old.text)[0])
    assert (await browser.post(f"/energy/at-session/{first}", data=tagged)).status_code == 200
    assert (await made.owner.get(f"/api/v1/sessions/{first}/needs")).json()["wants"] == wants["wants"]
    assert "It is not asked to give back: nobody said how much the car itself can give." in page
    ahead, behind = [(await made.owner.get(f"/api/v1/sessions/{each}/charging")).json() for each in made.sessions]
    assert (ahead["car"]["limit_ma"], behind["car"]["limit_ma"]) == (16_000, 0), "both had 8 A of 16"
    viewer = await signed_in(house, tenant, Role.VIEWER, language="de")
    assert (await viewer.post(f"/energy/at-session/{first}", data=sent)).status_code == 403
    german = (await viewer.get(f"/energy/at-session/{first}")).text
    assert "Lademanagement" in german
    assert "<form" not in german


async def test_a_driver_is_told_what_the_plan_knows_and_nothing_by_a_plan_that_is_dead(
    house: House, tenant: Tenant
) -> None:
    made = await yard(house, tenant)
    first, _ = made.sessions
    departures = Departures(house.db, house.clock)
    soon = house.clock.now() + timedelta(minutes=7)

    async def told() -> Leaving:
        found = await departures.ready_at(tenant.tenant_id, first)
        assert found is not None
        return found

    await made.plan()
    assert (await told()).why is HeldBack.SHARED
    await departures.leave_at(tenant.tenant_id, first, soon)
    assert (await told()).is_being_planned
    # In its last minutes, and after it, the plan goes by another time than the driver's, and knows what he said.
    for passed_s in (1, 180, 600):
        house.clock.advance(passed_s)
        await made.plan()
        now = await told()
        assert (now.departure_at, now.is_being_planned, now.is_said) == (soon, False, True), passed_s
        assert now.by_then_wh is not None
    # So it is where a program has it stopped before.
    later = house.clock.now() + timedelta(hours=3)
    await departures.leave_at(tenant.tenant_id, first, later)
    stop = {"stop_at": (later - timedelta(hours=1)).isoformat()}
    assert (await made.owner.put(f"/api/v1/sessions/{first}/needs", json=stop)).status_code == 200
    house.clock.advance(1)
    await made.plan()
    assert not (await told()).is_being_planned
    # What was planned long ago is no promise.
    house.clock.advance(STALE.total_seconds() + 1)
    assert await told() == Leaving(departure_at=later, ready_at=None, is_said=True)


async def test_a_site_whose_highest_power_is_not_known_any_more_says_so(house: House, tenant: Tenant) -> None:
    made = await yard(house, tenant)
    browser, words = await signed_in(house, tenant), "not all that this site takes is known"
    await made.plan()
    assert words not in (await browser.get(made.page)).text
    for passed_s, measured, told in ((60, False, True), (60, False, True), (60, True, False)):
        house.clock.advance(passed_s)
        made.rows(
            "INSERT INTO site_power (site_id, at, tenant_id, charging_w, load_w, solar_w, allowed_w, measured)"
            " VALUES (%s, %s, %s, 1, 0, 0, 1, %s)",
            made.site_id, house.clock.now(), tenant.tenant_id, measured,
        )  # fmt: skip
        assert (words in (await browser.get(made.page)).text) == told
    # Where the demand charge is nothing it is no matter.
    made.rows("UPDATE site_power SET measured = false WHERE site_id = %s", made.site_id)
    free = {**TARIFF, "demand_charge_per_kw": "0"}
    assert (await made.owner.put(f"{made.api}/utility-tariff", json=free)).status_code == 200
    assert words not in (await browser.get(made.page)).text


async def test_a_session_at_a_site_without_smart_charging_shows_nothing(house: House, tenant: Tenant) -> None:
    made = await yard(house, tenant, enabled=False)
    browser = await signed_in(house, tenant)
    answer = await browser.get(f"/energy/at-session/{made.sessions[0]}")
    assert (answer.status_code, answer.text) == (200, "")
    problem(await made.owner.get(f"/api/v1/sessions/{made.sessions[0]}/charging"), 404, "not-planned")


async def test_the_plan_that_counted_at_a_time_is_shown_and_made_again(house: House, tenant: Tenant) -> None:
    made = await yard(house, tenant)
    problem(await made.owner.get(f"{made.api}/plan"), 404, "not-planned")
    await made.plan()
    then = house.clock.now()
    house.clock.advance(600)
    made.rows("UPDATE sessions SET ended_at = now() WHERE session_id = %s", made.sessions[1])
    await made.plan()
    now = (await made.owner.get(f"{made.api}/plan")).json()
    before = (await made.owner.get(f"{made.api}/plan", params={"at": (then + timedelta(minutes=9)).isoformat()})).json()
    assert (now["stale"], before["stale"]) == (False, False)
    assert [len(plan["known"]["cars"]) for plan in (before, now)] == [2, 1]
    assert [each["limit_ma"] for each in before["cars"]] == [8_000, 8_000]
    assert [each["limit_ma"] for each in now["cars"]] == [16_000]
    assert before["known"]["settings"]["mode"] == "fastest"

    browser = await signed_in(house, tenant)
    page = (await browser.get(f"{made.page}/plan")).text
    assert "Best plan" in page
    # All of a site's pages go by its own clock, and say so.
    assert 'data-zone="Europe/Berlin"' in page
    assert "Times are by the clock of the site: Europe/Berlin." in page
    assert f"{house.clock.now().astimezone(ZoneInfo('Europe/Berlin')):%H:%M:%S}{NBSP}CET" in page.replace(
        " CET", f"{NBSP}CET"
    )
    assert str(made.sessions[1]) not in page
    # By the clock of the site, which is an hour ahead of UTC in winter.
    replay = await browser.get(f"{made.page}/plan", params={"at": f"{then + timedelta(hours=1, minutes=9):%H:%M}"})
    assert "What the planner knew at" in replay.text
    assert str(made.sessions[1]) in replay.text
    again = await browser.post(f"{made.page}/plan?at={then:%Y-%m-%dT%H:%M:%SZ}")
    assert "every EVSE gets the same" in again.text
    [(stored,)] = made.rows("SELECT packed FROM energy_plans WHERE at = %s ORDER BY site_id DESC LIMIT 1", then)
    told = replace(plans.unpacked(bytes(stored)), targets_ma=(16_000, 0))
    made.rows("UPDATE energy_plans SET packed = %s WHERE packed = %s", plans.packed(told), stored)
    other = await browser.post(f"{made.page}/plan?at={then:%Y-%m-%dT%H:%M:%SZ}")
    assert "get something else" in other.text
    assert "is no time" in (await browser.get(f"{made.page}/plan?at=noon")).text
    assert "is yet to come" in (await browser.get(f"{made.page}/plan?at=2099-01-01 10:00")).text
    drawn = (await browser.get(f"{made.page}/plan/lines")).json()
    assert [value for _, value in drawn["took"] if value is not None] == [9.0, 9.0]
    assert drawn["limit"][0][1] == pytest.approx(63 * 0.69)
    panel = (await browser.get(f"{made.page}/plan/lines", params={"node": "p1"})).json()
    assert panel["limit"][0][1] == pytest.approx(16 * 0.69)
    assert panel["meant"] == drawn["meant"]
    assert drawn["meant"][0][1] == pytest.approx(11.0, abs=0.1)
    assert {price for _, price, _ in drawn["price"]} == {"0.30", "0.20", ""}
    # What counted, change by change: here nothing changed, and for ten minutes nobody looked.
    assert [value for _, value, _ in drawn["limit_was"]] == [pytest.approx(63 * 0.69), None, pytest.approx(63 * 0.69)]
    assert [value for _, value, _ in panel["limit_was"]] == [pytest.approx(16 * 0.69), None, pytest.approx(16 * 0.69)]
    assert [price for _, price, *_ in drawn["price_was"]] == ["0.30", "", "0.30"]
    gone = "No plan of that time is kept"
    assert gone not in replay.text
    house.clock.advance(timedelta(hours=1).total_seconds())
    late = house.clock.now() - timedelta(minutes=48)
    assert gone in (await browser.get(f"{made.page}/plan", params={"at": late.isoformat()})).text
    assert (await made.owner.get(f"{made.api}/plan", params={"at": late.isoformat()})).json()["stale"]


async def test_a_station_that_is_retired_while_a_car_charges_leaves_its_site_explained(
    house: House, tenant: Tenant
) -> None:
    made = await yard(house, tenant)
    first, second = made.sessions
    made.told(first, 8_000, True)
    await made.plan()
    [(station,)] = made.rows(
        "SELECT identity FROM stations JOIN sessions USING (station_id) WHERE session_id = %s", first
    )
    assert (await made.owner.delete(f"/api/v1/stations/{station}")).status_code == 200
    house.clock.advance(60)
    await made.plan()
    plan = (await made.owner.get(f"{made.api}/plan")).json()
    limits_ma = {car["session_id"]: car["limit_ma"] for car in plan["cars"]}
    assert limits_ma == {str(first): None, str(second): 0}, "nobody knows that the one draws less than it can"
    gone = (await made.owner.get(f"/api/v1/sessions/{first}/charging")).json()
    assert (gone["car"]["limit_ma"], gone["car"]["ground"]) == (None, "silent")
    assert [order["station"] for order in gone["orders"]] == [station]
    [listed] = (await made.owner.get("/api/v1/sessions", params={"station": station, "retired": True})).json()["items"]
    assert (listed["id"], listed["ended_at"]) == (str(first), None), "it ends as sessions do of which nothing is heard"
    browser = await signed_in(house, tenant)
    for page in (f"{made.page}/plan", made.page, "/energy", *(f"/energy/at-session/{each}" for each in made.sessions)):
        assert (await browser.get(page)).status_code == 200, page
    made.rows("UPDATE sessions SET ended_at = started_at WHERE session_id = %s", first)
    house.clock.advance(60)
    await made.plan()
    plan = (await made.owner.get(f"{made.api}/plan")).json()
    assert [(car["session_id"], car["limit_ma"]) for car in plan["cars"]] == [(str(second), 16_000)]


async def test_a_stored_plan_with_a_car_at_a_station_without_an_identity_is_read_without_it(
    house: House, tenant: Tenant
) -> None:
    made = await yard(house, tenant)
    await made.plan()
    async with house.db.tenant(tenant.tenant_id) as conn:
        planned = await plan_at(conn, tenant.tenant_id, made.site_id, house.clock.now())
    assert planned is not None
    told = msgspec.json.decode(msgspec.json.encode(planned.known))
    told["cars"][1] |= {"station": None, "evse_id": "None:1"}
    stored = zlib.compress(msgspec.json.encode(told))
    assert unpacked(stored) == replace(planned.known, cars=planned.known.cars[:1])


async def test_pages_say_where_more_is_drawn_than_a_limit_allows_and_promise_nothing_then(
    house: House, tenant: Tenant
) -> None:
    made = await yard(house, tenant)
    await made.plan()
    browser = await signed_in(house, tenant)
    assert "More is drawn than a limit allows" not in (await browser.get(f"{made.page}/plan")).text
    first = made.sessions[0]
    made.rows("UPDATE sessions SET power_w = 22000 WHERE session_id = %s", first)
    made.rows(
        "INSERT INTO evse_obedience (station_id, evse, tenant_id, disobeys_since, obey_s) SELECT station_id, evse,"
        " tenant_id, now(), 10 FROM sessions WHERE session_id = %s",
        first,
    )
    house.clock.advance(1)
    await made.plan()
    page = (await browser.get(f"{made.page}/plan")).text
    assert "More is drawn than a limit allows" in page
    assert "Panel North: 22" in page
    assert "Over a limit" in page
    assert "No plan within the limits costs less" not in page
    assert "1 EVSE draws more than it may" in (await browser.get("/energy")).text
    late = (house.clock.now() + timedelta(minutes=1)).isoformat()
    problem(await made.owner.get(f"{made.api}/plan", params={"at": late}), 404, "not-planned")


async def test_what_a_station_was_told_comes_before_what_is_planned(house: House, tenant: Tenant) -> None:
    made = await yard(house, tenant)
    await made.plan()
    first, second = made.sessions
    made.told(first, 0, True)
    made.told(second, 8_000, True)
    browser = await signed_in(house, tenant)
    held, planned = [(await browser.get(f"/energy/at-session/{each}")).text for each in (first, second)]
    assert re.search(r'class="why">Its station was told 0\W{1,6}A at ', held)
    assert "goes by that for now" not in planned


async def test_what_stations_of_a_site_were_told_is_listed_page_by_page(house: House, tenant: Tenant) -> None:
    made = await yard(house, tenant)
    for limit_ma in (6_000, 7_000, 8_000):
        made.told(made.sessions[0], limit_ma, None)
        house.clock.advance(60)
    page = (await made.owner.get(f"{made.api}/orders", params={"limit": 2})).json()
    rest = (await made.owner.get(f"{made.api}/orders", params={"limit": 2, "cursor": page["next"]})).json()
    assert [each["limit_ma"] for each in page["items"] + rest["items"]] == [8_000, 7_000, 6_000]
    assert rest["next"] is None
    late = {"from": (house.clock.now() - timedelta(seconds=90)).isoformat(), "sort": "oldest"}
    assert [each["limit_ma"] for each in (await made.owner.get(f"{made.api}/orders", params=late)).json()["items"]] == [
        8_000
    ]


async def test_savings_are_those_of_the_sessions_that_the_meters_saw(house: House, tenant: Tenant) -> None:
    made = await yard(house, tenant)
    # From 21:00 to 23:00 by the clock of the site; nothing until 22:00, then 10 kWh; 20 kW were seen.
    start = (house.clock.now() - timedelta(days=1)).replace(hour=20, minute=0)
    made.rows(
        "UPDATE sessions SET started_at = %s, ended_at = %s, meter_start_wh = 500, meter_stop_wh = 10500"
        " WHERE session_id = %s",
        start, start + timedelta(hours=2), made.sessions[0],
    )  # fmt: skip
    made.rows(
        "INSERT INTO meter_values (tenant_id, station_id, transaction_id, at, digest, readings)"
        " SELECT tenant_id, station_id, transaction_id, %s, 1, ARRAY[0, 500, 4, 20000] FROM sessions"
        " WHERE session_id = %s",
        start + timedelta(hours=1), made.sessions[0],
    )  # fmt: skip
    days = {"from": f"{start:%Y-%m-%d}", "to": f"{start:%Y-%m-%d}"}
    found = (await made.owner.get(f"{made.api}/savings", params=days)).json()
    assert (found["sessions"], found["energy_wh"], found["unread"], found["unmeasured"]) == (1, 10_000, 0, 0)
    # 10 kWh at 0.20 after ten o'clock, against 0.30 before; 10 kW against 20, at 10 for a day of 28.
    assert (found["actual"]["energy_cost"], found["uncontrolled"]["energy_cost"]) == ("2.00", "3.00")
    assert (found["actual"]["peak_w"], found["uncontrolled"]["peak_w"]) == (10_000, 20_000)
    assert (found["actual"]["demand_cost"], found["uncontrolled"]["demand_cost"]) == ("3.57", "7.14")
    assert found["saved"] == "4.57"
    browser = await signed_in(house, tenant)
    page = (await browser.get(f"{made.page}/savings", params=days)).text
    assert f"4.57{NBSP}EUR" in page
    made.rows("UPDATE meter_values SET readings = ARRAY[0, 500]")
    untold = (await browser.get(f"{made.page}/savings", params=days)).text
    # Words are wider than a figure: they have the room of two.
    assert '<div class="wide"><dt>Saved</dt><dd>nothing to tell yet</dd>' in untold
    assert "told no power of these sessions" in untold
    problem(await made.owner.get(f"{made.api}/savings?from=2025-01-01&to=2026-01-01"), 422, "savings-refused")


async def test_every_reason_has_words_and_a_plan_that_does_not_look_ahead_promises_nothing(
    house: House, tenant: Tenant
) -> None:
    made = await yard(house, tenant)
    await made.plan()
    now = house.clock.now()
    async with house.db.tenant(tenant.tenant_id) as conn:
        planned = await plan_at(conn, tenant.tenant_id, made.site_id, now)
    assert planned is not None
    assert WHY.keys() == set(Why)
    told = explain(planned.known, planned.plan, made.sessions[0])
    assert told is not None
    assert told.reason is not None
    said = set()
    for why in Why:
        words = sentences(replace(told, reason=replace(told.reason, why=why, peak_kw=12.0), shared=None), now)[0]
        assert "%(" not in words
        said.add(words)
    assert len(said) == len(Why) - 1, "prices are no reason where speed is what counts: it is as good later"
    foreseen = replace(
        planned.known,
        cars=[
            replace(
                each,
                expected_at=now + timedelta(hours=1),
                expected_wh=9_000,
                needs=merge(
                    [
                        Said(
                            source=Source.DRIVER,
                            wants=Wants(departure_at=now + timedelta(hours=4), energy_wh=30_000),
                            said_at=now,
                            said_by="x",
                        )
                    ]
                ),
            )
            for each in planned.known.cars
        ],
    )
    early = explain(foreseen, planned.plan, made.sessions[0])
    assert early is not None
    stay = early.stay
    assert (stay.leaves_by, stay.takes_by, stay.takes_wh, stay.said_wh) == (
        Source.PREDICTED,
        Source.PREDICTED,
        9_000,
        30_000,
    )
    assert (stay.leaves_at, stay.said_at) == (now + timedelta(hours=1), now + timedelta(hours=4))
    shared_out = replace(
        planned.plan, grade=Grade.FILLED, cars=tuple(replace(each, reason=None) for each in planned.plan.cars)
    )
    blind = explain(planned.known, shared_out, made.sessions[0])
    assert blind is not None
    assert (blind.ready_at, blind.unserved_wh, blind.steps) == (None, None, ())
    assert "without looking ahead" in sentences(blind, now)[0]
    # What the batteries of the site do beside its cars is told with the why of it.
    gives = BatteryPlan(id="b1", why=BatteryWhy.PEAK, steps_w=(-3_000, 0))
    rests = BatteryPlan(id="b2", why=BatteryWhy.RESTS, steps_w=(0, 500))
    beside = explain(planned.known, replace(planned.plan, batteries=(rests, gives)), made.sessions[0])
    assert beside is not None
    peak = f"The site's batteries give 3.0{NBSP}kW now, as a higher peak would cost more."
    assert peak in sentences(beside, now)
    assert peak not in sentences(told, now)
    # Where the sun counts neither prices are a reason, and who gets some of it isn't told that there is none.
    sunny = replace(
        beside,
        mode=Mode.SOLAR,
        battery_why=BatteryWhy.DEAR,
        limit_ma=7_600,
        reason=Reason(car=0, current_a=7.6, why=Why.PRICE),
    )
    first, *others = sentences(sunny, now)
    assert first.endswith("the sun leaves no more over for it now.")
    assert any(each.endswith("so that less comes from the grid.") for each in others)
    assert sentences(replace(sunny, limit_ma=0), now)[0] == "It waits: the sun leaves nothing over for it now."
    still = {BatteryWhy.RESTS, BatteryWhy.UNKNOWN, BatteryWhy.DISOBEYS, BatteryWhy.UNPLANNED}
    assert BESIDE.keys() == set(BatteryWhy) - still
    silent = replace(
        planned.known, standings=[replace(each, silent_since=now, orders=()) for each in planned.known.standings]
    )
    alone = explain(silent, replace(planned.plan, cars=()), made.sessions[0])
    assert alone is not None
    assert alone.limit_ma is None
    assert "Nothing is heard of its station" in sentences(alone, now)[0]


async def test_the_page_of_a_plan_shows_what_batteries_hold_do_and_why(house: House, tenant: Tenant) -> None:
    made = await yard(house, tenant)
    tree = (await made.owner.get(f"{made.api}/electrics")).json()["electrics"]
    battery = {"id": "b1", "name": "Cellar", "node": "grid", "capacity_wh": 40_000, "charge_w": 9_000}
    tree["batteries"] = [battery | {"discharge_w": 9_000}]
    assert (await made.owner.put(f"{made.api}/electrics", json=tree)).status_code == 200
    browser = await signed_in(house, tenant)
    await made.plan()
    page = (await browser.get(f"{made.page}/plan")).text
    assert "nobody says what it holds" in page
    said = {"states": [{"power_w": -3_000, "stored_wh": 30_000}]}
    assert (await made.owner.post(f"{made.api}/batteries/b1/state", json=said)).status_code == 200
    house.clock.advance(30)
    await made.plan()
    page = (await browser.get(f"{made.page}/plan")).text
    assert f"gives 3.0{NBSP}kW" in page
    assert "75 %" in page
    assert "nobody says what it holds" not in page
    lines = (await browser.get(f"{made.page}/plan/lines")).json()
    assert lines["stored"][0][1] == 75.0
    assert len(lines["battery_meant"]) == len(lines["meant"])
    shown = (await made.owner.get(f"{made.api}/plan")).json()
    assert shown["batteries"][0]["id"] == "b1"
    assert shown["known"]["batteries"][0]["state"]["stored_wh"] == 30_000
