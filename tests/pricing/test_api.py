"""A quote over HTTP: exact, rounded, explained, and refused in words."""

import random
from datetime import UTC, datetime
from fractions import Fraction
from typing import Any

import msgspec
import pytest

from forecourt.access import Role
from forecourt.pricing.errors import SessionUnpriceable, TariffUnreadable
from forecourt.pricing.model import Segment, SegmentKind
from forecourt.pricing.ocpi import OcpiTariff, read_tariff
from tests.http import House, Tenant, problem
from tests.pricing import oracle

TARIFF = {
    "country_code": "DE",
    "party_id": "ALL",
    "id": "14",
    "currency": "EUR",
    "type": "REGULAR",
    "elements": [
        {"price_components": [{"type": "FLAT", "price": 0.50, "vat": 20.0, "step_size": 1}]},
        {
            "price_components": [{"type": "ENERGY", "price": 0.59, "vat": 19.0, "step_size": 1}],
            "restrictions": {"start_time": "08:00", "end_time": "20:00", "day_of_week": ["MONDAY", "TUESDAY"]},
        },
        {"price_components": [{"type": "ENERGY", "price": 0.39, "vat": 19.0, "step_size": 1}]},
        {
            "price_components": [{"type": "PARKING_TIME", "price": 6.0, "vat": 19.0, "step_size": 60}],
            "restrictions": {"min_duration": 3600},
        },
    ],
    "tax_included": "NO",
    "last_updated": "2026-01-01T00:00:00Z",
    "something_of_a_later_version": True,
}


def energy(**more: Any) -> dict[str, Any]:
    component = {"type": "ENERGY", "price": 0.50, "step_size": 1} | more
    return {"currency": "EUR", "elements": [{"price_components": [component]}]}


def asked(**more: Any) -> dict[str, Any]:
    segments = [
        {"seconds": 3600, "kind": "CHARGING", "power_kw": 11, "current_a": 16, "energy_kwh": "11"},
        {"seconds": 90, "kind": "PARKING"},
    ]
    return {
        "tariff": TARIFF,
        "time_zone": "Europe/Berlin",
        "start": "2026-06-01T17:30:00Z",
        "segments": segments,
    } | more


async def test_a_quote_is_exact_rounded_once_and_told_line_by_line(tenant: Tenant) -> None:
    client = await tenant.client(Role.VIEWER)
    answer = await client.post("/api/v1/pricing/quote", json=asked())
    assert answer.status_code == 200, answer.text
    told = answer.json()
    # 19:30 to 20:30 in Berlin, so half at each price; 90 s of parking are 2 minutes.
    energy, parking = Fraction("5.5") * (Fraction("0.59") + Fraction("0.39")), Fraction("0.20")
    assert Fraction(told["excl_vat"]) == Fraction("0.50") + energy + parking
    assert Fraction(told["incl_vat"]) == Fraction("0.60") + (energy + parking) * Fraction("1.19")
    assert {of: Fraction(share) for of, share in told["by_dimension"].items()} == {
        "FLAT": Fraction("0.50"), "ENERGY": energy, "PARKING_TIME": parking,
    }  # fmt: skip
    # (5.39 + 0.20) x 1.19 = 6.6521.
    assert told["rounded"]["incl_vat"] == {"amount": 60 + 665, "currency": "EUR"}
    assert [(each["vat"], each["incl_vat"]["amount"]) for each in told["rounded"]["by_rate"]] == [
        ("19.0", 665), ("20.0", 60),
    ]  # fmt: skip
    assert [(each["element"], each["dimension"], each["used"], each["billed"]) for each in told["lines"]] == [
        (0, "FLAT", "1/1", "1/1"),
        (1, "ENERGY", "5500/1", "5500/1"),
        (2, "ENERGY", "5500/1", "5500/1"),
        (3, "PARKING_TIME", "90/1", "120/1"),
    ]
    assert [
        (each["start"], each["seconds"], each["energy_element"], each["time_element"]) for each in told["periods"]
    ] == [
        ("2026-06-01T17:30:00Z", 1800, 1, None),
        ("2026-06-01T18:00:00Z", 1800, 2, None),
        ("2026-06-01T18:30:00Z", 90, 2, 3),
    ]


async def test_what_ocpi_may_say_is_priced_though_few_mean_it(tenant: Tenant) -> None:
    client = await tenant.client()
    for tariff in (energy(price=-0.5, step_size=0, vat=100), energy(price=-0.5, vat=0) | {"currency": "HRK"}):
        answer = await client.post("/api/v1/pricing/quote", json=asked(tariff=tariff))
        assert answer.status_code == 200, answer.text
        assert Fraction(answer.json()["excl_vat"]) == Fraction("-5.5")


async def test_the_example_of_the_documentation_prices_energy_and_parking(house: House, tenant: Tenant) -> None:
    client = await tenant.client()
    document = (await house.document()).content

    def example(path: str) -> Any:
        return document["paths"][path]["post"]["requestBody"]["content"]["application/json"]["example"]

    asked_for = example("/api/v1/pricing/quote")
    told = (await client.post("/api/v1/pricing/quote", json=asked_for)).json()
    assert {of: Fraction(share) for of, share in told["by_dimension"].items()} == {
        "ENERGY": Fraction("20.5") * Fraction("0.49"), "PARKING_TIME": Fraction(3),
    }  # fmt: skip
    assert Fraction(told["excl_vat"]) > Fraction(asked_for["tariff"]["min_price"]["before_taxes"])
    assert example("/api/v1/tariffs/import")["tariff"] == asked_for["tariff"]
    stored = await client.post("/api/v1/tariffs/import", json=example("/api/v1/tariffs/import"))
    assert stored.status_code == 201, stored.text


async def test_numbers_are_taken_as_they_are_written(tenant: Tenant) -> None:
    client = await tenant.client()
    for written in ('"1/3"', "0.1000000000000000000000001", '"0.1000000000000000000000001"', "7", "1e-3"):
        body = (
            f'{{"tariff": {{"currency": "EUR", "elements": [{{"price_components": [{{"type": "ENERGY",'
            f' "price": 0.30000000001, "step_size": 0}}]}}]}}, "start": "2026-06-01T17:30:00Z",'
            f' "segments": [{{"seconds": 60, "energy_kwh": {written}}}]}}'
        )
        answer = await client.post("/api/v1/pricing/quote", content=body, headers={"content-type": "application/json"})
        assert answer.status_code == 200, answer.text
        assert Fraction(answer.json()["excl_vat"]) == Fraction(written.strip('"')) * Fraction("0.30000000001")


async def test_a_quote_agrees_with_a_search_second_by_second(tenant: Tenant) -> None:
    client, chance = await tenant.client(), random.Random(6)
    read = read_tariff(msgspec.convert(TARIFF, OcpiTariff))
    for _ in range(10):
        segments: list[dict[str, Any]] = [
            {"seconds": chance.randrange(1500), "kind": kind, "energy_kwh": f"{chance.randrange(9999)}/997"}
            for kind in ("RESERVATION", "CHARGING", "PARKING", "CHARGING")
        ]
        segments[0].pop("energy_kwh")
        start_at = datetime(2026, 6, 1, chance.randrange(24), chance.randrange(60), tzinfo=UTC)
        told = await client.post("/api/v1/pricing/quote", json=asked(segments=segments, start=start_at.isoformat()))
        session = [
            Segment(
                seconds=each["seconds"],
                kind=SegmentKind(each["kind"]),
                energy_wh=Fraction(each.get("energy_kwh", 0)) * 1000,
            )
            for each in segments
        ]
        expected = oracle.price(read, "Europe/Berlin", start_at, session)
        assert (Fraction(told.json()["excl_vat"]), Fraction(told.json()["incl_vat"])) == expected


@pytest.mark.parametrize(
    ("changes", "code", "words"),
    [
        ({"segments": [{"seconds": 1, "energy_kwh": "1/0"}]}, SessionUnpriceable.code, "segments[0].energy_kwh is no"),
        ({"segments": [{"seconds": 1, "power_kw": "NaN"}]}, SessionUnpriceable.code, "segments[0].power_kw is no"),
        ({"segments": [{"seconds": 1, "energy_kwh": -1}]}, SessionUnpriceable.code, "from 0 to"),
        ({"segments": [{"seconds": 1, "energy_kwh": "1e999999999"}]}, SessionUnpriceable.code, "is no number"),
        ({"segments": [{"seconds": 30_000_000}] * 2}, SessionUnpriceable.code, "Price it in parts"),
        ({"segments": [{"seconds": 1, "energy_kwh": "1_0"}]}, SessionUnpriceable.code, "segments[0].energy_kwh is no"),
        ({"segments": [{"seconds": 1, "energy_kwh": " 10"}]}, SessionUnpriceable.code, "segments[0].energy_kwh is no"),
        ({"time_zone": ""}, SessionUnpriceable.code, "The time zone is empty"),
        (
            {"tariff": TARIFF | {"max_price": {"before_taxes": -5}}},
            TariffUnreadable.code,
            "max_price.before_taxes: this",
        ),
        (
            {"tariff": TARIFF | {"min_price": {"excl_vat": 9}, "max_price": {"excl_vat": 5}}},
            TariffUnreadable.code,
            "max_price.before_taxes: the most can't be below the least",
        ),
        (
            {
                "tariff": {
                    "currency": "EUR",
                    "elements": [{**energy()["elements"][0], "restrictions": {"min_durration": 60}}],
                }
            },
            "request-invalid",
            "min_durration",
        ),
        ({"time_zone": "Mars/Base"}, SessionUnpriceable.code, "no time zone Mars/Base"),
        ({"tariff": TARIFF | {"min_price": {"after_taxes": 1}}}, TariffUnreadable.code, "before taxes is missing"),
        ({"tariff": TARIFF | {"elements": []}}, "request-invalid", "elements"),
        ({"tariff": TARIFF | {"currency": "XXZ"}}, TariffUnreadable.code, "no currency has this code"),
        ({"tariff": energy(vat=900)}, TariffUnreadable.code, "a tax can't be above 100"),
        ({"tariff": energy(vat=-1)}, TariffUnreadable.code, "a tax can't be below 0"),
        ({"tariff": energy(step_size=-1)}, "request-invalid", "step_size"),
        ({"segments": [{"seconds": 1, "kind": "SLEEPING"}]}, "request-invalid", "segments"),
        (
            {"segments": [{"seconds": 1, "energy_kwh": f"1/{10**97 + each}"} for each in range(60)]},
            SessionUnpriceable.code,
            "denominators",
        ),
    ],
)
async def test_what_cannot_be_priced_is_refused_in_words(
    tenant: Tenant, changes: dict[str, Any], code: str, words: str
) -> None:
    client = await tenant.client()
    answer = await client.post("/api/v1/pricing/quote", json=asked(**changes))
    refused = problem(answer, answer.status_code, code)
    assert 400 <= answer.status_code < 500
    assert words in str(refused)
