"""Whose turn it is: the one place where connectors are given to those who wait.

It is asked for by everybody who looks: a driver's page, the worker, an event. All of it happens under a lock of the
site, and each connector is looked at again once nobody else can pay there: two who look give one connector once.
"""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import structlog

from forecourt.driver.waiting import store
from forecourt.driver.waiting.letters import Tells
from forecourt.driver.waiting.model import LONGEST_WAIT, FreeSpot, PlaceState, Policy, Waiting, turns
from forecourt.driver.waiting.store import Connection, Held
from forecourt.ocpp.neutral import Token
from forecourt.payments.intents.service import new_token
from forecourt.payments.intents.store.places import hold_connector
from forecourt.platform.clock import Clock
from forecourt.platform.database import Pool, limited_to
from forecourt.sessions.reserving import service as reserving
from forecourt.sessions.reserving.model import How

log = structlog.get_logger(__name__)

#: The type of a token that nobody but the station and we know.
CENTRAL = "Central"


class Serving:
    """Gives turns. `tenants` is a pool of role forecourt_app."""

    def __init__(self, tenants: Pool, clock: Clock, tells: Tells) -> None:
        self._tenants = tenants
        self._clock = clock
        self._tells = tells

    async def serve(self, tenant_id: int, site_id: int) -> int:
        """Ends what is over at a site and gives the turns that there are; how many were given. Nothing is locked where
        there is nothing to do."""
        now = self._clock.now()
        # Whoever looks sees perhaps a part only; what is free is a matter of the whole.
        with limited_to(None):
            async with self._tenants.tenant(tenant_id) as conn:
                if not await _is_due(conn, tenant_id, site_id, now):
                    return 0
            async with self._tenants.tenant(tenant_id) as conn:
                await store.hold_site(conn, site_id)
                return await self.serve_held(conn, tenant_id, site_id)

    async def serve_held(self, conn: Connection, tenant_id: int, site_id: int) -> int:
        """As `serve`, in a transaction that holds the site."""
        now = self._clock.now()
        for held in await store.list_held(conn, tenant_id, site_id, now):
            await self._look_at(conn, tenant_id, site_id, held, now)
        waiting = await store.list_open(conn, tenant_id, site_id)
        for each in waiting:
            if each.state is PlaceState.WAITING and each.joined_at + LONGEST_WAIT <= now:
                await end_place(conn, tenant_id, each.place_id, PlaceState.EXPIRED, now)
        waiting = [each for each in waiting if each.joined_at + LONGEST_WAIT > now]
        if not any(each.ready(now) for each in waiting):
            return 0
        policies = await store.list_policies(conn, tenant_id, site_id)
        free = await store.list_free(conn, tenant_id, site_id)
        given = 0
        for place, spot, policy in turns(waiting, free, policies, now):
            given += await self._give(conn, tenant_id, place, spot, policy, now)
        return given

    async def _look_at(self, conn: Connection, tenant_id: int, site_id: int, held: Held, now: datetime) -> None:
        """Ends a hold that is used, over, or of no use any more."""
        if _over(held, now) is None:
            return
        # Whoever pays there takes the connector first and its hold then. So do we, and see what they did meanwhile.
        await hold_connector(conn, held.station_id, held.evse)
        for each in await store.list_held(conn, tenant_id, site_id, now):
            how = _over(each, now) if each.place_id == held.place_id else None
            if how is not None:
                await reserving.let_go(conn, tenant_id, each.reservation_id, how, now)
                await self.settle(conn, tenant_id, each.place_id, how, now)

    async def settle(self, conn: Connection, tenant_id: int, place_id: UUID, how: How, now: datetime) -> None:
        """What the end of a hold makes of the place that it was for. One whose connector failed keeps its turn."""
        match how:
            case How.USED:
                await end_place(conn, tenant_id, place_id, PlaceState.SERVED, now)
            case How.LAPSED:
                await end_place(conn, tenant_id, place_id, PlaceState.EXPIRED, now)
            case How.UNUSABLE:
                await wait_again(conn, tenant_id, place_id, said="unusable")
            case How.RELEASED:
                await wait_again(conn, tenant_id, place_id)

    async def _give(
        self, conn: Connection, tenant_id: int, place: Waiting, spot: FreeSpot, policy: Policy, now: datetime
    ) -> bool:
        """Holds a connector for whose turn it is, and tells them; False where somebody was quicker there."""
        await hold_connector(conn, spot.station_id, spot.evse)
        if not await store.still_free(conn, tenant_id, place.site_id, spot):
            return False
        cards = []
        if place.driver_id is not None:
            cards = await store.tokens_of_driver(conn, tenant_id, place.driver_id)
        # A driver's own card starts there by itself; else the station keeps it for a token that nobody else knows.
        uid, kind = cards[0] if cards else (new_token(), CENTRAL)
        reservation_id = await reserving.hold(
            conn, tenant_id, spot.station_id, spot.evse, token=Token(uid, kind), others=[each for each, _ in cards],
            now=now, until=now + timedelta(minutes=policy.hold_minutes),
        )  # fmt: skip
        if reservation_id is None:
            return False
        changes: dict[str, Any] = {"state": PlaceState.HELD.value, "reservation_id": reservation_id, "said": None}
        await store.change_place(conn, tenant_id, place.place_id, changes)
        site = await store.find_site(conn, tenant_id, place.site_id)
        held = await store.find_held_at(conn, tenant_id, reservation_id)
        if site is not None and held is not None:
            await self._tells.turn(conn, tenant_id, place, site, held)
        log.info("a connector is held for who waits", station=spot.station, evse=spot.evse, place=place.number)
        return True


def _over(held: Held, now: datetime) -> How | None:
    """Why a hold is over, or ends now. What was paid for is its driver's by the payment from there on."""
    if held.ended:
        return How(held.how or How.RELEASED)
    if held.paid:
        return None
    if not held.usable:
        return How.UNUSABLE
    return How.LAPSED if held.until_at <= now else None


async def end_place(conn: Connection, tenant_id: int, place_id: UUID, state: PlaceState, now: datetime) -> None:
    """A place is over: what it knew of somebody is forgotten with it."""
    await store.change_place(
        conn, tenant_id, place_id,
        {"state": state.value, "ended_at": now, "email": None, "address": None, "not_before": None},
    )  # fmt: skip


async def wait_again(conn: Connection, tenant_id: int, place_id: UUID, **changes: Any) -> None:
    """A place whose turn came to nothing waits where it was."""
    await store.change_place(
        conn, tenant_id, place_id, {"state": PlaceState.WAITING.value, "reservation_id": None, **changes}
    )


async def _is_due(conn: Connection, tenant_id: int, site_id: int, now: datetime) -> bool:
    """Whether anything may be over, or given."""
    if any(_over(held, now) is not None for held in await store.list_held(conn, tenant_id, site_id, now)):
        return True
    waiting = await store.list_open(conn, tenant_id, site_id)
    if any(each.state is PlaceState.WAITING and each.joined_at + LONGEST_WAIT <= now for each in waiting):
        return True
    return any(each.ready(now) for each in waiting) and bool(await store.list_free(conn, tenant_id, site_id))
