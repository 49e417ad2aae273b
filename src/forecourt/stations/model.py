"""What a station is, in words and rules without I/O."""

from collections.abc import Sequence
from typing import Final

from forecourt.platform.digest import keyed_digest

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


def shown_state(state: str, activity: str | None) -> str:
    """What a connector is shown as: 2.x says only Occupied, its transaction says what the car does."""
    return activity if state == "Occupied" and activity is not None else state


def station_state(connected: bool, connector_states: Sequence[str], *, restarting: bool = False) -> str:
    """One word for the whole station from the states of its connectors.

    The pseudo-connector (0, 0) of OCPP 1.6 stands for the station itself: pass its state only when it is Faulted.
    A connected station that has told nothing yet counts as Available; a state we don't know counts as least telling.
    One that agreed to a reset and is not back yet is `restarting`, whatever its connectors say meanwhile.
    """
    if restarting:
        return RESTARTING
    if not connected:
        return OFFLINE
    known = [state for state in connector_states if state in _RANK]
    return min(known, key=_RANK.__getitem__, default="Available")


def password_hash(secret_key: bytes, password: str | bytes) -> bytes:
    """What the database and the gateways keep of a station's password: 32 bytes, keyed with the deployment's secret."""
    return keyed_digest(secret_key, "station", password)
