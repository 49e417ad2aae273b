"""What the books say in sum of sites and connectors: what each earns once its site's energy is paid."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from msgspec import structs

from forecourt.payments.ledger.store import Connection
from forecourt.payments.ledger.store.reports import (
    Earned,
    SiteCost,
    first_and_last,
    list_earned,
    list_lapsed,
    list_site_costs,
)

__all__ = ["DEFAULT_SPAN", "Earned", "SiteCost", "first_and_last", "list_lapsed", "read_profit", "spread"]

#: What is told of where no span is said.
DEFAULT_SPAN: Final = timedelta(days=30)


def spread(rows: Sequence[Earned], costs: Sequence[SiteCost]) -> list[Earned]:
    """Rows with what their site's energy cost, parted by what they delivered; together exactly that. What delivered
    something where nobody posted such a cost in the row's currency has none: it is not known."""
    energy = {(cost.site_id, cost.currency): cost.energy for cost in costs if cost.energy}
    found: list[Earned] = []
    groups: dict[tuple[int | None, str], list[Earned]] = {}
    for row in rows:
        groups.setdefault((row.site_id, row.currency), []).append(row)
    for (site_id, currency), group in groups.items():
        cost = None if site_id is None else energy.get((site_id, currency))
        whole, done, given = sum(row.energy_wh for row in group), 0, 0
        for row in group:
            done += row.energy_wh
            upto = (cost or 0) * done // whole if whole else 0
            known = cost is not None or not row.energy_wh
            found.append(structs.replace(row, energy_cost=upto - given if known else None))
            given = upto
    return found


async def read_profit(
    conn: Connection, tenant_id: int, since: datetime, until: datetime
) -> tuple[list[Earned], list[SiteCost]]:
    """What each connector earned within [since, until) by the time of posting, and what sites cost."""
    costs = await list_site_costs(conn, tenant_id, since, until)
    return spread(await list_earned(conn, tenant_id, since, until), costs), costs
