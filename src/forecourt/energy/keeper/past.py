"""What is read of a site's past for every look and hardly changes between two: what its meters said for weeks, and the
highest power of the billing month."""

from datetime import datetime, timedelta
from typing import Any, Final

from psycopg import AsyncConnection

from forecourt.energy.service.signals import learned_readings
from forecourt.energy.signals.model import Reading
from forecourt.energy.signals.outlook import Demand
from forecourt.energy.site import SiteRecord
from forecourt.energy.store import peaks

#: How long the readings by which forecasts are made are good. What a meter said last is read at each look.
GOOD_FOR: Final = timedelta(minutes=15)


class Past:
    """Of one site, in memory; read anew where it is not good any more."""

    def __init__(self) -> None:
        self._readings: dict[str, list[Reading]] = {}
        self._read_at: datetime | None = None
        self._month: tuple[datetime, int] | None = None
        self._counted_to: datetime | None = None
        self._highest_w = 0

    async def readings(self, conn: AsyncConnection[Any], record: SiteRecord, now: datetime) -> dict[str, list[Reading]]:
        """What forecasts learn from."""
        if self._read_at is None or not timedelta(0) <= now - self._read_at < GOOD_FOR:
            self._readings = await learned_readings(conn, record, now)
            self._read_at = now
        return self._readings

    async def paid_w(self, conn: AsyncConnection[Any], record: SiteRecord, demand: Demand, now: datetime) -> int:
        """The highest mean power that the site took in a whole span of its demand charge in this billing month."""
        month, span = (demand.begins_at, demand.minutes), timedelta(minutes=demand.minutes)
        if month != self._month or (self._counted_to is not None and now < self._counted_to):
            self._month, self._counted_to, self._highest_w = month, None, 0
        if self._counted_to is None or now - self._counted_to >= span:
            since = demand.begins_at if self._counted_to is None else self._counted_to
            found = await peaks.highest_power(conn, record.tenant_id, record.site_id, since, now, demand.minutes)
            self._highest_w = max(self._highest_w, found)
            self._counted_to = peaks.begin_of(now, demand.minutes)
        return self._highest_w
