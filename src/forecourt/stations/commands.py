"""Asking a station: the directory says which gateway holds it, the bus carries the call there and the answer back.

Every call is recorded before it is sent and its outcome after; one that gets no answer in time has an unknown outcome,
which is recorded when the answer comes late.

A password that a call gives to a station is let in from before the call is sent, because the station may use it before
we learn that it took it. Which one holds is settled by the answer, by a connection with the new one, or by hand.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any, Final

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
from forecourt.stations.errors import StationRetired
from forecourt.stations.gateway import journal
from forecourt.stations.gateway.words import CALL_SUBJECT, REFRESH_SUBJECT, CallAnswer, CallRequest
from forecourt.stations.model import (
    MAX_PASSWORD_LENGTH,
    password_allowed,
    password_hash,
    password_taken,
    passwords_set_by,
)

log = structlog.get_logger(__name__)

#: How long a station has to answer.
CALL_DEADLINE_S = 30.0
#: The bus is given a little longer, so that the gateway's own word about the deadline arrives.
BUS_GRACE_S = 2.0
#: How long a change of the roster waits for every gateway to have read it.
REFRESH_DEADLINE_S = 2.0
#: Passwords of one station that may be open: given by calls of which nobody knows whether the station obeyed.
MAX_OPEN_PASSWORDS = 4


class StationUnknown(ForecourtError):
    """There is no such station. Check the identity; it is compared with case."""

    status = 404
    code = "station-unknown"
    unsent = True


class StationOffline(ForecourtError):
    """The station is not connected. It can be called when it is back; nothing was sent."""

    status = 409
    code = "station-offline"
    unsent = True


class StationTimeout(ForecourtError):
    """The station did not answer in time. Whether it obeyed is unknown; a late answer is recorded with the command."""

    status = 504
    code = "station-timeout"


class StationLost(ForecourtError):
    """The station's connection closed before it answered. Whether it obeyed is unknown: look before you try again."""

    status = 504
    code = "station-lost"


class OutcomeUnrecorded(ForecourtError):
    """The call was sent, but what came of it was not stored. It may have been obeyed: look before you try again."""

    status = 504
    code = "outcome-unrecorded"


class StationAnswerInvalid(ForecourtError):
    """The station answered in a way that can't be understood. It may have obeyed: look before you try again."""

    status = 502
    code = "station-answer-invalid"


class StationNotAnswering(ForecourtError):
    """The station did not answer the calls before this one in time, so this one was not sent. Look into its message log
    for what it last said, and try again when it answers."""

    status = 503
    code = "station-not-answering"
    unsent = True


class StationNotAccepted(ForecourtError):
    """The station is not accepted, and must not be asked to start or stop charging until it is. Set its registration to
    `accepted` and wait until it has booted again."""

    status = 409
    code = "station-not-accepted"
    unsent = True


class CallOverdue(ForecourtError):
    """The call reached the station's gateway after its deadline, so it was not sent. Try again; if it happens again,
    compare the clocks of the hosts."""

    status = 503
    code = "call-overdue"
    unsent = True


class StationBusy(ForecourtError):
    """Too many calls wait for this station already; this one was not sent. Try again when it has answered some."""

    status = 503
    code = "station-busy"
    unsent = True


class PasswordOpen(ForecourtError):
    """A change of this station's password is under way, or several have an unknown outcome; this one was not sent. Wait
    for the answer, or settle it by giving the registry the password that the station has."""

    status = 409
    code = "password-open"


class CallInvalid(ForecourtError):
    """The payload does not fit the message's schema in the station's version. Correct what is named."""

    status = 422
    code = "call-invalid"
    unsent = True


#: What may go wrong with any call, as routes list it.
COMMAND_PROBLEMS: Final[list[type[ForecourtError]]] = [
    StationUnknown,
    StationRetired,
    StationOffline,
    StationTimeout,
    StationLost,
    OutcomeUnrecorded,
    StationAnswerInvalid,
    StationBusy,
    StationNotAnswering,
    StationNotAccepted,
    CallOverdue,
    CallInvalid,
]

#: What a station that is not accepted must not be asked (OCPP 1.6 4.2, 2.0.1 B02.FR.05). All else may be, so that it
#: can be configured.
_ACCEPTED_ONLY: Final = frozenset(
    ("RemoteStartTransaction", "RemoteStopTransaction", "RequestStartTransaction", "RequestStopTransaction")
)
#: What came of a call that brought no answer, by the flag of CallAnswer: its error, and how it is recorded.
_FAILURES: Final[tuple[tuple[str, type[ForecourtError], str], ...]] = (
    ("offline", StationOffline, "offline"),
    ("busy", StationBusy, "unsent"),
    ("blocked", StationNotAnswering, "unsent"),
    ("overdue", CallOverdue, "unsent"),
    ("timeout", StationTimeout, "timeout"),
    ("lost", StationLost, "unknown"),
    ("unreadable", StationAnswerInvalid, "unknown"),
)


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
        failure = next(((error, outcome) for flag, error, outcome in _FAILURES if getattr(answer, flag)), None)
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
        if holder.registration != "accepted" and action in _ACCEPTED_ONLY:
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
        kept: str | None = None
        if answer.error_code is not None:
            kept = msgspec.json.encode({"code": answer.error_code, "description": answer.description}).decode()
        elif answer.payload:
            kept = journal.redact(action, answer.payload.encode()).decode()
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
