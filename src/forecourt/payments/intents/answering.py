"""Which accounts at providers don't answer: they are asked rarely until they do, so that nobody waits for them."""

from collections import OrderedDict
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from msgspec import Struct

from forecourt.payments.psp import DEADLINE_S

#: Calls in a row without an answer after which an account rests.
MISSES: Final = 3
#: How long it rests then, doubled each time up to the most.
REST_FIRST: Final = timedelta(seconds=5)
REST_MOST: Final = timedelta(minutes=1)
#: Who asks after a rest is waited for by all others for so long: some answers are made of several calls.
ASKED: Final = 2 * timedelta(seconds=DEADLINE_S)
#: Accounts that are kept; beyond it the one that was missed longest ago is forgotten, and asked as any other.
MAX_KEPT: Final = 10_000


class _Missed(Struct, kw_only=True):
    times: int = 0
    until: datetime | None = None


class Answering:
    """What calls came to lately, by account, in this process."""

    def __init__(self) -> None:
        self._missed: OrderedDict[UUID, _Missed] = OrderedDict()

    def missed(self, account_id: UUID | None, now: datetime) -> None:
        """A call came to no answer in time."""
        if account_id is None:
            return
        known = self._missed.setdefault(account_id, _Missed())
        known.times += 1
        if known.times >= MISSES:
            longer: timedelta = REST_FIRST * (1 << min(known.times - MISSES, 10))
            known.until = now + min(longer, REST_MOST)
        self._missed.move_to_end(account_id)
        while len(self._missed) > MAX_KEPT:
            self._missed.popitem(last=False)

    def answered(self, account_id: UUID | None) -> None:
        """A call was answered, whatever was said."""
        if account_id is not None:
            self._missed.pop(account_id, None)

    def may_ask(self, account_id: UUID | None, now: datetime) -> bool:
        """Whether an account is asked now. After a rest one call is; others wait for what comes of it."""
        known = None if account_id is None else self._missed.get(account_id)
        if known is None or known.until is None:
            return True
        if known.until > now:
            return False
        known.until = now + ASKED
        return True

    def resting(self, now: datetime) -> set[UUID]:
        """The accounts that are not asked now."""
        return {each for each, known in self._missed.items() if known.until is not None and known.until > now}

    def doubtful(self) -> set[UUID]:
        """The accounts whose last call came to no answer."""
        return set(self._missed)
