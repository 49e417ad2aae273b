"""What a tariff comes to, before it counts for anybody: typical sessions, a week's hours, what drivers read, what laws
say against it, and what the protocols can't say. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from typing import Final
from zoneinfo import ZoneInfo

from msgspec import Struct, structs

from forecourt.platform.money import Money, minor_digits
from forecourt.pricing.display import Line, PriceLaw, Warned, display, law_of, warnings
from forecourt.pricing.engine import Pricer
from forecourt.pricing.model import (
    SECONDS_AN_HOUR,
    WH_A_KWH,
    Circumstances,
    Dimension,
    EvseKind,
    Segment,
    SegmentKind,
    Tariff,
)
from forecourt.pricing.ocpi import write_tariff
from forecourt.pricing.ocpp21 import tariff_21
from forecourt.pricing.store.assigned import Stand
from forecourt.ui.i18n import mark

WEEK: Final = 7
MINUTES_A_DAY: Final = 1_440
#: What flows while the hours of a day are looked at, in W.
USUAL_POWER_W: Final = {EvseKind.AC: 11_000, EvseKind.DC: 60_000}
#: Shades in which prices of a day are told apart, from cheap to dear.
SHADES: Final = 5
_AMOUNT: Final = Decimal("0.0001")


class Typical(Struct, frozen=True, kw_only=True):
    """A session as many are: by what clock time it begins, and what happens then."""

    label: str
    kind: EvseKind
    begins: time
    energy_wh: int
    charging_s: int
    idle_s: int = 0

    @property
    def segments(self) -> list[Segment]:
        """As the engine takes it."""
        charging = Segment(seconds=self.charging_s, kind=SegmentKind.CHARGING, energy_wh=self.energy_wh)
        return [charging, *([Segment(seconds=self.idle_s, kind=SegmentKind.PARKING)] if self.idle_s else [])]


TYPICAL: Final = (
    Typical(
        label=mark("10 kWh at night, AC, 22:00, 3 h"), kind=EvseKind.AC, begins=time(22), energy_wh=10_000,
        charging_s=3 * SECONDS_AN_HOUR,
    ),
    Typical(
        label=mark("40 kWh by day, AC, 10:00, 4 h and 3 h parked"), kind=EvseKind.AC, begins=time(10),
        energy_wh=40_000, charging_s=4 * SECONDS_AN_HOUR, idle_s=3 * SECONDS_AN_HOUR,
    ),
    Typical(
        label=mark("60 kWh, DC, 12:00, 40 min"), kind=EvseKind.DC, begins=time(12), energy_wh=60_000, charging_s=2_400
    ),
    Typical(
        label=mark("A short stop: 1.5 kWh, AC, 17:00, 10 min"), kind=EvseKind.AC, begins=time(17), energy_wh=1_500,
        charging_s=600,
    ),
)  # fmt: skip


class Priced(Struct, frozen=True, kw_only=True):
    """What a typical session costs; `parts` after taxes and before limits, by dimension; `per_kwh` all in all."""

    label: str
    excl: Money
    incl: Money
    per_kwh: Decimal
    parts: Mapping[str, Decimal]


class Part(Struct, frozen=True, kw_only=True):
    """Minutes of a day in which one price per kWh counts, after taxes; None: energy costs nothing."""

    begins: int
    ends: int
    amount: Decimal | None
    shade: int = 0

    @property
    def clock(self) -> str:
        """`08:00-20:00`, as both ends read."""
        return f"{_clock(self.begins)}\N{EN DASH}{_clock(self.ends)}"


class Strip(Struct, frozen=True, kw_only=True):
    """The hours of days on which they are alike (0 is Monday); `kind` where AC and DC differ."""

    days: tuple[int, ...]
    parts: tuple[Part, ...]
    kind: EvseKind | None = None


class There(Struct, frozen=True, kw_only=True):
    """What drivers read at places of one law, and what that law says against the tariff."""

    stand: Stand
    law: PriceLaw
    lines: Sequence[Line]
    warnings: Sequence[Warned]


class Preview(Struct, frozen=True, kw_only=True):
    """All of it."""

    tariff: Tariff
    sessions: Sequence[Priced]
    strips: Sequence[Strip]
    there: Sequence[There]
    not_in_ocpi: Sequence[str]
    not_in_ocpp: Sequence[str]


def preview(tariff: Tariff, zone: ZoneInfo, today: date, stands: Sequence[Stand]) -> Preview:
    """What a tariff comes to from today on at places that stand there; without one, as the European Union has it."""
    workday = next(day for day in (today + timedelta(days=n) for n in range(WEEK)) if day.weekday() < 5)
    return Preview(
        tariff=tariff,
        sessions=[_priced(tariff, zone, workday, each) for each in TYPICAL],
        strips=_strips(tariff, zone, today),
        there=[_there(tariff, each) for each in stands or (Stand(country=None, sites=0, power_w=None),)],
        not_in_ocpi=write_tariff(tariff)[1],
        not_in_ocpp=tariff_21(tariff)[1],
    )


def _priced(tariff: Tariff, zone: ZoneInfo, day: date, typical: Typical) -> Priced:
    pricer = Pricer(tariff, zone, Circumstances(evse_kind=typical.kind))
    bill = pricer.price(datetime.combine(day, typical.begins, zone), typical.segments)
    paid, currency = bill.rounded(), tariff.currency
    incl = sum(each.incl_vat for each in paid)
    parts: dict[str, Fraction] = {}
    for fee in bill.fees:
        parts[fee.component.type.value] = parts.get(fee.component.type.value, Fraction(0)) + fee.incl_vat
    per_kwh = Fraction(incl * WH_A_KWH, typical.energy_wh * 10 ** minor_digits(currency))
    return Priced(
        label=typical.label,
        excl=Money(amount=sum(each.excl_vat for each in paid), currency=currency),
        incl=Money(amount=incl, currency=currency),
        per_kwh=_rounded(per_kwh),
        parts={name: _rounded(amount) for name, amount in parts.items()},
    )


def _strips(tariff: Tariff, zone: ZoneInfo, today: date) -> Sequence[Strip]:
    """Of AC alone where DC is the same."""
    of = {kind: _week(tariff, zone, today, kind) for kind in EvseKind}
    if of[EvseKind.AC] == of[EvseKind.DC]:
        return _shaded(of[EvseKind.AC])
    return _shaded([structs.replace(each, kind=kind) for kind, strips in of.items() for each in strips])


def _week(tariff: Tariff, zone: ZoneInfo, today: date, kind: EvseKind) -> list[Strip]:
    """The next seven days, those that are alike as one."""
    # Of what is free at first, the price behind it.
    counting = structs.replace(tariff, free=None)
    pricer, alike = Pricer(counting, zone, Circumstances(evse_kind=kind)), dict[tuple[Part, ...], list[int]]()
    for number in range(WEEK):
        day = today + timedelta(days=number)
        parts = tuple(_joined(_parts(pricer, zone, day, USUAL_POWER_W[kind])))
        alike.setdefault(parts, []).append(day.weekday())
    strips = [Strip(days=tuple(sorted(days)), parts=parts) for parts, days in alike.items()]
    return sorted(strips, key=lambda strip: strip.days)


def _parts(pricer: Pricer, zone: ZoneInfo, day: date, power_w: int) -> Iterator[Part]:
    """What counts for a session that begins then, between all times of day that the tariff names."""
    named = {each.conditions.start_time for each in pricer.tariff.elements}
    named |= {each.conditions.end_time for each in pricer.tariff.elements}
    edges = sorted({0, *(int(each[:2]) * 60 + int(each[3:]) for each in named if each)})
    flows = Segment(seconds=1, kind=SegmentKind.CHARGING, energy_wh=Fraction(power_w, SECONDS_AN_HOUR))
    for begins, ends in zip(edges, (*edges[1:], MINUTES_A_DAY), strict=True):
        at = datetime.combine(day, time(begins // 60, begins % 60), zone)
        fees = pricer.price(at, [flows]).fees
        fee = next((each for each in fees if each.component.type is Dimension.ENERGY), None)
        amount = None if fee is None else _rounded(fee.incl_vat / fee.billed * WH_A_KWH)
        yield Part(begins=begins, ends=ends, amount=amount)


def _joined(parts: Iterator[Part]) -> Iterator[Part]:
    last: Part | None = None
    for part in parts:
        if last is not None and last.amount == part.amount:
            last = structs.replace(last, ends=part.ends)
            continue
        if last is not None:
            yield last
        last = part
    if last is not None:
        yield last


def _shaded(strips: Sequence[Strip]) -> list[Strip]:
    """With a shade for each price, the dearest darkest."""
    amounts = sorted({part.amount for strip in strips for part in strip.parts if part.amount is not None})
    shade = {amount: 1 + number * (SHADES - 1) // max(1, len(amounts) - 1) for number, amount in enumerate(amounts)}
    return [
        structs.replace(
            strip,
            parts=tuple(
                structs.replace(part, shade=0 if part.amount is None else shade[part.amount]) for part in strip.parts
            ),
        )
        for strip in strips
    ]


def _there(tariff: Tariff, stand: Stand) -> There:
    law = law_of(stand.country)
    return There(
        stand=stand, law=law, lines=display(tariff, law), warnings=warnings(tariff, law, stand.power_w)
    )  # fmt: skip


def _rounded(amount: Fraction) -> Decimal:
    """To four decimals, with no more than there are and two at least."""
    exact = (Decimal(amount.numerator) / Decimal(amount.denominator)).quantize(_AMOUNT, ROUND_HALF_UP)
    cents = exact.quantize(Decimal("0.01"))
    return cents if cents == exact else exact.normalize()


def _clock(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"
