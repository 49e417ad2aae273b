"""The message log as it is read: from either end, filtered, each call with its answer.

A station may have a million messages, so every query walks an index of the station's own rows in the order of their
numbers. What no index knows (text, the id of a message) is looked for in the next SCAN_LIMIT messages behind the place
where the reader stands, and the reader is told how far that was.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from msgspec import Struct
from psycopg import AsyncConnection
from psycopg.rows import class_row

from forecourt.platform.ordering import Age, Place, bounds, by_age, onward
from forecourt.platform.search import anywhere

Connection = AsyncConnection[Any]

#: Messages of one station looked through for a text or an id before the reader is asked whether to go on.
SCAN_LIMIT: Final = 20_000
#: Messages of a station, each way, among which the partner of one is looked for, and how far apart in time they may be.
NEAR: Final = 100
APART: Final = timedelta(minutes=10)
#: Messages with deviations that are counted by kind.
MAX_COUNTED: Final = 10_000
#: OCPP-J message types of refusals, and of what is no message.
REFUSALS: Final = (0, 4, 5)
#: Half of the log each.
_OFTEN: Final = (2, 3)
#: Said all day long: for these the station's messages are walked as they stand, for all others there is an index.
FREQUENT: Final = ("Heartbeat", "MeterValues", "StatusNotification", "TransactionEvent")
_RARE = "action <> ALL (ARRAY['Heartbeat', 'MeterValues', 'StatusNotification', 'TransactionEvent'])"
_COLUMNS = "number, at, direction::text, kind, message_id, action, payload, deviations"
_ORDERS: Final = by_age("number")
_OF_STATION = "tenant_id = %(tenant_id)s AND station_id = %(station_id)s"


class MessageRow(Struct, frozen=True, kw_only=True):
    """One frame of the message log; `direction` and `kind` as in the table's comments."""

    number: int
    at: datetime
    direction: str
    kind: int
    message_id: str
    action: str | None
    payload: str
    deviations: str | None


class MessageFilter(Struct, frozen=True, kw_only=True):
    """Which messages are wanted. `direction` is 'i' or 'o'; `kinds` are OCPP-J message types, none means all;
    `text` stands somewhere in the payload, whatever its case; `since` is included, `until` is not."""

    action: str | None = None
    direction: str | None = None
    kinds: tuple[int, ...] = ()
    text: str | None = None
    message_id: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    deviating: bool = False

    @property
    def scans(self) -> bool:
        """Whether no index helps to find them."""
        rare = bool(self.kinds) and not set(self.kinds) <= {*REFUSALS, *_OFTEN}
        return rare or self.text is not None or self.message_id is not None


class DeviationCount(Struct, frozen=True, kw_only=True):
    """How often a station deviated in one way, and when last."""

    kind: str
    count: int
    last_at: datetime
    last_number: int


EVERYTHING: Final = MessageFilter()


async def list_messages(
    conn: Connection,
    tenant_id: int,
    station_id: int,
    *,
    order: Age = "newest",
    place: Place = None,
    to: int | None = None,
    limit: int,
    wanted: MessageFilter = EVERYTHING,
) -> list[MessageRow]:
    """Frames behind the number of a place, as far as the one numbered `to` if it is given."""
    cursor = conn.cursor(row_factory=class_row(MessageRow))
    within = "" if to is None else f" AND number {'>=' if order == 'newest' else '<='} %(to)s"
    await cursor.execute(
        f"SELECT {_COLUMNS} FROM messages WHERE {_OF_STATION}{within}{_conditions(wanted)}"
        f" {onward(_ORDERS[order], place)}",
        {
            "tenant_id": tenant_id,
            "station_id": station_id,
            "to": to,
            **_values(wanted),
            **bounds(place, limit),
        },
    )
    return await cursor.fetchall()


async def find_scan_end(
    conn: Connection, tenant_id: int, station_id: int, *, order: Age, place: Place, wanted: MessageFilter
) -> tuple[int, datetime] | None:
    """Number and time of the last message that is looked through, the SCAN_LIMIT-th; None if there are fewer."""
    bare = MessageFilter(since=wanted.since, until=wanted.until)
    row = await (
        await conn.execute(
            f"SELECT number, at FROM messages WHERE {_OF_STATION}{_conditions(bare)}"
            f" {onward(_ORDERS[order], place)} OFFSET %(scanned)s",
            {
                "tenant_id": tenant_id,
                "station_id": station_id,
                "scanned": SCAN_LIMIT - 1,
                **_values(bare),
                **bounds(place, 1),
            },
        )
    ).fetchone()
    return None if row is None else (int(row[0]), row[1])


async def find_message(conn: Connection, tenant_id: int, station_id: int, number: int) -> MessageRow | None:
    """The frame of this number."""
    rows = await list_messages(conn, tenant_id, station_id, place=(number + 1,), to=number, limit=1)
    return rows[0] if rows else None


async def list_partners(
    conn: Connection, tenant_id: int, station_id: int, messages: Sequence[MessageRow]
) -> list[MessageRow]:
    """The frames of the same ids next to these messages: the answers to calls, the calls that were answered.

    One call is in flight each way, so a partner is looked for among the NEAR next messages of the station, either way.
    """
    cursor = conn.cursor(row_factory=class_row(MessageRow))
    near = (
        f"(SELECT * FROM (SELECT {_COLUMNS} FROM messages WHERE {_OF_STATION} AND number {{beyond}} m.number"
        " AND at BETWEEN m.at - %(apart)s AND m.at + %(apart)s ORDER BY number {order} LIMIT %(near)s) next"
        " WHERE message_id = m.message_id LIMIT 1)"
    )
    await cursor.execute(
        "SELECT partner.* FROM unnest(%(numbers)s::bigint[], %(moments)s::timestamptz[], %(ids)s::text[])"
        " AS m (number, at, message_id) CROSS JOIN LATERAL ("
        f"{near.format(beyond='>', order='ASC')} UNION ALL {near.format(beyond='<', order='DESC')}) partner",
        {
            "tenant_id": tenant_id,
            "station_id": station_id,
            "numbers": [message.number for message in messages],
            "moments": [message.at for message in messages],
            "ids": [message.message_id for message in messages],
            "near": NEAR,
            "apart": APART,
        },
    )
    return await cursor.fetchall()


async def count_deviations(
    conn: Connection, tenant_id: int, station_id: int, since: datetime, until: datetime
) -> list[DeviationCount]:
    """How often what a station said broke the schema, by kind, the most frequent first; of the newest MAX_COUNTED."""
    cursor = conn.cursor(row_factory=class_row(DeviationCount))
    await cursor.execute(
        f"""
        SELECT split_part(split_part(deviation, ':', 1), ' ', 1) AS kind, count(*) AS count, max(at) AS last_at,
            max(number) AS last_number
        FROM (SELECT number, at, deviations FROM messages WHERE {_OF_STATION} AND deviations IS NOT NULL
                AND direction = 'i' AND at >= %(since)s AND at < %(until)s
            ORDER BY number DESC LIMIT %(limit)s) newest
        CROSS JOIN LATERAL regexp_split_to_table(deviations, '; ') AS deviation
        GROUP BY 1 ORDER BY 2 DESC, 1
        """,
        {
            "tenant_id": tenant_id,
            "station_id": station_id,
            "since": since,
            "until": until,
            "limit": MAX_COUNTED,
        },
    )
    return await cursor.fetchall()


def _conditions(wanted: MessageFilter) -> str:
    parts = []
    if wanted.action is not None:
        parts.append("action = %(action)s")
        if wanted.action not in FREQUENT:
            parts.append(_RARE)
    if wanted.direction is not None:
        parts.append('direction = %(direction)s::"char"')
    if wanted.kinds:
        parts.append("kind = ANY(%(kinds)s)")
        if set(wanted.kinds) <= set(REFUSALS):
            parts.append("kind IN (0, 4, 5)")
    if wanted.text is not None:
        parts.append("payload ILIKE %(pattern)s")
    if wanted.message_id is not None:
        parts.append("message_id = %(message_id)s")
    if wanted.since is not None:
        parts.append("at >= %(since)s")
    if wanted.until is not None:
        parts.append("at < %(until)s")
    if wanted.deviating:
        parts.append("deviations IS NOT NULL")
    return "".join(f" AND {part}" for part in parts)


def _values(wanted: MessageFilter) -> dict[str, Any]:
    return {
        "action": wanted.action,
        "direction": wanted.direction,
        "kinds": list(wanted.kinds),
        "pattern": anywhere(wanted.text or ""),
        "message_id": wanted.message_id,
        "since": wanted.since,
        "until": wanted.until,
    }
