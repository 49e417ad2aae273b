"""Hardware by its chance to end, and what is said of it, as sheets; the latter as imports read it."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, time
from fractions import Fraction
from typing import Final

from litestar import Response

from forecourt.insight.dashboards.answering import Answers
from forecourt.insight.dashboards.files import MEDIA_TYPES, Form, taken
from forecourt.insight.dashboards.model import Cell, Column, Table, Unit
from forecourt.insight.replacement.model import FIRST_DAY, HardwareChange
from forecourt.insight.replacement.planned import YearAhead
from forecourt.insight.replacement.sheet import COLUMNS
from forecourt.ui.files import file
from forecourt.ui.i18n import mark

_PLACE: Final = (
    Column(name="kind", label=mark("Part"), unit=Unit.TEXT),
    Column(name="evse", label=mark("EVSE"), unit=Unit.COUNT),
    Column(name="connector", label=mark("Connector"), unit=Unit.COUNT),
)


async def units(
    answers: Answers, tenant_id: int, plan: YearAhead, names: Mapping[str, str], form: Form
) -> Response[bytes]:
    """Hardware in use, the likeliest to end first. `names`: of sites."""
    columns = (
        Column(name="station", label=mark("Station"), unit=Unit.TEXT),
        Column(name="site", label=mark("Id of the site"), unit=Unit.TEXT),
        Column(name="site_name", label=mark("Site"), unit=Unit.TEXT),
        *_PLACE,
        Column(name="model", label=mark("Model"), unit=Unit.TEXT),
        Column(name="put_in_on", label=mark("Put in on"), unit=Unit.DAY),
        Column(name="age_years", label=mark("Age, years"), unit=Unit.MEAN),
        Column(name="chance_in_a_year", label=mark("Ends within a year"), unit=Unit.SHARE),
        Column(name="replace_ahead", label=mark("Replace ahead"), unit=Unit.TEXT),
    )
    rows: list[tuple[Cell, ...]] = [
        (
            each.station, each.site, names.get(each.site or "", each.site), each.place.kind.value, each.place.evse,
            each.place.connector, each.model, each.began_on, Fraction(each.age_y), Fraction(each.chance),
            "true" if each.ahead else "false",
        )
        for each in plan.units
    ]  # fmt: skip
    table = Table(key="units", title=mark("Replacement"), columns=columns, rows=rows)
    content = await taken(answers, tenant_id, table, form, "UTC", datetime.combine(plan.on, time(), UTC))
    return file(content, MEDIA_TYPES[form], f"replacement.{form}")


async def changes(answers: Answers, tenant_id: int, found: Sequence[HardwareChange], form: Form) -> Response[bytes]:
    """What is said of hardware."""
    columns = (
        Column(name="station", label=mark("Station"), unit=Unit.TEXT),
        *_PLACE,
        Column(name="on", label=mark("Day"), unit=Unit.DAY),
        Column(name="reason", label=mark("Why"), unit=Unit.TEXT),
        Column(name="note", label=mark("Note"), unit=Unit.TEXT),
    )
    assert {column.name for column in columns} == COLUMNS.keys(), "what is taken along comes in again"
    rows: list[tuple[Cell, ...]] = [
        (
            each.station, each.place.kind.value, each.place.evse, each.place.connector, each.on, each.reason.value,
            each.note,
        )
        for each in found
    ]  # fmt: skip
    table = Table(key="changes", title=mark("What was replaced"), columns=columns, rows=rows)
    said_at = max((each.said_at for each in found), default=datetime.combine(FIRST_DAY, time(), UTC))
    content = await taken(answers, tenant_id, table, form, "UTC", said_at)
    return file(content, MEDIA_TYPES[form], f"hardware-changes.{form}")
