"""What was chosen, as files to take along."""

from typing import Any, Final

import msgspec
from litestar import Response

from forecourt.insight.siting.service import Report, features
from forecourt.insight.siting.study import Study
from forecourt.platform.sheets import csv_line
from forecourt.ui.files import CSV, file

COLUMNS: Final = ("scenario", "name", "latitude", "longitude", "plugs", "serves")


def rows(report: Report) -> str:
    """A row a chosen site of each scenario, as CSV."""
    lines = [csv_line(COLUMNS)]
    for outcome in report.outcomes:
        for site, serves in zip(outcome.sites, outcome.taken.each, strict=True):
            lines.append(csv_line([outcome.title, site.name, site.latitude, site.longitude, site.plugs, serves]))
    return "".join(lines)


def table(study: Study) -> Response[bytes]:
    """As CSV; its header alone until the study is done."""
    return _file(study, rows(study.report or Report(outcomes=(), words=())).encode(), "csv", CSV)


def geojson(study: Study) -> Response[bytes]:
    """As GeoJSON (RFC 7946)."""
    return _file(study, msgspec.json.encode(points(study)), "geojson", "application/geo+json")


def points(study: Study) -> dict[str, Any]:
    """What GeoJSON says; no point until the study is done."""
    return features(study.report or Report(outcomes=(), words=()))


def _file(study: Study, content: bytes, ending: str, kind: str) -> Response[bytes]:
    name = f"sites-{study.listed.study_id}.{ending}"
    return file(content, kind, name)
