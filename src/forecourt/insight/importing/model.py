"""What is read of a file, and what is told of it."""

from collections.abc import Iterator
from typing import Any, Final, Protocol

from msgspec import Struct, field

from forecourt.insight.model import Session
from forecourt.platform.errors import ForecourtError

#: Refused rows of one import of which line and reason are kept; of all of them the counts by reason.
MAX_REFUSALS_KEPT: Final = 10_000
#: Stations of one import that are told to have been told apart by their sites.
MAX_APART_TOLD: Final = 100


class ImportRefused(ForecourtError):
    """The file can't be read as sessions. Nothing of it was taken."""

    status = 422
    code = "import-refused"


class BadRow(ValueError):
    """A row that can't be taken: `reason` is a word of `REASONS`, the text says what stands there and what to do."""

    def __init__(self, reason: str, words: str) -> None:
        assert reason in REASONS
        self.reason = reason
        super().__init__(words)


#: Why a row may be refused, and what can be done.
REASONS: Final[dict[str, str]] = {
    "no-station": "no station is named",
    "no-start": "it has no start",
    "no-end": "it has no end, so nobody knows how long the plug was taken",
    "bad-time": "a time can't be read",
    "no-such-time": "the clock skipped that time in spring; check --time-zone",
    "bad-year": "a year with two digits; say --century 2000, if that is meant",
    "bad-number": "a number can't be read",
    "no-currency": "a price without a currency; say --currency EUR, if that is it",
    "too-large": "a number is larger than that of any session: check the column and its unit",
    "ends-before-start": "it ends before it starts",
    "in-future": "it starts in the future",
    "negative-energy": "its energy is negative",
    "impossible-power": "more power than any station has: check the unit of energy, and the times",
    "id-taken": "another session has the same id: other facts came with it before",
    "repeated": "the very same row came before in this file",
    "bad-row": "the row is not of the form that the file has",
}

#: What is kept and noted.
FLAGS: Final[dict[str, str]] = {
    "no-energy": "it took no energy",
    "energy-unknown": "nothing says how much energy it took",
    "instant": "it ends the moment it starts",
    "long-stay": "it lasted longer than two weeks",
    "clock-change": "a time came twice that night, when clocks were set back; the likelier one was taken",
    "duration-differs": "the file's own duration is another than the time from start to end",
    "overlap": "another session stood at the same EVSE meanwhile",
}


class Refusal(Struct, frozen=True, kw_only=True):
    """A row that was not taken. `line` is the line of the file, of JSON the number of the item."""

    line: int
    reason: str
    words: str
    energy_wh: int | None = None


class Parsed(Struct, frozen=True, kw_only=True):
    """One row of a file: a session, or why it is none."""

    line: int
    session: Session | None = None
    refusal: Refusal | None = None


class Source(Protocol):
    """A file that was opened and understood. `rows` begins anew each time it is asked."""

    @property
    def form(self) -> str:
        """What the file is, such as CSV."""

    @property
    def source(self) -> str:
        """Whose sessions they are, unless the operator says otherwise."""

    @property
    def found(self) -> list[str]:
        """What was found out by looking at the file, in words, for a person to check."""

    @property
    def reading(self) -> dict[str, Any]:
        """All that decides how rows are read."""

    @property
    def rows_expected(self) -> int | None:
        """How many rows there are, as far as that can be told without reading them all."""

    def rows(self) -> Iterator[Parsed]:
        """In the order of the file."""


class Report(Struct, kw_only=True):
    """What came of an import. `read` = `taken` + `already` + all that was refused.

    Energy in Wh of each, of those rows whose energy is known; `money` in minor units by currency, before taxes;
    `money_incl` the same of those rows that say no more than what it came to after them. `apart` are stations by the
    names that they are kept by, where another station of the source has theirs at another site; MAX_APART_TOLD at most.
    `ungrouped`: of those that were there already, how many have another group of drivers here, which is not taken.
    """

    import_id: str = ""
    file: str = ""
    form: str = ""
    source: str = ""
    found: list[str] = field(default_factory=list)
    read: int = 0
    taken: int = 0
    already: int = 0
    ungrouped: int = 0
    taken_wh: int = 0
    already_wh: int = 0
    refused_wh: int = 0
    money: dict[str, int] = field(default_factory=dict)
    money_incl: dict[str, int] = field(default_factory=dict)
    refused: dict[str, int] = field(default_factory=dict)
    flagged: dict[str, int] = field(default_factory=dict)
    apart: list[str] = field(default_factory=list)
    first_at: str | None = None
    last_at: str | None = None
    refusals: list[Refusal] = field(default_factory=list)
    went_on: bool = False

    @property
    def refused_rows(self) -> int:
        """How many rows were refused."""
        return sum(self.refused.values())


def count(counts: dict[str, int], name: str, more: int = 1) -> None:
    """One more, or so many, of a kind."""
    counts[name] = counts.get(name, 0) + more
