"""What a line of text that people write may hold; and what in a file is text."""

import re
from typing import Final

#: No control characters, and none of those that turn the text around them (UAX #9: embeddings, overrides, isolates):
#: with them a name could rewrite what stands beside it.
HIDDEN: Final = r"\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069"
#: What takes no room on a page, nor is a blank (Unicode's Default_Ignorable_Code_Point, and the marks of direction).
WIDTHLESS: Final = (
    r"\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2060-\u2065\u3164\ufe00-\ufe0f\ufeff\uffa0"
)
#: Where a text may also be empty.
ONE_LINE: Final = rf"^[^{HIDDEN}]*$"
#: A name that people give: one line with something to be seen in it. U+2800 is a Braille pattern without dots.
NAME_LINE: Final = rf"^(?=[\s\u2800{WIDTHLESS}]*[^\s\u2800{WIDTHLESS}])[^{HIDDEN}]*$"

_nothing = re.compile(rf"[\s\u2800{WIDTHLESS}]*")


def seen(text: str) -> str:
    """The text without the blanks around it; empty where there is nothing in it to be seen."""
    return "" if _nothing.fullmatch(text) else text.strip()


def text_of(raw: bytes) -> str:
    """The text of a file in UTF-8. ValueError, in words, which name the first line that is none."""
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as fault:
        line = raw.count(b"\n", 0, fault.start) + 1
        raise ValueError(f"Line {line} is no text in UTF-8. Save it as UTF-8.") from None
