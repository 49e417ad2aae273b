"""What is promised to who begins to pay: kept before the payment begins, free again if none does."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from forecourt.loyalty import giving
from forecourt.loyalty.errors import VoucherUnknown
from forecourt.loyalty.model.campaigns import Campaign
from forecourt.loyalty.store import uses
from forecourt.payments.intents.service import new_token
from forecourt.platform.clock import Clock
from forecourt.platform.database import Pool
from forecourt.platform.errors import ForecourtError


class Promises:
    """The verbs, for the life of a process. `tenants` is a pool of role forecourt_app."""

    def __init__(self, tenants: Pool, clock: Clock) -> None:
        self._tenants = tenants
        self._clock = clock

    async def offered(
        self, tenant_id: int, station: str, evse: int, *, driver_id: int | None = None, code: str | None = None
    ) -> list[Campaign]:
        """What would count for a session that began there now. Raises as `giving.offers_at`."""
        now = self._clock.now()
        async with self._tenants.tenant(tenant_id) as conn:
            occasion = await uses.occasion_at(conn, tenant_id, station, evse, now, driver_id=driver_id)
            if occasion is None:
                raise VoucherUnknown
            return [each.campaign for each in await giving.offers_at(conn, tenant_id, occasion, code)]

    @asynccontextmanager
    async def kept(
        self, tenant_id: int, station: str, evse: int, *, driver_id: int | None = None, code: str | None = None
    ) -> AsyncIterator[str]:
        """The token that the payment inside begins the session by: what is offered is kept for it, and free again where
        the payment is refused. Raises as `giving.promise`."""
        token = new_token()
        if driver_id is None and not code:
            yield token
            return
        now = self._clock.now()
        async with self._tenants.tenant(tenant_id) as conn:
            occasion = await uses.occasion_at(conn, tenant_id, station, evse, now, driver_id=driver_id, token_uid=token)
            if occasion is not None:
                await giving.promise(conn, tenant_id, occasion, code, now)
        try:
            yield token
        except ForecourtError:
            async with self._tenants.tenant(tenant_id) as conn:
                await giving.take_back(conn, tenant_id, token, self._clock.now())
            raise
