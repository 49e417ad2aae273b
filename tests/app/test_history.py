"""The demo's past: the simulator's table, and the process that brings it in."""

from datetime import timedelta
from pathlib import Path

import msgspec
import psycopg
from msgspec import structs

from forecourt.app import history_process
from forecourt.insight.lake.layout import Folder
from forecourt.insight.pseudonyms import of_driver
from forecourt.platform.database import Pool
from forecourt.platform.settings import Settings
from tests.conftest import Database
from tests.http import SECRET
from tests.support import FakeClock

HEAD = "id,station,evse,connector type,driver,start,end,done charging time,kWh,currency,cost,cost incl,tariff,fleet"


def organisation(database: Database, *, demo: bool) -> int:
    with psycopg.connect(database.admin_url, autocommit=True) as admin:
        [(tenant_id,)] = admin.execute(
            "INSERT INTO organisations (name, demo) VALUES ('Past', %s) RETURNING tenant_id", (demo,)
        ).fetchall()
        admin.execute("INSERT INTO stations (tenant_id, identity) VALUES (%s, %s)", (tenant_id, f"PAST-{tenant_id}"))
    return int(tenant_id)


async def test_the_demos_past_comes_in_once_and_to_a_demo_alone(
    database: Database, clock: FakeClock, tmp_path: Path
) -> None:
    settings = structs.replace(Settings(secret_key=SECRET), data_dir=tmp_path)
    plain, demo = organisation(database, demo=False), organisation(database, demo=True)
    path = tmp_path / history_process.NAME.format(day="2026-01-01")
    at = [f"{clock.now() - timedelta(hours=hours):%Y-%m-%dT%H:%M:%SZ}" for hours in (5, 3, 4)]
    path.write_text(f"{HEAD}\n1,PAST-{demo},1,x,card,{','.join(at)},20.0,EUR,8.26,10.00,AC,\n", encoding="utf-8")
    ran = {
        "name": "Ran", "label": "Thanks", "currency": "EUR", "percent": 10, "most": 300, "holdout_percent": 50,
        "spent": 111, "started_at": clock.now() - timedelta(hours=8), "ended_at": clock.now() - timedelta(hours=1),
        "drivers": {"CARD": True, "other": False},
    }  # fmt: skip
    path.with_suffix(".json").write_bytes(msgspec.json.encode(ran))
    firm = {"name": "Taxis", "bill_to": "Taxis Ltd.", "currency": "EUR", "drivers": {"Cab-1": "Day", "Cab-2": "Night"}}
    path.with_suffix(history_process.FLEETS_SUFFIX).write_bytes(msgspec.json.encode([firm]))
    hardware = ["station,kind,evse,connector,on,reason", f"PAST-{demo},station,,,2022-03-01,commissioned",
                f"PAST-{demo},cable,1,1,2025-03-01,worn"]  # fmt: skip
    path.with_suffix(history_process.HARDWARE_SUFFIX).write_text("\n".join(hardware), encoding="utf-8")
    async with Pool(database.url, "forecourt_app", size=2) as pool:
        assert not await history_process.bring(pool, clock, settings, plain)
        assert path.exists()
        assert await history_process.bring(pool, clock, settings, demo)
        assert not list(tmp_path.glob("simulated-past*"))
        assert not await history_process.bring(pool, clock, settings, demo)
    with psycopg.connect(database.admin_url) as admin:
        rows = admin.execute(
            "SELECT tenant_id, source, station, own_station, energy_wh FROM imported_sessions"
            " WHERE tenant_id = ANY(%s)",
            ([plain, demo],),
        ).fetchall()
        key, driver, pseudonym = admin.execute(
            "SELECT k.key, d.driver_id, i.driver FROM imported_sessions i JOIN pseudonym_keys k USING (tenant_id)"
            " JOIN driver_tokens d USING (tenant_id) WHERE i.tenant_id = %s AND d.uid_key = 'card'",
            (demo,),
        ).fetchone() or (b"", 0, "")
        members = admin.execute(
            "SELECT m.driver_id = %s, m.treated, c.state, c.spent, c.source FROM loyalty_members m"
            " JOIN loyalty_campaigns c USING (campaign_id) WHERE m.tenant_id = %s ORDER BY m.treated",
            (driver, demo),
        ).fetchall()
        replaced = admin.execute(
            "SELECT kind, reason, said_by FROM hardware_changes WHERE tenant_id = ANY(%s) ORDER BY happened_on",
            ([plain, demo],),
        ).fetchall()
        [(since,)] = admin.execute(
            "SELECT inputs -> 'cable' ->> 'recorded_since' FROM replacement_inputs WHERE tenant_id = ANY(%s)",
            ([plain, demo],),
        ).fetchall()
        fleet = admin.execute(
            "SELECT f.name, t.uid_key, m.cost_centre, a.pays_by, m.joined_at < %s FROM fleets f"
            " JOIN fleet_members m USING (fleet_id) JOIN driver_accounts a USING (driver_id)"
            " JOIN driver_tokens t USING (driver_id) WHERE f.tenant_id = ANY(%s) ORDER BY 2",
            (clock.now() - timedelta(weeks=13), [plain, demo]),
        ).fetchall()
        steps = admin.execute(
            "SELECT acted_on = forecast_on AND acted_on = looked_on FROM lakes WHERE tenant_id = %s", (demo,)
        ).fetchall()
    # Who had the campaign is known by the account in what was brought in, and all steps of the night are done.
    assert pseudonym == of_driver(key, driver)
    assert members == [(False, False, "ended", 111, "simulated-past"), (True, True, "ended", 111, "simulated-past")]
    assert steps == [(True,)]
    # A fleet's drivers were its own before all that is told of them, and it pays for them.
    assert fleet == [("Taxis", "cab-1", "Day", "fleet", True), ("Taxis", "cab-2", "Night", "fleet", True)]
    assert [(kind, reason) for kind, reason, _ in replaced] == [("station", "commissioned"), ("cable", "worn")]
    assert {"simulated-past" in by for *_, by in replaced} == {True}
    assert since == "2022-03-01"
    assert rows == [(demo, history_process.SOURCE, f"PAST-{demo}", True, 20_000)]
    assert Folder(settings.lake, demo).latest() is not None
    assert Folder(settings.lake, plain).latest() is None
