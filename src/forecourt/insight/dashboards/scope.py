"""What of a lake is asked about: its tables narrowed to a time and a place, and the plugs that were there.

Hours of EVSEs, of kinds of connectors and of tariffs are not kept in the lake: those that are asked for are counted
from sessions by the lake's own roll-up, so an EVSE or a tariff is told of in the same way as a station.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

from msgspec import structs

from forecourt.insight.dashboards.counting import MAX_SESSIONS, Station, TooManySessions, as_place, hours_of
from forecourt.insight.dashboards.model import (
    MAX_DAY_BARS,
    NO_SITE,
    Asked,
    Cell,
    Column,
    PlaceUnknown,
    Table,
    Unit,
    table,
)
from forecourt.insight.dashboards.rows import rows_of
from forecourt.insight.lake.asking import Hand
from forecourt.insight.usage import expressions, measures
from forecourt.insight.usage.expressions import literal
from forecourt.platform.days import is_midnight, midnight, month_of
from forecourt.ui.i18n import mark

if TYPE_CHECKING:
    import ibis

#: So many stations are named in a question.
MAX_NAMED: Final = 500
#: Before and after a span so much is looked at for tries of one visit.
VISITS_MARGIN: Final = timedelta(days=1)

#: What the parts of a place are: sites of a network, stations of a site, EVSEs of a station.
PARTS: Final = {"site": mark("Sites"), "station": mark("Stations"), "evse": mark("EVSEs")}


class Scope:
    """One snapshot, narrowed to what is asked. `watermark`: what happened later is not in it. `folder` is for files
    that live as long as the scope; `hand` breaks off what is counted of them."""

    def __init__(
        self, tables: "Mapping[str, ibis.Table]", asked: Asked, watermark: datetime, folder: Path,
        hand: Hand | None = None,
    ) -> None:  # fmt: skip
        self.tables = tables
        self._folder = folder
        self._hand = hand or Hand()
        self.asked = asked
        self.span = structs.replace(asked.span, until=max(min(asked.span.until, watermark), asked.span.since))
        self.watermark = watermark

    def check(self) -> None:
        """Raises PlaceUnknown where a place is named and there is none that may be told of."""
        if (self.asked.site or self.asked.station) and not self.stations:
            raise PlaceUnknown

    @cached_property
    def stations(self) -> list[Station]:
        """Those that are meant, by name."""
        names = Station.__struct_fields__
        return [Station(**row) for row in rows_of(self.places.select(*names).order_by("station"))]

    @property
    def known_at(self) -> datetime | None:
        """Since when anything is known of the place: somebody charged, or a station was registered; None: never."""
        known = (at for each in self.stations for at in (each.first_at, each.used_at) if at is not None)
        return min(known, default=None)

    @property
    def places(self) -> "ibis.Table":
        """The same as a table, in no order."""
        return self._narrow(self.tables["stations"])

    @cached_property
    def zones(self) -> set[str]:
        """By which clocks they go."""
        return {row["zone"] for row in rows_of(self.places.select("zone").distinct())}

    @cached_property
    def hours(self) -> "ibis.Table":
        """Hours of stations; of EVSEs, as `station`, where one station is meant."""
        import ibis

        if self.asked.station is None and not self.asked.traits:
            return self.at(self.tables["hours"])
        table = ibis.memtable(self._own_hours["hours"])
        if self.asked.evse is not None:
            table = table.filter(table.station == self.asked.evse)
        return table

    @property
    def intensities(self) -> "ibis.Table":
        """CO2 intensities of zones."""
        prices = self.tables["prices"]
        return prices.filter(prices.kind == "co2")

    @property
    def site_hours(self) -> "ibis.Table":
        """Hours of sites: what stood there at once stands in them."""
        import ibis

        if self.asked.traits:
            return ibis.memtable(self._own_hours["site_hours"])
        return self.at(self.tables["site_hours"])

    @cached_property
    def site_uses(self) -> "ibis.Table":
        """What sites were used for, with the energy of stations whose power is known (`known_wh`): by days where these
        tell it, else by hours of stations."""
        if self.by_days:
            return self.days_of("site_uses")
        stations = self.places.select("station", "power_w")
        hours = self.hours.join(stations, "station")
        return hours.mutate(known_wh=(hours.power_w.coalesce(0) > 0).ifelse(hours.energy_wh, 0))

    @cached_property
    def clock_uses(self) -> "ibis.Table":
        """What all that is meant was used for, by hours and days of clocks: with the `zone` of all stations of one
        clock together, or `station` by `station`."""
        return self.at(self.tables["zone_hours"]) if self.asked.whole else self.hours

    @property
    def sessions(self) -> "ibis.Table":
        """Sessions that began in the span, with their site and zone."""
        return self.begun(self.span.since, self.span.until)

    @cached_property
    def counts(self) -> "ibis.Table":
        """Sessions that began in the span, counted: days of sites where these tell it, else one by one."""
        return self.days_of("site_days") if self.by_days else expressions.counted(self.sessions)

    @property
    def parted(self) -> "ibis.Table":
        """The same with the `part` of the place that they were at."""
        return self.counts.mutate(part=self.counts[self.part].coalesce(self.nowhere))

    @property
    def nowhere(self) -> str:
        """What stands for no part: for stations without a site, for sessions at nobody knows which EVSE."""
        return "" if self.part == "evse" else NO_SITE

    @cached_property
    def by_days(self) -> bool:
        """Whether days of sites' own clocks tell what is asked: of sites, by days of the one clock that all go by."""
        clock = ZoneInfo(self.asked.zone)
        ends = self.asked.span.until
        return (
            self.part == "site"
            and not self.asked.traits
            and self.zones <= {self.asked.zone}
            and is_midnight(self.span.since, clock)
            and (is_midnight(ends, clock) or ends >= self.watermark)
        )

    def stay_minutes(self) -> dict[int, int]:
        """How many sessions lasted so many whole minutes."""
        if self.by_days and self.asked.whole:
            days = self.days_of("stay_days")
            found = days.group_by("minutes").aggregate(sessions=days.sessions.sum().cast("int64"))
        else:
            found = expressions.stay_minutes(self.sessions)
        return {row["minutes"]: row["sessions"] for row in rows_of(found)}

    def median_stay_s(self, minutes: Mapping[int, int]) -> Fraction | None:
        """The median of how long sessions lasted, of so many by whole minutes: those of its minute are looked at to the
        second. None of no session."""
        total = sum(minutes.values())
        if not total:
            return None
        found = [measures.at_place(minutes, place) for place in measures.middles(total)]
        sessions = expressions.within(self.tables["sessions"], self.span.since, self.span.until)
        lasted = expressions.stay_seconds(sessions if self.asked.whole else self.sessions, {each[0] for each in found})
        seconds: dict[int, dict[int, int]] = {}
        for row in rows_of(lasted):
            seconds.setdefault(row["minutes"], {})[row["stay_s"]] = row["sessions"]
        return Fraction(sum(measures.at_place(seconds[minute], place)[0] for minute, place in found), len(found))

    def peak(self) -> int:
        """The most sessions at once."""
        hourly = not any(at.minute or at.second or at.microsecond for at in (self.span.since, self.asked.span.until))
        if self.asked.whole and hourly:
            hours = expressions.within(self.tables["network_hours"], self.span.since, self.span.until)
            found = hours.aggregate(peak=hours.peak.max().coalesce(0).cast("int64"))
        else:
            found = expressions.concurrency(self.present)
        return int(rows_of(found)[0]["peak"])

    def visits(self, by: Sequence[str] = ()) -> list[dict[str, Any]]:
        """Visits that began in the span, by columns of sessions or of days of sites."""
        if self.by_days:
            return rows_of(expressions.visit_sums(self.counts, by))
        # A try in the span may belong to a visit of before, and one after it to a visit of the span.
        since, until = self.span.since - VISITS_MARGIN, self.span.until + VISITS_MARGIN
        made = expressions.begun_visits(self.begun(since, until), by)
        first, last = (int(at.timestamp()) for at in (self.span.since, self.span.until))
        return rows_of(expressions.visit_sums(made.filter(made.began_s >= first, made.began_s < last), by))

    @property
    def overlapping(self) -> "ibis.Table":
        """Sessions of which a part is in the span."""
        found = self.begun(None, None)
        return found.filter(found.ended_at > literal(self.span.since), found.started_at < literal(self.span.until))

    @property
    def present(self) -> "ibis.Table":
        """The same, cut to the span."""
        import ibis

        found = self.overlapping
        return found.mutate(
            started_at=ibis.greatest(found.started_at, literal(self.span.since)),
            ended_at=ibis.least(found.ended_at, literal(self.span.until)),
        )

    @property
    def ever(self) -> "ibis.Table":
        """Sessions that began before the span was over."""
        return self.begun(None, self.span.until)

    def facts(self, name: str) -> "ibis.Table":
        """Another table, of the stations that are meant with all their EVSEs and of all times."""
        table = self.tables[name]
        if self.asked.whole:
            return table
        return table.filter(table.station.isin([each.station for each in self.stations]))

    def at(self, table: "ibis.Table") -> "ibis.Table":
        """What begins in the span, at the place."""
        return self._narrow(expressions.within(table, self.span.since, self.span.until))

    def there_s(self, station: Station) -> int:
        """Seconds of the span for which a station was there: since it is known or somebody charged, whichever was
        first."""
        known = [at for at in (station.first_at, station.used_at) if at is not None]
        begins = max(self.span.since, min(known, default=self.span.since))
        # History that is brought in ends with its last session; what is registered here goes on.
        ends = self.span.until if station.last_at is None else min(self.span.until, station.last_at)
        return max(0, int(ends.timestamp()) - int(begins.timestamp()))

    @cached_property
    def months(self) -> tuple[date, date]:
        """From the first of a month until the first of another, by the clock of who asks: all whole ones of the span.
        The other is no later where there is none."""
        clock = ZoneInfo(self.asked.zone)
        first, end = (month_of(at.astimezone(clock).date()) for at in (self.span.since, self.span.until))
        return (first if self.span.since <= midnight(first, clock) else month_of(first, 1)), end

    @property
    def rest(self) -> list[tuple[datetime, datetime]]:
        """What of the span is in no whole month, where it has such: at its beginning and its end."""
        clock, (first, end) = ZoneInfo(self.asked.zone), self.months
        rest = [(self.span.since, midnight(first, clock)), (midnight(end, clock), self.span.until)]
        return [ends for ends in rest if ends[0] < ends[1]]

    def days_of(self, name: str) -> "ibis.Table":
        """Days of a table that is counted by days of sites' clocks."""
        clock, table = ZoneInfo(self.asked.zone), self.tables[name]
        first, end = (at.astimezone(clock).date() for at in (self.span.since, self.asked.span.until))
        days = table.filter(table.local_date >= first, table.local_date < end)
        return self._narrow(days) if "site" in days.columns else days

    @property
    def part(self) -> str:
        """What the parts of the place are, by the column of sessions."""
        if self.asked.station is not None:
            return "evse"
        return "site" if self.asked.site is None or self.asked.group is not None else "station"

    @cached_property
    def names(self) -> dict[str, str]:
        """Of parts."""
        if self.part == "site":
            sites = self.places.filter(self.places.site.notnull())
            named = sites.group_by("site").aggregate(name=sites.site_name.max())
            return {row["site"]: row["name"] or row["site"] for row in rows_of(named)}
        return {each.station: each.name or each.station for each in self.stations}

    def table_of_parts(self, columns: Sequence[Column], rows: Sequence[tuple[Cell, ...]]) -> Table:
        """A table whose rows begin with the id of a part; its name is put behind that."""
        head = (
            Column(name="place", label=mark("Id"), unit=Unit.TEXT),
            Column(name="name", label=mark("Name"), unit=Unit.TEXT),
        )
        named = [(row[0], self.names.get(str(row[0]), str(row[0])), *row[1:]) for row in rows]
        return table("places", PARTS[self.part], (*head, *columns), named)

    @cached_property
    def days(self) -> list[date]:
        """The days of the span by the clock of who asks."""
        clock = ZoneInfo(self.asked.zone)
        if not self.span.seconds:
            return []
        first = self.span.since.astimezone(clock).date()
        last = (self.span.until - timedelta(seconds=1)).astimezone(clock).date()
        return [first + timedelta(days=n) for n in range((last - first).days + 1)]

    def over_time(self, sums: Mapping[date, Sequence[int]], width: int) -> list[tuple[date, list[int]]]:
        """Sums of `width` numbers by days, with those of nothing; by weeks from Monday on where there are many days."""
        every = sorted({*self.days, *sums})
        weekly = len(every) > MAX_DAY_BARS
        found: dict[date, list[int]] = {}
        for day in every:
            begins = max(every[0], day - timedelta(days=day.weekday())) if weekly else day
            kept = found.setdefault(begins, [0] * width)
            for place, number in enumerate(sums.get(day, ())):
                kept[place] += number
        return [*found.items()]

    @property
    def day_column(self) -> Column:
        """Of the first column of what is told over time."""
        if len(self.days) > MAX_DAY_BARS:
            return Column(name="week", label=mark("Week from"), unit=Unit.DAY)
        return Column(name="day", label=mark("Day"), unit=Unit.DAY)

    def begun(self, since: datetime | None, until: datetime | None) -> "ibis.Table":
        """Sessions of the place that began from one time until another; None: at any time."""
        # Narrowed before all else: what is joined, and asked twice, is read as a whole.
        sessions = expressions.within(self.tables["sessions"], since, until)
        if not self.asked.whole and len(self.stations) <= MAX_NAMED:
            # Named, they are looked up in the files; a join alone reads all of these.
            sessions = sessions.filter(sessions.station.isin([each.station for each in self.stations]))
        found = self._narrow(expressions.placed(sessions, self.tables["stations"]))
        if self.asked.evse is not None:
            found = found.filter(found.evse.coalesce("") == self.asked.evse)
        for name, value in self.asked.traits.items():
            found = found.filter(found[name] == value)
        return found

    def _narrow(self, table: "ibis.Table") -> "ibis.Table":
        sites = self.asked.sites
        if sites is not None:
            table = table.filter(table.site.isnull() if sites == (NO_SITE,) else table.site.isin(list(sites)))
        if self.asked.station is not None and "station" in table.columns:
            table = table.filter(table.station == self.asked.station)
        return table

    @cached_property
    def _own_hours(self) -> dict[str, Any]:
        """Hours of stations, of EVSEs where one is meant, and of sites, from the sessions of which a part is in the
        span: of what the lake keeps no hours of. Raises TooManySessions."""
        whole = Scope(self.tables, structs.replace(self.asked, evse=None), self.watermark, self._folder)
        found = whole.overlapping
        if rows_of(found.aggregate(sessions=found.count()))[0]["sessions"] > MAX_SESSIONS:
            raise TooManySessions
        if self.asked.station is None:
            places = [as_place(each, each.station) for each in self.stations]
        else:
            found = found.mutate(station=found.evse.coalesce(""))
            evses = [row["station"] for row in rows_of(found.select("station").distinct())]
            places = [as_place(self.stations[0], evse) for evse in sorted(evses)]
        path = self._folder / "own.parquet"
        found.select(*self.tables["sessions"].columns).to_parquet(path)
        return hours_of(path, places, self.span.since, self.span.until, self._hand)
