"""What fleets are given to read: the document of an invoice with its data inside, the sheet of its lines, letters.

In the language of the fleet, which may be one that the console does not speak.
"""

from functools import cache
from pathlib import Path
from typing import Final

from forecourt.ui.i18n import Languages

ROOM: Final = Path(__file__).parent


@cache
def languages() -> Languages:
    """The languages that fleets are written to in."""
    return Languages([ROOM], folder="languages")
