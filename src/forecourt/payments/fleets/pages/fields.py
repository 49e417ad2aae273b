"""The fields of forms about fleets: what each takes, and what is said of what it can't."""

import re
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from forecourt.drivers.fleets import api as limits
from forecourt.payments.bank.fields import Bic, HolderName, iban_typed
from forecourt.payments.companies.forms import vat_id_as
from forecourt.payments.fleets.model import (
    MANDATE_PATTERN,
    MAX_DAYS,
    MAX_FEE,
    MAX_LEVELS,
    Level,
    Seller,
    Terms,
)
from forecourt.payments.fleets.pages.words import LANGUAGES
from forecourt.payments.forms import (
    BIC_WRONG,
    COUNTRY_WRONG,
    CURRENCY_WRONG,
    EMAIL_WRONG,
    IBAN_WRONG,
    LINE_WRONG,
    MONEY_WRONG,
    NAME_WRONG,
    VAT_WRONG,
    WHOLE_WRONG,
    Field,
    amount_shown,
    country_of,
    day,
    email,
    limit_in,
    money_in,
    text_as,
    tick,
    whole,
)
from forecourt.ui.i18n import mark

TAKEN: Final = mark("is another fleet's already")
MANDATE_WRONG: Final = mark("must be of letters, digits and + ? / : ( ) . , ' -, 35 at most, and not another mandate's")
SIGNED_WRONG: Final = mark("must be a day such as 2026-03-01, and not one that is still to come")
CREDITOR_WRONG: Final = mark("must be as your bank gave it, such as DE98ZZZ09999999999")
LEVELS_WRONG: Final = mark(
    "must be like 7, 21:5.00, 35:10 - days, each more than the one before, with a fee where you ask one"
)
TAX_WRONG: Final = mark("or the VAT id must be there: an invoice needs one of both")
PREFIX_WRONG: Final = mark("must not be SB-: so begin the numbers of what hosts are billed by")
HOLDS_WRONG: Final = mark("must be the number of one of the reminders, or 0")
_SCHEMES: Final = (("CORE", mark("Core")), ("B2B", mark("Between businesses")))
_WAYS: Final = (("transfer", mark("Transfer")), ("debit", mark("Direct debit")))


def fleet_fields(currency: str, *, new: bool) -> list[Field]:
    """What a fleet is called, and may spend."""
    kinds = msgspec.structs.fields(limits.NewFleet)
    types = {field.name: field.type for field in kinds}
    fields = [
        Field(name="name", label=mark("Name"), read=text_as(types["name"]), wrong=NAME_WRONG, required=True),
        Field(name="email", label=mark("E-mail address"), read=email, wrong=EMAIL_WRONG, most=254,
              hint=mark("Invoices and reminders go there.")),
        Field(name="session_limit", label=mark("Limit of a session"), read=limit_in(currency), wrong=MONEY_WRONG,
              mode="decimal", most=20, hint=mark("With VAT; empty: none.")),
        Field(name="month_limit", label=mark("Monthly limit"), read=limit_in(currency), wrong=MONEY_WRONG,
              mode="decimal", most=20, hint=mark("Of all its drivers together, with VAT; empty: none.")),
    ]  # fmt: skip
    if new:
        kind = text_as(types["currency"], upper=True)
        asked = Field(name="currency", label=mark("Currency"), read=kind, wrong=CURRENCY_WRONG, required=True, most=3,
                      hint=mark("It stays."))  # fmt: skip
        return [fields[0], asked, *fields[1:]]
    return [*fields, Field(name="active", label=mark("Active"), read=tick, tick=True,
                           hint=mark("It pays for its drivers"))]  # fmt: skip


def party_fields(of: type[Any]) -> list[Field]:
    """Name and address of who issues, or gets, an invoice."""
    types = {field.name: field.type for field in msgspec.structs.fields(of)}
    return [
        Field(name="name", label=mark("Name"), read=text_as(types["name"]), wrong=NAME_WRONG, required=True,
              hint=mark("As it stands in the register of companies.")),
        Field(name="street", label=mark("Street"), read=text_as(types["street"]), wrong=NAME_WRONG, required=True),
        Field(name="postcode", label=mark("Postcode"), read=text_as(types["postcode"]), wrong=NAME_WRONG,
              required=True, most=20),
        Field(name="city", label=mark("City"), read=text_as(types["city"]), wrong=NAME_WRONG, required=True, most=100),
        Field(name="country", label=mark("Country"), read=country_of, wrong=COUNTRY_WRONG,
              required=True, most=2, hint=mark("Two letters, such as DE.")),
        Field(name="vat_id", label=mark("VAT id"), read=vat_id_as(types["vat_id"]), wrong=VAT_WRONG, most=20),
    ]  # fmt: skip


def terms_fields() -> list[Field]:
    """Whom a fleet's invoices are for, and how they are paid."""
    types = {field.name: field.type for field in msgspec.structs.fields(Terms)}
    return [
        *party_fields(Terms),
        Field(name="buyer_reference", label=mark("Their reference"), read=text_as(types["buyer_reference"]),
              wrong=LINE_WRONG, most=60, hint=mark("An order number that they want to read on each invoice.")),
        Field(name="language", label=mark("Language"), read=text_as(types["language"]), choices=LANGUAGES),
        Field(name="days", label=mark("Days to pay"), read=whole(0, MAX_DAYS), wrong=WHOLE_WRONG, mode="numeric",
              required=True, most=3),
        Field(name="pays_by", label=mark("Pays by"), read=text_as(types["pays_by"]), choices=_WAYS,
              hint=mark("A direct debit needs a mandate; until there is one, they transfer.")),
        Field(name="dunned", label=mark("Reminders"), read=tick, tick=True,
              hint=mark("They are reminded of what is overdue")),
    ]  # fmt: skip


def mandate_fields() -> list[Field]:
    """A mandate as it was signed."""
    return [
        Field(name="reference", label=mark("Mandate reference"), read=_mandate, wrong=MANDATE_WRONG, required=True,
              most=35, hint=mark("As it stands on the paper that was signed.")),
        Field(name="signed_on", label=mark("Signed on"), read=day, wrong=SIGNED_WRONG, required=True, most=10,
              hint=mark("Such as 2026-03-01.")),
        Field(name="holder", label=mark("Account holder"), read=text_as(HolderName), wrong=NAME_WRONG, required=True,
              most=70),
        Field(name="iban", label=mark("IBAN"), read=iban_typed, wrong=IBAN_WRONG, required=True, most=60),
        Field(name="bic", label=mark("BIC"), read=text_as(Bic, upper=True), wrong=BIC_WRONG, most=11,
              hint=mark("Only for accounts outside of the EU.")),
        Field(name="scheme", label=mark("Scheme"), read=str, choices=_SCHEMES),
    ]  # fmt: skip


def _mandate(text: str) -> str:
    if not re.fullmatch(MANDATE_PATTERN.removeprefix("^").removesuffix("$"), text):
        raise ValueError(text)
    return text


def seller_fields() -> list[Field]:
    """Who issues invoices, and how who is late is reminded."""
    types = {field.name: field.type for field in msgspec.structs.fields(Seller)}
    return [
        *party_fields(Seller),
        Field(name="tax_number", label=mark("Tax number"), read=text_as(types["tax_number"]), wrong=TAX_WRONG, most=40),
        Field(name="email", label=mark("E-mail address"), read=email, wrong=EMAIL_WRONG, most=254),
        Field(name="prefix", label=mark("Numbers begin with"), read=text_as(types["prefix"], upper=True),
              wrong=LINE_WRONG, most=12, hint=mark("FC- makes FC-2026-00001.")),
        Field(name="creditor_id", label=mark("Creditor id"), read=text_as(types["creditor_id"], upper=True),
              wrong=CREDITOR_WRONG, most=35, hint=mark("For direct debits, from your central bank.")),
        Field(name="levels", label=mark("Reminders after days"), read=read_levels, wrong=LEVELS_WRONG, most=60,
              hint=mark("Such as 7, 21:5.00, 35:10 - the second asks a fee of 5.00.")),
        Field(name="holds_from", label=mark("Drivers are held from"), read=whole(0, MAX_LEVELS), wrong=HOLDS_WRONG,
              mode="numeric", most=1, hint=mark("From this reminder on they start nothing; 0: never.")),
    ]  # fmt: skip


def read_levels(text: str) -> list[Level]:
    """Days with fees in hundredths: `7, 21:5.00`."""
    found: list[Level] = []
    for part in filter(None, (part.strip() for part in text.replace(";", ",").split(","))):
        days, _, fee = part.partition(":")
        found.append(Level(days=whole(1, MAX_DAYS)(days.strip()), fee=money_in("EUR")(fee) or 0))
    after = [level.days for level in found]
    if len(found) > MAX_LEVELS or after != sorted(set(after)) or any(level.fee > MAX_FEE for level in found):
        raise ValueError(text)
    return found


def levels_shown(levels: Sequence[Level]) -> str:
    """Levels as their field holds them."""
    return ", ".join(
        f"{level.days}:{amount_shown(level.fee, 'EUR')}" if level.fee else str(level.days) for level in levels
    )
