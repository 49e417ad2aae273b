"""Sheets as spreadsheets write them, and cells that they can't mistake for a formula."""

import pytest

from forecourt.platform import sheets
from forecourt.platform.sheets import SURPLUS, Line, SheetRefused, plain_cell, read_line, read_sheet

KNOWN = frozenset({"id", "name", "max_power_w"})


@pytest.mark.parametrize(
    "content",
    [
        b"id,name\nCP1,B\xc3\xbcro\n",
        b"\xef\xbb\xbfid;name\r\nCP1;B\xc3\xbcro\r\n",
        b"ID\tName \rCP1\tB\xfcro\r",
        '"id","name"\n\n"CP1"," Büro "\n,\n',
    ],
    ids=["plain", "Excel with UTF-8", "tabs in Windows-1252", "text with quotes and empty lines"],
)
def test_what_spreadsheets_write_is_one_table(content: bytes | str) -> None:
    sheet = read_sheet(content, KNOWN, "id")
    assert sheet.columns == ("id", "name")
    assert [line.cells for line in sheet.lines] == [{"id": "CP1", "name": "Büro"}]


def test_lines_are_numbered_as_the_file_shows_them() -> None:
    sheet = read_sheet('id,name\nCP1,"two\nlines"\n\nCP2,b\n', KNOWN, "id")
    assert [line.number for line in sheet.lines] == [3, 5]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "missing"),
        ("name\nx", "missing"),
        ("id,colour\n1,2", "unknown"),
        ("id,name,Name\n1,2,3", "twice"),
        ("id\n" + "x" * 200_000, "line"),
        ('id,name\nCP1,a\n"CP2,b\nCP3,c\n', "line"),
        ('id,name\n"CP2,b\n"CP3",c\n', "line"),
        (b"id\n\x00", "none"),
        ("id\n" + "x\n" * (sheets.MAX_LINES + 1), "lines"),
    ],
)
def test_what_is_no_such_table_is_refused_with_its_reason(content: bytes | str, reason: str) -> None:
    with pytest.raises(SheetRefused) as refused:
        read_sheet(content, KNOWN, "id")
    assert refused.value.context["reason"] == reason
    assert refused.value.detail


def test_a_quotation_mark_that_is_never_closed_is_told_of_the_line_where_it_opens() -> None:
    with pytest.raises(SheetRefused, match="Line 3 ") as refused:
        read_sheet('id,name\nCP1,a\n"CP2,b\nCP3,c\n', KNOWN, "id")
    assert refused.value.context["line"] == 3


def test_cells_behind_the_last_column_and_cells_against_a_rule_are_told_of_their_line_alone() -> None:
    sheet = read_sheet("id,max_power_w\nCP1,12,oops\nCP2,many\n", KNOWN, "id")
    columns = {"id": (str, "a text"), "max_power_w": (int, "a number")}
    (_, first), (values, second) = (read_line(line, columns) for line in sheet.lines)
    assert [(wrong.column, wrong.value, wrong.rule) for wrong in first] == [("", "oops", SURPLUS)]
    assert [(wrong.column, wrong.value, wrong.rule) for wrong in second] == [("max_power_w", "many", "a number")]
    assert values == {"id": "CP2"}


def test_an_empty_cell_is_none_and_an_endless_one_is_refused() -> None:
    line = Line(number=2, cells={"id": "x" * 5_000, "name": ""})
    values, wrong = read_line(line, {"id": (str, "short"), "name": (str, "any")})
    assert values == {"name": None}
    assert [each.column for each in wrong] == ["id"]
    assert len(wrong[0].value) == sheets.MAX_SHOWN


@pytest.mark.parametrize("text", ["=1+1", "+49", "-1", "@sum", "\tx"])
def test_what_a_spreadsheet_would_calculate_gets_an_apostrophe(text: str) -> None:
    assert plain_cell(text) == f"'{text}"


def test_other_texts_stay_as_they_are() -> None:
    assert (plain_cell("CP=1"), plain_cell(""), plain_cell(None)) == ("CP=1", "", "")
