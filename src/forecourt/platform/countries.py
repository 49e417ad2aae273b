"""Countries, by the codes of ISO 3166-1."""

from functools import lru_cache
from typing import Final

from babel.core import get_global

#: Codes of the CLDR that are parts of a country, several countries together, or none.
_NO_COUNTRY: Final = frozenset({"AC", "CP", "DG", "EA", "EU", "IC", "TA", "ZZ"})


@lru_cache(maxsize=1)
def countries() -> frozenset[str]:
    """The codes of two letters that ISO 3166-1 gives to countries and territories, and Kosovo's XK."""
    used = get_global("territory_currencies").items()
    return frozenset(code for code, paid in used if any(ended is None for _, _, ended, _ in paid)) - _NO_COUNTRY
