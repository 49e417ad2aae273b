"""A whole deployment under load, and kill -9 at instants that are proven to hit work in flight.

A gateway is frozen first and looked at: it has read calls from their sockets that are not stored (before its commit),
or not answered calls that are (after it), or PostgreSQL shows its transaction open. What is frozen can't move on before
it dies. A transaction takes a few milliseconds and no word from its gateway, so one that is to die open is held up at
a random table until it has.
"""

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from enum import StrEnum
from pathlib import Path
from random import Random
from typing import Any

import psycopg
import structlog
from msgspec import Struct

from forecourt.platform.embedded import EmbeddedNats, EmbeddedPostgres
from forecourt.platform.embedded.process import processes_in
from forecourt.simulator.faults import random_cut
from tests.conftest import copy_prepared
from tests.spine.load import TOKENS, Load, describe
from tests.spine.processes import Deployment, Program, stands_still, until
from tests.support import WAIT_S, free_port

log = structlog.get_logger(__name__)

STATIONS = 24
#: The whole of the statement that merges and commits is to be seen in pg_stat_activity.
CONFIGURATION = {"shared_buffers": "64MB", "track_activity_query_size": "64kB"}
#: Freezes that may find nothing in flight before we give up.
TRIES = 500
#: Where a transaction is held up: at its sessions, at what follows from them, or at its last rows before the commit.
TABLES = ("sessions", "outbox", "meter_values")
#: Random instants lie within this many seconds.
WANDER_S = 0.3
#: Messages of the log that are looked through for a call, newest first.
LOOK_BACK = 5_000


class Victim(StrEnum):
    """Who is killed, and in the midst of what."""

    GATEWAY_BEFORE_COMMIT = "a gateway that has read calls and did not store them"
    GATEWAY_AFTER_COMMIT = "a gateway whose transaction was committed and whose answers were not sent"
    WORKER = "the worker with a transaction open or a job in work"
    BACKEND = "PostgreSQL's process in which a gateway has its transaction open"
    POSTMASTER = "PostgreSQL's main process under an open transaction"
    POSTGRES = "all of PostgreSQL's processes under an open transaction"
    ALL = "gateways, worker, PostgreSQL and NATS under an open transaction"


UNDER_A_TRANSACTION = (Victim.BACKEND, Victim.POSTMASTER, Victim.POSTGRES, Victim.ALL)


class Hit(Struct, frozen=True, kw_only=True):
    """What a kill hit: the ids of calls that were unanswered at its instant, those of them stored already, and what
    PostgreSQL said of the transaction (or how many jobs the worker had in work). `backend` had it open."""

    victim: Victim
    unanswered: frozenset[str]
    stored: frozenset[str]
    transaction: str
    backend: int = 0


class Plant:
    """Two gateways on one port, a worker, PostgreSQL and NATS of its own, and stations that charge without end."""

    def __init__(
        self,
        folder: Path,
        deployment: Deployment,
        postgres: EmbeddedPostgres,
        nats: EmbeddedNats,
        load: Load,
        port: int,
    ) -> None:
        self.deployment = deployment
        self.load = load
        self.gateways: list[Program] = []
        self.worker: Program
        #: Programs that ended without being killed.
        self.ended_alone: list[str] = []
        self._brake: psycopg.Connection[Any] | None = None
        self._folder = folder
        self.postgres = postgres
        self.nats = nats
        self._port = port

    async def start(self) -> None:
        self.gateways = list(await asyncio.gather(*(self.deployment.gateway(self._port) for _ in range(2))))
        self.worker = await self._new_worker()
        self.load.start()
        await self.flows()

    async def _new_worker(self) -> Program:
        worker = self.deployment.program("worker")
        await worker.start()
        return worker

    async def strike(self, victim: Victim, rng: Random) -> Hit:
        """Kill at a random instant with work in flight, and bring up again what died."""
        program, hit = await self.catch(victim, rng)
        await self._kill(hit, program)
        self._let_go()
        await self.repair()
        return hit

    async def catch(self, victim: Victim, rng: Random) -> tuple[Program, Hit]:
        """Freeze the worker or one of the gateways at a random instant with work in flight; it stays frozen."""
        self._scatter(rng)
        await self.flows()
        await asyncio.sleep(rng.uniform(0, WANDER_S))
        busy = [self.worker] if victim is Victim.WORKER else [one for one in self.gateways if self.held(one)]
        program = rng.choice(busy)
        for _ in range(TRIES):
            await asyncio.sleep(rng.uniform(0, WANDER_S / 20))
            if victim in UNDER_A_TRANSACTION:
                await self._hold_up(program, rng)
            await program.freeze()
            await read_what_was_sent()
            if victim is Victim.WORKER:
                hit = self._look_for_jobs()
            elif victim in (Victim.GATEWAY_BEFORE_COMMIT, Victim.GATEWAY_AFTER_COMMIT):
                hit = await self._look_in_gateway(program, victim)
            else:
                hit = self._look_for_open(program, victim)
            if hit is not None:
                return program, hit
            program.thaw()
            self._let_go()
        raise AssertionError(f"could not be caught: {victim}")

    def _scatter(self, rng: Random) -> None:
        """Make half of the stations connect anew, so that both gateways have some; the kernel chooses which."""
        for station in self.load.stations:
            if rng.random() < 0.5:
                station.link.cut(random_cut(rng))

    # -- finding work in flight

    async def _hold_up(self, gateway: Program, rng: Random) -> None:
        """Keep the gateway's next transaction from going past a table until it is let go."""
        self._brake = self.deployment.lock(rng.choice(TABLES))
        with contextlib.suppress(AssertionError):
            await until(lambda: self._transactions(gateway), "a transaction is held up", WANDER_S)

    def _let_go(self) -> None:
        if self._brake is not None:
            with contextlib.suppress(psycopg.Error):
                self._brake.close()
            self._brake = None

    def _look_for_open(self, gateway: Program, victim: Victim) -> Hit | None:
        transactions = self._transactions(gateway)
        if not transactions:
            return None
        unanswered, stored = self._calls(gateway)
        if not unanswered - stored:
            return None
        [(backend, state)] = transactions
        return Hit(victim=victim, unanswered=unanswered, stored=stored, transaction=state, backend=backend)

    async def _look_in_gateway(self, gateway: Program, victim: Victim) -> Hit | None:
        # PostgreSQL finishes what it was given in full; a transaction that waits for more from the gateway stays open.
        await until(lambda: all(state != "active" for _, state in self._transactions(gateway)), "the statement ends")
        unanswered, stored = self._calls(gateway)
        if victim is Victim.GATEWAY_AFTER_COMMIT:
            found = stored
        else:
            waiting = unread(self.load.ports(unanswered - stored).values())
            found = frozenset(
                call for call, port in self.load.ports(unanswered - stored).items() if port not in waiting
            )
        if not found:
            return None
        return Hit(
            victim=victim, unanswered=unanswered, stored=stored, transaction=f"{len(found)} calls in the gateway"
        )

    def _transactions(self, gateway: Program) -> list[tuple[int, str]]:
        """The gateway's open transaction, if it holds anything of a session: (process id in PostgreSQL, state)."""
        rows = self.deployment.rows(
            "SELECT pid, CASE WHEN wait_event_type = 'Client' THEN 'waits for the gateway' ELSE state END"
            " FROM pg_stat_activity WHERE application_name = %s AND xact_start IS NOT NULL"
            " AND query ~ 'stage_(starts|reports|meter_values)'",
            gateway.name,
        )
        return [(pid, state) for pid, state in rows]

    def _calls(self, gateway: Program) -> tuple[frozenset[str], frozenset[str]]:
        """The calls that stations of a gateway have sent and that are unanswered, and those of them that are stored."""
        unanswered = frozenset(self.load.unanswered(set(self.held(gateway))))
        return unanswered, self.stored(unanswered)

    def stored(self, message_ids: frozenset[str]) -> frozenset[str]:
        """Those of these calls that are stored, if they were sent a short while ago."""
        rows = self.deployment.rows(
            "SELECT message_id FROM messages WHERE station_id = ANY(ARRAY(SELECT station_id FROM stations))"
            " AND number > (SELECT last_value - %s FROM message_numbers) AND message_id = ANY(%s) AND kind = 2",
            LOOK_BACK,
            list(message_ids),
        )
        return frozenset(message_id for (message_id,) in rows)

    def held(self, gateway: Program) -> dict[str, int]:
        """The stations of a gateway by the directory: identity -> number."""
        rows = self.deployment.rows(
            "SELECT identity, station_id FROM station_links JOIN stations USING (station_id) WHERE gateway_id = %s",
            gateway.gateway_id,
        )
        return dict(rows)

    def _look_for_jobs(self) -> Hit | None:
        transactions = self.deployment.value(
            "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'worker%%' AND xact_start IS NOT NULL"
        )
        jobs = self.deployment.value("SELECT count(*) FROM procrastinate_jobs WHERE status = 'doing'")
        if not transactions and not jobs:
            return None
        return Hit(
            victim=Victim.WORKER,
            unanswered=frozenset(self.load.unanswered()),
            stored=frozenset(),
            transaction=f"{transactions} open, {jobs} jobs in work",
        )

    # -- killing and repairing

    async def _kill(self, hit: Hit, program: Program) -> None:
        victim = hit.victim
        if victim in (Victim.WORKER, Victim.GATEWAY_BEFORE_COMMIT, Victim.GATEWAY_AFTER_COMMIT):
            await program.kill()
            return
        if victim is Victim.BACKEND:
            os.kill(hit.backend, signal.SIGKILL)
        else:
            await self._kill_postgres(victim is Victim.POSTMASTER)
        if victim is Victim.ALL:
            os.kill(self.nats.pid, signal.SIGKILL)
            await asyncio.gather(self.nats.wait(), *(program.kill() for program in (*self.gateways, self.worker)))
        else:
            program.thaw()

    async def _kill_postgres(self, only_the_first: bool) -> None:
        backends = [] if only_the_first else processes_in(self._folder / "postgres")
        os.kill(self.postgres.pid, signal.SIGKILL)
        for pid in backends:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        await asyncio.wait_for(self.postgres.wait(), WAIT_S)

    @asynccontextmanager
    async def frozen_postgres(self) -> AsyncIterator[None]:
        """PostgreSQL with all its processes standing still: it is there, takes connections, and never says a word."""
        folder = self._folder / "postgres"
        try:
            # The first of them before the others, so that it makes no more.
            os.kill(self.postgres.pid, signal.SIGSTOP)
            await until(lambda: _all_stand_still([self.postgres.pid]), "PostgreSQL stands still")
            for pid in processes_in(folder):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGSTOP)
            await until(lambda: _all_stand_still(processes_in(folder)), "all of PostgreSQL stands still")
            yield
        finally:
            for pid in processes_in(folder):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGCONT)

    async def repair(self) -> None:
        """Do what a supervisor does: start again whatever has ended."""
        if not self.postgres.running:
            await self.postgres.restart()
        if not self.nats.running:
            await self.nats.restart()
        *self.gateways, self.worker = await asyncio.gather(*map(self._revived, (*self.gateways, self.worker)))

    async def _revived(self, program: Program) -> Program:
        """The program itself, or another in its place."""
        if program.running:
            return program
        if not program.asked_to_end:
            self.ended_alone.append(f"{program.name} ({program.returncode})")
            log.warning("ended without being killed", program=program.name, code=program.returncode)
        return await (self._new_worker() if program is self.worker else self.deployment.gateway(self._port))

    def complaints(self) -> list[str]:
        """What any gateway, dead or alive, logged as an error: outages are no errors of theirs."""
        gateways = [program for program in self.deployment.programs if program.name.startswith("gateway")]
        return [f"{gateway.name}: {line}" for gateway in gateways for line in gateway.complaints()]

    async def flows(self) -> None:
        """Until every station has been answered anew."""
        before = self.load.progress()

        def waiting() -> list[str]:
            for gateway in self.gateways:
                assert gateway.running, f"{gateway.name} ended by itself ({gateway.returncode})"
            stations = zip(self.load.stations, self.load.progress(), before, strict=True)
            return [describe(station) for station, now, then in stations if now <= then + 1]

        with contextlib.suppress(AssertionError):
            await until(lambda: not waiting(), "every station is served again")
        assert not waiting(), "these stations are not served:\n" + "\n".join(waiting())


def _all_stand_still(pids: Iterable[int]) -> bool:
    return all(stands_still(pid) for pid in pids)


def unread(ports: Iterable[int]) -> set[int]:
    """Those of these near ends of connections whose far end has not read all that was sent to it."""
    wanted = set(ports)
    behind = set()
    for line in Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:]:
        _, _, remote, _, queues, *_ = line.split()
        port = int(remote.partition(":")[2], 16)
        if port in wanted and int(queues.partition(":")[2], 16) > 0:
            behind.add(port)
    return behind


async def read_what_was_sent() -> None:
    """Let the stations read every answer that had left before the freeze: it lies in their sockets by now."""
    for _ in range(5):
        await asyncio.sleep(0)


@asynccontextmanager
async def plant(folder: Path, *, seed: int) -> AsyncIterator[Plant]:
    """A plant at work. Leaving it ends every process."""
    port = free_port()
    await copy_prepared(folder.parent, folder)
    async with (
        EmbeddedPostgres(folder, configuration=CONFIGURATION) as postgres,
        EmbeddedNats(folder) as nats,
        Deployment(
            folder, database_url=postgres.app_url, admin_url=postgres.admin_url, nats_url=nats.url
        ) as deployment,
    ):
        load = Load(f"ws://127.0.0.1:{port}/ocpp", folder, stations=STATIONS, seed=seed)
        deployment.register(station.identity for station in load.stations)
        deployment.accept_tokens(TOKENS)
        made = Plant(folder, deployment, postgres, nats, load, port)
        try:
            await made.start()
            yield made
        finally:
            load.power_off()
