"""What drivers read of prices, in their language. `_` translates where it is called."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, time, timedelta
from decimal import Decimal
from typing import Final
from zoneinfo import ZoneInfo

from babel.dates import format_skeleton, format_time, get_day_names
from babel.numbers import format_decimal

from forecourt.driver.model import Stage
from forecourt.loyalty.model.campaigns import Told, spans
from forecourt.loyalty.model.terms import Terms
from forecourt.loyalty.rewards.model import Program, Tier, TierBy, rate_of
from forecourt.payments.psp.words import Card
from forecourt.platform.money import Money, minor_digits
from forecourt.pricing.model import Day
from forecourt.pricing.words import line_words, price, when_words
from forecourt.stations.plugs import plain_type
from forecourt.ui.formats import SPACE, rated_kw
from forecourt.ui.i18n import current, day, mark, ngettext, number, stamp
from forecourt.ui.i18n import gettext as _

__all__ = [
    "STAGES",
    "car_words",
    "card_name",
    "day",
    "device",
    "earning_words",
    "hour",
    "line_words",
    "money",
    "month",
    "named_spot",
    "offer_words",
    "price",
    "rated_kwh",
    "stage_words",
    "tier_words",
    "told_words",
    "type_words",
    "when_words",
]  # fmt: skip

#: Names of connector types as drivers know them; others are shown as they are.
TYPES: Final[Mapping[str, str]] = {
    "IEC_62196_T2": "Type 2",
    "IEC_62196_T2_COMBO": "CCS",
    "IEC_62196_T1": "Type 1",
    "IEC_62196_T1_COMBO": "CCS 1",
    "CHADEMO": "CHAdeMO",
    "SAE_J3400": "NACS",
    "TESLA_S": "Tesla",
    "MCS": "MCS",
    "DOMESTIC_F": "Schuko",
}
#: The receipt of what had no hold on a card.
NOT_HELD: Final = mark("Thank you. Only this was taken.")
#: What a driver does or waits for at each stage: a heading and a sentence.
STAGES: Final = {
    Stage.OPENING: (mark("One moment"), mark("The payment page is being opened.")),
    Stage.PAY: (mark("Pay to start"), mark("You are being taken to the payment page.")),
    Stage.STARTING: (mark("Payment is held"), mark("The station is being asked to start.")),
    Stage.PLUG: (mark("Plug in now"), mark("The station waits for your car. Nothing is taken if you don't plug in.")),
    Stage.CHARGING: (mark("Charging"), mark("You may lock your car and leave. Keep this page to follow and to stop.")),
    Stage.PAUSED: (mark("Not charging now"), mark("Your car is full, or pauses by itself or for the site.")),
    Stage.STOPPING: (mark("Stopping"), mark("The station was asked to stop. Unplug when it says so.")),
    Stage.BILLING: (mark("Charging is over"), mark("Your receipt is being made. You may unplug and go.")),
    Stage.RECEIPT: (mark("Receipt"), mark("Thank you. Only this was taken; the rest of the hold is released.")),
    Stage.FREE: (mark("Receipt"), mark("There is nothing to pay. The hold is released.")),
    Stage.NOTHING: (mark("Nothing was taken"), mark("The hold on your card is released.")),
    Stage.DECLINED: (
        mark("Payment failed"),
        mark("It was declined or not completed. Nothing was taken."),
    ),
    Stage.OWED: (
        mark("Payment is open"),
        mark("The session could not be charged. Until it is paid, your cards start no other."),
    ),
    Stage.PAID_LATE: (mark("Receipt"), mark("Thank you. It was paid later, and nothing is owed any more.")),
}

#: What ends with a day ends before midnight, or so close to it.
_MOMENT: Final = timedelta(seconds=1)
_LAST_MINUTE: Final = (23, 59)
#: Browsers and systems by what they call themselves; who calls itself by several comes first.
_BROWSERS: Final = (
    ("Edge", "Edg"), ("Opera", "OPR/"), ("Samsung Internet", "SamsungBrowser"), ("Firefox", "Firefox/"),
    ("Firefox", "FxiOS"), ("Chrome", "CriOS"), ("Chrome", "Chrome/"), ("Safari", "Safari/"),
)  # fmt: skip
_SYSTEMS: Final = (
    ("iPhone", "iPhone"), ("iPad", "iPad"), ("Android", "Android"), ("Windows", "Windows"), ("macOS", "Mac OS"),
    ("Linux", "Linux"),
)  # fmt: skip


def type_words(connector_type: str | None) -> str:
    """A connector type as drivers know it."""
    return "" if connector_type is None else TYPES.get(connector_type, connector_type.replace("_", " "))


def stage_words(stage: Stage) -> tuple[str, str]:
    """The heading and the sentence of a stage."""
    heading, sentence = STAGES[stage]
    return _(heading), _(sentence)


def money(amount: Money, *, decimals: int | None = None) -> str:
    """An amount as the language writes it: `12,34 €`."""
    major = Decimal(amount.amount).scaleb(-minor_digits(amount.currency))
    return price(major, amount.currency, decimals=decimals)


def device(user_agent: str) -> str:
    """A browser and what it runs on, as people call them: `Chrome, Android`; as it calls itself where neither is known;
    empty for none."""
    found = [next((name for name, mark in names if mark in user_agent), "") for names in (_BROWSERS, _SYSTEMS)]
    return ", ".join(filter(None, found)) or user_agent[:40]


def hour(at: datetime, zone: str) -> str:
    """The time of day of a moment in a zone, to the minute."""
    return str(format_time(at, "short", tzinfo=ZoneInfo(zone), locale=current().locale))


def month(at: datetime, zone: str) -> str:
    """The month of a moment in a zone: `March 2026`."""
    return str(format_skeleton("yMMMM", at.astimezone(ZoneInfo(zone)), locale=current().locale))


def named_spot(station: str, evse: int) -> str:
    """A place to plug in, as drivers are told: OCPP's EVSE is theirs to know as little as its name."""
    return _("%(station)s, connector %(evse)s") % {"station": station, "evse": evse}


def card_name(card: Card) -> str:
    """A card as its owner knows it: `Visa •••• 4242`."""
    brand = card.brand.replace("_", " ").title()
    return " ".join(filter(None, (brand, card.last4 and f"••••{SPACE}{card.last4}"))) or _("Card")


def rated_kwh(energy_wh: int) -> str:
    """`52 kWh`: a size, without decimals that say nothing."""
    tenths = (energy_wh + 50) // 100
    return f"{number(tenths / 10, 1 if tenths % 10 else 0)}{SPACE}kWh"


def car_words(known: Sequence[int | None]) -> str:
    """What is known of a car: its battery in Wh, and what it takes of AC and DC in W."""
    battery_wh, max_ac_w, max_dc_w = known
    said = [rated_kwh(battery_wh)] if battery_wh else []
    said += [f"{name} {rated_kw(power_w)}" for name, power_w in (("AC", max_ac_w), ("DC", max_dc_w)) if power_w]
    return " · ".join(said)


def offer_words(terms: Terms) -> str:
    """What a campaign gives: `10 % off, at most 3,00 €`."""
    if terms.percent is not None:
        said = _("%(percent)s %% off") % {"percent": number(float(terms.percent), 0 if terms.percent % 1 == 0 else 2)}
    else:
        said = _("%(amount)s off") % {"amount": money(minor(terms.amount or 0, terms.currency))}
    if terms.percent is not None and terms.most is not None:
        said += ", " + _("at most %(amount)s") % {"amount": money(minor(terms.most, terms.currency))}
    if terms.minimum:
        said += ", " + _("for a bill from %(amount)s") % {"amount": money(minor(terms.minimum, terms.currency))}
    return said


def told_words(told: Told) -> list[str]:
    """For which sessions a campaign is: when they begin, where, by which plug, and until when."""
    places, said = told.campaign.terms.places, []
    when = [_offered_days(places.days), _offered_hours(told.campaign.hours or places.hours)]
    if any(when):
        said.append(_("When: %(when)s, by the clock of the site, for sessions that begin then")
                    % {"when": ", ".join(filter(None, when))})  # fmt: skip
    else:
        said.append(_("When: at any time"))
    where = ", ".join(told.sites) or _("at all our sites")
    said.append(_("Where: %(where)s") % {"where": where})
    if places.connector_types:
        plugs = sorted({type_words(plain_type(each)) for each in places.connector_types})
        said.append(_("Plug: %(plugs)s") % {"plugs": ", ".join(plugs)})
    if places.tariffs:
        said.append(_("At certain prices only"))
    if told.until is not None:
        said.append(_("Until: %(end)s") % {"end": _offered_end(told.until, told.zone)})
    return said


def _offered_days(days: Collection[Day]) -> str:
    names = get_day_names("abbreviated", locale=current().locale)
    return " ".join(names[number] for number, day_of in enumerate(Day) if day_of in days)


def _offered_hours(hours: Collection[int]) -> str:
    def said(hour_of: int) -> str:
        return str(format_time(time(hour_of), "short", locale=current().locale))

    return ", ".join(f"{said(begin)}\N{EN DASH}{said(end)}" for begin, end in spans(hours))


def _offered_end(until: datetime, zone: str) -> str:
    """The last day, where it ends with that; else the moment."""
    last = (until - _MOMENT).astimezone(ZoneInfo(zone))
    return day(last, zone) if (last.hour, last.minute) == _LAST_MINUTE else stamp(until, zone)


def earning_words(program: Program, tier: Tier | None) -> list[str]:
    """How a driver of a tier comes to points and cashback, a line each; nothing while the program is off."""
    if not program.active:
        return []

    def plain(value: Decimal) -> str:
        return str(format_decimal(value.normalize(), locale=current().locale))

    said, rate = [], rate_of(program, tier)
    if rate.points_per_kwh:
        said.append(_("Points for each kWh: %(n)s") % {"n": plain(rate.points_per_kwh)})
    if rate.points_per_unit:
        about = {"money": price(Decimal(1), program.currency), "n": plain(rate.points_per_unit)}
        said.append(_("Points for each %(money)s that you pay: %(n)s") % about)
    if rate.cashback_percent:
        percent = plain(rate.cashback_percent)
        said.append(_("Back into your wallet, of what you pay: %(percent)s %%") % {"percent": percent})
    return said


def tier_words(tier: Tier, program: Program) -> str:
    """From when on a driver has a tier: `Gold from 20 sessions in 365 days`."""
    window = program.tier_window_days
    much = {
        TierBy.SESSIONS: ngettext("%(n)s session", "%(n)s sessions", tier.least) % {"n": number(tier.least, 0)},
        TierBy.ENERGY_KWH: f"{number(tier.least, 0)}{SPACE}kWh",
        TierBy.SPEND: price(Decimal(tier.least), program.currency),
    }[program.tier_by]
    return ngettext("%(tier)s from %(much)s in %(days)s day", "%(tier)s from %(much)s in %(days)s days", window) % {
        "tier": tier.name, "much": much, "days": number(window, 0)
    }  # fmt: skip


def minor(amount: int, currency: str) -> Money:
    """So many minor units, for pages that have them apart."""
    return Money(amount=amount, currency=currency)
