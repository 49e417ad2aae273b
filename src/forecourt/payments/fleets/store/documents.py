"""Documents of invoices, and the letters that they go with."""

from datetime import datetime
from uuid import UUID

from forecourt.payments.fleets.store import Connection


async def list_undocumented(conn: Connection, tenant_id: int, limit: int, *, after: int = 0) -> list[int]:
    """What was issued and has no document yet, behind one of them."""
    cursor = await conn.execute(
        "SELECT i.invoice_id FROM fleet_invoices i WHERE i.tenant_id = %s AND NOT EXISTS (SELECT FROM fleet_documents d"
        " WHERE d.invoice_id = i.invoice_id) AND i.invoice_id > %s ORDER BY i.invoice_id LIMIT %s",
        (tenant_id, after, limit),
    )
    return [int(row[0]) for row in await cursor.fetchall()]


async def insert_document(
    conn: Connection, tenant_id: int, invoice_id: int, pdf: bytes, xml: bytes, at: datetime
) -> bool:
    """Stores the document of an invoice; False where it has one."""
    cursor = await conn.execute(
        "INSERT INTO fleet_documents (invoice_id, tenant_id, pdf, xml, made_at) VALUES (%s, %s, %s, %s, %s)"
        " ON CONFLICT DO NOTHING",
        (invoice_id, tenant_id, pdf, xml, at),
    )
    return cursor.rowcount == 1


async def find_document(conn: Connection, tenant_id: int, invoice_id: int) -> tuple[bytes, bytes] | None:
    """PDF and XML of an invoice."""
    row = await (
        await conn.execute(
            "SELECT pdf, xml FROM fleet_documents WHERE tenant_id = %s AND invoice_id = %s", (tenant_id, invoice_id)
        )
    ).fetchone()
    return None if row is None else (bytes(row[0]), bytes(row[1]))


async def insert_letter(
    conn: Connection, tenant_id: int, letter_id: UUID, invoice_id: int, kind: str, level: int, recipient: str,
    at: datetime,
) -> None:  # fmt: skip
    """Notes what was written, and which invoice goes with it."""
    await conn.execute(
        "INSERT INTO fleet_letters (letter_id, tenant_id, invoice_id, kind, level, recipient, written_at)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s)",
        (letter_id, tenant_id, invoice_id, kind, level, recipient, at),
    )


async def find_letter(conn: Connection, tenant_id: int, letter_id: UUID) -> tuple[str, bytes] | None:
    """The number and the PDF of the invoice that goes with a letter."""
    row = await (
        await conn.execute(
            "SELECT i.number, d.pdf FROM fleet_letters l JOIN fleet_invoices i USING (tenant_id, invoice_id)"
            " JOIN fleet_documents d USING (invoice_id) WHERE l.tenant_id = %s AND l.letter_id = %s",
            (tenant_id, letter_id),
        )
    ).fetchone()
    return None if row is None else (str(row[0]), bytes(row[1]))


async def list_letters(conn: Connection, tenant_id: int, invoice_id: int) -> list[tuple[str, int, str, datetime]]:
    """What was written about an invoice: kind, level, to whom, when."""
    cursor = await conn.execute(
        "SELECT kind, level, recipient, written_at FROM fleet_letters WHERE tenant_id = %s AND invoice_id = %s"
        " ORDER BY written_at LIMIT 50",
        (tenant_id, invoice_id),
    )
    return [(str(kind), int(level), str(to), at) for kind, level, to, at in await cursor.fetchall()]
