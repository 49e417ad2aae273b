"""A site that can't be planned is an incident with its cause. How its page tells of an old plan: `test_pages`."""

from typing import Any
from uuid import uuid4

import pytest
from msgspec.structs import replace

from forecourt.care.words import tell
from forecourt.energy.keeper import keeper as keeping
from forecourt.energy.keeper.checks import Checks
from forecourt.energy.keeper.keeper import SiteKeeper
from forecourt.energy.keeper.unplanned import Unplanned
from forecourt.energy.planner.solver import SiteSolver
from forecourt.energy.planning.knowledge import Knowledge
from forecourt.energy.planning.limits import Room
from forecourt.energy.planning.making import share_out
from forecourt.energy.planning.plan import SitePlan
from tests.care.yard import Yard
from tests.energy.test_keeper import furnished


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
    assert yard.rows("SELECT 1 FROM planning_faults WHERE site_id = %s", site) == []


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


async def test_plans_that_come_too_late_again_and_again_ask_for_more_room_not_for_other_limits(
    yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept, _, _ = await furnished(yard)

    def late(known: Knowledge, solver: SiteSolver, _: Any, room: Room) -> SitePlan:
        return replace(share_out(known, room, solver), why="TooLate: no plan within 10 s", late=True)

    monkeypatch.setattr(keeping, "plan_site", late)
    [incident] = await looks(yard, kept, 3)
    assert (incident["severity"], incident["detail"]["cause"]) == (2, "late")
    told = tell("unplanned", incident["detail"], "UTC")
    assert told.cause == "its plans take longer than they may: TooLate: no plan within 10 s"
    assert "processors" in told.next_step
    monkeypatch.undo()
    [over] = await looks(yard, kept, 1)
    assert over["gone_at"] is not None


async def test_what_goes_wrong_after_a_plan_is_kept_is_an_incident_too(
    yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept, _, _ = await furnished(yard)

    async def broken(*_: Any) -> None:
        raise KeyError("profile")

    monkeypatch.setattr(Checks, "ask", broken)
    assert await looks(yard, kept, 2) == []
    [incident] = await looks(yard, kept, 1)
    assert (incident["severity"], incident["detail"]["cause"]) == (3, "look")
    assert "profile" in incident["detail"]["fault"]


async def test_who_lost_its_lease_says_nothing_of_why_a_site_is_not_planned(yard: Yard) -> None:
    _, _, site = await furnished(yard)
    theirs, other = (
        Unplanned(yard.tenant_id, site, tenants=yard.tenants, clock=yard.clock, holder=holder)
        for holder in (None, uuid4())
    )
    await other.fails("plan", "IndexError")
    assert yard.rows("SELECT 1 FROM planning_faults WHERE site_id = %s", site) == []
    await theirs.fails("plan", "KeyError")
    await other.goes()
    assert [each["fault"] for each in yard.rows("SELECT fault FROM planning_faults WHERE site_id = %s", site)] == [
        "KeyError"
    ]
    await theirs.goes()
    assert yard.rows("SELECT 1 FROM planning_faults WHERE site_id = %s", site) == []
