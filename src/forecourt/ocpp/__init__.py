"""Owns the wire: OCPP-J frames, the typed messages of 1.6J, 2.0.1 and 2.1, and the neutral language above them.

Says what a station reported (`Report`), what to answer (`Answer`) and to ask (`Command`), and what is wrong with a
message (`FrameFault`, `CallFault`). Decodes strictly, then forgiving a closed list of deviations, each reported.
Never does I/O, keeps state or reads a clock, and never decides: what a station is told comes from above.
The way in is `frames.parse` and `protocol(version)`; no version is named outside this room.
"""

from forecourt.ocpp.decode import Decoded
from forecourt.ocpp.deviations import Deviation, Notes
from forecourt.ocpp.faults import CallFault, ErrorCode, FrameFault
from forecourt.ocpp.neutral import Version
from forecourt.ocpp.protocol import Protocol, protocol

__all__ = [
    "CallFault",
    "Decoded",
    "Deviation",
    "ErrorCode",
    "FrameFault",
    "Notes",
    "Protocol",
    "Version",
    "protocol",
]
