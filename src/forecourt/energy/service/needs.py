"""What drivers need: of one session, from whoever says so, and usually, by their tokens."""

from collections.abc import Callable
from datetime import datetime
from uuid import UUID

import msgspec

from forecourt.access import Actor, audit
from forecourt.access.model import Service
from forecourt.drivers import service as drivers
from forecourt.energy import store
from forecourt.energy.errors import NeedsOver, NeedsRefused
from forecourt.energy.needs.model import Needs, Preferences, Source, Wants
from forecourt.energy.needs.said import BEFORE, MAX_AHEAD, PRINTED, wants_of
from forecourt.energy.store import Connection, PreferencesRow
from forecourt.energy.store.nudges import nudge_of_sessions, nudge_of_token
from forecourt.energy.store.priorities import PriorityAsk, asks_of
from forecourt.platform.preconditions import check_match, etag
from forecourt.sessions.remote.service import SessionUnknown
from forecourt.stations.errors import StationRetired


def preferences_tag(row: PreferencesRow | None) -> str:
    """The ETag of what a token's driver usually needs, of nothing as well."""
    return etag(["charging preferences", 0 if row is None else row.version])


def needs_tag(wants: Wants) -> str:
    """The ETag of what one source said of a session, of nothing as well."""
    return etag(["session needs", wants])


async def find_needs(conn: Connection, tenant_id: int, session_id: UUID) -> Needs:
    """What counts of what was said of a session. Raises SessionUnknown."""
    found = await store.needs_of(conn, tenant_id, session_id)
    if found is None:
        raise SessionUnknown
    return found


async def zone_of_session(conn: Connection, tenant_id: int, session_id: UUID) -> str:
    """The time zone of a session's site; UTC where it has none. Raises SessionUnknown."""
    found = await store.place_of_session(conn, tenant_id, session_id)
    if found is None:
        raise SessionUnknown
    return found[0]


async def find_priority(conn: Connection, tenant_id: int, session_id: UUID) -> PriorityAsk | None:
    """What a session's station was asked of its own profile for priority, and said; None: nothing."""
    return (await asks_of(conn, tenant_id, [session_id])).get(session_id)


async def say_needs(
    conn: Connection, actor: Actor | Service, session_id: UUID, source: Source, wants: Wants, now: datetime
) -> Needs:
    """Keeps what a person or a program says of a session, in place of all that it said before.

    Raises SessionUnknown, StationRetired, NeedsRefused, NeedsOver.
    """
    return await change_needs(conn, actor, session_id, source, lambda _before: wants, now)


async def change_needs(
    conn: Connection,
    actor: Actor | Service,
    session_id: UUID,
    source: Source,
    change: Callable[[Wants], Wants],
    now: datetime,
    if_match: str | None = None,
) -> Needs:
    """Keeps what a source says of a session made from what it said before, which nobody else changes meanwhile.
    `if_match`: the `needs_tag` it must still have; None: whatever it says by now.

    Raises SessionUnknown, StationRetired, NeedsRefused, NeedsOver, ChangedMeanwhile, and what `change` raises.
    """
    await store.lock_needs(conn, session_id)
    before = (await find_needs(conn, actor.tenant_id, session_id)).of(source)
    check_match(if_match, needs_tag(before))
    wants = change(before)
    place = await store.place_of_session(conn, actor.tenant_id, session_id)
    if place is not None and not place[1]:
        # No plan has it, so what is said would change nothing.
        raise StationRetired
    _check(wants)
    _check_times(wants, before, now)
    if not await store.store_needs(conn, actor.tenant_id, session_id, source, wants, str(actor), now):
        raise SessionUnknown
    await nudge_of_sessions(conn, actor.tenant_id, [session_id])
    detail = {"source": source.value, **msgspec.to_builtins(wants)}
    await audit(conn, actor, "say needs", f"session:{session_id}", detail)
    return await find_needs(conn, actor.tenant_id, session_id)


async def take_back_needs(conn: Connection, actor: Actor, session_id: UUID, source: Source) -> None:
    """Forgets what one source said of a session, twice or once alike. Raises SessionUnknown."""
    await store.lock_needs(conn, session_id)
    await find_needs(conn, actor.tenant_id, session_id)
    await store.forget_needs(conn, actor.tenant_id, session_id, source)
    await nudge_of_sessions(conn, actor.tenant_id, [session_id])
    await audit(conn, actor, "take back needs", f"session:{session_id}", {"source": source.value})


async def take_car_needs(conn: Connection, tenant_id: int, station_id: int, evse: int) -> UUID | None:
    """Lets the session that runs at an EVSE have what its car said; which one that is. None where there is nothing to
    take, or no session yet: then it waits for one."""
    said = await store.find_car_said(conn, tenant_id, station_id, evse)
    running = await store.running_since(conn, tenant_id, station_id, evse)
    if said is None or running is None:
        return None
    session_id, started_at, got_wh = running
    await store.forget_car_said(conn, tenant_id, station_id, evse, said.said_at)
    wants = wants_of(said.needs, got_wh, said.said_at)
    if wants is None or said.said_at < started_at - BEFORE:
        return None
    await store.store_needs(
        conn, tenant_id, session_id, Source.ISO15118, wants, f"station:{said.station}", said.said_at
    )
    await nudge_of_sessions(conn, tenant_id, [session_id])
    return session_id


async def find_preferences(conn: Connection, tenant_id: int, uid: str) -> PreferencesRow | None:
    """What a token's driver usually needs; None where nobody said so. Raises TokenUnknown."""
    await drivers.find_token(conn, tenant_id, uid)
    return await store.find_preferences(conn, tenant_id, uid)


async def change_preferences(
    conn: Connection, actor: Actor | Service, uid: str, wants: Preferences, now: datetime, if_match: str | None
) -> PreferencesRow:
    """Keeps what a token's driver usually needs. Raises TokenUnknown, ChangedMeanwhile."""
    held = await find_preferences(conn, actor.tenant_id, uid)
    check_match(if_match, preferences_tag(held))
    await store.store_preferences(conn, actor.tenant_id, uid, wants, str(actor), now)
    await nudge_of_token(conn, actor.tenant_id, uid)
    row = await store.find_preferences(conn, actor.tenant_id, uid)
    assert row is not None
    before = None if held is None else msgspec.to_builtins(held.wants)
    await audit(
        conn, actor, "change charging preferences", f"token:{row.uid}", before=before, after=msgspec.to_builtins(wants)
    )
    return row


def _check(wants: Wants) -> None:
    if wants.minimum_wh is not None and wants.energy_wh is not None and wants.minimum_wh > wants.energy_wh:
        raise NeedsRefused("minimum_wh is a part of energy_wh: it can't be more.")
    if (wants.minimum_wh is None) != (wants.minimum_by is None):
        raise NeedsRefused("minimum_wh and minimum_by belong together: so much energy by then.")
    if wants.stop_cost is not None and not (wants.stop_cost.is_finite() and wants.stop_cost >= 0):
        raise NeedsRefused("stop_cost is an amount from 0. Send one.")
    if wants.energy_wh is not None and wants.range_km is not None:
        raise NeedsRefused("energy_wh and range_km both say how much is needed. Send one of them.")


def _check_times(wants: Wants, before: Wants, now: datetime) -> None:
    """What was said before may be said again with something else, though its time is over by now."""
    for name in ("departure_at", "minimum_by", "stop_at"):
        at = getattr(wants, name)
        if at is not None and at <= now and at != getattr(before, name):
            which = f"{name} {at.isoformat()}" if now - at < PRINTED else name
            raise NeedsOver(
                f"{which} is over already: it is {now.isoformat(timespec='seconds')} now. Send a time"
                " that is to come, or leave it out."
            )
        if at is not None and at - now > MAX_AHEAD and at != getattr(before, name):
            raise NeedsRefused(
                f"{name} lies more than {MAX_AHEAD.days} days ahead. Send a time that can be meant, or leave it out."
            )
    for name in ("departure_at", "stop_at"):
        over_at = getattr(wants, name)
        said_before = (wants.minimum_by, over_at) == (before.minimum_by, getattr(before, name))
        if wants.minimum_by is not None and over_at is not None and wants.minimum_by > over_at and not said_before:
            raise NeedsRefused(
                f"minimum_by is after {name}, when the car charges no more. Send a minimum_by that is no later, or"
                f" another {name}."
            )
