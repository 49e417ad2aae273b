"""What follows when a station told of a payment at its terminal, or when the session of one has its price: the payment
is put into the books, once."""

from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Final
from uuid import UUID

from forecourt.payments.intents import events
from forecourt.payments.intents import store as intents
from forecourt.payments.intents.books import post_given
from forecourt.payments.intents.model import Method, Purpose, State
from forecourt.payments.intents.prices import Prices
from forecourt.payments.intents.store import Connection, story
from forecourt.payments.ledger import entries
from forecourt.payments.ledger.service import post
from forecourt.payments.receipts.model import Series
from forecourt.payments.receipts.service import number
from forecourt.payments.terminals import store
from forecourt.payments.terminals.store import Paid, SettlementRow
from forecourt.platform import outbox
from forecourt.platform.clock import Clock
from forecourt.platform.database import Pool
from forecourt.platform.money import minor_digits
from forecourt.sessions.costing.model import SessionCost
from forecourt.sessions.costing.service import cost_of

#: Of money that nobody has a price for, that nobody knows a session of, or that was paid for twice.
NO_SESSION: Final = "no-session"
NO_PRICE: Final = "no-price"
PAID_TWICE: Final = "paid-twice"
#: Of an amount that no terminal can have taken: below 0, or above MAX_TAKEN.
AMOUNT: Final = "amount"
#: Of one payment, in whole units of any currency.
MAX_TAKEN: Final = Decimal(1_000_000)


class TerminalJobs:
    """Idempotent. `tenants` is a pool of role forecourt_app."""

    def __init__(self, tenants: Pool, clock: Clock, prices: Prices) -> None:
        self._tenants = tenants
        self._clock = clock
        self._prices = prices

    async def told(self, *, tenant_id: int, subject: str) -> None:
        """A station told of a payment."""
        async with self._tenants.tenant(tenant_id) as conn:
            await self._book(conn, tenant_id, UUID(subject))

    async def priced(self, *, tenant_id: int, subject: str) -> None:
        """A session has its price: what was paid for it at its station's terminal can be booked."""
        async with self._tenants.tenant(tenant_id) as conn:
            for settlement_id in await store.list_unbooked(conn, tenant_id, UUID(subject)):
                await self._book(conn, tenant_id, settlement_id)

    async def _book(self, conn: Connection, tenant_id: int, settlement_id: UUID) -> None:
        row = await store.hold(conn, tenant_id, settlement_id)
        if row is None or row.status != "Settled" or row.intent_id is not None:
            return
        paid = await store.find_paid(conn, tenant_id, row)
        if paid is None:
            await store.mark(conn, tenant_id, settlement_id, session_id=None, problem=NO_SESSION)
            return
        cost = await cost_of(conn, tenant_id, paid.session_id)
        problem: str | None = AMOUNT
        if 0 <= row.amount <= MAX_TAKEN:
            problem = await self._problem(conn, tenant_id, paid, cost)
        if problem is not None or not cost.final:
            await store.mark(conn, tenant_id, settlement_id, session_id=paid.session_id, problem=problem)
            return
        await self._sold(conn, tenant_id, row, paid, cost)

    async def _problem(self, conn: Connection, tenant_id: int, paid: Paid, cost: SessionCost) -> str | None:
        """Why it can't be booked; None: it can, or can't yet."""
        if await intents.find_by_session(conn, tenant_id, paid.session_id) is not None:
            return PAID_TWICE
        return NO_PRICE if cost.final and cost.incl_vat is None else None

    async def _sold(self, conn: Connection, tenant_id: int, row: SettlementRow, paid: Paid, cost: SessionCost) -> None:
        """A payment that is taken: the session is sealed, and the money stands with the terminal's provider."""
        assert cost.incl_vat is not None, "it has a price"
        now, bill = self._clock.now(), cost.incl_vat
        taken = minor_of(row.amount, bill.currency)
        if taken > 0:
            await self._insert(conn, tenant_id, row, paid, bill.amount, taken, bill.currency, now)
            await self._prices.seal(conn, tenant_id, paid.session_id)
            billed = await self._prices.billed(conn, tenant_id, paid.session_id)
            entry = entries.terminal_sale(
                intent=str(row.settlement_id), session_id=paid.session_id, at=row.settled_at, billed=billed, taken=taken
            )
            if await post(conn, tenant_id, entry) and billed.total:
                await number(
                    conn, tenant_id, Series.RECEIPT, billed.country, payment=row.settlement_id, entry=entry.key, at=now
                )
            await outbox.write(conn, tenant_id, events.CAPTURED, str(row.settlement_id))
        elif not bill.amount:
            await self._prices.seal(conn, tenant_id, paid.session_id)
            await post_given(conn, self._prices, tenant_id, paid.session_id, row.settled_at)
        await store.mark(
            conn, tenant_id, row.settlement_id, session_id=paid.session_id,
            intent_id=row.settlement_id if taken > 0 else None,
        )  # fmt: skip

    async def _insert(
        self, conn: Connection, tenant_id: int, row: SettlementRow, paid: Paid, billed: int, taken: int, currency: str,
        now: datetime,
    ) -> None:  # fmt: skip
        await intents.insert_intent(
            conn,
            tenant_id,
            {
                "intent_id": row.settlement_id,
                "purpose": Purpose.SESSION.value,
                "method": Method.TERMINAL.value,
                "state": State.CAPTURED.value,
                "currency": currency,
                "hold_amount": taken,
                "authorised_amount": taken,
                "captured_amount": taken,
                "billed_amount": billed,
                "reference": row.reference,
                "station_id": row.station_id,
                "evse": paid.evse,
                "session_id": paid.session_id,
                "authorised_at": row.settled_at,
                "hold_said": {"vat_number": row.vat_number},
                "created_at": now,
                "updated_at": now,
            },
        )
        detail = None if taken == billed else f"billed {billed}"
        await story.insert_step(conn, tenant_id, row.settlement_id, "captured", now, amount=taken, detail=detail)


def minor_of(amount: Decimal, currency: str) -> int:
    """An amount in minor units, as near as they come."""
    return int(amount.scaleb(minor_digits(currency)).to_integral_value(ROUND_HALF_UP))
