"""What the pages of fleets show beside invoices: who is in one, what was spent this month, what is open."""

from collections.abc import Sequence

from forecourt.payments.fleets.store import Connection


async def open_of_fleets(conn: Connection, tenant_id: int) -> dict[int, list[tuple[str, int, int]]]:
    """What each fleet is asked for by invoices: currency, amount, and how much of it is overdue by its clock."""
    cursor = await conn.execute(
        "SELECT i.fleet_id, i.currency, sum(i.total - coalesce(s.settled, 0))::bigint, coalesce(sum(i.total"
        " - coalesce(s.settled, 0)) FILTER (WHERE i.due_on < (now() AT TIME ZONE f.zone)::date), 0)::bigint"
        " FROM fleet_invoices i JOIN fleets f ON f.tenant_id = i.tenant_id AND f.fleet_id = i.fleet_id"
        " LEFT JOIN LATERAL (SELECT sum(amount) AS settled FROM fleet_settlements"
        " WHERE invoice_id = i.invoice_id) s ON true"
        " WHERE i.tenant_id = %s AND i.kind = 'invoice' AND i.total > coalesce(s.settled, 0)"
        " GROUP BY 1, 2 ORDER BY 1, 2",
        (tenant_id,),
    )
    found: dict[int, list[tuple[str, int, int]]] = {}
    for fleet, currency, amount, late in await cursor.fetchall():
        found.setdefault(int(fleet), []).append((str(currency), int(amount), int(late)))
    return found


async def name_drivers(conn: Connection, tenant_id: int, driver_ids: Sequence[int]) -> dict[int, tuple[str, str]]:
    """What drivers are called, and by what they pay."""
    cursor = await conn.execute(
        "SELECT driver_id, coalesce(nullif(name, ''), email, ''), pays_by FROM driver_accounts WHERE tenant_id = %s"
        " AND driver_id = ANY(%s)",
        (tenant_id, list(driver_ids)),
    )
    return {int(number): (str(name), str(by)) for number, name, by in await cursor.fetchall()}


async def find_driver(conn: Connection, tenant_id: int, said: str) -> int | None:
    """The driver with this e-mail address or number."""
    row = await (
        await conn.execute(
            "SELECT driver_id FROM driver_accounts WHERE tenant_id = %s AND state <> 'erased'"
            " AND (lower(email) = lower(%s) OR driver_id::text = %s)",
            (tenant_id, said, said),
        )
    ).fetchone()
    return None if row is None else int(row[0])


async def spent_by_centre(conn: Connection, tenant_id: int, fleet_id: int, month: str) -> list[tuple[str, int, int]]:
    """What each cost centre spent in a month, the most first: name, sessions, amount."""
    cursor = await conn.execute(
        "SELECT cost_centre, count(*), sum(amount)::bigint FROM fleet_sessions WHERE tenant_id = %s AND fleet_id = %s"
        " AND month = (%s || '-01')::date GROUP BY 1 ORDER BY 3 DESC, 1 LIMIT 50",
        (tenant_id, fleet_id, month),
    )
    return [(str(name), int(count), int(amount)) for name, count, amount in await cursor.fetchall()]
