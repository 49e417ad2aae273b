"""The past of sites and of the network, hour by hour, as the lake has it."""

from collections.abc import Iterable
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

from msgspec import Struct

from forecourt.insight.forecast.model import NETWORK_SITE
from forecourt.insight.forecast.plan import LEAST_DAYS, QUIET_DAYS
from forecourt.insight.forecast.reading import panel_of_hours
from forecourt.insight.forecast.series import Panel, Target
from forecourt.insight.lake import asking
from forecourt.ui.i18n import mark

#: Days of the past that forecasts are made from: a year, and the month before.
HISTORY_DAYS: Final = 400
#: Sites that are forecast together, and learn from one another.
SITES_AT_ONCE: Final = 32
#: Sites of one organisation that are forecast, those with the most energy first.
MAX_SITES: Final = 1_000

#: Why a site isn't forecast.
NOTHING_CAME: Final = mark("nothing was charged there in the last year")
IS_OVER: Final = mark("nothing was charged there for four weeks")
TOO_SHORT: Final = mark("its history is shorter than two weeks")
TOO_MANY: Final = mark("there are more sites than are forecast, and it is one of those with the least energy")

#: Every hour of a site once, whatever was paid in how many currencies.
_SITES: Final = """
    SELECT site, local_date, hour, hour_at, sum(energy_wh)::BIGINT AS energy_wh, sum(busy_s)::BIGINT AS busy_s,
        sum(starts)::BIGINT AS starts
    FROM site_hours WHERE local_date >= DATE '{since}' GROUP BY site, local_date, hour, hour_at
"""
_NETWORK: Final = """
    SELECT '' AS site, local_date, hour, sum(energy_wh)::BIGINT AS energy_wh, sum(busy_s)::BIGINT AS busy_s,
        sum(starts)::BIGINT AS starts
    FROM site_hours WHERE local_date >= DATE '{since}' GROUP BY local_date, hour ORDER BY local_date, hour
"""
_PLACES: Final = """
    SELECT site, min(zone) AS zone, min(site_name) AS name, count(*) AS stations FROM stations
    WHERE site IS NOT NULL GROUP BY site
"""


class Place(Struct, frozen=True, kw_only=True):
    """A site of the lake, or the network: its name, its zone, and until the beginning of which day it is known."""

    site: str
    name: str | None
    zone: str
    seen_on: date


class Group(Struct, frozen=True, kw_only=True):
    """Sites that are forecast together: of one zone, and with a past of about the same length."""

    places: list[Place]
    first: date

    @property
    def seen_on(self) -> date:
        """The day before whose beginning all is known."""
        return self.places[0].seen_on


class Past:
    """One snapshot of an organisation's lake, read once. `groups` are to be forecast; `left` are not, each with the
    reason."""

    def __init__(self, root: Path, tenant_id: int) -> None:
        """Raises LakeMissing."""
        _, manifest = asking.snapshot_of(root, tenant_id)
        self._known_at = manifest.watermark
        since = (self._known_at - timedelta(days=HISTORY_DAYS)).date().isoformat()
        with asking.opened(root, tenant_id, manifest.snapshot) as db:
            self._hours = asking.ask(db, _SITES.format(since=since))
            self._network = asking.ask(db, _NETWORK.format(since=since))
            places = asking.ask(db, _PLACES).to_pylist()
        self.groups, self.left = self._grouped(places)

    def panel(self, group: Group, target: Target) -> Panel:
        """The past of a group, hour by hour, rows by the order of its sites."""
        import pyarrow as pa
        import pyarrow.compute as pc

        names = [place.site for place in group.places]
        whole = names == [NETWORK_SITE]
        rows = self._network if whole else self._hours
        rows = rows.filter(pc.is_in(rows.column("site"), value_set=pa.array(names, pa.string())))
        found = panel_of_hours("forecast", target, rows, group.first, group.seen_on)
        order = [found.names.index(name) for name in names]
        return Panel(
            name=found.name,
            target=target,
            names=tuple(names),
            start=found.start,
            values=found.values[order],
            totals=(whole,) * len(names),
        )

    def _grouped(self, rows: Iterable[dict[str, Any]]) -> tuple[list[Group], list[tuple[Place, str]]]:
        """By zone and length of the past, doubled from one class to the next: so half of a group's past is known of
        each that is in it, and all of what is judged."""
        spans = self._spans()
        left: list[tuple[Place, str]] = []
        classes: dict[tuple[str, int], list[tuple[Place, date]]] = {}
        zones: dict[str, int] = {}
        for number, row in enumerate(sorted(rows, key=lambda each: (-spans.wh(each["site"]), each["site"]))):
            place = self._place(row["site"], row["name"], row["zone"])
            zones[place.zone] = zones.get(place.zone, 0) + int(row["stations"])
            reason = spans.reason(place) if number < MAX_SITES else TOO_MANY
            if reason is not None:
                left.append((place, reason))
            else:
                first = spans.first[place.site]
                length = ((place.seen_on - first).days // LEAST_DAYS).bit_length()
                classes.setdefault((place.zone, length), []).append((place, first))
        groups = []
        for _, members in sorted(classes.items()):
            for begin in range(0, len(members), SITES_AT_ONCE):
                part = members[begin : begin + SITES_AT_ONCE]
                groups.append(Group(places=[place for place, _ in part], first=min(first for _, first in part)))
        if len(spans.first) > 1:
            # By the clock that most stations go by.
            zone = max(sorted(zones), key=lambda each: zones[each])
            whole = self._place(NETWORK_SITE, None, zone)
            if (whole.seen_on - min(spans.first.values())).days >= LEAST_DAYS:
                # First, for it is what is looked at first.
                groups.insert(0, Group(places=[whole], first=min(spans.first.values())))
        return groups, left

    def _spans(self) -> "_Spans":
        import pyarrow.compute as pc

        busy = self._hours.filter(pc.greater(self._hours.column("busy_s"), 0))
        found = busy.group_by("site").aggregate([("local_date", "min"), ("local_date", "max"), ("energy_wh", "sum")])
        names = found.column("site").to_pylist()
        columns = (
            dict(zip(names, found.column(name).to_pylist(), strict=True))
            for name in ("local_date_min", "local_date_max", "energy_wh_sum")
        )
        first, last, energy_wh = columns
        return _Spans(first=first, last=last, energy_wh=energy_wh)

    def _place(self, site: str, name: str | None, zone: str) -> Place:
        seen_on = self._known_at.astimezone(ZoneInfo(zone)).date()
        return Place(site=site, name=name, zone=zone, seen_on=seen_on)


class _Spans(Struct, frozen=True, kw_only=True):
    """By site: the first day on which anything came, the last one, and what flowed in all."""

    first: dict[str, date]
    last: dict[str, date]
    energy_wh: dict[str, int]

    def wh(self, site: str) -> int:
        return self.energy_wh.get(site, 0)

    def reason(self, place: Place) -> str | None:
        """Why a site can't be forecast; None: it can."""
        if place.site not in self.first:
            return NOTHING_CAME
        if (place.seen_on - self.last[place.site]).days > QUIET_DAYS:
            return IS_OVER
        return TOO_SHORT if (place.seen_on - self.first[place.site]).days < LEAST_DAYS else None
