"""What is known of a site, read in one transaction."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from msgspec import Struct
from psycopg import AsyncConnection

from forecourt.energy import store
from forecourt.energy.dispatch.standing import Order, Standing
from forecourt.energy.keeper.knowledge import STEPS_H, KnownCar, Knowledge
from forecourt.energy.signals.outlook import LOOK_BACK, Known, signals_at
from forecourt.energy.site import HungEvse, SiteRecord, fallbacks_of
from forecourt.energy.store import keeping
from forecourt.ocpp.neutral import Unit

#: How far back readings are looked at.
READINGS: Final = timedelta(days=28)
#: A station that is away for less than this is not silent yet: it may only have changed its gateway.
SILENT_AFTER: Final = timedelta(seconds=20)


class Reading(Struct, frozen=True, kw_only=True):
    """What was read: what is known, and by which numbers stations and links go."""

    known: Knowledge
    cars: Mapping[UUID, store.ActiveCar]
    station_ids: Mapping[str, int]
    links: Mapping[str, keeping.Link]
    obedience: Mapping[tuple[int, int], keeping.Obedience]

    def unit_of(self, station: str) -> Unit:
        """What a station's limits are told in: amperes, unless it says that it takes watts only."""
        return Unit.POWER if self.links[station].only_watts else Unit.CURRENT


async def read_site(conn: AsyncConnection[Any], tenant_id: int, site_id: int, now: datetime) -> Reading | None:
    """None where there is nothing to plan: no tree, no EVSE, or switched off."""
    record = await store.load_site(conn, tenant_id, site_id)
    if record is None or record.tree is None or not record.tree.evses or not record.settings.enabled:
        return None
    cars = [car for car in await store.active_cars(conn, tenant_id, site_id)]
    links = {link.station: link for link in await keeping.links_of(conn, tenant_id, site_id)}
    orders = await keeping.orders_of(conn, tenant_id, site_id, [car.session_id for car in cars], now)
    obedience = await keeping.obedience_of(conn, tenant_id, site_id)
    outlook = signals_at(record, await _signals(conn, record, now), now, STEPS_H)
    demand = outlook.demand
    paid_w = 0
    if demand is not None:
        paid_w = await keeping.highest_power(conn, tenant_id, site_id, demand.begins_at, now, demand.minutes)
    known = Knowledge(
        at=now,
        tenant_id=tenant_id,
        site_id=site_id,
        zone=record.zone,
        tree_version=record.version,
        tree=record.tree,
        settings=record.settings,
        outlook=outlook,
        cars=[_known_car(car) for car in cars],
        standings=_standings(record, cars, links, orders, obedience, now),
        paid_w=paid_w,
    )
    return Reading(
        known=known,
        cars={car.session_id: car for car in cars},
        station_ids={link.station: link.station_id for link in links.values()},
        links=links,
        obedience=obedience,
    )


async def _signals(conn: AsyncConnection[Any], record: SiteRecord, now: datetime) -> Known:
    tenant_id, site_id = record.tenant_id, record.site_id
    until = now + timedelta(hours=sum(STEPS_H))
    row = await store.tariff_of(conn, tenant_id, site_id)
    since = now - LOOK_BACK
    prices, co2 = [], []
    if row is not None and row.tariff.price_zone is not None:
        prices = await store.prices_between(conn, tenant_id, row.tariff.price_zone, since, until)
    if row is not None and row.tariff.co2_zone is not None:
        co2 = await store.prices_between(conn, tenant_id, row.tariff.co2_zone, since, until, "co2")
    return Known(
        tariff=row,
        prices=prices,
        co2=co2,
        limits=await store.limits_between(conn, tenant_id, site_id, now, until),
        readings=await store.readings_between(conn, tenant_id, site_id, now - READINGS, now),
        latest=await store.latest_readings(conn, tenant_id, site_id),
    )


def _known_car(car: store.ActiveCar) -> KnownCar:
    currents = [each for each in car.currents_a if each is not None]
    return KnownCar(
        session_id=car.session_id,
        station=car.station,
        evse=car.evse,
        evse_id=car.evse_id,
        transaction_id=car.transaction_id,
        token=car.token,
        started_at=car.started_at,
        energy_wh=car.energy_wh or 0,
        power_w=car.power_w,
        current_a=max(currents, default=None),
        offered_a=car.offered_a,
        charging_state=car.charging_state,
        needs=car.needs,
    )


def _standings(
    record: SiteRecord,
    cars: Sequence[store.ActiveCar],
    links: Mapping[str, keeping.Link],
    orders: Mapping[UUID, list[Order]],
    obedience: Mapping[tuple[int, int], keeping.Obedience],
    now: datetime,
) -> list[Standing]:
    assert record.tree is not None
    at_evse = {car.evse_id: car for car in cars}
    return [
        _standing(evse, at_evse.get(evse.id), links.get(evse.station), orders, obedience, now)
        for evse in record.tree.evses
    ]


def _standing(
    evse: HungEvse,
    car: store.ActiveCar | None,
    link: keeping.Link | None,
    orders: Mapping[UUID, list[Order]],
    obedience: Mapping[tuple[int, int], keeping.Obedience],
    now: datetime,
) -> Standing:
    known = None if link is None else obedience.get((link.station_id, evse.evse))
    drawn = [] if car is None else [each for each in car.currents_a if each is not None]
    return Standing(
        max_ma=int(evse.max_a * 1000),
        fallback_ma=None if known is None else known.default_ma,
        obey_s=10.0 if known is None else known.obey_s,
        silent_since=_silent_since(link, now),
        running_since=None if car is None else car.started_at,
        orders=() if car is None else tuple(orders.get(car.session_id, ())),
        disobeys=known is not None and known.disobeys_since is not None,
        drawn_ma=int(max(drawn) * 1000) if drawn else None,
        drawn_at=None if car is None else car.measured_at,
    )


def _silent_since(link: keeping.Link | None, now: datetime) -> datetime | None:
    """One that was never connected is not there yet."""
    if link is None or link.since is None:
        return None
    if link.connected or now - link.since < SILENT_AFTER:
        return None
    return link.since


def fallbacks_ma(record_tree: Any, settings: Any) -> dict[str, int]:
    """What each EVSE's default profile shall allow, in mA, by its id."""
    return {id: int(current_a * 1000) for id, current_a in fallbacks_of(record_tree, settings).items()}
