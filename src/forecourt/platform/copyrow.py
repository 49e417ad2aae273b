"""Rows for PostgreSQL's binary COPY, packed where the values are at hand instead of row by row in a driver.

Each field is its length as int32 followed by its bytes, NULL is length -1, a row starts with its field count as int16
(PostgreSQL documentation, COPY, "Binary Format").
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from struct import Struct

HEADER = b"PGCOPY\n\xff\r\n\0" + b"\0" * 8
TRAILER = b"\xff\xff"
NULL = b"\xff\xff\xff\xff"

_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_INT8_OID = 20

_count = Struct(">h").pack
_int2 = Struct(">ih").pack
_int4 = Struct(">ii").pack
_int8 = Struct(">iq").pack
_bool = Struct(">i?").pack
_length = Struct(">i").pack
_array_head = Struct(">iiiiii").pack


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
    count = len(values)
    size = 20 + 12 * count
    return _array_head(size, 1, 0, _INT8_OID, count, 1) + b"".join([_int8(8, value) for value in values])
