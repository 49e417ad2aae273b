"""What a transaction came to, for the answer to its end at a station that shows it (2.0.1 and 2.1 I03)."""

import asyncio
from decimal import Decimal
from typing import Final, Protocol

import psycopg
import structlog

from forecourt.platform.clock import Clock
from forecourt.platform.database import Pool
from forecourt.platform.errors import ForecourtError
from forecourt.platform.money import minor_digits
from forecourt.pricing.discounts import Discounts, no_discounts
from forecourt.sessions.costing.service import cost_of
from forecourt.sessions.told.store import find_session_of

log = structlog.get_logger(__name__)

#: A station waits no longer for it than this, and hears no total then: its driver's receipt has it.
TOTAL_DEADLINE_S: Final = 2.0


class Costs(Protocol):
    """Knows what transactions came to; wired in app."""

    async def total(self, tenant_id: int, station_id: int, transaction_id: str, /) -> Decimal | None:
        """After taxes and in whole units; None where it has no price, or none within the deadline. Never raises."""
        ...


class Totals:
    """Prices what has just ended, as the bill will. `tenants` is a pool of role forecourt_app."""

    def __init__(self, tenants: Pool, clock: Clock, discounts: Discounts = no_discounts) -> None:
        self._tenants = tenants
        self._clock = clock
        self._discounts = discounts

    async def total(self, tenant_id: int, station_id: int, transaction_id: str) -> Decimal | None:
        """As `Costs` has it."""
        try:
            async with asyncio.timeout(TOTAL_DEADLINE_S):
                return await self._total(tenant_id, station_id, transaction_id)
        except (TimeoutError, psycopg.Error, ForecourtError, OSError) as fault:
            log.info("a station was not told what a session came to", fault=type(fault).__name__, station_id=station_id)
            return None

    async def _total(self, tenant_id: int, station_id: int, transaction_id: str) -> Decimal | None:
        async with self._tenants.tenant(tenant_id) as conn:
            session_id = await find_session_of(conn, tenant_id, station_id, transaction_id)
            if session_id is None:
                return None
            cost = await cost_of(conn, tenant_id, session_id, self._clock.now(), self._discounts)
        if cost.incl_vat is None:
            return None
        return Decimal(cost.incl_vat.amount).scaleb(-minor_digits(cost.incl_vat.currency))
