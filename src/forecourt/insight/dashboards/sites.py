"""What sites come to, added up where the lake is asked: a network has ten thousand stations, and few sites."""

from typing import TYPE_CHECKING, Any

from forecourt.insight.dashboards.model import NO_SITE
from forecourt.insight.dashboards.parts import Counted
from forecourt.insight.dashboards.rows import held, rows_of
from forecourt.insight.dashboards.scope import Scope
from forecourt.insight.usage import expressions
from forecourt.insight.usage.expressions import literal

if TYPE_CHECKING:
    import ibis


def by_site(scope: Scope) -> tuple[dict[str, Counted], dict[str, int]]:
    """The plugs, time, energy and money of each site, NO_SITE for stations of none, and the most at once at each. A
    station is there as `Scope.there_s` says."""
    uses = held(expressions.station_sums(scope.station_uses))
    peaks = [name for name in ("peak", "site_peak") if name in uses.columns]
    each = uses.group_by("station").aggregate(
        first=uses.hour_at.min(), busy_s=uses.busy_s.sum(), energy_wh=uses.energy_wh.sum(),
        **{name: uses[name].max() for name in peaks},
    )  # fmt: skip
    stations = scope.places.select("station", "site", "evses", "power_w", "first_at", "last_at")
    there = _there_s(scope, stations.left_join(each, "station"))
    # Nobody knows how many plugs there are of a kind, or at which tariff one stands: of what these are no share.
    counts = 0 if scope.asked.traits else 1
    plugs, power = there.evses * counts, there.power_w * counts
    known = power.coalesce(0) > 0
    sums = {
        "plugs": plugs, "plug_s": plugs * there.there_s, "busy_s": there.busy_s, "energy_wh": there.energy_wh,
        "known_wh": known.ifelse(there.energy_wh, 0), "power_ws": known.ifelse(power * there.there_s, 0),
    }  # fmt: skip
    told = there.group_by("site").aggregate(
        **{name: value.sum().coalesce(0).cast("int64") for name, value in sums.items()},
        **{name: there[name].max().coalesce(0).cast("int64") for name in peaks},
    )
    found, most = dict[str, Counted](), dict[str, int]()
    for row in rows_of(told):
        site, site_peak = row.pop("site"), row.pop("site_peak", None)
        found[site or NO_SITE] = Counted(**row)
        if site is not None and site_peak:
            most[site] = site_peak
    for row in rows_of(_paid(uses, stations)):
        found[row["site"] or NO_SITE].paid(row["currency"], row["excl_minor"] if row["excl_known"] else None)
    if not scope.by_days:
        most = {row["site"]: row["peak"] for row in rows_of(expressions.peaks(scope.site_hours, ("site",)))}
    return found, most


def _there_s(scope: Scope, stations: "ibis.Table") -> "ibis.Table":
    """Stations with how long each was there in the span."""
    import ibis

    since, until = literal(scope.span.since), literal(scope.span.until)
    known = ibis.least(
        stations.first_at.coalesce(stations.first, since), stations.first.coalesce(stations.first_at, since)
    )
    begins, ends = ibis.greatest(since, known), ibis.least(until, stations.last_at.coalesce(until))
    # Fractions of a second are no whole numbers, whatever the type of the expression says.
    lasted = ends.truncate("s").epoch_seconds() - begins.truncate("s").epoch_seconds()
    return stations.mutate(there_s=ibis.greatest(ibis.literal(0), lasted).cast("int64"))


def _paid(uses: "ibis.Table", stations: "ibis.Table") -> Any:
    paid = uses.filter(uses.currency.notnull()).join(stations.select("station", "site"), "station")
    sums = {name: paid[name].sum().coalesce(0).cast("int64") for name in ("excl_minor", "excl_known")}
    return paid.group_by(["site", "currency"]).aggregate(**sums)
