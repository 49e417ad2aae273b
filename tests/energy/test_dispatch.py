"""What stations are told, against a small world of stations that obey in their own time, refuse, and fall silent."""

import random
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from msgspec.structs import replace

from forecourt.energy.dispatch.orders import PAUSE, REST, STEP_MA, VALID_FOR, Told, due
from forecourt.energy.dispatch.standing import Ground, Order, Standing, may_draw, next_change
from forecourt.energy.model import Electrics, Evse, Node, Phases
from forecourt.energy.rows import Rows, rows_of

NOW = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
S = timedelta(seconds=1)
LEAST_MA = 6_000


def site(limit_a: float, evses: int = 6) -> Electrics:
    phases = (Phases.L1, Phases.L2, Phases.L3, Phases.ALL)
    return Electrics(
        nodes=(Node(id="grid", limit_a=limit_a),),
        evses=tuple(Evse(id=f"E{n}", node="grid", phases=phases[n % 4]) for n in range(evses)),
    )


def order(
    limit_ma: int, sent: datetime = NOW, *, answered: datetime | None = None, accepted: bool | None = None
) -> Order:
    return Order(limit_ma=limit_ma, sent_at=sent, valid_to=sent + VALID_FOR, answered_at=answered, accepted=accepted)


def running(*orders: Order, **known: object) -> Standing:
    return replace(Standing(max_ma=32_000, fallback_ma=6_000, running_since=NOW - 3600 * S, orders=orders), **known)


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
            (8_000, Ground.ORDER),
            id="more was refused",
        ),
        pytest.param(
            running(order(0, NOW - VALID_FOR, answered=NOW - VALID_FOR, accepted=True)),
            (6_000, Ground.FALLBACK),
            id="what it was told ran out",
        ),
        pytest.param(
            running(order(2_000, NOW - 60 * S, answered=NOW - 59 * S, accepted=True), silent_since=NOW),
            (6_000, Ground.SILENT),
            id="silent with less than the default",
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


def test_a_cut_is_told_at_once_and_a_rise_when_the_rest_is_over() -> None:
    rows = rows_of(Electrics(nodes=(Node(id="grid", limit_a=20),), evses=(e(0), e(1))))
    both = [running(order(16_000, NOW - 20 * S, answered=NOW - 19 * S, accepted=True)) for _ in range(2)]
    assert [(told.limit_ma, told.urgent) for told in due(both, [9_500, 10_000], [LEAST_MA] * 2, rows, NOW)] == [
        (9_500, True), (10_000, True),
    ]  # fmt: skip
    one = [running(order(8_000, NOW - 20 * S, answered=NOW - 19 * S, accepted=True)), Standing(max_ma=32_000)]
    assert due(one, [16_000, 0], [LEAST_MA] * 2, rows, NOW) == []
    assert [told.limit_ma for told in due(one, [16_000, 0], [LEAST_MA] * 2, rows, NOW + REST)] == [16_000]


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


class Station:
    """One EVSE as it really is: it obeys what it accepted some seconds later, and forgets it when it has run out."""

    def __init__(self, chance: random.Random, fallback_ma: int) -> None:
        self.chance, self.fallback_ma = chance, fallback_ma
        self.since: datetime | None = None
        self.orders: list[tuple[datetime, Told]] = []
        self.reachable = True

    def may(self, now: datetime) -> int:
        if self.since is None:
            return 0
        obeyed = [told for at, told in self.orders if at <= now and told.valid_to > now]
        if obeyed:
            return obeyed[-1].limit_ma
        return self.fallback_ma if now - self.since >= PAUSE else 0


@pytest.mark.parametrize("seed", range(6))
def test_the_tree_bears_what_stations_really_draw_whatever_they_answer_and_when(seed: int) -> None:
    chance = random.Random(seed)
    rows = rows_of(site(30))
    fallback_ma = 6_000  # of each: 5 of 6 draw on one line at the most
    stations = [Station(chance, fallback_ma) for _ in range(6)]
    known = [Standing(max_ma=32_000, fallback_ma=fallback_ma) for _ in range(6)]
    answers: list[tuple[datetime, int, Order, bool]] = []
    told_in_all = 0
    for second in range(0, 3 * 3600, 5):
        now = NOW + second * S
        for number, station in enumerate(stations):
            _live(number, station, known, chance, now)
        for at, number, sent, accepted in [each for each in answers if each[0] <= now]:
            answers.remove((at, number, sent, accepted))
            orders = known[number].orders
            known[number] = replace(
                known[number],
                orders=tuple(
                    replace(each, answered_at=at, accepted=accepted) if each is sent else each for each in orders
                ),
            )
        target_ma = _targets(known, rows, chance, now)
        for told in due(known, target_ma, [LEAST_MA] * 6, rows, now):
            told_in_all += 1
            _tell(told, stations[told.evse], known, answers, chance, now)
        true_a = np.array([station.may(now) for station in stations]) / 1000
        assert rows.overload(true_a) <= 1 + 1e-6, f"seed {seed}, second {second}: {true_a}"
    assert told_in_all > 100


def _live(number: int, station: Station, known: list[Standing], chance: random.Random, now: datetime) -> None:
    """Cars come and go, lines break and come back; it is known at once, but of a station out of reach."""
    if chance.random() < 0.003:
        station.reachable = not station.reachable
        known[number] = replace(known[number], silent_since=None if station.reachable else now)
        if station.reachable:
            known[number] = replace(
                known[number], running_since=station.since, orders=known[number].orders if station.since else ()
            )
    if chance.random() < 0.005:
        station.since = now if station.since is None else None
        station.orders.clear()
        if station.reachable:
            known[number] = replace(known[number], running_since=station.since, orders=())


def _targets(known: list[Standing], rows: Rows, chance: random.Random, now: datetime) -> list[int]:
    """Some plan that keeps the limits beside those that can't be told."""
    target_a = np.array(
        [may_draw(each, now)[0] / 1000 if each.running_since is None or each.silent_since else 0.0 for each in known]
    )
    for number in chance.sample(range(6), 6):
        if known[number].running_since is not None and known[number].silent_since is None:
            room = min(32.0, rows.room(target_a, number)) * chance.choice((1.0, 1.0, 1.0, 0.5, 0.0))
            target_a[number] = 0.0 if room < 6 else room
    return [int(each * 1000) for each in target_a]


def _tell(
    told: Told, station: Station, known: list[Standing], answers: list[tuple[datetime, int, Order, bool]],
    chance: random.Random, now: datetime,
) -> None:  # fmt: skip
    sent = Order(limit_ma=told.limit_ma, sent_at=now, valid_to=told.valid_to)
    known[told.evse] = replace(known[told.evse], orders=(*known[told.evse].orders, sent)[-6:])
    fate = chance.random()
    if fate < 0.05:
        return  # lost on its way, and nobody knows
    answered = now + chance.choice((1, 4, 12)) * S
    if fate < 0.1:
        answers.append((answered, told.evse, sent, False))
        return
    station.orders.append((now + chance.choice((0, 2, 9)) * S, told))
    if fate > 0.15:  # the answer of some is lost
        answers.append((answered, told.evse, sent, True))
