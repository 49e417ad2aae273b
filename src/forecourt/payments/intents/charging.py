"""What payments ask of stations: a start once the money is held, a slower charge or a stop before the cost reaches
that."""

from datetime import timedelta
from decimal import Decimal
from typing import Final, Protocol
from uuid import UUID

import structlog

from forecourt.access.model import Service
from forecourt.payments.intents import store
from forecourt.payments.intents.errors import PaymentOver
from forecourt.payments.intents.model import (
    CAPTURE_AHEAD,
    MAX_STOPS,
    TOKEN_LIFE,
    CallKind,
    Intent,
    Purpose,
    State,
    Watch,
    stop_after,
    watched,
)
from forecourt.payments.intents.outcomes import Turn
from forecourt.payments.intents.prices import Prices
from forecourt.payments.intents.saga import Saga
from forecourt.payments.intents.sizing import may_hold
from forecourt.payments.intents.store import story
from forecourt.platform.clock import Clock
from forecourt.platform.database import Pool
from forecourt.platform.errors import ForecourtError
from forecourt.platform.money import minor_digits
from forecourt.sessions import store as sessions
from forecourt.sessions.remote import service as remote
from forecourt.sessions.remote import store as starts
from forecourt.sessions.remote.model import INTERRUPTED
from forecourt.sessions.reserving import service as reserving
from forecourt.sessions.told import limits
from forecourt.stations.commands import Commander

log = structlog.get_logger(__name__)

REFUSED: Final = "The station refused the start, so the hold is given back."
UNREACHED: Final = "The station could not be reached, so the hold is given back."
NO_PLUG: Final = "Nobody plugged in in time, so the hold is given back."
AT_HOLD: Final = "What was held is used up."
GIVEN_BACK: Final = "The hold was given back before the session began."
ENDS: Final = "The hold runs out soon."
_OVER: Final = frozenset({State.RELEASING, State.RELEASED, State.EXPIRED, State.ABANDONED, State.FAILED})
STOP_ASKED: Final = "stop_asked"
#: Whoever is to ask for a start has it kept within this: before that the station may be asked to let go of a connector.
ASKED_WITHIN: Final = timedelta(seconds=90)
#: A session that is slowed down goes on at this part of the power that it was reckoned with.
SLOW_PARTS: Final = 4
#: How long what comes of a raise is waited for while the session goes on.
RAISE_PATIENCE: Final = timedelta(minutes=2)
#: Raises of one hold come in parts of what was held first.
RAISE_PARTS: Final = 2


def payer(tenant_id: int) -> Service:
    """Who asks stations to start and stop for what was paid: named so in the audit."""
    return Service(tenant_id=tenant_id, id="payments", name="Payments")


def _ceiling(intent: Intent) -> int:
    """What may be held for a session in all."""
    return may_hold(intent.currency, limit=intent.most, costs_most=intent.costs_most).amount


async def _is_to_be_asked(turn: Turn) -> bool:
    """Whether nobody is asking the station for a start, or whoever was going to died before a start was kept: a station
    is only asked for one that is."""
    intent = turn.intent
    if intent.start_asked_at is None:
        return True
    if intent.start_asked_at + ASKED_WITHIN > turn.now:
        return False
    assert intent.station_id is not None
    assert intent.token_uid is not None
    return not await starts.was_kept(turn.conn, intent.tenant_id, intent.station_id, intent.token_uid)


class Slower(Protocol):
    """Slows a session down before it is stopped; wired in app."""

    async def slow(self, tenant_id: int, session_id: UUID, watts: int, /) -> bool:
        """Has a session draw no more than this from now on; whether that could be asked for."""
        ...


class Charging:
    """Owns what is asked of stations for payments. `tenants` is a pool of role forecourt_app."""

    def __init__(
        self, tenants: Pool, commander: Commander, clock: Clock, saga: Saga, prices: Prices,
        slower: Slower | None = None,
    ) -> None:  # fmt: skip
        self._tenants = tenants
        self._commander = commander
        self._clock = clock
        self._saga = saga
        self._prices = prices
        self._slower = slower

    async def start(self, tenant_id: int, intent_id: UUID) -> Intent:
        """The hold stands: asks the station to start, once, whoever died before the start was kept. A start that surely
        came to nothing gives back the hold."""
        async with self._saga.turn(tenant_id, intent_id) as turn:
            intent = turn.intent
            if intent.state is not State.AUTHORISED or intent.session_id is not None:
                return intent
            if intent.station is None or intent.token_uid is None or not await _is_to_be_asked(turn):
                return intent
            await turn.change({"start_asked_at": turn.now})
            await turn.step("start_asked")
            await self._limit(turn)
            held = await turn.held()
        if held is not None:
            # The driver of this payment is who it is held for, or the payment were not authorised.
            await reserving.make_way(self._tenants, self._commander, held)
        said = await self._ask(intent)
        if said is not None:
            await self._release(tenant_id, intent_id, said)
        return await self._saga.drive(tenant_id, intent_id)

    async def _limit(self, turn: Turn) -> None:
        """Has the station end the transaction by itself at what is held, and at what its driver chose, where it can
        (2.1 F07)."""
        intent = turn.intent
        assert intent.station_id is not None
        assert intent.token_uid is not None
        able = await limits.supported(turn.conn, intent.tenant_id, intent.station_id)
        most = None
        if limits.COST in able:
            most = Decimal(intent.authorised_amount).scaleb(-minor_digits(intent.currency))
        wanted = intent.hold_said.get("max_energy_wh")
        energy_wh = int(wanted) if wanted and limits.ENERGY in able else None
        if most is not None or energy_wh is not None:
            await limits.limit(
                turn.conn, intent.tenant_id, intent.token_uid, max_cost=most, max_energy_wh=energy_wh,
                until=turn.now + TOKEN_LIFE,
            )  # fmt: skip

    async def _ask(self, intent: Intent) -> str | None:
        """Asks for a start; why none can come of it, or None where one may."""
        assert intent.station is not None
        assert intent.token_uid is not None
        try:
            answered = await remote.remote_start(
                self._tenants, self._commander, self._clock, payer(intent.tenant_id), intent.station,
                token_uid=intent.token_uid, evse=intent.evse,
            )  # fmt: skip
        except ForecourtError as fault:
            log.info("a paid start failed", intent=str(intent.intent_id), code=fault.code)
            return UNREACHED if fault.unsent or "remote_start" not in fault.context else None
        return None if answered.accepted else REFUSED

    async def _release(self, tenant_id: int, intent_id: UUID, why: str) -> None:
        async with self._saga.turn(tenant_id, intent_id) as turn:
            if turn.intent.state is State.AUTHORISED and turn.intent.session_id is None:
                await turn.release(State.RELEASED, why)

    async def start_over(self, tenant_id: int, request_id: UUID) -> None:
        """A remote start failed or expired: without a session the hold is given back, unless one may still come. One
        that was kept and surely never sent, as whoever was to is no more, is asked for again."""
        async with self._tenants.tenant(tenant_id) as conn:
            start = await starts.find(conn, tenant_id, request_id)
            intent = None if start is None else await store.find_by_token(conn, tenant_id, start.token_uid)
            unsent = start is not None and start.reason == INTERRUPTED
            unsent = unsent and not await starts.may_be_sent(conn, tenant_id, request_id)
        if start is None or intent is None:
            return
        if unsent:
            async with self._saga.turn(tenant_id, intent.intent_id) as turn:
                asked_at = turn.intent.start_asked_at
                if asked_at is not None and asked_at + ASKED_WITHIN > turn.now:
                    # Told twice: whoever was told first asks again now.
                    return
                await turn.change({"start_asked_at": None})
            await self.start(tenant_id, intent.intent_id)
            return
        if start.status == "expired" or start.expires_at is None:
            await self._release(tenant_id, intent.intent_id, NO_PLUG if start.status == "expired" else REFUSED)
        await self._saga.drive(tenant_id, intent.intent_id)

    async def linked(self, tenant_id: int, request_id: UUID) -> None:
        """The session of a remote start is known: it is the one that was paid for."""
        async with self._tenants.tenant(tenant_id) as conn:
            start = await starts.find(conn, tenant_id, request_id)
            intent = None if start is None else await store.find_by_token(conn, tenant_id, start.token_uid)
        if start is None or start.session_id is None or intent is None:
            return
        async with self._saga.turn(tenant_id, intent.intent_id) as turn:
            await turn.link(start.session_id)
        await self._saga.priced(tenant_id, start.session_id)
        async with self._tenants.tenant(tenant_id) as conn:
            now = await store.find_intent(conn, tenant_id, intent.intent_id)
        if now is not None and now.state in _OVER:
            # It began although the hold is given back already.
            await self.stop(tenant_id, intent.intent_id, GIVEN_BACK)

    async def watch(self, tenant_id: int, intent_id: UUID) -> None:
        """Looks at what a running session has cost, and does something before that reaches what is held. Nothing here
        waits for a provider: one that is to be asked for more is by whoever carries the payment on."""
        async with self._tenants.tenant(tenant_id) as conn:
            intent = await store.find_intent(conn, tenant_id, intent_id)
            if intent is None or intent.session_id is None or intent.purpose is not Purpose.SESSION:
                return
            cost = await self._prices.cost(conn, tenant_id, intent.session_id)
        held = intent.state is State.AUTHORISED
        waits = intent.state is State.HOLD_REQUESTED and intent.contract_key is not None
        if not (held or waits or intent.is_ahead) or cost is None or cost.final:
            return
        if intent.is_ahead:
            await self._end(intent, ENDS)
            return
        if intent.capture_before is not None and intent.capture_before - 2 * CAPTURE_AHEAD <= self._clock.now():
            await self._end(intent, ENDS)
            return
        # While the provider is away a driver's own token charges for what is to be held, and no more.
        within = intent.authorised_amount if held else intent.hold_amount
        if intent.costs_most is not None and intent.costs_most <= within:
            # However long it goes on, it costs no more than is held.
            return
        may_raise = held and intent.may_increment and within < _ceiling(intent)
        told = watched(cost.amount, within, intent.per_hour, may_raise)
        if told is Watch.RAISE:
            if await self._raise(intent):
                return
            told = watched(cost.amount, within, intent.per_hour, may_raise=False)
        match told:
            case Watch.SLOW:
                await self._slow(intent)
            case Watch.STOP:
                await self._end(intent, AT_HOLD)

    async def _raise(self, intent: Intent) -> bool:
        """Has the provider asked for more, once at a time; whether what comes of it is waited for: it says so within
        moments, and no more than what is held is billed meanwhile."""
        async with self._saga.turn(intent.tenant_id, intent.intent_id) as turn:
            calls = await store.list_calls(turn.conn, intent.tenant_id, intent.intent_id)
            waiting = [each for each in calls if each.state == "open"]
            if turn.intent.state is State.AUTHORISED and not waiting:
                more = turn.intent.authorised_amount + -(-turn.intent.hold_amount // RAISE_PARTS)
                await turn.open_call(CallKind.INCREMENT, min(more, _ceiling(turn.intent)))
                return True
            asked = [each.asked_at for each in waiting if each.kind is CallKind.INCREMENT]
            return any(turn.now < at + RAISE_PATIENCE for at in asked)

    async def _end(self, intent: Intent, why: str) -> None:
        """Asks for a stop; of a station that doesn't obey, or can't be reached, after growing pauses."""
        if intent.stop_asked_at is not None:
            async with self._tenants.tenant(intent.tenant_id) as conn:
                asked = await story.count_steps(conn, intent.tenant_id, intent.intent_id, STOP_ASKED)
            if asked >= MAX_STOPS or self._clock.now() < intent.stop_asked_at + stop_after(max(asked, 1)):
                return
        await self.stop(intent.tenant_id, intent.intent_id, why)

    async def _slow(self, intent: Intent) -> None:
        """Has the session go on slowly, once. Where that can't be had it goes on as it is, and is stopped in time."""
        power_w = int(intent.hold_said.get("power_w") or 0) // SLOW_PARTS
        if self._slower is None or intent.slowed_at is not None or not power_w:
            return
        assert intent.session_id is not None, "a session that runs"
        if not await self._slower.slow(intent.tenant_id, intent.session_id, power_w):
            return
        async with self._saga.turn(intent.tenant_id, intent.intent_id) as turn:
            if turn.intent.slowed_at is None:
                await turn.change({"slowed_at": turn.now})
                await turn.step("slowed", detail=f"{power_w / 1000:g} kW")

    async def stop(self, tenant_id: int, intent_id: UUID, why: str | None = None, *, insist: bool = False) -> None:
        """Asks the station to stop the session of a payment. Raises PaymentOver where none runs, and as
        `Commander.command` where a driver asked, or whoever asks tries again by itself (`insist`)."""
        async with self._saga.turn(tenant_id, intent_id) as turn:
            intent = turn.intent
            if intent.session_id is None:
                raise PaymentOver
            session = await sessions.find_session(turn.conn, tenant_id, intent.session_id)
            if session is None or session.ended_at is not None:
                return
            await turn.change({"stop_asked_at": turn.now, "stop_reason": why})
            await turn.step(STOP_ASKED, detail=why)
        try:
            await remote.ask_to_stop(self._commander, payer(tenant_id), session)
        except ForecourtError as fault:
            log.info("a paid session was not stopped", intent=str(intent_id), code=fault.code)
            if why is None or insist:
                raise
