"""Contests of models: what learned on from own failures takes the place of what is in use only where it is better."""

from pathlib import Path

import msgspec
import numpy as np
import pytest

from forecourt.insight.health import contest, examining, learned, shipped, training
from forecourt.insight.health.contest import Contest, failures_of, held
from forecourt.insight.health.days import Floats, History
from forecourt.insight.health.examining import Examiner, Until
from forecourt.insight.health.features import Features
from forecourt.insight.health.judging import Known
from forecourt.insight.health.model import FORM, Model, version_of
from forecourt.insight.health.store import models
from forecourt.simulator.wear import HOME, make
from tests.insight.conftest import Desk

WORLD = msgspec.structs.replace(HOME, days=320, sites=8, evses=(4, 6), gradual_a_year=3.0, ramp_days=(25, 60))


@pytest.fixture(scope="module")
def history() -> History:
    return training.lived(make(WORLD, 9)).history


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "TRIED", 16)
    # So few connector-months hold no false alert at all where they hold one in two hundred.
    monkeypatch.setattr(training, "MOST_FALSE", 8.0)
    monkeypatch.setattr(training, "LEAST_PRECISION", 0.6)
    monkeypatch.setattr(contest, "MOST_FALSE", 12.0)
    monkeypatch.setattr(learned, "ROUNDS_ON", 25)
    monkeypatch.setattr(contest, "LEAST_FAILURES", (15, 10, 10))


def deaf(threshold: float = 0.9999) -> Model:
    """The shipped model, but it hardly ever alerts."""
    model = shipped.read()
    return msgspec.structs.replace(model, card=msgspec.structs.replace(model.card, threshold=threshold))


@pytest.fixture(scope="module")
def truth(history: History) -> list[Known]:
    return failures_of(history, {})


def test_failures_are_days_on_which_a_connector_went_down_or_was_found_worn(history: History) -> None:
    short = msgspec.structs.replace(
        history, plugs=history.plugs[:2], days=100, began=np.array([0, 40]), down=np.zeros((2, 100), bool)
    )
    short.down[0, [10, 11, 60]] = True
    found = failures_of(short, {1: [80]})
    assert [(each.plug, each.onset, each.failed, each.mended) for each in found] == [
        (0, 0, 10, 12), (0, 15, 60, 61), (1, 40, 80, 81),
    ]  # fmt: skip


def test_a_model_that_is_clearly_better_on_later_days_takes_the_place(history: History, truth: list[Known]) -> None:
    told, winner = held(deaf(), history, truth)
    assert (told.why, told.won) == ("better", True)
    assert winner is not None
    assert told.challenger == version_of(winner)
    assert told.challenger_was is not None
    assert told.gain is not None
    assert told.gain.low > 0
    assert (told.challenger_was.false_rate.value or 0) <= 12.0
    assert (winner.card.learned_from, winner.card.failures) == ("own", told.failures[0])
    # Once it is in use, the same again is no better than itself.
    assert held(winner, history, truth)[1] is None


def test_a_model_that_alerts_for_nothing_too_often_is_not_used_however_much_it_finds(
    history: History, truth: list[Known], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(contest, "MOST_FALSE", 0.1)
    told, winner = held(deaf(), history, truth)
    assert told.gain is not None
    assert told.gain.low > 0
    assert (told.why, winner) == ("more_false", None)


def test_a_model_that_learned_nonsense_never_takes_the_place(
    history: History, truth: list[Known], monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = learned.examples

    def wrong(features: Features, known: list[Known]) -> tuple[Floats, Floats]:
        x, y = honest(features, known)
        return x, 1 - y

    monkeypatch.setattr(learned, "examples", wrong)
    told, winner = held(shipped.read(), history, truth)
    assert told.challenger_was is not None
    assert winner is None
    assert told.why in ("not_better", "more_false")
    assert not told.won


def test_on_a_network_of_one_site_a_gain_has_an_interval_as_wide_as_what_connectors_differ_by(
    history: History, truth: list[Known], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert sorted(set(contest.parts_of(history))) == list(range(8))
    alone = msgspec.structs.replace(history, site=np.zeros_like(history.site))
    parts = contest.parts_of(alone)
    assert sorted(set(parts)) == list(range(contest.MAX_PARTS))
    # Learns nothing new, so that only what both are worth is reckoned.
    monkeypatch.setattr(learned, "ROUNDS_ON", 1)
    told, _ = held(deaf(), alone, truth)
    assert told.gain is not None
    assert told.gain.low < told.gain.value < told.gain.high


def test_too_few_failures_or_days_hold_no_contest(history: History, truth: list[Known]) -> None:
    told, winner = held(deaf(), history, truth[: sum(contest.LEAST_FAILURES) // 2])
    assert (told.why, told.challenger, winner) == ("few_failures", None, None)
    cut = msgspec.structs.replace(history, days=contest.LEAST_DAYS - 1)
    assert held(deaf(), cut, truth)[0].why == "short"
    blind = msgspec.structs.replace(shipped.read(), trees=None)
    assert held(blind, history, truth)[0].why == "no_learner"


async def test_who_wins_is_in_use_from_then_on_and_who_loses_is_noted(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, history: History
) -> None:
    tenant_id = desk.organisation("contests")
    examiner = Examiner(desk.pool, desk.clock, Path("nowhere"))
    winner = deaf(0.5)
    results = [
        (Contest(champion="a", why="not_better"), None),
        (Contest(champion="a", why="better", won=True, challenger=version_of(winner)), winner),
    ]
    until = Until(snapshot=1, day=desk.clock.now().date())
    monkeypatch.setattr(Examiner, "_until", lambda *_: until)
    monkeypatch.setattr(Examiner, "_history", lambda *_: history)
    monkeypatch.setattr(examining, "held", lambda *_: results[-1])
    async with desk.pool.tenant(tenant_id) as conn:
        assert await models.find_in_use(conn, tenant_id) is None
    for day in (1, 2):
        results.append(results[day - 1])
        desk.clock.advance(86_400)
        await examiner.contest(tenant_id)
    async with desk.pool.tenant(tenant_id) as conn:
        used = await models.find_in_use(conn, tenant_id)
        assert used is not None
        assert version_of(used) == version_of(winner)
        assert [told.won for _, told in await models.list_contests(conn, tenant_id, 10)] == [True, False]


async def test_an_own_model_of_features_that_are_no_more_is_not_used(desk: Desk) -> None:
    tenant_id = desk.organisation("forms")
    model = deaf(0.5)
    earlier = msgspec.structs.replace(model, card=msgspec.structs.replace(model.card, form=FORM - 1))
    async with desk.pool.tenant(tenant_id) as conn:
        await models.use_model(conn, tenant_id, "own-1", earlier, desk.clock.now())
        assert await models.find_in_use(conn, tenant_id) is None
        await models.use_model(conn, tenant_id, "own-2", model, desk.clock.now())
        assert await models.find_in_use(conn, tenant_id) == model
