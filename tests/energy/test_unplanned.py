"""A site that can't be planned is an incident with its cause, and its page says how old its plan is."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
import pytest_asyncio

from forecourt.energy.keeper import keeper as keeping
from forecourt.energy.keeper.keeper import SiteKeeper
from forecourt.platform.database import Pool
from tests.care.console import signed_in
from tests.care.yard import Yard
from tests.energy.test_keeper import furnished
from tests.http import House, Tenant


@pytest.fixture(scope="module")
def application(application_with_pages: tuple[Pool, Any]) -> tuple[Pool, Any]:
    return application_with_pages


@pytest_asyncio.fixture
async def there(house: House, tenant: Tenant) -> AsyncIterator[Yard]:
    """Of the organisation whose console is looked at."""
    async with Pool(house.database.url, "forecourt_worker", size=1) as worker:
        made = Yard(house.database, worker, house.db, house.clock, tenant_id=tenant.tenant_id)
        yield made
        made.admin.close()


async def looks(yard: Yard, kept: SiteKeeper, times: int, every_s: float = 61.0) -> list[dict[str, Any]]:
    for _ in range(times):
        await kept.look()
        yard.clock.advance(every_s)
    await yard.look()
    return [each for each in yard.incidents() if each["kind"] == "unplanned"]


async def test_who_can_not_be_planned_is_an_incident_with_its_cause_until_they_are(
    yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept, _, site = await furnished(yard)

    async def broken(*_: Any) -> None:
        raise KeyError("panel")

    assert await looks(yard, kept, 1) == []
    monkeypatch.setattr(keeping, "read_site", broken)
    assert await looks(yard, kept, 2) == [], "twice may be chance"
    [incident] = await looks(yard, kept, 1)
    assert (incident["site_id"], incident["node"], incident["severity"]) == (site, None, 3)
    assert incident["detail"]["cause"] == "look"
    assert "panel" in incident["detail"]["fault"]
    monkeypatch.undo()
    [over] = await looks(yard, kept, 1)
    assert over["gone_at"] is not None
    assert yard.rows("SELECT 1 FROM planning_faults") == []


async def test_a_solver_that_fails_again_and_again_is_a_warning_for_what_there_is_is_shared_out(
    yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept, _, _ = await furnished(yard)

    def broken(*_: Any) -> None:
        raise IndexError("no such row")

    monkeypatch.setattr(keeping, "plan_site", broken)
    assert await looks(yard, kept, 2) == []
    [incident] = await looks(yard, kept, 1)
    assert (incident["severity"], incident["detail"]["cause"]) == (2, "plan")
    assert incident["detail"]["fault"] == "IndexError: no such row"


async def test_a_plan_that_is_old_is_told_with_its_age_and_nobody_plans_is_a_cause(
    house: House, tenant: Tenant, there: Yard
) -> None:
    yard = there
    kept, _, site = await furnished(yard)
    client = await signed_in(house, tenant)
    [row] = yard.rows("SELECT slug, name FROM sites WHERE site_id = %s", site)
    assert await looks(yard, kept, 1) == []
    assert "The plan is old" not in (await client.get(f"/energy/sites/{row['slug']}")).text
    yard.clock.advance(timedelta(minutes=12).total_seconds())
    [incident] = await looks(yard, kept, 0)
    assert (incident["severity"], incident["detail"]["cause"]) == (3, "nobody")
    page = (await client.get(f"/energy/sites/{row['slug']}")).text
    assert "The plan is old" in page
    assert "13 min ago" in page.replace("\N{NO-BREAK SPACE}", " ")
    told = (await client.get(f"/incidents/{incident['incident_id']}")).text
    assert f"{row['name']} is planned by nobody" in told
    assert "Start a planner" in told
    # A planner that holds it, and still no plan: it hangs.
    yard.rows(
        "INSERT INTO planner_leases (site_id, tenant_id, holder, until)"
        " VALUES (%s, %s, gen_random_uuid(), now() + interval '1 hour')",
        site, yard.tenant_id,
    )  # fmt: skip
    [incident] = await looks(yard, kept, 0)
    assert incident["detail"]["cause"] == "slow"
    # Nobody can know while all of it was away.
    yard.gateway(yard.clock.now())
    yard.rows("DELETE FROM incidents WHERE incident_id = %s", incident["incident_id"])
    assert await looks(yard, kept, 0) == []
