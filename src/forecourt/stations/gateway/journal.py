"""The message log's rows, with secrets taken out before anything is stored.

Passwords and keys travel in a few messages by design (configuration, variables, network profiles, log and firmware
addresses) and in any by mistake: in a field that is none, in customData, in a text of the station's own. Of the most
frequent ones only those with such a place are looked through. What can't be parsed and looks secret is withheld whole.
"""

import re
from datetime import datetime
from functools import lru_cache
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from forecourt.ocpp.frames import UNREADABLE
from forecourt.platform import packrow
from forecourt.platform.cards import masked
from forecourt.platform.commit import Write
from forecourt.platform.text import HIDDEN
from forecourt.stations.gateway.card_numbers import clear, clear_id
from forecourt.stations.gateway.lanes import MESSAGES
from forecourt.stations.gateway.outbound import Ask, Reply
from forecourt.stations.gateway.station import Station
from forecourt.stations.model import passwords_set_by

#: Bytes of one message that are kept; a longer one is cut and says so.
MAX_PAYLOAD = 65_536
MASK = "[redacted]"
#: Characters of the shortest secret that is looked for wherever it may stand: a shorter one is found in any word.
LEAST_SECRET = 8

#: Those that come most, in which a station that keeps to the schema has but these two places for words of its own.
_CLOSED: Final = frozenset(("MeterValues", "TransactionEvent", "Heartbeat"))
_CUSTOM: Final = b"customData"
_ADDITIONAL: Final = b"additionalInfo"


#: What makes a payload worth decoding: a secret's name, a user in an address, or an escape that could hide either.
_SUSPECT = re.compile(
    rb"(?i)password|passwd|passphrase|authorizationkey|secret|private.?key|apn|vpn|pin\b|\bpw\b|:(?:\\*/){2}[^/\"\s]*@|\\u00"
)
_SECRET_NAME = re.compile(r"(?i)password|passwd|passphrase|authorizationkey|secret|privatekey|vpnkey|^pin$|^pw$|simpin")
#: Up to the last @ before the path: a password may hold one itself.
_USERINFO = re.compile(r"(://)[^/\s]*@")
_HIDDEN = re.compile(f"[{HIDDEN}]")
#: A private key, whole or cut off.
_PRIVATE_KEY = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL)
#: A secret in a text that is no JSON: password=..., "password": "...
_SECRET_WORDS = r"password|passwd|passphrase|authorizationkey|secret|private.?key|\bpin|\bpw"
_SPOKEN = re.compile(rf"({_SECRET_WORDS})([\"']?\s*[:=]\s*)(\"[^\"]*\"?|'[^']*'?|[^\s;,&]+)", re.IGNORECASE)
#: The text of a DataTransfer has no form: any word for a secret with something behind it. More is taken out than need
#: be, for nothing else depends on it.
_TRANSFER_WORDS = r"(?<![a-z])(?:pw|pwd|pass|pin|token|key|pan|cvc|cvv)(?![a-z])|api.?key|card.?number"
_TRANSFER_SUSPECT = re.compile(_TRANSFER_WORDS.encode(), re.IGNORECASE)
_TRANSFER_SPOKEN = re.compile(
    rf"({_SECRET_WORDS}|{_TRANSFER_WORDS})([\"']?\s*(?:[:=]|\s(?:is\s)?)\s*)(\"[^\"]*\"?|'[^']*'?|[^\s;,&]+)",
    re.IGNORECASE,
)
_TRANSFER_NAME = re.compile(_TRANSFER_WORDS, re.IGNORECASE)
#: Members that are secrets by where they stand: the pre-shared key of a VPN.
_SECRET_MEMBERS: Final = {"vpn": ("key", "password")}
#: Where a key and its value stand beside each other: 1.6 configuration, 2.x variables.
_VALUE_FIELDS = ("value", "attributeValue")

_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode


def redact(action: str | None, payload: bytes) -> bytes:
    """The payload without its secrets; the same object where there are none. Never raises, whatever the payload is."""
    payload, loose = clear(payload), action == "DataTransfer"
    if not _suspect(payload, loose):
        return payload
    for password in passwords_set_by(action or "", payload):
        payload = _without(password, payload)
    return _without_secrets(payload, loose)


def safe(raw: bytes) -> bytes:
    """A whole frame, or what was meant to be one, without its secrets; the same object where there are none."""
    raw = clear(raw)
    # A text in UTF-16, say, has its letters apart.
    text = raw.replace(b"\0", b"")
    if text is not raw and clear(text) != text:
        return _encode("[withheld: not readable and may hold a secret]")
    loose = b"DataTransfer" in text
    return _without_secrets(raw, loose) if _suspect(text, loose) else raw


def spoken(text: str | None) -> str | None:
    """What a station says in words of its own, as it can be shown: without secrets and without hidden characters."""
    text = _HIDDEN.sub("", text) if text else text
    if not text:
        return text
    text = masked(text)
    return _masked_text(text, loose=False) if _suspect(text.encode(), loose=False) else text


def _suspect(text: bytes, loose: bool) -> bool:
    """`loose`: looser words tell of a secret, as in the text of a DataTransfer."""
    return _SUSPECT.search(text) is not None or (loose and _TRANSFER_SUSPECT.search(text) is not None)


def without_password(ask: Ask, reply: Reply) -> Reply:
    """What a station answers without the password that it was given: it may repeat it in a reason for refusing it."""
    for password in passwords_set_by(ask.action, ask.payload):
        description = reply.description
        if len(password) >= LEAST_SECRET:
            description = description.replace(password, MASK)
        reply = replace(reply, payload=_without(password, reply.payload), description=description)
    return reply


def _without(secret: str, payload: bytes) -> bytes:
    if len(secret) < LEAST_SECRET:
        return payload
    try:
        decoded = _decode(payload)
        cleared = _cleared(secret, decoded)
    except UNREADABLE:
        return _encode("[withheld: not readable and may hold a secret]")
    return payload if cleared == decoded else _encode(cleared)


def _cleared(secret: str, value: Any) -> Any:
    if isinstance(value, str):
        return value.replace(secret, MASK)
    if isinstance(value, list):
        return [_cleared(secret, item) for item in value]
    if isinstance(value, dict):
        return {_cleared(secret, key): _cleared(secret, item) for key, item in value.items()}
    return value


def _without_secrets(text: bytes, loose: bool) -> bytes:
    try:
        return _encode(_masked(_decode(text), loose))
    except UNREADABLE:
        return _encode("[withheld: not readable and may hold a secret]")


def _masked(value: Any, loose: bool) -> Any:
    """A value without its secrets."""
    if isinstance(value, str):
        return _masked_text(value, loose)
    if isinstance(value, list):
        return [_masked(item, loose) for item in value]
    if not isinstance(value, dict):
        return value
    named = _value_fields(value) if _names_a_secret(value) else ()
    looser = loose and "value" not in value

    def secret(key: str) -> bool:
        return key in named or bool(_SECRET_NAME.search(key)) or (looser and bool(_TRANSFER_NAME.search(key)))

    return {
        key: MASK if item is not None and secret(key) else _masked_member(key, item, loose)
        for key, item in value.items()
    }


def _masked_member(key: str, value: Any, loose: bool) -> Any:
    secret = _SECRET_MEMBERS.get(key)
    if secret is not None and isinstance(value, dict):
        value = {name: MASK if name in secret and item is not None else item for name, item in value.items()}
    return _masked(value, loose)


def _masked_text(text: str, loose: bool) -> str:
    """A text without addresses' users and spoken secrets. JSON in a text, as in DataTransfer, is looked into."""
    if text.lstrip()[:1] in ("{", "[", '"'):
        try:
            inner = _decode(text)
        except UNREADABLE:
            pass
        else:
            masked = _masked(inner, loose)
            return text if masked == inner else _encode(masked).decode()
    text = _USERINFO.sub(rf"\1{MASK}@", _PRIVATE_KEY.sub(MASK, text))
    return (_TRANSFER_SPOKEN if loose else _SPOKEN).sub(rf"\1\2{MASK}", text)


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
_CLOSED_PACKED: Final = {action: packrow.text(action) for action in _CLOSED}


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
    packed_action = _CLOSED_PACKED.get(action or "")
    if packed_action is None:
        packed_action, payload = packrow.text(action), redact(action, payload)
    elif deviations or _CUSTOM in payload or _ADDITIONAL in payload:
        payload = redact(action, payload)
    parts = (
        station.packed,
        _moment(at, inbound, kind),
        packrow.text(clear_id(message_id)),
        packed_action,
        packrow.raw(payload if len(payload) <= MAX_PAYLOAD else cut(payload)),
        packrow.text("; ".join(deviations)) if deviations else packrow.NULL_TEXT,
    )
    write.add(MESSAGES.name, packrow.joined(_COLUMNS, parts))
