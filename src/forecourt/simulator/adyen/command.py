"""The command line of the second sandbox provider."""

import asyncio
import contextlib
import signal
from typing import Annotated

import typer
import uvloop
from rich.console import Console

from forecourt.simulator.adyen.control import REPORTS
from forecourt.simulator.adyen.server import serving

PORT = 8421

app = typer.Typer(add_completion=False, pretty_exceptions_show_locals=False, rich_markup_mode=None)
console = Console(stderr=True)


@app.command()
def sandbox_adyen(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on; 0: a free one.", min=0, max=65535)] = PORT,
    address: Annotated[str | None, typer.Option(help="How browsers reach it, where that is another address.")] = None,
    merchant: Annotated[str, typer.Option(help="A merchant account to begin with.")] = "ForecourtECOM",
    key: Annotated[str, typer.Option(help="Its API key.")] = "AQEtestForecourt",
    hmac: Annotated[str, typer.Option(help="The key that its webhooks are signed with, 64 hex digits.")] = "0f" * 32,
    hooks: Annotated[str | None, typer.Option(help="Where its webhooks go; absent, nowhere.")] = None,
    reports: Annotated[str, typer.Option(help="The API key of its report user.")] = "AQEtestForecourtReports",
) -> None:
    """Run the second sandbox provider: it speaks Adyen's wire format, forgets all when it ends, and no money moves."""
    with contextlib.suppress(KeyboardInterrupt):
        try:
            uvloop.run(_serve(host, port, address, (merchant, key, hmac, hooks, reports)))
        except OSError as fault:
            console.print(f"[bold red]The sandbox can't run.[/] Port {port}: {fault}.", highlight=False)
            raise typer.Exit(1) from None


async def _serve(
    host: str, port: int, address: str | None, account: tuple[str, str, str, str | None, str]
) -> None:  # fmt: skip
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    async with serving(host=host, port=port, address=address) as bank:
        name, key, hmac, hooks, reports = account
        merchant = bank.books.merchant(name, key)
        merchant.url, merchant.hmac = hooks, hmac
        merchant.report_key, merchant.reports_at = reports, f"{bank.address}{REPORTS}"
        console.print(f"The second sandbox provider listens on {bank.address}. No real money moves.", highlight=False)
        await stop.wait()
