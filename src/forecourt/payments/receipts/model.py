"""Which countries want consecutive numbers on receipts, and how they are written. Pure."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Final
from zoneinfo import ZoneInfo

from msgspec import Struct

from forecourt.payments.fleets.references import number_of

#: Where simplified invoices, as receipts of small amounts are, must be numbered consecutively, and by whose clock their
#: years are: Spain (Real Decreto 1619/2012, art. 7.1.a), Italy (D.P.R. 633/1972, art. 21-bis), Portugal (Código do IVA,
#: art. 40). Elsewhere in the Union Directive 2006/112/EC art. 226b asks for no number.
CLOCKS: Final[Mapping[str, str]] = {"ES": "Europe/Madrid", "IT": "Europe/Rome", "PT": "Europe/Lisbon"}
#: Corrections of one receipt that are listed.
MAX_CORRECTIONS: Final = 50


class Series(StrEnum):
    """Corrections are numbered apart from what they correct (RD 1619/2012, art. 6.1.a)."""

    RECEIPT = "receipt"
    CORRECTION = "correction"


_MARKS: Final = {Series.RECEIPT: "", Series.CORRECTION: "C"}


class Numbered(Struct, frozen=True, kw_only=True):
    """How the receipt of a payment is numbered, and what corrected it, the oldest first."""

    number: str | None = None
    corrections: tuple[str, ...] = ()


def year_of(country: str, at: datetime) -> int:
    """The year of a number that is given then; the country must be one of CLOCKS."""
    return at.astimezone(ZoneInfo(CLOCKS[country])).year


def name_of(series: Series, country: str, year: int, serial: int) -> str:
    """ES-2026-00012, and ESC-2026-00003 for a correction."""
    return number_of(f"{country}{_MARKS[series]}-", year, serial)
