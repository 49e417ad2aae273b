"""Forms of money pages: what each field means, and what was typed is kept where something is wrong with it."""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any, Final

import msgspec
from litestar import Request
from msgspec import Struct

from forecourt.drivers.accounts.model import EMAIL_PATTERN
from forecourt.platform.countries import countries
from forecourt.platform.money import currencies, minor_digits
from forecourt.ui.i18n import mark
from forecourt.ui.numbers import NoNumber, decimal, plain

#: Characters of one field that are read.
MAX_TYPED: Final = 1_000

CURRENCY_WRONG: Final = mark("must be the three letters of a currency that people pay in, such as EUR")
NAME_WRONG: Final = mark("must hold something that can be seen, on one line")
LINE_WRONG: Final = mark("is too long, or holds what no line may")
COUNTRY_WRONG: Final = mark("must be the two letters of a country, such as DE")
MONEY_WRONG: Final = mark("must be an amount such as 12.50, not below 0")
DAY_WRONG: Final = mark("must be a day such as 2026-03-01")
WHOLE_WRONG: Final = mark("must be a whole number, and not as large as that")
VAT_WRONG: Final = mark("is none: it begins with the country, such as DE136695976, and no digit may be wrong")
EMAIL_WRONG: Final = mark("must be an e-mail address")
IBAN_WRONG: Final = mark("is none: a digit is wrong or missing. Copy it from a statement of the bank")
BIC_WRONG: Final = mark("must be of 8 or 11 capital letters and digits")

Read = Callable[[str], Any]
Typed = Mapping[str, str]


class Field(Struct, frozen=True, kw_only=True):
    """One field: its words, how it is read (ValueError: it can't be), and what is said then. `choices` make it a list;
    `tick` a box, whose text is `yes` or nothing."""

    name: str
    label: str
    read: Read
    wrong: str = ""
    hint: str = ""
    required: bool = False
    choices: Sequence[tuple[str, str]] = ()
    tick: bool = False
    mode: str = "text"
    most: int = 200


def text_as(kind: Any, *, upper: bool = False) -> Read:
    """Text that a field of the API would take."""

    def read(text: str) -> Any:
        try:
            return msgspec.convert(text.upper() if upper else text, kind)
        except msgspec.ValidationError as fault:
            raise ValueError(text) from fault

    return read


def country_of(text: str) -> str:
    """The code of a country."""
    if text.upper() not in countries():
        raise ValueError(text)
    return text.upper()


def currency_of(text: str) -> str:
    """The code of a currency that people pay in."""
    if text.upper() not in currencies():
        raise ValueError(text)
    return text.upper()


def money_in(currency: str, *, below: bool = False) -> Read:
    """An amount of that currency in minor units; None for nothing. `below`: it may be below 0."""

    def read(text: str) -> int | None:
        value = decimal(text)
        if value is None:
            return None
        minor = value.scaleb(minor_digits(currency))
        if minor != minor.to_integral_value() or (minor < 0 and not below) or abs(minor) > 10**12:
            raise NoNumber(text)
        return int(minor)

    return read


def minor_of(text: str, currency: str) -> int | None:
    """What somebody wrote as an amount, in minor units; None where it is none."""
    try:
        found: int | None = money_in(currency)(text)
    except NoNumber:
        return None
    return found


def limit_in(currency: str) -> Read:
    """An amount above 0; None for nothing."""
    read = money_in(currency)

    def limit(text: str) -> int | None:
        value: int | None = read(text)
        if value == 0:
            raise NoNumber(text)
        return value

    return limit


def email(text: str) -> str:
    """An e-mail address, or nothing."""
    if text and not re.fullmatch(EMAIL_PATTERN.removeprefix("^").removesuffix("$"), text):
        raise ValueError(text)
    return text


def percent(text: str) -> Decimal:
    """From 0 to 100, with two decimals; nothing is 0."""
    value = decimal(text) or Decimal(0)
    if not 0 <= value <= 100 or value != round(value, 2):
        raise NoNumber(text)
    return value


def day(text: str) -> date:
    """A day of the calendar."""
    return date.fromisoformat(text)


def whole(least: int, most: int) -> Read:
    """A whole number from `least` to `most`."""

    def read(text: str) -> int:
        if not text.isascii() or not text.isdecimal() or not least <= int(text[:13]) <= most:
            raise NoNumber(text)
        return int(text)

    return read


def tick(text: str) -> bool:
    """Whether a box was ticked."""
    return text == "yes"


async def typed_of(request: Request[Any, Any, Any], fields: Sequence[Field]) -> dict[str, str]:
    """What was typed into each field."""
    form = await request.form()
    return {field.name: str(form.get(field.name, ""))[:MAX_TYPED].strip() for field in fields}


def read_form(fields: Sequence[Field], typed: Typed) -> tuple[dict[str, Any], dict[str, str]]:
    """What a form means, and what is wrong with each of its fields."""
    values: dict[str, Any] = {}
    wrong: dict[str, str] = {}
    for field in fields:
        try:
            values[field.name] = field.read(typed[field.name])
        except ValueError:
            wrong[field.name] = field.wrong
    return values, wrong


def shown(value: Any) -> str:
    """A value as its field holds it."""
    if isinstance(value, bool):
        return "yes" if value else ""
    if isinstance(value, date):
        return value.isoformat()
    return plain(value) if isinstance(value, Decimal | float) else "" if value is None else str(value)


def amount_shown(amount: int | None, currency: str) -> str:
    """An amount as its field holds it: 1190.00, as `money_in` reads it."""
    digits = minor_digits(currency)
    return "" if amount is None else f"{Decimal(amount).scaleb(-digits):.{digits}f}"
