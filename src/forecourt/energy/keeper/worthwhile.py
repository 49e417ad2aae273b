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
from forecourt.energy.planner.lookback import LEAST_STEP, SHARE, past_cars, past_days
from forecourt.energy.planner.problem import Cars, Horizon, Problem, Unsolvable, Worth
from forecourt.energy.planner.solver import SiteSolver
from forecourt.energy.rows import Rows, rows_of
from forecourt.energy.signals.model import Reading
from forecourt.energy.signals.outlook import LOOK_BACK, Known, signals_at
from forecourt.energy.site import SiteRecord

#: Visits that are looked back on at the most, and how long that may take; where it takes more, nothing is said.
MAX_VISITS: Final = 5_000
DEADLINE_S: Final = 20.0


class PastDays(Struct, frozen=True, kw_only=True):
    """Whole days before today, in steps of LEAST_STEP: the cars as they came, the prices and the building."""

    cars: Cars
    horizon: Horizon
    rows: Rows
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
    return partial(_days, record, known, meters, visits, begin, end, now)


def _days(
    record: SiteRecord,
    known: Known,
    meters: Mapping[str, Sequence[Reading]],
    visits: Sequence[Visit],
    begin: datetime,
    end: datetime,
    now: datetime,
) -> PastDays | None:
    """None where no power is paid for by its peak."""
    assert record.tree is not None
    steps = (end - begin) // LEAST_STEP
    demand = signals_at(replace(record, tree=None), Known(tariff=known.tariff), now, []).demand
    if demand is None or not demand.charge_per_kw:
        return None
    outlook = signals_at(replace(record, tree=None), known, begin, [LEAST_STEP / timedelta(hours=1)] * steps)
    price = np.array(outlook.price.values, dtype=np.float64)
    kw = {each.id: _mean_kw(meters.get(each.id, ()), begin, steps) for each in record.tree.attachments}
    nothing = np.zeros(steps)
    return PastDays(
        cars=past_cars(visits, begin, end, LEAST_STEP),
        horizon=Horizon(
            hours=np.array(outlook.hours),
            price=price,
            feed_in=np.minimum(np.array(outlook.feed_in.values, dtype=np.float64), price),
            load_kw=sum((kw[each.id] for each in record.tree.loads), nothing),
            solar_kw=sum((kw[each.id] for each in record.tree.solar), nothing),
            limit_kw=np.full(steps, np.inf),
        ),
        rows=rows_of(record.tree.electrics),
        # These days bear their share of what a month's peak costs.
        worth=Worth(
            unserved=float(record.settings.unserved_per_kwh),
            peak=float(demand.charge_per_kw) * ((end - begin) / (demand.ends_at - demand.begins_at)),
        ),
    )


def worthwhile_w(past: PastDays | None) -> int:
    """The highest power that is as good as paid, in W; 0 where nothing can be told."""
    if past is None or not len(past.cars):
        return 0
    problem = Problem(cars=past.cars, horizon=past.horizon, rows=past.rows, worth=past.worth)
    try:
        return round(SiteSolver().solve(problem, DEADLINE_S).peak_kw * SHARE * 1000)
    except Unsolvable:
        return 0


def _mean_kw(readings: Sequence[Reading], begin: datetime, steps: int) -> Any:
    """In each step what was measured then; nothing where nothing was."""
    found = np.zeros(steps)
    for each in readings:
        at = (each.at - begin) // LEAST_STEP
        if 0 <= at < steps:
            found[at] = each.power_w / 1000
    return found
