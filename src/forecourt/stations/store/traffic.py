"""What was said to and by stations: commands, and the directory that says where a station is."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from msgspec import Struct, structs
from psycopg import AsyncConnection
from psycopg.rows import class_row

from forecourt.ocpp.neutral import Version
from forecourt.platform.ordering import Age, Place, bounds, by_age, onward
from forecourt.platform.search import anywhere

Connection = AsyncConnection[Any]

#: Characters of a quarantined message that a list shows.
RAW_SHOWN = 4_096


class CommandRow(Struct, frozen=True, kw_only=True):
    """Something asked of a station, and what came of it."""

    number: int
    command_id: UUID
    action: str
    payload: str
    asked_by: str
    asked_at: datetime
    outcome: str
    answer: str | None
    answered_at: datetime | None


class QuarantineRow(Struct, frozen=True, kw_only=True):
    """A message that could not be stored; `raw` whole or its beginning, `raw_length` in characters."""

    quarantine_id: int
    at: datetime
    station: str
    raw: str
    raw_length: int
    error: str
    reviewed_at: datetime | None


class Holder(Struct, frozen=True, kw_only=True):
    """Where a station's socket is, by the directory."""

    station_id: int
    gateway_id: str | None
    epoch: int
    version: Version | None
    registration: str
    #: Actions that the station said it doesn't have, where they were asked for.
    lacking: Sequence[str] = ()


class NewCommand(Struct, frozen=True, kw_only=True):
    """A command about to be sent."""

    command_id: str
    station_id: int
    action: str
    payload: str


class Outcome(Struct, frozen=True, kw_only=True):
    """What came of a command."""

    command_id: str
    outcome: str
    answer: str | None


class CommandFilter(Struct, frozen=True, kw_only=True):
    """Which commands are wanted; None: whatever it is. `since` is included, `until` is not."""

    action: str | None = None
    outcome: str | None = None
    asked_by: str | None = None
    since: datetime | None = None
    until: datetime | None = None


_COMMAND = "number, command_id, action, payload, asked_by, asked_at, outcome, answer, answered_at"
_WANTED = {
    "action": "action = %(action)s",
    "outcome": "outcome = %(outcome)s",
    "asked_by": "asked_by ILIKE %(by)s",
    "since": "asked_at >= %(since)s",
    "until": "asked_at < %(until)s",
}
_ANY_COMMAND = CommandFilter()
_COMMAND_ORDERS: Final = by_age("number")
_QUARANTINE_ORDERS: Final = by_age("q.quarantine_id")


async def list_commands(
    conn: Connection,
    tenant_id: int,
    station_id: int,
    *,
    order: Age = "newest",
    place: Place = None,
    limit: int,
    wanted: CommandFilter = _ANY_COMMAND,
) -> list[CommandRow]:
    """Wanted commands behind the number of a place."""
    conditions = [condition for name, condition in _WANTED.items() if getattr(wanted, name) is not None]
    cursor = conn.cursor(row_factory=class_row(CommandRow))
    await cursor.execute(
        f"SELECT {_COMMAND} FROM commands WHERE tenant_id = %(tenant_id)s AND station_id = %(station_id)s"
        f" {' '.join(f'AND {condition}' for condition in conditions)} {onward(_COMMAND_ORDERS[order], place)}",
        {
            "tenant_id": tenant_id,
            "station_id": station_id,
            "by": anywhere(wanted.asked_by or ""),
            **structs.asdict(wanted),
            **bounds(place, limit),
        },
    )
    return await cursor.fetchall()


async def find_command(conn: Connection, tenant_id: int, station_id: int, command_id: UUID) -> CommandRow | None:
    """One command of a station."""
    cursor = conn.cursor(row_factory=class_row(CommandRow))
    await cursor.execute(
        f"SELECT {_COMMAND} FROM commands WHERE tenant_id = %s AND station_id = %s AND command_id = %s",
        (tenant_id, station_id, command_id),
    )
    return await cursor.fetchone()


async def find_commands(conn: Connection, tenant_id: int, command_ids: Sequence[UUID]) -> list[CommandRow]:
    """Commands of any stations, by their ids."""
    cursor = conn.cursor(row_factory=class_row(CommandRow))
    await cursor.execute(
        f"SELECT {_COMMAND} FROM commands WHERE tenant_id = %s AND command_id = ANY(%s)", (tenant_id, list(command_ids))
    )
    return await cursor.fetchall()


_QUARANTINE = """
SELECT q.quarantine_id, q.at, coalesce(s.identity, s.retired_identity) AS station,
    left(q.raw, coalesce(%(shown)s::int, length(q.raw))) AS raw, length(q.raw) AS raw_length, q.error, q.reviewed_at
FROM quarantine q JOIN stations s ON s.station_id = q.station_id AND s.tenant_id = q.tenant_id
WHERE q.tenant_id = %(tenant_id)s
"""


async def list_quarantine(
    conn: Connection, tenant_id: int, *, reviewed: bool | None, order: Age, place: Place, limit: int
) -> list[QuarantineRow]:
    """Messages that could not be stored, behind the number of a place; RAW_SHOWN characters of each."""
    cursor = conn.cursor(row_factory=class_row(QuarantineRow))
    await cursor.execute(
        f"{_QUARANTINE} AND (%(reviewed)s::bool IS NULL OR (q.reviewed_at IS NOT NULL) = %(reviewed)s)"
        f" {onward(_QUARANTINE_ORDERS[order], place)}",
        {"tenant_id": tenant_id, "shown": RAW_SHOWN, "reviewed": reviewed, **bounds(place, limit)},
    )
    return await cursor.fetchall()


async def find_quarantined(conn: Connection, tenant_id: int, number: int) -> QuarantineRow | None:
    """One of them, whole."""
    cursor = conn.cursor(row_factory=class_row(QuarantineRow))
    await cursor.execute(
        f"{_QUARANTINE} AND q.quarantine_id = %(number)s", {"tenant_id": tenant_id, "shown": None, "number": number}
    )
    return await cursor.fetchone()


async def review_quarantined(conn: Connection, tenant_id: int, number: int) -> bool:
    """Marks one as looked at; whether it was not yet."""
    cursor = await conn.execute(
        "UPDATE quarantine SET reviewed_at = now() WHERE tenant_id = %s AND quarantine_id = %s AND reviewed_at IS NULL",
        (tenant_id, number),
    )
    return cursor.rowcount == 1


async def find_holder(conn: Connection, tenant_id: int, identity: str) -> Holder | None:
    """The directory's entry of a station; `gateway_id` None when no living gateway holds it."""
    row = await (
        await conn.execute(
            "SELECT s.station_id, g.gateway_id, coalesce(l.epoch, 0), l.protocol, s.registration FROM stations s"
            " LEFT JOIN station_links l USING (station_id)"
            " LEFT JOIN gateways g ON g.gateway_id = l.gateway_id AND g.lease_until > now()"
            " WHERE s.tenant_id = %s AND s.identity = %s",
            (tenant_id, identity),
        )
    ).fetchone()
    if row is None:
        return None
    station_id, gateway_id, epoch, version, registration = row
    return Holder(
        station_id=station_id,
        gateway_id=gateway_id,
        epoch=epoch,
        version=None if version is None else Version(version),
        registration=registration,
    )


async def find_holders(conn: Connection, tenant_id: int, identities: Sequence[str]) -> dict[str, Holder]:
    """The directory's entries of stations by identity, each with what it lacks; unknown ones are left out."""
    cursor = await conn.execute(
        "SELECT s.identity, s.station_id, g.gateway_id, coalesce(l.epoch, 0), l.protocol, s.registration,"
        " ARRAY(SELECT u.action FROM unsupported_actions u WHERE u.station_id = s.station_id)"
        " FROM stations s"
        " LEFT JOIN station_links l USING (station_id)"
        " LEFT JOIN gateways g ON g.gateway_id = l.gateway_id AND g.lease_until > now()"
        " WHERE s.tenant_id = %s AND s.identity = ANY(%b)",
        (tenant_id, list(identities)),
    )
    return {
        identity: Holder(
            station_id=station_id,
            gateway_id=gateway_id,
            epoch=epoch,
            version=None if version is None else Version(version),
            registration=registration,
            lacking=lacking,
        )
        for identity, station_id, gateway_id, epoch, version, registration, lacking in await cursor.fetchall()
    }


async def insert_commands(
    conn: Connection,
    tenant_id: int,
    commands: Sequence[NewCommand],
    asked_by: str,
    at: datetime,
    *,
    routine: bool = False,
) -> None:
    """Record commands about to be sent. `routine`: asked by a program all day long, without anybody's doing."""
    if not commands:
        return
    await conn.execute(
        "INSERT INTO commands (command_id, tenant_id, station_id, action, payload, asked_by, asked_at, routine,"
        " outcome) SELECT n.command_id, %s, n.station_id, n.action, n.payload, %s, %s, %s, 'sent'"
        " FROM unnest(%b::uuid[], %b::bigint[], %b::text[], %b::text[])"
        " AS n (command_id, station_id, action, payload)",
        (
            tenant_id,
            asked_by,
            at,
            routine,
            [each.command_id for each in commands],
            [each.station_id for each in commands],
            [each.action for each in commands],
            [each.payload for each in commands],
        ),
    )


async def finish_commands(conn: Connection, tenant_id: int, outcomes: Sequence[Outcome], at: datetime) -> None:
    """Record what came of commands, but for those of which a late answer was quicker."""
    await conn.execute(
        "UPDATE commands c SET outcome = n.outcome, answer = n.answer, answered_at = %s"
        " FROM unnest(%b::uuid[], %b::text[], %b::text[]) AS n (command_id, outcome, answer)"
        " WHERE c.tenant_id = %s AND c.command_id = n.command_id AND c.outcome = 'sent'",
        (
            at,
            [each.command_id for each in outcomes],
            [each.outcome for each in outcomes],
            [each.answer for each in outcomes],
            tenant_id,
        ),
    )


async def insert_command(
    conn: Connection, tenant_id: int, station_id: int, action: str, payload: str, asked_by: str, at: datetime
) -> str:
    """Record a command about to be sent; its id."""
    row = await (
        await conn.execute(
            "INSERT INTO commands (tenant_id, station_id, action, payload, asked_by, asked_at, outcome)"
            " VALUES (%s, %s, %s, %s, %s, %s, 'sent') RETURNING command_id::text",
            (tenant_id, station_id, action, payload, asked_by, at),
        )
    ).fetchone()
    assert row is not None
    return str(row[0])


async def finish_command(
    conn: Connection, tenant_id: int, command_id: str, outcome: str, answer: str | None, at: datetime
) -> None:
    """Record what came of a command, unless a late answer was quicker."""
    await conn.execute(
        "UPDATE commands SET outcome = %s, answer = %s, answered_at = %s"
        " WHERE tenant_id = %s AND command_id = %s AND outcome = 'sent'",
        (outcome, answer, at, tenant_id, command_id),
    )


async def count_gateways(conn: Connection) -> int:
    """How many gateways live."""
    row = await (await conn.execute("SELECT count(*) FROM gateways WHERE lease_until > now()")).fetchone()
    assert row is not None
    return int(row[0])


async def list_commands_between(
    conn: Connection, tenant_id: int, station_id: int, since: datetime, until: datetime, limit: int
) -> list[CommandRow]:
    """Commands asked in a span, newest first, without those of routine."""
    cursor = conn.cursor(row_factory=class_row(CommandRow))
    await cursor.execute(
        f"SELECT {_COMMAND} FROM commands"
        " WHERE tenant_id = %s AND station_id = %s AND asked_at >= %s AND asked_at < %s AND NOT routine"
        " ORDER BY number DESC LIMIT %s",
        (tenant_id, station_id, since, until, limit),
    )
    return await cursor.fetchall()
