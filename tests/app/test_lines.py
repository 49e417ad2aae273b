"""Durable jobs: one that fails keeps no other from being done, and one that could not be put away is not forgotten."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any

import procrastinate
import psycopg
import pytest
import pytest_asyncio
from procrastinate.exceptions import ConnectorException

from forecourt.app import lines, works
from forecourt.app.lines import Lines
from forecourt.app.works import Job, _clocked, _following
from forecourt.platform.database import DatabaseBusy
from tests.conftest import Database
from tests.support import WAIT_S

#: PostgreSQL refuses to put a job away; a sequence, which is not rolled back, counts how often.
REFUSE = """
    CREATE SEQUENCE refusals;
    GRANT USAGE ON SEQUENCE refusals TO PUBLIC;
    CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN PERFORM nextval('refusals'); RAISE 'not now'; END $$;
    CREATE TRIGGER refuse BEFORE DELETE ON procrastinate_jobs FOR EACH ROW EXECUTE FUNCTION refuse()
    """


#: A rest that no test sees the end of.
LONG_S = 3_600


class Hall:
    """A worker's lines over a database, and what PostgreSQL knows of the jobs."""

    def __init__(self, app: procrastinate.App, admin: psycopg.Connection[Any]) -> None:
        self.app = app
        self.admin = admin
        self.lines = Lines(app)

    def jobs(self) -> list[tuple[Any, ...]]:
        """(subjects, state, tries) of every job there is."""
        query = "SELECT args -> 'subjects', status::text, attempts FROM procrastinate_jobs ORDER BY id"
        return self.admin.execute(query.encode()).fetchall()

    def refused(self) -> bool:
        return bool(self.admin.execute("SELECT is_called FROM refusals").fetchone() == (True,))

    async def until(self, condition: Callable[[], object]) -> None:
        async with asyncio.timeout(WAIT_S):
            while not condition():
                await asyncio.sleep(0.02)

    async def say(self, query: str) -> None:
        """Changes something beside the loop: what it waits for is held by a worker that needs the loop to go on."""
        await asyncio.to_thread(self.admin.execute, query.encode())

    async def defer(self, job: Job, *subjects: str) -> None:
        """Puts one job for all of these subjects in line."""
        await _following(self.app, "test.job", job).defer_async(tenant_id=1, subjects=list(subjects))


@pytest_asyncio.fixture
async def hall(database: Database, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Hall]:
    monkeypatch.setattr(lines, "LOOK_EVERY_S", 0.05)
    options = {"options": "-c role=forecourt_worker"}
    app = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=database.url, kwargs=options))
    with psycopg.connect(database.admin_url, autocommit=True) as admin:
        async with app.open_async():
            made = Hall(app, admin)
            working = asyncio.create_task(made.lines.work("default"))
            yield made
            working.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await working
        admin.execute("TRUNCATE procrastinate_jobs CASCADE")


async def test_one_of_several_that_fails_keeps_no_other_from_being_done(
    hall: Hall, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(works, "APART_AFTER_S", LONG_S)
    done: list[str] = []

    async def job(*, tenant_id: int, subject: str) -> None:
        if subject == "bad":
            raise ValueError("no")
        done.append(subject)

    await hall.defer(job, "a", "b", "bad", "c", "bad", "d")
    await hall.until(lambda: len(hall.jobs()) == 2)
    assert [subjects for subjects, _, _ in hall.jobs()] == [["c", "bad", "d"], ["bad"]]
    waits = hall.admin.execute("SELECT bool_and(scheduled_at > now()) FROM procrastinate_jobs").fetchone()
    assert waits == (True,)

    def tried() -> bool:
        # What is being taken is left alone: who holds it can't go on while this waits.
        hall.admin.execute(
            "UPDATE procrastinate_jobs SET scheduled_at = now() WHERE id IN"
            " (SELECT id FROM procrastinate_jobs WHERE attempts = 0 FOR UPDATE SKIP LOCKED)"
        )
        jobs = hall.jobs()
        return [subjects for subjects, _, _ in jobs] == [["bad"]] * 2 and all(tries for _, _, tries in jobs)

    # Each is done once, and those that failed stand by themselves and are tried again.
    await hall.until(tried)
    assert done == ["a", "b", "c", "d"]


async def test_a_database_that_is_busy_is_given_a_moment_before_any_is_tried_again(
    hall: Hall, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(works, "APART_AFTER_S", LONG_S)
    tried: list[str] = []

    async def job(*, tenant_id: int, subject: str) -> None:
        tried.append(subject)
        raise DatabaseBusy

    await hall.defer(job, "a", "b", "c")
    await hall.until(lambda: len(hall.jobs()) == 2)
    assert tried == ["a"]
    assert [subjects for subjects, _, _ in hall.jobs()] == [["b", "c"], ["a"]]
    waits = hall.admin.execute("SELECT bool_and(scheduled_at > now()) FROM procrastinate_jobs").fetchone()
    assert waits == (True,)


async def test_one_whose_query_is_always_given_up_keeps_no_other_from_being_done(hall: Hall) -> None:
    done: list[str] = []

    async def job(*, tenant_id: int, subject: str) -> None:
        if subject == "slow":
            raise psycopg.errors.QueryCanceled("statement timeout")
        done.append(subject)

    await hall.defer(job, "slow", "a", "b")
    await hall.until(lambda: [subjects for subjects, _, _ in hall.jobs()] == [["slow"]])
    assert done == ["a", "b"]


async def test_what_a_process_of_the_version_before_puts_in_line_is_done(hall: Hall) -> None:
    done: list[str] = []

    async def job(*, tenant_id: int, subject: str) -> None:
        done.append(subject)

    await _following(hall.app, "test.job", job).defer_async(tenant_id=1, subject="a")
    await hall.until(lambda: not hall.jobs())
    assert done == ["a"]


async def test_a_job_that_could_not_be_put_away_is_done_again_while_its_worker_lives(
    hall: Hall, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lines, "RESCUE_EVERY_S", 0.05)
    done: list[str] = []

    async def job(*, tenant_id: int, subject: str) -> None:
        done.append(subject)

    await hall.say(REFUSE)
    await hall.defer(job, "a")
    await hall.until(hall.refused)
    assert done == ["a"]
    assert [state for _, state, _ in hall.jobs()] == ["doing"]
    await hall.say("DROP TRIGGER refuse ON procrastinate_jobs")
    rescuing = asyncio.create_task(hall.lines.rescue())
    await hall.until(lambda: not hall.jobs())
    rescuing.cancel()
    assert done == ["a", "a"]


async def test_a_job_in_work_is_left_alone_however_long_it_takes(hall: Hall) -> None:
    begun, over = 0, asyncio.Event()

    async def job(*, tenant_id: int, subject: str) -> None:
        nonlocal begun
        begun += 1
        await over.wait()

    await hall.defer(job, "a")
    await hall.until(lambda: begun)
    for _ in range(3):
        await hall.lines.rescue_once()
    # Not even when the word of its own worker came late, as after a while in which PostgreSQL stood still.
    await hall.say("UPDATE procrastinate_workers SET last_heartbeat = now() - interval '1 hour'")
    await hall.lines.rescue_once()
    assert [state for _, state, _ in hall.jobs()] == ["doing"]
    over.set()
    await hall.until(lambda: not hall.jobs())
    assert begun == 1


async def test_a_job_that_cant_be_put_back_keeps_no_other_from_it_and_the_clocks_are_ended(hall: Hall) -> None:
    async def job(*, tenant_id: int, subject: str) -> None:
        raise AssertionError("nobody works in this line")

    async def by_the_clock(timestamp: int) -> None:
        raise AssertionError("nobody works in this line")

    event = _following(hall.app, "test.event", job, queue="nobody")
    clock = _clocked(hall.app, "test.clock", by_the_clock, lock="c", queueing_lock="c", queue="nobody")
    await clock.defer_async(timestamp=1)
    for subject in "ab":
        await event.defer_async(tenant_id=1, subjects=[subject])
    await hall.say("UPDATE procrastinate_jobs SET status = 'doing', worker_id = NULL")
    # The clock has made the next one meanwhile.
    await clock.defer_async(timestamp=2)
    await hall.say(
        "CREATE FUNCTION refuse_a() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN IF NEW.args -> 'subjects' ->> 0 = 'a' THEN RAISE 'not now'; END IF; RETURN NEW; END $$;"
        "CREATE TRIGGER refuse_a BEFORE UPDATE ON procrastinate_jobs FOR EACH ROW EXECUTE FUNCTION refuse_a()"
    )
    await hall.lines.rescue_once()
    rows = hall.admin.execute("SELECT task_name, args, status::text FROM procrastinate_jobs ORDER BY id").fetchall()
    assert rows == [
        ("test.event", {"tenant_id": 1, "subjects": ["a"]}, "doing"),
        ("test.event", {"tenant_id": 1, "subjects": ["b"]}, "todo"),
        ("test.clock", {"timestamp": 2}, "todo"),
    ]
    await hall.say("DROP TRIGGER refuse_a ON procrastinate_jobs")


async def test_a_worker_that_is_told_to_stop_while_the_database_is_away_stops(
    hall: Hall, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = asyncio.Event()

    async def job(*, tenant_id: int, subject: str) -> None:
        begun.set()

    async def away(worker: int) -> None:
        raise ConnectorException from OSError("away")

    # Only its good-bye fails: all else must work for the worker to get there.
    monkeypatch.setattr(hall.app.job_manager, "unregister_worker", away)
    working = asyncio.create_task(hall.lines.work("default"))
    await hall.defer(job, "a")
    await begun.wait()
    working.cancel()
    async with asyncio.timeout(WAIT_S):
        with pytest.raises(asyncio.CancelledError):
            await working
    monkeypatch.undo()
