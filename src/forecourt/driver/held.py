"""What is held for a session that runs, what it came to so far, and what that means for the driver, in words."""

from collections.abc import Iterator, Sequence
from typing import Final

from msgspec import Struct

from forecourt.driver.model import Stage
from forecourt.driver.way import Way
from forecourt.driver.words import money
from forecourt.payments.intents.model import Method
from forecourt.payments.intents.sizing import may_hold
from forecourt.platform.money import Money
from forecourt.ui.i18n import gettext as _
from forecourt.ui.i18n import mark

#: While these last something is held.
STAGES: Final = frozenset(
    {Stage.STARTING, Stage.PLUG, Stage.CHARGING, Stage.PAUSED, Stage.STOPPING, Stage.BILLING}
)  # fmt: skip
#: A fleet has nothing held, and what a station's own terminal took it tells afterwards.
WHERE: Final = {
    Method.HOSTED: mark("Held on your card"),
    Method.SAVED: mark("Held on your card"),
    Method.READER: mark("Held on your card"),
    Method.WALLET: mark("Held in your wallet"),
}


class Held(Struct, frozen=True, kw_only=True):
    """`where` is to be translated; `rest` would be released if it ended now."""

    where: str
    amount: Money
    so_far: Money
    rest: Money
    words: Sequence[str]


def held_of(way: Way) -> Held | None:
    """What a driver is told of the hold; None where nothing is held. In the language that is being spoken."""
    intent = way.intent
    where = WHERE.get(intent.method)
    if where is None or way.stage not in STAGES or not intent.authorised_amount:
        return None
    held, cost = intent.held, None if way.cost is None else way.cost.incl_vat
    so_far = min(cost.amount, held.amount) if cost is not None and cost.currency == held.currency else 0
    return Held(
        where=where,
        amount=held,
        so_far=Money(amount=so_far, currency=held.currency),
        rest=Money(amount=held.amount - so_far, currency=held.currency),
        words=list(_words(way, held)),
    )


def _words(way: Way, held: Money) -> Iterator[str]:
    """What happens when the cost comes near to what is held; nothing where it can't, as no session costs more."""
    intent = way.intent
    costs_most = intent.costs_most
    if costs_most is not None and costs_most <= held.amount:
        return
    most = may_hold(held.currency, limit=intent.most, costs_most=costs_most)
    if intent.slowed_at is not None:
        words = _("%(amount)s are nearly used up. Your car charges more slowly now, and stops before more is due.")
        yield words % {"amount": money(held)}
    elif not intent.may_increment or held.amount >= most.amount:
        words = _("More than %(amount)s is never taken: before that your car charges more slowly, then stops.")
        yield words % {"amount": money(held)}
    elif most.amount == costs_most:
        words = _("If your session costs more, that may be raised, to %(most)s, the most that a session costs.")
        yield words % {"most": money(most)}
    else:
        words = _("If your session costs more, more is held, up to %(most)s. Then it stops.")
        yield words % {"most": money(most)}
