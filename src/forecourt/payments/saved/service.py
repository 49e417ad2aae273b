"""The verbs of saved cards: a page on which one is left, coming back from it, and having the provider forget one.

Nothing is held or taken here, so nothing is lost where a page is left or a provider is away: the page runs out, and
what was left on one that nobody came back from is found by the webhook or by the next look.
"""

from contextlib import suppress
from datetime import timedelta
from typing import Final
from uuid import UUID

import structlog

from forecourt.payments.accounts.service import Providers
from forecourt.payments.accounts.store import find_account
from forecourt.payments.psp import Psp
from forecourt.payments.psp.errors import ProviderError
from forecourt.payments.psp.words import Kept, Language, MethodAsked, Saved
from forecourt.payments.saved import store
from forecourt.payments.saved.model import (
    DROP_EVERY,
    GIVEN_UP_AFTER,
    LOOK_EVERY,
    MAX_CARDS,
    MAX_PAGES,
    PAGE_LIFE,
    Setup,
    SetupState,
    SetupUnknown,
    TooManyCards,
    TooManyPages,
)
from forecourt.platform.clock import Clock
from forecourt.platform.database import Pool

log = structlog.get_logger(__name__)

#: Pages, and cards to be forgotten, that one sweep takes.
SWEPT_AT_ONCE: Final = 100
#: Nobody else takes what a sweep took for so long.
LEASE: Final = timedelta(minutes=2)


class SavedCards:
    """The verbs, for the life of a process. `tenants` is a pool of role forecourt_app."""

    def __init__(self, tenants: Pool, providers: Providers, clock: Clock) -> None:
        self._tenants = tenants
        self._providers = providers
        self._clock = clock

    async def begin(
        self, tenant_id: int, payer: str, *, return_url: str, currency: str, email: str | None = None,
        language: str = "en",
    ) -> Setup:  # fmt: skip
        """A page on which a card is left; in `return_url`, `{setup}` is replaced by its id.

        Raises TooManyCards, TooManyPages, AccountMissing, and as the port does.
        """
        now = self._clock.now()
        async with self._tenants.tenant(tenant_id) as conn:
            await store.hold_payer(conn, tenant_id, payer)
            if await store.count_cards(conn, tenant_id, payer) >= MAX_CARDS:
                raise TooManyCards
            if await store.count_pages(conn, tenant_id, payer, now - PAGE_LIFE) >= MAX_PAGES:
                raise TooManyPages
            account_id = (await self._providers.choose(conn, tenant_id)).account_id
            customer = await store.find_customer(conn, tenant_id, payer, account_id)
            setup = await store.insert_setup(conn, tenant_id, payer, account_id, customer, now, now + LOOK_EVERY)
        back = return_url.replace("{setup}", str(setup.setup_id))
        asked = MethodAsked(
            intent=setup.setup_id.hex, return_url=back, cancel_url=back, currency=currency, customer=customer,
            email=email, expires_at=now + PAGE_LIFE,
            language=Language(language) if language in list(Language) else Language.EN,
        )  # fmt: skip
        page = await (await self._psp(tenant_id, account_id)).save_method(asked, setup.key)
        async with self._tenants.tenant(tenant_id) as conn:
            await store.open_setup(conn, tenant_id, setup.setup_id, page.reference, page.url)
            found = await store.find_setup(conn, tenant_id, setup.setup_id)
        assert found is not None
        return found

    async def returned(self, tenant_id: int, payer: str, setup_id: UUID) -> Setup:
        """Somebody came back from their page: what became of it, as the provider says it now. Twice is once. Raises
        SetupUnknown for anybody else's, and as the port does."""
        async with self._tenants.tenant(tenant_id) as conn:
            setup = await store.find_setup(conn, tenant_id, setup_id)
        if setup is None or setup.payer != payer:
            raise SetupUnknown
        return await self._look(tenant_id, setup)

    async def close_pages(self, tenant_id: int, payer: str) -> None:
        """Nobody leaves a card of this payer any more: pages that wait are closed, as far as the provider can be
        asked now. One that can't is open for the rest of its hour, and what is left there is kept nowhere."""
        async with self._tenants.tenant(tenant_id) as conn:
            pages = await store.list_open(conn, tenant_id, payer)
        for page in pages:
            if page.reference is not None:
                with suppress(ProviderError):
                    psp = await self._psp(tenant_id, page.account_id)
                    await psp.cancel(page.reference, f"{page.key}-close")

    async def heed(self, tenant_id: int, setup_id: UUID) -> None:
        """A provider hinted that something changed. A page that there is none of is none of ours."""
        async with self._tenants.tenant(tenant_id) as conn:
            setup = await store.find_setup(conn, tenant_id, setup_id)
        if setup is not None:
            await self._look(tenant_id, setup)

    async def drop(self, tenant_id: int, method_id: UUID) -> None:
        """Has the provider forget a card that was removed; where it is away, the next sweep asks again."""
        async with self._tenants.tenant(tenant_id) as conn:
            row = await store.find_drop(conn, tenant_id, method_id)
        if row is None:
            return
        try:
            psp = await self._psp(tenant_id, row.account_id)
            key = f"forecourt-drop-{row.method_id.hex}"
            if row.forgotten:
                await psp.drop_customer(row.customer, f"{key}-all")
            else:
                await psp.drop_method(Saved(customer=row.customer, method=row.method), key)
        except ProviderError as fault:
            log.warning("a provider has not forgotten a card yet", method=str(method_id), code=fault.code)
            return
        async with self._tenants.tenant(tenant_id) as conn:
            await store.dropped(conn, tenant_id, method_id)

    async def sweep(self, worker: Pool) -> int:
        """Looks at every page and card of which it is time; how many. `worker`: a pool of role forecourt_worker."""
        now = self._clock.now()
        async with worker.anyone() as conn:
            setups = await store.take_setups(conn, now, now + LOOK_EVERY, SWEPT_AT_ONCE)
            drops = await store.take_drops(conn, now, now + DROP_EVERY, SWEPT_AT_ONCE)
        for tenant_id, setup_id in setups:
            try:
                await self.heed(tenant_id, setup_id)
            except ProviderError as fault:
                log.warning("a page for a card could not be looked at", setup=str(setup_id), code=fault.code)
        for tenant_id, method_id in drops:
            await self.drop(tenant_id, method_id)
        return len(setups) + len(drops)

    async def _look(self, tenant_id: int, setup: Setup) -> Setup:
        """Asks the provider about a page that is not over, and keeps what came of it."""
        if setup.state in (SetupState.KEPT, SetupState.OVER):
            return setup
        kept = None
        if setup.reference is not None:
            kept = await (await self._psp(tenant_id, setup.account_id)).kept(setup.reference)
        async with self._tenants.tenant(tenant_id) as conn:
            held = await store.find_setup(conn, tenant_id, setup.setup_id, lock=True)
            if held is None or held.state in (SetupState.KEPT, SetupState.OVER):
                return held or setup
            await self._keep(conn, tenant_id, held, kept)
            found = await store.find_setup(conn, tenant_id, setup.setup_id)
        assert found is not None
        return found

    async def _keep(self, conn: store.Connection, tenant_id: int, setup: Setup, kept: Kept | None) -> None:
        now = self._clock.now()
        if kept is not None and kept.saved is not None:
            await store.insert_method(conn, tenant_id, setup.payer, setup.account_id, kept.saved, kept.card, now)
            method_id = await store.find_kept(conn, tenant_id, setup.account_id, kept.saved.method)
            await store.end_setup(conn, tenant_id, setup.setup_id, SetupState.KEPT, now, method_id)
        elif (kept is not None and not kept.open) or setup.created_at + GIVEN_UP_AFTER <= now:
            await store.end_setup(conn, tenant_id, setup.setup_id, SetupState.OVER, now)

    async def _psp(self, tenant_id: int, account_id: UUID) -> Psp:
        async with self._tenants.tenant(tenant_id) as conn:
            row = await find_account(conn, tenant_id, account_id)
        assert row is not None, "accounts stay"
        return await self._providers.of_account(row)
