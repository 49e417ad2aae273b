"""`forecourt insight expansion` and `site-check`: what own sites need, and whether use of new ones can be predicted.

Both ask the lake; the second one a file where one is named."""

import asyncio
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from forecourt.cli import shown
from forecourt.cli.organisations import Organisation, tenant_of
from forecourt.platform.settings import load

if TYPE_CHECKING:
    from forecourt.insight.expansion.past import Past
    from forecourt.insight.expansion.service import Plans
    from forecourt.insight.siting.validating import Validation


def expansion(
    organisation: Organisation = None,
    as_json: Annotated[bool, typer.Option("--json", help="A JSON value a site, for programs.")] = False,
) -> None:
    """Plugs, connection and pay-back of every own site, with bounds, by what was said of growth in the console."""
    plans = asyncio.run(_plans(organisation))
    shown.rows(
        [msgspec.to_builtins(each) for each in plans.sites],
        (
            ("site", lambda each: each["name"]),
            ("plugs", lambda each: _of(each, lambda size: f"{size['plugs_now']} -> {size['plugs']}")),
            ("missed %", lambda each: _of(each, _missed)),
            ("kW lacking", lambda each: _of(each, lambda size: shown.kw(size["more_w"]))),
            ("sessions more a year", lambda each: _of(each, lambda size: round(size["more_a_year"]))),
            ("8 of 10", lambda each: _ends(each["more_bounds"])),
            ("cost, minor units", lambda each: _of(each, lambda size: size["cost_minor"])),
            ("paid back in years", lambda each: _of(each, _years)),
            ("8 of 10 ", lambda each: _ends(each["payback_bounds"])),
        ),
        as_json=as_json,
    )


def check(
    sites: Annotated[
        Path | None,
        typer.Argument(help="CSV of sites with use: latitude, longitude, plugs, use. Without it, the lake's."),
    ] = None,
    demand: Annotated[
        Path | None, typer.Option(help="CSV of demand that may explain use: latitude, longitude, weight.")
    ] = None,
    mapped: Annotated[list[str] | None, typer.Option("--map", help="Names of columns, for both: use=sessions.")] = None,
    organisation: Organisation = None,
    as_json: Annotated[bool, typer.Option("--json", help="A JSON value, for programs.")] = False,
) -> None:
    """Whether predicted demand ranks sites that were hidden from it better than plug count and nearest neighbour."""
    from forecourt.cli.siting import named
    from forecourt.insight.siting import reading
    from forecourt.insight.siting.studies import known_sites
    from forecourt.insight.siting.validating import validated

    columns = named(mapped or [])
    known = known_sites(asyncio.run(_past(organisation))) if sites is None else reading.known(sites, columns)
    found = validated(known, () if demand is None else reading.places(demand, columns))
    if as_json:
        shown.value(found)
        return
    _tell(found)


def _tell(found: "Validation") -> None:
    shown.line(f"{found.verdict.value}: {found.sites} sites{', ' + found.reason if found.reason else ''}")
    if found.by:
        shown.rows(
            [{"by": name, **msgspec.to_builtins(each)} for name, each in found.by.items()],
            (
                ("ranked by", lambda each: each["by"]),
                ("correlation", lambda each: f"{each['correlation']:.2f}"),
                ("99 of 100", lambda each: f"{each['low']:.2f} to {each['high']:.2f}"),
                ("prediction more by", lambda each: f"{each['less']:.2f}"),
                ("99 of 100 ", lambda each: f"{each['less_low']:.2f} to {each['less_high']:.2f}"),
            ),
            as_json=False,
        )


async def _plans(organisation: str | None) -> "Plans":
    from forecourt.insight.expansion.service import COMMAND_WITHIN_S, Growth
    from forecourt.platform.clock import SystemClock

    settings = load(os.environ)
    async with tenant_of(settings, organisation) as (pool, tenant_id):
        return await Growth(pool, SystemClock(), settings.lake, COMMAND_WITHIN_S).plans(tenant_id)


async def _past(organisation: str | None) -> "Past":
    from forecourt.insight.expansion.service import COMMAND_WITHIN_S, Growth
    from forecourt.platform.clock import SystemClock

    settings = load(os.environ)
    async with tenant_of(settings, organisation) as (pool, tenant_id):
        return await Growth(pool, SystemClock(), settings.lake, COMMAND_WITHIN_S).past(tenant_id)


def _of(each: Mapping[str, Any], told: Any) -> Any:
    from forecourt.insight.expansion.planned import TOO_LITTLE

    if each["size"] is not None:
        return told(each["size"])
    if each["reason"] == TOO_LITTLE:
        return f"{each['reason']}: {each['seen']} in {each['days']} days"
    return f"{each['reason']}, the last one was on {each['last_on']}" if each["last_on"] else each["reason"] or ""


def _missed(size: Mapping[str, Any]) -> str:
    return f"{100 * size['missed_now']:.1f} -> {100 * size['missed']:.1f}"


def _years(size: Mapping[str, Any]) -> str:
    return "" if size["payback_years"] is None else f"{size['payback_years']:.1f}"


def _ends(bounds: Mapping[str, Any] | None) -> str:
    if bounds is None:
        return ""
    low, high = ("never" if each is None else f"{each:,.1f}" for each in (bounds["low"], bounds["high"]))
    return f"{low} to {high}"
