"""What a worker knows of outside decisions: it asks for those that are not known yet, and forgets old ones."""

from datetime import timedelta

from forecourt.drivers.adhoc import is_adhoc
from forecourt.drivers.outside import store
from forecourt.drivers.outside.authorizer import OutsideAuthorizer
from forecourt.ocpp.neutral import AuthorizationStatus, Token
from forecourt.platform.clock import Clock
from forecourt.platform.database import Pool

#: Decisions are kept so long after they ceased to count.
KEEP = timedelta(days=1)
#: A reason for which no decision came is kept so long after it was last met.
KEEP_FAILURES = timedelta(days=7)
#: Old decisions, or failures, deleted in one transaction.
DELETED_AT_ONCE = 5_000


class OutsideDecisions:
    """`pool` is of role forecourt_worker, `tenants` of forecourt_app."""

    def __init__(self, pool: Pool, tenants: Pool, authorizer: OutsideAuthorizer, clock: Clock) -> None:
        self._worker = pool
        self._tenants = tenants
        self._authorizer = authorizer
        self._clock = clock

    async def decide_known(self, tenant_id: int, token: Token, station: str) -> AuthorizationStatus | None:
        """The decision that still counts, or a new one; None where the organisation decides by itself, or no decision
        comes within the deadline."""
        async with self._tenants.tenant(tenant_id) as conn:
            hook = None if await is_adhoc(conn, tenant_id, token.uid) else await store.find_asked(conn, tenant_id)
            known = None if hook is None else await store.find_decision(conn, tenant_id, token.uid)
        if hook is None:
            return None
        if known is not None:
            return AuthorizationStatus(known)
        asked = await self._authorizer.ask(tenant_id, hook, token, station)
        async with self._tenants.tenant(tenant_id) as conn:
            if asked.decision is None:
                await store.insert_failure(conn, self._authorizer.failure(tenant_id, asked))
                return None
            await store.insert_decision(conn, asked.decision)
        return asked.decision.status.status

    async def tidy(self) -> None:
        """Deletes decisions that ceased to count long ago, and failures that were not met again since."""
        more = DELETED_AT_ONCE
        while more == DELETED_AT_ONCE:
            async with self._worker.anyone() as conn:
                more = await store.delete_old(conn, self._clock.now() - KEEP, DELETED_AT_ONCE)
        more = DELETED_AT_ONCE
        while more == DELETED_AT_ONCE:
            async with self._worker.anyone() as conn:
                more = await store.delete_old_failures(conn, self._clock.now() - KEEP_FAILURES, DELETED_AT_ONCE)
