"""All that is wrong with a body is told at once, each at its place."""

from datetime import datetime
from typing import Annotated, Any

import msgspec
import pytest
from httpx import AsyncClient
from msgspec import Meta, Struct

from forecourt.app.misfits import MAX_NAMED, misfits
from tests.http import Tenant, problem


class Cat(Struct, forbid_unknown_fields=True, tag="cat", tag_field="kind"):
    lives: Annotated[int, Meta(ge=1, le=9)]


class Dog(Struct, forbid_unknown_fields=True, tag="dog", tag_field="kind"):
    name: str
    since: datetime | None = None


class Farm(Struct, forbid_unknown_fields=True):
    pets: tuple[Cat | Dog, ...]
    levels: dict[Annotated[int, Meta(ge=0, le=3)], Annotated[int, Meta(ge=0)]] = {}
    about: Annotated[Dog | None, Meta(description="the first one")] = None
    short: Annotated[list[int], Meta(max_length=2)] = []


def told(body: dict[str, Any]) -> list[tuple[str, str]]:
    sent = msgspec.json.encode(body)
    with pytest.raises(msgspec.ValidationError) as fault:
        msgspec.json.decode(sent, type=Farm)
    return [(each.pointer, each.message) for each in misfits(sent, Farm, fault.value)]


def test_each_part_is_told_where_it_is_and_what_fits_is_not() -> None:
    bad = {
        "pets": [
            {"kind": "cat", "lives": 10},
            {"kind": "dog", "name": 7, "since": "yesterday", "a/b": 1},
            {"kind": "dog", "name": "Rex"},
            {"kind": "cow"},
            5,
        ],
        "levels": {"1": -1, "-1": 1, "2": 2, "x~/": "y"},
        "about": {"kind": "dog"},
        "short": [1, 2, 3],
    }
    found = told(bad)
    assert [where for where, _ in found] == [
        "#/pets/0/lives", "#/pets/1/name", "#/pets/1/since", "#/pets/1", "#/pets/3/kind", "#/pets/4",
        "#/levels/1", "#/levels/-1", "#/levels/x~0~1", "#/levels/x~0~1", "#/about", "#/short",
    ]  # fmt: skip
    said = dict(found)
    assert said["#/pets/0/lives"] == "Expected `int` <= 9"
    assert said["#/pets/1"] == "Object contains unknown field `a/b`"
    assert said["#/about"] == "Object missing required field `name`"
    assert said["#/levels/-1"] == "Expected `int` >= 0"
    assert said["#/short"] == "Expected `array` of length <= 2"


def test_one_fault_is_told_as_the_decoder_tells_it_and_many_are_bounded() -> None:
    assert told({"pets": 3}) == [("#/pets", "Expected `array`, got `int`")]
    assert told({}) == [("#", "Object missing required field `pets`")]
    assert len(told({"pets": [1] * (MAX_NAMED + 7)})) == MAX_NAMED


async def test_a_refusal_names_every_part_that_can_not_stand_there(tenant: Tenant) -> None:
    client: AsyncClient = await tenant.client()
    body = {
        "nodes": [{"id": "grid"}],
        "batteries": [
            {"id": "b", "node": "grid", "capacity_wh": 0, "charge_w": 1, "discharge_w": 1, "efficiency": 1.4,
             "wear_per_kwh": "x"}
        ],
        "solar": [{"id": "s", "node": "grid", "peak_w": 1, "tilt_deg": 91, "azimuth_deg": 361}],
    }  # fmt: skip
    refused = problem(await client.put("/api/v1/sites/any/electrics", json=body), 400, "request-invalid")
    assert [each["pointer"] for each in refused["errors"]] == [
        "#/batteries/0/capacity_wh", "#/batteries/0/efficiency", "#/batteries/0/wear_per_kwh", "#/solar/0/tilt_deg",
        "#/solar/0/azimuth_deg",
    ]  # fmt: skip
    assert "This must be 1 or more (#/batteries/0/capacity_wh)" in refused["detail"]
