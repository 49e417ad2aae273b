"""A scenario: the site, what its energy costs and how it is planned, as a TOML file says it."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Final
from zoneinfo import ZoneInfo, available_timezones

import msgspec
import numpy as np
from msgspec import Meta, Struct

from forecourt.energy.model import Electrics, Evse, Node, Phases, faults
from forecourt.energy.planner.problem import Horizon
from forecourt.energy.planner.settings import DAYS, INSISTENCE
from forecourt.energy.rows import Floats, Rows
from forecourt.energy.site import Mode
from forecourt.energy.whatif.drivers import Drivers
from forecourt.energy.whatif.fleet import Fleet
from forecourt.energy.whatif.limits import Allowed, Borne, borne, limit_faults, limits_in_steps
from forecourt.energy.whatif.series import Hour, ScenarioRefused, Series, Table, at_hour, day_faults, from_table
from forecourt.energy.whatif.storage import Giving, Store, storage_faults
from forecourt.energy.whatif.wishes import Wish, wish_faults
from forecourt.platform.text import text_of

Positive = Annotated[float, Meta(gt=0, le=1e9)]
NotNegative = Annotated[float, Meta(ge=0, le=1e9)]
#: What of a scenario changes with time, beside prices.
SERIES = ("load", "solar", "co2")
#: Buildings at nodes of one scenario.
MAX_LOADS: Final = 50
#: How much a price per kWh may be, either way.
Price = Annotated[float, Meta(ge=-100, le=100)]


class Group(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """EVSEs that are alike. Their ids are the stations of the session files."""

    ids: tuple[str, ...]
    node: str
    phases: Phases = Phases.ALL
    max_a: Positive = 32.0
    min_a: NotNegative = 6.0


class Site(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The electrics, EVSEs by groups. `power_limit_w`: the most that may come from the grid, by contract."""

    nodes: tuple[Node, ...]
    evses: tuple[Group, ...]
    voltage_v: Positive = 230.0
    line_voltage_v: Positive = 400.0
    power_limit_w: Annotated[int, Meta(ge=0)] | None = None


class Load(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A building, or a part of one, that hangs at a `node`: its `power` in kW."""

    node: str
    power: Series


class Day(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Prices of a kind of day: each holds from its hour on, by the clock of the scenario's zone."""

    hours: tuple[Hour, ...]
    prices: tuple[Price, ...]


class Tariff(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a kWh costs on weekdays and at weekends, or as a CSV says, and a kW of the highest step in a month of 30
    days.

    A time that is shorter than a month pays its share of the demand charge.
    """

    currency: Annotated[str, Meta(min_length=3, max_length=3)]
    weekdays: Day | None = None
    weekends: Day | None = None
    prices_csv: Table | None = None
    feed_in: Price = 0.0
    demand_charge_per_kw: NotNegative = 0.0


class Planner(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the planner weighs, and how far it looks. `mode`: what matters beside limits and needs, of the ways that
    foresee. `unserved_per_kwh`: what a kWh is worth that a car leaves without, in the tariff's currency; where that is
    below its prices letting cars leave without is cheapest, and the report says so. `insistence`: how many times that
    the planner counts it, since it doesn't know who comes. `days`: past days of the same kind that stand for what may
    come."""

    mode: Mode = Mode.CHEAPEST
    unserved_per_kwh: Positive = 1.0
    insistence: Annotated[float, Meta(ge=1, le=100)] = INSISTENCE
    horizon_h: Annotated[int, Meta(ge=1, le=72)] = 12
    days: Annotated[int, Meta(ge=0, le=30)] = DAYS


class Scenario(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One scenario. `zone` is an IANA name. `load` of the building at the grid connection and `solar` power are in kW,
    `co2` in g per kWh of the grid; `loads`: buildings at other nodes. `drivers`: how wrong they are about themselves.
    `wishes`: what some of them were granted. `fleet`: vehicles whose sessions are generated.
    `limits` that hold for a time. `batteries` of the site, `v2g`: cars that give back."""

    name: str
    zone: str
    site: Site
    tariff: Tariff
    step_min: Annotated[int, Meta(ge=1, le=60)] = 5
    planner: Planner = Planner()
    load: Series | None = None
    loads: tuple[Load, ...] = ()
    solar: Series | None = None
    co2: Series | None = None
    drivers: Drivers | None = None
    wishes: tuple[Wish, ...] = ()
    fleet: Fleet | None = None
    limits: tuple[Allowed, ...] = ()
    batteries: tuple[Store, ...] = ()
    v2g: Giving | None = None

    @property
    def electrics(self) -> Electrics:
        evses = (
            Evse(id=id, node=group.node, phases=group.phases, max_a=group.max_a, min_a=group.min_a)
            for group in self.site.evses
            for id in group.ids
        )
        return Electrics(
            nodes=self.site.nodes,
            evses=tuple(evses),
            voltage_v=self.site.voltage_v,
            line_voltage_v=self.site.line_voltage_v,
        )

    @property
    def most_w(self) -> int | None:
        """The most power from the grid: by contract, else what the connection allows; None if that isn't said."""
        root = next(node for node in self.site.nodes if node.parent is None)
        known = [self.site.power_limit_w, root.limit_w]
        if root.limit_a is not None:
            known.append(round(3 * self.electrics.volts_at(root.id) * root.limit_a))
        return min((each for each in known if each is not None), default=None)

    def horizon(self, start: datetime, steps: int, step: timedelta) -> Horizon:
        """Prices, limits, the building and the sun in each step from `start` (UTC) on, at the beginning of the step."""
        most_w = self.site.power_limit_w
        return Horizon(
            hours=np.full(steps, step / timedelta(hours=1)),
            price=self._prices(start, steps, step),
            feed_in=np.full(steps, self.tariff.feed_in),
            load_kw=sum(self._loads_kw(start, steps, step).values(), np.zeros(steps)),
            solar_kw=self.values(self.solar, start, steps, step),
            limit_kw=np.full(steps, np.inf if most_w is None else most_w / 1000),
        )

    def borne(self, start: datetime, horizon: Horizon, step: timedelta, rows: Rows | None = None) -> Borne:
        """What each limit bears in each step of a horizon from `start` (UTC) on; `rows` as `limits.borne` has them."""
        electrics = self.electrics
        return borne(
            electrics,
            limits_in_steps(electrics, self.limits, start, horizon.steps, step, ZoneInfo(self.zone)),
            self._loads_kw(start, horizon.steps, step),
            [(each.node, each.charge_kw) for each in self.batteries],
            rows,
        )

    def values(self, series: Series | None, start: datetime, steps: int, step: timedelta) -> Floats:
        """The values of a series in each step; zero where the scenario has none."""
        return np.zeros(steps) if series is None else series.values(start, steps, step, ZoneInfo(self.zone))

    def _loads_kw(self, start: datetime, steps: int, step: timedelta) -> dict[str, Floats]:
        """What buildings take in each step, by the nodes at which they hang."""
        root = next(node.id for node in self.site.nodes if node.parent is None)
        found = {root: self.values(self.load, start, steps, step)}
        for each in self.loads:
            found[each.node] = found.get(each.node, 0.0) + self.values(each.power, start, steps, step)
        return found

    def _prices(self, start: datetime, steps: int, step: timedelta) -> Floats:
        if self.tariff.prices_csv is not None:
            return from_table(self.tariff.prices_csv, start, steps, step)
        zone = ZoneInfo(self.zone)
        return np.array([self._price((start + number * step).astimezone(zone)) for number in range(steps)])

    def _price(self, at: datetime) -> float:
        day = self.tariff.weekends if at.weekday() >= 5 and self.tariff.weekends is not None else self.tariff.weekdays
        return at_hour(day.hours, day.prices, at) if day is not None else 0.0


def read_scenario(path: Path, prices: Path | None = None) -> Scenario:
    """`prices`: the file of its prices, instead of what it says. Raises ScenarioRefused with every fault that is
    found."""
    try:
        scenario = msgspec.toml.decode(text_of(path.read_bytes()), type=Scenario)
    except OSError as fault:
        raise ScenarioRefused(f"{path} can't be read: {fault.strerror}.") from fault
    except ValueError as fault:  # MsgspecError is one, too.
        raise ScenarioRefused(f"{path}: {str(fault).rstrip('.')}.") from fault
    found = [*faults(scenario.electrics), *_faults(scenario)]
    if prices is not None and scenario.tariff.prices_csv is None:
        found.append("it takes no prices from a file: tariff.prices_csv says how to read one")
    if found:
        raise ScenarioRefused(f"{path}: {'; '.join(found)}.")
    return _rooted(scenario, path.parent, prices)


def _rooted(scenario: Scenario, folder: Path, prices: Path | None) -> Scenario:
    """The scenario with paths of files as they are from here."""

    def rooted(table: Table | None) -> Table | None:
        if table is None or table.path is None:
            return table
        return msgspec.structs.replace(table, path=str(folder / table.path))

    table = rooted(scenario.tariff.prices_csv)
    if table is not None and prices is not None:
        table = msgspec.structs.replace(table, path=str(prices))
    series = {
        name: msgspec.structs.replace(each, csv=rooted(each.csv))
        for name in SERIES
        if (each := getattr(scenario, name)) is not None
    }
    loads = tuple(
        msgspec.structs.replace(each, power=msgspec.structs.replace(each.power, csv=rooted(each.power.csv)))
        for each in scenario.loads
    )
    return msgspec.structs.replace(
        scenario, loads=loads, tariff=msgspec.structs.replace(scenario.tariff, prices_csv=table), **series
    )


def _faults(scenario: Scenario) -> list[str]:
    found = []
    if scenario.zone not in available_timezones():
        found.append(f"there is no time zone {scenario.zone}")
    if 60 % scenario.step_min:
        found.append("step_min must divide an hour")
    if scenario.tariff.prices_csv is None and scenario.tariff.weekdays is None:
        found.append("tariff: it needs weekdays or prices_csv")
    for name, day in (("weekdays", scenario.tariff.weekdays), ("weekends", scenario.tariff.weekends)):
        if day is not None:
            found += day_faults(f"tariff.{name}", day.hours, day.prices)
    for name in SERIES:
        if (series := getattr(scenario, name)) is not None:
            found += series.faults(name)
    if len(scenario.loads) > MAX_LOADS:
        found.append(f"a scenario has {MAX_LOADS} loads at most")
    nodes = [node.id for node in scenario.site.nodes]
    for number, load in enumerate(scenario.loads, 1):
        found += load.power.faults(f"load {number}")
        if load.node not in nodes:
            found.append(f"load {number}: there is no node {load.node}")
    if scenario.drivers is not None:
        found += scenario.drivers.faults()
    needed = {Mode.GREENEST: ("co2", scenario.co2), Mode.SOLAR: ("solar", scenario.solar)}.get(scenario.planner.mode)
    if needed is not None and needed[1] is None:
        found.append(f"planner.mode {scenario.planner.mode.value} needs [{needed[0]}]")
    found += wish_faults(scenario.wishes) + limit_faults(scenario.limits, nodes)
    return found + storage_faults(scenario.batteries, nodes)
