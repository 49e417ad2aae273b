"""What follows from what was counted, once all of it is: stations, drivers, their spans and groups; and what makes days
be counted again."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from forecourt.insight.lake import groups, spans, tables
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

    def __init__(self, folder: Folder, roll_up: "RollUp", place: Placing) -> None:
        self._folder = folder
        self._roll_up = roll_up
        self._place = place

    def stations(self, found: dict[str, dict[str, File]], places: Sequence[Place]) -> None:
        """All stations in one file. A station has at least as many EVSEs as stood there at once."""
        import pyarrow as pa

        months = self._paths(found.get("station_months", {}).values())
        used = self._roll_up.used(months) if months else {}
        rows = []
        for place in places:
            peak, used_at = used.get(place.station, (0, None))
            rows.append(msgspec.structs.asdict(place) | {"evses": max(place.evses, peak, 1), "used_at": used_at})
        self._whole(found, "stations", pa.Table.from_pylist(rows, tables.schema("stations")))

    def drivers(self, before: Manifest, found: dict[str, dict[str, File]]) -> None:
        """All drivers in one file, made again where any month of theirs was."""
        months = self._paths(found.get("driver_months", {}).values())
        if {*found.get("driver_months", {}).values()} == {*before.tables.get("driver_months", ())}:
            return
        self._whole(
            found, "drivers", self._roll_up.first_seen(months) if months else tables.schema("drivers").empty_table()
        )

    def spans(self, before: Manifest, found: dict[str, dict[str, File]], today: date) -> None:
        """Spans of drivers, made again where any month of theirs was, or of before."""
        driven, old = found.get("driver_months", {}).values(), before.tables.get("driver_months", ())
        there, kept = found.get("driver_spans", {}), dict[str, File]()
        # Files that everybody was erased from have no rows.
        drivers = self._paths(found.get("drivers", {}).values())
        for months, month in spans.kept(today):
            name, near = f"{month:%Y-%m}.{months}", spans.sources(driven, month)
            inside = spans.inside(near, months, month)
            if name in there and near == spans.sources(old, month):
                kept[name] = there[name]
            elif inside and drivers:
                rows = self._roll_up.span(self._paths(inside), drivers, months, month)
                self._put(kept, "driver_spans", name, rows)
        found["driver_spans"] = kept

    def groups(self, before: Manifest, found: dict[str, dict[str, File]]) -> None:
        """What groups of drivers came to by days, and how many drivers they have by months, made again where any of
        what tells it was."""
        days, old_days = [*found.get("group_days", {}).values()], before.tables.get("group_days", ())
        driven, old = [*found.get("driver_months", {}).values()], before.tables.get("driver_months", ())
        there, kept = found.get("group_uses", {}), dict[str, File]()
        for file in days:
            if file in old_days and file.partition in there:
                kept[file.partition] = there[file.partition]
            else:
                self._put(kept, "group_uses", file.partition, self._roll_up.group_uses(self._folder.path / file.path))
        found["group_uses"] = kept
        there, kept = found.get("driver_groups", {}), dict[str, File]()
        for month in groups.months(days):
            name, near = f"{month:%Y-%m}", groups.sources(days, driven, month)
            if near == groups.sources(old_days, old, month):
                kept |= {name: there[name]} if name in there else {}
            elif all(near):
                rows = self._roll_up.groups(self._paths(near[0]), self._paths(near[1]), month)
                self._put(kept, "driver_groups", name, rows)
        found["driver_groups"] = kept

    def _whole(self, found: dict[str, dict[str, File]], table: str, rows: "pa.Table") -> None:
        """The one file of a table."""
        found[table] = {}
        self._put(found[table], table, "all", rows)

    def _put(self, files: dict[str, File], table: str, partition: str, rows: "pa.Table") -> None:
        """A file among those of its table, where it has rows."""
        draft = self._folder.draft(table, partition)
        made = self._place(draft, table, partition, tables.from_table(table, rows, draft))
        files |= {} if made is None else {partition: made}

    def _paths(self, files: Iterable[File]) -> list[Path]:
        return [self._folder.path / file.path for file in files]


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


#: Of a station, what hours depend on beside sessions: its site, its zone, and whether its power is known.
Fact = tuple[str, str | None, str, bool]


def facts(places: Iterable[Place]) -> Iterator[Fact]:
    """Of stations."""
    return ((place.station, place.site, place.zone, place.power_known) for place in places)


def digest(places: Sequence[Place]) -> str:
    """The same in a few words."""
    return hashlib.sha256(msgspec.json.encode([*facts(places)])).hexdigest()
