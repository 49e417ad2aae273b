"""What a plan owes to cars of which nobody knows when they leave and what they need.

A car that is planned for one guess of its departure is served just before that, and as it stays, and the guess moves
on, put off again until it is gone. So each car has several guesses, each as likely as the others, and what it would
lack if one of them came true counts by its chance: the plan weighs what it costs to charge now against how likely it
is that there is no later.
"""

from collections.abc import Sequence
from typing import Final

import msgspec
import numpy as np

from forecourt.energy.planner.prediction import Prediction
from forecourt.energy.planner.problem import Cars, Minimums
from forecourt.energy.rows import Floats

#: Guesses of a car's departure, and of its energy for each of them.
DEPARTURES: Final = 8
ENERGIES: Final = 2


def guesses(prediction: Prediction) -> tuple[Floats, Floats]:
    """Hours until the car leaves, and what it will have taken until then in kWh if it gets what it needs; each as
    likely as the others."""
    order = np.argsort(prediction.stays_h, kind="stable")
    ends = np.cumsum(prediction.weight[order])
    begins = ends - prediction.weight[order]
    found: list[tuple[float, float]] = []
    for each in range(DEPARTURES):
        # A candidate may stand on both sides of a bound.
        weight = np.minimum(ends, (each + 1) / DEPARTURES) - np.maximum(begins, each / DEPARTURES)
        at, weight = order[weight > 0], weight[weight > 0]
        stays_h, needs_kwh = prediction.stays_h[at], prediction.needs_kwh[at]
        among = Prediction(weight=weight / weight.sum(), stays_h=stays_h, needs_kwh=needs_kwh)
        for level in (np.arange(ENERGIES) + 0.5) / ENERGIES:
            found.append((among.stay_h(0.5), among.need_kwh(float(level))))
    stays, needs = zip(*found, strict=True)
    return np.array(stays), np.array(needs)


def hedged(
    cars: Cars, predictions: Sequence[Prediction], *, step_h: float, steps: int, least_kwh: float
) -> tuple[Cars, Minimums]:
    """The cars with the longest stay and the most energy that are likely, and what each guess asks for: a minimum by
    the time of that departure. Without them nothing is owed."""
    each = DEPARTURES * ENERGIES
    last, kwh = np.zeros((len(cars), each), np.int64), np.zeros((len(cars), each))
    for number, prediction in enumerate(predictions):
        stays_h, needs_kwh = guesses(prediction)
        last[number] = np.clip(np.floor(stays_h / step_h), 1, steps)
        kwh[number] = np.maximum(needs_kwh, least_kwh)
    longest = last.max(axis=1, initial=1)
    hedged = msgspec.structs.replace(
        cars, last=longest, need_kwh=kwh.max(axis=1, initial=0.0), weight=np.zeros(len(cars))
    )
    return hedged, Minimums(
        car=np.repeat(np.arange(len(cars)), each),
        by=last.ravel(),
        kwh=kwh.ravel(),
        weight=np.repeat(cars.weight, each) / each,
    )
