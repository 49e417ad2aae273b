"""Direct debits for the bank: pain.008 (ISO 20022), in euro."""

from collections.abc import Sequence
from datetime import date
from typing import Any, Final

from msgspec import Struct

from forecourt.payments.bank.sepa import CURRENCY, Account, exported, number_in
from forecourt.payments.fleets.references import DEBIT

SCHEMA: Final = "pain.008.001.08"
#: Debits of one file.
MAX_DEBITS: Final = 5_000


class Debit(Struct, frozen=True, kw_only=True):
    """One direct debit. `sequence`: FRST, or RCUR once one by this mandate was paid."""

    debtor: Account
    amount: int
    reference: str
    text: str
    mandate: str
    signed_on: date
    sequence: str


def reference_of(debit_id: int) -> str:
    """How a debit is called at the bank (EndToEndId)."""
    return f"{DEBIT}{debit_id}"


def debit_of(reference: str) -> int | None:
    """The debit of such a name."""
    return number_in(reference, DEBIT, 14)


def debit_file(
    creditor: Account, creditor_id: str, scheme: str, debits: Sequence[Debit], collection_on: date, message: str
) -> bytes:
    """The file that asks the bank to draw these on one day; checked against the scheme's own schema."""
    from sepaxml import SepaDD

    assert 0 < len(debits) <= MAX_DEBITS
    config: dict[str, Any] = {
        "name": creditor.name, "IBAN": creditor.iban, "batch": True, "creditor_id": creditor_id, "currency": CURRENCY,
        "instrument": scheme,
    }  # fmt: skip
    if creditor.bic:
        config["BIC"] = creditor.bic
    file = SepaDD(config, schema=SCHEMA, clean=True)
    for each in debits:
        payment: dict[str, Any] = {
            "name": each.debtor.name, "IBAN": each.debtor.iban, "amount": each.amount, "type": each.sequence,
            "collection_date": collection_on, "mandate_id": each.mandate, "mandate_date": each.signed_on,
            "description": each.text, "endtoend_id": each.reference,
        }  # fmt: skip
        if each.debtor.bic:
            payment["BIC"] = each.debtor.bic
        file.add_payment(payment)
    return exported(file, message)
