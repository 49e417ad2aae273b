"""Payments without a contract in neutral words: codes that a station shows, what its own terminal takes, numbers of
companies for receipts, and what a station reckons itself. Of 2.1, unless something else is said.

Money is in whole units of the currency, as OCPP has it, and exact.
"""

from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from msgspec import Struct


class ShowPaymentCodes(Struct, frozen=True, kw_only=True, tag="payment_codes"):
    """Have a station show codes that change by themselves, or none (C25). `address` is the template that it fills in,
    `secret` what it makes the one-time passwords of, which are good for `validity_s` and of `length` characters.
    `places`: the EVSEs whose displays are set, 0 the station's own."""

    shown: bool
    address: str = ""
    secret: str = ""
    validity_s: int = 0
    length: int = 0
    places: tuple[int, ...] = (0,)


class WebPaymentBegun(Struct, frozen=True, kw_only=True, tag="web_payment"):
    """Tell a station that somebody pays for an EVSE on a page, for so long at the most (C25.FR.21)."""

    evse: int
    timeout_s: int


class Limit(Struct, frozen=True, kw_only=True):
    """Where a transaction ends by itself: at a cost after taxes, or at an energy."""

    max_cost: Decimal | None = None
    max_energy_wh: int | None = None


class SaidCost(Struct, frozen=True, kw_only=True):
    """What a station reckons that a transaction costs; `failed` where it can't."""

    currency: str
    excl_tax: Decimal | None = None
    incl_tax: Decimal | None = None
    failed: bool = False
    reason: str | None = None


class SettlementStatus(StrEnum):
    """What came of taking the money at a station's own terminal."""

    SETTLED = "Settled"
    #: Nothing is taken: the driver gave up.
    CANCELED = "Canceled"
    #: The bank said no.
    REJECTED = "Rejected"
    #: It could not be asked.
    FAILED = "Failed"


class Settlement(Struct, frozen=True, kw_only=True):
    """NotifySettlement: a station's terminal took money, or tried to (C19 to C22). `reference` is the payment's name at
    its provider, which is the token of the transaction as well; `amount` what was taken or tried."""

    reference: str
    status: SettlementStatus
    amount: Decimal
    at: datetime
    transaction_id: str | None = None
    receipt_id: str | None = None
    receipt_url: str | None = None
    vat_number: str | None = None
    info: str | None = None


class SettlementAnswer(Struct, frozen=True, kw_only=True):
    """The answer to Settlement: where the receipt is, unless the station has one of its own."""

    receipt_url: str | None = None
    receipt_id: str | None = None


class VatNumber(Struct, frozen=True, kw_only=True):
    """VatNumberValidation: is this the number of a company that may have a receipt in its name?"""

    number: str


class Company(Struct, frozen=True, kw_only=True):
    """Whose number it is."""

    name: str
    address: str
    city: str
    country: str
    postal_code: str | None = None


class VatAnswer(Struct, frozen=True, kw_only=True):
    """The answer to VatNumber. `company` only where somebody who knows has said it; `reason` a word for what is wrong
    or not known."""

    valid: bool
    company: Company | None = None
    reason: str | None = None
