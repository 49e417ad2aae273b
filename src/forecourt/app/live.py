"""The hub of live values of a web process: what pages and streams start from, and what totals are made of."""

from collections.abc import Mapping

from forecourt.care.live import LiveIncidents
from forecourt.platform.bus import Bus
from forecourt.platform.clock import Clock
from forecourt.platform.database import Pool
from forecourt.sessions.live import LiveSessions
from forecourt.stations.live import LiveInbox, LiveStations
from forecourt.ui.live import Hub, Pace, SnapshotProvider, TotalsProvider, Value


class Live:
    """One hub a process, and the providers behind it."""

    def __init__(self, db: Pool, bus: Bus, clock: Clock, pace: Pace | None = None) -> None:
        stations, sessions, incidents = LiveStations(db), LiveSessions(db), LiveIncidents(db, clock)
        inbox = LiveInbox(db, clock)

        async def totals(tenant_id: int, /) -> Mapping[str, Value]:
            of_stations, of_sessions = await stations.totals(tenant_id), await sessions.totals(tenant_id)
            of_inbox = await inbox.totals(tenant_id)
            return {**of_stations, **of_sessions, **of_inbox, **await incidents.totals(tenant_id)}

        self.sessions = sessions
        self.snapshots: list[SnapshotProvider] = [stations.snapshot, sessions.snapshot]
        self.totals: TotalsProvider = totals
        self.hub = Hub(bus, snapshots=self.snapshots, totals=totals, clock=clock, pace=pace)
