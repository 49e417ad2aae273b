"""Asking the stations of a site what they hold, and making good what differs.

What a station has lost is told again by those who told it: a limit of a session by the next turn, any other profile by
the desired state. What others have set is shown, and left alone.
"""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import aclosing
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import msgspec
import psycopg
import structlog
from msgspec import Struct
from prometheus_client import Counter
from psycopg import AsyncConnection

from forecourt.energy.dispatch.checking import (
    CHECK_WAIT,
    MAX_ASKED,
    Finding,
    Found,
    Ours,
    compare,
    is_due,
    is_whole,
    most_of,
    of_schedule,
)
from forecourt.energy.dispatch.profiles import IDS, STACK_LEVEL
from forecourt.energy.dispatch.standing import newest
from forecourt.energy.keeper.reading import Reading
from forecourt.energy.keeper.telling import ASKED_BY
from forecourt.energy.store import checks as store
from forecourt.energy.store.dynamic import doubt_dynamic
from forecourt.energy.store.leases import keep_lease
from forecourt.ocpp.neutral import (
    ChargingProfile,
    Command,
    CommandAnswer,
    GetChargingProfiles,
    GetCompositeSchedule,
    Purpose,
    Unit,
    Version,
)
from forecourt.platform.clock import Clock
from forecourt.platform.database import Pool
from forecourt.platform.errors import ForecourtError
from forecourt.stations.batch import Batch, Entered, Told
from forecourt.stations.desired.kinds import CHARGING_PROFILE, profile_key
from forecourt.stations.desired.model import State
from forecourt.stations.desired.service import list_desired, lose

log = structlog.get_logger(__name__)

#: What a composite schedule is asked for: now.
ASKED_S: Final = 60
#: A limit that ends sooner may be over when its station answers.
STILL: Final = timedelta(seconds=30)
#: In place of an answer, of limits that a station says it doesn't hold.
LOST: Final = "lost"

FOUND = Counter("forecourt_energy_findings_total", "What stations hold otherwise than they were told", ["found"])

Connection = AsyncConnection[Any]


class _Ask(Struct, frozen=True, kw_only=True):
    """A station that is asked. `told`: of the EVSEs whose schedules are asked for, what each was told in mA and its
    watts per ampere; none where its profiles are."""

    station_id: int
    station: str
    way: store.Way
    told: Mapping[int, tuple[int, float]] = {}


class Settled(Struct, frozen=True, kw_only=True):
    """What came of those that were asked: whether anything was compared, and whether more has come that may not be
    whole yet."""

    compared: bool
    more_comes: bool


class Checks:
    """Owns what is under way; what is known is in the database. Asks as long as it is the `holder`."""

    def __init__(
        self, tenant_id: int, site_id: int, *, tenants: Pool, stations: Batch, clock: Clock, holder: UUID | None
    ) -> None:
        self.tenant_id, self.site_id = tenant_id, site_id
        self._tenants = tenants
        self._stations = stations
        self._clock = clock
        self._holder = holder
        self.asking: set[asyncio.Task[None]] = set()

    async def settle(self, conn: Connection, now: datetime) -> Settled:
        """Compare what came, and what is lost count as such."""
        open_ = [
            each
            for each in (await store.checks_of(conn, self.tenant_id, self.site_id)).values()
            if each.last.settled_at is None
        ]
        whole = [each for each in open_ if is_whole(each.last, now)]
        if whole:
            held = await store.held_of(conn, self.tenant_id, [each.station_id for each in whole])
            ours = await self._ours(conn, whole, now)
            for each in whole:
                findings = compare(held.get(each.station_id, ()), ours.get(each.station, ()))
                await self._make_good(conn, each.station_id, each.station, findings, each.last.asked_at, now)
        for each in open_:
            if each.last.answered_at is None and now - each.last.asked_at >= CHECK_WAIT:
                await store.settle_check(conn, self.tenant_id, each.station_id, None, now, "unanswered")
        more_comes = any(each.last.answered_at is not None for each in open_ if each not in whole)
        return Settled(compared=bool(whole), more_comes=more_comes)

    async def _ours(self, conn: Connection, asked: Sequence[store.Check], now: datetime) -> dict[str, list[Ours]]:
        """What each station had said yes to before it was asked, and must still hold."""
        asked_at = {each.station: each.last.asked_at for each in asked}
        station_of = {each.station_id: each.station for each in asked}
        found: dict[str, list[Ours]] = {}
        for desired in await list_desired(conn, self.tenant_id, sorted(asked_at)):
            reached = desired.kind == CHARGING_PROFILE and desired.state is State.REACHED
            if not reached or desired.reported is None or desired.reported_at is None:
                continue
            if desired.reported_at < asked_at[desired.station]:
                profile = msgspec.convert(desired.reported, ChargingProfile)
                found.setdefault(desired.station, []).append(_ours_of(int(desired.key.split("/")[0]), profile))
        for order in await store.last_orders(conn, self.tenant_id, list(station_of), now + STILL):
            station = station_of[order.station_id]
            if order.accepted and order.answered_at is not None and order.answered_at < asked_at[station]:
                # Which unit it was told in is not known here: that it is there is what counts.
                found.setdefault(station, []).append(
                    Ours(
                        evse=order.evse,
                        purpose=Purpose.TX,
                        stack_level=STACK_LEVEL,
                        profile_id=order.evse * IDS + 1,
                        unit=Unit.CURRENT,
                        most=None,
                    )
                )
        return found

    async def _make_good(
        self,
        conn: Connection,
        station_id: int,
        station: str,
        findings: Sequence[Finding],
        asked_at: datetime,
        now: datetime,
    ) -> None:
        for each in findings:
            FOUND.labels(each.found.value).inc()
            log.warning("a station holds something else than it was told", station=station, evse=each.evse,
                        found=each.found.value, purpose=each.purpose, profile=each.profile_id)  # fmt: skip
        gone = [each for each in findings if each.found in (Found.LOST, Found.MORE)]
        sessions = {each.evse for each in gone if each.purpose in (None, Purpose.TX)}
        for order in await store.last_orders(conn, self.tenant_id, [station_id], now) if sessions else ():
            if order.evse in sessions:
                await store.doubt_order(conn, self.tenant_id, order.session_id, LOST, asked_at)
                await doubt_dynamic(conn, self.tenant_id, order.session_id)
        for each in gone:
            purpose = each.purpose or Purpose.TX_DEFAULT
            if purpose is not Purpose.TX:
                key = profile_key(each.evse, purpose, each.stack_level or STACK_LEVEL)
                await lose(conn, self.tenant_id, station, CHARGING_PROFILE, key, now)
        await store.settle_check(conn, self.tenant_id, station_id, findings, now)

    async def ask(self, reading: Reading) -> None:
        """Ask those that it is time for; their answers are waited for elsewhere."""
        now = self._clock.now()
        async with self._tenants.tenant(self.tenant_id) as conn:
            last = await store.checks_of(conn, self.tenant_id, self.site_id)
            asks = _due(reading, last, now)
            if not asks or not await keep_lease(conn, self.tenant_id, self.site_id, self._holder):
                return
            ways = {each.station_id: each.way for each in asks}
            requests = await store.begin_checks(conn, self.tenant_id, ways, now)
            asked = [(each.station, command) for each in asks for command in _commands(each, reading, requests)]
            entered, unsent = await self._stations.enter(
                conn, self.tenant_id, asked, ASKED_BY, spare=True, routine=True
            )
        asking = asyncio.create_task(self._carry({each.station: each for each in asks}, entered, unsent))
        self.asking.add(asking)
        asking.add_done_callback(self.asking.discard)

    async def _carry(self, asks: Mapping[str, _Ask], entered: list[Entered], unsent: Sequence[Told]) -> None:
        answers: dict[str, list[Told]] = {}
        try:
            for each in unsent:
                answers.setdefault(each.identity, []).append(each)
            async with aclosing(self._stations.carry(self.tenant_id, entered, urgent=False)) as coming:
                async for some in coming:
                    for each in some:
                        answers.setdefault(each.identity, []).append(each)
            now = self._clock.now()
            async with self._tenants.tenant(self.tenant_id) as conn:
                for station, told in sorted(answers.items()):
                    await self._note(conn, asks[station], told, now)
        except (psycopg.Error, ForecourtError, OSError) as fault:
            # It is asked again when it is time.
            log.warning("what stations hold could not be asked", site=self.site_id, fault=repr(fault))

    async def _note(self, conn: Connection, ask: _Ask, told: Sequence[Told], now: datetime) -> None:
        answer = told[0].answer
        said = answer.status if isinstance(answer, CommandAnswer) else answer.code
        agreed = isinstance(answer, CommandAnswer) and answer.accepted
        if ask.way == "profiles" and agreed:
            nothing = said == "NoProfiles"
            await store.note_answer(conn, self.tenant_id, ask.station_id, said, answered_at=now if nothing else None)
            return
        schedules = [
            of_schedule(each.command.evse, each.answer.schedule, *ask.told[each.command.evse])
            for each in told
            if isinstance(each.command, GetCompositeSchedule) and isinstance(each.answer, CommandAnswer)
            if each.answer.accepted
        ]
        await store.note_answer(conn, self.tenant_id, ask.station_id, said, answered_at=None)
        if schedules:
            findings = [each for each in schedules if each is not None]
            await self._make_good(conn, ask.station_id, ask.station, findings, now, now)
        else:
            await store.settle_check(conn, self.tenant_id, ask.station_id, None, now)


def _ours_of(evse: int, profile: ChargingProfile) -> Ours:
    return Ours(
        evse=evse,
        purpose=profile.purpose,
        stack_level=profile.stack_level,
        profile_id=profile.id,
        unit=profile.unit,
        most=most_of(profile),
    )


def _due(reading: Reading, last: Mapping[str, store.Check], now: datetime) -> list[_Ask]:
    """Who is asked now, and in which way."""
    known = reading.known
    under_way = sum(each.last.settled_at is None and now - each.last.asked_at < CHECK_WAIT for each in last.values())
    found: list[_Ask] = []
    for station, link in sorted(reading.links.items()):
        evses = [number for number, evse in enumerate(known.tree.evses) if evse.station == station]
        doubtful = station in reading.unsaid or any(known.standings[number].disobeys for number in evses)
        before = last[station].last if station in last else None
        if link.gone or not link.connected or not is_due(before, link.connected_at, doubtful, now):
            continue
        if link.version != Version.V16 and link.tells_profiles:
            found.append(_Ask(station_id=link.station_id, station=station, way="profiles"))
        elif told := _told(reading, evses, now):
            found.append(_Ask(station_id=link.station_id, station=station, way="schedule", told=told))
    return found[: max(0, MAX_ASKED - under_way)]


def _told(reading: Reading, evses: Sequence[int], now: datetime) -> dict[int, tuple[int, float]]:
    """The limits that its EVSEs must follow by now."""
    known = reading.known
    found = {}
    for number in evses:
        standing = known.standings[number]
        order = newest(standing, now)
        if standing.running_since is None or order is None or not order.accepted or order.answered_at is None:
            continue
        settled = order.answered_at + timedelta(seconds=standing.obey_s) <= now
        if settled and order.valid_to - now > STILL:
            evse = known.tree.evses[number]
            found[evse.evse] = order.limit_ma, known.tree.watts_told(evse)
    return found


def _commands(ask: _Ask, reading: Reading, requests: Mapping[int, int]) -> list[Command]:
    if ask.way == "profiles":
        return [GetChargingProfiles(request_id=requests[ask.station_id])]
    return [
        GetCompositeSchedule(evse=evse.evse, duration_s=ASKED_S, unit=reading.unit_of(evse))
        for evse in reading.known.tree.evses
        if evse.station == ask.station and evse.evse in ask.told
    ]
