"""Routes of the ledger: the journal, accounts with what they come to, reports, and the whole of it as a file."""

from collections.abc import AsyncIterator
from datetime import date, datetime
from typing import Annotated
from uuid import UUID
from zoneinfo import ZoneInfo

from litestar import Router, get
from litestar.di import NamedDependency
from litestar.params import PathParameter, QueryParameter
from litestar.response import Stream
from msgspec import Meta, Struct

from forecourt.access import Actor, Verb
from forecourt.access.guard import Asker, Database
from forecourt.access.store import find_organisation
from forecourt.payments.ledger import beancount, store
from forecourt.payments.ledger.model import AccountKind, AccountUnknown, EntryUnknown, account_kind
from forecourt.payments.ledger.reports import DEFAULT_SPAN, read_profit
from forecourt.payments.ledger.store import BalanceRow, EntryRow, PostingRow, StatementRow
from forecourt.payments.ledger.store.reports import Aged, first_and_last, read_receivables
from forecourt.payments.ledger.vat_api import show_vat
from forecourt.platform.clock import Clock
from forecourt.platform.money import Money
from forecourt.platform.paging import (
    ByAge,
    CursorRefused,
    Cursors,
    From,
    Limit,
    NextCursor,
    Page,
    To,
    cursors_by_age,
    entire,
)
from forecourt.ui.files import streamed

CURSORS = cursors_by_age("journal")
AGED_CURSORS = Cursors("receivables", 3)
STATEMENT_CURSORS = cursors_by_age("account statement")
#: Entries read at once for a file.
EXPORT_BATCH = 500
KIND_PATTERN = "^[a-z_]{1,40}$"

EntryId = Annotated[int, PathParameter(ge=1, le=2**63 - 1, description="The entry's number.")]
AccountName = Annotated[
    str, PathParameter(max_length=200, pattern=r"^[^\x00]*$", description="The account's name: `psp_receivable:acme`.")
]
Clocked = NamedDependency[Clock]


class PostingShown(Struct, frozen=True, kw_only=True):
    """One leg. Debit above 0, credit below."""

    account: Annotated[str, Meta(examples=["psp_receivable:acme"])]
    amount: Money


class EntryShown(Struct, frozen=True, kw_only=True):
    """One entry, whose legs sum to nothing in each currency."""

    id: int
    key: Annotated[str, Meta(examples=["capture:6f0f2c1e-6f3b-5f0a-9f3e-0a8f4b1d7c55"])]
    kind: Annotated[str, Meta(examples=["capture"])]
    at: Annotated[datetime, Meta(description="When it happened.")]
    posted_at: Annotated[datetime, Meta(description="When it was written.")]
    memo: Annotated[str, Meta(examples=[""])]
    session: UUID | None
    payment: Annotated[str | None, Meta(examples=["6f0f2c1e-6f3b-5f0a-9f3e-0a8f4b1d7c55"])]
    legs: list[PostingShown]


class AccountShown(Struct, frozen=True, kw_only=True):
    """An account and what it comes to in one currency."""

    account: Annotated[str, Meta(examples=["vat_payable:DE:19"])]
    kind: AccountKind
    debit: Money
    credit: Money
    balance: Annotated[Money, Meta(description="Debit less credit.")]


class MovementShown(Struct, frozen=True, kw_only=True):
    """One movement of an account, and what it came to after it."""

    entry: int
    key: Annotated[str, Meta(examples=["settle:po_1"])]
    kind: Annotated[str, Meta(examples=["settlement"])]
    at: datetime
    memo: Annotated[str, Meta(examples=[""])]
    session: UUID | None
    amount: Money
    balance: Money


class ReceivableShown(Struct, frozen=True, kw_only=True):
    """What somebody owes, by age."""

    who: Annotated[str, Meta(examples=["fleet_receivable:post"], description="The account; of drivers, the payment.")]
    total: Money
    up_to_30_days: Annotated[int, Meta(examples=[1250])]
    up_to_60_days: Annotated[int, Meta(examples=[0])]
    up_to_90_days: Annotated[int, Meta(examples=[0])]
    older: Annotated[int, Meta(examples=[0])]
    oldest_at: datetime


class ProfitShown(Struct, frozen=True, kw_only=True):
    """What a connector came to, in minor units: revenue before VAT less what its energy cost, what the provider and the
    host got, what drivers got as points and cashback, and what was lost."""

    site: Annotated[str | None, Meta(examples=["Harbour"])]
    station: Annotated[str, Meta(examples=["CP1"])]
    evse: int | None
    connector: Annotated[int | None, Meta(examples=[1])]
    currency: Annotated[str, Meta(examples=["EUR"])]
    sessions: Annotated[int, Meta(examples=[12])]
    energy_wh: int
    revenue: Annotated[int, Meta(examples=[12_000])]
    discounts: Annotated[
        int, Meta(description="Taken off by campaigns and vouchers; revenue is less by it.", examples=[500])
    ]
    rewards: Annotated[int, Meta(description="Points and cashback that its sessions brought.", examples=[100])]
    energy_cost: Annotated[
        int | None,
        Meta(
            description="Null: it delivered energy, and nobody posted what energy cost at its site.", examples=[4_000]
        ),
    ]
    fees: Annotated[int, Meta(examples=[300])]
    share: Annotated[int, Meta(examples=[5_000])]
    lost: Annotated[int, Meta(examples=[0])]
    profit: Annotated[int | None, Meta(description="Null where the cost of energy is.", examples=[2_600])]


class Profit(Struct, frozen=True, kw_only=True):
    """Every connector of which something was posted within the span. `other_costs`: of sites, beside energy, by id."""

    since: datetime
    until: datetime
    items: list[ProfitShown]
    other_costs: Annotated[dict[str, Money], Meta(examples=[{"3": {"amount": 1250, "currency": "EUR"}}])]


@get(
    "/ledger/journal",
    opt={"verb": Verb.READ_MONEY, "problems": [CursorRefused]},
    summary="Read the journal",
    description="It is only ever added to: nobody can change or delete what stands there.",
    tags=["ledger"],
)
async def list_journal(
    actor: Asker,
    db: Database,
    kind: Annotated[
        str | None, QueryParameter(pattern=KIND_PATTERN, description="Only entries of this kind: `capture`, `payout`.")
    ] = None,
    session: Annotated[UUID | None, QueryParameter(description="Only of this session.")] = None,
    payment: Annotated[
        str | None, QueryParameter(max_length=100, pattern=r"^[^\x00]*$", description="Only of this payment.")
    ] = None,
    since: From = None,
    until: To = None,
    sort: ByAge = "newest",
    limit: Limit = 50,
    cursor: NextCursor = None,
) -> Page[EntryShown]:
    place = CURSORS[sort].decode(cursor)
    async with db.tenant(actor.tenant_id) as conn:
        rows = await store.list_entries(
            conn, actor.tenant_id, kind=kind, session_id=session, intent=payment, since=since, until=until, order=sort,
            place=place, limit=limit + 1,
        )  # fmt: skip
        legs = await store.list_postings(conn, actor.tenant_id, [row.entry_id for row in rows])
    return CURSORS[sort].page(rows, limit, lambda row: (row.entry_id,), lambda row: shown(row, legs))


@get(
    "/ledger/journal/{entry_id:int}",
    opt={"verb": Verb.READ_MONEY, "problems": [EntryUnknown]},
    summary="Show an entry",
    tags=["ledger"],
)
async def find_entry(entry_id: EntryId, actor: Asker, db: Database) -> EntryShown:
    async with db.tenant(actor.tenant_id) as conn:
        row = await store.find_entry(conn, actor.tenant_id, entry_id)
        if row is None:
            raise EntryUnknown
        return shown(row, await store.list_postings(conn, actor.tenant_id, [entry_id]))


@get(
    "/ledger/accounts",
    opt={"verb": Verb.READ_MONEY},
    summary="Show what every account comes to",
    description="All balances of one currency sum to nothing.",
    tags=["ledger"],
)
async def list_accounts(actor: Asker, db: Database, until: To = None) -> Page[AccountShown]:
    async with db.tenant(actor.tenant_id) as conn:
        rows = await store.list_balances(conn, actor.tenant_id, until=until)
    return entire([_account(row) for row in rows])


@get(
    "/ledger/accounts/{account:str}/statement",
    opt={"verb": Verb.READ_MONEY, "problems": [AccountUnknown, CursorRefused]},
    summary="Read an account's statement",
    tags=["ledger"],
)
async def list_statement(
    account: AccountName,
    actor: Asker,
    db: Database,
    sort: ByAge = "newest",
    limit: Limit = 50,
    cursor: NextCursor = None,
) -> Page[MovementShown]:
    place = STATEMENT_CURSORS[sort].decode(cursor)
    async with db.tenant(actor.tenant_id) as conn:
        if not await store.account_exists(conn, actor.tenant_id, account):
            raise AccountUnknown
        rows = await store.list_statement(conn, actor.tenant_id, account, order=sort, place=place, limit=limit + 1)
    return STATEMENT_CURSORS[sort].page(rows, limit, lambda row: (row.entry_id, row.leg), _movement)


@get(
    "/ledger/receivables",
    opt={"verb": Verb.READ_MONEY, "problems": [CursorRefused]},
    summary="Show who owes what since when",
    description="The oldest debt first. What was paid settles the oldest first.",
    tags=["ledger"],
)
async def list_receivables(
    actor: Asker, db: Database, clock: Clocked, limit: Limit = 50, cursor: NextCursor = None
) -> Page[ReceivableShown]:
    said = AGED_CURSORS.decode_names(cursor)
    try:
        place = None if said is None else (datetime.fromisoformat(said[0]), said[1], said[2])
    except ValueError as fault:
        raise CursorRefused from fault
    async with db.tenant(actor.tenant_id) as conn:
        rows = await read_receivables(conn, actor.tenant_id, clock.now(), place=place, limit=limit + 1)
    return AGED_CURSORS.page(rows, limit, lambda row: (row.oldest_at.isoformat(), row.who, row.currency), _receivable)


@get(
    "/ledger/profit",
    opt={"verb": Verb.READ_MONEY},
    summary="Show what each connector earned",
    description="Of the last 30 days where no span is said. What energy cost is parted by the kWh delivered.",
    tags=["ledger"],
)
async def show_profit(actor: Asker, db: Database, clock: Clocked, since: From = None, until: To = None) -> Profit:
    end = until or clock.now()
    begin = since or end - DEFAULT_SPAN
    async with db.tenant(actor.tenant_id) as conn:
        rows, costs = await read_profit(conn, actor.tenant_id, begin, end)
    return Profit(
        since=begin,
        until=end,
        items=[
            ProfitShown(profit=row.profit, **{name: getattr(row, name) for name in _PROFIT}) for row in rows
        ],
        other_costs={
            str(each.site_id): Money(amount=each.other, currency=each.currency) for each in costs if each.other
        },
    )  # fmt: skip


_PROFIT = tuple(name for name in ProfitShown.__struct_fields__ if name != "profit")


@get(
    "/ledger/export.beancount",
    opt={"verb": Verb.READ_MONEY, "media_types": ["text/plain"]},
    summary="Take the ledger away as a beancount file",
    description="Every entry as a transaction, and at the end what every account comes to.",
    tags=["ledger"],
)
async def export_beancount(actor: Asker, db: Database, until: To = None) -> Stream:
    parts = (part.encode() async for part in export(db, actor, until))
    return streamed(parts, beancount.MEDIA_TYPE, "ledger.beancount")


async def export(db: Database, actor: Actor, until: datetime | None) -> AsyncIterator[str]:
    """The file in parts, read in short transactions: what is posted meanwhile is left out."""
    async with db.tenant(actor.tenant_id) as conn:
        organisation = await find_organisation(conn, actor.tenant_id)
        zone = ZoneInfo(organisation.time_zone)
        newest = await store.list_entries(conn, actor.tenant_id, until=until, limit=1)
        rows = await store.list_balances(conn, actor.tenant_id, until=until)
        span = await first_and_last(conn, actor.tenant_id, until)
    if not newest or span is None:
        yield beancount.head(organisation.name, [], [], date.min)
        return
    first, last = (at.astimezone(zone).date() for at in span)
    yield beancount.head(organisation.name, sorted({row.currency for row in rows}), rows, first)
    place: tuple[int, ...] | None = None
    more = True
    while more:
        async with db.tenant(actor.tenant_id) as conn:
            entries = await store.list_entries(
                conn, actor.tenant_id, until=until, order="oldest", place=place, limit=EXPORT_BATCH
            )
            legs = await store.list_postings(conn, actor.tenant_id, [entry.entry_id for entry in entries])
        known = [entry for entry in entries if entry.entry_id <= newest[0].entry_id]
        for part in beancount.transactions(known, legs, zone):
            yield part
        more = len(known) == EXPORT_BATCH
        place = (entries[-1].entry_id,) if entries else None
    yield beancount.foot(rows, last)


def shown(row: EntryRow, legs: list[PostingRow]) -> EntryShown:
    """An entry with its own of these legs."""
    return EntryShown(
        id=row.entry_id,
        key=row.key,
        kind=row.kind,
        at=row.at,
        posted_at=row.posted_at,
        memo=row.memo,
        session=row.session_id,
        payment=row.intent,
        legs=[
            PostingShown(account=leg.account, amount=Money(amount=leg.amount, currency=leg.currency))
            for leg in legs
            if leg.entry_id == row.entry_id
        ],
    )


def _account(row: BalanceRow) -> AccountShown:
    def money(amount: int) -> Money:
        return Money(amount=amount, currency=row.currency)

    return AccountShown(
        account=row.account, kind=account_kind(row.account), debit=money(row.debit), credit=money(row.credit),
        balance=money(row.balance),
    )  # fmt: skip


def _movement(row: StatementRow) -> MovementShown:
    return MovementShown(
        entry=row.entry_id, key=row.key, kind=row.kind, at=row.at, memo=row.memo, session=row.session_id,
        amount=Money(amount=row.amount, currency=row.currency),
        balance=Money(amount=row.balance, currency=row.currency),
    )  # fmt: skip


def _receivable(row: Aged) -> ReceivableShown:
    first, second, third, fourth = row.by_age
    return ReceivableShown(
        who=row.who, total=Money(amount=row.total, currency=row.currency), up_to_30_days=first, up_to_60_days=second,
        up_to_90_days=third, older=fourth, oldest_at=row.oldest_at,
    )  # fmt: skip


routes = Router(
    "/",
    route_handlers=[
        list_journal, find_entry, list_accounts, list_statement, list_receivables, show_profit, show_vat,
        export_beancount,
    ],
)  # fmt: skip
