"""One socket of one station: frames in, one call in work at a time, answers out, and the calls to the station.

What a station says is worked on in `turn`, with what others say at the same time. A socket that closes drops its
answers, never its writes.
"""

from collections import deque
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

import msgspec

from forecourt.ocpp import frames, neutral
from forecourt.ocpp.faults import CallFault, FrameFault
from forecourt.ocpp.protocol import Protocol as Dialect
from forecourt.platform import packrow
from forecourt.platform.clock import Clock
from forecourt.platform.commit import GroupCommit, Outcome, Write
from forecourt.stations.gateway import answers, journal
from forecourt.stations.gateway.card_numbers import without_cards
from forecourt.stations.gateway.inbound import Inbound
from forecourt.stations.gateway.lanes import LINKS, PASSWORDS, SIGHTINGS, UNLINKS
from forecourt.stations.gateway.outbound import Ask, CallLine, LineClosed, Reply, frame_of
from forecourt.stations.gateway.reports import StationReports
from forecourt.stations.gateway.station import Station

#: Frames that wait behind the one in work; past this the socket is not read until half are done.
MAX_QUEUED = 64
MAX_QUEUED_BYTES = 1 << 20
#: Answers to no call of ours that are written into the log, of one connection.
MAX_STRAYS = 100
#: Characters of an action's name that the log keeps; those of the protocol are shorter.
MAX_ACTION = 64
#: What a station may send before it is accepted (2.0.1 B02.FR.09): its boot, and what it was asked for.
_ALWAYS = frozenset(("BootNotification", "NotifyReport"))
#: Trigger names of 2.x and 1.6 that differ from the action they ask for.
_TRIGGERED = {
    "SignChargePointCertificate": "SignCertificate",
    "SignChargingStationCertificate": "SignCertificate",
    "SignV2GCertificate": "SignCertificate",
    "SignV2G20Certificate": "SignCertificate",
    "SignCombinedCertificate": "SignCertificate",
    "TransactionEvent": "TransactionEvent",
}

#: Calls whose answer decides something: it can't be made up when the decision was never stored.
_DECIDED = frozenset(("Authorize", "BootNotification", "StartTransaction"))

_encode = msgspec.json.Encoder().encode


class Socket(Protocol):
    """What a transport offers of an accepted WebSocket."""

    def send(self, data: bytes) -> None:
        """Send one text message; never waits, never raises on a socket that is gone."""

    def close(self, code: int, reason: str) -> None:
        """Say goodbye and close."""

    def pause(self) -> None:
        """Stop reading."""

    def resume(self) -> None:
        """Read again."""


class Desk(Protocol):
    """What a connection needs of the gateway it belongs to."""

    gateway_id: str
    clock: Clock
    commit: GroupCommit
    reports: StationReports
    draining: bool
    connections: "set[Connection]"

    def evict_elsewhere(self, gateway_id: str, station: Station, epoch: int) -> None:
        """Tell the gateway that held a station before that its socket is stale."""

    def passwords_changed(self, write: Write, outcome: Outcome) -> None:
        """A write settled which password a station has: every gateway shall read it."""

    def take(self, connection: "Connection", raw: bytes) -> None:
        """Work on a frame; the connection is told when that is `done`."""

    def count_fault(self, code: str) -> None:
        """Count a message refused."""


class Connection:
    """Owns the order of one socket. `epoch` is 0 until PostgreSQL has given it one."""

    __slots__ = (
        "_asks",
        "_gateway",
        "_paused",
        "_queue",
        "_queued",
        "_socket",
        "_strays",
        "_triggered",
        "_working",
        "closed",
        "dialect",
        "epoch",
        "last_seen",
        "station",
        "working_since",
    )

    def __init__(self, gateway: Desk, station: Station, dialect: Dialect, socket: Socket) -> None:
        self._gateway = gateway
        self._socket = socket
        self._queue: deque[bytes] | None = None
        self._asks: CallLine | None = None
        self._triggered: set[str] | None = None
        self._queued = 0
        self._strays = 0
        self._paused = False
        self._working = True
        #: Linking is work too: a socket whose link never comes is given up like any that waits too long.
        self.working_since = gateway.clock.monotonic()
        self.station = station
        self.dialect = dialect
        self.epoch = 0
        self.closed = False
        self.last_seen: datetime | None = None

    # -- coming and going

    def link(self, remote_address: str, proves: UUID | None) -> None:
        """Enter the directory. Nothing that the station says is worked on before its epoch is known.

        `proves` is the command whose password the station just used: it has that one, and no other, from now on.
        """
        gateway, station = self._gateway, self.station
        write = Write(key=station.station_id)
        write.add(
            LINKS.name,
            packrow.row(
                packrow.int8(write.number),
                packrow.int8(station.station_id),
                packrow.int4(station.tenant_id),
                packrow.text(gateway.gateway_id),
                packrow.text(self.dialect.version),
                packrow.text(remote_address),
                packrow.timestamp(gateway.clock.now()),
            ),
        )
        write.done = self._linked
        if proves is not None:
            answers.settle_password(write, proves, taken=True)
        gateway.commit.submit(write)

    def _linked(self, write: Write, outcome: Outcome) -> None:
        if outcome is not Outcome.STORED:
            self.close(1011, "try again")
            return
        if any(lane == PASSWORDS.name for lane, _ in write.rows):
            self._gateway.passwords_changed(write, outcome)
        epoch, previous, connectors = write.answers[LINKS.name]
        self.epoch = epoch
        if self.closed:
            self._unlink()
            return
        if previous is not None and previous != self._gateway.gateway_id:
            self._gateway.evict_elsewhere(previous, self.station, epoch)
        self._gateway.reports.linked(self.station, connectors)
        self.done()

    def close(self, code: int, reason: str) -> None:
        """Close from our side; what is in work is still stored, its answer is not sent."""
        if not self.closed:
            self._socket.close(code, reason)
            self.lost()

    def supersede(self) -> None:
        """Close because the station is connected elsewhere: it is not offline, so nobody is told that it is."""
        if not self.closed:
            if self.station.connection is self:
                self.station.connection = None
            self.close(1000, "replaced by a newer connection")

    def lost(self) -> None:
        """The socket is gone, from whichever side. Safe to call twice."""
        if self.closed:
            return
        self.closed = True
        self._queue = None
        if self._asks is not None:
            self._asks.close()
            # They hold each other: a cycle that only the collector would free.
            self._asks = None
        station = self.station
        if station.connection is self:
            station.connection = None
            self._gateway.reports.show(station)
        self._gateway.connections.discard(self)
        if self.epoch:
            self._unlink()

    def _unlink(self) -> None:
        write = Write()
        self._stamp(write, UNLINKS.name)
        self._gateway.commit.submit(write)

    def sight(self) -> None:
        """Write when the station was last heard, if it was since the last time this was asked."""
        if self.last_seen is not None and self.epoch:
            write = Write()
            self._stamp(write, SIGHTINGS.name, self.last_seen)
            self.last_seen = None
            self._gateway.commit.submit_patiently(write)

    def _stamp(self, write: Write, lane: str, at: datetime | None = None) -> None:
        at = self._gateway.clock.now() if at is None else at
        write.add(
            lane, packrow.row(packrow.int8(self.station.station_id), packrow.int8(self.epoch), packrow.timestamp(at))
        )

    # -- what the station says

    @property
    def working(self) -> bool:
        """A call is in work and its answer still due."""
        return self._working

    def received(self, raw: bytes) -> None:
        """One whole text message from the socket."""
        if self.closed or self._gateway.draining:
            return
        if raw[:2] in (b"[3", b"[4"):
            # An answer must not wait behind a call of the station that waits for its commit.
            self.read(raw)
        elif self._working:
            self._enqueue(raw)
        else:
            self._working = True
            self._take(raw)

    def _take(self, raw: bytes) -> None:
        # From now on, or whoever looks between here and the commit would take it to have waited since the last one.
        self.working_since = self._gateway.clock.monotonic()
        self._gateway.take(self, raw)

    def _enqueue(self, raw: bytes) -> None:
        if self._queue is None:
            self._queue = deque()
        self._queue.append(raw)
        self._queued += len(raw)
        if (len(self._queue) >= MAX_QUEUED or self._queued >= MAX_QUEUED_BYTES) and not self._paused:
            self._paused = True
            self._socket.pause()

    def done(self) -> None:
        """What was in work is answered: take up what waits behind it."""
        queue = self._queue
        if not queue or self.closed or self._gateway.draining:
            self._working = False
            return
        raw = queue.popleft()
        self._queued -= len(raw)
        self._take(raw)
        if self._paused and len(queue) <= MAX_QUEUED // 2 and self._queued <= MAX_QUEUED_BYTES // 2:
            self._paused = False
            self._socket.resume()

    def read(self, raw: bytes) -> frames.Call | frames.Send | None:
        """The call in a frame. Anything else is dealt with at once and gives None."""
        try:
            frame = frames.parse(raw, self.dialect.version)
        except FrameFault as fault:
            self._broken(raw, fault)
            return None
        frame = without_cards(frame, raw)
        if isinstance(frame, frames.Call | frames.Send):
            return frame
        if isinstance(frame, frames.CallResult):
            self._answered(frame.id, Reply(payload=bytes(frame.payload)), 3)
        elif isinstance(frame, frames.CallError):
            reply = Reply(payload=bytes(frame.details), error_code=frame.code, description=frame.description or "")
            self._answered(frame.id, reply, 4)
        else:
            details = _encode({"code": frame.code, "description": frame.description})
            self.log(5, frame.id, None, details, inbound=True)
        return None

    def _broken(self, raw: bytes, fault: FrameFault) -> None:
        """A frame that is no message: answered where the protocol allows it, kept in the log in any case."""
        text = journal.safe(raw)[: journal.MAX_PAYLOAD].decode(errors="replace").replace("\0", "\ufffd")
        kept = _encode({"unreadable": text})
        self.log(0, fault.id or frames.NO_ID, None, kept, inbound=True, deviations=(str(fault),))
        answer = frames.refusal(fault, self.dialect.version)
        if answer is not None:
            self._socket.send(answer)
        elif fault.id is not None and self._asks is not None:
            # An unreadable answer to a call of ours: whoever waits is told now, not at the deadline.
            ask, late = self._asks.answered(fault.id)
            if ask is not None and not late and not ask.future.done():
                ask.future.set_result(
                    Reply(payload=b"{}", error_code=fault.code, description=fault.description, unreadable=True)
                )
            self._asks.proceed()

    def admit(self, action: str) -> None:
        """Let an action pass. Raises CallFault for what a station may not say yet."""
        if self.station.registration == "accepted" or action in _ALWAYS:
            return
        if self.station.registration == "pending" and self._triggered is not None and action in self._triggered:
            return
        raise CallFault(
            "SecurityError", "This station is not accepted yet: only BootNotification is answered. Boot again later."
        )

    def send(self, data: bytes) -> None:
        """Send one frame, if the socket is still there."""
        if not self.closed:
            self._socket.send(data)

    def refuse(self, call: frames.Call | frames.Send, fault: CallFault, *, answer: bool) -> None:
        """Answer a call that can't be served with a CALLERROR; a SEND is kept in the log only."""
        self._gateway.count_fault(fault.code)
        action = call.action[:MAX_ACTION].replace("\0", "\ufffd")
        why = (f"{fault.code}: {fault.description}",)
        self.log(2, call.id, action, bytes(call.payload), inbound=True, deviations=why)
        if answer:
            self.send(frames.error(call.id, fault.code, fault.description, _encode(fault.details)))
            told = _encode({"code": fault.code, "description": fault.description})
            self.log(4, call.id, action, told, inbound=False)

    def answer_quarantined(self, call: frames.Call | frames.Send, request: Any) -> None:
        """Answer a call that could not be stored. It is kept whole in quarantine, so the station must not send it for
        ever; but what asks for a decision gets none."""
        if call.action in _DECIDED:
            why = "The message could not be stored; it is kept for review."
            self.send(frames.error(call.id, "InternalError", why))
            return
        acknowledged = neutral.Acknowledged(now=self._gateway.clock.now())
        self.send(frames.result(call.id, self.dialect.answer(call.action, request, acknowledged)))

    # -- what the station is asked

    async def ask(
        self, action: str, payload: bytes, deadline_s: float, command_id: str | None = None, *, urgent: bool = False
    ) -> Reply:
        """Call the station and wait. Raises TimeoutError, LineFull, LineBlocked, LineClosed, AnswerLost."""
        if self.closed:
            raise LineClosed
        if self._asks is None:
            self._asks = CallLine(self._transmit)
        return await self._asks.ask(action, payload, deadline_s, command_id, urgent=urgent).future

    def _transmit(self, ask: Ask) -> None:
        if "Trigger" in ask.action:
            self._expect(ask.payload)
        self._socket.send(frame_of(ask))
        self.log(2, ask.message_id, ask.action, ask.payload, inbound=False)

    def _expect(self, trigger: bytes) -> None:
        """A pending station may send what it was triggered to send."""
        name = msgspec.json.decode(trigger).get("requestedMessage", "")
        if self._triggered is None:
            self._triggered = set()
        self._triggered.add(_TRIGGERED.get(name, name))

    def _answered(self, message_id: str, reply: Reply, kind: int) -> None:
        ask, late = self._asks.answered(message_id) if self._asks is not None else (None, False)
        action = ask.action if ask is not None else None
        if ask is not None:
            reply = journal.without_password(ask, reply)
        kept = reply.payload
        if reply.error_code is not None:
            kept = _encode({"code": reply.error_code, "description": reply.description})
        note = () if ask is not None and not late else ("late" if late else "answers no call",)
        if ask is None and not self._may_stray():
            return
        self.log(kind, message_id, action, kept, inbound=True, deviations=note)
        if ask is None or self._asks is None:
            return
        self._learn(ask, reply)
        if late:
            self._keep_late(ask, kept, reply)
        elif not ask.future.done():
            ask.future.set_result(reply)
        self._asks.proceed()

    def _may_stray(self) -> bool:
        """Whether an answer that nobody waits for is still written down: a station could fill everybody's log."""
        self._strays += 1
        return self._strays <= MAX_STRAYS

    def _learn(self, ask: Ask, reply: Reply) -> None:
        inbound = Inbound(self.station, self._gateway.clock.now(), Write())
        self._gateway.reports.answered(inbound, self.epoch, ask, reply)
        if inbound.write.rows:
            self._gateway.commit.submit(inbound.write)

    def _keep_late(self, ask: Ask, kept: bytes, reply: Reply) -> None:
        if ask.command_id is None:
            return
        write = Write()
        if answers.keep_late(write, UUID(ask.command_id), ask, kept, reply, self._gateway.clock.now()):
            write.done = self._gateway.passwords_changed
        # It can't be had again, so it is not for the log's way, which drops when the database is away for long.
        self._gateway.commit.submit(write)

    def log(
        self, kind: int, message_id: str, action: str | None, payload: bytes, *, inbound: bool, deviations: Any = ()
    ) -> None:
        write = Write()
        at = self._gateway.clock.now()
        journal.enter(
            write, self.station, at, inbound=inbound, kind=kind, message_id=message_id, action=action, payload=payload,
            deviations=deviations,
        )  # fmt: skip
        self._gateway.commit.submit_patiently(write)
