"""What a driver needs, from whoever said so, and what of it counts. Pure."""

from collections.abc import Mapping, Sequence
from datetime import datetime, time, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, Final, Literal
from zoneinfo import ZoneInfo

from msgspec import Meta, Struct, structs

#: What a car takes for a kilometre where nobody says more.
WH_PER_KM: Final = 180
#: Of a week.
DAYS: Final = 7


class Source(StrEnum):
    """Who said what a driver needs; those that count first come first."""

    #: A button that was pressed there.
    STATION = "station"
    DRIVER = "driver"
    API = "api"
    ISO15118 = "iso15118"
    TOKEN = "token"
    PREDICTED = "predicted"


class Priority(StrEnum):
    """Who comes first where there is not enough for all."""

    LOW = "low"
    NORMAL = "normal"
    HIGH = "high"


#: What a session may end with.
Target = Literal["time", "energy", "state of charge", "cost"]
Moment = Annotated[datetime, Meta(tz=True)]
Wh = Annotated[int, Meta(ge=0, le=10**8)]
NetWh = Annotated[int, Meta(ge=-(10**8), le=10**8)]
Percent = Annotated[int, Meta(ge=0, le=100)]


class Wants(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True, gc=False):
    """What somebody said of one session; None: nothing about that.

    `energy_wh` counts from the start of the session, as `minimum_wh` does, which is needed by `minimum_by`. `soc_pct`
    is the state of charge that is wanted, `range_km` how far the car must come with what it gets. What begins with
    `stop_` ends the session: cost in the currency of its tariff. A car that may feed back is never discharged below
    `keep_soc_pct`, nor below `keep_wh`: what it got since the start less what it gave. `battery_wh`, `present_soc_pct`,
    `max_a`, `max_w` and `max_discharge_w` are the car's own; `max_a` each conductor.
    """

    departure_at: Annotated[
        Annotated[Moment, Meta(description="Within 366 days, such as `2027-03-01T17:00:00Z`.")] | None,
        Meta(description="When the car leaves.", examples=[None]),
    ] = None
    energy_wh: Annotated[Wh | None, Meta(description="Since the session began.", examples=[20_000])] = None
    range_km: Annotated[
        Annotated[int, Meta(ge=0, le=10_000)] | None,
        Meta(description="How far the car must come with what it gets.", examples=[None]),
    ] = None
    soc_pct: Annotated[Percent | None, Meta(description="The state of charge that is wanted.", examples=[80])] = None
    minimum_wh: Annotated[
        Wh | None, Meta(description="Needed by `minimum_by`, whatever it costs.", examples=[None])
    ] = None
    minimum_by: Annotated[
        Annotated[Moment, Meta(description="Within 366 days, such as `2027-03-01T13:00:00Z`.")] | None,
        Meta(description="By when `minimum_wh` is needed.", examples=[None]),
    ] = None
    priority: Annotated[Priority | None, Meta(examples=["normal"])] = None
    may_discharge: Annotated[
        bool | None, Meta(description="The car may feed back; false of anybody counts.", examples=[False])
    ] = None
    keep_soc_pct: Annotated[
        Percent | None, Meta(description="It is never discharged below this state of charge.", examples=[None])
    ] = None
    keep_wh: Annotated[
        NetWh | None,
        Meta(
            description="What it got since the session began less what it gave never sinks below; below 0: so much of"
            " what it came with may be taken.",
            examples=[None],
        ),
    ] = None
    stop_energy_wh: Annotated[Wh | None, Meta(description="The session ends with it.", examples=[None])] = None
    stop_cost: Annotated[
        Decimal | None,
        Meta(
            description="The session ends at this cost with taxes, in the currency of its tariff. It is looked at every"
            " minute, so a minute's energy may be paid for beyond.",
            examples=[None],
        ),
    ] = None
    stop_soc_pct: Annotated[Percent | None, Meta(description="The session ends with it.", examples=[None])] = None
    stop_at: Annotated[Moment | None, Meta(description="The session ends then.", examples=[None])] = None
    battery_wh: Annotated[Wh | None, Meta(description="What the car's battery holds.", examples=[60_000])] = None
    present_soc_pct: Annotated[
        Percent | None, Meta(description="State of charge when the session began.", examples=[35])
    ] = None
    max_a: Annotated[
        Annotated[float, Meta(ge=0, le=10_000)] | None,
        Meta(description="What the car takes at most, each conductor.", examples=[16.0]),
    ] = None
    max_w: Annotated[
        Annotated[int, Meta(ge=0, le=10**8)] | None,
        Meta(description="What the car takes at most.", examples=[11_000]),
    ] = None
    max_discharge_w: Annotated[
        Annotated[int, Meta(ge=0, le=10**8)] | None,
        Meta(description="What the car gives back at most; without it, it is never asked to.", examples=[None]),
    ] = None


class Preferences(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What a token's driver usually needs. `departure` is by the clock of the site, the next one after the start, and
    so are `departures`, Monday first, which come before it; `minimum_within_s` counts from the start."""

    departure: Annotated[
        Annotated[time, Meta(tz=False)] | None,
        Meta(description="By the clock of the site.", examples=["07:30:00"]),
    ] = None
    departures: Annotated[
        Annotated[tuple[Annotated[time, Meta(tz=False)] | None, ...], Meta(min_length=DAYS, max_length=DAYS)] | None,
        Meta(description="By day of the week, Monday first; null: none on that day.", examples=[None]),
    ] = None
    energy_wh: Annotated[Wh | None, Meta(description="A session.", examples=[20_000])] = None
    soc_pct: Annotated[Percent | None, Meta(description="The state of charge that is wanted.", examples=[80])] = None
    minimum_wh: Annotated[Wh | None, Meta(description="Needed soon, whatever it costs.", examples=[5_000])] = None
    minimum_within_s: Annotated[
        Annotated[int, Meta(ge=0, le=7 * 86_400)] | None,
        Meta(description="How soon, after the start.", examples=[3_600]),
    ] = None
    priority: Annotated[Priority | None, Meta(examples=["normal"])] = None
    may_discharge: Annotated[bool | None, Meta(description="The car may feed back.", examples=[False])] = None
    keep_soc_pct: Annotated[
        Percent | None, Meta(description="It is never discharged below this state of charge.", examples=[None])
    ] = None
    battery_wh: Annotated[Wh | None, Meta(description="What the car's battery holds.", examples=[60_000])] = None

    def at(self, started_at: datetime, zone: str) -> Wants:
        """What that is for a session that began then."""
        return Wants(
            departure_at=self._leaves_at(started_at, zone),
            energy_wh=self.energy_wh,
            soc_pct=self.soc_pct,
            minimum_wh=self.minimum_wh,
            minimum_by=_after(started_at, self.minimum_within_s if self.minimum_wh is not None else None),
            priority=self.priority,
            may_discharge=self.may_discharge,
            keep_soc_pct=self.keep_soc_pct,
            battery_wh=self.battery_wh,
        )

    def _leaves_at(self, started_at: datetime, zone: str) -> datetime | None:
        if self.departures is not None and any(each is not None for each in self.departures):
            return _next_of_week(self.departures, started_at, zone)
        return None if self.departure is None else _next(self.departure, started_at, zone)


class Said(Struct, frozen=True, kw_only=True, gc=False):
    """What one source said, when, and who that was."""

    source: Source
    wants: Wants
    said_at: datetime
    said_by: str


class Needs(Struct, frozen=True, kw_only=True, gc=False):
    """What counts of all that was said: of each thing the word of the first source that said it; `sources` by name."""

    wants: Wants
    sources: Mapping[str, Source]
    said: tuple[Said, ...] = ()

    def of(self, source: Source) -> Wants:
        """What one source said; nothing where it said nothing."""
        return next((each.wants for each in self.said if each.source is source), Wants())

    @property
    def energy_wh(self) -> int | None:
        """What is asked for since the start, by energy, range or state of charge, whichever is said; never more than
        the session's own target."""
        wants = self.wants
        found = wants.energy_wh
        if found is None and wants.range_km is not None:
            found = wants.range_km * WH_PER_KM
        if found is None:
            found = _by_soc(wants.battery_wh, wants.present_soc_pct, wants.soc_pct)
        targets = (wants.stop_energy_wh, _by_soc(wants.battery_wh, wants.present_soc_pct, wants.stop_soc_pct))
        known = [each for each in (found, *targets) if each is not None]
        return min(known, default=None)

    @property
    def departure_at(self) -> datetime | None:
        """When the car leaves, or its session is to be stopped."""
        known = [each for each in (self.wants.departure_at, self.wants.stop_at) if each is not None]
        return min(known, default=None)


#: Nobody said anything.
UNSAID: Final = Needs(wants=Wants(), sources={})


def merge(said: Sequence[Said]) -> Needs:
    """What counts of what was said, in whatever order; the newest of one source. To take energy back, nobody may have
    said no."""
    order = list(Source)
    by_source = {each.source: each for each in sorted(said, key=lambda each: each.said_at)}
    ranked = sorted(by_source.values(), key=lambda each: order.index(each.source))
    values: dict[str, Any] = {}
    sources: dict[str, Source] = {}
    for each in ranked:
        for name, value in structs.asdict(each.wants).items():
            if value is not None and name not in values:
                values[name], sources[name] = value, each.source
    no = next((each.source for each in ranked if each.wants.may_discharge is False), None)
    if no is not None:
        values["may_discharge"], sources["may_discharge"] = False, no
    return Needs(wants=Wants(**values), sources=sources, said=tuple(ranked))


def reached(
    wants: Wants, energy_wh: int | None, soc_pct: int | None, now: datetime, cost: Decimal | None = None
) -> Target | None:
    """Which of its targets a session has, that was given so much, shows this state of charge and costs so much so far,
    in the major unit with taxes."""
    if wants.stop_at is not None and now >= wants.stop_at:
        return "time"
    if wants.stop_energy_wh is not None and energy_wh is not None and energy_wh >= wants.stop_energy_wh:
        return "energy"
    if wants.stop_soc_pct is not None and soc_pct is not None and soc_pct >= wants.stop_soc_pct:
        return "state of charge"
    if wants.stop_cost is not None and cost is not None and cost >= wants.stop_cost:
        return "cost"
    return None


def _by_soc(battery_wh: int | None, present_pct: int | None, wanted_pct: int | None) -> int | None:
    if battery_wh is None or present_pct is None or wanted_pct is None:
        return None
    return max(0, battery_wh * (wanted_pct - present_pct) // 100)


def _next(clock: time, started_at: datetime, zone: str) -> datetime:
    """The first moment after a start at which the clocks of a zone show a time; one that is left out when they are set
    forward is the moment at which they are."""
    local = started_at.astimezone(ZoneInfo(zone))
    found = datetime.combine(local.date(), clock, ZoneInfo(zone))
    if found.astimezone(started_at.tzinfo) <= started_at:
        found = datetime.combine(local.date() + timedelta(days=1), clock, ZoneInfo(zone))
    return found.astimezone(started_at.tzinfo)


def _next_of_week(clocks: Sequence[time | None], started_at: datetime, zone: str) -> datetime | None:
    """As `_next`, of one time each day of the week; None where none comes within a week."""
    local = started_at.astimezone(ZoneInfo(zone))
    for days in range(DAYS + 1):
        day = local.date() + timedelta(days=days)
        clock = clocks[day.weekday()]
        if clock is not None:
            found = datetime.combine(day, clock, ZoneInfo(zone)).astimezone(started_at.tzinfo)
            if found > started_at:
                return found
    return None


def _after(started_at: datetime, seconds: int | None) -> datetime | None:
    return None if seconds is None else started_at + timedelta(seconds=seconds)
