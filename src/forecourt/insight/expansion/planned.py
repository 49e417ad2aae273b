"""What a site needs by the inputs of its operator, with bounds: what other weeks like those that were seen would say.

Weeks of the past are drawn again, each as often as chance has it (Efron 1979), and the load is counted anew from each
drawing. By how much a drawing lies above what was seen, the truth may lie below it: so bounds are turned about what was
seen (Davison and Hinkley 1997, the basic bootstrap), which takes away that the busiest of 24 hours is partly the
luckiest. What the operator says, and that the future is like the past, has no part in the bounds.
"""

from datetime import date
from decimal import Decimal
from math import sqrt
from typing import Final

import numpy as np
from msgspec import Struct, structs

from forecourt.insight.expansion.erlang import SizingRefused, blocking_each
from forecourt.insight.expansion.inputs import Inputs
from forecourt.insight.expansion.model import (
    DAYS_PER_YEAR,
    Load,
    Size,
    Target,
    payback_years,
    plugs_needed,
    size,
)
from forecourt.insight.expansion.past import SitePast

DAY_S: Final = 86_400
#: Times that the past is drawn again.
DRAWN: Final = 200
#: The share, 0 to 1, of drawings that bounds hold.
HELD: Final = 0.8
#: Sessions, and days from the first of them on, below which nothing is told: the day of a few cars is not that of a
#: site.
LEAST_SESSIONS: Final = 30
LEAST_DAYS: Final = 14
#: Weeks of a past below which there are no bounds.
LEAST_WEEKS: Final = 4


class Bounds(Struct, frozen=True, kw_only=True):
    """Eight of ten drawings of the past lie from `low` to `high`; None: more than any number."""

    low: float | None
    high: float | None


class Plan(Struct, frozen=True, kw_only=True):
    """One site. `reason` says why there is no `size`, `last_on` when the last session was where it is LONG_AGO, `seen`
    and `days` how many sessions were seen in how many days. Money in whole minor units a year: `margin_minor` is earned
    by the sessions more; bounds are None where the past is shorter than LEAST_WEEKS. `paid_in`: the money in which
    sessions were paid there, where none was in `currency`, and nobody said what one earns: then nothing is told of what
    is earned."""

    site: str
    name: str
    plug_w: int
    plug_known: bool
    own_inputs: bool
    currency: str
    reason: str | None = None
    last_on: date | None = None
    seen: int = 0
    days: int = 0
    weeks: int = 0
    load: Load | None = None
    size: Size | None = None
    revenue_minor: int | None = None
    margin_minor: int | None = None
    plugs_bounds: Bounds | None = None
    more_bounds: Bounds | None = None
    margin_bounds: Bounds | None = None
    payback_bounds: Bounds | None = None
    paid_in: tuple[str, ...] = ()


#: Why a site has no plan; words of pages.
NO_SESSION: Final = "no session was seen there"
LONG_AGO: Final = "no session was seen there in the last year"
TOO_LITTLE: Final = "too few sessions were seen there"
TOO_LARGE: Final = "it needs more plugs than are tried"


def plan(past: SitePast, inputs: Inputs, *, own: bool) -> Plan:
    """Deterministic: the drawings are always the same."""
    power = inputs.power(past.plug_w)
    known = inputs.plug_w is not None or past.plug_w is not None
    base = Plan(
        site=past.site, name=past.name, plug_w=power.plug_w, plug_known=known, own_inputs=own, currency=inputs.currency
    )
    if past.weeks is None:
        return structs.replace(base, reason=LONG_AGO if past.last_on else NO_SESSION, last_on=past.last_on)
    base = structs.replace(base, seen=past.weeks.seen, days=-(-int(past.weeks.held_s.sum()) // DAY_S))
    if base.seen < LEAST_SESSIONS or base.days < LEAST_DAYS:
        return structs.replace(base, reason=TOO_LITTLE)
    revenue = past.revenue(inputs.currency)
    costs = inputs.costs(power.plug_w, revenue or Decimal(0))
    load = past.weeks.load()
    try:
        found = size(load, inputs.target, power, costs)
    except SizingRefused:
        return structs.replace(base, reason=TOO_LARGE)
    abroad = tuple(sorted(past.paid)) if revenue is None and inputs.margin_minor is None else ()
    told = structs.replace(
        base, weeks=len(past.weeks.arrived), load=load, size=found,
        revenue_minor=None if revenue is None else round(revenue),
        margin_minor=None if abroad else round(found.more_a_year * costs.margin_minor), paid_in=abroad,
    )  # fmt: skip
    if told.weeks >= LEAST_WEEKS:
        told = _bounded(told, past, inputs, costs.margin_minor)
    return structs.replace(told, margin_bounds=None, payback_bounds=None) if abroad else told


def _bounded(told: Plan, past: SitePast, inputs: Inputs, margin_minor: int) -> Plan:
    assert past.weeks is not None
    assert told.size is not None
    assert told.load is not None
    count = told.weeks
    drawings = np.random.default_rng(0).multinomial(count, np.full(count, 1 / count), DRAWN).astype(np.float64)
    rates, busy = past.weeks.drawn(drawings)
    there, then = told.size.plugs_now, told.size.plugs
    served = DAYS_PER_YEAR * (rates * (blocking_each(busy, there) - blocking_each(busy, then))).sum(axis=1)
    # Few weeks drawn again vary less than weeks do.
    wider = sqrt(count / (count - 1))
    peaks = told.size.peak - wider * (busy.max(axis=1) - told.size.peak)
    more = np.maximum(told.size.more_a_year - wider * (served - told.size.more_a_year), 0.0).tolist()
    plugs = [_plugs(told.load, each, inputs.target) for each in peaks.tolist()]
    earned = [each * margin_minor for each in more]
    years = [payback_years(told.size.cost_minor, each) for each in earned] if told.size.cost_minor else []
    return structs.replace(
        told, plugs_bounds=_bounds(plugs), more_bounds=_bounds(more), margin_bounds=_bounds(earned),
        payback_bounds=_bounds([float("inf") if each is None else each for each in years]) if years else None,
    )  # fmt: skip


def _plugs(load: Load, peak: float, target: Target) -> float:
    """Those needed for so many erlang, none fewer than there are; infinite beyond what is tried."""
    try:
        return float(max(load.plugs, plugs_needed(structs.replace(load, erlang=(max(peak, 0.0),)), target)))
    except SizingRefused:
        return float("inf")


def _bounds(values: list[float]) -> Bounds:
    ordered = sorted(values)
    out = round((1 - HELD) / 2 * len(ordered))
    low, high = ordered[out], ordered[-1 - out]
    return Bounds(low=None if np.isinf(low) else low, high=None if np.isinf(high) else high)
