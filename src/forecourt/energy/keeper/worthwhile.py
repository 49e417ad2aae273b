"""The highest power that would have been best for the days that are over, of a real site: from the visits, the prices
and what its meters said then."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final
from zoneinfo import ZoneInfo

import numpy as np
from msgspec import Struct
from msgspec.structs import replace
from psycopg import AsyncConnection

from forecourt.energy import store
from forecourt.energy.planner.arrivals import Visit, midnight
from forecourt.energy.planner.lookback import LEAST_DAYS, LEAST_STEP, SHARE, past_cars, past_days
from forecourt.energy.planner.problem import Cars, Horizon, Problem, Unsolvable, Worth
from forecourt.energy.planner.solver import SiteSolver
from forecourt.energy.rows import Floats, Rows, adds_of, rows_of
from forecourt.energy.signals.model import Reading
from forecourt.energy.signals.outlook import LOOK_BACK, Known, signals_at
from forecourt.energy.site import SiteRecord, SiteTree

DAY: Final = timedelta(days=1)
#: For so long a meter that says nothing goes on measuring what it said last.
MEASURES_FOR: Final = timedelta(hours=1)
#: Visits that are looked back on at the most, and how long that may take; where it takes more, nothing is said.
MAX_VISITS: Final = 5_000
DEADLINE_S: Final = 20.0


class PastDays(Struct, frozen=True, kw_only=True):
    """Whole days before today, in steps as the demand charge has them: the cars as they came, the prices, the building,
    and what the limits left beside it, (rows, steps). On days that a meter didn't measure nothing happens."""

    cars: Cars
    horizon: Horizon
    rows: Rows
    limits: Floats
    worth: Worth


async def read_days(
    conn: AsyncConnection[Any], record: SiteRecord, visits: Sequence[Visit], now: datetime
) -> Callable[[], PastDays | None] | None:
    """What makes the days that are looked back on: it takes a while and asks nobody. None where there are too few."""
    assert record.tree is not None
    today = now.astimezone(ZoneInfo(record.zone)).date()
    days = past_days(visits, today, record.zone)
    row = await store.tariff_of(conn, record.tenant_id, record.site_id)
    if not days or row is None or len(visits) > MAX_VISITS:
        return None
    begin, end = midnight(today - timedelta(days=days), record.zone), midnight(today, record.zone)
    zone = row.tariff.price_zone
    prices = () if zone is None else await store.prices_between(conn, record.tenant_id, zone, begin - LOOK_BACK, end)
    meters = await store.readings_between(conn, record.tenant_id, record.site_id, begin, end)
    known = Known(tariff=row, prices=prices)
    return partial(days_of, record, known, meters, visits, begin, end, now)


def days_of(
    record: SiteRecord,
    known: Known,
    meters: Mapping[str, Sequence[Reading]],
    visits: Sequence[Visit],
    begin: datetime,
    end: datetime,
    now: datetime,
) -> PastDays | None:
    """None where no power is paid for by its peak, or too few days were measured."""
    assert record.tree is not None
    demand = signals_at(replace(record, tree=None), Known(tariff=known.tariff), now, []).demand
    if demand is None or not demand.charge_per_kw:
        return None
    step = max(LEAST_STEP, timedelta(minutes=demand.minutes))
    steps = (end - begin) // step
    outlook = signals_at(replace(record, tree=None), known, begin, [step / timedelta(hours=1)] * steps)
    price = np.array(outlook.price.values, dtype=np.float64)
    metered = [*(each.id for each in record.tree.loads), *(each.id for each in record.tree.solar)]
    kw = {id: _mean_kw(meters.get(id, ()), begin, steps, step) for id in metered}
    measured = _measured_days(list(kw.values()), begin, steps, step, record.zone)
    kw = {id: np.where(measured, each, 0.0) for id, each in kw.items()}
    share = float(measured.mean())
    if share * ((end - begin) / timedelta(days=1)) < LEAST_DAYS - 0.5:
        return None
    cars = past_cars([each for each in visits if _is_measured(each, measured, begin, step)], begin, end, step)
    rows, limits = _beside_loads(record.tree, kw, steps)
    nothing = np.zeros(steps)
    return PastDays(
        cars=cars,
        horizon=Horizon(
            hours=np.array(outlook.hours),
            price=price,
            feed_in=np.minimum(np.array(outlook.feed_in.values, dtype=np.float64), price),
            load_kw=sum((kw[each.id] for each in record.tree.loads), nothing),
            solar_kw=sum((kw[each.id] for each in record.tree.solar), nothing),
            limit_kw=np.full(steps, np.inf),
        ),
        rows=rows,
        limits=limits,
        # A month's peak is shared among as many days as are left of it.
        worth=Worth(
            unserved=float(record.settings.unserved_per_kwh),
            peak=float(demand.charge_per_kw) * share * ((end - begin) / max(demand.ends_at - now, DAY)),
        ),
    )


def worthwhile_w(past: PastDays | None) -> int:
    """The highest power that is as good as paid, in W; 0 where nothing can be told."""
    if past is None or not len(past.cars):
        return 0
    problem = Problem(cars=past.cars, horizon=past.horizon, rows=past.rows, limits=past.limits, worth=past.worth)
    try:
        return round(SiteSolver().solve(problem, DEADLINE_S).peak_kw * SHARE * 1000)
    except Unsolvable:
        return 0


def _mean_kw(readings: Sequence[Reading], begin: datetime, steps: int, step: timedelta) -> Floats:
    """In each step the mean of what was measured then, or else what was measured last before; NaN where that is too
    long ago."""
    total, count = np.zeros(steps), np.zeros(steps)
    for each in readings:
        at = (each.at - begin) // step
        if 0 <= at < steps:
            total[at] += each.power_w / 1000
            count[at] += 1
    found: Floats = np.full(steps, np.nan)
    np.divide(total, count, out=found, where=count > 0)
    last, holds = -1, MEASURES_FOR // step
    for at in range(steps):
        if count[at]:
            last = at
        elif last >= 0 and at - last <= holds:
            found[at] = found[last]
    return found


def _measured_days(kw: Sequence[Floats], begin: datetime, steps: int, step: timedelta, zone: str) -> Any:
    """Which steps are of days, by the clock of a zone, in which every meter measured all the time."""
    days = [(begin + number * step).astimezone(ZoneInfo(zone)).date() for number in range(steps)]
    missing = np.isnan(np.array(kw).reshape(len(kw), steps)).any(axis=0)
    holed = {days[int(number)] for number in np.flatnonzero(missing)}
    return np.array([day not in holed for day in days])


def _is_measured(visit: Visit, measured: Any, begin: datetime, step: timedelta) -> bool:
    first, last = (visit.came_at - begin) // step, -((begin - visit.left_at) // step)
    return bool(measured[max(first, 0) : max(last, first + 1, 1)].all())


def _beside_loads(tree: SiteTree, kw: Mapping[str, Floats], steps: int) -> tuple[Rows, Floats]:
    """The rows that may bind, and what the loads left of each in each step."""
    most = [(each.node, float(np.max(kw[each.id], initial=0.0))) for each in tree.loads]
    rows = rows_of(tree.electrics, most)
    limits = np.repeat(rows.limits[:, None], steps, axis=1)
    for each in tree.loads:
        limits = limits - np.abs(adds_of(tree.electrics, each.node, rows.names))[:, None] * np.maximum(kw[each.id], 0.0)
    return rows, np.maximum(limits, 0.0)
