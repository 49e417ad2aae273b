"""What live pages start from: the sessions that run as PostgreSQL knows them, by dot-key."""

from collections.abc import Mapping, Sequence

from forecourt.platform.database import Pool
from forecourt.sessions import store

Value = str | int | float | bool | None


class LiveSessions:
    """Snapshot and totals of running sessions, for the live hub and for pages."""

    def __init__(self, db: Pool) -> None:
        self._db = db

    async def snapshot(self, tenant_id: int, stations: Sequence[str], /) -> Mapping[str, Value]:
        """`station.{id}.power_w`, `.energy_wh`, `.soc_pct` and `.session_id`; no car is power 0 and the rest None."""
        async with self._db.tenant(tenant_id) as conn:
            rows = await store.running_by_station(conn, tenant_id, stations)
        running = {row.station: row for row in rows}
        cells: dict[str, Value] = {}
        for station in stations:
            row = running.get(station)
            prefix = f"station.{station}."
            cells[prefix + "power_w"] = 0 if row is None else row.power_w
            cells[prefix + "energy_wh"] = None if row is None else row.energy_wh
            cells[prefix + "soc_pct"] = None if row is None else row.soc_pct
            cells[prefix + "session_id"] = None if row is None else row.session_id
        return cells

    async def totals(self, tenant_id: int, /) -> Mapping[str, Value]:
        """`totals.power_w` and `totals.sessions`."""
        async with self._db.tenant(tenant_id) as conn:
            sessions, power_w = await store.running_totals(conn, tenant_id)
        return {"totals.power_w": power_w, "totals.sessions": sessions}
