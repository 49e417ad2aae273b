"""`forecourt energy`: smart charging on paper, before any station is told anything; its other verbs stand beside."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

import msgspec
import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table

if TYPE_CHECKING:
    from forecourt.energy.whatif.compare import Comparison
    from forecourt.energy.whatif.report import Report
    from forecourt.energy.whatif.scenario import Scenario
    from forecourt.energy.whatif.stays import PastSession
    from forecourt.simulator.sessions_file import Session

app = typer.Typer(name="energy", no_args_is_help=True, help="Smart charging: plans, limits, needs, what-ifs.")
console = Console(stderr=True)

#: Of a CSV, as `forecourt simulate` takes it.
Columns = Annotated[
    str | None,
    typer.Option(help="CSV: station=COLUMN,start=,end=,energy_kwh=[,id=,token=,site=,stated_end=,stated_kwh=]"),
]


@app.callback()
def energy() -> None:
    """Smart charging: plans, limits, needs, what-ifs."""


@app.command()
def simulate(
    scenario: Annotated[str, typer.Argument(help="A TOML file, or the name of one that is shipped: caltech, depot.")],
    sessions: Annotated[
        Path | None, typer.Option(help="Past sessions, in a format of `forecourt simulate`; else the scenario's fleet.")
    ] = None,
    first: Annotated[str | None, typer.Option("--from", help="First day, as 2019-03-08; else the file's.")] = None,
    last: Annotated[str | None, typer.Option("--to", help="The day after the last one; else the file's.")] = None,
    ways: Annotated[str | None, typer.Option(help="Ways to charge, by commas; else all of them.")] = None,
    prices: Annotated[Path | None, typer.Option(help="CSV of prices, for a scenario that takes them from one.")] = None,
    power_limit: Annotated[int | None, typer.Option(help="Most power from the grid, in W.", min=0)] = None,
    columns: Columns = None,
    delimiter: str = ",",
    decimal: str = ".",
    zone: Annotated[str, typer.Option(help="Zone of times without an offset.")] = "UTC",
    time_format: Annotated[str | None, typer.Option(help="strptime format; else ISO 8601.")] = None,
    report: Annotated[
        Path | None, typer.Option("--json", help="Write the report here as JSON; - is standard output.")
    ] = None,
    steps: Annotated[
        Path | None, typer.Option(help="Write the power of every car at every step here, as Parquet.")
    ] = None,
    picture: Annotated[
        Path | None, typer.Option(help="Draw the site's power over time by each way here, as SVG.")
    ] = None,
) -> None:
    """Run a site over past sessions by each way to charge, and compare energy, peak and cost."""
    from forecourt.energy.whatif.compare import Comparison
    from forecourt.energy.whatif.scenario import read_scenario

    chosen = _chosen(ways)
    for path, option in ((report, "--json"), (steps, "--steps"), (picture, "--picture")):
        _check_place(path, option)
    read = read_scenario(_path(scenario), prices)
    if power_limit is not None:
        read = msgspec.structs.replace(read, site=msgspec.structs.replace(read.site, power_limit_w=power_limit))
    how = {"delimiter": delimiter, "decimal": decimal, "zone": zone, "time_format": time_format}
    past, begins, ends = _sessions(read, sessions, columns, first, last, how)
    comparison = Comparison(read, past, begins, ends, _journal(report, steps))
    if comparison.goes_on:
        console.print("It goes on where it was stopped.")
    if comparison.begins_anew:
        console.print("What was begun before was of another scenario, other sessions or another time: it begins anew.")
    stopped = _play(comparison, chosen or comparison.ways())
    if stopped:
        comparison.finish(stopped)
    if stopped and comparison.goes_on:
        console.print("The same command goes on from here.", highlight=False)
    if not comparison.outcomes:
        console.print("Stopped before any way was played to its end; nothing was written.")
        raise typer.Exit(130)
    made = comparison.report(stopped)
    _tell(made, Console(stderr=report == Path("-")))
    _write(comparison, made, report, steps, picture)
    if stopped:
        console.print(f"Stopped; only {', '.join(each.scheduler for each in made.outcomes)} were played to the end.")
        raise typer.Exit(130)
    comparison.finish(stopped=False)


def _check_place(path: Path | None, option: str) -> None:
    """Before anything is played, which may take hours: whether a file could be written there."""
    if path is None or path == Path("-"):
        return
    if path.is_dir():
        raise typer.BadParameter(f"{path} is a folder; name a file", param_hint=option)
    if not path.parent.is_dir():
        raise typer.BadParameter(f"there is no folder {path.parent}; make it first", param_hint=option)


def _journal(report: Path | None, steps: Path | None) -> Path | None:
    """Beside what is written, else nowhere."""
    beside = report if report is not None and report != Path("-") else steps
    return None if beside is None else beside.with_name(beside.name + ".part")


def _chosen(ways: str | None) -> tuple[str, ...]:
    from forecourt.energy.whatif.ways import WAYS

    chosen = tuple(ways.split(",")) if ways else ()
    if unknown := [way for way in chosen if way not in WAYS]:
        raise typer.BadParameter(f"{', '.join(unknown)} is none of {', '.join(WAYS)}", param_hint="--ways")
    return chosen


def _sessions(
    scenario: "Scenario",
    path: Path | None,
    columns: str | None,
    first: str | None,
    last: str | None,
    how: "dict[str, str | None]",
) -> "tuple[Sequence[PastSession], datetime, datetime]":
    """The sessions of a file or of the scenario's fleet, and the time that is simulated."""
    from forecourt.energy.whatif.fleet import sessions_of

    if path is not None:
        past = _read(path, columns, **how)
        return past, *_span(scenario, past, first, last)
    if scenario.fleet is None:
        raise typer.BadParameter("the scenario has no fleet, so it needs a file of sessions", param_hint="--sessions")
    if first is None or last is None:
        raise typer.BadParameter("a fleet needs the days that are simulated: --from and --to", param_hint="--from")
    begins, ends = _span(scenario, (), first, last)
    stations = tuple(evse.id for evse in scenario.electrics.evses)
    return sessions_of(scenario.fleet, stations, scenario.zone, begins, ends), begins, ends


def _write(
    comparison: "Comparison", made: "Report", report: Path | None, steps: Path | None, picture: Path | None
) -> None:
    if report is not None:
        text = msgspec.json.format(msgspec.json.encode(made), indent=2) + b"\n"
        if report == Path("-"):
            typer.echo(text.decode(), nl=False)
        else:
            report.write_bytes(text)
    if steps is not None:
        with console.status(f"writing {steps}"):
            comparison.write_steps(steps)
    if picture is not None:
        picture.write_text(comparison.picture(), encoding="utf-8")


def _path(scenario: str) -> Path:
    """A file of that name, else the shipped scenario."""
    path = Path(scenario)
    shipped = {
        each.stem: each for each in (Path(str(resources.files("forecourt.energy"))) / "scenarios").glob("*.toml")
    }
    if not path.exists() and scenario not in shipped:
        names = ", ".join(sorted(shipped))
        raise typer.BadParameter(f"there is no file {scenario}; shipped are {names}", param_hint="scenario")
    return path if path.exists() else shipped[scenario]


def _read(path: Path, columns: str | None, **how: str | None) -> "list[Session]":
    from forecourt.simulator import sessions_file

    try:
        mapped = sessions_file.Columns.parse(columns, **how) if columns else None
        imported = sessions_file.load(path, mapped)
    except (OSError, ValueError) as fault:
        why = (isinstance(fault, OSError) and fault.strerror) or str(fault)
        console.print(f"[bold red]{path} can't be read.[/] {why.rstrip('.')}.", highlight=False)
        raise typer.Exit(1) from None
    for reason, count in imported.refused.most_common():
        console.print(f"  refused {count}: {reason}", highlight=False)
    if not imported.sessions:
        console.print(f"[bold red]{path} has no session.[/]", highlight=False)
        raise typer.Exit(1)
    return imported.sessions


def _span(
    scenario: "Scenario", sessions: "Sequence[Session]", first: str | None, last: str | None
) -> tuple[datetime, datetime]:
    """From midnight to midnight by the site's clock."""
    zone = ZoneInfo(scenario.zone)
    days = []
    for text, option in ((first, "--from"), (last, "--to")):
        if text is None:
            starts = [session.start for session in sessions]
            day = (min(starts) if option == "--from" else max(starts)).astimezone(zone).date()
            day += timedelta(days=option == "--to")
        else:
            try:
                day = date.fromisoformat(text)
            except ValueError:
                raise typer.BadParameter(f"{text} is no day; write it as 2019-03-08", param_hint=option) from None
        days.append(datetime(day.year, day.month, day.day, tzinfo=zone))
    return days[0], days[1]


def _play(comparison: "Comparison", ways: Sequence[str]) -> bool:
    """Plays every way with a bar for each; whether somebody stopped it."""
    bar = Progress(
        TextColumn("{task.description:14}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=console,
    )
    with bar:
        tasks = {way: bar.add_task(way, total=None, start=False) for way in ways}

        begun: set[str] = set()

        def told(way: str, done: int, steps: int) -> None:
            if way not in begun:
                begun.add(way)
                bar.start_task(tasks[way])
            # The optimum is found at once: how far that is nobody knows.
            bar.update(tasks[way], completed=done, total=steps if done else None)

        try:
            comparison.play(ways, told)
        except KeyboardInterrupt:
            return True
    return False


def _table(title: str, *names: str) -> Table:
    """Of ways, each with a row; narrow enough for a terminal of 80 columns, and for a pipe, which has as many."""
    table = Table(title=title, box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("", no_wrap=True)
    for name in names:
        table.add_column(name, justify="right")
    return table


def _storage(report: "Report") -> Table:
    """What went into batteries, what they and cars gave, what that wore, and what batteries lack at the end."""
    of = "stored kWh", "given kWh", "by cars kWh", f"wear {report.currency}", "missing"
    table = _table("batteries, and cars that gave", *of)
    for each in report.outcomes:
        table.add_row(
            each.scheduler,
            f"{each.charged_wh / 1000:.1f}",
            f"{(each.discharged_wh + each.given_wh) / 1000:.1f}",
            f"{each.given_wh / 1000:.1f}",
            str(each.wear_cost),
            str(each.missing_cost),
        )
    return table


def _scores(report: "Report") -> Table:
    """What cars got, what it took, and what all of it is worth."""
    title = f"{report.scenario}, {report.start[:10]} to {report.end[:10]}, {report.sessions} sessions"
    table = _table(title, "energy %", "unserved kWh", "peak kW", "load %", f"score {report.currency}")
    for each in report.outcomes:
        table.add_row(
            each.scheduler,
            f"{each.energy_pct:.2f}",
            f"{each.unserved_wh / 1000:.1f}",
            f"{each.peak_w / 1000:.1f}",
            f"{100 * each.overload:.1f}",
            str(each.score),
        )
    return table


def _costs(report: "Report") -> Table:
    """What the score is made of, and what isn't in it."""
    co2 = ["CO2 kg"] if any(each.co2_kg is not None for each in report.outcomes) else []
    table = _table("of it", f"energy {report.currency}", f"demand {report.currency}", "fair", *co2)
    for each in report.outcomes:
        table.add_row(
            each.scheduler,
            str(each.energy_cost),
            str(each.demand_cost),
            f"{each.fairness:.3f}",
            *([] if each.co2_kg is None else [f"{each.co2_kg:.1f}"]),
        )
    return table


def _tell(report: "Report", out: Console) -> None:
    out.print(_scores(report))
    out.print(_costs(report))
    if any(each.charged_wh or each.discharged_wh or each.given_wh for each in report.outcomes):
        out.print(_storage(report))
    for note in report.notes:
        console.print(note, highlight=False)
    for reason, count in report.left_out.items():
        console.print(f"{count} left out: {reason}", highlight=False)
