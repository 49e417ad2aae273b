"""All SQL of saved ways to pay: the pages on which cards are left, what is kept, and what the provider is to forget."""

from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec
from msgspec import Struct
from psycopg import AsyncConnection
from psycopg.rows import class_row, dict_row
from psycopg.types.json import Jsonb

from forecourt.payments.psp.words import Card, Saved
from forecourt.payments.saved.model import Setup, SetupState

Connection = AsyncConnection[Any]

#: Pages of one driver that are read at once.
MAX_LISTED: Final = 50
#: Ways to pay of one payer that are read at once.
MAX_METHODS: Final = 200
_SETUP: Final = "setup_id, payer, account_id, key, state, reference, page_url, customer, method_id, created_at"


class MethodRow(Struct, frozen=True, kw_only=True):
    """A saved way to pay, by the provider's names."""

    method_id: UUID
    account_id: UUID
    customer: str
    method: str
    card: Card | None
    created_at: datetime


class ToDrop(Struct, frozen=True, kw_only=True):
    """A card that the provider is to forget; `forgotten`: and whoever left it."""

    method_id: UUID
    account_id: UUID
    customer: str
    method: str
    forgotten: bool


async def insert_setup(
    conn: Connection,
    tenant_id: int,
    payer: str,
    account_id: UUID,
    customer: str | None,
    at: datetime,
    next_at: datetime,
) -> Setup:
    """Stores a page that is about to be asked for, with a key that nobody had before."""
    cursor = conn.cursor(row_factory=dict_row)
    await cursor.execute(
        "INSERT INTO payment_setups (setup_id, tenant_id, payer, account_id, customer, key, created_at, next_at)"
        " SELECT id, %s, %s, %s, %s, 'forecourt-' || replace(id::text, '-', ''), %s, %s FROM gen_random_uuid() AS id"
        f" RETURNING {_SETUP}",
        (tenant_id, payer, account_id, customer, at, next_at),
    )
    return msgspec.convert(await cursor.fetchone(), Setup)


async def find_setup(conn: Connection, tenant_id: int, setup_id: UUID, *, lock: bool = False) -> Setup | None:
    """The page of this id; with `lock` held until the transaction ends."""
    cursor = conn.cursor(row_factory=dict_row)
    await cursor.execute(
        f"SELECT {_SETUP} FROM payment_setups WHERE tenant_id = %s AND setup_id = %s {'FOR UPDATE' if lock else ''}",
        (tenant_id, setup_id),
    )
    row = await cursor.fetchone()
    return None if row is None else msgspec.convert(row, Setup)


async def list_open(conn: Connection, tenant_id: int, payer: str) -> list[Setup]:
    """The pages of somebody that wait."""
    cursor = conn.cursor(row_factory=dict_row)
    await cursor.execute(
        f"SELECT {_SETUP} FROM payment_setups WHERE tenant_id = %s AND payer = %s AND ended_at IS NULL"
        " ORDER BY created_at LIMIT %s",
        (tenant_id, payer, MAX_LISTED),
    )
    return [msgspec.convert(row, Setup) for row in await cursor.fetchall()]


async def open_setup(conn: Connection, tenant_id: int, setup_id: UUID, reference: str, page_url: str) -> None:
    """The provider's page waits."""
    await conn.execute(
        "UPDATE payment_setups SET state = 'open', reference = %s, page_url = %s"
        " WHERE tenant_id = %s AND setup_id = %s AND state = 'asked'",
        (reference, page_url, tenant_id, setup_id),
    )


async def end_setup(
    conn: Connection, tenant_id: int, setup_id: UUID, state: SetupState, at: datetime, method_id: UUID | None = None
) -> None:
    """It is over."""
    await conn.execute(
        "UPDATE payment_setups SET state = %s, method_id = %s, ended_at = %s, next_at = NULL, page_url = NULL"
        " WHERE tenant_id = %s AND setup_id = %s AND ended_at IS NULL",
        (state.value, method_id, at, tenant_id, setup_id),
    )


async def hold_payer(conn: Connection, tenant_id: int, payer: str) -> None:
    """Nobody else adds a card of this payer until the transaction ends."""
    await conn.execute("SELECT pg_advisory_xact_lock(hashtextextended('cards ' || %s, %s))", (payer, tenant_id))


async def count_cards(conn: Connection, tenant_id: int, payer: str) -> int:
    """How many cards somebody has here."""
    return await _count(
        conn, "payment_methods WHERE tenant_id = %s AND payer = %s AND removed_at IS NULL", (tenant_id, payer)
    )


async def count_pages(conn: Connection, tenant_id: int, payer: str, since: datetime) -> int:
    """How many pages wait for somebody that were begun since then."""
    return await _count(
        conn,
        "payment_setups WHERE tenant_id = %s AND payer = %s AND ended_at IS NULL AND created_at >= %s",
        (tenant_id, payer, since),
    )


async def find_customer(conn: Connection, tenant_id: int, payer: str, account_id: UUID) -> str | None:
    """What the provider calls whoever left a card there before."""
    cursor = await conn.execute(
        "SELECT customer FROM payment_methods WHERE tenant_id = %s AND payer = %s AND account_id = %s AND NOT forgotten"
        " ORDER BY created_at DESC LIMIT 1",
        (tenant_id, payer, account_id),
    )
    row = await cursor.fetchone()
    return None if row is None else str(row[0])


async def find_kept(conn: Connection, tenant_id: int, account_id: UUID, method: str) -> UUID | None:
    """The id of a card by the provider's name of it."""
    cursor = await conn.execute(
        "SELECT method_id FROM payment_methods WHERE tenant_id = %s AND account_id = %s AND method = %s",
        (tenant_id, account_id, method),
    )
    row = await cursor.fetchone()
    return None if row is None else UUID(str(row[0]))


async def find_drop(conn: Connection, tenant_id: int, method_id: UUID) -> ToDrop | None:
    """A card that the provider is still to forget."""
    cursor = conn.cursor(row_factory=class_row(ToDrop))
    await cursor.execute(
        "SELECT method_id, account_id, customer, method, forgotten FROM payment_methods"
        " WHERE tenant_id = %s AND method_id = %s AND drop_at IS NOT NULL",
        (tenant_id, method_id),
    )
    return await cursor.fetchone()


async def dropped(conn: Connection, tenant_id: int, method_id: UUID) -> None:
    """The provider has forgotten a card: nothing more is to be asked, and nothing is kept of who was erased."""
    await conn.execute(
        "DELETE FROM payment_methods WHERE tenant_id = %s AND method_id = %s AND forgotten", (tenant_id, method_id)
    )
    await conn.execute(
        "UPDATE payment_methods SET drop_at = NULL WHERE tenant_id = %s AND method_id = %s", (tenant_id, method_id)
    )


async def forget(conn: Connection, tenant_id: int, payer: str, at: datetime) -> None:
    """Somebody is erased: no card of theirs is shown or used any more, and the provider is to forget all of them."""
    await conn.execute(
        "UPDATE payment_methods SET removed_at = coalesce(removed_at, %s), drop_at = %s, forgotten = true, card = NULL"
        " WHERE tenant_id = %s AND payer = %s",
        (at, at, tenant_id, payer),
    )
    await conn.execute("DELETE FROM payment_setups WHERE tenant_id = %s AND payer = %s", (tenant_id, payer))


async def take_setups(conn: Connection, now: datetime, until: datetime, limit: int) -> list[tuple[int, UUID]]:
    """Pages whose time to be looked at has come, of every organisation; nobody else takes them before `until`."""
    cursor = await conn.execute(
        "UPDATE payment_setups SET next_at = %s WHERE setup_id IN (SELECT setup_id FROM payment_setups"
        " WHERE next_at <= %s ORDER BY next_at LIMIT %s FOR UPDATE SKIP LOCKED) RETURNING tenant_id, setup_id",
        (until, now, limit),
    )
    return [(int(tenant), UUID(str(setup))) for tenant, setup in await cursor.fetchall()]


async def forget_ended(conn: Connection, before: datetime, most: int) -> int:
    """Forgets the oldest pages that were over before a time; how many. For the worker."""
    cursor = await conn.execute(
        "DELETE FROM payment_setups WHERE setup_id IN (SELECT setup_id FROM payment_setups WHERE ended_at < %s"
        " ORDER BY ended_at LIMIT %s)",
        (before, most),
    )
    return cursor.rowcount


async def take_drops(conn: Connection, now: datetime, until: datetime, limit: int) -> list[tuple[int, UUID]]:
    """Cards that a provider is to forget, of every organisation; nobody else takes them before `until`."""
    cursor = await conn.execute(
        "UPDATE payment_methods SET drop_at = %s WHERE method_id IN (SELECT method_id FROM payment_methods"
        " WHERE drop_at <= %s ORDER BY drop_at LIMIT %s FOR UPDATE SKIP LOCKED) RETURNING tenant_id, method_id",
        (until, now, limit),
    )
    return [(int(tenant), UUID(str(method))) for tenant, method in await cursor.fetchall()]


async def _count(conn: Connection, of: str, values: tuple[Any, ...]) -> int:
    row = await (await conn.execute(f"SELECT count(*) FROM {of}".encode(), values)).fetchone()
    assert row is not None
    return int(row[0])


async def find_method(conn: Connection, tenant_id: int, payer: str, method_id: UUID) -> MethodRow | None:
    """A saved way to pay of somebody that was not removed."""
    return next((row for row in await list_methods(conn, tenant_id, payer) if row.method_id == method_id), None)


async def list_methods(conn: Connection, tenant_id: int, payer: str) -> list[MethodRow]:
    """The saved ways to pay of somebody, the latest first."""
    cursor = conn.cursor(row_factory=dict_row)
    await cursor.execute(
        "SELECT method_id, account_id, customer, method, card, created_at FROM payment_methods"
        " WHERE tenant_id = %s AND payer = %s AND removed_at IS NULL ORDER BY created_at DESC, method_id LIMIT %s",
        (tenant_id, payer, MAX_METHODS),
    )
    return [msgspec.convert(row, MethodRow) for row in await cursor.fetchall()]


async def insert_method(
    conn: Connection, tenant_id: int, payer: str, account_id: UUID, saved: Saved, card: Card | None, at: datetime
) -> None:
    """Keeps a way to pay; one that is kept already stays."""
    await conn.execute(
        "INSERT INTO payment_methods (tenant_id, payer, account_id, customer, method, card, created_at)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
        (
            tenant_id, payer, account_id, saved.customer, saved.method,
            None if card is None else Jsonb(msgspec.to_builtins(card)), at,
        ),
    )  # fmt: skip


async def remove_method(conn: Connection, tenant_id: int, payer: str, method_id: UUID, at: datetime) -> bool:
    """A way to pay is used no more, and its provider is to forget it; whether there was one."""
    cursor = await conn.execute(
        "UPDATE payment_methods SET removed_at = %(at)s, drop_at = %(at)s WHERE tenant_id = %(tenant)s"
        " AND payer = %(payer)s AND method_id = %(method)s AND removed_at IS NULL",
        {"at": at, "tenant": tenant_id, "payer": payer, "method": method_id},
    )
    return cursor.rowcount == 1
