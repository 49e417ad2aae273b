"""An organisation that sells energy at one station by a sandbox account, and what its worker would do, step by step.

The provider is real HTTP by the real SDK; stations answer as they are told. Events go where `app.works` leads them.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

from psycopg.rows import dict_row

from forecourt.access import Actor
from forecourt.app.slowing import SlowedByPlan
from forecourt.driver.offer_letters import OfferLetters
from forecourt.loyalty.giving import Giving
from forecourt.loyalty.jobs import LoyaltyJobs
from forecourt.ocpp.neutral import CommandAnswer, Measurand, StartCharging, StopCharging
from forecourt.payments.accounts.service import Providers
from forecourt.payments.contracts.service import Contracts
from forecourt.payments.intents import events
from forecourt.payments.intents.beginning import Begin
from forecourt.payments.intents.charging import Charging
from forecourt.payments.intents.jobs import PaymentJobs
from forecourt.payments.intents.model import Intent
from forecourt.payments.intents.prices import Prices
from forecourt.payments.intents.service import Payments
from forecourt.payments.intents.sweeper import Sweeper
from forecourt.payments.providers.stripe import StripeKeys
from forecourt.payments.saved.service import SavedCards
from forecourt.platform.database import Pool
from forecourt.platform.errors import ForecourtError
from forecourt.pricing import service as pricing
from forecourt.pricing.assigning import Scope
from forecourt.pricing.model import Dimension, Element, PriceComponent, Tariff
from forecourt.sessions.costing.jobs import CostingJobs
from forecourt.sessions.jobs import SessionJobs
from forecourt.sessions.remote.jobs import RemoteStartJobs
from tests.adyen import AdyenBox
from tests.ground import Ground
from tests.http import an_actor
from tests.payments.online import online
from tests.sandbox import Sandbox
from tests.support import FakeClock

SECRET = b"a secret of the tests"
RETURN = "https://drive.test/pay/{intent}"
#: Turns of a worker until it is plain that nothing more comes.
MAX_TURNS = 60


def a_tariff(price: str = "0.50", idle: str | None = "6") -> Tariff:
    """So much a kWh, and an hour of parking, with 19 % VAT on top."""
    prices = [PriceComponent(type=Dimension.ENERGY, price=Decimal(price), vat=Decimal(19))]
    if idle is not None:
        prices.append(PriceComponent(type=Dimension.PARKING_TIME, price=Decimal(idle), vat=Decimal(19)))
    return Tariff(id="", currency="EUR", elements=(Element(price_components=tuple(prices)),))


class Stations:
    """Stands for the way to stations: keeps what was asked, and answers as told."""

    def __init__(self) -> None:
        self.asked: list[StartCharging | StopCharging] = []
        self.answer: CommandAnswer | ForecourtError = CommandAnswer(accepted=True, status="Accepted")

    async def command(self, tenant_id: int, identity: str, command: Any, asked_by: str, *, audited: Any = None) -> Any:
        self.asked.append(command)
        if isinstance(self.answer, ForecourtError):
            raise self.answer
        return self.answer, str(uuid4())

    @property
    def starts(self) -> list[StartCharging]:
        return [each for each in self.asked if isinstance(each, StartCharging)]

    @property
    def stops(self) -> list[StopCharging]:
        return [each for each in self.asked if isinstance(each, StopCharging)]


class Till:
    """One organisation's payments."""

    def __init__(
        self, ground: Ground, worker: Pool, tenants: Pool, clock: FakeClock, box: Sandbox,
        hook_secret: str = "whsec_x", adyen: AdyenBox | None = None, commander: Any = None,
    ) -> None:  # fmt: skip
        """`commander`: the way to real stations; without it they answer as told."""
        self.admin = ground.admin
        self.worker, self.tenants, self.clock, self.box, self.adyen = worker, tenants, clock, box, adyen
        self.stations = Stations()
        self.prices = Prices(clock, Giving(clock))
        keys = StripeKeys(secret_key=box.key, hook_secret=hook_secret)
        self.providers = Providers(
            tenants, clock, SECRET, deployment=keys, address=box.address, adyen=None if adyen is None else adyen.address
        )
        self.payments = Payments(tenants, self.providers, clock, self.prices)
        commander = commander or self.stations
        self.slower = SlowedByPlan(tenants, clock)
        self.charging = Charging(tenants, commander, clock, self.payments.saga, self.prices, self.slower)
        self.cards = SavedCards(tenants, self.providers, clock)
        self.jobs = PaymentJobs(worker, clock, self.payments.saga, self.charging, self.cards)
        self.contracts = Contracts(tenants, clock, self.payments, self.charging, self.prices)
        self.sweeper = Sweeper(worker, clock, self.payments.saga, self.charging)
        self.costing = CostingJobs(tenants, clock, Giving(clock))
        self.loyalty = LoyaltyJobs(worker, tenants, clock, OfferLetters("https://drive.test"))
        self.starts = RemoteStartJobs(worker, tenants, clock)
        self.sessions = SessionJobs(worker, tenants, clock)
        self.actor: Actor = an_actor(0)
        self.tenant_id = self.station_id = 0
        self.station = ""
        #: The organisation's own account, where it has one.
        self.account_id: UUID | None = None

    async def opened(self, tariff: Tariff) -> "Till":
        """With an organisation, a station with two EVSEs, and a price everywhere."""
        self.tenant_id = self.one("INSERT INTO organisations (name) VALUES ('Till') RETURNING tenant_id AS it")
        self.actor = an_actor(self.tenant_id)
        site = self.one(
            "INSERT INTO sites (tenant_id, slug, name, time_zone, country) VALUES (%s, 'yard', 'Yard', 'Europe/Berlin',"
            " 'DE') RETURNING site_id AS it",
            self.tenant_id,
        )
        self.station = f"till-{self.tenant_id}"
        self.station_id = self.one(
            "INSERT INTO stations (tenant_id, identity, site_id, max_power_w) VALUES (%s, %s, %s, 150000)"
            " RETURNING station_id AS it",
            self.tenant_id, self.station, site,
        )  # fmt: skip
        online(self.admin, self.station)
        await self.priced(tariff)
        return self

    def connector(self, state: str) -> None:
        """What the station says of its first one."""
        self.rows(
            "INSERT INTO connectors (station_id, evse, connector, tenant_id, state, state_at)"
            " VALUES (%s, 1, 1, %s, %s, now())"
            " ON CONFLICT (station_id, evse, connector) DO UPDATE SET state = excluded.state",
            self.station_id, self.tenant_id, state,
        )  # fmt: skip

    async def priced(self, tariff: Tariff) -> None:
        """By this tariff everywhere, for two days already."""
        before = self.clock.now() - timedelta(days=2)
        async with self.tenants.tenant(self.tenant_id) as conn:
            made = await pricing.create_tariff(conn, self.actor, "Day", tariff, before)
            await pricing.assign_tariff(conn, self.actor, made.tariff_id, Scope(), before)
            if self.adyen is not None:
                self.account_id = (await self.providers.add(conn, self.actor, "adyen-main", self.adyen.keys)).account_id

    def rows(self, query: str, *values: Any) -> list[dict[str, Any]]:
        cursor = self.admin.cursor(row_factory=dict_row).execute(query.encode(), values)
        return cursor.fetchall() if cursor.description else []

    def one(self, query: str, *values: Any) -> int:
        [row] = self.rows(query, *values)
        return int(row["it"])

    async def begin(self, **more: Any) -> Intent:
        asked: dict[str, Any] = {"station": self.station, "evse": 1, "return_url": RETURN} | more
        return await self.payments.begin(self.tenant_id, Begin(**asked))

    async def find(self, intent: Intent) -> Intent:
        return await self.payments.find(self.tenant_id, intent.intent_id)

    async def paid(self, card: str = "visa", **more: Any) -> Intent:
        """Begun, and paid on the page."""
        intent = await self.begin(**more)
        assert intent.reference is not None
        await asyncio.to_thread((self.adyen or self.box).pay, intent.reference, card)
        return await self.payments.returned(self.tenant_id, intent.intent_id)

    def plug_in(self, intent: Intent, *, wh: int, minutes: int = 60, over: bool = True) -> UUID:
        """What the station then tells of the session that was started for a payment."""
        now = self.clock.now()
        start = now - timedelta(minutes=minutes)
        [remote] = self.rows("SELECT remote_start_id FROM remote_starts WHERE token_uid = %s", intent.token_uid)
        self.rows("UPDATE remote_starts SET asked_at = %s WHERE token_uid = %s", start, intent.token_uid)
        known = {
            "tenant_id": self.tenant_id, "station_id": self.station_id, "transaction_id": str(uuid4()), "start_key": 0,
            "started_at": start, "last_key": 0, "last_at": now, "heard_at": now, "evse": intent.evse,
            "meter_start_wh": 0, "meter_stop_wh": wh, "ended_at": now if over else None,
            "token_uid": intent.token_uid, "remote_start_id": remote["remote_start_id"],
        }  # fmt: skip
        query = (
            f"INSERT INTO sessions ({', '.join(known)}) VALUES ({', '.join(['%s'] * len(known))}) RETURNING session_id"
        )
        [row] = self.rows(query, *known.values())
        session_id: UUID = row["session_id"]
        self._measure(session_id, wh)
        self.rows(
            "INSERT INTO outbox (event, subject, tenant_id) VALUES ('session.started', %s, %s),"
            " ('session.assessed', %s, %s) ON CONFLICT DO NOTHING",
            str(session_id), self.tenant_id, str(session_id), self.tenant_id,
        )  # fmt: skip
        return session_id

    def _measure(self, session_id: UUID, wh: int) -> None:
        self.rows(
            "INSERT INTO meter_values (station_id, transaction_id, at, digest, tenant_id, evse, readings)"
            " SELECT station_id, transaction_id, %s, 0, tenant_id, evse, %s FROM sessions WHERE session_id = %s"
            " ON CONFLICT DO NOTHING",
            self.clock.now(), [int(Measurand.ENERGY_IMPORT_REGISTER), wh], session_id,
        )  # fmt: skip

    def go_on(self, session_id: UUID, *, wh: int, over: bool = True) -> None:
        """More of a session, and perhaps its end."""
        now = self.clock.now()
        self._measure(session_id, wh)
        self.rows(
            "UPDATE sessions SET meter_stop_wh = %s, last_at = %s, heard_at = %s, ended_at = %s WHERE session_id = %s",
            wh, now, now, now if over else None, session_id,
        )  # fmt: skip
        self.rows(
            "INSERT INTO outbox (event, subject, tenant_id) VALUES ('session.assessed', %s, %s) ON CONFLICT DO NOTHING",
            str(session_id),
            self.tenant_id,
        )

    async def work(self) -> list[str]:
        """Everything that the outbox leads to, as `app.works` has it; what was said."""
        said: list[str] = []
        for _ in range(MAX_TURNS):
            rows = self.rows("DELETE FROM outbox WHERE tenant_id = %s RETURNING event, subject", self.tenant_id)
            if not rows:
                return said
            for row in sorted(rows, key=lambda each: str(each["event"])):
                said.append(row["event"])
                about = {"tenant_id": self.tenant_id, "subject": row["subject"]}
                for job in self._following(row["event"]):
                    await job(**about)
        raise AssertionError("it never ends")

    def _following(self, event: str) -> list[Any]:
        return {
            events.AUTHORISED: [self.jobs.authorised],
            events.DUE: [self.jobs.hinted],
            "session.started": [self.starts.link_session, self.loyalty.begun, self.contracts.begun],
            "campaign.started": [self.loyalty.started],
            events.FAILED: [self.contracts.unpaid],
            events.RELEASED: [self.contracts.unpaid],
            "session.ended": [self.sessions.review],
            "session.assessed": [self.costing.price],
            "session.priced": [self.jobs.priced],
            "remote_start.linked": [self.jobs.linked],
            "remote_start.failed": [self.jobs.start_over],
            "remote_start.expired": [self.jobs.start_over],
        }.get(event, [])

    async def settle(self, rounds: int = 20, step_s: int = 45) -> None:
        """Lets time pass while the sweeper looks, until nothing is due any more."""
        for _ in range(rounds):
            await self.sweeper.sweep()
            await self.work()
            if not self.rows(
                "SELECT 1 FROM payment_intents WHERE tenant_id = %s AND next_at IS NOT NULL", self.tenant_id
            ):
                return
            self.clock.advance(step_s)

    def balances(self) -> dict[str, int]:
        """What accounts of the ledger come to, those of nothing left out."""
        rows = self.rows(
            "SELECT a.name, sum(p.amount)::bigint AS total FROM postings p JOIN ledger_accounts a USING (account_id)"
            " WHERE p.tenant_id = %s GROUP BY a.name HAVING sum(p.amount) <> 0",
            self.tenant_id,
        )
        return {row["name"]: int(row["total"]) for row in rows}

    def happened(self, what: str) -> list[dict[str, Any]]:
        """What the provider itself says that it did on this account."""
        rows = self.box.ledger(self.box.account) if self.adyen is None else self.adyen.ledger()
        return [row for row in rows if row["what"] == what]

    def close(self) -> None:
        """What is left is due no more: the sweepers of the tests after this one would look at it again and again."""
        self.rows("UPDATE payment_intents SET next_at = NULL WHERE tenant_id = %s", self.tenant_id)


@asynccontextmanager
async def a_till(
    ground: Ground, clock: FakeClock, box: Sandbox, tariff: Tariff | None = None, adyen: AdyenBox | None = None
) -> AsyncIterator[Till]:
    """A till with an account of its own at the provider: at Stripe's sandbox, or at Adyen's. The clock is that of the
    provider, which knows no other."""
    clock.set(datetime.now(UTC) if adyen is None else adyen.advance(0))
    worker, tenants = await ground.pool("forecourt_worker", 2), await ground.pool("forecourt_app", 6)
    made = Till(ground, worker, tenants, clock, box.another(), adyen=None if adyen is None else adyen.another())
    till = await made.opened(tariff or a_tariff())
    try:
        yield till
    finally:
        await till.providers.close()
        till.close()
