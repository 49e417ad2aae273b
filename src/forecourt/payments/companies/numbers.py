"""How VAT numbers of the European Union are written, and their check digits. Pure.

The form of a number is that of Council Directive 2006/112/EC art. 215 and the list that the Commission keeps with its
service VIES. Check digits are counted where the rule is settled; elsewhere the form alone says whether one can be
right.
"""

import re
from collections.abc import Callable, Sequence
from typing import Final

#: Characters of a number that says nothing; the rest is what is checked.
_BLANKS: Final = re.compile(r"[\s.\-/]")

_FORMS: Final = {
    "AT": r"U\d{8}",
    "BE": r"[01]\d{9}",
    "BG": r"\d{9,10}",
    "CY": r"\d{8}[A-Z]",
    "CZ": r"\d{8,10}",
    "DE": r"[1-9]\d{8}",
    "DK": r"\d{8}",
    "EE": r"\d{9}",
    "EL": r"\d{9}",
    "ES": r"[A-Z0-9]\d{7}[A-Z0-9]",
    "FI": r"\d{8}",
    "FR": r"[A-HJ-NP-Z0-9]{2}\d{9}",
    "HR": r"\d{11}",
    "HU": r"\d{8}",
    "IE": r"\d[A-Z0-9+*]\d{5}[A-Z]{1,2}",
    "IT": r"\d{11}",
    "LT": r"\d{9}|\d{12}",
    "LU": r"\d{8}",
    "LV": r"\d{11}",
    "MT": r"\d{8}",
    "NL": r"\d{9}B\d{2}",
    "PL": r"\d{10}",
    "PT": r"\d{9}",
    "RO": r"\d{2,10}",
    "SE": r"\d{10}\d{2}",
    "SI": r"[1-9]\d{7}",
    "SK": r"[1-9]\d{9}",
    "XI": r"\d{9}|\d{12}|GD\d{3}|HA\d{3}",
}
_COMPILED: Final = {country: re.compile(form) for country, form in _FORMS.items()}


def split(said: str) -> tuple[str, str] | None:
    """The country and the number behind it, as they are asked for; None where no country of the list begins it."""
    plain = _BLANKS.sub("", said).upper()
    country = "EL" if plain[:2] == "GR" else plain[:2]
    return (country, plain[2:]) if country in _FORMS else None


def can_be_right(country: str, number: str) -> bool:
    """Whether a number is written as those of its country are, with a check digit that is right."""
    if _COMPILED[country].fullmatch(number) is None:
        return False
    check = _CHECKS.get(country)
    return check is None or check(number)


def _digits(text: str) -> list[int]:
    return [int(each) for each in text]


def _weighed(text: str, weights: Sequence[int]) -> int:
    return sum(digit * weight for digit, weight in zip(_digits(text), weights, strict=True))


def _luhn(text: str) -> bool:
    digits = _digits(text)
    return (sum(digits[::-2]) + sum(sum(divmod(2 * digit, 10)) for digit in digits[-2::-2])) % 10 == 0


def _eleven_ten(text: str) -> bool:
    """ISO 7064, MOD 11,10."""
    check = 5
    for digit in _digits(text):
        check = (((check or 10) * 2) % 11 + digit) % 10
    return check == 1


def _austria(number: str) -> bool:
    digits = _digits(number[1:])
    total = sum(sum(divmod(2 * digit, 10)) if place % 2 else digit for place, digit in enumerate(digits[:7]))
    return (10 - (total + 4) % 10) % 10 == digits[7]


def _belgium(number: str) -> bool:
    return 97 - int(number[:8]) % 97 == int(number[8:])


def _greece(number: str) -> bool:
    return _weighed(number[:8], (256, 128, 64, 32, 16, 8, 4, 2)) % 11 % 10 == int(number[8])


def _finland(number: str) -> bool:
    return _weighed(number, (7, 9, 10, 5, 8, 4, 2, 1)) % 11 == 0


def _france(number: str) -> bool:
    """Of companies whose key is of digits; others are checked by their form."""
    return not number[:2].isdecimal() or int(number[:2]) == (12 + 3 * (int(number[2:]) % 97)) % 97


def _luxembourg(number: str) -> bool:
    return int(number[:6]) % 89 == int(number[6:])


def _netherlands(number: str) -> bool:
    """Of companies by the sum of eleven, of people by ISO 7064, MOD 97,10, since 2020."""
    if _weighed(number[:8], range(9, 1, -1)) % 11 == int(number[8]):
        return True
    return int("".join(str(int(each, 36)) for each in f"NL{number}")) % 97 == 1


def _portugal(number: str) -> bool:
    return (11 - _weighed(number[:8], range(9, 1, -1)) % 11) % 11 % 10 == int(number[8])


def _slovenia(number: str) -> bool:
    return (11 - _weighed(number[:7], range(8, 1, -1)) % 11) % 10 == int(number[7])


_CHECKS: Final[dict[str, Callable[[str], bool]]] = {
    "AT": _austria,
    "BE": _belgium,
    "DE": _eleven_ten,
    "DK": lambda number: _weighed(number, (2, 7, 6, 5, 4, 3, 2, 1)) % 11 == 0,
    "EE": lambda number: _weighed(number, (3, 7, 1, 3, 7, 1, 3, 7, 1)) % 10 == 0,
    "EL": _greece,
    "FI": _finland,
    "FR": _france,
    "HR": _eleven_ten,
    "HU": lambda number: _weighed(number, (9, 7, 3, 1, 9, 7, 3, 1)) % 10 == 0,
    "IT": _luhn,
    "LU": _luxembourg,
    "MT": lambda number: _weighed(number, (3, 4, 6, 7, 8, 9, 10, 1)) % 37 == 0,
    "NL": _netherlands,
    "PL": lambda number: _weighed(number[:9], (6, 5, 7, 2, 3, 4, 5, 6, 7)) % 11 == int(number[9]),
    "PT": _portugal,
    "SE": lambda number: _luhn(number[:10]),
    "SI": _slovenia,
    "SK": lambda number: int(number) % 11 == 0,
}
