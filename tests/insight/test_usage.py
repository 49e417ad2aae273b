"""Use as the lake tells it, held against a calculation that shares nothing with it, on every engine."""

import io
import itertools
import shutil
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
import pyarrow as pa
import pyarrow.csv
import pytest
from msgspec import Struct

from forecourt.insight.importing.files import understood
from forecourt.insight.importing.tables import Options
from forecourt.insight.lake import asking
from forecourt.insight.lake.export import Exporter
from forecourt.insight.usage import expressions, measures
from tests.conftest import Servers
from tests.insight.conftest import DATA, Desk
from tests.insight.test_importing import PUBLIC, many, written
from tests.support import EPOCH

#: Of a public file that are looked at: months of many stations.
MOST_LINES = 3_000


class Stay(Struct, frozen=True):
    """A session in seconds since 1970, as plain as it gets."""

    station: str
    site: str
    zone: str
    began: int
    full: int
    over: int
    wh: int
    paid: int | None


def stays_of(path: Path) -> list[Stay]:
    source = understood(path, Options(), EPOCH)
    found: dict[str, Stay] = {}
    for row in source.rows():
        s = row.session
        if s is None or s.id in found:
            continue
        began, over = int(s.started_at.timestamp()), int(s.ended_at.timestamp())
        full = over if s.charging_ended_at is None else int(s.charging_ended_at.timestamp())
        site = f"{source.source}/{s.site}" if s.site else source.source
        assert s.id is not None
        found[s.id] = Stay(
            f"{source.source}/{s.station}", site, s.zone, began, full, over, s.energy_wh or 0, s.excl_minor
        )
    return [*found.values()]


def next_hour(at: int, clock: ZoneInfo) -> int:
    """When the clock on the wall strikes next."""
    local = datetime.fromtimestamp(at, UTC).astimezone(clock)
    return at + 3600 - local.minute * 60 - local.second


def hourly(stays: list[Stay], place: str) -> dict[tuple[str, int], Counter[str]]:
    """By place and the beginning of the hour: what was split and counted, session by session and hour by hour."""
    sums: dict[tuple[str, int], Counter[str]] = defaultdict(Counter)
    spans: dict[tuple[str, int], list[tuple[int, int]]] = defaultdict(list)
    for s in stays:
        clock, at, flowed = ZoneInfo(s.zone), s.began, 0
        while at < s.over or at == s.began:
            strikes = next_hour(at, clock)
            here = sums[getattr(s, place), strikes - 3600]
            ends = min(strikes, s.over)
            here["busy_s"] += ends - at
            here["charging_s"] += max(0, min(ends, s.full) - at)
            flows = s.wh if s.full == s.began else s.wh * (min(ends, s.full) - s.began) // (s.full - s.began)
            here["energy_wh"] += max(flows - flowed, 0)
            flowed = max(flows, flowed)
            here["starts"] += at == s.began
            if at == s.began and s.paid is not None:
                here["excl_minor"] += s.paid
            if ends > at:
                spans[getattr(s, place), strikes - 3600].append((at, ends))
            at = strikes
    for key, pieces in spans.items():
        sums[key]["peak"] = most_at_once(pieces)
    return sums


def most_at_once(pieces: list[tuple[int, int]]) -> int:
    """Whenever somebody comes, how many are there."""
    return max((sum(a <= came < b for a, b in pieces) for came, _ in pieces), default=0)


def network_peak(stays: list[Stay]) -> int:
    present = most = 0
    real = [s for s in stays if s.over > s.began]
    for _, step in sorted([(s.began, 1) for s in real] + [(s.over, -1) for s in real]):
        present += step
        most = max(most, present)
    return most


async def lake_of(desk: Desk, path: Path, root: Path) -> int:
    tenant_id = desk.organisation(path.name)
    await desk.bring(tenant_id, path)
    await Exporter(desk.pool, desk.clock, root).export(tenant_id)
    return tenant_id


def begun(path: Path, folder: Path) -> Path:
    """The file as far as MOST_LINES: a plain calculation of all of it takes a minute."""
    with path.open("rb") as whole:
        made = folder / path.name
        made.write_bytes(b"".join(itertools.islice(whole, MOST_LINES)))
        return made


@pytest.mark.parametrize("name", [*PUBLIC, "made up"])
async def test_use_is_what_a_plain_calculation_says(desk: Desk, tmp_path: Path, name: str) -> None:
    path = written(tmp_path, *many(1_500)) if name == "made up" else DATA / name
    if not path.exists():
        pytest.skip(f"{name} is not at hand")
    if path.suffix == ".csv":
        path = begun(path, tmp_path)
    tenant_id, stays = await lake_of(desk, path, tmp_path / "lake"), stays_of(path)
    energy_wh = sum(s.wh for s in stays)
    by_place = {place: hourly(stays, place) for place in ("station", "site")}
    names = ("busy_s", "charging_s", "energy_wh", "starts", "peak", "excl_minor")
    with asking.expressed(tmp_path / "lake", tenant_id) as lake:
        for table, place in (("hours", "station"), ("site_hours", "site")):
            expected = by_place[place]
            assert sum(each["energy_wh"] for each in expected.values()) == energy_wh
            columns = (place, "hour_at", "local_date", "weekday", "hour", *names)
            rows = lake[table].select(*columns).to_pyarrow().to_pylist()
            counted = {
                (row[place], int(row["hour_at"].timestamp())): [row[name] or 0 for name in names] for row in rows
            }
            assert len(counted) == len(rows)
            assert counted == {key: [sums[name] for name in names] for key, sums in expected.items()}
            zones = {getattr(s, place): s.zone for s in stays}
            clocks = {
                (row["hour_at"], zones[row[place]], row["local_date"], row["weekday"], row["hour"]) for row in rows
            }
            for at, zone, *said in clocks:
                local = at.astimezone(ZoneInfo(zone))
                assert said == [local.date(), local.weekday(), local.hour]
        check_answers(lake, stays, by_place["station"])


def check_answers(lake: Any, stays: list[Stay], by_hour: dict[tuple[str, int], Counter[str]]) -> None:
    """Each expression against the plain sums."""
    zones = {s.station: ZoneInfo(s.zone) for s in stays}
    week: dict[tuple[int, int], int] = defaultdict(int)
    for (station, at), sums in by_hour.items():
        local = datetime.fromtimestamp(at, UTC).astimezone(zones[station])
        week[local.weekday(), local.hour] += sums["busy_s"]
    told = expressions.hour_of_week(lake["hours"]).to_pyarrow().to_pylist()
    assert {(row["weekday"], row["hour"]): row["busy_s"] for row in told} == week
    [total] = expressions.totals(lake["hours"]).to_pyarrow().to_pylist()
    assert total == {
        "busy_s": sum(s.over - s.began for s in stays), "charging_s": sum(s.full - s.began for s in stays),
        "energy_wh": sum(s.wh for s in stays), "starts": len(stays),
    }  # fmt: skip
    [network] = expressions.concurrency(lake["sessions"]).to_pyarrow().to_pylist()
    assert network == {"peak": network_peak(stays)}
    by_station = expressions.concurrency(lake["sessions"], ("station",)).to_pyarrow().to_pylist()
    highest = expressions.peaks(lake["hours"]).to_pyarrow().to_pylist()
    assert {row["station"]: row["peak"] for row in highest} == {row["station"]: row["peak"] for row in by_station} | {
        row["station"]: 0 for row in highest if row["peak"] == 0
    }
    [whole] = expressions.stays(expressions.counted(lake["sessions"])).to_pyarrow().to_pylist()
    assert whole["stay_s"] == total["busy_s"]
    dwell = expressions.stay_minutes(lake["sessions"]).to_pyarrow().to_pylist()
    steps = {row["minutes"]: row["sessions"] for row in dwell}
    minutes = sorted((s.over - s.began) // 60 for s in stays)
    assert [measures.at_place(steps, place)[0] for place in range(len(minutes))] == minutes
    assert sum(steps.values()) == len(stays)
    paid = [s.paid for s in stays if s.paid is not None]
    money = expressions.revenue(lake["hours"]).to_pyarrow().to_pylist()
    assert sum(row["excl_minor"] for row in money) == sum(paid)
    since, until = EPOCH - timedelta(days=400), EPOCH - timedelta(days=200)
    [some] = expressions.totals(expressions.within(lake["hours"], since, until)).to_pyarrow().to_pylist()
    chosen = [sums for (_, at), sums in by_hour.items() if since.timestamp() <= at < until.timestamp()]
    assert some["busy_s"] == sum(sums["busy_s"] for sums in chosen)


async def test_hours_of_zones_that_begin_at_half_past_are_of_their_own_clock(desk: Desk, tmp_path: Path) -> None:
    tenant_id = desk.organisation("Kolkata")
    path = written(tmp_path, "1,A,,2025-01-01 10:40,2025-01-01 12:10,9")
    await desk.bring(tenant_id, path, time_zone="Asia/Kolkata")
    await Exporter(desk.pool, desk.clock, tmp_path / "lake").export(tenant_id)
    with asking.expressed(tmp_path / "lake", tenant_id) as lake:
        rows = lake["hours"].to_pyarrow().to_pylist()
    assert [(row["hour"], row["busy_s"], row["energy_wh"]) for row in rows] == [
        (10, 1200, 2000), (11, 3600, 6000), (12, 600, 1000),
    ]  # fmt: skip
    assert rows[0]["hour_at"] == datetime(2025, 1, 1, 4, 30, tzinfo=UTC)


async def test_who_comes_in_an_hour_of_before_midnight_is_in_it(desk: Desk, tmp_path: Path) -> None:
    """Hours of a clock that is half an hour off begin on one day of UTC and end on the next."""
    tenant_id = desk.organisation("half past")
    # From 5:00 to 6:00 by the clock there it is midnight of UTC at 5:30.
    lines = [f"{n},A,,2025-01-02 05:{minute},2025-01-02 05:5{n},9" for n, minute in enumerate((10, 40))]
    await desk.bring(tenant_id, written(tmp_path, *lines), time_zone="Asia/Kolkata")
    await Exporter(desk.pool, desk.clock, tmp_path / "lake").export(tenant_id)
    with asking.expressed(tmp_path / "lake", tenant_id) as lake:
        [row] = lake["hours"].to_pyarrow().to_pylist()
    assert (row["hour"], row["starts"], row["busy_s"], row["energy_wh"]) == (5, 2, 60 * (40 + 11), 18_000)


async def test_a_visit_over_midnight_is_one(desk: Desk, tmp_path: Path) -> None:
    tenant_id = desk.organisation("night")
    desk.clock.set(datetime(2025, 1, 3, tzinfo=UTC))
    lines = ["1,A,x,2025-01-01 23:50,2025-01-01 23:55,0", "2,A,x,2025-01-02 00:02,2025-01-02 01:00,9"]
    await desk.bring(tenant_id, written(tmp_path, *lines), time_zone="UTC")
    await Exporter(desk.pool, desk.clock, tmp_path / "lake").export(tenant_id)
    with asking.expressed(tmp_path / "lake", tenant_id) as lake:
        days = expressions.visit_sums(lake["site_days"], ("local_date",)).to_pyarrow().to_pylist()
    told = {row["local_date"].day: (row["visits"], row["visits_charged"], row["at_once"]) for row in days}
    assert told == {1: (1, 1, 0), 2: (0, 0, 0)}


async def test_prices_in_two_currencies_in_one_hour_are_each_counted_once(desk: Desk, tmp_path: Path) -> None:
    tenant_id = desk.organisation("currencies")
    head = "id,station,start,end,kwh,cost,currency"
    lines = [
        f"{n},A,2025-01-01 10:0{n},2025-01-01 10:3{n},1,{n}.5,{currency}"
        for n, currency in enumerate(("EUR", "USD", "EUR"))
    ]
    path = written(tmp_path, *lines, "3,A,2025-01-01 10:03,2025-01-01 10:33,1,,", head=head)
    await desk.bring(tenant_id, path)
    await Exporter(desk.pool, desk.clock, tmp_path / "lake").export(tenant_id)
    with asking.expressed(tmp_path / "lake", tenant_id) as lake:
        money = expressions.revenue(lake["hours"]).to_pyarrow().to_pylist()
        [total] = expressions.totals(lake["hours"]).to_pyarrow().to_pylist()
    assert {row["currency"]: row["excl_minor"] for row in money} == {"EUR": 300, "USD": 150}
    assert (total["starts"], total["busy_s"]) == (4, 4 * 1800)


def test_what_is_divided_is_divided_last() -> None:
    assert measures.utilisation(3600, 2, 7200) == Fraction(1, 4)
    assert measures.energy_utilisation(11_000, 22_000, 3600) == Fraction(1, 2)
    assert measures.utilisation(10, 0, 10) is None
    # The week in which clocks go back has 25 hours on its Sunday.
    since = datetime(2025, 10, 19, 22, tzinfo=UTC)
    slots = measures.hours_of_week("Europe/Berlin", since, since + timedelta(days=7, hours=1))
    assert len(slots) == 168
    assert slots[6, 2] == 7200
    assert {seconds for slot, seconds in slots.items() if slot != (6, 2)} == {3600}


#: Every expression, over the tables it wants.
EXPRESSIONS: dict[str, Any] = {
    "totals": lambda t: expressions.totals(t["hours"], ("station",)),
    "totals of all": lambda t: expressions.totals(t["hours"]),
    "hour of week": lambda t: expressions.hour_of_week(t["hours"], ("site",)),
    "daily": lambda t: expressions.daily(t["hours"]),
    "peaks": lambda t: expressions.peaks(t["hours"]),
    "site peaks": lambda t: expressions.peaks(t["site_hours"], ("site",)),
    "peak hours": lambda t: expressions.peak_hours(t["hours"]),
    "revenue": lambda t: expressions.revenue(t["hours"], ("site",)),
    "arrivals": lambda t: expressions.arrivals(expressions.counted(t["sessions"])),
    "stays": lambda t: expressions.stays(
        expressions.counted(expressions.placed(t["sessions"], t["stations"])), ("site",)
    ),
    "stays by day": lambda t: expressions.stays(t["site_days"], ("site", "local_date")),
    "visits": lambda t: expressions.visits(expressions.placed(t["sessions"], t["stations"]), ("site",)),
    "visits by day": lambda t: expressions.visit_sums(t["site_days"], ("site",)),
    "dwell": lambda t: expressions.stay_minutes(t["sessions"]),
    "concurrency": lambda t: expressions.concurrency(t["sessions"]),
    "site concurrency": lambda t: expressions.concurrency(expressions.placed(t["sessions"], t["stations"]), ("site",)),
    "drivers": lambda t: expressions.drivers(expressions.driven(t["sessions"]), ("station",)),
    "drivers of all": lambda t: expressions.drivers(expressions.driven(t["sessions"])),
    "drivers by month": lambda t: expressions.driver_sums(t["driver_months"]),
    "drivers by spans": lambda t: expressions.driver_sums(t["driver_spans"], "EUR"),
    "drivers' money by month": lambda t: expressions.driver_sums(t["driver_months"], "CHF"),
    "drivers' currencies": lambda t: expressions.driver_money(t["driver_months"]),
    "groups": lambda t: expressions.group_sums(
        expressions.counted(t["sessions"].filter(t["sessions"].driver_group.notnull()))
    ),
    "groups by day": lambda t: expressions.group_sums(t["group_days"], ("site", "driver_group")),
    "groups of all by day": lambda t: expressions.group_sums(t["group_uses"]),
    "station sums": lambda t: expressions.station_sums(t["hours"]),
    "station sums by month": lambda t: expressions.station_sums(t["station_months"]),
    "site sums": lambda t: expressions.site_sums(t["site_uses"]),
    "peak hours by clock": lambda t: expressions.peak_hours(t["zone_hours"]),
    "a part": lambda t: expressions.totals(
        expressions.within(t["hours"], datetime(2025, 3, 1, tzinfo=UTC), datetime(2025, 9, 1, tzinfo=UTC)), ("station",)
    ),
}
TABLES = (
    "sessions", "hours", "site_hours", "zone_hours", "station_months", "site_uses", "site_days", "group_days",
    "group_uses", "driver_months", "driver_spans", "stations",
)  # fmt: skip


def answers(tables: Any) -> dict[str, str]:
    """A checksum of each answer."""
    found = {}
    for name, expression in EXPRESSIONS.items():
        rows = expression(tables).to_pyarrow().to_pylist()
        assert rows, name
        found[name] = measures.checksum(row.values() for row in rows)
    return found


@pytest.fixture
def scratch(servers: Servers) -> Iterator[str]:
    with servers.empty_database() as database:
        yield database.admin_url


def postgres_of(url: str, held: dict[str, pa.Table]) -> Any:
    kinds = {
        "string": "text", "int64": "bigint", "timestamp[us, tz=UTC]": "timestamptz", "date32[day]": "date",
        "double": "float8",
    }  # fmt: skip
    with psycopg.connect(url) as conn:
        for name, table in held.items():
            columns = ", ".join(f'"{field.name}" {kinds[str(field.type)]}' for field in table.schema)
            conn.execute(f"CREATE TABLE {name} ({columns})".encode())
            text = io.BytesIO()
            pyarrow.csv.write_csv(table, text, pyarrow.csv.WriteOptions(include_header=False))
            with conn.cursor().copy(f"COPY {name} FROM STDIN (FORMAT csv)".encode()) as copy:
                copy.write(text.getvalue())
    import ibis  # long to load, and every process of a run loads this module

    return ibis.connect(url)


def spark_of(held: dict[str, pa.Table], folder: Path) -> Any:
    import ibis
    from pyspark.sql import SparkSession

    session = (
        SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false")
        .config("spark.sql.session.timeZone", "UTC").config("spark.driver.memory", "1g")
        # Little is asked once: compiling what asks it takes longer than asking.
        .config("spark.sql.shuffle.partitions", "1").config("spark.sql.codegen.wholeStage", "false")
        .config("spark.driver.extraJavaOptions", "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC").getOrCreate()
    )  # fmt: skip
    for name, table in held.items():
        pyarrow.parquet.write_table(table, folder / f"{name}.parquet", coerce_timestamps="us")
        session.read.parquet(str(folder / f"{name}.parquet")).createOrReplaceTempView(name)
    return ibis.pyspark.connect(session)


@pytest.mark.parametrize("engine", ["postgres", "spark"])
async def test_every_engine_gives_the_same_answers(desk: Desk, tmp_path: Path, scratch: str, engine: str) -> None:
    if engine == "spark":
        pytest.importorskip("pyspark", reason="the extra `spark` is not installed")
        if shutil.which("java") is None:
            pytest.skip("Spark needs Java")
    head = "id,station,driver,start,end,kwh,cost,currency,fleet"
    lines = [f"{line},{n % 9}.25,{'EUR' if n % 3 else 'CHF'},{'ABCD '[n % 5]}" for n, line in enumerate(many(800))]
    tenant_id = await lake_of(desk, written(tmp_path, *lines, head=head), tmp_path / "lake")
    with asking.expressed(tmp_path / "lake", tenant_id) as lake:
        expected = answers(lake)
        held = {name: lake[name].to_pyarrow() for name in TABLES}
    backend = postgres_of(scratch, held) if engine == "postgres" else spark_of(held, tmp_path)
    try:
        assert answers({name: backend.table(name) for name in TABLES}) == expected
    finally:
        backend.disconnect()
    assert len({*expected.values()}) > len(expected) - 5  # they are answers to different questions
