"""Looks after every payment that isn't final: the table is the queue, and says when each is looked at next.

So whatever was interrupted, by a kill or by a provider that was away, is taken up again within a look, however many
workers there are and whichever of them is left.
"""

import asyncio
from contextlib import suppress
from datetime import timedelta
from typing import Final
from uuid import UUID

import psycopg
import structlog
from prometheus_client import Counter

from forecourt.payments.intents import store
from forecourt.payments.intents.charging import Charging
from forecourt.payments.intents.saga import Saga
from forecourt.platform.clock import Clock
from forecourt.platform.database import Pool
from forecourt.platform.errors import ForecourtError

log = structlog.get_logger(__name__)

#: How long it rests when nothing is due, and when the database is away.
REST_S: Final = 2.0
AWAY_REST_S: Final = 3.0
#: Payments in hand at once.
AT_ONCE: Final = 8
#: Nobody else takes a payment for so long after it was taken; one whose worker died is taken up again then.
LEASE: Final = timedelta(seconds=40)
#: A payment at which something is wrong that nobody thought of is left alone for so long.
BROKEN_REST: Final = timedelta(minutes=10)

LOOKS = Counter("forecourt_payment_looks_total", "Looks at payments that are not final, by how they ended", ["end"])


class Sweeper:
    """Owns the looks in the air. `pool` is of role forecourt_worker."""

    def __init__(self, pool: Pool, clock: Clock, saga: Saga, charging: Charging) -> None:
        self._worker = pool
        self._clock = clock
        self._saga = saga
        self._charging = charging

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            rest_s = REST_S
            try:
                if await self.sweep() == store.DUE_AT_ONCE:
                    rest_s = 0.0
            except (psycopg.Error, ForecourtError, OSError) as fault:
                log.warning("payments wait for the database", fault=type(fault).__name__)
                rest_s = AWAY_REST_S
            await asyncio.sleep(rest_s)

    async def sweep(self) -> int:
        """Looks at what is due now; how many."""
        now = self._clock.now()
        async with self._worker.anyone() as conn:
            due = await store.take_due(conn, now, now + LEASE)
        room = asyncio.Semaphore(AT_ONCE)

        async def one(tenant_id: int, intent_id: UUID) -> None:
            async with room:
                await self._look(tenant_id, intent_id)

        async with asyncio.TaskGroup() as group:
            for tenant_id, intent_id in due:
                group.create_task(one(tenant_id, intent_id))
        return len(due)

    async def _look(self, tenant_id: int, intent_id: UUID) -> None:
        """One payment. What goes wrong with it keeps no other from being looked at."""
        try:
            intent = await self._saga.drive(tenant_id, intent_id)
            intent = await self._charging.start(tenant_id, intent_id)
            await self._charging.watch(intent)
        except (ForecourtError, psycopg.Error, OSError) as fault:
            LOOKS.labels("failed").inc()
            log.warning("a payment could not be looked at", intent=str(intent_id), fault=repr(fault))
        except Exception:
            # Whatever is wrong with one payment, all others go on; this one is looked at less often.
            LOOKS.labels("broken").inc()
            log.exception("a payment could not be looked at", intent=str(intent_id))
            with suppress(psycopg.Error, ForecourtError, OSError):
                async with self._worker.anyone() as conn:
                    await store.put_off(conn, tenant_id, intent_id, self._clock.now() + BROKEN_REST)
        else:
            LOOKS.labels("done").inc()
