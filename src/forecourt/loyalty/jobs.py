"""What follows for loyalty: a session began, so what counts for it is decided; one is billed, so that is settled."""

from datetime import datetime
from typing import Final
from uuid import UUID

from forecourt.loyalty import giving
from forecourt.loyalty.announcing import Tells, announce
from forecourt.loyalty.errors import CampaignUnbegun
from forecourt.loyalty.rewards import service as rewards
from forecourt.loyalty.rewards import store as points
from forecourt.loyalty.service import put_back, turn_campaign
from forecourt.loyalty.store import campaigns, uses
from forecourt.payments.providers.book import Book, BookKind
from forecourt.platform.apart import apart
from forecourt.platform.clock import Clock
from forecourt.platform.database import Pool

#: Uses, and drivers with points, of one organisation that are looked at in one go.
AT_ONCE: Final = 1_000


class LoyaltyJobs:
    """Durable follow-up work, each piece idempotent. `pool` is of role forecourt_worker, `tenants` of forecourt_app."""

    def __init__(self, pool: Pool, tenants: Pool, clock: Clock, tells: Tells) -> None:
        self._worker = pool
        self._tenants = tenants
        self._clock = clock
        self._tells = tells

    async def begun(self, *, tenant_id: int, subject: str) -> None:
        """A session began: what counts for it is decided."""
        async with self._tenants.tenant(tenant_id) as conn:
            await giving.decide(conn, tenant_id, UUID(subject), self._clock.now())

    async def started(self, *, tenant_id: int, subject: str) -> None:
        """A campaign started: its drivers are told. Each once, also when it is paused and started again."""
        await announce(self._tenants, self._clock, self._tells, tenant_id, int(subject))

    async def paid(self, *, tenant_id: int, subject: str) -> None:
        """A payment was taken: its session earns what the program gives."""
        async with self._tenants.tenant(tenant_id) as conn:
            await rewards.reward(conn, tenant_id, UUID(subject), self._clock.now())

    async def refunded(self, *, tenant_id: int, subject: str) -> None:
        """Money of a payment went back, or was lost: what its session earned goes with it. Or that came to nothing:
        it comes again."""
        wallets = Book(self._tenants, tenant_id, BookKind.WALLET, self._clock)
        async with self._tenants.tenant(tenant_id) as conn:
            await rewards.take_back(conn, tenant_id, UUID(subject), wallets, self._clock.now())

    async def freed(self, *, tenant_id: int, subject: str) -> None:
        """A payment holds nothing of a wallet any more: what a refund had to leave there is taken."""
        wallets = Book(self._tenants, tenant_id, BookKind.WALLET, self._clock)
        async with self._tenants.tenant(tenant_id) as conn:
            await rewards.take_owed(conn, tenant_id, UUID(subject), wallets, self._clock.now())

    async def lapse_points(self) -> int:
        """Lets points lapse that are too old, each driver's in a transaction of their own; how many."""
        now = self._clock.now()
        async with self._worker.anyone() as conn:
            tenants = await points.tenants_lapsing(conn, now)
        gone = 0
        for tenant_id in tenants:
            async with self._tenants.tenant(tenant_id) as conn:
                drivers = await points.drivers_lapsing(conn, tenant_id, now, AT_ONCE)
            for driver_id in drivers:
                with apart("points did not lapse", tenant=tenant_id, driver=driver_id):
                    async with self._tenants.tenant(tenant_id) as conn:
                        gone += await rewards.lapse(conn, tenant_id, driver_id, now)
        return gone

    async def turn_campaigns(self) -> int:
        """Begins and ends campaigns whose time has come, each in a transaction of its own; how many."""
        now, turned = self._clock.now(), 0
        async with self._worker.anyone() as conn:
            tenants = await campaigns.tenants_turning(conn, now)
        for tenant_id in tenants:
            async with self._tenants.tenant(tenant_id) as conn:
                due = await campaigns.list_turning(conn, tenant_id, now)
            for campaign_id in due:
                with apart("a campaign did not turn at its time", tenant=tenant_id, campaign=campaign_id):
                    turned += await self._turn(tenant_id, campaign_id, now)
        return turned

    async def _turn(self, tenant_id: int, campaign_id: int, now: datetime) -> bool:
        """One that can't begin is a draft again, for somebody to look at: it would be tried every minute for ever."""
        try:
            async with self._tenants.tenant(tenant_id) as conn:
                return await turn_campaign(conn, tenant_id, campaign_id, now)
        except CampaignUnbegun as refused:
            async with self._tenants.tenant(tenant_id) as conn:
                await put_back(conn, tenant_id, campaign_id, refused, now)
            return False

    async def settle_due(self) -> int:
        """Settles what sealed sessions took and sets free what was kept too long; how many."""
        async with self._worker.anyone() as conn:
            tenants = await uses.tenants_with_uses(conn)
        return sum([await self._settle(tenant_id) for tenant_id in tenants])

    async def _settle(self, tenant_id: int) -> int:
        """Each use in a transaction of its own: budgets are locked one at a time."""
        now, done = self._clock.now(), 0
        async with self._tenants.tenant(tenant_id) as conn:
            due = await uses.list_due(conn, tenant_id, now, AT_ONCE)
        for use_id in due:
            with apart("what a campaign gave was not settled", tenant=tenant_id, use=str(use_id)):
                async with self._tenants.tenant(tenant_id) as conn:
                    use = await uses.lock_due(conn, tenant_id, use_id, now)
                    if use is not None:
                        await giving.settle(conn, tenant_id, use, now)
                        done += 1
        return done
