"""Whether somebody can begin to pay at a connector, by how it stands: asked by whoever shows it and by whoever begins.
Pure."""

from typing import Final

from forecourt.payments.intents.errors import ConnectorInUse, ConnectorOutOfOrder, StationOutOfReach
from forecourt.platform.errors import ForecourtError
from forecourt.sessions.reserving.model import HeldForAnother

#: Connectors with these states take a driver; None: the station said nothing yet.
FREE: Final = frozenset({"Available", "Preparing", "Occupied", "Finishing", None})
OUT_OF_ORDER: Final = frozenset({"Faulted", "Unavailable"})
RESERVED: Final = "Reserved"


def shut(*, connected: bool, state: str | None, own: bool) -> type[ForecourtError] | None:
    """Why nobody can begin there; None where the connector takes a driver. `own`: it is held for whoever asks."""
    if not connected:
        return StationOutOfReach
    if state in FREE or (own and state == RESERVED):
        return None
    if state in OUT_OF_ORDER:
        return ConnectorOutOfOrder
    return HeldForAnother if state == RESERVED else ConnectorInUse
