"""`forecourt insight site`: where new sites serve the most, scenarios side by side. Speaks to no database."""

from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from forecourt.cli import shown

if TYPE_CHECKING:
    from forecourt.insight.siting.model import Asked, Scenario
    from forecourt.insight.siting.report import Report

_console = Console(stderr=True)


def site(
    candidates: Annotated[Path, typer.Argument(help="CSV of places where a site could be: latitude, longitude, name.")],
    demand: Annotated[
        Path | None, typer.Option(help="CSV of demand: latitude, longitude, weight. Else the weights of candidates.")
    ] = None,
    flows: Annotated[
        Path | None, typer.Option(help="CSV of ways, a row a point: flow, latitude, longitude, weight.")
    ] = None,
    existing: Annotated[
        Path | None, typer.Option(help="CSV of sites that are there and stay: latitude, longitude, plugs, own.")
    ] = None,
    method: Annotated[list[str] | None, typer.Option(help="median, cover or flow; several side by side.")] = None,
    new: Annotated[list[int] | None, typer.Option(help="How many new sites; several side by side.")] = None,
    reach_km: Annotated[
        list[float] | None, typer.Option(help="The radius, of flows the detour; several side by side.")
    ] = None,
    split: Annotated[str, typer.Option(help="Which site demand goes to: nearest, or huff.")] = "nearest",
    measured: Annotated[bool, typer.Option("--measured", help="Demand is measured use, not a proxy.")] = False,
    seconds: Annotated[float, typer.Option(help="That one scenario may take.")] = 60.0,
    mapped: Annotated[
        list[str] | None, typer.Option("--map", help="Names of columns, for all files: weight=population.")
    ] = None,
    report: Annotated[Path | None, typer.Option("--json", help="Write it here; - is standard output.")] = None,
    geojson: Annotated[Path | None, typer.Option(help="Write the chosen sites here, for a map.")] = None,
    table: Annotated[Path | None, typer.Option("--csv", help="Write the chosen sites here as CSV.")] = None,
) -> None:
    """Choose new sites, with a proven gap, greedy beside it, and what they take from own sites."""
    from forecourt.insight.siting.report import features
    from forecourt.insight.siting.service import compare

    if flows is None and "flow" in (method or ()):
        raise typer.BadParameter("flow needs the ways that are driven: say --flows FILE", param_hint="--method")
    asked = _asked(candidates, demand, flows, existing, named(mapped or []), split, measured=measured)
    scenarios = _scenarios(method or ["median"], new or [10], reach_km or [5.0], seconds)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=_console, transient=True) as bar:
        task = bar.add_task("reading", total=None)

        def progress(what: str, done: int, every: int) -> None:
            bar.update(task, description=what, completed=done, total=every)

        found = compare(asked, scenarios, progress, lambda: False)
    if geojson is not None:
        geojson.write_bytes(msgspec.json.encode(features(found)) + b"\n")
    if table is not None:
        _write(found, table)
    if report == Path("-"):
        shown.value(found)
        return
    if report is not None:
        report.write_bytes(msgspec.json.format(msgspec.json.encode(found), indent=2) + b"\n")
    _tell(found)


def _asked(
    candidates: Path, demand: Path | None, flows: Path | None, existing: Path | None, columns: dict[str, str],
    split: str, *, measured: bool,
) -> "Asked":  # fmt: skip
    from forecourt.insight.siting import reading
    from forecourt.insight.siting.model import Asked, Split

    if split not in tuple(Split):
        raise typer.BadParameter("nearest or huff", param_hint="--split")
    places = reading.places(candidates, columns, weighed=demand is None)
    return Asked(
        candidates=places, demand=places if demand is None else reading.places(demand, columns),
        flows=() if flows is None else reading.flows(flows, columns),
        existing=() if existing is None else reading.places(existing, columns, weighed=False),
        split=Split(split), measured=measured,
    )  # fmt: skip


def named(mapped: list[str]) -> dict[str, str]:
    """Names of columns, as `--map` says them."""
    from forecourt.insight.siting.reading import COLUMNS

    named = dict(each.partition("=")[::2] for each in mapped)
    for what, column in named.items():
        if what not in COLUMNS or not column:
            raise typer.BadParameter(f"{what}: write {'|'.join(COLUMNS)}=COLUMN", param_hint="--map")
    return named


def _scenarios(methods: list[str], new: list[int], reach_km: list[float], seconds: float) -> "list[Scenario]":
    from forecourt.insight.siting.model import Method, Scenario

    if unknown := [each for each in methods if each not in tuple(Method)]:
        raise typer.BadParameter(f"{unknown[0]}: median, cover or flow", param_hint="--method")
    return [
        Scenario(method=Method(each), new=count, reach_km=reach, seconds=seconds)
        for each, count, reach in product(methods, new, reach_km)
    ]


def _write(found: "Report", path: Path) -> None:
    from forecourt.insight.siting.files import rows

    path.write_text(rows(found), encoding="utf-8", newline="")


def _tell(found: "Report") -> None:
    made: list[dict[str, Any]] = [msgspec.to_builtins(each) for each in found.outcomes]
    shown.rows(
        made,
        (
            ("scenario", lambda each: each["title"]),
            ("mean km", lambda each: "" if each["mean_km"] is None else f"{each['mean_km']:.3f}"),
            (
                "reached %",
                lambda each: f"{100 * each['value'] / each['demand']:.2f}" if each["mean_km"] is None else "",
            ),
            ("gap at most %", lambda each: f"{100 * each['gap']:.4f}"),
            ("greedy's gap at most %", lambda each: f"{100 * each['greedy_gap']:.3f}"),
            ("new sites serve", lambda each: f"{each['taken']['new']:,.1f}"),
            ("taken from own", lambda each: f"{each['taken']['from_own']:,.1f}"),
            ("own gain, net", lambda each: f"{each['taken']['net']:,.1f}"),
        ),
        as_json=False,
    )
    for words in found.words:
        shown.line(words)
