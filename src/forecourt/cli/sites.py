"""`forecourt sites`: places with stations."""

from typing import Annotated

import typer

from forecourt.cli import shown
from forecourt.cli.client import Api, AsJson, Limit, Url

app = typer.Typer(name="sites", no_args_is_help=True, help="Sites: look, add.")

_COLUMNS: list[shown.Column] = [
    ("Slug", lambda each: each["slug"]),
    ("Name", lambda each: each["name"]),
    ("City", lambda each: each["city"]),
    ("Country", lambda each: each["country"]),
    ("Zone", lambda each: each["time_zone"]),
]


@app.command("list")
def list_(limit: Limit = 50, as_json: AsJson = False, url: Url = None) -> None:
    """List sites."""
    shown.rows(Api(url).listed("sites", limit=limit), _COLUMNS, as_json=as_json)


@app.command()
def add(
    name: Annotated[str, typer.Argument(help="What people call it.")],
    slug: Annotated[str | None, typer.Option(help="Its name in addresses; else made from the name.")] = None,
    address: Annotated[str | None, typer.Option(help="Street and number.")] = None,
    city: Annotated[str | None, typer.Option(help="City.")] = None,
    country: Annotated[str | None, typer.Option(help="ISO 3166 code, such as DE.")] = None,
    time_zone: Annotated[str | None, typer.Option(help="IANA name, such as Europe/Berlin; else UTC.")] = None,
    as_json: AsJson = False,
    url: Url = None,
) -> None:
    """Create a site."""
    wanted = {"slug": slug, "address": address, "city": city, "country": country, "time_zone": time_zone}
    body = {"name": name, **{key: value for key, value in wanted.items() if value is not None}}
    shown.facts(Api(url).post("sites", body=body), as_json=as_json)
