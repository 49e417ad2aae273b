"""`forecourt ledger`: the books as a file, over the API."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from forecourt.cli.client import Api, Url

app = typer.Typer(name="ledger", no_args_is_help=True, help="The ledger: its export.")
console = Console(stderr=True)


@app.callback()
def ledger() -> None:
    """The ledger: its export."""


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
