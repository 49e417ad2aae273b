"""What a station says without the numbers of payment cards, which it may send by mistake in any field. Taken out before
anything else reads the message, so that they reach no table, no log and no other process.

Two things stay as they came. A token's uid of 14 digits, for those of RFID cards are as long. And the inside of a
signed meter value, which proves nothing any more once a sign of it is changed; one that is nothing but such a number is
none.
"""

from typing import Any, Final

import msgspec
from msgspec import Raw
from msgspec.structs import replace

from forecourt.ocpp import frames
from forecourt.ocpp.frames import UNREADABLE
from forecourt.platform.cards import MASK, holds_card, is_card, masked, may_hold_card

#: Where the uid of a token stands, in every version.
_UIDS: Final = frozenset(("idTag", "parentIdTag", "idToken"))
#: Where a signed meter value does: of 2.x; and of 1.6, in a sample of this format.
_SIGNED: Final = "signedMeterData"
_SIGNED_FORMAT: Final = "SignedData"
#: An id of this many characters and hyphens is a UUID, which holds no number so long.
_UUID_LENGTH: Final = 36
_UUID_HYPHENS: Final = 4
#: Numbers so high have as many digits as a card's.
_LEAST: Final = 10**12
_MOST: Final = 10**19

_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode


def without_cards(frame: frames.Frame, raw: bytes) -> frames.Frame:
    """The message in a frame; the same object where there are none in it. Its id stays, for the answer bears it."""
    if not may_hold_card(raw):
        return frame
    if isinstance(frame, frames.Call | frames.Send):
        return replace(frame, action=masked(frame.action), payload=_of_raw(frame.payload))
    if isinstance(frame, frames.CallResult):
        return replace(frame, payload=_of_raw(frame.payload))
    told = None if frame.description is None else masked(frame.description)
    return replace(frame, code=masked(frame.code), description=told, details=_of_raw(frame.details))


def clear(payload: bytes) -> bytes:
    """A payload without them; the same object where there are none. Never raises, whatever the payload is."""
    if not may_hold_card(payload):
        return payload
    try:
        value = _decode(payload)
        cleared = _cleared(value)
    except UNREADABLE:
        text = payload.decode("ascii", "surrogateescape")
        kept = masked(text)
        return payload if kept == text else kept.encode("ascii", "surrogateescape")
    return payload if cleared == value else _encode(cleared)


def clear_id(message_id: str) -> str:
    """The id of a message as it is logged."""
    if len(message_id) < len(MASK) or (len(message_id) == _UUID_LENGTH and message_id.count("-") == _UUID_HYPHENS):
        return message_id
    return masked(message_id)


def _of_raw(payload: Raw) -> Raw:
    return Raw(clear(bytes(payload)))


def _cleared(value: Any, name: str = "") -> Any:
    if isinstance(value, str):
        return _text(value, name)
    if isinstance(value, dict):
        proves = value.get("format") == _SIGNED_FORMAT
        return {
            masked(key): _cleared(item, _SIGNED if proves and key == "value" else key) for key, item in value.items()
        }
    if isinstance(value, list):
        return [_cleared(item, name) for item in value]
    if isinstance(value, int | float) and _LEAST <= value < _MOST and value == int(value) and is_card(str(int(value))):
        return MASK
    return value


def _text(text: str, name: str) -> str:
    if name == _SIGNED:
        return MASK if is_card(text) and holds_card(text) else text
    if "\0" in text:
        # Whoever reads it drops them.
        whole = text.replace("\0", "")
        return masked(whole, uid=name in _UIDS) if holds_card(whole, uid=name in _UIDS) else text
    return masked(text, uid=name in _UIDS)
