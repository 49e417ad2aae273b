"""What is wrong with a part of a request, in words: the decoder names Python's types and regular expressions."""

import re
from collections.abc import Mapping
from typing import Final

from forecourt.access.api.fields import EMAIL_PATTERN
from forecourt.drivers.api import TYPE_PATTERN, UID_PATTERN
from forecourt.platform.text import ONE_LINE
from forecourt.stations.api.fields import SITE_PATTERN
from forecourt.stations.api.registry import STATE_PATTERN
from forecourt.stations.model import IDENTITY_PATTERN, PASSWORD_PATTERN, STATION_STATES

MISSING_BODY: Final = "The body is missing. Send a JSON object"
ANYTHING_ELSE: Final = "This is not written in the form that the description of the API gives for it"
#: What each pattern of the API allows, by the pattern as the decoder quotes it.
_ALLOWED: Final[Mapping[str, str]] = {
    repr(IDENTITY_PATTERN): (
        "A station's id has no slash, no colon, no control characters and no blank at its ends, and is not . or .."
    ),
    repr(PASSWORD_PATTERN): "A station's password is of printable ASCII characters",
    repr(UID_PATTERN): "A token's uid has no control characters",
    repr(TYPE_PATTERN): "A token's type is of letters, digits, - and _",
    repr(STATE_PATTERN): f"The state is one of {', '.join(STATION_STATES)}",
    repr(ONE_LINE): "Control characters, such as a new line or marks that turn text around, are not allowed here",
    repr(r"^https?://[^\x00-\x20\x7f]+$"): "An address begins with http:// or https:// and has no blanks",
    repr(EMAIL_PATTERN): "This is no e-mail address",
    repr("^[a-z]{2,3}$"): "A language is two or three small letters, such as de",
    repr(r"^[^\x00]*$"): "The character NUL is not allowed here",
    repr(SITE_PATTERN): "A site is named by its id or its slug: small letters, digits and hyphens, 63 at most",
    repr(r"^[a-z0-9][a-z0-9-]{0,62}$"): "A slug is of small letters, digits and hyphens, 63 at most, no hyphen first",
    repr("^[A-Z]{2}$"): "A country is two capital letters, such as DE",
    repr("^[A-Za-z]{1,40}$"): "A state is of letters, such as Charging",
    repr("^[A-Za-z0-9]+$"): "An action is of letters and digits, such as GetConfiguration",
    repr("^[A-Za-z0-9]{1,64}$"): "An action is of letters and digits, 64 at most, such as GetConfiguration",
}
_REGEX: Final = re.compile(r"Expected `str` matching regex (.*)", re.DOTALL)
_MISSING: Final = re.compile(r"Object missing required field `(.*)`")
_SHORT: Final = re.compile(r"Expected `str` of length >= (\d+)")
_LONG: Final = re.compile(r"Expected `str` of length <= (\d+)")


def in_words(message: str) -> str:
    """The decoder's message as a person reads it, without a full stop; one that says it already stays as it is."""
    if (found := _REGEX.match(message)) is not None:
        return _ALLOWED.get(found[1], ANYTHING_ELSE)
    if (found := _MISSING.match(message)) is not None:
        return f"The field `{found[1]}` is missing"
    if (found := _SHORT.match(message)) is not None:
        return "This must not be empty" if found[1] == "1" else f"This must have at least {found[1]} characters"
    if (found := _LONG.match(message)) is not None:
        return f"This may have {found[1]} characters at most"
    return MISSING_BODY if message == "'data'" else message
