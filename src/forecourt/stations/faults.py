"""What a connector's error code means to the person who has to act: what happened, why most likely, what to do next.

The codes are those of OCPP 1.6 (7.6 ChargePointErrorCode); a 2.x station gives none with its status.
"""

from typing import Final

from msgspec import Struct


class Fault(Struct, frozen=True):
    """An error code in words."""

    happened: str
    cause: str
    next_step: str


UNKNOWN: Final = Fault(
    "The connector reports a fault",
    "the station doesn't say more than that",
    "Reset the station; if the fault comes back, ask the maker with the station's log",
)

FAULTS: Final = {
    "ConnectorLockFailure": Fault(
        "The plug can't be locked or unlocked", "a cable under tension or a worn lock", "Unlock it, then check the plug"
    ),
    "EVCommunicationError": Fault(
        "Station and car don't understand each other", "a bad plug contact or the car itself", "Plug in again"
    ),
    "GroundFailure": Fault(
        "The earth leakage protection has tripped", "moisture, a damaged cable or the car", "Send an electrician"
    ),
    "HighTemperature": Fault(
        "The station is too hot", "a blocked fan, direct sun or a loose terminal", "Let it cool, then check its vents"
    ),
    "InternalError": Fault("The station's own software failed", "a defect in its firmware", "Reset the station"),
    "LocalListConflict": Fault(
        "The list of tokens kept in the station contradicts ours", "an update it missed", "Send the list again"
    ),
    "OtherError": UNKNOWN,
    "OverCurrentFailure": Fault(
        "The car drew more current than allowed", "a car that ignores the limit or a short circuit", "Unplug the car"
    ),
    "OverVoltage": Fault("The grid voltage is too high", "the grid connection of the site", "Ask the grid operator"),
    "PowerMeterFailure": Fault(
        "The energy meter can't be read", "a loose connection or a broken meter", "Send a technician"
    ),
    "PowerSwitchFailure": Fault(
        "The contactor doesn't switch", "welded or worn contacts", "Take it out of service and send an electrician"
    ),
    "ReaderFailure": Fault(
        "The card reader doesn't work", "a broken reader or its cable", "Start by app until it is replaced"
    ),
    "ResetFailure": Fault("The station could not reset", "a process in it that hangs", "Switch its power off and on"),
    "UnderVoltage": Fault("The grid voltage is too low", "an overloaded supply of the site", "Ask the grid operator"),
    "WeakSignal": Fault("The radio signal is weak", "the place of the antenna or the network", "Check the antenna"),
}


def explain(code: str | None) -> Fault:
    """The words for a code; a code we don't know is still a fault."""
    return FAULTS.get(code or "", UNKNOWN)
