"""What the demo's sites ask of drivers, and how their pages look: two tariffs a country, with its taxes."""

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

#: How the driver pages look.
LOOK = {
    "slug": "demo",
    "name": "Voltway",
    "colour": "#0b5cad",
    "help_phone": "+31 20 555 0199",
    "help_email": "help@voltway.example",
    "listed": True,
}
#: After charging is over a car may stand so long for nothing.
GRACE_S = 600


class Priced(msgspec.Struct, frozen=True, kw_only=True):
    """A tariff by its name, in our form or in OCPI's, and where it counts: each as an assignment has it."""

    name: str
    places: Sequence[dict[str, Any]]
    tariff: dict[str, Any] | None = None
    ocpi: dict[str, Any] | None = None


class Market(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked in a country: in whole, with its VAT."""

    name: str
    currency: str
    vat: str
    ac_kwh: str
    dc_kwh: str
    idle_hour: str


MARKETS = {
    "NL": Market(name="Netherlands", currency="EUR", vat="21", ac_kwh="0.42", dc_kwh="0.69", idle_hour="6"),
    "BE": Market(name="Belgium", currency="EUR", vat="21", ac_kwh="0.45", dc_kwh="0.72", idle_hour="6"),
    "DE": Market(name="Germany", currency="EUR", vat="19", ac_kwh="0.49", dc_kwh="0.74", idle_hour="6"),
    "NO": Market(name="Norway", currency="NOK", vat="25", ac_kwh="4.90", dc_kwh="6.90", idle_hour="60"),
}


def priced(sites: Sequence[tuple[str, str]], fast: Sequence[tuple[str, str]]) -> Iterator[Priced]:
    """The tariffs of sites, by slug and country, and of their DC stations, by id and country."""
    for country, market in MARKETS.items():
        slow = [{"site": slug} for slug, where in sites if where == country]
        quick = [{"station": identity} for identity, where in fast if where == country]
        if slow:
            yield Priced(name=f"{market.name}, AC", tariff=_slow(market), places=slow)
        if quick:
            yield Priced(name=f"{market.name}, DC", ocpi=_quick(market, country), places=quick)


def _slow(market: Market) -> dict[str, Any]:
    """Energy, and standing there when the car is full and the grace is over."""
    idle = {"type": "PARKING_TIME", "price": market.idle_hour, "vat": market.vat, "step_size": 60}
    return {
        "id": "",
        "currency": market.currency,
        "tax_included": "YES",
        "elements": [
            {"price_components": [{"type": "ENERGY", "price": market.ac_kwh, "vat": market.vat, "step_size": 1}]},
            {"price_components": [idle], "conditions": {"min_duration": GRACE_S, "since": "CHARGING_END"}},
        ],
    }


def _quick(market: Market, country: str) -> dict[str, Any]:
    """Energy alone, as OCPI has it."""
    energy = {"type": "ENERGY", "price": float(market.dc_kwh), "vat": float(market.vat), "step_size": 1}
    return {
        "country_code": country,
        "party_id": "VLT",
        "id": f"{country}-DC",
        "currency": market.currency,
        "tax_included": "YES",
        "elements": [{"price_components": [energy]}],
        "last_updated": "2026-01-01T00:00:00Z",
    }
