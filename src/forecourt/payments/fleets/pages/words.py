"""What the pages of fleets call things."""

from collections.abc import Mapping
from typing import Annotated, Any, Final

from litestar import Request
from litestar.params import PathParameter, QueryParameter

from forecourt.access import Verb
from forecourt.platform.paging import NEWEST
from forecourt.ui.i18n import mark

WebRequest = Request[Any, Any, Any]
Number = Annotated[int, PathParameter(ge=1, le=NEWEST)]
Done = Annotated[str, QueryParameter(name="done", max_length=40)]
READING: Final[Mapping[str, Any]] = {"verb": Verb.READ_MONEY}
CHANGING: Final[Mapping[str, Any]] = {"verb": Verb.CHANGE_PAYMENTS}
TOKENS: Final[Mapping[str, Any]] = {"verb": Verb.CHANGE_TOKENS}

#: Of an invoice: the state whose colour it takes, and the word.
STATES: Final = {
    "open": ("Charging", mark("Open")),
    "overdue": ("Faulted", mark("Overdue")),
    "part_paid": ("Finishing", mark("Paid in part")),
    "collecting": ("Preparing", mark("Being drawn")),
    "paid": ("Available", mark("Paid")),
    "credited": ("Unavailable", mark("Credited")),
    "written_off": ("Unavailable", mark("Written off")),
    "credit_note": ("Unavailable", mark("Credit note")),
}
SETTLED: Final = {
    "paid": mark("Paid"),
    "returned": mark("Came back"),
    "credited": mark("Credited"),
    "written_off": mark("Written off"),
    "fee": mark("Fee of a reminder"),
}
LETTERS: Final = {
    "invoice": mark("Invoice"),
    "credit_note": mark("Credit note"),
    "reminder": mark("Reminder"),
    "debit_returned": mark("Letter of a debit that came back"),
    "debit_again": mark("Letter before a debit is drawn again"),
}
LINES: Final = {
    "session": mark("Session"),
    "home": mark("Charging at home"),
    "refund": mark("Given back"),
}
LANGUAGES: Final = (
    ("en", mark("English")), ("de", mark("German")), ("fr", mark("French")), ("nl", mark("Dutch")),
    ("es", mark("Spanish")),
)  # fmt: skip
#: What was just done, told once above the page.
DONE: Final = {
    "stored": mark("Stored."),
    "member": mark("The driver is in the fleet. It pays once the driver chooses so."),
    "paying": mark("The driver is in the fleet. It pays for what their cards start, unless they chose something else."),
    "gone": mark("The driver is in the fleet no more, and pays on the page again."),
    "ended": mark("The mandate has ended: no debit is drawn by it any more."),
    "credited": mark("The credit note is issued, and settled with the invoice."),
    "written_off": mark("What was open is given up."),
    "debit_failed": mark("The debit came to nothing. What it asked for is open again."),
    "drawn": mark("A file for the bank asks for it again. It is on the page of fleets."),
}
