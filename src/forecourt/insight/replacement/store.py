"""SQL of replacement: what stations are and were, what is said of their hardware, and what replacing costs."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import UTC, date, datetime
from typing import Any, Final
from uuid import UUID

import msgspec
from msgspec import Struct

from forecourt.insight.replacement.inputs import ReplacementInputs
from forecourt.insight.replacement.model import (
    ChangeReason,
    Hardware,
    HardwareChange,
    HardwareKind,
    HardwarePlace,
    HardwareSaid,
    Station,
)
from forecourt.insight.store import Connection

#: Stations that are looked at, those in service first; and what is said of hardware, of one organisation.
MAX_STATIONS: Final = 20_000
MAX_CHANGES: Final = 50_000

_CHANGE: Final = """
    SELECT c.change_id, c.number, c.station_id, p.station, p.site, c.kind, c.evse, c.connector, c.happened_on,
        c.reason, c.note, c.said_at, c.said_by
    FROM hardware_changes c JOIN station_places p ON p.tenant_id = c.tenant_id AND p.station_id = c.station_id
    WHERE c.tenant_id = %(tenant)s
    """


class Standing(Struct, frozen=True):
    """A station of an identity: where, since when, until when if it is out of service, and its connectors as (EVSE,
    connector)."""

    station_id: int
    station: str
    created_on: date
    retired_on: date | None
    plugs: tuple[tuple[int, int], ...] = ()


async def list_stations(conn: Connection, tenant_id: int) -> list[Station]:
    """Stations in service and retired ones, with what they said of themselves."""
    tenant = {"tenant": tenant_id, "most": MAX_STATIONS}
    plugs: dict[int, list[tuple[int, int]]] = defaultdict(list)
    rows = await conn.execute(
        "SELECT station_id, evse, connector FROM connector_places WHERE tenant_id = %(tenant)s ORDER BY 1, 2, 3", tenant
    )
    for station_id, evse, connector in await rows.fetchall():
        plugs[station_id].append((evse, connector))
    hardware: dict[int, list[Hardware]] = defaultdict(list)
    rows = await conn.execute(
        "SELECT station_id, serial, vendor, model, first_booted_at FROM hardware_seen WHERE tenant_id = %(tenant)s"
        " ORDER BY station_id, first_booted_at, serial",
        tenant,
    )
    for station_id, serial, vendor, model, at in await rows.fetchall():
        hardware[station_id].append(Hardware(serial=serial, vendor=vendor, model=model, first_on=_day(at)))
    rows = await conn.execute(
        "SELECT station_id, station, site, vendor, model, created_at, retired_at FROM station_places"
        " WHERE tenant_id = %(tenant)s ORDER BY retired_at IS NOT NULL, station_id LIMIT %(most)s",
        tenant,
    )
    return [
        Station(
            station_id=number, station=station, site=site, vendor=vendor, model=model, seen_on=_day(seen),
            retired_on=None if retired is None else _day(retired), plugs=tuple(plugs[number]),
            hardware=tuple(hardware[number]),
        )
        for number, station, site, vendor, model, seen, retired in await rows.fetchall()
    ]  # fmt: skip


async def count_stations(conn: Connection, tenant_id: int) -> int:
    """How many there are, of all that who asks may see."""
    row = await (
        await conn.execute("SELECT count(*) FROM station_places WHERE tenant_id = %s", (tenant_id,))
    ).fetchone()
    assert row is not None
    return int(row[0])


async def list_standings(conn: Connection, tenant_id: int, stations: Collection[str]) -> dict[str, list[Standing]]:
    """Stations by identity: the one in service first, then retired ones, the latest first."""
    rows = await conn.execute(
        "SELECT p.station_id, p.station, p.created_at, p.retired_at, c.evses, c.connectors FROM station_places p,"
        " LATERAL (SELECT array_agg(evse) AS evses, array_agg(connector) AS connectors FROM connector_places"
        " WHERE tenant_id = p.tenant_id AND station_id = p.station_id) c"
        " WHERE p.tenant_id = %s AND p.station = ANY (%s) ORDER BY p.retired_at DESC NULLS FIRST",
        (tenant_id, list(stations)),
    )
    found: dict[str, list[Standing]] = defaultdict(list)
    for number, station, created, retired, evses, connectors in await rows.fetchall():
        plugs = tuple(zip(evses or (), connectors or (), strict=True))
        retired_on = None if retired is None else _day(retired)
        found[station].append(Standing(number, station, _day(created), retired_on, plugs))
    return found


async def list_changes(
    conn: Connection, tenant_id: int, *, station: str | None = None, place: tuple[int, ...] | None = None,
    limit: int = MAX_CHANGES,
) -> list[HardwareChange]:  # fmt: skip
    """What is said of hardware, the latest day first, and of one day what was said last; `place`: the day, as an
    ordinal, and the number of the last one before these."""
    on, number = place or (None, None)
    behind = None if on is None else date.fromordinal(max(1, min(on, date.max.toordinal())))
    rows = await conn.execute(
        f"{_CHANGE} AND (%(station)s::text IS NULL OR p.station = %(station)s)"
        " AND (%(on)s::date IS NULL OR (c.happened_on, c.number) < (%(on)s, %(number)s))"
        " ORDER BY c.happened_on DESC, c.number DESC LIMIT %(limit)s",
        {"tenant": tenant_id, "station": station, "on": behind, "number": number, "limit": limit},
    )
    return [_change(row) for row in await rows.fetchall()]


async def find_change(conn: Connection, tenant_id: int, change_id: UUID) -> HardwareChange | None:
    """One."""
    rows = await conn.execute(f"{_CHANGE} AND c.change_id = %(id)s", {"tenant": tenant_id, "id": change_id})
    row = await rows.fetchone()
    return None if row is None else _change(row)


async def count_changes(conn: Connection, tenant_id: int) -> int:
    """How much is said, of all that who asks may see."""
    row = await (
        await conn.execute("SELECT count(*) FROM hardware_changes WHERE tenant_id = %s", (tenant_id,))
    ).fetchone()
    assert row is not None
    return int(row[0])


async def count_all_changes(conn: Connection, tenant_id: int) -> int:
    """How much is said, whoever asks; nobody says more until the transaction ends."""
    row = await (
        await conn.execute("SELECT said FROM hardware_change_counts WHERE tenant_id = %s FOR UPDATE", (tenant_id,))
    ).fetchone()
    return 0 if row is None else int(row[0])


async def insert_changes(
    conn: Connection, tenant_id: int, said: Sequence[tuple[int, HardwareSaid]], at: datetime, by: str
) -> list[UUID | None]:
    """Keeps what is said of stations, by their numbers, at once; None for what is said of that day already."""
    rows = await conn.execute(
        "INSERT INTO hardware_changes (tenant_id, station_id, kind, evse, connector, happened_on, reason, note,"
        " said_at, said_by) SELECT %s, s.*, %s, %s FROM unnest(%s::bigint[], %s::text[], %s::int[], %s::int[],"
        " %s::date[], %s::text[], %s::text[]) s ON CONFLICT DO NOTHING"
        " RETURNING change_id, station_id, kind, evse, connector, happened_on",
        (
            tenant_id, at, by, [number for number, _ in said], [each.kind.value for _, each in said],
            [each.evse for _, each in said], [each.connector for _, each in said], [each.on for _, each in said],
            [each.reason.value for _, each in said], [each.note for _, each in said],
        ),
    )  # fmt: skip
    made = {tuple(key): change_id for change_id, *key in await rows.fetchall()}
    return [made.get((number, each.kind.value, each.evse, each.connector, each.on)) for number, each in said]


async def delete_change(conn: Connection, tenant_id: int, change_id: UUID) -> bool:
    """Whether it was there."""
    done = await conn.execute(
        "DELETE FROM hardware_changes WHERE tenant_id = %s AND change_id = %s", (tenant_id, change_id)
    )
    return done.rowcount > 0


async def find_inputs(conn: Connection, tenant_id: int) -> ReplacementInputs | None:
    """What is said of replacing."""
    row = await (
        await conn.execute("SELECT inputs FROM replacement_inputs WHERE tenant_id = %s", (tenant_id,))
    ).fetchone()
    return None if row is None else msgspec.convert(row[0], ReplacementInputs)


async def keep_inputs(conn: Connection, tenant_id: int, inputs: ReplacementInputs, at: datetime, by: str) -> None:
    """Puts what is said in the place of what was."""
    await conn.execute(
        "INSERT INTO replacement_inputs (tenant_id, inputs, said_at, said_by) VALUES (%s, %s::jsonb, %s, %s)"
        " ON CONFLICT (tenant_id) DO UPDATE SET inputs = excluded.inputs, said_at = excluded.said_at,"
        " said_by = excluded.said_by",
        (tenant_id, msgspec.json.encode(inputs).decode(), at, by),
    )


def _change(row: Sequence[Any]) -> HardwareChange:
    change_id, number, station_id, station, site, kind, evse, connector, on, reason, note, at, by = row
    return HardwareChange(
        change_id=change_id, number=number, station_id=station_id, station=station, site=site,
        place=HardwarePlace(kind=HardwareKind(kind), evse=evse, connector=connector), on=on,
        reason=ChangeReason(reason), note=note, said_at=at, said_by=by,
    )  # fmt: skip


def _day(at: datetime) -> date:
    return at.astimezone(UTC).date()
