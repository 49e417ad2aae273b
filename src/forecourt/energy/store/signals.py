"""What prices, limits and feeds a site from outside."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec
from msgspec import Struct
from psycopg import AsyncConnection
from psycopg.rows import class_row

from forecourt.energy.errors import TooManyLimits
from forecourt.energy.signals.model import NodeLimit, Reading, SeriesKind, Span, Tariff, TariffRow, spellings
from forecourt.platform.ordering import Age, Place, bounds, by_age, onward

Connection = AsyncConnection[Any]

#: Values of one series that are read at once, the earliest ones.
MAX_SPANS: Final = 40_000
#: Limits of one site that are read at once: all that it can have.
MAX_LIMITS: Final = 2_000
#: Readings of one site that are read at once, the latest ones.
MAX_READINGS: Final = 100_000
_LIMIT_COLUMNS: Final = (
    "limit_id, number, source, external_id, node, limit_w, limit_a, starts_at, ends_at, said_at, said_by, withdrawn_at"
)
_LIMIT_ORDERS: Final = by_age("number")
_SPAN_ORDERS: Final = by_age("start_at")


class SeriesLine(Struct, frozen=True, kw_only=True):
    """What there is of a series: how many values, from when to when, who gave the latest of them, and when."""

    zone: str
    values: int
    first_at: datetime
    last_at: datetime
    currency: str | None
    source: str
    fetched_at: datetime


async def tariff_of(conn: Connection, tenant_id: int, site_id: int) -> TariffRow | None:
    """What a site pays; None where nobody said so."""
    cursor = await conn.execute(
        "SELECT tariff, version, changed_at, changed_by FROM site_tariffs WHERE tenant_id = %s AND site_id = %s",
        (tenant_id, site_id),
    )
    row = await cursor.fetchone()
    if row is None:
        return None
    tariff = msgspec.convert(row[0], Tariff)
    return TariffRow(tariff=tariff, version=row[1], changed_at=row[2], changed_by=row[3])


async def list_tariffs(conn: Connection, tenant_id: int, sites: Sequence[str]) -> list[tuple[str, Tariff]]:
    """What sites pay that say so, each with the zone of its clock: those of these slugs and below, or with none all, in
    order."""
    rows = await conn.execute(
        "SELECT i.time_zone, t.tariff FROM site_tariffs t"
        " JOIN sites i ON i.tenant_id = t.tenant_id AND i.site_id = t.site_id WHERE t.tenant_id = %(tenant)s"
        " AND (%(sites)s::text[] = '{}' OR EXISTS (SELECT FROM sites a WHERE a.tenant_id = i.tenant_id"
        "  AND a.site_id = ANY (i.path) AND a.slug = ANY (%(sites)s))) ORDER BY i.slug",
        {"tenant": tenant_id, "sites": list(sites)},
    )
    return [(zone, msgspec.convert(tariff, Tariff)) for zone, tariff in await rows.fetchall()]


async def co2_zones(conn: Connection, tenant_id: int) -> list[tuple[str, str]]:
    """Sites by slug of which it is said whose CO2 intensity counts, with that zone as its values are stored, in
    order."""
    rows = await conn.execute(
        "SELECT i.slug, coalesce((SELECT s.zone FROM signal_series s WHERE s.tenant_id = t.tenant_id"
        " AND s.kind = 'co2' AND s.zone IN (z.said, replace(z.said, '_', '-'), replace(z.said, '-', '_')) LIMIT 1),"
        " z.said) FROM site_tariffs t JOIN sites i ON i.tenant_id = t.tenant_id AND i.site_id = t.site_id"
        " CROSS JOIN LATERAL (SELECT t.tariff ->> 'co2_zone' AS said) z"
        " WHERE t.tenant_id = %s AND z.said IS NOT NULL ORDER BY i.slug",
        (tenant_id,),
    )
    return await rows.fetchall()


async def store_tariff(
    conn: Connection, tenant_id: int, site_id: int, tariff: Tariff, by: str, now: datetime
) -> TariffRow:
    """Stores what a site pays from now on."""
    cursor = await conn.execute(
        "INSERT INTO site_tariffs (site_id, tenant_id, tariff, changed_at, changed_by)"
        " VALUES (%s, %s, %s::jsonb, %s, %s)"
        " ON CONFLICT (site_id) DO UPDATE SET tariff = excluded.tariff, version = site_tariffs.version + 1,"
        " changed_at = excluded.changed_at, changed_by = excluded.changed_by RETURNING version",
        (site_id, tenant_id, msgspec.json.encode(tariff).decode(), now, by),
    )
    row = await cursor.fetchone()
    assert row is not None
    return TariffRow(tariff=tariff, version=row[0], changed_at=now, changed_by=by)


async def prices_between(
    conn: Connection,
    tenant_id: int,
    zone: str,
    since: datetime,
    until: datetime,
    kind: SeriesKind = "price",
    *,
    currency: str | None = None,
) -> list[Span]:
    """The values of a zone's series that hold at any time from one to another, in order, however the zone is spelt;
    prices of one currency, if it is said which."""
    cursor = conn.cursor(row_factory=class_row(Span))
    await cursor.execute(
        "SELECT start_at, minutes, value, source, fetched_at FROM signal_series"
        " WHERE tenant_id = %(tenant_id)s AND kind = %(kind)s AND zone = ANY(%(zones)s)"
        " AND start_at > %(since)s - interval '1 day' AND start_at < %(until)s"
        " AND start_at + make_interval(mins => minutes) > %(since)s"
        " AND (%(currency)s::text IS NULL OR currency = %(currency)s) ORDER BY start_at LIMIT %(limit)s",
        {
            "tenant_id": tenant_id,
            "kind": kind,
            "zones": spellings(zone),
            "since": since,
            "until": until,
            "currency": currency,
            "limit": MAX_SPANS,
        },
    )
    return await cursor.fetchall()


async def list_spans(
    conn: Connection,
    tenant_id: int,
    kind: SeriesKind,
    zone: str,
    *,
    since: datetime | None,
    until: datetime | None,
    order: Age,
    place: Place,
    limit: int,
) -> list[Span]:
    """The values of a series that begin in a span of time, behind the beginning of a place."""
    cursor = conn.cursor(row_factory=class_row(Span))
    await cursor.execute(
        "SELECT start_at, minutes, value, source, fetched_at FROM signal_series"
        " WHERE tenant_id = %(tenant_id)s AND kind = %(kind)s AND zone = %(zone)s"
        " AND (%(since)s::timestamptz IS NULL OR start_at >= %(since)s)"
        f" AND (%(until)s::timestamptz IS NULL OR start_at < %(until)s) {onward(_SPAN_ORDERS[order], place)}",
        {
            "tenant_id": tenant_id,
            "kind": kind,
            "zone": zone,
            "since": since,
            "until": until,
            **bounds(place, limit),
        },
    )
    return await cursor.fetchall()


async def store_series(
    conn: Connection, tenant_id: int, kind: SeriesKind, zone: str, currency: str | None, spans: Sequence[Span]
) -> int:
    """Stores values of a series over those that begin at the same times; how many were new or are others now."""
    cursor = await conn.execute(
        "INSERT INTO signal_series AS s (tenant_id, kind, zone, start_at, minutes, value, currency, source, fetched_at)"
        " SELECT %(tenant_id)s, %(kind)s, %(zone)s, each.start_at, each.minutes, each.value, %(currency)s, each.source,"
        " each.fetched_at FROM unnest(%(starts)s::timestamptz[], %(minutes)s::smallint[], %(values)s::numeric[],"
        " %(sources)s::text[], %(fetched)s::timestamptz[]) AS each (start_at, minutes, value, source, fetched_at)"
        " ON CONFLICT (tenant_id, kind, zone, start_at) DO UPDATE SET minutes = excluded.minutes,"
        " value = excluded.value, currency = excluded.currency, source = excluded.source,"
        " fetched_at = excluded.fetched_at"
        " WHERE (s.minutes, s.value, s.currency)"
        " IS DISTINCT FROM (excluded.minutes, excluded.value, excluded.currency)",
        {
            "tenant_id": tenant_id,
            "kind": kind,
            "zone": zone,
            "currency": currency,
            "starts": [span.start_at for span in spans],
            "minutes": [span.minutes for span in spans],
            "values": [span.value for span in spans],
            "sources": [span.source for span in spans],
            "fetched": [span.fetched_at for span in spans],
        },
    )
    return cursor.rowcount


async def list_series(conn: Connection, tenant_id: int, kind: SeriesKind, zone: str | None = None) -> list[SeriesLine]:
    """The zones of which there are values, or of this one, however it is spelt."""
    cursor = conn.cursor(row_factory=class_row(SeriesLine))
    await cursor.execute(
        "SELECT zone, count(*)::int AS values, min(start_at) AS first_at,"
        " max(start_at + make_interval(mins => minutes)) AS last_at,"
        " (array_agg(currency ORDER BY start_at DESC))[1] AS currency,"
        " (array_agg(source ORDER BY fetched_at DESC))[1] AS source, max(fetched_at) AS fetched_at FROM signal_series"
        " WHERE tenant_id = %(tenant_id)s AND kind = %(kind)s AND (%(zones)s::text[] IS NULL OR zone = ANY(%(zones)s))"
        " GROUP BY zone ORDER BY zone",
        {"tenant_id": tenant_id, "kind": kind, "zones": None if zone is None else spellings(zone)},
    )
    return await cursor.fetchall()


async def limits_between(
    conn: Connection, tenant_id: int, site_id: int, since: datetime, until: datetime
) -> list[NodeLimit]:
    """The limits of a site that hold at any time from one to another and were not withdrawn, by when they begin. Raises
    TooManyLimits: nothing may be planned without one of them."""
    cursor = conn.cursor(row_factory=class_row(NodeLimit))
    await cursor.execute(
        f"SELECT {_LIMIT_COLUMNS} FROM node_limits WHERE tenant_id = %(tenant_id)s AND site_id = %(site_id)s"
        " AND withdrawn_at IS NULL AND starts_at < %(until)s AND (ends_at IS NULL OR ends_at > %(since)s)"
        " ORDER BY starts_at, number LIMIT %(limit)s",
        {"tenant_id": tenant_id, "site_id": site_id, "since": since, "until": until, "limit": MAX_LIMITS + 1},
    )
    found = await cursor.fetchall()
    if len(found) > MAX_LIMITS:
        raise TooManyLimits
    return found


async def list_limits(
    conn: Connection, tenant_id: int, site_id: int, *, order: Age, place: Place, limit: int
) -> list[NodeLimit]:
    """All limits of a site behind the number of a place, withdrawn and past ones too."""
    cursor = conn.cursor(row_factory=class_row(NodeLimit))
    await cursor.execute(
        f"SELECT {_LIMIT_COLUMNS} FROM node_limits WHERE tenant_id = %(tenant_id)s AND site_id = %(site_id)s"
        f" {onward(_LIMIT_ORDERS[order], place)}",
        {"tenant_id": tenant_id, "site_id": site_id, **bounds(place, limit)},
    )
    return await cursor.fetchall()


async def store_limit(conn: Connection, tenant_id: int, site_id: int, said: NodeLimit) -> NodeLimit:
    """Stores a limit, in place of one of the same source and id, which counts again if it was withdrawn."""
    cursor = conn.cursor(row_factory=class_row(NodeLimit))
    await cursor.execute(
        "INSERT INTO node_limits (limit_id, tenant_id, site_id, source, external_id, node, limit_w, limit_a, starts_at,"
        " ends_at, said_at, said_by) VALUES (%(limit_id)s, %(tenant_id)s, %(site_id)s, %(source)s, %(external_id)s,"
        " %(node)s, %(limit_w)s, %(limit_a)s, %(starts_at)s, %(ends_at)s, %(said_at)s, %(said_by)s)"
        " ON CONFLICT (site_id, source, external_id) DO UPDATE SET node = excluded.node, limit_w = excluded.limit_w,"
        " limit_a = excluded.limit_a, starts_at = excluded.starts_at, ends_at = excluded.ends_at,"
        f" said_at = excluded.said_at, said_by = excluded.said_by, withdrawn_at = NULL RETURNING {_LIMIT_COLUMNS}",
        {**msgspec.structs.asdict(said), "tenant_id": tenant_id, "site_id": site_id},
    )
    row = await cursor.fetchone()
    assert row is not None
    return row


async def find_limit(conn: Connection, tenant_id: int, site_id: int, limit_id: UUID) -> NodeLimit | None:
    """The limit of this id."""
    cursor = conn.cursor(row_factory=class_row(NodeLimit))
    await cursor.execute(
        f"SELECT {_LIMIT_COLUMNS} FROM node_limits WHERE tenant_id = %s AND site_id = %s AND limit_id = %s",
        (tenant_id, site_id, limit_id),
    )
    return await cursor.fetchone()


async def withdraw_limit(conn: Connection, tenant_id: int, site_id: int, limit_id: UUID, now: datetime) -> bool:
    """Lets a limit count no more; whether it still did."""
    cursor = await conn.execute(
        "UPDATE node_limits SET withdrawn_at = %s"
        " WHERE tenant_id = %s AND site_id = %s AND limit_id = %s AND withdrawn_at IS NULL",
        (now, tenant_id, site_id, limit_id),
    )
    return cursor.rowcount == 1


async def count_limits(
    conn: Connection, tenant_id: int, site_id: int, now: datetime, *, fed: bool, but: tuple[str, str] = ("", "")
) -> int:
    """How many limits of a site hold or will that feeds have said (`fed`), or others; but one of a source and id."""
    cursor = await conn.execute(
        "SELECT count(*) FROM node_limits WHERE tenant_id = %s AND site_id = %s AND withdrawn_at IS NULL"
        " AND (ends_at IS NULL OR ends_at > %s) AND (feed_id IS NOT NULL) = %s AND (source, external_id) <> (%s, %s)",
        (tenant_id, site_id, now, fed, *but),
    )
    row = await cursor.fetchone()
    assert row is not None
    return int(row[0])


async def store_readings(
    conn: Connection, tenant_id: int, site_id: int, attachment: str, readings: Sequence[Reading], now: datetime
) -> int:
    """Stores what a meter said, over what it said of the same times; how many were new or are others now."""
    cursor = await conn.execute(
        "INSERT INTO site_readings AS r (site_id, attachment, at, tenant_id, power_w, source, arrived_at)"
        " SELECT %(site_id)s, %(attachment)s, each.at, %(tenant_id)s, each.power_w, each.source, %(now)s"
        " FROM unnest(%(times)s::timestamptz[], %(powers)s::int[], %(sources)s::text[]) AS each (at, power_w, source)"
        " ON CONFLICT (site_id, attachment, at) DO UPDATE SET power_w = excluded.power_w, source = excluded.source,"
        " arrived_at = excluded.arrived_at WHERE r.power_w <> excluded.power_w",
        {
            "site_id": site_id,
            "tenant_id": tenant_id,
            "attachment": attachment,
            "now": now,
            "times": [each.at for each in readings],
            "powers": [each.power_w for each in readings],
            "sources": [each.source for each in readings],
        },
    )
    return cursor.rowcount


async def readings_between(
    conn: Connection, tenant_id: int, site_id: int, since: datetime, until: datetime, minutes: int = 15
) -> dict[str, list[Reading]]:
    """The mean of what each meter of a site said in each of so many minutes, in order, by attachment."""
    cursor = await conn.execute(
        "SELECT attachment, date_bin(make_interval(mins => %(minutes)s), at, '2000-01-01+00'::timestamptz) AS begins,"
        " avg(power_w)::int, max(source) FROM site_readings WHERE tenant_id = %(tenant_id)s AND site_id = %(site_id)s"
        " AND at >= %(since)s AND at < %(until)s GROUP BY 1, 2 ORDER BY 2 DESC, 1 LIMIT %(limit)s",
        {
            "tenant_id": tenant_id,
            "site_id": site_id,
            "since": since,
            "until": until,
            "minutes": minutes,
            "limit": MAX_READINGS,
        },
    )
    found: dict[str, list[Reading]] = {}
    for attachment, at, power_w, source in reversed(await cursor.fetchall()):
        found.setdefault(attachment, []).append(Reading(at=at, power_w=power_w, source=source))
    return found


async def latest_readings(conn: Connection, tenant_id: int, site_id: int, until: datetime) -> dict[str, Reading]:
    """What each meter of a site said last until a time: what is to come was told by a clock that has jumped."""
    # From one attachment to the next by the index, however many readings each has.
    cursor = await conn.execute(
        """
        WITH RECURSIVE named AS (
            SELECT min(attachment) AS attachment FROM site_readings
            WHERE tenant_id = %(tenant_id)s AND site_id = %(site_id)s
            UNION ALL
            SELECT (SELECT min(r.attachment) FROM site_readings r WHERE r.tenant_id = %(tenant_id)s
                AND r.site_id = %(site_id)s AND r.attachment > n.attachment)
            FROM named n WHERE n.attachment IS NOT NULL
        )
        SELECT n.attachment, r.at, r.power_w, r.source FROM named n CROSS JOIN LATERAL (
            SELECT at, power_w, source FROM site_readings WHERE tenant_id = %(tenant_id)s AND site_id = %(site_id)s
                AND attachment = n.attachment AND at <= %(until)s ORDER BY at DESC LIMIT 1) r
        """,
        {"tenant_id": tenant_id, "site_id": site_id, "until": until},
    )
    return {
        name: Reading(at=at, power_w=power_w, source=source) for name, at, power_w, source in await cursor.fetchall()
    }


async def forget_before(
    conn: Connection, tenant_id: int, *, readings: datetime, series: datetime, limits: datetime
) -> int:
    """Forgets readings, series and limits that were over before their times; how many."""
    forgotten = 0
    for statement, before in (
        ("DELETE FROM site_readings WHERE tenant_id = %s AND at < %s", readings),
        ("DELETE FROM signal_series WHERE tenant_id = %s AND start_at < %s", series),
        ("DELETE FROM node_limits WHERE tenant_id = %s AND coalesce(withdrawn_at, ends_at) < %s", limits),
    ):
        forgotten += (await conn.execute(statement, (tenant_id, before))).rowcount
    return forgotten
