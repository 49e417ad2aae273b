"""SQL of what was found of connectors and of their alerts."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

import msgspec

from forecourt.insight.health.found import Alert, Connector, EndedBy, Look, Outcome
from forecourt.insight.store import Connection

#: Connectors and alerts that are listed at once.
MAX_LISTED: Final = 500
#: Alerts of an organisation that are kept, the newest; open ones always.
MAX_ALERTS: Final = 20_000

_CONNECTOR: Final = "station, evse, site, seen_on, standing, days, kind, part, risk, reasons, recent"
_ALERT: Final = (
    "alert_id, station, evse, site, opened_on, opened_at, part, risk, reasons, lead_d, model, closed_on, closed_at,"
    " ended_by, outcome, outcome_on, outcome_by, note"
)
_LOOK: Final = "looked_at, seen_on, model, learned, threshold, known, unknown, left_out, failures, foreseen, drift"


def _connector(row: tuple[Any, ...]) -> Connector:
    return msgspec.convert(dict(zip(_CONNECTOR.split(", "), row, strict=True)), Connector)


def _alert(row: tuple[Any, ...]) -> Alert:
    return msgspec.convert(dict(zip(_ALERT.split(", "), row, strict=True)), Alert)


def _text(value: object) -> str | None:
    return None if value is None else msgspec.json.encode(value).decode()


async def in_service(conn: Connection, tenant_id: int) -> set[str]:
    """The identities of the stations that are."""
    rows = await conn.execute(
        "SELECT station FROM station_places WHERE tenant_id = %s AND retired_at IS NULL", (tenant_id,)
    )
    return {station for (station,) in await rows.fetchall()}


async def find_look(conn: Connection, tenant_id: int) -> Look | None:
    """The latest look."""
    query = f"SELECT {_LOOK} FROM connector_looks WHERE tenant_id = %s"
    row = await (await conn.execute(query, (tenant_id,))).fetchone()
    return None if row is None else msgspec.convert(dict(zip(_LOOK.split(", "), row, strict=True)), Look)


async def keep_look(conn: Connection, tenant_id: int, look: Look) -> None:
    """Puts a look in the place of the one before."""
    given = msgspec.structs.asdict(look) | {"drift": _text(look.drift), "tenant": tenant_id}
    names = _LOOK.split(", ")
    await conn.execute(
        f"INSERT INTO connector_looks (tenant_id, {_LOOK})"
        f" VALUES (%(tenant)s, {', '.join(f'%({name})s' for name in names)})"
        f" ON CONFLICT (tenant_id) DO UPDATE SET {', '.join(f'{name} = excluded.{name}' for name in names)}",
        given,
    )


async def keep_connectors(conn: Connection, tenant_id: int, connectors: Sequence[Connector]) -> None:
    """Puts these in the place of all that were kept."""
    await conn.execute("DELETE FROM connector_health WHERE tenant_id = %s", (tenant_id,))
    names = _CONNECTOR.split(", ")
    async with conn.cursor() as cursor:
        await cursor.executemany(
            f"INSERT INTO connector_health (tenant_id, {_CONNECTOR})"
            f" VALUES (%(tenant)s, {', '.join(f'%({name})s' for name in names)})",
            [
                msgspec.structs.asdict(each) | {"reasons": _text(each.reasons), "tenant": tenant_id}
                for each in connectors
            ],
        )


async def list_connectors(
    conn: Connection, tenant_id: int, *, site: str | None = None, station: str | None = None, limit: int = MAX_LISTED
) -> list[Connector]:
    """Those with an open alert first, then those at most risk, those that are down, and those of which too little is
    known."""
    rows = await conn.execute(
        f"SELECT {_CONNECTOR} FROM connector_health h WHERE tenant_id = %(tenant)s"
        " AND (%(site)s::text IS NULL OR site = %(site)s) AND (%(station)s::text IS NULL OR station = %(station)s)"
        " ORDER BY NOT EXISTS (SELECT FROM connector_alerts a WHERE a.tenant_id = h.tenant_id AND a.station = h.station"
        "  AND a.evse = h.evse AND a.closed_at IS NULL),"
        " risk DESC NULLS LAST, standing = 'few_days', station, evse LIMIT %(limit)s",
        {"tenant": tenant_id, "site": site, "station": station, "limit": limit},
    )
    return [_connector(row) for row in await rows.fetchall()]


async def count_standings(conn: Connection, tenant_id: int) -> tuple[int, int]:
    """Of how many connectors enough is known, and of how many it isn't."""
    row = await (
        await conn.execute(
            "SELECT count(*) FILTER (WHERE standing = 'known')::int, count(*) FILTER (WHERE standing <> 'known')::int"
            " FROM connector_health WHERE tenant_id = %s",
            (tenant_id,),
        )
    ).fetchone()
    assert row is not None
    return row[0], row[1]


async def list_alerts(
    conn: Connection, tenant_id: int, *, site: str | None = None, since: date | None = None, limit: int = MAX_LISTED
) -> list[Alert]:
    """The newest first: those that were opened on a day or later, or all; of a site, or of all."""
    rows = await conn.execute(
        f"SELECT {_ALERT} FROM connector_alerts WHERE tenant_id = %(tenant)s"
        " AND (%(site)s::text IS NULL OR site = %(site)s)"
        " AND (%(since)s::date IS NULL OR opened_on >= %(since)s OR closed_at IS NULL OR outcome IS NULL)"
        " ORDER BY number DESC LIMIT %(limit)s",
        {"tenant": tenant_id, "site": site, "since": since, "limit": limit},
    )
    return [_alert(row) for row in await rows.fetchall()]


async def open_alerts(
    conn: Connection, tenant_id: int, evses: Sequence[tuple[str, int]]
) -> dict[tuple[str, int], Alert]:
    """Those of these EVSEs that are open, one of each at the most."""
    rows = await conn.execute(
        f"SELECT {_ALERT} FROM connector_alerts WHERE tenant_id = %s AND closed_at IS NULL"
        " AND (station, evse) IN (SELECT * FROM unnest(%s::text[], %s::int[]))",
        (tenant_id, [station for station, _ in evses], [evse for _, evse in evses]),
    )
    return {(each.station, each.evse): each for each in map(_alert, await rows.fetchall())}


async def find_alert(conn: Connection, tenant_id: int, alert_id: UUID) -> Alert | None:
    """One, locked until the transaction ends."""
    row = await (
        await conn.execute(
            f"SELECT {_ALERT} FROM connector_alerts WHERE tenant_id = %s AND alert_id = %s FOR UPDATE",
            (tenant_id, alert_id),
        )
    ).fetchone()
    return None if row is None else _alert(row)


async def open_alert(conn: Connection, tenant_id: int, alert: Alert) -> bool:
    """Keeps a new alert; false: one of that EVSE is open already."""
    done = await conn.execute(
        "INSERT INTO connector_alerts (tenant_id, alert_id, station, evse, site, opened_on, opened_at, part, risk,"
        " reasons, lead_d, model) VALUES (%(tenant)s, %(alert_id)s, %(station)s, %(evse)s, %(site)s, %(opened_on)s,"
        " %(opened_at)s, %(part)s, %(risk)s, %(reasons)s, %(lead_d)s, %(model)s) ON CONFLICT DO NOTHING",
        msgspec.structs.asdict(alert) | {"reasons": _text(alert.reasons), "tenant": tenant_id},
    )
    return done.rowcount == 1


async def close_alert(
    conn: Connection, tenant_id: int, alert_id: UUID, on: date, at: datetime, ended_by: EndedBy
) -> None:
    """Ends an alert that is open."""
    await conn.execute(
        "UPDATE connector_alerts SET closed_on = %s, closed_at = %s, ended_by = %s"
        " WHERE tenant_id = %s AND alert_id = %s AND closed_at IS NULL",
        (on, at, ended_by, tenant_id, alert_id),
    )


async def settle_alert(
    conn: Connection, tenant_id: int, alert_id: UUID, outcome: Outcome, on: date, by: str | None, note: str | None
) -> None:
    """Says what became of it; `by` None: nobody had to say, so what somebody said stands."""
    await conn.execute(
        "UPDATE connector_alerts SET outcome = %s, outcome_on = %s, outcome_by = %s, note = %s"
        " WHERE tenant_id = %s AND alert_id = %s AND (outcome IS NULL OR %s::text IS NOT NULL)",
        (outcome, on, by, note, tenant_id, alert_id, by),
    )


async def forget_alerts(conn: Connection, tenant_id: int, before: date, most: int = MAX_ALERTS) -> int:
    """Lets closed alerts go that were opened before a day, or are more than are kept; how many."""
    done = await conn.execute(
        "DELETE FROM connector_alerts WHERE tenant_id = %(tenant)s AND closed_at IS NOT NULL"
        " AND (opened_on < %(before)s OR number <= (SELECT number FROM connector_alerts"
        " WHERE tenant_id = %(tenant)s ORDER BY number DESC OFFSET %(most)s LIMIT 1))",
        {"tenant": tenant_id, "before": before, "most": most},
    )
    return done.rowcount


async def count_outcomes(conn: Connection, tenant_id: int, since: date, site: str | None = None) -> dict[str, int]:
    """What became of alerts that were opened on a day or later, at a site or anywhere; `open`: nobody knows yet."""
    rows = await conn.execute(
        "SELECT coalesce(outcome, 'open'), count(*)::int FROM connector_alerts WHERE tenant_id = %(tenant)s"
        " AND opened_on >= %(since)s AND (%(site)s::text IS NULL OR site = %(site)s) GROUP BY 1",
        {"tenant": tenant_id, "since": since, "site": site},
    )
    return dict(await rows.fetchall())


async def seen_to(conn: Connection, tenant_id: int) -> dict[tuple[str, int], tuple[UUID, datetime | None]]:
    """The incident of each EVSE whose wear is one, by station and EVSE, and when somebody acknowledged it."""
    rows = await conn.execute(
        "SELECT station, evse, incident_id, acknowledged_at FROM incident_facts"
        " WHERE tenant_id = %s AND kind = 'wearing' AND closed_at IS NULL",
        (tenant_id,),
    )
    return {(station, evse): (incident_id, at) for station, evse, incident_id, at in await rows.fetchall()}
