"""What an action truly brought: the place against the other sites, after against before (difference in differences).

Weeks are counted from the day after somebody took it. What the other sites came to, times what the place was of them
before, is what was to be expected; what a week differs from that is chance as large as weeks before and after differ.
Chance of one week is taken to say nothing of the next one's.
"""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from math import sqrt
from typing import Final

from forecourt.insight.actions.model import MONTH_DAYS, Effect, Measured

WEEK_DAYS: Final = 7
#: Weeks before and after that are looked at.
MOST_WEEKS: Final = 8
#: Weeks that are told from.
LEAST_BEFORE: Final = 4
LEAST_AFTER: Final = 2
#: Of the interval, two-sided.
LEVEL: Final = 0.95


def weeks_of(taken_on: date, begins: date, ends: date) -> tuple[int, int] | None:
    """How many weeks before and after count, of days known as `measured` says. None: too few."""
    after = min(MOST_WEEKS, ((ends - taken_on).days - 1) // WEEK_DAYS)
    before = min(MOST_WEEKS, (taken_on - begins).days // WEEK_DAYS)
    return None if after < LEAST_AFTER or before < LEAST_BEFORE else (before, after)


def window(taken_on: date, weeks: tuple[int, int]) -> tuple[date, date]:
    """The first and the last day of weeks before and after."""
    before, after = weeks
    return taken_on - timedelta(days=WEEK_DAYS * before), taken_on + timedelta(days=WEEK_DAYS * after)


def measured(
    place: Mapping[date, int], others: Mapping[date, int], taken_on: date, begins: date, ends: date
) -> Measured | None:
    """What came of it, by what was earned a day at the place and at all others. From `begins` until before `ends` all
    days are known, a day that is missing is one of nothing. None: too little is known, or others earned nothing."""
    counted = weeks_of(taken_on, begins, ends)
    if counted is None:
        return None
    before, after = counted
    weeks = range(-before, after)
    mine, theirs = ([_week(sums, taken_on, week) for week in weeks] for sums in (place, others))
    found = difference(mine[:before], theirs[:before], mine[before:], theirs[before:])
    if found is None:
        return None
    expected, low, high = (round(each * MONTH_DAYS / WEEK_DAYS) for each in found)
    return Measured(
        effect=Effect(expected=expected, low=low, high=high), weeks_before=before, weeks_after=after,
        until=taken_on + timedelta(days=WEEK_DAYS * after),
    )  # fmt: skip


def difference(
    mine_before: Sequence[float], theirs_before: Sequence[float],
    mine_after: Sequence[float], theirs_after: Sequence[float],
) -> tuple[float, float, float] | None:  # fmt: skip
    """The effect a week with the ends of its interval, by Student's t. None where others came to nothing."""
    from scipy import special  # long to load, and most processes measure nothing

    before, after = len(mine_before), len(mine_after)
    if not sum(theirs_before) or not sum(theirs_after):
        return None
    part = sum(mine_before) / sum(theirs_before)
    was = [mine - part * theirs for mine, theirs in zip(mine_before, theirs_before, strict=True)]
    now = [mine - part * theirs for mine, theirs in zip(mine_after, theirs_after, strict=True)]
    effect = sum(now) / after
    left = before + after - 2
    chance = (sum(each**2 for each in was) + sum((each - effect) ** 2 for each in now)) / left
    # The part is known as well as weeks before tell it, and counts as much as others came to since.
    grown = (sum(theirs_after) / after) / (sum(theirs_before) / before)
    half = float(special.stdtrit(left, (1 + LEVEL) / 2)) * sqrt(chance * (1 / after + grown**2 / before))
    return effect, effect - half, effect + half


def _week(sums: Mapping[date, int], taken_on: date, week: int) -> int:
    first = taken_on + timedelta(days=WEEK_DAYS * week + (1 if week >= 0 else 0))
    return sum(sums.get(first + timedelta(days=day), 0) for day in range(WEEK_DAYS))
