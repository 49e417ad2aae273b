"""Mandates, direct debits, what came and what it settled, reminders."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any, Final

from msgspec import Struct
from psycopg.rows import class_row

from forecourt.payments.fleets.store import Connection
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
    """One direct debit of an invoice."""

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


class CreditRow(Struct, frozen=True, kw_only=True):
    """Money of a fleet that came, or went back."""

    credit_id: int
    fleet_id: int


class SettlementRow(Struct, frozen=True, kw_only=True):
    """What settled a part of an invoice, or added to it."""

    kind: str
    amount: int
    at: datetime
    memo: str


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
        "SELECT FROM fleet_credits WHERE tenant_id = %s AND debit_id = %s AND kind = 'paid'", (tenant_id, debit_id)
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


async def end_debit(
    conn: Connection, tenant_id: int, debit_id: int, *, was: Sequence[str], state: str, at: datetime, reason: str = ""
) -> bool:
    """What came of a debit; False where it had another end."""
    cursor = await conn.execute(
        "UPDATE fleet_debits SET state = %s, ended_at = %s, reason = %s WHERE tenant_id = %s AND debit_id = %s"
        " AND state = ANY(%s)",
        (state, at, reason, tenant_id, debit_id, list(was)),
    )
    return cursor.rowcount == 1


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
        " WHERE d.tenant_id = f.tenant_id AND d.file_id = f.file_id)))"
        " AND (position(f.message IN %(text)s) > 0 OR (f.collection_on BETWEEN %(on)s::date - 5 AND %(on)s"
        " AND EXISTS (SELECT FROM fleet_debits d WHERE d.tenant_id = f.tenant_id AND d.file_id = f.file_id"
        " AND d.state = 'asked')))"
        " ORDER BY 2 DESC, f.file_id LIMIT 2",
        {"tenant": tenant_id, "total": total, "text": text, "on": on},
    )
    rows = await cursor.fetchall()
    return int(rows[0][0]) if rows and (rows[0][1] or len(rows) == 1) else None


async def insert_credit(conn: Connection, tenant_id: int, values: Mapping[str, Any]) -> int:
    """Money of a fleet that settles invoices."""
    row = await (
        await conn.execute(
            f"INSERT INTO fleet_credits (tenant_id, {', '.join(values)}) VALUES (%(_tenant)s,"
            f" {', '.join(f'%({name})s' for name in values)}) RETURNING credit_id",
            {**values, "_tenant": tenant_id},
        )
    ).fetchone()
    assert row is not None
    return int(row[0])


async def list_unspent(conn: Connection, tenant_id: int, fleet_id: int, currency: str) -> list[tuple[int, str, int]]:
    """What a fleet paid, or was credited, that settled nothing yet and did not go back: number, kind, what is left of
    it; the oldest first."""
    cursor = await conn.execute(
        "SELECT c.credit_id, c.kind, c.amount - coalesce((SELECT sum(s.amount) FROM fleet_settlements s"
        " WHERE s.tenant_id = c.tenant_id AND s.credit_id = c.credit_id), 0)::bigint"
        " + coalesce((SELECT sum(b.amount) FROM fleet_credits b WHERE b.tenant_id = c.tenant_id"
        " AND b.of_credit = c.credit_id), 0)::bigint AS rest FROM fleet_credits c WHERE c.tenant_id = %s"
        " AND c.fleet_id = %s AND c.currency = %s AND c.amount > 0 AND c.of_credit IS NULL"
        " AND NOT EXISTS (SELECT FROM fleet_credits r WHERE r.tenant_id = c.tenant_id"
        " AND r.debit_id = c.debit_id AND r.kind = 'returned') ORDER BY c.credit_id",
        (tenant_id, fleet_id, currency),
    )
    return [(int(number), str(kind), int(rest)) for number, kind, rest in await cursor.fetchall() if rest > 0]


async def insert_settlement(conn: Connection, tenant_id: int, values: Mapping[str, Any]) -> None:
    """Something settled a part of an invoice, or added to it."""
    await conn.execute(
        f"INSERT INTO fleet_settlements (tenant_id, {', '.join(values)}) VALUES (%(_tenant)s,"
        f" {', '.join(f'%({name})s' for name in values)})",
        {**values, "_tenant": tenant_id},
    )


async def list_settlements(conn: Connection, tenant_id: int, invoice_id: int) -> list[SettlementRow]:
    """What became of an invoice."""
    cursor = conn.cursor(row_factory=class_row(SettlementRow))
    await cursor.execute(
        "SELECT kind, amount, at, memo FROM fleet_settlements WHERE tenant_id = %s AND invoice_id = %s"
        " ORDER BY settlement_id LIMIT 200",
        (tenant_id, invoice_id),
    )
    return await cursor.fetchall()


async def settled_by_debit(conn: Connection, tenant_id: int, debit_id: int) -> list[tuple[int, int]]:
    """What the money of a debit settled: invoice and amount."""
    cursor = await conn.execute(
        "SELECT s.invoice_id, s.amount FROM fleet_settlements s JOIN fleet_credits c USING (tenant_id, credit_id)"
        " WHERE s.tenant_id = %s AND c.debit_id = %s AND c.kind = 'paid' ORDER BY s.settlement_id",
        (tenant_id, debit_id),
    )
    return [(int(invoice), int(amount)) for invoice, amount in await cursor.fetchall()]


async def find_credit_of(conn: Connection, tenant_id: int, line_id: int) -> CreditRow | None:
    """What a fleet's line of the bank brought, or took, and still does; of several parts the last. None: it is no
    fleet's with an account, or no more."""
    cursor = conn.cursor(row_factory=class_row(CreditRow))
    await cursor.execute(
        "SELECT c.credit_id, c.fleet_id FROM fleet_credits c JOIN bank_lines l ON l.tenant_id = c.tenant_id"
        " AND l.line_id = c.bank_line WHERE c.tenant_id = %s AND c.bank_line = %s"
        " AND sign(c.amount) = sign(l.amount) AND NOT EXISTS (SELECT FROM fleet_credits b"
        " WHERE b.tenant_id = c.tenant_id AND b.bank_line = c.bank_line AND b.credit_id > c.credit_id"
        " AND sign(b.amount) <> sign(l.amount)) ORDER BY c.credit_id DESC LIMIT 1",
        (tenant_id, line_id),
    )
    return await cursor.fetchone()


async def paid_back_of(conn: Connection, tenant_id: int, credit_id: int) -> int:
    """What of a credit was paid back to its fleet, or taken back, in minor units."""
    cursor = await conn.execute(
        "SELECT coalesce(-sum(amount), 0)::bigint FROM fleet_credits WHERE tenant_id = %s AND of_credit = %s",
        (tenant_id, credit_id),
    )
    row = await cursor.fetchone()
    assert row is not None
    return int(row[0])


async def paid_back_by(conn: Connection, tenant_id: int, line_id: int) -> list[tuple[int, int]]:
    """What a line of the bank took of which credits to pay it back, in minor units."""
    cursor = await conn.execute(
        "SELECT of_credit, -sum(amount)::bigint FROM fleet_credits WHERE tenant_id = %s AND bank_line = %s"
        " AND of_credit IS NOT NULL GROUP BY of_credit HAVING sum(amount) < 0 ORDER BY of_credit",
        (tenant_id, line_id),
    )
    return [(int(credit), int(amount)) for credit, amount in await cursor.fetchall()]


async def settled_by(conn: Connection, tenant_id: int, credit_id: int) -> list[tuple[int, int]]:
    """What a credit settles: invoice and amount."""
    cursor = await conn.execute(
        "SELECT invoice_id, sum(amount)::bigint FROM fleet_settlements WHERE tenant_id = %s AND credit_id = %s"
        " GROUP BY invoice_id HAVING sum(amount) <> 0 ORDER BY invoice_id",
        (tenant_id, credit_id),
    )
    return [(int(invoice), int(amount)) for invoice, amount in await cursor.fetchall()]


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
