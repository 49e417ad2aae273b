"""The worker process: the dispatcher of the outbox, the durable jobs, and what is done by the clock."""

import asyncio
import contextlib
import functools
from collections.abc import Awaitable, Callable, Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any

import procrastinate
import structlog
import uvloop
from procrastinate import PsycopgConnector, RetryStrategy
from procrastinate.exceptions import ConnectorException
from prometheus_client import Counter

from forecourt.app.letters import telling_of
from forecourt.app.signals import stop_event
from forecourt.app.telling import DESCRIBE
from forecourt.care.jobs import CareJobs
from forecourt.care.service.watch import CHANGED, CLOSED, OPENED
from forecourt.drivers.outside.authorizer import OutsideAuthorizer
from forecourt.drivers.outside.jobs import OutsideDecisions
from forecourt.platform import metrics, outbox
from forecourt.platform.bus import Bus
from forecourt.platform.clock import SystemClock
from forecourt.platform.database import START_PATIENCE_S, Pool, wait_until_safe
from forecourt.platform.errors import SettingsError
from forecourt.platform.mail import WRITTEN, MailJobs, post_of
from forecourt.platform.outward import Outward
from forecourt.platform.settings import Settings
from forecourt.sessions.jobs import SessionJobs
from forecourt.sessions.outside import OutsideJobs
from forecourt.sessions.remote.events import EXPIRED, FAILED, LINKED
from forecourt.sessions.remote.jobs import RemoteStartJobs
from forecourt.stations.bulk import ASKED, BulkJobs
from forecourt.stations.commands import Commander
from forecourt.stations.jobs import StationJobs
from forecourt.webhooks.jobs import WebhookJobs, task_of
from forecourt.webhooks.model import Kind
from forecourt.webhooks.sender import Sender

log = structlog.get_logger(__name__)

CONCURRENCY = 4
JOB_POOL = 3
#: A job that fails is tried again after 2, 4, 8 ... seconds, this often; then it stays failed for a person to see.
RETRY = RetryStrategy(max_attempts=10, exponential_wait=2)
STOP_DEADLINE_S = 8.0
#: How often a worker says that it lives, and the silence after which its jobs are taken up by others.
HEARTBEAT_S = 5.0
ABANDONED_AFTER_S = 15.0
RESCUE_EVERY_S = 5.0
#: How long jobs rest when the database is away.
AWAY_REST_S = 1.0

JOBS = Counter(
    "forecourt_jobs_total", "Tries of jobs by how they ended; one that failed is tried again", ["job", "end"]
)


def main(settings: Settings) -> None:
    """Work until SIGTERM or SIGINT; a job in work is finished within STOP_DEADLINE_S or taken up by the next worker."""
    if settings.database_url is None or settings.nats_url is None:
        raise SettingsError("The worker needs FORECOURT_DATABASE_URL and FORECOURT_NATS_URL, or use `forecourt up`.")
    uvloop.run(serve(settings))


async def serve(settings: Settings) -> None:
    """Start, work, stop."""
    url = settings.database_url
    assert url is not None
    assert settings.nats_url is not None
    stopping = stop_event()
    await wait_until_safe(url, "forecourt_worker")
    clock = SystemClock()
    bus = await Bus.wait(settings.nats_url, START_PATIENCE_S)
    async with (
        contextlib.AsyncExitStack() as stack,
        Pool(url, "forecourt_worker", size=2, application="worker") as pool,
        Pool(url, "forecourt_app", size=3, application="worker-tenants") as tenants,
        Outward(private=settings.webhooks_private) as outward,
    ):
        stack.push_async_callback(bus.close)
        commander = Commander(tenants, bus, clock, secret_key=settings.secret())
        webhooks = WebhookJobs(pool, tenants, clock, DESCRIBE, settings.console_url)
        sender = Sender(pool, tenants, clock, outward, settings.secret(), settings.console_url)
        stations = StationJobs(pool, clock)
        await stations.tend_message_log()
        mail = MailJobs(pool, post_of(settings, clock))
        sessions = SessionJobs(pool, tenants, clock)
        remote_starts = RemoteStartJobs(pool, tenants, clock)
        authorizer = OutsideAuthorizer(outward, settings.secret(), clock)
        decisions = OutsideDecisions(pool, tenants, authorizer, clock)
        outside = OutsideJobs(tenants, decisions, commander)
        care = CareJobs(pool, tenants, clock, telling_of(settings), bus)
        bulk = BulkJobs(tenants, commander, clock, settings.secret())
        app, routes = compose(url, sessions, stations, remote_starts, mail, webhooks, decisions, outside, care, bulk)
        with metrics.served(settings):
            await _until(stopping, app, pool, routes, sender)


async def _until(
    stopping: asyncio.Event, app: procrastinate.App, pool: Pool, routes: outbox.Routes, sender: Sender
) -> None:
    """Do all that a worker does until it is told to stop, or until a part of it ends."""
    async with app.open_async():
        works: tuple[Coroutine[Any, Any, Any], ...] = (
            outbox.dispatch(pool, routes),
            outbox.measure(pool, routes),
            _work(app),
            _rescue(app),
            sender.run(),
            stopping.wait(),
        )
        tasks = [asyncio.create_task(work) for work in works]
        log.info("worker ready")
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for task in done:
            task.result()


async def _work(app: procrastinate.App) -> None:
    """Do jobs until cancelled. procrastinate's worker ends with its connections: begin anew when PostgreSQL is back."""
    while True:
        try:
            await app.run_worker_async(
                concurrency=CONCURRENCY,
                install_signal_handlers=False,
                delete_jobs="successful",
                shutdown_graceful_timeout=STOP_DEADLINE_S,
                update_heartbeat_interval=HEARTBEAT_S,
                stalled_worker_timeout=ABANDONED_AFTER_S,
            )
        except ConnectorException as fault:
            log.warning("jobs wait for the database", fault=str(fault.__cause__).partition("\n")[0])
        await asyncio.sleep(AWAY_REST_S)


async def _rescue(app: procrastinate.App) -> None:
    """Put back in line, until cancelled, what workers had in work when they died; every job bears being done twice."""
    while True:
        try:
            for job in await app.job_manager.get_stalled_jobs(seconds_since_heartbeat=ABANDONED_AFTER_S):
                log.warning("a job was abandoned by its worker and is put back", task=job.task_name, job=job.id)
                await app.job_manager.retry_job(job)
        except ConnectorException:
            log.debug("abandoned jobs wait for the database")
        await asyncio.sleep(RESCUE_EVERY_S)


def _counted(name: str, job: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    """The job, counted in JOBS at the end of every try."""
    done, failed = JOBS.labels(name, "done"), JOBS.labels(name, "failed")

    @functools.wraps(job)
    async def counted(*arguments: Any, **named: Any) -> None:
        try:
            await job(*arguments, **named)
        except Exception:
            failed.inc()
            raise
        done.inc()

    return counted


def compose(
    url: str,
    sessions: SessionJobs,
    stations: StationJobs,
    remote_starts: RemoteStartJobs,
    mail: MailJobs,
    webhooks: WebhookJobs,
    decisions: OutsideDecisions,
    outside: OutsideJobs,
    care: CareJobs,
    bulk: BulkJobs,
) -> tuple[procrastinate.App, outbox.Routes]:
    """The jobs there are, and which event leads to which."""
    connector = PsycopgConnector(
        conninfo=url, kwargs={"options": "-c role=forecourt_worker"}, min_size=1, max_size=JOB_POOL
    )
    app = procrastinate.App(connector=connector)

    async def close_silent_sessions(timestamp: int) -> None:
        await sessions.close_silent()

    async def review_sharing_sessions(timestamp: int) -> None:
        await sessions.review_sharing()

    async def settle_remote_starts(timestamp: int) -> None:
        await remote_starts.settle_due()

    async def tend_message_log(timestamp: int) -> None:
        await stations.tend_kept()

    async def tend_directory(timestamp: int) -> None:
        await stations.tend_directory()

    async def end_abandoned_commands(timestamp: int) -> None:
        await stations.end_abandoned_commands()

    async def tell_updates(timestamp: int) -> None:
        since = datetime.fromtimestamp(timestamp, UTC) - timedelta(minutes=1)
        await sessions.tell_updates(await webhooks.following(Kind.SESSION_UPDATED), since)

    async def tidy_decisions(timestamp: int) -> None:
        await decisions.tidy()

    async def tidy_webhooks(timestamp: int) -> None:
        await webhooks.tidy()

    async def watch_stations(timestamp: int) -> None:
        await care.watch_all()

    async def tidy_incidents(timestamp: int) -> None:
        await care.tidy()

    def task(name: str, job: Callable[..., Awaitable[Any]], **how: Any) -> Any:
        made: Any = app.task(name=name, **how)
        return made(_counted(name, job))

    review = task("sessions.review", sessions.review, retry=RETRY)
    link = task("sessions.link_remote_start", remote_starts.link_session, retry=RETRY)
    check = task("sessions.check_outside", outside.check_session, retry=RETRY)
    expire = task("sessions.expire_remote_starts", remote_starts.expire_freed, retry=RETRY)
    send = task("mail.send", mail.send, retry=RETRY)
    watch = task("care.watch_station", care.watch_station, retry=RETRY)
    tell = task("care.tell", care.tell, retry=RETRY)
    app.periodic(cron="* * * * *")(task("care.watch_all", watch_stations))
    app.periodic(cron="43 3 * * *")(task("care.tidy", tidy_incidents))
    run = task("stations.bulk_run", bulk.run, retry=RETRY)
    app.periodic(cron="* * * * *")(task("sessions.close_silent", close_silent_sessions))
    app.periodic(cron="* * * * *")(task("sessions.review_sharing", review_sharing_sessions))
    app.periodic(cron="* * * * *")(task("sessions.settle_remote_starts", settle_remote_starts))
    app.periodic(cron="* * * * *")(task("stations.tend_directory", tend_directory))
    app.periodic(cron="* * * * *")(task("stations.end_abandoned_commands", end_abandoned_commands))
    app.periodic(cron="17 * * * *")(task("stations.tend_message_log", tend_message_log))
    app.periodic(cron="* * * * *")(task("sessions.tell_updates", tell_updates))
    app.periodic(cron="43 * * * *")(task("webhooks.tidy", tidy_webhooks))
    app.periodic(cron="53 * * * *")(task("drivers.tidy_decisions", tidy_decisions))
    routes: dict[str, tuple[Any, ...]] = {
        "session.started": (link, check, review),
        "session.ended": (review,),
        "session.reviewed": (watch,),
        "station.faults_changed": (watch,),
        CHANGED: (tell,),
        OPENED: (),
        CLOSED: (),
        "connector.freed": (expire,),
        LINKED: (),
        FAILED: (),
        EXPIRED: (),
        WRITTEN: (send,),
        ASKED: (run,),
    }
    for kind in DESCRIBE:
        told = task(f"webhooks.tell.{kind}", task_of(webhooks, kind), retry=RETRY)
        routes[kind.value] = (*routes.get(kind.value, ()), told)
    return app, routes
