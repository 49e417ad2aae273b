"""The job that chooses sites: told how far it is as it goes, stopped by whoever wants that, done anew after a crash.

Whatever goes wrong ends a study with words for whoever asked. One that nobody has in hand any more, for its worker
died, is begun anew, so often only: what kills workers must not kill them for ever.
"""

import asyncio
import threading
from datetime import timedelta
from typing import Final

import structlog
from msgspec import Struct
from psycopg import OperationalError

from forecourt.insight.siting import store
from forecourt.insight.siting.model import Asked, Scenario, SitingRefused, SitingStopped
from forecourt.insight.siting.report import Report
from forecourt.insight.siting.service import compare
from forecourt.insight.siting.studies import ASKED
from forecourt.insight.siting.study import Wanted
from forecourt.platform import outbox
from forecourt.platform.apart import apart
from forecourt.platform.clock import Clock
from forecourt.platform.database import Pool
from forecourt.ui.i18n import mark

log = structlog.get_logger(__name__)

#: How often it says how far it is and asks whether it is still wanted.
TELL_EVERY_S: Final = 1.0
#: A running one of which nobody was heard for so long is begun anew; one that waits so long is offered again, for its
#: job may be lost.
SILENT: Final = timedelta(minutes=2)
LOST: Final = timedelta(hours=6)
#: How often one is begun.
MAX_TRIES: Final = 3
#: A study may take so many times the seconds of its scenarios, and so many more: making a model isn't counted there.
LATE_TIMES: Final = 2.0
LATE_S: Final = 300.0

FAILED: Final = mark(
    "Something went wrong that is no fault of your files. It stands in the log of the worker, with the number of this"
    " study. Ask again, and tell whoever runs the system if it happens again."
)
GAVE_UP: Final = mark(
    "It was begun several times, and each time the program that chooses ended in the middle of it: it may need more"
    " memory than there is. Ask again with fewer places, or fewer scenarios."
)
TOO_LONG: Final = mark(
    "It took far longer than its scenarios may take, and was ended. Ask again with fewer places, or fewer scenarios."
)


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
        """One study, from its beginning. Idempotent: one that has ended or is in other hands stays as it is. Raises
        OperationalError while the database is away: `tend` takes up what is left then."""
        async with self._db.tenant(tenant_id) as conn:
            begun = await store.begin(conn, tenant_id, study_id, self._clock.now())
        if begun is None:
            return
        report, state, reason = None, "stopped", None
        try:
            if begun.tries > MAX_TRIES:
                raise SitingRefused(GAVE_UP)
            if not begun.stop_wanted:
                report, state = await self._chosen(tenant_id, study_id, begun.tries), "done"
                await self._end(tenant_id, study_id, begun.tries, state, report, None)
                return
        except SitingStopped:
            pass
        except SitingRefused as fault:
            state, reason = "refused", fault.detail
        except OperationalError:
            raise
        except Exception:
            log.exception("a study of new sites failed", tenant_id=tenant_id, study=study_id)
            state, reason = "refused", FAILED
        await self._end(tenant_id, study_id, begun.tries, state, None, reason)

    async def tend(self, workers: Pool) -> int:
        """Has studies begun anew that nobody has in hand; how many. `workers` is of role forecourt_worker."""
        now = self._clock.now()
        running, waiting = now - SILENT, now - LOST
        async with workers.anyone() as conn:
            left = await store.list_left(conn, running, waiting)
        offered = 0
        for tenant_id, study_id in left:
            with apart("a study could not be offered again", tenant_id=tenant_id, study=study_id):
                async with self._db.tenant(tenant_id) as conn:
                    if await store.offer(conn, tenant_id, study_id, running, waiting, now):
                        await outbox.write(conn, tenant_id, ASKED, str(study_id))
                        offered += 1
        return offered

    async def _end(
        self, tenant_id: int, study_id: int, tries: int, state: str, report: Report | None, reason: str | None
    ) -> None:
        now = self._clock.now()
        async with self._db.tenant(tenant_id) as conn:
            await store.end(conn, tenant_id, study_id, tries, now, state=state, report=report, reason=reason)

    async def _chosen(self, tenant_id: int, study_id: int, tries: int) -> Report:
        async with self._db.tenant(tenant_id) as conn:
            found, asked = await store.find(conn, tenant_id, study_id), await store.places(conn, tenant_id, study_id)
        assert found is not None, "what is in hand can't be deleted"
        assert asked is not None
        scenarios = found.listed.wanted.scenarios()
        late_s = self._clock.monotonic() + allowed_s(found.listed.wanted, len(scenarios))
        hand = _Hand(over=threading.Event())
        work = asyncio.create_task(asyncio.to_thread(_compared, asked, scenarios, hand))
        try:
            while True:
                done, _ = await asyncio.wait({work}, timeout=TELL_EVERY_S)
                if done:
                    return work.result()
                if self._clock.monotonic() > late_s:
                    raise SitingRefused(TOO_LONG)
                async with self._db.tenant(tenant_id) as conn:
                    if await store.tell(conn, tenant_id, study_id, tries, self._clock.now(), hand.done, hand.doing):
                        hand.over.set()
        finally:
            # A worker that ends doesn't wait for what nobody will read.
            hand.over.set()


def allowed_s(wanted: Wanted, scenarios: int) -> float:
    """After how many seconds a study is ended that should have ended by itself."""
    return LATE_TIMES * wanted.seconds * scenarios + LATE_S


def _compared(asked: Asked, scenarios: list[Scenario], hand: _Hand) -> Report:
    def progress(what: str, done: int, every: int) -> None:
        hand.doing, hand.done = what, done

    return compare(asked, scenarios, progress, hand.over.is_set)
