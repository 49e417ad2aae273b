"""The command line of the sandbox provider."""

import asyncio
import contextlib
import os
import signal
import sqlite3
from pathlib import Path
from typing import Annotated

import msgspec
import typer
import uvloop
from rich.console import Console

from forecourt.simulator.provider.bank import account_of
from forecourt.simulator.provider.server import serving

#: A key to begin with; any other that begins with sk_test_ opens an account of its own.
FIRST_KEY = "sk_test_firstAccount"
PORT = 8420

app = typer.Typer(add_completion=False, pretty_exceptions_show_locals=False, rich_markup_mode=None)
console = Console(stderr=True)


@app.command()
def sandbox(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on; 0: a free one.", min=0, max=65535)] = PORT,
    state: Annotated[Path, typer.Option(help="The file that holds its books.")] = Path("var/provider.sqlite"),
    address: Annotated[str | None, typer.Option(help="How browsers reach it, where that is another address.")] = None,
    announce: Annotated[Path | None, typer.Option(help="Write address and key here as JSON once it listens.")] = None,
) -> None:
    """Run the sandbox payment provider: it speaks Stripe's wire format, and no money moves."""
    state.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(KeyboardInterrupt):
        try:
            uvloop.run(_serve(host, port, state, address, announce))
        except (OSError, sqlite3.Error) as fault:
            console.print(f"[bold red]The sandbox can't run.[/] {state}, port {port}: {fault}.", highlight=False)
            raise typer.Exit(1) from None


async def _serve(host: str, port: int, state: Path, address: str | None, announce: Path | None) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    async with serving(state, host=host, port=port, address=address) as bank:
        if announce is not None:
            told = {"address": bank.address, "key": FIRST_KEY, "account": account_of(FIRST_KEY)}
            written = announce.with_suffix(".part")
            written.write_bytes(msgspec.json.format(msgspec.json.encode(told)))
            os.replace(written, announce)
        console.print(f"The sandbox provider listens on {bank.address}. No real money moves.", highlight=False)
        stopped = asyncio.create_task(stop.wait())
        await asyncio.wait((stopped, *bank.rounds), return_when=asyncio.FIRST_COMPLETED)
        for broken in bank.rounds:
            if broken.done():
                broken.result()
