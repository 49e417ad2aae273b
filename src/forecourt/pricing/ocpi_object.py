"""A tariff as OCPI 2.3.0's Tariff object, its numbers JSON numbers, digit by digit as they were set."""

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta, Struct

from forecourt.platform.money import Currency
from forecourt.pricing.errors import TariffUnsayable
from forecourt.pricing.model import Day, Dimension, Reserved, Tariff, TaxIncluded, TimeOfDay
from forecourt.pricing.ocpi import write_tariff

#: Marks in a schema that the decimal is sent as a number, which msgspec has no word for.
AS_NUMBER: Final = "x-as-number"
Number = Annotated[Decimal, Meta(extra_json_schema={AS_NUMBER: True}, examples=[0.25])]

#: ISO 3166's code for who has none.
NOWHERE: Final = "ZZ"
#: How who has no identity among roaming partners is named.
NOBODY: Final = "FCT"


class PriceComponentObject(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """PriceComponent class."""

    type: Dimension
    price: Number
    step_size: Annotated[int, Meta(ge=0, examples=[1])]
    vat: Number | None = None


class RestrictionsObject(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """TariffRestrictions class."""

    start_time: TimeOfDay | None = None
    end_time: TimeOfDay | None = None
    start_date: date | None = None
    end_date: date | None = None
    min_kwh: Number | None = None
    max_kwh: Number | None = None
    min_current: Number | None = None
    max_current: Number | None = None
    min_power: Number | None = None
    max_power: Number | None = None
    min_duration: int | None = None
    max_duration: int | None = None
    day_of_week: list[Day] | None = None
    reservation: Reserved | None = None


class ElementObject(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """TariffElement class."""

    price_components: list[PriceComponentObject]
    restrictions: RestrictionsObject | None = None


class PriceLimitObject(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """PriceLimit class."""

    before_taxes: Number
    after_taxes: Number | None = None


class TariffObject(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Tariff object of OCPI 2.3.0."""

    country_code: Annotated[str, Meta(examples=["DE"])]
    party_id: Annotated[str, Meta(examples=["ABC"])]
    id: str
    currency: Currency
    elements: list[ElementObject]
    tax_included: TaxIncluded
    last_updated: Annotated[str, Meta(examples=["2026-03-01T12:00:00Z"])]
    min_price: PriceLimitObject | None = None
    max_price: PriceLimitObject | None = None
    start_date_time: Annotated[str | None, Meta(examples=["2026-03-01T00:00:00Z"])] = None
    end_date_time: Annotated[str | None, Meta(examples=["2027-03-01T00:00:00Z"])] = None


_encode = msgspec.json.Encoder(decimal_format="number").encode


def tariff_object(
    tariff: Tariff, updated_at: datetime, country_code: str = NOWHERE, party_id: str = NOBODY
) -> tuple[TariffObject, Sequence[str]]:
    """The object, and in words what it can't say. Raises TariffUnsayable where nothing of it could be said."""
    said, lost = write_tariff(tariff)
    if not said.elements:
        raise TariffUnsayable
    known = _without_nulls(msgspec.to_builtins(said, builtin_types=(Decimal,)))
    known |= {
        "country_code": country_code,
        "party_id": party_id,
        "last_updated": updated_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
    return msgspec.convert(known, TariffObject), lost


def as_json(object_: TariffObject) -> bytes:
    """The object as it is sent."""
    return _encode(object_)


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_nulls(each) for name, each in value.items() if each is not None}
    return [_without_nulls(each) for each in value] if isinstance(value, list) else value
