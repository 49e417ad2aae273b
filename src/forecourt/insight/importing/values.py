"""Numbers and times as files write them: decimal commas, five orders of day and month, local times by a zone."""

import math
import re
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from email.utils import parsedate_to_datetime
from typing import Any, Final, Literal
from zoneinfo import ZoneInfo

from msgspec import Struct

from forecourt.insight.importing.model import BadRow
from forecourt.platform.money import minor_digits

#: How files write that a value is missing.
NOTHING: Final = frozenset(("", "na", "n/a", "nan", "null", "none", "-", "nat", "#n/a"))
#: Characters of a wrong value that are told back.
MAX_SHOWN: Final = 40
#: The first year that a session is believed to be of.
FIRST_YEAR: Final = 1990
#: Beyond this many seconds since 1970 a number is one of milliseconds.
MOST_SECONDS: Final = 10_000_000_000
#: No number of a session is larger, in whatever unit.
MOST_NUMBER: Final = 10**12
#: Minor units that a session costs at the most, either way.
MOST_MINOR: Final = 10**10
#: Seconds of a length of time: 20 years.
MOST_LENGTH_S: Final = 20 * 366 * 86_400

Order = Literal["ymd", "dmy", "mdy"]
_PARTS = re.compile(
    r"^(\d{1,4})[-/.](\d{1,2})[-/.](\d{1,4})"
    r"(?:[T ,]+(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)?\s*([AaPp]\.?[Mm]\.?)?)?\s*(Z|[+-]\d{2}:?\d{2})?$"
)
_CLOCK = re.compile(r"^(?:(\d{1,9}) days?,? )?(\d{1,9}):(\d{2})(?::(\d{2})(?:\.\d+)?)?$")


class Times(Struct, frozen=True, kw_only=True):
    """How a file writes times: the order of day and month, the zone of those without an offset, what is added to years
    below 100, and a strptime format if one was said."""

    zone: str = "UTC"
    order: Order = "ymd"
    century: int | None = None
    form: str | None = None

    def read(self, value: Any) -> list[datetime]:
        """The UTC time, or the two it may be when clocks were set back, the earlier first. Raises BadRow."""
        at = self._naive(value)
        if at.tzinfo is not None:
            return [_sane(at.astimezone(UTC))]
        _sane(at)
        zone = ZoneInfo(self.zone)
        found = sorted({at.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1)})
        real = [each for each in found if each.astimezone(zone).replace(tzinfo=None) == at]
        if not real:
            raise BadRow("no-such-time", f"{at:%Y-%m-%d %H:%M} did not exist in {self.zone}")
        return real

    def _naive(self, value: Any) -> datetime:
        """As it is written, with a zone only where one is written."""
        if isinstance(value, datetime):
            return self._aged(value)
        if isinstance(value, date):
            return self._aged(datetime.combine(value, time()))
        if isinstance(value, int | float):
            return _since_epoch(value)
        text = str(value).strip()
        if self.form is not None:
            try:
                return self._aged(datetime.strptime(text, self.form))  # noqa: DTZ007
            except ValueError:
                raise BadRow("bad-time", f"{shown(text)} is not of the form {self.form}") from None
        if re.fullmatch(r"\d{9,13}", text):
            return _since_epoch(float(text))
        parts = _PARTS.match(text)
        return self._aged(self._of_parts(text, parts) if parts else _of_words(text))

    def _of_parts(self, text: str, parts: "re.Match[str]") -> datetime:
        first, second, third = int(parts[1]), int(parts[2]), int(parts[3])
        order: Order = "ymd" if len(parts[1]) == 4 else self.order
        year, month, day = {
            "ymd": (first, second, third), "dmy": (third, second, first), "mdy": (third, first, second),
        }[order]  # fmt: skip
        hour, noon = int(parts[4] or 0), (parts[8] or "").lower().replace(".", "")
        if noon:
            hour = hour % 12 + 12 * (noon == "pm")
        micro = int((parts[7] or "0").ljust(6, "0")[:6])
        try:
            at = datetime(year or 1, month, day, hour, int(parts[5] or 0), int(parts[6] or 0), micro)  # noqa: DTZ001
            offset = parts[9]
            return at if not offset else datetime.fromisoformat(at.isoformat() + _offset(offset))
        except ValueError:
            raise BadRow("bad-time", f"{shown(text)} is no time; say --dates or --time-format") from None

    def _aged(self, at: datetime) -> datetime:
        """A year of two digits in the century that was said."""
        if at.year >= 100:
            return at
        if self.century is None:
            raise BadRow("bad-year", f"the year {at.year:04d}")
        return at.replace(year=at.year + self.century)


def _offset(text: str) -> str:
    return "+00:00" if text == "Z" else text if ":" in text else f"{text[:3]}:{text[3:]}"


def _of_words(text: str) -> datetime:
    """ISO 8601 with what else it allows, or a date as letters and HTTP write it."""
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        pass
    try:
        return parsedate_to_datetime(text)
    except (TypeError, ValueError, IndexError):
        raise BadRow("bad-time", f"{shown(text)} is no time") from None


def _since_epoch(number: float) -> datetime:
    try:
        seconds = number / 1000 if abs(number) > MOST_SECONDS else number
        return datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, OSError, ValueError):
        raise BadRow("bad-time", f"{shown(number)} is no time") from None


def _sane(at: datetime) -> datetime:
    if at.year < FIRST_YEAR:
        raise BadRow("bad-time", f"the year {at.year:04d} is before any charging station")
    return at


def order_of(values: Sequence[str]) -> Order | None:
    """The order of year, month and day in a file's dates; None where day and month can't be told apart."""
    firsts: list[int] = []
    seconds: list[int] = []
    for value in values:
        parts = _PARTS.match(value.strip())
        if parts is None or len(parts[1]) == 4:
            continue
        if "." in value.split(" ")[0]:
            return "dmy"
        firsts.append(int(parts[1]))
        seconds.append(int(parts[2]))
    if not firsts:
        return "ymd"
    if max(firsts) > 12:
        return "dmy"
    return "mdy" if max(seconds) > 12 else None


class Numbers(Struct, frozen=True, kw_only=True):
    """How a file writes numbers."""

    decimal: Literal[".", ","] = "."

    def read(self, value: Any) -> Decimal:
        """The number. Raises BadRow."""
        if isinstance(value, bool):
            raise BadRow("bad-number", f"{value} is no number")
        if isinstance(value, int | float):
            if not math.isfinite(value):
                raise BadRow("bad-number", f"{value} is no number")
            return _believed(Decimal(repr(value)), value)
        text = re.sub(r"[\s'\u2019$\u20ac\u00a3]", "", str(value))
        text = text.replace(".", "").replace(",", ".") if self.decimal == "," else text.replace(",", "")
        try:
            number = Decimal(text)
        except InvalidOperation:
            raise BadRow("bad-number", f"{shown(value)} is no number") from None
        if not number.is_finite():
            raise BadRow("bad-number", f"{shown(value)} is no number")
        return _believed(number, value)


def _believed(number: Decimal, value: Any, most: int = MOST_NUMBER) -> Decimal:
    """The number, if some session may have it. Raises BadRow."""
    if abs(number) > most:
        raise BadRow("too-large", f"{shown(value)} is more than any session has: check the column and its unit")
    return number


def decimal_of(values: Sequence[str], *, commas_part: bool) -> Literal[".", ","]:
    """What stands before the decimals: the last of both where a number has both; else a comma, unless it may be that of
    thousands. It is not where a file takes pains that no comma parts its columns (`commas_part`)."""
    for value in values:
        text = value.strip()
        if "." in text and "," in text:
            return "," if text.rindex(",") > text.rindex(".") else "."
    commas = [value.strip() for value in values if "," in value]
    if commas and not commas_part and not any("." in value for value in values):
        return ","
    if commas and any(re.fullmatch(r"-?\d{1,3}(,\d{3})+", value) is None for value in commas):
        return ","
    return "."


def seconds_of(value: Any, unit_s: int, numbers: Numbers) -> int:
    """A length of time in whole seconds: a number of a unit, or hours, minutes and seconds with colons."""
    if isinstance(value, timedelta):
        return _length(round(value.total_seconds()), value)
    if isinstance(value, time):
        return value.hour * 3600 + value.minute * 60 + value.second
    clock = _CLOCK.match(str(value).strip())
    if clock is not None:
        days, hours, minutes, seconds = (int(part or 0) for part in clock.groups())
        return _length(days * 86_400 + hours * 3600 + minutes * 60 + seconds, value)
    return _length(round(numbers.read(value) * unit_s), value)


def _length(seconds: int, value: Any) -> int:
    return int(_believed(Decimal(seconds), value, MOST_LENGTH_S))


def wh_of(value: Any, unit_wh: int, numbers: Numbers) -> int:
    """Energy in whole Wh of a number of a unit, half of one to the even."""
    return round(numbers.read(value) * unit_wh)


def minor_of(value: Any, currency: str, numbers: Numbers) -> int:
    """Money in minor units of an amount in major ones, half of one away from zero."""
    scaled = _believed(numbers.read(value) * 10 ** minor_digits(currency), value, MOST_MINOR)
    return int(scaled.to_integral_value("ROUND_HALF_UP"))


def absent(value: Any) -> bool:
    """Whether a cell says nothing."""
    return value is None or (isinstance(value, str) and value.strip().lower() in NOTHING)


def shown(value: Any) -> str:
    """A wrong value as it is told back."""
    text = str(value)
    return repr(text if len(text) <= MAX_SHOWN else text[:MAX_SHOWN] + "...")
