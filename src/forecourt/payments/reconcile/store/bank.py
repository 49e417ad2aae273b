"""Statements of banks, their lines, and what these are matched with."""

from collections.abc import AsyncIterator, Collection, Sequence
from datetime import date, datetime
from typing import Final

from msgspec import Struct, structs
from psycopg.rows import class_row

from forecourt.payments.bank.model import BankLine, BankLineRow
from forecourt.payments.reconcile.camt import StatementLine
from forecourt.payments.reconcile.store import Connection
from forecourt.platform.ordering import Age, Place, bounds, by_age, oldest, onward

_LINE: Final = (
    "line_id, reference, name, booked_on, amount, currency, end_to_end, who, text, returned, return_reason, matched_by,"
    " matched, read_at, undone, account"
)
#: A file's sum, whole or without what the bank refused.
_IS_SUM: Final = (
    "(f.total = %(total)s OR f.total - (SELECT coalesce(sum(r.amount), 0) FROM payouts r"
    " WHERE r.tenant_id = f.tenant_id AND r.file_id = f.file_id AND r.refused_at IS NOT NULL) = %(total)s)"
)
#: Lines that belong to nothing that are read at once.
UNMATCHED_PAGE: Final = 1_000
#: The order in which they are matched.
_TO_MATCH: Final = oldest("booked_on::text", "returned::int", "line_id")
_LINE_ORDERS: Final = by_age("line_id")


class StatementRow(Struct, frozen=True, kw_only=True):
    """A bank statement that was read."""

    statement_id: int
    read_at: datetime
    read_by: str
    until_on: date
    lines: int
    new: int
    matched: int
    #: The accounts that it tells of, shown by their ends.
    accounts: list[str]


async def keep_line(conn: Connection, tenant_id: int, line: StatementLine, now: datetime) -> tuple[int, bool]:
    """Keeps a line of a bank statement: its number, and whether it is new. Statements are read one at a time. A line
    that was read before lines had names is the same where it says the same."""
    names = list(BankLine.__struct_fields__)
    row = await (
        await conn.execute(
            f"""
            WITH there AS (
                SELECT line_id FROM bank_lines WHERE tenant_id = %(tenant_id)s AND name = %(name)s
                UNION ALL (
                    SELECT line_id FROM bank_lines WHERE tenant_id = %(tenant_id)s AND name IS NULL
                        AND (reference = %(reference)s OR NOT %(named)s) AND booked_on = %(booked_on)s
                        AND (amount, currency, who, text) = (%(amount)s, %(currency)s, %(who)s, %(text)s)
                        AND end_to_end IS NOT DISTINCT FROM %(end_to_end)s
                    ORDER BY line_id LIMIT 1 OFFSET %(nth)s)
            ), new AS (
                INSERT INTO bank_lines (tenant_id, read_at, {", ".join(names)})
                SELECT %(tenant_id)s, %(now)s, {", ".join(f"%({name})s" for name in names)}
                WHERE NOT EXISTS (SELECT FROM there) RETURNING line_id
            )
            SELECT line_id, true FROM new UNION ALL SELECT line_id, false FROM there LIMIT 1
            """,
            {"tenant_id": tenant_id, "now": now, **structs.asdict(line)},
        )
    ).fetchone()
    assert row is not None, "it is new, or it stands"
    return int(row[0]), bool(row[1])


async def insert_statement(
    conn: Connection, tenant_id: int, *, by: str, at: datetime, from_on: date, until_on: date, lines: int, new: int,
    matched: int, accounts: Sequence[str],
) -> int:  # fmt: skip
    """Notes that a statement was read; its number."""
    row = await (
        await conn.execute(
            "INSERT INTO bank_statements (tenant_id, read_at, read_by, from_on, until_on, lines, new, matched,"
            " accounts) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s) RETURNING statement_id",
            (tenant_id, at, by, from_on, until_on, lines, new, matched, list(accounts)),
        )
    ).fetchone()
    assert row is not None
    return int(row[0])


async def accounts_read(conn: Connection, tenant_id: int) -> set[str]:
    """The accounts of statements that were taken before, shown by their ends."""
    cursor = await conn.execute(
        "SELECT DISTINCT unnest(accounts) FROM bank_statements WHERE tenant_id = %s", (tenant_id,)
    )
    return {str(account) for (account,) in await cursor.fetchall()}


async def list_statements(conn: Connection, tenant_id: int, limit: int) -> list[StatementRow]:
    """Statements that were read, the latest first."""
    cursor = conn.cursor(row_factory=class_row(StatementRow))
    await cursor.execute(
        "SELECT statement_id, read_at, read_by, until_on, lines, new, matched, accounts FROM bank_statements"
        " WHERE tenant_id = %s ORDER BY statement_id DESC LIMIT %s",
        (tenant_id, limit),
    )
    return await cursor.fetchall()


async def count_matched(conn: Connection, tenant_id: int, line_ids: Collection[int]) -> int:
    """How many of these lines belong to something."""
    row = await (
        await conn.execute(
            "SELECT count(*) FROM bank_lines WHERE tenant_id = %s AND line_id = ANY(%s) AND matched_by IS NOT NULL",
            (tenant_id, list(line_ids)),
        )
    ).fetchone()
    assert row is not None
    return int(row[0])


async def each_unmatched(conn: Connection, tenant_id: int) -> AsyncIterator[BankLineRow]:
    """Every line that belongs to nothing, those booked first first, and of a day what went or came before what came
    back; read UNMATCHED_PAGE at once, so that they may be matched as they come."""
    place: Place = None
    while True:
        cursor = conn.cursor(row_factory=class_row(BankLineRow))
        await cursor.execute(
            f"SELECT {_LINE} FROM bank_lines WHERE tenant_id = %(tenant_id)s AND matched_by IS NULL"
            f" {onward(_TO_MATCH, place)}",
            {"tenant_id": tenant_id, **bounds(place, UNMATCHED_PAGE)},
        )
        rows = await cursor.fetchall()
        for row in rows:
            yield row
        if len(rows) < UNMATCHED_PAGE:
            return
        place = (rows[-1].booked_on.isoformat(), int(rows[-1].returned), rows[-1].line_id)


async def list_lines(
    conn: Connection, tenant_id: int, *, matched: bool | None = None, order: Age = "newest", place: Place = None,
    limit: int,
) -> list[BankLineRow]:  # fmt: skip
    """Lines of bank statements behind the number of a place, with or without a match."""
    wanted = {None: "true", True: "matched_by IS NOT NULL", False: "matched_by IS NULL"}[matched]
    cursor = conn.cursor(row_factory=class_row(BankLineRow))
    await cursor.execute(
        f"SELECT {_LINE} FROM bank_lines WHERE tenant_id = %(tenant_id)s AND {wanted}"
        f" {onward(_LINE_ORDERS[order], place)}",
        {"tenant_id": tenant_id, **bounds(place, limit)},
    )
    return await cursor.fetchall()


async def list_matched(conn: Connection, tenant_id: int, by: Collection[str], limit: int) -> list[BankLineRow]:
    """The latest lines that are matched in one of these ways."""
    cursor = conn.cursor(row_factory=class_row(BankLineRow))
    await cursor.execute(
        f"SELECT {_LINE} FROM bank_lines WHERE tenant_id = %s AND matched_by = ANY(%s) ORDER BY line_id DESC LIMIT %s",
        (tenant_id, list(by), limit),
    )
    return await cursor.fetchall()


async def find_line(conn: Connection, tenant_id: int, line_id: int) -> BankLineRow | None:
    """A line of a bank statement, held until the transaction ends."""
    cursor = conn.cursor(row_factory=class_row(BankLineRow))
    await cursor.execute(
        f"SELECT {_LINE} FROM bank_lines WHERE tenant_id = %s AND line_id = %s FOR UPDATE", (tenant_id, line_id)
    )
    return await cursor.fetchone()


async def match_line(conn: Connection, tenant_id: int, line_id: int, by: str, matched: str) -> None:
    """Says what a line of a bank statement is."""
    await conn.execute(
        "UPDATE bank_lines SET matched_by = %s, matched = %s WHERE tenant_id = %s AND line_id = %s",
        (by, matched, tenant_id, line_id),
    )


async def unmatch_line(conn: Connection, tenant_id: int, line_id: int) -> None:
    """Says that a line of a bank statement belongs to nothing any more, by somebody's word."""
    await conn.execute(
        "UPDATE bank_lines SET matched_by = NULL, matched = NULL, undone = undone + 1"
        " WHERE tenant_id = %s AND line_id = %s",
        (tenant_id, line_id),
    )


async def find_settlement(
    conn: Connection, tenant_id: int, amount: int, currency: str, first: date, last: date
) -> str | None:
    """The key of a settlement of this amount that no line of the bank was matched with, the oldest of those days."""
    row = await (
        await conn.execute(
            """
            SELECT j.key FROM journal j JOIN postings p USING (entry_id) JOIN ledger_accounts a USING (account_id)
            WHERE j.tenant_id = %s AND j.kind = 'settlement' AND a.name = 'bank' AND p.amount = %s AND p.currency = %s
            AND j.at::date BETWEEN %s AND %s AND NOT EXISTS (
                SELECT FROM bank_lines b WHERE b.tenant_id = j.tenant_id AND b.matched_by = 'settlement'
                AND b.matched = j.key)
            ORDER BY j.at, j.entry_id LIMIT 1
            """,
            (tenant_id, amount, currency, first, last),
        )
    ).fetchone()
    return None if row is None else str(row[0])


async def find_file_of(conn: Connection, tenant_id: int, total: int, currency: str, text: str, on: date) -> int | None:
    """The file for the bank that was booked as one sum, with or without what the bank refused of it: by its name in the
    text, else by the day and the sum."""
    row = await (
        await conn.execute(
            f"SELECT file_id FROM payout_files f WHERE tenant_id = %(tenant_id)s AND {_IS_SUM}"
            " AND currency = %(currency)s AND (position(message IN %(text)s) > 0"
            " OR %(on)s::date - execution_on BETWEEN 0 AND 1)"
            " AND EXISTS (SELECT FROM payouts p WHERE p.tenant_id = f.tenant_id AND p.file_id = f.file_id"
            "  AND p.booked_on IS NULL AND p.refused_at IS NULL)"
            " ORDER BY position(message IN %(text)s) > 0 DESC, file_id LIMIT 1",
            {"tenant_id": tenant_id, "total": total, "currency": currency, "text": text, "on": on},
        )
    ).fetchone()
    return None if row is None else int(row[0])


async def names_file(conn: Connection, tenant_id: int, total: int, currency: str, text: str) -> bool:
    """Whether a line names a file for the bank, and is of its sum, with or without what was refused of it."""
    cursor = await conn.execute(
        f"SELECT FROM payout_files f WHERE tenant_id = %(tenant)s AND {_IS_SUM} AND currency = %(currency)s"
        " AND position(message IN %(text)s) > 0 LIMIT 1",
        {"tenant": tenant_id, "total": total, "currency": currency, "text": text},
    )
    return await cursor.fetchone() is not None


async def find_second(conn: Connection, tenant_id: int, back: BankLineRow) -> int | None:
    """The line by which the bank carried a payout out once more, with no match yet, of which this came back. One of
    which somebody said that it is not that payout is none."""
    row = await (
        await conn.execute(
            "SELECT line_id FROM bank_lines WHERE tenant_id = %s AND matched_by IS NULL AND undone = 0"
            " AND end_to_end = %s AND amount = %s AND currency = %s ORDER BY line_id LIMIT 1",
            (tenant_id, back.end_to_end, -back.amount, back.currency),
        )
    ).fetchone()
    return None if row is None else int(row[0])


async def came_back(conn: Connection, tenant_id: int, *payouts: str) -> bool:
    """Whether a line of the bank said already that one of these payouts came back; one that came back of its second is
    not it."""
    cursor = await conn.execute(
        "SELECT FROM bank_lines WHERE tenant_id = %s AND matched_by = 'return' AND matched = ANY(%s)"
        " GROUP BY matched HAVING sum(sign(amount)) > 0 LIMIT 1",
        (tenant_id, list(payouts)),
    )
    return cursor.rowcount > 0


async def list_unbooked(conn: Connection, tenant_id: int, before: date) -> list[tuple[int, int, str, datetime]]:
    """Payouts by a file, and by hand from an account whose statements are read, that the bank should have booked before
    that day, and of which nobody says that it did: number, amount, currency, made when."""
    rows = await conn.execute(
        "SELECT payout_id, amount, currency, made_at FROM payouts p WHERE tenant_id = %s"
        " AND (way = 'sepa' OR way = 'hand' AND EXISTS (SELECT 1 FROM bank_lines l"
        " WHERE l.tenant_id = p.tenant_id AND l.currency = p.currency))"
        " AND state IN ('paid', 'bounced') AND booked_on IS NULL AND said_booked_on IS NULL AND refused_at IS NULL"
        " AND execution_on < %s"
        " ORDER BY payout_id",
        (tenant_id, before),
    )
    return [(int(number), int(amount), str(currency), at) for number, amount, currency, at in await rows.fetchall()]


async def list_unreturned(conn: Connection, tenant_id: int, before: date) -> list[tuple[int, int, str, datetime]]:
    """Payouts that the bank refused, booked all the same before that day with their file, and did not send back:
    number, amount, currency, refused when."""
    rows = await conn.execute(
        "SELECT payout_id, amount, currency, refused_at FROM payouts p WHERE tenant_id = %s AND refused_at IS NOT NULL"
        " AND booked_on < %s AND NOT EXISTS (SELECT FROM bank_lines l WHERE l.tenant_id = p.tenant_id"
        " AND l.matched_by = 'return' AND l.matched = p.payout_id::text) ORDER BY payout_id",
        (tenant_id, before),
    )
    return [(int(number), int(amount), str(currency), at) for number, amount, currency, at in await rows.fetchall()]


async def read_any(conn: Connection, tenant_id: int) -> bool:
    """Whether a bank statement was ever read: without one nothing is known to be missing there."""
    row = await (await conn.execute("SELECT 1 FROM bank_lines WHERE tenant_id = %s LIMIT 1", (tenant_id,))).fetchone()
    return row is not None
