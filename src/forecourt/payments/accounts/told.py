"""What one account was told that can't be asked for again, for its adapter."""

from uuid import UUID

from forecourt.payments.accounts.store.told import insert_told, list_told, list_unread
from forecourt.payments.psp.words import Told
from forecourt.platform.database import Pool


class AccountMemory:
    """What one account was told, for its adapter. `tenants` is a pool of role forecourt_app."""

    def __init__(self, tenants: Pool, tenant_id: int, account_id: UUID) -> None:
        self._tenants = tenants
        self._tenant_id = tenant_id
        self._account_id = account_id

    async def keep(self, told: Told) -> None:
        """Keeps it, once."""
        async with self._tenants.tenant(self._tenant_id) as conn:
            await insert_told(conn, self._tenant_id, self._account_id, told)

    async def about(self, reference: str) -> list[Told]:
        """What happened to a payment, by the provider's name of it."""
        return await self._list("about", reference)

    async def named(self, reference: str) -> list[Told]:
        """What was told by this name: of a request, that it was taken and what came of it."""
        return await self._list("reference", reference)

    async def of_call(self, call: str) -> list[Told]:
        """What came of a call of ours."""
        return await self._list("call", call)

    async def answer_to(self, key: str) -> Told | None:
        """What was answered to a key, if an answer was heard."""
        return next(iter(await self._list("key", key)), None)

    async def unread(self) -> list[Told]:
        """Reports whose movements were not kept yet, the earliest first."""
        async with self._tenants.tenant(self._tenant_id) as conn:
            return await list_unread(conn, self._tenant_id, self._account_id)

    async def _list(self, column: str, value: str) -> list[Told]:
        async with self._tenants.tenant(self._tenant_id) as conn:
            return await list_told(conn, self._tenant_id, self._account_id, column, value)
