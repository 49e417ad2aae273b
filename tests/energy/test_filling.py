"""What a cut of a limit is answered with: fair, within every limit, and never less than a car can use."""

import itertools
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecourt.energy.model import Electrics, Evse, Node, Phases
from forecourt.energy.planner.filling import TURN_S, Claims, fill
from forecourt.energy.planner.incidence import Incidence, incidence_of
from forecourt.energy.planner.turns import turns_in
from forecourt.energy.rows import rows_of
from tests.energy.sites import exceeded, random_site


def claims(number: int, **more: Any) -> Claims:
    base = {
        "evse": np.arange(number),
        "min_a": np.full(number, 6.0),
        "max_a": np.full(number, 32.0),
        "kw_per_a": np.full(number, 0.69),
        "weight": np.ones(number),
        "laxity_h": np.ones(number),
        "on_s": np.zeros(number),
        "waited_s": np.zeros(number),
        "had_turn": np.ones(number, np.bool_),
        "presses": np.zeros(number, np.bool_),
        "idles": np.zeros(number, np.bool_),
    }
    return Claims(**(base | {name: np.asarray(value, base[name].dtype) for name, value in more.items()}))


def panels(*limits_a: float, grid_a: float = 1000, each: int = 2) -> Incidence:
    """Panels with so many three-phase EVSEs each."""
    nodes = [Node(id=str(number), parent="grid", limit_a=limit) for number, limit in enumerate(limits_a)]
    made = [Evse(id=f"{node.id}-{number}", node=node.id) for node in nodes for number in range(each)]
    return incidence_of(rows_of(Electrics(nodes=(Node(id="grid", limit_a=grid_a), *nodes), evses=tuple(made))))


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_no_node_is_exceeded_and_nobody_gets_less_than_it_can_use(seed: int) -> None:
    random = np.random.default_rng(seed)
    site = random_site(random, 9)
    known = incidence_of(rows_of(site))
    mine = claims(
        9,
        max_a=[random.uniform(4, evse.max_a) for evse in site.evses],
        weight=random.choice([1, 2, 5], 9),
        min_a=random.choice([0, 6], 9),
        on_s=random.choice([0, 100, 5000], 9),
    )
    current_a = fill(known, mine)
    assert exceeded(site, current_a, 1e-9) == []
    assert ((current_a == 0) | (current_a >= mine.min_a)).all()
    assert (current_a <= mine.max_a).all()
    if not known.together:
        stopped_fairly(known, mine, current_a)


def stopped_fairly(known: Incidence, mine: Claims, current_a: Any) -> None:
    """Each car that could take more is in a full row in which nobody has risen higher for its weight."""
    loads = np.abs(known.flows(mine.evse, current_a))
    for car in np.nonzero((current_a > 0) & (current_a < mine.max_a - 1e-6))[0]:
        rows = known.row[known.evse == car]
        full = rows[loads[rows] >= known.limits[rows] * (1 - 1e-7)]
        risen = np.where(current_a > mine.min_a, current_a / mine.weight, 0.0)
        most = [risen[known.evse[known.row == row]].max() for row in full]
        assert any(current_a[car] / mine.weight[car] >= high - 1e-6 for high in most), (car, current_a)


def test_what_a_panel_cant_take_goes_to_the_others() -> None:
    # The first panel's share of the grid would be 30; it can take 20.
    assert fill(panels(20, 100, grid_a=60), claims(4)) == pytest.approx([10, 10, 20, 20])
    assert fill(panels(20, 100, grid_a=60), claims(4, weight=[1, 1, 1, 3])) == pytest.approx([10, 10, 10, 30])


def test_a_lower_limit_now_and_what_others_draw_are_kept_to() -> None:
    known = panels(40)
    assert fill(known, claims(2), limits=np.full(3, 20.0)) == pytest.approx([10, 10])
    assert fill(known, claims(2), limits=np.full(3, 20.0), still=np.full(3, 4 + 0j)) == pytest.approx([8, 8])
    assert fill(known, claims(2), room_kw=6.9 * 1.5) == pytest.approx([7.5, 7.5])
    assert fill(known, claims(2), limits=np.zeros(3)).tolist() == [0, 0]
    assert fill(known, claims(2), still=np.full(3, 50 + 0j)).tolist() == [0, 0]


@pytest.mark.parametrize(
    ("more", "served"),
    [
        ({"weight": [1, 1, 2]}, 2),
        ({"laxity_h": [3, -1, 3]}, 1),
        ({"waited_s": [10, 20, 30]}, 2),
        # Who has begun its turn ends it; who had it makes room.
        ({"on_s": [TURN_S - 1, 0, 0], "waited_s": [0, 500, 90]}, 0),
        ({"on_s": [TURN_S, 0, 0], "waited_s": [0, 500, 90]}, 1),
        # Who is late in any case has no more turns than others, but for what its driver needs whatever it costs.
        ({"on_s": [TURN_S, 0, 0], "waited_s": [0, 500, 400], "laxity_h": [-3, 3, -3]}, 1),
        ({"on_s": [TURN_S - 1, 0, 0], "waited_s": [0, 500, 400], "presses": [0, 0, 1]}, 2),
        ({"on_s": [60, 0, 0], "waited_s": [0, 500, 400], "presses": [0, 0, 1], "weight": [2, 1, 1]}, 0),
        # Who takes nothing comes last, whoever it is.
        ({"on_s": [60, 0, 0], "weight": [3, 1, 1], "idles": [1, 0, 0], "waited_s": [0, 10, 20]}, 2),
    ],
)
def test_where_there_is_room_for_one_it_is_its_turn(more: Any, served: int) -> None:
    known = panels(10, each=3)
    assert fill(known, claims(3, **more)).nonzero()[0].tolist() == [served]


def test_everyone_has_its_turn_and_nobody_waits_longer_than_two() -> None:
    known, shares, longest = panels(14, each=5), np.zeros(5), 0.0
    state = claims(5)
    for _ in range(10):
        on = fill(known, state) > 0
        shares += on
        state = msgspec.structs.replace(
            state, on_s=np.where(on, TURN_S, 0.0), waited_s=np.where(on, 0.0, state.waited_s + TURN_S)
        )
        longest = max(longest, state.waited_s.max())
    assert shares.min() >= 3
    assert shares.max() <= 5
    assert longest == 2 * TURN_S


def test_who_needs_three_conductors_has_its_turn_among_those_that_need_one_and_begin_at_different_times() -> None:
    phases = (Phases.ALL, *(Phases.L1, Phases.L2, Phases.L3) * 2)
    made = tuple(Evse(id=str(number), node="grid", phases=each) for number, each in enumerate(phases))
    known = incidence_of(rows_of(Electrics(nodes=(Node(id="grid", limit_a=10),), evses=made)))
    step_s, longest_s = TURN_S / 6, np.zeros(7)
    state = claims(7, on_s=[0, 1, TURN_S / 3, TURN_S * 2 / 3, 0, 0, 0], waited_s=[9, 0, 0, 0, 3, 2, 1])
    for _ in range(36):
        on = fill(known, state) > 0
        state = msgspec.structs.replace(
            state, on_s=np.where(on, state.on_s + step_s, 0.0), waited_s=np.where(on, 0.0, state.waited_s + step_s)
        )
        longest_s = np.maximum(longest_s, state.waited_s)
    # On each conductor there is room for one of three.
    assert longest_s.max() <= 3 * TURN_S, longest_s / TURN_S


def test_who_needs_several_conductors_has_its_turn_though_others_leave_before_theirs_ends() -> None:
    """One at each of two conductors, which leave after five minutes, and not at the same time; others come."""
    phases = (Phases.ALL, Phases.L1, Phases.L1, Phases.L2, Phases.L2)
    made = tuple(Evse(id=str(number), node="grid", phases=each) for number, each in enumerate(phases))
    known = incidence_of(rows_of(Electrics(nodes=(Node(id="grid", limit_a=10),), evses=made)))
    step_s, longest_s, used = TURN_S / 10, 0.0, 0
    state = claims(5, on_s=[0, 60, 0, 180, 0], waited_s=[1, 0, 0, 0, 0])
    for _ in range(40):
        on = fill(known, state) > 0
        used += int(on[1:].any())
        on_s = np.where(on, state.on_s + step_s, 0.0)
        waited_s = np.where(on, 0.0, state.waited_s + step_s)
        leaves = (on_s >= TURN_S / 2) & (np.arange(5) > 0)
        state = msgspec.structs.replace(
            state, on_s=np.where(leaves, 0.0, on_s), waited_s=np.where(leaves, 0.0, waited_s)
        )
        longest_s = max(longest_s, waited_s[0])
    assert longest_s <= TURN_S, longest_s
    assert used >= 15, used


def test_nothing_is_kept_for_one_that_no_turn_makes_room_for() -> None:
    """What flows anyway leaves too little of a conductor for it; at the others they take turns as ever."""
    made = tuple(
        Evse(id=str(number), node="grid", phases=each) for number, each in enumerate((Phases.ALL, *[Phases.L2] * 2))
    )
    known = incidence_of(rows_of(Electrics(nodes=(Node(id="grid", limit_a=10),), evses=made)))
    still = np.array([8 + 0j if name.endswith("L1") else 0j for name in known.names])
    state = claims(3, on_s=[0, TURN_S, 0], waited_s=[900, 0, 300])
    assert fill(known, state, still=still).nonzero()[0].tolist() == [2]


def test_who_has_just_come_stands_before_those_whose_turn_is_over() -> None:
    known, on_s = panels(10), [TURN_S, 0]
    assert fill(known, claims(2, on_s=on_s, waited_s=[0, 5])).nonzero()[0].tolist() == [0]
    assert fill(known, claims(2, on_s=on_s, waited_s=[0, 5], had_turn=[0, 0])).nonzero()[0].tolist() == [1]


def test_who_waits_is_told_when_its_turn_comes() -> None:
    known, still = panels(14, each=5), np.zeros(3, np.complex128)
    state = claims(5, on_s=[100, 400, 0, 0, 0], waited_s=[0, 0, 20, 30, 10])
    current_a = fill(known, state)
    found = turns_in(known, state, current_a, known.limits, still[: known.rows])
    assert current_a.nonzero()[0].tolist() == [0, 1]
    assert found == pytest.approx([np.nan, np.nan, TURN_S - 100, TURN_S - 400, 2 * TURN_S - 400], nan_ok=True)
    # None ends a turn for who comes behind it, or where what flows besides is too much.
    state = msgspec.structs.replace(state, weight=np.array([2.0, 2, 1, 1, 1]))
    assert np.isnan(turns_in(known, state, current_a, known.limits, still[: known.rows])).all()
    nobody = np.zeros(5)
    assert np.isnan(turns_in(known, state, nobody, known.limits, still[: known.rows] + 12)).all()


def test_phases_that_weaken_each_other_are_filled_as_far_as_they_go() -> None:
    nodes = (Node(id="grid", limit_a=10), Node(id="t", parent="grid", delta_wye=1))
    made = tuple(Evse(id=each, node="t", phases=each) for each in (Phases.L12, Phases.L23))
    known = incidence_of(rows_of(Electrics(nodes=nodes, evses=made)))
    assert known.together
    current_a = fill(known, claims(2, min_a=[0, 0]))
    assert np.abs(known.flows(np.arange(2), current_a)).max() == pytest.approx(10)
    # No pair of currents that fits gives the weaker more.
    for first, second in itertools.product(np.linspace(0, 32, 65), repeat=2):
        if (np.abs(known.flows(np.arange(2), np.array([first, second]))) <= 10).all():
            assert min(first, second) <= current_a.min() + 1e-6
