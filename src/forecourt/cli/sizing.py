"""`forecourt insight size`: plugs, connection and pay-back. Speaks to no database."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from forecourt.cli import history as past
from forecourt.cli import shown

if TYPE_CHECKING:
    from forecourt.insight.expansion.model import Load, Size
    from forecourt.insight.importing.tables import Options
    from forecourt.insight.model import Session


def size(
    history: Annotated[
        list[Path] | None, typer.Argument(help="Past sessions, as `import` reads them; or say --arrivals-per-hour.")
    ] = None,
    arrivals_per_hour: Annotated[float | None, typer.Option(help="Cars that come, served or not.")] = None,
    stay_minutes: Annotated[float | None, typer.Option(help="How long a car is plugged in on average.")] = None,
    blocking: Annotated[str, typer.Option(help="At most so many are turned away, or wait too long.")] = "5%",
    wait_minutes: Annotated[
        float | None, typer.Option(help="Drivers wait: at most --blocking of them longer than this. 0 is at all.")
    ] = None,
    plugs: Annotated[int | None, typer.Option(help="Plugs a site has; else those with a session, or none.")] = None,
    plug_kw: Annotated[float, typer.Option(help="Power of one plug.")] = 22.0,
    plug_cost: Annotated[int, typer.Option(help="Cost of a plug, in minor units.")] = 0,
    kw_cost: Annotated[int, typer.Option(help="Cost of a kW of connection, in minor units.")] = 0,
    margin: Annotated[int, typer.Option(help="What a session earns, in minor units.")] = 0,
    mapped: past.Mapped = None,
    time_zone: past.TimeZone = None,
    dates: past.Dates = None,
    time_format: past.TimeFormat = None,
    century: past.Century = None,
    decimal: past.Decimal = None,
    delimiter: past.Delimiter = None,
    encoding: past.Encoding = None,
    station: past.Station = None,
    site: past.Site = None,
    sheet: past.Sheet = None,
    report: Annotated[Path | None, typer.Option("--json", help="Write it here; - is standard output.")] = None,
) -> None:
    """Plugs that a site needs, the connection for them, and when they are paid back."""
    from forecourt.insight.expansion.model import Costs, Power, Target, steady
    from forecourt.insight.expansion.model import size as sized

    if plugs is not None and plugs < (1 if history else 0):
        raise typer.BadParameter("a site with past sessions has a plug", param_hint="--plugs")
    if not 0 < plug_kw <= 1000:
        raise typer.BadParameter("above 0, at most 1000", param_hint="--plug-kw")
    if min(plug_cost, kw_cost, margin) < 0:
        raise typer.BadParameter("costs and margin are 0 or more")
    if wait_minutes is not None and wait_minutes < 0:
        raise typer.BadParameter("0 or more", param_hint="--wait-minutes")
    target = Target(share=_share(blocking), wait_minutes=wait_minutes)
    if history and arrivals_per_hour is None and stay_minutes is None:
        options = past.options(
            mapped, delimiter, time_zone=time_zone, dates=dates, time_format=time_format, century=century,
            decimal=decimal, encoding=encoding, station=station, site=site, sheet=sheet,
        )  # fmt: skip
        found = _read(history, options, plugs)
    elif not history and arrivals_per_hour is not None and stay_minutes is not None:
        if not (0 < arrivals_per_hour < 1e5 and 0 < stay_minutes < 1e5):
            raise typer.BadParameter("arrivals and stay are above 0 and below 100,000")
        found = [steady("", arrivals_per_hour, stay_minutes, plugs or 0)]
    else:
        raise typer.BadParameter("give files of past sessions, or --arrivals-per-hour and --stay-minutes")
    costs = Costs(per_plug_minor=plug_cost, per_kw_minor=kw_cost, margin_minor=margin)
    power = Power(plug_w=round(plug_kw * 1000))
    _tell(found, [sized(load, target, power, costs) for load in found], report)


def _share(text: str) -> float:
    """`5%` or `0.05` as 0.05."""
    try:
        share = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except ValueError:
        share = -1.0
    if not 0 < share < 1:
        raise typer.BadParameter(f"{text} is no share; write it as 5% or 0.05", param_hint="--blocking")
    return share


def _read(files: list[Path], options: "Options", plugs: int | None) -> "list[Load]":
    from forecourt.insight.expansion.offered import loads
    from forecourt.insight.importing.files import understood
    from forecourt.platform.clock import SystemClock

    now, refused = SystemClock().now(), 0

    def sessions() -> "Iterator[Session]":
        nonlocal refused
        for path in files:
            for row in understood(path, options, now).rows():
                refused += row.session is None
                if row.session is not None:
                    yield row.session

    found = loads(sessions(), plugs)
    if refused:
        typer.echo(f"{refused} rows were left out; `forecourt insight import --look` tells why.", err=True)
    return found


def _tell(found: "list[Load]", sizes: "list[Size]", report: Path | None) -> None:
    made: list[dict[str, Any]] = [
        {
            **msgspec.to_builtins(size), "arrivals": load.arrivals, "erlang": load.erlang,
            "stay_minutes": load.stay_minutes, "seen": load.seen, "full_share": load.full_share,
        }
        for load, size in zip(found, sizes, strict=True)
    ]  # fmt: skip
    if report == Path("-"):
        shown.value(made)
        return
    if report is not None:
        report.write_bytes(msgspec.json.format(msgspec.json.encode(made), indent=2) + b"\n")
    shown.rows(
        made,
        (
            ("site", lambda each: each["site"]),
            ("erlang", lambda each: f"{each['peak']:.2f}"),
            ("plugs", lambda each: f"{each['plugs_now']} -> {each['plugs']}"),
            ("missed %", lambda each: f"{100 * each['missed_now']:.1f} -> {100 * each['missed']:.1f}"),
            ("all at once kW", lambda each: shown.kw(each["connection_w"])),
            ("99 % of the time kW", lambda each: shown.kw(each["managed_w"])),
            ("sessions more a year", lambda each: round(each["more_a_year"])),
            ("cost, minor units", lambda each: each["cost_minor"]),
            ("paid back in years", lambda each: each["payback_years"] and f"{each['payback_years']:.1f}"),
        ),
        as_json=False,
    )
