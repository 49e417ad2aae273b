"""Files of history as hourly series: sessions as the importers read them, or a CSV of hours (`hours`)."""

import tempfile
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from forecourt.insight.forecast import hours
from forecourt.insight.forecast.hours import Read
from forecourt.insight.forecast.series import ForecastRefused, Panel, Target, gridded, with_network
from forecourt.insight.importing.files import understood
from forecourt.insight.importing.model import REASONS, ImportRefused, count
from forecourt.insight.importing.opened import opened
from forecourt.insight.importing.tables import Options
from forecourt.insight.lake import tables
from forecourt.insight.lake.rollup import HOUR_S, RollUp
from forecourt.insight.lake.store import Place
from forecourt.insight.model import Session

if TYPE_CHECKING:
    import pyarrow as pa

#: Sessions of one file.
MAX_SESSIONS: Final = 5_000_000
#: Sessions that become a file at a time.
GROUP_SESSIONS: Final = 100_000

#: Which column of the lake's hours is what, and what of it is one.
COUNTED: Final[dict[Target, tuple[str, float]]] = {
    "energy": ("energy_wh", 1000.0),
    "occupancy": ("busy_s", float(HOUR_S)),
    "arrivals": ("starts", 1.0),
}


def read(path: Path, options: Options, now: datetime) -> Read:
    """The series of a file, each target by itself. Raises ImportRefused and ForecastRefused, saying what to do."""
    file = opened(path, options.encoding)
    head = hours.head_of(file, options)
    if head is not None:
        return hours.read(file, *head, options)
    try:
        return _sessions(path, options, now)
    except ImportRefused as fault:
        # Whoever brings hours under other names is told how to name them.
        raise type(fault)(f"{fault} {hours.ADVICE}") if file.kind == "text" else fault from fault


def refusal(reason: str) -> str:
    """A reason in words."""
    return hours.REASONS.get(reason) or REASONS[reason]


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
