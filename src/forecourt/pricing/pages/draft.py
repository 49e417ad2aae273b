"""A tariff as the fields of a form, and back. Pure.

A draft is what somebody has written so far, right or wrong: texts by the names of their fields, in rows. Rows are added
and taken away by buttons of the form, so nothing needs a script.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final
from zoneinfo import ZoneInfo

from msgspec import Struct

from forecourt.pricing.model import (
    MAX_CAPS,
    MAX_COMPONENTS,
    MAX_ELEMENTS,
    Cap,
    Conditions,
    Element,
    PriceComponent,
    PriceLimit,
    Tariff,
    Tax,
)

#: Characters of one field that are read.
MAX_FIELD: Final = 400
#: What a form says of the whole tariff.
HEAD: Final = (
    "name", "valid_from", "currency", "tax_included", "min_before", "min_after", "max_before", "max_after",
    "starts_at", "ends_at", "free_kwh", "free_charging", "free_parking", "roaming_markup",
)  # fmt: skip
#: What it says of an element's conditions, of one price, and of a cap.
WHEN: Final = (
    "start_time", "end_time", "start_date", "end_date", "min_kwh", "max_kwh", "min_current", "max_current",
    "min_power", "max_power", "min_minutes", "max_minutes", "since", "reservation", "evse_kind", "driver_group",
    "payment_brand",
)  # fmt: skip
PRICE: Final = ("type", "price", "vat", "step_size", "taxes")
CAP: Final = ("before_taxes", "per")
#: Decimals of minutes, by which each whole second has a number of its own.
_MINUTE_DECIMALS: Final = 4

Row = Mapping[str, str]


class ElementDraft(Struct, frozen=True, kw_only=True):
    """One element as it is written: its conditions, the days that are ticked, and its prices."""

    when: Row
    days: frozenset[str] = frozenset()
    prices: tuple[Row, ...]


class CapDraft(Struct, frozen=True, kw_only=True):
    """One cap as it is written."""

    said: Row
    dimensions: frozenset[str] = frozenset()


class Draft(Struct, frozen=True, kw_only=True):
    """All that is written in a form."""

    head: Row
    elements: tuple[ElementDraft, ...]
    caps: tuple[CapDraft, ...] = ()


def blank(currency: str) -> Draft:
    """A form in which nobody has written yet, with a first price of energy to fill."""
    return Draft(
        head=_row(HEAD, {"currency": currency, "tax_included": "NO"}),
        elements=(
            ElementDraft(when=_row(WHEN), prices=(_row(PRICE, {"type": "ENERGY", "step_size": "1"}),)),
        ),
    )  # fmt: skip


def read(form: Any) -> Draft:
    """What a form sent. Rows are numbered; of each list so many are read as a tariff may have."""
    return Draft(
        head=_read(form, "", HEAD),
        elements=tuple(
            ElementDraft(
                when=_read(form, f"e{n}.", WHEN),
                days=frozenset(_texts(form, f"e{n}.days")),
                prices=tuple(
                    _read(form, f"e{n}.p{m}.", PRICE) for m in range(_count(form, f"e{n}.prices", MAX_COMPONENTS))
                ),
            )
            for n in range(_count(form, "elements", MAX_ELEMENTS))
        ),
        caps=tuple(
            CapDraft(said=_read(form, f"c{n}.", CAP), dimensions=frozenset(_texts(form, f"c{n}.dimensions")))
            for n in range(_count(form, "caps", MAX_CAPS))
        ),
    )


def written(tariff: Tariff, name: str, zone: ZoneInfo) -> Draft:
    """A tariff as a form has it; moments by the clock of a zone."""
    free, least, most = tariff.free, tariff.min_price, tariff.max_price
    head: dict[str, Any] = {
        "name": name,
        "currency": tariff.currency,
        "tax_included": tariff.tax_included.value,
        **_limit("min", least),
        **_limit("max", most),
        "starts_at": _moment(tariff.starts_at, zone),
        "ends_at": _moment(tariff.ends_at, zone),
        "roaming_markup": tariff.roaming_markup,
    }
    if free is not None:
        head |= {"free_kwh": free.kwh, "free_charging": free.charging_minutes, "free_parking": free.parking_minutes}
    return Draft(
        head=_row(HEAD, head),
        elements=tuple(_element(each) for each in tariff.elements),
        caps=tuple(_cap(each) for each in tariff.caps),
    )


def changed(draft: Draft, act: str) -> Draft:
    """The form after one of its buttons for rows: `add-element`, `element-up:2`, `remove-price:2.1` and the like. What
    names no row that is there changes nothing."""
    verb, _, place = act.partition(":")
    first, _, second = place.partition(".")
    n = int(first) if first.isdecimal() else -1
    m = int(second) if second.isdecimal() else -1
    elements, caps = list(draft.elements), list(draft.caps)
    if verb == "add-element" and len(elements) < MAX_ELEMENTS:
        elements.append(blank("").elements[0])
    elif verb == "add-cap" and len(caps) < MAX_CAPS:
        caps.append(CapDraft(said=_row(CAP, {"per": "SESSION"})))
    elif verb == "remove-cap" and 0 <= n < len(caps):
        del caps[n]
    elif not 0 <= n < len(elements):
        return draft
    elif verb == "remove-element" and len(elements) > 1:
        del elements[n]
    elif verb == "element-up" and n > 0:
        elements[n - 1], elements[n] = elements[n], elements[n - 1]
    elif verb in ("add-price", "remove-price"):
        elements[n] = _with_prices(elements[n], verb, m)
    return Draft(head=draft.head, elements=tuple(elements), caps=tuple(caps))


def _with_prices(element: ElementDraft, verb: str, m: int) -> ElementDraft:
    prices = list(element.prices)
    if verb == "add-price" and len(prices) < MAX_COMPONENTS:
        prices.append(_row(PRICE, {"type": "PARKING_TIME", "step_size": "1"}))
    elif verb == "remove-price" and 0 <= m < len(prices) and len(prices) > 1:
        del prices[m]
    return ElementDraft(when=element.when, days=element.days, prices=tuple(prices))


def _element(element: Element) -> ElementDraft:
    c = element.conditions
    said: dict[str, Any] = {name: getattr(c, name) for name in WHEN if name in Conditions.__struct_fields__}
    said |= {"min_minutes": _minutes(c.min_duration), "max_minutes": _minutes(c.max_duration)}
    return ElementDraft(
        when=_row(WHEN, said), days=frozenset(c.days), prices=tuple(_price(each) for each in element.price_components)
    )


def _price(component: PriceComponent) -> Row:
    return _row(
        PRICE,
        {
            "type": component.type.value,
            "price": component.price,
            "vat": component.vat,
            "step_size": component.step_size,
            "taxes": "; ".join(_tax(each) for each in component.taxes),
        },
    )


def _tax(tax: Tax) -> str:
    return f"{tax.name} {'+' if tax.on_top else ''}{_text(tax.percent)}"


def _cap(cap: Cap) -> CapDraft:
    return CapDraft(
        said=_row(CAP, {"before_taxes": cap.before_taxes, "per": cap.per.value}), dimensions=frozenset(cap.dimensions)
    )


def _limit(which: str, limit: PriceLimit | None) -> Mapping[str, Any]:
    if limit is None:
        return {}
    return {f"{which}_before": limit.before_taxes, f"{which}_after": limit.after_taxes}


def _moment(at: datetime | None, zone: ZoneInfo) -> str:
    return "" if at is None else f"{at.astimezone(zone):%Y-%m-%d %H:%M}"


def _minutes(seconds: int | None) -> Decimal | None:
    return None if seconds is None else round(Decimal(seconds) / 60, _MINUTE_DECIMALS)


def _row(names: Iterable[str], said: Mapping[str, Any] | None = None) -> Row:
    return {name: _text((said or {}).get(name)) for name in names}


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, Decimal):
        return f"{value.normalize():f}" if value else "0"
    return str(value)


def _read(form: Any, before: str, names: Sequence[str]) -> Row:
    return {name: str(form.get(before + name, ""))[:MAX_FIELD].strip() for name in names}


def _texts(form: Any, name: str) -> list[str]:
    return [str(each)[:MAX_FIELD] for each in form.getall(name, [])]


def _count(form: Any, name: str, most: int) -> int:
    """How many rows there are, as the form says."""
    said = str(form.get(name, ""))[:4]
    return min(int(said), most) if said.isdecimal() and said.isascii() else 0


#: By this much a moment may lie before now and still mean now: forms know no seconds.
NOW_WITHIN: Final = timedelta(minutes=1)
