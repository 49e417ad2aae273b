"""A CSV of hours: the columns `series`, `time` and `value`, in any order and with any delimiter, or others as is said.

Times are those of the site's clock, in the forms that people export; what can't be told for sure is asked for.
"""

import csv
import zlib
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import available_timezones

import numpy as np
from msgspec import Struct, field

from forecourt.insight.forecast.series import MOST_HOURS, ForecastRefused, Panel, gridded, with_network
from forecourt.insight.importing.model import count
from forecourt.insight.importing.opened import Opened
from forecourt.insight.importing.tables import DELIMITERS, Options

if TYPE_CHECKING:
    import pandas as pd

#: Rows of a CSV of hours.
MAX_POINTS: Final = 20_000_000
#: Rows of such a CSV that are read at a time.
CHUNK_ROWS: Final = 500_000
COLUMNS: Final = ("series", "time", "value")
#: The largest value; beyond, squares of errors are no numbers any more.
MAX_VALUE: Final = 10**15
ADVICE: Final = (
    "A CSV of hours instead has the columns series, time and value; else say which are: --map series=COLUMN --map"
    " time=COLUMN --map value=COLUMN."
)

#: Why a row of a CSV of hours is not taken.
REASONS: Final[dict[str, str]] = {
    "bad-time": "its time can't be read; write it as 2025-03-01T14:00, or say --time-format",
    "unclear-date": "day and month of its time can't be told apart: say --dates dmy or --dates mdy",
    "no-whole-hour": "its time is no whole hour: bring the sums or means of whole hours",
    "no-value": "it has no value: that hour is taken for unknown",
    "decimal-comma": "its value has a comma: if that stands before decimals, say --decimal ,",
    "bad-number": "its value is no number: that hour is taken for unknown",
    "too-large": f"its value is beyond {MAX_VALUE:,}: that hour is taken for unknown",
    "negative": "its value is negative: that hour is taken for unknown",
    "no-series": "it names no series",
    "repeated": "the same series has that hour before, with another value: the first one counts",
}

_OFFSET: Final = r"\s*(?:Z|UTC|[+-]\d\d:?\d\d)$"
#: A date with the year behind, and what follows it.
_BEHIND: Final = r"^(\d{1,2})([./-])(\d{1,2})[./-](\d{4})(.*)$"
_HALVES: Final = r"(?i)[ap]\.?m\.?$"
_SPACED: Final = r"\s*([AP]M)$"
#: Seconds and milliseconds since 1970, until 2033: later ones look like dates without signs between.
_SINCE: Final = r"^1\d{9}$|^1\d{12}$"
#: Numbers with a comma that can't be a thousand's.
_COMMAS: Final = r"^-?\d+,(?:\d{1,2}|\d{4,})$"


class Read(Struct, frozen=True, kw_only=True):
    """What was read of a file. `refused` counts rows that were not taken by reason, of REASONS here, or of those of
    sessions."""

    panels: list[Panel]
    form: str
    rows: int
    refused: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


class _Found(Struct):
    """What was found out about a file as it is read: the order of day and month, and what stands before decimals."""

    order: str | None
    decimal: str | None


def head_of(file: Opened, options: Options) -> tuple[str, list[str]] | None:
    """The delimiter of a CSV of hours and its columns, COLUMNS by these names; None for any other file."""
    if file.kind != "text":
        return None
    with file.text() as text:
        line = text.readline().lstrip("\ufeff").strip()
    delimiter = options.delimiter or max(DELIMITERS, key=line.count)
    head = [cell.strip() for cell in next(csv.reader([line], delimiter=delimiter), [])]
    named = {column.lower(): name for name, column in options.map.items() if name in COLUMNS}
    small = [named.get(cell.lower(), "" if cell.lower() in named.values() else cell.lower()) for cell in head]
    if not all(small.count(name) == 1 for name in COLUMNS):
        return None
    # Of others only the place counts, and pandas wants each name once.
    return delimiter, [name if name in COLUMNS else f"other {place}" for place, name in enumerate(small)]


def read(file: Opened, delimiter: str, head: list[str], options: Options) -> Read:
    """The series of a CSV of hours. Raises ForecastRefused."""
    zone = options.time_zone
    if zone is not None and zone not in available_timezones():
        raise ForecastRefused(f"There is no time zone {zone}. Name it as the IANA does: Europe/Oslo.")
    refused: dict[str, int] = {}
    numbers: dict[str, int] = {}
    found = _Found(order=options.dates, decimal=options.decimal)
    points, rows = _all_points(file, delimiter, head, options, numbers, refused, found)
    if not len(points):
        told = "; ".join(f"{number} rows: {REASONS[reason]}" for reason, number in refused.items())
        raise ForecastRefused(f"{file.path.name} holds no hour that can be taken. {told or 'It has no rows'}.")
    same = points.duplicated(["row", "hour", "value"])
    again = points.duplicated(["row", "hour"]) & ~same
    if again.any():
        count(refused, "repeated", int(again.sum()))
    points = points[~same & ~again]
    columns = [points[name].to_numpy() for name in ("row", "hour", "value")]
    panel = gridded(file.path.name, "value", list(numbers), *columns)
    notes = _notes(panel, columns[1], int(same.sum()), found, options)
    return Read(panels=[with_network(panel)], form="hours", rows=rows, refused=refused, notes=notes)


def _notes(panel: Panel, hour: Any, same: int, found: _Found, options: Options) -> list[str]:
    notes = ["hours without a row are unknown, not zero"] if np.isnan(panel.values).any() else []
    if same:
        notes.append(f"{same} rows came twice, the very same: each counts once")
    first = int(np.datetime64(panel.start, "h").astype(np.int64))
    old = int((hour < first).sum())
    if old:
        days = MOST_HOURS // 24
        notes.append(f"{old} rows are of more than {days} days before the last one, and are not looked at")
    if found.order is not None and options.dates is None:
        notes.append("dates are day, month, year" if found.order == "dmy" else "dates are month, day, year")
    if found.decimal is not None and options.decimal is None:
        notes.append("decimal comma")
    return notes


def _all_points(
    file: Opened, delimiter: str, head: list[str], options: Options, numbers: dict[str, int],
    refused: dict[str, int], found: _Found,
) -> "tuple[pd.DataFrame, int]":  # fmt: skip
    """Those of a whole file, and how many rows it has."""
    import pandas as pd

    parts, rows = [pd.DataFrame({"row": [], "hour": [], "value": []}).astype({"row": np.int64, "hour": np.int64})], 0
    form: dict[str, Any] = {
        "sep": delimiter, "names": head, "header": 0, "usecols": [*COLUMNS], "chunksize": CHUNK_ROWS
    }  # fmt: skip
    with file.text() as text:
        try:
            for chunk in pd.read_csv(text, dtype=str, keep_default_na=False, skipinitialspace=True, **form):
                rows += len(chunk)
                if rows > MAX_POINTS:
                    raise ForecastRefused(f"{file.path.name} has more than {MAX_POINTS} rows. Cut it in parts.")
                if found.decimal is None and delimiter != ",":
                    found.decimal = _decimal(chunk["value"].str.strip())
                parts.append(_points(chunk, options, numbers, refused, found))
        except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError, EOFError, zlib.error) as fault:
            raise ForecastRefused(f"{file.path.name} can't be read as CSV: {fault}.") from fault
    return pd.concat(parts), rows


def _decimal(written: "pd.Series[str]") -> str | None:
    """A comma, where values have one that stands before decimals for sure, and none has a point."""
    sure = written.str.match(_COMMAS).any() and not written.str.contains(".", regex=False).any()
    return "," if sure else None


def _points(
    chunk: "pd.DataFrame", options: Options, numbers: dict[str, int], refused: dict[str, int], found: _Found
) -> "pd.DataFrame":
    """Rows that can be taken, as series by number, hour and value."""
    import pandas as pd

    shown, unclear = _shown(chunk["time"].str.strip(), options, found)
    written = chunk["value"].str.strip()
    if found.decimal == ",":
        written = written.str.replace(".", "", regex=False).str.replace(",", ".", regex=False)
    value = pd.to_numeric(written, errors="coerce")
    empty = written.str.lower().isin(["", "nan", "null", "none", "na"])
    checks = (
        ("no-series", chunk["series"].str.strip() == ""),
        ("unclear-date", unclear),
        ("bad-time", shown.isna()),
        ("no-whole-hour", (shown.dt.minute != 0) | (shown.dt.second != 0) | (shown.dt.microsecond != 0)),
        ("no-value", empty),
        ("decimal-comma", ~np.isfinite(value) & written.str.contains(",", regex=False)),
        ("bad-number", ~np.isfinite(value)),
        ("too-large", value > MAX_VALUE),
        ("negative", value < 0),
    )
    good = pd.Series(True, index=chunk.index)
    for reason, wrong in checks:
        if (hit := wrong & good).any():
            count(refused, reason, int(hit.sum()))
            good &= ~wrong
    codes, names = pd.factorize(chunk["series"].str.strip()[good])
    known = np.array([numbers.setdefault(str(name), len(numbers)) for name in names], dtype=np.int64)
    rows = known[codes] if len(codes) else np.zeros(0, np.int64)
    hours = shown[good].to_numpy().astype("datetime64[h]").astype(np.int64)
    return pd.DataFrame({"row": rows, "hour": hours, "value": value[good].to_numpy(dtype=np.float64)})


def _shown(times: "pd.Series[str]", options: Options, found: _Found) -> "tuple[pd.Series[Any], pd.Series[bool]]":
    """What the site's clock showed: times as they are written, but in a zone those with an offset, and seconds since
    1970, as they are there; and which can't be told for day and month."""
    import pandas as pd

    zone = options.time_zone
    if options.time_format is not None:
        return _formed(times, options.time_format, zone), pd.Series(False, index=times.index)
    since = times.str.match(_SINCE)
    if since.any():
        number = pd.to_numeric(times.where(since), errors="coerce")
        stamp = pd.to_datetime(number.where(number < 1e11, number / 1000), unit="s", utc=True)
        times = times.where(~since, stamp.dt.strftime("%Y-%m-%dT%H:%M:%SZ"))
    times, unclear = _turned(times, found)
    bare = times.str.replace(_OFFSET, "", regex=True)
    shown = pd.to_datetime(bare, format="ISO8601", errors="coerce")
    halves = bare.str.contains(_HALVES, regex=True)
    if halves.any():
        short = (
            bare[halves].str.replace(".", "", regex=False).str.replace(r"\s*([ap]m)$", r" \1", case=False, regex=True)
        )
        for form in ("%Y-%m-%d %I:%M %p", "%Y-%m-%d %I:%M:%S %p", "%Y-%m-%d %I %p"):
            shown = shown.fillna(pd.to_datetime(short, format=form, errors="coerce").reindex(shown.index))
    if zone is None:
        return shown, unclear
    there = pd.to_datetime(times, format="ISO8601", errors="coerce", utc=True).dt.tz_convert(zone).dt.tz_localize(None)
    return shown.where(bare == times, there), unclear


def _formed(times: "pd.Series[str]", form: str, zone: str | None) -> "pd.Series[Any]":
    """Times by the form that is said. Raises ForecastRefused where that is none."""
    import pandas as pd

    try:
        if "%z" not in form.lower():
            return pd.to_datetime(times, format=form, errors="coerce")
        shown = pd.to_datetime(times, format=form, errors="coerce", utc=True)
    except ValueError as fault:
        raise ForecastRefused(f"{form} is no format of times: {fault}.") from fault
    if zone is None:
        bare = form.replace("%z", "").replace("%Z", "").rstrip()
        return pd.to_datetime(times.str.replace(_OFFSET, "", regex=True), format=bare, errors="coerce")
    return shown.dt.tz_convert(zone).dt.tz_localize(None)


def _turned(times: "pd.Series[str]", found: _Found) -> "tuple[pd.Series[str], pd.Series[bool]]":
    """Dates with the year behind, as year, month and day; and those of which day and month can't be told apart. Points
    are between days and months where days come first; else a day above 12 tells, anywhere before."""
    import pandas as pd

    nothing = pd.Series(False, index=times.index)
    parts = times.str.extract(_BEHIND)
    behind = parts[0].notna()
    if not behind.any():
        return times, nothing
    first, second = (pd.to_numeric(parts[place], errors="coerce") for place in (0, 2))
    pointed = parts[1] == "."
    if found.order is None and (~pointed & behind).any():
        found.order = "dmy" if (first[~pointed] > 12).any() else "mdy" if (second[~pointed] > 12).any() else None
    month_first = ~pointed & (found.order == "mdy")
    day, month = first.where(~month_first, second), second.where(~month_first, first)
    two = [each.fillna(0).astype(int).astype(str).str.zfill(2) for each in (month, day)]
    turned = parts[3] + "-" + two[0] + "-" + two[1] + parts[4].str.replace(r"^[T,\s]+", " ", regex=True)
    return times.where(~behind, turned), behind & ~pointed & (found.order is None)
