"""What hosts are owed, line by line, and the sessions that it comes from."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from msgspec import Struct
from psycopg.rows import class_row

from forecourt.payments.hosts.store import Connection
from forecourt.platform.ordering import Age, Place, bounds, by_age, onward

_COLUMNS: Final = (
    "line_id, entry_id, kind, at, currency, amount, share, vat, platform_fee, rule_id, session_id, intent, site_id,"
    " station, evse, connector, started_at, energy_wh, net, payout_id, memo"
)
_ORDERS: Final = by_age("line_id")


class About(Struct, frozen=True, kw_only=True):
    """What a line is about, as it is shown."""

    share: int = 0
    vat: int = 0
    platform_fee: int = 0
    rule_id: int | None = None
    session_id: UUID | None = None
    intent: str | None = None
    site_id: int | None = None
    station: str | None = None
    evse: int | None = None
    connector: int | None = None
    started_at: datetime | None = None
    energy_wh: int | None = None
    net: int | None = None
    payout_id: int | None = None
    memo: str = ""


class LineRow(Struct, frozen=True, kw_only=True):
    """One line as stored."""

    line_id: int
    entry_id: int
    kind: str
    at: datetime
    currency: str
    amount: int
    share: int
    vat: int
    platform_fee: int
    rule_id: int | None
    session_id: UUID | None
    intent: str | None
    site_id: int | None
    station: str | None
    evse: int | None
    connector: int | None
    started_at: datetime | None
    energy_wh: int | None
    net: int | None
    payout_id: int | None
    memo: str


class PlaceRow(Struct, frozen=True, kw_only=True):
    """A session and where it was: `path` holds the sites above its station's and that one. `billed`: what its payment
    was asked for, in minor units with VAT; None where there is none, or it was not billed."""

    session_id: UUID
    station_id: int
    station: str
    evse: int | None
    connector: int | None
    started_at: datetime
    over_at: datetime | None
    energy_wh: int | None
    site_id: int | None
    path: list[int] | None
    billed: int | None


class Owed(Struct, frozen=True, kw_only=True):
    """What one host is owed in one currency, and by which line it was last changed."""

    host_id: int
    currency: str
    amount: int
    last_line: int


class Sums(Struct, frozen=True, kw_only=True):
    """What lines come to, in minor units; `shares` before VAT, less the platform's fee; `last_line` is the last of
    them, or 0."""

    lines: int
    amount: int
    shares: int
    vat: int
    last_line: int


class Back(Struct, frozen=True, kw_only=True):
    """What lines took back of a share, in minor units."""

    net: int
    share: int
    vat: int
    platform_fee: int
    lines: int


async def insert_line(
    conn: Connection, tenant_id: int, host_id: int, key: str, *, currency: str, amount: int, about: About
) -> None:
    """Stores the line of an entry."""
    names = list(About.__struct_fields__)
    await conn.execute(
        f"INSERT INTO host_lines (tenant_id, host_id, entry_id, kind, at, currency, amount, {', '.join(names)})"
        f" SELECT tenant_id, %(host_id)s, entry_id, kind, at, %(currency)s, %(amount)s,"
        f" {', '.join(f'%({name})s' for name in names)} FROM journal WHERE tenant_id = %(tenant_id)s AND key = %(key)s",
        {
            "tenant_id": tenant_id, "host_id": host_id, "key": key, "currency": currency, "amount": amount,
            **{name: getattr(about, name) for name in names},
        },
    )  # fmt: skip


async def find_share(conn: Connection, tenant_id: int, session_id: UUID) -> tuple[int, LineRow] | None:
    """The host of a session's share, and its line."""
    cursor = conn.cursor(row_factory=class_row(LineRow))
    await cursor.execute(
        f"SELECT {_COLUMNS} FROM host_lines WHERE tenant_id = %s AND session_id = %s AND kind = 'host_share'",
        (tenant_id, session_id),
    )
    line = await cursor.fetchone()
    if line is None:
        return None
    row = await (await conn.execute("SELECT host_id FROM host_lines WHERE line_id = %s", (line.line_id,))).fetchone()
    assert row is not None
    return int(row[0]), line


async def hosts_of_shares(conn: Connection, tenant_id: int, intents: Collection[str]) -> list[int]:
    """The hosts who have a share of what these payments paid for."""
    rows = await conn.execute(
        "SELECT DISTINCT l.host_id FROM journal j JOIN host_lines l USING (tenant_id, session_id)"
        " WHERE j.tenant_id = %s AND j.intent = ANY(%s) AND l.kind = 'host_share'",
        (tenant_id, list(intents)),
    )
    return [int(host) for (host,) in await rows.fetchall()]


async def list_lines(
    conn: Connection,
    tenant_id: int,
    host_id: int,
    *,
    currency: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    up_to: int | None = None,
    order: Age = "newest",
    place: Place = None,
    limit: int,
) -> list[LineRow]:
    """Lines of a host behind the number of a place, within [since, until) and up to a line."""
    cursor = conn.cursor(row_factory=class_row(LineRow))
    await cursor.execute(
        f"""
        SELECT {_COLUMNS} FROM host_lines WHERE tenant_id = %(tenant_id)s AND host_id = %(host_id)s
        AND (%(currency)s::text IS NULL OR currency = %(currency)s)
        AND (%(since)s::timestamptz IS NULL OR at >= %(since)s)
        AND (%(until)s::timestamptz IS NULL OR at < %(until)s)
        AND (%(up_to)s::bigint IS NULL OR line_id <= %(up_to)s)
        {onward(_ORDERS[order], place)}
        """,
        {
            "tenant_id": tenant_id, "host_id": host_id, "currency": currency, "since": since, "until": until,
            "up_to": up_to, **bounds(place, limit),
        },
    )  # fmt: skip
    return await cursor.fetchall()


async def owed(
    conn: Connection, tenant_id: int, *, host_ids: Sequence[int] | None = None, before: datetime | None = None
) -> list[Owed]:
    """What hosts are owed by currency, of what happened before a moment."""
    cursor = conn.cursor(row_factory=class_row(Owed))
    await cursor.execute(
        "SELECT host_id, currency, sum(amount)::bigint AS amount, max(line_id) AS last_line FROM host_lines"
        " WHERE tenant_id = %(tenant_id)s AND (%(hosts)s::int[] IS NULL OR host_id = ANY(%(hosts)s))"
        " AND (%(before)s::timestamptz IS NULL OR at < %(before)s) GROUP BY host_id, currency ORDER BY 1, 2",
        {"tenant_id": tenant_id, "hosts": None if host_ids is None else list(host_ids), "before": before},
    )
    return await cursor.fetchall()


async def sum_lines(
    conn: Connection, tenant_id: int, host_id: int, currency: str, since: datetime, until: datetime
) -> Sums:
    """What the lines of a host come to within [since, until)."""
    cursor = conn.cursor(row_factory=class_row(Sums))
    await cursor.execute(
        "SELECT count(*) AS lines, coalesce(sum(amount), 0)::bigint AS amount, coalesce(sum(vat), 0)::bigint AS vat,"
        " coalesce(sum(share - platform_fee) FILTER (WHERE starts_with(kind, 'host_share')), 0)::bigint AS shares,"
        " coalesce(max(line_id), 0) AS last_line FROM host_lines WHERE tenant_id = %s AND host_id = %s"
        " AND currency = %s AND at >= %s AND at < %s",
        (tenant_id, host_id, currency, since, until),
    )
    found = await cursor.fetchone()
    assert found is not None
    return found


async def find_place(conn: Connection, tenant_id: int, session_id: UUID) -> PlaceRow | None:
    """A session and where it was."""
    cursor = conn.cursor(row_factory=class_row(PlaceRow))
    await cursor.execute(
        "SELECT f.session_id, f.station_id, s.identity AS station, f.evse, f.connector, f.started_at, f.over_at,"
        " f.energy_wh, s.site_id, i.path, (SELECT max(p.billed_amount) FROM payment_intents p"
        "  WHERE p.tenant_id = f.tenant_id AND p.session_id = f.session_id) AS billed FROM session_facts f"
        " JOIN stations s USING (tenant_id, station_id) LEFT JOIN sites i USING (tenant_id, site_id)"
        " WHERE f.tenant_id = %s AND f.session_id = %s",
        (tenant_id, session_id),
    )
    return await cursor.fetchone()


async def list_at_home(
    conn: Connection, tenant_id: int, *, now: datetime, settled: timedelta, back: timedelta, limit: int
) -> list[UUID]:
    """Sessions at places whose kWh a fleet pays, over for long enough that nothing more is told of them, with no line
    yet."""
    rows = await conn.execute(
        """
        SELECT f.session_id FROM session_facts f JOIN stations s USING (tenant_id, station_id)
        JOIN sites i USING (tenant_id, site_id)
        WHERE f.tenant_id = %(tenant_id)s AND f.over_at < %(now)s::timestamptz - %(settled)s::interval
        AND f.over_at >= %(now)s::timestamptz - %(back)s::interval AND f.energy_wh > 0
        AND EXISTS (SELECT FROM host_rules r WHERE r.tenant_id = f.tenant_id AND r.site_id = ANY(i.path)
            AND r.rule ->> 'paid_by' IS NOT NULL)
        AND NOT EXISTS (SELECT FROM host_lines l WHERE l.tenant_id = f.tenant_id AND l.session_id = f.session_id)
        ORDER BY f.over_at LIMIT %(limit)s
        """,
        {"tenant_id": tenant_id, "now": now, "settled": settled, "back": back, "limit": limit},
    )
    return [session_id for (session_id,) in await rows.fetchall()]


async def list_part_paid(
    conn: Connection, tenant_id: int, since: datetime, *, after: str = "", limit: int
) -> list[str]:  # fmt: skip
    """Debts of which something was paid since then, at places of which a host has a share, and whose session has
    none: those behind one, in the order of their ids."""
    cursor = await conn.execute(
        """
        SELECT DISTINCT d.intent_id::text FROM payment_steps d JOIN payment_intents i USING (tenant_id, intent_id)
        JOIN session_facts f USING (tenant_id, session_id) JOIN stations s ON s.station_id = f.station_id
        JOIN sites p USING (site_id)
        WHERE d.tenant_id = %(tenant)s AND d.kind = 'debt_paid' AND d.at >= %(since)s
        AND d.intent_id::text > %(after)s
        AND EXISTS (SELECT FROM host_rules r WHERE r.tenant_id = d.tenant_id AND r.site_id = ANY(p.path))
        AND NOT EXISTS (SELECT FROM host_lines l WHERE l.tenant_id = d.tenant_id AND l.session_id = i.session_id)
        ORDER BY 1 LIMIT %(limit)s
        """,
        {"tenant": tenant_id, "since": since, "after": after, "limit": limit},
    )
    return [str(intent) for (intent,) in await cursor.fetchall()]


async def is_settled(conn: Connection, tenant_id: int, payment: str) -> bool:
    """Whether the provider has let us have the money of a payment."""
    cursor = await conn.execute(
        "SELECT FROM provider_movements WHERE tenant_id = %s AND intent = %s AND settled_at IS NOT NULL LIMIT 1",
        (tenant_id, payment),
    )
    return cursor.rowcount == 1


async def sum_back(conn: Connection, tenant_id: int, session_id: UUID, *, late: bool) -> Back:
    """What went back of a session's share: `late` with what was paid of its debt, else by its own refunds and
    disputes."""
    cursor = conn.cursor(row_factory=class_row(Back))
    await cursor.execute(
        "SELECT coalesce(-sum(l.net), 0)::bigint AS net, coalesce(-sum(l.share), 0)::bigint AS share,"
        " coalesce(-sum(l.vat), 0)::bigint AS vat, coalesce(-sum(l.platform_fee), 0)::bigint AS platform_fee,"
        " count(*) AS lines FROM host_lines l JOIN journal j USING (tenant_id, entry_id)"
        " WHERE l.tenant_id = %s AND l.session_id = %s AND l.kind = 'host_share_back' AND (j.key LIKE %s) = %s",
        (tenant_id, session_id, f"share_back:late:{session_id}:%", late),
    )
    found = await cursor.fetchone()
    assert found is not None
    return found


async def find_back(conn: Connection, tenant_id: int, key: str) -> int | None:
    """What went back of a share before VAT by the entry of this key; None where there is none."""
    cursor = await conn.execute(
        "SELECT -l.net FROM host_lines l JOIN journal j USING (tenant_id, entry_id)"
        " WHERE l.tenant_id = %s AND j.key = %s AND l.kind = 'host_share_back'",
        (tenant_id, key),
    )
    row = await cursor.fetchone()
    return None if row is None else row[0]


async def hold_intent(conn: Connection, tenant_id: int, intent: str) -> None:
    """One at a time looks what follows of a payment, until the transaction ends."""
    await conn.execute("SELECT pg_advisory_xact_lock(hashtext('share'), hashtext(%s))", (f"{tenant_id} {intent}",))
