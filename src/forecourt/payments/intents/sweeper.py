"""Looks after every payment that isn't final: the table is the queue, and says when each is looked at next.

So whatever was interrupted, by a kill or by a provider that was away, is taken up again within a look, however many
workers there are and whichever of them is left. Payments of one account at a provider share a few of the looks at once,
so that one that answers slowly, or never, keeps no others waiting; what running sessions cost is looked at apart.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import timedelta
from typing import Final
from uuid import UUID

import psycopg
import structlog
from prometheus_client import Counter

from forecourt.payments.intents.charging import Charging
from forecourt.payments.intents.lanes import Lanes
from forecourt.payments.intents.model import LOOK_EVERY
from forecourt.payments.intents.saga import Saga
from forecourt.payments.intents.store import turns
from forecourt.platform.clock import Clock
from forecourt.platform.database import Pool
from forecourt.platform.errors import ForecourtError

log = structlog.get_logger(__name__)

#: How long it rests when nothing is due, and when the database is away.
REST_S: Final = 2.0
AWAY_REST_S: Final = 3.0
#: Payments looked at at once, and of one account at a provider. Those whose session's cost is looked at come besides.
AT_ONCE: Final = 24
EACH: Final = 4
WATCHED_AT_ONCE: Final = 16
WATCHED_EACH: Final = 8
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
        self._looks = Lanes(AT_ONCE, EACH)
        self._watches = Lanes(WATCHED_AT_ONCE, WATCHED_EACH)

    async def run(self) -> None:
        """Look until cancelled; what is in the air then is looked at again after its lease."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._go_on(self._looks, self.take))
            group.create_task(self._go_on(self._watches, self.take_watched))

    async def _go_on(self, lanes: Lanes, take: Callable[[], Awaitable[int]]) -> None:
        try:
            while True:
                try:
                    rest_s = 0.0 if await take() else REST_S
                except (psycopg.Error, ForecourtError, OSError) as fault:
                    log.warning("payments wait for the database", fault=type(fault).__name__)
                    rest_s = AWAY_REST_S
                await lanes.rest(rest_s)
        finally:
            await lanes.cancel()

    async def sweep(self) -> int:
        """Looks at all that is due now and waits for it; how many payments were looked at."""
        looked = 0
        while True:
            watched = await self.take_watched()
            await self._watches.land()
            taken = await self.take()
            await self._looks.land()
            looked += taken
            if not watched and not taken:
                return looked

    async def take(self) -> int:
        """Begins as many looks as may be in the air, of accounts that answer; how many."""
        now, answering = self._clock.now(), self._saga.answering
        room = self._looks.room(resting=answering.resting(now), doubtful=answering.doubtful())
        async with self._worker.anyone() as conn:
            taken = await turns.take_due(conn, now, now + LEASE, room)
        return self._looks.begin(taken, self._look)

    async def take_watched(self) -> int:
        """Begins to look at what sessions cost, which no provider keeps waiting; how many."""
        now = self._clock.now()
        async with self._worker.anyone() as conn:
            taken = await turns.take_watched(conn, now, now + LOOK_EVERY, self._watches.room())
        return self._watches.begin(taken, self._watch)

    async def _look(self, tenant_id: int, intent_id: UUID) -> None:
        """One payment. What goes wrong with it keeps no other from being looked at."""
        try:
            await self._saga.drive(tenant_id, intent_id)
            await self._charging.start(tenant_id, intent_id)
        except (ForecourtError, psycopg.Error, OSError) as fault:
            LOOKS.labels("failed").inc()
            log.warning("a payment could not be looked at", intent=str(intent_id), fault=repr(fault))
        except Exception:
            # Whatever is wrong with one payment, all others go on; this one is looked at less often.
            LOOKS.labels("broken").inc()
            log.exception("a payment could not be looked at", intent=str(intent_id))
            with suppress(psycopg.Error, ForecourtError, OSError):
                async with self._worker.anyone() as conn:
                    await turns.put_off(conn, tenant_id, intent_id, self._clock.now() + BROKEN_REST)
        else:
            LOOKS.labels("done").inc()

    async def _watch(self, tenant_id: int, intent_id: UUID) -> None:
        """What the session of one payment has cost; one that can't be looked at is tried again at the next look."""
        try:
            await self._charging.watch(tenant_id, intent_id)
        except (ForecourtError, psycopg.Error, OSError) as fault:
            log.warning("a session that is paid for could not be looked at", intent=str(intent_id), fault=repr(fault))
