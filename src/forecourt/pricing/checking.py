"""What can't be meant in a tariff, whoever wrote it: found at once and all of it. Pure."""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any, Final

from msgspec import Struct

from forecourt.platform.money import currencies
from forecourt.pricing.errors import TariffUnreadable
from forecourt.pricing.model import Conditions, PriceComponent, PriceLimit, Tariff

#: Prices and quantities beyond this aren't meant.
MOST: Final = Decimal(10) ** 9
#: Digits after the point of a number in a tariff.
MAX_DIGITS: Final = 12
#: A tax above this isn't meant, in percent.
MOST_TAX: Final = 100
#: Faults that are named.
MAX_NAMED: Final = 100
#: What a fault is of, and what it is.
Found = tuple[str, str]
#: Bounds of conditions, each lower one with its upper one.
_SPANS: Final = (
    *((f"min_{of}", f"max_{of}") for of in ("kwh", "current", "power", "duration")), ("start_date", "end_date"),
)  # fmt: skip
_BOUNDS: Final = tuple(f"{bound}_{of}" for of in ("kwh", "current", "power") for bound in ("min", "max"))


def check(tariff: Tariff) -> None:
    """What is stored. Raises TariffUnreadable, which names all that can't be meant."""
    refuse([*_faults(tariff)])


def refuse(faults: Sequence[Found]) -> None:
    """Raises TariffUnreadable if there are any."""
    if not faults:
        return
    named = [{"of": of, "detail": detail} for of, detail in faults[:MAX_NAMED]]
    told = "; ".join(f"{of}: {detail}" for of, detail in faults[:5])
    more = f", and {len(faults) - 5} more" if len(faults) > 5 else ""
    raise TariffUnreadable(f"{told}{more}. Mend it and send it again.", faults=named)


def odd(place: str, of: Any, names: Sequence[str]) -> Iterator[Found]:
    """Numbers that are none, are too large, or too fine; a tax below nothing or above MOST_TAX."""
    for name in names:
        value = getattr(of, name)
        if value is None:
            continue
        exponent = value.as_tuple().exponent
        if not isinstance(exponent, int) or abs(value) > MOST or exponent < -MAX_DIGITS:
            yield f"{place}.{name}", f"this must be a number of {MOST} at most, with {MAX_DIGITS} decimals at most"
        elif name in ("vat", "percent") and value < 0:
            yield f"{place}.{name}", "a tax can't be below 0"
        elif name in ("vat", "percent") and value > MOST_TAX:
            yield f"{place}.{name}", "a tax can't be above 100"


def no_currency(code: str) -> Iterator[Found]:
    """A code that no currency has or had. One that is paid with no more can still be priced, but not be stored."""
    if code not in currencies(past=True):
        yield "currency", "no currency has this code of ISO 4217; write one such as EUR"


def _faults(tariff: Tariff) -> Iterator[Found]:
    yield from no_currency(tariff.currency)
    if tariff.currency in currencies(past=True) - currencies():
        yield "currency", "nobody pays with this currency any more; write one such as EUR"
    for name in ("min_price", "max_price"):
        limit = getattr(tariff, name)
        if limit is not None:
            yield from odd(name, limit, ("before_taxes", "after_taxes"))
            yield from below_nothing(name, limit, "before_taxes")
            yield from below_nothing(name, limit, "after_taxes")
    yield from crossed(tariff.min_price, tariff.max_price)
    for number, element in enumerate(tariff.elements):
        place = f"elements[{number}]"
        for count, component in enumerate(element.price_components):
            yield from _of_component(f"{place}.price_components[{count}]", component)
        yield from _of_conditions(f"{place}.conditions", element.conditions)
    for number, cap in enumerate(tariff.caps):
        yield from odd(f"caps[{number}]", cap, ("before_taxes",))
        yield from below_nothing(f"caps[{number}]", cap, "before_taxes")
    if tariff.free is not None:
        yield from odd("free", tariff.free, ("kwh",))
        yield from below_nothing("free", tariff.free, "kwh")
    yield from odd("tariff", tariff, ("roaming_markup",))
    yield from below_nothing("tariff", tariff, "roaming_markup")


def _of_component(place: str, component: PriceComponent) -> Iterator[Found]:
    yield from odd(place, component, ("price", "vat"))
    if component.taxes and component.vat is not None:
        yield f"{place}.taxes", "a price has either vat or taxes"
    for number, tax in enumerate(component.taxes):
        yield from odd(f"{place}.taxes[{number}]", tax, ("percent",))


def _of_conditions(place: str, conditions: Conditions) -> Iterator[Found]:
    yield from odd(place, conditions, _BOUNDS)
    for name in ("min_duration", "max_duration"):
        value = getattr(conditions, name)
        if value is not None and not 0 <= value <= MOST:
            yield f"{place}.{name}", f"this must be from 0 to {MOST} s"

    for lower, upper in _SPANS:
        least, most = getattr(conditions, lower), getattr(conditions, upper)
        if least is not None and most is not None and most <= least:
            yield f"{place}.{upper}", "this must be above where it begins, or the element never counts"


def crossed(least: PriceLimit | None, most: PriceLimit | None) -> Iterator[Found]:
    """A least price above the most: no session could keep both."""
    for name in ("before_taxes", "after_taxes"):
        lower, upper = getattr(least, name, None), getattr(most, name, None)
        if lower is not None and upper is not None and upper < lower:
            yield f"max_price.{name}", "the most can't be below the least"


def below_nothing(place: str, of: Struct, name: str) -> Iterator[Found]:
    """An amount or a quantity that can't be negative and is."""
    value = getattr(of, name)
    if value is not None and value < 0:
        yield f"{place}.{name}", "this can't be below 0"
