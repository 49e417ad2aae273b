"""Why banks refuse payments or send them back, in words: codes of ISO 20022 (ExternalStatusReason1Code and
ExternalReturnReason1Code), those that transfers and debits in euro meet. Pure."""

from collections.abc import Mapping
from typing import Final

from forecourt.ui.i18n import gettext as _
from forecourt.ui.i18n import mark

CODE: Final = 4
#: Before the reason of what was refused with the file, or the payment information, that it stood in: that is none of
#: its own, and so stands for no code.
WITH_FILE: Final = mark("Refused with its file")
_GONE: Final = mark("The account is closed.")
_NUMBER: Final = mark("There is no account of this number.")
_BARRED: Final = mark("The account is barred for this.")
_AGREED: Final = mark("The account's bank does not allow this kind of payment.")
_NO_MANDATE: Final = mark("The bank knows of no valid mandate.")
_DATA: Final = mark("The mandate's data is wrong or missing.")
_FORMAT: Final = mark("The file is not as the bank wants it.")
_BANK: Final = mark("The bank's identifier (BIC) is wrong, or that bank can't be reached.")
_TWICE: Final = mark("The same was given to the bank before.")
_LAW: Final = mark("What the law asks to be said of payer or payee is missing.")

REASONS: Final[Mapping[str, str]] = {
    "AC01": _NUMBER, "AC02": _NUMBER, "AC03": _NUMBER, "AC04": _GONE, "AC05": _GONE, "AC06": _BARRED, "AC07": _GONE,
    "AC13": mark("The account is one of a consumer, which this scheme does not draw from."),
    "AG01": _AGREED, "AG02": _FORMAT, "AG03": _AGREED, "AGNT": _BANK, "RC01": _BANK, "RC03": _BANK, "RC04": _BANK,
    "AM02": mark("The amount is more than is allowed."), "AM03": mark("The currency is not one that the bank takes."),
    "AM04": mark("There is not enough money in the account."), "AM05": _TWICE, "DU01": _TWICE, "DU02": _TWICE,
    "DU03": _TWICE, "DU04": _TWICE,
    "AM09": mark("The amount is wrong."), "AM10": mark("The file's sum is wrong."),
    "AM14": mark("The amount is more than is agreed on with the bank."), "AM18": mark("The file's count is wrong."),
    "BE04": mark("The creditor's address is missing or wrong."), "BE05": mark("The creditor's identifier is wrong."),
    "CNOR": _BANK, "DNOR": _BANK, "CURR": mark("The currency is not one that the bank takes."),
    "CUST": mark("The payer asked for it."), "DS02": mark("Somebody of yours called the order off."),
    "DT01": mark("The day is one on which it can't be done."), "DT02": _FORMAT, "ED05": mark("The settlement failed."),
    "FF01": _FORMAT, "FF05": mark("The scheme (CORE or B2B) is not the mandate's."),
    "FOCR": mark("It was called back."),
    "MD01": _NO_MANDATE, "MD02": _DATA, "MD06": mark("The payer had the money given back."),
    "MD07": mark("The account's holder has died."), "MS02": mark("The payer refused it."),
    "MS03": mark("The bank gives no reason."), "NARR": mark("The bank says why in its own words."),
    "RR01": _LAW, "RR02": _LAW, "RR03": _LAW, "RR04": _LAW, "SL01": mark("The payer's bank holds debits of yours off."),
    "TECH": mark("A technical fault at the bank."), "TM01": mark("It came too late to be carried out."),
}  # fmt: skip


def meaning(reason: str) -> str:
    """What a reason as banks say it, a code and perhaps a text, means; empty where it begins with no code that is
    known."""
    said = REASONS.get(reason[:CODE]) if reason[CODE : CODE + 1] in ("", " ") else None
    return "" if said is None else _(said)


def is_twice(reason: str) -> bool:
    """Whether the bank refused it for having it already: what was given first stands."""
    return REASONS.get(reason[:CODE]) is _TWICE


def of_file(reason: str) -> str:
    """The reason of what was refused with its file."""
    return f"{WITH_FILE}: {reason}"


def is_of_file(reason: str) -> bool:
    """Whether a reason is that of a file."""
    return reason.startswith(of_file(""))


def in_words(reason: str) -> str:
    """A reason with its meaning before it."""
    if is_of_file(reason):
        return f"{_(WITH_FILE)}: {in_words(reason.removeprefix(of_file('')))}"
    said = meaning(reason)
    return f"{said.removesuffix('.')} ({reason})" if said else reason
