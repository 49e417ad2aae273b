"""What a site needs and earns: plugs, kW and pay-back for its offered load."""

from enum import StrEnum
from typing import Final

import numpy as np
from msgspec import Struct

from forecourt.insight.expansion.erlang import blocking, busy_at_most, busy_shares, plugs_for, waiting

#: The share of the time for which a managed connection has full power for every car.
MANAGED_SHARE: Final = 0.99
DAYS_PER_YEAR: Final = 365
#: Moments that are drawn to find what a connection must bear.
DRAWS: Final = 4_000


class Target(Struct, frozen=True, kw_only=True):
    """At most the share `share`, above 0 and below 1, is turned away; with `wait_minutes`, waits longer than that."""

    share: float
    wait_minutes: float | None = None


class Counted(StrEnum):
    """By which power a connection is paid."""

    #: All plugs at once.
    ALL = "all"
    #: Every car its plug's power, for MANAGED_SHARE of the busiest hour.
    SHARED = "shared"
    #: Every car what cars of the past drew, for MANAGED_SHARE of the busiest hour; where nobody knows it, as SHARED.
    DRAWN = "drawn"


class Power(Struct, frozen=True, kw_only=True):
    """W of a plug, and of the connection that there is (None: as much as the plugs of today need), and how it is
    counted."""

    plug_w: int
    connection_w: int | None = None
    counted: Counted = Counted.ALL


class Costs(Struct, frozen=True, kw_only=True):
    """Whole minor units: of growing at all, of one plug more, of one kW of connection more, and earned by one session
    more, in one currency."""

    fixed_minor: int = 0
    per_plug_minor: int = 0
    per_kw_minor: int = 0
    margin_minor: int = 0


class Load(Struct, frozen=True, kw_only=True):
    """What would come to a site if nobody was turned away, for each hour of the day: `arrivals` in it, and the
    `erlang` that these and those before them would keep busy, of which `charging` draw power. `powers_w`: quantiles of
    what one draws. `full_share`: of the time, 0 to 1, all plugs were taken."""

    site: str
    arrivals: tuple[float, ...]
    erlang: tuple[float, ...]
    stay_minutes: float
    charging: tuple[float, ...] = ()
    powers_w: tuple[int, ...] = ()
    plugs: int = 0
    seen: int = 0
    full_share: float = 0.0

    @property
    def peak(self) -> float:
        """Erlang in the busiest hour of the day."""
        return max(self.erlang)


def steady(site: str, arrivals: float, stay_minutes: float, plugs: int) -> Load:
    """The same `arrivals` each hour of the day; all of them above 0, `plugs` 0 or more."""
    erlang = arrivals * stay_minutes / 60
    return Load(site=site, arrivals=(arrivals,) * 24, erlang=(erlang,) * 24, stay_minutes=stay_minutes, plugs=plugs)


class Size(Struct, frozen=True, kw_only=True):
    """What a site needs. `peak` is in erlang; `missed` the share, 0 to 1, that is turned away or waits too long in the
    busiest hour. Power in W: `connection_w` for all plugs at once, `managed_w` for MANAGED_SHARE of the busiest hour,
    `drawn_w` for that with what cars drew, None where nobody knows it; `more_w` what the connection lacks.
    `more_a_year`: sessions beyond those that the plugs of today serve. `payback_years` is None where nothing is earned
    or nothing is known of costs."""

    site: str
    peak: float
    plugs_now: int
    plugs: int
    missed_now: float
    missed: float
    connection_w: int
    managed_w: int
    drawn_w: int | None
    more_w: int
    more_a_year: float
    cost_minor: int
    payback_years: float | None


def size(load: Load, target: Target, power: Power, costs: Costs) -> Size:
    """Sizes a site for its busiest hour. Never fewer plugs than there are. Raises SizingRefused."""
    plugs = max(load.plugs, plugs_needed(load, target))
    added = plugs - load.plugs
    needed_w = _counted(load, plugs, power)
    there_w = _counted(load, load.plugs, power) if power.connection_w is None else power.connection_w
    more_w = max(needed_w - there_w, 0) if added else 0
    # Each kW that is begun is paid.
    cost = added * costs.per_plug_minor + -(-more_w // 1000) * costs.per_kw_minor + bool(added) * costs.fixed_minor
    more = more_a_year(load, plugs)
    return Size(
        site=load.site,
        peak=load.peak,
        plugs_now=load.plugs,
        plugs=plugs,
        missed_now=missed(load, target, load.plugs),
        missed=missed(load, target, plugs),
        connection_w=plugs * power.plug_w,
        managed_w=busy_at_most(load.peak, plugs, MANAGED_SHARE) * power.plug_w,
        drawn_w=drawn_w(load, plugs, power.plug_w),
        more_w=more_w,
        more_a_year=more,
        cost_minor=cost,
        payback_years=payback_years(cost, more * costs.margin_minor),
    )


def plugs_needed(load: Load, target: Target) -> int:
    """The fewest plugs that keep the target, however many there are. Raises SizingRefused."""
    return plugs_for(load.peak, target=target.share, waited=_waited(load, target))


def missed(load: Load, target: Target, plugs: int) -> float:
    """The share of arrivals, 0 to 1, that are turned away or wait too long in the busiest hour."""
    waited = _waited(load, target)
    return blocking(load.peak, plugs) if waited is None else waiting(load.peak, plugs, waited)


def more_a_year(load: Load, plugs: int) -> float:
    """Sessions a year that so many plugs serve beyond those of today, where whoever finds none free leaves."""
    return DAYS_PER_YEAR * sum(
        rate * (blocking(busy, load.plugs) - blocking(busy, plugs))
        for rate, busy in zip(load.arrivals, load.erlang, strict=True)
    )


def payback_years(cost_minor: int, earned_minor: float) -> float | None:
    """A ratio for a person to look at: nothing is booked from it. None where it is none."""
    return cost_minor / earned_minor if cost_minor and earned_minor > 0 else None


def drawn_w(load: Load, plugs: int, plug_w: int) -> int | None:
    """What a connection must bear for MANAGED_SHARE of the hour in which most cars charge, each drawing what one of the
    past did; None where nobody knows that. By chance, always the same: so many cars, each its power."""
    if not load.powers_w or not load.charging:
        return None
    chance = np.random.default_rng(0)
    shares = np.array(busy_shares(max(load.charging), plugs))
    cars = chance.choice(plugs + 1, DRAWS, p=shares)
    powers = np.minimum(np.array(load.powers_w), plug_w)
    drawn = chance.choice(powers, (DRAWS, max(plugs, 1))) * (np.arange(max(plugs, 1)) < cars[:, None])
    return int(np.ceil(np.quantile(drawn.sum(axis=1), MANAGED_SHARE)))


def _counted(load: Load, plugs: int, power: Power) -> int:
    """W of connection for so many plugs, as it is counted."""
    shared = busy_at_most(load.peak, plugs, MANAGED_SHARE) * power.plug_w
    if power.counted is Counted.DRAWN:
        drawn = drawn_w(load, plugs, power.plug_w)
        return shared if drawn is None else drawn
    return plugs * power.plug_w if power.counted is Counted.ALL else shared


def _waited(load: Load, target: Target) -> float | None:
    return None if target.wait_minutes is None else target.wait_minutes / load.stay_minutes
