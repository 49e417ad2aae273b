"""Routes of the documents by which hosts are billed for what they supply."""

import asyncio
from datetime import date, datetime
from typing import Annotated

from litestar import Response, get
from litestar.di import NamedDependency
from litestar.params import PathParameter, QueryParameter
from msgspec import Meta, Struct

from forecourt.access import Verb
from forecourt.access.guard import Asker, Database
from forecourt.payments.hosts import documents
from forecourt.payments.hosts.documents import Said
from forecourt.payments.hosts.model import MAX_ON_PAPER, DocumentUnknown
from forecourt.payments.hosts.paper import document_pdf
from forecourt.payments.hosts.store import documents as store
from forecourt.payments.hosts.store.documents import DocumentRow
from forecourt.platform.money import Money
from forecourt.platform.paging import ByAge, CursorRefused, Limit, NextCursor, Page, cursors_by_age
from forecourt.ui.files import file

CURSORS = cursors_by_age("host documents")
PDF = "application/pdf"

ConsoleUrl = NamedDependency[str]
DocumentId = Annotated[int, PathParameter(ge=1, le=2**63 - 1, description="The document's id.")]


class HostDocument(Struct, frozen=True, kw_only=True):
    """A self-billed document, as it was issued. `corrects`: the id of the document of which it takes something back."""

    id: int
    host: int
    payout: int | None
    number: Annotated[str, Meta(examples=["SB-2026-00012"])]
    corrects: Annotated[int | None, Meta(examples=[None])]
    net: Money
    vat: Money
    other: Annotated[Money, Meta(description="No supply of the host: expenses, fees, charging at home.")]
    total: Money
    lines: Annotated[int, Meta(examples=[14])]
    issued_at: datetime
    issued_on: date
    period_from: datetime
    period_to: datetime
    said: Said


@get(
    "/host-documents",
    opt={"verb": Verb.READ_HOSTS, "problems": [CursorRefused]},
    summary="List the documents by which hosts are billed",
    description="One is issued with every payout, and one more for each document of which something went back. What"
    " nobody was paid for is on one ten days after its month, without a payout.",
    tags=["hosts"],
)
async def list_documents(
    actor: Asker,
    db: Database,
    host: Annotated[int | None, QueryParameter(ge=1, le=2**31 - 1, description="Only those of this host.")] = None,
    sort: ByAge = "newest",
    limit: Limit = 50,
    cursor: NextCursor = None,
) -> Page[HostDocument]:
    place = CURSORS[sort].decode(cursor)
    async with db.tenant(actor.tenant_id) as conn:
        rows = await store.list_documents(conn, actor.tenant_id, host_id=host, order=sort, place=place, limit=limit + 1)
    return CURSORS[sort].page(rows, limit, lambda row: (row.document_id,), _shown)


@get(
    "/host-documents/{document_id:int}/content",
    opt={"verb": Verb.READ_HOSTS, "media_types": [PDF], "problems": [DocumentUnknown]},
    summary="Take a document of a host away",
    description=f"As PDF, always of what was kept when it was issued; of more than {MAX_ON_PAPER} lines the first.",
    tags=["hosts"],
)
async def take_document(
    document_id: DocumentId, actor: Asker, db: Database, console_url: ConsoleUrl
) -> Response[bytes]:
    async with db.tenant(actor.tenant_id) as conn:
        found = await documents.find(conn, actor.tenant_id, document_id)
        lines = await store.list_lines(conn, actor.tenant_id, document_id, limit=MAX_ON_PAPER)
    return file(await asyncio.to_thread(document_pdf, found, lines, console_url), PDF, f"{found.number}.pdf")


def _shown(row: DocumentRow) -> HostDocument:
    found = documents.read(row)

    def money(amount: int) -> Money:
        return Money(amount=amount, currency=found.currency)

    return HostDocument(
        id=found.document_id, host=found.host_id, payout=found.payout_id, number=found.number, corrects=found.corrects,
        net=money(found.net), vat=money(found.vat), other=money(found.other), total=money(found.total),
        lines=found.lines, issued_at=found.issued_at, issued_on=found.issued_on, period_from=found.period_from,
        period_to=found.period_to, said=found.said,
    )  # fmt: skip


handlers = [list_documents, take_document]
