"""Availability: for what share of its time a port could be used, and the ledger of when it could not.

A port is an EVSE that said something of itself. It is out while its station is not connected, or while a connector of
it, or the station as a whole, says that it is faulted or unavailable: 23 CFR 680.116(b) counts a port as up when its
hardware and software are online and it is available or in use. By that rule uptime of the last twelve months is
(525,600 - (outage - excluded)) / 525,600 in minutes. Nothing is excluded here, as nobody states causes with evidence
yet, so the true figure is no lower; of a port that is known for a shorter time, that time stands in place of the year.
A port whose station was retired is out no more, and there no more: until another station has its identity, and a port
of that number.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

from msgspec import Struct, structs

from forecourt.insight.dashboards.model import Answer, Cell, Column, Figure, Span, Table, Unit, table
from forecourt.insight.dashboards.parts import known_for
from forecourt.insight.dashboards.rows import rows_of
from forecourt.insight.dashboards.scope import Scope
from forecourt.insight.lake.tables import RETIRED
from forecourt.insight.usage import measures
from forecourt.insight.usage.expressions import literal
from forecourt.platform.days import midnight, month_of
from forecourt.ui.i18n import mark

if TYPE_CHECKING:
    import ibis

YEAR_MIN: Final = 525_600
YEAR: Final = timedelta(minutes=YEAR_MIN)
#: Months that 23 CFR 680.112(a)(7) has be told of.
MONTHS: Final = 3
#: Of the rule, and of rapid networks in the United Kingdom.
GOAL_PCT: Final = 97
#: Outages by what connectors said, and losses of connection, that one answer counts, of each the latest; it says how
#: many more there were.
MAX_OUTAGES: Final = 500_000
MINUTE_S: Final = 60
OUT: Final = ("Faulted", "Unavailable")
OFFLINE: Final = "offline"
CAUSES: Final = {"Faulted": mark("Faulted"), "Unavailable": mark("Out of service"), OFFLINE: mark("Not connected")}

Port = tuple[str, int]


class Life(Struct, frozen=True, kw_only=True):
    """From when on a port was known, until its station was retired; `until` None: it is in service."""

    since: datetime
    until: datetime | None = None


class Outage(Struct, frozen=True, kw_only=True):
    """When a port was out, and why; `until` None: it still was when the lake was written."""

    port: Port
    since: datetime
    until: datetime | None
    cause: str


def answer(scope: Scope) -> Answer:
    """Everything of the family."""
    months = months_before(scope.span.until, scope.asked.zone)
    known, outages, left_out = _ports(scope, min(scope.span.since, months[-1][1] - YEAR))
    year = Span(since=scope.span.until - YEAR, until=scope.span.until)
    in_span, in_year = down(outages, scope.span), down(outages, year)
    there = {port: s for port, lives in known.items() if (s := _there(scope.span, lives))}
    there_year = {port: s for port, lives in known.items() if (s := _there(year, lives))}
    out_s = sum(sum(causes.values()) for causes in in_span.values())
    year_s = sum(sum(causes.values()) for causes in in_year.values())
    below = sum(
        (seconds - sum(in_year.get(port, {}).values())) * 100 < GOAL_PCT * seconds
        for port, seconds in there_year.items()
    )
    return Answer(
        figures=(
            Figure(
                key="uptime", label=mark("Uptime"), unit=Unit.SHARE, more_is=1,
                value=measures.share(sum(there.values()) - out_s, sum(there.values())),
            ),
            Figure(
                key="uptime_year", label=mark("Uptime, last 12 months"), unit=Unit.SHARE, more_is=1,
                value=measures.share(sum(there_year.values()) - year_s, sum(there_year.values())),
            ),
            Figure(
                key="below_goal", label=mark("Ports below 97 %% in 12 months"), unit=Unit.COUNT, value=below, more_is=-1
            ),
            Figure(key="ports", label=mark("Ports"), unit=Unit.COUNT, value=len(there)),
            Figure(key="outage", label=mark("Out of use, all ports"), unit=Unit.SECONDS, value=out_s, more_is=-1),
            *_beyond(left_out),
        ),
        tables=(
            _by_cause(in_span, sum(there.values())),
            _by_port(there, in_span, (there_year, in_year), scope.span),
            _ledger(outages, scope.span),
            by_month(known, outages, months),
        ),
        # Of what history that was brought in tells, nobody knows whether a port could be used.
        known_at=min((life.since for lives in known.values() for life in lives), default=scope.span.until),
    )  # fmt: skip


def _there(span: Span, lives: Iterable[Life]) -> int:
    """Seconds of a span for which a port was there."""
    ends = ((max(span.since, life.since), min(span.until, life.until or span.until)) for life in lives)
    return sum(max(0, (until - since) // timedelta(seconds=1)) for since, until in ends)


def counted(outages: Iterable[Outage], span: Span) -> Iterator[tuple[Outage, int]]:
    """Outages of which a part is within a span, by when they began, each with the seconds of it that it counts for:
    where two of a port overlap, the one that began first has these."""
    reached: dict[Port, datetime] = {}
    for each in sorted(outages, key=lambda each: (max(each.since, span.since), each.until or span.until, each.cause)):
        since, until = max(each.since, span.since), min(each.until or span.until, span.until)
        if until > since:
            begins = max(since, reached.get(each.port, since))
            reached[each.port] = max(begins, until)
            yield each, max(timedelta(0), until - begins) // timedelta(seconds=1)


def down(outages: Iterable[Outage], span: Span) -> dict[Port, dict[str, int]]:
    """Seconds for which each port was out within a span, by cause."""
    found: dict[Port, dict[str, int]] = {}
    for each, seconds in counted(outages, span):
        found.setdefault(each.port, dict.fromkeys(CAUSES, 0))[each.cause] += seconds
    return found


def _beyond(left_out: int) -> tuple[Figure, ...]:
    """Says that the answer is not of all outages, where it isn't."""
    if not left_out:
        return ()
    return (Figure(key="left_out", label=mark("Outages that are not counted"), unit=Unit.COUNT, value=left_out),)


def _ports(scope: Scope, since: datetime) -> tuple[dict[Port, list[Life]], list[Outage], int]:
    """Ports with when they were there, their outages that lasted until `since` or began later, and how many more of
    these there were than MAX_OUTAGES; by what was said until the span was over."""
    states = scope.facts("states")
    states = states.filter(states.state_at < literal(scope.span.until))
    known = {port: lives for port, lives in _known(states).items() if scope.asked.evse in (None, str(port[1]))}
    ports: dict[str, list[Port]] = defaultdict(list)
    for port in sorted(known):
        ports[port[0]].append(port)
    gaps = scope.facts("gaps")
    gaps = gaps.filter(
        gaps.lost_at < literal(scope.span.until), gaps.returned_at.isnull() | (gaps.returned_at > literal(since))
    )
    said, unsaid = _latest(_outages(states, since), "since")
    lost, unlost = _latest(gaps, "lost_at")
    return known, list(_within(known, [*_said(said, ports), *_lost(lost, ports)])), unsaid + unlost


def _known(states: "ibis.Table") -> dict[Port, list[Life]]:
    """Of each EVSE from when it first said something until its station was retired, and again where the identity was
    given to another."""
    said = states.filter(states.evse > 0, states.state != RETIRED)
    retired = states.filter(states.state == RETIRED).select("station", gone_at="state_at").distinct()
    began = said.group_by(["station", "evse"]).aggregate(since=said.state_at.min())
    later = said.join(retired, "station")
    later = later.filter(later.state_at >= later.gone_at)
    again = later.group_by(["station", "evse", "gone_at"]).aggregate(since=later.state_at.min())
    ends: dict[str, list[datetime]] = defaultdict(list)
    for row in rows_of(retired.order_by("gone_at")):
        ends[row["station"]].append(row["gone_at"])
    begins: dict[Port, set[datetime]] = defaultdict(set)
    for row in [*rows_of(began), *rows_of(again.select("station", "evse", "since"))]:
        begins[row["station"], row["evse"]].add(row["since"])
    return {
        port: [
            Life(since=since, until=next((at for at in ends[port[0]] if at > since), None)) for since in sorted(times)
        ]
        for port, times in begins.items()
    }


def _within(known: Mapping[Port, Sequence[Life]], outages: Iterable[Outage]) -> Iterable[Outage]:
    """What is of the time in which each port was there: its station may have been out before."""
    for each in outages:
        for life in known[each.port]:
            since, ends = max(each.since, life.since), [at for at in (each.until, life.until) if at is not None]
            if not ends or min(ends) > since:
                yield structs.replace(each, since=since, until=min(ends, default=None))


def _outages(states: "ibis.Table", since: datetime) -> "ibis.Table":
    """Of each connector the states in which it is out, each until the next one, that lasted until `since` or began
    later."""
    import ibis

    of_connector = ibis.window(group_by=["station", "evse", "connector"], order_by=[states.state_at, states.arrived_at])
    lasting = states.select(
        "station", "evse", "state", since=states.state_at, until=states.state_at.lead().over(of_connector)
    )
    return lasting.filter(lasting.state.isin(OUT), lasting.until.isnull() | (lasting.until > literal(since)))


def _latest(found: "ibis.Table", begins: str) -> tuple[list[dict[str, Any]], int]:
    """The MAX_OUTAGES that began last, and how many more there are."""
    rows = rows_of(found.order_by(found[begins].desc()).limit(MAX_OUTAGES))
    if len(rows) < MAX_OUTAGES:
        return rows, 0
    [counted] = rows_of(found.aggregate(every=found.count()))
    return rows, counted["every"] - len(rows)


def _said(outages: Sequence[Mapping[str, Any]], ports: Mapping[str, list[Port]]) -> Iterable[Outage]:
    """Of each EVSE that is named, or of all of the station."""
    for row in outages:
        for port in ports.get(row["station"], ()):
            if not row["evse"] or row["evse"] == port[1]:
                yield Outage(port=port, since=row["since"], until=row["until"], cause=row["state"])


def _lost(gaps: Sequence[Mapping[str, Any]], ports: Mapping[str, list[Port]]) -> Iterable[Outage]:
    for row in gaps:
        for port in ports.get(row["station"], ()):
            yield Outage(port=port, since=row["lost_at"], until=row["returned_at"], cause=OFFLINE)


def _by_cause(in_span: Mapping[Port, Mapping[str, int]], there_s: int) -> Table:
    """What kept ports out of use, the most first; of ports that are in the ledger alone."""
    rows: list[tuple[Cell, ...]] = []
    for cause in CAUSES:
        times = [causes[cause] for causes in in_span.values() if causes[cause]]
        rows.append((cause, len(times), sum(times), measures.share(sum(times), there_s)))
    rows.sort(key=lambda row: -int(row[2] or 0))  # type: ignore[arg-type]
    columns = (
        Column(name="cause", label=mark("Cause"), unit=Unit.TEXT),
        Column(name="ports", label=mark("Ports"), unit=Unit.COUNT),
        Column(name="outage_s", label=mark("Out of use"), unit=Unit.SECONDS),
        Column(name="share", label=mark("Of the time of all ports"), unit=Unit.SHARE),
    )
    return table("causes", mark("Why ports were out of use"), columns, [row for row in rows if row[1]])


def months_before(until: datetime, zone: str) -> list[tuple[date, datetime]]:
    """The last MONTHS whole months before a time, the latest first: first day, and when each was over by that clock."""
    clock = ZoneInfo(zone)
    ends = [month_of(until.astimezone(clock).date(), -ago) for ago in range(MONTHS)]
    return [(month_of(end, -1), midnight(end, clock)) for end in ends]


def by_month(
    known: Mapping[Port, Sequence[Life]], outages: Sequence[Outage], months: Sequence[tuple[date, datetime]]
) -> Table:
    """What 23 CFR 680.112(a)(7) asks for: of each port and month, minutes and uptime of the twelve months up to its
    end."""
    rows: list[tuple[Cell, ...]] = []
    for month, ends_at in months:
        year = Span(since=ends_at - YEAR, until=ends_at)
        # What lasts until now had not ended then.
        lost = down(outages, year)
        for port in sorted(known):
            if not (there := _there(year, known[port]) // MINUTE_S):
                continue
            out = sum(lost.get(port, {}).values()) // MINUTE_S
            rows.append(
                (month, *port, there, out, 0, Fraction(YEAR_MIN - out, YEAR_MIN), measures.share(there - out, there))
            )
    columns = (
        Column(name="month", label=mark("Month from"), unit=Unit.DAY),
        Column(name="station", label=mark("Station"), unit=Unit.TEXT),
        Column(name="evse", label=mark("EVSE"), unit=Unit.COUNT),
        Column(name="known_min", label=mark("Minutes known"), unit=Unit.COUNT),
        Column(name="outage_min", label=mark("Minutes out"), unit=Unit.COUNT),
        Column(name="excluded_min", label=mark("Of these excluded"), unit=Unit.COUNT),
        Column(name="uptime_rule", label=mark("Uptime by the rule"), unit=Unit.SHARE),
        Column(name="uptime_known", label=mark("Of the time known"), unit=Unit.SHARE),
    )
    return table("months", mark("Uptime by 23 CFR 680.116(b), month by month"), columns, rows)


def _by_port(
    there: Mapping[Port, int],
    in_span: Mapping[Port, Mapping[str, int]],
    year: tuple[Mapping[Port, int], Mapping[Port, Mapping[str, int]]],
    span: Span,
) -> Table:
    """Every port, the worst first. `year`: how long each was there and out in twelve months."""
    none = dict.fromkeys(CAUSES, 0)
    there_year, in_year = year
    rows: list[tuple[Cell, ...]] = []
    for port in there:
        causes, year_s = in_span.get(port, none), sum(in_year.get(port, none).values())
        rows.append(
            (
                *port, measures.share(there[port] - sum(causes.values()), there[port]), sum(causes.values()),
                known_for(there[port], 1, span.seconds),
                *(causes[cause] for cause in CAUSES),
                measures.share(there_year.get(port, 0) - year_s, there_year.get(port, 0)),
            )
        )  # fmt: skip
    rows.sort(key=lambda row: (-int(row[3] or 0), str(row[0]), int(row[1] or 0)))  # type: ignore[arg-type]
    columns = (
        Column(name="station", label=mark("Station"), unit=Unit.TEXT),
        Column(name="evse", label=mark("EVSE"), unit=Unit.COUNT),
        Column(name="uptime", label=mark("Uptime"), unit=Unit.SHARE),
        Column(name="outage_s", label=mark("Out of use"), unit=Unit.SECONDS),
        Column(name="known_s", label=mark("Known for"), unit=Unit.SECONDS),
        Column(name="faulted_s", label=CAUSES["Faulted"], unit=Unit.SECONDS),
        Column(name="unavailable_s", label=CAUSES["Unavailable"], unit=Unit.SECONDS),
        Column(name="offline_s", label=CAUSES[OFFLINE], unit=Unit.SECONDS),
        Column(name="uptime_year", label=mark("Uptime, last 12 months"), unit=Unit.SHARE),
    )
    return table("ports", mark("Ports"), columns, rows)


def _ledger(outages: Sequence[Outage], span: Span) -> Table:
    """Outages of which a part is in the span, the latest first; what they count for sums up to the time out of use."""
    inside = sorted(counted(outages, span), key=lambda found: (found[0].since, found[0].port), reverse=True)
    rows: list[tuple[Cell, ...]] = [
        (
            *each.port, each.since, each.until, ((each.until or span.until) - each.since) // timedelta(seconds=1),
            seconds, each.cause,
        )
        for each, seconds in inside
    ]  # fmt: skip
    columns = (
        Column(name="station", label=mark("Station"), unit=Unit.TEXT),
        Column(name="evse", label=mark("EVSE"), unit=Unit.COUNT),
        Column(name="since", label=mark("From"), unit=Unit.TIME),
        Column(name="until", label=mark("Until"), unit=Unit.TIME),
        Column(name="seconds", label=mark("Length"), unit=Unit.SECONDS),
        Column(name="counted_s", label=mark("Counts in these days"), unit=Unit.SECONDS),
        Column(name="cause", label=mark("Cause"), unit=Unit.TEXT),
    )
    return table("outages", mark("Ledger of outages"), columns, rows)
