"""All SQL of card readers."""

from datetime import datetime
from typing import Any, Final
from uuid import UUID

from msgspec import Struct
from psycopg import AsyncConnection
from psycopg.rows import class_row

from forecourt.payments.readers.model import MAX_READERS, CardReader

Connection = AsyncConnection[Any]

#: EVSEs that a reader's page offers.
MAX_PLACES: Final = 500
_READER: Final = """
    SELECT r.reader_id, r.account_id, a.name AS account, r.reference, r.name, r.site_id, s.slug AS site,
        s.name AS site_name, coalesce(t.identity, t.retired_identity) AS station, r.created_at
    FROM card_readers r JOIN payment_accounts a ON a.tenant_id = r.tenant_id AND a.account_id = r.account_id
    JOIN sites s ON s.tenant_id = r.tenant_id AND s.site_id = r.site_id
    LEFT JOIN stations t ON t.tenant_id = r.tenant_id AND t.station_id = r.only_station_id
    WHERE r.tenant_id = %(tenant)s AND r.removed_at IS NULL
    """


class Place(Struct, frozen=True, kw_only=True):
    """An EVSE that a reader serves."""

    station: str
    evse: int


async def insert_reader(
    conn: Connection, tenant_id: int, *, account_id: UUID, reference: str, name: str, site_id: int,
    station_id: int | None, at: datetime,
) -> UUID | None:  # fmt: skip
    """Stores a reader; None where it is there already."""
    cursor = await conn.execute(
        "INSERT INTO card_readers (tenant_id, account_id, reference, name, site_id, only_station_id, created_at)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING RETURNING reader_id",
        (tenant_id, account_id, reference, name, site_id, station_id, at),
    )
    row = await cursor.fetchone()
    return None if row is None else UUID(str(row[0]))


async def find_reader(conn: Connection, tenant_id: int, reader_id: UUID) -> CardReader | None:
    """The reader of this id that was not removed."""
    cursor = conn.cursor(row_factory=class_row(CardReader))
    await cursor.execute(f"{_READER} AND r.reader_id = %(reader)s", {"tenant": tenant_id, "reader": reader_id})
    return await cursor.fetchone()


async def list_readers(conn: Connection, tenant_id: int) -> list[CardReader]:
    """Every reader, by name."""
    cursor = conn.cursor(row_factory=class_row(CardReader))
    await cursor.execute(
        f"{_READER} ORDER BY r.name, r.reader_id LIMIT %(limit)s", {"tenant": tenant_id, "limit": MAX_READERS}
    )
    return await cursor.fetchall()


async def count_readers(conn: Connection, tenant_id: int) -> int:
    """How many an organisation has; nobody adds one more until the transaction ends."""
    await conn.execute("SELECT pg_advisory_xact_lock(hashtext('card readers'), %s)", (tenant_id,))
    row = await (
        await conn.execute(
            "SELECT count(*) FROM card_readers WHERE tenant_id = %s AND removed_at IS NULL", (tenant_id,)
        )
    ).fetchone()
    assert row is not None
    return int(row[0])


async def remove_reader(conn: Connection, tenant_id: int, reader_id: UUID, at: datetime) -> bool:
    """A reader is used no more; whether it was."""
    cursor = await conn.execute(
        "UPDATE card_readers SET removed_at = %s WHERE tenant_id = %s AND reader_id = %s AND removed_at IS NULL",
        (at, tenant_id, reader_id),
    )
    return cursor.rowcount == 1


async def list_places(conn: Connection, tenant_id: int, reader: CardReader) -> list[Place]:
    """The EVSEs that a reader serves, as far as stations told of them; a station that told of none has one."""
    cursor = conn.cursor(row_factory=class_row(Place))
    await cursor.execute(
        """
        SELECT DISTINCT t.identity AS station, coalesce(c.evse, 1) AS evse
        FROM stations t JOIN sites i USING (tenant_id, site_id)
        LEFT JOIN connectors c ON c.tenant_id = t.tenant_id AND c.station_id = t.station_id
            AND c.evse > 0
        WHERE t.tenant_id = %(tenant)s AND t.identity IS NOT NULL AND %(site)s = ANY(i.path)
            AND (%(station)s::text IS NULL OR t.identity = %(station)s)
        ORDER BY 1, 2 LIMIT %(limit)s
        """,
        {"tenant": tenant_id, "site": reader.site_id, "station": reader.station, "limit": MAX_PLACES},
    )
    return await cursor.fetchall()


async def serves(conn: Connection, tenant_id: int, reader: CardReader, station: str) -> bool:
    """Whether a station is at a reader's place."""
    if reader.station is not None:
        return reader.station == station
    cursor = await conn.execute(
        "SELECT 1 FROM stations t JOIN sites i USING (tenant_id, site_id)"
        " WHERE t.tenant_id = %(tenant)s AND t.identity = %(station)s AND %(site)s = ANY(i.path)",
        {"tenant": tenant_id, "site": reader.site_id, "station": station},
    )
    return await cursor.fetchone() is not None


async def find_asked(conn: Connection, tenant_id: int, account_id: UUID, reference: str) -> UUID | None:
    """The payment that a reader asks a card for, as far as we know."""
    cursor = await conn.execute(
        "SELECT intent_id FROM payment_intents WHERE tenant_id = %s AND account_id = %s AND reader = %s"
        " AND state = 'hold_requested' ORDER BY number DESC LIMIT 1",
        (tenant_id, account_id, reference),
    )
    row = await cursor.fetchone()
    return None if row is None else UUID(str(row[0]))
