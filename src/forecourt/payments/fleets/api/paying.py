"""Routes of how fleets pay by direct debit: mandates, and the files for the bank."""

from datetime import date, datetime
from typing import Annotated, Literal

from litestar import Response, delete, get, put
from litestar.params import JSONBody, PathParameter
from msgspec import Meta, Struct

from forecourt.access import Verb
from forecourt.access.guard import Asker, Database
from forecourt.drivers.fleets.api import FleetInPath, Ticking
from forecourt.drivers.fleets.model import FleetUnknown
from forecourt.payments.bank.fields import Bic, HolderName, Iban, Sealing
from forecourt.payments.bank.model import Bank, IbanRefused
from forecourt.payments.bank.sepa import CURRENCY
from forecourt.payments.fleets import collection, drawing
from forecourt.payments.fleets.errors import DebitFileUnknown, MandateMissing, MandateRefused
from forecourt.payments.fleets.model import MANDATE_PATTERN
from forecourt.payments.fleets.store import money
from forecourt.payments.fleets.store.money import DebitFileRow, MandateRow
from forecourt.platform.money import Money
from forecourt.platform.paging import NEWEST, ByAge, CursorRefused, Limit, NextCursor, Page, cursors_by_age
from forecourt.ui.files import file

TAGS = ["fleet invoices"]
CURSORS = cursors_by_age("debit files")
XML = "application/xml"
Scheme = Literal["CORE", "B2B"]
FileInPath = Annotated[int, PathParameter(ge=1, le=NEWEST, description="The file's number.")]


class NewMandate(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A mandate as it was signed. The account is kept sealed, and never shown whole again."""

    reference: Annotated[str, Meta(pattern=MANDATE_PATTERN, examples=["VANS-1"])]
    signed_on: Annotated[date, Meta(examples=["2026-01-02"])]
    holder: HolderName
    iban: Iban
    bic: Bic = ""
    scheme: Annotated[Scheme, Meta(description="B2B: the debtor's bank knows of it, and nothing can come back.")] = (
        "CORE"
    )


class Mandate(Struct, frozen=True, kw_only=True):
    """A mandate that stands. `used`: the next debit by it is a recurring one."""

    reference: Annotated[str, Meta(examples=["VANS-1"])]
    scheme: Scheme
    signed_on: date
    holder: Annotated[str, Meta(examples=["City Vans Ltd"])]
    iban: Annotated[str, Meta(description="Its ends.", examples=["DE75 … 6199"])]
    bic: Annotated[str, Meta(examples=[""])]
    used: Annotated[bool, Meta(examples=[True])]
    made_at: datetime


class DebitFile(Struct, frozen=True, kw_only=True):
    """One file of direct debits for the bank."""

    id: int
    message: Annotated[str, Meta(examples=["FD-0123456789abcdef"])]
    scheme: Scheme
    collection_on: date
    debits: int
    total: Money
    made_at: datetime


@get(
    "/fleets/{fleet_id:int}/mandate",
    opt={"verb": Verb.READ_MONEY, "problems": [FleetUnknown, MandateMissing]},
    summary="Show a fleet's mandate for direct debits",
    tags=TAGS,
)
async def find_mandate(fleet_id: FleetInPath, actor: Asker, db: Database, clock: Ticking) -> Mandate:
    async with db.tenant(actor.tenant_id) as conn:
        await collection.fleet_of(conn, actor.tenant_id, fleet_id, clock.now())
        found = await money.find_mandate(conn, actor.tenant_id, fleet_id)
    if found is None:
        raise MandateMissing
    return _mandate(found)


@put(
    "/fleets/{fleet_id:int}/mandate",
    opt={"verb": Verb.CHANGE_PAYMENTS, "problems": [FleetUnknown, IbanRefused, MandateRefused]},
    summary="Say by which mandate a fleet is debited",
    description="It takes the place of the one before, and counts for invoices that are issued from now on.",
    tags=TAGS,
)
async def put_mandate(
    fleet_id: FleetInPath, data: JSONBody[NewMandate], actor: Asker, db: Database, clock: Ticking, secret_key: Sealing
) -> Mandate:
    async with db.tenant(actor.tenant_id) as conn:
        row = await drawing.put_mandate(
            conn, actor, fleet_id, Bank(secret_key), reference=data.reference, scheme=data.scheme,
            signed_on=data.signed_on, holder=data.holder, iban=data.iban, bic=data.bic, now=clock.now(),
        )  # fmt: skip
    return _mandate(row)


@delete(
    "/fleets/{fleet_id:int}/mandate",
    opt={"verb": Verb.CHANGE_PAYMENTS, "problems": [MandateMissing]},
    summary="Say that a fleet took its mandate back",
    tags=TAGS,
)
async def end_mandate(fleet_id: FleetInPath, actor: Asker, db: Database, clock: Ticking) -> None:
    async with db.tenant(actor.tenant_id) as conn:
        await drawing.end_mandate(conn, actor, fleet_id, clock.now())


@get(
    "/debit-files",
    opt={"verb": Verb.CHANGE_PAYMENTS, "problems": [CursorRefused]},
    summary="List files of direct debits for the bank",
    tags=TAGS,
)
async def list_debit_files(
    actor: Asker, db: Database, sort: ByAge = "newest", limit: Limit = 50, cursor: NextCursor = None
) -> Page[DebitFile]:
    place = CURSORS[sort].decode(cursor)
    async with db.tenant(actor.tenant_id) as conn:
        rows = await money.list_files(conn, actor.tenant_id, order=sort, place=place, limit=limit + 1)
    return CURSORS[sort].page(rows, limit, lambda row: (row.file_id,), _file)


@get(
    "/debit-files/{file_id:int}/content",
    opt={"verb": Verb.CHANGE_PAYMENTS, "media_types": [XML], "problems": [DebitFileUnknown]},
    summary="Take a file of direct debits for the bank",
    description="pain.008 (ISO 20022), to be given to the bank once. Bank accounts stand in it.",
    tags=TAGS,
)
async def take_debit_file(file_id: FileInPath, actor: Asker, db: Database, secret_key: Sealing) -> Response[bytes]:
    async with db.tenant(actor.tenant_id) as conn:
        row = await money.find_file(conn, actor.tenant_id, file_id)
    if row is None:
        raise DebitFileUnknown
    return file(Bank(secret_key).open(row.sealed).encode(), XML, f"{row.message}.xml")


def _mandate(row: MandateRow) -> Mandate:
    same = {name: getattr(row, name) for name in Mandate.__struct_fields__ if name in MandateRow.__struct_fields__}
    return Mandate(iban=row.iban_shown, **same)


def _file(row: DebitFileRow) -> DebitFile:
    same = {name: getattr(row, name) for name in DebitFile.__struct_fields__ if name in DebitFileRow.__struct_fields__}
    return DebitFile(id=row.file_id, **(same | {"total": Money(amount=row.total, currency=CURRENCY)}))


handlers = [find_mandate, put_mandate, end_mandate, list_debit_files, take_debit_file]
