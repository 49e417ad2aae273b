"""Durable jobs: one that fails keeps no other from being done, and one that could not be put away is not forgotten."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any

import procrastinate
import psycopg
import pytest
import pytest_asyncio

from forecourt.app import lines
from forecourt.app.lines import Lines
from forecourt.app.works import RETRY, Job, _following
from tests.conftest import Database

WAIT_S = 30.0
#: PostgreSQL refuses to put a job away.
REFUSE = """
    CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'not now'; END $$;
    CREATE TRIGGER refuse BEFORE DELETE ON procrastinate_jobs FOR EACH ROW EXECUTE FUNCTION refuse()
    """


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

    async def until(self, condition: Callable[[], object]) -> None:
        async with asyncio.timeout(WAIT_S):
            while not condition():
                await asyncio.sleep(0.02)

    async def defer(self, job: Job, *subjects: str) -> None:
        """Puts one job for all of these subjects in line."""
        await _following(self.app, "test.job", job).defer_async(tenant_id=1, subjects=list(subjects))


@pytest_asyncio.fixture
async def hall(database: Database) -> AsyncIterator[Hall]:
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


async def test_one_of_several_that_fails_keeps_no_other_from_being_done(hall: Hall) -> None:
    done: list[str] = []

    async def job(*, tenant_id: int, subject: str) -> None:
        if subject == "bad":
            raise ValueError("no")
        done.append(subject)

    await hall.defer(job, "a", "b", "bad", "c", "bad", "d")
    await hall.until(lambda: [tries for _, _, tries in hall.jobs()] == [1, 1])
    # Each was done once, and those that failed stand by themselves and wait to be tried again.
    assert done == ["a", "b", "c", "d"]
    assert [(subjects, state) for subjects, state, _ in hall.jobs()] == [(["bad"], "todo")] * 2
    assert RETRY.max_attempts


async def test_a_job_that_could_not_be_put_away_is_done_again_while_its_worker_lives(
    hall: Hall, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lines, "RESCUE_EVERY_S", 0.05)
    done: list[str] = []

    async def job(*, tenant_id: int, subject: str) -> None:
        done.append(subject)

    hall.admin.execute(REFUSE)
    await hall.defer(job, "a")
    await hall.until(lambda: done)
    assert [state for _, state, _ in hall.jobs()] == ["doing"]
    hall.admin.execute("DROP TRIGGER refuse ON procrastinate_jobs")
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
    assert [state for _, state, _ in hall.jobs()] == ["doing"]
    over.set()
    await hall.until(lambda: not hall.jobs())
    assert begun == 1
