"""Every step of every way as a Parquet file, so that anyone can recompute what the report says.

One table. A row with a `session` is a car in one step of its stay and what it drew, a row without is the site. What a
way did are the rows with its name as `scheduler`.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import duckdb
import numpy as np

from forecourt.energy.rows import Floats
from forecourt.energy.whatif.report import wear_of
from forecourt.energy.whatif.world import Course, World

#: Rows of cars that are handed over at once.
BATCH_ROWS: Final = 1_000_000
CREATE: Final = """
CREATE TABLE steps (
    scheduler VARCHAR, start TIMESTAMPTZ, step_min INTEGER,
    session VARCHAR, evse VARCHAR, need_wh INTEGER, power_w INTEGER, current_a DOUBLE,
    grid_w INTEGER, load_w INTEGER, solar_w INTEGER, battery_w INTEGER, limit_w INTEGER,
    charged_w INTEGER, discharged_w INTEGER, stored_wh INTEGER, wear_cost DOUBLE,
    price DOUBLE, feed_in DOUBLE, co2_g_per_kwh DOUBLE
)
"""
CARS: Final = """
INSERT INTO steps BY NAME
SELECT ? AS scheduler, to_timestamp(start_s) AS start, ? AS step_min, * EXCLUDE (start_s) FROM here
"""
WRITE: Final = (
    "COPY (FROM steps ORDER BY scheduler, session NULLS FIRST, start) TO {} (FORMAT parquet, COMPRESSION zstd)"
)


class Steps:
    """The rows of a what-if that begins at `start`; kept until they are written."""

    def __init__(self, start: datetime, step_min: int, ids: Sequence[str], evses: Sequence[str]) -> None:
        self._start_s = round(start.astimezone(UTC).timestamp())
        self._step_min = step_min
        self._ids = np.array(ids, dtype=object)
        self._evses = np.array(evses, dtype=object)
        self._table = duckdb.connect(":memory:")
        self._table.execute(CREATE)

    def keep(self, way: str, world: World, course: Course, co2_g_per_kwh: Floats) -> None:
        """Adds what a way did."""
        cars, horizon = world.cars, world.horizon
        for begin in range(0, len(cars), max(1, BATCH_ROWS // horizon.steps)):
            some = np.arange(begin, min(begin + max(1, BATCH_ROWS // horizon.steps), len(cars)))
            lengths = (cars.last - cars.first)[some]
            car = np.repeat(some, lengths)
            step = np.arange(len(car)) - np.repeat(np.cumsum(lengths) - lengths, lengths) + cars.first[car]
            self._insert(
                way,
                at=step,
                session=self._ids[car],
                evse=self._evses[cars.evse[car]],
                need_wh=np.rint(cars.need_kwh[car] * 1000).astype(np.int64),
                power_w=course.power_w[car, step],
                current_a=course.current_a[car, step],
            )
        self._insert(
            way,
            at=np.arange(horizon.steps),
            grid_w=course.grid_w,
            load_w=_watts(horizon.load_kw),
            solar_w=_watts(horizon.solar_kw),
            battery_w=course.battery_w.sum(axis=0),
            charged_w=np.maximum(course.battery_w, 0).sum(axis=0),
            discharged_w=np.maximum(-course.battery_w, 0).sum(axis=0),
            stored_wh=np.rint(course.stored_kwh.sum(axis=0) * 1000).astype(np.int64),
            wear_cost=wear_of(world, course),
            price=horizon.price,
            feed_in=horizon.feed_in,
            co2_g_per_kwh=co2_g_per_kwh,
            **({"limit_w": _watts(horizon.limit_kw)} if np.isfinite(horizon.limit_kw).all() else {}),
        )

    def write(self, path: Path) -> None:
        """Writes all that was kept."""
        self._table.execute(WRITE.format("'" + str(path).replace("'", "''") + "'"))

    def _insert(self, way: str, *, at: Any, **columns: Any) -> None:
        self._table.register("here", {"start_s": self._start_s + at * self._step_min * 60, **columns})
        self._table.execute(CARS, [way, self._step_min])
        self._table.unregister("here")


def _watts(kw: Any) -> Any:
    return np.rint(kw * 1000).astype(np.int64)
