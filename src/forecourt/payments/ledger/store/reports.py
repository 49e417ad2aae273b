"""What is read of the journal in sum: how old receivables are, and what connectors and sites came to."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from msgspec import Struct
from psycopg.rows import class_row

from forecourt.payments.ledger.store import Connection
from forecourt.platform.ordering import Place, bounds, oldest, onward

#: Days after which a receivable falls into the next class.
AGES: Final = (30, 60, 90)
DRIVERS: Final = "driver_receivable:"
_AGED: Final = """
WITH said AS (
    SELECT CASE WHEN a.name = 'driver_receivable' THEN a.name || ':' || coalesce(j.intent, '') ELSE a.name END
        COLLATE "C" AS who, p.currency, j.at, j.entry_id, p.leg, p.amount
    FROM ledger_accounts a JOIN postings p USING (account_id) JOIN journal j USING (entry_id)
    WHERE a.tenant_id = %(tenant_id)s AND (a.name = 'driver_receivable'
        OR starts_with(a.name, 'fleet_receivable:') OR starts_with(a.name, 'roaming_receivable:'))
    -- A match that was taken back never was: what it settled is as old as it is.
    AND NOT (j.kind = 'fleet_paid' AND (j.key LIKE '%%:back' OR EXISTS (
        SELECT FROM journal b WHERE b.tenant_id = j.tenant_id AND b.key = j.key || ':back')))),
-- A payment that paid debts is posted under its own name: it settles theirs.
settled AS (
    SELECT s.intent_id::text AS debt, s.detail AS payment, i.currency, sum(s.amount)::bigint AS amount, min(s.at) AS at
    FROM payment_steps s JOIN payment_intents i ON i.tenant_id = s.tenant_id AND i.intent_id = s.intent_id
    WHERE s.tenant_id = %(tenant_id)s AND s.kind = 'debt_paid' AND s.detail IS NOT NULL
        AND s.detail <> s.intent_id::text
    GROUP BY s.intent_id, s.detail, i.currency HAVING sum(s.amount) <> 0),
legs AS (
    SELECT * FROM said
    UNION ALL SELECT 'driver_receivable:' || debt, currency, at, 0, 0, -amount FROM settled
    UNION ALL SELECT 'driver_receivable:' || payment, currency, at, 0, 0, amount FROM settled),
left_ AS (
    SELECT who, currency, sum(amount)::bigint AS total FROM legs GROUP BY 1, 2 HAVING sum(amount) <> 0),
newest AS (
    SELECT who, currency, total, at, abs(amount) AS amount,
        sum(abs(amount)) OVER (PARTITION BY who, currency ORDER BY at DESC, entry_id DESC, leg DESC) AS upto
    FROM legs JOIN left_ USING (who, currency) WHERE sign(amount) = sign(total)),
open AS (
    SELECT who, currency, total, at,
        (sign(total) * least(amount, abs(total) - (upto - amount)))::bigint AS amount,
        (SELECT count(*) FROM unnest(%(ages)s::interval[]) age WHERE %(now)s - at > age) AS class
    FROM newest WHERE upto - amount < abs(total)),
aged AS (
    SELECT who, currency, total, ARRAY[sum(amount) FILTER (WHERE class = 0),
        sum(amount) FILTER (WHERE class = 1), sum(amount) FILTER (WHERE class = 2),
        sum(amount) FILTER (WHERE class = 3)]::bigint[] AS by_age, min(at) AS oldest_at
    FROM open GROUP BY who, currency, total)
SELECT who, currency, total, array_replace(by_age, NULL, 0) AS by_age, oldest_at FROM aged WHERE true
"""
#: By the age of what somebody owes.
_AGED_ORDER: Final = oldest("oldest_at", "who", "currency")


class Aged(Struct, frozen=True, kw_only=True):
    """What somebody owes, by age: up to 30 days, 60, 90, and older. `oldest_at`: of the oldest of it."""

    who: str
    currency: str
    total: int
    by_age: Sequence[int]
    oldest_at: datetime


class Earned(Struct, frozen=True, kw_only=True):
    """What one connector came to, in minor units. `revenue`: less `discounts`, which campaigns and vouchers took off.
    `rewards`: points and cashback that its sessions brought. `energy_cost`: its part of what its site's energy cost;
    None: it delivered some, and of its site nobody posted what energy cost."""

    site_id: int | None
    site: str | None
    station: str
    evse: int | None
    connector: int | None
    currency: str
    sessions: int
    energy_wh: int
    revenue: int
    fees: int
    share: int
    lost: int
    discounts: int = 0
    rewards: int = 0
    energy_cost: int | None = None

    @property
    def before_energy(self) -> int:
        """Revenue less fees, shares, rewards and what was lost."""
        return self.revenue - self.fees - self.share - self.lost - self.rewards

    @property
    def profit(self) -> int | None:
        """The same less energy; None: what that cost is not known."""
        return None if self.energy_cost is None else self.before_energy - self.energy_cost


class SiteCost(Struct, frozen=True, kw_only=True):
    """What a site's energy and other expenses came to."""

    site_id: int
    currency: str
    energy: int
    other: int


async def read_receivables(
    conn: Connection, tenant_id: int, now: datetime, *, place: Place = None, limit: int
) -> list[Aged]:
    """Who owes what since when: drivers by the payment that is owed, whatever paid of it, fleets and roaming partners;
    the oldest first, behind the time, the name and the currency of a place. What was paid settles the oldest first, so
    what is open is the newest of it."""
    cursor = conn.cursor(row_factory=class_row(Aged))
    await cursor.execute(
        f"{_AGED} {onward(_AGED_ORDER, place)}",
        {
            "tenant_id": tenant_id, "now": now, "ages": [timedelta(days=days) for days in AGES],
            **bounds(place, limit),
        },
    )  # fmt: skip
    return await cursor.fetchall()


async def list_earned(conn: Connection, tenant_id: int, since: datetime, until: datetime) -> list[Earned]:
    """What each connector came to within [since, until) by the time of posting, without its part of energy's cost."""
    cursor = conn.cursor(row_factory=class_row(Earned))
    await cursor.execute(
        """
        WITH moved AS (
            -- What names a payment alone, such as its fee, is of the session that another entry of it names.
            SELECT coalesce(j.session_id, (
                SELECT o.session_id FROM journal o WHERE o.tenant_id = j.tenant_id AND o.intent = j.intent
                    AND o.session_id IS NOT NULL ORDER BY o.entry_id LIMIT 1
            )) AS session_id, p.currency, a.name, p.amount
            FROM journal j JOIN postings p USING (entry_id) JOIN ledger_accounts a USING (account_id)
            WHERE j.tenant_id = %(tenant_id)s AND j.at >= %(since)s AND j.at < %(until)s
            AND (starts_with(a.name, 'revenue:') OR starts_with(a.name, 'discounts:')
                OR a.name IN ('psp_fees', 'host_share', 'platform_revenue', 'write_offs', 'rewards'))),
        by_session AS (
            SELECT session_id, currency,
                -coalesce(sum(amount) FILTER (WHERE starts_with(name, 'revenue:')
                    OR starts_with(name, 'discounts:')), 0)::bigint AS revenue,
                coalesce(sum(amount) FILTER (WHERE starts_with(name, 'discounts:')), 0)::bigint AS discounts,
                coalesce(sum(amount) FILTER (WHERE name = 'rewards'), 0)::bigint AS rewards,
                coalesce(sum(amount) FILTER (WHERE name = 'psp_fees'), 0)::bigint AS fees,
                coalesce(sum(amount) FILTER (WHERE name IN ('host_share', 'platform_revenue')), 0)::bigint AS share,
                coalesce(sum(amount) FILTER (WHERE name = 'write_offs'), 0)::bigint AS lost
            FROM moved WHERE session_id IS NOT NULL GROUP BY session_id, currency)
        SELECT i.site_id, i.name AS site, s.identity AS station, f.evse, f.connector, b.currency,
            count(*) AS sessions, coalesce(sum(f.energy_wh), 0)::bigint AS energy_wh, sum(b.revenue)::bigint AS revenue,
            sum(b.discounts)::bigint AS discounts, sum(b.rewards)::bigint AS rewards,
            sum(b.fees)::bigint AS fees, sum(b.share)::bigint AS share, sum(b.lost)::bigint AS lost
        FROM by_session b JOIN session_facts f USING (session_id)
        JOIN stations s ON s.tenant_id = f.tenant_id AND s.station_id = f.station_id
        LEFT JOIN sites i ON i.tenant_id = s.tenant_id AND i.site_id = s.site_id
        GROUP BY i.site_id, i.name, s.identity, f.evse, f.connector, b.currency
        ORDER BY i.name NULLS LAST, s.identity, f.evse, f.connector
        """,
        {"tenant_id": tenant_id, "since": since, "until": until},
    )
    return await cursor.fetchall()


async def list_site_costs(conn: Connection, tenant_id: int, since: datetime, until: datetime) -> list[SiteCost]:
    """What sites' energy and other expenses came to within [since, until) by the time of posting."""
    cursor = conn.cursor(row_factory=class_row(SiteCost))
    await cursor.execute(
        "SELECT j.site_id, p.currency, coalesce(sum(p.amount) FILTER (WHERE a.name = 'expenses:energy'), 0)::bigint"
        " AS energy, coalesce(sum(p.amount) FILTER (WHERE a.name <> 'expenses:energy'), 0)::bigint AS other"
        " FROM journal j JOIN postings p USING (entry_id) JOIN ledger_accounts a USING (account_id)"
        " WHERE j.tenant_id = %s AND j.at >= %s AND j.at < %s AND j.site_id IS NOT NULL"
        " AND starts_with(a.name, 'expenses:') GROUP BY j.site_id, p.currency ORDER BY 1, 2",
        (tenant_id, since, until),
    )
    return await cursor.fetchall()


async def list_lapsed(conn: Connection, tenant_id: int, since: datetime, until: datetime) -> dict[str, int]:
    """What points were worth that lapsed within [since, until), by currency: of no session, so of no connector."""
    cursor = await conn.execute(
        "SELECT p.currency, -sum(p.amount)::bigint FROM journal j JOIN postings p USING (entry_id)"
        " JOIN ledger_accounts a USING (account_id) WHERE j.tenant_id = %s AND j.at >= %s AND j.at < %s"
        " AND j.session_id IS NULL AND a.name = 'rewards' GROUP BY p.currency",
        (tenant_id, since, until),
    )
    return {str(currency): int(amount) for currency, amount in await cursor.fetchall()}


async def first_and_last(conn: Connection, tenant_id: int, until: datetime | None) -> tuple[datetime, datetime] | None:
    """When the first and the last entry happened; None: there is none."""
    row = await (
        await conn.execute(
            "SELECT min(at), max(at) FROM journal WHERE tenant_id = %(tenant_id)s"
            " AND (%(until)s::timestamptz IS NULL OR at < %(until)s)",
            {"tenant_id": tenant_id, "until": until},
        )
    ).fetchone()
    return None if row is None or row[0] is None else (row[0], row[1])


class Debt(Struct, frozen=True, kw_only=True):
    """Of which payment something is owed: by whom, and where it was."""

    intent_id: UUID
    payer: str | None
    station: str | None
    site: str | None


async def name_debts(conn: Connection, tenant_id: int, who: Sequence[str]) -> dict[str, Debt]:
    """What is owed by drivers, by the names under which `read_receivables` has it."""
    cursor = conn.cursor(row_factory=class_row(Debt))
    await cursor.execute(
        "SELECT i.intent_id, i.payer, coalesce(s.identity, s.retired_identity) AS station, p.name AS site"
        " FROM payment_intents i LEFT JOIN stations s ON s.tenant_id = i.tenant_id AND s.station_id = i.station_id"
        " LEFT JOIN sites p ON p.tenant_id = s.tenant_id AND p.site_id = s.site_id"
        " WHERE i.tenant_id = %s AND i.intent_id::text = ANY(%s)",
        (tenant_id, [name.removeprefix(DRIVERS) for name in who if name.startswith(DRIVERS)]),
    )
    return {f"{DRIVERS}{row.intent_id}": row for row in await cursor.fetchall()}


async def name_fleets(conn: Connection, tenant_id: int) -> dict[str, tuple[int, str]]:
    """Fleets by the accounts on which they owe: number and name."""
    cursor = await conn.execute(
        "SELECT 'fleet_receivable:' || fleet_id, fleet_id, name FROM fleets WHERE tenant_id = %s", (tenant_id,)
    )
    return {str(account): (int(number), str(name)) for account, number, name in await cursor.fetchall()}
