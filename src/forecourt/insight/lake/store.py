"""SQL of the lake: rows of other rooms' views as they are copied out, and what is to be made anew."""

import asyncio
from collections.abc import Sequence
from datetime import date, datetime
from io import RawIOBase
from pathlib import Path
from typing import Final
from uuid import UUID

from msgspec import Struct
from psycopg.rows import class_row

from forecourt.insight.lake.tables import RETIRED
from forecourt.insight.store import Connection

#: Bytes that are copied out before a thread writes them.
WRITTEN_AT_ONCE_BYTES: Final = 1 << 20
#: Days before its end that a session marks at the most, from its start on.
MOST_DAYS: Final = 62
#: A loss that lasts and is younger may turn out to be none, as the lease of a gateway that lives may run out; one that
#: died is cleaned away after a minute or two. Shorter than what an export looks at again of the time before the last.
SURE_AFTER_S: Final = 300
_MICRO: Final = "(extract(epoch FROM {0}) * 1000000)::bigint"


def _at(column: str) -> str:
    """A time as whole microseconds."""
    return _MICRO.format(column)


def _second(column: str) -> str:
    """A time to the second below, as whole microseconds."""
    return f"{_whole(column)} * 1000000"


def _whole(column: str) -> str:
    return f"floor(extract(epoch FROM {column}))::bigint"


def _stay(table: str) -> str:
    """Whole seconds from start to end, both to the second below."""
    return f"({_whole(f'{table}.ended_at')} - {_whole(f'{table}.started_at')})"


def _idle(table: str) -> str:
    """Whole seconds from the end of charging to the end; NULL: nobody knows."""
    return f"({_whole(f'{table}.ended_at')} - {_whole(f'{table}.charging_ended_at')})"


#: What a day or month of each table is copied by; parameters are tenant, from and until.
_SESSIONS: Final = f"""
    SELECT 'own', u.session_id::text, p.station, u.evse::text, t.connector_type, {_second("u.started_at")},
        {_second("u.ended_at")}, {_second("u.charging_ended_at")}, {_stay("u")}, {_idle("u")},
        u.energy_wh, u.given_wh, u.currency, u.excl_minor,
        u.incl_minor, u.tariff,
        CASE WHEN u.token_status <> 'Accepted' AND coalesce(u.energy_wh, 0) = 0 THEN 'refused'
            WHEN u.energy_wh > 0 THEN 'charged' ELSE 'nothing' END,
        u.stop_reason, array_to_string(u.notes, ' '), u.sampled_wh, u.power_wh, u.offered_wh,
        u.hottest_centi_c / 100.0, u.most_w, y.method,
        coalesce(f.fleet, (SELECT e.fleet FROM fleet_times e WHERE e.tenant_id = u.tenant_id
            AND e.driver_id = d.driver_id AND e.joined_at <= u.started_at
            AND (e.left_at IS NULL OR u.started_at < e.left_at) ORDER BY e.joined_at DESC LIMIT 1), g.group_key),
        u.token_uid, d.driver_id, NULL
    FROM session_use u
    JOIN station_places p ON p.tenant_id = u.tenant_id AND p.station_id = u.station_id
    LEFT JOIN LATERAL (
        SELECT min(k.connector_type) AS connector_type FROM plug_types k
        WHERE k.tenant_id = u.tenant_id AND k.station_id = u.station_id AND k.evse = u.evse
          AND k.connector = coalesce(nullif(u.connector, 0), k.connector)
    ) t ON true
    LEFT JOIN session_payments y ON y.tenant_id = u.tenant_id AND y.session_id = u.session_id
    LEFT JOIN LATERAL (
        SELECT w.driver_id FROM session_drivers w
        WHERE w.tenant_id = u.tenant_id AND w.session_id = u.session_id OFFSET 0
    ) d ON true
    LEFT JOIN session_fleets f ON f.tenant_id = u.tenant_id AND f.session_id = u.session_id
    LEFT JOIN token_groups g ON g.tenant_id = u.tenant_id AND g.uid_key = lower(u.token_uid COLLATE "C")
    WHERE u.tenant_id = %(tenant)s AND u.started_at >= %(since)s AND u.started_at < %(until)s
    UNION ALL
    SELECT i.source, i.source_id, i.station, i.evse, i.connector_type, {_second("i.started_at")},
        {_second("i.ended_at")}, {_second("i.charging_ended_at")}, {_stay("i")}, {_idle("i")},
        i.energy_wh, NULL, i.currency, i.excl_minor,
        i.incl_minor, i.tariff, i.outcome, i.stop_reason, array_to_string(i.flags, ' '), NULL, NULL, NULL, NULL, NULL,
        NULL, CASE WHEN i.driver_group IS NOT NULL THEN coalesce((SELECT n.fleet FROM former_fleet_names n
            WHERE n.tenant_id = i.tenant_id AND n.name = i.driver_group AND (n.until_at > i.started_at OR NOT n.taken)
            ORDER BY n.until_at <= i.started_at, abs(extract(epoch FROM n.until_at - i.started_at)) LIMIT 1),
            i.driver_group) END, NULL, NULL, i.driver
    FROM imported_sessions i
    WHERE i.tenant_id = %(tenant)s AND i.started_at >= %(since)s AND i.started_at < %(until)s
    ORDER BY 6, 1, 2
    """
_STATES: Final = f"""
    SELECT p.station, s.evse, s.connector, {_at("s.state_at")}, s.state, s.error_code, s.vendor_error_code, s.info,
        {_at("s.arrived_at")}
    FROM connector_states s JOIN station_places p ON p.tenant_id = s.tenant_id AND p.station_id = s.station_id
    WHERE s.tenant_id = %(tenant)s AND s.state_at >= %(since)s AND s.state_at < %(until)s
        AND (p.retired_at IS NULL OR s.state_at < p.retired_at)
    UNION ALL
    SELECT p.station, s.evse, s.connector, {_at("p.retired_at")}, '{RETIRED}', NULL, NULL, NULL, {_at("p.retired_at")}
    FROM station_places p CROSS JOIN LATERAL (
        SELECT DISTINCT evse, connector FROM connector_states s
        WHERE s.tenant_id = p.tenant_id AND s.station_id = p.station_id AND s.state_at < p.retired_at
    ) s
    WHERE p.tenant_id = %(tenant)s AND p.retired_at >= %(since)s AND p.retired_at < %(until)s
    ORDER BY 4, 1, 2, 3, 5
    """
_GAPS: Final = f"""
    SELECT p.station, {_at("g.lost_at")}, {_at("g.returned_at")}
    FROM connection_losses g JOIN station_places p ON p.tenant_id = g.tenant_id AND p.station_id = g.station_id
    WHERE g.tenant_id = %(tenant)s AND g.lost_at >= %(since)s AND g.lost_at < %(until)s
        AND (g.returned_at IS NOT NULL OR g.lost_at < now() - make_interval(secs => {SURE_AFTER_S}))
    ORDER BY 2, 1
    """
_PRICES: Final = f"""
    SELECT kind, zone, {_at("start_at")}, minutes, value::float8, currency, source
    FROM signal_values WHERE tenant_id = %(tenant)s AND start_at >= %(since)s AND start_at < %(until)s
    ORDER BY 1, 2, 3
    """
_INCIDENTS: Final = f"""
    SELECT incident_id::text, kind, severity, station, site, evse, connector, {_at("since")}, {_at("opened_at")},
        {_at("gone_at")}, {_at("closed_at")}, {_at("acknowledged_at")}
    FROM incident_facts WHERE tenant_id = %(tenant)s AND opened_at >= %(since)s AND opened_at < %(until)s
    ORDER BY 9, 1
    """
COPIES: Final = {
    "sessions": _SESSIONS, "states": _STATES, "gaps": _GAPS, "prices": _PRICES, "incidents": _INCIDENTS,
}  # fmt: skip

#: Where it is written on which day a step that follows the lake was done with it.
_DONE: Final = {"acted": "acted_on", "looked": "looked_on", "forecast": "forecast_on"}
#: Days of which each table has something, and those that something was heard of since a time.
_ALL: Final = {
    "states": "SELECT (state_at AT TIME ZONE 'UTC')::date AS day FROM"
    " (SELECT tenant_id, state_at, arrived_at FROM connector_states UNION ALL SELECT tenant_id, retired_at, retired_at"
    " FROM station_places WHERE retired_at IS NOT NULL) AS s WHERE tenant_id = %(tenant)s",
    "gaps": "SELECT (lost_at AT TIME ZONE 'UTC')::date AS day FROM connection_losses WHERE tenant_id = %(tenant)s",
    "prices": "SELECT (start_at AT TIME ZONE 'UTC')::date AS day FROM signal_values WHERE tenant_id = %(tenant)s",
    "incidents": "SELECT (opened_at AT TIME ZONE 'UTC')::date AS day FROM incident_facts WHERE tenant_id = %(tenant)s",
}
_HEARD: Final = {
    "states": "arrived_at >= %(heard)s",
    "gaps": "greatest(lost_at, returned_at) >= %(heard)s",
    "prices": "fetched_at >= %(heard)s",
    "incidents": "changed_at >= %(heard)s",
}


async def copy_out(
    conn: Connection, table: str, tenant_id: int, since: datetime, until: datetime, target: Path
) -> None:
    """Writes the rows of a part of a table as CSV, in order, never all of them in memory."""
    given = {"tenant": tenant_id, "since": since, "until": until}
    with target.open("wb", buffering=0) as file:
        held = bytearray()
        async with conn.cursor().copy(f"COPY ({COPIES[table]}) TO STDOUT (FORMAT csv)", given) as copy:
            async for block in copy:
                held += block
                if len(held) >= WRITTEN_AT_ONCE_BYTES:
                    await asyncio.to_thread(_written, file, held)
                    held = bytearray()
        await asyncio.to_thread(_written, file, held)


def _written(file: RawIOBase, content: bytes | bytearray) -> None:
    """All of it: an unbuffered file may take less at once."""
    rest = memoryview(content)
    while rest:
        rest = rest[file.write(rest) or 0 :]


async def list_days(conn: Connection, table: str, tenant_id: int, heard: datetime | None = None) -> list[date]:
    """Days of which a table has something, or of which something was heard since a time."""
    if table == "sessions":
        query = (
            "SELECT (started_at AT TIME ZONE 'UTC')::date AS day FROM session_facts"
            " WHERE tenant_id = %(tenant)s AND over_at IS NOT NULL"
            " UNION SELECT (started_at AT TIME ZONE 'UTC')::date FROM imported_sessions WHERE tenant_id = %(tenant)s"
        )
    else:
        query = _ALL[table] if heard is None else f"{_ALL[table]} AND {_HEARD[table]}"
    rows = await conn.execute(
        f"SELECT DISTINCT day FROM ({query}) AS d ORDER BY day", {"tenant": tenant_id, "heard": heard}
    )
    return [day for (day,) in await rows.fetchall()]


async def marks(conn: Connection, tenant_id: int) -> dict[date, int]:
    """Marked days, each with the number of its mark."""
    rows = await conn.execute("SELECT day, number FROM lake_marks WHERE tenant_id = %s", (tenant_id,))
    return dict(await rows.fetchall())


async def unmark(conn: Connection, tenant_id: int, done: dict[date, int]) -> None:
    """Takes marks away that are still the same."""
    await conn.execute(
        "DELETE FROM lake_marks m USING unnest(%s::date[], %s::bigint[]) AS d (day, number)"
        " WHERE m.tenant_id = %s AND m.day = d.day AND m.number = d.number",
        (list(done), list(done.values()), tenant_id),
    )


_MARK: Final = """
    INSERT INTO lake_marks (tenant_id, day, number)
    SELECT %(tenant)s, day, nextval('lake_mark_numbers') FROM ({days}) AS d (day) ORDER BY day
    ON CONFLICT (tenant_id, day) DO UPDATE SET number = excluded.number
    """


async def mark(conn: Connection, tenant_id: int, days: Sequence[date]) -> None:
    """Has days be made anew with the next export."""
    if days:
        query = _MARK.format(days="SELECT DISTINCT n FROM unnest(%(days)s::date[]) AS n")
        await conn.execute(query, {"tenant": tenant_id, "days": list(days)})


async def mark_session(conn: Connection, tenant_id: int, session_id: UUID) -> None:
    """Has all days be made anew in which a session that is over stood: its start was among them before, too."""
    query = _MARK.format(
        days="SELECT generate_series(began, least(ended, began + %(most)s), '1 day')::date FROM ("
        " SELECT (started_at AT TIME ZONE 'UTC')::date AS began, (over_at AT TIME ZONE 'UTC')::date AS ended"
        " FROM session_facts WHERE tenant_id = %(tenant)s AND session_id = %(session)s AND over_at IS NOT NULL) AS s"
    )
    await conn.execute(query, {"tenant": tenant_id, "session": session_id, "most": MOST_DAYS})


async def former_names(conn: Connection, tenant_id: int, fleet_id: int) -> list[str]:
    """What a fleet was called, but not what it is called now."""
    rows = await conn.execute(
        "SELECT DISTINCT name FROM former_fleet_names WHERE tenant_id = %s AND fleet_id = %s AND name <> fleet",
        (tenant_id, fleet_id),
    )
    return [name for (name,) in await rows.fetchall()]


async def former_tariff_names(conn: Connection, tenant_id: int, tariff_id: UUID) -> list[str]:
    """What a tariff was called, but not what it is called now."""
    rows = await conn.execute(
        "SELECT name FROM former_tariff_names WHERE tenant_id = %s AND tariff_id = %s", (tenant_id, tariff_id)
    )
    return [name for (name,) in await rows.fetchall()]


class Place(Struct, frozen=True, kw_only=True):
    """A station as the lake knows it. `first_at` and `last_at`: since when and until when it is known to be there."""

    station: str
    name: str | None
    site: str | None
    site_name: str | None
    zone: str
    source: str
    evses: int
    power_w: int | None
    vendor: str | None
    model: str | None
    latitude: float | None
    longitude: float | None
    first_at: datetime | None
    last_at: datetime | None
    gone: bool

    @property
    def power_known(self) -> bool:
        """Whether somebody said how much it can give."""
        return bool(self.power_w)


async def list_places(conn: Connection, tenant_id: int) -> list[Place]:
    """Every station, ours and those of imported history, by name; one that is both is ours."""
    rows = conn.cursor(row_factory=class_row(Place))
    await rows.execute(
        """
        SELECT DISTINCT ON (station) * FROM (
            SELECT station, name, site, site_name, time_zone AS zone, 'own' AS source, evses, max_power_w AS power_w,
                vendor, model, latitude, longitude, created_at AS first_at, retired_at AS last_at,
                retired_at IS NOT NULL AS gone
            FROM station_places WHERE tenant_id = %(tenant)s
            UNION ALL
            SELECT station, NULL, site, site, zone, source, cardinality(evses), NULL, NULL, NULL, NULL, NULL, first_at,
                last_at, true
            FROM imported_places WHERE tenant_id = %(tenant)s
        ) AS p ORDER BY station, (source = 'own') DESC, gone, first_at DESC
        """,
        {"tenant": tenant_id},
    )
    return await rows.fetchall()


async def find_lake(conn: Connection, tenant_id: int) -> tuple[str, int] | None:
    """Which lake is the organisation's, and its latest snapshot."""
    row = await (
        await conn.execute("SELECT lake_id::text, snapshot FROM lakes WHERE tenant_id = %s", (tenant_id,))
    ).fetchone()
    return None if row is None else (str(row[0]), int(row[1]))


async def note_lake(conn: Connection, tenant_id: int, lake_id: str, snapshot: int, at: datetime) -> None:
    """Which snapshot is the latest."""
    await conn.execute(
        "INSERT INTO lakes (tenant_id, lake_id, snapshot, written_at) VALUES (%s, %s, %s, %s)"
        " ON CONFLICT (tenant_id) DO UPDATE"
        " SET lake_id = excluded.lake_id, snapshot = excluded.snapshot, written_at = excluded.written_at",
        (tenant_id, lake_id, snapshot, at),
    )


class Tries(Struct, frozen=True, kw_only=True):
    """How often a step of a night was tried on a day, and when last. `reason`: why that failed; None: it is being made,
    or was broken off."""

    day: date
    tries: int
    tried_at: datetime
    reason: str | None


async def is_done(conn: Connection, tenant_id: int, step: str, day: date) -> bool:
    """Whether a step that follows the lake was done with the one of a day."""
    query = f"SELECT {_DONE[step]} = %s FROM lakes WHERE tenant_id = %s"
    row = await (await conn.execute(query, (day, tenant_id))).fetchone()
    return row is not None and bool(row[0])


async def find_tries(conn: Connection, tenant_id: int, step: str) -> Tries | None:
    """Tries of a step that was not done since."""
    rows = conn.cursor(row_factory=class_row(Tries))
    await rows.execute(
        "SELECT day, tries, tried_at, reason FROM night_tries WHERE tenant_id = %s AND step = %s", (tenant_id, step)
    )
    return await rows.fetchone()


async def begin_try(conn: Connection, tenant_id: int, step: str, day: date, at: datetime) -> int:
    """One try more; the how many-th of this day it is."""
    row = await (
        await conn.execute(
            "INSERT INTO night_tries AS t (tenant_id, step, day, tries, tried_at) VALUES (%s, %s, %s, 1, %s)"
            " ON CONFLICT (tenant_id, step) DO UPDATE SET day = excluded.day, tried_at = excluded.tried_at,"
            " reason = NULL, tries = CASE WHEN t.day = excluded.day THEN t.tries + 1 ELSE 1 END RETURNING tries",
            (tenant_id, step, day, at),
        )
    ).fetchone()
    assert row is not None
    return int(row[0])


async def note_reason(conn: Connection, tenant_id: int, step: str, reason: str) -> None:
    """Why the last try failed."""
    await conn.execute(
        "UPDATE night_tries SET reason = %s WHERE tenant_id = %s AND step = %s", (reason, tenant_id, step)
    )


async def end_tries(conn: Connection, tenant_id: int, step: str, day: date) -> None:
    """A step of the night was done with the lake of a day."""
    if step in _DONE:
        await conn.execute(f"UPDATE lakes SET {_DONE[step]} = %s WHERE tenant_id = %s", (day, tenant_id))
    await conn.execute("DELETE FROM night_tries WHERE tenant_id = %s AND step = %s", (tenant_id, step))


async def has_something(conn: Connection, tenant_id: int) -> bool:
    """Whether there is a lake, or a reason to make one."""
    row = await (
        await conn.execute(
            "SELECT EXISTS (SELECT FROM lakes WHERE tenant_id = %(tenant)s)"
            " OR EXISTS (SELECT FROM lake_marks WHERE tenant_id = %(tenant)s)",
            {"tenant": tenant_id},
        )
    ).fetchone()
    return row is not None and bool(row[0])


async def ask_erasure(conn: Connection, tenant_id: int, pseudonyms: Sequence[str], at: datetime) -> None:
    """Has these drivers be erased, again if they were."""
    await conn.execute(
        "INSERT INTO lake_erasures (tenant_id, pseudonym, asked_at) SELECT %s, n, %s FROM unnest(%s::text[]) AS n"
        " ON CONFLICT (tenant_id, pseudonym) DO UPDATE SET asked_at = excluded.asked_at, done_at = NULL",
        (tenant_id, at, sorted(set(pseudonyms))),
    )


async def erased(conn: Connection, tenant_id: int) -> set[str]:
    """All that are or are to be erased."""
    rows = await conn.execute("SELECT pseudonym FROM lake_erasures WHERE tenant_id = %s", (tenant_id,))
    return {name for (name,) in await rows.fetchall()}


async def open_erasures(conn: Connection, tenant_id: int) -> set[str]:
    """Those that are still to be erased."""
    rows = await conn.execute(
        "SELECT pseudonym FROM lake_erasures WHERE tenant_id = %s AND done_at IS NULL", (tenant_id,)
    )
    return {name for (name,) in await rows.fetchall()}


async def forget_imported(conn: Connection, tenant_id: int, pseudonyms: Sequence[str]) -> int:
    """Leaves nothing of these drivers in imported history; in how many sessions they were."""
    done = await conn.execute(
        "UPDATE imported_sessions SET driver = NULL, driver_group = NULL WHERE tenant_id = %s AND driver = ANY(%s)",
        (tenant_id, list(pseudonyms)),
    )
    return done.rowcount


async def end_erasures(conn: Connection, tenant_id: int, pseudonyms: Sequence[str], at: datetime) -> None:
    """They are erased."""
    await conn.execute(
        "UPDATE lake_erasures SET done_at = %s WHERE tenant_id = %s AND pseudonym = ANY(%s) AND done_at IS NULL",
        (at, tenant_id, list(pseudonyms)),
    )


async def forget_erasures(conn: Connection, tenant_id: int, before: datetime) -> None:
    """Remembers no longer who was erased and had asked for it before a time."""
    await conn.execute(
        "DELETE FROM lake_erasures WHERE tenant_id = %s AND done_at IS NOT NULL AND asked_at < %s", (tenant_id, before)
    )
