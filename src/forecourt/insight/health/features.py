"""What of a connector's days tells of wear: each sign against the same days of the rest of its site, and against what
the connector used to be beside them.

The weather, a router, a tariff or a maker's update moves a whole site; a worn part moves one connector of it.
"""

from collections.abc import Mapping
from typing import Final

import numpy as np
from msgspec import Struct

from forecourt.insight.health.days import Floats, History, Ints
from forecourt.insight.health.store.days import CODES

#: Days that a sign is summed over, and those of what used to be: from so many days back until so many.
SPANS: Final = (3, 10, 30)
USUAL: Final = (90, 14)
#: Days of history since it was new or mended below which nothing is said of a connector.
LEAST_DAYS: Final = 14


class Sign(Struct, frozen=True, kw_only=True):
    """A share `part / whole`. `counted`: of things that happen or not, whose chance is known to be uneven by itself;
    else of amounts. `kappa`: how much of the network is mixed into a site that says little. `worse`: 1 where more is
    worse, -1 where less is, 0 either. `of_station`: it is said of a whole station, so that the rest of the site are its
    other stations."""

    part: str
    whole: str
    counted: bool
    kappa: float
    worse: int = 1
    of_station: bool = False


#: By name. `visits` is starts and one a day, so that a connector that nobody comes to still counts.
SIGNS: Final[Mapping[str, Sign]] = {
    "failed": Sign(part="failed", whole="starts", counted=True, kappa=20),
    "retries": Sign(part="retries", whole="starts", counted=True, kappa=20),
    "power": Sign(part="power_wh", whole="offered_wh", counted=False, kappa=50_000, worse=-1),
    "heat": Sign(part="heat", whole="heats", counted=False, kappa=2),
    "drift": Sign(part="drifted_wh", whole="metered_wh", counted=False, kappa=50_000, worse=0),
    "flaps": Sign(part="flaps", whole="day", counted=True, kappa=5, of_station=True),
    **{name: Sign(part=name, whole="visits", counted=True, kappa=30) for name in CODES},
    "other": Sign(part="other", whole="visits", counted=True, kappa=30),
    "burst": Sign(part="burst", whole="day", counted=True, kappa=5),
    "quiet": Sign(part="starts", whole="day", counted=True, kappa=5, worse=-1),
}
#: The same signs looked at more closely, each told as one of SIGNS: what a car is or draws is taken out of what its
#: connector shows. A start is fair where its driver failed at no other EVSE of the site lately and did not try the same
#: one just before; `moved` are failures that the next EVSE of the site put right; power is held against what the same
#: driver drew elsewhere, heat against the load.
CLOSER: Final[Mapping[str, tuple[str, Sign]]] = {
    "fair": ("failed", Sign(part="fair_failed", whole="fair_starts", counted=True, kappa=20)),
    "moved": ("failed", Sign(part="moved", whole="starts", counted=True, kappa=20)),
    "short": ("power", Sign(part="short_wh", whole="told_wh", counted=False, kappa=50_000)),
    "loaded": ("heat", Sign(part="unloaded_heat", whole="loaded_heats", counted=False, kappa=2)),
}
#: Days over which heat by load is learned of a site, and how much of the network is mixed in, in loads squared.
LOAD_D: Final = 60
LOAD_KAPPA: Final = 20.0
#: What is known of each sign, in order; then what is known besides.
OF_SIGN: Final = (*(f"days_{span}" for span in SPANS), "off_usual", "off_long")
BESIDES: Final = ("age", "plugs", "busy")
NAMES: Final = (*(f"{sign}:{each}" for sign in (*SIGNS, *CLOSER) for each in OF_SIGN), *BESIDES)
#: The place in SIGNS that each of NAMES is told as, but for BESIDES.
TOLD_AS: Final = tuple(
    [*SIGNS].index(sign) for sign in (*SIGNS, *(told for told, _ in CLOSER.values())) for _ in OF_SIGN
)


class Features(Struct, frozen=True, kw_only=True):
    """`values` (plugs, days, NAMES), NaN where nothing is known; `daily` (plugs, days, SIGNS): how far each day's sign
    is off, in what is usual for it; `known`: days of which something can be said."""

    values: Floats
    daily: Floats
    known: "np.typing.NDArray[np.bool_]"


class _Sums:
    """Sums over spans of days that end with each day; with `since`, none reaches before that day."""

    def __init__(self, values: Floats) -> None:
        self._sums = np.concatenate([np.zeros((len(values), 1)), np.cumsum(values, 1)], axis=1)
        self._last = np.arange(values.shape[1])[None, :]

    def over(self, span: int, lag: int = 0, since: Ints | None = None) -> Floats:
        end = np.maximum(self._last + 1 - lag, 0)
        start = np.maximum(end - span, 0)
        if since is not None:
            start, end = np.maximum(start, since), np.maximum(end, since)
        start, end = (np.broadcast_to(each, (len(self._sums), self._last.size)) for each in (start, end))
        start = np.minimum(start, end)
        return np.asarray(np.take_along_axis(self._sums, end, 1) - np.take_along_axis(self._sums, start, 1))


def reckoned(history: History, latest: int | None = None) -> Features:
    """Features of all days of all plugs, or of so many of the latest ones; of each day what was known when it ended.
    Looks at no later day."""
    kept = slice(None if latest is None else max(0, history.days - latest), None)
    since = _since(history)
    arrays = history.counts | {
        "day": np.ones_like(history.counts["starts"]), "visits": history.counts["starts"] + 1.0,
        "unloaded_heat": _unloaded(history),
    }  # fmt: skip
    up = np.where(history.down, 0.0, 1.0)
    parts: list[Floats] = []
    daily: list[Floats] = []
    for sign in (*SIGNS.values(), *(closer for _, closer in CLOSER.values())):
        values, off = _of_sign(sign, arrays[sign.part] * up, arrays[sign.whole] * up, history, since)
        # A copy: what isn't kept is let go of, sign by sign.
        parts += [np.array(each[:, kept]) for each in values]
        daily.append(np.array(off[:, kept]))
    age = np.arange(history.days)[None, :] + 1 - since
    starts = _Sums(history.counts["starts"] * up).over(30)
    plugs = np.bincount(history.site)[history.site]
    besides = np.clip(age, 0.0, 120.0), np.broadcast_to(plugs[:, None], starts.shape).astype(float), np.log1p(starts)
    parts += [each[:, kept] for each in besides]
    return Features(
        values=np.stack(parts, axis=2),
        daily=np.stack(daily[: len(SIGNS)], axis=2),
        known=np.asarray((age >= LEAST_DAYS) & ~history.down)[:, kept],
    )


def _unloaded(history: History) -> Floats:
    """The heat of each plug's days without what the load explains: how much hotter a full load is than none was learned
    within days of the whole site, of the last LOAD_D, towards the network's where loads are all alike."""
    counts = history.counts
    number, load, heat = (_summed(counts[name], history.site) for name in ("loaded_heats", "load", "loaded_heat"))
    square, both = (_summed(counts[name], history.site) for name in ("load_squared", "load_heat"))
    n = np.maximum(number, 1.0)
    spread, together = square - load * load / n, both - load * heat / n
    of_site = [_Sums(each).over(LOAD_D) for each in (spread, together)]
    of_all = [each.sum(0, keepdims=True) for each in of_site]
    usual = np.nan_to_num(_share(of_all[1], of_all[0]))
    slope = (of_site[1] + LOAD_KAPPA * usual) / (of_site[0] + LOAD_KAPPA)
    return np.asarray(counts["loaded_heat"] - slope[history.site] * counts["load"])


def _since(history: History) -> Ints:
    """The first day, of each day, since which the connector was there and not down."""
    days = np.arange(history.days)[None, :]
    last_down = np.maximum.accumulate(np.where(history.down, days, -1), axis=1)
    return np.asarray(np.maximum(last_down + 1, history.began[:, None]))


def _of_sign(sign: Sign, part: Floats, whole: Floats, history: History, since: Ints) -> tuple[list[Floats], Floats]:
    site, own_part, own_whole = history.site, _Sums(part), _Sums(whole)
    apart = history.station if sign.of_station else np.arange(len(part))
    apart_part, apart_whole = _Sums(_summed(part, apart)), _Sums(_summed(whole, apart))
    site_part, site_whole = _Sums(_summed(part, site)), _Sums(_summed(whole, site))
    net_part, net_whole = _Sums(part.sum(0, keepdims=True)), _Sums(whole.sum(0, keepdims=True))

    def rest(span: int, lag: int = 0) -> Floats:
        """The share of the rest of the site, towards the network's where that is little."""
        usual = _share(net_part.over(span, lag), net_whole.over(span, lag))
        others = site_part.over(span, lag)[site] - apart_part.over(span, lag)[apart]
        among = site_whole.over(span, lag)[site] - apart_whole.over(span, lag)[apart]
        return np.asarray((others + sign.kappa * np.nan_to_num(usual)) / (np.maximum(among, 0) + sign.kappa))

    length = USUAL[0] - USUAL[1]
    past_whole = own_whole.over(length, USUAL[1], since)
    past = _share(own_part.over(length, USUAL[1], since), past_whole) - rest(length, USUAL[1])
    # A short past is half believed: towards none of its own.
    past *= past_whole / (past_whole + sign.kappa)
    values = []
    for span in SPANS:
        values.append(_off(sign, own_part.over(span, 0, since), own_whole.over(span, 0, since), rest(span)))
    for span in SPANS[1:]:
        expected = rest(span) + np.nan_to_num(past)
        values.append(_off(sign, own_part.over(span, 0, since), own_whole.over(span, 0, since), expected))
    # A single day is held against the last weeks of the rest: one day of few says nothing.
    base = rest(7) + np.nan_to_num(past)
    return values, _in_usual(sign, _off(sign, part, whole, base))


def _off(sign: Sign, part: Floats, whole: Floats, expected: Floats) -> Floats:
    """How far a share is from what is expected: counts in the spread of chance, amounts as they are."""
    known = whole > 0
    if sign.counted:
        mean = np.maximum(expected, 0) * whole
        return np.where(known, (part - mean) / np.sqrt(mean + 0.5), np.nan)
    return np.asarray(_share(part, whole) - expected)


def _in_usual(sign: Sign, off: Floats) -> Floats:
    """A day's distance by the spread that is usual among all (the median of distances, as a normal one's), the worse
    the more."""
    with np.errstate(all="ignore"):
        spread = 1.4826 * float(np.nanmedian(np.abs(off))) if np.isfinite(off).any() else 1.0
    scaled = off / (max(spread, 1.0) if sign.counted else max(spread, 1e-6))
    return np.abs(scaled) if sign.worse == 0 else scaled * sign.worse


def _share(part: Floats, whole: Floats) -> Floats:
    return np.asarray(np.divide(part, whole, out=np.full(part.shape, np.nan), where=whole > 0))


def _summed(values: Floats, site: Ints) -> Floats:
    total = np.zeros((int(site.max()) + 1 if len(site) else 0, values.shape[1]))
    np.add.at(total, site, values)
    return total
