"""How much more might flow than limits allow: kept from a cut until it fits, told, and an incident where it lasts."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from msgspec.structs import replace

from forecourt.energy.dispatch.standing import MEASURED_FOR, Standing, draws_of
from forecourt.energy.keeper.excesses import Excesses, excesses_of
from forecourt.energy.model import Node
from forecourt.energy.planning.knowledge import KnownCar
from forecourt.energy.planning.making import site_room
from forecourt.energy.site import Mode
from forecourt.energy.store import excesses
from forecourt.energy.store.excesses import Excess, Late, keep_excesses, list_excesses
from forecourt.energy.store.leases import hold_sites
from forecourt.platform.database import Pool, limited_to
from forecourt.ui.assets import STATIC_DIR
from tests.care.console import signed_in
from tests.care.yard import Yard
from tests.energy.test_api import furnish
from tests.energy.test_keeper import furnished
from tests.energy.test_turns import NOW, car, known
from tests.http import House, Tenant, walk

LATE = Late(station="CP1", evse=1, may_draw_ma=16_000, ground="under_way", obey_s=60.0)


@pytest.fixture(scope="module")
def application(application_with_pages: tuple[Pool, Any]) -> tuple[Pool, Any]:
    return application_with_pages


def excess(due_at: datetime, allowed: int, counted: int, measured: int | None, *late: Late) -> Excess:
    return Excess(
        node="panel", name="Panel", unit="mA", due_at=due_at, allowed=allowed, counted=counted, measured=measured,
        late=late,
    )  # fmt: skip


async def test_an_excess_is_one_row_with_the_most_of_it_and_an_incident_once_everybody_had_time(yard: Yard) -> None:
    _, _, site = await furnished(yard)
    began = yard.clock.now()

    async def found(*these: Excess) -> None:
        async with yard.tenants.tenant(yard.tenant_id) as conn:
            await keep_excesses(conn, yard.tenant_id, site, these, yard.clock.now())
        await yard.look()

    due = began + timedelta(seconds=70)
    await found(excess(due, 20_000, 32_000, None))
    yard.clock.advance(60)
    await found(excess(due + timedelta(minutes=1), 20_000, 40_000, 31_000, LATE))
    assert "excess" not in yard.kinds(), "the slowest has time to obey"
    # A limit that is cut further gives more time.
    await found(excess(due + timedelta(minutes=1), 18_000, 30_000, 30_000, LATE))
    yard.clock.advance(60)
    await found(excess(due + timedelta(minutes=9), 18_000, 30_000, 30_000, LATE))
    assert "excess" not in yard.kinds()
    yard.clock.advance(20)
    await found(excess(due + timedelta(minutes=9), 18_000, 30_000, 30_000, LATE))
    [incident] = [each for each in yard.incidents() if each["kind"] == "excess"]
    assert (incident["site_id"], incident["node"]) == (site, "panel")
    assert incident["detail"] == {
        "name": "Panel", "unit": "mA", "allowed": 18_000, "counted": 40_000, "stations": ["CP1"],
    }  # fmt: skip
    await found()
    assert "excess" not in yard.kinds()
    async with yard.tenants.tenant(yard.tenant_id) as conn:
        [row] = await list_excesses(conn, yard.tenant_id, site, order="newest", place=None, limit=9)
    assert (row.since, row.over_at, row.due_at) == (began, yard.clock.now(), due + timedelta(minutes=1))
    assert (row.allowed, row.counted, row.measured, row.late) == (18_000, 40_000, 31_000, (LATE,))


async def test_what_is_kept_of_a_site_is_bounded_and_who_sees_others_alone_sees_nothing(
    yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(excesses, "MAX_EXCESSES", 2)
    _, _, site = await furnished(yard)
    async with yard.tenants.tenant(yard.tenant_id) as conn:
        for counted in (31, 32, 33):
            yard.clock.advance(10)
            now = yard.clock.now()
            await keep_excesses(conn, yard.tenant_id, site, [excess(now, 0, counted, None)], now)
            await keep_excesses(conn, yard.tenant_id, site, [], now)
        rows = await list_excesses(conn, yard.tenant_id, site, order="oldest", place=None, limit=9)
    assert [each.counted for each in rows] == [32, 33]
    with limited_to((site + 1,)):
        async with yard.tenants.tenant(yard.tenant_id) as conn:
            assert await list_excesses(conn, yard.tenant_id, site, order="oldest", place=None, limit=9) == []


async def test_what_goes_on_is_not_forgotten_however_many_came_after_it(
    yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(excesses, "MAX_EXCESSES", 1)
    _, _, site = await furnished(yard)
    now = yard.clock.now()
    lasts, other = excess(now, 0, 31, None), replace(excess(now, 0, 32, None), node="other")
    async with yard.tenants.tenant(yard.tenant_id) as conn:
        await keep_excesses(conn, yard.tenant_id, site, [lasts], now)
        for number in (1, 2):
            await keep_excesses(conn, yard.tenant_id, site, [lasts, other], now + timedelta(seconds=number))
            await keep_excesses(conn, yard.tenant_id, site, [lasts], now + timedelta(seconds=number))
        rows = await list_excesses(conn, yard.tenant_id, site, order="oldest", place=None, limit=9)
    assert [(each.node, each.over_at is None) for each in rows] == [("panel", True), ("other", False)]


async def test_who_holds_a_site_no_more_writes_no_excess_of_it(yard: Yard) -> None:
    _, _, site = await furnished(yard)
    holder, now = uuid4(), yard.clock.now()
    kept = Excesses(yard.tenant_id, site, tenants=yard.tenants, holder=holder)
    await kept.keep([excess(now, 0, 31, None)], now)
    assert yard.rows("SELECT 1 FROM node_excesses WHERE site_id = %s", site) == []
    async with yard.worker.anyone() as conn:
        assert await hold_sites(conn, holder, [(yard.tenant_id, site)], timedelta(minutes=1), 1) == [site]
    await kept.keep([excess(now, 0, 31, None)], now)
    assert len(yard.rows("SELECT 1 FROM node_excesses WHERE site_id = %s", site)) == 1


@pytest.mark.skipif(
    not (STATIC_DIR / "manifest.json").exists(), reason="the web assets are not built: `make setup` builds them"
)
async def test_excesses_are_listed_and_on_the_page_of_their_site(house: House, tenant: Tenant) -> None:
    owner, site, _ = await furnish(house, tenant)
    slug, now = site.removeprefix("/api/v1/sites/"), datetime.now(UTC)
    async with house.db.tenant(tenant.tenant_id) as conn:
        [(site_id,)] = await (await conn.execute("SELECT site_id FROM sites WHERE slug = %s", (slug,))).fetchall()
        for counted in (41_000, 42_000, 43_000):
            found = replace(excess(now, 20_000, counted, 21_500, LATE), at_most=counted == 43_000)
            await keep_excesses(conn, tenant.tenant_id, site_id, [found], now)
            # What is known to be no more is kept as it is.
            await keep_excesses(conn, tenant.tenant_id, site_id, [replace(found, at_most=False)], now)
            await keep_excesses(conn, tenant.tenant_id, site_id, [], now)
    listed = await walk(owner, f"{site}/excesses")
    assert [each["counted"] for each in listed] == [43_000, 42_000, 41_000]
    assert listed[0]["late"] == [
        {"station": "CP1", "evse": 1, "may_draw_ma": 16_000, "ground": "under_way", "obey_s": 60.0}
    ]
    assert listed[0]["until"] is not None
    assert [each["at_most"] for each in listed] == [True, False, False]
    page = (await (await signed_in(house, tenant)).get(f"/energy/sites/{slug}")).text
    assert "CP1:1 (60 s)" in page
    assert "21.5" in page
    assert page.count("Late:") == 3
    assert page.count("by power alone") == 1


async def test_less_and_less_room_puts_an_incident_off_by_no_more_than_the_slowest_that_obey(yard: Yard) -> None:
    _, _, site = await furnished(yard)
    began = yard.clock.now()
    for look in range(20):
        now = yard.clock.now()
        async with yard.tenants.tenant(yard.tenant_id) as conn:
            found = excess(now + timedelta(seconds=100), 40_000 - look * 1_000, 50_000, None, LATE)
            await keep_excesses(conn, yard.tenant_id, site, [found, replace(found, unit="W")], now)
        await yard.look()
        assert ("excess" in yard.kinds()) == (now - began > excesses.LATEST)
        yard.clock.advance(30)
    [incident] = [each for each in yard.incidents() if each["kind"] == "excess"]
    assert incident["detail"]["unit"] == "mA", "of a node whose current and power exceed theirs, its current"


def test_what_was_measured_of_some_alone_is_not_told_as_if_it_were_all() -> None:
    fresh = Standing(max_ma=16_000, running_since=NOW, drawn_ma=15_000, drawn_most_ma=15_500, drawn_at=NOW)
    idle = Standing(max_ma=16_000)

    def found(*standings: Standing) -> list[tuple[str, str, int, int | None]]:
        of = known(Mode.FASTEST, [], list(standings), NOW)
        rows = excesses_of(of, site_room(of), draws_of(of.standings, NOW))
        return [(each.node, each.unit, each.allowed, each.measured) for each in rows]

    assert found(fresh, fresh, idle) == [("grid", "mA", 14_000, 31_000)]
    assert found(fresh, Standing(max_ma=16_000, running_since=NOW), idle) == [("grid", "mA", 14_000, None)]
    late = replace(fresh, drawn_at=NOW - MEASURED_FOR - timedelta(seconds=1))
    assert found(fresh, late, idle) == [("grid", "mA", 14_000, None)]
    bound = replace(idle, fallback_ma=0, fallback_at=NOW - MEASURED_FOR)
    assert found(bound, bound, bound) == []
    # What meters may be wrong by is no excess.
    assert found(replace(idle, running_since=NOW, max_ma=14_400), bound, bound) == []
    assert found(replace(idle, running_since=NOW, max_ma=14_600), bound, bound) == [("grid", "mA", 14_000, None)]


def test_power_that_was_told_without_current_is_measured_as_it_was_told_however_many_conductors_it_is_on() -> None:
    """5.93 kW each, on three conductors or all on one; the EVSE gives 16 A on each."""
    standing = Standing(max_ma=16_000, running_since=NOW, drawn_ma=8_594, drawn_most_ma=25_783, drawn_at=NOW)
    cars = [car(number, power_w=5_930, power_at=NOW) for number in range(3)]

    def found(node: Node, cars: list[KnownCar], *standings: Standing) -> list[tuple[str, int, int | None]]:
        of = known(Mode.FASTEST, cars, list(standings), NOW)
        of = replace(of, tree=replace(of.tree, nodes=(node,)))
        rows = excesses_of(of, site_room(of), draws_of(of.standings, NOW))
        guessed = {each.measured is not None and each.unit == "mA" and standing in standings for each in rows}
        assert {each.at_most for each in rows} == guessed
        return [(each.unit, each.counted, each.measured) for each in rows]

    by_power, by_current = Node(id="grid", limit_w=10_000), Node(id="grid", limit_a=14)
    assert found(by_power, cars, standing, standing, standing) == [("W", 33_120, 17_790)]
    # Of one that tells a current what its power is as well, on one conductor.
    single = replace(standing, drawn_ma=15_900, drawn_most_ma=None)
    assert found(by_power, [*cars[:2], replace(cars[2], power_w=3_650)], standing, standing, single) == [
        ("W", 33_120, 15_510)
    ]
    assert found(by_current, cars, standing, standing, standing) == [("mA", 48_000, 48_000)]
    unmeasured = replace(standing, drawn_ma=None, drawn_most_ma=None, drawn_at=None)
    assert found(by_current, cars, standing, standing, unmeasured) == [("mA", 48_000, None)]
    # What is measured above all that an EVSE can give is told.
    wild = replace(standing, drawn_ma=19_000, drawn_most_ma=None, disobeys=True)
    assert found(by_current, cars, wild, Standing(max_ma=0), Standing(max_ma=0)) == [("mA", 16_000, 19_000)]


async def test_an_excess_that_says_nothing_new_is_not_written_again(yard: Yard) -> None:
    _, _, site = await furnished(yard)
    kept, due = Excesses(yard.tenant_id, site, tenants=yard.tenants), yard.clock.now()

    async def found(*these: Excess) -> tuple[bool, int]:
        """Whether anything was written, and the most that was counted."""
        before = yard.rows("SELECT xmin::text, counted FROM node_excesses WHERE site_id = %s", site)
        yard.clock.advance(1)
        await kept.keep(these, yard.clock.now())
        after = yard.rows("SELECT xmin::text, counted FROM node_excesses WHERE site_id = %s", site)
        return before != after, max((each["counted"] for each in after), default=0)

    assert await found() == (False, 0)
    assert await found(excess(due, 20_000, 30_000, None)) == (True, 30_000)
    later = due + timedelta(seconds=5)
    assert await found(excess(later, 20_000, 30_000, None)) == (False, 30_000), "due later alone is nothing new"
    assert await found(excess(later, 20_000, 29_000, None)) == (False, 30_000)
    assert await found(excess(later, 20_000, 31_000, None)) == (True, 31_000)
    assert await found(excess(later, 20_000, 30_500, None)) == (False, 31_000)
    assert await found(excess(later, 20_000, 30_500, None, LATE)) == (True, 31_000), "somebody else is late"
    assert await found(excess(later, 20_000, 30_500, None, LATE)) == (False, 31_000)
    assert await found(excess(later, 20_000, 30_500, 25_000, LATE)) == (True, 31_000), "it was measured"
    assert (await found())[0]
    assert kept.go_on is False
    assert not (await found())[0]
