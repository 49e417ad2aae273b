"""Who knocked and was refused, and the codes by which strangers find their organisation."""

import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Literal

from msgspec import Struct
from psycopg import AsyncConnection
from psycopg.rows import class_row

from forecourt.platform.ordering import Age, Ordering, Place, bounds, newest, oldest, onward
from forecourt.platform.search import anywhere

Connection = AsyncConnection[Any]

#: Strangers in the inbox of one organisation, and as many that were dismissed.
MAX_STRANGERS: Final = 500
#: Those of one network address among them, so that no flood from one place drives out who comes from another.
MAX_OF_ADDRESS: Final = 100
CODE_BYTES: Final = 6
#: A write that meets a lock gives up soon: the next one tells the same.
_LOCK_TIMEOUT_MS = 500
_STATEMENT_TIMEOUT_MS = 2_000

#: Of several organisations, which one a knock is for: that of the station, of the code, or the only one there is.
_FOR = "coalesce(n.tenant_id, i.tenant_id, (SELECT stations_only_organisation()))"
#: Who knocked more than once is there in truth; of the others the last ones stay.
_WORTH = "k.knocked > 1 DESC, k.last_at DESC, k.number DESC"
_RECORD = f"""
    INSERT INTO knocks AS k (tenant_id, identity, station_id, reason, detail, tls, remote_address, subprotocols,
        user_agent, password_hash, contested, knocked, first_at, last_at)
    SELECT DISTINCT ON (1, 2) {_FOR}, n.identity, n.station_id, n.reason, n.detail, n.tls,
        nullif(n.remote_address, ''), nullif(n.subprotocols, ''), nullif(n.user_agent, ''), n.password_hash,
        n.contested, n.knocked, n.at, n.at
    FROM unnest(%s::text[], %s::int[], %s::bigint[], %s::text[], %s::text[], %s::text[], %s::bool[], %s::text[],
        %s::text[], %s::text[], %s::bytea[], %s::bool[], %s::bigint[], %s::timestamptz[])
        AS n (code, tenant_id, station_id, identity, reason, detail, tls, remote_address, subprotocols, user_agent,
            password_hash, contested, knocked, at)
    LEFT JOIN inboxes i ON i.code = n.code
    WHERE {_FOR} IS NOT NULL
    ORDER BY 1, 2, n.at DESC
    ON CONFLICT (tenant_id, identity) DO UPDATE SET station_id = excluded.station_id, reason = excluded.reason,
        detail = excluded.detail, tls = excluded.tls, remote_address = excluded.remote_address,
        subprotocols = excluded.subprotocols, user_agent = excluded.user_agent,
        password_hash = CASE WHEN excluded.station_id IS NULL
            THEN coalesce(k.password_hash, excluded.password_hash) END,
        contested = excluded.station_id IS NULL AND (k.contested OR excluded.contested
            OR coalesce(k.password_hash <> excluded.password_hash, false)),
        knocked = k.knocked + excluded.knocked, last_at = greatest(k.last_at, excluded.last_at)
    RETURNING tenant_id
    """
_DISMISSED = "coalesce(k.muted_until > now(), false)"
_HOLD_DOWN = f"""
    DELETE FROM knocks WHERE ctid = ANY (ARRAY(
        SELECT k.ctid FROM knocks k JOIN (
            SELECT k.tenant_id, k.identity,
                row_number() OVER (PARTITION BY k.tenant_id, {_DISMISSED} ORDER BY {_WORTH}) AS place,
                row_number() OVER (PARTITION BY k.tenant_id, {_DISMISSED}, k.remote_address
                    ORDER BY {_WORTH}) AS of_address
            FROM knocks k WHERE k.tenant_id = ANY (%s) AND k.station_id IS NULL AND k.identity <> ''
        ) r USING (tenant_id, identity)
        WHERE r.place > %s OR r.of_address > %s
        FOR UPDATE OF k SKIP LOCKED))
    """


class Heard(Struct, frozen=True, kw_only=True):
    """What a gateway heard of one identity since its last writing. `tenant_id` and `station_id` of a known station."""

    code: str
    tenant_id: int | None
    station_id: int | None
    identity: str
    reason: str
    detail: str | None
    tls: bool
    remote_address: str
    subprotocols: str
    user_agent: str
    password_hash: bytes | None
    contested: bool
    knocked: int
    at: datetime


class KnockRow(Struct, frozen=True, kw_only=True):
    """Who was refused, as stored; the digest of its password stays in the database."""

    number: int
    identity: str
    station_id: int | None
    reason: str
    detail: str | None
    tls: bool
    remote_address: str | None
    subprotocols: str | None
    user_agent: str | None
    has_password: bool
    contested: bool
    knocked: int
    first_at: datetime
    last_at: datetime
    muted_until: datetime | None

    @property
    def offered(self) -> list[str]:
        """The subprotocols that it offered."""
        return [name for each in (self.subprotocols or "").split(",") if (name := each.strip())]


class KnockFilter(Struct, frozen=True, kw_only=True):
    """Which knocks a list shows: those of stations that are registered, or of strangers; with `dismissed`, those too
    that were dismissed and are not due to be shown again. `search` is found in identity or address."""

    registered: bool = False
    dismissed: bool = False
    reason: str | None = None
    search: str | None = None


Order = Literal[Age, "latest", "id"]
#: Newest is who knocked for the first time last.
_ORDERS: Final[Mapping[Order, Ordering]] = {
    "newest": newest("k.number"),
    "oldest": oldest("k.number"),
    "latest": ("k.last_at DESC, k.number DESC", "(k.last_at, k.number) < (%(place_0)s, %(place_1)s)"),
    "id": ("k.identity", "k.identity > %(place_0)s"),
}


class InboxCount(Struct, frozen=True, kw_only=True):
    """How many strangers wait, and when anybody last knocked."""

    strangers: int
    last_at: datetime | None


_ROW = (
    "k.number, k.identity, k.station_id, k.reason, k.detail, k.tls, k.remote_address, k.subprotocols, k.user_agent,"
    " k.password_hash IS NOT NULL AS has_password, k.contested, k.knocked, k.first_at, k.last_at, k.muted_until"
)
#: A gateway may not have read yet that somebody registered it.
_STRANGER = (
    "k.station_id IS NULL AND k.identity <> '' AND NOT EXISTS"
    " (SELECT FROM stations s WHERE s.tenant_id = k.tenant_id AND s.identity = k.identity)"
)
#: A registered one that came in since its last refusal is in order.
_REFUSED = (
    "k.station_id IS NOT NULL AND EXISTS (SELECT FROM stations s"
    " LEFT JOIN station_links l ON l.tenant_id = s.tenant_id AND l.station_id = s.station_id"
    " WHERE s.tenant_id = k.tenant_id AND s.station_id = k.station_id AND s.identity IS NOT NULL"
    " AND (l.connected_at IS NULL OR l.connected_at < k.last_at))"
)
_SHOWN = "(k.muted_until IS NULL OR k.muted_until <= %(now)s)"


async def record_knocks(conn: Connection, heard: Sequence[Heard]) -> int:
    """Keeps what a gateway heard; how many rows of it. What belongs to no organisation is left out, and what is beyond
    MAX_STRANGERS and MAX_OF_ADDRESS goes, whoever knocked once and long ago first."""
    await conn.execute(
        f"SET LOCAL lock_timeout = {_LOCK_TIMEOUT_MS}; SET LOCAL statement_timeout = {_STATEMENT_TIMEOUT_MS}"
    )
    columns = [[getattr(each, name) for each in heard] for name in Heard.__struct_fields__]
    told = await (await conn.execute(_RECORD, columns)).fetchall()
    if told:
        tenants = sorted({tenant_id for (tenant_id,) in told})
        await conn.execute(_HOLD_DOWN, (tenants, MAX_STRANGERS, MAX_OF_ADDRESS))
    return len(told)


async def list_knocks(
    conn: Connection,
    tenant_id: int,
    wanted: KnockFilter,
    now: datetime,
    *,
    order: Order = "newest",
    place: Place,
    limit: int,
) -> list[KnockRow]:
    """Those behind a place in their order: a number, an identity, or the time of the last knock and a number."""
    conditions = [_REFUSED if wanted.registered else _STRANGER]
    if not wanted.dismissed:
        conditions.append(_SHOWN)
    if wanted.reason is not None:
        conditions.append("k.reason = %(reason)s")
    if wanted.search:
        conditions.append("concat_ws(' ', k.identity, k.remote_address) ILIKE %(pattern)s")
    cursor = conn.cursor(row_factory=class_row(KnockRow))
    await cursor.execute(
        f"SELECT {_ROW} FROM knocks k WHERE k.tenant_id = %(tenant)s"
        f" AND {' AND '.join(conditions)} {onward(_ORDERS[order], place)}",
        {
            "tenant": tenant_id,
            "now": now,
            "reason": wanted.reason,
            "pattern": anywhere(wanted.search or ""),
            **bounds(place, limit),
        },
    )
    return await cursor.fetchall()


async def find_knock(conn: Connection, tenant_id: int, identity: str, *, lock: bool = False) -> KnockRow | None:
    """What is known of this identity's knocks, a stranger's or not; held until the transaction ends if asked for."""
    cursor = conn.cursor(row_factory=class_row(KnockRow))
    await cursor.execute(
        f"SELECT {_ROW} FROM knocks k WHERE k.tenant_id = %s AND k.identity = %s{' FOR UPDATE' if lock else ''}",
        (tenant_id, identity),
    )
    return await cursor.fetchone()


async def find_kept_password(conn: Connection, tenant_id: int, identity: str) -> bytes | None:
    """The digest of the only password that a stranger showed."""
    cursor = await conn.execute(
        "SELECT password_hash FROM knocks WHERE tenant_id = %s AND identity = %s AND station_id IS NULL"
        " AND NOT contested",
        (tenant_id, identity),
    )
    row = await cursor.fetchone()
    return None if row is None else row[0]


async def mute_knock(conn: Connection, tenant_id: int, identity: str, until: datetime) -> None:
    """Leaves a stranger out of the inbox until then."""
    await conn.execute(
        "UPDATE knocks SET muted_until = %s WHERE tenant_id = %s AND identity = %s", (until, tenant_id, identity)
    )


async def delete_knock(conn: Connection, tenant_id: int, identity: str) -> None:
    """Forgets what was kept of an identity."""
    await conn.execute("DELETE FROM knocks WHERE tenant_id = %s AND identity = %s", (tenant_id, identity))


async def count_inbox(conn: Connection, tenant_id: int, now: datetime) -> InboxCount:
    """What open pages are told of the inbox."""
    cursor = conn.cursor(row_factory=class_row(InboxCount))
    await cursor.execute(
        f"SELECT count(*) FILTER (WHERE {_STRANGER} AND {_SHOWN})::int AS strangers, max(k.last_at) AS last_at"
        " FROM knocks k WHERE k.tenant_id = %(tenant)s",
        {"tenant": tenant_id, "now": now},
    )
    row = await cursor.fetchone()
    assert row is not None
    return row


async def find_inbox_code(conn: Connection, tenant_id: int) -> str:
    """What stands before a stranger's identity in its address; made when it is first asked for."""
    query = "SELECT code FROM inboxes WHERE tenant_id = %s"
    row = await (await conn.execute(query, (tenant_id,))).fetchone()
    if row is None:
        await conn.execute(
            "INSERT INTO inboxes (tenant_id, code) VALUES (%s, %s) ON CONFLICT (tenant_id) DO NOTHING",
            (tenant_id, secrets.token_hex(CODE_BYTES)),
        )
        row = await (await conn.execute(query, (tenant_id,))).fetchone()
    assert row is not None
    return str(row[0])


async def renew_inbox_code(conn: Connection, tenant_id: int) -> str:
    """Another code: the former one leads nowhere from now on."""
    code = secrets.token_hex(CODE_BYTES)
    await conn.execute(
        "INSERT INTO inboxes (tenant_id, code) VALUES (%s, %s)"
        " ON CONFLICT (tenant_id) DO UPDATE SET code = excluded.code",
        (tenant_id, code),
    )
    return code


async def is_only_organisation(conn: Connection, tenant_id: int) -> bool:
    """Whether strangers whose address names no code come to this organisation."""
    row = await (await conn.execute("SELECT stations_only_organisation() = %s", (tenant_id,))).fetchone()
    return row == (True,)


async def forget_knocks(conn: Connection, before: datetime, now: datetime, most: int) -> int:
    """Forgets, in all organisations, who last knocked before a time and is not dismissed for longer; how many."""
    cursor = await conn.execute(
        "DELETE FROM knocks WHERE last_at < %(before)s AND (tenant_id, identity) IN"
        " (SELECT tenant_id, identity FROM knocks"
        " WHERE last_at < %(before)s AND (muted_until IS NULL OR muted_until < %(now)s) LIMIT %(most)s)",
        {"before": before, "now": now, "most": most},
    )
    return cursor.rowcount
