"""What providers say that they moved, what the journal has, and how they differ."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from msgspec import Struct
from psycopg.rows import class_row

from forecourt.payments.ledger.entries import AHEAD, psp
from forecourt.payments.reconcile.model import Booked, Difference, Said, Side
from forecourt.payments.reconcile.store import Connection
from forecourt.platform.ordering import Age, Place, bounds, by_age, onward

_MOVEMENT: Final = "reference, kind, amount, fee, currency, at, available_at, source, hold, intent"
_DIFFERENCE: Final = (
    "difference_id, account, kind, about, reference, entry_id, intent, said, said_currency, booked, booked_currency,"
    " at, found_at, gone_at, explained_at, explained_by, explanation"
)
_ORDERS: Final = by_age("difference_id")
_OPEN: Final = "gone_at IS NULL AND explained_at IS NULL"
_RECONCILIATION: Final = (
    "SELECT account, since, until, movements, differences, made_at FROM reconciliations WHERE tenant_id = %s"
)
_BOOKED: Final = """
SELECT j.entry_id, j.key, CASE WHEN j.kind LIKE 'payout%%' THEN 'transfer' WHEN j.kind LIKE 'refund%%' THEN 'back'
    ELSE 'in' END, coalesce(o.reference, j.intent, ''), sum(p.amount)::bigint, p.currency, j.at
FROM ledger_accounts a JOIN postings p USING (account_id) JOIN journal j USING (entry_id)
LEFT JOIN payouts o ON o.tenant_id = j.tenant_id AND j.kind LIKE 'payout%%'
    AND o.payout_id::text = split_part(j.key, ':', 2)
WHERE a.tenant_id = %(tenant_id)s AND a.name = %(name)s
AND j.kind IN ('capture', 'taken_ahead', 'top_up', 'debt_paid', 'refund', 'refund_back', 'payout', 'payout_bounced')
AND NOT (j.kind IN ('capture', 'taken_ahead') AND EXISTS (SELECT FROM journal l WHERE l.tenant_id = j.tenant_id
    AND l.key = 'lost:' || j.intent))
"""
_BOOKED_ORDER: Final = (
    "GROUP BY j.entry_id, j.key, j.kind, o.reference, j.intent, p.currency, j.at ORDER BY j.at, j.entry_id"
)


class MovementRow(Struct, frozen=True, kw_only=True):
    """A movement as it was read."""

    reference: str
    kind: str
    amount: int
    fee: int
    currency: str
    at: datetime
    available_at: datetime
    source: str | None
    hold: str | None
    intent: str | None


class DifferenceRow(Struct, frozen=True, kw_only=True):
    """A difference as stored."""

    difference_id: int
    account: str
    kind: str
    about: str
    reference: str | None
    entry_id: int | None
    intent: str | None
    said: int | None
    said_currency: str | None
    booked: int | None
    booked_currency: str | None
    at: datetime
    found_at: datetime
    gone_at: datetime | None
    explained_at: datetime | None
    explained_by: str | None
    explanation: str | None


class ReconciliationRow(Struct, frozen=True, kw_only=True):
    """The last comparison of an account: of [since, until)."""

    account: str
    since: datetime
    until: datetime
    movements: int
    differences: int
    made_at: datetime


async def hold(conn: Connection, tenant_id: int) -> None:
    """One at a time compares, until the transaction ends."""
    await conn.execute("SELECT pg_advisory_xact_lock(hashtext('reconcile'), %s)", (tenant_id,))


async def put_movements(
    conn: Connection, tenant_id: int, account: str, movements: Sequence[Said], now: datetime
) -> None:
    """Keeps movements, each once. Of one that stands, only when it is available and what it cost may change."""
    names = _MOVEMENT.split(", ")
    columns = {name: [getattr(each, name) for each in movements] for name in names}
    await conn.execute(
        f"""
        INSERT INTO provider_movements AS m (tenant_id, account, read_at, {_MOVEMENT})
        SELECT %(tenant_id)s, %(account)s, %(now)s, {_MOVEMENT} FROM unnest(
            %(reference)s::text[], %(kind)s::text[], %(amount)s::bigint[], %(fee)s::bigint[], %(currency)s::text[],
            %(at)s::timestamptz[], %(available_at)s::timestamptz[], %(source)s::text[], %(hold)s::text[],
            %(intent)s::text[]) AS said ({_MOVEMENT})
        ON CONFLICT (tenant_id, account, reference) DO UPDATE
        SET available_at = excluded.available_at, fee = excluded.fee, intent = coalesce(m.intent, excluded.intent)
        """,
        {"tenant_id": tenant_id, "account": account, "now": now, **columns},
    )


async def name_intents(conn: Connection, tenant_id: int, account: str) -> None:
    """Movements that name only their hold are of the payment whose charge names both."""
    await conn.execute(
        "UPDATE provider_movements m SET intent = c.intent FROM provider_movements c WHERE m.tenant_id = %(tenant_id)s"
        " AND m.account = %(account)s AND m.intent IS NULL AND m.hold IS NOT NULL AND c.tenant_id = m.tenant_id"
        " AND c.account = m.account AND c.hold = m.hold AND c.intent IS NOT NULL",
        {"tenant_id": tenant_id, "account": account},
    )


async def list_to_post(
    conn: Connection, tenant_id: int, account: str, limit: int, *, but: Sequence[str] = ()
) -> list[MovementRow]:
    """Movements that the journal has not taken yet, but these, the oldest first."""
    cursor = conn.cursor(row_factory=class_row(MovementRow))
    await cursor.execute(
        f"SELECT {_MOVEMENT} FROM provider_movements WHERE tenant_id = %s AND account = %s AND posted_at IS NULL"
        " AND reference <> ALL(%s) ORDER BY at, reference LIMIT %s",
        (tenant_id, account, list(but), limit),
    )
    return await cursor.fetchall()


async def hold_to_post(conn: Connection, tenant_id: int, account: str, references: Sequence[str]) -> list[MovementRow]:
    """Those of these movements that the journal has not taken yet, the oldest first; held until the transaction
    ends."""
    cursor = conn.cursor(row_factory=class_row(MovementRow))
    await cursor.execute(
        f"SELECT {_MOVEMENT} FROM provider_movements WHERE tenant_id = %s AND account = %s AND posted_at IS NULL"
        " AND reference = ANY(%s) ORDER BY at, reference FOR UPDATE",
        (tenant_id, account, list(references)),
    )
    return await cursor.fetchall()


async def set_posted(conn: Connection, tenant_id: int, account: str, references: Sequence[str], now: datetime) -> None:
    """Notes that the journal took movements."""
    await conn.execute(
        "UPDATE provider_movements SET posted_at = %s WHERE tenant_id = %s AND account = %s AND reference = ANY(%s)",
        (now, tenant_id, account, list(references)),
    )


async def list_to_settle(
    conn: Connection, tenant_id: int, account: str, now: datetime, kinds: Sequence[str], limit: int, *,
    but: Sequence[str] = (),
) -> list[MovementRow]:  # fmt: skip
    """Charges whose money is ours to use now, and of which hosts are not owed their share yet; but these. One that the
    journal knows no money of yet, as its capture's answer was lost or what it was for is owed, waits until it does; and
    one that was taken ahead until its session is sold."""
    cursor = conn.cursor(row_factory=class_row(MovementRow))
    await cursor.execute(
        f"SELECT {_MOVEMENT} FROM provider_movements m WHERE tenant_id = %s AND account = %s AND settled_at IS NULL"
        " AND available_at <= %s AND kind = ANY(%s) AND intent IS NOT NULL AND reference <> ALL(%s)"
        " AND EXISTS (SELECT FROM journal j WHERE j.tenant_id = m.tenant_id AND j.intent = m.intent"
        "  AND j.kind IN ('capture', 'top_up', 'debt_paid') AND EXISTS (SELECT FROM postings p"
        "   JOIN ledger_accounts a USING (account_id) WHERE p.entry_id = j.entry_id"
        "   AND (a.name LIKE %s OR a.name = %s)))"
        " ORDER BY available_at, reference LIMIT %s",
        (tenant_id, account, now, list(kinds), list(but), psp("%"), AHEAD, limit),
    )
    return await cursor.fetchall()


async def set_settled(conn: Connection, tenant_id: int, account: str, reference: str, now: datetime) -> None:
    """Notes that hosts are owed their share of a charge."""
    await conn.execute(
        "UPDATE provider_movements SET settled_at = %s WHERE tenant_id = %s AND account = %s AND reference = %s",
        (now, tenant_id, account, reference),
    )


async def list_movements(
    conn: Connection, tenant_id: int, account: str, since: datetime, until: datetime, limit: int
) -> list[MovementRow]:
    """What was read of [since, until), the oldest first."""
    cursor = conn.cursor(row_factory=class_row(MovementRow))
    await cursor.execute(
        f"SELECT {_MOVEMENT} FROM provider_movements WHERE tenant_id = %s AND account = %s AND at >= %s AND at < %s"
        " ORDER BY at, reference LIMIT %s",
        (tenant_id, account, since, until, limit),
    )
    return await cursor.fetchall()


async def list_movements_of(
    conn: Connection, tenant_id: int, account: str, abouts: Sequence[str], since: datetime, until: datetime
) -> list[MovementRow]:
    """What was read of these payments and transfers, but what is of [since, until)."""
    cursor = conn.cursor(row_factory=class_row(MovementRow))
    await cursor.execute(
        f"SELECT {_MOVEMENT} FROM provider_movements WHERE tenant_id = %(tenant_id)s AND account = %(account)s"
        " AND (at < %(since)s OR at >= %(until)s) AND (intent = ANY(%(abouts)s)"
        "  OR kind IN ('transfer', 'transfer_reversal') AND source = ANY(%(abouts)s)) ORDER BY at, reference",
        {"tenant_id": tenant_id, "account": account, "since": since, "until": until, "abouts": list(abouts)},
    )
    return await cursor.fetchall()


async def list_booked(
    conn: Connection, tenant_id: int, account: str, since: datetime, until: datetime, limit: int
) -> list[Booked]:
    """What the journal says moved on a provider's account within [since, until), the oldest first: payments, refunds,
    transfers. A capture that was told and lost moved nothing."""
    rows = await conn.execute(
        f"{_BOOKED} AND j.at >= %(since)s AND j.at < %(until)s {_BOOKED_ORDER} LIMIT %(limit)s",
        {
            "tenant_id": tenant_id, "name": f"psp_receivable:{account}", "since": since, "until": until,
            "limit": limit,
        },
    )  # fmt: skip
    return [_booked(row) for row in await rows.fetchall()]


async def list_booked_of(
    conn: Connection, tenant_id: int, account: str, abouts: Sequence[str], since: datetime, until: datetime
) -> list[Booked]:
    """As `list_booked`, of these payments and transfers, but what is of [since, until)."""
    rows = await conn.execute(
        f"""
        WITH wanted AS (
            SELECT entry_id FROM journal WHERE tenant_id = %(tenant_id)s AND intent = ANY(%(abouts)s)
            UNION SELECT e.entry_id FROM payouts o JOIN journal e ON e.tenant_id = o.tenant_id
                AND (e.key = 'payout:' || o.payout_id
                    OR e.key > 'payout:' || o.payout_id || ':' AND e.key < 'payout:' || o.payout_id || ';')
            WHERE o.tenant_id = %(tenant_id)s AND o.reference = ANY(%(abouts)s))
        {_BOOKED}
        AND (j.at < %(since)s OR j.at >= %(until)s) AND j.entry_id IN (SELECT entry_id FROM wanted) {_BOOKED_ORDER}
        """,
        {
            "tenant_id": tenant_id, "name": f"psp_receivable:{account}", "since": since, "until": until,
            "abouts": list(abouts),
        },
    )  # fmt: skip
    return [_booked(row) for row in await rows.fetchall()]


def _booked(row: tuple[Any, ...]) -> Booked:
    entry, key, side, about, amount, currency, at = row
    return Booked(entry_id=entry, key=key, side=Side(side), about=about, amount=amount, currency=currency, at=at)


async def list_fees(conn: Connection, tenant_id: int, references: Sequence[str]) -> dict[str, int]:
    """What was posted as the fee of movements, by their references; 0 for one that was taken and had none."""
    rows = await conn.execute(
        """
        SELECT said.reference, coalesce(sum(p.amount), 0)::bigint
        FROM unnest(%(references)s::text[]) AS said (reference)
        LEFT JOIN journal j ON j.tenant_id = %(tenant_id)s AND j.key = 'fee:' || said.reference
        LEFT JOIN postings p ON p.entry_id = j.entry_id
            AND p.account_id = (
                SELECT account_id FROM ledger_accounts WHERE tenant_id = %(tenant_id)s AND name = 'psp_fees')
        WHERE j.entry_id IS NOT NULL OR EXISTS (SELECT FROM provider_movements m WHERE m.tenant_id = %(tenant_id)s
            AND m.reference = said.reference AND m.posted_at IS NOT NULL)
        GROUP BY said.reference
        """,
        {"tenant_id": tenant_id, "references": list(references)},
    )
    return {str(reference): int(amount) for reference, amount in await rows.fetchall()}


async def put_differences(
    conn: Connection, tenant_id: int, account: str, found: Sequence[Difference], now: datetime, kinds: Sequence[str],
    since: datetime | None = None, until: datetime | None = None,
) -> None:  # fmt: skip
    """Keeps what was found of these kinds and of [since, until), each once; what stood and was not found again is
    gone."""
    names = [name for name in Difference.__struct_fields__ if name != "kind"]
    for each in found:
        await conn.execute(
            f"INSERT INTO reconcile_differences (tenant_id, account, kind, found_at, {', '.join(names)}) VALUES"
            f" (%(tenant_id)s, %(account)s, %(kind)s, %(now)s, {', '.join(f'%({name})s' for name in names)})"
            " ON CONFLICT (tenant_id, account, kind, about) DO UPDATE SET gone_at = NULL, said = excluded.said,"
            " booked = excluded.booked, said_currency = excluded.said_currency,"
            " booked_currency = excluded.booked_currency",
            {
                "tenant_id": tenant_id, "account": account, "now": now, "kind": each.kind.value,
                **{name: getattr(each, name) for name in names},
            },
        )  # fmt: skip
    await conn.execute(
        "UPDATE reconcile_differences SET gone_at = %(now)s WHERE tenant_id = %(tenant_id)s AND account = %(account)s"
        " AND gone_at IS NULL AND kind = ANY(%(kinds)s) AND (%(since)s::timestamptz IS NULL OR at >= %(since)s)"
        " AND (%(until)s::timestamptz IS NULL OR at < %(until)s)"
        " AND (kind, about) NOT IN (SELECT * FROM unnest(%(found)s::text[], %(abouts)s::text[]))",
        {
            "tenant_id": tenant_id, "account": account, "now": now, "since": since, "until": until,
            "kinds": list(kinds), "found": [each.kind.value for each in found],
            "abouts": [each.about for each in found],
        },
    )  # fmt: skip


async def end_differences(conn: Connection, tenant_id: int, account: str, about: str, now: datetime) -> None:
    """What was found about something of an account is gone, as somebody saw to it."""
    await conn.execute(
        "UPDATE reconcile_differences SET gone_at = %s"
        " WHERE tenant_id = %s AND account = %s AND about = %s AND gone_at IS NULL",
        (now, tenant_id, account, about),
    )


async def list_differences(
    conn: Connection, tenant_id: int, *, standing: bool | None = True, kind: str | None = None, order: Age = "newest",
    place: Place = None, limit: int,
) -> list[DifferenceRow]:  # fmt: skip
    """Differences behind the number of a place: those that stand unexplained, the others, or all."""
    wanted = {None: "true", True: _OPEN, False: f"NOT ({_OPEN})"}[standing]
    cursor = conn.cursor(row_factory=class_row(DifferenceRow))
    await cursor.execute(
        f"SELECT {_DIFFERENCE} FROM reconcile_differences WHERE tenant_id = %(tenant_id)s AND {wanted}"
        f" AND (%(kind)s::text IS NULL OR kind = %(kind)s) {onward(_ORDERS[order], place)}",
        {"tenant_id": tenant_id, "kind": kind, **bounds(place, limit)},
    )
    return await cursor.fetchall()


async def count_standing(conn: Connection, tenant_id: int) -> int:
    """How many differences stand unexplained."""
    row = await (
        await conn.execute(f"SELECT count(*) FROM reconcile_differences WHERE tenant_id = %s AND {_OPEN}", (tenant_id,))
    ).fetchone()
    assert row is not None
    return int(row[0])


async def explain(
    conn: Connection, tenant_id: int, difference_id: int, *, text: str, by: str, now: datetime
) -> DifferenceRow | None:
    """Says why a difference is there; None if there is no such one."""
    cursor = conn.cursor(row_factory=class_row(DifferenceRow))
    await cursor.execute(
        "UPDATE reconcile_differences SET explanation = %s, explained_by = %s, explained_at = %s"
        f" WHERE tenant_id = %s AND difference_id = %s RETURNING {_DIFFERENCE}",
        (text, by, now, tenant_id, difference_id),
    )
    return await cursor.fetchone()


async def put_reconciliation(conn: Connection, tenant_id: int, row: ReconciliationRow) -> None:
    """Keeps how the last comparison of an account went."""
    await conn.execute(
        "INSERT INTO reconciliations (tenant_id, account, since, until, movements, differences, made_at)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s) ON CONFLICT (tenant_id, account) DO UPDATE SET since = excluded.since,"
        " until = excluded.until, movements = excluded.movements, differences = excluded.differences,"
        " made_at = excluded.made_at",
        (tenant_id, row.account, row.since, row.until, row.movements, row.differences, row.made_at),
    )


async def find_reconciliation(conn: Connection, tenant_id: int, account: str) -> ReconciliationRow | None:
    """The last comparison of an account; None: there was none."""
    cursor = conn.cursor(row_factory=class_row(ReconciliationRow))
    await cursor.execute(f"{_RECONCILIATION} AND account = %s", (tenant_id, account))
    return await cursor.fetchone()


async def list_reconciliations(conn: Connection, tenant_id: int) -> list[ReconciliationRow]:
    """The last comparison of each account."""
    cursor = conn.cursor(row_factory=class_row(ReconciliationRow))
    await cursor.execute(f"{_RECONCILIATION} ORDER BY account", (tenant_id,))
    return await cursor.fetchall()
