"""Hosts and their share rules."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

import msgspec
from msgspec import Struct
from psycopg import sql
from psycopg.rows import class_row

from forecourt.payments.hosts.model import ShareRule, Version
from forecourt.payments.hosts.store import Connection
from forecourt.platform.ordering import Age, Place, bounds, by_age, onward

#: Hosts of the same sites that are named on the page of one.
MAX_BESIDE: Final = 20
_COLUMNS: Final = (
    "host_id, name, address, country, email, vat_id, vat_rate, site_ids, payout_every, payout_minimum, bank_name,"
    " iban_sealed, iban_shown, bic, connect_account, connect_by, connect_state, connect_read_at, held_at,"
    " held_reason, created_at"
)
_ORDERS: Final = by_age("host_id")
_RULE_ORDERS: Final = by_age("r.valid_from", "r.rule_id")
_RULE: Final = (
    "SELECT r.rule_id, r.host_id, h.name AS host, r.site_id, s.identity AS station, r.valid_from, r.rule, r.made_at,"
    " r.made_by FROM host_rules r LEFT JOIN hosts h USING (tenant_id, host_id)"
    " LEFT JOIN stations s ON s.tenant_id = r.tenant_id AND s.station_id = r.only_station_id"
    " WHERE r.tenant_id = %(tenant_id)s"
)
#: The columns that a change may name.
CHANGEABLE: Final = frozenset(
    {
        "name", "address", "country", "email", "vat_id", "vat_rate", "site_ids", "payout_every", "payout_minimum",
        "bank_name", "iban_sealed", "iban_shown", "bic", "connect_account", "connect_by", "connect_state",
        "connect_read_at", "held_at", "held_reason",
    }
)  # fmt: skip


class HostRow(Struct, frozen=True, kw_only=True):
    """One host as stored."""

    host_id: int
    name: str
    address: str
    country: str
    email: str
    vat_id: str
    vat_rate: Decimal | None
    site_ids: list[int]
    payout_every: str
    payout_minimum: int
    bank_name: str
    iban_sealed: bytes | None
    iban_shown: str
    bic: str
    connect_account: str
    connect_by: str
    #: What the provider said last of it; None: it was never asked.
    connect_state: dict[str, Any] | None
    connect_read_at: datetime | None
    held_at: datetime | None
    held_reason: str
    created_at: datetime


class RuleRow(Struct, frozen=True, kw_only=True):
    """One version of a rule; `host` and `station` by their names."""

    rule_id: int
    host_id: int | None
    host: str | None
    site_id: int
    station: str | None
    valid_from: datetime
    rule: Any
    made_at: datetime
    made_by: str


async def insert_host(conn: Connection, tenant_id: int, values: Mapping[str, Any]) -> HostRow:
    """Stores a host."""
    assert values.keys() <= CHANGEABLE | {"created_at"}
    query = sql.SQL(
        "INSERT INTO hosts (tenant_id, {columns}) VALUES (%(tenant_id)s, {values}) RETURNING {returned}"
    ).format(
        columns=sql.SQL(", ").join(map(sql.Identifier, values)),
        values=sql.SQL(", ").join(map(sql.Placeholder, values)),
        returned=sql.SQL(_COLUMNS),
    )
    cursor = conn.cursor(row_factory=class_row(HostRow))
    await cursor.execute(query, {**values, "tenant_id": tenant_id})
    row = await cursor.fetchone()
    assert row is not None
    return row


async def count_hosts(conn: Connection, tenant_id: int) -> int:
    """How many an organisation has; nobody makes one more until the transaction ends."""
    await conn.execute("SELECT pg_advisory_xact_lock(hashtext('hosts'), %s)", (tenant_id,))
    row = await (await conn.execute("SELECT count(*) FROM hosts WHERE tenant_id = %s", (tenant_id,))).fetchone()
    assert row is not None
    return int(row[0])


async def find_host(conn: Connection, tenant_id: int, host_id: int, *, lock: bool = False) -> HostRow | None:
    """The host of this number; with `lock` held until the transaction ends, so that nothing is owed meanwhile."""
    cursor = conn.cursor(row_factory=class_row(HostRow))
    await cursor.execute(
        f"SELECT {_COLUMNS} FROM hosts WHERE tenant_id = %s AND host_id = %s{' FOR UPDATE' if lock else ''}",
        (tenant_id, host_id),
    )
    return await cursor.fetchone()


async def hold_hosts(conn: Connection, tenant_id: int, host_ids: Sequence[int]) -> None:
    """Holds hosts until the transaction ends, in the order of their numbers, as everybody does who holds several."""
    await conn.execute(
        "SELECT FROM hosts WHERE tenant_id = %s AND host_id = ANY(%s) ORDER BY host_id FOR UPDATE",
        (tenant_id, list(host_ids)),
    )


async def list_connected(conn: Connection, tenant_id: int) -> list[HostRow]:
    """Hosts with an account at a payment provider."""
    cursor = conn.cursor(row_factory=class_row(HostRow))
    await cursor.execute(
        f"SELECT {_COLUMNS} FROM hosts WHERE tenant_id = %s AND connect_account <> '' ORDER BY host_id", (tenant_id,)
    )
    return await cursor.fetchall()


async def list_hosts(
    conn: Connection, tenant_id: int, *, order: Age = "oldest", place: Place = None, limit: int
) -> list[HostRow]:
    """Hosts behind the number of a place."""
    cursor = conn.cursor(row_factory=class_row(HostRow))
    await cursor.execute(
        f"SELECT {_COLUMNS} FROM hosts WHERE tenant_id = %(tenant_id)s {onward(_ORDERS[order], place)}",
        {"tenant_id": tenant_id, **bounds(place, limit)},
    )
    return await cursor.fetchall()


async def update_host(conn: Connection, tenant_id: int, host_id: int, changes: Mapping[str, Any]) -> HostRow | None:
    """Changes the named columns, at least one; None if there is no such host."""
    assert changes
    assert changes.keys() <= CHANGEABLE
    sets = [sql.SQL("{} = {}").format(sql.Identifier(name), sql.Placeholder(name)) for name in changes]
    query = sql.SQL(
        "UPDATE hosts SET {sets} WHERE tenant_id = %(tenant_id)s AND host_id = %(host_id)s RETURNING {columns}"
    ).format(sets=sql.SQL(", ").join(sets), columns=sql.SQL(_COLUMNS))
    cursor = conn.cursor(row_factory=class_row(HostRow))
    await cursor.execute(query, {**changes, "tenant_id": tenant_id, "host_id": host_id})
    return await cursor.fetchone()


async def find_sites(conn: Connection, tenant_id: int, slugs: Sequence[str]) -> dict[str, int]:
    """The numbers of sites by their slugs; those that there are."""
    rows = await conn.execute(
        "SELECT slug, site_id FROM sites WHERE tenant_id = %s AND slug = ANY(%s)", (tenant_id, list(slugs))
    )
    return {slug: int(site_id) for slug, site_id in await rows.fetchall()}


async def name_sites(conn: Connection, tenant_id: int, site_ids: Sequence[int]) -> dict[int, tuple[str, str]]:
    """Slug and name of sites by their numbers."""
    rows = await conn.execute(
        "SELECT site_id, slug, name FROM sites WHERE tenant_id = %s AND site_id = ANY(%s) ORDER BY name, slug",
        (tenant_id, list(site_ids)),
    )
    return {int(site_id): (slug, name) for site_id, slug, name in await rows.fetchall()}


async def is_at(conn: Connection, tenant_id: int, host_id: int, site_id: int) -> bool:
    """Whether a site is one of a host's, below one, or one that they ever had a share of."""
    cursor = await conn.execute(
        "SELECT FROM sites i JOIN hosts h ON h.tenant_id = i.tenant_id AND h.host_id = %(host)s"
        " WHERE i.tenant_id = %(tenant)s AND i.site_id = %(site)s AND (h.site_ids && i.path OR EXISTS ("
        " SELECT FROM host_rules r WHERE r.tenant_id = i.tenant_id AND r.host_id = h.host_id"
        " AND r.site_id = ANY(i.path)))",
        {"tenant": tenant_id, "host": host_id, "site": site_id},
    )
    return cursor.rowcount == 1


async def list_beside(conn: Connection, tenant_id: int, host_id: int) -> list[tuple[int, str, str]]:
    """Others who have a site of this host as well: their number and name, and the site's name; MAX_BESIDE at most."""
    cursor = await conn.execute(
        "SELECT o.host_id, o.name, i.name FROM hosts h JOIN hosts o ON o.tenant_id = h.tenant_id"
        " AND o.host_id <> h.host_id AND o.site_ids && h.site_ids"
        " JOIN sites i ON i.tenant_id = h.tenant_id AND i.site_id = ANY(h.site_ids) AND i.site_id = ANY(o.site_ids)"
        " WHERE h.tenant_id = %s AND h.host_id = %s ORDER BY o.host_id, i.name LIMIT %s",
        (tenant_id, host_id, MAX_BESIDE),
    )
    return await cursor.fetchall()


async def find_station(conn: Connection, tenant_id: int, identity: str, site_id: int) -> int | None:
    """The number of a station at this site or below it."""
    row = await (
        await conn.execute(
            "SELECT s.station_id FROM stations s JOIN sites i USING (tenant_id, site_id)"
            " WHERE s.tenant_id = %s AND s.identity = %s AND %s = ANY(i.path)",
            (tenant_id, identity, site_id),
        )
    ).fetchone()
    return None if row is None else int(row[0])


async def insert_rule(
    conn: Connection, tenant_id: int, *, host_id: int | None, site_id: int, station_id: int | None,
    valid_from: datetime, rule: ShareRule, made_at: datetime, made_by: str,
) -> int | None:  # fmt: skip
    """Stores a version; None if there is one from the same moment on."""
    row = await (
        await conn.execute(
            "INSERT INTO host_rules (tenant_id, host_id, site_id, only_station_id, valid_from, rule, made_at, made_by)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING RETURNING rule_id",
            (tenant_id, host_id, site_id, station_id, valid_from, msgspec.json.encode(rule).decode(), made_at, made_by),
        )
    ).fetchone()
    return None if row is None else int(row[0])


async def count_rules(conn: Connection, tenant_id: int, site_id: int) -> int:
    """How many versions a site has."""
    row = await (
        await conn.execute(
            "SELECT count(*) FROM host_rules WHERE tenant_id = %s AND site_id = %s", (tenant_id, site_id)
        )
    ).fetchone()
    assert row is not None
    return int(row[0])


async def shared_since(conn: Connection, tenant_id: int, site_id: int, since: datetime) -> datetime | None:
    """The start of the latest session at a site, or below it, that began since then and whose share stands."""
    row = await (
        await conn.execute(
            "SELECT max(l.started_at) FROM host_lines l JOIN sites i ON i.site_id = l.site_id"
            " WHERE l.tenant_id = %s AND %s = ANY(i.path) AND l.started_at >= %s",
            (tenant_id, site_id, since),
        )
    ).fetchone()
    return None if row is None else row[0]


async def list_rules(
    conn: Connection, tenant_id: int, *, host_id: int | None = None, order: Age = "newest", place: Place = None,
    limit: int,
) -> list[RuleRow]:  # fmt: skip
    """Versions, of a host or of all, by when they begin, behind the begin and the number of a place."""
    cursor = conn.cursor(row_factory=class_row(RuleRow))
    await cursor.execute(
        f"{_RULE} AND (%(host_id)s::int IS NULL OR r.host_id = %(host_id)s) {onward(_RULE_ORDERS[order], place)}",
        {"tenant_id": tenant_id, "host_id": host_id, **bounds(place, limit)},
    )
    return await cursor.fetchall()


async def find_rule(conn: Connection, tenant_id: int, rule_id: int) -> RuleRow | None:
    """The version of this number."""
    cursor = conn.cursor(row_factory=class_row(RuleRow))
    await cursor.execute(f"{_RULE} AND r.rule_id = %(rule_id)s", {"tenant_id": tenant_id, "rule_id": rule_id})
    return await cursor.fetchone()


async def rule_at(
    conn: Connection, tenant_id: int, *, station_id: int, site_path: Sequence[int], at: datetime
) -> Version | None:
    """The rule that counts for a station at a moment: its own, else the nearest site's; of each the latest."""
    row = await (
        await conn.execute(
            """
            SELECT rule_id, host_id, valid_from, rule FROM (
                SELECT DISTINCT ON (site_id, only_station_id) * FROM host_rules
                WHERE tenant_id = %(tenant_id)s AND site_id = ANY(%(path)s) AND valid_from <= %(at)s
                AND (only_station_id IS NULL OR only_station_id = %(station_id)s)
                ORDER BY site_id, only_station_id, valid_from DESC
            ) AS latest
            ORDER BY only_station_id IS NULL, array_position(%(path)s::int[], site_id) DESC LIMIT 1
            """,
            {"tenant_id": tenant_id, "path": list(site_path), "at": at, "station_id": station_id},
        )
    ).fetchone()
    if row is None:
        return None
    return Version(
        rule_id=row[0], host_id=row[1], valid_from=row[2], rule=msgspec.convert(row[3], ShareRule, strict=False)
    )


async def monthly_fees(conn: Connection, tenant_id: int, at: datetime, month: str) -> list[tuple[int, str, int]]:
    """Host, currency and what the rules that count at a moment ask of a month (2026-03), each host and currency once;
    but those who were asked for it already."""
    rows = await conn.execute(
        """
        SELECT host_id, rule ->> 'currency', sum((rule ->> 'monthly_fee')::bigint)::bigint FROM (
            SELECT DISTINCT ON (site_id, only_station_id) host_id, rule FROM host_rules
            WHERE tenant_id = %(tenant)s AND valid_from <= %(at)s ORDER BY site_id, only_station_id, valid_from DESC
        ) AS latest
        WHERE host_id IS NOT NULL AND (rule ->> 'monthly_fee')::bigint > 0 AND NOT EXISTS (
            SELECT FROM journal j WHERE j.tenant_id = %(tenant)s
            AND j.key = 'host_fee:' || host_id || ':' || (rule ->> 'currency') || ':' || %(month)s::text)
        GROUP BY 1, 2 ORDER BY 1, 2
        """,
        {"tenant": tenant_id, "at": at, "month": month},
    )
    return [(int(host), str(currency), int(fee)) for host, currency, fee in await rows.fetchall()]


async def time_zone(conn: Connection, tenant_id: int) -> str:
    """In which an organisation counts its days."""
    row = await (
        await conn.execute("SELECT time_zone FROM organisations WHERE tenant_id = %s", (tenant_id,))
    ).fetchone()
    assert row is not None
    return str(row[0])
