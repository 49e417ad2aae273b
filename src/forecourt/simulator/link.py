"""One station's line to the CSMS: dialling, one CALL at a time, and a queue that survives outages.

What bills (transaction messages) is kept in order until answered, and sent again with a new message id when it was not
(OCPP 1.6 §3.7.1, 2.0.1 E04/E13). Statuses wait for the line; chatter is dropped while there is none.
"""

import asyncio
from random import Random
from typing import Any

import msgspec
from picows import WSError

from forecourt.simulator import wire
from forecourt.simulator.connection import Address, Connection, dial
from forecourt.simulator.faults import NO_CHANCES, Chances, Counts, Cut, hit
from forecourt.simulator.said import Kind, Role, Said
from forecourt.simulator.wire import Payload, Refused

#: The most a station stores; beyond it the oldest meter value is given up.
QUEUE_LIMIT = 20_000
#: Failed connections that are counted; the pause has long reached its most by then.
MOST_FAILURES = 16
#: After so many silent CALLs in a row the station takes the line for dead.
TIMEOUTS_BEFORE_REDIAL = 2


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """Real seconds and counts that rule a line."""

    answer_deadline_s: float = 30.0
    backoff_first_s: float = 1.0
    backoff_most_s: float = 60.0
    #: CALLERRORs that a billing message survives, and the pause before the next try, times the tries so far.
    attempts: int = 3
    retry_interval_s: float = 5.0


class Owner:
    """Who a line belongs to; the station overrides what it cares for."""

    def on_up(self) -> None: ...

    def on_down(self) -> None: ...

    def on_call(self, action: str, payload: Payload) -> Payload:
        raise Refused("NotImplemented")

    def on_acked(self, said: Said, answer: Payload, duplicate: bool) -> None: ...


class Link:
    """A line. Not thread-safe; all of it runs on the loop that `start` was called on."""

    def __init__(
        self,
        address: Address,
        owner: Owner,
        rng: Random,
        *,
        terms: Terms | None = None,
        chances: Chances = NO_CHANCES,
        counts: Counts | None = None,
    ) -> None:
        self.address = address
        self.terms = terms or Terms()
        self.chances = chances
        self.counts = counts if counts is not None else Counts()
        self.queue: list[Said] = []
        #: Nothing but BootNotification is sent until the station has been accepted.
        self.gate_open = False
        #: Cut the connection when this many more CALLs were sent; None: never.
        self.cut_in: int | None = None
        self.cut_kind = Cut.ABORT
        self._owner = owner
        self._rng = rng
        self._wanted = False
        self._wire: Connection | None = None
        self._dialling: asyncio.Task[None] | None = None
        self._outstanding: tuple[str, Said, bool] | None = None
        self._deadline: asyncio.TimerHandle | None = None
        self._pause: asyncio.TimerHandle | None = None
        self._duplicates: list[Said] = []
        self._holding = False
        self._silent = 0
        #: Connections in a row that brought no answer; the pause before the next one grows with them.
        self._failures = 0
        self._answered_here = False
        self._number = 0
        self._prefix = f"{rng.getrandbits(48):012x}"
        self._drained: list[asyncio.Future[None]] = []

    @property
    def online(self) -> bool:
        return self._wire is not None

    @property
    def wanted(self) -> bool:
        """Online, or dialling to be so."""
        return self._wanted

    def start(self) -> None:
        self._wanted = True
        if self._wire is None and self._dialling is None:
            self._dialling = asyncio.get_running_loop().create_task(self._dial())

    def stop(self, cut: Cut = Cut.CLOSE) -> None:
        """Goes offline and stays so until `start`."""
        self._wanted = False
        if self._dialling is not None:
            self._dialling.cancel()
            self._dialling = None
        if self._pause is not None:
            self._pause.cancel()
            self._pause = None
        self.cut(cut)

    def cut(self, cut: Cut = Cut.ABORT) -> None:
        """Ends the connection; a wanted line dials again."""
        if self._wire is not None:
            self._wire.end(cut)

    def cut_for_new_address(self) -> None:
        """Dials anew, as after a changed password."""
        self.cut(Cut.CLOSE)

    def say(self, said: Said, first: bool = False) -> None:
        """Sends, or queues as the kind demands; `first` puts it before everything that waits."""
        if not self.online and said.kind in (Kind.BOOT, Kind.CHATTER):
            if said.failed:
                said.failed("offline")
            return
        if len(self.queue) >= QUEUE_LIMIT:
            self._give_up_a_meter_value()
        if first:
            self.queue.insert(0, said)
        else:
            self.queue.append(said)
        self.pump()

    def open_gate(self) -> None:
        self.gate_open = True
        self.pump()

    def drop(self, session: str) -> None:
        """Forgets what waits to be said of a session."""
        kept = [said for said in self.queue if said.session != session]
        self.counts.dropped += len(self.queue) - len(kept)
        self.queue = kept

    @property
    def waiting(self) -> int:
        return len(self.queue) + len(self._duplicates) + (self._outstanding is not None)

    async def drained(self, to: int = 0) -> None:
        """Until no more than `to` things wait to be answered."""
        while self.waiting > to:
            future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._drained.append(future)
            await future

    def scramble(self, statuses_first: bool) -> None:
        """Replays in another order than things happened: by role, or at random within one session's kinds."""
        if statuses_first:
            self.queue.sort(key=lambda said: said.role)
        else:
            self._rng.shuffle(self.queue)
        self.counts.reordered_replays += 1

    def pump(self) -> None:
        """Sends the next thing that may be sent, if nothing is outstanding."""
        if self._wire is None or self._outstanding is not None or self._holding or self._pause is not None:
            return
        if self._duplicates and self.gate_open:
            self._send(self._duplicates.pop(0), duplicate=True)
            return
        for index, said in enumerate(self.queue):
            if (self.gate_open or said.kind is Kind.BOOT) and (said.ready is None or said.ready()):
                del self.queue[index]
                self._send(said)
                return

    def _send(self, said: Said, duplicate: bool = False) -> None:
        assert self._wire is not None
        self._number += 1
        said.message_id = message_id = f"{self._prefix}-{self._number}"
        said.sent = said.payload() if callable(said.payload) else said.payload
        if self.cut_in is not None and said.kind >= Kind.STATUS:
            self.cut_in -= 1
        due = self.cut_in is not None and self.cut_in <= 0
        # Half of the cuts come after the message has left: it may be stored, and its answer is lost.
        leaves = not due or self._rng.random() < 0.5
        self._outstanding = (message_id, said, duplicate)
        if leaves:
            self.counts.calls_sent += 1
            self._wire.send([wire.CALL, message_id, said.action, said.sent])
        if due:
            self.cut_in = None
            self.counts.cuts += 1
            asyncio.get_running_loop().call_soon(self.cut, self.cut_kind)
            return
        self._deadline = asyncio.get_running_loop().call_later(
            self.terms.answer_deadline_s, self._unanswered, message_id
        )

    def _settle(self, message_id: str) -> tuple[Said, bool] | None:
        if self._outstanding is None or self._outstanding[0] != message_id:
            return None
        _, said, duplicate = self._outstanding
        self._outstanding = None
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
        return said, duplicate

    def _answered(self, message_id: str, answer: Payload) -> None:
        settled = self._settle(message_id)
        if settled is None:
            return
        said, duplicate = settled
        self._silent = self._failures = 0
        self._answered_here = True
        self.counts.calls_answered += 1
        if duplicate and said.answer is not None and said.answer.get("transactionId") != answer.get("transactionId"):
            self.counts.duplicates_answered_differently += 1
        said.answer = answer
        if not duplicate and said.kind is Kind.BILLING and hit(self._rng, self.chances.duplicate):
            self.counts.duplicates += 1
            self._duplicates.append(said.again())
        if said.then is not None and not duplicate:
            said.then(answer)
        self._owner.on_acked(said, answer, duplicate)
        self._next()

    def _errored(self, message_id: str, code: str) -> None:
        settled = self._settle(message_id)
        if settled is None:
            return
        said, duplicate = settled
        self._silent = 0
        self.counts.call_errors += 1
        self.counts.last_refusal = f"{said.action}: {code}"
        said.attempts += 1
        if said.kind is Kind.BILLING and not duplicate and said.attempts < self.terms.attempts:
            self.queue.insert(0, said)
            pause_s = self.terms.retry_interval_s * said.attempts
            self._pause = asyncio.get_running_loop().call_later(pause_s, self._resume)
            return
        if said.kind is Kind.BILLING and not duplicate:
            self.counts.dropped += 1
        if said.failed and not duplicate:
            said.failed(code)
        self._next()

    def _resume(self) -> None:
        self._pause = None
        self.pump()

    def _unanswered(self, message_id: str) -> None:
        self.counts.timeouts += 1
        self._silent += 1
        self._put_back()
        if self._silent >= TIMEOUTS_BEFORE_REDIAL:
            self._silent = 0
            self.cut(Cut.ABORT)
        self._next()

    def _put_back(self) -> None:
        """What got no answer goes to the head of the queue, or is dropped if it was chatter."""
        if self._outstanding is None:
            return
        settled = self._settle(self._outstanding[0])
        assert settled is not None
        said, duplicate = settled
        if duplicate:
            self._duplicates.insert(0, said)
        elif said.kind in (Kind.BOOT, Kind.CHATTER):
            if said.failed:
                said.failed("unanswered")
        else:
            self.counts.resent += 1
            self.queue.insert(0, said)

    def _next(self) -> None:
        self.pump()
        if self._drained:
            waiters, self._drained = self._drained, []
            for future in waiters:
                if not future.done():
                    future.set_result(None)

    def _give_up_a_meter_value(self) -> None:
        for index, said in enumerate(self.queue):
            if said.role is Role.METER or said.kind is Kind.STATUS:
                del self.queue[index]
                self.counts.dropped += 1
                return

    def frame(self, raw: bytes) -> None:
        """One text frame from the CSMS."""
        frame = wire.decode(raw)
        if frame is None:
            return
        if frame[0] == wire.CALL and len(frame) == 4:
            self._called(frame[1], str(frame[2]), frame[3])
        elif frame[0] == wire.RESULT:
            self._answered(frame[1], frame[2])
        elif frame[0] == wire.ERROR:
            self._errored(frame[1], str(frame[2]))

    def _called(self, message_id: str, action: str, payload: Payload) -> None:
        self.counts.calls_received += 1
        self._holding = True
        reply: list[Any]
        try:
            reply = [wire.RESULT, message_id, self._owner.on_call(action, payload)]
        except Refused as refused:
            self.counts.calls_refused += 1
            reply = [wire.ERROR, message_id, refused.code, refused.description, {}]
        except (KeyError, TypeError, ValueError) as fault:
            self.counts.calls_refused += 1
            reply = [wire.ERROR, message_id, "GenericError", f"{type(fault).__name__}: {fault}"[:255], {}]
        finally:
            self._holding = False
        if self._wire is not None:
            self._wire.send(reply)
        self.pump()

    def up(self, connection: Connection) -> None:
        if self._wire is not None or not self._wanted:
            connection.end(Cut.ABORT)
            return
        self._wire = connection
        self._answered_here = False
        self.counts.connects += 1
        self._holding = True
        self._owner.on_up()
        if len(self.queue) > 1 and hit(self._rng, self.chances.reorder):
            self.scramble(statuses_first=self._rng.random() < 0.5)
        self._holding = False
        self.pump()

    def down(self, connection: Connection) -> None:
        """The connection is gone (or left half-open): keep what was under way, and dial again if wanted."""
        if self._wire is not connection:
            return
        self._wire = None
        if not self._answered_here:
            self._failures = min(self._failures + 1, MOST_FAILURES)
        self._put_back()
        for said in [s for s in self.queue if s.kind in (Kind.BOOT, Kind.CHATTER)]:
            self.queue.remove(said)
            if said.failed:
                said.failed("offline")
        self._owner.on_down()
        if self._wanted and self._dialling is None:
            self._dialling = asyncio.get_running_loop().create_task(self._dial())

    async def _dial(self) -> None:
        try:
            while self._wanted and self._wire is None:
                if self._failures:
                    longest_s = min(self.terms.backoff_most_s, self.terms.backoff_first_s * 2 ** (self._failures - 1))
                    await asyncio.sleep(longest_s * self._rng.uniform(0.5, 1.0))
                try:
                    await dial(self.address, self)
                except (OSError, TimeoutError, WSError) as fault:
                    self._failures = min(self._failures + 1, MOST_FAILURES)
                    self.counts.connects_refused += 1
                    self.counts.last_refusal = f"connect: {fault}"[:200]
        finally:
            if self._dialling is asyncio.current_task():
                self._dialling = None
