"""What follows in hosts; the subject is the organisation."""

from typing import Final

#: Somebody asks that hosts be paid now.
PAY: Final = "payouts.asked"
