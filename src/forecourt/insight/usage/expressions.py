"""What the lake is asked, as Ibis expressions that DuckDB, PostgreSQL and Spark answer alike.

Each takes tables of the lake (`lake.tables.COLUMNS`) and gives whole numbers: seconds, Wh, minor units, counts.
Dashboards read what the roll-up has counted, the coarsest tables that tell what is asked; what these don't tell, of a
station or by other clocks, hours and sessions do, by the same expressions.

`within` narrows a table to a time and places first; a session counts by its start, an hour by its beginning.
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import ibis

#: Lengths of stay are counted in steps of so many seconds for quantiles that every engine agrees on.
DWELL_STEP_S: Final = 60
#: So soon after the end of a driver's try the next one at the same site is part of the same visit.
VISIT_S: Final = 600
QUARTER_S: Final = 900

_SUMS: Final = ("busy_s", "charging_s", "energy_wh", "starts")


def within(
    table: "ibis.Table",
    since: datetime | None = None,
    until: datetime | None = None,
    *,
    sites: Sequence[str] = (),
    stations: Sequence[str] = (),
) -> "ibis.Table":
    """Hours or sessions that begin from one time until another, at these sites or stations; nothing said: all."""
    at = table.hour_at if "hour_at" in table.columns else table.started_at
    conditions: list[Any] = []
    if since is not None:
        conditions.append(at >= literal(since))
    if until is not None:
        conditions.append(at < literal(until))
    if sites:
        conditions.append(table.site.isin(list(sites)))
    if stations:
        conditions.append(table.station.isin(list(stations)))
    return table.filter(*conditions) if conditions else table


def placed(sessions: "ibis.Table", stations: "ibis.Table") -> "ibis.Table":
    """Sessions with the site and zone of their station."""
    return sessions.join(stations.select("station", "site", "zone"), "station")


def station_sums(hours: "ibis.Table") -> "ibis.Table":
    """Of each station and currency: busy seconds, energy, what was paid before taxes and in how many rows that is
    known, and the most that stood there at once."""
    return _grouped(hours, ("station", "currency"), _used(hours, ("busy_s", "energy_wh", "excl_minor")))


def site_sums(uses: "ibis.Table") -> "ibis.Table":
    """The same of each site, and the energy of stations whose power is known; of `site_uses`, or of hours with such
    energy, whose most at once is that at one station."""
    return _grouped(uses, ("site", "currency"), _used(uses, ("busy_s", "energy_wh", "known_wh", "excl_minor")))


def _used(uses: "ibis.Table", names: Sequence[str]) -> "dict[str, Any]":
    sums = {name: uses[name].sum().coalesce(0).cast("int64") for name in names}
    return sums | {"excl_known": uses.excl_minor.count().cast("int64"), "peak": uses.peak.max().cast("int64")}


def totals(hours: "ibis.Table", by: Sequence[str] = ()) -> "ibis.Table":
    """Busy and charging seconds, energy, starts: of all, or by `station`, `site`, `local_date`."""
    return _grouped(hours, by, {name: hours[name].sum().coalesce(0).cast("int64") for name in _SUMS})


def hour_of_week(hours: "ibis.Table", by: Sequence[str] = ()) -> "ibis.Table":
    """The same by the day of the week (0 is Monday) and the hour of each site's own clock, with the most at once."""
    sums = {name: hours[name].sum().cast("int64") for name in _SUMS}
    return _grouped(hours, (*by, "weekday", "hour"), sums | {"peak": hours.peak.max().cast("int64")})


def daily(hours: "ibis.Table", by: Sequence[str] = ()) -> "ibis.Table":
    """The same by the day of each site's own clock and the currency, with what was paid before taxes, and in how many
    rows that is known."""
    sums = {name: hours[name].sum().coalesce(0).cast("int64") for name in (*_SUMS, "excl_minor")}
    sums |= {"excl_known": hours.excl_minor.count().cast("int64")}
    return _grouped(hours, (*by, "local_date", "currency"), sums)


def peaks(hours: "ibis.Table", by: Sequence[str] = ("station",)) -> "ibis.Table":
    """The most that stood there at once in any hour: `hours` by station, `site_hours` by site; never across either."""
    return _grouped(hours, by, {"peak": hours.peak.max().coalesce(0).cast("int64")})


def peak_hours(hours: "ibis.Table") -> "ibis.Table":
    """Starts, energy and the most at once by the hour of the day of each site's own clock."""
    sums = {name: hours[name].sum().cast("int64") for name in ("busy_s", "energy_wh", "starts")}
    return _grouped(hours, ("hour",), sums | {"peak": hours.peak.max().cast("int64")})


def revenue(hours: "ibis.Table", by: Sequence[str] = ()) -> "ibis.Table":
    """What sessions that began there came to, before and after taxes, in minor units by currency."""
    paid = hours.filter(hours.currency.notnull())
    sums = {name: paid[name].sum().coalesce(0).cast("int64") for name in ("excl_minor", "incl_minor")}
    return _grouped(paid, (*by, "currency"), sums)


def counted(sessions: "ibis.Table") -> "ibis.Table":
    """Sessions as `site_days` and `group_days` tell of them: each counts one."""
    said = {"idle_known": "idle_s", "with_driver": "driver", "excl_known": "excl_minor"}
    known = {name: sessions[column].notnull().ifelse(1, 0).cast("int64") for name, column in said.items()}
    return sessions.mutate(sessions=_one(), **known)


def emissions(hours: "ibis.Table", intensities: "ibis.Table", zones: Sequence[tuple[str, str]]) -> "ibis.Table":
    """Energy of hours whose CO2 intensity is known, in Wh, and its grams: by the mean of the intensities that begin in
    the hour. `zones` of sites; energy is weighed by the mean whatever the minute."""
    import ibis

    means = intensities.group_by(intensities.zone, hour=intensities.start_at.truncate("h")).aggregate(
        grams=intensities.value.mean()
    )
    places = ibis.memtable({"site": [site for site, _ in zones], "zone": [zone for _, zone in zones]})
    placed = hours.join(places, "site").mutate(hour=ibis._.hour_at.truncate("h"))
    known = placed.join(means, ["zone", "hour"])
    return known.aggregate(
        energy_wh=known.energy_wh.sum().coalesce(0).cast("int64"),
        grams=(known.energy_wh * known.grams / 1000).sum().coalesce(0).round().cast("int64"),
    )


def arrivals(counts: "ibis.Table", by: Sequence[str] = ("station",)) -> "ibis.Table":
    """How many came, charged, took nothing, and were refused, of `counted` sessions or of `site_days`."""
    sums = {"arrivals": counts.sessions.sum().coalesce(0).cast("int64")}
    for word in ("charged", "nothing", "refused"):
        sums[word] = (counts.outcome == word).ifelse(counts.sessions, 0).sum().coalesce(0).cast("int64")
    return _grouped(counts, by, sums)


def stays(counts: "ibis.Table", by: Sequence[str] = ()) -> "ibis.Table":
    """How long sessions lasted and stood idle after charging, in all, and of how many that is known; of `counted`
    sessions or of `site_days`."""
    names = ("sessions", "stay_s", "idle_known", "idle_s", "energy_wh", "with_driver")
    return _grouped(counts, by, {name: counts[name].sum().coalesce(0).cast("int64") for name in names})


def group_sums(counts: "ibis.Table", by: Sequence[str] = ("driver_group", "currency")) -> "ibis.Table":
    """Of each group of drivers and currency, how many sessions there were, how long they lasted and stood idle, what
    they took, what was paid before taxes, and of how many that is known; of `counted` sessions, of `group_days` or of
    `group_uses`."""
    names = ("sessions", "stay_s", "idle_known", "idle_s", "energy_wh", "excl_minor", "excl_known")
    return _grouped(counts, by, {name: counts[name].sum().coalesce(0).cast("int64") for name in names})


def stay_minutes(sessions: "ibis.Table", by: Sequence[str] = ()) -> "ibis.Table":
    """How many sessions lasted so many whole minutes: what quantiles are read off."""
    stepped = sessions.mutate(minutes=(sessions.stay_s // DWELL_STEP_S).cast("int64"))
    return _grouped(stepped, (*by, "minutes"), {"sessions": stepped.count().cast("int64")})


def stay_seconds(sessions: "ibis.Table", minutes: Collection[int]) -> "ibis.Table":
    """How many sessions lasted so many seconds, of those that lasted so many whole minutes."""
    stepped = sessions.mutate(minutes=(sessions.stay_s // DWELL_STEP_S).cast("int64"))
    some = stepped.filter(stepped.minutes.isin(sorted(minutes)))
    return _grouped(some, ("minutes", "stay_s"), {"sessions": some.count().cast("int64")})


def concurrency(sessions: "ibis.Table", by: Sequence[str] = ()) -> "ibis.Table":
    """The most sessions at once, of a network or by `station` or `site`; who leaves makes room for who comes that same
    second."""
    import ibis

    timed = _timed(sessions).filter(ibis._.over_s > ibis._.began_s)
    names = [*by]
    came = timed.select(*names, at=timed.began_s, step=_one())
    went = timed.select(*names, at=timed.over_s, step=ibis.literal(-1, "int64"))
    moves = came.union(went).group_by([*names, "at"]).aggregate(step=ibis._.step.sum().cast("int64"))
    # Who goes and who comes in one second are one move: the number there after it is right either way.
    order = ibis.window(group_by=names or None, order_by="at", preceding=(None, 0))
    there = moves.mutate(present=moves.step.sum().over(order))
    return _grouped(there, by, {"peak": there.present.max().coalesce(0).cast("int64")})


def driven(sessions: "ibis.Table") -> "ibis.Table":
    """Sessions of known drivers as `driver_months` tell of them: each counts one."""
    known = sessions.filter(sessions.driver.notnull())
    paid = (known.currency.notnull() & known.excl_minor.notnull()).ifelse(1, 0).cast("int64")
    return known.mutate(first_at=known.started_at, last_at=known.started_at, sessions=_one(), excl_known=paid)


def drivers(made: "ibis.Table", by: Sequence[str] = ()) -> "ibis.Table":
    """How many different drivers came, of sessions `driven` or of `driver_months`."""
    each = made.select(*by, "driver").distinct()
    return _grouped(each, by, {"drivers": each.count().cast("int64")})


def driver_sums(made: "ibis.Table", currency: str | None = None, *, alone: bool = False) -> "ibis.Table":
    """Of each driver, when the first and the last session began, how many there were, what they took, of how many it is
    known what they came to in any currency; what was paid before taxes in this one, and of how many that is known. Of
    sessions `driven`, of `driver_months` or of `driver_spans`; in no order. `alone`: nothing was paid in any other, so
    nobody looks which it was."""
    sums = {name: made[name].sum().coalesce(0).cast("int64") for name in ("sessions", "energy_wh", "excl_known")}
    if currency is not None:
        for name, column in (("paid_minor", "excl_minor"), ("paid_known", "excl_known")):
            amount = made[column] if alone else (made.currency == currency).ifelse(made[column], 0)
            sums[name] = amount.sum().coalesce(0).cast("int64")
    # As many as there are drivers: their order would cost more than their sums.
    return made.group_by("driver").aggregate(first_at=made.first_at.min(), last_at=made.last_at.max(), **sums)


def driver_money(made: "ibis.Table") -> "ibis.Table":
    """By currency, of how many sessions of known drivers it is known what they came to."""
    paid = made.filter(made.currency.notnull())
    return _grouped(paid, ("currency",), {"excl_known": paid.excl_known.sum().coalesce(0).cast("int64")})


def visits(sessions: "ibis.Table", by: Sequence[str] = ()) -> "ibis.Table":
    """How many visits there were, in how many somebody charged, and in how many at the first try. A visit is tries of
    one driver at one site, each within VISIT_S of the end of the one before; a try of nobody known is one of its own.
    A visit is where and when its first try was."""
    return visit_sums(begun_visits(sessions, by), by)


def visit_sums(made: "ibis.Table", by: Sequence[str] = ()) -> "ibis.Table":
    """The same of `begun_visits`, or of `site_days`."""
    names = ("visits", "visits_charged", "at_once")
    return _grouped(made, by, {name: made[name].sum().coalesce(0).cast("int64") for name in names})


def begun_visits(sessions: "ibis.Table", keep: Sequence[str] = ()) -> "ibis.Table":
    """One row a visit, with these columns of its first try and `began_s`, when that began, in seconds since 1970."""
    import ibis

    did = (sessions.outcome == "charged").ifelse(1, 0).cast("int64")
    tries = _timed(sessions).mutate(did=did, place=sessions.site.coalesce(sessions.station))
    order = ["began_s", "over_s", "session"]
    before = tries.over_s.lag().over(ibis.window(group_by=["driver", "place"], order_by=order))
    same = tries.driver.notnull() & before.notnull() & (tries.began_s - before <= VISIT_S)
    tries = tries.mutate(begun=same.ifelse(0, 1).cast("int64"))
    number = tries.begun.sum().over(ibis.window(group_by=["driver", "place"], order_by=order, preceding=(None, 0)))
    tries = tries.mutate(number=number)
    made = tries.group_by(["driver", "place", "number"]).aggregate(
        visits_charged=tries.did.max(),
        at_once=(tries.begun * tries.did).sum().cast("int64"),
        **{name: tries[name].max(where=tries.begun == 1) for name in ("began_s", *keep)},
    )
    return made.mutate(visits=_one())


def arrivals_by_quarter(sessions: "ibis.Table") -> "ibis.Table":
    """`arrivals` by the quarter of an hour, in seconds since 1970: every zone's days begin with one."""
    timed = _timed(sessions)
    quarter = (timed.began_s // QUARTER_S * QUARTER_S).cast("int64")
    return arrivals(counted(timed.mutate(quarter_s=quarter)), ("quarter_s",))


def _timed(sessions: "ibis.Table") -> "ibis.Table":
    """Sessions with their times as whole seconds since 1970."""
    began, over = sessions.started_at.epoch_seconds(), sessions.ended_at.epoch_seconds()
    return sessions.mutate(began_s=began.cast("int64"), over_s=over.cast("int64"))


def _one() -> Any:
    import ibis

    return ibis.literal(1, "int64")


def _grouped(table: "ibis.Table", by: Sequence[str], sums: "dict[str, Any]") -> "ibis.Table":
    """Sums by these columns, in their order; without any, one row."""
    if not by:
        return table.aggregate(**sums)
    return table.group_by(list(by)).aggregate(**sums).order_by(list(by))


def literal(at: datetime) -> Any:
    """A time in an expression."""
    import ibis

    return ibis.literal(at, type="timestamp('UTC')")
