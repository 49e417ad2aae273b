"""What is known of each EVSE of a site: what it was told and draws, and how its station is reached and obeys. Pure."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Final
from uuid import UUID

from msgspec import structs

from forecourt.energy import store
from forecourt.energy.dispatch.defaults import Held
from forecourt.energy.dispatch.standing import OBEY_S, Order, Standing
from forecourt.energy.keeper.memory import Memory
from forecourt.energy.model import Evse
from forecourt.energy.needs.model import Priority, Source
from forecourt.energy.site import Current, HungEvse, SiteTree
from forecourt.energy.store import keeping
from forecourt.energy.store.priorities import PriorityAsk

#: A station that is away for less than this is not silent yet: it may only have changed its gateway.
SILENT_AFTER: Final = timedelta(seconds=20)


def standings_of(
    tree: SiteTree,
    cars: Sequence[store.ActiveCar],
    links: Mapping[str, keeping.Link],
    orders: Mapping[UUID, tuple[Order, ...]],
    obedience: Mapping[tuple[int, int], keeping.Obedience],
    defaults: Mapping[str, Held],
    now: datetime,
    memory: Memory,
) -> list[Standing]:
    """By the tree's EVSEs; made anew where anything has changed of them."""
    at_evse = {car.evse_id: car for car in cars}
    electrics, found = tree.electrics, []
    make, volts = partial(_standing, tree), (tree.voltage_v, tree.line_voltage_v)
    for evse, of_tree in zip(tree.evses, electrics.evses, strict=True):
        car, link = at_evse.get(of_tree.id), links.get(evse.station)
        # Of the tree no more than counts here: it is another one in each version.
        parts = (
            of_tree, evse, volts, car, link, () if car is None else orders.get(car.session_id, ()),
            None if link is None else obedience.get((link.station_id, evse.evse)), defaults.get(of_tree.id),
            _silent_since(link, now),
        )  # fmt: skip
        found.append(memory.standings.of(of_tree.id, parts, make))
    return found


def _watts(tree: SiteTree, evse: HungEvse, at_the_grid: tuple[float, float]) -> tuple[float, float]:
    """The most and the least power that is metered while 1 A flows on a conductor."""
    return (tree.watts_told(evse),) * 2 if evse.current is Current.DC else at_the_grid


def prioritised(
    tree: SiteTree,
    cars: Sequence[store.ActiveCar],
    asks: Mapping[UUID, PriorityAsk],
    standings: Sequence[Standing],
    now: datetime,
) -> list[Standing]:
    """With those marked that may go by a profile of their own: they were asked to, or their drivers did at the
    station."""
    of, found = tree.numbers, list(standings)
    for car in cars:
        number, ask = of.get(car.evse_id), asks.get(car.session_id)
        if number is None:
            continue
        pressed = car.needs.sources.get("priority") is Source.STATION and car.needs.wants.priority is Priority.HIGH
        if pressed or (ask is not None and ask.counts(standings[number].settles_s, now)):
            found[number] = structs.replace(standings[number], prioritised=True)
    return found


def _standing(
    tree: SiteTree,
    of_tree: Evse,
    evse: HungEvse,
    _volts: tuple[float, float],
    car: store.ActiveCar | None,
    link: keeping.Link | None,
    orders: tuple[Order, ...],
    known: keeping.Obedience | None,
    default: Held | None,
    silent_since: datetime | None,
) -> Standing:
    electrics = tree.electrics
    watts_per_a = _watts(tree, evse, (electrics.watts_per_ampere(of_tree), electrics.voltage_v))
    drawn_ma, drawn_most_ma, drawn_at = (None, None, None) if car is None else _drawn(car, *watts_per_a)
    return Standing(
        max_ma=int(evse.max_a * 1000),
        fallback_ma=None if default is None else default.most_ma,
        fallback_at=None if default is None else default.since,
        there=link is not None and link.since is not None,
        refuses_default=default is not None and default.refused,
        obey_s=OBEY_S if known is None else known.obey_s,
        proven=known is not None and known.proven,
        fell_at=None if known is None else known.fell_at,
        fell_s=0.0 if known is None else known.fell_s,
        silent_since=silent_since,
        away_at=None if link is None else link.away_at,
        back_at=None if link is None or evse.evse in link.free else link.back_at,
        booted_at=None if link is None else link.booted_at,
        running_since=None if car is None else car.started_at,
        orders=orders,
        disobeys=known is not None and known.disobeys_since is not None,
        drawn_ma=drawn_ma,
        drawn_most_ma=drawn_most_ma,
        drawn_at=drawn_at,
        drawn_since=None if car is None or car.mean is None else car.mean.since,
    )


def _drawn(
    car: store.ActiveCar, most_watts: float, least_watts: float
) -> tuple[int | None, int | None, datetime | None]:
    """What flows on a conductor at least and at most, in mA, and when it was measured: by the current, unless the power
    was measured later, of which nobody knows on how many conductors it flows: watts an ampere are from the least to the
    most; or by the mean of what the register counted."""
    if car.mean is not None:
        return int(car.mean.least_w / most_watts * 1000), int(car.mean.most_w / least_watts * 1000), car.mean.at
    currents = [each for each in car.currents_a if each is not None]
    power_at = None if car.power_w is None else car.power_at
    later = power_at is not None and car.measured_at is not None and power_at > car.measured_at
    if currents and not later:
        return int(max(currents) * 1000), None, car.measured_at
    if car.power_w is None or car.power_at is None:
        return None, None, None
    return int(car.power_w / most_watts * 1000), int(car.power_w / least_watts * 1000), car.power_at


def _silent_since(link: keeping.Link | None, now: datetime) -> datetime | None:
    """One that was never connected is not there yet; one that is gone is silent from then on."""
    if link is not None and link.gone:
        return link.since or now
    if link is None or link.since is None:
        return None
    if link.connected or now - link.since < SILENT_AFTER:
        return None
    return link.since
