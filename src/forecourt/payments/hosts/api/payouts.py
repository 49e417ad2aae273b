"""Routes of payouts: how hosts were paid, the files for the bank, and from where the organisation pays."""

from datetime import date, datetime
from typing import Annotated, Literal

from litestar import Response, get, post, put
from litestar.params import JSONBody, QueryParameter
from msgspec import Meta, Struct

from forecourt.access import Verb
from forecourt.access.guard import Asker, Database
from forecourt.payments.bank.fields import BankAccount, Sealing
from forecourt.payments.bank.model import Bank, IbanRefused
from forecourt.payments.bank.store import BankRow, find_bank
from forecourt.payments.hosts import service
from forecourt.payments.hosts.api.connect import Way as Leading
from forecourt.payments.hosts.api.fields import Number, Ticking
from forecourt.payments.hosts.model import (
    MAX_REFERENCE,
    MIN_REFERENCE,
    BankMissing,
    PayoutDayRefused,
    PayoutFileUnknown,
    PayoutStands,
    PayoutUnderWay,
    PayoutUnknown,
    Way,
)
from forecourt.payments.hosts.sepa import reference_of
from forecourt.payments.hosts.store import payouts as kept
from forecourt.payments.hosts.store.payouts import FileRow, PayoutRow
from forecourt.platform.money import Money
from forecourt.platform.paging import ByAge, CursorRefused, Limit, NextCursor, Page, cursors_by_age
from forecourt.platform.text import NAME_LINE
from forecourt.ui.files import file

PAYOUT_CURSORS = cursors_by_age("payouts")
FILE_CURSORS = cursors_by_age("payout files")
XML = "application/xml"


State = Literal["asked", "sent", "paid", "refused", "bounced"]


class PayoutsAsked(Struct, frozen=True, kw_only=True):
    """Hosts are about to be paid. What came of it is listed there."""

    payouts: Annotated[str, Meta(examples=["/api/v1/payouts"])] = "/api/v1/payouts"


class Payout(Struct, frozen=True, kw_only=True):
    """One payment to a host. `asked`: it isn't known yet what came of it, or it waits to be paid by hand; `sent`: a
    file for the bank asks for it, and neither a statement nor anybody says that the bank booked it; `bounced`: it came
    back."""

    id: int
    host: int
    host_name: Annotated[str, Meta(examples=["Harbour Estates"])]
    way: Annotated[Way, Meta(description="`hand`: outside euros, where no provider pays them: somebody does.")]
    amount: Money
    state: State
    execution_on: date
    to: Annotated[str, Meta(description="Where it went, by its ends.", examples=["DE89 … 3000"])]
    file: int | None
    to_write: Annotated[str, Meta(description="What to write on a transfer.", examples=["PAYOUT-12"])]
    reference: str | None
    reason: Annotated[str, Meta(examples=[""])]
    made_at: datetime
    booked_on: Annotated[
        date | None, Meta(description="When our bank booked it, by its statement; else as somebody says.")
    ]
    booked_by: Annotated[
        Literal["statement", "hand"] | None, Meta(description="Whence that is known.", examples=["statement"])
    ]
    taken_back: Annotated[int, Meta(description="Minor units of it that came back at the provider.", examples=[0])]


class Bounced(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Why a payout came back, as the bank says it."""

    reason: Annotated[str, Meta(min_length=1, max_length=300, pattern=NAME_LINE, examples=["AC01 account unknown"])]


class PaidByHand(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When a payout was paid by hand, and by which reference the bank or the host finds it."""

    on: Annotated[date, Meta(description="The day on which the money went, where the organisation is.")]
    reference: Annotated[
        str, Meta(min_length=MIN_REFERENCE, max_length=MAX_REFERENCE, pattern=NAME_LINE, examples=["PAYOUT-12"])
    ]


class Reason(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Why somebody says so. It stands in the audit."""

    reason: Annotated[
        str, Meta(min_length=1, max_length=300, pattern=NAME_LINE, examples=["Seen on the account's statement."])
    ]


class BookedByBank(Reason, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When the bank booked a payout, and whence somebody knows."""

    on: Annotated[date, Meta(description="The day on which it did, where the organisation is.")]


class PayoutFile(Struct, frozen=True, kw_only=True):
    """One file for the bank."""

    id: int
    message: Annotated[str, Meta(examples=["FC-0123456789abcdef"])]
    execution_on: date
    payouts: int
    total: Money
    made_at: datetime


class PayoutBank(Struct, frozen=True, kw_only=True):
    """From where the organisation pays."""

    name: str
    iban: Annotated[str, Meta(examples=["DE75 … 6199"])]
    bic: str
    changed_at: datetime


@get(
    "/payouts",
    opt={"verb": Verb.READ_HOSTS, "problems": [CursorRefused]},
    summary="List payouts to hosts",
    tags=["hosts"],
)
async def list_payouts(
    actor: Asker,
    db: Database,
    host: Annotated[int | None, QueryParameter(ge=1, le=2**31 - 1, description="Only those to this host.")] = None,
    way: Annotated[Way | None, QueryParameter(description="Only those made in this way.")] = None,
    payout_state: Annotated[State | None, QueryParameter(name="state", description="Only those in this state.")] = None,
    sort: ByAge = "newest",
    limit: Limit = 50,
    cursor: NextCursor = None,
) -> Page[Payout]:
    place = PAYOUT_CURSORS[sort].decode(cursor)
    async with db.tenant(actor.tenant_id) as conn:
        rows = await kept.list_payouts(
            conn, actor.tenant_id, host_id=host, way=way, state=payout_state, order=sort, place=place, limit=limit + 1
        )
    return PAYOUT_CURSORS[sort].page(rows, limit, lambda row: (row.payout_id,), _payout)


@post(
    "/payouts/{payout_id:int}/bounce",
    opt={"verb": Verb.CHANGE_HOSTS, "problems": [PayoutUnknown, PayoutStands]},
    status_code=200,
    summary="Say that a payout came back",
    description="The host is owed it again, and is paid no more until somebody says another bank account.",
    tags=["hosts"],
)
async def bounce_payout(
    payout_id: Number, data: JSONBody[Bounced], actor: Asker, db: Database, clock: Ticking
) -> Payout:
    async with db.tenant(actor.tenant_id) as conn:
        return _payout(await service.bounce(conn, actor, payout_id, data.reason, clock.now()))


@post(
    "/payouts/{payout_id:int}/paid-by-hand",
    opt={"verb": Verb.CHANGE_HOSTS, "problems": [PayoutUnknown, PayoutStands, PayoutDayRefused]},
    status_code=200,
    summary="Say that a payout was paid by hand",
    description=(
        "Of a payout by hand, which waits as neither a file for the bank nor a provider pays its currency. It is posted"
        " then, and what it pays is billed. Said again with the same day and reference it changes nothing."
    ),
    tags=["hosts"],
)
async def pay_by_hand(
    payout_id: Number, data: JSONBody[PaidByHand], actor: Asker, db: Database, clock: Ticking
) -> Payout:
    async with db.tenant(actor.tenant_id) as conn:
        return _payout(await service.paid_by_hand(conn, actor, payout_id, data.on, data.reference, clock.now()))


@post(
    "/payouts/{payout_id:int}/booked",
    opt={"verb": Verb.CHANGE_HOSTS, "problems": [PayoutUnknown, PayoutStands, PayoutDayRefused]},
    status_code=200,
    summary="Say that the bank booked a payout of a file",
    description=(
        "Where no statement of the bank tells. It was posted with its file, so nothing moves by this; a statement that"
        " is read later books it all the same, once. Said again with the same day it changes nothing."
    ),
    tags=["hosts"],
)
async def say_booked(
    payout_id: Number, data: JSONBody[BookedByBank], actor: Asker, db: Database, clock: Ticking
) -> Payout:
    async with db.tenant(actor.tenant_id) as conn:
        return _payout(await service.booked(conn, actor, payout_id, data.on, data.reason, clock.now()))


@post(
    "/payouts/{payout_id:int}/not-booked",
    opt={"verb": Verb.CHANGE_HOSTS, "problems": [PayoutUnknown, PayoutStands]},
    status_code=200,
    summary="Take back that the bank booked a payout",
    description=(
        "As long as nothing followed: the payout waits in its file again. What a statement told is taken back at its"
        " line, `POST /api/v1/bank-lines/{line_id}/unmatch`."
    ),
    tags=["hosts"],
)
async def take_back_booked(payout_id: Number, data: JSONBody[Reason], actor: Asker, db: Database) -> Payout:
    async with db.tenant(actor.tenant_id) as conn:
        return _payout(await service.not_booked(conn, actor, payout_id, data.reason))


@post(
    "/payouts/{payout_id:int}/give-up",
    opt={"verb": Verb.CHANGE_HOSTS, "problems": [PayoutUnknown, PayoutStands, PayoutUnderWay]},
    status_code=200,
    summary="Give up a payout that never went",
    description=(
        "Of a payout that stays asked for, as nobody can be asked any more what came of it. See first that the money"
        " did not go. It is over then, and the host is paid what they are owed with the next one. Of one by hand that"
        " could not be paid: the host is listed no more until `POST /api/v1/hosts/{id}/resume`."
    ),
    tags=["hosts"],
)
async def give_up_payout(payout_id: Number, data: JSONBody[Bounced], actor: Asker, connect: Leading) -> Payout:
    return _payout(await connect.give_up(actor, payout_id, data.reason))


@post(
    "/payouts/run",
    opt={"verb": Verb.CHANGE_HOSTS},
    status_code=202,
    summary="Pay hosts now",
    description=(
        "As every night: who is to be paid today is. It is done some seconds later: look at `payouts`. Asked for twice"
        " it is done once, and pays nobody twice."
    ),
    tags=["hosts"],
)
async def run_payouts(actor: Asker, db: Database) -> PayoutsAsked:
    async with db.tenant(actor.tenant_id) as conn:
        await service.ask_to_pay(conn, actor)
    return PayoutsAsked()


@get(
    "/payout-files",
    opt={"verb": Verb.CHANGE_HOSTS, "problems": [CursorRefused]},
    summary="List files for the bank",
    tags=["hosts"],
)
async def list_files(
    actor: Asker, db: Database, sort: ByAge = "newest", limit: Limit = 50, cursor: NextCursor = None
) -> Page[PayoutFile]:
    place = FILE_CURSORS[sort].decode(cursor)
    async with db.tenant(actor.tenant_id) as conn:
        rows = await kept.list_files(conn, actor.tenant_id, order=sort, place=place, limit=limit + 1)
    return FILE_CURSORS[sort].page(rows, limit, lambda row: (row.file_id,), _payout_file)


@get(
    "/payout-files/{file_id:int}/content",
    opt={"verb": Verb.CHANGE_HOSTS, "media_types": [XML], "problems": [PayoutFileUnknown]},
    summary="Take a file for the bank",
    description="pain.001 (ISO 20022), to be given to the bank once. Bank accounts stand in it.",
    tags=["hosts"],
)
async def take_file(file_id: Number, actor: Asker, db: Database, secret_key: Sealing) -> Response[bytes]:
    async with db.tenant(actor.tenant_id) as conn:
        row = await kept.find_file(conn, actor.tenant_id, file_id)
    if row is None:
        raise PayoutFileUnknown
    return file(Bank(secret_key).open(row.sealed).encode(), XML, f"{row.message}.xml")


@get(
    "/payout-bank",
    opt={"verb": Verb.CHANGE_HOSTS, "problems": [BankMissing]},
    summary="Show from where hosts are paid",
    tags=["hosts"],
)
async def find_own_bank(actor: Asker, db: Database) -> PayoutBank:
    async with db.tenant(actor.tenant_id) as conn:
        row = await find_bank(conn, actor.tenant_id)
    if row is None:
        raise BankMissing
    return _bank(row)


@put(
    "/payout-bank",
    opt={"verb": Verb.CHANGE_HOSTS, "problems": [IbanRefused]},
    summary="Say from where hosts are paid",
    tags=["hosts"],
)
async def put_own_bank(
    data: JSONBody[BankAccount], actor: Asker, db: Database, clock: Ticking, secret_key: Sealing
) -> PayoutBank:
    async with db.tenant(actor.tenant_id) as conn:
        row = await service.put_own_bank(
            conn, actor, Bank(secret_key), name=data.name, iban=data.iban, bic=data.bic, at=clock.now()
        )
    return _bank(row)


def _payout(row: PayoutRow) -> Payout:
    return Payout(
        id=row.payout_id, host=row.host_id, host_name=row.host, way=row.way,  # type: ignore[arg-type]  # the table's own
        amount=Money(amount=row.amount, currency=row.currency), state=row.stands,  # type: ignore[arg-type]  # checks
        execution_on=row.execution_on, to=row.bank_shown, file=row.file_id, to_write=reference_of(row.payout_id),
        reference=row.reference, reason=row.reason, made_at=row.made_at,
        booked_on=row.booked_on or row.said_booked_on,
        booked_by="statement" if row.booked_on is not None else "hand" if row.said_booked_on is not None else None,
        taken_back=row.taken_back,
    )  # fmt: skip


def _payout_file(row: FileRow) -> PayoutFile:
    return PayoutFile(
        id=row.file_id, message=row.message, execution_on=row.execution_on, payouts=row.payouts,
        total=Money(amount=row.total, currency=row.currency), made_at=row.made_at,
    )  # fmt: skip


def _bank(row: BankRow) -> PayoutBank:
    return PayoutBank(name=row.name, iban=row.iban_shown, bic=row.bic, changed_at=row.changed_at)


handlers = [
    list_payouts,
    bounce_payout,
    pay_by_hand,
    say_booked,
    take_back_booked,
    give_up_payout,
    run_payouts,
    list_files,
    take_file,
    find_own_bank,
    put_own_bank,
]
