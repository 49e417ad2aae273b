"""`forecourt energy prices`: prices of the day ahead from files, over the API."""

import gzip
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import track

from forecourt.cli import shown
from forecourt.cli.client import Api, AsJson, Url
from forecourt.platform.text import text_of

app = typer.Typer(name="prices", no_args_is_help=True, help="Prices of the day ahead and CO2 intensities.")
console = Console(stderr=True)

#: Lines that one request carries: a request is 1 MiB at the most.
LINES = 10_000


@app.callback()
def prices() -> None:
    """Prices of the day ahead and CO2 intensities."""


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(help="CSV with the columns utc and eur_per_mwh, or g_per_kwh; or its .gz.")],
    zone: Annotated[str, typer.Option(help="The bidding zone, such as NL.")],
    source: Annotated[str | None, typer.Option(help="Who gave the values; else the name of the file.")] = None,
    carbon: Annotated[bool, typer.Option("--carbon", help="They are CO2 intensities.")] = False,
    as_json: AsJson = False,
    url: Url = None,
) -> None:
    """Load a series from a file. A second time nothing changes."""
    try:
        content = file.read_bytes()
        text = text_of(gzip.decompress(content) if file.suffix == ".gz" else content)
    except (OSError, ValueError, EOFError) as fault:
        console.print(f"[bold red]{file} can't be read.[/] {fault}", highlight=False)
        raise typer.Exit(1) from None
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    head, rows = lines[:1], lines[1:]
    api, kind = Api(url), "co2" if carbon else "prices"
    told = {"values": 0, "changed": 0}
    # Each part begins with the last line of the one before, which tells how long that value holds.
    begins = range(0, max(1, len(rows)), LINES)
    for begin in track(begins, "loading", console=console, disable=len(begins) < 2):
        part = [*head, *rows[max(0, begin - 1) : begin + LINES]]
        body = {"csv": "\n".join(part), "source": (source or file.name)[:100]}
        answer = api.post("energy", kind, zone, body=body)
        told["values"] += answer["values"] - (1 if begin else 0)
        told["changed"] += answer["changed"]
    shown.facts(told, as_json=as_json)
