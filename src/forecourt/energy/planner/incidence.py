"""Which EVSE loads which limit of a site, as a sparse matrix: a site of thousands has few rows above each EVSE."""

from typing import Any

import numpy as np
import numpy.typing as npt
from msgspec import Struct

from forecourt.energy.rows import Complexes, Floats, Rows

Ints = npt.NDArray[np.int64]


class Incidence(Struct, frozen=True, kw_only=True):
    """The entries that aren't zero, ordered by EVSE: those of EVSE e are `begin[e]` to before `begin[e + 1]`.

    Rows that are linear are turned so that their values are real. `together`: some currents weaken each other in some
    row, so that more of one may free another.
    """

    row: Ints
    evse: Ints
    value: Complexes
    begin: Ints
    limits: Floats
    linear: npt.NDArray[np.bool_]
    names: tuple[str, ...]
    together: bool

    @property
    def rows(self) -> int:
        return len(self.limits)

    def flows(self, evse: Ints, current_a: Floats) -> Complexes:
        """What flows in each row while currents are drawn at these EVSEs."""
        entry, which = self.under(evse)
        flows: Complexes = summed(self.row[entry], self.value[entry] * current_a[which], self.rows)
        return flows

    def under(self, evse: Ints) -> tuple[Ints, Ints]:
        """The entries of these EVSEs, one EVSE after the other, and the place in the argument each belongs to."""
        counts = self.begin[evse + 1] - self.begin[evse]
        which = np.repeat(np.arange(len(evse)), counts)
        before = np.concatenate([[0], np.cumsum(counts)[:-1]]) if len(counts) else counts
        return np.arange(len(which)) - before[which] + self.begin[evse][which], which


def incidence_of(rows: Rows) -> Incidence:
    """The entries of a site's rows."""
    evse, row = np.nonzero(rows.of.T)
    value = rows.of[row, evse]
    value = np.where(rows.linear[row], np.abs(value), value)
    evses = rows.of.shape[1]
    return Incidence(
        row=row,
        evse=evse,
        value=value,
        begin=np.searchsorted(evse, np.arange(evses + 1)),
        limits=rows.limits,
        linear=rows.linear,
        names=rows.names,
        together=any(_weakens(rows.of[each]) for each in np.nonzero(~rows.linear)[0]),
    )


def summed(key: Ints, value: Any, number: int) -> Any:
    """The sums of values with the same key, 0 to before `number`; phasors only if the values are."""
    if not np.iscomplexobj(value):
        return np.bincount(key, value, number)
    return np.bincount(key, value.real, number) + 1j * np.bincount(key, value.imag, number)


def _weakens(row: Complexes) -> bool:
    """Whether two phasors of a row point away from each other."""
    angles = np.unique(np.round(np.angle(row[row != 0]), 6))
    return bool((np.cos(angles[:, None] - angles[None, :]) < -1e-6).any())
