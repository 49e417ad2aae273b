"""Nonsense in a site's electrics is named, and currents add up as phasors do."""

import math
from typing import Any

import msgspec
import numpy as np
import pytest
from msgspec.structs import replace

from forecourt.energy.faults import site_faults
from forecourt.energy.model import Electrics, Evse, Node, Phases, faults
from forecourt.energy.rows import rows_of
from forecourt.energy.site import Battery, Current, HungEvse, Load, SiteTree, Solar

GRID = Node(id="grid", limit_a=100)


def site(*evses: Evse, nodes: tuple[Node, ...] = (GRID,), voltage_v: float = 230, line_v: float = 400) -> Electrics:
    return Electrics(nodes=nodes, evses=evses, voltage_v=voltage_v, line_voltage_v=line_v)


def evses(*phases: Phases, node: str = "grid") -> tuple[Evse, ...]:
    return tuple(Evse(id=f"E{number}", node=node, phases=each) for number, each in enumerate(phases))


def battery(**larger: int) -> Battery:
    return replace(Battery(id="a", node="grid", capacity_wh=60_000, charge_w=30_000, discharge_w=30_000), **larger)


@pytest.mark.parametrize(
    ("made", "fault"),
    [
        (site(), "1 to 10000 EVSEs"),
        (site(*evses(Phases.ALL, node="shed")), "EVSE E0: there is no node shed"),
        (site(*evses(Phases.ALL), nodes=(GRID, GRID)), "node grid: it is there 2 times"),
        (site(*evses(Phases.ALL), nodes=(GRID, Node(id="b"))), "one node is the grid connection"),
        (site(*evses(Phases.ALL), nodes=(GRID, Node(id="b", parent="c"))), "node b: there is no node c"),
        (
            site(*evses(Phases.ALL), nodes=(GRID, Node(id="b", parent="c"), Node(id="c", parent="b"))),
            "node b: it stands in a circle",
        ),
        (site(*evses(Phases.ALL), nodes=(Node(id="grid", limit_a=-1),)), "limit_a must be a number from 0 to 10000"),
        (site(*evses(Phases.ALL), nodes=(Node(id="grid", limit_a=1e300),)), "limit_a must be a number from 0 to 10000"),
        (
            site(*evses(Phases.ALL), nodes=(Node(id="grid", limit_w=10**9),)),
            "limit_w must be a number from 0 to 100000000",
        ),
        (
            site(*evses(Phases.ALL), nodes=(Node(id="grid", limit_a=math.nan),)),
            "limit_a must be a number from 0 to 10000",
        ),
        (site(*evses(Phases.ALL), nodes=(Node(id="grid", delta_wye=4),)), "a transformer needs a node above it"),
        (site(Evse(id="a", node="grid", max_a=5, min_a=6)), "0 <= min_a <= max_a"),
        (site(Evse(id="a", node="grid"), Evse(id="a", node="grid")), "EVSE a: it is there 2 times"),
        (site(*evses(Phases.ALL), line_v=230), "about 1.73 times"),
    ],
)
def test_nonsense_is_named(made: Electrics, fault: str) -> None:
    assert any(fault in each for each in faults(made)), faults(made)


@pytest.mark.parametrize(
    ("hung", "fault"),
    [
        ({"loads": (Load(id="a", node="grid", most_w=10**9),)}, "most_w must be a number from 0 to 100000000"),
        ({"solar": (Solar(id="a", node="grid", peak_w=10**9),)}, "peak_w must be a number from 0 to 100000000"),
        ({"batteries": (battery(charge_w=10**9),)}, "charge_w must be a number from 0 to 100000000"),
        ({"batteries": (battery(discharge_w=10**9),)}, "discharge_w must be a number from 0 to 100000000"),
        ({"batteries": (battery(capacity_wh=10**12),)}, "capacity_wh must be a number from 0 to 1000000000"),
        (
            {"evses": (HungEvse(station="A", evse=1, node="grid", current=Current.DC, max_w=10**8),)},
            "max_w must be a number from 0 to 10000000",
        ),
    ],
    ids=["load", "solar", "charge", "discharge", "capacity", "evse"],
)
def test_what_is_larger_than_any_is_named_and_read_all_the_same(hung: dict[str, Any], fault: str) -> None:
    tree = SiteTree(nodes=(GRID,), **hung)
    assert [fault in str(each) for each in site_faults(tree)] == [True]
    # One that was stored before there was a bound is kept as it is.
    assert msgspec.json.decode(msgspec.json.encode(tree), type=SiteTree) == tree


def test_a_good_site_has_no_faults() -> None:
    assert faults(site(*evses(*Phases), nodes=(GRID, Node(id="b", parent="grid", delta_wye=4)))) == []


@pytest.mark.parametrize(("first", "second"), [("grid", "t"), ("t", "grid")])
def test_evses_at_two_voltages_are_no_site_whichever_is_drawn_first(first: str, second: str) -> None:
    nodes = (GRID, Node(id="t", parent="grid", delta_wye=4), Node(id="u", parent="grid", delta_wye=4))
    made = (Evse(id="a", node=first), Evse(id="b", node=second))
    assert [each for each in faults(site(*made, nodes=nodes)) if each.startswith("EVSE b: its voltage isn't that of a")]
    assert faults(site(*(Evse(id=each, node=each) for each in "tu"), nodes=nodes)) == []


@pytest.mark.parametrize(
    ("phases", "lines"),
    [
        # One phase loads its own line alone, three load each alike.
        ((Phases.L2,), (0, 10, 0)),
        ((Phases.ALL,), (10, 10, 10)),
        ((Phases.L1, Phases.ALL), (20, 10, 10)),
        # Line to line loads two, and three of them in a triangle each line by the root of three, not by two.
        ((Phases.L12,), (10, 10, 0)),
        ((Phases.L12, Phases.L23, Phases.L31), (10 * math.sqrt(3),) * 3),
        ((Phases.L12, Phases.L12, Phases.L31), (10 * math.sqrt(7), 20, 10)),
    ],
)
def test_currents_add_up_on_each_line_as_phasors(phases: tuple[Phases, ...], lines: tuple[float, ...]) -> None:
    rows = rows_of(site(*evses(*phases), nodes=(Node(id="grid", limit_a=1),)))
    loads = dict(zip(rows.names, rows.loads(np.full(len(phases), 10.0)), strict=True))
    assert [loads.get(f"grid L{line}", 0.0) for line in (1, 2, 3)] == pytest.approx(lines)


def test_a_delta_wye_transformer_turns_balanced_amperes_by_its_ratio_and_spreads_others() -> None:
    nodes = (Node(id="grid", limit_a=1), Node(id="transformer", parent="grid", delta_wye=4, limit_a=1))
    balanced = rows_of(site(*evses(Phases.ALL, node="transformer"), nodes=nodes))
    # 120 V at 40 A are the power of 277 V at 17.3 A: the ratio of the line voltages is 480 to 208.
    assert balanced.loads(np.array([40.0])) == pytest.approx([40 * math.sqrt(3) / 4] * 3 + [40] * 3)
    single = rows_of(site(*evses(Phases.L1, node="transformer"), nodes=nodes))
    loads = dict(zip(single.names, single.loads(np.array([40.0])), strict=True))
    assert loads == pytest.approx({"grid L1": 10, "grid L2": 10, "transformer L1": 40})


def test_limits_that_cant_bind_are_left_out_and_power_is_limited_as_well() -> None:
    nodes = (Node(id="grid", limit_a=64, limit_w=15_000), Node(id="panel", parent="grid", limit_a=65))
    rows = rows_of(site(*evses(Phases.ALL, Phases.L1, node="panel"), nodes=nodes))
    assert rows.names == ("grid power",)
    # 3 times 230 V at 16 A and 230 V at 32 A.
    assert rows.loads(np.array([16.0, 32.0])) == pytest.approx([18.4])
    assert rows.overload(np.array([16.0, 32.0])) == pytest.approx(18.4 / 15)


def test_the_room_that_is_left_fills_the_limit_exactly_whatever_the_angle() -> None:
    nodes = (Node(id="grid", limit_a=50),)
    rows = rows_of(site(*evses(Phases.L12, Phases.L31, Phases.L12), nodes=nodes))
    current_a = np.array([30.0, 20.0, 0.0])
    current_a[2] = rows.room(current_a, 2)
    assert rows.overload(current_a) == pytest.approx(1.0)
    assert rows.room(np.array([32.0, 20.0, 32.0]), 1) < 20


def test_a_field_that_is_not_known_is_refused() -> None:
    with pytest.raises(msgspec.ValidationError, match="limit_amps"):
        msgspec.convert({"id": "grid", "limit_amps": 3}, Node)
