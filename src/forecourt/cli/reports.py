"""`forecourt insight report`: what is sent to whom, and when; and making it now."""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from forecourt.cli import shown
from forecourt.cli.client import Api, AsJson, Url
from forecourt.cli.shown import moment

app = typer.Typer(name="report", no_args_is_help=True, help="Reports on schedule: set up, send, fetch.")

Report = Annotated[int, typer.Argument(min=1, help="Its id, as `list` has it.")]

_COLUMNS: list[shown.Column] = [
    ("Id", lambda each: each["id"]),
    ("Report", lambda each: each["name"]),
    ("Tells of", lambda each: ", ".join(each["parts"])),
    ("Of the last", lambda each: each["covers"]),
    ("Each", lambda each: f"{each['every']}, day {each['day']}, {each['hour']:02d}:00"),
    ("Sent to", lambda each: ", ".join(each["recipients"])),
    ("Next", lambda each: moment(each["next_at"])),
]
_RUNS: list[shown.Column] = [
    ("Run", lambda each: each["id"]),
    ("Days", lambda each: f"{each['first_day']} to {each['last_day']}"),
    ("Due", lambda each: moment(each["due_at"])),
    ("State", lambda each: each["state"]),
    ("Why", lambda each: each["reason"]),
    ("Files", lambda each: ", ".join(each["files"])),
]
_console = Console(stderr=True)


@app.command("list")
def list_(as_json: AsJson = False, url: Url = None) -> None:
    """List reports on schedule."""
    shown.rows(Api(url).get("reports")["items"], _COLUMNS, as_json=as_json)


@app.command()
def add(
    name: Annotated[str, typer.Argument(help="What it is called.")],
    part: Annotated[
        list[str], typer.Option(help="use, success, availability, drivers or profit; may be said several times.")
    ],
    to: Annotated[list[str] | None, typer.Option(help="An address; may be said several times.")] = None,
    site: Annotated[str, typer.Option(help="A site by its slug; else all together.")] = "",
    driver_group: Annotated[str, typer.Option(help="Use and success of this group of drivers alone: a fleet.")] = "",
    covers: Annotated[str, typer.Option(help="Of the last whole week or month.")] = "week",
    every: Annotated[str, typer.Option(help="Each week or month.")] = "week",
    day: Annotated[int, typer.Option(help="Of the week, 1 is Monday, or of the month.")] = 1,
    hour: Annotated[int, typer.Option(help="By the clock of the organisation.")] = 7,
    form: Annotated[list[str] | None, typer.Option(help="pdf or xlsx; may be said several times.")] = None,
    as_json: AsJson = False,
    url: Url = None,
) -> None:
    """Set a report up."""
    body: dict[str, Any] = {
        "name": name, "parts": part, "recipients": to or [], "site": site, "driver_group": driver_group,
        "covers": covers, "every": every,
        "day": day, "hour": hour, "forms": form or ["pdf"],
    }  # fmt: skip
    shown.facts(Api(url).post("reports", body=body), as_json=as_json)


@app.command()
def runs(report: Report, as_json: AsJson = False, url: Url = None) -> None:
    """When it was made, the latest first, and why it was not."""
    shown.rows(Api(url).get("reports", str(report), "runs")["items"], _RUNS, as_json=as_json)


@app.command()
def send(report: Report, as_json: AsJson = False, url: Url = None) -> None:
    """Have it made and sent now, of the last whole week or month."""
    shown.facts(Api(url).post("reports", str(report), "runs"), as_json=as_json)


@app.command()
def fetch(
    report: Report,
    run: Annotated[int, typer.Argument(min=1, help="The run, as `runs` has it.")],
    form: Annotated[str, typer.Argument(help="pdf or xlsx.")],
    file: Annotated[Path, typer.Argument(help="Where to put it.")],
    url: Url = None,
) -> None:
    """Fetch what was made."""
    file.write_bytes(Api(url).fetch("reports", str(report), "runs", str(run), form))
    _console.print(f"{file} is written.", highlight=False)


@app.command()
def delete(report: Report, url: Url = None) -> None:
    """Forget it with its history and files."""
    Api(url).delete("reports", str(report))
