"""Tables as Excel workbooks: numbers are numbers, texts are texts.

Energy is in kWh, money in the currency's own unit, times are of a zone's clock; only what is shown is rounded.
"""

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction
from io import BytesIO
from typing import Any, Final
from zoneinfo import ZoneInfo

from forecourt.insight.dashboards import words
from forecourt.insight.dashboards.model import NO_SITE, Cell, Table, Unit
from forecourt.insight.turns import NEVER, Halt
from forecourt.platform.money import minor_digits
from forecourt.ui import formats
from forecourt.ui.i18n import gettext as _

#: The media type of workbooks.
XLSX: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
#: Characters of the name of a sheet, and those that none may have.
MAX_TITLE: Final = 31
FORBIDDEN: Final = str.maketrans(dict.fromkeys("[]:*?/\\'", " "))
#: How cells look, by unit; money by its currency's digits.
_LOOKS: Final = {
    Unit.COUNT: "#,##0",
    Unit.SECONDS: "[h]:mm:ss",
    Unit.ENERGY: "#,##0.000",
    Unit.MASS: "#,##0.000",
    Unit.SHARE: "0.0%",
    Unit.MEAN: "0.00",
    Unit.DAY: "yyyy-mm-dd",
    Unit.TIME: "yyyy-mm-dd hh:mm:ss",
}
#: What stands behind the title of a column.
UNITS: Final = {Unit.SECONDS: "h:mm:ss", Unit.ENERGY: "kWh", Unit.MASS: "kg", Unit.SHARE: "%"}
DAY_S: Final = 86_400
WIDTH: Final = 18


class Book:
    """A workbook that is being written."""

    def __init__(self, file: BytesIO, *, name: str, author: str = "", zone: str, made_at: datetime) -> None:
        import xlsxwriter

        # Not one text is read as anything else; and the same again is the same file.
        self._book = xlsxwriter.Workbook(
            file, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False,
                   "strings_to_numbers": False, "remove_timezone": False},
        )  # fmt: skip
        self._book.set_properties({"title": name, "author": author, "created": made_at.replace(tzinfo=None)})
        self._zone = ZoneInfo(zone)
        self._looks: dict[str, Any] = {}
        self._bold = self._book.add_format({"bold": True})
        self._names: set[str] = set()

    def sheet(self, *titles: str) -> Any:
        """One more sheet, by the first of these names that no other has; a number tells equal ones apart."""
        names = [title.translate(FORBIDDEN).strip()[:MAX_TITLE] for title in titles]
        names += [f"{names[-1][: MAX_TITLE - 4]} {number}" for number in range(2, len(self._names) + 3)]
        name = next(each for each in names if each.lower() not in self._names)
        self._names.add(name.lower())
        return self._book.add_worksheet(name)

    def head(self, sheet: Any, row: int, texts: Sequence[str]) -> None:
        for column, text in enumerate(texts):
            sheet.write_string(row, column, text, self._bold)

    def cell(self, sheet: Any, row: int, column: int, cell: Cell, unit: Unit, currency: str | None) -> None:
        """Writes it as what it is; nothing for nothing."""
        if cell is None:
            return
        if isinstance(cell, str):
            sheet.write_string(row, column, words.value(cell, unit))
        elif isinstance(cell, datetime):
            local = cell.astimezone(self._zone).replace(tzinfo=None)
            sheet.write_datetime(row, column, local, self._look(_LOOKS[Unit.TIME]))
        elif isinstance(cell, date):
            sheet.write_datetime(row, column, cell, self._look(_LOOKS[Unit.DAY]))
        elif unit == Unit.MONEY:
            digits = minor_digits(currency or "")
            look = "#,##0" + ("." + "0" * digits if digits else "")
            sheet.write_number(row, column, Decimal(int(cell)).scaleb(-digits), self._look(look))
        else:
            sheet.write_number(row, column, _number(cell, unit), self._look(_LOOKS[unit]))

    def table(self, sheet: Any, table: Table, halt: Halt = NEVER) -> None:
        """Writes all of a table, its head in the language that is being spoken. Raises BrokenOff."""
        sheet.set_column(0, len(table.columns) - 1, WIDTH)
        sheet.freeze_panes(1, 0)
        heads = [f"{words.said(each.label)} ({UNITS[each.unit]})" if each.unit in UNITS
                 else words.heading(each, words.said(each.label)) for each in table.columns]  # fmt: skip
        self.head(sheet, 0, heads)
        for number, row in enumerate(table.rows, 1):
            halt.check()
            for place, (column, cell) in enumerate(zip(table.columns, row, strict=True)):
                is_nameless = cell in ("", NO_SITE) and column.name != "place"
                written = words.cell(table, row, place) if is_nameless else cell
                self.cell(sheet, number, place, written, column.unit, words.currency(table, row, place))
        if table.left_out:
            sheet.write_string(
                len(table.rows) + 1, 0, _("%(n)s more rows are left out.") % {"n": formats.count(table.left_out)}
            )

    def close(self) -> None:
        self._book.close()

    def _look(self, form: str) -> Any:
        if form not in self._looks:
            self._looks[form] = self._book.add_format({"num_format": form})
        return self._looks[form]


def workbook(table: Table, zone: str, made_at: datetime, halt: Halt = NEVER) -> bytes:
    """A workbook of one table, in the language that is being spoken. Raises BrokenOff."""
    file = BytesIO()
    book = Book(file, name=words.said(table.title), zone=zone, made_at=made_at)
    book.table(book.sheet(words.said(table.title)), table, halt)
    book.close()
    return file.getvalue()


def _number(cell: int | Fraction, unit: Unit) -> float | Decimal:
    """As a spreadsheet counts: kWh, kg, days."""
    if unit in (Unit.ENERGY, Unit.MASS):
        return Decimal(int(cell)).scaleb(-3)
    return float(Fraction(cell, DAY_S)) if unit == Unit.SECONDS else float(cell)
