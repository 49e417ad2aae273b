"""What was measured and how it reads: a table for people, JSON for programs."""

from pathlib import Path

import msgspec
from msgspec import Struct
from rich.console import Console
from rich.table import Table


class Figure(Struct, frozen=True, kw_only=True):
    """One measured thing. `ordinary` is None where the ordinary way has no counterpart.

    A goal is at least so many times better than the ordinary way (`goal_ratio`), at most so much (`goal_most`), or at
    least so much (`goal_least`). Without one the figure is told only.
    """

    what: str
    unit: str
    ours: float
    ordinary: float | None = None
    more_is_better: bool = False
    goal_ratio: float | None = None
    goal_most: float | None = None
    goal_least: float | None = None

    @property
    def ratio(self) -> float | None:
        """How many times better ours is."""
        if self.ordinary is None or not self.ours or not self.ordinary:
            return None
        return self.ours / self.ordinary if self.more_is_better else self.ordinary / self.ours

    @property
    def met(self) -> bool | None:
        """Whether the goal is met; None without a goal."""
        if self.goal_ratio is not None:
            return self.ratio is not None and self.ratio >= self.goal_ratio
        if self.goal_most is not None:
            return self.ours <= self.goal_most
        if self.goal_least is not None:
            return self.ours >= self.goal_least
        return None

    @property
    def goal(self) -> str:
        """The goal in words."""
        if self.goal_ratio is not None:
            return f"{self.goal_ratio:g} times better"
        if self.goal_most is not None:
            return f"at most {self.goal_most:g}"
        if self.goal_least is not None:
            return f"at least {self.goal_least:g}"
        return ""


def show(figures: list[Figure], console: Console, title: str) -> None:
    """Print one row a figure."""
    table = Table(title=title, title_justify="left")
    table.add_column("what")
    for name in ("ours", "ordinary", "ratio"):
        table.add_column(name, justify="right")
    table.add_column("unit")
    table.add_column("goal")
    table.add_column("")
    for figure in figures:
        met = {True: "[green]met[/]", False: "[red]missed[/]", None: ""}[figure.met]
        ratio = "" if figure.ratio is None else f"{figure.ratio:.1f}"
        ordinary = "" if figure.ordinary is None else _short(figure.ordinary)
        table.add_row(figure.what, _short(figure.ours), ordinary, ratio, figure.unit, figure.goal, met)
    console.print(table)


def write(
    figures: list[Figure], path: Path, circumstances: dict[str, str | int | bool], failed: dict[str, str]
) -> None:
    """Keep the figures as JSON, and the parts that have none with why; the file is whole at every instant."""
    rows = [
        msgspec.to_builtins(figure) | {"ratio": figure.ratio, "goal": figure.goal, "met": figure.met}
        for figure in figures
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    kept = {"circumstances": circumstances, "figures": rows, "failed": failed}
    draft = path.with_suffix(f"{path.suffix}.draft")
    draft.write_bytes(msgspec.json.format(msgspec.json.encode(kept)))
    draft.replace(path)


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"
