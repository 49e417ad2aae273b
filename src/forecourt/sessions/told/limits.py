"""Where the transaction of a payment ends by itself, at stations that can (2.1 F07, TxCtrlr.SupportedLimits)."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from psycopg import AsyncConnection

from forecourt.drivers.model import uid_key
from forecourt.platform.money import Money, minor_digits

Connection = AsyncConnection[Any]

#: Words of SupportedLimits.
COST: Final = "MaxCost"
ENERGY: Final = "MaxEnergy"
#: A limit is forgotten so long after the last moment at which something could begin by its token: a station that was
#: offline tells late.
KEPT: Final = timedelta(days=7)
FORGOTTEN_AT_ONCE: Final = 5_000


async def supported(conn: Connection, tenant_id: int, station_id: int) -> frozenset[str]:
    """By what a station can end a transaction, as its variables say."""
    cursor = await conn.execute(
        "SELECT value FROM station_variables WHERE tenant_id = %s AND station_id = %s AND component = 'TxCtrlr'"
        " AND variable = 'SupportedLimits' AND attribute = 'Actual'",
        (tenant_id, station_id),
    )
    row = await cursor.fetchone()
    said = "" if row is None or row[0] is None else str(row[0])
    return frozenset(word.strip() for word in said.split(",") if word.strip())


async def limit(
    conn: Connection, tenant_id: int, token_uid: str, *, max_cost: Decimal | None, max_energy_wh: int | None,
    until: datetime,
) -> None:  # fmt: skip
    """Limits what begins by a token. Idempotent: what is said last counts."""
    await conn.execute(
        "INSERT INTO transaction_limits (tenant_id, uid_key, max_cost, max_energy_wh, until)"
        " VALUES (%s, %s, %s, %s, %s) ON CONFLICT (tenant_id, uid_key) DO UPDATE SET max_cost = excluded.max_cost,"
        " max_energy_wh = excluded.max_energy_wh, until = excluded.until",
        (tenant_id, uid_key(token_uid), max_cost, max_energy_wh, until),
    )


async def raise_cost(conn: Connection, tenant_id: int, token_uid: str, most: Money) -> None:
    """More may be taken now: the station hears of it with its next word of the transaction, where it ends by cost."""
    await conn.execute(
        "UPDATE transaction_limits SET max_cost = %s WHERE tenant_id = %s AND uid_key = %s AND max_cost IS NOT NULL",
        (Decimal(most.amount).scaleb(-minor_digits(most.currency)), tenant_id, uid_key(token_uid)),
    )


async def forget(conn: Connection, now: datetime) -> int:
    """Forgets limits by which nothing begins any more; how many. For the worker."""
    cursor = await conn.execute(
        "DELETE FROM transaction_limits WHERE (tenant_id, uid_key) IN (SELECT tenant_id, uid_key FROM"
        " transaction_limits WHERE until < %s ORDER BY until LIMIT %s)",
        (now - KEPT, FORGOTTEN_AT_ONCE),
    )
    return cursor.rowcount
