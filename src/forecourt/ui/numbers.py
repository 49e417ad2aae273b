"""Numbers as people write them in forms, with a point or a comma, and as fields hold them."""

from decimal import Decimal
from typing import Final

from forecourt.platform.decimals import plain_decimal
from forecourt.ui.i18n import mark

#: No field means more than this, nor less than its negative.
MOST: Final = Decimal(10**12)


class NoNumber(ValueError):
    """A field holds no number that could be meant."""

    words: Final = mark("“%(text)s” is no number; write it as 12.5")

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text


def decimal(text: str) -> Decimal | None:
    """A number with a point or a comma; None for nothing. Raises NoNumber."""
    if not (written := text.strip()):
        return None
    try:
        value = plain_decimal(written.replace(",", ".").replace("\N{MINUS SIGN}", "-"))
    except ValueError:
        raise NoNumber(text) from None
    if abs(value) > MOST:
        raise NoNumber(text)
    return value


def number(text: str) -> float | None:
    """The same of a quantity that is no money. Raises NoNumber."""
    value = decimal(text)
    return None if value is None else float(value)


def from_kilo(text: str) -> int | None:
    """kW as W, kWh as Wh; None for nothing. Raises NoNumber."""
    value = decimal(text)
    return None if value is None else int((value * 1000).to_integral_value())


def plain(value: float | Decimal | None) -> str:
    """A number as fields hold it."""
    if value is None:
        return ""
    exact = Decimal(str(value))
    return f"{exact.normalize():f}" if exact else "0"


def kilo(value: int | None) -> str:
    """W as kW, Wh as kWh, as fields hold them."""
    return "" if value is None else plain(Decimal(value) / 1000)
