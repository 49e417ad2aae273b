"""What a payment provider asks of a host, in words: providers name it by fields of their own. And what is said of the
lines and the shares of a host, to whoever reads it: the operator, or the host."""

from collections.abc import Iterable
from typing import Final

from forecourt.payments.hosts.store.lines import LineRow
from forecourt.payments.ledger.words import KINDS
from forecourt.ui.i18n import mark

#: What a line is where it is a share's, as the operator reads it and as its host does.
SHARES: Final = {
    False: {
        "host_share": mark("Host's share"),
        "host_share_back": mark("Host's share taken back"),
        "host_share_again": mark("Host's share given after all"),
    },
    True: {
        "host_share": mark("Your share"),
        "host_share_back": mark("Your share taken back"),
        "host_share_again": mark("Your share given after all"),
        "host_fee": mark("Your monthly fee"),
    },
}
#: What is kept of a share, and what is paid beside it.
KEPT: Final = {
    False: {
        "platform_percent": mark("Percent of it that you keep"),
        "platform_fee": mark("You keep a session"),
        "monthly_fee": mark("They pay a month"),
    },
    True: {
        "platform_percent": mark("Percent of it that the operator keeps"),
        "platform_fee": mark("The operator keeps a session"),
        "monthly_fee": mark("You pay a month"),
    },
}

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


def line_words(row: LineRow, own: bool) -> str:
    """What a line of a host is, to be translated where it is shown; `own`: its host reads it."""
    kind = "host_share_again" if row.kind == "host_share_back" and row.amount > 0 else row.kind
    return SHARES[own].get(kind) or KINDS.get(kind, kind)


def memo_words(row: LineRow) -> str:
    """Why a line is there, to be translated where it is a word of ours."""
    return KINDS.get(row.memo, row.memo)
