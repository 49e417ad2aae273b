"""What a connector's error code means to the person who has to act: what happened, why most likely, what to do next.

The codes are those of OCPP 1.6 (7.6 ChargePointErrorCode); a 2.x station gives none with its status.
"""

from typing import Final

from msgspec import Struct

from forecourt.ui.i18n import mark


class Fault(Struct, frozen=True):
    """An error code in words, each marked for translation."""

    happened: str
    cause: str
    next_step: str


UNKNOWN: Final = Fault(
    mark("The connector reports a fault"),
    mark("the station doesn't say more than that"),
    mark("Reset the station; if the fault comes back, ask the maker with the station's log"),
)

FAULTS: Final = {
    "ConnectorLockFailure": Fault(
        mark("The plug can't be locked or unlocked"),
        mark("a cable under tension or a worn lock"),
        mark("Unlock it, then check the plug"),
    ),
    "EVCommunicationError": Fault(
        mark("Station and car don't understand each other"),
        mark("a bad plug contact or the car itself"),
        mark("Plug in again"),
    ),
    "GroundFailure": Fault(
        mark("The earth leakage protection has tripped"),
        mark("moisture, a damaged cable or the car"),
        mark("Send an electrician"),
    ),
    "HighTemperature": Fault(
        mark("The station is too hot"),
        mark("a blocked fan, direct sun or a loose terminal"),
        mark("Let it cool, then check its vents"),
    ),
    "InternalError": Fault(
        mark("The station's own software failed"), mark("a defect in its firmware"), mark("Reset the station")
    ),
    "LocalListConflict": Fault(
        mark("The list of tokens kept in the station contradicts ours"),
        mark("an update it missed"),
        mark("Send the list again"),
    ),
    "OtherError": UNKNOWN,
    "OverCurrentFailure": Fault(
        mark("The car drew more current than allowed"),
        mark("a car that ignores the limit or a short circuit"),
        mark("Unplug the car"),
    ),
    "OverVoltage": Fault(
        mark("The grid voltage is too high"), mark("the grid connection of the site"), mark("Ask the grid operator")
    ),
    "PowerMeterFailure": Fault(
        mark("The energy meter can't be read"), mark("a loose connection or a broken meter"), mark("Send a technician")
    ),
    "PowerSwitchFailure": Fault(
        mark("The contactor doesn't switch"),
        mark("welded or worn contacts"),
        mark("Take it out of service and send an electrician"),
    ),
    "ReaderFailure": Fault(
        mark("The card reader doesn't work"),
        mark("a broken reader or its cable"),
        mark("Start by app until it is replaced"),
    ),
    "ResetFailure": Fault(
        mark("The station could not reset"), mark("a process in it that hangs"), mark("Switch its power off and on")
    ),
    "UnderVoltage": Fault(
        mark("The grid voltage is too low"), mark("an overloaded supply of the site"), mark("Ask the grid operator")
    ),
    "WeakSignal": Fault(
        mark("The radio signal is weak"), mark("the place of the antenna or the network"), mark("Check the antenna")
    ),
}


def explain(code: str | None) -> Fault:
    """The words for a code; a code we don't know is still a fault."""
    return FAULTS.get(code or "", UNKNOWN)
