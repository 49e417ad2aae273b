"""`forecourt energy plan`, `why`, `limits`, `needs`: what a site plans and why, what it may draw, what drivers need."""

import math
from itertools import islice
from typing import Annotated, Any, Final

import typer

from forecourt.cli import shown
from forecourt.cli.client import MAX_LISTED, Api, AsJson, Limit, Url
from forecourt.cli.shown import kw, kwh, moment
from forecourt.energy.model import MOST_A, MOST_W

#: Who says a limit that was set from here, where nobody else is named.
SOURCE: Final = "command line"
#: What a limit of the whole site is called, where it is given no id.
WHOLE: Final = "grid connection"

limits = typer.Typer(name="limits", no_args_is_help=True, help="What a site's nodes may draw, from when to when.")
needs = typer.Typer(name="needs", no_args_is_help=True, help="What drivers need of their sessions.")

Site = Annotated[str, typer.Argument(help="The site's slug or id.")]
SessionId = Annotated[str, typer.Argument(help="The session's id.")]
At = Annotated[str | None, typer.Option("--at", help="As of this time, with its zone; else now.")]
Source = Annotated[str, typer.Option(help="Whose word it is: api, or driver, which counts before it.")]


def _limits(zone: str) -> list[shown.Column]:
    """The columns of limits, with the times of their site's clock."""
    return [
        ("Limit", lambda each: each["limit_id"]),
        ("Node", lambda each: each["node"] or WHOLE),
        ("Power kW", lambda each: kw(each["limit_w"])),
        ("Current A", lambda each: each["limit_a"]),
        (f"From ({zone})", lambda each: moment(each["from"], zone)),
        ("To", lambda each: moment(each["to"], zone)),
        ("Source", lambda each: each["source"]),
        ("Id", lambda each: each["id"]),
        ("Withdrawn", lambda each: moment(each["withdrawn_at"], zone)),
    ]


#: Of a car of a plan, before and behind when it is ready, which is by the clock of the site.
_CARS: list[shown.Column] = [
    ("Station", lambda each: each["station"]),
    ("EVSE", lambda each: each["evse"]),
    ("Session", lambda each: each["session_id"]),
    ("Power kW", lambda each: kw(each["power_w"])),
    ("To come kWh", lambda each: kwh(each["lacks_wh"])),
]
_WHY: list[shown.Column] = [("Why", lambda each: " ".join(each["words"]))]


def _said(zone: str) -> list[shown.Column]:
    """The columns of what was said of a session, with the times of its site's clock."""
    return [
        ("Source", lambda each: each["source"]),
        (f"Said ({zone})", lambda each: moment(each["said_at"], zone)),
        ("By", lambda each: each["said_by"]),
        ("Wants", lambda each: each["wants"]),
    ]


def plan(site: Site, at: At = None, as_json: AsJson = False, url: Url = None) -> None:
    """Show the plan of a site: what each car gets, and why."""
    found = Api(url).get("sites", site, "plan", at=at)
    if as_json:
        shown.value(found)
        return
    zone = found["known"]["zone"]
    shown.line(f"Planned at {moment(found['at'], zone)} ({zone}): {found['grade']}. Peak {kw(found['peak_w'])} kW.")
    if found["why"]:
        shown.line(f"What kept it from being the best: {found['why']}")
    ready: shown.Column = (f"Ready ({zone})", lambda each: moment(each["ready_at"], zone))
    shown.rows(found["cars"], [*_CARS, ready, *_WHY], as_json=False)


def why(session: SessionId, at: At = None, as_json: AsJson = False, url: Url = None) -> None:
    """Say why a session charges as it does, and what its station was told last."""
    found = Api(url).get("sessions", session, "charging", at=at)
    if as_json:
        shown.value(found)
        return
    if found["car"] is None:
        shown.line("No plan has it.")
    else:
        for each in found["car"]["words"]:
            shown.line(each)
    if found["orders"]:
        shown.line(_order(found["orders"][0], found["zone"]))
    shown.line(f"Times are those of the site: {found['zone']}.")


def _order(order: dict[str, Any], zone: str) -> str:
    answer = {True: "said yes", False: "said no", None: "has not answered"}[order["accepted"]]
    told = f"{order['limit_ma'] / 1000:g} A" if not order["gives_ma"] else f"to give {order['gives_ma'] / 1000:g} A"
    until = moment(order["valid_to"], zone)
    return f"Told last at {moment(order['sent_at'], zone)}: {told} until {until}. The station {answer}."


@limits.callback()
def limits_() -> None:
    """What a site's nodes may draw, from when to when."""


@limits.command("list")
def list_limits(
    site: Site,
    every: Annotated[bool, typer.Option("--all", help="Those too that were withdrawn.")] = False,
    limit: Limit = 50,
    as_json: AsJson = False,
    url: Url = None,
) -> None:
    """List the limits of a site that were said, newest first."""
    api = Api(url)
    found = api.listed("sites", site, "limits", limit=MAX_LISTED)
    wanted = (each for each in found if every or each["withdrawn_at"] is None)
    zone = "" if as_json else api.get("sites", site)["time_zone"]
    shown.rows(islice(wanted, limit), _limits(zone), as_json=as_json)


@limits.command("set")
def set_limit(
    site: Site,
    power_w: Annotated[int | None, typer.Option(help="Active power, in W.", min=0, max=MOST_W)] = None,
    current_a: Annotated[float | None, typer.Option(help="Of each conductor, in A.", min=0, max=MOST_A)] = None,
    node: Annotated[str | None, typer.Option(help="A node's id; else the grid connection.")] = None,
    begins: Annotated[str | None, typer.Option("--from", help="When it begins, with its zone; else now.")] = None,
    ends: Annotated[str | None, typer.Option("--to", help="When it ends; else when it is cleared.")] = None,
    source: Annotated[str, typer.Option(help="Who says so.")] = SOURCE,
    name: Annotated[
        str | None, typer.Option("--id", help="Set again by it, a limit is replaced; else the node.")
    ] = None,
    as_json: AsJson = False,
    url: Url = None,
) -> None:
    """Limit a site or a node of it. Stations are told at once where they have to draw less."""
    if power_w is None and current_a is None:
        raise typer.BadParameter("a limit is a power or a current: --power-w, --current-a")
    if current_a is not None and math.isnan(current_a):
        raise typer.BadParameter("nan is no current", param_hint="--current-a")
    said = {"node": node, "limit_w": power_w, "limit_a": current_a, "from": begins, "to": ends}
    body = {
        "source": source,
        "id": name or node or WHOLE,
        **{key: each for key, each in said.items() if each is not None},
    }
    shown.facts(Api(url).post("sites", site, "limits", body=body), as_json=as_json)


@limits.command("clear")
def clear_limit(
    site: Site, limit: Annotated[str, typer.Argument(help="As `limits list` shows it.")], url: Url = None
) -> None:
    """Let a limit count no more, now or ever."""
    Api(url).delete("sites", site, "limits", limit)
    shown.line("It counts no more.")


@needs.callback()
def needs_() -> None:
    """What drivers need of their sessions."""


@needs.command("show")
def show_needs(session: SessionId, as_json: AsJson = False, url: Url = None) -> None:
    """Show what a driver needs of a session, and who said so."""
    _show(Api(url).get("sessions", session, "needs"), as_json=as_json)


@needs.command("set")
def set_needs(
    session: SessionId,
    departure: Annotated[str | None, typer.Option(help="When the car leaves, with its zone.")] = None,
    energy_wh: Annotated[int | None, typer.Option(help="What it needs since the session began.", min=0)] = None,
    soc_pct: Annotated[int | None, typer.Option(help="The state of charge that is wanted.", min=0, max=100)] = None,
    range_km: Annotated[int | None, typer.Option(help="How far it must come with what it gets.", min=0)] = None,
    minimum_wh: Annotated[int | None, typer.Option(help="Needed whatever it costs, by --minimum-by.", min=0)] = None,
    minimum_by: Annotated[str | None, typer.Option(help="A time with its zone.")] = None,
    priority: Annotated[str | None, typer.Option(help="low, normal or high.")] = None,
    may_discharge: Annotated[
        bool | None, typer.Option("--may-discharge/--never-discharge", help="Whether the car may give back.")
    ] = None,
    source: Source = "api",
    as_json: AsJson = False,
    url: Url = None,
) -> None:
    """Say what a driver needs of a session, in place of what the same source said of it before."""
    said = {
        "departure_at": departure, "energy_wh": energy_wh, "soc_pct": soc_pct, "range_km": range_km,
        "minimum_wh": minimum_wh, "minimum_by": minimum_by, "priority": priority, "may_discharge": may_discharge,
    }  # fmt: skip
    body = {key: each for key, each in said.items() if each is not None}
    if not body:
        raise typer.BadParameter("nothing was said; `needs clear` takes back what was")
    _show(Api(url).put("sessions", session, "needs", body=body, source=source), as_json=as_json)


@needs.command("clear")
def clear_needs(session: SessionId, source: Source = "api", url: Url = None) -> None:
    """Take back what a source said of a session."""
    Api(url).delete("sessions", session, "needs", source=source)
    shown.line("It is taken back.")


def _show(found: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        shown.value(found)
        return
    shown.facts(found["wants"], as_json=False)
    if found["said"]:
        shown.rows(found["said"], _said(found["time_zone"]), as_json=False)
    else:
        shown.line("Nothing was said.")
