"""All SQL of sessions that begin by a driver's own token."""

from typing import Any
from uuid import UUID

import msgspec
from psycopg import AsyncConnection
from psycopg.rows import dict_row

from forecourt.payments.contracts.model import Begun

Connection = AsyncConnection[Any]


async def hold(conn: Connection, session_id: UUID) -> None:
    """Makes others who look for what pays for this session wait until the transaction ends."""
    await conn.execute("SELECT pg_advisory_xact_lock(hashtextextended('contract ' || %s, 0))", (str(session_id),))


async def find_begun(conn: Connection, tenant_id: int, session_id: UUID) -> Begun | None:
    """A session by a token that was a driver's when it began (`session_drivers`) and good by itself, whatever is said
    of it by now, or that its station was told is accepted; it has no payment yet, nor was put on a fleet's account
    without one, as sessions of fleets once were. Its fleet is the one of its first word.

    A station whose clock is ahead begins nothing later than what it says arrives."""
    cursor = conn.cursor(row_factory=dict_row)
    await cursor.execute(
        """
        SELECT s.session_id, coalesce(t.identity, t.retired_identity) AS station, s.station_id, s.evse, d.uid_key,
            d.driver_id, a.state, a.pays_by, a.pays_method, a.email, a.language,
            coalesce(u.payment_required, true) AS required, r.status AS refusal, f.fleet_id,
            f.currency AS fleet_currency,
            least(f.session_limit, m.session_limit) AS session_limit, coalesce(f.active, false) AS fleet_active,
            s.over_at IS NOT NULL AS over, coalesce(s.token_status <> 'Accepted', false) AS refused, s.started_at,
            coalesce(s.start_arrived_at, s.started_at) AS heard_at
        FROM sessions s
        JOIN stations t ON t.tenant_id = s.tenant_id AND t.station_id = s.station_id
        JOIN session_drivers w ON w.tenant_id = s.tenant_id AND w.session_id = s.session_id
        JOIN LATERAL (
            SELECT k.tenant_id, k.driver_id, k.uid_key, k.still FROM token_drivers k
            WHERE k.tenant_id = w.tenant_id AND k.driver_id = w.driver_id
                AND k.uid_key = lower(s.token_uid COLLATE "C") AND k.attached_at <= s.started_at
            ORDER BY k.attached_at DESC LIMIT 1
        ) d ON true
        JOIN driver_accounts a ON a.tenant_id = d.tenant_id AND a.driver_id = d.driver_id
        LEFT JOIN driver_rules u ON u.tenant_id = s.tenant_id
        LEFT JOIN account_refusals r ON d.still AND r.tenant_id = d.tenant_id AND r.uid_key = d.uid_key
        LEFT JOIN fleet_members m ON m.tenant_id = d.tenant_id AND m.driver_id = d.driver_id
        LEFT JOIN fleet_sessions n ON n.tenant_id = s.tenant_id AND n.session_id = s.session_id
        LEFT JOIN fleets f ON f.tenant_id = s.tenant_id AND f.fleet_id = coalesce(n.fleet_id, m.fleet_id)
        WHERE s.tenant_id = %(tenant)s AND s.session_id = %(session)s
          AND (r.status IS DISTINCT FROM 'Invalid' OR s.token_status = 'Accepted')
          AND NOT EXISTS (SELECT FROM payment_intents i WHERE i.tenant_id = s.tenant_id AND i.session_id = s.session_id)
          AND NOT EXISTS (SELECT FROM journal j WHERE j.tenant_id = s.tenant_id AND j.key = 'capture:' || s.session_id)
        """,
        {"tenant": tenant_id, "session": session_id},
    )
    row = await cursor.fetchone()
    return None if row is None else msgspec.convert(row, Begun)
