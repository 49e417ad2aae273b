"""Connector health: days, features, chart, alerts, what they are worth, and a small judgement of the shipped model."""

from datetime import UTC, date, datetime, timedelta

import duckdb
import msgspec
import numpy as np
import pyarrow as pa
import pytest

from forecourt.insight.health import chart, learned, shipped, training
from forecourt.insight.health.alerts import Episode, episodes
from forecourt.insight.health.days import COUNTS, History, Plug, counted
from forecourt.insight.health.drift import MOVED, MOVED_MUCH, drift, spread_of
from forecourt.insight.health.features import BESIDES, NAMES, OF_SIGN, SIGNS, reckoned
from forecourt.insight.health.judging import Known, figures, judged
from forecourt.insight.health.night import REASON_D, reasons_of
from forecourt.insight.health.training import Life, lived
from forecourt.simulator.wear import ELSEWHERE, make

SMALL = msgspec.structs.replace(ELSEWHERE, days=150, sites=6, gradual_a_year=1.5)


@pytest.fixture(scope="module")
def lives() -> list[Life]:
    return [lived(make(SMALL, seed)) for seed in (1, 2)]


def test_days_count_what_was_said_on_them() -> None:
    at = datetime(2026, 3, 1, 23, 59, tzinfo=UTC)
    minute = timedelta(minutes=1)
    sessions = [
        ("CP1", "1", "ann", at, at + minute / 2, 0, None, None, None, None),
        ("CP1", "1", "ann", at + 3 * minute, at + 63 * minute, 9_000, 9_100, 9_000, 12_000, 41.0),
        ("CP1", "2", "bob", at - 700 * minute, at - 690 * minute, 900, None, None, None, None),
    ]
    names = ("station", "evse", "driver", "started_at", "ended_at", "energy_wh", "sampled_wh", "power_wh",
             "offered_wh", "hottest_c")  # fmt: skip
    rows = [dict(zip(names, row, strict=True)) | {"source": "own", "outcome": "charged"} for row in sessions]
    said = [("Faulted", "ConnectorLockFailure", at), ("Available", "NoError", at + 600 * minute)]
    db = duckdb.connect()
    db.execute("SET TimeZone = 'UTC'")
    db.register("stations", pa.table({"station": ["CP1"], "site": ["yard"], "source": ["own"]}))
    db.register("sessions", pa.Table.from_pylist(rows))
    db.register("states", pa.Table.from_pylist([
        {"station": "CP1", "evse": 1, "connector": 1, "state": state, "error_code": code, "state_at": when}
        for state, code, when in said
    ]))  # fmt: skip
    db.register("gaps", pa.table({"station": ["CP1"], "lost_at": [at], "returned_at": [at + 2 * minute]}))
    history = counted(db, date(2026, 3, 1), 2)
    assert [(plug.station, plug.evse, plug.site) for plug in history.plugs] == [("CP1", 1, "yard"), ("CP1", 2, "yard")]
    first = {name: history.counts[name][0].tolist() for name in history.counts}
    assert first["starts"] == [1, 1]
    assert (first["failed"], first["retries"]) == ([1, 0], [1, 0])
    assert (first["drifted_wh"], first["offered_wh"], first["heat"]) == ([0, 100], [0, 12_000], [0, 41])
    assert (first["lock"], first["faulted_s"]) == ([1, 0], [60, 599 * 60])
    assert history.counts["away_s"].tolist() == [[60, 60], [60, 60]]
    assert history.counts["starts"][1].tolist() == [1, 0]
    assert history.down.tolist() == [[False, True], [False, False]]


def test_features_look_at_no_later_day(lives: list[Life]) -> None:
    history = lives[0].history
    cut = {name: values[:, :90] for name, values in history.counts.items()}
    earlier = msgspec.structs.replace(history, days=90, counts=cut, down=history.down[:, :90])
    whole, part = reckoned(history), reckoned(earlier)
    assert part.values.shape == (len(history.plugs), 90, len(NAMES))
    np.testing.assert_allclose(part.values, whole.values[:, :90], atol=1e-6)


def test_what_moves_a_whole_site_moves_none_of_its_connectors(lives: list[Life]) -> None:
    history = lives[0].history
    hotter = history.counts | {"heat": history.counts["heat"] + 15 * history.counts["heats"]}
    place = NAMES.index("heat:days_10")
    quiet = reckoned(history).values[:, 60:, place]
    warm = reckoned(msgspec.structs.replace(history, counts=hotter)).values[:, 60:, place]
    np.testing.assert_allclose(warm, quiet, atol=1e-6)


def test_a_hot_full_load_is_no_wear_and_a_hot_small_one_is() -> None:
    """Three plugs, one hour of a day each: the second has larger cars alone, the third is 6 degrees hotter."""
    plugs, days = 3, 60
    load = np.tile([[0.2, 0.9]], (plugs, days // 2)) + np.zeros((plugs, days))
    load[1] = 0.9
    heat = 20 + 22 * load + np.where(np.arange(plugs)[:, None] == 2, 6.0, 0.0) + 0.0 * load
    ones = np.ones((plugs, days))
    counts = {name: np.zeros((plugs, days)) for name in COUNTS} | {
        "starts": ones, "heat": heat, "heats": ones, "loaded_heat": heat, "loaded_heats": ones, "load": load,
        "load_squared": load**2, "load_heat": load * heat,
    }  # fmt: skip
    places = np.zeros(plugs, np.int64)
    history = History(
        plugs=[Plug(station=f"CP{n}", evse=1, site="yard") for n in range(plugs)], first=date(2026, 1, 1), days=days,
        counts=counts, site=places, station=np.arange(plugs), began=places, heard=places,
        down=np.zeros((plugs, days), bool),
    )  # fmt: skip
    values = reckoned(history).values[:, -1]
    plain, loaded = (values[:, NAMES.index(f"{name}:days_30")] for name in ("heat", "loaded"))
    assert plain[1] > 4.5
    assert abs(loaded[1]) < 4
    assert loaded[2] > 5
    assert loaded[2] > loaded[1] + 6 > loaded[1] + (plain[2] - plain[1]) + 2


def test_cars_that_fail_or_draw_little_elsewhere_too_are_no_sign_of_wear() -> None:
    at, minute = datetime(2026, 3, 1, 8, tzinfo=UTC), timedelta(minutes=1)
    hour = 60 * minute

    def session(evse: str, driver: str | None, begun: datetime, power_wh: int | None) -> dict[str, object]:
        failed = power_wh is None
        return {
            "station": "CP1", "evse": evse, "driver": driver, "started_at": begun, "source": "own",
            "ended_at": begun + (minute / 2 if failed else hour), "outcome": "charged", "energy_wh": power_wh or 0,
            "sampled_wh": power_wh, "power_wh": power_wh, "offered_wh": None if failed else 10_000, "hottest_c": None,
        }  # fmt: skip

    sessions = [
        # Ann's car failed at 2 and fails at 1; Bob's never failed, does at 1, and 2 puts it right.
        session("2", "ann", at, None), session("1", "ann", at + 2 * hour, None),
        session("1", "bob", at + 4 * hour, None), session("2", "bob", at + 4 * hour + 3 * minute, 8_000),
        # Bob's car drew 8 kW of 10 at 2, twice, and draws 5 at 1; whoever has no name is not told of.
        session("2", "bob", at + 8 * hour, 8_000), session("1", "bob", at + 10 * hour, 5_000),
        session("1", None, at + 12 * hour, 1_000),
    ]  # fmt: skip
    db = duckdb.connect()
    db.execute("SET TimeZone = 'UTC'")
    db.register("stations", pa.table({"station": ["CP1"], "site": ["yard"], "source": ["own"]}))
    db.register("sessions", pa.Table.from_pylist(sessions))
    for name, columns in (("states", ("station", "evse", "connector", "state", "error_code", "state_at")),
                          ("gaps", ("station", "lost_at", "returned_at"))):  # fmt: skip
        types = {"evse": pa.int64(), "connector": pa.int64()}
        stamps = {each: pa.timestamp("us", tz="UTC") for each in columns if each.endswith("_at")}
        db.register(name, pa.table({each: pa.array([], (types | stamps).get(each, pa.string())) for each in columns}))
    history = counted(db, date(2026, 3, 1), 1)
    first = {name: int(history.counts[name][0, 0]) for name in history.counts}
    assert (first["starts"], first["failed"]) == (4, 2)
    assert (first["fair_starts"], first["fair_failed"], first["moved"]) == (3, 1, 1)
    assert (first["short_wh"], first["told_wh"]) == (3_000, 10_000)
    assert history.counts["told_wh"][1, 0] == 0


def test_what_looks_closer_is_told_as_the_sign_that_it_looks_at() -> None:
    trees = learned.from_text(shipped.read().trees or "")
    rows = np.zeros((2, len(NAMES)))
    rows[0, [NAMES.index(f"short:{each}") for each in OF_SIGN]] = 0.3
    added = learned.moved(trees, rows)
    assert added.shape == (2, len(SIGNS))
    assert int(np.argmax(added[0] - added[1])) == [*SIGNS].index("power")
    whole = np.asarray(trees.predict(rows, pred_contrib=True))
    besides = whole[:, len(NAMES) - len(BESIDES) : -1].sum(1)
    np.testing.assert_allclose(added.sum(1) + besides + whole[:, -1], trees.predict(rows, raw_score=True), atol=1e-6)


def test_an_alert_stands_until_the_risk_is_low_for_a_while() -> None:
    scores = np.array([[0, 0.9, 0, 0.9, 0.9, 0.6, *[0.1] * 8, 0.9, 0.9]])
    found = episodes(scores, np.ones_like(scores, bool), 0.8)
    assert found == [Episode(plug=0, begun=4, ended=12), Episode(plug=0, begun=15, ended=16)]


def test_an_alert_is_right_only_between_wear_and_failure() -> None:
    looked_at = np.ones((4, 100), bool)
    truth = [
        Known(plug=0, kind="lock", gradual=True, onset=20, failed=50, mended=54),
        Known(plug=1, kind="board", gradual=False, onset=60, failed=60, mended=62),
        Known(plug=2, kind="lock", gradual=True, onset=20, failed=None, mended=None),
        Known(plug=3, kind="meter", gradual=True, onset=20, failed=50, mended=51),
    ]
    found = [
        Episode(plug=0, begun=10, ended=12),
        Episode(plug=0, begun=38, ended=50),
        Episode(plug=1, begun=55, ended=60),
        Episode(plug=2, begun=30, ended=40),
        Episode(plug=3, begun=49, ended=50),
    ]
    run = judged(found, truth, looked_at)
    assert (run.right, run.false, run.on_mild, run.sudden, run.sudden_by_chance) == (1, 4, 1, 1, 1)
    assert [each.lead for each in run.caught] == [11.0, None]
    # Four days of downtime less two hours for the planned visit, and four visits for nothing.
    assert run.avoided_h() == 4 * 24 - 2 - 4
    told = figures([run, run])
    assert (told.precision.value, told.recall.value, told.lead_d.value) == (0.2, 0.5, 11.0)


def test_the_shipped_model_beats_the_chart_where_it_never_learned() -> None:
    model = shipped.read()
    world = msgspec.structs.replace(ELSEWHERE, days=200, sites=10)
    found = training.evaluated(model, lambda seed: make(world, seed), (11, 12))
    assert found.model.failures > 10
    assert (found.model.recall.value or 0) > (found.chart_at_equal.recall.value or 0)
    assert abs(found.chart_at_equal.alerts - found.model.alerts) <= 2
    assert (found.model.precision.value or 0) > (found.chart_at_equal.precision.value or 0)


def test_contributions_name_the_part_that_wears() -> None:
    added = np.zeros(len(SIGNS))
    added[list(SIGNS).index("burst")] = 2.0
    assert learned.strongest(added) == "burst"
    added[list(SIGNS).index("power")], added[list(SIGNS).index("heat")] = 0.6, 0.5
    assert learned.strongest(added) == "power"
    # What gets hot and fails to start is a contact, not a fan.
    added[list(SIGNS).index("failed")] = 0.3
    assert learned.strongest(added) == "failed"
    added[list(SIGNS).index("lock")] = 0.9
    assert learned.strongest(added) == "lock"


def test_no_sign_is_named_of_which_a_connector_is_no_worse_than_the_rest(lives: list[Life]) -> None:
    history, names = lives[0].history, [*SIGNS]
    added = np.zeros((len(history.plugs), len(SIGNS)))
    added[:, names.index("quiet")], added[:, names.index("failed")] = 2.0, 1.0
    starts = history.counts["starts"][:, -REASON_D:].sum(1)
    told = []
    for plug, reasons in enumerate(reasons_of(history, added)):
        beside = [other for other in np.flatnonzero(history.site == history.site[plug]) if other != plug]
        fewer = not beside or starts[plug] * len(beside) < starts[beside].sum()
        told.append("quiet" in [each.sign for each in reasons])
        assert told[-1] == fewer
    assert {*told} == {True, False}


def test_the_chart_forgets_what_was_before_a_repair(lives: list[Life]) -> None:
    life = lives[0]
    for kind in chart.KINDS:
        assert (chart.levels(life.features, kind)[~life.features.known] == 0).all()


def test_drift_is_told_where_signs_are_others_than_on_validation(lives: list[Life]) -> None:
    spread = spread_of([each.features for each in lives])
    same = drift(lives[0].features, spread)
    assert same is not None
    assert same["heat"] < MOVED
    history = lives[0].history
    torn = msgspec.structs.replace(history, counts=history.counts | {"heats": np.zeros_like(history.counts["heats"])})
    moved = drift(reckoned(torn), spread)
    assert moved is not None
    assert moved["heat"] > MOVED_MUCH
    assert moved["lock"] == same["lock"]


def test_a_seed_gives_the_same_world_again() -> None:
    small = msgspec.structs.replace(SMALL, days=40, sites=2)
    one, again, other = make(small, 3), make(small, 3), make(small, 4)
    assert one.tables["sessions"].equals(again.tables["sessions"])
    assert not one.tables["sessions"].equals(other.tables["sessions"])
    assert one.faults == again.faults
