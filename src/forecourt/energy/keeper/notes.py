"""What a keeper notes of its site at each look: what stations shall do by themselves, who obeys, and what is taken."""

from datetime import timedelta
from typing import Any, Final

import structlog
from psycopg import AsyncConnection

from forecourt.energy.dispatch.defaults import default_wants, missing_wants
from forecourt.energy.dispatch.obedience import look
from forecourt.energy.dispatch.standing import may_draw
from forecourt.energy.keeper.limits import lasting
from forecourt.energy.keeper.reading import Reading
from forecourt.energy.keeper.telling import ASKED_BY
from forecourt.energy.storage.model import measured_w
from forecourt.energy.store import keeping
from forecourt.stations.desired.service import want_many

log = structlog.get_logger(__name__)

#: What a car takes of which nothing was heard for longer is not known.
HEARD_WITHIN: Final = timedelta(minutes=20)
#: The most that is kept of a site's power, in W.
MOST_W: Final = 2**31 - 1


async def want_defaults(conn: AsyncConnection[Any], reading: Reading) -> None:
    """What stations do while nothing is heard of them. It is wanted of them, so that they get it when they can."""
    known = reading.known
    wants = default_wants(lasting(known.tree, known.outlook), known.settings, reading.unit_of)
    missing = missing_wants([want for want in wants if want.station in reading.links], reading.desired)
    if missing:
        await want_many(conn, reading.known.tenant_id, missing, ASKED_BY, known.at)


async def note_obedience(conn: AsyncConnection[Any], reading: Reading) -> None:
    """Keep who doesn't obey any more, and who does again and how long it took."""
    known = reading.known
    for number, evse in enumerate(known.tree.evses):
        standing, station_id = known.standings[number], reading.station_ids.get(evse.station)
        seen = look(standing)
        if station_id is None or seen is None:
            continue
        if seen.obeys and not standing.disobeys:
            log.info("a station obeys sooner than was known", station=evse.station, evse=evse.evse,
                     obey_s=seen.obey_s)  # fmt: skip
        elif seen.obeys:
            log.info("a station obeys again", station=evse.station, evse=evse.evse, obey_s=seen.obey_s)
        else:
            log.warning("a station draws more than it may", station=evse.station, evse=evse.evse,
                        drawn_ma=standing.drawn_ma)  # fmt: skip
        since = None if seen.obeys else standing.drawn_at
        await keeping.store_obedience(conn, reading.known.tenant_id, station_id, evse.evse, since, seen.obey_s)


async def note_power(conn: AsyncConnection[Any], reading: Reading) -> None:
    """Keep what the site takes and may take."""
    known = reading.known
    electrics = known.tree.electrics
    allowed_w = sum(
        may_draw(standing, known.at)[0] / 1000 * electrics.watts_per_ampere(evse)
        for standing, evse in zip(known.standings, electrics.evses, strict=True)
    )
    await keeping.insert_power(
        conn, reading.known.tenant_id, reading.known.site_id, known.at,
        charging_w=_kept(sum(car.power_w or 0 for car in known.cars)),
        load_w=_kept(sum(each.power_w.values[0] for each in known.outlook.loads)),
        solar_w=_kept(sum(each.power_w.values[0] for each in known.outlook.solar if not each.power_w.stand_in[0])),
        allowed_w=_kept(allowed_w),
        battery_w=_kept(sum(measured_w(each, known.at) for each in known.batteries)),
        measured=not any(each.power_w.stand_in[0] for each in known.outlook.loads)
        and not any(known.at - car.heard_at > HEARD_WITHIN for car in reading.cars.values()),
    )  # fmt: skip


def _kept(power_w: float) -> int:
    """A power as it is kept: what can't be meant must not keep a site from being planned."""
    return int(min(max(power_w, -MOST_W), MOST_W))
