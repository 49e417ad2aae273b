"""`forecourt loyalty`: campaigns and what they changed, over the API; and how well effects are told, by simulation."""

from collections.abc import Mapping
from typing import Annotated, Any, Final

import typer
from msgspec import structs

from forecourt.cli import shown
from forecourt.cli.client import Api, AsJson, Url

app = typer.Typer(name="loyalty", no_args_is_help=True, help="Campaigns, vouchers, and what they changed.")
#: Campaigns of one simulation.
MAX_SIMULATED: Final = 5_000

Number = Annotated[int, typer.Argument(min=1, help="The campaign's number.")]


@app.callback()
def loyalty() -> None:
    """Campaigns, vouchers, and what they changed."""


def _money(campaign: Mapping[str, Any], amount: int | None) -> str:
    return shown.major(amount, campaign["terms"]["currency"])


@app.command("list")
def list_campaigns(url: Url = None, as_json: AsJson = False) -> None:
    """List campaigns, the latest first."""
    columns: list[shown.Column] = [
        ("number", lambda each: each["campaign_id"]),
        ("name", lambda each: each["terms"]["name"]),
        ("state", lambda each: each["state"]),
        ("given by", lambda each: "code" if each["terms"].get("by_code") else "audience"),
        ("drivers", lambda each: each["members"]),
        ("held out", lambda each: each["held_out"]),
        ("uses", lambda each: each["uses"]),
        ("spent", lambda each: _money(each, each["spent"])),
        ("kept", lambda each: _money(each, each["reserved"])),
        ("budget", lambda each: _money(each, each["terms"].get("budget"))),
        ("currency", lambda each: each["terms"]["currency"]),
    ]
    shown.rows(Api(url).get("loyalty", "campaigns")["items"], columns, as_json=as_json)


@app.command("show")
def show_campaign(number: Number, url: Url = None, as_json: AsJson = False) -> None:
    """Show a campaign with its terms."""
    found = Api(url).get("loyalty", "campaigns", str(number))
    shown.facts({**found.pop("terms"), **found}, as_json=as_json)


@app.command()
def effect(number: Number, url: Url = None, as_json: AsJson = False) -> None:
    """Tell what a campaign changed, by driver, with intervals that hold the truth in 95 of 100 campaigns."""
    told = Api(url).get("loyalty", "campaigns", str(number), "effect")
    if as_json:
        shown.value(told)
        return
    shown.line(f"{told['treated']} drivers had it and {told['held_out']} were held out, until {told['until']}.")
    if not told["compared"]:
        from forecourt.loyalty.effect.estimate import MIN_GROUP

        few = min(told["treated"], told["held_out"]) < MIN_GROUP
        why = "There are fewer than ten drivers in a group" if few else "There is no session of them since it began"
        shown.line(f"{why}: nothing can be told yet.")
        return
    columns: list[shown.Column] = [("measure", lambda each: each["measure"])]
    columns += [_number(name) for name in ("treated", "held_out", "difference", "low", "high", "p_value")]
    shown.rows(told["compared"], columns, as_json=False)


def _number(name: str) -> shown.Column:
    return name.replace("_", " "), lambda each: f"{each[name]:.4g}"


@app.command()
def simulate(
    drivers: Annotated[int, typer.Option(min=40, max=10_000, help="Of each campaign.")] = 1_000,
    held_out: Annotated[float, typer.Option(min=0.05, max=0.9, help="The share that is held out.")] = 0.3,
    lift: Annotated[float, typer.Option(min=0.0, max=2.0, help="By which drivers come more often, in truth.")] = 0.25,
    runs: Annotated[int, typer.Option(min=100, max=MAX_SIMULATED, help="Campaigns with this effect.")] = 500,
    without: Annotated[int, typer.Option(min=100, max=MAX_SIMULATED, help="Campaigns without any.")] = 200,
    seed: Annotated[int, typer.Option(min=0)] = 1,
    as_json: AsJson = False,
) -> None:
    """Tell how often an effect is declared where there is none, how often a true one is found, how often its interval
    holds the truth, and how wide that is against the least that theory allows. Needs no deployment."""
    from forecourt.loyalty.effect.trial import try_out
    from forecourt.simulator.campaigns import World, draw

    world = World(drivers=drivers, held_out=held_out, lift=lift)
    null = World(drivers=drivers, held_out=held_out)
    same, other = draw(null, without, seed), draw(world, runs, seed + 1)
    nothing = try_out(same.during, same.before, same.treated, truth=0.0, error=null.error)
    found = try_out(other.during, other.before, other.treated, truth=world.effect, error=world.error)
    lines = [
        {"truth_kwh": 0.0, **structs.asdict(nothing)},
        {"truth_kwh": round(world.effect, 3), **structs.asdict(found)},
    ]
    columns: list[shown.Column] = [
        ("true effect, kWh", lambda each: each["truth_kwh"]),
        ("campaigns", lambda each: each["campaigns"]),
        ("declared %", lambda each: f"{100 * each['declared']:.1f}"),
        ("interval holds it %", lambda each: f"{100 * each['covered']:.1f}"),
        ("width / theory", lambda each: f"{each['width']:.3f}"),
        ("bias kWh", lambda each: f"{each['bias']:.3f}"),
    ]
    shown.rows(lines, columns, as_json=as_json)
