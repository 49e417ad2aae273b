"""`forecourt energy`: smart charging on paper, before any station is told anything."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

import msgspec
import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.table import Table

if TYPE_CHECKING:
    from forecourt.energy.whatif.compare import Told
    from forecourt.energy.whatif.report import Report
    from forecourt.energy.whatif.scenario import Scenario
    from forecourt.simulator.sessions_file import Session

app = typer.Typer(name="energy", no_args_is_help=True, help="Smart charging: what-if simulations.")
console = Console(stderr=True)

#: Of a CSV, as `forecourt simulate` takes it.
Columns = Annotated[str | None, typer.Option(help="CSV: station=COLUMN,start=,end=,energy_kwh=[,id=,token=,site=]")]


@app.callback()
def energy() -> None:
    """Smart charging: what-if simulations."""


@app.command()
def simulate(
    scenario: Annotated[str, typer.Argument(help="A TOML file, or the name of a scenario that is shipped: caltech.")],
    sessions: Annotated[Path, typer.Option(help="Past sessions, in a format of `forecourt simulate`.")],
    first: Annotated[str | None, typer.Option("--from", help="First day, as 2019-03-08; else the file's.")] = None,
    last: Annotated[str | None, typer.Option("--to", help="The day after the last one; else the file's.")] = None,
    ways: Annotated[str | None, typer.Option(help="Ways to charge, by commas; else all of them.")] = None,
    power_limit: Annotated[int | None, typer.Option(help="Most power from the grid, in W.", min=0)] = None,
    columns: Columns = None,
    delimiter: str = ",",
    decimal: str = ".",
    zone: Annotated[str, typer.Option(help="Zone of times without an offset.")] = "UTC",
    time_format: Annotated[str | None, typer.Option(help="strptime format; else ISO 8601.")] = None,
    report: Annotated[Path | None, typer.Option("--json", help="Write the report here as JSON.")] = None,
) -> None:
    """Run a site over past sessions by each way to charge, and compare energy, peak and cost."""
    from forecourt.energy.whatif.compare import WAYS, Comparison
    from forecourt.energy.whatif.scenario import read_scenario

    chosen = tuple(ways.split(",")) if ways else WAYS
    if unknown := [way for way in chosen if way not in WAYS]:
        raise typer.BadParameter(f"{', '.join(unknown)} is none of {', '.join(WAYS)}", param_hint="--ways")
    read = read_scenario(_path(scenario))
    if power_limit is not None:
        read = msgspec.structs.replace(read, site=msgspec.structs.replace(read.site, power_limit_w=power_limit))
    past = _read(sessions, columns, delimiter=delimiter, decimal=decimal, zone=zone, time_format=time_format)
    comparison = Comparison(read, past, *_span(read, past, first, last))
    try:
        made = _played(comparison.report, chosen)
    except KeyboardInterrupt:
        console.print("Stopped; nothing was written.")
        raise typer.Exit(130) from None
    _tell(made)
    if report is not None:
        report.write_bytes(msgspec.json.format(msgspec.json.encode(made), indent=2) + b"\n")


def _path(scenario: str) -> Path:
    """A file of that name, else the shipped scenario."""
    path = Path(scenario)
    shipped = Path(str(resources.files("forecourt.energy"))) / "scenarios" / f"{scenario}.toml"
    return shipped if not path.exists() and shipped.exists() else path


def _read(path: Path, columns: str | None, **how: str | None) -> "list[Session]":
    from forecourt.simulator import sessions_file

    try:
        mapped = sessions_file.Columns.parse(columns, **how) if columns else None
        imported = sessions_file.load(path, mapped)
    except (OSError, ValueError) as fault:
        console.print(f"[bold red]{path} can't be read.[/] {fault}", highlight=False)
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
    begins = min(session.start for session in sessions).astimezone(zone).date()
    ends = max(session.start for session in sessions).astimezone(zone).date() + timedelta(days=1)
    days = []
    for text, otherwise, option in ((first, begins, "--from"), (last, ends, "--to")):
        try:
            day = datetime.fromisoformat(text).date() if text else otherwise
        except ValueError:
            raise typer.BadParameter(f"{text} is no day; write it as 2019-03-08", param_hint=option) from None
        days.append(datetime(day.year, day.month, day.day, tzinfo=zone))
    return days[0], days[1]


def _played(run: "Callable[[Sequence[str], Told], Report]", ways: Sequence[str]) -> "Report":
    bar = Progress(
        TextColumn("{task.description:14}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn(), console=console
    )
    with bar:
        tasks = {way: bar.add_task(way, total=None) for way in ways}
        return run(ways, lambda way, done, steps: bar.update(tasks[way], completed=done, total=steps))


def _tell(report: "Report") -> None:
    table = Table(title=f"{report.scenario}, {report.start[:10]} to {report.end[:10]}, {report.sessions} sessions")
    for name in ("", "energy %", "peak kW", "energy", "demand", f"score {report.currency}", "load of limits"):
        table.add_column(name, justify="left" if not name else "right")
    for each in report.outcomes:
        table.add_row(
            each.scheduler,
            f"{each.energy_pct:.2f}",
            f"{each.peak_w / 1000:.1f}",
            str(each.energy_cost),
            str(each.demand_cost),
            str(each.score),
            f"{100 * each.overload:.1f} %",
        )
    Console().print(table)
    for reason, count in report.left_out.items():
        console.print(f"{count} left out: {reason}", highlight=False)
