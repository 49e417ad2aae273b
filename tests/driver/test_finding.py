"""What fits a driver's wishes among the places that can be found."""

from decimal import Decimal
from types import SimpleNamespace
from typing import Any, cast

from forecourt.driver.finding import Kind, Place, Wanted, currencies_of, fitting
from forecourt.pricing.display import Line, Unit
from forecourt.pricing.model import Conditions


def a_place(site: str, price: str, currency: str, spots: int = 1) -> Place:
    line = Line(unit=Unit.KWH, amount=Decimal(price), when=Conditions(), tax_percent=None)
    shown: Any = SimpleNamespace(lines=(line,), tariff=SimpleNamespace(currency=currency))
    kind = Kind(types=("MENNEKES",), power_w=22_000, spots=cast("Any", [None] * spots), shown=shown)
    return Place(site=site, name=site, address=None, city=None, latitude=None, longitude=None, kinds=[kind])


def test_a_price_in_another_currency_fits_no_wish() -> None:
    places = [a_place("Basel", "0.45", "CHF"), a_place("Weil", "0.49", "EUR", 2), a_place("Lille", "0.60", "EUR")]
    assert currencies_of(places) == ["EUR", "CHF"]

    def found(price: str, currency: str) -> list[str]:
        return [each.site for each in fitting(places, Wanted(price=Decimal(price), currency=currency))]

    assert (found("0.50", "EUR"), found("0.50", "CHF"), found("0.50", "DKK")) == (["Weil"], ["Basel"], [])
    assert Wanted(currency="EUR").any
