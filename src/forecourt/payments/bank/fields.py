"""What bodies of routes, and forms, say of bank accounts."""

from typing import Annotated

from litestar.di import NamedDependency
from msgspec import Meta, Struct

from forecourt.payments.bank.model import MAX_IBAN, IbanRefused, read_iban
from forecourt.platform.text import NAME_LINE

BIC_PATTERN = "^([A-Z0-9]{8}|[A-Z0-9]{11})?$"

Sealing = NamedDependency[bytes]
HolderName = Annotated[str, Meta(min_length=1, max_length=70, pattern=NAME_LINE, examples=["Harbour Estates GmbH"])]
Iban = Annotated[str, Meta(max_length=MAX_IBAN, examples=["DE89 3704 0044 0532 0130 00"])]
Bic = Annotated[str, Meta(pattern=BIC_PATTERN, examples=["COBADEFFXXX"])]


class BankAccount(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A bank account. It is kept sealed, and never shown whole again."""

    name: HolderName
    iban: Iban
    bic: Bic = ""


def iban_typed(text: str) -> str:
    """An IBAN as a form takes it, without blanks. Raises ValueError."""
    try:
        return read_iban(text)
    except IbanRefused as fault:
        raise ValueError(text) from fault
