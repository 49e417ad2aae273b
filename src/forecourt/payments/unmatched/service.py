"""The verbs of money that is nobody's: post it to where it belongs, and take that back by an entry against it."""

from datetime import datetime
from uuid import UUID, uuid4

from forecourt.access import Actor, audit
from forecourt.payments.hosts.lines import book
from forecourt.payments.hosts.store.hosts import find_host
from forecourt.payments.hosts.store.lines import About
from forecourt.payments.intents import events
from forecourt.payments.intents import store as intents
from forecourt.payments.intents.errors import PaymentUnknown
from forecourt.payments.intents.model import CallKind, Intent
from forecourt.payments.intents.store import story
from forecourt.payments.ledger import store as ledger
from forecourt.payments.ledger.entries import BANK, DRIVERS, OTHER_INCOME, host_owed, posted, posted_back
from forecourt.payments.ledger.model import Entry, EntryUnknown, Kind
from forecourt.payments.ledger.service import post
from forecourt.payments.ledger.store import Connection, EntryRow
from forecourt.payments.unmatched import store
from forecourt.payments.unmatched.model import NotPosted, RefundedSince, TargetRefused, To, UnmatchedTooHigh
from forecourt.platform import outbox
from forecourt.platform.clock import Clock
from forecourt.platform.preconditions import ChangedMeanwhile


async def post_to(
    conn: Connection, actor: Actor, clock: Clock, intent_id: UUID, amount: int, to: To, why: str, *,
    host: int | None = None, debt: UUID | None = None, seen_left: int | None = None,
) -> EntryRow:  # fmt: skip
    """Posts so much of what is nobody's of a payment, in minor units, to where it belongs. Refunds of the payment wait
    meanwhile. `host`: whose it is; `debt`: the payment of which it was owed; `seen_left`: what was left when whoever
    posts it looked, so that who presses twice posts once. Raises PaymentUnknown, UnmatchedTooHigh, TargetRefused,
    ChangedMeanwhile."""
    tenant_id, now, number = actor.tenant_id, clock.now(), str(uuid4())
    held = {each: await _hold(conn, tenant_id, each) for each in sorted({intent_id, debt or intent_id})}
    intent = held[intent_id]
    left = await store.open_of(conn, tenant_id, str(intent_id), intent.currency)
    if seen_left is not None and seen_left != left:
        raise ChangedMeanwhile
    if not 0 < amount <= left:
        raise UnmatchedTooHigh(left=left)
    if (to is To.HOST) is not (host is not None) or (to is To.DEBT) is not (debt is not None):
        raise TargetRefused("Name the host for money of a host, and the payment that is owed for a debt; nothing else.")
    account = {To.INCOME: OTHER_INCOME, To.BANK: BANK, To.DEBT: DRIVERS}.get(to) or host_owed(host or 0)
    entry = posted(
        number=number, intent=str(intent_id), session_id=intent.session_id, at=now, account=account,
        currency=intent.currency, amount=amount, memo=why,
    )  # fmt: skip
    if debt is not None:
        await _pay(conn, tenant_id, held[debt], intent, amount, entry)
    if host is not None:
        if await find_host(conn, tenant_id, host) is None:
            raise TargetRefused(f"There is no host {host}. `GET /api/v1/hosts` lists those that exist.")
        await book(conn, tenant_id, host, entry, About(intent=str(intent_id), memo=why))
    else:
        await post(conn, tenant_id, entry)
    await story.insert_step(
        conn, tenant_id, intent_id, "unmatched_posted", now, amount=amount, detail=why, by=str(actor)
    )
    detail = {"amount": amount, "currency": intent.currency, "to": account, "why": why, "entry": entry.key}
    await audit(conn, actor, "post unmatched money", f"payment:{intent_id}", detail)
    row = await ledger.find_by_key(conn, tenant_id, entry.key)
    assert row is not None
    return row


async def take_back(conn: Connection, actor: Actor, clock: Clock, entry_id: int, why: str) -> EntryRow:
    """Posts the same the other way round, once, so that the money is nobody's again. Raises EntryUnknown, NotPosted,
    RefundedSince, and TargetRefused where what was owed of it is owed no more otherwise."""
    tenant_id, now = actor.tenant_id, clock.now()
    row = await ledger.find_entry(conn, tenant_id, entry_id)
    if row is None:
        raise EntryUnknown
    if row.kind != Kind.UNMATCHED_POSTED or row.intent is None:
        raise NotPosted
    intent = await _hold(conn, tenant_id, UUID(row.intent))
    if await ledger.find_by_key(conn, tenant_id, f"{row.key}:back") is not None:
        raise NotPosted
    calls = await intents.list_calls(conn, tenant_id, intent.intent_id)
    if any(each.kind is CallKind.REFUND and each.state != "failed" and each.asked_at >= row.at for each in calls):
        raise RefundedSince
    legs = await ledger.legs_of(conn, tenant_id, entry_id)
    entry = posted_back(key=row.key, intent=row.intent, session_id=row.session_id, at=now, legs=legs, memo=why)
    [target] = [leg.account for leg in legs if leg.amount < 0]
    amount = sum(leg.amount for leg in legs if leg.amount > 0)
    if target == DRIVERS:
        await _owe(conn, tenant_id, row, amount, now)
    if target.startswith(host_owed("")):
        await book(conn, tenant_id, int(target.removeprefix(host_owed(""))), entry, About(intent=row.intent, memo=why))
    else:
        await post(conn, tenant_id, entry)
    await story.insert_step(
        conn, tenant_id, intent.intent_id, "unmatched_back", now, amount=amount, detail=why, by=str(actor)
    )
    detail = {"amount": amount, "currency": intent.currency, "to": target, "why": why, "entry": row.key}
    await audit(conn, actor, "take back unmatched posting", f"payment:{intent.intent_id}", detail)
    found = await ledger.find_by_key(conn, tenant_id, entry.key)
    assert found is not None
    return found


async def _hold(conn: Connection, tenant_id: int, intent_id: UUID) -> Intent:
    found = await intents.find_intent(conn, tenant_id, intent_id, lock=True)
    if found is None:
        raise PaymentUnknown
    return found


async def _pay(conn: Connection, tenant_id: int, debt: Intent, source: Intent, amount: int, entry: Entry) -> None:
    """Of what is owed so much is paid; who owed it gets the receipt once it is all, a host the share of it at once."""
    if debt.intent_id == source.intent_id or debt.currency != source.currency or amount > debt.owed_amount:
        raise TargetRefused(
            f"Of that payment {debt.owed_amount} {debt.currency} are owed, in minor units. Name another one, or less."
        )
    left = debt.owed_amount - amount
    await intents.update_intent(conn, tenant_id, debt.intent_id, {"owed_amount": left}, entry.at)
    await story.insert_step(
        conn, tenant_id, debt.intent_id, "debt_paid", entry.at, amount=amount, detail=str(source.intent_id),
        entry=entry.key,
    )  # fmt: skip
    event = events.DEBT_PAID if left else events.CAPTURED
    await outbox.write(conn, tenant_id, event, str(debt.intent_id))


async def _owe(conn: Connection, tenant_id: int, row: EntryRow, amount: int, now: datetime) -> None:
    """What was paid of a debt is owed again."""
    assert row.intent is not None
    debt_id = await store.debt_paid_by(conn, tenant_id, row.key)
    if debt_id is None:
        raise TargetRefused("The debt that this paid is not known any more.")
    debt = await _hold(conn, tenant_id, debt_id)
    await intents.update_intent(conn, tenant_id, debt_id, {"owed_amount": debt.owed_amount + amount}, now)
    await story.insert_step(conn, tenant_id, debt_id, "debt_paid", now, amount=-amount, detail=row.intent)
    await outbox.write(conn, tenant_id, events.DEBT_PAID, str(debt_id))
