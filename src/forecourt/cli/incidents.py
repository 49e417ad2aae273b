"""`forecourt incidents`: what needs attention."""

import typer

from forecourt.cli import shown
from forecourt.cli.client import Api, AsJson, Limit, Url
from forecourt.cli.shown import moment

app = typer.Typer(name="incidents", no_args_is_help=True, help="Incidents: what needs attention.")

_COLUMNS: list[shown.Column] = [
    ("Severity", lambda each: each["severity"]),
    ("Station", lambda each: each["station"] or each["site"]),
    ("EVSE", lambda each: each["evse"]),
    ("What happened", lambda each: each["happened"]),
    ("What to do", lambda each: each["next_step"]),
    ("Status", lambda each: each["status"]),
    ("Since", lambda each: moment(each["since"])),
]


@app.command("list")
def list_(limit: Limit = 50, as_json: AsJson = False, url: Url = None) -> None:
    """List incidents."""
    shown.rows(Api(url).listed("incidents", limit=limit), _COLUMNS, as_json=as_json)
