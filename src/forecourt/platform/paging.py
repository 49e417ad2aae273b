"""Lists that go on: a page of items and the opaque cursor of the next.

A cursor holds the place of the last item, never an offset, so that rows which come or go meanwhile are neither skipped
nor shown twice.
"""

import base64
import binascii
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Generic, TypeVar, get_args

import msgspec
from litestar.params import QueryParameter
from msgspec import Meta, Struct

from forecourt.platform.errors import ForecourtError
from forecourt.platform.ordering import Age

MAX_LIMIT = 200
DEFAULT_LIMIT = 50
#: The longest cursor that is looked at.
MAX_CURSOR_LENGTH = 200
#: As long as a cursor of names may be: two of 600 characters of four bytes and an attribute, in base64.
MAX_NAMES_LENGTH = 8_000

Limit = Annotated[int, QueryParameter(ge=1, le=MAX_LIMIT, description="How many items a page holds at most.")]
NextCursor = Annotated[
    str | None,
    QueryParameter(description="`next` of the page before, for the one that follows; absent: the first page."),
]
ByAge = Annotated[Age, QueryParameter(description="Those that came last, or first, come first.")]

#: Above every number by which a list is ordered: where one that shows the newest first begins.
NEWEST = 2**63 - 1


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

Moment = Annotated[datetime, Meta(tz=True)]


@dataclass(frozen=True)
class MomentParameter(QueryParameter):
    """A time in the query, which must say its zone."""

    #: Handed on to msgspec by its name.
    tz: bool = True


From = Annotated[Moment | None, MomentParameter(name="from", description="Only from this time on, with its zone.")]
To = Annotated[Moment | None, MomentParameter(name="to", description="Only before this time, with its zone.")]
Reviewed = Annotated[
    bool | None, QueryParameter(description="Only what somebody has looked at (true), or nobody yet (false).")
]

Item = TypeVar("Item")
Row = TypeVar("Row")
Place = TypeVar("Place", int, str)

_places = msgspec.json.Decoder(tuple[Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)], ...])
_names = msgspec.json.Decoder(tuple[Annotated[str, Meta(pattern=r"^[^\x00]*$")], ...])


class CursorRefused(ForecourtError):
    """The cursor is not one that this list gave out. Start again without a cursor."""

    status = 400
    code = "cursor-refused"


class Page(Struct, Generic[Item], frozen=True, kw_only=True):
    """One page of a list."""

    items: list[Item]
    next: Annotated[str | None, Meta(description="The cursor of the next page; null at the end.")]


def entire(items: Sequence[Item]) -> Page[Item]:
    """The page of a list that is so short that it is answered whole."""
    return Page(items=list(items), next=None)


def place_in_time(at: datetime) -> int:
    """A time as a number of a place: microseconds since 1970."""
    return (at - _EPOCH) // _MICROSECOND


def time_of_place(number: int) -> datetime:
    """The time that `place_in_time` made a number of. Raises CursorRefused where there is no such time."""
    try:
        return _EPOCH + number * _MICROSECOND
    except OverflowError as fault:
        raise CursorRefused from fault


class Cursors:
    """The cursors of one list: it takes those only that it gave out itself, whatever its filters were."""

    def __init__(self, of: str, length: int = 1) -> None:
        """`of` names the list in the whole API; a place in it is `length` ints of 64 bits."""
        self._seed = zlib.crc32(of.encode())
        self._length = length

    def encode(self, *place: int) -> str:
        """The place of an item, as text that fits a query string."""
        return self._encode(place)

    def decode(self, cursor: str | None) -> tuple[int, ...] | None:
        """The place that a cursor stands for; None for no cursor. Raises CursorRefused."""
        if cursor is None:
            return None
        return self._decode(cursor, _places, MAX_CURSOR_LENGTH)

    def encode_names(self, *place: str) -> str:
        """As `encode`, for a list whose items have names and no number."""
        return self._encode(place)

    def decode_names(self, cursor: str | None) -> tuple[str, ...] | None:
        """The names that such a cursor stands for; None for no cursor. Raises CursorRefused."""
        return None if cursor is None else self._decode(cursor, _names, MAX_NAMES_LENGTH)

    def page(
        self,
        rows: Sequence[Row],
        limit: int,
        place: Callable[[Row], tuple[int, ...] | tuple[str, ...]],
        show: Callable[[Row], Item],
    ) -> Page[Item]:
        """The page made of up to `limit` of the rows, read with `limit + 1` to learn whether there are more. `place` is
        that of a row, in numbers or in names."""
        more = len(rows) > limit
        shown = rows[:limit]
        return Page(items=[show(row) for row in shown], next=self._encode(place(shown[-1])) if more else None)

    def _encode(self, place: tuple[int, ...] | tuple[str, ...]) -> str:
        assert len(place) == self._length
        body = msgspec.json.encode(place)
        return base64.urlsafe_b64encode(self._mark(body) + body).decode().rstrip("=")

    def _decode(self, cursor: str, kind: msgspec.json.Decoder[tuple[Place, ...]], longest: int) -> tuple[Place, ...]:
        if len(cursor) > longest:
            raise CursorRefused
        try:
            raw = base64.b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
            place = kind.decode(raw[4:])
        except (UnicodeEncodeError, binascii.Error, msgspec.MsgspecError) as fault:
            raise CursorRefused from fault
        if raw[:4] != self._mark(raw[4:]) or len(place) != self._length:
            raise CursorRefused
        return place

    def _mark(self, body: bytes) -> bytes:
        return zlib.crc32(body, self._seed).to_bytes(4, "big")


def cursors_by_age(of: str, length: int = 1, *, first: Age = "newest") -> Mapping[Age, Cursors]:
    """The cursors of both orders of a list; `first` is the one of who asks for none."""
    return {age: Cursors(of if age == first else f"{age} {of}", length) for age in get_args(Age)}
