"""Which limit counted when: what is drawn of the past is what was said to hold then, and who said it."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from forecourt.energy.explained.axis import Held, holding
from forecourt.energy.jobs import KEEP_PLANS, EnergyJobs
from forecourt.energy.model import Node
from forecourt.energy.signals.in_force import LimitHeld, limits_held
from forecourt.energy.signals.model import NodeLimit
from forecourt.energy.site import SiteTree
from forecourt.energy.store import in_force
from tests.care.yard import Yard
from tests.energy.test_keeper import furnished, limited

NOW = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)
TREE = SiteTree(
    nodes=(Node(id="grid", limit_a=63), Node(id="p1", parent="grid"), Node(id="p2", parent="grid", limit_w=9_000)),
    evses=(),
)


def said(source: str, begins_min: float, ends_min: float | None = None, **of: object) -> NodeLimit:
    return NodeLimit(
        limit_id=uuid4(), number=1, source=source, external_id="", starts_at=NOW + timedelta(minutes=begins_min),
        ends_at=None if ends_min is None else NOW + timedelta(minutes=ends_min), said_at=NOW, said_by="test",
        **{"node": None, "limit_w": None, "limit_a": None, **of},  # type: ignore[arg-type]
    )  # fmt: skip


def test_the_tightest_limit_of_each_node_counts_from_when_it_begins_until_it_ends() -> None:
    limits = [
        said("vtn", 0, 10, limit_w=30_000), said("desk", 5, limit_a=10.0, node="p2"), said("old", -10, 0, limit_w=0),
        said("moved", 0, limit_w=35_000, node="gone"),
    ]  # fmt: skip
    told = {
        minute: {
            each.node: (each.limit_w, each.source)
            for each in limits_held(TREE, limits, NOW + timedelta(minutes=minute))
        }
        for minute in (-1, 0, 5, 10)
    }
    own = {"p1": (None, ""), "p2": (9_000, "")}
    assert told[-1] == {"grid": (0, "old"), **own}
    assert told[0] == {"grid": (30_000, "vtn"), **own}
    assert told[5] == {"grid": (30_000, "vtn"), "p1": (None, ""), "p2": (6_900, "desk")}
    assert told[10] == {"grid": (35_000, "moved"), "p1": (None, ""), "p2": (6_900, "desk")}


def test_a_line_of_what_counted_breaks_where_nobody_looked() -> None:
    at = [NOW + timedelta(minutes=minute) for minute in (0, 1, 2, 20, 21)]
    changes = [
        LimitHeld(node="grid", at=NOW - timedelta(hours=1), limit_w=9),
        LimitHeld(node="grid", at=NOW + timedelta(seconds=90), limit_w=5),
        LimitHeld(node="grid", at=NOW + timedelta(seconds=1230), limit_w=7),
    ]
    drawn = holding(changes, at, timedelta(minutes=6))
    assert [(ms // 1000 - int(NOW.timestamp()), None if each is None else each.limit_w) for ms, each in drawn] == [
        (0, 9), (60, 9), (90, 5), (120, 5), (120, None), (1200, 5), (1230, 7), (1260, 7),
    ]  # fmt: skip
    assert holding((), Held().looks, timedelta(minutes=6)) == []


async def test_a_cut_is_kept_with_who_said_it_and_what_still_counts_is_not_forgotten(yard: Yard) -> None:
    kept, _, site = await furnished(yard)
    begin = yard.clock.now()
    for step in range(3):
        if step == 1:
            limited(yard, site, 6, ends_s=30)
        await kept.turn()
        yard.clock.advance(20)
        await kept.turn()
        yard.clock.advance(20)

    async def between(since: datetime, until: datetime) -> list[tuple[float, int | None, str]]:
        async with yard.tenants.tenant(yard.tenant_id) as conn:
            found = await in_force.limits_held_between(conn, yard.tenant_id, site, "grid", since, until)
        return [((each.at - begin).total_seconds(), each.limit_w, each.source) for each in found]

    own, cut = yard.rows("SELECT limit_w FROM limits_in_force WHERE site_id = %s AND node = 'grid' ORDER BY at", site)[
        :2
    ]
    assert own["limit_w"] > cut["limit_w"] == pytest.approx(6 * 690)
    all_told = [(0.0, own["limit_w"], ""), (40.0, cut["limit_w"], "test"), (80.0, own["limit_w"], "")]
    assert await between(begin, yard.clock.now()) == all_told
    # What counted before the span is where its line begins.
    assert await between(begin + timedelta(seconds=50), yard.clock.now()) == all_told[1:]
    assert len(yard.rows("SELECT 1 FROM prices_in_force WHERE site_id = %s", site)) == 1
    yard.clock.advance((KEEP_PLANS - timedelta(seconds=60)).total_seconds())
    await EnergyJobs(yard.worker, yard.tenants, yard.clock).tidy()
    assert await between(begin, yard.clock.now()) == all_told[1:]
    assert len(yard.rows("SELECT 1 FROM prices_in_force WHERE site_id = %s", site)) == 1
