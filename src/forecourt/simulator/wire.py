"""OCPP-J frames, made and read here on purpose apart from the system under test."""

from datetime import UTC, datetime
from typing import Any

import msgspec

CALL, RESULT, ERROR, RESULT_ERROR, SEND = 2, 3, 4, 5, 6

_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(list[Any])

Payload = dict[str, Any]


class Refused(Exception):
    """The station answers a CALL with a CALLERROR."""

    def __init__(self, code: str, description: str = "") -> None:
        super().__init__(code, description)
        self.code = code
        self.description = description


def encode(frame: list[Any]) -> bytes:
    return _encoder.encode(frame)


def decode(raw: bytes) -> list[Any] | None:
    """The frame, or None for what no station could answer."""
    try:
        frame = _decoder.decode(raw)
    except msgspec.DecodeError:
        return None
    return frame if len(frame) >= 3 and isinstance(frame[0], int) and isinstance(frame[1], str) else None


def stamp(at: datetime) -> str:
    """RFC 3339 in UTC with milliseconds, as most stations write it."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
