"""Builders of the entries that several rooms post: one function for each thing that happens to money. Pure.

What only one room knows of, it builds itself: see `entries` of hosts, of fleets, and of loyalty's rewards.

Amounts are positive minor units, unless a function says that a negative one means the opposite. `account` is the name
of a payment provider's account; `at` is when it happened.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from uuid import UUID

from forecourt.payments.ledger.billed import Billed
from forecourt.payments.ledger.building import between, legs_from, positive
from forecourt.payments.ledger.model import Entry, Kind, Leg

BANK = "bank"
DRIVERS = "driver_receivable"
FEES = "psp_fees"
SHARES = "host_share"
PLATFORM = "platform_revenue"
DISPUTES = "disputes"
WRITE_OFFS = "write_offs"
UNMATCHED = "unmatched"
#: What was taken of a session before it had a final price.
AHEAD = "taken_ahead"
#: Income that no session earned.
OTHER_INCOME = "other_income"
#: What stations' own terminals took stands in one account, beside those of payment providers.
TERMINAL = "terminal"


def psp(account: str) -> str:
    """What a payment provider holds for us."""
    return f"psp_receivable:{account}"


def wallet(driver: str) -> str:
    """What a driver paid in advance."""
    return f"wallet:{driver}"


def fleet_owes(fleet: str) -> str:
    """What a fleet was billed and has not paid."""
    return f"fleet_receivable:{fleet}"


def host_owed(host: str | int) -> str:
    """What a host is owed; a host who owes stands on its other side."""
    return f"host_payable:{host}"


def capture(
    *, intent: str, session_id: UUID | None, at: datetime, account: str, billed: Billed, captured: int
) -> Entry:
    """A session was paid by card. What was captured below the bill is the driver's debt; more than the bill, taken by
    hand at the provider, is nobody's yet."""
    settled = min(captured, billed.total)
    paid = [(psp(account), captured), (DRIVERS, billed.total - settled), (UNMATCHED, settled - captured)]
    return _sale(capture_key(intent), Kind.CAPTURE, at, billed, paid, settled, session_id, intent)


def capture_key(intent: str) -> str:
    """The key under which it is posted what was sold by a payment, however it was paid or that it is owed."""
    return f"capture:{intent}"


def capture_unbilled(*, intent: str, at: datetime, account: str, currency: str, captured: int) -> Entry:
    """Money was taken by hand at the provider for no session: it is nobody's yet."""
    return between(
        capture_key(intent), Kind.CAPTURE, at, currency, psp(account), UNMATCHED, positive(captured), intent=intent
    )


def taken_ahead(*, intent: str, session_id: UUID, at: datetime, account: str, currency: str, captured: int) -> Entry:
    """Money was taken as the hold ran out, of a session that has no final price: nothing is sold yet."""
    return between(
        ahead_key(intent), Kind.TAKEN_AHEAD, at, currency, psp(account), AHEAD, positive(captured),
        session_id=session_id, intent=intent,
    )  # fmt: skip


def ahead_key(intent: str) -> str:
    """The key under which it is posted that money was taken ahead of a price."""
    return f"ahead:{intent}"


def sold_ahead(*, intent: str, session_id: UUID, at: datetime, billed: Billed, ahead: int, owed: int) -> Entry:
    """The session of which money was taken ahead has its final price. `billed`: what was sold, less what went back of
    it already; `ahead`: what is left of the money; `owed`: what of the bill is above that is the driver's debt. What is
    above the bill is nobody's, until it goes back."""
    paid = [(AHEAD, ahead), (DRIVERS, owed), (UNMATCHED, billed.total - ahead - owed)]
    return _sale(capture_key(intent), Kind.CAPTURE, at, billed, paid, billed.total - owed, session_id, intent)


def wallet_use(*, intent: str, session_id: UUID | None, at: datetime, driver: str, billed: Billed, used: int) -> Entry:
    """A session was paid from a wallet. What the wallet didn't hold is the driver's debt."""
    paid = [(wallet(driver), used), (DRIVERS, billed.total - used)]
    return _sale(capture_key(intent), Kind.WALLET_USE, at, billed, paid, used, session_id, intent)


def terminal_sale(*, intent: str, session_id: UUID, at: datetime, billed: Billed, taken: int) -> Entry:
    """A session was paid at its station's own terminal, which took what the station reckoned. Nobody owes what is
    missing of the bill, so revenue and VAT are those of what was taken; more than was billed is nobody's yet."""
    sold = billed if billed.total <= taken else billed.part(taken)
    earned = [(line.account, -line.amount) for line in sold.lines]
    return Entry(
        key=capture_key(intent), kind=Kind.CAPTURE, at=at, session_id=session_id, intent=intent,
        legs=legs_from(billed.currency, [(psp(TERMINAL), taken), (UNMATCHED, sold.total - taken), *earned]),
        nets=_earned(sold),
    )  # fmt: skip


def owed(*, intent: str, session_id: UUID | None, at: datetime, billed: Billed) -> Entry:
    """A session that nobody paid: all of it is the driver's debt."""
    paid = [(DRIVERS, billed.total)]
    return _sale(capture_key(intent), Kind.CAPTURE, at, billed, paid, 0, session_id, intent)


def given(*, session_id: UUID, at: datetime, billed: Billed, intent: str | None = None) -> Entry:
    """A session that costs nothing after what was given off it: what it earned stands against that. Nobody pays."""
    assert not billed.total, "somebody pays for it"
    return _sale(given_key(session_id), Kind.GIVEN, at, billed, (), 0, session_id, intent)


def given_key(session_id: UUID) -> str:
    """Under which a session stands that was given away."""
    return f"given:{session_id}"


def fleet_session(*, intent: str, session_id: UUID | None, at: datetime, fleet: str, billed: Billed) -> Entry:
    """A session on a fleet's account, which its next invoice lists."""
    paid = [(fleet_owes(fleet), billed.total)]
    return _sale(capture_key(intent), Kind.FLEET_INVOICE, at, billed, paid, billed.total, session_id, intent)


def fleet_invoice(*, invoice: str, at: datetime, fleet: str, billed: Billed) -> Entry:
    """What an invoice asks of a fleet beside its sessions: a subscription, a card."""
    paid = [(fleet_owes(fleet), billed.total)]
    return _sale(f"invoice:{invoice}", Kind.FLEET_INVOICE, at, billed, paid, billed.total, None, None)


def fleet_paid(*, movement: str, at: datetime, fleet: str, currency: str, amount: int, memo: str = "") -> Entry:
    """A fleet's money came to the bank; negative: a direct debit came back."""
    return between(fleet_paid_key(movement), Kind.FLEET_PAID, at, currency, BANK, fleet_owes(fleet), amount, memo=memo)


def fleet_paid_key(movement: str) -> str:
    """The key under which it is posted that a fleet's money moved at the bank."""
    return f"fleet_paid:{movement}"


def fleet_paid_back(*, key: str, at: datetime, legs: Iterable[Leg], memo: str) -> Entry:
    """It was not that fleet's money. `key`, `legs`: of the entry by which it was posted."""
    return Entry(
        key=f"{key}:back", kind=Kind.FLEET_PAID, at=at, memo=memo,
        legs=tuple(Leg(account=leg.account, currency=leg.currency, amount=-leg.amount) for leg in legs),
    )  # fmt: skip


def debt_paid(*, intent: str, payment: str, at: datetime, source: str, currency: str, amount: int) -> Entry:
    """A driver paid later what was owed. `source`: the account it came to, `psp(account)`, or of, `wallet(driver)`."""
    return between(debt_key(payment), Kind.DEBT_PAID, at, currency, source, DRIVERS, positive(amount), intent=intent)


def debt_key(payment: str) -> str:
    """The key under which it is posted that a payment paid what was owed."""
    return f"debt:{payment}"


def debt_taken(
    *, intent: str, session_id: UUID | None, at: datetime, source: str, currency: str, taken: int, part: int
) -> Entry:
    """What is owed of a session was taken of its own hold after all, by hand at the provider. `part` of it was still
    owed; the rest is nobody's yet."""
    assert 0 <= part <= taken, "more than was taken"
    return Entry(
        key=debt_key(intent), kind=Kind.DEBT_PAID, at=at, session_id=session_id, intent=intent,
        legs=legs_from(currency, [(source, taken), (DRIVERS, -part), (UNMATCHED, part - taken)]),
    )  # fmt: skip


def capture_lost(
    *, intent: str, session_id: UUID | None, at: datetime, source: str, currency: str, amount: int, ahead: bool = False
) -> Entry:
    """A capture that was told came to nothing: what it was to bring to `source` is owed by who paid, or, where it was
    taken `ahead`, was never there."""
    owes = AHEAD if ahead else DRIVERS
    return between(
        f"lost:{intent}", Kind.CAPTURE_LOST, at, currency, owes, source, positive(amount), session_id=session_id,
        intent=intent,
    )  # fmt: skip


def write_off(
    *, intent: str, at: datetime, currency: str, amount: int, session_id: UUID | None = None, before: int = 0
) -> Entry:
    """A driver's debt is given up. VAT that was on it stays as it was declared. `before`: how often that was done of
    this payment, which may be owed again."""
    key = f"writeoff:{intent}:{before + 1}" if before else f"writeoff:{intent}"
    return between(
        key, Kind.WRITE_OFF, at, currency, WRITE_OFFS, DRIVERS, positive(amount), session_id=session_id, intent=intent
    )


def top_up(*, payment: str, at: datetime, account: str, driver: str, currency: str, amount: int) -> Entry:
    """A driver paid into a wallet."""
    return between(
        f"topup:{payment}", Kind.TOP_UP, at, currency, psp(account), wallet(driver), positive(amount), intent=payment
    )


def refund_key(refund: str) -> str:
    """The key under which a refund is posted."""
    return f"refund:{refund}"


def top_up_back(
    *, refund: str, payment: str, at: datetime, account: str, driver: str, currency: str, amount: int
) -> Entry:
    """What was left in a wallet went back to the card."""
    return between(
        refund_key(refund), Kind.REFUND, at, currency, wallet(driver), psp(account), positive(amount), intent=payment
    )


def debt_back(
    *, refund: str, intent: str, at: datetime, source: str, currency: str, amount: int, memo: str = ""
) -> Entry:
    """What a driver paid of a debt went back to the card or the wallet, `source`: it is owed again, or was owed no
    more."""
    return between(
        refund_key(refund), Kind.REFUND, at, currency, DRIVERS, source, positive(amount), intent=intent, memo=memo
    )


def refund_unbilled(
    *, refund: str, intent: str, at: datetime, source: str, currency: str, amount: int, memo: str = "",
    ahead: bool = False,
) -> Entry:  # fmt: skip
    """What was taken for no session, and was nobody's, or `ahead` of its price, went back."""
    return between(
        refund_key(refund), Kind.REFUND, at, currency, AHEAD if ahead else UNMATCHED, source, positive(amount),
        memo=memo, intent=intent,
    )  # fmt: skip


def refund(
    *, refund: str, intent: str, session_id: UUID | None, at: datetime, source: str, part: Billed, memo: str = "",
    unbilled: int = 0, owed: int = 0,
) -> Entry:  # fmt: skip
    """A driver got money back. `source`: the account it came from, `psp(account)` or `wallet(driver)`; `part`: of what
    was billed, by `Billed.part`, so that revenue and VAT go down with it; `unbilled`: beside it, of what had been taken
    above the bill; `owed`: of what a debt was paid with and that was none, or is one again."""
    back = [*((line.account, line.amount) for line in part.lines), (UNMATCHED, unbilled), (DRIVERS, owed)]
    return Entry(
        key=refund_key(refund), kind=Kind.REFUND, at=at, memo=memo, session_id=session_id, intent=intent,
        legs=legs_from(part.currency, [*back, (source, -part.total - unbilled - owed)]), nets=part.nets,
    )  # fmt: skip


def refund_back(
    *, refund: str, intent: str, session_id: UUID | None, at: datetime, legs: Iterable[Leg],
    nets: Mapping[str, int] | None,
) -> Entry:  # fmt: skip
    """A refund came to nothing at the provider, which has the money again. `legs`, `nets`: those of its entry."""
    return Entry(
        key=refund_back_key(refund_key(refund)), kind=Kind.REFUND_BACK, at=at, session_id=session_id, intent=intent,
        legs=tuple(Leg(account=leg.account, currency=leg.currency, amount=-leg.amount) for leg in legs),
        nets=None if nets is None else {name: -net for name, net in nets.items()},
    )  # fmt: skip


def refund_back_key(key: str) -> str:
    """The key under which it is posted that the refund of this key came to nothing."""
    return f"{key}:back"


def fee(*, movement: str, at: datetime, account: str, currency: str, amount: int, intent: str | None = None,
        session_id: UUID | None = None) -> Entry:  # fmt: skip
    """A payment provider kept its fee; negative: it gave one back."""
    return between(
        f"fee:{movement}", Kind.FEE, at, currency, FEES, psp(account), amount, intent=intent, session_id=session_id
    )


def settlement(*, movement: str, at: datetime, account: str, currency: str, amount: int) -> Entry:
    """A payment provider paid what it held to our bank; negative: it took money from there."""
    return between(f"settle:{movement}", Kind.SETTLEMENT, at, currency, BANK, psp(account), amount)


def dispute_opened(*, dispute: str, intent: str, at: datetime, account: str, currency: str, amount: int,
                   session_id: UUID | None = None) -> Entry:  # fmt: skip
    """A driver's bank disputes a payment, and the provider took the amount back until that is decided."""
    return between(
        f"dispute:{dispute}:opened", Kind.DISPUTE_OPENED, at, currency, DISPUTES, psp(account), positive(amount),
        intent=intent, session_id=session_id,
    )  # fmt: skip


def dispute_won(*, dispute: str, intent: str, at: datetime, account: str, currency: str, amount: int,
                session_id: UUID | None = None) -> Entry:  # fmt: skip
    """The dispute was decided for us: the amount came back."""
    return between(
        f"dispute:{dispute}:won", Kind.DISPUTE_WON, at, currency, psp(account), DISPUTES, positive(amount),
        intent=intent, session_id=session_id,
    )  # fmt: skip


def dispute_lost(*, dispute: str, intent: str, at: datetime, currency: str, amount: int,
                 session_id: UUID | None = None) -> Entry:  # fmt: skip
    """The dispute was decided against us: the amount is lost, beside what is in a wallet still."""
    return between(
        f"dispute:{dispute}:lost", Kind.DISPUTE_LOST, at, currency, WRITE_OFFS, DISPUTES, positive(amount),
        intent=intent, session_id=session_id,
    )  # fmt: skip


def dispute_lost_in_wallet(
    *, dispute: str, intent: str, at: datetime, driver: str, currency: str, before: int, taken: int, spent: int
) -> Entry:
    """A dispute of a top-up was decided against us: of what was kept back of it in the wallet, `before` this entry, so
    much is `taken` out of there, and so much was `spent` by what held it, and is lost."""
    return Entry(
        key=f"dispute:{dispute}:lost:{before}", kind=Kind.DISPUTE_LOST, at=at, intent=intent,
        legs=legs_from(currency, [(wallet(driver), taken), (WRITE_OFFS, spent), (DISPUTES, -taken - spent)]),
    )  # fmt: skip


def dispute_name(reference: str) -> str:
    """How keys name a dispute; the same when it is opened and when it is decided."""
    return reference.replace(":", "-")


def of_dispute(
    *, movement: str, dispute: str, intent: str, at: datetime, account: str, currency: str, amount: int, kept: int
) -> list[Entry]:
    """What a provider moved for a dispute: below 0 it took the money, else it gave it back. `kept`: its fee."""
    made = dispute_opened if amount < 0 else dispute_won
    found = [
        made(
            dispute=dispute_name(dispute), intent=intent, at=at, account=account, currency=currency, amount=abs(amount)
        )
    ]
    if kept:
        found.append(fee(movement=movement, at=at, account=account, currency=currency, amount=kept, intent=intent))
    return found


def posted_key(number: str) -> str:
    """The key under which it is posted where money of nobody belongs."""
    return f"unmatched:{number}"


def posted(
    *, number: str, intent: str, session_id: UUID | None, at: datetime, account: str, currency: str, amount: int,
    memo: str,
) -> Entry:  # fmt: skip
    """What was nobody's of a payment belongs to an account, as somebody says why."""
    return between(
        posted_key(number), Kind.UNMATCHED_POSTED, at, currency, UNMATCHED, account, positive(amount), memo=memo,
        session_id=session_id, intent=intent,
    )  # fmt: skip


def posted_back(
    *, key: str, intent: str, session_id: UUID | None, at: datetime, legs: Iterable[Leg], memo: str
) -> Entry:  # fmt: skip
    """It is nobody's again. `key`, `legs`: of the entry by which it was posted."""
    return Entry(
        key=f"{key}:back", kind=Kind.UNMATCHED_BACK, at=at, memo=memo, session_id=session_id, intent=intent,
        legs=tuple(Leg(account=leg.account, currency=leg.currency, amount=-leg.amount) for leg in legs),
    )  # fmt: skip


def _sale(
    key: str, kind: Kind, at: datetime, billed: Billed, paid: Iterable[tuple[str, int]], settled: int,
    session_id: UUID | None, intent: str | None,
) -> Entry:  # fmt: skip
    """What was billed, against who paid or owes it."""
    assert 0 <= settled <= billed.total, "more than was billed"
    earned = [(line.account, -line.amount) for line in billed.lines]
    return Entry(
        key=key, kind=kind, at=at, legs=legs_from(billed.currency, [*paid, *earned]), session_id=session_id,
        intent=intent, nets=_earned(billed),
    )  # fmt: skip


def _earned(billed: Billed) -> dict[str, int] | None:
    return None if billed.nets is None else {name: -net for name, net in billed.nets.items()}
