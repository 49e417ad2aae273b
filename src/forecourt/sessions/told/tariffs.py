"""Giving stations of OCPP 2.1 that reckon costs themselves the tariffs that count at their EVSEs, as desired state.

A tariff of which anything is lost in the words of 2.1 is given to nobody: such a station would reckon something else
than is billed. It hears running costs instead.
"""

from collections.abc import Mapping
from typing import Any, Final

import msgspec
from msgspec import structs

from forecourt.platform.clock import Clock
from forecourt.platform.database import Pool
from forecourt.pricing.ocpp21 import tariff_21
from forecourt.pricing.service import Chosen, find_place, tariff_for
from forecourt.sessions.told import store
from forecourt.stations.desired.kinds import DEFAULT_TARIFF, default_tariff
from forecourt.stations.desired.model import Want
from forecourt.stations.desired.service import list_desired, want_many

#: Who wants it.
WANTED_BY: Final = "prices"


class TariffJobs:
    """`pool` is of role forecourt_worker, `tenants` of forecourt_app."""

    def __init__(self, pool: Pool, tenants: Pool, clock: Clock) -> None:
        self._worker = pool
        self._tenants = tenants
        self._clock = clock

    async def want_tariffs(self) -> int:
        """Want at each EVSE the tariff that counts there now for everybody; how many are another than before."""
        async with self._worker.anyone() as conn:
            tenants = await store.list_tenants_with_reckoners(conn)
        changed = 0
        for tenant_id in tenants:
            changed += await self._want_of(tenant_id)
        return changed

    async def _want_of(self, tenant_id: int) -> int:
        now = self._clock.now()
        async with self._tenants.tenant(tenant_id) as conn:
            evses = await store.list_reckoning(conn, tenant_id)
            stations = sorted({station for _, station, _ in evses})
            held = {
                (each.station, each.key): each.wanted
                for each in await list_desired(conn, tenant_id, stations)
                if each.kind == DEFAULT_TARIFF
            }
            wants = list[Want]()
            for station_id, station, evse in evses:
                place = await find_place(conn, tenant_id, station_id, evse)
                chosen = None if place is None else await tariff_for(conn, tenant_id, place, now)
                wanted, key = _told(chosen), (station, str(evse))
                # Nobody is asked to forget what he was never given.
                if wanted != held.get(key):
                    wants.append(default_tariff(station, evse, wanted))
            await want_many(conn, tenant_id, wants, WANTED_BY, now)
        return len(wants)


def _told(chosen: Chosen | None) -> Mapping[str, Any] | None:
    """The tariff in the words of 2.1, under an id that names its version; None where there is none, or it loses
    something."""
    if chosen is None:
        return None
    named = structs.replace(chosen.tariff, id=f"{chosen.tariff_id}.{chosen.version}")
    said, lost = tariff_21(named)
    if lost:
        return None
    found: Mapping[str, Any] = msgspec.json.decode(msgspec.json.encode(said))
    return found
