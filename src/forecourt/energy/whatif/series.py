"""Values over time that a scenario takes from a CSV or from the shape of a day: prices, building load, sun, CO2."""

import csv
import gzip
import io
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Final
from zoneinfo import ZoneInfo

import numpy as np
from msgspec import Meta, Struct

from forecourt.energy.rows import Floats
from forecourt.platform.errors import ForecourtError
from forecourt.platform.text import text_of

Hour = Annotated[int, Meta(ge=0, le=23)]
Value = Annotated[float, Meta(ge=-1e9, le=1e9)]
#: Rows of one CSV: ten years of quarters of an hour.
MAX_ROWS: Final = 366 * 96 * 10
#: How long a value of a CSV holds where no later one follows.
MAX_AGE: Final = timedelta(hours=1)


class ScenarioRefused(ForecourtError):
    """The scenario can't be simulated. Mend what is named and start again."""

    status = 422
    code = "scenario-refused"


class Day(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Values of a kind of day: each holds from its hour on, by the clock of the scenario's zone."""

    hours: tuple[Hour, ...]
    values: tuple[Value, ...]


class Table(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A CSV, gzipped or not, with a header after lines that begin with #. Each row's value times `scale` holds from
    its time (ISO 8601, UTC if it doesn't say) until the next row's, an hour at the most. A relative `path` begins
    where the scenario's file is."""

    path: str | None = None
    time: str = "utc"
    value: str = "value"
    scale: Value = 1.0


class Series(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A table, or days; `weekends` are like `weekdays` if they aren't said."""

    csv: Table | None = None
    weekdays: Day | None = None
    weekends: Day | None = None

    def values(self, start: datetime, steps: int, step: timedelta, zone: ZoneInfo) -> Floats:
        """The value at the beginning of each step from `start` (UTC) on. Raises ScenarioRefused where a table has
        none."""
        if self.csv is not None:
            return from_table(self.csv, start, steps, step)
        return np.array([self._of_day((start + number * step).astimezone(zone)) for number in range(steps)])

    def faults(self, name: str) -> list[str]:
        """What is nonsense, in words."""
        if (self.csv is None) == (self.weekdays is None):
            return [f"{name}: it needs either a csv or weekdays"]
        found = []
        for kind, day in (("weekdays", self.weekdays), ("weekends", self.weekends)):
            if day is not None:
                found += day_faults(f"{name}.{kind}", day.hours, day.values)
        return found

    def _of_day(self, at: datetime) -> float:
        day = self.weekends if at.weekday() >= 5 and self.weekends is not None else self.weekdays
        return at_hour(day.hours, day.values, at) if day is not None else 0.0


def at_hour(hours: tuple[int, ...], values: tuple[float, ...], at: datetime) -> float:
    """The value that holds at a time of day."""
    return values[max(number for number, hour in enumerate(hours) if hour <= at.hour)]


def day_faults(name: str, hours: tuple[int, ...], values: tuple[float, ...]) -> list[str]:
    """What is nonsense in the shape of a day."""
    found = []
    if not hours or hours[0] != 0 or list(hours) != sorted(set(hours)):
        found.append(f"{name}: hours must begin with 0 and rise")
    if len(hours) != len(values):
        found.append(f"{name}: each hour needs a price")
    return found


def from_table(table: Table, start: datetime, steps: int, step: timedelta) -> Floats:
    """What a table says at the beginning of each step. Raises ScenarioRefused where it says nothing."""
    if table.path is None:
        raise ScenarioRefused("The scenario takes its prices from a file: name it with --prices.")
    known = _read(Path(table.path), table)
    times = np.array(sorted(known))
    wanted = start.timestamp() + np.arange(steps) * step.total_seconds()
    at = np.searchsorted(times, wanted, side="right") - 1
    old = (at < 0) | (wanted - times[np.maximum(at, 0)] >= MAX_AGE.total_seconds())
    if old.any():
        missing = datetime.fromtimestamp(float(wanted[old][0]), UTC)
        raise ScenarioRefused(f"{table.path} has no {table.value} for {missing:%Y-%m-%d %H:%M} UTC.")
    return np.array([known[float(each)] for each in times[at]]) * table.scale


def _read(path: Path, table: Table) -> Mapping[float, float]:
    """Values by the second from which they hold."""
    try:
        raw = path.read_bytes()
        text = text_of(gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw)
    except (OSError, ValueError, EOFError) as fault:
        raise ScenarioRefused(f"{path} can't be read: {str(fault).rstrip('.')}.") from fault
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    if len(lines) > MAX_ROWS:
        raise ScenarioRefused(f"{path} has more than {MAX_ROWS} rows.")
    known: dict[float, float] = {}
    for number, row in enumerate(csv.DictReader(io.StringIO("\n".join(lines))), 2):
        try:
            at = datetime.fromisoformat(row[table.time])
            value = float(row[table.value])
        except (KeyError, TypeError, ValueError) as fault:
            raise ScenarioRefused(f"{path}, row {number}: no {table.time} or no {table.value} ({fault}).") from fault
        if not np.isfinite(value):
            raise ScenarioRefused(f"{path}, row {number}: {table.value} is no number.")
        known[(at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()] = value
    return known
