"""Nodes that their buildings overload alone: found by what is measured, kept as long as it is so, and an incident."""

from datetime import UTC, datetime

import pytest
from msgspec.structs import replace

from forecourt.energy import store
from forecourt.energy.keeper.overloads import overloads_of, unmeasured
from forecourt.energy.model import Node
from forecourt.energy.planning.knowledge import Knowledge
from forecourt.energy.signals.model import Provenance, Reading
from forecourt.energy.signals.outlook import Allowed, Known, signals_at
from forecourt.energy.site import HungEvse, Load, Mode, Settings, SiteRecord, SiteTree, Solar
from tests.care.yard import Yard
from tests.energy.test_keeper import furnished
from tests.energy.test_store import ADA
from tests.energy.test_turns import known

NOW = datetime(2026, 3, 23, 12, 0, tzinfo=UTC)
TREE = SiteTree(
    nodes=(
        Node(id="grid", limit_a=40.0),
        Node(id="hall", name="Hall", parent="grid", limit_w=20_000),
        Node(id="yard", parent="grid", limit_w=22_000),
    ),
    evses=(HungEvse(station="CP1", evse=1, node="yard"),),
    loads=(Load(id="machines", node="hall", most_w=90_000), Load(id="lamps", node="yard", most_w=90_000)),
    solar=(Solar(id="roof", node="hall", peak_w=30_000),),
)


def site(machines_w: int | None, lamps_w: int | None = 0, sun_w: int | None = None, **limits: int) -> Knowledge:
    """`limits`: what others allow of nodes now, in W."""
    base = known(Mode.CHEAPEST, [], [], NOW)
    record = SiteRecord(
        tenant_id=1, site_id=1, slug="s", name="S", zone="UTC", latitude=None, longitude=None, version=1, tree=TREE,
        settings=Settings(), settings_version=1,
    )  # fmt: skip
    outlook = signals_at(record, Known(tariff=None), NOW, [0.25] * 4)
    machines, lamps = outlook.loads
    [roof] = outlook.solar
    gives = replace(
        roof.power_w, values=(sun_w or 0,) * 4, stand_in=(False,) * 4,
        provenance=Provenance(source="meter", fetched_at=NOW),
    )  # fmt: skip
    steps = len(outlook.starts)
    outlook = replace(
        outlook,
        loads=(replace(machines, measured_w=machines_w), replace(lamps, measured_w=lamps_w)),
        solar=(replace(roof, power_w=gives, measured_w=sun_w),),
        limits=tuple(
            Allowed(node=node, limit_w=(limit,) * steps, limit_a=(None,) * steps, sources=())
            for node, limit in limits.items()
        ),
    )
    return replace(base, tree=TREE, outlook=outlook)


@pytest.mark.parametrize(
    ("of", "found"),
    [
        pytest.param(site(20_000), [], id="all that it may"),
        pytest.param(site(20_100), [("hall", 20_100, 20_000)], id="a little more"),
        pytest.param(site(None, None), [], id="nobody measures, whatever is assumed"),
        pytest.param(site(25_000, sun_w=6_000), [], id="the sun gives what is too much"),
        pytest.param(site(25_000, sun_w=4_000), [("hall", 21_000, 20_000)], id="the sun gives too little"),
        # 40 A are 27.6 kW, of which neither alone takes all.
        pytest.param(site(18_000, 12_000), [("grid", 30_000, 27_600)], id="two together, in amperes"),
        pytest.param(site(15_000, hall=14_000), [("hall", 15_000, 14_000)], id="less than others allow now"),
        pytest.param(site(1, hall=0), [("hall", 1, 0)], id="where nothing is allowed"),
        pytest.param(site(0, hall=0), [], id="nothing of nothing"),
        pytest.param(site(-30_000), [], id="it gives"),
    ],
)
def test_a_node_is_overloaded_where_more_is_measured_than_it_bears(
    of: Knowledge, found: list[tuple[str, int, int]]
) -> None:
    assert [(each.node, each.load_w, each.limit_w) for each in overloads_of(of)] == found


def test_of_nodes_above_a_meter_that_says_nothing_nobody_knows() -> None:
    assert unmeasured(site(None)) == ["grid", "hall"]
    assert unmeasured(site(5_000)) == []


async def test_a_building_that_takes_too_much_is_an_incident_until_it_takes_less(yard: Yard) -> None:
    kept, _, site_id = await furnished(yard)

    async def takes(power_w: int) -> None:
        now = yard.clock.now()
        async with yard.tenants.tenant(yard.tenant_id) as conn:
            said = [Reading(at=now, power_w=power_w, source="meter")]
            await store.store_readings(conn, yard.tenant_id, site_id, "hall", said, now)

    async with yard.tenants.tenant(yard.tenant_id) as conn:
        record = await store.load_site(conn, yard.tenant_id, site_id)
        assert record is not None
        assert record.tree is not None
        tree = replace(record.tree, loads=(Load(id="hall", node="panel", most_w=5_000),))
        await store.store_tree(conn, yard.tenant_id, site_id, 2, tree, ADA, yard.clock.now())

    async def turns(power_w: int) -> list[str]:
        yard.clock.advance(70)
        await takes(power_w)
        await kept.turn()
        await yard.look()
        return yard.kinds()

    assert "overloaded" not in await turns(10_000)
    assert "overloaded" not in await turns(23_000), "not at once"
    assert "overloaded" in await turns(24_500)
    [incident] = [each for each in yard.incidents() if each["kind"] == "overloaded"]
    assert incident["detail"] == {"name": "Panel", "load_w": 24_500, "limit_w": 22_000}
    # Its meter falls silent: nobody knows, and what stood stands.
    yard.clock.advance(3 * 3600)
    await kept.turn()
    await yard.look()
    assert "overloaded" in yard.kinds()
    assert "overloaded" not in await turns(21_000)
