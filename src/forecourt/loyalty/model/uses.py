"""Codes, and what is given or kept for somebody. Pure."""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID

from msgspec import Struct

#: Codes of one campaign, and those made at once.
MAX_CODES: Final = 100_000
MAX_CODES_AT_ONCE: Final = 1_000
MIN_CODE: Final = 3
MAX_CODE: Final = 32
CODE_PATTERN: Final = "^[A-Za-z0-9][A-Za-z0-9 _-]{2,31}$"
#: What is promised to who begins to pay waits so long for the session; less would let a start fail that waits for its
#: driver to plug in.
PROMISED_FOR: Final = timedelta(hours=2)
#: A code that a driver entered is kept for them so long.
KEPT_FOR: Final = timedelta(days=90)
#: Budget of a session that money doesn't seal is set free by its final cost after so long.
SETTLED_AFTER: Final = timedelta(days=3)


class UseState(StrEnum):
    """How far something given is."""

    #: Kept for a driver or for who begins to pay.
    OPEN = "open"
    #: It counts for a session, which isn't sealed yet.
    BOUND = "bound"
    SETTLED = "settled"
    #: Nothing came of it; its part of the budget is free again.
    RELEASED = "released"


class Code(Struct, frozen=True, kw_only=True):
    """A code of a voucher. `most_uses` None: any number."""

    code_id: int
    campaign_id: int
    code: str
    most_uses: int | None
    used: int


class Use(Struct, frozen=True, kw_only=True):
    """Something given, or kept for somebody; `kept`: a driver entered its code ahead. `taken`: what it came to, in
    minor units with taxes; None: not yet."""

    use_id: UUID
    campaign_id: int
    code_id: int | None
    driver_id: int | None
    token_uid: str | None
    session_id: UUID | None
    kept: bool
    state: UseState
    reserved: int
    taken: int | None
    made_at: datetime
    until_at: datetime | None


def plain(code: str) -> str:
    """A code as it is kept, whatever blanks, hyphens and cases it is typed in with."""
    return "".join(each for each in code.upper() if each.isalnum())[:MAX_CODE]
