"""Tariffs over HTTP: made, imported, revised, assigned, ended; and told in OCPI's form with JSON numbers."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import msgspec

from forecourt.access import Role
from tests.http import House, Tenant, check_orders, problem, walk

TARIFFS, ASSIGNED = "/api/v1/tariffs", "/api/v1/tariff-assignments"
OCPI: dict[str, Any] = {
    "country_code": "DE",
    "party_id": "ABC",
    "id": "day-and-night",
    "currency": "EUR",
    "elements": [
        {
            "price_components": [{"type": "ENERGY", "price": 0.59, "vat": 19.0, "step_size": 1}],
            "restrictions": {"start_time": "08:00", "end_time": "20:00", "min_kwh": 0.5, "day_of_week": ["MONDAY"]},
        },
        {"price_components": [{"type": "ENERGY", "price": 0.395, "vat": 19.0, "step_size": 1}]},
    ],
    "tax_included": "NO",
    "min_price": {"before_taxes": 0.5, "after_taxes": 0.595},
    "last_updated": "2026-01-01T00:00:00Z",
}


def body(price: str = "0.40", **conditions: Any) -> dict[str, Any]:
    component = {"type": "ENERGY", "price": price, "vat": "19"}
    return {
        "id": "",
        "currency": "EUR",
        "elements": [{"price_components": [component], "conditions": conditions}],
    }


async def test_a_tariff_of_ocpi_comes_back_as_it_was_with_json_numbers(house: House, tenant: Tenant) -> None:
    owner = await tenant.client()
    made = await owner.post(f"{TARIFFS}/import", json={"tariff": OCPI})
    assert made.status_code == 201, made.text
    assert (await owner.get(made.headers["location"])).json() == made.json()
    assert (made.json()["name"], made.json()["not_in_ocpi"]) == ("day-and-night", [])
    path = f"{TARIFFS}/{made.json()['id']}/ocpi"
    answer = await owner.get(path, params={"country_code": "DE", "party_id": "ABC"})
    assert b'"price":0.395' in answer.content
    told = answer.json()
    assert told == OCPI | {"id": made.json()["id"], "last_updated": "2026-03-01T12:00:00Z"}
    assert (await owner.get(path)).json()["country_code"] == "ZZ"
    again = await owner.post(f"{TARIFFS}/import", json={"tariff": OCPI, "revises": made.json()["id"]})
    assert (again.status_code, again.json()["version"]) == (200, 1)
    other = OCPI | {"currency": "CHF"}
    changed = await owner.post(f"{TARIFFS}/import", json={"tariff": other, "revises": made.json()["id"]})
    assert changed.json()["version"] == 2
    assert (await owner.get(path, params={"version": 1})).json()["currency"] == "EUR"
    problem(await owner.get(path, params={"version": 9}), 404, "tariff-unknown")


async def test_no_tariff_is_stored_whose_currency_or_tax_can_not_be_meant(tenant: Tenant) -> None:
    owner = await tenant.client()
    taxed = body()
    taxed["elements"][0]["price_components"][0]["vat"] = "900"
    for currency, words in (("XXZ", "no currency"), ("XXX", "no currency"), ("DEM", "any more")):
        for path, tariff in ((TARIFFS, body()), (f"{TARIFFS}/import", OCPI)):
            refused = await owner.post(path, json={"name": "Odd", "tariff": tariff | {"currency": currency}})
            assert words in problem(refused, 422, "tariff-unreadable")["detail"]
    for path, tariff in ((TARIFFS, taxed), (f"{TARIFFS}/import", {"currency": "EUR", "elements": taxed["elements"]})):
        refused = await owner.post(path, json={"name": "Odd", "tariff": tariff})
        assert "a tax can't be above 100" in problem(refused, 422, "tariff-unreadable")["detail"]
    for tariff, of in (
        (body(start_date="2027-01-01", end_date="2026-01-01"), "end_date"),
        (body(min_power="22", max_power="22"), "max_power"),
        (body(min_duration=600, max_duration=60), "max_duration"),
        (body() | {"min_price": {"before_taxes": "9"}, "max_price": {"before_taxes": "1"}}, "max_price.before_taxes"),
    ):
        refused = await owner.post(TARIFFS, json={"name": "Odd", "tariff": tariff})
        assert of in problem(refused, 422, "tariff-unreadable")["detail"]
    assert (await owner.get(TARIFFS)).json()["items"] == []


async def test_what_ocpi_can_not_say_is_named_and_left_out(tenant: Tenant) -> None:
    owner = await tenant.client()
    only = await owner.post(TARIFFS, json={"name": "Fast", "tariff": body(evse_kind="DC")})
    assert only.status_code == 201, only.text
    assert len(only.json()["not_in_ocpi"]) == 1
    problem(await owner.get(f"{TARIFFS}/{only.json()['id']}/ocpi"), 409, "tariff-unsayable")
    capped = body() | {"caps": [{"before_taxes": "12", "per": "DAY"}], "free": {"kwh": "1"}}
    told = await owner.post(TARIFFS, json={"name": "Capped", "tariff": capped})
    assert len(told.json()["not_in_ocpi"]) == 2
    ocpi = (await owner.get(f"{TARIFFS}/{told.json()['id']}/ocpi")).json()
    assert ocpi["elements"] == [{"price_components": [{"type": "ENERGY", "price": 0.4, "step_size": 1, "vat": 19}]}]


async def test_a_tariff_is_revised_in_versions_from_what_was_read(house: House, tenant: Tenant) -> None:
    owner, viewer = await tenant.client(), await tenant.client(Role.VIEWER)
    made = await owner.post(TARIFFS, json={"name": "Day", "tariff": body()})
    path, tag = f"{TARIFFS}/{made.json()['id']}", made.headers["etag"]
    later = (house.clock.now() + timedelta(days=1)).isoformat()
    change = {"tariff": body("0.45"), "valid_from": later}
    revised = await owner.put(path, json=change, headers={"if-match": tag})
    assert (revised.status_code, revised.json()["version"]) == (200, 2)
    problem(await owner.put(path, json=change, headers={"if-match": tag}), 412, "changed-meanwhile")
    problem(await viewer.put(path, json=change), 403, "forbidden")
    wrong = body("0.45") | {"roaming_markup": "-1"}
    refused = problem(await owner.put(path, json={"tariff": wrong}), 422, "tariff-unreadable")
    assert refused["faults"] == [{"of": "tariff.roaming_markup", "detail": "this can't be below 0"}]
    early = {"tariff": body("1"), "valid_from": "2020-01-01T00:00:00Z"}
    problem(await owner.put(path, json=early), 422, "past-refused")
    versions = await walk(viewer, f"{path}/versions", limit=1)
    assert [(each["version"], each["tariff"]["elements"][0]["price_components"][0]["price"]) for each in versions] == [
        (2, "0.45"),
        (1, "0.40"),
    ]
    ended = await owner.post(f"{path}/end")
    assert ended.json()["ended_at"] is not None
    problem(await owner.put(path, json={"tariff": body("1")}), 409, "tariff-ended")
    audit = (await owner.get("/api/v1/audit", params={"object": f"tariff:{made.json()['id']}"})).json()["items"]
    assert [each["action"] for each in audit] == ["end tariff", "revise tariff", "create tariff"]


async def test_tariffs_are_listed_by_age_and_found_by_name_and_another_organisation_sees_none(
    tenant: Tenant, stranger: Tenant
) -> None:
    owner = await tenant.client()
    names = ["Day", "Night", "Day and night"]
    made = [(await owner.post(TARIFFS, json={"name": name, "tariff": body()})).json()["id"] for name in names]
    await check_orders(owner, TARIFFS, "name", newest=names[::-1], oldest=names)
    found = (await owner.get(TARIFFS, params={"search": "night"})).json()["items"]
    assert [each["name"] for each in found] == ["Day and night", "Night"]
    other = await stranger.client()
    assert (await other.get(TARIFFS)).json()["items"] == []
    for path in (f"{TARIFFS}/{made[0]}", f"{TARIFFS}/{made[0]}/versions", f"{TARIFFS}/{made[0]}/ocpi"):
        problem(await other.get(path), 404, "tariff-unknown")
    problem(await other.post(ASSIGNED, json={"tariff_id": made[0]}), 404, "tariff-unknown")


async def test_it_is_told_which_tariff_counts_at_a_place_and_by_which_assignment(house: House, tenant: Tenant) -> None:
    owner = await tenant.client()
    station = f"CP-{tenant.tenant_id}"
    await owner.post("/api/v1/sites", json={"name": "Yard", "slug": "yard", "time_zone": "Europe/Berlin"})
    await owner.post("/api/v1/stations", json={"id": station, "site": "yard"})
    made = [(await owner.post(TARIFFS, json={"name": name, "tariff": body()})).json()["id"] for name in ("A", "B", "C")]
    here: dict[str, Any] = {"station": station, "evse": 1}
    assert (await owner.get("/api/v1/pricing/here", params=here)).json() == {"counts": None}
    scopes: list[dict[str, Any]] = [{}, {"site": "yard"}, {"station": station, "driver_group": "STAFF"}]
    given = [
        (await owner.post(ASSIGNED, json={"tariff_id": tariff_id, **scope})).json()
        for tariff_id, scope in zip(made, scopes, strict=True)
    ]
    assert [each["scope"] for each in given] == ["everywhere", "site", "station"]
    await check_orders(owner, ASSIGNED, "tariff_name", newest=["C", "B", "A"], oldest=["A", "B", "C"])
    told = (await owner.get("/api/v1/pricing/here", params=here)).json()["counts"]
    assert (told["name"], told["version"], told["time_zone"]) == ("B", 1, "Europe/Berlin")
    assert told["assignment"] == given[1]
    staff = (await owner.get("/api/v1/pricing/here", params=here | {"group": "STAFF"})).json()["counts"]
    assert staff["name"] == "C"
    house.clock.advance(60)
    assert (await owner.delete(f"{ASSIGNED}/{given[1]['id']}")).json()["ends_at"] is not None
    assert (await owner.get("/api/v1/pricing/here", params=here)).json()["counts"]["name"] == "A"
    assert [each["tariff_name"] for each in (await owner.get(ASSIGNED)).json()["items"]] == ["C", "A"]
    past = (await owner.get(ASSIGNED, params={"ended": True, "tariff": made[1]})).json()["items"]
    assert [each["tariff_name"] for each in past] == ["B"]
    problem(await owner.get("/api/v1/pricing/here", params={"station": "none"}), 404, "place-unknown")
    problem(await owner.delete(f"{ASSIGNED}/{uuid4()}"), 404, "assignment-unknown")
    problem(await owner.post(ASSIGNED, json={"tariff_id": made[0], "site": "nowhere"}), 422, "scope-refused")
    problem(await owner.post(ASSIGNED, json={"tariff_id": made[0], "evse": 1}), 422, "scope-refused")


async def test_a_price_as_text_is_digits_with_a_point(tenant: Tenant) -> None:
    client = await tenant.client()
    for written in ("1_0", "1e1", " 10"):
        refused = problem(
            await client.post(TARIFFS, json={"name": "Day", "tariff": body(written)}), 400, "request-invalid"
        )
        [error] = refused["errors"]
        assert error["pointer"].endswith("/elements/0/price_components/0/price")
        assert "without underscores" in error["detail"]
    assert (await client.post(TARIFFS, json={"name": "Day", "tariff": body("10")})).status_code == 201


async def test_who_is_limited_to_sites_reads_prices_and_sets_none(house: House, tenant: Tenant) -> None:
    owner = await tenant.client()
    site = (await owner.post("/api/v1/sites", json={"name": "Mine", "slug": "mine"})).json()["id"]
    await owner.post("/api/v1/sites", json={"name": "Other", "slug": "other"})
    made = (await owner.post(TARIFFS, json={"name": "Day", "tariff": body()})).json()
    for slug in ("mine", "other"):
        await owner.post(ASSIGNED, json={"tariff_id": made["id"], "site": slug})
    limited = await tenant.client(Role.OPERATOR, (site,))
    assert msgspec.json.decode((await limited.get(f"{TARIFFS}/{made['id']}")).content)["name"] == "Day"
    listed = (await limited.get(ASSIGNED)).json()["items"]
    assert [(each["scope"], each["site"]) for each in listed] == [("site", "mine")]
    problem(await limited.post(TARIFFS, json={"name": "Mine", "tariff": body()}), 403, "forbidden-by-sites")
    problem(await limited.post(ASSIGNED, json={"tariff_id": made["id"]}), 403, "forbidden-by-sites")
