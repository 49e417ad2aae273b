"""The fonts of every PDF: part of the file, so that it looks the same in ten years and on any machine, with the letters
of the Latin, Greek and Cyrillic alphabets.

The fonts that a PDF may leave out know Western European letters alone: names in Polish or Czech came out wrong.
"""

import unicodedata
from typing import Any, Final
from xml.sax.saxutils import escape

FONT: Final = "OpenSans"
BOLD: Final = "OpenSans-Bold"
_INSTEAD: Final = {"\N{LATIN CAPITAL LETTER SHARP S}": "SS", "\N{RIGHTWARDS ARROW}": "\N{EN DASH}"}


def prepare() -> None:
    """Makes the fonts known to reportlab, of which there is one a process. Idempotent."""
    from reportlab.pdfbase import pdfmetrics
    from reportlab.pdfbase.ttfonts import TTFont
    from ttf_opensans import OPENSANS_BOLD, OPENSANS_REGULAR

    if BOLD not in pdfmetrics.getRegisteredFontNames():
        pdfmetrics.registerFont(TTFont(FONT, OPENSANS_REGULAR.path))
        pdfmetrics.registerFont(TTFont(BOLD, OPENSANS_BOLD.path))
        pdfmetrics.registerFontFamily(FONT, normal=FONT, bold=BOLD, italic=FONT, boldItalic=BOLD)


def drawn(text: str) -> str:
    """A text of letters that the font has: others lose their marks, and where nothing is left become `?`."""
    from reportlab.pdfbase import pdfmetrics

    prepare()
    known: dict[int, int] = pdfmetrics.getFont(FONT).face.charToGlyph
    # Letters and their marks as one, as fonts have them.
    return "".join(
        letter if ord(letter) in known else _instead(letter, known) for letter in unicodedata.normalize("NFC", text)
    )


def worded(text: str) -> str:
    """The same as what a paragraph of reportlab takes, in which marks of its own mean nothing."""
    return escape(drawn(text))


def styles() -> Any:
    """reportlab's styles of paragraphs, by name, in these fonts."""
    from reportlab.lib.styles import getSampleStyleSheet

    prepare()
    found: Any = getSampleStyleSheet()
    for style in found.byName.values():
        if hasattr(style, "fontName"):
            style.fontName = BOLD if "Bold" in style.fontName else FONT
    return found


def _instead(letter: str, known: dict[int, int]) -> str:
    plain = _INSTEAD.get(letter) or unicodedata.normalize("NFKD", letter)[0]
    return plain if all(ord(each) in known for each in plain) else "?"
