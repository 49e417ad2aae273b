"""Smart Message Language (SML 1.04, BSI TR-03109-1 annex IV): the one answer of a meter in a telegram, read. Pure.

Only what a signed meter value needs: the transport of version 1, messages with their checksums, and SML_GetList.Res.
The libraries for it in Python are under the GPL.
"""

from typing import Final

from msgspec import Struct

BEGIN: Final = b"\x1b\x1b\x1b\x1b\x01\x01\x01\x01"
_ESCAPE: Final = b"\x1b\x1b\x1b\x1b"
_END: Final = b"\x1a"
#: Bytes of a telegram; those of meters for cars have 500.
MAX_TELEGRAM: Final = 8_192
#: How deep lists may lie in lists; those of a telegram need 7.
MAX_DEPTH: Final = 12
_GET_LIST: Final = 0x0701
_MESSAGE: Final = 6
#: A time is told as a list of its kind and itself: seconds since it was switched on, since 1970, or with its zone.
_SECONDS, _SINCE_1970, _WITH_ZONE = 1, 2, 3
_MORE: Final = 0x80
_OCTETS, _BOOL, _INTEGER, _UNSIGNED, _LIST = 0, 4, 5, 6, 7


class Unreadable(Exception):
    """These bytes are no telegram, or not as its checksums say."""


class Entry(Struct, frozen=True, kw_only=True):
    """One value of the answer. `status` None where it has none; `local_s`: seconds since 1970 on the meter's own clock,
    shifted to its time zone, None where no time stands beside it; `unit` as in DLMS (30 is Wh), None if it has none."""

    status: int | None
    local_s: int | None
    unit: int | None
    scaler: int
    #: Bytes, a number, or a list; b"" where it is left out.
    value: bytes | int | list[object]
    signature: bytes


class Answer(Struct, frozen=True, kw_only=True):
    """SML_GetList.Res: the values by their OBIS code (6 bytes), and the meter's signature."""

    server: bytes
    name: bytes
    entries: dict[bytes, Entry]
    signature: bytes


def read(telegram: bytes) -> Answer:
    """The one answer in a telegram. Raises Unreadable, also where a checksum or the end is wrong."""
    found = [_answer(body[1]) for body in map(_body, _messages(_unwrapped(telegram))) if body[0] == _GET_LIST]
    if len(found) != 1:
        raise Unreadable
    return found[0]


def seconds_of(value: object) -> int | None:
    """The seconds index in a value that is a list of one SML_Time (SML_ListType), else None."""
    match value:
        case [int(), [kind, int() as seconds]] if kind == _SECONDS:
            return seconds
    return None


def checksum(data: bytes) -> int:
    """CRC-16/X-25 as SML writes it, the lower byte first."""
    crc = 0xFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x8408 if crc & 1 else 0)
    crc ^= 0xFFFF
    return (crc & 0xFF) << 8 | crc >> 8


def _unwrapped(telegram: bytes) -> bytes:
    if not telegram.startswith(BEGIN) or len(telegram) > MAX_TELEGRAM:
        raise Unreadable
    at, body = len(BEGIN), bytearray()
    while (escape := telegram.find(_ESCAPE, at)) >= 0:
        body += telegram[at:escape]
        after = telegram[escape + 4 : escape + 8]
        if after == _ESCAPE:
            body += _ESCAPE
            at = escape + 8
            continue
        whole = len(after) == 4 and after[:1] == _END and escape + 8 == len(telegram)
        if not whole or after[1] > 3 or int.from_bytes(after[2:]) != checksum(telegram[: escape + 6]):
            raise Unreadable
        padding = after[1]
        if any(body[len(body) - padding :]):
            raise Unreadable
        return bytes(body[: len(body) - padding])
    raise Unreadable


def _messages(data: bytes) -> list[list[object]]:
    found, at = [], 0
    while at < len(data):
        if data[at] != _LIST << 4 | _MESSAGE:
            raise Unreadable
        start, at, items = at, at + 1, []
        for _ in range(_MESSAGE - 2):
            item, at = _value(data, at, 0)
            items.append(item)
        crc, end = _value(data, at, 0)
        if crc != checksum(data[start:at]) or data[end : end + 1] != b"\x00":
            raise Unreadable
        found.append(items)
        at = end + 1
    return found


def _body(message: list[object]) -> tuple[int, object]:
    match message[3]:
        case [int() as tag, content]:
            return tag, content
    raise Unreadable


def _answer(content: object) -> Answer:
    match content:
        case [_, bytes() as server, bytes() as name, _, list() as values, bytes() as signature, _]:
            entries = [_entry(value) for value in values]
            if len({code for code, _ in entries}) == len(entries):
                return Answer(server=server, name=name, entries=dict(entries), signature=signature)
    raise Unreadable


def _entry(value: object) -> tuple[bytes, Entry]:
    match value:
        case [bytes() as code, status, time, unit, scaler, (bytes() | int() | list()) as said, bytes() as signature]:
            return code, Entry(
                status=status if isinstance(status, int) else None,
                local_s=_local(time),
                unit=unit if isinstance(unit, int) else None,
                scaler=scaler if isinstance(scaler, int) else 0,
                value=said,
                signature=signature,
            )
    raise Unreadable


def _local(time: object) -> int | None:
    match time:
        case [kind, int() as seconds] if kind == _SINCE_1970:
            return seconds
        case [kind, [int() as seconds, int() as zone_min, int() as summer_min]] if kind == _WITH_ZONE:
            return seconds + 60 * (zone_min + summer_min)
    return None


def _value(data: bytes, at: int, depth: int) -> tuple[object, int]:
    if at >= len(data) or depth > MAX_DEPTH:
        raise Unreadable
    kind, length, header = data[at] >> 4 & 7, data[at] & 0xF, 1
    while data[at + header - 1] & _MORE:
        if at + header >= len(data) or length > MAX_TELEGRAM:
            raise Unreadable
        length, header = length << 4 | data[at + header] & 0xF, header + 1
    if kind == _LIST:
        return _items(data, at + header, length, depth)
    end = at + length
    if length < header or end > len(data):
        raise Unreadable
    content = data[at + header : end]
    if kind == _OCTETS:
        return content, end
    if kind in (_BOOL, _INTEGER, _UNSIGNED) and content:
        return int.from_bytes(content, signed=kind == _INTEGER), end
    raise Unreadable


def _items(data: bytes, at: int, count: int, depth: int) -> tuple[list[object], int]:
    found: list[object] = []
    for _ in range(count):
        item, at = _value(data, at, depth + 1)
        found.append(item)
    return found, at
