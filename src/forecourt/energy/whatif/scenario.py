"""A scenario: the site, what its energy costs and how it is planned, as a TOML file says it."""

import math
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo, available_timezones

import msgspec
import numpy as np
from msgspec import Meta, Struct

from forecourt.energy.model import Electrics, Evse, Node, Phases, faults
from forecourt.energy.rows import Floats
from forecourt.platform.errors import ForecourtError

Positive = Annotated[float, Meta(gt=0, le=1e9)]
NotNegative = Annotated[float, Meta(ge=0, le=1e9)]
Hour = Annotated[int, Meta(ge=0, le=23)]
#: How much a price per kWh may be, either way.
Price = Annotated[float, Meta(ge=-100, le=100)]


class ScenarioRefused(ForecourtError):
    """The scenario can't be simulated. Mend what is named and start again."""

    status = 422
    code = "scenario-refused"


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


class Day(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Prices of a kind of day: each holds from its hour on, by the clock of the scenario's zone."""

    hours: tuple[Hour, ...]
    prices: tuple[Price, ...]


class Tariff(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a kWh costs on weekdays and at weekends, and a kW of the highest quarter of an hour in a month of 30 days.

    A time that is shorter than a month pays its share of the demand charge. `minor_units`: decimals of the currency.
    """

    currency: Annotated[str, Meta(min_length=3, max_length=3)]
    weekdays: Day
    weekends: Day
    feed_in: Price = 0.0
    demand_charge_per_kw: NotNegative = 0.0


class Planner(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the planner weighs, and how far it looks. `unserved_per_kwh`: what a kWh is worth that a car leaves without.
    `insistence`: how many times that the planner counts it, since it doesn't know who comes. `days`: past days of the
    same kind that stand for what may come."""

    unserved_per_kwh: Positive = 1.0
    insistence: Annotated[float, Meta(ge=1, le=100)] = 2.0
    horizon_h: Annotated[int, Meta(ge=1, le=72)] = 12
    days: Annotated[int, Meta(ge=0, le=30)] = 6


class Scenario(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One scenario. `zone` is an IANA name."""

    name: str
    zone: str
    site: Site
    tariff: Tariff
    step_min: Annotated[int, Meta(ge=1, le=60)] = 5
    planner: Planner = Planner()

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

    def prices(self, start: datetime, steps: int) -> Floats:
        """The price of a kWh in each step from `start` (UTC) on, at the beginning of the step."""
        zone, step = ZoneInfo(self.zone), timedelta(minutes=self.step_min)
        return np.array([self._price((start + number * step).astimezone(zone)) for number in range(steps)])

    def _price(self, at: datetime) -> float:
        day = self.tariff.weekends if at.weekday() >= 5 else self.tariff.weekdays
        index = max(number for number, hour in enumerate(day.hours) if hour <= at.hour)
        return day.prices[index]


def read_scenario(path: Path) -> Scenario:
    """Raises ScenarioRefused with every fault that is found."""
    try:
        scenario = msgspec.toml.decode(path.read_bytes(), type=Scenario)
    except OSError as fault:
        raise ScenarioRefused(f"{path} can't be read: {fault.strerror}.") from fault
    except (msgspec.MsgspecError, UnicodeDecodeError) as fault:
        raise ScenarioRefused(f"{path}: {fault}.") from fault
    found = [*faults(scenario.electrics), *_faults(scenario)]
    if found:
        raise ScenarioRefused(f"{path}: {'; '.join(found)}.")
    return scenario


def _faults(scenario: Scenario) -> list[str]:
    found = []
    if scenario.zone not in available_timezones():
        found.append(f"there is no time zone {scenario.zone}")
    if 60 % scenario.step_min:
        found.append("step_min must divide an hour")
    days: Mapping[str, Any] = {"weekdays": scenario.tariff.weekdays, "weekends": scenario.tariff.weekends}
    for name, day in days.items():
        if not day.hours or day.hours[0] != 0 or list(day.hours) != sorted(set(day.hours)):
            found.append(f"tariff.{name}: hours must begin with 0 and rise")
        if len(day.hours) != len(day.prices) or not all(map(math.isfinite, day.prices)):
            found.append(f"tariff.{name}: each hour needs a price")
    return found
