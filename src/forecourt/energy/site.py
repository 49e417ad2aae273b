"""One site as it is kept: its electrics with what hangs on them, and how it shall be charged. Pure."""

import math
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Final

from msgspec import Meta, Struct, structs

from forecourt.energy.model import (
    MAX_EVSES,
    MAX_NODES,
    MOST_A,
    MOST_READ_W,
    MOST_V,
    Electrics,
    Evse,
    Id,
    Name,
    Node,
    Phases,
    volts_at,
)
from forecourt.platform.unchanged import Once
from forecourt.stations.model import IDENTITY_PATTERN, MAX_IDENTITY

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
#: A plan that is older says nothing of now: a site where nobody charges is planned every five minutes.
STALE: Final = timedelta(minutes=11)
Station = Annotated[str, Meta(min_length=1, max_length=MAX_IDENTITY, pattern=IDENTITY_PATTERN, examples=["CP1"])]
NodeId = Annotated[Id, Meta(description="The node where it hangs.", examples=["grid"])]
Amperes = Annotated[float, Meta(ge=0, le=MOST_A, description="Of each conductor.")]
Volts = Annotated[float, Meta(gt=0, le=MOST_V, examples=[230.0])]
Watts = Annotated[int, Meta(ge=0, le=MOST_READ_W)]


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
    peak_w: Annotated[int, Meta(ge=1, le=MOST_READ_W, examples=[30_000])]
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

    def volts_at(self, node: str) -> float:
        """As of `Electrics`."""
        return volts_at(self.nodes, self.evses[0].node if self.evses else None, node, self.voltage_v)

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


def with_gone(tree: SiteTree, before: SiteTree | None, gone: Sequence[HungEvse]) -> SiteTree:
    """A tree with those EVSEs of the one `before` that are `gone`, where they hung, or above; but for those by whose
    names others hang."""
    parents = {} if before is None else {node.id: node.parent for node in before.nodes}
    nodes, named, kept = {node.id for node in tree.nodes}, {each.id for each in tree.evses}, list[HungEvse]()
    for each in gone:
        place: str | None = each.node
        while place is not None and place not in nodes:
            place = parents.get(place)
        if each.id not in named:
            kept.append(structs.replace(each, node=place or tree.root))
    return structs.replace(tree, evses=(*tree.evses, *kept))


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


def is_stale(planned_at: datetime, at: datetime) -> bool:
    """Whether a plan is too old to have counted at a time: none that came after it is kept."""
    return at - planned_at > STALE
