"""Many stations in one process: makes of stations, one version a third, and the beat that advances them all."""

import asyncio
from collections.abc import Callable
from hashlib import blake2b

from forecourt.simulator.station import Dialect, Make, Station
from forecourt.simulator.v16 import Dialect16
from forecourt.simulator.v201 import Dialect21, Dialect201

DIALECTS: dict[str, Callable[[Station], Dialect]] = {"1.6": Dialect16, "2.0.1": Dialect201, "2.1": Dialect21}
VERSIONS = tuple(DIALECTS)
#: One loopback address has some 28,000 free ports; stations beyond this many share further addresses.
STATIONS_PER_ADDRESS = 20_000

MAKES = {
    "wallbox 11": Make(vendor="Alder", model="Wall 11", power_w=11_000, firmware="3.4.1",
                       measurands=("energy", "power")),
    "wallbox 7": Make(vendor="Alder", model="Wall 7", power_w=7_400, phases=1, firmware="3.4.1"),
    "twin 22": Make(vendor="Birch", model="Post 22 Twin", power_w=22_000, bays=2, energy_unit="kWh", stop_data=True,
                    measurands=("energy", "power", "current", "offered"), tx_start="EVConnected"),
    "post 22": Make(vendor="Birch", model="Post 22", power_w=22_000, firmware="2.9.0"),
    "plain 22": Make(vendor="Cedar", model="C22", power_w=22_000, firmware="0.9", measurands=("plain",)),
    "fast 50": Make(vendor="Elm", model="DC 50", power_w=50_000, dc=True, firmware="5.1.2",
                    measurands=("energy", "power", "soc")),
    "fast 150": Make(vendor="Elm", model="DC 150", power_w=150_000, dc=True, bays=2, firmware="5.3.0",
                     measurands=("energy", "power", "soc", "offered")),
    "ultra 300": Make(vendor="Fir", model="HPC 300", power_w=300_000, dc=True, bays=2, firmware="7.0.4",
                      measurands=("energy", "power", "soc", "current"), tx_start="EVConnected"),
}  # fmt: skip


def version_of(index: int, mix: str) -> str:
    """`mix` gives each version a third; a version gives all the same."""
    return VERSIONS[index % len(VERSIONS)] if mix == "mix" else mix


def password(secret: str, identity: str) -> str:
    """A machine-made password of 128 bits, the same for the same secret: a fleet can come back tomorrow."""
    return blake2b(identity.encode(), key=secret.encode()[:64], digest_size=16).hexdigest()


def local_address(url: str, index: int) -> str | None:
    """The near end to bind when one address would run out of ports."""
    loopback = "//127." in url or "//localhost" in url
    return f"127.0.0.{2 + index // STATIONS_PER_ADDRESS}" if loopback and index >= STATIONS_PER_ADDRESS else None


class Fleet:
    """Stations advanced together, a few times a second."""

    def __init__(self, stations: list[Station], beat_s: float = 1.0) -> None:
        self.stations = stations
        self._beat_s = beat_s

    async def power_on(self, per_s: float = 500.0) -> None:
        """Connects, no more than so many a second."""
        for number, station in enumerate(self.stations, start=1):
            station.power_on()
            if number % 50 == 0:
                await asyncio.sleep(50 / per_s)

    async def run(self, each: Callable[[], None] | None = None) -> None:
        """Advances until cancelled; `each` is called once a beat."""
        while True:
            for station in self.stations:
                station.advance()
            if each is not None:
                each()
            await asyncio.sleep(self._beat_s)

    def power_off(self) -> None:
        for station in self.stations:
            station.power_off()
