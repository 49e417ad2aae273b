"""Drivers by their pseudonyms: who comes back, who came for the first time, and who is likely lost.

Segments are by recency and frequency within the span: lately means the last quarter of it, often means at least
`OFTEN` sessions. Nobody is named, and a class of fewer than `LEAST` drivers is not told of.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from forecourt.insight.dashboards.model import Answer, Cell, Column, Figure, Table, Unit, table
from forecourt.insight.dashboards.scope import Scope, literal, rows_of
from forecourt.insight.usage import expressions, measures
from forecourt.ui.i18n import mark

if TYPE_CHECKING:
    import ibis

OFTEN: Final = 4
#: Fewer drivers than this are told of with nobody else's: two numbers would name somebody.
LEAST: Final = 3
#: Where classes of sessions a driver begin.
CLASSES: Final = (1, 2, 4, 8, 16, 32)
SEGMENTS: Final = {
    "loyal": mark("Often, and lately"),
    "new": mark("New"),
    "casual": mark("Now and then, lately"),
    "cooling": mark("Often, but not lately"),
    "lost": mark("Seldom, and not lately"),
}

_NOBODY: Final = {"drivers": 0, "sessions": 0, "energy_wh": 0}


def answer(scope: Scope) -> Answer:
    """Everything of the family."""
    found = _found(scope)
    by_segment = {row["segment"]: row for row in rows_of(_sums(found, "segment"))}
    by_class = {row["least"]: row for row in rows_of(_sums(found, "least"))}
    whole = {name: sum(row[name] for row in by_segment.values()) for name in ("drivers", "sessions", "new", "repeat")}
    [counts] = rows_of(expressions.stays(scope.counts))
    return Answer(
        figures=(
            Figure(key="drivers", label=mark("Different drivers"), unit=Unit.COUNT, value=whole["drivers"], more_is=1),
            Figure(
                key="repeat", label=mark("Came more than once"), unit=Unit.SHARE, more_is=1,
                value=measures.share(whole["repeat"], whole["drivers"]),
            ),
            Figure(key="new", label=mark("Never here before"), unit=Unit.COUNT, value=whole["new"], more_is=1),
            Figure(
                key="sessions_a_driver", label=mark("Sessions a driver"), unit=Unit.MEAN, more_is=1,
                value=measures.share(whole["sessions"], whole["drivers"]),
            ),
            Figure(
                key="known", label=mark("Sessions with a known driver"), unit=Unit.SHARE,
                value=measures.share(counts["with_driver"], counts["sessions"]),
            ),
        ),
        tables=(_segments(by_segment, whole["drivers"]), _frequency(by_class)),
    )  # fmt: skip


def _found(scope: Scope) -> "ibis.Table":
    """Each driver of the span with the segment and the class that he is in."""
    import ibis

    drivers = expressions.by_driver(scope.sessions)
    ever = expressions.by_driver(scope.ever).select("driver", began_at="first_at")
    each = drivers.join(ever, "driver")
    late_from = literal(scope.span.until - (scope.span.until - scope.span.since) / 4)
    lately, often = each.last_at >= late_from, each.sessions >= OFTEN
    is_new = each.began_at >= literal(scope.span.since)
    segment = ibis.cases(
        (often & lately, "loyal"), (often, "cooling"), (~lately, "lost"), (is_new, "new"), else_="casual"
    )
    least = ibis.cases(*((each.sessions >= begins, begins) for begins in reversed(CLASSES[1:])), else_=CLASSES[0]).cast(
        "int64"
    )
    return each.mutate(segment=segment, least=least, new=is_new.ifelse(1, 0), repeat=(each.sessions > 1).ifelse(1, 0))


def _sums(found: "ibis.Table", by: str) -> "ibis.Table":
    sums = {name: found[name].sum().cast("int64") for name in ("sessions", "energy_wh", "new", "repeat")}
    return found.group_by(by).aggregate(drivers=found.count().cast("int64"), **sums)


def _segments(found: Mapping[str, Mapping[str, int]], whole: int) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for segment in SEGMENTS:
        row = found.get(segment, _NOBODY)
        few = 0 < row["drivers"] < LEAST
        rows.append(
            (segment, None, None, None, None)
            if few
            else (
                segment, row["drivers"], measures.share(row["drivers"], whole), row["sessions"], row["energy_wh"],
            )
        )  # fmt: skip
    columns = (
        Column(name="segment", label=mark("Drivers who came"), unit=Unit.TEXT),
        Column(name="drivers", label=mark("Drivers"), unit=Unit.COUNT),
        Column(name="share", label=mark("Of all"), unit=Unit.SHARE),
        Column(name="sessions", label=mark("Sessions"), unit=Unit.COUNT),
        Column(name="energy_wh", label=mark("Energy"), unit=Unit.ENERGY),
    )
    return table("segments", mark("Drivers by how lately and how often they came"), columns, rows)


def _frequency(found: Mapping[int, Mapping[str, int]]) -> Table:
    ends = [*CLASSES[1:], None]
    rows: list[tuple[Cell, ...]] = []
    for begins, end in zip(CLASSES, ends, strict=True):
        row = found.get(begins, _NOBODY)
        few = 0 < row["drivers"] < LEAST
        rows.append(
            (
                begins, None if end is None else end - 1, None if few else row["drivers"],
                None if few else row["sessions"],
            )
        )  # fmt: skip
    columns = (
        Column(name="from", label=mark("Sessions, from"), unit=Unit.COUNT),
        Column(name="to", label=mark("to"), unit=Unit.COUNT),
        Column(name="drivers", label=mark("Drivers"), unit=Unit.COUNT),
        Column(name="sessions", label=mark("Their sessions"), unit=Unit.COUNT),
    )
    return table("frequency", mark("How often drivers came"), columns, rows)
