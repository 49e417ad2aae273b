"""Which EVSE loads which limit of a site, as a sparse matrix: a site of thousands has few rows above each EVSE."""

import numpy as np
import numpy.typing as npt
from msgspec import Struct

from forecourt.energy.rows import Complexes, Entries, Floats, Ints, Rows, summed


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
        """As `Entries.under`."""
        return Entries(row=self.row, evse=self.evse, value=self.value, begin=self.begin).under(evse)


def incidence_of(rows: Rows) -> Incidence:
    """The entries of a site's rows."""
    entries = rows.entries
    value = np.where(rows.linear[entries.row], np.abs(entries.value), entries.value)
    return Incidence(
        row=entries.row,
        evse=entries.evse,
        value=value,
        begin=entries.begin,
        limits=rows.limits,
        linear=rows.linear,
        names=rows.names,
        together=any(_weakens(rows.of[each]) for each in np.nonzero(~rows.linear)[0]),
    )


def _weakens(row: Complexes) -> bool:
    """Whether two phasors of a row point away from each other."""
    angles = np.unique(np.round(np.angle(row[row != 0]), 6))
    return bool((np.cos(angles[:, None] - angles[None, :]) < -1e-6).any())
