"""Telling the stations and batteries of a site what they may do: recorded before it is sent, and only by who holds the
site; answers are recorded as they come."""

import asyncio
from collections.abc import Callable, Collection, Coroutine, Mapping, Sequence
from contextlib import aclosing
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import numpy as np
import psycopg
import structlog
from msgspec import Struct
from msgspec.structs import replace
from prometheus_client import Counter
from psycopg import AsyncConnection

from forecourt.energy.dispatch.dynamic import Settled, change_of, is_dynamic, said_dynamically, settled
from forecourt.energy.dispatch.giving import told_to_give
from forecourt.energy.dispatch.obedience import drawn_now
from forecourt.energy.dispatch.orders import Told
from forecourt.energy.dispatch.profiles import running_profile
from forecourt.energy.dispatch.standing import Draws, Standing, may_draw, newest, still_since
from forecourt.energy.keeper.reading import Reading
from forecourt.energy.keeper.saying import less_of, told_of
from forecourt.energy.planning.knowledge import Knowledge, KnownCar, rests
from forecourt.energy.planning.limits import Room
from forecourt.energy.planning.plan import BatteryPlan
from forecourt.energy.planning.storage import battery_plans, setpoints
from forecourt.energy.planning.weighing import horizon_of
from forecourt.energy.storage.model import Setpoint, current_setpoint
from forecourt.energy.store import keeping
from forecourt.energy.store.dynamic import ToldDynamic, keep_told, settle_told
from forecourt.energy.store.leases import keep_lease
from forecourt.energy.store.storage import insert_setpoint
from forecourt.ocpp.neutral import Command, CommandAnswer, SetChargingProfile
from forecourt.platform.clock import Clock
from forecourt.platform.database import Pool
from forecourt.platform.errors import ForecourtError
from forecourt.stations.batch import CALLS_IN_A_WORD, Batch, Entered
from forecourt.stations.batch import Told as Answered
from forecourt.stations.call_faults import CallInvalid, StationLacks

log = structlog.get_logger(__name__)

#: Who asks, as commands have it.
ASKED_BY: Final = "smart charging"

#: What is asked: the station's identity and the command.
Asked = tuple[str, Command]

#: So many limits are recorded and sent together: a word of the bus holds no more.
PART: Final = CALLS_IN_A_WORD

ORDERS = Counter("forecourt_energy_orders_total", "Limits that were sent to stations, by their answer", ["answer"])


class _Said(Struct, frozen=True, kw_only=True):
    """A limit as a station is told it: the call, the order as it is kept, and the profile as a whole."""

    asked: Asked
    order: keeping.NewOrder
    whole: SetChargingProfile


class Teller:
    """What a keeper says to its site, as long as it is the `holder` (None: nobody else ever is). `wake`: something was
    answered."""

    def __init__(
        self, tenant_id: int, site_id: int, *, tenants: Pool, stations: Batch, clock: Clock, holder: UUID | None,
        wake: Callable[[], None],
    ) -> None:  # fmt: skip
        self.tenant_id, self.site_id = tenant_id, site_id
        self._holder = holder
        self._tenants = tenants
        self._stations = stations
        self._clock = clock
        self._wake = wake
        #: What goes on beside the keeper's turns.
        self.under_way: set[asyncio.Task[None]] = set()
        #: Orders whose answers are waited for; those of nobody else will ever be.
        self.awaited: set[int] = set()

    def beside(self, work: Coroutine[Any, Any, None]) -> None:
        """Let something be done that no turn waits for."""
        task = asyncio.create_task(work)
        self.under_way.add(task)
        task.add_done_callback(self.under_way.discard)

    async def tell(
        self,
        reading: Reading,
        room: Room,
        targets_ma: Sequence[int],
        batteries: Sequence[BatteryPlan],
        gives_ma: Sequence[int] = (),
        *,
        planned: Collection[UUID] | None = None,
    ) -> None:
        """Record what is due, and send it; the answers are waited for elsewhere. `planned`: the sessions for which
        there are targets, if not for all."""
        now = self._clock.now()
        known = replace(reading.known, at=now)
        told = told_of(known, room, targets_ma, gives_ma)
        if planned is not None:
            session_of = {car.evse_id: car.session_id for car in known.cars}
            told = [each for each in told if session_of[known.tree.evses[each.evse].id] in planned]
        await self._say(reading, known, told, _setpoints(known, batteries, told, now, safe_only=False))

    async def cut(self, reading: Reading, room: Room, targets_ma: Sequence[int], draws: Draws) -> None:
        """Record and send what of it safety needs. `draws`: what EVSEs may draw by what was read just now."""
        known = reading.known
        told = less_of(known, room, targets_ma, draws)
        batteries, now = battery_plans(known, horizon_of(known), None), self._clock.now()
        points = _setpoints(replace(known, at=now), batteries, told, now, safe_only=True)
        await self._say(reading, known, told, points)

    async def _say(
        self, reading: Reading, known: Knowledge, told: Sequence[Told], points: Sequence[tuple[str, Setpoint]]
    ) -> None:
        """In parts, so that the first are on their way while the last are still written down; each part is recorded
        before it is sent, and by who holds the site then. They keep their order: less before more."""
        car_of = {car.evse_id: car for car in known.cars}
        parts = [told[begin : begin + PART] for begin in range(0, len(told), PART)]
        for number, part in enumerate(parts or ([told] if points else [])):
            if not await self._say_part(reading, known, car_of, part, points if number == 0 else ()):
                return

    async def _say_part(
        self, reading: Reading, known: Knowledge, car_of: Mapping[str, KnownCar], told: Sequence[Told],
        points: Sequence[tuple[str, Setpoint]],
    ) -> bool:  # fmt: skip
        """Whether this planner holds the site, without which nothing is said."""
        # It is counted from now on that they arrive, or don't: what was read may be some seconds old.
        now = self._clock.now()
        known = replace(known, at=now)
        said = [_said(reading, known, car_of, each) for each in told]
        async with self._tenants.tenant(self.tenant_id) as conn:
            if not await keep_lease(conn, self.tenant_id, self.site_id, self._holder):
                log.warning("a site is held by another planner", site=self.site_id)
                return False
            for id, setpoint in points:
                await insert_setpoint(conn, self.tenant_id, self.site_id, id, setpoint)
            if not told:
                return True
            entered, unsent = await self._stations.enter(
                conn, self.tenant_id, [each.asked for each in said], ASKED_BY, spare=True, routine=True
            )
            command_of = {(each.identity, each.command): UUID(each.command_id) for each in entered}
            orders = [replace(each.order, command_id=command_of.get(each.asked)) for each in said]
            numbers = await keeping.insert_orders(conn, self.tenant_id, self.site_id, orders)
            number_of = {each.asked: number for each, number in zip(said, numbers, strict=True)}
            kept = [
                _dynamic(each.order, number, each.whole, each.asked[1])
                for each, number in zip(said, numbers, strict=True)
                if (each.asked[0], each.order.evse) in reading.dynamics
            ]
            await keep_told(conn, self.tenant_id, self.site_id, kept, now)
            await self._keep_answers(conn, unsent, number_of)
        self.awaited.update(numbers)
        self.beside(self._send(entered, number_of))
        return True

    async def renew(self, reading: Reading, room: Room) -> None:
        """Say again what was said, where it is over soon and nobody has planned anything else yet."""
        known = reading.known
        last = [newest(standing, known.at) for standing in known.standings]
        number_of = known.tree.numbers
        told = {car.session_id for car in known.cars if last[number_of[car.evse_id]] is not None}
        targets_ma = [0 if order is None else order.limit_ma for order in last]
        gives_ma = [told_to_give(standing, known.at) for standing in known.standings]
        await self.tell(reading, room, targets_ma, (), gives_ma, planned=told)

    async def _send(self, entered: list[Entered], number_of: Mapping[Asked, int]) -> None:
        """Answers are recorded as they come, and each group of them is a reason to look again. More and less go in the
        same line, or the one could overtake the other."""

        async def keep(conn: AsyncConnection[Any], told: Sequence[Answered]) -> None:
            await self._keep_answers(conn, told, number_of)

        try:
            async with aclosing(self._stations.carry(self.tenant_id, entered, urgent=True, keep=keep)) as coming:
                async for _ in coming:
                    self._wake()
        except (psycopg.Error, ForecourtError, OSError) as fault:
            # What was sent counts as under way until it runs out, or is told again.
            log.warning("limits could not be sent, or their answers not kept", site=self.site_id, fault=repr(fault))
        finally:
            self.awaited.difference_update(number_of.values())

    async def _keep_answers(
        self, conn: AsyncConnection[Any], told: Sequence[Answered], number_of: Mapping[Asked, int]
    ) -> None:
        answers = [_meaning(number_of[each.identity, each.command], each.command, each.answer) for each in told]
        for each in answers:
            known = "unsent" if each.unsent else "accepted" if each.accepted else "refused"
            ORDERS.labels("unknown" if each.accepted is None else known).inc()
        if answers:
            await keeping.answer_orders(conn, self.tenant_id, answers, self._clock.now())
            await self._keep_dynamics(conn, told, number_of)

    async def _keep_dynamics(
        self, conn: AsyncConnection[Any], told: Sequence[Answered], number_of: Mapping[Asked, int]
    ) -> None:
        found: dict[Settled, list[int]] = {each: [] for each in Settled}
        for each in told:
            came = settled(each.command, each.answer)
            if came is not None:
                found[came].append(number_of[each.identity, each.command])
        await settle_told(conn, self.tenant_id, found, self._clock.now())


def _said(reading: Reading, known: Knowledge, car_of: Mapping[str, KnownCar], each: Told) -> _Said:
    """How a limit is said, and recorded."""
    evse, now = known.tree.evses[each.evse], known.at
    car = car_of[known.tree.electrics.evses[each.evse].id]
    whole = running_profile(
        evse.evse, car.transaction_id, each.limit_ma, evse.phases, known.tree.watts_told(evse),
        reading.unit_of(evse), now, each.valid_to, each.gives_ma,
    )  # fmt: skip
    held = reading.dynamics.get((evse.station, evse.evse)) if known.settings.dynamic_profiles else None
    standing = known.standings[each.evse]
    command = said_dynamically(whole, held, car.session_id, now, each.valid_to, standing.booted_at)
    order = _order(reading.station_ids[evse.station], car, each, now, standing)
    return _Said(asked=(evse.station, command), order=order, whole=whole)


def _setpoints(
    known: Knowledge, batteries: Sequence[BatteryPlan], told: Sequence[Told], now: datetime, *, safe_only: bool
) -> list[tuple[str, Setpoint]]:
    """What batteries shall do, beside all that stations may draw by what they are being told."""
    if not known.tree.batteries:
        return []
    may_ma = np.array([may_draw(standing, now)[0] for standing in known.standings], dtype=np.float64)
    for each in told:
        may_ma[each.evse] = max(may_ma[each.evse], each.limit_ma)
    due_now = setpoints(known, batteries, may_ma / 1000)
    return [(id, point) for id, point in due_now if not safe_only or _takes_less(known, id, point)]


def _takes_less(known: Knowledge, battery: str, setpoint: Setpoint) -> bool:
    """Whether a setpoint is less than what the battery goes by."""
    each = next(each for each in known.batteries if each.id == battery)
    last = current_setpoint(each, setpoint.sent_at)
    return last is not None and setpoint.power_w < last.power_w


def _order(station_id: int, car: KnownCar, told: Told, now: datetime, standing: Standing) -> keeping.NewOrder:
    return keeping.NewOrder(
        station_id=station_id,
        evse=car.evse,
        session_id=car.session_id,
        limit_ma=told.limit_ma,
        urgent=told.urgent,
        sent_at=now,
        valid_to=told.valid_to,
        gives_ma=told.gives_ma,
        drawn_ma=drawn_now(standing, now),
        still_since=still_since(standing, now),
        rested=rests(car, standing, told.limit_ma, now),
    )


def _dynamic(order: keeping.NewOrder, number: int, whole: SetChargingProfile, command: Command) -> ToldDynamic:
    """What is kept of an order to an EVSE that takes dynamic profiles, however it is said."""
    profile = command.profile if isinstance(command, SetChargingProfile) else None
    return ToldDynamic(
        station_id=order.station_id,
        evse=order.evse,
        session_id=order.session_id,
        order_id=number,
        says=change_of(whole) if is_dynamic(command) else None,
        limit_ma=order.limit_ma,
        lasts=order.valid_to - order.sent_at,
        until=None if profile is None else profile.valid_to,
    )


def _meaning(order_id: int, command: Command, answer: CommandAnswer | ForecourtError) -> keeping.OrderAnswer:
    """What came of an order. What its station lacks, or what can't be said to it, is as good as refused. That it takes
    no dynamic profile, or no change of one, says nothing of the limit: it is told in another way."""
    if isinstance(answer, CommandAnswer):
        unsent = not answer.accepted and is_dynamic(command)
        return keeping.OrderAnswer(order_id=order_id, accepted=answer.accepted, unsent=unsent, status=answer.status)
    unsent = bool(getattr(answer, "unsent", False))
    return keeping.OrderAnswer(
        order_id=order_id,
        accepted=False if unsent else None,
        unsent=unsent and not isinstance(answer, StationLacks | CallInvalid),
        status=answer.code,
    )
