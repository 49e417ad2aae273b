"""A report as an Excel workbook: a sheet of figures, and one for each table; times are the organisation's."""

from datetime import datetime
from io import BytesIO

from forecourt.insight.dashboards import words
from forecourt.insight.dashboards.model import Unit
from forecourt.insight.dashboards.words import said
from forecourt.insight.dashboards.workbook import UNITS, WIDTH, Book
from forecourt.insight.reports.told import TITLES, Told, remarks
from forecourt.ui.i18n import gettext as _


def xlsx_of(told: Told) -> bytes:
    """The whole report, in the language that is being spoken."""
    file = BytesIO()
    made_at = told.known_at or datetime.combine(told.last_day, datetime.min.time())
    book = Book(file, name=told.name, author=told.organisation, zone=told.zone, made_at=made_at)
    _figures(book, told)
    for family, answer in told.answers:
        for table in answer.tables:
            if words.tells(table):
                sheet = book.sheet(said(table.title), f"{said(TITLES[family])}, {said(table.title)}")
                book.table(sheet, table)
    book.close()
    return file.getvalue()


def _figures(book: Book, told: Told) -> None:
    sheet = book.sheet(_("Figures"))
    sheet.set_column(0, 5, WIDTH)
    book.head(sheet, 0, [told.name])
    sheet.write_string(1, 0, told.organisation)
    sheet.write_string(2, 0, told.of)
    for column, day in enumerate((told.first_day, told.last_day)):
        book.cell(sheet, 3, column, day, Unit.DAY, None)
    sheet.write_string(3, 2, told.zone)
    if told.known_at is not None:
        sheet.write_string(4, 0, _("Known until"))
        book.cell(sheet, 4, 1, told.known_at, Unit.TIME, None)
    row = 5
    for family, answer in told.answers:
        for line in remarks(answer):
            sheet.write_string(row, 0, f"{said(TITLES[family])}: {line}")
            row += 1
    book.head(sheet, row + 1, [_("Part"), _("Figure"), _("Value"), _("The days before"), _("Unit")])
    row += 2
    for family, answer in told.answers:
        for figure in answer.figures:
            sheet.write_string(row, 0, said(TITLES[family]))
            sheet.write_string(row, 1, said(figure.label))
            known = words.figure(figure) if figure.value is None and figure.unit == Unit.MONEY else figure.value
            book.cell(sheet, row, 2, known, figure.unit, figure.currency)
            book.cell(sheet, row, 3, figure.before, figure.unit, figure.currency)
            sheet.write_string(row, 4, figure.currency or UNITS.get(figure.unit, ""))
            row += 1
