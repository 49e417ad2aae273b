"""What flows through each node of a tree now, counted from what its EVSEs, loads and plants draw. Pure."""

from collections.abc import Mapping

from msgspec import Struct

from forecourt.energy.model import CURRENTS, Evse, Node, Phases
from forecourt.energy.site import SiteTree

_Lines = tuple[complex, complex, complex]


class Flow(Struct, frozen=True, kw_only=True):
    """Through one node: the highest current of its conductors, the power, and the larger of their shares of the
    limits; None where there is no limit."""

    current_a: float
    power_w: int
    share: float | None


def flows(tree: SiteTree, currents_a: Mapping[str, float], attached_w: Mapping[str, int]) -> dict[str, Flow]:
    """By node of a tree without faults. `currents_a`: what EVSEs draw on each of their conductors, by id; `attached_w`:
    what loads and batteries take and solar plants give, by id."""
    nodes = {node.id: node for node in tree.nodes}
    lines: dict[str, list[complex]] = {id: [0j, 0j, 0j] for id in nodes}
    powers = dict.fromkeys(nodes, 0.0)
    electrics = tree.electrics
    for evse in electrics.evses:
        current_a = currents_a.get(evse.id, 0.0)
        if current_a:
            _flow(nodes, lines, powers, evse, current_a, current_a * electrics.watts_per_ampere(evse))
    for load in tree.loads:
        _balanced(tree, nodes, lines, powers, load.node, attached_w.get(load.id, 0))
    for plant in tree.solar:
        _balanced(tree, nodes, lines, powers, plant.node, -attached_w.get(plant.id, 0))
    for battery in tree.batteries:
        _balanced(tree, nodes, lines, powers, battery.node, attached_w.get(battery.id, 0))
    return {id: _of(nodes[id], lines[id], powers[id]) for id in nodes}


def _balanced(
    tree: SiteTree, nodes: Mapping[str, Node], lines: dict[str, list[complex]], powers: dict[str, float], node: str,
    power_w: int,
) -> None:  # fmt: skip
    """What is attached counts as drawn from all three conductors alike."""
    as_evse = Evse(id="", node=node, phases=Phases.ALL)
    _flow(nodes, lines, powers, as_evse, power_w / (3 * tree.voltage_v), power_w)


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


def _of(node: Node, lines: list[complex], power_w: float) -> Flow:
    current_a = max(map(abs, lines))
    shares = []
    if node.limit_a:
        shares.append(current_a / node.limit_a)
    if node.limit_w:
        shares.append(max(0.0, power_w) / node.limit_w)
    return Flow(current_a=round(current_a, 1), power_w=round(power_w), share=max(shares, default=None))
