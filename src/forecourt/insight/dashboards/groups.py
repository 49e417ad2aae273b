"""Use by group of drivers: by fleets, and by groups of tokens.

A fleet is a firm; what a group of tokens is, nobody says: it may be a family. So whatever it is, a group is told of
where its name stands for so many drivers that none of them is found by it, and in days of which this is so throughout:
`LEAST_OF_GROUP` came in the months before each month of them in which any came, anywhere. Whether it is doesn't depend
on the days, the place or the tariff that are asked for, so nothing follows from two answers but what some of as many
did. All others are told of with those who are in none; where all of these are few in a month, the smallest group that
is large enough is of them as well.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

from msgspec import Struct

from forecourt.insight.dashboards.model import Cell, Column, GroupUnknown, Note, Table, Unit, table
from forecourt.insight.dashboards.parts import Counted, mean
from forecourt.insight.dashboards.rows import rows_of
from forecourt.insight.dashboards.scope import Scope
from forecourt.insight.lake.groups import LEAST_OF_GROUP
from forecourt.insight.usage import expressions, measures
from forecourt.platform.days import month_of
from forecourt.ui.i18n import mark

if TYPE_CHECKING:
    import ibis

SECOND: Final = timedelta(seconds=1)
_FEW: Final = Note(
    text=mark(
        "Not all groups of drivers are told of by their names: one of which in a month of these days, with the two"
        " before it, fewer than %(n)s drivers came stands with those who are in none; and where all of these are fewer"
        " than %(n)s, the smallest other group stands with them. Of fewer months more may be told."
    ),
    values={"n": str(LEAST_OF_GROUP)},
)
#: What is told of sessions that no group is told of.
REST: Final = ""


class Named(Struct, frozen=True):
    """Groups of which any came: those that are told of by their names, and all others."""

    told: frozenset[str]
    others: frozenset[str]

    @property
    def notes(self) -> tuple[Note, ...]:
        """That some group isn't told of by its name, where that is so."""
        return (_FEW,) if self.others else ()


def check(scope: Scope) -> None:
    """Raises GroupUnknown where a group of drivers is named and there is none that may be told of."""
    if scope.asked.driver_group is not None and scope.asked.driver_group not in named(scope).told:
        raise GroupUnknown


def named(scope: Scope) -> Named:
    """Told of are groups of which enough came, wherever that was, as of each month of the span in which any did. None
    for whoever is limited to some sites: which there are is known to the whole organisation's."""
    if scope.asked.allowed is not None:
        return Named(frozenset(), frozenset())
    counts, clock = scope.tables["driver_groups"], ZoneInfo(scope.asked.zone)
    # What clocks of sites count to the months beside may be of these by a day.
    more = timedelta(days=0 if scope.zones <= {scope.asked.zone} else 1)
    first = month_of((scope.span.since.astimezone(clock) - more).date())
    end = month_of((scope.asked.span.until.astimezone(clock) + more - SECOND).date(), 1)
    came: dict[date, dict[str, int]] = defaultdict(dict)
    left: dict[date, int] = {}
    for row in rows_of(counts.filter(counts.month >= first, counts.month < end)):
        if row["driver_group"] is None:
            left[row["month"]] = row["drivers"]
        else:
            came[row["month"]][row["driver_group"]] = row["drivers"]
    large = {month: {name for name, drivers in found.items() if drivers >= LEAST_OF_GROUP}
             for month, found in came.items()}  # fmt: skip
    few = {each for month, found in came.items() for each in found.keys() - large[month]}
    for month, groups in large.items():
        # The rest would tell of them, anywhere.
        if groups and 0 < left.get(month, 0) < LEAST_OF_GROUP:
            few.add(min(groups, key=lambda name: (came[month][name], name)))
    told = frozenset({each for found in large.values() for each in found} - few)
    return Named(told, frozenset({each for found in came.values() for each in found} - told))


def _grouped(scope: Scope) -> "ibis.Table":
    """Sessions of drivers of any group that began in the span, counted."""
    if scope.by_days:
        # Of the whole network they are told without their drivers and sites, in few rows.
        return scope.days_of("group_uses" if scope.asked.whole else "group_days")
    sessions = scope.sessions
    return expressions.counted(sessions.filter(sessions.driver_group.notnull()))


def by_group(scope: Scope, groups: Named, whole: Counted, energy_wh: int) -> tuple[Table, ...]:
    """Sessions by group, the most frequent first, and the rest of all that is `whole`; `energy_wh` is what all of these
    sessions took. No table for whoever is limited to some sites."""
    if scope.asked.allowed is not None:
        return ()
    found: dict[str, Counted] = {}
    priced: Counter[str] = Counter()
    if groups.told:
        for row in rows_of(expressions.group_sums(_grouped(scope))):
            if row["driver_group"] in groups.told:
                _take(found.setdefault(row["driver_group"], Counted()), row)
                priced[row["driver_group"]] += row["excl_known"]
    rest = _rest(whole, energy_wh, found.values())
    if found and rest.sessions:
        found[REST] = rest
    rows: list[tuple[Cell, ...]] = []
    currencies = sorted({currency for each in found.values() for currency in each.money})
    for group, each in sorted(found.items(), key=lambda each: (each[0] == REST, -each[1].sessions, each[0])):
        rows.append(
            (
                group, each.sessions, each.energy_wh, mean(each.stay_s, each.sessions),
                mean(each.idle_s, each.idle_known),
                # Where nothing is known to have cost anything, nobody knows what it came to.
                *(each.money.get(currency, 0 if each.money else None) for currency in currencies),
                # Days are counted without it, so of the rest nobody knows.
                None if group == REST else measures.share(priced[group], each.sessions),
            )
        )  # fmt: skip
    columns = (
        Column(name="driver_group", label=mark("Group of drivers"), unit=Unit.TEXT),
        Column(name="sessions", label=mark("Sessions"), unit=Unit.COUNT),
        Column(name="energy_wh", label=mark("Energy"), unit=Unit.ENERGY),
        Column(name="dwell_s", label=mark("Mean stay"), unit=Unit.SECONDS),
        Column(name="idle_s", label=mark("Mean time idle"), unit=Unit.SECONDS),
        *(
            Column(name=f"revenue_{each.lower()}_minor", label=mark("Revenue"), unit=Unit.MONEY, currency=each)
            for each in currencies
        ),
        Column(name="priced", label=mark("Price known"), unit=Unit.SHARE),
    )
    return (table("driver_group", mark("By group of drivers"), columns, rows),)


def _take(kept: Counted, row: Mapping[str, Any]) -> None:
    kept.stayed(row)
    kept.energy_wh += row["energy_wh"]
    if row["currency"] is not None:
        kept.paid(row["currency"], row["excl_minor"] if row["excl_known"] else None)


def _rest(whole: Counted, energy_wh: int, told: Iterable[Counted]) -> Counted:
    """What all came to but those who are told of."""
    rest = Counted(
        sessions=whole.sessions, stay_s=whole.stay_s, idle_known=whole.idle_known, idle_s=whole.idle_s,
        energy_wh=energy_wh, money=dict(whole.money),
    )  # fmt: skip
    for each in told:
        rest.sessions -= each.sessions
        rest.stay_s -= each.stay_s
        rest.idle_known -= each.idle_known
        rest.idle_s -= each.idle_s
        rest.energy_wh -= each.energy_wh
        for currency, amount in each.money.items():
            if amount is not None:
                rest.money[currency] = (rest.money.get(currency) or 0) - amount
    return rest
