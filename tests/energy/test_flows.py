"""What is counted once for all EVSEs of a site, and is the same as if it were counted for each."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecourt.energy.explained import session as explaining
from forecourt.energy.explained.session import explain, explain_all
from forecourt.energy.planner.solver import SiteSolver
from forecourt.energy.planning.knowledge import Knowledge
from forecourt.energy.planning.limits import Room
from forecourt.energy.planning.making import plan_site, site_room
from forecourt.energy.rows import Flows, rows_of
from forecourt.energy.site import Mode
from tests.energy.sites import random_site
from tests.energy.test_turns import NOW, Bays, known


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_the_room_of_each_evse_is_that_of_all_rows_added_up_anew_whoever_changed_before(seed: int) -> None:
    random = np.random.default_rng(seed)
    rows = rows_of(random_site(random, 8))
    current_a = random.uniform(0, 10, 8)
    mine = current_a.copy()
    flows = Flows(rows, mine)
    for evse in random.permutation(8):
        expected = rows.room(current_a, int(evse))
        assert flows.room(int(evse)) == pytest.approx(expected, abs=1e-6)
        current_a[evse] = min(expected, 16.0)
        flows.put(int(evse), float(current_a[evse]))
        assert mine == pytest.approx(current_a)


def test_the_cars_of_a_plan_are_explained_together_as_each_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    bays = Bays()
    what = known(Mode.FASTEST, bays.cars, bays.standings, NOW)
    plan = plan_site(what, SiteSolver())
    alone = [explain(what, plan, car.session_id) for car in bays.cars]
    made: list[Knowledge] = []

    def counted(known: Knowledge) -> Room:
        made.append(known)
        return site_room(known)

    monkeypatch.setattr(explaining, "site_room", counted)
    assert explain_all(what, plan) == alone
    assert [each.shared.cars for each in alone if each is not None and each.shared is not None] != []
    assert len(made) == 1
