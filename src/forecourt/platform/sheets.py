"""Sheets of comma separated values: read what spreadsheets write, and write what they can't mistake for a formula."""

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Final, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from forecourt.platform.errors import ForecourtError

#: Lines of one sheet that is read, its head not counted.
MAX_LINES: Final = 5_000
MAX_COLUMNS: Final = 50
#: Characters of one cell.
MAX_CELL: Final = 1_000
#: Characters of a wrong cell that are told back.
MAX_SHOWN: Final = 80
#: What a spreadsheet takes for the beginning of a formula.
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
_DELIMITERS: Final = ",;\t"


class SheetRefused(ForecourtError):
    """The file can't be read as a table. Save it as CSV in UTF-8, with the names of its columns in the first line."""

    status = 422
    code = "sheet-refused"


class Line(Struct, frozen=True, kw_only=True):
    """One line of a sheet: its number in the file, the head being line 1, its cells by column, and those behind the
    last column; all trimmed."""

    number: int
    cells: dict[str, str]
    surplus: list[str] = []


class Sheet(Struct, frozen=True, kw_only=True):
    """A sheet that was read; empty lines are left out."""

    columns: tuple[str, ...]
    lines: list[Line]


def read_sheet(content: bytes | str, known: frozenset[str], required: str) -> Sheet:
    """The sheet in a file, whose delimiter is the one of comma, semicolon and tab that its head holds most of.

    `known` are the columns it may have, in small letters with underscores; blanks and capitals of the head count for
    nothing. Raises SheetRefused for what is no table, has no column `required`, one twice or one that is not known;
    its context says which by `reason`.
    """
    text = as_sheet_text(content)
    head = text.partition("\n")[0]
    # Strict, or what follows a quotation mark that is never closed would become one cell.
    reader = csv.reader(io.StringIO(text), delimiter=max(_DELIMITERS, key=head.count), strict=True)
    began = 1
    try:
        columns = tuple(name.strip().lower().replace(" ", "_").replace("-", "_") for name in next(reader, []))
        _check_head(columns, known, required)
        lines: list[Line] = []
        for cells in reader:
            began = reader.line_num + 1
            if not any(cell.strip() for cell in cells):
                continue
            if len(lines) == MAX_LINES:
                raise SheetRefused(
                    f"The file has more than {MAX_LINES} lines. Cut it into several.", reason="lines", most=MAX_LINES
                )
            trimmed = [cell.strip()[: MAX_CELL + 1] for cell in cells]
            lines.append(
                Line(
                    number=reader.line_num,
                    cells=dict(zip(columns, trimmed, strict=False)),
                    surplus=trimmed[len(columns) :],
                )
            )
    except csv.Error as fault:
        raise SheetRefused(
            f"Line {began} can't be read: a quotation mark may be missing.",
            reason="line",
            line=began,
        ) from fault
    return Sheet(columns=columns, lines=lines)


def plain_cell(text: str | None) -> str:
    """A text for a cell, with an apostrophe before what a spreadsheet would calculate."""
    if text is None:
        return ""
    return f"'{text}" if text.startswith(_FORMULA) else text


def csv_line(values: Sequence[Any]) -> str:
    """One line of CSV (RFC 4180). A text that a spreadsheet would run as a formula is marked as a text."""
    line = io.StringIO()
    csv.writer(line).writerow(
        [
            plain_cell(value) if isinstance(value, str) else value.isoformat() if isinstance(value, datetime) else value
            for value in values
        ]
    )
    return line.getvalue()


def _decoded(content: bytes) -> str:
    """UTF-8, else what Western spreadsheets write by themselves (Windows-1252)."""
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        return content.decode("cp1252", errors="replace")


def as_sheet_text(content: bytes | str) -> str:
    """What a file says, with plain ends of lines. Raises SheetRefused for what is no text."""
    text = content if isinstance(content, str) else _decoded(content)
    text = text.removeprefix("\N{ZERO WIDTH NO-BREAK SPACE}").replace("\r\n", "\n").replace("\r", "\n")
    if "\x00" in text:
        raise SheetRefused(reason="none")
    return text


def _check_head(columns: tuple[str, ...], known: frozenset[str], required: str) -> None:
    names = ", ".join(sorted(known))
    if required not in columns or len(columns) > MAX_COLUMNS:
        raise SheetRefused(
            f"The first line names no column {required}. Known columns: {names}.",
            reason="missing",
            column=required,
            known=names,
        )
    for column in columns:
        if column not in known:
            name = column[:MAX_SHOWN]
            raise SheetRefused(
                f"The column “{name}” is not known. Known columns: {names}.",
                reason="unknown",
                column=name,
                known=names,
            )
        if columns.count(column) > 1:
            raise SheetRefused(f"The column {column} stands there twice.", reason="twice", column=column)


class Wrong(Struct, frozen=True, kw_only=True):
    """A cell that can't be taken: `rule` says in words what it must be, or what else is wrong with the line."""

    column: str
    value: str
    rule: str


class Planned(Struct, frozen=True, kw_only=True):
    """What a line comes to. `changes` are (before, after) as texts; `values` what is stored; `secret` what was made for
    it and is shown this once."""

    line: int
    id: str
    action: Literal["create", "change", "same", "refused"]
    values: dict[str, Any] = {}
    changes: dict[str, tuple[str, str]] = {}
    wrong: list[Wrong] = []
    secret: str = ""


class Plan(Struct, frozen=True, kw_only=True):
    """What a sheet comes to, line by line; `done` once it was carried out."""

    lines: list[Planned]
    done: bool = False

    def of(self, action: str) -> list[Planned]:
        """The lines that come to this."""
        return [line for line in self.lines if line.action == action]


class SheetBody(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A sheet to import."""

    csv: Annotated[
        str, Meta(max_length=1_000_000, description="The file as text: the names of its columns in the first line.")
    ]
    dry_run: Annotated[bool, Meta(description="Only say what would be done. Ask again with false to do it.")] = True


class ImportProblem(Struct, frozen=True, kw_only=True):
    """Why a line is refused."""

    column: str
    value: str
    detail: str


class ImportLine(Struct, frozen=True, kw_only=True):
    """What a line of the file comes to."""

    line: Annotated[int, Meta(description="Its number in the file; the names of the columns are line 1.")]
    id: str
    action: Literal["create", "change", "same", "refused"]
    changes: Annotated[dict[str, str], Meta(description="What each changed column becomes.")]
    problems: list[ImportProblem]
    password: Annotated[
        str | UnsetType, Meta(description="Only when one was just made for a station; it is not shown again.")
    ] = UNSET


class Imported(Struct, frozen=True, kw_only=True):
    """What an import did, or would do."""

    dry_run: bool
    created: int
    changed: int
    unchanged: int
    refused: int
    lines: list[ImportLine]


def imported(plan: Plan) -> Imported:
    """A plan as the API tells it."""
    return Imported(
        dry_run=not plan.done,
        created=len(plan.of("create")),
        changed=len(plan.of("change")),
        unchanged=len(plan.of("same")),
        refused=len(plan.of("refused")),
        lines=[
            ImportLine(
                line=each.line,
                id=each.id,
                action=each.action,
                changes={name: after for name, (_, after) in each.changes.items()},
                problems=[
                    ImportProblem(column=wrong.column, value=wrong.value, detail=wrong.rule) for wrong in each.wrong
                ],
                password=each.secret or UNSET,
            )
            for each in plan.lines
        ],
    )


#: The rule of cells behind the last column.
SURPLUS: Final = "the line has more cells than columns; a text with the separator in it must stand in quotation marks"
#: What a column takes: reads a cell that is not empty, or raises ValueError; and the rule in marked words.
Column = tuple[Callable[[str], Any], str]


def read_line(line: Line, columns: Mapping[str, Column]) -> tuple[dict[str, Any], list[Wrong]]:
    """The values of a line by column, None for an empty cell, and the cells that can't be taken."""
    values: dict[str, Any] = {}
    wrong: list[Wrong] = []
    for name, text in line.cells.items():
        reads, rule = columns[name]
        try:
            if len(text) > MAX_CELL:
                raise ValueError
            values[name] = reads(text) if text else None
        except ValueError:
            wrong.append(Wrong(column=name, value=text[:MAX_SHOWN], rule=rule))
    if line.surplus:
        wrong.append(Wrong(column="", value=line.surplus[0][:MAX_SHOWN], rule=SURPLUS))
    return values, wrong


def as_text(value: Any) -> str:
    """A value as a plan shows it."""
    return "" if value is None else value.isoformat() if isinstance(value, datetime) else str(value)
