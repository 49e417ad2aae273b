"""Profit per connector, as the books say: what was earned less energy, fees, shares and what was lost."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final

from forecourt.insight.dashboards.model import NO_SITE, Answer, Asked, Cell, Column, Figure, Table, Unit, table
from forecourt.insight.store import Connection
from forecourt.insight.usage import measures
from forecourt.payments.ledger.reports import Earned, SiteCost, read_profit
from forecourt.stations.service import site_names
from forecourt.ui.i18n import mark

_PARTS: Final = ("revenue", "energy_cost", "fees", "share", "lost", "profit")


async def answer(conn: Connection, tenant_id: int, asked: Asked) -> Answer:
    """Everything of the family, of what was posted within the span."""
    rows, costs = await read_profit(conn, tenant_id, asked.span.since, asked.span.until)
    named = await site_names(conn, tenant_id)
    slugs = {site.site_id: site.slug for site in named}
    mine = [row for row in rows if _meant(row, slugs, asked)]
    # What a site costs beside energy is no connector's.
    sites = {site for site, slug in slugs.items() if asked.is_at(slug)}
    other = [cost for cost in costs if cost.site_id in sites] if asked.station is None else []
    return told(mine, other, {site.site_id: site.name for site in named})


def told(rows: Sequence[Earned], costs: Sequence[SiteCost], names: Mapping[int, str]) -> Answer:
    """Figures by currency, and a row for each site and each connector, the most profitable first. `names`: of sites."""
    sums: dict[str, Counter[str]] = {}
    for row in rows:
        kept = sums.setdefault(row.currency, Counter())
        for name in (*_PARTS, "energy_wh"):
            kept[name] += getattr(row, name)
    for cost in costs:
        sums.setdefault(cost.currency, Counter())["other"] += cost.other
    figures: list[Figure] = []
    for currency, kept in sorted(sums.items()):
        profit = kept["profit"] - kept["other"]
        for key, label, value, more_is in (
            ("profit", mark("Profit"), profit, 1),
            ("earned", mark("Revenue"), kept["revenue"], 1),
            ("energy_cost", mark("Cost of energy"), kept["energy_cost"], -1),
            ("fees", mark("Fees and losses"), kept["fees"] + kept["lost"], -1),
            ("shares", mark("Shares of hosts"), kept["share"], 0),
            ("other", mark("Other expenses"), kept["other"], -1),
        ):
            figures.append(
                Figure(key=key, label=label, unit=Unit.MONEY, value=value, currency=currency, more_is=more_is)
            )
        figures.append(
            Figure(
                key="margin", label=mark("Margin"), unit=Unit.SHARE, value=measures.share(profit, kept["revenue"]),
                currency=currency, more_is=1,
            )
        )  # fmt: skip
    ordered = sorted(rows, key=lambda row: (row.currency, -row.profit, row.station, row.evse or 0, row.connector or 0))
    lines: list[tuple[Cell, ...]] = [
        (
            row.station, row.evse, row.connector, row.site, row.sessions, row.energy_wh,
            *(getattr(row, name) for name in _PARTS), measures.share(row.profit, row.revenue), row.currency,
        )
        for row in ordered
    ]  # fmt: skip
    columns = (
        Column(name="station", label=mark("Station"), unit=Unit.TEXT),
        Column(name="evse", label=mark("EVSE"), unit=Unit.COUNT),
        Column(name="connector", label=mark("Connector"), unit=Unit.COUNT),
        Column(name="site", label=mark("Site"), unit=Unit.TEXT),
        Column(name="sessions", label=mark("Sessions"), unit=Unit.COUNT),
        Column(name="energy_wh", label=mark("Energy"), unit=Unit.ENERGY),
        Column(name="revenue_minor", label=mark("Revenue"), unit=Unit.MONEY),
        Column(name="energy_cost_minor", label=mark("Cost of energy"), unit=Unit.MONEY),
        Column(name="fees_minor", label=mark("Fees"), unit=Unit.MONEY),
        Column(name="share_minor", label=mark("Shares"), unit=Unit.MONEY),
        Column(name="lost_minor", label=mark("Lost"), unit=Unit.MONEY),
        Column(name="profit_minor", label=mark("Profit"), unit=Unit.MONEY),
        Column(name="margin", label=mark("Margin"), unit=Unit.SHARE),
        Column(name="currency", label=mark("Currency"), unit=Unit.TEXT),
    )
    return Answer(
        figures=tuple(figures),
        tables=(_sites(rows, costs, names), table("connectors", mark("Connectors"), columns, lines)),
    )


def _sites(rows: Sequence[Earned], costs: Sequence[SiteCost], names: Mapping[int, str]) -> Table:
    """A row for each site and currency, the most profitable first: connectors together, less what the site costs."""
    sums: dict[tuple[int | None, str], Counter[str]] = {}
    for row in rows:
        kept = sums.setdefault((row.site_id, row.currency), Counter())
        for name in (*_PARTS, "sessions", "energy_wh"):
            kept[name] += getattr(row, name)
    for cost in costs:
        kept = sums.setdefault((cost.site_id, cost.currency), Counter())
        kept["other"] += cost.other
        kept["profit"] -= cost.other
    lines: list[tuple[Cell, ...]] = []
    for (site_id, currency), kept in sorted(sums.items(), key=lambda each: (each[0][1], -each[1]["profit"])):
        site = None if site_id is None else names.get(site_id)
        parts = (kept[part] for part in ("revenue", "energy_cost", "fees", "share", "lost", "other", "profit"))
        margin = measures.share(kept["profit"], kept["revenue"])
        lines.append((site, kept["sessions"], kept["energy_wh"], *parts, margin, currency))
    columns = (
        Column(name="site", label=mark("Site"), unit=Unit.TEXT),
        Column(name="sessions", label=mark("Sessions"), unit=Unit.COUNT),
        Column(name="energy_wh", label=mark("Energy"), unit=Unit.ENERGY),
        Column(name="revenue_minor", label=mark("Revenue"), unit=Unit.MONEY),
        Column(name="energy_cost_minor", label=mark("Cost of energy"), unit=Unit.MONEY),
        Column(name="fees_minor", label=mark("Fees"), unit=Unit.MONEY),
        Column(name="share_minor", label=mark("Shares"), unit=Unit.MONEY),
        Column(name="lost_minor", label=mark("Lost"), unit=Unit.MONEY),
        Column(name="other_minor", label=mark("Other expenses"), unit=Unit.MONEY),
        Column(name="profit_minor", label=mark("Profit"), unit=Unit.MONEY),
        Column(name="margin", label=mark("Margin"), unit=Unit.SHARE),
        Column(name="currency", label=mark("Currency"), unit=Unit.TEXT),
    )
    return table("sites", mark("Sites"), columns, lines)


def _meant(row: Earned, slugs: dict[int, str], asked: Asked) -> bool:
    slug = NO_SITE if row.site_id is None else slugs.get(row.site_id)
    return (
        (asked.site is None or (slug is not None and asked.is_at(slug)))
        and asked.station in (None, row.station)
        and (asked.evse is None or asked.evse == str(row.evse))
    )
