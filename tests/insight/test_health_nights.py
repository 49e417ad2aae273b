"""Health of real connectors: days from PostgreSQL by the lake, nights that look at them, alerts and their ends."""

from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import msgspec
import psycopg
import pyarrow
import pytest
import pytest_asyncio

from forecourt.access import Actor, Role
from forecourt.care.service.watch import look
from forecourt.insight.health import service
from forecourt.insight.health.days import counted
from forecourt.insight.health.examining import Examined, Examiner
from forecourt.insight.health.found import Alert, AlertSettled
from forecourt.insight.health.store import connectors as store
from forecourt.insight.lake import asking, tables
from forecourt.insight.lake.layout import File, Folder, LakeMissing, Manifest
from forecourt.platform.database import Pool
from forecourt.simulator.wear import HOME, make
from tests.conftest import Database
from tests.insight.conftest import Desk
from tests.insight.test_lake import Shore
from tests.support import FakeClock

WORLD = msgspec.structs.replace(HOME, days=170, sites=3, gradual_a_year=2.0, evses=(4, 6), sudden_a_year=0.0)


def published(folder: Folder, given: Mapping[str, Any], now: datetime) -> None:
    """Arrow tables as a snapshot of a lake that was written at a time, whole."""
    found: dict[str, list[File]] = {}
    with folder.locked():
        for name in ("sessions", "states", "gaps", "stations"):
            table, draft = given[name], folder.draft(name, "all")
            for column in tables.schema(name):
                if column.name not in table.column_names:
                    import pyarrow as pa

                    table = table.append_column(column, pa.nulls(table.num_rows, column.type))
            written = tables.from_table(name, table, draft)
            path, digest = folder.place(draft, name, "all")
            found[name] = [File(partition="all", path=path, rows=written.rows, digest=digest)]
        number = max(folder.snapshots(), default=0) + 1
        folder.publish(Manifest(lake_id="made", tenant_id=folder.tenant_id, snapshot=number, made_at=now,
                                watermark=now, tables=found))  # fmt: skip


class Yard:
    """An organisation whose connectors wear, and the nights that look at them."""

    def __init__(self, desk: Desk, root: Path) -> None:
        self.desk = desk
        self.shore = Shore(desk, root, "wears")
        self.made = make(WORLD, 5)
        self.clock = self.shore.clock
        self.examiner = Examiner(desk.pool, self.clock, root)
        for name in self.made.tables["stations"]["station"].to_pylist():
            desk.rows("INSERT INTO stations (tenant_id, identity) VALUES (%s, %s) RETURNING 1", self.tenant_id, name)

    @property
    def tenant_id(self) -> int:
        return self.shore.tenant_id

    async def night(self, day: int) -> Examined:
        """The one after so many whole days."""
        self.clock.set(self.made.begins + timedelta(days=day, hours=4))
        return await self.examiner.look(self.tenant_id)

    async def alerts(self) -> list[Alert]:
        async with self.desk.pool.tenant(self.tenant_id) as conn:
            return await store.list_alerts(conn, self.tenant_id)

    async def kept(self) -> list[Any]:
        query = "SELECT t::text FROM {} t WHERE tenant_id = %s ORDER BY 1"
        names = ("connector_health", "connector_alerts", "connector_looks")
        return [self.desk.rows(query.format(name), self.tenant_id) for name in names]


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def yard(
    pool: Pool, admin: psycopg.Connection[Any], database: Database, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Yard]:
    yard = Yard(Desk(pool, admin, FakeClock(), database), tmp_path_factory.mktemp("wear") / "lake")
    with pytest.raises(LakeMissing):
        await yard.night(100)
    published(yard.shore.folder, yard.made.tables, yard.made.begins + timedelta(days=WORLD.days))
    yield yard


async def test_a_days_signs_come_from_what_stations_said(desk: Desk, tmp_path: Path) -> None:
    shore = Shore(desk, tmp_path / "lake", "signs")
    station, start = shore.station("CP1"), datetime(2026, 2, 1, 10, tzinfo=UTC)
    register, power, offered, heat, heat_of_car = 0, 4, 6, 12 + (4 << 16), 12 + (3 << 16)
    phases = [4 + (phase << 8) for phase in (1, 2, 3)]
    taken = {
        0: [register, 1000, power, 6000, offered, 11000, heat, 2500, heat_of_car, 9000],
        10: [register, 2100, power, 6000, offered, 11000, heat, 4150],
        # The same in three conductors; and a pause, which is no step.
        20: [register, 3200, *(each for phase in phases for each in (phase, 2000)), offered, 11000],
        60: [register, 3200, power, 0, offered, 11000],
        70: [register, 3200, power, 0, offered, 11000],
    }
    for minute, readings in taken.items():
        shore.desk.rows(
            "INSERT INTO meter_values (station_id, transaction_id, at, digest, tenant_id, evse, readings)"
            " VALUES (%s, 't1', %s, %s, %s, 1, %s) RETURNING 1",
            station, start + timedelta(minutes=minute), minute, shore.tenant_id, readings,
        )  # fmt: skip
    first = await shore.session(station, "t1", start, meter_stop_wh=3200, ended_at=start + timedelta(minutes=70))
    second = await shore.session(station, "t2", start + timedelta(hours=2), meter_stop_wh=1000)
    for session, method, state in ((first, "saved", "settled"), (second, "wallet", "failed")):
        shore.desk.rows(
            "INSERT INTO payment_intents (tenant_id, purpose, method, state, currency, hold_amount, session_id,"
            " hold_said, created_at, updated_at)"
            " VALUES (%s, 'session', %s, %s, 'EUR', 100, %s, '{}', now(), now()) RETURNING 1",
            shore.tenant_id, method, state, session,
        )  # fmt: skip
    # Other records tell of it the day before, and of a station that is not ours.
    day = "2026-01-31 10:00,2026-01-31 10:00:30,,0,,"
    await shore.bring(f"o1,CP1-{shore.tenant_id},1,ann,{day}", f"o2,AWAY,1,ann,{day}")
    await shore.export()
    columns = "sampled_wh, power_wh, offered_wh, hottest_c, most_w, paid_by"
    assert shore.ask(f"SELECT {columns} FROM sessions WHERE source = 'own' ORDER BY started_at") == [
        (2200, 2000, 3667, 41.5, 6000, "saved"), (None, None, None, None, None, None),
    ]  # fmt: skip
    with asking.opened(shore.root, shore.tenant_id) as db:
        history = counted(db, datetime(2026, 1, 31, tzinfo=UTC).date(), 3)
    counts = {
        name: history.counts[name][0].tolist() for name in ("starts", "failed", "drifted_wh", "offered_wh", "heats")
    }
    assert counts == {
        "starts": [1, 2, 0], "failed": [1, 1, 0], "drifted_wh": [0, 200, 0], "offered_wh": [0, 3667, 0],
        "heats": [0, 1, 0],
    }  # fmt: skip
    assert [plug.station for plug in history.plugs] == [f"CP1-{shore.tenant_id}"]
    with asking.opened(shore.root, shore.tenant_id) as db:
        # What wasn't there yet was not quiet.
        assert counted(db, datetime(2026, 1, 29, tzinfo=UTC).date(), 3).began.tolist() == [2]


async def test_a_night_finds_what_wears_and_the_same_again_changes_nothing(yard: Yard) -> None:
    first = await yard.night(60)
    assert first.known > 0
    assert (await yard.night(60)).opened == 0
    before = await yard.kept()
    await yard.night(60)
    after = await yard.kept()
    assert before == after
    for day in range(66, 167, 8):
        await yard.night(day)
    alerts = await yard.alerts()
    ended = {alert.outcome for alert in alerts}
    assert "failed" in ended
    failed = [alert for alert in alerts if alert.outcome == "failed"]
    truth = [fault for fault in yard.made.faults if fault.gradual and fault.failed_at is not None]
    for alert in failed:
        # What is said to have failed did, by the simulation's own word.
        assert any(
            (fault.station, fault.evse) == (alert.station, alert.evse)
            and abs((fault.failed_at.date() - alert.outcome_on).days) <= 1
            for fault in truth
            if fault.failed_at is not None and alert.outcome_on is not None
        )
        assert alert.ended_by == "down"
        assert alert.reasons
    assert len(failed) >= 3


async def test_an_alert_opens_an_incident_and_what_was_found_ends_both(yard: Yard) -> None:
    day = 66
    while not (open_ := [each for each in await yard.alerts() if each.closed_at is None]):
        day += 3
        await yard.night(day)
    alert, now = open_[0], yard.clock.now()
    actor = Actor(tenant_id=yard.tenant_id, organisation="wears", id=1, kind="person", name="Mia", role=Role.TECHNICIAN)
    async with yard.desk.pool.tenant(yard.tenant_id) as conn:
        await look(conn, yard.tenant_id, now)
        [standing] = [
            each
            for each in await service.standings_of(conn, yard.tenant_id, station=alert.station)
            if each.connector.evse == alert.evse
        ]
        assert standing.alert == alert
        assert standing.incident_id is not None
        assert (await look(conn, yard.tenant_id, now)).opened == []
        settled = await service.say_found(conn, actor, alert.alert_id, "worn", "contactor changed", now)
        assert (settled.outcome, settled.ended_by, settled.outcome_by) == ("worn", "said", "Mia")
        with pytest.raises(AlertSettled):
            await service.say_found(conn, actor, alert.alert_id, "sound", None, now)
        assert standing.incident_id in (await look(conn, yard.tenant_id, now)).closed
    # The same signs open no second one, that night or later: they were of the part that was changed.
    for later in (0, 1, 3):
        yard.clock.set(now + timedelta(days=later))
        await yard.examiner.look(yard.tenant_id)
        assert not [
            each
            for each in await yard.alerts()
            if (each.station, each.evse) == (alert.station, alert.evse) and each.closed_at is None
        ]


async def test_a_day_that_the_lake_does_not_know_whole_is_not_looked_at(desk: Desk, tmp_path: Path) -> None:
    """The station was lost minutes before the lake was written, and back after that; the next night's lake is late."""
    shore = Shore(desk, tmp_path / "lake", "late lake")
    lost = datetime(2026, 3, 20, 2, tzinfo=UTC)
    names = [f"{name}-{shore.tenant_id}" for name in ("CP1", "CP2")]
    for name in ("CP1", "CP2"):
        shore.station(name)

    def row(name: str, **facts: Any) -> dict[str, Any]:
        return {column.name: None for column in tables.schema(name)} | facts

    began = lost - timedelta(days=40)
    given = {
        "stations": [row("stations", station=name, site="yard", evses=1) for name in names],
        "states": [
            row("states", station=name, evse=1, connector=1, state_at=began, state="Available") for name in names
        ],
        "sessions": [],
    }

    def lake(written_at: datetime, returned_at: datetime | None) -> None:
        gaps = [row("gaps", station=names[0], lost_at=lost, returned_at=returned_at)]
        made = {
            name: pyarrow.Table.from_pylist(rows, tables.schema(name))
            for name, rows in (given | {"gaps": gaps}).items()
        }
        published(shore.folder, made, written_at)

    examiner = Examiner(desk.pool, shore.clock, shore.root)
    alert = Alert(
        alert_id=uuid4(), station=names[0], evse=1, site="yard", opened_on=lost.date() - timedelta(days=3),
        opened_at=lost - timedelta(days=2), part="contactor", risk=0.9, reasons=[], lead_d=None, model="made",
    )  # fmt: skip
    async with desk.pool.tenant(shore.tenant_id) as conn:
        assert await store.open_alert(conn, shore.tenant_id, alert)

    async def seen() -> tuple[Any, ...]:
        async with desk.pool.tenant(shore.tenant_id) as conn:
            look, [found] = await store.find_look(conn, shore.tenant_id), await store.list_alerts(conn, shore.tenant_id)
        assert look is not None
        return look.seen_on.day, look.failures, found.outcome, found.ended_by

    lake(lost + timedelta(minutes=7), None)
    shore.clock.set(lost + timedelta(days=1, hours=2))
    assert await examiner.is_due(shore.tenant_id)
    await examiner.look(shore.tenant_id)
    assert await seen() == (19, 0, None, None)
    assert not await examiner.is_due(shore.tenant_id)
    lake(shore.clock.now(), lost + timedelta(minutes=10))
    assert await examiner.is_due(shore.tenant_id)
    await examiner.look(shore.tenant_id)
    assert await seen() == (20, 0, None, None)


async def test_who_is_known_by_brought_records_alone_is_judged_by_the_chart(desk: Desk, tmp_path: Path) -> None:
    days, begins, found = 60, datetime(2026, 1, 1, tzinfo=UTC), {}
    for source in ("old", "own"):
        shore = Shore(desk, tmp_path / source, f"records {source}")
        names = [f"B{number}-{shore.tenant_id}" for number in range(1, 6)]
        for name in names:
            desk.rows("INSERT INTO stations (tenant_id, identity) VALUES (%s, %s) RETURNING 1", shore.tenant_id, name)
        visits = [
            (name, begins + timedelta(days=day, hours=6 + visit), day) for name in names for day in range(days)
            for visit in range(8)
        ]  # fmt: skip
        # At the first one more and more tries fail in the last three weeks.
        sessions = [
            {"source": source, "session": f"{name}{at}", "station": name, "evse": "1", "started_at": at,
             "ended_at": at + timedelta(minutes=1 if bad else 50), "energy_wh": 0 if bad else 9_000,
             "outcome": "nothing" if bad else "charged"}
            for name, at, day in visits for bad in [name == names[0] and at.hour - 6 < 5 * (day - days + 21) / 21]
        ]  # fmt: skip
        states = [{"station": name, "evse": 1, "connector": 1, "state": "Available", "error_code": "NoError",
                   "state_at": begins + timedelta(days=days - 1)} for name in names]  # fmt: skip
        rows = {
            "sessions": sessions,
            "states": states,
            "gaps": [],
            "stations": [{"station": name, "site": "yard", "source": "own", "evses": 1} for name in names],
        }
        published(
            shore.folder,
            {name: pyarrow.Table.from_pylist(each, tables.schema(name)) for name, each in rows.items()},
            begins + timedelta(days=days),
        )
        shore.clock.set(begins + timedelta(days=days, hours=4))
        await Examiner(desk.pool, shore.clock, shore.root).look(shore.tenant_id)
        async with desk.pool.tenant(shore.tenant_id) as conn:
            found[source] = [
                (each.station == names[0], [reason.sign for reason in each.reasons][:1], 0.8 < each.risk < 1)
                for each in await store.list_alerts(conn, shore.tenant_id)
            ]
    # Where a station says no fault in all this time, the model takes failed starts for cars that are not sound.
    assert found == {"old": [(True, ["failed"], True)], "own": []}
