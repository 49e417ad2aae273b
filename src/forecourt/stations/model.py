"""What a station is, in words and rules without I/O."""

import hmac
import re
from collections.abc import Sequence
from datetime import timedelta
from enum import StrEnum
from typing import Any, Final

import msgspec

from forecourt.platform.digest import keyed_digest
from forecourt.platform.text import HIDDEN, WIDTHLESS

OFFLINE: Final = "Offline"
RESTARTING: Final = "Restarting"

#: States a connector may be in, the one that speaks for the whole station first. Unavailable comes after Available: a
#: station is out of service only when nothing of it is in service.
STATE_PRIORITY: Final = (
    "Faulted",
    "Charging",
    "SuspendedEVSE",
    "SuspendedEV",
    "Finishing",
    "Preparing",
    "Occupied",
    "Reserved",
    "Available",
    "Unavailable",
)
_RANK: Final = {state: rank for rank, state in enumerate(STATE_PRIORITY)}

#: Every word a whole station can be described with.
STATION_STATES: Final = (*STATE_PRIORITY, RESTARTING, OFFLINE)


#: The words by which a station says that it doesn't have what it was asked for (OCPP-J 1.6 4.2.3, 2.0.1 part 4 4.3).
LACKING: Final = frozenset(("NotImplemented", "NotSupported"))


def connector_cell(evse: int, connector: int) -> str:
    """The name of the live cell that holds a connector's state. What follows the last dot of a key is its cell."""
    return f"connector-{evse}-{connector}"


#: The state of a connector that never said any, and of which a session tells.
UNKNOWN: Final = "Unknown"
#: States that a session knows better where it is: a car that charges is not at a free connector.
_OVERRULED: Final = frozenset(("Available", UNKNOWN))
#: A session that is silent for so long, while its connector says that it is free, may be over.
SILENCE: Final = timedelta(minutes=10)


def shown_state(state: str, activity: str | None, *, here: bool) -> str:
    """What a connector is shown as: its own word, or what the running 2.x transaction of its EVSE says the car does.

    That the connector is free, or nothing, is overruled only `here`, where the session is: a car at one connector says
    nothing of the others of its EVSE. Occupied may be any of them, for stations name the wrong one.
    """
    overruled = state == "Occupied" or (here and state in _OVERRULED)
    return activity if overruled and activity is not None else state


def station_state(
    connected: bool, connector_states: Sequence[str], *, own: str | None = None, restarting: bool = False
) -> str:
    """One word for the whole station from the states of its connectors.

    `own` is the state of the pseudo-connector (0, 0) of OCPP 1.6, which stands for the station itself: Faulted speaks
    for all of it, and while it is Unavailable, no connector is Available, whatever it said of itself (1.6 7.7).
    A connected station that has told nothing yet counts as Available; a state we don't know counts as least telling.
    One that agreed to a reset and is not back yet is `restarting`, whatever its connectors say meanwhile.
    """
    if restarting:
        return RESTARTING
    if not connected:
        return OFFLINE
    known = [state for state in connector_states if state in _RANK]
    if own == "Faulted":
        known.append(own)
    elif own == "Unavailable":
        known = ["Unavailable", *(state for state in known if state != "Available")]
    return min(known, key=_RANK.__getitem__, default="Available")


#: A station names itself in the last segment of its address and as the user of basic authentication: hence no slash, no
#: colon, nothing hidden or without width, no blank at the ends, and not `.` or `..`, which clients take out of
#: addresses.
IDENTITY_PATTERN: Final = rf"^(?!\.{{1,2}}$)(?!\s)[^{HIDDEN}{WIDTHLESS}:/]+(?<!\s)$"
MAX_IDENTITY: Final = 255


class Reason(StrEnum):
    """Why a connection is refused at the door, before anything of OCPP was said."""

    UNKNOWN = "unknown"
    NO_PASSWORD = "no_password"
    WRONG_PASSWORD = "wrong_password"
    NO_CERTIFICATE = "no_certificate"
    WRONG_CERTIFICATE = "wrong_certificate"
    NO_TLS = "no_tls"
    NO_SUBPROTOCOL = "no_subprotocol"
    #: Broken off before an identity was named.
    TLS_FAILED = "tls_failed"


#: What a station's password may be, whoever gives it: printable ASCII, which every station can send in a Basic header.
#: A key of OCPP 1.6 in hex digits is one as well.
PASSWORD_PATTERN: Final = r"^[\x20-\x7e]+$"
MAX_PASSWORD_LENGTH: Final = 64
#: Bytes of the key that an AuthorizationKey writes in hex digits (OCPP 1.6 security white paper, A00.FR.205).
KEY_BYTES: Final = range(16, 21)
_HEX_KEY: Final = re.compile(rb"(?:[0-9A-Fa-f]{2}){16,20}")
#: What a station says of a password that it was given: 1.6 ConfigurationStatus and 2.x SetVariableStatus. It has the
#: new one, or still the old one; whatever else it says (RebootRequired), either may come.
_TAKEN: Final = {
    "Accepted": True,
    "Rejected": False,
    "NotSupported": False,
    "UnknownComponent": False,
    "UnknownVariable": False,
    "NotSupportedAttributeType": False,
}


def password_allowed(password: str) -> bool:
    """Whether a station may be given this password."""
    return 0 < len(password) <= MAX_PASSWORD_LENGTH and password.isascii() and password.isprintable()


def password_hash(secret_key: bytes, password: str | bytes) -> bytes:
    """What the database and the gateways keep of a station's password: 32 bytes, keyed with the deployment's secret.

    A key in hex digits is the same in either case of its letters.
    """
    raw = password.encode() if isinstance(password, str) else password
    return keyed_digest(secret_key, "station", _canonical(raw))


def find_password(secret_key: bytes, given: bytes, kept: Sequence[bytes]) -> int | None:
    """Which of the digests `kept` the password of a Basic header fits; None if it fits none.

    A station that was given its key in hex digits sends the digits, or the bytes they stand for (OCTT 1.6 TC_085). Both
    are equally hard to guess. Digests made of digits as they were typed are known as well.
    """
    forms = {given, _canonical(given)}
    if len(given) in KEY_BYTES:
        digits = given.hex().encode()
        forms |= {digits, digits.upper()}
    digests = [keyed_digest(secret_key, "station", form) for form in forms]
    for place, wanted in enumerate(kept):
        if any(hmac.compare_digest(digest, wanted) for digest in digests):
            return place
    return None


def _canonical(password: bytes) -> bytes:
    return password.lower() if _HEX_KEY.fullmatch(password) else password


def passwords_set_by(action: str, payload: bytes) -> list[str]:
    """The station passwords that a call sets: AuthorizationKey of 1.6, SecurityCtrlr.BasicAuthPassword of 2.x (A01).

    Names are compared without case, as stations do. Empty for every other call, and for a payload that is no such one.
    """
    if action == "ChangeConfiguration":
        asked = _decoded(payload)
        named = _text(asked, "key") == "authorizationkey"
        return [asked["value"]] if named and isinstance(asked.get("value"), str) else []
    if action != "SetVariables":
        return []
    values = [each.get("attributeValue") for each in _password_items(payload, "setVariableData")]
    return [value for value in values if isinstance(value, str)]


def password_taken(action: str, answer: bytes) -> bool | None:
    """Whether a station has the password that such a call gave it, by its CALLRESULT. None: it may have it or not."""
    if action == "ChangeConfiguration":
        statuses = [_decoded(answer).get("status")]
    else:
        statuses = [each.get("attributeStatus") for each in _password_items(answer, "setVariableResult")]
    return _TAKEN.get(statuses[0]) if len(statuses) == 1 and isinstance(statuses[0], str) else None


def _password_items(payload: bytes, name: str) -> list[dict[str, Any]]:
    """Those items of a SetVariables request or response that are about the password."""
    items = _decoded(payload).get(name)
    return [
        item
        for item in (items if isinstance(items, list) else ())
        if isinstance(item, dict)
        and _text(item.get("component"), "name") == "securityctrlr"
        and _text(item.get("variable"), "name") == "basicauthpassword"
        and item.get("attributeType", "Actual") == "Actual"
    ]


def _decoded(payload: bytes) -> dict[str, Any]:
    try:
        decoded = msgspec.json.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}
    return decoded if isinstance(decoded, dict) else {}


def _text(of: Any, name: str) -> str:
    """A text of an object in lower case; empty where there is none."""
    value = of.get(name) if isinstance(of, dict) else None
    return value.lower() if isinstance(value, str) else ""
