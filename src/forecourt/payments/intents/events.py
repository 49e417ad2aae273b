"""What others may hear of a payment; the subject is its id."""

from typing import Final

#: The hold stands: the session may start.
AUTHORISED: Final = "payment.authorised"
CAPTURED: Final = "payment.captured"
#: A session costs nothing after what was given off it; the subject is the session.
GIVEN: Final = "payment.given"
REFUNDED: Final = "payment.refunded"
#: A refund that was done came to nothing afterwards.
REFUND_FAILED: Final = "payment.refund_failed"
#: The hold was given back and nothing was charged.
RELEASED: Final = "payment.released"
#: Declined, or a session is owed.
FAILED: Final = "payment.failed"
DISPUTED: Final = "payment.disputed"
#: Of what is owed something was paid by money that was nobody's, or that was taken back.
DEBT_PAID: Final = "payment.debt_paid"
#: Something is to be carried out or looked at; heard by this room alone.
DUE: Final = "payment.due"
