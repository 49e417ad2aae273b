"""The SQL of campaigns, their codes and their drivers."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

import msgspec
from msgspec import Struct
from psycopg import AsyncConnection
from psycopg.rows import class_row, dict_row
from psycopg.types.json import Jsonb

from forecourt.insight.pseudonyms import key_of, of_driver
from forecourt.loyalty.errors import Unbegun
from forecourt.loyalty.model.campaigns import MAX_RUNNING, Campaign, Past
from forecourt.loyalty.model.terms import State, Terms
from forecourt.loyalty.model.uses import Code

Connection = AsyncConnection[Any]

_CAMPAIGN: Final = """
SELECT c.campaign_id, c.terms, c.state, c.reserved, c.spent, c.hours, c.seed, c.started_at, c.ended_at, c.created_at,
    c.source, c.unbegun
FROM loyalty_campaigns c WHERE c.tenant_id = %(tenant)s
"""
_COUNTED: Final = """
SELECT c.campaign_id, c.terms, c.state, c.reserved, c.spent, c.hours, c.seed, c.started_at, c.ended_at, c.created_at,
    c.source, c.unbegun,
    (SELECT count(*) FROM loyalty_members m WHERE m.tenant_id = c.tenant_id AND m.campaign_id = c.campaign_id)
        AS members,
    (SELECT count(*) FROM loyalty_members m WHERE m.tenant_id = c.tenant_id AND m.campaign_id = c.campaign_id
        AND NOT m.treated) AS held_out,
    (SELECT count(*) FROM loyalty_uses u WHERE u.tenant_id = c.tenant_id AND u.campaign_id = c.campaign_id
        AND u.state IN ('bound', 'settled')) AS uses
FROM loyalty_campaigns c WHERE c.tenant_id = %(tenant)s
"""


class Used(Struct, frozen=True, kw_only=True):
    """How a driver used the network in a window. `unseen_days`: since the last session; None: there is none."""

    driver_id: int
    sessions: int
    energy_wh: int
    unseen_days: int | None
    marketing: bool


async def insert_campaign(conn: Connection, tenant_id: int, terms: Terms, seed: str, at: datetime) -> int:
    """A draft; its number."""
    row = await (
        await conn.execute(
            "INSERT INTO loyalty_campaigns (tenant_id, terms, by_code, budget, state, seed, created_at)"
            " VALUES (%s, %s, %s, %s, 'draft', %s, %s) RETURNING campaign_id",
            (tenant_id, _json(terms), terms.by_code, terms.budget, seed, at),
        )
    ).fetchone()
    assert row is not None
    return int(row[0])


async def note_past(conn: Connection, tenant_id: int, campaign_id: int, past: Past) -> None:
    """A draft is one that ran and ended elsewhere."""
    await conn.execute(
        "UPDATE loyalty_campaigns SET state = 'ended', source = %s, started_at = %s, ended_at = %s, spent = %s"
        " WHERE tenant_id = %s AND campaign_id = %s AND state = 'draft'",
        (past.source, past.started_at, past.ended_at, past.spent, tenant_id, campaign_id),
    )
    await insert_members(conn, tenant_id, campaign_id, [*past.drivers], [*past.drivers.values()])


async def update_terms(conn: Connection, tenant_id: int, campaign_id: int, terms: Terms) -> None:
    """Other terms of a draft."""
    await conn.execute(
        "UPDATE loyalty_campaigns SET terms = %s, by_code = %s, budget = %s, unbegun = NULL"
        " WHERE tenant_id = %s AND campaign_id = %s AND state = 'draft'",
        (_json(terms), terms.by_code, terms.budget, tenant_id, campaign_id),
    )


async def find_campaign(
    conn: Connection, tenant_id: int, campaign_id: int, *, lock: bool = False, counted: bool = False
) -> Campaign | None:
    """The campaign of this number. `counted`: with how many drivers and uses it has; else these are 0."""
    query = f"{_COUNTED if counted else _CAMPAIGN} AND c.campaign_id = %(campaign)s{' FOR UPDATE' if lock else ''}"
    found = await _campaigns(conn, query, {"tenant": tenant_id, "campaign": campaign_id})
    return found[0] if found else None


async def list_campaigns(conn: Connection, tenant_id: int, limit: int) -> list[Campaign]:
    """Campaigns, the latest first."""
    query = f"{_COUNTED} ORDER BY c.campaign_id DESC LIMIT %(limit)s"
    return await _campaigns(conn, query, {"tenant": tenant_id, "limit": limit})


async def list_running(conn: Connection, tenant_id: int) -> list[Campaign]:
    """Those that run and are not given by code."""
    query = f"{_CAMPAIGN} AND c.state = 'running' AND NOT c.by_code ORDER BY c.campaign_id LIMIT %(limit)s"
    return await _campaigns(conn, query, {"tenant": tenant_id, "limit": MAX_RUNNING})


async def count(conn: Connection, tenant_id: int) -> tuple[int, int]:
    """How many campaigns there are, and how many of them run or are to."""
    row = await (
        await conn.execute(
            "SELECT count(*), count(*) FILTER (WHERE state IN ('scheduled', 'running')) FROM loyalty_campaigns"
            " WHERE tenant_id = %s",
            (tenant_id,),
        )
    ).fetchone()
    assert row is not None
    return int(row[0]), int(row[1])


async def set_state(
    conn: Connection, tenant_id: int, campaign_id: int, state: State, at: datetime, hours: Sequence[int] | None = None,
    *, unbegun: Unbegun | None = None,
) -> None:  # fmt: skip
    """Schedules, starts, pauses or ends a campaign, or puts it back, and notes when it turns next by itself; `hours`:
    those that were found quiet; `unbegun`: why it is put back."""
    await conn.execute(
        "UPDATE loyalty_campaigns SET state = %(state)s, hours = coalesce(%(hours)s, hours), unbegun = %(unbegun)s,"
        " started_at = CASE WHEN %(state)s = 'running' THEN coalesce(started_at, %(at)s) ELSE started_at END,"
        " ended_at = CASE WHEN %(state)s = 'ended' THEN %(at)s END,"
        " turns_at = CASE WHEN %(state)s = 'scheduled' THEN coalesce((terms ->> 'starts_at')::timestamptz, %(at)s)"
        "  WHEN %(state)s IN ('running', 'paused') THEN (terms ->> 'ends_at')::timestamptz END,"
        " paused_at = CASE WHEN %(state)s = 'paused' THEN %(at)s::timestamptz END,"
        " paused = CASE WHEN paused_at < %(at)s THEN paused + tstzmultirange(tstzrange(paused_at, %(at)s))"
        "  ELSE paused END"
        " WHERE tenant_id = %(tenant)s AND campaign_id = %(campaign)s",
        {
            "tenant": tenant_id, "campaign": campaign_id, "state": state.value, "at": at,
            "hours": None if hours is None else list(hours), "unbegun": None if unbegun is None else unbegun.value,
        },
    )  # fmt: skip


async def list_turning(conn: Connection, tenant_id: int, now: datetime) -> list[int]:
    """Campaigns that are to begin or end by themselves by now, the first first."""
    cursor = await conn.execute(
        "SELECT campaign_id FROM loyalty_campaigns WHERE tenant_id = %s AND turns_at <= %s ORDER BY turns_at LIMIT %s",
        (tenant_id, now, MAX_RUNNING),
    )
    return [int(number) for (number,) in await cursor.fetchall()]


async def tenants_turning(conn: Connection, now: datetime) -> list[int]:
    """Organisations of which a campaign is to begin or end by now. For the worker."""
    cursor = await conn.execute("SELECT DISTINCT tenant_id FROM loyalty_campaigns WHERE turns_at <= %s", (now,))
    return [int(tenant) for (tenant,) in await cursor.fetchall()]


async def insert_codes(
    conn: Connection, tenant_id: int, campaign_id: int, codes: Sequence[str], most_uses: int | None, at: datetime
) -> int:
    """How many of these codes are new; those that another has are left out."""
    cursor = await conn.execute(
        "INSERT INTO loyalty_codes (tenant_id, campaign_id, code, most_uses, made_at)"
        " SELECT %s, %s, unnest(%s::text[]), %s, %s ON CONFLICT (tenant_id, code) DO NOTHING",
        (tenant_id, campaign_id, list(codes), most_uses, at),
    )
    return cursor.rowcount


async def list_codes(conn: Connection, tenant_id: int, campaign_id: int, limit: int, after: int = 0) -> list[Code]:
    """Codes with a higher number, the first first."""
    cursor = conn.cursor(row_factory=class_row(Code))
    await cursor.execute(
        "SELECT code_id, campaign_id, code, most_uses, used FROM loyalty_codes WHERE tenant_id = %s"
        " AND campaign_id = %s AND code_id > %s ORDER BY code_id LIMIT %s",
        (tenant_id, campaign_id, after, limit),
    )
    return await cursor.fetchall()


async def count_codes(conn: Connection, tenant_id: int, campaign_id: int) -> int:
    """How many codes a campaign has."""
    row = await (
        await conn.execute(
            "SELECT count(*) FROM loyalty_codes WHERE tenant_id = %s AND campaign_id = %s", (tenant_id, campaign_id)
        )
    ).fetchone()
    assert row is not None
    return int(row[0])


async def find_code(conn: Connection, tenant_id: int, code: str) -> Code | None:
    """A code as `plain` makes it."""
    cursor = conn.cursor(row_factory=class_row(Code))
    await cursor.execute(
        "SELECT code_id, campaign_id, code, most_uses, used FROM loyalty_codes WHERE tenant_id = %s AND code = %s",
        (tenant_id, code),
    )
    return await cursor.fetchone()


async def list_used(
    conn: Connection, tenant_id: int, since: datetime, until: datetime, *, drivers: Sequence[int],
    fleets: Sequence[int], after: int, limit: int,
) -> list[Used]:  # fmt: skip
    """Active drivers with a higher number, the first first, and their use within [since, until), here and by imported
    history. Of these `drivers` and `fleets` alone, or where none is named of all."""
    looked_at = await _list_active(conn, tenant_id, drivers=drivers, fleets=fleets, after=after, limit=limit)
    key = await key_of(conn, tenant_id)
    cursor = conn.cursor(row_factory=class_row(Used))
    await cursor.execute(
        """
        SELECT d.driver_id, used.sessions, used.energy_wh, used.unseen_days,
            coalesce((SELECT n.given FROM driver_agreements n WHERE n.tenant_id = %(tenant)s
                AND n.driver_id = d.driver_id AND n.kind = 'marketing'), false) AS marketing
        FROM unnest(%(drivers)s::bigint[], %(names)s::text[]) AS d (driver_id, name)
        CROSS JOIN LATERAL (
            SELECT count(*) AS sessions, coalesce(sum(u.energy_wh), 0)::bigint AS energy_wh,
                floor(extract(epoch FROM %(until)s - max(u.started_at)) / 86400)::int AS unseen_days
            FROM (
                SELECT v.started_at, v.energy_wh FROM driver_visits v
                WHERE v.tenant_id = %(tenant)s AND v.driver_id = d.driver_id
                UNION ALL
                SELECT i.started_at, i.energy_wh FROM imported_visits i
                WHERE i.tenant_id = %(tenant)s AND i.driver = d.name
            ) u WHERE u.started_at >= %(since)s AND u.started_at < %(until)s
        ) used
        ORDER BY d.driver_id
        """,
        {
            "tenant": tenant_id, "since": since, "until": until, "drivers": looked_at,
            "names": [of_driver(key, driver) for driver in looked_at],
        },
    )  # fmt: skip
    return await cursor.fetchall()


async def has_active(conn: Connection, tenant_id: int, count: int, *, fleets: Sequence[int]) -> bool:
    """Whether there are so many active drivers, of these fleets where any is named."""
    found = await _list_active(conn, tenant_id, drivers=(), fleets=fleets, after=0, limit=count)
    return len(found) == count


async def _list_active(
    conn: Connection, tenant_id: int, *, drivers: Sequence[int], fleets: Sequence[int], after: int, limit: int
) -> list[int]:
    cursor = await conn.execute(
        """
        SELECT a.driver_id FROM active_accounts a
        WHERE a.tenant_id = %(tenant)s AND a.driver_id > %(after)s
            AND (%(drivers)s::bigint[] = '{}' OR a.driver_id = ANY (%(drivers)s))
            AND (%(fleets)s::bigint[] = '{}' OR EXISTS (SELECT FROM driver_fleets f WHERE f.tenant_id = a.tenant_id
                AND f.driver_id = a.driver_id AND f.fleet_id = ANY (%(fleets)s)))
        ORDER BY a.driver_id LIMIT %(limit)s
        """,
        {"tenant": tenant_id, "drivers": list(drivers), "fleets": list(fleets), "after": after, "limit": limit},
    )
    return [int(driver) for (driver,) in await cursor.fetchall()]


async def insert_members(
    conn: Connection, tenant_id: int, campaign_id: int, drivers: Sequence[int], treated: Sequence[bool]
) -> None:
    """Who is meant, and who of them has it."""
    await conn.execute(
        "INSERT INTO loyalty_members (tenant_id, campaign_id, driver_id, treated)"
        " SELECT %s, %s, d, t FROM unnest(%s::bigint[], %s::bool[]) AS each (d, t) ON CONFLICT DO NOTHING",
        (tenant_id, campaign_id, list(drivers), list(treated)),
    )


async def take_untold(
    conn: Connection, tenant_id: int, campaign_id: int, limit: int, at: datetime
) -> list[tuple[int, str, str]]:
    """Drivers who have it, agreed to marketing and weren't told: number, address and language. They count as told from
    now on."""
    cursor = await conn.execute(
        """
        UPDATE loyalty_members m SET told_at = %(at)s FROM active_accounts a
        WHERE m.tenant_id = %(tenant)s AND m.campaign_id = %(campaign)s AND m.driver_id IN (
            SELECT w.driver_id FROM loyalty_members w
            JOIN active_accounts d ON d.tenant_id = w.tenant_id AND d.driver_id = w.driver_id
            WHERE w.tenant_id = %(tenant)s AND w.campaign_id = %(campaign)s AND w.treated AND w.told_at IS NULL
                AND d.email IS NOT NULL
                AND (SELECT n.given FROM driver_agreements n WHERE n.tenant_id = d.tenant_id
                    AND n.driver_id = d.driver_id AND n.kind = 'marketing')
            ORDER BY w.driver_id LIMIT %(limit)s FOR UPDATE OF w)
            AND a.tenant_id = m.tenant_id AND a.driver_id = m.driver_id
        RETURNING m.driver_id, a.email, a.language
        """,
        {"tenant": tenant_id, "campaign": campaign_id, "limit": limit, "at": at},
    )
    return [(int(driver), str(email), str(language)) for driver, email, language in await cursor.fetchall()]


async def list_treated(conn: Connection, tenant_id: int, driver_id: int) -> set[int]:
    """Campaigns that a driver has."""
    cursor = await conn.execute(
        "SELECT campaign_id FROM loyalty_members WHERE tenant_id = %s AND driver_id = %s AND treated",
        (tenant_id, driver_id),
    )
    return {int(number) for (number,) in await cursor.fetchall()}


async def energy_by_hour(
    conn: Connection, tenant_id: int, sites: Sequence[str], since: datetime, until: datetime
) -> dict[int, int]:
    """Wh of sessions by the hour of the place's day in which they began, here and by imported history, at these sites
    or with none at all."""
    cursor = await conn.execute(
        """
        SELECT hour, sum(energy_wh)::bigint FROM (
            SELECT extract(hour FROM s.started_at AT TIME ZONE p.time_zone)::int AS hour, s.energy_wh
            FROM session_visits s JOIN campaign_places p ON p.tenant_id = s.tenant_id AND p.station_id = s.station_id
            WHERE s.tenant_id = %(tenant)s AND s.started_at >= %(since)s AND s.started_at < %(until)s
                AND (%(sites)s::text[] = '{}' OR p.sites && %(sites)s::text[])
            UNION ALL
            SELECT extract(hour FROM i.started_at AT TIME ZONE coalesce(p.time_zone, i.zone))::int, i.energy_wh
            FROM imported_use i
            LEFT JOIN station_places t ON i.own_station AND t.tenant_id = i.tenant_id AND t.station = i.station
                AND t.retired_at IS NULL
            LEFT JOIN campaign_places p ON p.tenant_id = t.tenant_id AND p.station_id = t.station_id
            WHERE i.tenant_id = %(tenant)s AND i.started_at >= %(since)s AND i.started_at < %(until)s
                AND (%(sites)s::text[] = '{}' OR p.sites && %(sites)s::text[] OR i.site = ANY (%(sites)s::text[]))
        ) u GROUP BY 1
        """,
        {"tenant": tenant_id, "sites": list(sites), "since": since, "until": until},
    )
    return {int(hour): int(wh or 0) for hour, wh in await cursor.fetchall()}


async def _campaigns(conn: Connection, query: str, values: dict[str, Any]) -> list[Campaign]:
    cursor = conn.cursor(row_factory=dict_row)
    await cursor.execute(query.encode(), values)
    return [msgspec.convert(row, Campaign, strict=False) for row in await cursor.fetchall()]


def _json(terms: Terms) -> Jsonb:
    return Jsonb(msgspec.to_builtins(terms, order="deterministic"))
