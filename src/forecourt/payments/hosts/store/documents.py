"""The documents by which hosts are billed for what they supply: issued once, numbered without a gap, never changed."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, Final

import msgspec
from msgspec import Struct
from psycopg.rows import class_row, dict_row
from psycopg.types.json import Jsonb

from forecourt.payments.hosts.store import Connection
from forecourt.payments.hosts.store.lines import LineRow
from forecourt.platform.ordering import Age, Place, bounds, by_age, onward

_DOCUMENT: Final = (
    "document_id, host_id, payout_id, number, corrects, currency, net, vat, other, total, lines, issued_at, issued_on,"
    " period_from, period_to, said"
)
_ORDERS: Final = by_age("document_id")
_LINE_ORDER: Final = by_age("l.line_id")["oldest"]
#: What is on no document yet: payouts pay it and are no part of it. Each with the document that it corrects, and the
#: account of its VAT.
_OPEN: Final = """
    SELECT l.line_id, l.at, l.amount, l.vat, starts_with(l.kind, 'host_share') AS supplied,
        l.share - l.platform_fee AS net,
        CASE WHEN l.kind = 'host_share_back' THEN (SELECT d.document_id FROM host_lines s
            JOIN host_document_lines d USING (line_id) WHERE s.tenant_id = l.tenant_id AND s.session_id = l.session_id
            AND s.host_id = l.host_id AND s.kind = 'host_share') END AS corrects,
        (SELECT a.name FROM postings p JOIN ledger_accounts a USING (account_id)
            WHERE p.entry_id = l.entry_id AND starts_with(a.name, 'vat_receivable:') LIMIT 1) AS taxed
    FROM host_lines l WHERE l.tenant_id = %(tenant)s AND l.host_id = %(host)s AND l.currency = %(currency)s
    AND l.line_id <= %(up_to)s AND l.kind NOT IN ('payout', 'payout_bounced')
    AND l.line_id > (SELECT coalesce(max(up_to_line), 0) FROM host_documents d WHERE d.tenant_id = %(tenant)s
        AND d.host_id = %(host)s AND d.currency = %(currency)s)
"""


class OpenPart(Struct, frozen=True, kw_only=True):
    """What lines come to that are on no document yet, by the document that they correct and by their VAT's account."""

    corrects: int | None
    taxed: str | None
    lines: int
    net: int
    vat: int
    other: int
    first_at: datetime
    last_at: datetime


class DocumentRow(Struct, frozen=True, kw_only=True):
    """A self-billed document as stored, in minor units: `net` and `vat` of what was supplied, and `other`, which is no
    supply of the host: expenses, monthly fees, what was paid for charging at home."""

    document_id: int
    host_id: int
    payout_id: int | None
    number: str
    corrects: int | None
    currency: str
    net: int
    vat: int
    other: int
    total: int
    lines: int
    issued_at: datetime
    issued_on: date
    period_from: datetime
    period_to: datetime
    said: Any


async def list_open(conn: Connection, tenant_id: int, host_id: int, currency: str, up_to: int) -> list[OpenPart]:
    """What is on no document yet, up to a line; what corrects none first. The host is held."""
    cursor = conn.cursor(row_factory=class_row(OpenPart))
    await cursor.execute(
        "SELECT corrects, taxed, count(*) AS lines, coalesce(sum(net) FILTER (WHERE supplied), 0)::bigint AS net,"
        " coalesce(sum(vat) FILTER (WHERE supplied), 0)::bigint AS vat,"
        " coalesce(sum(amount) FILTER (WHERE NOT supplied), 0)::bigint AS other, min(at) AS first_at,"
        f" max(at) AS last_at FROM ({_OPEN}) open GROUP BY corrects, taxed ORDER BY corrects NULLS FIRST, taxed",
        {"tenant": tenant_id, "host": host_id, "currency": currency, "up_to": up_to},
    )
    return await cursor.fetchall()


async def list_open_lines(
    conn: Connection, tenant_id: int, host_id: int, currency: str, up_to: int
) -> list[tuple[int, int | None]]:
    """The lines of that, each with the document that it corrects."""
    rows = await conn.execute(
        f"SELECT line_id, corrects FROM ({_OPEN}) open ORDER BY line_id",
        {"tenant": tenant_id, "host": host_id, "currency": currency, "up_to": up_to},
    )
    return [(int(line), corrects) for line, corrects in await rows.fetchall()]


async def list_left(conn: Connection, tenant_id: int, before: datetime) -> list[tuple[int, str, int]]:
    """Who supplied something before a moment that is on no document, in which currency, and up to which line."""
    rows = await conn.execute(
        """
        SELECT l.host_id, l.currency, max(l.line_id) FROM host_lines l
        WHERE l.tenant_id = %(tenant)s AND l.at < %(before)s AND l.kind NOT IN ('payout', 'payout_bounced')
        AND l.line_id > (SELECT coalesce(max(up_to_line), 0) FROM host_documents d WHERE d.tenant_id = %(tenant)s
            AND d.host_id = l.host_id AND d.currency = l.currency)
        GROUP BY l.host_id, l.currency HAVING bool_or(starts_with(l.kind, 'host_share')) ORDER BY 1, 2
        """,
        {"tenant": tenant_id, "before": before},
    )
    return [(int(host), str(currency), int(line)) for host, currency, line in await rows.fetchall()]


async def next_serial(conn: Connection, tenant_id: int, year: int) -> int:
    """The next number of a year. Whoever asks too waits until this transaction has ended, so that none is left out: ask
    when all hosts are held that will be."""
    row = await (
        await conn.execute(
            "INSERT INTO host_document_numbers (tenant_id, year, last) VALUES (%s, %s, 1)"
            " ON CONFLICT (tenant_id, year) DO UPDATE SET last = host_document_numbers.last + 1 RETURNING last",
            (tenant_id, year),
        )
    ).fetchone()
    assert row is not None
    return int(row[0])


async def find_recipient(conn: Connection, tenant_id: int) -> dict[str, Any]:
    """Who hosts supply: `name`, `zone`, and `seller`, what the organisation says of itself on invoices."""
    cursor = conn.cursor(row_factory=dict_row)
    await cursor.execute(
        "SELECT o.name, o.time_zone AS zone, s.said AS seller FROM organisations o"
        " LEFT JOIN invoice_sellers s USING (tenant_id) WHERE o.tenant_id = %s",
        (tenant_id,),
    )
    row = await cursor.fetchone()
    assert row is not None
    return row


async def insert_document(conn: Connection, tenant_id: int, values: Mapping[str, Any], line_ids: list[int]) -> int:
    """Stores a document with its lines; its id."""
    known = {**values, "said": Jsonb(msgspec.to_builtins(values["said"]))}
    row = await (
        await conn.execute(
            f"INSERT INTO host_documents (tenant_id, {', '.join(known)}) VALUES (%(tenant_id)s,"
            f" {', '.join(f'%({name})s' for name in known)}) RETURNING document_id",
            {**known, "tenant_id": tenant_id},
        )
    ).fetchone()
    assert row is not None
    await conn.execute(
        "INSERT INTO host_document_lines (tenant_id, document_id, line_id) SELECT %s, %s, unnest(%s::bigint[])",
        (tenant_id, row[0], line_ids),
    )
    return int(row[0])


async def find_document(conn: Connection, tenant_id: int, document_id: int) -> DocumentRow | None:
    """The document of this id."""
    cursor = conn.cursor(row_factory=class_row(DocumentRow))
    await cursor.execute(
        f"SELECT {_DOCUMENT} FROM host_documents WHERE tenant_id = %s AND document_id = %s", (tenant_id, document_id)
    )
    return await cursor.fetchone()


async def list_documents(
    conn: Connection, tenant_id: int, *, host_id: int | None = None, order: Age = "newest", place: Place = None,
    limit: int,
) -> list[DocumentRow]:  # fmt: skip
    """Documents behind the id of a place, of one host or of all."""
    cursor = conn.cursor(row_factory=class_row(DocumentRow))
    await cursor.execute(
        f"SELECT {_DOCUMENT} FROM host_documents WHERE tenant_id = %(tenant)s"
        f" AND (%(host)s::int IS NULL OR host_id = %(host)s) {onward(_ORDERS[order], place)}",
        {"tenant": tenant_id, "host": host_id, **bounds(place, limit)},
    )
    return await cursor.fetchall()


async def list_lines(
    conn: Connection, tenant_id: int, document_id: int, *, place: Place = None, limit: int
) -> list[LineRow]:
    """The lines of a document behind the number of a place, the oldest first."""
    cursor = conn.cursor(row_factory=class_row(LineRow))
    await cursor.execute(
        f"SELECT {', '.join(f'l.{name}' for name in LineRow.__struct_fields__)} FROM host_document_lines d"
        " JOIN host_lines l USING (tenant_id, line_id) WHERE d.tenant_id = %(tenant)s"
        f" AND d.document_id = %(document)s {onward(_LINE_ORDER, place)}",
        {"tenant": tenant_id, "document": document_id, **bounds(place, limit)},
    )
    return await cursor.fetchall()
