"""What is left of each limit of a site for charging, step by step: less what else draws power below it, and no more
than anybody allows at that time."""

import math
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final, TypeVar

import numpy as np
from msgspec import Struct, structs

from forecourt.energy.model import Electrics, Node
from forecourt.energy.rows import Floats, Frame, Rows, adds_of, rows_of
from forecourt.energy.signals.outlook import Attached, Outlook
from forecourt.energy.site import SiteTree
from forecourt.energy.storage.model import DELIVERED_FOR, RELIED
from forecourt.platform.clock import is_recent
from forecourt.platform.unchanged import Once

#: Names of the rows of a node, as `rows_of` gives them.
_LINES: Final = (1, 2, 3)
_Limit = TypeVar("_Limit", int, float)
#: The rows of a tree are the same at each look.
FRAME: Final = Once[Electrics, Frame](Frame)


class Counted(Struct, frozen=True, kw_only=True):
    """A battery at its node: how much a plan may charge it with, the most that it may take now, and what it gives now
    and is counted on. Where it isn't planned it may take that at any time."""

    node: str
    most_w: int
    charged_w: int
    delivered_w: int
    is_planned: bool


class Room(Struct, frozen=True, kw_only=True):
    """The rows of a site that may bind at some time, and their limits in each step, (rows, steps). `charging`: what of
    them planned batteries may take now, whatever is planned."""

    rows: Rows
    limits: Floats
    charging: Floats

    def now(self) -> Rows:
        """The rows with what EVSEs may load them with now."""
        limits = np.maximum(self.limits[:, 0] - self.charging, 0.0)
        return structs.replace(self.rows, limits=limits)

    def cut(self) -> "Room":
        """The same room with what there is now in the first step, for who plans nothing for batteries."""
        limits = self.limits.copy()
        limits[:, 0] = self.now().limits
        return structs.replace(self, limits=limits, charging=np.zeros(len(limits)))


def room_of(tree: SiteTree, outlook: Outlook, batteries: Sequence[Counted] = ()) -> Room:
    """What charging may load each row with. The sun is counted on only where its meter says what it gives, and
    batteries only as far as what they give is measured now."""
    limits_a, limits_kw = _effective(tree, outlook, batteries)
    # Rows are chosen by the tightest step; rows that never bind are left out.
    tightest = Electrics(
        nodes=tuple(_tightest(node, limits_a[node.id], limits_kw[node.id]) for node in tree.nodes),
        evses=tree.electrics.evses,
        voltage_v=tree.voltage_v,
        line_voltage_v=tree.line_voltage_v,
    )
    # What a battery takes may make a row bind that EVSEs alone can't reach.
    taken = [(each.node, max(each.most_w, each.charged_w) / 1000) for each in batteries]
    rows = rows_of(tightest, taken, FRAME(tree.electrics))
    by_name = {f"{node.id} L{line}": limits_a[node.id] for node in tree.nodes for line in _LINES}
    by_name |= {f"{node.id} power": limits_kw[node.id] for node in tree.nodes}
    steps = len(outlook.starts)
    limits = np.array([by_name[name] for name in rows.names]).reshape(len(rows.names), steps)
    charging = np.zeros(len(rows.names))
    for each in batteries:
        load = np.abs(adds_of(tree.electrics, each.node, rows.names)) * each.charged_w / 1000
        if each.is_planned:
            charging += load
        else:
            limits = np.maximum(limits - load[:, None], 0.0)
    return Room(rows=rows, limits=limits, charging=charging)


def lasting(tree: SiteTree, outlook: Outlook) -> SiteTree:
    """The tree with what anybody allows it at the most at any time ahead: limits that have no end, or none soon."""
    nodes = {node.id: node for node in tree.nodes}
    for allowed in outlook.limits:
        node = nodes[allowed.node]
        nodes[node.id] = structs.replace(
            node,
            limit_a=_least(node.limit_a, _loosest(allowed.limit_a)),
            limit_w=_least(node.limit_w, _loosest(allowed.limit_w)),
        )
    return structs.replace(tree, nodes=tuple(nodes.values()))


def _loosest(limits: Sequence[_Limit | None]) -> _Limit | None:
    """None where there is a time without any."""
    known = [limit for limit in limits if limit is not None]
    return max(known) if known and len(known) == len(limits) else None


def _least(*limits: _Limit | None) -> _Limit | None:
    return min((limit for limit in limits if limit is not None), default=None)


def _tightest(node: Node, limit_a: Floats, limit_kw: Floats) -> Node:
    least_a, least_kw = float(limit_a.min()), float(limit_kw.min())
    return structs.replace(
        node,
        limit_a=None if math.isinf(least_a) else least_a,
        limit_w=None if math.isinf(least_kw) else int(least_kw * 1000),
    )


def _effective(
    tree: SiteTree, outlook: Outlook, batteries: Sequence[Counted]
) -> tuple[dict[str, Floats], dict[str, Floats]]:
    steps = len(outlook.starts)
    limits_a = {node.id: _constant(node.limit_a, steps) for node in tree.nodes}
    limits_kw = {
        node.id: _constant(None if node.limit_w is None else node.limit_w / 1000, steps) for node in tree.nodes
    }
    for allowed in outlook.limits:
        limits_a[allowed.node] = np.minimum(limits_a[allowed.node], _known(allowed.limit_a, 1.0))
        limits_kw[allowed.node] = np.minimum(limits_kw[allowed.node], _known(allowed.limit_w, 0.001))
    given = [(each.node, float(each.delivered_w)) for each in batteries]
    _deliver(
        tree, [*given, *((each.node, _given_w(each, outlook.starts[0])) for each in outlook.solar)], limits_a, limits_kw
    )
    for attached, sign in (*((each, -1.0) for each in outlook.loads), *((each, 1.0) for each in outlook.solar)):
        power_w = sign * _counted(attached, sign)
        for node, a_per_w in _upwards(tree, attached.node, 1.0):
            limits_kw[node] = limits_kw[node] + power_w / 1000
            limits_a[node] = limits_a[node] + power_w * a_per_w
    return (
        {id: np.maximum(limit, 0.0) for id, limit in limits_a.items()},
        {id: np.maximum(limit, 0.0) for id, limit in limits_kw.items()},
    )


def taken_besides(tree: SiteTree, outlook: Outlook) -> dict[str, tuple[float, float]]:
    """What is measured to flow through each node now but for EVSEs and batteries, in W and in A of each conductor."""
    taken = {node.id: (0.0, 0.0) for node in tree.nodes}
    flows = [(each.node, float(each.measured_w or 0)) for each in outlook.loads]
    flows += [(each.node, -_given_w(each, outlook.starts[0])) for each in outlook.solar]
    for hung, power_w in flows:
        for node, current_a in _upwards(tree, hung, power_w):
            before_w, before_a = taken[node]
            taken[node] = before_w + power_w, before_a + current_a
    return taken


def _deliver(
    tree: SiteTree, given: Sequence[tuple[str, float]], limits_a: dict[str, Floats], limits_kw: dict[str, Floats]
) -> None:
    """Raises the limits of the first step by what batteries and the sun give below (node, W) now, each limit by a
    bounded share of itself."""
    total_a, total_kw = dict.fromkeys(limits_a, 0.0), dict.fromkeys(limits_kw, 0.0)
    for hung, power_w in given:
        for node, current_a in _upwards(tree, hung, power_w):
            total_a[node] += current_a
            total_kw[node] += power_w / 1000
    for limits, total in ((limits_a, total_a), (limits_kw, total_kw)):
        for node, more in total.items():
            if more and math.isfinite(limits[node][0]):
                limits[node] = limits[node].copy()
                limits[node][0] += min(more, RELIED * limits[node][0])


def _upwards(tree: SiteTree, node: str, power_w: float) -> Iterator[tuple[str, float]]:
    """The nodes from this one to the grid, with the current of each conductor at this power, taken from all alike."""
    nodes = {each.id: each for each in tree.nodes}
    a_per_w = 1 / (3 * tree.volts_at(node))
    at: Node | None = nodes[node]
    while at is not None:
        yield at.id, power_w * a_per_w
        if at.delta_wye is not None:
            a_per_w *= math.sqrt(3) / at.delta_wye
        at = nodes[at.parent] if at.parent is not None else None


def _given_w(plant: Attached, now: datetime) -> float:
    """What a solar plant gives now for certain: no more than was measured a moment ago, and than is expected."""
    measured_at = plant.power_w.provenance.fetched_at
    if plant.measured_w is None or measured_at is None or not is_recent(measured_at, now, DELIVERED_FOR):
        return 0.0
    return float(max(min(plant.measured_w, plant.power_w.values[0]), 0))


def _counted(attached: Attached, sign: float) -> Floats:
    """What loads take, never below nothing, and now no less than was measured; what the sun is expected to give in the
    steps to come."""
    power_w = np.maximum(np.array(attached.power_w.values, dtype=np.float64), 0.0)
    if sign < 0:
        # A building may go on with what it did before, though it usually takes less by now.
        power_w[:1] = np.maximum(power_w[:1], float(attached.measured_w or 0))
        return power_w
    power_w = np.where(np.array(attached.power_w.stand_in), 0.0, power_w)
    power_w[:1] = 0.0
    return power_w


def _constant(limit: float | None, steps: int) -> Floats:
    return np.full(steps, np.inf if limit is None else float(limit))


def _known(limits: Sequence[float | None], unit: float) -> Floats:
    return np.array([np.inf if limit is None else limit * unit for limit in limits])
