"""The limits of a site as rows of numbers: |sum of coefficient times current| is at most the limit, each row.

A row of amperes has complex coefficients, one phasor an EVSE; a row of power has real ones, in kW per ampere. Where all
phasors of a row point the same way it is linear, else a second-order cone.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from msgspec import Struct

from forecourt.energy.model import CURRENTS, Electrics, Node, Phases

Floats = npt.NDArray[np.float64]
Complexes = npt.NDArray[np.complex128]

#: By how much sums of currents may be off for the sake of floating-point arithmetic, as a share of the limit.
SLACK = 1e-6


class Rows(Struct, frozen=True, kw_only=True):
    """`of` (rows, EVSEs), `limits` (rows), which of them are linear, and what each is called."""

    of: Complexes
    limits: Floats
    linear: npt.NDArray[np.bool_]
    names: tuple[str, ...]

    def loads(self, current_a: Floats) -> Floats:
        """What flows in each row. `current_a` (EVSEs) or (EVSEs, steps)."""
        loads: Floats = np.abs(self.of @ current_a)
        return loads

    def overload(self, current_a: Floats, more: Complexes | float = 0.0) -> float:
        """The largest load as a share of its limit; a limit of zero that is kept counts as 0. `more`: what flows in
        each row besides, (rows) or (rows, steps)."""
        loads = np.abs(self.of @ current_a + more)
        limits = self.limits.reshape(-1, *[1] * (loads.ndim - 1))
        shares = np.divide(loads, limits, out=np.where(loads > 1e-9, np.inf, 0.0), where=limits > 0)
        return float(shares.max(initial=0.0))

    def room(self, current_a: Floats, evse: int) -> float:
        """How much one EVSE may draw while the others draw what they do."""
        column = self.of[:, evse]
        touched = np.nonzero(column)[0]
        if not len(touched):
            return np.inf
        mine = column[touched]
        others = self.of[touched] @ current_a - mine * current_a[evse]
        return _room(mine, others, self.limits[touched])


class Flows:
    """What flows in the rows while EVSEs draw something, kept up as one after the other changes: the room of each is
    found without adding up all others again. The currents are the caller's, and are changed by `put` alone."""

    def __init__(self, rows: Rows, current_a: Floats) -> None:
        self._rows, self._current_a = rows, current_a
        self._flows = rows.of @ current_a
        evse, self._row = np.nonzero(rows.of.T)
        self._value = rows.of[self._row, evse]
        self._begin = np.searchsorted(evse, np.arange(rows.of.shape[1] + 1))

    def room(self, evse: int) -> float:
        """As `Rows.room`."""
        entries = slice(self._begin[evse], self._begin[evse + 1])
        row, mine = self._row[entries], self._value[entries]
        if not len(row):
            return np.inf
        return _room(mine, self._flows[row] - mine * self._current_a[evse], self._rows.limits[row])

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


def rows_of(site: Electrics, batteries: Sequence[tuple[str, float]] = ()) -> Rows:
    """All limits of a site that has no faults; those that can't bind are left out. `batteries`: of each its node and
    with how many kW it is charged."""
    most = np.array([evse.max_a for evse in site.evses])
    stored = _added(site, batteries)
    kept = [
        (of, limit, name)
        for of, limit, name in _all_rows(site)
        if np.abs(of) @ most + stored.get(name, 0.0) > limit * (1 + SLACK)
    ]
    of = np.array([each for each, _, _ in kept], dtype=np.complex128).reshape(len(kept), len(site.evses))
    return Rows(
        of=of,
        limits=np.array([limit for _, limit, _ in kept], dtype=np.float64),
        linear=np.array([_is_linear(row) for row in of], dtype=np.bool_),
        names=tuple(name for _, _, name in kept),
    )


def adds_of(site: Electrics, node: str, names: Sequence[str]) -> Complexes:
    """What a kW that is taken from all three conductors alike at a node adds to each of these rows of the site."""
    nodes = {each.id: each for each in site.nodes}
    flowing: Any = np.array(CURRENTS[Phases.ALL]) * 1000 / (3 * site.voltage_v)
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


def _all_rows(site: Electrics) -> Iterator[tuple[Complexes, float, str]]:
    below = _currents_below(site)
    kw = np.array([site.watts_per_ampere(evse) / 1000 for evse in site.evses])
    for node in site.nodes:
        currents = below[node.id]
        if node.limit_a is not None:
            for line, of in enumerate(currents, 1):
                yield of, float(node.limit_a), f"{node.id} L{line}"
        if node.limit_w is not None:
            reached = np.abs(currents).any(axis=0)
            yield np.where(reached, kw, 0.0).astype(np.complex128), node.limit_w / 1000, f"{node.id} power"


def _currents_below(site: Electrics) -> dict[str, Complexes]:
    """For each node the currents on its three conductors, (3, EVSEs), while every EVSE draws 1 A."""
    below: dict[str, Complexes] = {node.id: np.zeros((3, len(site.evses)), np.complex128) for node in site.nodes}
    nodes = {node.id: node for node in site.nodes}
    for number, evse in enumerate(site.evses):
        flowing: Any = np.array(CURRENTS[evse.phases])
        node: Node | None = nodes[evse.node]
        while node is not None:
            below[node.id][:, number] = flowing
            if node.delta_wye is not None:
                flowing = (flowing - np.roll(flowing, 1)) / node.delta_wye
            node = nodes[node.parent] if node.parent is not None else None
    return below


def _is_linear(row: Complexes) -> bool:
    """Whether all phasors of a row point the same way."""
    there = row[np.abs(row) > 0]
    return len(there) == 0 or bool(np.allclose((there / np.abs(there)), there[0] / abs(there[0]), atol=1e-9))
