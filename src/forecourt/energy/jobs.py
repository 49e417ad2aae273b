"""What follows for smart charging: the planner is told what happened, and what is old is forgotten."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

import msgspec
import structlog
from msgspec import Struct

from forecourt.energy import store
from forecourt.energy.feeds.clear_sky import reckon
from forecourt.energy.service.needs import take_car_needs
from forecourt.energy.signals.sun import reckoned_for
from forecourt.energy.store import in_force, late, nudges, skies, tidying
from forecourt.energy.store.caps import forget_caps
from forecourt.energy.store.priorities import forget_asks
from forecourt.energy.store.storage import forget_stored
from forecourt.platform.clock import Clock
from forecourt.platform.database import Pool
from forecourt.stations import store as stations

log = structlog.get_logger(__name__)

#: How long plans are kept with all that was known, and what stations were told.
KEEP_PLANS: Final = timedelta(days=14)
#: Of plans that are older than this one is kept in each quarter of an hour.
KEEP_ALL_PLANS: Final = timedelta(days=2)
#: What all plans of a site may take in the database. Those that don't fit are thinned first, however new they are, and
#: forgotten where those that are left don't fit: a site of 54 cars takes a hundredth.
KEEP_ALL_BYTES: Final = 1 << 30
KEEP_BYTES: Final = 2 << 30
#: How long it is kept what sites took, by which a demand charge and savings are counted.
KEEP_POWER: Final = timedelta(days=400)
#: Of what is older no more is kept than charts need: a billing month is over by then. It is looked at for so long at a
#: time; what is older than that only once by each worker, which thins what was left while none was running, if any was.
KEEP_ALL_POWER: Final = timedelta(days=40)
THIN_POWER_FOR: Final = timedelta(days=7)
#: Readings are kept a while longer than forecasts look back, prices for three years, limits as long as incidents.
KEEP_READINGS: Final = timedelta(days=40)
KEEP_SERIES: Final = timedelta(days=3 * 365)
KEEP_LIMITS: Final = timedelta(days=400)


#: What plants give under a clear sky is reckoned for the days from which is learned, and for those to come.
SUN_BEHIND: Final = timedelta(days=15)
SUN_AHEAD: Final = timedelta(days=4)
#: What every version calls a limit that a station took.
ACCEPTED: Final = "Accepted"
#: By what call a dynamic profile is changed.
CHANGE: Final = "UpdateDynamicSchedule"


class _Said(Struct, frozen=True):
    """What is kept of an answer: the status of a result, or the code of an error."""

    status: str = ""
    code: str = ""


class EnergyJobs:
    """Idempotent. `worker` sees which organisations there are, `tenants` what is of each."""

    def __init__(self, worker: Pool, tenants: Pool, clock: Clock) -> None:
        self._worker = worker
        self._tenants = tenants
        self._clock = clock
        #: Sites of which all that was left is thinned.
        self._thinned: set[int] = set()

    async def session_changed(self, *, tenant_id: int, subject: str) -> None:
        """A session began or ended: its site is planned anew, with what its car said before it began."""
        async with self._tenants.tenant(tenant_id) as conn:
            at = await store.evse_of_session(conn, tenant_id, UUID(subject))
            if at is not None:
                await take_car_needs(conn, tenant_id, *at)
            await nudges.nudge_of_sessions(conn, tenant_id, [UUID(subject)])

    async def needs_said(self, *, tenant_id: int, subject: str) -> None:
        """A car said what it needs: its session takes it, now or when it begins."""
        station_id, _, evse = subject.partition(".")
        async with self._tenants.tenant(tenant_id) as conn:
            await take_car_needs(conn, tenant_id, int(station_id), int(evse))

    async def station_changed(self, *, tenant_id: int, subject: str) -> None:
        """A station is connected, or somebody else limits it: its site is planned anew."""
        async with self._tenants.tenant(tenant_id) as conn:
            await nudges.nudge_of_station(conn, tenant_id, int(subject))

    async def limit_answered(self, *, tenant_id: int, subject: str) -> None:
        """A station has answered a command after whoever asked had stopped waiting: a limit, it may be."""
        async with self._tenants.tenant(tenant_id) as conn:
            found = await stations.find_commands(conn, tenant_id, [UUID(subject)])
            said = found[0].answer if found else None
            if said is None:
                return
            answer = msgspec.json.decode(said, type=_Said)
            status = answer.status or answer.code
            site_id = await late.settle_late(
                conn, tenant_id, UUID(subject), self._clock.now(), accepted=status == ACCEPTED, status=status,
                change=found[0].action == CHANGE,
            )  # fmt: skip
            if site_id is not None:
                await nudges.nudge(conn, site_id)

    async def electrics_changed(self, *, tenant_id: int, subject: str) -> None:
        """A site is wired anew: what its plants give under a clear sky is reckoned."""
        await self._reckon(tenant_id, int(subject))

    async def reckon_skies(self) -> None:
        """Reckon what plants give under a clear sky on the days to come, each site by itself."""
        async with self._worker.anyone() as conn:
            tenants = await store.list_tenants(conn)
        for tenant_id in tenants:
            async with self._tenants.tenant(tenant_id) as conn:
                sites = await skies.sites_with_sun(conn, tenant_id)
                await skies.forget_skies(conn, tenant_id, self._clock.now().date() - SUN_BEHIND)
            for site_id in sites:
                await self._reckon(tenant_id, site_id)

    async def _reckon(self, tenant_id: int, site_id: int) -> None:
        """Idempotent: only days that are missing, or were reckoned for another plant or place, are reckoned."""
        today = self._clock.now().astimezone(UTC).date()
        first, days = today - SUN_BEHIND, (SUN_BEHIND + SUN_AHEAD).days + 1
        async with self._tenants.tenant(tenant_id) as conn:
            record = await store.load_site(conn, tenant_id, site_id)
            held = await skies.skies_of(conn, tenant_id, site_id, first, today + SUN_AHEAD)
        if record is None or record.tree is None or record.latitude is None or record.longitude is None:
            return
        for plant in record.tree.solar:
            of = reckoned_for(plant, record.latitude, record.longitude)
            if len(held.get((plant.id, of), ())) == days:
                continue
            found = await asyncio.to_thread(reckon, plant, record.latitude, record.longitude, first, days)
            by_day = {first + timedelta(days=number): power_w for number, power_w in enumerate(found)}
            async with self._tenants.tenant(tenant_id) as conn:
                await skies.store_sky(conn, tenant_id, site_id, plant.id, of, by_day)
                await nudges.nudge(conn, site_id)

    async def tidy(self) -> None:
        """Forget signals, plans and powers that are older than they are kept, or more than there is room for, each
        organisation and each site by itself: what is wrong with one keeps no other's room from being kept."""
        now = self._clock.now()
        async with self._worker.anyone() as conn:
            tenants = await store.list_tenants(conn)
        for tenant_id in tenants:
            try:
                await self._tidy_tenant(tenant_id, now)
            except Exception:
                log.exception("what smart charging doesn't need any more can't be forgotten", tenant_id=tenant_id)

    async def _tidy_tenant(self, tenant_id: int, now: datetime) -> None:
        async with self._tenants.tenant(tenant_id) as conn:
            forgotten = await store.forget_before(
                conn, tenant_id, readings=now - KEEP_READINGS, series=now - KEEP_SERIES, limits=now - KEEP_LIMITS
            )
            forgotten += await forget_stored(conn, tenant_id, states=now - KEEP_READINGS, setpoints=now - KEEP_PLANS)
            forgotten += await forget_asks(conn, tenant_id, now - KEEP_PLANS)
            forgotten += await forget_caps(conn, tenant_id, now - KEEP_PLANS)
            sites = await tidying.list_kept(conn, tenant_id)
        for site_id in sites:
            try:
                forgotten += await self._tidy_site(tenant_id, site_id, now)
            except Exception:
                log.exception("what a site doesn't need any more can't be forgotten", site=site_id)
        if forgotten:
            log.info("what smart charging doesn't need any more was forgotten", tenant_id=tenant_id, rows=forgotten)

    async def _tidy_site(self, tenant_id: int, site_id: int, now: datetime) -> int:
        """Some rows a transaction, so that nobody waits for it."""
        forgotten = await self._thin_power(tenant_id, site_id, now)
        while True:
            async with self._tenants.tenant(tenant_id) as conn:
                fits = await tidying.plans_within(conn, tenant_id, site_id, KEEP_ALL_BYTES)
                whole = max(now - KEEP_ALL_PLANS, fits or now - KEEP_ALL_PLANS)
                some = await tidying.thin_plans(conn, tenant_id, site_id, now - KEEP_PLANS, whole)
                fits = await tidying.plans_within(conn, tenant_id, site_id, KEEP_BYTES)
                some += await tidying.forget_kept(
                    conn, tenant_id, site_id, plans=max(now - KEEP_PLANS, fits or now - KEEP_PLANS),
                    orders=now - KEEP_PLANS, power=now - KEEP_POWER,
                )  # fmt: skip
                some += await in_force.forget_held(conn, tenant_id, site_id, now - KEEP_PLANS, tidying.AT_ONCE)
            forgotten += some
            if some < tidying.AT_ONCE:
                return forgotten

    async def _thin_power(self, tenant_id: int, site_id: int, now: datetime) -> int:
        """From the newest on, some days and some rows a transaction."""
        until, thinned = now - KEEP_ALL_POWER, 0
        oldest = until - THIN_POWER_FOR
        if site_id not in self._thinned:
            async with self._tenants.tenant(tenant_id) as conn:
                left = await tidying.oldest_unthinned(conn, tenant_id, site_id, now - KEEP_POWER, oldest)
            oldest = oldest if left is None else left
        while until > oldest:
            since = max(until - THIN_POWER_FOR, oldest)
            async with self._tenants.tenant(tenant_id) as conn:
                some = await tidying.thin_power(conn, tenant_id, site_id, since, until)
            thinned += some
            if some < tidying.AT_ONCE:
                until = since
        self._thinned.add(site_id)
        return thinned
