"""Calls of stations in work. What came in one turn of the event loop goes through each step together.

The life of a call is read from top to bottom here: `take` -> read -> understand -> ask the verb -> enter into the log
-> the group commit -> decide -> word -> send. A step done for many calls in a row costs half of what it costs when
each call goes all the way alone, because the interpreter's path through it stays in the processor's caches; under load
a turn brings dozens. One call of a station is in work at a time, so a turn holds at most one of each.
"""

import asyncio
import struct
from collections import Counter
from collections.abc import Callable
from datetime import datetime

import structlog

from forecourt.ocpp import frames, neutral
from forecourt.ocpp.decode import Decoded
from forecourt.ocpp.deviations import Notes
from forecourt.ocpp.faults import CallFault
from forecourt.platform.clock import Clock
from forecourt.platform.commit import GroupCommit, Outcome, Write
from forecourt.stations.gateway import journal
from forecourt.stations.gateway.connection import Connection
from forecourt.stations.gateway.inbound import Decide, Inbound, Later, Routes

log = structlog.get_logger(__name__)


class Work(Inbound):
    """One call on its way, filled step by step."""

    __slots__ = (
        "answer",
        "answerable",
        "call",
        "connection",
        "decide",
        "decoded",
        "later",
        "outcome",
        "payload",
        "refused",
        "report",
        "tell",
    )

    decoded: Decoded
    report: neutral.Report
    decide: Decide | None
    outcome: Outcome
    answer: neutral.Answer
    payload: bytes

    def __init__(
        self, connection: Connection, call: frames.Call | frames.Send, raw: bytes, arrived: datetime,
        tell: Callable[["Work"], None],
    ) -> None:  # fmt: skip
        station = connection.station
        super().__init__(station, arrived, Write(station.station_id, raw, station))
        self.connection = connection
        self.call = call
        #: A SEND (2.1) gets no answer.
        self.answerable = type(call) is frames.Call
        self.tell = tell
        self.refused = False
        self.later: Later | None = None

    def stored(self, _: Write, outcome: Outcome) -> None:
        """The commit's word."""
        self.outcome = outcome
        self.tell(self)


class Turns:
    """Owns the calls between their arrival and their answer."""

    def __init__(
        self, clock: Clock, commit: GroupCommit, routes: Routes, count: Callable[[Counter[str], int], None]
    ) -> None:
        self._clock = clock
        self._commit = commit
        self._routes = routes
        self._count = count
        self._arrived: list[tuple[Connection, bytes]] = []
        self._stored: list[Work] = []
        #: Answers that something outside is asked about.
        self._asked: set[asyncio.Task[None]] = set()

    # -- before the commit

    def take(self, connection: Connection, raw: bytes) -> None:
        """Work on a frame with the others of this turn. The connection gives the next one when it is told `done`."""
        if not self._arrived:
            asyncio.get_running_loop().call_soon(self._turn)
        self._arrived.append((connection, raw))

    def _turn(self) -> None:
        arrived, self._arrived = self._arrived, []
        now = self._clock.now()
        read = [self._read(connection, raw, now) for connection, raw in arrived]
        begun = works = [work for work in read if work is not None]
        for step in (_understand, self._ask, _enter):
            works = _each(step, works)
        self._submit(works)
        deviating = [work for work in works if work.deviations]
        self._count(Counter([work.call.action for work in works]), len(deviating))
        if len(works) < len(begun):
            _each(_proceed, [work for work in begun if work.refused])

    def _read(self, connection: Connection, raw: bytes, now: datetime) -> Work | None:
        """The call in a frame; anything else is the connection's own business and done with here."""
        try:
            call = connection.read(raw)
        except Exception:
            log.exception("a frame could not be worked on", station=connection.station.identity)
            connection.close(1011, "a fault of ours, connect again")
            return None
        if call is None:
            connection.done()
            return None
        connection.last_seen = now
        return Work(connection, call, raw, now, self._tell)

    def _ask(self, work: Work) -> None:
        """The verb puts rows on lanes and says how it will decide."""
        work.decide = self._routes[type(work.report)](work, work.report)

    def _submit(self, works: list[Work]) -> None:
        at_once = []
        since = self._clock.monotonic()
        for work in works:
            if type(work.report) is neutral.Heartbeat:
                # Nothing in it is to be kept but that it came, so its order matters to nobody.
                work.write.key = None
                self._commit.submit_patiently(work.write)
                work.outcome = Outcome.STORED
                at_once.append(work)
            else:
                work.connection.working_since = since
                work.write.done = work.stored
                self._commit.submit(work.write)
        if at_once:
            self._answer(at_once)

    # -- after it

    def _tell(self, work: Work) -> None:
        if not self._stored:
            asyncio.get_running_loop().call_soon(self._answer_stored)
        self._stored.append(work)

    def _answer_stored(self) -> None:
        stored, self._stored = self._stored, []
        self._answer(stored)

    def _answer(self, works: list[Work]) -> None:
        kept = [work for work in works if work.outcome is Outcome.STORED]
        decided = _each(_decide, kept)
        later = [work for work in decided if work.later is not None]
        if later:
            decided = [work for work in decided if work.later is None]
            works = [work for work in works if work.later is None]
            for work in later:
                self._wait(work)
        self._reply(decided)
        _each(_answer_quarantined, [work for work in works if work.outcome is not Outcome.STORED and work.answerable])
        _each(_proceed, works)

    def _reply(self, decided: list[Work]) -> None:
        due = _each(_word, [work for work in decided if work.answerable and not work.connection.closed])
        due = _each(_send, due)
        if due:
            self._log_answers(due)

    def _wait(self, work: Work) -> None:
        """Answer a call when what was asked outside is known; its station's next call waits behind it."""

        async def answer() -> None:
            assert work.later is not None
            try:
                work.answer = await work.later.answer
            except Exception:
                log.exception("a call could not be answered", station=work.station.identity)
                work.connection.close(1011, "a fault of ours, connect again")
            else:
                self._reply([work])
            _each(_proceed, [work])

        task = asyncio.create_task(answer())
        self._asked.add(task)
        task.add_done_callback(self._asked.discard)

    def _log_answers(self, works: list[Work]) -> None:
        """All in one write: nothing in it comes from a station but ids that were checked, so none can spoil it."""
        now = self._clock.now()
        write = Write()
        for work in works:
            call = work.call
            journal.enter(
                write, work.station, now, inbound=False, kind=3, message_id=call.id, action=call.action,
                payload=work.payload,
            )  # fmt: skip
        self._commit.submit_patiently(write)


def _understand(work: Work) -> None:
    """From bytes to the neutral language. Raises CallFault."""
    connection, action = work.connection, work.call.action
    connection.admit(action)
    dialect = connection.dialect
    decoded = work.decoded = dialect.decode_call(action, work.call.payload)
    notes = Notes()
    work.report = dialect.lift(action, decoded.request, notes)
    work.deviations = decoded.deviations + notes.lines() if notes.met else decoded.deviations


def _enter(work: Work) -> None:
    call = work.call
    journal.enter(
        work.write, work.station, work.arrived, inbound=True, kind=2 if work.answerable else 6, message_id=call.id,
        action=call.action, payload=bytes(call.payload), deviations=work.deviations,
    )  # fmt: skip


def _decide(work: Work) -> None:
    assert work.decide is not None
    answer = work.decide()
    if isinstance(answer, Later):
        work.later = answer
    else:
        work.answer = answer


def _word(work: Work) -> None:
    work.payload = work.connection.dialect.answer(work.call.action, work.decoded.request, work.answer)


def _send(work: Work) -> None:
    work.connection.send(frames.result(work.call.id, work.payload))


def _answer_quarantined(work: Work) -> None:
    work.connection.answer_quarantined(work.call, work.decoded.request)


def _proceed(work: Work) -> None:
    """Let the connection take up what waits behind this call."""
    # It holds the work that holds it: a cycle that only the collector would free.
    work.decide = None
    work.connection.done()


def _each(step: Callable[[Work], None], works: list[Work]) -> list[Work]:
    """Do a step for all; returns those for which it went well. A call at fault is refused; a failure of ours, even in
    refusing, costs its station the connection, and no other station anything."""
    well: list[Work] = []
    for work in works:
        try:
            try:
                step(work)
            except CallFault as fault:
                _refuse(work, fault)
            except (struct.error, OverflowError):
                _refuse(work, CallFault("PropertyConstraintViolation", "A number is beyond the range that is kept."))
            else:
                well.append(work)
        except Exception:
            log.exception("a call could not be worked on", action=work.call.action[:64], station=work.station.identity)
            work.connection.close(1011, "a fault of ours, connect again")
    return well


def _refuse(work: Work, fault: CallFault) -> None:
    work.connection.refuse(work.call, fault, answer=work.answerable)
    work.refused = True
