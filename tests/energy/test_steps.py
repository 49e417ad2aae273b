"""Steps are fine now and coarse later, end where clocks show round times, and stay where they were as time goes on."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecourt.energy.planner.steps import LEAST_MIN, LENGTHS, steps_of

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


def test_who_comes_and_leaves_is_there_in_whole_steps() -> None:
    now = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)
    steps = steps_of(now, DAY)
    assert (steps.first(now), steps.last(now + DAY)) == (0, len(steps))
    assert steps.begins()[:3] == [now, now + timedelta(minutes=1), now + timedelta(minutes=2)]
    assert steps.begins()[steps.first(now + timedelta(seconds=61))] == now + timedelta(minutes=2)
    assert steps.begins()[steps.last(now + timedelta(minutes=44))] == now + timedelta(minutes=40)
    assert steps.last(now) == 1
