"""All SQL of the months of memberships."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec
from psycopg import AsyncConnection
from psycopg.rows import dict_row

from forecourt.payments.fees.model import Fee

Connection = AsyncConnection[Any]

#: Months taken at once by the worker.
DUE_AT_ONCE: Final = 200
#: Months of one driver that are shown.
MAX_SHOWN: Final = 24
CHANGEABLE: Final = frozenset({"state", "tries", "intent_id", "reason", "paid_at", "next_at"})
_FEE: Final = """
    SELECT f.fee_id, f.driver_id, f.subscription_id, f.number, f.from_at, f.until_at, f.title, f.currency, f.amount,
        f.vat, f.country, f.state, f.tries, f.intent_id, f.reason, f.next_at, s.ends_at, a.email, a.language,
        a.state = 'active' AS active, coalesce(s.pays_by, a.pays_by) AS pays_by,
        CASE WHEN s.pays_by IS NULL THEN a.pays_method ELSE s.pays_method END AS pays_method, s.by_driver
    FROM subscription_fees f
    JOIN subscriptions s ON s.tenant_id = f.tenant_id AND s.subscription_id = f.subscription_id
    JOIN driver_accounts a ON a.tenant_id = f.tenant_id AND a.driver_id = f.driver_id
    WHERE f.tenant_id = %(tenant)s"""


async def open_month(conn: Connection, tenant_id: int, subscription_id: int, number: int, now: datetime) -> UUID | None:
    """One more month of a membership that costs something, due now; None where it is there or there is none.

    Months are counted from when it began, by the organisation's clock: from the 31st on, the shorter ones end earlier.
    Taxed where the organisation is, as its invoices say (2006/112/EC, art. 45); before it said so, where its first site
    is.
    """
    row = await (
        await conn.execute(
            """
            INSERT INTO subscription_fees (tenant_id, driver_id, subscription_id, number, from_at, until_at, title,
                currency, amount, vat, country, next_at)
            SELECT s.tenant_id, s.driver_id, s.subscription_id, %(number)s,
                (z.began + make_interval(months => %(number)s)) AT TIME ZONE o.time_zone,
                (z.began + make_interval(months => %(number)s + 1)) AT TIME ZONE o.time_zone,
                p.title, p.currency, p.month_fee, p.vat, coalesce(
                    (SELECT v.said ->> 'country' FROM invoice_sellers v WHERE v.tenant_id = s.tenant_id),
                    (SELECT i.country FROM sites i
                        WHERE i.tenant_id = s.tenant_id AND i.country IS NOT NULL ORDER BY i.site_id LIMIT 1), 'ZZ'),
                %(now)s
            FROM subscriptions s
            JOIN subscription_plans p ON p.tenant_id = s.tenant_id AND p.plan_id = s.plan_id AND p.month_fee > 0
            JOIN organisations o ON o.tenant_id = s.tenant_id
            CROSS JOIN LATERAL (SELECT s.began_at AT TIME ZONE o.time_zone AS began) z
            WHERE s.tenant_id = %(tenant)s AND s.subscription_id = %(subscription)s
            ON CONFLICT (tenant_id, subscription_id, number) DO NOTHING RETURNING fee_id
            """,
            {"tenant": tenant_id, "subscription": subscription_id, "number": number, "now": now},
        )
    ).fetchone()
    return None if row is None else UUID(str(row[0]))


async def find_fee(conn: Connection, tenant_id: int, fee_id: UUID) -> Fee | None:
    """The month of this id, held until the transaction ends."""
    return await _one(conn, "AND f.fee_id = %(fee)s FOR UPDATE OF f", {"tenant": tenant_id, "fee": fee_id})


async def find_by_intent(conn: Connection, tenant_id: int, intent_id: UUID) -> Fee | None:
    """The month that a payment is for."""
    return await _one(conn, "AND f.intent_id = %(intent)s", {"tenant": tenant_id, "intent": intent_id})


async def list_fees(conn: Connection, tenant_id: int, driver_id: int) -> list[Fee]:
    """The months of a driver's memberships, the latest first."""
    cursor = conn.cursor(row_factory=dict_row)
    await cursor.execute(
        f"{_FEE} AND f.driver_id = %(driver)s ORDER BY f.from_at DESC, f.number DESC LIMIT %(most)s",
        {"tenant": tenant_id, "driver": driver_id, "most": MAX_SHOWN},
    )
    return [msgspec.convert(row, Fee) for row in await cursor.fetchall()]


async def update_fee(conn: Connection, tenant_id: int, fee_id: UUID, changes: Mapping[str, Any]) -> None:
    """Changes columns named in CHANGEABLE."""
    assert changes.keys() <= CHANGEABLE, "a column that stays"
    said = ", ".join(f"{name} = %({name})s" for name in changes)
    await conn.execute(
        f"UPDATE subscription_fees SET {said} WHERE tenant_id = %(_tenant)s AND fee_id = %(_fee)s",
        {**changes, "_tenant": tenant_id, "_fee": fee_id},
    )


async def take_due(conn: Connection, now: datetime, until: datetime) -> list[tuple[int, UUID]]:
    """Months whose time to be looked at has come, of every organisation; nobody else takes them before `until`. For the
    worker."""
    cursor = await conn.execute(
        "UPDATE subscription_fees SET next_at = %s WHERE fee_id IN (SELECT fee_id FROM subscription_fees"
        " WHERE next_at <= %s ORDER BY next_at LIMIT %s FOR UPDATE SKIP LOCKED) RETURNING tenant_id, fee_id",
        (until, now, DUE_AT_ONCE),
    )
    return [(int(tenant_id), fee_id) for tenant_id, fee_id in await cursor.fetchall()]


async def _one(conn: Connection, condition: str, values: Mapping[str, Any]) -> Fee | None:
    cursor = conn.cursor(row_factory=dict_row)
    await cursor.execute(f"{_FEE} {condition}", values)
    row = await cursor.fetchone()
    return None if row is None else msgspec.convert(row, Fee)
