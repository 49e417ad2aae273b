"""What is left of each limit of a site for charging, step by step: less what else draws power below it, and no more
than anybody allows at that time."""

import math
from collections.abc import Sequence
from typing import Final, TypeVar

import numpy as np
from msgspec import Struct, structs

from forecourt.energy.model import Electrics, Node
from forecourt.energy.rows import Floats, Rows, rows_of
from forecourt.energy.signals.outlook import Attached, Outlook
from forecourt.energy.site import SiteTree

#: Names of the rows of a node, as `rows_of` gives them.
_LINES: Final = (1, 2, 3)
_Limit = TypeVar("_Limit", int, float)


class Room(Struct, frozen=True, kw_only=True):
    """The rows of a site that may bind at some time, and their limits in each step, (rows, steps)."""

    rows: Rows
    limits: Floats

    def at(self, step: int) -> Rows:
        """The rows with the limits of one step."""
        return Rows(of=self.rows.of, limits=self.limits[:, step], linear=self.rows.linear, names=self.rows.names)


def room_of(tree: SiteTree, outlook: Outlook) -> Room:
    """What charging may load each row with. The sun is counted on only where its meter says what it gives."""
    limits_a, limits_kw = _effective(tree, outlook)
    # Rows are chosen by the tightest step; rows that never bind are left out.
    tightest = Electrics(
        nodes=tuple(_tightest(node, limits_a[node.id], limits_kw[node.id]) for node in tree.nodes),
        evses=tree.electrics.evses,
        voltage_v=tree.voltage_v,
        line_voltage_v=tree.line_voltage_v,
    )
    rows = rows_of(tightest)
    by_name = {f"{node.id} L{line}": limits_a[node.id] for node in tree.nodes for line in _LINES}
    by_name |= {f"{node.id} power": limits_kw[node.id] for node in tree.nodes}
    steps = len(outlook.starts)
    limits = np.array([by_name[name] for name in rows.names]).reshape(len(rows.names), steps)
    return Room(rows=rows, limits=limits)


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


def _effective(tree: SiteTree, outlook: Outlook) -> tuple[dict[str, Floats], dict[str, Floats]]:
    steps = len(outlook.starts)
    nodes = {node.id: node for node in tree.nodes}
    limits_a = {node.id: _constant(node.limit_a, steps) for node in tree.nodes}
    limits_kw = {
        node.id: _constant(None if node.limit_w is None else node.limit_w / 1000, steps) for node in tree.nodes
    }
    for allowed in outlook.limits:
        limits_a[allowed.node] = np.minimum(limits_a[allowed.node], _known(allowed.limit_a, 1.0))
        limits_kw[allowed.node] = np.minimum(limits_kw[allowed.node], _known(allowed.limit_w, 0.001))
    for attached, sign in (*((each, -1.0) for each in outlook.loads), *((each, 1.0) for each in outlook.solar)):
        power_w = sign * _counted(attached, sign)
        a_per_w = 1 / (3 * tree.voltage_v)
        node: Node | None = nodes[attached.node]
        while node is not None:
            limits_kw[node.id] = limits_kw[node.id] + power_w / 1000
            limits_a[node.id] = limits_a[node.id] + power_w * a_per_w
            if node.delta_wye is not None:
                a_per_w *= math.sqrt(3) / node.delta_wye
            node = nodes[node.parent] if node.parent is not None else None
    return (
        {id: np.maximum(limit, 0.0) for id, limit in limits_a.items()},
        {id: np.maximum(limit, 0.0) for id, limit in limits_kw.items()},
    )


def _counted(attached: Attached, sign: float) -> Floats:
    power_w = np.array(attached.power_w.values, dtype=np.float64)
    return np.where(np.array(attached.power_w.stand_in) & (sign > 0), 0.0, power_w)


def _constant(limit: float | None, steps: int) -> Floats:
    return np.full(steps, np.inf if limit is None else float(limit))


def _known(limits: Sequence[float | None], unit: float) -> Floats:
    return np.array([np.inf if limit is None else limit * unit for limit in limits])
