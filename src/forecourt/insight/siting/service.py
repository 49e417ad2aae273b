"""The verb: scenarios side by side, each with its gap, greedy beside it, and what is only taken from own sites."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from msgspec import Struct

from forecourt.insight.siting import covering, median
from forecourt.insight.siting.integer import Purse
from forecourt.insight.siting.model import (
    MAX_NEW,
    MAX_PAIRS,
    MAX_SCENARIOS,
    MAX_SECONDS,
    Asked,
    Chosen,
    Floats,
    Method,
    Place,
    Progress,
    Scenario,
    SitingRefused,
    SitingStopped,
    Split,
    Stopped,
    by_air,
    detours,
)
from forecourt.insight.siting.report import Outcome, Report
from forecourt.insight.siting.taking import Sites, taken
from forecourt.ui.i18n import mark

PROXY: Final = mark(
    "The gap is proven for this model and this demand alone. The demand is a proxy: that drivers come where it says was"
    " not measured, and no gap can show it. Plugs that stand somewhere show what was built, not who was turned away."
)
MEASURED: Final = mark(
    "The gap is proven for this model and this demand alone. The demand was measured where sites are: who never came"
    " for want of a site near is in no number."
)
_SPLITS: Final = {
    Split.NEAREST: mark(
        "Demand goes to the nearest site within reach, all of it; beyond reach it is served by nobody."
    ),
    Split.HUFF: mark("Demand goes to all sites within reach, by plugs over the square of the distance (Huff 1964)."),
}


class _Table(Struct, frozen=True):
    """Demand of one kind, in the way that the models want it."""

    weights: Floats
    candidates: Floats
    existing: Floats


def compare(asked: Asked, scenarios: Sequence[Scenario], progress: Progress, stopped: Stopped) -> Report:
    """All scenarios, one after the other. Deterministic unless time runs out. Raises SitingRefused, and SitingStopped
    when somebody wants an end before all are begun; the last one is told with the gap that is reached."""
    check(asked, scenarios)
    tables: dict[bool, _Table] = {}
    outcomes = []
    for number, scenario in enumerate(scenarios):
        if stopped():
            raise SitingStopped
        progress(scenario.title, number, len(scenarios))
        flows = scenario.method is Method.FLOW
        if flows not in tables:
            tables[flows] = _table(asked, flows=flows)
        outcomes.append(_outcome(asked, scenario, tables[flows], stopped))
    return Report(outcomes=tuple(outcomes), words=(MEASURED if asked.measured else PROXY, _SPLITS[asked.split]))


def check(asked: Asked, scenarios: Sequence[Scenario]) -> None:
    """Raises SitingRefused where these scenarios can't be chosen."""
    if not 0 < len(scenarios) <= MAX_SCENARIOS:
        raise SitingRefused(f"{len(scenarios)} scenarios are asked for; 1 to {MAX_SCENARIOS} go side by side.")
    for each in scenarios:
        held: Sequence[Any] = asked.flows if each.method is Method.FLOW else asked.demand
        what = "flows" if each.method is Method.FLOW else "demand"
        if not sum(one.weight for one in held) > 0:
            raise SitingRefused(f"{each.title}: there is no {what} above 0.")
        if len(held) * (len(asked.candidates) + len(asked.existing)) > MAX_PAIRS:
            raise SitingRefused(
                f"{len(held):,} of {what} by {len(asked.candidates) + len(asked.existing):,} places is more than"
                f" {MAX_PAIRS:,} distances. Put demand together, or leave candidates out."
            )
        if not 0 < each.new <= min(MAX_NEW, len(asked.candidates)):
            raise SitingRefused(
                f"{each.new} new sites of {len(asked.candidates)} candidates can't be chosen; at most {MAX_NEW} can."
            )
        if each.budget_minor is not None:
            _payable(asked, each)
        if not (each.reach_km > 0 and 0 < each.seconds <= MAX_SECONDS):
            raise SitingRefused(f"Reach is above 0 km, and a scenario may take up to {MAX_SECONDS:g} seconds.")


def _payable(asked: Asked, scenario: Scenario) -> None:
    """Raises SitingRefused where a budget pays for no site, or a median would have to choose by cost."""
    assert scenario.budget_minor is not None
    if min(asked.costs) > scenario.budget_minor:
        raise SitingRefused(f"{scenario.title}: the budget pays for none of the candidates.")
    if scenario.method is Method.MEDIAN and len(set(asked.costs)) > 1:
        raise SitingRefused(
            f"{scenario.title}: a median knows numbers of sites and no costs of each. With these costs, take covering"
            " or flow capture, or no budget."
        )


def _paid(asked: Asked, scenario: Scenario) -> tuple[int, Purse | None]:
    """How many new sites at the most, and where they cost differently what there is to pay with."""
    if scenario.budget_minor is None:
        return scenario.new, None
    costs = asked.costs
    if len(set(costs)) > 1:
        return scenario.new, Purse(costs=np.array(costs, dtype=np.int64), budget_minor=scenario.budget_minor)
    return min(scenario.new, scenario.budget_minor // costs[0] if costs[0] else scenario.new), None


def _table(asked: Asked, *, flows: bool) -> _Table:
    if flows:
        return _Table(
            np.array([each.weight for each in asked.flows]), detours(asked.flows, asked.candidates),
            detours(asked.flows, asked.existing),
        )  # fmt: skip
    return _Table(
        np.array([each.weight for each in asked.demand]), by_air(asked.demand, asked.candidates),
        by_air(asked.demand, asked.existing),
    )  # fmt: skip


def _outcome(asked: Asked, scenario: Scenario, table: _Table, stopped: Stopped) -> Outcome:
    own = np.array([each.own for each in asked.existing], dtype=np.bool_)
    # Own sites stay; others' are no reason not to come, they only keep what demand goes to them.
    fixed = table.existing[:, own].min(axis=1) if own.any() else np.full(len(table.weights), np.inf)
    chosen = _chosen(scenario, table, fixed, _paid(asked, scenario), stopped)
    picked = list(chosen.picked)
    total = float(table.weights.sum())
    return Outcome(
        title=scenario.title, scenario=scenario, value=chosen.value, bound=chosen.bound, gap=chosen.gap,
        greedy=chosen.greedy, greedy_gap=chosen.greedy_gap, demand=total,
        mean_km=chosen.value / total if scenario.method is Method.MEDIAN else None,
        sites=tuple(asked.candidates[each] for each in picked),
        taken=taken(
            Sites(distances=table.existing, plugs=_plugs(asked.existing), own=own),
            Sites(
                distances=table.candidates[:, picked], plugs=_plugs([asked.candidates[each] for each in picked]),
                own=np.ones(len(picked), dtype=np.bool_),
            ),
            table.weights, scenario.reach_km, asked.split,
        ),
        cost_minor=sum(asked.costs[each] for each in picked),
    )  # fmt: skip


def _chosen(
    scenario: Scenario, table: _Table, fixed: Floats, paid: tuple[int, Purse | None], stopped: Stopped
) -> Chosen:
    new, purse = paid
    if scenario.method is Method.MEDIAN:
        return median.solve(table.candidates, fixed, table.weights, new, seconds=scenario.seconds, stopped=stopped)
    return covering.solve(
        table.candidates, fixed, table.weights, new, scenario.reach_km, seconds=scenario.seconds, stopped=stopped,
        purse=purse,
    )  # fmt: skip


def _plugs(places: Sequence[Place]) -> Floats:
    return np.array([each.plugs for each in places], dtype=np.float64)
