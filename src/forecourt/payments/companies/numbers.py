"""VAT numbers: how each country writes them, and their check digits, as `stdnum` knows them. Pure."""

import re
from typing import Final

from stdnum.ch import vat as swiss
from stdnum.eu import vat as european
from stdnum.gb import vat as british
from stdnum.no import mva as norwegian

#: Characters of a number that say nothing; the rest is what is checked.
_BLANKS: Final = re.compile(r"[\s.\-/]")
#: Members of the Union and Northern Ireland, as their register (VIES) has them: Greece is EL there.
MEMBERS: Final = frozenset({"EL", *(each.upper() for each in european.MEMBER_STATES if each != "gr")})


def split(said: str) -> tuple[str, str] | None:
    """The country and the number behind it, as they are asked for; None where no country of MEMBERS begins it."""
    plain = _BLANKS.sub("", said).upper()
    country = "EL" if plain[:2] == "GR" else plain[:2]
    return (country, plain[2:]) if country in MEMBERS else None


def can_be_right(country: str, number: str) -> bool:
    """Whether a number is written as those of its country, one of MEMBERS, are, with a check digit that is right."""
    # What it would read as the same with a digit more is no number as the country writes it.
    return bool(european.is_valid(country + number) and european.compact(country + number)[2:] == number)


def is_vat_id(said: str) -> bool:
    """Whether it can be somebody's VAT id: the code of a country, and a number as that country's are. Beyond the Union
    those of Great Britain, Norway and Switzerland are checked; of other countries any may be right."""
    plain = _BLANKS.sub("", said).upper()
    parts = split(plain)
    if parts is not None:
        return can_be_right(*parts)
    match plain[:2]:
        case "CH":
            return bool(swiss.is_valid(plain))
        case "GB":
            return bool(british.is_valid(plain))
        case "NO":
            return bool(norwegian.is_valid(plain))
        case other:
            return other.isascii() and other.isalpha() and plain[2:].isalnum()
