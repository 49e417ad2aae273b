"""Stations that charge cars without end, and the list of everything they were told is stored.

Simulated time leaps from message to message, so that a car's hour passes as fast as the messages are answered.
"""

import asyncio
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

from forecourt.simulator import fleet
from forecourt.simulator.car import ScriptedLoad
from forecourt.simulator.clock import JumpClock
from forecourt.simulator.faults import Chances, Counts, Habits
from forecourt.simulator.ledger import Ledger, read
from forecourt.simulator.link import Terms
from forecourt.simulator.said import Said
from forecourt.simulator.station import Station
from forecourt.simulator.wire import Payload
from tests.spine.processes import STATIONS_SECRET

#: They redial quickly: an outage costs the test's time, not theirs.
TERMS = Terms(backoff_first_s=0.05, backoff_most_s=0.5, retry_interval_s=0.1)
#: Long enough ago for every session to lie in the past when it is told of.
BEGINNING = timedelta(days=60)
CHARGING = timedelta(hours=1)
#: Many to a session: each session that ended makes work that is the same every time.
SAMPLE_EVERY = timedelta(minutes=1)
#: Real seconds between two things a station does, at the most.
LONGEST_PAUSE_S = 0.6
#: Messages that a station may run ahead of the answers while it is online.
PIPELINE = 3
MAKES = ("wallbox 11", "post 22", "plain 22", "fast 50")
TOKENS = tuple(f"CARD{number:04}" for number in range(40))
#: Cards that nobody registered; cars charge all the same, and the review notes it.
STRANGERS = ("NOBODY1", "NOBODY2")


class LoadStation(Station):
    """A simulated station that also keeps the ids of the messages that were acknowledged."""

    acknowledged: list[str]

    @property
    def unanswered(self) -> str | None:
        """The id of the CALL that was sent and is not answered."""
        return None if self.link._outstanding is None else self.link._outstanding[0]

    def on_acked(self, said: Said, answer: Payload, duplicate: bool) -> None:
        self.acknowledged.append(said.message_id)
        super().on_acked(said, answer, duplicate)


def describe(station: LoadStation) -> str:
    """The state of a station's line, for the one who asks why it stands still."""
    link = station.link
    return (
        f"{station.identity} ({station.dialect.subprotocol}): online {link.online}, accepted {station.accepted},"
        f" gate open {link.gate_open}, {len(link.queue)} in line, under way {station.unanswered}"
    )


class Load:
    """Stations under one address, a third of them in each version; each charges car after car until `finish`."""

    def __init__(self, url: str, folder: Path, *, stations: int, seed: int) -> None:
        self.counts = Counts()
        self.energies_wh: dict[str, int] = {}
        self.tokens: dict[str, str] = {}
        self._journal = folder / "ledger.jsonl"
        self._ledger = Ledger(self._journal)
        self._ending = False
        self._tasks: list[asyncio.Task[None]] = []
        self._seed = seed
        self.stations = [self._station(url, f"LOAD-{number:03}", number) for number in range(stations)]

    def _station(self, url: str, identity: str, number: int) -> LoadStation:
        rng = Random(f"{self._seed}/{identity}")
        station = LoadStation(
            identity,
            fleet.MAKES[MAKES[number // 3 % len(MAKES)]],
            fleet.DIALECTS[fleet.version_of(number, "mix")],
            JumpClock(datetime.now(UTC).replace(microsecond=0) - BEGINNING + timedelta(seconds=number)),
            url=url,
            password=fleet.password(STATIONS_SECRET, identity),
            rng=rng,
            habits=Habits(stops_when_refused=False, clock_stays_wrong=True, boots_on_reconnect=rng.random() < 0.5),
            chances=Chances(duplicate=0.03),
            counts=self.counts,
            terms=TERMS,
            on_acked=self._ledger.note,
        )
        station.acknowledged = []
        station.beats = False
        station.settings.put("meter_s", str(int(SAMPLE_EVERY.total_seconds())))
        return station

    def start(self) -> None:
        """Powers every station on."""
        for station in self.stations:
            station.power_on()
            self._tasks.append(asyncio.create_task(self._drive(station)))

    async def finish(self) -> None:
        """Lets the hours of the sessions that run pass at once, and waits until everything was acknowledged."""
        self._ending = True
        await asyncio.gather(*self._tasks)
        for station in self.stations:
            await station.link.drained()
        self.power_off()

    def power_off(self) -> None:
        """Ends every connection; safe to call twice."""
        for task in self._tasks:
            task.cancel()
        for station in self.stations:
            station.power_off()
        self._ledger.close()

    def unanswered(self, identities: set[str] | None = None) -> set[str]:
        """The ids of CALLs on their way, of all stations or of these."""
        return {
            message_id
            for station in self.stations
            if (message_id := station.unanswered) is not None and (identities is None or station.identity in identities)
        }

    def ports(self, calls: Iterable[str]) -> dict[str, int]:
        """The near end of the connection that each of these calls went over, as far as it is still open."""
        wanted = set(calls)
        under_way = {station.unanswered: station.link._wire for station in self.stations}
        return {
            call: int(wire._transport.underlying_transport.get_extra_info("sockname")[1])
            for call, wire in under_way.items()
            if call in wanted and call is not None and wire is not None and wire._transport is not None
        }

    def acknowledged(self) -> set[str]:
        """The ids of all CALLs that were answered with a CALLRESULT."""
        return {message_id for station in self.stations for message_id in station.acknowledged}

    def progress(self) -> list[int]:
        """How many messages of each station were acknowledged so far."""
        return [len(station.acknowledged) for station in self.stations]

    def ledger(self) -> Iterator[dict[str, Any]]:
        """Every acknowledged message about a session, in the order of the acknowledgements."""
        self._ledger.flush()
        return read(self._journal)

    async def _drive(self, station: LoadStation) -> None:
        rng = Random(f"{self._seed}/{station.identity}/cars")
        number = 0
        while not self._ending:
            number += 1
            await self._charge(station, f"{station.identity}/{number}", rng)

    async def _charge(self, station: LoadStation, key: str, rng: Random) -> None:
        bay = station.bays[rng.randrange(len(station.bays))]
        energy_wh = rng.randrange(0, 9_000)
        self.energies_wh[key] = energy_wh
        token = self.tokens[key] = rng.choice(STRANGERS if rng.random() < 0.1 else TOKENS)
        at = station.time()
        bay.plug_in(ScriptedLoad(energy_wh, CHARGING.total_seconds(), 11_000), at, key)
        bay.begin(token, at, key=key)
        ends_at = at + CHARGING
        while at < ends_at:
            await self._pause(station, rng)
            # What is left of the last sessions tells nothing that is not known.
            at = ends_at if self._ending else at + SAMPLE_EVERY
            await station.clock.sleep_until(at)
            station.advance(at)
        await self._pause(station, rng)
        if rng.random() < 0.5:
            bay.stop("Local", at, token)
        bay.unplug(at)
        await self._pause(station, rng)
        await station.clock.sleep_until(at + timedelta(seconds=rng.randrange(60, 600)))

    async def _pause(self, station: LoadStation, rng: Random) -> None:
        await asyncio.sleep(rng.uniform(0, LONGEST_PAUSE_S))
        # Without a line it goes on charging and keeps what it has to say.
        while station.link.online and station.link.waiting > PIPELINE:
            await asyncio.sleep(LONGEST_PAUSE_S / 10)
