"""Builders of the entries of hosts: shares, payouts, expenses, reimbursements. Pure."""

from datetime import datetime
from uuid import UUID

from forecourt.payments.ledger.building import between, legs_from, positive
from forecourt.payments.ledger.entries import BANK, PLATFORM, SHARES, fleet_owes, host_owed
from forecourt.payments.ledger.model import Entry, Kind


def share(
    *, session_id: UUID, host: str | int, at: datetime, currency: str, share: int, vat: int = 0,
    vat_account: str = "", platform_fee: int = 0, intent: str | None = None,
) -> Entry:  # fmt: skip
    """A host's share of a session, which is owed now that the provider settled. `share` before VAT and before the
    platform's fee; `vat`, on what is left of it, is owed to a host that charges VAT, and stands on `vat_account`."""
    legs = [(SHARES, share), (vat_account, vat), (PLATFORM, -platform_fee)]
    return Entry(
        key=f"share:{session_id}", kind=Kind.HOST_SHARE, at=at, session_id=session_id, intent=intent,
        legs=legs_from(currency, [*legs, (host_owed(host), -(share + vat - platform_fee))]),
        nets={vat_account: share - platform_fee} if vat_account else {},
    )  # fmt: skip


def back_key(cause: str) -> str:
    """By which what goes back of a share by `cause` is posted."""
    return f"share_back:{cause}"


def share_back(
    *, cause: str, session_id: UUID, host: str | int, at: datetime, currency: str, share: int, vat: int = 0,
    vat_account: str = "", platform_fee: int = 0, intent: str | None = None,
) -> Entry:  # fmt: skip
    """A host's share of what was refunded or lost in a dispute goes back; negative amounts: it is given once more.
    `cause` names it: `refund:<refund>`, `dispute:<dispute>:opened`."""
    legs = [(SHARES, -share), (vat_account, -vat), (PLATFORM, platform_fee)]
    return Entry(
        key=back_key(cause), kind=Kind.HOST_SHARE_BACK, at=at, session_id=session_id, intent=intent,
        legs=legs_from(currency, [*legs, (host_owed(host), share + vat - platform_fee)]),
        nets={vat_account: platform_fee - share} if vat_account else {},
    )  # fmt: skip


def host_fee(*, host: str | int, month: str, at: datetime, currency: str, amount: int) -> Entry:
    """What the platform asks of a host for a month (2026-03)."""
    return between(
        f"host_fee:{host}:{currency}:{month}", Kind.HOST_FEE, at, currency, host_owed(host), PLATFORM,
        positive(amount), memo=month,
    )  # fmt: skip


def payout(
    *, payout: str, host: str | int, at: datetime, currency: str, amount: int, source: str = BANK, memo: str = ""
) -> Entry:
    """A host was paid, from our bank or from what a provider holds (`psp(account)`)."""
    return between(f"payout:{payout}", Kind.PAYOUT, at, currency, host_owed(host), source, positive(amount), memo=memo)


def payout_bounced(
    *, payout: str, host: str | int, at: datetime, currency: str, amount: int, source: str = BANK, memo: str = ""
) -> Entry:
    """The payout came back: the host is owed it again."""
    return between(
        f"payout:{payout}:bounced", Kind.PAYOUT_BOUNCED, at, currency, source, host_owed(host), positive(amount),
        memo=memo,
    )  # fmt: skip


def payout_taken_back(
    *, payout: str, movement: str, host: str | int, at: datetime, currency: str, amount: int, source: str,
    memo: str = "",
) -> Entry:  # fmt: skip
    """So much of a payout came back at the provider by one of its movements: the host is owed it again."""
    return between(
        f"payout:{payout}:back:{movement}", Kind.PAYOUT_BOUNCED, at, currency, source, host_owed(host),
        positive(amount), memo=memo,
    )  # fmt: skip


def expense(
    *, expense: str, kind: str, at: datetime, currency: str, amount: int, against: str, site_id: int | None = None,
    memo: str = "",
) -> Entry:  # fmt: skip
    """Something a site cost: energy, rent, a repair. `against`: who is owed it, `host_owed(host)`, or `BANK`, which
    paid it; a negative amount is asked of the host."""
    return between(
        f"expense:{expense}", Kind.EXPENSE, at, currency, f"expenses:{kind}", against, amount, memo=memo,
        site_id=site_id,
    )  # fmt: skip


def reimbursement(*, session_id: UUID, fleet: str, host: str | int, at: datetime, currency: str, amount: int) -> Entry:
    """A driver charged at home for work: the fleet owes what the driver, who is the host there, is owed."""
    return between(
        f"share:{session_id}", Kind.REIMBURSEMENT, at, currency, fleet_owes(fleet), host_owed(host),
        positive(amount), session_id=session_id,
    )  # fmt: skip
