"""What is planned for cars of which the past tells more than one thing. Pure."""

from datetime import timedelta

import numpy as np

from forecourt.energy.needs.model import Priority
from forecourt.energy.planner.chances import hedged
from forecourt.energy.planner.problem import Cars, Chances
from forecourt.energy.planning.fleet import Fleet
from forecourt.energy.planning.knowledge import Knowledge, KnownCar
from forecourt.energy.site import Mode
from forecourt.energy.storage.cars import Giver


def with_guesses(known: Knowledge, fleet: Fleet, cars: Cars, mode: Mode) -> tuple[Cars, Chances | None]:
    """The cars of a problem, of which those of the fleet are the first, as long as they may stay and with all that they
    may take, and the chances of both. Where all are served as fast as they can be it doesn't matter when they leave."""
    hurried = mode in (Mode.FASTEST, Mode.EQUAL)
    of = [] if hurried else [number for number, car in enumerate(fleet.cars) if _is_guessed(car)]
    if not of:
        return cars, None
    guessing = [fleet.cars[number] for number in of]
    sat_s = np.array([(known.at - car.started_at) / timedelta(seconds=1) for car in guessing])
    stays_s = np.array([[guess.stay_s for guess in car.guesses] for car in guessing])
    lacks_wh = np.array([[car.lacking_wh(guess.takes_wh) for guess in car.guesses] for car in guessing])
    stays_h, ends = np.maximum(stays_s - sat_s[:, None], 0.0) / 3600, np.cumsum(known.outlook.hours)
    return hedged(cars, np.array(of, np.int64), stays_h, lacks_wh / 1000, ends=ends)


def _is_guessed(car: KnownCar) -> bool:
    """Not one that goes before others, which charges until it is full, nor one that gives back, which needs to know
    when it is to have what it needs."""
    if car.needs.wants.priority is Priority.HIGH or isinstance(car.giver, Giver):
        return False
    return any(car.lacking_wh(guess.takes_wh) > 0 for guess in car.guesses)
