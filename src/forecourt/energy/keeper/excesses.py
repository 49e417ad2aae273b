"""How much more may flow than limits allow, after a cut until stations have obeyed, and who is late."""

from datetime import datetime, timedelta
from typing import Final

import numpy as np

from forecourt.energy.dispatch.standing import MEASURED_FOR, TELLS_WITHIN, Draws, Standing, may_draw, newest
from forecourt.energy.planning.knowledge import Knowledge
from forecourt.energy.planning.limits import Room
from forecourt.energy.rows import SLACK, Floats, Rows
from forecourt.energy.store.excesses import Excess, Late

#: EVSEs that are named of one excess, those first that may draw most.
MAX_LATE: Final = 20


def excesses_of(known: Knowledge, room: Room, draws: Draws) -> list[Excess]:
    """Of each node at most one of its currents, the conductor that is worst, and one of its power."""
    rows = room.now()
    counted, measured = rows.loads(draws.may_a), _measured(known, rows)
    worst: dict[tuple[str, bool], int] = {}
    for row in np.nonzero(counted > rows.limits * (1 + SLACK) + 1e-9)[0].tolist():
        node, _, of = rows.names[row].rpartition(" ")
        before = worst.get((node, of == "power"))
        if before is None or counted[row] - rows.limits[row] > counted[before] - rows.limits[before]:
            worst[node, of == "power"] = row
    names = {node.id: node.name or node.id for node in known.tree.nodes}
    return [
        Excess(
            node=node,
            name=names[node],
            unit="W" if power else "mA",
            due_at=_due_at(known, rows, draws, row),
            allowed=round(float(rows.limits[row]) * 1000),
            counted=round(float(counted[row]) * 1000),
            measured=round(float(measured[row]) * 1000) if _is_measured(known, rows, row) else None,
            late=_late(known, rows, draws, row),
        )
        for (node, power), row in worst.items()
    ]


def _measured(known: Knowledge, rows: Rows) -> Floats:
    """The most that flows in each row in A or kW by what was measured of EVSEs a short while ago."""
    drawn_ma = np.zeros(len(known.standings))
    for number, each in enumerate(known.standings):
        if each.drawn_ma is not None and _is_fresh(each, known.at):
            drawn_ma[number] = each.drawn_ma if each.drawn_most_ma is None else each.drawn_most_ma
    return rows.loads(drawn_ma / 1000)


def _is_measured(known: Knowledge, rows: Rows, row: int) -> bool:
    """Whether all that runs below a row was measured a short while ago: a part of it would look like all."""
    running = [each for number in _below(rows, row) if (each := known.standings[number]).running_since is not None]
    return bool(running) and all(_is_fresh(each, known.at) for each in running)


def _is_fresh(standing: Standing, now: datetime) -> bool:
    at = standing.drawn_at
    return standing.drawn_ma is not None and at is not None and abs(now - at) <= MEASURED_FOR


def _below(rows: Rows, row: int) -> list[int]:
    """The EVSEs that load a row."""
    found: list[int] = rows.entries.evse[rows.entries.row == row].tolist()
    return found


def _due_at(known: Knowledge, rows: Rows, draws: Draws, row: int) -> datetime:
    """When the slowest of those below that can be thought to obey has obeyed what it is told now."""
    takes_s = [known.standings[each].settles_s for each in _below(rows, row) if draws.controllable[each]]
    return known.at + TELLS_WITHIN + timedelta(seconds=max(takes_s, default=0.0))


def _late(known: Knowledge, rows: Rows, draws: Draws, row: int) -> tuple[Late, ...]:
    """Those below that may draw more than they were told, or can't be told."""
    found = []
    for number in _below(rows, row):
        standing, evse = known.standings[number], known.tree.evses[number]
        may_ma, ground = may_draw(standing, known.at)
        last = newest(standing, known.at)
        if may_ma and (not draws.controllable[number] or last is None or may_ma > last.limit_ma):
            found.append(
                Late(
                    station=evse.station, evse=evse.evse, may_draw_ma=may_ma, ground=ground.value,
                    obey_s=standing.settles_s,
                )
            )  # fmt: skip
    return tuple(sorted(found, key=lambda each: (-each.may_draw_ma, each.station, each.evse))[:MAX_LATE])
