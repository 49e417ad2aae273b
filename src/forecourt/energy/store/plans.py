"""Plans as they are kept, with what was known when they were made."""

import asyncio
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec
from msgspec import Struct
from psycopg import AsyncConnection

from forecourt.energy.planner.ladder import Grade
from forecourt.energy.planning.knowledge import Looked, looked
from forecourt.energy.planning.plan import SitePlan, packed, unpacked

Connection = AsyncConnection[Any]

#: What was planned longer ago says nothing to who keeps a site anew.
TAKEN_UP_FOR: Final = timedelta(days=1)


class StoredPlan(Struct, frozen=True, kw_only=True):
    """A plan as stored, with what was known when it was made."""

    at: datetime
    plan: SitePlan
    known: bytes


class LeftPlan(Struct, frozen=True, kw_only=True):
    """A plan that was found in time, and what its keeper had seen of the past."""

    plan: SitePlan
    looked: Looked


async def insert_plan(conn: Connection, tenant_id: int, site_id: int, plan: SitePlan, known: bytes) -> None:
    """Keeps a plan with what was known. It is packed beside the loop: of 5,000 cars that takes some 40 ms."""
    stored = await asyncio.to_thread(packed, plan)
    await conn.execute(
        "INSERT INTO energy_plans (site_id, at, tenant_id, grade, why, packed, known)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s) ON CONFLICT (site_id, at) DO NOTHING",
        (site_id, plan.at, tenant_id, plan.grade.value, plan.why, stored, known),
    )


async def find_plan(conn: Connection, tenant_id: int, site_id: int, at: datetime) -> StoredPlan | None:
    """The last plan of before a time, however old it was then."""
    cursor = await conn.execute(
        "SELECT at, packed, plan, known FROM energy_plans WHERE tenant_id = %s AND site_id = %s AND at <= %s"
        " ORDER BY at DESC LIMIT 1",
        (tenant_id, site_id, at),
    )
    row = await cursor.fetchone()
    if row is None:
        return None
    return StoredPlan(at=row[0], plan=await _plan(row[1], row[2]), known=bytes(row[3]))


async def last_found(conn: Connection, tenant_id: int, site_id: int, now: datetime) -> LeftPlan | None:
    """The last plan of a site that was found in time, whoever kept it then; None where that is longer ago than
    TAKEN_UP_FOR."""
    cursor = await conn.execute(
        "SELECT packed, plan, known FROM energy_plans WHERE tenant_id = %s AND site_id = %s AND at > %s AND at <= %s"
        " AND grade = ANY (%s) ORDER BY at DESC LIMIT 1",
        (tenant_id, site_id, now - TAKEN_UP_FOR, now, [each.value for each in Grade if each.found]),
    )
    row = await cursor.fetchone()
    if row is None:
        return None
    plan = await _plan(row[0], row[1])
    return LeftPlan(plan=plan, looked=await asyncio.to_thread(looked, bytes(row[2])))


async def _plan(stored: bytes | None, plan: Any) -> SitePlan:
    """`plan`: as those were stored of before that were packed."""
    return msgspec.convert(plan, SitePlan) if stored is None else await asyncio.to_thread(unpacked, bytes(stored))
