"""The verbs of card readers: saying where one stands, looking at it, and having it ask for a card."""

from contextlib import suppress
from uuid import UUID

from msgspec import Struct

from forecourt.access import Actor, audit
from forecourt.payments.accounts.service import Providers
from forecourt.payments.accounts.store import find_account
from forecourt.payments.hosts.store.hosts import find_sites, find_station
from forecourt.payments.intents.beginning import Begin
from forecourt.payments.intents.model import Intent, Method
from forecourt.payments.intents.service import Payments
from forecourt.payments.psp import Psp
from forecourt.payments.psp.errors import ProviderAway, ProviderRefused, ProviderUnknown
from forecourt.payments.psp.words import Reader
from forecourt.payments.readers import store
from forecourt.payments.readers.model import (
    MAX_READERS,
    CardReader,
    ElsewhereStation,
    NothingAsked,
    ReaderRefused,
    ReaderTaken,
    ReaderUnknown,
    TooManyReaders,
)
from forecourt.payments.readers.store import Place
from forecourt.platform.clock import Clock
from forecourt.platform.database import Pool


class ReaderSaid(Struct, frozen=True, kw_only=True):
    """What an operator says of a card reader."""

    name: str
    reference: str
    site: str
    station: str | None = None


class Readers:
    """The verbs, for the life of a process. `tenants` is a pool of role forecourt_app."""

    def __init__(self, tenants: Pool, providers: Providers, clock: Clock, payments: Payments) -> None:
        self._tenants = tenants
        self._providers = providers
        self._clock = clock
        self._payments = payments

    async def every(self, tenant_id: int) -> list[CardReader]:
        """Every card reader, by name."""
        async with self._tenants.tenant(tenant_id) as conn:
            return await store.list_readers(conn, tenant_id)

    async def find(self, tenant_id: int, reader_id: UUID) -> CardReader:
        """The reader of this id. Raises ReaderUnknown."""
        async with self._tenants.tenant(tenant_id) as conn:
            found = await store.find_reader(conn, tenant_id, reader_id)
        if found is None:
            raise ReaderUnknown
        return found

    async def add(self, actor: Actor, said: ReaderSaid) -> CardReader:
        """Says where a reader of the account that new payments go to stands; the provider must know it.

        Raises ReaderRefused, ReaderTaken, TooManyReaders, AccountMissing, ProviderAway.
        """
        async with self._tenants.tenant(actor.tenant_id) as conn:
            account = await self._providers.choose(conn, actor.tenant_id)
        try:
            await (await self._providers.of_account(account)).reader(said.reference)
        except ProviderUnknown:
            raise ReaderRefused(
                f"The payment provider knows no card reader {said.reference} in the account {account.name}."
            ) from None
        async with self._tenants.tenant(actor.tenant_id) as conn:
            if await store.count_readers(conn, actor.tenant_id) >= MAX_READERS:
                raise TooManyReaders
            site_id = (await find_sites(conn, actor.tenant_id, [said.site])).get(said.site)
            if site_id is None:
                raise ReaderRefused(f"There is no site {said.site}. `GET /api/v1/sites` lists those that exist.")
            station_id = None
            if said.station is not None:
                station_id = await find_station(conn, actor.tenant_id, said.station, site_id)
                if station_id is None:
                    raise ReaderRefused(f"There is no station {said.station} at the site {said.site}, or below it.")
            made = await store.insert_reader(
                conn, actor.tenant_id, account_id=account.account_id, reference=said.reference, name=said.name,
                site_id=site_id, station_id=station_id, at=self._clock.now(),
            )  # fmt: skip
            if made is None:
                raise ReaderTaken
            detail = {"reference": said.reference, "site": said.site, "station": said.station}
            await audit(conn, actor, "add card reader", f"card_reader:{said.name}", detail)
            found = await store.find_reader(conn, actor.tenant_id, made)
        assert found is not None
        return found

    async def remove(self, actor: Actor, reader_id: UUID) -> None:
        """A reader stands there no more. What it asks for now is given up. Raises ReaderUnknown."""
        reader = await self.find(actor.tenant_id, reader_id)
        with suppress(NothingAsked):
            await self.cancel(actor.tenant_id, reader_id)
        async with self._tenants.tenant(actor.tenant_id) as conn:
            if not await store.remove_reader(conn, actor.tenant_id, reader_id, self._clock.now()):
                raise ReaderUnknown
            await audit(conn, actor, "remove card reader", f"card_reader:{reader.name}", {"site": reader.site})

    async def look(self, tenant_id: int, reader: CardReader) -> Reader | None:
        """A reader as its provider sees it now; None where that can't be told."""
        try:
            return await (await self._psp(tenant_id, reader)).reader(reader.reference)
        except (ProviderAway, ProviderRefused):
            return None

    async def places(self, tenant_id: int, reader: CardReader) -> list[Place]:
        """The EVSEs that a reader serves."""
        async with self._tenants.tenant(tenant_id) as conn:
            return await store.list_places(conn, tenant_id, reader)

    async def start(
        self, actor: Actor, reader_id: UUID, station: str, evse: int, *, return_url: str, language: str = "en"
    ) -> Intent:
        """Has a reader ask for a card for a session at an EVSE; once the card is held the station is asked to start.

        The payment that comes back may have failed already: where the reader is not connected or is busy its `reason`
        says so, and nothing is held. Raises ReaderUnknown, ElsewhereStation, and as `Payments.begin` does.
        """
        reader = await self.find(actor.tenant_id, reader_id)
        async with self._tenants.tenant(actor.tenant_id) as conn:
            if not await store.serves(conn, actor.tenant_id, reader, station):
                raise ElsewhereStation
            detail = {"station": station, "evse": evse}
            await audit(conn, actor, "start at card reader", f"card_reader:{reader.name}", detail)
        asked = Begin(
            station=station, evse=evse, return_url=return_url, language=language, method=Method.READER,
            description=f"{station}, EVSE {evse}", reader=reader.reference, account_id=reader.account_id,
        )  # fmt: skip
        return await self._payments.begin(actor.tenant_id, asked)

    async def asked(self, tenant_id: int, reader: CardReader) -> UUID | None:
        """The payment that a reader asks a card for, as far as we know."""
        async with self._tenants.tenant(tenant_id) as conn:
            return await store.find_asked(conn, tenant_id, reader.account_id, reader.reference)

    async def cancel(self, tenant_id: int, reader_id: UUID) -> Intent:
        """Gives up what a reader asks for. Raises ReaderUnknown, NothingAsked."""
        reader = await self.find(tenant_id, reader_id)
        intent_id = await self.asked(tenant_id, reader)
        if intent_id is None:
            raise NothingAsked
        return await self._payments.abandon(tenant_id, intent_id)

    async def _psp(self, tenant_id: int, reader: CardReader) -> Psp:
        async with self._tenants.tenant(tenant_id) as conn:
            row = await find_account(conn, tenant_id, reader.account_id)
        assert row is not None, "accounts stay"
        return await self._providers.of_account(row)
