"""Tables as files: CSV and Excel for spreadsheets, Parquet with its types, JSON. Shares are decimals there, to the
millionth."""

import csv
import io
from datetime import date, datetime
from enum import StrEnum
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final

import msgspec

from forecourt.insight.dashboards.answering import Answers
from forecourt.insight.dashboards.model import Cell, Table, Unit
from forecourt.insight.dashboards.workbook import XLSX, workbook
from forecourt.insight.turns import NEVER, Halt
from forecourt.platform.sheets import plain_cell
from forecourt.ui.files import CSV

if TYPE_CHECKING:
    import pyarrow as pa

PLACES: Final = 6


class Form(StrEnum):
    """As what a table is taken away."""

    CSV = "csv"
    XLSX = "xlsx"
    PARQUET = "parquet"
    JSON = "json"


MEDIA_TYPES: Final = {
    Form.CSV: CSV,
    Form.XLSX: XLSX,
    Form.PARQUET: "application/vnd.apache.parquet",
    Form.JSON: "application/json",
}


#: As what lists are taken away that are tables of no family.
SHEETS: Final = (Form.CSV, Form.XLSX)


def form_of(path: str) -> Form:
    """The form that a path ends with."""
    return Form(path.rpartition(".")[2])


def written(table: Table, form: Form, zone: str, made_at: datetime, halt: Halt = NEVER) -> bytes:
    """The whole table in that form; of a workbook times are of a zone's clock, and it says when it was made. A long one
    takes seconds: threads write it. Raises BrokenOff."""
    if form == Form.XLSX:
        return workbook(table, zone, made_at, halt)
    if form == Form.CSV:
        text = io.StringIO()
        lines = csv.writer(text, lineterminator="\r\n")
        lines.writerow([column.name for column in table.columns])
        lines.writerows([[_text(cell) for cell in row] for row in table.rows])
        return text.getvalue().encode()
    if form == Form.JSON:
        names = [column.name for column in table.columns]
        return msgspec.json.encode([dict(zip(names, map(plain, row), strict=True)) for row in table.rows])
    return _parquet(table)


async def taken(answers: Answers, tenant_id: int, table: Table, form: Form, zone: str, made_at: datetime) -> bytes:
    """The same, in its turn. Raises AnswerTooSlow."""
    return await answers.file(tenant_id, lambda halt: written(table, form, zone, made_at, halt))


def plain(cell: Cell) -> str | int | float | date | datetime | None:
    """A cell as JSON knows it."""
    return round(float(cell), PLACES) if isinstance(cell, Fraction) else cell


def _text(cell: Cell) -> str:
    if isinstance(cell, Fraction):
        return f"{float(cell):.{PLACES}f}"
    if isinstance(cell, date):
        return cell.isoformat()
    return "" if cell is None else plain_cell(cell) if isinstance(cell, str) else str(cell)


def _parquet(table: Table) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    arrays: list[Any] = []
    for column in table.columns:
        arrays.append(pa.array([plain(cell) for cell in table.cells(column.name)], _type(column.unit)))
    sink = io.BytesIO()
    pq.write_table(pa.table(dict(zip([column.name for column in table.columns], arrays, strict=True))), sink)
    return sink.getvalue()


def _type(unit: Unit) -> "pa.DataType":
    import pyarrow as pa

    if unit == Unit.TEXT:
        return pa.string()
    if unit == Unit.DAY:
        return pa.date32()
    if unit == Unit.TIME:
        return pa.timestamp("us", tz="UTC")
    # Means of whole seconds are fractions, sums are whole: both are exact to far beyond the millionth.
    return pa.float64() if unit in (Unit.SHARE, Unit.MEAN, Unit.SECONDS) else pa.int64()
