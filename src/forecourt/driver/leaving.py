"""When a car leaves and what it will have by then, as its driver is told; and what a time of day means that he says."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Final

from forecourt.driver.model import HeldBack, Stage
from forecourt.driver.way import Way
from forecourt.driver.words import NOT_HELD, day, hour, rated_kwh, stage_words
from forecourt.payments.intents.model import Method, Purpose
from forecourt.ui.i18n import gettext as _
from forecourt.ui.i18n import mark

#: A time that is over for today is that of tomorrow where that is no further away: the morning that follows a night.
#: Else it may be a slip, and is asked back.
#: Ways to pay that hold nothing on a card of the driver's.
NOT_HELD_BY: Final = frozenset({Method.WALLET, Method.INVOICE, Method.TERMINAL})
NIGHT: Final = timedelta(hours=12)
#: What lacks by no more is not worth a word, in Wh.
SLIGHT_WH: Final = 500
#: Why a car charges as it does.
WHY: Final[Mapping[HeldBack, str]] = {
    HeldBack.FULL: mark("Your car has all that it needs."),
    HeldBack.CAR: mark("Your car itself takes no more for now."),
    HeldBack.FAST: mark("It charges as fast as your car, its cable and the station can."),
    HeldBack.HELD: mark("It charges slowly, since the sum that is held is nearly used up."),
    HeldBack.SHARED: mark("The power of the site is shared with other cars."),
    HeldBack.SITE: mark("The site can give no more power now."),
    HeldBack.PEAK: mark("More power at once would be too dear now."),
    HeldBack.CHEAPER: mark("Energy is cheaper later, so most of it comes then."),
    HeldBack.CLEANER: mark("Energy is cleaner later, so most of it comes then."),
    HeldBack.DEAR: mark("Energy is too dear now."),
    HeldBack.SUN: mark("The sun leaves too little over for it now."),
    HeldBack.TURN: mark("There is too little power for all cars now, so they take turns."),
    HeldBack.GIVES: mark("It gives energy back for now, and has it again before you leave."),
    HeldBack.LATER: mark("There is time enough, so most of it comes later."),
}
#: A car that waits for one of these waits for no power.
_WAITS_FOR_ITS_TIME: Final = frozenset(
    {HeldBack.PEAK, HeldBack.DEAR, HeldBack.CHEAPER, HeldBack.CLEANER, HeldBack.SUN, HeldBack.LATER}
)


def is_doubtful(at: datetime, now: datetime) -> bool:
    """Whether a driver may have meant a time that is over for today; `at`: when a clock shows it next, in the zone of
    the place."""
    return at.date() != now.astimezone(at.tzinfo).date() and at - now > NIGHT


def paused_words(way: Way) -> tuple[str, str]:
    """The heading and the sentence of where a driver is; of one whose car is held back, that it waits, and for what; of
    a session whose bill is held back, why."""
    heading, sentence = stage_words(way.stage)
    if way.stage is Stage.BILLING and way.signed is not None and way.signed.waits:
        return heading, _(
            "The operator looks at what the meter signed before anything is taken. You may unplug and go."
        )
    if way.stage is Stage.RECEIPT and (way.intent.purpose is not Purpose.SESSION or way.intent.method in NOT_HELD_BY):
        return heading, _(NOT_HELD)
    if way.stage is Stage.OWED and way.intent.payer is None:
        return heading, _("The session could not be charged. You can pay it here.")
    idles = way.stage is Stage.PAUSED or (way.stage is Stage.CHARGING and way.running and not way.running.power_w)
    if idles and way.leaving is not None and way.leaving.waits:
        why = way.leaving.why
        if why in _WAITS_FOR_ITS_TIME:
            return _("Charging later"), _("%(why)s It goes on by itself.") % {"why": _(WHY[why])}
        at = way.leaving.turn_at
        if at is not None:
            return _("Waiting for power"), _(
                "The site has too little power for all cars now, so they take turns. Yours comes at about %(time)s."
            ) % {"time": hour(at, str(way.zone))}
        return _("Waiting for power"), _("The site has too little power for all cars now. Yours goes on by itself.")
    return heading, sentence


def leaving_words(way: Way, now: datetime) -> Iterator[str]:
    """What is planned, in the language that is being spoken."""
    leaving, zone = way.leaving, str(way.zone)
    if leaving is None:
        return
    at = leaving.departure_at
    if leaving.is_said and at is not None:
        when = {"time": hour(at, zone), "day": day(at, zone)}
        today = at.astimezone(way.zone).date() == now.astimezone(way.zone).date()
        yield (_("You leave at %(time)s.") if today else _("You leave on %(day)s at %(time)s.")) % when
    if leaving.is_being_planned:
        yield _("What you will have by then is being planned.")
        return
    if leaving.why is not None and not leaving.waits:
        yield _(WHY[leaving.why])
    if leaving.is_said and leaving.by_then_wh is not None:
        yield _("About %(energy)s by then.") % {"energy": rated_kwh(leaving.by_then_wh)}
    if leaving.lacks_wh > SLIGHT_WH:
        yield _("That is %(energy)s less than it is thought to need.") % {"energy": rated_kwh(leaving.lacks_wh)}
    elif leaving.ready_at is not None:
        yield _("Ready at about %(time)s.") % {"time": hour(leaving.ready_at, zone)}
