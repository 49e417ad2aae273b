"""Runs of one action on many stations, and what came of it at each."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Literal
from uuid import UUID, uuid4

from msgspec import Struct
from psycopg import AsyncConnection
from psycopg.rows import class_row

from forecourt.platform import outbox
from forecourt.platform.ordering import Age, Ordering, Place, bounds, by_age, oldest, onward

Connection = AsyncConnection[Any]

_RUN = "run_id, number, action, argument, actor, asked_at, state, began_at, ended_at"
_RUN_ORDERS: Final = by_age("number")
StationOrder = Literal["asked", "station"]
_STATION_ORDERS: Final[Mapping[StationOrder, Ordering]] = {"asked": oldest("position"), "station": oldest("station")}
_STATION = "position, station, state, said, began_at, ended_at"


class BulkRun(Struct, frozen=True, kw_only=True):
    """One run. `argument` is what the action needs: soft or hard, a registration, the slug of a site (empty: none);
    `actor` the JSON of who asked."""

    run_id: UUID
    number: int
    action: str
    argument: str
    actor: str
    asked_at: datetime
    state: str
    began_at: datetime | None
    ended_at: datetime | None


class BulkStation(Struct, frozen=True, kw_only=True):
    """One station of a run; `said` is the station's own word, or the code of what went wrong."""

    position: int
    station: str
    state: str
    said: str | None
    began_at: datetime | None
    ended_at: datetime | None


async def insert_run(
    conn: Connection,
    tenant_id: int,
    *,
    action: str,
    argument: str,
    actor: str,
    stations: Sequence[str],
    at: datetime,
    event: str,
) -> UUID:
    """Store a run and have it done by a job. Stations that don't exist are left out."""
    # The id is made here: who is limited to sites sees a run by its stations, so not before it has some.
    run_id = uuid4()
    await conn.execute(
        "INSERT INTO bulk_runs (run_id, tenant_id, action, argument, actor, asked_at) VALUES (%s, %s, %s, %s, %s, %s)",
        (run_id, tenant_id, action, argument, actor, at),
    )
    await conn.execute(
        "INSERT INTO bulk_run_stations (run_id, position, tenant_id, station_id, station)"
        " SELECT %s, chosen.position, s.tenant_id, s.station_id, s.identity"
        " FROM unnest(%s::text[]) WITH ORDINALITY AS chosen (identity, position)"
        " JOIN stations s ON s.tenant_id = %s AND s.identity = chosen.identity",
        (run_id, list(stations), tenant_id),
    )
    await outbox.write(conn, tenant_id, event, str(run_id))
    return run_id


async def find_run(conn: Connection, tenant_id: int, run_id: UUID) -> BulkRun | None:
    """The run of this id."""
    cursor = conn.cursor(row_factory=class_row(BulkRun))
    await cursor.execute(f"SELECT {_RUN} FROM bulk_runs WHERE tenant_id = %s AND run_id = %s", (tenant_id, run_id))
    return await cursor.fetchone()


async def hold_run(conn: Connection, tenant_id: int, run_id: UUID) -> None:
    """Keep other workers from its stations until the transaction ends."""
    await conn.execute("SELECT FROM bulk_runs WHERE tenant_id = %s AND run_id = %s FOR UPDATE", (tenant_id, run_id))


async def count_open_runs(conn: Connection, tenant_id: int) -> int:
    """How many runs have not ended."""
    row = await (
        await conn.execute("SELECT count(*) FROM bulk_runs WHERE tenant_id = %s AND ended_at IS NULL", (tenant_id,))
    ).fetchone()
    assert row is not None
    return int(row[0])


async def list_runs(
    conn: Connection,
    tenant_id: int,
    *,
    order: Age = "newest",
    place: Place = None,
    limit: int,
    state: str | None = None,
    action: str | None = None,
) -> list[BulkRun]:
    """Runs behind the number of a place; of one state and one action where they are named."""
    cursor = conn.cursor(row_factory=class_row(BulkRun))
    await cursor.execute(
        f"SELECT {_RUN} FROM bulk_runs WHERE tenant_id = %(tenant_id)s"
        " AND (%(state)s::text IS NULL OR state = %(state)s) AND (%(action)s::text IS NULL OR action = %(action)s)"
        f" {onward(_RUN_ORDERS[order], place)}",
        {"tenant_id": tenant_id, "state": state, "action": action, **bounds(place, limit)},
    )
    return await cursor.fetchall()


async def list_run_stations(
    conn: Connection,
    tenant_id: int,
    run_id: UUID,
    *,
    state: str | None,
    order: StationOrder = "asked",
    place: Place = None,
    limit: int,
) -> list[BulkStation]:
    """Stations of a run behind a place in their order, a position or an id; of one state if it is named."""
    cursor = conn.cursor(row_factory=class_row(BulkStation))
    await cursor.execute(
        f"SELECT {_STATION} FROM bulk_run_stations WHERE tenant_id = %(tenant_id)s AND run_id = %(run_id)s"
        f" AND (%(state)s::text IS NULL OR state = %(state)s) {onward(_STATION_ORDERS[order], place)}",
        {"tenant_id": tenant_id, "run_id": run_id, "state": state, **bounds(place, limit)},
    )
    return await cursor.fetchall()


async def count_outcomes(conn: Connection, tenant_id: int, run_id: UUID) -> dict[str, int]:
    """How many stations of a run are in each state."""
    cursor = await conn.execute(
        "SELECT state, count(*) FROM bulk_run_stations WHERE tenant_id = %s AND run_id = %s GROUP BY state",
        (tenant_id, run_id),
    )
    return {str(state): int(count) for state, count in await cursor.fetchall()}


async def count_outcomes_of(conn: Connection, tenant_id: int, run_ids: Sequence[UUID]) -> dict[UUID, dict[str, int]]:
    """As `count_outcomes`, of several runs."""
    cursor = await conn.execute(
        "SELECT run_id, state, count(*) FROM bulk_run_stations WHERE tenant_id = %s AND run_id = ANY(%s)"
        " GROUP BY run_id, state",
        (tenant_id, list(run_ids)),
    )
    found: dict[UUID, dict[str, int]] = {}
    for run_id, state, count in await cursor.fetchall():
        found.setdefault(run_id, {})[str(state)] = int(count)
    return found


async def begin_run(conn: Connection, tenant_id: int, run_id: UUID, at: datetime) -> None:
    """It is being done, by whichever worker."""
    await conn.execute(
        "UPDATE bulk_runs SET state = CASE WHEN state = 'waiting' THEN 'running' ELSE state END,"
        " began_at = coalesce(began_at, %s) WHERE tenant_id = %s AND run_id = %s AND ended_at IS NULL",
        (at, tenant_id, run_id),
    )


async def stop_run(conn: Connection, tenant_id: int, run_id: UUID) -> bool:
    """Let it begin with no further station; whether it was still going on."""
    cursor = await conn.execute(
        "UPDATE bulk_runs SET state = 'stopping' WHERE tenant_id = %s AND run_id = %s"
        " AND state IN ('waiting', 'running')",
        (tenant_id, run_id),
    )
    return cursor.rowcount == 1


async def end_run(conn: Connection, tenant_id: int, run_id: UUID, at: datetime) -> None:
    """It has ended: stopped if stations are left, else done."""
    await conn.execute(
        """
        UPDATE bulk_runs r SET ended_at = %(at)s, state = CASE WHEN EXISTS (SELECT FROM bulk_run_stations s
            WHERE s.tenant_id = r.tenant_id AND s.run_id = r.run_id AND s.state = 'waiting')
            THEN 'stopped' ELSE 'done' END
        WHERE tenant_id = %(tenant_id)s AND run_id = %(run_id)s AND ended_at IS NULL
        """,
        {"at": at, "tenant_id": tenant_id, "run_id": run_id},
    )


async def claim_stations(conn: Connection, tenant_id: int, run_id: UUID, limit: int, at: datetime) -> list[BulkStation]:
    """The next stations to be worked on, marked as begun; none once the run was stopped."""
    cursor = conn.cursor(row_factory=class_row(BulkStation))
    await cursor.execute(
        f"""
        UPDATE bulk_run_stations SET state = 'working', began_at = %(at)s
        WHERE tenant_id = %(tenant_id)s AND run_id = %(run_id)s AND position IN (
            SELECT s.position FROM bulk_run_stations s JOIN bulk_runs r USING (tenant_id, run_id)
            WHERE s.tenant_id = %(tenant_id)s AND s.run_id = %(run_id)s AND s.state = 'waiting' AND r.state = 'running'
            ORDER BY s.position LIMIT %(limit)s FOR UPDATE OF s SKIP LOCKED)
        RETURNING {_STATION}
        """,
        {"at": at, "tenant_id": tenant_id, "run_id": run_id, "limit": limit},
    )
    return sorted(await cursor.fetchall(), key=lambda each: each.position)


async def give_up_stations(conn: Connection, tenant_id: int, run_id: UUID, before: datetime, at: datetime) -> int:
    """What a worker began before that time and never ended: it died meanwhile, and nobody knows what came of it."""
    cursor = await conn.execute(
        "UPDATE bulk_run_stations SET state = 'unknown', ended_at = %s"
        " WHERE tenant_id = %s AND run_id = %s AND state = 'working' AND began_at < %s",
        (at, tenant_id, run_id, before),
    )
    return cursor.rowcount


async def finish_station(
    conn: Connection, tenant_id: int, run_id: UUID, position: int, state: str, said: str | None, at: datetime
) -> None:
    """What came of it at one station."""
    await conn.execute(
        "UPDATE bulk_run_stations SET state = %s, said = %s, ended_at = %s"
        " WHERE tenant_id = %s AND run_id = %s AND position = %s",
        (state, said, at, tenant_id, run_id, position),
    )
