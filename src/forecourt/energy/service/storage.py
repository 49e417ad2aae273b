"""What batteries say of themselves, and what they are told."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from forecourt.energy.errors import BatteryStatesRefused, BatteryUnknown
from forecourt.energy.service.signals import AHEAD
from forecourt.energy.site import Battery, SiteRecord
from forecourt.energy.storage.model import BatteryState, KnownBattery
from forecourt.energy.store import Connection, storage
from forecourt.energy.store.nudges import nudge

#: States that one request brings.
MAX_STATES: Final = 1_000
#: States that are older tell nothing any more.
MAX_AGE: Final = timedelta(days=1)

#: How many times what it can charge or give a battery is believed to, and what it takes besides, in W: a meter of
#: kilowatts that are told as megawatts would leave nothing for cars.
BELIEVED: Final = 2
STANDBY_W: Final = 1_000


def battery_of(record: SiteRecord, id: str) -> Battery:
    """The battery of a site's tree. Raises BatteryUnknown."""
    batteries = () if record.tree is None else record.tree.batteries
    found = next((each for each in batteries if each.id == id), None)
    if found is None:
        raise BatteryUnknown
    return found


async def say_states(
    conn: Connection,
    tenant_id: int,
    record: SiteRecord,
    battery: Battery,
    states: Sequence[BatteryState],
    now: datetime,
) -> int:
    """Stores what a battery says of itself; how many states were new. Raises BatteryStatesRefused."""
    for each in states:
        if not now - MAX_AGE <= each.at <= now + AHEAD:
            raise BatteryStatesRefused(f"{each.at.isoformat()} is too old to tell anything, or ahead of time.")
        if each.stored_wh > battery.capacity_wh:
            raise BatteryStatesRefused(f"It holds {battery.capacity_wh} Wh at the most. Correct it in the electrics.")
        if not -BELIEVED * battery.discharge_w - STANDBY_W <= each.power_w <= BELIEVED * battery.charge_w + STANDBY_W:
            raise BatteryStatesRefused(
                f"{each.power_w} W is far more than it can charge or give. Send W, or correct it in the electrics."
            )
    # Of several of one time the last counts, and nothing that is ahead of our clock is a state of later.
    last = {min(each.at, now): each for each in states}
    made = [
        BatteryState(at=at, power_w=each.power_w, stored_wh=each.stored_wh, source=each.source)
        for at, each in last.items()
    ]
    stored = await storage.store_states(conn, tenant_id, record.site_id, battery.id, made, now)
    # The answer tells it what it shall do.
    await storage.hear_setpoints(conn, tenant_id, record.site_id, battery.id, max(last), now)
    if stored:
        await nudge(conn, record.site_id)
    return stored


async def find_known(conn: Connection, record: SiteRecord, battery: Battery, now: datetime) -> KnownBattery:
    """What is known of a battery."""
    [found] = await storage.known_batteries(conn, record.tenant_id, record.site_id, [battery.id], now)
    return found
