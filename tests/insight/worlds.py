"""Networks whose hardware wears in a way that is known, for tests of what is told of it. Knows nothing of the model:
lives are played one by one, by the standard library alone."""

import random
from dataclasses import dataclass


@dataclass(frozen=True)
class PlayedLife:
    """Ages in years at which it came into sight and left it; `ended` by wear, or cut short."""

    model: int
    entry: float
    leave: float
    ended: bool
    in_use: bool


@dataclass(frozen=True)
class World:
    """What could be seen until today, and how many ended within the year after, by model."""

    lives: list[PlayedLife]
    ends: list[int]
    shape: float
    scales: list[float]


def played(seed: int, *, models: int = 5, places: int = 40, seen_y: float = 4.0, shape: float | None = None) -> World:
    """Places that were fitted within twelve years, watched for the last few of them. Hardware wears by a Weibull of its
    model, whose scales differ by a fifth; now and then something is exchanged for a better one."""
    chance = random.Random(seed)
    true_shape = chance.uniform(0.8, 3.5) if shape is None else shape
    scales = [8.0 * chance.lognormvariate(0, 0.2) for _ in range(models)]
    lives: list[PlayedLife] = []
    ends = [0] * models
    for model, scale in enumerate(scales):
        for _ in range(places):
            born = -chance.uniform(0, 12)
            while True:
                dies = born + chance.weibullvariate(scale, true_shape)
                bettered = born + chance.expovariate(0.04)
                until = min(dies, bettered, 0.0)
                entry = max(0.0, -seen_y - born)
                if until > -seen_y:
                    lives.append(PlayedLife(model, entry, until - born, until == dies, until == 0.0))
                if until == 0.0:
                    while dies < 1.0:
                        ends[model] += 1
                        dies += chance.weibullvariate(scale, true_shape)
                    break
                born = until
    return World(lives, ends, true_shape, scales)
