"""The cars that are there, and those that were."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import msgspec
from msgspec import Struct
from psycopg import AsyncConnection
from psycopg.rows import dict_row

from forecourt.energy.model import MOST_W
from forecourt.energy.needs.model import Needs, Said, Wants, merge
from forecourt.energy.store.gone import NAME, UNREPLACED
from forecourt.energy.store.measured import Mean, measured_of
from forecourt.energy.store.needs import habit_of, said_of
from forecourt.ocpp.neutral import Location, Measurand, Phase
from forecourt.platform.unchanged import Texts
from forecourt.sessions.store import MEASURED, STATE_NOW

Connection = AsyncConnection[Any]

#: Sets of meter values of one session in which its latest currents are looked for, and as many of its EVSE that belong
#: to no transaction.
LATEST_SETS: Final = 4
#: Past sessions that are read at once, the latest ones.
MAX_VISITS: Final = 20_000
_POWER_AT_OUTLET = Measurand.POWER_IMPORT | Phase.NONE << 8 | Location.OUTLET << 16


class ActiveCar(Struct, frozen=True, kw_only=True, gc=False):
    """A car that is plugged in: a session that runs at an EVSE of a site.

    `evse_id` names the EVSE in the site's electrics. `currents_a` are those of the three conductors as last measured,
    None where none was, the same on each where the station doesn't say of which; `offered_a` is what it says it offers.
    `measured_at` is when a current was measured, by our clock, `power_at` the same of `power_w`, and `every` how often.
    `mean`: what its register tells, where it has neither; `power_w` is its middle then.
    `given_wh`: what it gave back; `soc_at`: when its state of charge was measured, which is exact then.
    `charging_state`: by its transaction, or where that says nothing (OCPP 1.6) by its connector.
    """

    session_id: UUID
    station_id: int
    station: str
    evse: int
    evse_id: str
    connector: int | None
    transaction_id: str
    token: str | None
    started_at: datetime
    heard_at: datetime
    energy_wh: int | None
    power_w: int | None
    soc_pct: int | None
    charging_state: str | None
    currents_a: tuple[float | None, float | None, float | None]
    offered_a: float | None
    measured_at: datetime | None
    power_at: datetime | None
    needs: Needs
    given_wh: int = 0
    exact_soc_pct: float | None = None
    soc_at: datetime | None = None
    mean: Mean | None = None
    every: timedelta | None = None


class PastVisit(Struct, frozen=True, kw_only=True):
    """A session that is over. `max_w` is the highest power that was measured in it, None where none was; `stated` is
    what was said of it while it ran."""

    session_id: UUID
    station: str
    evse: int | None
    evse_id: str | None
    token: str | None
    came_at: datetime
    left_at: datetime
    energy_wh: int | None
    max_w: int | None
    stated: Wants


class _Car(Struct, frozen=True, kw_only=True, gc=False):
    session_id: UUID
    station_id: int
    station: str
    evse: int
    connector: int | None
    transaction_id: str
    token: str | None
    started_at: datetime
    heard_at: datetime
    last_at: datetime
    arrival_clock: bool
    energy_wh: int | None
    power_w: int | None
    soc_pct: int | None
    charging_state: str | None
    given_wh: int
    zone: str
    preferences: dict[str, Any] | None
    preferred_at: datetime | None
    preferred_by: str | None
    measured: list[dict[str, Any]] | None
    said: list[Said] | None


_decode_car: Final = msgspec.json.Decoder(_Car).decode


#: The latest sets of a session `n`.
_OWN: Final = """
    (SELECT at, readings, NULL::timestamptz AS arrived_at FROM meter_values
    WHERE tenant_id = %(tenant_id)s AND station_id = n.station_id AND transaction_id = n.transaction_id
    ORDER BY at DESC LIMIT %(sets)s)
    """
#: The latest that its EVSE told outside of any transaction, as far as they are of its time. Those that came last, for a
#: time that its station misspoke would stay the latest for ever.
_APART: Final = """
    (SELECT at, readings, arrived_at FROM (
        SELECT at, readings, arrived_at FROM meter_values
        WHERE tenant_id = %(tenant_id)s AND station_id = n.station_id AND evse = n.evse AND arrived_at IS NOT NULL
        ORDER BY arrived_at DESC, at DESC LIMIT %(sets)s) a
    WHERE CASE WHEN n.arrival_clock THEN arrived_at ELSE at END >= n.started_at)
    """


def cars_held() -> Texts[ActiveCar]:
    """Where `active_cars` finds again what it has read before."""
    return Texts(lambda text: _car(_decode_car(text)))


async def active_cars(
    conn: Connection, tenant_id: int, site_id: int, held: Texts[ActiveCar] | None = None
) -> list[ActiveCar]:
    """The sessions that run at the EVSEs that hang at a site, of several at one EVSE the newest, by EVSE; those at
    stations that stand there no more as well. `held`: what was read before."""
    cursor = await conn.execute(
        f"""
        SELECT row_to_json(c)::text FROM (
            SELECT DISTINCT ON ({NAME}, n.evse) n.session_id, n.station_id, {NAME} AS station, n.evse,
                n.connector, n.transaction_id, n.token_uid AS token, n.started_at, n.heard_at, n.last_at,
                n.arrival_clock, n.power_w, n.soc_pct,
                {STATE_NOW} AS charging_state,
                CASE WHEN n.meter_stop_wh >= n.meter_start_wh THEN n.meter_stop_wh - n.meter_start_wh END AS energy_wh,
                greatest(coalesce(n.given_stop_wh - n.given_start_wh, 0), 0)::int AS given_wh,
                i.time_zone AS zone, p.wants AS preferences, p.changed_at AS preferred_at, p.changed_by AS preferred_by,
                (SELECT json_agg(m ORDER BY m.at DESC) FROM ({_OWN} UNION ALL {_APART}) m) AS measured,
                (SELECT json_agg(s) FROM (
                    SELECT source, wants, said_at, said_by FROM session_needs
                    WHERE tenant_id = %(tenant_id)s AND session_id = n.session_id ORDER BY source) s) AS said
            FROM hung_evses h
            JOIN stations t ON t.tenant_id = h.tenant_id AND t.station_id = h.station_id
            JOIN sites i ON i.tenant_id = h.tenant_id AND i.site_id = h.site_id
            JOIN sessions n ON n.tenant_id = h.tenant_id AND n.station_id = h.station_id AND n.evse = h.evse
                AND n.over_at IS NULL
            LEFT JOIN charging_preferences p ON p.tenant_id = h.tenant_id
                AND p.uid_key = lower(n.token_uid COLLATE "C")
            WHERE h.tenant_id = %(tenant_id)s AND h.site_id = %(site_id)s AND {UNREPLACED}
            ORDER BY {NAME}, n.evse, n.number DESC
        ) c ORDER BY c.station, c.evse
        """,
        {"tenant_id": tenant_id, "site_id": site_id, "sets": LATEST_SETS},
    )
    return (cars_held() if held is None else held).of([text for (text,) in await cursor.fetchall()])


def _car(row: _Car) -> ActiveCar:
    measured = measured_of(row.measured or (), row.last_at, row.heard_at, believed=not row.arrival_clock)
    habit = habit_of(row.preferences, row.preferred_at, row.preferred_by, row.started_at, row.zone)
    told = {name: getattr(row, name) for name in _SHARED}
    if measured.mean is not None:
        told["power_w"] = measured.mean.power_w
    elif measured.power_w is not None:
        told["power_w"] = measured.power_w
    return ActiveCar(
        **told,
        evse_id=f"{row.station}:{row.evse}",
        currents_a=measured.currents_a,
        offered_a=measured.offered_a,
        measured_at=measured.current_at,
        power_at=measured.power_at,
        exact_soc_pct=measured.soc_pct,
        soc_at=measured.soc_at,
        mean=measured.mean,
        every=measured.every,
        needs=merge([*(row.said or ()), *habit]),
    )


_SHARED: Final = [name for name in ActiveCar.__struct_fields__ if name in _Car.__struct_fields__]


async def visits_of(conn: Connection, tenant_id: int, site_id: int, since: datetime) -> list[PastVisit]:
    """Sessions that began at a site since then and are over, by their start; the latest MAX_VISITS."""
    return await _visits(conn, tenant_id, since, site_id=site_id)


async def visits_of_token(conn: Connection, tenant_id: int, token: str, since: datetime) -> list[PastVisit]:
    """Sessions that were begun with a token since then and are over, by their start; the latest MAX_VISITS."""
    return await _visits(conn, tenant_id, since, spelt=spellings(token))


def spellings(token: str) -> list[str]:
    """Ways in which stations spell a uid, so that the index of tokens finds its sessions."""
    return sorted({token, token.lower(), token.upper()})


async def _visits(
    conn: Connection, tenant_id: int, since: datetime, *, site_id: int | None = None, spelt: Iterable[str] | None = None
) -> list[PastVisit]:
    where = "n.token_uid = ANY(%(spelt)s)"
    if site_id is not None:
        where = (
            "n.station_id IN (SELECT s.station_id FROM stations s JOIN sites i ON i.tenant_id = s.tenant_id"
            " AND i.site_id = s.site_id WHERE s.tenant_id = %(tenant_id)s AND i.path @> ARRAY[%(site_id)s::int])"
        )
    cursor = conn.cursor(row_factory=dict_row)
    await cursor.execute(
        f"""
        SELECT n.session_id, coalesce(t.identity, t.retired_identity) AS station, n.evse, n.token_uid AS token,
            n.started_at AS came_at, n.over_at AS left_at,
            CASE WHEN n.meter_stop_wh >= n.meter_start_wh THEN n.meter_stop_wh - n.meter_start_wh END AS energy_wh,
            (SELECT max(least(m.readings[position + 1], %(most)s)) FROM {MEASURED} m
                CROSS JOIN LATERAL generate_series(1, array_length(m.readings, 1), 2) AS position
                WHERE (m.readings[position] & 16777215) = %(power)s)::int AS max_w
        FROM sessions n JOIN stations t ON t.tenant_id = n.tenant_id AND t.station_id = n.station_id
        WHERE n.tenant_id = %(tenant_id)s AND n.started_at >= %(since)s AND n.over_at IS NOT NULL AND {where}
        ORDER BY n.started_at DESC LIMIT %(limit)s
        """,
        {
            "tenant_id": tenant_id,
            "since": since,
            "site_id": site_id,
            "spelt": list(spelt or ()),
            "power": int(_POWER_AT_OUTLET),
            "most": MOST_W,
            "limit": MAX_VISITS,
        },
    )
    rows = await cursor.fetchall()
    said = await said_of(conn, tenant_id, [row["session_id"] for row in rows])
    # Of MAX_VISITS that takes some 90 ms.
    return await asyncio.to_thread(lambda: [_visit(row, said.get(row["session_id"], ())) for row in reversed(rows)])


def _visit(row: Mapping[str, Any], said: Sequence[Said]) -> PastVisit:
    evse_id = None if row["evse"] is None else f"{row['station']}:{row['evse']}"
    return PastVisit(**row, evse_id=evse_id, stated=merge(said).wants)
