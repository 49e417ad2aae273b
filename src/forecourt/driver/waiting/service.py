"""The verbs of a waiting list: look, join, see where one stands, snooze, leave; and the operator's."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from msgspec import Struct, structs

from forecourt.access import Actor, audit
from forecourt.driver import store as pages
from forecourt.driver.gates import who_of
from forecourt.driver.model import PlaceUnknown
from forecourt.driver.store import Brand
from forecourt.driver.waiting import store
from forecourt.driver.waiting.model import (
    MAX_OF_ONE_ADDRESS,
    OPEN,
    AccountNeeded,
    ConnectorFree,
    FreeSpot,
    PlaceGone,
    PlaceOver,
    PlaceState,
    Policy,
    PolicyUnknown,
    SnoozeUsed,
    TypeUnknown,
    Waiting,
    WaitingClosed,
    WaitingFull,
    Who,
    next_of,
    policy_for,
    position_of,
)
from forecourt.driver.waiting.serving import Serving, end_place, wait_again
from forecourt.driver.waiting.store import Connection, HeldAt, WaitingSite
from forecourt.drivers.accounts.model import Driver
from forecourt.drivers.accounts.store import act_as
from forecourt.payments.intents.store.places import hold_connector
from forecourt.platform.clock import Clock
from forecourt.platform.database import Pool
from forecourt.platform.preconditions import ChangedMeanwhile
from forecourt.sessions.reserving import service as reserving
from forecourt.sessions.reserving.model import How
from forecourt.sessions.reserving.store import find as find_reservation
from forecourt.stations.service import find_site


class Joining(Struct, frozen=True, kw_only=True):
    """What somebody meets who may have to wait at a place. `policy` None: there is no list. `free` are connectors that
    would do as well."""

    tenant_id: int
    site: WaitingSite | None
    policy: Policy | None
    waiting: int
    types: Sequence[str]
    here: Sequence[str]
    free: Sequence[FreeSpot]

    @property
    def open(self) -> bool:
        """Whether there is a list that can be joined."""
        return self.policy is not None and self.policy.active

    @property
    def full(self) -> bool:
        """Whether as many wait as may."""
        return self.policy is not None and self.waiting >= self.policy.max_waiting


class Seen(Struct, frozen=True, kw_only=True):
    """Where somebody stands in a waiting list. `position` from 1, None once nobody waits; `held` while it is their
    turn."""

    tenant_id: int
    brand: Brand
    place: Waiting
    site: WaitingSite
    position: int | None
    waiting: int
    held: HeldAt | None
    policy: Policy | None

    @property
    def may_snooze(self) -> bool:
        """Whether they may let others go first."""
        return (
            self.place.state in OPEN
            and self.place.snoozed_at is None
            and self.policy is not None
            and self.policy.snooze_minutes > 0
        )


class Line(Struct, frozen=True, kw_only=True):
    """The waiting list of a site as its operator sees it."""

    site: WaitingSite
    policies: Mapping[str, Policy]
    types: Sequence[str]
    waiting: Sequence[Waiting]
    held: Mapping[UUID, HeldAt]


class WaitingLists:
    """The verbs, for the life of a process. `tenants` is a pool of role forecourt_app."""

    def __init__(self, tenants: Pool, clock: Clock, secret: bytes, serving: Serving) -> None:
        self._tenants = tenants
        self._clock = clock
        self._secret = secret
        self.serving = serving

    async def look(self, station: str, evse: int) -> Joining:
        """What there is to wait for at a place. Raises PlaceUnknown."""
        async with self._tenants.anyone() as conn:
            tenant_id = await pages.tenant_of_station(conn, station)
        if tenant_id is None:
            raise PlaceUnknown
        async with self._tenants.tenant(tenant_id) as conn:
            return await self._joining(conn, tenant_id, station, evse)

    async def _joining(self, conn: Connection, tenant_id: int, station: str, evse: int) -> Joining:
        here = await store.types_of(conn, tenant_id, station, evse)
        site_id = await store.site_of_identity(conn, tenant_id, station)
        site = None if site_id is None else await store.find_site(conn, tenant_id, site_id)
        if site is None:
            return Joining(tenant_id=tenant_id, site=None, policy=None, waiting=0, types=(), here=here, free=())
        policies = await store.list_policies(conn, tenant_id, site.site_id)
        waiting = await store.list_open(conn, tenant_id, site.site_id)
        # What is free while others wait is theirs.
        behind = any(each.state is PlaceState.WAITING for each in waiting)
        free = [] if behind else await store.list_free(conn, tenant_id, site.site_id)
        return Joining(
            tenant_id=tenant_id, site=site, policy=policy_for(policies, here), waiting=len(waiting),
            types=await store.types_at(conn, tenant_id, site.site_id), here=here,
            free=[each for each in free if not here or set(each.types) & set(here)],
        )  # fmt: skip

    async def join(
        self, station: str, evse: int, *, connector_type: str | None, driver: Driver | None, email: str | None,
        language: str, address: str,
    ) -> UUID:  # fmt: skip
        """Joins the list of the site that a place is at; a driver who waits there already keeps that place.

        Raises PlaceUnknown, WaitingClosed, WaitingFull, AccountNeeded, ConnectorFree, TypeUnknown.
        """
        looked = await self.look(station, evse)
        tenant_id, site = looked.tenant_id, looked.site
        if site is None or looked.policy is None:
            raise WaitingClosed
        own = driver if driver is not None and driver.tenant_id == tenant_id else None
        who = who_of(address, self._secret)
        async with self._tenants.tenant(tenant_id) as conn:
            await store.hold_site(conn, site.site_id)
            there = await store.list_open(conn, tenant_id, site.site_id)
            if own is not None:
                mine = next((each for each in there if each.driver_id == own.driver_id), None)
                if mine is not None:
                    return mine.place_id
            await self._check(conn, looked, connector_type, own, who, len(there))
            place_id = uuid4()
            values = {
                "place_id": place_id, "site_id": site.site_id, "connector_type": connector_type or "",
                "state": PlaceState.WAITING.value, "driver_id": None if own is None else own.driver_id,
                "email": email if own is None else own.email, "address": who if own is None else None,
                "language": language, "joined_at": self._clock.now(),
            }  # fmt: skip
            await store.insert_place(conn, tenant_id, values)
            await self.serving.serve_held(conn, tenant_id, site.site_id)
        return place_id

    async def _check(
        self, conn: Connection, looked: Joining, connector_type: str | None, driver: Driver | None, who: bytes,
        there: int,
    ) -> None:  # fmt: skip
        assert looked.site is not None
        policies = await store.list_policies(conn, looked.tenant_id, looked.site.site_id)
        if connector_type is not None and connector_type not in looked.types:
            raise TypeUnknown
        types = [connector_type] if connector_type is not None else looked.here
        policy = policy_for(policies, types)
        if policy is None or not policy.active:
            raise WaitingClosed
        if policy.who is Who.ACCOUNT and driver is None:
            raise AccountNeeded
        if there >= policy.max_waiting:
            raise WaitingFull
        if driver is None:
            own = await store.count_of_address(conn, looked.tenant_id, looked.site.site_id, who)
            if own >= MAX_OF_ONE_ADDRESS:
                raise WaitingFull
        if any(connector_type is None or connector_type in each.types for each in looked.free):
            raise ConnectorFree

    async def find(self, place_id: UUID) -> Seen:
        """Where somebody stands now; a turn that is due is given first. Raises PlaceGone."""
        tenant_id, place = await self._place(place_id)
        if place.state in OPEN:
            await self.serving.serve(tenant_id, place.site_id)
        async with self._tenants.tenant(tenant_id) as conn:
            return await self._seen(conn, tenant_id, place_id)

    async def _seen(self, conn: Connection, tenant_id: int, place_id: UUID) -> Seen:
        place = await store.find_place(conn, tenant_id, place_id)
        site = None if place is None else await store.find_site(conn, tenant_id, place.site_id)
        if place is None or site is None:
            raise PlaceGone
        waiting = await store.list_open(conn, tenant_id, site.site_id)
        policies = await store.list_policies(conn, tenant_id, site.site_id)
        held = None
        if place.state is PlaceState.HELD and place.reservation_id is not None:
            held = await store.find_held_at(conn, tenant_id, place.reservation_id)
        return Seen(
            tenant_id=tenant_id, brand=await pages.find_brand(conn, tenant_id), place=place, site=site,
            position=position_of(place, waiting) if place.state is PlaceState.WAITING else None,
            waiting=sum(each.state is PlaceState.WAITING for each in waiting), held=held,
            policy=policy_for(policies, [] if place.connector_type is None else [place.connector_type]),
        )  # fmt: skip

    async def snooze(self, place_id: UUID) -> Seen:
        """Lets others go first for a while, once; the place stays. Raises PlaceGone, PlaceOver, SnoozeUsed."""

        async def change(conn: Connection, seen: Seen, now: datetime) -> None:
            if not seen.may_snooze:
                raise SnoozeUsed
            assert seen.policy is not None
            await self._release(conn, seen.tenant_id, seen.place, now)
            until = now + timedelta(minutes=seen.policy.snooze_minutes)
            await wait_again(conn, seen.tenant_id, place_id, snoozed_at=now, not_before=until, said=None)

        return await self._change(place_id, change)

    async def leave(self, place_id: UUID) -> Seen:
        """Gives the place up; twice is once. Raises PlaceGone."""

        async def change(conn: Connection, seen: Seen, now: datetime) -> None:
            await self._release(conn, seen.tenant_id, seen.place, now)
            await end_place(conn, seen.tenant_id, place_id, PlaceState.LEFT, now)

        try:
            return await self._change(place_id, change)
        except PlaceOver:
            return await self.find(place_id)

    async def set_email(self, place_id: UUID, email: str) -> Seen:
        """Where the word that it is their turn goes. Raises PlaceGone, PlaceOver."""

        async def change(conn: Connection, seen: Seen, _now: datetime) -> None:
            await store.change_place(conn, seen.tenant_id, place_id, {"email": email})

        return await self._change(place_id, change)

    async def _change(self, place_id: UUID, change: Any) -> Seen:
        tenant_id, place = await self._place(place_id)
        async with self._tenants.tenant(tenant_id) as conn:
            await store.hold_site(conn, place.site_id)
            seen = await self._seen(conn, tenant_id, place_id)
            if seen.place.state not in OPEN:
                raise PlaceOver
            await change(conn, seen, self._clock.now())
            await self.serving.serve_held(conn, tenant_id, place.site_id)
            return await self._seen(conn, tenant_id, place_id)

    @staticmethod
    async def _release(conn: Connection, tenant_id: int, place: Waiting, now: datetime) -> None:
        if place.state is PlaceState.HELD and place.reservation_id is not None:
            held = await find_reservation(conn, tenant_id, place.reservation_id)
            if held is not None:
                # The connector before its hold, as whoever pays there.
                await hold_connector(conn, held.station_id, held.evse)
            await reserving.let_go(conn, tenant_id, place.reservation_id, How.RELEASED, now)

    async def _place(self, place_id: UUID) -> tuple[int, Waiting]:
        async with self._tenants.anyone() as conn:
            tenant_id = await store.tenant_of_place(conn, place_id)
        if tenant_id is None:
            raise PlaceGone
        async with self._tenants.tenant(tenant_id) as conn:
            place = await store.find_place(conn, tenant_id, place_id)
        if place is None:
            raise PlaceGone
        return tenant_id, place

    # -- at the connector that is held

    async def reservation_of(
        self, tenant_id: int, *, place_id: UUID | None = None, driver: Driver | None = None
    ) -> UUID | None:
        """What is held for a place, or for a driver wherever they wait."""
        async with self._tenants.tenant(tenant_id) as conn:
            if place_id is not None:
                place = await store.find_place(conn, tenant_id, place_id)
                return None if place is None or place.state is not PlaceState.HELD else place.reservation_id
            if driver is None:
                return None
            await act_as(conn, driver.driver_id)
            places = await store.list_of_driver(conn, tenant_id, driver.driver_id)
        return next((each.reservation_id for each in places if each.state is PlaceState.HELD), None)

    async def of_driver(self, driver: Driver) -> list[Seen]:
        """Where a driver waits."""
        async with self._tenants.tenant(driver.tenant_id) as conn:
            await act_as(conn, driver.driver_id)
            places = await store.list_of_driver(conn, driver.tenant_id, driver.driver_id)
        return [await self.find(each.place_id) for each in places]

    # -- the operator's

    async def line(self, actor: Actor, site: str) -> Line:
        """Who waits at a site, and what the operator wants there. Raises SiteUnknown."""
        async with self._tenants.tenant(actor.tenant_id) as conn:
            found = await find_site(conn, actor.tenant_id, site)
            return await self._line(conn, actor.tenant_id, found.site_id)

    async def _line(self, conn: Connection, tenant_id: int, site_id: int) -> Line:
        site = await store.find_site(conn, tenant_id, site_id)
        assert site is not None, "it was just found"
        waiting = await store.list_open(conn, tenant_id, site_id)
        held = {
            each.reservation_id: at
            for each in waiting
            if each.reservation_id is not None
            and (at := await store.find_held_at(conn, tenant_id, each.reservation_id)) is not None
        }
        return Line(
            site=site, policies=await store.list_policies(conn, tenant_id, site_id),
            types=await store.types_at(conn, tenant_id, site_id), waiting=waiting, held=held,
        )  # fmt: skip

    async def set_policy(self, actor: Actor, site: str, connector_type: str | None, policy: Policy) -> Line:
        """What the operator wants from now on; who waits already goes on waiting. Raises SiteUnknown."""
        async with self._tenants.tenant(actor.tenant_id) as conn:
            found = await find_site(conn, actor.tenant_id, site)
            before = (await store.list_policies(conn, actor.tenant_id, found.site_id)).get(connector_type or "")
            await store.put_policy(
                conn, actor.tenant_id, found.site_id, connector_type or "", policy, self._clock.now()
            )
            await audit(
                conn, actor, "change waiting list", f"site:{found.slug}", {"connector_type": connector_type},
                before=None if before is None else structs.asdict(before), after=structs.asdict(policy),
            )  # fmt: skip
            return await self._line(conn, actor.tenant_id, found.site_id)

    async def remove_policy(self, actor: Actor, site: str, connector_type: str | None) -> None:
        """There is no policy for the type, or for the site, any more. Raises SiteUnknown, PolicyUnknown."""
        async with self._tenants.tenant(actor.tenant_id) as conn:
            found = await find_site(conn, actor.tenant_id, site)
            if not await store.delete_policy(conn, actor.tenant_id, found.site_id, connector_type or ""):
                raise PolicyUnknown
            await audit(conn, actor, "remove waiting list", f"site:{found.slug}", {"connector_type": connector_type})

    async def skip(self, actor: Actor, site: str, number: int, *, seen_next: int | None = None) -> Line:
        """Lets the next one go first. `seen_next`: the number of who was next when whoever asks looked, so that who
        presses twice moves nobody twice; None: whoever it is by now. Raises SiteUnknown, PlaceGone,
        ChangedMeanwhile."""

        async def change(conn: Connection, place: Waiting, line: Sequence[Waiting], now: datetime) -> None:
            after = next_of(line, place)
            if seen_next is not None and (after is None or after.number != seen_next):
                raise ChangedMeanwhile
            await self._release(conn, actor.tenant_id, place, now)
            await wait_again(conn, actor.tenant_id, place.place_id, said="skipped")
            if after is not None:
                await store.change_place(conn, actor.tenant_id, place.place_id, {"rank": after.rank})
                await store.change_place(conn, actor.tenant_id, after.place_id, {"rank": place.rank})

        return await self._manage(actor, site, number, "skip waiting driver", change)

    async def remove(self, actor: Actor, site: str, number: int) -> Line:
        """Takes somebody out of the list. Raises SiteUnknown, PlaceGone."""

        async def change(conn: Connection, place: Waiting, _line: Sequence[Waiting], now: datetime) -> None:
            await self._release(conn, actor.tenant_id, place, now)
            await end_place(conn, actor.tenant_id, place.place_id, PlaceState.REMOVED, now)

        return await self._manage(actor, site, number, "remove waiting driver", change)

    async def _manage(self, actor: Actor, site: str, number: int, action: str, change: Any) -> Line:
        tenant_id = actor.tenant_id
        async with self._tenants.tenant(tenant_id) as conn:
            found = await find_site(conn, tenant_id, site)
            await store.hold_site(conn, found.site_id)
            line = await store.list_open(conn, tenant_id, found.site_id)
            place = next((each for each in line if each.number == number), None)
            if place is None:
                raise PlaceGone
            await change(conn, place, line, self._clock.now())
            await audit(conn, actor, action, f"site:{found.slug}", {"place": number})
        await self.serving.serve(tenant_id, found.site_id)
        async with self._tenants.tenant(tenant_id) as conn:
            return await self._line(conn, tenant_id, found.site_id)
