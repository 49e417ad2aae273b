"""What becomes of each connector's parts: when wear begins, when it fails, when it is mended; and what it shows."""

from collections.abc import Iterator
from typing import Final

import numpy as np
import numpy.typing as npt
from msgspec import Struct

from forecourt.simulator.wear.world import GRADUAL, SUDDEN, World

Floats = npt.NDArray[np.float64]

YEAR_D: Final = 365.0
#: A part that is new, or was mended, stays whole for so many days at the least.
SOUND_D: Final = 20.0


class Course(Struct, frozen=True, kw_only=True):
    """One fault, by days since the start. `failed` and `mended` are infinite where it never fails."""

    kind: str
    gradual: bool
    onset: float
    failed: float
    mended: float
    shape: float
    strength: float
    #: Where wear that never fails stays.
    plateau: float = 1.0

    def severity(self, days: Floats) -> Floats:
        """How worn it is, from 0 to `plateau` times `strength`, at times in days."""
        if not self.gradual:
            return np.zeros_like(days)
        ramp = self.failed - self.onset if np.isfinite(self.failed) else 40.0
        worn = np.clip((days - self.onset) / ramp, 0.0, 1.0) ** self.shape
        alive = days < self.mended
        return np.where(alive, worn * self.plateau * self.strength, 0.0)


def courses(random: np.random.Generator, world: World, fast: bool, *, of: tuple[str, ...]) -> Iterator[Course]:
    """The faults of one part in order, one after the other is mended; `of` are the kinds that it can have."""
    kinds = [*GRADUAL, *SUDDEN, "mild"]
    shares = dict(zip(GRADUAL, world.shares, strict=True))
    rates = {kind: shares[kind] * world.gradual_a_year for kind in GRADUAL}
    rates |= dict.fromkeys(SUDDEN, world.sudden_a_year / len(SUDDEN))
    rates["mild"] = world.mild_a_year
    allowed = np.array([rates[kind] if kind in of and (fast or kind != "cooling") else 0.0 for kind in kinds])
    if not allowed.sum():
        return
    at = random.uniform(-40.0, SOUND_D)
    while True:
        at += random.exponential(YEAR_D / allowed.sum())
        if at >= world.days:
            return
        kind = str(random.choice(kinds, p=allowed / allowed.sum()))
        made = _course(random, world, kind, at, fast)
        yield made
        if not np.isfinite(made.mended):
            return
        at = made.mended + random.uniform(0, SOUND_D)


def _course(random: np.random.Generator, world: World, kind: str, at: float, fast: bool) -> Course:
    shape, strength = random.uniform(*world.shape), random.uniform(*world.strength)
    if kind in SUDDEN:
        mended = at + random.uniform(*world.repair_days)
        return Course(kind=kind, gradual=False, onset=at, failed=at, mended=mended, shape=shape, strength=strength)
    if kind == "mild":
        shown = str(random.choice([each for each in GRADUAL if each != "modem" and (fast or each != "cooling")]))
        return Course(
            kind=shown, gradual=True, onset=at, failed=np.inf, mended=np.inf, shape=shape, strength=strength,
            plateau=random.uniform(0.08, 0.3),
        )  # fmt: skip
    failed = at + random.uniform(*world.ramp_days)
    mended = failed + random.uniform(*world.repair_days)
    return Course(kind=kind, gradual=True, onset=at, failed=failed, mended=mended, shape=shape, strength=strength)


class Signs(Struct, frozen=True, kw_only=True):
    """What wear of a kind does when it is whole (severity 1): to the chance that a start fails, to the power given (a
    share lost), to the heat (degrees at full load), to the register (a share too much or too little), to how often the
    line is lost a day; and how likely each code is said at a visit."""

    failing: float = 0.0
    lost: float = 0.0
    heat_c: float = 0.0
    register: float = 0.0
    losses_a_day: float = 0.0
    codes: tuple[tuple[str, float], ...] = ()


SIGNS: Final = {
    "contact": Signs(failing=0.3, lost=0.15, heat_c=14, codes=(("EVCommunicationError", 0.18),)),
    "contactor": Signs(failing=0.35, codes=(("PowerSwitchFailure", 0.12), ("InternalError", 0.05))),
    "lock": Signs(failing=0.14, codes=(("ConnectorLockFailure", 0.25),)),
    "cooling": Signs(lost=0.3, heat_c=28, codes=(("HighTemperature", 0.1),)),
    "modem": Signs(losses_a_day=9.0),
    "meter": Signs(register=0.07, codes=(("PowerMeterFailure", 0.03),)),
}
#: The code that a connector stays faulted by once a kind has failed; a modem that failed says nothing any more.
FAILED_BY: Final = {
    "contact": "EVCommunicationError", "contactor": "PowerSwitchFailure", "lock": "ConnectorLockFailure",
    "cooling": "HighTemperature", "meter": "PowerMeterFailure", "cable": "GroundFailure", "board": "InternalError",
    "fuse": "OtherError",
}  # fmt: skip
