"""What was said and measured of one session: its curve, its gaps, its signed values, and when it was heard of."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from msgspec import Struct
from psycopg import AsyncConnection
from psycopg.rows import class_row

from forecourt.ocpp.neutral import Location, Measurand, Phase
from forecourt.sessions.store.records import MEASURED

Connection = AsyncConnection[Any]

#: Signed values that are read at once; beyond them a session's page shows the first.
MAX_SIGNED = 500
#: Holes in the measuring that are told of one session.
MAX_GAPS = 50
#: A hole is at least so long, however often a station measures.
LEAST_GAP = timedelta(minutes=5)
#: And so many times as long as its usual step.
GAP_STEPS = 4

_REGISTER_AT_OUTLET = Measurand.ENERGY_IMPORT_REGISTER | Phase.NONE << 8 | Location.OUTLET << 16
_DRAWN = (
    Measurand.ENERGY_IMPORT_REGISTER,
    Measurand.POWER_IMPORT,
    Measurand.POWER_EXPORT,
    Measurand.POWER_OFFERED,
    Measurand.CURRENT_IMPORT,
    Measurand.VOLTAGE,
    Measurand.SOC,
)
_records = msgspec.json.Decoder(list[tuple[int, str]]).decode


class CurvePoint(Struct, frozen=True, kw_only=True):
    """The mean of what was measured in a step of a curve, of a register the highest; numbers as in `samples`."""

    at: datetime
    measurand: int
    phase: int
    value: int


class Heard(Struct, frozen=True, kw_only=True):
    """What speaks for a session. `seq_first` and `seq_last` are the runs of sequence numbers that came (2.x).

    `last_at` is the time of its latest report as the station said it, `heard_at` when a report last arrived.
    """

    last_at: datetime
    heard_at: datetime
    closed_at: datetime | None
    seq_first: list[int]
    seq_last: list[int]
    token_type: str | None
    remote_start_id: int | None
    moments: int
    first_measured_at: datetime | None
    last_measured_at: datetime | None
    highest_sample_wh: int | None


class SignedRow(Struct, frozen=True, kw_only=True):
    """One signed record: when and why it was taken, and its text exactly as kept."""

    at: datetime
    context: int
    record: str


async def curve(conn: Connection, tenant_id: int, session_id: UUID, step_s: int) -> list[CurvePoint]:
    """What was measured at the outlet, and the car's state of charge, in steps of so many seconds, oldest first; what
    its EVSE told outside of any transaction as well, but for a register where the transaction has its own."""
    cursor = conn.cursor(row_factory=class_row(CurvePoint))
    await cursor.execute(
        f"""
        WITH measured AS (
            SELECT DISTINCT m.at, m.apart, c.code & 255 AS measurand, c.code >> 8 & 255 AS phase,
                m.readings[p + 1] AS value
            FROM sessions n CROSS JOIN LATERAL {MEASURED} m
            CROSS JOIN LATERAL generate_series(1, array_length(m.readings, 1), 2) AS p
            CROSS JOIN LATERAL (SELECT m.readings[p] AS code) c
            WHERE n.tenant_id = %(tenant_id)s AND n.session_id = %(session_id)s AND c.code & 255 = ANY(%(drawn)s)
                AND (c.code >> 16 & 255 = %(outlet)s OR c.code & 255 = %(soc)s)
        )
        SELECT min(at) AS at, measurand::int AS measurand, phase::int AS phase,
            (CASE WHEN measurand = %(register)s THEN max(value) ELSE avg(value) END)::bigint AS value
        FROM measured
        WHERE NOT apart OR measurand <> %(register)s
            OR NOT EXISTS (SELECT FROM measured WHERE NOT apart AND measurand = %(register)s)
        GROUP BY date_bin(make_interval(secs => %(step_s)s), at, '2000-01-01+00'::timestamptz), measurand, phase
        ORDER BY 1
        """,
        {
            "tenant_id": tenant_id,
            "session_id": session_id,
            "drawn": [int(each) for each in _DRAWN],
            "register": int(Measurand.ENERGY_IMPORT_REGISTER),
            "soc": int(Measurand.SOC),
            "outlet": int(Location.OUTLET),
            "step_s": step_s,
        },
    )
    return await cursor.fetchall()


async def list_gaps(
    conn: Connection, tenant_id: int, station_id: int, transaction_id: str
) -> list[tuple[datetime, datetime]]:
    """Spans without a meter value between two, much longer than the usual step; the first MAX_GAPS."""
    cursor = await conn.execute(
        """
        WITH moments AS (
            SELECT DISTINCT at FROM meter_values WHERE tenant_id = %s AND station_id = %s AND transaction_id = %s
        ), steps AS (
            SELECT lag(at) OVER (ORDER BY at) AS before, at FROM moments
        )
        SELECT before, at FROM steps
        WHERE at - before > greatest(
            %s, %s * (SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY at - before) FROM steps))
        ORDER BY at LIMIT %s
        """,
        (tenant_id, station_id, transaction_id, LEAST_GAP, GAP_STEPS, MAX_GAPS),
    )
    return [(before, at) for before, at in await cursor.fetchall()]


async def list_signed(conn: Connection, tenant_id: int, station_id: int, transaction_id: str) -> list[SignedRow]:
    """The signed records of a transaction in the order of their time, MAX_SIGNED rows of them at most."""
    cursor = await conn.execute(
        "SELECT at, readings, signed FROM meter_values WHERE tenant_id = %s AND station_id = %s"
        " AND transaction_id = %s AND signed IS NOT NULL ORDER BY at, digest LIMIT %s",
        (tenant_id, station_id, transaction_id, MAX_SIGNED),
    )
    found = []
    for at, readings, signed in await cursor.fetchall():
        for position, record in _records(signed):
            found.append(SignedRow(at=at, context=readings[2 * position] >> 24 & 0xFF, record=record))
    return found


async def find_heard(conn: Connection, tenant_id: int, session_id: UUID) -> Heard | None:
    """What speaks for the session of this id."""
    cursor = conn.cursor(row_factory=class_row(Heard))
    await cursor.execute(
        """
        SELECT s.last_at, s.heard_at, s.closed_at, s.token_type, s.remote_start_id,
            (SELECT coalesce(array_agg(lower(r) ORDER BY r), '{}') FROM unnest(s.seqs) r)::bigint[] AS seq_first,
            (SELECT coalesce(array_agg(upper(r) - 1 ORDER BY r), '{}') FROM unnest(s.seqs) r)::bigint[] AS seq_last,
            m.moments, m.first_measured_at, m.last_measured_at,
            (SELECT max(value) FROM samples p WHERE p.station_id = s.station_id
                AND p.transaction_id = s.transaction_id
                AND (p.measurand | (p.phase << 8) | (p.location << 16)) = %(register)s) AS highest_sample_wh
        FROM sessions s
        CROSS JOIN LATERAL (
            SELECT count(DISTINCT at) AS moments, min(at) AS first_measured_at, max(at) AS last_measured_at
            FROM meter_values v WHERE v.station_id = s.station_id AND v.transaction_id = s.transaction_id
        ) m
        WHERE s.tenant_id = %(tenant_id)s AND s.session_id = %(session_id)s
        """,
        {"tenant_id": tenant_id, "session_id": session_id, "register": _REGISTER_AT_OUTLET},
    )
    return await cursor.fetchone()
