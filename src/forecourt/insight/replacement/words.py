"""Replacement in words of pages."""

from datetime import date
from typing import Final
from urllib.parse import urlencode

from forecourt.insight.replacement.model import ChangeReason, CountsAs, HardwareKind
from forecourt.insight.replacement.planned import HardwareTold
from forecourt.insight.replacement.policy import AheadVerdict
from forecourt.ui.i18n import mark

CHANGES_PATH: Final = "/insight/health/replacement/changes"

KINDS: Final = {
    HardwareKind.STATION: mark("Whole station"),
    HardwareKind.CONTROLLER: mark("Controller and modem"),
    HardwareKind.POWER: mark("Power unit of an EVSE"),
    HardwareKind.CABLE: mark("Cable, plug and lock"),
}
REASONS: Final = {
    ChangeReason.WORN: mark("Worn"),
    ChangeReason.DEFECT: mark("Defect"),
    ChangeReason.VANDALISM: mark("Vandalism or theft"),
    ChangeReason.ACCIDENT: mark("Accident"),
    ChangeReason.AHEAD: mark("Replaced ahead, before it failed"),
    ChangeReason.RECALL: mark("Recall"),
    ChangeReason.UPGRADE: mark("Upgrade"),
    ChangeReason.COMMISSIONED: mark("Put in, nothing was taken out"),
}
COUNTS_AS: Final = {
    CountsAs.WORN: mark("worn, since the model is the same"),
    CountsAs.UPGRADE: mark("upgrade, since the model is another"),
    CountsAs.MOVED: mark("moved: one of the two is known from another station"),
    CountsAs.NOTHING: mark("nothing: the station tells other numbers too often"),
}
#: What is likely replaced where a part of connector health was found worn; a meter is no kind of its own.
OF_PART: Final = {
    "contact": HardwareKind.CABLE, "lock": HardwareKind.CABLE, "contactor": HardwareKind.POWER,
    "cooling": HardwareKind.POWER, "modem": HardwareKind.CONTROLLER,
}  # fmt: skip
NOT_TOLD: Final = {
    HardwareTold.NOT_RECORDED: mark("Nobody said since when its replacements are recorded, so nothing can be told."),
    HardwareTold.SHORT: mark("None ended, but all were watched for too short a time to tell anything."),
    HardwareTold.UNKNOWN_AGE: mark("Nobody said when any of it was put in, so nothing can be told."),
    HardwareTold.NOTHING: mark("None was in use while ends were recorded, so nothing can be told."),
}
VERDICTS: Final = {
    AheadVerdict.NOT_RISING: mark("No: it isn't proven that old ones fail more often than young ones"),
    AheadVerdict.AS_DEAR: mark("No: a planned replacement costs as much as a failed one"),
    AheadVerdict.TOO_LITTLE: mark("No: it saves too little, or nothing for sure"),
}


def href_to_say(station: str, part: str, evse: int, on: date) -> str:
    """Where somebody says what was replaced where a part was found worn, with what is known filled in; '' for one that
    is no kind of hardware."""
    kind = OF_PART.get(part)
    if kind is None:
        return ""
    known = {"station": station, "kind": kind.value, "on": on.isoformat()}
    if kind is not HardwareKind.CONTROLLER:
        known["evse"] = str(evse)
    return f"{CHANGES_PATH}?{urlencode(known)}"
