"""How much of everything, and how long. Times in seconds by the server's own clock."""

from typing import Final

#: The version of the Checkout API that it answers as.
VERSION: Final = "v72"
MAX_BODY: Final = 64 * 1024
MAX_KEY: Final = 64
MAX_REFERENCE: Final = 80
MAX_TEXT: Final = 2_000
#: Kept in memory until the server ends: more of any is refused.
MAX_MERCHANTS: Final = 1_000
MAX_KEPT: Final = 200_000
MAX_REPORTS: Final = 5_000
DAY_S: Final = 24 * 3600
#: A page, where nothing else is said, and at the most.
LINK_S: Final = 24 * 3600
MAX_LINK_S: Final = 70 * 24 * 3600
#: A hold, until it expires.
HOLD_S: Final = 28 * 24 * 3600
#: How far its clock may be ahead of real time.
MAX_AHEAD_S: Final = 400 * 24 * 3600
#: A webhook that was not taken comes again after so long: at once, then in minutes and hours, for thirty days.
RETRIES_S: Final = (0, 0, 120, 300, 600, 900, 1800, 3600, 7200, 14400, *([28800] * 88))
DELIVERIES_AT_ONCE: Final = 8
DELIVERY_TIMEOUT_S: Final = 10.0
IDLE_WAIT_S: Final = 30.0
TICK_S: Final = 0.1
