"""The jobs of a worker over a test's database, made as the worker process makes them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from forecourt.access.jobs import AccessJobs
from forecourt.app.driving import serving_of, ways_of
from forecourt.app.letters import telling_of
from forecourt.app.paying import providers_of
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
from forecourt.energy.jobs import EnergyJobs
from forecourt.energy.targets import SessionTargets
from forecourt.insight.jobs import InsightJobs
from forecourt.loyalty.jobs import LoyaltyJobs
from forecourt.payments.contracts.service import Contracts
from forecourt.payments.fees.service import Fees
from forecourt.payments.fleets.jobs import FleetJobs
from forecourt.payments.intents.charging import Charging
from forecourt.payments.intents.jobs import PaymentJobs
from forecourt.payments.intents.prices import Prices
from forecourt.payments.intents.service import Payments
from forecourt.payments.reconcile.jobs import MoneyJobs, no_accounts
from forecourt.payments.saved.service import SavedCards
from forecourt.payments.terminals.jobs import TerminalJobs
from forecourt.platform.bus import Bus
from forecourt.platform.clock import Clock
from forecourt.platform.database import Pool
from forecourt.platform.mail import FolderPost, MailJobs
from forecourt.platform.outbox import dispatch_once
from forecourt.platform.outward import Outward
from forecourt.platform.settings import Settings
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
from forecourt.stations.jobs import StationJobs
from forecourt.webhooks.jobs import WebhookJobs
from tests.ground import Ground


class Jobs:
    """Every room's jobs. `bus` and `outward` are missing where a test needs neither; `ground` where it has a database
    of its own."""

    def __init__(
        self,
        url: str,
        pool: Pool,
        tenants: Pool,
        clock: Clock,
        *,
        secret: bytes = b"-",
        bus: Bus | None = None,
        outward: Outward | None = None,
        mail: Path = Path("never-made"),
        lake: Path = Path("never-made"),
        care: CareJobs | None = None,
        settings: Settings | None = None,
        ground: Ground | None = None,
    ) -> None:
        self.sessions = SessionJobs(pool, tenants, clock, bus)
        self.costing = CostingJobs(tenants, clock)
        self.stations = StationJobs(pool, clock)
        self.remote_starts = RemoteStartJobs(pool, tenants, clock)
        self.mail = MailJobs(pool, FolderPost(mail, "forecourt@example.com", clock), clock)
        self.webhooks = WebhookJobs(pool, tenants, clock, DESCRIBE, "http://console")
        absent: Any = None
        authorizer = OutsideAuthorizer(outward or absent, secret, clock)
        self.decisions = OutsideDecisions(pool, tenants, authorizer, clock)
        commander = Commander(tenants, bus or absent, clock, secret_key=secret)
        self.told = ToldJobs(pool, tenants, clock, commander)
        self.said = SaidJobs(tenants, clock)
        self.terminals = TerminalJobs(tenants, clock, Prices(clock))
        self.default_tariffs = TariffJobs(pool, tenants, clock)
        self.outside = OutsideJobs(tenants, self.decisions, commander)
        self.care = care or CareJobs(pool, tenants, clock, telling_of(Settings()), bus)
        self.bulk = BulkJobs(tenants, commander, clock, secret)
        self.desired = DesireJobs(tenants, Bringer(tenants, commander.batch), clock)
        self.access = AccessJobs(pool, clock)
        self.energy = EnergyJobs(pool, tenants, clock)
        prices = Prices(clock)
        self.providers = providers = providers_of(settings or Settings(secret_key="-"), tenants, clock)
        paying = Payments(tenants, providers, clock, prices)
        self.drivers = DriverJobs(
            tenants, ways_of(Settings(), tenants, clock, commander, providers), clock, "http://console"
        )
        self.accounts = AccountJobs(tenants, clock, DriverLetters("http://console"))
        charging = Charging(tenants, commander, clock, paying.saga, prices)
        cards = SavedCards(tenants, providers, clock)
        self.payments = PaymentJobs(pool, clock, paying.saga, charging, cards)
        self.contracts = Contracts(tenants, clock, paying, charging, prices)
        self.fees = Fees(pool, tenants, clock, paying)
        self.cars = CarJobs(pool, clock)
        self.reservations = ReservationJobs(pool, tenants, clock, commander)
        self.waiting = WaitingJobs(pool, tenants, clock, serving_of(Settings(), tenants, clock))
        self.targets = SessionTargets(pool, tenants, clock, commander)
        self.money = MoneyJobs(pool, tenants, clock, secret, no_accounts)
        self.fleets = FleetJobs(pool, tenants, clock, secret)
        self.insight = InsightJobs(pool, tenants, clock, lake)
        self.loyalty = LoyaltyJobs(pool, tenants, clock, OfferLetters("https://drive.test"))
        works = Works(**{name: getattr(self, name) for name in Works.__struct_fields__})
        self.app, self.routes = compose(url, works)
        self._pool = pool
        self._ground = ground

    async def __aenter__(self) -> "Jobs":
        """Connected to the queue, for as long as it is used. Nothing is begun by the clock: a test says what is due."""
        self.app.periodic_registry.periodic_tasks.clear()
        if self._ground is None:
            await self.app.open_async()
        else:
            await self._ground.open(self.app)
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._ground is None:
            await self.app.close_async()

    async def run(self, *, queues: Sequence[str] = (), keep: bool = False) -> None:
        """Does every job that is in line. `keep`: done ones stay there to be looked at."""
        how: Any = {"queues": queues} if queues else {}
        await self.app.run_worker_async(
            wait=False, install_signal_handlers=False, listen_notify=False,
            delete_jobs="never" if keep else "successful", **how,
        )  # fmt: skip

    async def dispatch(self) -> bool:
        """Puts in line what the outbox leads to; whether there was anything."""
        any_ = False
        while await dispatch_once(self._pool, self.routes):
            any_ = True
        return any_
