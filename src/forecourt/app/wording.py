"""What is wrong with a part of a request, in words: the decoder names Python's types and regular expressions."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec

from forecourt.access.api.fields import EMAIL_PATTERN
from forecourt.driver.account.api.fields import CODE_PATTERN, ID_TOKEN_PATTERN, STEP_PATTERN
from forecourt.driver.api import RETURN_PATTERN
from forecourt.driver.brands import (
    COLOUR_PATTERN,
    DOMAIN_PATTERN,
    IMPRINT_PATTERN,
    PHONE_PATTERN,
    SLUG_PATTERN,
)
from forecourt.drivers.accounts.model import EMAIL_PATTERN as DRIVERS_EMAIL_PATTERN
from forecourt.drivers.accounts.model import TEXT_VERSION_PATTERN
from forecourt.drivers.accounts.providers import APP_REDIRECT_PATTERN
from forecourt.drivers.api import TYPE_PATTERN, UID_PATTERN
from forecourt.drivers.autocharge.model import MAC_PATTERN
from forecourt.drivers.fleets.api import MONTH_PATTERN, TERMS_PATTERN, VAT_PATTERN
from forecourt.energy.api.signals import ZONE_PATTERN
from forecourt.energy.feeds.model import AREA_PATTERN
from forecourt.loyalty.model.uses import CODE_PATTERN as VOUCHER_PATTERN
from forecourt.payments.accounts.api import ACCOUNT_PATTERN, KEY_PATTERN, MERCHANT_PATTERN, PREFIX_PATTERN
from forecourt.payments.bank.fields import BIC_PATTERN
from forecourt.payments.fleets.model import CREDITOR_PATTERN, MANDATE_PATTERN, NUMBERS_PATTERN, VAT_ID_PATTERN
from forecourt.payments.hosts.api.hosts import EXPENSE_KEY_PATTERN, EXPENSE_PATTERN
from forecourt.payments.hosts.model import FLEET_PATTERN
from forecourt.payments.readers.model import REFERENCE_PATTERN
from forecourt.platform.text import NAME_LINE, ONE_LINE
from forecourt.pricing.model import TIME_PATTERN
from forecourt.stations.api.fields import SITE_PATTERN
from forecourt.stations.api.registry import STATE_PATTERN
from forecourt.stations.model import IDENTITY_PATTERN, PASSWORD_PATTERN, STATION_STATES

MISSING_BODY: Final = "The body is missing. Send a JSON object"
ANYTHING_ELSE: Final = "This is not written in the form that the description of the API gives for it"
#: What each pattern of the API allows, by the pattern as the decoder quotes it.
_ALLOWED: Final[Mapping[str, str]] = {
    repr(IDENTITY_PATTERN): (
        "A station's id has no slash, no colon, no characters that are not seen and no blank at its ends, and is"
        " not . or .."
    ),
    repr(PASSWORD_PATTERN): "A station's password is of printable ASCII characters",
    repr(UID_PATTERN): "A token's uid has no control characters",
    repr(TYPE_PATTERN): "A token's type is of letters, digits, - and _",
    repr(STATE_PATTERN): f"The state is one of {', '.join(STATION_STATES)}",
    repr(ONE_LINE): "Control characters, such as a new line or marks that turn text around, are not allowed here",
    repr(NAME_LINE): (
        "This must hold something that can be seen, and no control characters, such as a new line or marks that turn"
        " text around"
    ),
    repr(VOUCHER_PATTERN): (
        "The code of a voucher is of 3 to 32 letters and digits; blanks, hyphens and underscores may stand between them"
    ),
    repr(r"^[0-9a-f]{64}$"): "A fingerprint is of 64 hex digits, in lower case",
    repr(r"^https?://[^\x00-\x20\x7f]+$"): "An address begins with http:// or https:// and has no blanks",
    repr(EMAIL_PATTERN): "This is no e-mail address",
    repr("^[a-z]{2,3}$"): "A language is two or three small letters, such as de",
    repr(r"^[^\x00]*$"): "The character NUL is not allowed here",
    repr(SITE_PATTERN): "A site is named by its id or its slug: small letters, digits and hyphens, 63 at most",
    repr(r"^[a-z0-9][a-z0-9-]{0,62}$"): "A slug is of small letters, digits and hyphens, 63 at most, no hyphen first",
    repr(ACCOUNT_PATTERN): "An account's name is of small letters, digits and hyphens, 40 at most, no hyphen first",
    repr(REFERENCE_PATTERN): "A card reader's name at its provider is of letters, digits and underscores, 100 at most",
    repr(MERCHANT_PATTERN): "A merchant account is of letters, digits, underscores and hyphens, 80 at most",
    repr(PREFIX_PATTERN): "A prefix of live addresses is of letters, digits and hyphens, 80 at most",
    repr(KEY_PATTERN): "A key of a provider is of printable ASCII characters without blanks",
    repr(SLUG_PATTERN): "A name in addresses is of small letters, digits and hyphens, 40 at most, none first or last",
    repr(MONTH_PATTERN): "A month is written as 2026-03",
    repr(MAC_PATTERN): "A car's address is of twelve hexadecimal digits, by twos, with : or - between them or nothing",
    repr(VAT_PATTERN): "A rate of VAT is a percentage below 100 with two decimals at the most, such as 5.5",
    repr(STEP_PATTERN): "A step is sent as it was answered: letters, digits, - and _",
    repr(ID_TOKEN_PATTERN): "An ID token is three parts with points between them, as the provider gave it",
    repr(APP_REDIRECT_PATTERN): (
        "The redirect URI of an app begins with https://, or with a scheme of its maker such as com.example.app:/"
    ),
    repr(TERMS_PATTERN): "The address of terms begins with https:// and has no blanks",
    repr(CODE_PATTERN): "A code is of letters and digits; blanks and hyphens in it don't matter",
    repr(TEXT_VERSION_PATTERN): "A version of a text is named by letters, digits, points, - and _",
    repr("^[a-z0-9-]{1,40}$"): "A name in addresses is of small letters, digits and hyphens, 40 at most",
    repr(COLOUR_PATTERN): "A colour is # and six small hexadecimal digits, such as #0a7a4b",
    repr(DOMAIN_PATTERN): "A domain is a host name in small letters, such as charge.example.com",
    repr(PHONE_PATTERN): "A telephone number is of digits, blanks and + ( ) / -",
    repr(DRIVERS_EMAIL_PATTERN): "This is no e-mail address",
    repr(IMPRINT_PATTERN): "An address begins with https:// and has no blanks",
    repr(RETURN_PATTERN): "An address to return to begins with https:// or with the scheme of an app of yours",
    repr("^[A-Z]{2}$"): "A country is two capital letters, such as DE",
    repr("^[A-Z]{3}$"): "A currency is three capital letters, such as EUR",
    repr("^[A-Z0-9]{3}$"): "A party is three capital letters or digits, such as ABC",
    repr("^[0-9]{2}-[0-9]{2}$"): "A day of the year is month and day, two digits each, such as 04-01",
    repr(BIC_PATTERN): "A BIC is of 8 or 11 capital letters and digits, such as COBADEFFXXX",
    repr(VAT_ID_PATTERN): "A VAT id begins with its country, such as DE136695976",
    repr(NUMBERS_PATTERN): "A prefix of numbers is of capital letters, digits and hyphens, 12 at most",
    repr(CREDITOR_PATTERN): "A creditor id begins with its country and two digits, such as DE98ZZZ09999999999",
    repr(MANDATE_PATTERN): "A mandate's reference is of letters, digits and + ? / : ( ) . , ' -, 35 at most",
    repr(FLEET_PATTERN): "A fleet's name has no colon and no control characters",
    repr(EXPENSE_KEY_PATTERN): "An expense's key is of letters, digits, points, hyphens and underscores",
    repr(EXPENSE_PATTERN): "A kind of expense is of small letters and underscores, 40 at most, such as energy",
    repr(TIME_PATTERN): "A time of day is hours and minutes, two digits each, such as 17:00",
    repr(ZONE_PATTERN): "A bidding zone is of letters, digits, points, hyphens and underscores, 40 at most, such as NL",
    repr(AREA_PATTERN): (
        "An area is of capital letters, digits, hyphens and underscores, as its market calls it, such as DE_LU or SE3"
    ),
    repr("^[A-Za-z]{1,40}$"): "A state is of letters, such as Charging",
    repr("^[A-Za-z0-9]+$"): "An action is of letters and digits, such as GetConfiguration",
    repr("^[A-Za-z0-9]{1,64}$"): "An action is of letters and digits, 64 at most, such as GetConfiguration",
}
#: How a time must be written.
MOMENT: Final = "Write a time as RFC 3339 does, such as 2026-03-01T12:00:00Z"
WHOLE_NUMBER: Final = "This must be a whole number, written in digits"
#: Characters of a refused value that are told back.
MAX_QUOTED: Final = 80
_TOO_LARGE: Final = "This number is larger than any that is taken"
_HALF: Final = (
    "The body holds half of a character (an escape from \\ud800 to \\udfff without its other half). Leave it out or"
    " send the whole character"
)
#: What the decoder says in one way only.
_SAID: Final[Mapping[str, str]] = {
    "'data'": MISSING_BODY,
    "Invalid RFC3339 encoded datetime": MOMENT,
    "Invalid RFC3339 encoded date": "Write a day as 2026-03-01",
    "Invalid RFC3339 encoded time": "Write a time of day with its seconds, such as 18:00:00",
    "Expected `datetime` with a timezone component": (
        "The time says no zone. End it with Z for UTC or with an offset, such as 2026-03-01T12:00:00Z"
    ),
    "Integer value out of range": _TOO_LARGE,
    "Number out of range": _TOO_LARGE,
    "Invalid decimal string": "This must be a decimal number, such as 12.5",
    "Invalid UUID": "This is no UUID, such as 0d3f7a52-6c1e-4b0e-9a55-3c2f0e8b7d11",
}
_ENUM: Final = re.compile(r"Invalid (?:enum )?value (.*)", re.DOTALL)
_MOMENT: Final = re.compile(r"Expected `datetime( \| null)?`, got ")
_STEP: Final = re.compile(r"\[[^\]]*\]|[^.\[\]]+")
_BYTE: Final = re.compile(r"\(byte (\d+)\)$")
_REGEX: Final = re.compile(r"Expected `str` matching regex (.*)", re.DOTALL)
_MISSING: Final = re.compile(r"Object missing required field `(.*)`")
_BOUND: Final = re.compile(r"Expected `(?:int|float|decimal)(?: \| null)?` (>=|<=|>|<) (\S+)$")
_COUNT: Final = re.compile(r"Expected `(array|object)(?: \| null)?` of length (>=|<=) (\d+)$")
_KIND: Final = re.compile(r"Expected `([^`]*)`, got `([^`]*)`$")
_UNKNOWN: Final = re.compile(r"Object contains unknown field `(.*)`$", re.DOTALL)
#: The decoder's types as a person calls them.
_KINDS: Final[Mapping[str, str]] = {
    "int": "a whole number", "float": "a number", "decimal": "a decimal number", "str": "text", "bool": "true or false",
    "array": "a list", "object": "an object", "null": "null", "uuid": "a UUID", "bytes": "text in base64",
    "datetime": "a time such as 2026-03-01T12:00:00Z", "date": "a day such as 2026-03-01",
    "time": "a time of day such as 18:00:00",
}  # fmt: skip
_PARTS: Final = {"array": ("entry", "entries"), "object": ("field", "fields")}
_BOUNDS: Final[Mapping[str, str]] = {
    ">=": "This must be {} or more", "<=": "This must be {} or less", ">": "This must be more than {}",
    "<": "This must be less than {}",
}  # fmt: skip
_SHORT: Final = re.compile(r"Expected `str` of length >= (\d+)")
_LONG: Final = re.compile(r"Expected `str` of length <= (\d+)")


def in_words(message: str, allowed: Sequence[str] = ()) -> str:
    """The decoder's message as a person reads it, without a full stop; one that says it already stays as it is.

    `allowed` are the values that could stand there, where only some can.
    """
    if (found := _ENUM.match(message)) is not None and allowed:
        return f"{cut(found[1])} is none of the values that can stand here: {', '.join(allowed)}"
    if _MOMENT.match(message) is not None:
        return MOMENT
    if (found := _REGEX.match(message)) is not None:
        return _ALLOWED.get(found[1], ANYTHING_ELSE)
    if (found := _MISSING.match(message)) is not None:
        return f"The field `{found[1]}` is missing"
    if (found := _SHORT.match(message)) is not None:
        return "This must not be empty" if found[1] == "1" else f"This must have at least {found[1]} characters"
    if (found := _LONG.match(message)) is not None:
        return f"This may have {found[1]} characters at most"
    return _SAID.get(message) or _of_numbers_and_kinds(message) or message


def _of_numbers_and_kinds(message: str) -> str | None:
    """In words what the decoder says of bounds, lengths and types; None where it is about something else."""
    if (found := _BOUND.match(message)) is not None:
        return _BOUNDS[found[1]].format(found[2])
    if (found := _COUNT.match(message)) is not None:
        one, several = _PARTS[found[1]]
        parts = f"{found[3]} {one if found[3] == '1' else several}"
        return f"This must have {'at least' if found[2] == '>=' else 'at most'} {parts}"
    if (found := _KIND.match(message)) is not None:
        wanted = [_KINDS.get(each, each) for each in found[1].split(" | ")]
        return f"This must be {' or '.join(wanted)}, and is {_KINDS.get(found[2], found[2])}"
    if (found := _UNKNOWN.match(message)) is not None:
        return f"There is no field `{cut(found[1])}` here"
    return None


def no_json_in_words(body: bytes, message: str) -> str:
    """Why a body is no JSON at all; the decoder counts bytes, and says of half a character that the body ends."""
    if "surrogate" in message or (message == "Input data was truncated" and _is_whole(body)):
        return _HALF
    if message == "Input data was truncated":
        return "The body is no JSON: it ends too early. A bracket or a quotation mark may be missing"
    found = _BYTE.search(message)
    if found is not None and body[int(found[1]) :].startswith((b"NaN", b"Infinity")):
        return f"JSON has no NaN and no Infinity (byte {found[1]}). Send a number or null, or leave the field out"
    return f"The body is no JSON: {message.removeprefix('JSON is malformed: ')}"


def allowed_values(kind: Any, path: str) -> list[str]:
    """The values of which one must stand at a place such as `events[0]` in what is decoded as `kind`; none where
    anything can."""
    types = [msgspec.inspect.type_info(kind)]
    for step in _STEP.findall(path):
        types = [below for each in _alternatives(types) for below in _below(each, step)]
    values: list[Any] = []
    for each in _alternatives(types):
        if isinstance(each, msgspec.inspect.LiteralType):
            values += each.values
        elif isinstance(each, _Tag):
            values.append(each.tag)
        elif isinstance(each, msgspec.inspect.EnumType):
            values += [member.value for member in each.cls]
    return [str(value) for value in values]


class _Tag(msgspec.inspect.Type):
    """What stands in the field by which one of several structs is chosen."""

    tag: str | int


def _alternatives(types: Iterable[msgspec.inspect.Type]) -> Iterator[msgspec.inspect.Type]:
    for each in types:
        if isinstance(each, msgspec.inspect.Metadata):
            yield from _alternatives([each.type])
        elif isinstance(each, msgspec.inspect.UnionType):
            yield from _alternatives(each.types)
        else:
            yield each


def _below(kind: msgspec.inspect.Type, step: str) -> list[msgspec.inspect.Type]:
    """What stands at one step within a type: the field of a struct, any item of a list, any value of an object."""
    if isinstance(kind, msgspec.inspect.StructType):
        if kind.tag is not None and step == kind.tag_field:
            return [_Tag(kind.tag)]
        return [field.type for field in kind.fields if field.encode_name == step]
    if isinstance(kind, msgspec.inspect.DictType):
        return [kind.value_type]
    if isinstance(kind, (msgspec.inspect.ListType, msgspec.inspect.VarTupleType, msgspec.inspect.SetType)):
        return [kind.item_type]
    return []


def _is_whole(body: bytes) -> bool:
    try:
        json.loads(body)
    except ValueError:
        return False
    return True


def cut(text: str) -> str:
    """A refused value as it is told back: MAX_QUOTED characters of it at the most."""
    return text if len(text) <= MAX_QUOTED else f"{text[:MAX_QUOTED]}…"
