"""What a plan means for each node of a site: its limit, what is meant to flow through it, and what might. Pure."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Final

from msgspec import Struct

from forecourt.energy.dispatch.standing import may_draw
from forecourt.energy.planning.fleet import reserved_a
from forecourt.energy.planning.knowledge import Knowledge
from forecourt.energy.planning.plan import SitePlan
from forecourt.energy.signals.in_force import watts_of
from forecourt.energy.site import SiteTree
from forecourt.energy.storage.model import KnownBattery, may_charge_w
from forecourt.energy.store.explained import EvsePoint, PowerPoint

#: A meter that said nothing for longer tells nothing of what its EVSE draws.
HOLDS: Final = timedelta(minutes=15)


class NodeLine(Struct, frozen=True, kw_only=True):
    """A node in a plan, in W. `limit_w` is the tightest of its limits now, counted as if its conductors were loaded
    alike; `measured_w` what flowed through it by what was known, `meant_w` what is meant for now and `most_w` at any
    time of the plan, `may_w` what may flow at most by what stations were told."""

    id: str
    name: str
    depth: int
    limit_w: int | None
    measured_w: int
    meant_w: int
    most_w: int
    may_w: int

    @property
    def share(self) -> float | None:
        """Of its limit, what may flow."""
        return self.may_w / self.limit_w if self.limit_w else None


def below(tree: SiteTree, node: str) -> frozenset[str]:
    """The nodes at and below one, of a tree without faults."""
    parents = {each.id: each.parent for each in tree.nodes}
    found = set()
    for each in parents:
        at: str | None = each
        while at is not None and at != node:
            at = parents[at]
        if at == node:
            found.add(each)
    return frozenset(found)


def limits_kw(known: Knowledge, node: str) -> list[float | None]:
    """The tightest limit of a node in each step, in kW; None where it has none."""
    tree, outlook = known.tree, known.outlook
    own = next(each for each in tree.nodes if each.id == node)
    said = [each for each in outlook.limits if each.node == node]
    found: list[float | None] = []
    for step in range(len(outlook.starts)):
        powers = [own.limit_w, *(each.limit_w[step] for each in said)]
        currents = [own.limit_a, *(each.limit_a[step] for each in said)]
        each_kw = [each / 1000 for each in powers if each is not None]
        each_kw += [watts_of(tree, node, each) / 1000 for each in currents if each is not None]
        found.append(min(each_kw, default=None))
    return found


def meant_w(known: Knowledge, plan: SitePlan, places: frozenset[str]) -> list[int]:
    """What cars at these nodes are meant to take together in each step."""
    evses = {each.id for each in known.tree.evses if each.node in places}
    cars = [car for car in plan.cars if car.evse_id in evses]
    return [sum(car.steps_w[step] for car in cars) for step in range(len(known.outlook.starts))]


def kept_w(known: Knowledge, places: frozenset[str]) -> float:
    """What is kept for EVSEs at these nodes that can't be told anything."""
    watts = known.tree.electrics.watts_per_ampere
    pairs = zip(known.tree.evses, known.tree.electrics.evses, reserved_a(known), strict=True)
    return sum(float(amperes) * watts(evse) for hung, evse, amperes in pairs if hung.node in places)


def beside_w(known: Knowledge, places: frozenset[str]) -> list[int]:
    """What loads at these nodes take less what the sun gives there, in each step."""
    found = [0] * len(known.outlook.starts)
    for sign, parts in ((1, known.outlook.loads), (-1, known.outlook.solar)):
        for part in parts:
            if part.node in places:
                found = [total + sign * each for total, each in zip(found, part.power_w.values, strict=True)]
    return found


def stored_w(known: Knowledge, plan: SitePlan, places: frozenset[str]) -> list[int]:
    """What batteries at these nodes are meant to take in each step, below 0 where they give."""
    found = [0] * len(known.outlook.starts)
    here = {battery.id for battery in known.tree.batteries if battery.node in places}
    for each in plan.batteries:
        if each.id in here and len(each.steps_w) == len(found):
            found = [total + more for total, more in zip(found, each.steps_w, strict=True)]
    return found


def node_lines(known: Knowledge, plan: SitePlan) -> list[NodeLine]:
    """Of all nodes, each below its parent."""
    children: dict[str | None, list[str]] = {}
    for node in known.tree.nodes:
        children.setdefault(node.parent, []).append(node.id)
    order: list[tuple[str, int]] = []
    waiting = [(known.tree.root, 0)]
    while waiting:
        place, depth = waiting.pop()
        order.append((place, depth))
        waiting += [(child, depth + 1) for child in reversed(children.get(place, []))]
    names = {node.id: node.name or node.id for node in known.tree.nodes}
    sums = _sums(known, plan, [place for place, _ in order])
    return [_line(known, place, names[place], depth, sums[place]) for place, depth in order]


def _line(known: Knowledge, place: str, name: str, depth: int, own: "_Sum") -> NodeLine:
    limit = limits_kw(known, place)[0]
    return NodeLine(
        id=place,
        name=name,
        depth=depth,
        limit_w=None if limit is None else round(limit * 1000),
        measured_w=round(own.measured),
        meant_w=round(own.meant[0]),
        most_w=round(max(own.meant)),
        may_w=round(own.may),
    )


class _Sum:
    """What flows through a node, as it is added up from below."""

    def __init__(self, steps: int) -> None:
        self.measured, self.may, self.meant = 0.0, 0.0, [0.0] * steps

    def add(self, measured: float, may: float, meant: Sequence[float]) -> None:
        self.measured += measured
        self.may += may
        self.meant = [one + more for one, more in zip(self.meant, meant, strict=True)]


def _sums(known: Knowledge, plan: SitePlan, order: Sequence[str]) -> dict[str, _Sum]:
    """By node; `order` has parents before their children."""
    steps = len(known.outlook.starts)
    sums = {place: _Sum(steps) for place in order}
    nodes = {each.id: each.node for each in known.tree.evses}
    nothing = [0.0] * steps
    watts = known.tree.electrics.watts_per_ampere
    for evse, standing in zip(known.tree.electrics.evses, known.standings, strict=True):
        sums[evse.node].add(0.0, may_draw(standing, known.at)[0] / 1000 * watts(evse), nothing)
    for car in known.cars:
        if car.evse_id in nodes:
            sums[nodes[car.evse_id]].add(car.power_w or 0, 0.0, nothing)
    for meant in plan.cars:
        sums[nodes[meant.evse_id]].add(0.0, 0.0, meant.steps_w)
    for sign, parts in ((1, known.outlook.loads), (-1, known.outlook.solar)):
        for part in parts:
            values = [sign * each for each in part.power_w.values]
            sums[part.node].add(values[0], values[0], values)
    said = {each.id: each for each in known.batteries}
    planned = {each.id: each.steps_w for each in plan.batteries if len(each.steps_w) == steps}
    for battery in known.tree.batteries:
        each = said.get(battery.id, KnownBattery(id=battery.id))
        power_w = 0 if each.state is None else each.state.power_w
        sums[battery.node].add(power_w, may_charge_w(each, battery, known.at), planned.get(battery.id, nothing))
    parents = {node.id: node.parent for node in known.tree.nodes}
    for place in reversed(order):
        parent = parents[place]
        if parent is not None:
            sums[parent].add(sums[place].measured, sums[place].may, sums[place].meant)
    return sums


def past_of(
    points: Sequence[EvsePoint], evses: Collection[tuple[str, int]], since: datetime, until: datetime, step: timedelta
) -> list[PowerPoint]:
    """What EVSEs (by station and number) took together, step by step, from when anything is known of their site on:
    each value of a meter holds until the next one, for HOLDS at most."""
    since = max([since, *sorted(each.at for each in points)[:1]])
    count = max(0, -((since - until) // step))
    total = [0] * count
    by_evse: dict[tuple[str, int], list[EvsePoint]] = {}
    for point in points:
        if (point.station, point.evse) in evses:
            by_evse.setdefault((point.station, point.evse), []).append(point)
    for own in by_evse.values():
        ordered = sorted(own, key=lambda each: each.at)
        for number, point in enumerate(ordered):
            following = ordered[number + 1].at if number + 1 < len(ordered) else until
            end = min(following, point.at + HOLDS, until)
            for place in range(max(0, (point.at - since) // step), min(count, -((since - end) // step))):
                total[place] += point.power_w
    return [
        PowerPoint(at=since + place * step, charging_w=power_w, load_w=0, solar_w=0, allowed_w=0)
        for place, power_w in enumerate(total)
    ]
