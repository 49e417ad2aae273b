"""`make bench`: measure everything against the ordinary way in one run, print one table, keep it as JSON."""

import asyncio
import os
import platform
import tempfile
import traceback
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from bench import connections, cuts, kills, lake, limits, meter_values, pages, planner, pricing, remote, stack
from bench.figures import Figure, show, write
from bench.servers import stage

#: What is measured, in this order. Each part starts its own servers and stops them.
PARTS = {
    "durable MeterValues": meter_values.measure,
    "whole sessions": stack.measure,
    "connections": connections.measure,
    "remote commands": remote.measure,
    "new limits": limits.measure,
    "cuts": cuts.measure,
    "pages": pages.measure,
    "planner": planner.measure,
    "pricing": pricing.measure,
    "lake": lake.measure,
}
RESULTS = Path("bench/results/latest.json")
#: Beside the figures: what each round of the kill test hit.
KILL_REPORT = "kills.jsonl"
#: Of the table where it goes to a file.
WIDTH = 120


def main(
    quick: Annotated[bool, typer.Option(help="Short measurements, and no kill rounds unless asked for.")] = False,
    rounds: Annotated[
        int | None, typer.Option(min=0, help=f"Rounds of the kill test ({kills.ROUNDS}); 0 leaves it out.")
    ] = None,
    json: Annotated[Path, typer.Option(help="Where the figures are kept, part by part.")] = RESULTS,
    part: Annotated[list[str] | None, typer.Option(help=f"Measure this part alone: {', '.join(PARTS)}.")] = None,
) -> None:
    """Measure Forecourt. Ctrl-C stops it and everything it started; what was measured until then is kept."""
    console = Console()
    if not console.is_terminal:
        console = Console(width=WIDTH)
    if unknown := {*(part or ())} - {*PARTS}:
        raise typer.BadParameter(f"There is no part {', '.join(sorted(unknown))}. There are: {', '.join(PARTS)}.")
    results = Results(json, quick=quick)
    if rounds is None:
        rounds = 0 if quick or part else kills.ROUNDS
    try:
        asyncio.run(_measure(results, console, part or [*PARTS], quick=quick))
        if rounds:
            console.print(f"{rounds} rounds of kill -9 under load", style="dim")
            _kill(results, rounds, json.with_name(KILL_REPORT))
    except KeyboardInterrupt:
        console.print(f"Stopped; nothing is left running. What was measured is in {json}.", style="dim")
        raise typer.Exit(130) from None
    show(results.figures, console, "Forecourt beside the ordinary way, one run")
    console.print(f"Ratios are judged, absolute figures depend on the machine. Kept in {json}.", style="dim")
    for name, fault in results.failed.items():
        console.print(f"{name} failed: {fault}", style="red", markup=False)
    if results.failed:
        raise typer.Exit(1)


class Results:
    """What was measured so far, kept in its file after each part."""

    def __init__(self, path: Path, *, quick: bool) -> None:
        self.figures: list[Figure] = []
        #: Parts that could not be measured, each with why.
        self.failed: dict[str, str] = {}
        self._path = path
        self._circumstances: dict[str, str | int | bool] = {
            "cores": os.cpu_count() or 0,
            "python": platform.python_version(),
            "quick": quick,
        }

    def add(self, part: str, outcome: list[Figure] | BaseException) -> None:
        """Keep a part's figures, or why there are none."""
        if isinstance(outcome, BaseException):
            self.failed[part] = f"{type(outcome).__name__}: {outcome}"
            traceback.print_exception(outcome)
        else:
            self.figures += outcome
        write(self.figures, self._path, self._circumstances, self.failed)


async def _measure(results: Results, console: Console, parts: list[str], *, quick: bool) -> None:
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with (
        tempfile.TemporaryDirectory(prefix="forecourt-bench-") as folder,
        Progress(*columns, console=console, transient=True) as progress,
    ):
        task = progress.add_task("Starting PostgreSQL and NATS", total=len(parts))
        async with stage(Path(folder), quick=quick) as made:
            for name in parts:
                progress.update(task, description=f"Measuring {name}")
                # One part that fails costs its own figures and not those of the others.
                [outcome] = await asyncio.gather(PARTS[name](made), return_exceptions=True)
                results.add(name, outcome)
                progress.advance(task)


def _kill(results: Results, rounds: int, report: Path) -> None:
    try:
        results.add("kills", kills.run(rounds, report))
    except RuntimeError as fault:
        results.add("kills", fault)


if __name__ == "__main__":
    typer.run(main)
