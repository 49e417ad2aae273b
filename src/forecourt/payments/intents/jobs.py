"""What follows from events: each idempotent, and done by the sweeper as well should it fail."""

from datetime import timedelta
from typing import Final
from uuid import UUID

from forecourt.drivers import adhoc
from forecourt.payments.intents.charging import Charging
from forecourt.payments.intents.errors import PaymentUnknown
from forecourt.payments.intents.saga import Saga
from forecourt.payments.intents.store.story import forget_hooks
from forecourt.payments.saved.service import SavedCards
from forecourt.payments.saved.store import forget_ended
from forecourt.platform.clock import Clock
from forecourt.platform.database import Pool
from forecourt.sessions.told import limits

#: Webhooks are kept for so long.
KEEP_HOOKS: Final = timedelta(days=90)
#: And ad hoc tokens: a station that was offline may tell of their sessions late.
KEEP_TOKENS: Final = timedelta(days=90)
#: And pages on which cards were left: until then who comes back to one is told what came of it.
KEEP_PAGES: Final = timedelta(days=30)
FORGOTTEN_AT_ONCE: Final = 5_000


class PaymentJobs:
    """Durable follow-up work. `pool` is of role forecourt_worker."""

    def __init__(self, pool: Pool, clock: Clock, saga: Saga, charging: Charging, cards: SavedCards) -> None:
        self._worker = pool
        self._clock = clock
        self._saga = saga
        self._charging = charging
        self._cards = cards

    async def authorised(self, *, tenant_id: int, subject: str) -> None:
        """The money is held: the session is started."""
        await self._charging.start(tenant_id, UUID(subject))

    async def hinted(self, *, tenant_id: int, subject: str) -> None:
        """A provider hinted at something: a payment, or a page on which a card is left."""
        try:
            await self._saga.heed(tenant_id, UUID(subject))
        except PaymentUnknown:
            await self._cards.heed(tenant_id, UUID(subject))

    async def tend_cards(self) -> None:
        """Looks at pages on which cards are left, and has providers forget what was removed."""
        await self._cards.sweep(self._worker)

    async def linked(self, *, tenant_id: int, subject: str) -> None:
        """A remote start became a session."""
        await self._charging.linked(tenant_id, UUID(subject))

    async def start_over(self, *, tenant_id: int, subject: str) -> None:
        """A remote start came to nothing."""
        await self._charging.start_over(tenant_id, UUID(subject))

    async def priced(self, *, tenant_id: int, subject: str) -> None:
        """A session has its final price."""
        await self._saga.priced(tenant_id, UUID(subject))

    async def tidy(self) -> int:
        """Forgets old webhooks, tokens and limits of sessions that are long over, and old pages for cards; how many
        webhooks."""
        async with self._worker.anyone() as conn:
            await adhoc.forget(conn, self._clock.now() - KEEP_TOKENS, FORGOTTEN_AT_ONCE)
            await forget_ended(conn, self._clock.now() - KEEP_PAGES, FORGOTTEN_AT_ONCE)
            await limits.forget(conn, self._clock.now())
        forgotten = 0
        before = self._clock.now() - KEEP_HOOKS
        while True:
            async with self._worker.anyone() as conn:
                number = await forget_hooks(conn, before, FORGOTTEN_AT_ONCE)
            forgotten += number
            if number < FORGOTTEN_AT_ONCE:
                return forgotten
