"""What flows through each node of a tree now, counted from what its EVSEs, loads and plants draw. Pure."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from msgspec import Struct

from forecourt.energy.model import CURRENTS, Evse, Node, Phases
from forecourt.energy.signals.model import NodeLimit
from forecourt.energy.site import SiteTree

#: A share that is larger, as of a limit of nothing, is told as this.
MOST_SHARE: Final = 9.99
_Lines = tuple[complex, complex, complex]


class Bound(Struct, frozen=True, kw_only=True):
    """A limit of a node, of one quantity, and who says so; `source` is empty where it is the electrics' own."""

    limit_a: float | None = None
    limit_w: int | None = None
    source: str = ""


class Flow(Struct, frozen=True, kw_only=True):
    """Through one node: the highest current of its conductors, the power, and the tightest limit of each; `share` is
    the larger of their shares of these and `bound` the limit that it is of, None where there is no limit."""

    current_a: float
    power_w: int
    share: float | None
    bound: Bound | None = None
    limit_a: float | None = None
    limit_w: int | None = None


def flows(
    tree: SiteTree,
    currents_a: Mapping[str, float],
    attached_w: Mapping[str, int],
    said: Mapping[str, Sequence[Bound]] | None = None,
    powers_w: Mapping[str, int] | None = None,
) -> dict[str, Flow]:
    """By node of a tree without faults. `currents_a`: what EVSEs draw on each of their conductors, by id; `attached_w`:
    what loads and batteries take and solar plants give, by id; `said`: limits from outside that hold, by node;
    `powers_w`: what EVSEs draw as measured, by id, which a car on one conductor of three draws less of than its current
    on all of them would."""
    nodes = {node.id: node for node in tree.nodes}
    lines: dict[str, list[complex]] = {id: [0j, 0j, 0j] for id in nodes}
    powers = dict.fromkeys(nodes, 0.0)
    electrics, measured_w = tree.electrics, powers_w or {}
    for evse in electrics.evses:
        current_a = currents_a.get(evse.id, 0.0)
        if current_a:
            power_w = measured_w.get(evse.id, current_a * electrics.watts_per_ampere(evse))
            _flow(nodes, lines, powers, evse, current_a, power_w)
    for load in tree.loads:
        _balanced(tree, nodes, lines, powers, load.node, attached_w.get(load.id, 0))
    for plant in tree.solar:
        _balanced(tree, nodes, lines, powers, plant.node, -attached_w.get(plant.id, 0))
    for battery in tree.batteries:
        _balanced(tree, nodes, lines, powers, battery.node, attached_w.get(battery.id, 0))
    said = said or {}
    return {id: _of(nodes[id], lines[id], powers[id], said.get(id, ())) for id in nodes}


def bounds_at(tree: SiteTree, limits: Sequence[NodeLimit], at: datetime) -> dict[str, list[Bound]]:
    """The limits from outside that hold at a time, by node; one of a node that is no more is of the grid connection."""
    nodes = {node.id for node in tree.nodes}
    found: dict[str, list[Bound]] = {}
    for each in limits:
        if each.withdrawn_at is not None or each.starts_at > at or (each.ends_at is not None and each.ends_at <= at):
            continue
        own = found.setdefault(each.node if each.node in nodes else tree.root, [])
        if each.limit_a is not None:
            own.append(Bound(limit_a=each.limit_a, source=each.source))
        if each.limit_w is not None:
            own.append(Bound(limit_w=each.limit_w, source=each.source))
    return found


def _balanced(
    tree: SiteTree, nodes: Mapping[str, Node], lines: dict[str, list[complex]], powers: dict[str, float], node: str,
    power_w: int,
) -> None:  # fmt: skip
    """What is attached counts as drawn from all three conductors alike."""
    as_evse = Evse(id="", node=node, phases=Phases.ALL)
    _flow(nodes, lines, powers, as_evse, power_w / (3 * tree.volts_at(node)), power_w)


def _flow(
    nodes: Mapping[str, Node], lines: dict[str, list[complex]], powers: dict[str, float], evse: Evse, current_a: float,
    power_w: float,
) -> None:  # fmt: skip
    flowing: _Lines = CURRENTS[evse.phases]
    at: str | None = evse.node
    while at is not None:
        node = nodes[at]
        for line in range(3):
            lines[at][line] += flowing[line] * current_a
        powers[at] += power_w
        if node.delta_wye is not None:
            one, two, three = flowing
            ratio = node.delta_wye
            flowing = ((one - three) / ratio, (two - one) / ratio, (three - two) / ratio)
        at = node.parent


def _of(node: Node, lines: list[complex], power_w: float, said: Sequence[Bound]) -> Flow:
    current_a = max(map(abs, lines))
    bounds = [*said]
    if node.limit_a is not None:
        bounds.insert(0, Bound(limit_a=node.limit_a))
    if node.limit_w is not None:
        bounds.insert(0, Bound(limit_w=node.limit_w))
    shares = [
        (_share(current_a, each.limit_a) if each.limit_a is not None else _share(power_w, each.limit_w or 0), each)
        for each in bounds
    ]
    share, bound = max(shares, key=lambda pair: pair[0], default=(None, None))
    return Flow(
        current_a=round(current_a, 1),
        power_w=round(power_w),
        share=share,
        bound=bound,
        limit_a=min((each.limit_a for each in bounds if each.limit_a is not None), default=None),
        limit_w=min((each.limit_w for each in bounds if each.limit_w is not None), default=None),
    )


def _share(flowing: float, limit: float) -> float:
    """Where nothing may flow, nothing is all of it."""
    if not limit:
        return MOST_SHARE if flowing >= 1 else 1.0
    return min(MOST_SHARE, max(0.0, flowing) / limit)
