"""What is predicted of a car that is there: by cars like it, by its driver's word, and by what it did so far."""

from datetime import UTC, datetime, timedelta

import numpy as np
from msgspec import structs

from forecourt.energy.planner.prediction import PastVisit, Predictor, Present
from forecourt.energy.whatif.drivers import Drivers, statements

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def at(day: int, hour: float) -> datetime:
    """2 March 2026 is a Monday."""
    return datetime(2026, 3, day, tzinfo=UTC) + timedelta(hours=hour)


def visit(day: int, came: float, left: float, kwh: float, token: str | None = None) -> PastVisit:
    return PastVisit(came_at=at(day, came), left_at=at(day, left), energy_kwh=kwh, token=token)


#: Who comes in the morning stays until five, who comes after lunch an hour.
PAST = [visit(day, 8 + more, 17 + more, 10) for day in range(2, 7) for more in (-0.2, 0, 0.2)] + [
    visit(day, 13 + more, 14 + more, 5) for day in range(2, 7) for more in (-0.2, 0, 0.2)
]


def test_a_car_stays_as_those_did_that_came_at_its_time_of_day() -> None:
    predictor = Predictor(PAST, "UTC")
    morning = predictor.predict(Present(came_at=at(9, 8), taken_kwh=0), at(9, 8))
    noon = predictor.predict(Present(came_at=at(9, 13), taken_kwh=0), at(9, 13))
    assert abs(morning.stay_h(0.5) - 9) < 0.5
    assert abs(noon.stay_h(0.5) - 1) < 0.5
    assert (morning.need_kwh(0.5), noon.need_kwh(0.5)) == (10, 5)


def test_who_is_still_there_leaves_later_and_needs_what_is_left() -> None:
    predictor = Predictor([visit(2, 8, 10, 4), visit(3, 8, 12, 9), visit(4, 8, 16, 20)] * 20, "UTC")
    later = predictor.predict(Present(came_at=at(9, 8), taken_kwh=9.5), at(9, 13))
    assert later.stay_h(0.1) == 3
    assert later.need_kwh(0.1) == 10.5


def test_the_same_tokens_visits_weigh_more() -> None:
    past = [*PAST, *(visit(day, 8, 11, 30, token="AB12") for day in range(2, 7))]
    stranger = Predictor(past, "UTC").predict(Present(came_at=at(9, 8), taken_kwh=0, token="CD34"), at(9, 8))
    known = Predictor(past, "UTC").predict(Present(came_at=at(9, 8), taken_kwh=0, token="AB12"), at(9, 8))
    assert (known.stay_h(0.5), known.need_kwh(0.5)) == (3, 30)
    assert (stranger.stay_h(0.5), stranger.need_kwh(0.5)) == (9, 10)


def test_however_many_others_are_known_they_tell_no_more_of_who_was_here_before_than_a_few_visits_of_their_own() -> (
    None
):
    others = [structs.replace(each, token=f"T{number}") for number in range(40) for each in PAST]
    own = [visit(day, 8, 11, 30, token="AB12") for day in range(2, 7)]
    predictor = Predictor([*others, *own], "UTC")
    known = predictor.predict(Present(came_at=at(9, 8), taken_kwh=0, token="AB12"), at(9, 8))
    assert (known.stay_h(0.5), known.need_kwh(0.5)) == (3, 30)
    # One visit is worth less than what is known of everybody.
    once = Predictor([*others, *own[:1]], "UTC")
    little = once.predict(Present(came_at=at(9, 8), taken_kwh=0, token="AB12"), at(9, 8))
    assert abs(little.stay_h(0.5) - 9) < 0.5
    assert little.need_kwh(0.5) == 10


def test_who_is_right_about_themselves_is_believed_however_many_others_are_wrong() -> None:
    """All but one leave five hours before they say, and take a quarter of what they ask for."""

    def stated(past: PastVisit, late_h: float, taken: float) -> PastVisit:
        left_at = past.left_at - timedelta(hours=late_h)
        return structs.replace(past, stated_left_at=left_at, stated_kwh=past.energy_kwh / taken)

    others = [
        stated(visit(day, 8, 9 + number % 9, 2 + number // 9), -5, 0.25) for day in range(2, 7) for number in range(99)
    ]
    # What was stated then was another time and energy each day.
    own = [stated(visit(day, 18, 19 + day / 2, 20 + day, token="AB12"), 0, 1) for day in range(2, 7)]
    said = Present(came_at=at(9, 8), taken_kwh=0, stated_left_at=at(9, 16), stated_kwh=12)
    predictor = Predictor([*others, *own], "UTC")
    stranger = predictor.predict(said, at(9, 8))
    known = predictor.predict(structs.replace(said, token="AB12"), at(9, 8))
    assert (stranger.stay_h(0.5), stranger.need_kwh(0.5)) == (3, 3)
    assert known.stay_h(0.5) == 8
    assert 8 <= known.need_kwh(0.5) <= 12


def test_what_a_driver_does_follows_from_what_they_say_now_and_how_wrong_they_were() -> None:
    """Who always leaves two hours before they say, and takes half, says what they never said, and nobody did."""
    own = [
        PastVisit(
            came_at=at(day, 8),
            left_at=at(day, 11),
            energy_kwh=6,
            token="AB12",
            stated_left_at=at(day, 13),
            stated_kwh=12,
        )
        for day in range(2, 7)
    ]
    predictor = Predictor(own, "UTC")
    said = Present(came_at=at(9, 8), taken_kwh=0, token="AB12", stated_left_at=at(9, 20), stated_kwh=40)
    known = predictor.predict(said, at(9, 8))
    assert (known.stay_h(0.5), known.need_kwh(0.5)) == (10, 20)
    # Of two visits that doesn't follow.
    little = Predictor(own[:2], "UTC").predict(said, at(9, 8))
    assert little.need_kwh(0.5) < 20


def test_visits_at_the_same_evse_weigh_more_for_the_same_people_park_there() -> None:
    """Five at this EVSE, of twenty that came at this time."""
    past = [structs.replace(each, evse_id="far") for each in PAST]
    past += [structs.replace(visit(day, 8, 11, 30), evse_id="near") for day in range(2, 7)]
    told = {
        evse_id: Predictor(past, "UTC").predict(Present(came_at=at(9, 8), taken_kwh=0, evse_id=evse_id), at(9, 8))
        for evse_id in ("near", "far", None)
    }
    assert (told["near"].need_kwh(0.5), told["far"].need_kwh(0.5), told[None].need_kwh(0.5)) == (30, 10, 10)


def test_what_is_asked_for_is_a_cap_and_what_is_stated_moves_the_prediction_but_is_not_it() -> None:
    predictor = Predictor(PAST, "UTC")
    said = Present(came_at=at(9, 8), taken_kwh=0, stated_left_at=at(9, 21), stated_kwh=8)
    told = predictor.predict(said, at(9, 8))
    assert told.need_kwh(1.0) <= 8
    # Those who say nine in the evening leave at about five, as others do.
    assert 6 < told.stay_h(0.5) < 11
    # Without a past there is only what is known of drivers.
    alone = Predictor([], "UTC").predict(said, at(9, 8))
    assert alone.stay_h(0.5) == 13 - 4.3
    assert np.isclose(alone.need_kwh(0.5), 8 * 0.43)


def test_drivers_are_as_wrong_as_real_ones_and_each_always_the_same() -> None:
    ids = [f"session {number}" for number in range(4000)]
    came, left = [at(2, 6)] * 4000, [at(2, 20)] * 4000
    stated = statements(Drivers(), ids, came, left, np.full(4000, 10.0))
    late_h = np.array([(at(2, 20) - each.left_at) / timedelta(hours=1) for each in stated])
    assert abs(float((late_h < 0).mean()) - 0.76) < 0.02
    assert abs(np.quantile(late_h, 0.5) + 4.3) < 0.4
    assert abs(np.quantile(late_h, 0.05) + 10.9) < 0.5
    assert abs(np.quantile(late_h, 0.95) - 5.1) < 0.5
    taken = np.array([10.0 / each.need_kwh for each in stated])
    assert abs(np.quantile(taken, 0.5) - 0.43) < 0.02
    assert taken.max() <= 1
    assert statements(Drivers(), ids[7:8], came[:1], left[:1], np.array([10.0])) == stated[7:8]
    assert statements(Drivers(seed=2), ids[7:8], came[:1], left[:1], np.array([10.0])) != stated[7:8]


def test_who_is_often_wrong_about_themselves_is_believed_less_than_others_are() -> None:
    """All stay from eight till eleven, two, or five; the others say so, and one leaves six hours before they say."""
    others = [
        structs.replace(visit(day, 8, left, 10), stated_left_at=at(day, left), stated_kwh=10.0)
        for day in range(2, 7)
        for left in (11, 14, 17)
    ]
    late = [
        structs.replace(visit(day, 18, 20, 4, token="AB12"), stated_left_at=at(day, 26), stated_kwh=40.0)
        for day in range(2, 7)
    ]
    predictor = Predictor([*others, *late], "UTC")
    said = Present(came_at=at(9, 8), taken_kwh=0, stated_left_at=at(9, 17), stated_kwh=30.0)
    stranger = predictor.predict(said, at(9, 8))
    known = predictor.predict(structs.replace(said, token="AB12"), at(9, 8))
    assert stranger.stay_h(0.5) == 9
    assert known.stay_h(0.5) == 3
