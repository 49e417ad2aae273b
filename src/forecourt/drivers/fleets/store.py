"""All SQL of fleets and subscriptions."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, LiteralString
from uuid import UUID

from psycopg import AsyncConnection, sql
from psycopg.rows import class_row

from forecourt.drivers.fleets.model import (
    MAX_FLEETS,
    MAX_MEMBERS,
    MAX_PLANS,
    Fleet,
    FleetSession,
    Member,
    Plan,
    PricedFor,
    Subscription,
)
from forecourt.platform.ordering import Place, bounds, oldest, onward

Connection = AsyncConnection[Any]

CHANGEABLE: Final = frozenset({"name", "bill_to", "email", "session_limit", "month_limit", "active"})
PLAN_CHANGEABLE: Final = frozenset({"title", "gives", "terms_url", "offered"})
_PLAN: Final = "plan_id, name, title, currency, month_fee, vat, open, offered, gives, terms_url, created_at"
_SESSION_ORDER: Final = oldest("cost_centre", "driver_id", "session_id")
_FLEET: Final = """
    SELECT f.fleet_id, f.name, f.bill_to, f.email, f.currency, f.zone, f.session_limit, f.month_limit, f.active,
        f.held_at, f.held_reason, f.created_at,
        (SELECT count(*) FROM fleet_members m WHERE m.tenant_id = f.tenant_id AND m.fleet_id = f.fleet_id) AS members,
        (SELECT coalesce(sum(s.amount), 0)::bigint FROM fleet_sessions s WHERE s.tenant_id = f.tenant_id
            AND s.fleet_id = f.fleet_id
            AND s.month = date_trunc('month', %(now)s::timestamptz AT TIME ZONE f.zone)::date) AS spent
    FROM fleets f WHERE f.tenant_id = %(tenant)s"""
_MEMBER: Final = """
    SELECT m.driver_id, m.fleet_id, m.cost_centre, m.session_limit, m.month_limit, m.joined_at,
        (SELECT coalesce(sum(s.amount), 0)::bigint FROM fleet_sessions s WHERE s.tenant_id = m.tenant_id
            AND s.fleet_id = m.fleet_id AND s.driver_id = m.driver_id
            AND s.month = date_trunc('month', now() AT TIME ZONE f.zone)::date) AS spent
    FROM fleet_members m JOIN fleets f ON f.tenant_id = m.tenant_id AND f.fleet_id = m.fleet_id
    WHERE m.tenant_id = %(tenant)s"""


async def insert_fleet(conn: Connection, tenant_id: int, values: Mapping[str, Any], at: datetime) -> int | None:
    """A new fleet, whose months begin by the organisation's clock; None where the name is taken."""
    row = await (
        await conn.execute(
            "INSERT INTO fleets (tenant_id, name, bill_to, email, currency, zone, session_limit, month_limit,"
            " created_at, updated_at)"
            " SELECT %(tenant)s, %(name)s, %(bill_to)s, %(email)s, %(currency)s, o.time_zone, %(session_limit)s,"
            " %(month_limit)s, %(at)s, %(at)s FROM organisations o WHERE o.tenant_id = %(tenant)s"
            " ON CONFLICT DO NOTHING RETURNING fleet_id",
            {**values, "tenant": tenant_id, "at": at},
        )
    ).fetchone()
    return None if row is None else int(row[0])


async def count_fleets(conn: Connection, tenant_id: int) -> int:
    """How many an organisation has; nobody makes one more until the transaction ends."""
    return await _counted(conn, "fleets", tenant_id, "SELECT count(*) FROM fleets WHERE tenant_id = %s")


async def count_plans(conn: Connection, tenant_id: int) -> int:
    """How many an organisation has; nobody makes one more until the transaction ends."""
    return await _counted(conn, "plans", tenant_id, "SELECT count(*) FROM subscription_plans WHERE tenant_id = %s")


async def count_members(conn: Connection, tenant_id: int, fleet_id: int, but: int) -> int:
    """How many a fleet has but this driver; nobody joins a fleet until the transaction ends."""
    query = "SELECT count(*) FROM fleet_members WHERE tenant_id = %s AND fleet_id = %s AND driver_id <> %s"
    return await _counted(conn, "fleet members", tenant_id, query, fleet_id, but)


async def _counted(conn: Connection, what: str, tenant_id: int, query: LiteralString, *more: int) -> int:
    await conn.execute("SELECT pg_advisory_xact_lock(hashtext(%s), %s)", (what, tenant_id))
    row = await (await conn.execute(query, (tenant_id, *more))).fetchone()
    assert row is not None
    return int(row[0])


async def find_fleet(
    conn: Connection, tenant_id: int, fleet_id: int, now: datetime, *, lock: bool = False
) -> Fleet | None:
    """The fleet of this number; with `lock` held until the transaction ends."""
    cursor = conn.cursor(row_factory=class_row(Fleet))
    await cursor.execute(
        f"{_FLEET} AND f.fleet_id = %(fleet)s {'FOR UPDATE OF f' if lock else ''}",
        {"tenant": tenant_id, "fleet": fleet_id, "now": now},
    )
    return await cursor.fetchone()


async def list_fleets(conn: Connection, tenant_id: int, now: datetime) -> list[Fleet]:
    """Fleets by name: all, as there are MAX_FLEETS at the most."""
    cursor = conn.cursor(row_factory=class_row(Fleet))
    await cursor.execute(
        f"{_FLEET} ORDER BY f.name LIMIT %(most)s", {"tenant": tenant_id, "now": now, "most": MAX_FLEETS}
    )
    return await cursor.fetchall()


async def update_fleet(
    conn: Connection, tenant_id: int, fleet_id: int, changes: Mapping[str, Any], at: datetime
) -> bool:
    """Changes the named columns (CHANGEABLE); whether there is such a fleet. Raises psycopg's UniqueViolation."""
    assert changes.keys() <= CHANGEABLE, "a column that stays"
    sets = [sql.SQL("{} = {}").format(sql.Identifier(name), sql.Placeholder(name)) for name in changes]
    query = sql.SQL("UPDATE fleets SET {sets} WHERE tenant_id = %(_tenant)s AND fleet_id = %(_fleet)s").format(
        sets=sql.SQL(", ").join([*sets, sql.SQL("updated_at = %(_at)s")])
    )
    cursor = await conn.execute(query, {**changes, "_tenant": tenant_id, "_fleet": fleet_id, "_at": at})
    return cursor.rowcount == 1


async def put_member(
    conn: Connection, tenant_id: int, fleet_id: int, driver_id: int, *, cost_centre: str, session_limit: int | None,
    month_limit: int | None, at: datetime,
) -> None:  # fmt: skip
    """A driver is in a fleet, and in no other; in one that they were in they are since they joined it."""
    await _end_stays(conn, tenant_id, driver_id, at, "fleet_id <> %(fleet)s", fleet_id)
    await conn.execute(
        "INSERT INTO fleet_members AS m (tenant_id, driver_id, fleet_id, cost_centre, session_limit, month_limit,"
        " joined_at) VALUES (%s, %s, %s, %s, %s, %s, %s) ON CONFLICT (tenant_id, driver_id) DO UPDATE SET"
        " fleet_id = excluded.fleet_id, cost_centre = excluded.cost_centre, session_limit = excluded.session_limit,"
        " month_limit = excluded.month_limit, joined_at = CASE m.fleet_id WHEN excluded.fleet_id THEN m.joined_at"
        " ELSE excluded.joined_at END",
        (tenant_id, driver_id, fleet_id, cost_centre, session_limit, month_limit, at),
    )


async def end_member(conn: Connection, tenant_id: int, driver_id: int, fleet_id: int, at: datetime) -> bool:
    """A driver is in this fleet no more; whether they were. That they were is kept."""
    await _end_stays(conn, tenant_id, driver_id, at, "fleet_id = %(fleet)s", fleet_id)
    cursor = await conn.execute(
        "DELETE FROM fleet_members WHERE tenant_id = %s AND driver_id = %s AND fleet_id = %s",
        (tenant_id, driver_id, fleet_id),
    )
    return cursor.rowcount == 1


async def _end_stays(
    conn: Connection, tenant_id: int, driver_id: int, at: datetime, which: LiteralString, fleet_id: int
) -> None:
    await conn.execute(
        "INSERT INTO fleet_stays (tenant_id, driver_id, fleet_id, joined_at, left_at)"
        " SELECT tenant_id, driver_id, fleet_id, joined_at, greatest(joined_at, %(at)s) FROM fleet_members"
        f" WHERE tenant_id = %(tenant)s AND driver_id = %(driver)s AND {which}",
        {"tenant": tenant_id, "driver": driver_id, "fleet": fleet_id, "at": at},
    )


async def forget_member(conn: Connection, tenant_id: int, driver_id: int) -> None:
    """Nobody knows any more in which fleets a driver is or was."""
    for table in (sql.Identifier("fleet_members"), sql.Identifier("fleet_stays")):
        query = sql.SQL("DELETE FROM {} WHERE tenant_id = %s AND driver_id = %s").format(table)
        await conn.execute(query, (tenant_id, driver_id))


async def note_name(conn: Connection, tenant_id: int, fleet_id: int, name: str, until: datetime) -> None:
    """Keeps what a fleet was called until then."""
    await conn.execute(
        "INSERT INTO fleet_names (tenant_id, fleet_id, name, until_at) VALUES (%s, %s, %s, %s)",
        (tenant_id, fleet_id, name, until),
    )


async def find_member(conn: Connection, tenant_id: int, driver_id: int) -> Member | None:
    """In which fleet a driver is."""
    cursor = conn.cursor(row_factory=class_row(Member))
    await cursor.execute(f"{_MEMBER} AND m.driver_id = %(driver)s", {"tenant": tenant_id, "driver": driver_id})
    return await cursor.fetchone()


async def list_members(conn: Connection, tenant_id: int, fleet_id: int) -> list[Member]:
    """The drivers of a fleet, in the order of their numbers."""
    cursor = conn.cursor(row_factory=class_row(Member))
    await cursor.execute(
        f"{_MEMBER} AND m.fleet_id = %(fleet)s ORDER BY m.driver_id LIMIT %(most)s",
        {"tenant": tenant_id, "fleet": fleet_id, "most": MAX_MEMBERS},
    )
    return await cursor.fetchall()


async def note_session(
    conn: Connection, tenant_id: int, session_id: UUID, *, driver_id: int, started_at: datetime, currency: str,
    amount: int, at: datetime,
) -> int | None:  # fmt: skip
    """What a session of a member came to, so far or in the end; the fleet that pays for it, None where none does.
    It stays with the fleet and the cost centre of its first word, wherever its driver is by now, and with the month of
    its start."""
    values = {
        "tenant": tenant_id, "session": session_id, "driver": driver_id, "started": started_at, "currency": currency,
        "amount": amount, "at": at,
    }  # fmt: skip
    cursor = await conn.execute(
        "UPDATE fleet_sessions SET amount = %(amount)s, said_at = %(at)s WHERE tenant_id = %(tenant)s"
        " AND session_id = %(session)s RETURNING fleet_id",
        values,
    )
    row = await cursor.fetchone()
    if row is None:
        cursor = await conn.execute(
            "INSERT INTO fleet_sessions (tenant_id, session_id, fleet_id, driver_id, cost_centre, month, currency,"
            " amount, said_at) SELECT m.tenant_id, %(session)s, m.fleet_id, m.driver_id, m.cost_centre,"
            " date_trunc('month', %(started)s::timestamptz AT TIME ZONE f.zone)::date, %(currency)s, %(amount)s, %(at)s"
            " FROM fleet_members m JOIN fleets f ON f.tenant_id = m.tenant_id AND f.fleet_id = m.fleet_id"
            " JOIN driver_accounts a ON a.tenant_id = m.tenant_id AND a.driver_id = m.driver_id"
            " WHERE m.tenant_id = %(tenant)s AND m.driver_id = %(driver)s AND f.currency = %(currency)s"
            " AND a.pays_by = 'fleet'"
            " ON CONFLICT (tenant_id, session_id) DO UPDATE SET amount = excluded.amount, said_at = excluded.said_at"
            " RETURNING fleet_id",
            values,
        )
        row = await cursor.fetchone()
    return None if row is None else int(row[0])


async def note_charged(
    conn: Connection, tenant_id: int, session_id: UUID, *, fleet_id: int, driver_id: int, started_at: datetime,
    currency: str, amount: int, at: datetime,
) -> None:  # fmt: skip
    """A session that was begun on the fleet's account counts against its month, whatever the driver pays by else."""
    await conn.execute(
        "INSERT INTO fleet_sessions (tenant_id, session_id, fleet_id, driver_id, cost_centre, month, currency, amount,"
        " said_at) SELECT f.tenant_id, %(session)s, f.fleet_id, %(driver)s, coalesce(m.cost_centre, ''),"
        " date_trunc('month', %(started)s::timestamptz AT TIME ZONE f.zone)::date, %(currency)s, %(amount)s, %(at)s"
        " FROM fleets f LEFT JOIN fleet_members m ON m.tenant_id = f.tenant_id AND m.fleet_id = f.fleet_id"
        " AND m.driver_id = %(driver)s WHERE f.tenant_id = %(tenant)s AND f.fleet_id = %(fleet)s"
        " ON CONFLICT (tenant_id, session_id) DO UPDATE SET amount = excluded.amount, said_at = excluded.said_at",
        {
            "tenant": tenant_id, "session": session_id, "fleet": fleet_id, "driver": driver_id, "started": started_at,
            "currency": currency, "amount": amount, "at": at,
        },
    )  # fmt: skip


async def list_sessions(
    conn: Connection, tenant_id: int, fleet_id: int, month: str, *, place: Place = None, limit: int
) -> list[FleetSession]:
    """What a month's invoice is made of, by cost centre, behind the one, the driver and the session of a place."""
    cursor = conn.cursor(row_factory=class_row(FleetSession))
    await cursor.execute(
        "SELECT session_id, driver_id, cost_centre, month, currency, amount, said_at FROM fleet_sessions"
        " WHERE tenant_id = %(tenant)s AND fleet_id = %(fleet)s AND month = (%(month)s || '-01')::date"
        f" {onward(_SESSION_ORDER, place)}",
        {"tenant": tenant_id, "fleet": fleet_id, "month": month, **bounds(place, limit)},
    )
    return await cursor.fetchall()


async def insert_plan(conn: Connection, tenant_id: int, values: Mapping[str, Any], at: datetime) -> Plan | None:
    """A new plan; None where the name is taken."""
    cursor = conn.cursor(row_factory=class_row(Plan))
    await cursor.execute(
        "INSERT INTO subscription_plans (tenant_id, name, title, currency, month_fee, vat, offered, gives, terms_url,"
        " created_at) VALUES (%(tenant)s, %(name)s, %(title)s, %(currency)s, %(month_fee)s, %(vat)s, %(offered)s,"
        " %(gives)s, %(terms_url)s, %(at)s) ON CONFLICT DO NOTHING"
        f" RETURNING {_PLAN}",
        {"offered": False, "gives": "", "terms_url": None, **values, "tenant": tenant_id, "at": at},
    )
    return await cursor.fetchone()


async def find_plan(conn: Connection, tenant_id: int, plan_id: int) -> Plan | None:
    """The plan of this number."""
    cursor = conn.cursor(row_factory=class_row(Plan))
    await cursor.execute(
        f"SELECT {_PLAN} FROM subscription_plans WHERE tenant_id = %s AND plan_id = %s FOR SHARE", (tenant_id, plan_id)
    )
    return await cursor.fetchone()


async def update_plan(conn: Connection, tenant_id: int, plan_id: int, changes: Mapping[str, Any]) -> bool:
    """Changes the named columns (PLAN_CHANGEABLE); whether there is such a plan."""
    assert changes.keys() <= PLAN_CHANGEABLE, "a column that stays"
    said = ", ".join(f"{name} = %({name})s" for name in changes)
    cursor = await conn.execute(
        f"UPDATE subscription_plans SET {said} WHERE tenant_id = %(_tenant)s AND plan_id = %(_plan)s",
        {**changes, "_tenant": tenant_id, "_plan": plan_id},
    )
    return cursor.rowcount == 1


async def list_plans(conn: Connection, tenant_id: int) -> list[Plan]:
    """Plans by name."""
    cursor = conn.cursor(row_factory=class_row(Plan))
    await cursor.execute(
        f"SELECT {_PLAN} FROM subscription_plans WHERE tenant_id = %s ORDER BY name LIMIT %s",
        (tenant_id, MAX_PLANS),
    )
    return await cursor.fetchall()


async def close_plan(conn: Connection, tenant_id: int, plan_id: int) -> bool:
    """Nobody begins it any more; subscriptions go on."""
    cursor = await conn.execute(
        "UPDATE subscription_plans SET open = false WHERE tenant_id = %s AND plan_id = %s", (tenant_id, plan_id)
    )
    return cursor.rowcount == 1


async def find_subscription(
    conn: Connection, tenant_id: int, driver_id: int, at: datetime | None = None
) -> Subscription | None:
    """The subscription of a driver that goes on at a time, or now."""
    cursor = conn.cursor(row_factory=class_row(Subscription))
    await cursor.execute(
        "SELECT s.subscription_id, s.plan_id, p.name, p.title, s.began_at, s.ends_at, s.by_driver, s.pays_by,"
        " s.pays_method FROM subscriptions s"
        " JOIN subscription_plans p ON p.tenant_id = s.tenant_id AND p.plan_id = s.plan_id"
        " WHERE s.tenant_id = %(tenant)s AND s.driver_id = %(driver)s AND s.began_at <= coalesce(%(at)s, now())"
        " AND (s.ends_at IS NULL OR s.ends_at > coalesce(%(at)s, now())) ORDER BY s.began_at DESC LIMIT 1",
        {"tenant": tenant_id, "driver": driver_id, "at": at},
    )
    return await cursor.fetchone()


async def priced_for(conn: Connection, tenant_id: int, driver_id: int, at: datetime) -> PricedFor:
    """By what tariffs are chosen for a driver with an account at a time."""
    row = await (
        await conn.execute(
            "SELECT CASE WHEN count(DISTINCT t.group_uid) = 1 AND count(t.group_uid) = count(*) THEN min(t.group_uid)"
            " END FROM driver_tokens d JOIN tokens t ON t.tenant_id = d.tenant_id AND t.uid_key = d.uid_key"
            " WHERE d.tenant_id = %s AND d.driver_id = %s AND t.status = 'accepted'",
            (tenant_id, driver_id),
        )
    ).fetchone()
    has = await find_subscription(conn, tenant_id, driver_id, at)
    return PricedFor(
        group=None if row is None else row[0],
        subscription=None if has is None else has.name,
        title=None if has is None else has.title,
    )


async def begin_subscription(
    conn: Connection, tenant_id: int, driver_id: int, plan_id: int, at: datetime, *, by_driver: bool = False,
    pays_by: str | None = None, pays_method: UUID | None = None,
) -> bool:  # fmt: skip
    """Begins a plan that is open; False where there is none such. The one before ends with it. `pays_by`: what pays
    for it, None for what the account pays by."""
    await end_subscription(conn, tenant_id, driver_id, at)
    cursor = await conn.execute(
        "INSERT INTO subscriptions (tenant_id, driver_id, plan_id, began_at, by_driver, pays_by, pays_method)"
        " SELECT tenant_id, %s, plan_id, %s, %s, %s, %s FROM subscription_plans"
        " WHERE tenant_id = %s AND plan_id = %s AND open",
        (driver_id, at, by_driver, pays_by, pays_method, tenant_id, plan_id),
    )
    return cursor.rowcount == 1


async def keep_subscription(conn: Connection, tenant_id: int, driver_id: int, now: datetime) -> bool:
    """One that shall end goes on after all; whether there was one."""
    cursor = await conn.execute(
        "UPDATE subscriptions SET ends_at = NULL WHERE tenant_id = %s AND driver_id = %s AND ends_at > %s",
        (tenant_id, driver_id, now),
    )
    return cursor.rowcount == 1


async def pay_subscription(
    conn: Connection, tenant_id: int, driver_id: int, pays_by: str | None, pays_method: UUID | None, now: datetime
) -> bool:
    """What pays for the months of a driver's subscription from now on; whether there is one."""
    cursor = await conn.execute(
        "UPDATE subscriptions SET pays_by = %s, pays_method = %s WHERE tenant_id = %s AND driver_id = %s"
        " AND (ends_at IS NULL OR ends_at > %s)",
        (pays_by, pays_method, tenant_id, driver_id, now),
    )
    return cursor.rowcount == 1


async def forget_method(conn: Connection, tenant_id: int, driver_id: int, method_id: UUID | None = None) -> None:
    """A saved card is gone, or with None all are: what it paid for is paid as the account pays."""
    await conn.execute(
        "UPDATE subscriptions SET pays_by = NULL, pays_method = NULL"
        " WHERE tenant_id = %s AND driver_id = %s AND pays_method = coalesce(%s, pays_method)",
        (tenant_id, driver_id, method_id),
    )


async def end_subscription(conn: Connection, tenant_id: int, driver_id: int, at: datetime) -> bool:
    """Ends a driver's subscription; whether there was one."""
    cursor = await conn.execute(
        "UPDATE subscriptions SET ends_at = greatest(began_at, %(at)s) WHERE tenant_id = %(tenant)s"
        " AND driver_id = %(driver)s AND (ends_at IS NULL OR ends_at > %(at)s)",
        {"at": at, "tenant": tenant_id, "driver": driver_id},
    )
    return cursor.rowcount == 1
