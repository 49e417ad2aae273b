"""`forecourt inbox`: who knocked and is not registered, and what is done about it."""

from typing import Annotated, Any

import typer

from forecourt.cli import shown
from forecourt.cli.client import Api, AsJson, Limit, Url
from forecourt.cli.shown import moment
from forecourt.cli.stations import Identity, Name, Profile, Registration, Site

app = typer.Typer(name="inbox", no_args_is_help=True, help="Unknown stations that knocked: look, adopt, dismiss.")

_COLUMNS: list[shown.Column] = [
    ("Id", lambda each: each["id"]),
    ("Refused for", lambda each: each["reason"]),
    ("From", lambda each: each["remote_address"]),
    ("TLS", lambda each: "yes" if each["tls"] else "no"),
    ("Offers", lambda each: ", ".join(each["subprotocols"])),
    ("Password", lambda each: "several" if each["contested"] else "yes" if each["has_password"] else "none"),
    ("Times", lambda each: each["knocked"]),
    ("Last", lambda each: moment(each["last_at"])),
]


@app.command("list")
def list_(
    registered: Annotated[bool, typer.Option("--registered", help="Registered stations that are refused.")] = False,
    dismissed: Annotated[bool, typer.Option("--dismissed", help="Those too that were dismissed.")] = False,
    search: Annotated[str | None, typer.Option(help="Only with this in id or address.")] = None,
    limit: Limit = 50,
    as_json: AsJson = False,
    url: Url = None,
) -> None:
    """List who knocked and was refused."""
    found = Api(url).listed("inbox", registered=registered, dismissed=dismissed, search=search, limit=limit)
    shown.rows(found, _COLUMNS, as_json=as_json)


@app.command()
def adopt(
    station: Identity,
    keep: Annotated[bool, typer.Option("--keep-password", help="With the password that it showed.")] = False,
    site: Site = None,
    name: Name = None,
    profile: Profile = None,
    registration: Registration = None,
    as_json: AsJson = False,
    url: Url = None,
) -> None:
    """Register a stranger as a station; a password that is made for it is printed this once."""
    given = {"site": site, "name": name, "security_profile": profile, "registration": registration}
    body: dict[str, Any] = {"keep_password": keep, **{key: held for key, held in given.items() if held is not None}}
    made = Api(url).post("inbox", station, "adopt", body=body)
    if as_json:
        shown.value(made)
        return
    shown.line(f"{made['id']} is registered and is let in at its next try.")
    if "password" in made:
        shown.line(f"Password, shown this once: {made['password']}")


@app.command()
def dismiss(station: Identity, as_json: AsJson = False, url: Url = None) -> None:
    """Leave a stranger out of the inbox for 30 days."""
    gone = Api(url).delete("inbox", station)
    if as_json:
        shown.value(gone)
        return
    shown.line(f"{gone['id']} is not shown before {moment(gone['dismissed_until'])}.")
