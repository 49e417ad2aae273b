"""From sessions to hours and days: how long plugs of a station were taken in each hour of its own clock, how long
current flowed, what flowed, how many came, how many stood there at once at the most, and what they paid.

Everything is whole numbers and splits exactly: the parts of a session add up to it. Energy is spread evenly from its
start to the end of charging, or of the stay where nobody knows that; the share of a part is what has flowed by its end
less what had by its start, each rounded down. Money counts in the hour of the start.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

from forecourt.insight.lake import groups, tables
from forecourt.insight.lake.asking import Hand
from forecourt.insight.lake.store import Place
from forecourt.insight.usage import expressions

if TYPE_CHECKING:
    import ibis
    import pyarrow as pa

HOUR_S: Final = 3_600
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
#: Memory that the roll-up may take; beyond it DuckDB uses the disk.
MEMORY: Final = "1GB"
THREADS: Final = 2

#: {key} is `station, site` or `site`. Parameters: from and until, in seconds since 1970. An hour that begins before
#: `until` may end after it, and what comes meanwhile is in it.
_HOURS: Final = """
    WITH stays AS (
        SELECT {key}, p.zone, p.shift, s.currency, s.excl_minor, s.incl_minor, coalesce(s.energy_wh, 0) AS wh,
            epoch(s.started_at)::BIGINT AS a, epoch(s.ended_at)::BIGINT AS b,
            greatest(epoch(coalesce(s.charging_ended_at, s.ended_at))::BIGINT, epoch(s.started_at)::BIGINT) AS c
        FROM sessions s JOIN places p USING (station)
        WHERE epoch(s.ended_at) >= $since AND epoch(s.started_at) < $until + 3600 AND {named}
    ),
    parts AS (
        SELECT *, k * 3600 - shift AS h, greatest(a, k * 3600 - shift) AS x, least(b, k * 3600 - shift + 3600) AS y,
            least(greatest(k * 3600 - shift, a), c) - a AS flowed, least(k * 3600 - shift + 3600, c) - a AS flows,
            k = (a + shift) // 3600 AS first
        FROM (
            SELECT *, unnest(generate_series(
                (a + shift) // 3600, greatest((b + shift - 1) // 3600, (a + shift) // 3600))) AS k
            FROM stays
        )
        WHERE k * 3600 - shift >= $since AND k * 3600 - shift < $until
    ),
    used AS (
        SELECT {group}, h, any_value(zone) AS zone, sum(y - x)::BIGINT AS busy_s,
            sum(greatest(least(y, c) - x, 0))::BIGINT AS charging_s,
            sum(CASE WHEN c > a THEN wh * flows // (c - a) - wh * flowed // (c - a) WHEN first THEN wh ELSE 0
                END)::BIGINT AS energy_wh,
            count(*) FILTER (WHERE first)::BIGINT AS starts
        FROM parts GROUP BY ALL
    ),
    there AS (
        SELECT {group}, h, max(present)::BIGINT AS peak
        FROM (
            SELECT {group}, h,
                sum(step) OVER (PARTITION BY {group}, h ORDER BY moment, step ROWS UNBOUNDED PRECEDING) AS present
            FROM (
                SELECT {group}, h, x AS moment, 1 AS step FROM parts WHERE y > x
                UNION ALL SELECT {group}, h, y, -1 FROM parts WHERE y > x
            )
        ) GROUP BY ALL
    ),
    paid AS (
        SELECT *, row_number() OVER (PARTITION BY {group}, h ORDER BY currency) AS place
        FROM (
            SELECT {group}, h, currency, sum(excl_minor)::BIGINT AS excl_minor, sum(incl_minor)::BIGINT AS incl_minor
            FROM parts WHERE first AND currency IS NOT NULL GROUP BY ALL
        )
    ),
    counted AS (
        SELECT {u_group}, u.h, u.zone, u.busy_s, u.charging_s, u.energy_wh, u.starts, coalesce(t.peak, 0) AS peak,
            m.currency, m.excl_minor, m.incl_minor
        FROM used u
        LEFT JOIN there t ON {same_t} AND t.h = u.h
        LEFT JOIN paid m ON {same_m} AND m.h = u.h AND m.place = 1
        UNION ALL
        SELECT {u_group}, u.h, u.zone, 0, 0, 0, 0, 0, m.currency, m.excl_minor, m.incl_minor
        FROM used u JOIN paid m ON {same_m} AND m.h = u.h AND m.place > 1
    )
    SELECT {r_group}, make_timestamptz(r.h * 1000000) AS hour_at, d.local_date, d.weekday, d.hour, r.busy_s,
        r.charging_s, r.energy_wh, r.starts, r.peak, r.currency, r.excl_minor, r.incl_minor
    FROM counted r JOIN calendar d ON d.zone = r.zone AND d.h = r.h
    ORDER BY r.h, {r_group}, r.currency NULLS FIRST
    """


def _query(columns: Sequence[str]) -> str:
    def of(letter: str) -> str:
        return ", ".join(f"{letter}.{column}" for column in columns)

    def same(letter: str) -> str:
        return " AND ".join(f"{letter}.{column} IS NOT DISTINCT FROM u.{column}" for column in columns)

    return _HOURS.format(
        key=", ".join("s.station" if column == "station" else f"p.{column}" for column in columns),
        group=", ".join(columns), u_group=of("u"), r_group=of("r"), same_t=same("t"), same_m=same("m"),
        named="true" if "station" in columns else "p.site IS NOT NULL",
    )  # fmt: skip


QUERIES: Final = {"hours": _query(("station", "site")), "site_hours": _query(("site",))}

#: What days of sites are told apart by.
DAY_KEYS: Final = ("site", "local_date", "connector_type", "tariff", "outcome", "stop_reason", "paid_by")
#: What is added up of them.
DAY_SUMS: Final = (
    "sessions", "stay_s", "idle_known", "idle_s", "energy_wh", "with_driver", "visits", "visits_charged", "at_once",
)  # fmt: skip
#: What days of groups of drivers are told apart by: rows that a driver can be taken out of.
GROUP_KEYS: Final = ("site", "local_date", "driver_group", "driver", "currency")
#: The most that stood in all of the network at once in each hour of UTC. Who comes and goes in one second is one move;
#: the beginning of an hour is a move of nobody, after which is there who stayed from the hour before.
_NETWORK: Final = """
    WITH stays AS (
        SELECT epoch_us(started_at) // 1000000 AS a, epoch_us(ended_at) // 1000000 AS b
        FROM sessions s JOIN places p USING (station)
        WHERE epoch_us(s.ended_at) // 1000000 > $since AND epoch_us(s.started_at) // 1000000 < $until
          AND s.ended_at > s.started_at
    ),
    moves AS (
        SELECT moment, sum(step) AS step FROM (
            SELECT greatest(a, $since) AS moment, 1 AS step FROM stays WHERE b > a
            UNION ALL SELECT b, -1 FROM stays WHERE b > a
            UNION ALL SELECT unnest(generate_series($since, $until - 1, 3600)), 0
        ) GROUP BY moment
    ),
    there AS (SELECT moment, sum(step) OVER (ORDER BY moment ROWS UNBOUNDED PRECEDING) AS present FROM moves)
    SELECT make_timestamptz(moment // 3600 * 3600 * 1000000) AS hour_at, max(present)::BIGINT AS peak
    FROM there WHERE moment < $until GROUP BY ALL HAVING max(present) > 0 ORDER BY hour_at
    """


#: Of each {keys} a row for each currency in which something was paid; hours in which nothing was are in the first.
_OF_HOURS: Final = """
    SELECT {keys}, min(hour_at) AS hour_at, sum(busy_s)::BIGINT AS busy_s, sum(charging_s)::BIGINT AS charging_s,
        sum(energy_wh)::BIGINT AS energy_wh, coalesce(sum(energy_wh) FILTER (WHERE powered), 0)::BIGINT AS known_wh,
        sum(starts)::BIGINT AS starts, max({peak})::BIGINT AS peak, paid_in AS currency,
        sum(excl_minor)::BIGINT AS excl_minor, sum(incl_minor)::BIGINT AS incl_minor
    FROM (
        SELECT *, coalesce(currency, min(currency) OVER (PARTITION BY {keys})) AS paid_in
        FROM (
            SELECT h.*, p.zone, p.powered, h.hour_at AS begins_at, date_trunc('month', h.local_date)::DATE AS month,
                greatest(h.peak, coalesce(s.peak, 0)) AS site_peak
            FROM hours h JOIN places p USING (station)
            LEFT JOIN (SELECT site, hour_at, max(peak) AS peak FROM site_hours GROUP BY ALL) s
                ON s.site = h.site AND s.hour_at = h.hour_at
        )
    ) GROUP BY {keys}, paid_in ORDER BY {keys}, hour_at, currency NULLS FIRST
    """
#: The most at once is that at one site, or at a station that is at none.
_COARSER: Final = {
    "station_months": _OF_HOURS.format(keys="station, site, month", peak="peak"),
    "site_uses": _OF_HOURS.format(keys="site, local_date", peak="site_peak"),
    "zone_hours": _OF_HOURS.format(keys="zone, begins_at, local_date, weekday, hour", peak="site_peak"),
}
DRIVER_COLUMNS: Final = tuple(tables.COLUMNS["driver_months"])
#: Of each driver and month a row for each currency in which something was paid; what is no money stands in the first.
_OF_DRIVERS: Final = """
    WITH each AS ({each}),
    whole AS (
        SELECT driver, month, min(first_at) AS first_at, max(last_at) AS last_at, sum(sessions)::BIGINT AS sessions,
            coalesce(sum(energy_wh), 0)::BIGINT AS energy_wh, min(currency) AS currency, max(currency) AS other,
            coalesce(sum(excl_minor) FILTER (WHERE currency IS NOT NULL), 0)::BIGINT AS excl_minor,
            sum(excl_known)::BIGINT AS excl_known
        FROM each GROUP BY ALL
    ),
    apart AS (
        SELECT e.driver, e.month, e.currency, coalesce(sum(e.excl_minor), 0)::BIGINT AS excl_minor,
            sum(e.excl_known)::BIGINT AS excl_known
        FROM each e JOIN whole w ON w.driver = e.driver AND w.month = e.month
        WHERE w.other > w.currency AND e.currency IS NOT NULL GROUP BY ALL
    )
    SELECT w.driver, w.month, w.first_at, w.last_at, w.sessions, w.energy_wh, w.currency,
        coalesce(a.excl_minor, w.excl_minor) AS excl_minor, coalesce(a.excl_known, w.excl_known) AS excl_known
    FROM whole w LEFT JOIN apart a ON a.driver = w.driver AND a.month = w.month AND a.currency = w.currency
    UNION ALL
    SELECT w.driver, w.month, w.first_at, w.last_at, 0, 0, a.currency, a.excl_minor, a.excl_known
    FROM apart a JOIN whole w ON w.driver = a.driver AND w.month = a.month WHERE a.currency > w.currency
    ORDER BY driver, month, currency
    """
#: With when each came first of all.
_BEGAN: Final = """
    SELECT s.*, $months AS months, e.first_at AS began_at FROM ({span}) s JOIN drivers e ON e.driver = s.driver
    ORDER BY s.driver, s.currency
    """
#: So many months, the last of which is $month.
_SPAN: Final = """
    SELECT * REPLACE ($month AS month) FROM driver_months
    WHERE month > $month - to_months($months) AND month <= $month
    """


class RollUp:
    """Counts hours and days of sessions in files. One for as many partitions as one likes; to be closed."""

    def __init__(self, places: Iterable[Place], spill: Path) -> None:
        import duckdb

        self._places = [*places]
        self._db: duckdb.DuckDBPyConnection = duckdb.connect(
            config={"memory_limit": MEMORY, "threads": THREADS, "temp_directory": str(spill)}
        )
        self._db.execute("SET TimeZone = 'UTC'; SET enable_progress_bar = false")

    def close(self) -> None:
        """Lets go of what it holds."""
        self._db.close()

    def held(self, hand: Hand) -> AbstractContextManager[None]:
        """While this is open, what it counts can be broken off."""
        return hand.holding(self._db)

    def hours(self, files: Sequence[Path], since: datetime, until: datetime) -> "dict[str, pa.Table]":
        """Hours that begin from one time until another, by station and by site; `files` hold every session in them."""
        span = self._hold(files, since, until)
        return {table: self._db.execute(query, span).to_arrow_table() for table, query in QUERIES.items()}

    def coarser(self, hours: "Mapping[str, pa.Table]") -> "dict[str, pa.Table]":
        """Months of stations, days of sites and hours of zones, of what `hours` has just told."""
        for table, counted in hours.items():
            self._db.register(table, counted)
        made = {table: self._db.execute(query).to_arrow_table() for table, query in _COARSER.items()}
        for table in hours:
            self._db.unregister(table)
        return made

    def days(self, files: Sequence[Path], since: datetime, until: datetime) -> "dict[str, pa.Table]":
        """Sessions and visits that begin in hours from one time until another, by site and day of its own clock; those
        of groups of drivers; how long sessions lasted, by day; what drivers did, by month; and the most at
        once of all. `files` hold what is near as well."""
        span = self._hold(files, since, until)
        found = {table: self._db.execute(query).to_arrow_table() for table, query in _days().items()}
        return found | {"network_hours": self._db.execute(_NETWORK, span).to_arrow_table()}

    def used(self, files: Sequence[Path]) -> dict[str, tuple[int, datetime]]:
        """The most that stood at each station at once, and when the first hour of its use began, of all its months."""
        found = self._db.read_parquet([str(path) for path in files])
        rows = found.aggregate("station, max(peak) AS peak, epoch_us(min(hour_at)) AS used_us", "station").fetchall()
        return {station: (peak, _EPOCH + timedelta(microseconds=used_us)) for station, peak, used_us in rows}

    def span(self, files: Sequence[Path], drivers: Sequence[Path], months: int, month: date) -> "pa.Table":
        """What drivers did in so many months that end with this one, which is told by its first day, and when each came
        first of all; `files` hold these months."""
        self._views(driver_months=files, drivers=drivers)
        query = _BEGAN.format(span=_OF_DRIVERS.format(each=_SPAN))
        return self._db.execute(query, {"months": months, "month": month}).to_arrow_table()

    def group_uses(self, file: Path) -> "pa.Table":
        """What groups came to by days, of days of their drivers."""
        self._views(group_days=[file])
        return self._db.execute(groups.USES).to_arrow_table()

    def groups(self, days: Sequence[Path], driven: Sequence[Path], month: date) -> "pa.Table":
        """How many drivers of each group came as of a month, and how many by none that enough are of; `days` of groups
        and months that were `driven` may hold more."""
        self._views(group_days=days, driver_months=driven)
        given = {"month": month, "months": groups.MONTHS_OF_GROUP, "least": groups.LEAST_OF_GROUP}
        return self._db.execute(groups.NAMED, given).to_arrow_table()

    def first_seen(self, files: Sequence[Path]) -> "pa.Table":
        """When each driver first came, of all months."""
        found = self._db.read_parquet([str(path) for path in files])
        return found.aggregate("driver, min(first_at) AS first_at", "driver").order("driver").to_arrow_table()

    def _views(self, **files: Sequence[Path]) -> None:
        """Has tables of files at hand."""
        for table, paths in files.items():
            self._db.read_parquet([str(path) for path in paths]).create_view(table, replace=True)

    def _hold(self, files: Sequence[Path], since: datetime, until: datetime) -> dict[str, int]:
        """Has sessions, places and a calendar at hand; from and until in seconds since 1970."""
        import pyarrow as pa

        shifts = [_shift(place.zone, since) for place in self._places]
        places = pa.table(
            {
                "station": [place.station for place in self._places],
                "site": [place.site for place in self._places],
                "zone": [place.zone for place in self._places],
                "shift": shifts,
                "powered": [place.power_known for place in self._places],
            },
            _places_schema(),
        )
        zones = sorted({(place.zone, shift) for place, shift in zip(self._places, shifts, strict=True)})
        calendar = pa.Table.from_pylist([*_calendar(zones, since, until)], _calendar_schema())
        self._db.register("places", places)
        self._db.register("calendar", calendar)
        self._views(sessions=files)
        return {"since": int(since.timestamp()), "until": int(until.timestamp())}


@cache
def _days() -> dict[str, str]:
    """What is asked of every partition, put into words once a process: that takes longer than many an answer."""
    import ibis

    schemas = {"sessions": tables.schema("sessions"), "places": _places_schema(), "calendar": _calendar_schema()}
    sessions, places, calendar = (
        ibis.table(ibis.Schema.from_pyarrow(schema), name=name) for name, schema in schemas.items()
    )
    placed = sessions.join(places, "station").mutate(began_s=sessions.started_at.epoch_seconds().cast("int64"))
    inside = _dated(placed, calendar)
    traits = [name for name in DAY_KEYS if name != "local_date"]
    came = _summed(expressions.counted(inside))
    went = _summed(_dated(expressions.begun_visits(placed, (*traits, "zone", "shift")), calendar))
    months = expressions.driven(inside.mutate(month=inside.local_date.truncate("M")))
    grouped = expressions.counted(inside.filter(inside.driver_group.notnull()))
    found = {
        "site_days": _summed(came.union(went)).order_by([*DAY_KEYS]),
        "group_days": expressions.group_sums(grouped, GROUP_KEYS),
        "stay_days": expressions.stay_minutes(inside, ("local_date",)),
        "driver_months": months.select(*DRIVER_COLUMNS),
    }
    said = {table: str(ibis.to_sql(expression, dialect="duckdb")) for table, expression in found.items()}
    return said | {"driver_months": _OF_DRIVERS.format(each=said["driver_months"])}


def _dated(begun: "ibis.Table", calendar: "ibis.Table") -> "ibis.Table":
    """What began at `began_s`, with the day of its site's clock; without what began in no hour of the calendar."""
    hour = (begun.began_s + begun.shift) // HOUR_S * HOUR_S - begun.shift
    return begun.mutate(h=hour.cast("int64")).join(calendar, ["zone", "h"])


def _summed(table: "ibis.Table") -> "ibis.Table":
    """By DAY_KEYS; what a table doesn't tell is 0."""
    import ibis

    none = ibis.literal(0, "int64")
    sums = {name: table[name].sum().coalesce(0).cast("int64") if name in table.columns else none for name in DAY_SUMS}
    return table.group_by([*DAY_KEYS]).aggregate(**sums).select(*DAY_KEYS, *DAY_SUMS)


def _places_schema() -> "pa.Schema":
    import pyarrow as pa

    return pa.schema(
        [
            ("station", pa.string()),
            ("site", pa.string()),
            ("zone", pa.string()),
            ("shift", pa.int64()),
            ("powered", pa.bool_()),
        ]
    )


def _calendar_schema() -> "pa.Schema":
    import pyarrow as pa

    return pa.schema(
        [
            ("zone", pa.string()),
            ("h", pa.int64()),
            ("local_date", pa.date32()),
            ("weekday", pa.int64()),
            ("hour", pa.int64()),
        ]
    )


def _shift(zone: str, at: datetime) -> int:
    """By how many seconds a zone's hours begin before those of UTC: 0 for most, 1800 for India."""
    offset = at.astimezone(ZoneInfo(zone)).utcoffset() or timedelta()
    return offset // timedelta(seconds=1) % HOUR_S


def _calendar(zones: Iterable[tuple[str, int]], since: datetime, until: datetime) -> Iterator[dict[str, Any]]:
    """Each hour of each zone: its day, its day of the week (0 is Monday) and its hour, by the zone's own clock."""
    first, last = int(since.timestamp()), int(until.timestamp())
    for zone, shift in zones:
        clock = ZoneInfo(zone)
        begins = -(-(first + shift) // HOUR_S) * HOUR_S - shift
        for h in range(begins, last, HOUR_S):
            local = datetime.fromtimestamp(h, UTC).astimezone(clock)
            yield {"zone": zone, "h": h, "local_date": local.date(), "weekday": local.weekday(), "hour": local.hour}
