"""What a payment provider asks of a host, in words. Providers name it by fields of their own."""

from collections.abc import Iterable
from typing import Final

from forecourt.ui.i18n import mark

#: By a part of the field's name, the first that is found: what a host is asked for.
ASKED: Final = (
    ("external_account", mark("a bank account")),
    ("tos_acceptance", mark("acceptance of the provider's terms")),
    ("verification", mark("an identity document, or another proof")),
    ("tax_id", mark("a tax number")),
    ("vat_id", mark("a tax number")),
    ("id_number", mark("a tax number")),
    (".dob", mark("a date of birth")),
    ("address", mark("an address")),
    ("phone", mark("a telephone number")),
    ("email", mark("an e-mail address")),
    ("business_profile", mark("what the business does")),
    ("business_type", mark("what kind of business it is")),
    ("owners", mark("who owns the business")),
    ("directors", mark("who runs the business")),
    ("representative", mark("who speaks for the business")),
    ("_name", mark("a name")),
    (".name", mark("a name")),
)
OTHER: Final = mark("more details")


def asked_for(due: Iterable[str]) -> list[str]:
    """What is asked for, each once, in the order of the provider; to be translated where it is shown."""
    found = (next((words for part, words in ASKED if part in name), OTHER) for name in due)
    return list(dict.fromkeys(found))
