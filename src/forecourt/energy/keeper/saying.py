"""What the stations of a site are to be told now, by its plan and by what is known. Pure."""

from collections.abc import Sequence

from msgspec.structs import replace

from forecourt.energy.dispatch.handing import handed
from forecourt.energy.dispatch.orders import Told, cut_due, due
from forecourt.energy.dispatch.standing import Draws, draws_of
from forecourt.energy.planning.giving import gives, leaving, tell_givers
from forecourt.energy.planning.knowledge import Knowledge
from forecourt.energy.planning.limits import Room
from forecourt.energy.planning.making import site_room


def told_of(known: Knowledge, room: Room, targets_ma: Sequence[int], gives_ma: Sequence[int]) -> list[Told]:
    """What is due at `known.at`, with what cars shall give. `room` counts all that they give now; on those that are to
    give less nobody is granted anything more."""
    if not gives(known):
        return _due(known, room, targets_ma)
    stops = leaving(known, gives_ma)
    told = _due(known, site_room(replace(known, leaving=stops)) if stops else room, targets_ma)
    without = site_room(replace(known, leaving=tuple(car.evse_id for car in known.cars)))
    return tell_givers(known, told, gives_ma, without)


def less_of(known: Knowledge, room: Room, targets_ma: Sequence[int], draws: Draws | None = None) -> list[Told]:
    """What of it safety needs, at once and before anybody has planned; cars that give go on. `draws`: what EVSEs may
    draw, where that is known already."""
    draws = draws_of(known.standings, known.at) if draws is None else draws
    return cut_due(known.standings, targets_ma, _least(known), room.now(), draws)


def _due(known: Knowledge, room: Room, targets_ma: Sequence[int]) -> list[Told]:
    rows, least_ma = room.now(), _least(known)
    passing_ma = handed(known.standings, targets_ma, least_ma, rows, draws_of(known.standings, known.at))
    return due(known.standings, passing_ma, least_ma, rows, known.at)


def _least(known: Knowledge) -> list[int]:
    return [int(evse.min_a * 1000) for evse in known.tree.evses]
