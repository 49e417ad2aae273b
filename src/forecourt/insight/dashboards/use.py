"""Use: how much plugs were taken, by how many at once, when, for how long, and what they gave and earned."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date
from fractions import Fraction
from typing import Any, Final

from forecourt.insight.dashboards import owned
from forecourt.insight.dashboards.groups import by_group, named
from forecourt.insight.dashboards.model import Answer, Cell, Column, Figure, Table, Unit, table
from forecourt.insight.dashboards.parts import Counted, little_known, mean, mix, money, places
from forecourt.insight.dashboards.rows import rows_of
from forecourt.insight.dashboards.scope import Scope
from forecourt.insight.dashboards.sites import by_site
from forecourt.insight.usage import expressions, measures
from forecourt.ui.i18n import mark

MINUTE_S: Final = 60
#: Where the classes of lengths of stay begin, in minutes.
DWELL_CLASSES: Final = (0, 15, 30, 60, 120, 240, 480, 720, 1440)
#: Traits of sessions by which they are told apart: titles of the tables and of their first column.
MIXES: Final = {
    "connector_type": (mark("By kind of connector"), mark("Connector")),
    "tariff": (mark("By tariff"), mark("Tariff")),
    "paid_by": (mark("By way to pay"), mark("Paid")),
}


def answer(scope: Scope) -> Answer:
    """Everything of the family."""
    # Stations of sites, EVSEs of a station; of more than one site, sites.
    by_part, site_peaks = by_site(scope) if scope.part == "site" else (_by_station(scope), {})
    few = owned.hidden(scope)
    stays = owned.masked(few, rows_of(expressions.stays(scope.parted, ("part", *MIXES))))
    whole = Counted()
    for each in by_part.values():
        whole.add(each)
    for row in stays:
        whole.stayed(row)
    whole.peak = _peak(scope, by_part)
    minutes = scope.stay_minutes()
    currency, groups = _usual(by_part.values()), named(scope)
    return Answer(
        figures=_figures(scope, whole, minutes),
        tables=(
            _timeline(scope, currency),
            *_clocked(scope, whole),
            _dwell(minutes),
            *places(scope, by_part, stays, site_peaks, currency),
            *(mix(stays, column, title, label) for column, (title, label) in MIXES.items()),
            *by_group(scope, groups, whole, sum(row["energy_wh"] for row in stays)),
        ),
        notes=(*little_known(scope, whole), *groups.notes, *owned.notes(few)),
    )


def _usual(every: Iterable[Counted]) -> str | None:
    """The currency of most of them, one of which sums are known before any other: sums in several can't be held against
    each other."""
    counts: Counter[str] = Counter()
    known: set[str] = set()
    for each in every:
        if each.currency:
            counts[each.currency] += 1
        known |= {currency for currency, amount in each.money.items() if amount is not None}
    return max(counts, key=lambda each: (each in known, counts[each], each), default=None)


def _by_station(scope: Scope) -> dict[str, Counted]:
    """What each station comes to, or each EVSE of the one that is asked for."""
    found: dict[str, Counted] = defaultdict(Counted)
    for row in rows_of(expressions.station_sums(scope.hours)):
        each = found[row["station"]]
        each.peak = max(each.peak, row["peak"])
        each.busy_s += row["busy_s"]
        each.energy_wh += row["energy_wh"]
        if row["currency"] is not None:
            each.paid(row["currency"], row["excl_minor"] if row["excl_known"] else None)
    _add_plugs(scope, found)
    return dict(found)


def _add_plugs(scope: Scope, found: dict[str, Counted]) -> None:
    if scope.asked.traits:
        # Nobody knows how many plugs there are of a kind, or at which tariff one stands: of what these are no share.
        return
    if scope.asked.station is None:
        for station in scope.stations:
            each, there_s = found[station.station], scope.there_s(station)
            each.plugs, each.plug_s = station.evses, station.evses * there_s
            if station.power_w:
                each.known_wh, each.power_ws = each.energy_wh, station.power_w * there_s
        return
    [station] = scope.stations
    there_s = scope.there_s(station)
    for each in found.values():
        each.plugs, each.plug_s = 1, there_s
    if scope.asked.evse is None:
        # EVSEs that nobody used in the span stand for nothing but their time.
        for name in unused_evses(found, station.evses):
            found.setdefault(name, Counted())
            found[name].plugs += 1
            found[name].plug_s += there_s
        if station.power_w:
            first = next(iter(found.values()))
            first.known_wh, first.power_ws = sum(each.energy_wh for each in found.values()), station.power_w * there_s


def unused_evses(used: Collection[str], evses: int) -> list[str]:
    """Names of a station's EVSEs that are none of those in use: numbers from 1, as OCPP has them. Where one in use is
    called otherwise, or nobody knows which it is, they have no name."""
    count = max(0, evses - len(used))
    numbers = [str(number) for number in range(1, evses + 1)]
    return [name for name in numbers if name not in used] if set(used) <= set(numbers) else [""] * count


def _peak(scope: Scope, by_station: Mapping[str, Counted]) -> int:
    """The most at once: of one EVSE, station or site by its hours, of more by sessions."""
    if scope.asked.evse is not None:
        return max((each.peak for each in by_station.values()), default=0)
    return scope.peak()


def _figures(scope: Scope, whole: Counted, minutes: Mapping[int, int]) -> tuple[Figure, ...]:
    money = [
        Figure(key="revenue", label=mark("Revenue"), unit=Unit.MONEY, value=amount, currency=currency, more_is=1)
        for currency, amount in sorted(whole.money.items(), key=lambda each: -(each[1] or 0))
    ]
    return (
        Figure(key="energy", label=mark("Energy"), unit=Unit.ENERGY, value=whole.energy_wh, more_is=1),
        *money,
        Figure(key="sessions", label=mark("Sessions"), unit=Unit.COUNT, value=whole.sessions, more_is=1),
        Figure(
            key="utilisation", label=mark("Time in use"), unit=Unit.SHARE, more_is=1,
            value=measures.share(whole.busy_s, whole.plug_s),
        ),
        Figure(
            key="energy_utilisation", label=mark("Of the energy possible"), unit=Unit.SHARE, more_is=1,
            value=measures.share(whole.known_wh * measures.HOUR_S, whole.power_ws),
        ),
        Figure(key="peak", label=mark("Most at once"), unit=Unit.COUNT, value=whole.peak),
        Figure(
            key="dwell_median", label=mark("Median stay"), unit=Unit.SECONDS,
            value=scope.median_stay_s(minutes),
        ),
        Figure(key="dwell", label=mark("Mean stay"), unit=Unit.SECONDS, value=mean(whole.stay_s, whole.sessions)),
        Figure(
            key="idle", label=mark("Mean time idle after charging"), unit=Unit.SECONDS, more_is=-1,
            value=mean(whole.idle_s, whole.idle_known),
        ),
        *_emissions(scope),
    )  # fmt: skip


def _emissions(scope: Scope) -> tuple[Figure, ...]:
    """CO2 of energy, of hours and sites whose intensity is known."""
    if not scope.asked.co2:
        return ()
    hours = scope.site_hours if scope.asked.station is None else scope.hours
    [told] = rows_of(expressions.emissions(hours, scope.intensities, scope.asked.co2))
    if not told["energy_wh"]:
        return ()
    a_kwh = Fraction(1000 * told["grams"], told["energy_wh"])
    return (
        Figure(key="co2", label=mark("CO2, where it is known"), unit=Unit.MASS, value=told["grams"], more_is=-1),
        Figure(key="co2_a_kwh", label=mark("CO2 of a kWh"), unit=Unit.MASS, value=round(a_kwh), more_is=-1),
    )


def _timeline(scope: Scope, currency: str | None) -> Table:
    """Days of the sites' clocks, or weeks where there are many; what was paid in `currency`, and in each other one in a
    column of its own."""
    found = rows_of(expressions.daily(scope.clock_uses))
    others = sorted({row["currency"] for row in found} - {None, currency})
    paid_in = [each for each in (currency, *others) if each]
    sums: dict[date, list[int]] = {}
    for row in found:
        told = sums.setdefault(row["local_date"], [0] * (3 + 3 * len(paid_in)))
        added = [row["energy_wh"], row["starts"], row["busy_s"]]
        for each in paid_in:
            added += (row["excl_minor"], row["excl_known"], 1) if row["currency"] == each else (0, 0, 0)
        for place, amount in enumerate(added):
            told[place] += amount
    rows: list[tuple[Cell, ...]] = []
    for day, (energy, starts, busy, *money_told) in scope.over_time(sums, 3 + 3 * len(paid_in)):
        # What was paid and is nowhere known before taxes is not nothing.
        amounts = [
            None if paid and not known else amount
            for amount, known, paid in zip(*(money_told[part::3] for part in range(3)), strict=True)
        ]
        main: tuple[Cell, ...] = (amounts[0], currency) if currency else ()
        rows.append((day, energy, starts, busy, *main, *amounts[len(main) // 2 :]))
    columns = (
        scope.day_column,
        Column(name="energy_wh", label=mark("Energy"), unit=Unit.ENERGY),
        Column(name="sessions", label=mark("Sessions"), unit=Unit.COUNT),
        Column(name="busy_s", label=mark("Plugs taken for"), unit=Unit.SECONDS),
        *money(currency, others),
    )
    return table("timeline", mark("Energy and sessions over time"), columns, rows)


def _clocked(scope: Scope, whole: Counted) -> tuple[Table, Table]:
    """By the hour of the week and of the day of the sites' own clocks."""
    alone = next(iter(scope.zones), "UTC") if len(scope.zones) <= 1 else None
    zones = {} if alone else {station.station: station.zone for station in scope.stations}
    by: tuple[str, ...] = () if alone or scope.asked.station else ("zone",) if scope.asked.whole else ("station",)
    found = rows_of(expressions.hour_of_week(scope.clock_uses, by))
    for row in found:
        row["zone"] = alone or row.get("zone") or zones.get(row.get("station", ""), "UTC")
    return _hour_of_week(scope, whole, found), _hour_of_day(scope, found)


def _hour_of_week(scope: Scope, whole: Counted, found: Sequence[Mapping[str, Any]]) -> Table:
    """How many plugs were taken on the mean in each hour of the week."""
    busy: Counter[tuple[str, int, int]] = Counter()
    starts: Counter[tuple[int, int]] = Counter()
    for row in found:
        slot = row["weekday"], row["hour"]
        busy[row["zone"], *slot] += row["busy_s"]
        starts[slot] += row["starts"]
    seconds = {
        zone: measures.hours_of_week(zone, scope.span.since, scope.span.until) for zone in {zone for zone, *_ in busy}
    }
    plugs = measures.share(whole.plug_s, scope.span.seconds) if scope.asked.evse is None else Fraction(1)
    rows: list[tuple[Cell, ...]] = []
    for slot in ((weekday, hour) for weekday in range(7) for hour in range(24)):
        taken = sum(
            (Fraction(busy[zone, *slot], had[slot]) for zone, had in seconds.items() if had.get(slot)), Fraction(0)
        )
        rows.append(
            (*slot, sum(busy[zone, *slot] for zone in seconds), starts[slot], taken, taken / plugs if plugs else None)
        )
    columns = (
        Column(name="weekday", label=mark("Day of the week, 0 is Monday"), unit=Unit.COUNT),
        Column(name="hour", label=mark("Hour"), unit=Unit.COUNT),
        Column(name="busy_s", label=mark("Plugs taken for"), unit=Unit.SECONDS),
        Column(name="sessions", label=mark("Sessions"), unit=Unit.COUNT),
        Column(name="plugs_taken", label=mark("Plugs taken"), unit=Unit.MEAN),
        Column(name="utilisation", label=mark("Time in use"), unit=Unit.SHARE),
    )
    return table("hour_of_week", mark("Use by hour of the week"), columns, rows)


def _hour_of_day(scope: Scope, found: Sequence[Mapping[str, Any]]) -> Table:
    """When people come, and the most that stood at one site at once, or at the station or EVSE."""
    of_site = scope.asked.station is None
    peaks: Counter[int] = Counter()
    if of_site and not scope.asked.whole:
        peaks.update({row["hour"]: row["peak"] for row in rows_of(expressions.peak_hours(scope.site_hours))})
    sums: dict[int, Counter[str]] = {hour: Counter() for hour in range(24)}
    for row in found:
        sums[row["hour"]].update({name: row[name] for name in ("starts", "energy_wh", "busy_s")})
        peaks[row["hour"]] = max(peaks[row["hour"]], row["peak"])
    days = max(1, len(scope.days))
    rows: list[tuple[Cell, ...]] = [
        (hour, told["starts"], Fraction(told["starts"], days), told["energy_wh"], told["busy_s"], peaks[hour])
        for hour, told in sums.items()
    ]
    columns = (
        Column(name="hour", label=mark("Hour"), unit=Unit.COUNT),
        Column(name="sessions", label=mark("Arrivals"), unit=Unit.COUNT),
        Column(name="sessions_a_day", label=mark("Arrivals a day"), unit=Unit.MEAN),
        Column(name="energy_wh", label=mark("Energy"), unit=Unit.ENERGY),
        Column(name="busy_s", label=mark("Plugs taken for"), unit=Unit.SECONDS),
        Column(name="peak", label=mark("Most at once at a site") if of_site else mark("Most at once"), unit=Unit.COUNT),
    )
    return table("hour_of_day", mark("Arrivals by hour of the day"), columns, rows)


def _dwell(minutes: Mapping[int, int]) -> Table:
    """How many sessions lasted how long."""
    counts = [0] * len(DWELL_CLASSES)
    for lasted, sessions in minutes.items():
        place = sum(1 for begins in DWELL_CLASSES if begins <= lasted) - 1
        counts[max(0, place)] += sessions
    ends = [*DWELL_CLASSES[1:], None]
    rows: list[tuple[Cell, ...]] = [
        (begins * MINUTE_S, None if end is None else end * MINUTE_S, count)
        for begins, end, count in zip(DWELL_CLASSES, ends, counts, strict=True)
    ]
    columns = (
        Column(name="from_s", label=mark("From"), unit=Unit.SECONDS),
        Column(name="below_s", label=mark("Below"), unit=Unit.SECONDS),
        Column(name="sessions", label=mark("Sessions"), unit=Unit.COUNT),
    )
    return table("dwell", mark("How long people stay"), columns, rows)
