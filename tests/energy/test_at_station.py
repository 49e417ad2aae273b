"""Who else limits a station, and what it holds otherwise than it was told: on its page, and as data."""

from typing import Any

import msgspec
import pytest

from forecourt.energy.dispatch.checking import Finding, Found
from forecourt.ocpp.neutral import ChargingLimit, Period, Purpose, Schedule, Unit
from forecourt.platform.database import Pool
from forecourt.ui.assets import STATIC_DIR
from tests.care.console import signed_in
from tests.energy.test_api import furnish
from tests.http import House, Tenant

pytestmark = pytest.mark.skipif(
    not (STATIC_DIR / "manifest.json").exists(), reason="the web assets are not built: `make setup` builds them"
)
NBSP = "\N{NO-BREAK SPACE}"
LIMIT = ChargingLimit(
    source="EMS", schedules=(Schedule(unit=Unit.CURRENT, periods=(Period(start_s=0, limit=16_000),)),)
)
OTHER = Finding(found=Found.OTHER, evse=1, purpose=Purpose.TX, stack_level=5, profile_id=77, source="CSO", limit=10_000)


@pytest.fixture(scope="module")
def application(application_with_pages: tuple[Pool, Any]) -> tuple[Pool, Any]:
    return application_with_pages


async def test_a_station_shows_who_limits_it_and_what_is_not_ours(house: House, tenant: Tenant) -> None:
    owner, _, [station] = await furnish(house, tenant, 1)
    browser = await signed_in(house, tenant)
    page, api = f"/energy/at-station/{station}", f"/api/v1/stations/{station}/charging-limits"
    assert (await browser.get(page)).text == ""
    assert f'hx-get="{page}"' in (await browser.get(f"/stations/{station}")).text
    assert (await owner.get(api)).json() == {"limits": [], "findings": [], "asked_at": None, "compared_at": None}
    now = house.clock.now()
    with house.admin() as connection:
        connection.execute(
            "INSERT INTO external_limits (station_id, evse, source, tenant_id, said, since, said_at)"
            " SELECT station_id, 0, 'EMS', tenant_id, %s::jsonb, %s, %s FROM stations WHERE identity = %s",
            (msgspec.json.encode(LIMIT).decode(), now, now, station),
        )
        connection.execute(
            "INSERT INTO profile_checks (station_id, tenant_id, way, asked_at, answered_at, settled_at, findings)"
            " SELECT station_id, tenant_id, 'profiles', %s, %s, %s, %s::jsonb FROM stations WHERE identity = %s",
            (now, now, now, msgspec.json.encode([OTHER]).decode(), station),
        )
    shown = (await browser.get(page)).text.replace(NBSP, " ")
    assert "Its station is limited by the energy management system on site to 16 A since" in shown
    assert (
        "A profile of a session, of EVSE 1 at stack level 5, was set by nobody here and allows 10 A at most." in shown
    )
    told = (await owner.get(api)).json()
    assert (told["limits"][0]["limit_ma"], told["limits"][0]["limit_w"]) == (16_000, None)
    assert (told["findings"][0]["found"], told["findings"][0]["profile_id"]) == ("other", 77)

    # A station that isn't there can't be asked, which is said; what was found stands until it is asked again.
    cleared = (await browser.post(f"{page}/clear", data={"profile": "77"})).text
    assert "not connected" in cleared
    assert "stack level 5" in cleared
    assert "stack level 5" not in (await browser.post(f"{page}/check")).text
    assert (await owner.delete(api, params={"source": "EMS", "evse": 1})).status_code == 404
    assert (await browser.post(f"{page}/forget", data={"evse": "0", "source": "EMS"})).text == ""
    assert (await owner.delete(api, params={"source": "EMS"})).status_code == 404
    assert (await owner.get("/api/v1/stations/nowhere/charging-limits")).status_code == 404
