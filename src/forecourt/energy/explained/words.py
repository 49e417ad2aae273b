"""What a person reads of why a car charges as it does, in the language of the page. Pure."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from forecourt.energy.dispatch.grounds import Ground
from forecourt.energy.expecting import Foreseen
from forecourt.energy.explained.session import Explanation
from forecourt.energy.needs.caps import CapWhy
from forecourt.energy.needs.model import Priority, Source
from forecourt.energy.outside.model import External
from forecourt.energy.planner.filling import TURN_S
from forecourt.energy.planner.ladder import Grade
from forecourt.energy.planner.reasons import Why
from forecourt.energy.site import Mode
from forecourt.energy.storage.cars import NoGiver
from forecourt.energy.storage.model import BatteryWhy
from forecourt.ocpp.neutral import Unit
from forecourt.ui import formats, i18n
from forecourt.ui.i18n import gettext as _
from forecourt.ui.i18n import mark, ngettext

#: What is said of each reason; what stands in brackets is filled in. Limits, prices and the peak have values of their
#: own.
WHY: Final[Mapping[Why, str]] = {
    Why.FULL: mark("the car has all that it needs"),
    Why.ITS_MOST: mark("it takes all that the car, its cable and its EVSE can"),
    Why.ITS_NEED: mark("it takes all that it still needs"),
    Why.LIMIT: mark("the limit of %(limit)s holds it back"),
    Why.GRID: mark("more may not come from the grid now"),
    Why.PEAK: mark("a higher peak than %(peak)s would cost more than this energy is worth now"),
    Why.PRICE: mark("energy is cheaper later"),
    Why.TURN: mark("there is no room for the least that it can use, so it waits for its turn"),
    Why.GIVES: mark("energy is dear now"),
    Why.WORTH: mark("its energy costs more at any time than it is worth"),
    Why.LATER: mark("nothing presses, later is as good"),
}
#: By what is known who may come.
FORESEEN: Final[Mapping[Foreseen, str]] = {
    Foreseen.OWN_DAYS: mark("Who may come is taken from past days of this site."),
    Foreseen.FORECAST: mark("Who may come is taken from the forecast of this site: its own past days are too few."),
    Foreseen.NO_FORECAST: mark("Nobody is expected: past days are too few, and there is no forecast of this site."),
    Foreseen.OLD_FORECAST: mark("Nobody is expected: past days are too few, and the forecast of this site is old."),
}
#: Why a session is kept to a power of its own.
CAPPED: Final[Mapping[CapWhy, str]] = {CapWhy.HELD: mark("what was held is nearly used up")}
#: Why a car is not asked to give back.
NO_GIVER: Final[Mapping[NoGiver, str]] = {
    NoGiver.UNWILLING: mark("somebody said that it may not"),
    NoGiver.UNABLE: mark("nobody said how much the car itself can give"),
    NoGiver.STATION: mark("its station doesn't say, by OCPP 2.1, that cars may give back there"),
    NoGiver.REFUSED: mark("its station refused it"),
    NoGiver.UNSAID: mark("nobody said when it leaves and how much it needs then"),
    NoGiver.UNMEASURED: mark("nothing was measured of it for minutes"),
    NoGiver.DISOBEYS: mark("it gave more than it was told to"),
}
#: Why a battery is told what it is told.
BATTERY_WHY: Final[Mapping[BatteryWhy, str]] = {
    BatteryWhy.CHEAP: mark("it stores energy that is cheaper now than it will be"),
    BatteryWhy.SUN: mark("it stores what the sun leaves over"),
    BatteryWhy.DEAR: mark("it gives, as energy is dear now"),
    BatteryWhy.PEAK: mark("it gives, as a higher peak would cost more"),
    BatteryWhy.LIMIT: mark("it gives what cars were granted by it"),
    BatteryWhy.RESTS: mark("nothing is gained by using it now"),
    BatteryWhy.UNKNOWN: mark("nobody says what it holds, so nothing is planned with it"),
    BatteryWhy.DISOBEYS: mark("it does something else than it was told, so nothing is planned with it"),
    BatteryWhy.UNPLANNED: mark("nothing was planned with it yet"),
}
#: What batteries of a site do beside its cars.
BESIDE: Final[Mapping[BatteryWhy, str]] = {
    BatteryWhy.CHEAP: mark("The site's batteries store %(power)s now, as energy is cheaper than it will be."),
    BatteryWhy.SUN: mark("The site's batteries store %(power)s now that the sun leaves over."),
    BatteryWhy.DEAR: mark("The site's batteries give %(power)s now, as energy is dear."),
    BatteryWhy.PEAK: mark("The site's batteries give %(power)s now, as a higher peak would cost more."),
    BatteryWhy.LIMIT: mark("The site's batteries give %(power)s now, which cars were granted by that."),
}
#: Where it is the sun that counts, a price is no reason that anybody would understand.
SUNLESS: Final = mark("the sun leaves nothing over for it now")
SUNSHORT: Final = mark("the sun leaves no more over for it now")
#: Nor is it one for which a battery gives where prices don't count.
SPARES: Final = mark("it gives, so that less comes from the grid")
SPARES_BESIDE: Final = mark("The site's batteries give %(power)s now, so that less comes from the grid.")
#: Where speed counts, prices only decide between equals.
UNPRICED: Final = frozenset({Mode.FASTEST, Mode.EQUAL})
GROUNDS: Final[Mapping[Ground, str]] = {
    Ground.IDLE: mark("nothing runs there"),
    Ground.ORDER: mark("it keeps to what it was told"),
    Ground.UNDER_WAY: mark("it was told something that it may not obey yet"),
    Ground.FALLBACK: mark("it goes by its default profile"),
    Ground.SILENT: mark("nothing is heard of its station"),
    Ground.RETURNED: mark("its station is just back, and a car may have come meanwhile"),
    Ground.ABSENT: mark(
        "it has no default profile, and nothing has been heard of its station for over an hour: it is taken to be"
        " without power"
    ),
    Ground.UNANSWERED: mark("its station doesn't answer what it is told"),
    Ground.REFUSES: mark("its station refuses what it is told"),
    Ground.DISOBEYS: mark("it draws more than it may"),
    Ground.UNGUARDED: mark(
        "no default profile binds it: a car that comes draws all that it can until its station is told"
    ),
    Ground.PRIORITISED: mark("it has priority at its station, which goes by a limit of its own then"),
    Ground.UNCONTROLLED: mark("it was told nothing yet and has no default profile"),
}
_DEAF: Final = frozenset({Ground.REFUSES, Ground.UNANSWERED})
SOURCES: Final[Mapping[Source, str]] = {
    Source.STATION: mark("asked for at the station"),
    Source.DRIVER: mark("the driver says so"),
    Source.API: mark("a program says so"),
    Source.ISO15118: mark("the car says so"),
    Source.TOKEN: mark("as usual for this token"),
    Source.PREDICTED: mark("expected by past sessions"),
}
ASSUMED: Final = mark("nobody said; assumed")
PRIORITIES: Final[Mapping[Priority, str]] = {
    Priority.LOW: mark("low"),
    Priority.NORMAL: mark("normal"),
    Priority.HIGH: mark("high"),
}
#: Who limits a station besides us, by the words that OCPP has for them; others stand for themselves.
OUTSIDERS: Final[Mapping[str, str]] = {
    "EMS": mark("the energy management system on site"),
    "SO": mark("the grid operator"),
    "CSO": mark("its operator"),
    "Other": mark("somebody else"),
}
GRADES: Final[Mapping[Grade, tuple[str, str]]] = {
    Grade.OPTIMAL: (mark("Best plan"), mark("No plan within the limits costs less.")),
    Grade.NEAR: (mark("Good plan"), mark("It keeps all limits; time ran out before a better one was ruled out.")),
    Grade.KEPT: (mark("Plan from before"), mark("No new plan was found; the one before goes on, cut to the limits.")),
    Grade.FILLED: (mark("Shared out"), mark("No plan was found; what there is now is shared out fairly.")),
}


def battery_why(why: BatteryWhy, mode: Mode) -> str:
    """Why a battery is told what it is told, marked."""
    return SPARES if why is BatteryWhy.DEAR and mode is not Mode.CHEAPEST else BATTERY_WHY[why]


def source_of(source: Source | None) -> str:
    """Whose word something is."""
    return _(ASSUMED if source is None else SOURCES[source])


def sentences(told: Explanation, now: datetime, zone: str | None = None) -> list[str]:
    """Why it charges at this power, and when it will be ready. Times are of a zone, the page's if none is named."""
    if told.limit_ma is None:
        return [_cannot_be_told(told, now, zone)]
    because = _because(told, now, zone)
    head = _head(told)
    found = [_("%(what)s: %(because)s.") % {"what": head, "because": because} if because else f"{head}."]
    if told.turn_at is not None:
        values = {"at": clock_word(told.turn_at, now, zone), "turn": formats.duration(timedelta(seconds=TURN_S))}
        found.append(_("Cars take turns of %(turn)s there, and its own comes at about %(at)s.") % values)
    if told.cap is not None and because != _(CAPPED[told.cap.why]):
        values = {"power": formats.kw(told.cap.max_w), "why": _(CAPPED[told.cap.why])}
        found.append(_("It is kept to %(power)s until it is over: %(why)s.") % values)
    found += [external_words(each, now, zone) for each in told.externals if each is not told.external]
    beside = None if told.battery_why is None else BESIDE.get(told.battery_why)
    if told.battery_why is BatteryWhy.DEAR and told.mode is not Mode.CHEAPEST:
        beside = SPARES_BESIDE
    if told.battery_w and beside is not None:
        found.append(_(beside) % {"power": formats.kw(abs(told.battery_w))})
    found += _ready(told, now, zone)
    if told.stay.priority is Priority.HIGH and told.lacks_wh:
        found.append(_("It goes before others, as fast as the limits let it."))
    return found + _giving(told)


def _giving(told: Explanation) -> list[str]:
    """What it gave, that its driver's needs stand before that, and why it isn't asked to."""
    found = []
    if told.gives_w:
        found.append(_("It keeps what its driver said, and has what it needs again before it leaves."))
    if told.given_wh:
        found.append(_("It has given back %(energy)s so far.") % {"energy": formats.kwh(told.given_wh)})
    if told.not_giving is not None:
        found.append(_("It is not asked to give back: %(why)s.") % {"why": _(NO_GIVER[told.not_giving])})
    return found


def external_words(external: External, now: datetime, zone: str | None) -> str:
    """By whom a station is limited, to what, and since when."""
    said = external.said
    if said.evse:
        where = _("EVSE %(evse)s is limited by %(who)s") % {"evse": said.evse, "who": outsider(said.source)}
    else:
        where = _("Its station is limited by %(who)s") % {"who": outsider(said.source)}
    values = {"where": where, "since": clock_word(external.since, now, zone)}
    limit = limit_word(external, now)
    if limit is None:
        return _("%(where)s since %(since)s; to how much it doesn't say, or not for now.") % values
    return _("%(where)s to %(limit)s since %(since)s.") % {**values, "limit": limit}


def outsider(source: str) -> str:
    """Who limits a station."""
    return _(OUTSIDERS[source]) if source in OUTSIDERS else source


def limit_word(external: External, now: datetime) -> str | None:
    """To what a station is limited at a time; None where that is not known."""
    soon = now + timedelta(seconds=1)
    limit_ma, limit_w = external.least(Unit.CURRENT, now, soon), external.least(Unit.POWER, now, soon)
    words = [formats.amperes(limit_ma / 1000)] if limit_ma is not None else []
    words += [formats.kw(limit_w)] if limit_w is not None else []
    return _(" and ").join(words) or None


def _cannot_be_told(told: Explanation, now: datetime, zone: str | None) -> str:
    values = {"current": formats.amperes(told.may_draw_ma / 1000)}
    if told.ground is Ground.DISOBEYS:
        words = _(
            "Its EVSE draws more than it was told. It is counted with %(current)s, and the others make room for it."
        )
    elif told.ground in _DEAF:
        values["why"] = _(GROUNDS[told.ground])
        words = _(
            "It can't be told anything: %(why)s. It is counted with %(current)s, and the others make room for it."
        )
    elif told.ground is Ground.PRIORITISED:
        words = _(
            "It has priority at its station, which goes by a limit of its own then. It is counted with %(current)s, and"
            " the others make room for it."
        )
    elif told.silent_since is not None:
        values["since"] = clock_word(told.silent_since, now, zone)
        words = _(
            "Nothing is heard of its station since %(since)s, so it can't be told anything. It is counted with"
            " %(current)s, which it may draw at most."
        )
    else:
        words = _("There is no plan for it yet. It may draw %(current)s.")
    return words % values


def _head(told: Explanation) -> str:
    assert told.limit_ma is not None
    if told.gives_w:
        return _("It gives back %(power)s to the site") % {"power": formats.kw(told.gives_w)}
    if told.limit_ma == 0:
        return _("It waits")
    values = {"current": formats.amperes(told.limit_ma / 1000), "power": formats.kw(told.power_w)}
    if told.dc_w is not None:
        values = {"current": formats.kw(told.dc_w)}
    if told.paused_by_car:
        return _("%(current)s is kept ready for it") % values
    if told.dc_w is not None:
        return _("It may charge at %(current)s") % values
    return _("It may charge at %(current)s (%(power)s)") % values


def _because(told: Explanation, now: datetime, zone: str | None) -> str:
    if told.paused_by_car:
        return _("the car itself takes no more for now")
    reason = told.reason
    if reason is None:
        return "" if told.grade is Grade.OPTIMAL else _("what there is now is shared out fairly, without looking ahead")
    why = reason.why
    if told.mode is Mode.SOLAR and why in (Why.PRICE, Why.WORTH, Why.LATER):
        return _(SUNSHORT if told.limit_ma else SUNLESS)
    if told.mode in UNPRICED and why is Why.PRICE:
        why = Why.LATER
    if why is Why.ITS_MOST and told.cap is not None:
        return _(CAPPED[told.cap.why])
    if why is Why.LIMIT and told.external is not None:
        return _external(told.external, now, zone)
    if why is Why.LIMIT and told.by_car:
        return _("the car itself means to take no more")
    if why is Why.LIMIT and told.shared is not None:
        return _limit(told)
    if why is Why.PRICE and told.now is not None and told.then is not None and told.then_at is not None:
        return _price(told, now, zone)
    if why is Why.GIVES:
        if reason.peak_kw is not None:
            peak = {"peak": formats.kw(round(reason.peak_kw * 1000))}
            return _("a higher peak than %(peak)s would cost more than it does to give") % peak
        if told.now is not None and told.then is not None and told.then_at is not None and told.then < told.now:
            return _price(told, now, zone)
    peak_w = None if reason.peak_kw is None else round(reason.peak_kw * 1000)
    return _(WHY[why]) % {"peak": formats.kw(peak_w), "limit": reason.row or ""}


def _external(external: External, now: datetime, zone: str | None) -> str:
    values = {"who": outsider(external.said.source), "since": clock_word(external.since, now, zone)}
    limit = limit_word(external, now)
    if limit is None:
        return _("%(who)s limits its station since %(since)s") % values
    return _("%(who)s limits its station to %(limit)s since %(since)s") % {**values, "limit": limit}


def _limit(told: Explanation) -> str:
    assert told.shared is not None
    shared = told.shared
    name = f"{shared.name} {shared.line}" if shared.line else shared.name
    if shared.cars == 1:
        return _("the limit of %(limit)s leaves no more") % {"limit": name}
    words = ngettext(
        "the limit of %(limit)s is shared by %(num)s car",
        "the limit of %(limit)s is shared by %(num)s cars",
        shared.cars,
    )
    return words % {"limit": name, "num": formats.count(shared.cars)}


def _price(told: Explanation, now: datetime, zone: str | None) -> str:
    assert told.now is not None
    assert told.then is not None
    assert told.then_at is not None
    values = {"at": clock_word(told.then_at, now, zone)}
    values |= {"now": value_word(told.now, told), "then": value_word(told.then, told)}
    if told.mode is Mode.GREENEST:
        return _("a kWh has %(then)s of CO2 from %(at)s on, and %(now)s now") % values
    return _("a kWh costs %(then)s from %(at)s on, and %(now)s now") % values


def _ready(told: Explanation, now: datetime, zone: str | None) -> list[str]:
    leaves = told.stay.leaves_at
    if told.unserved_wh:
        values = {"energy": formats.kwh(told.unserved_wh), "at": clock_word(leaves, now, zone)}
        if told.falls_short:
            return [_("It will lack %(energy)s when it leaves at %(at)s.") % values]
        values["all"] = formats.kwh(told.stay.takes_wh)
        return [_("If it takes %(all)s, as is assumed, it will lack %(energy)s of it at %(at)s.") % values]
    if told.ready_at is None or not told.lacks_wh:
        return []
    values = {"at": clock_word(told.ready_at, now, zone)}
    spare = leaves - told.ready_at
    if spare < timedelta(minutes=1):
        return [_("Ready at %(at)s, when it leaves.") % values]
    return [_("Ready at %(at)s, %(spare)s before it leaves.") % {**values, "spare": formats.duration(spare)}]


def clock_word(at: datetime, now: datetime, zone: str | None = None) -> str:
    """A time to the minute, with its day where that is another one than today: `17:40`, `4 Mar, 07:00`."""
    word = i18n.moment(at, zone)
    return word.rpartition(", ")[2] if i18n.day(at, zone) == i18n.day(now, zone) else word


def price_word(price: Decimal, currency: str | None) -> str:
    """A price of a kWh, as exact as it is up to a hundredth of a cent: `0.19 EUR`."""
    shown = price.quantize(Decimal("0.0001")).normalize()
    digits = max(2, -int(shown.as_tuple().exponent))
    return f"{i18n.number(shown, digits)}{formats.SPACE}{currency}" if currency else i18n.number(shown, digits)


def value_word(value: Decimal, told: Explanation) -> str:
    """What a kWh costs, or its CO2 where that is what counts."""
    return _grams(value) if told.mode is Mode.GREENEST else price_word(value, told.currency)


def _grams(value: Decimal) -> str:
    return f"{formats.count(int(value))}{formats.SPACE}g"
