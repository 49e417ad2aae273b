"""A lot with one station that speaks raw frames over a real socket, drivers with accounts and tokens, a worker that is
composed as in the deployment, and the sandbox provider behind it."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from email import policy
from email.parser import BytesParser
from pathlib import Path
from typing import Any

from forecourt.driver.account.service import Members
from forecourt.drivers.accounts.model import Driver
from forecourt.drivers.accounts.service import find_driver
from forecourt.payments.intents.prices import Prices
from forecourt.payments.intents.service import Payments
from forecourt.payments.intents.sweeper import Sweeper
from forecourt.payments.ledger.model import Entry, Kind, Leg
from forecourt.payments.ledger.service import post
from forecourt.platform.bus import Bus
from forecourt.platform.database import Pool
from forecourt.platform.settings import Settings
from forecourt.pricing import service as pricing
from forecourt.pricing.assigning import Scope
from tests.ground import Ground
from tests.http import an_actor
from tests.payments.till import a_tariff
from tests.sandbox import Sandbox
from tests.stations.gateway.conftest import SECRET, Rig, StationClient, a_rig
from tests.support import FakeClock
from tests.works import Jobs

VERSIONS = ("ocpp1.6", "ocpp2.0.1", "ocpp2.1")
UID = "04A2B1C3"


class Lot:
    """One organisation with one station, CP1, and a price of 0.50 a kWh and taxes."""

    def __init__(self, rig: Rig, tenants: Pool, worker: Pool, bus: Bus, box: Sandbox, mail: Path) -> None:
        self.mail = mail
        self.rig, self.tenants, self.worker, self.box = rig, tenants, worker, box
        self.clock = FakeClock(datetime.now(UTC))
        settings = Settings(
            secret_key=SECRET,
            stripe_key=box.key,
            stripe_hook_secret="whsec_x",
            stripe_url=box.address,
        )
        self.jobs = Jobs(
            rig.database.url, worker, tenants, self.clock,
            secret=SECRET.encode(), bus=bus, settings=settings, mail=mail, ground=rig.ground,
        )  # fmt: skip
        paid = self.jobs.payments
        self.sweeper = Sweeper(worker, self.clock, paid._saga, paid._charging)
        self.tenant_id = rig.tenant()
        self.actor = an_actor(self.tenant_id)

    async def opened(self) -> "Lot":
        await self.rig.register("CP1")
        self.run("UPDATE stations SET max_power_w = 22000")
        await self.priced("0.50", Scope())
        return self

    async def priced(self, price: str, scope: Scope) -> None:
        """A tariff for some of the drivers, or all."""
        before = self.clock.now() - timedelta(days=2)
        async with self.tenants.tenant(self.tenant_id) as conn:
            made = await pricing.create_tariff(conn, self.actor, f"At {price}", a_tariff(price, None), before)
            await pricing.assign_tariff(conn, self.actor, made.tariff_id, scope, before)

    def run(self, query: str, *values: Any) -> None:
        self.rig.admin.execute(query.encode(), values)

    def one(self, query: str, *values: Any) -> Any:
        [(it,)] = self.rig.rows(query, *values)
        return it

    # Drivers.

    def driver(self, uid: str = UID, type_: str = "ISO14443", **more: Any) -> int:
        """A driver with an account and a token of their own, since yesterday."""
        known = {"email": f"{uid.lower()}@example.com", "pays_by": "page", "pays_method": None, **more}
        driver_id: int = self.one(
            "INSERT INTO driver_accounts (tenant_id, email, language, pays_by, pays_method, created_at, updated_at)"
            " VALUES (%s, %s, 'en', %s, %s, now(), now()) RETURNING driver_id",
            self.tenant_id, known["email"], known["pays_by"], known["pays_method"],
        )  # fmt: skip
        self.rig.token(uid)
        self.run("UPDATE tokens SET type = %s WHERE uid = %s", type_, uid)
        self.run(
            "INSERT INTO driver_tokens VALUES (%s, lower(%s), %s, now() - interval '1 day', 'operator')",
            self.tenant_id, uid, driver_id,
        )  # fmt: skip
        return driver_id

    def members(self) -> Members:
        """The verbs of drivers' own pages."""
        absent: Any = None
        payments = Payments(self.tenants, self.jobs.providers, self.clock, Prices(self.clock))
        return Members(self.tenants, self.clock, SECRET.encode(), absent, payments, absent, absent)

    async def account(self, driver_id: int) -> Driver:
        async with self.tenants.tenant(self.tenant_id) as conn:
            return await find_driver(conn, self.tenant_id, driver_id)

    async def card(self, driver_id: int, ready: str = "pm_card_visa") -> None:
        """The driver pays by a card that the provider keeps."""
        async with self.tenants.tenant(self.tenant_id) as conn:
            account = await self.jobs.providers.choose(conn, self.tenant_id)
        v1 = self.box.client.v1
        customer = await asyncio.to_thread(v1.customers.create, {})
        method = await asyncio.to_thread(v1.payment_methods.attach, ready, {"customer": customer.id})
        self.run(
            "WITH kept AS (INSERT INTO payment_methods (tenant_id, payer, account_id, customer, method, created_at)"
            " VALUES (%s, %s, %s, %s, %s, now()) RETURNING method_id)"
            " UPDATE driver_accounts SET pays_by = 'card', pays_method = (SELECT method_id FROM kept)"
            " WHERE driver_id = %s",
            self.tenant_id, f"driver:{driver_id}", account.account_id, customer.id, method.id, driver_id,
        )  # fmt: skip

    async def fill_wallet(self, driver_id: int, amount: int, key: str = "first") -> None:
        """Money in the wallet, which pays from now on."""
        legs = (("bank", amount), (f"wallet:{driver_id}", -amount))
        entry = Entry(
            key=f"topup:{key}-{driver_id}", kind=Kind.TOP_UP, at=self.clock.now(),
            legs=tuple(Leg(account=name, currency="EUR", amount=part) for name, part in legs),
        )  # fmt: skip
        async with self.tenants.tenant(self.tenant_id) as conn:
            await post(conn, self.tenant_id, entry)
        self.run("UPDATE driver_accounts SET pays_by = 'wallet', pays_method = NULL WHERE driver_id = %s", driver_id)

    def fleet(self, *drivers: int, session: int | None = None, month: int | None = None) -> int:
        """A fleet that pays for some drivers."""
        fleet_id: int = self.one(
            "INSERT INTO fleets (tenant_id, name, currency, zone, session_limit, month_limit, created_at, updated_at)"
            " VALUES (%s, 'Vans', 'EUR', 'Europe/Berlin', %s, %s, now(), now()) RETURNING fleet_id",
            self.tenant_id, session, month,
        )  # fmt: skip
        for driver_id in drivers:
            self.run(
                "INSERT INTO fleet_members (tenant_id, driver_id, fleet_id, joined_at) VALUES (%s, %s, %s, now())",
                self.tenant_id, driver_id, fleet_id,
            )  # fmt: skip
            self.run("UPDATE driver_accounts SET pays_by = 'fleet' WHERE driver_id = %s", driver_id)
        return fleet_id

    # The worker.

    async def work(self) -> None:
        """Everything that the outbox leads to, until nothing more comes of it."""
        while await self.jobs.dispatch():
            await self.jobs.run()

    async def at_work(self, station: "Talker", *, seconds: float = 0) -> list[Any]:
        """Lets time pass for the sweeper, and works while the station says yes; what the station was asked."""
        self.clock.advance(seconds)

        async def turn() -> None:
            await self.work()
            await self.sweeper.sweep()
            await self.work()

        return await station.obeying(turn())

    def intents(self) -> list[dict[str, Any]]:
        cursor = self.rig.admin.execute(
            "SELECT intent_id, method, state, payer, driver_id, hold_amount, authorised_amount, captured_amount,"
            " owed_amount, reason, session_id, email FROM payment_intents ORDER BY number"
        )
        assert cursor.description is not None
        return [dict(zip((column.name for column in cursor.description), row, strict=True)) for row in cursor]

    def letters(self) -> list[tuple[str, str, str]]:
        """What was written to drivers: to whom, about what, and what; in its order."""
        read = [
            BytesParser(policy=policy.default).parsebytes(path.read_bytes()) for path in sorted(self.mail.glob("*"))
        ]
        return [(str(each["to"]), str(each["subject"]), each.get_content()) for each in read]

    def balances(self) -> dict[str, int]:
        rows = self.rig.rows(
            "SELECT a.name, sum(p.amount)::bigint FROM postings p JOIN ledger_accounts a USING (account_id)"
            " GROUP BY a.name HAVING sum(p.amount) <> 0"
        )
        return dict(rows)

    @asynccontextmanager
    async def station(self, version: str) -> AsyncIterator["Talker"]:
        async with self.rig.station("CP1", version) as client:
            assert "currentTime" in await client.call("Heartbeat", {})
            yield Talker(client, version)


class Talker:
    """One station's words, in any version."""

    def __init__(self, client: StationClient, version: str) -> None:
        self.client, self.old = client, version == "ocpp1.6"
        self._seq = 0
        self.transaction: Any = "tx-1"

    async def authorize(self, uid: str = UID, type_: str = "ISO14443") -> str:
        """What is said of a token."""
        if self.old:
            answer = await self.client.call("Authorize", {"idTag": uid})
            return str(answer["idTagInfo"]["status"])
        answer = await self.client.call("Authorize", {"idToken": {"idToken": uid, "type": type_}})
        return str(answer["idTokenInfo"]["status"])

    async def begin(
        self, uid: str = UID, *, minutes_ago: float = 60, transaction: str = "tx-1", type_: str = "ISO14443"
    ) -> str:
        """A session begins by a token; what is said of it."""
        self.transaction, self._seq = transaction, 0
        if self.old:
            said = {"connectorId": 1, "idTag": uid, "meterStart": 0, "timestamp": ago(minutes_ago)}
            answer = await self.client.call("StartTransaction", said)
            self.transaction = answer["transactionId"]
            return str(answer["idTagInfo"]["status"])
        more = {"evse": {"id": 1, "connectorId": 1}, "idToken": {"idToken": uid, "type": type_}}
        answer = await self._event("Started", minutes_ago, 0, **more)
        return str(answer["idTokenInfo"]["status"])

    async def measure(self, wh: int, *, minutes_ago: float = 30) -> None:
        if self.old:
            value = {"timestamp": ago(minutes_ago), "sampledValue": [{"value": str(wh)}]}
            await self.client.call(
                "MeterValues", {"connectorId": 1, "transactionId": self.transaction, "meterValue": [value]}
            )
        else:
            await self._event("Updated", minutes_ago, wh)

    async def end(self, wh: int, *, minutes_ago: float = 0.1) -> None:
        if self.old:
            said = {"transactionId": self.transaction, "meterStop": wh, "timestamp": ago(minutes_ago)}
            await self.client.call("StopTransaction", said)
        else:
            await self._event("Ended", minutes_ago, wh)

    async def obeying(self, doing: Any) -> list[Any]:
        """What the station is asked to stop while something is done, each obeyed."""
        heard, task = [], asyncio.create_task(doing)
        while not task.done():
            asking = asyncio.create_task(self.client.next_ask())
            await asyncio.wait([asking, task], return_when=asyncio.FIRST_COMPLETED)
            if not asking.done():
                asking.cancel()
                await asyncio.gather(asking, return_exceptions=True)
                continue
            _, message_id, action, payload = asking.result()
            if action in ("RemoteStopTransaction", "RequestStopTransaction"):
                heard.append(payload["transactionId"])
            await self.client.link.send(json.dumps([3, message_id, {"status": "Accepted"}]))
        await task
        return heard

    async def _event(self, kind: str, minutes_ago: float, wh: int, **more: Any) -> Any:
        at = ago(minutes_ago)
        sampled = [{"value": wh, "measurand": "Energy.Active.Import.Register"}]
        payload = {
            "eventType": kind, "timestamp": at, "triggerReason": "Authorized", "seqNo": self._seq,
            "transactionInfo": {"transactionId": self.transaction},
            "meterValue": [{"timestamp": at, "sampledValue": sampled}], **more,
        }  # fmt: skip
        self._seq += 1
        return await self.client.call("TransactionEvent", payload)


def ago(minutes: float) -> str:
    return (datetime.now(UTC) - timedelta(minutes=minutes)).isoformat().replace("+00:00", "Z")


@asynccontextmanager
async def a_lot(ground: Ground, box: Sandbox, mail: Path) -> AsyncIterator[Lot]:
    """A lot with an empty database, and a provider's account of its own."""
    async with a_rig(ground) as rig:
        bus = await Bus.connect(rig.nats_url)
        tenants, worker = await ground.pool("forecourt_app", 4), await ground.pool("forecourt_worker", 3)
        lot = await Lot(rig, tenants, worker, bus, box.another(), mail).opened()
        async with lot.jobs:
            yield lot
        await lot.jobs.providers.close()
        await bus.close()
