"""A component is styled in one sheet: a page is not dressed by the sheet of another room."""

import re
from collections import defaultdict
from pathlib import Path

import pytest

SHEETS = Path(__file__).parents[2] / "web" / "src"
RULE = re.compile(r"([^{}]+)\{[^{}]*\}")
#: A class, of one element or another, by itself: nothing around it says which room's page is meant.
ALONE = re.compile(r"[a-z]*\.[\w-]+")
#: What only a printer is told.
PRINT = re.compile(r"@media print \{.*?\n\}", re.DOTALL)


#: What pages of drivers load, which load nothing of the console: the rest are the console's.
DRIVERS = {"driver.css", "find.css", "my.css"}


@pytest.mark.parametrize(("whose", "least"), [("console", 100), ("drivers", 8)])
def test_no_class_is_styled_by_itself_in_two_sheets(whose: str, least: int) -> None:
    found = defaultdict(set)
    for sheet in sorted(SHEETS.glob("*.css")):
        if (sheet.name in DRIVERS) is not (whose == "drivers"):
            continue
        text = PRINT.sub("", re.sub(r"/\*.*?\*/", "", sheet.read_text(encoding="utf-8"), flags=re.DOTALL))
        for rule in RULE.finditer(text):
            for selector in rule[1].split(","):
                if ALONE.fullmatch(selector.strip()):
                    found[selector.strip()].add(sheet.name)
    assert len(found) > least, "too little was read to prove anything"
    shared = {selector: sheets for selector, sheets in found.items() if len(sheets) > 1}
    # Both are sheets of the room ui: the one holds the bones, the other the components.
    assert {
        selector: sheets for selector, sheets in shared.items() if sheets != {"console.css", "components.css"}
    } == {}


#: A block that counts at some widths alone, with the rules in it.
WIDTH = re.compile(r"@media [^{]*width[^{]*\{((?:[^{}]*\{[^{}]*\})*[^{}]*)\}")
#: What says of which colour words or what is under them are; not that there is nothing.
COLOUR = re.compile(r"(?<![\w-])(?:color|background(?:-color)?|opacity|filter)\s*:\s*(?!0|none|inherit)([^;}]*)")


def test_no_width_has_a_colour_of_its_own() -> None:
    """Pages needn't be judged in each theme at each width then (`tests/looks.py`); what is dim is so at a desk too."""
    blocks = [
        (sheet.name, block[1])
        for sheet in sorted(SHEETS.glob("*.css"))
        for block in WIDTH.finditer(re.sub(r"/\*.*?\*/", "", sheet.read_text(encoding="utf-8"), flags=re.DOTALL))
    ]
    assert len(blocks) > 20, "too little was read to prove anything"
    assert [
        (sheet, colour[0]) for sheet, text in blocks for colour in COLOUR.finditer(text) if colour[1] != "var(--dim)"
    ] == []
