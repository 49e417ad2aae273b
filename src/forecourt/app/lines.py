"""The lines in which durable jobs wait: worked on until told to stop, and put back when whoever had one is gone.

procrastinate does the work of a line. Two things are ours: its worker ends with its connections, and is begun anew; and
a job that was done and could not be put away, because PostgreSQL ended in that very moment, would stay in work for as
long as its worker lives.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import procrastinate
import structlog
from procrastinate.exceptions import ConnectorException
from procrastinate.job_context import JobContext
from procrastinate.jobs import Job, Status
from procrastinate.worker import Worker

from forecourt.app.works import LONG, NIGHTLY, OUTWARD

log = structlog.get_logger(__name__)

CONCURRENCY = 4
#: Of the line of what may take long.
LONG_CONCURRENCY = 2
#: Of the line of nights, each of which may take all of a core.
NIGHTLY_CONCURRENCY = 1
#: Of the line of what waits for others.
OUTWARD_CONCURRENCY = 8
LINES = {"default": CONCURRENCY, LONG: LONG_CONCURRENCY, NIGHTLY: NIGHTLY_CONCURRENCY, OUTWARD: OUTWARD_CONCURRENCY}
STOP_DEADLINE_S = 8.0
#: How often a worker looks for jobs whose time has come, which nobody tells it of.
LOOK_EVERY_S = 5.0
#: How often a worker says that it lives, and the silence after which its jobs are taken up by others.
HEARTBEAT_S = 5.0
ABANDONED_AFTER_S = 15.0
RESCUE_EVERY_S = 5.0
#: How long jobs rest when the database is away.
AWAY_REST_S = 1.0


class Lines:
    """The lines of one worker process. Every job bears being done twice."""

    def __init__(self, app: procrastinate.App) -> None:
        self._app = app
        #: Line -> the number of its worker of the moment.
        self._workers: dict[str, int] = {}
        self._in_work: set[int] = set()
        self._suspects: set[int] = set()

    async def work(self, line: str) -> None:
        """Do the jobs of one line until cancelled. procrastinate's worker ends with its connections: begin anew when
        PostgreSQL is back."""
        while True:
            try:
                await self._app.run_worker_async(
                    queues=[line],
                    concurrency=LINES[line],
                    install_signal_handlers=False,
                    delete_jobs="successful",
                    fetch_job_polling_interval=LOOK_EVERY_S,
                    shutdown_graceful_timeout=STOP_DEADLINE_S,
                    update_heartbeat_interval=HEARTBEAT_S,
                    stalled_worker_timeout=ABANDONED_AFTER_S,
                    worker_middleware=[self._noted],
                )
            except ConnectorException as fault:
                log.warning("jobs wait for the database", fault=str(fault.__cause__).partition("\n")[0])
                _stop_if_told()
            await asyncio.sleep(AWAY_REST_S)

    async def _noted(self, do: Callable[[], Awaitable[Any]], context: JobContext, worker: Worker) -> Any:
        """Do a job, and know of it meanwhile."""
        number = context.job.id
        assert number is not None
        assert worker.worker_id is not None
        self._workers[context.job.queue] = worker.worker_id
        self._in_work.add(number)
        try:
            return await do()
        finally:
            self._in_work.discard(number)

    async def rescue(self) -> None:
        """Put back in line, until cancelled, what nobody has in work any more."""
        while True:
            try:
                await self.rescue_once()
            except ConnectorException:
                log.debug("abandoned jobs wait for the database")
            await asyncio.sleep(RESCUE_EVERY_S)

    async def rescue_once(self) -> None:
        """Put back what dead workers had in work, and what two looks in a row found in work here with nobody at it.

        Raises ConnectorException while the database is away.
        """
        jobs = self._app.job_manager
        for job in await jobs.get_stalled_jobs(seconds_since_heartbeat=ABANDONED_AFTER_S):
            # A worker whose word came late, because it or PostgreSQL stood still, is at it all the same.
            if job.id not in self._in_work:
                await self._put_back(job, "its worker is gone")
        left = [
            job
            for worker in [*self._workers.values()]
            for job in await jobs.list_jobs_async(status=Status.DOING.value, worker_id=worker)
            if job.id not in self._in_work
        ]
        for job in left:
            if job.id in self._suspects:
                await self._put_back(job, "it could not be put away")
        self._suspects = {job.id for job in left if job.id is not None} - self._suspects

    async def _put_back(self, job: Job, why: str) -> None:
        """A job of the clock is ended instead: the clock makes another."""
        log.warning("a job was abandoned and is put back", task=job.task_name, job=job.id, why=why)
        try:
            if job.queueing_lock is None:
                await self._app.job_manager.retry_job(job)
            else:
                await self._app.job_manager.finish_job(job, status=Status.ABORTED, delete_job=True)
        except ConnectorException as fault:
            # Another worker was quicker, or the database is away: the next look shows.
            log.info("a job was not put back", job=job.id, fault=str(fault.__cause__).partition("\n")[0])


def _stop_if_told() -> None:
    """A worker that can't say good-bye to the database ends by that fault, also when it was cancelled: raises the
    CancelledError which the fault took the place of."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
