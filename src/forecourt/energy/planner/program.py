"""One program in HiGHS, which is kept and changed: what costs and bounds it has now, and where its last run ended."""

from typing import Any, Final

import highspy
import numpy as np

from forecourt.energy.planner.basis import begun, carried
from forecourt.energy.planner.formulation import Form
from forecourt.energy.planner.problem import Ints
from forecourt.energy.rows import Floats

#: By so little, as a share of its columns, the size of a program changes where few cars came or left.
ALIKE: Final = 0.01
#: Steps of the primal simplex that are tried where few bounds moved.
FEW: Final = 100

_DUAL, _PRIMAL = 1, 4
_APART: Final = "dual_simplex_cost_perturbation_multiplier"
_EDGES: Final = "simplex_dual_edge_weight_strategy"
#: What is a few steps from its end isn't worth the exact weights that HiGHS reckons for all rows of a basis that it is
#: given, nor costs that are moved apart and back.
_NEAR: Final[dict[str, Any]] = {_EDGES: 1, _APART: 1.0}
_OPTIONS: Final[dict[str, Any]] = {
    "threads": 1,
    "solver": "simplex",
    # The programs are sparse and small: what presolve saves is less than it takes.
    "presolve": "off",
    # Coefficients are kWh, kW and phasors, all near 1: scaling them takes more than it saves.
    "simplex_scale_strategy": 0,
    # Many plans cost nearly the same: costs that are moved apart by more than usual take half of the steps. HiGHS moves
    # them back at the end.
    _APART: 30.0,
    _EDGES: -1,
}


class _Silent(highspy.Highs):
    """HiGHS, which greets on stdout when its callbacks are enabled; they aren't needed, nor are they free."""

    def enableCallbacks(self) -> None:  # noqa: N802 -- HiGHS's name
        self.silent()


class Program:
    """What HiGHS holds. Not for two threads at once."""

    def __init__(self) -> None:
        self._highs: Any = _Silent()  # type: ignore[no-untyped-call]
        self._set(_OPTIONS)
        #: What it holds; None: nothing that a next run could begin from.
        self.form: Form | None = None
        #: Whether the matrix in HiGHS is that of the form, or has had rows added since.
        self._same = False
        #: Whether the basis of the next run is thought to be a few steps from the end.
        self._near = False
        #: When each step of the form begins, on the problems' clock.
        self.starts = np.zeros(0)

    def load(self, form: Form, starts: Floats) -> None:
        """Brings HiGHS to this form: in place if the matrix is the same, else with the basis of the one before."""
        held = self.form
        if held is not None and self._same and _same_matrix(held, form):
            self.change(form)
        else:
            basis = begun(form) if held is None else carried(self._highs, held, self.starts, form, starts)
            self._highs.passModel(
                form.columns.count,
                len(form.row_lower),
                len(form.index),
                int(highspy.MatrixFormat.kColwise),
                int(highspy.ObjSense.kMinimize),
                0.0,
                form.cost,
                form.lower,
                form.upper,
                form.row_lower,
                form.row_upper,
                form.begin,
                form.index,
                form.value,
                np.zeros(form.columns.count, np.int32),
            )
            if basis is not None:
                self._highs.setBasis(basis)
            self._near = held is not None and _is_near(held, self.starts, form, starts)
        self.form, self._same, self.starts = form, True, starts

    def change(self, form: Form) -> None:
        """Changes costs and bounds to those of a form with the same rows and columns."""
        held, highs = self.form, self._highs
        assert held is not None
        changed = np.nonzero((held.lower != form.lower) | (held.upper != form.upper))[0].astype(np.int32)
        if len(changed):
            highs.changeColsBounds(len(changed), changed, form.lower[changed], form.upper[changed])
        changed = np.nonzero(held.cost != form.cost)[0].astype(np.int32)
        if len(changed):
            highs.changeColsCost(len(changed), changed, form.cost[changed])
        for row in np.nonzero((held.row_lower != form.row_lower) | (held.row_upper != form.row_upper))[0]:
            highs.changeRowBounds(int(row), form.row_lower[row], form.row_upper[row])
        self.form = form

    def add(self, form: Form, begin: Ints, index: Ints, value: Floats) -> None:
        """Adds the rows that this form has beyond those of now, row by row."""
        assert self.form is not None
        since = len(self.form.row_lower)
        lower, upper = form.row_lower[since:], form.row_upper[since:]
        self._highs.addRows(len(lower), lower, upper, len(value), begin.astype(np.int32), index.astype(np.int32), value)
        self.form, self._same = form, False

    def allow(self, seconds: float) -> None:
        """Lets all runs from now on take so long together."""
        # HiGHS counts the time of all its runs.
        self._highs.setOptionValue("time_limit", self._highs.getRunTime() + seconds)

    def run(self) -> Any:
        """The status after a run; what isn't solved from where the last one ended is begun anew, in smaller steps."""
        highs = self._highs
        if self._near:
            self._set(_NEAR)
        highs.run()
        if self._near:
            self._set({option: _OPTIONS[option] for option in _NEAR})
            self._near = False
        status = highs.getModelStatus()
        if status not in (highspy.HighsModelStatus.kOptimal, highspy.HighsModelStatus.kTimeLimit):
            highs.clearSolver()
            highs.setOptionValue(_APART, 1.0)
            highs.run()
            highs.setOptionValue(_APART, _OPTIONS[_APART])
            status = highs.getModelStatus()
        return status

    def _set(self, options: dict[str, Any]) -> None:
        for option, value in options.items():
            self._highs.setOptionValue(option, value)

    def try_primal(self) -> None:
        """A few steps of the primal simplex: where few bounds moved it is there at once, else the dual goes on."""
        for option, value in (("simplex_strategy", _PRIMAL), ("simplex_iteration_limit", FEW)):
            self._highs.setOptionValue(option, value)
        self._highs.run()
        for option, value in (("simplex_strategy", _DUAL), ("simplex_iteration_limit", highspy.kHighsIInf)):
            self._highs.setOptionValue(option, value)

    @property
    def found(self) -> Floats:
        """The value of each column."""
        return np.asarray(self._highs.getSolution().col_value)

    @property
    def duals(self) -> tuple[Floats, Floats]:
        """What one more of each row's bound, and of each column's, would change in the cost."""
        solution = self._highs.getSolution()
        return np.asarray(solution.row_dual), np.asarray(solution.col_dual)

    @property
    def cost(self) -> float:
        return float(self._highs.getInfo().objective_function_value)

    def words(self, status: Any) -> str:
        """What a status is called."""
        return str(self._highs.modelStatusToString(status))


def _same_matrix(one: Form, other: Form) -> bool:
    return all(
        np.array_equal(getattr(one, each), getattr(other, each))
        for each in ("begin", "index", "value", "named", "named_step", "row_named", "row_step")
    )


def _is_near(held: Form, held_starts: Floats, form: Form, starts: Floats) -> bool:
    """Whether a few cars came or left in the same steps."""
    apart = abs(form.columns.count - held.columns.count)
    return apart <= ALIKE * held.columns.count and np.array_equal(held_starts, starts)
