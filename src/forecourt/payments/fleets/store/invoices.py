"""Who issues invoices and who gets them, lines, numbers, and invoices."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

import msgspec
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from forecourt.payments.fleets.model import Dunning, Invoice, Line, Seller, Terms
from forecourt.payments.fleets.store import Connection
from forecourt.payments.ledger.billed import Billed
from forecourt.payments.ledger.billed import Line as Leg
from forecourt.platform.ordering import Age, Place, bounds, by_age, onward
from forecourt.sessions.signed.store import proven_wh

_ORDERS: Final = by_age("i.invoice_id")
_LINE: Final = (
    "line_id, kind, session_id, driver_id, driver, cost_centre, started_at, ended_at, station, site, country,"
    " energy_wh, currency, amount, parts, memo, invoice_id, over_limit"
)
_INVOICE: Final = """
    SELECT i.invoice_id, i.fleet_id, f.name AS fleet, i.kind, i.number, i.reference, i.month, i.corrects, i.reason,
        i.currency, i.net, i.vat, i.total, i.issued_at, i.issued_on, i.due_on, i.period_from, i.period_to, i.said,
        coalesce(s.paid, 0)::bigint AS paid, coalesce(s.credited, 0)::bigint AS credited,
        coalesce(s.written_off, 0)::bigint AS written_off, coalesce(s.fees, 0)::bigint AS fees,
        (SELECT coalesce(max(r.level), 0) FROM fleet_reminders r WHERE r.tenant_id = i.tenant_id
            AND r.invoice_id = i.invoice_id) AS level,
        EXISTS (SELECT FROM fleet_debits d WHERE d.tenant_id = i.tenant_id AND d.invoice_id = i.invoice_id
            AND d.state = 'asked') AS asked,
        coalesce((SELECT -sum(n.total) FROM fleet_invoices n WHERE n.tenant_id = i.tenant_id
            AND n.corrects = i.invoice_id), 0)::bigint AS noted,
        EXISTS (SELECT FROM fleet_documents d WHERE d.tenant_id = i.tenant_id
            AND d.invoice_id = i.invoice_id) AS documented
    FROM fleet_invoices i JOIN fleets f ON f.tenant_id = i.tenant_id AND f.fleet_id = i.fleet_id
    LEFT JOIN LATERAL (
        SELECT sum(amount) FILTER (WHERE kind IN ('paid', 'returned')) AS paid,
            sum(amount) FILTER (WHERE kind = 'credited') AS credited,
            sum(amount) FILTER (WHERE kind = 'written_off') AS written_off,
            -sum(amount) FILTER (WHERE kind = 'fee') AS fees, sum(amount) AS settled
        FROM fleet_settlements WHERE tenant_id = i.tenant_id AND invoice_id = i.invoice_id) s ON true
    WHERE i.tenant_id = %(tenant)s"""
#: Credit notes of one invoice that are listed.
MAX_NOTES: Final = 100
#: Of which something is asked for.
OPEN: Final = " AND i.kind = 'invoice' AND i.total > coalesce(s.settled, 0)"


async def find_seller(conn: Connection, tenant_id: int) -> tuple[Seller, Dunning] | None:
    """Who issues, and how it reminds; None: nobody said so."""
    row = await (
        await conn.execute("SELECT said, dunning FROM invoice_sellers WHERE tenant_id = %s", (tenant_id,))
    ).fetchone()
    return None if row is None else (msgspec.convert(row[0], Seller), msgspec.convert(row[1], Dunning))


async def put_seller(conn: Connection, tenant_id: int, seller: Seller, dunning: Dunning, at: datetime) -> None:
    """Says who issues from now on."""
    await conn.execute(
        "INSERT INTO invoice_sellers (tenant_id, said, dunning, changed_at) VALUES (%s, %s, %s, %s)"
        " ON CONFLICT (tenant_id) DO UPDATE SET said = excluded.said, dunning = excluded.dunning,"
        " changed_at = excluded.changed_at",
        (tenant_id, _json(seller), _json(dunning), at),
    )


async def find_terms(conn: Connection, tenant_id: int, fleet_id: int) -> Terms | None:
    """Whom a fleet's invoices are for."""
    row = await (
        await conn.execute("SELECT said FROM fleet_terms WHERE tenant_id = %s AND fleet_id = %s", (tenant_id, fleet_id))
    ).fetchone()
    return None if row is None else msgspec.convert(row[0], Terms)


async def put_terms(conn: Connection, tenant_id: int, fleet_id: int, terms: Terms, at: datetime) -> None:
    """Says whom the next invoices are for."""
    await conn.execute(
        "INSERT INTO fleet_terms (tenant_id, fleet_id, said, changed_at) VALUES (%s, %s, %s, %s)"
        " ON CONFLICT (tenant_id, fleet_id) DO UPDATE SET said = excluded.said, changed_at = excluded.changed_at",
        (tenant_id, fleet_id, _json(terms), at),
    )


async def hold_fleet(conn: Connection, tenant_id: int, fleet_id: int) -> None:
    """Nobody else changes what this fleet owes until the transaction ends."""
    await conn.execute(
        "SELECT pg_advisory_xact_lock(hashtextextended('fleet ' || %s || ' ' || %s, 0))", (tenant_id, fleet_id)
    )


async def fleet_named(conn: Connection, tenant_id: int, said: str) -> int | None:
    """The fleet of this number, or of this name."""
    row = await (
        await conn.execute(
            "SELECT fleet_id FROM fleets WHERE tenant_id = %s AND (fleet_id::text = %s OR name = %s)"
            " ORDER BY fleet_id::text <> %s LIMIT 1",
            (tenant_id, said, said, said),
        )
    ).fetchone()
    return None if row is None else int(row[0])


async def find_where(conn: Connection, tenant_id: int, session_id: UUID) -> dict[str, Any]:
    """What a line says of its session."""
    cursor = conn.cursor(row_factory=dict_row)
    await cursor.execute(
        "SELECT f.started_at, coalesce(f.over_at, f.last_at, f.started_at) AS ended_at, coalesce(s.identity, '') AS"
        " station, coalesce(i.name, '') AS site, coalesce(i.country, '') AS country,"
        f" coalesce({proven_wh('f')}, f.energy_wh) AS energy_wh"
        " FROM session_facts f LEFT JOIN stations s ON s.tenant_id = f.tenant_id AND s.station_id = f.station_id"
        " LEFT JOIN sites i ON i.tenant_id = s.tenant_id AND i.site_id = s.site_id"
        " WHERE f.tenant_id = %s AND f.session_id = %s",
        (tenant_id, session_id),
    )
    return await cursor.fetchone() or {}


async def find_who(conn: Connection, tenant_id: int, session_id: UUID, driver_id: int | None) -> dict[str, Any]:
    """Which driver and cost centre a session of a fleet is of: as it was first said, else as it is now."""
    cursor = conn.cursor(row_factory=dict_row)
    await cursor.execute(
        "SELECT a.driver_id, coalesce(nullif(a.name, ''), a.email, '') AS driver,"
        " coalesce(s.cost_centre, m.cost_centre, '') AS cost_centre FROM driver_accounts a"
        " LEFT JOIN fleet_members m ON m.tenant_id = a.tenant_id AND m.driver_id = a.driver_id"
        " LEFT JOIN fleet_sessions s ON s.tenant_id = a.tenant_id AND s.session_id = %(session)s"
        " WHERE a.tenant_id = %(tenant)s AND a.driver_id = coalesce(s.driver_id, %(driver)s)",
        {"tenant": tenant_id, "session": session_id, "driver": driver_id},
    )
    return await cursor.fetchone() or {}


async def is_over_limit(
    conn: Connection, tenant_id: int, fleet_id: int, driver_id: int | None, started_at: datetime, amount: int
) -> bool:
    """Whether a session that counts already is beyond what the fleet, or its driver, may spend on one or in a month."""
    row = await (
        await conn.execute(
            "SELECT coalesce(%(amount)s > least(f.session_limit, m.session_limit), false)"
            " OR coalesce(payments_fleet_left(f.tenant_id, f.fleet_id, %(driver)s, %(at)s) < 0, false)"
            " FROM fleets f LEFT JOIN fleet_members m ON m.tenant_id = f.tenant_id AND m.fleet_id = f.fleet_id"
            " AND m.driver_id = %(driver)s WHERE f.tenant_id = %(tenant)s AND f.fleet_id = %(fleet)s",
            {"tenant": tenant_id, "fleet": fleet_id, "driver": driver_id, "at": started_at, "amount": amount},
        )
    ).fetchone()
    return row is not None and bool(row[0])


async def list_over_limit(conn: Connection, tenant_id: int, fleet_id: int, limit: int) -> list[Line]:
    """Sessions that a fleet was billed for beyond its limits, the latest first."""
    cursor = conn.cursor(row_factory=dict_row)
    await cursor.execute(
        f"SELECT {_LINE} FROM fleet_lines WHERE tenant_id = %s AND fleet_id = %s AND over_limit"
        " ORDER BY line_id DESC LIMIT %s",
        (tenant_id, fleet_id, limit),
    )
    return [msgspec.convert(row, Line, strict=False) for row in await cursor.fetchall()]


async def insert_line(conn: Connection, tenant_id: int, fleet_id: int, key: str, values: Mapping[str, Any]) -> Line:
    """Stores the line of an entry."""
    known = {**values, "parts": _json(values["parts"])}
    cursor = conn.cursor(row_factory=dict_row)
    await cursor.execute(
        f"INSERT INTO fleet_lines (tenant_id, fleet_id, entry_id, at, {', '.join(known)})"
        f" SELECT tenant_id, %(_fleet)s, entry_id, at, {', '.join(f'%({name})s' for name in known)} FROM journal"
        f" WHERE tenant_id = %(_tenant)s AND key = %(_key)s RETURNING {_LINE}",
        {**known, "_tenant": tenant_id, "_fleet": fleet_id, "_key": key},
    )
    return msgspec.convert(await cursor.fetchone(), Line, strict=False)


async def find_line_of_session(conn: Connection, tenant_id: int, session_id: UUID) -> Line | None:
    """The line by which a session was billed first."""
    found = await _lines(conn, "session_id = %(session)s AND kind = 'session'", {"session": session_id}, tenant_id, 1)
    return found[0] if found else None


async def list_open_lines(
    conn: Connection, tenant_id: int, fleet_id: int, currency: str, before: datetime, posted: datetime | None,
    limit: int,
) -> list[Line]:  # fmt: skip
    """What was delivered before, posted by then where that is said, and is on no invoice yet; held until the
    transaction ends."""
    return await _lines(
        conn,
        "fleet_id = %(fleet)s AND currency = %(currency)s AND ended_at < %(before)s AND invoice_id IS NULL"
        " AND (%(posted)s::timestamptz IS NULL OR at <= %(posted)s)",
        {"fleet": fleet_id, "currency": currency, "before": before, "posted": posted},
        tenant_id, limit, lock="FOR UPDATE",
    )  # fmt: skip


async def list_lines(conn: Connection, tenant_id: int, invoice_id: int, limit: int) -> list[Line]:
    """The lines of an invoice."""
    return await _lines(conn, "invoice_id = %(invoice)s", {"invoice": invoice_id}, tenant_id, limit)


async def _lines(
    conn: Connection, condition: str, values: Mapping[str, Any], tenant_id: int, limit: int, lock: str = ""
) -> list[Line]:
    cursor = conn.cursor(row_factory=dict_row)
    await cursor.execute(
        f"SELECT {_LINE} FROM fleet_lines WHERE tenant_id = %(tenant)s AND {condition} ORDER BY ended_at, line_id"
        f" LIMIT %(limit)s {lock}",
        {**values, "tenant": tenant_id, "limit": limit},
    )
    return [msgspec.convert(row, Line, strict=False) for row in await cursor.fetchall()]


async def put_on_invoice(conn: Connection, tenant_id: int, invoice_id: int, line_ids: Sequence[int]) -> None:
    """These lines are on this invoice, for good."""
    await conn.execute(
        "UPDATE fleet_lines SET invoice_id = %s WHERE tenant_id = %s AND line_id = ANY(%s)",
        (invoice_id, tenant_id, list(line_ids)),
    )


async def list_unbilled(conn: Connection, tenant_id: int) -> list[tuple[int, str, str, datetime]]:
    """Fleets with lines on no invoice: number, zone, currency, and when the oldest was delivered."""
    cursor = await conn.execute(
        "SELECT l.fleet_id, f.zone, l.currency, min(l.ended_at) FROM fleet_lines l"
        " JOIN fleets f ON f.tenant_id = l.tenant_id AND f.fleet_id = l.fleet_id"
        " WHERE l.tenant_id = %s AND l.invoice_id IS NULL GROUP BY 1, 2, 3 ORDER BY 1, 3",
        (tenant_id,),
    )
    return [(int(fleet), str(zone), str(currency), at) for fleet, zone, currency, at in await cursor.fetchall()]


async def unbilled(conn: Connection, tenant_id: int, fleet_id: int) -> list[tuple[str, int, int]]:
    """What a fleet owes that is on no invoice yet: currency, amount, lines."""
    cursor = await conn.execute(
        "SELECT currency, sum(amount)::bigint, count(*) FROM fleet_lines WHERE tenant_id = %s AND fleet_id = %s"
        " AND invoice_id IS NULL GROUP BY currency ORDER BY currency",
        (tenant_id, fleet_id),
    )
    return [(str(currency), int(amount), int(count)) for currency, amount, count in await cursor.fetchall()]


async def next_serial(conn: Connection, tenant_id: int, year: int) -> int:
    """The next number of a year. Whoever asks too waits until this transaction has ended, so that none is left out."""
    row = await (
        await conn.execute(
            "INSERT INTO invoice_numbers (tenant_id, year, last) VALUES (%s, %s, 1) ON CONFLICT (tenant_id, year)"
            " DO UPDATE SET last = invoice_numbers.last + 1 RETURNING last",
            (tenant_id, year),
        )
    ).fetchone()
    assert row is not None
    return int(row[0])


async def parts_made(
    conn: Connection, tenant_id: int, fleet_id: int, month: date, currency: str
) -> tuple[int, datetime | None]:
    """How many invoices of a month the job has made, and when the first."""
    row = await (
        await conn.execute(
            "SELECT coalesce(max(part), 0), min(issued_at) FROM fleet_invoices WHERE tenant_id = %s"
            " AND fleet_id = %s AND month = %s AND currency = %s",
            (tenant_id, fleet_id, month, currency),
        )
    ).fetchone()
    assert row is not None
    return int(row[0]), row[1]


async def insert_invoice(conn: Connection, tenant_id: int, values: Mapping[str, Any]) -> int:
    """Stores what is issued."""
    known = {**values, "said": _json(values["said"])}
    row = await (
        await conn.execute(
            f"INSERT INTO fleet_invoices (tenant_id, {', '.join(known)}) VALUES (%(_tenant)s,"
            f" {', '.join(f'%({name})s' for name in known)}) RETURNING invoice_id",
            {**known, "_tenant": tenant_id},
        )
    ).fetchone()
    assert row is not None
    return int(row[0])


async def find_invoice(conn: Connection, tenant_id: int, invoice_id: int) -> Invoice | None:
    """The invoice of this id."""
    found = await _invoices(conn, " AND i.invoice_id = %(invoice)s", {"tenant": tenant_id, "invoice": invoice_id})
    return found[0] if found else None


async def find_by_references(conn: Connection, tenant_id: int, said: Sequence[str]) -> list[Invoice]:
    """Invoices of which a transfer may speak: by their references, or their numbers without hyphens."""
    return await _invoices(
        conn, " AND i.kind = 'invoice' AND i.reference = ANY(%(said)s) ORDER BY i.invoice_id",
        {"tenant": tenant_id, "said": list(said)},
    )  # fmt: skip


async def find_by_number_in(conn: Connection, tenant_id: int, text: str) -> list[Invoice]:
    """Open invoices whose number stands in a text."""
    return await _invoices(
        conn, f"{OPEN} AND position(upper(i.number) IN upper(%(text)s)) > 0 ORDER BY i.invoice_id",
        {"tenant": tenant_id, "text": text},
    )  # fmt: skip


async def list_invoices(
    conn: Connection, tenant_id: int, *, fleet_id: int | None = None, only_open: bool = False, order: Age = "newest",
    place: Place = None, limit: int,
) -> list[Invoice]:  # fmt: skip
    """Invoices behind a place, of one fleet where that is said."""
    return await _invoices(
        conn,
        f"{OPEN if only_open else ''} AND (%(fleet)s::bigint IS NULL OR i.fleet_id = %(fleet)s)"
        f" {onward(_ORDERS[order], place)}",
        {"tenant": tenant_id, "fleet": fleet_id, **bounds(place, limit)},
    )


async def list_notes(conn: Connection, tenant_id: int, invoice_id: int) -> list[tuple[int, str, int]]:
    """The credit notes of an invoice: id, number and how much each credits, the oldest first."""
    cursor = await conn.execute(
        "SELECT invoice_id, number, -total FROM fleet_invoices WHERE tenant_id = %s AND corrects = %s"
        " ORDER BY invoice_id LIMIT %s",
        (tenant_id, invoice_id, MAX_NOTES),
    )
    return [(int(number), str(name), int(total)) for number, name, total in await cursor.fetchall()]


async def given_back(conn: Connection, tenant_id: int, session_ids: Sequence[UUID]) -> dict[UUID, list[int]]:
    """What was given back of sessions before, with VAT, in the order in which that was."""
    cursor = await conn.execute(
        "SELECT session_id, -amount FROM fleet_lines WHERE tenant_id = %s AND session_id = ANY(%s) AND kind = 'refund'"
        " ORDER BY line_id",
        (tenant_id, list(session_ids)),
    )
    found: dict[UUID, list[int]] = {}
    for session_id, amount in await cursor.fetchall():
        found.setdefault(session_id, []).append(int(amount))
    return found


async def sale_of(conn: Connection, tenant_id: int, line_id: int) -> tuple[str, Billed]:
    """What was posted for a line: its payment, and what was sold."""
    cursor = await conn.execute(
        "SELECT j.intent, j.nets, p.currency, a.name, p.amount FROM fleet_lines l JOIN journal j USING (entry_id)"
        " JOIN postings p USING (entry_id) JOIN ledger_accounts a USING (account_id)"
        " WHERE l.tenant_id = %s AND l.line_id = %s"
        " AND (starts_with(a.name, 'revenue:') OR starts_with(a.name, 'vat_payable:')"
        " OR starts_with(a.name, 'discounts:')) ORDER BY p.leg",
        (tenant_id, line_id),
    )
    rows = await cursor.fetchall()
    assert rows, "a line of a session is one of an entry"
    intent, nets, currency = rows[0][:3]
    lines = tuple(Leg(account=str(name), amount=-amount) for *_, name, amount in rows)
    turned = None if nets is None else {name: -net for name, net in nets.items()}
    return str(intent), Billed(currency=currency, lines=lines, nets=turned)


async def _invoices(conn: Connection, condition: str, values: Mapping[str, Any]) -> list[Invoice]:
    cursor = conn.cursor(row_factory=dict_row)
    await cursor.execute(f"{_INVOICE}{condition}", values)
    return [msgspec.convert(row, Invoice, strict=False) for row in await cursor.fetchall()]


def _json(value: Any) -> Jsonb:
    return Jsonb(msgspec.to_builtins(value))
