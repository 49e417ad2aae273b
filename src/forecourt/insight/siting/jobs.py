"""The job that chooses sites: told how far it is as it goes, stopped by whoever wants that, done anew after a crash."""

import asyncio
import threading
from typing import Final

from msgspec import Struct

from forecourt.insight.siting import store
from forecourt.insight.siting.model import Asked, Scenario, SitingRefused, SitingStopped
from forecourt.insight.siting.service import Report, compare
from forecourt.insight.siting.study import Wanted
from forecourt.platform.clock import Clock
from forecourt.platform.database import Pool

#: How often it says how far it is and asks whether it is still wanted.
TELL_EVERY_S: Final = 1.0


class _Hand(Struct):
    """What the thread that chooses says, and is told."""

    over: threading.Event
    done: int = 0
    doing: str = ""


class Siter:
    """Chooses what a study asks for; `tenants` is of role forecourt_app."""

    def __init__(self, tenants: Pool, clock: Clock) -> None:
        self._db = tenants
        self._clock = clock

    async def choose(self, tenant_id: int, study_id: int) -> None:
        """One study, from its beginning. Idempotent: one that has ended stays as it is."""
        async with self._db.tenant(tenant_id) as conn:
            if not await store.begin(conn, tenant_id, study_id, self._clock.now()):
                return
            found, asked = await store.find(conn, tenant_id, study_id), await store.places(conn, tenant_id, study_id)
        assert found is not None
        assert asked is not None
        report, state, reason = None, "done", None
        try:
            report = await self._chosen(tenant_id, study_id, found.listed.wanted, asked)
        except SitingStopped:
            state = "stopped"
        except SitingRefused as fault:
            state, reason = "refused", str(fault)
        async with self._db.tenant(tenant_id) as conn:
            await store.end(conn, tenant_id, study_id, self._clock.now(), state=state, report=report, reason=reason)

    async def _chosen(self, tenant_id: int, study_id: int, wanted: Wanted, asked: Asked) -> Report:
        hand = _Hand(over=threading.Event())
        work = asyncio.create_task(asyncio.to_thread(_compared, asked, wanted.scenarios(), hand))
        try:
            while True:
                done, _ = await asyncio.wait({work}, timeout=TELL_EVERY_S)
                if done:
                    return work.result()
                async with self._db.tenant(tenant_id) as conn:
                    if await store.tell(conn, tenant_id, study_id, hand.done, hand.doing):
                        hand.over.set()
        finally:
            # A worker that ends doesn't wait for what nobody will read.
            hand.over.set()


def _compared(asked: Asked, scenarios: list[Scenario], hand: _Hand) -> Report:
    def progress(what: str, done: int, every: int) -> None:
        hand.doing, hand.done = what, done

    return compare(asked, scenarios, progress, hand.over.is_set)
