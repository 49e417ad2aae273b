"""How much more may flow than limits allow, after a cut until stations have obeyed, and who is late.

Found beside the loop, which has stations to tell, and written only where it says something else than what was written.
"""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from itertools import islice
from typing import Final
from uuid import UUID

import numpy as np
import psycopg
import structlog
from msgspec.structs import replace

from forecourt.energy.dispatch.standing import (
    MEASURED_FOR,
    TELLS_WITHIN,
    Draws,
    is_fresh,
    may_draw,
    newest,
)
from forecourt.energy.keeper.notes import FAULTS
from forecourt.energy.planning.knowledge import Knowledge
from forecourt.energy.planning.limits import Room
from forecourt.energy.rows import Floats, Ints, Rows
from forecourt.energy.store.excesses import Excess, Late, keep_excesses
from forecourt.energy.store.leases import keep_lease
from forecourt.platform.clock import is_recent
from forecourt.platform.database import Pool
from forecourt.platform.errors import ForecourtError

log = structlog.get_logger(__name__)

#: What counts above a limit by no more, the larger of both, is no excess: meters are wrong by as much.
SLIGHT: Final = 0.01
SLIGHT_A: Final = 0.5
SLIGHT_KW: Final = 0.1
#: EVSEs that are named of one excess, those first that may draw most.
MAX_LATE: Final = 20


class Excesses:
    """Of one site, as they were written last, as long as it is the `holder` (None: nobody else ever is)."""

    def __init__(self, tenant_id: int, site_id: int, *, tenants: Pool, holder: UUID | None = None) -> None:
        self.tenant_id, self.site_id = tenant_id, site_id
        self._tenants = tenants
        self._holder = holder
        #: None: what others wrote nobody knows.
        self._written: dict[tuple[str, str], Excess] | None = None

    @property
    def go_on(self) -> bool:
        """Whether any may stand there that is over now."""
        return self._written is None or bool(self._written)

    async def note(self, known: Knowledge, room: Room, draws: Draws) -> None:
        """Keep what is found now. Nothing that is wrong with it may keep stations from being told."""
        try:
            found = await asyncio.to_thread(excesses_of, known, room, draws)
            await self.keep(found, known.at)
        except (psycopg.Error, ForecourtError, OSError) as fault:
            log.warning("an excess can't be kept", site=self.site_id, fault=type(fault).__name__)
        except Exception:
            log.exception("an excess can't be kept", site=self.site_id)
            FAULTS.inc()

    async def keep(self, found: Sequence[Excess], now: datetime) -> None:
        """Write these, and that all others are over, unless that is what was written last, or others hold the site."""
        written = self._written
        if written is not None and not _says_more(found, written):
            return
        self._written = None
        async with self._tenants.tenant(self.tenant_id) as conn:
            if not await keep_lease(conn, self.tenant_id, self.site_id, self._holder):
                return
            await keep_excesses(conn, self.tenant_id, self.site_id, found, now)
        before = written or {}
        self._written = {
            key: replace(_joined(each, before.get(key)), late=each.late)
            for each in found
            for key in ((each.node, each.unit),)
        }


def _says_more(found: Sequence[Excess], written: Mapping[tuple[str, str], Excess]) -> bool:
    """Whether one began or is over, less is allowed or more counted or measured, or others are late."""
    return {(each.node, each.unit) for each in found} != written.keys() or any(
        _joined(each, before) != before or _who(each) != _who(before)
        for each in found
        for before in (written[each.node, each.unit],)
    )


def _who(excess: Excess) -> list[tuple[str, int, str]]:
    return [(each.station, each.evse, each.ground) for each in excess.late]


def _joined(found: Excess, before: Excess | None) -> Excess:
    """As the row is that holds both: the least that was allowed and the most that was counted and measured."""
    if before is None:
        return found
    measured = [(each.measured, each.at_most) for each in (before, found) if each.measured is not None]
    most, at_most = max(measured, key=lambda each: each[0], default=(None, False))
    cut = found.allowed < before.allowed
    return replace(
        before,
        due_at=max(before.due_at, found.due_at) if cut else before.due_at,
        allowed=min(found.allowed, before.allowed),
        counted=max(found.counted, before.counted),
        measured=most,
        at_most=at_most,
    )


def excesses_of(known: Knowledge, room: Room, draws: Draws) -> list[Excess]:
    """Of each node at most one of its currents, the conductor that is worst, and one of its power; none that is no more
    than SLIGHT."""
    rows = room.now()
    counted, measured = rows.loads(draws.may_a), _measured(known, rows)
    worst: dict[tuple[str, bool], int] = {}
    slight = np.maximum(
        rows.limits * SLIGHT, [SLIGHT_KW if each.endswith(" power") else SLIGHT_A for each in rows.names]
    )
    exceeded = np.nonzero(counted > rows.limits + slight)[0].tolist()
    if not exceeded:
        return []
    late = _Lateness(known, draws)
    for row in exceeded:
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
            due_at=late.due_at(_below(rows, row)),
            allowed=round(float(rows.limits[row]) * 1000),
            counted=round(float(counted[row]) * 1000),
            measured=round(float(measured[row]) * 1000) if _is_measured(known, rows, row) else None,
            late=late.of(_below(rows, row)),
            at_most=not power and _is_measured(known, rows, row) and _is_guessed(known, rows, row),
        )
        for (node, power), row in worst.items()
    ]


def _measured(known: Knowledge, rows: Rows) -> Floats:
    """The most that flows in each row in A by what was measured of EVSEs a short while ago; of rows of power the kW
    that were."""
    drawn_a, power_a = np.zeros(len(known.standings)), np.zeros(len(known.standings))
    for number, each in enumerate(known.standings):
        if each.drawn_ma is not None and is_fresh(each, known.at):
            # All that nobody knows on how many conductors it flows may be on one, as far as that can give it.
            most_ma = each.drawn_ma if each.drawn_most_ma is None else min(each.drawn_most_ma, each.max_ma)
            drawn_a[number] = max(each.drawn_ma, most_ma) / 1000
            power_a[number] = each.drawn_ma / 1000
    for car in known.cars:
        column, at = known.tree.numbers.get(car.evse_id), car.power_at
        if column is None or car.power_w is None or at is None or not is_recent(at, known.at, MEASURED_FOR):
            continue
        power_a[column] = car.power_w / known.tree.watts_told(known.tree.evses[column])
    of_power = np.array([each.endswith(" power") for each in rows.names], dtype=np.bool_)
    return np.where(of_power, rows.loads(power_a), rows.loads(drawn_a))


def _is_measured(known: Knowledge, rows: Rows, row: int) -> bool:
    """Whether all that runs below a row was measured a short while ago: a part of it would look like all."""
    running = [
        each for number in _below(rows, row).tolist() if (each := known.standings[number]).running_since is not None
    ]
    return bool(running) and all(is_fresh(each, known.at) for each in running)


def _is_guessed(known: Knowledge, rows: Rows, row: int) -> bool:
    """Whether nobody knows on how many conductors it flows what was measured below a row."""
    found = (known.standings[number] for number in _below(rows, row).tolist())
    return any(each.drawn_most_ma is not None and each.drawn_most_ma > (each.drawn_ma or 0) for each in found)


def _below(rows: Rows, row: int) -> Ints:
    """The EVSEs that load a row."""
    found: Ints = rows.entries.evse[rows.entries.row == row]
    return found


class _Lateness:
    """Who is late at a site now, found once however many of its nodes exceed their limits."""

    def __init__(self, known: Knowledge, draws: Draws) -> None:
        self._known, self._draws = known, draws
        told_a = np.zeros(len(known.standings))
        for number in np.nonzero(draws.may_a)[0].tolist():
            last = newest(known.standings[number], known.at)
            told_a[number] = -1.0 if last is None else last.limit_ma / 1000
        #: Those that may draw more than they were told, or can't be told, those first that may draw most.
        is_late = (draws.may_a > 0) & (~draws.controllable | (draws.may_a > told_a + 1e-9))
        self._late = sorted(np.nonzero(is_late)[0].tolist(), key=self._place)

    def _place(self, number: int) -> tuple[float, str, int]:
        evse = self._known.tree.evses[number]
        return -float(self._draws.may_a[number]), evse.station, evse.evse

    def due_at(self, below: Ints) -> datetime:
        """When the slowest of these that can be thought to obey has obeyed what it is told now."""
        standings = self._known.standings
        takes_s = [standings[each].settles_s for each in below[self._draws.controllable[below]].tolist()]
        return self._known.at + TELLS_WITHIN + timedelta(seconds=max(takes_s, default=0.0))

    def of(self, below: Ints) -> tuple[Late, ...]:
        """The first MAX_LATE of these that are late."""
        known, here = self._known, set(below.tolist())
        found = []
        for number in islice((each for each in self._late if each in here), MAX_LATE):
            standing, evse = known.standings[number], known.tree.evses[number]
            may_ma, ground = may_draw(standing, known.at)
            found.append(
                Late(
                    station=evse.station, evse=evse.evse, may_draw_ma=may_ma, ground=ground.value,
                    obey_s=standing.settles_s,
                )
            )  # fmt: skip
        return tuple(found)
