"""Where money of nobody may be posted to, and why not. Pure."""

from datetime import datetime
from enum import StrEnum
from typing import Final

from msgspec import Struct

from forecourt.platform.errors import ForecourtError

#: Payments with money of nobody, and postings of it, that are listed at once.
MAX_LISTED: Final = 200
#: Characters of a reason.
MAX_WHY: Final = 200


class To(StrEnum):
    """Where it belongs."""

    #: Income that no session earned, without VAT.
    INCOME = "income"
    #: What a driver owes of another payment.
    DEBT = "debt"
    #: A host is owed it.
    HOST = "host"
    #: It went from our bank account, or never came there.
    BANK = "bank"


class Open(Struct, frozen=True, kw_only=True):
    """What of a payment is nobody's, in minor units."""

    intent: str
    currency: str
    amount: int


class Posted(Struct, frozen=True, kw_only=True):
    """What was posted of it, to which account, and why."""

    entry_id: int
    at: datetime
    intent: str
    memo: str
    account: str
    currency: str
    amount: int


class UnmatchedTooHigh(ForecourtError):
    """There is not so much of this payment that is nobody's. Post what is left, or less."""

    status = 409
    code = "unmatched-too-high"


class TargetRefused(ForecourtError):
    """It can't be posted there. Correct what is named and try again."""

    status = 422
    code = "unmatched-target-refused"


class NotPosted(ForecourtError):
    """This entry posted no money of nobody, or was taken back already."""

    status = 409
    code = "unmatched-not-posted"


class RefundedSince(ForecourtError):
    """Money of this payment went back since. What was posted before that stays as it is."""

    status = 409
    code = "unmatched-refunded-since"
