"""Keeping a session to a power of its own, for whoever has a reason to."""

from datetime import datetime
from uuid import UUID

from forecourt.access import Actor, audit
from forecourt.access.model import Service
from forecourt.energy.needs.caps import Cap, CapWhy
from forecourt.energy.store import Connection
from forecourt.energy.store.caps import caps_of, find_cappable, put_cap
from forecourt.energy.store.nudges import nudge_of_sessions


async def cap_session(
    conn: Connection, actor: Actor | Service, session_id: UUID, max_w: int, why: CapWhy, now: datetime
) -> bool:
    """Has a session draw no more than this until it is over; whether its station can be told so. It can't where its
    site isn't charged smartly, it is not connected, said no to the last limit, or goes by none. Said again, nothing
    changes."""
    found = await find_cappable(conn, actor.tenant_id, session_id)
    if found is None or not found.connected or found.refused or found.disobeys:
        return False
    held = (await caps_of(conn, actor.tenant_id, [session_id])).get(session_id)
    if held is not None and (held.max_w, held.why) == (max_w, why):
        return True
    cap = Cap(max_w=max_w, why=why, since=now)
    await put_cap(conn, actor.tenant_id, session_id, found.station_id, cap, str(actor))
    await nudge_of_sessions(conn, actor.tenant_id, [session_id])
    await audit(conn, actor, "cap session", f"session:{session_id}", {"max_w": max_w, "why": why.value})
    return True
