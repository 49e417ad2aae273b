"""Drivers by their pseudonyms: who comes back, who came for the first time, and who is likely lost.

They are told of by whole months (`asking`), in each of which enough of them came. Segments are by recency and frequency
within the span: lately means the last quarter of it, often means at least `OFTEN` sessions; what they paid is told
beside (`paying`). Nobody is named, and a class of fewer than `LEAST` drivers is neither told of nor follows from what
is.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from forecourt.insight.dashboards import paying
from forecourt.insight.dashboards.came import drivers, has_few
from forecourt.insight.dashboards.hiding import few, hidden
from forecourt.insight.dashboards.model import Answer, Cell, Column, Figure, Note, Table, Unit, table
from forecourt.insight.dashboards.rows import rows_of
from forecourt.insight.dashboards.scope import Scope
from forecourt.insight.usage import expressions, measures
from forecourt.insight.usage.expressions import literal
from forecourt.ui.i18n import mark

if TYPE_CHECKING:
    import ibis

OFTEN: Final = 4
#: A month in which fewer came, and somebody, is told of with no other.
LEAST_OF_MONTH: Final = 10
#: Where classes of sessions a driver begin.
CLASSES: Final = (1, 2, 4, 8, 16, 32)
SEGMENTS: Final = {
    "often": mark("Often, and lately"),
    "new": mark("New"),
    "casual": mark("Now and then, lately"),
    "away": mark("Often, but not lately"),
    "lost": mark("Seldom, and not lately"),
}
#: Those who came often; the segments split all drivers in the same two as the classes from OFTEN on.
REGULAR: Final = frozenset({"often", "away"})

_NOBODY_KNOWN: Final = Note(
    text=mark(
        "Of these sessions nobody knows who came: pseudonyms of drivers are kept for a while only, or none came with"
        " the history that was brought in. So how many drivers there were is not known."
    )
)
#: What is added up of drivers of a class.
SUMS: Final = ("sessions", "energy_wh", "new", "repeat", "payer", "paid_minor", "paid_known", "excl_known")
_NOBODY: Final = Counter[str]()


def answer(scope: Scope) -> Answer:
    """Everything of the family, of a span of whole months; nothing where fewer than LEAST_OF_MONTH came in one of them:
    what somebody finds by taking an answer of other months from it is of the months between, and so of as many at the
    least. Of one place less another it may be of fewer."""
    if has_few(scope, LEAST_OF_MONTH):
        return Answer(figures=(), tables=(), too_few=True)
    currency, alone = paying.currency_of(scope)
    if currency is not None and has_few(scope, LEAST_OF_MONTH, currency):
        currency = None
    rows = rows_of(_sums(_found(scope, currency, alone=alone), ("segment", "least", "pays")))
    by_segment = {[*SEGMENTS][place]: sums for place, sums in _added(rows, "segment").items()}
    by_class = _added(rows, "least")
    whole = Counter[str]()
    for sums in by_segment.values():
        whole.update(sums)
    by_pays = _added(rows, "pays")
    each = paying.tells_each(by_pays)
    blank = _blank(by_segment, by_class)
    once, known = whole["drivers"] - whole["repeat"], whole["drivers"] - whole["new"]
    [counts] = rows_of(expressions.stays(scope.counts))
    unknown = bool(counts["sessions"]) and not counts["with_driver"]
    return Answer(
        figures=(
            Figure(
                key="drivers", label=mark("Different drivers"), unit=Unit.COUNT, more_is=1,
                value=None if unknown else whole["drivers"],
            ),
            Figure(
                key="repeat", label=mark("Came more than once"), unit=Unit.SHARE, more_is=1,
                value=None if CLASSES[0] in blank or few(once) else measures.share(whole["repeat"], whole["drivers"]),
            ),
            Figure(
                key="new", label=mark("Never here before"), unit=Unit.COUNT, more_is=1,
                value=None if unknown or few(whole["new"]) or few(known) else whole["new"],
            ),
            Figure(
                key="sessions_a_driver", label=mark("Sessions a driver"), unit=Unit.MEAN, more_is=1,
                value=measures.share(whole["sessions"], whole["drivers"]),
            ),
            *paying.figures(whole, currency, each=each),
            Figure(
                key="known", label=mark("Sessions with a known driver"), unit=Unit.SHARE,
                value=measures.share(counts["with_driver"], counts["sessions"]),
            ),
        ),
        tables=(
            _segments(by_segment, whole["drivers"], blank, currency, each=each),
            _frequency(by_class, blank, currency, each=each),
            *(() if currency is None else (paying.by_paid(by_pays, whole["drivers"], currency),)),
        ),
        notes=(_NOBODY_KNOWN,) if unknown else (),
    )  # fmt: skip


def _found(scope: Scope, currency: str | None, *, alone: bool) -> "ibis.Table":
    """Each driver of the span with the segment, by its place among SEGMENTS, and the classes that he is in by number of
    sessions and by what he paid in a currency."""
    import ibis

    each = paying.classed(drivers(scope, currency, alone=alone), currency)
    late_from = literal(scope.span.until - (scope.span.until - scope.span.since) / 4)
    lately, often = each.last_at >= late_from, each.sessions >= OFTEN
    is_new = each.began_at >= literal(scope.span.since)
    number = {name: place for place, name in enumerate(SEGMENTS)}
    # As numbers, for every driver has one.
    segment = ibis.cases(
        (often & lately, number["often"]), (often, number["away"]), (~lately, number["lost"]),
        (is_new, number["new"]), else_=number["casual"],
    )  # fmt: skip
    least = ibis.cases(*((each.sessions >= begins, begins) for begins in reversed(CLASSES[1:])), else_=CLASSES[0]).cast(
        "int64"
    )
    return each.mutate(segment=segment, least=least, new=is_new.ifelse(1, 0), repeat=(each.sessions > 1).ifelse(1, 0))


def _sums(found: "ibis.Table", by: Sequence[str]) -> "ibis.Table":
    sums = {name: found[name].sum().cast("int64") for name in SUMS}
    return found.group_by(list(by)).aggregate(drivers=found.count().cast("int64"), **sums)


def _added(rows: Iterable[Mapping[str, Any]], by: str) -> dict[Any, Counter[str]]:
    """Sums of rows that are alike in a column."""
    found: dict[Any, Counter[str]] = defaultdict(Counter)
    for row in rows:
        found[row[by]].update({name: row[name] for name in ("drivers", *SUMS)})
    return found


def _blank(by_segment: Mapping[str, Mapping[str, int]], by_class: Mapping[int, Mapping[str, int]]) -> set[str | int]:
    """Segments and classes that aren't told of."""
    drivers: dict[str | int, int] = {name: by_segment.get(name, _NOBODY)["drivers"] for name in SEGMENTS}
    drivers |= {begins: by_class.get(begins, _NOBODY)["drivers"] for begins in CLASSES}
    groups: list[dict[str | int, int]] = [
        {name: drivers[name] for name in SEGMENTS if name in REGULAR},
        {name: drivers[name] for name in SEGMENTS if name not in REGULAR},
        {begins: drivers[begins] for begins in CLASSES if begins >= OFTEN},
        {begins: drivers[begins] for begins in CLASSES if begins < OFTEN},
    ]
    return {name for _, name in hidden(groups)}


def _segments(
    found: Mapping[str, Mapping[str, int]],
    whole: int,
    blank: set[str | int],
    currency: str | None = None,
    *,
    each: bool = True,
) -> Table:
    rows: list[tuple[Cell, ...]] = []
    # Where it isn't told how many came often, sessions would tell it: who did has OFTEN of them or more.
    apart = bool(REGULAR & blank and (SEGMENTS.keys() - REGULAR) & blank)
    each = each and currency is not None and paying.parts(found)
    for segment in SEGMENTS:
        row = found.get(segment, _NOBODY)
        used = (None, None) if apart else (row["sessions"], row["energy_wh"])
        # What was paid is told of all or of none.
        paid = (
            paying.paid(row, told=not apart and segment not in blank and paying.tells(found), each=each)
            if currency
            else ()
        )
        rows.append(
            (segment, None, None, None, None, *paid)
            if segment in blank
            else (segment, row["drivers"], measures.share(row["drivers"], whole), *used, *paid)
        )
    columns = (
        Column(name="segment", label=mark("Drivers who came"), unit=Unit.TEXT),
        Column(name="drivers", label=mark("Drivers"), unit=Unit.COUNT),
        Column(name="share", label=mark("Of all"), unit=Unit.SHARE),
        Column(name="sessions", label=mark("Sessions"), unit=Unit.COUNT),
        Column(name="energy_wh", label=mark("Energy"), unit=Unit.ENERGY),
        *paying.columns(currency),
    )
    return table("segments", mark("Drivers by how lately and how often they came"), columns, rows)


def _frequency(
    found: Mapping[int, Mapping[str, int]], blank: set[str | int], currency: str | None = None, *, each: bool = True
) -> Table:
    ends = [*CLASSES[1:], None]
    rows: list[tuple[Cell, ...]] = []
    # Sessions of classes that are told of would tell how many drivers the others have: each has its own number of them.
    apart = bool(blank & {*CLASSES})
    each = each and currency is not None and paying.parts(found)
    for begins, end in zip(CLASSES, ends, strict=True):
        row = found.get(begins, _NOBODY)
        rows.append(
            (
                begins, None if end is None else end - 1, None if begins in blank else row["drivers"],
                None if apart else row["sessions"],
                *(paying.paid(row, told=not apart and paying.tells(found), each=each) if currency else ()),
            )
        )  # fmt: skip
    columns = (
        Column(name="from", label=mark("Sessions, from"), unit=Unit.COUNT),
        Column(name="to", label=mark("to"), unit=Unit.COUNT),
        Column(name="drivers", label=mark("Drivers"), unit=Unit.COUNT),
        Column(name="sessions", label=mark("Their sessions"), unit=Unit.COUNT),
        *paying.columns(currency),
    )
    return table("frequency", mark("How often drivers came"), columns, rows)
