"""What a site needs and earns: plugs, kW and pay-back for its offered load."""

from typing import Final

from msgspec import Struct

from forecourt.insight.expansion.erlang import blocking, busy_at_most, plugs_for, waiting

#: The share of the time for which a managed connection has full power for every car.
MANAGED_SHARE: Final = 0.99
DAYS_PER_YEAR: Final = 365


class Target(Struct, frozen=True, kw_only=True):
    """At most the share `share`, above 0 and below 1, is turned away; with `wait_minutes`, waits longer than that."""

    share: float
    wait_minutes: float | None = None


class Costs(Struct, frozen=True, kw_only=True):
    """Whole minor units: of one plug more, of one kW of connection more, and earned by one session more, in one
    currency."""

    per_plug_minor: int = 0
    per_kw_minor: int = 0
    margin_minor: int = 0


class Load(Struct, frozen=True, kw_only=True):
    """What would come to a site if nobody was turned away, for each hour of the day: `arrivals` in it, and the
    `erlang` that these and those before them would keep busy. `full_share`: of the time, 0 to 1, all plugs were."""

    site: str
    arrivals: tuple[float, ...]
    erlang: tuple[float, ...]
    stay_minutes: float
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
    busiest hour. Power in W: `connection_w` for all plugs at once, `managed_w` for MANAGED_SHARE of the busiest hour.
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
    more_a_year: float
    cost_minor: int
    payback_years: float | None


def size(load: Load, target: Target, plug_w: int, costs: Costs) -> Size:
    """Sizes a site for its busiest hour. Never fewer plugs than there are. Raises SizingRefused."""
    waited = None if target.wait_minutes is None else target.wait_minutes / load.stay_minutes
    plugs = max(load.plugs, plugs_for(load.peak, target=target.share, waited=waited))

    def missed(count: int) -> float:
        return blocking(load.peak, count) if waited is None else waiting(load.peak, count, waited)

    more = DAYS_PER_YEAR * sum(
        rate * (blocking(busy, load.plugs) - blocking(busy, plugs))
        for rate, busy in zip(load.arrivals, load.erlang, strict=True)
    )
    added = plugs - load.plugs
    # Each kW that is begun is paid.
    cost = added * costs.per_plug_minor + -(-added * plug_w // 1000) * costs.per_kw_minor
    # A ratio for a person to look at: nothing is booked from it.
    earned = more * costs.margin_minor
    return Size(
        site=load.site,
        peak=load.peak,
        plugs_now=load.plugs,
        plugs=plugs,
        missed_now=missed(load.plugs),
        missed=missed(plugs),
        connection_w=plugs * plug_w,
        managed_w=busy_at_most(load.peak, plugs, MANAGED_SHARE) * plug_w,
        more_a_year=more,
        cost_minor=cost,
        payback_years=cost / earned if cost and earned > 0 else None,
    )
