"""Credit transfers for the bank: pain.001 (ISO 20022), in euro."""

from collections.abc import Sequence
from datetime import date
from typing import Any, Final

from msgspec import Struct

from forecourt.payments.bank.sepa import CURRENCY, Account, exported, number_in

SCHEMA: Final = "pain.001.001.09"
#: How a payout is called at the bank (EndToEndId).
PAYOUT: Final = "PAYOUT-"
#: Transfers of one file.
MAX_TRANSFERS: Final = 5_000


class Transfer(Struct, frozen=True, kw_only=True):
    """One credit transfer. `reference` is our name of it, which the bank's statement shows again."""

    to: Account
    amount: int
    reference: str
    text: str


def reference_of(payout_id: int) -> str:
    """How a payout is called at the bank (EndToEndId)."""
    return f"{PAYOUT}{payout_id}"


def payout_of(reference: str) -> int | None:
    """The payout of such a name."""
    return number_in(reference, PAYOUT, 9)


def transfer_file(debtor: Account, transfers: Sequence[Transfer], execution_on: date, message: str) -> bytes:
    """The file that asks the bank for these transfers on one day; checked against the scheme's own schema."""
    from sepaxml import SepaTransfer

    assert 0 < len(transfers) <= MAX_TRANSFERS
    config: dict[str, Any] = {"name": debtor.name, "IBAN": debtor.iban, "batch": True, "currency": CURRENCY}
    if debtor.bic:
        config["BIC"] = debtor.bic
    file = SepaTransfer(config, schema=SCHEMA, clean=True)
    for each in transfers:
        payment: dict[str, Any] = {
            "name": each.to.name, "IBAN": each.to.iban, "amount": each.amount, "execution_date": execution_on,
            "description": each.text, "endtoend_id": each.reference,
        }  # fmt: skip
        if each.to.bic:
            payment["BIC"] = each.to.bic
        file.add_payment(payment)
    return exported(file, message)
