"""What stands on a receipt can be reckoned after."""

from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction

import pytest

from forecourt.driver.receipt import _line
from forecourt.pricing.model import Dimension
from forecourt.pricing.shown import LineShown

CENT = Decimal("0.01")


@pytest.mark.parametrize(
    ("dimension", "price", "billed", "told"),
    [
        (Dimension.TIME, "1.13", 3_600, "Charging time, 60 min \N{MULTIPLICATION SIGN} €0.0224"),
        # 420 times 0.0153 would be 6.43.
        (Dimension.PARKING_TIME, "0.77", 25_200, "Parking without charging, 420 min \N{MULTIPLICATION SIGN} €0.01527"),
        (Dimension.ENERGY, "0.4567", 123_457, None),
        (Dimension.ENERGY, "0.123456", 1_000_000, None),
    ],
    ids=["few digits do", "one more is needed", "much energy", "an odd price"],
)
def test_a_line_multiplies_to_what_it_came_to(dimension: Dimension, price: str, billed: int, told: str | None) -> None:
    net = Fraction(Decimal(price)) * billed / (1000 if dimension is Dimension.ENERGY else 3600)
    gross = net * Fraction(119, 100)
    line = LineShown(
        element=0, dimension=dimension, reservation=False, price=Decimal(price), vat=Decimal(19), step_size=1,
        used=f"{billed}/1", billed=f"{billed}/1", excl_vat=str(net), incl_vat=str(gross),
    )  # fmt: skip
    said = _line(line, "EUR")
    if told is not None:
        assert said == told
    quantity, _, each = said.partition(", ")[2].partition(" \N{MULTIPLICATION SIGN} €")
    product = Decimal(quantity.partition(" ")[0].replace(",", "")) * Decimal(each)
    exact = Decimal(gross.numerator) / Decimal(gross.denominator)
    assert product.quantize(CENT, ROUND_HALF_UP) == exact.quantize(CENT, ROUND_HALF_UP)
