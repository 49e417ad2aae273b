"""What live pages start from: the state of stations as PostgreSQL knows it, by dot-key."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

from forecourt.platform.clock import Clock
from forecourt.platform.database import Pool
from forecourt.stations import store
from forecourt.stations.model import STATION_STATES, connector_cell
from forecourt.stations.store.knocks import InboxCount, count_inbox

Value = str | int | float | bool | None


class LiveStations:
    """Snapshot and totals of the registry, for the live hub and for pages."""

    def __init__(self, db: Pool) -> None:
        self._db = db

    async def snapshot(self, tenant_id: int, stations: Sequence[str], /) -> Mapping[str, Value]:
        """`station.{id}.state`, `.error` (the code of a fault) and the state of each connector; stations that don't
        exist are left out."""
        async with self._db.tenant(tenant_id) as conn:
            rows, _ = await store.list_for_page(conn, tenant_id, identities=stations, limit=len(stations))
            connectors = await store.list_connectors(conn, tenant_id, [row.station_id for row in rows])
        cells: dict[str, Value] = {}
        for row in rows:
            cells[f"station.{row.identity}.state"] = row.state
            cells[f"station.{row.identity}.error"] = row.error_code if row.state == "Faulted" else None
        identities = {row.station_id: row.identity for row in rows}
        for each in connectors:
            cell = connector_cell(each.evse, each.connector)
            cells[f"station.{identities[each.station_id]}.{cell}"] = each.shown_state
        return cells

    async def totals(self, tenant_id: int, /) -> Mapping[str, Value]:
        """`totals.n.{State}` for every state, and `totals.stations`."""
        async with self._db.tenant(tenant_id) as conn:
            counts = await store.count_states(conn, tenant_id)
        cells: dict[str, Value] = {f"totals.n.{state}": counts.get(state, 0) for state in STATION_STATES}
        return {**cells, "totals.stations": sum(counts.values())}


def knocked_ms(count: InboxCount) -> int | None:
    """When anybody last knocked, in ms: what a page that was made from this count knows."""
    return (
        None
        if count.last_at is None
        else (count.last_at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)
    )


class LiveInbox:
    """The totals of the inbox, for the live hub and for pages."""

    def __init__(self, db: Pool, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    async def totals(self, tenant_id: int, /) -> Mapping[str, Value]:
        """`totals.strangers`, how many wait, and `.knocked_at`, when anybody knocked last, in ms: a page that shows
        the inbox reads it anew when it moves."""
        async with self._db.tenant(tenant_id) as conn:
            count = await count_inbox(conn, tenant_id, self._clock.now())
        return {"totals.strangers": count.strangers, "totals.knocked_at": knocked_ms(count)}
