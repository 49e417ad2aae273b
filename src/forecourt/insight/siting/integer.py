"""The integer programs, on HiGHS: sparse, silent, one thread, bounded in time.

A bound is what HiGHS proved when it ended, whether it was done or not.
"""

from collections.abc import Callable
from typing import Any, Final

import highspy
import numpy as np
from msgspec import Struct

from forecourt.insight.siting.model import ENOUGH_GAP, Floats, Indices, Stopped

#: A share of the value below which HiGHS ends.
_GAP: Final = ENOUGH_GAP / 10


Usable = np.ndarray[Any, np.dtype[np.bool_]]


_INTERRUPTS: Final = (
    highspy.cb.HighsCallbackType.kCallbackMipInterrupt,
    highspy.cb.HighsCallbackType.kCallbackSimplexInterrupt,
    highspy.cb.HighsCallbackType.kCallbackIpmInterrupt,
)


class _Silent(highspy.Highs):
    """HiGHS, which greets on stdout when its own callbacks are enabled; they aren't needed."""

    def enableCallbacks(self) -> None:  # noqa: N802 -- HiGHS's name
        self.silent()


class Purse(Struct, frozen=True, kw_only=True):
    """What each candidate costs, 0 or more, and what may be spent in all, in whole minor units."""

    costs: Indices
    budget_minor: int

    def pays(self, picked: list[int]) -> bool:
        """Whether these can be paid, all together."""
        return int(self.costs[picked].sum()) <= self.budget_minor

    def allows(self, picked: list[int]) -> Usable:
        """Which candidates can be paid beside those picked."""
        left = self.budget_minor - int(self.costs[picked].sum())
        affordable: Usable = self.costs <= left
        return affordable


class Found(Struct, frozen=True, kw_only=True):
    """The columns of the sites that are open, None where nothing was found in time, and the proven bound."""

    picked: Indices | None
    bound: float


def median(
    distances: Floats, fixed: Floats, weights: Floats, usable: Usable, new: int, seconds: float, stopped: Stopped
) -> Found:
    """The p-median among few candidates: at most `new` open, each demand at one of them or at the site that is there,
    where `usable` says so (demand by candidates, and the sites that are there last). Km and units as in
    `median.solve`; every weight above 0. The bound is infinite where no choice is left."""
    demand, sites = distances.shape
    row, column = np.nonzero(usable[:, :-1])
    stays = np.flatnonzero(usable[:, -1])
    pairs = len(row)
    cost = np.concatenate([np.zeros(sites), weights[row] * distances[row, column], weights[stays] * fixed[stays]])
    links = demand + np.arange(pairs)
    # Rows: each demand once; nobody at a site that is closed; so many sites.
    rows = [row, stays, links, links, np.full(sites, demand + pairs)]
    served = sites + np.arange(pairs + len(stays))
    columns = [served[:pairs], served[pairs:], served[:pairs], column, np.arange(sites)]
    values = [np.ones(pairs), np.ones(len(stays)), np.ones(pairs), -np.ones(pairs), np.ones(sites)]
    return _solved(
        cost, (np.concatenate(rows), np.concatenate(columns), np.concatenate(values)),
        np.concatenate([np.ones(demand), np.full(pairs, -np.inf), [0.0]]),
        np.concatenate([np.ones(demand), np.zeros(pairs), [float(new)]]),
        sites, seconds, stopped,
    )  # fmt: skip


def cover(
    covered: Usable, weights: Floats, new: int, seconds: float, stopped: Stopped, purse: Purse | None = None
) -> Found:
    """The most weight covered by at most `new` columns, that with a `purse` cost no more in all than it says, but for a
    millionth of it, which HiGHS doesn't tell from nothing; the bound is the least weight that no choice can pass."""
    demand, sites = covered.shape
    row, column = np.nonzero(covered)
    cost = np.concatenate([np.zeros(sites), -weights])
    rows = [np.arange(demand), row, np.full(sites, demand)]
    columns = [sites + np.arange(demand), column, np.arange(sites)]
    values = [np.ones(demand), -np.ones(len(row)), np.ones(sites)]
    upper = [*np.zeros(demand), float(new)]
    if purse is not None:
        # In shares of the purse: whatever the unit, the numbers are of a size.
        rows.append(np.full(sites, demand + 1))
        columns.append(np.arange(sites))
        values.append(purse.costs / max(purse.budget_minor, 1))
        upper.append(1.0)
    found = _solved(
        cost, (np.concatenate(rows), np.concatenate(columns), np.concatenate(values)),
        np.full(len(upper), -np.inf), np.array(upper), sites, seconds, stopped,
    )  # fmt: skip
    return Found(picked=found.picked, bound=-found.bound)


def _solved(
    cost: Floats, entries: tuple[Indices, Indices, Floats], lower: Floats, upper: Floats, sites: int, seconds: float,
    stopped: Stopped,
) -> Found:  # fmt: skip
    """Minimises over columns from 0 to 1, of which the first `sites` are whole."""
    highs: Any = _Silent()  # type: ignore[no-untyped-call]
    for option, chosen in (
        ("output_flag", False), ("threads", 1), ("time_limit", max(seconds, 0.0)), ("mip_rel_gap", _GAP),
    ):  # fmt: skip
        highs.setOptionValue(option, chosen)
    highs.setCallback(_interrupting(stopped), None)
    for each in _INTERRUPTS:
        highs.startCallback(each)
    rows, columns, values = entries
    order = np.lexsort((rows, columns))
    starts = np.searchsorted(columns[order], np.arange(len(cost))).astype(np.int32)
    whole = np.zeros(len(cost), np.int32)
    whole[:sites] = int(highspy.HighsVarType.kInteger)
    highs.passModel(
        len(cost), len(lower), len(values), int(highspy.MatrixFormat.kColwise), int(highspy.ObjSense.kMinimize),
        0.0, cost, np.zeros(len(cost)), np.ones(len(cost)), lower, upper, starts,
        rows[order].astype(np.int32), values[order], whole,
    )  # fmt: skip
    highs.run()
    if highs.getModelStatus() == highspy.HighsModelStatus.kInfeasible:
        return Found(picked=None, bound=float("inf"))
    info = highs.getInfo()
    picked = None
    if info.primal_solution_status == int(highspy.SolutionStatus.kSolutionStatusFeasible):
        picked = np.flatnonzero(np.array(highs.getSolution().col_value[:sites]) > 0.5)
    return Found(picked=picked, bound=float(info.mip_dual_bound))


def _interrupting(stopped: Stopped) -> Callable[..., None]:
    """What HiGHS asks now and then whether it shall go on."""

    def asked(_kind: Any, _message: str, _told: Any, given: Any, _data: Any) -> None:
        if given is not None and stopped():
            given.user_interrupt = True

    return asked
