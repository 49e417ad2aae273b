"""Calls to stations that come over the bus: each put in its station's line, each answered when it is."""

from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import msgspec
import structlog

from forecourt.platform.clock import Clock
from forecourt.stations.gateway.outbound import AnswerLost, LineBlocked, LineClosed, LineFull
from forecourt.stations.gateway.roster import Roster
from forecourt.stations.gateway.station import Held
from forecourt.stations.gateway.words import CallAnswer, CallRequest, CallsAnswer, CallsRequest
from forecourt.stations.model import passwords_set_by

log = structlog.get_logger(__name__)


class Calls:
    """Owns nothing but the way: `refresh` reads the roster, `publish` answers, `spawn` does what nobody waits for."""

    def __init__(
        self,
        clock: Clock,
        roster: Roster,
        refresh: Callable[[], Awaitable[bool]],
        publish: Callable[[str, bytes], Awaitable[None]],
        spawn: Callable[[Coroutine[Any, Any, None]], None],
    ) -> None:
        self._clock = clock
        self._roster = roster
        self._refresh = refresh
        self._publish = publish
        self._spawn = spawn

    async def on_call(self, _: str, data: bytes, reply: str) -> None:
        """One call."""
        # The bus delivers one after the other: waiting here would make every station wait for the slowest.
        self._spawn(self._one(msgspec.json.decode(data, type=CallRequest), reply))

    async def on_calls(self, _: str, data: bytes, reply: str) -> None:
        """Many calls, none of which waits for another."""
        for request in msgspec.json.decode(data, type=CallsRequest).calls:
            self._spawn(self._one_of_many(request, reply))

    async def _one(self, request: CallRequest, reply: str) -> None:
        await self._publish(reply, msgspec.json.encode(await self._serve(request)))

    async def _one_of_many(self, request: CallRequest, reply: str) -> None:
        answer = CallsAnswer(answers=[(request.command_id or "", await self._serve(request))])
        await self._publish(reply, msgspec.json.encode(answer))

    async def _serve(self, request: CallRequest) -> CallAnswer:
        station = self._roster.get(request.identity)
        connection = station.connection if station is not None else None
        if connection is None or (request.epoch and connection.epoch != request.epoch):
            if connection is not None and request.epoch > connection.epoch > 0:
                connection.supersede()
            return CallAnswer(offline=True)
        return await self._ask(connection, request)

    async def _ask(self, connection: Held, request: CallRequest) -> CallAnswer:
        payload = request.payload.encode()
        # A password must be known here before its station is: it may come back with it at once, and stay if it took it.
        if passwords_set_by(request.action, payload) and not await self._refresh():
            return CallAnswer(busy=True)
        age_s = 0.0 if request.sent_at is None else (self._clock.now() - request.sent_at).total_seconds()
        left_s = min(request.deadline_s, request.deadline_s - age_s)
        if left_s <= 0:
            # Whoever asked was told that nobody answers: the station must not do it after that.
            log.warning("a call came after its deadline and is not sent", action=request.action, age_s=round(age_s, 1))
            return CallAnswer(overdue=True)
        try:
            reply = await connection.ask(request.action, payload, left_s, request.command_id, urgent=request.urgent)
        except LineFull:
            return CallAnswer(busy=True)
        except LineBlocked:
            return CallAnswer(blocked=True)
        except LineClosed:
            return CallAnswer(offline=True)
        except AnswerLost:
            return CallAnswer(lost=True)
        except TimeoutError:
            return CallAnswer(timeout=True)
        return CallAnswer(
            payload=reply.payload.decode(), error_code=reply.error_code, description=reply.description,
            unreadable=reply.unreadable,
        )  # fmt: skip
