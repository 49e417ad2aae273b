"""Numbers of payment cards, to be recognised and kept out. Pure.

What is looked for is 13 to 19 digits, perhaps with blanks or hyphens between, that begin as those of cards do, stand by
themselves, and whose last digit is right (Luhn).
"""

import re
from typing import Final

MASK: Final = "[card number]"
_RUN: Final = re.compile(r"(?<![0-9A-Za-z._-])[2-6](?:[ +-]?[0-9]){12,18}(?![0-9A-Za-z._-])")
#: How the numbers of brands begin, and how long they are then (ISO/IEC 7812).
_BRANDS: Final = re.compile(
    r"4(?:[0-9]{12}|[0-9]{15}|[0-9]{18})|5[1-5][0-9]{14}|2[2-7][0-9]{14}|3[47][0-9]{13}|3(?:0[0-5]|[68][0-9])[0-9]{11}"
    r"|35[0-9]{14}|6(?:011|4[4-9][0-9]|5[0-9]{2})[0-9]{12}|62[0-9]{14,17}"
)


#: Digits of other scripts, which are digits to whoever reads them.
_OTHER_DIGIT: Final = re.compile(r"(?![0-9])\d")


def holds_card(text: str) -> bool:
    """Whether something in a text may be the number of a card."""
    return any(_is_card(found[0]) for found in _RUN.finditer(_OTHER_DIGIT.sub(_plain, text)))


def masked(text: str) -> str:
    """A text without numbers of cards."""
    return _RUN.sub(lambda found: MASK if _is_card(found[0]) else found[0], text)


def _plain(found: re.Match[str]) -> str:
    return str(int(found[0]))


def _is_card(run: str) -> bool:
    number = "".join(each for each in run if each.isdecimal())
    if _BRANDS.fullmatch(number) is None:
        return False
    digits = [int(each) for each in number]
    doubled = [sum(divmod(2 * digit, 10)) for digit in digits[-2::-2]]
    return (sum(digits[::-2]) + sum(doubled)) % 10 == 0
