"""Hardware by its chance to end, and what is said of it, as CSV; the latter as imports read it."""

from collections.abc import Sequence
from typing import Final

from litestar import Response

from forecourt.insight.replacement.model import HardwareChange
from forecourt.insight.replacement.planned import YearAhead
from forecourt.insight.replacement.sheet import COLUMNS
from forecourt.platform.sheets import csv_line

UNIT_COLUMNS: Final = (
    "station", "site", "kind", "evse", "connector", "model", "put_in_on", "age_years", "chance_in_a_year",
    "replace_ahead",
)  # fmt: skip


def units(plan: YearAhead) -> Response[bytes]:
    """Hardware in use, the likeliest to end first."""
    lines = [csv_line(UNIT_COLUMNS)]
    for each in plan.units:
        place = each.place
        values = [
            each.station, each.site or "", place.kind.value, place.evse, place.connector, each.model,
            each.began_on.isoformat(), round(each.age_y, 2), round(each.chance, 4), each.ahead,
        ]  # fmt: skip
        lines.append(csv_line(values))
    return _file("replacement.csv", lines)


def changes(found: Sequence[HardwareChange]) -> Response[bytes]:
    """What is said of hardware."""
    lines = [csv_line(tuple(COLUMNS))]
    for each in found:
        place = each.place
        values = [
            each.station, place.kind.value, place.evse, place.connector, each.on.isoformat(), each.reason.value,
            each.note or "",
        ]  # fmt: skip
        lines.append(csv_line(values))
    return _file("hardware-changes.csv", lines)


def _file(name: str, lines: Sequence[str]) -> Response[bytes]:
    headers = {"content-disposition": f'attachment; filename="{name}"', "cache-control": "private, no-store"}
    return Response("".join(lines).encode(), media_type="text/csv; charset=utf-8", headers=headers)
