"""What came of scenarios, side by side."""

from typing import Any

from msgspec import Struct

from forecourt.insight.siting.model import Place, Scenario
from forecourt.insight.siting.taking import Taken


class Outcome(Struct, frozen=True, kw_only=True):
    """One scenario. `value`, `bound` and `greedy` are demand within reach, or for a median km times demand; the gaps
    are shares of the bound. `mean_km` is the way to the nearest own site of all demand, for a median. `cost_minor` is
    what the sites cost, in whole minor units."""

    title: str
    scenario: Scenario
    value: float
    bound: float
    gap: float
    greedy: float
    greedy_gap: float
    demand: float
    mean_km: float | None
    sites: tuple[Place, ...]
    taken: Taken
    cost_minor: int = 0


class Report(Struct, frozen=True, kw_only=True):
    """Scenarios in the order asked; `words` say what they rest on and what they can't prove."""

    format: int = 1
    outcomes: tuple[Outcome, ...]
    words: tuple[str, ...]


def features(report: Report) -> dict[str, Any]:
    """The chosen sites as GeoJSON (RFC 7946), a point each, with its scenario and what it serves."""
    return {
        "type": "FeatureCollection",
        "features": [
            {
                "type": "Feature",
                "geometry": {"type": "Point", "coordinates": [site.longitude, site.latitude]},
                "properties": {"scenario": outcome.title, "name": site.name, "serves": served},
            }
            for outcome in report.outcomes
            for site, served in zip(outcome.sites, outcome.taken.each, strict=True)
        ],
    }
