"""The route of the VAT of a span."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Literal

from litestar import get
from litestar.di import NamedDependency
from msgspec import Meta, Struct

from forecourt.access import Verb
from forecourt.access.guard import Asker, Database
from forecourt.payments.ledger.reports import DEFAULT_SPAN
from forecourt.payments.ledger.store.vat import VatRow, read_vat
from forecourt.platform.clock import Clock
from forecourt.platform.money import Money
from forecourt.platform.paging import From, To

Clocked = NamedDependency[Clock]


class VatShown(Struct, frozen=True, kw_only=True):
    """What stands at one rate of VAT."""

    side: Annotated[Literal["own", "self_billed"], Meta(description="Sold by the organisation, or supplied by hosts.")]
    country: Annotated[str, Meta(examples=["DE"], description="Empty where it isn't known and there is no VAT.")]
    rate: Annotated[Decimal | None, Meta(examples=["19"], description="In percent; null: without VAT.")]
    net: Money
    vat: Money
    gross: Money
    documents: Annotated[
        int, Meta(examples=[12], description="One with several rates counts at each; what is on none yet doesn't.")
    ]


class Vat(Struct, frozen=True, kw_only=True):
    """The VAT of what was posted within the span."""

    since: datetime
    until: datetime
    items: list[VatShown]


@get(
    "/ledger/vat",
    opt={"verb": Verb.READ_MONEY},
    summary="Show the VAT of a span",
    description=(
        "By rate and country: what was sold, and what hosts supplied (self-billed). Of the last 30 days where no span"
        " is said. It agrees with the ledger's accounts to the cent."
    ),
    tags=["ledger"],
)
async def show_vat(actor: Asker, db: Database, clock: Clocked, since: From = None, until: To = None) -> Vat:
    end = until or clock.now()
    begin = since or end - DEFAULT_SPAN
    async with db.tenant(actor.tenant_id) as conn:
        rows = await read_vat(conn, actor.tenant_id, begin, end)
    return Vat(since=begin, until=end, items=[_vat(row) for row in rows])


def _vat(row: VatRow) -> VatShown:
    def money(amount: int) -> Money:
        return Money(amount=amount, currency=row.currency)

    return VatShown(
        side="self_billed" if row.self_billed else "own", country=row.country, rate=row.rate, net=money(row.net),
        vat=money(row.vat), gross=money(row.gross), documents=row.documents,
    )  # fmt: skip
