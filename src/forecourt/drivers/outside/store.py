"""All SQL of outside decisions but what a gateway writes."""

from datetime import datetime
from typing import Any

from msgspec import Struct
from psycopg import AsyncConnection
from psycopg.rows import class_row

from forecourt.drivers.model import uid_key
from forecourt.drivers.outside.authorizer import Decision, Failure
from forecourt.drivers.outside.model import Hook

Connection = AsyncConnection[Any]

_COLUMNS = "url, deadline_ms, cache_s, fallback, active, former_until, updated_at"


class HookRow(Struct, frozen=True, kw_only=True):
    """The hook of one organisation, without its secrets."""

    url: str
    deadline_ms: int
    cache_s: int
    fallback: str
    active: bool
    former_until: datetime | None
    updated_at: datetime


class DecisionRow(Struct, frozen=True, kw_only=True):
    """What was decided about a token. `status` is worded as OCPP 2.x does, `uid_key` is the uid without its case."""

    uid_key: str
    status: str
    group_uid: str | None
    decided_at: datetime
    valid_until: datetime


class FailureRow(Struct, frozen=True, kw_only=True):
    """How often a question got no decision for one reason."""

    outcome: str
    detail: str
    number: int
    first_at: datetime
    last_at: datetime


async def upsert_hook(
    conn: Connection,
    tenant_id: int,
    *,
    url: str,
    deadline_ms: int,
    cache_s: int,
    fallback: str,
    active: bool,
    secret: bytes,
) -> tuple[HookRow, bool]:
    """Stores the hook; one that is there keeps its secret. Returns it and whether it is new."""
    row = await (
        await conn.execute(
            "INSERT INTO authorization_hooks (tenant_id, url, deadline_ms, cache_s, fallback, active, secret)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s) ON CONFLICT (tenant_id) DO UPDATE SET url = excluded.url,"
            " deadline_ms = excluded.deadline_ms, cache_s = excluded.cache_s, fallback = excluded.fallback,"
            f" active = excluded.active, updated_at = now() RETURNING xmax = 0, {_COLUMNS}",
            (tenant_id, url, deadline_ms, cache_s, fallback, active, secret),
        )
    ).fetchone()
    assert row is not None
    return HookRow(**dict(zip(HookRow.__struct_fields__, row[1:], strict=True))), bool(row[0])


async def find_hook(conn: Connection, tenant_id: int) -> HookRow | None:
    """The hook of an organisation."""
    cursor = conn.cursor(row_factory=class_row(HookRow))
    await cursor.execute(f"SELECT {_COLUMNS} FROM authorization_hooks WHERE tenant_id = %s", (tenant_id,))
    return await cursor.fetchone()


async def rotate_secret(conn: Connection, tenant_id: int, secret: bytes, former_until: datetime) -> HookRow | None:
    """Puts a secret in the place of the present one, which signs as well until `former_until`."""
    cursor = conn.cursor(row_factory=class_row(HookRow))
    await cursor.execute(
        "UPDATE authorization_hooks SET former_secret = secret, former_until = %s, secret = %s, updated_at = now()"
        f" WHERE tenant_id = %s RETURNING {_COLUMNS}",
        (former_until, secret, tenant_id),
    )
    return await cursor.fetchone()


async def delete_hook(conn: Connection, tenant_id: int) -> bool:
    """Forgets the hook, all that was decided, and what went wrong; whether there was one."""
    await conn.execute("DELETE FROM outside_decisions WHERE tenant_id = %s", (tenant_id,))
    await conn.execute("DELETE FROM outside_failures WHERE tenant_id = %s", (tenant_id,))
    cursor = await conn.execute("DELETE FROM authorization_hooks WHERE tenant_id = %s", (tenant_id,))
    return cursor.rowcount == 1


async def find_asked(conn: Connection, tenant_id: int) -> Hook | None:
    """Where an organisation has its tokens decided; None where here."""
    row = await (
        await conn.execute(
            "SELECT url, deadline_ms, cache_s, secrets FROM outside_authorizations WHERE tenant_id = %s", (tenant_id,)
        )
    ).fetchone()
    return None if row is None else Hook(*row)


async def find_decision(conn: Connection, tenant_id: int, uid: str) -> str | None:
    """What was decided outside about a token and still counts."""
    row = await (
        await conn.execute(
            "SELECT status FROM decided_outside WHERE tenant_id = %s AND uid_key = %s", (tenant_id, uid_key(uid))
        )
    ).fetchone()
    return None if row is None else str(row[0])


async def insert_decision(conn: Connection, decision: Decision) -> None:
    """Keeps a decision unless a later one is known."""
    await conn.execute(
        "INSERT INTO outside_decisions AS o"
        " (tenant_id, uid_key, status, group_uid, expires_at, decided_at, valid_until)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s) ON CONFLICT (tenant_id, uid_key) DO UPDATE SET status = excluded.status,"
        " group_uid = excluded.group_uid, expires_at = excluded.expires_at, decided_at = excluded.decided_at,"
        " valid_until = excluded.valid_until WHERE excluded.decided_at >= o.decided_at",
        (
            decision.tenant_id,
            uid_key(decision.uid),
            decision.status.status.value,
            decision.status.group,
            decision.status.expires_at,
            decision.decided_at,
            decision.valid_until,
        ),
    )


async def insert_failure(conn: Connection, failure: Failure) -> None:
    """Counts a question that got no decision."""
    await conn.execute(
        "INSERT INTO outside_failures AS o (tenant_id, outcome, detail, number, first_at, last_at)"
        " VALUES (%(tenant_id)s, %(outcome)s, %(detail)s, 1, %(at)s, %(at)s)"
        " ON CONFLICT (tenant_id, outcome, detail) DO UPDATE SET number = o.number + 1,"
        " last_at = greatest(o.last_at, excluded.last_at)",
        {
            "tenant_id": failure.tenant_id,
            "outcome": failure.outcome,
            "detail": failure.detail,
            "at": failure.at,
        },
    )


async def list_decisions(conn: Connection, tenant_id: int, limit: int) -> list[DecisionRow]:
    """What was decided outside, the latest first."""
    cursor = conn.cursor(row_factory=class_row(DecisionRow))
    await cursor.execute(
        "SELECT uid_key, status, group_uid, decided_at, valid_until FROM outside_decisions WHERE tenant_id = %s"
        " ORDER BY decided_at DESC, uid_key LIMIT %s",
        (tenant_id, limit),
    )
    return await cursor.fetchall()


async def list_failures(conn: Connection, tenant_id: int, limit: int) -> list[FailureRow]:
    """Why questions got no decision, the latest first."""
    cursor = conn.cursor(row_factory=class_row(FailureRow))
    await cursor.execute(
        "SELECT outcome, detail, number, first_at, last_at FROM outside_failures WHERE tenant_id = %s"
        " ORDER BY last_at DESC, detail LIMIT %s",
        (tenant_id, limit),
    )
    return await cursor.fetchall()


async def delete_old(conn: Connection, before: datetime, limit: int) -> int:
    """Deletes decisions that ceased to count before a time; how many. For the worker."""
    cursor = await conn.execute(
        "DELETE FROM outside_decisions WHERE (tenant_id, uid_key) IN"
        " (SELECT tenant_id, uid_key FROM outside_decisions WHERE valid_until < %s LIMIT %s)",
        (before, limit),
    )
    return cursor.rowcount


async def delete_old_failures(conn: Connection, before: datetime, limit: int) -> int:
    """Deletes reasons that were not met again since a time; how many. For the worker."""
    cursor = await conn.execute(
        "DELETE FROM outside_failures WHERE (tenant_id, outcome, detail) IN"
        " (SELECT tenant_id, outcome, detail FROM outside_failures WHERE last_at < %s LIMIT %s)",
        (before, limit),
    )
    return cursor.rowcount
