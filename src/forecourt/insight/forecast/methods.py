"""Methods that need no fitting: the simple ones, which every other has to beat, and some that weigh the past better.

Each forecasts all series from one hour on and sees what is before that hour alone. `past` is (series, hours), NaN where
nobody knows; the answer is (series, horizon), never NaN, never negative.
"""

from collections.abc import Callable
from typing import Final

import numpy as np

from forecourt.insight.forecast.series import DAY_H, WEEK_H, Floats

#: Weeks that the profiles look back.
WEEKS: Final = 8
#: What a week counts against the one after it in the weighed profile.
FADE: Final = 0.85
#: How much of what an hour differs from its profile is left an hour later.
HOLD: Final = 0.85
#: Bounds of the level of the last week against that of the profile.
LEAST_LEVEL, MOST_LEVEL = 0.5, 2.0

Method = Callable[[Floats, int], Floats]


def mean(values: Floats, axis: int | tuple[int, ...]) -> Floats:
    """Of what is known; NaN where nothing is."""
    known = np.isfinite(values)
    number = known.sum(axis=axis)
    total = np.where(known, values, 0).sum(axis=axis)
    return np.where(number > 0, total / np.maximum(number, 1), np.nan).astype(np.float32)


def back(past: Floats, hours: int) -> Floats:
    """The last so many hours; unknown before the first."""
    have = past.shape[1]
    if have >= hours:
        return past[:, have - hours :]
    return np.pad(past, ((0, 0), (hours - have, 0)), constant_values=np.nan)


def tiled(cycle: Floats, horizon: int) -> Floats:
    """A cycle of hours, again and again."""
    return np.tile(cycle, (1, -(-horizon // cycle.shape[1])))[:, :horizon]


def _filled(first: Floats, past: Floats, horizon: int) -> Floats:
    """Where a method knows nothing: the mean day of four weeks, else the mean of all, else nothing flows."""
    if np.isfinite(first).all():
        return np.maximum(first, 0)
    day = tiled(mean(back(past, 4 * WEEK_H).reshape(len(past), -1, DAY_H), 1), horizon)
    every = mean(past, 1)[:, None]
    for other in (day, every, np.zeros_like(every)):
        first = np.where(np.isfinite(first), first, other)
    return np.maximum(first, 0).astype(np.float32)


def same_hour_yesterday(past: Floats, horizon: int) -> Floats:
    """The last known day, hour by hour."""
    return _filled(tiled(back(past, DAY_H), horizon), past, horizon)


def same_hour_last_week(past: Floats, horizon: int) -> Floats:
    """The last known week, hour by hour."""
    return _filled(tiled(back(past, WEEK_H), horizon), past, horizon)


def mean_of_four_weeks(past: Floats, horizon: int) -> Floats:
    """The mean of the last four same hours of the week."""
    return _filled(tiled(mean(back(past, 4 * WEEK_H).reshape(len(past), 4, WEEK_H), 1), horizon), past, horizon)


def mean_day(past: Floats, horizon: int) -> Floats:
    """The mean of the last 28 same hours of the day."""
    return _filled(tiled(mean(back(past, 4 * WEEK_H).reshape(len(past), 28, DAY_H), 1), horizon), past, horizon)


def mean_of_28_days(past: Floats, horizon: int) -> Floats:
    """The mean of all hours of the last 28 days."""
    return _filled(tiled(mean(back(past, 4 * WEEK_H), 1)[:, None], horizon), past, horizon)


def profile(past: Floats) -> Floats:
    """The week as it lately was: newer weeks count more, and the hours beside an hour count in.

    (series, 168), by hours from the origin on; NaN where nothing is known.
    """
    weeks = back(past, WEEKS * WEEK_H).reshape(len(past), WEEKS, WEEK_H)
    known = np.isfinite(weeks)
    weight = known * (FADE ** np.arange(WEEKS)[::-1, None]).astype(np.float32)
    total, number = (np.where(known, weeks, 0) * weight).sum(1), weight.sum(1)
    total, number = (each / 2 + (np.roll(each, 1, 1) + np.roll(each, -1, 1)) / 4 for each in (total, number))
    return np.where(number > 0, total / np.maximum(number, 1e-6), np.nan).astype(np.float32)


def weighed_week(past: Floats, horizon: int) -> Floats:
    """The mean week of eight, newer ones and the hours beside an hour counted in."""
    return _filled(tiled(profile(past), horizon), past, horizon)


def middle_of_eight_weeks(past: Floats, horizon: int) -> Floats:
    """The median of the last eight same hours of the week and those beside them."""
    weeks = back(past, WEEKS * WEEK_H).reshape(len(past), WEEKS, WEEK_H)
    near = np.concatenate([np.roll(weeks, -1, 2), weeks, weeks, np.roll(weeks, 1, 2)], axis=1)
    near = np.sort(near, axis=1)
    known = np.isfinite(near).sum(1)
    low, high = np.maximum(known - 1, 0) // 2, known // 2
    high = np.minimum(high, np.maximum(known - 1, 0))
    middle = (np.take_along_axis(near, low[:, None], 1) + np.take_along_axis(near, high[:, None], 1))[:, 0] / 2
    return _filled(tiled(middle.astype(np.float32), horizon), past, horizon)


def week_at_todays_level(past: Floats, horizon: int) -> Floats:
    """The weighed week, raised or lowered as the last seven days were against four weeks."""
    seven, month = mean(back(past, WEEK_H), 1), mean(back(past, 4 * WEEK_H), 1)
    with np.errstate(invalid="ignore", divide="ignore"):
        level = np.nan_to_num(np.sqrt(seven / month), nan=1.0, posinf=1.0)
    level = np.clip(level, LEAST_LEVEL, MOST_LEVEL)[:, None].astype(np.float32)
    today: Floats = np.multiply(weighed_week(past, horizon), level, dtype=np.float32)
    return today


def week_from_now(past: Floats, horizon: int) -> Floats:
    """The weighed week, begun at what the last hours were: what they differ by fades from hour to hour."""
    week = weighed_week(past, max(horizon, WEEK_H))
    recent = back(past, 3) - week[:, WEEK_H - 3 : WEEK_H]
    weight = np.array([0.15, 0.25, 0.6], np.float32)
    known = np.isfinite(recent)
    off = (np.where(known, recent, 0) * weight).sum(1) / np.maximum((known * weight).sum(1), 1e-6)
    fading = (HOLD ** np.arange(1, horizon + 1)).astype(np.float32)
    from_now: Floats = np.maximum(week[:, :horizon] + off[:, None] * fading, 0).astype(np.float32)
    return from_now


#: The methods that every other has to beat.
SIMPLE: Final[dict[str, Method]] = {
    "same_hour_last_week": same_hour_last_week,
    "same_hour_yesterday": same_hour_yesterday,
    "mean_of_four_weeks": mean_of_four_weeks,
    "mean_day": mean_day,
    "mean_of_28_days": mean_of_28_days,
}
#: Others that need no fitting.
WEIGHED: Final[dict[str, Method]] = {
    "weighed_week": weighed_week,
    "middle_of_eight_weeks": middle_of_eight_weeks,
    "week_at_todays_level": week_at_todays_level,
    "week_from_now": week_from_now,
}
