"""One site as it is kept: its electrics with what hangs on them, and how it shall be charged. Pure."""

import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Final

from msgspec import Meta, Struct, structs

from forecourt.energy.model import (
    MAX_EVSES,
    MAX_NODES,
    Electrics,
    Evse,
    Fault,
    Id,
    Name,
    Node,
    Phases,
    find_faults,
    repeated,
    unhung,
)
from forecourt.platform.unchanged import Once
from forecourt.stations.model import IDENTITY_PATTERN, MAX_IDENTITY
from forecourt.ui.i18n import mark

#: Loads, solar plants and batteries of one site, together.
MAX_ATTACHMENTS: Final = 100
#: Nodes above each other.
MAX_DEPTH: Final = 20
#: What a kWh is worth at the most that a car leaves without, and what one through a battery costs.
MAX_WORTH: Final = 1_000
#: What an EVSE may draw while nothing is heard of it, where the tree bears so much of all at once.
FALLBACK_A: Final = 6.0
#: What a kWh that a car gives back costs, unless a site says otherwise.
CAR_WEAR: Final = Decimal("0.05")
#: What of the power that a DC EVSE takes from its three phases reaches the car.
DC_EFFICIENCY: Final = 0.94
Station = Annotated[str, Meta(min_length=1, max_length=MAX_IDENTITY, pattern=IDENTITY_PATTERN, examples=["CP1"])]
NodeId = Annotated[Id, Meta(description="The node where it hangs.", examples=["grid"])]
Amperes = Annotated[float, Meta(ge=0, le=10_000, description="Of each conductor.")]
Volts = Annotated[float, Meta(gt=0, le=1_000_000, examples=[230.0])]
Watts = Annotated[int, Meta(ge=0, le=10**9)]
#: By how much the sum of all fallbacks may exceed a limit, as a share: floating-point arithmetic.
_SLACK: Final = 1e-6


class Mode(StrEnum):
    """What matters once limits are kept to and cars get what they need."""

    FASTEST = "fastest"
    CHEAPEST = "cheapest"
    GREENEST = "greenest"
    #: Only what the sun leaves over, but for what is needed by a time.
    SOLAR = "solar"
    #: Equal currents for all that are there, by weight; what follows is planned as in FASTEST.
    EQUAL = "equal"


class Current(StrEnum):
    """What an EVSE gives a car."""

    AC = "AC"
    DC = "DC"


class HungEvse(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An EVSE of a station (its identity) at a node. `fallback_a`: what it may draw while nothing is heard of it; None:
    as the settings of the site say. Currents are of the conductors of the grid; `max_a` of a DC EVSE, which draws from
    three phases, follows from `max_w`, what it gives a car."""

    station: Station
    evse: Annotated[int, Meta(ge=1, le=10_000)]
    node: NodeId
    phases: Phases = Phases.ALL
    max_a: Annotated[Amperes, Meta(examples=[32.0])] = 32.0
    min_a: Annotated[Amperes, Meta(examples=[6.0])] = 6.0
    fallback_a: Annotated[
        Amperes | None, Meta(description="While nothing is heard of it; null: as the site's settings say.")
    ] = None
    current: Annotated[Current, Meta(description="DC: its limits are told in watts.", examples=["AC"])] = Current.AC
    max_w: Annotated[
        Watts | None, Meta(description="What a DC EVSE gives a car at most; null: it is AC.", examples=[None])
    ] = None

    @property
    def id(self) -> str:
        """How the tree names it: an identity holds no colon."""
        return f"{self.station}:{self.evse}"


class Load(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What else draws power at a node: a building. `most_w` is assumed while its meter says nothing; `meter` is the
    identity of a station that measures it."""

    id: Annotated[Id, Meta(examples=["hall"])]
    node: NodeId
    name: Name = ""
    most_w: Annotated[Watts, Meta(description="Assumed while its meter says nothing.")] = 0
    meter: Annotated[Station | None, Meta(description="A station that measures it.", examples=[None])] = None


class Solar(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A solar plant. `peak_w` under standard conditions; `azimuth_deg` clockwise from north."""

    id: Annotated[Id, Meta(examples=["roof"])]
    node: NodeId
    name: Name = ""
    peak_w: Annotated[int, Meta(ge=1, le=10**9, examples=[30_000])]
    tilt_deg: Annotated[float, Meta(ge=0, le=90, examples=[30.0])] = 30.0
    azimuth_deg: Annotated[float, Meta(ge=0, le=360, description="Clockwise from north.", examples=[180.0])] = 180.0
    meter: Annotated[Station | None, Meta(description="A station that measures it.", examples=[None])] = None


class Battery(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A stationary battery. `efficiency` of charging and discharging together, `reserve_wh` is never taken from it,
    `wear_per_kwh` is what a kWh through it costs, in the currency of the site's tariff."""

    id: Annotated[Id, Meta(examples=["battery"])]
    node: NodeId
    name: Name = ""
    capacity_wh: Annotated[int, Meta(ge=1, le=10**12, examples=[60_000])]
    charge_w: Annotated[Watts, Meta(examples=[30_000])]
    discharge_w: Annotated[Watts, Meta(examples=[30_000])]
    efficiency: Annotated[
        float, Meta(ge=0.3, le=1, description="Of charging and discharging together.", examples=[0.9])
    ] = 0.9
    reserve_wh: Annotated[int, Meta(ge=0, le=10**12, description="Never taken from it.", examples=[6_000])] = 0
    wear_per_kwh: Annotated[Decimal, Meta(description="What a kWh through it costs.", examples=["0.03"])] = Decimal(0)


class SiteTree(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, weakref=True):
    """The electrics of a site as they are stored: nodes, and what hangs on them."""

    nodes: Annotated[tuple[Node, ...], Meta(max_length=MAX_NODES)]
    evses: Annotated[tuple[HungEvse, ...], Meta(max_length=MAX_EVSES)] = ()
    loads: Annotated[tuple[Load, ...], Meta(max_length=MAX_ATTACHMENTS)] = ()
    solar: Annotated[tuple[Solar, ...], Meta(max_length=MAX_ATTACHMENTS)] = ()
    batteries: Annotated[tuple[Battery, ...], Meta(max_length=MAX_ATTACHMENTS)] = ()
    voltage_v: Volts = 230.0
    line_voltage_v: Annotated[Volts, Meta(examples=[400.0])] = 400.0

    @property
    def root(self) -> str:
        """The id of the grid connection, of a tree without faults."""
        return next(node.id for node in self.nodes if node.parent is None)

    @property
    def is_unlimited(self) -> bool:
        """Whether its grid connection has no limit, of a tree of which it needn't be known whether it is one."""
        return any(node.parent is None and node.limit_a is None and node.limit_w is None for node in self.nodes)

    @property
    def attachments(self) -> tuple[Load | Solar | Battery, ...]:
        return (*self.loads, *self.solar, *self.batteries)

    def watts_told(self, evse: HungEvse) -> float:
        """The power at the outlet of an EVSE while it draws 1 A on each of its conductors."""
        if evse.current is Current.DC:
            return 3 * self.voltage_v * DC_EFFICIENCY
        of_tree = Evse(id=evse.id, node=evse.node, phases=evse.phases)
        return Electrics(
            nodes=(), evses=(), voltage_v=self.voltage_v, line_voltage_v=self.line_voltage_v
        ).watts_per_ampere(of_tree)

    @property
    def electrics(self) -> Electrics:
        """What limits are counted from."""
        return _ELECTRICS(self)

    @property
    def numbers(self) -> Mapping[str, int]:
        """The places of its EVSEs, by id."""
        return _NUMBERS(self)


def _electrics_of(tree: SiteTree) -> Electrics:
    return Electrics(
        nodes=tree.nodes,
        evses=tuple(
            Evse(id=each.id, node=each.node, phases=each.phases, max_a=each.max_a, min_a=each.min_a)
            for each in tree.evses
        ),
        voltage_v=tree.voltage_v,
        line_voltage_v=tree.line_voltage_v,
    )


def _numbers_of(tree: SiteTree) -> Mapping[str, int]:
    return {evse.id: number for number, evse in enumerate(tree.evses)}


#: What follows from a tree is asked for many times at each look, and is the same as long as the tree is.
_ELECTRICS: Final = Once[SiteTree, Electrics](_electrics_of)
_NUMBERS: Final = Once[SiteTree, Mapping[str, int]](_numbers_of)


class Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a site shall be charged. `enabled` False: no station is sent anything. `unserved_per_kwh`: what a kWh is
    worth that a car leaves without, in the currency of the tariff. `fallback_a` None: FALLBACK_A if the tree bears
    that, else nothing. `feed_in_limit_w`: what cars may feed into the grid beyond what the site itself takes;
    `car_wear_per_kwh`: what a kWh costs that a car gives back, for the wear of its battery.
    `dynamic_profiles`: stations of 2.1 that take them are told limits as dynamic profiles, which is safe only where a
    change is known to renew their duration (K28.FR.13): else one holds for longer than is counted."""

    mode: Mode = Mode.CHEAPEST
    enabled: Annotated[bool, Meta(description="False: no station is sent anything.", examples=[True])] = False
    unserved_per_kwh: Annotated[
        Decimal,
        Meta(description="What a kWh is worth that a car leaves without, in the tariff's currency.", examples=["1.00"]),
    ] = Decimal(1)
    fallback_a: Annotated[
        Amperes | None,
        Meta(
            description="What an EVSE may draw while nothing is heard of it; null: 6 A if all limits hold then, else 0."
        ),
    ] = None
    feed_in_limit_w: Annotated[
        Watts, Meta(description="What cars may feed into the grid beyond what the site itself takes.", examples=[0])
    ] = 0
    car_wear_per_kwh: Annotated[
        Decimal,
        Meta(description="What a kWh that a car gives back costs for the wear of its battery.", examples=["0.05"]),
    ] = CAR_WEAR
    dynamic_profiles: Annotated[
        bool,
        Meta(
            description="True: stations of OCPP 2.1 that take them are told limits as dynamic profiles. Only where all "
            "of them renew a profile's duration with each change, by K28.FR.13 of June 2025.",
            examples=[False],
        ),
    ] = False


class Stray(Struct, frozen=True, kw_only=True):
    """An EVSE that hangs at a site though its station stands there no more."""

    station: str
    evse: int


class SiteRecord(Struct, frozen=True, kw_only=True):
    """A site with all that was set up for it. `version` is that of the tree, 0 while there is none; `electrics` and the
    tree are without `strays`."""

    tenant_id: int
    site_id: int
    slug: str
    name: str
    zone: str
    latitude: float | None
    longitude: float | None
    version: int
    tree: SiteTree | None
    settings: Settings
    settings_version: int
    strays: tuple[Stray, ...] = ()
    changed_at: datetime | None = None
    changed_by: str | None = None

    @property
    def electrics(self) -> Electrics | None:
        return None if self.tree is None else self.tree.electrics


def with_dc(tree: SiteTree) -> SiteTree:
    """The tree with what its DC EVSEs draw at most from the grid, by what they give."""
    if all(each.current is Current.AC for each in tree.evses):
        return tree
    return structs.replace(
        tree,
        evses=tuple(
            each
            if each.current is Current.AC or each.max_w is None
            else structs.replace(each, max_a=math.ceil(each.max_w / tree.watts_told(each) * 10) / 10)
            for each in tree.evses
        ),
    )


def _dc_faults(evses: Sequence[HungEvse]) -> list[Fault]:
    found = []
    for each in evses:
        dc = each.current is Current.DC
        if dc and not each.max_w:
            words = mark("max_w of a DC EVSE must be above 0: what it gives a car at most")
            found.append(Fault(of="EVSE", id=each.id, words=words))
        elif not dc and each.max_w is not None:
            found.append(Fault(of="EVSE", id=each.id, words=mark("max_w is of a DC EVSE alone")))
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
    for plant in tree.solar:
        if plant.peak_w <= 0:
            found.append(_of(plant, mark("peak_w must be above 0")))
        if not (0 <= plant.tilt_deg <= 90 and 0 <= plant.azimuth_deg <= 360):
            found.append(_of(plant, mark("tilt_deg is from 0 to 90 and azimuth_deg from 0 to 360")))
    for battery in tree.batteries:
        found += _battery_faults(battery)
    return found


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
        a_per_w = 1 / (3 * tree.voltage_v)
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
