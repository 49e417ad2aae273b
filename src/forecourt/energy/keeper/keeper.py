"""Keeping one site: read what is known, share out at once what there is too little of, plan, tell stations, look
whether they obey.

Each turn reads everything anew: what is in memory is the solver, whose next plan begins at its last, and the last plan.
Limits are recorded before they are sent, and count from then on; answers are recorded as they come.
"""

import asyncio
import contextlib
from datetime import datetime
from typing import Final
from uuid import UUID

import psycopg
import structlog
from msgspec import Struct
from msgspec.structs import replace
from prometheus_client import Counter, Histogram

from forecourt.energy import store
from forecourt.energy.dispatch.standing import draws_of
from forecourt.energy.expecting import Forecaster, no_forecasts
from forecourt.energy.keeper.apart import Lost, apart
from forecourt.energy.keeper.checks import Checks
from forecourt.energy.keeper.excesses import Excesses
from forecourt.energy.keeper.learning import Learnt
from forecourt.energy.keeper.memory import Memory
from forecourt.energy.keeper.notes import FAULTS, Noted, keep_notes, let_go_of_strays
from forecourt.energy.keeper.priorities import Priorities, wants_speed
from forecourt.energy.keeper.reading import Reading, find_planned, foreseen, read_site
from forecourt.energy.keeper.telling import Teller
from forecourt.energy.keeper.unplanned import Unplanned
from forecourt.energy.keeper.waiting import IDLE_EVERY, REST_S, rest_s, until_next
from forecourt.energy.planner.solver import SiteSolver
from forecourt.energy.planning.knowledge import Knowledge, packed
from forecourt.energy.planning.limits import Room
from forecourt.energy.planning.making import DEADLINE_S, cut_out, plan_site, share_out, site_room
from forecourt.energy.planning.plan import SitePlan, is_news
from forecourt.energy.rows import SLACK
from forecourt.energy.store import plans
from forecourt.energy.store.leases import keep_lease, wait_briefly
from forecourt.platform.clock import Clock
from forecourt.platform.database import Pool
from forecourt.platform.errors import ForecourtError
from forecourt.stations.batch import Batch

log = structlog.get_logger(__name__)

#: For so long what was read is taken for what is: what happens at a site wakes its keeper.
FRESH_S: Final = 1.0
#: How long it rests when the database is away.
AWAY_REST_S: Final = 5.0
#: A solver that has not returned so long after all that it may think for is taken to hang: what is done before and
#: after it thinks takes a part of that on a processor that others use.
HANGS_AFTER_S: Final = 20.0
HANGS: Final = "the solver hangs"

PLANS = Counter("forecourt_energy_plans_total", "Plans of sites by how good they are", ["grade"])
PLANNING_S = Histogram("forecourt_energy_planning_seconds", "Time from reading a site to its plan")
CUT_S = Histogram(
    "forecourt_energy_cut_seconds", "Time from reading a site that has too little to its calls being sent"
)


def heed_cancel() -> None:
    """End where that was asked for while something else was awaited that took no notice: what waits for an answer loses
    it when both come at once."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


class Gates:
    """What all keepers of a process share: so many read at a time, and one plans: the processor is one."""

    def __init__(self, readers: int) -> None:
        self.reading = asyncio.Semaphore(readers)
        self.planning = asyncio.Semaphore(1)
        self.looking_back = asyncio.Semaphore(1)
        #: Plans that were given up while they were made.
        self.lost = Lost()


class _Made(Struct, frozen=True, kw_only=True):
    """A plan, what was known when it was made, as it is stored, and whose needs of when it was made by."""

    plan: SitePlan
    known: bytes
    said: frozenset[tuple[UUID, datetime]]


def _made(plan: SitePlan, known: Knowledge) -> _Made:
    said = frozenset((car.session_id, each.said_at) for car in known.cars for each in car.needs.said)
    return _Made(plan=plan, known=packed(known), said=said)


class SiteKeeper:
    """One site, for as long as this process holds it, which it does as `holder`; None: nobody else ever does."""

    def __init__(
        self, tenant_id: int, site_id: int, *, tenants: Pool, stations: Batch, clock: Clock, gates: Gates,
        holder: UUID | None = None, forecaster: Forecaster = no_forecasts,
    ) -> None:  # fmt: skip
        self.tenant_id, self.site_id = tenant_id, site_id
        self._holder = holder
        self._gates = gates
        self._tenants = tenants
        self._clock = clock
        self._solver = SiteSolver()
        #: Shares out at once what there is, while the solver thinks.
        self._sharer = SiteSolver()
        #: The last plan that was found in time, of whoever kept the site before as well.
        self._plan: SitePlan | None = None
        self._has_taken_up = False
        #: The last one that was stored.
        self._kept: SitePlan | None = None
        self._kept_said: frozenset[tuple[UUID, datetime]] = frozenset()
        self._memory = Memory()
        self._excesses = Excesses(tenant_id, site_id, tenants=tenants, holder=holder)
        self._read_s = clock.monotonic()
        self._woken = asyncio.Event()
        self._teller = Teller(
            tenant_id, site_id, tenants=tenants, stations=stations, clock=clock, holder=holder, wake=self.wake
        )
        self._learnt = Learnt(
            tenant_id, site_id, tenants=tenants, clock=clock, looking_back=gates.looking_back,
            beside=self._teller.beside, forecaster=forecaster,
        )  # fmt: skip
        self._unplanned = Unplanned(tenant_id, site_id, tenants=tenants, clock=clock, holder=holder)
        self._checks = Checks(tenant_id, site_id, tenants=tenants, stations=stations, clock=clock, holder=holder)
        self._priorities = Priorities(
            tenant_id, site_id, tenants=tenants, stations=stations, clock=clock, holder=holder
        )

    def wake(self) -> None:
        """Something happened: look at once."""
        self._woken.set()

    async def settled(self) -> None:
        """Return once all that was sent is answered, or given up."""
        while under_way := self._beside:
            await asyncio.gather(*under_way, return_exceptions=True)

    @property
    def _beside(self) -> set[asyncio.Task[None]]:
        """What goes on beside the turns."""
        return self._teller.under_way | self._checks.asking | self._priorities.asking

    async def run(self) -> None:
        """Keep the site until cancelled."""
        try:
            while True:
                self._woken.clear()
                rest_s = await self.look()
                heed_cancel()
                await asyncio.sleep(REST_S)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(rest_s):
                        await self._woken.wait()
        finally:
            for task in self._beside:
                task.cancel()

    async def look(self) -> float:
        """A turn that ends well, whatever happens in it."""
        try:
            return await self.turn()
        except (psycopg.Error, ForecourtError, OSError) as fault:
            log.warning("a site could not be looked at", site=self.site_id, fault=type(fault).__name__)
            await self._unplanned.fails("look", type(fault).__name__)
        except Exception as fault:
            # Whatever is wrong, the next look may find it otherwise; a keeper that ends helps nobody.
            log.exception("a site could not be looked at", site=self.site_id)
            FAULTS.inc()
            await self._unplanned.fails("look", f"{type(fault).__name__}: {fault}")
        return AWAY_REST_S

    async def turn(self) -> float:
        """Look once, cut what there is too much of, plan, and tell; the seconds until it is time to look again. What is
        to be kept of a look is kept after the cut: nothing that is wrong with it may keep stations from being told."""
        began_s = self._clock.monotonic()
        reading = await self.read()
        if reading is None:
            async with self._gates.reading, self._tenants.tenant(self.tenant_id) as conn:
                if await keep_lease(conn, self.tenant_id, self.site_id, self._holder):
                    await let_go_of_strays(conn, self.tenant_id, self.site_id, self._clock.now())
            await self._excesses.keep((), self._clock.now())
            await self._unplanned.goes()
            return IDLE_EVERY.total_seconds()
        room = site_room(reading.known)
        was_cut = await self.cut(reading, room)
        await self._take_up(reading.record.version)
        async with self._gates.reading:
            noted = await self._note(reading)
            learnt = await self._learnt.learn(reading.record)
        if noted is None:
            return REST_S
        if was_cut or noted.changed or learnt:
            reading = await self.read() or reading
            room = site_room(reading.known)
            if noted.changed:
                await self.cut(reading, room)
        made, missed = await self._plan_hearing(reading, room)
        plan = made.plan
        PLANNING_S.observe(self._clock.monotonic() - began_s)
        PLANS.labels(plan.grade.value).inc()
        if plan.why:
            log.warning("a site has no best plan", site=self.site_id, grade=plan.grade.value, why=plan.why)
        if plan.grade.found:
            self._plan = plan
        await self._tell_plan(reading, room, plan, fresh=not missed and self._clock.monotonic() - began_s < FRESH_S)
        await self._keep_plan(made)
        await self._checks.ask(reading)
        await self._ask_priorities(reading)
        if not plan.why:
            await self._unplanned.goes()
        if missed:
            self.wake()
        return rest_s(reading, self._clock.now(), noted, self._clock.monotonic() - began_s)

    async def _keep_plan(self, made: "_Made") -> None:
        """Keep a plan that says something new or heard something new, whoever asks for it, and why it is none of the
        solver's."""
        plan = made.plan
        if is_news(plan, self._kept) or made.said != self._kept_said:
            async with self._tenants.tenant(self.tenant_id) as conn:
                if not await keep_lease(conn, self.tenant_id, self.site_id, self._holder):
                    return
                await plans.insert_plan(conn, self.tenant_id, self.site_id, plan, made.known)
            self._kept, self._kept_said = plan, made.said
        if plan.why:
            await self._unplanned.fails("late" if plan.late else "plan", plan.why)

    async def read(self) -> Reading | None:
        """The site as it is now; None where it isn't planned for. What was foreseen is of one version of its tree."""
        self._read_s = self._clock.monotonic()
        async with self._gates.reading, self._tenants.tenant(self.tenant_id) as conn:
            record = await find_planned(conn, self.tenant_id, self.site_id, self._memory)
            if record is None:
                return None
            foresight = self._learnt.of(record.version)
            return await read_site(conn, record, foresight, self._clock.now(), self._teller.awaited, self._memory)

    async def _take_up(self, version: int) -> None:
        """Begin where whoever kept the site before has ended: with its last plan, until there is one of our own, and
        with what its look at the past found, which takes a while. `version`: of the site's tree."""
        if self._has_taken_up:
            return
        async with self._gates.reading, self._tenants.tenant(self.tenant_id) as conn:
            left = await plans.last_found(conn, self.tenant_id, self.site_id, self._clock.now())
        self._has_taken_up = True
        if left is not None:
            self._plan = left.plan
            self._learnt.take_up(left.looked.worthwhile_w if left.looked.tree_version == version else 0)

    async def _note(self, reading: Reading) -> Noted | None:
        """Keep what is to be kept of a look; None where the site is not planned for by this version any more, or
        another planner holds it."""
        async with self._tenants.tenant(self.tenant_id) as conn:
            await wait_briefly(conn)
            if not await keep_lease(conn, self.tenant_id, self.site_id, self._holder):
                return None
            if not await store.stays_planned(conn, self.tenant_id, self.site_id, reading.record.version):
                return None
            return await keep_notes(conn, reading, self._checks)

    async def cut(self, reading: Reading, room: Room) -> bool:
        """Where the tree may be overloaded, share out at once what there is; whether it had to be. How much more may
        flow than is allowed is kept once that is on its way."""
        known = reading.known
        draws = draws_of(known.standings, known.at)
        over = room.now().overload(draws.may_a) > 1 + SLACK
        if over:
            await self._teller.cut(reading, room, cut_out(known, room, self._sharer, draws), draws)
            CUT_S.observe(self._clock.monotonic() - self._read_s)
        if over or self._excesses.go_on:
            await self._excesses.note(known, room, draws)
        return over

    async def _look_meanwhile(self) -> Reading | None:
        """While a plan is made: cut what there is too much of, or else say again what is over soon. That something
        can't be read now is no reason to have no plan; what was read, if anything."""
        try:
            reading = await self.read()
            if reading is None:
                return None
            room = site_room(reading.known)
            if not await self.cut(reading, room):
                await self._teller.renew(reading, room)
        except (psycopg.Error, ForecourtError, OSError) as fault:
            log.warning("a site could not be looked at", site=self.site_id, fault=type(fault).__name__)
            return None
        except Exception:
            log.exception("a site could not be looked at", site=self.site_id)
            FAULTS.inc()
            return None
        return reading

    async def _plan_hearing(self, reading: Reading, room: Room) -> tuple["_Made", bool]:
        """The plan, and whether something happened meanwhile. While it is made, or waits until others are made, what
        happens is looked at, and what comes with time: a cut can't wait for it."""
        planning, missed = asyncio.create_task(self._plan_in_turn(reading.known, room)), False
        rest_s = until_next(reading, self._clock.now())
        try:
            while not planning.done():
                woken = asyncio.create_task(self._woken.wait())
                await asyncio.wait({planning, woken}, timeout=rest_s, return_when=asyncio.FIRST_COMPLETED)
                woken.cancel()
                if not planning.done():
                    self._woken.clear()
                    missed = True
                    seen = await self._look_meanwhile()
                    rest_s = AWAY_REST_S if seen is None else until_next(seen, self._clock.now())
                    await asyncio.wait({planning}, timeout=REST_S)
        finally:
            if not planning.done():
                planning.cancel()
                # Its thread goes on with the other one.
                self._solver = SiteSolver()
        return await planning, missed or self._woken.is_set()

    async def _plan_in_turn(self, known: Knowledge, room: Room) -> "_Made":
        """The best plan; whatever goes wrong with it, what there is is shared out. A solver that hangs is left to
        itself: others wait for their plans."""
        async with self._gates.planning:
            solver = self._solver
            planning = apart(lambda: self._planned(known, room, solver))
            await asyncio.wait({planning}, timeout=DEADLINE_S + HANGS_AFTER_S)
        if planning.done():
            return planning.result()
        log.error("a solver hangs", site=self.site_id)
        FAULTS.inc()
        self._gates.lost.add(planning)
        self._solver = SiteSolver()
        return await asyncio.to_thread(self._shared, known, room, HANGS)

    def _planned(self, known: Knowledge, room: Room, solver: SiteSolver) -> "_Made":
        """Beside the loop, which has cuts to answer meanwhile."""
        try:
            known = foreseen(known, self._learnt.foresight)
            plan = plan_site(known, solver, self._plan, room)
        except Exception as fault:
            log.exception("a site could not be planned", site=self.site_id)
            FAULTS.inc()
            # Nobody knows what state the other one is in.
            self._solver = SiteSolver()
            return self._shared(known, room, f"{type(fault).__name__}: {fault}")
        return _made(plan, known)

    def _shared(self, known: Knowledge, room: Room, why: str) -> "_Made":
        """What counts where there is no plan, and why there is none."""
        return _made(replace(share_out(known, room, SiteSolver()), why=why), known)

    async def _tell_plan(self, reading: Reading, room: Room, plan: SitePlan, *, fresh: bool) -> None:
        """Tell what was planned by what is known now: limits may be lower than they were, and other cars there."""
        planned = {car.session_id for car in reading.known.cars}
        if not fresh:
            again = await self.read()
            if again is None or again.known.tree.evses != reading.known.tree.evses:
                return
            reading, room = again, site_room(again.known)
        await self._teller.tell(reading, room, plan.targets_ma, plan.batteries, plan.gives_ma, planned=planned)

    async def _ask_priorities(self, reading: Reading) -> None:
        """Let cars charge faster whose stations know how, as far as there is room after all that was just told."""
        if any(wants_speed(car.needs) for car in reading.known.cars) or reading.priority_asks:
            after = await self.read()
            if after is not None:
                await self._priorities.ask(after, site_room(after.known))
