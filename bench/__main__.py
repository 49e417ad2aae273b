"""`make bench`: measure everything against the ordinary way in one run, print one table, keep it as JSON."""

import asyncio
import os
import platform
import tempfile
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from bench import connections, kills, meter_values, pages, remote, stack
from bench.figures import Figure, show, write
from bench.servers import stage

#: What is measured, in this order. Each part starts its own servers and stops them.
PARTS = {
    "durable MeterValues": meter_values.measure,
    "whole sessions": stack.measure,
    "connections": connections.measure,
    "remote commands": remote.measure,
    "pages": pages.measure,
}
RESULTS = Path("bench/results/latest.json")
#: Of the table where it goes to a file.
WIDTH = 120


def main(
    quick: Annotated[bool, typer.Option(help="Short measurements and no kill rounds.")] = False,
    rounds: Annotated[int, typer.Option(help="Rounds of the kill test; 0 leaves it out.")] = kills.ROUNDS,
    json: Annotated[Path, typer.Option(help="Where the figures are kept.")] = RESULTS,
) -> None:
    """Measure Forecourt. Ctrl-C stops it and everything it started."""
    console = Console()
    if not console.is_terminal:
        console = Console(width=WIDTH)
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
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with (
        tempfile.TemporaryDirectory(prefix="forecourt-bench-") as folder,
        Progress(*columns, console=console, transient=True) as progress,
    ):
        task = progress.add_task("Starting PostgreSQL and NATS", total=len(PARTS))
        async with stage(Path(folder), quick=quick) as made:
            for name, measure in PARTS.items():
                progress.update(task, description=f"Measuring {name}")
                figures += await measure(made)
                progress.advance(task)
    return figures


if __name__ == "__main__":
    typer.run(main)
