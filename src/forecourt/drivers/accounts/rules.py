"""What an organisation asks of drivers' own tokens: that something pays for what they start, and whether cars start by
their own address when they are plugged in."""

from datetime import datetime

from msgspec import Struct
from psycopg.rows import class_row

from forecourt.access import Actor, audit
from forecourt.drivers.store import Connection


class DriverRules(Struct, frozen=True, kw_only=True):
    """What counts for the tokens of drivers with an account."""

    payment_required: bool = True
    autocharge: bool = False


async def find_rules(conn: Connection, tenant_id: int) -> DriverRules:
    """What counts now; the first rules where nobody said anything."""
    cursor = conn.cursor(row_factory=class_row(DriverRules))
    await cursor.execute("SELECT payment_required, autocharge FROM driver_rules WHERE tenant_id = %s", (tenant_id,))
    return await cursor.fetchone() or DriverRules()


async def put_rules(conn: Connection, actor: Actor, rules: DriverRules, now: datetime) -> DriverRules:
    """What counts from now on. Idempotent."""
    held = await find_rules(conn, actor.tenant_id)
    await conn.execute(
        "INSERT INTO driver_rules VALUES (%s, %s, %s, %s) ON CONFLICT (tenant_id) DO UPDATE SET"
        " payment_required = excluded.payment_required, autocharge = excluded.autocharge,"
        " updated_at = excluded.updated_at",
        (actor.tenant_id, rules.payment_required, rules.autocharge, now),
    )
    names = [name for name in rules.__struct_fields__ if getattr(held, name) != getattr(rules, name)]
    if names:
        await audit(
            conn, actor, "change driver rules", "driver-rules",
            before={name: getattr(held, name) for name in names}, after={name: getattr(rules, name) for name in names},
        )  # fmt: skip
    return rules
