"""The demo's past: the simulator's table, and the process that brings it in."""

from datetime import timedelta
from pathlib import Path

import psycopg
from msgspec import structs

from forecourt.app import history_process
from forecourt.insight.lake.layout import Folder
from forecourt.platform.database import Pool
from forecourt.platform.settings import Settings
from tests.conftest import Database
from tests.http import SECRET
from tests.support import FakeClock

HEAD = "id,station,evse,connector type,driver,start,end,done charging time,kWh,currency,cost,cost incl,tariff"


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
    path.write_text(f"{HEAD}\n1,PAST-{demo},1,x,card,{','.join(at)},20.0,EUR,8.26,10.00,AC\n", encoding="utf-8")
    async with Pool(database.url, "forecourt_app", size=2) as pool:
        assert not await history_process.bring(pool, clock, settings, plain)
        assert path.exists()
        assert await history_process.bring(pool, clock, settings, demo)
        assert not path.exists()
        assert not await history_process.bring(pool, clock, settings, demo)
    with psycopg.connect(database.admin_url) as admin:
        rows = admin.execute(
            "SELECT tenant_id, source, station, own_station, energy_wh FROM imported_sessions"
            " WHERE tenant_id = ANY(%s)",
            ([plain, demo],),
        ).fetchall()
    assert rows == [(demo, history_process.SOURCE, f"PAST-{demo}", True, 20_000)]
    assert Folder(settings.lake, demo).latest() is not None
    assert Folder(settings.lake, plain).latest() is None
