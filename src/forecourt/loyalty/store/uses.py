"""The SQL of what is kept for drivers, given to sessions and settled. Budgets and codes are counted in one statement
each with what is kept of them, so they hold whoever asks at once."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec
from psycopg.rows import dict_row

from forecourt.loyalty.model.campaigns import Occasion
from forecourt.loyalty.model.uses import SETTLED_AFTER, Use
from forecourt.loyalty.store.campaigns import Connection

_USE: Final = (
    "SELECT use_id, campaign_id, code_id, driver_id, token_uid, session_id, kept, state, reserved, taken, made_at,"
    " until_at FROM loyalty_uses u WHERE tenant_id = %(tenant)s"
)
_DUE: Final = (
    "((u.state = 'open' AND u.until_at <= %(now)s AND coalesce(u.claimed_until <= %(now)s, true))"
    " OR (u.state = 'bound' AND EXISTS (SELECT FROM session_bills c WHERE c.tenant_id = u.tenant_id"
    " AND c.session_id = u.session_id AND (c.sealed_at IS NOT NULL OR c.priced_at < %(before)s))))"
)
#: A driver keeps one of a voucher at a time.
_ALONE: Final = (
    "NOT EXISTS (SELECT FROM loyalty_uses o WHERE o.tenant_id = u.tenant_id AND o.campaign_id = u.campaign_id"
    " AND o.driver_id = u.driver_id AND o.state = 'open' AND o.kept)"
)
#: It was not the best for its session: the bill of that doesn't name it.
_SPARE: Final = (
    "(u.state = 'bound' AND EXISTS (SELECT FROM session_bills c WHERE c.tenant_id = u.tenant_id"
    " AND c.session_id = u.session_id AND c.priced_at IS NOT NULL AND NOT coalesce(c.discounts, '[]'::jsonb)"
    f" @> jsonb_build_array(jsonb_build_object('id', 'campaign-' || u.campaign_id))) AND {_ALONE})"
)
#: Kept for a driver at a time, whatever session it was not used for.
_KEPT: Final = (
    f"(u.kept AND u.driver_id = %(driver)s AND (u.until_at IS NULL OR u.until_at > %(at)s) AND ({_SPARE} OR"
    " (u.state = 'open' AND (u.claimed_until IS NULL OR u.claimed_until <= %(at)s))))"
)
#: Uses that are answered at once.
MAX_LISTED: Final = 1_000


async def occasion_of_session(conn: Connection, tenant_id: int, session_id: UUID) -> Occasion | None:
    """Where and when a session began, and whose it is."""
    return await _occasion(
        conn,
        "SELECT s.started_at AS at, s.station_id, s.evse, s.token_uid, (SELECT v.driver_id FROM session_drivers v"
        " WHERE v.tenant_id = %(tenant)s AND v.session_id = %(session)s) AS driver_id FROM session_visits s"
        " WHERE s.tenant_id = %(tenant)s AND s.session_id = %(session)s",
        {"tenant": tenant_id, "session": session_id},
    )


async def occasion_at(
    conn: Connection, tenant_id: int, station: str, evse: int, at: datetime, *, driver_id: int | None = None,
    token_uid: str | None = None,
) -> Occasion | None:  # fmt: skip
    """As if a session began there."""
    return await _occasion(
        conn,
        "SELECT %(at)s::timestamptz AS at, t.station_id, %(evse)s::int AS evse, %(token)s::text AS token_uid,"
        " %(driver)s::bigint AS driver_id FROM station_places t WHERE t.tenant_id = %(tenant)s"
        " AND t.station = %(station)s AND t.retired_at IS NULL",
        {
            "tenant": tenant_id, "station": station, "evse": evse, "at": at, "driver": driver_id, "token": token_uid,
        },
    )  # fmt: skip


async def _occasion(conn: Connection, what: str, values: dict[str, Any]) -> Occasion | None:
    query = f"""
        SELECT w.station_id, w.evse, w.at, w.token_uid, w.driver_id, p.time_zone, p.sites,
            (SELECT CASE WHEN min(g.connector_type) = max(g.connector_type) THEN min(g.connector_type) END
                FROM plug_types g WHERE g.tenant_id = p.tenant_id AND g.station_id = p.station_id
                AND (w.evse IS NULL OR g.evse = w.evse)) AS connector_type
        FROM ({what}) w JOIN campaign_places p ON p.tenant_id = %(tenant)s AND p.station_id = w.station_id
        """
    row = await (await conn.execute(query.encode(), values)).fetchone()
    if row is None:
        return None
    station_id, evse, at, token, driver, zone, sites, connector = row
    return Occasion(
        station_id=station_id, evse=evse, at=at, zone=zone, sites=frozenset(sites), connector_type=connector,
        driver_id=driver, token_uid=token,
    )  # fmt: skip


async def decide(conn: Connection, tenant_id: int, session_id: UUID, driver_id: int | None, at: datetime) -> bool:
    """Whether this is the first time that it is decided what counts for a session."""
    cursor = await conn.execute(
        "INSERT INTO loyalty_decisions (tenant_id, session_id, driver_id, decided_at) VALUES (%s, %s, %s, %s)"
        " ON CONFLICT (session_id) DO NOTHING",
        (tenant_id, session_id, driver_id, at),
    )
    return cursor.rowcount == 1


async def reserve(conn: Connection, tenant_id: int, campaign_id: int, amount: int) -> bool:
    """Keeps so much of a campaign's budget; whether it had so much. The campaign is locked until the transaction
    ends."""
    cursor = await conn.execute(
        "UPDATE loyalty_campaigns SET reserved = reserved + %(amount)s WHERE tenant_id = %(tenant)s"
        " AND campaign_id = %(campaign)s AND state = 'running'"
        " AND (budget IS NULL OR reserved + spent + %(amount)s <= budget)",
        {"tenant": tenant_id, "campaign": campaign_id, "amount": amount},
    )
    return cursor.rowcount == 1


async def count_of_driver(conn: Connection, tenant_id: int, campaign_id: int, driver_id: int) -> int:
    """How often a driver has or had a campaign, what came to nothing left out."""
    row = await (
        await conn.execute(
            "SELECT count(*) FROM loyalty_uses WHERE tenant_id = %s AND driver_id = %s AND campaign_id = %s"
            " AND state <> 'released'",
            (tenant_id, driver_id, campaign_id),
        )
    ).fetchone()
    assert row is not None
    return int(row[0])


async def take_code(conn: Connection, tenant_id: int, code_id: int) -> bool:
    """Counts one more use of a code; whether there was one left."""
    cursor = await conn.execute(
        "UPDATE loyalty_codes SET used = used + 1 WHERE tenant_id = %s AND code_id = %s"
        " AND (most_uses IS NULL OR used < most_uses)",
        (tenant_id, code_id),
    )
    return cursor.rowcount == 1


async def insert_use(
    conn: Connection, tenant_id: int, campaign_id: int, *, code_id: int | None, driver_id: int | None,
    token_uid: str | None, session_id: UUID | None, reserved: int, at: datetime, until_at: datetime | None,
) -> UUID:  # fmt: skip
    """Something kept: for a session, for a token, or where neither is named for a driver. What has its session says
    nothing of the token that began it: that may be somebody's card."""
    row = await (
        await conn.execute(
            "INSERT INTO loyalty_uses (tenant_id, campaign_id, code_id, driver_id, token_uid, session_id,"
            " kept, state, reserved, made_at, until_at) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"
            " RETURNING use_id",
            (
                tenant_id, campaign_id, code_id, driver_id, token_uid if session_id is None else None, session_id,
                token_uid is None and session_id is None, "open" if session_id is None else "bound", reserved, at,
                until_at,
            ),
        )
    ).fetchone()  # fmt: skip
    assert row is not None
    return UUID(str(row[0]))


async def list_open(
    conn: Connection, tenant_id: int, *, token_uid: str | None, driver_id: int | None, at: datetime, lock: bool = False
) -> list[Use]:
    """What is kept for a token, or for a driver who entered a code ahead, and still good; the first first. What was
    promised to the token is good as long as it was promised, though the driver keeps it no longer. What the bill of a
    driver's session didn't use is kept for the next one."""
    query = (
        f"{_USE} AND ((state = 'open' AND token_uid = %(token)s AND (until_at IS NULL OR until_at > %(at)s"
        f" OR claimed_until > %(at)s)) OR {_KEPT})"
        f" ORDER BY made_at, use_id LIMIT %(limit)s{' FOR UPDATE' if lock else ''}"
    )
    values = {"tenant": tenant_id, "token": token_uid, "driver": driver_id, "at": at, "limit": MAX_LISTED}
    if lock:
        # Who waited for a bill to be made looks again at what that says.
        await _uses(conn, query, values)
    return await _uses(conn, query, values)


async def claim(
    conn: Connection, tenant_id: int, use_id: UUID, token_uid: str | None, until_at: datetime | None
) -> None:
    """What a driver keeps is for the session of a token until then, or with None for any again; no longer for the one
    that didn't use it. What is not kept is free after."""
    await conn.execute(
        "UPDATE loyalty_uses SET token_uid = %(token)s, claimed_until = %(until)s, session_id = NULL, state = 'open',"
        " until_at = CASE WHEN kept THEN until_at ELSE %(until)s END WHERE tenant_id = %(tenant)s AND use_id = %(use)s",
        {"token": token_uid, "until": until_at, "tenant": tenant_id, "use": use_id},
    )


async def keep_on(conn: Connection, tenant_id: int, use_id: UUID, now: datetime) -> bool:
    """What took nothing of its session is kept for its driver on; whether it is: a driver entered it ahead, and it has
    not run out."""
    query = (
        "UPDATE loyalty_uses u SET token_uid = NULL, claimed_until = NULL, session_id = NULL, state = 'open'"
        " WHERE tenant_id = %(tenant)s AND use_id = %(use)s AND kept AND driver_id IS NOT NULL"
        f" AND (until_at IS NULL OR until_at > %(now)s) AND {_ALONE}"
    )
    cursor = await conn.execute(query.encode(), {"tenant": tenant_id, "use": use_id, "now": now})
    return cursor.rowcount == 1


async def of_session(conn: Connection, tenant_id: int, session_id: UUID, *, lock: bool = False) -> list[Use]:
    """What is kept for a session or was spent on it, the first first. `lock`: it stays so until the transaction
    ends."""
    query = (
        f"{_USE} AND session_id = %(session)s AND state IN ('bound', 'settled') ORDER BY made_at, campaign_id"
        f"{' FOR UPDATE' if lock else ''}"
    )
    return await _uses(conn, query, {"tenant": tenant_id, "session": session_id})


async def of_driver(conn: Connection, tenant_id: int, driver_id: int, limit: int = MAX_LISTED) -> list[Use]:
    """All that a driver was given or is kept for them, the latest first."""
    query = f"{_USE} AND driver_id = %(driver)s ORDER BY made_at DESC LIMIT %(limit)s"
    return await _uses(conn, query, {"tenant": tenant_id, "driver": driver_id, "limit": limit})


async def kept_for(conn: Connection, tenant_id: int, driver_id: int, at: datetime) -> list[Use]:
    """What a driver keeps, be it promised for a session that hasn't begun; the latest first."""
    query = (
        f"{_USE} AND kept AND driver_id = %(driver)s AND (until_at IS NULL OR until_at > %(at)s)"
        f" AND (state = 'open' OR {_SPARE}) ORDER BY made_at DESC LIMIT %(limit)s"
    )
    return await _uses(conn, query, {"tenant": tenant_id, "driver": driver_id, "at": at, "limit": MAX_LISTED})


async def find_spare(
    conn: Connection, tenant_id: int, campaign_id: int, driver_id: int, *, lock: bool = False
) -> Use | None:  # fmt: skip
    """What of a campaign is kept for a session of the driver's whose bill didn't use it; the first."""
    query = (
        f"{_USE} AND driver_id = %(driver)s AND campaign_id = %(campaign)s AND {_SPARE}"
        f" ORDER BY made_at, use_id LIMIT 1{' FOR UPDATE' if lock else ''}"
    )
    values = {"tenant": tenant_id, "driver": driver_id, "campaign": campaign_id}
    if lock:
        # As `list_open` does.
        await _uses(conn, query, values)
    found = await _uses(conn, query, values)
    return found[0] if found else None


async def bind(conn: Connection, tenant_id: int, use_ids: Sequence[UUID], session_id: UUID) -> None:
    """What was kept, or not used by the session before, is for a session, and for no token any more."""
    await conn.execute(
        "UPDATE loyalty_uses SET state = 'bound', session_id = %s, token_uid = NULL"
        " WHERE tenant_id = %s AND use_id = ANY (%s) AND state IN ('open', 'bound')",
        (session_id, tenant_id, list(use_ids)),
    )


async def list_due(conn: Connection, tenant_id: int, now: datetime, limit: int) -> list[UUID]:
    """What is kept too long, and what counts for sessions whose cost changes no more; the oldest first."""
    cursor = await conn.execute(
        f"SELECT use_id FROM loyalty_uses u WHERE tenant_id = %(tenant)s AND {_DUE} ORDER BY made_at LIMIT %(limit)s",
        {"tenant": tenant_id, "now": now, "before": now - SETTLED_AFTER, "limit": limit},
    )
    return [UUID(str(use_id)) for (use_id,) in await cursor.fetchall()]


async def lock_due(conn: Connection, tenant_id: int, use_id: UUID, now: datetime) -> Use | None:
    """One of them, held until the transaction ends; None where it is settled by now."""
    found = await _uses(
        conn, f"{_USE} AND use_id = %(use)s AND {_DUE} FOR UPDATE",
        {"tenant": tenant_id, "use": use_id, "now": now, "before": now - SETTLED_AFTER},
    )  # fmt: skip
    return found[0] if found else None


async def discounts_of(conn: Connection, tenant_id: int, session_id: UUID) -> list[dict[str, Any]]:
    """What the final bill of a session says that was taken off, as `pricing.shown` keeps it."""
    row = await (
        await conn.execute(
            "SELECT discounts FROM session_bills WHERE tenant_id = %s AND session_id = %s",
            (tenant_id, session_id),
        )
    ).fetchone()
    return [] if row is None or row[0] is None else list(row[0])


async def settle(conn: Connection, tenant_id: int, use: Use, taken: int | None, at: datetime) -> None:
    """What was kept is spent as far as it was taken; None: nothing came of it, and its code is good once more."""
    await conn.execute(
        "UPDATE loyalty_uses SET state = %s, taken = %s, settled_at = %s, token_uid = NULL"
        " WHERE tenant_id = %s AND use_id = %s",
        ("released" if taken is None else "settled", taken, at, tenant_id, use.use_id),
    )
    await conn.execute(
        "UPDATE loyalty_campaigns SET reserved = reserved - %s, spent = spent + %s"
        " WHERE tenant_id = %s AND campaign_id = %s",
        (use.reserved, taken or 0, tenant_id, use.campaign_id),
    )
    if taken is None and use.code_id is not None:
        await conn.execute(
            "UPDATE loyalty_codes SET used = used - 1 WHERE tenant_id = %s AND code_id = %s", (tenant_id, use.code_id)
        )


async def tenants_with_uses(conn: Connection) -> list[int]:
    """Organisations where something is kept or not settled. For the worker."""
    cursor = await conn.execute("SELECT DISTINCT tenant_id FROM loyalty_uses WHERE state IN ('open', 'bound')")
    return [int(tenant) for (tenant,) in await cursor.fetchall()]


async def forget_driver(conn: Connection, tenant_id: int, driver_id: int) -> None:
    """What was given stays counted, of nobody and no card; what is kept for a driver is kept no longer. How
    many a campaign lost by it stays."""
    for table, gone in (
        ("loyalty_uses", "driver_id = NULL, token_uid = NULL"),
        ("loyalty_decisions", "driver_id = NULL"),
    ):
        await conn.execute(
            f"UPDATE {table} SET {gone} WHERE tenant_id = %s AND driver_id = %s".encode(), (tenant_id, driver_id)
        )
    await conn.execute(
        "WITH gone AS (DELETE FROM loyalty_members WHERE tenant_id = %(tenant)s AND driver_id = %(driver)s"
        "  RETURNING campaign_id, treated)"
        " UPDATE loyalty_campaigns c SET left_treated = left_treated + g.treated::int,"
        "  left_held_out = left_held_out + (NOT g.treated)::int"
        " FROM gone g WHERE c.tenant_id = %(tenant)s AND c.campaign_id = g.campaign_id",
        {"tenant": tenant_id, "driver": driver_id},
    )


async def _uses(conn: Connection, query: str, values: dict[str, Any]) -> list[Use]:
    cursor = conn.cursor(row_factory=dict_row)
    await cursor.execute(query.encode(), values)
    return [msgspec.convert(row, Use, strict=False) for row in await cursor.fetchall()]
