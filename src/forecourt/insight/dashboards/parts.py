"""What parts of a place come to: stations, EVSEs, sites, groups of sites, and sessions by their traits."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from typing import Any, Final

from msgspec import Struct, field, structs

from forecourt.insight.dashboards.model import Cell, Column, Group, Note, Table, Unit, table
from forecourt.insight.dashboards.scope import Scope
from forecourt.insight.usage import measures
from forecourt.ui.i18n import mark

DAY_S: Final = 86_400
#: Of less of a span than this, what is known is told beside what stands on it.
LITTLE: Final = Fraction(1, 2)
_LITTLE_KNOWN: Final = Note(
    text=mark(
        "Time in use stands on few hours of these days: plugs count from when they are known, or first used, until"
        " their history ends, and on the mean that is less than half of the days."
    )
)


class Counted(Struct, kw_only=True):
    """What a station, an EVSE or all of a site come to."""

    plug_s: int = 0
    busy_s: int = 0
    energy_wh: int = 0
    #: Of stations whose power is known: the energy that they gave, and could have given in watt seconds.
    known_wh: int = 0
    power_ws: int = 0
    peak: int = 0
    sessions: int = 0
    stay_s: int = 0
    idle_known: int = 0
    idle_s: int = 0
    plugs: int = 0
    #: Before taxes, in minor units by currency; None where nobody knows what any of it was before taxes.
    money: dict[str, int | None] = field(default_factory=dict)

    @property
    def currency(self) -> str | None:
        """In which most was earned, as far as that is known; None: nothing was."""
        return max(self.money, key=lambda each: (self.money[each] or 0, each), default=None)

    def known_s(self, span_s: int) -> Fraction | None:
        """How long its plugs were there on the mean, where that is LITTLE of a span: on so much stands its time in
        use."""
        return known_for(self.plug_s, self.plugs, span_s)

    def add(self, other: "Counted") -> None:
        """Takes in what plugs of another one come to; the most at once is no sum."""
        self.plugs += other.plugs
        self.plug_s += other.plug_s
        self.busy_s += other.busy_s
        self.energy_wh += other.energy_wh
        self.known_wh += other.known_wh
        self.power_ws += other.power_ws
        for currency, amount in other.money.items():
            self.paid(currency, amount)

    def paid(self, currency: str, amount: int | None) -> None:
        """Takes in what was paid before taxes, in minor units; None: nobody knows how much."""
        kept = self.money.setdefault(currency, None)
        if amount is not None:
            self.money[currency] = amount + (kept or 0)

    def stayed(self, row: Mapping[str, int]) -> None:
        """Takes in what `expressions.stays` tells."""
        self.sessions += row["sessions"]
        self.stay_s += row["stay_s"]
        self.idle_known += row["idle_known"]
        self.idle_s += row["idle_s"]


def places(
    scope: Scope,
    by_part: Mapping[str, Counted],
    stays: Sequence[Mapping[str, Any]],
    site_peaks: Mapping[str, int],
    currency: str | None,
) -> Iterator[Table]:
    """The parts of what is asked for, the most used first, and groups of them."""
    found: dict[str, Counted] = defaultdict(Counted, by_part)
    for row in stays:
        found[row["part"]].stayed(row)
    for site, peak in site_peaks.items():
        found[site].peak = peak
    there = {part: each for part, each in found.items() if each.plug_s or each.sessions}
    span_s = scope.span.seconds
    others = also_paid(there.values())
    rows: list[tuple[Cell, ...]] = [
        (
            part, each.plugs or None, measures.share(each.busy_s, each.plug_s), each.known_s(span_s), each.energy_wh,
            each.sessions,
            each.peak, mean(each.stay_s, each.sessions), mean(each.idle_s, each.idle_known),
            *paid(each, currency, others),
        )
        for part, each in sorted(there.items(), key=lambda each: (-each[1].busy_s, each[0]))
    ]  # fmt: skip
    columns = (
        Column(name="plugs", label=mark("Plugs"), unit=Unit.COUNT),
        Column(name="utilisation", label=mark("Time in use"), unit=Unit.SHARE),
        Column(name="known_s", label=mark("Known for"), unit=Unit.SECONDS),
        Column(name="energy_wh", label=mark("Energy"), unit=Unit.ENERGY),
        Column(name="sessions", label=mark("Sessions"), unit=Unit.COUNT),
        Column(name="peak", label=mark("Most at once"), unit=Unit.COUNT),
        Column(name="dwell_s", label=mark("Mean stay"), unit=Unit.SECONDS),
        Column(name="idle_s", label=mark("Mean time idle"), unit=Unit.SECONDS),
        *money(currency, others),
    )
    yield scope.table_of_parts(columns, rows)
    if scope.part == "site":
        yield _groups(scope, found, currency)


def _groups(scope: Scope, found: Mapping[str, Counted], currency: str | None) -> Table:
    """Sites that others are part of, each with all of these; what is in two of them is told in both."""
    groups: list[tuple[Group, int, Counted]] = []
    for group in scope.asked.groups:
        whole, there = Counted(), [found[site] for site in group.sites if site in found]
        for each in there:
            whole.add(each)
            whole.stayed(structs.asdict(each))
        if there:
            groups.append((group, len(there), whole))
    others = also_paid(whole for _group, _sites, whole in groups)
    rows: list[tuple[Cell, ...]] = [
        (
            group.slug, group.name, sites, measures.share(whole.busy_s, whole.plug_s), whole.energy_wh, whole.sessions,
            *paid(whole, currency, others),
        )
        for group, sites, whole in groups
    ]  # fmt: skip
    columns = (
        Column(name="place", label=mark("Id"), unit=Unit.TEXT),
        Column(name="name", label=mark("Name"), unit=Unit.TEXT),
        Column(name="sites", label=mark("Sites"), unit=Unit.COUNT),
        Column(name="utilisation", label=mark("Time in use"), unit=Unit.SHARE),
        Column(name="energy_wh", label=mark("Energy"), unit=Unit.ENERGY),
        Column(name="sessions", label=mark("Sessions"), unit=Unit.COUNT),
        *money(currency, others),
    )
    return table("groups", mark("Groups of sites"), columns, rows)


def mix(stays: Sequence[Mapping[str, Any]], column: str, title: str, label: str) -> Table:
    """Sessions by one of their traits, the most frequent first."""
    found: dict[str, Counted] = defaultdict(Counted)
    for row in stays:
        each = found[row[column] or ""]
        each.stayed(row)
        each.energy_wh += row["energy_wh"]
    rows: list[tuple[Cell, ...]] = [
        (trait, each.sessions, each.energy_wh, mean(each.stay_s, each.sessions), mean(each.idle_s, each.idle_known))
        for trait, each in sorted(found.items(), key=lambda each: (-each[1].sessions, each[0]))
    ]
    columns = (
        Column(name=column, label=label, unit=Unit.TEXT),
        Column(name="sessions", label=mark("Sessions"), unit=Unit.COUNT),
        Column(name="energy_wh", label=mark("Energy"), unit=Unit.ENERGY),
        Column(name="dwell_s", label=mark("Mean stay"), unit=Unit.SECONDS),
        Column(name="idle_s", label=mark("Mean time idle"), unit=Unit.SECONDS),
    )
    return table(column, title, columns, rows)


def known_for(there_s: int, plugs: int, span_s: int) -> Fraction | None:
    """How long each of some plugs was there on the mean, to whole days where it was longer than one; None where that is
    no LITTLE of a span."""
    if not 0 < there_s < LITTLE * plugs * span_s:
        return None
    lasted = Fraction(there_s, plugs)
    return Fraction(lasted // DAY_S * DAY_S) if lasted >= DAY_S else lasted


def little_known(scope: Scope, whole: Counted) -> tuple[Note, ...]:
    """That the time in use of all stands on little, where it does."""
    return (_LITTLE_KNOWN,) if whole.known_s(scope.span.seconds) is not None else ()


def mean(total: int, count: int) -> Fraction | None:
    """Of a sum; None of nothing."""
    return Fraction(total, count) if count else None


def also_paid(every: Iterable[Counted]) -> list[str]:
    """Currencies in which something was paid that is not the one of most of it, so stands in a column of its own."""
    return sorted({currency for each in every for currency in each.money if currency != each.currency})


def paid(each: Counted, currency: str | None, others: Sequence[str]) -> tuple[Cell, ...]:
    """The cells of what was paid: in the currency of most of it, which is `currency` where nothing was, and in each
    other one. None of what nobody knows before taxes."""
    if currency is None:
        return ()
    most = each.currency
    also = (each.money[other] if other in each.money and other != most else 0 for other in others)
    return (each.money[most] if most else 0, most or currency, *also)


def money(currency: str | None, others: Sequence[str] = ()) -> list[Column]:
    """The columns of what was paid, where anything was: in the currency that stands in the row, then in others."""
    if currency is None:
        return []
    return [
        Column(name="revenue_minor", label=mark("Revenue"), unit=Unit.MONEY),
        Column(name="currency", label=mark("Currency"), unit=Unit.TEXT),
        *(
            Column(name=f"revenue_{each.lower()}_minor", label=mark("Revenue"), unit=Unit.MONEY, currency=each)
            for each in others
        ),
    ]
