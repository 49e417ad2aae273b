"""Brings stations to what they are wanted to be. The table of desires is the queue: what is due is taken in one short
transaction that records the calls as well, sent, and settled as the answers come.

Several bring at the same time: a desire in somebody's hands is nobody else's until it is settled, or its time is over
because they died. A station that was sent an older version meanwhile gets the newer one as soon as that has landed,
never before: so the last one sent is the last one that holds.
"""

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from datetime import datetime, timedelta
from typing import Final, Protocol
from uuid import UUID

import msgspec
import structlog
from msgspec import Struct
from msgspec.structs import replace
from prometheus_client import Counter

from forecourt.ocpp.neutral import Command, CommandAnswer, ShowPaymentCodes
from forecourt.platform.database import Pool
from forecourt.platform.errors import ForecourtError
from forecourt.stations.audited import Audited
from forecourt.stations.batch import Batch, Entered, Told
from forecourt.stations.call_faults import CallInvalid, StationUnknown
from forecourt.stations.desired import store
from forecourt.stations.desired.kinds import KINDS, PAYMENT_DISPLAYS, ConnectorSaid
from forecourt.stations.desired.model import LEASE_GRACE, State, Tried, Verdict, Want, verdict
from forecourt.stations.desired.service import place
from forecourt.stations.desired.store import Connection, DesireRow, Place, Sent, Settled

log = structlog.get_logger(__name__)

#: Desires taken in one transaction.
AT_ONCE: Final = 1_000
#: Who asks where nobody is named: what was wanted before is tried anew.
RECONCILER: Final = "desired state"

#: What a desire that is looked at and found as it was means for it.
_STILL_THERE: Final = CommandAnswer(accepted=True, status="Accepted")

TRIES = Counter(
    "forecourt_desire_tries_total", "Tries to bring stations to what they are wanted to be", ["kind", "state"]
)


class Brought(Struct, frozen=True, kw_only=True):
    """How far a desire is after a try. `answer` is what came of it; None where nothing was sent, because it is reached
    already or in somebody else's hands."""

    station: str
    kind: str
    key: str
    state: State
    answer: CommandAnswer | ForecourtError | None
    command_id: str | None


class _Begun(Struct, frozen=True):
    """What is recorded and not sent yet, by command, and what came of the others."""

    entered: Sequence[Entered]
    rows: Mapping[str, DesireRow]
    done: Sequence[Brought]


class Vault(Protocol):
    """Opens secrets that stations are given and that stand in no desire."""

    async def secret_of(self, conn: Connection, tenant_id: int, station_id: int, version: int, /) -> str | None:
        """What payment codes are made of; None where another version counts by now. Raises SealBroken."""
        ...


class Bringer:
    """Owns nothing but the way. `pool` is of role forecourt_app; without a `vault` what takes a secret is not sent."""

    def __init__(self, pool: Pool, batch: Batch, vault: Vault | None = None) -> None:
        self._pool = pool
        self._batch = batch
        self._vault = vault
        self._clock = batch.clock

    async def bring(
        self,
        tenant_id: int,
        wants: Sequence[Want],
        by: str,
        *,
        again: bool = False,
        audited: Audited | None = None,
    ) -> AsyncGenerator[Brought, None]:
        """Want these things, each once, and send them at once; what came of each follows as it comes, once it is
        recorded. What the station is already is not sent, unless `again`.

        Nothing is lost if the caller goes away: what is not settled is tried anew. Raises DatabaseBusy before anything
        of a portion was sent.
        """
        ready: asyncio.Queue[Brought | None] = asyncio.Queue()
        carrying = set[asyncio.Task[None]]()
        try:
            for first in range(0, len(wants), AT_ONCE):
                begun = await self._begin(tenant_id, by, wants[first : first + AT_ONCE], again=again, audited=audited)
                for done in begun.done:
                    yield done
                carrying.add(asyncio.create_task(self._carry_into(ready, tenant_id, begun)))
            landed = 0
            while landed < len(carrying):
                brought = await ready.get()
                if brought is None:
                    landed += 1
                else:
                    yield brought
            await asyncio.gather(*carrying)
        finally:
            for task in carrying:
                task.cancel()
            await asyncio.gather(*carrying, return_exceptions=True)

    async def bring_one(
        self, tenant_id: int, want: Want, by: str, *, again: bool = False, audited: Audited | None = None
    ) -> Brought:
        """As `bring`, of one desire."""
        async with aclosing(self.bring(tenant_id, [want], by, again=again, audited=audited)) as coming:
            async for brought in coming:
                return brought
        raise AssertionError("something comes of every desire")

    async def begin_due(self, tenant_id: int, most: int) -> tuple[int, "asyncio.Task[None] | None"]:
        """Send what is due of an organisation, so many at the most; how many were taken, and the task that settles what
        was sent."""
        begun = await self._begin(tenant_id, RECONCILER, None, most=most)
        taken = len(begun.entered) + len(begun.done)
        if not begun.entered:
            return taken, None
        return taken, asyncio.create_task(self._carry_into(asyncio.Queue(), tenant_id, begun))

    async def settle_late(self, tenant_id: int, command_id: UUID, answer: CommandAnswer | ForecourtError) -> None:
        """What came of a try after whoever sent it had stopped waiting, if it is still the last one."""
        now = self._clock.now()
        async with self._pool.tenant(tenant_id) as conn:
            row = await store.find_desire_of(conn, tenant_id, command_id)
            if row is not None and row.state in (State.SENT, State.PENDING):
                late = Settled(
                    place=row.place,
                    version=row.sent_version or row.version,
                    command_id=str(command_id),
                    verdict=_verdict(row, answer, now),
                )
                await store.settle_desires(conn, tenant_id, [late], now)

    async def _begin(
        self,
        tenant_id: int,
        by: str,
        wants: Sequence[Want] | None,
        *,
        most: int = AT_ONCE,
        again: bool = False,
        audited: Audited | None = None,
    ) -> _Begun:
        """One transaction: want, take what is due, record its calls, and settle what needn't or can't be sent."""
        now = self._clock.now()
        async with self._pool.tenant(tenant_id) as conn:
            await store.forget_expired(conn, tenant_id, now)
            if wants is None:
                rows, others = await store.claim_due(conn, tenant_id, now, most), list[Brought]()
            else:
                placed = await place(conn, tenant_id, wants)
                await store.put_desires(conn, tenant_id, placed, by, now, again=again)
                rows = await store.claim_desires(conn, tenant_id, now, list(placed))
                others = await self._not_taken(conn, tenant_id, wants, placed, rows)
            begun, unsent = await self._enter(conn, tenant_id, rows, by, now)
            if audited is not None:
                for each in begun.entered:
                    await audited.entered(conn, each.command_id)
        for told in unsent if audited is not None else ():
            if audited is not None and isinstance(told.answer, ForecourtError):
                await audited.not_sent(self._pool, told.answer)
        return _Begun(begun.entered, begun.rows, [*others, *begun.done])

    async def _enter(
        self, conn: Connection, tenant_id: int, rows: Sequence[DesireRow], by: str, now: datetime
    ) -> tuple[_Begun, Sequence[Told]]:
        """Record the calls for desires that were taken, mark them as in flight, and settle the others."""
        looked_at = sorted({row.station_id for row in rows if row.state == State.REACHED})
        said = await store.list_said(conn, tenant_id, looked_at) if looked_at else {}
        asked, settled = _asked(rows, said, now)
        asked, without = await self._with_secrets(conn, tenant_id, asked, now)
        settled += without
        done = [_left(row, meant.state) for row, meant in settled]
        entered, unsent = await self._batch.enter(
            conn, tenant_id, [(row.station, command) for row, command in asked], by, spare=True
        )
        # Two desires may ask the same of one station, so each is found again by its very command.
        of_command = {id(command): row for row, command in asked}
        for told in unsent:
            row = of_command[id(told.command)]
            settled.append((row, _verdict(row, told.answer, now)))
            done.append(_brought(row, told, now))
        rows_of = {each.command_id: of_command[id(each.command)] for each in entered}
        sent = [Sent(place=row.place, command_id=command_id) for command_id, row in rows_of.items()]
        until = now + timedelta(seconds=self._batch.longest_s) + LEASE_GRACE
        await store.mark_sent(conn, tenant_id, sent, until)
        await store.settle_desires(conn, tenant_id, [_settled(row, None, meant) for row, meant in settled], now)
        return _Begun(entered, rows_of, done), unsent

    async def _with_secrets(
        self, conn: Connection, tenant_id: int, asked: Sequence[tuple[DesireRow, Command]], now: datetime
    ) -> tuple[list[tuple[DesireRow, Command]], list[tuple[DesireRow, Verdict]]]:
        """What is asked with the secrets that it takes, of the displays that the station told of, and what comes of
        that for which there is no secret."""
        ready, without = list[tuple[DesireRow, Command]](), list[tuple[DesireRow, Verdict]]()
        for row, plain in asked:
            if not isinstance(plain, ShowPaymentCodes):
                ready.append((row, plain))
                continue
            places = await store.list_places(conn, tenant_id, row.station_id, PAYMENT_DISPLAYS)
            command = replace(plain, places=tuple(places) or plain.places)
            if not command.shown:
                ready.append((row, command))
                continue
            try:
                version = int(row.wanted["secret"])
                secret = self._vault and await self._vault.secret_of(conn, tenant_id, row.station_id, version)
            except ForecourtError as fault:
                without.append((row, _verdict(row, fault, now)))
                continue
            if secret:
                ready.append((row, replace(command, secret=secret)))
            else:
                without.append((row, _verdict(row, CallInvalid(), now)))
        return ready, without

    async def _not_taken(
        self,
        conn: Connection,
        tenant_id: int,
        wants: Sequence[Want],
        placed: Mapping[Place, Want],
        rows: Sequence[DesireRow],
    ) -> list[Brought]:
        """Those wants of which nothing is to be sent now: of unknown stations, reached, or in others' hands."""
        taken = {row.place for row in rows}
        left = [each for each in placed if each not in taken]
        found = await store.find_desires(conn, tenant_id, left) if left else []
        known = {want.station for want in placed.values()}
        return [
            *(_left(row, State(row.state)) for row in found),
            *(
                Brought(
                    station=want.station,
                    kind=want.kind,
                    key=want.key,
                    state=State.UNSUPPORTED,
                    answer=StationUnknown(),
                    command_id=None,
                )
                for want in wants
                if want.station not in known
            ),
        ]

    async def _carry_into(self, ready: "asyncio.Queue[Brought | None]", tenant_id: int, begun: _Begun) -> None:
        """Send what has begun; what comes of it goes into the queue, and None behind the last."""
        try:
            groups: dict[bool, list[Entered]] = {}
            for each in begun.entered:
                groups.setdefault(KINDS[begun.rows[each.command_id].kind].urgent, []).append(each)
            await asyncio.gather(
                *(self._carry(ready, tenant_id, some, begun, urgent=urgent) for urgent, some in groups.items())
            )
        finally:
            ready.put_nowait(None)

    async def _carry(
        self,
        ready: "asyncio.Queue[Brought | None]",
        tenant_id: int,
        entered: Sequence[Entered],
        begun: _Begun,
        *,
        urgent: bool,
    ) -> None:
        async def keep(conn: Connection, told: Sequence[Told]) -> None:
            now = self._clock.now()
            settled = [
                _settled(row, each.command_id, _verdict(row, each.answer, now))
                for each in told
                for row in [begun.rows[str(each.command_id)]]
            ]
            await store.settle_desires(conn, tenant_id, settled, now)

        async with aclosing(self._batch.carry(tenant_id, entered, urgent=urgent, keep=keep)) as coming:
            async for told in coming:
                now = self._clock.now()
                for each in told:
                    brought = _brought(begun.rows[str(each.command_id)], each, now)
                    TRIES.labels(brought.kind, brought.state).inc()
                    ready.put_nowait(brought)


def _asked(
    rows: Sequence[DesireRow], said: Mapping[int, Sequence[ConnectorSaid]], now: datetime
) -> tuple[list[tuple[DesireRow, Command]], list[tuple[DesireRow, Verdict]]]:
    """What is asked for each desire; and what is known without asking, of those that are still as they were reached, by
    what the connectors say, and of those that can't be understood."""
    asked, known = list[tuple[DesireRow, Command]](), list[tuple[DesireRow, Verdict]]()
    for row in rows:
        try:
            kind = KINDS[row.kind]
            there = None
            if row.state == State.REACHED:
                there = kind.reported(row.key, said.get(row.station_id, ()))
            if there is not None and there == row.wanted:
                known.append((row, _verdict(row, _STILL_THERE, now)))
            else:
                asked.append((row, kind.command(row.key, row.wanted)))
        except (KeyError, ValueError, TypeError, msgspec.ValidationError):
            log.warning("a desire can't be understood", kind=row.kind, key=row.key, station=row.station)
            known.append((row, _verdict(row, CallInvalid(), now)))
    return asked, known


def _left(row: DesireRow, state: State) -> Brought:
    return Brought(station=row.station, kind=row.kind, key=row.key, state=state, answer=None, command_id=None)


def _verdict(row: DesireRow, answer: CommandAnswer | ForecourtError, now: datetime) -> Verdict:
    tried = Tried(attempts=row.attempts, refusals=row.refusals, expires_at=row.expires_at)
    look_after = KINDS[row.kind].look_after if row.kind in KINDS else timedelta(days=1)
    return verdict(answer, tried, now, "/".join(map(str, row.place)), look_after)


def _settled(row: DesireRow, command_id: str | None, meant: Verdict) -> Settled:
    return Settled(place=row.place, version=row.version, command_id=command_id, verdict=meant)


def _brought(row: DesireRow, told: Told, now: datetime) -> Brought:
    return Brought(
        station=row.station,
        kind=row.kind,
        key=row.key,
        state=_verdict(row, told.answer, now).state,
        answer=told.answer,
        command_id=told.command_id,
    )
