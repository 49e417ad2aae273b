"""The SQL of money that is nobody's: what is open of payments, by the journal."""

from uuid import UUID

from psycopg.rows import class_row

from forecourt.payments.ledger.store import Connection
from forecourt.payments.unmatched.model import MAX_LISTED, Open, Posted

_OPEN = """
SELECT j.intent, p.currency, -sum(p.amount)::bigint AS amount FROM ledger_accounts a JOIN postings p USING (account_id)
JOIN journal j USING (entry_id) WHERE a.tenant_id = %(tenant)s AND a.name = 'unmatched' AND j.intent IS NOT NULL
"""


async def list_open(conn: Connection, tenant_id: int) -> list[Open]:
    """Payments of which money is nobody's, the latest first."""
    cursor = conn.cursor(row_factory=class_row(Open))
    await cursor.execute(
        f"{_OPEN} GROUP BY j.intent, p.currency HAVING sum(p.amount) < 0 ORDER BY max(j.entry_id) DESC LIMIT %(most)s",
        {"tenant": tenant_id, "most": MAX_LISTED},
    )
    return await cursor.fetchall()


async def open_of(conn: Connection, tenant_id: int, intent: str, currency: str) -> int:
    """What of a payment is nobody's, in minor units."""
    cursor = conn.cursor(row_factory=class_row(Open))
    await cursor.execute(
        f"{_OPEN} AND j.intent = %(intent)s AND p.currency = %(currency)s GROUP BY j.intent, p.currency",
        {"tenant": tenant_id, "intent": intent, "currency": currency},
    )
    found = await cursor.fetchone()
    return 0 if found is None else found.amount


async def debt_paid_by(conn: Connection, tenant_id: int, entry: str) -> UUID | None:
    """The payment that was owed and of which the posting of this key paid something; None where that was not kept."""
    cursor = await conn.execute(
        "SELECT intent_id FROM payment_steps WHERE tenant_id = %s AND entry = %s AND kind = 'debt_paid'",
        (tenant_id, entry),
    )
    row = await cursor.fetchone()
    return None if row is None else UUID(str(row[0]))


async def list_posted(conn: Connection, tenant_id: int) -> list[Posted]:
    """What was posted of it and not taken back, the latest first."""
    cursor = conn.cursor(row_factory=class_row(Posted))
    await cursor.execute(
        "SELECT j.entry_id, j.at, j.intent, j.memo, a.name AS account, p.currency, -p.amount AS amount FROM journal j"
        " JOIN postings p USING (entry_id) JOIN ledger_accounts a USING (account_id)"
        " WHERE j.tenant_id = %(tenant)s AND j.kind = 'unmatched_posted' AND p.amount < 0 AND NOT EXISTS ("
        "  SELECT FROM journal b WHERE b.tenant_id = j.tenant_id AND b.key = j.key || ':back')"
        " ORDER BY j.entry_id DESC LIMIT %(most)s",
        {"tenant": tenant_id, "most": MAX_LISTED},
    )
    return await cursor.fetchall()
