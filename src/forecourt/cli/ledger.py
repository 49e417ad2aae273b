"""`forecourt ledger`: the books as a file, over the API."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from forecourt.cli import shown
from forecourt.cli.client import Api, AsJson, Url

app = typer.Typer(
    name="ledger", no_args_is_help=True, help="The ledger: its export, its VAT, its comparison with providers."
)
console = Console(stderr=True)


@app.callback()
def ledger() -> None:
    """The ledger: its export, its VAT, its comparison with providers."""


_VAT: list[shown.Column] = [
    ("Side", lambda each: each["side"]),
    ("Country", lambda each: each["country"] or "-"),
    ("Rate", lambda each: "-" if each["rate"] is None else f"{each['rate']} %"),
    ("Net", lambda each: shown.money(each["net"])),
    ("VAT", lambda each: shown.money(each["vat"])),
    ("Gross", lambda each: shown.money(each["gross"])),
    ("Documents", lambda each: str(each["documents"])),
]


@app.command()
def vat(
    since: Annotated[
        str | None, typer.Option("--from", help="From this time on, with its zone: 2026-03-01T00:00:00Z.")
    ] = None,
    until: Annotated[str | None, typer.Option("--to", help="Before this time, with its zone.")] = None,
    as_json: AsJson = False,
    url: Url = None,
) -> None:
    """Show the VAT of a span by rate and country; of the last 30 days where none is said."""
    found = Api(url).get("ledger", "vat", **{"from": since, "to": until})
    shown.rows(found["items"], _VAT, as_json=as_json)


@app.command()
def compare(url: Url = None) -> None:
    """Compare every account with the journal now, as every night."""
    Api(url).post("reconciliation", "run")


@app.command()
def export(
    beancount: Annotated[Path, typer.Option("--beancount", help="Write the ledger here, for beancount's tools.")],
    until: Annotated[
        str | None, typer.Option(help="Only what happened before this time, with its zone: 2026-04-01T00:00:00Z.")
    ] = None,
    url: Url = None,
) -> None:
    """Write every entry as a transaction, and what every account comes to."""
    try:
        with (
            Api(url).stream("ledger", "export.beancount", to=until) as lines,
            beancount.open("w", encoding="utf-8") as file,
        ):
            file.writelines(f"{line}\n" for line in lines)
    except OSError as fault:
        console.print(f"[bold red]{beancount} can't be written.[/] {fault}", highlight=False)
        raise typer.Exit(1) from None
