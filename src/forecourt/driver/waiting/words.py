"""What drivers read of a waiting list. `_` translates where it is shown."""

from typing import Final

from forecourt.driver.waiting.model import (
    AccountNeeded,
    ConnectorFree,
    PlaceOver,
    PlaceState,
    SnoozeUsed,
    TypeUnknown,
    WaitingClosed,
    WaitingFull,
)
from forecourt.ui.i18n import mark

#: What a driver meets in each state of a place: a heading and a sentence.
STATES: Final = {
    PlaceState.WAITING: (
        mark("You are in the waiting list"),
        mark("Stay nearby. When a connector becomes free, it is held for you for a few minutes."),
    ),
    PlaceState.HELD: (
        mark("It is your turn"),
        mark("Plug in at this connector. Nobody else can start here meanwhile."),
    ),
    PlaceState.SERVED: (mark("You are charging"), mark("Your place in the waiting list is used up.")),
    PlaceState.LEFT: (mark("You left the waiting list"), mark("You may join again at any time.")),
    PlaceState.EXPIRED: (mark("Your turn is over"), mark("You did not come in time, so the next one was called.")),
    PlaceState.REMOVED: (
        mark("You are no longer in the waiting list"),
        mark("Whoever runs this place took you out of it. Ask there if that is wrong."),
    ),
}
#: Why somebody waits again.
AGAIN: Final = {
    "unusable": mark("The connector that was held for you does not work. You are next again."),
    "skipped": mark("Whoever runs this place let somebody go first."),
}
#: What went wrong with something that a driver asked for, said where he is.
SAID: Final = {
    WaitingClosed.code: mark("There is no waiting list here."),
    WaitingFull.code: mark("The waiting list is full. Try again in a while."),
    AccountNeeded.code: mark("Only drivers with an account wait here. Sign in first."),
    ConnectorFree.code: mark("A connector is free: take it."),
    TypeUnknown.code: mark("There is no such connector here."),
    PlaceOver.code: mark("This place in the waiting list is over."),
    SnoozeUsed.code: mark("You can let others go first only once."),
}
