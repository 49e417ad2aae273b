"""What happened at a station in a span of time, for who tells it of one session."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from msgspec import Struct
from psycopg import AsyncConnection
from psycopg.rows import class_row

Connection = AsyncConnection[Any]

#: Rows of one kind that are told of one span.
MAX_TOLD = 300


class ReportRow(Struct, frozen=True, kw_only=True):
    """A call of the station as it is kept in the message log: when it arrived, and its payload."""

    at: datetime
    action: str
    payload: str


class AskedRow(Struct, frozen=True, kw_only=True):
    """Something asked of the station, by whom, and what came of it."""

    command_id: UUID
    action: str
    payload: str
    asked_by: str
    asked_at: datetime
    outcome: str
    answer: str | None


async def list_reports(
    conn: Connection,
    tenant_id: int,
    station_id: int,
    actions: Sequence[str],
    mention: str,
    start: datetime,
    end: datetime,
) -> list[ReportRow]:
    """Calls of the station with one of these actions whose payload mentions a text, by their arrival; MAX_TOLD."""
    cursor = conn.cursor(row_factory=class_row(ReportRow))
    await cursor.execute(
        "SELECT at, action, payload FROM messages WHERE tenant_id = %s AND station_id = %s"
        " AND at BETWEEN %s AND %s AND direction = 'i' AND kind IN (2, 6) AND action = ANY(%s)"
        " AND strpos(payload, %s) > 0 ORDER BY number LIMIT %s",
        (tenant_id, station_id, start, end, list(actions), mention, MAX_TOLD),
    )
    return await cursor.fetchall()


async def list_asked(
    conn: Connection, tenant_id: int, station_id: int, start: datetime, end: datetime
) -> list[AskedRow]:
    """What was asked of the station from `start` to `end`, oldest first; MAX_TOLD of it."""
    cursor = conn.cursor(row_factory=class_row(AskedRow))
    await cursor.execute(
        "SELECT command_id, action, payload, asked_by, asked_at, outcome, answer FROM commands"
        " WHERE tenant_id = %s AND station_id = %s AND asked_at BETWEEN %s AND %s ORDER BY number LIMIT %s",
        (tenant_id, station_id, start, end, MAX_TOLD),
    )
    return await cursor.fetchall()
