"""The verb of the command line: the backtest of files, kept as it goes, so that one that was stopped goes on."""

import shutil
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from forecourt.insight.forecast import learned
from forecourt.insight.forecast.backtest import Files, Kept, Progress, Run, run
from forecourt.insight.forecast.plan import LEAST_DAYS, MAX_ERAS, eras, planned, spans
from forecourt.insight.forecast.reading import read, refusal
from forecourt.insight.forecast.report import NotJudged, OfDataSet, OfFile, Report, gathered, new_data_set
from forecourt.insight.forecast.series import Panel, trimmed
from forecourt.insight.importing.tables import Options

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

#: Handed each run when it is done, to write its forecasts down.
Done = Callable[[str, Run], None]


def backtest(
    paths: Sequence[Path], options: Options, now: datetime, kept: Kept, progress: Progress, done: Done
) -> Report:
    """The report of files, each a data set of its own. Raises ImportRefused and ForecastRefused, before anything is
    reckoned."""
    report = Report(seed=learned.SEED, learned=learned.available())
    every = []
    for number, path in enumerate(paths):
        progress(f"reading {path.name}", number, len(paths))
        every.append((path, read(path, options, now)))
    for path, found in every:
        refused = dict(sorted(found.refused.items(), key=lambda each: -each[1]))
        notes = [*found.notes, *(f"refused {number} rows: {refusal(reason)}" for reason, number in refused.items())]
        of_file = OfFile(file=path.name, form=found.form, rows=found.rows, refused=refused, notes=notes)
        report.files.append(of_file)
        for panel in found.panels:
            of_file.targets.append(_judged(path.name, trimmed(panel), kept, progress, done))
    return report


def _judged(file: str, panel: Panel, kept: Kept, progress: Progress, done: Done) -> OfDataSet:
    found = new_data_set(file, panel.target, len(panel.names) - sum(panel.totals))
    parts, left = eras(panel)
    found.not_judged += [
        NotJudged(series=name, reason=f"nothing came, or it was over before the last {MAX_ERAS} times") for name in left
    ]
    runs = []
    for part in (span for era in parts for span in spans(era)):
        plan = planned(part.hours, len(part.names))
        if plan is None:
            found.not_judged += _too_short(part)
            continue

        def shown(what: str, number: int, every: int) -> None:
            progress(f"{file}, {panel.target}: {what}", number, every)

        made = run(part, plan, kept, shown)
        done(file, made)
        runs.append(made)
    gathered(found, runs)
    return found


def _too_short(panel: Panel) -> list[NotJudged]:
    begins = np.isfinite(panel.values).argmax(1)
    return [
        NotJudged(
            series=name,
            reason=f"{(panel.hours - int(begin)) // 24} whole days of history: at least {LEAST_DAYS} are needed",
        )
        for name, total, begin in zip(panel.names, panel.totals, begins, strict=True)
        if not total
    ]


class Steps:
    """Writes every forecast of the tests as Parquet, so that all figures can be reckoned again."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._draft = path.with_name(f".{path.name}.draft")
        self._writer: pq.ParquetWriter | None = None

    def add(self, file: str, made: Run) -> None:
        """A run's: a row a series, origin and hour ahead."""
        import pyarrow.parquet as pq

        for number in range(len(made.test.origins)):
            table = _rows(file, made, number)
            if self._writer is None:
                self._writer = pq.ParquetWriter(self._draft, table.schema, compression="zstd")
            self._writer.write_table(table)

    def close(self) -> None:
        """Puts the file in its place, whole."""
        if self._writer is not None:
            self._writer.close()
            self._draft.replace(self._path)


def _rows(file: str, made: Run, number: int) -> "pa.Table":
    import pyarrow as pa

    panel, origin = made.panel, made.test.origins[number]
    series, horizon = len(panel.names), made.plan.horizon_h
    start = np.datetime64(panel.start, "s")
    hours = start + (origin + np.arange(horizon)).astype("timedelta64[h]")
    columns: dict[str, Any] = {
        "file": pa.array([file] * (series * horizon)).dictionary_encode(),
        "target": pa.array([panel.target] * (series * horizon)).dictionary_encode(),
        "series": pa.array(np.repeat(np.array(panel.names, dtype=object), horizon)).dictionary_encode(),
        "origin_at": np.repeat(start + np.timedelta64(origin, "h"), series * horizon),
        "hour_at": np.tile(hours, series),
        "ahead_h": np.tile(np.arange(1, horizon + 1, dtype=np.int32), series),
    }
    values = {
        "actual": made.test.actual,
        "forecast": made.points,
        "simple": made.simple,
        "low": made.intervals.low,
        "high": made.intervals.high,
    }
    for name, quantiles in (("q", made.intervals.quantiles), ("seasonal_q", made.intervals.seasonal)):
        values |= {f"{name}{level}": row for level, row in zip((10, 50, 90), quantiles, strict=True)}
    values |= dict(zip(made.methods, made.test.forecasts, strict=True))
    # A short history has nothing that learned; one file has all columns.
    columns |= {name: pa.nulls(series * horizon, pa.float32()) for name in learned.POINTS}
    columns |= {name: value[:, number].reshape(-1) for name, value in values.items()}
    return pa.table(columns)


def written(report: Report, path: Path) -> None:
    """The report as JSON, whole or not at all."""
    draft = path.with_name(f".{path.name}.draft")
    draft.write_bytes(msgspec.json.format(msgspec.json.encode(report), indent=1) + b"\n")
    draft.replace(path)


def work_of(path: Path) -> Path:
    """Where what a run makes is kept until its report is written."""
    return path.with_name(f"{path.name}.work")


def kept_beside(path: Path) -> Files:
    """What was kept beside a report."""
    return Files(work_of(path))


def forget(path: Path) -> None:
    """A report is written: what was kept for it is not needed."""
    shutil.rmtree(work_of(path), ignore_errors=True)
