"""Decimals in the JSON of a request: as text they are digits with a point. The decoder takes whatever Python does."""

import re
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

import msgspec
from msgspec import Struct

from forecourt.platform.decimals import PLAIN

#: Strings that could be a number of Python's and are none of JSON's; words of these letters are looked at in vain.
_SUSPECT: Final = re.compile(rb'"(?:[-+\s0-9_.\\ua-f\x80-\xff]*|\s*[-+]?(?:s?nan\d*|inf(?:inity)?)\s*)"', re.IGNORECASE)
_PLAIN: Final = re.compile(rb'"[-+]?[0-9.]*"')
#: What is said of such a number.
DIGITS: Final = "Write this number in digits with a point, such as 12.5, without underscores, blanks or an exponent"


def misread(body: bytes, decoded: Any) -> str | None:
    """The place of the first decimal that was written in another way, such as `elements[0].price`; None: none was.

    `decoded` is what came of the body."""
    if all(_PLAIN.fullmatch(found[0]) for found in _SUSPECT.finditer(body)):
        return None
    return next(_misread(decoded, msgspec.json.decode(body), ""), None)


def _misread(decoded: Any, raw: Any, place: str) -> Iterator[str]:
    if isinstance(decoded, Decimal):
        if isinstance(raw, str) and PLAIN.fullmatch(raw) is None:
            yield place
    elif isinstance(decoded, Struct) and isinstance(raw, Mapping):
        for name, written in zip(decoded.__struct_fields__, decoded.__struct_encode_fields__, strict=True):
            if written in raw:
                yield from _misread(getattr(decoded, name), raw[written], f"{place}.{written}".lstrip("."))
    elif isinstance(decoded, Struct) and isinstance(raw, Sequence):
        for number, (name, value) in enumerate(zip(decoded.__struct_fields__, raw, strict=False)):
            yield from _misread(getattr(decoded, name), value, f"{place}[{number}]")
    elif isinstance(decoded, Mapping) and isinstance(raw, Mapping):
        for name, value in raw.items():
            if name in decoded:
                yield from _misread(decoded[name], value, f"{place}.{name}".lstrip("."))
    elif isinstance(decoded, Sequence) and isinstance(raw, Sequence) and not isinstance(decoded, str | bytes):
        for number, (one, value) in enumerate(zip(decoded, raw, strict=False)):
            yield from _misread(one, value, f"{place}[{number}]")
