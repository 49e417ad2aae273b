"""`forecourt insight health`: which connectors wear, and the model that says so: learned, judged and told of."""

import asyncio
import os
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import msgspec
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from forecourt.cli import shown
from forecourt.cli.organisations import Organisation, tenant_of
from forecourt.platform.settings import load

if TYPE_CHECKING:
    from forecourt.insight.health.contest import Contest
    from forecourt.insight.health.examining import Examined, Examiner
    from forecourt.insight.health.judging import Figure, Figures
    from forecourt.insight.health.training import Progress as Told

#: Seeds of a judgement at the most.
MAX_SEEDS = 100

app = typer.Typer(no_args_is_help=True, help="Connectors that wear: the model, and how far it is to be believed.")
console = Console(stderr=True)
Done = TypeVar("Done")
Folder = Annotated[Path | None, typer.Option("--model", help="A folder of `train`; else the model that is shipped.")]
Report = Annotated[Path | None, typer.Option("--json", help="Write the report here; - is standard output.")]


@app.command()
def train(out: Annotated[Path, typer.Argument(help="The folder that the model is written to.")]) -> None:
    """Learn a model from simulated connectors: the one that is shipped, again."""
    from forecourt.insight.health import shipped, training
    from forecourt.simulator.wear import make, varied

    with _progress() as told:
        model = training.made(
            lambda seed: make(varied(seed), seed), training.LEARNED_SEEDS, training.VALIDATED_SEEDS, told
        )  # fmt: skip
    shipped.write(model, out)
    console.print(f"{out}: {model.card.trees} trees, alerts from a risk of {model.card.threshold}.", highlight=False)


@app.command()
def evaluate(
    seeds: Annotated[int, typer.Option(min=1, max=MAX_SEEDS, help="Simulated networks that it is judged on.")] = 20,
    folder: Folder = None,
    report: Report = None,
) -> None:
    """Judge a model and the control chart in another simulated world than it learned in."""
    from forecourt.insight.health import shipped, training
    from forecourt.simulator.wear import ELSEWHERE, make

    model = shipped.read() if folder is None else shipped.read(folder)
    first = training.TEST_SEEDS[0]
    with _progress() as told:
        found = training.evaluated(model, lambda seed: make(ELSEWHERE, seed), range(first, first + seeds), told)
    if report is not None:
        text = msgspec.json.format(msgspec.json.encode(found), indent=1) + b"\n"
        if report == Path("-"):
            typer.echo(text.decode(), nl=False)
            return
        report.write_bytes(text)
    _figures(
        [
            ("model", found.model),
            *((f"  {kind}", each) for kind, each in found.by_kind.items()),
            ("chart", found.chart),
            ("chart, as many alerts", found.chart_at_equal),
        ]
    )
    typer.echo(
        f"Sudden faults: {found.model.sudden}, of these {found.model.sudden_by_chance} while an alert stood. They can't"
        " be foreseen; watching finds them."
    )


@app.command()
def report(folder: Folder = None, as_json: Annotated[bool, typer.Option("--json")] = False) -> None:
    """The card of a model: what it learned from, its thresholds, and its figures on validation."""
    from forecourt.insight.health import shipped

    card = (shipped.read() if folder is None else shipped.read(folder)).card
    if as_json:
        shown.value(msgspec.to_builtins(card))
        return
    if card.learned_from == "simulation":
        typer.echo("Learned from simulated connectors alone; not proven on real faults.")
    typer.echo(f"{card.examples} connector-days with {card.failures} failures, {card.trees} trees.")
    typer.echo(f"Alerts from a risk of {card.threshold}; the chart ({card.chart}) from {card.chart_threshold} limits.")
    _figures([("model, validation", card.validation), ("chart, validation", card.chart_validation)])
    for kind, lead in card.leads.items():
        typer.echo(f"{kind}: half of the right alerts came {lead.median_d} days before, or sooner ({lead.alerts}).")


@app.command()
def look(organisation: Organisation = None) -> None:
    """Look at an organisation's connectors now, by its lake, as the worker does each night."""

    async def looked(examiner: "Examiner", tenant_id: int) -> "Examined":
        return await examiner.look(tenant_id)

    done = asyncio.run(_examined(organisation, looked))
    typer.echo(
        f"{done.known} connectors looked at, of {done.unknown} too little is known; {done.opened} alerts opened,"
        f" {done.closed} ended."
    )


@app.command()
def contest(organisation: Organisation = None) -> None:
    """Let a model that learns on from an organisation's own failures try to take the place of the one in use, as the
    worker does each month."""
    from forecourt.insight.health.words import WHY

    async def contested(examiner: "Examiner", tenant_id: int) -> "Contest":
        return await examiner.contest(tenant_id)

    told = asyncio.run(_examined(organisation, contested))
    learned, fixed, judged = told.failures
    typer.echo(f"{told.champion} against {told.challenger or 'nobody'}: {WHY[told.why]}.")
    typer.echo(
        f"{told.connectors} connectors, {told.days} days; failures: {learned} to learn from, {fixed} and {judged}."
    )
    if told.champion_was is not None and told.challenger_was is not None:
        _figures([("in use", told.champion_was), ("challenger", told.challenger_was)])


async def _examined(organisation: str | None, verb: "Callable[[Examiner, int], Awaitable[Done]]") -> "Done":
    from forecourt.insight.health.examining import Examiner
    from forecourt.platform.clock import SystemClock

    settings = load(os.environ)
    async with tenant_of(settings, organisation) as (pool, tenant_id):
        return await verb(Examiner(pool, SystemClock(), settings.lake), tenant_id)


def _figures(rows: "list[tuple[str, Figures]]") -> None:
    shown.rows(
        [{"of": name, **msgspec.structs.asdict(of)} for name, of in rows],
        (
            ("", lambda each: each["of"]),
            ("failures", lambda each: each["failures"]),
            ("alerts", lambda each: each["alerts"]),
            ("precision", lambda each: _figure(each["precision"])),
            ("recall", lambda each: _figure(each["recall"])),
            ("lead d", lambda each: _figure(each["lead_d"], 1)),
            ("false / 100 months", lambda each: _figure(each["false_rate"])),
            ("h avoided / 100 years", lambda each: _figure(each["avoided_h"], 0)),
            ("cause named", lambda each: _figure(each["named"])),
        ),
        as_json=False,
    )


def _figure(figure: "Figure", digits: int = 2) -> str:
    if figure.value is None:
        return "-"
    text = f"{figure.value:.{digits}f}"
    return text if figure.low is None else f"{text} ({figure.low:.{digits}f}-{figure.high:.{digits}f})"


@contextmanager
def _progress() -> "Iterator[Told]":
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("", total=None)

        def told(what: str, done: int, every: int) -> None:
            bar.update(task, description=what, completed=done, total=every)

        yield told
