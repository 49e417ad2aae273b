"""Places, demand and flows from CSV: a header with names of columns, one row each. What is wrong is told by row and
column; nothing is left out in silence.
"""

import csv
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from io import StringIO
from pathlib import Path
from typing import Final, TextIO

from msgspec import Struct

from forecourt.insight.model import MAX_NAME
from forecourt.insight.siting.model import MAX_PLACES, Flow, Place, SitingRefused
from forecourt.insight.siting.validating import Known

#: What a column is called unless it is mapped.
COLUMNS: Final = ("name", "latitude", "longitude", "weight", "plugs", "own", "cost", "flow", "use")
#: The largest weight.
MAX_WEIGHT: Final = 1e12
MAX_PLUGS: Final = 10_000
#: Points of all flows together.
MAX_POINTS: Final = 100_000
#: Whole minor units that one site may cost.
MAX_COST: Final = 10**12
#: Characters of one file that is sent rather than read from a disk.
MAX_TEXT: Final = 900_000
_YES: Final = {"yes": True, "true": True, "1": True, "no": False, "false": False, "0": False}


class Text(Struct, frozen=True, kw_only=True):
    """A file that was sent: what it is called, and what stands in it."""

    name: str
    text: str


File = Path | Text


class _Row:
    """One row of a file, whose cells know where they stand."""

    def __init__(self, file: str, line: int, cells: Mapping[str, str | None], columns: Mapping[str, str]) -> None:
        self._where = f"{file}, row {line}"
        self._cells = cells
        self._columns = columns

    def text(self, what: str, otherwise: str = "") -> str:
        """What stands there, or `otherwise` where there is no such column or nothing in it."""
        return (self._cells.get(self._columns[what]) or "").strip() or otherwise

    def number(self, what: str, least: float, most: float, otherwise: str = "") -> float:
        """From least to most. Raises SitingRefused."""
        said = self.text(what, otherwise)
        try:
            found = float(said)
        except ValueError:
            found = float("nan")
        if not least <= found <= most:
            raise self.refused(what, f"“{said[:MAX_NAME]}” is no number from {least:g} to {most:g}")
        return found

    def whole(self, what: str, least: int, most: int, otherwise: str = "") -> int:
        """The same, and whole. Raises SitingRefused."""
        found = self.number(what, least, most, otherwise)
        if found != int(found):
            raise self.refused(what, f"{found:g} is no whole number")
        return int(found)

    def refused(self, what: str, why: str) -> SitingRefused:
        """What is wrong, with its row and column."""
        return SitingRefused(f"{self._where}, column {self._columns[what]}: {why}.")


def places(path: File, mapped: Mapping[str, str], *, weighed: bool = True) -> tuple[Place, ...]:
    """Sites, candidates or demand. Needs latitude and longitude; weight and plugs are else 1, `own` else yes, `name`
    else the row, `cost` in minor units else what any costs. `mapped` gives the file's name of a column.
    `weighed`: whether they are demand; of those that are not, no weight is read. Raises SitingRefused."""
    found = []
    if not weighed:
        mapped = {name: column for name, column in mapped.items() if name != "weight"}
    for line, row in _rows(path, mapped, ("latitude", "longitude")):
        plugs = row.whole("plugs", 1, MAX_PLUGS, "1")
        own = _YES.get(row.text("own", "yes").lower())
        if own is None:
            raise row.refused("own", "say yes or no")
        found.append(
            Place(
                name=row.text("name", str(line))[:MAX_NAME], latitude=row.number("latitude", -90, 90),
                longitude=row.number("longitude", -180, 180),
                weight=row.number("weight", 0, MAX_WEIGHT, "1") if weighed else 1.0,
                plugs=plugs, own=own, cost_minor=row.whole("cost", 0, MAX_COST) if row.text("cost") else None,
            )
        )  # fmt: skip
        if len(found) > MAX_PLACES:
            raise SitingRefused(f"{path.name} has more than {MAX_PLACES:,} rows.")
    if not found:
        raise SitingRefused(f"{path.name} has no row below its header.")
    return tuple(found)


def known(path: File, mapped: Mapping[str, str]) -> tuple[Known, ...]:
    """Sites whose use is known, in any one unit for all. Needs latitude, longitude and use, which is above 0; plugs are
    else 1. Raises SitingRefused."""
    found = []
    for _, row in _rows(path, mapped, ("latitude", "longitude", "use")):
        use = row.number("use", 0, MAX_WEIGHT)
        if use > 0:
            found.append(
                Known(
                    latitude=row.number("latitude", -90, 90), longitude=row.number("longitude", -180, 180),
                    plugs=row.whole("plugs", 1, MAX_PLUGS, "1"), use=use,
                )
            )  # fmt: skip
        if len(found) > MAX_PLACES:
            raise SitingRefused(f"{path.name} has more than {MAX_PLACES:,} rows.")
    return tuple(found)


def flows(path: File, mapped: Mapping[str, str]) -> tuple[Flow, ...]:
    """Ways: a row a point, in order, with the flow that it is of and the weight, which all its rows share. Raises
    SitingRefused."""
    points: dict[str, list[tuple[float, float]]] = {}
    weights: dict[str, float] = {}
    for line, row in _rows(path, mapped, ("flow", "latitude", "longitude")):
        name, weight = row.text("flow")[:MAX_NAME], row.number("weight", 0, MAX_WEIGHT, "1")
        if not name:
            raise row.refused("flow", "nothing stands there")
        if weights.setdefault(name, weight) != weight:
            raise row.refused("weight", f"flow {name} weighed {weights[name]:g} before")
        points.setdefault(name, []).append((row.number("latitude", -90, 90), row.number("longitude", -180, 180)))
        if line > MAX_POINTS or len(points) > MAX_PLACES:
            raise SitingRefused(f"{path.name} has more than {MAX_POINTS:,} points or {MAX_PLACES:,} flows.")
    for name, way in points.items():
        if len(way) < 2:
            raise SitingRefused(f"{path.name}: flow {name} has one point; a way has two or more.")
    if not points:
        raise SitingRefused(f"{path.name} has no row below its header.")
    return tuple(Flow(name=name, points=tuple(way), weight=weights[name]) for name, way in points.items())


def _rows(path: File, mapped: Mapping[str, str], needed: tuple[str, ...]) -> Iterator[tuple[int, _Row]]:
    columns = {name: mapped.get(name, name) for name in COLUMNS}
    try:
        with _opened(path) as text:
            reader = csv.DictReader(text)
            header = list(reader.fieldnames or ())
            for name, column in columns.items():
                if column not in header and (name in needed or name in mapped):
                    raise SitingRefused(
                        f"{path.name} has no column {column} for {name}. It has: {', '.join(header)[:MAX_NAME]}."
                    )
            for line, cells in enumerate(reader, 2):
                yield line, _Row(path.name, line, cells, columns)
    except (OSError, UnicodeDecodeError, csv.Error) as fault:
        raise SitingRefused(f"{path.name} can't be read as CSV of UTF-8: {fault}.") from fault


def _opened(file: File) -> AbstractContextManager[TextIO]:
    if isinstance(file, Text):
        if len(file.text) > MAX_TEXT:
            raise SitingRefused(f"{file.name} has more than {MAX_TEXT:,} characters. Leave columns or rows out.")
        return nullcontext(StringIO(file.text.removeprefix("\ufeff"), newline=""))
    return file.open(encoding="utf-8-sig", newline="")
