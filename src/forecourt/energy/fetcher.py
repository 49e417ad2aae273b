"""Fetches what is due. The table of feeds is the queue: it says when each is fetched next, and who has it in hand.

Several workers share the work by SKIP LOCKED and a lease, so nothing is fetched twice at once, and what a dead worker
had in hand is fetched when its lease is over. What comes is stored in one transaction, with the nudge to the planner.
"""

import asyncio
from datetime import datetime, timedelta
from typing import Final

import msgspec
import psycopg
import structlog
from prometheus_client import Counter

from forecourt.energy import store
from forecourt.energy.feeds.day_ahead import fetch_prices
from forecourt.energy.feeds.model import (
    DEADLINE_S,
    LEASE,
    Entsoe,
    Feed,
    FeedFailed,
    Fetched,
    Memory,
    NordPool,
    OpenAdr2,
    OpenAdr3,
    Secrets,
    back_off,
    kind_of,
    next_fetch,
    reach,
    zones_of,
)
from forecourt.energy.feeds.openadr2 import fetch_limits
from forecourt.energy.feeds.openadr3 import Tokens, fetch_events
from forecourt.energy.service.feeds import SEAL_PURPOSE
from forecourt.energy.service.signals import MAX_FED_LIMITS
from forecourt.energy.signals.model import without_overlaps
from forecourt.energy.store import feeds as feed_store
from forecourt.energy.store.feeds import DueFeed
from forecourt.energy.store.nudges import nudge, nudge_of_zone
from forecourt.platform.clock import Clock
from forecourt.platform.database import Pool
from forecourt.platform.errors import ForecourtError
from forecourt.platform.outward import Outward
from forecourt.platform.sealing import Seal, SealBroken

log = structlog.get_logger(__name__)


#: Fetches at once of one worker.
MAX_AT_ONCE: Final = 8
#: How far ahead it is looked for how far prices are known.
KNOWN_AHEAD: Final = timedelta(days=7)
#: How long it rests when nothing is due, and when the database is away.
REST_S: Final = 1.0
AWAY_REST_S: Final = 3.0
#: After these the VTN knows this VEN no more: it registers anew.
_UNREGISTERED: Final = frozenset({"no-registration", "registration-cancelled"})

FETCHES = Counter(
    "forecourt_feed_fetches_total", "Fetches of signals by kind of feed and how they ended.", ["kind", "end"]
)


class _Outdated(Exception):
    """The feed is another one than was fetched."""


class Fetcher:
    """Owns the fetches in the air. `pool` is of role forecourt_worker, `tenants` of forecourt_app."""

    def __init__(self, pool: Pool, tenants: Pool, clock: Clock, outward: Outward, secret_key: bytes) -> None:
        self._worker = pool
        self._tenants = tenants
        self._clock = clock
        self._outward = outward
        self._seal = Seal(secret_key, SEAL_PURPOSE)
        self._tokens = Tokens()
        self._air: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Fetch until cancelled; what is in the air then is fetched again after its lease."""
        try:
            while True:
                rest_s = REST_S
                try:
                    await self._take()
                except (psycopg.Error, ForecourtError, OSError) as fault:
                    log.warning("feeds wait for the database", fault=type(fault).__name__)
                    rest_s = AWAY_REST_S
                await asyncio.sleep(rest_s)
        finally:
            for task in self._air:
                task.cancel()
            await asyncio.gather(*self._air, return_exceptions=True)

    async def fetch_due(self) -> int:
        """Fetches all that is due now and waits for it; how many."""
        fetched = 0
        while taken := await self._take():
            fetched += taken
            await asyncio.gather(*self._air)
        return fetched

    async def _take(self) -> int:
        free = MAX_AT_ONCE - len(self._air)
        if free <= 0:
            return 0
        async with self._worker.anyone() as conn:
            due = await feed_store.take_due(conn, self._clock.now(), LEASE, free)
        for each in due:
            task = asyncio.create_task(self._turn(each))
            self._air.add(task)
            task.add_done_callback(self._land)
        return len(due)

    def _land(self, task: asyncio.Task[None]) -> None:
        self._air.discard(task)
        if not task.cancelled() and (fault := task.exception()) is not None:
            # Its lease runs out, and it is fetched again.
            log.error("a feed met with what nobody thought of", fault=type(fault).__name__, exc_info=fault)

    async def _turn(self, due: DueFeed) -> None:
        try:
            async with self._tenants.tenant(due.tenant_id) as conn:
                found = await feed_store.read_feed(conn, due.tenant_id, due.feed_id)
            if found is not None:
                await self._fetch(*found)
        except (psycopg.Error, ForecourtError, OSError) as fault:
            log.warning("what a feed brought was not stored and is fetched again", fault=type(fault).__name__)

    async def _fetch(self, feed: Feed, sealed: bytes | None) -> None:
        kind = kind_of(feed.source)
        try:
            secrets = self._open(sealed)
            async with asyncio.timeout(DEADLINE_S):
                fetched = await self._ask(feed, secrets)
            await self._store(feed, fetched)
            FETCHES.labels(kind, "done").inc()
        except TimeoutError:
            await self._fail(feed, FeedFailed("late", f"{DEADLINE_S:g} s"))
        except FeedFailed as failed:
            await self._fail(feed, failed)
        except _Outdated:
            FETCHES.labels(kind, "outdated").inc()

    def _open(self, sealed: bytes | None) -> Secrets:
        if sealed is None:
            return Secrets()
        try:
            return msgspec.json.decode(self._seal.open(sealed), type=Secrets)
        except SealBroken:
            raise FeedFailed("seal") from None

    async def _ask(self, feed: Feed, secrets: Secrets) -> Fetched:
        now = self._clock.now()
        match feed.source:
            case Entsoe() | NordPool() as source:
                return await fetch_prices(source, secrets, now)
            case OpenAdr2() as source:
                return await fetch_limits(source, secrets, feed.memory, feed.feed_id, self._outward, now)
            case OpenAdr3() as source:
                key = (feed.feed_id, feed.version)
                return await fetch_events(source, secrets, key, self._outward, self._tokens, now)

    async def _store(self, feed: Feed, fetched: Fetched) -> None:
        """Raises FeedFailed."""
        now = self._clock.now()
        async with self._tenants.tenant(feed.tenant_id) as conn:
            for series in fetched.series:
                changed = await store.store_series(
                    conn, feed.tenant_id, series.kind, series.zone, series.currency, series.spans
                )
                if changed:
                    await nudge_of_zone(conn, feed.tenant_id, series.zone)
            known_until = await self._known_until(conn, feed, now)
            next_at = next_fetch(feed.source, known_until, now)
            if not await feed_store.settle_success(conn, feed, fetched.memory, known_until, now, next_at):
                # It was changed or removed meanwhile: what came is of one that is no more.
                raise _Outdated
            if fetched.limits is None:
                return
            assert isinstance(feed.source, OpenAdr2 | OpenAdr3)
            others = await feed_store.withdraw_others(conn, feed, fetched.limits, now)
            changed = await feed_store.store_fed_limits(conn, feed, feed.source.node, fetched.limits, now)
            if await store.count_limits(conn, feed.tenant_id, feed.site_id, now, fed=True) > MAX_FED_LIMITS:
                raise FeedFailed("too-many-limits")
            if others or changed:
                await nudge(conn, feed.site_id)
                log.info("limits of a feed changed", feed_id=feed.feed_id, changed=changed, withdrawn=others)

    async def _known_until(self, conn: store.Connection, feed: Feed, now: datetime) -> datetime | None:
        """How far the prices that the feed stores are known without a hole."""
        for kind, zone in zones_of(feed.source):
            if kind == "price":
                spans = await store.prices_between(conn, feed.tenant_id, zone, now, now + KNOWN_AHEAD)
                return reach(without_overlaps(spans), now)
        return None

    async def _fail(self, feed: Feed, failed: FeedFailed) -> None:
        now = self._clock.now()
        FETCHES.labels(kind_of(feed.source), "failed").inc()
        log.warning("a feed was not fetched", feed_id=feed.feed_id, why=failed.code, detail=failed.detail)
        memory = Memory() if failed.code in _UNREGISTERED else feed.memory
        next_at = now + back_off(feed.failures + 1)
        async with self._tenants.tenant(feed.tenant_id) as conn:
            await feed_store.settle_failure(conn, feed, failed, memory, now, next_at)
