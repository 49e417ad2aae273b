"""What the rules are told: counts of the last weeks, read from one snapshot of the lake."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import groupby
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

from msgspec import Struct

from forecourt.insight.actions import rules
from forecourt.insight.actions.model import MONTH_DAYS, Proposal
from forecourt.insight.actions.rules import Busy, Plug, Top, Used
from forecourt.insight.dashboards.answering import Lake, scoped
from forecourt.insight.dashboards.counting import Station
from forecourt.insight.dashboards.model import Asked, Span
from forecourt.insight.dashboards.rows import rows_of
from forecourt.insight.dashboards.scope import Scope
from forecourt.insight.expansion.model import Load
from forecourt.insight.expansion.offered import loads
from forecourt.insight.model import OWN, Session
from forecourt.insight.usage import expressions
from forecourt.insight.usage.expressions import literal

WEEKS: Final = 8
DAYS: Final = 7 * WEEKS
#: Sites whose load is reckoned: those that were full most often.
MAX_FULL_SITES: Final = 200
#: Sessions of a site that its load is reckoned from, the latest.
MAX_SITE_SESSIONS: Final = 50_000
#: Hours of a site with all plugs taken at once, below which it is not looked at for drivers turned away.
LEAST_FULL_HOURS: Final = 8
#: Stations at which nothing began for so long, at the beginning or the end, are new or out of use, not underused.
SILENT: Final = timedelta(days=14)
#: Upper ends of classes of stations by W of a plug.
POWERS_W: Final = (5_000, 15_000, 30_000, 75_000, 200_000)
#: The hour of 20 with load that counts as the usual top.
USUAL: Final = 0.95


class Demand(Struct, frozen=True, kw_only=True):
    """What a kW of the highest load costs a site in a month, in minor units."""

    charge: float
    currency: str


def found(root: Path, tenant_id: int, lake: Lake, demands: Mapping[str, Demand]) -> list[Proposal]:
    """What could be done, the most worthwhile first, by the last WEEKS of a snapshot. `demands`: of sites without smart
    charging, which would shave by itself. Raises LakeMissing."""
    with scoped(root, tenant_id, lake, _asked(lake)) as scope:
        earned = _earned(scope)
        every = [
            *rules.failing(list(_plugs(scope, earned)), DAYS),
            *rules.blocked(_busy(scope, earned)),
            *rules.underused(list(_used(scope))),
            *rules.peaks(_tops(scope, demands)),
        ]
    return rules.ranked(every)


def _asked(lake: Lake) -> Asked:
    """The last whole weeks of which the lake has something: history may have ended long ago."""
    last = lake.watermark if lake.last_at is None else min(lake.watermark, lake.last_at + timedelta(days=1))
    until = datetime(last.year, last.month, last.day, tzinfo=UTC)
    return Asked(span=Span(since=until - timedelta(days=DAYS), until=until), zone="UTC")


class Earned(Struct, frozen=True, kw_only=True):
    """What sessions that charged came to, before taxes, in the currency of most of it."""

    currency: str
    amount: int
    charged: int

    @property
    def each(self) -> float:
        """By one of them, in minor units."""
        return self.amount / self.charged


def _earned(scope: Scope) -> dict[str, Earned]:
    """By station; of those that earn nothing, nothing."""
    charged = {
        row["station"]: row["charged"] for row in rows_of(expressions.arrivals(expressions.counted(scope.sessions)))
    }
    best: dict[str, tuple[int, str]] = {}
    for row in rows_of(expressions.revenue(scope.hours, ("station",))):
        best[row["station"]] = max(best.get(row["station"], (0, "")), (row["excl_minor"], row["currency"]))
    return {
        station: Earned(currency=currency, amount=amount, charged=charged[station])
        for station, (amount, currency) in best.items()
        if currency and amount > 0 and charged.get(station)
    }


def _plugs(scope: Scope, earned: Mapping[str, Earned]) -> Iterator[Plug]:
    by = ("station", "evse")
    sites = {station.station: station.site or "" for station in scope.stations}
    sessions = scope.sessions.mutate(evse=scope.sessions.evse.coalesce(""))
    visits = {(row["station"], row["evse"]): row for row in rows_of(expressions.visits(sessions, by))}
    for row in rows_of(expressions.arrivals(expressions.counted(sessions), by)):
        if row["station"] not in earned:
            continue
        mine = earned[row["station"]]
        visited = visits.get((row["station"], row["evse"]), {"visits": 0, "visits_charged": 0})
        # Who was refused did not charge either, and is none of the plug's fault.
        lost = min(row["nothing"], visited["visits"] - visited["visits_charged"])
        yield Plug(
            site=sites[row["station"]], station=row["station"], evse=row["evse"], charged=row["charged"],
            failed=row["nothing"], visits_lost=max(0, lost), earned=mine.each, currency=mine.currency,
        )  # fmt: skip


def _busy(scope: Scope, earned: Mapping[str, Earned]) -> Iterator[Busy]:
    """Sites that were full for some hours."""
    stations: dict[str, list[Station]] = defaultdict(list)
    for station in scope.stations:
        if station.site:
            stations[station.site].append(station)
    plugs = {site: sum(each.evses for each in those) for site, those in stations.items()}
    full: Counter[str] = Counter()
    peaks = scope.site_hours.group_by(["site", "peak"]).aggregate(hours=scope.site_hours.count().cast("int64"))
    for row in rows_of(peaks):
        if row["peak"] >= plugs.get(row["site"], 0) > 0:
            full[row["site"]] += row["hours"]
    idle = {row["site"]: row for row in rows_of(expressions.stays(scope.counts, ("site",)))}
    for site, hours in full.most_common(MAX_FULL_SITES):
        mine = _together(earned[each.station] for each in stations[site] if each.station in earned)
        if hours < LEAST_FULL_HOURS or mine is None:
            continue
        load, weekly = _load(scope, site, plugs[site])
        if load is None:
            continue
        told = idle[site]
        known = told["idle_known"] >= rules.LEAST_IDLE_KNOWN * told["sessions"] > 0
        yield Busy(
            site=site, load=load, weekly=weekly, currency=mine.currency, earned=mine.each,
            idle_s=told["idle_s"] / told["idle_known"] if known else None,
        )  # fmt: skip


def _together(every: Iterable[Earned]) -> Earned | None:
    """Of several stations, in the currency of most of it."""
    sums: dict[str, Earned] = {}
    for one in every:
        kept = sums.get(one.currency, Earned(currency=one.currency, amount=0, charged=0))
        sums[one.currency] = Earned(
            currency=one.currency, amount=kept.amount + one.amount, charged=kept.charged + one.charged
        )
    return max(sums.values(), key=lambda one: (one.amount, one.currency), default=None)


def _load(scope: Scope, site: str, plugs: int) -> tuple[Load | None, list[int]]:
    """The load of a site, corrected for what it turned away, and its sessions by week."""
    sessions = scope.sessions
    mine = sessions.filter(sessions.site == site, sessions.ended_at > sessions.started_at)
    names = ("station", "evse", "started_at", "ended_at", "zone")
    rows = rows_of(mine.select(*names).order_by(mine.started_at.desc()).limit(MAX_SITE_SESSIONS))
    if not rows:
        return None, []
    weekly = [0] * WEEKS
    for row in rows:
        weekly[min(WEEKS - 1, (row["started_at"] - scope.span.since).days // 7)] += 1
    [load] = loads([Session(id=None, site=site, **row) for row in rows], plugs)
    return load, weekly


def _used(scope: Scope) -> Iterator[Used]:
    """Stations that were there for the whole time and still are used."""
    hours = scope.hours
    busy = {row["station"]: row["busy_s"] for row in rows_of(expressions.totals(hours, ("station",)))}
    began = scope.sessions.started_at
    ends = rows_of(scope.sessions.group_by("station").aggregate(first=began.min(), last=began.max()))
    used = {row["station"]: (row["first"], row["last"]) for row in ends}
    paid: dict[str, Counter[str]] = defaultdict(Counter)
    for row in rows_of(expressions.revenue(hours, ("station",))):
        paid[row["station"]][row["currency"]] += row["excl_minor"]
    for each in scope.stations:
        if not (each.power_w and each.evses and paid[each.station]) or each.station not in used:
            continue
        first, last = used[each.station]
        known = first if each.first_at is None else min(first, each.first_at)
        if known - scope.span.since > SILENT or scope.span.until - last > SILENT:
            continue
        [(currency, amount)] = paid[each.station].most_common(1)
        yield Used(
            site=each.site or "", station=each.station,
            alike=sum(each.power_w / each.evses > bound for bound in POWERS_W),
            share=busy.get(each.station, 0) / (each.evses * scope.span.seconds),
            earned=amount * MONTH_DAYS / DAYS, currency=currency,
        )  # fmt: skip


def _tops(scope: Scope, demands: Mapping[str, Demand]) -> Iterator[Top]:
    """The highest and the usual load of sites whose highest costs something, by the last 30 days."""
    if not demands:
        return
    hours = scope.site_hours
    since = scope.span.until - timedelta(days=MONTH_DAYS)
    hours = hours.filter(hours.site.isin(sorted(demands)), hours.hour_at >= literal(since), hours.energy_wh > 0)
    rows = rows_of(hours.select("site", "energy_wh").order_by(["site", "energy_wh"]))
    for site, group in groupby(rows, key=lambda row: str(row["site"])):
        loaded = [row["energy_wh"] for row in group]
        yield Top(
            site=site, peak_w=loaded[-1], usual_w=loaded[int(USUAL * (len(loaded) - 1))],
            charge=demands[site].charge, currency=demands[site].currency,
        )  # fmt: skip


class Daily(Struct, frozen=True, kw_only=True):
    """What places came to a day: minor units by currency of stations; from `begins` until before `ends` all days are
    known. `used`: the first and the last day on which somebody came to a station, of all that is known, and
    `retired` the day it was taken out, by their own clocks."""

    begins: date
    ends: date
    money: Mapping[tuple[str, str, str], Mapping[date, int]]
    used: Mapping[str, tuple[date, date]]
    retired: Mapping[str, date]

    def of(self, site: str, station: str, currency: str) -> Counter[date]:
        """Of a site or one of its stations."""
        return self._sum(
            sums for (where, one, paid), sums in self.money.items()
            if paid == currency and where == site and station in ("", one)
        )  # fmt: skip

    def elsewhere(
        self, sites: Iterable[str], stations: Sequence[str], currency: str, window: tuple[date, date]
    ) -> Counter[date]:
        """Of all but these sites and stations that were there from the first day of a window to its last: what opens or
        closes meanwhile says nothing of the season."""
        left = set(sites)
        return self._sum(
            sums for (where, one, paid), sums in self.money.items()
            if paid == currency and where not in left and one not in stations
            and self._opened(one, window[0]) and self._stayed(one, window[1])
        )  # fmt: skip

    def is_old(self, site: str, station: str, day: date) -> bool:
        """Whether a site or one of its stations was in use before a day."""
        every = {one for where, one, _ in self.money if where == site and station in ("", one)}
        return any(self._opened(one, day) for one in every)

    def _opened(self, station: str, day: date) -> bool:
        """Before a day. A station is registered before it opens, so its use tells."""
        return station in self.used and self.used[station][0] < day

    def _stayed(self, station: str, day: date) -> bool:
        """Until a day at least."""
        return self.retired.get(station, date.max) > day and self.used[station][1] > day - SILENT

    @staticmethod
    def _sum(every: Iterable[Mapping[date, int]]) -> Counter[date]:
        total: Counter[date] = Counter()
        for sums in every:
            total.update(sums)
        return total


def daily(root: Path, tenant_id: int, lake: Lake, since: datetime) -> Daily:
    """What stations came to since a time, by days of their own clocks. Raises LakeMissing."""
    asked = Asked(span=Span(since=since, until=lake.watermark), zone="UTC")
    with scoped(root, tenant_id, lake, asked) as scope:
        sites = {station.station: station.site or "" for station in scope.stations}
        clocks = {station.station: ZoneInfo(station.zone) for station in scope.stations}
        began = scope.ever.started_at
        ends = rows_of(scope.ever.group_by("station").aggregate(first=began.min(), last=began.max()))
        money: dict[tuple[str, str, str], Counter[date]] = defaultdict(Counter)
        rows: list[dict[str, Any]] = rows_of(expressions.revenue(scope.hours, ("station", "local_date")))
        for row in rows:
            money[sites.get(row["station"], ""), row["station"], row["currency"]][row["local_date"]] += row[
                "excl_minor"
            ]
        used = {
            row["station"]: (row["first"].astimezone(clock).date(), row["last"].astimezone(clock).date())
            for row in ends
            if (clock := clocks.get(row["station"])) is not None
        }
        # Imported history has no other end than its last session.
        retired = {
            each.station: each.last_at.astimezone(clocks[each.station]).date()
            for each in scope.stations
            if each.source == OWN and each.last_at is not None
        }
    begins = max(since, lake.first_at or since).date() + timedelta(days=1)
    return Daily(begins=begins, ends=lake.watermark.date() - timedelta(days=1), money=money, used=used, retired=retired)
