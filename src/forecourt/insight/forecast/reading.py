"""Files of history as hourly series: sessions as the importers read them, or a CSV of hours (series, time, value)."""

import csv
import tempfile
import zlib
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import available_timezones

import numpy as np
from msgspec import Struct, field

from forecourt.insight.forecast.series import ForecastRefused, Panel, Target, gridded, with_network
from forecourt.insight.importing.files import understood
from forecourt.insight.importing.model import REASONS, count
from forecourt.insight.importing.opened import Opened, opened
from forecourt.insight.importing.tables import DELIMITERS, Options
from forecourt.insight.lake import tables
from forecourt.insight.lake.rollup import HOUR_S, RollUp
from forecourt.insight.lake.store import Place
from forecourt.insight.model import Session

if TYPE_CHECKING:
    import pyarrow as pa

#: Sessions of one file.
MAX_SESSIONS: Final = 5_000_000
#: Rows of a CSV of hours.
MAX_POINTS: Final = 20_000_000
#: Rows of such a CSV that are read at a time.
CHUNK_ROWS: Final = 500_000
COLUMNS: Final = ("series", "time", "value")
#: Sessions that become a file at a time.
GROUP_SESSIONS: Final = 100_000

#: Which column of the lake's hours is what, and what of it is one.
COUNTED: Final[dict[Target, tuple[str, float]]] = {
    "energy": ("energy_wh", 1000.0),
    "occupancy": ("busy_s", float(HOUR_S)),
    "arrivals": ("starts", 1.0),
}

#: Why a row of a CSV of hours is not taken.
POINT_REASONS: Final[dict[str, str]] = {
    "bad-time": "its time can't be read; write it as 2025-03-01T14:00",
    "no-whole-hour": "its time is no whole hour: bring the sums or means of whole hours",
    "no-value": "it has no value: that hour is taken for unknown",
    "decimal-comma": "its value has a comma: if that stands before decimals, say --decimal ,",
    "bad-number": "its value is no number: that hour is taken for unknown",
    "negative": "its value is negative: that hour is taken for unknown",
    "no-series": "it names no series",
    "repeated": "the same series has that hour before, with another value: the first one counts",
}


class Read(Struct, frozen=True, kw_only=True):
    """What was read of a file. `refused` counts rows that were not taken by reason, of REASONS or POINT_REASONS."""

    panels: list[Panel]
    form: str
    rows: int
    refused: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def read(path: Path, options: Options, now: datetime) -> Read:
    """The series of a file, each target by itself. Raises ImportRefused and ForecastRefused, saying what to do."""
    file = opened(path, options.encoding)
    head = _head(file)
    if head is not None:
        return _hourly(file, *head, options)
    return _sessions(path, options, now)


def refusal(reason: str) -> str:
    """A reason in words."""
    return POINT_REASONS.get(reason) or REASONS[reason]


def _head(file: Opened) -> tuple[str, list[str]] | None:
    """The delimiter and columns of a CSV of hours; None for any other file."""
    if file.kind != "text":
        return None
    with file.text() as text:
        line = text.readline().lstrip("\ufeff").strip()
    delimiter = max(DELIMITERS, key=line.count)
    head = [cell.strip() for cell in next(csv.reader([line], delimiter=delimiter), [])]
    small = [cell.lower() for cell in head]
    return (delimiter, small) if all(small.count(name) == 1 for name in COLUMNS) else None


def _hourly(file: Opened, delimiter: str, head: list[str], options: Options) -> Read:
    zone = options.time_zone
    if zone is not None and zone not in available_timezones():
        raise ForecastRefused(f"There is no time zone {zone}. Name it as the IANA does: Europe/Oslo.")
    refused: dict[str, int] = {}
    numbers: dict[str, int] = {}
    points, rows = _all_points(file, delimiter, head, options, numbers, refused)
    if not len(points):
        told = "; ".join(f"{number} rows: {refusal(reason)}" for reason, number in refused.items())
        raise ForecastRefused(f"{file.path.name} holds no hour that can be taken. {told or 'It has no rows'}.")
    same = points.duplicated(["row", "hour", "value"])
    again = points.duplicated(["row", "hour"]) & ~same
    if again.any():
        count(refused, "repeated", int(again.sum()))
    points = points[~same & ~again]
    columns = [points[name].to_numpy() for name in ("row", "hour", "value")]
    panel = gridded(file.path.name, "value", list(numbers), *columns)
    notes = ["hours without a row are unknown, not zero"] if np.isnan(panel.values).any() else []
    if same.any():
        notes.append(f"{int(same.sum())} rows came twice, the very same: each counts once")
    return Read(panels=[with_network(panel)], form="hours", rows=rows, refused=refused, notes=notes)


def _all_points(
    file: Opened, delimiter: str, head: list[str], options: Options, numbers: dict[str, int], refused: dict[str, int]
) -> tuple[Any, int]:
    """Those of a whole file, and how many rows it has."""
    import pandas as pd

    parts, rows = [pd.DataFrame({"row": [], "hour": [], "value": []}).astype({"row": np.int64, "hour": np.int64})], 0
    form = {"sep": delimiter, "names": head, "header": 0, "usecols": [*COLUMNS], "chunksize": CHUNK_ROWS}
    with file.text() as text:
        try:
            for chunk in pd.read_csv(text, dtype=str, keep_default_na=False, skipinitialspace=True, **form):
                rows += len(chunk)
                if rows > MAX_POINTS:
                    raise ForecastRefused(f"{file.path.name} has more than {MAX_POINTS} rows. Cut it in parts.")
                parts.append(_points(chunk, options, numbers, refused))
        except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError, EOFError, zlib.error) as fault:
            raise ForecastRefused(f"{file.path.name} can't be read as CSV: {fault}.") from fault
    return pd.concat(parts), rows


def _points(chunk: Any, options: Options, numbers: dict[str, int], refused: dict[str, int]) -> Any:
    """Rows that can be taken, as series by number, hour and value."""
    import pandas as pd

    shown = _shown(chunk["time"].str.strip(), options.time_zone)
    written = chunk["value"].str.strip()
    if options.decimal == ",":
        written = written.str.replace(".", "", regex=False).str.replace(",", ".", regex=False)
    value = pd.to_numeric(written, errors="coerce")
    empty = written.str.lower().isin(["", "nan", "null", "none", "na"])
    checks = (
        ("no-series", chunk["series"].str.strip() == ""),
        ("bad-time", shown.isna()),
        ("no-whole-hour", (shown.dt.minute != 0) | (shown.dt.second != 0) | (shown.dt.microsecond != 0)),
        ("no-value", empty),
        ("decimal-comma", ~np.isfinite(value) & written.str.contains(",", regex=False)),
        ("bad-number", ~np.isfinite(value)),
        ("negative", value < 0),
    )
    good = pd.Series(True, index=chunk.index)
    for reason, wrong in checks:
        if (hit := wrong & good).any():
            count(refused, reason, int(hit.sum()))
            good &= ~wrong
    codes, names = pd.factorize(chunk["series"].str.strip()[good])
    known = np.array([numbers.setdefault(str(name), len(numbers)) for name in names], dtype=np.int64)
    rows = known[codes] if len(codes) else np.zeros(0, np.int64)
    hours = shown[good].to_numpy().astype("datetime64[h]").astype(np.int64)
    return pd.DataFrame({"row": rows, "hour": hours, "value": value[good].to_numpy(dtype=np.float64)})


def _shown(times: Any, zone: str | None) -> Any:
    """What the site's clock showed: times as they are written, but in a zone those with an offset as they are there."""
    import pandas as pd

    bare = times.str.replace(r"(?:Z|[+-]\d\d:?\d\d)$", "", regex=True)
    shown = pd.to_datetime(bare, format="ISO8601", errors="coerce")
    if zone is None:
        return shown
    there = pd.to_datetime(times, format="ISO8601", errors="coerce", utc=True).dt.tz_convert(zone).dt.tz_localize(None)
    return shown.where(bare == times, there)


def _sessions(path: Path, options: Options, now: datetime) -> Read:
    source = understood(path, options, now)
    refused: dict[str, int] = {}
    rows = 0
    unknown = 0

    def taken() -> Iterator[Session]:
        nonlocal rows, unknown
        for parsed in source.rows():
            rows += 1
            if rows > MAX_SESSIONS:
                raise ForecastRefused(f"{path.name} has more than {MAX_SESSIONS} sessions. Cut it in parts.")
            if parsed.refusal is not None:
                count(refused, parsed.refusal.reason)
            elif parsed.session is not None:
                unknown += parsed.session.energy_wh is None
                yield parsed.session

    panels = panels_of(path.name, taken())
    notes = [*source.found]
    if unknown:
        notes.append(f"{unknown} sessions of unknown energy count for occupancy alone")
    return Read(panels=panels, form=source.form, rows=rows, refused=refused, notes=notes)


def panels_of(name: str, sessions: Iterable[Session]) -> list[Panel]:
    """Energy and occupancy by site, and of the network, of sessions in any order; a station without a site is one.

    From the first session's day to the day before the last one's, which may not be over. Raises ForecastRefused.
    """
    places: dict[str, Place] = {}
    with tempfile.TemporaryDirectory() as folder:
        files: list[Path] = []
        starts: list[datetime] = []
        for group in _groups(sessions):
            each = [session.started_at for session in group]
            starts = [min([*starts, *each]), max([*starts, *each])]
            files.append(Path(folder) / f"{len(files)}.parquet")
            tables.from_table("sessions", _table(group, places), files[-1])
        if not starts:
            raise ForecastRefused(f"{name} holds no session that can be taken.")
        first, last = starts
        counted = _hours(places.values(), files, Path(folder), first, last)
    days = first.date(), last.date()
    return [with_network(panel_of_hours(name, target, counted, *days)) for target in ("energy", "occupancy")]


def _groups(sessions: Iterable[Session]) -> Iterator[list[Session]]:
    group: list[Session] = []
    for session in sessions:
        group.append(session)
        if len(group) == GROUP_SESSIONS:
            yield group
            group = []
    if group:
        yield group


def _table(group: list[Session], places: dict[str, Place]) -> "pa.Table":
    """Sessions as the lake has them, and their stations by site: one name at two sites is two stations."""
    import pyarrow as pa

    rows = []
    for each in group:
        site = each.site or each.station
        station = f"{site}\n{each.station}"
        if station not in places:
            places[station] = _place(station, site, each.zone)
        rows.append(
            {
                "station": station,
                "started_at": each.started_at,
                "ended_at": each.ended_at,
                "charging_ended_at": each.charging_ended_at,
                "energy_wh": each.energy_wh,
            }
        )
    return pa.Table.from_pylist(rows, tables.schema("sessions"))


def _place(station: str, site: str, zone: str) -> Place:
    return Place(
        station=station,
        name=None,
        site=site,
        site_name=None,
        zone=zone,
        source="",
        evses=1,
        power_w=None,
        vendor=None,
        model=None,
        latitude=None,
        longitude=None,
        first_at=None,
        last_at=None,
        gone=False,
    )


def _hours(places: Iterable[Place], files: list[Path], folder: Path, first: datetime, last: datetime) -> "pa.Table":
    roll_up = RollUp(places, folder / "spill")
    try:
        since = datetime.combine(first.date() - timedelta(days=1), time(), UTC)
        return roll_up.hours(files, since, datetime.combine(last.date() + timedelta(days=2), time(), UTC))["site_hours"]
    finally:
        roll_up.close()


def panel_of_hours(name: str, target: Target, counted: "pa.Table", first: date, end: date) -> Panel:
    """Hours as the lake counts them (`site_hours`) as a panel, from one day until another: hours without a row are zero
    from a site's first session on. Raises ForecastRefused where there is no whole day."""
    sites = counted.column("site").to_numpy(zero_copy_only=False)
    names, row = np.unique(sites.astype(str), return_inverse=True)
    days = counted.column("local_date").to_numpy().astype("datetime64[D]").astype(np.int64)
    hour = days * 24 + counted.column("hour").to_numpy()
    column, divisor = COUNTED[target]
    value = counted.column(column).to_numpy().astype(np.float64) / divisor
    begins = _day(first) * 24
    ends = _day(end) * 24
    keep = (hour >= begins) & (hour < ends)
    if not keep.any():
        raise ForecastRefused(f"{name} holds less than a whole day of sessions.")
    # The last hour is there whatever stood in it.
    row, hour, value = row[keep], hour[keep], value[keep]
    panel = gridded(name, target, [str(each) for each in names], row, hour, value)
    width = ends - _day(panel.start.date()) * 24
    values = np.zeros((len(names), width), np.float32)
    values[:, : panel.hours] = np.nan_to_num(panel.values)
    opened_h = np.full(len(names), width)
    np.minimum.at(opened_h, row, hour - _day(panel.start.date()) * 24)
    values[np.arange(width)[None, :] < (opened_h - opened_h % 24)[:, None]] = np.nan
    return Panel(name=name, target=target, names=panel.names, start=panel.start, values=values)


def _day(day: date) -> int:
    """Days since 1970."""
    return day.toordinal() - date(1970, 1, 1).toordinal()
