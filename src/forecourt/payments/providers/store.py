"""All SQL of what is held of wallets, and on the accounts of fleets and of who else is billed."""

from datetime import datetime
from typing import Any, Final
from uuid import UUID

from msgspec import Struct
from psycopg import AsyncConnection
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

Connection = AsyncConnection[Any]

_COLUMNS: Final = "reference, intent, payer, currency, state, authorised, captured, refunds"


class BookRow(Struct, frozen=True, kw_only=True):
    """A hold as stored, in minor units; `refunds`: each with its reference, its amount and our name of it."""

    reference: UUID
    intent: str
    payer: str
    currency: str
    state: str
    authorised: int
    captured: int
    refunds: list[dict[str, Any]]


async def insert_hold(
    conn: Connection, tenant_id: int, *, intent: str, payer: str, kind: str, currency: str, state: str, authorised: int,
    captured: int, key: str, at: datetime,
) -> BookRow:  # fmt: skip
    """Stores a hold."""
    cursor = conn.cursor(row_factory=dict_row)
    await cursor.execute(
        "INSERT INTO payment_book_holds (tenant_id, intent, payer, kind, currency, state, authorised, captured,"
        f" key, made_at) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s) RETURNING {_COLUMNS}",
        (tenant_id, intent, payer, kind, currency, state, authorised, captured, key, at),
    )
    found = await cursor.fetchone()
    assert found is not None
    return BookRow(**found)


async def raise_hold(conn: Connection, tenant_id: int, reference: UUID, authorised: int) -> None:
    """Holds so much in all, never less than before."""
    await conn.execute(
        "UPDATE payment_book_holds SET authorised = greatest(authorised, %s) WHERE tenant_id = %s AND reference = %s",
        (authorised, tenant_id, reference),
    )


async def end_hold(conn: Connection, tenant_id: int, reference: UUID, state: str, captured: int) -> None:
    """Keeps what became of a hold."""
    await conn.execute(
        "UPDATE payment_book_holds SET state = %s, captured = %s WHERE tenant_id = %s AND reference = %s",
        (state, captured, tenant_id, reference),
    )


async def add_refund(conn: Connection, tenant_id: int, reference: UUID, refund: dict[str, Any]) -> None:
    """Keeps what was given back."""
    await conn.execute(
        "UPDATE payment_book_holds SET refunds = refunds || %s WHERE tenant_id = %s AND reference = %s",
        (Jsonb([refund]), tenant_id, reference),
    )


async def hold_payer(conn: Connection, payer: str) -> None:
    """Makes others who draw on the same wait until the transaction ends."""
    await conn.execute("SELECT pg_advisory_xact_lock(hashtextextended('payer ' || %s, 0))", (payer,))


async def sum_going_back(conn: Connection, tenant_id: int, payer: str, currency: str) -> int:
    """What of a wallet is on its way back to the cards that it was filled by, and not posted yet."""
    row = await (
        await conn.execute(
            "SELECT coalesce(sum(c.amount), 0)::bigint FROM payment_calls c JOIN payment_intents i"
            " ON i.tenant_id = c.tenant_id AND i.intent_id = c.intent_id WHERE c.tenant_id = %s AND i.payer = %s"
            " AND i.currency = %s AND i.purpose = 'top_up' AND c.kind = 'refund' AND c.state = 'open'",
            (tenant_id, payer, currency),
        )
    ).fetchone()
    assert row is not None
    return int(row[0])


async def sum_disputed(conn: Connection, tenant_id: int, payer: str, currency: str) -> int:
    """What of a wallet was put in by payments that a bank disputes, or took back for good, in minor units."""
    row = await (
        await conn.execute(
            "SELECT coalesce(sum(in_wallet), 0)::bigint FROM payment_disputes"
            " WHERE tenant_id = %s AND payer = %s AND currency = %s AND in_wallet > 0",
            (tenant_id, payer, currency),
        )
    ).fetchone()
    assert row is not None
    return int(row[0])


async def find_hold(conn: Connection, tenant_id: int, column: str, value: Any, *, lock: bool = False) -> BookRow | None:
    """The hold of a reference, or of a key; `lock`: held until the transaction ends."""
    assert column in ("reference", "key"), "a column that is looked up by"
    cursor = conn.cursor(row_factory=dict_row)
    await cursor.execute(
        f"SELECT {_COLUMNS} FROM payment_book_holds WHERE tenant_id = %s AND {column} = %s"
        f" {'FOR UPDATE' if lock else ''}",
        (tenant_id, value),
    )
    row = await cursor.fetchone()
    return None if row is None else BookRow(**row)


async def fleet_left(
    conn: Connection, tenant_id: int, fleet_id: int, currency: str, intent: str, at: datetime, most: int
) -> int | None:
    """What a fleet may still spend this month on a payment of one of its drivers, `most` where it has no limit; None
    where no such fleet pays in this currency."""
    row = await (
        await conn.execute(
            "SELECT coalesce(payments_fleet_left(f.tenant_id, f.fleet_id, i.driver_id, %(at)s), %(most)s) FROM fleets f"
            " LEFT JOIN payment_intents i ON i.tenant_id = f.tenant_id AND i.intent_id = %(intent)s"
            " WHERE f.tenant_id = %(tenant)s AND f.fleet_id = %(fleet)s AND f.active AND f.held_at IS NULL"
            " AND f.currency = %(currency)s",
            {
                "tenant": tenant_id, "fleet": fleet_id, "currency": currency, "at": at,
                "intent": UUID(intent) if intent else None, "most": most,
            },
        )
    ).fetchone()  # fmt: skip
    return None if row is None else int(row[0])


async def find_limit(conn: Connection, tenant_id: int, payer: str, currency: str) -> int | None:
    """What a payer may owe at the most; None: nobody said so."""
    row = await (
        await conn.execute(
            "SELECT most FROM payment_limits WHERE tenant_id = %s AND payer = %s AND currency = %s",
            (tenant_id, payer, currency),
        )
    ).fetchone()
    return None if row is None else int(row[0])


async def sum_held(conn: Connection, tenant_id: int, payer: str, kind: str, currency: str) -> int:
    """What is held of a payer, and what was captured and isn't posted yet, in minor units."""
    row = await (
        await conn.execute(
            """
            SELECT coalesce(sum(CASE WHEN h.state = 'authorised' THEN h.authorised ELSE h.captured END), 0)::bigint
            FROM payment_book_holds h
            WHERE h.tenant_id = %(tenant)s AND h.payer = %(payer)s AND h.kind = %(kind)s AND h.currency = %(currency)s
              AND (h.state = 'authorised' OR (h.state = 'captured' AND NOT EXISTS (
                  SELECT FROM journal j WHERE j.tenant_id = h.tenant_id
                  AND j.key IN ('capture:' || h.intent::uuid, 'debt:' || h.intent::uuid))))
            """,
            {"tenant": tenant_id, "payer": payer, "kind": kind, "currency": currency},
        )
    ).fetchone()
    assert row is not None
    return int(row[0])
