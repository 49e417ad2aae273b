"""Drivers by their pseudonyms: who comes back, who came for the first time, and who is likely lost.

Segments are by recency and frequency within the span: lately means the last quarter of it, often means at least
`OFTEN` sessions. Nobody is named, and a class of fewer than `LEAST` drivers is not told of.
"""

from collections import Counter
from datetime import datetime
from typing import Final

from forecourt.insight.dashboards.model import Answer, Cell, Column, Figure, Table, Unit, table
from forecourt.insight.dashboards.scope import Scope, rows_of
from forecourt.insight.usage import expressions, measures
from forecourt.ui.i18n import mark

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


def answer(scope: Scope) -> Answer:
    """Everything of the family."""
    found = rows_of(expressions.by_driver(scope.sessions))
    firsts = {row["driver"]: row["first_at"] for row in rows_of(expressions.by_driver(scope.ever))}
    late_from = scope.span.until - (scope.span.until - scope.span.since) / 4
    sessions = sum(row["sessions"] for row in found)
    new = {row["driver"] for row in found if firsts[row["driver"]] >= scope.span.since}
    repeat = sum(row["sessions"] > 1 for row in found)
    rows: Counter[str] = Counter()
    given: Counter[str] = Counter()
    counts: Counter[str] = Counter()
    for row in found:
        segment = _segment(row["sessions"], row["last_at"], late_from, is_new=row["driver"] in new)
        rows[segment] += 1
        given[segment] += row["energy_wh"]
        counts[segment] += row["sessions"]
    return Answer(
        figures=(
            Figure(key="drivers", label=mark("Different drivers"), unit=Unit.COUNT, value=len(found), more_is=1),
            Figure(
                key="repeat", label=mark("Came more than once"), unit=Unit.SHARE, more_is=1,
                value=measures.share(repeat, len(found)),
            ),
            Figure(key="new", label=mark("Never here before"), unit=Unit.COUNT, value=len(new), more_is=1),
            Figure(
                key="sessions_a_driver", label=mark("Sessions a driver"), unit=Unit.MEAN, more_is=1,
                value=measures.share(sessions, len(found)),
            ),
            Figure(
                key="known", label=mark("Sessions with a known driver"), unit=Unit.SHARE,
                value=measures.share(sessions, _all(scope)),
            ),
        ),
        tables=(_segments(rows, counts, given), _frequency([row["sessions"] for row in found])),
    )  # fmt: skip


def _segment(sessions: int, last_at: datetime, late_from: datetime, *, is_new: bool) -> str:
    lately = last_at >= late_from
    if sessions >= OFTEN:
        return "loyal" if lately else "cooling"
    if not lately:
        return "lost"
    return "new" if is_new else "casual"


def _all(scope: Scope) -> int:
    return int(rows_of(expressions.arrivals(scope.sessions, ()))[0]["arrivals"])


def _segments(drivers: Counter[str], sessions: Counter[str], energy_wh: Counter[str]) -> Table:
    whole = drivers.total()
    rows: list[tuple[Cell, ...]] = []
    for segment in SEGMENTS:
        few = 0 < drivers[segment] < LEAST
        rows.append(
            (segment, None, None, None, None)
            if few
            else (
                segment, drivers[segment], measures.share(drivers[segment], whole), sessions[segment],
                energy_wh[segment],
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


def _frequency(sessions: list[int]) -> Table:
    ends = [*CLASSES[1:], None]
    rows: list[tuple[Cell, ...]] = []
    for begins, end in zip(CLASSES, ends, strict=True):
        inside = [count for count in sessions if begins <= count and (end is None or count < end)]
        few = 0 < len(inside) < LEAST
        rows.append(
            (begins, None if end is None else end - 1, None if few else len(inside), None if few else sum(inside))
        )
    columns = (
        Column(name="from", label=mark("Sessions, from"), unit=Unit.COUNT),
        Column(name="to", label=mark("to"), unit=Unit.COUNT),
        Column(name="drivers", label=mark("Drivers"), unit=Unit.COUNT),
        Column(name="sessions", label=mark("Their sessions"), unit=Unit.COUNT),
    )
    return table("frequency", mark("How often drivers came"), columns, rows)
