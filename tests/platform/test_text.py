"""Names that people give: one line, with something in it to be seen."""

import re

import pytest

from forecourt.drivers.sheet import COLUMNS as TOKEN_COLUMNS
from forecourt.platform.sheets import Line, read_line
from forecourt.platform.text import NAME_LINE, seen
from forecourt.stations.sheet import COLUMNS as STATION_COLUMNS
from forecourt.stations.site_form import SiteForm, read_form

NOTHING = ["", " ", "   ", "\u00a0", "\u3000", "\u200b\u200b", "\ufeff", "\u2060 \u200d", "\u00ad", "\u3164", "\u2800"]
SOMETHING = ["a", " Yard ", "東", "👩\u200d🔧", "क्\u200dष", "-", "\u200bYard"]


@pytest.mark.parametrize("name", NOTHING)
def test_a_name_with_nothing_to_be_seen_is_none(name: str) -> None:
    assert re.search(NAME_LINE, name) is None
    assert seen(name) == ""
    assert "name" in read_form(SiteForm(name=name))[1]


@pytest.mark.parametrize("name", SOMETHING)
def test_a_name_with_something_to_be_seen_is_one_in_any_script(name: str) -> None:
    assert re.search(NAME_LINE, name) is not None
    assert seen(name) == name.strip()
    assert "name" not in read_form(SiteForm(name=name))[1]


def test_a_name_is_one_line_that_turns_nothing_around() -> None:
    assert re.search(NAME_LINE, "two\nlines") is None
    assert re.search(NAME_LINE, "turned \u202e around") is None


def test_a_long_text_is_judged_at_once() -> None:
    assert re.search(NAME_LINE, " " * 1_000_000) is None
    assert re.search(NAME_LINE, "a" * 1_000_000 + "\n!") is None


@pytest.mark.parametrize("name", ["\u200b", "\u2060\u3164"])
def test_a_sheet_takes_no_name_that_is_not_seen(name: str) -> None:
    for columns, column in ((STATION_COLUMNS, "name"), (TOKEN_COLUMNS, "driver_name")):
        _, wrong = read_line(Line(number=2, cells={column: name}), columns)
        assert [each.column for each in wrong] == [column]
