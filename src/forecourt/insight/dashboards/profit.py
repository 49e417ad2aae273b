"""Profit per connector, as the books say: what was earned less energy, fees, shares, rewards and what was lost.

Where nobody posted what a site's energy cost, profit and margin of it are not told: they would be too high by just
that. Figures of both are then of the sites of which it is known, under names of their own.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final

from msgspec import structs

from forecourt.insight.dashboards.model import (
    NO_SITE,
    Answer,
    Asked,
    Cell,
    Column,
    Figure,
    Note,
    Table,
    Unit,
    table,
)
from forecourt.insight.store import Connection
from forecourt.insight.usage import measures
from forecourt.payments.ledger.reports import Earned, SiteCost, first_and_last, list_lapsed, read_profit
from forecourt.stations.service import site_names
from forecourt.ui.i18n import mark

#: What is summed of rows; the cost of energy is apart, as not all of it is known.
_PARTS: Final = ("revenue", "discounts", "rewards", "fees", "share", "lost", "before_energy")

_UNKNOWN: Final = Note(
    text=mark(
        "What energy cost is not known of %(names)s: nobody posted it in these days. So neither profit nor margin is"
        " told there. Post the energy bill as an expense, at the host of the site."
    ),
    href="/hosts",
    link=mark("Choose the host"),
)
_PLACE: Final = (
    Column(name="sessions", label=mark("Sessions"), unit=Unit.COUNT),
    Column(name="energy_wh", label=mark("Energy"), unit=Unit.ENERGY),
)
_MONEY: Final = (
    Column(name="revenue_minor", label=mark("Revenue"), unit=Unit.MONEY),
    Column(name="discounts_minor", label=mark("Discounts, already off"), unit=Unit.MONEY, quiet=True),
    Column(name="rewards_minor", label=mark("Points and cashback"), unit=Unit.MONEY, quiet=True),
    Column(name="fees_minor", label=mark("Fees"), unit=Unit.MONEY, detail=True),
    Column(name="share_minor", label=mark("Shares"), unit=Unit.MONEY, detail=True),
    Column(name="lost_minor", label=mark("Lost"), unit=Unit.MONEY, detail=True),
    Column(name="before_energy_minor", label=mark("Left before energy"), unit=Unit.MONEY, detail=True),
)
_COSTS: Final = (
    # Together, as pages have no room for each.
    Column(name="costs_minor", label=mark("Fees, shares and losses"), unit=Unit.MONEY, quiet=True),
    Column(name="energy_cost_minor", label=mark("Cost of energy"), unit=Unit.MONEY),
)
_LEFT: Final = (
    Column(name="profit_minor", label=mark("Profit"), unit=Unit.MONEY),
    Column(name="margin", label=mark("Margin"), unit=Unit.SHARE),
    Column(name="currency", label=mark("Currency"), unit=Unit.TEXT),
)


class _Sums:
    """What rows came to. `known`: whether what energy cost is known of any of it; `dark` whether any has none."""

    def __init__(self) -> None:
        self.parts: Counter[str] = Counter()
        self.energy_cost = 0
        self.known = self.dark = False

    def add(self, row: Earned) -> None:
        for name in (*_PARTS, "sessions", "energy_wh"):
            self.parts[name] += getattr(row, name)
        self.dark |= row.energy_cost is None
        # That no energy costs nothing tells nothing of what energy costs.
        self.known |= row.energy_cost is not None and row.energy_wh > 0
        self.energy_cost += row.energy_cost or 0

    def add_cost(self, energy: int, other: int) -> None:
        """What a site cost that no connector bears."""
        self.energy_cost += energy
        self.parts["other"] += other
        self.known |= bool(energy or other)

    @property
    def profit(self) -> int | None:
        """None: what energy cost is not known of all of it."""
        return None if self.dark else self.parts["before_energy"] - self.energy_cost - self.parts["other"]

    @property
    def rank(self) -> tuple[bool, int]:
        """Where it stands among others: the most profitable first."""
        return self.dark, -(self.parts["before_energy"] if self.profit is None else self.profit)


async def answer(conn: Connection, tenant_id: int, asked: Asked) -> Answer:
    """Everything of the family, of what was posted within the span."""
    span = (asked.span.since, asked.span.until)
    rows, costs = await read_profit(conn, tenant_id, *span)
    named = await site_names(conn, tenant_id)
    slugs = {site.site_id: site.slug for site in named}
    mine = [row for row in rows if _meant(row, slugs, asked)]
    # What a site costs beside energy is no connector's.
    sites = {site for site, slug in slugs.items() if asked.is_at(slug)}
    other = [cost for cost in costs if cost.site_id in sites] if asked.station is None else []
    of_nowhere = asked.site in (None, NO_SITE) and asked.station is None and asked.allowed is None
    lapsed = await list_lapsed(conn, tenant_id, *span) if of_nowhere else {}
    ends = await first_and_last(conn, tenant_id, None)
    answer = told(mine, other, {site.site_id: site.name for site in named}, lapsed)
    return structs.replace(answer, known_at=None if ends is None else ends[0])


def told(
    rows: Sequence[Earned], costs: Sequence[SiteCost], names: Mapping[int, str], lapsed: Mapping[str, int] | None = None
) -> Answer:
    """Figures by currency, and a row for each site and each connector, the most profitable first, those last whose
    energy nobody knows the cost of. `names`: of sites; `lapsed`: what points were worth that lapsed, by currency."""
    sites = _by_site(rows, costs, lapsed or {})
    figures: list[Figure] = []
    for currency in sorted({currency for _site, currency in sites}):
        figures += _figures(currency, [sums for (_site, paid), sums in sites.items() if paid == currency])
    dark = sorted({names.get(site or 0, "") for (site, _currency), sums in sites.items() if sums.dark})
    return Answer(
        figures=tuple(figures),
        tables=(_sites(sites, names), _connectors(rows)),
        notes=(structs.replace(_UNKNOWN, names=tuple(dark)),) if dark else (),
    )


def _by_site(
    rows: Sequence[Earned], costs: Sequence[SiteCost], lapsed: Mapping[str, int]
) -> dict[tuple[int | None, str], _Sums]:
    """Sums by site and currency."""
    sites: dict[tuple[int | None, str], _Sums] = {}
    for row in rows:
        sites.setdefault((row.site_id, row.currency), _Sums()).add(row)
    for cost in costs:
        kept = sites.setdefault((cost.site_id, cost.currency), _Sums())
        # Energy that was paid for and that no connector delivered is the site's all the same.
        kept.add_cost(cost.energy - kept.energy_cost, cost.other)
    for currency, amount in lapsed.items():
        kept = sites.setdefault((None, currency), _Sums())
        kept.parts["rewards"] -= amount
        kept.parts["before_energy"] += amount
        kept.known = True
    return sites


def _figures(currency: str, sites: Sequence[_Sums]) -> list[Figure]:
    """Of all sites of a currency. Profit and margin are of those of which all is known, and are called so."""
    every: Counter[str] = Counter()
    for each in sites:
        every.update(each.parts)
    whole = not any(each.dark for each in sites)
    known = [each for each in sites if each.profit is not None and (whole or each.known)]
    profit = sum(each.profit or 0 for each in known) if known else None
    earned = sum(each.parts["revenue"] for each in known)
    energy = sum(each.energy_cost for each in known) if known else None

    def money(key: str, label: str, value: int | None, more_is: int = 0) -> Figure:
        return Figure(key=key, label=label, unit=Unit.MONEY, value=value, currency=currency, more_is=more_is)

    part = "" if whole else "_known"
    return [
        money(f"profit{part}", mark("Profit") if whole else mark("Profit, where energy's cost is known"), profit, 1),
        *([] if whole else [money("before_energy", mark("Left before energy"), every["before_energy"], 1)]),
        money("earned", mark("Revenue"), every["revenue"], 1),
        money("discounts", mark("Discounts, already off"), every["discounts"]),
        money("rewards", mark("Points and cashback"), every["rewards"], -1),
        money("energy_cost", mark("Cost of energy"), energy, -1),
        money("fees", mark("Fees and losses"), every["fees"] + every["lost"], -1),
        money("shares", mark("Shares of hosts"), every["share"]),
        money("other", mark("Other expenses"), every["other"], -1),
        Figure(
            key=f"margin{part}", label=mark("Margin") if whole else mark("Margin, where energy's cost is known"),
            unit=Unit.SHARE, value=None if profit is None else measures.share(profit, earned), currency=currency,
            more_is=1,
        ),
    ]  # fmt: skip


def _connectors(rows: Sequence[Earned]) -> Table:
    """A row for each connector and currency."""
    ordered = sorted(
        rows,
        key=lambda row: (
            row.currency, row.profit is None, -(row.before_energy if row.profit is None else row.profit), row.station,
            row.evse or 0, row.connector or 0,
        ),
    )  # fmt: skip
    lines: list[tuple[Cell, ...]] = [
        (
            row.station, row.evse, row.connector, row.site, row.sessions, row.energy_wh,
            *(getattr(row, name) for name in _PARTS), row.fees + row.share + row.lost, row.energy_cost, row.profit,
            _margin(row.profit, row.revenue), row.currency,
        )
        for row in ordered
    ]  # fmt: skip
    columns = (
        Column(name="station", label=mark("Station"), unit=Unit.TEXT),
        Column(name="evse", label=mark("EVSE"), unit=Unit.COUNT),
        Column(name="connector", label=mark("Connector"), unit=Unit.COUNT, detail=True),
        Column(name="site", label=mark("Site"), unit=Unit.TEXT),
        *_PLACE,
        *_MONEY,
        *_COSTS,
        *_LEFT,
    )
    return table("connectors", mark("Connectors"), columns, lines)


def _sites(sites: Mapping[tuple[int | None, str], _Sums], names: Mapping[int, str]) -> Table:
    """A row for each site and currency: connectors together, less what the site costs."""
    ordered = sorted(sites.items(), key=lambda each: (each[0][1], *each[1].rank, names.get(each[0][0] or 0, "")))
    lines: list[tuple[Cell, ...]] = []
    for (site_id, currency), sums in ordered:
        site = None if site_id is None else names.get(site_id)
        amounts = (sums.parts[part] for part in _PARTS)
        cost = None if sums.dark else sums.energy_cost
        lines.append(
            (
                site, sums.parts["sessions"], sums.parts["energy_wh"], *amounts,
                sum(sums.parts[part] for part in ("fees", "share", "lost")), cost, sums.parts["other"], sums.profit,
                _margin(sums.profit, sums.parts["revenue"]), currency,
            )
        )  # fmt: skip
    other = Column(name="other_minor", label=mark("Other expenses"), unit=Unit.MONEY, quiet=True)
    site_column = Column(name="site", label=mark("Site"), unit=Unit.TEXT)
    return table("sites", mark("Sites"), (site_column, *_PLACE, *_MONEY, *_COSTS, other, *_LEFT), lines)


def _margin(profit: int | None, revenue: int) -> Cell:
    return None if profit is None else measures.share(profit, revenue)


def _meant(row: Earned, slugs: dict[int, str], asked: Asked) -> bool:
    slug = NO_SITE if row.site_id is None else slugs.get(row.site_id)
    return (
        (asked.site is None or (slug is not None and asked.is_at(slug)))
        and asked.station in (None, row.station)
        and (asked.evse is None or asked.evse == str(row.evse))
    )
