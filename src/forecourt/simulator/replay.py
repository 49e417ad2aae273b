"""Plays real sessions over real sockets, in order at each station, with faults on the way.

With a speed, all stations share one clock that runs so many times as fast as time; without, each goes as fast as its
messages are answered. A session is done when its last message was acknowledged; a run that was broken off goes on where
it was.
"""

import asyncio
import heapq
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from random import Random

import msgspec

from forecourt.simulator import fleet
from forecourt.simulator.car import ScriptedLoad
from forecourt.simulator.clock import Clock, JumpClock, PacedClock
from forecourt.simulator.faults import NO_CHANCES, Chances, Counts, Habits, hit, random_cut
from forecourt.simulator.journal import Journal, lines
from forecourt.simulator.ledger import Ledger
from forecourt.simulator.link import Terms
from forecourt.simulator.plan import Part, Play
from forecourt.simulator.said import Said
from forecourt.simulator.station import Station
from forecourt.simulator.wire import Payload

#: Unanswered messages that a station may run ahead of the CSMS, while its line is up.
PIPELINE = 4
#: How long a station may take to be accepted, in real seconds.
ACCEPT_DEADLINE_S = 60.0
#: How long the last messages may take, in real seconds.
DRAIN_DEADLINE_S = 300.0
OFFLINE_MEAN_S = 3_600
#: Outages of a script are over quickly in real time: what waits is the queue.
TERMS = Terms(backoff_first_s=0.2, backoff_most_s=5.0, retry_interval_s=0.5)


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """How to play. `speed` 0: as fast as answers come."""

    url: str
    speed: float = 0.0
    seed: int = 1
    meter_interval_s: int = 900
    chances: Chances = NO_CHANCES
    wrong_clock: float = 0.0
    terms: Terms = TERMS
    #: Secret that the stations' passwords are made from; None: no password.
    secret: str | None = None
    pipeline: int = PIPELINE


class Report(msgspec.Struct, kw_only=True):
    """What a run did. `wrong_energy` names sessions whose stop did not say what the file says."""

    sessions: int
    sessions_done: int = 0
    sessions_before: int = 0
    energy_wh: int = 0
    energy_done_wh: int = 0
    stations: int = 0
    versions: dict[str, int] = msgspec.field(default_factory=dict)
    wrong_energy: list[str] = msgspec.field(default_factory=list)
    unaccepted: list[str] = msgspec.field(default_factory=list)
    counts: Counts = msgspec.field(default_factory=Counts)
    real_s: float = 0.0

    @property
    def messages_per_s(self) -> float:
        return self.counts.calls_answered / self.real_s if self.real_s else 0.0


class Replay:
    """One run over all parts of a plan; `done` holds the keys of sessions that an earlier run finished."""

    def __init__(
        self,
        parts: list[Part],
        options: Options,
        *,
        done: frozenset[str] = frozenset(),
        ledger: Ledger | None = None,
        on_done: Callable[[str], None] | None = None,
    ) -> None:
        self.parts = parts
        self.options = options
        self._before = done
        self._ledger = ledger
        self._on_done = on_done
        plays = [play for part in parts for play in part.plays]
        self.report = Report(
            sessions=len(plays),
            sessions_before=sum(play.key in done for play in plays),
            energy_wh=sum(play.session.energy_wh for play in plays),
            stations=len(parts),
            versions=dict(Counter(part.version for part in parts)),
        )
        self._expected = {play.key: play for play in plays}
        self._seen: set[str] = set()
        self.players: list[Player] = []

    async def run(self) -> Report:
        began = time.monotonic()
        shared = self._shared_clock()
        for index, part in enumerate(self.parts):
            left = [play for play in part.plays if play.key not in self._before]
            if left:
                clock = shared or JumpClock(left[0].session.start)
                self.players.append(Player(part, left, clock, self.options, index, self.report.counts, self._acked))
        try:
            for player in self.players:
                player.station.power_on()
            await asyncio.gather(*(player.accepted() for player in self.players))
            if shared is not None:
                shared.restart()
            await asyncio.gather(*(player.play() for player in self.players if player.station.accepted))
            self.report.unaccepted = [p.station.identity for p in self.players if not p.station.accepted]
        finally:
            for player in self.players:
                player.station.power_off()
            if self._ledger is not None:
                self._ledger.flush()
            self.report.real_s = time.monotonic() - began
        return self.report

    def _shared_clock(self) -> PacedClock | None:
        if self.options.speed <= 0:
            return None
        starts = [p.session.start for part in self.parts for p in part.plays if p.key not in self._before]
        return PacedClock(min(starts), self.options.speed) if starts else None

    def _acked(self, station: Station, said: Said, answer: Payload, duplicate: bool) -> None:
        if self._ledger is not None:
            self._ledger.note(station, said, answer, duplicate)
        if duplicate or said.facts is None or said.facts["kind"] != "stop" or said.session in self._seen:
            return
        play = self._expected[said.session]
        self._seen.add(play.key)
        energy_wh = said.facts["register_wh"] - play.register_wh
        if energy_wh != play.session.energy_wh:
            self.report.wrong_energy.append(play.key)
        self.report.sessions_done += 1
        self.report.energy_done_wh += energy_wh
        if self._on_done is not None:
            self._on_done(play.key)


class Player:
    """One station and its script."""

    def __init__(
        self,
        part: Part,
        plays: list[Play],
        clock: Clock,
        options: Options,
        index: int,
        counts: Counts,
        acked: Callable[[Station, Said, Payload, bool], None],
    ) -> None:
        self._plays = plays
        self._options = options
        self._rng = Random(f"{options.seed}/{part.identity}/play")  # noqa: S311
        self._agenda: list[tuple[datetime, int, int, Callable[[datetime], None]]] = []
        self._entries = 0
        self.station = Station(
            part.identity,
            msgspec.structs.replace(part.make, meter_interval_s=options.meter_interval_s),
            fleet.DIALECTS[part.version],
            clock,
            url=options.url,
            password=fleet.password(options.secret, part.identity) if options.secret else None,
            local=fleet.local_address(options.url, index),
            rng=Random(f"{options.seed}/{part.identity}/station"),  # noqa: S311
            habits=self._habits(part.plays[0].session.start),
            chances=options.chances,
            counts=counts,
            terms=options.terms,
            on_acked=acked,
        )
        self.station.beats = options.speed > 0

    def _habits(self, start: datetime) -> Habits:
        offset = timedelta()
        if hit(self._rng, self._options.wrong_clock):
            ago = start - datetime(2000, 1, 1, tzinfo=start.tzinfo)
            offset = self._rng.choice((timedelta(minutes=7), timedelta(hours=-2), timedelta(hours=1), -ago))
        return Habits(
            clock_offset=offset,
            clock_stays_wrong=True,
            stops_when_refused=False,
            always_offline=self._options.speed <= 0,
            boots_on_reconnect=self._rng.random() < 0.3,
            statuses_on_reconnect=self._rng.random() < 0.7,
        )

    async def accepted(self) -> None:
        """Waits until the CSMS has taken the station, or gives it up at the deadline."""
        give_up_at = time.monotonic() + ACCEPT_DEADLINE_S
        while not self.station.accepted and time.monotonic() < give_up_at:
            await asyncio.sleep(0.02)

    async def play(self) -> None:
        """Plays the whole script, and waits until all of it was acknowledged."""
        for play in self._plays:
            self._at(play.session.start, lambda at, p=play: self._start(p, at), rank=2)  # type: ignore[misc]
        link, clock = self.station.link, self.station.clock
        while self._agenda:
            at, _, _, act = heapq.heappop(self._agenda)
            await clock.sleep_until(at)
            act(at)
            if link.wanted and self._options.speed <= 0:
                await link.drained(to=self._options.pipeline)
        link.start()
        # What is left at the deadline shows in the report as sessions that are not done.
        with suppress(TimeoutError):
            async with asyncio.timeout(DRAIN_DEADLINE_S):
                await link.drained()

    def _at(self, at: datetime, act: Callable[[datetime], None], rank: int = 1) -> None:
        """At one instant a car leaves (rank 0) before the next one comes (rank 2)."""
        self._entries += 1
        heapq.heappush(self._agenda, (at, rank, self._entries, act))

    def _start(self, play: Play, at: datetime) -> None:
        bay = self.station.bays[play.bay - 1]
        session = play.session
        local = at + self.station.offset
        duration_s = (session.end - session.start).total_seconds()
        bay.register_wh = float(play.register_wh)
        bay.plug_in(ScriptedLoad(session.energy_wh, duration_s, play.power_w), local, play.key)
        bay.begin(play.token, local, key=play.key)
        self._at(session.end, lambda end: self._end(play, end), rank=0)
        step = timedelta(seconds=self._options.meter_interval_s)
        if at + step < session.end:
            self._at(at + step, lambda tick: self._tick(play, tick))
        self._trouble(play)

    def _tick(self, play: Play, at: datetime) -> None:
        self.station.advance(at + self.station.offset)
        step = timedelta(seconds=self._options.meter_interval_s)
        if at + step < play.session.end:
            self._at(at + step, lambda tick: self._tick(play, tick))

    def _end(self, play: Play, at: datetime) -> None:
        bay = self.station.bays[play.bay - 1]
        local = at + self.station.offset
        if bay.tx is not None and bay.tx.key == play.key:
            if self._rng.random() < 0.5:
                bay.stop("Local", local, play.token)
            bay.unplug(local)
        elif bay.load is not None:
            bay.unplug(local)

    def _trouble(self, play: Play) -> None:
        """Draws what goes wrong during this session."""
        chances, rng, link = self._options.chances, self._rng, self.station.link
        duration = play.session.end - play.session.start
        if hit(rng, chances.cut) and link.cut_in is None:
            messages = int(duration.total_seconds() / self._options.meter_interval_s) + 4
            link.cut_in, link.cut_kind = rng.randint(1, messages), random_cut(rng)
        if hit(rng, chances.offline):
            gone = play.session.start + duration * rng.random()
            self._at(gone, self._leave)
            self._at(gone + timedelta(seconds=60 + rng.expovariate(1 / OFFLINE_MEAN_S)), self._return)

    def _leave(self, at: datetime) -> None:
        if self.station.link.wanted:
            self.station.counts.offline_periods += 1
            self.station.link.stop(random_cut(self._rng))

    def _return(self, at: datetime) -> None:
        self.station.link.start()


class Progress:
    """The sessions that are done, on disk: `{"weeks": n}` and then a key a line."""

    def __init__(self, path: Path) -> None:
        self.weeks: int | None = None
        self.done: set[str] = set()
        self._journal = Journal(path)
        for number, line in enumerate(lines(path)):
            if number == 0:
                self.weeks = msgspec.json.decode(line)["weeks"]
            else:
                self.done.add(msgspec.json.decode(line))

    def begin(self, weeks: int) -> None:
        """Notes by how much the dates were moved, once."""
        if self.weeks is None:
            self.weeks = weeks
            self._add({"weeks": weeks})

    def note(self, key: str) -> None:
        if key not in self.done:
            self.done.add(key)
            self._add(key)

    def _add(self, entry: object) -> None:
        self._journal.add(msgspec.json.encode(entry))
        self._journal.flush()

    def close(self) -> None:
        self._journal.close()
