"""The limits of a site as rows of numbers: |sum of coefficient times current| is at most the limit, each row.

A row of amperes has complex coefficients, one phasor an EVSE; a row of power has real ones, in kW per ampere. Where all
phasors of a row point the same way it is linear, else a second-order cone.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from msgspec import Struct, structs

from forecourt.energy.model import CURRENTS, Electrics, Evse, Node, Phases

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Complexes = npt.NDArray[np.complex128]

#: By how much sums of currents may be off for the sake of floating-point arithmetic, as a share of the limit.
SLACK = 1e-6


class Entries(Struct, frozen=True, kw_only=True):
    """The coefficients that aren't zero, by EVSE: those of EVSE e are `begin[e]` to before `begin[e + 1]`."""

    row: Ints
    evse: Ints
    value: Complexes
    begin: Ints

    def under(self, evse: Ints) -> tuple[Ints, Ints]:
        """The entries of these EVSEs, one EVSE after the other, and the place in the argument each belongs to."""
        counts = self.begin[evse + 1] - self.begin[evse]
        which = np.repeat(np.arange(len(evse)), counts)
        before = np.concatenate([[0], np.cumsum(counts)[:-1]]) if len(counts) else counts
        return np.arange(len(which)) - before[which] + self.begin[evse][which], which


class Rows(Struct, frozen=True, kw_only=True):
    """`of` (rows, EVSEs), `limits` (rows), which of them are linear, and what each is called. `entries`: what of `of`
    isn't zero; a site of thousands has few rows above each EVSE."""

    of: Complexes
    limits: Floats
    linear: npt.NDArray[np.bool_]
    names: tuple[str, ...]
    entries: Entries

    def flows(self, current_a: Floats) -> Complexes:
        """What flows in each row, with its phase. `current_a` (EVSEs)."""
        entries = self.entries
        flows: Complexes = summed(entries.row, entries.value * current_a[entries.evse], len(self.limits))
        return flows

    def loads(self, current_a: Floats) -> Floats:
        """What flows in each row. `current_a` (EVSEs) or (EVSEs, steps)."""
        loads: Floats = np.abs(self.flows(current_a) if current_a.ndim == 1 else self.of @ current_a)
        return loads

    def overload(self, current_a: Floats, more: Complexes | float = 0.0, limits: Floats | None = None) -> float:
        """The largest load as a share of its limit; a limit of zero that is kept counts as 0. `more`: what flows in
        each row besides, (rows) or (rows, steps); `limits`: other ones in each step, (rows, steps)."""
        loads = np.abs((self.flows(current_a) if current_a.ndim == 1 else self.of @ current_a) + more)
        limits = self.limits.reshape(-1, *[1] * (loads.ndim - 1)) if limits is None else limits
        return float(shares(loads, limits).max(initial=0.0))

    def room(self, current_a: Floats, evse: int) -> float:
        """How much one EVSE may draw while the others draw what they do."""
        return Flows(self, current_a).room(evse)


def shares(loads: Floats, limits: Floats) -> Floats:
    """Loads as shares of their limits; where a limit is zero 0 if it is kept, else infinite."""
    return np.asarray(np.divide(loads, limits, out=np.where(loads > 1e-9, np.inf, 0.0), where=limits > 0))


class Flows:
    """What flows in the rows while EVSEs draw something, kept up as one after the other changes: the room of each is
    found without adding up all others again. The currents are the caller's, and are changed by `put` alone."""

    def __init__(self, rows: Rows, current_a: Floats) -> None:
        self._limits, self._current_a = rows.limits, current_a
        self._flows = rows.flows(current_a).astype(np.complex128)
        entries = rows.entries
        self._row, self._value, self._begin = entries.row, entries.value, entries.begin

    def room(self, evse: int) -> float:
        """As `Rows.room`."""
        entries = slice(self._begin[evse], self._begin[evse + 1])
        row, mine = self._row[entries], self._value[entries]
        if not len(row):
            return np.inf
        return _room(mine, self._flows[row] - mine * self._current_a[evse], self._limits[row])

    def put(self, evse: int, current_a: float) -> None:
        """Let an EVSE draw so much."""
        entries = slice(self._begin[evse], self._begin[evse + 1])
        self._flows[self._row[entries]] += self._value[entries] * (current_a - self._current_a[evse])
        self._current_a[evse] = current_a


def _room(mine: Complexes, others: Complexes, limits: Floats) -> float:
    """How much one may draw beside the others in rows that it loads: the largest root of each row's quadratic."""
    a, b = np.abs(mine) ** 2, (np.conj(others) * mine).real
    root = b**2 - a * (np.abs(others) ** 2 - limits**2)
    if (root < 0).any():
        return 0.0
    return max(0.0, float(((np.sqrt(root) - b) / a).min()))


def rows_of(site: Electrics, batteries: Sequence[tuple[str, float]] = (), frame: "Frame | None" = None) -> Rows:
    """All limits of a site that has no faults; those that can't bind are left out. `batteries`: of each its node and
    with how many kW it is charged. `frame`: of its EVSEs and its tree, where that is known already."""
    frame = Frame(site) if frame is None else frame
    stored = _added(site, batteries)
    limits = np.concatenate([_limits_of(node) for node in site.nodes]) if site.nodes else np.zeros(0)
    most = frame.most if not stored else frame.most + np.array([stored.get(name, 0.0) for name in frame.names])
    return frame.rows(most > limits * (1 + SLACK), limits)


def _limits_of(node: Node) -> Floats:
    """As a frame has its rows: of the three conductors and of the power."""
    limit_a = np.inf if node.limit_a is None else float(node.limit_a)
    return np.array([limit_a, limit_a, limit_a, np.inf if node.limit_w is None else node.limit_w / 1000])


class Frame:
    """All rows that a site could have, whatever its limits are: four of each node, three conductors and the power.
    What follows from where EVSEs hang is reckoned once, and again where other rows may bind."""

    def __init__(self, site: Electrics) -> None:
        self.names = tuple(f"{node.id} {of}" for node in site.nodes for of in ("L1", "L2", "L3", "power"))
        self._entries = _entries(site)
        max_a = np.array([evse.max_a for evse in site.evses])
        rows, entries = len(self.names), self._entries
        #: What flows in each at the most.
        most = np.bincount(entries.row, np.abs(entries.value) * max_a[entries.evse], rows)
        self.most: Floats = most.astype(np.float64)
        self._last: tuple[bytes, Rows] | None = None

    def rows(self, which: npt.NDArray[np.bool_], limits: Floats) -> Rows:
        """Some of the rows, with these limits of all of them; coefficients are the same objects as long as the rows
        are."""
        last = self._last
        if last is None or last[0] != which.tobytes():
            last = self._last = which.tobytes(), self._some(which)
        return structs.replace(last[1], limits=limits[which])

    def _some(self, which: npt.NDArray[np.bool_]) -> Rows:
        entries, evses = self._entries, len(self._entries.begin) - 1
        there = which[entries.row]
        kept = _by_evse((np.cumsum(which) - 1)[entries.row[there]], entries.evse[there], entries.value[there], evses)
        number = int(which.sum())
        return Rows(
            of=_dense(kept, number, evses),
            limits=np.zeros(number),
            linear=_linear(kept, number),
            names=tuple(self.names[each] for each in np.nonzero(which)[0]),
            entries=kept,
        )


def entries_of(of: Complexes) -> Entries:
    """What isn't zero of a matrix of rows."""
    evse, row = np.nonzero(of.T)
    return _by_evse(row, evse, of[row, evse], of.shape[1])


def joined_entries(first: Entries, rows: int, second: Entries) -> Entries:
    """Those of some rows and of others that follow them. `rows`: how many the first are."""
    row = np.concatenate([first.row, second.row + rows])
    evse = np.concatenate([first.evse, second.evse])
    order = np.lexsort((row, evse))
    value = np.concatenate([first.value, second.value])
    return _by_evse(row[order], evse[order], value[order], len(first.begin) - 1)


def summed(key: Ints, value: Any, number: int) -> Any:
    """The sums of values with the same key, 0 to before `number`; phasors only if the values are."""
    if not np.iscomplexobj(value):
        return np.bincount(key, value, number)
    return np.bincount(key, value.real, number) + 1j * np.bincount(key, value.imag, number)


def _by_evse(row: Ints, evse: Ints, value: Complexes, evses: int) -> Entries:
    return Entries(row=row, evse=evse, value=value, begin=np.searchsorted(evse, np.arange(evses + 1)))


def _dense(entries: Entries, rows: int, evses: int) -> Complexes:
    of = np.zeros((rows, evses), np.complex128)
    of[entries.row, entries.evse] = entries.value
    return of


def _linear(entries: Entries, rows: int) -> npt.NDArray[np.bool_]:
    """Of which rows all phasors point the same way."""
    unit = entries.value / np.abs(entries.value)
    first = np.ones(rows, np.complex128)
    first[entries.row[::-1]] = unit[::-1]
    found = np.ones(rows, np.bool_)
    found[entries.row[~np.isclose(unit, first[entries.row], atol=1e-9)]] = False
    return found


def adds_of(site: Electrics, node: str, names: Sequence[str]) -> Complexes:
    """What a kW that is taken from all three conductors alike at a node adds to each of these rows of the site."""
    nodes = {each.id: each for each in site.nodes}
    flowing: Any = np.array(CURRENTS[Phases.ALL]) * 1000 / (3 * site.volts_at(node))
    found: dict[str, complex] = {}
    at: Node | None = nodes[node]
    while at is not None:
        found |= {f"{at.id} L{line}": complex(value) for line, value in enumerate(flowing, 1)}
        found[f"{at.id} power"] = 1.0 + 0j
        if at.delta_wye is not None:
            flowing = (flowing - np.roll(flowing, 1)) / at.delta_wye
        at = nodes[at.parent] if at.parent is not None else None
    return np.array([found.get(name, 0j) for name in names], dtype=np.complex128)


def _added(site: Electrics, batteries: Sequence[tuple[str, float]]) -> dict[str, float]:
    """The most that batteries add to each row that there may be, by its name."""
    names = [f"{node.id} {of}" for node in site.nodes for of in ("L1", "L2", "L3", "power")] if batteries else []
    total = np.zeros(len(names))
    for node, kw in batteries:
        total += np.abs(adds_of(site, node, names)) * kw
    return dict(zip(names, total.tolist(), strict=True))


def _entries(site: Electrics) -> Entries:
    """Of all rows of a site: what flows in each while every EVSE draws 1 A. The way up is the same for all that hang
    at one node by the same conductors."""
    number_of = {node.id: number for number, node in enumerate(site.nodes)}
    nodes = {node.id: node for node in site.nodes}
    ways: dict[tuple[str, Phases], list[tuple[int, complex]]] = {}
    row, evse, value = list[int](), list[int](), list[complex]()
    for number, each in enumerate(site.evses):
        way = ways.get((each.node, each.phases))
        if way is None:
            way = ways[each.node, each.phases] = _way_up(nodes, number_of, each, site.watts_per_ampere(each) / 1000)
        row += [at for at, _ in way]
        value += [of for _, of in way]
        evse += [number] * len(way)
    return _by_evse(np.array(row, np.int64), np.array(evse, np.int64), np.array(value, np.complex128), len(site.evses))


def _way_up(
    nodes: Mapping[str, Node], number_of: Mapping[str, int], evse: Evse, kw: float
) -> list[tuple[int, complex]]:
    """The rows that an EVSE loads, in order, and with what."""
    found = []
    flowing: Any = np.array(CURRENTS[evse.phases])
    node: Node | None = nodes[evse.node]
    while node is not None:
        first = 4 * number_of[node.id]
        found += [(first + line, complex(of)) for line, of in enumerate(flowing) if of != 0]
        if np.abs(flowing).any():
            found.append((first + 3, complex(kw)))
        if node.delta_wye is not None:
            flowing = (flowing - np.roll(flowing, 1)) / node.delta_wye
        node = nodes[node.parent] if node.parent is not None else None
    return sorted(found)
