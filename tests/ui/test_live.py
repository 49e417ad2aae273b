import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence

import msgspec
import pytest
import pytest_asyncio

from forecourt.platform.bus import Bus
from forecourt.platform.errors import ForecourtError
from forecourt.ui.live import MAX_FRAMES, MAX_WATCHED, Cells, Hub, Pace, Page, Value
from tests.support import WAIT_S

#: Quick enough to wait for; heal is out of the way unless a test asks for it.
PACE = Pace(frame_s=0.01, totals_s=0.05, heal_s=3600)


class Stored:
    """What providers would read from the database."""

    def __init__(self) -> None:
        self.cells: dict[int, Cells] = {}
        self.totals_of: dict[int, Cells] = {}
        self.totals_asked = 0
        self.gate = asyncio.Event()
        self.gate.set()
        self.away = False

    async def snapshot(self, tenant_id: int, stations: Sequence[str], /) -> Mapping[str, Value]:
        await self.gate.wait()
        if self.away:
            raise ForecourtError("the database is away")
        cells = self.cells.get(tenant_id, {})
        return {key: value for key, value in cells.items() if key.split(".")[1] in stations}

    async def totals(self, tenant_id: int, /) -> Mapping[str, Value]:
        self.totals_asked += 1
        return dict(self.totals_of.get(tenant_id, {}))


@pytest_asyncio.fixture
async def bus(nats_url: str) -> AsyncIterator[Bus]:
    bus = await Bus.connect(nats_url)
    yield bus
    await bus.close()


@pytest.fixture
def stored() -> Stored:
    return Stored()


@pytest.fixture
def hub(bus: Bus, stored: Stored) -> Hub:
    return Hub(bus, snapshots=[stored.snapshot], totals=stored.totals, pace=PACE)


async def say(bus: Bus, tenant_id: int, cells: Cells) -> None:
    await bus.publish(f"live.{tenant_id}", msgspec.json.encode(cells))


async def frame(page: Page) -> dict[str, Cells]:
    async with asyncio.timeout(WAIT_S):
        return msgspec.json.decode(await page.next_frame(), type=dict[str, Cells])


async def deltas_until(page: Page, key: str, value: Value) -> Cells:
    """Everything a page is told, merged, until it is told this."""
    told: Cells = {}
    while key not in told or told[key] != value:
        told.update((await frame(page))["delta"])
    return told


async def test_a_page_gets_one_snapshot_of_what_it_watches_and_then_changes(hub: Hub, bus: Bus, stored: Stored) -> None:
    stored.cells[1] = {"station.CP1.state": "Available", "station.CP1.power_w": 0, "station.CP2.state": "Faulted"}
    async with hub.open(1) as page:
        await hub.watch(page, ["station.CP1"])
        assert await frame(page) == {"snapshot": {"station.CP1.state": "Available", "station.CP1.power_w": 0}}
        await say(bus, 1, {"station.CP2.state": "Available", "station.CP1.power_w": 7200})
        assert await frame(page) == {"delta": {"station.CP1.power_w": 7200}}


async def test_a_page_hears_nothing_of_another_organisation(hub: Hub, bus: Bus, stored: Stored) -> None:
    stored.cells[2] = {"station.CP1.state": "Charging"}
    async with hub.open(1) as page:
        await hub.watch(page, ["station.CP1"])
        assert await frame(page) == {"snapshot": {}}
        await say(bus, 2, {"station.CP1.power_w": 1})
        await say(bus, 1, {"station.CP1.power_w": 2})
        assert await deltas_until(page, "station.CP1.power_w", 2) == {"station.CP1.power_w": 2}


async def test_a_page_that_watches_a_state_alone_is_told_nothing_else(hub: Hub, bus: Bus, stored: Stored) -> None:
    stored.cells[1] = {"station.CP1.state": "Available", "station.CP1.power_w": 0}
    async with hub.open(1) as page:
        await hub.watch(page, ["state.CP1"])
        assert await frame(page) == {"snapshot": {"station.CP1.state": "Available"}}
        await say(bus, 1, {"station.CP1.power_w": 9, "station.CP1.state": "Charging"})
        assert await frame(page) == {"delta": {"station.CP1.state": "Charging"}}


async def test_an_identity_with_dots_is_not_taken_for_a_longer_key(hub: Hub, bus: Bus) -> None:
    async with hub.open(1) as page:
        await hub.watch(page, ["station.site.4.CP1"])
        await frame(page)
        await say(bus, 1, {"station.site.power_w": 1, "station.site.4.CP1.power_w": 2})
        assert await frame(page) == {"delta": {"station.site.4.CP1.power_w": 2}}


async def test_a_slow_page_skips_frames_and_ends_with_the_newest_values(hub: Hub, bus: Bus) -> None:
    changes = 40
    async with hub.open(1) as slow, hub.open(1) as quick:
        for page in (slow, quick):
            await hub.watch(page, ["station.CP1"])
            await frame(page)
        for number in range(1, changes + 1):
            await say(bus, 1, {"station.CP1.power_w": number, f"station.CP1.cell{number}": number})
            await deltas_until(quick, "station.CP1.power_w", number)
        frames = 0
        told: Cells = {}
        while told.get("station.CP1.power_w") != changes:
            told.update((await frame(slow))["delta"])
            frames += 1
        assert frames == MAX_FRAMES + 1
        assert all(told[f"station.CP1.cell{number}"] == number for number in range(1, changes + 1))


async def test_a_change_during_the_reading_of_a_snapshot_is_not_painted_over(
    hub: Hub, bus: Bus, stored: Stored
) -> None:
    stored.cells[1] = {"station.CP1.power_w": 1}
    async with hub.open(1) as page, hub.open(1) as other:
        await hub.watch(other, ["station.CP1"])
        await frame(other)
        stored.gate.clear()
        watching = asyncio.create_task(hub.watch(page, ["station.CP1"]))
        await say(bus, 1, {"station.CP1.power_w": 2})
        await deltas_until(other, "station.CP1.power_w", 2)
        stored.gate.set()
        await watching
        assert await frame(page) == {"snapshot": {"station.CP1.power_w": 2}}


async def test_a_page_without_a_snapshot_goes_on_with_changes(hub: Hub, bus: Bus, stored: Stored) -> None:
    stored.away = True
    async with hub.open(1) as page:
        await hub.watch(page, ["station.CP1"])
        await say(bus, 1, {"station.CP1.power_w": 5})
        assert await frame(page) == {"delta": {"station.CP1.power_w": 5}}


async def test_a_change_lost_on_the_bus_is_healed_by_a_later_snapshot(bus: Bus, stored: Stored) -> None:
    hub = Hub(bus, snapshots=[stored.snapshot], totals=stored.totals, pace=Pace(heal_s=0.05))
    stored.cells[1] = {"station.CP1.state": "Charging"}
    async with hub.open(1) as page:
        await hub.watch(page, ["station.CP1"])
        await frame(page)
        stored.cells[1] = {"station.CP1.state": "Offline"}
        while (await frame(page)).get("snapshot") != {"station.CP1.state": "Offline"}:
            pass


async def test_totals_are_told_when_they_change_and_asked_for_only_while_watched(hub: Hub, stored: Stored) -> None:
    stored.totals_of[1] = {"totals.power_w": 100, "totals.sessions": 1}
    async with hub.open(1) as page:
        await hub.watch(page, ["station.CP1"])
        await frame(page)
        await asyncio.sleep(PACE.totals_s * 3)
        assert stored.totals_asked == 0
        await hub.watch(page, ["totals"])
        assert await frame(page) == {"snapshot": {"totals.power_w": 100, "totals.sessions": 1}}
        stored.totals_of[1] = {"totals.power_w": 250, "totals.sessions": 1}
        assert await frame(page) == {"delta": {"totals.power_w": 250}}


async def test_many_pages_share_one_asking_for_totals(hub: Hub, stored: Stored) -> None:
    stored.totals_of[1] = {"totals.power_w": 100}
    async with hub.open(1) as first, hub.open(1) as second:
        await asyncio.gather(hub.watch(first, ["totals"]), hub.watch(second, ["totals"]))
        assert await frame(first) == await frame(second) == {"snapshot": {"totals.power_w": 100}}
        assert stored.totals_asked == 1


async def test_a_page_can_not_watch_without_bound(hub: Hub) -> None:
    async with hub.open(1) as page:
        with pytest.raises(ValueError, match="may watch"):
            await hub.watch(page, [f"station.CP{number}" for number in range(MAX_WATCHED + 1)])


async def test_what_is_no_change_does_not_end_the_feed(hub: Hub, bus: Bus) -> None:
    async with hub.open(1) as page:
        await hub.watch(page, ["station.CP1"])
        await frame(page)
        await bus.publish("live.1", b"not JSON")
        await bus.publish("live.1", b'{"station.CP1.power_w": [1]}')
        await say(bus, 1, {"station.CP1.power_w": 3})
        assert await frame(page) == {"delta": {"station.CP1.power_w": 3}}


async def test_the_last_page_of_an_organisation_leaves_nothing_behind(hub: Hub) -> None:
    before = asyncio.all_tasks()
    async with hub.open(1), hub.open(1):
        assert hub.open_pages == 2
    assert hub.open_pages == 0
    assert asyncio.all_tasks() <= before
