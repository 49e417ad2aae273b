"""From what is written in a form to a tariff: all that can't be meant is found at once, each with its field. Pure."""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Struct

from forecourt.pricing.checking import check
from forecourt.pricing.errors import TariffUnreadable
from forecourt.pricing.model import (
    MAX_TAXES,
    Cap,
    Conditions,
    Element,
    Free,
    PriceComponent,
    PriceLimit,
    Tariff,
)
from forecourt.pricing.pages.draft import CapDraft, Draft, ElementDraft, Row
from forecourt.ui.i18n import mark
from forecourt.ui.numbers import NoNumber, decimal

NO_NUMBER: Final = mark("this is no number; write it as 12.5")
NO_WHOLE: Final = mark("this is no whole number")
NO_MOMENT: Final = mark("this is no time; write it as 2030-01-31 08:00")
NO_DAY: Final = mark("this is no day; write it as 2030-01-31")
NO_TAXES: Final = mark("write each tax as a name and a percentage, such as “GST 5; PST +7”")
NO_PRICE: Final = mark("a price is missing")
NOT_MEANT: Final = mark("this can't be meant")
NO_ELEMENT: Final = mark("a tariff has one element at least")
NO_BEFORE: Final = mark("the amount before taxes is missing")
#: What `checking` says, to be told in the reader's language.
CHECKED: Final = (
    mark("this must be a number of 1000000000 at most, with 12 decimals at most"),
    mark("a tax can't be below 0"),
    mark("a tax can't be above 100"),
    mark("this must be above where it begins, or the element never counts"),
    mark("the most can't be below the least"),
    mark("no currency has this code of ISO 4217; write one such as EUR"),
    mark("nobody pays with this currency any more; write one such as EUR"),
    mark("a price has either vat or taxes"),
    mark("this must be from 0 to 1000000000 s"),
    mark("this can't be below 0"),
)
_TAX: Final = re.compile(r"(?P<name>.+?)\s+(?P<top>\+?)\s*(?P<percent>[0-9.,]+)\s*%?")
_ELEMENT: Final = re.compile(r"elements\[(\d+)\](?:\.price_components\[(\d+)\])?(?:\.conditions)?\.?(.*)")


class Fault(Struct, frozen=True, kw_only=True):
    """What is wrong at a field: of which element and price, counted from 1 (0: of none); `words` are marked."""

    element: int = 0
    price: int = 0
    field: str
    words: str


class _Reader:
    """Reads texts, and keeps what is wrong with them; a wrong one is as if nothing were written."""

    def __init__(self, zone: ZoneInfo) -> None:
        self.zone = zone
        self.faults: list[Fault] = []
        self.element = self.price = 0

    def wrong(self, field: str, words: str) -> None:
        self.faults.append(Fault(element=self.element, price=self.price, field=field, words=words))

    def decimal(self, row: Row, field: str) -> Decimal | None:
        try:
            return decimal(row[field])
        except NoNumber:
            self.wrong(field, NO_NUMBER)
            return None

    def whole(self, row: Row, field: str, least: int = 0) -> int | None:
        found = self.decimal(row, field)
        if found is not None and (found != found.to_integral_value() or not least <= found <= 10**9):
            self.wrong(field, NO_WHOLE)
            return None
        return None if found is None else int(found)

    def moment(self, row: Row, field: str) -> datetime | None:
        if not row[field]:
            return None
        try:
            return datetime.fromisoformat(row[field]).replace(tzinfo=self.zone).astimezone(UTC)
        except (ValueError, OverflowError):
            self.wrong(field, NO_MOMENT)
            return None

    def day(self, row: Row, field: str) -> date | None:
        try:
            return date.fromisoformat(row[field]) if row[field] else None
        except ValueError:
            self.wrong(field, NO_DAY)
            return None

    def seconds(self, row: Row, field: str) -> int | None:
        minutes = self.decimal(row, field)
        return None if minutes is None else round(min(minutes, Decimal(10**8)) * 60)

    def made(self, kind: Any, field: str, **said: Any) -> Any:
        """A part of the tariff, its words checked by their types; None where they can't be meant."""
        try:
            return msgspec.convert(said, kind)
        except msgspec.ValidationError as fault:
            at = re.search(r"`\$\.(\w+)", str(fault))
            self.wrong(at[1] if at else field, NOT_MEANT)
            return None


def read_draft(draft: Draft, zone: ZoneInfo) -> tuple[Tariff | None, datetime | None, Sequence[Fault]]:
    """The tariff that is written and from when on it shall be valid, or what is wrong. Moments are of the zone."""
    reader = _Reader(zone)
    head = draft.head
    valid_from = reader.moment(head, "valid_from")
    said: dict[str, Any] = {
        "id": "",
        "currency": head["currency"].upper(),
        "tax_included": head["tax_included"],
        "min_price": _limit(reader, head, "min"),
        "max_price": _limit(reader, head, "max"),
        "starts_at": reader.moment(head, "starts_at"),
        "ends_at": reader.moment(head, "ends_at"),
        "caps": tuple(each for each in (_cap(reader, cap) for cap in draft.caps) if each is not None),
        "free": _free(reader, head),
        "roaming_markup": reader.decimal(head, "roaming_markup"),
        "elements": tuple(_elements(reader, draft.elements)),
    }
    if not draft.elements:
        reader.wrong("elements", NO_ELEMENT)
    tariff = None if reader.faults else reader.made(Tariff, "tariff", **said)
    if tariff is not None:
        try:
            check(tariff)
        except TariffUnreadable as unreadable:
            reader.faults += faults_of(unreadable)
    return (None if reader.faults else tariff), valid_from, reader.faults


def faults_of(unreadable: TariffUnreadable) -> list[Fault]:
    """What `checking` found, at the fields of the form."""
    return [_checked(each) for each in unreadable.context["faults"]]


def _checked(found: Mapping[str, str]) -> Fault:
    at = _ELEMENT.fullmatch(found["of"])
    if at is None:
        return Fault(field=found["of"].rpartition(".")[2], words=found["detail"])
    price = 0 if at[2] is None else int(at[2]) + 1
    field = re.sub(r"\[\d+\].*", "", at[3])
    return Fault(element=int(at[1]) + 1, price=price, field=field, words=found["detail"])


def _elements(reader: _Reader, drafts: Sequence[ElementDraft]) -> Iterator[Element]:
    for number, each in enumerate(drafts, 1):
        reader.element, reader.price = number, 0
        conditions = _conditions(reader, each)
        prices = [price for price in (_price(reader, n, row) for n, row in enumerate(each.prices, 1)) if price]
        reader.price = 0
        if not prices and not any(fault.element == number for fault in reader.faults):
            reader.wrong("price", NO_PRICE)
        if conditions is not None and prices:
            yield Element(price_components=tuple(prices), conditions=conditions)
    reader.element = 0


def _conditions(reader: _Reader, draft: ElementDraft) -> Conditions | None:
    when = draft.when
    bounds = {f"{bound}_{of}": f"{bound}_{of}" for of in ("kwh", "current", "power") for bound in ("min", "max")}
    found: Conditions | None = reader.made(
        Conditions,
        "when",
        **{name: when[name] or None for name in ("start_time", "end_time", "reservation", "evse_kind")},
        **{name: when[name] or None for name in ("driver_group", "payment_brand")},
        **{name: reader.decimal(when, name) for name in bounds},
        start_date=reader.day(when, "start_date"),
        end_date=reader.day(when, "end_date"),
        days=tuple(draft.days),
        min_duration=reader.seconds(when, "min_minutes"),
        max_duration=reader.seconds(when, "max_minutes"),
        since=when["since"] or "START",
    )
    return found


def _price(reader: _Reader, number: int, row: Row) -> PriceComponent | None:
    """A row without a price is none."""
    if not row["price"]:
        return None
    reader.price = number
    price, step = reader.decimal(row, "price"), reader.whole(row, "step_size")
    made: PriceComponent | None = None
    if price is not None:
        made = reader.made(
            PriceComponent,
            "price",
            type=row["type"],
            price=price,
            vat=reader.decimal(row, "vat"),
            step_size=1 if step is None else step,
            taxes=tuple(_taxes(reader, row["taxes"])),
        )
    return made


def _taxes(reader: _Reader, text: str) -> Iterator[Mapping[str, Any]]:
    parts = [each.strip() for each in text.split(";") if each.strip()]
    if len(parts) > MAX_TAXES:
        reader.wrong("taxes", NO_TAXES)
        return
    for part in parts:
        found = _TAX.fullmatch(part)
        try:
            percent = Decimal(found["percent"].replace(",", ".")) if found else None
        except InvalidOperation:
            percent = None
        if found is None or percent is None:
            reader.wrong("taxes", NO_TAXES)
            return
        yield {"name": found["name"], "percent": percent, "on_top": bool(found["top"])}


def _limit(reader: _Reader, head: Row, which: str) -> PriceLimit | None:
    before, after = reader.decimal(head, f"{which}_before"), reader.decimal(head, f"{which}_after")
    if before is None:
        if after is not None:
            reader.wrong(f"{which}_before", NO_BEFORE)
        return None
    return PriceLimit(before_taxes=before, after_taxes=after)


def _free(reader: _Reader, head: Row) -> Free | None:
    kwh = reader.decimal(head, "free_kwh")
    charging, parking = reader.whole(head, "free_charging"), reader.whole(head, "free_parking")
    if not kwh and not charging and not parking:
        return None
    made: Free | None = reader.made(
        Free, "free_kwh", kwh=kwh or Decimal(0), charging_minutes=charging or 0, parking_minutes=parking or 0
    )
    return made


def _cap(reader: _Reader, draft: CapDraft) -> Cap | None:
    amount = reader.decimal(draft.said, "before_taxes")
    if amount is None:
        return None
    made: Cap | None = reader.made(
        Cap,
        "caps",
        before_taxes=amount,
        per=draft.said["per"],
        dimensions=tuple(draft.dimensions),
    )
    return made
