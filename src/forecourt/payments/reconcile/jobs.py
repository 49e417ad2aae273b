"""The work of a night: take what providers say, give hosts their share, compare, pay. And what follows of a payment."""

from collections.abc import Awaitable, Callable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Final, Protocol
from uuid import UUID
from zoneinfo import ZoneInfo

from forecourt.payments.bank.model import Bank
from forecourt.payments.hosts.connect import Tells, look_at_all
from forecourt.payments.hosts.documents import issue_left
from forecourt.payments.hosts.model import Transfers
from forecourt.payments.hosts.payouts import Payouts
from forecourt.payments.hosts.shares import ask_monthly_fees, follow, follow_given, reimburse_due
from forecourt.payments.hosts.store.hosts import time_zone
from forecourt.payments.ledger.store import list_tenants
from forecourt.payments.reconcile.model import Movements
from forecourt.payments.reconcile.service import Reconciler
from forecourt.platform.apart import apart
from forecourt.platform.clock import Clock
from forecourt.platform.database import Pool

#: Months back for which fees are still asked that no night asked for: nobody may have worked for long.
FEE_MONTHS: Final = 12


class Provider(Transfers, Movements, Tells, Protocol):
    """A payment provider, as far as nights ask it."""


#: An organisation's accounts at payment providers by their names.
Accounts = Callable[[int], Awaitable[Mapping[str, Provider]]]


class MoneyJobs:
    """Durable work, each piece idempotent. `pool` is of role forecourt_worker, `tenants` of forecourt_app."""

    def __init__(self, pool: Pool, tenants: Pool, clock: Clock, secret_key: bytes, accounts: Accounts) -> None:
        self._worker = pool
        self._tenants = tenants
        self._clock = clock
        self._accounts = accounts
        self._reconciler = Reconciler(tenants, clock)
        self._payouts = Payouts(tenants, clock, Bank(secret_key))

    async def night(self) -> None:
        """Every organisation with books or hosts. One that fails keeps no other from being done."""
        async with self._worker.anyone() as conn:
            tenants = await list_tenants(conn)
        for tenant_id in tenants:
            with apart("a night's money was not done", tenant=tenant_id):
                await self.night_of(tenant_id)

    async def night_of(self, tenant_id: int) -> None:
        """One organisation: a provider that is away, or a step that fails, keeps nobody from being paid what is owed
        already. Without its accounts at providers nothing is done: nobody would be paid the way that they agreed to."""
        accounts = await self._accounts(tenant_id)
        with apart("not all accounts were compared", tenant=tenant_id):
            await self._reconciler.reconcile(tenant_id, accounts)
        await self._pay(tenant_id, accounts)

    async def compare_now(self, *, tenant_id: int, subject: str) -> None:
        """Somebody asked that everything be compared now."""
        await self._reconciler.reconcile(tenant_id, await self._accounts(tenant_id))

    async def pay_now(self, *, tenant_id: int, subject: str) -> None:
        """Somebody asked that hosts be paid now."""
        await self._pay(tenant_id, await self._accounts(tenant_id))

    async def _pay(self, tenant_id: int, accounts: Mapping[str, Provider]) -> None:
        now = self._clock.now()
        with apart("who charged at home was not paid back", tenant=tenant_id):
            await reimburse_due(self._tenants, tenant_id, now)
        await self._ask_fees(tenant_id, now)
        with apart("hosts were not looked at", tenant=tenant_id):
            await look_at_all(self._tenants, self._clock, tenant_id, accounts)
        with apart("not all hosts were paid", tenant=tenant_id):
            await self._payouts.pay(tenant_id, accounts)
        with apart("not all hosts were billed", tenant=tenant_id):
            await issue_left(self._tenants, tenant_id, now)

    async def _ask_fees(self, tenant_id: int, now: datetime) -> None:
        """The fees of every month that is over and that no night asked for, each month apart."""
        async with self._tenants.tenant(tenant_id) as conn:
            zone = ZoneInfo(await time_zone(conn, tenant_id))
        for month, ended_at in reversed(list(_months_before(now.astimezone(zone)))):
            with apart("hosts were not asked for the fees of a month", tenant=tenant_id, month=month):
                async with self._tenants.tenant(tenant_id) as conn:
                    await ask_monthly_fees(conn, tenant_id, month, ended_at, now)

    async def follow(self, *, tenant_id: int, subject: str) -> None:
        """A payment was captured, refunded or disputed: its host's share goes with it."""
        async with self._tenants.tenant(tenant_id) as conn:
            await follow(conn, tenant_id, subject, self._clock.now(), settled=False)

    async def given(self, *, tenant_id: int, subject: str) -> None:
        """A session was given away: its host has a share of it all the same."""
        async with self._tenants.tenant(tenant_id) as conn:
            await follow_given(conn, tenant_id, UUID(subject), self._clock.now())


async def no_accounts(_tenant_id: int) -> Mapping[str, Provider]:
    """Of a deployment without payment providers."""
    return {}


def _months_before(local: datetime) -> Iterator[tuple[str, datetime]]:
    """The months that are over, the latest first, each with its last moment by the clock of `local`."""
    begins = local.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    for _ in range(FEE_MONTHS):
        ended_at = begins - timedelta(microseconds=1)
        yield f"{ended_at:%Y-%m}", ended_at
        begins = ended_at.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
