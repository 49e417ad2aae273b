"""What live pages start from: the sessions that run as PostgreSQL knows them, by dot-key."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from forecourt.platform.database import Pool
from forecourt.sessions import store
from forecourt.sessions.model import session_keys, shown_state

Value = str | int | float | bool | None


class LiveSessions:
    """Snapshot and totals of running sessions, for the live hub and for pages."""

    def __init__(self, db: Pool) -> None:
        self._db = db

    async def snapshot(self, tenant_id: int, stations: Sequence[str], /) -> Mapping[str, Value]:
        """`station.{id}.power_w`, `.energy_wh`, `.soc_pct` and `.session_id`; no car is power 0 and the rest None.

        Power and energy are of all that runs there, the rest of the newest. Each session has its own as well:
        `station.{id}.power_w@{session}`, `energy_wh@`, `soc_pct@` and `state@`.
        """
        async with self._db.tenant(tenant_id) as conn:
            rows = await store.list_running(conn, tenant_id, stations)
        running: dict[str, list[store.RunningRow]] = {}
        for row in rows:
            running.setdefault(row.station, []).append(row)
        cells: dict[str, Value] = {}
        for station in stations:
            here = running.get(station, [])
            known = [row.energy_wh for row in here if row.energy_wh is not None]
            prefix = f"station.{station}."
            cells[prefix + "power_w"] = sum(row.power_w for row in here)
            cells[prefix + "energy_wh"] = sum(known) if known else None
            cells[prefix + "soc_pct"] = here[0].soc_pct if here else None
            cells[prefix + "session_id"] = here[0].session_id if here else None
            for row in here:
                values = (row.power_w, row.energy_wh, row.soc_pct, shown_state(False, row.charging_state))
                cells.update(zip(session_keys(station, row.session_id), values, strict=True))
        return cells

    async def totals(self, tenant_id: int, /) -> Mapping[str, Value]:
        """`totals.power_w` and `totals.sessions`."""
        async with self._db.tenant(tenant_id) as conn:
            sessions, power_w = await store.running_totals(conn, tenant_id)
        return {"totals.power_w": power_w, "totals.sessions": sessions}

    async def last_use(self, tenant_id: int, uids: Sequence[str], /) -> Mapping[str, datetime]:
        """When a session last began with each of these tokens; those never used are left out."""
        async with self._db.tenant(tenant_id) as conn:
            return await store.last_use(conn, tenant_id, uids)

    async def today(self, tenant_id: int, now: datetime, /) -> Mapping[str, store.SiteToday]:
        """What goes on at each site, by slug; sites where nothing does are left out."""
        async with self._db.tenant(tenant_id) as conn:
            return {row.site: row for row in await store.today_by_site(conn, tenant_id, now)}
