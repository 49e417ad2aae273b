"""Incidents as they are kept, listed and changed."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Literal, LiteralString
from uuid import UUID

from msgspec import Struct
from psycopg.rows import class_row, dict_row
from psycopg.types.json import Jsonb

from forecourt.care.model import Finding, IncidentKind, Place, Present, Severity
from forecourt.care.store import Connection
from forecourt.care.store.conditions import Named
from forecourt.platform import outbox
from forecourt.platform.ordering import Age, Ordering, bounds, newest, oldest, onward

_WATCHING: Final = 0x43617265  # the first half of an advisory lock; the second is the organisation
#: The most that one page counts exactly; what is beyond is "more".
MAX_COUNTED: Final = 10_000

_INCIDENT: LiteralString = """
SELECT n.number, n.incident_id, n.kind, n.severity, n.station_id, n.station, s.name AS station_name,
    s.station IS NOT NULL AS in_service, coalesce(s.site, w.slug) AS site, coalesce(s.site_name, w.name) AS site_name,
    coalesce(s.time_zone, w.time_zone, 'UTC') AS time_zone, n.node, n.evse, n.connector, n.session_id, n.since,
    n.latest_at, n.detail, n.opened_at, n.gone_at, n.closed_at, n.closed_by, n.acknowledged_at, n.acknowledged_by,
    n.snoozed_until
FROM incidents n LEFT JOIN station_conditions s ON s.tenant_id = n.tenant_id AND s.station_id = n.station_id
LEFT JOIN kept_sites w ON w.tenant_id = n.tenant_id AND w.site_id = n.site_id AND n.station_id IS NULL
WHERE n.tenant_id = %(tenant_id)s
"""


class IncidentRow(Struct, frozen=True, kw_only=True):
    """One incident as it is shown. `station` is the identity it had; `in_service`: it stands in the registry. Without a
    station it is of a `node` of its site."""

    number: int
    incident_id: UUID
    kind: str
    severity: int
    station_id: int | None
    station: str | None
    station_name: str | None
    in_service: bool
    site: str | None
    site_name: str | None
    time_zone: str
    node: str | None
    evse: int | None
    connector: int | None
    session_id: UUID | None
    since: datetime
    latest_at: datetime
    detail: dict[str, Any]
    opened_at: datetime
    gone_at: datetime | None
    closed_at: datetime | None
    closed_by: str | None
    acknowledged_at: datetime | None
    acknowledged_by: str | None
    snoozed_until: datetime | None


class EventRow(Struct, frozen=True, kw_only=True):
    """One line of an incident's history."""

    at: datetime
    event: str
    actor: str | None
    note: str | None
    until: datetime | None


class Filter(Struct, frozen=True, kw_only=True):
    """Which incidents. `open` None: open and closed ones; `search` is found in the station's name or identity."""

    open: bool | None = None
    kind: str | None = None
    severity: int | None = None
    site: str | None = None
    station: str | None = None
    acknowledged: bool | None = None
    search: str = ""


async def watch_alone(conn: Connection, tenant_id: int) -> None:
    """Waits until no other transaction looks at this organisation, and keeps them out until this one ends."""
    await conn.execute("SELECT pg_advisory_xact_lock(%s, %s)", (_WATCHING, tenant_id))


async def list_present(conn: Connection, tenant_id: int, station_id: int | None) -> list[Present]:
    """Incidents whose cause was there at the last look."""
    cursor = conn.cursor(row_factory=dict_row)
    await cursor.execute(
        "SELECT incident_id, kind, station_id, evse, connector, session_id, severity, latest_at, detail, closed_at,"
        " node, CASE WHEN station_id IS NULL THEN site_id END AS of_site"
        " FROM incidents WHERE tenant_id = %(tenant_id)s AND gone_at IS NULL"
        " AND (%(station_id)s::bigint IS NULL OR station_id = %(station_id)s)",
        {"tenant_id": tenant_id, "station_id": station_id},
    )
    return [
        Present(
            incident_id=row["incident_id"],
            kind=IncidentKind(row["kind"]),
            place=Place(
                station_id=row["station_id"],
                evse=row["evse"],
                connector=row["connector"],
                session_id=row["session_id"],
                site_id=row["of_site"],
                node=row["node"],
            ),
            severity=Severity(row["severity"]),
            latest_at=row["latest_at"],
            detail=row["detail"],
            closed_at=row["closed_at"],
        )
        for row in await cursor.fetchall()
    ]


async def open_incident(conn: Connection, tenant_id: int, finding: Finding, named: Named, now: datetime) -> UUID | None:
    """Opens an incident; None where one for the same thing is there."""
    place = finding.place
    row = await (
        await conn.execute(
            "INSERT INTO incidents (tenant_id, kind, severity, station_id, station, site_id, evse, connector,"
            " session_id, node, since, latest_at, detail, opened_at, changed_at)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"
            " ON CONFLICT DO NOTHING RETURNING incident_id",
            (
                tenant_id, finding.kind.value, finding.severity, place.station_id, named.station, named.site_id,
                place.evse, place.connector, place.session_id, place.node, finding.since, finding.latest_at,
                Jsonb(finding.detail), now, now,
            ),
        )
    ).fetchone()  # fmt: skip
    return None if row is None else row[0]


async def tell_more(conn: Connection, tenant_id: int, incident_id: UUID, finding: Finding, now: datetime) -> None:
    """Keeps what is known better now."""
    await conn.execute(
        "UPDATE incidents SET severity = %s, latest_at = %s, detail = %s, changed_at = %s"
        " WHERE tenant_id = %s AND incident_id = %s",
        (finding.severity, finding.latest_at, Jsonb(finding.detail), now, tenant_id, incident_id),
    )


async def end(conn: Connection, tenant_id: int, incident_id: UUID, now: datetime) -> bool:
    """Its cause is gone; whether that closed it, because no person had."""
    row = await (
        await conn.execute(
            "UPDATE incidents n SET gone_at = %(now)s, closed_at = coalesce(n.closed_at, %(now)s), changed_at = %(now)s"
            " FROM (SELECT incident_id, closed_at IS NULL AS was_open FROM incidents"
            "   WHERE tenant_id = %(tenant_id)s AND incident_id = %(incident_id)s AND gone_at IS NULL) o"
            " WHERE n.tenant_id = %(tenant_id)s AND n.incident_id = o.incident_id RETURNING o.was_open",
            {"now": now, "tenant_id": tenant_id, "incident_id": incident_id},
        )
    ).fetchone()
    return row is not None and bool(row[0])


async def lock(conn: Connection, tenant_id: int, incident_id: UUID) -> bool:
    """Keeps others from changing it until the end of the transaction; whether there is one."""
    row = await (
        await conn.execute(
            "SELECT FROM incidents WHERE tenant_id = %s AND incident_id = %s FOR UPDATE", (tenant_id, incident_id)
        )
    ).fetchone()
    return row is not None


async def acknowledge(conn: Connection, tenant_id: int, incident_id: UUID, by: str, now: datetime) -> None:
    """Somebody has seen it; the first who did stays named."""
    await conn.execute(
        "UPDATE incidents SET acknowledged_at = coalesce(acknowledged_at, %(now)s),"
        " acknowledged_by = coalesce(acknowledged_by, %(by)s), changed_at = %(now)s"
        " WHERE tenant_id = %(tenant_id)s AND incident_id = %(incident_id)s",
        {"now": now, "by": by, "tenant_id": tenant_id, "incident_id": incident_id},
    )


async def snooze(conn: Connection, tenant_id: int, incident_id: UUID, until: datetime | None, now: datetime) -> None:
    """Puts it aside until then; None takes it up again."""
    await conn.execute(
        "UPDATE incidents SET snoozed_until = %s, changed_at = %s WHERE tenant_id = %s AND incident_id = %s",
        (until, now, tenant_id, incident_id),
    )


async def close(conn: Connection, tenant_id: int, incident_id: UUID, by: str, now: datetime) -> None:
    """A person says that it is settled."""
    await conn.execute(
        "UPDATE incidents SET closed_at = %s, closed_by = %s, changed_at = %s"
        " WHERE tenant_id = %s AND incident_id = %s AND closed_at IS NULL",
        (now, by, now, tenant_id, incident_id),
    )


async def add_event(
    conn: Connection,
    tenant_id: int,
    incident_id: UUID,
    event: str,
    now: datetime,
    *,
    actor: str | None = None,
    note: str | None = None,
    until: datetime | None = None,
) -> None:
    """One more line of its history."""
    await conn.execute(
        "INSERT INTO incident_events (tenant_id, incident_id, at, event, actor, note, until)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s)",
        (tenant_id, incident_id, now, event, actor, note, until),
    )


async def list_events(conn: Connection, tenant_id: int, incident_id: UUID, limit: int) -> list[EventRow]:
    """Its history, the latest first."""
    cursor = conn.cursor(row_factory=class_row(EventRow))
    await cursor.execute(
        "SELECT at, event, actor, note, until FROM incident_events WHERE tenant_id = %s AND incident_id = %s"
        " ORDER BY event_id DESC LIMIT %s",
        (tenant_id, incident_id, limit),
    )
    return await cursor.fetchall()


async def say_changed(conn: Connection, tenant_id: int, event: str, incident_ids: Sequence[UUID]) -> None:
    """Has others hear of it after the commit."""
    for incident_id in incident_ids:
        await outbox.write(conn, tenant_id, event, str(incident_id))


async def find(conn: Connection, tenant_id: int, incident_id: UUID) -> IncidentRow | None:
    """The incident of this id."""
    cursor = conn.cursor(row_factory=class_row(IncidentRow))
    await cursor.execute(
        f"{_INCIDENT} AND n.incident_id = %(incident_id)s", {"tenant_id": tenant_id, "incident_id": incident_id}
    )
    return await cursor.fetchone()


async def list_these(conn: Connection, tenant_id: int, incident_ids: Sequence[UUID]) -> list[IncidentRow]:
    """The incidents of these ids, the worst first."""
    cursor = conn.cursor(row_factory=class_row(IncidentRow))
    await cursor.execute(
        f"{_INCIDENT} AND n.incident_id = ANY(%(ids)s) ORDER BY n.severity DESC, n.number",
        {"tenant_id": tenant_id, "ids": list(incident_ids)},
    )
    return await cursor.fetchall()


_MATCHES: LiteralString = """
    AND (%(open)s::bool IS NULL OR (n.closed_at IS NULL) = %(open)s)
    AND (%(kind)s::text IS NULL OR n.kind = %(kind)s)
    AND (%(severity)s::int IS NULL OR n.severity = %(severity)s)
    AND (%(site)s::text IS NULL OR coalesce(s.site, w.slug) = %(site)s)
    AND (%(station)s::text IS NULL OR n.station = %(station)s)
    AND (%(acknowledged)s::bool IS NULL OR (n.acknowledged_at IS NOT NULL) = %(acknowledged)s)
    AND (%(search)s = '' OR concat_ws(' ', n.station, s.name, s.site_name, w.name, n.node) ILIKE %(pattern)s)
"""


def _wanted(tenant_id: int, asked: Filter) -> dict[str, Any]:
    escaped = asked.search.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return {
        "tenant_id": tenant_id,
        **{name: getattr(asked, name) for name in Filter.__struct_fields__},
        "pattern": f"%{escaped}%",
    }


Order = Literal[Age, "severity"]
_ORDERS: Final[Mapping[Order, Ordering]] = {
    "newest": newest("n.number"),
    "oldest": oldest("n.number"),
    "severity": newest("n.severity", "n.number"),
}


async def list_in_order(
    conn: Connection, tenant_id: int, asked: Filter, order: Order, *, place: tuple[int, ...] | None, limit: int
) -> list[IncidentRow]:
    """Incidents behind the number of a place; by severity, the worst first and then the newest, behind both."""
    cursor = conn.cursor(row_factory=class_row(IncidentRow))
    await cursor.execute(
        f"{_INCIDENT} {_MATCHES} {onward(_ORDERS[order], place)}",
        {**_wanted(tenant_id, asked), **bounds(place, limit)},
    )
    return await cursor.fetchall()


async def list_for_page(
    conn: Connection, tenant_id: int, asked: Filter, *, offset: int, limit: int
) -> tuple[list[IncidentRow], int]:
    """Open ones first and the worst of them first, then the newest; and how many match, MAX_COUNTED at the most."""
    wanted = {**_wanted(tenant_id, asked), "offset": offset, "limit": limit, "most": MAX_COUNTED}
    cursor = conn.cursor(row_factory=class_row(IncidentRow))
    await cursor.execute(
        f"{_INCIDENT} {_MATCHES} ORDER BY n.closed_at IS NOT NULL, n.closed_at DESC, n.severity DESC, n.number DESC"
        " LIMIT %(limit)s OFFSET %(offset)s",
        wanted,
    )
    rows = await cursor.fetchall()
    if not offset and len(rows) < limit:
        return rows, len(rows)
    counted = await (
        await conn.execute(f"SELECT count(*) FROM ({_INCIDENT} {_MATCHES} LIMIT %(most)s) matching", wanted)
    ).fetchone()
    return rows, 0 if counted is None else int(counted[0])


async def list_attention(conn: Connection, tenant_id: int, now: datetime, limit: int) -> list[IncidentRow]:
    """Open incidents that nobody has put aside: the worst first, then those nobody has seen, then the newest."""
    cursor = conn.cursor(row_factory=class_row(IncidentRow))
    await cursor.execute(
        f"{_INCIDENT} AND n.closed_at IS NULL AND (n.snoozed_until IS NULL OR n.snoozed_until <= %(now)s)"
        " ORDER BY n.severity DESC, n.acknowledged_at IS NOT NULL, n.number DESC LIMIT %(limit)s",
        {"tenant_id": tenant_id, "now": now, "limit": limit},
    )
    return await cursor.fetchall()


async def list_others(
    conn: Connection, tenant_id: int, station_id: int | None, but: UUID, limit: int
) -> list[IncidentRow]:
    """Other incidents of a station, the newest first; None: of no station, which has none."""
    cursor = conn.cursor(row_factory=class_row(IncidentRow))
    await cursor.execute(
        f"{_INCIDENT} AND n.station_id = %(station_id)s AND n.incident_id <> %(but)s"
        " ORDER BY n.number DESC LIMIT %(limit)s",
        {"tenant_id": tenant_id, "station_id": station_id, "but": but, "limit": limit},
    )
    return await cursor.fetchall()


class OpenCount(Struct, frozen=True, kw_only=True):
    """How many incidents are open and not put aside, by severity; the latest that opened; when any changed."""

    critical: int
    warning: int
    notice: int
    latest: str | None
    changed_at: datetime | None

    @property
    def all(self) -> int:
        return self.critical + self.warning + self.notice


async def count_open(conn: Connection, tenant_id: int, now: datetime) -> OpenCount:
    """What open pages are told."""
    cursor = conn.cursor(row_factory=class_row(OpenCount))
    await cursor.execute(
        """
        SELECT count(*) FILTER (WHERE severity = 3)::int AS critical,
            count(*) FILTER (WHERE severity = 2)::int AS warning, count(*) FILTER (WHERE severity = 1)::int AS notice,
            (SELECT incident_id::text FROM incidents WHERE tenant_id = %(tenant_id)s ORDER BY number DESC LIMIT 1)
                AS latest,
            (SELECT max(changed_at) FROM incidents WHERE tenant_id = %(tenant_id)s) AS changed_at
        FROM incidents WHERE tenant_id = %(tenant_id)s AND closed_at IS NULL
            AND (snoozed_until IS NULL OR snoozed_until <= %(now)s)
        """,
        {"tenant_id": tenant_id, "now": now},
    )
    row = await cursor.fetchone()
    assert row is not None
    return row


async def forget_before(conn: Connection, tenant_id: int, before: datetime, limit: int) -> int:
    """Deletes closed incidents of before a time with all that hangs on them, so many at most; how many."""
    cursor = await conn.execute(
        "DELETE FROM incidents WHERE tenant_id = %(tenant_id)s AND incident_id IN (SELECT incident_id FROM incidents"
        " WHERE tenant_id = %(tenant_id)s AND gone_at < %(before)s ORDER BY number LIMIT %(limit)s)",
        {"tenant_id": tenant_id, "before": before, "limit": limit},
    )
    return cursor.rowcount


async def list_tenants(conn: Connection) -> list[int]:
    """All organisations; needs no tenant, and the worker's role."""
    return [tenant_id for (tenant_id,) in await (await conn.execute("SELECT care_tenants()")).fetchall()]
