"""Cars: how a battery takes energy, and cars that follow a script.

A lithium-ion pack charges at constant current until its terminal voltage reaches the top, then at constant voltage
with a current that dies away; above it sit the limits of the onboard charger (AC), of the car's own DC curve, and
of whatever the station offers. Rated figures below are rounded from makers' public sheets and published DC tests.
"""

from bisect import bisect_right
from itertools import pairwise
from typing import Protocol

import msgspec

VOLTAGE_V = 230
#: IEC 61851: below this offer a car must not charge.
LEAST_CURRENT_A = 6.0
#: Longest step of the battery's differential equation; longer draws are cut into such steps.
STEP_S = 60.0
#: A pack is full when the constant-voltage current has fallen to this share of its capacity an hour.
CUT_OFF_C = 0.03
#: The curve of open-circuit voltage, as shares of the pack's top voltage at 0 and 100 % of charge.
EMPTY_SHARE, FULL_SHARE = 0.82, 1.0


class CarModel(msgspec.Struct, frozen=True, kw_only=True):
    """What a maker's sheet says. `dc_curve` is (state of charge in percent, most power in W) at ascending charge;
    a car without one can't charge by DC."""

    name: str
    battery_wh: int
    ac_phases: int
    ac_current_a: int
    pack_v: int
    resistance_ohm: float
    dc_curve: tuple[tuple[int, int], ...] = ()

    def dc_limit_w(self, soc: float) -> float:
        """The most DC power at a state of charge of 0..1, between the points of the curve in straight lines."""
        if not self.dc_curve:
            return 0.0
        percent = soc * 100
        at = bisect_right([point[0] for point in self.dc_curve], percent)
        if at == 0:
            return float(self.dc_curve[0][1])
        if at == len(self.dc_curve):
            return float(self.dc_curve[-1][1])
        (low, low_w), (high, high_w) = self.dc_curve[at - 1], self.dc_curve[at]
        return low_w + (high_w - low_w) * (percent - low) / (high - low)


MODELS = (
    CarModel(name="city 27", battery_wh=27_000, ac_phases=1, ac_current_a=32, pack_v=400, resistance_ohm=0.16,
             dc_curve=((0, 26_000), (50, 26_000), (80, 18_000), (100, 4_000))),
    CarModel(name="hybrid 13", battery_wh=13_000, ac_phases=1, ac_current_a=16, pack_v=355, resistance_ohm=0.20),
    CarModel(name="hatch 40", battery_wh=39_000, ac_phases=1, ac_current_a=32, pack_v=403, resistance_ohm=0.12,
             dc_curve=((0, 40_000), (10, 46_000), (55, 44_000), (80, 22_000), (100, 5_000))),
    CarModel(name="hatch 52", battery_wh=52_000, ac_phases=3, ac_current_a=32, pack_v=400, resistance_ohm=0.11,
             dc_curve=((0, 44_000), (20, 46_000), (60, 36_000), (80, 24_000), (100, 6_000))),
    CarModel(name="hatch 58", battery_wh=58_000, ac_phases=3, ac_current_a=16, pack_v=408, resistance_ohm=0.10,
             dc_curve=((0, 100_000), (10, 120_000), (35, 105_000), (60, 72_000), (80, 44_000), (100, 8_000))),
    CarModel(name="saloon 60", battery_wh=57_500, ac_phases=3, ac_current_a=16, pack_v=360, resistance_ohm=0.07,
             dc_curve=((0, 120_000), (8, 170_000), (25, 150_000), (50, 92_000), (80, 45_000), (100, 7_000))),
    CarModel(name="crossover 77", battery_wh=77_000, ac_phases=3, ac_current_a=16, pack_v=800, resistance_ohm=0.16,
             dc_curve=((0, 150_000), (10, 225_000), (50, 232_000), (60, 180_000), (80, 120_000), (100, 10_000))),
    CarModel(name="estate 94", battery_wh=93_400, ac_phases=3, ac_current_a=16, pack_v=800, resistance_ohm=0.12,
             dc_curve=((0, 200_000), (10, 262_000), (35, 250_000), (60, 160_000), (80, 95_000), (100, 12_000))),
    CarModel(name="van 75", battery_wh=75_000, ac_phases=3, ac_current_a=16, pack_v=400, resistance_ohm=0.09,
             dc_curve=((0, 90_000), (10, 100_000), (50, 98_000), (70, 60_000), (80, 46_000), (100, 8_000))),
)  # fmt: skip


class Outlet(msgspec.Struct, frozen=True, kw_only=True):
    """What a station has to give at one connector, before any charging profile."""

    dc: bool
    phases: int
    power_w: int

    @property
    def current_a(self) -> float:
        return self.power_w / VOLTAGE_V / self.phases


class Draw(msgspec.Struct, frozen=True):
    """What flowed in one step: energy at the station's meter, and the power at its end, below 0 where it is given."""

    energy_wh: float
    power_w: float
    phases: int
    #: State of charge 0..1, None when the station can't know it.
    soc: float | None
    #: The car takes no more, whatever is offered.
    full: bool
    #: What flowed the other way.
    given_wh: float = 0.0


class Load(Protocol):
    """Whatever hangs at a connector."""

    def draw(self, outlet: Outlet, seconds: float, limit_w: float) -> Draw:
        """Take energy for so many seconds, never above `limit_w`; below 0, give so much, if it can."""
        ...


class Car:
    """A battery with a state of charge, which ends at `target` (0..1). It gives up to `gives_w` back while it holds
    more than `keeps` (0..1)."""

    def __init__(
        self, model: CarModel, soc: float, target: float = 1.0, *, gives_w: int = 0, keeps: float = 0.0
    ) -> None:
        if not 0 <= soc <= 1 or not 0 < target <= 1:
            raise ValueError("states of charge lie between 0 and 1")
        self.model = model
        self.soc = soc
        self.target = target
        self.gives_w = gives_w
        self.keeps = keeps
        self._spent = False

    def full(self) -> bool:
        return self._spent or self.soc >= self.target

    def phases(self, outlet: Outlet) -> int:
        return outlet.phases if outlet.dc else min(self.model.ac_phases, outlet.phases)

    def power_w(self, outlet: Outlet, limit_w: float) -> float:
        """Power at the station's meter now, for an offer of `limit_w` over all phases of the outlet."""
        if self.full():
            return 0.0
        efficiency = _efficiency(outlet)
        battery_w = self._battery_limit_w()
        if outlet.dc:
            limit = min(limit_w, outlet.power_w)
            taken = min(battery_w, self.model.dc_limit_w(self.soc)) / efficiency
            return min(taken, limit)
        phases = self.phases(outlet)
        current_a = min(self.model.ac_current_a, outlet.current_a, limit_w / VOLTAGE_V / outlet.phases)
        if current_a < LEAST_CURRENT_A - 1e-9:
            return 0.0
        return min(current_a * VOLTAGE_V * phases, battery_w / efficiency)

    def draw(self, outlet: Outlet, seconds: float, limit_w: float) -> Draw:
        efficiency = _efficiency(outlet)
        if limit_w < 0:
            return self._give(outlet, seconds, min(-limit_w, self.gives_w, outlet.power_w), efficiency)
        energy_wh, left_s = 0.0, seconds
        while left_s > 0:
            step_s = min(STEP_S, left_s)
            power_w = self.power_w(outlet, limit_w)
            if power_w <= 0:
                break
            room_wh = max(0.0, self.target - self.soc) * self.model.battery_wh / efficiency
            step_wh = min(power_w * step_s / 3600, room_wh)
            self.soc = min(self.target, self.soc + step_wh * efficiency / self.model.battery_wh)
            if step_wh >= room_wh or self._current_a() < CUT_OFF_C * self.model.battery_wh / self.model.pack_v:
                self._spent = True
            energy_wh += step_wh
            left_s -= step_s
        power_w = self.power_w(outlet, limit_w)
        soc = self.soc if outlet.dc else None
        return Draw(energy_wh, power_w, self.phases(outlet), soc, self.full())

    def _give(self, outlet: Outlet, seconds: float, power_w: float, efficiency: float) -> Draw:
        """What leaves the battery is more than what comes out of it."""
        room_wh = max(0.0, self.soc - self.keeps) * self.model.battery_wh * efficiency
        given_wh = min(power_w * seconds / 3600, room_wh)
        self.soc -= given_wh / efficiency / self.model.battery_wh
        self._spent = self._spent and given_wh == 0
        power_w = power_w if given_wh < room_wh else 0.0
        return Draw(0.0, -power_w, self.phases(outlet), self.soc if outlet.dc else None, False, given_wh)

    def _current_a(self) -> float:
        """The constant-voltage current that the pack takes at its top voltage."""
        open_v = self.model.pack_v * (EMPTY_SHARE + (FULL_SHARE - EMPTY_SHARE) * self.soc)
        return max(0.0, (self.model.pack_v - open_v) / self.model.resistance_ohm)

    def _battery_limit_w(self) -> float:
        return self._current_a() * self.model.pack_v


def _efficiency(outlet: Outlet) -> float:
    """Battery energy for energy at the meter: DC meters measure behind the rectifier."""
    return 0.97 if outlet.dc else 0.90


class ScriptedLoad:
    """Takes exactly `total_wh`, all of it when `duration_s` have passed, whatever is offered.

    The shape is a car's: as fast as `power_w` allows, dying away at the end, then nothing; energies are whole Wh.
    """

    #: Energy by elapsed share of the charging time: constant power, then a tail.
    SHAPE = ((0.0, 0.0), (0.6, 0.75), (0.75, 0.89), (0.9, 0.975), (1.0, 1.0))

    def __init__(self, total_wh: int, duration_s: float, power_w: float, phases: int = 3) -> None:
        self._total_wh = total_wh
        (_, _), (share_t, share_e) = self.SHAPE[:2]
        fast_s = total_wh / power_w * 3600 * share_e / share_t if power_w > 0 else duration_s
        # A second of margin: the last reading is taken at the end, and must find everything delivered.
        self._needed_s = max(0.0, min(duration_s - 1, fast_s))
        self._elapsed_s = 0.0
        self._given_wh = 0
        self._phases = phases

    def _by(self, elapsed_s: float) -> float:
        if elapsed_s >= self._needed_s:
            return float(self._total_wh)
        share = elapsed_s / self._needed_s
        for (low, low_e), (high, high_e) in pairwise(self.SHAPE):
            if share <= high:
                return self._total_wh * (low_e + (high_e - low_e) * (share - low) / (high - low))
        return float(self._total_wh)

    def draw(self, outlet: Outlet, seconds: float, limit_w: float) -> Draw:
        self._elapsed_s += seconds
        given_wh = round(self._by(self._elapsed_s))
        energy_wh, self._given_wh = given_wh - self._given_wh, given_wh
        ahead_wh = self._by(self._elapsed_s + 1) - self._by(self._elapsed_s)
        power_w = ahead_wh * 3600 if self._elapsed_s < self._needed_s else 0.0
        return Draw(energy_wh, power_w, min(self._phases, outlet.phases), None, power_w <= 0)
