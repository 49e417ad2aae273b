"""Where a linear program begins: with nothing charged or given, or with the basis of the one before: what was at a
bound there begins at the same here, found by name."""

from typing import Any, Final

import highspy
import numpy as np

from forecourt.energy.planner.columns import KIND_BIT, Kind
from forecourt.energy.planner.formulation import Form
from forecourt.energy.planner.problem import Ints
from forecourt.energy.rows import Floats

LOWER, BASIC, UPPER = 0, 1, 2
#: What is held at the end of a step: a column, and a row of the same kind by which it follows from the step before.
_HELD: Final = (Kind.CHARGED, Kind.BATTERY)
_STATUS: Final = np.array(
    [highspy.HighsBasisStatus.kLower, highspy.HighsBasisStatus.kBasic, highspy.HighsBasisStatus.kUpper], dtype=object
)


def begun(form: Form) -> Any:
    """The basis in which batteries and cars that give go on holding what they do; None where nothing is held, for that
    is where a solver begins by itself."""
    rows = np.full(len(form.row_named), BASIC)
    rows[np.isin(form.row_named >> KIND_BIT, _HELD)] = LOWER
    if (rows == BASIC).all():
        return None
    columns = np.full(form.columns.count, LOWER)
    for kind in _HELD:
        columns[form.columns[kind]] = BASIC
    return _basis(columns, rows)


def ended(highs: Any, held: Form) -> tuple[Ints, Ints] | None:
    """How each column and each row of the program that is held ended its last run: basic, or at which bound; None where
    it has no basis. What isn't basic stands at the bound that is nearer."""
    if not highs.getInfo().basis_validity:
        return None
    status, basic = highs.getBasicVariables()
    if status != highspy.HighsStatus.kOk:
        return None
    solution = highs.getSolution()
    columns = _nearer(solution.col_value, held.lower, held.upper)
    rows = _nearer(solution.row_value, held.row_lower, held.row_upper)
    columns[basic[basic >= 0]] = BASIC
    rows[-1 - basic[basic < 0]] = BASIC
    return columns, rows


def _nearer(values: Any, lower: Floats, upper: Floats) -> Ints:
    value = np.asarray(values)
    return np.where(np.abs(upper - value) < np.abs(value - lower), UPPER, LOWER)


def carried(highs: Any, held: Form, held_starts: Floats, form: Form, starts: Floats) -> Any:
    """The basis of the program that is held, for another one, or that in which it begins by itself where it has none.
    Steps are found by their time."""
    known = ended(highs, held)
    if known is None:
        return begun(form)
    # In which of the old steps each new one begins.
    step = np.searchsorted(held_starts, starts + 1e-9, side="right") - 1
    columns = _matched(held.named + held.named_step, known[0], form.named, form.named_step, step, LOWER)
    columns = np.where((columns == UPPER) & np.isinf(form.upper), LOWER, columns)
    rows = _matched(held.row_named + held.row_step, known[1], form.row_named, form.row_step, step, BASIC)
    rows = np.where((rows == LOWER) & np.isinf(form.row_lower), UPPER, rows)
    rows = np.where((rows == UPPER) & np.isinf(form.row_upper), LOWER, rows)
    return _basis(columns, rows)


def _basis(columns: Ints, rows: Ints) -> Any:
    basis = highspy.HighsBasis()
    basis.col_status, basis.row_status = _STATUS[columns].tolist(), _STATUS[rows].tolist()
    basis.valid, basis.alien = True, True
    return basis


def _matched(held: Ints, status: Ints, named: Ints, at: Ints, step: Ints, missing: int) -> Ints:
    """The status of each name in another program; `step`: which step there each step here was, -1 for none."""
    order = np.argsort(held)
    # What has no step, like a car's energy, stands in step 0 or by its part, and stays there.
    wanted = named + np.where((at < len(step)) & _moves(named), step[np.minimum(at, len(step) - 1)], at)
    place = np.minimum(np.searchsorted(held[order], wanted), len(held) - 1)
    found = order[place]
    return np.where(held[found] == wanted, status[found], missing)


def _moves(named: Ints) -> Any:
    """Whether what is named belongs to a step of time."""
    kind = named >> KIND_BIT
    return ~np.isin(kind, (Kind.UNSERVED, Kind.LACKING, Kind.PEAK, Kind.EMPTIED))
