"""Alert rules, and the log of what was sent."""

from collections.abc import Mapping, Sequence
from datetime import datetime, time
from typing import Any, Final, Literal
from uuid import UUID

from msgspec import Struct
from psycopg import sql
from psycopg.rows import class_row

from forecourt.care.store import Connection
from forecourt.platform.ordering import Age, Ordering, Place, bounds, by_age, newest, oldest, onward

_COLUMNS: Final = (
    "rule_id, name, active, kinds, least_severity, site_ids, delay_s, recipients, tell_closed, quiet_from,"
    " quiet_until, quiet_zone, quiet_spares_critical, escalate_after_s, escalate_to, language, created_at, changed_at"
)
RuleOrder = Literal[Age, "name"]
#: Ids are told apart as text: so they fit a cursor of names.
_RULE_ORDERS: Final[Mapping[RuleOrder, Ordering]] = {
    "oldest": oldest("rule_id"),
    "newest": newest("rule_id"),
    "name": ("lower(name), rule_id::text", "(lower(name), rule_id::text) > (lower(%(place_0)s), %(place_1)s)"),
}
_LOG_ORDERS: Final = by_age("alert_id")


class RuleRow(Struct, frozen=True, kw_only=True):
    """One alert rule as it is kept."""

    rule_id: int
    name: str
    active: bool
    kinds: list[str]
    least_severity: int
    site_ids: list[int]
    delay_s: int
    recipients: list[str]
    tell_closed: bool
    quiet_from: time | None
    quiet_until: time | None
    quiet_zone: str
    quiet_spares_critical: bool
    escalate_after_s: int | None
    escalate_to: list[str]
    language: str
    created_at: datetime
    changed_at: datetime


#: The columns that a person chooses.
CHOSEN: Final = tuple(name for name in RuleRow.__struct_fields__ if name not in ("rule_id", "created_at", "changed_at"))


class LogRow(Struct, frozen=True, kw_only=True):
    """One thing that was sent."""

    alert_id: int
    rule_id: int
    rule_name: str
    incident_id: UUID | None
    step: str
    at: datetime
    recipients: list[str]


class Toldable(Struct, frozen=True, kw_only=True):
    """An incident since a rule was made, and what of it the rule's people were told, when."""

    incident_id: UUID
    kind: str
    severity: int
    site_id: int | None
    opened_at: datetime
    closed_at: datetime | None
    acknowledged_at: datetime | None
    snoozed_until: datetime | None
    told_at: datetime | None
    escalated_at: datetime | None


async def list_rules(
    conn: Connection, tenant_id: int, *, order: RuleOrder = "oldest", place: Place = None, limit: int
) -> list[RuleRow]:
    """Rules behind a place in their order: an id, by name the name and the id as text."""
    cursor = conn.cursor(row_factory=class_row(RuleRow))
    await cursor.execute(
        f"SELECT {_COLUMNS} FROM alert_rules WHERE tenant_id = %(tenant_id)s {onward(_RULE_ORDERS[order], place)}",
        {"tenant_id": tenant_id, **bounds(place, limit)},
    )
    return await cursor.fetchall()


async def find_rule(conn: Connection, tenant_id: int, rule_id: int, *, lock: bool = False) -> RuleRow | None:
    """The rule of this id; with `lock`, kept from others until the transaction ends."""
    cursor = conn.cursor(row_factory=class_row(RuleRow))
    query = f"SELECT {_COLUMNS} FROM alert_rules WHERE tenant_id = %s AND rule_id = %s"
    await cursor.execute(f"{query} FOR UPDATE" if lock else query, (tenant_id, rule_id))
    return await cursor.fetchone()


async def count_rules(conn: Connection, tenant_id: int) -> int:
    """How many there are; keeps others from adding one until the transaction ends."""
    await conn.execute("SELECT pg_advisory_xact_lock(%s, %s)", (0x52756C65, tenant_id))
    row = await (await conn.execute("SELECT count(*) FROM alert_rules WHERE tenant_id = %s", (tenant_id,))).fetchone()
    assert row is not None
    return int(row[0])


async def insert_rule(conn: Connection, tenant_id: int, values: Mapping[str, Any], now: datetime) -> RuleRow:
    """Stores a rule whose columns are CHOSEN."""
    assert values.keys() == set(CHOSEN)
    names = [*CHOSEN, "tenant_id", "created_at", "changed_at"]
    query = sql.SQL("INSERT INTO alert_rules ({names}) VALUES ({values}) RETURNING {columns}").format(
        names=sql.SQL(", ").join(map(sql.Identifier, names)),
        values=sql.SQL(", ").join(map(sql.Placeholder, names)),
        columns=sql.SQL(_COLUMNS),
    )
    cursor = conn.cursor(row_factory=class_row(RuleRow))
    await cursor.execute(query, {**values, "tenant_id": tenant_id, "created_at": now, "changed_at": now})
    row = await cursor.fetchone()
    assert row is not None
    return row


async def update_rule(
    conn: Connection, tenant_id: int, rule_id: int, changes: Mapping[str, Any], now: datetime
) -> RuleRow | None:
    """Changes the named columns; None if there is no such rule."""
    assert changes.keys() <= set(CHOSEN)
    sets = [sql.SQL("{} = {}").format(sql.Identifier(name), sql.Placeholder(name)) for name in changes]
    query = sql.SQL(
        "UPDATE alert_rules SET {sets} WHERE tenant_id = %(tenant_id)s AND rule_id = %(rule_id)s RETURNING {columns}"
    ).format(sets=sql.SQL(", ").join([*sets, sql.SQL("changed_at = %(changed_at)s")]), columns=sql.SQL(_COLUMNS))
    cursor = conn.cursor(row_factory=class_row(RuleRow))
    await cursor.execute(query, {**changes, "tenant_id": tenant_id, "rule_id": rule_id, "changed_at": now})
    return await cursor.fetchone()


async def delete_rule(conn: Connection, tenant_id: int, rule_id: int) -> bool:
    """Forgets a rule, not what it sent; whether there was one."""
    cursor = await conn.execute("DELETE FROM alert_rules WHERE tenant_id = %s AND rule_id = %s", (tenant_id, rule_id))
    return cursor.rowcount == 1


async def list_toldable(conn: Connection, tenant_id: int, rule: RuleRow, since: datetime) -> list[Toldable]:
    """Incidents that opened since the rule was made and that it is about: the open ones, and those of which its people
    were told the opening and not yet the end, if that came after `since`."""
    cursor = conn.cursor(row_factory=class_row(Toldable))
    await cursor.execute(
        """
        SELECT n.incident_id, n.kind, n.severity, n.site_id, n.opened_at, n.closed_at, n.acknowledged_at,
            n.snoozed_until, o.at AS told_at, e.at AS escalated_at
        FROM incidents n
        LEFT JOIN alert_log o ON o.rule_id = %(rule_id)s AND o.incident_id = n.incident_id AND o.step = 'opened'
        LEFT JOIN alert_log e ON e.rule_id = %(rule_id)s AND e.incident_id = n.incident_id AND e.step = 'escalated'
        WHERE n.tenant_id = %(tenant_id)s AND n.opened_at >= %(made)s AND n.severity >= %(least)s
            AND (%(kinds)s::text[] = '{}' OR n.kind = ANY(%(kinds)s))
            AND (%(sites)s::int[] = '{}' OR n.site_id = ANY(%(sites)s))
            AND (n.closed_at IS NULL OR (n.changed_at >= %(since)s AND o.at IS NOT NULL AND NOT EXISTS (
                SELECT FROM alert_log c WHERE c.rule_id = %(rule_id)s AND c.incident_id = n.incident_id
                    AND c.step = 'closed')))
        ORDER BY n.severity DESC, n.number
        """,
        {
            "tenant_id": tenant_id,
            "rule_id": rule.rule_id,
            "made": rule.created_at,
            "least": rule.least_severity,
            "kinds": rule.kinds,
            "sites": rule.site_ids,
            "since": since,
        },
    )
    return await cursor.fetchall()


async def log_sent(
    conn: Connection,
    tenant_id: int,
    rule: RuleRow,
    step: str,
    incident_ids: Sequence[UUID | None],
    recipients: Sequence[str],
    now: datetime,
) -> None:
    """Writes down what was sent, in the transaction that writes the letters. Raises for what was sent before."""
    await conn.cursor().executemany(
        "INSERT INTO alert_log (tenant_id, rule_id, rule_name, incident_id, step, at, recipients)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s)",
        [
            (tenant_id, rule.rule_id, rule.name, incident_id, step, now, list(recipients))
            for incident_id in incident_ids
        ],
    )


async def list_log(
    conn: Connection,
    tenant_id: int,
    *,
    rule_id: int | None = None,
    order: Age = "newest",
    place: Place = None,
    limit: int,
) -> list[LogRow]:
    """What was sent, behind the number of a place; by one rule, or by all."""
    cursor = conn.cursor(row_factory=class_row(LogRow))
    await cursor.execute(
        "SELECT alert_id, rule_id, rule_name, incident_id, step, at, recipients FROM alert_log"
        " WHERE tenant_id = %(tenant_id)s AND (%(rule_id)s::int IS NULL OR rule_id = %(rule_id)s)"
        f" {onward(_LOG_ORDERS[order], place)}",
        {"tenant_id": tenant_id, "rule_id": rule_id, **bounds(place, limit)},
    )
    return await cursor.fetchall()


async def forget_log_before(conn: Connection, tenant_id: int, before: datetime) -> None:
    """Forgets what was sent before a time, but for open incidents, of which it must not be sent again."""
    await conn.execute(
        "DELETE FROM alert_log l WHERE tenant_id = %s AND at < %s AND NOT EXISTS (SELECT FROM incidents n"
        " WHERE n.incident_id = l.incident_id AND n.closed_at IS NULL)",
        (tenant_id, before),
    )
