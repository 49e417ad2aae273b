"""From a tariff and a session to its price: exact, once, for the quote, the running cost, the final price and the CDR.

A tariff is made ready for one zone and one set of circumstances, and then prices many sessions. A session is cut where
the set of elements that count changes. Conditions are read at the start of each second, so it is cut at whole seconds.
All is counted in whole numbers: prices are put over one denominator; quantities are whole where the meter's are.

Rules that OCPI leaves open, and how they are read here:

- FLAT is charged once a session, at the first second in which some element prices it; a reservation has its own, once,
  and one that expired one of each kind.
- A step rounds up what was priced of a dimension in all, at the last price that counted. Of charging and parking time
  only the last that was priced is rounded (OCPI 2.2.1 CDRs, step_size); a reservation's time is rounded for itself.
- A limit on the price moves the amount after taxes in proportion where the tariff gives none for it.
"""

from bisect import bisect_right
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from math import ceil, gcd, lcm
from typing import Final
from zoneinfo import ZoneInfo

from msgspec import structs

from forecourt.pricing.adjusting import adjust, freed
from forecourt.pricing.bill import Bill, Piece, Rate
from forecourt.pricing.calendar import Calendar
from forecourt.pricing.model import (
    SECONDS_AN_HOUR,
    WH_A_KWH,
    Circumstances,
    Conditions,
    Dimension,
    Discount,
    Exact,
    Per,
    Reserved,
    Segment,
    SegmentKind,
    Since,
    Tariff,
    TaxIncluded,
)

#: What a price is for, in Wh, s or times.
UNITS: Final = {
    Dimension.ENERGY: WH_A_KWH,
    Dimension.TIME: SECONDS_AN_HOUR,
    Dimension.PARKING_TIME: SECONDS_AN_HOUR,
    Dimension.FLAT: 1,
}
#: Sets of elements whose prices are kept once found.
MAX_FOUND: Final = 10_000
#: The numbers of the rates of energy and of time (-1: none), and of what is charged once.
_Counting = tuple[int, int, tuple[int, ...]]
_NOBODY: Final = Circumstances()
_PER_CENT: Final = 100
#: Members of an enumeration are looked up slowly, and these for every piece.
_CHARGING: Final = SegmentKind.CHARGING
_RESERVATION: Final = SegmentKind.RESERVATION
_WITHHELD: Final = SegmentKind.WITHHELD


class _Steps:
    """Bits that change where a growing quantity passes thresholds: bit n is set while element n's bounds hold."""

    def __init__(self, bounds: Sequence[tuple[Exact | None, Exact | None]]) -> None:
        self.thresholds = sorted({each for pair in bounds for each in pair if each is not None})
        self.bits = [
            sum(1 << number for number, pair in enumerate(bounds) if _within(pair, at))
            for at in (None, *self.thresholds)
        ]
        self.matters = bool(self.thresholds)

    def at(self, quantity: Exact) -> tuple[int, Exact | None]:
        """The bits, and the next threshold."""
        place = bisect_right(self.thresholds, quantity)
        return self.bits[place], self.thresholds[place] if place < len(self.thresholds) else None


class Pricer:
    """A tariff that is ready to price sessions in a zone. Safe to keep and to share."""

    def __init__(self, tariff: Tariff, zone: ZoneInfo, circumstances: Circumstances = _NOBODY) -> None:
        self.tariff, self._zone = tariff, zone
        self._conditions = [each.conditions for each in tariff.elements]
        daily = any(each.per is Per.DAY for each in tariff.caps)
        self._calendar = Calendar(self._conditions, zone, daily=daily)
        self._kwh = _Steps([(_wh(each.min_kwh), _wh(each.max_kwh)) for each in self._conditions])
        durations = (
            (
                since,
                _Steps(
                    [(c.min_duration, c.max_duration) if c.since is since else (None, None) for c in self._conditions]
                ),
            )
            for since in Since
        )
        self._durations = [each for each in durations if each[1].matters]
        #: Elements that count no duration from there.
        self._timeless = {
            since: sum(
                1 << n
                for n, c in enumerate(self._conditions)
                if c.since is not since or (c.min_duration is None and c.max_duration is None)
            )
            for since in Since
        }
        self._ever = sum(1 << n for n, each in enumerate(self._conditions) if _fits(each, circumstances))
        self._rates, self._denominator = _rates(tariff, circumstances)
        self._adjusted = bool(tariff.caps) or tariff.free is not None
        self._while_charging: dict[int, _Counting] = {}
        self._while_parking: dict[int, _Counting] = {}
        self._while_withheld: dict[int, _Counting] = {}
        self._flows = [
            ((_wh(c.min_power), _wh(c.max_power)), (_exactly(c.min_current), _exactly(c.max_current)))
            for c in self._conditions
        ]
        self._static = any(each is not None for flow in self._flows for bounds in flow for each in bounds)
        self._cut = self._calendar.matters or self._kwh.matters or bool(self._durations)

    def price(
        self, start_at: datetime, segments: Sequence[Segment], *, expired: bool | None = None,
        discounts: Sequence[Discount] = (), most: Fraction | None = None,
    ) -> Bill:  # fmt: skip
        """What the session of these segments comes to that began (or was reserved) at `start_at`, aware.

        `expired`: nobody came for the reservation; None: so it is if there is nothing but reservation.
        """
        return self.bill(self.pieces(start_at, segments, expired=expired), discounts, most)

    def pieces(self, start_at: datetime, segments: Sequence[Segment], *, expired: bool | None = None) -> list[Piece]:
        """The session, cut where its prices change."""
        if expired is None:
            expired = bool(segments) and all(each.kind is _RESERVATION for each in segments)
        walk = _Walk(int(start_at.astimezone(UTC).timestamp()))
        found: list[Piece] = []
        for segment in segments:
            walk.enter(segment)
            bits = self._ever & self._bits_of(segment) if self._static else self._ever
            if not self._cut:
                energy_wh, numbers = segment.energy_wh, self._counting(segment.kind, bits, expired)
                parts, under = energy_wh.numerator, energy_wh.denominator
                found.append(Piece(walk.second, segment.seconds, segment.kind, parts, under, *numbers))
            else:
                self._cut_up(segment, bits, walk, found, expired)
            walk.leave(segment)
        return found

    def bill(self, pieces: Sequence[Piece], discounts: Sequence[Discount] = (), most: Fraction | None = None) -> Bill:
        """What these pieces come to, with what makes it less; `most` may be taken, after taxes, in major units."""
        if not self._adjusted and not discounts and most is None:
            return self._bill(pieces)
        billed = freed(pieces, (self.tariff.free, *(each.free for each in discounts)))
        bill = self._bill(billed)
        return structs.replace(bill, adjusted=adjust(bill, billed, self._zone, discounts, most))

    def _bill(self, pieces: Sequence[Piece]) -> Bill:
        """The sum of all fees. Quantities are counted in parts of a Wh or s, `under` of them in each."""
        rates, under = self._rates, 1
        used: dict[int, int] = {}
        last_energy = last_time = last_reserved = -1
        #: What is charged once: of the session, and of each kind of reservation.
        once: dict[Reserved | None, int] = {}
        for piece in pieces:
            number = piece.energy
            if number >= 0 and piece.parts:
                if under % piece.under:
                    finer = piece.under // gcd(under, piece.under)
                    used = {each: amount * finer for each, amount in used.items()}
                    under *= finer
                used[number] = used.get(number, 0) + piece.parts * (under // piece.under)
                last_energy = number
            number = piece.time
            if number >= 0 and piece.seconds:
                used[number] = used.get(number, 0) + piece.seconds * under
                if piece.kind is _RESERVATION:
                    last_reserved = number
                else:
                    last_time = number
            for number in piece.flats:
                once.setdefault(self._conditions[rates[number].element].reservation, number)
        billed = dict(used)
        for last in (last_energy, last_time, last_reserved):
            step = rates[last].step * under if last >= 0 else 0
            if step > 1:
                stepped = rates[last].stepped_as
                total = sum(each for number, each in used.items() if rates[number].stepped_as == stepped)
                billed[last] += -total % step
        for number in once.values():
            used[number] = billed[number] = under
        return Bill(
            tariff=self.tariff, rates=rates, denominator=self._denominator, under=under, used=used, billed=billed
        )

    def _cut_up(self, segment: Segment, ever: int, walk: "_Walk", found: list[Piece], expired: bool) -> None:
        done, seconds, energy, kind = 0, segment.seconds, segment.energy_wh, segment.kind
        # Looked up once: most of the time of a price goes by here.
        calendar, kwh, began = self._calendar if self._calendar.matters else None, self._kwh, walk.second
        known = {} if kind is _RESERVATION else self._known(kind)
        durations = [(steps, since, walk.since(since, kind)) for since, steps in self._durations]
        parts_whole, under_whole = energy.numerator, energy.denominator
        while True:
            bits, ends = ever, seconds
            if calendar is not None:
                here, until = calendar.at(began + done)
                bits &= here
                ends = min(ends, until - began)
            if kwh.matters:
                so_far = walk.energy_wh + Fraction(energy * done, seconds) if done else walk.energy_wh
                here, threshold = kwh.at(so_far)
                bits &= here
                if threshold is not None and energy > 0 and seconds:
                    ends = min(ends, max(ceil(Fraction((threshold - walk.energy_wh) * seconds) / energy), done + 1))
            for steps, since, since_then in durations:
                if since_then is None:
                    bits &= self._timeless[since]
                    continue
                here, threshold = steps.at(began + done - since_then)
                bits &= here
                if threshold is not None and since_then + threshold - began < ends:
                    ends = since_then + int(threshold) - began
            numbers = known.get(bits) or self._counting(kind, bits, expired)
            if ends - done < seconds:
                parts, under = parts_whole * (ends - done), under_whole * seconds
            else:
                parts, under = parts_whole, under_whole
            found.append(Piece(began + done, ends - done, kind, parts, under, *numbers))
            done = ends
            if done >= seconds:
                return

    def _bits_of(self, segment: Segment) -> int:
        """Elements whose conditions on power and current a segment fulfils."""
        power_w = segment.power_w
        if power_w is None and segment.seconds:
            power_w = Fraction(segment.energy_wh * SECONDS_AN_HOUR) / segment.seconds
        bits = 0
        for number, (power, current) in enumerate(self._flows):
            if _bears(power_w, power) and _bears(segment.current_a, current):
                bits |= 1 << number
        return bits

    def _counting(self, kind: SegmentKind, bits: int, expired: bool) -> _Counting:
        if kind is _RESERVATION:
            return self._find_counting(kind, bits, expired)
        known = self._known(kind)
        found = known.get(bits)
        if found is None:
            if len(known) >= MAX_FOUND:
                known.clear()
            found = known[bits] = self._find_counting(kind, bits, expired)
        return found

    def _known(self, kind: SegmentKind) -> dict[int, _Counting]:
        """What was found before for segments of a kind that is no reservation."""
        if kind is _CHARGING:
            return self._while_charging
        return self._while_withheld if kind is _WITHHELD else self._while_parking

    def _find_counting(self, kind: SegmentKind, bits: int, expired: bool) -> _Counting:
        """The numbers of the rates that count: the first of each dimension whose element's bit is set."""

        def first(dimension: Dimension, reserved: Reserved | None) -> int:
            for number, rate in enumerate(self._rates):
                if (
                    rate.component.type is dimension
                    and self._conditions[rate.element].reservation is reserved
                    and bits >> rate.element & 1
                ):
                    return number
            return -1

        if kind is not _RESERVATION:
            timed = Dimension.TIME if kind is _CHARGING else Dimension.PARKING_TIME
            time = -1 if kind is _WITHHELD else first(timed, None)
            flat = first(Dimension.FLAT, None)
            return first(Dimension.ENERGY, None), time, () if flat < 0 else (flat,)
        meant = [Reserved.RESERVATION_EXPIRES, Reserved.RESERVATION] if expired else [Reserved.RESERVATION]
        times = [first(Dimension.TIME, each) for each in meant]
        flats = [first(Dimension.FLAT, each) for each in meant]
        return -1, next((each for each in times if each >= 0), -1), tuple(each for each in flats if each >= 0)


class _Walk:
    """Where a session is while it is cut: its second since 1970, its energy so far, and since when what goes on."""

    def __init__(self, second: int) -> None:
        self.second, self.energy_wh = second, 0  # type: int, Exact
        self._reserved = second
        self._began: int | None = None
        self._charging: int | None = None
        self._stopped: int | None = None

    def enter(self, segment: Segment) -> None:
        if segment.kind is not _RESERVATION and self._began is None:
            self._began = self.second
        if segment.kind is _CHARGING and self._charging is None:
            self._charging = self.second

    def leave(self, segment: Segment) -> None:
        self.second += segment.seconds
        self.energy_wh += segment.energy_wh
        if segment.kind is _CHARGING or (segment.kind is _WITHHELD and self._stopped is not None):
            # What counts from the end of charging counts from when the car could charge on.
            self._stopped = self.second

    def since(self, since: Since, kind: SegmentKind) -> int | None:
        """The second since which a duration counts in a segment of that kind; None where that has not been."""
        if kind is _RESERVATION:
            return self._reserved if since is Since.START else None
        if since is Since.START:
            return self._began
        if since is Since.CHARGING_START:
            return self._charging
        return self._stopped if kind is SegmentKind.PARKING else None


def _rates(tariff: Tariff, circumstances: Circumstances) -> tuple[tuple[Rate, ...], int]:
    """The prices of a tariff before and after tax, as whole numbers over one denominator."""
    markup = 1 + Fraction(tariff.roaming_markup or 0) / _PER_CENT if circumstances.roaming else 1
    exact = []
    for element, each in enumerate(tariff.elements):
        for component in each.price_components:
            price = Fraction(component.price) * markup / UNITS[component.type]
            vat = Fraction(component.percent or 0) / _PER_CENT
            if tariff.tax_included is TaxIncluded.NOT_APPLICABLE:
                vat = Fraction(0)
            excl = price / (1 + vat) if tariff.tax_included is TaxIncluded.YES else price
            exact.append((element, each.conditions.reservation, component, excl, excl * (1 + vat)))
    denominator = lcm(*(each.denominator for one in exact for each in one[3:]))
    return (
        tuple(
            Rate(
                element=element,
                component=component,
                reserved=reserved is not None,
                step=0 if component.type is Dimension.FLAT else component.step_size,
                stepped_as=(component.type, reserved is not None),
                excl=int(excl * denominator),
                incl=int(incl * denominator),
                vat=None if tariff.tax_included is TaxIncluded.NOT_APPLICABLE else component.percent,
            )
            for element, reserved, component, excl, incl in exact
        ),
        denominator,
    )


def _fits(conditions: Conditions, there: Circumstances) -> bool:
    asked = (conditions.evse_kind, conditions.driver_group, conditions.payment_brand)
    known = (there.evse_kind, there.driver_group, there.payment_brand)
    return all(one is None or one == other for one, other in zip(asked, known, strict=True))


def _bears(value: Exact | None, bounds: tuple[Exact | None, Exact | None]) -> bool:
    least, most = bounds
    if least is None and most is None:
        return True
    return value is not None and (least is None or value >= least) and (most is None or value < most)


def _within(bounds: tuple[Exact | None, Exact | None], at: Exact | None) -> bool:
    """Whether a quantity that has just passed `at` (None: no threshold yet) is within bounds."""
    least, most = bounds
    if at is None:
        return least is None
    return (least is None or at >= least) and (most is None or at < most)


def _exactly(value: Decimal | None) -> Exact | None:
    return None if value is None else _exact(Fraction(value))


def _wh(kwh: Decimal | None) -> Exact | None:
    """Thousandths of it: Wh of kWh, W of kW."""
    return None if kwh is None else _exact(Fraction(kwh) * WH_A_KWH)


def _exact(value: Fraction) -> Exact:
    """A whole number where it is one: those are faster."""
    return value.numerator if value.denominator == 1 else value
