"""`forecourt energy feeds`: where signals are fetched from, over the API."""

import sys
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from forecourt.cli import shown
from forecourt.cli.client import Api, AsJson, Url

app = typer.Typer(name="feeds", no_args_is_help=True, help="Feeds of prices and of a grid operator's limits.")

Site = Annotated[str, typer.Argument(help="The site's slug or id.")]

_COLUMNS: list[shown.Column] = [
    ("Feed", lambda each: each["feed_id"]),
    ("Name", lambda each: each["name"]),
    ("Kind", lambda each: each["source"]["kind"]),
    ("Active", lambda each: "yes" if each["active"] else "no"),
    ("Fetched", lambda each: each["succeeded_at"]),
    ("Known until", lambda each: each["known_until"]),
    ("Failure", lambda each: each["detail"]),
]


@app.callback()
def feeds() -> None:
    """Feeds of prices and of a grid operator's limits."""


@app.command("list")
def list_(site: Site, as_json: AsJson = False, url: Url = None) -> None:
    """List the feeds of a site, and how each fares."""
    shown.rows(Api(url).get("sites", site, "feeds")["items"], _COLUMNS, as_json=as_json)


@app.command()
def add(
    site: Site,
    file: Annotated[
        Path, typer.Argument(help="JSON as the API takes it, secrets in it; - is standard input.", allow_dash=True)
    ],
    as_json: AsJson = False,
    url: Url = None,
) -> None:
    """Set up a feed, which is fetched at once. Secrets come from a file, so that no history of commands holds them."""
    try:
        content = sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
        body: Any = msgspec.json.decode(content)
    except (OSError, msgspec.DecodeError) as fault:
        raise typer.BadParameter(f"{file} can't be read as JSON: {fault}") from None
    shown.facts(Api(url).post("sites", site, "feeds", body=body), as_json=as_json)


@app.command()
def fetch(
    site: Site,
    feed: Annotated[int, typer.Argument(help="Its number.")],
    as_json: AsJson = False,
    url: Url = None,
) -> None:
    """Fetch a feed now: a worker does within some seconds."""
    shown.facts(Api(url).post("sites", site, "feeds", str(feed), "fetch"), as_json=as_json)
