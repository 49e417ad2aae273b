"""The verbs of a driver's way: look at a place, begin to pay, come back, watch, stop, say when to leave.

Each finds out first whose station or payment it is, and then acts for that organisation and within it alone.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Protocol
from uuid import UUID

import structlog

from forecourt.driver import store
from forecourt.driver.gates import Gates
from forecourt.driver.model import (
    BEGUN,
    LAST,
    PAID,
    UNPAID,
    Box,
    NotRunning,
    PlaceUnknown,
    Stage,
    stage_of,
)
from forecourt.driver.scans import Scans
from forecourt.driver.store import Brand, FoundSpot, Spot
from forecourt.driver.waiting.service import WaitingLists
from forecourt.driver.waiting.store import site_of_station
from forecourt.driver.way import Leaving, Seller, Shown, Way
from forecourt.drivers.accounts.model import Driver
from forecourt.drivers.fleets.service import priced_for
from forecourt.loyalty.promising import Promises
from forecourt.payments.accounts.store import find_account
from forecourt.payments.debts.store import NOTHING, find_late, list_payers
from forecourt.payments.disputes.store import list_disputes
from forecourt.payments.fleets.store.invoices import find_seller
from forecourt.payments.intents.beginning import Begin
from forecourt.payments.intents.charging import Charging
from forecourt.payments.intents.errors import NothingOwed, PaymentUnknown, PriceMissing
from forecourt.payments.intents.model import Intent
from forecourt.payments.intents.prices import Offer
from forecourt.payments.intents.service import Payments
from forecourt.payments.receipts.model import Numbered
from forecourt.payments.receipts.store import find_numbered
from forecourt.platform import outbox
from forecourt.platform.clock import Clock
from forecourt.platform.database import Pool
from forecourt.platform.ordering import Place
from forecourt.pricing.discounts import Discounts, no_discounts
from forecourt.pricing.display import Line, PriceLaw, display, law_of
from forecourt.sessions.costing.service import cost_of
from forecourt.sessions.reserving.model import Reservation
from forecourt.sessions.reserving.store import find_open
from forecourt.sessions.signed.store import find_signature

log = structlog.get_logger(__name__)


class Departure(Protocol):
    """When a session's car leaves, and when it will be ready; wired in app to smart charging."""

    async def ready_at(self, tenant_id: int, session_id: UUID, /) -> Leaving | None:
        """What is planned for a session; None where nothing is."""
        ...

    async def leave_at(self, tenant_id: int, session_id: UUID, at: datetime, /) -> None:
        """The driver says when he leaves, and nothing else. Raises SessionUnknown, NeedsRefused, NeedsOver."""
        ...


class Ways:
    """The verbs, for the life of a process. `tenants` is a pool of role forecourt_app."""

    def __init__(
        self,
        tenants: Pool,
        payments: Payments,
        charging: Charging,
        clock: Clock,
        gates: Gates,
        departure: Departure | None = None,
        waiting: WaitingLists | None = None,
        *,
        scans: Scans,
        discounts: Discounts = no_discounts,
    ) -> None:
        self._tenants = tenants
        self._payments = payments
        self._charging = charging
        self._clock = clock
        self._gates = gates
        self._departure = departure
        self._waiting = waiting
        self.scans = scans
        self._discounts = discounts
        self.promises = Promises(tenants, clock)

    async def look(
        self, station: str, evse: int, *, place_id: UUID | None = None, driver: Driver | None = None
    ) -> Shown:
        """What a driver sees who stands at an EVSE; `place_id`, `driver`: who may have waited for it. Raises
        PlaceUnknown."""
        async with self._tenants.anyone() as conn:
            tenant_id = await store.tenant_of_station(conn, station)
        if tenant_id is None:
            raise PlaceUnknown
        async with self._tenants.tenant(tenant_id) as conn:
            spot = await store.find_spot(conn, tenant_id, station, evse)
            brand = await store.find_brand(conn, tenant_id)
        if spot is None:
            raise PlaceUnknown
        law = law_of(spot.country)
        driver_id = None if driver is None or driver.tenant_id != tenant_id else driver.driver_id
        held = await self._held(tenant_id, spot)
        own = held is not None and held.reservation_id == await self.reservation_of(tenant_id, place_id, driver)
        until = None if held is None else held.until_at
        in_use = await self._payments.in_use(tenant_id, spot.station_id, evse)
        being_paid = not in_use and await self._payments.being_paid(tenant_id, spot.station_id, evse)
        try:
            quoted = await self._payments.quote(tenant_id, station, evse, driver_id=driver_id)
        except PriceMissing:
            return Shown(tenant_id=tenant_id, brand=brand, spot=spot, law=law, held_until=until, own=own)
        ordinary, member_of = await self._beside(tenant_id, station, evse, driver_id, quoted.offer, law)
        tariff = quoted.offer.tariff
        lines = display(tariff, law, quoted.offer.circumstances)
        return Shown(
            tenant_id=tenant_id, brand=brand, spot=spot, law=law, lines=lines, tariff=tariff, hold=quoted.hold,
            price_id=quoted.offer.price_id,
            ordinary=ordinary, member_of=member_of, held_until=until, own=own, in_use=in_use, being_paid=being_paid,
        )  # fmt: skip

    async def _beside(
        self, tenant_id: int, station: str, evse: int, driver_id: int | None, own: Offer, law: PriceLaw
    ) -> tuple[tuple[Line, ...], str | None]:
        """What anybody pays where a driver pays something else, and the membership by which that is."""
        if driver_id is None:
            return (), None
        try:
            usual = (await self._payments.quote(tenant_id, station, evse)).offer
        except PriceMissing:
            usual = None
        if usual is not None and (usual.tariff_id, usual.version) == (own.tariff_id, own.version):
            return (), None
        title = None
        if own.subscription is not None:
            async with self._tenants.tenant(tenant_id) as conn:
                title = (await priced_for(conn, tenant_id, driver_id, self._clock.now())).title
        return () if usual is None else display(usual.tariff, law, usual.circumstances), title

    async def _held(self, tenant_id: int, spot: Spot) -> Reservation | None:
        """For whom an EVSE is held; what is free now is given to whoever waits first."""
        async with self._tenants.tenant(tenant_id) as conn:
            site_id = await site_of_station(conn, tenant_id, spot.station_id)
        if self._waiting is not None and site_id is not None:
            await self._waiting.serving.serve(tenant_id, site_id)
        async with self._tenants.tenant(tenant_id) as conn:
            held = await find_open(conn, tenant_id, spot.station_id, spot.evse)
        return held if held is not None and held.holds_at(self._clock.now()) else None

    async def reservation_of(self, tenant_id: int, place_id: UUID | None, driver: Driver | None) -> UUID | None:
        """What is held for a place in a waiting list, or for a driver."""
        if self._waiting is None or (place_id is None and driver is None):
            return None
        return await self._waiting.reservation_of(tenant_id, place_id=place_id, driver=driver)

    async def begin(
        self,
        station: str,
        evse: int,
        *,
        return_to: Callable[[Brand], str],
        language: str,
        description: str,
        address: str,
        place_id: UUID | None = None,
        ticket: str | None = None,
        voucher: str | None = None,
        price_id: str | None = None,
    ) -> Intent:
        """Begins to pay at an EVSE; the driver is led to the provider's page. `address`: of the client, `place_id`: in
        a waiting list, if the connector is held for it; `ticket`: of a code that he scanned, which is used by this;
        `voucher`: a code that he entered; `price_id`: of what he was shown. Raises CodeStale, and as `Payments.begin`
        and `Promises.kept` do."""
        shown = await self.look(station, evse, place_id=place_id)
        scanned = None if ticket is None else await self.scans.use(ticket, evse, shown.spot.station_id)
        await self._gates.make_way(shown.tenant_id, station, evse, address)
        reservation_id = await self.reservation_of(shown.tenant_id, place_id, None)
        async with self.promises.kept(shown.tenant_id, station, evse, code=voucher) as token:
            asked = Begin(
                station=station, evse=evse, return_url=return_to(shown.brand), language=language,
                description=description, reservation_id=reservation_id, token_uid=token, price_id=price_id,
                max_energy_wh=None if scanned is None else scanned.max_energy_wh,
                intent_id=None if scanned is None else scanned.payment,
            )  # fmt: skip
            intent = await self._payments.begin(shown.tenant_id, asked)
        await self._gates.note(shown.tenant_id, intent.intent_id, station, evse, address)
        if scanned is not None:
            # He stands before it: nobody else could have scanned, so nobody far away can block its display.
            async with self._tenants.tenant(shown.tenant_id) as conn:
                await outbox.write(conn, shown.tenant_id, BEGUN, str(intent.intent_id))
        return intent

    def now(self) -> datetime:
        """By the clock that ways go by."""
        return self._clock.now()

    async def find(self, intent_id: UUID) -> Way:
        """How far a driver is. Raises PaymentUnknown."""
        tenant_id = await self._tenant_of(intent_id)
        return await self._way(tenant_id, await self._payments.find(tenant_id, intent_id))

    async def returned(self, intent_id: UUID) -> Way:
        """The driver came back from the provider's page. Raises PaymentUnknown."""
        tenant_id = await self._tenant_of(intent_id)
        return await self._way(tenant_id, await self._payments.returned(tenant_id, intent_id))

    async def give_up(self, intent_id: UUID) -> Way:
        """The driver changed his mind: nothing is taken. Raises PaymentOver where a session runs."""
        tenant_id = await self._tenant_of(intent_id)
        return await self._way(tenant_id, await self._payments.abandon(tenant_id, intent_id))

    async def pay_owed(self, intent_id: UUID, *, return_to: Callable[[Brand], str], language: str) -> Intent:
        """Who has no account pays what is owed of a payment, on the provider's page. Raises PaymentUnknown,
        NothingOwed, AccountMissing, TriedJustNow."""
        way = await self.find(intent_id)
        if way.stage is not Stage.OWED:
            raise NothingOwed
        return await self._payments.pay_debt_of(
            way.tenant_id, intent_id, return_url=return_to(way.brand), language=language
        )

    async def stop(self, intent_id: UUID) -> Way:
        """The driver is done. Raises PaymentOver where no session runs, and what the station answered."""
        tenant_id = await self._tenant_of(intent_id)
        await self._charging.stop(tenant_id, intent_id)
        return await self.find(intent_id)

    async def leave_at(self, intent_id: UUID, at: datetime) -> Way:
        """The driver says when he leaves. Raises NotRunning, NeedsRefused."""
        way = await self.find(intent_id)
        if way.leaving is None or way.intent.session_id is None or self._departure is None or way.stage in LAST:
            raise NotRunning
        await self._departure.leave_at(way.tenant_id, way.intent.session_id, at)
        return await self.find(intent_id)

    async def spots(
        self, slug: str, host: str, *, box: Box | None = None, place: Place = None, limit: int
    ) -> tuple[Brand, list[FoundSpot], int]:
        """The places of an organisation that can be found, in a box of the map if one is said, behind one, and
        whose they are. Raises PlaceUnknown."""
        async with self._tenants.anyone() as conn:
            tenant_id = await store.tenant_of_brand(conn, slug, host)
        if tenant_id is None:
            raise PlaceUnknown
        async with self._tenants.tenant(tenant_id) as conn:
            return (
                await store.find_brand(conn, tenant_id),
                await store.list_spots(conn, tenant_id, box=box, place=place, limit=limit),
                tenant_id,
            )

    async def only_brand(self) -> str | None:
        """The name of the only organisation with pages, where there is one."""
        async with self._tenants.anyone() as conn:
            return await store.only_brand(conn)

    async def set_email(self, way: Way, email: str) -> None:
        """Where the receipt goes."""
        async with self._tenants.tenant(way.tenant_id) as conn:
            await store.set_email(conn, way.tenant_id, way.intent.intent_id, email)

    async def _tenant_of(self, intent_id: UUID) -> int:
        async with self._tenants.anyone() as conn:
            tenant_id = await store.tenant_of_payment(conn, intent_id)
        if tenant_id is None:
            raise PaymentUnknown
        return tenant_id

    async def _way(self, tenant_id: int, intent: Intent) -> Way:
        running = cost = signed = plug_until = spot = None
        async with self._tenants.tenant(tenant_id) as conn:
            brand = await store.find_brand(conn, tenant_id)
            if intent.station is not None and intent.evse is not None:
                spot = await store.find_spot(conn, tenant_id, intent.station, intent.evse)
            if intent.session_id is not None:
                running = await store.find_running(conn, tenant_id, intent.session_id)
                cost = await cost_of(conn, tenant_id, intent.session_id, self._clock.now(), self._discounts)
                signed = await find_signature(conn, tenant_id, intent.session_id)
            paid_late = refunded_late = owed_again = 0
            short = intent.state in UNPAID or (intent.billed_amount or 0) > intent.captured_amount
            if short and intent.session_id is not None:
                payers = await list_payers(conn, tenant_id, str(intent.intent_id))
                paid_late = sum(amount for _, amount, _ in payers)
                late = (await find_late(conn, tenant_id, [intent.intent_id])).get(intent.intent_id, NOTHING)
                refunded_late, owed_again = late.refunded, late.owed_again
            account = None
            if intent.account_id is not None and (intent.captured_amount or paid_late):
                account = await find_account(conn, tenant_id, intent.account_id)
            if intent.session_id is None and intent.token_uid is not None:
                plug_until = await store.start_expires(conn, tenant_id, intent.token_uid)
        stage = stage_of(intent, running, plug_until, paid_late, owed_again)
        issuer, issued_at, taken_back = None, None, 0
        numbered = Numbered()
        if stage in PAID:
            async with self._tenants.tenant(tenant_id) as conn:
                said = await find_seller(conn, tenant_id)
                issuer = None if said is None else said[0]
                issued_at = await store.paid_at(conn, tenant_id, intent.intent_id)
                numbered = await find_numbered(conn, tenant_id, intent.intent_id)
                disputes = await list_disputes(conn, tenant_id, intent.intent_id)
                taken_back = sum(each.amount for each in disputes if each.lost)
        leaving = None
        if self._departure is not None and intent.session_id is not None and stage not in LAST:
            leaving = await self._departure.ready_at(tenant_id, intent.session_id)
        return Way(
            tenant_id=tenant_id,
            brand=brand,
            intent=intent,
            stage=stage,
            spot=spot,
            running=running,
            cost=cost,
            plug_until=plug_until,
            leaving=leaving,
            signed=signed,
            seller=Seller() if account is None else Seller(name=account.merchant, statement=account.statement),
            paid_late=paid_late,
            taken_back=taken_back,
            refunded_late=refunded_late,
            owed_again=owed_again,
            issuer=issuer,
            issued_at=issued_at,
            numbered=numbered,
        )
