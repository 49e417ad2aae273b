"""What of a night failed: how often each step is tried on a day and when again, and what people are told of it."""

from datetime import UTC, date, datetime, timedelta
from typing import Final, Literal, get_args

from msgspec import Struct

from forecourt.insight.lake import store
from forecourt.insight.lake.store import Tries
from forecourt.insight.store import Connection
from forecourt.ui.i18n import mark

#: Tries of one step with the lake of one day.
MAX_TRIES: Final = 5
#: After the first one that failed so long passes until the next one may begin, then twice as long each time. Nights are
#: begun hourly: a little less than hours, so that the one an hour later counts.
BACK_OFF: Final = timedelta(hours=1)
SLACK: Final = timedelta(minutes=10)
#: Characters of a reason that are kept.
MAX_WORDS: Final = 300

#: The steps, in this order: what people look at first and what is made soonest comes first.
Step = Literal["written", "acted", "looked", "forecast"]
STEPS: Final[tuple[Step, ...]] = get_args(Step)

#: What each step makes, in words.
MAKES: Final[dict[Step, str]] = {
    "written": mark("The lake of today could not be written"),
    "acted": mark("Actions could not be looked for today"),
    "looked": mark("Connectors could not be looked at today"),
    "forecast": mark("Today's forecasts could not be made"),
}


class Trouble(Struct, frozen=True, kw_only=True):
    """A step that failed today, for people: why, how often it was tried, and when it is tried again; None: tomorrow."""

    step: Step
    reason: str | None
    tries: int
    again_at: datetime | None

    @property
    def words(self) -> str:
        """What was not made, to be translated."""
        return MAKES[self.step]


def next_try(tries: Tries | None, day: date, now: datetime) -> datetime | None:
    """From when on a step of a day may be tried; None: not on this day any more."""
    if tries is None or tries.day != day:
        return now
    if tries.tries >= MAX_TRIES:
        return None
    waited: timedelta = BACK_OFF * 2 ** (tries.tries - 1)
    return tries.tried_at + waited - SLACK


async def troubles(conn: Connection, tenant_id: int, now: datetime) -> dict[Step, Trouble]:
    """Steps of today that failed and were not done since."""
    day, found = now.astimezone(UTC).date(), {}
    for step in STEPS:
        tries = await store.find_tries(conn, tenant_id, step)
        if tries is not None and tries.day == day and tries.reason is not None:
            found[step] = Trouble(
                step=step, reason=tries.reason, tries=tries.tries, again_at=next_try(tries, day, now)
            )  # fmt: skip
    return found
