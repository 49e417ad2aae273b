"""What a plan owes to cars of which nobody knows when they leave and what they need.

A car that is planned for one guess of its departure is served just before that, and as it stays, and the guess moves
on, put off again until it is gone. So each car has several guesses, each as likely as the others. What is planned for
it later is worth less, by the chance that it is gone by then, and each part of its need by the chance that it takes
that: the plan weighs what it costs to charge now against how likely it is that there is no later. Only costs change: a
car has no more columns and rows than one of which all is known.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
from msgspec.structs import replace

from forecourt.energy.planner.columns import PARTS
from forecourt.energy.planner.prediction import Prediction
from forecourt.energy.planner.problem import Cars, Chances, Ints
from forecourt.energy.rows import Floats

#: Guesses of a car's departure, and of its energy for each of them.
DEPARTURES: Final = 8
ENERGIES: Final = 2
#: Candidates that weigh less than this share of the likeliest aren't looked at.
UNLIKELY: Final = 1e-3
#: At a site of more cars than that each has one guess: it takes longer to think of so many than it brings.
MOST_HEDGED: Final = 500
#: Up to which of the guesses of its energy, in order, the parts of a car's need reach.
REACHES: Final = np.linspace(0.0, 1.0, PARTS + 1)[1:]
#: A part that is no more than this is none, in kWh.
NOTHING_KWH: Final = 1e-9


def guesses(prediction: Prediction, said_h: float | None = None) -> tuple[Floats, Floats]:
    """Hours until the car leaves, and what it will have taken until then in kWh if it gets what it needs; each as
    likely as the others, in order of departures. `said_h`: the hours until it leaves by what was said of it; while that
    is to come no guess is later."""
    likely = np.nonzero(prediction.weight > prediction.weight.max() * UNLIKELY)[0]
    order = likely[np.argsort(prediction.stays_h[likely], kind="stable")]
    weight = prediction.weight[order] / prediction.weight[order].sum()
    stays_h, needs_kwh = prediction.stays_h[order], prediction.needs_kwh[order]
    ends, bounds = np.cumsum(weight), np.arange(DEPARTURES + 1)[:, None] / DEPARTURES
    # A candidate may stand on both sides of a bound.
    among = np.maximum(np.minimum(ends, bounds[1:]) - np.maximum(ends - weight, bounds[:-1]), 0.0)
    middle = np.searchsorted(ends, (np.arange(DEPARTURES) + 0.5) / DEPARTURES)
    stays = np.repeat(stays_h[np.minimum(middle, len(order) - 1)], ENERGIES)
    by_need = np.argsort(needs_kwh, kind="stable")
    upto = np.cumsum(among[:, by_need], axis=1)
    levels = upto[:, -1:] * (np.arange(ENERGIES) + 0.5) / ENERGIES
    needs = needs_kwh[by_need[(upto[:, None, :] >= levels[:, :, None] - 1e-12).argmax(axis=2)]]
    if said_h is not None and said_h > 0:
        stays = np.minimum(stays, said_h)
    return stays, needs.ravel()


def hedged(cars: Cars, of: Ints, stays_h: Floats, needs_kwh: Floats, *, ends: Floats) -> tuple[Cars, Chances]:
    """The cars `of` these numbers with the longest stay and the most energy that are guessed, (cars, guesses), and the
    chances of both. `ends`: when steps end, in hours from now on."""
    last, last_share, need_kwh = cars.last.copy(), cars.last_share.copy(), cars.need_kwh.copy()
    last[of] = np.clip(np.searchsorted(ends, stays_h.max(axis=1, initial=0.0) - 1e-9) + 1, 1, len(ends))
    # For how much of each step it is there is a chance as well.
    last_share[of] = 1.0
    need_kwh[of] = needs_kwh.max(axis=1, initial=0.0)
    begins = np.concatenate([[0.0], ends[:-1]])
    # By energy: who takes more stays longer.
    weight = needs_kwh / np.maximum(needs_kwh.sum(axis=1, keepdims=True), NOTHING_KWH)
    there = np.einsum("cg,cgs->cs", weight, np.clip((stays_h[:, :, None] - begins) / (ends - begins), 0.0, 1.0))
    # It is there now, however long ago it was thought to leave.
    there[:, 0] = 1.0
    # What is cheapest to leave out comes first.
    ordered = np.sort(needs_kwh, axis=1)
    most = ordered[:, np.rint(REACHES * ordered.shape[1]).astype(np.int64) - 1]
    least = np.concatenate([np.zeros((len(of), 1)), most[:, :-1]], axis=1)
    parts_kwh = (most - least)[:, ::-1]
    taken = np.mean(np.clip(needs_kwh[:, :, None] - least[:, None, ::-1], 0.0, parts_kwh[:, None, :]), axis=1)
    asked = np.divide(taken, parts_kwh, out=np.zeros_like(taken), where=parts_kwh > NOTHING_KWH)
    chances = Chances(car=of, there=there, parts_kwh=parts_kwh, asked=asked, weight=cars.weight[of])
    return replace(cars, last=last, last_share=last_share, need_kwh=need_kwh), chances


def without(chances: Chances, cars: Sequence[int]) -> Chances | None:
    """The chances of all but these cars; None where nobody is left."""
    kept = ~np.isin(chances.car, cars)
    if not kept.any():
        return None
    return Chances(**{name: getattr(chances, name)[kept] for name in Chances.__struct_fields__})
