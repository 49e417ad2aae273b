"""The lake: what PostgreSQL says and nothing else, whatever is killed; nobody else's; and nobody who was erased."""

import asyncio
import contextlib
import fcntl
import os
import signal
import sys
import threading
import time
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import pyarrow.parquet as pq
import pytest
import pytest_asyncio

from forecourt.access.model import Service
from forecourt.drivers.accounts.service import attach_token, create_driver
from forecourt.drivers.fleets import service as fleets
from forecourt.drivers.model import TokenState
from forecourt.drivers.service import put_token
from forecourt.insight.dashboards import answering
from forecourt.insight.dashboards import asking as dashboards
from forecourt.insight.dashboards.answering import Answers
from forecourt.insight.dashboards.model import Answer, Asked, Compare, Family, Span, TraitOfFew
from forecourt.insight.dashboards.scope import Scope
from forecourt.insight.jobs import InsightJobs
from forecourt.insight.lake import asking, erasing, layout, spans, store, tables
from forecourt.insight.lake.asking import QuestionRefused
from forecourt.insight.lake.export import Exported, Exporter, Keep, _Run
from forecourt.insight.lake.layout import FORMAT, Folder, LakeBusy, LakeMissing, Work
from forecourt.insight.lake.parts import bounds, partition_of
from forecourt.insight.pseudonyms import number_of, of_driver, of_token
from forecourt.pricing import service as pricing
from forecourt.pricing.assigning import Scope as For
from tests.http import an_actor
from tests.insight.conftest import Desk
from tests.insight.test_importing import many, written
from tests.payments.bills import a_tariff
from tests.support import EPOCH, WAIT_S, FakeClock

#: The command, killed when its fourth part lies there whole, under no name yet.
KILLED = """
import os, signal
from itertools import count
from forecourt.cli import app
from forecourt.insight.lake.layout import Folder

place, parts = Folder.place, count(1)

def place_or_die(*part):
    if next(parts) == 4:
        os.kill(os.getpid(), signal.SIGKILL)
    return place(*part)

Folder.place = place_or_die
app()
"""
HEAD = "id,station,evse,driver,start,end,charging_end,kwh,cost,currency"
PRICE = a_tariff(("ENERGY", "0.50", None))


class Shore:
    """An organisation and its lake."""

    def __init__(self, desk: Desk, root: Path, name: str) -> None:
        self.desk = desk
        self.root = root
        self.tenant_id = desk.organisation(name)
        self.clock = FakeClock()
        self.folder = Folder(root, self.tenant_id)
        self.stations = 0

    async def bring(self, *lines: str, source: str = "old") -> None:
        path = self.root.parent / f"{source}-{self.tenant_id}.csv"
        await self.desk.bring(self.tenant_id, written(path.parent, *lines, name=path.name, head=HEAD), source)

    async def export(self, *, anew: bool = False, keep: Keep | None = None) -> Exported:
        return await Exporter(self.desk.pool, self.clock, self.root, keep).export(self.tenant_id, anew=anew)

    def ask(self, question: str, snapshot: int | None = None) -> list[tuple[Any, ...]]:
        named = [table for table in tables.COLUMNS if table in question]
        with asking.opened(self.root, self.tenant_id, snapshot, named) as db:
            rows = asking.ask(db, question).to_pylist()
        return [tuple(row.values()) for row in rows]

    def files(self, table: str) -> dict[str, str]:
        """Those of the latest snapshot, by partition."""
        manifest = self.folder.latest()
        assert manifest is not None
        return {file.partition: file.path for file in manifest.tables[table]}

    def station(self, identity: str, zone: str = "UTC", site: str = "yard") -> int:
        [(site_id,)] = self.desk.rows(
            "INSERT INTO sites (tenant_id, slug, name, time_zone) VALUES (%s, %s, %s, %s)"
            " ON CONFLICT (tenant_id, slug) DO UPDATE SET time_zone = excluded.time_zone RETURNING site_id",
            self.tenant_id, site, site.title(), zone,
        )  # fmt: skip
        [(number,)] = self.desk.rows(
            "INSERT INTO stations (tenant_id, identity, site_id) VALUES (%s, %s, %s) RETURNING station_id",
            self.tenant_id, f"{identity}-{self.tenant_id}", site_id,
        )  # fmt: skip
        return int(number)

    async def session(self, station: int, transaction: str, start: datetime, **facts: Any) -> UUID:
        """A session as ingest and its review leave it."""
        known = {
            "tenant_id": self.tenant_id, "station_id": station, "transaction_id": transaction, "start_key": 0,
            "started_at": start, "last_key": 0, "last_at": start, "heard_at": start, "evse": 1,
            "ended_at": start + timedelta(hours=1), "meter_start_wh": 1000, "meter_stop_wh": 8000,
        } | facts  # fmt: skip
        query = f"INSERT INTO sessions ({', '.join(known)}) VALUES ({', '.join(['%s'] * len(known))})"
        [(session_id,)] = self.desk.rows(f"{query} RETURNING session_id", *known.values())
        await self.mark(session_id)
        return UUID(str(session_id))

    async def mark(self, session_id: UUID) -> None:
        async with self.desk.pool.tenant(self.tenant_id) as conn:
            await store.mark_session(conn, self.tenant_id, session_id)

    def key(self) -> bytes:
        [(key,)] = self.desk.rows("SELECT key FROM pseudonym_keys WHERE tenant_id = %s", self.tenant_id)
        return bytes(key)

    def names(self) -> set[int]:
        """Every driver in every file below the folder, named by a snapshot or not."""
        found: set[int] = set()
        for path in self.folder.data.rglob("*"):
            if path.is_file() and "driver" in tables.COLUMNS[path.parent.name]:
                found |= {*pq.read_table(path, columns=["driver"]).column("driver").to_pylist()} - {None}
        return found


@pytest_asyncio.fixture
async def shore(desk: Desk, tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Shore]:
    yield Shore(desk, tmp_path / "lake", request.node.name)


def content(root: Path, tenant_id: int) -> dict[str, list[tuple[Any, ...]]]:
    """All that the latest snapshot says, whatever its partitions: a month that several share has a row in each."""
    with asking.opened(root, tenant_id) as db:
        return {
            table: sorted(db.execute(f"SELECT * FROM {table}").fetchall(), key=repr)
            for table in tables.COLUMNS
            if not table.endswith("_months")
        }


async def test_what_forecourt_recorded_and_what_was_brought_stand_side_by_side(shore: Shore) -> None:
    station = shore.station("CP1", "Europe/Berlin")
    start = datetime(2026, 2, 1, 22, 30, 15, 500_000, tzinfo=UTC)
    await shore.session(station, "t1", start, token_uid="AbC", token_status="Accepted", stop_reason="Local")
    await shore.session(station, "t2", start + timedelta(hours=3), ended_at=None)
    await shore.session(
        station, "t3", start + timedelta(days=1), token_uid="X", token_status="Invalid", meter_stop_wh=None
    )
    await shore.bring("1,OLD,2,abc,2026-02-01 10:00,2026-02-01 12:00,2026-02-01 11:00,10,4.5,EUR")
    done = await shore.export()
    assert (done.snapshot, done.sessions) == (1, 3)
    rows = shore.ask(
        "SELECT source, station, evse, energy_wh, outcome, stop_reason, excl_minor, started_at FROM sessions"
        " ORDER BY started_at"
    )
    assert [row[:-1] for row in rows] == [
        ("old", "old/OLD", "2", 10_000, "charged", None, 450),
        ("own", f"CP1-{shore.tenant_id}", "1", 7_000, "charged", "Local", None),
        ("own", f"CP1-{shore.tenant_id}", "1", None, "refused", None, None),
    ]
    assert rows[1][-1] == start.replace(microsecond=0)
    # The card of a file and the card at our station are one driver.
    assert shore.ask("SELECT driver FROM sessions WHERE driver IS NOT NULL AND outcome <> 'refused'") == [
        (number_of(of_token(shore.key(), "ABC")),)
    ] * 2  # fmt: skip
    hours = (
        "SELECT station, local_date, weekday, hour, busy_s, energy_wh, starts FROM hours"
        " WHERE site = 'yard' ORDER BY hour_at LIMIT 2"
    )
    # 22:30:15 UTC on a Sunday is half past eleven in Berlin; the second hour is of Monday.
    assert shore.ask(hours) == [
        (f"CP1-{shore.tenant_id}", date(2026, 2, 1), 6, 23, 1785, 3470, 1),
        (f"CP1-{shore.tenant_id}", date(2026, 2, 2), 0, 0, 1815, 3530, 0),
    ]


async def test_charging_ends_when_the_register_first_stands_where_it_stays(shore: Shore) -> None:
    station, start = shore.station("CP1"), datetime(2026, 2, 1, 10, tzinfo=UTC)
    for minute, wh in ((0, 1000), (20, 5000), (40, 8000), (50, 8000)):
        shore.desk.rows(
            "INSERT INTO meter_values (station_id, transaction_id, at, digest, tenant_id, evse, readings)"
            " VALUES (%s, 't1', %s, %s, %s, 1, %s) RETURNING 1",
            station, start + timedelta(minutes=minute), minute, shore.tenant_id, [0, wh, 5, 7000],
        )  # fmt: skip
    await shore.session(station, "t1", start)
    await shore.export()
    assert shore.ask("SELECT charging_ended_at FROM sessions") == [(start + timedelta(minutes=40),)]
    assert shore.ask("SELECT busy_s, charging_s, energy_wh FROM hours") == [(3600, 2400, 7000)]


async def test_the_same_again_writes_nothing_and_a_change_writes_its_day(shore: Shore) -> None:
    station = shore.station("CP1")
    days = [datetime(2026, 2, 27, 10, tzinfo=UTC) + timedelta(days=n) for n in range(3)]
    numbers = [await shore.session(station, f"t{n}", day) for n, day in enumerate(days)]
    first = await shore.export()
    again = await shore.export()
    assert (again.snapshot, again.parts) == (first.snapshot, 0)
    before = shore.folder.latest()
    shore.desk.rows("UPDATE sessions SET meter_stop_wh = 9000 WHERE session_id = %s RETURNING 1", numbers[1])
    assert (await shore.export()).snapshot == first.snapshot  # nobody said that it changed
    await shore.mark(numbers[1])
    second = await shore.export()
    after = shore.folder.latest()
    assert second.snapshot == first.snapshot + 1
    assert before is not None
    assert after is not None
    for table in ("sessions", "hours"):
        old = {file.partition: file.digest for file in before.tables[table]}
        new = {file.partition: file.digest for file in after.tables[table]}
        assert {name for name in new if new[name] != old[name]} == {"2026-02-28"}
    assert shore.ask("SELECT sum(energy_wh)::INT FROM hours") == [(22_000,)]
    assert shore.ask("SELECT sum(energy_wh)::INT FROM hours", first.snapshot) == [(21_000,)]


async def test_a_start_that_moves_to_the_day_before_leaves_nothing_behind(shore: Shore) -> None:
    station, start = shore.station("CP1"), datetime(2026, 2, 28, 0, 10, tzinfo=UTC)
    number = await shore.session(station, "t1", start)
    await shore.export()
    shore.desk.rows(
        "UPDATE sessions SET started_at = %s WHERE session_id = %s RETURNING 1", start - timedelta(minutes=20), number
    )
    await shore.mark(number)
    await shore.export()
    assert shore.ask("SELECT count(*)::INT, sum(starts)::INT FROM hours WHERE busy_s > 0") == [(3, 1)]
    assert shore.ask("SELECT count(*)::INT FROM sessions") == [(1,)]


async def test_a_stay_that_gets_shorter_is_taken_out_of_the_hours_after_it(shore: Shore) -> None:
    station, start = shore.station("CP1"), datetime(2026, 2, 25, 10, tzinfo=UTC)
    number = await shore.session(station, "t1", start, ended_at=start + timedelta(days=3))
    await shore.export()
    assert shore.ask("SELECT sum(busy_s)::INT FROM hours") == [(3 * 86_400,)]
    shore.desk.rows(
        "UPDATE sessions SET ended_at = %s WHERE session_id = %s RETURNING 1", start + timedelta(hours=2), number
    )
    await shore.mark(number)
    await shore.export()
    assert shore.ask("SELECT sum(busy_s)::INT, count(*)::INT FROM hours") == [(7_200, 2)]


async def test_days_become_months_when_these_are_past(shore: Shore) -> None:
    station = shore.station("CP1")
    for n in range(3):
        await shore.session(station, f"t{n}", datetime(2026, 2, 26, 10, tzinfo=UTC) + timedelta(days=n))
    await shore.export()
    before = content(shore.root, shore.tenant_id)
    shore.clock.set(datetime(2026, 3, 9, tzinfo=UTC))
    await shore.export()
    after = shore.folder.latest()
    assert after is not None
    assert [file.partition for file in after.tables["sessions"]] == ["2026-02"]
    assert [file.partition for file in after.tables["hours"]] == ["2026-02"]
    assert content(shore.root, shore.tenant_id) == before


async def test_a_lake_made_anew_says_the_same_and_so_does_one_whose_folder_was_lost(shore: Shore) -> None:
    station = shore.station("CP1", "Asia/Kolkata")
    for n in range(4):
        await shore.session(station, f"t{n}", datetime(2026, 2, 26, 18, 45, tzinfo=UTC) + timedelta(days=n))
        await shore.export()
    await shore.bring("1,OLD,2,abc,2025-02-01 10:00,2025-02-01 12:00,,10,4.5,EUR")
    await shore.export()
    step_by_step = content(shore.root, shore.tenant_id)
    assert await shore.export(anew=True)
    assert content(shore.root, shore.tenant_id) == step_by_step
    elsewhere = shore.root.parent / "elsewhere"
    lost = await Exporter(shore.desk.pool, shore.clock, elsewhere).export(shore.tenant_id)
    assert content(elsewhere, shore.tenant_id) == step_by_step
    assert lost.sessions == 5
    # Whoever finds the first folder again finds that it is no longer the organisation's lake, and makes it anew.
    await shore.session(station, "t9", datetime(2026, 2, 20, tzinfo=UTC))
    await Exporter(shore.desk.pool, shore.clock, elsewhere).export(shore.tenant_id)
    await shore.export()
    assert content(shore.root, shore.tenant_id) == content(elsewhere, shore.tenant_id)


async def test_a_new_station_has_nothing_counted_again_and_one_that_moves_its_own_days_alone(
    shore: Shore, monkeypatch: pytest.MonkeyPatch
) -> None:
    stays, moves = shore.station("CP1"), shore.station("CP2", site="dock")
    for month in range(1, 7):
        await shore.session(stays, f"s{month}", datetime(2025, month, 10, 9, tzinfo=UTC))
    await shore.session(moves, "m", datetime(2025, 3, 20, 9, tzinfo=UTC))
    await shore.export()
    counted, hours = [], _Run._hours

    def noted(self: Any, roll_up: Any, found: Any, sessions: Any, partition: str) -> None:
        counted.append(partition)
        hours(self, roll_up, found, sessions, partition)

    monkeypatch.setattr(_Run, "_hours", noted)
    new = shore.station("CP3", "Asia/Tokyo", site="pier")
    await shore.export()
    assert counted == []
    await shore.session(new, "n", datetime(2025, 5, 2, 9, tzinfo=UTC))
    await shore.export()
    assert counted == ["2025-04", "2025-05", "2025-06"]
    counted.clear()
    shore.desk.rows("UPDATE stations SET site_id = NULL WHERE station_id = %s RETURNING 1", moves)
    await shore.export()
    assert counted == ["2025-02", "2025-03", "2025-04"]
    step_by_step = content(shore.root, shore.tenant_id)
    await shore.export(anew=True)
    assert content(shore.root, shore.tenant_id) == step_by_step


async def test_a_station_that_moves_takes_its_past_along(shore: Shore) -> None:
    station = shore.station("CP1", "UTC")
    await shore.session(station, "t1", datetime(2026, 2, 26, 23, 30, tzinfo=UTC))
    await shore.export()
    assert shore.ask("SELECT DISTINCT site FROM site_hours") == [("yard",)]
    other = shore.station("CP2", "Europe/Berlin", "harbour")
    shore.desk.rows(
        "UPDATE stations SET site_id = (SELECT site_id FROM stations WHERE station_id = %s)"
        " WHERE station_id = %s RETURNING 1",
        other, station,
    )  # fmt: skip
    await shore.export()
    assert shore.ask("SELECT site, hour FROM site_hours ORDER BY hour_at") == [("harbour", 0), ("harbour", 1)]


async def test_one_organisation_never_reads_anothers_lake(shore: Shore, desk: Desk) -> None:
    other = Shore(desk, shore.root, "the other one")
    await shore.bring("1,OURS,,,2026-02-01 10:00,2026-02-01 12:00,,10,,")
    await other.bring("1,THEIRS,,,2026-02-01 10:00,2026-02-01 12:00,,10,,")
    for each in (shore, other):
        await each.export()
    assert shore.ask("SELECT station FROM sessions") == [("old/OURS",)]
    theirs = next((other.folder.data / "sessions").glob("*.parquet"))
    for question in (
        f"SELECT * FROM read_parquet('{theirs}')",
        f"SELECT * FROM '{theirs}'",
        "SELECT * FROM read_text('/etc/hostname')",
        f"COPY sessions TO '{shore.root}/copy.csv'",
        f"ATTACH '{shore.root}/more.duckdb' AS more",
        "SET enable_external_access = true",
        "SELECT 1; SELECT 2",
        "SELECT nothing FROM sessions",
        "DROP VIEW sessions",
    ):
        with pytest.raises(QuestionRefused):
            shore.ask(question)
    with pytest.raises(LakeMissing):
        asking.snapshot_of(shore.root, shore.tenant_id + 1000)
    with pytest.raises(LakeMissing, match="There is no snapshot 99"):
        asking.snapshot_of(shore.root, shore.tenant_id, 99)


async def test_who_is_erased_is_in_no_snapshot_and_in_no_file(shore: Shore) -> None:
    station = shore.station("CP1")
    for n in range(3):
        day = datetime(2026, 2, 26, 10, tzinfo=UTC) + timedelta(days=n)
        await shore.session(station, f"t{n}", day, token_uid=("GOES", "STAYS", "goes")[n])
        await shore.bring(f"{n},OLD,1,Goes,2025-01-0{n + 1} 10:00,2025-01-0{n + 1} 11:00,,5,,", source=f"f{n}")
        await shore.export()
    key = shore.key()
    goes, stays = (number_of(of_token(key, uid)) for uid in ("goes", "stays"))
    assert shore.names() == {goes, stays}
    assert len(shore.folder.snapshots()) == 3
    counts = shore.ask("SELECT count(*)::INT, sum(energy_wh)::INT FROM sessions")
    # An export that was killed while it counted left this.
    shore.folder.spill.mkdir()
    (shore.folder.spill / "left").write_bytes(of_token(key, "goes").encode())
    async with shore.desk.pool.tenant(shore.tenant_id) as conn:
        await erasing.ask(conn, shore.tenant_id, 7, ["GOES"], EPOCH)
    gone = await erasing.Eraser(shore.desk.pool, shore.clock, shore.root).erase(shore.tenant_id)
    assert (gone.pseudonyms, gone.imported) == (2, 3)
    assert shore.names() == {stays}
    every = b"".join(path.read_bytes() for path in shore.folder.path.rglob("*") if path.is_file())
    assert of_token(key, "goes").encode() not in every
    assert len(shore.folder.snapshots()) == 3
    assert shore.ask("SELECT count(*)::INT, sum(energy_wh)::INT FROM sessions") == counts
    assert shore.ask("SELECT count(*)::INT FROM sessions WHERE driver IS NOT NULL", 1) == [(0,)]
    # What PostgreSQL still calls by that token, for it was not renamed yet, doesn't come back.
    await shore.export(anew=True)
    assert shore.names() == {stays}
    assert (
        shore.desk.rows("SELECT driver FROM imported_sessions WHERE tenant_id = %s", shore.tenant_id) == [(None,)] * 3
    )
    again = await erasing.Eraser(shore.desk.pool, shore.clock, shore.root).erase(shore.tenant_id)
    assert again.pseudonyms == 0


async def test_who_reads_while_somebody_is_erased_reads_on_and_the_files_go_when_he_is_done(shore: Shore) -> None:
    station = shore.station("CP1")
    await shore.session(station, "t", datetime(2026, 2, 26, 10, tzinfo=UTC), token_uid="GOES")
    await shore.export()
    [old] = asking.files_of(*asking.snapshot_of(shore.root, shore.tenant_id), "sessions")
    async with shore.desk.pool.tenant(shore.tenant_id) as conn:
        await erasing.ask(conn, shore.tenant_id, 7, ["GOES"], EPOCH)
    with asking.expressed(shore.root, shore.tenant_id) as read:
        erasure = asyncio.create_task(erasing.Eraser(shore.desk.pool, shore.clock, shore.root).erase(shore.tenant_id))
        while asking.files_of(*asking.snapshot_of(shore.root, shore.tenant_id), "sessions") == [old]:
            await asyncio.sleep(0.01)
        # A table that is named only now is that of the snapshot that was opened.
        assert read["sessions"].count().execute() == 1
        assert Path(old).exists()
        # Who opens it now is told nothing of who is erased, and needn't wait.
        assert shore.ask("SELECT count(*)::INT FROM sessions WHERE driver IS NOT NULL") == [(0,)]
    assert (await erasure).pseudonyms == 2
    assert not Path(old).exists()
    assert shore.names() == set()


def test_readers_of_several_snapshots_are_waited_for_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr(layout, "READERS_WAIT_S", 1.0)
    monkeypatch.setattr(time, "sleep", slept.append)
    with contextlib.ExitStack() as files:
        olds = []
        for number in range(3):
            path = tmp_path / f"{number}.json"
            path.write_bytes(b"{}")
            olds.append(files.enter_context(path.open("rb")))
            if number:
                fcntl.flock(files.enter_context(path.open("rb")), fcntl.LOCK_SH)
        assert layout.wait_for_readers(olds) is False
    assert sum(slept) == pytest.approx(1.0)
    with path.open("rb") as old:
        assert layout.wait_for_readers([old]) is True


async def test_what_was_told_before_somebody_was_erased_is_told_from_memory_no_more(
    shore: Shore, monkeypatch: pytest.MonkeyPatch
) -> None:
    await shore.session(shore.station("CP1"), "t", datetime(2026, 2, 26, 10, tzinfo=UTC), token_uid="GOES")
    await shore.export()
    answers, made = Answers(shore.root), []
    use = answering.FROM_THE_LAKE[Family.USE]

    def counted(scope: Scope) -> Answer:
        made.append(1)
        return use(scope)

    monkeypatch.setitem(answering.FROM_THE_LAKE, Family.USE, counted)
    asked = Asked(span=Span(since=EPOCH - timedelta(days=9), until=EPOCH), zone="UTC")
    for _ in range(2):
        before = await answers.lake(shore.tenant_id)
        await answers.answer(shore.tenant_id, before, Family.USE, asked)
    assert made == [1]
    async with shore.desk.pool.tenant(shore.tenant_id) as conn:
        await erasing.ask(conn, shore.tenant_id, 7, ["GOES"], EPOCH)
    await erasing.Eraser(shore.desk.pool, shore.clock, shore.root).erase(shore.tenant_id)
    after = await answers.lake(shore.tenant_id)
    assert after.snapshot == before.snapshot
    await answers.answer(shore.tenant_id, after, Family.USE, asked)
    assert made == [1, 1]


async def test_nothing_of_a_lake_is_written_on_the_loop(shore: Shore, monkeypatch: pytest.MonkeyPatch) -> None:
    writes, sweeps, threads = layout._replace, Folder.sweep, []

    def written(path: Path, content: bytes) -> None:
        threads.append(threading.get_ident())
        writes(path, content)

    def swept(folder: Folder) -> int:
        threads.append(threading.get_ident())
        return sweeps(folder)

    monkeypatch.setattr(layout, "_replace", written)
    monkeypatch.setattr(Folder, "sweep", swept)
    monkeypatch.setattr(store, "WRITTEN_AT_ONCE_BYTES", 1)
    station = shore.station("CP1")
    for number in range(3):
        await shore.session(station, f"t{number}", datetime(2026, 2, 26, 10 + number, tzinfo=UTC))
    assert (await shore.export()).sessions == 3
    assert shore.ask("SELECT count(DISTINCT session)::INT FROM sessions") == [(3,)]
    # Work in hand, the manifest and which is the latest, and what is left.
    assert len(threads) >= 4
    assert threading.get_ident() not in threads


async def test_who_asks_longer_than_is_waited_for_is_told_that_the_lake_is_busy(shore: Shore) -> None:
    await shore.session(shore.station("CP1"), "t", datetime(2026, 2, 26, 10, tzinfo=UTC), token_uid="GOES")
    await shore.export()
    with pytest.raises(LakeBusy), asking.expressed(shore.root, shore.tenant_id) as read:
        for path in asking.files_of(*asking.snapshot_of(shore.root, shore.tenant_id), "sessions"):
            Path(path).unlink()
        read["sessions"].count().execute()


async def test_an_account_is_one_driver_by_any_card_and_is_erased_as_that(shore: Shore) -> None:
    station = shore.station("CP1")
    [(driver_id,)] = shore.desk.rows(
        "INSERT INTO driver_accounts (tenant_id, email, language, state, pays_by, created_at, updated_at)"
        " VALUES (%s, 'd@example.com', 'en', 'active', 'page', now(), now()) RETURNING driver_id",
        shore.tenant_id,
    )
    for n, uid in enumerate(("ONE", "TWO")):
        shore.desk.rows(
            "INSERT INTO tokens (tenant_id, uid, uid_key, type, status, created_at, updated_at)"
            " VALUES (%s, %s, lower(%s), 'ISO14443', 'accepted', now(), now()) RETURNING 1",
            shore.tenant_id, uid, uid,
        )  # fmt: skip
        shore.desk.rows(
            "INSERT INTO driver_tokens (tenant_id, uid_key, driver_id, attached_at, attached_by)"
            " VALUES (%s, lower(%s), %s, '2026-01-01Z', 'driver') RETURNING 1",
            shore.tenant_id, uid, driver_id,
        )  # fmt: skip
        await shore.session(station, f"t{n}", datetime(2026, 2, 1 + n, 10, tzinfo=UTC), token_uid=uid)
    await shore.session(station, "before", datetime(2025, 12, 1, 10, tzinfo=UTC), token_uid="ONE")
    # By other records too, though their digests are of the card, which may become somebody's after the first import.
    line = "b1,X,1,Two,2026-02-03 10:00,2026-02-03 11:00,,5,,"
    await shore.bring(line)
    shore.desk.rows("UPDATE driver_tokens SET attached_at = now() WHERE uid_key = 'two' RETURNING 1")
    await shore.bring(line, "b2,X,1,nobody,2026-02-03 12:00,2026-02-03 13:00,,5,,")
    assert shore.desk.rows("SELECT report->'already' FROM imports ORDER BY number DESC LIMIT 1") == [(1,)]
    shore.desk.rows("DELETE FROM imported_sessions WHERE source_id = 'b2' RETURNING 1")
    shore.desk.rows("UPDATE driver_tokens SET attached_at = '2026-01-01Z' WHERE uid_key = 'two' RETURNING 1")
    await shore.export()
    assert shore.names() == {
        number_of(name) for name in (of_driver(shore.key(), driver_id), of_token(shore.key(), "one"))
    }
    async with shore.desk.pool.tenant(shore.tenant_id) as conn:
        await erasing.ask(conn, shore.tenant_id, driver_id, ["ONE", "TWO"], EPOCH)
    # The next export does it as well, should the job be late.
    await shore.export()
    assert shore.names() == set()


async def test_a_session_is_of_its_drivers_fleet_else_of_its_tokens_group_and_of_none_when_he_is_erased(
    shore: Shore,
) -> None:
    station = shore.station("CP1")
    made = {
        name: shore.desk.rows(
            "INSERT INTO fleets (tenant_id, name, currency, zone, created_at, updated_at)"
            " VALUES (%s, %s, 'EUR', 'UTC', now(), now()) RETURNING fleet_id", shore.tenant_id, name,
        )[0][0]
        for name in ("Taxis", "Buses")
    }  # fmt: skip
    drivers = {}
    for uid, group in (("JOINED", "KIN"), ("LEFT", None), ("LATE", "KIN"), ("LONE", "kin"), ("NONE", None)):
        shore.desk.rows(
            "INSERT INTO tokens (tenant_id, uid, uid_key, type, status, group_uid, created_at, updated_at)"
            " VALUES (%s, %s, lower(%s), 'ISO14443', 'accepted', %s, now(), now()) RETURNING 1",
            shore.tenant_id, uid, uid, group,
        )  # fmt: skip
        if uid in ("LONE", "NONE"):
            continue
        [(drivers[uid],)] = shore.desk.rows(
            "INSERT INTO driver_accounts (tenant_id, email, language, state, pays_by, created_at, updated_at)"
            " VALUES (%s, %s, 'en', 'active', 'page', now(), now()) RETURNING driver_id",
            shore.tenant_id, f"{uid.lower()}@example.com",
        )  # fmt: skip
        shore.desk.rows(
            "INSERT INTO driver_tokens (tenant_id, uid_key, driver_id, attached_at, attached_by)"
            " VALUES (%s, lower(%s), %s, '2026-01-01Z', 'driver') RETURNING 1", shore.tenant_id, uid, drivers[uid],
        )  # fmt: skip
    for uid, joined in (("JOINED", "2026-01-15Z"), ("LATE", "2026-02-20Z")):
        shore.desk.rows(
            "INSERT INTO fleet_members (tenant_id, driver_id, fleet_id, joined_at) VALUES (%s, %s, %s, %s) RETURNING 1",
            shore.tenant_id, drivers[uid], made["Taxis"], joined,
        )  # fmt: skip
    paid = await shore.session(station, "left", datetime(2026, 2, 2, 10, tzinfo=UTC), token_uid="LEFT")
    # On the account of a fleet that the driver has left since.
    shore.desk.rows(
        "INSERT INTO fleet_sessions (tenant_id, session_id, fleet_id, driver_id, cost_centre, month, currency, amount,"
        " said_at) VALUES (%s, %s, %s, %s, '', '2026-02-01', 'EUR', 900, now()) RETURNING 1",
        shore.tenant_id, paid, made["Buses"], drivers["LEFT"],
    )  # fmt: skip
    for n, uid in enumerate(("JOINED", "joined", "LATE", "LONE", "NONE")):
        await shore.session(station, uid, datetime(2026, 2, 3 + n, 10, tzinfo=UTC), token_uid=uid)
    head = "id,station,evse,driver,start,end,kwh,fleet"
    rows = ("1,OLD,1,d,2025-01-05 10:00,2025-01-05 11:00,5,Vans", "2,OLD,1,,2025-01-05 12:00,2025-01-05 13:00,5,Vans")
    path = written(shore.root.parent, *rows, name="fleets.csv", head=head)
    await shore.desk.bring(shore.tenant_id, path, "old")
    await shore.export()
    groups = "SELECT driver_group FROM sessions ORDER BY started_at"
    # Of whom nobody knows, nobody knows the group either.
    told = [("Vans",), (None,), ("Buses",), ("Taxis",), ("Taxis",), ("kin",), ("kin",), (None,)]
    assert shore.ask(groups) == told
    counted = "SELECT driver_group, sum(sessions)::INT, sum(energy_wh)::INT FROM group_days GROUP BY 1 ORDER BY 1"
    assert shore.ask(counted) == [
        ("Buses", 1, 7000), ("Taxis", 2, 14_000), ("Vans", 1, 5000), ("kin", 2, 14_000),
    ]  # fmt: skip
    async with shore.desk.pool.tenant(shore.tenant_id) as conn:
        await erasing.ask(conn, shore.tenant_id, drivers["JOINED"], ["JOINED", "d"], EPOCH)
    assert (await erasing.Eraser(shore.desk.pool, shore.clock, shore.root).erase(shore.tenant_id)).imported == 1
    told = [(None,), (None,), ("Buses",), (None,), (None,), ("kin",), ("kin",), (None,)]
    assert shore.ask(groups) == told
    assert [group for group, *_ in shore.ask(counted)] == ["Buses", "kin"]
    every = b"".join(file.read_bytes() for file in shore.folder.path.rglob("*") if file.is_file())
    assert b"Vans" not in every
    assert b"Taxis" not in every
    await shore.export(anew=True)
    assert shore.ask(groups) == told
    asked = shore.desk.rows("SELECT driver_group FROM imported_sessions WHERE tenant_id = %s", shore.tenant_id)
    assert {*asked} == {(None,), ("Vans",)}
    # Past the time for which pseudonyms are kept, nobody is of a group.
    await shore.export(keep=Keep(drivers=timedelta(days=3)), anew=True)
    assert {*shore.ask("SELECT driver_group FROM sessions WHERE started_at < '2026-02-01'")} == {(None,)}


async def test_a_fleets_past_is_one_whatever_it_is_called_and_whoever_leaves_it(shore: Shore) -> None:
    """Days that are made anew have it as it is called now, with those who were in it then; and only its days are."""
    station = shore.station("CP1")
    who = Service(tenant_id=shore.tenant_id, id="test", name="Test")
    at = {day: datetime(2026, 2, day, tzinfo=UTC) for day in range(1, 20)}
    new = {"bill_to": "", "email": "", "currency": "EUR", "session_limit": None, "month_limit": None}
    said = {"cost_centre": "", "session_limit": None, "month_limit": None}
    async with shore.desk.pool.tenant(shore.tenant_id) as conn:
        cabs = await fleets.create_fleet(conn, who, new | {"name": "Cabs"}, at[1])
        vans = await fleets.create_fleet(conn, who, new | {"name": "Vans"}, at[1])
        for uid in ("STAYS", "MOVES", "LEAVES"):
            await put_token(
                conn, who, uid=uid, type_="ISO14443", status=TokenState.ACCEPTED, group=None, expires_at=None
            )
            made = await create_driver(conn, who, f"{uid.lower()}@example.com", None, "en", at[1])
            await attach_token(conn, who, made.driver_id, uid, at[1], by="operator")
            await fleets.put_member(conn, who, cabs.fleet_id, made.driver_id, said, at[2])
            if uid == "MOVES":
                await fleets.put_member(conn, who, vans.fleet_id, made.driver_id, said, at[6])
                # What is said of him again changes nothing of when he came.
                await fleets.put_member(conn, who, vans.fleet_id, made.driver_id, said, at[9])
            if uid == "LEAVES":
                await fleets.remove_member(conn, who, cabs.fleet_id, made.driver_id, at[6])
    for uid in ("STAYS", "MOVES", "LEAVES"):
        for day in (4, 8):
            await shore.session(station, f"{uid}-{day}", at[day] + timedelta(hours=10), token_uid=uid)
    await shore.session(station, "nobody", at[12], token_uid="GUEST")
    rows = ("1,OLD,1,d,2025-01-05 10:00,2025-01-05 11:00,5,Cabs", "2,OLD,1,d,2025-01-06 10:00,2025-01-06 11:00,5,Trams")
    head = "id,station,evse,driver,start,end,kwh,fleet"
    await shore.desk.bring(shore.tenant_id, written(shore.root.parent, *rows, head=head), "old")
    await shore.export()
    days = "SELECT driver_group, local_date, sum(sessions)::INT FROM group_days GROUP BY ALL ORDER BY 2, 1"

    def known(cab: str) -> list[tuple[Any, ...]]:
        there = [(cab, date(2025, 1, 5), 1), ("Trams", date(2025, 1, 6), 1), (cab, at[4].date(), 3)]
        return [*there, (cab, at[8].date(), 1), ("Vans", at[8].date(), 1)]

    assert shore.ask(days) == known("Cabs")
    await shore.export(anew=True)
    assert shore.ask(days) == known("Cabs"), "who moved or left was in it then"
    shore.desk.rows(
        "INSERT INTO reports (tenant_id, name, parts, site, driver_group, covers, every, day, hour, forms, recipients,"
        " active, next_at, created_at, changed_at) VALUES (%s, 'Fleet', '{use}', '', 'Cabs', 'month', 'month', 1, 7,"
        " '{pdf}', '{}', true, now(), now(), now()) RETURNING 1", shore.tenant_id,
    )  # fmt: skip
    async with shore.desk.pool.tenant(shore.tenant_id) as conn:
        await fleets.change_fleet(conn, who, cabs.fleet_id, {"name": "Taxis"}, shore.clock.now())
    jobs = InsightJobs(shore.desk.pool, shore.desk.pool, shore.clock, shore.root)
    await jobs.fleet_renamed(tenant_id=shore.tenant_id, subject=str(cabs.fleet_id))
    marked = [day for (day,) in shore.desk.rows("SELECT day FROM lake_marks WHERE tenant_id = %s", shore.tenant_id)]
    near = {day + timedelta(days=more) for fleet, day, _ in known("C") if fleet == "C" for more in (-1, 0, 1)}
    assert {*marked} == near
    await shore.export()
    assert shore.ask(days) == known("Taxis")
    reports = shore.desk.rows("SELECT driver_group FROM reports WHERE tenant_id = %s", shore.tenant_id)
    assert reports == [("Taxis",)]
    # Another fleet that takes the name takes nothing of the past.
    async with shore.desk.pool.tenant(shore.tenant_id) as conn:
        await fleets.create_fleet(conn, who, new | {"name": "Cabs"}, shore.clock.now())
    await shore.export(anew=True)
    assert shore.ask(days) == known("Taxis")


async def test_a_fleet_that_is_renamed_during_a_first_export_has_one_name(shore: Shore) -> None:
    """What a stopped export copied before has the old one, and nothing but the lake itself tells which days."""
    who, now = Service(tenant_id=shore.tenant_id, id="test", name="Test"), shore.clock.now()
    new = {"bill_to": "", "email": "", "currency": "EUR", "session_limit": None, "month_limit": None}
    async with shore.desk.pool.tenant(shore.tenant_id) as conn:
        cabs = await fleets.create_fleet(conn, who, new | {"name": "Cabs"}, now)
    rows = [f"{n},OLD,1,d,2025-0{n}-05 10:00,2025-0{n}-05 11:00,5,Cabs" for n in (1, 2)]
    head = "id,station,evse,driver,start,end,kwh,fleet"
    await shore.desk.bring(shore.tenant_id, written(shore.root.parent, *rows, head=head), "old")

    def stop(_table: str, done: int, _of: int) -> None:
        if done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        await Exporter(shore.desk.pool, shore.clock, shore.root).export(shore.tenant_id, progress=stop)
    work = shore.folder.work()
    assert work is not None
    assert [*work.made] == ["sessions/2025-01"]
    async with shore.desk.pool.tenant(shore.tenant_id) as conn:
        await fleets.change_fleet(conn, who, cabs.fleet_id, {"name": "Taxis"}, now)
    jobs = InsightJobs(shore.desk.pool, shore.desk.pool, shore.clock, shore.root)
    with shore.folder.locked(), pytest.raises(LakeBusy):
        await jobs.fleet_renamed(tenant_id=shore.tenant_id, subject=str(cabs.fleet_id))
    await jobs.fleet_renamed(tenant_id=shore.tenant_id, subject=str(cabs.fleet_id))
    await shore.export()
    assert shore.ask("SELECT driver_group FROM sessions") == [("Taxis",), ("Taxis",)]


async def test_a_tariff_of_a_family_stays_hidden_whatever_it_is_called(shore: Shore) -> None:
    """In the lake stands what it was called when a day was copied; days that tell of it so are made anew."""
    station, began = shore.station("CP1"), EPOCH - timedelta(days=20)
    who = an_actor(shore.tenant_id)
    async with shore.desk.pool.tenant(shore.tenant_id) as conn:
        day = await pricing.create_tariff(conn, who, "Day", PRICE, began)
        kin = await pricing.create_tariff(conn, who, "Family Berger", PRICE, began)
        await pricing.assign_tariff(conn, who, kin.tariff_id, For(driver_group="kin"), began)
    for n in range(9):
        at = EPOCH - timedelta(days=9 if n < 2 else 6)
        made = await shore.session(station, f"s{n}", at, token_uid=f"T{n}")
        shore.desk.rows(
            "INSERT INTO session_costs (session_id, tenant_id, station_id, tariff_id, tariff_version, frozen_by, zone,"
            " circumstances, frozen_at, final, currency, excl_minor, incl_minor, bill, priced_at) VALUES (%s, %s, %s,"
            " %s, 1, 'agreement', 'UTC', '{}', %s, true, 'EUR', 100, 119, '{}', %s) RETURNING 1",
            made, shore.tenant_id, station, (kin if n < 2 else day).tariff_id, at, at,
        )  # fmt: skip
    await shore.export()
    named = "SELECT DISTINCT tariff FROM sessions ORDER BY 1"
    assert shore.ask(named) == [("Day",), ("Family Berger",)]

    async def told(tariff: str = "", *, limited: bool = False) -> list[str]:
        days = ("", (EPOCH - timedelta(days=15)).date().isoformat(), EPOCH.date().isoformat())
        pool, answers = shore.desk.pool, Answers(shore.root)
        question = await dashboards.question(
            pool, shore.clock, shore.tenant_id, days, Compare.NOTHING, ("", "", ""), ("", tariff, "", ""),
            limited=limited,
        )  # fmt: skip
        lake = await answers.lake(shore.tenant_id)
        table = (await dashboards.answered(pool, answers, shore.tenant_id, lake, Family.USE, question)).table("tariff")
        assert table is not None
        return [str(name) for name in table.cells("tariff")]

    for name in ("Family B", "Family", "Family Berger", "Kin"):
        async with shore.desk.pool.tenant(shore.tenant_id) as conn:
            await pricing.revise_tariff(conn, who, kin.tariff_id, PRICE, shore.clock.now(), name=name)
        for limited in (False, True):
            assert "Family Berger" not in await told(limited=limited), name
            with pytest.raises(TraitOfFew):
                await told("Family Berger", limited=limited)
    # A name that it had twice is kept once.
    former = shore.desk.rows("SELECT name FROM tariff_names WHERE tenant_id = %s ORDER BY 1", shore.tenant_id)
    assert former == [("Family",), ("Family B",), ("Family Berger",)]
    jobs = InsightJobs(shore.desk.pool, shore.desk.pool, shore.clock, shore.root)
    heard = "SELECT subject FROM outbox WHERE tenant_id = %s AND event = 'tariff.renamed'"
    assert shore.desk.rows(heard, shore.tenant_id) == [(str(kin.tariff_id),)]
    await jobs.tariff_renamed(tenant_id=shore.tenant_id, subject=str(kin.tariff_id))
    marked = shore.desk.rows("SELECT day FROM lake_marks WHERE tenant_id = %s ORDER BY 1", shore.tenant_id)
    assert [day for (day,) in marked] == [(EPOCH + timedelta(days=n)).date() for n in (-10, -9, -8)]
    await shore.export()
    assert shore.ask(named) == [("Day",), ("Kin",)]
    assert "Kin" not in await told()


async def test_spans_of_drivers_are_their_months_and_follow_these(shore: Shore) -> None:
    months = ["2024-01", "2024-03", "2024-12", *(f"2025-{month:02d}" for month in range(2, 13))]
    rows = [
        f"{n},OLD,1,{'ab'[n % 2]},{month}-05 10:00,{month}-05 11:00,,{n + 1},{n}.50,{'EUR' if n & 2 else 'CHF'}"
        for n, month in enumerate(months)
    ]  # fmt: skip
    await shore.bring(*rows)
    await shore.export()

    def sums(table: str, where: str) -> list[tuple[Any, ...]]:
        names = "sum(sessions)::INT, sum(energy_wh)::INT, min(first_at), max(last_at)"
        whole = shore.ask(f"SELECT driver, {names} FROM {table} WHERE {where} GROUP BY 1 ORDER BY 1")
        money = "sum(excl_minor)::INT, sum(excl_known)::INT"
        paid = shore.ask(f"SELECT driver, currency, {money} FROM {table} WHERE {where} GROUP BY 1, 2 ORDER BY 1, 2")
        return whole + paid

    def check() -> None:
        for ago, last in ((1, "2026-02-01"), (2, "2026-01-01"), (7, "2025-08-01"), (13, "2025-02-01")):
            for count in (months for months, ended in spans.KEPT if ended == ago):
                inside = f"month > DATE '{last}' - to_months({count}) AND month <= DATE '{last}'"
                told = sums("driver_spans", f"month = DATE '{last}' AND months = {count}")
                assert told == sums("driver_months", inside)
                assert told or count == 1

    check()
    # 1 March 2026. Of each driver in each currency a row; of January 2024 none of either year tells.
    assert len(shore.ask("SELECT driver FROM driver_spans WHERE month = '2026-02-01' AND months = 12")) == 4
    assert shore.ask("SELECT sum(sessions)::INT FROM driver_spans WHERE months = 12") == [(len(months) - 1,)]
    began = "SELECT driver, min(began_at) FROM driver_spans GROUP BY 1 ORDER BY 1"
    assert shore.ask(began) == shore.ask("SELECT driver, first_at FROM drivers ORDER BY 1")
    paths = shore.files("driver_spans")
    # One more of September: the half-year and the year that it is in are counted again, and nothing that ended before.
    late = "late,OLD,1,a,2025-09-07 10:00,2025-09-07 11:00,,9,7.00,EUR"
    await shore.bring(late)
    await shore.export()
    check()
    now = shore.files("driver_spans")
    assert {name for name in now if now[name] != paths[name]} == {"2026-02.6", "2026-02.12"}
    # When somebody came first is older history's to say.
    await shore.bring("old,OLD,1,a,2023-09-07 10:00,2023-09-07 11:00,,9,7.00,EUR")
    await shore.export()
    check()
    assert shore.ask(began) == shore.ask("SELECT driver, first_at FROM drivers ORDER BY 1")
    async with shore.desk.pool.tenant(shore.tenant_id) as conn:
        await erasing.ask(conn, shore.tenant_id, 7, ["a"], EPOCH)
    await shore.export()
    check()
    assert len(shore.ask("SELECT DISTINCT driver FROM driver_spans")) == 1


async def test_snapshots_and_pseudonyms_are_kept_for_their_time(shore: Shore) -> None:
    keep = Keep(snapshots=timedelta(days=10), drivers=timedelta(days=38))
    await shore.bring("1,OLD,1,d,2026-01-05 10:00,2026-01-05 11:00,,5,,")
    await shore.export(keep=keep)
    assert len(shore.names()) == 1
    shore.clock.advance(9 * 86_400)
    await shore.bring("2,OLD,1,e,2026-02-05 10:00,2026-02-05 11:00,,5,,")
    await shore.export(keep=keep)
    assert shore.folder.snapshots() == [1, 2]
    shore.clock.advance(2 * 86_400)
    await shore.bring("3,OLD,1,e,2026-02-06 10:00,2026-02-06 11:00,,5,,")
    await shore.export(keep=keep)
    # 12 March: January is past its 38 days, the first snapshot past its 10.
    assert shore.folder.snapshots() == [2, 3]
    assert shore.ask("SELECT count(driver)::INT FROM sessions WHERE started_at < '2026-02-01'") == [(0,)]
    assert shore.ask("SELECT count(driver)::INT FROM sessions") == [(2,)]


async def test_who_was_erased_is_known_as_long_as_a_pseudonym_could_come_back(shore: Shore) -> None:
    keep = Keep(snapshots=timedelta(days=10), drivers=timedelta(days=38))
    station = shore.station("CP1")
    await shore.session(station, "t1", shore.clock.now() - timedelta(hours=2), token_uid="GOES")
    await shore.export(keep=keep)
    async with shore.desk.pool.tenant(shore.tenant_id) as conn:
        await erasing.ask(conn, shore.tenant_id, 7, ["GOES"], shore.clock.now())
    known = "SELECT count(*)::int FROM lake_erasures WHERE tenant_id = %s"
    # A month's file loses its drivers when the whole month is past their time.
    for days, left in ((0, 2), (38, 2), (30, 2), (2, 0)):
        shore.clock.advance(days * 86_400)
        await shore.export(anew=True, keep=keep)
        assert shore.names() == set()
        assert shore.desk.rows(known, shore.tenant_id) == [(left,)]
    # Nothing brings them back now: what they did is of nobody by its age.
    await shore.export(anew=True, keep=keep)
    assert shore.names() == set()


async def test_two_never_write_one_lake_at_once(shore: Shore) -> None:
    await shore.bring("1,OLD,1,d,2026-01-05 10:00,2026-01-05 11:00,,5,,")
    with shore.folder.locked(), pytest.raises(LakeBusy):
        await shore.export()
    assert (await shore.export()).sessions == 1


async def test_what_was_marked_meanwhile_is_not_lost(shore: Shore, monkeypatch: pytest.MonkeyPatch) -> None:
    station, day = shore.station("CP1"), datetime(2026, 2, 26, 10, tzinfo=UTC)
    await shore.session(station, "t1", day)
    copied = store.copy_out

    async def late(conn: Any, table: str, *rest: Any) -> None:
        await copied(conn, table, *rest)
        if table == "sessions":
            monkeypatch.setattr(store, "copy_out", copied)
            await shore.session(station, "t2", day + timedelta(hours=2))

    monkeypatch.setattr(store, "copy_out", late)
    assert (await shore.export()).sessions == 1
    assert (await shore.export()).sessions == 2


async def test_other_rooms_facts_come_along_and_only_what_is_new_is_read(shore: Shore) -> None:
    station = shore.station("CP1")

    def said(state: str, at: datetime, arrived: datetime) -> None:
        shore.desk.rows(
            "INSERT INTO connector_history (station_id, evse, connector, state_at, state, tenant_id, arrived_at)"
            " VALUES (%s, 1, 1, %s, %s, %s, %s) RETURNING 1",
            station, at, state, shore.tenant_id, arrived,
        )  # fmt: skip

    said("Available", EPOCH - timedelta(days=3), EPOCH - timedelta(days=3))
    shore.desk.rows(
        "INSERT INTO signal_series (tenant_id, kind, zone, start_at, minutes, value, currency, source, fetched_at)"
        " VALUES (%s, 'price', 'NL', %s, 60, 0.125, 'EUR', 'test', %s) RETURNING 1",
        shore.tenant_id, EPOCH, EPOCH,
    )  # fmt: skip
    shore.desk.rows(
        "INSERT INTO incidents"
        " (tenant_id, kind, severity, station_id, station, since, latest_at, opened_at, changed_at)"
        " VALUES (%s, 'offline', 2, %s, 'CP1', %s, %s, %s, %s) RETURNING 1",
        shore.tenant_id, station, EPOCH, EPOCH, EPOCH, EPOCH,
    )  # fmt: skip
    await shore.export()
    assert shore.ask("SELECT zone, value, currency FROM prices") == [("NL", 0.125, "EUR")]
    assert shore.ask("SELECT kind, severity FROM incidents") == [("offline", 2)]
    shore.clock.advance(3600)
    said("Faulted", EPOCH - timedelta(days=2), shore.clock.now())  # said late
    await shore.export()
    assert shore.ask("SELECT state FROM states ORDER BY state_at") == [("Available",), ("Faulted",)]
    assert shore.ask("SELECT evses FROM stations") == [(1,)]


def test_partitions_are_days_while_a_month_is_young() -> None:
    assert partition_of(date(2026, 2, 3), date(2026, 3, 7)) == "2026-02-03"
    assert partition_of(date(2026, 2, 3), date(2026, 3, 8)) == "2026-02"
    assert bounds("2025-12") == (datetime(2025, 12, 1, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC))


@pytest.mark.kill
async def test_a_killed_export_goes_on_to_the_same_end(shore: Shore, tmp_path: Path) -> None:
    # Eight months about the end of a year.
    turned = {
        f"2025-{month:02d}-": f"{2024 if month > 8 else 2025}-{month:02d}-" for month in (9, 10, 11, 12, 1, 2, 3, 4)
    }
    lines = [line.replace(old, new) for line in many(600) for old, new in turned.items() if old in line]
    path = written(tmp_path, *lines)
    await shore.desk.bring(shore.tenant_id, path, "old")
    twin = Shore(shore.desk, tmp_path / "twin", "never killed")
    await twin.desk.bring(twin.tenant_id, path, "old")
    await twin.export(keep=Keep(drivers=None))
    environment = os.environ | {
        "FORECOURT_DATABASE_URL": shore.desk.database.url, "FORECOURT_LAKE_DIR": str(shore.root),
        "FORECOURT_KEEP_PSEUDONYMS_DAYS": "0",
    }  # fmt: skip

    command = (sys.executable, "-c", KILLED, "insight", "export", "--organisation", str(shore.tenant_id))
    process = await asyncio.create_subprocess_exec(*command, env=environment)
    assert await asyncio.wait_for(process.wait(), WAIT_S) == -signal.SIGKILL
    work = shore.folder.work()
    assert work is not None
    assert [*work.made] == ["sessions/2024-09", "sessions/2024-10", "sessions/2024-11"]
    assert shore.folder.latest() is None
    assert (await shore.export(keep=Keep(drivers=None))).went_on
    ours, theirs = content(shore.root, shore.tenant_id), content(twin.root, twin.tenant_id)
    keyed = {number_of(of_token(shore.key(), f"d{n}")): number_of(of_token(twin.key(), f"d{n}")) for n in range(40)}
    for table in ("sessions", "drivers", "driver_spans"):
        ours[table] = sorted((tuple(keyed.get(value, value) for value in row) for row in ours[table]), key=repr)
    assert ours == theirs
    assert shore.folder.work() is None


async def test_what_a_station_was_ends_when_it_is_retired_and_the_next_export_tells_so(shore: Shore) -> None:
    station, other = shore.station("CP1"), shore.station("CP2")
    before = EPOCH - timedelta(days=9)
    for number in (station, other):
        shore.desk.rows(
            "INSERT INTO connector_history (station_id, evse, connector, state_at, state, tenant_id, arrived_at)"
            " VALUES (%s, 1, 1, %s, 'Faulted', %s, %s), (%s, 0, 0, %s, 'Available', %s, %s) RETURNING 1",
            number, before, shore.tenant_id, before, number, before, shore.tenant_id, before,
        )  # fmt: skip
        shore.desk.rows(
            "INSERT INTO connection_gaps (station_id, epoch, tenant_id, lost_at) VALUES (%s, 1, %s, %s) RETURNING 1",
            number, shore.tenant_id, before,
        )  # fmt: skip
    await shore.export()
    assert shore.ask("SELECT count(*) FROM gaps WHERE returned_at IS NULL") == [(2,)]
    shore.clock.advance(3600)
    at = shore.clock.now()
    shore.desk.rows(
        "UPDATE stations SET retired_at = %s, retired_identity = identity, identity = NULL WHERE station_id = %s"
        " RETURNING 1",
        at, station,
    )  # fmt: skip
    # Its gateway cuts it off, once more.
    shore.desk.rows(
        "INSERT INTO connection_gaps (station_id, epoch, tenant_id, lost_at) VALUES (%s, 2, %s, %s) RETURNING 1",
        station, shore.tenant_id, at + timedelta(seconds=3),
    )  # fmt: skip
    shore.clock.advance(60)
    await shore.export()
    name = f"CP1-{shore.tenant_id}"
    assert shore.ask(f"SELECT lost_at, returned_at FROM gaps WHERE station = '{name}'") == [(before, at)]
    assert shore.ask(f"SELECT evse, state, state_at FROM states WHERE station = '{name}' ORDER BY state_at, evse") == [
        (0, "Available", before), (1, "Faulted", before), (0, "Retired", at), (1, "Retired", at),
    ]  # fmt: skip
    assert shore.ask("SELECT count(*) FROM gaps WHERE returned_at IS NULL") == [(1,)]
    # Nothing is made anew whole, and nothing written where nothing was heard of.
    shore.clock.advance(3600)
    assert (await shore.export()).parts == 0


async def test_a_lake_of_an_earlier_form_is_made_anew_whole(shore: Shore) -> None:
    station, day = shore.station("CP1"), datetime(2026, 2, 1, 10, tzinfo=UTC)
    await shore.session(station, "t1", day)
    old = await shore.export()
    manifest = shore.folder.latest()
    assert manifest is not None
    shore.folder.publish(msgspec.structs.replace(manifest, format=FORMAT - 1))
    # An export that was stopped at work in that form: what it made is of no use any more.
    made: dict[str, Any] = {"sessions/2026-02-01": (None, {})}
    shore.folder.note(Work(format=FORMAT - 1, base=old.snapshot, anew=True, made=made))
    with pytest.raises(LakeMissing):
        shore.ask("SELECT 1")
    new = await shore.export()
    assert (new.snapshot, new.sessions, new.went_on) == (old.snapshot + 1, 1, False)
    assert shore.folder.snapshots() == [new.snapshot]
    assert shore.ask("SELECT power_wh, energy_wh FROM sessions") == [(None, 7000)]


async def test_a_loss_that_turns_out_to_be_none_is_in_no_lake(shore: Shore) -> None:
    """A gateway whose lease ran out may live: once it has renewed it, its stations were never lost."""
    station, gone = shore.station("CP1"), shore.station("CP2")
    for number, gateway in ((station, "lives"), (gone, "died")):
        shore.desk.rows(
            "INSERT INTO station_links (station_id, tenant_id, epoch, gateway_id, protocol, connected_at, last_seen_at)"
            " VALUES (%s, %s, 1, %s, 'ocpp1.6', now() - interval '2 hours', now() - interval '1 hour') RETURNING 1",
            number, shore.tenant_id, f"{gateway}-{shore.tenant_id}",
        )  # fmt: skip

    def lease(gateway: str, ends: str) -> None:
        shore.desk.rows(
            "INSERT INTO gateways (gateway_id, started_at, lease_until) VALUES (%s, now(), now() + %s::interval)"
            " ON CONFLICT (gateway_id) DO UPDATE SET lease_until = excluded.lease_until RETURNING 1",
            f"{gateway}-{shore.tenant_id}", ends,
        )  # fmt: skip

    lease("lives", "-40 seconds")
    lease("died", "-10 minutes")
    # A lake of as late as its database: what is lost in the next minutes is heard of by the next export.
    [(now,)] = shore.desk.rows("SELECT now()")
    shore.clock = FakeClock(now.astimezone(UTC))
    await shore.export()
    lost = "SELECT station, returned_at FROM gaps ORDER BY 1"
    assert shore.ask(lost) == [(f"CP2-{shore.tenant_id}", None)]
    lease("lives", "1 hour")
    await shore.export()
    assert shore.ask(lost) == [(f"CP2-{shore.tenant_id}", None)]
    # Had it died after all, it would be known once nobody can doubt it.
    lease("lives", "-6 minutes")
    await shore.export()
    assert shore.ask(lost) == [(f"CP{n}-{shore.tenant_id}", None) for n in (1, 2)]
