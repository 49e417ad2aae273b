"""The message log's rows, with secrets taken out before anything is stored.

Passwords and keys travel in a few messages only (configuration, variables, network profiles, log and firmware
addresses), so the frequent ones are not searched. What can't be parsed and looks secret is withheld whole.
"""

import re
from datetime import datetime
from functools import lru_cache
from typing import Any, Final

import msgspec

from forecourt.platform import packrow
from forecourt.platform.commit import Write
from forecourt.stations.gateway.lanes import MESSAGES
from forecourt.stations.gateway.station import Station

#: Bytes of one message that are kept; a longer one is cut and says so.
MAX_PAYLOAD = 65_536
MASK = "[redacted]"

#: Frequent messages whose schemas have no place for a secret.
_HARMLESS: Final = frozenset(
    ("MeterValues", "Heartbeat", "StatusNotification", "StartTransaction", "StopTransaction", "TransactionEvent",
     "BootNotification", "Authorize")
)  # fmt: skip
_SUSPECT = re.compile(rb"(?i)password|passwd|passphrase|authorizationkey|secret|private.?key|apn|pin\b|://[^/\"\s]*@")
_SECRET_NAME = re.compile(r"(?i)password|passwd|passphrase|authorizationkey|secret|privatekey|^pin$|simpin")
_USERINFO = re.compile(r"(://)[^/\s@]*@")
#: Where a key and its value stand beside each other: 1.6 configuration, 2.x variables.
_VALUE_FIELDS = ("value", "attributeValue")

_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode


def redact(action: str | None, payload: bytes) -> bytes:
    """The payload without its secrets; the same object where there are none."""
    if action in _HARMLESS or _SUSPECT.search(payload) is None:
        return payload
    try:
        return _encode(_masked(_decode(payload)))
    except (msgspec.DecodeError, RecursionError):
        return _encode("[withheld: not readable and may hold a secret]")


def _masked(value: Any) -> Any:
    if isinstance(value, str):
        return _USERINFO.sub(rf"\1{MASK}@", value)
    if isinstance(value, list):
        return [_masked(item) for item in value]
    if not isinstance(value, dict):
        return value
    names_a_secret = _names_a_secret(value)
    return {
        key: MASK
        if (names_a_secret and key in _value_fields(value)) or (isinstance(item, str) and _SECRET_NAME.search(key))
        else _masked(item)
        for key, item in value.items()
    }


def _names_a_secret(value: dict[str, Any]) -> bool:
    """Whether a dict is a named value whose name is a secret's: {"key": "AuthorizationKey", "value": ...}."""
    variable = value.get("variable")
    name = variable.get("name") if isinstance(variable, dict) else value.get("key")
    return isinstance(name, str) and _SECRET_NAME.search(name) is not None


def _value_fields(value: dict[str, Any]) -> tuple[str, ...]:
    # 2.x reports hold the value one level down, in a list of attributes.
    return (*_VALUE_FIELDS, "variableAttribute") if "variableAttribute" in value else _VALUE_FIELDS


def cut(payload: bytes) -> bytes:
    """At most MAX_PAYLOAD bytes, as JSON in any case."""
    if len(payload) <= MAX_PAYLOAD:
        return payload
    head = payload[: MAX_PAYLOAD // 2].decode(errors="replace")
    return _encode({"cut": f"{len(payload)} bytes, the first are kept", "head": head})


_COLUMNS: Final = len(MESSAGES.columns)
_moment_of = packrow.fields("tch")
_HARMLESS_PACKED: Final = {action: packrow.text(action) for action in _HARMLESS}


@lru_cache(maxsize=16)
def _moment(at: datetime, inbound: bool, kind: int) -> bytes:
    """All messages of one turn of the event loop have one moment."""
    return _moment_of(packrow.micros(at), b"i" if inbound else b"o", kind)


def enter(
    write: Write,
    station: Station,
    at: datetime,
    *,
    inbound: bool,
    kind: int,
    message_id: str,
    action: str | None,
    payload: bytes,
    deviations: tuple[str, ...] = (),
) -> None:
    """Put one message into a write."""
    packed_action = _HARMLESS_PACKED.get(action or "")
    if packed_action is None:
        packed_action, payload = packrow.text(action), redact(action, payload)
    parts = (
        station.packed,
        _moment(at, inbound, kind),
        packrow.text(message_id),
        packed_action,
        packrow.raw(payload if len(payload) <= MAX_PAYLOAD else cut(payload)),
        packrow.text("; ".join(deviations)) if deviations else packrow.NULL_TEXT,
    )
    write.add(MESSAGES.name, packrow.joined(_COLUMNS, parts))
