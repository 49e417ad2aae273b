"""What drivers paid before taxes: as far as that is known, in the currency in which it is known of most of their
sessions.

A session that was free is not one of which nobody knows what it came to, and who paid in another currency alone paid.
Money is told where each month has `LEAST_OF_MONTH` drivers who paid some, or none; by segment and by number of sessions
where no class of these has one or two who did, and by class where no class has so few drivers: what is left of a sum of
one place is never one driver's. Of one place less another it may be.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from forecourt.insight.dashboards.came import driven
from forecourt.insight.dashboards.hiding import few, hidden
from forecourt.insight.dashboards.model import Cell, Column, Figure, Table, Unit, table
from forecourt.insight.dashboards.rows import rows_of
from forecourt.insight.dashboards.scope import Scope
from forecourt.insight.usage import expressions, measures
from forecourt.platform.money import minor_digits
from forecourt.ui.i18n import mark

if TYPE_CHECKING:
    import ibis

#: Where classes of what was paid begin beside the first, in whole units of a currency that has hundredths: round, and
#: the same whatever is asked, for a class that moves with a mean would tell it.
CLASSES: Final = (10, 30, 100, 300, 1_000, 3_000)
#: Currencies without hundredths have about a hundredth of others' worth.
_LEAST_DIGITS: Final = 2
#: Classes that are no amounts, by number; amounts are told apart from 1 on.
FREE, ELSEWHERE, UNKNOWN = 0, -1, -2
#: How cells say of what kind a class is.
KINDS: Final = {FREE: "paid_nothing", ELSEWHERE: "paid_elsewhere", UNKNOWN: "paid_unknown"}
AMOUNT: Final = "paid_some"
WORDS: Final = {
    KINDS[FREE]: mark("Nothing: it was free"),
    KINDS[ELSEWHERE]: mark("In another currency alone"),
    KINDS[UNKNOWN]: mark("Nobody knows what"),
}
_ORDER: Final = (FREE, *range(1, len(CLASSES) + 2), ELSEWHERE, UNKNOWN)


def currency_of(scope: Scope) -> tuple[str | None, bool]:
    """In which what drivers of the span paid is told, None where nobody knows of any; and whether there is no other."""
    found = rows_of(expressions.driver_money(driven(scope)))
    known = [row for row in found if row["excl_known"]]
    usual = max(known, key=lambda row: (row["excl_known"], row["currency"]), default={"currency": None})
    return usual["currency"], len(found) == 1


def begins(currency: str) -> tuple[int, ...]:
    """Where classes of amounts begin, in minor units: the first above nothing."""
    unit = 10 ** max(_LEAST_DIGITS, minor_digits(currency))
    return (1, *(each * unit for each in CLASSES))


def classed(each: "ibis.Table", currency: str | None) -> "ibis.Table":
    """Drivers with the class of what they paid by its number, and whether they paid something."""
    import ibis

    if currency is None:
        nothing = ibis.literal(0, "int64")
        return each.mutate(pays=ibis.literal(UNKNOWN, "int64"), payer=nothing, paid_minor=nothing,
                           paid_known=nothing)  # fmt: skip
    amounts = reversed([*enumerate(begins(currency), 1)])
    pays = ibis.cases(
        *((each.paid_minor >= least, number) for number, least in amounts),
        # What nobody knows of one session may have been paid.
        (each.paid_known >= each.sessions, FREE), (each.excl_known > each.paid_known, ELSEWHERE), else_=UNKNOWN,
    )  # fmt: skip
    return each.mutate(pays=pays.cast("int64"), payer=(each.paid_minor > 0).ifelse(1, 0).cast("int64"))


def tells(found: Mapping[Any, Mapping[str, int]]) -> bool:
    """Whether what was paid is told by these classes: none has one or two who paid, told of or not."""
    return not any(few(sums["payer"]) for sums in found.values())


def tells_each(found: Mapping[Any, Mapping[str, int]]) -> bool:
    """Whether it is told what each who paid did on the mean, for it tells how many they are: of what was paid, no class
    is hidden (`by_paid`)."""
    return not any(few(sums["drivers"]) for sums in found.values())


def parts(found: Mapping[Any, Mapping[str, int]]) -> bool:
    """The same of other classes of drivers: in none of them one or two paid nothing."""
    return not any(few(sums["drivers"] - sums["payer"]) for sums in found.values())


def paid(sums: Mapping[str, int], *, told: bool, each: bool = True) -> tuple[Cell, Cell]:
    """What drivers of a class paid together, and each of those who paid something on the mean, in minor units."""
    if not told or not sums["paid_known"]:
        return (None, None) if not told or sums["drivers"] else (0, None)
    return sums["paid_minor"], None if not each else round(measures.share(sums["paid_minor"], sums["payer"]) or 0)


def columns(currency: str | None) -> tuple[Column, ...]:
    """Of that."""
    if currency is None:
        return ()
    return (
        Column(name="paid_minor", label=mark("Paid"), unit=Unit.MONEY, currency=currency),
        Column(name="paid_a_driver_minor", label=mark("Paid by each who paid"), unit=Unit.MONEY, currency=currency),
    )


def figures(whole: Mapping[str, int], currency: str | None, *, each: bool) -> tuple[Figure, ...]:
    """What all drivers paid, and of how much that is known."""
    if currency is None:
        return ()
    each = each and not few(whole["drivers"] - whole["payer"])
    together, mean = paid(whole, told=not few(whole["payer"]), each=each)
    assert not isinstance(together, str)
    return (
        Figure(key="paid", label=mark("Paid"), unit=Unit.MONEY, value=together, currency=currency, more_is=1),  # type: ignore[arg-type]
        Figure(
            key="paid_a_driver", label=mark("Paid by each who paid"), unit=Unit.MONEY, value=mean,  # type: ignore[arg-type]
            currency=currency, more_is=1,
        ),
        Figure(
            key="priced", label=mark("Sessions of which it is known what they came to"), unit=Unit.SHARE,
            value=measures.share(whole["excl_known"], whole["sessions"]),
        ),
    )  # fmt: skip


def by_paid(found: Mapping[int, Mapping[str, int]], whole: int, currency: str) -> Table:
    """Drivers by what they paid."""
    none = {"drivers": 0, "paid_minor": 0}
    drivers: dict[str | int, int] = {number: found.get(number, none)["drivers"] for number in _ORDER}
    blank = {name for _, name in hidden([drivers, {}, {}, {}])}
    bounds = (None, *begins(currency), None)
    rows: list[tuple[Cell, ...]] = []
    for number in _ORDER:
        since, until = (bounds[number], bounds[number + 1]) if number > 0 else (None, None)
        count = None if number in blank else drivers[number]
        # What a class paid would tell how many are in the one beside it: each has its own amounts.
        known = None if blank or number < 0 else found.get(number, none)["paid_minor"]
        share = None if count is None else measures.share(count, whole)
        rows.append((KINDS.get(number, AMOUNT), since, until, count, share, known))
    columns = (
        Column(name="paid", label=mark("Drivers who paid"), unit=Unit.TEXT),
        Column(name="from_minor", label=mark("From"), unit=Unit.MONEY, currency=currency, detail=True),
        Column(name="below_minor", label=mark("Below"), unit=Unit.MONEY, currency=currency, detail=True),
        Column(name="drivers", label=mark("Drivers"), unit=Unit.COUNT),
        Column(name="share", label=mark("Of all"), unit=Unit.SHARE),
        Column(name="paid_minor", label=mark("Paid"), unit=Unit.MONEY, currency=currency),
    )
    return table("paid", mark("Drivers by what they paid"), columns, rows)
