"""Tariffs and ways to pay that some drivers have to themselves: tariffs of a group of drivers or of a subscription, and
invoices, which are of fleets.

They are told of as groups of drivers are (`groups`): by name in days where, in each month of them in which somebody
came by one, LEAST_OF_GROUP drivers came by it in that month and the two before it, anywhere; and where of those who are
in no group that is told of so many or none did, for the groups can be taken from the whole. All others stand with
sessions of which nobody knows it; where all of these are of few, the smallest other one is of them as well.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

from forecourt.insight.dashboards.groups import REST, SECOND, named
from forecourt.insight.dashboards.model import Note, TraitOfFew
from forecourt.insight.dashboards.rows import rows_of
from forecourt.insight.dashboards.scope import Scope
from forecourt.insight.lake.groups import LEAST_OF_GROUP
from forecourt.insight.usage import expressions
from forecourt.insight.usage.expressions import literal
from forecourt.platform.days import midnight, month_of
from forecourt.ui.i18n import mark

if TYPE_CHECKING:
    import ibis

#: Ways to pay that fleets alone have.
OF_FLEETS: Final = ("invoice",)
#: Months before one that count with it.
BEFORE: Final = 2
DAY: Final = timedelta(days=1)
_FEW: Final = Note(
    text=mark(
        "Not all tariffs and ways to pay are told of by their names: one that is of certain drivers, of whom in a month"
        " of these days, with the two before it, fewer than %(n)s came by it, stands with those that nobody knows; and"
        " where all of these are of few, the smallest other one stands with them, be it everybody's."
    ),
    values={"n": str(LEAST_OF_GROUP)},
)

#: What is not told of by its name, by column of sessions.
Hidden = Mapping[str, frozenset[str]]


def hidden(scope: Scope) -> Hidden:
    """Tariffs and ways to pay that are not told of by their names in the days that are asked for."""
    own = {"tariff": scope.asked.own, "paid_by": OF_FLEETS}
    return {column: _hidden(scope, column, values) for column, values in own.items()}


def check(scope: Scope) -> None:
    """Raises TraitOfFew where a tariff or a way to pay is named that is not told of by its name."""
    asked = {name: value for name, value in scope.asked.traits.items() if name in ("tariff", "paid_by")}
    if asked:
        few = hidden(scope)
        if any(value in few[name] for name, value in asked.items()):
            raise TraitOfFew


def masked(few: Hidden, rows: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Rows without the names that are not told."""
    return [
        {**row, **{column: None for column, names in few.items() if row[column] is not None and row[column] in names}}
        for row in rows
    ]


def notes(few: Hidden) -> tuple[Note, ...]:
    """That something isn't told of by its name, where that is so."""
    return (_FEW,) if any(few.values()) else ()


def _hidden(scope: Scope, column: str, own: Sequence[str]) -> frozenset[str]:
    import ibis

    clock = ZoneInfo(scope.asked.zone)
    first = month_of(scope.span.since.astimezone(clock).date(), -BEFORE)
    ends, last = [first], (scope.asked.span.until - SECOND).astimezone(clock).date()
    while ends[-1] <= last:
        ends.append(month_of(ends[-1], 1))
    days = scope.tables["site_days"]
    there = days.filter(days[column].isin(list(own)), days.local_date >= first - DAY, days.local_date <= ends[-1])
    if not own or not rows_of(there.select(column).limit(1)):
        return frozenset()
    sessions = scope.tables["sessions"]
    sessions = expressions.within(sessions, midnight(first, clock), midnight(ends[-1], clock))
    made = _by_month(scope, sessions, column, [midnight(end, clock) for end in ends[1:]])
    heads = _heads(made)
    came = {
        (value, month)
        for (value, month), each in heads.items()
        if value is not None and each["here"] and month >= BEFORE
    }
    few = {value for value, month in came if value in own and _is_few(heads[value, month])}
    if not few:
        return frozenset()
    left = _heads(made.filter(made.value.isnull() | made.value.isin(sorted(few))).mutate(value=ibis.literal(REST)))
    every = {value for value, _ in came}
    for month in {month for value, month in came if value in few}:
        if _is_few(left[REST, month]):
            others = [value for value in every - few if _counted(heads.get((value, month))) >= LEAST_OF_GROUP]
            few |= {min(others, key=lambda value: (_counted(heads[value, month]), value))} if others else every
    return frozenset(few)


def _by_month(scope: Scope, sessions: "ibis.Table", column: str, ends: Sequence[Any]) -> "ibis.Table":
    """Who came by what in which month, by its number, and in the two after it, for which it counts too."""
    import ibis

    told = sorted(named(scope).told)
    month = ibis.cases(*((sessions.started_at < literal(end), number) for number, end in enumerate(ends)), else_=-1)
    loose = sessions.driver_group.isin(told).fill_null(False).ifelse(None, sessions.driver) if told else sessions.driver
    made = sessions.select(
        value=sessions[column], driver=sessions.driver, loose=loose, month=month.cast("int64"), here=ibis.literal(True)
    )
    made = made.filter(made.month >= 0)
    later = [made.mutate(month=made.month + more, here=ibis.literal(False)) for more in range(1, BEFORE + 1)]
    return made.union(*later)


def _heads(made: "ibis.Table") -> dict[tuple[str | None, int], dict[str, int]]:
    """By value and month: sessions of the month itself (`here`), drivers and those of no group that is told of with the
    months before, and sessions of the month whose driver nobody knows."""
    found = made.group_by(["value", "month"]).aggregate(
        here=made.here.ifelse(1, 0).sum().cast("int64"),
        drivers=made.driver.nunique().cast("int64"),
        loose=made.loose.nunique().cast("int64"),
        nobody=(made.here & made.driver.isnull()).ifelse(1, 0).sum().cast("int64"),
    )
    return {(row["value"], row["month"]): row for row in rows_of(found)}


def _is_few(each: Mapping[str, int]) -> bool:
    return each["drivers"] < LEAST_OF_GROUP or 0 < each["loose"] < LEAST_OF_GROUP


def _counted(each: Mapping[str, int] | None) -> int:
    """Among so many stands whoever is added to it; who came without being known is one each."""
    return 0 if each is None or not each["here"] else each["loose"] + each["nobody"]
