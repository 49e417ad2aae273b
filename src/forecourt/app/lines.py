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

from forecourt.app.works import LONG

log = structlog.get_logger(__name__)

CONCURRENCY = 4
#: Of the line of what may take long.
LONG_CONCURRENCY = 2
LINES = {"default": CONCURRENCY, LONG: LONG_CONCURRENCY}
STOP_DEADLINE_S = 8.0
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
        self._workers: set[int] = set()
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
                    shutdown_graceful_timeout=STOP_DEADLINE_S,
                    update_heartbeat_interval=HEARTBEAT_S,
                    stalled_worker_timeout=ABANDONED_AFTER_S,
                    worker_middleware=[self._noted],
                )
            except ConnectorException as fault:
                log.warning("jobs wait for the database", fault=str(fault.__cause__).partition("\n")[0])
            await asyncio.sleep(AWAY_REST_S)

    async def _noted(self, do: Callable[[], Awaitable[Any]], context: JobContext, worker: Worker) -> Any:
        """Do a job, and know of it meanwhile."""
        number = context.job.id
        assert number is not None
        assert worker.worker_id is not None
        self._workers.add(worker.worker_id)
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
        """Put back what dead workers had in work, and what two looks in a row found in work here with nobody at it."""
        manager = self._app.job_manager
        for job in await manager.get_stalled_jobs(seconds_since_heartbeat=ABANDONED_AFTER_S):
            await self._put_back(job, "its worker is gone")
        left = [job for job in await manager.list_jobs_async(status=Status.DOING.value) if self._is_left(job)]
        for job in left:
            if job.id in self._suspects:
                await self._put_back(job, "it could not be put away")
        self._suspects = {job.id for job in left if job.id is not None} - self._suspects

    def _is_left(self, job: Job) -> bool:
        return job.worker_id in self._workers and job.id not in self._in_work

    async def _put_back(self, job: Job, why: str) -> None:
        log.warning("a job was abandoned and is put back", task=job.task_name, job=job.id, why=why)
        await self._app.job_manager.retry_job(job)
