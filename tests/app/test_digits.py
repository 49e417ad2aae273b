"""Decimals in the JSON of requests: digits with a point, and nothing else that Python would take for a number."""

import msgspec
import pytest

from forecourt.app.digits import misread
from forecourt.pricing.ocpi import OcpiTariff


def tariff(price: str) -> bytes:
    return (
        '{"id": "1_0", "party": "abc", "currency": "EUR", "elements": [{"price_components": [{"type": "ENERGY",'
        f' "price": {price}, "vat": "19"}}]}}]}}'
    ).encode()


@pytest.mark.parametrize(
    "price",
    ['"1_0"', '"1e1"', '"1E1"', '" 10"', '"10 "', '"1\\u005f0"', '"\u0661"', '"NaN"', '"-Infinity"', '"sNaN1"'],
)  # fmt: skip
def test_a_decimal_that_only_python_reads_is_named_by_its_place(price: str) -> None:
    body = tariff(price)
    assert misread(body, msgspec.json.decode(body, type=OcpiTariff)) == "elements[0].price_components[0].price"


@pytest.mark.parametrize("price", ['"10"', '"-0.25"', '"+1."', '".5"', "10", "0.1000000000000000055", "1e1"])
def test_digits_with_a_point_and_numbers_of_json_are_read(price: str) -> None:
    body = tariff(price)
    assert misread(body, msgspec.json.decode(body, type=OcpiTariff)) is None
