"""The verbs: find actions and measure those that were taken, each night; decide on one."""

import asyncio
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from psycopg.errors import UniqueViolation

from forecourt.access import Actor
from forecourt.access.auditing import audit
from forecourt.access.members import find_organisation
from forecourt.energy.service.told import demand_tariffs
from forecourt.insight.actions import store
from forecourt.insight.actions.finding import DAYS, Daily, Demand, daily, found
from forecourt.insight.actions.measuring import MOST_WEEKS, measured, weeks_of, window
from forecourt.insight.actions.model import MAX_OPEN, Action, ActionSettled, ActionUnknown, Kind, Measured, State
from forecourt.insight.actions.rules import chosen
from forecourt.insight.dashboards.answering import FILE_WITHIN_S, Answers, Lake
from forecourt.insight.store import Connection
from forecourt.platform.clock import Clock
from forecourt.platform.database import Pool
from forecourt.platform.money import minor_digits

#: Sites whose demand charge is looked up.
MAX_SITES: Final = 1_000
#: How long what was dismissed is not raised again, and what was taken while it is measured.
QUIET: Final = timedelta(days=90)
#: How long what was decided is kept.
KEEP: Final = timedelta(days=800)


class Finder:
    """Finds and measures actions from lakes below a folder. `tenants` is a pool of role forecourt_app."""

    def __init__(self, tenants: Pool, clock: Clock, root: Path) -> None:
        self._tenants = tenants
        self._clock = clock
        self._root = root

    async def find(self, tenant_id: int) -> int:
        """Has what the latest snapshot tells be the open actions, and measures what was taken; how many are open.
        The same again changes nothing. Raises LakeMissing."""
        now = self._clock.now()
        lake = await Answers(self._root, FILE_WITHIN_S).lake(tenant_id)
        async with self._tenants.tenant(tenant_id) as conn:
            demands = await _demands(conn, tenant_id)
            decided = await store.decided_since(conn, tenant_id, now - QUIET)
            zone = (await find_organisation(conn, tenant_id)).time_zone
        proposals = await asyncio.to_thread(found, self._root, tenant_id, lake, demands)
        told = await self._measured(tenant_id, lake, decided, zone)
        async with self._tenants.tenant(tenant_id) as conn:
            # What somebody decided meanwhile is not raised beside that.
            quiet = {each.place for each in await store.decided_since(conn, tenant_id, now - QUIET)}
            wanted = chosen([each for each in proposals if each.place not in quiet], MAX_OPEN)
            await store.keep_open(conn, tenant_id, wanted, now)
            for action_id, result in told:
                await store.keep_measured(conn, tenant_id, action_id, result)
            await store.forget(conn, tenant_id, now - KEEP)
        return len(wanted)

    async def _measured(
        self, tenant_id: int, lake: Lake, decided: Sequence[Action], zone: str
    ) -> list[tuple[int, Measured]]:
        taken = [each for each in decided if each.state == State.TAKEN and each.kind != Kind.PEAK]
        days = {each.id: _day(each.decided_at, zone) for each in taken}
        open_yet = [each for each in taken if each.measured is None or each.measured.weeks_after < MOST_WEEKS]
        if not open_yet:
            return []
        since = min(each.decided_at or lake.watermark for each in open_yet) - timedelta(days=DAYS + 2)
        sums = await asyncio.to_thread(daily, self._root, tenant_id, lake, since)
        results = [(each.id, result_of(sums, each, days[each.id], taken)) for each in open_yet]
        return [(action_id, result) for action_id, result in results if result is not None]


def _day(at: datetime | None, zone: str) -> date:
    assert at is not None
    return at.astimezone(ZoneInfo(zone)).date()


def result_of(sums: Daily, action: Action, taken_on: date, taken: Sequence[Action]) -> Measured | None:
    """Against the sites that were there all the time and at which nothing was taken up meanwhile. None for a place that
    was not there before: of what is new, nobody knows what it would have come to."""
    weeks = weeks_of(taken_on, sums.begins, sums.ends)
    if weeks is None:
        return None
    days = window(taken_on, weeks)
    if not sums.is_old(action.site, action.station, days[0]):
        return None
    sites = {each.site for each in taken if each.site} | ({action.site} if action.site else set())
    stations = [each.station for each in taken if each.station]
    return measured(
        sums.of(action.site, action.station, action.currency), sums.elsewhere(sites, stations, action.currency, days),
        taken_on, sums.begins, sums.ends,
    )  # fmt: skip


async def _demands(conn: Connection, tenant_id: int) -> dict[str, Demand]:
    """Of sites with a demand charge and without smart charging."""
    demands: dict[str, Demand] = {}
    for site, tariff in await demand_tariffs(conn, tenant_id, MAX_SITES):
        minor = tariff.demand_charge_per_kw.scaleb(minor_digits(tariff.currency))
        demands[site] = Demand(charge=float(minor), currency=tariff.currency)
    return demands


async def decide(conn: Connection, actor: Actor, action_id: int, state: State, now: datetime) -> Action:
    """Puts an action into a state, also one that was decided before; the same again changes nothing. Raises
    ActionUnknown, ActionSettled."""
    action = await store.find_action(conn, actor.tenant_id, action_id, lock=True)
    if action is None:
        raise ActionUnknown
    if action.state == state:
        return action
    if state == State.OPEN and await store.has_open(conn, actor.tenant_id, action):
        raise ActionSettled
    by_whom = None if state == State.OPEN else str(actor)
    try:
        await store.decide(conn, actor.tenant_id, action_id, state, None if state == State.OPEN else now, by_whom)
    except UniqueViolation as again:
        # Found again in this moment.
        raise ActionSettled from again
    await audit(conn, actor, "decide on an action", f"action:{action_id}", {"from": action.state, "to": state})
    changed = await store.find_action(conn, actor.tenant_id, action_id)
    assert changed is not None
    return changed
