"""`forecourt sessions`: look at them, stop one."""

from typing import Annotated

import typer

from forecourt.cli import shown
from forecourt.cli.client import Api, AsJson, Limit, NotObeyed, Url
from forecourt.cli.shown import kw, kwh, moment

app = typer.Typer(name="sessions", no_args_is_help=True, help="Charging sessions: look, stop.")

SessionId = Annotated[str, typer.Argument(help="The session's id.")]

_COLUMNS: list[shown.Column] = [
    ("Id", lambda each: each["id"]),
    ("Station", lambda each: each["station"]),
    ("EVSE", lambda each: each["evse"]),
    ("Token", lambda each: each["token"]),
    ("Status", lambda each: each["status"]),
    ("Started", lambda each: moment(each["started_at"])),
    ("Ended", lambda each: moment(each["ended_at"])),
    ("Power kW", lambda each: kw(each["power_w"])),
    ("Energy kWh", lambda each: kwh(each["energy_wh"])),
]


@app.command("list")
def list_(
    station: Annotated[str | None, typer.Option(help="Only at the station of this id.")] = None,
    status: Annotated[str | None, typer.Option(help="Only active, or only completed.")] = None,
    token: Annotated[str | None, typer.Option(help="Only of this token.")] = None,
    limit: Limit = 50,
    as_json: AsJson = False,
    url: Url = None,
) -> None:
    """List sessions, newest first."""
    found = Api(url).listed("sessions", station=station, status=status, token=token, limit=limit)
    shown.rows(found, _COLUMNS, as_json=as_json)


@app.command()
def show(session: SessionId, as_json: AsJson = False, url: Url = None) -> None:
    """Show all that is known of a session."""
    shown.facts(Api(url).get("sessions", session), as_json=as_json)


@app.command()
def stop(session: SessionId, as_json: AsJson = False, url: Url = None) -> None:
    """Ask the station to stop a session."""
    answer = Api(url).post("sessions", session, "stop")
    if as_json:
        shown.value(answer)
    if not answer["accepted"]:
        raise NotObeyed(f"The station refused: {answer['status']}. Command {answer['command_id']}.")
    if not as_json:
        shown.line(f"The station accepted: {answer['status']}. Command {answer['command_id']}.")
