"""How figures and cells read on a page and on paper."""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from fractions import Fraction
from typing import Final

from babel.dates import format_skeleton

from forecourt.insight.dashboards import paying
from forecourt.insight.dashboards.asking import Question
from forecourt.insight.dashboards.availability import CAUSES
from forecourt.insight.dashboards.drivers import SEGMENTS
from forecourt.insight.dashboards.model import NO_SITE, Cell, Column, Compare, Figure, Note, Table, Unit
from forecourt.ui import formats, i18n
from forecourt.ui.i18n import gettext as _
from forecourt.ui.i18n import mark

COMPARES: Final = {
    Compare.BEFORE: mark("the days before"),
    Compare.YEAR: mark("a year before"),
    Compare.NOTHING: mark("nothing"),
}
#: Ways to pay, by `payments.intents.model.Method`.
WAYS: Final = {
    "hosted": mark("on the provider's page"), "saved": mark("by a way the provider keeps"),
    "reader": mark("at a terminal"), "terminal": mark("at the station's own terminal"),
    "wallet": mark("from the wallet"), "invoice": mark("by invoice"),
}  # fmt: skip
#: Words for cells that are words of the program.
SAID: Final = {**CAUSES, **SEGMENTS, **WAYS, **paying.WORDS}
#: All sessions that no group is told of.
NO_GROUP: Final = mark("None, or one of few drivers")
#: From so many Wh on, energy is told in MWh.
MEGA: Final = 10_000_000
KILO: Final = 1_000
DAYS: Final = (mark("Mon"), mark("Tue"), mark("Wed"), mark("Thu"), mark("Fri"), mark("Sat"), mark("Sun"))
#: Sites that a note names; what it calls those that are none, and how many more there are.
MAX_NAMED: Final = 3
WITHOUT_SITE: Final = mark("stations without a site")
MORE: Final = mark("%(n)s more")
#: Why nothing is told of drivers where an answer says `too_few`.
TOO_FEW: Final = mark(
    "In one of these months fewer than ten drivers came here. Who they are could be found out, so nothing is told: look"
    " at more sites together."
)


def plainly(marked: str) -> str:
    """Words in English, as a page's catalogue has them: per cent signs are doubled there."""
    return marked.replace("%%", "%")


def said(label: str) -> str:
    """A label of the dashboards in the language that is being spoken; there per cent is doubled, as pages want it."""
    return _(label) % {}


def figure(each: Figure) -> str:
    """A figure with its unit; money that nobody knows is not nothing."""
    if each.value is None and each.unit == Unit.MONEY:
        return f"{_('not known')} ({each.currency})"
    return value(each.value, each.unit, each.currency)


def note(each: Note, said: Callable[[str], str] = _, dated: Callable[[date], str] = formats.date_of) -> str:
    """What must be known, in a sentence or two; `said` of what is marked, `dated` of days."""
    named = [name or said(WITHOUT_SITE) for name in each.names[:MAX_NAMED]]
    if len(each.names) > MAX_NAMED:
        named.append(said(MORE) % {"n": len(each.names) - MAX_NAMED})
    values = {name: text if isinstance(text, str) else dated(text) for name, text in each.values.items()}
    return said(each.text) % {"names": ", ".join(named), **values}


def value(cell: Cell, unit: Unit, currency: str | None = None) -> str:
    """A cell with its unit; a dash for nothing."""
    if cell is None:
        return formats.NOTHING
    if isinstance(cell, datetime):
        return formats.moment(cell)
    if isinstance(cell, date):
        return formats.date_of(cell)
    if isinstance(cell, str):
        return _(SAID[cell]) if cell in SAID else cell
    if unit == Unit.SHARE:
        return f"{i18n.number(float(cell * 100), 1)}{formats.SPACE}%"
    if unit == Unit.SECONDS:
        return formats.duration(timedelta(seconds=round(cell)))
    if unit == Unit.MEAN:
        return i18n.number(float(cell), 2)
    if unit == Unit.ENERGY:
        return energy(int(cell))
    if unit == Unit.POWER:
        return f"{i18n.number(float(cell) / 1000, 1)}{formats.SPACE}kW"
    if unit == Unit.MASS:
        return mass(int(cell))
    return formats.money(int(cell), currency) if unit == Unit.MONEY else formats.count(int(cell))


def energy(energy_wh: int) -> str:
    """`12.3 kWh`, of much `12.34 MWh`."""
    if energy_wh < MEGA:
        return f"{i18n.number(energy_wh / 1000, 1)}{formats.SPACE}kWh"
    return f"{i18n.number(energy_wh / 1_000_000, 2)}{formats.SPACE}MWh"


def mass(grams: int) -> str:
    """`412 g`, of more `12.3 kg`."""
    if abs(grams) < KILO:
        return f"{i18n.number(grams)}{formats.SPACE}g"
    return f"{i18n.number(grams / KILO, 1)}{formats.SPACE}kg"


def columns(table: Table) -> list[int]:
    """The places of columns that a page shows: not ids and currencies, which stand with what they are of, nor what is
    known of no row, or is nothing in all of them where that goes without saying."""
    return [
        place
        for place, column in enumerate(table.columns)
        if column.name not in ("place", "currency")
        and not column.detail
        and any(row[place] if column.quiet else row[place] is not None for row in table.rows)
    ]


def cell(table: Table, row: tuple[Cell, ...], place: int) -> str:
    """A cell with its unit; of what has no name, that it has none."""
    if table.key == "places" and table.columns[place].name == "name":
        return part(table, row)
    if row[place] == "":
        return _(NO_GROUP) if table.columns[place].name == "driver_group" else _("not known")
    if row[place] == paying.AMOUNT:
        return amounts(table, row)
    return value(row[place], table.columns[place].unit, currency(table, row, place))


def amounts(table: Table, row: tuple[Cell, ...]) -> str:
    """A class of amounts: below the end of the first, from where the last begins, and from one to another."""
    since, until = (table.at(name) for name in ("from_minor", "below_minor"))
    if row[until] is None:
        return f"≥ {cell(table, row, since)}"
    first = row[since] == min(each for each in table.cells("from_minor") if isinstance(each, int))
    return (
        f"< {cell(table, row, until)}" if first else f"{cell(table, row, since)} \N{EN DASH} {cell(table, row, until)}"
    )


def currency(table: Table, row: tuple[Cell, ...], place: int) -> str | None:
    """In which money of a cell is."""
    said = table.columns[place].currency
    stands = [row[at] for at, column in enumerate(table.columns) if column.name == "currency"]
    return said or (str(stands[0]) if stands else None)


def heading(column: Column, label: str) -> str:
    """The label of a column as it is said, with the currency that all of it is in."""
    return f"{label} ({column.currency})" if column.currency else label


def tells(table: Table) -> bool:
    """Whether a table says anything: one of a trait that nobody knows does not."""
    return bool(table.rows) and not (len(table.rows) == 1 and table.rows[0][0] == "" and table.key != "places")


def change(each: Figure) -> str:
    """By how much a figure changed, with its sign: per cent, of shares points."""
    if each.change is None:
        return ""
    hundredths = round(float(each.change * 100), 1)
    sign = "+" if hundredths > 0 else "\N{MINUS SIGN}" if hundredths < 0 else "±"
    number = i18n.number(abs(hundredths), 1)
    return (
        _("%(n)s points") % {"n": f"{sign}{number}"} if each.unit == Unit.SHARE else f"{sign}{number}{formats.SPACE}%"
    )


def is_good(each: Figure) -> str:
    """Whether a change is for the better: `good`, `bad` or neither."""
    if not each.change or not each.more_is:
        return ""
    return "good" if (each.change > 0) == (each.more_is > 0) else "bad"


def part(table: Table, row: tuple[Cell, ...]) -> str:
    """The name of a part of a place."""
    name = row[table.at("name")]
    return _("No site") if name in (NO_SITE, None) else str(name) or _("EVSE not known")


def place_of(asked: Question) -> str:
    """What is looked at, in words."""
    if asked.station:
        return f"{asked.station} · EVSE {asked.evse}" if asked.evse else asked.station
    if asked.site:
        return _("No site") if asked.site == NO_SITE else asked.site
    return ""


def dwell(row: tuple[Cell, ...]) -> str:
    """A class of lengths of stay."""
    since, until = (None if cell is None else timedelta(seconds=int(cell)) for cell in row[:2])  # type: ignore[arg-type]
    return f"≥ {formats.duration(since)}" if until is None else f"< {formats.duration(until)}"


def dwell_tick(row: tuple[Cell, ...]) -> str:
    """The same below a bar, in few letters: `< 4 h`."""
    since_s, until_s = (None if cell is None else int(cell) for cell in row[:2])  # type: ignore[arg-type]
    at_s = (since_s if until_s is None else until_s) or 0
    whole = f"{at_s // 3600}{formats.SPACE}h" if at_s >= 3600 else f"{at_s // 60}{formats.SPACE}min"
    return f"{'≥' if until_s is None else '<'} {whole}"


def axis(top: int, share: float, unit: Unit) -> str:
    """What a line of a chart stands for; nothing where that is no whole number."""
    at = top * share
    if unit == Unit.ENERGY:
        return f"{i18n.number(at / 1000, 1 if 0 < at < 1000 else 0)}{formats.SPACE}kWh"
    return i18n.number(int(at)) if at == int(at) else ""


def short_day(day: Cell) -> str:
    """A day below a bar: `3 Mar`."""
    assert isinstance(day, date)
    return format_skeleton("MMMd", datetime(day.year, day.month, day.day), locale=i18n.current().locale)  # noqa: DTZ001


def most(table: Table, name: str) -> Cell:
    """The most of a column."""
    return max((cell for cell in table.cells(name) if isinstance(cell, int | Fraction)), default=None)


def into(asked: Question, path: str, part: Cell) -> str:
    """The address of a part of the place."""
    if asked.station:
        return asked.href(path, evse=str(part))
    return asked.href(path, **{"station" if asked.site and asked.group is None else "site": str(part)})


#: How an address says the traits by which sessions are told apart.
TRAITS: Final = {"connector_type": "kind", "tariff": "tariff", "paid_by": "paid", "driver_group": "driver_group"}


def told_apart(asked: Question) -> list[tuple[str, str, str]]:
    """Traits that are asked for: the filter, its word and its value."""
    said = (
        ("kind", mark("Connector"), asked.kind), ("tariff", mark("Tariff"), asked.tariff),
        ("paid", mark("Paid"), _(WAYS[asked.paid]) if asked.paid in WAYS else asked.paid),
        ("driver_group", mark("Group of drivers"), asked.driver_group),
    )  # fmt: skip
    return [each for each in said if each[2]]
