"""All SQL of the ledger: the journal itself here, what is read of it in sum beside it. Only `insert_entry` writes."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from msgspec import Struct
from psycopg import AsyncConnection
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from forecourt.payments.ledger.model import Entry, Leg
from forecourt.platform.ordering import Age, Place, bounds, by_age, onward

Connection = AsyncConnection[Any]
_COLUMNS: Final = "entry_id, key, kind, at, posted_at, memo, session_id, intent, site_id"
_ORDERS: Final = by_age("entry_id")

_ENTRY: Final = """
    INSERT INTO journal (tenant_id, key, kind, at, legs, memo, session_id, intent, site_id, nets)
    VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT (tenant_id, key) DO NOTHING RETURNING entry_id
    """
_ACCOUNTS: Final = """
    INSERT INTO ledger_accounts (tenant_id, name) SELECT %s, name FROM unnest(%s::text[]) AS name ORDER BY name
    ON CONFLICT (tenant_id, name) DO NOTHING
    """
_POSTINGS: Final = """
    INSERT INTO postings (entry_id, leg, tenant_id, account_id, currency, amount)
    SELECT %s, l.leg, %s, a.account_id, l.currency, l.amount
    FROM unnest(%s::text[], %s::text[], %s::bigint[]) WITH ORDINALITY AS l (name, currency, amount, leg)
    JOIN ledger_accounts a ON a.tenant_id = %s AND a.name = l.name
    """


class EntryRow(Struct, frozen=True, kw_only=True):
    """One entry of the journal, without its legs."""

    entry_id: int
    key: str
    kind: str
    at: datetime
    posted_at: datetime
    memo: str
    session_id: UUID | None
    intent: str | None
    site_id: int | None


class PostingRow(Struct, frozen=True, kw_only=True):
    """One leg."""

    entry_id: int
    leg: int
    account: str
    currency: str
    amount: int


class BalanceRow(Struct, frozen=True, kw_only=True):
    """What an account comes to in one currency."""

    account: str
    currency: str
    debit: int
    credit: int
    postings: int

    @property
    def balance(self) -> int:
        """Debit less credit."""
        return self.debit - self.credit


class StatementRow(Struct, frozen=True, kw_only=True):
    """One movement of an account, and what the account came to after it."""

    entry_id: int
    leg: int
    key: str
    kind: str
    at: datetime
    memo: str
    session_id: UUID | None
    currency: str
    amount: int
    balance: int


async def insert_entry(conn: Connection, tenant_id: int, entry: Entry) -> bool:
    """Writes an entry with its legs and the accounts that they need; False if the key was there."""
    said = (entry.kind, entry.at, len(entry.legs), entry.memo, entry.session_id, entry.intent, entry.site_id,
            None if entry.nets is None else Jsonb(dict(entry.nets)))  # fmt: skip
    row = await (await conn.execute(_ENTRY, (tenant_id, entry.key, *said))).fetchone()
    if row is None:
        return False
    names = [leg.account for leg in entry.legs]
    currencies, amounts = [leg.currency for leg in entry.legs], [leg.amount for leg in entry.legs]
    # Accounts are few and stay: most entries find theirs, and take no lock for them.
    found = await conn.execute(_POSTINGS, (row[0], tenant_id, names, currencies, amounts, tenant_id))
    if found.rowcount < len(entry.legs):
        await conn.execute(_ACCOUNTS, (tenant_id, sorted(set(names))))
        await conn.execute(
            f"{_POSTINGS} ON CONFLICT (entry_id, leg) DO NOTHING",
            (row[0], tenant_id, names, currencies, amounts, tenant_id),
        )
    return True


async def list_tenants(conn: Connection) -> list[int]:
    """Every organisation with books or hosts. For the worker."""
    return [int(tenant_id) for (tenant_id,) in await (await conn.execute("SELECT payments_tenants()")).fetchall()]


async def find_by_key(conn: Connection, tenant_id: int, key: str) -> EntryRow | None:
    """The entry of this key."""
    cursor = conn.cursor(row_factory=class_row(EntryRow))
    await cursor.execute(f"SELECT {_COLUMNS} FROM journal WHERE tenant_id = %s AND key = %s", (tenant_id, key))
    return await cursor.fetchone()


async def find_entry(conn: Connection, tenant_id: int, entry_id: int) -> EntryRow | None:
    """The entry of this number."""
    cursor = conn.cursor(row_factory=class_row(EntryRow))
    await cursor.execute(
        f"SELECT {_COLUMNS} FROM journal WHERE tenant_id = %s AND entry_id = %s", (tenant_id, entry_id)
    )
    return await cursor.fetchone()


async def list_entries(
    conn: Connection,
    tenant_id: int,
    *,
    kind: str | None = None,
    session_id: UUID | None = None,
    intent: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    order: Age = "newest",
    place: Place = None,
    limit: int,
) -> list[EntryRow]:
    """Entries behind a place, of one kind, session or intent where that is said, within [since, until)."""
    cursor = conn.cursor(row_factory=class_row(EntryRow))
    await cursor.execute(
        f"""
        SELECT {_COLUMNS} FROM journal WHERE tenant_id = %(tenant_id)s
        AND (%(kind)s::text IS NULL OR kind = %(kind)s)
        AND (%(session_id)s::uuid IS NULL OR session_id = %(session_id)s)
        AND (%(intent)s::text IS NULL OR intent = %(intent)s)
        AND (%(since)s::timestamptz IS NULL OR at >= %(since)s)
        AND (%(until)s::timestamptz IS NULL OR at < %(until)s)
        {onward(_ORDERS[order], place)}
        """,
        {
            "tenant_id": tenant_id, "kind": kind, "session_id": session_id, "intent": intent, "since": since,
            "until": until, **bounds(place, limit),
        },
    )  # fmt: skip
    return await cursor.fetchall()


async def list_postings(conn: Connection, tenant_id: int, entry_ids: Sequence[int]) -> list[PostingRow]:
    """The legs of entries, entry by entry."""
    cursor = conn.cursor(row_factory=class_row(PostingRow))
    await cursor.execute(
        "SELECT p.entry_id, p.leg, a.name AS account, p.currency, p.amount FROM postings p"
        " JOIN ledger_accounts a USING (account_id) WHERE p.tenant_id = %s AND p.entry_id = ANY(%s)"
        " ORDER BY p.entry_id, p.leg",
        (tenant_id, list(entry_ids)),
    )
    return await cursor.fetchall()


async def list_balances(
    conn: Connection, tenant_id: int, *, until: datetime | None = None, prefix: str = ""
) -> list[BalanceRow]:
    """What accounts come to by currency, of what happened before `until`; those whose name is `prefix` or begins with
    it and a colon, all if it is empty."""
    cursor = conn.cursor(row_factory=class_row(BalanceRow))
    await cursor.execute(
        """
        SELECT a.name AS account, p.currency,
            coalesce(sum(p.amount) FILTER (WHERE p.amount > 0), 0)::bigint AS debit,
            coalesce(-sum(p.amount) FILTER (WHERE p.amount < 0), 0)::bigint AS credit, count(*) AS postings
        FROM ledger_accounts a JOIN postings p USING (account_id) JOIN journal j USING (entry_id)
        WHERE a.tenant_id = %(tenant_id)s AND (%(until)s::timestamptz IS NULL OR j.at < %(until)s)
        AND (%(prefix)s = '' OR a.name = %(prefix)s OR starts_with(a.name, %(prefix)s || ':'))
        GROUP BY a.name, p.currency ORDER BY a.name, p.currency
        """,
        {"tenant_id": tenant_id, "until": until, "prefix": prefix},
    )
    return await cursor.fetchall()


async def balance_of(conn: Connection, tenant_id: int, account: str, currency: str) -> int:
    """Debit less credit of one account."""
    row = await (
        await conn.execute(
            "SELECT coalesce(sum(p.amount), 0)::bigint FROM postings p JOIN ledger_accounts a USING (account_id)"
            " WHERE a.tenant_id = %s AND a.name = %s AND p.currency = %s",
            (tenant_id, account, currency),
        )
    ).fetchone()
    assert row is not None
    return int(row[0])


async def sum_posted(conn: Connection, tenant_id: int, intent: str) -> int:
    """What of a payment was nobody's and is posted to where it belongs, in minor units: it goes back no more."""
    row = await (
        await conn.execute(
            "SELECT coalesce(sum(p.amount), 0)::bigint FROM journal j JOIN postings p USING (entry_id)"
            " JOIN ledger_accounts a USING (account_id) WHERE j.tenant_id = %s AND j.intent = %s"
            " AND j.kind IN ('unmatched_posted', 'unmatched_back') AND a.name = 'unmatched'",
            (tenant_id, intent),
        )
    ).fetchone()
    assert row is not None
    return int(row[0])


async def account_exists(conn: Connection, tenant_id: int, account: str) -> bool:
    """Whether anything was ever posted to an account of this name."""
    row = await (
        await conn.execute("SELECT 1 FROM ledger_accounts WHERE tenant_id = %s AND name = %s", (tenant_id, account))
    ).fetchone()
    return row is not None


async def list_statement(
    conn: Connection,
    tenant_id: int,
    account: str,
    *,
    order: Age = "newest",
    place: Place = None,
    limit: int,
) -> list[StatementRow]:
    """The movements of an account behind a place (entry, leg), each with the balance after it."""
    orders = by_age("entry_id", "leg")
    cursor = conn.cursor(row_factory=class_row(StatementRow))
    await cursor.execute(
        f"""
        SELECT * FROM (
            SELECT j.entry_id, p.leg, j.key, j.kind, j.at, j.memo, j.session_id, p.currency, p.amount,
                (sum(p.amount) OVER (PARTITION BY p.currency ORDER BY j.entry_id, p.leg))::bigint AS balance
            FROM ledger_accounts a JOIN postings p USING (account_id) JOIN journal j USING (entry_id)
            WHERE a.tenant_id = %(tenant_id)s AND a.name = %(account)s
        ) AS s WHERE true {onward(orders[order], place)}
        """,
        {"tenant_id": tenant_id, "account": account, **bounds(place, limit)},
    )
    return await cursor.fetchall()


async def nets_of(conn: Connection, tenant_id: int, entry_id: int) -> dict[str, int] | None:
    """What each account of VAT of an entry is of; None: nobody says so."""
    row = await (
        await conn.execute("SELECT nets FROM journal WHERE tenant_id = %s AND entry_id = %s", (tenant_id, entry_id))
    ).fetchone()
    return None if row is None or row[0] is None else {str(name): int(net) for name, net in row[0].items()}


async def legs_of(conn: Connection, tenant_id: int, entry_id: int) -> list[Leg]:
    """The legs of an entry as they were posted."""
    return [
        Leg(account=row.account, currency=row.currency, amount=row.amount)
        for row in await list_postings(conn, tenant_id, [entry_id])
    ]


async def sum_on(conn: Connection, tenant_id: int, keys: Sequence[str], account: str) -> int:
    """What the entries of these keys posted to an account."""
    cursor = await conn.execute(
        "SELECT coalesce(sum(p.amount), 0)::bigint FROM journal j JOIN postings p USING (entry_id)"
        " JOIN ledger_accounts a USING (account_id) WHERE j.tenant_id = %s AND j.key = ANY(%s) AND a.name = %s",
        (tenant_id, list(keys), account),
    )
    row = await cursor.fetchone()
    assert row is not None
    return int(row[0])
