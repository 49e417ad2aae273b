"""How current passes from cars that shall have less to those that shall have more, without lying idle on its way.

What a station is told less counts as drawn until it surely obeys, and nobody may have it before: for a minute and a
half at one that was not seen to be quick yet. So no more is taken from who charges than others wait for and is not on
its way already, and of slow stations a part of what is drawn at a time. What a plan wants nobody to have is taken at
once, and so is what a car is offered and does not draw.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from msgspec import Struct

from forecourt.energy.dispatch.orders import STEP_MA, flows_told
from forecourt.energy.dispatch.standing import OBEY_S, Draws, Order, Standing, drawn_most, is_fresh, newest, orders_held
from forecourt.energy.rows import SLACK, Flows, Rows

#: What is told less to stations that obey within this isn't idle for long enough to matter.
QUICK_S: Final = 30.0
#: What is on its way from slower ones at a time, as a share of what is drawn.
SHARE: Final = 0.25
#: What is taken besides for who needs all of its least to begin: what else a site takes may rise meanwhile. Less than
#: a step, or it would be given back before it was handed over.
MARGIN_MA: Final = STEP_MA - 100


class _Running(Struct, frozen=True, kw_only=True):
    """An EVSE that is told things: the limit it goes by or comes to, what it draws of that, and by how much it may
    still draw more than that, which nobody else can have yet; what of this was drawn when it was told; all in mA."""

    evse: int
    told_ma: int
    drawn_ma: int
    coming_ma: int
    idle_ma: int
    is_slow: bool

    def draws_beyond(self, target_ma: Sequence[int]) -> bool:
        """Whether it would draw less by its target, by what is worth a word."""
        return self.drawn_ma - target_ma[self.evse] >= STEP_MA


class _Waiting(Struct, frozen=True, kw_only=True):
    """What others wait for, in mA: in all, and the least with which one of them could begin, 0 where all have begun."""

    all_ma: int
    begins_ma: int

    @property
    def margin_ma(self) -> int:
        return MARGIN_MA if self.begins_ma else 0


def handed(
    standings: Sequence[Standing], target_ma: Sequence[int], least_ma: Sequence[int], rows: Rows, draws: Draws
) -> Sequence[int]:
    """The targets by EVSE, with more for those that shall have less while nobody can have it yet: no more than they
    were told, and none of which `rows` would be exceeded. `least_ma`: what each must have to charge at all."""
    running = _running(standings, draws)
    givers = [each for each in running if each.told_ma > target_ma[each.evse]]
    waiting = _waiting(standings, running, target_ma, least_ma, rows, draws) if givers else None
    if waiting is None or not waiting.all_ma:
        return target_ma
    needed_ma = max(waiting.all_ma + waiting.margin_ma - sum(each.coming_ma for each in running), 0)
    part_ma = max(int(sum(each.drawn_ma for each in running) * SHARE), waiting.begins_ma + waiting.margin_ma)
    part_ma -= sum(each.idle_ma for each in running)
    surplus_ma = sum(each.told_ma - target_ma[each.evse] for each in givers) - needed_ma
    surplus_ma = max(surplus_ma, _lacking_ma(standings, rows, draws), 0)
    found = list(target_ma)
    # First what costs nobody anything, then who gives most: the fewer are told, the better.
    for each in sorted(givers, key=lambda one: (one.draws_beyond(target_ma), target_ma[one.evse] - one.told_ma)):
        target, least = target_ma[each.evse], least_ma[each.evse]
        if not each.draws_beyond(target_ma):
            needed_ma = max(needed_ma - (each.told_ma - target), 0)
            continue
        passes_ma = max(min(needed_ma, part_ma), 0) if each.is_slow else needed_ma
        lowest_ma = min(max(target - waiting.margin_ma, least), target)
        found[each.evse] = _lowered(each.told_ma, lowest_ma, passes_ma + surplus_ma, least)
        taken_ma = each.told_ma - found[each.evse]
        passes_ma = min(passes_ma, taken_ma)
        needed_ma, surplus_ma = needed_ma - passes_ma, surplus_ma - (taken_ma - passes_ma)
        if each.is_slow:
            part_ma -= passes_ma
    # What is over in one place is no less by what others give elsewhere.
    return found if rows.overload(flows_told(standings, draws, found)) <= 1 + SLACK else target_ma


def _running(standings: Sequence[Standing], draws: Draws) -> list[_Running]:
    """Those that go by something they were told, and can be thought to come to what they are told next."""
    found = []
    for number, standing in enumerate(standings):
        last = newest(standing, draws.at) if draws.controllable[number] else None
        if last is not None:
            bound_ma = round(float(draws.may_a[number] - draws.beyond_a[number]) * 1000)
            held = [each.drawn_ma for each in orders_held(standing, draws.at)]
            drew_ma = bound_ma if None in held else max(each for each in held if each is not None)
            found.append(
                _Running(
                    evse=number,
                    told_ma=last.limit_ma,
                    drawn_ma=_drawn_ma(standing, last, draws),
                    coming_ma=max(bound_ma - last.limit_ma, 0),
                    idle_ma=max(min(bound_ma, drew_ma) - last.limit_ma, 0),
                    is_slow=standing.settles_s > QUICK_S,
                )
            )
    return found


def _drawn_ma(standing: Standing, last: Order, draws: Draws) -> int:
    """What is drawn of a limit, at most; all of it where it wasn't measured since the car may have come to that."""
    since = standing.drawn_at if standing.drawn_since is None else standing.drawn_since
    if since is None or not is_fresh(standing, draws.at) or since < last.sent_at + timedelta(seconds=OBEY_S):
        return last.limit_ma
    return min(drawn_most(standing), last.limit_ma)


def _waiting(
    standings: Sequence[Standing], running: Sequence[_Running], target_ma: Sequence[int], least_ma: Sequence[int],
    rows: Rows, draws: Draws,
) -> _Waiting:  # fmt: skip
    """What isn't there yet of what EVSEs shall have more, while all draw what they may."""
    told_ma = {each.evse: each.told_ma for each in running}
    flows = Flows(rows, draws.may_a.copy())
    wanting = [
        number
        for number, standing in enumerate(standings)
        if standing.running_since is not None
        and draws.controllable[number]
        and target_ma[number] - told_ma.get(number, 0) >= (STEP_MA if told_ma.get(number, 0) else 1)
    ]
    all_ma, begins = 0, list[int]()
    for number in sorted(wanting, key=lambda number: told_ma.get(number, 0) > 0):
        beyond_a, told = float(draws.beyond_a[number]), told_ma.get(number, 0)
        got_ma = max(int(min(target_ma[number], (flows.room(number) - beyond_a) * 1000)), told)
        got_ma = got_ma if got_ma >= least_ma[number] else 0
        flows.put(number, max(float(draws.may_a[number]), got_ma / 1000 + beyond_a))
        if target_ma[number] - got_ma >= STEP_MA:
            all_ma += target_ma[number] - got_ma
            begins += [] if got_ma else [least_ma[number]]
    return _Waiting(all_ma=all_ma, begins_ma=min(begins, default=0))


def _lacking_ma(standings: Sequence[Standing], rows: Rows, draws: Draws) -> int:
    """About what is too much while all draw what they were told."""
    flows_a = flows_told(standings, draws)
    over = max(rows.overload(flows_a) - 1.0, 0.0)
    return int(min(over, 1.0) * float(flows_a.sum()) * 1000) + 1 if over > SLACK else 0


def _lowered(told_ma: int, lowest_ma: int, by_ma: int, least_ma: int) -> int:
    """A limit that is lowered by about so much, if that is worth a message: none between nothing and the least."""
    limit_ma = max(told_ma - by_ma, lowest_ma)
    if 0 < limit_ma < least_ma:
        stops = by_ma * 3 >= told_ma * (2 if told_ma - least_ma >= STEP_MA else 1)
        limit_ma = 0 if stops else min(least_ma, told_ma)
    return told_ma if told_ma - limit_ma < STEP_MA and limit_ma > lowest_ma else limit_ma
