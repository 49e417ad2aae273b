"""What a worker does, as a table of contents: the durable jobs, which event leads to which, and when the clock does."""

import contextlib
import functools
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import procrastinate
import structlog
from msgspec import Struct
from procrastinate import PsycopgConnector, RetryStrategy
from procrastinate.exceptions import AlreadyEnqueued
from prometheus_client import Counter
from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool

from forecourt.access.jobs import AccessJobs
from forecourt.app.telling import DESCRIBE
from forecourt.care.jobs import CareJobs
from forecourt.care.service.watch import CHANGED, CLOSED, OPENED
from forecourt.driver.account.jobs import AccountJobs
from forecourt.driver.jobs import DriverJobs
from forecourt.driver.model import BEGUN
from forecourt.driver.waiting.jobs import WaitingJobs
from forecourt.drivers.fleets.model import BEGUN as FEE_BEGUN
from forecourt.drivers.fleets.model import RENAMED as FLEET_RENAMED
from forecourt.drivers.outside.jobs import OutsideDecisions
from forecourt.energy.events import LIMITED
from forecourt.energy.events import SAID as NEEDS_SAID
from forecourt.energy.jobs import EnergyJobs
from forecourt.energy.service.sites import CHANGED as ELECTRICS_CHANGED
from forecourt.energy.targets import SessionTargets
from forecourt.insight.jobs import WANTED, InsightJobs
from forecourt.insight.lake.erasing import ERASED
from forecourt.insight.reports.service import WANTED as REPORT_WANTED
from forecourt.insight.siting.studies import ASKED as SITING_ASKED
from forecourt.loyalty.announcing import STARTED as CAMPAIGN_STARTED
from forecourt.loyalty.jobs import LoyaltyJobs
from forecourt.payments.contracts.service import Contracts
from forecourt.payments.fees.service import FEE_FAILED, Fees
from forecourt.payments.fleets.jobs import FleetJobs
from forecourt.payments.hosts.events import PAY
from forecourt.payments.intents import events as paid
from forecourt.payments.intents.jobs import PaymentJobs
from forecourt.payments.reconcile.events import COMPARE
from forecourt.payments.reconcile.jobs import MoneyJobs
from forecourt.payments.terminals.jobs import TerminalJobs
from forecourt.payments.terminals.lanes import TOLD as TERMINAL_TOLD
from forecourt.platform import outbox
from forecourt.platform.database import RECONNECT_S, check_heard, try_again
from forecourt.platform.mail import WRITTEN, MailJobs
from forecourt.pricing.model import RENAMED as TARIFF_RENAMED
from forecourt.sessions.cars import CarJobs
from forecourt.sessions.costing.jobs import CostingJobs
from forecourt.sessions.costing.model import ASSESSED, PRICED
from forecourt.sessions.jobs import SessionJobs
from forecourt.sessions.outside import OutsideJobs
from forecourt.sessions.remote.events import EXPIRED, FAILED, LINKED
from forecourt.sessions.remote.jobs import RemoteStartJobs
from forecourt.sessions.reserving.events import ENDED, MADE
from forecourt.sessions.reserving.jobs import ReservationJobs
from forecourt.sessions.signed.service import LOOK_AGAIN as SIGNED_AGAIN
from forecourt.sessions.told.jobs import ToldJobs
from forecourt.sessions.told.said import COMPARED, SaidJobs
from forecourt.sessions.told.tariffs import TariffJobs
from forecourt.stations.bulk import ASKED, BulkJobs
from forecourt.stations.desired.jobs import ANSWERED, BOOTED, DRIFTED, UNLINKED, DesireJobs
from forecourt.stations.desired.jobs import LINKED as STATION_LINKED
from forecourt.stations.gateway.lanes import ANSWERED_LATE
from forecourt.stations.jobs import StationJobs
from forecourt.webhooks.jobs import WebhookJobs, task_of
from forecourt.webhooks.model import Kind

log = structlog.get_logger(__name__)

JOB_POOL = 4
#: A job that fails is tried again after 2, 4, 8 ... seconds, this often: for half an hour. Then it stays failed for
#: KEEP_ENDED_H, counted by a gauge, for a person to see.
RETRY = RetryStrategy(max_attempts=10, exponential_wait=2)
#: How long one of several that failed waits to be tried alone, and those behind it to be tried at all.
APART_AFTER_S: Final = 2
KEEP_ENDED_H: Final = 7 * 24
#: The line of what may take long: it waits for its own kind only, and nothing waits for it.
LONG: Final = "long"
#: The line of what takes long and that nobody waits for: organisation by organisation.
NIGHTLY: Final = "nightly"
#: The line of what waits for others: mail servers, services outside, stations.
OUTWARD: Final = "outward"
#: Subjects of a job that is soon done with each of them.
AT_ONCE: Final = 25
EVERY_MINUTE: Final = "* * * * *"

JOBS = Counter(
    "forecourt_jobs_total", "Tries of jobs by how they ended; one that failed is tried again", ["job", "end"]
)

Job = Callable[..., Awaitable[Any]]


class Works(Struct, frozen=True, kw_only=True):
    """The jobs of every room."""

    sessions: SessionJobs
    costing: CostingJobs
    told: ToldJobs
    said: SaidJobs
    terminals: TerminalJobs
    default_tariffs: TariffJobs
    payments: PaymentJobs
    drivers: DriverJobs
    accounts: AccountJobs
    contracts: Contracts
    fees: Fees
    cars: CarJobs
    reservations: ReservationJobs
    waiting: WaitingJobs
    stations: StationJobs
    remote_starts: RemoteStartJobs
    mail: MailJobs
    webhooks: WebhookJobs
    decisions: OutsideDecisions
    outside: OutsideJobs
    care: CareJobs
    bulk: BulkJobs
    desired: DesireJobs
    access: AccessJobs
    energy: EnergyJobs
    targets: SessionTargets
    money: MoneyJobs
    fleets: FleetJobs
    insight: InsightJobs
    loyalty: LoyaltyJobs


def compose(url: str, works: Works) -> tuple[procrastinate.App, outbox.Routes]:
    """The jobs there are, and which event leads to which.

    Jobs are taken up and put away without waiting for the disk: what a crash of PostgreSQL takes back is done again.
    Those that follow events are made by the outbox, over a connection that does wait; a job that a job makes is on disk
    no later than the end of the one that made it.
    """
    options = "-c role=forecourt_worker -c synchronous_commit=off"
    connector = PsycopgConnector(
        conninfo=url, kwargs={"options": options}, min_size=1, max_size=JOB_POOL,
        configure=_each_statement_by_itself, pool_factory=_job_pool,
    )  # fmt: skip
    app = procrastinate.App(connector=connector)
    for name, cron, job in _by_the_clock(works):
        app.periodic(cron=cron)(_clocked(app, name, job, lock=name, queueing_lock=name))
    app.periodic(cron=EVERY_MINUTE)(_clocked(app, "sessions.tell_updates", _tell_updates(works)))
    # They wait for providers, and for stations.
    due = _at_any_time(works.fees.look_at_due)
    app.periodic(cron="*/5 * * * *")(
        _clocked(app, "payments.fees", due, lock="payments.fees", queueing_lock="payments.fees", queue=OUTWARD)
    )
    telling = _at_any_time(works.told.tell_running)
    app.periodic(cron=EVERY_MINUTE)(
        _clocked(app, "sessions.tell_costs", telling, lock="sessions.tell_costs", queueing_lock="sessions.tell_costs",
                 queue=OUTWARD)
    )  # fmt: skip
    name, stop = "energy.stop_reached", _at_any_time(works.targets.stop_reached)
    app.periodic(cron=EVERY_MINUTE)(_clocked(app, name, stop, lock=name, queueing_lock=name, queue=OUTWARD))
    name, bill = "payments.bill_fleets", _at_any_time(works.fleets.bill)
    app.periodic(cron="37 * * * *")(_clocked(app, name, bill, lock=name, queueing_lock=name, queue=LONG))
    # A night that was killed or missed is made up for in the next hour.
    name = "insight.begin_nights"
    nights = _by_organisation(app, "insight.night", works.insight.nights_due, works.insight.night)
    app.periodic(cron="7 2-23 * * *")(_clocked(app, name, nights, lock=name, queueing_lock=name))
    # A contest of this month that was not held is held the next morning.
    name = "insight.begin_contests"
    contests = _by_organisation(app, "insight.contest", works.insight.contests_due, works.insight.contest)
    app.periodic(cron="7 5 * * *")(_clocked(app, name, contests, lock=name, queueing_lock=name))
    name, report = "insight.report_all", _at_any_time(works.insight.report_all)
    app.periodic(cron="*/15 * * * *")(_clocked(app, name, report, lock=name, queueing_lock=name, queue=LONG))
    app.periodic(cron="47 * * * *")(_forgetting(app))
    return app, _by_events(app, works)


async def _each_statement_by_itself(connection: AsyncConnection[Any]) -> None:
    """What is asked of the queue is one statement each, and needs no two round trips more to begin and to end."""
    await connection.set_autocommit(True)


def _job_pool(**how: Any) -> AsyncConnectionPool[Any]:
    """The queue's pool. A connection that the server ended is found by a look at it, not by asking the server."""
    lost = {"reconnect_timeout": RECONNECT_S, "reconnect_failed": try_again}
    return AsyncConnectionPool(**how | {"check": check_heard} | lost)


def _forgetting(app: procrastinate.App) -> Any:
    """The task that forgets jobs that came to no good end, and those that were broken off."""

    async def forget_jobs() -> None:
        await app.job_manager.delete_old_jobs(
            nb_hours=KEEP_ENDED_H, include_failed=True, include_aborted=True, include_cancelled=True
        )

    name = "app.forget_jobs"
    return _clocked(app, name, _at_any_time(forget_jobs), lock=name, queueing_lock=name)


def _tell_updates(works: Works) -> Job:
    """Each minute's updates are told by a job of that minute, also when several are late."""

    async def tell_updates(timestamp: int) -> None:
        since = datetime.fromtimestamp(timestamp, UTC) - timedelta(minutes=1)
        await works.sessions.tell_updates(await works.webhooks.following(Kind.SESSION_UPDATED), since)

    return tell_updates


def _by_organisation(app: procrastinate.App, name: str, due: Callable[[], Awaitable[list[int]]], job: Job) -> Job:
    """Puts the nightly work of each organisation that it is due of in line, where it is once, and at work once."""
    made: Any = app.task(name=name, queue=NIGHTLY)
    task = made(_counted(name, job))

    async def begin() -> None:
        for tenant_id in await due():
            lock = f"{name}:{tenant_id}"
            with contextlib.suppress(AlreadyEnqueued):
                await task.configure(lock=lock, queueing_lock=lock).defer_async(tenant_id=tenant_id)

    return _at_any_time(begin)


def _by_the_clock(works: Works) -> list[tuple[str, str, Job]]:
    """What is done when: name, times as cron has them, and the job, which is told the time. One that is late or slow
    is neither joined nor followed by more than one of its kind."""
    return [
        ("care.watch_all", EVERY_MINUTE, _at_any_time(works.care.watch_all)),
        ("sessions.close_silent", EVERY_MINUTE, _at_any_time(works.sessions.close_silent)),
        ("sessions.review_sharing", EVERY_MINUTE, _at_any_time(works.sessions.review_sharing)),
        ("sessions.settle_remote_starts", EVERY_MINUTE, _at_any_time(works.remote_starts.settle_due)),
        ("stations.tend_directory", EVERY_MINUTE, _at_any_time(works.stations.tend_directory)),
        ("stations.end_abandoned_commands", EVERY_MINUTE, _at_any_time(works.stations.end_abandoned_commands)),
        ("driver.serve_waiting", EVERY_MINUTE, _at_any_time(works.waiting.serve_all)),
        ("driver.forget_waiting", "37 4 * * *", _at_any_time(works.waiting.forget)),
        ("sessions.forget_holds", "39 4 * * *", _at_any_time(works.reservations.forget)),
        ("sessions.want_tariffs", "*/5 * * * *", _at_any_time(works.default_tariffs.want_tariffs)),
        ("mail.offer_again", "7 * * * *", _at_any_time(works.mail.offer_again)),
        ("stations.tend_message_log", "17 * * * *", _at_any_time(works.stations.tend_message_log)),
        ("stations.tidy_knocks", "27 * * * *", _at_any_time(works.stations.tidy_knocks)),
        ("webhooks.tidy", "43 * * * *", _at_any_time(works.webhooks.tidy)),
        ("drivers.tidy_decisions", "53 * * * *", _at_any_time(works.decisions.tidy)),
        ("sessions.tidy_cars", "37 * * * *", _at_any_time(works.cars.tidy)),
        ("loyalty.turn_campaigns", EVERY_MINUTE, _at_any_time(works.loyalty.turn_campaigns)),
        ("loyalty.settle_due", "*/5 * * * *", _at_any_time(works.loyalty.settle_due)),
        ("loyalty.lapse_points", "51 3 * * *", _at_any_time(works.loyalty.lapse_points)),
        ("insight.tend_studies", EVERY_MINUTE, _at_any_time(works.insight.tend_studies)),
        ("care.tidy", "43 3 * * *", _at_any_time(works.care.tidy)),
        ("energy.reckon_skies", "13 * * * *", _at_any_time(works.energy.reckon_skies)),
        ("payments.tend_cards", "*/5 * * * *", _at_any_time(works.payments.tend_cards)),
        ("payments.tidy", "3 4 * * *", _at_any_time(works.payments.tidy)),
        ("energy.tidy", "3 * * * *", _at_any_time(works.energy.tidy)),
        ("payments.night", "13 4 * * *", _at_any_time(works.money.night)),
        ("stations.forget_old", "23 4 * * *", _at_any_time(works.stations.forget_old)),
        ("access.forget_audit", "33 4 * * *", _at_any_time(works.access.forget_audit)),
    ]


def _by_events(app: procrastinate.App, works: Works) -> outbox.Routes:
    """Which event of the outbox leads to which jobs."""

    def follow(name: str, job: Job, at_once: int = 1, **how: Any) -> outbox.Follow:
        return outbox.Follow(_following(app, name, job, **how), at_once)

    review = follow("sessions.review", works.sessions.review, AT_ONCE)
    watch = follow("care.watch_station", works.care.watch_station, AT_ONCE)
    link = follow("sessions.link_remote_start", works.remote_starts.link_session, AT_ONCE)
    expire = follow("sessions.expire_remote_starts", works.remote_starts.expire_freed, AT_ONCE)
    check = follow("sessions.check_outside", works.outside.check_session, queue=OUTWARD)
    turn = follow("driver.waiting_session", works.waiting.session_ended, AT_ONCE)
    plan = follow("energy.session_changed", works.energy.session_changed, AT_ONCE)
    plan_station = follow("energy.station_changed", works.energy.station_changed, AT_ONCE)
    start_over = follow("payments.start_over", works.payments.start_over, queue=OUTWARD)
    fee_heard = follow("payments.fee_heard", works.fees.heard, queue=OUTWARD)
    unpaid = (
        fee_heard,
        follow("payments.unpaid", works.contracts.unpaid, queue=OUTWARD),
        follow("driver.unpaid", works.accounts.unpaid, AT_ONCE),
    )
    freed = follow("loyalty.freed", works.loyalty.freed, AT_ONCE)
    lost = follow("loyalty.refunded", works.loyalty.refunded, AT_ONCE)
    # What costs nothing ends by a release.
    receipt = follow("driver.captured", works.drivers.captured)
    # After a capture, a refund and a dispute the share of a host may be another one.
    share = follow("payments.follow_share", works.money.follow, AT_ONCE)
    told = follow("driver.refunded", works.drivers.refunded, AT_ONCE)
    settled = follow("insight.session_settled", works.insight.session_settled, AT_ONCE)
    routes: dict[str, tuple[outbox.Follow, ...]] = {
        "session.started": (
            link,
            check,
            follow("sessions.check_held", works.reservations.started, queue=OUTWARD),
            review,
            plan,
            follow("loyalty.begun", works.loyalty.begun, AT_ONCE),
            follow("payments.begun", works.contracts.begun, queue=OUTWARD),
            follow("sessions.tell_price", works.told.tell_price, queue=OUTWARD),
        ),
        "session.ended": (review, plan, turn),
        SIGNED_AGAIN: (review,),
        COMPARED: (review,),
        "session.reviewed": (watch,),
        ASSESSED: (follow("sessions.price", works.costing.price, AT_ONCE), settled),
        PRICED: (
            follow("payments.priced", works.payments.priced, queue=OUTWARD),
            follow("payments.terminal_priced", works.terminals.priced, AT_ONCE),
            follow("sessions.compare_cost", works.said.compare, AT_ONCE),
            follow("payments.contract_priced", works.contracts.priced, queue=OUTWARD),
            follow("driver.session_priced", works.accounts.priced, AT_ONCE),
            follow("sessions.tell_final", works.told.tell_final, queue=OUTWARD),
            settled,
        ),
        "station.faults_changed": (watch,),
        CHANGED: (follow("care.tell", works.care.tell),),
        OPENED: (),
        CLOSED: (),
        "connector.freed": (expire, follow("driver.waiting_freed", works.waiting.freed, AT_ONCE)),
        MADE: (follow("sessions.reserve", works.reservations.made, queue=OUTWARD),),
        ENDED: (
            follow("driver.waiting_hold", works.waiting.reservation_ended, AT_ONCE),
            follow("sessions.unreserve", works.reservations.ended, queue=OUTWARD),
        ),
        LINKED: (follow("payments.linked", works.payments.linked, queue=OUTWARD),),
        FAILED: (start_over,),
        EXPIRED: (start_over,),
        TERMINAL_TOLD: (follow("payments.terminal_told", works.terminals.told, AT_ONCE),),
        paid.DUE: (follow("payments.hinted", works.payments.hinted, queue=OUTWARD),),
        paid.AUTHORISED: (follow("payments.start", works.payments.authorised, queue=OUTWARD),),
        BEGUN: (follow("driver.begun", works.drivers.begun, queue=OUTWARD),),
        paid.CAPTURED: (
            receipt,
            share,
            fee_heard,
            follow("loyalty.paid", works.loyalty.paid, AT_ONCE),
            freed,
            follow("driver.fee_paid", works.accounts.fee_paid, AT_ONCE),
        ),
        paid.GIVEN: (follow("payments.given", works.money.given, AT_ONCE),),
        FEE_BEGUN: (follow("payments.fee_begun", works.fees.begun, queue=OUTWARD),),
        FEE_FAILED: (follow("driver.fee_failed", works.accounts.fee_failed, AT_ONCE),),
        paid.DEBT_PAID: (share,),
        paid.REFUNDED: (share, lost, freed, told),
        paid.REFUND_FAILED: (share, lost, told),
        COMPARE: (follow("payments.compare_now", works.money.compare_now, queue=LONG),),
        PAY: (follow("payments.pay_now", works.money.pay_now, queue=LONG),),
        paid.RELEASED: (*unpaid, freed, receipt),
        # A capture that came to nothing fails as well.
        paid.FAILED: (*unpaid, lost, freed),
        paid.DISPUTED: (share, lost),
        CAMPAIGN_STARTED: (follow("loyalty.announce", works.loyalty.started, queue=LONG),),
        WRITTEN: (follow("mail.send", works.mail.send, queue=OUTWARD),),
        UNLINKED: (plan_station,),
        STATION_LINKED: (
            follow("stations.desire_linked", works.desired.linked, AT_ONCE),
            plan_station,
        ),
        BOOTED: (follow("stations.desire_booted", works.desired.booted, AT_ONCE),),
        DRIFTED: (follow("stations.desire_drifted", works.desired.drifted, AT_ONCE),),
        ANSWERED: (follow("stations.desire_answered", works.desired.answered, AT_ONCE),),
        ANSWERED_LATE: (follow("energy.limit_answered", works.energy.limit_answered, AT_ONCE),),
        ELECTRICS_CHANGED: (follow("energy.electrics_changed", works.energy.electrics_changed, AT_ONCE),),
        LIMITED: (plan_station,),
        NEEDS_SAID: (follow("energy.needs", works.energy.needs_said, AT_ONCE),),
        ASKED: (follow("stations.bulk_run", works.bulk.run, queue=LONG),),
        WANTED: (follow("insight.export", works.insight.export, queue=LONG),),
        SITING_ASKED: (follow("insight.choose_sites", works.insight.choose_sites, queue=LONG),),
        ERASED: (follow("insight.erase", works.insight.erase, queue=LONG),),
        FLEET_RENAMED: (follow("insight.fleet_renamed", works.insight.fleet_renamed, queue=LONG),),
        TARIFF_RENAMED: (follow("insight.tariff_renamed", works.insight.tariff_renamed, queue=LONG),),
        REPORT_WANTED: (follow("insight.report", works.insight.report, queue=LONG),),
    }
    for kind in DESCRIBE:
        told = follow(f"webhooks.tell.{kind}", task_of(works.webhooks, kind), AT_ONCE)
        routes[kind.value] = (*routes.get(kind.value, ()), told)
    return routes


def _following(app: procrastinate.App, name: str, job: Job, **how: Any) -> Any:
    """The task that does a job for each of its subjects. One that fails keeps no other from being done: it is put in
    line by itself, to be tried again as RETRY says, and those behind it together, both after a moment: a database that
    is busy fails them all.

    `subject` is what processes of the version before write, which may still be at work beside this one.
    """
    counted = _counted(name, job)

    async def each(*, tenant_id: int, subjects: Sequence[str] = (), subject: str | None = None) -> None:
        wanted = [*subjects] if subject is None else [*subjects, subject]
        for number, one in enumerate(wanted):
            try:
                await counted(tenant_id=tenant_id, subject=one)
            except Exception as fault:
                if len(wanted) == 1:
                    raise
                log.warning("one of several failed and is tried alone", job=name, subject=one, fault=repr(fault))
                await part(tenant_id, one, wanted[number + 1 :])
                return

    async def part(tenant_id: int, failed: str, behind: list[str]) -> None:
        """In one transaction: all of them are in line, or the job failed and is tried again whole."""
        jobs = [{"tenant_id": tenant_id, "subjects": subjects} for subjects in (behind, [failed]) if subjects]
        await task.configure(schedule_in={"seconds": APART_AFTER_S}).batch_defer_async(*jobs)

    made: Any = app.task(name=name, retry=RETRY, **how)
    task = made(each)
    return task


def _clocked(app: procrastinate.App, name: str, job: Job, **how: Any) -> Any:
    """The task that the clock makes."""
    made: Any = app.task(name=name, **how)
    return made(_counted(name, job))


def _at_any_time(job: Callable[[], Awaitable[Any]]) -> Job:
    """A job that the clock starts and that doesn't ask what time it is."""

    async def at_any_time(timestamp: int) -> None:
        await job()

    return at_any_time


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
