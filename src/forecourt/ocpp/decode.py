"""Payload bytes into typed messages: strictly first, which is fast; forgivingly where that fails.

The strict decoder accepts what the schema accepts, but for a short list of differences that the tests hold fast. A
message that deviates in a listed way is served and the deviations are reported; any other is refused with the OCPP
error that fits it.
"""

import re
from typing import Any

import msgspec
from msgspec import Struct

from forecourt.ocpp.deviations import STRICT_CODES, Deviation, Notes
from forecourt.ocpp.faults import CallFault, ErrorCode
from forecourt.ocpp.frames import UNREADABLE
from forecourt.ocpp.neutral import Version
from forecourt.ocpp.reading import Unusable, has_steps, reader

_decode_any = msgspec.json.Decoder().decode

# msgspec takes a space for the T and a zone without a colon for a time, silently; PostgreSQL takes no NUL in a text.
# These patterns each begin with a rare byte, which makes the search nearly free.
_NEGATIVE_ZONE_WITHOUT_COLON = re.compile(rb'-\d\d\d\d"').search
_POSITIVE_ZONE_WITHOUT_COLON = re.compile(rb'\+\d\d\d\d"').search
_TIME_WITH_SPACE = re.compile(rb" \d\d:\d\d:\d\d").search
# As numbers, for Python searches bytes for a number five times faster than for bytes.
_BACKSLASH, _PLUS, _SPACE = b"\\+ "


class Decoded(Struct, frozen=True, gc=False):
    """A message and how it deviated from its schema, each as `name path` (see Deviation)."""

    request: Any
    deviations: tuple[str, ...] = ()


class Codec:
    """Decodes one message of one version. Holds no state but the decoder."""

    def __init__(self, message: type[Struct], version: Version) -> None:
        self.message = message
        self.version = version
        self._decode = msgspec.json.Decoder(message).decode
        self._has_steps = has_steps(message)

    def decode(self, payload: bytes) -> Decoded:
        """The message, forgiving the listed deviations. Raises CallFault."""
        try:
            request = self._decode(payload)
        except UNREADABLE:
            notes = Notes()
            request = self._read(payload, notes)
            if not notes.met:
                # The forgiving reader sees the last of repeated fields only, and nothing else escapes it.
                notes.add(Deviation.REPEATED_FIELD, "$")
            return Decoded(request, notes.lines())
        if not self._has_steps and not _suspicious(payload):
            return Decoded(request)
        notes = Notes()
        request = self._read(payload, notes)
        return Decoded(request, notes.lines())

    def check(self, payload: bytes) -> Any:
        """The message, forgiving nothing. Raises CallFault for the first thing that is wrong."""
        notes = Notes(forgiving=False)
        try:
            request = self._read(payload, notes)
        except CallFault:
            if not notes.met:
                raise
            request = None
        try:
            self._decode(payload)
        except UNREADABLE:
            notes.add(Deviation.REPEATED_FIELD, "$")
        if notes.met:
            deviation, path = notes.met[0]
            raise self._fault(STRICT_CODES[deviation], path, f"breaks the schema: {deviation.replace('-', ' ')}")
        return request

    def _read(self, payload: bytes, notes: Notes) -> Any:
        try:
            tree = _decode_any(payload)
        except UNREADABLE as error:
            raise self._fault(ErrorCode.FORMAT, "$", f"the payload can't be read: {error}") from None
        if tree is None or tree == []:
            tree = {}
            notes.add(Deviation.EMPTY_PAYLOAD, "$")
        elif not isinstance(tree, dict):
            raise self._fault(ErrorCode.FORMAT, "$", "the payload must be an object")
        try:
            return reader(self.message)(tree, "$", notes)
        except Unusable as fault:
            raise self._fault(fault.code, fault.path, fault.problem) from None
        except RecursionError:
            raise self._fault(ErrorCode.FORMAT, "$", "the payload is nested too deeply") from None

    def _fault(self, code: ErrorCode, path: str, problem: str) -> CallFault:
        return CallFault(code.spelled(self.version), f"{path} {problem}", {"path": path})


def _suspicious(payload: bytes) -> bool:
    """Whether a payload that was decoded may still hold what no decoder complains of; the reader finds out."""
    if _BACKSLASH not in payload and _PLUS not in payload and _SPACE not in payload:
        return _NEGATIVE_ZONE_WITHOUT_COLON(payload) is not None
    return (
        b"\\u0000" in payload
        or _NEGATIVE_ZONE_WITHOUT_COLON(payload) is not None
        or _POSITIVE_ZONE_WITHOUT_COLON(payload) is not None
        or _TIME_WITH_SPACE(payload) is not None
    )
