"""What the worker does for the lake, with the real job queue."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from forecourt.app.works import LONG
from forecourt.insight.jobs import WANTED
from forecourt.insight.lake import asking, erasing
from forecourt.insight.lake.layout import Folder
from forecourt.platform import outbox
from forecourt.platform.database import Pool
from forecourt.sessions.costing.model import ASSESSED
from tests.insight.conftest import Desk
from tests.insight.test_lake import Shore
from tests.works import Jobs


async def test_a_session_that_settled_is_in_the_lake_the_morning_after(desk: Desk, tmp_path: Path) -> None:
    shore, idle = Shore(desk, tmp_path / "lake", "works"), desk.organisation("has nothing")
    station = shore.station("CP1")
    session_id = await shore.session(station, "t1", datetime(2026, 2, 20, 23, 30, tzinfo=UTC), token_uid="GOES")
    desk.rows("DELETE FROM lake_marks RETURNING 1")
    async with Pool(desk.database.url, "forecourt_worker", size=2) as pool:
        works = Jobs(desk.database.url, pool, desk.pool, desk.clock, lake=shore.root)
        async with desk.pool.tenant(shore.tenant_id) as conn:
            await outbox.write(conn, shore.tenant_id, ASSESSED, str(session_id))
        async with works as jobs:

            async def work(queue: str) -> None:
                await jobs.dispatch()
                await jobs.run(queues=[queue], keep=True)

            await work("default")
            marked = desk.rows("SELECT day::text FROM lake_marks WHERE tenant_id = %s ORDER BY day", shore.tenant_id)
            assert marked == [("2026-02-20",), ("2026-02-21",)]
            assert await jobs.insight.export_all() >= 1
            assert shore.ask("SELECT sum(busy_s)::INT FROM hours") == [(3600,)]
            assert desk.rows("SELECT FROM lake_marks WHERE tenant_id = %s", shore.tenant_id) == []
            assert Folder(shore.root, idle).latest() is None
            # Somebody wants it now, and somebody is erased.
            await shore.session(station, "t2", datetime(2026, 2, 22, 8, tzinfo=UTC), token_uid="STAYS")
            async with desk.pool.tenant(shore.tenant_id) as conn:
                await outbox.write(conn, shore.tenant_id, WANTED, str(shore.tenant_id))
                await erasing.ask(conn, shore.tenant_id, 7, ["goes"], desk.clock.now() + timedelta(seconds=1))
            await work(LONG)
    assert shore.ask("SELECT count(*)::INT, count(driver)::INT FROM sessions") == [(2, 1)]
    assert desk.rows("SELECT FROM lake_erasures WHERE tenant_id = %s AND done_at IS NULL", shore.tenant_id) == []
    assert asking.files_of(*asking.snapshot_of(shore.root, shore.tenant_id), "sessions")
