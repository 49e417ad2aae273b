"""What people do with incidents: see them, put them aside, settle them, act on them."""

from datetime import datetime
from uuid import UUID

from msgspec import Struct

from forecourt.access import Actor, Forbidden, Verb, audit
from forecourt.access.model import roles_for
from forecourt.care.model import IncidentClosed, IncidentUnknown, check_snooze
from forecourt.care.service.watch import CLOSED, say
from forecourt.care.store import Connection, incidents
from forecourt.care.store.incidents import IncidentRow
from forecourt.care.words import Action, action_for
from forecourt.ocpp.neutral import ResetType
from forecourt.platform.database import Pool
from forecourt.sessions.remote.service import remote_stop
from forecourt.stations import control
from forecourt.stations import service as stations
from forecourt.stations.commands import Commander

#: What each action asks of who does it.
VERBS = {
    Action.CREDENTIALS: Verb.CHANGE_STATIONS,
    Action.ACCEPT: Verb.CHANGE_STATIONS,
    Action.STOP: Verb.CONTROL,
    Action.RESET: Verb.RESET,
    Action.UNLOCK: Verb.CONTROL,
    Action.READ: Verb.REVIEW,
}


async def find_incident(conn: Connection, tenant_id: int, incident_id: UUID) -> IncidentRow:
    """The incident of this id. Raises IncidentUnknown."""
    row = await incidents.find(conn, tenant_id, incident_id)
    if row is None:
        raise IncidentUnknown
    return row


async def acknowledge(
    conn: Connection, actor: Actor, incident_id: UUID, note: str | None, now: datetime
) -> IncidentRow:
    """Says that somebody sees to it. Twice adds a note; the first who did stays named. Raises as `_held`."""
    await _held(conn, actor.tenant_id, incident_id)
    await incidents.acknowledge(conn, actor.tenant_id, incident_id, actor.name, now)
    return await _noted(conn, actor, incident_id, "acknowledged", note, now)


async def snooze(
    conn: Connection, actor: Actor, incident_id: UUID, until: datetime | None, note: str | None, now: datetime
) -> IncidentRow:
    """Puts an incident aside until a time; None takes it up again. Raises SnoozeRefused, and as `_held`."""
    if until is not None:
        check_snooze(until, now)
    await _held(conn, actor.tenant_id, incident_id)
    await incidents.snooze(conn, actor.tenant_id, incident_id, until, now)
    return await _noted(conn, actor, incident_id, "snoozed", note, now, until=until)


async def close(conn: Connection, actor: Actor, incident_id: UUID, note: str | None, now: datetime) -> IncidentRow:
    """Settles an incident. It stays closed while nothing new is said of its cause. Raises as `_held`."""
    await _held(conn, actor.tenant_id, incident_id)
    await incidents.close(conn, actor.tenant_id, incident_id, actor.name, now)
    await say(conn, actor.tenant_id, CLOSED, [incident_id])
    return await _noted(conn, actor, incident_id, "closed", note, now)


async def _held(conn: Connection, tenant_id: int, incident_id: UUID) -> None:
    """Locks an open incident. Raises IncidentUnknown, IncidentClosed."""
    if not await incidents.lock(conn, tenant_id, incident_id):
        raise IncidentUnknown
    if (await find_incident(conn, tenant_id, incident_id)).closed_at is not None:
        raise IncidentClosed


async def _noted(
    conn: Connection,
    actor: Actor,
    incident_id: UUID,
    event: str,
    note: str | None,
    now: datetime,
    *,
    until: datetime | None = None,
) -> IncidentRow:
    note = note or None
    await incidents.add_event(conn, actor.tenant_id, incident_id, event, now, actor=actor.name, note=note, until=until)
    await audit(conn, actor, f"{event} incident", f"incident:{incident_id}", {"note": note} if note else {})
    return await find_incident(conn, actor.tenant_id, incident_id)


class Acted(Struct, frozen=True, kw_only=True):
    """What came of an action: whether the station agreed, in its own word."""

    accepted: bool
    status: str


def may_act(actor: Actor, action: Action) -> bool:
    """Whether this person may do it; everybody may look."""
    verb = VERBS.get(action)
    return verb is None or actor.may(verb)


async def act(
    db: Pool, commander: Commander, secret_key: bytes, actor: Actor, incident_id: UUID, now: datetime
) -> Acted:
    """Does the next action of an open incident, which then counts as seen.

    Raises IncidentUnknown, IncidentClosed, Forbidden, and what the verbs of stations and sessions raise.
    """
    async with db.tenant(actor.tenant_id) as conn:
        row = await find_incident(conn, actor.tenant_id, incident_id)
    if row.closed_at is not None:
        raise IncidentClosed
    action = action_for(row.kind, row.detail)
    if not may_act(actor, action):
        verb = VERBS[action]
        raise Forbidden(
            f"To {verb.value} needs the role {' or '.join(roles_for(verb))}; you are {actor.role.value}.",
            needs=roles_for(verb),
        )
    acted = await _do(db, commander, secret_key, actor, row, action)
    async with db.tenant(actor.tenant_id) as conn:
        await incidents.acknowledge(conn, actor.tenant_id, incident_id, actor.name, now)
        await incidents.add_event(
            conn, actor.tenant_id, incident_id, "acted", now, actor=actor.name, note=f"{action.value}: {acted.status}"
        )
    return acted


async def _do(
    db: Pool, commander: Commander, secret_key: bytes, actor: Actor, row: IncidentRow, action: Action
) -> Acted:
    match action:
        case Action.ACCEPT:
            assert row.station is not None
            async with db.tenant(actor.tenant_id) as conn:
                await stations.change_station(conn, actor, secret_key, row.station, {"registration": "accepted"}, None)
            return Acted(accepted=True, status="Accepted")
        case Action.READ:
            async with db.tenant(actor.tenant_id) as conn:
                for number in row.detail["numbers"]:
                    await stations.review_quarantined(conn, actor, number)
            return Acted(accepted=True, status="Accepted")
        case Action.STOP:
            assert row.session_id is not None
            obeyed = await remote_stop(db, commander, actor, row.session_id)
        case Action.RESET:
            assert row.station is not None
            obeyed = await control.reset(db, commander, actor, row.station, ResetType.SOFT)
        case Action.UNLOCK:
            assert row.evse is not None
            assert row.station is not None
            connector = row.connector or 1
            obeyed = await control.unlock(db, commander, actor, row.station, evse=row.evse, connector=connector)
        case Action.LOOK | Action.PLAN | Action.CREDENTIALS | Action.SESSION:
            raise AssertionError("what leads elsewhere is done there")
    return Acted(accepted=obeyed.accepted, status=obeyed.status)
