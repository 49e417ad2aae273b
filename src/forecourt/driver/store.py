"""All SQL of the driver's pages: whose they are, and what is told there of stations and sessions."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from msgspec import Struct, structs
from psycopg import AsyncConnection
from psycopg.rows import class_row

from forecourt.driver.model import Box, Running
from forecourt.platform.ordering import Place, bounds, oldest, onward
from forecourt.sessions.signed.store import proven_wh
from forecourt.sessions.store import STATE_NOW

Connection = AsyncConnection[Any]

_SPOT_ORDER: Final = oldest("site_name", "site", "station", "evse")
#: EVSEs on one page of places.
MAX_CONNECTORS: Final = 2_000
_INSIDE: Final = " AND latitude BETWEEN %(south)s AND %(north)s AND longitude >= %(west)s AND longitude <= %(east)s"
#: The same over 180 degrees east.
_INSIDE_OVER: Final = (
    " AND latitude BETWEEN %(south)s AND %(north)s AND (longitude >= %(west)s OR longitude <= %(east)s)"
)
#: By then no password of a code is good any more.
CODES_KEPT: Final = timedelta(days=1)
#: Codes on one sheet.
MAX_CODES: Final = 300


class Brand(Struct, frozen=True, kw_only=True):
    """How an organisation's pages look to drivers."""

    slug: str = ""
    name: str = ""
    colour: str = "#0a7a4b"
    domain: str | None = None
    help_phone: str | None = None
    help_email: str | None = None
    imprint_url: str | None = None
    listed: bool = True
    version: int = 0


class Spot(Struct, frozen=True, kw_only=True):
    """One EVSE where somebody wants to charge. `state` as its station said it; None: it said nothing yet."""

    station_id: int
    station: str
    station_name: str | None
    connected: bool
    evse: int
    state: str | None
    connector_type: str | None
    max_power_w: int | None
    site: str | None
    site_name: str | None
    address: str | None
    city: str | None
    country: str | None
    zone: str


class OpenStart(Struct, frozen=True, kw_only=True):
    """A payment that was begun and not paid, and from where."""

    intent_id: UUID
    station: str
    evse: int
    address: bytes


class CodeSpot(Struct, frozen=True, kw_only=True):
    """An EVSE at which a code hangs."""

    station: str
    name: str | None
    site_name: str | None
    evse: int


class FoundSpot(Struct, frozen=True, kw_only=True):
    """One EVSE of a site that can be found."""

    site_id: int
    site: str
    site_name: str
    address: str | None
    city: str | None
    latitude: float | None
    longitude: float | None
    station: str
    evse: int
    state: str
    connected: bool
    #: Its site has a waiting list.
    waiting: bool = False
    #: What can be plugged in, and the most that is given there in W, as far as that is known.
    types: Sequence[str] = ()
    power_w: int | None = None
    name: str | None = None

    @property
    def free(self) -> bool:
        """Whether somebody could go there now."""
        return self.connected and self.state == "Available"

    @property
    def place(self) -> tuple[str, str, str, str]:
        """Where it stands in the list of all."""
        return self.site_name, self.site, self.station, str(self.evse)


async def tenant_of_station(conn: Connection, identity: str) -> int | None:
    """Whose station it is."""
    row = await (await conn.execute("SELECT driver_tenant_of_station(%s)", (identity,))).fetchone()
    return None if row is None else row[0]


async def tenant_of_payment(conn: Connection, intent_id: UUID) -> int | None:
    """Whose payment it is."""
    row = await (await conn.execute("SELECT driver_tenant_of_payment(%s)", (intent_id,))).fetchone()
    return None if row is None else row[0]


async def tenant_of_brand(conn: Connection, slug: str, host: str) -> int | None:
    """Whose pages these are: by their name, or with an empty one by the host that was asked."""
    row = await (await conn.execute("SELECT driver_tenant_of_brand(%s, %s)", (slug, host))).fetchone()
    return None if row is None else row[0]


async def only_brand(conn: Connection) -> str | None:
    """The name of the only pages there are, where there is one."""
    row = await (await conn.execute("SELECT driver_only_brand()")).fetchone()
    return None if row is None else row[0]


async def find_brand(conn: Connection, tenant_id: int) -> Brand:
    """How the organisation's pages look; by its own name and our colour where nobody said."""
    cursor = conn.cursor(row_factory=class_row(Brand))
    await cursor.execute(
        "SELECT coalesce(b.slug, '') AS slug, coalesce(b.name, o.name) AS name, coalesce(b.colour, '#0a7a4b')"
        " AS colour, b.domain, b.help_phone, b.help_email, b.imprint_url, coalesce(b.listed, false) AS listed,"
        " coalesce(b.version, 0) AS version"
        " FROM organisations o LEFT JOIN driver_brands b USING (tenant_id) WHERE o.tenant_id = %s",
        (tenant_id,),
    )
    return await cursor.fetchone() or Brand()


async def find_spot(conn: Connection, tenant_id: int, station: str, evse: int) -> Spot | None:
    """The EVSE of this number; None where its station is not in service, or has told of its EVSEs and this is none."""
    cursor = conn.cursor(row_factory=class_row(Spot))
    await cursor.execute(
        "SELECT t.station_id, t.identity AS station, t.name AS station_name, coalesce(g.lease_until > now(), false) AS"
        " connected, %(evse)s::int AS evse, (SELECT c.state FROM connectors c WHERE c.tenant_id = t.tenant_id"
        " AND c.station_id = t.station_id AND c.evse = %(evse)s ORDER BY c.state = 'Available', c.connector LIMIT 1) AS"
        " state, NULL::text AS connector_type, t.max_power_w, i.slug AS site, i.name AS site_name, i.address, i.city,"
        " i.country, coalesce(i.time_zone, 'UTC') AS zone"
        " FROM stations t LEFT JOIN sites i ON i.site_id = t.site_id AND i.tenant_id = t.tenant_id"
        " LEFT JOIN station_links l ON l.station_id = t.station_id AND l.tenant_id = t.tenant_id"
        " LEFT JOIN gateways g ON g.gateway_id = l.gateway_id"
        " WHERE t.tenant_id = %(tenant)s AND t.identity = %(station)s AND (SELECT coalesce(bool_or(c.evse = %(evse)s),"
        " true) FROM connectors c WHERE c.tenant_id = t.tenant_id AND c.station_id = t.station_id AND c.evse > 0)",
        {"tenant": tenant_id, "station": station, "evse": evse},
    )
    return await cursor.fetchone()


async def find_running(conn: Connection, tenant_id: int, session_id: UUID) -> Running | None:
    """What a session does."""
    cursor = conn.cursor(row_factory=class_row(Running))
    await cursor.execute(
        f"SELECT n.started_at, n.over_at AS ended_at, coalesce({proven_wh('n')}, CASE WHEN n.meter_stop_wh >="
        " n.meter_start_wh THEN n.meter_stop_wh - n.meter_start_wh END) AS energy_wh, n.power_w, n.soc_pct,"
        f" {STATE_NOW} AS charging_state"
        " FROM sessions n WHERE n.tenant_id = %s AND n.session_id = %s",
        (tenant_id, session_id),
    )
    return await cursor.fetchone()


async def paid_at(conn: Connection, tenant_id: int, intent_id: UUID) -> datetime | None:
    """When a payment was taken, in the end of several times, or came to nothing."""
    cursor = await conn.execute(
        "SELECT max(at) FROM payment_steps WHERE tenant_id = %s AND intent_id = %s"
        " AND kind IN ('captured', 'debt_paid', 'released')",
        (tenant_id, intent_id),
    )
    row = await cursor.fetchone()
    return None if row is None else row[0]


async def start_expires(conn: Connection, tenant_id: int, token_uid: str) -> datetime | None:
    """Until when the station waits for the plug; None while it has not accepted the start."""
    cursor = await conn.execute(
        "SELECT expires_at FROM remote_starts WHERE tenant_id = %s AND token_uid = %s AND status = 'accepted'"
        " ORDER BY asked_at DESC LIMIT 1",
        (tenant_id, token_uid),
    )
    row = await cursor.fetchone()
    return None if row is None else row[0]


async def list_spots(
    conn: Connection, tenant_id: int, *, box: Box | None = None, place: Place = None, limit: int
) -> list[FoundSpot]:
    """The EVSEs of the organisation's sites, site by site, behind the site's name, its slug, the station and the EVSE
    of a place; with a box those that are known to stand in it."""
    inside = "" if box is None else _INSIDE_OVER if box.west > box.east else _INSIDE
    cursor = conn.cursor(row_factory=class_row(FoundSpot))
    await cursor.execute(
        "SELECT * FROM (SELECT i.site_id, i.slug AS site, i.name AS site_name, i.address, i.city,"
        " coalesce(t.latitude, i.latitude)::float AS latitude, coalesce(t.longitude, i.longitude)::float AS longitude,"
        " t.identity AS station, t.name, c.evse, min(c.state) AS state,"
        " coalesce(g.lease_until > now(), false) AS connected,"
        " EXISTS (SELECT FROM waiting_policies w WHERE w.tenant_id = i.tenant_id AND w.site_id = i.site_id"
        "  AND w.active) AS waiting, coalesce(p.types, '{}') AS types, coalesce(p.power_w, t.max_power_w) AS power_w"
        " FROM sites i JOIN stations t ON t.site_id = i.site_id AND t.tenant_id = i.tenant_id"
        " JOIN connectors c ON c.station_id = t.station_id AND c.tenant_id = t.tenant_id"
        " LEFT JOIN station_links l ON l.station_id = t.station_id AND l.tenant_id = t.tenant_id"
        " LEFT JOIN gateways g ON g.gateway_id = l.gateway_id"
        " LEFT JOIN (SELECT tenant_id, station_id, evse, array_agg(DISTINCT connector_type ORDER BY connector_type)"
        "  FILTER (WHERE connector_type IS NOT NULL) AS types, max(max_power_w) AS power_w FROM evse_plugs"
        "  GROUP BY 1, 2, 3) p ON p.tenant_id = c.tenant_id AND p.station_id = c.station_id AND p.evse = c.evse"
        " WHERE i.tenant_id = %(tenant)s AND t.identity IS NOT NULL AND c.evse > 0"
        " GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 13, 14, 15) found"
        f" WHERE true {inside} {onward(_SPOT_ORDER, place)}",
        {"tenant": tenant_id, **bounds(place, limit), **({} if box is None else structs.asdict(box))},
    )
    return await cursor.fetchall()


async def put_brand(conn: Connection, tenant_id: int, brand: Brand) -> bool:
    """Keep how the pages look; False unless what is kept is of the version before."""
    cursor = await conn.execute(
        "INSERT INTO driver_brands AS b (tenant_id, slug, name, colour, domain, help_phone, help_email, imprint_url,"
        " listed, version) VALUES (%(tenant)s, %(slug)s, %(name)s, %(colour)s, %(domain)s, %(help_phone)s,"
        " %(help_email)s, %(imprint_url)s, %(listed)s, %(version)s)"
        " ON CONFLICT (tenant_id) DO UPDATE SET slug = excluded.slug, name = excluded.name,"
        " colour = excluded.colour, domain = excluded.domain, help_phone = excluded.help_phone,"
        " help_email = excluded.help_email, imprint_url = excluded.imprint_url, listed = excluded.listed,"
        " version = excluded.version, changed_at = now() WHERE b.version = excluded.version - 1",
        {"tenant": tenant_id, **structs.asdict(brand)},
    )
    return cursor.rowcount == 1


async def brand_taken(conn: Connection, tenant_id: int, slug: str, domain: str | None) -> bool:
    """Whether another organisation's pages have this name or this domain. Until the transaction ends nobody else takes
    it."""
    for name in sorted(filter(None, (slug, domain))):
        await conn.execute("SELECT pg_advisory_xact_lock(hashtextextended('driver pages ' || %s, 0))", (name,))
    row = await (await conn.execute("SELECT driver_brand_taken(%s, %s, %s)", (tenant_id, slug, domain))).fetchone()
    return row is not None and bool(row[0])


async def list_codes(
    conn: Connection, tenant_id: int, *, station: str | None = None, site: int | None = None
) -> list[CodeSpot]:
    """The EVSEs of a station, or of a site, at which codes hang, MAX_CODES at the most. A station that has told of
    none has one."""
    cursor = conn.cursor(row_factory=class_row(CodeSpot))
    await cursor.execute(
        "SELECT t.identity AS station, t.name, i.name AS site_name, coalesce(c.evse, 1) AS evse"
        " FROM stations t LEFT JOIN sites i ON i.site_id = t.site_id AND i.tenant_id = t.tenant_id"
        " LEFT JOIN (SELECT DISTINCT station_id, evse FROM connectors WHERE tenant_id = %(tenant)s AND evse > 0) c"
        " ON c.station_id = t.station_id"
        " WHERE t.tenant_id = %(tenant)s AND t.retired_at IS NULL AND t.identity IS NOT NULL"
        " AND (t.identity = %(station)s OR t.site_id = %(site)s) ORDER BY t.identity, 4 LIMIT %(most)s",
        {"tenant": tenant_id, "station": station, "site": site, "most": MAX_CODES},
    )
    return await cursor.fetchall()


async def first_code(conn: Connection, tenant_id: int) -> CodeSpot | None:
    """An EVSE by which the pages can be shown; None where there is no station."""
    cursor = conn.cursor(row_factory=class_row(CodeSpot))
    await cursor.execute(
        "SELECT t.identity AS station, t.name, NULL::text AS site_name, 1 AS evse FROM stations t"
        " WHERE t.tenant_id = %s AND t.identity IS NOT NULL ORDER BY t.identity LIMIT 1",
        (tenant_id,),
    )
    return await cursor.fetchone()


async def list_open_starts(
    conn: Connection, tenant_id: int, station: str, evse: int, address: bytes
) -> list[OpenStart]:
    """Payments that nobody has paid yet, at an EVSE and of a client's address, the oldest first."""
    cursor = conn.cursor(row_factory=class_row(OpenStart))
    await cursor.execute(
        "SELECT s.intent_id, s.station, s.evse, s.address FROM driver_starts s"
        " JOIN payment_intents i ON i.tenant_id = s.tenant_id AND i.intent_id = s.intent_id"
        " WHERE s.tenant_id = %s AND ((s.station = %s AND s.evse = %s) OR s.address = %s)"
        " AND i.state = 'hold_requested' ORDER BY i.number",
        (tenant_id, station, evse, address),
    )
    return await cursor.fetchall()


async def insert_start(
    conn: Connection, tenant_id: int, intent_id: UUID, station: str, evse: int, address: bytes, at: datetime
) -> None:
    """Write down from where a payment was begun."""
    await conn.execute(
        "INSERT INTO driver_starts (tenant_id, intent_id, station, evse, address, begun_at)"
        " VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
        (tenant_id, intent_id, station, evse, address, at),
    )


async def forget_starts(conn: Connection, tenant_id: int, before: datetime) -> None:
    """Forget from where payments were begun before this."""
    await conn.execute("DELETE FROM driver_starts WHERE tenant_id = %s AND begun_at < %s", (tenant_id, before))


async def set_email(conn: Connection, tenant_id: int, intent_id: UUID, email: str) -> None:
    """Where the receipt of a payment goes."""
    await conn.execute(
        "UPDATE payment_intents SET email = %s WHERE tenant_id = %s AND intent_id = %s", (email, tenant_id, intent_id)
    )


async def code_used(conn: Connection, tenant_id: int, station_id: int, evse: int, interval: int) -> bool:
    """Whether somebody has begun to pay with the code of an interval."""
    cursor = await conn.execute(
        "SELECT FROM driver_codes_used WHERE tenant_id = %s AND station_id = %s AND evse = %s AND interval = %s",
        (tenant_id, station_id, evse, interval),
    )
    return cursor.rowcount == 1


async def use_code(
    conn: Connection, tenant_id: int, station_id: int, evse: int, interval: int, payment: UUID, now: datetime
) -> bool:
    """Begin a payment with the code of an interval; whether no other was begun with it before. Old ones are
    forgotten."""
    await conn.execute(
        "DELETE FROM driver_codes_used WHERE tenant_id = %s AND used_at < %s", (tenant_id, now - CODES_KEPT)
    )
    await conn.execute(
        "INSERT INTO driver_codes_used (tenant_id, station_id, evse, interval, payment, used_at)"
        " VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
        (tenant_id, station_id, evse, interval, payment, now),
    )
    cursor = await conn.execute(
        "SELECT FROM driver_codes_used WHERE tenant_id = %s AND station_id = %s AND evse = %s AND interval = %s"
        " AND payment = %s",
        (tenant_id, station_id, evse, interval, payment),
    )
    return cursor.rowcount == 1


async def speaks_21(conn: Connection, tenant_id: int, station: str) -> bool:
    """Whether a station spoke OCPP 2.1 last."""
    cursor = await conn.execute(
        "SELECT FROM stations s JOIN station_links l ON l.tenant_id = s.tenant_id AND l.station_id = s.station_id"
        " WHERE s.tenant_id = %s AND s.identity = %s AND l.protocol = 'ocpp2.1'",
        (tenant_id, station),
    )
    return cursor.rowcount == 1
