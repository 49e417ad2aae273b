"""Replacement in words of pages."""

from typing import Final

from forecourt.insight.replacement.model import ChangeReason, HardwareKind
from forecourt.insight.replacement.planned import HardwareTold
from forecourt.insight.replacement.policy import AheadVerdict
from forecourt.ui.i18n import mark

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
NOT_TOLD: Final = {
    HardwareTold.NOT_RECORDED: mark("Nobody said since when its replacements are recorded, so nothing can be told."),
    HardwareTold.SHORT: mark("None ended, but all were watched for too short a time to tell anything."),
    HardwareTold.NOTHING: mark("None was in use while ends were recorded, so nothing can be told."),
}
VERDICTS: Final = {
    AheadVerdict.NOT_RISING: mark("No: it isn't proven that old ones fail more often than young ones"),
    AheadVerdict.AS_DEAR: mark("No: a planned replacement costs as much as a failed one"),
    AheadVerdict.TOO_LITTLE: mark("No: it saves too little, or nothing for sure"),
}
