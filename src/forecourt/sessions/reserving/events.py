"""What others may hear of a held connector; the subject is the hold's id."""

from typing import Final

#: It is held from now on, and its station is yet to be asked.
MADE: Final = "reservation.made"
#: It is held no more, however that came.
ENDED: Final = "reservation.ended"
