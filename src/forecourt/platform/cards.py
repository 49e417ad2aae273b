"""Numbers of payment cards, to be recognised and kept out. Pure.

What is looked for is 13 to 19 digits, perhaps with blanks or hyphens between, that begin as those of cards do, stand by
themselves, and whose last digit is right (Luhn). The uids of RFID cards are hexadecimal: those of 8 and of 20
characters are too short or too long for a payment card, those of 14 have the length of one scheme alone. So a `uid` of
14 digits is taken for what it says it is. UUIDs, of which some are nearly all digits, are none.
"""

import re
from collections.abc import Iterator
from typing import Final

MASK: Final = "[card number]"
#: Digits of the shortest and of the longest.
LEAST: Final = 13
MOST: Final = 19
#: The length of the uid of an RFID card that is all digits and could be a payment card's.
UID_LENGTH: Final = 14
#: Numbers with what may stand between their parts; nothing that was taken is given back, so time is linear.
_RUN: Final = re.compile(r"[0-9](?:[ +-]?[0-9]){12,}+")
_PART: Final = re.compile(r"[0-9]+")
_UUID: Final = re.compile(r"(?<![\w.-])[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}(?![\w-])")
_NO_NUMBER: Final = "\0" * 36
#: How parts are long where a number is written in some.
_LAYOUTS: Final = ((4, 4, 4, 4, 3), (4, 4, 4, 4), (4, 6, 5), (4, 6, 4), (4, 4, 4, 1))
#: How the numbers of brands begin, and how long they are then (ISO/IEC 7812).
_BRANDS: Final = re.compile(
    r"4(?:[0-9]{12}|[0-9]{15}|[0-9]{18})|5[1-5][0-9]{14}|2[2-7][0-9]{14}|3[47][0-9]{13}|3(?:0[0-5]|[68][0-9])[0-9]{11}"
    r"|35[0-9]{14}|6(?:011|4[4-9][0-9]|5[0-9]{2})[0-9]{12}|62[0-9]{14,17}"
    r"|(?:5018|5020|5038|5893|6304|6759|676[1-3])[0-9]{9,15}"
)
#: Digits of other scripts, which are digits to whoever reads them.
_OTHER_DIGIT: Final = re.compile(r"(?![0-9])\d")
#: Every byte that may be in such a number becomes a nought.
_FLAT: Final = bytes(0x30 if chr(byte) in "0123456789 +-" else byte for byte in range(256))
_LONG: Final = b"0" * LEAST
#: The backslash of JSON, as a number: bytes are searched for one several times as fast.
_BACKSLASH: Final = 0x5C


def holds_card(text: str, *, uid: bool = False) -> bool:
    """Whether something in a text may be the number of a card. `uid`: it is what an RFID card calls itself."""
    return next(_spans(text, uid), None) is not None


def masked(text: str, *, uid: bool = False) -> str:
    """A text without numbers of cards; the same object where there are none."""
    kept, end = "", 0
    for first, last in _spans(text, uid):
        kept += text[end:first] + MASK
        end = last
    return kept + text[end:] if kept else text


def may_hold_card(raw: bytes) -> bool:
    """Whether it is worth looking for numbers of cards in a JSON text: a guess that misses none, in a microsecond a
    kilobyte. Escapes could spell digits, and what may stand between them; so could letters of other scripts."""
    return _LONG in raw.translate(_FLAT) or (_BACKSLASH in raw and b"\\u" in raw) or not raw.isascii()


def is_card(number: str) -> bool:
    """Whether digits, perhaps with blanks or hyphens between, are the number of a card."""
    digits = "".join(each for each in number if each in "0123456789")
    if _BRANDS.fullmatch(digits) is None:
        return False
    figures = [int(each) for each in digits]
    doubled = [sum(divmod(2 * figure, 10)) for figure in figures[-2::-2]]
    return (sum(figures[::-2]) + sum(doubled)) % 10 == 0


def _spans(text: str, uid: bool) -> Iterator[tuple[int, int]]:
    """Where numbers of cards stand, from left to right."""
    if not text.isascii():
        text = _OTHER_DIGIT.sub(lambda found: str(int(found[0])), text)
    text = _UUID.sub(_NO_NUMBER, text)
    for run in _RUN.finditer(text):
        first, last = run.span()
        # A part that a word goes on with is no number of its own.
        parts = [each.span() for each in _PART.finditer(text, first, last)]
        if first and (text[first - 1].isalnum() or text[first - 1] in "._-"):
            del parts[0]
        if parts and _goes_on(text, last):
            del parts[-1]
        if uid and len(parts) == 1 and parts[0] == (0, len(text)) and len(text) == UID_LENGTH:
            continue
        yield from _in_parts(text, parts)


def _goes_on(text: str, last: int) -> bool:
    after = text[last : last + 2]
    return after[:1].isalnum() or after[:1] in ("_", "-") or (after[:1] == "." and after[1:].isdigit())


def _in_parts(text: str, parts: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Of parts beside each other: all of them, one, or as many as a card's number is written in."""
    if not parts:
        return
    if sum(last - first for first, last in parts) <= MOST and is_card(text[parts[0][0] : parts[-1][1]]):
        yield parts[0][0], parts[-1][1]
        return
    place = 0
    while place < len(parts):
        taken = next((many for many in _lengths(parts, place) if is_card(_joined(text, parts, place, many))), 0)
        if taken:
            yield parts[place][0], parts[place + taken - 1][1]
        place += taken or 1


def _lengths(parts: list[tuple[int, int]], place: int) -> Iterator[int]:
    """How many parts from this one on may be one number."""
    sizes = tuple(last - first for first, last in parts[place : place + 5])
    yield from (len(layout) for layout in _LAYOUTS if sizes[: len(layout)] == layout)
    if LEAST <= sizes[0] <= MOST:
        yield 1


def _joined(text: str, parts: list[tuple[int, int]], place: int, many: int) -> str:
    return text[parts[place][0] : parts[place + many - 1][1]]
