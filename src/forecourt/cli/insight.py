"""`forecourt insight`: bring history in, make the lake, ask it. Works on the database itself, whether the web runs or
not, for files and lakes are where this command is."""

import asyncio
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import msgspec
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from forecourt.cli import growth, history, shown, siting, sizing
from forecourt.cli.organisations import Organisation, tenant_of
from forecourt.platform.settings import Settings, load

if TYPE_CHECKING:
    from forecourt.insight.importing.model import Report, Source
    from forecourt.insight.importing.tables import Options

#: Refused rows that are printed; the report holds them all.
MAX_PRINTED: Final = 10
#: Imports that are listed.
MAX_IMPORTS: Final = 1_000

app = typer.Typer(name="insight", no_args_is_help=True, help="History, the lake, and what they tell.")
console = Console(stderr=True)

app.command()(sizing.size)
app.command()(siting.site)
app.command()(growth.expansion)
app.command("site-check")(growth.check)


@app.callback()
def insight() -> None:
    """History, the lake, and what they tell."""


@app.command("import")
def bring(
    files: Annotated[
        list[Path], typer.Argument(help="Past sessions: ACN-Data JSON, OCPI CDRs, CSV, xlsx; or their .gz.")
    ],
    organisation: Organisation = None,
    source: Annotated[
        str | None, typer.Option(help="Whose records they are; else the data set or the file's name.")
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
    look: Annotated[bool, typer.Option("--look", help="Only tell how the file would be read, and what of it.")] = False,
    report: Annotated[Path | None, typer.Option("--json", help="Write the report here; - is standard output.")] = None,
) -> None:
    """Bring past sessions in. The same again brings nothing twice; one that was stopped goes on."""
    options = history.options(
        mapped, delimiter, time_zone=time_zone, dates=dates, time_format=time_format, century=century,
        decimal=decimal, encoding=encoding, currency=currency, station=station, site=site, sheet=sheet,
    )  # fmt: skip
    if look:
        for path in files:
            _look(path, options, source)
        return
    reports = asyncio.run(_bring(load(os.environ), organisation, files, options, source))
    _write(reports, report)


def _understood(path: Path, options: "Options") -> "Source":
    from forecourt.insight.importing.files import understood
    from forecourt.platform.clock import SystemClock

    return understood(path, options, SystemClock().now())


def _look(path: Path, options: "Options", name: str | None) -> None:
    """How a file would be read, without a database."""
    from forecourt.insight.importing.looking import looked

    told = looked(_understood(path, options), name)
    told.file = path.name
    _tell(told, taken="would be taken")


async def _bring(
    settings: Settings, organisation: str | None, files: list[Path], options: "Options", name: str | None
) -> "list[Report]":
    from forecourt.insight.importing.service import Importer
    from forecourt.platform.clock import SystemClock

    reports = []
    async with tenant_of(settings, organisation) as (pool, tenant_id):
        importer = Importer(pool, SystemClock(), "command line")
        for path in files:
            source = await asyncio.to_thread(_understood, path, options)
            columns = (
                TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
                TimeRemainingColumn(),
            )  # fmt: skip
            with Progress(*columns, console=console, transient=True) as bar:
                task = bar.add_task(path.name, total=source.rows_expected)

                def progress(done: int, every: int | None, bar: Progress = bar, task: Any = task) -> None:
                    bar.update(task, completed=done, total=every)

                made = await importer.bring(tenant_id, path, source, name, progress)
            _tell(made)
            _tell_age(made, settings)
            reports.append(made)
    return reports


@app.command()
def imports(organisation: Organisation = None, as_json: Annotated[bool, typer.Option("--json")] = False) -> None:
    """What was brought in, newest first."""

    async def listed() -> list[dict[str, Any]]:
        from forecourt.insight.importing.service import Importer
        from forecourt.platform.clock import SystemClock

        async with tenant_of(load(os.environ), organisation) as (pool, tenant_id):
            found = await Importer(pool, SystemClock(), "command line").imports(tenant_id, MAX_IMPORTS)
        return [msgspec.to_builtins(each) for each in found]

    shown.rows(
        asyncio.run(listed()),
        (
            ("import", lambda each: each["import_id"]),
            ("begun", lambda each: shown.moment(each["begun_at"])),
            ("source", lambda each: each["source"]),
            ("file", lambda each: each["file"]),
            ("rows", lambda each: each["rows_done"]),
            ("taken", lambda each: each["report"]["taken"]),
            ("done", lambda each: "yes" if each["ended_at"] else "no: import it again to go on, or forget it"),
        ),
        as_json=as_json,
    )


@app.command()
def forget(
    import_id: Annotated[str, typer.Argument(help="The import, as `imports` lists it.")],
    organisation: Organisation = None,
) -> None:
    """Take an import back, with every session that it brought."""
    from forecourt.insight.importing.service import Importer, import_number
    from forecourt.platform.clock import SystemClock

    number = import_number(import_id)

    async def forgotten() -> int:
        async with tenant_of(load(os.environ), organisation) as (pool, tenant_id):
            return await Importer(pool, SystemClock(), "command line").forget(tenant_id, number)

    console.print(f"{asyncio.run(forgotten())} sessions are gone.", highlight=False)


def _write(reports: "list[Report]", path: Path | None) -> None:
    if path is None:
        return
    text = msgspec.json.format(msgspec.json.encode(reports), indent=2) + b"\n"
    if path == Path("-"):
        typer.echo(text.decode(), nl=False)
    else:
        path.write_bytes(text)


def _tell(report: "Report", taken: str = "taken") -> None:
    """The report for a person: what was read and how, and every reason with its count."""
    from forecourt.insight.importing.model import FLAGS, REASONS

    console.print(f"[bold]{report.file}[/]: {report.form}, source {report.source}", highlight=False)
    for line in report.found:
        console.print(f"  {line}", style="dim", highlight=False, markup=False)
    if report.went_on:
        console.print("  it went on where it was stopped", highlight=False)
    rows = [(taken, report.taken, report.taken_wh), ("there already", report.already, report.already_wh)]
    rows.append(("refused", report.refused_rows, report.refused_wh))
    console.print(f"  {report.read} rows read, of these", highlight=False)
    for words, count, energy_wh in rows:
        console.print(f"  {count:>9} {words:<14} {energy_wh / 1000:>14.3f} kWh", highlight=False)
    for words, sums in (("before taxes", report.money), ("after taxes", report.money_incl)):
        for currency, amount in sums.items():
            told = f"            money taken, {words}: {shown.major(amount, currency)} {currency}"
            console.print(told, highlight=False)
    if report.ungrouped:
        words = (
            f"  {report.ungrouped} that are there already have another driver_group here, which was not taken: forget"
            " the import that brought them (`imports` lists it), then import this file again"
        )
        console.print(words, style="yellow", highlight=False, markup=False)
    for reason, count in sorted(report.refused.items(), key=lambda each: -each[1]):
        console.print(f"  refused {count}: {REASONS[reason]}", style="yellow", highlight=False, markup=False)
    for flag, count in sorted(report.flagged.items(), key=lambda each: -each[1]):
        console.print(f"  kept and noted {count}: {FLAGS[flag]}", highlight=False, markup=False)
    if report.apart:
        names = ", ".join(report.apart[:MAX_PRINTED]) + (", ..." if len(report.apart) > MAX_PRINTED else "")
        words = f"  stations told apart, as another site has one of that name: {names}"
        console.print(words, style="yellow", highlight=False, markup=False)
    for refusal in report.refusals[:MAX_PRINTED]:
        console.print(f"    line {refusal.line}: {refusal.words}", style="dim", highlight=False, markup=False)
    if len(report.refusals) > MAX_PRINTED:
        console.print("    ... --json FILE writes all of them", style="dim", highlight=False)


def _tell_age(report: "Report", settings: Settings) -> None:
    """Of what was taken, that who came is forgotten by the lake where it is older than that is kept."""
    from forecourt.platform.clock import SystemClock
    from forecourt.platform.settings import days

    kept = days(settings.keep_pseudonyms_days)
    if kept is None or report.first_at is None:
        return
    least = (SystemClock().now() - kept).date().isoformat()
    if report.first_at < least:
        words = (
            f"  of sessions before {least} the lake tells no drivers and no groups of drivers: they are kept for"
            f" {kept.days} days (FORECOURT_KEEP_PSEUDONYMS_DAYS)"
        )
        console.print(words, style="yellow", highlight=False, markup=False)


@app.command()
def export(organisation: Organisation = None) -> None:
    """Write what changed since the last snapshot into the lake."""
    asyncio.run(_export(load(os.environ), organisation, anew=False))


@app.command()
def rebuild(organisation: Organisation = None) -> None:
    """Make the lake anew from all that PostgreSQL holds."""
    asyncio.run(_export(load(os.environ), organisation, anew=True))


async def _export(settings: Settings, organisation: str | None, *, anew: bool) -> None:
    from forecourt.insight.lake.export import Exporter, Keep
    from forecourt.platform.clock import SystemClock
    from forecourt.platform.settings import days

    keep = Keep(snapshots=days(settings.keep_snapshots_days), drivers=days(settings.keep_pseudonyms_days))
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    async with tenant_of(settings, organisation) as (pool, tenant_id):
        with Progress(*columns, console=console, transient=True) as bar:
            task = bar.add_task("lake", total=None)

            def progress(what: str, done: int, every: int) -> None:
                bar.update(task, description=what, completed=done, total=every)

            exporter = Exporter(pool, SystemClock(), settings.lake, keep)
            done = await exporter.export(tenant_id, anew=anew, progress=progress)
    if done.went_on:
        console.print("It went on where it was stopped.")
    if done.parts:
        console.print(
            f"Snapshot {done.snapshot}: {done.sessions} sessions, {done.parts} files written.", highlight=False
        )
    else:
        console.print(f"Nothing changed since snapshot {done.snapshot}: {done.sessions} sessions.", highlight=False)


@app.command()
def query(
    question: Annotated[str, typer.Argument(help="A SELECT over sessions, hours, site_hours, stations, states, ...")],
    organisation: Organisation = None,
    snapshot: Annotated[int | None, typer.Option(help="A snapshot by its number; else the latest.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="A JSON value a line, for programs.")] = False,
    csv: Annotated[
        Path | None, typer.Option("--csv", help="Write the answer here as CSV; - is standard output.")
    ] = None,
) -> None:
    """Ask a snapshot of the lake."""
    from forecourt.insight.lake import asking

    settings = load(os.environ)

    async def whose() -> int:
        async with tenant_of(settings, organisation) as (_, tenant_id):
            return tenant_id

    with asking.opened(settings.lake, asyncio.run(whose()), snapshot) as db:
        answer = asking.ask(db, question)
    if csv is not None:
        import pyarrow.csv

        pyarrow.csv.write_csv(answer, "/dev/stdout" if csv == Path("-") else str(csv))
        return
    columns = [(name, lambda row, name=name: row[name]) for name in answer.column_names]
    shown.rows(answer.to_pylist(), columns, as_json=as_json)
