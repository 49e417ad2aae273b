"""The audit, which is only ever added to."""

from collections.abc import Mapping
from typing import Any

from psycopg import AsyncConnection
from psycopg.types.json import Jsonb

from forecourt.access.model import Origin

Connection = AsyncConnection[Any]


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
