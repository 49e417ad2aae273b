"""Routes of money that is nobody's: what there is of it, posting it to where it belongs, and taking that back."""

from typing import Annotated, Literal
from uuid import UUID

from litestar import Router, get, post
from litestar.di import NamedDependency
from litestar.params import JSONBody, PathParameter
from msgspec import Meta, Struct

from forecourt.access import Verb
from forecourt.access.guard import Asker, Database
from forecourt.payments.intents.errors import PaymentUnknown
from forecourt.payments.ledger.api import EntryShown, shown
from forecourt.payments.ledger.model import EntryUnknown
from forecourt.payments.ledger.store import list_postings
from forecourt.payments.unmatched import service, store
from forecourt.payments.unmatched.model import MAX_WHY, NotPosted, RefundedSince, TargetRefused, To, UnmatchedTooHigh
from forecourt.platform.clock import Clock
from forecourt.platform.money import Money
from forecourt.platform.paging import Page, entire
from forecourt.platform.text import NAME_LINE

EntryId = Annotated[int, PathParameter(ge=1, le=2**63 - 1, description="The entry's number.")]
Ticking = NamedDependency[Clock]
Why = Annotated[str, Meta(min_length=1, max_length=MAX_WHY, pattern=NAME_LINE, examples=["A fee agreed by telephone"])]
HostNumber = Annotated[int, Meta(ge=1, le=2**31 - 1)]


class UnmatchedShown(Struct, frozen=True, kw_only=True):
    """What of a payment is nobody's."""

    payment: Annotated[str, Meta(description="Its id.", examples=["6f0f2c1e-6f3b-5f0a-9f3e-0a8f4b1d7c55"])]
    amount: Money


class UnmatchedTarget(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where money of nobody belongs."""

    payment: Annotated[UUID, Meta(description="Of which it is.")]
    amount: Annotated[int, Meta(ge=1, le=10**12, description="In minor units of the payment.", examples=[310])]
    to: Annotated[
        Literal["income", "debt", "host", "bank"],
        Meta(description="Other income, a driver's debt, a host, or our bank account.", examples=["income"]),
    ]
    why: Why
    host: Annotated[HostNumber | None, Meta(description="With `host`: its number.", examples=[None])] = None
    debt: Annotated[UUID | None, Meta(description="With `debt`: the payment that is owed.", examples=[None])] = None


class TakenBackAsked(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Why it is nobody's again."""

    why: Why


@get(
    "/ledger/unmatched",
    opt={"verb": Verb.READ_MONEY},
    summary="List money that is nobody's",
    description="What was taken above a bill, or for no session. The latest 200 payments of which something is left.",
    tags=["ledger"],
)
async def list_unmatched(actor: Asker, db: Database) -> Page[UnmatchedShown]:
    async with db.tenant(actor.tenant_id) as conn:
        rows = await store.list_open(conn, actor.tenant_id)
    return entire(
        [UnmatchedShown(payment=row.intent, amount=Money(amount=row.amount, currency=row.currency)) for row in rows]
    )


@post(
    "/ledger/unmatched",
    opt={"verb": Verb.EXPLAIN_MONEY, "problems": [PaymentUnknown, UnmatchedTooHigh, TargetRefused]},
    status_code=201,
    summary="Post money that is nobody's to where it belongs",
    description="It goes back by a refund no more, unless the posting is taken back first.",
    tags=["ledger"],
)
async def post_unmatched(data: JSONBody[UnmatchedTarget], actor: Asker, db: Database, clock: Ticking) -> EntryShown:
    async with db.tenant(actor.tenant_id) as conn:
        row = await service.post_to(
            conn, actor, clock, data.payment, data.amount, To(data.to), data.why, host=data.host, debt=data.debt
        )
        return shown(row, await list_postings(conn, actor.tenant_id, [row.entry_id]))


@post(
    "/ledger/unmatched/{entry_id:int}/take-back",
    opt={"verb": Verb.EXPLAIN_MONEY, "problems": [EntryUnknown, NotPosted, RefundedSince, TargetRefused]},
    status_code=200,
    summary="Take back where money of nobody was posted",
    description="By an entry against it: both stay.",
    tags=["ledger"],
)
async def take_back_unmatched(
    entry_id: EntryId, data: JSONBody[TakenBackAsked], actor: Asker, db: Database, clock: Ticking
) -> EntryShown:
    async with db.tenant(actor.tenant_id) as conn:
        row = await service.take_back(conn, actor, clock, entry_id, data.why)
        return shown(row, await list_postings(conn, actor.tenant_id, [row.entry_id]))


routes = Router("/", route_handlers=[list_unmatched, post_unmatched, take_back_unmatched])
