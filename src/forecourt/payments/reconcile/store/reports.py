"""What banks said of files that they were given."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, Literal

import msgspec
from msgspec import Struct
from psycopg.rows import dict_row

from forecourt.payments.reconcile.store import Connection
from forecourt.platform.ordering import Age, Place, bounds, by_age, onward

_COLUMNS: Final = "report_id, message, file, kind, accepted, open, refused, unknown, lines, read_at, read_by"
_ORDERS: Final = by_age("report_id")

#: What a file of ours asks for.
FileKind = Literal["payouts", "debits"]
#: What came of a line: taken as refused now, before, or not, as the bank had booked it; or it is none of ours.
Outcome = Literal["refused", "before", "booked", "twice", "unknown"]


class ReportLine(Struct, frozen=True, kw_only=True):
    """What a report says of a payment, or of what is none of ours. `number`: of the payout or the debit."""

    reference: str
    outcome: Outcome
    reason: str = ""
    number: int | None = None


class ReportRow(Struct, frozen=True, kw_only=True):
    """A report as it was read: how many payments of the file are accepted, not decided, refused; and how many names
    are none of ours."""

    report_id: int
    message: str
    file: str
    kind: FileKind | None
    accepted: int
    open: int
    refused: int
    unknown: int
    lines: tuple[ReportLine, ...]
    read_at: datetime
    read_by: str


async def insert_report(
    conn: Connection, tenant_id: int, *, digest: bytes, message: str, file: str, kind: FileKind | None, accepted: int,
    open_: int, refused: int, unknown: int, lines: Sequence[ReportLine], at: datetime, by: str,
) -> int:  # fmt: skip
    """Notes that a report was read; its number. One that was read before keeps what it said then."""
    row = await (
        await conn.execute(
            """
            WITH new AS (
                INSERT INTO bank_reports (tenant_id, digest, message, file, kind, accepted, open, refused, unknown,
                    lines, read_at, read_by)
                VALUES (%(tenant)s, %(digest)s, %(message)s, %(file)s, %(kind)s, %(accepted)s, %(open)s, %(refused)s,
                    %(unknown)s, %(lines)s::jsonb, %(at)s, %(by)s)
                ON CONFLICT (tenant_id, digest) DO NOTHING RETURNING report_id
            )
            SELECT report_id FROM new
            UNION ALL SELECT report_id FROM bank_reports WHERE tenant_id = %(tenant)s AND digest = %(digest)s
            LIMIT 1
            """,
            {
                "tenant": tenant_id, "digest": digest, "message": message, "file": file, "kind": kind,
                "accepted": accepted, "open": open_, "refused": refused, "unknown": unknown,
                "lines": msgspec.json.encode(lines).decode(), "at": at, "by": by,
            },
        )
    ).fetchone()  # fmt: skip
    assert row is not None, "reports are read one at a time"
    return int(row[0])


async def list_reports(
    conn: Connection, tenant_id: int, *, order: Age = "newest", place: Place = None, limit: int
) -> list[ReportRow]:
    """Reports that were read, behind the number of a place."""
    cursor = conn.cursor(row_factory=dict_row)
    await cursor.execute(
        f"SELECT {_COLUMNS} FROM bank_reports WHERE tenant_id = %(tenant_id)s {onward(_ORDERS[order], place)}",
        {"tenant_id": tenant_id, **bounds(place, limit)},
    )
    return [_row(each) for each in await cursor.fetchall()]


def _row(row: dict[str, Any]) -> ReportRow:
    return msgspec.convert(row, ReportRow)
