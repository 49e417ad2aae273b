"""Route of what stations' own terminals took, or tried to."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated
from uuid import UUID

from litestar import Router, get
from msgspec import Meta, Struct

from forecourt.access.guard import Asker, Database
from forecourt.payments.terminals import store
from forecourt.payments.terminals.store import SettlementRow
from forecourt.platform.paging import ByAge, CursorRefused, Limit, NextCursor, Page, cursors_by_age
from forecourt.stations.api.fields import OfStation

CURSORS = cursors_by_age("terminal settlements")


class TerminalStatus(StrEnum):
    """What came of it, in the words of OCPP."""

    SETTLED = "Settled"
    CANCELED = "Canceled"
    REJECTED = "Rejected"
    FAILED = "Failed"


class TerminalProblem(StrEnum):
    """Why it is in no books."""

    NO_SESSION = "no-session"
    NO_PRICE = "no-price"
    PAID_TWICE = "paid-twice"
    AMOUNT = "amount"


class TerminalSettlement(Struct, frozen=True, kw_only=True):
    """What a station told of a payment at its own terminal."""

    id: UUID
    station: str | None
    reference: Annotated[str, Meta(description="What the terminal's provider calls it.", examples=["PSP-8835"])]
    transaction_id: str | None
    session: Annotated[UUID | None, Meta(description="Null: none is known.")]
    status: TerminalStatus
    amount: Annotated[
        str, Meta(description="In whole units of the tariff's currency, as the station said it.", examples=["7.21"])
    ]
    settled_at: datetime
    payment: Annotated[UUID | None, Meta(description="The payment in the books; null: it is in none, or not yet.")]
    problem: Annotated[TerminalProblem | None, Meta(description="Why it is in no books; null: it is, or will be.")]
    info: Annotated[str | None, Meta(description="What the terminal said.")]
    vat_number: Annotated[str | None, Meta(examples=["DE136695976"])]
    heard_at: datetime


@get(
    "/terminal-settlements",
    opt={"problems": [CursorRefused]},
    summary="List what stations' own terminals took",
    description="OCPP 2.1, NotifySettlement: also what was rejected, failed or was given up.",
    tags=["payments"],
)
async def list_terminal_settlements(
    actor: Asker,
    db: Database,
    station: OfStation = None,
    sort: ByAge = "newest",
    limit: Limit = 50,
    cursor: NextCursor = None,
) -> Page[TerminalSettlement]:
    place = CURSORS[sort].decode(cursor)
    async with db.tenant(actor.tenant_id) as conn:
        rows = await store.list_settlements(
            conn, actor.tenant_id, station=station, order=sort, place=place, limit=limit + 1
        )
    return CURSORS[sort].page(rows, limit, lambda row: (row.number,), _shown)


def _shown(row: SettlementRow) -> TerminalSettlement:
    return TerminalSettlement(
        id=row.settlement_id,
        station=row.station,
        reference=row.reference,
        transaction_id=row.transaction_id,
        session=row.session_id,
        status=TerminalStatus(row.status),
        amount=format(row.amount, "f"),
        settled_at=row.settled_at,
        payment=row.intent_id,
        problem=None if row.problem is None else TerminalProblem(row.problem),
        info=row.info,
        vat_number=row.vat_number,
        heard_at=row.heard_at,
    )


routes = Router("/", route_handlers=[list_terminal_settlements])
