"""The verbs of accounts: adding one with its keys, and opening the adapter of whoever moves the money of a payment."""

from collections import OrderedDict
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

import msgspec
from msgspec.structs import replace

from forecourt.access import Actor, audit
from forecourt.payments.accounts import store
from forecourt.payments.accounts.model import (
    DEPLOYMENT,
    AccountIncomplete,
    AccountMissing,
    AccountNameTaken,
    AccountShared,
    AccountUnknown,
    Given,
    Keys,
    TooManyAccounts,
    keys_of,
    provider_of,
)
from forecourt.payments.accounts.store import AccountRow, Connection
from forecourt.payments.accounts.told import AccountMemory
from forecourt.payments.providers.adyen import AdyenKeys, open_adyen
from forecourt.payments.providers.book import Book, BookKind
from forecourt.payments.providers.stripe import StripeKeys, open_stripe
from forecourt.payments.psp import Psp
from forecourt.platform.clock import Clock
from forecourt.platform.database import Pool
from forecourt.platform.preconditions import check_match, etag
from forecourt.platform.sealing import Seal, SealBroken

SEAL_PURPOSE: Final = "payment account"
#: Adapters that are kept open; beyond it the one that was used longest ago is closed.
MAX_OPEN: Final = 100

_EVER: Final = datetime(1970, 1, 1, tzinfo=UTC)
_encode = msgspec.json.encode
_KINDS: Any = Keys
_BOOKS: Final = frozenset(kind.value for kind in BookKind)


def account_tag(row: AccountRow) -> str:
    """The ETag of an account: another one whenever its keys or its switch changed."""
    return etag(["payment account", row.account_id, row.updated_at, row.active])


class Providers:
    """Opens adapters and keeps them open, for the life of a process. Close it at the end.

    `deployment`: the keys of the account of whoever runs this, which organisations without one of their own use.
    `address` and `adyen`: where Stripe's API is, and Adyen's, if they are not their own: a sandbox.
    """

    def __init__(
        self, tenants: Pool, clock: Clock, secret_key: bytes, *, deployment: StripeKeys | None = None,
        address: str | None = None, adyen: str | None = None,
    ) -> None:  # fmt: skip
        self._tenants = tenants
        self._clock = clock
        self._seal = Seal(secret_key, SEAL_PURPOSE)
        self._deployment = deployment
        self._address = address
        self._adyen = adyen
        self._open: OrderedDict[tuple[UUID, datetime], Any] = OrderedDict()

    async def close(self) -> None:
        """Closes every connection to providers."""
        while self._open:
            await self._open.popitem()[1].close()

    async def of_payment(self, tenant_id: int, method: str, account_id: UUID | None) -> Psp:
        """Whoever moves the money of a payment that is paid so: a book of ours, else its account's provider. Raises
        AccountMissing, SealBroken."""
        if method in _BOOKS:
            return Book(self._tenants, tenant_id, BookKind(method), self._clock)
        assert account_id is not None, "a provider's payment is one of an account"
        async with self._tenants.tenant(tenant_id) as conn:
            row = await store.find_account(conn, tenant_id, account_id)
        if row is None:
            raise AccountMissing
        return await self.of_account(row)

    async def of_account(self, row: AccountRow) -> Psp:
        """The adapter of an account, by its keys of now. Raises AccountMissing, SealBroken."""
        name = (row.account_id, row.updated_at)
        if name not in self._open:
            opened = await self._opened(row)
            if name in self._open:
                await opened.close()
            else:
                self._open[name] = opened
        self._open.move_to_end(name)
        while len(self._open) > MAX_OPEN:
            await self._open.popitem(last=False)[1].close()
        found: Psp = self._open[name]
        return found

    async def _opened(self, row: AccountRow) -> Any:
        keys = self._keys(row)
        if isinstance(keys, AdyenKeys):
            memory = AccountMemory(self._tenants, row.tenant_id, row.account_id)
            return await open_adyen(keys, memory, self._clock, self._adyen)
        return await open_stripe(keys, self._address)

    async def by_name(self, tenant_id: int) -> Mapping[str, Psp]:
        """The adapters of every account of an organisation that tells what moved, by the names that the books use."""
        async with self._tenants.tenant(tenant_id) as conn:
            rows = await store.list_accounts(conn, tenant_id)
        opened = {row.name: await self.of_account(row) for row in rows if row.own or self._deployment is not None}
        return {name: psp for name, psp in opened.items() if psp.lists_movements}

    def settles(self, row: AccountRow) -> bool:
        """Whether what an account settles is read, by its keys."""
        try:
            keys = self._keys(row)
        except (AccountMissing, SealBroken):
            return False
        return not isinstance(keys, AdyenKeys) or keys.report_key is not None

    async def choose(self, conn: Connection, tenant_id: int) -> AccountRow:
        """The account that a new payment goes to: the organisation's own, else the deployment's. Raises
        AccountMissing."""
        rows = [row for row in await store.list_accounts(conn, tenant_id) if row.active]
        if rows and (rows[0].own or self._deployment is not None):
            return rows[0]
        if self._deployment is None:
            raise AccountMissing
        made = await store.insert_account(
            conn, tenant_id, name=DEPLOYMENT, provider="stripe", sealed=None, at=self._clock.now()
        )
        made = made or await store.find_named(conn, tenant_id, DEPLOYMENT)
        if made is None or not made.active:
            raise AccountMissing
        return made

    def _keys(self, row: AccountRow) -> Keys:
        if row.sealed is None:
            if self._deployment is None:
                raise AccountMissing
            return self._deployment
        keys: Keys = msgspec.json.decode(self._seal.open(row.sealed), type=_KINDS)
        return keys

    async def deployment(self) -> Psp | None:
        """The adapter of the deployment's own account, if it has one."""
        if self._deployment is None:
            return None
        name = (UUID(int=0), _EVER)
        if name not in self._open:
            self._open[name] = await open_stripe(self._deployment, self._address)
        found: Psp = self._open[name]
        return found

    async def add(self, conn: Connection, actor: Actor, name: str, keys: Keys) -> AccountRow:
        """Adds an account of the organisation's own. Raises AccountNameTaken, TooManyAccounts."""
        if len(await store.list_accounts(conn, actor.tenant_id)) >= store.MAX_ACCOUNTS:
            raise TooManyAccounts
        row = await store.insert_account(
            conn,
            actor.tenant_id,
            name=name,
            provider=provider_of(keys),
            sealed=self._sealed(keys),
            at=self._clock.now(),
        )
        if row is None:
            raise AccountNameTaken
        await audit(conn, actor, "add payment account", f"payment_account:{name}", {"provider": row.provider})
        return row

    async def change(
        self,
        conn: Connection,
        actor: Actor,
        account_id: UUID,
        *,
        given: Given | None,
        active: bool | None,
        report_key: str | None = None,
        if_match: str | None = None,
    ) -> AccountRow:
        """Gives it other keys, or lets no new payment go to it; of Adyen's, the merchant account, the prefix and the
        key of the report user stay where they are not given, and the last may be given alone. Raises AccountUnknown,
        AccountShared, AccountIncomplete, ChangedMeanwhile."""
        held = await store.find_account(conn, actor.tenant_id, account_id, lock=True)
        if held is None:
            raise AccountUnknown
        check_match(if_match, account_tag(held))
        changes = given is not None or report_key is not None
        if changes and not held.own:
            raise AccountShared
        sealed = self._sealed(self._changed(held, given, report_key)) if changes else held.sealed
        on = held.active if active is None else active
        await store.update_account(conn, actor.tenant_id, account_id, sealed=sealed, active=on, at=self._clock.now())
        await audit(
            conn, actor, "change payment account", f"payment_account:{held.name}", {"new_keys": changes},
            before={"active": held.active}, after={"active": on},
        )  # fmt: skip
        row = await store.find_account(conn, actor.tenant_id, account_id)
        assert row is not None
        return row

    async def connect(self, actor: Actor, account_id: UUID, address: str) -> AccountRow:
        """Looks whose account it is, by its keys, and has the provider send its webhooks here, if it is the
        organisation's own and nobody said a secret for them. `address`: of the door for them.

        Raises AccountUnknown, AccountMissing, and as the port does: ProviderRefused where the keys are wrong.
        """
        async with self._tenants.tenant(actor.tenant_id) as conn:
            row = await store.find_account(conn, actor.tenant_id, account_id)
        if row is None:
            raise AccountUnknown
        psp, keys = await self.of_account(row), self._keys(row)
        merchant, secret = await psp.merchant(), ""
        if isinstance(keys, StripeKeys) and row.own and not keys.hook_secret:
            secret = await psp.send_hooks(address, f"forecourt-hooks-{account_id.hex}")
        async with self._tenants.tenant(actor.tenant_id) as conn:
            held = await store.find_account(conn, actor.tenant_id, account_id, lock=True)
            assert held is not None, "accounts stay"
            now = self._clock.now()
            if isinstance(keys, StripeKeys) and secret and held.sealed == row.sealed:
                sealed = self._sealed(replace(keys, hook_secret=secret))
                await store.update_account(conn, actor.tenant_id, account_id, sealed=sealed, active=held.active, at=now)
            await store.set_merchant(conn, actor.tenant_id, account_id, merchant.name, merchant.statement, now)
            detail = {"merchant": merchant.name, "webhooks": bool(secret)}
            await audit(conn, actor, "connect payment account", f"payment_account:{row.name}", detail)
            found = await store.find_account(conn, actor.tenant_id, account_id)
        assert found is not None
        return found

    def _changed(self, held: AccountRow, given: Given | None, report_key: str | None) -> Keys:
        before = self._keys(held)
        if not isinstance(before, AdyenKeys):
            if given is None or report_key is not None:
                raise AccountIncomplete
            return keys_of(held.provider, given)
        given = given or Given(secret_key=before.api_key, hook_secret=before.hook_key)
        given = replace(
            given,
            merchant_account=given.merchant_account or before.merchant_account,
            live_prefix=given.live_prefix or before.live_prefix,
            report_key=report_key or before.report_key,
        )
        return keys_of(held.provider, given)

    def _sealed(self, keys: Keys) -> bytes:
        return self._seal.close(_encode(keys).decode())
