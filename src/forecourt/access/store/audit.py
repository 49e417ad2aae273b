"""The audit, which is only ever added to."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from msgspec import Struct
from psycopg import AsyncConnection
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from forecourt.access.model import Origin

Connection = AsyncConnection[Any]


class AuditRow(Struct, frozen=True, kw_only=True):
    """What somebody did; `subject` is what it was done to."""

    audit_id: int
    at: datetime
    actor: str
    action: str
    subject: str
    detail: dict[str, Any]


async def list_audit(
    conn: Connection,
    tenant_id: int,
    *,
    actor: str | None,
    action: str | None,
    subject: str | None,
    since: datetime | None,
    until: datetime | None,
    before: int,
    limit: int,
) -> list[AuditRow]:
    """Entries with a number below `before`, newest first, from `since` to before `until`. `actor` is a whole name or
    what stands before its first blank: `key:7`."""
    cursor = conn.cursor(row_factory=class_row(AuditRow))
    await cursor.execute(
        "SELECT audit_id, at, actor, action, object AS subject, detail FROM audit"
        " WHERE tenant_id = %(tenant_id)s AND audit_id < %(before)s"
        " AND (%(actor)s::text IS NULL OR %(actor)s IN (actor, split_part(actor, ' ', 1)))"
        " AND (%(action)s::text IS NULL OR action = %(action)s)"
        " AND (%(subject)s::text IS NULL OR object = %(subject)s)"
        " AND (%(since)s::timestamptz IS NULL OR at >= %(since)s)"
        " AND (%(until)s::timestamptz IS NULL OR at < %(until)s)"
        " ORDER BY audit_id DESC LIMIT %(limit)s",
        {
            "tenant_id": tenant_id,
            "before": before,
            "actor": actor,
            "action": action,
            "subject": subject,
            "since": since,
            "until": until,
            "limit": limit,
        },
    )
    return await cursor.fetchall()


async def insert_audit(
    conn: Connection,
    tenant_id: int,
    *,
    actor: str,
    action: str,
    subject: str,
    detail: Mapping[str, Any],
    before: Mapping[str, Any] | None,
    after: Mapping[str, Any] | None,
    origin: Origin,
) -> None:
    """Writes down who did what to what, from where, in the transaction that does it."""
    await conn.execute(
        "INSERT INTO audit (tenant_id, actor, action, object, detail, before, after, address, user_agent, request_id)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s, nullif(%s, ''), nullif(%s, ''), nullif(%s, ''))",
        (
            tenant_id,
            actor,
            action,
            subject,
            Jsonb(detail),
            None if before is None else Jsonb(before),
            None if after is None else Jsonb(after),
            origin.address,
            origin.user_agent,
            origin.request_id,
        ),
    )
