"""A report as a PDF: figures with what they were before, a picture of what came over time, and the first rows of each
table. Nothing in it is an image: it can be searched and enlarged."""

from collections.abc import Sequence
from datetime import date
from io import BytesIO
from typing import Any, Final

from forecourt.insight.dashboards import words
from forecourt.insight.dashboards.model import Answer, Table, Unit
from forecourt.insight.dashboards.words import said
from forecourt.insight.reports.told import TITLES, Told, remarks
from forecourt.ui import formats, i18n
from forecourt.ui.i18n import gettext as _
from forecourt.ui.paper import FONT, styles, worded

#: Rows of a table on paper, and columns; the sheets have all.
MAX_ROWS: Final = 40
MAX_COLUMNS: Final = 10
#: Tables that paper is too narrow for: 168 hours.
LEFT_OUT: Final = frozenset({"hour_of_week"})
#: What is drawn of which tables: bars, in kWh where they are of energy; and of which the rows are left out then.
DRAWN: Final = {"timeline": "energy_wh", "outcomes": "charged", "hour_of_day": "sessions"}
ONLY_DRAWN: Final = frozenset({"hour_of_day"})
#: How much of the highest bar is left free above it.
ROOM: Final = 1.08
#: Words below the bars.
MAX_TICKS: Final = 12
MARGIN: Final = 42
WIDTH: Final = 595 - 2 * MARGIN
HEIGHT: Final = 120


def pdf_of(told: Told) -> bytes:
    """The report, in the language that is being spoken and by its own clock."""
    from reportlab.lib.pagesizes import A4
    from reportlab.platypus import CondPageBreak, Paragraph, SimpleDocTemplate, Spacer

    look = styles()
    file = BytesIO()
    document = SimpleDocTemplate(
        file, pagesize=A4, title=told.name, author=told.organisation, leftMargin=MARGIN, rightMargin=MARGIN,
        topMargin=MARGIN, bottomMargin=MARGIN, lang=i18n.current().language, invariant=1,
        initialFontName=FONT,
    )  # fmt: skip
    story: list[Any] = [Paragraph(worded(told.name), look["Title"])]
    story += [Paragraph(worded(line), look["Normal"]) for line in _head(told)]
    for family, answer in told.answers:
        story += [CondPageBreak(HEIGHT), Spacer(1, 14), Paragraph(worded(said(TITLES[family])), look["Heading1"])]
        story += _part(answer, look)
    document.build(story, onFirstPage=_numbered, onLaterPages=_numbered)
    return file.getvalue()


def _head(told: Told) -> list[str]:
    days = {"first": formats.date_of(told.first_day), "last": formats.date_of(told.last_day), "zone": told.zone}
    lines = [
        f"{told.organisation} · {told.of}",
        _("From %(first)s to %(last)s, by the clock of %(zone)s, beside as many days before.") % days,
    ]
    if not told.whole and told.known_at is not None:
        lines.append(_("Not all is known yet: only what happened until %(at)s.") % {"at": i18n.stamp(told.known_at)})
    return lines


def _part(answer: Answer, look: Any) -> list[Any]:
    from reportlab.platypus import CondPageBreak, Paragraph, Spacer

    story: list[Any] = [Paragraph(worded(line), look["Normal"]) for line in remarks(answer)]
    if answer.too_few:
        return story
    if not answer.figures and not any(words.tells(table) for table in answer.tables):
        return [*story, Paragraph(worded(_("There is nothing to tell of these days.")), look["Normal"])]
    if story:
        story.append(Spacer(1, 6))
    if answer.figures:
        head = [_("Figure"), _("Value"), _("The days before"), _("Changed by")]
        rows = [
            [
                said(each.label),
                words.figure(each),
                words.value(each.before, each.unit, each.currency),
                words.change(each),
            ]
            for each in answer.figures
        ]
        story.append(_grid([head, *rows], [0.4, 0.2, 0.2, 0.2], {1, 2, 3}))
    for table in answer.tables:
        if not words.tells(table) or table.key in LEFT_OUT:
            continue
        story += [Spacer(1, 10), CondPageBreak(HEIGHT), Paragraph(worded(said(table.title)), look["Heading3"])]
        drawing = _bars(table)
        if drawing is not None:
            story.append(drawing)
            if table.key in ONLY_DRAWN:
                continue
        story.append(_rows(table))
        if len(_places(table)) < len(words.columns(table)):
            told = _("Not all columns fit here: the others stand in the Excel file and in the console.")
            story.append(Paragraph(worded(told), look["Normal"]))
        left = max(0, len(table.rows) - MAX_ROWS) + table.left_out
        if left:
            told = _("%(n)s more rows stand in the Excel file and in the console.") % {"n": formats.count(left)}
            story.append(Paragraph(worded(told), look["Normal"]))
    return story


def _places(table: Table) -> list[int]:
    """Columns that fit: first those go that a page, too, leaves out where they are nothing."""
    places = words.columns(table)
    if len(places) > MAX_COLUMNS:
        places = [place for place in places if not table.columns[place].quiet]
    return places[:MAX_COLUMNS]


def _rows(table: Table) -> Any:
    places = _places(table)
    head = [words.heading(table.columns[place], said(table.columns[place].label)) for place in places]
    rows = [[words.cell(table, row, place) for place in places] for row in table.rows[:MAX_ROWS]]
    numbers = {number for number, place in enumerate(places) if number and table.columns[place].unit != Unit.TEXT}
    shares = [1 if number in numbers else 1.6 for number in range(len(places))]
    return _grid([head, *rows], [share / sum(shares) for share in shares], numbers)


def _grid(rows: Sequence[Sequence[str]], shares: Sequence[float], right: set[int]) -> Any:
    """A table whose cells break where they are full; numbers stand at the right."""
    from reportlab.lib import colors
    from reportlab.lib.enums import TA_RIGHT
    from reportlab.lib.styles import ParagraphStyle
    from reportlab.platypus import Paragraph, Table

    size = 8 if len(shares) <= 6 else 6.5
    plain = ParagraphStyle("plain", fontName=FONT, fontSize=size, leading=size * 1.25)
    number = ParagraphStyle("number", plain, alignment=TA_RIGHT)
    cells = [
        [
            Paragraph(f"<b>{worded(text)}</b>" if line == 0 else worded(text), number if column in right else plain)
            for column, text in enumerate(row)
        ]
        for line, row in enumerate(rows)
    ]
    lined = [
        ("FONTNAME", (0, 0), (-1, -1), FONT), ("LINEBELOW", (0, 0), (-1, -1), 0.25, colors.lightgrey),
        ("VALIGN", (0, 0), (-1, -1), "MIDDLE"), ("LEFTPADDING", (0, 0), (-1, -1), 2),
        ("RIGHTPADDING", (0, 0), (-1, -1), 2), ("TOPPADDING", (0, 0), (-1, -1), 2),
        ("BOTTOMPADDING", (0, 0), (-1, -1), 2),
    ]  # fmt: skip
    return Table(cells, colWidths=[WIDTH * share for share in shares], repeatRows=1, style=lined, hAlign="LEFT")


def _bars(table: Table) -> Any:
    """What came over time as bars; None for a table of something else."""
    from reportlab.graphics.charts.barcharts import VerticalBarChart
    from reportlab.graphics.shapes import Drawing
    from reportlab.lib import colors

    name = DRAWN.get(table.key)
    if name is None or not table.rows:
        return None
    divisor = 1000 if name == "energy_wh" else 1
    values = [float(cell or 0) / divisor for cell in table.cells(name)]  # type: ignore[arg-type]
    step = -(-len(values) // MAX_TICKS)
    drawing = Drawing(WIDTH, HEIGHT + 30)
    chart = VerticalBarChart()
    chart.x, chart.y, chart.width, chart.height = 40, 24, WIDTH - 45, HEIGHT
    chart.data = [values]
    chart.bars[0].fillColor, chart.bars[0].strokeColor = colors.HexColor("#2f6fde"), None
    chart.groupSpacing = 2
    chart.valueAxis.valueMin, chart.valueAxis.valueMax = 0, max(1.0, max(values) * ROOM)
    chart.valueAxis.labels.fontName = chart.categoryAxis.labels.fontName = FONT
    chart.valueAxis.labels.fontSize = chart.categoryAxis.labels.fontSize = 6.5
    unit = f"{formats.SPACE}kWh" if name == "energy_wh" else ""
    chart.valueAxis.labelTextFormat = lambda value: f"{i18n.number(value)}{unit}"
    chart.valueAxis.gridStrokeColor, chart.valueAxis.visibleGrid = colors.lightgrey, True
    chart.categoryAxis.categoryNames = [
        "" if number % step else words.short_day(row[0]) if isinstance(row[0], date) else str(row[0])
        for number, row in enumerate(table.rows)
    ]
    drawing.add(chart)
    return drawing


def _numbered(canvas: Any, document: Any) -> None:
    canvas.saveState()
    canvas.setFont(FONT, 7)
    canvas.drawRightString(MARGIN + WIDTH, MARGIN / 2, str(document.page))
    canvas.restoreState()
