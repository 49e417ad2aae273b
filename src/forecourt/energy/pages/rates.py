"""A tariff as a form holds it: a day's rates as one line, `0 0.19, 6 0.2871, 22 0.19`. Pure."""

import re
from collections.abc import Sequence
from decimal import Decimal
from typing import Final

from litestar.datastructures import FormMultiDict
from msgspec import Struct

from forecourt.energy.model import Fault
from forecourt.energy.pages.common import field, unread
from forecourt.energy.signals.model import MAX_HOLIDAYS, MAX_HOURS, MAX_SEASONS, DayRates, Tariff
from forecourt.ui.i18n import mark
from forecourt.ui.numbers import NoNumber, decimal, plain

#: A rate: from an hour on a price, the hour with or without minutes that are none.
_RATE: Final = re.compile(r"([0-9]{1,2})(?::00)?\s+(\S+)")
_LONGEST: Final = 2_000


class SeasonForm(Struct, frozen=True, kw_only=True):
    """A season by its fields."""

    begins: str = ""
    weekdays: str = ""
    weekends: str = ""
    holidays: str = ""


class Form(Struct, frozen=True, kw_only=True):
    """A tariff by its fields."""

    currency: str = "EUR"
    seasons: Sequence[SeasonForm] = (SeasonForm(begins="01-01"),)
    holidays: str = ""
    price_zone: str = ""
    factor: str = "1"
    markup: str = "0"
    feed_in: str = "0"
    demand: str = "0"
    demand_minutes: str = "15"
    billing_day: str = "1"
    co2_zone: str = ""


def form_of(tariff: Tariff | None) -> Form:
    """The form of a tariff, with an empty season more; that of none is fresh."""
    if tariff is None:
        return Form()
    seasons = [
        SeasonForm(
            begins=season.begins,
            weekdays=_line(season.weekdays),
            weekends=_line(season.weekends),
            holidays=_line(season.holidays),
        )
        for season in tariff.seasons
    ]
    return Form(
        currency=tariff.currency,
        seasons=[*seasons, SeasonForm()],
        holidays=", ".join(day.isoformat() for day in tariff.holidays),
        price_zone=tariff.price_zone or "",
        factor=plain(tariff.factor),
        markup=plain(tariff.markup_per_kwh),
        feed_in=plain(tariff.feed_in_per_kwh),
        demand=plain(tariff.demand_charge_per_kw),
        demand_minutes=str(tariff.demand_minutes),
        billing_day=str(tariff.billing_day),
        co2_zone=tariff.co2_zone or "",
    )


def _line(rates: DayRates | None) -> str:
    if rates is None:
        return ""
    return ", ".join(f"{hour} {plain(price)}" for hour, price in zip(rates.hours, rates.prices, strict=True))


def sent(form: FormMultiDict) -> Form:
    """The form as it was sent."""
    columns = [_texts(form, name) for name in ("begins", "weekdays", "weekends", "holidays_rates")]
    seasons = [
        SeasonForm(begins=begins, weekdays=weekdays, weekends=weekends, holidays=holidays)
        for begins, weekdays, weekends, holidays in zip(*columns, strict=False)
    ]
    return Form(
        currency=field(form, "currency").upper(),
        seasons=seasons or Form().seasons,
        holidays=str(form.get("holidays", ""))[:_LONGEST],
        price_zone=field(form, "price_zone"),
        factor=field(form, "factor"),
        markup=field(form, "markup"),
        feed_in=field(form, "feed_in"),
        demand=field(form, "demand"),
        demand_minutes=field(form, "demand_minutes"),
        billing_day=field(form, "billing_day"),
        co2_zone=field(form, "co2_zone"),
    )


def _texts(form: FormMultiDict, name: str) -> list[str]:
    return [str(value)[:_LONGEST].strip() for value in form.getall(name, [])][: MAX_SEASONS + 1]


def tariff_of(form: Form) -> tuple[dict[str, object], list[Fault]]:
    """The members of a tariff as the API takes them, and what can't be read."""
    faults: list[Fault] = []

    def money(text: str, otherwise: Decimal) -> Decimal:
        try:
            value = decimal(text)
        except NoNumber as refused:
            faults.append(unread(refused))
            return otherwise
        return otherwise if value is None else value

    seasons = []
    for season in form.seasons:
        if not season.weekdays:
            continue
        days = {name: _rates(getattr(season, name), faults) for name in ("weekdays", "weekends", "holidays")}
        seasons.append({"begins": season.begins or "01-01", **{name: day for name, day in days.items() if day}})
    return {
        "currency": form.currency,
        "seasons": seasons,
        "holidays": [day for day in re.split(r"[\s,;]+", form.holidays) if day][:MAX_HOLIDAYS],
        "price_zone": form.price_zone or None,
        "factor": str(money(form.factor, Decimal(1))),
        "markup_per_kwh": str(money(form.markup, Decimal(0))),
        "feed_in_per_kwh": str(money(form.feed_in, Decimal(0))),
        "demand_charge_per_kw": str(money(form.demand, Decimal(0))),
        "demand_minutes": int(form.demand_minutes) if form.demand_minutes.isdecimal() else 15,
        "billing_day": int(form.billing_day) if form.billing_day.isdecimal() else 1,
        "co2_zone": form.co2_zone or None,
    }, faults


def _rates(text: str, faults: list[Fault]) -> dict[str, object] | None:
    """A day's rates; None for nothing. A price alone holds all day."""
    if not text:
        return None
    hours: list[int] = []
    prices: list[str] = []
    for part in re.split(r"\s*[;\n]\s*|,\s+", text.strip(" ,;\n"))[: MAX_HOURS + 1]:
        rate = _RATE.fullmatch(part.strip())
        hour, price = (rate[1], rate[2]) if rate else ("0", part.strip())
        try:
            value = decimal(price)
        except NoNumber:
            value = None
        if value is None:
            words = mark("“%(text)s” is no rate; write an hour and a price, as in 0 0.19, 6 0.2871")
            faults.append(Fault(words=words, values={"text": part[:60]}))
            continue
        hours.append(int(hour))
        prices.append(str(value))
    return {"hours": hours, "prices": prices}
