"""What each sign of wear points at."""

from collections.abc import Mapping
from typing import Final

#: The kind of wear that a sign points at the most.
CAUSES: Final[Mapping[str, str]] = {
    "failed": "contact", "retries": "contact", "power": "cooling", "heat": "cooling", "drift": "meter",
    "flaps": "modem", "lock": "lock", "hot": "cooling", "switch": "contactor", "link": "contact", "metering": "meter",
    "other": "contactor", "burst": "contact", "quiet": "contact",
}  # fmt: skip
