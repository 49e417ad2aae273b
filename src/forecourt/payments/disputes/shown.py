"""How disputes are shown: by the API, and in the words of the console."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Final

from msgspec import Meta, Struct

from forecourt.payments.disputes.store import DisputeRow
from forecourt.payments.psp.words import DisputeState
from forecourt.ui.i18n import mark

STATUSES: Final[Mapping[DisputeState, str]] = {
    DisputeState.NEEDS_RESPONSE: mark("Waits for your answer"),
    DisputeState.UNDER_REVIEW: mark("The bank decides"),
    DisputeState.WON: mark("Won: the money is back"),
    DisputeState.LOST: mark("Lost: the money is gone"),
}
#: Why a bank asks for the money, in the provider's words; others are shown as they are.
REASONS: Final[Mapping[str, str]] = {
    "fraudulent": mark("somebody else is said to have used the card"),
    "unrecognized": mark("the driver doesn't know the payment"),
    "duplicate": mark("it is said to be paid twice"),
    "product_not_received": mark("nothing is said to have been delivered"),
    "product_unacceptable": mark("what was delivered is said to be wrong"),
    "credit_not_processed": mark("a refund is said to be missing"),
    "general": mark("no reason was said"),
}


class DisputeShown(Struct, frozen=True, kw_only=True):
    """Money that the driver wants back from the bank. It is answered at the provider."""

    reference: Annotated[str, Meta(description="What the provider calls it.", examples=["du_3QxY"])]
    amount: Annotated[int, Meta(description="In minor units of `currency`.", examples=[1190])]
    currency: Annotated[str, Meta(examples=["EUR"])]
    status: DisputeState
    reason: Annotated[str, Meta(description="In the provider's words.", examples=["fraudulent"])]
    opened_at: datetime
    evidence_by: Annotated[
        datetime | None, Meta(description="Until when the provider takes an answer; null: nobody says so.")
    ]
    decided_at: Annotated[datetime | None, Meta(description="When it was found out how it ended.", examples=[None])]


def shown(row: DisputeRow) -> DisputeShown:
    """A dispute as the API shows it."""
    return DisputeShown(
        reference=row.reference,
        amount=row.amount,
        currency=row.currency,
        status=row.status,
        reason=row.reason,
        opened_at=row.opened_at,
        evidence_by=row.evidence_by,
        decided_at=row.decided_at,
    )
