"""The SQL of what drivers of a campaign did before it and during it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from msgspec import Struct
from psycopg.rows import class_row

from forecourt.insight.pseudonyms import key_of, of_driver
from forecourt.loyalty.store.campaigns import Connection


class Did(Struct, frozen=True, kw_only=True):
    """What one driver did before (`_b`) and during a campaign, but for when it was paused: visits that began then, Wh,
    revenue before VAT in minor units of the campaign's currency, and Wh of visits that began in its hours."""

    treated: bool
    visits_b: int
    visits: int
    wh_b: int
    wh: int
    minor_b: int
    minor: int
    there_b: int
    there: int


#: What one driver did is found by the driver, as by OFFSET 0: by a place, all that came there would be read.
_DID: Final = """
SELECT m.treated, did.*
FROM unnest(%(drivers)s::bigint[], %(names)s::text[]) AS n (driver_id, name)
JOIN loyalty_members m ON m.tenant_id = %(tenant)s AND m.campaign_id = %(campaign)s AND m.driver_id = n.driver_id
JOIN loyalty_campaigns c ON c.tenant_id = m.tenant_id AND c.campaign_id = m.campaign_id
CROSS JOIN LATERAL (
    SELECT count(*) FILTER (WHERE v.started_at < %(start)s) AS visits_b,
        count(*) FILTER (WHERE v.started_at >= %(start)s) AS visits,
        coalesce(sum(v.energy_wh) FILTER (WHERE v.started_at < %(start)s), 0)::bigint AS wh_b,
        coalesce(sum(v.energy_wh) FILTER (WHERE v.started_at >= %(start)s), 0)::bigint AS wh,
        coalesce(sum(v.excl_minor) FILTER (WHERE v.started_at < %(start)s AND v.currency = %(currency)s), 0)::bigint
            AS minor_b,
        coalesce(sum(v.excl_minor) FILTER (WHERE v.started_at >= %(start)s AND v.currency = %(currency)s), 0)::bigint
            AS minor,
        coalesce(sum(v.energy_wh) FILTER (WHERE v.started_at < %(start)s AND v.there), 0)::bigint AS there_b,
        coalesce(sum(v.energy_wh) FILTER (WHERE v.started_at >= %(start)s AND v.there), 0)::bigint AS there
    FROM (
        SELECT d.started_at, d.energy_wh, d.currency, d.excl_minor,
            extract(hour FROM d.started_at AT TIME ZONE p.time_zone)::int = ANY (%(hours)s) AS there
        FROM (
            SELECT * FROM driver_visits w WHERE w.tenant_id = %(tenant)s AND w.driver_id = m.driver_id OFFSET 0
        ) d
        JOIN campaign_places p ON p.tenant_id = d.tenant_id AND p.station_id = d.station_id
        UNION ALL
        SELECT i.started_at, i.energy_wh, i.currency, i.excl_minor,
            extract(hour FROM i.started_at AT TIME ZONE i.zone)::int = ANY (%(hours)s)
        FROM imported_visits i
        WHERE i.tenant_id = %(tenant)s AND i.driver = n.name
    ) v
    WHERE v.started_at >= %(since)s AND v.started_at < %(until)s AND NOT v.started_at <@ c.paused
        AND (c.paused_at IS NULL OR v.started_at < c.paused_at)
) did
"""


async def count_left(conn: Connection, tenant_id: int, campaign_id: int) -> tuple[int, int]:
    """How many of a campaign's drivers were erased since: who had it, who were held out."""
    row = await (
        await conn.execute(
            "SELECT left_treated, left_held_out FROM loyalty_campaigns WHERE tenant_id = %s AND campaign_id = %s",
            (tenant_id, campaign_id),
        )
    ).fetchone()
    return (0, 0) if row is None else (int(row[0]), int(row[1]))


async def list_did(
    conn: Connection, tenant_id: int, campaign_id: int, *, since: datetime, start: datetime, until: datetime,
    hours: Sequence[int], currency: str,
) -> list[Did]:  # fmt: skip
    """What each driver of a campaign did in [since, start) and in [start, until), here and by imported history."""
    key = await key_of(conn, tenant_id)
    members = await (
        await conn.execute(
            "SELECT driver_id FROM loyalty_members WHERE tenant_id = %s AND campaign_id = %s", (tenant_id, campaign_id)
        )
    ).fetchall()
    drivers = [int(number) for (number,) in members]
    cursor = conn.cursor(row_factory=class_row(Did))
    await cursor.execute(
        _DID,
        {
            "tenant": tenant_id, "campaign": campaign_id, "since": since, "start": start, "until": until,
            "hours": list(hours), "currency": currency, "drivers": drivers,
            "names": [of_driver(key, driver) for driver in drivers],
        },
    )  # fmt: skip
    return await cursor.fetchall()
