"""What a keeper finds again of its last look is what it would have read anew, whatever has changed meanwhile."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from msgspec.structs import asdict, replace

from forecourt.energy import store
from forecourt.energy.keeper.memory import Memory
from forecourt.energy.keeper.reading import Reading, find_planned, foreseen, read_site
from forecourt.energy.model import Phases
from forecourt.energy.needs.model import Source, Wants
from forecourt.energy.site import SiteTree
from forecourt.energy.store import keeping
from forecourt.platform.unchanged import Once, Parts, Texts
from tests.care.yard import Yard
from tests.energy.test_store import ADA, furnish, measured


class Watched:
    """A site that is read with a memory and without one."""

    def __init__(self, yard: Yard, site: int, stations: dict[str, int], tree: SiteTree) -> None:
        self.yard, self.site, self.tree = yard, site, tree
        self.first, self.second = stations.values()
        self.memory = Memory()
        self.session = yard.session(self.first, timedelta(hours=1), energy_wh=5_000, power_w=7_000, power_key=1)

    async def read(self, memory: Memory | None = None) -> Reading:
        async with self.yard.tenants.tenant(self.yard.tenant_id) as conn:
            record = await find_planned(conn, self.yard.tenant_id, self.site, memory)
            assert record is not None
            return await read_site(conn, record, None, self.yard.clock.now(), (), memory)

    @asynccontextmanager
    async def written(self) -> AsyncIterator[Any]:
        async with self.yard.tenants.tenant(self.yard.tenant_id) as conn:
            yield conn

    async def both(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """What was read with the memory, and anew."""
        return asdict(await self.read(self.memory)), asdict(await self.read())

    async def ordered(self, limit_ma: int) -> int:
        now = self.yard.clock.now()
        order = keeping.NewOrder(
            station_id=self.first, evse=1, session_id=self.session, limit_ma=limit_ma, urgent=False, sent_at=now,
            valid_to=now + timedelta(minutes=5),
        )  # fmt: skip
        async with self.written() as conn:
            [number] = await keeping.insert_orders(conn, self.yard.tenant_id, self.site, [order])
        return number

    async def answered(self, number: int, *, accepted: bool) -> None:
        answer = keeping.OrderAnswer(order_id=number, accepted=accepted, unsent=False, status="Accepted")
        async with self.written() as conn:
            await keeping.answer_orders(conn, self.yard.tenant_id, [answer], self.yard.clock.now())

    async def said(self, wants: Wants) -> None:
        async with self.written() as conn:
            now = self.yard.clock.now()
            await store.store_needs(conn, self.yard.tenant_id, self.session, Source.API, wants, ADA, now)


@pytest.fixture
async def watched(yard: Yard) -> Watched:
    return Watched(yard, *await furnish(yard))


async def test_nothing_is_made_anew_of_what_has_not_changed(watched: Watched) -> None:
    await watched.answered(await watched.ordered(9_000), accepted=True)
    before, after = await watched.read(watched.memory), await watched.read(watched.memory)
    assert after.known.tree is before.known.tree
    assert [car.least_wh for car in after.known.cars] == [22_080 // 12], "five minutes at 32 A of three phases"
    assert [a is b for a, b in zip(after.known.cars, before.known.cars, strict=True)] == [True]
    assert [a is b for a, b in zip(after.known.standings, before.known.standings, strict=True)] == [True, True]
    assert after.links[next(iter(after.links))] is before.links[next(iter(after.links))]


async def test_what_has_changed_is_read_as_if_nothing_were_remembered(watched: Watched) -> None:
    yard = watched.yard
    number = 0

    async def told() -> None:
        nonlocal number
        number = await watched.ordered(9_000)

    async def tree_changed() -> None:
        now = yard.clock.now()
        panel = replace(watched.tree.nodes[1], limit_w=11_000)
        tree = replace(watched.tree, nodes=(watched.tree.nodes[0], panel))
        async with watched.written() as conn:
            await store.store_tree(conn, yard.tenant_id, watched.site, 2, tree, ADA, now)

    def moved() -> None:
        yard.rows("UPDATE stations SET site_id = NULL WHERE station_id = %s", watched.second)

    def wanted(state: str, reported: str | None) -> Callable[[], None]:
        def put() -> None:
            yard.rows(
                "INSERT INTO desires (station_id, kind, key, tenant_id, wanted, set_by, wanted_at, next_try_at, state,"
                " reported, reported_at) VALUES (%s, 'charging_profile', '1/TxDefaultProfile/0', %s, %s::jsonb, 'test',"
                " %s, %s, %s, %s::jsonb, %s) ON CONFLICT (station_id, kind, key) DO UPDATE SET state = excluded.state,"
                " reported = excluded.reported, reported_at = excluded.reported_at",
                watched.first, yard.tenant_id, PROFILE, yard.clock.now(), yard.clock.now(), state, reported,
                None if reported is None else yard.clock.now(),
            )  # fmt: skip

        return put

    changes: list[Callable[[], Any]] = [
        told,
        lambda: watched.answered(number, accepted=True),
        lambda: measured(yard, watched.session, timedelta(seconds=5), current_import_l1=9_100),
        lambda: watched.said(Wants(energy_wh=12_000)),
        lambda: watched.said(Wants(energy_wh=13_000)),
        lambda: yard.rows(
            "INSERT INTO session_caps (session_id, tenant_id, station_id, max_w, why, since, said_by)"
            " VALUES (%s, %s, %s, 4000, 'held', %s, 'test')",
            watched.session,
            yard.tenant_id,
            watched.first,
            yard.clock.now(),
        ),
        wanted("pending", None),
        wanted("reached", PROFILE),
        lambda: yard.link(watched.first, connected=False, at=yard.clock.now()),
        lambda: yard.clock.advance(60),
        lambda: yard.link(watched.first, connected=True, at=yard.clock.now()),
        lambda: yard.rows("UPDATE sessions SET charging_state = 'SuspendedEV' WHERE session_id = %s", watched.session),
        tree_changed,
        moved,
        lambda: yard.rows("UPDATE sessions SET ended_at = started_at WHERE session_id = %s", watched.session),
    ]
    seen: list[dict[str, Any]] = []
    for number_of, change in enumerate(changes):
        made = change()
        if made is not None and hasattr(made, "__await__"):
            await made
        remembered, anew = await watched.both()
        assert remembered == anew, number_of
        # The change is one that shows, or nothing was tried.
        assert anew not in seen, number_of
        seen.append(anew)


PROFILE = (
    '{"id": 10, "stack_level": 0, "purpose": "TxDefaultProfile", "unit": "A", "kind": "Relative",'
    ' "periods": [{"start_s": 0, "limit": 0, "phases": 3}, {"start_s": 360, "limit": 6000, "phases": 3}]}'
)


async def test_an_electrics_of_other_voltages_is_another_one_though_all_hangs_as_it_did(watched: Watched) -> None:
    yard = watched.yard
    first = replace(watched.tree.evses[0], phases=Phases.L12)
    measured(yard, watched.session, timedelta(seconds=5), power_import=7_000)

    async def stored(version: int, line_voltage_v: float) -> int | None:
        tree = replace(watched.tree, evses=(first, *watched.tree.evses[1:]), line_voltage_v=line_voltage_v)
        async with watched.written() as conn:
            await store.store_tree(conn, yard.tenant_id, watched.site, version, tree, ADA, yard.clock.now())
        remembered, anew = await watched.both()
        assert remembered == anew
        drawn_ma: int | None = anew["known"].standings[0].drawn_ma
        return drawn_ma

    assert [await stored(2, 400.0), await stored(3, 380.0)] == [17_500, 18_421]


async def test_what_is_thought_of_cars_is_of_the_plan_and_kept_for_who_can_not_wait(watched: Watched) -> None:
    class Thinks:
        by = None

        def __init__(self) -> None:
            self.thought: list[UUID] = []

        def of(self, car: Any, now: Any, *, guessing: bool) -> Any:
            self.thought.append(car.session_id)
            return replace(car, expected_wh=12_345)

        def expected(self, cars: Any, now: Any) -> list[Any]:
            return []

    thinks: Any = Thinks()
    known = (await watched.read(watched.memory)).known
    thinks.evses = known.tree.evses
    assert thinks.thought == []
    assert [car.expected_wh for car in foreseen(known, thinks).cars] == [12_345]
    assert [car.expected_wh for car in known.cars] == [None]


def test_texts_that_are_gone_are_forgotten_and_made_anew_when_they_are_back() -> None:
    made: list[str] = []

    def make(text: str) -> tuple[str]:
        made.append(text)
        return (text,)

    texts = Texts(make)
    first = texts.of(["a", "b"])
    assert texts.of(["b", "c"])[0] is first[1]
    texts.of(["a"])
    assert made == ["a", "b", "c", "a"]


def test_what_was_made_of_other_parts_is_not_used_again() -> None:
    parts: Parts[list[object]] = Parts()

    def made(number: int, letter: str) -> list[object]:
        return [number, letter]

    first = parts.of("x", (1, "a"), made)
    parts.end()
    assert parts.of("x", (1, "a"), made) is first
    assert parts.of("x", (1, "b"), made) == [1, "b"]
    parts.end()
    parts.end()
    assert parts.of("x", (1, "a"), made) is not first


def test_what_follows_from_an_object_goes_with_it() -> None:
    class Thing:
        pass

    counted: list[int] = []

    def count(thing: Thing) -> int:
        counted.append(id(thing))
        return len(counted)

    once: Once[Thing, int] = Once(count)
    one, other = Thing(), Thing()
    assert (once(one), once(other), once(one)) == (1, 2, 1)
    del one
    assert once(Thing()) == 3
