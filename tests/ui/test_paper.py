"""PDFs say names as people write them, in fonts that are part of the file."""

import io
import re
from datetime import date
from pathlib import Path
from typing import Any

from pypdf import PdfReader

import forecourt
from forecourt.driver.receipt import paper
from forecourt.driver.store import Brand
from forecourt.insight.dashboards.model import Answer, Column, Family, Figure, Unit, table
from forecourt.insight.reports.paper import pdf_of
from forecourt.insight.reports.told import Told
from forecourt.ui.paper import drawn

NAMES = ("Żółw & Gęś, Łódź", "Příliš žluťoučký kůň", "Ταχίστη αλώπηξ", "Щасливі їжаки Ґ", "Ştefan Țepeș", "Þór Æsir")


def read(pdf: bytes) -> str:
    """The text of a file all of whose fonts are part of it."""
    pages = PdfReader(io.BytesIO(pdf)).pages
    for page in pages:
        resources: Any = page["/Resources"]
        for font in resources["/Font"].values():
            assert "/FontFile2" in font.get_object()["/FontDescriptor"], font
    return " ".join(" ".join(page.extract_text() for page in pages).split())


def test_a_report_and_a_receipt_say_names_in_latin_greek_and_cyrillic_letters() -> None:
    columns = (
        Column(name="name", label="Name", unit=Unit.TEXT),
        Column(name="sessions", label="Sessions", unit=Unit.COUNT),
    )
    answer = Answer(
        figures=(Figure(key="sessions", label="Sessions", unit=Unit.COUNT, value=7),),
        tables=(table("sites", "By site", columns, [(name, 7) for name in NAMES]),),
    )
    told = Told(
        organisation=NAMES[0], name=NAMES[1], site="", zone="UTC", first_day=date(2026, 3, 2),
        last_day=date(2026, 3, 8), known_at=None, whole=True, answers=[(Family.USE, answer)],
    )  # fmt: skip
    report = read(pdf_of(told))
    assert [name for name in NAMES if name not in report] == []
    brand = Brand(slug="s", name=NAMES[2])
    receipt = read(paper(brand, "Receipt", [("Place", name) for name in NAMES], [("Paid", "7,00 €")], "https://x"))
    assert [name for name in (*NAMES, "7,00 €") if name not in receipt] == []


def test_a_letter_that_the_font_lacks_loses_its_marks_or_is_a_question() -> None:
    assert drawn("Zo\N{COMBINING DIAERESIS}e \N{LATIN SMALL LETTER S WITH DOT BELOW AND DOT ABOVE}a") == "Zöe sa"
    assert drawn("充電 A→B") == "?? A\N{EN DASH}B"
    assert drawn("1\N{NARROW NO-BREAK SPACE}000") == "1 000"


def test_every_room_that_writes_a_pdf_takes_its_fonts_from_here() -> None:
    rooms = Path(forecourt.__file__).parent
    writing = {path for path in rooms.rglob("*.py") if "reportlab.platypus" in path.read_text()}
    assert len(writing) >= 4
    for path in writing:
        text = path.read_text()
        assert "forecourt.ui.paper" in text, path
        assert not re.search(r"getSampleStyleSheet|Helvetica|TTFont", text), path
