"""What the lake saw of each site: sessions week by week, plugs and powers of its stations, and what a session paid."""

from collections import Counter
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

import numpy as np
from msgspec import Struct

from forecourt.insight.expansion.erlang import Floats
from forecourt.insight.expansion.offered import Seen, Weeks, weeks
from forecourt.insight.lake import asking

if TYPE_CHECKING:
    import duckdb

#: Days before the last session that are looked at: whole weeks of a year.
PAST_DAYS: Final = 364
#: Sessions that are looked at; where there are more, fewer days are.
MAX_SESSIONS: Final = 2_000_000
#: Sites of one organisation, those with the most sessions first.
MAX_SITES: Final = 1_000
#: A site without a session for so many days before the snapshot is over: what it did until then counts.
QUIET_DAYS: Final = 28
#: Days that are looked at however many sessions there are.
LEAST_DAYS: Final = 7

_STAYS: Final = "s.started_at >= $since AND s.ended_at > s.started_at AND s.outcome <> 'refused'"
_LAST: Final = "SELECT max(started_at) FROM sessions"
_COUNT: Final = "SELECT count(*) FROM sessions s WHERE {stays}"
_PLACES: Final = """
    SELECT site, any_value(site_name) AS name, min(zone) AS zone, sum(greatest(evses, 1))::BIGINT AS plugs,
        median(power_w / greatest(evses, 1)) AS plug_w, avg(latitude) AS latitude, avg(longitude) AS longitude
    FROM stations WHERE site IS NOT NULL GROUP BY site ORDER BY site
"""
_SESSIONS: Final = """
    SELECT p.site, epoch_us(s.started_at) / 1e6 AS began, epoch_us(s.ended_at) / 1e6 AS ended,
        epoch_us(s.charging_ended_at) / 1e6 - epoch_us(s.started_at) / 1e6 AS charging_s, s.energy_wh
    FROM sessions s JOIN stations p USING (station)
    WHERE p.site IS NOT NULL AND {stays} ORDER BY p.site, began
"""
#: Of sites, the last sessions before those that are looked at.
_BEFORE: Final = """
    SELECT p.site, epoch_us(max(s.started_at)) / 1e6 FROM sessions s JOIN stations p USING (station)
    WHERE p.site IS NOT NULL AND s.started_at < $since AND s.outcome <> 'refused' GROUP BY p.site
"""
_PAID: Final = """
    SELECT p.site, s.currency, count(*) AS sessions, sum(s.excl_minor)::BIGINT AS excl_minor
    FROM sessions s JOIN stations p USING (station)
    WHERE p.site IS NOT NULL AND s.excl_minor IS NOT NULL AND {stays} GROUP BY p.site, s.currency
"""


class SitePast(Struct, frozen=True, kw_only=True):
    """One site. `weeks` is None where no session was seen in the days that are looked at, `last_on` then the day of
    the last one before, by the site's own clock, None where there was none; `plug_w` where nobody knows the power
    of a station. `paid` are the sessions of which the price is known, and minor units without taxes, by currency."""

    site: str
    name: str
    zone: str
    plugs: int
    plug_w: int | None
    latitude: float | None
    longitude: float | None
    weeks: Weeks | None
    paid: dict[str, tuple[int, int]]
    last_on: date | None = None

    def revenue(self, currency: str) -> Decimal | None:
        """Of a session on average, in minor units without taxes; None where none was paid in that currency."""
        sessions, minor = self.paid.get(currency, (0, 0))
        return Decimal(minor) / sessions if sessions else None


class Past(Struct, frozen=True, kw_only=True):
    """One snapshot: `since` when and until when sessions were looked at, by what most of them were paid in, and
    how many stations are of no site. `left` sites are beyond MAX_SITES."""

    since: datetime
    until: datetime
    currency: str | None
    sites: tuple[SitePast, ...]
    homeless: int
    left: int


def read(root: Path, tenant_id: int, snapshot: int, until: datetime, hand: asking.Hand | None = None) -> Past:
    """Of a snapshot that knows what happened until then; `hand` breaks it off. Raises LakeMissing."""
    hand = hand or asking.Hand()
    with asking.opened(root, tenant_id, snapshot, hand=hand) as db:
        [[last]] = db.execute(_LAST).fetchall()
        since = _since(db, until if last is None else min(last, until))
        places = db.execute(_PLACES).to_arrow_table().to_pylist()
        [[homeless]] = db.execute("SELECT count(*) FROM stations WHERE site IS NULL").fetchall()
        stays = db.execute(_SESSIONS.format(stays=_STAYS), {"since": since}).fetchnumpy()
        before = dict(db.execute(_BEFORE, {"since": since}).fetchall())
        paid = db.execute(_PAID.format(stays=_STAYS), {"since": since}).fetchall()
    owners, begins = np.unique(np.asarray(stays["site"], dtype=str), return_index=True)
    bounds = {
        str(site): (int(first), int(last))
        for site, first, last in zip(owners, begins, [*begins, len(stays["site"])][1:], strict=True)
    }
    kept = sorted(places, key=lambda each: (-_length(bounds, each["site"]), each["site"]))[:MAX_SITES]
    of_site: dict[str, dict[str, tuple[int, int]]] = {}
    totals: Counter[str] = Counter()
    for site, currency, sessions, minor in paid:
        of_site.setdefault(site, {})[currency] = (sessions, minor)
        totals[currency] += sessions
    sites = []
    for place in sorted(kept, key=lambda each: str(each["site"])):
        hand.check()
        site = str(place["site"])
        found = None
        if site in bounds:
            seen = _seen(place, stays, *bounds[site])
            goes_on = until.timestamp() - float(seen.ends.max()) <= QUIET_DAYS * 86_400
            found = weeks(seen, until.timestamp() if goes_on else None)
        sites.append(
            SitePast(
                site=site, name=place["name"] or site, zone=place["zone"], plugs=place["plugs"],
                plug_w=None if place["plug_w"] is None else round(place["plug_w"]), latitude=place["latitude"],
                longitude=place["longitude"], weeks=found, paid=of_site.get(site, {}),
                last_on=_day(before.get(site), place["zone"]) if found is None else None,
            )
        )  # fmt: skip
    return Past(
        since=since, until=until, currency=max(totals, key=lambda each: (totals[each], each)) if totals else None,
        sites=tuple(sites), homeless=homeless, left=len(places) - len(kept),
    )  # fmt: skip


def _since(db: "duckdb.DuckDBPyConnection", until: datetime) -> datetime:
    """From when on there are not too many sessions."""
    days = PAST_DAYS
    while True:
        since = until - timedelta(days=days)
        [[count]] = db.execute(_COUNT.format(stays=_STAYS), {"since": since}).fetchall()
        if count <= MAX_SESSIONS or days <= LEAST_DAYS:
            return since
        days = max(days // 2, LEAST_DAYS)


def _day(at: float | None, zone: str) -> date | None:
    return None if at is None else datetime.fromtimestamp(at, ZoneInfo(zone)).date()


def _length(bounds: dict[str, tuple[int, int]], site: str) -> int:
    first, last = bounds.get(site, (0, 0))
    return last - first


def _seen(place: dict[str, Any], stays: dict[str, Any], first: int, last: int) -> Seen:
    def column(name: str) -> Floats:
        # Columns in which something is missing come masked.
        part: Floats = np.ma.filled(stays[name][first:last].astype(np.float64), np.nan)
        return part

    return Seen(
        site=place["site"], zone=place["zone"], plugs=place["plugs"], starts=column("began"), ends=column("ended"),
        charging_s=column("charging_s"), energy_wh=column("energy_wh"),
    )  # fmt: skip
