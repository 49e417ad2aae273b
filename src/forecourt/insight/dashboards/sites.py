"""What sites come to, added up where the lake is asked: a network has ten thousand stations, and few sites."""

from typing import TYPE_CHECKING

from forecourt.insight.dashboards.model import NO_SITE
from forecourt.insight.dashboards.parts import Counted
from forecourt.insight.dashboards.rows import rows_of
from forecourt.insight.dashboards.scope import Scope
from forecourt.insight.usage import expressions
from forecourt.insight.usage.expressions import literal

if TYPE_CHECKING:
    import ibis


def by_site(scope: Scope) -> tuple[dict[str, Counted], dict[str, int]]:
    """The plugs, time, energy and money of each site, NO_SITE for stations of none, and the most at once at each. A
    station is there as `Scope.there_s` says."""
    found, most = dict[str, Counted](), dict[str, int]()
    for row in rows_of(_there(scope)):
        site = row.pop("site") or NO_SITE
        found[site] = Counted(**row)
    for row in rows_of(expressions.site_sums(scope.site_uses)):
        each = found[row["site"] or NO_SITE]
        each.busy_s += row["busy_s"]
        each.energy_wh += row["energy_wh"]
        each.peak = max(each.peak, row["peak"])
        each.known_wh += 0 if scope.asked.traits else row["known_wh"]
        if row["currency"] is not None:
            each.paid(row["currency"], row["excl_minor"] if row["excl_known"] else None)
        if row["site"] is not None and row["peak"]:
            most[row["site"]] = max(row["peak"], most.get(row["site"], 0))
    if not scope.by_days:
        most = {row["site"]: row["peak"] for row in rows_of(expressions.peaks(scope.site_hours, ("site",)))}
    return found, most


def _there(scope: Scope) -> "ibis.Table":
    """Sites with their plugs, the time for which these were there in the span, and what could have been given."""
    import ibis

    stations = scope.places
    since, until = literal(scope.span.since), literal(scope.span.until)
    known = ibis.least(
        stations.first_at.coalesce(stations.used_at, since), stations.used_at.coalesce(stations.first_at, since)
    )
    begins, ends = ibis.greatest(since, known), ibis.least(until, stations.last_at.coalesce(until))
    # Fractions of a second are no whole numbers, whatever the type of the expression says.
    lasted = ends.truncate("s").epoch_seconds() - begins.truncate("s").epoch_seconds()
    there_s = ibis.greatest(ibis.literal(0), lasted).cast("int64")
    # Nobody knows how many plugs there are of a kind, or at which tariff one stands: of what these are no share.
    counts = 0 if scope.asked.traits else 1
    plugs, power = stations.evses * counts, stations.power_w.coalesce(0) * counts
    sums = {"plugs": plugs, "plug_s": plugs * there_s, "power_ws": power * there_s}
    return stations.group_by("site").aggregate(
        **{name: value.sum().coalesce(0).cast("int64") for name, value in sums.items()}
    )
