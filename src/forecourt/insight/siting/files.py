"""What was chosen, as files to take along."""

from decimal import Decimal
from typing import Any, Final

import msgspec
from litestar import Response

from forecourt.insight.siting.report import Report, features
from forecourt.insight.siting.study import Study
from forecourt.platform.money import minor_digits
from forecourt.platform.sheets import csv_line
from forecourt.ui.files import CSV, file

COLUMNS: Final = ("scenario", "name", "latitude", "longitude", "plugs", "serves")
#: Of scenarios: values and bounds are demand within reach, or for a median km times demand.
SCENARIO_COLUMNS: Final = (
    "scenario", "method", "new_most", "reach_km", "sites", "value", "bound", "gap", "greedy", "greedy_gap", "demand",
    "mean_km", "serves", "taken_from_own", "net", "cost", "currency",
)  # fmt: skip


def rows(report: Report) -> str:
    """A row a chosen site of each scenario, as CSV."""
    lines = [csv_line(COLUMNS)]
    for outcome in report.outcomes:
        for site, serves in zip(outcome.sites, outcome.taken.each, strict=True):
            lines.append(csv_line([outcome.title, site.name, site.latitude, site.longitude, site.plugs, serves]))
    return "".join(lines)


def scenario_rows(report: Report, currency: str) -> str:
    """A row a scenario, as CSV: what was proven, what it rests on, what is only taken from own sites, and what it
    costs."""
    lines = [csv_line(SCENARIO_COLUMNS)]
    for each in report.outcomes:
        asked, found = each.scenario, each.taken
        values = [
            each.title, asked.method.value, asked.new, asked.reach_km, len(each.sites), each.value, each.bound,
            each.gap, each.greedy, each.greedy_gap, each.demand, "" if each.mean_km is None else each.mean_km,
            found.new, found.from_own, found.net,
            Decimal(each.cost_minor).scaleb(-minor_digits(currency)), currency,
        ]  # fmt: skip
        lines.append(csv_line(values))
    return "".join(lines)


def scenarios(study: Study) -> Response[bytes]:
    """Side by side, as CSV; their header alone until the study is done."""
    report = study.report or Report(outcomes=(), words=())
    content = scenario_rows(report, study.listed.wanted.currency).encode()
    return _file(study, content, "csv", CSV, "scenarios")


def table(study: Study) -> Response[bytes]:
    """As CSV; its header alone until the study is done."""
    return _file(study, rows(study.report or Report(outcomes=(), words=())).encode(), "csv", CSV)


def geojson(study: Study) -> Response[bytes]:
    """As GeoJSON (RFC 7946)."""
    return _file(study, msgspec.json.encode(points(study)), "geojson", "application/geo+json")


def points(study: Study) -> dict[str, Any]:
    """What GeoJSON says; no point until the study is done."""
    return features(study.report or Report(outcomes=(), words=()))


def _file(study: Study, content: bytes, ending: str, kind: str, what: str = "sites") -> Response[bytes]:
    return file(content, kind, f"{what}-{study.listed.study_id}.{ending}")
