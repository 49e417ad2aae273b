"""Builders of the entries of fleets that pay by invoice: debits that come back, fees of reminders, write-offs. Pure."""

from datetime import datetime

from forecourt.payments.ledger.building import between, legs_from, positive
from forecourt.payments.ledger.entries import BANK, WRITE_OFFS, fleet_owes
from forecourt.payments.ledger.model import Entry, Kind

#: What banks keep for a debit that comes back.
BANK_CHARGES = "expenses:bank_charges"
#: Fees of reminders: damages, on which there is no VAT.
REMINDERS = "revenue:reminders"


def fleet_returned(
    *, movement: str, at: datetime, fleet: str, currency: str, amount: int, charge: int = 0, memo: str = ""
) -> Entry:
    """A direct debit came back: the fleet owes it again. `charge`: what the bank kept beside it."""
    legs = [(fleet_owes(fleet), positive(amount)), (BANK_CHARGES, positive(charge)), (BANK, -amount - charge)]
    return Entry(key=f"fleet_paid:{movement}", kind=Kind.FLEET_PAID, at=at, memo=memo, legs=legs_from(currency, legs))


def reminder_fee(*, invoice: int, level: int, at: datetime, fleet: str, currency: str, amount: int) -> Entry:
    """A reminder asks a fee."""
    return between(
        f"reminder:{invoice}:{level}", Kind.REMINDER_FEE, at, currency, fleet_owes(fleet), REMINDERS, positive(amount)
    )


def fleet_write_off(
    *, invoice: int, settled: int, at: datetime, fleet: str, currency: str, amount: int, memo: str = ""
) -> Entry:
    """What an invoice still asks for is given up. `settled`: what of it was settled before, which makes the key."""
    return between(
        f"writeoff:invoice:{invoice}:{settled}", Kind.WRITE_OFF, at, currency, WRITE_OFFS, fleet_owes(fleet),
        positive(amount), memo=memo,
    )  # fmt: skip
