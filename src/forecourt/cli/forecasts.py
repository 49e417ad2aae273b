"""`forecourt insight backtest`: how well forecasts of a history would have been, which needs no database; and
`forecourt insight forecast`: those of the lake, made now or shown."""

import asyncio
import os
import sys
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import msgspec
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from forecourt.cli import history, shown
from forecourt.cli.organisations import tenant_of
from forecourt.platform.settings import load

if TYPE_CHECKING:
    from forecourt.insight.forecast.making import Made
    from forecourt.insight.forecast.model import Choice, Forecast
    from forecourt.insight.forecast.report import OfDataSet, OfFile, Report

#: Series of one data set that are printed, the largest first; the report holds them all.
MAX_PRINTED: Final = 30
#: Characters of a name that are printed.
MAX_NAME: Final = 24

console = Console(stderr=True)
#: A pipe has no width of its own: what is cut there is lost.
out = Console(width=None if sys.stdout.isatty() else 160)


def backtest(
    files: Annotated[
        list[Path],
        typer.Argument(help="Sessions as `import` reads them, or a CSV of hours (series, time, value); or their .gz."),
    ],
    report: Annotated[Path, typer.Option("--json", help="Write the report here; what is done so far is kept beside.")],
    steps: Annotated[
        Path | None, typer.Option(help="Write every forecast of the tests here as Parquet, to reckon all again.")
    ] = None,
    mapped: history.Mapped = None,
    time_zone: history.TimeZone = None,
    dates: history.Dates = None,
    time_format: history.TimeFormat = None,
    century: history.Century = None,
    decimal: history.Decimal = None,
    delimiter: history.Delimiter = None,
    encoding: history.Encoding = None,
    currency: history.Currency = None,
    station: history.Station = None,
    site: history.Site = None,
    sheet: history.Sheet = None,
) -> None:
    """Judge forecasts by rolling origins: chosen on one part of the past, judged on a later one."""
    from forecourt.insight.forecast import service
    from forecourt.platform.clock import SystemClock

    options = history.options(
        mapped, delimiter, time_zone=time_zone, dates=dates, time_format=time_format, century=century,
        decimal=decimal, encoding=encoding, currency=currency, station=station, site=site, sheet=sheet,
    )  # fmt: skip
    if not report.absolute().parent.is_dir():
        raise typer.BadParameter(f"there is no folder {report.parent}", param_hint="--json")
    writer = None if steps is None else service.Steps(steps)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    try:
        with Progress(*columns, console=console, transient=True) as bar:
            task = bar.add_task("", total=None)

            def shown(what: str, done: int, every: int) -> None:
                bar.update(task, description=what, completed=done, total=every)

            found = service.backtest(
                files, options, SystemClock().now(), service.kept_beside(report), shown,
                (lambda _, __: None) if writer is None else writer.add,
            )  # fmt: skip
    except KeyboardInterrupt:
        console.print("Stopped. The same command goes on where it was.")
        raise typer.Exit(130) from None
    if writer is not None:
        writer.close()
    service.written(found, report)
    service.forget(report)
    _tell(found)


def _tell(report: "Report") -> None:
    if not report.learned:
        out.print("LightGBM is not installed: nothing was learned.", style="yellow")
    for file in report.files:
        _tell_file(file)


def _tell_file(file: "OfFile") -> None:
    console.print(f"[bold]{file.file}[/]: {file.form}, {file.rows} rows", highlight=False)
    for note in file.notes:
        console.print(f"  {note}", style="dim", highlight=False, markup=False)
    for found in file.targets:
        _table(found)
        for words in found.words:
            out.print(f"  {words}", highlight=False, markup=False)
        reasons: dict[str, list[str]] = {}
        for each in found.not_judged:
            reasons.setdefault(each.reason, []).append(each.series)
        for reason, names in reasons.items():
            told = ", ".join(name[:MAX_NAME] for name in names[:5]) + (", ..." if len(names) > 5 else "")
            out.print(f"  not judged, {len(names)} series: {reason} ({told})", style="yellow", markup=False)


def _table(found: "OfDataSet") -> None:
    from rich.box import SIMPLE_HEAD
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD, pad_edge=False, title=f"{escape(found.file)}: {found.target}, {found.unit}")
    for name in ("series", "method"):
        table.add_column(name, overflow="fold")
    for name in ("by", "error", "simple", "skill %", "in 80 %", "pinball %"):
        table.add_column(name, justify="right")
    largest = sorted(found.series, key=lambda each: (not each.network, -each.mean))
    for each in largest[:MAX_PRINTED]:
        table.add_row(
            escape(each.series[:MAX_NAME]), each.method, each.metric, f"{each.error:.3g}", f"{each.simple_error:.3g}",
            _percent(each.skill), f"{each.coverage:.1%}", _percent(each.pinball_skill),
        )  # fmt: skip
    table.add_section()
    if found.series:
        coverage = "" if found.coverage is None else f"{found.coverage:.1%}"
        table.add_row(
            f"{found.judged} sites", "", "", "", "", _percent(found.skill), coverage, _percent(found.pinball_skill)
        )
    out.print(table)
    if len(largest) > MAX_PRINTED:
        out.print(f"  ... and {len(largest) - MAX_PRINTED} series more in the report", style="dim")


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{share:+.1%}"


def forecast(
    organisation: Annotated[
        str | None, typer.Option(help="Whose it is, by name or number; needed where there are several.")
    ] = None,
    anew: Annotated[bool, typer.Option("--anew", help="Choose and make all again, whatever was made before.")] = False,
    show: Annotated[bool, typer.Option("--show", help="Make nothing: tell what there is.")] = False,
    site: Annotated[
        str | None, typer.Option(help="The hours ahead of this site, by its slug; - is the whole network.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="A JSON value a line, for programs.")] = False,
) -> None:
    """Make what is missing of the forecasts that the lake allows, and tell by what each series is forecast."""
    made, choices, hours = asyncio.run(_forecast(organisation, site, anew=anew, make=not show))
    if made is not None:
        console.print(
            f"{made.forecast} series forecast, {made.chosen} of them chosen for anew; {made.before} had been made"
            f" before, {made.left} can't be.", highlight=False,
        )  # fmt: skip
    if site is not None:
        _tell_hours(hours, as_json=as_json)
        return
    rows = [msgspec.to_builtins(each) for each in choices]
    for row in rows:
        # What intervals are read off is nothing to look at.
        del row["recipe"], row["recent"]
    columns = (
        ("site", lambda each: each["site"] or "(network)"),
        ("target", lambda each: each["target"]),
        ("method", lambda each: each["reason"] or each["judged"]["figures"]["method"]),
        ("skill", lambda each: _percent(each["judged"]["figures"]["skill"]) if each["judged"] else ""),
        ("in 80 %", lambda each: f"{each['judged']['figures']['coverage']:.1%}" if each["judged"] else ""),
        ("chosen", lambda each: each["chosen_on"] or ""),
        ("seen", lambda each: each["seen_on"]),
    )
    shown.rows(rows, columns, as_json=as_json)


async def _forecast(
    organisation: str | None, site: str | None, *, anew: bool, make: bool
) -> "tuple[Made | None, list[Choice], list[Forecast]]":
    from forecourt.insight.forecast import store
    from forecourt.insight.forecast.making import Forecaster
    from forecourt.insight.forecast.model import ForecastUnknown
    from forecourt.platform.clock import SystemClock

    settings = load(os.environ)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    async with tenant_of(settings, organisation) as (pool, tenant_id):
        made = None
        if make:
            with Progress(*columns, console=console, transient=True) as bar:
                task = bar.add_task("", total=None)

                def progress(what: str, done: int, every: int) -> None:
                    bar.update(task, description=what, completed=done, total=every)

                forecaster = Forecaster(pool, SystemClock(), settings.lake)
                made = await forecaster.make(tenant_id, anew=anew, progress=progress)
        async with pool.tenant(tenant_id) as conn:
            choices = await store.list_choices(conn, tenant_id)
            wanted = None if site is None else ["" if site == "-" else site]
            hours = [] if wanted is None else await store.latest(conn, tenant_id, wanted)
    if wanted is not None and not hours:
        raise ForecastUnknown
    return made, choices, hours


def _tell_hours(forecasts: "list[Forecast]", *, as_json: bool) -> None:
    from forecourt.insight.forecast.model import hours_of

    rows: list[dict[str, Any]] = [
        {"target": forecast.target, **msgspec.to_builtins(hour)}
        for forecast in forecasts
        for hour in hours_of(forecast)
    ]
    names = ("target", "at", "expected", "low", "middle", "high")
    shown.rows(rows, [(name, itemgetter(name)) for name in names], as_json=as_json)
