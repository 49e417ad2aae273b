"""Routes of hosts: who they are, their share rules, what they are owed, and how they were paid.

Who is limited to some sites reads their own host here, and nobody else's.
"""

import asyncio
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Literal
from uuid import UUID

from litestar import Response, get, patch, post, put
from litestar.di import NamedDependency
from litestar.params import JSONBody, QueryParameter
from litestar.response import Stream
from msgspec import UNSET, Meta, Struct, UnsetType

from forecourt.access import Verb
from forecourt.access.guard import Asker, Database
from forecourt.payments.bank.fields import BankAccount, Sealing
from forecourt.payments.bank.model import Bank, IbanRefused
from forecourt.payments.hosts import service, statement
from forecourt.payments.hosts.api.fields import Moment, Number, Ticking
from forecourt.payments.hosts.connect import state_of
from forecourt.payments.hosts.model import MAX_ON_PAPER, Every, HostRefused, HostUnknown, TooManyHosts
from forecourt.payments.hosts.paper import statement_pdf
from forecourt.payments.hosts.store import hosts as store
from forecourt.payments.hosts.store import lines
from forecourt.payments.hosts.store.hosts import HostRow
from forecourt.payments.hosts.store.lines import LineRow, Owed
from forecourt.payments.ledger.model import EntryDiffers
from forecourt.platform.money import Currency, Money
from forecourt.platform.paging import (
    ByAge,
    CursorRefused,
    Limit,
    NextCursor,
    Page,
    cursors_by_age,
)
from forecourt.platform.preconditions import ChangedMeanwhile, etag
from forecourt.platform.tagging import IfMatch, tagged
from forecourt.platform.text import NAME_LINE, ONE_LINE
from forecourt.ui.files import streamed

CURSORS = cursors_by_age("hosts", first="oldest")
LINE_CURSORS = cursors_by_age("host lines")
EXPENSE_KEY_PATTERN = "^[A-Za-z0-9._-]+$"
EXPENSE_PATTERN = "^[a-z_]{1,40}$"
PDF = "application/pdf"
CSV = "text/csv"

ConsoleUrl = NamedDependency[str]
Name = Annotated[str, Meta(min_length=1, max_length=200, pattern=NAME_LINE, examples=["Harbour Estates"])]
Line = Annotated[str, Meta(max_length=300, pattern=ONE_LINE)]
Slugs = Annotated[
    list[str],
    Meta(max_length=500, description="Their sites: whoever is limited to all of these sees the host.",
         examples=[["north-yard"]]),
]  # fmt: skip
Rate = Annotated[
    Decimal | None, Meta(description="VAT that the host charges, in percent; null: none.", examples=["19"])
]
Minimum = Annotated[int, Meta(ge=0, le=10**12, description="In minor units: less is carried.", examples=[500])]


class NewHost(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who owns sites. Where their money goes is said apart."""

    name: Name
    country: Annotated[str, Meta(pattern="^[A-Z]{2}$", examples=["DE"])]
    sites: Slugs = []
    address: Annotated[str, Meta(max_length=500, pattern=r"^[^\x00]*$", examples=["Harbour Road 7, Hamburg"])] = ""
    email: Annotated[str, Meta(max_length=254, pattern=ONE_LINE, examples=["host@example.com"])] = ""
    vat_id: Annotated[str, Meta(max_length=20, pattern=ONE_LINE, examples=["DE136695976"])] = ""
    vat_rate: Rate = None
    payout_every: Every = "day"
    payout_minimum: Minimum = 0
    connect_account: Annotated[
        str, Meta(max_length=100, pattern=ONE_LINE, description="Their account at the payment provider.")
    ] = ""
    connect_by: Annotated[
        str, Meta(max_length=100, pattern=ONE_LINE, description="Our account there that pays them.")
    ] = ""


class HostChange(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What shall change of a host; what is absent stays as it is."""

    name: Name | UnsetType = UNSET
    country: Annotated[str, Meta(pattern="^[A-Z]{2}$")] | UnsetType = UNSET
    sites: Slugs | UnsetType = UNSET
    address: Annotated[str, Meta(max_length=500, pattern=r"^[^\x00]*$")] | UnsetType = UNSET
    email: Annotated[str, Meta(max_length=254, pattern=ONE_LINE)] | UnsetType = UNSET
    vat_id: Annotated[str, Meta(max_length=20, pattern=ONE_LINE)] | UnsetType = UNSET
    vat_rate: Rate | UnsetType = UNSET
    payout_every: Every | UnsetType = UNSET
    payout_minimum: Minimum | UnsetType = UNSET
    connect_account: Annotated[str, Meta(max_length=100, pattern=ONE_LINE)] | UnsetType = UNSET
    connect_by: Annotated[str, Meta(max_length=100, pattern=ONE_LINE)] | UnsetType = UNSET


class AtProvider(Struct, frozen=True, kw_only=True):
    """What a host may do at the payment provider."""

    may_receive: Annotated[bool, Meta(description="Payouts go there; else they go as before.")]
    may_pay_out: Annotated[bool, Meta(description="The provider passes the money on to their bank.")]
    due: Annotated[
        list[str], Meta(description="What it still asks of them, by its own names.", examples=[["external_account"]])
    ]
    closed: Annotated[str, Meta(description="Why it lets them do nothing, by its own name.", examples=[""])]
    read_at: datetime


class Host(Struct, frozen=True, kw_only=True):
    """One host."""

    id: int
    name: str
    address: str
    country: str
    email: str
    vat_id: str
    vat_rate: Rate
    sites: Slugs
    payout_every: Every
    payout_minimum: int
    iban: Annotated[str, Meta(description="Its ends.", examples=["DE89 … 3000"])]
    connect_account: str
    connect_by: str
    at_provider: Annotated[
        AtProvider | None, Meta(description="What the provider said last of them; null: it was never asked.")
    ]
    held_at: Annotated[datetime | None, Meta(description="Since when they are not paid: a payout came back.")]
    held_reason: str
    owed: list[Money]
    created_at: datetime


class HostLine(Struct, frozen=True, kw_only=True):
    """One line of what a host is owed. `net`: what was earned, of which the share is."""

    id: int
    entry: Annotated[int, Meta(description="The entry of the ledger.")]
    kind: Annotated[str, Meta(examples=["host_share"])]
    at: datetime
    amount: Money
    share: int
    platform_fee: int
    vat: int
    net: int | None
    session: UUID | None
    station: Annotated[str | None, Meta(examples=["CP1"])]
    evse: int | None
    connector: Annotated[int | None, Meta(examples=[1])]
    started_at: datetime | None
    energy_wh: int | None
    payout: int | None
    memo: Annotated[str, Meta(examples=[""])]


class NewExpense(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a host is owed beside shares, or owes (below 0): posted once under its key."""

    key: Annotated[str, Meta(min_length=1, max_length=60, pattern=EXPENSE_KEY_PATTERN, examples=["power-2026-03"])]
    kind: Annotated[str, Meta(pattern=EXPENSE_PATTERN, examples=["energy"])]
    amount: Annotated[int, Meta(ge=-(10**12), le=10**12, examples=[12_500])]
    currency: Currency
    site: Annotated[Annotated[str, Meta(max_length=63)] | None, Meta(examples=["north-yard"])] = None
    memo: Line = ""


class ExpensePosted(Struct, frozen=True, kw_only=True):
    """Whether the expense is new; one that was posted under its key before is not."""

    new: Annotated[bool, Meta(examples=[True])]


@post(
    "/hosts",
    opt={"verb": Verb.CHANGE_HOSTS, "problems": [TooManyHosts, HostRefused]},
    summary="Make a host",
    tags=["hosts"],
)
async def create_host(data: JSONBody[NewHost], actor: Asker, db: Database, clock: Ticking) -> Host:
    values = {name: getattr(data, name) for name in data.__struct_fields__ if name != "sites"}
    async with db.tenant(actor.tenant_id) as conn:
        row = await service.create(conn, actor, values, data.sites, clock.now())
        return await show_host(conn, actor.tenant_id, row)


@get(
    "/hosts",
    opt={"verb": Verb.READ_HOSTS, "problems": [CursorRefused]},
    summary="List hosts and what they are owed",
    tags=["hosts"],
)
async def list_hosts(
    actor: Asker, db: Database, sort: ByAge = "oldest", limit: Limit = 50, cursor: NextCursor = None
) -> Page[Host]:
    place = CURSORS[sort].decode(cursor)
    async with db.tenant(actor.tenant_id) as conn:
        rows = await store.list_hosts(conn, actor.tenant_id, order=sort, place=place, limit=limit + 1)
        owed = await lines.owed(conn, actor.tenant_id, host_ids=[row.host_id for row in rows])
        sites = await store.name_sites(conn, actor.tenant_id, [site for row in rows for site in row.site_ids])
    return CURSORS[sort].page(rows, limit, lambda row: (row.host_id,), lambda row: _host(row, owed, sites))


@get(
    "/hosts/{host_id:int}",
    opt={"verb": Verb.READ_HOSTS, "etag": True, "problems": [HostUnknown]},
    summary="Show a host",
    tags=["hosts"],
)
async def find_host(host_id: Number, actor: Asker, db: Database) -> Response[Host]:
    async with db.tenant(actor.tenant_id) as conn:
        row = await service.find(conn, actor.tenant_id, host_id)
        return tagged(await show_host(conn, actor.tenant_id, row), etag(row))


@patch(
    "/hosts/{host_id:int}",
    opt={"verb": Verb.CHANGE_HOSTS, "etag": True, "problems": [HostUnknown, HostRefused, ChangedMeanwhile]},
    summary="Change a host",
    tags=["hosts"],
)
async def change_host(
    host_id: Number, data: JSONBody[HostChange], actor: Asker, db: Database, if_match: IfMatch = None
) -> Response[Host]:
    changes = {name: value for name in data.__struct_fields__ if (value := getattr(data, name)) is not UNSET}
    sites = changes.pop("sites", None)
    async with db.tenant(actor.tenant_id) as conn:
        row = await service.change(conn, actor, host_id, changes, sites, if_match)
        return tagged(await show_host(conn, actor.tenant_id, row), etag(row))


@put(
    "/hosts/{host_id:int}/bank",
    opt={"verb": Verb.CHANGE_HOSTS, "problems": [HostUnknown, IbanRefused]},
    summary="Say where a host's money goes",
    description="Who was not paid because a payout came back is paid again.",
    tags=["hosts"],
)
async def put_bank(
    host_id: Number, data: JSONBody[BankAccount], actor: Asker, db: Database, secret_key: Sealing
) -> Host:
    async with db.tenant(actor.tenant_id) as conn:
        row = await service.put_bank(
            conn, actor, host_id, Bank(secret_key), name=data.name, iban=data.iban, bic=data.bic
        )
        return await show_host(conn, actor.tenant_id, row)


@get(
    "/hosts/{host_id:int}/lines",
    opt={"verb": Verb.READ_HOSTS, "problems": [HostUnknown, CursorRefused]},
    summary="Read what a host is owed, line by line",
    tags=["hosts"],
)
async def list_lines(
    host_id: Number, actor: Asker, db: Database, sort: ByAge = "newest", limit: Limit = 50, cursor: NextCursor = None
) -> Page[HostLine]:
    place = LINE_CURSORS[sort].decode(cursor)
    async with db.tenant(actor.tenant_id) as conn:
        await service.find(conn, actor.tenant_id, host_id)
        rows = await lines.list_lines(conn, actor.tenant_id, host_id, order=sort, place=place, limit=limit + 1)
    return LINE_CURSORS[sort].page(rows, limit, lambda row: (row.line_id,), _line)


@get(
    "/hosts/{host_id:int}/statement",
    opt={"verb": Verb.READ_HOSTS, "media_types": [CSV, PDF], "problems": [HostUnknown]},
    summary="Take a host's statement away",
    description=(
        "As CSV or PDF, of a span. Each line leads to its session and its signed meter values. Sums are of all lines;"
        f" of more than {MAX_ON_PAPER} lines the PDF lists the first, the CSV all."
    ),
    tags=["hosts"],
)
async def take_statement(
    host_id: Number,
    actor: Asker,
    db: Database,
    console_url: ConsoleUrl,
    since: Annotated[Moment, QueryParameter(name="from", description="From this time on, with its zone.")],
    until: Annotated[Moment, QueryParameter(name="to", description="Before this time, with its zone.")],
    currency: Annotated[Currency, QueryParameter(description="In this currency.")] = "EUR",
    form: Annotated[Literal["csv", "pdf"], QueryParameter(name="format", description="The form of the file.")] = "csv",
) -> Stream:
    async with db.tenant(actor.tenant_id) as conn:
        made = await statement.read(conn, actor.tenant_id, actor.organisation, host_id, currency, since, until)
        if form == "pdf":
            listed = await statement.read_lines(conn, actor.tenant_id, made, limit=MAX_ON_PAPER)
    if form == "pdf":
        content = await asyncio.to_thread(statement_pdf, made, listed, console_url)
        return streamed([content], PDF, f"{made.number}.pdf")
    parts = statement.as_csv(db, actor.tenant_id, made, console_url)
    return streamed((part.encode() async for part in parts), CSV, f"{made.number}.csv")


@post(
    "/hosts/{host_id:int}/expenses",
    opt={"verb": Verb.CHANGE_HOSTS, "problems": [HostUnknown, HostRefused, EntryDiffers]},
    status_code=200,
    summary="Post an expense of a host",
    tags=["hosts"],
)
async def add_expense(
    host_id: Number, data: JSONBody[NewExpense], actor: Asker, db: Database, clock: Ticking
) -> ExpensePosted:
    async with db.tenant(actor.tenant_id) as conn:
        new = await service.add_expense(
            conn, actor, host_id, key=data.key, kind=data.kind, currency=data.currency, amount=data.amount,
            site=data.site, memo=data.memo, at=clock.now(),
        )  # fmt: skip
    return ExpensePosted(new=new)


async def show_host(conn: Any, tenant_id: int, row: HostRow) -> Host:
    """A host with what they are owed, as the API shows them."""
    owed = await lines.owed(conn, tenant_id, host_ids=[row.host_id])
    return _host(row, owed, await store.name_sites(conn, tenant_id, row.site_ids))


def _host(row: HostRow, owed: list[Owed], sites: dict[int, tuple[str, str]]) -> Host:
    same = {name: getattr(row, name) for name in Host.__struct_fields__ if name in HostRow.__struct_fields__}
    state, said = state_of(row), None
    if state is not None and row.connect_read_at is not None:
        said = AtProvider(
            may_receive=state.may_receive, may_pay_out=state.may_pay_out, due=list(state.due), closed=state.closed,
            read_at=row.connect_read_at,
        )  # fmt: skip
    return Host(
        id=row.host_id,
        iban=row.iban_shown,
        at_provider=said,
        sites=[sites[site][0] for site in row.site_ids if site in sites],
        owed=[Money(amount=each.amount, currency=each.currency) for each in owed if each.host_id == row.host_id],
        **same,
    )


def _line(row: LineRow) -> HostLine:
    same = {name: getattr(row, name) for name in HostLine.__struct_fields__ if name in LineRow.__struct_fields__}
    return HostLine(
        id=row.line_id,
        entry=row.entry_id,
        session=row.session_id,
        payout=row.payout_id,
        **(same | {"amount": Money(amount=row.amount, currency=row.currency)}),
    )


handlers = [
    create_host, list_hosts, find_host, change_host, put_bank, list_lines, take_statement,
    add_expense,
]  # fmt: skip
