"""What an organisation asks of drivers' own tokens."""

from datetime import datetime

from psycopg.rows import class_row

from forecourt.drivers.accounts.model import DriverRules
from forecourt.drivers.accounts.store import Connection


async def find_rules(conn: Connection, tenant_id: int) -> DriverRules:
    """What counts now; the first rules where nobody said anything."""
    cursor = conn.cursor(row_factory=class_row(DriverRules))
    await cursor.execute("SELECT payment_required, autocharge FROM driver_rules WHERE tenant_id = %s", (tenant_id,))
    return await cursor.fetchone() or DriverRules()


async def put_rules(conn: Connection, tenant_id: int, rules: DriverRules, at: datetime) -> None:
    """What counts from now on."""
    await conn.execute(
        "INSERT INTO driver_rules VALUES (%s, %s, %s, %s) ON CONFLICT (tenant_id) DO UPDATE SET"
        " payment_required = excluded.payment_required, autocharge = excluded.autocharge,"
        " updated_at = excluded.updated_at",
        (tenant_id, rules.payment_required, rules.autocharge, at),
    )
