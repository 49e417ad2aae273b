"""What keeps a site from being planned, and how often in a row."""

from datetime import datetime
from typing import Any, Final, Literal

from psycopg import AsyncConnection

Connection = AsyncConnection[Any]

#: What is kept of the words of a fault.
MAX_FAULT: Final = 300

#: `look`: nothing of the site could be used, so that nobody is told anything; `plan`: there is no plan, and what there
#: is was shared out; `late`: the same, for none was found in time.
Stage = Literal["look", "plan", "late"]


async def keep_fault(conn: Connection, tenant_id: int, site_id: int, stage: Stage, fault: str, now: datetime) -> None:
    """Keeps that a site could not be planned once more, since the first time in a row."""
    await conn.execute(
        "INSERT INTO planning_faults AS f (site_id, tenant_id, since, stage, fault) VALUES (%s, %s, %s, %s, %s)"
        " ON CONFLICT (site_id) DO UPDATE SET times = f.times + 1, stage = excluded.stage, fault = excluded.fault",
        (site_id, tenant_id, now, stage, fault.replace("\0", "")[:MAX_FAULT]),
    )


async def forget_fault(conn: Connection, tenant_id: int, site_id: int) -> None:
    """A plan was made without fault."""
    await conn.execute("DELETE FROM planning_faults WHERE tenant_id = %s AND site_id = %s", (tenant_id, site_id))


async def last_planned(conn: Connection, tenant_id: int, site_id: int) -> datetime | None:
    """When a site was last planned, or that which is to be planned was changed since; None where nothing is to be."""
    cursor = await conn.execute(
        "SELECT planned_at FROM planning_conditions WHERE tenant_id = %s AND site_id = %s", (tenant_id, site_id)
    )
    row = await cursor.fetchone()
    return None if row is None else row[0]
