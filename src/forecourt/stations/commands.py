"""Asking a station: the directory says which gateway holds it, the bus carries the call there and the answer back.

Every call is recorded before it is sent and its outcome after; one that gets no answer in time has an unknown outcome,
which is recorded when the answer comes late.

A password that a call gives to a station is let in from before the call is sent, because the station may use it before
we learn that it took it. Which one holds is settled by the answer, by a connection with the new one, or by hand.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager
from datetime import timedelta
from typing import Any

import msgspec
import psycopg
import structlog
from msgspec import Struct

from forecourt.ocpp.faults import CallFault
from forecourt.ocpp.neutral import Command, CommandAnswer, Version
from forecourt.ocpp.protocol import protocol
from forecourt.platform.bus import Bus, BusAway, BusTimeout, NoResponders
from forecourt.platform.clock import Clock
from forecourt.platform.database import Pool
from forecourt.platform.errors import ForecourtError
from forecourt.stations import store
from forecourt.stations.audited import Audited
from forecourt.stations.batch import BUS_GRACE_S, CALL_DEADLINE_S, Batch, kept_answer
from forecourt.stations.call_faults import (
    ACCEPTED_ONLY,
    COMMAND_PROBLEMS,
    FAILURES,
    CallInvalid,
    CallOverdue,
    OutcomeUnrecorded,
    PasswordOpen,
    StationAnswerInvalid,
    StationBusy,
    StationLost,
    StationNotAccepted,
    StationNotAnswering,
    StationOffline,
    StationTimeout,
    StationUnknown,
)
from forecourt.stations.gateway import journal
from forecourt.stations.gateway.words import CALL_SUBJECT, REFRESH_SUBJECT, CallAnswer, CallRequest
from forecourt.stations.model import (
    MAX_PASSWORD_LENGTH,
    password_allowed,
    password_hash,
    password_taken,
    passwords_set_by,
)

__all__ = [
    "CALL_DEADLINE_S",
    "COMMAND_PROBLEMS",
    "MAX_OPEN_PASSWORDS",
    "Answered",
    "CallInvalid",
    "CallOverdue",
    "Commander",
    "OutcomeUnrecorded",
    "PasswordOpen",
    "Refused",
    "StationAnswerInvalid",
    "StationBusy",
    "StationLost",
    "StationNotAccepted",
    "StationNotAnswering",
    "StationOffline",
    "StationTimeout",
    "StationUnknown",
]

log = structlog.get_logger(__name__)

#: How long a change of the roster waits for every gateway to have read it.
REFRESH_DEADLINE_S = 2.0
#: Passwords of one station that may be open: given by calls of which nobody knows whether the station obeyed.
MAX_OPEN_PASSWORDS = 4


class Answered(Struct, frozen=True, kw_only=True):
    """The station's CALLRESULT."""

    command_id: str
    result: Any


class Refused(Struct, frozen=True, kw_only=True):
    """The station's CALLERROR."""

    command_id: str
    code: str
    description: str
    details: Any


class _Entered(Struct, frozen=True, kw_only=True):
    """A call that is recorded and not sent yet."""

    command_id: str
    holder: store.Holder
    request: CallRequest
    passwords: list[str]


class Commander:
    """Owns the way from a verb to a station and back."""

    def __init__(
        self, pool: Pool, bus: Bus, clock: Clock, deadline_s: float = CALL_DEADLINE_S, *, secret_key: bytes
    ) -> None:
        self._pool = pool
        self._bus = bus
        self._clock = clock
        self._deadline_s = deadline_s
        self._secret_key = secret_key
        #: The way to many stations at once.
        self.batch = Batch(pool, bus, clock, deadline_s)

    async def call(
        self, tenant_id: int, identity: str, action: str, payload: bytes, asked_by: str, *, strict: bool = True,
        audited: Audited | None = None,
    ) -> Answered | Refused:  # fmt: skip
        """Call a station with a payload of its version, checked against the schema.

        One that sets the station's password changes the registry as well (2.0.1 A01, and its like for 1.6). `audited`
        is what the audit tells of it, whatever comes of it.
        Raises StationUnknown, StationNotAccepted, StationOffline at once, CallInvalid, StationBusy, PasswordOpen,
        BusAway, StationLost, StationAnswerInvalid, StationTimeout or StationNotAnswering after CALL_DEADLINE_S.
        """
        async with self._telling(audited):
            holder = await self._find(tenant_id, identity)
            version = self._held(holder)
            if strict:
                try:
                    protocol(version).check_call(action, payload)
                except CallFault as fault:
                    raise CallInvalid(
                        f"{fault.description} ({fault.code}, {version})", error_code=fault.code, **fault.details
                    ) from None
            entered = await self._enter(tenant_id, identity, holder, action, payload, asked_by, audited)
        return await self._send(tenant_id, entered)

    async def command(
        self, tenant_id: int, identity: str, command: Command, asked_by: str, *, audited: Audited | None = None
    ) -> tuple[CommandAnswer, str]:
        """Ask in neutral words; the answer and the id of the record. Raises as `call`; CallInvalid is what the
        station's version can't express."""
        async with self._telling(audited):
            holder = await self._find(tenant_id, identity)
            dialect = protocol(self._held(holder))
            try:
                action, payload = dialect.lower(command)
            except CallFault as fault:
                raise CallInvalid(fault.description, error_code=fault.code, **fault.details) from None
            entered = await self._enter(tenant_id, identity, holder, action, payload, asked_by, audited)
        outcome = await self._send(tenant_id, entered)
        if isinstance(outcome, Refused):
            return CommandAnswer(accepted=False, status=outcome.code), outcome.command_id
        try:
            answer = dialect.lift_result(command, msgspec.json.encode(outcome.result))
        except CallFault as fault:
            raise StationAnswerInvalid(command_id=outcome.command_id, error_code=fault.code) from None
        return answer, outcome.command_id

    async def command_many(
        self, tenant_id: int, asked: Sequence[tuple[str, Command]], asked_by: str, *, urgent: bool = False
    ) -> AsyncGenerator[tuple[str, CommandAnswer | ForecourtError], None]:
        """Ask many stations in neutral words, each by its identity, at once: one record, one word to each gateway. What
        came of each follows as it comes, once it is recorded; it ends with the last one, or after CALL_DEADLINE_S.

        `urgent` calls go ahead of the others that wait for a station. Raises BusDown and DatabaseBusy, before anything
        was sent.
        """
        async with self._pool.tenant(tenant_id) as connection:
            entered, unsent = await self.batch.enter(connection, tenant_id, asked, asked_by)
        for each in unsent:
            yield each.identity, each.answer
        async with aclosing(self.batch.carry(tenant_id, entered, urgent=urgent)) as coming:
            async for told in coming:
                for each in told:
                    yield each.identity, each.answer

    async def refresh(self) -> None:
        """Tell every gateway that the roster changed and wait until those that live have read it, or the deadline."""
        async with self._pool.anyone() as connection:
            expected = await store.count_gateways(connection)
        if expected:
            await self._bus.request_all(REFRESH_SUBJECT, b"", expected, REFRESH_DEADLINE_S)

    @staticmethod
    def _held(holder: store.Holder) -> Version:
        if holder.gateway_id is None or holder.version is None:
            raise StationOffline
        return holder.version

    async def _find(self, tenant_id: int, identity: str) -> store.Holder:
        async with self._pool.tenant(tenant_id) as connection:
            holder = await store.find_holder(connection, tenant_id, identity)
        if holder is None:
            raise StationUnknown
        return holder

    @asynccontextmanager
    async def _telling(self, audited: Audited | None) -> AsyncIterator[None]:
        """Inside, a call is recorded: if it is refused before it is, the audit tells that it was not sent."""
        try:
            yield
        except ForecourtError as fault:
            if audited is not None:
                await audited.not_sent(self._pool, fault)
            raise

    async def _send(self, tenant_id: int, entered: _Entered) -> Answered | Refused:
        holder, request, passwords = entered.holder, entered.request, entered.passwords
        command_id, action = entered.command_id, request.action
        try:
            if passwords:
                await self.refresh()
                request = msgspec.structs.replace(request, sent_at=self._clock.now())
            answer = await self._carry(holder, request)
        except BusAway as away:
            answer = CallAnswer(error_code=away.code, description=away.detail)
            if not away.unsent:
                await self._record_sent(tenant_id, command_id, action, answer, None, "unknown")
            else:
                await self._record(tenant_id, command_id, action, answer, None, "unsent")
            raise
        taken = _taken(action, answer) if passwords else None
        failure = next(((error, outcome) for flag, error, outcome in FAILURES if getattr(answer, flag)), None)
        outcome = ("answered" if answer.error_code is None else "error") if failure is None else failure[1]
        await self._record_sent(tenant_id, command_id, action, answer, taken, outcome)
        if taken is not None:
            await self._tell_gateways()
        if failure is not None:
            raise failure[0](command_id=command_id)
        content = msgspec.json.decode(answer.payload or "{}")
        if answer.error_code is not None:
            return Refused(
                command_id=command_id, code=answer.error_code, description=answer.description, details=content
            )
        return Answered(command_id=command_id, result=content)

    async def _enter(
        self, tenant_id: int, identity: str, holder: store.Holder, action: str, payload: bytes, asked_by: str,
        audited: Audited | None,
    ) -> _Entered:  # fmt: skip
        """Record a call about to be sent, in the audit as well, and let in the password that it sets."""
        if holder.registration != "accepted" and action in ACCEPTED_ONLY:
            raise StationNotAccepted(registration=holder.registration)
        passwords = _passwords(action, payload)
        kept = journal.redact(action, payload).decode()
        now = self._clock.now()
        async with self._pool.tenant(tenant_id) as connection:
            command_id = await store.insert_command(
                connection, tenant_id, holder.station_id, action, kept, asked_by, now
            )
            for password in passwords:
                under_way_s = REFRESH_DEADLINE_S + self._deadline_s + BUS_GRACE_S
                if not await store.open_password(
                    connection,
                    tenant_id,
                    holder.station_id,
                    command_id,
                    password_hash(self._secret_key, password),
                    sent_since=now - timedelta(seconds=under_way_s),
                    most=MAX_OPEN_PASSWORDS,
                ):
                    raise PasswordOpen
            if audited is not None:
                await audited.entered(connection, command_id)
        request = CallRequest(
            identity=identity, epoch=holder.epoch, action=action, payload=payload.decode(),
            deadline_s=self._deadline_s, command_id=command_id, sent_at=self._clock.now(),
        )  # fmt: skip
        return _Entered(command_id=command_id, holder=holder, request=request, passwords=passwords)

    async def _tell_gateways(self) -> None:
        try:
            await self.refresh()
        except ForecourtError as fault:
            # What was stored stands; gateways that were not told read it at their next poll.
            log.warning("gateways could not be told of a password", code=fault.code)

    async def _carry(self, holder: store.Holder, request: CallRequest) -> CallAnswer:
        subject = CALL_SUBJECT.format(gateway_id=holder.gateway_id)
        try:
            data = await self._bus.request(subject, msgspec.json.encode(request), self._deadline_s + BUS_GRACE_S)
        except NoResponders:
            return CallAnswer(offline=True)
        except BusTimeout:
            return CallAnswer(timeout=True)
        return msgspec.json.decode(data, type=CallAnswer)

    async def _record_sent(
        self, tenant_id: int, command_id: str, action: str, answer: CallAnswer, taken: bool | None, outcome: str
    ) -> None:
        """As `_record`, for what the station may have obeyed: a fault of ours must not read as if nothing was done."""
        try:
            await self._record(tenant_id, command_id, action, answer, taken, outcome)
        except (psycopg.Error, ForecourtError, OSError) as fault:
            raise OutcomeUnrecorded(command_id=command_id) from fault

    async def _record(
        self, tenant_id: int, command_id: str, action: str, answer: CallAnswer, taken: bool | None, outcome: str
    ) -> None:
        kept = kept_answer(action, answer)
        async with self._pool.tenant(tenant_id) as connection:
            # A station's row is locked before a command's, as everywhere.
            if taken is not None:
                await store.settle_password(connection, command_id, taken=taken)
            await store.finish_command(connection, tenant_id, command_id, outcome, kept, self._clock.now())


def _passwords(action: str, payload: bytes) -> list[str]:
    """The password that a call sets, if it does. Raises CallInvalid."""
    passwords = passwords_set_by(action, payload)
    if len(passwords) > 1:
        raise CallInvalid("The call sets the station's password twice: which one it would have can't be told.")
    if not all(map(password_allowed, passwords)):
        raise CallInvalid(
            f"A station's password is 1 to {MAX_PASSWORD_LENGTH} printable ASCII characters. Nothing was sent."
        )
    return passwords


def _taken(action: str, answer: CallAnswer) -> bool | None:
    """Whether the station has the password it was sent; None where it may have it or not."""
    if answer.offline or answer.busy or answer.blocked or answer.overdue:
        return False
    if answer.timeout or answer.lost or answer.unreadable:
        return None
    return False if answer.error_code is not None else password_taken(action, answer.payload.encode())
