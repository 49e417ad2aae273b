"""What is known of a site, read in one transaction."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from msgspec import Struct, structs
from psycopg import AsyncConnection

from forecourt.energy import store
from forecourt.energy.dispatch.checking import is_unsaid, with_reported
from forecourt.energy.dispatch.defaults import defaults_of
from forecourt.energy.dispatch.dynamic import HeldDynamic
from forecourt.energy.dispatch.standing import OBEY_S, TELLS_WITHIN, UNPROVEN_S, Standing
from forecourt.energy.keeper.foresight import Foresight
from forecourt.energy.keeper.memory import Memory
from forecourt.energy.keeper.standings import SILENT_AFTER, prioritised, standings_of
from forecourt.energy.needs.caps import Cap
from forecourt.energy.needs.said import BEFORE
from forecourt.energy.outside.model import CarMeans, External
from forecourt.energy.planner.chances import MOST_HEDGED
from forecourt.energy.planner.steps import steps_of
from forecourt.energy.planning.fleet import LEAST_WH_AT
from forecourt.energy.planning.giving import with_giver
from forecourt.energy.planning.knowledge import AHEAD, Knowledge, KnownCar, has_stopped
from forecourt.energy.service.signals import known_signals
from forecourt.energy.signals.model import NodeLimit
from forecourt.energy.signals.outlook import Outlook, signals_at
from forecourt.energy.site import Current, HungEvse, SiteRecord, SiteTree
from forecourt.energy.storage.cars import CarState
from forecourt.energy.storage.model import KnownBattery
from forecourt.energy.store import checks, keeping, outside
from forecourt.energy.store.caps import caps_of
from forecourt.energy.store.dynamic import dynamics_of
from forecourt.energy.store.priorities import PriorityAsk, asks_of, stations_that_can
from forecourt.energy.store.storage import known_batteries
from forecourt.energy.store.turns import Turn, turns_of
from forecourt.ocpp.neutral import Unit
from forecourt.stations.desired.service import Desired, list_profiles


class Reading(Struct, frozen=True, kw_only=True):
    """What was read: what is known, and by which numbers stations and links go."""

    record: SiteRecord
    known: Knowledge
    cars: Mapping[UUID, store.ActiveCar]
    station_ids: Mapping[str, int]
    links: Mapping[str, keeping.Link]
    obedience: Mapping[tuple[int, int], keeping.Obedience]
    #: How long before a limit begins it has to be told.
    lead: timedelta
    #: Stations that others limit to nobody knows how much.
    unsaid: frozenset[str]
    #: The limits that somebody said and that hold at any time of what is planned.
    said: Sequence[NodeLimit]
    desired: Sequence[Desired]
    #: By station and EVSE, those that take dynamic profiles.
    dynamics: Mapping[tuple[str, int], HeldDynamic]
    #: Stations that can be asked for priority, and what was asked of sessions.
    prioritising: Collection[str]
    priority_asks: Mapping[UUID, PriorityAsk]

    def unit_of(self, evse: HungEvse) -> Unit:
        """What the limits of an EVSE are told in: amperes, unless it is DC or its station says that it takes watts
        only."""
        link = self.links.get(evse.station)
        watts = evse.current is Current.DC or (link is not None and link.only_watts)
        return Unit.POWER if watts else Unit.CURRENT

    def silent_at(self) -> datetime | None:
        """When the next station that is away counts as silent."""
        away = [each.since for each in self.links.values() if each.since is not None and not each.connected]
        return min((at for since in away if (at := since + SILENT_AFTER) > self.known.at), default=None)


async def find_planned(
    conn: AsyncConnection[Any], tenant_id: int, site_id: int, memory: Memory | None = None
) -> SiteRecord | None:
    """The site, if there is something to plan: a tree with EVSEs, and smart charging that is on. EVSEs of stations that
    stand there no more are of the tree as long as a car charges there. `memory`: what was read of it before."""
    held = None if memory is None else memory.site
    record = await store.load_site(conn, tenant_id, site_id, held, with_gone=True)
    if record is None or record.tree is None or not record.tree.evses or not record.settings.enabled:
        return None
    return record


async def read_site(
    conn: AsyncConnection[Any],
    record: SiteRecord,
    foresight: Foresight | None,
    now: datetime,
    awaited: Collection[int] = (),
    memory: Memory | None = None,
) -> Reading:
    """All that is known of a site that is planned for. `foresight`: what is known of its past; what is thought of its
    cars is of the last plan (`foreseen`). `awaited`: the orders of which somebody waits for an answer, `memory`: what
    was made of the site before."""
    memory = Memory() if memory is None else memory
    tree, tenant_id, site_id = record.tree, record.tenant_id, record.site_id
    assert tree is not None
    running = await store.active_cars(conn, tenant_id, site_id, memory.cars)
    # A station that is gone may have one that still runs though another hangs there by its name.
    cars = _at_the_grid(tree, [car for car in running if car.evse_id in tree.numbers], memory)
    links = {link.station: link for link in await keeping.links_of(conn, tenant_id, site_id, memory.links)}
    stand = await _read_stand(conn, record, cars, links, now, awaited, memory)
    lead = _lead(tree, stand.obedience)
    outlook, paid_w, said = await _ahead(conn, record, lead, now, memory)
    externals = await outside.externals_of(conn, tenant_id, site_id)
    last = {name: each.last for name, each in (await _checks(conn, record, externals)).items()}
    known_cars = await _read_cars(conn, record, cars, stand.standings, foresight, now, memory)
    known = Knowledge(
        at=now,
        tenant_id=tenant_id,
        site_id=site_id,
        zone=record.zone,
        tree_version=record.version,
        tree=tree,
        settings=record.settings,
        outlook=outlook,
        cars=await _with_givers(conn, record, cars, known_cars, stand.standings, links, now),
        standings=stand.standings,
        paid_w=paid_w,
        worthwhile_w=0 if foresight is None else foresight.worthwhile_w,
        externals=tuple(with_reported(externals, last)),
        batteries=await _batteries(conn, record, now),
    )
    memory.end()
    return Reading(
        record=record,
        known=known,
        cars={car.session_id: car for car in cars},
        station_ids={link.station: link.station_id for link in links.values()},
        links=links,
        obedience=stand.obedience,
        unsaid=frozenset(each.station for each in externals if is_unsaid(each, last.get(each.station))),
        lead=lead,
        said=said,
        desired=stand.desired,
        dynamics=await dynamics_of(conn, tenant_id, site_id),
        prioritising=await stations_that_can(conn, tenant_id, site_id),
        priority_asks=stand.priority_asks,
    )


class _Stand(Struct, frozen=True, kw_only=True):
    """What each EVSE of a tree may hold and do, and what that was told from."""

    standings: Sequence[Standing]
    obedience: Mapping[tuple[int, int], keeping.Obedience]
    desired: Sequence[Desired]
    priority_asks: Mapping[UUID, PriorityAsk]


async def _read_stand(
    conn: AsyncConnection[Any],
    record: SiteRecord,
    cars: Sequence[store.ActiveCar],
    links: Mapping[str, keeping.Link],
    now: datetime,
    awaited: Collection[int],
    memory: Memory,
) -> _Stand:
    tree, tenant_id, site_id = record.tree, record.tenant_id, record.site_id
    assert tree is not None
    orders = await keeping.orders_of(conn, tenant_id, site_id, now, awaited, memory.orders)
    obedience = await keeping.obedience_of(conn, tenant_id, site_id)
    desired = await list_profiles(conn, tenant_id, [link.station_id for link in links.values()], memory.profiles)
    defaults = memory.defaults.of(None, (tree, tuple(desired)), defaults_of)
    asks = await asks_of(conn, tenant_id, [car.session_id for car in cars])
    standings = standings_of(tree, cars, links, orders, obedience, defaults, now, memory)
    return _Stand(
        standings=prioritised(tree, cars, asks, standings, now),
        obedience=obedience,
        desired=desired,
        priority_asks=asks,
    )


async def _ahead(
    conn: AsyncConnection[Any], record: SiteRecord, lead: timedelta, now: datetime, memory: Memory
) -> tuple[Outlook, int, Sequence[NodeLimit]]:
    """The hours ahead, the highest power of the billing month so far, in W, and the limits that were said."""
    signals = await known_signals(conn, record, now, now + AHEAD, await memory.past.readings(conn, record, now))
    outlook = signals_at(record, signals, now, _hours(now), lead)
    demand = outlook.demand
    if demand is None or not demand.charge_per_kw:
        return outlook, 0, signals.limits
    return outlook, await memory.past.paid_w(conn, record, demand, now), signals.limits


async def _read_cars(
    conn: AsyncConnection[Any],
    record: SiteRecord,
    cars: Sequence[store.ActiveCar],
    standings: Sequence[Standing],
    foresight: Foresight | None,
    now: datetime,
    memory: Memory,
) -> list[KnownCar]:
    """The cars with their own means, turns and caps, and with what was thought of them last."""
    assert record.tree is not None
    sessions = [car.session_id for car in cars]
    means = await outside.means_of(conn, record.tenant_id, record.site_id)
    turns = await turns_of(conn, record.tenant_id, sessions, now, memory.turns)
    caps = await caps_of(conn, record.tenant_id, sessions)
    number_of, least_wh = record.tree.numbers, LEAST_WH_AT(record.tree.electrics)
    there = [(car, standings[number_of[car.evse_id]]) for car in cars]
    found = _known_cars(there, means, turns, caps, least_wh, now, memory)
    return found if foresight is None else [foresight.last_of(car) for car in found]


def foreseen(known: Knowledge, foresight: Foresight | None) -> Knowledge:
    """What is known of a site with what is thought of its cars, and of those that may come. Those are placed by a tree:
    where a station has left it since, nobody is expected until the past is read anew."""
    if foresight is None or foresight.evses != known.tree.evses:
        return known
    few = len(known.cars) <= MOST_HEDGED
    cars = [foresight.of(car, known.at, guessing=few) for car in known.cars]
    return structs.replace(known, cars=cars, expected=foresight.expected(cars, known.at), foreseen=foresight.by)


async def _checks(
    conn: AsyncConnection[Any], record: SiteRecord, externals: Sequence[External]
) -> Mapping[str, checks.Check]:
    """What stations were asked of what they hold, where it tells something of limits of others."""
    return await checks.checks_of(conn, record.tenant_id, record.site_id) if externals else {}


def _at_the_grid(tree: SiteTree, cars: Sequence[store.ActiveCar], memory: Memory) -> list[store.ActiveCar]:
    """The cars with what those at DC EVSEs draw from the grid: their own current is at another voltage."""
    dc = {evse.id: evse for evse in tree.evses if evse.current is Current.DC}

    def drawn(car: store.ActiveCar, evse: HungEvse) -> store.ActiveCar:
        drawn_a = None if car.power_w is None else car.power_w / tree.watts_told(evse)
        return structs.replace(car, currents_a=(drawn_a,) * 3, offered_a=None, measured_at=car.power_at)

    if not dc:
        return list(cars)
    return [
        car if (evse := dc.get(car.evse_id)) is None else memory.at_the_grid.of(car.evse_id, (car, evse), drawn)
        for car in cars
    ]


async def _batteries(conn: AsyncConnection[Any], record: SiteRecord, now: datetime) -> tuple[KnownBattery, ...]:
    assert record.tree is not None
    ids = [each.id for each in record.tree.batteries]
    return tuple(await known_batteries(conn, record.tenant_id, record.site_id, ids, now))


def _lead(tree: SiteTree, obedience: Mapping[tuple[int, int], keeping.Obedience]) -> timedelta:
    """What it takes until the slowest of those that obey keeps what it is told."""
    slowest_s = max((each.obey_s for each in obedience.values() if each.disobeys_since is None), default=OBEY_S)
    unproven = sum(each.proven for each in obedience.values()) < len(tree.evses)
    return TELLS_WITHIN + timedelta(seconds=max(slowest_s, UNPROVEN_S if unproven else OBEY_S))


def _hours(now: datetime) -> list[float]:
    """The lengths of the steps ahead."""
    return [float(each) for each in steps_of(now, AHEAD).hours]


def _known_cars(
    cars: Sequence[tuple[store.ActiveCar, Standing]],
    means: Mapping[str, CarMeans],
    turns: Mapping[UUID, Turn],
    caps: Mapping[UUID, Cap],
    least_wh: Mapping[str, int],
    now: datetime,
    memory: Memory,
) -> list[KnownCar]:
    found = []
    for car, standing in cars:
        session, evse = car.session_id, car.evse_id
        parts = car, means.get(evse), turns.get(session), caps.get(session), least_wh[evse]
        known = memory.known_cars.of(car.session_id, parts, _known_car)
        stopped = has_stopped(known, standing, now, measured_at=car.measured_at, every=car.every)
        found.append(structs.replace(known, is_full=True) if stopped else known)
    return found


def _known_car(
    car: store.ActiveCar, means: CarMeans | None, turn: Turn | None, cap: Cap | None, least_wh: int
) -> KnownCar:
    """But for whether it has stopped, which time tells."""
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
        means=None if means is None or means.said_at < car.started_at - BEFORE else means.said,
        charges_since=turn.since if turn is not None and turn.charges else None,
        waits_since=turn.since if turn is not None and not turn.charges else None,
        given_wh=car.given_wh,
        power_at=car.power_at,
        cap=cap,
        least_wh=least_wh,
        had_turn=turn is not None and turn.before,
    )


async def _with_givers(
    conn: AsyncConnection[Any],
    record: SiteRecord,
    cars: Sequence[store.ActiveCar],
    known_cars: list[KnownCar],
    standings: Sequence[Standing],
    links: Mapping[str, keeping.Link],
    now: datetime,
) -> list[KnownCar]:
    """The cars with what they may give back."""
    tree = record.tree
    assert tree is not None
    asked = [car.session_id for car in known_cars if car.needs.wants.may_discharge is not None]
    if not asked:
        return known_cars
    refused = await keeping.refused_to_give(conn, record.tenant_id, asked)
    number_of, found = tree.numbers, []
    for car, known in zip(cars, known_cars, strict=True):
        number, link = number_of.get(car.evse_id), links.get(car.station)
        if number is not None and known.needs.wants.may_discharge is not None:
            can = link is not None and (0 in link.gives_at or car.evse in link.gives_at)
            state = CarState(
                got_wh=known.energy_wh, given_wh=known.given_wh, soc_pct=car.exact_soc_pct, soc_at=car.soc_at
            )
            known = with_giver(  # noqa: PLW2901
                known, state, tree.evses[number], standings[number], tree, now,
                station_can=can, refused=car.session_id in refused,
            )  # fmt: skip
        found.append(known)
    return found
