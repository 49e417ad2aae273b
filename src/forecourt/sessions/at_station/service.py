"""What the station page shows and asks of sessions: the answers to `stations.pages.ports.Charging`."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from forecourt.access import Actor
from forecourt.ocpp.neutral import Measurand, Phase
from forecourt.platform.clock import Clock
from forecourt.platform.database import Pool
from forecourt.sessions import store as sessions
from forecourt.sessions.at_station import store
from forecourt.sessions.remote.service import StartAnswered, remote_start, remote_stop
from forecourt.stations.commands import Commander
from forecourt.stations.control import Obeyed
from forecourt.stations.pages.ports import Event, Running
from forecourt.ui.i18n import mark

#: Points of a power curve, whatever its span.
CURVE_POINTS: Final = 240
#: Starts and ends shown of one span.
MAX_EVENTS: Final = 200
#: Sessions shown as running at one station.
MAX_RUNNING: Final = 50
_POWER: Final = Measurand.POWER_IMPORT | Phase.NONE << 8


class SessionsAtStation:
    """Sessions of one station, read and controlled."""

    def __init__(self, db: Pool, commander: Commander, clock: Clock) -> None:
        self._db = db
        self._commander = commander
        self._clock = clock

    async def running(self, tenant_id: int, identity: str, /) -> Sequence[Running]:
        """The sessions that run there, oldest first, MAX_RUNNING at the most."""
        async with self._db.tenant(tenant_id) as conn:
            wanted = sessions.SessionFilter(station=identity, active=True)
            rows = await sessions.list_sessions(conn, tenant_id, wanted, order="oldest", limit=MAX_RUNNING)
        return [
            Running(
                session_id=str(row.session_id),
                evse=row.evse,
                token=row.token_uid,
                started_at=row.started_at,
                energy_wh=_energy_wh(row),
            )
            for row in rows
        ]

    async def events(self, tenant_id: int, identity: str, since: datetime, until: datetime, /) -> Sequence[Event]:
        """Sessions that began in a span, and those that ended in it, newest first."""
        async with self._db.tenant(tenant_id) as conn:
            rows = await store.list_touched(conn, tenant_id, identity, since, until, MAX_EVENTS)
        events = []
        for row in rows:
            told: dict[str, str | int] = {
                "evse": row.evse or 0,
                "token": row.token_uid or "–",  # noqa: RUF001 - an en dash, for nothing
                "reason": row.stop_reason or "–",  # noqa: RUF001
            }
            href = f"/sessions/{row.session_id}"
            if since <= row.started_at < until:
                title = mark("Charging began at EVSE %(evse)s with token %(token)s")
                events.append(Event(at=row.started_at, kind="session", title=title, values=told, href=href))
            if row.ended_at is not None and since <= row.ended_at < until:
                title = mark("Charging ended at EVSE %(evse)s (%(reason)s)")
                events.append(Event(at=row.ended_at, kind="session", title=title, values=told, href=href))
        return sorted(events, key=lambda event: event.at, reverse=True)

    async def power(
        self, tenant_id: int, identity: str, since: datetime, until: datetime, /
    ) -> Sequence[tuple[datetime, int]]:
        """Power of all sessions of a station together: the mean of CURVE_POINTS equal parts of the span, up to now.

        A part in which nobody charged is 0; one in which somebody did but no power was said is left out.
        """
        end = min(until, self._clock.now())
        if end <= since:
            return []
        step = max((end - since) / CURVE_POINTS, timedelta(seconds=1))
        async with self._db.tenant(tenant_id) as conn:
            spans = await store.list_spans(conn, tenant_id, identity, since, end)
            means = await store.mean_power(conn, tenant_id, identity, since, end, step, _POWER) if spans else {}
        points = []
        for part in range(int((end - since) / step) + 1):
            begin = since + part * step
            middle = min(begin + step / 2, end)
            if part in means:
                points.append((middle, means[part]))
            elif not any(began < begin + step and (ended is None or ended > begin) for began, ended in spans):
                points.append((middle, 0))
        return points

    async def start(self, actor: Actor, identity: str, token: str, evse: int | None, /) -> StartAnswered:
        """Ask the station to start for a token. Raises as `remote_start`."""
        return await remote_start(self._db, self._commander, self._clock, actor, identity, token_uid=token, evse=evse)

    async def stop(self, actor: Actor, session_id: str, /) -> Obeyed:
        """Ask the station to stop a session. Raises as `remote_stop`."""
        return await remote_stop(self._db, self._commander, actor, UUID(session_id))


def _energy_wh(row: sessions.SessionRow) -> int | None:
    if row.meter_start_wh is None or row.meter_stop_wh is None:
        return None
    return max(0, row.meter_stop_wh - row.meter_start_wh)
