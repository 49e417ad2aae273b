"""The electrics of one site: a tree of nodes with limits, and the EVSEs that hang on them.

Currents are phasors on three line conductors, so that single-phase, three-phase and line-to-line (delta) connections,
and a delta-wye transformer between two nodes, are counted as they are: by vector, not by sum of amperes.
"""

import cmath
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Annotated, Any, Final

from msgspec import Meta, Struct

from forecourt.platform.text import NAME_LINE, ONE_LINE
from forecourt.ui.i18n import mark

#: EVSEs and nodes of one site.
MAX_EVSES: Final = 10_000
#: More than any site has, in W, in Wh, and in A on each conductor, and than any EVSE gives: what is said beyond is a
#: slip of the pen.
MOST_W: Final = 10**8
MOST_WH: Final = 10**9
MOST_A: Final = 10_000
MOST_EVSE_W: Final = 10**7
#: What was stored before there were such bounds is read all the same.
MOST_READ_W: Final = 10**9
#: The most of a voltage, and of a transformer's ratio of turns.
MOST_V: Final = 1_000_000
MOST_TURNS: Final = 10_000
MAX_NODES: Final = 1_000
#: What nominal voltages of the EVSEs of one site may differ by, as a share.
VOLTAGES_APART: Final = 0.1

Id = Annotated[str, Meta(min_length=1, max_length=100, pattern=NAME_LINE)]
Name = Annotated[str, Meta(max_length=200, pattern=ONE_LINE, description="What people call it; its id if empty.")]


class Phases(StrEnum):
    """Between which conductors an EVSE draws its current."""

    L1 = "L1"
    L2 = "L2"
    L3 = "L3"
    L12 = "L1-L2"
    L23 = "L2-L3"
    L31 = "L3-L1"
    ALL = "L1-L2-L3"


def _turned(degrees: float) -> complex:
    return cmath.rect(1.0, math.radians(degrees))


#: The current on each line conductor while an EVSE draws 1 A, as phasors at unity power factor; the angle of L1 to
#: neutral is zero, and phases follow each other by 120 degrees.
CURRENTS: Final[Mapping[Phases, tuple[complex, complex, complex]]] = {
    Phases.L1: (_turned(0), 0j, 0j),
    Phases.L2: (0j, _turned(-120), 0j),
    Phases.L3: (0j, 0j, _turned(120)),
    Phases.L12: (_turned(30), -_turned(30), 0j),
    Phases.L23: (0j, _turned(-90), -_turned(-90)),
    Phases.L31: (-_turned(150), 0j, _turned(150)),
    Phases.ALL: (_turned(0), _turned(-120), _turned(120)),
}


class Node(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A place in the tree where what flows below is limited: grid connection, panel, feeder, transformer.

    `limit_a`: for each line conductor. `limit_w`: active power. `delta_wye`: a transformer stands between this node and
    its parent, delta on the parent's side, and this is the ratio of its line-to-neutral turns: 4 for 480 V to 120 V.
    `name`: what people call it; its id if empty.
    """

    id: Annotated[Id, Meta(examples=["grid"])]
    name: Name = ""
    parent: Annotated[Id | None, Meta(description="The node above it; null: the grid.", examples=[None])] = None
    limit_a: Annotated[float | None, Meta(description="Of each line conductor.", examples=[63.0])] = None
    limit_w: Annotated[int | None, Meta(description="Active power.", examples=[40_000])] = None
    delta_wye: Annotated[
        float | None, Meta(description="Ratio of a delta-wye transformer above it.", examples=[None])
    ] = None


class Evse(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What may draw up to `max_a` on each of its conductors; a car that gets less than `min_a` stops (IEC 61851-1)."""

    id: str
    node: str
    phases: Phases = Phases.ALL
    max_a: float = 32.0
    min_a: float = 6.0


class Electrics(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, weakref=True):
    """One site. Voltages are nominal and those at its EVSEs: `voltage_v` from line to neutral, `line_voltage_v` from
    line to line."""

    nodes: tuple[Node, ...]
    evses: tuple[Evse, ...]
    voltage_v: float = 230.0
    line_voltage_v: float = 400.0

    def watts_per_ampere(self, evse: Evse) -> float:
        """Active power of an EVSE while it draws 1 A on each of its conductors."""
        if evse.phases is Phases.ALL:
            return 3 * self.voltage_v
        return self.voltage_v if evse.phases in (Phases.L1, Phases.L2, Phases.L3) else self.line_voltage_v

    def volts_at(self, node: str) -> float:
        """The nominal voltage from line to neutral at a node: above a transformer another one than at its EVSEs."""
        return volts_at(self.nodes, self.evses[0].node if self.evses else None, node, self.voltage_v)


def volts_at(nodes: Sequence[Node], hung: str | None, node: str, voltage_v: float) -> float:
    """The nominal voltage from line to neutral at a node of a tree, whose EVSEs, of which one hangs at the node `hung`,
    have `voltage_v`; without one, the nodes that are lowest by voltage have it."""
    by_id = {each.id: each for each in nodes}
    least = min(_voltage_share(by_id, each) for each in by_id) if hung is None else _voltage_share(by_id, hung)
    return voltage_v * _voltage_share(by_id, node) / least


def _voltage_share(nodes: Mapping[str, Node], at: str) -> float:
    """The voltage at a node as a share of that at the grid connection, of nodes that form a tree."""
    found, each = 1.0, nodes[at]
    while each.parent is not None:
        found *= 1.0 if each.delta_wye is None else math.sqrt(3) / each.delta_wye
        each = nodes[each.parent]
    return found


class Fault(Struct, frozen=True, kw_only=True):
    """Something that is nonsense. `of` is what it is about (`node`, `EVSE`, ...; empty: the site) and `id` which of
    them; `words` are marked, with placeholders for `values`."""

    of: str = ""
    id: str = ""
    words: str
    values: Mapping[str, Any] = {}

    @property
    def text(self) -> str:
        """What is wrong, in English, without where."""
        return self.words % self.values

    def __str__(self) -> str:
        return f"{self.of} {self.id}: {self.text}" if self.of else self.text


TWICE: Final = mark("it is there %(times)s times")
UNHUNG: Final = mark("there is no node %(node)s")
TOO_MUCH: Final = mark("%(field)s must be a number from 0 to %(most)s")


def faults(site: Electrics) -> list[str]:
    """What is nonsense in a site, in words that say where; empty where nothing is."""
    return [str(fault) for fault in find_faults(site)]


def find_faults(site: Electrics, *, least_evses: int = 1) -> list[Fault]:
    """The same, each for itself. A site that is being set up may have no EVSE yet."""
    found = [
        *_size_faults(site, least_evses),
        *_tree_faults(site.nodes),
        *repeated("EVSE", [evse.id for evse in site.evses]),
    ]
    found += unhung("EVSE", [(evse.id, evse.node) for evse in site.evses], site.nodes)
    words = mark("its currents must be 0 <= min_a <= max_a, with max_a above 0")
    found += [
        Fault(of="EVSE", id=evse.id, words=words)
        for evse in site.evses
        if not (0 <= evse.min_a <= evse.max_a and 0 < evse.max_a < math.inf)
    ]
    return found or _voltage_faults(site)


def repeated(of: str, ids: Sequence[str]) -> list[Fault]:
    """A fault for each id that is there more than once."""
    return [Fault(of=of, id=id, words=TWICE, values={"times": n}) for id, n in Counter(ids).items() if n > 1]


def unhung(of: str, hung: Sequence[tuple[str, str]], nodes: Sequence[Node]) -> list[Fault]:
    """A fault for each thing (id, node) that hangs on no node."""
    known = {node.id for node in nodes}
    return [Fault(of=of, id=id, words=UNHUNG, values={"node": node}) for id, node in hung if node not in known]


def _size_faults(site: Electrics, least_evses: int) -> list[Fault]:
    found = []
    if not 1 <= len(site.nodes) <= MAX_NODES:
        found.append(Fault(words=mark("a site has 1 to %(most)s nodes"), values={"most": MAX_NODES}))
    if not least_evses <= len(site.evses) <= MAX_EVSES:
        found.append(Fault(words=mark("a site has 1 to %(most)s EVSEs"), values={"most": MAX_EVSES}))
    if not (0 < site.voltage_v <= MOST_V and 0 < site.line_voltage_v <= MOST_V):
        found.append(Fault(words=mark("voltages must be above 0, and %(most)s at most"), values={"most": MOST_V}))
    elif not 1.6 < site.line_voltage_v / site.voltage_v < 1.85:
        words = mark("line_voltage_v must be about 1.73 times voltage_v: three phases have no other")
        found.append(Fault(words=words))
    return found


def _tree_faults(nodes: Sequence[Node]) -> list[Fault]:
    parents = {node.id: node.parent for node in nodes}
    found = repeated("node", [node.id for node in nodes])
    roots = [node.id for node in nodes if node.parent is None]
    if len(roots) != 1:
        words = mark("one node is the grid connection and has no parent; here are %(roots)s")
        found.append(Fault(words=words, values={"roots": len(roots)}))
    for node in nodes:
        if node.parent is not None and node.parent not in parents:
            found.append(Fault(of="node", id=node.id, words=UNHUNG, values={"node": node.parent}))
        for name, value, most in (
            ("limit_a", node.limit_a, MOST_A),
            ("limit_w", node.limit_w, MOST_W),
            ("delta_wye", node.delta_wye, MOST_TURNS),
        ):
            if value is not None and not (0 <= value <= most and (name != "delta_wye" or value > 0)):
                found.append(Fault(of="node", id=node.id, words=TOO_MUCH, values={"field": name, "most": most}))
        if node.delta_wye is not None and node.parent is None:
            found.append(Fault(of="node", id=node.id, words=mark("a transformer needs a node above it")))
    circle = mark("it stands in a circle")
    return found or [Fault(of="node", id=node.id, words=circle) for node in nodes if _circles(node.id, parents)]


def _voltage_faults(site: Electrics) -> list[Fault]:
    """Of EVSEs at other voltages than the first: a site without other faults has one."""
    nodes = {node.id: node for node in site.nodes}
    shares = {each: _voltage_share(nodes, each) for each in nodes}
    words = mark("its voltage isn't that of %(evse)s, as a transformer stands between: give it a site of its own")
    return [
        Fault(of="EVSE", id=evse.id, words=words, values={"evse": site.evses[0].id})
        for evse in site.evses
        if abs(shares[evse.node] / shares[site.evses[0].node] - 1) > VOLTAGES_APART
    ]


def _circles(start: str, parents: Mapping[str, str | None]) -> bool:
    at, steps = parents[start], 0
    while at is not None and steps <= len(parents):
        at, steps = parents[at], steps + 1
    return at is not None
