"""Files of real charging sessions: ACN-Data JSON, its index form, and CSV with mapped columns.

Every row becomes a session or is refused with a reason, and both are counted. Shipped formats: the ACN-Data API
(Lee, Li, Low, e-Energy 2019) with `_items`, the same data as 5-minute indices (`meta`, `sessions`), and any CSV.
"""

import contextlib
import csv
import gzip
import io
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

#: A mean power above this is no charging session.
MOST_POWER_W = 1_000_000
#: Columns that a CSV must have mapped, and those that it may.
NEEDED = ("station", "start", "end")
MAPPED = (*NEEDED, "energy_kwh", "energy_wh", "id", "token", "site", "stated_end", "stated_kwh")


#: How files write that a value is missing.
NOTHING = frozenset(("", "NA", "N/A", "NaN", "nan", "NULL", "null", "None"))


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """One real session: plugged in from `start` to `end` (UTC), `energy_wh` in between."""

    id: str
    station: str
    start: datetime
    end: datetime
    energy_wh: int
    token: str | None = None
    site: str | None = None
    #: What the driver said when plugging in: when they leave (UTC), and what they need.
    stated_end: datetime | None = None
    stated_wh: int | None = None


class Columns(msgspec.Struct, frozen=True, kw_only=True):
    """How to read a CSV: our name -> its column, and how it writes numbers and times."""

    names: Mapping[str, str]
    delimiter: str = ","
    decimal: str = "."
    zone: str = "UTC"
    #: strptime format; None: ISO 8601, with a blank or a T.
    time_format: str | None = None

    @staticmethod
    def parse(mapping: str, **more: Any) -> "Columns":
        """`station=user_id,start=plugin_time,...`; ValueError for unknown or missing names."""
        names: dict[str, str] = {}
        for pair in mapping.split(","):
            name, _, column = pair.partition("=")
            if name.strip() not in MAPPED or not column:
                raise ValueError(f"{pair!r} maps none of {', '.join(MAPPED)}")
            names[name.strip()] = column.strip()
        missing = [name for name in NEEDED if name not in names]
        if missing or not {"energy_kwh", "energy_wh"} & names.keys():
            raise ValueError(f"the mapping lacks {', '.join(missing) or 'energy_kwh or energy_wh'}")
        return Columns(names=names, **more)


class Import(msgspec.Struct, kw_only=True):
    """The outcome: sessions in the order they start, and the refused rows counted by reason."""

    sessions: list[Session] = msgspec.field(default_factory=list)
    refused: Counter[str] = msgspec.field(default_factory=Counter)
    #: The first refused rows, to look at: (row number from 1, reason).
    examples: list[tuple[int, str]] = msgspec.field(default_factory=list)

    @property
    def energy_wh(self) -> int:
        return sum(session.energy_wh for session in self.sessions)


class BadRow(ValueError):
    """A row that is no session; the text is the reason and names no value, so that reasons can be counted."""


def load(path: Path, columns: Columns | None = None) -> Import:
    """Reads a file, gzipped or not, by its content. ValueError, in words, when it is of no known form."""
    raw = path.read_bytes()
    text = _text(_unpacked(raw))
    if text.lstrip()[:1] in ("{", "["):
        return _collect(_from_json(msgspec.json.decode(text)))
    if columns is None:
        raise ValueError("a CSV needs its columns mapped: --columns station=...,start=...,end=...,energy_kwh=...")
    return _collect(_from_csv(text, columns))


def _unpacked(raw: bytes) -> bytes:
    """What a gzipped file holds. ValueError where it is cut short or damaged."""
    if raw[:2] != b"\x1f\x8b":
        return raw
    try:
        return gzip.decompress(raw)
    except (EOFError, OSError, zlib.error):
        raise ValueError("Its gzip is cut short or damaged. Fetch it anew.") from None


def _text(raw: bytes) -> str:
    """The text of a file in UTF-8. ValueError, which names the first line that is none."""
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as fault:
        line = raw.count(b"\n", 0, fault.start) + 1
        raise ValueError(f"Line {line} is no text in UTF-8. Save it as UTF-8.") from None


def _collect(rows: Iterable[Session | BadRow]) -> Import:
    outcome = Import()
    seen: set[str] = set()
    for number, row in enumerate(rows, start=1):
        fault = row if isinstance(row, BadRow) else _fault(row, seen)
        if isinstance(row, BadRow) or fault is not None:
            reason = str(fault)
            outcome.refused[reason] += 1
            if len(outcome.examples) < 20:
                outcome.examples.append((number, reason))
            continue
        seen.add(row.id)
        outcome.sessions.append(row)
    outcome.sessions.sort(key=lambda session: (session.start, session.id))
    return outcome


def _fault(row: Session, seen: set[str]) -> str | None:
    if row.id in seen:
        return "the session id was there before"
    if not row.station:
        return "no station"
    if row.end <= row.start:
        return "ends before it starts, or at once"
    if row.energy_wh < 0:
        return "negative energy"
    if row.energy_wh / ((row.end - row.start) / timedelta(hours=1)) > MOST_POWER_W:
        return "more power than any station has"
    return None


def _from_json(document: Any) -> Iterator[Session | BadRow]:
    match document:
        case list(rows) | {"_items": list(rows)}:
            return _each(rows, _acn)
        case {"meta": {"start": str(at), "period_min": int(minutes) | float(minutes), **meta}, "sessions": list(rows)}:
            start, period, site = (
                datetime.fromisoformat(at).astimezone(UTC),
                timedelta(minutes=minutes),
                meta.get("site"),
            )
            return _each(rows, lambda row: _indexed(row, start, period, None if site is None else str(site)))
        case {"meta": _, "sessions": _}:
            raise ValueError("its meta must say start (a time) and period_min (minutes), its sessions are a list")
    raise ValueError("this JSON is neither ACN-Data (_items) nor its index form (meta, sessions)")


def _each(rows: Iterable[Any], read: Any) -> Iterator[Session | BadRow]:
    for row in rows:
        try:
            yield read(row)
        except KeyError as missing:
            yield BadRow(f"no {missing.args[0]}")
        except BadRow as bad:
            yield bad
        except (AttributeError, OverflowError, TypeError, ValueError):
            yield BadRow("a value can't be read")


def _indexed(row: Mapping[str, Any], start: datetime, period: timedelta, site: str | None) -> Session:
    return Session(
        id=str(row["session_id"]),
        station=str(row["station_id"]),
        start=start + row["arrival"] * period,
        end=start + row["departure"] * period,
        energy_wh=_wh(row["kwh"]),
        site=site,
    )


def _acn(row: Mapping[str, Any]) -> Session:
    zone = row.get("timezone")
    user = row.get("userID")
    return Session(
        id=str(row.get("sessionID") or row["_id"]),
        station=str(row.get("spaceID") or row["stationID"]),
        start=_acn_time(row["connectionTime"], zone),
        end=_acn_time(row["disconnectTime"], zone),
        energy_wh=_wh(row["kWhDelivered"]),
        token=str(user) if user is not None else None,
        site=row.get("siteID"),
        **_acn_stated(row.get("userInputs"), zone),
    )


def _acn_stated(inputs: Any, zone: str | None) -> dict[str, Any]:
    """The first that a driver said, before they could see how it goes; what can't be read wasn't said."""
    first = inputs[0] if isinstance(inputs, list) and inputs else {}
    stated: dict[str, Any] = {}
    with contextlib.suppress(AttributeError, TypeError, ValueError, OverflowError):
        if first.get("requestedDeparture"):
            stated["stated_end"] = _acn_time(first["requestedDeparture"], zone)
        energy_wh = _wh(float(first.get("kWhRequested") or 0))
        if energy_wh > 0:
            stated["stated_wh"] = energy_wh
    return stated


def _acn_time(value: str | None, zone: str | None) -> datetime:
    """ACN-Data writes `Wed, 25 Apr 2018 11:08:04 GMT`; exports write ISO 8601, at times without an offset."""
    if not value:
        raise BadRow("no time")
    at = parsedate_to_datetime(value) if value[0].isalpha() else datetime.fromisoformat(value)
    return (at if at.tzinfo else at.replace(tzinfo=ZoneInfo(zone or "UTC"))).astimezone(UTC)


def _from_csv(text: str, columns: Columns) -> Iterator[Session | BadRow]:
    reader = csv.DictReader(io.StringIO(text), delimiter=columns.delimiter)
    missing = [column for column in columns.names.values() if column not in (reader.fieldnames or ())]
    if missing:
        raise ValueError(f"the file has no column {', '.join(missing)}; it has {', '.join(reader.fieldnames or ())}")
    zone = ZoneInfo(columns.zone)
    return _each(enumerate(reader, start=2), lambda numbered: _csv_row(numbered[0], numbered[1], columns, zone))


def _csv_row(line: int, row: Mapping[str, str], columns: Columns, zone: ZoneInfo) -> Session:
    def value(name: str) -> str | None:
        column = columns.names.get(name)
        text = (row[column] or "").strip() if column else ""
        return None if text in NOTHING else text

    def time(name: str) -> datetime:
        text = value(name)
        if text is None:
            raise BadRow(f"no {name}")
        return parsed(text)

    def parsed(text: str) -> datetime:
        form = columns.time_format
        at = datetime.fromisoformat(text) if form is None else datetime.strptime(text, form)  # noqa: DTZ007
        return (at if at.tzinfo else at.replace(tzinfo=zone)).astimezone(UTC)

    kwh, wh = value("energy_kwh"), value("energy_wh")
    if kwh is None and wh is None:
        raise BadRow("no energy")
    number = float((kwh or wh or "").replace(columns.decimal, "."))
    stated_end, stated_kwh = value("stated_end"), value("stated_kwh")
    return Session(
        id=value("id") or f"line-{line}",
        station=value("station") or "",
        start=time("start"),
        end=time("end"),
        energy_wh=_wh(number) if kwh is not None else round(number),
        token=value("token"),
        site=value("site"),
        stated_end=parsed(stated_end) if stated_end is not None else None,
        stated_wh=_wh(float(stated_kwh.replace(columns.decimal, "."))) if stated_kwh is not None else None,
    )


def _wh(kwh: float | None) -> int:
    if kwh is None:
        raise BadRow("no energy")
    return round(kwh * 1000)
