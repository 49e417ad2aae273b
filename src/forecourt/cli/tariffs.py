"""`forecourt tariffs`: what charging costs, and where which tariff counts."""

from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from forecourt.cli import shown
from forecourt.cli.client import Api, AsJson, Limit, Url
from forecourt.cli.shown import moment
from forecourt.platform.errors import ForecourtError

app = typer.Typer(name="tariffs", no_args_is_help=True, help="Tariffs: what charging costs, and where.")

TariffId = Annotated[str, typer.Argument(help="The tariff's id.")]

_COLUMNS: list[shown.Column] = [
    ("Id", lambda each: each["id"]),
    ("Name", lambda each: each["name"]),
    ("Version", lambda each: each["version"]),
    ("Currency", lambda each: each["tariff"]["currency"]),
    ("Valid from", lambda each: moment(each["valid_from"])),
    ("Ended", lambda each: moment(each["ended_at"])),
]
_ASSIGNED: list[shown.Column] = [
    ("Id", lambda each: each["id"]),
    ("Tariff", lambda each: each["tariff_name"]),
    ("Where", lambda each: each["station"] or each["site"] or each["scope"]),
    ("EVSE", lambda each: each["evse"]),
    ("At", lambda each: each["connector_type"] or each["evse_kind"]),
    ("For", lambda each: each["subscription"] or each["driver_group"]),
    ("From", lambda each: moment(each["starts_at"])),
    ("Until", lambda each: moment(each["ends_at"])),
]


class FileRefused(ForecourtError):
    """The file can't be read, or holds no JSON object. It must be one Tariff object of OCPI 2.3.0 or 2.2.1."""

    exit_code = 1


@app.command("list")
def list_(
    search: Annotated[str | None, typer.Option(help="Only with this in name or id.")] = None,
    limit: Limit = 50,
    as_json: AsJson = False,
    url: Url = None,
) -> None:
    """List tariffs."""
    shown.rows(Api(url).listed("tariffs", search=search, limit=limit), _COLUMNS, as_json=as_json)


@app.command()
def show(
    tariff: TariffId,
    ocpi: Annotated[bool, typer.Option("--ocpi", help="As OCPI's Tariff object, in JSON.")] = False,
    as_json: AsJson = False,
    url: Url = None,
) -> None:
    """Show a tariff in its latest version."""
    if ocpi:
        shown.value(Api(url).get("tariffs", tariff, "ocpi"))
    else:
        shown.facts(Api(url).get("tariffs", tariff), as_json=as_json)


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(help="A Tariff object of OCPI 2.3.0 or 2.2.1, in JSON.")],
    name: Annotated[str | None, typer.Option(help="What people call it; else its id in the file.")] = None,
    revises: Annotated[str | None, typer.Option(help="The id of the tariff of which it is a version.")] = None,
    valid_from: Annotated[str | None, typer.Option(help="As 2026-03-01T00:00:00Z; else now.")] = None,
    as_json: AsJson = False,
    url: Url = None,
) -> None:
    """Make a tariff of a file, or a further version of one."""
    try:
        tariff = msgspec.json.decode(file.read_bytes(), type=dict[str, msgspec.Raw])
    except (OSError, msgspec.MsgspecError):
        raise FileRefused from None
    wanted = {"name": name, "revises": revises, "valid_from": valid_from}
    body: dict[str, Any] = {"tariff": tariff, **{key: value for key, value in wanted.items() if value is not None}}
    made = Api(url).post("tariffs", "import", body=body)
    if as_json:
        shown.value(made)
    else:
        shown.line(f"{made['name']} is version {made['version']} of tariff {made['id']}.")


@app.command()
def assign(
    tariff: TariffId,
    site: Annotated[str | None, typer.Option(help="At the site of this slug and all that is part of it.")] = None,
    station: Annotated[str | None, typer.Option(help="At the station of this id.")] = None,
    evse: Annotated[int | None, typer.Option(min=1, help="At this EVSE of the station.")] = None,
    connector_type: Annotated[str | None, typer.Option(help="OCPI's ConnectorType: IEC_62196_T2_COMBO, ...")] = None,
    evse_kind: Annotated[str | None, typer.Option(help="AC or DC.")] = None,
    group: Annotated[str | None, typer.Option(help="For drivers whose token is of this group.")] = None,
    subscription: Annotated[str | None, typer.Option(help="For drivers who have this.")] = None,
    starts_at: Annotated[str | None, typer.Option("--from", help="As 2026-03-01T00:00:00Z; else now.")] = None,
    ends_at: Annotated[str | None, typer.Option("--until", help="Else until it is ended.")] = None,
    as_json: AsJson = False,
    url: Url = None,
) -> None:
    """Let a tariff count: without an option everywhere, at anything and for everybody."""
    wanted = {
        "site": site, "station": station, "evse": evse, "connector_type": connector_type, "evse_kind": evse_kind,
        "driver_group": group, "subscription": subscription, "starts_at": starts_at, "ends_at": ends_at,
    }  # fmt: skip
    body = {"tariff_id": tariff, **{key: value for key, value in wanted.items() if value is not None}}
    shown.facts(Api(url).post("tariff-assignments", body=body), as_json=as_json)


@app.command()
def assigned(
    tariff: Annotated[str | None, typer.Option(help="Only of the tariff of this id.")] = None,
    ended: Annotated[bool, typer.Option("--ended", help="Those too that have ended.")] = False,
    limit: Limit = 50,
    as_json: AsJson = False,
    url: Url = None,
) -> None:
    """List where tariffs count."""
    found = Api(url).listed("tariff-assignments", tariff=tariff, ended=ended, limit=limit)
    shown.rows(found, _ASSIGNED, as_json=as_json)


@app.command()
def unassign(
    assignment: Annotated[str, typer.Argument(help="The assignment's id.")], as_json: AsJson = False, url: Url = None
) -> None:
    """Let a tariff count somewhere no more."""
    shown.facts(Api(url).delete("tariff-assignments", assignment), as_json=as_json)


@app.command()
def end(tariff: TariffId, as_json: AsJson = False, url: Url = None) -> None:
    """End a tariff: it counts for no session that begins from now on."""
    shown.facts(Api(url).post("tariffs", tariff, "end"), as_json=as_json)
