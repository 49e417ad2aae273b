"""The verbs of replacement: what is planned, and what people say of hardware and its costs."""

import asyncio
import hashlib
from collections.abc import Sequence
from datetime import UTC, date
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
from msgspec import structs

from forecourt.access import Actor, audit
from forecourt.access.members import find_organisation
from forecourt.access.model import Service
from forecourt.insight.replacement import store
from forecourt.insight.replacement.errors import ChangeExists, ChangeRefused, ChangeUnknown, TooManyChanges
from forecourt.insight.replacement.inputs import ReplacementInputs
from forecourt.insight.replacement.lives import lives_of
from forecourt.insight.replacement.model import (
    FIRST_DAY,
    HardwareChange,
    HardwareKind,
    HardwareSaid,
    Station,
    has_place,
    is_whole,
)
from forecourt.insight.replacement.planned import LeftOut, YearAhead, plan
from forecourt.insight.replacement.store import MAX_CHANGES, Standing
from forecourt.insight.store import Connection
from forecourt.insight.turns import Halt, Made, Turns
from forecourt.platform.clock import Clock
from forecourt.platform.database import Pool
from forecourt.stations.commands import StationUnknown

#: Plans that are remembered: of those who asked last.
MAX_KEPT: Final = 8
#: Plans that are made at once, and of one organisation; who comes meanwhile waits, organisations in turn.
AT_ONCE: Final = 1
AT_ONCE_OF_ONE: Final = 1
#: Seconds after which somebody who waits is told that it takes too long.
PLAN_WITHIN_S: Final = 30.0


class Replacing:
    """Plans of organisations, of what who asks may see; the same facts are reckoned once, and by one at a time."""

    def __init__(self, db: Pool, clock: Clock, within_s: float = PLAN_WITHIN_S) -> None:
        self._db = db
        self._clock = clock
        self._made = Made(Turns(AT_ONCE, AT_ONCE_OF_ONE), Halt, within_s, MAX_KEPT)

    async def plan(self, tenant_id: int) -> YearAhead:
        """The year from today on. Raises AnswerTooSlow."""
        async with self._db.tenant(tenant_id) as conn:
            stations = await store.list_stations(conn, tenant_id)
            changes = await store.list_changes(conn, tenant_id, limit=MAX_CHANGES)
            left_out = LeftOut(
                stations=await store.count_stations(conn, tenant_id) - len(stations),
                changes=await store.count_changes(conn, tenant_id) - len(changes),
            )
            inputs = await self.inputs(conn, tenant_id)
            today = await self.today(conn, tenant_id)
        found = await self._reckoned(tenant_id, stations, changes, inputs, today)
        return structs.replace(found, left_out=structs.replace(left_out, units=found.left_out.units))

    async def inputs(self, conn: Connection, tenant_id: int) -> ReplacementInputs:
        """What is said of replacing; nothing, where nobody said anything."""
        return await store.find_inputs(conn, tenant_id) or ReplacementInputs()

    async def say_inputs(self, conn: Connection, actor: Actor | Service, inputs: ReplacementInputs) -> None:
        """Says what replacing costs, and since when ends are recorded. Raises ReplacementInputsRefused."""
        inputs.check(await self.today(conn, actor.tenant_id))
        before = await store.find_inputs(conn, actor.tenant_id)
        await store.keep_inputs(conn, actor.tenant_id, inputs, self._clock.now(), str(actor))
        await audit(
            conn, actor, "say what replacing costs", "replacement",
            before=None if before is None else msgspec.to_builtins(before), after=msgspec.to_builtins(inputs),
        )  # fmt: skip

    async def say(self, conn: Connection, actor: Actor, said: HardwareSaid) -> HardwareChange:
        """Says that hardware was put in or taken out. Raises ChangeRefused, StationUnknown, ChangeExists,
        TooManyChanges."""
        if not is_whole(said.place) or not FIRST_DAY <= said.on <= await self.today(conn, actor.tenant_id):
            raise ChangeRefused
        standing = stood(said, (await store.list_standings(conn, actor.tenant_id, [said.station])).get(said.station))
        if not has_place(standing.plugs, said.place):
            raise ChangeRefused
        [made] = await self.keep(conn, actor, [(standing.station_id, said)])
        if made is None:
            raise ChangeExists
        change = await store.find_change(conn, actor.tenant_id, made)
        assert change is not None
        await audit(conn, actor, "say hardware was changed", f"station:{said.station}", after=msgspec.to_builtins(said))
        return change

    async def keep(
        self, conn: Connection, actor: Actor | Service, said: Sequence[tuple[int, HardwareSaid]]
    ) -> list[UUID | None]:  # fmt: skip
        """Keeps what is said, unless something is of that day. Raises TooManyChanges."""
        if await store.count_all_changes(conn, actor.tenant_id) + len(said) > MAX_CHANGES:
            raise TooManyChanges
        return await store.insert_changes(conn, actor.tenant_id, said, self._clock.now(), str(actor))

    async def unsay(self, conn: Connection, actor: Actor, change_id: UUID) -> None:
        """Takes back what was said. Raises ChangeUnknown."""
        change = await store.find_change(conn, actor.tenant_id, change_id)
        if change is None or not await store.delete_change(conn, actor.tenant_id, change_id):
            raise ChangeUnknown
        told: dict[str, Any] = msgspec.to_builtins(change)
        await audit(conn, actor, "take back what was said of hardware", f"station:{change.station}", before=told)

    async def today(self, conn: Connection, tenant_id: int) -> date:
        """By the clock of the organisation, or by UTC where it is a day ahead: days of stations are UTC's."""
        now = self._clock.now()
        zone = ZoneInfo((await find_organisation(conn, tenant_id)).time_zone)
        return max(now.astimezone(UTC).date(), now.astimezone(zone).date())

    async def _reckoned(
        self, tenant_id: int, stations: list[Station], changes: list[HardwareChange], inputs: ReplacementInputs,
        today: date,
    ) -> YearAhead:  # fmt: skip
        # In a thread, for there is much of it.
        key = await asyncio.to_thread(_key, stations, changes, inputs, today)
        found: YearAhead = await self._made.once(
            tenant_id, key, lambda halt: _planned(stations, changes, inputs, today, halt)
        )
        return found


def stood(said: HardwareSaid, standings: Sequence[Standing] | None) -> Standing:
    """Which station of an identity is meant: a retired one where only it stood there that day, else the first. Raises
    StationUnknown."""
    if not standings:
        raise StationUnknown
    first = standings[0]
    if first.retired_on is None and said.on < first.created_on:
        for each in standings[1:]:
            if each.retired_on is not None and each.created_on <= said.on <= each.retired_on:
                return each
    return first


def _key(stations: list[Station], changes: list[HardwareChange], inputs: ReplacementInputs, today: date) -> bytes:
    return hashlib.sha256(msgspec.msgpack.encode((stations, changes, inputs, today))).digest()


def _planned(
    stations: list[Station], changes: list[HardwareChange], inputs: ReplacementInputs, today: date, halt: Halt
) -> YearAhead:
    since = {kind: inputs.of(kind).recorded_since for kind in HardwareKind}
    new = [kind for kind in HardwareKind if inputs.of(kind).new_when_registered]
    return plan(lives_of(stations, changes, since, today, new), inputs, today, halt)
