"""One action on many stations: planned, asked, and done by a job that can be stopped and goes on after a crash.

The job does a portion and gets in line again, so that a long run of one organisation holds up nobody else's.

A station that was being asked when a worker died is not asked again: whether it obeyed is unknown, and a second reset
would end a second session.
"""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final, Literal
from uuid import UUID

import msgspec
import structlog
from msgspec import Struct

from forecourt.access import Actor, audit
from forecourt.ocpp.neutral import ResetType
from forecourt.platform import outbox
from forecourt.platform.clock import Clock
from forecourt.platform.database import Pool, limited_to
from forecourt.platform.errors import ForecourtError
from forecourt.stations import control, service, store
from forecourt.stations.commands import CALL_DEADLINE_S, Commander
from forecourt.stations.store import BulkRun, BulkStation, Connection, ShownStation

log = structlog.get_logger(__name__)

Action = Literal["reset", "registration", "site"]
#: The outbox event that leads to the job.
ASKED: Final = "bulk_run.asked"
#: Stations of one run.
MAX_STATIONS: Final = 5_000
#: Runs that have not ended, of one organisation; of those alone that are seen by somebody limited to sites.
MAX_OPEN: Final = 5
#: Stations of one run that are asked at the same time.
AT_ONCE: Final = 8
#: A job begins with no more stations after so long: the run goes on when others had their turn.
PORTION: Final = timedelta(seconds=5)
#: A station begun so long ago was begun by a worker that died: a call is over by then.
LOST_AFTER: Final = timedelta(seconds=2 * CALL_DEADLINE_S)
#: Where a car draws power or waits for it, which a reset ends.
_CHARGING: Final = frozenset({"Charging", "SuspendedEV", "SuspendedEVSE"})


class RunUnknown(ForecourtError):
    """There is no such bulk run."""

    status = 404
    code = "bulk-run-unknown"


class RunRefused(ForecourtError):
    """A bulk run needs at least one station, and 5,000 at the most. Choose others."""

    status = 422
    code = "bulk-run-refused"


class TooManyRuns(ForecourtError):
    """Too many bulk runs of this organisation have not ended yet. Wait for one, or stop one."""

    status = 409
    code = "too-many-bulk-runs"


class RunBusy(ForecourtError):
    """Stations of this run are in another worker's hands. It is tried again."""

    status = 503
    code = "bulk-run-busy"


class Plan(Struct, frozen=True, kw_only=True):
    """What a run would do: how many stations, how many of them are charging, and how many can't be asked."""

    stations: int
    charging: int
    offline: int


class _Asker(Struct, frozen=True):
    name: str = ""


def asked_by(run: BulkRun) -> str:
    """The name of who asked for a run."""
    return msgspec.json.decode(run.actor, type=_Asker).name


def plan(stations: Sequence[ShownStation]) -> Plan:
    """The consequence of a run in numbers."""
    return Plan(
        stations=len(stations),
        charging=sum(each.state in _CHARGING for each in stations),
        offline=sum(each.state == "Offline" for each in stations),
    )


async def ask(
    conn: Connection, actor: Actor, action: Action, argument: str, stations: Sequence[str], at: datetime
) -> UUID:
    """Have it done. `argument` as in `store.BulkRun`. Raises RunRefused, TooManyRuns."""
    chosen = list(dict.fromkeys(stations))
    if not 0 < len(chosen) <= MAX_STATIONS:
        raise RunRefused
    if await store.count_open_runs(conn, actor.tenant_id) >= MAX_OPEN:
        raise TooManyRuns
    run_id = await store.insert_run(
        conn,
        actor.tenant_id,
        action=action,
        argument=argument,
        actor=msgspec.json.encode(actor).decode(),
        stations=chosen,
        at=at,
        event=ASKED,
    )
    detail = {"action": action, "argument": argument, "stations": len(chosen)}
    await audit(conn, actor, "start bulk run", f"bulk-run:{run_id}", detail)
    return run_id


async def stop(conn: Connection, actor: Actor, run_id: UUID) -> None:
    """Let a run begin with no further station; what is in work is finished. Raises RunUnknown."""
    await find(conn, actor.tenant_id, run_id)
    if await store.stop_run(conn, actor.tenant_id, run_id):
        await audit(conn, actor, "stop bulk run", f"bulk-run:{run_id}")


async def find(conn: Connection, tenant_id: int, run_id: UUID) -> BulkRun:
    """The run of this id. Raises RunUnknown."""
    run = await store.find_run(conn, tenant_id, run_id)
    if run is None:
        raise RunUnknown
    return run


class BulkJobs:
    """Does what was asked; idempotent, and safe with several workers."""

    def __init__(self, tenants: Pool, commander: Commander, clock: Clock, secret_key: bytes) -> None:
        self._db = tenants
        self._commander = commander
        self._clock = clock
        self._secret_key = secret_key

    async def run(self, *, tenant_id: int, subject: str) -> None:
        """Do a portion of a run and get in line again, until no station is left or it was stopped; `subject` is its
        id."""
        run_id = UUID(subject)
        async with self._db.tenant(tenant_id) as conn:
            await store.begin_run(conn, tenant_id, run_id, self._clock.now())
            run = await store.find_run(conn, tenant_id, run_id)
        if run is None or run.ended_at is not None:
            return
        actor = msgspec.json.decode(run.actor, type=Actor)
        with limited_to(actor.sites):
            more = await self._portion(actor, run)
        if not more:
            await self._end(tenant_id, run_id)
            return
        async with self._db.tenant(tenant_id) as conn:
            await outbox.write(conn, tenant_id, ASKED, subject)

    async def _portion(self, actor: Actor, run: BulkRun) -> bool:
        """Do stations for as long as a portion takes; whether there may be more."""
        until = self._clock.now() + PORTION
        while await self._some(actor, run):
            if self._clock.now() >= until:
                return True
        return False

    async def _some(self, actor: Actor, run: BulkRun) -> bool:
        """Do the next stations, so many that no more than AT_ONCE are asked, whoever asks them; whether there were
        any."""
        now = self._clock.now()
        async with self._db.tenant(actor.tenant_id) as conn:
            await store.hold_run(conn, actor.tenant_id, run.run_id)
            await store.give_up_stations(conn, actor.tenant_id, run.run_id, now - LOST_AFTER, now)
            working = (await store.count_outcomes(conn, actor.tenant_id, run.run_id)).get("working", 0)
            claimed = await store.claim_stations(conn, actor.tenant_id, run.run_id, max(0, AT_ONCE - working), now)
        await asyncio.gather(*(self._one(actor, run, each) for each in claimed))
        return bool(claimed)

    async def _end(self, tenant_id: int, run_id: UUID) -> None:
        """End the run, unless another worker that may be dead has stations of it: then a later try does."""
        now = self._clock.now()
        async with self._db.tenant(tenant_id) as conn:
            counts = await store.count_outcomes(conn, tenant_id, run_id)
            if not counts.get("working"):
                await store.end_run(conn, tenant_id, run_id, now)
        if counts.get("working"):
            raise RunBusy
        try:
            # Registrations may have changed; a gateway that is not told reads it at its next poll.
            await self._commander.refresh()
        except ForecourtError as fault:
            log.warning("gateways could not be told of a change", code=fault.code)
        log.info("a bulk run has ended", run=str(run_id), **counts)

    async def _one(self, actor: Actor, run: BulkRun, each: BulkStation) -> None:
        state, said = "failed", ""
        try:
            state, said = await self._do(actor, run, each.station)
        except ForecourtError as fault:
            state, said = "failed" if fault.unsent or fault.status < 500 else "unknown", fault.code
        async with self._db.tenant(actor.tenant_id) as conn:
            now = self._clock.now()
            await store.finish_station(conn, actor.tenant_id, run.run_id, each.position, state, said or None, now)

    async def _do(self, actor: Actor, run: BulkRun, station: str) -> tuple[str, str]:
        if run.action == "reset":
            kind = ResetType(run.argument)
            obeyed = await control.reset(self._db, self._commander, actor, station, kind)
            return "done" if obeyed.accepted else "refused", obeyed.status
        change: dict[str, Any] = {run.action: run.argument or None}
        async with self._db.tenant(actor.tenant_id) as conn:
            await service.change_station(conn, actor, self._secret_key, station, change, None)
        return "done", ""
