"""From what was measured in a session to the segments that are priced. Pure.

The energy of all segments is exactly the session's own, by its registers at start and end: what is measured between
only says when it flowed. A reading that can't be between both is brought between them, one that runs backwards stands
still. Power says when inside the time between two readings; where nothing does it is spread evenly, holes included.

Somebody parks where nothing flows. Whether it does, the word of the connector (1.6) or the transaction (2.x) tells,
whatever power and register say: that is what its driver can see. Where it tells neither, power does; where that isn't
told either, somebody parks while the register stands still for longer than one of its steps may take. All else is
charging. Nobody parks while the station says that it pauses itself, or that it offers nothing: that is withheld.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from fractions import Fraction
from itertools import pairwise
from math import gcd
from typing import Final

from msgspec import Struct, structs

from forecourt.pricing.model import SECONDS_AN_HOUR, Segment, SegmentKind

#: So little power is the station's own: nothing flows.
IDLE_W: Final = 50
#: What a car takes at least while it charges (6 A of one phase): by it the time of a register's step is reckoned.
LEAST_W: Final = 1_380
#: In what steps registers count, in Wh.
STEPS_WH: Final = (1, 10, 100, 1_000)
#: What a connector says that charges, and what one says where a car is and nothing flows; other words tell neither.
_FLOWS: Final[Mapping[str, bool]] = {
    "Charging": True,
    "SuspendedEV": False,
    "SuspendedEVSE": False,
    "EVConnected": False,
    "Preparing": False,
    "Finishing": False,
    "Idle": False,
}

#: What a connector says whose station offers nothing, for a limit of ours, of the site's or of its own (OCPP 1.6 §4.9,
#: 2.0.1 ChargingStateEnumType).
_WITHHOLDS: Final = "SuspendedEVSE"
#: Less than a car may be offered (6 A, IEC 61851-1): nothing, and what is measured as good as that, in mA.
OFFERED_MA: Final = 1_000

#: Moments and values, in seconds since 1970.
Line = Sequence[tuple[int, int]]


class Measured(Struct, frozen=True, kw_only=True):
    """What is known of a session, in any order, twice or late: registers in Wh, power in W, currents of all phases in
    mA, currents that the station offered in mA, and what the connector or the transaction said: of words of one moment
    the last counts. `until`: its end, or while it runs the last that is known of it. `reserved_at`: since when the
    place was kept for it."""

    started_at: datetime
    until: datetime
    meter_start_wh: int | None
    meter_stop_wh: int | None
    registers: Sequence[tuple[datetime, int]] = ()
    power: Sequence[tuple[datetime, int]] = ()
    currents: Sequence[tuple[datetime, int]] = ()
    offered: Sequence[tuple[datetime, int]] = ()
    states: Sequence[tuple[datetime, str]] = ()
    reserved_at: datetime | None = None

    @property
    def energy_wh(self) -> int:
        """What is billed at the most; nothing where it can't be told."""
        start, stop = self.meter_start_wh, self.meter_stop_wh
        return 0 if start is None or stop is None else max(0, stop - start)


class Segments(Struct, frozen=True, kw_only=True):
    """What is priced, one after the other from `start_at`."""

    start_at: datetime
    segments: tuple[Segment, ...]


def segments_of(measured: Measured) -> Segments:
    """The session in segments of whole seconds, in which power doesn't change as far as anybody knows."""
    begins, ends = _second(measured.started_at), _second(measured.until)
    ends = max(begins, ends)
    readings = _readings(measured, begins, ends)
    known = _Known(measured, readings, begins, ends)
    found: list[Segment] = []
    for (since, low), (until, high) in pairwise(readings):
        found += _between(since, until, high - low, known)
    if not found and measured.energy_wh:
        found.append(Segment(seconds=0, kind=SegmentKind.CHARGING, energy_wh=measured.energy_wh))
    start = begins
    if measured.reserved_at is not None and _second(measured.reserved_at) < begins:
        start = _second(measured.reserved_at)
        found.insert(0, Segment(seconds=begins - start, kind=SegmentKind.RESERVATION))
    return Segments(start_at=datetime.fromtimestamp(start, UTC), segments=tuple(_joined(found)))


class _Known:
    """What is known at any second beside the registers."""

    def __init__(self, measured: Measured, readings: Line, begins: int, ends: int) -> None:
        self.power = _line(measured.power, begins, ends)
        self.currents = _line(measured.currents, begins, ends)
        said = sorted((each for each in measured.states if each[1] in _FLOWS), key=lambda each: each[0])
        self.offered = _line(measured.offered, begins, ends)
        # Of words within one second the last counts.
        self.states = [(at, state) for at, state in {_second(at): state for at, state in said}.items() if at < ends]
        lines = (*self.power, *self.currents, *self.offered, *self.states)
        self.moments = sorted({at for at, _ in lines if begins < at < ends})
        self.still = _still(readings)
        #: When spans between two readings begin in which more flowed than while nobody charges.
        self._flowed_from = [
            at for (at, low), (to, high) in pairwise(readings) if (high - low) * SECONDS_AN_HOUR > IDLE_W * (to - at)
        ]
        self._power_at = [at for at, _ in self.power]
        self._currents_at = [at for at, _ in self.currents]
        self._offered_at = [at for at, _ in self.offered]
        self._states_at = [at for at, _ in self.states]

    def watts(self, since: int, until: int) -> Fraction | None:
        """The mean power, taken as even between two values; None where none was measured."""
        if not self.power:
            return None
        return Fraction(self._watts_at(since) + self._watts_at(until), 2)

    def _watts_at(self, second: int) -> int:
        """The value last measured by then, or the first of all."""
        place = bisect_right(self._power_at, second)
        return self.power[max(0, place - 1)][1]

    def flows(self, second: int) -> bool | None:
        """What the connector said last."""
        said = self._said(second)
        return None if said is None else _FLOWS[said]

    def withheld(self, second: int) -> bool:
        """Whether the station offers nothing, by its word or by what it says that it offers."""
        if self._said(second) == _WITHHOLDS:
            return True
        place = bisect_right(self._offered_at, second)
        if not place or self.offered[place - 1][1] >= OFFERED_MA:
            return False
        # Where something flowed since, more was offered than was said.
        since = bisect_left(self._flowed_from, self._offered_at[place - 1])
        return since == len(self._flowed_from) or self._flowed_from[since] >= second

    def _said(self, second: int) -> str | None:
        place = bisect_right(self._states_at, second)
        return self.states[place - 1][1] if place else None

    def current_a(self, second: int) -> Fraction | None:
        """What was measured last."""
        place = bisect_right(self._currents_at, second)
        return Fraction(self.currents[place - 1][1], 1000) if place else None

    def stands_still(self, since: int) -> bool:
        """Whether the register doesn't move in a span that begins then, for longer than its step may take."""
        return any(start <= since < end for start, end in self.still)


def _between(since: int, until: int, energy_wh: int, known: _Known) -> list[Segment]:
    """The time between two readings, cut where something else is known."""
    first, last = bisect_right(known.moments, since), bisect_right(known.moments, until - 1)
    edges = [since, *known.moments[first:last], until]
    spans = list(pairwise(edges))
    flows = [_flows(span, known) for span in spans]
    if energy_wh and not any(flows):
        # It flowed, whatever else was said.
        flows = [True] * len(spans)
    weights = [
        _weight(span, known) if flow else Fraction(0) for span, flow in zip(spans, flows, strict=True)
    ]  # fmt: skip
    if energy_wh and not any(weights):
        weights = [Fraction(end - start) * flow for (start, end), flow in zip(spans, flows, strict=True)]
    return [
        Segment(
            seconds=end - start,
            kind=_kind(start, flow, known),
            energy_wh=wh,
            current_a=known.current_a(start),
        )
        for (start, end), flow, wh in zip(spans, flows, _shared(energy_wh, weights), strict=True)
    ]


def _kind(second: int, flow: bool, known: _Known) -> SegmentKind:
    if flow:
        return SegmentKind.CHARGING
    return SegmentKind.WITHHELD if known.withheld(second) else SegmentKind.PARKING


def _flows(span: tuple[int, int], known: _Known) -> bool:
    """Whether somebody charges: by the connector's word, else by power, else by the register."""
    said = known.flows(span[0])
    if said is not None:
        return said
    watts = known.watts(*span)
    return watts > IDLE_W if watts is not None else not known.stands_still(span[0])


def _weight(span: tuple[int, int], known: _Known) -> Fraction:
    watts = known.watts(*span)
    return Fraction(span[1] - span[0]) * (1 if watts is None else watts)


def _shared(energy_wh: int, weights: Sequence[Fraction]) -> list[int]:
    """Whole Wh in proportion to their weights, together exactly the energy."""
    whole, so_far, given = sum(weights, Fraction(0)), Fraction(0), 0
    found = []
    for weight in weights:
        so_far += weight
        reached = int(energy_wh * so_far / whole) if whole else 0
        found.append(reached - given)
        given = reached
    return found


def _readings(measured: Measured, begins: int, ends: int) -> Line:
    """The register from start to end, never falling, each second once."""
    low = measured.meter_start_wh or 0
    high = low + measured.energy_wh
    between: dict[int, int] = {}
    for at, wh in measured.registers:
        second = _second(at)
        if begins < second < ends:
            between[second] = max(between.get(second, low), min(max(wh, low), high))
    found, reached = [(begins, low)], low
    for second, wh in sorted(between.items()) if high > low else ():
        reached = max(reached, wh)
        found.append((second, reached))
    return [*found, (ends, high)] if ends > begins else found


def _still(readings: Line) -> list[tuple[int, int]]:
    """Where the register stands still for longer than one of its steps may take."""
    grown_wh = 0
    for (_, low), (_, high) in pairwise(readings):
        grown_wh = gcd(grown_wh, high - low)
    step_wh = max((step for step in STEPS_WH if grown_wh and grown_wh % step == 0), default=0)
    found: list[tuple[int, int]] = []
    start = None
    for (since, low), (until, high) in pairwise(readings):
        if high > low:
            start = None
            continue
        start = since if start is None else start
        if (until - start) * LEAST_W > step_wh * SECONDS_AN_HOUR:
            if found and found[-1][0] == start:
                found.pop()
            found.append((start, until))
    return found


def _joined(segments: Iterable[Segment]) -> list[Segment]:
    """Neighbours in which nothing flows are one."""
    found: list[Segment] = []
    for each in segments:
        last = found[-1] if found else None
        if (
            last is not None
            and last.kind is each.kind is not SegmentKind.CHARGING
            and not last.energy_wh
            and not each.energy_wh
            and last.current_a == each.current_a
        ):
            found[-1] = structs.replace(last, seconds=last.seconds + each.seconds)
        else:
            found.append(each)
    return found


def _line(values: Sequence[tuple[datetime, int]], begins: int, ends: int) -> Line:
    """Values by second, the highest of each, none from before or behind."""
    found: dict[int, int] = {}
    for at, value in values:
        second = _second(at)
        if begins <= second <= ends:
            found[second] = max(value, found.get(second, value))
    return sorted(found.items())


def _second(at: datetime) -> int:
    return int(at.timestamp() // 1)
