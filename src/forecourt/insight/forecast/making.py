"""Forecasts of an organisation, made each night from its lake: by which method, found by a backtest, and of the hours
ahead.

Sites are forecast in groups, and each group is kept whole in one transaction: whoever is stopped goes on with the
groups that are missing, and makes the same. What a choice is made by costs most, so one is kept for a week, unless what
came has left its intervals meanwhile.
"""

import asyncio
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Final

import numpy as np
import structlog
from msgspec import Struct
from msgspec.structs import replace

from forecourt.insight.forecast import store
from forecourt.insight.forecast.backtest import Memory, Run, run
from forecourt.insight.forecast.model import RECENT_H, TARGETS, Choice, Forecast, Judged, held
from forecourt.insight.forecast.past import TOO_SHORT, Group, Past, Place
from forecourt.insight.forecast.plan import planned
from forecourt.insight.forecast.recipe import ahead_of, recipe_of
from forecourt.insight.forecast.report import judged, split_of, unjudged
from forecourt.insight.forecast.series import Panel, Target
from forecourt.platform.clock import Clock
from forecourt.platform.database import Pool

log = structlog.get_logger(__name__)

#: How long a choice is kept.
CHOSEN_FOR: Final = timedelta(days=7)
#: Origins of each part of a backtest: half of what one for a report has.
MAX_ORIGINS: Final = 45
#: The same of a quick choice, which stands for a day.
QUICK_ORIGINS: Final = 12
#: How long the choice of one group may take; where it takes longer, it is made without trees.
CHOICE_S: Final = 600.0
#: A choice has drifted off where so many days of forecasts or more cover less of what came than this, or miss it by so
#: many times the error of the backtest; and how long one is kept at the least.
DRIFT_DAYS: Final = 7
LEAST_DRIFT_DAYS: Final = 5
LEAST_COVERED: Final = 0.6
MOST_ERROR: Final = 1.5
KEPT_AT_LEAST: Final = timedelta(days=3)
#: How long forecasts are kept that are over.
KEEP: Final = timedelta(days=35)

#: Told what is being done, how many series are done and of how many.
Progress = Callable[[str, int, int], None]


class Made(Struct, frozen=True, kw_only=True):
    """What a night came to: series that are forecast, those that can't be, those that were chosen for anew, and how
    many had been made before."""

    forecast: int
    left: int
    chosen: int
    before: int


class _TooLong(Exception):
    """A choice takes longer than it may."""


class Forecaster:
    """Makes forecasts from lakes below a folder. `tenants` is a pool of role forecourt_app. `quick`: choices are made
    by few looks at the past and without trees, and stand until the next night, so that there is a forecast at once."""

    def __init__(self, tenants: Pool, clock: Clock, root: Path, *, quick: bool = False) -> None:
        self._tenants = tenants
        self._clock = clock
        self._root = root
        self._quick = quick

    async def make(
        self, tenant_id: int, *, anew: bool = False, progress: Progress = lambda what, done, all: None
    ) -> Made:
        """Makes what is missing of the forecasts that the latest snapshot of the lake allows; with `anew`, all of them,
        with the choice. The same again makes nothing. Raises LakeMissing."""
        past = await asyncio.to_thread(Past, self._root, tenant_id)
        async with self._tenants.tenant(tenant_id) as conn:
            done = {} if anew else await store.made(conn, tenant_id)
        work = [(group, target) for group in past.groups for target in TARGETS]
        every = sum(len(group.places) for group, _ in work)
        forecast = chosen = before = number = 0
        left = len(past.left)
        for group, target in work:
            progress(target, number, every)
            number += len(group.places)
            if all(done.get((place.site, target)) == place.seen_on for place in group.places):
                before += len(group.places)
                continue
            choices, forecasts = await self._group(tenant_id, past, group, target, anew=anew)
            async with self._tenants.tenant(tenant_id) as conn:
                await store.keep_choices(conn, tenant_id, choices)
                await store.keep_forecasts(conn, tenant_id, forecasts)
            forecast += len(forecasts)
            left += len(choices) - len(forecasts)
            chosen += sum(each.chosen_on == each.seen_on for each in choices)
        await self._tidy(tenant_id, past)
        return Made(forecast=forecast, left=left, chosen=chosen, before=before)

    async def _group(
        self, tenant_id: int, past: Past, group: Group, target: Target, *, anew: bool
    ) -> tuple[list[Choice], list[Forecast]]:
        """By what a group is forecast, and the forecasts."""
        panel = await asyncio.to_thread(past.panel, group, target)
        async with self._tenants.tenant(tenant_id) as conn:
            known = [await store.find_choice(conn, tenant_id, place.site, target) for place in group.places]
            since = group.seen_on - timedelta(days=DRIFT_DAYS)
            kept = [await store.list_since(conn, tenant_id, place.site, target, since) for place in group.places]
        recents = [_recent(panel, row) for row in range(len(panel.names))]
        good = [
            choice is not None and _is_good(choice, forecasts, recent, group.seen_on)
            for choice, forecasts, recent in zip(known, kept, recents, strict=True)
        ]
        if anew or not all(good):
            choices = await asyncio.to_thread(self._chosen, panel, group, target, recents)
        else:
            choices = [
                replace(choice, name=place.name, zone=place.zone, seen_on=place.seen_on, recent=recent)
                for choice, place, recent in zip(known, group.places, recents, strict=True)
                if choice is not None
            ]
        recipes = {row: choice.recipe for row, choice in enumerate(choices) if choice.recipe is not None}
        ahead = await asyncio.to_thread(ahead_of, panel, recipes, lambda: None)
        forecasts = [
            Forecast(site=place.site, target=target, begins_on=place.seen_on, zone=place.zone, ahead=ahead[row])
            for row, place in enumerate(group.places)
            if row in ahead
        ]
        return choices, forecasts

    def _chosen(
        self, panel: Panel, group: Group, target: Target, recents: Sequence[list[float | None]]
    ) -> list[Choice]:
        """By a backtest: without trees where it takes too long with them."""
        plan = planned(panel.hours, len(panel.names), QUICK_ORIGINS if self._quick else MAX_ORIGINS)
        if plan is None:
            return [_left(place, target, TOO_SHORT, recent)
                    for place, recent in zip(group.places, recents, strict=True)]  # fmt: skip
        until_s = self._clock.monotonic() + CHOICE_S

        def heed(_what: str, _done: int, _every: int) -> None:
            if self._clock.monotonic() > until_s:
                raise _TooLong

        found: Run
        try:
            trees = not self._quick
            found = run(panel, plan, Memory(), heed, trees=trees)
        except _TooLong:
            log.warning("a choice took too long and is made without trees", target=target, sites=len(panel.names))
            found, trees = run(panel, plan, Memory(), lambda *_: None, trees=False), False
        split = replace(split_of(found), series=[])
        choices = []
        for row, (place, recent) in enumerate(zip(group.places, recents, strict=True)):
            reason = unjudged(found, row)
            if reason is not None:
                choices.append(replace(_left(place, target, reason, recent), chosen_on=place.seen_on))
                continue
            choices.append(
                Choice(
                    site=place.site, target=target, name=place.name, zone=place.zone, seen_on=place.seen_on,
                    chosen_on=place.seen_on, reason=None, recipe=recipe_of(found, row),
                    judged=Judged(figures=judged(found, row), split=split, trees=trees, quick=self._quick),
                    recent=recent,
                )
            )  # fmt: skip
        return choices

    async def _tidy(self, tenant_id: int, past: Past) -> None:
        """Says of sites that aren't forecast why, and forgets what is over."""
        nothing: list[float | None] = []
        choices = [_left(place, target, reason, nothing) for place, reason in past.left for target in TARGETS]
        async with self._tenants.tenant(tenant_id) as conn:
            await store.keep_choices(conn, tenant_id, choices)
            await store.forget(conn, tenant_id, (self._clock.now() - KEEP).date())


def _left(place: Place, target: Target, reason: str, recent: list[float | None]) -> Choice:
    return Choice(
        site=place.site, target=target, name=place.name, zone=place.zone, seen_on=place.seen_on, chosen_on=None,
        reason=reason, recipe=None, judged=None, recent=recent,
    )  # fmt: skip


def _recent(panel: Panel, row: int) -> list[float | None]:
    values = panel.values[row, -RECENT_H:]
    return [None if np.isnan(each) else round(float(each), 3) for each in values]


def _is_good(choice: Choice, forecasts: Sequence[Forecast], recent: Sequence[float | None], seen_on: date) -> bool:
    """Whether a choice may stay, also that a series can't be forecast: else one such has its whole group chosen for
    anew. What wasn't looked at by a backtest, as it was too short, is tried again every night."""
    if choice.chosen_on is None:
        return False
    age = seen_on - choice.chosen_on
    if not timedelta(0) <= age < CHOSEN_FOR or (choice.judged is not None and choice.judged.quick):
        return False
    return choice.judged is None or age < KEPT_AT_LEAST or not has_drifted(choice.judged, forecasts, recent, seen_on)


def has_drifted(told: Judged, forecasts: Sequence[Forecast], recent: Sequence[float | None], seen_on: date) -> bool:
    """Whether what came on the last days lay outside of the intervals, or beside what was expected, more than the
    backtest lets one think."""
    hours = held(forecasts, recent, seen_on)
    if len(hours) < LEAST_DRIFT_DAYS * 24:
        return False
    came, low, high, expected = (
        np.array([getattr(hour, name) for hour in hours]) for name in ("came", "low", "high", "expected")
    )
    covered = float(((came >= low) & (came <= high)).mean())
    off = expected - came
    error = float(np.sqrt((off**2).mean()) if told.figures.metric == "rmse" else np.abs(off).mean())
    return covered < LEAST_COVERED or error > MOST_ERROR * told.figures.error
