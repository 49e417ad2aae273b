"""The gateway process's heart: who is connected, who may be, the commit they share, and the word of the bus.

Stateless but for its sockets: everything here is a cache of PostgreSQL or an order of work. A gateway that dies loses
unanswered messages only, which their stations send again to the next one.
"""

import asyncio
import collections
from collections.abc import Callable, Coroutine
from typing import Any

import msgspec
import psycopg
import structlog
from prometheus_client import Counter, Gauge
from psycopg import AsyncConnection

from forecourt.ocpp.protocol import protocol
from forecourt.platform import packrow
from forecourt.platform.bus import Bus
from forecourt.platform.clock import Clock
from forecourt.platform.commit import Connect, GroupCommit, Lane, Outcome, Write
from forecourt.platform.database import Pool
from forecourt.platform.errors import ForecourtError
from forecourt.stations.gateway import journal
from forecourt.stations.gateway.calls import Calls
from forecourt.stations.gateway.connection import Connection, Socket
from forecourt.stations.gateway.inbound import Routes
from forecourt.stations.gateway.knocks import WRITE_EVERY_S, Knocks
from forecourt.stations.gateway.lanes import RETURNS
from forecourt.stations.gateway.reports import StationReports
from forecourt.stations.gateway.roster import MAX_AGE_S, POLL_S, Admission, Roster
from forecourt.stations.gateway.station import Station
from forecourt.stations.gateway.turn import Turns
from forecourt.stations.gateway.words import (
    CALL_SUBJECT,
    CALLS_SUBJECT,
    EVICT_SUBJECT,
    OVER_SUBJECT,
    REFRESH_SUBJECT,
    Eviction,
    Over,
)
from forecourt.stations.store.knocks import record_knocks

log = structlog.get_logger(__name__)

#: A gateway that has not renewed its lease for this long holds nobody.
LEASE_S = 10.0
RENEW_S = 3.0
#: One that could not be renewed is tried again so soon: once PostgreSQL is back, whom this gateway holds is online.
RENEW_AGAIN_S = 0.5
#: Stations that wait this long for an answer, PostgreSQL being away or slow, are closed so that they keep and replay.
AWAY_LIMIT_S = 8.0
WATCH_S = 1.0
#: How often the directory learns when its stations were last heard.
SIGHT_S = 30.0
#: Sockets that are compared with the directory between two readings of the roster.
MAX_LOOKED_AT = 5_000
#: A former holder is told at once, by the bus. Only where it holds its socket for so long after is that word lost.
EVICTION_GRACE_S = 10.0
#: A drain waits this long for what is in work.
DRAIN_DEADLINE_S = 10.0

_AWAY = (psycopg.Error, ForecourtError, OSError)
#: Of sockets held here, those whose station is linked by another one since, or by none; and which of the two it is.
_STALE = """
    SELECT h.station_id, l.epoch > h.epoch
    FROM unnest(%s::bigint[], %s::bigint[]) AS h (station_id, epoch) JOIN station_links l USING (station_id)
    WHERE CASE WHEN l.epoch > h.epoch THEN l.connected_at < now() - make_interval(secs => %s)
        ELSE l.gateway_id IS DISTINCT FROM %s END
    """

MESSAGES = Counter("forecourt_messages_total", "Messages of stations taken into work", ["action"])
DEVIATIONS = Counter("forecourt_deviations_total", "Messages understood in spite of a deviation from the schema")
FAULTS = Counter("forecourt_call_faults_total", "Messages of stations refused with a CALLERROR", ["code"])
CONNECTED = Gauge("forecourt_connected_stations", "Stations connected to this gateway")
REFUSALS = Counter("forecourt_refused_upgrades_total", "WebSocket upgrades refused", ["status"])


class Gateway:
    """Owns the sockets of one process. `app` gives it the routes and all lanes."""

    def __init__(
        self,
        gateway_id: str,
        *,
        clock: Clock,
        bus: Bus,
        connect: Connect,
        pool: Pool,
        roster: Roster,
        routes: Routes,
        reports: StationReports,
        knocks: Knocks,
        lanes: tuple[Lane, ...],
    ) -> None:
        self.gateway_id = gateway_id
        self.clock = clock
        self.reports = reports
        self.roster = roster
        self.commit = GroupCommit(connect, lanes, quarantine)
        self.knocks = knocks
        self.connections: set[Connection] = set()
        self.draining = False
        self.take = Turns(clock, self.commit, routes, self._count).take
        self._bus = bus
        self._pool = pool
        self._tasks: set[asyncio.Task[None]] = set()
        self._reading = asyncio.Lock()
        self._counters: dict[str, Any] = {}
        self._looked_at = 0
        self._calls = Calls(clock, roster, self._refresh, self._publish, self._errand)

    # -- life

    async def start(self) -> None:
        """Read the roster, take a lease, listen to the bus, and begin to commit. Sockets may be accepted after it."""
        await self._read_roster(everything=True)
        await self._renew()
        await self._bus.subscribe(CALL_SUBJECT.format(gateway_id=self.gateway_id), self._calls.on_call)
        await self._bus.subscribe(CALLS_SUBJECT.format(gateway_id=self.gateway_id), self._calls.on_calls)
        await self._bus.subscribe(EVICT_SUBJECT.format(gateway_id=self.gateway_id), self._on_evict)
        await self._bus.subscribe(REFRESH_SUBJECT, self._on_refresh)
        await self._bus.subscribe(OVER_SUBJECT, self._on_over)
        for work in (
            self.commit.run,
            self._keep_lease,
            self._keep_roster,
            self._watch_waits,
            self._sight,
            self._keep_knocks,
        ):
            self._spawn(work(), self._part_ended)

    async def drain(self) -> None:
        """Finish what is in work, close every socket, give up the lease. New messages stay with their stations."""
        if self.draining:
            return
        self.draining = True
        deadline = self.clock.monotonic() + DRAIN_DEADLINE_S
        while any(connection.working for connection in self.connections) and self.clock.monotonic() < deadline:
            await asyncio.sleep(0.01)
        for connection in list(self.connections):
            connection.close(1001, "restarting, connect again")
        while not self.commit.idle and self.clock.monotonic() < deadline:
            await asyncio.sleep(0.01)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        try:
            async with asyncio.timeout(RENEW_S):
                await self._once("DELETE FROM gateways WHERE gateway_id = %s", (self.gateway_id,))
        except (psycopg.Error, ForecourtError, TimeoutError):
            log.warning("the lease could not be given up; it runs out by itself")

    def _spawn(self, work: Coroutine[Any, Any, None], ended: Callable[[asyncio.Task[None]], None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(ended)

    @staticmethod
    def _part_ended(task: asyncio.Task[None]) -> None:
        if not task.cancelled() and task.exception() is not None:
            log.critical("a part of the gateway ended", exc_info=task.exception())
            # Serving on without it would break a promise silently: leave at once, stations keep what is unanswered.
            raise SystemExit(1)

    def _errand(self, work: Coroutine[Any, Any, None]) -> None:
        self._spawn(work, self._errand_ended)

    @staticmethod
    def _errand_ended(task: asyncio.Task[None]) -> None:
        if not task.cancelled() and task.exception() is not None:
            log.error("an errand of the bus failed", exc_info=task.exception())

    # -- sockets

    def accept(self, admission: Admission, socket: Socket, remote_address: str) -> Connection:
        """A socket was upgraded: the newest one of a station is the one that counts."""
        station = admission.station
        connection = Connection(self, station, protocol(admission.version), socket)
        former, station.connection = station.connection, connection
        if former is not None:
            former.supersede()
        if admission.proves is not None:
            station.proven = admission.proves
        self.connections.add(connection)
        CONNECTED.set(len(self.connections))
        connection.link(remote_address, admission.proves)
        return connection

    @property
    def accepting(self) -> bool:
        """Whether a new socket would be served: not while draining or while PostgreSQL is away."""
        return not self.draining and self.commit.away_since is None

    def evict_elsewhere(self, gateway_id: str, station: Station, epoch: int) -> None:
        """Tell the gateway that held a station before that its socket is stale."""
        word = msgspec.json.encode(Eviction(identity=station.identity, epoch=epoch))
        self._spawn(self._publish(EVICT_SUBJECT.format(gateway_id=gateway_id), word), self._errand_ended)

    def passwords_changed(self, write: Write, outcome: Outcome) -> None:
        """A write settled which password a station has: every gateway shall read it."""
        if outcome is Outcome.STORED:
            self._spawn(self._tell_of_passwords(), self._errand_ended)

    async def _tell_of_passwords(self) -> None:
        await self._refresh()
        await self._publish(REFRESH_SUBJECT, b"")

    def _count(self, actions: collections.Counter[str], deviating: int) -> None:
        for action, number in actions.items():
            counter = self._counters.get(action)
            if counter is None:
                counter = self._counters[action] = MESSAGES.labels(action)
            counter.inc(number)
        if deviating:
            DEVIATIONS.inc(deviating)

    def count_fault(self, code: str) -> None:
        """Count a message refused."""
        FAULTS.labels(code).inc()

    # -- the bus

    async def _publish(self, subject: str, data: bytes) -> None:
        try:
            await self._bus.publish(subject, data)
        except ForecourtError:
            log.warning("a word on the bus was lost", subject=subject)

    async def _on_evict(self, _: str, data: bytes, reply: str) -> None:
        eviction = msgspec.json.decode(data, type=Eviction)
        station = self.roster.get(eviction.identity)
        connection = station.connection if station is not None else None
        if connection is not None and 0 < connection.epoch < eviction.epoch:
            connection.supersede()

    async def _on_refresh(self, _: str, data: bytes, reply: str) -> None:
        # A gateway that could not read must not say that it has: whoever changed a password relies on it.
        if await self._refresh() and reply:
            await self._publish(reply, self.gateway_id.encode())

    async def _on_over(self, _: str, data: bytes, reply: str) -> None:
        over = msgspec.json.decode(data, type=Over)
        for identity, evse in over.evses:
            station = self.roster.get(identity)
            if station is not None and station.connection is not None:
                self.reports.over(station, evse, over.at)

    # -- keeping

    async def _once(self, query: str, parameters: tuple[Any, ...]) -> None:
        async with self._pool.anyone() as connection:
            await connection.execute(query, parameters)

    async def _refresh(self, *, everything: bool = False) -> bool:
        try:
            await self._read_roster(everything=everything)
        except _AWAY as fault:
            log.warning("the roster could not be read", fault=type(fault).__name__)
            return False
        return True

    async def _read_roster(self, *, everything: bool) -> None:
        async with self._reading, self._pool.anyone() as connection:
            changed = await self.roster.read(connection, everything=everything)
        for station in changed:
            if station.connection is not None:
                here = self.roster.get(station.identity) is station
                reason = "credentials changed, connect again" if here else "no longer registered here"
                station.connection.close(1008, reason)

    async def _keep_roster(self) -> None:
        read_at = self.clock.monotonic()
        while True:
            await asyncio.sleep(POLL_S)
            everything = self.clock.monotonic() - read_at > MAX_AGE_S
            if everything:
                read_at = self.clock.monotonic()
            await self._refresh(everything=everything)
            try:
                await self._look_for_stale()
            except _AWAY as fault:
                log.warning("the directory could not be read", fault=type(fault).__name__)

    async def _look_for_stale(self) -> None:
        """Close sockets that the directory gives to others, the word of it being lost, or to nobody, this gateway
        having counted as dead: their stations connect anew. Each time it is the turn of MAX_LOOKED_AT of them."""
        held = {each.station.station_id: each for each in self.connections if each.epoch}
        later = sorted(number for number in held if number > self._looked_at)
        turn = (later or sorted(held))[:MAX_LOOKED_AT]
        if not turn:
            return
        self._looked_at = turn[-1]
        async with self._pool.anyone() as connection:
            epochs = [held[number].epoch for number in turn]
            cursor = await connection.execute(_STALE, (turn, epochs, EVICTION_GRACE_S, self.gateway_id))
            rows = await cursor.fetchall()
        for station_id, elsewhere in rows:
            if elsewhere:
                held[station_id].supersede()
            else:
                held[station_id].close(1001, "lost from the directory, connect again")

    async def _renew(self) -> None:
        await self._once(
            "INSERT INTO gateways (gateway_id, started_at, lease_until)"
            " VALUES (%s, now(), now() + make_interval(secs => %s))"
            " ON CONFLICT (gateway_id) DO UPDATE SET lease_until = excluded.lease_until",
            (self.gateway_id, LEASE_S),
        )

    async def _keep_lease(self) -> None:
        pause_s = RENEW_S
        while True:
            await asyncio.sleep(pause_s)
            try:
                await self._renew()
            except _AWAY as fault:
                log.warning("the lease could not be renewed", fault=type(fault).__name__)
                pause_s = RENEW_AGAIN_S
            else:
                pause_s = RENEW_S

    async def _watch_waits(self) -> None:
        """Close the stations that wait too long for an answer, whatever keeps it: they keep their messages."""
        while True:
            await asyncio.sleep(WATCH_S)
            CONNECTED.set(len(self.connections))
            before = self.clock.monotonic() - AWAY_LIMIT_S
            for connection in list(self.connections):
                if connection.working and connection.working_since < before:
                    connection.close(1013, "storage away, keep your messages and try again")
            for station in self.reports.take_overdue():
                self._ask_for(station)

    def _ask_for(self, station: Station) -> None:
        """Show a station that didn't come back from its reset; not if it came back to another gateway."""
        write = Write()
        write.add(RETURNS.name, packrow.row(packrow.int8(write.number), packrow.int8(station.station_id)))

        def answered(write: Write, outcome: Outcome) -> None:
            held = outcome is Outcome.STORED and write.answers[RETURNS.name][0]
            if station.connection is not None or not held:
                self.reports.show(station)

        write.done = answered
        self.commit.submit(write)

    async def _keep_knocks(self) -> None:
        while True:
            await asyncio.sleep(WRITE_EVERY_S)
            await self.write_knocks()

    async def write_knocks(self) -> None:
        """Keep who was refused since the last time. What can't be written is let go: who is refused knocks again."""
        heard = self.knocks.take()
        if not heard:
            return
        try:
            async with self._pool.anyone() as connection:
                await record_knocks(connection, heard)
        except _AWAY as fault:
            log.warning("knocks could not be kept", fault=type(fault).__name__, knocks=len(heard))

    async def _sight(self) -> None:
        while True:
            await asyncio.sleep(SIGHT_S)
            for connection in list(self.connections):
                connection.sight()


async def quarantine(connection: AsyncConnection[Any], write: Write, error: str) -> None:
    """Keep the message that no batch could store, whole, for a person to look at."""
    station = write.subject
    if station is None:
        log.error("a row of the log or the directory could not be stored and is dropped", error=error)
        return
    raw = journal.safe(write.raw).decode(errors="replace").replace("\0", "\ufffd")
    await connection.execute(
        "INSERT INTO quarantine (at, tenant_id, station_id, raw, error) VALUES (now(), %s, %s, %s, %s)",
        (station.tenant_id, station.station_id, raw, error),
    )
