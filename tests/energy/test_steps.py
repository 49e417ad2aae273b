"""Steps are fine now and coarse later, end where clocks show round times, and stay where they were as time goes on."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecourt.energy.planner.steps import LEAST_MIN, LENGTHS, stays_in, steps_of

DAY = timedelta(hours=24)
MOMENTS = st.integers(1_700_000_000, 1_800_000_000).map(lambda at: datetime.fromtimestamp(at, UTC))


@given(MOMENTS)
def test_steps_follow_each_other_from_now_to_the_end(now: datetime) -> None:
    steps = steps_of(now, DAY)
    assert 45 <= len(steps) <= 65
    ends = steps.starts + steps.hours
    assert steps.starts[0] == pytest.approx(now.timestamp() / 3600, abs=1e-9)
    assert steps.starts[1:] == pytest.approx(ends[:-1])
    assert ends[-1] >= (now + DAY).timestamp() / 3600 - 1e-6
    assert steps.hours.min() * 60 >= LEAST_MIN - 1e-6
    # Round times, but for the first.
    for begin, length in zip(steps.starts[1:], steps.hours[1:], strict=True):
        of = next(each for each, _ in LENGTHS if each * 1.5 >= length * 60 - 1e-6)
        assert (begin + length) * 60 % of == pytest.approx(0, abs=1e-5) or of - 1e-5 <= (begin + length) * 60 % of


@given(MOMENTS)
def test_most_steps_stay_where_they_were_a_minute_later(now: datetime) -> None:
    before, after = steps_of(now, DAY), steps_of(now + timedelta(minutes=1), DAY)
    same = np.isclose(after.starts[:, None], before.starts[None, :]).any(axis=1)
    assert same.sum() >= len(after) - 5


def test_who_comes_is_there_from_the_next_step_on_and_who_leaves_for_its_part_of_one() -> None:
    minutes = np.array([1, 2, 3, 4, 5, 10, 15, 30, 90])
    told = {
        # There now, until the end, and for a part of a step of 15 and of one of 60 minutes.
        (0, 90): (0, 9, 1.0),
        (0, 24): (0, 8, 0.6),
        (0, 45): (0, 9, 0.25),
        # What is told now holds for all of the first step; less than half a minute of a step is none.
        (0, 0.2): (0, 1, 1.0),
        (0, 15.4): (0, 7, 1.0),
        # It comes within one step and leaves within the next, or within the same one.
        (17, 39): (8, 9, 22 / 60),
        (16, 22): (7, 8, 0.4),
        (5, 10): (5, 6, 1.0),
    }
    comes, leaves = (np.array(each) / 60 for each in zip(*told, strict=True))
    first, last, share = stays_in(minutes / 60, comes, leaves)
    for number, stay in enumerate(told):
        assert (first[number], last[number]) == told[stay][:2], stay
        assert share[number] == pytest.approx(told[stay][2]), stay
