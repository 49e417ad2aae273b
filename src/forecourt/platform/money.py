"""Money: whole minor units of a currency, and how exact amounts become them, once."""

from enum import StrEnum
from fractions import Fraction
from functools import lru_cache
from typing import Annotated, Final

from babel.core import get_global
from babel.numbers import get_currency_precision
from msgspec import Meta, Struct

#: ISO 4217.
CURRENCY_PATTERN: Final = "^[A-Z]{3}$"
Currency = Annotated[str, Meta(pattern=CURRENCY_PATTERN, examples=["EUR"])]


class Rounding(StrEnum):
    """What becomes of half a minor unit and of less."""

    HALF_UP = "half_up"
    HALF_EVEN = "half_even"
    DOWN = "down"


class Money(Struct, frozen=True, kw_only=True):
    """An amount in minor units: 1250 with EUR is 12.50 euro, 1250 with JPY is 1,250 yen."""

    amount: Annotated[int, Meta(examples=[1250])]
    currency: Currency


@lru_cache(maxsize=512)
def minor_digits(currency: str) -> int:
    """How many decimals the currency has (ISO 4217): 2 for EUR, 0 for JPY, 3 for KWD."""
    return int(get_currency_precision(currency))


@lru_cache(maxsize=2)
def currencies(*, past: bool = False) -> frozenset[str]:
    """The codes of ISO 4217 that people pay with somewhere, of `past` those too that are paid with no more. Not among
    them: metals, funds, and codes for tests or for no currency."""
    return frozenset(
        code
        for used in get_global("territory_currencies").values()
        for code, _, ended, tender in used
        if tender and (past or ended is None)
    )


def rounded(amount: Fraction, currency: str, rounding: Rounding = Rounding.HALF_UP) -> int:
    """An exact amount in major units as whole minor units. Half a unit goes away from zero with HALF_UP."""
    scaled = amount * Fraction(10 ** minor_digits(currency))
    if rounding is Rounding.HALF_EVEN:
        return round(scaled)
    size = abs(scaled)
    whole = size.__floor__() if rounding is Rounding.DOWN else (size + Fraction(1, 2)).__floor__()
    return whole if scaled >= 0 else -whole
