"""`forecourt bulk`: one action on many stations, planned, done by a worker, followed and stopped."""

from typing import Annotated, Any

import typer

from forecourt.cli import shown
from forecourt.cli.client import MAX_LISTED, Api, AsJson, Limit, Url
from forecourt.cli.shown import moment

app = typer.Typer(name="bulk", no_args_is_help=True, help="Many stations at once: plan, ask, follow, stop.")

Stations = Annotated[list[str], typer.Argument(help="The stations' ids.")]
Run = Annotated[str, typer.Argument(help="The run's id.")]

_RUNS: list[shown.Column] = [
    ("Id", lambda each: each["id"]),
    ("Action", lambda each: each["action"]),
    ("To", lambda each: each["argument"]),
    ("State", lambda each: each["state"]),
    ("Stations", lambda each: _counted(each["outcomes"])),
    ("Asked by", lambda each: each["asked_by"]),
    ("Asked", lambda each: moment(each["asked_at"])),
]
_STATIONS: list[shown.Column] = [
    ("Station", lambda each: each["station"]),
    ("Outcome", lambda each: each["outcome"]),
    ("Said", lambda each: each["said"]),
    ("Ended", lambda each: moment(each["ended_at"])),
]


@app.command()
def plan(
    stations: Annotated[list[str] | None, typer.Argument(help="These; else all that the options leave.")] = None,
    site: Annotated[str | None, typer.Option(help="Only at the site of this slug.")] = None,
    state: Annotated[str | None, typer.Option(help="Only in this state: Available, Faulted, Offline, ...")] = None,
    registration: Annotated[str | None, typer.Option(help="Only accepted, pending or rejected ones.")] = None,
    search: Annotated[str | None, typer.Option(help="Only with this in name, id or site.")] = None,
    ids: Annotated[bool, typer.Option("--ids", help="Print only the ids, one a line, for xargs.")] = False,
    as_json: AsJson = False,
    url: Url = None,
) -> None:
    """Tell what a run would meet; nothing is done."""
    wanted = {"site": site, "state": state, "registration": registration, "search": search}
    where = {name: value for name, value in wanted.items() if value is not None}
    found = Api(url).post("bulk-runs", "plan", body={"stations": stations} if stations else {"where": where})
    if as_json:
        shown.value(found)
    elif ids:
        for station in found["stations"]:
            shown.line(station)
    else:
        shown.line(
            f"{len(found['stations'])} stations: {found['charging']} with a car that charges or waits,"
            f" {found['offline']} not connected."
        )
        if found["unknown"]:
            shown.line(f"Not in service: {', '.join(found['unknown'])}.")


@app.command()
def reset(
    stations: Stations,
    hard: Annotated[bool, typer.Option("--hard", help="At once, whatever runs.")] = False,
    as_json: AsJson = False,
    url: Url = None,
) -> None:
    """Restart stations; without --hard they end what runs in good order, or wait for that (OCPP 2.x)."""
    _ask(url, "reset", {"stations": stations, "type": "hard" if hard else "soft"}, as_json=as_json)


@app.command()
def registration(
    value: Annotated[str, typer.Argument(help="accepted, pending or rejected.")],
    stations: Stations,
    as_json: AsJson = False,
    url: Url = None,
) -> None:
    """Give stations a registration."""
    _ask(url, "registration", {"stations": stations, "registration": value}, as_json=as_json)


@app.command()
def site(
    slug: Annotated[str, typer.Argument(help="The slug of the site.")],
    stations: Stations,
    as_json: AsJson = False,
    url: Url = None,
) -> None:
    """Move stations to a site."""
    _ask(url, "site", {"stations": stations, "site": slug}, as_json=as_json)


@app.command("list")
def list_(limit: Limit = 50, as_json: AsJson = False, url: Url = None) -> None:
    """List runs, newest first."""
    shown.rows(Api(url).listed("bulk-runs", limit=limit), _RUNS, as_json=as_json)


@app.command()
def show(
    run: Run,
    outcome: Annotated[str | None, typer.Option(help="Only stations with this outcome, such as failed.")] = None,
    as_json: AsJson = False,
    url: Url = None,
) -> None:
    """Show how far a run is, and what came of it at each station."""
    api = Api(url)
    found = api.get("bulk-runs", run)
    stations = api.listed("bulk-runs", run, "stations", outcome=outcome, limit=MAX_LISTED)
    if not as_json:
        shown.facts(found, as_json=False)
    shown.rows(stations, _STATIONS, as_json=as_json)


@app.command()
def stop(run: Run, as_json: AsJson = False, url: Url = None) -> None:
    """Let a run begin with no further station."""
    _told(Api(url).post("bulk-runs", run, "stop"), as_json=as_json)


def _ask(url: str | None, action: str, body: dict[str, Any], *, as_json: bool) -> None:
    _told(Api(url).post("bulk-runs", action, body=body), as_json=as_json)


def _told(run: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        shown.value(run)
    else:
        shown.line(f"Run {run['id']} is {run['state']}: {_counted(run['outcomes'])}.")


def _counted(outcomes: dict[str, int]) -> str:
    return ", ".join(f"{number} {word}" for word, number in outcomes.items())
