"""The SQL of the program, of points and of what became of them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from msgspec import Struct
from psycopg.rows import class_row, dict_row
from psycopg.types.json import Jsonb

from forecourt.insight.pseudonyms import key_of, of_driver
from forecourt.loyalty.rewards.model import MAX_LOTS, Earned, Lot, Program, RefundedLot, Taken, Use
from forecourt.loyalty.store.campaigns import Connection


class PaidSession(Struct, frozen=True, kw_only=True):
    """A session that a driver paid: `paid` in minor units with taxes."""

    session_id: UUID
    driver_id: int
    currency: str
    paid: int
    energy_wh: int


class Move(Struct, frozen=True, kw_only=True):
    """What became of points: used as money, lapsed, taken back as their session was refunded, or returned as that came
    to nothing. `minor`: what they were worth."""

    move_id: int
    kind: str
    points: int
    currency: str
    minor: int
    at: datetime


async def put_program(conn: Connection, tenant_id: int, program: Program, at: datetime) -> None:
    """The program as it is from now on."""
    await conn.execute(
        "INSERT INTO loyalty_programs (tenant_id, program, updated_at) VALUES (%s, %s, %s)"
        " ON CONFLICT (tenant_id) DO UPDATE SET program = excluded.program, updated_at = excluded.updated_at",
        (tenant_id, Jsonb(msgspec.to_builtins(program, order="deterministic")), at),
    )


async def find_program(conn: Connection, tenant_id: int) -> Program | None:
    """The program, active or not."""
    row = await (
        await conn.execute("SELECT program FROM loyalty_programs WHERE tenant_id = %s", (tenant_id,))
    ).fetchone()
    return None if row is None else msgspec.convert(row[0], Program, strict=False)


async def find_paid(conn: Connection, tenant_id: int, intent_id: UUID) -> PaidSession | None:
    """The session of a payment that its driver paid, and not a fleet. Until the transaction ends nothing of it goes
    back: a refund finds what was earned."""
    cursor = conn.cursor(row_factory=class_row(PaidSession))
    await cursor.execute(
        "SELECT i.session_id, a.driver_id, i.currency, i.captured - i.refunded - i.lost AS paid,"
        " coalesce(s.energy_wh, 0) AS energy_wh FROM payment_sums i"
        " JOIN session_visits s ON s.tenant_id = i.tenant_id AND s.session_id = i.session_id"
        " JOIN active_accounts a ON a.tenant_id = i.tenant_id AND a.driver_id = i.paid_by"
        " WHERE i.tenant_id = %s AND i.intent_id = %s AND i.purpose = 'session' AND i.method <> 'invoice'"
        " AND i.captured - i.refunded > i.lost FOR SHARE OF i",
        (tenant_id, intent_id),
    )
    return await cursor.fetchone()


async def sum_use(conn: Connection, tenant_id: int, driver_id: int, currency: str, since: datetime) -> Use:
    """What a driver did since, here and by imported history."""
    key = await key_of(conn, tenant_id)
    cursor = conn.cursor(row_factory=class_row(Use))
    await cursor.execute(
        """
        SELECT count(*) AS sessions, coalesce(sum(energy_wh), 0)::bigint AS energy_wh,
            coalesce(sum(incl_minor) FILTER (WHERE currency = %(currency)s), 0)::bigint AS paid
        FROM (
            SELECT energy_wh, currency, incl_minor FROM driver_visits WHERE tenant_id = %(tenant)s
                AND driver_id = %(driver)s AND started_at >= %(since)s AND ended_at IS NOT NULL
            UNION ALL
            SELECT energy_wh, currency, incl_minor FROM imported_visits WHERE tenant_id = %(tenant)s
                AND driver = %(name)s AND started_at >= %(since)s
        ) u
        """,
        {
            "tenant": tenant_id, "driver": driver_id, "name": of_driver(key, driver_id), "currency": currency,
            "since": since,
        },
    )  # fmt: skip
    found = await cursor.fetchone()
    assert found is not None
    return found


async def insert_lot(
    conn: Connection, tenant_id: int, paid: PaidSession, gives: Earned, at: datetime, expires_at: datetime
) -> bool:
    """What a session gives; whether that is new."""
    cursor = await conn.execute(
        "INSERT INTO loyalty_points (tenant_id, driver_id, session_id, points, points_left, currency, minor,"
        " minor_left, cashback, earned_at, expires_at, paid) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"
        " ON CONFLICT (session_id) DO NOTHING",
        (
            tenant_id, paid.driver_id, paid.session_id, gives.points, gives.points, paid.currency, gives.minor,
            gives.minor, gives.cashback, at, expires_at, paid.paid,
        ),
    )  # fmt: skip
    return cursor.rowcount == 1


async def lock_refunded(conn: Connection, tenant_id: int, intent_id: UUID) -> RefundedLot | None:
    """What the session of a payment earned of which more or less went back than was taken off it: by refunds, by
    disputes that were lost, or with the whole of a capture that came to nothing."""
    cursor = conn.cursor(row_factory=dict_row)
    await cursor.execute(
        "SELECT *, greatest(least(gone, of), 0) AS back FROM (SELECT p.*,"
        " coalesce(p.paid, nullif(i.captured, 0), i.owed) AS of,"
        " coalesce(p.paid, nullif(i.captured, 0), i.owed) - i.captured + i.refunded + i.lost AS gone"
        " FROM payment_sums i"
        " JOIN loyalty_points p ON p.tenant_id = i.tenant_id AND p.session_id = i.session_id"
        " WHERE i.tenant_id = %s AND i.intent_id = %s FOR UPDATE OF p) AS found"
        " WHERE of > 0 AND greatest(least(gone, of), 0) <> refunded",
        (tenant_id, intent_id),
    )
    row = await cursor.fetchone()
    return None if row is None else _refunded(row)


async def lock_owed(conn: Connection, tenant_id: int, intent_id: UUID) -> list[RefundedLot]:
    """Lots of the driver who pays by this payment of which something is still to be taken out of the wallet."""
    cursor = conn.cursor(row_factory=dict_row)
    await cursor.execute(
        "SELECT p.*, coalesce(p.paid, p.refunded) AS of, p.refunded AS back FROM payment_sums i"
        " JOIN loyalty_points p ON p.tenant_id = i.tenant_id AND i.payer = 'driver:' || p.driver_id"
        " WHERE i.tenant_id = %s AND i.intent_id = %s AND p.owed > 0 ORDER BY p.lot_id LIMIT %s FOR UPDATE OF p",
        (tenant_id, intent_id, MAX_LOTS),
    )
    return [_refunded(row) for row in await cursor.fetchall()]


def _refunded(row: dict[str, Any]) -> RefundedLot:
    lot = Lot(**{name: row[name] for name in Lot.__struct_fields__})
    kept = ("session_id", "cashback", "refunded", "back", "used", "used_minor", "owed", "back_points", "back_wallet")
    return RefundedLot(lot=lot, paid=row["of"], **{name: row[name] for name in kept})


async def set_refunded(conn: Connection, tenant_id: int, lot_id: int, *, refunded: int, owed: int, out: int) -> int:
    """That so much of what a lot was earned for was given back, and taken off it but for what is owed of that. `out`:
    what goes out of the wallet for it now, below 0 into it; how often that was so of this lot."""
    row = await (
        await conn.execute(
            "UPDATE loyalty_points SET refunded = %s, owed = %s, back_wallet = back_wallet + %s, turns = turns + 1"
            " WHERE tenant_id = %s AND lot_id = %s RETURNING turns",
            (refunded, owed, out, tenant_id, lot_id),
        )
    ).fetchone()
    assert row is not None
    return int(row[0])


async def give_again(conn: Connection, tenant_id: int, lot_id: int, points: int, minor: int) -> None:
    """Puts points back into a lot that a refund took of it."""
    await conn.execute(
        "UPDATE loyalty_points SET points_left = points_left + %(points)s, minor_left = minor_left + %(minor)s,"
        " back_points = back_points - %(points)s WHERE tenant_id = %(tenant)s AND lot_id = %(lot)s",
        {"points": points, "minor": minor, "tenant": tenant_id, "lot": lot_id},
    )


async def list_lots(
    conn: Connection, tenant_id: int, driver_id: int, *, lock: bool = False, lapsed_at: datetime | None = None
) -> list[Lot]:
    """Lots with something left, those that lapse first first; with `lapsed_at` only those that have by then."""
    cursor = conn.cursor(row_factory=class_row(Lot))
    await cursor.execute(
        "SELECT lot_id, driver_id, points, points_left, currency, minor, minor_left, expires_at FROM loyalty_points"
        " WHERE tenant_id = %(tenant)s AND driver_id = %(driver)s AND points_left > 0"
        " AND (%(lapsed)s::timestamptz IS NULL OR expires_at <= %(lapsed)s) ORDER BY expires_at, lot_id"
        f" LIMIT %(limit)s{' FOR UPDATE' if lock else ''}",
        {"tenant": tenant_id, "driver": driver_id, "lapsed": lapsed_at, "limit": MAX_LOTS},
    )
    return await cursor.fetchall()


async def take(conn: Connection, tenant_id: int, taken: Sequence[Taken], kind: str) -> None:
    """Lessens lots by what is taken of them: by `kind` it is used and became money, or refunded, or lapsed."""
    for each in taken:
        await conn.execute(
            "UPDATE loyalty_points SET points_left = points_left - %(points)s, minor_left = minor_left - %(minor)s,"
            " used = used + CASE %(kind)s WHEN 'used' THEN %(points)s ELSE 0 END,"
            " used_minor = used_minor + CASE %(kind)s WHEN 'used' THEN %(minor)s ELSE 0 END,"
            " back_points = back_points + CASE %(kind)s WHEN 'refunded' THEN %(points)s ELSE 0 END"
            " WHERE tenant_id = %(tenant)s AND lot_id = %(lot)s",
            {"points": each.points, "minor": each.minor, "kind": kind, "tenant": tenant_id, "lot": each.lot.lot_id},
        )


async def insert_move(
    conn: Connection, tenant_id: int, driver_id: int, kind: str, *, points: int, currency: str, minor: int, at: datetime
) -> int:
    """What became of points; its number."""
    row = await (
        await conn.execute(
            "INSERT INTO loyalty_moves (tenant_id, driver_id, kind, points, currency, minor, at)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s) RETURNING move_id",
            (tenant_id, driver_id, kind, points, currency, minor, at),
        )
    ).fetchone()
    assert row is not None
    return int(row[0])


async def list_moves(conn: Connection, tenant_id: int, driver_id: int, limit: int) -> list[Move]:
    """What became of a driver's points, the latest first."""
    cursor = conn.cursor(row_factory=class_row(Move))
    await cursor.execute(
        "SELECT move_id, kind, points, currency, minor, at FROM loyalty_moves WHERE tenant_id = %s AND driver_id = %s"
        " ORDER BY move_id DESC LIMIT %s",
        (tenant_id, driver_id, limit),
    )
    return await cursor.fetchall()


async def drivers_lapsing(conn: Connection, tenant_id: int, now: datetime, limit: int) -> list[int]:
    """Drivers with points that have lapsed."""
    cursor = await conn.execute(
        "SELECT DISTINCT driver_id FROM loyalty_points WHERE tenant_id = %s AND points_left > 0 AND expires_at <= %s"
        " LIMIT %s",
        (tenant_id, now, limit),
    )
    return [int(driver) for (driver,) in await cursor.fetchall()]


async def tenants_lapsing(conn: Connection, now: datetime) -> list[int]:
    """Organisations where points have lapsed. For the worker."""
    cursor = await conn.execute(
        "SELECT DISTINCT tenant_id FROM loyalty_points WHERE points_left > 0 AND expires_at <= %s", (now,)
    )
    return [int(tenant) for (tenant,) in await cursor.fetchall()]
