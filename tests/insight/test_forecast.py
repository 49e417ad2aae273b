"""Forecasts: what is better is chosen, what isn't is left alone, intervals cover, and nothing looks ahead."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow.parquet as pq
import pytest

from forecourt.insight.forecast import backtest, choosing, learned, plan, service
from forecourt.insight.forecast.backtest import Files, Memory, Run, run
from forecourt.insight.forecast.intervals import Tuner
from forecourt.insight.forecast.methods import SIMPLE
from forecourt.insight.forecast.plan import eras, planned
from forecourt.insight.forecast.reading import panels_of, read
from forecourt.insight.forecast.recipe import ahead_of, recipe_of
from forecourt.insight.forecast.report import OfDataSet, Report
from forecourt.insight.forecast.series import NETWORK, Floats, ForecastRefused, Panel, with_network
from forecourt.insight.importing.model import ImportRefused
from forecourt.insight.importing.tables import Options
from forecourt.insight.model import Session
from tests.support import EPOCH

SOURCE = Path(__file__).parents[2] / "src" / "forecourt"
MONDAY = datetime(2025, 1, 6)  # noqa: DTZ001


def shrink(patch: pytest.MonkeyPatch) -> None:
    """Small trees, few origins, few steps: what is tested shows with them too."""
    patch.setattr(learned, "MAX_EXAMPLES", 4_000)
    patch.setattr(learned, "ROUNDS", 20)
    patch.setattr(choosing, "MAX_HOURS", 300)
    patch.setattr(choosing, "STEPS_TOGETHER", 40)
    patch.setattr(choosing, "STEPS_ALONE", 10)
    patch.setattr(plan, "MAX_ORIGINS", 11)


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    shrink(monkeypatch)


def panel(values: Floats, name: str = "made") -> Panel:
    names = tuple(f"s{number}" for number in range(len(values)))
    return with_network(Panel(name=name, target="value", names=names, start=MONDAY, values=values.astype(np.float32)))


def week(hours: int) -> Floats:
    """A busy day and a quiet weekend."""
    since = np.arange(hours)
    day = 1 + np.sin((since % 24 - 6) / 24 * 2 * np.pi)
    return (10 * day * np.where(since // 24 % 7 >= 5, 0.4, 1) + 1).astype(np.float32)


def ran(made: Panel) -> Run:
    parts = planned(made.hours, len(made.names))
    assert parts is not None
    return run(made, parts, Memory(), lambda what, done, every: None)


def reported(paths: list[Path], kept: backtest.Kept | None = None, progress: Any = None, done: Any = None) -> Report:
    return service.backtest(
        paths, Options(), EPOCH, kept or Memory(), progress or (lambda *_: None), done or (lambda *_: None)
    )


def hourly(path: Path, made: Panel) -> Path:
    lines = ["series,time,value"]
    for name, row in zip(made.names, made.values, strict=True):
        if name != NETWORK:
            lines += [f"{name},{made.at(hour).isoformat()},{value:.4f}" for hour, value in enumerate(row)]
    path.write_text("\n".join(lines) + "\n")
    return path


def of_panel(made: Panel) -> OfDataSet:
    from forecourt.insight.forecast.report import gathered, new_data_set

    found = new_data_set("made", "value", len(made.names))
    gathered(found, [ran(made)])
    return found


def test_a_series_with_structure_is_forecast_better_than_by_the_best_simple_method() -> None:
    # What an hour differs by from its week is still there in the next ones: the simple methods can't know.
    random = np.random.default_rng(1)
    hours = 8 * 168
    off = np.zeros((2, hours))
    for hour in range(1, hours):
        off[:, hour] = 0.97 * off[:, hour - 1] + random.normal(0, 0.12, 2)
    found = of_panel(panel(week(hours) * np.exp(off)))
    assert found.skill_by_band["1 to 6 h"] > 0.2
    assert found.skill is not None
    assert found.skill > 0.01
    assert found.pinball_skill is not None
    assert found.pinball_skill > 0


def test_pure_noise_is_never_forecast_worse_and_the_words_say_that_nothing_is_gained() -> None:
    found = of_panel(panel(np.random.default_rng(2).gamma(2, 1, (3, 8 * 168))))
    assert found.worst_skill is not None
    assert found.worst_skill > -0.01
    assert found.goal_met is False
    assert any(words.startswith("no series allows 8%") for words in found.words)


def test_intervals_cover_and_lie_where_the_true_quantiles_are() -> None:
    hours = 8 * 168
    noise = np.random.default_rng(3).gamma(9, 1 / 9, (2, hours))
    made = ran(Panel(
        name="made", target="value", names=("a", "b"), start=MONDAY, totals=(False, False),
        values=(week(hours) * noise).astype(np.float32),
    ))  # fmt: skip
    inside = (made.test.actual >= made.intervals.low) & (made.test.actual <= made.intervals.high)
    assert 0.75 < inside[np.isfinite(made.test.actual)].mean() < 0.85
    assert (made.intervals.low <= made.points).all()
    assert (made.intervals.high >= made.points).all()
    # Eight weeks and the hours beside each tell more than four same hours do.
    errors = [np.nanmean(np.abs(each - made.test.actual)) for each in (made.points, made.simple)]
    assert errors[0] < 0.975 * errors[1]
    true = np.stack([np.pad(week(hours), (0, 168), mode="wrap")[origin : origin + 168] for origin in made.test.origins])
    for end, share in ((0, 0.1), (2, 0.9)):
        wanted = np.quantile(noise, share) * true
        ours, seasonal = (
            np.abs(each[end] - wanted).mean() for each in (made.intervals.quantiles, made.intervals.seasonal)
        )
        assert ours < 0.95 * seasonal


def test_a_series_that_mostly_stands_still_is_not_won_by_saying_zero() -> None:
    random = np.random.default_rng(4)
    values = np.where(random.random((2, 8 * 168)) < 0.12, random.gamma(4, 5, (2, 8 * 168)), 0)
    made = ran(panel(values))
    assert made.metrics[:2] == ["rmse", "rmse"]
    assert made.points[:2].mean() == pytest.approx(np.nanmean(made.test.actual[:2]), rel=0.25)
    # The mean is more than comes in most hours, and lies in what is kept all the same.
    ahead = ahead_of(made.panel, {row: recipe_of(made, row) for row in (0, 1)}, lambda: None)
    for each in ahead.values():
        assert all(
            low <= expected <= high for low, expected, high in zip(each.low, each.expected, each.high, strict=True)
        )


def test_a_data_set_says_what_intervals_that_hold_zero_cover_at_least() -> None:
    random = np.random.default_rng(4)
    still = np.where(random.random((2, 8 * 168)) < 0.12, random.gamma(4, 5, (2, 8 * 168)), 0)
    told = of_panel(panel(still))
    own = [each for each in told.series if not each.network]
    assert told.least_coverage == pytest.approx(np.mean([each.zero_share for each in own]))
    assert told.coverage is not None
    assert told.least_coverage is not None
    assert 0.85 < told.least_coverage < told.coverage
    assert told.covered is False
    assert f"no intervals that hold zero cover less than {told.least_coverage:.1%}" in " ".join(told.words)
    # One that is busy half of the time lowers what is not its own by nothing.
    still[0] = week(8 * 168) * random.gamma(5, 1 / 5, 8 * 168)
    mixed = of_panel(panel(still))
    assert mixed.least_coverage == pytest.approx((0.8 + own[1].zero_share) / 2)
    assert "hold zero" not in " ".join(mixed.words)


@pytest.fixture(scope="module")
def noisy() -> Iterator[tuple[Floats, Run]]:
    with pytest.MonkeyPatch.context() as patch:
        shrink(patch)
        values = week(8 * 168) * np.random.default_rng(5).gamma(5, 1 / 5, (2, 8 * 168))
        yield values, ran(panel(values))


def test_nothing_that_comes_after_an_origin_changes_a_forecast_from_it_nor_the_choice(
    noisy: tuple[Floats, Run],
) -> None:
    values, first = noisy
    number = len(first.test.origins) // 2
    changed = values.copy()
    changed[:, first.test.origins[number] :] = changed[:, first.test.origins[number] :][:, ::-1] * 3
    second = ran(panel(changed))
    until = (slice(None), slice(0, number + 1))
    assert not np.array_equal(first.points[:, -1], second.points[:, -1])
    ours, theirs = first.intervals, second.intervals
    for one, other in (
        (first.points, second.points), (first.simple, second.simple), (ours.low, theirs.low), (ours.high, theirs.high),
        *zip(ours.quantiles, theirs.quantiles, strict=True),
    ):  # fmt: skip
        np.testing.assert_array_equal(one[until], other[until])
    for mine, its in zip(first.choices, second.choices, strict=True):
        np.testing.assert_array_equal(mine.weights, its.weights)


class Killed(BaseException):
    """Nothing may catch it."""


def test_a_run_that_was_killed_goes_on_and_ends_as_if_it_had_never_been(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = hourly(tmp_path / "h.csv", panel(week(8 * 168)[None] * np.random.default_rng(8).gamma(5, 0.2, (1, 8 * 168))))
    kept = Files(tmp_path / "work")

    def kill(what: str, done: int, every: int) -> None:
        if what.endswith("test: learned mean"):
            raise Killed

    with pytest.raises(Killed):
        reported([path], kept, kill)
    made = []
    honest = backtest._made

    def counted(*arguments: Any) -> Floats:
        made.append(arguments[2])
        return honest(*arguments)

    monkeypatch.setattr(backtest, "_made", counted)
    again = reported([path], kept)
    assert made == ["learned_mean", *learned.ENDS, *learned.ENDS]
    assert msgspec.json.encode(again) == msgspec.json.encode(reported([path]))


def test_every_figure_can_be_reckoned_from_the_forecasts(tmp_path: Path) -> None:
    made = panel(week(8 * 168) * np.random.default_rng(9).gamma(5, 0.2, (2, 8 * 168)))
    steps = service.Steps(tmp_path / "steps.parquet")
    short = hourly(tmp_path / "short.csv", panel(week(16 * 24)[None]))
    report = reported([short, hourly(tmp_path / "h.csv", made)], done=steps.add)
    steps.close()
    service.written(report, tmp_path / "report.json")
    [told] = json.loads((tmp_path / "report.json").read_text())["files"][1]["targets"]
    assert told["splits"][0]["validation_from"] < told["splits"][0]["test_from"] < told["splits"][0]["test_until"]
    assert sum(told["series"][0]["bands"][0]["weights"].values()) == pytest.approx(1)
    rows = pq.read_table(tmp_path / "steps.parquet").to_pandas()
    [found] = report.files[1].targets
    assert len(found.series) == 3
    rows = rows[rows["file"] == "h.csv"]
    for each in found.series:
        own = rows[rows["series"] == each.series]
        own = own[own["actual"].notna()]
        wape = (own["forecast"] - own["actual"]).abs().sum() / own["actual"].sum()
        simple = (own["simple"] - own["actual"]).abs().sum() / own["actual"].sum()
        assert each.wape == pytest.approx(wape, rel=1e-4)
        assert each.skill == pytest.approx(1 - wape / simple, abs=1e-4)
        assert each.coverage == pytest.approx(((own["actual"] >= own["low"]) & (own["actual"] <= own["high"])).mean())
        losses = []
        for level in (10, 50, 90):
            over = own["actual"] - own[f"q{level}"]
            losses.append(np.maximum(level / 100 * over, (level / 100 - 1) * over).mean())
        assert each.pinball == pytest.approx(np.mean(losses), rel=1e-4)
        band = each.bands[0]
        near = own[own["ahead_h"] <= 6]
        assert band.errors[band.simple] == pytest.approx((near[band.simple] - near["actual"]).abs().mean(), rel=1e-4)


def test_what_is_wrong_with_hours_is_counted_by_reason(tmp_path: Path) -> None:
    path = tmp_path / "hours.csv"
    lines = [
        "value;time;series", "1.5;2025-03-01T00:00;a", "-1;2025-03-01T01:00;a", "nan;2025-03-01T02:00;a",
        "x;2025-03-01T03:00;a", "1;2025-03-01T04:30;a", "1;yesterday;a", "1;2025-03-01T05:00;", "2;2025-03-01T00:00;a",
        "1.5;2025-03-01T00:00;a", "3;2025-03-01T23:00:00+01:00;a",
    ]  # fmt: skip
    path.write_text("\n".join(lines) + "\n")
    found = read(path, Options(), EPOCH)
    assert found.refused == {
        "negative": 1, "no-value": 1, "bad-number": 1, "no-whole-hour": 1, "bad-time": 1, "no-series": 1,
        "repeated": 1,
    }  # fmt: skip
    [made] = found.panels
    assert made.values[0, [0, 23]].tolist() == [1.5, 3]
    assert np.isnan(made.values[0, 1:23]).all()
    path.write_text("series,time,value\na,2025-07-01T00:00Z,1\na,2025-07-01T00:00,2\n")
    [made] = read(path, Options(time_zone="Europe/Oslo"), EPOCH).panels
    assert made.values[0, [0, 2]].tolist() == [2, 1]
    path.write_text("series,time,value\na,2025-03-01T00:30,1\n")
    with pytest.raises(ForecastRefused, match="no whole hour"):
        read(path, Options(), EPOCH)


def test_what_cant_be_judged_is_said(tmp_path: Path) -> None:
    path = tmp_path / "short.csv"
    [found] = reported([hourly(path, panel(week(13 * 24)[None]))]).files[0].targets
    assert found.judged == 0
    assert "at least 14 are needed" in found.not_judged[0].reason
    hours = 8 * 168
    values = np.stack([np.full(hours, 3.0), week(hours), np.where(np.arange(hours) < hours - 336, week(hours), 0)])
    made = of_panel(panel(values))
    reasons = {each.series: each.reason for each in made.not_judged}
    assert reasons.keys() == {"s0", "s2"}
    assert "same in every hour" in reasons["s0"]
    assert "nothing came in the test" in reasons["s2"]


def test_a_site_that_closed_is_judged_in_its_own_time() -> None:
    values = np.stack([week(30 * 168), week(30 * 168)])
    values[1, 15 * 168 :] = 0
    parts, left = eras(panel(values))
    assert left == []
    assert [(part.names, part.hours) for part in parts] == [(("s0",), 30 * 168), (("s1",), 15 * 168)]


def test_series_of_very_different_lengths_are_each_judged_by_their_own_span(tmp_path: Path) -> None:
    days, hours = (40, 16, 5), 40 * 24
    values = np.stack([np.where(np.arange(hours) < hours - each * 24, np.nan, week(hours)) for each in days])
    values += np.random.default_rng(3).random(values.shape)
    lines = [
        f"s{row},{(MONDAY + timedelta(hours=hour)).isoformat()},{value:.3f}"
        for row, series in enumerate(values) for hour, value in enumerate(series) if np.isfinite(value)
    ]  # fmt: skip
    path = tmp_path / "lengths.csv"
    path.write_text("\n".join(("series,time,value", *lines)) + "\n")
    runs: list[Run] = []
    [found] = reported([path], done=lambda _, made: runs.append(made)).files[0].targets
    assert {each.series for each in found.series} == {"s0", "s1", NETWORK}
    assert [(each.series, each.reason) for each in found.not_judged] == [
        ("s2", "5 whole days of history: at least 14 are needed")
    ]
    spans = {tuple(each.series): each for each in found.splits}
    assert {names: len(made.panel.values[0]) // 24 for names, made in zip(spans, runs, strict=True)} == {
        ("s0",): 40,
        ("s1",): 16,
        (NETWORK,): 16,
    }
    # The sum is of all that was given, also by what is too young to be judged.
    np.testing.assert_allclose(runs[-1].panel.values[0], np.nansum(values, axis=0)[-16 * 24 :], rtol=1e-3)


def test_decimal_commas_are_read_when_said_and_named_when_refused(tmp_path: Path) -> None:
    path = tmp_path / "commas.csv"
    path.write_text("series;time;value\na;2025-03-01T00:00;1.012,5\na;2025-03-01T01:00;2,5\n")
    with pytest.raises(ForecastRefused, match=r"2 rows: .* say --decimal ,"):
        read(path, Options(), EPOCH)
    [made] = read(path, Options(decimal=","), EPOCH).panels
    assert made.values[0, :2].tolist() == [1012.5, 2.5]


@pytest.mark.parametrize(
    ("head", "row", "asked", "note"),
    [
        ("series;time;value", "a;%d.%m.%Y %H:%M;{value},5", {}, "decimal comma"),
        ("Value,Series,Time", "{value}.5,a,%m/%d/%Y %I:%M %p", {}, "dates are month, day, year"),
        ("series,time,value", "a,%-d/%-m/%Y %H:%M:%S,{value}.5", {}, "dates are day, month, year"),
        ("series,time,value", "a,%Y-%m-%d %H:%M:%S UTC,{value}.5", {}, None),
        ("series,time,value", "a,%s,{value}.5", {}, None),
        ("series,time,value", "a,%s000,{value}.5", {}, None),
        ("series,time,value", "a,%Y%m%d-%H,{value}.5", {"time_format": "%Y%m%d-%H"}, None),
        ("when,value,station,kWh", "%Y-%m-%dT%H:%M,9,a,{value}.5",
         {"map": {"series": "station", "time": "when", "value": "kwh"}}, None),
    ],
    ids=["german", "american", "british", "said-utc", "seconds", "milliseconds", "said", "other-columns"],
)  # fmt: skip
def test_hours_are_read_in_the_forms_that_people_export(
    tmp_path: Path, head: str, row: str, asked: dict[str, Any], note: str | None
) -> None:
    path = tmp_path / "hours.csv"
    times = [datetime(2025, 3, 12, tzinfo=UTC) + timedelta(hours=hour) for hour in range(48)]
    path.write_text("\n".join((head, *(at.strftime(row).format(value=n) for n, at in enumerate(times)))) + "\n")
    found = read(path, msgspec.convert(asked, Options), EPOCH)
    assert (found.refused, found.rows) == ({}, 48)
    [made] = found.panels
    assert (made.names, made.start) == (("a",), datetime(2025, 3, 12))  # noqa: DTZ001
    assert made.values[0].tolist() == [n + 0.5 for n in range(48)]
    assert found.notes == ([] if note is None else [note])


def test_what_is_not_sure_of_hours_is_asked_for_and_what_is_left_out_is_told(tmp_path: Path) -> None:
    path = tmp_path / "hours.csv"
    path.write_text("series,time,value\na,02/03/2025 00:00,1\na,02/03/2025 01:00,1e20\na,02.03.2022 01:00,4\n")
    found = read(path, Options(), EPOCH)
    assert found.refused == {"unclear-date": 2}
    found = read(path, Options(dates="dmy"), EPOCH)
    assert found.refused == {"too-large": 1}
    assert "1 rows are of more than 732 days before the last one, and are not looked at" in found.notes
    assert found.panels[0].values[0, -1] == 1
    path.write_text("station;when;kWh\na;2025-03-01T00:00;1\n")
    with pytest.raises(ImportRefused, match="--map series=COLUMN"):
        read(path, Options(), EPOCH)
    # Thousands or decimals: nobody can tell.
    path.write_text("series;time;value\na;2025-03-01T00:00;1,250\n")
    with pytest.raises(ForecastRefused, match="say --decimal ,"):
        read(path, Options(), EPOCH)


def test_intervals_of_few_days_reach_beyond_what_was_seen_inside() -> None:
    """Of seven days ten of a hundred hours at each end are too many: the next weeks bring more than these did."""
    random = np.random.default_rng(5)
    origins = [*range(0, 8 * 24, 24)]
    actual = (random.gamma(2.0, 1.0, (400, 8, 1)) * random.gamma(8.0, 1 / 8, (400, 8, 24))).astype(np.float32)
    flat = np.ones_like(actual)
    tuner = Tuner(flat, flat, actual, origins, 0)
    low, high, fixed = tuner.at(7)
    inside = (actual[:, 7] >= low) & (actual[:, 7] <= high)
    plain = (actual[:, 7] >= fixed[0]) & (actual[:, 7] <= fixed[2])
    assert plain.mean() < 0.75
    assert plain.mean() + 0.01 < inside.mean() < 0.85


def test_two_sites_speak_for_one_another() -> None:
    """Which simple method is best at one of two sites is as much of a chance as among five."""
    random = np.random.default_rng(6)
    came = random.gamma(2.0, 1.0, (2, 6, 24)).astype(np.float32)
    forecasts = np.stack([came + random.normal(0, 0.5, came.shape).astype(np.float32) for _ in range(2)])
    found = choosing.choose(forecasts, came, ("one", "other"), 2, ["wape", "wape"], 24)
    assert (found.simple.tolist(), found.one_simple) == ([0, 1], 0)
    assert found.base.tolist() == [[1, 0], [0.5, 0.5]]


def test_nothing_is_reckoned_before_all_files_can_be_read(tmp_path: Path) -> None:
    good, bad = hourly(tmp_path / "good.csv", panel(week(21 * 24)[None])), tmp_path / "bad.csv"
    bad.write_text("series,time,value\n")
    runs: list[Run] = []
    with pytest.raises(ForecastRefused, match="bad"):
        reported([good, bad], done=lambda _, made: runs.append(made))
    assert runs == []


def sessions(zone: str, local: list[datetime]) -> Iterator[Session]:
    for start in local:
        yield Session(
            id=None, station="A", site="Yard", zone=zone, started_at=start, ended_at=start + timedelta(minutes=90),
            energy_wh=9_000,
        )  # fmt: skip


def test_hours_are_those_of_the_sites_clock_also_when_it_changes() -> None:
    # Until 29 March 8 o'clock in Oslo is 7 by UTC, from the 30th on 6.
    days = [datetime(2025, 3, day, 7 if day < 30 else 6, tzinfo=UTC) for day in range(25, 32)]
    energy, occupancy = panels_of("made", sessions("Europe/Oslo", days))
    assert energy.names == ("Yard",)
    by_day = energy.values[0].reshape(-1, 24)
    assert len(by_day) == 6
    np.testing.assert_allclose(by_day[:, 8:10], [[6, 3]] * 6)
    assert by_day.sum() == 6 * 9
    np.testing.assert_allclose(occupancy.values[0].reshape(-1, 24)[:, 8:10], [[1, 0.5]] * 6)


def test_simple_methods_are_what_they_are_called() -> None:
    past = np.arange(5 * 168, dtype=np.float32)[None]
    hour = 5 * 168 + 30
    told = {name: float(method(past, 31)[0, 30]) for name, method in SIMPLE.items()}
    assert told["same_hour_last_week"] == hour - 168
    assert told["same_hour_yesterday"] == hour - 48
    assert told["mean_of_four_weeks"] == hour - 168 * 2.5
    assert told["mean_day"] == hour % 24 + 168 + 24 * 13.5
    assert told["mean_of_28_days"] == past[0, 168:].mean()


def test_nothing_loads_lightgbm_but_making_a_forecast() -> None:
    loads = [
        path.name
        for path in SOURCE.rglob("*.py")
        if re.search(r"^import lightgbm|^from lightgbm", path.read_text(), re.M)
    ]
    assert loads == []
    assert "import lightgbm" in (SOURCE / "insight/forecast/learned.py").read_text()
