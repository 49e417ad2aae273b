"""Batteries, and cars that follow a script."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecourt.simulator.car import MODELS, VOLTAGE_V, Car, CarModel, Outlet, ScriptedLoad

AC = Outlet(dc=False, phases=3, power_w=22_000)
DC = Outlet(dc=True, phases=3, power_w=150_000)
NO_LIMIT = 1e9
DC_MODELS = [model for model in MODELS if model.dc_curve]


def powers_until_full(car: Car, outlet: Outlet, limit_w: float = NO_LIMIT) -> list[float]:
    powers: list[float] = []
    for _ in range(5_000):
        draw = car.draw(outlet, 60, limit_w)
        if draw.full:
            return powers
        powers.append(draw.power_w)
    raise AssertionError("the car never got full")


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
def test_ac_charging_is_flat_for_most_of_its_time_and_then_dies_away(model: CarModel) -> None:
    powers = powers_until_full(Car(model, 0.1), AC)
    flat = [power for power in powers if power == pytest.approx(powers[0])]
    assert len(flat) > 0.75 * len(powers)
    tail = powers[len(flat) :]
    assert tail == sorted(tail, reverse=True)
    assert powers[-1] < powers[0] * 0.8


@pytest.mark.parametrize("model", DC_MODELS, ids=lambda model: model.name)
def test_dc_charging_falls_to_a_fraction_of_its_peak_when_the_pack_is_full(model: CarModel) -> None:
    powers = powers_until_full(Car(model, 0.05), DC)
    assert max(powers) > 3 * powers[-1]
    peak_at = powers.index(max(powers))
    after = powers[peak_at:]
    assert after == sorted(after, reverse=True)


@pytest.mark.parametrize(("outlet", "efficiency"), [(AC, 0.90), (DC, 0.97)])
def test_what_the_meter_counts_is_in_the_battery_but_for_the_losses(outlet: Outlet, efficiency: float) -> None:
    car = Car(MODELS[5], 0.2)
    metered_wh = sum(car.draw(outlet, 60, NO_LIMIT).energy_wh for _ in range(90))
    assert metered_wh * efficiency == pytest.approx((car.soc - 0.2) * car.model.battery_wh)


@given(
    model=st.sampled_from(MODELS),
    outlet=st.builds(
        Outlet,
        dc=st.booleans(),
        phases=st.sampled_from((1, 3)),
        power_w=st.sampled_from((3_700, 11_000, 22_000, 150_000)),
    ),
    soc=st.floats(0, 1),
    limit_w=st.floats(0, 200_000),
    seconds=st.floats(1, 7_200),
)
def test_no_car_ever_draws_above_the_limit_the_outlet_or_its_own_sheet(
    model: CarModel, outlet: Outlet, soc: float, limit_w: float, seconds: float
) -> None:
    car = Car(model, soc)
    draw = car.draw(outlet, seconds, limit_w)
    most_w = min(limit_w, outlet.power_w)
    if not outlet.dc:
        most_w = min(most_w, model.ac_current_a * VOLTAGE_V * car.phases(outlet))
    assert 0 <= draw.energy_wh <= most_w * seconds / 3600 + 1e-6
    assert 0 <= draw.power_w <= most_w + 1e-6
    assert soc <= car.soc <= 1


def test_a_one_phase_car_takes_a_third_of_a_three_phase_offer() -> None:
    one, three = Car(MODELS[0], 0.3), Car(MODELS[4], 0.3)
    offer_w = 3 * 10 * VOLTAGE_V
    assert one.power_w(AC, offer_w) == 10 * VOLTAGE_V
    assert three.power_w(AC, offer_w) == 30 * VOLTAGE_V


def test_below_six_amperes_no_car_charges() -> None:
    car = Car(MODELS[4], 0.3)
    assert car.power_w(AC, 3 * 5.9 * VOLTAGE_V) == 0
    assert car.power_w(AC, 3 * 6 * VOLTAGE_V) == 3 * 6 * VOLTAGE_V


def test_a_car_without_dc_takes_nothing_from_a_dc_station() -> None:
    hybrid = next(model for model in MODELS if not model.dc_curve)
    assert Car(hybrid, 0.3).draw(DC, 600, NO_LIMIT).energy_wh == 0


def test_charging_ends_at_the_target() -> None:
    car = Car(MODELS[6], 0.5, target=0.8)
    powers_until_full(car, DC)
    assert car.soc == pytest.approx(0.8)
    assert car.draw(DC, 600, NO_LIMIT).energy_wh == 0


@given(
    total_wh=st.integers(0, 200_000),
    duration_s=st.floats(1, 200_000),
    power_w=st.floats(1_000, 300_000),
    step_s=st.floats(5, 5_000),
)
def test_a_scripted_car_takes_exactly_its_energy_whatever_the_steps(
    total_wh: int, duration_s: float, power_w: float, step_s: float
) -> None:
    load = ScriptedLoad(total_wh, duration_s, power_w)
    step_s = max(step_s, duration_s / 200)
    taken_wh, elapsed_s = 0.0, 0.0
    while elapsed_s < duration_s:
        step = min(step_s, duration_s - elapsed_s)
        draw = load.draw(AC, step, 0)
        assert draw.energy_wh >= 0
        assert draw.energy_wh == int(draw.energy_wh)
        taken_wh += draw.energy_wh
        elapsed_s += step
    assert taken_wh == total_wh


def test_a_car_gives_what_it_is_told_down_to_what_it_keeps_and_loses_some_on_the_way() -> None:
    car = Car(MODELS[5], 0.5, gives_w=7_000, keeps=0.3)
    draw = car.draw(AC, 3_600, -11_000)
    assert (draw.power_w, draw.given_wh, draw.energy_wh) == (-7_000, 7_000, 0)
    assert (0.5 - car.soc) * car.model.battery_wh == pytest.approx(7_000 / 0.9)
    assert car.draw(AC, 36_000, -11_000).power_w == 0
    assert car.soc == pytest.approx(0.3)
    assert Car(MODELS[5], 0.5).draw(AC, 60, -11_000).given_wh == 0
