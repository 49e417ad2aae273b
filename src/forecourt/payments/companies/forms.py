"""How a VAT id is read from a form."""

from typing import Any

from forecourt.payments.companies.numbers import is_vat_id
from forecourt.payments.forms import Read, text_as


def vat_id_as(kind: Any) -> Read:
    """A VAT id that a field of the API would take, or nothing."""
    read = text_as(kind, upper=True)

    def read_id(text: str) -> Any:
        if text and not is_vat_id(text):
            raise ValueError(text)
        return read(text)

    return read_id
