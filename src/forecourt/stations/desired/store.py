"""All SQL of desires."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import msgspec
from msgspec import Struct
from psycopg import AsyncConnection
from psycopg.rows import class_row

from forecourt.stations.desired.kinds import ConnectorSaid
from forecourt.stations.desired.model import Verdict, Want

Connection = AsyncConnection[Any]

#: Displays of one station that are set by one message.
MAX_PLACES: Final = 16
#: What was wanted of a station that was retired is kept for so long: a car that charges there may outlast it.
RETIRED_FOR: Final = timedelta(days=7)
#: A desire by its station's number, kind and key.
Place = tuple[int, str, str]

_encode = msgspec.json.Encoder().encode


class DesireRow(Struct, frozen=True, kw_only=True):
    """What a station is wanted to be, and how far it is."""

    station_id: int
    station: str
    kind: str
    key: str
    wanted: Any
    version: int
    set_by: str
    wanted_at: datetime
    expires_at: datetime | None
    state: str
    attempts: int
    refusals: int
    next_try_at: datetime | None
    in_flight_until: datetime | None
    sent_version: int | None
    last_command_id: UUID | None
    reported: Any
    reported_at: datetime | None
    why: str | None
    sent: Any
    unsure: list[Any]

    @property
    def place(self) -> Place:
        """What it is told by."""
        return self.station_id, self.kind, self.key


class Sent(Struct, frozen=True, kw_only=True):
    """A desire that a call was recorded for."""

    place: Place
    command_id: str


class Settled(Struct, frozen=True, kw_only=True):
    """What came of a try of one version of a desire. `command_id` None: nothing was sent."""

    place: Place
    version: int
    command_id: str | None
    verdict: Verdict


_ROW: Final = """
    d.station_id, coalesce(s.identity, s.retired_identity) AS station, d.kind, d.key, d.wanted, d.version, d.set_by,
    d.wanted_at, d.expires_at, d.state, d.attempts, d.refusals, d.next_try_at, d.in_flight_until, d.sent_version,
    d.last_command_id, d.reported, d.reported_at, d.why, d.sent, d.unsure
    """
#: Values of one desire that a station may hold and nobody knows which; the oldest are forgotten beyond that.
MAX_UNSURE: Final = 16


def _with(unsure: str, value: str) -> str:
    """SQL: what may be held, and another value, unless it is none or there already."""
    return (
        f"CASE WHEN {value} IS NULL OR EXISTS (SELECT FROM jsonb_array_elements({unsure}) e WHERE e = {value})"
        f" THEN {unsure} ELSE CASE WHEN jsonb_array_length({unsure}) >= {MAX_UNSURE} THEN {unsure} - 0"
        f" ELSE {unsure} END || jsonb_build_array({value}) END"
    )


_GIVEN: Final = """
    unnest(%(ids)s::bigint[], %(kinds)s::text[], %(keys)s::text[])
    WITH ORDINALITY AS n (station_id, kind, key, place)
    """
#: In nobody's hands.
_FREE: Final = "d.next_try_at <= %(now)s AND (d.in_flight_until IS NULL OR d.in_flight_until <= %(now)s)"
_FROM: Final = "FROM desires d JOIN stations s ON s.tenant_id = d.tenant_id AND s.station_id = d.station_id"


async def find_numbers(conn: Connection, tenant_id: int, identities: Sequence[str]) -> dict[str, int]:
    """The numbers of stations in service, by identity."""
    cursor = await conn.execute(
        "SELECT identity, station_id FROM stations WHERE tenant_id = %s AND identity = ANY(%s)",
        (tenant_id, list(identities)),
    )
    return dict(await cursor.fetchall())


async def put_desires(
    conn: Connection, tenant_id: int, wants: Mapping[Place, Want], by: str, now: datetime, *, again: bool
) -> None:
    """Want these things, due now. What is wanted already stays as it is, but is due as well where it is wanted `again`.
    One in flight is not taken before it has landed; then the newer version is."""
    await conn.execute(
        """
        INSERT INTO desires AS d (station_id, kind, key, tenant_id, wanted, set_by, wanted_at, expires_at, next_try_at)
        SELECT n.station_id, n.kind, n.key, %(tenant_id)s, n.wanted, %(by)s, %(now)s, n.expires_at, %(now)s
        FROM unnest(%(ids)s::bigint[], %(kinds)s::text[], %(keys)s::text[], %(wanted)s::jsonb[],
                %(expires)s::timestamptz[]) AS n (station_id, kind, key, wanted, expires_at)
        ORDER BY n.station_id, n.kind COLLATE "C", n.key COLLATE "C"
        ON CONFLICT (station_id, kind, key) DO UPDATE SET wanted = excluded.wanted,
            version = d.version
                + (d.wanted <> excluded.wanted OR d.expires_at IS DISTINCT FROM excluded.expires_at)::int,
            set_by = excluded.set_by, wanted_at = excluded.wanted_at, expires_at = excluded.expires_at,
            state = 'pending', attempts = 0, refusals = 0, next_try_at = excluded.next_try_at, why = NULL
        WHERE %(again)s OR d.wanted <> excluded.wanted OR d.expires_at IS DISTINCT FROM excluded.expires_at
        """,
        {
            "tenant_id": tenant_id,
            "by": by,
            "now": now,
            "again": again,
            **_places(list(wants)),
            "wanted": [_encode(want.wanted).decode() for want in wants.values()],
            "expires": [want.expires_at for want in wants.values()],
        },
    )


async def forget_expired(conn: Connection, tenant_id: int, now: datetime) -> None:
    """Forget what has expired, and what was wanted of stations that were retired RETIRED_FOR ago; each is due by then.
    Until that time it tells what such a station still goes by."""
    await conn.execute(
        "UPDATE desires d SET next_try_at = s.retired_at + %(kept)s FROM stations s WHERE d.tenant_id = %(tenant_id)s"
        " AND s.tenant_id = d.tenant_id AND s.station_id = d.station_id AND d.next_try_at <= %(now)s"
        " AND s.retired_at + %(kept)s > %(now)s AND (d.expires_at IS NULL OR d.expires_at > %(now)s)",
        {"tenant_id": tenant_id, "now": now, "kept": RETIRED_FOR},
    )
    await conn.execute(
        "DELETE FROM desires d WHERE d.tenant_id = %s AND d.next_try_at <= %s AND (d.expires_at <= %s OR NOT EXISTS ("
        " SELECT FROM stations s WHERE s.station_id = d.station_id AND s.identity IS NOT NULL))",
        (tenant_id, now, now),
    )


async def claim_due(conn: Connection, tenant_id: int, now: datetime, most: int) -> list[DesireRow]:
    """Desires that are due and in nobody's hands, locked until they are marked."""
    cursor = conn.cursor(row_factory=class_row(DesireRow))
    await cursor.execute(
        f"SELECT {_ROW} {_FROM} WHERE d.tenant_id = %(tenant_id)s AND s.identity IS NOT NULL AND {_FREE}"
        " ORDER BY d.next_try_at, d.station_id, d.kind, d.key LIMIT %(most)s FOR UPDATE OF d SKIP LOCKED",
        {"tenant_id": tenant_id, "now": now, "most": most},
    )
    return await cursor.fetchall()


async def claim_desires(conn: Connection, tenant_id: int, now: datetime, places: Sequence[Place]) -> list[DesireRow]:
    """The same of these alone, in their order: each is looked up by itself, however many others there are."""
    cursor = conn.cursor(row_factory=class_row(DesireRow))
    await cursor.execute(
        # OFFSET keeps what is free out of it, or the index of what is due would be walked for each of them.
        f"SELECT {_ROW} FROM {_GIVEN} CROSS JOIN LATERAL ("
        " SELECT * FROM desires d WHERE d.station_id = n.station_id AND d.kind = n.kind AND d.key = n.key"
        " AND d.tenant_id = %(tenant_id)s OFFSET 0 FOR UPDATE SKIP LOCKED) d"
        f" JOIN stations s ON s.station_id = d.station_id WHERE {_FREE} ORDER BY n.place",
        {"tenant_id": tenant_id, "now": now, **_places(places)},
    )
    return await cursor.fetchall()


async def mark_sent(conn: Connection, tenant_id: int, sent: Sequence[Sent], until: datetime) -> None:
    """Say that these are in the hands of who sends them, until a time at the latest."""
    await conn.execute(
        f"""
        UPDATE desires d SET state = 'sent', sent = d.wanted, unsure = {_with("d.unsure", "d.sent")},
            sent_version = d.version, last_command_id = n.command_id,
            in_flight_until = %(until)s, next_try_at = %(until)s
        FROM unnest(%(ids)s::bigint[], %(kinds)s::text[], %(keys)s::text[], %(commands)s::uuid[])
            AS n (station_id, kind, key, command_id)
        WHERE d.tenant_id = %(tenant_id)s AND d.station_id = n.station_id AND d.kind = n.kind AND d.key = n.key
        """,
        {
            "tenant_id": tenant_id,
            "until": until,
            **_places([each.place for each in sent]),
            "commands": [each.command_id for each in sent],
        },
    )


async def settle_desires(conn: Connection, tenant_id: int, settled: Sequence[Settled], now: datetime) -> list[Place]:
    """Say what came of tries, each of the version that it was of; those of which a newer one is wanted, and due now.
    What is reached and wanted nothing is forgotten."""
    if not settled:
        return []
    # In one order, as they are wanted in: two who change the same ones wait for each other and never in a circle.
    await conn.execute(
        "SELECT FROM desires d WHERE d.tenant_id = %(tenant_id)s AND (d.station_id, d.kind, d.key) IN ("
        " SELECT * FROM unnest(%(ids)s::bigint[], %(kinds)s::text[], %(keys)s::text[]))"
        " ORDER BY d.station_id, d.kind, d.key FOR UPDATE",
        {"tenant_id": tenant_id, **_places([each.place for each in settled])},
    )
    cursor = await conn.execute(
        """
        UPDATE desires d SET in_flight_until = NULL,
            state = CASE WHEN d.version = n.version THEN n.state ELSE 'pending' END,
            attempts = CASE WHEN d.version = n.version THEN n.attempts ELSE 0 END,
            refusals = CASE WHEN d.version = n.version THEN n.refusals ELSE 0 END,
            next_try_at = CASE WHEN d.version = n.version THEN n.next_try_at ELSE %(now)s END,
            why = CASE WHEN d.version = n.version THEN n.why END,
            reported = CASE WHEN n.state <> 'reached' THEN d.reported
                WHEN n.command_id IS NOT NULL AND d.sent IS NOT NULL THEN d.sent
                WHEN d.version = n.version THEN d.wanted ELSE d.reported END,
            reported_at = CASE WHEN n.state = 'reached' THEN %(now)s ELSE d.reported_at END,
            unsure = CASE WHEN n.state = 'reached' AND d.sent IS NOT NULL THEN '[]' ELSE d.unsure END,
            sent = CASE WHEN n.state = 'reached' OR n.no AND n.command_id IS NOT NULL THEN NULL ELSE d.sent END
        FROM unnest(%(ids)s::bigint[], %(kinds)s::text[], %(keys)s::text[], %(versions)s::bigint[],
                %(commands)s::uuid[], %(states)s::text[], %(attempts)s::int[], %(refusals)s::int[],
                %(next)s::timestamptz[], %(whys)s::text[], %(nos)s::bool[])
            AS n (station_id, kind, key, version, command_id, state, attempts, refusals, next_try_at, why, no)
        WHERE d.tenant_id = %(tenant_id)s AND d.station_id = n.station_id AND d.kind = n.kind AND d.key = n.key
            AND (n.command_id IS NULL OR d.last_command_id = n.command_id)
        RETURNING d.station_id, d.kind, d.key, d.version > n.version
        """,
        {
            "tenant_id": tenant_id,
            "now": now,
            **_places([each.place for each in settled]),
            "versions": [each.version for each in settled],
            "commands": [each.command_id for each in settled],
            "states": [each.verdict.state for each in settled],
            "attempts": [each.verdict.attempts for each in settled],
            "refusals": [each.verdict.refusals for each in settled],
            "next": [each.verdict.next_try_at for each in settled],
            "whys": [each.verdict.why for each in settled],
            "nos": [each.verdict.no for each in settled],
        },
    )
    newer = [(station_id, kind, key) for station_id, kind, key, newer in await cursor.fetchall() if newer]
    await conn.execute(
        "DELETE FROM desires WHERE tenant_id = %s AND station_id = ANY(%s) AND state = 'reached' AND wanted = 'null'",
        (tenant_id, [each.place[0] for each in settled]),
    )
    return newer


def _places(places: Sequence[Place]) -> dict[str, Any]:
    return {
        "ids": [place[0] for place in places],
        "kinds": [place[1] for place in places],
        "keys": [place[2] for place in places],
    }


async def forget_desires(conn: Connection, tenant_id: int, station: str, kind: str, key: str | None) -> int:
    """Forget what is wanted of a station, of a kind and of a key or all of that kind; how many."""
    cursor = await conn.execute(
        "DELETE FROM desires d USING stations s WHERE d.tenant_id = %(tenant_id)s AND s.tenant_id = %(tenant_id)s"
        " AND s.identity = %(station)s AND d.station_id = s.station_id AND d.kind = %(kind)s"
        " AND (%(key)s::text IS NULL OR d.key = %(key)s)",
        {"tenant_id": tenant_id, "station": station, "kind": kind, "key": key},
    )
    return cursor.rowcount


async def retry_desire(conn: Connection, tenant_id: int, station: str, kind: str, key: str, now: datetime) -> bool:
    """Make a desire due, as if it was just wanted; whether there is one."""
    cursor = await conn.execute(
        "UPDATE desires d SET state = 'pending', attempts = 0, refusals = 0, next_try_at = %s FROM stations s"
        " WHERE d.tenant_id = %s AND s.tenant_id = d.tenant_id AND s.station_id = d.station_id AND s.identity = %s"
        " AND d.kind = %s AND d.key = %s",
        (now, tenant_id, station, kind, key),
    )
    return cursor.rowcount == 1


async def lose_desire(conn: Connection, tenant_id: int, station: str, kind: str, key: str, now: datetime) -> bool:
    """Make a desire that was reached due, with nothing reported; whether there is one."""
    cursor = await conn.execute(
        "UPDATE desires d SET state = 'pending', attempts = 0, refusals = 0, next_try_at = %s, reported = NULL,"
        " reported_at = NULL FROM stations s WHERE d.tenant_id = %s AND s.tenant_id = d.tenant_id"
        " AND s.station_id = d.station_id AND s.identity = %s AND d.kind = %s AND d.key = %s AND d.state = 'reached'",
        (now, tenant_id, station, kind, key),
    )
    return cursor.rowcount == 1


async def list_desires(conn: Connection, tenant_id: int, stations: Sequence[str]) -> list[DesireRow]:
    """What is wanted of these stations."""
    cursor = conn.cursor(row_factory=class_row(DesireRow))
    await cursor.execute(
        f"SELECT {_ROW} {_FROM} WHERE d.tenant_id = %s AND s.identity = ANY(%s) ORDER BY s.identity, d.kind, d.key",
        (tenant_id, list(stations)),
    )
    return await cursor.fetchall()


async def list_texts(conn: Connection, tenant_id: int, station_ids: Sequence[int], kind: str) -> list[str]:
    """What of one kind is wanted of these stations: each a DesireRow as JSON."""
    cursor = await conn.execute(
        f"SELECT row_to_json(r)::text FROM (SELECT {_ROW} {_FROM} WHERE d.tenant_id = %s AND d.station_id = ANY(%b)"
        " AND d.kind = %s) r ORDER BY r.station, r.key",
        (tenant_id, list(station_ids), kind),
    )
    return [text for (text,) in await cursor.fetchall()]


async def find_desires(conn: Connection, tenant_id: int, places: Sequence[Place]) -> list[DesireRow]:
    """These desires, as far as they are there."""
    cursor = conn.cursor(row_factory=class_row(DesireRow))
    await cursor.execute(
        f"SELECT {_ROW} FROM {_GIVEN} CROSS JOIN LATERAL ("
        " SELECT * FROM desires d WHERE d.station_id = n.station_id AND d.kind = n.kind AND d.key = n.key"
        " AND d.tenant_id = %(tenant_id)s OFFSET 0) d JOIN stations s ON s.station_id = d.station_id",
        {"tenant_id": tenant_id, **_places(places)},
    )
    return await cursor.fetchall()


async def find_desire_of(conn: Connection, tenant_id: int, command_id: UUID) -> DesireRow | None:
    """The desire that a command was the last one for."""
    cursor = conn.cursor(row_factory=class_row(DesireRow))
    await cursor.execute(
        f"SELECT {_ROW} {_FROM} WHERE d.tenant_id = %s AND d.last_command_id = %s", (tenant_id, command_id)
    )
    return await cursor.fetchone()


async def list_said(conn: Connection, tenant_id: int, station_ids: Sequence[int]) -> dict[int, list[ConnectorSaid]]:
    """What the connectors of these stations last said of themselves, by station."""
    cursor = await conn.execute(
        "SELECT station_id, evse, connector, state, state_at FROM connectors"
        " WHERE tenant_id = %s AND station_id = ANY(%s) ORDER BY station_id, evse, connector",
        (tenant_id, list(station_ids)),
    )
    said: dict[int, list[ConnectorSaid]] = {}
    for station_id, evse, connector, state, state_at in await cursor.fetchall():
        one = ConnectorSaid(evse=evse, connector=connector, state=state, state_at=state_at)
        said.setdefault(station_id, []).append(one)
    return said


async def list_places(conn: Connection, tenant_id: int, station_id: int, component: str) -> list[int]:
    """The EVSEs that have this component of their own by what the station told of its variables, 0 the station itself;
    empty where it told of none. MAX_PLACES at the most."""
    cursor = await conn.execute(
        "SELECT DISTINCT coalesce(nullif(split_part(component, '@', 2), ''), '0')::int AS evse FROM station_variables"
        " WHERE tenant_id = %s AND station_id = %s AND split_part(component, '@', 1) = %s"
        " AND split_part(component, '@', 2) ~ '^([0-9]{1,4})?$' ORDER BY evse LIMIT %s",
        (tenant_id, station_id, component, MAX_PLACES),
    )
    return [int(row[0]) for row in await cursor.fetchall()]


async def make_due(conn: Connection, tenant_id: int, station_id: int, now: datetime, *, booted: bool) -> None:
    """A station is back: what it is not, or after a boot all that it is wanted to be, is tried anew. One that has said
    no is asked again after a boot; what it said yes to before one it may have forgotten."""
    await conn.execute(
        "UPDATE desires d SET state = 'pending', attempts = 0, refusals = 0, next_try_at = %(now)s"
        " WHERE tenant_id = %(tenant_id)s AND station_id = %(station_id)s"
        " AND (%(booted)s OR state IN ('pending', 'unreachable', 'unsupported'))",
        {"now": now, "tenant_id": tenant_id, "station_id": station_id, "booted": booted},
    )
    if booted:
        await conn.execute(
            f"UPDATE desires d SET unsure = {_with('d.unsure', 'd.reported')}, reported = NULL, reported_at = NULL"
            " WHERE tenant_id = %s AND station_id = %s AND reported IS NOT NULL",
            (tenant_id, station_id),
        )


async def look_soon(
    conn: Connection, tenant_id: int, station_id: int, kind: str, now: datetime, rest: timedelta
) -> None:
    """What is reached of a kind is looked at now, or after a rest since it was reached or looked at last."""
    await conn.execute(
        "UPDATE desires SET next_try_at = least(next_try_at, greatest(%s, reported_at + %s))"
        " WHERE tenant_id = %s AND station_id = %s AND kind = %s AND state = 'reached'",
        (now, rest, tenant_id, station_id, kind),
    )


async def list_tenants_due(conn: Connection, now: datetime) -> list[int]:
    """Organisations of which something is due. For who sees those of all."""
    cursor = await conn.execute("SELECT DISTINCT tenant_id FROM desires WHERE next_try_at <= %s", (now,))
    return [tenant_id for (tenant_id,) in await cursor.fetchall()]
