"""Who came in a span: known drivers, as spans, months and sessions tell of them."""

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from forecourt.insight.dashboards.rows import rows_of
from forecourt.insight.dashboards.scope import Scope
from forecourt.insight.usage import expressions
from forecourt.insight.usage.expressions import literal
from forecourt.platform.days import midnight, month_of, months_between

if TYPE_CHECKING:
    import ibis

#: Rows of one driver and month, where these are counted: a day of a month that is young has its own.
MOST_ROWS: Final = 35
#: A sixteenth of drivers have numbers below.
FIRST_NUMBERS: Final = -(2**63) + 2**60


def driven(scope: Scope) -> "ibis.Table":
    """What known drivers did: a counted span, or counted months where the span has whole ones, else sessions one by
    one."""
    if not _is_counted(scope):
        return expressions.driven(scope.sessions)
    whole = _span(scope)
    if whole is not None:
        return whole.drop("months", "month", "began_at")
    months = _of_months(scope)
    names = [name for name in months.columns if name != "month"]
    pieces = [expressions.driven(scope.begun(*ends)).select(*names) for ends in scope.rest]
    made = months.select(*names)
    return made.union(*pieces) if pieces else made


def first_seen(scope: Scope) -> "ibis.Table":
    """When each driver of the span, and whoever else, first came to the place."""
    if scope.by_days and scope.asked.whole:
        return scope.tables["drivers"]
    return expressions.driver_sums(expressions.driven(scope.ever))


def drivers(scope: Scope, currency: str | None = None, *, alone: bool = False) -> "ibis.Table":
    """Each driver of the span as `expressions.driver_sums` tell, and when he first came to the place (`began_at`)."""
    whole = _span(scope) if _is_counted(scope) else None
    if whole is not None and not rows_of(whole.filter(whole.sessions == 0).select("month").limit(1)):
        # One row each: nobody paid in two currencies.
        here = whole.currency == currency
        return whole.mutate(
            paid_minor=here.ifelse(whole.excl_minor, 0).coalesce(0),
            paid_known=here.ifelse(whole.excl_known, 0).coalesce(0),
        )
    ever = first_seen(scope).select("driver", began_at="first_at")
    return expressions.driver_sums(driven(scope), currency, alone=alone).join(ever, "driver")


def has_few(scope: Scope, least: int, currency: str | None = None) -> bool:
    """Whether there is a month of the clock of who asks in which fewer known drivers came, and somebody did; with a
    currency, in which fewer paid something in it."""
    clock = ZoneInfo(scope.asked.zone)
    if _is_counted(scope) and not scope.rest:
        # Rows of a month tell it where there are many: to tell drivers apart, or times by month, takes far longer.
        made = _payers(_of_months(scope), currency)
        # They are in the order of their numbers: to look at the first of them is little, and mostly enough.
        some = made.filter(made.driver < FIRST_NUMBERS)
        rows = rows_of(some.group_by("month").aggregate(drivers=some.count().cast("int64")))
        if len(rows) == _count(scope) and all(row["drivers"] >= least * MOST_ROWS for row in rows):
            return False
    else:
        made = _payers(driven(scope), currency)
    ends = [month_of(scope.span.since.astimezone(clock).date(), 1)]
    while midnight(ends[-1], clock) < scope.span.until:
        ends.append(month_of(ends[-1], 1))
    found = _by_month(made, [midnight(end, clock) for end in ends])
    return any(row["drivers"] < least for row in rows_of(found))


def _count(scope: Scope) -> int:
    """How many months the span has."""
    return months_between(*scope.months)


def _by_month(made: "ibis.Table", ends: Iterable[datetime]) -> "ibis.Table":
    """How many different ones there were, by the month in which they first came."""
    import ibis

    month = ibis.cases(*((made.first_at < literal(end), number) for number, end in enumerate(ends)), else_=-1)
    each = made.select("driver", month=month)
    return each.group_by("month").aggregate(drivers=each.driver.nunique().cast("int64"))


def _payers(made: "ibis.Table", currency: str | None) -> "ibis.Table":
    """Rows of drivers, one for each of what is counted apart; with a currency, of those who paid something in it."""
    if currency is None:
        return made.filter(made.sessions > 0)
    return made.filter(made.currency == currency, made.excl_minor > 0)


def _is_counted(scope: Scope) -> bool:
    """Whether months of drivers tell of some of the span: of the whole network, by the one clock that all go by."""
    first, end = scope.months
    return scope.by_days and scope.asked.whole and first < end


def _of_months(scope: Scope) -> "ibis.Table":
    """What drivers did in the whole months of the span."""
    (first, end), months = scope.months, scope.tables["driver_months"]
    return months.filter(months.month >= first, months.month < end)


def _span(scope: Scope) -> "ibis.Table | None":
    """What drivers did in the span, where it is one that was counted."""
    if scope.rest:
        return None
    table = scope.tables["driver_spans"]
    found = table.filter(table.months == _count(scope), table.month == month_of(scope.months[1], -1))
    return found if rows_of(found.select("month").limit(1)) else None
