"""Sessions that were owed and paid later, by other payments: what goes back of those is a refund of the session, and
nothing is owed again. What paid last goes back first.

Payments are held before the debts that they paid, as when they pay them."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from msgspec import Struct

from forecourt.payments.debts import store as debts
from forecourt.payments.intents import store
from forecourt.payments.intents.model import CallKind, Intent, Purpose
from forecourt.payments.intents.store import Connection


class Payer(Struct, frozen=True, kw_only=True):
    """A payment that paid of a debt, and what of that neither went back nor was asked to."""

    intent: Intent
    left: int


class Parts(Struct, frozen=True, kw_only=True):
    """What goes back of what a payment paid: of each debt so much, and what was the debt of none, or is one again."""

    of_debts: Sequence[tuple[str, int]]
    rest: int


async def payers_of(conn: Connection, intent: Intent, *, lock: bool = False) -> list[Payer]:
    """By what a session that was owed was paid in the end, what paid last first; with `lock` held until the transaction
    ends. Money that was nobody's is none of it: that is taken back where it was posted."""
    if intent.purpose is not Purpose.SESSION:
        return []
    tenant_id, name, found = intent.tenant_id, str(intent.intent_id), []
    paid = {payment: amount for payment, amount, _ in await debts.list_payers(conn, tenant_id, name) if payment != name}
    held = {}
    for payment in sorted(paid) if lock else ():
        held[payment] = await store.find_intent(conn, tenant_id, UUID(payment), lock=True)
    for payment, amount in reversed(paid.items()):
        payer = held.get(payment) or await store.find_intent(conn, tenant_id, UUID(payment))
        if payer is None or payer.purpose is not Purpose.DEBT:
            continue
        back = (await debts.list_refunded_by(conn, tenant_id, payment)).get(name, 0)
        asked = sum(
            call.amount for call in await store.list_calls(conn, tenant_id, payer.intent_id)
            if call.kind is CallKind.REFUND and call.state == "open" and call.debt == intent.intent_id
        )  # fmt: skip
        found.append(Payer(intent=payer, left=max(amount - back - asked, 0)))
    return found


def parted(
    amount: int, *, before: int, captured: int, paid: Sequence[tuple[str, int]], back: Mapping[str, int],
    debt: str | None,
) -> Parts:  # fmt: skip
    """What of a refund is of which debt. `before`: what went back earlier, of which `back` of debts; `captured`: what
    the payment brought; `paid`: the debts that it paid, in that order; `debt`: the one that is meant, if one is. Money
    that paid none goes back first. Pure."""
    left = {name: part - back.get(name, 0) for name, part in paid}
    if debt in left:
        here = min(amount, left[debt])
        return Parts(of_debts=[(debt, here)] if here else [], rest=amount - here)
    over = captured - sum(part for _, part in paid)
    told = before - sum(back.values())
    rest = min(amount, max(over - told, 0))
    amount, gone, found = amount - rest, max(told - over, 0), []
    for name in reversed(left):
        # What went back of it as it was owed again is not there any more.
        skipped = min(gone, left[name])
        gone -= skipped
        here = min(amount, left[name] - skipped)
        amount -= here
        if here:
            found.append((name, here))
    return Parts(of_debts=found, rest=rest + amount)
