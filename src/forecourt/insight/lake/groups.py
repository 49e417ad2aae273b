"""Groups of drivers as the lake counts them: what each came to, and in which months its name stands for enough.

A group is told of by name where so many different drivers came in a month and those before it that none is found by it
(`dashboards.groups`). Whoever comes in a month by none of these groups alone is told of as the rest, and how many these
are is counted here too: asked of all drivers it took as long as all else of an answer.
"""

from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from typing import Final

from forecourt.insight.lake.layout import File
from forecourt.insight.lake.parts import bounds
from forecourt.platform.days import month_of

#: Fewer drivers of a group are not told of by its name: families are seldom larger, and so much is told of a group that
#: whoever knows one of its drivers must not know the others' by what is left.
LEAST_OF_GROUP: Final = 5
#: Drivers of a group are counted in so many months: in each with those before it.
MONTHS_OF_GROUP: Final = 3
#: Clocks of sites are so far from UTC, by which files are parted.
_CLOCKS: Final = timedelta(days=1)

#: Of each day, group and currency, whoever it was and wherever.
USES: Final = """
    SELECT local_date, driver_group, currency, sum(sessions)::BIGINT AS sessions, sum(stay_s)::BIGINT AS stay_s,
        sum(idle_known)::BIGINT AS idle_known, sum(idle_s)::BIGINT AS idle_s, sum(energy_wh)::BIGINT AS energy_wh,
        sum(excl_minor)::BIGINT AS excl_minor, sum(excl_known)::BIGINT AS excl_known
    FROM group_days GROUP BY ALL ORDER BY ALL
    """
#: How many drivers of each group that came in $month did in the months that end with it; and, of no group, how many
#: came in $month not by such groups alone as these are enough of. $months, $least: MONTHS_OF_GROUP, LEAST_OF_GROUP.
NAMED: Final = """
    WITH near AS (
        SELECT driver_group, driver, date_trunc('month', local_date)::DATE AS month, sessions FROM group_days
        WHERE local_date >= $month - to_months($months - 1) AND local_date < $month + to_months(1)
    ),
    named AS (
        SELECT driver_group, count(DISTINCT driver)::BIGINT AS drivers FROM near GROUP BY driver_group
        HAVING max(month) = $month
    ),
    inside AS (
        SELECT driver, sum(sessions) AS sessions FROM near
        WHERE month = $month AND driver_group IN (SELECT driver_group FROM named WHERE drivers >= $least)
        GROUP BY driver
    ),
    each AS (SELECT driver, sum(sessions) AS sessions FROM driver_months WHERE month = $month GROUP BY driver)
    SELECT driver_group, $month AS month, drivers FROM named
    UNION ALL
    SELECT NULL, $month, count(*)::BIGINT FROM each LEFT JOIN inside USING (driver)
    WHERE each.sessions > coalesce(inside.sessions, 0) AND (SELECT count(*) FROM named) > 0
    HAVING count(*) > 0
    ORDER BY driver_group
    """


def months(days: Iterable[File]) -> list[date]:
    """The first days of months that files of `group_days` may have something of, oldest first."""
    found: set[date] = set()
    for file in days:
        since, until = bounds(file.partition)
        found |= {month_of((since - _CLOCKS).date()), month_of(since.date()), month_of(until.date())}
    return sorted(found)


def sources(days: Sequence[File], driven: Sequence[File], month: date) -> tuple[list[File], list[File]]:
    """Those of some files of days of groups, and of months of drivers, that a month is counted of."""
    return _between(days, month_of(month, 1 - MONTHS_OF_GROUP), month), _between(driven, month, month)


def _between(files: Iterable[File], first: date, last: date) -> list[File]:
    """Files that may hold something of the months from one until another, in order."""
    since, end = first - _CLOCKS, month_of(last, 1) + _CLOCKS
    near = (
        file for file in files if bounds(file.partition)[0].date() < end and bounds(file.partition)[1].date() > since
    )
    return sorted(near, key=lambda file: file.partition)
