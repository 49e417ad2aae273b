"""What a site's past says of the cars that are there, and of those that may come today. Pure, but for reading the past.

It is read anew every hour: what is learnt in that time changes little.
"""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

import numpy as np
from msgspec.structs import replace
from psycopg import AsyncConnection

from forecourt.energy import store
from forecourt.energy.expecting import Forecaster, Foreseen, Guest, SiteForecast, guests, no_forecasts
from forecourt.energy.planner.arrivals import Arrivals, Visit, midnight
from forecourt.energy.planner.assumed import assumed_visits
from forecourt.energy.planner.chances import guesses
from forecourt.energy.planner.prediction import PastVisit, Prediction, Predictor, Present
from forecourt.energy.planner.settings import DAYS
from forecourt.energy.planning.knowledge import AHEAD, Expected, Guess, KnownCar
from forecourt.energy.site import HungEvse, SiteRecord, SiteTree

#: How far back visits are looked at, and how long what was read of them is good.
PAST: Final = timedelta(days=28)
GOOD_FOR: Final = timedelta(hours=1)
#: A past that is shorter tells nothing of who will come.
LEAST_VISITS: Final = 20
#: Nine of ten cars like it stay longer, and two of three take less.
LEAVE_LEVEL: Final = 0.1
NEED_LEVEL: Final = 0.67
_STEP: Final = timedelta(minutes=5)
_HOUR: Final = timedelta(hours=1)


class Foresight:
    """Of one site and version of its tree. `others`: what is forecast of it where its own visits are too few, or why
    nothing is."""

    def __init__(
        self,
        visits: Sequence[store.PastVisit],
        tree: SiteTree,
        version: int,
        zone: str,
        at: datetime,
        others: SiteForecast | Foreseen = Foreseen.NO_FORECAST,
    ) -> None:
        self.version = version
        self._read_at = at
        self._zone = zone
        took = [visit for visit in visits if visit.energy_wh]
        self._known = len(took) >= LEAST_VISITS
        self._electrics = tree.electrics
        self._others = others
        #: Those of the tree by which cars are placed.
        self.evses = tree.evses
        #: By what it knows who may come.
        self.by = Foreseen.OWN_DAYS if self._known else Foreseen.FORECAST
        if not self._known and isinstance(others, Foreseen):
            self.by = others
        self._predictor = Predictor([_past(visit) for visit in took], zone)
        #: Where and when cars came and what they took.
        self.visits = _placed(took, tree) if self._known else []
        self._arrivals = Arrivals(self.visits, zone, _STEP, DAYS, _assumed(tree, zone) if self._known else ())
        #: The highest power that would have been best for the days before today; see `worthwhile`.
        self.worthwhile_w = 0
        #: What was thought of the cars that are there when they were planned for last, by session.
        self._thought: dict[UUID, tuple[datetime, int, tuple[Guess, ...]]] = {}

    def holds(self, version: int, evses: Sequence[HungEvse], now: datetime) -> bool:
        """Whether it is still good for a version of the tree and the EVSEs that hang there now."""
        return (
            version == self.version
            and tuple(evses) == tuple(self.evses)
            and timedelta(0) <= now - self._read_at < GOOD_FOR
        )

    def of(self, car: KnownCar, now: datetime, *, guessing: bool = True) -> KnownCar:
        """The car with when it is thought to leave, what it is thought to take in all, and guesses of both where it is
        one of few (`guessing`)."""
        if not self._known:
            return car
        asked = car.needs.energy_wh
        present = Present(
            came_at=car.started_at,
            taken_kwh=car.energy_wh / 1000,
            token=car.token,
            evse_id=car.evse_id,
            stated_left_at=car.needs.departure_at,
            stated_kwh=None if not asked else asked / 1000,
        )
        found = self._predictor.predict(present, now)
        expected_at = now + timedelta(hours=found.stay_h(LEAVE_LEVEL))
        expected_wh = car.energy_wh + round(found.need_kwh(NEED_LEVEL) * 1000)
        self._thought[car.session_id] = expected_at, expected_wh, _guesses(found, car, now) if guessing else ()
        return self.last_of(car)

    def last_of(self, car: KnownCar) -> KnownCar:
        """The car with what was thought of it last: good enough for who can't wait. To think anew of thousands takes
        longer than a cut may."""
        thought = self._thought.get(car.session_id)
        if thought is None:
            return car
        expected_at, expected_wh, told = thought
        return replace(car, expected_at=expected_at, expected_wh=expected_wh, guesses=told)

    def expected(self, cars: Sequence[KnownCar], now: datetime) -> list[Expected]:
        """The cars that may come within what is planned. Today is compared with past days by what the cars took and
        are thought to take that came today and are there."""
        if not self._known:
            return [] if isinstance(self._others, Foreseen) else self._forecast(self._others, now)
        begins = midnight(now.astimezone(ZoneInfo(self._zone)).date(), self._zone)
        came = sum(car.energy_wh + car.lacks_wh() for car in cars if car.started_at >= begins) / 1000
        found = self._arrivals.expected(now, AHEAD // _STEP, came or None)
        step_h = _STEP / _HOUR
        return [
            Expected(
                comes_h=int(found.first[number]) * step_h,
                leaves_h=int(found.last[number]) * step_h,
                need_wh=round(float(found.need_kwh[number]) * 1000),
                max_a=float(found.max_a[number]),
                kw_per_a=float(found.kw_per_a[number]),
                evse=int(found.evse[number]),
                scenario=int(found.scenario[number]),
            )
            for number in np.nonzero(found.need_kwh > 0)[0]
        ]

    def _forecast(self, forecast: SiteForecast, now: datetime) -> list[Expected]:
        """The cars that others forecast."""
        electrics = self._electrics

        def of(guest: Guest) -> Expected:
            evse = electrics.evses[guest.evse]
            return Expected(
                comes_h=(guest.comes_at - now) / _HOUR,
                leaves_h=(guest.leaves_at - now) / _HOUR,
                need_wh=round(guest.need_kwh * 1000),
                max_a=evse.max_a,
                kw_per_a=electrics.watts_per_ampere(evse) / 1000,
                evse=guest.evse,
                scenario=0,
            )

        return [of(guest) for guest in guests(forecast, electrics, now, now + AHEAD)]


async def read_foresight(
    conn: AsyncConnection[Any], record: SiteRecord, now: datetime, forecaster: Forecaster = no_forecasts
) -> Foresight:
    """From the visits of the last weeks of a site that has a tree; where these are too few, from what others forecast
    of it."""
    assert record.tree is not None
    visits = await store.visits_of(conn, record.tenant_id, record.site_id, now - PAST)
    others: SiteForecast | Foreseen = Foreseen.NO_FORECAST
    if sum(bool(visit.energy_wh) for visit in visits) < LEAST_VISITS:
        others = await forecaster(conn, record.tenant_id, record.slug, now)
    # Of as many visits as are read that takes some 60 ms.
    return await asyncio.to_thread(Foresight, visits, record.tree, record.version, record.zone, now, others)


def _guesses(found: Prediction, car: KnownCar, now: datetime) -> tuple[Guess, ...]:
    said = car.needs.departure_at
    stays_h, needs_kwh = guesses(found, None if said is None else (said - now) / _HOUR)
    stays_s = np.rint((now - car.started_at).total_seconds() + stays_h * 3600).astype(np.int64)
    takes_wh = car.energy_wh + np.rint(needs_kwh * 1000).astype(np.int64)
    return tuple(Guess(*each) for each in zip(stays_s.tolist(), takes_wh.tolist(), strict=True))


def _past(visit: store.PastVisit) -> PastVisit:
    stated = visit.stated
    return PastVisit(
        came_at=visit.came_at,
        left_at=visit.left_at,
        energy_kwh=(visit.energy_wh or 0) / 1000,
        token=visit.token,
        evse_id=visit.evse_id,
        stated_left_at=stated.departure_at,
        stated_kwh=None if not stated.energy_wh else stated.energy_wh / 1000,
    )


def _assumed(tree: SiteTree, zone: str) -> list[Visit]:
    """Who is thought to come until more days are known."""
    electrics = tree.electrics
    max_a = np.array([evse.max_a for evse in electrics.evses])
    return assumed_visits(max_a, np.array([electrics.watts_per_ampere(evse) / 1000 for evse in electrics.evses]), zone)


def _placed(visits: Sequence[store.PastVisit], tree: SiteTree) -> list[Visit]:
    """Those at EVSEs that still hang there."""
    electrics = tree.electrics
    number_of = {evse.id: number for number, evse in enumerate(electrics.evses)}
    placed = []
    for visit in visits:
        number = number_of.get(visit.evse_id or "")
        if number is None or visit.left_at <= visit.came_at:
            continue
        evse = electrics.evses[number]
        kw_per_a = electrics.watts_per_ampere(evse) / 1000
        most_a = evse.max_a if not visit.max_w else min(evse.max_a, visit.max_w / 1000 / kw_per_a)
        placed.append(
            Visit(
                came_at=visit.came_at,
                left_at=visit.left_at,
                need_kwh=(visit.energy_wh or 0) / 1000,
                max_a=max(most_a, evse.min_a),
                kw_per_a=kw_per_a,
                evse=number,
            )
        )
    return placed
