"""A campaign in the demo's past: who has it, what it takes off their bills, and that it makes them come more often.

Drivers with an account at the operator, by cards that no station of the demo is shown today. Of a hundred some thirty
are held out; who has it comes LIFT more often while it runs, which is the truth that an estimate is held against.
"""

from datetime import datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from random import Random
from typing import Any, Final

import msgspec

MEMBERS: Final = 120
HELD_OUT: Final = 0.3
#: Of the visits of who has it: by so many more they come while it runs.
LIFT: Final = 0.35
PERCENT: Final = 10
MOST_CENTS: Final = 300
CURRENCY: Final = "EUR"
#: Before the end of the past.
BEGAN: Final = timedelta(weeks=6)
ENDED: Final = timedelta(weeks=2)
#: Hours after a visit in which the one more is.
AGAIN_H: Final = (2.0, 20.0)


def members() -> dict[str, bool]:
    """Cards, and whether each has it."""
    chance = Random("members")  # noqa: S311
    return {f"04{chance.getrandbits(48):012X}": chance.random() >= HELD_OUT for _ in range(MEMBERS)}


class Nudge:
    """It runs for four of the weeks before a time; counts what it took of bills."""

    def __init__(self, until: datetime) -> None:
        self.members = members()
        self.began, self.ended = until - BEGAN, until - ENDED
        self._spent = Decimal(0)

    def has(self, driver: str, at: datetime) -> bool:
        """Whether a visit then is of somebody who has it."""
        return self.members.get(driver, False) and self.began <= at < self.ended

    def again_at(self, driver: str, at: datetime, chance: Random) -> datetime | None:
        """When somebody comes once more who would not have without it."""
        if not self.has(driver, at) or chance.random() >= LIFT:
            return None
        later = at + timedelta(hours=chance.uniform(*AGAIN_H))
        return later if later < self.ended else None

    def taken_off(self, driver: str, at: datetime, currency: str, gross: Decimal) -> Decimal:
        """What of a bill is left, as a share of it; noted as spent."""
        if not gross or currency != CURRENCY or not self.has(driver, at):
            return Decimal(1)
        off = min(gross * PERCENT / 100, Decimal(MOST_CENTS) / 100).quantize(Decimal("0.01"), ROUND_HALF_EVEN)
        self._spent += off
        return 1 - off / gross

    def told(self) -> dict[str, Any]:
        """What the old records say of it, once all visits are made."""
        return {
            "name": "Come again", "label": "Thank you", "currency": CURRENCY, "percent": PERCENT,
            "most": MOST_CENTS, "holdout_percent": round(100 * HELD_OUT), "started_at": self.began,
            "ended_at": self.ended, "spent": int(self._spent * 100), "drivers": self.members,
        }  # fmt: skip

    def written(self) -> bytes:
        """The same as JSON."""
        return msgspec.json.encode(self.told())
