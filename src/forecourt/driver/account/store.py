"""All SQL of a driver's own pages: sessions with their cost, and what pages they sign in on."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from msgspec import Struct
from psycopg import AsyncConnection
from psycopg.rows import class_row

from forecourt.drivers.autocharge.model import SEEN_AFTER_S, SEEN_BEFORE_S
from forecourt.sessions.signed.store import proven_wh

Connection = AsyncConnection[Any]

#: Currencies of one wallet.
MAX_CURRENCIES: Final = 10
#: Cars that are offered to be named.
MAX_OFFERED: Final = 5
#: States of a connector with a car at it, in the words of each version.
PLUGGED: Final = ("Occupied", "Preparing", "Charging", "SuspendedEV", "SuspendedEVSE", "Finishing")

# A token's sessions are a driver's from when it became theirs: what was charged by a card before is somebody else's.
_OWN: Final = """
    SELECT p.session_id FROM payment_intents p
    WHERE p.tenant_id = %(tenant)s AND (p.payer = %(payer)s OR p.driver_id = %(driver)s) AND p.session_id IS NOT NULL
    UNION
    SELECT s.session_id FROM driver_tokens d JOIN tokens t ON t.tenant_id = d.tenant_id AND t.uid_key = d.uid_key
        JOIN sessions s ON s.tenant_id = d.tenant_id AND s.token_uid = ANY(ARRAY[t.uid, lower(t.uid), upper(t.uid)])
            AND s.started_at >= d.attached_at
    WHERE d.tenant_id = %(tenant)s AND d.driver_id = %(driver)s"""


class Charged(Struct, frozen=True, kw_only=True):
    """One session of a driver. Amounts in minor units of `currency`, with taxes; None: not known. `payment`: how it was
    paid, if that is ours to tell."""

    number: int
    session_id: UUID
    started_at: datetime
    ended_at: datetime | None
    energy_wh: int | None
    station: str | None
    site: str | None
    zone: str
    currency: str | None
    cost: int | None
    final: bool
    payment: UUID | None
    payment_state: str | None
    paid: int | None
    owed: int | None


class Underway(Struct, frozen=True, kw_only=True):
    """A payment of a session that is not over: where, and what it came to so far, in minor units with taxes."""

    payment: UUID
    place: str
    energy_wh: int | None
    cost: int | None
    currency: str


class OfferedCar(Struct, frozen=True, kw_only=True):
    """The car of a session that was paid otherwise, and may start by itself from now on."""

    session_id: UUID
    started_at: datetime
    place: str
    zone: str
    uid: str


class Whose(Struct, frozen=True, kw_only=True):
    """The driver whose session it is. `invoiced`: a fleet pays for it; False: another way does; None: nothing."""

    driver_id: int
    started_at: datetime
    invoiced: bool | None


async def driver_of_session(conn: Connection, tenant_id: int, session_id: UUID) -> Whose | None:
    """Whose session it is by its payment or its token; None where the token is nobody's, or became somebody's later."""
    cursor = conn.cursor(row_factory=class_row(Whose))
    await cursor.execute(
        "SELECT w.driver_id, w.started_at, i.method = 'invoice' AS invoiced FROM session_drivers w"
        " LEFT JOIN payment_intents i ON i.tenant_id = w.tenant_id AND i.session_id = w.session_id"
        " AND i.purpose = 'session' WHERE w.tenant_id = %s AND w.session_id = %s",
        (tenant_id, session_id),
    )
    return await cursor.fetchone()


async def list_charged(conn: Connection, tenant_id: int, driver_id: int, *, before: int, limit: int) -> list[Charged]:
    """Sessions of a driver with a lower number, the latest first. The transaction acts as the driver."""
    cursor = conn.cursor(row_factory=class_row(Charged))
    await cursor.execute(
        f"""
        SELECT s.number, s.session_id, s.started_at, s.over_at AS ended_at,
            coalesce({proven_wh("s")}, CASE WHEN s.meter_stop_wh >= s.meter_start_wh
                THEN s.meter_stop_wh - s.meter_start_wh END) AS energy_wh,
            t.identity AS station, i.name AS site, coalesce(i.time_zone, 'UTC') AS zone,
            coalesce(c.currency, p.currency) AS currency, c.incl_minor AS cost, coalesce(c.final, false) AS final,
            p.intent_id AS payment, p.state AS payment_state, p.captured_amount - p.refunded_amount
                + coalesce((SELECT sum(d.amount)::bigint FROM payment_steps d WHERE d.tenant_id = p.tenant_id
                    AND d.intent_id = p.intent_id AND d.kind = 'debt_paid'
                    AND d.detail IS DISTINCT FROM d.intent_id::text), 0)
                - coalesce((SELECT sum(d.amount)::bigint FROM payment_steps d WHERE d.tenant_id = p.tenant_id
                    AND d.intent_id = p.intent_id AND d.kind = 'debt_refunded'), 0) - coalesce(a.owed, 0) AS paid,
            p.owed_amount + coalesce(a.owed, 0) AS owed
        FROM sessions s
        LEFT JOIN session_costs c ON c.session_id = s.session_id AND c.tenant_id = s.tenant_id
        LEFT JOIN payment_intents p ON p.session_id = s.session_id AND p.tenant_id = s.tenant_id
            AND p.purpose = 'session'
        LEFT JOIN LATERAL (
            -- What paid it later and was taken back by the provider.
            SELECT sum(least(d.paid, i.owed_amount))::bigint AS owed
            FROM (SELECT detail, sum(amount) AS paid FROM payment_steps WHERE tenant_id = p.tenant_id
                AND intent_id = p.intent_id AND kind = 'debt_paid' AND detail <> p.intent_id::text GROUP BY detail) d
            JOIN payment_intents i ON i.tenant_id = p.tenant_id AND i.intent_id = d.detail::uuid
            WHERE i.owed_amount > 0) a ON true
        LEFT JOIN stations t ON t.station_id = s.station_id AND t.tenant_id = s.tenant_id
        LEFT JOIN sites i ON i.site_id = t.site_id AND i.tenant_id = t.tenant_id
        WHERE s.tenant_id = %(tenant)s AND s.number < %(before)s AND s.session_id IN ({_OWN})
        ORDER BY s.number DESC LIMIT %(limit)s
        """,
        {
            "tenant": tenant_id, "driver": driver_id, "payer": f"driver:{driver_id}", "before": before, "limit": limit,
        },
    )  # fmt: skip
    return await cursor.fetchall()


#: A car at another EVSE of the station of session s when car c named itself, or just before or after.
_NEIGHBOUR: Final = """
    SELECT FROM connector_states h
    WHERE h.tenant_id = s.tenant_id AND h.station_id = s.station_id AND h.evse > 0 AND h.evse <> s.evse
        AND h.state = ANY (%(plugged)s) AND h.state_at > c.seen_at - interval '7 days'
        AND h.state_at <= c.seen_at + make_interval(secs => %(after)s)
        AND NOT EXISTS (
            SELECT FROM connector_states l
            WHERE l.tenant_id = h.tenant_id AND l.station_id = h.station_id AND l.evse = h.evse
                AND l.connector = h.connector AND l.state_at > h.state_at AND l.state <> ALL (%(plugged)s)
                AND l.state_at <= c.seen_at - make_interval(secs => %(after)s))"""


async def list_offered_cars(conn: Connection, tenant_id: int, driver_id: int, since: datetime) -> list[OfferedCar]:
    """Cars that were plugged in when a driver's sessions began otherwise: of each session the one that named itself
    there then, where it was just one. One that did not say at which EVSE of several may be the neighbour's, unless
    nobody else was plugged in there. The latest first. The transaction acts as the driver."""
    cursor = conn.cursor(row_factory=class_row(OfferedCar))
    await cursor.execute(
        f"""
        SELECT s.session_id, s.started_at, max(coalesce(i.name, t.identity)) AS place,
            max(coalesce(i.time_zone, 'UTC')) AS zone, min(c.uid) AS uid
        FROM sessions s
        JOIN cars_seen c ON c.tenant_id = s.tenant_id AND c.station_id = s.station_id
            AND c.seen_at BETWEEN s.started_at - make_interval(secs => %(before)s)
                AND s.started_at + make_interval(secs => %(after)s)
            AND (c.evse = s.evse OR (c.evse IS NULL AND NOT EXISTS ({_NEIGHBOUR})))
        JOIN stations t ON t.tenant_id = s.tenant_id AND t.station_id = s.station_id
        LEFT JOIN sites i ON i.tenant_id = t.tenant_id AND i.site_id = t.site_id
        WHERE s.tenant_id = %(tenant)s AND s.started_at >= %(since)s AND s.session_id IN ({_OWN})
            AND lower(s.token_uid COLLATE "C") <> c.uid_key
        GROUP BY s.session_id, s.started_at
        HAVING count(DISTINCT regexp_replace(c.uid_key, '^vid:|[:-]', '', 'g')) = 1
        ORDER BY s.started_at DESC LIMIT %(most)s
        """,
        {
            "tenant": tenant_id, "driver": driver_id, "payer": f"driver:{driver_id}", "since": since,
            "before": SEEN_BEFORE_S, "after": SEEN_AFTER_S, "most": MAX_OFFERED, "plugged": list(PLUGGED),
        },
    )  # fmt: skip
    return await cursor.fetchall()


async def list_running(conn: Connection, tenant_id: int, driver_id: int) -> list[Underway]:
    """Payments of a driver's sessions that are not over, the latest first."""
    cursor = conn.cursor(row_factory=class_row(Underway))
    await cursor.execute(
        "SELECT p.intent_id AS payment, coalesce(i.name, t.name, t.identity, '') AS place,"
        " CASE WHEN s.meter_stop_wh >= s.meter_start_wh THEN s.meter_stop_wh - s.meter_start_wh END AS energy_wh,"
        " c.incl_minor AS cost, coalesce(c.currency, p.currency) AS currency"
        " FROM payment_intents p LEFT JOIN sessions s ON s.tenant_id = p.tenant_id AND s.session_id = p.session_id"
        " LEFT JOIN session_costs c ON c.tenant_id = p.tenant_id AND c.session_id = p.session_id"
        " LEFT JOIN stations t ON t.tenant_id = p.tenant_id AND t.station_id = p.station_id"
        " LEFT JOIN sites i ON i.tenant_id = t.tenant_id AND i.site_id = t.site_id"
        " WHERE p.tenant_id = %s AND (p.payer = %s OR p.driver_id = %s)"
        " AND p.purpose = 'session' AND p.next_at IS NOT NULL AND p.state <> 'releasing'"
        " ORDER BY p.number DESC LIMIT 5",
        (tenant_id, f"driver:{driver_id}", driver_id),
    )
    return await cursor.fetchall()


async def pays(conn: Connection, tenant_id: int, driver_id: int) -> bool:
    """Whether a payment of a driver is not over, whatever it is for."""
    cursor = await conn.execute(
        "SELECT 1 FROM payment_intents WHERE tenant_id = %s AND (payer = %s OR driver_id = %s) AND next_at IS NOT NULL"
        " LIMIT 1",
        (tenant_id, f"driver:{driver_id}", driver_id),
    )
    return await cursor.fetchone() is not None


async def zone_of(conn: Connection, tenant_id: int) -> str:
    """By whose clock an organisation lives."""
    row = await (
        await conn.execute("SELECT time_zone FROM organisations WHERE tenant_id = %s", (tenant_id,))
    ).fetchone()
    assert row is not None, "it has drivers"
    return str(row[0])


async def wallet_currencies(conn: Connection, tenant_id: int, account: str) -> list[str]:
    """The currencies in which anything was ever posted to an account of the ledger."""
    cursor = await conn.execute(
        "SELECT DISTINCT p.currency FROM postings p JOIN ledger_accounts a USING (account_id)"
        " WHERE a.tenant_id = %s AND a.name = %s ORDER BY 1 LIMIT %s",
        (tenant_id, account, MAX_CURRENCIES),
    )
    return [row[0] for row in await cursor.fetchall()]


async def latest_currency(conn: Connection, tenant_id: int) -> str | None:
    """What was paid in here last; None where nobody has paid yet."""
    cursor = await conn.execute(
        "SELECT currency FROM payment_intents WHERE tenant_id = %s ORDER BY number DESC LIMIT 1", (tenant_id,)
    )
    row = await cursor.fetchone()
    return None if row is None else str(row[0])


async def priced_currencies(conn: Connection, tenant_id: int, at: datetime) -> list[str]:
    """What the organisation's stations charge in, by the tariffs that count there or will."""
    cursor = await conn.execute(
        "SELECT DISTINCT (SELECT v.body ->> 'currency' FROM tariff_versions v WHERE v.tenant_id = a.tenant_id"
        " AND v.tariff_id = a.tariff_id ORDER BY v.valid_from <= %(at)s DESC, v.valid_from DESC, v.version DESC"
        " LIMIT 1) AS currency FROM tariff_assignments a WHERE a.tenant_id = %(tenant)s"
        " AND (a.ends_at IS NULL OR a.ends_at > %(at)s) ORDER BY currency",
        {"tenant": tenant_id, "at": at},
    )
    return [currency for (currency,) in await cursor.fetchall() if currency is not None]


async def tenant_of_pages(conn: Connection, slug: str, host: str) -> int | None:
    """Whose pages these are."""
    row = await (await conn.execute("SELECT driver_tenant_of_pages(%s, %s)", (slug, host))).fetchone()
    return None if row is None else row[0]


async def rename_token(conn: Connection, uid: str, instead: str) -> int:
    """Gives a token another name in what stations said; in how many sessions."""
    row = await (await conn.execute("SELECT driver_rename_token(%s, %s)", (uid, instead))).fetchone()
    assert row is not None
    return int(row[0])


async def unsend(conn: Connection, email: str) -> None:
    """Letters that wait for an address are not sent."""
    await conn.execute("SELECT driver_unsend(%s)", (email,))


async def forget_payer(conn: Connection, tenant_id: int, driver_id: int) -> None:
    """Takes out of payments what names somebody: address, card, the provider's name for them. Amounts stay."""
    payer = f"driver:{driver_id}"
    await conn.execute(
        "UPDATE payment_intents SET email = NULL, card = NULL, saved = NULL, customer = NULL, contract_key = NULL"
        " WHERE tenant_id = %s AND (payer = %s OR driver_id = %s)",
        (tenant_id, payer, driver_id),
    )


async def list_past_keys(conn: Connection, tenant_id: int, driver_id: int) -> list[str]:
    """Tokens that were a driver's, as uids are compared."""
    rows = await conn.execute(
        "SELECT DISTINCT uid_key FROM driver_tokens_past WHERE tenant_id = %s AND driver_id = %s",
        (tenant_id, driver_id),
    )
    return [key for (key,) in await rows.fetchall()]


async def forget_uids(conn: Connection, tenant_id: int, driver_id: int, keys: Sequence[str]) -> None:
    """Forgets tokens, with what hangs on them, what an outside service decided of them, and which were the driver's."""
    await conn.execute("DELETE FROM driver_tokens_past WHERE tenant_id = %s AND driver_id = %s", (tenant_id, driver_id))
    await conn.execute("DELETE FROM tokens WHERE tenant_id = %s AND uid_key = ANY(%s)", (tenant_id, list(keys)))
    await conn.execute(
        "DELETE FROM outside_decisions WHERE tenant_id = %s AND uid_key = ANY(%s)", (tenant_id, list(keys))
    )
