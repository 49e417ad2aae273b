"""Success: of those who tried to charge, how many did, how soon faults are seen, and how soon they are mended.

A visit is the tries of one driver at one site, each begun within `VISIT_S` of the end of the one before; a try of
somebody unknown is a visit of its own. A visit succeeds when any of its tries charged, and the first time when its
first one did (after the ChargeX consortium's measures of the driver's experience).
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime
from fractions import Fraction
from typing import Any, Final
from zoneinfo import ZoneInfo

from forecourt.insight.dashboards.model import Answer, Cell, Column, Figure, Table, Unit, table
from forecourt.insight.dashboards.rows import rows_of
from forecourt.insight.dashboards.scope import Scope
from forecourt.insight.usage import expressions, measures
from forecourt.insight.usage.expressions import literal
from forecourt.ui.i18n import mark

#: Kinds of incidents and reasons of ends that are listed.
MAX_LISTED: Final = 50
#: Error codes of OCPP 1.6 that ChargeX's minimum required error codes name alike (inl.gov/chargex/mrec). Others
#: are theirs only where the station says so itself.
CHARGEX: Final = {
    "ConnectorLockFailure": "CX001", "GroundFailure": "CX002", "HighTemperature": "CX003",
    "OverCurrentFailure": "CX004", "OverVoltage": "CX005", "UnderVoltage": "CX006", "WeakSignal": "CX007",
}  # fmt: skip
_CHARGEX_CODE: Final = re.compile(r"CX\d{3}")
NO_ERROR: Final = "NoError"


def answer(scope: Scope) -> Answer:
    """Everything of the family."""
    tried = rows_of(expressions.arrivals(scope.parted, ("part",)))
    visits = {row[scope.part] or scope.nowhere: row for row in scope.visits((scope.part,))}
    figures = _figures(_added(tried), _added(visits.values()))
    tables = (_timeline(scope), _places(scope, tried, visits), _ends(scope))
    if scope.asked.traits:
        # What stations say and what is seen of them is of no kind of connector and no tariff.
        return Answer(figures=figures, tables=tables)
    incidents = _incidents(scope)
    return Answer(
        figures=(*figures, *_mending(incidents)), tables=(*tables[:2], _kinds(incidents), tables[2], _faults(scope))
    )


def _added(rows: Iterable[Mapping[str, Any]]) -> Counter[str]:
    """Sums of all numbers in rows."""
    found: Counter[str] = Counter()
    for row in rows:
        found.update({name: number for name, number in row.items() if isinstance(number, int)})
    return found


def _figures(tried: Mapping[str, int], visits: Mapping[str, int]) -> tuple[Figure, ...]:
    return (
        Figure(
            key="session_success", label=mark("Sessions that charged"), unit=Unit.SHARE, more_is=1,
            value=measures.share(tried["charged"], tried["charged"] + tried["nothing"]),
        ),
        Figure(
            key="charging_success", label=mark("Tries that charged, refused tokens included"), unit=Unit.SHARE,
            more_is=1, value=measures.share(tried["charged"], tried["arrivals"]),
        ),
        Figure(
            key="visit_success", label=mark("Visits that charged"), unit=Unit.SHARE, more_is=1,
            value=measures.share(visits["visits_charged"], visits["visits"]),
        ),
        Figure(
            key="first_time", label=mark("Visits that charged at the first try"), unit=Unit.SHARE, more_is=1,
            value=measures.share(visits["at_once"], visits["visits"]),
        ),
        Figure(
            key="nothing", label=mark("Sessions without energy"), unit=Unit.COUNT, value=tried["nothing"], more_is=-1
        ),
        Figure(key="refused", label=mark("Tokens refused"), unit=Unit.COUNT, value=tried["refused"], more_is=-1),
        Figure(key="visits", label=mark("Visits"), unit=Unit.COUNT, value=visits["visits"], more_is=1),
    )  # fmt: skip


def _incidents(scope: Scope) -> list[dict[str, Any]]:
    """By kind: how many were seen in the span, and how long it took to see and to mend them."""
    found = scope.facts("incidents")
    found = found.filter(found.opened_at >= literal(scope.span.since), found.opened_at < literal(scope.span.until))
    # Fractions of a second are no whole numbers, whatever the type of the expression says.
    opened, since, gone = (found[name].truncate("s").epoch_seconds() for name in ("opened_at", "since", "gone_at"))
    timed = found.mutate(seen_s=(opened - since).cast("int64"), down_s=(gone - since).cast("int64"))
    return rows_of(
        timed.group_by("kind").aggregate(
            incidents=timed.count().cast("int64"),
            seen_s=timed.seen_s.sum().coalesce(0).cast("int64"),
            mended=timed.down_s.count().cast("int64"),
            down_s=timed.down_s.sum().coalesce(0).cast("int64"),
        )
    )


def _mending(incidents: list[dict[str, Any]]) -> tuple[Figure, ...]:
    sums = {name: sum(row[name] for row in incidents) for name in ("incidents", "seen_s", "mended", "down_s")}
    return (
        Figure(key="incidents", label=mark("Incidents"), unit=Unit.COUNT, value=sums["incidents"], more_is=-1),
        Figure(
            key="mttd", label=mark("Mean time to detect"), unit=Unit.SECONDS, more_is=-1,
            value=measures.share(sums["seen_s"], sums["incidents"]),
        ),
        Figure(
            key="mttr", label=mark("Mean time to repair"), unit=Unit.SECONDS, more_is=-1,
            value=measures.share(sums["down_s"], sums["mended"]),
        ),
    )  # fmt: skip


def _timeline(scope: Scope) -> Table:
    """By days of the clock of who asks, or weeks where there are many."""
    sums: dict[date, list[int]] = {}
    for day, row in _daily(scope):
        kept = sums.setdefault(day, [0, 0, 0])
        for place, name in enumerate(("charged", "nothing", "refused")):
            kept[place] += row[name]
    rows: list[tuple[Cell, ...]] = [
        (day, charged, nothing, refused, measures.share(charged, charged + nothing))
        for day, (charged, nothing, refused) in scope.over_time(sums, 3)
    ]
    columns = (
        scope.day_column,
        Column(name="charged", label=mark("Charged"), unit=Unit.COUNT),
        Column(name="nothing", label=mark("No energy"), unit=Unit.COUNT),
        Column(name="refused", label=mark("Refused"), unit=Unit.COUNT),
        Column(name="success", label=mark("Sessions that charged"), unit=Unit.SHARE),
    )
    return table("outcomes", mark("What came of sessions over time"), columns, rows)


def _daily(scope: Scope) -> Iterator[tuple[date, dict[str, Any]]]:
    if scope.by_days:
        for row in rows_of(expressions.arrivals(scope.counts, ("local_date",))):
            yield row["local_date"], row
        return
    clock = ZoneInfo(scope.asked.zone)
    for row in rows_of(expressions.arrivals_by_quarter(scope.sessions)):
        yield datetime.fromtimestamp(row["quarter_s"], clock).date(), row


def _places(scope: Scope, tried: list[dict[str, Any]], visited: Mapping[str, Mapping[str, int]]) -> Table:
    """By the parts of the place, what fails most first."""
    none = {"visits": 0, "visits_charged": 0, "at_once": 0}
    rows: list[tuple[Cell, ...]] = []
    for row in sorted(tried, key=lambda row: (-row["nothing"], row["part"])):
        visits = visited.get(row["part"], none)
        rows.append(
            (
                row["part"], row["arrivals"], row["charged"], row["nothing"], row["refused"],
                measures.share(row["charged"], row["charged"] + row["nothing"]),
                measures.share(visits["visits_charged"], visits["visits"]),
                measures.share(visits["at_once"], visits["visits"]),
            )
        )  # fmt: skip
    columns = (
        Column(name="tries", label=mark("Tries"), unit=Unit.COUNT),
        Column(name="charged", label=mark("Charged"), unit=Unit.COUNT),
        Column(name="nothing", label=mark("No energy"), unit=Unit.COUNT),
        Column(name="refused", label=mark("Refused"), unit=Unit.COUNT),
        Column(name="success", label=mark("Sessions that charged"), unit=Unit.SHARE),
        Column(name="visit_success", label=mark("Visits that charged"), unit=Unit.SHARE),
        Column(name="first_time", label=mark("At the first try"), unit=Unit.SHARE),
    )
    return scope.table_of_parts(columns, rows)


def _kinds(incidents: list[dict[str, Any]]) -> Table:
    rows: list[tuple[Cell, ...]] = [
        (
            row["kind"], row["incidents"], Fraction(row["seen_s"], row["incidents"]), row["mended"],
            measures.share(row["down_s"], row["mended"]),
        )
        for row in sorted(incidents, key=lambda row: (-row["incidents"], row["kind"]))[:MAX_LISTED]
    ]  # fmt: skip
    columns = (
        Column(name="kind", label=mark("Incident"), unit=Unit.TEXT),
        Column(name="incidents", label=mark("Number"), unit=Unit.COUNT),
        Column(name="mttd_s", label=mark("Mean time to detect"), unit=Unit.SECONDS),
        Column(name="mended", label=mark("Mended"), unit=Unit.COUNT),
        Column(name="mttr_s", label=mark("Mean time to repair"), unit=Unit.SECONDS),
    )
    return table("incidents", mark("Incidents"), columns, rows)


def chargex(error_code: str, vendor_error_code: str) -> str | None:
    """The minimum required error code: the one that the station gives as its own, else the one of the same name."""
    said = _CHARGEX_CODE.search(vendor_error_code)
    return said[0] if said else CHARGEX.get(error_code)


def _faults(scope: Scope) -> Table:
    """What connectors said is wrong, the most frequent first."""
    states = scope.facts("states")
    states = states.filter(
        states.state_at >= literal(scope.span.since), states.state_at < literal(scope.span.until),
        states.error_code.notnull(), states.error_code != NO_ERROR, states.error_code != "",
    )  # fmt: skip
    states = states.mutate(vendor=states.vendor_error_code.coalesce(""))
    counts = {"times": states.count().cast("int64"), "stations": states.station.nunique().cast("int64")}
    found = rows_of(states.group_by(["error_code", "vendor"]).aggregate(**counts))
    rows: list[tuple[Cell, ...]] = [
        (
            row["error_code"], row["vendor"] or None, chargex(row["error_code"], row["vendor"]), row["times"],
            row["stations"],
        )
        for row in sorted(found, key=lambda row: (-row["times"], row["error_code"], row["vendor"]))[:MAX_LISTED]
    ]  # fmt: skip
    columns = (
        Column(name="error_code", label=mark("Error"), unit=Unit.TEXT),
        Column(name="vendor_error_code", label=mark("The vendor's code"), unit=Unit.TEXT),
        Column(name="chargex", label=mark("ChargeX code"), unit=Unit.TEXT),
        Column(name="times", label=mark("Times said"), unit=Unit.COUNT),
        Column(name="stations", label=mark("Stations"), unit=Unit.COUNT),
    )
    return table("faults", mark("Errors that connectors said"), columns, rows)


def _ends(scope: Scope) -> Table:
    """Why sessions that charged nothing ended, as stations said."""
    failed = scope.counts.filter(scope.counts.outcome == "nothing")
    found = rows_of(expressions.arrivals(failed.mutate(reason=failed.stop_reason.coalesce("")), ("reason",)))
    ordered = sorted(found, key=lambda row: (-row["arrivals"], row["reason"]))[:MAX_LISTED]
    columns = (
        Column(name="reason", label=mark("Why they ended"), unit=Unit.TEXT),
        Column(name="sessions", label=mark("Sessions"), unit=Unit.COUNT),
    )
    rows: list[tuple[Cell, ...]] = [(row["reason"], row["arrivals"]) for row in ordered]
    return table("ends", mark("How sessions without energy ended"), columns, rows)
