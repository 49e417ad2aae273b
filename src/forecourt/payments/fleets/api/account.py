"""The route of how a fleet stands: what invoices ask for, what is on none yet, and what went beyond its limits."""

from typing import Annotated

from litestar import get
from msgspec import Meta, Struct

from forecourt.access import Verb
from forecourt.access.guard import Asker, Database
from forecourt.drivers.fleets.api import FleetInPath, Ticking
from forecourt.drivers.fleets.model import FleetUnknown
from forecourt.drivers.fleets.service import find_fleet
from forecourt.payments.fleets.api.invoices import TAGS, LineOfInvoice, line_shown
from forecourt.payments.fleets.store import credits, screens
from forecourt.payments.fleets.store import invoices as store
from forecourt.platform.money import Money

#: Sessions beyond a fleet's limits that are listed.
MAX_OVER_LIMIT = 50


class FleetOpen(Struct, frozen=True, kw_only=True):
    """What a fleet's invoices ask for in one currency."""

    total: Money
    overdue: Annotated[int, Meta(description="So much of it, in minor units.", examples=[0])]


class FleetUnbilled(Struct, frozen=True, kw_only=True):
    """What is on no invoice yet in one currency."""

    total: Money
    lines: int


class FleetAccount(Struct, frozen=True, kw_only=True):
    """How a fleet stands."""

    open: list[FleetOpen]
    unbilled: list[FleetUnbilled]
    left_over: Annotated[
        list[Money], Meta(description="What it has too much with you: the next invoice takes it, or you pay it back.")
    ]
    over_limit: Annotated[
        list[LineOfInvoice],
        Meta(description="The latest 50 sessions that went beyond what the fleet, or its driver, may spend."),
    ]


@get(
    "/fleets/{fleet_id:int}/account",
    opt={"verb": Verb.READ_MONEY, "problems": [FleetUnknown]},
    summary="Show what a fleet owes, invoiced and not yet",
    tags=TAGS,
)
async def find_fleet_account(fleet_id: FleetInPath, actor: Asker, db: Database, clock: Ticking) -> FleetAccount:
    async with db.tenant(actor.tenant_id) as conn:
        await find_fleet(conn, actor.tenant_id, fleet_id, clock.now())
        asked = (await screens.open_of_fleets(conn, actor.tenant_id)).get(fleet_id, ())
        unbilled = await store.unbilled(conn, actor.tenant_id, fleet_id)
        left_over = await credits.left_over(conn, actor.tenant_id, fleet_id)
        over_limit = await store.list_over_limit(conn, actor.tenant_id, fleet_id, MAX_OVER_LIMIT)
    return FleetAccount(
        open=[
            FleetOpen(total=Money(amount=amount, currency=currency), overdue=late) for currency, amount, late in asked
        ],
        unbilled=[
            FleetUnbilled(total=Money(amount=amount, currency=currency), lines=lines)
            for currency, amount, lines in unbilled
        ],
        left_over=[Money(amount=amount, currency=currency) for currency, amount in left_over],
        over_limit=[line_shown(line) for line in over_limit],
    )


handlers = [find_fleet_account]
