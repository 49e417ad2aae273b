"""Whom drivers complain to: what a till's provider does by itself, and the nights in which that is found out."""

import asyncio
from typing import Any

from forecourt.payments.disputes.store import list_disputes
from forecourt.payments.intents.model import Intent
from forecourt.payments.reconcile.jobs import MoneyJobs
from tests.payments.hosts import SECRET
from tests.payments.till import Till

DAY = 86_400


class Bank:
    """Whom the drivers of a till complain to, and the nights in which money is looked after."""

    def __init__(self, till: Till) -> None:
        self.till = till
        self.money = MoneyJobs(till.worker, till.tenants, till.clock, SECRET, till.providers.by_name)

    async def captured(self, card: str = "visa") -> Intent:
        intent = await self.till.paid(card)
        await self.till.work()
        self.till.plug_in(intent, wh=20_000)
        await self.till.work()
        return await self.till.find(intent)

    async def dispute(self, intent: Intent) -> str:
        """The driver's bank takes the money; the dispute."""
        assert intent.reference is not None
        made = await asyncio.to_thread(self.till.box.client.v1.payment_intents.retrieve, intent.reference)
        said = await self._door(f"charges/{made.latest_charge}/dispute", {"reason": "fraudulent"})
        return str(said["id"])

    async def decide(self, dispute: str, status: str) -> None:
        await self._door(f"disputes/{dispute}", {"status": status})

    async def _door(self, path: str, body: dict[str, Any]) -> Any:
        return await asyncio.to_thread(self.till.box.control, path, body)

    async def hint(self, intent: Intent) -> None:
        """A webhook came, whatever it said."""
        await self.till.jobs.hinted(tenant_id=self.till.tenant_id, subject=str(intent.intent_id))
        await self.follow()

    async def follow(self) -> None:
        """What follows of events, the shares of hosts too."""
        for _ in range(3):
            rows = self.till.rows(
                "SELECT DISTINCT subject FROM outbox WHERE tenant_id = %s AND event LIKE 'payment.%%'",
                self.till.tenant_id,
            )
            await self.till.work()
            for row in rows:
                await self.money.follow(tenant_id=self.till.tenant_id, subject=row["subject"])

    async def night(self, days: int = 1) -> None:
        self.till.clock.advance(days * DAY)
        await asyncio.to_thread(self.till.box.advance, days * DAY)
        await self.money.night_of(self.till.tenant_id)
        await self.till.sweeper.sweep()
        await self.follow()

    async def disputes(self, intent: Intent) -> list[Any]:
        async with self.till.tenants.tenant(self.till.tenant_id) as conn:
            return list(await list_disputes(conn, self.till.tenant_id, intent.intent_id))

    def steps(self, intent: Intent) -> list[str]:
        rows = self.till.rows("SELECT kind FROM payment_steps WHERE intent_id = %s ORDER BY step_id", intent.intent_id)
        return [row["kind"] for row in rows if row["kind"].startswith("dispute")]
