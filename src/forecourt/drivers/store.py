"""All SQL of the room drivers."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, Literal

from msgspec import Struct, structs
from psycopg import AsyncConnection, sql
from psycopg.rows import class_row

from forecourt.drivers.model import uid_key
from forecourt.platform.ordering import Age, Ordering, Place, bounds, newest, oldest, onward
from forecourt.platform.outbox import COALESCE
from forecourt.platform.search import anywhere

Connection = AsyncConnection[Any]

_COLUMNS = (
    "number, uid, type, status, group_uid, expires_at, driver_name, driver_reference, vehicle, created_at, updated_at"
)
#: How long it is known whose token it was: stations may tell of their sessions so late.
PAST_FOR: Final = timedelta(days=366)
#: What its keeper notes of a token.
NOTED = ("driver_name", "driver_reference", "vehicle")
#: The columns that a change may name; the uid is what the token is.
CHANGEABLE = frozenset({"type", "status", "group_uid", "expires_at", *NOTED})
_DECIDED = "CASE WHEN status = 'accepted' AND expires_at <= now() THEN 'expired' ELSE status END"


class TokenRow(Struct, frozen=True, kw_only=True):
    """One token as stored; `number` orders the list."""

    number: int
    uid: str
    type: str
    status: str
    group_uid: str | None
    expires_at: datetime | None
    driver_name: str | None
    driver_reference: str | None
    vehicle: str | None
    created_at: datetime
    updated_at: datetime


class TokenFilter(Struct, frozen=True, kw_only=True):
    """Which tokens a list shows; None: whatever it is. `group_key` is a uid in the form by which uids are compared,
    `decided` is the status with the expiry applied, `search` is found anywhere in uid, group, driver or vehicle."""

    status: str | None = None
    decided: str | None = None
    type: str | None = None
    group_key: str | None = None
    search: str | None = None


_WANTED = {
    "status": "status = %(status)s",
    "type": "type = %(type)s",
    "group_key": 'lower(group_uid COLLATE "C") = %(group_key)s',
    "decided": f"{_DECIDED} = %(decided)s",
    "search": "number IN (SELECT tokens_by_part(%(pattern)s, %(most)s))",
}


Order = Literal[Age, "uid"]
_ORDERS: Final[Mapping[Order, Ordering]] = {
    "oldest": oldest("number"),
    "newest": newest("number"),
    "uid": oldest("uid_key"),
}


async def upsert_token(
    conn: Connection,
    tenant_id: int,
    *,
    uid: str,
    type_: str,
    status: str,
    group_uid: str | None,
    expires_at: datetime | None,
    driver_name: str | None = None,
    driver_reference: str | None = None,
    vehicle: str | None = None,
) -> tuple[TokenRow, bool]:
    """Stores the token, over one whose uid differs in case at most; returns it and whether it is new."""
    cursor = await conn.execute(
        "INSERT INTO tokens (tenant_id, uid_key, uid, type, status, group_uid, expires_at, driver_name,"
        " driver_reference, vehicle)"
        ' VALUES (%(tenant)s, lower(%(uid)s COLLATE "C"), %(uid)s, %(type)s, %(status)s, %(group)s, %(expires_at)s,'
        " %(driver_name)s, %(driver_reference)s, %(vehicle)s)"
        " ON CONFLICT (tenant_id, uid_key) DO UPDATE SET uid = excluded.uid, type = excluded.type,"
        " status = excluded.status, group_uid = excluded.group_uid, expires_at = excluded.expires_at,"
        " driver_name = excluded.driver_name, driver_reference = excluded.driver_reference,"
        " vehicle = excluded.vehicle, updated_at = now()"
        f" RETURNING xmax = 0, {_COLUMNS}",
        {
            "tenant": tenant_id,
            "uid": uid,
            "type": type_,
            "status": status,
            "group": group_uid,
            "expires_at": expires_at,
            "driver_name": driver_name,
            "driver_reference": driver_reference,
            "vehicle": vehicle,
        },
    )
    row = await cursor.fetchone()
    assert row is not None
    return TokenRow(**dict(zip(TokenRow.__struct_fields__, row[1:], strict=True))), bool(row[0])


async def find_token(conn: Connection, tenant_id: int, key: str, *, lock: bool = False) -> TokenRow | None:
    """The token with this `uid_key`, held until the transaction ends if asked for."""
    cursor = conn.cursor(row_factory=class_row(TokenRow))
    await cursor.execute(
        f"SELECT {_COLUMNS} FROM tokens WHERE tenant_id = %s AND uid_key = %s {'FOR UPDATE' if lock else ''}",
        (tenant_id, key),
    )
    return await cursor.fetchone()


async def list_tokens(
    conn: Connection,
    tenant_id: int,
    wanted: TokenFilter,
    *,
    order: Order,
    place: Place,
    limit: int,
    most: int | None = None,
) -> list[TokenRow]:
    """The wanted tokens behind a place in their order: a number, by uid the uid in the form by which uids are compared.

    A search looks among `most` of those that hold its text, whichever they are; None: among all."""
    cursor = conn.cursor(row_factory=class_row(TokenRow))
    conditions = [condition for name, condition in _WANTED.items() if getattr(wanted, name) is not None]
    await cursor.execute(
        f"SELECT {_COLUMNS} FROM tokens WHERE tenant_id = %(tenant_id)s AND NOT ad_hoc"
        f" {' '.join(f'AND {condition}' for condition in conditions)} {onward(_ORDERS[order], place)}",
        {
            "tenant_id": tenant_id,
            "most": most,
            "pattern": anywhere(wanted.search or ""),
            **structs.asdict(wanted),
            **bounds(place, limit),
        },
    )
    return await cursor.fetchall()


async def update_token(conn: Connection, tenant_id: int, key: str, changes: Mapping[str, Any]) -> TokenRow | None:
    """Changes the named columns of the token with this `uid_key`; None if there is none."""
    assert changes.keys() <= CHANGEABLE
    sets = [sql.SQL("{} = {}").format(sql.Identifier(name), sql.Placeholder(name)) for name in changes]
    query = sql.SQL(
        "UPDATE tokens SET {sets} WHERE tenant_id = %(tenant_id)s AND uid_key = %(uid_key)s RETURNING {columns}"
    ).format(sets=sql.SQL(", ").join([*sets, sql.SQL("updated_at = now()")]), columns=sql.SQL(_COLUMNS))
    cursor = conn.cursor(row_factory=class_row(TokenRow))
    await cursor.execute(query, {**changes, "tenant_id": tenant_id, "uid_key": key})
    return await cursor.fetchone()


async def delete_token(conn: Connection, tenant_id: int, key: str) -> bool:
    """Forgets a token, but not whose it was; whether there was one."""
    await part_token(conn, tenant_id, key)
    cursor = await conn.execute("DELETE FROM tokens WHERE tenant_id = %s AND uid_key = %s", (tenant_id, key))
    return cursor.rowcount == 1


async def part_token(conn: Connection, tenant_id: int, key: str, driver_id: int | None = None) -> bool:
    """Takes a token off its driver, or off this one alone; whether it was theirs. Until when it was, and was good, is
    kept for PAST_FOR."""
    values = {"tenant": tenant_id, "key": key, "driver": driver_id}
    cursor = await conn.execute(
        """
        INSERT INTO driver_tokens_past (tenant_id, uid_key, driver_id, attached_at, until_at)
        SELECT d.tenant_id, d.uid_key, d.driver_id, d.attached_at, least(now(), d.until_at) FROM token_drivers d
        WHERE d.tenant_id = %(tenant)s AND d.uid_key = %(key)s AND d.still
          AND (%(driver)s::bigint IS NULL OR d.driver_id = %(driver)s)
          AND least(now(), d.until_at) > d.attached_at
        RETURNING driver_id
        """,
        values,
    )
    if (row := await cursor.fetchone()) is not None:
        await conn.execute(
            "DELETE FROM driver_tokens_past WHERE tenant_id = %s AND driver_id = %s AND until_at < now() - %s",
            (tenant_id, row[0], PAST_FOR),
        )
    cursor = await conn.execute(
        "DELETE FROM driver_tokens WHERE tenant_id = %(tenant)s AND uid_key = %(key)s"
        " AND (%(driver)s::bigint IS NULL OR driver_id = %(driver)s)",
        values,
    )
    return cursor.rowcount == 1


async def tell_changed(conn: Connection, tenant_id: int, uid: str) -> None:
    """Lets programs outside hear of a changed token, if any wants to. Subjects are unique in a deployment and uids are
    not: several organisations may have one and the same card."""
    await conn.execute(
        "INSERT INTO outbox (event, subject, tenant_id) SELECT 'token.changed', %s, %s"
        " WHERE EXISTS (SELECT FROM followed_events f WHERE f.tenant_id = %s AND f.event = 'token.changed')"
        f" {COALESCE}",
        (f"{tenant_id}:{uid}", tenant_id, tenant_id),
    )


async def find_tokens(conn: Connection, tenant_id: int, keys: Sequence[str]) -> dict[str, TokenRow]:
    """The tokens with these `uid_key`s that exist, held until the transaction ends."""
    cursor = conn.cursor(row_factory=class_row(TokenRow))
    await cursor.execute(
        f"SELECT {_COLUMNS} FROM tokens WHERE tenant_id = %s AND uid_key = ANY(%s) ORDER BY uid_key FOR UPDATE",
        (tenant_id, list(keys)),
    )
    return {uid_key(row.uid): row for row in await cursor.fetchall()}


async def find_numbered(conn: Connection, tenant_id: int, number: int) -> TokenRow | None:
    """The token of this number."""
    cursor = conn.cursor(row_factory=class_row(TokenRow))
    await cursor.execute(f"SELECT {_COLUMNS} FROM tokens WHERE tenant_id = %s AND number = %s", (tenant_id, number))
    return await cursor.fetchone()


async def count_tokens(conn: Connection, tenant_id: int) -> dict[str, int]:
    """How many tokens are decided upon in each way now; ways that none is are left out."""
    cursor = await conn.execute(
        f"SELECT {_DECIDED}, count(*) FROM tokens WHERE tenant_id = %s AND NOT ad_hoc GROUP BY 1",
        (tenant_id,),
    )
    return {str(status): int(count) for status, count in await cursor.fetchall()}


async def count_group(conn: Connection, tenant_id: int, group: str) -> int:
    """How many tokens are of a group."""
    cursor = await conn.execute(
        'SELECT count(*) FROM tokens WHERE tenant_id = %s AND lower(group_uid COLLATE "C") = %s',
        (tenant_id, uid_key(group)),
    )
    row = await cursor.fetchone()
    return 0 if row is None else int(row[0])


async def upsert_adhoc(conn: Connection, tenant_id: int, uid: str, *, type_: str, until: datetime) -> None:
    """Stores a token for one session, or lets it in until another time. One that is registered stays as it is."""
    await conn.execute(
        "INSERT INTO tokens (tenant_id, uid_key, uid, type, status, expires_at, ad_hoc)"
        " VALUES (%s, %s, %s, %s, 'accepted', %s, true) ON CONFLICT (tenant_id, uid_key) DO UPDATE"
        " SET status = 'accepted', expires_at = excluded.expires_at, updated_at = now() WHERE tokens.ad_hoc",
        (tenant_id, uid_key(uid), uid, type_, until),
    )


async def bar_adhoc(conn: Connection, tenant_id: int, uid: str) -> None:
    """A token for one session starts nothing any more."""
    await conn.execute(
        "UPDATE tokens SET status = 'invalid', updated_at = now()"
        " WHERE tenant_id = %s AND uid_key = %s AND ad_hoc AND status = 'accepted'",
        (tenant_id, uid_key(uid)),
    )


async def forget_adhoc(conn: Connection, before: datetime, most: int) -> int:
    """Forgets tokens for one session that were over before a time; how many. For the worker."""
    cursor = await conn.execute(
        "DELETE FROM tokens WHERE number IN (SELECT number FROM tokens WHERE ad_hoc AND expires_at < %s"
        " ORDER BY expires_at LIMIT %s)",
        (before, most),
    )
    return cursor.rowcount


async def is_adhoc(conn: Connection, tenant_id: int, uid: str) -> bool:
    """Whether a token is one for one session."""
    cursor = await conn.execute(
        "SELECT FROM tokens WHERE tenant_id = %s AND uid_key = %s AND ad_hoc", (tenant_id, uid_key(uid))
    )
    return cursor.rowcount == 1
