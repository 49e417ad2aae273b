"""Bank accounts, checked when they are said, sealed where they lie, shown by their ends; and what statements tell."""

from datetime import date, datetime
from typing import Final

from msgspec import Struct

from forecourt.platform.errors import ForecourtError
from forecourt.platform.sealing import Seal

PURPOSE: Final = "bank accounts"
MAX_IBAN: Final = 60
_ENDS: Final = 4


class IbanRefused(ForecourtError):
    """This is no IBAN: a digit is wrong or missing. Copy it from a statement of the bank."""

    status = 422
    code = "iban-refused"


class BankLine(Struct, frozen=True, kw_only=True):
    """One booked line of a bank statement: `amount` in minor units, below 0 for what went. `reference`: as the bank
    calls it; `name` is its own for good, None of those that were read before lines had one."""

    reference: str
    name: str | None
    booked_on: date
    amount: int
    currency: str
    end_to_end: str | None
    who: str
    text: str
    #: It is money that came back, and why.
    returned: bool
    return_reason: str
    #: On which account it was booked, shown by its ends; None where the bank didn't say.
    account: str | None = None


class BankLineRow(BankLine, frozen=True, kw_only=True):
    """A line as stored; `matched_by` and `matched`: who found what it is, and what that is, None while nobody has;
    `undone`: how often somebody took that back."""

    line_id: int
    matched_by: str | None
    matched: str | None
    read_at: datetime
    undone: int

    @property
    def movement(self) -> str:
        """How entries name what it moved: another name each time after its match was taken back."""
        return f"bank-{self.line_id}" + (f"-again-{self.undone}" if self.undone else "")


class Bank:
    """Seals and opens bank accounts of one deployment."""

    def __init__(self, secret_key: bytes) -> None:
        self._seal = Seal(secret_key, PURPOSE)

    def close(self, iban: str) -> bytes:
        return self._seal.close(iban)

    def open(self, sealed: bytes) -> str:
        return self._seal.open(sealed)

    def file(self, text: str) -> bytes:
        """Seals a file in which bank accounts stand."""
        return self._seal.close(text)


def read_iban(said: str) -> str:
    """An IBAN without blanks, its check digits and its country's form right. Raises IbanRefused."""
    from schwifty import IBAN
    from schwifty.exceptions import SchwiftyException

    if len(said) > MAX_IBAN:
        raise IbanRefused
    try:
        return IBAN(said, validate_bban=True).compact
    except SchwiftyException as fault:
        raise IbanRefused from fault


def shown(iban: str) -> str:
    """How it is shown: DE89 ... 3000."""
    return f"{iban[:_ENDS]} … {iban[-_ENDS:]}"
