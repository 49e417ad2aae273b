"""All SQL of certificates of Plug & Charge but what a gateway reads."""

from datetime import datetime
from typing import Any

from msgspec import Struct
from psycopg import AsyncConnection
from psycopg.rows import class_row

Connection = AsyncConnection[Any]

_ROOT = "fingerprint, subject, not_after, der, added_by, added_at"


class RootRow(Struct, frozen=True, kw_only=True):
    """An authority whose contracts are trusted."""

    fingerprint: str
    subject: str
    not_after: datetime
    der: bytes
    added_by: str
    added_at: datetime


class RulesRow(Struct, frozen=True, kw_only=True):
    """How contracts are judged. `unproven` is 'accept' or 'refuse'; without the secret."""

    required: bool
    unproven: str
    provider_url: str | None
    set_by: str
    set_at: datetime


async def list_roots(conn: Connection, tenant_id: int) -> list[RootRow]:
    """The authorities of an organisation, by their names."""
    cursor = conn.cursor(row_factory=class_row(RootRow))
    await cursor.execute(
        f"SELECT {_ROOT} FROM contract_roots WHERE tenant_id = %s ORDER BY subject, fingerprint", (tenant_id,)
    )
    return await cursor.fetchall()


async def lock_roots(conn: Connection, tenant_id: int) -> None:
    """Nobody else adds an authority of this organisation until this transaction is over."""
    await conn.execute("SELECT pg_advisory_xact_lock(hashtext('contract_roots'), %s)", (tenant_id,))


async def insert_root(conn: Connection, tenant_id: int, root: RootRow) -> bool:
    """Trust an authority; False where it is trusted already."""
    cursor = await conn.execute(
        f"INSERT INTO contract_roots (tenant_id, {_ROOT}) VALUES (%s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
        (tenant_id, root.fingerprint, root.subject, root.not_after, root.der, root.added_by, root.added_at),
    )
    return cursor.rowcount == 1


async def delete_root(conn: Connection, tenant_id: int, fingerprint: str) -> str | None:
    """Trust an authority no more; its name, None where it wasn't trusted."""
    cursor = await conn.execute(
        "DELETE FROM contract_roots WHERE tenant_id = %s AND fingerprint = %s RETURNING subject",
        (tenant_id, fingerprint),
    )
    row = await cursor.fetchone()
    return None if row is None else str(row[0])


async def find_rules(conn: Connection, tenant_id: int) -> RulesRow | None:
    """How contracts are judged; None where nobody said."""
    cursor = conn.cursor(row_factory=class_row(RulesRow))
    await cursor.execute(
        "SELECT required, unproven, provider_url, set_by, set_at FROM contract_rules WHERE tenant_id = %s", (tenant_id,)
    )
    return await cursor.fetchone()


async def put_rules(conn: Connection, tenant_id: int, rules: RulesRow, secret: bytes | None) -> bool:
    """Keep how contracts are judged. A secret that is there stays as long as there is a provider; returns whether the
    one given is the one that counts."""
    cursor = await conn.execute(
        "INSERT INTO contract_rules AS r (tenant_id, required, unproven, provider_url, provider_secret, set_by, set_at)"
        " VALUES (%(tenant)s, %(required)s, %(unproven)s, %(url)s, %(secret)s, %(by)s, %(at)s)"
        " ON CONFLICT (tenant_id) DO UPDATE SET required = excluded.required, unproven = excluded.unproven,"
        " provider_url = excluded.provider_url, set_by = excluded.set_by, set_at = excluded.set_at,"
        " provider_secret = CASE WHEN excluded.provider_url IS NULL THEN NULL"
        "  ELSE coalesce(r.provider_secret, excluded.provider_secret) END"
        " RETURNING provider_secret IS NOT NULL AND provider_secret = %(secret)s",
        {
            **{"tenant": tenant_id, "required": rules.required, "unproven": rules.unproven, "url": rules.provider_url},
            **{"secret": secret, "by": rules.set_by, "at": rules.set_at},
        },
    )
    row = await cursor.fetchone()
    return row is not None and bool(row[0])
