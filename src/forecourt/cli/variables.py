"""`forecourt variables`: configuration keys (OCPP 1.6) and variables (2.x) of a station."""

import time
from typing import Annotated, Any, Final

import typer

from forecourt.cli import shown
from forecourt.cli.client import Api, AsJson, Limit, NotObeyed, Url
from forecourt.cli.shown import moment
from forecourt.platform.errors import ForecourtError

app = typer.Typer(name="variables", no_args_is_help=True, help="Configuration keys and variables: look, read, set.")

#: Between two looks at a report that is on its way. The web ends it at its deadline.
LOOK_EVERY_S: Final = 1.0

Identity = Annotated[str, typer.Argument(help="The station's id.")]
_COLUMNS: list[shown.Column] = [
    ("Component", lambda each: each["component"]),
    ("Name", lambda each: each["variable"] + _of(each["attribute"])),
    ("Value", lambda each: "(secret)" if each["secret"] else each["value"]),
    ("Unit", lambda each: each["unit"]),
    ("May be set", lambda each: "" if each["read_only"] else "yes"),
    ("Read", lambda each: moment(each["read_at"])),
]
_SAID: list[shown.Column] = [
    ("Component", lambda each: each["component"]),
    ("Name", lambda each: each["variable"]),
    ("Outcome", lambda each: each["outcome"]),
    ("Said", lambda each: each["said"]),
]


class PairRefused(ForecourtError):
    """A variable is set as NAME=VALUE. Put it in quotes where the value has blanks."""

    exit_code = 2


@app.command("list")
def list_(
    station: Identity,
    search: Annotated[str | None, typer.Option(help="Only with this in name or value.")] = None,
    component: Annotated[str | None, typer.Option(help="Only of this component (OCPP 2.x).")] = None,
    limit: Limit = 200,
    as_json: AsJson = False,
    url: Url = None,
) -> None:
    """List a station's configuration keys or variables as it last told them."""
    found = Api(url).listed("stations", station, "variables", search=search, component=component, limit=limit)
    shown.rows(found, _COLUMNS, as_json=as_json)


@app.command()
def read(station: Identity, as_json: AsJson = False, url: Url = None) -> None:
    """Have a station tell all of them anew, and wait until they are there."""
    api = Api(url)
    reading = api.post("stations", station, "variables", "read")
    while reading["state"] == "reading":
        time.sleep(LOOK_EVERY_S)
        reading = api.get("stations", station, "variables", "reading")
    if as_json:
        shown.value(reading)
    if reading["state"] == "refused":
        raise NotObeyed(f"The station refused: {reading['said']}.")
    if not as_json:
        missing = "" if reading["state"] == "complete" else " Parts of its report never came."
        shown.line(f"The station told {reading['variables']}.{missing}")


@app.command("set")
def set_(
    station: Identity,
    pairs: Annotated[list[str], typer.Argument(help="NAME=VALUE, one or several.")],
    component: Annotated[str, typer.Option(help="Of all of them (OCPP 2.x), such as Connector@1.2.")] = "",
    as_json: AsJson = False,
    url: Url = None,
) -> None:
    """Set configuration keys or variables of a station."""
    asked = {"variables": [_pair(pair, component) for pair in pairs]}
    said = Api(url).post("stations", station, "variables", body=asked)["variables"]
    shown.rows(said, _SAID, as_json=as_json)
    failed = [each["variable"] for each in said if each["outcome"] not in ("accepted", "reboot_required")]
    if failed:
        raise NotObeyed(f"Not all were set: {', '.join(failed)}.")


def _pair(pair: str, component: str) -> dict[str, Any]:
    name, equals, value = pair.partition("=")
    if not name or not equals:
        raise PairRefused
    return {"component": component, "variable": name, "value": value}


def _of(attribute: str) -> str:
    return "" if attribute == "Actual" else f" ({attribute})"
