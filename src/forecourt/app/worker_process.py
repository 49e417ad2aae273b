"""The worker process: the dispatcher of the outbox, and the durable jobs that `works` lists."""

import asyncio
import contextlib
from collections.abc import Coroutine
from typing import Any
from uuid import UUID

import procrastinate
import psycopg
import structlog
import uvloop

from forecourt.access.jobs import AccessJobs
from forecourt.app.driving import serving_of, ways_of
from forecourt.app.letters import telling_of
from forecourt.app.lines import LINES, Lines
from forecourt.app.paying import prices_of, providers_of
from forecourt.app.signals import stop_event
from forecourt.app.slowing import SlowedByPlan
from forecourt.app.telling import DESCRIBE
from forecourt.app.works import Works, compose
from forecourt.care.jobs import CareJobs
from forecourt.driver.account.jobs import AccountJobs
from forecourt.driver.account.letters import DriverLetters
from forecourt.driver.jobs import DriverJobs
from forecourt.driver.offer_letters import OfferLetters
from forecourt.driver.waiting.jobs import WaitingJobs
from forecourt.drivers.outside.authorizer import OutsideAuthorizer
from forecourt.drivers.outside.jobs import OutsideDecisions
from forecourt.energy.fetcher import Fetcher
from forecourt.energy.jobs import EnergyJobs
from forecourt.energy.targets import SessionTargets
from forecourt.insight.jobs import InsightJobs
from forecourt.insight.lake.export import Keep as KeepLake
from forecourt.insight.reports.making import ReportEnclosures
from forecourt.loyalty.giving import Giving
from forecourt.loyalty.jobs import LoyaltyJobs
from forecourt.payments.accounts.service import Providers
from forecourt.payments.contracts.service import Contracts
from forecourt.payments.fees.service import Fees
from forecourt.payments.fleets.jobs import Enclosures, FleetJobs
from forecourt.payments.intents.charging import Charging
from forecourt.payments.intents.jobs import PaymentJobs
from forecourt.payments.intents.service import Payments
from forecourt.payments.intents.sweeper import Sweeper
from forecourt.payments.reconcile.jobs import MoneyJobs
from forecourt.payments.saved.service import SavedCards
from forecourt.payments.terminals.jobs import TerminalJobs
from forecourt.platform import metrics, outbox
from forecourt.platform.bus import Bus
from forecourt.platform.clock import SystemClock
from forecourt.platform.database import START_PATIENCE_S, TRANSACTION_DEADLINE_S, Pool, wait_until_safe
from forecourt.platform.errors import ForecourtError, SettingsError
from forecourt.platform.mail import Enclosing, Enclosure, MailJobs, post_of
from forecourt.platform.outward import Outward
from forecourt.platform.settings import Settings, days
from forecourt.sessions.cars import CarJobs
from forecourt.sessions.costing.jobs import CostingJobs
from forecourt.sessions.jobs import SessionJobs
from forecourt.sessions.outside import OutsideJobs
from forecourt.sessions.remote.jobs import RemoteStartJobs
from forecourt.sessions.reserving.jobs import ReservationJobs
from forecourt.sessions.told.jobs import ToldJobs
from forecourt.sessions.told.said import SaidJobs
from forecourt.sessions.told.tariffs import TariffJobs
from forecourt.stations.bulk import BulkJobs
from forecourt.stations.commands import Commander
from forecourt.stations.desired.bring import Bringer
from forecourt.stations.desired.jobs import DesireJobs
from forecourt.stations.desired.reconciler import Reconciler
from forecourt.stations.jobs import Keep, StationJobs
from forecourt.stations.message_log import THIN_DEADLINE_S
from forecourt.stations.payment_codes.service import CodeVault
from forecourt.webhooks.jobs import WebhookJobs
from forecourt.webhooks.sender import Sender

log = structlog.get_logger(__name__)

#: One transaction of the message log's housekeeping, by our own clock.
LOG_DEADLINE_S = THIN_DEADLINE_S + TRANSACTION_DEADLINE_S


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
    bus = await Bus.wait(settings.nats_url, START_PATIENCE_S)
    async with (
        contextlib.AsyncExitStack() as stack,
        Pool(url, "forecourt_worker", size=2, application="worker") as pool,
        Pool(url, "forecourt_worker", size=2, application="worker-outbox") as steady,
        Pool(url, "forecourt_app", size=4, application="worker-tenants") as tenants,
        Pool(url, "forecourt_worker", size=1, application="worker-log", deadline_s=LOG_DEADLINE_S) as log_pool,
        Outward(private=settings.webhooks_private) as outward,
    ):
        stack.push_async_callback(bus.close)
        commander = Commander(tenants, bus, SystemClock(), secret_key=settings.secret())
        providers = providers_of(settings, tenants, SystemClock())
        stack.push_async_callback(providers.close)
        prices = prices_of(SystemClock())
        paying = Payments(tenants, providers, SystemClock(), prices)
        saga = paying.saga
        slower = SlowedByPlan(tenants, SystemClock())
        charging = Charging(tenants, commander, SystemClock(), saga, prices, slower)
        contracts = Contracts(tenants, SystemClock(), paying, charging, prices)
        fees = Fees(pool, tenants, SystemClock(), paying)
        payments = PaymentJobs(pool, SystemClock(), saga, charging, SavedCards(tenants, providers, SystemClock()))
        ways = ways_of(settings, tenants, SystemClock(), commander, providers)
        drivers = DriverJobs(tenants, ways, SystemClock(), settings.console_url, commander)
        works = _works(
            settings, pool, tenants, log_pool, bus, outward, commander, payments, drivers, providers, contracts, fees
        )
        # What must never wait for a long clearing has connections of its own.
        sender = Sender(steady, tenants, SystemClock(), outward, settings.secret(), settings.console_url)
        fetcher = Fetcher(steady, tenants, SystemClock(), outward, settings.secret())
        sweeper = Sweeper(steady, SystemClock(), saga, charging)
        reconciler = Reconciler(
            steady, Bringer(tenants, commander.batch, CodeVault(settings.secret())), commander.batch
        )
        await _tend_first(works)
        app, routes = compose(url, works)
        with metrics.served(settings):
            await _until(stopping, app, steady, routes, sender, reconciler, fetcher, sweeper)


def _works(
    settings: Settings,
    pool: Pool,
    tenants: Pool,
    log_pool: Pool,
    bus: Bus,
    outward: Outward,
    commander: Commander,
    payments: PaymentJobs,
    drivers: DriverJobs,
    providers: Providers,
    contracts: Contracts,
    fees: Fees,
) -> Works:
    """Every room's jobs, as this deployment wants them."""
    clock, secret = SystemClock(), settings.secret()
    giving = Giving(clock)
    decisions = OutsideDecisions(pool, tenants, OutsideAuthorizer(outward, secret, clock), clock)
    return Works(
        sessions=SessionJobs(pool, tenants, clock, bus),
        costing=CostingJobs(tenants, clock, giving),
        told=ToldJobs(pool, tenants, clock, commander, giving),
        said=SaidJobs(tenants, clock, giving),
        terminals=TerminalJobs(tenants, clock, prices_of(clock)),
        default_tariffs=TariffJobs(pool, tenants, clock),
        payments=payments,
        drivers=drivers,
        accounts=AccountJobs(tenants, clock, DriverLetters(settings.console_url)),
        contracts=contracts,
        fees=fees,
        cars=CarJobs(pool, clock),
        reservations=ReservationJobs(pool, tenants, clock, commander),
        waiting=WaitingJobs(pool, tenants, clock, serving_of(settings, tenants, clock)),
        stations=StationJobs(
            pool,
            clock,
            Keep(
                messages=days(settings.keep_messages_days),
                states=days(settings.keep_states_days),
                commands=days(settings.keep_commands_days),
            ),
            log_pool=log_pool,
        ),
        remote_starts=RemoteStartJobs(pool, tenants, clock),
        mail=MailJobs(pool, post_of(settings, clock), clock, _enclosing(tenants)),
        webhooks=WebhookJobs(
            pool, tenants, clock, DESCRIBE, settings.console_url, keep=days(settings.keep_webhooks_days)
        ),
        decisions=decisions,
        outside=OutsideJobs(tenants, decisions, commander),
        care=CareJobs(
            pool, tenants, clock, telling_of(settings), bus, keep_incidents=days(settings.keep_incidents_days)
        ),
        bulk=BulkJobs(tenants, commander, clock, secret),
        desired=DesireJobs(tenants, Bringer(tenants, commander.batch), clock),
        access=AccessJobs(pool, clock, days(settings.keep_audit_days)),
        energy=EnergyJobs(pool, tenants, clock),
        targets=SessionTargets(pool, tenants, clock, commander, giving),
        money=MoneyJobs(pool, tenants, clock, secret, providers.by_name),
        fleets=FleetJobs(pool, tenants, clock, secret),
        loyalty=LoyaltyJobs(pool, tenants, clock, OfferLetters(settings.console_url)),
        insight=InsightJobs(
            pool,
            tenants,
            clock,
            settings.lake,
            KeepLake(snapshots=days(settings.keep_snapshots_days), drivers=days(settings.keep_pseudonyms_days)),
        ),
    )


def _enclosing(tenants: Pool) -> Enclosing:
    """What goes with a letter, whichever room wrote it."""
    rooms = (Enclosures(tenants), ReportEnclosures(tenants))

    async def enclosing(tenant_id: int, letter_id: UUID, /) -> tuple[Enclosure, ...]:
        return tuple([each for room in rooms for each in await room(tenant_id, letter_id)])

    return enclosing


async def _tend_first(works: Works) -> None:
    """Have today's part of the message log before its first message. A database that goes away again just now is no
    reason to end: the hourly job makes what is missing."""
    try:
        await works.stations.prepare_message_log()
    except (psycopg.Error, ForecourtError, OSError) as fault:
        log.warning("the message log is tended within the hour", fault=type(fault).__name__)


async def _until(
    stopping: asyncio.Event,
    app: procrastinate.App,
    pool: Pool,
    routes: outbox.Routes,
    sender: Sender,
    reconciler: Reconciler,
    fetcher: Fetcher,
    sweeper: Sweeper,
) -> None:
    """Do all that a worker does until it is told to stop, or until a part of it ends."""
    lines = Lines(app)
    async with app.open_async():
        works: tuple[Coroutine[Any, Any, Any], ...] = (
            outbox.dispatch(pool, routes),
            outbox.measure(pool, routes),
            *(lines.work(line) for line in LINES),
            lines.rescue(),
            sender.run(),
            reconciler.run(),
            fetcher.run(),
            sweeper.run(),
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
