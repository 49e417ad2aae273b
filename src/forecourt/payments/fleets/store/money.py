"""Mandates, direct debits and their files, reminders."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any, Final

from msgspec import Struct
from psycopg.rows import class_row

from forecourt.payments.fleets.store import Connection
from forecourt.payments.fleets.store.credits import STILL
from forecourt.platform.ordering import Age, Place, bounds, by_age, onward

#: Debits of which nothing came yet that are told of at once.
MAX_UNBOOKED: Final = 1_000
_MANDATE: Final = (
    "mandate_id, fleet_id, reference, scheme, signed_on, holder, iban_sealed, iban_shown, bic, made_at, ended_at,"
    " end_reason, EXISTS (SELECT FROM fleet_debits d WHERE d.tenant_id = m.tenant_id AND d.mandate_id = m.mandate_id"
    " AND d.state <> 'returned') AS used"
)
_DEBIT: Final = "debit_id, invoice_id, mandate_id, file_id, amount, sequence, collection_on, state, reason, made_at"
_FILE: Final = "file_id, message, scheme, collection_on, debits, total, sealed, made_at"
_FILE_ORDERS: Final = by_age("file_id")


class MandateRow(Struct, frozen=True, kw_only=True):
    """A mandate. `used`: a debit by it was not returned, so that the next is a recurring one."""

    mandate_id: int
    fleet_id: int
    reference: str
    scheme: str
    signed_on: date
    holder: str
    iban_sealed: bytes
    iban_shown: str
    bic: str
    made_at: datetime
    ended_at: datetime | None
    end_reason: str
    used: bool


class DebitRow(Struct, frozen=True, kw_only=True):
    """One direct debit of an invoice. `reason`: why it came to nothing, be it booked since."""

    debit_id: int
    invoice_id: int
    mandate_id: int
    file_id: int | None
    amount: int
    sequence: str
    collection_on: date
    state: str
    reason: str
    made_at: datetime

    @property
    def why(self) -> str:
        """Why nothing comes of it, where nothing does."""
        return self.reason if self.state == "returned" else ""


class DebitFileRow(Struct, frozen=True, kw_only=True):
    """One file of direct debits for the bank."""

    file_id: int
    message: str
    scheme: str
    collection_on: date
    debits: int
    total: int
    sealed: bytes
    made_at: datetime


async def insert_mandate(conn: Connection, tenant_id: int, values: Mapping[str, Any]) -> int | None:
    """A new mandate; None where its reference is taken."""
    row = await (
        await conn.execute(
            f"INSERT INTO fleet_mandates (tenant_id, {', '.join(values)}) VALUES (%(_tenant)s,"
            f" {', '.join(f'%({name})s' for name in values)}) ON CONFLICT (tenant_id, reference) DO NOTHING"
            " RETURNING mandate_id",
            {**values, "_tenant": tenant_id},
        )
    ).fetchone()
    return None if row is None else int(row[0])


async def end_mandate(conn: Connection, tenant_id: int, fleet_id: int, reason: str, at: datetime) -> bool:
    """Ends the mandate of a fleet; whether there was one."""
    cursor = await conn.execute(
        "UPDATE fleet_mandates SET ended_at = %s, end_reason = %s WHERE tenant_id = %s AND fleet_id = %s"
        " AND ended_at IS NULL",
        (at, reason, tenant_id, fleet_id),
    )
    return cursor.rowcount == 1


async def find_mandate(conn: Connection, tenant_id: int, fleet_id: int) -> MandateRow | None:
    """The mandate of a fleet that stands."""
    cursor = conn.cursor(row_factory=class_row(MandateRow))
    await cursor.execute(
        f"SELECT {_MANDATE} FROM fleet_mandates m WHERE tenant_id = %s AND fleet_id = %s AND ended_at IS NULL",
        (tenant_id, fleet_id),
    )
    return await cursor.fetchone()


async def find_mandate_named(conn: Connection, tenant_id: int, fleet_id: int, reference: str) -> MandateRow | None:
    """The latest mandate of a fleet that is called so, whether it stands or not."""
    cursor = conn.cursor(row_factory=class_row(MandateRow))
    await cursor.execute(
        f"SELECT {_MANDATE} FROM fleet_mandates m WHERE tenant_id = %s AND fleet_id = %s AND reference = %s"
        " ORDER BY mandate_id DESC LIMIT 1",
        (tenant_id, fleet_id, reference),
    )
    return await cursor.fetchone()


async def insert_debit(conn: Connection, tenant_id: int, values: Mapping[str, Any]) -> int | None:
    """A debit of an invoice that is asked for; None where one is in the air."""
    row = await (
        await conn.execute(
            f"INSERT INTO fleet_debits (tenant_id, state, {', '.join(values)}) VALUES (%(_tenant)s, 'asked',"
            f" {', '.join(f'%({name})s' for name in values)}) ON CONFLICT (invoice_id) WHERE state = 'asked' DO NOTHING"
            " RETURNING debit_id",
            {**values, "_tenant": tenant_id},
        )
    ).fetchone()
    return None if row is None else int(row[0])


async def hold_bank(conn: Connection, tenant_id: int) -> None:
    """Nobody else asks for debits or matches what the bank booked until the transaction ends. It is taken before any
    fleet is held: both hold many fleets, in an order that only a statement knows."""
    await conn.execute("SELECT pg_advisory_xact_lock(hashtextextended('bank ' || %s, 0))", (tenant_id,))


async def put_in_file(conn: Connection, tenant_id: int, debit_ids: Sequence[int], file_id: int) -> None:
    """These debits stand in this file."""
    await conn.execute(
        "UPDATE fleet_debits SET file_id = %s WHERE tenant_id = %s AND debit_id = ANY(%s)",
        (file_id, tenant_id, list(debit_ids)),
    )


async def find_debit(conn: Connection, tenant_id: int, debit_id: int) -> DebitRow | None:
    """The debit of this number, held until the transaction ends."""
    cursor = conn.cursor(row_factory=class_row(DebitRow))
    await cursor.execute(
        f"SELECT {_DEBIT} FROM fleet_debits WHERE tenant_id = %s AND debit_id = %s FOR UPDATE", (tenant_id, debit_id)
    )
    return await cursor.fetchone()


async def find_asked(conn: Connection, tenant_id: int, invoice_id: int) -> int | None:
    """The debit of an invoice that is in the air."""
    cursor = await conn.execute(
        "SELECT debit_id FROM fleet_debits WHERE tenant_id = %s AND invoice_id = %s AND state = 'asked'",
        (tenant_id, invoice_id),
    )
    row = await cursor.fetchone()
    return None if row is None else int(row[0])


async def was_drawn(conn: Connection, tenant_id: int, debit_id: int) -> bool:
    """Whether the bank ever booked a debit."""
    cursor = await conn.execute(
        f"SELECT FROM fleet_credits c WHERE tenant_id = %s AND debit_id = %s AND kind = 'paid' AND {STILL}",
        (tenant_id, debit_id),
    )
    return cursor.rowcount > 0


async def came_back_at(conn: Connection, tenant_id: int, invoice_id: int) -> datetime | None:
    """When it was last heard that a debit of an invoice came back or came to nothing, or that money that had settled it
    was not its fleet's."""
    cursor = await conn.execute(
        "SELECT greatest((SELECT max(ended_at) FROM fleet_debits WHERE tenant_id = %(tenant)s"
        " AND invoice_id = %(invoice)s AND state = 'returned'), (SELECT max(at) FROM fleet_settlements"
        " WHERE tenant_id = %(tenant)s AND invoice_id = %(invoice)s AND kind = 'returned'))",
        {"tenant": tenant_id, "invoice": invoice_id},
    )
    row = await cursor.fetchone()
    return None if row is None else row[0]


async def list_debits(
    conn: Connection, tenant_id: int, *, invoice_id: int | None = None, file_id: int | None = None, limit: int
) -> list[DebitRow]:
    """Debits of an invoice, or of a file, in their order."""
    cursor = conn.cursor(row_factory=class_row(DebitRow))
    await cursor.execute(
        f"SELECT {_DEBIT} FROM fleet_debits WHERE tenant_id = %(tenant)s"
        " AND (%(invoice)s::bigint IS NULL OR invoice_id = %(invoice)s)"
        " AND (%(file)s::bigint IS NULL OR file_id = %(file)s) ORDER BY debit_id LIMIT %(limit)s",
        {"tenant": tenant_id, "invoice": invoice_id, "file": file_id, "limit": limit},
    )
    return await cursor.fetchall()


async def set_paid(conn: Connection, tenant_id: int, debit_id: int, at: datetime) -> bool:
    """The bank booked a debit; False where it had. Why it had come to nothing, if it had, stays known: by that it is
    known as well how it stands again should its booking be taken back."""
    cursor = await conn.execute(
        "UPDATE fleet_debits SET state = 'paid', ended_at = %s WHERE tenant_id = %s AND debit_id = %s"
        " AND state <> 'paid'",
        (at, tenant_id, debit_id),
    )
    return cursor.rowcount == 1


async def set_returned(
    conn: Connection, tenant_id: int, debit_id: int, *, was: str, at: datetime, reason: str
) -> bool:  # fmt: skip
    """A debit came back, or came to nothing, and nobody was told of that yet; False where it had another end."""
    cursor = await conn.execute(
        "UPDATE fleet_debits SET state = 'returned', ended_at = %s, reason = %s, told_at = NULL WHERE tenant_id = %s"
        " AND debit_id = %s AND state = %s",
        (at, reason, tenant_id, debit_id, was),
    )
    return cursor.rowcount == 1


async def return_again(conn: Connection, tenant_id: int, debit_id: int, at: datetime) -> None:
    """The bank did not book a debit after all that had come to nothing before. Whoever was told stays told."""
    await conn.execute(
        "UPDATE fleet_debits SET state = 'returned', ended_at = %s WHERE tenant_id = %s AND debit_id = %s",
        (at, tenant_id, debit_id),
    )


async def ask_again(conn: Connection, tenant_id: int, debit_id: int) -> None:
    """The bank did not book a debit after all. No other of its invoice is in the air."""
    await conn.execute(
        "UPDATE fleet_debits SET state = 'asked', ended_at = NULL WHERE tenant_id = %s AND debit_id = %s",
        (tenant_id, debit_id),
    )


async def list_untold(conn: Connection, tenant_id: int, limit: int, *, after: int = 0) -> list[DebitRow]:
    """Debits that came back, or came to nothing, of which nobody was written to, behind one of them."""
    cursor = conn.cursor(row_factory=class_row(DebitRow))
    await cursor.execute(
        f"SELECT {_DEBIT} FROM fleet_debits WHERE tenant_id = %s AND state = 'returned' AND told_at IS NULL"
        " AND debit_id > %s ORDER BY debit_id LIMIT %s",
        (tenant_id, after, limit),
    )
    return await cursor.fetchall()


async def set_told(conn: Connection, tenant_id: int, debit_id: int, at: datetime) -> bool:
    """Notes that a fleet is told of a debit that came back; False where it was, or where the bank booked it again."""
    cursor = await conn.execute(
        "UPDATE fleet_debits SET told_at = %s WHERE tenant_id = %s AND debit_id = %s AND told_at IS NULL"
        " AND state = 'returned'",
        (at, tenant_id, debit_id),
    )
    return cursor.rowcount == 1


async def list_unbooked(conn: Connection, tenant_id: int, before: date) -> list[tuple[int, int, date]]:
    """Debits that were to be drawn before a day and of which nothing came yet: number, amount, and their day; the
    oldest first, MAX_UNBOOKED at the most."""
    cursor = await conn.execute(
        "SELECT debit_id, amount, collection_on FROM fleet_debits WHERE tenant_id = %s AND state = 'asked'"
        " AND collection_on < %s ORDER BY debit_id LIMIT %s",
        (tenant_id, before, MAX_UNBOOKED),
    )
    return [(int(number), int(amount), day) for number, amount, day in await cursor.fetchall()]


async def insert_file(conn: Connection, tenant_id: int, values: Mapping[str, Any]) -> int:
    """A file for the bank."""
    row = await (
        await conn.execute(
            f"INSERT INTO debit_files (tenant_id, {', '.join(values)}) VALUES (%(_tenant)s,"
            f" {', '.join(f'%({name})s' for name in values)}) RETURNING file_id",
            {**values, "_tenant": tenant_id},
        )
    ).fetchone()
    assert row is not None
    return int(row[0])


async def find_file(conn: Connection, tenant_id: int, file_id: int) -> DebitFileRow | None:
    """The file of this number."""
    cursor = conn.cursor(row_factory=class_row(DebitFileRow))
    await cursor.execute(f"SELECT {_FILE} FROM debit_files WHERE tenant_id = %s AND file_id = %s", (tenant_id, file_id))
    return await cursor.fetchone()


async def find_file_named(conn: Connection, tenant_id: int, message: str) -> DebitFileRow | None:
    """The file of this name, as banks call it."""
    cursor = conn.cursor(row_factory=class_row(DebitFileRow))
    await cursor.execute(
        f"SELECT {_FILE} FROM debit_files WHERE tenant_id = %s AND message = %s LIMIT 1", (tenant_id, message)
    )
    return await cursor.fetchone()


async def list_files(
    conn: Connection, tenant_id: int, *, order: Age = "newest", place: Place = None, limit: int
) -> list[DebitFileRow]:
    """Files behind a place."""
    cursor = conn.cursor(row_factory=class_row(DebitFileRow))
    await cursor.execute(
        f"SELECT {_FILE} FROM debit_files WHERE tenant_id = %(tenant)s {onward(_FILE_ORDERS[order], place)}",
        {"tenant": tenant_id, **bounds(place, limit)},
    )
    return await cursor.fetchall()


async def find_file_of(conn: Connection, tenant_id: int, total: int, text: str, on: date) -> int | None:
    """The file that was booked as one sum and is not booked yet: by its name in the text, else by the day and the sum,
    where that is one file only. The sum is of those of its debits that have not come to nothing, or of all of them as
    long as none was booked: banks book all of it and send back what they refuse, or book the rest alone."""
    cursor = await conn.execute(
        "SELECT f.file_id, position(f.message IN %(text)s) > 0 FROM debit_files f WHERE f.tenant_id = %(tenant)s"
        " AND f.total >= %(total)s AND ((SELECT sum(d.amount) FROM fleet_debits d WHERE d.tenant_id = f.tenant_id"
        " AND d.file_id = f.file_id AND d.state = 'asked') = %(total)s OR (f.total = %(total)s"
        " AND NOT EXISTS (SELECT FROM fleet_debits d JOIN fleet_credits c USING (tenant_id, debit_id)"
        f" WHERE d.tenant_id = f.tenant_id AND d.file_id = f.file_id AND {STILL})))"
        " AND (position(f.message IN %(text)s) > 0 OR (f.collection_on BETWEEN %(on)s::date - 5 AND %(on)s"
        " AND EXISTS (SELECT FROM fleet_debits d WHERE d.tenant_id = f.tenant_id AND d.file_id = f.file_id"
        " AND d.state = 'asked')))"
        " ORDER BY 2 DESC, f.file_id LIMIT 2",
        {"tenant": tenant_id, "total": total, "text": text, "on": on},
    )
    rows = await cursor.fetchall()
    return int(rows[0][0]) if rows and (rows[0][1] or len(rows) == 1) else None


async def read_until(conn: Connection, tenant_id: int, since: datetime, today: date, wait: timedelta) -> date | None:
    """The last day up to which the bank's statements were read of without a gap, beginning `wait` before `today`; the
    day before that where not even it was read of. Days at the end of a week, when banks book nothing, are no gap. None
    where no statement was read since then."""
    row = await (
        await conn.execute(
            """
            SELECT (SELECT coalesce(min(day)::date, %(today)s::date) - 1
                FROM generate_series(%(today)s::date - %(days)s::int, %(today)s::date - 1, interval '1 day') AS day
                WHERE extract(isodow FROM day) < 6 AND NOT EXISTS (SELECT FROM bank_statements b
                    WHERE b.tenant_id = %(tenant)s
                    AND day::date BETWEEN coalesce(b.from_on, b.until_on) AND b.until_on))
            WHERE EXISTS (SELECT FROM bank_statements WHERE tenant_id = %(tenant)s AND read_at >= %(since)s)
            """,
            {"tenant": tenant_id, "since": since, "today": today, "days": wait.days},
        )
    ).fetchone()
    return None if row is None else row[0]


async def insert_reminder(
    conn: Connection, tenant_id: int, invoice_id: int, level: int, fee: int, at: datetime
) -> bool:
    """An invoice has come to a level; False where it had."""
    cursor = await conn.execute(
        "INSERT INTO fleet_reminders (tenant_id, invoice_id, level, fee, said_at) VALUES (%s, %s, %s, %s, %s)"
        " ON CONFLICT DO NOTHING",
        (tenant_id, invoice_id, level, fee, at),
    )
    return cursor.rowcount == 1


async def hold_fleet(conn: Connection, tenant_id: int, fleet_id: int, reason: str, at: datetime | None) -> None:
    """From then on a fleet's drivers start nothing; None: they may. One that is held stays so since when it was."""
    await conn.execute(
        "UPDATE fleets SET held_at = %(at)s, held_reason = %(reason)s WHERE tenant_id = %(tenant)s"
        " AND fleet_id = %(fleet)s"
        " AND (held_at IS NULL) <> (%(at)s::timestamptz IS NULL)",
        {"tenant": tenant_id, "fleet": fleet_id, "reason": reason, "at": at},
    )


async def fleet_held(conn: Connection, tenant_id: int, payer: str) -> bool:
    """Whether who pays is a fleet that is held: `fleet:<id>`."""
    row = await (
        await conn.execute(
            "SELECT held_at IS NOT NULL FROM fleets WHERE tenant_id = %s AND 'fleet:' || fleet_id = %s",
            (tenant_id, payer),
        )
    ).fetchone()
    return row is not None and bool(row[0])
