"""The words of the pages of prices. Constants are marked here and translated where they are shown."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from babel.dates import get_day_names

from forecourt.pricing.assigning import Assignment, Place, rank
from forecourt.pricing.display import Warned
from forecourt.pricing.model import Day, Dimension, Per, Reserved, Since, TaxIncluded
from forecourt.pricing.pages.reading import Fault
from forecourt.pricing.store.assigned import AssignmentRow
from forecourt.ui.i18n import current, mark
from forecourt.ui.i18n import gettext as _

DIMENSIONS: Final[Mapping[str, str]] = {
    Dimension.ENERGY.value: mark("Energy, per kWh"),
    Dimension.TIME.value: mark("Charging time, per hour"),
    Dimension.PARKING_TIME.value: mark("Parking without charging, per hour"),
    Dimension.FLAT.value: mark("Flat fee, once"),
}
TAXES: Final[Mapping[str, str]] = {
    TaxIncluded.NO.value: mark("Prices are before taxes"),
    TaxIncluded.YES.value: mark("Prices include taxes"),
    TaxIncluded.NOT_APPLICABLE.value: mark("There are no taxes"),
}
SINCE: Final[Mapping[str, str]] = {
    Since.START.value: mark("the start of the session"),
    Since.CHARGING_START.value: mark("the start of charging"),
    Since.CHARGING_END.value: mark("the end of charging"),
}
RESERVED: Final[Mapping[str, str]] = {
    Reserved.RESERVATION.value: mark("Of reservations"),
    Reserved.RESERVATION_EXPIRES.value: mark("Of reservations nobody came for"),
}
PER: Final[Mapping[str, str]] = {Per.SESSION.value: mark("per session"), Per.DAY.value: mark("per day")}
WARNINGS: Final[Mapping[Warned, str]] = {
    Warned.NO_KWH_PRICE: mark(
        "At this power ad hoc charging must be sold by the kWh, and there is no price per kWh. Add one for energy."
    ),
    Warned.MINUTES_BESIDE_KWH: mark(
        "Charging may be sold by energy alone here, and a price per minute of charging stands beside it. Take it out."
    ),
    Warned.STEPS: mark(
        "Quantities are rounded up in steps, so more is paid than was delivered. Set the steps to 1 unless you mean it."
    ),
    Warned.TAX_UNKNOWN: mark("Prices must be shown with taxes, and a price has no rate. Say the rate of VAT."),
    Warned.MANY_LINES: mark("There are more prices than a driver reads before starting. Fewer elements help."),
    Warned.NEGATIVE_PRICE: mark(
        "A price is below 0, so drivers are paid for it. Take the minus out unless you mean it."
    ),
    Warned.TAX_UNUSUAL: mark("A rate of VAT is above 30 percent, which is not usual. Look whether it is right."),
}
#: Fields of the form by their names in it.
FIELDS: Final[Mapping[str, str]] = {
    "name": mark("Name"),
    "valid_from": mark("Valid from"),
    "currency": mark("Currency"),
    "tax_included": mark("Taxes"),
    "min_before": mark("At least, before taxes"),
    "min_after": mark("At least, after taxes"),
    "max_before": mark("At most, before taxes"),
    "max_after": mark("At most, after taxes"),
    "starts_at": mark("For sessions from"),
    "ends_at": mark("For sessions until"),
    "free_kwh": mark("Free energy, kWh"),
    "free_charging": mark("Free charging, minutes"),
    "free_parking": mark("Free parking, minutes"),
    "roaming_markup": mark("Roaming mark-up, percent"),
    "start_time": mark("Time of day, from"),
    "end_time": mark("Time of day, until"),
    "start_date": mark("Date, from"),
    "end_date": mark("Date, until before"),
    "days": mark("Days of the week"),
    "min_kwh": mark("Energy from, kWh"),
    "max_kwh": mark("Energy below, kWh"),
    "min_current": mark("Current from, A"),
    "max_current": mark("Current below, A"),
    "min_power": mark("Power from, kW"),
    "max_power": mark("Power below, kW"),
    "min_minutes": mark("Time from, minutes"),
    "max_minutes": mark("Time below, minutes"),
    "since": mark("Minutes count from"),
    "reservation": mark("What it is for"),
    "evse_kind": mark("AC or DC"),
    "driver_group": mark("Driver group"),
    "payment_brand": mark("Brand of the card"),
    "type": mark("What is priced"),
    "price": mark("Price"),
    "vat": mark("VAT, percent"),
    "step_size": mark("Billed in steps, Wh or s"),
    "taxes": mark("Other taxes, percent"),
    "before_taxes": mark("Most"),
    "per": mark("Counted over"),
    "dimensions": mark("Of what"),
    "elements": mark("Elements"),
}
#: How `checking` names what the form calls otherwise.
_OTHERWISE: Final = {
    "min_duration": "min_minutes", "max_duration": "max_minutes", "percent": "taxes", "kwh": "free_kwh",
}  # fmt: skip
#: Why one assignment counts before the next, by the first part of the rank in which they differ.
_REASONS: Final = (
    mark("It is for fewer people: a subscription goes before a group, a group before everybody."),
    mark(
        "It is for a nearer place: an EVSE goes before a station, a station before its site, a part before the whole."
    ),
    mark("It is for a narrower kind: a type of plug goes before AC or DC, and that before anything."),
    mark("It began last."),
    mark("Both began together, and it was said last."),
)
ALONE: Final = mark("No other assignment fits.")


def fault_words(fault: Fault) -> str:
    """`Element 2, price 1, VAT: this is no number`."""
    name = _OTHERWISE.get(fault.field, fault.field)
    place = [_("Element %(n)s") % {"n": fault.element}] if fault.element else []
    place += [_("price %(n)s") % {"n": fault.price}] if fault.price else []
    place += [_(FIELDS[name])] if name in FIELDS else []
    return f"{', '.join(place)}: {_(fault.words)}" if place else _(fault.words)


def scope_words(row: AssignmentRow) -> str:
    """Where, at what and for whom an assignment counts: `site north-yard · DC · group staff`."""
    if row.at_station is not None:
        where = row.station or _("a station you don't see")
        if row.evse is not None:
            where = _("%(station)s, EVSE %(evse)s") % {"station": where, "evse": row.evse}
    elif row.site_id is not None:
        where = _("site %(site)s") % {"site": row.site or "–"}  # noqa: RUF001
    else:
        where = _("everywhere")
    parts = [where, row.connector_type, None if row.evse_kind is None else row.evse_kind.value]
    if row.driver_group is not None:
        parts.append(_("group %(name)s") % {"name": row.driver_group})
    if row.subscription is not None:
        parts.append(_("subscription %(name)s") % {"name": row.subscription})
    return " · ".join(part for part in parts if part)


def reason_words(first: Assignment, second: Assignment | None, place: Place) -> str:
    """Why the first counts before the second; marked."""
    if second is None:
        return ALONE
    one, other = rank(first, place), rank(second, place)
    return next(words for words, a, b in zip(_REASONS, one, other, strict=True) if a != b)


def days_words(days: Sequence[int]) -> str:
    """Names of days of the week, Monday is 0: `Mon-Fri`."""
    if len(days) == len(Day):
        return _("Every day")
    names = get_day_names("abbreviated", locale=current().locale)
    if len(days) > 2 and list(days) == list(range(days[0], days[-1] + 1)):
        return f"{names[days[0]]}\N{EN DASH}{names[days[-1]]}"
    return ", ".join(names[day] for day in days)


def is_open(row: AssignmentRow, now: datetime) -> bool:
    """Whether an assignment counts now or later."""
    return row.ends_at is None or row.ends_at > now
