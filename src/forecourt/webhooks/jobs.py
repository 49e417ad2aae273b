"""From an event in the outbox to a delivery in line, and out of the house again when it is old."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import msgspec
import structlog

from forecourt.platform.clock import Clock
from forecourt.platform.database import Pool
from forecourt.webhooks import service, store
from forecourt.webhooks.model import KEEP, KEEP_UPDATES, TEST, Describe, Kind, event_id, named

log = structlog.get_logger(__name__)

#: Old events deleted in one transaction.
DELETED_AT_ONCE = 5_000


class WebhookJobs:
    """Durable follow-up work, each piece idempotent. `pool` is of role forecourt_worker, `tenants` of forecourt_app;
    `keep` None: what was told is kept for ever."""

    def __init__(
        self,
        pool: Pool,
        tenants: Pool,
        clock: Clock,
        describe: Mapping[Kind, Describe],
        console_url: str,
        *,
        keep: timedelta | None = KEEP,
    ) -> None:
        self._worker = pool
        self._tenants = tenants
        self._clock = clock
        self._describe = describe
        self._console_url = console_url
        self._keep = keep

    async def tell(self, kind: Kind, *, tenant_id: int, subject: str) -> None:
        """Puts an event in line for whoever wants to hear of it; one that says what was said before is no news."""
        async with self._tenants.tenant(tenant_id) as conn:
            followers = await store.list_followers(conn, tenant_id, kind)
            if not followers:
                return
            data = await self._describe[kind](conn, tenant_id, subject)
            if data is None:
                return
            now = self._clock.now()
            name = event_id(kind, subject, msgspec.json.encode(data))
            body = service.envelope(kind, now, data).decode()
            if not await store.insert_event(
                conn, tenant_id, event_id=name, kind=kind, subject=named(data, subject), at=now, body=body
            ):
                return
            for row in followers:
                if await store.is_full(conn, tenant_id, row.webhook_id):
                    await service.pause(conn, tenant_id, row.webhook_id, "backlog", now, self._console_url)
                    continue
                state = "waiting" if row.paused_at is None else "held"
                await store.insert_delivery(conn, tenant_id, row.webhook_id, name, state, now)

    async def following(self, kind: Kind) -> list[int]:
        """Organisations of which somebody wants to hear of this."""
        async with self._worker.anyone() as conn:
            return await store.list_tenants_following(conn, kind)

    async def tidy(self) -> int:
        """Deletes what is older than what is kept; how much."""
        deleted = 0
        for kind in (*Kind, TEST):
            keep = KEEP_UPDATES if kind is Kind.SESSION_UPDATED else self._keep
            if keep is None:
                continue
            before = self._clock.now() - keep
            more = DELETED_AT_ONCE
            while more == DELETED_AT_ONCE:
                async with self._worker.anyone() as conn:
                    more = await store.delete_old(conn, kind, before, DELETED_AT_ONCE)
                deleted += more
        return deleted


def task_of(jobs: WebhookJobs, kind: Kind) -> Any:
    """The task that follows one kind of event."""

    async def tell(tenant_id: int, subject: str) -> None:
        await jobs.tell(kind, tenant_id=tenant_id, subject=subject)

    return tell
