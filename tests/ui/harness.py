"""The stations page on its own, with made-up stations: for tests of the browser side and for looking at it.

`python -m tests.ui.harness [stations]` serves it on port 8900. Templates, assets, headers, hub and socket are the real
ones; the database and the bus are stood in for, so that a test can say what happens.
"""

import asyncio
import random
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any, cast

import msgspec
import uvicorn
from litestar import Litestar
from litestar.di import Provide
from msgspec import Struct

from forecourt.platform.clock import SystemClock
from forecourt.platform.database import Pool
from forecourt.stations import store
from forecourt.stations.model import STATION_STATES
from forecourt.stations.pages import TEMPLATES_DIR, station_pages
from forecourt.stations.store import knocks
from forecourt.ui.assets import Assets, assets_route
from forecourt.ui.live import Hub, Pace, Value
from forecourt.ui.security import SECURITY_HEADERS
from forecourt.ui.shell import Connection, NavItem, Shell
from forecourt.ui.socket import live_route

TENANT = 1
PLACES = [
    ("Berlin Mitte", 52.52, 13.40),
    ("Paris Bercy", 48.84, 2.38),
    ("Oslo Filipstad", 59.91, 10.72),
    ("Vienna West", 48.19, 16.33),
    ("Amsterdam Zuid", 52.34, 4.87),
    ("Warsaw Wola", 52.24, 20.98),
    ("Milano Lambrate", 45.48, 9.24),
    ("Lyon Part-Dieu", 45.76, 4.86),
]
WEIGHTS = {
    "Available": 40,
    "Charging": 42,
    "SuspendedEV": 5,
    "Preparing": 3,
    "Faulted": 4,
    "Offline": 4,
    "Unavailable": 2,
}
ERRORS = ["GroundFailure", "ConnectorLockFailure", "HighTemperature", "NoError"]


class Person(Struct, frozen=True):
    """Who the harness says is signed in."""

    tenant_id: int = TENANT
    organisation: str = "Demo Charging"
    time_zone: str = "UTC"
    name: str = "ada@demo.example"
    sites: tuple[int, ...] | None = None


class LocalBus:
    """A bus within one process."""

    def __init__(self) -> None:
        self._handlers: dict[str, list[Callable[[str, bytes, str], Awaitable[None]]]] = {}

    async def subscribe(
        self, subject: str, handler: Callable[[str, bytes, str], Awaitable[None]]
    ) -> Callable[[], Awaitable[None]]:
        self._handlers.setdefault(subject, []).append(handler)

        async def stop() -> None:
            self._handlers[subject].remove(handler)

        return stop

    async def publish(self, subject: str, data: bytes) -> None:
        for handler in list(self._handlers.get(subject, ())):
            await handler(subject, data, "")


class Fleet:
    """Made-up stations and what they say. Where none is `placed`, there is no map of them."""

    def __init__(self, size: int, seed: int = 7, *, placed: bool = True) -> None:
        self.placed = placed
        self.bus = LocalBus()
        self.random = random.Random(seed)
        self.now = SystemClock().now()
        self.stations: dict[str, store.ShownStation] = {}
        self.cells: dict[str, Value] = {}
        for number in range(size):
            self._add(number)

    def _add(self, number: int) -> None:
        site, latitude, longitude = PLACES[number % len(PLACES)]
        identity = f"CP{number:04d}"
        state = self.random.choices(list(WEIGHTS), list(WEIGHTS.values()))[0]
        self.stations[identity] = store.ShownStation(
            station_id=number + 1,
            identity=identity,
            name=f"{site.split()[0]} {number // len(PLACES) + 1:02d}" if number % 7 else None,
            site_name=site,
            site=site.lower().replace(" ", "-"),
            max_power_w=self.random.choice([11_000, 22_000, 50_000, 150_000, 300_000]),
            latitude=latitude if self.placed else None,
            longitude=longitude if self.placed else None,
            state=state,
            error_code=self.random.choice(ERRORS) if state == "Faulted" else None,
            last_seen_at=self.now - timedelta(minutes=self.random.randint(0, 3000)) if number % 9 else None,
            registration="accepted",
            protocol="ocpp2.0.1",
            model="Voltwerk Pillar 150",
            connected=state != "Offline",
        )
        self.cells.update(self._cells_of(identity, state))

    def _cells_of(self, identity: str, state: str) -> dict[str, Value]:
        key, station = f"station.{identity}", self.stations[identity]
        running = state in ("Charging", "SuspendedEV")
        limit = station.max_power_w or 0
        return {
            f"{key}.state": state,
            f"{key}.error": self.random.choice(ERRORS) if state == "Faulted" else None,
            f"{key}.power_w": int(self.random.uniform(0.6, 1) * limit) if state == "Charging" else 0,
            f"{key}.energy_wh": self.random.randint(100, 48_000) if running else None,
            f"{key}.soc_pct": self.random.randint(8, 99) if running and limit > 40_000 else None,
            f"{key}.session_id": f"6f1c2c{station.station_id:06d}" if running else None,
        }

    async def snapshot(self, tenant_id: int, stations: Sequence[str], /) -> Mapping[str, Value]:
        assert tenant_id == TENANT
        wanted = {f"station.{identity}" for identity in stations}
        return {key: value for key, value in self.cells.items() if key.rpartition(".")[0] in wanted}

    async def totals(self, tenant_id: int, /) -> Mapping[str, Value]:
        assert tenant_id == TENANT
        states = [value for key, value in self.cells.items() if key.endswith(".state")]
        power = [int(value or 0) for key, value in self.cells.items() if key.endswith(".power_w")]
        return {"totals.power_w": sum(power), **{f"totals.n.{state}": states.count(state) for state in STATION_STATES}}

    async def say(self, cells: Mapping[str, Value]) -> None:
        """What a station would say, to everybody who listens."""
        self.cells.update(cells)
        await self.bus.publish(f"live.{TENANT}", msgspec.json.encode(cells))

    async def breathe(self) -> None:
        """Change a few stations ten times a second, for ever."""
        while True:
            await asyncio.sleep(0.1)
            said: dict[str, Value] = {}
            for identity, station in self.random.sample(sorted(self.stations.items()), min(4, len(self.stations))):
                key = f"station.{identity}"
                state = str(self.cells[f"{key}.state"])
                if self.random.random() < 0.05:
                    state = self.random.choices(list(WEIGHTS), list(WEIGHTS.values()))[0]
                    said.update(self._cells_of(identity, state))
                elif state == "Charging":
                    before = int(self.cells[f"{key}.power_w"] or 0)
                    after = before + self.random.uniform(-0.04, 0.04) * (station.max_power_w or 0)
                    said[f"{key}.power_w"] = max(0, min(station.max_power_w or 0, int(after)))
                    said[f"{key}.energy_wh"] = int(self.cells[f"{key}.energy_wh"] or 0) + before // 3600 + 1
            await self.say(said)


class Registry:
    """Answers the queries of the page from a fleet, in place of PostgreSQL."""

    def __init__(self, fleet: Fleet) -> None:
        self.fleet = fleet

    @asynccontextmanager
    async def tenant(self, tenant_id: int) -> AsyncIterator["Registry"]:
        assert tenant_id == TENANT
        yield self

    async def list_for_page(self, _conn: object, _tenant_id: int, **asked: Any) -> tuple[list[store.ShownStation], int]:
        found = [
            msgspec.structs.replace(
                row,
                state=str(self.fleet.cells[f"station.{row.identity}.state"]),
                error_code=cast("str | None", self.fleet.cells[f"station.{row.identity}.error"]),
            )
            for row in self.fleet.stations.values()
        ]
        found = [row for row in found if self._matches(row, asked)]
        offset = asked.get("offset", 0)
        return found[offset : offset + asked["limit"]], len(found)

    def _matches(self, row: store.ShownStation, asked: Mapping[str, Any]) -> bool:
        text = f"{row.name} {row.identity} {row.site_name}".lower()
        return (
            asked.get("search", "").lower() in text
            and asked.get("state") in (None, row.state)
            and asked.get("site") in (None, row.site)
            and (not asked.get("placed") or row.latitude is not None)
            and (asked.get("identities") is None or row.identity in asked["identities"])
        )

    async def list_models(self, *_: object) -> list[str]:
        return ["Voltwerk Pillar 150"]

    async def list_sites(self, *_: object, **__: object) -> list[store.SiteRow]:
        return [
            store.SiteRow(
                site_id=number,
                slug=name.lower().replace(" ", "-"),
                name=name,
                address=None,
                city=None,
                country=None,
                time_zone="UTC",
                latitude=latitude,
                longitude=longitude,
                created_at=self.fleet.now,
            )
            for number, (name, latitude, longitude) in enumerate(PLACES)
        ]

    async def find_refusal(self, *_: object) -> None:
        """Nobody was refused."""

    async def find_station(self, _conn: object, _tenant_id: int, identity: str) -> store.StationRow | None:
        row = self.fleet.stations.get(identity)
        if row is None:
            return None
        return store.StationRow(
            station_id=row.station_id,
            identity=identity,
            name=row.name,
            site=row.site,
            security_profile=1,
            registration="accepted",
            has_password=True,
            latitude=row.latitude,
            longitude=row.longitude,
            max_power_w=row.max_power_w,
            vendor="Voltwerk",
            model="Pillar 150",
            serial=f"VW-{row.station_id:06d}",
            firmware="2.14.3",
            booted_at=self.fleet.now - timedelta(days=3),
            retired_at=None,
            version=1,
            created_at=self.fleet.now - timedelta(days=90),
            connected=self.fleet.cells[f"station.{identity}.state"] != "Offline",
            restarting=self.fleet.cells[f"station.{identity}.state"] == "Restarting",
            protocol="ocpp2.0.1",
            connected_at=self.fleet.now - timedelta(hours=7),
            disconnected_at=None,
            last_seen_at=row.last_seen_at,
        )

    async def list_connectors(self, _conn: object, _tenant_id: int, ids: Sequence[int]) -> list[store.ConnectorRow]:
        row = next(row for row in self.fleet.stations.values() if row.station_id == ids[0])
        states = [str(self.fleet.cells[f"station.{row.identity}.state"]), "Available"]
        return [
            store.ConnectorRow(
                station_id=ids[0],
                evse=number,
                connector=1,
                state="Available" if state == "Offline" else state,
                shown_state="Available" if state == "Offline" else state,
                state_at=self.fleet.now - timedelta(minutes=12 * number),
                error_code=cast("str | None", self.fleet.cells[f"station.{row.identity}.error"]),
                info="RCD 30 mA at 41 mA" if state == "Faulted" else None,
                vendor_error_code="E207" if state == "Faulted" else None,
            )
            for number, state in enumerate(states, 1)
        ]


#: The queries that the page makes and the harness answers.
QUERIES = ("list_for_page", "list_models", "list_sites", "find_station", "list_connectors")


def application(
    fleet: Fleet, replace: Callable[[object, str, object], None], *, signed_in: bool = True, pace: Pace | None = None
) -> tuple[Litestar, Hub]:
    """The page, its assets and its socket over a fleet, which `replace` lets answer the queries of `stations.store`."""
    registry = Registry(fleet)
    for name in QUERIES:
        replace(store, name, getattr(registry, name))
    replace(knocks, "find_refusal", registry.find_refusal)
    assets = Assets.load()
    shell = Shell(
        assets=assets,
        templates={"stations": TEMPLATES_DIR},
        navigation=[NavItem(key="stations", label="Stations", href="/stations")],
        clock=SystemClock(),
    )
    hub = Hub(fleet.bus, snapshots=[fleet.snapshot], totals=fleet.totals, pace=pace)

    async def authenticate(_connection: Connection, /) -> Person | None:
        return Person() if signed_in else None

    pages = station_pages(
        shell=shell,
        authenticate=authenticate,
        db=cast("Pool", registry),
        snapshots=[fleet.snapshot],
        totals=fleet.totals,
        ocpp_port=9000,
    )
    return Litestar(
        [*pages, assets_route(assets), live_route(hub, authenticate)],
        dependencies={"clock": Provide(SystemClock, sync_to_thread=False)},
        response_headers=SECURITY_HEADERS,
        openapi_config=None,
    ), hub


async def serve(size: int, port: int) -> None:
    fleet = Fleet(size)
    app, _ = application(fleet, setattr)
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="warning"))
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(fleet.breathe())
        await server.serve()
        sys.exit()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]) if len(sys.argv) > 1 else 64, 8900))
