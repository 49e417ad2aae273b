"""Feeds of sites, the line in which they wait to be fetched, and the limits that they said."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec
from msgspec import Struct
from psycopg import AsyncConnection
from psycopg.rows import dict_row

from forecourt.energy.feeds.model import MAX_FEEDS, Allowed, Feed, FeedFailed, Memory, Source

Connection = AsyncConnection[Any]

_COLUMNS: Final = (
    "feed_id, tenant_id, site_id, name, active, source, held, memory, version, changed_at, changed_by, next_at,"
    " tried_at, succeeded_at, failed_at, failure, failure_detail, failures, known_until"
)


class DueFeed(Struct, frozen=True, kw_only=True):
    """A feed that was taken to be fetched."""

    tenant_id: int
    feed_id: int


def _feed(row: dict[str, Any]) -> Feed:
    row["source"] = msgspec.convert(row["source"], Source)
    row["memory"] = msgspec.convert(row["memory"], Memory)
    row["held"] = tuple(row["held"])
    return Feed(**row)


async def list_feeds(conn: Connection, tenant_id: int, site_id: int) -> list[Feed]:
    """The feeds of a site by name."""
    cursor = conn.cursor(row_factory=dict_row)
    await cursor.execute(
        f"SELECT {_COLUMNS} FROM energy_feeds WHERE tenant_id = %s AND site_id = %s"
        f" ORDER BY lower(name), feed_id LIMIT {MAX_FEEDS}",
        (tenant_id, site_id),
    )
    return [_feed(row) for row in await cursor.fetchall()]


async def find_feed(conn: Connection, tenant_id: int, site_id: int, feed_id: int) -> Feed | None:
    """The feed of this number at a site."""
    cursor = conn.cursor(row_factory=dict_row)
    await cursor.execute(
        f"SELECT {_COLUMNS} FROM energy_feeds WHERE tenant_id = %s AND site_id = %s AND feed_id = %s",
        (tenant_id, site_id, feed_id),
    )
    row = await cursor.fetchone()
    return None if row is None else _feed(row)


async def read_feed(conn: Connection, tenant_id: int, feed_id: int) -> tuple[Feed, bytes | None] | None:
    """A feed with its sealed secrets, to fetch it."""
    cursor = conn.cursor(row_factory=dict_row)
    await cursor.execute(
        f"SELECT {_COLUMNS}, secrets FROM energy_feeds WHERE tenant_id = %s AND feed_id = %s", (tenant_id, feed_id)
    )
    row = await cursor.fetchone()
    if row is None:
        return None
    secrets = row.pop("secrets")
    return _feed(row), secrets


async def insert_feed(
    conn: Connection,
    tenant_id: int,
    site_id: int,
    *,
    name: str,
    active: bool,
    source: Source,
    secrets: bytes | None,
    held: Sequence[str],
    by: str,
    now: datetime,
) -> Feed | None:
    """Stores a new feed, due at once; None where the site has one of this name."""
    cursor = conn.cursor(row_factory=dict_row)
    await cursor.execute(
        "INSERT INTO energy_feeds (tenant_id, site_id, name, active, source, secrets, held, changed_at, changed_by,"
        " next_at) VALUES (%(tenant_id)s, %(site_id)s, %(name)s, %(active)s, %(source)s::jsonb, %(secrets)s, %(held)s,"
        f" %(now)s, %(by)s, %(now)s) ON CONFLICT (site_id, name) DO NOTHING RETURNING {_COLUMNS}",
        {
            "tenant_id": tenant_id,
            "site_id": site_id,
            "name": name,
            "active": active,
            "source": msgspec.json.encode(source).decode(),
            "secrets": secrets,
            "held": list(held),
            "by": by,
            "now": now,
        },
    )
    row = await cursor.fetchone()
    return None if row is None else _feed(row)


async def update_feed(
    conn: Connection,
    feed: Feed,
    *,
    name: str,
    active: bool,
    source: Source,
    secrets: bytes | None,
    held: Sequence[str],
    by: str,
    now: datetime,
) -> Feed:
    """Stores a feed anew, due at once: what it remembered and how it fared is forgotten."""
    cursor = conn.cursor(row_factory=dict_row)
    await cursor.execute(
        "UPDATE energy_feeds SET name = %(name)s, active = %(active)s, source = %(source)s::jsonb,"
        " secrets = %(secrets)s, held = %(held)s, memory = '{}', version = version + 1, changed_at = %(now)s,"
        " changed_by = %(by)s, next_at = %(now)s, lease_until = NULL, failed_at = NULL, failure = NULL,"
        " failure_detail = '', failures = 0"
        f" WHERE tenant_id = %(tenant_id)s AND feed_id = %(feed_id)s RETURNING {_COLUMNS}",
        {
            "tenant_id": feed.tenant_id,
            "feed_id": feed.feed_id,
            "name": name,
            "active": active,
            "source": msgspec.json.encode(source).decode(),
            "secrets": secrets,
            "held": list(held),
            "by": by,
            "now": now,
        },
    )
    row = await cursor.fetchone()
    assert row is not None
    return _feed(row)


async def read_secrets(conn: Connection, tenant_id: int, feed_id: int) -> bytes | None:
    """The sealed secrets of a feed."""
    cursor = await conn.execute(
        "SELECT secrets FROM energy_feeds WHERE tenant_id = %s AND feed_id = %s", (tenant_id, feed_id)
    )
    row = await cursor.fetchone()
    return None if row is None else row[0]


async def delete_feed(conn: Connection, tenant_id: int, feed_id: int) -> None:
    """Forgets a feed. Limits that it said stay."""
    await conn.execute("DELETE FROM energy_feeds WHERE tenant_id = %s AND feed_id = %s", (tenant_id, feed_id))


async def count_feeds(conn: Connection, tenant_id: int, site_id: int) -> int:
    """How many feeds a site has."""
    cursor = await conn.execute(
        "SELECT count(*) FROM energy_feeds WHERE tenant_id = %s AND site_id = %s", (tenant_id, site_id)
    )
    row = await cursor.fetchone()
    assert row is not None
    return int(row[0])


async def ask_now(conn: Connection, tenant_id: int, feed_id: int, now: datetime) -> None:
    """Puts a feed first in line."""
    await conn.execute(
        "UPDATE energy_feeds SET next_at = least(next_at, %s) WHERE tenant_id = %s AND feed_id = %s",
        (now, tenant_id, feed_id),
    )


async def take_due(conn: Connection, now: datetime, lease: timedelta, most: int) -> list[DueFeed]:
    """Takes feeds that are due, those first that have waited longest; nobody else takes them before the lease is over.

    For the worker's role, which sees every organisation's.
    """
    cursor = await conn.execute(
        "UPDATE energy_feeds f SET lease_until = %(until)s FROM (SELECT feed_id FROM energy_feeds"
        " WHERE active AND next_at <= %(now)s AND (lease_until IS NULL OR lease_until <= %(now)s)"
        " ORDER BY next_at LIMIT %(most)s FOR UPDATE SKIP LOCKED) AS due"
        " WHERE f.feed_id = due.feed_id RETURNING f.tenant_id, f.feed_id",
        {"now": now, "until": now + lease, "most": most},
    )
    return [DueFeed(tenant_id=tenant_id, feed_id=feed_id) for tenant_id, feed_id in await cursor.fetchall()]


async def settle_success(
    conn: Connection, feed: Feed, memory: Memory, known_until: datetime | None, now: datetime, next_at: datetime
) -> bool:
    """Writes down that a feed was fetched; False where it was changed meanwhile, so that what came counts no more."""
    cursor = await conn.execute(
        "UPDATE energy_feeds SET tried_at = %(now)s, succeeded_at = %(now)s, failures = 0, failure = NULL,"
        " failure_detail = '', known_until = %(known_until)s, memory = %(memory)s::jsonb, lease_until = NULL,"
        " next_at = CASE WHEN next_at = %(was)s THEN %(next_at)s ELSE next_at END"
        " WHERE tenant_id = %(tenant_id)s AND feed_id = %(feed_id)s AND version = %(version)s",
        {
            "tenant_id": feed.tenant_id,
            "feed_id": feed.feed_id,
            "version": feed.version,
            "now": now,
            "was": feed.next_at,
            "next_at": next_at,
            "known_until": known_until,
            "memory": msgspec.json.encode(memory).decode(),
        },
    )
    return cursor.rowcount == 1


async def settle_failure(
    conn: Connection, feed: Feed, failed: FeedFailed, memory: Memory, now: datetime, next_at: datetime
) -> None:
    """Writes down that nothing was fetched, and why."""
    await conn.execute(
        "UPDATE energy_feeds SET tried_at = %(now)s, failed_at = %(now)s, failures = failures + 1,"
        " failure = %(failure)s, failure_detail = %(detail)s, memory = %(memory)s::jsonb, lease_until = NULL,"
        " next_at = %(next_at)s WHERE tenant_id = %(tenant_id)s AND feed_id = %(feed_id)s AND version = %(version)s",
        {
            "tenant_id": feed.tenant_id,
            "feed_id": feed.feed_id,
            "version": feed.version,
            "now": now,
            "failure": failed.code,
            "detail": failed.detail,
            "memory": msgspec.json.encode(memory).decode(),
            "next_at": next_at,
        },
    )


async def store_fed_limits(
    conn: Connection, feed: Feed, node: str | None, limits: Sequence[Allowed], now: datetime
) -> int:
    """Stores limits in place of those that the feed said of the same intervals; how many are new or are others now. Of
    two by one name the tighter counts."""
    named: dict[str, Allowed] = {}
    for each in limits:
        if each.external_id not in named or each.limit_w < named[each.external_id].limit_w:
            named[each.external_id] = each
    limits = list(named.values())
    cursor = await conn.execute(
        "INSERT INTO node_limits AS l (tenant_id, site_id, source, external_id, node, limit_w, starts_at, ends_at,"
        " said_at, said_by, feed_id) SELECT %(tenant_id)s, %(site_id)s, %(source)s, each.external_id, %(node)s,"
        " each.limit_w, each.starts_at, each.ends_at, %(now)s, %(by)s, %(feed_id)s FROM unnest(%(ids)s::text[],"
        " %(powers)s::bigint[], %(starts)s::timestamptz[], %(ends)s::timestamptz[])"
        " AS each (external_id, limit_w, starts_at, ends_at)"
        " ON CONFLICT (site_id, source, external_id) DO UPDATE SET node = excluded.node, limit_w = excluded.limit_w,"
        " limit_a = NULL, starts_at = excluded.starts_at, ends_at = excluded.ends_at, said_at = excluded.said_at,"
        " said_by = excluded.said_by, feed_id = excluded.feed_id, withdrawn_at = NULL"
        " WHERE l.withdrawn_at IS NOT NULL OR (l.node, l.limit_w, l.limit_a, l.starts_at, l.ends_at, l.feed_id)"
        " IS DISTINCT FROM (excluded.node, excluded.limit_w, NULL, excluded.starts_at, excluded.ends_at,"
        " excluded.feed_id)",
        {
            "tenant_id": feed.tenant_id,
            "site_id": feed.site_id,
            "feed_id": feed.feed_id,
            "source": feed.name,
            "node": node,
            "by": f"feed:{feed.feed_id} {feed.name}",
            "now": now,
            "ids": [each.external_id for each in limits],
            "powers": [each.limit_w for each in limits],
            "starts": [each.starts_at for each in limits],
            "ends": [each.ends_at for each in limits],
        },
    )
    return cursor.rowcount


async def withdraw_others(conn: Connection, feed: Feed, limits: Sequence[Allowed], now: datetime) -> int:
    """Lets limits of a feed that are not over and not among these count no more; how many did."""
    cursor = await conn.execute(
        "UPDATE node_limits SET withdrawn_at = %(now)s WHERE tenant_id = %(tenant_id)s AND site_id = %(site_id)s"
        " AND feed_id = %(feed_id)s AND withdrawn_at IS NULL AND (ends_at IS NULL OR ends_at > %(now)s)"
        " AND NOT (source = %(source)s AND external_id = ANY(%(ids)s))",
        {
            "tenant_id": feed.tenant_id,
            "site_id": feed.site_id,
            "feed_id": feed.feed_id,
            "source": feed.name,
            "now": now,
            "ids": [each.external_id for each in limits],
        },
    )
    return cursor.rowcount
