"""What fleets were called is kept whole, whoever renames them at the same moment."""

import asyncio
from datetime import UTC, datetime

from forecourt.access.model import Service
from forecourt.drivers.fleets import service as fleets
from forecourt.drivers.fleets.model import Fleet
from forecourt.platform.database import Pool
from tests.payments.till import Till

NOW = datetime(2026, 2, 1, tzinfo=UTC)
NEW = {"bill_to": "", "email": "", "currency": "EUR", "session_limit": None, "month_limit": None}
WAIT_S = 30
WAITING = "SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"


async def waiting(till: Till, count: int) -> None:
    """Returns once so many wait for what others hold."""
    async with asyncio.timeout(WAIT_S):
        while len(till.rows(WAITING)) < count:
            await asyncio.sleep(0.01)


async def made(tenants: Pool, who: Service, *names: str) -> list[int]:
    async with tenants.tenant(who.tenant_id) as conn:
        rows: list[Fleet] = [await fleets.create_fleet(conn, who, NEW | {"name": name}, NOW) for name in names]
    return [row.fleet_id for row in rows]


async def test_two_new_names_of_a_fleet_at_once_are_both_kept(till: Till) -> None:
    who = Service(tenant_id=till.tenant_id, id="test", name="Test")
    [fleet_id] = await made(till.tenants, who, "A")

    async def rename(name: str) -> None:
        async with till.tenants.tenant(till.tenant_id) as conn:
            await fleets.change_fleet(conn, who, fleet_id, {"name": name}, NOW)

    async with till.tenants.tenant(till.tenant_id) as conn:
        await fleets.change_fleet(conn, who, fleet_id, {"name": "B"}, NOW)
        await fleets.find_fleet(conn, till.tenant_id, fleet_id, NOW)
        renaming = asyncio.create_task(rename("C"))
        await waiting(till, 1)
    await renaming
    [row] = till.rows("SELECT name FROM fleets WHERE fleet_id = %s", fleet_id)
    before = till.rows("SELECT name FROM fleet_names WHERE fleet_id = %s", fleet_id)
    assert sorted([row["name"], *(each["name"] for each in before)]) == ["A", "B", "C"]
