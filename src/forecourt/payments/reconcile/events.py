"""What follows in reconciliation; the subject is the organisation."""

from typing import Final

#: Somebody asks that providers and banks be compared now.
COMPARE: Final = "reconciliation.asked"
