"""The audit, which is only ever added to."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from msgspec import Struct
from psycopg import AsyncConnection
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from forecourt.access.model import Origin
from forecourt.platform.ordering import Age, Place, bounds, by_age, onward

Connection = AsyncConnection[Any]

_ORDERS: Final = by_age("audit_id")
#: Entries are numbered as time goes, but for transactions that overlap, and none lasts an hour. So the numbers of a
#: span are found by index near its ends. What is added to columns keeps PostgreSQL to that: it would look through more.
_SINCE: Final = """ AND at + interval '0' >= %(since)s AND audit_id >= (
    SELECT min(audit_id + 0) FROM audit WHERE tenant_id = %(tenant_id)s AND at >= %(since)s AND at < interval '1 hour'
        + (SELECT min(at) FROM audit WHERE tenant_id = %(tenant_id)s AND at >= %(since)s))"""
_UNTIL: Final = """ AND at + interval '0' < %(until)s AND audit_id <= (
    SELECT max(audit_id + 0) FROM audit WHERE tenant_id = %(tenant_id)s AND at < %(until)s AND at > interval '-1 hour'
        + (SELECT max(at) FROM audit WHERE tenant_id = %(tenant_id)s AND at < %(until)s))"""


class AuditRow(Struct, frozen=True, kw_only=True):
    """What somebody did; `subject` is what it was done to."""

    audit_id: int
    at: datetime
    actor: str
    action: str
    subject: str
    detail: dict[str, Any]
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    address: str | None
    user_agent: str | None
    request_id: str | None


class AuditFilter(Struct, frozen=True, kw_only=True):
    """Which entries are looked for; None looks for all.

    `actor` is a whole name or what stands before its first blank (`key:7`), `search` any part of who, what and to what,
    without case; `since` is included, `until` is not.
    """

    actor: str | None = None
    action: str | None = None
    subject: str | None = None
    search: str | None = None
    since: datetime | None = None
    until: datetime | None = None


async def list_audit(
    conn: Connection,
    tenant_id: int,
    wanted: AuditFilter,
    *,
    order: Age = "newest",
    place: Place = None,
    limit: int,
) -> list[AuditRow]:
    """Entries behind the number of a place."""
    query = (
        "SELECT audit_id, at, actor, action, object AS subject, detail, before, after, address, user_agent, request_id"
        " FROM audit WHERE tenant_id = %(tenant_id)s"
    )
    # Only what is asked for is said, so that PostgreSQL can choose the index that fits.
    if wanted.actor is not None:
        query += " AND split_part(actor, ' ', 1) = split_part(%(actor)s, ' ', 1)"
        query += " AND %(actor)s IN (actor, split_part(actor, ' ', 1))"
    if wanted.action is not None:
        query += " AND action = %(action)s"
    if wanted.subject is not None:
        query += " AND object = %(subject)s"
    if wanted.search is not None:
        query += " AND concat_ws(' ', actor, action, object) ILIKE %(pattern)s"
    if wanted.since is not None:
        query += _SINCE
    if wanted.until is not None:
        query += _UNTIL
    cursor = conn.cursor(row_factory=class_row(AuditRow))
    await cursor.execute(
        f"{query} {onward(_ORDERS[order], place)}",
        {
            "tenant_id": tenant_id,
            "actor": wanted.actor,
            "action": wanted.action,
            "subject": wanted.subject,
            "pattern": "%" + _literally(wanted.search or "") + "%",
            "since": wanted.since,
            "until": wanted.until,
            **bounds(place, limit),
        },
    )
    return await cursor.fetchall()


async def list_actions(conn: Connection, tenant_id: int, limit: int) -> list[str]:
    """The actions that an organisation's audit has, by name. Leaps from one to the next by index."""
    cursor = await conn.execute(
        "WITH RECURSIVE step AS ("
        " (SELECT action FROM audit WHERE tenant_id = %(tenant_id)s ORDER BY action LIMIT 1)"
        " UNION ALL SELECT (SELECT a.action FROM audit a WHERE a.tenant_id = %(tenant_id)s AND a.action > step.action"
        "  ORDER BY a.action LIMIT 1) FROM step WHERE step.action IS NOT NULL)"
        " SELECT action FROM step WHERE action IS NOT NULL LIMIT %(limit)s",
        {"tenant_id": tenant_id, "limit": limit},
    )
    return [action for (action,) in await cursor.fetchall()]


async def forget_audit(conn: Connection, before: datetime, most: int) -> int:
    """Delete the oldest entries from before a time, of all organisations, `most` at once; how many. For the worker. The
    database itself keeps the last ninety days from it."""
    row = await (await conn.execute("SELECT access_forget_audit(%s, %s)", (before, most))).fetchone()
    assert row is not None
    return int(row[0])


def _literally(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


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
