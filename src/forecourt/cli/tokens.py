"""`forecourt tokens`: what drivers show at a station."""

from typing import Annotated, Any

import typer

from forecourt.cli import shown
from forecourt.cli.client import Api, AsJson, Limit, Url
from forecourt.cli.shown import moment

app = typer.Typer(name="tokens", no_args_is_help=True, help="Tokens: look, add, change, block.")

Uid = Annotated[str, typer.Argument(help="What the station sends, in whatever case.")]
Type = Annotated[str | None, typer.Option("--type", help="ISO14443, eMAID, ...: OCPP's IdTokenEnumType.")]
Status = Annotated[str | None, typer.Option(help="accepted, blocked, expired, invalid or no_credit.")]
Group = Annotated[str | None, typer.Option(help="The uid of its group: tokens of one group stop each other's.")]
Expires = Annotated[str | None, typer.Option("--expires-at", help="From then on it is expired: 2030-01-01T00:00:00Z.")]

_COLUMNS: list[shown.Column] = [
    ("Uid", lambda each: each["uid"]),
    ("Type", lambda each: each["type"]),
    ("Status", lambda each: each["status"]),
    ("Group", lambda each: each["group"]),
    ("Expires", lambda each: moment(each["expires_at"])),
]


@app.command("list")
def list_(
    status: Annotated[str | None, typer.Option(help="Only with this status.")] = None,
    search: Annotated[str | None, typer.Option(help="Only with this in the uid.")] = None,
    limit: Limit = 50,
    as_json: AsJson = False,
    url: Url = None,
) -> None:
    """List tokens."""
    shown.rows(Api(url).listed("tokens", status=status, search=search, limit=limit), _COLUMNS, as_json=as_json)


@app.command()
def add(
    uid: Uid,
    type_: Type = "ISO14443",
    status: Status = "accepted",
    group: Group = None,
    expires_at: Expires = None,
    as_json: AsJson = False,
    url: Url = None,
) -> None:
    """Store a token, over one of the same uid."""
    shown.facts(
        Api(url).post("tokens", body={"uid": uid, **_wanted(type_, status, group, expires_at)}), as_json=as_json
    )


@app.command("set")
def set_(
    uid: Uid,
    type_: Type = None,
    status: Status = None,
    group: Group = None,
    expires_at: Expires = None,
    as_json: AsJson = False,
    url: Url = None,
) -> None:
    """Change a token."""
    changes = _wanted(type_, status, group, expires_at)
    shown.facts(Api(url).patch("tokens", uid, body=changes), as_json=as_json)


@app.command()
def block(uid: Uid, as_json: AsJson = False, url: Url = None) -> None:
    """Let a token start nothing from now on."""
    shown.facts(Api(url).patch("tokens", uid, body={"status": "blocked"}), as_json=as_json)


def _wanted(type_: str | None, status: str | None, group: str | None, expires_at: str | None) -> dict[str, Any]:
    wanted = {"type": type_, "status": status, "group": group, "expires_at": expires_at}
    return {key: value for key, value in wanted.items() if value is not None}
