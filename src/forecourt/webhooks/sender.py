"""Sends what is due. The table of deliveries is the queue: it says what waits, until when, and how each try went.

Several senders share the work by SKIP LOCKED and a lease, so a delivery that a dead sender had in hand is tried again:
receivers hear everything at least once.

Receivers that answer slowly hold up nobody but their own organisation: it has EACH_ORGANISATION tries in the air at the
most, which leaves room for others, and whoever has the fewest there comes first. Only when slow ones of several
organisations fill the room together does another wait, until the first of their tries lands: DEADLINE_S at the most.
"""

import asyncio
from collections import Counter as Count
from contextlib import suppress
from datetime import timedelta
from typing import Final

import psycopg
import structlog
from prometheus_client import Counter, Histogram

from forecourt.platform.clock import Clock
from forecourt.platform.database import Pool
from forecourt.platform.errors import ForecourtError
from forecourt.platform.outward import ADDRESS_PRIVATE, UNSIGNED, AddressRefused, Outward, Unanswered, signed_headers
from forecourt.platform.sealing import Seal, SealBroken
from forecourt.webhooks import service, store
from forecourt.webhooks.model import DEADLINE_S, GONE, MAX_ANSWER, Outcome, retry_after
from forecourt.webhooks.service import SEAL_PURPOSE
from forecourt.webhooks.store import Due, Room

log = structlog.get_logger(__name__)

#: Tries at once: of one webhook, of one organisation, and of this process.
EACH: Final = 8
EACH_ORGANISATION: Final = 16
MAX_AT_ONCE: Final = 32
#: What a sender took is nobody else's for so long.
LEASE: Final = timedelta(seconds=60)
#: How long it rests when nothing is due, and when the database is away.
REST_S: Final = 0.5
AWAY_REST_S: Final = 2.0

TRIES = Counter("forecourt_webhook_tries_total", "Tries to deliver an event to a webhook.", ["outcome"])
DURATION_S = Histogram("forecourt_webhook_seconds", "Time until a webhook answered.", buckets=(0.05, 0.2, 1, 5, 10))


class Sender:
    """Owns the tries in the air. `pool` is of role forecourt_worker, `tenants` of forecourt_app."""

    def __init__(
        self, pool: Pool, tenants: Pool, clock: Clock, outward: Outward, secret_key: bytes, console_url: str
    ) -> None:
        self._worker = pool
        self._tenants = tenants
        self._clock = clock
        self._outward = outward
        self._seal = Seal(secret_key, SEAL_PURPOSE)
        self._console_url = console_url
        #: The tries in the air.
        self._air: dict[asyncio.Task[None], Due] = {}
        self._landed = asyncio.Event()

    async def run(self) -> None:
        """Send until cancelled; what is in the air then is tried again after its lease."""
        try:
            while True:
                try:
                    taken = await self.take()
                    rest = 0.0 if taken else REST_S
                except (psycopg.Error, ForecourtError, OSError) as fault:
                    log.warning("webhooks wait for the database", fault=type(fault).__name__)
                    rest = AWAY_REST_S
                await self._rest(rest)
        finally:
            tasks = list(self._air)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def send_due(self) -> int:
        """Make every try that is due now and wait for all of them; how many."""
        sent = 0
        while taken := await self.take():
            sent += taken
            await asyncio.gather(*self._air)
        return sent

    async def take(self) -> int:
        """Begin as many tries as may be in the air; how many."""
        free = MAX_AT_ONCE - len(self._air)
        if free <= 0:
            return 0
        now = self._clock.now()
        room = Room(
            busy=sorted({due.webhook_id for due in self._air.values()}),
            held=Count(due.tenant_id for due in self._air.values()),
            each=EACH,
            each_organisation=EACH_ORGANISATION,
            free=free,
        )
        async with self._worker.anyone() as conn:
            taken = await store.take_due(conn, now, now + LEASE, room)
        for due in taken:
            task = asyncio.create_task(self._try(due))
            self._air[task] = due
            task.add_done_callback(self._land)
        return len(taken)

    def _land(self, task: asyncio.Task[None]) -> None:
        del self._air[task]
        self._landed.set()

    async def _rest(self, rest_s: float) -> None:
        self._landed.clear()
        try:
            async with asyncio.timeout(max(rest_s, 0.01)):
                await self._landed.wait()
        except TimeoutError:
            return

    async def _try(self, due: Due) -> None:
        try:
            outcome = await self._post(due)
            await self._settle(due, outcome)
        except (psycopg.Error, ForecourtError, OSError) as fault:
            log.warning("a try was not written down and is made again", fault=type(fault).__name__)

    async def _post(self, due: Due) -> Outcome:
        keys = self._keys(due)
        if not keys:
            TRIES.labels("unsigned").inc()
            return Outcome(duration_ms=0, error=UNSIGNED)
        body = due.body.encode()
        headers = signed_headers(keys, str(due.event_id), int(self._clock.now().timestamp()), body)
        began = self._clock.monotonic()
        try:
            answer = await self._outward.post(due.url, headers, body, deadline_s=DEADLINE_S, most=MAX_ANSWER)
        except Unanswered as fault:
            return self._outcome(began, error=str(fault))
        except AddressRefused:
            return self._outcome(began, error=ADDRESS_PRIVATE)
        return self._outcome(
            began, status=answer.status, answer=answer.body.decode(errors="replace").replace("\0", "\ufffd")
        )

    def _keys(self, due: Due) -> list[str]:
        """The secrets that sign; none if the present one can't be opened. A former one that can't be is left out, so
        that a new secret mends what it is made for."""
        try:
            keys = [self._seal.open(due.secret)]
        except SealBroken:
            return []
        if due.former_secret is not None:
            with suppress(SealBroken):
                keys.append(self._seal.open(due.former_secret))
        return keys

    def _outcome(
        self, began: float, *, status: int | None = None, error: str | None = None, answer: str = ""
    ) -> Outcome:
        duration_s = self._clock.monotonic() - began
        outcome = Outcome(duration_ms=round(duration_s * 1000), status=status, error=error, answer=answer)
        DURATION_S.observe(duration_s)
        TRIES.labels("delivered" if outcome.delivered else "unanswered" if status is None else "refused").inc()
        return outcome

    async def _settle(self, due: Due, outcome: Outcome) -> None:
        now = self._clock.now()
        async with self._tenants.tenant(due.tenant_id) as conn:
            await store.insert_attempt(conn, due, outcome, now)
            if outcome.delivered:
                await store.settle(conn, due.tenant_id, due.delivery_id, "delivered", at=now, next_at=None)
                return
            wait = None if due.test or outcome.status == GONE else retry_after(due.tries)
            if wait is not None:
                await store.settle(conn, due.tenant_id, due.delivery_id, "waiting", at=None, next_at=now + wait)
                return
            await store.settle(conn, due.tenant_id, due.delivery_id, "failed", at=now, next_at=None)
            if not due.test:
                reason = "gone" if outcome.status == GONE else "failing"
                await service.pause(conn, due.tenant_id, due.webhook_id, reason, now, self._console_url)
