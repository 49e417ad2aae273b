"""The command line: every process of Forecourt is a command, and so is what a person does to a deployment or by it.

Commands import what they run when they run: a gateway has no use for the web's libraries, nor `version` for any. Those
named after a noun speak to the HTTP API, as any program may.
"""

import os
import re
import sys
from importlib import metadata
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from forecourt.cli import (
    bulk,
    charging,
    contracts,
    energy,
    feeds,
    fleets,
    forecasts,
    health,
    inbox,
    incidents,
    insight,
    ledger,
    loyalty,
    measures,
    payouts,
    prices,
    reports,
    sessions,
    sites,
    stations,
    tariffs,
    tokens,
    variables,
)
from forecourt.platform.errors import ForecourtError
from forecourt.platform.settings import CONFIG_VARIABLE, load


class Commands(typer.core.TyperGroup):
    """Shows a foreseen error as a sentence, not as a traceback."""

    def main(self, *args: object, **kwargs: object) -> object:
        try:
            return super().main(*args, **kwargs)  # type: ignore[arg-type]
        except ForecourtError as fault:
            told = Text.assemble(("Forecourt can't go on. ", "bold red"), fault.detail)
            Console(stderr=True).print(told, highlight=False)
            sys.exit(getattr(fault, "exit_code", 1))


#: Characters of an organisation's name, as in the console.
MAX_NAME = 200

app = typer.Typer(
    cls=Commands, no_args_is_help=True, add_completion=False, pretty_exceptions_show_locals=False, rich_markup_mode=None
)
_DAILY = (stations, variables, bulk, sessions, tokens, contracts, tariffs, sites, incidents, inbox)
for room in (*_DAILY, energy, fleets, insight, ledger, loyalty, payouts):
    app.add_typer(room.app)
energy.app.add_typer(prices.app)
energy.app.add_typer(feeds.app)
energy.app.add_typer(charging.limits)
energy.app.add_typer(charging.needs)
energy.app.command()(charging.plan)
energy.app.command()(charging.why)
insight.app.command()(forecasts.backtest)
insight.app.command()(forecasts.forecast)
insight.app.command()(measures.show)
insight.app.add_typer(health.app, name="health")
insight.app.add_typer(reports.app, name="report")


@app.callback()
def common(
    config: Annotated[
        Path | None, typer.Option(help="A TOML file with settings; FORECOURT_* variables win over it.")
    ] = None,
) -> None:
    """Forecourt, a charging station management system."""
    if config is not None:
        # By the environment, so that the processes started from here read the same file.
        os.environ[CONFIG_VARIABLE] = str(config.absolute())


@app.command()
def up(demo: Annotated[bool, typer.Option(help="Add a demo organisation and simulated stations.")] = False) -> None:
    """Run everything on this machine, until Ctrl-C."""
    from forecourt.app import up

    up.main(load(os.environ), demo=demo)


@app.command()
def gateway() -> None:
    """Run one gateway: the stations' sockets."""
    from forecourt.app.entry import run

    run("gateway")


@app.command()
def web() -> None:
    """Run the web: console, API and live socket."""
    from forecourt.app.entry import run

    run("web")


@app.command()
def worker() -> None:
    """Run a worker: durable jobs and the dispatcher."""
    from forecourt.app.entry import run

    run("worker")


@app.command()
def planner() -> None:
    """Run a planner: smart charging of the sites that it holds."""
    from forecourt.app.entry import run

    run("planner")


@app.command()
def migrate() -> None:
    """Bring the database to this version (FORECOURT_MIGRATE_URL, or the embedded one)."""
    from forecourt.app import up

    applied = up.migrate_only(load(os.environ))
    Console().print(f"Applied {', '.join(applied)}." if applied else "The database is of this version already.")


@app.command()
def organisation(
    name: Annotated[str, typer.Argument(help="What it is called.")],
    owner: Annotated[str, typer.Option(help="The address of its first owner, who may belong to others already.")],
) -> None:
    """Make another organisation (FORECOURT_MIGRATE_URL, or the embedded database)."""
    from forecourt.access.api.fields import EMAIL_PATTERN
    from forecourt.app import up
    from forecourt.platform.text import NAME_LINE

    if len(name) > MAX_NAME or re.fullmatch(NAME_LINE, name) is None:
        raise typer.BadParameter(f"An organisation's name is one line of 1 to {MAX_NAME} characters.")
    if re.fullmatch(EMAIL_PATTERN, owner) is None:
        raise typer.BadParameter("The owner is named by an e-mail address.")
    made = up.add_organisation(load(os.environ), name.strip(), owner)
    console = Console()
    console.print(f"{made.organisation} is made, number {made.tenant_id}.", highlight=False)
    if made.password is None:
        console.print(f"{owner} signs in as before and changes to it in the console.", highlight=False)
    else:
        console.print(f"{owner} signs in with this password, shown this once: {made.password}", highlight=False)


@app.command(
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
    add_help_option=False,
)
def simulate(context: typer.Context) -> None:
    """Simulate charging stations: the demo, a replay of real sessions, or idle ones (--help tells more)."""
    from forecourt.simulator.command import app as simulator

    simulator(args=context.args, prog_name="forecourt simulate")


@app.command(
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
    add_help_option=False,
)
def sandbox(context: typer.Context) -> None:
    """Run a payment provider to try things on: it speaks Stripe's wire format, and no money moves (--help: more)."""
    from forecourt.simulator.provider.command import app as provider

    provider(args=context.args, prog_name="forecourt sandbox")


@app.command(
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
    add_help_option=False,
)
def sandbox_adyen(context: typer.Context) -> None:
    """Run a second payment provider to try things on: it speaks Adyen's wire format (--help: more)."""
    from forecourt.simulator.adyen.command import app as provider

    provider(args=context.args, prog_name="forecourt sandbox-adyen")


@app.command()
def version() -> None:
    """Print the version."""
    Console().print(metadata.version("forecourt"), highlight=False)
