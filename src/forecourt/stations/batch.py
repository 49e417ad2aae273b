"""Asking many stations at once: one record of all calls, one word of the bus to each gateway, and answers as they come.

A slow station holds up nobody: what has come is recorded together, in one transaction, and handed on. What comes
while that is written is recorded with the next.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Sequence
from contextlib import aclosing
from datetime import datetime
from typing import Final
from uuid import uuid4

import msgspec
import psycopg
from msgspec import Struct

from forecourt.ocpp.faults import CallFault
from forecourt.ocpp.neutral import Command, CommandAnswer, Version
from forecourt.ocpp.protocol import protocol
from forecourt.platform.bus import Bus, BusAway
from forecourt.platform.clock import Clock
from forecourt.platform.database import Pool
from forecourt.platform.errors import ForecourtError
from forecourt.stations import store
from forecourt.stations.call_faults import (
    ACCEPTED_ONLY,
    FAILURES,
    CallInvalid,
    OutcomeUnrecorded,
    StationAnswerInvalid,
    StationLacks,
    StationNotAccepted,
    StationOffline,
    StationUnknown,
)
from forecourt.stations.gateway import journal
from forecourt.stations.gateway.words import CALLS_SUBJECT, CallAnswer, CallRequest, CallsAnswer, CallsRequest
from forecourt.stations.store import Connection, Holder, NewCommand, Outcome

#: How long a station has to answer.
CALL_DEADLINE_S = 30.0
#: The bus is given a little longer, so that the gateway's own word about the deadline arrives.
BUS_GRACE_S = 2.0
#: Calls in one word of the bus, and bytes of their payloads: far below what the bus carries.
CALLS_IN_A_WORD: Final = 250
BYTES_IN_A_WORD: Final = 256 * 1024


class Entered(Struct, frozen=True, kw_only=True):
    """A call that was recorded at a time, from which its deadline counts, and is not sent yet."""

    identity: str
    command: Command
    command_id: str
    holder: Holder
    action: str
    payload: bytes
    entered_at: datetime


class Told(Struct, frozen=True, kw_only=True):
    """What came of a command; `command_id` is None where nothing was recorded, for it could not be asked."""

    identity: str
    command: Command
    command_id: str | None
    answer: CommandAnswer | ForecourtError


#: What else is written in the transaction that records what came of commands.
Keep = Callable[[Connection, Sequence[Told]], Awaitable[None]]


def kept_answer(action: str, answer: CallAnswer) -> str | None:
    """What is recorded of an answer."""
    if answer.error_code is not None:
        return msgspec.json.encode({"code": answer.error_code, "description": answer.description}).decode()
    return journal.redact(action, answer.payload.encode()).decode() if answer.payload else None


class Batch:
    """Owns the way to many stations and back."""

    def __init__(self, pool: Pool, bus: Bus, clock: Clock, deadline_s: float) -> None:
        self._pool = pool
        self._bus = bus
        self.clock = clock
        self._deadline_s = deadline_s

    @property
    def longest_s(self) -> float:
        """How long what is carried may be on its way."""
        return self._deadline_s + BUS_GRACE_S

    async def enter(
        self,
        conn: Connection,
        tenant_id: int,
        asked: Sequence[tuple[str, Command]],
        asked_by: str,
        *,
        spare: bool = False,
        routine: bool = False,
    ) -> tuple[list[Entered], list[Told]]:
        """Record commands about to be sent, in the caller's transaction: those that can be carried, and those that
        can't, with the error that says why. `spare` the station what it said that it doesn't have; `routine` calls are
        kept for a shorter time and don't stand in a station's story."""
        now = self.clock.now()
        holders = await store.find_holders(conn, tenant_id, [identity for identity, _ in asked])
        entered, unsent = list[Entered](), list[Told]()
        for identity, command in asked:
            try:
                entered.append(_lowered(identity, command, holders.get(identity), now, spare=spare))
            except ForecourtError as fault:
                unsent.append(Told(identity=identity, command=command, command_id=None, answer=fault))
        rows = [
            NewCommand(
                command_id=each.command_id,
                station_id=each.holder.station_id,
                action=each.action,
                payload=journal.redact(each.action, each.payload).decode(),
            )
            for each in entered
        ]
        await store.insert_commands(conn, tenant_id, rows, asked_by, now, routine=routine)
        return entered, unsent

    async def carry(
        self, tenant_id: int, entered: Sequence[Entered], *, urgent: bool, keep: Keep | None = None
    ) -> AsyncGenerator[list[Told], None]:
        """Send what was entered, within its deadline from then; what came of it follows in groups as it comes, each
        once it is recorded, with what `keep` writes. Nobody's answer is waited for by another's."""
        if not entered:
            return
        waiting = {each.command_id: each for each in entered}
        words = list(self._words(entered, urgent=urgent))
        try:
            requests = [(subject, data) for subject, data, _ in words]
            async with aclosing(self._bus.converse(requests, self.longest_s)) as replies:
                async for some in replies:
                    came = list[tuple[Entered, CallAnswer]]()
                    for number, data in some:
                        came += _came(waiting, words[number][2], data)
                    if came:
                        yield await self._record(tenant_id, came, keep)
                    if not waiting:
                        return
            rest = [(each, CallAnswer(timeout=True)) for each in waiting.values()]
            yield await self._record(tenant_id, rest, keep)
        except BusAway as away:
            yield await self._record(
                tenant_id,
                [(each, CallAnswer(error_code=away.code, description=away.detail)) for each in waiting.values()],
                keep,
                away=away,
            )

    def _words(self, entered: Sequence[Entered], *, urgent: bool) -> Iterator[tuple[str, bytes, list[str]]]:
        """The words of the bus: to whom, what, and which calls are in it."""
        of_gateway: dict[str, list[Entered]] = {}
        for each in entered:
            of_gateway.setdefault(str(each.holder.gateway_id), []).append(each)
        for gateway_id, theirs in of_gateway.items():
            for part in _parts(theirs):
                calls = tuple(
                    CallRequest(
                        identity=each.identity, epoch=each.holder.epoch, action=each.action,
                        payload=each.payload.decode(), deadline_s=self._deadline_s, command_id=each.command_id,
                        sent_at=each.entered_at, urgent=urgent,
                    )
                    for each in part
                )  # fmt: skip
                subject = CALLS_SUBJECT.format(gateway_id=gateway_id)
                yield subject, msgspec.json.encode(CallsRequest(calls=calls)), [each.command_id for each in part]

    async def _record(
        self,
        tenant_id: int,
        came: Sequence[tuple[Entered, CallAnswer]],
        keep: Keep | None,
        *,
        away: BusAway | None = None,
    ) -> list[Told]:
        """Record what came. That a bus is `away` is an error of ours, and no answer of the station."""
        told, rows = list[Told](), list[Outcome]()
        for each, answer in came:
            outcome, result = ("unsent" if away.unsent else "unknown", away) if away else _meant(each, answer)
            told.append(_told(each, result))
            kept = kept_answer(each.action, answer)
            rows.append(Outcome(command_id=each.command_id, outcome=outcome, answer=kept))
        try:
            async with self._pool.tenant(tenant_id) as conn:
                await store.finish_commands(conn, tenant_id, rows, self.clock.now())
                if keep is not None:
                    await keep(conn, told)
        except (psycopg.Error, ForecourtError, OSError):
            return [_told(each, OutcomeUnrecorded(command_id=each.command_id)) for each, _ in came]
        return told


def _told(each: Entered, answer: CommandAnswer | ForecourtError) -> Told:
    return Told(identity=each.identity, command=each.command, command_id=each.command_id, answer=answer)


def _lowered(identity: str, command: Command, holder: Holder | None, entered_at: datetime, *, spare: bool) -> Entered:
    """A command as the station's version spells it. Raises what keeps it from being sent."""
    if holder is None:
        raise StationUnknown
    if holder.gateway_id is None or holder.version is None:
        raise StationOffline
    try:
        action, payload = protocol(holder.version).lower(command)
    except CallFault as fault:
        raise CallInvalid(fault.description, error_code=fault.code, **fault.details) from None
    if holder.registration != "accepted" and action in ACCEPTED_ONLY:
        raise StationNotAccepted(registration=holder.registration)
    if spare and action in holder.lacking:
        raise StationLacks(action=action)
    return Entered(
        identity=identity, command=command, command_id=str(uuid4()), holder=holder, action=action, payload=payload,
        entered_at=entered_at,
    )  # fmt: skip


def _parts(entered: Sequence[Entered]) -> Iterator[list[Entered]]:
    """So many at a time as one word holds."""
    part, size = list[Entered](), 0
    for each in entered:
        if part and (len(part) == CALLS_IN_A_WORD or size + len(each.payload) > BYTES_IN_A_WORD):
            yield part
            part, size = [], 0
        part.append(each)
        size += len(each.payload)
    if part:
        yield part


def _came(
    waiting: dict[str, Entered], of_word: Sequence[str], data: bytes | None
) -> Iterator[tuple[Entered, CallAnswer]]:
    """The answers in a reply to a word, of calls that still wait. None: no gateway heard it."""
    if data is None:
        answers = [(command_id, CallAnswer(offline=True)) for command_id in of_word]
    else:
        answers = list(msgspec.json.decode(data, type=CallsAnswer).answers)
    for command_id, answer in answers:
        each = waiting.pop(command_id, None)
        if each is not None:
            yield each, answer


def _meant(each: Entered, answer: CallAnswer) -> tuple[str, CommandAnswer | ForecourtError]:
    """How an answer is recorded, and what it means."""
    failure = next(((error, outcome) for flag, error, outcome in FAILURES if getattr(answer, flag)), None)
    if failure is not None:
        return failure[1], failure[0](command_id=each.command_id)
    if answer.error_code is not None:
        return "error", CommandAnswer(accepted=False, status=answer.error_code)
    version = each.holder.version
    assert version is not None
    return "answered", lifted(version, each.command, answer.payload.encode(), each.command_id)


def lifted(version: Version, command: Command, payload: bytes, command_id: str) -> CommandAnswer | StationAnswerInvalid:
    """What a station's result means, or that it can't be understood."""
    try:
        return protocol(version).lift_result(command, payload or b"{}")
    except CallFault as fault:
        return StationAnswerInvalid(command_id=command_id, error_code=fault.code)
