"""`make bench`: measure everything against the ordinary way in one run, print one table, keep it as JSON."""

import asyncio
import os
import platform
import tempfile
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from bench import connections, kills, meter_values, remote, stack
from bench.figures import Figure, show, write
from bench.servers import stage

#: What is measured, in this order. Each part starts its own servers and stops them.
PARTS = {
    "durable MeterValues": meter_values.measure,
    "whole sessions": stack.measure,
    "connections": connections.measure,
    "remote commands": remote.measure,
}
RESULTS = Path("bench/results/latest.json")


def main(
    quick: Annotated[bool, typer.Option(help="Short measurements and no kill rounds.")] = False,
    rounds: Annotated[int, typer.Option(help="Rounds of the kill test; 0 leaves it out.")] = kills.ROUNDS,
    json: Annotated[Path, typer.Option(help="Where the figures are kept.")] = RESULTS,
) -> None:
    """Measure Forecourt. Ctrl-C stops it and everything it started."""
    console = Console()
    try:
        figures = asyncio.run(_measure(console, quick=quick))
    except KeyboardInterrupt:
        console.print("Stopped; nothing is left running.", style="dim")
        raise typer.Exit(130) from None
    show(figures, console, "Forecourt beside the ordinary way, one run")
    circumstances: dict[str, str | int | bool] = {
        "cores": os.cpu_count() or 0,
        "python": platform.python_version(),
        "quick": quick,
    }
    write(figures, json, circumstances)
    console.print(f"Ratios are judged, absolute figures depend on the machine. Kept in {json}.", style="dim")
    if rounds and not quick and not kills.run(rounds):
        raise typer.Exit(1)


async def _measure(console: Console, *, quick: bool) -> list[Figure]:
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory(prefix="forecourt-bench-") as folder:
        status = console.status("Starting PostgreSQL and NATS")
        with status:
            async with stage(Path(folder), quick=quick) as made:
                for name, measure in PARTS.items():
                    status.update(f"Measuring {name}")
                    figures += await measure(made)
    return figures


if __name__ == "__main__":
    typer.run(main)
