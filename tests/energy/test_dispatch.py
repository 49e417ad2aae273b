"""What stations are told, against a small world of stations that obey in their own time, refuse, and fall silent."""

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from msgspec import Struct
from msgspec.structs import replace

from forecourt.energy.dispatch.grounds import Ground
from forecourt.energy.dispatch.moments import next_change
from forecourt.energy.dispatch.obedience import Seen, drawn_now, is_seen_soon, look
from forecourt.energy.dispatch.orders import AGAIN, REST, STEP_MA, Told, due, next_try
from forecourt.energy.dispatch.standing import (
    ABSENT_AFTER,
    DOUBT_AFTER,
    MEASURED_FOR,
    RETURN_FOR,
    Order,
    Standing,
    controllable,
    draws_of,
    may_draw,
    still_since,
)
from forecourt.energy.dispatch.times import ARRIVES_WITHIN, CLOCK_MARGIN, LOW_LEAST, LOW_VALID_FOR, PAUSE, VALID_FOR
from forecourt.energy.model import Electrics, Evse, Node, Phases
from forecourt.energy.rows import rows_of

NOW = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
S = timedelta(seconds=1)
LEAST_MA = 6_000
CALL_FOR = 30 * S
FALLBACK_MA = 6_000  # of each: 5 of 6 draw on one line at the most
MAX_MA = 32_000


def site(limit_a: float, evses: int = 6) -> Electrics:
    phases = (Phases.L1, Phases.L2, Phases.L3, Phases.ALL)
    return Electrics(
        nodes=(Node(id="grid", limit_a=limit_a),),
        evses=tuple(Evse(id=f"E{n}", node="grid", phases=phases[n % 4]) for n in range(evses)),
    )


def order(
    limit_ma: int,
    sent: datetime = NOW,
    *,
    answered: datetime | None = None,
    accepted: bool | None = None,
    drawn_ma: int | None = None,
    still_since: datetime | None = None,
    rested: bool = False,
) -> Order:
    valid_to = sent + (LOW_VALID_FOR if limit_ma < FALLBACK_MA else VALID_FOR)
    return Order(
        limit_ma=limit_ma, sent_at=sent, valid_to=valid_to, answered_at=answered, accepted=accepted, drawn_ma=drawn_ma,
        still_since=still_since, rested=rested,
    )  # fmt: skip


def idle(**known: object) -> Standing:
    return replace(Standing(max_ma=MAX_MA, fallback_ma=FALLBACK_MA, proven=True), **known)


def running(*orders: Order, **known: object) -> Standing:
    return idle(running_since=NOW - 3600 * S, orders=orders, **known)


def test_what_was_measured_at_a_time_to_come_is_not_believed() -> None:
    unruly = Standing(max_ma=MAX_MA, running_since=NOW, disobeys=True, drawn_ma=9_000, drawn_at=NOW)
    assert may_draw(unruly, NOW) == (9_000, Ground.DISOBEYS)
    # Clocks of our own hosts differ by a little.
    assert may_draw(replace(unruly, drawn_at=NOW + 3 * S), NOW)[0] == 9_000
    assert may_draw(replace(unruly, drawn_at=NOW + 60 * S), NOW)[0] == MAX_MA


@pytest.mark.parametrize(
    ("standing", "expected"),
    [
        pytest.param(Standing(max_ma=32_000, fallback_ma=6_000), (0, Ground.IDLE), id="nobody is there"),
        pytest.param(Standing(max_ma=32_000, fallback_ma=6_000, silent_since=NOW), (6_000, Ground.SILENT), id="silent"),
        pytest.param(Standing(max_ma=32_000, silent_since=NOW), (32_000, Ground.SILENT), id="silent without a default"),
        pytest.param(running(), (6_000, Ground.FALLBACK), id="told nothing yet"),
        pytest.param(running(fallback_ma=None), (32_000, Ground.UNCONTROLLED), id="nothing to go by"),
        pytest.param(
            running(order(10_000, NOW - 20 * S, answered=NOW - 19 * S, accepted=True)), (10_000, Ground.ORDER), id="ok"
        ),
        pytest.param(
            running(order(10_000, NOW - 2 * S, answered=NOW - 1 * S, accepted=True), proven=False),
            (10_000, Ground.ORDER),
            id="all that it may draw is what it was told, though it may draw less yet",
        ),
        pytest.param(
            running(
                order(8_000, NOW - 90 * S, answered=NOW - 89 * S, accepted=True),
                order(20_000, NOW - 2 * S, answered=NOW - 1 * S, accepted=True),
            ),
            (20_000, Ground.ORDER),
            id="more was accepted",
        ),
        pytest.param(
            running(
                order(20_000, NOW - 90 * S, answered=NOW - 89 * S, accepted=True),
                order(8_000, NOW - 2 * S, answered=NOW - 1 * S, accepted=True),
            ),
            (20_000, Ground.UNDER_WAY),
            id="less was accepted, and is not obeyed for sure",
        ),
        pytest.param(
            running(
                order(8_000, NOW - 90 * S, answered=NOW - 89 * S, accepted=True), order(20_000, NOW - 1 * S),
            ),
            (20_000, Ground.UNDER_WAY),
            id="more was sent and not answered",
        ),
        pytest.param(
            running(
                order(8_000, NOW - 90 * S, answered=NOW - 89 * S, accepted=True),
                order(20_000, NOW - 30 * S, answered=NOW - 29 * S, accepted=False),
            ),
            (8_000, Ground.REFUSES),
            id="more was refused",
        ),
        pytest.param(
            running(order(0, NOW - LOW_VALID_FOR, answered=NOW - LOW_VALID_FOR, accepted=True)),
            (6_000, Ground.FALLBACK),
            id="what it was told ran out",
        ),
        pytest.param(
            running(order(2_000, NOW - 60 * S, answered=NOW - 59 * S, accepted=True), silent_since=NOW),
            (6_000, Ground.SILENT),
            id="silent with less than the default",
        ),
        pytest.param(
            running(order(32_000, NOW - 60 * S, answered=NOW - 59 * S, accepted=True), drawn_ma=35_100, drawn_at=NOW),
            (35_100, Ground.ORDER),
            id="a little more than it was told, as measured",
        ),
        pytest.param(
            running(
                order(6_900, NOW - 60 * S, answered=NOW - 59 * S, accepted=True),
                order(6_000, NOW - 20 * S, answered=NOW - 19 * S, accepted=True),
                drawn_ma=6_900, drawn_at=NOW - 10 * S,
            ),
            (6_000, Ground.ORDER),
            id="measured while it need not have obeyed",
        ),
        pytest.param(
            running(order(9_000, NOW - 60 * S, answered=NOW - 59 * S, accepted=True), drawn_ma=9_090, drawn_at=NOW),
            (9_000, Ground.ORDER),
            id="no more than a meter may be wrong by",
        ),
        pytest.param(running(disobeys=True, drawn_ma=15_000, drawn_at=NOW), (15_000, Ground.DISOBEYS), id="measured"),
        pytest.param(
            running(disobeys=True, drawn_ma=15_000, drawn_at=NOW - 600 * S), (32_000, Ground.DISOBEYS), id="unmeasured"
        ),
    ],
)  # fmt: skip
def test_an_evse_counts_with_the_most_that_it_may_draw(standing: Standing, expected: tuple[int, Ground]) -> None:
    assert may_draw(standing, NOW) == expected


def test_more_is_told_only_once_less_is_obeyed() -> None:
    rows = rows_of(Electrics(nodes=(Node(id="grid", limit_a=20),), evses=(e(0), e(1))))
    high = running(order(14_000, NOW - 90 * S, answered=NOW - 89 * S, accepted=True))
    low = running(order(6_000, NOW - 90 * S, answered=NOW - 89 * S, accepted=True))
    [told] = due([high, low], [6_000, 14_000], [LEAST_MA] * 2, rows, NOW)
    assert (told.evse, told.limit_ma, told.urgent) == (0, 6_000, False)
    cut = replace(high, orders=(*high.orders, order(6_000, answered=NOW + S, accepted=True)))
    assert due([cut, low], [6_000, 14_000], [LEAST_MA] * 2, rows, NOW + 5 * S) == []
    assert next_change([cut, low], NOW + 5 * S) == NOW + 11 * S
    [told] = due([cut, low], [6_000, 14_000], [LEAST_MA] * 2, rows, NOW + 11 * S)
    assert (told.evse, told.limit_ma) == (1, 14_000)


@pytest.mark.parametrize(
    ("limit_ma", "drew_ma", "drawn_ma", "after_s", "counts_ma"),
    [
        pytest.param(0, 7_000, 0, 20, 0, id="it fell to nothing"),
        pytest.param(6_000, 16_000, 5_800, 20, 16_000, id="it may have fallen by itself"),
        pytest.param(0, 7_000, 6_900, 20, 16_000, id="it did not fall"),
        pytest.param(0, 7_000, 0, -5, 16_000, id="it fell before"),
        pytest.param(0, 0, 0, 20, 16_000, id="it drew nothing before"),
        pytest.param(0, None, 0, 20, 16_000, id="nobody knows what it drew before"),
    ],
)
def test_nothing_counts_as_soon_as_one_that_drew_something_is_measured_to_draw_nothing(
    limit_ma: int, drew_ma: int | None, drawn_ma: int, after_s: int, counts_ma: int
) -> None:
    ago = NOW - 300 * S
    orders = (
        order(16_000, ago, answered=ago, accepted=True),
        order(limit_ma, NOW, answered=NOW + S, accepted=True, drawn_ma=drew_ma),
    )
    unproven = running(*orders, proven=False, fallback_ma=0, drawn_ma=drawn_ma, drawn_at=NOW + after_s * S)
    assert may_draw(unproven, NOW + 30 * S)[0] == counts_ma
    # A mean tells of a time that begins after it was told.
    mean = replace(unproven, drawn_since=NOW - 20 * S)
    assert may_draw(mean, NOW + 30 * S)[0] == 16_000
    assert may_draw(unproven, NOW + 92 * S)[0] == limit_ma


@pytest.mark.parametrize(
    ("told", "measured", "counts_ma"),
    [
        pytest.param({}, (-5, 0), 0, id="it rests"),
        pytest.param({}, (20, 0), 0, id="and still does"),
        pytest.param({}, (20, 7_000), 16_000, id="it began again"),
        pytest.param({}, (-1, 7_000), 16_000, id="it began again before its station said yes"),
        pytest.param({"rested": False}, (-5, 0), 16_000, id="it may just not have begun"),
        pytest.param({"still_since": None}, (-5, 0), 16_000, id="nobody measured it"),
        pytest.param({"limit_ma": 6_000}, (-5, 0), 16_000, id="it may draw something"),
        pytest.param({"accepted": None, "answered": None}, (-5, 0), 16_000, id="its station has not said yes"),
        pytest.param({"accepted": False}, (-5, 0), 16_000, id="its station has said no"),
    ],
)
def test_nothing_counts_at_once_where_a_car_that_rests_is_told_to_draw_nothing(
    told: dict[str, Any], measured: tuple[int, int], counts_ma: int
) -> None:
    ago = NOW - 300 * S
    more = order(16_000, ago, answered=ago, accepted=True)
    known = {"limit_ma": 0, "sent": NOW - 2 * S, "answered": NOW, "accepted": True, "drawn_ma": 0}
    nothing = order(**{**known, "still_since": NOW - 5 * S, "rested": True, **told})
    after_s, drawn_ma = measured
    resting = running(
        more, nothing, proven=False, fallback_ma=0, drawn_ma=drawn_ma, drawn_at=NOW + after_s * S
    )  # fmt: skip
    assert may_draw(resting, NOW + 30 * S)[0] == counts_ma
    if counts_ma:
        return
    assert look(resting) is None, "it proves nothing of its station"
    # What it draws of what it was told since is no sign that it began by itself.
    again = order(6_000, NOW + 40 * S, answered=NOW + 41 * S, accepted=True, drawn_ma=0)
    drawing = replace(resting, orders=(*resting.orders, again), drawn_ma=6_000, drawn_at=NOW + 55 * S)
    assert may_draw(drawing, NOW + 60 * S)[0] == 6_000


@pytest.mark.parametrize(
    ("drawn_ma", "said", "counts_ma"),
    [
        pytest.param(6_000, {}, 6_000, id="by what it was told since"),
        pytest.param(16_000, {}, 16_000, id="more than that"),
        pytest.param(6_000, {"answered": None, "accepted": None}, 16_000, id="its station has not said yes to that"),
        pytest.param(6_000, {"accepted": False}, 16_000, id="its station has said no to that"),
    ],
)
def test_one_that_rested_and_draws_by_what_it_was_told_since_has_not_begun_by_itself(
    drawn_ma: int, said: dict[str, Any], counts_ma: int
) -> None:
    ago = NOW - 300 * S
    took: dict[str, Any] = {"answered": NOW + 4 * S, "accepted": True, **said}
    orders = (
        order(16_000, ago, answered=ago, accepted=True),
        order(0, NOW - 2 * S, answered=NOW, accepted=True, drawn_ma=0, still_since=NOW - 5 * S, rested=True),
        order(6_000, NOW + 3 * S, drawn_ma=0, **took),
    )
    drawing = running(*orders, proven=False, fallback_ma=0, drawn_ma=drawn_ma, drawn_at=NOW + 8 * S)
    assert may_draw(drawing, NOW + 9 * S)[0] == counts_ma
    assert look(drawing) is None, "it may take its time"


@pytest.mark.parametrize("proven", [False, True], ids=["unproven", "proven"])
@pytest.mark.parametrize(
    ("limit_ma", "drew_ma", "measured", "soon"),
    [
        pytest.param(0, 7_000, None, True, id="it comes to nothing"),
        pytest.param(6_000, 16_000, None, True, id="it comes to less"),
        pytest.param(6_000, 16_000, (5, 16_000), True, id="it was measured while it might still draw that"),
        pytest.param(6_000, 16_000, (15, 6_000), False, id="it has come to that"),
        pytest.param(6_000, 16_000, (25, 16_000), False, id="it was found out"),
        pytest.param(6_000, 6_400, None, False, id="it drew as much before"),
        pytest.param(6_000, None, None, False, id="nobody knows what it drew before"),
    ],
)
def test_who_is_to_draw_less_is_looked_at_until_it_was_measured_whether_it_does(
    proven: bool, limit_ma: int, drew_ma: int | None, measured: tuple[int, int] | None, soon: bool
) -> None:
    ago = NOW - 300 * S
    orders = (
        order(16_000, ago, answered=ago, accepted=True),
        order(limit_ma, NOW, answered=NOW + S, accepted=True, drawn_ma=drew_ma),
    )
    after_s, drawn_ma = measured or (-20, drew_ma or 0)
    standing = running(*orders, proven=proven, fallback_ma=0, drawn_ma=drawn_ma, drawn_at=NOW + after_s * S)
    assert is_seen_soon(standing, NOW + 26 * S) is soon
    # What isn't measured for minutes isn't waited for.
    assert not is_seen_soon(standing, NOW + 300 * S)


def test_what_was_measured_to_stop_has_stopped_whatever_it_was_told_to_draw_since() -> None:
    ago = NOW - 120 * S
    orders = [
        order(16_000, ago, answered=ago, accepted=True),
        order(0, NOW, answered=NOW + S, accepted=True, drawn_ma=7_000),
    ]

    def counts_ma(**measured: Any) -> int:
        """Once it draws again by what it was told since, which was sent when that was measured."""
        stopped = running(*orders, proven=False, fallback_ma=0, **measured)
        since, drew_ma = still_since(stopped, NOW + 40 * S), drawn_now(stopped, NOW + 40 * S)
        more = order(
            7_000, NOW + 40 * S, answered=NOW + 41 * S, accepted=True, drawn_ma=drew_ma, still_since=since
        )  # fmt: skip
        again = replace(stopped, orders=(*orders, more), drawn_ma=7_000, drawn_most_ma=None, drawn_at=NOW + 55 * S)
        return may_draw(replace(again, drawn_since=None), NOW + 60 * S)[0]

    assert counts_ma(drawn_ma=0, drawn_at=NOW + 20 * S) == 7_000
    assert counts_ma(drawn_ma=7_000, drawn_at=NOW + 20 * S) == 16_000
    assert counts_ma(drawn_ma=0, drawn_at=NOW - 5 * S) == 16_000, "it stopped before"
    assert counts_ma(drawn_ma=0, drawn_at=NOW + 30 * S, drawn_since=NOW - 20 * S) == 16_000, "a mean from before"
    assert counts_ma(drawn_ma=900, drawn_most_ma=2_700, drawn_at=NOW + 20 * S) == 16_000, "all on one conductor"


def test_a_station_counts_as_slow_until_a_cut_that_shows_was_seen_to_be_obeyed() -> None:
    rows = rows_of(Electrics(nodes=(Node(id="grid", limit_a=20),), evses=(e(0), e(1))))
    low = running(order(6_000, NOW - 190 * S, answered=NOW - 189 * S, accepted=True))
    high = order(14_000, NOW - 190 * S, answered=NOW - 189 * S, accepted=True)

    def cut(limit_ma: int, **known: object) -> Standing:
        told = order(limit_ma, NOW - S, answered=NOW, accepted=True, drawn_ma=14_000)
        return running(high, told, proven=False, **known)

    told = [6_000, 14_000]
    for waits_s, more in ((20, []), (89, []), (90, [14_000])):
        found = due([cut(6_000), low], told, [LEAST_MA] * 2, rows, NOW + waits_s * S)
        assert [each.limit_ma for each in found if each.limit_ma > 6_000] == more, waits_s
    # By half an ampere less nobody could see it; it draws too much as soon as with any other.
    assert look(cut(13_500, drawn_ma=13_500, drawn_at=NOW + 15 * S)) is None
    # What fell may have fallen by itself just before: it takes a second limit.
    once = look(cut(6_000, drawn_ma=6_000, drawn_at=NOW + 15 * S))
    assert once == Seen(obeys=True, obey_s=10.0, fell_at=NOW - S, fell_s=30.0)
    assert look(cut(6_000, drawn_ma=6_000, drawn_at=NOW + 15 * S, fell_at=once.fell_at)) is None, "the same limit"
    twice = look(cut(6_000, drawn_ma=6_000, drawn_at=NOW + 15 * S, fell_at=NOW - 600 * S))
    assert twice == Seen(obeys=True, obey_s=30.0, proven=True, fell_at=NOW - S, fell_s=30.0)
    assert look(cut(6_000, drawn_ma=14_000, drawn_at=NOW + 21 * S)) == Seen(obeys=False, obey_s=10.0)


def test_the_slower_of_two_falls_counts_and_both_are_quicker_than_what_was_known() -> None:
    def falls(after_s: float, **known: object) -> Seen | None:
        high = order(14_000, NOW - 190 * S, answered=NOW - 189 * S, accepted=True)
        told = order(6_000, NOW - S, answered=NOW, accepted=True, drawn_ma=14_000)
        return look(running(high, told, drawn_ma=6_000, drawn_at=NOW + after_s * S, **known))

    first = falls(40, proven=False)
    assert first == Seen(obeys=True, obey_s=10.0, fell_at=NOW - S, fell_s=80.0)
    before = NOW - 600 * S
    second = falls(3, proven=False, fell_at=before, fell_s=first.fell_s)
    assert second == Seen(obeys=True, obey_s=80.0, proven=True, fell_at=NOW - S, fell_s=10.0)
    third = falls(5, proven=True, obey_s=second.obey_s, fell_at=before, fell_s=second.fell_s)
    assert third == Seen(obeys=True, obey_s=10.0, proven=True, fell_at=NOW - S, fell_s=10.0)
    # One that was no quicker than what is known says nothing of how quick it is.
    alone = falls(3, proven=True, obey_s=60.0, fell_at=before, fell_s=80.0)
    assert alone == Seen(obeys=True, obey_s=60.0, proven=True, fell_at=NOW - S, fell_s=10.0)


@pytest.mark.parametrize("known", [{"proven": False}, {"obey_s": 120.0}], ids=["unproven", "known to be slow"])
@pytest.mark.parametrize(
    ("before_ma", "after_ma", "shows"),
    [(32_000, 16_000, True), (16_000, 16_000, False), (None, 16_000, False), (32_000, 8_000, False)],
    ids=["fell to its limit", "drew no more before", "nobody knows what it drew", "fell of itself"],
)
def test_an_evse_is_quick_only_if_what_it_drew_was_seen_to_fall_to_its_limit(
    known: dict[str, object], before_ma: int | None, after_ma: int, shows: bool
) -> None:
    high = order(32_000, NOW - 190 * S, answered=NOW - 189 * S, accepted=True)
    cut = order(16_000, NOW - S, answered=NOW, accepted=True, drawn_ma=before_ma)
    drawn = {"drawn_ma": after_ma, "drawn_at": NOW + 3 * S}
    found = look(running(high, cut, **drawn, **known, fell_at=NOW - 600 * S))
    assert found == (Seen(obeys=True, obey_s=10.0, proven=True, fell_at=cut.sent_at, fell_s=10.0) if shows else None)
    # Told the same again, with what was measured before, it does what it was told first.
    unsure = replace(cut, sent_at=NOW - 40 * S, answered_at=None, accepted=None)
    assert look(running(high, unsure, cut, **drawn, **known)) is None


@pytest.mark.parametrize(
    ("before_ma", "after_ma", "fell"),
    [(32_000, 16_000, True), (32_000, 0, False), (16_000, 16_000, False), (None, 16_000, False)],
    ids=["fell to its limit", "its car stopped", "drew no more before", "nobody knows what it drew"],
)
def test_an_evse_that_disobeyed_is_taken_for_slow_and_a_draw_that_fell_to_its_limit_counts_once(
    before_ma: int | None, after_ma: int, fell: bool
) -> None:
    high = order(32_000, NOW - 90 * S, answered=NOW - 89 * S, accepted=True)
    cut = order(16_000, NOW, answered=NOW + S, accepted=True, drawn_ma=before_ma)
    again = order(16_000, NOW + 20 * S, answered=NOW + 21 * S, accepted=True, drawn_ma=before_ma)
    for told in ((high, cut), (high, cut, again)):
        ran = running(*told, disobeys=True, proven=False, drawn_ma=after_ma, drawn_at=NOW + 25 * S)
        told_by = {"fell_at": cut.sent_at, "fell_s": 48.0} if fell else {}
        assert look(ran) == replace(Seen(obeys=True, obey_s=24.0), **told_by)


def test_what_is_drawn_when_a_limit_is_sent_is_what_was_measured_lately() -> None:
    at = NOW - MEASURED_FOR
    for drawn_ma, counts_ma in ((16_000, 16_000), (10**12, MAX_MA), (-9_000, 0)):
        assert drawn_now(running(drawn_ma=drawn_ma, drawn_at=at), NOW) == counts_ma
    assert drawn_now(running(drawn_ma=16_000, drawn_at=at - S), NOW) is None
    assert drawn_now(running(), NOW) is None


def test_less_replaces_more_only_if_that_had_surely_come_before_and_is_told_again_to_be_sure() -> None:
    rows = rows_of(Electrics(nodes=(Node(id="grid", limit_a=20),), evses=(e(0), e(1))))
    more, less = order(20_000), order(8_000, NOW + 5 * S, answered=NOW + 6 * S, accepted=True)
    late = running(replace(more, answered_at=NOW + 8 * S, accepted=True), less)
    other = running(order(8_000, NOW - 90 * S, answered=NOW - 89 * S, accepted=True))
    soon = NOW + 20 * S
    assert may_draw(late, soon) == (20_000, Ground.UNDER_WAY)
    [told] = due([late, other], [8_000, 8_000], [LEAST_MA] * 2, rows, soon)
    assert (told.evse, told.limit_ma, told.urgent) == (0, 8_000, True)
    sure = replace(late, orders=(*late.orders, order(8_000, soon, answered=soon, accepted=True)))
    assert may_draw(sure, soon + 10 * S) == (8_000, Ground.ORDER)
    for before in (replace(more, answered_at=NOW + 4 * S, accepted=True), order(20_000, NOW - ARRIVES_WITHIN + 5 * S)):
        assert may_draw(running(before, less), soon) == (8_000, Ground.ORDER)


def test_nobody_is_told_more_while_the_tree_may_be_overloaded_though_they_may_still_draw_as_much() -> None:
    rows = rows_of(Electrics(nodes=(Node(id="grid", limit_a=20),), evses=(e(0), e(1))))
    cut = running(order(16_000, NOW - 90 * S, answered=NOW - 89 * S, accepted=True),
                  order(0, NOW - 5 * S, answered=NOW - 4 * S, accepted=True))  # fmt: skip
    other = running(order(15_000, NOW - 90 * S, answered=NOW - 89 * S, accepted=True))
    [told] = due([cut, other], [12_000, 6_000], [LEAST_MA] * 2, rows, NOW)
    # What was told already is enough: no limit needs that it is told at once.
    assert (told.evse, told.limit_ma, told.urgent) == (1, 6_000, False)
    soon = replace(other, orders=(order(15_000, NOW - 20 * S, answered=NOW - 19 * S, accepted=True),))
    assert due([cut, soon], [12_000, 6_000], [LEAST_MA] * 2, rows, NOW) == []


def test_a_cut_is_told_at_once_and_a_rise_when_the_rest_is_over() -> None:
    rows = rows_of(Electrics(nodes=(Node(id="grid", limit_a=20),), evses=(e(0), e(1))))
    both = [running(order(16_000, NOW - 20 * S, answered=NOW - 19 * S, accepted=True)) for _ in range(2)]
    assert [(told.limit_ma, told.urgent) for told in due(both, [9_500, 10_000], [LEAST_MA] * 2, rows, NOW)] == [
        (9_500, True), (10_000, True),
    ]  # fmt: skip
    one = [running(order(8_000, NOW - 20 * S, answered=NOW - 19 * S, accepted=True)), idle()]
    assert due(one, [16_000, 0], [LEAST_MA] * 2, rows, NOW) == []
    assert [told.limit_ma for told in due(one, [16_000, 0], [LEAST_MA] * 2, rows, NOW + REST)] == [16_000]


def test_one_that_is_cut_by_little_again_and_again_is_told_its_plan_all_the_same_and_nothing_twice() -> None:
    rows = rows_of(site(100, 1))
    planned = order(16_000, NOW - 90 * S, answered=NOW - 89 * S, accepted=True)
    cuts = [order(16_000 - less_ma, NOW - ago_s * S) for ago_s, less_ma in ((31, 150), (1, 300))]
    cut = running(planned, replace(cuts[0], answered_at=NOW - 30 * S, accepted=True), cuts[1])
    assert due([cut], [15_700], [LEAST_MA], rows, NOW) == [], "what was said a second ago may not be answered yet"
    assert [told.limit_ma for told in due([cut], [9_000], [LEAST_MA], rows, NOW)] == [9_000]
    spoken = running(replace(planned, sent_at=NOW - 40 * S), cut.orders[1], cuts[1])
    assert due([spoken], [9_000], [LEAST_MA], rows, NOW) == []


def test_what_holds_is_renewed_before_it_runs_out_and_not_repeated_before() -> None:
    rows = rows_of(site(100, 1))
    one = [running(order(16_000, NOW, answered=NOW + S, accepted=True))]
    assert due(one, [16_000 + STEP_MA - 1], [LEAST_MA], rows, NOW + VALID_FOR / 2 - S) == []
    [told] = due(one, [16_000], [LEAST_MA], rows, NOW + VALID_FOR / 2)
    assert (told.limit_ma, told.valid_to) == (16_000, NOW + VALID_FOR * 1.5)


def test_a_rise_for_which_there_is_less_room_than_charging_needs_waits() -> None:
    rows = rows_of(Electrics(nodes=(Node(id="grid", limit_a=20),), evses=(e(0), e(1))))
    silent = running(order(15_000, NOW - 90 * S, answered=NOW - 89 * S, accepted=True), silent_since=NOW)
    waiting = running(order(0, NOW - 90 * S, answered=NOW - 89 * S, accepted=True))
    assert due([silent, waiting], [15_000, 10_000], [LEAST_MA] * 2, rows, NOW) == []
    silent = replace(silent, orders=(order(13_000, NOW - 90 * S, answered=NOW - 89 * S, accepted=True),))
    [told] = due([silent, waiting], [13_000, 10_000], [LEAST_MA] * 2, rows, NOW)
    assert told.limit_ma == 7_000


def e(number: int) -> Evse:
    return Evse(id=f"E{number}", node="grid", phases=Phases.L1)


class Habits(Struct, frozen=True, kw_only=True):
    """What may be wrong with the stations of a world beside lines and answers."""

    max_ma: int = MAX_MA
    refuses_default: float = 0.0
    ignores: float = 0.0
    #: What each draws beyond its limit, where it charges at all: no more than is tolerated of one that obeys.
    beyond_ma: int = 0
    #: How long more may flow than the tree bears, until it is heard and everybody has obeyed.
    excess_s: int = 0


class Call(Struct, frozen=True, kw_only=True):
    """A limit on its way to a station, for the session that began there at `since`: in line from `at` on, no longer
    than CALL_FOR after it was recorded."""

    told: Told
    sent: Order
    since: datetime | None
    at: datetime
    fate: float


class Station:
    """One EVSE as it really is: it obeys what it accepted some seconds later, in the order in which that came, by its
    own clock, and forgets it when it has run out. One that ignores draws what it likes."""

    def __init__(self, chance: random.Random, habits: Habits) -> None:
        self.chance = chance
        self.max_ma = habits.max_ma
        self.default_ma = None if chance.random() < habits.refuses_default else FALLBACK_MA
        self.ignores = chance.random() < habits.ignores
        self.beyond_ma = habits.beyond_ma
        self.skew = chance.uniform(-1, 1) * CLOCK_MARGIN
        self.since: datetime | None = None
        self.orders: list[tuple[datetime, Told]] = []
        #: What waits to be told it, one at a time; urgent ones overtake others.
        self.line: list[Call] = []
        self.free_at = NOW
        self.reachable = True
        #: What it begins while it is away is told so long after it has come back.
        self.told_at: datetime | None = None
        self.refuses = self.mute = False
        self.likes_ma = habits.max_ma

    def draws(self, now: datetime) -> int:
        if self.since is None:
            return 0
        if self.ignores:
            return self.likes_ma
        bound_ma = self._bound_ma(now)
        return bound_ma + self.beyond_ma if bound_ma >= LEAST_MA else 0

    def _bound_ma(self, now: datetime) -> int:
        assert self.since is not None
        obeyed = [told for at, told in self.orders if at <= now]
        if obeyed and obeyed[-1].valid_to > now + self.skew:
            return min(obeyed[-1].limit_ma, self.max_ma)
        if self.default_ma is None:
            return self.max_ma
        return self.default_ma if now - self.since >= PAUSE else 0


class World:
    """Six stations at one line, and a planner that knows of them what it hears."""

    def __init__(self, seed: int, habits: Habits) -> None:
        self.chance = random.Random(seed)
        self.rows = rows_of(site(30))
        self.stations = [Station(self.chance, habits) for _ in range(6)]
        self.known = [
            Standing(max_ma=each.max_ma, fallback_ma=each.default_ma, refuses_default=each.default_ma is None)
            for each in self.stations
        ]
        self.answers: list[tuple[datetime, int, Order, bool]] = []
        self.together_until: datetime | None = None
        self.told = 0

    def step(self, now: datetime) -> None:
        """What happens, what the planner hears of it, and what it says."""
        self._break_all_lines(now)
        for number, station in enumerate(self.stations):
            self._live(number, station, now)
        if self.chance.random() < 0.01:
            self._kill()
        for number, station in enumerate(self.stations):
            self._carry(number, station, now)
        for answer in [each for each in self.answers if each[0] <= now]:
            self.answers.remove(answer)
            self._change(answer[1], answer[2], answered_at=answer[0], accepted=answer[3])
        killed = self.chance.random() < 0.03
        for told in due(self.known, self._targets(now), [LEAST_MA] * 6, self.rows, now):
            self.told += 1
            self._tell(told, self.stations[told.evse], now, killed=killed)
        for number, station in enumerate(self.stations):
            self._carry(number, station, now)
        if killed:
            self._kill()

    def is_over(self, now: datetime) -> bool:
        """Whether more flows than the tree bears, and that could be helped: not by those alone that nothing binds, or
        that refuse to make room for them or can't be told to, nor while nobody can measure one that draws
        otherwise than it is told."""
        inexact = [each for each in self.stations if each.ignores or each.beyond_ma]
        if any(each.since is not None and not each.reachable for each in inexact):
            return False
        drawn = np.array([each.draws(now) for each in self.stations]) / 1000
        lacking = any(each.default_ma is None or (each.ignores and each.since) for each in self.stations)
        stuck = [lacking and (each.refuses or not each.reachable) for each in self.stations]
        unbound = np.array(
            [each.ignores or each.default_ma is None or fast for each, fast in zip(self.stations, stuck, strict=True)]
        )
        return self.rows.overload(drawn) > 1 + 1e-6 >= self.rows.overload(np.where(unbound, drawn, 0.0))

    def _kill(self) -> None:
        """Nobody waits any more for what was sent; what is in line gets there all the same."""
        self.answers.clear()
        for number, known in enumerate(self.known):
            self.known[number] = replace(known, orders=tuple(replace(each, awaited=False) for each in known.orders))

    def _break_all_lines(self, now: datetime) -> None:
        if self.together_until is None and self.chance.random() < 0.002:
            self.together_until = now + self.chance.choice((2, 8, 20)) * 60 * S
            for number, station in enumerate(self.stations):
                if station.reachable:
                    self._turn(number, station, now)
        elif self.together_until is not None and now >= self.together_until:
            self.together_until = None
            for number, station in enumerate(self.stations):
                self._turn(number, station, now)

    def _turn(self, number: int, station: Station, now: datetime) -> None:
        """The line breaks or is there again; what happened meanwhile is told later."""
        station.reachable = not station.reachable
        if station.reachable:
            station.told_at = now + self.chance.choice((0, 5, 40)) * S
            self.known[number] = replace(self.known[number], silent_since=None, back_at=now)
        else:
            self.answers = [each for each in self.answers if each[1] != number]
            station.line.clear()
            known = self.known[number]
            # What began while it was away before was told only if it was back for long enough.
            away_at = now if known.back_at is None else known.away_at
            self.known[number] = replace(known, silent_since=now, away_at=away_at, back_at=None)

    def _live(self, number: int, station: Station, now: datetime) -> None:
        """Cars come and go, lines break and come back, stations change their minds."""
        if self.together_until is None and self.chance.random() < 0.003:
            self._turn(number, station, now)
        if self.chance.random() < 0.005:
            station.since = now if station.since is None else None
            station.orders.clear()
            if station.reachable and station.told_at is None:
                station.told_at = now
        if station.told_at is not None and station.told_at <= now and station.reachable:
            station.told_at = None
            if self.known[number].running_since != station.since:
                self.known[number] = replace(self.known[number], running_since=station.since, orders=(), drawn_at=None)
            self.known[number] = replace(self.known[number], back_at=None)
        station.refuses = not station.refuses if self.chance.random() < 0.004 else station.refuses
        station.mute = not station.mute if self.chance.random() < 0.004 else station.mute
        if self.chance.random() < 0.002:
            station.likes_ma = self.chance.randrange(station.max_ma)
        if station.reachable and self.known[number].running_since and self.chance.random() < 0.15:
            self._measure(number, station, now)

    def _measure(self, number: int, station: Station, now: datetime) -> None:
        known = replace(self.known[number], drawn_ma=station.draws(now), drawn_at=now)
        seen = look(known)
        if seen is not None:
            assert seen.obeys or station.ignores, f"an honest station is accused: {known}"
            known = replace(
                known,
                disobeys=not seen.obeys,
                obey_s=seen.obey_s,
                proven=seen.proven,
                fell_at=seen.fell_at,
                fell_s=seen.fell_s,
            )
        self.known[number] = known

    def _targets(self, now: datetime) -> list[int]:
        """Some plan that keeps the limits beside those that can't be brought to it."""
        draws = draws_of(self.known, now)
        flows_a = np.where(draws.controllable, draws.beyond_a, draws.may_a)
        target_a = np.where(draws.controllable, 0.0, draws.may_a)
        for number in self.chance.sample(range(6), 6):
            if draws.controllable[number]:
                room = self.rows.room(flows_a, number) - draws.beyond_a[number]
                room = min(self.known[number].max_ma / 1000, room) * self.chance.choice((1.0, 1.0, 1.0, 0.5, 0.0))
                target_a[number] = 0.0 if room < 6 else room
                flows_a[number] = target_a[number] + draws.beyond_a[number]
        return [int(each * 1000) for each in target_a]

    def _tell(self, told: Told, station: Station, now: datetime, *, killed: bool) -> None:
        number = told.evse
        drawn_ma, still = drawn_now(self.known[number], now), still_since(self.known[number], now)
        sent = Order(
            limit_ma=told.limit_ma, sent_at=now, valid_to=told.valid_to, drawn_ma=drawn_ma, still_since=still
        )  # fmt: skip
        self.known[number] = replace(self.known[number], orders=(*self.known[number].orders, sent)[-60:])
        # What the former planner had recorded may be sent by it after all, or never.
        if station.reachable and not (killed and self.chance.random() < 0.5):
            at = now + self.chance.choice((5, 15, 25)) * S if killed else now
            since = self.known[number].running_since
            station.line.append(Call(told=told, sent=sent, since=since, at=at, fate=self.chance.random()))

    def _carry(self, number: int, station: Station, now: datetime) -> None:
        """What is in line is told, as far as its station is not being asked something else."""
        if self.chance.random() < 0.02:
            station.free_at = max(station.free_at, now + self.chance.choice((5, 15, 30)) * S)
        while station.free_at <= now and (waiting := [each for each in station.line if each.at <= now]):
            call = next((each for each in waiting if each.told.urgent), waiting[0])
            station.line.remove(call)
            if now - call.sent.sent_at >= CALL_FOR:
                self._change(number, call.sent, answered_at=now, accepted=False, unsent=True)
            else:
                self._reach(number, station, call, now)

    def _reach(self, number: int, station: Station, call: Call, now: datetime) -> None:
        answered = now + self.chance.choice((1, 4, 12)) * S
        station.free_at = answered
        if call.fate < 0.02:
            self._change(number, call.sent, answered_at=now, accepted=False, unsent=True)
        elif call.fate < 0.05:
            self._change(number, call.sent, awaited=False)
        elif station.refuses or call.fate < 0.08 or call.since != station.since:
            self.answers.append((answered, number, call.sent, False))
        else:
            station.orders.append((now + self.chance.choice((0, 2, 9)) * S, call.told))
            if not station.mute:
                self.answers.append((answered, number, call.sent, True))

    def _change(self, number: int, sent: Order, **known: object) -> None:
        orders = self.known[number].orders
        self.known[number] = replace(
            self.known[number],
            orders=tuple(
                replace(each, **known) if (each.sent_at, each.limit_ma) == (sent.sent_at, sent.limit_ma) else each
                for each in orders
            ),
        )


HONEST = Habits()
REFUSERS = Habits(max_ma=16_000, refuses_default=0.5, excess_s=60)
#: Until it is measured anew after each rise.
INEXACT = Habits(beyond_ma=900, excess_s=180)
DEAF = Habits(max_ma=24_000, ignores=0.4, excess_s=120)


@pytest.mark.parametrize(
    "habits", [HONEST, REFUSERS, DEAF, INEXACT], ids=["honest", "without defaults", "deaf", "inexact"]
)
@pytest.mark.parametrize("seed", range(4))
def test_the_tree_bears_what_stations_really_draw_whatever_they_answer_and_when(seed: int, habits: Habits) -> None:
    world, over_s, charging, running = World(seed, habits), 0, 0, 0
    for second in range(0, 4 * 3600, 5):
        now = NOW + second * S
        world.step(now)
        over_s = over_s + 5 if world.is_over(now) else 0
        assert over_s <= habits.excess_s, f"second {second}: {[each.draws(now) for each in world.stations]}"
        reached = [each for each in world.stations if each.since is not None and each.reachable]
        running += len(reached)
        charging += sum(each.draws(now) >= LEAST_MA for each in reached)
    assert world.told > 100
    # Whoever keeps limits by letting nobody charge does not plan.
    assert charging > 0.3 * running


@pytest.mark.parametrize(
    ("standing", "expected"),
    [
        pytest.param(Standing(max_ma=32_000), (32_000, Ground.UNGUARDED), id="new, and nothing binds it yet"),
        pytest.param(Standing(max_ma=32_000, refuses_default=True), (0, Ground.UNGUARDED), id="wants no default"),
        pytest.param(idle(disobeys=True), (0, Ground.UNGUARDED), id="disobeys, and nobody is there"),
        pytest.param(
            Standing(max_ma=32_000, refuses_default=True, silent_since=NOW - ABSENT_AFTER + S), (32_000, Ground.SILENT),
            id="unbound and silent",
        ),
        pytest.param(
            Standing(max_ma=32_000, refuses_default=True, silent_since=NOW - ABSENT_AFTER), (0, Ground.ABSENT),
            id="gone for good",
        ),
        pytest.param(
            Standing(max_ma=32_000, silent_since=NOW - ABSENT_AFTER, running_since=NOW - ABSENT_AFTER),
            (32_000, Ground.SILENT), id="gone with a car",
        ),
        pytest.param(idle(back_at=NOW - S, away_at=NOW - 4 * 60 * S), (6_000, Ground.RETURNED), id="back"),
        pytest.param(idle(back_at=NOW - S, away_at=NOW - 3 * 60 * S), (0, Ground.IDLE), id="back within the pause"),
        pytest.param(idle(back_at=NOW - RETURN_FOR, away_at=NOW - ABSENT_AFTER), (0, Ground.IDLE), id="back for long"),
        pytest.param(
            running(disobeys=True, drawn_ma=10_000, drawn_most_ma=30_000, drawn_at=NOW), (30_000, Ground.DISOBEYS),
            id="measured by its power, which may flow on one conductor",
        ),
        pytest.param(
            running(
                order(0, NOW - 9 * 60 * S, answered=NOW - 9 * 60 * S, accepted=True),
                order(8_000, NOW - 8 * 60 * S, answered=NOW - 8 * 60 * S, accepted=True),
            ), (6_000, Ground.FALLBACK), id="what replaced a longer one has run out",
        ),
        pytest.param(running(order(0)), (6_000, Ground.UNDER_WAY), id="told nothing else, and no answer yet"),
        pytest.param(running(order(9_000, NOW - DOUBT_AFTER)), (9_000, Ground.UNANSWERED), id="no answer at all"),
        pytest.param(
            running(order(0, NOW - 60 * S, answered=NOW - 59 * S, accepted=True), booted_at=NOW - 9 * S),
            (6_000, Ground.UNDER_WAY), id="booted since",
        ),
        pytest.param(
            running(order(0, NOW - (LOW_VALID_FOR - LOW_LEAST) - S, answered=NOW - 59 * S, accepted=True)),
            (6_000, Ground.ORDER), id="less than the default for no longer than others may have more",
        ),
        pytest.param(
            running(order(9_000, NOW - VALID_FOR - CLOCK_MARGIN + S, answered=NOW - VALID_FOR, accepted=True)),
            (9_000, Ground.FALLBACK), id="over by our clock and maybe not by the station's",
        ),
        pytest.param(
            running(order(9_000, NOW - 9 * S, answered=NOW, accepted=False), fallback_ma=None, drawn_ma=14_000,
                    drawn_at=NOW), (14_000, Ground.REFUSES), id="bound by nothing, and measured",
        ),
        pytest.param(
            running(order(9_000, NOW - 9 * S, answered=NOW, accepted=False), fallback_ma=None),
            (32_000, Ground.REFUSES), id="bound by nothing, and not measured",
        ),
    ],
)  # fmt: skip
def test_what_is_bound_by_nothing_counts_with_all_that_it_can_for_as_long_as_is_bearable(
    standing: Standing, expected: tuple[int, Ground]
) -> None:
    assert may_draw(standing, NOW) == expected


def test_a_station_that_refuses_is_reserved_for_and_asked_again_when_it_has_rested() -> None:
    rows = rows_of(Electrics(nodes=(Node(id="grid", limit_a=40),), evses=(e(0), e(1))))
    refuser = running(order(13_000, NOW, answered=NOW + S, accepted=False), fallback_ma=None)
    other = running(order(20_000, NOW, answered=NOW + S, accepted=True))
    assert not controllable(refuser, NOW + 2 * S)
    [told] = due([refuser, other], [32_000, 8_000], [LEAST_MA] * 2, rows, NOW + 9 * S)
    assert (told.evse, told.limit_ma, told.urgent) == (1, 8_000, True)
    [told] = due([refuser, idle()], [32_000, 0], [LEAST_MA] * 2, rows, NOW + REST)
    assert (told.evse, told.limit_ma) == (0, 13_000)
    unsent = replace(refuser, orders=(replace(refuser.orders[0], unsent=True),))
    assert controllable(unsent, NOW + 2 * S)
    assert next_try([refuser, unsent], NOW) == NOW + AGAIN
    assert not controllable(unsent, NOW + DOUBT_AFTER)
    [told] = due([unsent, idle()], [9_000, 0], [LEAST_MA] * 2, rows, NOW + AGAIN)
    assert (told.evse, told.limit_ma) == (0, 9_000)


@pytest.mark.parametrize("unruly", [{"disobeys": True}, {}], ids=["disobeys", "refuses"])
def test_a_cut_is_for_those_that_do_not_obey_as_well_whatever_they_draw(unruly: dict[str, Any]) -> None:
    tree = Electrics(
        nodes=(Node(id="grid", limit_a=63), Node(id="panel", parent="grid", limit_a=0)),
        evses=(Evse(id="E0", node="panel"), Evse(id="E1", node="grid")),
    )
    held = order(16_000, NOW - REST, answered=NOW - REST, accepted=bool(unruly))
    deaf = running(held, drawn_ma=20_000, drawn_at=NOW, **unruly)
    other = running(order(32_000, NOW - REST, answered=NOW - REST, accepted=True))
    [told] = due([deaf, other], [0, 32_000], [LEAST_MA] * 2, rows_of(tree), NOW)
    assert (told.evse, told.limit_ma, told.urgent) == (0, 0, True), "nothing at all may flow there"
    panel = replace(tree.nodes[1], limit_a=12)
    less = rows_of(replace(tree, nodes=(tree.nodes[0], panel)))
    [told] = due([deaf, other], [0, 32_000], [LEAST_MA] * 2, less, NOW)
    assert (told.evse, told.limit_ma) == (0, LEAST_MA if deaf.disobeys else 12_000), "no more than there is"
    calm = replace(deaf, drawn_ma=0, orders=(replace(held, accepted=True),), disobeys=True)
    due_then = NOW + VALID_FOR / 2 - REST
    renewed = due([replace(calm, drawn_at=due_then), idle()], [0, 0], [LEAST_MA] * 2, rows_of(tree), due_then)
    assert [told.limit_ma for told in renewed] == [0], "nor may it once it draws nothing"


@pytest.mark.parametrize("lost", [{"awaited": False}, {"answered_at": NOW}], ids=["nobody waits", "timed out"])
def test_a_cut_of_which_nobody_knows_is_told_again_while_the_tree_may_be_overloaded(lost: dict[str, Any]) -> None:
    rows = rows_of(Electrics(nodes=(Node(id="grid", limit_a=20),), evses=(e(0), e(1))))
    high = order(20_000, NOW - 90 * S, answered=NOW - 89 * S, accepted=True)
    under_way = running(high, order(10_000))
    assert due([under_way, idle()], [10_000, 0], [LEAST_MA] * 2, rows, NOW + AGAIN) == []
    other = running(order(9_000, NOW - 90 * S, answered=NOW - 89 * S, accepted=True))
    cut = replace(under_way, orders=(high, replace(under_way.orders[-1], **lost)))
    [told] = due([cut, other], [10_000, 9_000], [LEAST_MA] * 2, rows, NOW + AGAIN)
    assert (told.evse, told.limit_ma, told.urgent) == (0, 10_000, True)


def test_nothing_stalls_when_the_clock_has_jumped_back() -> None:
    rows = rows_of(site(40, 1))
    later = NOW + 3600 * S
    held = running(order(9_000, later - 90 * S, answered=later - 89 * S, accepted=True))
    assert [told.limit_ma for told in due([held], [9_000], [LEAST_MA], rows, NOW)] == [9_000]
    assert [told.limit_ma for told in due([held], [20_000], [LEAST_MA], rows, NOW)] == [20_000]
    refused = replace(held, orders=(order(9_000, later, answered=later, accepted=False),))
    assert [told.limit_ma for told in due([refused], [9_000], [LEAST_MA], rows, NOW)] == [9_000]


def test_a_running_car_is_always_told_something_or_nobody_could_find_out_who_obeys() -> None:
    rows = rows_of(site(40, 1))
    [told] = due([running(fallback_ma=0)], [0], [LEAST_MA], rows, NOW)
    assert told.limit_ma == 0


@pytest.mark.parametrize(
    ("standing", "expected"),
    [
        pytest.param(running(drawn_ma=20_000, drawn_at=NOW), Seen(obeys=False, obey_s=10.0), id="ignores its default"),
        pytest.param(
            running(drawn_ma=20_000, drawn_at=NOW, fallback_at=NOW - 9 * S), None, id="has its default for too short"
        ),
        pytest.param(
            running(order(9_000, NOW - 60 * S), drawn_ma=20_000, drawn_at=NOW), Seen(obeys=False, obey_s=10.0),
            id="answers nothing",
        ),
        pytest.param(running(fallback_ma=None, drawn_ma=32_000, drawn_at=NOW), None, id="is bound by nothing"),
        pytest.param(
            running(
                order(30_000, NOW - 90 * S, answered=NOW - 89 * S, accepted=True),
                order(9_000, NOW - 16 * S, answered=NOW - 15 * S, accepted=True), drawn_ma=30_000, drawn_at=NOW,
            ), None, id="was measured when it need not have obeyed, and heard later",
        ),
        pytest.param(
            running(
                order(30_000, NOW - 90 * S, answered=NOW - 89 * S, accepted=True),
                order(9_000, NOW - 22 * S, answered=NOW - 21 * S, accepted=True), drawn_ma=30_000, drawn_at=NOW,
            ), Seen(obeys=False, obey_s=10.0), id="goes by an older order",
        ),
        pytest.param(
            running(
                order(30_000, NOW - 90 * S, answered=NOW - 89 * S, accepted=True),
                order(9_000, NOW - 16 * S, answered=NOW - 15 * S, accepted=True, drawn_ma=30_000),
                drawn_ma=9_000, drawn_at=NOW, obey_s=120.0, fell_at=NOW - 90 * S,
            ), Seen(obeys=True, obey_s=30.0, proven=True, fell_at=NOW - 16 * S, fell_s=30.0),
            id="obeys sooner than was known",
        ),
        pytest.param(
            running(order(9_000, NOW - 61 * S, answered=NOW - 60 * S, accepted=True), drawn_ma=9_000, drawn_at=NOW,
                    disobeys=True), Seen(obeys=True, obey_s=60.0), id="obeys again",
        ),
        pytest.param(
            running(
                order(30_000, NOW - 190 * S, answered=NOW - 189 * S, accepted=True),
                order(0, NOW - 90 * S, answered=NOW - 89 * S, accepted=True),
                drawn_ma=20_000, drawn_at=NOW, drawn_since=NOW - 80 * S,
            ), None, id="drew as a mean what it might at the beginning",
        ),
        pytest.param(
            running(
                order(30_000, NOW - 190 * S, answered=NOW - 189 * S, accepted=True),
                order(0, NOW - 90 * S, answered=NOW - 89 * S, accepted=True),
                drawn_ma=20_000, drawn_at=NOW, drawn_since=NOW - 60 * S,
            ), Seen(obeys=False, obey_s=10.0), id="drew as a mean what it might at no moment",
        ),
        pytest.param(
            running(
                order(0, NOW - 60 * S, answered=NOW - 59 * S, accepted=True), drawn_ma=20_000, drawn_at=NOW,
                drawn_since=NOW - 70 * S,
            ), None, id="drew as a mean what nobody knows whether it might",
        ),
        pytest.param(
            running(
                order(9_000, NOW - 61 * S, answered=NOW - 60 * S, accepted=True), disobeys=True, drawn_ma=9_000,
                drawn_at=NOW, drawn_since=NOW - 70 * S,
            ), None, id="may have drawn more for a part of the time",
        ),
    ],
)  # fmt: skip
def test_what_is_measured_is_judged_by_all_that_might_have_held(standing: Standing, expected: Seen | None) -> None:
    assert look(standing) == expected
