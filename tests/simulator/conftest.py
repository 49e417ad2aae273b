"""A station with a clock that only the test moves, against a stub CSMS."""

import os
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest
import pytest_asyncio

from forecourt.simulator import fleet
from forecourt.simulator.clock import JumpClock
from forecourt.simulator.ledger import Ledger
from forecourt.simulator.link import Terms
from forecourt.simulator.station import Make, Station
from tests.simulator.csms import Stub
from tests.support import WAIT_S

START = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
MAKE = Make(vendor="Alder", model="Test 22", power_w=22_000, meter_interval_s=60)
#: No answer is waited for in vain, unless a test says so.
TERMS = Terms(answer_deadline_s=WAIT_S, backoff_first_s=0.01, backoff_most_s=0.05, retry_interval_s=0.01)


class Bench:
    """Builds stations, and switches them off at the end."""

    def __init__(self, stub: Stub) -> None:
        self.stub = stub
        self.clock = JumpClock(START)
        self.ledger = Ledger()
        self.stations: list[Station] = []

    def station(self, version: str, identity: str = "CP 1", **more: Any) -> Station:
        make = msgspec.structs.replace(MAKE, **more.pop("make", {}))
        more.setdefault("terms", TERMS)
        station = Station(
            identity,
            make,
            fleet.DIALECTS[version],
            self.clock,
            url=self.stub.url,
            rng=Random(7),
            on_acked=self.ledger.note,
            **more,
        )
        self.stations.append(station)
        return station

    async def booted(self, version: str, identity: str = "CP 1", **more: Any) -> Station:
        """A station that was accepted and has said all of its statuses."""
        station = self.station(version, identity, **more)
        station.power_on()
        await self.stub.until(lambda: len(self.stub.all("StatusNotification", identity)) >= len(station.bays))
        await station.link.drained()
        return station

    def pass_time(self, seconds: float, step_s: float = 30) -> None:
        """Lets simulated time go by at every station, in steps."""
        left_s = seconds
        while left_s > 0:
            self.clock.advance(min(step_s, left_s))
            left_s -= step_s
            for station in self.stations:
                station.advance()


@pytest_asyncio.fixture
async def bench() -> AsyncIterator[Bench]:
    async with Stub() as stub:
        made = Bench(stub)
        yield made
        for station in made.stations:
            station.power_off()
        assert stub.faults == []


@pytest.fixture(params=fleet.VERSIONS)
def version(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def real_file() -> Callable[[str], Path]:
    """Real data lie beside the repository or where FORECOURT_TEST_DATA says; a test that needs them skips without."""
    root = Path(os.environ.get("FORECOURT_TEST_DATA", Path(__file__).parents[3] / "shared" / "data"))

    def find(name: str) -> Path:
        if not (root / name).exists():
            pytest.skip(f"{name} is not in {root}")
        return root / name

    return find
