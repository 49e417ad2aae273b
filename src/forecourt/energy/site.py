"""One site as it is kept: its electrics with what hangs on them, and how it shall be charged. Pure."""

import math
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Final

from msgspec import Struct

from forecourt.energy.model import Electrics, Evse, Fault, Node, Phases, find_faults, repeated, unhung
from forecourt.ui.i18n import mark

#: Loads, solar plants and batteries of one site, together.
MAX_ATTACHMENTS: Final = 100
#: What an EVSE may draw while nothing is heard of it, where the tree bears so much of all at once.
FALLBACK_A: Final = 6.0
#: By how much the sum of all fallbacks may exceed a limit, as a share: floating-point arithmetic.
_SLACK: Final = 1e-6


class Mode(StrEnum):
    """What the planner is after."""

    FASTEST = "fastest"
    CHEAPEST = "cheapest"
    GREENEST = "greenest"
    SOLAR = "solar"
    EQUAL = "equal"


class HungEvse(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An EVSE of a station (its identity) at a node. `fallback_a`: what it may draw while nothing is heard of it; None:
    as the settings of the site say."""

    station: str
    evse: int
    node: str
    phases: Phases = Phases.ALL
    max_a: float = 32.0
    min_a: float = 6.0
    fallback_a: float | None = None

    @property
    def id(self) -> str:
        """How the tree names it: an identity holds no colon."""
        return f"{self.station}:{self.evse}"


class Load(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What else draws power at a node: a building. `most_w` is assumed while its meter says nothing; `meter` is the
    identity of a station that measures it."""

    id: str
    node: str
    name: str = ""
    most_w: int = 0
    meter: str | None = None


class Solar(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A solar plant. `peak_w` under standard conditions; `azimuth_deg` clockwise from north."""

    id: str
    node: str
    name: str = ""
    peak_w: int
    tilt_deg: float = 30.0
    azimuth_deg: float = 180.0
    meter: str | None = None


class Battery(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A stationary battery. `efficiency` of charging and discharging together, `reserve_wh` is never taken from it,
    `wear_per_kwh` is what a kWh through it costs, in the currency of the site's tariff."""

    id: str
    node: str
    name: str = ""
    capacity_wh: int
    charge_w: int
    discharge_w: int
    efficiency: float = 0.9
    reserve_wh: int = 0
    wear_per_kwh: Decimal = Decimal(0)


class SiteTree(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The electrics of a site as they are stored: nodes, and what hangs on them."""

    nodes: tuple[Node, ...]
    evses: tuple[HungEvse, ...] = ()
    loads: tuple[Load, ...] = ()
    solar: tuple[Solar, ...] = ()
    batteries: tuple[Battery, ...] = ()
    voltage_v: float = 230.0
    line_voltage_v: float = 400.0

    @property
    def root(self) -> str:
        """The id of the grid connection, of a tree without faults."""
        return next(node.id for node in self.nodes if node.parent is None)

    @property
    def attachments(self) -> tuple[Load | Solar | Battery, ...]:
        return (*self.loads, *self.solar, *self.batteries)

    @property
    def electrics(self) -> Electrics:
        """What limits are counted from."""
        return Electrics(
            nodes=self.nodes,
            evses=tuple(
                Evse(id=each.id, node=each.node, phases=each.phases, max_a=each.max_a, min_a=each.min_a)
                for each in self.evses
            ),
            voltage_v=self.voltage_v,
            line_voltage_v=self.line_voltage_v,
        )


class Settings(Struct, frozen=True, kw_only=True):
    """How a site shall be charged. `enabled` False: no station is sent anything. `unserved_per_kwh`: what a kWh is
    worth that a car leaves without, in the currency of the tariff. `fallback_a` None: FALLBACK_A if the tree bears
    that, else nothing."""

    mode: Mode = Mode.CHEAPEST
    enabled: bool = False
    unserved_per_kwh: Decimal = Decimal(1)
    fallback_a: float | None = None


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


def site_faults(tree: SiteTree) -> list[Fault]:
    """What is nonsense in a tree by itself."""
    found = find_faults(tree.electrics, least_evses=0)
    found += repeated("attachment", [each.id for each in tree.attachments])
    found += unhung("attachment", [(each.id, each.node) for each in tree.attachments], tree.nodes)
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


def _of(each: Load | Solar | Battery, words: str) -> Fault:
    return Fault(of="attachment", id=each.id, words=words)


def _battery_faults(battery: Battery) -> list[Fault]:
    found = []
    if not (battery.capacity_wh > 0 and battery.charge_w >= 0 and battery.discharge_w >= 0):
        found.append(_of(battery, mark("capacity_wh must be above 0, charge_w and discharge_w from 0")))
    if not 0.3 <= battery.efficiency <= 1:
        found.append(_of(battery, mark("efficiency is from 0.3 to 1")))
    if not 0 <= battery.reserve_wh <= battery.capacity_wh:
        found.append(_of(battery, mark("reserve_wh is from 0 to capacity_wh")))
    if battery.wear_per_kwh < 0:
        found.append(_of(battery, mark("wear_per_kwh must be from 0")))
    return found


def evse_faults(
    tree: SiteTree,
    here: Collection[tuple[str, int]],
    known: Collection[tuple[str, int]],
    elsewhere: Mapping[tuple[str, int], str],
) -> list[Fault]:
    """What is wrong with the EVSEs of a tree beside what is there: those of the site, all that the organisation has,
    and those that hang at another site, with its name."""
    found = []
    for each in tree.evses:
        key = each.station, each.evse
        if key not in known:
            words = mark("the organisation has no such EVSE")
            found.append(Fault(of="EVSE", id=each.id, words=words))
        elif key not in here:
            words = mark("its station stands neither at this site nor at a part of it")
            found.append(Fault(of="EVSE", id=each.id, words=words))
        elif key in elsewhere:
            words = mark("it hangs at the site %(site)s already")
            found.append(Fault(of="EVSE", id=each.id, words=words, values={"site": elsewhere[key]}))
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
    """Limits that would be exceeded if nothing were heard of all EVSEs at once; `tree` is without other faults."""
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
    rows = rows_of(tree.electrics)
    loads = rows.loads(np.array([fallbacks[each.id] for each in tree.evses]))
    over = [number for number, load in enumerate(loads) if load > rows.limits[number] * (1 + _SLACK)]
    nodes: Sequence[str] = sorted({rows.names[number].rsplit(" ", 1)[0] for number in over})
    words = mark("the fallbacks of its EVSEs together exceed its limit: it would be overloaded while nothing is heard")
    return [Fault(of="node", id=node, words=words) for node in nodes]
