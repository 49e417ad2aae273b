"""What plugs a station has: said over the API and by the form, told by the station's variables, used by prices."""

import re
from html import unescape
from typing import Any

import pytest

from forecourt.access import Role
from forecourt.platform.database import Pool
from forecourt.stations.plugs import Plug, told
from forecourt.ui.assets import STATIC_DIR
from tests.care.console import signed_in
from tests.http import House, Tenant, problem

FAST = {
    "evse": 1, "connector": 1, "connector_type": "IEC_62196_T2_COMBO", "evse_kind": "DC", "max_power_w": 150_000,
}  # fmt: skip
SLOW = {"evse": 2, "connector": 1, "connector_type": "IEC_62196_T2", "evse_kind": "AC", "max_power_w": None}


pytestmark = pytest.mark.skipif(
    not (STATIC_DIR / "manifest.json").exists(), reason="the web assets are not built: `make setup` builds them"
)


@pytest.fixture(scope="module")
def application(application_with_pages: tuple[Pool, Any]) -> tuple[Pool, Any]:
    return application_with_pages


async def test_plugs_are_said_whole_and_a_tariff_for_dc_counts_at_dc_alone(house: House, tenant: Tenant) -> None:
    owner, viewer = await tenant.client(), await tenant.client(Role.VIEWER)
    station = f"PLUGS{tenant.tenant_id}"
    path = f"/api/v1/stations/{station}/plugs"
    problem(await owner.get(path), 404, "station-unknown")
    await owner.post("/api/v1/stations", json={"id": station})
    problem(await viewer.put(path, json={"plugs": [FAST]}), 403, "forbidden")
    problem(await owner.put(path, json={"plugs": [FAST, FAST]}), 422, "plugs-refused")
    assert (await owner.put(path, json={"plugs": [SLOW, FAST]})).json()["plugs"] == [FAST, SLOW]
    price = {"type": "ENERGY", "price": "0.59"}
    tariff = {"id": "", "currency": "EUR", "elements": [{"price_components": [price]}]}
    made = (await owner.post("/api/v1/tariffs", json={"name": "Fast", "tariff": tariff})).json()
    await owner.post("/api/v1/tariff-assignments", json={"tariff_id": made["id"], "evse_kind": "DC"})
    here = "/api/v1/pricing/here"
    assert (await owner.get(here, params={"station": station, "evse": 1})).json()["counts"]["name"] == "Fast"
    assert (await owner.get(here, params={"station": station, "evse": 2})).json()["counts"] is None
    assert (await owner.put(path, json={"plugs": [SLOW]})).json()["plugs"] == [SLOW]
    assert (await owner.get(here, params={"station": station, "evse": 1})).json()["counts"] is None


async def test_the_form_begins_with_what_the_station_says_of_itself(house: House, tenant: Tenant) -> None:
    owner, browser = await tenant.client(), await signed_in(house, tenant)
    station = f"TELLS{tenant.tenant_id}"
    await owner.post("/api/v1/stations", json={"id": station})
    with house.admin() as admin:
        admin.execute(
            "INSERT INTO station_variables (station_id, component, variable, attribute, tenant_id, value, read_only,"
            " secret, read_at) SELECT station_id, c, v, 'Actual', tenant_id, w, true, false, now() FROM stations,"
            " (VALUES ('EVSE@1', 'SupplyPhases', '0'), ('EVSE@1', 'Power', '150000.0'),"
            " ('Connector@1.1', 'ConnectorType', 'cCCS2')) AS said (c, v, w) WHERE identity = %s",
            (station,),
        )
    told_ = (await owner.get(f"/api/v1/stations/{station}/plugs")).json()
    assert told_ == {"plugs": [], "told_by_station": [FAST]}
    page = unescape((await browser.get(f"/stations/{station}/settings")).text)
    assert "As the station says itself" in page
    assert 'value="IEC_62196_T2_COMBO" list=' in page
    rows = re.findall(r'name="(evse|connector|connector_type|power_kw)" value="([^"]*)"', page)
    fields: dict[str, list[str]] = {}
    for name, value in rows:
        fields.setdefault(name, []).append(value)
    fields["evse_kind"] = ["DC", "AC", "AC"]
    assert "Saved." in (await browser.post(f"/stations/{station}/plugs", data=fields)).text
    assert (await owner.get(f"/api/v1/stations/{station}/plugs")).json()["plugs"] == [FAST]
    fields["evse"][1] = "two"
    assert "Nothing was saved" in (await browser.post(f"/stations/{station}/plugs", data=fields)).text


def test_a_type_without_a_word_is_kept_and_phases_say_what_flows() -> None:
    said = [
        ("Connector@1.1", "ConnectorType", "xWhatever"), ("EVSE@1", "SupplyPhases", "3"),
        ("Connector@2.1", "ConnectorType", "xWhatever"), ("Connector@2.x", "ConnectorType", "cCCS2"),
        ("Connector@3.2", "ConnectorType", "sType2"), ("EVSE@3", "Power", "dear"),
    ]  # fmt: skip
    assert told(said) == [
        Plug(evse=1, connector=1, connector_type="xWhatever", evse_kind="AC"),
        Plug(evse=3, connector=2, connector_type="IEC_62196_T2", evse_kind="AC"),
    ]
