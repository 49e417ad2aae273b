"""The verbs of rewards: earn, use, lapse. Each runs in the caller's transaction, and posts in it what it moves."""

from datetime import datetime, timedelta
from uuid import UUID

from msgspec import Struct

from forecourt.access import Actor, audit
from forecourt.loyalty.rewards import store
from forecourt.loyalty.rewards.entries import (
    cashback,
    cashback_again,
    cashback_back,
    points_again,
    points_back,
    points_earned,
    points_lapsed,
    points_used,
)
from forecourt.loyalty.rewards.model import (
    Lot,
    PointsMissing,
    Program,
    ProgramMissing,
    RefundedLot,
    Taken,
    Tier,
    check_program,
    earned,
    given_again,
    lapses_at,
    taken_back,
    taken_of,
    tier_of,
)
from forecourt.loyalty.store.campaigns import Connection
from forecourt.payments.ledger.service import post
from forecourt.payments.providers.book import Book
from forecourt.platform.money import Money

#: Moves that a driver is told of.
MOVES = 30


class Purse(Struct, frozen=True, kw_only=True):
    """A driver's points: how many, what they are worth, how many lapse next and when; their tier, and the next one with
    what it begins at. `moves`: what became of points, the latest first."""

    program: Program
    points: int
    worth: Money
    next_lapse: int
    next_lapse_at: datetime | None
    tier: Tier | None
    next_tier: Tier | None
    moves: list[store.Move]


async def set_program(conn: Connection, actor: Actor, program: Program, now: datetime) -> Program:
    """The program from now on; what was earned before stays as it was. Raises ProgramRefused."""
    check_program(program)
    await store.put_program(conn, actor.tenant_id, program, now)
    await audit(conn, actor, "set loyalty program", "loyalty", {"active": program.active})
    return program


async def find_program(conn: Connection, tenant_id: int) -> Program:
    """The program. Raises ProgramMissing."""
    found = await store.find_program(conn, tenant_id)
    if found is None:
        raise ProgramMissing
    return found


async def reward(conn: Connection, tenant_id: int, intent_id: UUID, now: datetime) -> bool:
    """Gives what a paid session earns, once; whether it gave anything."""
    program = await store.find_program(conn, tenant_id)
    paid = None if program is None else await store.find_paid(conn, tenant_id, intent_id)
    if program is None or paid is None or not program.active or paid.currency != program.currency:
        return False
    since = now - timedelta(days=program.tier_window_days)
    use = await store.sum_use(conn, tenant_id, paid.driver_id, program.currency, since)
    gives = earned(program, tier_of(program, use), energy_wh=paid.energy_wh, paid=paid.paid)
    if not await store.insert_lot(conn, tenant_id, paid, gives, now, lapses_at(program, now)):
        return False
    who = {"session_id": paid.session_id, "driver": str(paid.driver_id), "at": now, "currency": paid.currency}
    await post(conn, tenant_id, points_earned(**who, amount=gives.minor))  # type: ignore[arg-type]
    await post(conn, tenant_id, cashback(**who, amount=gives.cashback))  # type: ignore[arg-type]
    return bool(gives.points or gives.cashback)


async def take_back(conn: Connection, tenant_id: int, intent_id: UUID, wallets: Book, now: datetime) -> bool:
    """Takes back what a session earned of which money went back, in proportion, each part once, and gives it again
    where that came to nothing; whether it took or gave anything. Of what is in the wallet by now no more than is left
    there. `wallets`: those of this organisation."""
    of = await store.lock_refunded(conn, tenant_id, intent_id)
    if of is None:
        return False
    if of.back < of.refunded:
        return await _give_again(conn, tenant_id, of, now)
    lot, gone = of.lot, taken_back(of)
    if gone.taken is not None:
        move = await _move(conn, tenant_id, lot.driver_id, "refunded", [gone.taken], lot.currency, now)
        entry = points_back(
            move=move, session_id=of.session_id, driver=str(lot.driver_id), at=now, currency=lot.currency,
            amount=gone.taken.minor,
        )  # fmt: skip
        await post(conn, tenant_id, entry)
    out = await _out_of_wallet(conn, tenant_id, of, of.owed + gone.used + gone.cashback, wallets, now)
    return bool(out or gone.taken)


async def _give_again(conn: Connection, tenant_id: int, of: RefundedLot, now: datetime) -> bool:
    lot, gives = of.lot, given_again(of)
    who = {"session_id": of.session_id, "driver": str(lot.driver_id), "at": now, "currency": lot.currency}
    if gives.points:
        await store.give_again(conn, tenant_id, lot.lot_id, gives.points, gives.minor)
        move = await store.insert_move(
            conn, tenant_id, lot.driver_id, "returned", points=gives.points, currency=lot.currency, minor=gives.minor,
            at=now,
        )  # fmt: skip
        await post(conn, tenant_id, points_again(**who, move=move, amount=gives.minor))  # type: ignore[arg-type]
    turn = await store.set_refunded(conn, tenant_id, lot.lot_id, refunded=of.back, owed=gives.owed, out=-gives.wallet)
    await post(conn, tenant_id, cashback_again(**who, turn=turn, amount=gives.wallet))  # type: ignore[arg-type]
    return bool(gives.points or gives.wallet)


async def take_owed(conn: Connection, tenant_id: int, intent_id: UUID, wallets: Book, now: datetime) -> int:
    """Takes what refunds had still to take out of the wallet that a payment held money of, now that this is over; how
    much, in minor units."""
    lots = await store.lock_owed(conn, tenant_id, intent_id)
    return sum([await _out_of_wallet(conn, tenant_id, of, of.owed, wallets, now) for of in lots])


async def _out_of_wallet(
    conn: Connection, tenant_id: int, of: RefundedLot, due: int, wallets: Book, now: datetime
) -> int:  # fmt: skip
    """Takes out of a wallet what is free there. What is merely held stays owed of the lot, and what was spent stays
    with the driver."""
    lot, payer = of.lot, f"driver:{of.lot.driver_id}"
    out = min(due, await wallets.room_to_refund(conn, payer, lot.currency))
    owed = min(due - out, await wallets.held(conn, payer, lot.currency))
    turn = await store.set_refunded(conn, tenant_id, lot.lot_id, refunded=of.back, owed=owed, out=out)
    entry = cashback_back(
        session_id=of.session_id, turn=turn, driver=str(lot.driver_id), at=now, currency=lot.currency, amount=out
    )
    await post(conn, tenant_id, entry)
    return out


async def redeem(conn: Connection, tenant_id: int, driver_id: int, points: int | None, now: datetime) -> Money:
    """Turns points, or with None all of them, into money in the driver's wallet. Raises ProgramMissing,
    PointsMissing."""
    program = await find_program(conn, tenant_id)
    lots = [each for each in await store.list_lots(conn, tenant_id, driver_id, lock=True) if each.expires_at > now]
    lots = [each for each in lots if each.currency == program.currency]
    there = sum(each.points_left for each in lots)
    wanted = there if points is None else points
    if not 0 < wanted <= there:
        raise PointsMissing
    taken = taken_of(lots, wanted)
    minor = sum(each.minor for each in taken)
    if not minor:
        raise PointsMissing
    move = await _move(conn, tenant_id, driver_id, "used", taken, program.currency, now)
    entry = points_used(move=move, driver=str(driver_id), at=now, currency=program.currency, amount=minor)
    await post(conn, tenant_id, entry)
    return Money(amount=minor, currency=program.currency)


async def lapse(
    conn: Connection, tenant_id: int, driver_id: int, now: datetime, *, every: bool = False
) -> int:  # fmt: skip
    """Lets a driver's points lapse that are too old, or with `every` all of them; how many."""
    lots = await store.list_lots(conn, tenant_id, driver_id, lock=True, lapsed_at=None if every else now)
    by_currency: dict[str, list[Lot]] = {}
    for lot in lots:
        by_currency.setdefault(lot.currency, []).append(lot)
    for currency, those in by_currency.items():
        taken = taken_of(those, sum(each.points_left for each in those))
        move = await _move(conn, tenant_id, driver_id, "lapsed", taken, currency, now)
        minor = sum(each.minor for each in taken)
        entry = points_lapsed(move=move, driver=str(driver_id), at=now, currency=currency, amount=minor)
        await post(conn, tenant_id, entry)
    return sum(each.points_left for each in lots)


async def purse_of(conn: Connection, tenant_id: int, driver_id: int, now: datetime) -> Purse | None:
    """A driver's points and tier; None where there is no program."""
    program = await store.find_program(conn, tenant_id)
    if program is None:
        return None
    lots = [
        each
        for each in await store.list_lots(conn, tenant_id, driver_id)
        if each.expires_at > now and each.currency == program.currency
    ]
    since = now - timedelta(days=program.tier_window_days)
    tier = tier_of(program, await store.sum_use(conn, tenant_id, driver_id, program.currency, since))
    above = [each for each in program.tiers if tier is None or each.least > tier.least]
    first = lots[0].expires_at if lots else None
    return Purse(
        program=program, points=sum(each.points_left for each in lots),
        worth=Money(amount=sum(each.minor_left for each in lots), currency=program.currency),
        next_lapse=sum(each.points_left for each in lots if each.expires_at == first), next_lapse_at=first, tier=tier,
        next_tier=min(above, key=lambda each: each.least, default=None),
        moves=await store.list_moves(conn, tenant_id, driver_id, MOVES),
    )  # fmt: skip


async def _move(
    conn: Connection, tenant_id: int, driver_id: int, kind: str, taken: list[Taken], currency: str, now: datetime
) -> int:
    await store.take(conn, tenant_id, taken, kind)
    return await store.insert_move(
        conn, tenant_id, driver_id, kind, points=sum(each.points for each in taken), currency=currency,
        minor=sum(each.minor for each in taken), at=now,
    )  # fmt: skip
