"""Gateways without sockets: the verbs of sessions, the group commit and its lanes, over the real PostgreSQL."""

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import psycopg
from psycopg import AsyncConnection

from forecourt.ocpp.neutral import Answer
from forecourt.platform import database as databases
from forecourt.platform.bus import Bus
from forecourt.platform.commit import GroupCommit, Outcome, Write
from forecourt.platform.live import LiveFeed
from forecourt.sessions.lanes import LANES as SESSION_LANES
from forecourt.sessions.model import Session
from forecourt.sessions.service import Sessions
from forecourt.stations.gateway.inbound import Inbound, Later
from forecourt.stations.gateway.lanes import LANES as STATION_LANES
from forecourt.stations.gateway.reports import StationReports
from forecourt.stations.gateway.server import quarantine
from forecourt.stations.gateway.station import Station
from tests.conftest import Database
from tests.sessions.histories import Said
from tests.support import WAIT_S, FakeClock

TENANT = 1
#: What PostgreSQL must agree with the model on.
FACTS = tuple(
    field for field in Session.__struct_fields__ if field not in ("station_id", "transaction_id", "session_id")
)


class Writer:
    """What a gateway puts between its sockets and PostgreSQL."""

    def __init__(self, commit: GroupCommit, sessions: Sessions, live: LiveFeed) -> None:
        self.commit = commit
        self.sessions = sessions
        self.live = live

    async def say(self, station: Station, said: Said) -> Answer:
        """Hand a report in and wait for the answer, as a station does."""
        report, arrived = said
        write = Write(key=station.station_id, subject=station)
        decide = self.sessions.record(Inbound(station, arrived, write), report)
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()

        def stored(_: Write, outcome: Outcome) -> None:
            assert outcome is Outcome.STORED
            decided = decide()
            assert not isinstance(decided, Later)
            answer.set_result(decided)

        write.done = stored
        self.commit.submit(write)
        return await asyncio.wait_for(answer, WAIT_S)

    async def say_all(self, station: Station, history: list[Said]) -> None:
        """One after the other, as over one socket."""
        for said in history:
            await self.say(station, said)


class Bench:
    """Two writers over one database, on a loop that runs while something is awaited."""

    def __init__(self, database: Database, nats_url: str) -> None:
        self.admin = psycopg.connect(database.admin_url, autocommit=True)
        self.url = database.url
        self._database = database
        self._nats_url = nats_url
        self._numbers = itertools.count(1)
        self.writers: list[Writer] = []

    def station(self) -> Station:
        """A station nobody has spoken of."""
        number = next(self._numbers)
        return Station(number, TENANT, f"S{number}")

    @asynccontextmanager
    async def at_work(self) -> AsyncIterator[None]:
        bus = await Bus.connect(self._nats_url)
        self.writers = [self._writer(LiveFeed(bus)) for _ in range(2)]
        running = [asyncio.create_task(writer.commit.run()) for writer in self.writers]
        try:
            yield
        finally:
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)
            await bus.close()

    def _writer(self, live: LiveFeed) -> Writer:
        async def connect() -> AsyncConnection[Any]:
            return await databases.connect(self._database.url, "forecourt_ingest", autocommit=True)

        commit = GroupCommit(connect, (*STATION_LANES, *SESSION_LANES), quarantine)
        return Writer(commit, Sessions(live, StationReports(FakeClock(), live, 300)), live)

    def stored(self, station: Station) -> dict[str, tuple[Any, ...]]:
        """What PostgreSQL has of a station's sessions, by transaction."""
        rows = self.admin.execute(
            f"SELECT transaction_id, {', '.join(FACTS)} FROM sessions WHERE station_id = %s".encode(),
            (station.station_id,),
        ).fetchall()
        return {row[0]: tuple(tuple(fact) if isinstance(fact, list) else fact for fact in row[1:]) for row in rows}

    def value(self, query: str, *parameters: Any) -> Any:
        row = self.admin.execute(query.encode(), parameters).fetchone()
        assert row is not None
        return row[0]
