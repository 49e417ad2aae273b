"""The SQL of what sessions cost: what is priced, by which tariff, and what came of it."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, LiteralString
from uuid import UUID

import msgspec
from msgspec import Struct
from psycopg import AsyncConnection
from psycopg.rows import class_row

from forecourt.ocpp.neutral import Location, Measurand, Phase
from forecourt.pricing.shown import Quote
from forecourt.sessions.costing.model import FrozenBy

Connection = AsyncConnection[Any]

#: Measured values of one session that are read to price it: of more every second moment, every third, and so on.
MAX_MEASURED: Final = 200_000
#: Words of a connector and a transaction during one session that are read to price it, each that says something new.
MAX_STATES: Final = 50_000
_MEASURANDS: Final = [
    int(each)
    for each in (
        Measurand.ENERGY_IMPORT_REGISTER, Measurand.POWER_IMPORT, Measurand.CURRENT_IMPORT, Measurand.CURRENT_OFFERED
    )
]  # fmt: skip


class Costed(Struct, frozen=True, kw_only=True):
    """A session as far as its price depends on it, with what is kept of that. `frozen_by` None: nothing is yet.
    `group`, `subscription`: of the driver, by the token, when it began. `held`: its signed meter values keep it from
    being billed; `proven_wh`: the energy that they prove. `reserved_at`: since when its connector was held for its
    driver, None where it wasn't."""

    session_id: UUID
    station_id: int
    transaction_id: str
    evse: int | None
    connector: int | None
    token_uid: str | None
    group: str | None
    subscription: str | None
    started_at: datetime
    over_at: datetime | None
    last_at: datetime
    meter_start_wh: int | None
    meter_stop_wh: int | None
    tariff_id: UUID | None
    tariff_version: int | None
    frozen_by: FrozenBy | None
    assignment_id: UUID | None
    zone: str | None
    circumstances: dict[str, Any] | None
    most_minor: int | None
    final: bool | None
    currency: str | None
    excl_minor: int | None
    incl_minor: int | None
    bill: dict[str, Any] | None
    priced_at: datetime | None
    sealed_at: datetime | None
    later_incl_minor: int | None
    held: bool = False
    proven_wh: int | None = None
    reserved_at: datetime | None = None

    @property
    def shown(self) -> Quote | None:
        """The bill that is kept."""
        return None if self.bill is None else msgspec.convert(self.bill, Quote, strict=False)


_COSTED: Final = """
SELECT s.session_id, s.station_id, s.transaction_id, s.evse, s.connector, s.token_uid, d.group_uid AS group,
    (SELECT u.subscription FROM token_subscriptions u WHERE u.tenant_id = s.tenant_id
        AND u.uid_key = lower(s.token_uid COLLATE "C") AND u.began_at <= s.started_at
        AND (u.ends_at IS NULL OR u.ends_at > s.started_at) ORDER BY u.began_at DESC LIMIT 1) AS subscription,
    s.started_at, s.over_at, s.last_at, s.meter_start_wh, s.meter_stop_wh, c.tariff_id, c.tariff_version, c.frozen_by,
    c.assignment_id, c.zone, c.circumstances, c.most_minor, c.final, c.currency, c.excl_minor, c.incl_minor, c.bill,
    c.priced_at, c.sealed_at, c.later_incl_minor, coalesce(g.held AND g.released_at IS NULL, false) AS held,
    g.energy_wh AS proven_wh, coalesce(c.reserved_at, (
        -- A hold that was used ended when its session began. Holds are forgotten one day; what is kept counts then.
        SELECT r.held_at FROM reservations r WHERE r.tenant_id = s.tenant_id AND r.station_id = s.station_id
            AND r.evse = s.evse AND r.held_at <= s.started_at AND coalesce(r.ended_at, r.until_at) >= s.started_at
            AND lower(s.token_uid COLLATE "C") = ANY (r.token_keys) ORDER BY r.held_at DESC LIMIT 1
    )) AS reserved_at
FROM sessions s
LEFT JOIN session_signatures g ON g.tenant_id = s.tenant_id AND g.session_id = s.session_id
LEFT JOIN session_costs c ON c.tenant_id = s.tenant_id AND c.session_id = s.session_id
LEFT JOIN token_decisions d ON d.tenant_id = s.tenant_id AND d.uid_key = lower(s.token_uid COLLATE "C")
WHERE s.tenant_id = %(tenant_id)s AND s.session_id = %(session_id)s
"""


class Measurements(Struct, frozen=True, kw_only=True):
    """What was measured at the outlet: registers in Wh, power in W, currents of all phases together in mA, and what the
    station offered in mA. `thinned`: there was more than is read."""

    registers: list[tuple[datetime, int]]
    power: list[tuple[datetime, int]]
    currents: list[tuple[datetime, int]]
    offered: list[tuple[datetime, int]]
    thinned: bool


async def hold(conn: Connection, session_id: UUID) -> None:
    """Makes others who price this session wait until the transaction ends: the one that looks last writes last."""
    await conn.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", (f"price {session_id}",))


async def find_costed(conn: Connection, tenant_id: int, session_id: UUID) -> Costed | None:
    """The session of this id."""
    cursor = conn.cursor(row_factory=class_row(Costed))
    await cursor.execute(_COSTED, {"tenant_id": tenant_id, "session_id": session_id})
    return await cursor.fetchone()


#: Everything, as long as it is not too much.
_ALL: Final[LiteralString] = "SELECT at, measurand, phase, value FROM each_value ORDER BY at LIMIT %(limit)s"
#: Moments of each measurand that lie evenly, its last one among them: their rhythms may differ.
_SOME: Final[LiteralString] = """
SELECT at, measurand, phase, value FROM (
    SELECT *, dense_rank() OVER (PARTITION BY measurand ORDER BY at DESC) - 1 AS moment, count(*) OVER () AS many
    FROM each_value
) ranked WHERE moment %% ((many - 1) / %(limit)s + 1) = 0"""


async def find_measured(
    conn: Connection, tenant_id: int, station_id: int, transaction_id: str
) -> Measurements:  # fmt: skip
    """What was measured of a transaction, oldest first, about MAX_MEASURED values at the most: of more the moments of
    each measurand that lie between others are left out, never its last, so that all of its time is priced by what was
    measured in it. A value of a moment is the total where that was measured, else that of its conductors together."""
    about = {
        "tenant_id": tenant_id, "station_id": station_id, "transaction_id": transaction_id,
        "measurands": _MEASURANDS, "outlet": int(Location.OUTLET), "total": int(Phase.NONE),
        "lines": [int(Phase.L1), int(Phase.L2), int(Phase.L3)], "limit": MAX_MEASURED,
    }  # fmt: skip
    rows = await _measured(conn, _ALL, about)
    thinned = sum(row[3] for row in rows) == MAX_MEASURED
    if thinned:
        rows = await _measured(conn, _SOME, about)
    found: dict[int, list[tuple[datetime, int]]] = {each: [] for each in _MEASURANDS}
    for at, measurand, value, _ in rows:
        if value is not None:
            found[measurand].append((at, value))
    registers, power, currents, offered = (found[each] for each in _MEASURANDS)
    return Measurements(registers=registers, power=power, currents=currents, offered=offered, thinned=thinned)


async def _measured(
    conn: Connection, some: LiteralString, about: Mapping[str, Any]
) -> list[tuple[datetime, int, int | None, int]]:
    """Moment, measurand and value, with how many values it is of."""
    cursor = await conn.execute(
        f"""
        WITH each_value AS NOT MATERIALIZED (
            SELECT at, measurand, phase, max(value) AS value FROM samples
            WHERE tenant_id = %(tenant_id)s AND station_id = %(station_id)s AND transaction_id = %(transaction_id)s
                AND measurand = ANY (%(measurands)s) AND location = %(outlet)s AND value IS NOT NULL
            GROUP BY at, measurand, phase)
        SELECT at, measurand, coalesce(max(value) FILTER (WHERE phase = %(total)s),
            sum(value) FILTER (WHERE phase = ANY (%(lines)s)))::bigint, count(*)
        FROM ({some}) each GROUP BY at, measurand ORDER BY at
        """,
        about,
    )
    return await cursor.fetchall()


async def list_states(
    conn: Connection, tenant_id: int, costed: Costed, until: datetime
) -> list[tuple[datetime, str]]:  # fmt: skip
    """What the connector of a session said of itself in its time (1.6), and last before it, and its transaction of its
    charging (2.x), as it was said; what was said at one moment as it arrived, or by seqNo. What says the same again is
    left out. MAX_STATES at the most."""
    cursor = await conn.execute(
        """
        SELECT state_at, state FROM (
            SELECT state_at, state, lag(state) OVER (ORDER BY state_at, order_key, arrived_at, state) AS before,
                row_number() OVER (ORDER BY state_at, order_key, arrived_at, state) AS number FROM (
            SELECT state_at, state, arrived_at, 0 AS order_key FROM connector_history
            WHERE tenant_id = %(tenant_id)s AND station_id = %(station_id)s AND evse = %(evse)s
                AND connector = coalesce(%(connector)s, 1) AND state_at <= %(until)s
                AND state_at >= coalesce((
                    SELECT max(b.state_at) FROM connector_history b WHERE b.tenant_id = %(tenant_id)s
                        AND b.station_id = %(station_id)s AND b.evse = %(evse)s
                        AND b.connector = coalesce(%(connector)s, 1) AND b.state_at <= %(since)s
                ), %(since)s)
            UNION ALL
            SELECT at, state, at, order_key FROM session_states
            WHERE tenant_id = %(tenant_id)s AND station_id = %(station_id)s AND transaction_id = %(transaction_id)s
                AND at <= %(until)s
        ) said) told WHERE state IS DISTINCT FROM before ORDER BY number LIMIT %(limit)s
        """,
        {
            "tenant_id": tenant_id, "station_id": costed.station_id, "transaction_id": costed.transaction_id,
            "evse": costed.evse, "connector": costed.connector, "since": costed.started_at, "until": until,
            "limit": MAX_STATES,
        },
    )  # fmt: skip
    return [(at, state) for at, state in await cursor.fetchall()]


class Frozen(Struct, frozen=True, kw_only=True):
    """By what a session is priced."""

    tariff_id: UUID | None
    tariff_version: int | None
    frozen_by: FrozenBy
    assignment_id: UUID | None
    zone: str
    circumstances: bytes


async def freeze(conn: Connection, tenant_id: int, costed: Costed, frozen: Frozen, now: datetime) -> None:
    """Keeps by what a session is priced. What was agreed on stays; what was assigned gives way to that alone."""
    await conn.execute(
        "INSERT INTO session_costs AS c (session_id, tenant_id, station_id, tariff_id, tariff_version, frozen_by,"
        " assignment_id, zone, circumstances, reserved_at, frozen_at)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s::jsonb, %s, %s)"
        " ON CONFLICT (session_id) DO UPDATE SET tariff_id = excluded.tariff_id,"
        " tariff_version = excluded.tariff_version, frozen_by = excluded.frozen_by,"
        " assignment_id = excluded.assignment_id, circumstances = excluded.circumstances,"
        " frozen_at = excluded.frozen_at, final = false, currency = NULL, excl_minor = NULL, incl_minor = NULL,"
        " bill = NULL, priced_at = NULL"
        " WHERE c.frozen_by = 'assignment' AND excluded.frozen_by = 'agreement' AND c.sealed_at IS NULL",
        (
            costed.session_id, tenant_id, costed.station_id, frozen.tariff_id, frozen.tariff_version,
            frozen.frozen_by, frozen.assignment_id, frozen.zone, frozen.circumstances.decode(), costed.reserved_at, now,
        ),
    )  # fmt: skip


async def limit(conn: Connection, tenant_id: int, session_id: UUID, most_minor: int | None) -> None:
    """What may be taken at the most, after taxes."""
    await conn.execute(
        "UPDATE session_costs SET most_minor = %s WHERE tenant_id = %s AND session_id = %s AND sealed_at IS NULL",
        (most_minor, tenant_id, session_id),
    )


class Priced(Struct, frozen=True, kw_only=True):
    """What came of pricing: nothing but a time where no tariff counts."""

    currency: str | None = None
    excl_minor: int | None = None
    incl_minor: int | None = None
    bill: bytes | None = None


async def finish(conn: Connection, tenant_id: int, session_id: UUID, priced: Priced, now: datetime) -> bool:
    """Keeps the final cost; whether it is another than before."""
    cursor = await conn.execute(
        "UPDATE session_costs SET final = true, currency = %(currency)s, excl_minor = %(excl)s, incl_minor = %(incl)s,"
        " bill = %(bill)s::jsonb, priced_at = %(now)s"
        " WHERE tenant_id = %(tenant_id)s AND session_id = %(session_id)s AND sealed_at IS NULL AND (NOT final"
        " OR (currency, excl_minor, incl_minor, bill)"
        " IS DISTINCT FROM (%(currency)s, %(excl)s, %(incl)s, %(bill)s::jsonb))",
        {
            "currency": priced.currency, "excl": priced.excl_minor, "incl": priced.incl_minor,
            "bill": None if priced.bill is None else priced.bill.decode(), "now": now, "tenant_id": tenant_id,
            "session_id": session_id,
        },
    )  # fmt: skip
    return cursor.rowcount == 1


async def reopen(conn: Connection, tenant_id: int, session_id: UUID) -> None:
    """It goes on after all, so nothing of its cost is final unless money has moved by it."""
    await conn.execute(
        "UPDATE session_costs SET final = false, currency = NULL, excl_minor = NULL, incl_minor = NULL, bill = NULL,"
        " priced_at = NULL WHERE tenant_id = %s AND session_id = %s AND final AND sealed_at IS NULL",
        (tenant_id, session_id),
    )


async def note_later(conn: Connection, tenant_id: int, session_id: UUID, incl_minor: int | None) -> None:
    """What it would cost by what came after it was sealed; None: as much as it does."""
    await conn.execute(
        "UPDATE session_costs SET later_incl_minor = %(later)s WHERE tenant_id = %(tenant_id)s"
        " AND session_id = %(session_id)s AND sealed_at IS NOT NULL AND later_incl_minor IS DISTINCT FROM %(later)s",
        {"later": incl_minor, "tenant_id": tenant_id, "session_id": session_id},
    )


async def seal(conn: Connection, tenant_id: int, session_id: UUID, now: datetime) -> bool:
    """Money moves by it; whether it is final, as it must be."""
    cursor = await conn.execute(
        "UPDATE session_costs SET sealed_at = coalesce(sealed_at, %s)"
        " WHERE tenant_id = %s AND session_id = %s AND final",
        (now, tenant_id, session_id),
    )
    return cursor.rowcount == 1
