"""What fits a driver's wishes among the places that can be found."""

from decimal import Decimal
from types import SimpleNamespace
from typing import Any, cast

from forecourt.driver.find_pages import Part, part_of
from forecourt.driver.finding import Kind, Place, Wanted, currencies_of, fitting, whole_sites
from forecourt.driver.model import Box
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


def test_a_page_of_places_ends_between_sites_where_it_can() -> None:
    spots: Any = [SimpleNamespace(site=each) for each in "abbcc"]

    def sites(most: int) -> str:
        return "".join(each.site for each in whole_sites(spots, most))

    assert [sites(most) for most in (5, 4, 3, 2, 1)] == ["abbcc", "abb", "abb", "a", "a"]
    assert "".join(each.site for each in whole_sites(spots[1:], 1)) == "b"


def test_a_box_that_makes_no_sense_is_none() -> None:
    assert part_of("-1,170,1.5,-170", "x") == Part(box=Box(south=-1, west=170, north=1.5, east=-170), cursor="x")
    for box in ("", "1,2,3", "1,2,3,4,5", "a,b,c,d", "nan,0,1,1", "0,0,91,0", "0,-181,0,0", "0,0,inf,0"):
        assert part_of(box, "") == Part()
