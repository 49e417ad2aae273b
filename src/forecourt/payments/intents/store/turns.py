"""Whose turn it is to be looked at: payments whose time has come, and sessions that run, by turns of their accounts."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final
from uuid import UUID

from msgspec import Struct
from psycopg.rows import class_row

from forecourt.payments.intents.store import Connection

#: Payments that are looked through for those to take: the oldest that are due, of accounts with room.
LOOKED_AT: Final = 500
#: Sessions that run, or may, and are to be looked at: those of which money was taken ahead are still to be stopped.
_WATCHED: Final = (
    "session_id IS NOT NULL AND purpose = 'session' AND (state IN ('authorised', 'hold_requested')"
    " OR billed_amount IS NULL AND state IN ('captured', 'refunded', 'disputed'))"
    " AND (watch_at IS NULL OR watch_at <= %(now)s)"
)


class Room(Struct, frozen=True, kw_only=True):
    """How much may be taken: `free` in all, and of each lane (`Due.lane`) `left`, or `each` where that says nothing."""

    left: Mapping[str, int]
    each: int
    free: int


class Due(Struct, frozen=True, kw_only=True):
    """A payment that is taken to be looked at. `lane`: the account at a provider that it is of, or the organisation's
    own wallets and invoices."""

    tenant_id: int
    intent_id: UUID
    lane: str


async def take_due(conn: Connection, now: datetime, until: datetime, room: Room) -> list[Due]:
    """Takes payments whose time to be looked at has come, of every organisation: of each lane the oldest, by turns.
    Nobody else takes them before `until`. For the worker."""
    return await _take(conn, "next_at", "next_at <= %(now)s", now, until, room)


async def take_watched(conn: Connection, now: datetime, until: datetime, room: Room) -> list[Due]:
    """Takes payments of sessions that run, or may, as `take_due` does; they are looked at again at `until`. For the
    worker."""
    return await _take(conn, "watch_at", _WATCHED, now, until, room)


async def _take(conn: Connection, column: str, condition: str, now: datetime, until: datetime, room: Room) -> list[Due]:
    if room.free <= 0:
        return []
    cursor = conn.cursor(row_factory=class_row(Due))
    # A lane without room is passed over before the oldest are cut off, so that it hides no other; one that has room
    # and hides others has none the next time.
    await cursor.execute(
        f"""
        WITH known AS MATERIALIZED (
            SELECT lane, number FROM unnest(%(lanes)s::text[], %(numbers)s::int[]) AS known (lane, number)
        ), oldest AS (
            SELECT intent_id, {column} AS due_at, lane FROM payment_intents
            CROSS JOIN LATERAL (SELECT coalesce(account_id::text, 'own:' || tenant_id) AS lane) AS named
            WHERE {condition} AND NOT EXISTS (SELECT FROM known WHERE known.lane = named.lane AND known.number = 0)
            ORDER BY {column} NULLS FIRST LIMIT {LOOKED_AT}
        ), placed AS (
            SELECT intent_id, due_at, lane, number, row_number() OVER (PARTITION BY lane ORDER BY due_at) AS turn
            FROM oldest LEFT JOIN known USING (lane)
        ), due AS MATERIALIZED (
            SELECT intent_id, lane FROM placed JOIN payment_intents USING (intent_id)
            WHERE turn <= coalesce(placed.number, %(each)s) AND {condition}
            ORDER BY turn, due_at NULLS FIRST LIMIT %(free)s FOR UPDATE OF payment_intents SKIP LOCKED
        )
        UPDATE payment_intents i SET {column} = %(until)s FROM due WHERE i.intent_id = due.intent_id
        RETURNING i.tenant_id, i.intent_id, due.lane
        """,
        {
            "now": now, "until": until, "each": room.each, "free": room.free, "lanes": list(room.left),
            "numbers": list(room.left.values()),
        },
    )  # fmt: skip
    return await cursor.fetchall()


async def put_off(conn: Connection, tenant_id: int, intent_id: UUID, until: datetime) -> None:
    """A payment is not looked at before then. For the worker."""
    await conn.execute(
        "UPDATE payment_intents SET next_at = %s WHERE tenant_id = %s AND intent_id = %s",
        (until, tenant_id, intent_id),
    )
