"""What follows from events for drivers: the receipt goes where it was asked for, and a station hears that somebody
pays there."""

from datetime import timedelta
from typing import Final
from uuid import UUID

import structlog

from forecourt.driver.brands import home_of
from forecourt.driver.letters import Back, write_receipt, write_refund, write_refund_failed
from forecourt.driver.model import PAID, WEB_PAYMENT_S, Stage
from forecourt.driver.service import Ways
from forecourt.driver.speech import Speech
from forecourt.driver.store import Connection, find_brand
from forecourt.driver.way import Way
from forecourt.ocpp.neutral import WebPaymentBegun
from forecourt.payments.debts.store import list_paid_by, list_payers, list_refunds_of
from forecourt.payments.intents import store as intents
from forecourt.payments.intents.errors import PaymentUnknown
from forecourt.payments.intents.model import CallKind, Intent, Method, Purpose
from forecourt.payments.intents.refunds import CAME_BACK, DEBT_REFUNDED
from forecourt.payments.intents.store import story
from forecourt.platform.clock import Clock
from forecourt.platform.database import Pool
from forecourt.platform.errors import ForecourtError
from forecourt.stations.commands import Commander

log = structlog.get_logger(__name__)

#: Who tells, as the record of calls has it.
TELLER: Final = "payments"
#: What the story of a payment says once its driver was told of a refund, and that it came to nothing; with its call.
TOLD_REFUNDED: Final = "driver_told_refunded"
TOLD_FAILED: Final = "driver_told_refund_failed"
#: Stages at which a driver is about to pay.
WAITING: Final = frozenset({Stage.OPENING, Stage.PAY})
#: A refund that was done longer ago is told no more.
TOLD_WITHIN: Final = timedelta(days=3)
#: Who writes each of them.
WRITERS: Final = {TOLD_REFUNDED: write_refund, TOLD_FAILED: write_refund_failed}


class DriverJobs:
    """Durable follow-up work. `tenants` is a pool of role forecourt_app."""

    def __init__(
        self, tenants: Pool, ways: Ways, clock: Clock, address: str, commander: Commander | None = None
    ) -> None:
        self._tenants = tenants
        self._clock = clock
        self._commander = commander
        self._ways = ways
        self._address = address.rstrip("/")
        self._speech = Speech()

    async def captured(self, *, tenant_id: int, subject: str) -> None:
        """The money was taken, or there is nothing to take: the receipt goes to whoever left an address; it may come
        twice."""
        try:
            way = await self._ways.find(UUID(subject))
        except PaymentUnknown:
            return
        if way.intent.purpose is not Purpose.DEBT:
            await self._write(tenant_id, way)
            return
        # What was owed and is paid by it has its receipt now, each session its own.
        async with self._tenants.tenant(tenant_id) as conn:
            debts = await list_paid_by(conn, tenant_id, subject)
        for intent, _ in debts:
            await self._write(tenant_id, await self._ways.find(UUID(intent)))

    async def refunded(self, *, tenant_id: int, subject: str) -> None:
        """Money of a payment went back, or a refund came to nothing: whoever left an address is told, once of each
        refund, and once that it failed where they were told of it. Fleets see it on their invoices."""
        intent_id, now = UUID(subject), self._clock.now()
        async with self._tenants.tenant(tenant_id) as conn:
            intent = await intents.find_intent(conn, tenant_id, intent_id, lock=True)
            if intent is None or intent.email is None or intent.method is Method.INVOICE:
                return
            told = {kind: await story.told_of(conn, tenant_id, intent_id, kind) for kind in WRITERS}
            brand = await find_brand(conn, tenant_id)
            home = home_of(brand, self._address)
            for back in await _going_back(conn, intent):
                call, about = back.call, str(back.call.call_id)
                failed = call.state == "failed" and call.reason == CAME_BACK and about in told[TOLD_REFUNDED]
                kind = TOLD_FAILED if failed else TOLD_REFUNDED
                done = call.state == "done" and call.ended_at is not None and now - TOLD_WITHIN < call.ended_at
                if about in told[kind] or not (failed or done):
                    continue
                with self._speech.speaking_of(intent.language):
                    await WRITERS[kind](conn, brand, back, home)
                await story.insert_step(conn, tenant_id, intent_id, kind, now, amount=back.amount, detail=about)

    async def _write(self, tenant_id: int, way: Way) -> None:
        if way.stage not in PAID or way.intent.email is None or way.intent.session_id is None:
            return
        with self._speech.speaking_of(way.intent.language):
            async with self._tenants.tenant(tenant_id) as conn:
                await write_receipt(conn, way, way.intent.email, home_of(way.brand, self._address))

    async def begun(self, *, tenant_id: int, subject: str) -> None:
        """Somebody who has scanned a station's code begins to pay: its display says so, and nobody starts there
        meanwhile (OCPP 2.1 C25.FR.21). One that doesn't hear of it loses nothing."""
        try:
            way = await self._ways.find(UUID(subject))
        except PaymentUnknown:
            return
        intent = way.intent
        if self._commander is None or way.stage not in WAITING or intent.station is None or intent.evse is None:
            return
        told = WebPaymentBegun(evse=intent.evse, timeout_s=WEB_PAYMENT_S)
        try:
            await self._commander.command(tenant_id, intent.station, told, TELLER)
        except ForecourtError as fault:
            log.info("a station did not hear that somebody pays there", station=intent.station, fault=fault.code)


async def _going_back(conn: Connection, intent: Intent) -> list[Back]:
    """Every refund of a payment, and of what paid its session later, with what its receipt comes to."""
    tenant_id, name = intent.tenant_id, str(intent.intent_id)
    calls = [
        (call, intent.method, call.amount) for call in await intents.list_calls(conn, tenant_id, intent.intent_id)
    ]  # fmt: skip
    late = {payment: amount for payment, amount, _ in await list_payers(conn, tenant_id, name) if payment != name}
    for payment in late:
        payer = await intents.find_intent(conn, tenant_id, UUID(payment))
        if payer is None or payer.purpose is not Purpose.DEBT:
            continue
        of = await list_refunds_of(conn, tenant_id, intent.intent_id, payment)
        for call in await intents.list_calls(conn, tenant_id, payer.intent_id):
            amount = sum(part for entry, part in of if call.call_id.hex in entry.replace("-", ""))
            calls += [(call, payer.method, amount)] if amount else []
    left = intent.captured_amount - intent.refunded_amount + sum(late.values())
    left -= await story.sum_steps(conn, tenant_id, intent.intent_id, DEBT_REFUNDED)
    return [
        Back(intent=intent, call=call, method=method, amount=amount, left=left)
        for call, method, amount in calls if call.kind is CallKind.REFUND
    ]  # fmt: skip
