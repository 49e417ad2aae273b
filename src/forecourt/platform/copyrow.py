"""Rows for PostgreSQL's binary COPY, packed where the values are at hand instead of row by row in a driver.

Each field is its length as int32 followed by its bytes, NULL is length -1, a row starts with its field count as int16
(PostgreSQL documentation, COPY, "Binary Format").

Rare rows are put together by `row` from one call a field. Rows of every meter value are worth more care: `count` and
fields that never change are packed once, and neighbours that are never NULL together, by `fields`.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from struct import Struct

HEADER = b"PGCOPY\n\xff\r\n\0" + b"\0" * 8
TRAILER = b"\xff\xff"
NULL = b"\xff\xff\xff\xff"

_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_INT8_OID = 20

#: Lengths of fields, for `fields`.
INT2, INT4, INT8, BOOL, CHAR = 2, 4, 8, 1, 1

_count = Struct(">h").pack
_int2 = Struct(">ih").pack
_int4 = Struct(">ii").pack
_int8 = Struct(">iq").pack
_bool = Struct(">i?").pack
_length = Struct(">i").pack


def count(fields: int) -> bytes:
    """How a row of so many fields begins."""
    return _count(fields)


def fields(kinds: str) -> Callable[..., bytes]:
    """A packer of neighbouring fields: h int2, i int4, q int8, ? boolean, c "char".

    It takes the length and the value of each in turn, none of them None; struct.error when one does not fit.
    """
    return Struct(">" + "".join("i" + kind for kind in kinds)).pack


def row(*fields: bytes) -> bytes:
    """One row from fields already packed by the functions below."""
    return _count(len(fields)) + b"".join(fields)


def int2(value: int | None) -> bytes:
    """A smallint; struct.error when it does not fit."""
    return NULL if value is None else _int2(2, value)


def int4(value: int | None) -> bytes:
    """An integer; struct.error when it does not fit."""
    return NULL if value is None else _int4(4, value)


def int8(value: int | None) -> bytes:
    """A bigint; struct.error when it does not fit."""
    return NULL if value is None else _int8(8, value)


def boolean(value: bool) -> bytes:
    """A boolean."""
    return _bool(1, value)


def text(value: str | None) -> bytes:
    """A text; the caller has refused NUL, which PostgreSQL can't hold."""
    if value is None:
        return NULL
    encoded = value.encode()
    return _length(len(encoded)) + encoded


def raw(value: bytes) -> bytes:
    """A text whose UTF-8 bytes are at hand."""
    return _length(len(value)) + value


def micros(value: datetime) -> int:
    """Microseconds since 2000-01-01 UTC, the inside of a timestamptz."""
    return (value - _EPOCH) // _MICROSECOND


def timestamp(value: datetime | None) -> bytes:
    """A timestamptz."""
    return NULL if value is None else _int8(8, micros(value))


def int8_array(values: Sequence[int]) -> bytes:
    """A bigint[] of one dimension without NULLs; at least one value."""
    length = len(values)
    elements = [INT8] * (2 * length)
    elements[1::2] = values
    return _array_packer(length)(20 + 12 * length, 1, 0, _INT8_OID, length, 1, *elements)


@lru_cache(maxsize=256)
def _array_packer(length: int) -> Callable[..., bytes]:
    return Struct(">iiiiii" + "iq" * length).pack
