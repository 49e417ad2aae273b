"""What open pages are told of incidents, by dot-key, on top of what stations and sessions say of themselves."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from forecourt.care.store.days import load_since
from forecourt.care.store.incidents import OpenCount, count_open
from forecourt.platform.clock import Clock
from forecourt.platform.database import Pool

Value = str | int | float | bool | None

#: The window of the chart beside the stations.
LOAD_WINDOW: Final = timedelta(minutes=15)

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def cells(count: OpenCount) -> dict[str, str | int | None]:
    """`totals.incidents`, how many are open; `.incident`, the id of the latest that opened; `.incidents_at`, when any
    changed, in ms: a page that shows incidents reads them anew when it moves."""
    return {
        "totals.incidents": count.all,
        "totals.incident": count.latest,
        "totals.incidents_at": changed_ms(count),
    }


def changed_ms(count: OpenCount) -> int | None:
    """When any incident changed, in ms: what a page that was made from this count knows."""
    return None if count.changed_at is None else (count.changed_at - _EPOCH) // timedelta(milliseconds=1)


class LiveIncidents:
    """The totals of incidents, for the live hub and for pages."""

    def __init__(self, db: Pool, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    async def totals(self, tenant_id: int, /) -> Mapping[str, Value]:
        """The cells above."""
        async with self._db.tenant(tenant_id) as conn:
            return dict(cells(await count_open(conn, tenant_id, self._clock.now())))


class RecentLoad:
    """What the chart beside the stations starts from: the load in W of the last minutes."""

    def __init__(self, db: Pool, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    async def __call__(self, tenant_id: int, /) -> Sequence[tuple[datetime, int]]:
        async with self._db.tenant(tenant_id) as conn:
            return await load_since(conn, tenant_id, self._clock.now() - LOAD_WINDOW)
