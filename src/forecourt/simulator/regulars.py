"""The people who work at the demo's offices: each has a bay, a card and a car, comes when a shift begins, and tells by
an app when they leave and how much they need.

All of them plug in within minutes, and none needs what its bay could give until they leave: so there is something to
share out, and to save.
"""

from datetime import datetime, timedelta
from math import sin
from random import Random
from typing import Any

import msgspec

from forecourt.simulator.car import MODELS, Car

SHIFT = timedelta(minutes=60)
#: They come within so many seconds of the beginning of a shift, and stay so long.
COME_S = (0.0, 150.0)
STAY_S = (2_100.0, 3_000.0)
#: Of the first shift some leave early, so that there soon are sessions that are over.
EARLY = (0.1, 1.0)
NEED_WH = (1_600, 3_000)
OFFICE_W, OFFICE_SWAY_W, OFFICE_PERIOD_S = 6_200, 1_400, 240.0


class Need(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody tells the app of a session."""

    departure_at: datetime
    energy_wh: int

    def said(self) -> dict[str, Any]:
        """As the API takes it."""
        return {"departure_at": self.departure_at.isoformat(), "energy_wh": self.energy_wh}


def card(station: str, bay: int) -> str:
    """The card of who has a bay."""
    return f"04{Random(f'regular/{station}/{bay}').getrandbits(48):012X}"  # noqa: S311


class Regulars:
    """Those of one site."""

    def __init__(self, bays: list[tuple[str, int]], rng: Random) -> None:
        self._rng = rng
        self._began_at: datetime | None = None
        self.cards = {bay: card(*bay) for bay in bays}
        #: By card: what was said of the session that runs.
        self.needs: dict[str, Need] = {}

    def begin(self, now: datetime) -> None:
        """The first shift begins."""
        self._began_at = now

    def comes_in_s(self, now: datetime) -> float:
        """Seconds until the owner of a bay that is free now comes."""
        assert self._began_at is not None
        until = (self._began_at - now) % SHIFT
        return until.total_seconds() + self._rng.uniform(*COME_S)

    def arrive(self, bay: tuple[str, int], now: datetime) -> tuple[Car, str, float]:
        """The car, its card and how many seconds it stays."""
        uid = self.cards[bay]
        models = [model for model in MODELS if model.ac_phases == 3 and model.ac_current_a == 16]
        model = models[int(uid[-2:], 16) % len(models)]
        stay_s, need_wh = self._rng.uniform(*STAY_S), self._rng.randint(*NEED_WH)
        if self._began_at is not None and now - self._began_at < SHIFT / 2:
            share = self._rng.uniform(*EARLY)
            stay_s, need_wh = stay_s * share, round(need_wh * share)
        self.needs[uid] = Need(departure_at=now + timedelta(seconds=round(stay_s)), energy_wh=need_wh)
        soc = self._rng.uniform(0.3, 0.6)
        return Car(model, soc, target=soc + need_wh / model.battery_wh), uid, stay_s


def office_w(now: datetime) -> int:
    """What the building takes: its lifts and kitchens come and go."""
    return round(OFFICE_W + OFFICE_SWAY_W * sin(now.timestamp() / OFFICE_PERIOD_S))
