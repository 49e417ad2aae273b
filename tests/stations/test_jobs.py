"""What the worker puts in order after gateways and web processes that died."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import psycopg
import pytest
import pytest_asyncio

from forecourt.platform.database import Pool
from forecourt.stations import jobs
from forecourt.stations.jobs import COMMAND_ABANDONED_S, GATEWAY_GONE_S, Keep, StationJobs
from tests.conftest import Database
from tests.ground import Ground
from tests.support import FakeClock


@pytest.fixture
def admin(database: Database) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(database.admin_url, autocommit=True) as connection:
        connection.execute("TRUNCATE gateways, station_links, connection_gaps, commands")
        yield connection


@pytest_asyncio.fixture
async def worker(ground: Ground, clock: FakeClock) -> StationJobs:
    return StationJobs(await ground.pool("forecourt_worker", 1), clock)


def gateway(admin: psycopg.Connection[Any], name: str, ended_s: float) -> None:
    """A gateway whose lease ended so long ago."""
    admin.execute(
        "INSERT INTO gateways VALUES (%s, now() - interval '1 day', now() - make_interval(secs => %s))", (name, ended_s)
    )


def link(admin: psycopg.Connection[Any], station_id: int, holder: str | None) -> None:
    admin.execute(
        "INSERT INTO station_links (station_id, tenant_id, epoch, gateway_id, protocol, connected_at, last_seen_at)"
        " VALUES (%s, 1, 3, %s, 'ocpp1.6', now() - interval '1 day', now() - interval '1 hour')",
        (station_id, holder),
    )


async def test_dead_gateways_are_forgotten_and_their_stations_disconnected_since_the_lease_ended(
    admin: psycopg.Connection[Any], worker: StationJobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "ROWS_AT_ONCE", 2)
    gateway(admin, "dead", GATEWAY_GONE_S + 1)
    gateway(admin, "dead and empty", GATEWAY_GONE_S + 1)
    gateway(admin, "late", 1)
    gateway(admin, "alive", -10)
    holders = {1: "dead", 2: "dead", 3: "dead", 4: "late", 5: "alive", 6: "given up", 7: None}
    for station_id, holder in holders.items():
        link(admin, station_id, holder)
    [(ended,)] = admin.execute("SELECT lease_until FROM gateways WHERE gateway_id = 'dead'").fetchall()

    assert await worker.tend_directory() == 4
    assert set(admin.execute("SELECT gateway_id FROM gateways").fetchall()) == {("late",), ("alive",)}
    kept = admin.execute(
        "SELECT station_id, gateway_id, disconnected_at, epoch FROM station_links ORDER BY station_id"
    ).fetchall()
    assert kept[:3] == [(number, None, ended, 3) for number in (1, 2, 3)]
    assert [(row[1], row[2]) for row in kept[3:5]] == [("late", None), ("alive", None)]
    # What nobody said goodbye of is a loss of the connection like any other.
    gaps = "SELECT station_id, epoch, lost_at, returned_at FROM connection_gaps ORDER BY station_id"
    lost = admin.execute(gaps).fetchall()
    assert lost[:3] == [(number, 3, ended, None) for number in (1, 2, 3)]
    assert [row[0] for row in lost] == [1, 2, 3, 6]
    # Of a gateway that is not known any more nobody knows when it ended: the station's last word tells.
    [seen] = admin.execute("SELECT NULL, last_seen_at FROM station_links WHERE station_id = 6").fetchall()
    assert kept[5][1:3] == seen
    assert lost[3][2] == seen[1]
    assert await worker.tend_directory() == 0
    assert admin.execute(gaps).fetchall() == lost


async def test_commands_of_a_process_that_died_end_without_an_answer_and_no_others_do(
    admin: psycopg.Connection[Any], worker: StationJobs, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "ROWS_AT_ONCE", 2)
    row = admin.execute("INSERT INTO organisations (name) VALUES ('Org') RETURNING tenant_id").fetchone()
    assert row is not None
    old = clock.now() - timedelta(seconds=COMMAND_ABANDONED_S + 1)
    for action, asked_at, outcome in (
        *((f"old {number}", old, "sent") for number in range(5)),
        ("young", old + timedelta(seconds=2), "sent"),
        ("answered", old, "answered"),
        ("late", old, "late"),
    ):
        admin.execute(
            "INSERT INTO commands (tenant_id, station_id, action, payload, asked_by, asked_at, outcome)"
            " VALUES (%s, 1, %s, '{}', 'test', %s, %s)",
            (row[0], action, asked_at, outcome),
        )
    assert await worker.end_abandoned_commands() == 5
    kept = dict(admin.execute("SELECT action, outcome FROM commands").fetchall())
    assert kept == {f"old {number}": "timeout" for number in range(5)} | {
        "young": "sent",
        "answered": "answered",
        "late": "late",
    }
    assert set(admin.execute("SELECT answered_at FROM commands WHERE action LIKE 'old%'").fetchall()) == {
        (clock.now(),)
    }


async def test_what_is_old_is_forgotten_but_the_word_that_held_and_passwords_that_are_open(
    admin: psycopg.Connection[Any], worker: StationJobs, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "ROWS_AT_ONCE", 2)
    admin.execute("TRUNCATE connectors, connector_history, connection_gaps, bulk_runs, bulk_run_stations")
    [(tenant_id,)] = admin.execute("INSERT INTO organisations (name) VALUES ('Org') RETURNING tenant_id").fetchall()
    edge = clock.now() - jobs.KEEP_HISTORY
    ages = [timedelta(days=5), timedelta(days=4), timedelta(days=3), timedelta(days=2), -timedelta(days=1)]
    for connector in (1, 2):
        admin.execute(
            "INSERT INTO connectors (station_id, evse, connector, tenant_id, state, state_at)"
            " VALUES (1, 1, %s, %s, 'Available', %s)",
            (connector, tenant_id, edge),
        )
        for age in ages:
            admin.execute(
                "INSERT INTO connector_history (station_id, evse, connector, state_at, state, tenant_id, arrived_at)"
                " VALUES (1, 1, %s, %s, 'Charging', %s, now())",
                (connector, edge - age, tenant_id),
            )
    for epoch, returned_at in enumerate((edge - ages[0], edge - ages[1], edge - ages[2], edge + ages[0], None)):
        admin.execute(
            "INSERT INTO connection_gaps (station_id, epoch, tenant_id, lost_at, returned_at)"
            " VALUES (1, %s, %s, %s, %s)",
            (epoch, tenant_id, edge - timedelta(days=9), returned_at),
        )
    for action, asked_at, password in (
        *((f"open {number}", edge - ages[0], b"x") for number in range(jobs.ROWS_AT_ONCE)),
        *((f"old {number}", edge - ages[1], None) for number in range(3)),
        ("young", edge + ages[0], None),
    ):
        admin.execute(
            "INSERT INTO commands (tenant_id, station_id, action, payload, asked_by, asked_at, outcome, password_hash)"
            " VALUES (%s, 1, %s, '{}', 'test', %s, 'timeout', %s)",
            (tenant_id, action, asked_at, password),
        )
    for ended_at in (edge - ages[0], edge + ages[0], None):
        admin.execute(
            "WITH run AS (INSERT INTO bulk_runs (tenant_id, action, argument, actor, asked_at, ended_at)"
            " VALUES (%s, 'reset', 'soft', '{}', %s, %s) RETURNING run_id, tenant_id)"
            " INSERT INTO bulk_run_stations (run_id, position, tenant_id, station_id, station)"
            " SELECT run_id, n, tenant_id, 1, 'x' FROM run, generate_series(1, 3) n",
            (tenant_id, edge - ages[0], ended_at),
        )
    # 6 words, 3 gaps, 3 commands, and of the run 2 stations, then what is left, which counts as less than a batch.
    assert await worker.forget_old() == 6 + 3 + 3 + 2 + 1
    kept = admin.execute("SELECT connector, state_at FROM connector_history ORDER BY 1, 2").fetchall()
    assert kept == [(number, edge - age) for number in (1, 2) for age in ages[-2:]]
    assert admin.execute("SELECT epoch FROM connection_gaps ORDER BY 1").fetchall() == [(3,), (4,)]
    assert admin.execute("SELECT action FROM commands ORDER BY 1").fetchall() == [
        ("open 0",),
        ("open 1",),
        ("young",),
    ]
    assert admin.execute("SELECT count(*) FROM bulk_runs").fetchall() == [(2,)]
    assert admin.execute("SELECT count(*) FROM bulk_run_stations").fetchall() == [(6,)]


async def test_what_is_kept_for_ever_is_never_forgotten(
    admin: psycopg.Connection[Any], database: Database, clock: FakeClock
) -> None:
    [(tenant_id,)] = admin.execute("INSERT INTO organisations (name) VALUES ('Org') RETURNING tenant_id").fetchall()
    admin.execute(
        "INSERT INTO commands (tenant_id, station_id, action, payload, asked_by, asked_at, outcome)"
        " VALUES (%s, 1, 'Reset', '{}', 'test', %s, 'timeout')",
        (tenant_id, clock.now() - timedelta(days=9_000)),
    )
    async with Pool(database.url, "forecourt_worker", size=1) as pool:
        assert await StationJobs(pool, clock, Keep(messages=None, states=None, commands=None)).forget_old() == 0


async def test_the_worker_reads_no_message_and_no_password(database: Database, worker: StationJobs) -> None:
    async with Pool(database.url, "forecourt_worker", size=1) as pool:
        for column, table in (
            ("payload", "commands"),
            ("password_hash", "commands"),
            ("remote_address", "station_links"),
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                async with pool.anyone() as connection:
                    await connection.execute(f"SELECT {column} FROM {table}".encode())
