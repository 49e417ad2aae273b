"""How long what stations are told holds, and by how much clocks may differ: all that must fit together."""

from datetime import timedelta
from typing import Final

#: By how much a station's clock may be off: what it is told begins so much earlier, and may end so much later or
#: earlier than we think.
CLOCK_MARGIN: Final = timedelta(minutes=1)
#: How long a limit holds. A station that falls silent goes on with it for as long.
VALID_FOR: Final = timedelta(minutes=5)
#: How long a car gives that was told to.
GIVES_FOR: Final = timedelta(minutes=5)
#: The pause with which default profiles begin: no limit from before the silence holds any more when it is over.
PAUSE: Final = VALID_FOR + CLOCK_MARGIN
#: A limit below the default is counted on only while so much of its time is left: should all fall silent now, the one
#: that rises to its default at its end does so when no higher limit of another holds any more.
LOW_LEAST: Final = PAUSE + CLOCK_MARGIN
#: So such limits hold longer, and there is time to say them again before they are no more counted on.
LOW_VALID_FOR: Final = timedelta(minutes=12)
#: A limit reaches its station within this time after it was recorded, or never: a call is waited for 30 s and dropped
#: then, wherever it waits. Until it has been answered it may come after one that was told later.
ARRIVES_WITHIN: Final = timedelta(seconds=35)
