"""Where new sites go: against every choice there is on small instances, and a city against greedy."""

import csv
from collections.abc import Sequence
from itertools import combinations, pairwise
from pathlib import Path

import msgspec
import numpy as np
import pytest
from typer.testing import CliRunner

from forecourt.cli import app
from forecourt.insight.siting import covering, integer, median, reading
from forecourt.insight.siting.integer import Purse
from forecourt.insight.siting.model import (
    Asked,
    Floats,
    Flow,
    Method,
    Place,
    Scenario,
    SitingRefused,
    SitingStopped,
    Split,
    by_air,
    detours,
)
from forecourt.insight.siting.service import MEASURED, PROXY, compare
from forecourt.insight.siting.study import MAX_SCENARIO_S
from tests.insight.conftest import DATA

CITY = DATA / "urbanev_meta" / "inf.csv"


def never() -> bool:
    return False


def quiet(what: str, done: int, every: int) -> None:
    pass


def drawn(seed: int, demand: int = 14, candidates: int = 9) -> tuple[Floats, Floats, Floats]:
    """Distances, those to the nearest site there, weights of which some are nothing."""
    random = np.random.default_rng(seed)
    ways = np.abs(random.random((demand, 1, 2)) - random.random((1, candidates, 2))).sum(axis=2) * 10
    fixed = random.random(demand) * 8 if seed % 2 else np.full(demand, np.inf)
    return ways, fixed, random.integers(0, 9, demand).astype(np.float64)


@pytest.mark.parametrize("seed", range(12))
def test_a_median_is_the_best_of_all_choices(seed: int) -> None:
    ways, fixed, weights = drawn(seed)
    new = 1 + seed % 4
    best = min(median.value(ways, fixed, weights, np.array(each)) for each in combinations(range(9), new))
    found = median.solve(ways, fixed, weights, new, seconds=60, stopped=never)
    assert found.value == pytest.approx(best, rel=2e-4)
    assert found.value == pytest.approx(median.value(ways, fixed, weights, np.array(found.picked)))
    assert found.bound <= best * (1 + 1e-9)
    assert found.gap <= 2e-4
    assert found.greedy >= best - 1e-9
    assert len(found.picked) == new


@pytest.mark.parametrize("seed", range(12))
def test_a_bound_holds_however_soon_it_is_stopped(seed: int) -> None:
    ways, fixed, weights = drawn(seed)
    best = min(median.value(ways, fixed, weights, np.array(each)) for each in combinations(range(9), 3))
    for steps in (1, 5, 40):
        found = median.solve(ways, fixed, weights, 3, seconds=0, stopped=never, steps=steps)
        assert found.bound <= best * (1 + 1e-9) <= found.value * (1 + 2e-9)


@pytest.mark.parametrize("seed", range(12))
def test_a_covering_reaches_the_most_of_all_choices(seed: int) -> None:
    ways, fixed, weights = drawn(seed)
    reach, new = 2.0 + seed % 3, 1 + seed % 4

    def reached(picked: tuple[int, ...]) -> float:
        return float(weights[(ways[:, picked].min(axis=1) <= reach) | (fixed <= reach)].sum())

    best = max(reached(each) for each in combinations(range(9), new))
    found = covering.solve(ways, fixed, weights, new, reach, seconds=60, stopped=never)
    assert found.value == reached(found.picked) == pytest.approx(best)
    assert found.bound >= best - 1e-9
    assert found.gap <= 1e-4
    hasty = covering.solve(ways, fixed, weights, new, reach, seconds=0, stopped=never)
    assert hasty.bound >= best - 1e-9
    assert hasty.value >= hasty.greedy
    assert len(found.picked) == new


def test_a_covering_that_is_stopped_ends_with_a_gap_that_says_so() -> None:
    chance = np.random.default_rng(4)
    at, weights = chance.random((300, 2)), chance.integers(1, 100, 300).astype(np.float64)
    ways = np.sqrt(((at[:, None] - at[None]) ** 2).sum(axis=-1))
    none = np.full(300, np.inf)
    whole = covering.solve(ways, none, weights, 12, 0.12, seconds=60, stopped=never)
    ended = covering.solve(ways, none, weights, 12, 0.12, seconds=60, stopped=lambda: True)
    assert whole.gap <= 1e-4 < 0.05 < ended.gap
    assert ended.value <= whole.value <= ended.bound


def test_a_budget_is_kept_to_the_last_minor_unit() -> None:
    ways = np.where(np.eye(3) > 0, 0.0, 9.0)
    costs = np.array([500_000_000, 500_000_001, 400_000_000])
    reached, weights, purse = ways <= 1, np.array([5.0, 4.0, 3.0]), Purse(costs=costs, budget_minor=1_000_000_000)
    # One too many is less than HiGHS tells from nothing.
    over = integer.cover(reached, weights, 2, 60, never, purse)
    assert over.picked is not None
    assert not purse.pays(over.picked.tolist())
    found = covering.solve(ways, np.full(3, np.inf), weights, 2, 1.0, seconds=60, stopped=never, purse=purse)
    assert (found.picked, found.value) == ((0, 2), 8.0)


def test_what_is_found_is_told_whoever_wants_an_end_of_it_then() -> None:
    asked = Asked(candidates=tuple(Place(name=str(n), latitude=52 + n, longitude=5) for n in range(3)))
    asked = msgspec.structs.replace(asked, demand=asked.candidates)
    scenarios = [Scenario(method=Method.COVER, new=n, reach_km=5) for n in (1, 2)]
    begun: list[str] = []

    def progress(what: str, done: int, every: int) -> None:
        begun.append(what)

    report = compare(asked, scenarios, progress, lambda: len(begun) == 2)
    assert [len(each.sites) for each in report.outcomes] == [1, 2]
    with pytest.raises(SitingStopped):
        compare(asked, [*scenarios, scenarios[0]], progress, lambda: len(begun) > 3)
    assert len(begun) == 4, "the last one isn't begun"


def test_traffic_is_captured_once_within_the_detour() -> None:
    random = np.random.default_rng(3)
    sites = tuple(
        Place(name=str(each), latitude=float(lat), longitude=float(lon))
        for each, (lat, lon) in enumerate(random.random((8, 2)) * 0.4)
    )
    ways = tuple(
        Flow(
            name=str(each),
            points=tuple((float(a), float(b)) for a, b in random.random((3, 2)) * 0.4),
            weight=each + 1.0,
        )
        for each in range(12)
    )

    def longer(flow: Flow, site: Place) -> float:
        there = Place(name="", latitude=site.latitude, longitude=site.longitude)
        stops = [Place(name="", latitude=lat, longitude=lon) for lat, lon in flow.points]

        def km(one: Place, two: Place) -> float:
            return float(by_air([one], [two])[0, 0])

        return min(km(one, there) + km(there, two) - km(one, two) for one, two in pairwise(stops))

    best = max(
        sum(flow.weight for flow in ways if min(longer(flow, sites[each]) for each in picked) <= 3)
        for picked in combinations(range(8), 2)
    )
    asked = Asked(candidates=sites, flows=ways)
    [found] = compare(asked, [Scenario(method=Method.FLOW, new=2, reach_km=3)], quiet, never).outcomes
    assert found.value == found.taken.new == best < sum(flow.weight for flow in ways)
    assert found.gap <= 1e-4


def test_a_detour_begins_at_a_point_of_the_way() -> None:
    flow = Flow(name="a", points=((0.0, 0.0), (0.0, 1.0)), weight=1)
    on, off = Place(name="on", latitude=0, longitude=0.5), Place(name="off", latitude=0, longitude=1.5)
    # Half a degree farther and back is a degree more; one is 111.195 km.
    assert detours([flow], [on, off])[0] == pytest.approx([0, 111.195], abs=0.001)


def _line(*at: float, weight: float = 1.0, plugs: int = 1, own: bool = True) -> tuple[Place, ...]:
    return tuple(
        Place(name=f"{each:g}", latitude=0, longitude=each / 111.195, weight=weight, plugs=plugs, own=own)
        for each in at
    )


@pytest.mark.parametrize(
    ("split", "new", "from_own", "from_others", "net"),
    [
        # At 0, 3 and 8 km; own at 0, another's at 10, a new one at 4, reach 5: of 3 km it takes all, of 8 none.
        (Split.NEAREST, 10, 10, 0, 0),
        # Of the demand at 0: (1/16) against 1/0.05²; at 3: 1 against 1/9; at 8: 1/16 against 1/4.
        (Split.HUFF, 10 * (0.0625 / 400.0625 + 0.9 + 0.2), 10 * (0.0625 / 400.0625 + 0.9), 2, 2),
    ],
)
def test_what_is_taken_from_own_sites_is_told(
    split: Split, new: float, from_own: float, from_others: float, net: float
) -> None:
    asked = Asked(
        candidates=_line(4), demand=_line(0, 3, 8, weight=10), existing=_line(0) + _line(10, own=False), split=split
    )
    [found] = compare(asked, [Scenario(method=Method.COVER, new=1, reach_km=5)], quiet, never).outcomes
    taken = found.taken
    assert (taken.new, taken.from_own, taken.from_others, taken.net) == pytest.approx(
        (new, from_own, from_others, net), abs=1e-3
    )


def test_demand_that_own_sites_reach_is_no_reason_for_a_new_one() -> None:
    demand = (*_line(0, weight=100), *_line(20, weight=10))
    asked = Asked(candidates=_line(1, 21), demand=demand, existing=_line(0))
    found = compare(
        asked, [Scenario(method=each, new=1, reach_km=3) for each in (Method.COVER, Method.MEDIAN)], quiet, never
    )
    assert [[each.name for each in one.sites] for one in found.outcomes] == [["21"], ["21"]]
    assert [(one.taken.net, one.taken.from_own) for one in found.outcomes] == [(10, 0), (10, 0)]


def test_what_a_proxy_can_t_prove_is_said() -> None:
    asked = Asked(candidates=_line(0, 1), demand=_line(0))
    scenario = Scenario(method=Method.COVER, new=1, reach_km=3)
    assert PROXY in compare(asked, [scenario], quiet, never).words
    assert MEASURED in compare(msgspec.structs.replace(asked, measured=True), [scenario], quiet, never).words
    with pytest.raises(SitingStopped):
        compare(asked, [scenario], quiet, lambda: True)
    with pytest.raises(SitingRefused, match="3 new sites of 2 candidates"):
        compare(asked, [msgspec.structs.replace(scenario, new=3)], quiet, never)
    with pytest.raises(SitingRefused, match="no flows above 0"):
        compare(asked, [msgspec.structs.replace(scenario, method=Method.FLOW)], quiet, never)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("latitude,lon\n1,2\n", "has no column longitude for longitude"),
        ("latitude,longitude\n1,2\n91,2\n", "row 3, column latitude: “91” is no number from -90 to 90"),
        ("latitude,longitude,weight\n1,2,-1\n", "row 2, column weight"),
        ("latitude,longitude,weight\n1,2,nan\n", "row 2, column weight"),
        ("latitude,longitude,plugs\n1,2,1.5\n", "row 2, column plugs: 1.5 is no whole number"),
        ("latitude,longitude,own\n1,2,maybe\n", "row 2, column own"),
        ("latitude,longitude\n1\n", "row 2, column longitude: “” is no number"),
        ("latitude,longitude\n", "no row below its header"),
    ],
)
def test_a_row_that_can_t_be_read_is_named(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "places.csv"
    path.write_text(text)
    with pytest.raises(SitingRefused, match=said):
        reading.places(path, {})


def test_ways_are_read_point_by_point(tmp_path: Path) -> None:
    path = tmp_path / "ways.csv"
    path.write_text("flow,latitude,longitude,weight\na,1,2,5\nb,1,1,1\na,1,3,5\nb,2,2,1\n")
    assert reading.flows(path, {})[0] == Flow(name="a", points=((1, 2), (1, 3)), weight=5)
    path.write_text("flow,latitude,longitude,weight\na,1,2,5\na,1,3,6\n")
    with pytest.raises(SitingRefused, match="row 3, column weight: flow a weighed 5 before"):
        reading.flows(path, {})
    path.write_text("flow,latitude,longitude\na,1,2\n")
    with pytest.raises(SitingRefused, match="flow a has one point"):
        reading.flows(path, {})


@pytest.mark.skipif(not CITY.exists(), reason="the data set urbanev_meta is not at hand")
def test_a_city_s_gap_is_a_tenth_of_a_percent_and_greedy_s_is_not() -> None:
    places = reading.places(CITY, {"weight": "charge_count", "name": "station_id"})
    assert len(places) == 1_362
    # No longer than a scenario may take where nobody says otherwise, and as the pages offer it.
    seconds = Scenario(method=Method.COVER, new=20, reach_km=2).seconds
    assert seconds == MAX_SCENARIO_S == 60
    found = covering.solve(*_city(places), 20, 2.0, seconds=seconds, stopped=never)
    assert found.gap <= 0.001 < 0.02 < found.greedy_gap
    # A third of them, since steps take as long as there are pairs; so many, however long they take here.
    some = _city(places[::3])
    closed = median.solve(*some, 20, seconds=seconds, stopped=never, steps=500)
    assert closed.gap <= 0.001 < 0.04 < closed.greedy_gap
    # What is told when time is over is no closer to the best than it is: more time finds what lies between.
    soon = median.solve(*some, 20, seconds=0, stopped=never)
    assert soon.bound <= closed.value <= soon.value
    assert soon.gap >= 1 - closed.value / soon.value
    hasty = covering.solve(*_city(places), 20, 2.0, seconds=0, stopped=never)
    assert hasty.value < found.value <= hasty.bound
    assert hasty.gap >= 1 - hasty.value / found.value


def _city(places: Sequence[Place]) -> tuple[Floats, Floats, Floats]:
    return by_air(places, places), np.full(len(places), np.inf), np.array([each.weight for each in places])


def test_scenarios_stand_side_by_side_in_files(tmp_path: Path) -> None:
    places = tmp_path / "places.csv"
    places.write_text("id,latitude,longitude,people\n" + "".join(f"p{n},52.{n},4.{n},{n + 1}\n" for n in range(8)))
    report, points, table = tmp_path / "r.json", tmp_path / "r.geojson", tmp_path / "r.csv"
    asked = [
        "insight", "site", str(places), "--map", "weight=people", "--map", "name=id", "--method", "cover",
        "--method", "median", "--new", "2", "--new", "3", "--reach-km", "20", "--json", str(report),
        "--geojson", str(points), "--csv", str(table),
    ]  # fmt: skip
    shown = CliRunner().invoke(app, asked)
    assert shown.exit_code == 0, shown.output
    assert "covering, 2 new, 20 km" in shown.output
    assert "was not measured" in " ".join(shown.output.split())
    outcomes = msgspec.json.decode(report.read_bytes())["outcomes"]
    assert [len(each["sites"]) for each in outcomes] == [2, 3, 2, 3]
    feature = msgspec.json.decode(points.read_bytes())["features"][0]
    assert feature["geometry"]["coordinates"] == [
        outcomes[0]["sites"][0]["longitude"],
        outcomes[0]["sites"][0]["latitude"],
    ]
    assert len(list(csv.DictReader(table.open()))) == 10
    assert CliRunner().invoke(app, [*asked[:3], "--method", "best"]).exit_code == 2
    without = CliRunner().invoke(app, [*asked[:3], "--method", "flow"])
    assert (without.exit_code, "say --flows FILE" in " ".join(without.output.split())) == (2, True)


def test_the_column_of_demand_is_asked_of_no_file_that_tells_none(tmp_path: Path) -> None:
    rows = [f"52.{n},4.{n}" for n in range(4)]
    for name, head, more in (("demand", "latitude,longitude,people", ",7"), ("places", "latitude,longitude", "")):
        (tmp_path / f"{name}.csv").write_text("\n".join([head, *(row + more for row in rows)]) + "\n")
    demand, places = str(tmp_path / "demand.csv"), str(tmp_path / "places.csv")
    asked = ["insight", "site", "--new", "1", "--map", "weight=people", "--existing", places]
    for files in ([demand], [places, "--demand", demand]):
        shown = CliRunner().invoke(app, [*asked, *files])
        assert shown.exit_code == 0, shown.output
    assert "has no column people" in CliRunner().invoke(app, [*asked, places]).output
