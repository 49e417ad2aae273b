"""What drivers of a scenario were granted: who goes before or after others, and what somebody has by a time."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Annotated, Final, Protocol

import numpy as np
from msgspec import Meta, Struct

from forecourt.energy.needs.model import Priority
from forecourt.energy.planner.owing import Owed
from forecourt.energy.planner.problem import Ints
from forecourt.energy.planning.fleet import WEIGHTS
from forecourt.energy.rows import Floats

#: Wishes of one scenario.
MAX_WISHES: Final = 100
_AN_HOUR: Final = timedelta(hours=1)


class Wish(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What counts for sessions at any of these `stations` and of any of these `tokens`; where neither is said, for all.

    `minimum_kwh` is what a car has within `minimum_h` hours after it came, as far as it takes so much.
    """

    stations: tuple[str, ...] = ()
    tokens: tuple[str, ...] = ()
    priority: Priority = Priority.NORMAL
    minimum_kwh: Annotated[float, Meta(gt=0, le=1e5)] | None = None
    minimum_h: Annotated[float, Meta(gt=0, le=168)] | None = None

    def fits(self, session: "Wishing") -> bool:
        """Whether a session is meant."""
        return (not self.stations or session.station in self.stations) and (
            not self.tokens or session.token in self.tokens
        )


class Wishing(Protocol):
    """What of a session says who is meant."""

    @property
    def station(self) -> str: ...
    @property
    def token(self) -> str | None: ...


class Wishes:
    """Those of some sessions; of each the first that fits counts."""

    def __init__(self, wishes: Sequence[Wish], sessions: Sequence[Wishing]) -> None:
        self._of = [next((wish for wish in wishes if wish.fits(session)), None) for session in sessions]
        self._weight = np.array(
            [WEIGHTS[Priority.NORMAL if wish is None else wish.priority] for wish in self._of], dtype=np.float64
        )

    def weights(self, sessions: Ints) -> Floats:
        """How much worse than others these are left without."""
        return self._weight[sessions]

    def first(self, sessions: Ints) -> list[int]:
        """Which of these go before others, by their places here."""
        return [place for place, wish in self._some(sessions) if wish.priority is Priority.HIGH]

    def owed(self, sessions: Ints, sat_h: Floats, taken_kwh: Floats, need_kwh: Floats) -> list[Owed]:
        """What each of these, by its place here, is to have more by when. `sat_h`: the hours since it came; no more is
        owed to a car than `need_kwh`, what it still takes."""
        return [
            Owed(
                car=place,
                kwh=float(min(wish.minimum_kwh - taken_kwh[place], need_kwh[place])),
                within_h=float(wish.minimum_h - sat_h[place]),
            )
            for place, wish in self._some(sessions)
            if wish.minimum_kwh is not None and wish.minimum_h is not None
        ]

    def _some(self, sessions: Ints) -> list[tuple[int, Wish]]:
        found = ((place, self._of[number]) for place, number in enumerate(sessions))
        return [(place, wish) for place, wish in found if wish is not None]


def wish_faults(wishes: Sequence[Wish]) -> list[str]:
    """What is nonsense in them, in words."""
    found = [f"a scenario has {MAX_WISHES} wishes at most"] if len(wishes) > MAX_WISHES else []
    for number, wish in enumerate(wishes, 1):
        if (wish.minimum_kwh is None) != (wish.minimum_h is None):
            found.append(f"wish {number}: minimum_kwh and minimum_h go together")
    return found
