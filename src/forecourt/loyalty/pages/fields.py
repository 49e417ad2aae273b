"""Fields of the forms of campaigns and of the program: how each is read, and what they mean together."""

from collections.abc import Iterable, Mapping
from datetime import datetime, time
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec

from forecourt.loyalty.model.campaigns import spans
from forecourt.loyalty.model.terms import HOURS, MAX_WINDOW_D, Audience, Places, QuietBy, Segment, Terms
from forecourt.loyalty.pages.words import DASH, QUIET_BY, SEGMENTS, TIERS_BY
from forecourt.loyalty.rewards.model import (
    MAX_EXPIRY_D,
    MAX_RATE,
    MAX_TIERS,
    MAX_VALUE,
    Program,
    Tier,
    TierBy,
)
from forecourt.payments.forms import (
    CURRENCY_WRONG,
    DAY_WRONG,
    MONEY_WRONG,
    NAME_WRONG,
    WHOLE_WRONG,
    Field,
    amount_shown,
    day,
    limit_in,
    percent,
    shown,
    text_as,
    tick,
    whole,
)
from forecourt.platform.paging import NEWEST
from forecourt.ui.i18n import mark
from forecourt.ui.numbers import decimal

PERCENT_WRONG: Final = mark("must be from 0 to 100, with two decimals at the most")
HOURS_WRONG: Final = mark("must be like 22-6 or 8-12, 18-20")
NUMBERS_WRONG: Final = mark("must be whole numbers with commas between them")
IDS_WRONG: Final = mark("must be ids with commas between them")
TIERS_WRONG: Final = mark(
    "must be like Silver 10, Gold 30 150 3 - a name, from when on, percent of points, percent of cashback"
)
_TIER_PARTS: Final = (2, 3, 4)


def maybe(read: Any) -> Any:
    """The same, or None for nothing."""
    return lambda text: read(text) if text else None


def words(text: str) -> frozenset[str]:
    """Words between commas."""
    return frozenset(each.strip() for each in text.split(",") if each.strip())


def numbers(text: str) -> frozenset[int]:
    """Whole numbers between commas."""
    return frozenset(int(whole(1, NEWEST)(each)) for each in words(text))


def ids(text: str) -> frozenset[UUID]:
    """Ids between commas."""
    return frozenset(UUID(each) for each in words(text))


def hours(text: str) -> frozenset[int]:
    """Hours of the day: `22-6` is from 22:00 until before 6:00."""
    found: set[int] = set()
    for part in words(text.replace(DASH, "-")):
        first, _, last = part.partition("-")
        begin, end = int(first), int(last or int(first) + 1)
        if not 0 <= begin < HOURS or not 0 <= end <= HOURS:
            raise ValueError(text)
        found |= {(begin + each) % HOURS for each in range((end - begin) % HOURS or HOURS)}
    return frozenset(found)


def tiers(text: str) -> tuple[Tier, ...]:
    """Tiers by their names, from when on, and what they give."""
    found = []
    for part in text.split(",") if text else ():
        said = part.replace("%", " ").split()
        if len(said) not in _TIER_PARTS:
            raise ValueError(text)
        back = decimal(said[3]) if len(said) == max(_TIER_PARTS) else None
        found.append(
            Tier(name=said[0], least=whole(0, 10**9)(said[1]), cashback_percent=back,
                 points_percent=whole(0, 1_000)(said[2]) if len(said) > min(_TIER_PARTS) else 100)
        )  # fmt: skip
    if len(found) > MAX_TIERS:
        raise ValueError(text)
    return tuple(found)


def campaign_fields(currency: str) -> list[Field]:
    """What a campaign gives, to whom, where and when."""
    return [*_gift_fields(currency), *_audience_fields(), *_place_fields()]


def _number(name: str, label: str, most: int, hint: str = "") -> Field:
    return Field(name=name, label=label, read=maybe(whole(1, most)), wrong=WHOLE_WRONG, mode="numeric", most=9,
                 hint=hint)  # fmt: skip


def _gift_fields(currency: str) -> list[Field]:
    types = {field.name: field.type for field in msgspec.structs.fields(Terms)}

    def amount(name: str, label: str, hint: str = "") -> Field:
        return Field(name=name, label=label, read=limit_in(currency), wrong=MONEY_WRONG, mode="decimal", most=20,
                     hint=hint)  # fmt: skip

    return [
        Field(name="name", label=mark("Name"), read=text_as(types["name"]), wrong=NAME_WRONG, required=True, most=100),
        Field(name="label", label=mark("On the bill"), read=text_as(types["label"]), wrong=NAME_WRONG, required=True,
              most=60, hint=mark("What drivers read on their bill and in the offer.")),
        Field(name="by_code", label=mark("Voucher"), read=tick, tick=True,
              hint=mark("Given by a code, to whoever enters it; then nobody is chosen or held out below")),
        Field(name="currency", label=mark("Currency"), read=text_as(types["currency"], upper=True),
              wrong=CURRENCY_WRONG, required=True, most=3),
        Field(name="percent", label=mark("Percent off"), read=maybe(percent), wrong=PERCENT_WRONG, mode="decimal",
              most=6, hint=mark("Of the bill, taxes included. Give either this or an amount.")),
        amount("most", mark("At most off a session"),
               mark("In that currency. A percentage needs it: so much of the budget is kept until the bill is known.")),
        amount("amount", mark("Or an amount off"), mark("In that currency, off each session.")),
        amount("minimum", mark("Least bill"), mark("In that currency. Cheaper sessions get nothing; empty: all do.")),
        amount("budget", mark("Budget"),
               mark("In that currency. Once it is used up nothing more is given; empty: no bound.")),
        _number("per_driver", mark("Sessions for each driver"), 10_000,
                mark("Empty: any number. With a number, only drivers with an account have it.")),
        Field(name="host_bears", label=mark("Host bears"), read=tick, tick=True,
              hint=mark("The site's host bears their share of the discount; else you bear it alone")),
        Field(name="stacks", label=mark("Together"), read=tick, tick=True,
              hint=mark("A session may have it together with other campaigns that allow that")),
        Field(name="starts_on", label=mark("First day"), read=maybe(day), wrong=DAY_WRONG, most=10,
              hint=mark("By your organisation's clock; empty: when you start it.")),
        Field(name="ends_on", label=mark("Last day"), read=maybe(day), wrong=DAY_WRONG, most=10,
              hint=mark("By your organisation's clock; empty: until you end it.")),
        Field(name="holdout_percent", label=mark("Percent held out"), read=percent, wrong=PERCENT_WRONG, mode="decimal",
              most=5, hint=mark(
                  "So many of its drivers, drawn by chance, don't get it. They show what would have happened without"
                  " it; with 0 nobody can tell."
              )),
    ]  # fmt: skip


def _audience_fields() -> list[Field]:
    return [
        Field(name="segment", label=mark("Drivers"), read=str, choices=SEGMENTS,
              hint=mark("By the days looked back; the drivers' page tells them apart by the days asked for.")),
        _number("window_days", mark("Days looked back"), MAX_WINDOW_D,
                mark("What drivers did in so many days before the start counts here.")),
        _number("min_sessions", mark("Sessions at least"), 10_000, mark("In these days; empty: any number.")),
        _number("unseen_days", mark("Not seen for days"), MAX_WINDOW_D,
                mark("Without a session for at least so long; empty: whenever they came.")),
        Field(name="fleets", label=mark("Fleets"), read=numbers, wrong=NUMBERS_WRONG, most=200,
              hint=mark("Numbers, as in the address of a fleet's page: 3, 7. Empty: any driver.")),
        Field(name="drivers", label=mark("Named drivers"), read=numbers, wrong=NUMBERS_WRONG, most=2_000,
              hint=mark("Numbers, as in the address of a driver's page: 12, 40. Empty: any driver.")),
        Field(name="marketing", label=mark("Consent"), read=tick, tick=True,
              hint=mark("Only drivers who agreed to marketing")),
        Field(name="announce", label=mark("Letter"), read=tick, tick=True,
              hint=mark("Tell those who agreed to marketing by a letter when it starts")),
    ]  # fmt: skip


def _place_fields() -> list[Field]:
    return [
        Field(name="sites", label=mark("Sites"), read=words, most=500, hint=mark(
            "Short names, as in the address of a site's page; what is below a site counts too. Empty: all."
        )),
        Field(name="connector_types", label=mark("Connectors"), read=words,
              hint=mark("Such as CCS 2, Type 2, CHAdeMO, or OCPI's names; empty: all.")),
        Field(name="tariffs", label=mark("Tariffs"), read=ids, wrong=IDS_WRONG, most=2_000,
              hint=mark("Ids, as on the tariff's page; empty: all.")),
        Field(name="hours", label=mark("Hours"), read=hours, wrong=HOURS_WRONG, most=60,
              hint=mark("Such as 22-6, by the site's clock; empty: all.")),
        _number("quiet_hours", mark("Quiet hours"), HOURS - 1,
                mark("Instead of hours: so many of the day, the quietest of the four weeks before it starts.")),
        Field(name="quiet_by", label=mark("Quiet is judged by"), read=QuietBy, choices=QUIET_BY),
    ]  # fmt: skip


def program_fields() -> list[Field]:
    """What sessions earn."""

    def number(name: str, label: str, least: int, most: int, hint: str = "") -> Field:
        return Field(name=name, label=label, read=whole(least, most), wrong=WHOLE_WRONG, mode="numeric", most=9,
                     hint=hint)  # fmt: skip

    types = {field.name: field.type for field in msgspec.structs.fields(Program)}
    return [
        Field(name="active", label=mark("Active"), read=tick, tick=True, hint=mark("Sessions earn from now on")),
        Field(name="currency", label=mark("Currency"), read=text_as(types["currency"], upper=True),
              wrong=CURRENCY_WRONG, required=True, most=3),
        number("points_per_kwh", mark("Points for a kWh"), 0, MAX_RATE),
        number("points_per_unit", mark("Points for money"), 0, MAX_RATE,
               mark("For each whole unit of the currency that was paid, taxes included.")),
        number("value_of_100", mark("Worth of 100 points"), 0, MAX_VALUE,
               mark("In the smallest unit of the currency: with 100 cents, a point is worth one cent.")),
        number("expires_days", mark("Days until points lapse"), 1, MAX_EXPIRY_D),
        Field(name="cashback_percent", label=mark("Cashback in percent"), read=percent, wrong=PERCENT_WRONG,
              mode="decimal", most=5, hint=mark("Of what was paid, into the driver's wallet.")),
        Field(name="tier_by", label=mark("Tiers are reached by"), read=TierBy, choices=TIERS_BY),
        number("tier_window_days", mark("Days looked back"), 1, MAX_EXPIRY_D, mark("What was done in them counts.")),
        Field(name="tiers", label=mark("Tiers"), read=tiers, wrong=TIERS_WRONG, most=400,
              hint=mark(
                  "Each with its name, from how many on, percent of the points and percent of cashback: Silver 10 150,"
                  " Gold 30 200 3. Points of 100 percent and the cashback above are left out."
              )),
    ]  # fmt: skip


def terms_of(values: Mapping[str, Any], zone: ZoneInfo) -> Terms:
    """What a form means."""
    same = ("name", "label", "by_code", "currency", "percent", "most", "amount", "budget", "per_driver", "host_bears",
            "stacks", "holdout_percent", "announce")  # fmt: skip
    starts, ends = values["starts_on"], values["ends_on"]
    return Terms(
        **{name: values[name] for name in same},
        minimum=values["minimum"] or 0,
        starts_at=None if starts is None else datetime.combine(starts, time.min, zone),
        ends_at=None if ends is None else datetime.combine(ends, time.max, zone),
        audience=Audience(
            window_days=values["window_days"] or 90, min_sessions=values["min_sessions"],
            segments=frozenset({Segment(values["segment"])}) if values["segment"] else frozenset(),
            unseen_days=values["unseen_days"], marketing=values["marketing"], drivers=values["drivers"],
            fleets=values["fleets"],
        ),
        places=Places(
            sites=values["sites"], connector_types=values["connector_types"], tariffs=values["tariffs"],
            hours=values["hours"],
            quiet_hours=values["quiet_hours"], quiet_by=values["quiet_by"],
        ),
    )  # fmt: skip


def typed_as(terms: Terms) -> dict[str, str]:
    """What of a campaign a form holds, but for its days, which are over or its own."""
    audience, places = terms.audience, terms.places

    same = {
        name: shown(getattr(terms, name))
        for name in ("name", "label", "by_code", "currency", "percent", "per_driver", "host_bears", "stacks",
                     "holdout_percent", "announce")
    }  # fmt: skip
    amounts = {
        name: amount_shown(getattr(terms, name) or None, terms.currency)
        for name in ("most", "amount", "minimum", "budget")
    }
    chosen = sorted(audience.segments)
    return same | amounts | {
        "segment": chosen[0].value if len(chosen) == 1 else "", "window_days": shown(audience.window_days),
        "min_sessions": shown(audience.min_sessions), "unseen_days": shown(audience.unseen_days),
        "fleets": _listed(audience.fleets), "drivers": _listed(audience.drivers),
        "marketing": shown(audience.marketing), "sites": _listed(places.sites),
        "connector_types": _listed(places.connector_types), "tariffs": _listed(places.tariffs),
        "hours": ", ".join(f"{first}-{end}" for first, end in spans(places.hours)),
        "quiet_hours": shown(places.quiet_hours), "quiet_by": places.quiet_by.value,
    }  # fmt: skip


def _listed(every: Iterable[Any]) -> str:
    return ", ".join(map(str, sorted(every)))


def tiers_shown(program: Program) -> str:
    """Tiers as their field holds them."""
    return ", ".join(
        f"{each.name} {each.least} {each.points_percent}"
        + ("" if each.cashback_percent is None else f" {shown(each.cashback_percent)}")
        for each in program.tiers
    )
