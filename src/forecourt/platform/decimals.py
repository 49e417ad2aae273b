"""Decimal numbers as people and programs write them: digits with a point, and nothing that Python takes beside them."""

import re
from decimal import Decimal
from typing import Final

#: What is a number: no underscores between digits, no exponent, no blanks, no digits of other scripts.
PLAIN: Final = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)")


def plain_decimal(text: str) -> Decimal:
    """The number that a text is. Raises ValueError for one that is written in any other way, such as 1_0, 1e3, NaN."""
    if PLAIN.fullmatch(text) is None:
        raise ValueError(text)
    return Decimal(text)
