"""What is nonsense in how a site is set up, and what its limits bear while nothing is heard of it. Pure."""

import math
from collections.abc import Mapping, Sequence
from typing import Final

from msgspec import structs

from forecourt.energy.model import (
    MOST_EVSE_W,
    MOST_W,
    MOST_WH,
    TOO_MUCH,
    Electrics,
    Fault,
    Node,
    Phases,
    find_faults,
    repeated,
    unhung,
)
from forecourt.energy.site import (
    FALLBACK_A,
    MAX_ATTACHMENTS,
    MAX_DEPTH,
    MAX_WORTH,
    Battery,
    Current,
    HungEvse,
    Load,
    Settings,
    SiteTree,
    Solar,
)
from forecourt.ui.i18n import mark

#: By how much the sum of all fallbacks may exceed a limit, as a share: floating-point arithmetic.
_SLACK: Final = 1e-6


def _dc_faults(evses: Sequence[HungEvse]) -> list[Fault]:
    found = []
    for each in evses:
        dc = each.current is Current.DC
        if dc and not each.max_w:
            words = mark("max_w of a DC EVSE must be above 0: what it gives a car at most")
            found.append(Fault(of="EVSE", id=each.id, words=words))
        elif not dc and each.max_w is not None:
            found.append(Fault(of="EVSE", id=each.id, words=mark("max_w is of a DC EVSE alone")))
        elif each.max_w is not None and each.max_w > MOST_EVSE_W:
            found.append(_beyond("EVSE", each.id, "max_w", MOST_EVSE_W))
        if dc and each.phases is not Phases.ALL:
            found.append(Fault(of="EVSE", id=each.id, words=mark("a DC EVSE draws from all three phases")))
    return found


def site_faults(tree: SiteTree) -> list[Fault]:
    """What is nonsense in a tree by itself."""
    found = find_faults(tree.electrics, least_evses=0)
    found += _dc_faults(tree.evses)
    found += repeated("attachment", [each.id for each in tree.attachments])
    found += unhung("attachment", [(each.id, each.node) for each in tree.attachments], tree.nodes)
    found += _depth_faults(tree.nodes) if not found else []
    if len(tree.attachments) > MAX_ATTACHMENTS:
        words = mark("a site has %(most)s loads, solar plants and batteries at most")
        found.append(Fault(words=words, values={"most": MAX_ATTACHMENTS}))
    found += [_of(each, mark("most_w must be from 0")) for each in tree.loads if each.most_w < 0]
    found += _attached_faults(tree)
    for plant in tree.solar:
        if plant.peak_w <= 0:
            found.append(_of(plant, mark("peak_w must be above 0")))
        if not (0 <= plant.tilt_deg <= 90 and 0 <= plant.azimuth_deg <= 360):
            found.append(_of(plant, mark("tilt_deg is from 0 to 90 and azimuth_deg from 0 to 360")))
    for battery in tree.batteries:
        found += _battery_faults(battery)
    return found


def _attached_faults(tree: SiteTree) -> list[Fault]:
    """Of loads, plants and batteries that are larger than any is."""
    said: list[tuple[str, str, int, int]] = [(each.id, "most_w", each.most_w, MOST_W) for each in tree.loads]
    said += [(each.id, "peak_w", each.peak_w, MOST_W) for each in tree.solar]
    for each in tree.batteries:
        said += [(each.id, "charge_w", each.charge_w, MOST_W), (each.id, "discharge_w", each.discharge_w, MOST_W)]
        said += [(each.id, "capacity_wh", each.capacity_wh, MOST_WH)]
    return [_beyond("attachment", id, field, most) for id, field, value, most in said if value > most]


def _beyond(of: str, id: str, field: str, most: int) -> Fault:
    return Fault(of=of, id=id, words=TOO_MUCH, values={"field": field, "most": most})


def _depth_faults(nodes: Sequence[Node]) -> list[Fault]:
    """Of nodes that form a tree."""
    parents = {node.id: node.parent for node in nodes}
    found = []
    for node in nodes:
        depth, at = 1, node.parent
        while at is not None and depth <= MAX_DEPTH:
            depth, at = depth + 1, parents[at]
        if depth > MAX_DEPTH:
            words = mark("more than %(most)s nodes stand above each other")
            found.append(Fault(of="node", id=node.id, words=words, values={"most": MAX_DEPTH}))
    return found


def _of(each: Load | Solar | Battery, words: str) -> Fault:
    return Fault(of="attachment", id=each.id, words=words)


def settings_faults(settings: Settings) -> list[Fault]:
    """What is nonsense in how a site shall be charged, whatever its tree."""
    worth = settings.unserved_per_kwh
    found = []
    if not (worth.is_finite() and 0 < worth <= MAX_WORTH):
        words = mark("unserved_per_kwh must be above 0, and %(most)s at most")
        found.append(Fault(words=words, values={"most": MAX_WORTH}))
    wear = settings.car_wear_per_kwh
    if not (wear.is_finite() and 0 <= wear <= MAX_WORTH):
        words = mark("car_wear_per_kwh must be from 0, and %(most)s at most")
        found.append(Fault(words=words, values={"most": MAX_WORTH}))
    if not 0 <= settings.feed_in_limit_w <= MOST_W:
        found.append(Fault(words=mark("feed_in_limit_w is from 0 to %(most)s"), values={"most": MOST_W}))
    return found


def _battery_faults(battery: Battery) -> list[Fault]:
    found = []
    if not (battery.capacity_wh > 0 and battery.charge_w >= 0 and battery.discharge_w >= 0):
        found.append(_of(battery, mark("capacity_wh must be above 0, charge_w and discharge_w from 0")))
    if not 0.3 <= battery.efficiency <= 1:
        found.append(_of(battery, mark("efficiency is from 0.3 to 1")))
    if not 0 <= battery.reserve_wh <= battery.capacity_wh:
        found.append(_of(battery, mark("reserve_wh is from 0 to capacity_wh")))
    if not (battery.wear_per_kwh.is_finite() and 0 <= battery.wear_per_kwh <= MAX_WORTH):
        found.append(_of(battery, mark("wear_per_kwh must be from 0")))
    return found


def fallbacks_of(tree: SiteTree, settings: Settings) -> dict[str, float]:
    """What each EVSE may draw while nothing is heard of it, in A, by its id."""
    given = settings.fallback_a
    if given is None:
        usual = {each.id: min(FALLBACK_A, each.max_a) for each in tree.evses}
        mixed = {each.id: usual[each.id] if each.fallback_a is None else each.fallback_a for each in tree.evses}
        given = FALLBACK_A if not fallback_faults(tree, mixed) else 0.0
    return {each.id: min(each.max_a, given) if each.fallback_a is None else each.fallback_a for each in tree.evses}


def fallback_faults(tree: SiteTree, fallbacks: Mapping[str, float]) -> list[Fault]:
    """Limits that would be exceeded if nothing were heard of all EVSEs at once while buildings draw the most that they
    may and batteries charge; `tree` is without other faults."""
    # numpy comes along, which only who checks a tree should wait for.
    import numpy as np

    from forecourt.energy.rows import rows_of

    found = [
        Fault(of="EVSE", id=each.id, words=mark("fallback_a must be from 0 to max_a"))
        for each in tree.evses
        if not 0 <= fallbacks[each.id] <= each.max_a or not math.isfinite(fallbacks[each.id])
    ]
    if found or not tree.evses:
        return found
    rows = rows_of(_beside_attachments(tree))
    loads = rows.loads(np.array([fallbacks[each.id] for each in tree.evses]))
    over = [number for number, load in enumerate(loads) if load > rows.limits[number] * (1 + _SLACK)]
    nodes: Sequence[str] = sorted({rows.names[number].rsplit(" ", 1)[0] for number in over})
    words = mark("the fallbacks of its EVSEs together exceed its limit: it would be overloaded while nothing is heard")
    return [Fault(of="node", id=node, words=words) for node in nodes]


def _beside_attachments(tree: SiteTree) -> Electrics:
    """What buildings and batteries leave of each limit for EVSEs at the worst; the sun is not counted on."""
    nodes = {node.id: node for node in tree.nodes}
    taken_a, taken_w = dict.fromkeys(nodes, 0.0), dict.fromkeys(nodes, 0.0)
    worst: tuple[Load | Battery, ...] = (*tree.loads, *tree.batteries)
    for attached in worst:
        power_w = attached.most_w if isinstance(attached, Load) else attached.charge_w
        a_per_w = 1 / (3 * tree.volts_at(attached.node))
        node: Node | None = nodes[attached.node]
        while node is not None:
            taken_w[node.id] += power_w
            taken_a[node.id] += power_w * a_per_w
            if node.delta_wye is not None:
                a_per_w *= math.sqrt(3) / node.delta_wye
            node = None if node.parent is None else nodes[node.parent]
    return structs.replace(
        tree.electrics,
        nodes=tuple(
            structs.replace(
                node,
                limit_a=None if node.limit_a is None else max(0.0, node.limit_a - taken_a[node.id]),
                limit_w=None if node.limit_w is None else max(0, int(node.limit_w - taken_w[node.id])),
            )
            for node in tree.nodes
        ),
    )
