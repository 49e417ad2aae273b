"""Rows as PostgreSQL's binary form of a composite type, packed where the values are at hand and not by a driver.

A row is its length and its field count, then type, length and bytes of each field, NULL being length -1; all numbers
are big-endian int32 (`record_recv` and `array_recv` of PostgreSQL). An array of rows is one parameter of a statement.

Rare rows are put together by `row` from one call a field. Rows of every meter value are worth more care: fields that
never change are packed once, and neighbours that are never NULL by one packer made by `fields`.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from struct import Struct
from typing import Any, Final
from uuid import UUID

#: Type numbers, which are the same in every PostgreSQL.
_BOOL, _CHAR, _INT8, _INT2, _INT4, _TEXT, _INT8_ARRAY, _TIMESTAMPTZ, _UUID = 16, 18, 20, 21, 23, 25, 1016, 1184, 2950
#: The kinds of `fields`: type number, length and how `struct` writes the value.
_KINDS: Final = {
    "?": (_BOOL, 1, "?"),
    "c": (_CHAR, 1, "c"),
    "h": (_INT2, 2, "h"),
    "i": (_INT4, 4, "i"),
    "q": (_INT8, 8, "q"),
    "t": (_TIMESTAMPTZ, 8, "q"),
}
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

_head = Struct(">ii").pack
_two = Struct(">iih").pack
_four = Struct(">iii").pack
_eight = Struct(">iiq").pack
_bool = Struct(">ii?").pack

NULL_TEXT = _head(_TEXT, -1)
_NULL_INT2 = _head(_INT2, -1)
_NULL_INT4 = _head(_INT4, -1)
_NULL_INT8 = _head(_INT8, -1)
_NULL_TIMESTAMP = _head(_TIMESTAMPTZ, -1)


def row(*fields: bytes) -> bytes:
    """One row from fields packed one by one by the functions below."""
    return joined(len(fields), fields)


def joined(count: int, parts: Sequence[bytes]) -> bytes:
    """One row of `count` fields from parts of which some hold several."""
    body = b"".join(parts)
    return _head(len(body) + 4, count) + body


def array(type_number: int, rows: Sequence[bytes]) -> bytes:
    """A one-dimensional array of rows of the composite type of that number; at least one row."""
    return Struct(">iiIii").pack(1, 0, type_number, len(rows), 1) + b"".join(rows)


def fields(kinds: str) -> Callable[..., bytes]:
    """A packer of neighbouring fields that are never NULL, one argument each: h smallint, i integer, q bigint,
    t timestamptz as `micros`, ? boolean, c "char" as one byte. It raises struct.error for what does not fit."""
    pack = Struct(">" + "".join("ii" + _KINDS[kind][2] for kind in kinds)).pack
    names = [f"v{number}" for number in range(len(kinds))]
    constants = [f"{_KINDS[kind][0]}, {_KINDS[kind][1]}" for kind in kinds]
    given = ", ".join(f"{constant}, {name}" for constant, name in zip(constants, names, strict=True))
    # Types and lengths stand in the code as constants: passed at run time they would cost more than the values.
    packer: Callable[..., bytes] = eval(f"lambda {', '.join(names)}: pack({given})", {"pack": pack})  # noqa: S307
    return packer


def int2(value: int | None) -> bytes:
    """A smallint; struct.error when it does not fit."""
    return _NULL_INT2 if value is None else _two(_INT2, 2, value)


def int4(value: int | None) -> bytes:
    """An integer; struct.error when it does not fit."""
    return _NULL_INT4 if value is None else _four(_INT4, 4, value)


def int8(value: int | None) -> bytes:
    """A bigint; struct.error when it does not fit."""
    return _NULL_INT8 if value is None else _eight(_INT8, 8, value)


def boolean(value: bool) -> bytes:
    """A boolean."""
    return _bool(_BOOL, 1, value)


def text(value: str | None) -> bytes:
    """A text; the caller has refused NUL, which PostgreSQL can't hold."""
    if value is None:
        return NULL_TEXT
    encoded = value.encode()
    return _head(_TEXT, len(encoded)) + encoded


def raw(value: bytes) -> bytes:
    """A text whose UTF-8 bytes are at hand."""
    return _head(_TEXT, len(value)) + value


def uuid(value: UUID) -> bytes:
    """A uuid."""
    return _head(_UUID, 16) + value.bytes


def micros(value: datetime) -> int:
    """Microseconds since 2000-01-01 UTC, the inside of a timestamptz."""
    return (value - _EPOCH) // _MICROSECOND


def timestamp(value: datetime | None) -> bytes:
    """A timestamptz."""
    return _NULL_TIMESTAMP if value is None else _eight(_TIMESTAMPTZ, 8, micros(value))


def int8_array(values: Sequence[int]) -> bytes:
    """A bigint[] of one dimension without NULLs; at least one value."""
    length = len(values)
    elements: list[Any] = [8] * (2 * length)
    elements[1::2] = values
    return _array_packer(length)(_INT8_ARRAY, 20 + 12 * length, 1, 0, _INT8, length, 1, *elements)


@lru_cache(maxsize=256)
def _array_packer(length: int) -> Callable[..., bytes]:
    return Struct(">iiiiiii" + "iq" * length).pack
