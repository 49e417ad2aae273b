"""What follows a start by a driver's own token: a payment by what the account pays by, and a stop where that fails.

The station was answered already, by what the database knew: so what is asked of a provider here keeps nobody waiting.
Both verbs are idempotent, and a session has one payment, whoever asks for it and how often.
"""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import structlog

from forecourt.payments.accounts.model import AccountMissing
from forecourt.payments.contracts import store
from forecourt.payments.contracts.model import NO_CARD, TAKEN_UP_FOR, Begun, Chosen, choose
from forecourt.payments.intents import store as intents
from forecourt.payments.intents.beginning import Begin
from forecourt.payments.intents.books import post_given
from forecourt.payments.intents.charging import Charging
from forecourt.payments.intents.errors import PaymentOver, PaymentUnknown
from forecourt.payments.intents.model import Intent, Method, Purpose, State
from forecourt.payments.intents.opening import open_payment
from forecourt.payments.intents.outcomes import Turn
from forecourt.payments.intents.prices import Cost, Offer, Prices
from forecourt.payments.intents.service import Payments
from forecourt.payments.intents.sizing import size_hold
from forecourt.payments.intents.store import Connection
from forecourt.platform.clock import Clock
from forecourt.platform.database import Pool
from forecourt.platform.money import Money
from forecourt.pricing.engine import Pricer

log = structlog.get_logger(__name__)


class Contracts:
    """The verbs, for the life of a process. `tenants` is a pool of role forecourt_app."""

    def __init__(self, tenants: Pool, clock: Clock, payments: Payments, charging: Charging, prices: Prices) -> None:
        self._tenants = tenants
        self._clock = clock
        self._payments = payments
        self._charging = charging
        self._prices = prices

    async def begun(self, *, tenant_id: int, subject: str) -> None:
        """A session began. By a driver's own token, it is paid for by what their account says."""
        await self._take_up(tenant_id, UUID(subject), datetime.min.replace(tzinfo=UTC))

    async def priced(self, *, tenant_id: int, subject: str) -> None:
        """A session's cost is known. One that a driver began, and that had no price or no payment until now, is paid
        for as it would have been at once, if it was heard of within TAKEN_UP_FOR; a fleet's that is over, whenever."""
        await self._take_up(tenant_id, UUID(subject), self._clock.now() - TAKEN_UP_FOR)

    async def unpaid(self, *, tenant_id: int, subject: str) -> None:
        """A payment came to nothing. A session of it that still runs is stopped. Raises as `Commander.command`: tried
        again then."""
        async with self._tenants.tenant(tenant_id) as conn:
            intent = await intents.find_intent(conn, tenant_id, UUID(subject))
        if intent is None or not _unheld(intent):
            return
        try:
            await self._charging.stop(tenant_id, intent.intent_id, intent.reason, insist=True)
        except (PaymentOver, PaymentUnknown):
            return

    async def _take_up(self, tenant_id: int, session_id: UUID, since: datetime) -> None:
        """Makes the payment of a session that was heard of since then, if it has none."""
        async with self._tenants.tenant(tenant_id) as conn:
            await store.hold(conn, session_id)
            begun = await store.find_begun(conn, tenant_id, session_id)
            if begun is not None and begun.heard_at < since and begun.delivered_to is None:
                return
            if begun is not None and begun.over and begun.refused and not await self._delivered(conn, tenant_id, begun):
                return
            if begun is not None and begun.delivered_to is not None:
                cost = await self._prices.cost(conn, tenant_id, session_id)
                if cost is None or cost.currency == begun.fleet_currency:
                    # Before its cost is final there is nothing to do: whoever hears of that comes here again.
                    if cost is not None and cost.final and not cost.held:
                        await self._deliver(conn, tenant_id, begun, cost, begun.delivered_to)
                    return
            offer = None if begun is None else await self._prices.counting(conn, tenant_id, session_id, begun.station)
            if begun is None or offer is None:
                return
            chosen = choose(begun, offer.tariff.currency)
            if chosen is None or begun.heard_at < since:
                return
            intent_id = await self._open(conn, tenant_id, begun, offer, chosen)
        await self._payments.carry_on(tenant_id, intent_id)

    async def _delivered(self, conn: Connection, tenant_id: int, begun: Begun) -> bool:
        """Whether a session that has a price got energy: one that was refused and got none is nobody's to pay."""
        cost = await self._prices.cost(conn, tenant_id, begun.session_id)
        return cost is not None and cost.delivered

    async def _deliver(self, conn: Connection, tenant_id: int, begun: Begun, cost: Cost, payer: str) -> None:
        """The payment of a fleet's session that is over before anything was held for it: all of its final cost stands
        on the fleet's account, whatever is left of its limits, and of its station. What was given away is posted."""
        now = self._clock.now()
        if not cost.amount:
            if cost.given:
                await self._prices.seal(conn, tenant_id, begun.session_id)
                await post_given(conn, self._prices, tenant_id, begun.session_id, now)
            return
        values: dict[str, Any] = {
            **self._of_contract(begun), "method": Method.INVOICE.value, "payer": payer, "email": begun.email,
            "currency": cost.currency, "hold_amount": cost.amount, "per_hour": 0, "state": State.HOLD_REQUESTED.value,
            "language": begun.language, "created_at": now, "updated_at": now,
            "hold_said": {"description": f"{begun.station}, EVSE {begun.evse or 1}", "driver": begun.driver_id},
        }  # fmt: skip
        intent_id = await intents.insert_intent(conn, tenant_id, values)
        intent = await intents.find_intent(conn, tenant_id, intent_id, lock=True)
        assert intent is not None, "it was just written"
        await Turn(conn, self._prices, intent, now).delivered(cost.amount)
        log.info("a fleet's session was told whole", session=str(begun.session_id), amount=cost.amount)

    def _of_contract(self, begun: Begun) -> dict[str, Any]:
        """What the payment of a driver's own token keeps, whoever pays."""
        return {
            "purpose": Purpose.SESSION.value, "station_id": begun.station_id, "evse": begun.evse,
            "session_id": begun.session_id, "driver_id": begun.driver_id, "contract_key": begun.uid_key,
        }  # fmt: skip

    async def _open(self, conn: Connection, tenant_id: int, begun: Begun, offer: Offer, chosen: Chosen) -> UUID:
        """Writes down the payment of a session with its hold, a call to be made; where nothing pays, that it failed."""
        now = self._clock.now()
        pricer = Pricer(offer.tariff, offer.zone, offer.circumstances)
        sized = size_hold(pricer, now, kind=offer.kind, power_w=offer.power_w)
        amount = min(sized.amount.amount, chosen.most or sized.amount.amount)
        way, why_not = await self._way(conn, tenant_id, begun, chosen)
        values: dict[str, Any] = {
            **way, **self._of_contract(begun), "currency": sized.amount.currency, "hold_amount": amount,
            "per_hour": sized.per_hour, "tariff_id": offer.tariff_id, "tariff_version": offer.version,
            "hold_said": {
                **sized.said(), **offer.said(), "description": f"{begun.station}, EVSE {begun.evse or 1}",
                "most": chosen.most, "driver": begun.driver_id,
            },
        }  # fmt: skip
        intent_id = await open_payment(conn, tenant_id, values, None, begun.language, now, asks=why_not is None)
        await self._prices.limit(
            conn, tenant_id, begun.session_id, Money(amount=amount, currency=sized.amount.currency)
        )
        if why_not is not None:
            intent = await intents.find_intent(conn, tenant_id, intent_id, lock=True)
            assert intent is not None, "it was just written"
            await Turn(conn, self._prices, intent, now).failed(why_not)
        log.info("a driver's token pays", session=str(begun.session_id), method=way["method"], why_not=why_not)
        return intent_id

    async def _way(
        self, conn: Connection, tenant_id: int, begun: Begun, chosen: Chosen
    ) -> tuple[dict[str, Any], str | None]:
        """How the payment keeps what pays, and why that can't."""
        if chosen.method is Method.HOSTED:
            way = {"method": chosen.method.value, "payer": chosen.payer, "email": begun.email}
            return way, chosen.why_not
        asked = Begin(
            station=begun.station, evse=begun.evse or 1, return_url="", method=chosen.method, payer=chosen.payer,
            method_id=chosen.method_id, email=begun.email,
        )  # fmt: skip
        try:
            return await self._payments.way(conn, tenant_id, asked), chosen.why_not
        except (AccountMissing, PaymentUnknown):
            way = {"method": Method.HOSTED.value, "payer": chosen.payer, "email": begun.email}
            return way, chosen.why_not or NO_CARD


def goes_unpaid(intent: Intent) -> bool:
    """Whether a driver's own token began a session that nothing pays for, and that is not billed yet."""
    return intent.contract_key is not None and _unheld(intent)


def _unheld(intent: Intent) -> bool:
    """Whether nothing is held for a session that is not billed yet."""
    nothing = intent.state in (State.FAILED, State.RELEASED, State.EXPIRED, State.ABANDONED)
    return nothing and intent.session_id is not None and intent.billed_amount is None
