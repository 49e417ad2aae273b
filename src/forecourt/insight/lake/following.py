"""What follows from what was counted, once all of it is: stations, drivers, their years and groups; and what makes days
be counted again."""

import hashlib
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from forecourt.insight.lake import tables, years
from forecourt.insight.lake.layout import File, Folder, Manifest
from forecourt.insight.lake.parts import between, bounds
from forecourt.insight.lake.store import Place

if TYPE_CHECKING:
    import pyarrow as pa

    from forecourt.insight.lake.rollup import RollUp

#: Puts a draft of a table's partition in its place; None: it has no rows.
Placing = Callable[[Path, str, str, tables.Written], File | None]


class Following:
    """Of one export. `found` is its files by table and partition, in which what is made is put."""

    def __init__(self, folder: Folder, roll_up: "RollUp", place: Placing, today: date) -> None:
        self._folder = folder
        self._roll_up = roll_up
        self._place = place
        self._today = today

    def stations(self, found: dict[str, dict[str, File]], places: Sequence[Place]) -> None:
        """All stations in one file. A station has at least as many EVSEs as stood there at once."""
        import pyarrow as pa

        months = self._paths(found, "station_months")
        peaks = self._roll_up.peaks(months) if months else {}
        rows = [
            msgspec.structs.asdict(place) | {"evses": max(place.evses, peaks.get(place.station, 0), 1)}
            for place in places
        ]
        self._whole(found, "stations", pa.Table.from_pylist(rows, tables.schema("stations")))

    def drivers(self, before: Manifest, found: dict[str, dict[str, File]]) -> None:
        """All drivers in one file, made again where any month of theirs was."""
        months = self._paths(found, "driver_months")
        if {*found.get("driver_months", {}).values()} == {*before.tables.get("driver_months", ())}:
            return
        self._whole(
            found, "drivers", self._roll_up.first_seen(months) if months else tables.schema("drivers").empty_table()
        )

    def years(self, before: Manifest, found: dict[str, dict[str, File]]) -> None:
        """Years of drivers, made again where any month of theirs was."""
        months, old = found.get("driver_months", {}).values(), before.tables.get("driver_months", ())
        there, kept = found.get("driver_years", {}), dict[str, File]()
        for month in years.ends(self._today):
            name, near = f"{month:%Y-%m}", years.sources(months, month)
            if name in there and near == years.sources(old, month):
                kept[name] = there[name]
            elif years.has_any(near, month):
                rows = self._roll_up.year([self._folder.path / file.path for file in near], month)
                draft = self._folder.draft("driver_years", name)
                made = self._place(draft, "driver_years", name, tables.from_table("driver_years", rows, draft))
                kept |= {} if made is None else {name: made}
        found["driver_years"] = kept

    def groups(self, before: Manifest, found: dict[str, dict[str, File]]) -> None:
        """How many drivers groups have, made again where any day of theirs was."""
        if {*found.get("group_days", {}).values()} != {*before.tables.get("group_days", ())}:
            days = self._paths(found, "group_days")
            empty = tables.schema("driver_groups").empty_table()
            self._whole(found, "driver_groups", self._roll_up.groups(days) if days else empty)

    def _whole(self, found: dict[str, dict[str, File]], table: str, rows: "pa.Table") -> None:
        """The one file of a table."""
        draft = self._folder.draft(table, "all")
        made = self._place(draft, table, "all", tables.from_table(table, rows, draft))
        found[table] = {} if made is None else {"all": made}

    def _paths(self, found: dict[str, dict[str, File]], table: str) -> list[Path]:
        return [self._folder.path / file.path for file in found.get(table, {}).values()]


def names(path: Path, stations: set[str]) -> bool:
    """Whether a file of sessions has one of these stations."""
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    found = pq.read_table(path, columns=["station"]).column("station")
    return bool(pc.any(pc.is_in(found, value_set=pa.array(sorted(stations), found.type))).as_py())


def days(file: File) -> set[date]:
    """The days in which sessions of a file stood, and those beside them that other clocks count to."""
    since, until = bounds(file.partition)
    last = max(until, file.until or until)
    return {*between(since - timedelta(days=1), last)}


def digest(places: Sequence[Place]) -> str:
    """What hours depend on beside sessions: where each station is, and in which zone."""
    facts: list[Any] = [(place.station, place.site, place.zone) for place in places]
    return hashlib.sha256(msgspec.json.encode(facts)).hexdigest()
