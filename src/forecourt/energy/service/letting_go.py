"""Stations that smart charging has no more to do with: the defaults that it gave them are taken away."""

from collections.abc import Iterable
from datetime import datetime

from forecourt.energy.dispatch.profiles import STACK_LEVEL
from forecourt.energy.store import Connection
from forecourt.ocpp.neutral import Purpose
from forecourt.stations.desired.kinds import CHARGING_PROFILE, no_charging_profile, profile_key
from forecourt.stations.desired.service import list_desired, want_many


async def let_go(conn: Connection, tenant_id: int, evses: Iterable[tuple[str, int]], by: str, at: datetime) -> int:
    """Wants the default profiles of these EVSEs away, as far as there are any; how many. Nobody would raise any more
    what they allow. The limits of transactions run out by themselves."""
    places = {(station, profile_key(evse, Purpose.TX_DEFAULT, STACK_LEVEL)): evse for station, evse in evses}
    held = await list_desired(conn, tenant_id, sorted({station for station, _ in places}))
    wants = [
        no_charging_profile(each.station, places[each.station, each.key], Purpose.TX_DEFAULT, STACK_LEVEL)
        for each in held
        if each.kind == CHARGING_PROFILE and each.wanted is not None and (each.station, each.key) in places
    ]
    await want_many(conn, tenant_id, wants, by, at)
    return len(wants)
