"""Migrations: order, refusals, and that a kill at any instant leaves nothing to repair."""

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from forecourt.platform.migrate import MigrationFailed, migrate
from tests.conftest import Database, Servers
from tests.support import WAIT_S

FUNCTION = """
-- depends: platform.0001
-- Percent signs, semicolons and quotes inside bodies belong to the bodies.
CREATE FUNCTION grade(points int) RETURNS text LANGUAGE plpgsql AS $body$
DECLARE
    word text := 'low; 5%';
BEGIN
    IF points > 10 THEN
        word := $$high; it's 100%$$;
    END IF;
    CASE points WHEN 0 THEN RETURN 'none'; ELSE NULL; END CASE;
    RETURN word;
END
$body$;
CREATE FUNCTION two() RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT 1; SELECT 2; END;
DO $$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_tables WHERE tablename = 'marks') THEN CREATE TABLE marks (n int); END IF;
END $$;
"""


@pytest.fixture
def empty(servers: Servers) -> Iterator[Database]:
    with servers.empty_database() as database:
        yield database


def rooms(root: Path, **files: str) -> list[Path]:
    """Migration folders from `room_0001="SQL"`."""
    for name, text in files.items():
        room, _, number = name.partition("_")
        folder = root / room / "migrations"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{room}.{number}.sql").write_text(text)
    return sorted(root.glob("*/migrations"))


def one(url: str, query: str) -> object:
    with psycopg.connect(url, autocommit=True) as connection:
        row = connection.execute(query.encode()).fetchone()
    assert row is not None
    return row[0]


def test_rooms_are_applied_by_what_they_build_on_not_by_name(tmp_path: Path, empty: Database) -> None:
    folders = rooms(
        tmp_path,
        platform_0001="CREATE TABLE base (n int PRIMARY KEY);",
        apples_0001="-- depends: pears.0001\nALTER TABLE pears ADD COLUMN apple int;",
        pears_0001="-- depends: platform.0001\nCREATE TABLE pears (n int REFERENCES base);",
    )
    assert migrate(empty.admin_url, folders=folders) == ["platform.0001", "pears.0001", "apples.0001"]
    assert migrate(empty.admin_url, folders=folders) == []


def test_function_bodies_reach_the_server_as_they_are_written(tmp_path: Path, empty: Database) -> None:
    folders = rooms(tmp_path, platform_0001="CREATE TABLE base ();", apples_0001=FUNCTION)
    migrate(empty.admin_url, folders=folders)
    assert one(empty.admin_url, "SELECT grade(11)") == "high; it's 100%"
    assert one(empty.admin_url, "SELECT grade(1)") == "low; 5%"
    assert one(empty.admin_url, "SELECT two()") == 2


def test_a_failing_migration_leaves_those_before_it_and_nothing_of_itself(tmp_path: Path, empty: Database) -> None:
    folders = rooms(
        tmp_path,
        platform_0001="CREATE TABLE base ();",
        apples_0001="-- depends: platform.0001\nCREATE TABLE apples (); SELECT 1 / 0;",
    )
    with pytest.raises(MigrationFailed, match=r"apples\.0001.*division by zero"):
        migrate(empty.admin_url, folders=folders)
    assert one(empty.admin_url, "SELECT to_regclass('base') IS NOT NULL AND to_regclass('apples') IS NULL")
    rooms(tmp_path, apples_0001="-- depends: platform.0001\nCREATE TABLE apples ();")
    assert migrate(empty.admin_url, folders=folders) == ["apples.0001"]


@pytest.mark.parametrize(
    ("file", "text", "reason"),
    [
        ("apples_0001", "CREATE TABLE apples ();", "builds on"),
        ("apples_0001", "-- depends: cherries.0001\nCREATE TABLE apples ();", "can't be read"),
        ("apples_first", "-- depends: platform.0001\nCREATE TABLE apples ();", "must be named"),
    ],
)
def test_a_migration_that_would_be_sorted_by_luck_is_refused(
    tmp_path: Path, empty: Database, file: str, text: str, reason: str
) -> None:
    folders = rooms(tmp_path, platform_0001="CREATE TABLE base ();", **{file: text})
    with pytest.raises(MigrationFailed, match=reason):
        migrate(empty.admin_url, folders=folders)


def test_a_migration_and_its_record_are_one_transaction(tmp_path: Path, empty: Database) -> None:
    migrate(empty.admin_url, folders=rooms(tmp_path, platform_0001="CREATE TABLE base ();"))
    assert one(
        empty.admin_url,
        "SELECT (SELECT xmin FROM pg_class WHERE relname = 'base') = (SELECT xmin FROM _yoyo_migration)",
    )


def test_a_migration_killed_in_the_middle_is_done_again_at_once(tmp_path: Path, empty: Database) -> None:
    with psycopg.connect(empty.admin_url) as connection:
        connection.execute("CREATE TABLE pace (seconds int)")
        connection.execute("INSERT INTO pace VALUES (600)")
    folders = rooms(
        tmp_path, platform_0001="CREATE TABLE base (n int); SELECT pg_sleep(seconds) FROM pace; CREATE TABLE top ();"
    )
    code = "import sys; from pathlib import Path; from forecourt.platform.migrate import migrate;"
    code += "migrate(sys.argv[1], folders=[Path(p) for p in sys.argv[2:]])"
    killed = subprocess.Popen([sys.executable, "-c", code, empty.admin_url, *map(str, folders)])
    sleeping = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = current_database()"
    until(lambda: one(empty.admin_url, sleeping) == 1)
    killed.kill()
    killed.wait(WAIT_S)
    with psycopg.connect(empty.admin_url) as connection:
        connection.execute("UPDATE pace SET seconds = 0")
    assert migrate(empty.admin_url, folders=folders) == ["platform.0001"]
    assert one(empty.admin_url, "SELECT to_regclass('top') IS NOT NULL")


def test_a_lock_row_left_by_the_dead_holds_nobody_up(tmp_path: Path, empty: Database) -> None:
    folders = rooms(tmp_path, platform_0001="CREATE TABLE base ();")
    migrate(empty.admin_url, folders=folders)
    with psycopg.connect(empty.admin_url) as connection:
        connection.execute("INSERT INTO yoyo_lock VALUES (1, now(), 1)")
    rooms(tmp_path, platform_0002="-- depends: platform.0001\nCREATE TABLE more ();")
    assert migrate(empty.admin_url, folders=folders) == ["platform.0002"]


def test_of_two_that_migrate_at_once_one_does_the_work(tmp_path: Path, empty: Database) -> None:
    folders = rooms(tmp_path, platform_0001="CREATE TABLE base (); SELECT pg_sleep(0.2);")
    done: list[list[str]] = []
    threads = [threading.Thread(target=lambda: done.append(migrate(empty.admin_url, folders=folders))) for _ in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(WAIT_S)
    assert sorted(done) == [[], ["platform.0001"]]


def test_the_rooms_own_migrations_apply_and_the_job_queue_is_open_to_the_worker_alone(database: Database) -> None:
    with psycopg.connect(database.url) as connection:
        connection.execute("SET ROLE forecourt_worker")
        connection.execute("SELECT count(*) FROM procrastinate_jobs")
        connection.commit()
        for role in ("forecourt_app", "forecourt_ingest"):
            for right in ("SELECT count(*) FROM procrastinate_jobs", "INSERT INTO procrastinate_events DEFAULT VALUES"):
                connection.execute(f"SET ROLE {role}".encode())
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    connection.execute(right.encode())
                connection.rollback()


def until(happened: Callable[[], bool]) -> None:
    """Waits for something that another process does."""
    deadline = time.monotonic() + WAIT_S
    while not happened():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.02)
