"""Payouts to hosts, and the files by which banks are asked for them."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Final

from msgspec import Struct
from psycopg.rows import class_row

from forecourt.payments.hosts.store import Connection
from forecourt.platform.ordering import Age, Place, bounds, by_age, onward

_COLUMNS: Final = (
    "p.payout_id, p.host_id, h.name AS host, p.way, p.currency, p.amount, p.state, p.execution_on, p.up_to_line,"
    " p.source, p.bank_shown, p.file_id, p.reference, p.reason, p.made_at, p.ended_at, p.booked_on, p.taken_back,"
    " p.refused_at, p.said_booked_on"
)
_FROM: Final = "FROM payouts p JOIN hosts h USING (tenant_id, host_id)"
_FILE: Final = "file_id, message, execution_on, currency, payouts, total, sealed, made_at"
_ORDERS: Final = by_age("p.payout_id")
_FILE_ORDERS: Final = by_age("file_id")


class PayoutRow(Struct, frozen=True, kw_only=True):
    """One payout as stored."""

    payout_id: int
    host_id: int
    host: str
    way: str
    currency: str
    amount: int
    state: str
    execution_on: date
    up_to_line: int
    source: str
    bank_shown: str
    file_id: int | None
    reference: str | None
    reason: str
    made_at: datetime
    ended_at: datetime | None
    booked_on: date | None
    #: Minor units of it that came back at the provider.
    taken_back: int = 0
    #: When the bank said that it would not carry it out.
    refused_at: datetime | None = None
    #: When the bank booked it, as somebody says.
    said_booked_on: date | None = None

    @property
    def stands(self) -> str:
        """How it stands, as it is shown: what a file asks the bank for is paid once the bank booked it, as a statement
        or somebody says."""
        waits = self.way == "sepa" and self.booked_on is None and self.said_booked_on is None
        return "sent" if self.state == "paid" and waits else self.state


class FileRow(Struct, frozen=True, kw_only=True):
    """One file for the bank as stored."""

    file_id: int
    message: str
    execution_on: date
    currency: str
    payouts: int
    total: int
    sealed: bytes
    made_at: datetime


async def insert_payout(
    conn: Connection, tenant_id: int, *, host_id: int, way: str, currency: str, amount: int, state: str,
    execution_on: date, up_to_line: int, source: str, bank_shown: str, made_at: datetime,
) -> int:  # fmt: skip
    """Stores a payout; its number."""
    row = await (
        await conn.execute(
            "INSERT INTO payouts (tenant_id, host_id, way, currency, amount, state, execution_on, up_to_line, source,"
            " bank_shown, made_at) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s) RETURNING payout_id",
            (tenant_id, host_id, way, currency, amount, state, execution_on, up_to_line, source, bank_shown, made_at),
        )
    ).fetchone()
    assert row is not None
    return int(row[0])


async def find_payout(conn: Connection, tenant_id: int, payout_id: int, *, lock: bool = False) -> PayoutRow | None:
    """The payout of this number; with `lock` held until the transaction ends."""
    cursor = conn.cursor(row_factory=class_row(PayoutRow))
    await cursor.execute(
        f"SELECT {_COLUMNS} {_FROM} WHERE p.tenant_id = %s AND p.payout_id = %s{' FOR UPDATE OF p' if lock else ''}",
        (tenant_id, payout_id),
    )
    return await cursor.fetchone()


async def list_payouts(
    conn: Connection, tenant_id: int, *, host_id: int | None = None, state: str | None = None,
    way: str | None = None, file_id: int | None = None, order: Age = "newest", place: Place = None, limit: int,
) -> list[PayoutRow]:  # fmt: skip
    """Payouts behind the number of a place: of one host, in one state, by one way, of one file."""
    cursor = conn.cursor(row_factory=class_row(PayoutRow))
    await cursor.execute(
        f"""
        SELECT {_COLUMNS} {_FROM} WHERE p.tenant_id = %(tenant_id)s
        AND (%(host_id)s::int IS NULL OR p.host_id = %(host_id)s)
        AND (%(state)s::text IS NULL OR %(state)s = CASE WHEN p.state = 'paid' AND p.way = 'sepa'
            AND p.booked_on IS NULL AND p.said_booked_on IS NULL THEN 'sent' ELSE p.state END)
        AND (%(way)s::text IS NULL OR p.way = %(way)s)
        AND (%(file_id)s::int IS NULL OR p.file_id = %(file_id)s)
        {onward(_ORDERS[order], place)}
        """,
        {
            "tenant_id": tenant_id, "host_id": host_id, "state": state, "way": way, "file_id": file_id,
            **bounds(place, limit),
        },
    )  # fmt: skip
    return await cursor.fetchall()


async def end_payout(
    conn: Connection, tenant_id: int, payout_id: int, *, was: str, state: str, at: datetime,
    reference: str | None = None, execution_on: date | None = None, reason: str = "",
) -> bool:  # fmt: skip
    """Puts a payout into another state, if it is in the one said; whether it was."""
    cursor = await conn.execute(
        "UPDATE payouts SET state = %s, ended_at = %s, reference = coalesce(%s, reference),"
        " execution_on = coalesce(%s, execution_on), reason = %s"
        " WHERE tenant_id = %s AND payout_id = %s AND state = %s",
        (state, at, reference, execution_on, reason, tenant_id, payout_id, was),
    )
    return cursor.rowcount == 1


async def hosts_of(conn: Connection, tenant_id: int, payouts: Sequence[int], references: Sequence[str]) -> list[int]:
    """The hosts of payouts of these numbers, and of those that a provider calls so."""
    rows = await conn.execute(
        "SELECT DISTINCT host_id FROM payouts WHERE tenant_id = %s AND (payout_id = ANY(%s) OR reference = ANY(%s))",
        (tenant_id, list(payouts), list(references)),
    )
    return [int(host) for (host,) in await rows.fetchall()]


async def last_paid(conn: Connection, tenant_id: int, since: date) -> dict[tuple[int, str], date]:
    """The day of the last payout that went, or may have gone, of each host in each currency, of those since a day."""
    rows = await conn.execute(
        "SELECT host_id, currency, max(execution_on) FROM payouts WHERE tenant_id = %s AND execution_on >= %s"
        " AND state IN ('asked', 'paid') GROUP BY host_id, currency",
        (tenant_id, since),
    )
    return {(int(host), str(currency)): on for host, currency, on in await rows.fetchall()}


async def find_by_reference(conn: Connection, tenant_id: int, reference: str) -> PayoutRow | None:
    """The payout that a provider calls so."""
    cursor = conn.cursor(row_factory=class_row(PayoutRow))
    await cursor.execute(
        f"SELECT {_COLUMNS} {_FROM} WHERE p.tenant_id = %s AND p.reference = %s AND p.way = 'connect' LIMIT 1",
        (tenant_id, reference),
    )
    return await cursor.fetchone()


async def find_by_hand(
    conn: Connection, tenant_id: int, *, amount: int, currency: str, said: str, first: date, last: date
) -> int | None:
    """The payout by hand of this amount between two days, not booked yet, whose reference stands in what the bank
    said, as words of their own; None as well where there is more than one."""
    rows = await conn.execute(
        "SELECT payout_id FROM payouts WHERE tenant_id = %s AND way = 'hand' AND state IN ('paid', 'bounced')"
        " AND booked_on IS NULL AND amount = %s AND currency = %s AND execution_on BETWEEN %s AND %s"
        " AND %s ~* ('(^|[^[:alnum:]])' || regexp_replace(reference, '[^[:alnum:][:space:]]', '\\\\\\&', 'g')"
        " || '($|[^[:alnum:]])') LIMIT 2",
        (tenant_id, amount, currency, first, last, said),
    )
    found = await rows.fetchall()
    return int(found[0][0]) if len(found) == 1 else None


async def add_taken_back(
    conn: Connection, tenant_id: int, payout_id: int, amount: int, reason: str, at: datetime
) -> None:
    """So much of a payout came back; one that came back whole has bounced."""
    await conn.execute(
        "UPDATE payouts SET taken_back = taken_back + %(amount)s, reason = %(reason)s, ended_at = %(at)s,"
        " state = CASE WHEN taken_back + %(amount)s = amount THEN 'bounced' ELSE state END"
        " WHERE tenant_id = %(tenant)s AND payout_id = %(payout)s",
        {"amount": amount, "reason": reason, "at": at, "tenant": tenant_id, "payout": payout_id},
    )


async def set_booked(conn: Connection, tenant_id: int, payout_id: int, on: date, line_id: int) -> bool:
    """Notes when the bank booked a payout, and by which line; whether it had not yet."""
    cursor = await conn.execute(
        "UPDATE payouts SET booked_on = %s, booked_line = %s"
        " WHERE tenant_id = %s AND payout_id = %s AND booked_on IS NULL",
        (on, line_id, tenant_id, payout_id),
    )
    return cursor.rowcount == 1


async def booked_by(
    conn: Connection, tenant_id: int, line_id: int, *, matched_by: str, matched: str, on: date
) -> list[int]:
    """The payouts that a line of the bank booked on a day, held until the transaction ends: those that know it, and, as
    programs of before kept no line, those that it was matched with and that know none."""
    rows = await conn.execute(
        "SELECT payout_id FROM payouts WHERE tenant_id = %(tenant)s AND (booked_line = %(line)s"
        " OR booked_line IS NULL AND booked_on = %(on)s"
        " AND CASE %(by)s WHEN 'payout' THEN payout_id::text ELSE file_id::text END = %(of)s)"
        " ORDER BY payout_id FOR UPDATE",
        {"tenant": tenant_id, "line": line_id, "on": on, "by": matched_by, "of": matched},
    )
    return [int(number) for (number,) in await rows.fetchall()]


async def unset_booked(conn: Connection, tenant_id: int, payout_ids: Sequence[int]) -> None:
    """What the bank had booked of these it did not."""
    await conn.execute(
        "UPDATE payouts SET booked_on = NULL, booked_line = NULL WHERE tenant_id = %s AND payout_id = ANY(%s)",
        (tenant_id, list(payout_ids)),
    )


async def say_booked(
    conn: Connection, tenant_id: int, payout_id: int, *, on: date, by: str, at: datetime
) -> bool:  # fmt: skip
    """Notes when the bank booked a payout of a file, as somebody says; whether it was in that file still."""
    cursor = await conn.execute(
        "UPDATE payouts SET said_booked_on = %s, said_booked_at = %s, said_booked_by = %s WHERE tenant_id = %s"
        " AND payout_id = %s AND way = 'sepa' AND state = 'paid' AND booked_on IS NULL AND said_booked_on IS NULL",
        (on, at, by, tenant_id, payout_id),
    )
    return cursor.rowcount == 1


async def unsay_booked(conn: Connection, tenant_id: int, payout_id: int) -> bool:
    """What somebody said of a payout's booking is said no more; False where nobody did, or more came of it since."""
    cursor = await conn.execute(
        "UPDATE payouts SET said_booked_on = NULL, said_booked_at = NULL, said_booked_by = NULL WHERE tenant_id = %s"
        " AND payout_id = %s AND state = 'paid' AND booked_on IS NULL AND said_booked_on IS NOT NULL",
        (tenant_id, payout_id),
    )
    return cursor.rowcount == 1


async def set_refused(conn: Connection, tenant_id: int, payout_id: int, at: datetime) -> None:
    """Notes that the bank said that it would not carry a payout out."""
    await conn.execute(
        "UPDATE payouts SET refused_at = %s WHERE tenant_id = %s AND payout_id = %s", (at, tenant_id, payout_id)
    )


async def put_in_file(conn: Connection, tenant_id: int, payout_ids: list[int], file_id: int) -> None:
    """Says by which file the bank is asked."""
    await conn.execute(
        "UPDATE payouts SET file_id = %s WHERE tenant_id = %s AND payout_id = ANY(%s)",
        (file_id, tenant_id, payout_ids),
    )


async def insert_file(
    conn: Connection, tenant_id: int, *, message: str, execution_on: date, currency: str, payouts: int, total: int,
    sealed: bytes, made_at: datetime,
) -> int:  # fmt: skip
    """Stores a file; its number."""
    row = await (
        await conn.execute(
            "INSERT INTO payout_files (tenant_id, message, execution_on, currency, payouts, total, sealed, made_at)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s, %s) RETURNING file_id",
            (tenant_id, message, execution_on, currency, payouts, total, sealed, made_at),
        )
    ).fetchone()
    assert row is not None
    return int(row[0])


async def find_file(conn: Connection, tenant_id: int, file_id: int) -> FileRow | None:
    """The file of this number."""
    cursor = conn.cursor(row_factory=class_row(FileRow))
    await cursor.execute(
        f"SELECT {_FILE} FROM payout_files WHERE tenant_id = %s AND file_id = %s", (tenant_id, file_id)
    )
    return await cursor.fetchone()


async def find_file_named(conn: Connection, tenant_id: int, message: str) -> FileRow | None:
    """The file of this name, as banks call it."""
    cursor = conn.cursor(row_factory=class_row(FileRow))
    await cursor.execute(
        f"SELECT {_FILE} FROM payout_files WHERE tenant_id = %s AND message = %s LIMIT 1", (tenant_id, message)
    )
    return await cursor.fetchone()


async def list_files(
    conn: Connection, tenant_id: int, *, order: Age = "newest", place: Place = None, limit: int
) -> list[FileRow]:
    """Files behind the number of a place."""
    cursor = conn.cursor(row_factory=class_row(FileRow))
    await cursor.execute(
        f"SELECT {_FILE} FROM payout_files WHERE tenant_id = %(tenant_id)s {onward(_FILE_ORDERS[order], place)}",
        {"tenant_id": tenant_id, **bounds(place, limit)},
    )
    return await cursor.fetchall()


async def list_asked(conn: Connection, tenant_id: int) -> list[PayoutRow]:
    """Payouts of which it isn't known whether the provider acted."""
    cursor = conn.cursor(row_factory=class_row(PayoutRow))
    await cursor.execute(
        f"SELECT {_COLUMNS} {_FROM} WHERE p.tenant_id = %s AND p.state = 'asked' ORDER BY p.payout_id", (tenant_id,)
    )
    return await cursor.fetchall()
