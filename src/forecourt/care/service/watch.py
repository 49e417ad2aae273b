"""Looking at all stations of an organisation, or at one: what is wrong opens incidents, what is over closes them."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from msgspec import Struct

from forecourt.care.model import (
    Finding,
    IncidentKind,
    Place,
    Present,
    Unsure,
    can_be_calm,
    can_come,
    compare,
    fault,
    flapping,
    not_accepted,
    offline,
    unplanned,
)
from forecourt.care.store import Connection, conditions, incidents
from forecourt.platform import outbox

OPENED: Final = "incident.opened"
CLOSED: Final = "incident.closed"
#: Something opened or closed: one row an organisation, however many incidents.
CHANGED: Final = "incidents.changed"


class Looked(Struct, frozen=True, kw_only=True):
    """What a look changed: incidents that opened, that closed themselves, and of which more is known."""

    opened: list[UUID]
    closed: list[UUID]
    told_more: int

    def __bool__(self) -> bool:
        return bool(self.opened or self.closed or self.told_more)


async def look(conn: Connection, tenant_id: int, now: datetime, station_id: int | None = None) -> Looked:
    """Bring the incidents of an organisation, or of one of its stations, up to what is wrong now. Idempotent."""
    await incidents.watch_alone(conn, tenant_id)
    present = await incidents.list_present(conn, tenant_id, station_id)
    changes = compare(present, await _find(conn, tenant_id, now, station_id, present))
    closed = []
    for gone in changes.gone:
        if await incidents.end(conn, tenant_id, gone.incident_id, now):
            closed.append(gone.incident_id)
        await incidents.add_event(conn, tenant_id, gone.incident_id, "gone", now)
    for incident_id, finding in changes.told_more:
        await incidents.tell_more(conn, tenant_id, incident_id, finding, now)
    opened = await _open(conn, tenant_id, changes.opened, now)
    await say(conn, tenant_id, OPENED, opened)
    await say(conn, tenant_id, CLOSED, closed)
    return Looked(opened=opened, closed=closed, told_more=len(changes.told_more))


async def say(conn: Connection, tenant_id: int, event: str, incident_ids: Sequence[UUID]) -> None:
    """Has others hear after the commit of each incident, and the worker once that people may have to be told."""
    if incident_ids:
        await incidents.say_changed(conn, tenant_id, event, incident_ids)
        await outbox.write(conn, tenant_id, CHANGED, str(tenant_id))


async def _open(conn: Connection, tenant_id: int, findings: Iterable[Finding], now: datetime) -> list[UUID]:
    findings = list(findings)
    stations = {one.place.station_id for one in findings if one.place.station_id is not None}
    named = await conditions.name_stations(conn, tenant_id, sorted(stations))
    opened = []
    for finding in findings:
        place = finding.place
        of_site = conditions.Named(station_id=None, station=None, site_id=place.site_id)
        of = of_site if place.station_id is None else named[place.station_id]
        incident_id = await incidents.open_incident(conn, tenant_id, finding, of, now)
        if incident_id is not None:
            await incidents.add_event(conn, tenant_id, incident_id, "opened", now)
            opened.append(incident_id)
    return opened


async def _find(
    conn: Connection, tenant_id: int, now: datetime, station_id: int | None, present: Iterable[Present]
) -> list[Finding | Unsure]:
    listening_since = await conditions.listening_since(conn)
    found: list[Finding | Unsure | None] = [
        fault(seen, now) for seen in await conditions.list_faulted(conn, tenant_id, station_id)
    ]
    away = await conditions.list_away(conn, tenant_id, station_id, now)
    found += [offline(one, listening_since, now) for one in away]
    found += await _find_flapping(conn, tenant_id, now, station_id, listening_since, present)
    refused = await conditions.list_refused(conn, tenant_id, station_id)
    found += [not_accepted(one, listening_since, now) for one in refused]
    found += await conditions.list_quarantined(conn, tenant_id, station_id)
    found += await conditions.list_failed_starts(conn, tenant_id, station_id, now)
    found += await conditions.list_wrong_clocks(conn, tenant_id, station_id, now)
    found += await conditions.list_ghosts(conn, tenant_id, station_id)
    found += await conditions.list_disobeying(conn, tenant_id, station_id)
    found += await conditions.list_ending_holds(conn, tenant_id, station_id, now)
    found += await conditions.list_wearing(conn, tenant_id, station_id)
    if station_id is None:
        found += await conditions.list_overloaded(conn, tenant_id, now)
        found += await conditions.list_excesses(conn, tenant_id, now)
        planning = await conditions.list_planning(conn, tenant_id)
        found += [unplanned(one, listening_since, now) for one in planning]
    return [one for one in found if one is not None]


async def _find_flapping(
    conn: Connection,
    tenant_id: int,
    now: datetime,
    station_id: int | None,
    listening_since: datetime | None,
    present: Iterable[Present],
) -> list[Finding | Unsure | None]:
    """What loses its connection again and again, and what did so and can't have calmed down yet."""
    flapped = {
        one.place.station_id
        for one in present
        if one.kind is IncidentKind.FLAPPING and one.place.station_id is not None
    }
    found: list[Finding | Unsure | None] = []
    if listening_since is not None and can_come(listening_since, now):
        losses = await conditions.list_losses(conn, tenant_id, station_id, now, listening_since)
        found += [flapping(one, flapped) for one in losses]
    if flapped and not can_be_calm(listening_since, now):
        in_service = await conditions.name_stations(conn, tenant_id, sorted(flapped))
        found += [Unsure(kind=IncidentKind.FLAPPING, place=Place(station_id=one)) for one in in_service]
    return found
