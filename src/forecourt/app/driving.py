"""What the driver's way is made of, out of the rooms that it spans."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final
from uuid import UUID

from msgspec import structs

from forecourt.access.model import Service
from forecourt.app.paying import prices_of
from forecourt.driver.account.letters import DriverLetters
from forecourt.driver.account.service import Members
from forecourt.driver.gates import Gates
from forecourt.driver.model import HeldBack
from forecourt.driver.scans import Scans
from forecourt.driver.service import Ways
from forecourt.driver.waiting.letters import TurnLetters
from forecourt.driver.waiting.service import WaitingLists
from forecourt.driver.waiting.serving import Serving
from forecourt.driver.way import Leaving
from forecourt.drivers.accounts.entry import Entry
from forecourt.drivers.accounts.providers import DriverProviders
from forecourt.energy.explained.session import Explanation
from forecourt.energy.needs.model import Source, Wants
from forecourt.energy.planner.reasons import Why
from forecourt.energy.service.explained import session_told
from forecourt.energy.service.needs import change_needs, find_needs
from forecourt.energy.site import Mode, is_stale
from forecourt.loyalty.giving import Giving
from forecourt.payments.accounts.service import Providers
from forecourt.payments.intents.charging import Charging
from forecourt.payments.intents.service import Payments
from forecourt.payments.saved.service import SavedCards
from forecourt.platform.clock import Clock
from forecourt.platform.database import Pool
from forecourt.platform.settings import Settings
from forecourt.sessions.remote.service import SessionUnknown
from forecourt.stations.commands import Commander

#: Who said it, for the audit.
DRIVER: Final = "driver"


#: What drivers are told of why their cars charge as they do.
HELD_BACK: Final[Mapping[Why, HeldBack]] = {
    Why.FULL: HeldBack.FULL,
    Why.ITS_MOST: HeldBack.FAST,
    Why.ITS_NEED: HeldBack.FAST,
    Why.LIMIT: HeldBack.SITE,
    Why.GRID: HeldBack.SITE,
    Why.PEAK: HeldBack.PEAK,
    Why.PRICE: HeldBack.CHEAPER,
    Why.TURN: HeldBack.TURN,
    Why.GIVES: HeldBack.GIVES,
    Why.WORTH: HeldBack.DEAR,
    Why.LATER: HeldBack.LATER,
}


def held_back(found: Explanation) -> HeldBack | None:
    """Why a car charges as it does, as far as its driver is told."""
    if found.paused_by_car or found.by_car:
        return HeldBack.CAR
    if found.reason is None:
        return None
    why = found.reason.why
    if why is Why.ITS_MOST and found.cap is not None:
        return HeldBack.HELD
    if why is Why.LIMIT and found.shared is not None and found.shared.cars > 1:
        return HeldBack.SHARED
    if why in (Why.PRICE, Why.WORTH, Why.LATER):
        if found.mode is Mode.SOLAR:
            return HeldBack.SUN
        if found.mode is Mode.GREENEST and why is Why.PRICE:
            return HeldBack.CLEANER
        if found.mode is not Mode.CHEAPEST and why is not Why.WORTH:
            return HeldBack.LATER
    return HELD_BACK[why]


class Departures:
    """When cars leave and are ready, by smart charging. `tenants` is a pool of role forecourt_app."""

    def __init__(self, tenants: Pool, clock: Clock) -> None:
        self._tenants = tenants
        self._clock = clock

    async def ready_at(self, tenant_id: int, session_id: UUID) -> Leaving | None:
        """What is planned for a session; None where its site isn't charged smartly, or no plan knows of it yet."""
        async with self._tenants.tenant(tenant_id) as conn:
            try:
                told = await session_told(conn, tenant_id, session_id, self._clock.now())
            except SessionUnknown:
                return None
            if told is None:
                return None
            said = await find_needs(conn, tenant_id, session_id)
        found, said_at = told.explanation, said.wants.departure_at
        is_said = said_at is not None and said.sources.get("departure_at") is Source.DRIVER
        if found is None or is_stale(found.planned_at, told.at):
            return Leaving(departure_at=said_at if is_said else None, ready_at=None, is_said=is_said)
        waits = found.limit_ma == 0 and not found.gives_w and not found.paused_by_car and bool(found.lacks_wh)
        if is_said and said.departure_at != found.departure_said_at:
            # It was said only just now.
            return Leaving(departure_at=said_at, ready_at=None, is_said=True, is_being_planned=True, waits=waits)
        lacks_wh = found.unserved_wh or 0
        return Leaving(
            departure_at=said_at if is_said else found.stay.leaves_at,
            ready_at=found.ready_at,
            why=held_back(found),
            is_said=is_said,
            by_then_wh=None if found.unserved_wh is None else found.stay.takes_wh - lacks_wh,
            lacks_wh=lacks_wh if found.falls_short else 0,
            waits=waits,
            turn_at=found.turn_at,
        )

    async def leave_at(self, tenant_id: int, session_id: UUID, at: datetime) -> None:
        """What the driver says counts; what else was said for the driver stays, but that nothing is needed later than
        that. Raises SessionUnknown, NeedsRefused, NeedsOver."""
        async with self._tenants.tenant(tenant_id) as conn:
            who = Service(tenant_id=tenant_id, id=DRIVER, name="Driver")
            await change_needs(
                conn,
                who,
                session_id,
                Source.DRIVER,
                lambda before: _leaving(before, at),
                self._clock.now(),
            )


def _leaving(wants: Wants, at: datetime) -> Wants:
    by = wants.minimum_by
    return structs.replace(wants, departure_at=at, minimum_by=None if by is None else min(by, at))


def serving_of(settings: Settings, tenants: Pool, clock: Clock) -> Serving:
    """Who gives turns in waiting lists. `tenants` is a pool of role forecourt_app."""
    return Serving(tenants, clock, TurnLetters(settings.console_url))


def lists_of(settings: Settings, tenants: Pool, clock: Clock) -> WaitingLists:
    """Waiting lists. `tenants` is a pool of role forecourt_app."""
    return WaitingLists(tenants, clock, settings.secret(), serving_of(settings, tenants, clock))


def members_of(settings: Settings, tenants: Pool, clock: Clock, providers: Providers, ways: Ways) -> Members:
    """Drivers' accounts. `tenants` is a pool of role forecourt_app."""
    secret = settings.secret()
    entry = Entry(tenants, secret, clock, DriverLetters(settings.console_url))
    payments, lists = Payments(tenants, providers, clock, prices_of(clock)), lists_of(settings, tenants, clock)
    cards = SavedCards(tenants, providers, clock)
    return Members(tenants, clock, secret, entry, payments, ways, cards, lists)


def driver_providers_of(settings: Settings, tenants: Pool, clock: Clock) -> DriverProviders:
    """Signing in of drivers by their organisation's provider. `tenants` is a pool of role forecourt_app."""
    secret = settings.secret()
    entry = Entry(tenants, secret, clock, DriverLetters(settings.console_url))
    return DriverProviders(tenants, secret, clock, entry, private=settings.oidc_private)


def ways_of(settings: Settings, tenants: Pool, clock: Clock, commander: Commander, providers: Providers) -> Ways:
    """The driver's way. `tenants` is a pool of role forecourt_app."""
    prices = prices_of(clock)
    payments = Payments(tenants, providers, clock, prices)
    charging = Charging(tenants, commander, clock, payments.saga, prices)
    gates = Gates(tenants, payments, clock, settings.secret())
    lists, scans = lists_of(settings, tenants, clock), Scans(tenants, clock, settings.secret())
    return Ways(
        tenants,
        payments,
        charging,
        clock,
        gates,
        Departures(tenants, clock),
        lists,
        scans=scans,
        discounts=Giving(clock),
    )
