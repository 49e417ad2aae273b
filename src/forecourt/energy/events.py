"""What others may hear of smart charging."""

from typing import Final

#: A car said what it needs; the subject is the station's number and the EVSE, `7.1`.
SAID: Final = "energy.needs_said"
#: Somebody else limits a station, or doesn't any more; its car means to charge in another way, it has said what it
#: holds, has asked what it shall do, or its driver asked for priority. The subject is the station's number.
LIMITED: Final = "energy.limited"
