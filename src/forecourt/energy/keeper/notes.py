"""What a keeper notes of its site at each look: what its meters said, what stations hold and shall do by themselves,
who obeys, what is taken, and what limits and prices count. None of it may keep another note, or the site, from what is
next."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any, Final, TypeVar

import structlog
from msgspec import Struct
from prometheus_client import Counter
from psycopg import AsyncConnection

from forecourt.energy import store
from forecourt.energy.dispatch.defaults import default_wants, missing_wants
from forecourt.energy.dispatch.obedience import look
from forecourt.energy.dispatch.standing import may_draw
from forecourt.energy.keeper.checks import Checks
from forecourt.energy.keeper.meters import take_meters
from forecourt.energy.keeper.overloads import note_overloads
from forecourt.energy.keeper.reading import Reading
from forecourt.energy.keeper.telling import ASKED_BY
from forecourt.energy.planning.limits import lasting
from forecourt.energy.service.letting_go import let_go
from forecourt.energy.signals.in_force import PriceHeld, limits_held
from forecourt.energy.storage.model import measured_w
from forecourt.energy.store import in_force, keeping
from forecourt.stations.desired.service import want_many

log = structlog.get_logger(__name__)

#: What a car takes of which nothing was heard for longer is not known.
HEARD_WITHIN: Final = timedelta(minutes=20)
#: The most that is kept of a site's power, in W.
MOST_W: Final = 2**31 - 1

T = TypeVar("T")


FAULTS = Counter("forecourt_energy_keeper_faults_total", "Looks, notes and plans that ended in a fault of the program")


class Noted(Struct, frozen=True, kw_only=True):
    """What was noted of a look: whether what is known of the site is another now, and whether more of what was asked is
    still to come."""

    changed: bool
    more_comes: bool


async def keep_notes(conn: AsyncConnection[Any], reading: Reading, checks: Checks) -> Noted:
    """Keep all that is to be kept of a look, each note by itself. `conn`: a transaction in which it stays planned."""
    record, now = reading.record, reading.known.at
    tenant_id, site_id = record.tenant_id, record.site_id
    taken = await _kept_alone(conn, site_id, "meters", lambda: take_meters(conn, record, now))
    settled = await _kept_alone(conn, site_id, "checks", lambda: checks.settle(conn, now))
    await _kept_alone(conn, site_id, "strays", lambda: let_go_of_strays(conn, tenant_id, site_id, now))
    await _kept_alone(conn, site_id, "defaults", lambda: want_defaults(conn, reading))
    seen = await _kept_alone(conn, site_id, "obedience", lambda: note_obedience(conn, reading))
    await _kept_alone(conn, site_id, "power", lambda: note_power(conn, reading))
    await _kept_alone(conn, site_id, "in force", lambda: note_in_force(conn, reading))
    await _kept_alone(conn, site_id, "overloads", lambda: note_overloads(conn, reading))
    changed = bool(taken) or bool(seen) or (settled is not None and settled.compared)
    return Noted(changed=changed, more_comes=settled is not None and settled.more_comes)


async def _kept_alone(
    conn: AsyncConnection[Any], site_id: int, what: str, keep: Callable[[], Awaitable[T]]
) -> T | None:
    """What came of a note; None where it couldn't be kept, and nothing of it is."""
    try:
        async with conn.transaction():
            return await keep()
    except Exception:
        # Whatever is wrong with one, the others are right; when the database is away the next one says so.
        log.exception("what was seen of a site can't be kept", site=site_id, what=what)
        FAULTS.inc()
        return None


async def let_go_of_strays(conn: AsyncConnection[Any], tenant_id: int, site_id: int, now: datetime) -> None:
    """Take the defaults away from stations that this site has no more to do with."""
    await let_go(conn, tenant_id, await store.strays_of(conn, tenant_id, site_id), ASKED_BY, now)


async def want_defaults(conn: AsyncConnection[Any], reading: Reading) -> None:
    """What stations do while nothing is heard of them. It is wanted of them, so that they get it when they can."""
    known = reading.known
    wants = default_wants(lasting(known.tree, known.outlook), known.settings, reading.unit_of)
    here = {station for station, link in reading.links.items() if not link.gone}
    missing = missing_wants([want for want in wants if want.station in here], reading.desired)
    if missing:
        await want_many(conn, reading.known.tenant_id, missing, ASKED_BY, known.at)


async def note_obedience(conn: AsyncConnection[Any], reading: Reading) -> int:
    """Keep who doesn't obey any more, and who does again and how long it took; how many."""
    known, kept = reading.known, 0
    for number, evse in enumerate(known.tree.evses):
        standing, station_id = known.standings[number], reading.station_ids.get(evse.station)
        seen = look(standing)
        if station_id is None or seen is None:
            continue
        if seen.obeys and not standing.disobeys:
            log.info("what a car draws fell to its limit", station=evse.station, evse=evse.evse,
                     obey_s=seen.obey_s, proven=seen.proven)  # fmt: skip
        elif seen.obeys:
            log.info("a station obeys again", station=evse.station, evse=evse.evse, obey_s=seen.obey_s)
        else:
            log.warning("a station draws more than it may", station=evse.station, evse=evse.evse,
                        drawn_ma=standing.drawn_ma)  # fmt: skip
        since = None if seen.obeys else standing.drawn_at
        await keeping.store_obedience(
            conn,
            reading.known.tenant_id,
            station_id,
            evse.evse,
            since,
            seen.obey_s,
            proven=seen.proven,
            fell_at=seen.fell_at,
            fell_s=seen.fell_s,
        )
        kept += 1
    return kept


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


async def note_in_force(conn: AsyncConnection[Any], reading: Reading) -> None:
    """Keep which limit counts at each node, and what a kWh costs, where that is another than before."""
    known, outlook = reading.known, reading.known.outlook
    held = limits_held(known.tree, reading.said, known.at)
    await in_force.keep_limits(conn, known.tenant_id, known.site_id, held)
    price = PriceHeld(
        at=known.at,
        price=outlook.price.values[0],
        stands_in=outlook.price.stand_in[0],
        source=outlook.price.provenance.source,
    )
    await in_force.keep_price(conn, known.tenant_id, known.site_id, price, outlook.currency)


def _kept(power_w: float) -> int:
    """A power as it is kept: what can't be meant must not keep a site from being planned."""
    return int(min(max(power_w, -MOST_W), MOST_W))
