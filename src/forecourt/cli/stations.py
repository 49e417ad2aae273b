"""`forecourt stations`: look at them, change them, and ask them to do things."""

from typing import Annotated, Any

import msgspec
import typer

from forecourt.cli import shown
from forecourt.cli.client import Api, AsJson, Limit, NotObeyed, Refused, Url
from forecourt.cli.shown import kw, moment
from forecourt.platform.errors import ForecourtError

app = typer.Typer(name="stations", no_args_is_help=True, help="Charging stations: look, change, ask.")

Identity = Annotated[str, typer.Argument(help="The station's id.")]
Site = Annotated[str | None, typer.Option(help="The slug of its site.")]
Name = Annotated[str | None, typer.Option(help="What people call it.")]
Profile = Annotated[int | None, typer.Option("--security-profile", min=0, max=3, help="0 to 3.")]
Registration = Annotated[str | None, typer.Option(help="accepted, pending or rejected.")]
Power = Annotated[int | None, typer.Option("--max-power-w", min=1, help="The most it can deliver, in W.")]

_COLUMNS: list[shown.Column] = [
    ("Id", lambda each: each["id"]),
    ("Name", lambda each: each["name"]),
    ("Site", lambda each: each["site"]),
    ("State", lambda each: each["state"]),
    ("Up to kW", lambda each: kw(each["max_power_w"])),
    ("Model", lambda each: " ".join(filter(None, (each["vendor"], each["model"])))),
    ("Last seen", lambda each: moment(each["last_seen_at"])),
]


class PayloadRefused(ForecourtError):
    """The payload is no JSON object. Put it in quotes: '{"key": ["HeartbeatInterval"]}'."""

    exit_code = 2


@app.command("list")
def list_(
    site: Annotated[str | None, typer.Option(help="Only at the site of this slug.")] = None,
    state: Annotated[str | None, typer.Option(help="Only in this state: Available, Charging, Faulted, ...")] = None,
    search: Annotated[str | None, typer.Option(help="Only with this in name, id or site.")] = None,
    limit: Limit = 50,
    as_json: AsJson = False,
    url: Url = None,
) -> None:
    """List stations."""
    found = Api(url).listed("stations", site=site, state=state, search=search, limit=limit)
    shown.rows(found, _COLUMNS, as_json=as_json)


@app.command()
def show(station: Identity, as_json: AsJson = False, url: Url = None) -> None:
    """Show all that is known of a station."""
    shown.facts(Api(url).get("stations", station), as_json=as_json)


@app.command()
def add(
    station: Identity,
    site: Site = None,
    name: Name = None,
    profile: Profile = None,
    registration: Registration = None,
    power: Power = None,
    as_json: AsJson = False,
    url: Url = None,
) -> None:
    """Register a station; its password is printed this once."""
    made = Api(url).post("stations", body={"id": station, **_wanted(site, name, profile, registration, power)})
    if as_json:
        shown.value(made)
        return
    shown.line(f"{made['id']} is registered and may connect.")
    if "password" in made:
        shown.line(f"Password, shown this once: {made['password']}")


@app.command("set")
def set_(
    station: Identity,
    site: Site = None,
    name: Name = None,
    profile: Profile = None,
    registration: Registration = None,
    power: Power = None,
    as_json: AsJson = False,
    url: Url = None,
) -> None:
    """Change what is registered of a station."""
    changes = _wanted(site, name, profile, registration, power)
    shown.facts(Api(url).patch("stations", station, body=changes), as_json=as_json)


@app.command()
def reset(
    station: Identity,
    hard: Annotated[bool, typer.Option("--hard", help="At once, whatever runs.")] = False,
    as_json: AsJson = False,
    url: Url = None,
) -> None:
    """Ask a station to restart; without --hard it ends what runs in good order, or waits for that (OCPP 2.x)."""
    _obeyed(Api(url).post("stations", station, "reset", body={"type": "hard" if hard else "soft"}), as_json=as_json)


@app.command()
def unlock(
    station: Identity,
    evse: Annotated[int, typer.Option(min=1, help="Of OCPP 1.6: the connector.")] = 1,
    as_json: AsJson = False,
    url: Url = None,
) -> None:
    """Ask a station to unlock a connector; a session there is stopped."""
    _obeyed(Api(url).post("stations", station, "unlock", body={"evse": evse}), as_json=as_json)


@app.command()
def start(
    station: Identity,
    token: Annotated[str, typer.Option(help="The uid of the token that is charged for.")],
    evse: Annotated[int | None, typer.Option(min=1, help="Where; else the station chooses.")] = None,
    as_json: AsJson = False,
    url: Url = None,
) -> None:
    """Ask a station to start charging."""
    body = {"token": token, **({} if evse is None else {"evse": evse})}
    _obeyed(Api(url).post("stations", station, "start", body=body), as_json=as_json)


@app.command()
def call(
    station: Identity,
    action: Annotated[str, typer.Argument(help="The action of OCPP, such as GetConfiguration.")],
    payload: Annotated[str, typer.Argument(help="Its payload as JSON.")] = "{}",
    url: Url = None,
) -> None:
    """Send a station any OCPP call, and print what it answers as JSON."""
    try:
        content = msgspec.json.decode(payload, type=dict[str, Any])
    except msgspec.MsgspecError:
        raise PayloadRefused from None
    answer = Api(url).post("stations", station, "calls", body={"action": action, "payload": content})
    if "error" in answer:
        raise NotObeyed(f"{station} answered {answer['error']['code']}: {answer['error']['description']}")
    shown.value(answer["result"])


@app.command()
def messages(
    station: Identity,
    action: Annotated[str | None, typer.Option(help="Only of this action.")] = None,
    direction: Annotated[str | None, typer.Option(help="Only in, or only out.")] = None,
    limit: Limit = 50,
    as_json: AsJson = False,
    url: Url = None,
) -> None:
    """Read a station's message log, newest first."""
    columns: list[shown.Column] = [
        ("At", lambda each: moment(each["at"])),
        ("Way", lambda each: each["direction"]),
        ("Kind", lambda each: each["kind"]),
        ("Action", lambda each: each["action"]),
        ("Payload", lambda each: each["payload"]),
    ]
    found = Api(url).listed("stations", station, "messages", action=action, direction=direction, limit=limit)
    shown.rows(found, columns, as_json=as_json)


@app.command()
def watch(
    stations: Annotated[list[str] | None, typer.Argument(help="Only these; else all.")] = None,
    site: Annotated[list[str] | None, typer.Option(help="Only at the sites of these slugs.")] = None,
    as_json: AsJson = False,
    url: Url = None,
) -> None:
    """Print what changes as it changes, until Ctrl-C."""
    with Api(url).stream("stream", stations=stations, sites=site) as lines:
        for line in lines:
            if line.startswith("data: "):
                _changed(msgspec.json.decode(line.removeprefix("data: ")), as_json=as_json)


def _changed(said: dict[str, Any], *, as_json: bool) -> None:
    if "reason" in said:
        raise Refused(503, f"The stream was ended: {said['reason']}.")
    if as_json:
        shown.value(said)
        return
    for key, held in sorted((said.get("snapshot") or said.get("delta") or {}).items()):
        _, _, rest = key.partition(".")
        station, _, name = rest.rpartition(".")
        if held is not None:
            shown.line(f"{station}  {name}  {held}")


def _wanted(
    site: str | None, name: str | None, profile: int | None, registration: str | None, power: int | None
) -> dict[str, Any]:
    wanted = {
        "site": site,
        "name": name,
        "security_profile": profile,
        "registration": registration,
        "max_power_w": power,
    }
    return {key: value for key, value in wanted.items() if value is not None}


def _obeyed(answer: dict[str, Any], *, as_json: bool) -> None:
    """Says what the station answered. Raises NotObeyed if that was no."""
    if as_json:
        shown.value(answer)
    if not answer["accepted"]:
        raise NotObeyed(f"The station refused: {answer['status']}. Command {answer['command_id']}.")
    if not as_json:
        shown.line(f"The station accepted: {answer['status']}. Command {answer['command_id']}.")
