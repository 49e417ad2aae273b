"""What is another in one version of a tariff than in the one before, field by field. Pure."""

from collections.abc import Iterator
from zoneinfo import ZoneInfo

from msgspec import Struct

from forecourt.pricing.model import Tariff
from forecourt.pricing.pages.draft import Draft, written


class Change(Struct, frozen=True, kw_only=True):
    """A field of the form that says something else; of which element, price or cap, counted from 1 (0: of none). An
    empty text: nothing is said."""

    element: int = 0
    price: int = 0
    cap: int = 0
    field: str
    before: str
    after: str


def changes(before: Tariff, after: Tariff, zone: ZoneInfo) -> list[Change]:
    """In the order of the form; rows are told apart by their place."""
    old, new = dict(_fields(written(before, "", zone))), dict(_fields(written(after, "", zone)))
    return [
        Change(element=element, price=price, cap=cap, field=field, before=old.get(key, ""), after=new.get(key, ""))
        for key in old | new
        if old.get(key, "") != new.get(key, "")
        for element, price, cap, field in [key]
    ]


def _fields(draft: Draft) -> Iterator[tuple[tuple[int, int, int, str], str]]:
    for name, text in draft.head.items():
        yield (0, 0, 0, name), text
    for number, element in enumerate(draft.elements, 1):
        for name, text in element.when.items():
            yield (number, 0, 0, name), text
        yield (number, 0, 0, "days"), ", ".join(sorted(element.days))
        for count, price in enumerate(element.prices, 1):
            for name, text in price.items():
                yield (number, count, 0, name), text
    for number, cap in enumerate(draft.caps, 1):
        for name, text in cap.said.items():
            yield (0, 0, number, name), text
        yield (0, 0, number, "dimensions"), ", ".join(sorted(cap.dimensions))
