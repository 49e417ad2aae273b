"""Stations that measure a building or a solar plant: what they said since it was looked at last becomes readings, as a
program's do that says them by the API."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from msgspec.structs import replace
from psycopg import AsyncConnection

from forecourt.energy import store
from forecourt.energy.signals.meters import LONGEST_GAP, readings_of
from forecourt.energy.signals.model import Reading
from forecourt.energy.site import Load, SiteRecord, Solar
from forecourt.energy.store import meters
from forecourt.platform.clock import AHEAD

#: What was measured longer ago is not looked at: forecasts need the last days, and those were looked at then.
LOOK_BACK: Final = timedelta(days=1)
#: What a station says whose clock is ahead is read as often as its time hasn't come, and stored again after so long.
AGAIN: Final = timedelta(minutes=1)


async def take_meters(conn: AsyncConnection[Any], record: SiteRecord, now: datetime) -> int:
    """Store what is new; how many readings that are. A meter that two things name measures each of them."""
    tree = record.tree
    assert tree is not None
    attached: tuple[Load | Solar, ...] = (*tree.loads, *tree.solar)
    named = [(each, each.meter) for each in attached if each.meter is not None]
    if not named:
        return 0
    latest = await store.latest_readings(conn, record.tenant_id, record.site_id, now)
    since: dict[str, datetime] = {}
    for each, station in named:
        # One more is read, by which registers are counted.
        behind = max(latest[each.id].at if each.id in latest else now - LOOK_BACK, now - LOOK_BACK) - LONGEST_GAP
        since[station] = min(since.get(station, behind), behind)
    measured = await meters.measured_of(conn, record.tenant_id, since, now + AHEAD)
    stored = 0
    for each, station in named:
        charging = frozenset(evse.evse for evse in tree.evses if evse.station == station)
        found = readings_of(measured.get(station, ()), station, charging, tree.voltage_v, gives=isinstance(each, Solar))
        fresh = _fresh(found, latest.get(each.id), now)
        if fresh:
            stored += await store.store_readings(conn, record.tenant_id, record.site_id, each.id, fresh, now)
    return stored


def _fresh(found: Sequence[Reading], latest: Reading | None, now: datetime) -> list[Reading]:
    """What is newer than the latest that is known, each time once; what is ahead of our clock was measured by now."""
    fresh: dict[datetime, Reading] = {}
    for each in found:
        known = latest is not None and (
            each.at <= latest.at or (each.at > now and each.power_w == latest.power_w and now - latest.at < AGAIN)
        )
        if not known:
            at = min(each.at, now)
            fresh[at] = replace(each, at=at)
    return list(fresh.values())
