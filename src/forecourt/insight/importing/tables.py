"""Tables of past sessions: CSV of any dialect, and workbooks, by columns that are told or recognised."""

import csv
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from pathlib import PurePath
from typing import Any, Final, Literal
from zoneinfo import ZoneInfo, available_timezones

import msgspec
from msgspec import Struct

from forecourt.insight.importing import columns as named
from forecourt.insight.importing.columns import CHARGINGS, DURATIONS, ENERGIES, Columns
from forecourt.insight.importing.made import refused, stay, taken
from forecourt.insight.importing.model import BadRow, ImportRefused, Parsed
from forecourt.insight.importing.opened import Opened
from forecourt.insight.importing.values import (
    Numbers,
    Order,
    Times,
    absent,
    decimal_of,
    minor_of,
    order_of,
    seconds_of,
    shown,
    wh_of,
)
from forecourt.insight.model import Session

#: Rows that are looked at to find out how a file writes numbers and times.
SAMPLE_ROWS: Final = 2_000
DELIMITERS: Final = ",;\t|"
#: Fields that are taken as they stand, if at all.
TEXTS: Final = ("id", "evse", "driver", "driver_group", "connector_type", "tariff", "stop_reason")
#: Characters of one cell.
MAX_CELL: Final = 10_000

Cells = Mapping[str, Any]


class Options(Struct, frozen=True, kw_only=True):
    """What an operator says of a file; None: found out, or the usual."""

    map: Mapping[str, str] = {}
    time_zone: str | None = None
    dates: Order | None = None
    time_format: str | None = None
    century: int | None = None
    decimal: Literal[".", ","] | None = None
    delimiter: str | None = None
    encoding: str | None = None
    currency: str | None = None
    station: str | None = None
    site: str | None = None
    sheet: str | None = None


class Table(Struct, frozen=True, kw_only=True):
    """A table that is understood: a Source of `model`."""

    opened: Opened
    columns: Columns
    options: Options
    times: Times
    numbers: Numbers
    currency: str | None
    lines: Callable[[], Iterator[tuple[int, Cells]]]
    form: str
    source: str
    found: list[str]
    now: datetime
    rows_expected: int | None = None

    @property
    def reading(self) -> dict[str, Any]:
        """All that decides how rows are read."""
        return {
            "form": self.form, "columns": dict(self.columns.names), "times": msgspec.to_builtins(self.times),
            "decimal": self.numbers.decimal, "currency": self.currency, "station": self._station, "site": self._site,
            "encoding": self.opened.encoding,
        }  # fmt: skip

    def rows(self) -> Iterator[Parsed]:
        """Each row as a session, or why it is none."""
        for line, cells in self.lines():
            yield self._row(line, cells)

    @property
    def _station(self) -> str | None:
        return self.options.station or (self.columns.known.station if self.columns.known else None)

    @property
    def _site(self) -> str | None:
        return self.options.site or (self.columns.known.site if self.columns.known else None)

    def _row(self, line: int, cells: Cells) -> Parsed:
        energy_wh: int | None = None
        try:
            if None in cells.values() and not any(cells.values()):
                raise BadRow("bad-row", "the line is empty")
            energy_wh = self._first(cells, ENERGIES, wh_of)
            start, end, flags = self._stay(cells)
            session = self._session(cells, start, end, energy_wh, flags)
        except BadRow as bad:
            return refused(line, bad, energy_wh)
        return taken(line, session, self.now)

    def _session(
        self, cells: Cells, start: datetime, end: datetime, energy_wh: int | None, flags: list[str]
    ) -> Session:
        text = {field: self._text(cells, field) for field in TEXTS}
        charged_s = self._first(cells, CHARGINGS, seconds_of)
        currency = self._text(cells, "currency") or self.currency
        money = {field: self._money(cells, field, currency) for field in ("cost", "cost_incl")}
        return Session(
            **text,
            station=self._text(cells, "station") or self._station or "",
            site=self._text(cells, "site") or self._site,
            started_at=start,
            ended_at=end,
            zone=self.times.zone,
            charging_ended_at=self._charging_end(cells, start, charged_s),
            energy_wh=energy_wh,
            currency=currency if set(money.values()) != {None} else None,
            excl_minor=money["cost"],
            incl_minor=money["cost_incl"],
            flags=tuple(flags),
        )

    def _stay(self, cells: Cells) -> tuple[datetime, datetime, list[str]]:
        starts, ends = self._times(cells, "start"), self._times(cells, "end")
        if not starts:
            raise BadRow("no-start", "the column of the start is empty")
        return stay(starts, ends, self._first(cells, DURATIONS, seconds_of))

    def _times(self, cells: Cells, field: str) -> list[datetime]:
        value = self._value(cells, field)
        if value is None and self.columns.says(f"{field}_date"):
            day, clock = self._value(cells, f"{field}_date"), self._value(cells, f"{field}_clock")
            if day is None or clock is None:
                return []
            value = _joined(day, clock)
        return [] if value is None else self.times.read(value)

    def _charging_end(self, cells: Cells, start: datetime, charged_s: int | None) -> datetime | None:
        said = self._times(cells, "charging_end")
        if said:
            return next((each for each in said if each >= start), said[-1])
        return None if charged_s is None else start + timedelta(seconds=charged_s)

    def _money(self, cells: Cells, field: str, currency: str | None) -> int | None:
        value = self._value(cells, field)
        if value is None:
            return None
        if currency is None:
            raise BadRow("no-currency", "a price without a currency: say --currency EUR")
        return minor_of(value, currency, self.numbers)

    def _first(self, cells: Cells, fields: Mapping[str, int], read: Callable[[Any, int, Numbers], int]) -> int | None:
        """By the first of these fields that has a value, in its unit."""
        for field, unit in fields.items():
            value = self._value(cells, field)
            if value is not None:
                return read(value, unit, self.numbers)
        return None

    def _value(self, cells: Cells, field: str) -> Any:
        column = self.columns.names.get(field)
        value = cells.get(column) if column is not None else None
        return None if absent(value) else value

    def _text(self, cells: Cells, field: str) -> str | None:
        value = self._value(cells, field)
        if value is None:
            return None
        # Workbooks know one kind of number: an id of 278 comes as 278.0.
        return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value).strip()


def _joined(day: Any, clock: Any) -> Any:
    if isinstance(day, datetime):
        day = day.date()
    if isinstance(clock, datetime):
        clock = clock.time()
    if isinstance(day, date) and isinstance(clock, time):
        return datetime.combine(day, clock)
    return f"{day} {clock}"


def read_csv(opened: Opened, options: Options, now: datetime) -> Table:
    """A CSV that is understood. Raises ImportRefused."""
    with opened.text() as text:
        head_line = text.readline()
    delimiter = options.delimiter or max(DELIMITERS, key=head_line.count)
    if delimiter not in head_line:
        raise ImportRefused(
            f"Line 1 of {opened.path.name} is no head of a table: {shown(head_line.strip())}. The first line must name"
            " the columns; if they are parted by something else, say --delimiter."
        )

    def lines() -> Iterator[tuple[int, Cells]]:
        with opened.text() as text:
            # Strict, or what follows a quotation mark that is never closed would become one cell.
            reader = csv.reader(text, delimiter=delimiter, strict=True)
            began = 1
            try:
                head = _head(next(reader))
                for cells in reader:
                    began = reader.line_num
                    if cells:
                        yield reader.line_num, dict(itertools.zip_longest(head, cells[: len(head)], fillvalue=""))
            except csv.Error as fault:
                raise ImportRefused(
                    f"Line {began + 1} of {opened.path.name} can't be read: {fault}. A quotation mark may be missing,"
                    " or the file was cut off."
                ) from fault

    head = _head(next(csv.reader([head_line], delimiter=delimiter)))
    found = [f"parted by {'tabs' if delimiter == chr(9) else delimiter}"]
    return _understood(opened, options, now, head, lines, "CSV", found, commas_part=delimiter == ",")


def read_workbook(opened: Opened, options: Options, now: datetime) -> Table:
    """The sheet of a workbook (xlsx, xls, xlsb, ods) that is named, else the first. Raises ImportRefused."""
    import python_calamine

    try:
        book = python_calamine.CalamineWorkbook.from_object(opened.content())
        name = options.sheet or book.sheet_names[0]
        if name not in book.sheet_names:
            raise ImportRefused(f"There is no sheet {name}. There are: {', '.join(book.sheet_names)}.")
        rows = book.get_sheet_by_name(name).to_python(skip_empty_area=False)
    except (python_calamine.CalamineError, IndexError, OSError) as fault:
        raise ImportRefused(
            f"{opened.path.name} can't be read as a workbook: {fault}. Open it in a spreadsheet program and save it"
            " anew as xlsx or CSV."
        ) from fault
    first = next((number for number, row in enumerate(rows) if sum(cell != "" for cell in row) > 1), None)
    if first is None:
        raise ImportRefused(f"The sheet {name} is empty. There are: {', '.join(book.sheet_names)}; say --sheet.")
    head = _head([str(cell) for cell in rows[first]])

    def lines() -> Iterator[tuple[int, Cells]]:
        for number, row in enumerate(rows[first + 1 :], start=first + 2):
            if any(cell != "" for cell in row):
                yield number, dict(zip(head, row, strict=False))

    return _understood(opened, options, now, head, lines, "workbook", [f"sheet {name}"], len(rows) - first - 1)


def _head(cells: Sequence[str]) -> list[str]:
    """The names of columns; those without one, or with one that came before, are numbered."""
    head: list[str] = []
    for number, cell in enumerate(cells, start=1):
        name = cell.lstrip("\ufeff").strip()[:MAX_CELL] or f"column {number}"
        head.append(name if name not in head else f"{name} ({number})")
    return head


def _understood(
    opened: Opened,
    options: Options,
    now: datetime,
    head: Sequence[str],
    lines: Callable[[], Iterator[tuple[int, Cells]]],
    form: str,
    found: list[str],
    rows: int | None = None,
    *,
    commas_part: bool = True,
) -> Table:
    found = [*found, *([opened.note] if opened.note else [])]
    columns = named.find(head, options.map)
    sample = [cells for _, cells in itertools.islice(lines(), SAMPLE_ROWS)]
    known = columns.known
    decimal = (
        options.decimal
        or (known.decimal if known else None)
        or decimal_of(_texts(sample, columns, _NUMERIC), commas_part=commas_part)
    )
    numbers = Numbers(decimal=decimal)
    columns = _with_energy(columns, head, sample, numbers, found)
    named.check(columns, head, options.station or (known.station if known else None))
    times = _times(options, columns, sample, found)
    if known is not None:
        found += [f"the data set {known.name}", *known.notes]
    found += [f"{field} = {column}" for field, column in columns.names.items()]
    found.append(f"decimal {'comma' if decimal == ',' else 'point'}; times without an offset are of {times.zone}")
    return Table(
        opened=opened,
        columns=columns,
        options=options,
        times=times,
        numbers=numbers,
        currency=options.currency or (known.currency if known else None),
        lines=lines,
        form=form,
        source=known.source if known else _stem(opened),
        found=found,
        now=now,
        rows_expected=rows,
    )


def _stem(opened: Opened) -> str:
    """The file's name without what says its form."""
    path = PurePath(opened.path.name)
    return (path.with_suffix("") if path.suffix == ".gz" else path).stem


_NUMERIC: Final = (*ENERGIES, *DURATIONS, *CHARGINGS, "cost", "cost_incl")
_TIMED: Final = ("start", "start_date", "end", "end_date", "charging_end")


def _texts(sample: Sequence[Cells], columns: Columns, fields: Sequence[str]) -> list[str]:
    """What stands in the columns of these fields and is a text, and in those whose name is energy."""
    wanted = [columns.names[field] for field in fields if field in columns.names]
    if fields is _NUMERIC and sample:
        wanted += [column for column in sample[0] if named.plain(column).startswith("energy")]
    return [value for cells in sample for column in wanted if isinstance(value := cells.get(column), str)]


def _with_energy(
    columns: Columns, head: Sequence[str], sample: Sequence[Cells], numbers: Numbers, found: list[str]
) -> Columns:
    """Where no column says its unit, the one that says energy, in the unit that its numbers speak for."""
    if any(columns.says(field) for field in ENERGIES):
        return columns
    readable: dict[str, list[float]] = {}
    for column in head:
        values = [cells[column] for cells in sample if not absent(cells.get(column))]
        try:
            readable[column] = [float(numbers.read(value)) for value in values]
        except BadRow:
            continue
    unit = named.energy_unit(head, readable)
    if unit is None:
        return columns
    found.append(f"{unit[1]} is taken for {unit[0].removeprefix('energy_').replace('k', 'k').replace('wh', 'Wh')}")
    return msgspec.structs.replace(columns, names={**columns.names, unit[0]: unit[1]})


def _times(options: Options, columns: Columns, sample: Sequence[Cells], found: list[str]) -> Times:
    known = columns.known
    zone = options.time_zone or (known.zone if known else "UTC")
    if zone not in available_timezones():
        raise ImportRefused(f"There is no time zone {zone}. Name it as the IANA does: Europe/Oslo.")
    ZoneInfo(zone)
    order = options.dates or (known.order if known else None)
    if order is None and options.time_format is None:
        order = order_of(_texts(sample, columns, _TIMED))
        if order is None:
            raise ImportRefused(
                "Day and month can't be told apart: no date of the file has a day above 12. Say --dates dmy or"
                " --dates mdy."
            )
        if order != "ymd":
            found.append("dates are day, month, year" if order == "dmy" else "dates are month, day, year")
    century = options.century if options.century is not None else (known.century if known else None)
    return Times(zone=zone, order=order or "ymd", century=century, form=options.time_format)
