"""What follows a session: the review of what was said of it, and the closing of sessions whose end never came."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import structlog
from psycopg import AsyncConnection
from psycopg.rows import class_row

from forecourt.ocpp.neutral import Location, Measurand, Phase
from forecourt.platform.clock import Clock
from forecourt.platform.database import Pool
from forecourt.sessions.review import QUIET, Evidence, Silence, closing_time, review

log = structlog.get_logger(__name__)

#: Silent sessions looked at in one run, by tenant.
MAX_SILENT = 1_000

_REGISTER_AT_OUTLET = Measurand.ENERGY_IMPORT_REGISTER | Phase.NONE << 8 | Location.OUTLET << 16


class SessionJobs:
    """Durable follow-up work, each piece idempotent and in one transaction of its tenant."""

    def __init__(self, pool: Pool, tenants: Pool, clock: Clock) -> None:
        self._worker = pool
        self._tenants = tenants
        self._clock = clock

    async def review(self, *, tenant_id: int, subject: str) -> None:
        """Note what is odd about a session; noted anew each time something was said of its start or end."""
        async with self._tenants.tenant(tenant_id) as connection:
            evidence = await _evidence(connection, tenant_id, subject)
            if evidence is not None:
                await _note(connection, tenant_id, subject, review(evidence))

    async def close_silent(self) -> int:
        """Close the sessions that evidence says are over; how many."""
        async with self._worker.anyone() as connection:
            rows = await (await connection.execute("SELECT sessions_tenants_with_silence(%s)", (QUIET,))).fetchall()
        closed = 0
        for (tenant_id,) in rows:
            async with self._tenants.tenant(tenant_id) as connection:
                for session_id, silence in await _silent(connection, tenant_id, self._clock.now()):
                    at = closing_time(silence, self._clock.now())
                    if at is not None:
                        closed += await _close(connection, tenant_id, session_id, silence.last_at, at)
        if closed:
            log.info("sessions without an end were closed from evidence", sessions=closed)
        return closed


async def _evidence(connection: AsyncConnection[Any], tenant_id: int, session_id: str) -> Evidence | None:
    cursor = connection.cursor(row_factory=class_row(Evidence))
    await cursor.execute(
        """
        SELECT s.over_at IS NOT NULL AS over, s.ended_at IS NOT NULL AS ended, s.meter_start_wh, s.meter_stop_wh,
            (SELECT max(value) FROM samples m WHERE m.station_id = s.station_id AND m.transaction_id = s.transaction_id
                AND (m.measurand | m.phase << 8 | m.location << 16) = %s) AS highest_sample_wh,
            s.token_status, lower(s.seqs)::int AS first_seq,
            (SELECT coalesce(sum(lower(gap) - previous), 0)::int FROM (
                SELECT r AS gap, lag(upper(r)) OVER (ORDER BY r) AS previous FROM unnest(s.seqs) r) g
             WHERE previous IS NOT NULL) AS gaps,
            s.arrival_clock
        FROM sessions s WHERE s.tenant_id = %s AND s.session_id = %s
        """,
        (_REGISTER_AT_OUTLET, tenant_id, session_id),
    )
    return await cursor.fetchone()


async def _note(connection: AsyncConnection[Any], tenant_id: int, session_id: str, notes: Sequence[str]) -> None:
    await connection.execute(
        "UPDATE sessions SET notes = %(notes)s"
        " WHERE tenant_id = %(tenant)s AND session_id = %(id)s AND notes <> %(notes)s::text[]",
        {"tenant": tenant_id, "id": session_id, "notes": [str(note) for note in notes]},
    )


async def _silent(connection: AsyncConnection[Any], tenant_id: int, now: datetime) -> list[tuple[str, Silence]]:
    cursor = await connection.execute(
        """
        SELECT s.session_id::text, s.last_at,
            (SELECT array_agg(c.state) FROM connectors c WHERE c.station_id = s.station_id AND c.evse = s.evse),
            (SELECT array_agg(c.state_at) FROM connectors c WHERE c.station_id = s.station_id AND c.evse = s.evse),
            (SELECT min(n.started_at) FROM sessions n WHERE n.station_id = s.station_id AND n.evse = s.evse
                AND n.started_at > s.last_at)
        FROM sessions s WHERE s.tenant_id = %s AND s.over_at IS NULL AND s.last_at < %s
        ORDER BY s.last_at LIMIT %s
        """,
        (tenant_id, now - QUIET, MAX_SILENT),
    )
    return [
        (
            session_id,
            Silence(last_at=last_at, states=tuple(zip(states or (), ats or (), strict=True)), successor_at=next_at),
        )
        for session_id, last_at, states, ats, next_at in await cursor.fetchall()
    ]


async def _close(
    connection: AsyncConnection[Any], tenant_id: int, session_id: str, last_at: datetime, at: datetime
) -> int:
    """Close a session unless something was said of it meanwhile, and have it reviewed."""
    cursor = await connection.execute(
        "UPDATE sessions SET closed_at = %s"
        " WHERE tenant_id = %s AND session_id = %s AND over_at IS NULL AND last_at = %s",
        (at, tenant_id, session_id, last_at),
    )
    if cursor.rowcount:
        await connection.execute(
            "INSERT INTO outbox (event, subject, tenant_id) VALUES ('session.ended', %s, %s) ON CONFLICT DO NOTHING",
            (session_id, tenant_id),
        )
    return cursor.rowcount
