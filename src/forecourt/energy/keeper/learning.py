"""What the keeper of a site has learnt of its past: who comes and when they leave, and which highest power would have
been best. It is read anew when what was read of it is old; without it is planned all the same."""

import asyncio
from collections.abc import Callable, Coroutine
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
import structlog

from forecourt.energy.expecting import Forecaster
from forecourt.energy.keeper.foresight import Foresight, read_foresight
from forecourt.energy.keeper.notes import FAULTS
from forecourt.energy.keeper.worthwhile import read_days, worthwhile_w
from forecourt.energy.site import SiteRecord
from forecourt.platform.clock import Clock
from forecourt.platform.database import Pool
from forecourt.platform.errors import ForecourtError

log = structlog.get_logger(__name__)


class Learnt:
    """Of one site. `looking_back` lets one site of the process count its past days at a time, `beside` does what no
    turn waits for."""

    def __init__(
        self, tenant_id: int, site_id: int, *, tenants: Pool, clock: Clock, looking_back: asyncio.Semaphore,
        beside: Callable[[Coroutine[Any, Any, None]], None], forecaster: Forecaster,
    ) -> None:  # fmt: skip
        self._tenant_id, self._site_id = tenant_id, site_id
        self._tenants = tenants
        self._clock = clock
        self._looking_back = looking_back
        self._beside = beside
        self._forecaster = forecaster
        self.foresight: Foresight | None = None
        self._looked_back_on: tuple[date, int] | None = None
        self._worthwhile_w = 0

    def take_up(self, worthwhile_w: int) -> None:
        """Go by a highest power that was found before until it is counted anew."""
        self._worthwhile_w = self._worthwhile_w or worthwhile_w

    def of(self, version: int) -> Foresight | None:
        """What was foreseen, if that is of this version of the site's tree."""
        return None if self.foresight is None or self.foresight.version != version else self.foresight

    async def learn(self, record: SiteRecord) -> bool:
        """Reads what the past says where what was read of it is old; whether it was."""
        now = self._clock.now()
        evses = () if record.tree is None else record.tree.evses
        if self.foresight is not None and self.foresight.holds(record.version, evses, now):
            return False
        try:
            async with self._tenants.tenant(self._tenant_id) as conn:
                foresight = await read_foresight(conn, record, now, self._forecaster)
        except (psycopg.Error, ForecourtError, OSError) as fault:
            log.warning("the past of a site can't be read", site=self._site_id, fault=type(fault).__name__)
            return False
        except Exception:
            log.exception("the past of a site can't be read", site=self._site_id)
            FAULTS.inc()
            return False
        self._look_back(foresight, record, now)
        self.foresight = foresight
        return True

    def _look_back(self, foresight: Foresight, record: SiteRecord, now: datetime) -> None:
        """Once a day, for it changes with the days that are over alone; nobody waits for it."""
        foresight.worthwhile_w = self._worthwhile_w
        today = now.astimezone(ZoneInfo(record.zone)).date(), record.version
        if today != self._looked_back_on:
            self._looked_back_on = today
            self._beside(self._count_days(foresight, record, now))

    async def _count_days(self, foresight: Foresight, record: SiteRecord, now: datetime) -> None:
        """One site at a time, apart from the plans that are due. Where it fails it is done tomorrow."""
        async with self._looking_back:
            try:
                async with self._tenants.tenant(self._tenant_id) as conn:
                    read = await read_days(conn, record, foresight.visits, now)
                found_w = 0 if read is None else await asyncio.to_thread(lambda: worthwhile_w(read()))
            except Exception:
                log.exception("the past days of a site can't be counted", site=self._site_id)
                return
            foresight.worthwhile_w = self._worthwhile_w = found_w
