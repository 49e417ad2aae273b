"""The outer shape of every OCPP-J message: one JSON array. Bytes in, bytes out.

Owns which arrays are messages and how a broken one is answered. It does not look into payloads: they stay the raw
bytes that came, so that each is decoded once, into its own type, and can be stored as it was. That they are UTF-8 it
does see to, for nobody above does: what skips a field does not read it.
"""

import re

import msgspec
from msgspec import Raw, Struct

from forecourt.ocpp.faults import DESCRIPTION_LIMIT, ErrorCode, FrameFault
from forecourt.ocpp.neutral import Version

#: OCPP-J 1.6 §4.1.4, OCPP 2.0.1 Part 4 §4.1.4: a message id has at most 36 characters.
ID_LIMIT = 36

#: How long an id is answered nevertheless. A call that gets no answer under its id is repeated for ever, and holds up
#: all that the station has to say after it. Whoever wants to know compares `len(frame.id)` with ID_LIMIT.
SERVED_ID_LIMIT = 255

#: The id of a CALLERROR that answers a call whose id can't be read (OCPP 2.0.1 Part 4, §4.2.3).
NO_ID = "-1"


class Call(Struct, frozen=True, gc=False, array_like=True, tag=2, forbid_unknown_fields=True):
    """[2, id, action, payload]: a question."""

    id: str
    action: str
    payload: Raw


class CallResult(Struct, frozen=True, gc=False, array_like=True, tag=3, forbid_unknown_fields=True):
    """[3, id, payload]: the answer to the call of that id."""

    id: str
    payload: Raw


class CallError(Struct, frozen=True, gc=False, array_like=True, tag=4, forbid_unknown_fields=True):
    """[4, id, code, description, details]: the refusal of a call. Stations leave out the last two or say null."""

    id: str
    code: str
    description: str | None = ""
    details: Raw = Raw(b"{}")


class CallResultError(Struct, frozen=True, gc=False, array_like=True, tag=5, forbid_unknown_fields=True):
    """[5, id, code, description, details]: the answer to a call could not be used (2.1)."""

    id: str
    code: str
    description: str | None = ""
    details: Raw = Raw(b"{}")


class Send(Struct, frozen=True, gc=False, array_like=True, tag=6, forbid_unknown_fields=True):
    """[6, id, action, payload]: a message that gets no answer (2.1)."""

    id: str
    action: str
    payload: Raw


Frame = Call | CallResult | CallError | CallResultError | Send

#: What the JSON decoder raises; deep nesting ends in RecursionError, bytes that are no UTF-8 in ValueError.
UNREADABLE = (msgspec.MsgspecError, ValueError, RecursionError)

_decode_frame = msgspec.json.Decoder(Frame).decode
_decode_any = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode
_SALVAGED = re.compile(rb'\s*\[\s*([2-6])\s*,\s*"([ !#-\[\]-~]{1,255})"\s*,')
_WRONG_ID = f"element 2 must be the message id, a string of at most {ID_LIMIT} characters, none of them NUL"
#: How many elements a message of each type may have.
_LENGTHS = {2: range(4, 5), 3: range(3, 4), 4: range(3, 6), 5: range(3, 6), 6: range(4, 5)}


def parse(raw: bytes, version: Version) -> Frame:
    """The message in a frame. Of a name that an object holds twice the last counts, as everywhere in JSON.

    Its id may be longer than OCPP allows, see SERVED_ID_LIMIT. Raises FrameFault, whatever the bytes are, and
    nothing else.
    """
    try:
        frame: Frame = _decode_frame(raw)
        # What nobody read yet would reach text columns: raw payloads, and in them the fields that are skipped.
        if not raw.isascii():
            raw.decode()
    except UNREADABLE:
        raise _explain(raw, version) from None
    if len(frame.id) > SERVED_ID_LIMIT or "\0" in frame.id:
        raise _unusable(None, ErrorCode.RPC_FRAMEWORK, _WRONG_ID, version, isinstance(frame, Call))
    if isinstance(frame, CallResultError | Send) and version is not Version.V21:
        raise _unknown_type(frame.id, version)
    return frame


def call(message_id: str, action: str, payload: bytes) -> bytes:
    """A CALL frame."""
    return b"".join((b"[2,", _encode(message_id), b",", _encode(action), b",", payload, b"]"))


def result(message_id: str, payload: bytes) -> bytes:
    """A CALLRESULT frame."""
    return b"".join((b"[3,", _encode(message_id), b",", payload, b"]"))


def error(message_id: str, code: str, description: str, details: bytes = b"{}") -> bytes:
    """A CALLERROR frame. The description is cut to the length that OCPP allows."""
    return _refusal(b"[4,", message_id, code, description, details)


def result_error(message_id: str, code: str, description: str, details: bytes = b"{}") -> bytes:
    """A CALLRESULTERROR frame (2.1): the answer to the call of that id could not be used."""
    return _refusal(b"[5,", message_id, code, description, details)


def send(message_id: str, action: str, payload: bytes) -> bytes:
    """A SEND frame (2.1)."""
    return b"".join((b"[6,", _encode(message_id), b",", _encode(action), b",", payload, b"]"))


def refusal(fault: FrameFault, version: Version) -> bytes | None:
    """The frame that answers a broken one, or None where nothing may be answered (see FrameFault; and 1.6 has no
    way to answer a call without an id)."""
    if not fault.answerable or (fault.id is None and version is Version.V16):
        return None
    return error(NO_ID if fault.id is None else fault.id, fault.code, fault.description)


def _refusal(head: bytes, message_id: str, code: str, description: str, details: bytes) -> bytes:
    cut = description[:DESCRIPTION_LIMIT]
    return b"".join((head, _encode(message_id), b",", _encode(code), b",", _encode(cut), b",", details, b"]"))


def _explain(raw: bytes, version: Version) -> FrameFault:
    """Why the frame is no message; the slow way, taken only for what is broken."""
    try:
        frame = _decode_any(raw)
    except UNREADABLE as error:
        return _undecodable(raw, "UTF-8" if isinstance(error, UnicodeDecodeError) else "JSON", version)
    if not isinstance(frame, list) or not frame:
        return _unusable(None, ErrorCode.RPC_FRAMEWORK, "a frame must be a JSON array with elements", version)
    message_id = _usable_id(frame)
    kind = frame[0]
    if type(kind) is not int or kind not in _LENGTHS or (kind in (5, 6) and version is not Version.V21):
        return _unknown_type(message_id, version)
    answerable = kind == 2
    if message_id is None:
        return _unusable(None, ErrorCode.RPC_FRAMEWORK, _WRONG_ID, version, answerable)
    lengths = _LENGTHS[kind]
    if len(frame) not in lengths:
        wanted = f"{lengths[0]} to {lengths[-1]}" if len(lengths) > 1 else f"{lengths[0]}"
        description = f"a message of type {kind} has {wanted} elements, not {len(frame)}"
    elif kind in (2, 6):
        description = "element 3 must be the action, a string"
    else:
        description = "the error code and its description must be strings"
    return _unusable(message_id, ErrorCode.FORMAT, description, version, answerable)


def _undecodable(raw: bytes, encoding: str, version: Version) -> FrameFault:
    """The type and the id are read from the bytes, for most stations write them plainly."""
    description = f"the frame is not valid {encoding}"
    salvaged = _SALVAGED.match(raw)
    if salvaged is None:
        return _unusable(None, ErrorCode.RPC_FRAMEWORK, description, version)
    kind, message_id = int(salvaged[1]), salvaged[2].decode("ascii")
    if kind in (5, 6) and version is not Version.V21:
        return _unknown_type(message_id, version)
    return _unusable(message_id, ErrorCode.FORMAT, description, version, kind == 2)


def _usable_id(frame: list[object]) -> str | None:
    if len(frame) < 2:
        return None
    message_id = frame[1]
    if not isinstance(message_id, str) or len(message_id) > SERVED_ID_LIMIT or "\0" in message_id:
        return None
    return message_id


def _unknown_type(message_id: str | None, version: Version) -> FrameFault:
    description = "the first element must be the number of a message type of this version"
    return _unusable(message_id, ErrorCode.MESSAGE_TYPE, description, version, version is not Version.V16)


def _unusable(
    message_id: str | None, code: ErrorCode, description: str, version: Version, answerable: bool = True
) -> FrameFault:
    return FrameFault(message_id, code.spelled(version), description, answerable=answerable)
