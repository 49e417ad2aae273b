"""Calls to a station: one in flight at a time, the rest in line, urgent ones first, each with a deadline (OCPP-J 1.6
4.1.1)."""

import asyncio
from collections import OrderedDict, deque
from collections.abc import Callable
from uuid import uuid4

from msgspec import Struct

from forecourt.ocpp import frames

#: Calls in line for one station, and urgent ones ahead of them; one more of its kind is refused at once.
MAX_IN_LINE = 32
#: Ids of calls given up that are remembered, so that a late answer finds its command.
MAX_LATE = 16
#: A call with less time than this left is not sent any more: its answer would come too late for whoever waits.
LEAST_TIME_S = 1.0


class Reply(Struct, frozen=True, kw_only=True):
    """What a station answered: a result's payload, or the code of a CALLERROR with what came with it. An answer that
    could not be read is an `unreadable` one, with the error that says why."""

    payload: bytes
    error_code: str | None = None
    description: str = ""
    unreadable: bool = False


class Ask:
    """One call: what is asked, until when, and who waits. `command_id` is None where nobody keeps record."""

    __slots__ = ("action", "alarm", "command_id", "due", "future", "message_id", "payload")

    def __init__(self, action: str, payload: bytes, command_id: str | None, due: float) -> None:
        self.action = action
        self.payload = payload
        self.command_id = command_id
        #: Loop time at which whoever waits gives up.
        self.due = due
        self.message_id = str(uuid4())
        self.future: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self.alarm: asyncio.TimerHandle | None = None


class LineFull(Exception):
    """Too many calls wait for this station: the call was not sent."""


class LineBlocked(Exception):
    """The calls before it were not answered for so long that the call was not sent."""


class LineClosed(Exception):
    """The station's socket closed before the call was sent."""


class AnswerLost(Exception):
    """The station's socket closed after the call was sent: whether the station obeyed is unknown."""


class CallLine:
    """Owns which call a station is being asked. Made only for stations that are asked something."""

    __slots__ = ("_flying", "_late", "_line", "_transmit", "_urgent")

    def __init__(self, transmit: Callable[[Ask], None]) -> None:
        self._transmit = transmit
        self._line: deque[Ask] = deque()
        self._urgent: deque[Ask] = deque()
        self._flying: Ask | None = None
        self._late: OrderedDict[str, Ask] = OrderedDict()

    def ask(
        self, action: str, payload: bytes, deadline_s: float, command_id: str | None, *, urgent: bool = False
    ) -> Ask:
        """Put a call in line, an `urgent` one behind those that are too; `future` gives the Reply, TimeoutError at the
        deadline, LineBlocked, LineClosed, or AnswerLost.

        Raises LineFull. The deadline counts from now, so that waiting in line is part of it.
        """
        line = self._urgent if urgent else self._line
        if len(line) >= MAX_IN_LINE:
            raise LineFull
        loop = asyncio.get_running_loop()
        ask = Ask(action, payload, command_id, loop.time() + deadline_s)
        ask.alarm = loop.call_later(deadline_s, self._give_up, ask)
        line.append(ask)
        self._next(waited=False)
        return ask

    def answered(self, message_id: str) -> tuple[Ask | None, bool]:
        """The call that an answer belongs to, and whether it came too late. (None, False) for an unknown id."""
        flying = self._flying
        if flying is not None and flying.message_id == message_id:
            self._flying = None
            if flying.alarm is not None:
                flying.alarm.cancel()
            return flying, False
        late = self._late.pop(message_id, None)
        return late, late is not None

    def proceed(self) -> None:
        """Send the next call in line, once an answer has been dealt with."""
        self._next()

    def close(self) -> None:
        """The socket is gone: everyone who waits is told at once."""
        flying, self._flying = self._flying, None
        if flying is not None:
            self._drop(flying, AnswerLost())
        for line in (self._urgent, self._line):
            for ask in line:
                self._drop(ask, LineClosed())
            line.clear()

    @staticmethod
    def _drop(ask: Ask, why: Exception) -> None:
        if ask.alarm is not None:
            ask.alarm.cancel()
        if not ask.future.done():
            ask.future.set_exception(why)

    def _next(self, *, waited: bool = True) -> None:
        latest = asyncio.get_running_loop().time() + LEAST_TIME_S
        while self._flying is None and (line := self._urgent or self._line):
            ask = line.popleft()
            if waited and ask.due < latest:
                self._drop(ask, LineBlocked())
                continue
            self._flying = ask
            self._transmit(ask)

    def _give_up(self, ask: Ask) -> None:
        if ask is self._flying:
            self._flying = None
            self._late[ask.message_id] = ask
            if len(self._late) > MAX_LATE:
                self._late.popitem(last=False)
            self._drop(ask, TimeoutError())
        for line in (self._urgent, self._line):
            if ask in line:
                line.remove(ask)
                self._drop(ask, LineBlocked())
        self._next()


def frame_of(ask: Ask) -> bytes:
    """The CALL frame of a call."""
    return frames.call(ask.message_id, ask.action, ask.payload)
