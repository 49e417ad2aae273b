"""A what-if keeps the limits, adds up, and shows what planning is worth on a real day."""

import json
import os
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest
from typer.testing import CliRunner

import forecourt.energy
from forecourt.cli import app
from forecourt.energy.planner.ladder import Answer
from forecourt.energy.site import Mode
from forecourt.energy.whatif import schedulers
from forecourt.energy.whatif.report import MOST_OVERLOAD
from forecourt.energy.whatif.scenario import read_scenario
from forecourt.energy.whatif.series import ScenarioRefused
from forecourt.energy.whatif.ways import TOLD_BY_DRIVERS, UNSTORED
from forecourt.energy.whatif.ways import WAYS as ALL

DATA = Path(os.environ.get("FORECOURT_TEST_DATA") or Path(__file__).parents[3] / "shared" / "data")
CALTECH = DATA / "caltech" / "caltech_2019-03_01-15.json.gz"
SHIPPED = Path(forecourt.energy.__file__).parent / "scenarios"
#: Those that need no word of drivers and nothing to store energy in.
WAYS = tuple(way for way in ALL if way not in (*TOLD_BY_DRIVERS, UNSTORED))
SCENARIO = """
name = "Yard"
zone = "Europe/Berlin"
step_min = 60

[site]
[[site.nodes]]
id = "grid"
limit_a = 48

[[site.evses]]
node = "grid"
ids = ["A", "B", "C"]

[tariff]
currency = "EUR"
demand_charge_per_kw = 3.0
weekdays = { hours = [0, 12], prices = [0.10, 0.20] }
weekends = { hours = [0], prices = [0.10] }
"""
LIMIT = "[[limits]]\nfrom = 2026-01-05 09:00:00\nuntil = 2026-01-05 {}\n{}\n[tariff]"
#: Monday, 5 January 2026, 8:00 to 16:00 in Berlin; 22.08 kW each at most, 33.12 kW together.
SESSIONS = "station,start,end,kwh\n" + "".join(
    f"{station},2026-01-05 {start}:00+01:00,2026-01-05 {end}:00+01:00,{kwh}\n"
    for station, start, end, kwh in (("A", "08", "16", 44.16), ("B", "08", "10", 44.16), ("D", "09", "16", 22.08))
)


def simulate(folder: Path, *more: str, scenario: str = SCENARIO, sessions: str = SESSIONS) -> Any:
    (folder / "yard.toml").write_text(scenario, encoding="utf-8")
    (folder / "sessions.csv").write_text(sessions, encoding="utf-8")
    mapped = ("--columns", "station=station,start=start,end=end,energy_kwh=kwh")
    files = (str(folder / "yard.toml"), "--sessions", str(folder / "sessions.csv"), "--json", str(folder / "out.json"))
    return CliRunner().invoke(app, ["energy", "simulate", *files, *mapped, *more])


def outcomes(folder: Path) -> dict[str, dict[str, Any]]:
    return {each["scheduler"]: each for each in json.loads((folder / "out.json").read_text())["outcomes"]}


@pytest.mark.parametrize(
    ("sessions", "said"),
    [
        pytest.param(
            SESSIONS,
            "No session begins from 2026-02-02 to 2026-02-09, by the clock of Europe/Berlin: they begin from 2026-01-05"
            " to 2026-01-05. Say other days with --from and --to.",
            id="others do",
        ),
        pytest.param(
            SESSIONS + "A,2026-02-03 08:00:00+01:00,2026-02-03 09:00:00+01:00,0\n",
            "All sessions that begin from 2026-02-02 to 2026-02-09 are left out (1: took no energy).",
            id="but it is none to charge",
        ),
    ],
)
def test_a_time_in_which_nobody_comes_is_refused_with_why(tmp_path: Path, sessions: str, said: str) -> None:
    result = simulate(tmp_path, "--from", "2026-02-02", "--to", "2026-02-09", sessions=sessions)
    assert result.exit_code == 1
    assert said in " ".join(result.output.split())
    assert not (tmp_path / "out.json").exists()


@pytest.mark.parametrize(("load_kw", "said"), [(2, False), (5, True)], ids=["it leaves something", "it takes all"])
def test_a_building_that_takes_more_than_a_limit_bears_is_told_of(tmp_path: Path, load_kw: int, said: bool) -> None:
    limit = LIMIT.format("10:00:00", "limit_w = 3000")
    load = f"[load]\nweekdays = {{ hours = [0, 9, 10], values = [0, {load_kw}, 0] }}\n"
    scenario = SCENARIO.replace("[tariff]", load + limit)
    assert simulate(tmp_path, "--ways", "deadline", scenario=scenario).exit_code == 0
    notes = json.loads((tmp_path / "out.json").read_text())["notes"]
    note = "In 1 of 24 steps buildings alone take more than a limit bears: no way to charge mends that."
    assert (note in notes) is said


@pytest.mark.parametrize("option", ["--json", "--steps", "--picture"])
@pytest.mark.parametrize(("place", "said"), [("", "is a folder; name a file"), ("none/out", "there is no folder")])
def test_where_no_file_can_be_written_is_said_before_anything_is_played(
    tmp_path: Path, option: str, place: str, said: str
) -> None:
    result = simulate(tmp_path, option, str(tmp_path / place))
    assert result.exit_code == 2
    assert said in " ".join(result.output.split())
    assert "deadline" not in result.output


def test_what_flows_where_nothing_may_has_an_overload_that_is_a_number(tmp_path: Path) -> None:
    limit = LIMIT.format("10:00:00", "limit_w = 0")
    scenario = SCENARIO.replace("[tariff]", limit)
    assert simulate(tmp_path, "--ways", "uncontrolled,deadline", scenario=scenario).exit_code == 0
    told = outcomes(tmp_path)
    assert told["uncontrolled"]["overload"] == MOST_OVERLOAD
    assert told["deadline"]["overload"] <= 1


def test_every_way_is_told_and_adds_up(tmp_path: Path) -> None:
    result = simulate(tmp_path)
    assert result.exit_code == 0, result.output
    told = outcomes(tmp_path)
    assert tuple(told) == WAYS
    # Everything at once: 2 cars from 8, 3 from 9. 1 kWh costs 10 cents before noon.
    loose = told["uncontrolled"]
    assert (loose["asked_wh"], loose["unserved_wh"], loose["peak_w"]) == (110_400, 0, 66_240)
    assert Decimal(loose["energy_cost"]) == Decimal("11.04")
    # One day of thirty, 3 EUR a kW: 6.62.
    assert Decimal(loose["demand_cost"]) == Decimal("6.62")
    assert loose["overload"] == pytest.approx(2.0)
    assert Decimal(loose["score"]) == Decimal("17.66")
    for way in WAYS[1:]:
        assert told[way]["overload"] <= 1 + 1e-6, way
    # By the limit of 33.12 kW all can be served; B must have 22.08 in both of its hours.
    for way in ("deadline", "myopic", "planner", "optimum"):
        assert told[way]["unserved_wh"] == 0, way
    best = Decimal(told["optimum"]["score"])
    assert all(Decimal(told[way]["score"]) >= best for way in WAYS[1:])
    # All of it before noon, and flat.
    assert told["optimum"]["peak_w"] == 27_600


def test_planning_without_foresight_shares_nothing_out_evenly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is compared with as it is known: what planning for a site does beyond that isn't its own."""
    asked: list[Answer] = []

    def evened(_solver: object, _problem: object, _claims: object, found: Answer, **_more: object) -> Answer:
        asked.append(found)
        return found

    monkeypatch.setattr(schedulers, "evened", evened)
    assert simulate(tmp_path, "--ways", "myopic").exit_code == 0
    assert not asked
    assert simulate(tmp_path, "--ways", "planner").exit_code == 0
    assert asked


def test_a_building_that_takes_more_than_the_grid_gives_leaves_the_other_hours_to_the_cars(tmp_path: Path) -> None:
    busy = SCENARIO + "[load]\nweekdays = { hours = [0, 10, 11], values = [0, 40, 0] }\n"
    result = simulate(tmp_path, "--power-limit", "33000", scenario=busy)
    assert result.exit_code == 0, result.output
    told = outcomes(tmp_path)
    # From 10 to 11 there is nothing for cars; B has left by then, the others have until 16.
    for way in ("myopic", "planner", "optimum"):
        assert (told[way]["unplanned"], told[way]["peak_w"]) == (0, 40_000), way
        assert told[way]["unserved_wh"] < 500, way
        assert told[way]["overload"] == pytest.approx(40 / 33), way


def test_a_building_takes_what_it_takes_of_every_limit_above_it(tmp_path: Path) -> None:
    """48 A of each line are 33.12 kW; the building takes 23 of them, 26.4 A less for cars."""
    busy = SCENARIO + "[load]\nweekdays = { hours = [0], values = [23] }\n"
    assert simulate(tmp_path, scenario=busy).exit_code == 0
    for way, told in outcomes(tmp_path).items():
        if way == "uncontrolled":
            assert told["overload"] == pytest.approx((66.24 + 23) / 33.12)
        else:
            assert told["overload"] <= 1 + 1e-6, way
            assert told["peak_w"] <= 33_120, way
    # So it is where only the power is limited, and where the limit would bear the cars alone.
    of_power = busy.replace("limit_a = 48", "limit_w = 67000")
    assert simulate(tmp_path, scenario=of_power).exit_code == 0
    assert outcomes(tmp_path)["uncontrolled"]["overload"] > 1
    assert max(told["overload"] for told in list(outcomes(tmp_path).values())[1:]) <= 1 + 1e-6


def test_a_limit_that_holds_for_a_time_is_kept_in_that_time(tmp_path: Path) -> None:
    """Half of the line from 9 to 11, by the clock of the site: nobody has more then, and everybody what is left."""
    cut = "[[limits]]\nfrom = 2026-01-05T09:00:00\nuntil = 2026-01-05T11:00:00\nlimit_w = 8000\n"
    steps = tmp_path / "steps.parquet"
    result = simulate(
        tmp_path, "--ways", "uncontrolled,laxity,planner,optimum", "--steps", str(steps), scenario=SCENARIO + cut
    )
    assert result.exit_code == 0, result.output
    assert outcomes(tmp_path)["uncontrolled"]["overload"] == pytest.approx(66.24 / 8)
    with duckdb.connect(":memory:") as table:
        found = table.execute(
            "SELECT scheduler, epoch(start) BETWEEN 1767600000 AND 1767603600 AS is_cut, max(grid_w)"
            f" FROM '{steps}' WHERE session IS NULL GROUP BY ALL"
        ).fetchall()
    for way, is_cut, most_w in found:
        if way != "uncontrolled":
            assert most_w <= 8000 if is_cut else 8000 < most_w <= 33_120, way


def test_a_station_that_isnt_there_takes_a_free_evse_and_one_too_many_is_left_out(tmp_path: Path) -> None:
    crowd = SESSIONS + "".join(
        f"X{number},2026-01-05 09:30:00+01:00,2026-01-05 12:00:00+01:00,5\n" for number in range(2)
    )
    result = simulate(tmp_path, "--ways", "uncontrolled", sessions=crowd)
    assert result.exit_code == 0, result.output
    report = json.loads((tmp_path / "out.json").read_text())
    assert report["sessions"] == 4
    assert report["left_out"] == {"no EVSE was free": 1}


def test_a_limit_of_power_on_the_command_line_is_kept(tmp_path: Path) -> None:
    assert simulate(tmp_path, "--power-limit", "15000").exit_code == 0
    told = outcomes(tmp_path)
    assert all(told[way]["peak_w"] <= 15_001 for way in WAYS[1:])
    assert told["optimum"]["unserved_wh"] > 0
    assert simulate(tmp_path, "--power-limit", "0").exit_code == 0
    assert outcomes(tmp_path)["planner"]["unserved_wh"] == 110_400


def test_on_the_day_on_which_clocks_are_set_prices_follow_the_clock_and_hours_are_hours(tmp_path: Path) -> None:
    """29 March 2026 has 23 hours in Berlin. A car that comes at 11:00, summer time, pays an hour before noon."""
    dear = SCENARIO.replace("hours = [0], prices = [0.10]", "hours = [0, 12], prices = [0.10, 0.30]")
    noon = "station,start,end,kwh\nA,2026-03-29 11:00:00+02:00,2026-03-29 13:00:00+02:00,44.16\n"
    span = ("--from", "2026-03-29", "--to", "2026-03-30")
    assert simulate(tmp_path, *span, scenario=dear, sessions=noon).exit_code == 0
    for told in outcomes(tmp_path).values():
        assert Decimal(told["energy_cost"]) == Decimal("8.83"), told["scheduler"]
        # 23 hours of a month of 30 days, 3 EUR a kW.
        assert Decimal(told["demand_cost"]) == Decimal("2.12")


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (("--ways", "luck"), "luck is none of uncontrolled"),
        (("--from", "someday"), "write it as 2019-03-08"),
        (("--from", "2026-01-05T12:00"), "write it as 2019-03-08"),
        (("--to", "2027-06-05", "--ways", "deadline,optimum"), "The optimum can be found for at most 8928 steps"),
        (("--from", "2026-02-01"), "must end after it begins"),
        (("--from", "2026-01-06", "--to", "2026-01-07"), "No session begins"),
    ],
)
def test_what_cant_be_meant_is_refused_in_words(tmp_path: Path, more: tuple[str, ...], said: str) -> None:
    result = simulate(tmp_path, *more)
    assert result.exit_code != 0
    assert said in " ".join((result.output + str(result.exception or "")).replace("│", " ").split())
    assert not (tmp_path / "out.json").exists()


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('node = "grid"', 'node = "shed"', "EVSE A: there is no node shed"),
        ("hours = [0, 12]", "hours = [1, 12]", "hours must begin with 0"),
        ("prices = [0.10, 0.20]", "prices = [0.10]", "each hour needs a price"),
        ("Europe/Berlin", "Europe/Nowhere", "no time zone Europe/Nowhere"),
        ("step_min = 60", "step_min = 7", "must divide an hour"),
        ("limit_a = 48", "limit = 48", "unknown field `limit`"),
        ("limit_a = 48", "limit_a = ", "Invalid value"),
        ("[tariff]", '[planner]\nmode = "greenest"\n[tariff]', r"planner.mode greenest needs \[co2\]"),
        ("[tariff]", LIMIT.format("10:00:00", 'node = "shed"\nlimit_w = 1'), "limit 1: there is no node shed"),
        ("[tariff]", LIMIT.format("10:00:00", ""), "limit 1: it needs limit_w or limit_a"),
        ("[tariff]", LIMIT.format("09:00:00", "limit_w = 1"), "limit 1: it must end after it begins"),
        ("[tariff]", LIMIT.format("10:00:00Z", "limit_w = 1"), "limit 1: from and until both need an offset, or none"),
    ],
)
def test_a_scenario_that_is_nonsense_is_refused_and_says_why(tmp_path: Path, old: str, new: str, said: str) -> None:
    assert old in SCENARIO
    (tmp_path / "yard.toml").write_text(SCENARIO.replace(old, new), encoding="utf-8")
    with pytest.raises(ScenarioRefused, match=said):
        read_scenario(tmp_path / "yard.toml")


def test_a_file_that_is_no_text_is_refused_in_a_sentence(tmp_path: Path) -> None:
    simulate(tmp_path, "--ways", "nothing")
    scenario, sessions = tmp_path / "yard.toml", tmp_path / "sessions.csv"
    sessions.write_bytes(b"station,start\nK\xfcche,\xff\n")
    result = CliRunner().invoke(app, ["energy", "simulate", str(scenario), "--sessions", str(sessions)])
    told = " ".join(result.output.split())
    assert result.exit_code == 1
    assert "Line 2 is no text in UTF-8. Save it as UTF-8." in told
    assert "codec" not in told
    scenario.write_bytes(b"\x89PNG")
    with pytest.raises(ScenarioRefused, match=r"Line 1 is no text in UTF-8. Save it as UTF-8\.$"):
        read_scenario(scenario)


def test_a_scenario_that_is_nowhere_is_refused_with_the_names_of_those_that_are_shipped() -> None:
    result = CliRunner().invoke(app, ["energy", "simulate", "mars"])
    assert result.exit_code == 2
    assert "caltech, depot" in result.output


def test_a_shipped_scenario_says_what_co2_its_energy_stands_for() -> None:
    depot = read_scenario(SHIPPED / "depot.toml")
    assert depot.co2 is not None
    noon = datetime(2023, 3, 6, 11, tzinfo=UTC)
    assert depot.values(depot.co2, noon, 2, timedelta(hours=8)).tolist() == [250, 390]


def test_who_was_plugged_in_before_is_left_out_and_counted(tmp_path: Path) -> None:
    early = SESSIONS + "C,2026-01-04 20:00:00+01:00,2026-01-05 10:00:00+01:00,20\n"
    assert simulate(tmp_path, "--ways", "uncontrolled", "--from", "2026-01-05", sessions=early).exit_code == 0
    report = json.loads((tmp_path / "out.json").read_text())
    assert (report["sessions"], report["left_out"]) == (3, {"it began before": 1})


SUN_AND_CO2 = """
[solar]
weekdays = { hours = [0, 9, 15], values = [0, 12, 0] }
[co2]
weekdays = { hours = [0, 12], values = [500, 100] }
"""


def test_a_site_is_planned_by_its_mode(tmp_path: Path) -> None:
    told, currents = {}, {}
    steps = tmp_path / "steps.parquet"
    for mode in Mode:
        scenario = f'{SCENARIO}\n[planner]\nmode = "{mode.value}"\n{SUN_AND_CO2}'
        result = simulate(tmp_path, "--ways", "planner", "--steps", str(steps), scenario=scenario)
        assert result.exit_code == 0, result.output
        told[mode] = outcomes(tmp_path)["planner"]
        assert told[mode]["overload"] <= 1 + 1e-6
        with duckdb.connect(":memory:") as table:
            [currents[mode]] = table.execute(
                "SELECT list(round(current_a, 3) ORDER BY evse) FROM 'FILE' WHERE session IS NOT NULL"
                " AND start = (SELECT min(start) FROM 'FILE' WHERE session IS NOT NULL)".replace("FILE", str(steps))
            ).fetchall()
    # From 8 on A and B are there, behind 48 A.
    assert currents[Mode.EQUAL] == ([24.0, 24.0],)
    assert sum(currents[Mode.FASTEST][0]) == pytest.approx(48)
    assert sum(currents[Mode.CHEAPEST][0]) < 48
    assert told[Mode.GREENEST]["co2_kg"] < told[Mode.CHEAPEST]["co2_kg"]
    assert told[Mode.SOLAR]["grid_wh"] < told[Mode.GREENEST]["grid_wh"] / 4
    for mode in (Mode.CHEAPEST, Mode.FASTEST, Mode.GREENEST):
        assert told[mode]["unserved_wh"] == 0, mode
    # B would need 32 A in both of its hours, and has 24 and then a third.
    assert told[Mode.EQUAL]["unserved_wh"] == 16_560


@pytest.mark.skipif(not CALTECH.exists(), reason="the sessions of the Caltech garage are not on this machine")
def test_on_a_real_day_the_planner_beats_planning_without_foresight_and_no_limit_is_exceeded(tmp_path: Path) -> None:
    span = ("--from", "2019-03-05", "--to", "2019-03-06", "--json", str(tmp_path / "out.json"))
    result = CliRunner().invoke(app, ["energy", "simulate", "caltech", "--sessions", str(CALTECH), *span])
    assert result.exit_code == 0, result.output
    told = outcomes(tmp_path)
    scores = {way: float(told[way]["score"]) for way in WAYS}
    assert told["uncontrolled"]["overload"] > 2
    assert max(told[way]["overload"] for way in WAYS[1:]) <= 1 + 1e-6
    assert scores["optimum"] < scores["planner"] < scores["myopic"] < min(scores["laxity"], scores["deadline"])
    lost = {way: scores[way] - scores["optimum"] for way in ("planner", "myopic")}
    assert lost["planner"] <= lost["myopic"] / 2
    assert told["planner"]["energy_pct"] >= 99.5
    assert np.isclose(told["optimum"]["asked_wh"], told["planner"]["asked_wh"])


def test_who_goes_before_others_is_full_first_and_what_was_granted_is_had_by_its_time(tmp_path: Path) -> None:
    """33.12 kW for two cars that ask for all of it until four: A and C are alike, and the price falls at noon."""
    sessions = "station,start,end,kwh,token\n" + "".join(
        f"{station},2026-01-05 08:00+01:00,2026-01-05 16:00+01:00,66.24,{station}1\n" for station in ("A", "C")
    )
    cheap_later = SCENARIO.replace("prices = [0.10, 0.20]", "prices = [0.20, 0.10]")
    wishes = (
        "[planner]\ninsistence = 1\nunserved_per_kwh = 1.0\n"
        '[[wishes]]\nstations = ["A"]\npriority = "high"\n'
        '[[wishes]]\ntokens = ["C1"]\nminimum_kwh = 11.04\nminimum_h = 2\n'
    )
    got: dict[str, list[float]] = {}
    for name, scenario in (("none", cheap_later), ("wishes", cheap_later + wishes)):
        steps = tmp_path / f"{name}.parquet"
        mapped = ("--columns", "station=station,start=start,end=end,energy_kwh=kwh,token=token")
        told = simulate(
            tmp_path, "--ways", "planner", "--steps", str(steps), *mapped, scenario=scenario, sessions=sessions
        )
        assert told.exit_code == 0, told.output
        with duckdb.connect(":memory:") as table:
            rows = table.execute(
                f"SELECT evse, power_w FROM '{steps}' WHERE session IS NOT NULL ORDER BY start"
            ).fetchall()
        for evse in "AC":
            got[name + evse] = [power_w / 1000 for at, power_w in rows if at == evse]
    # Nobody waits for noon without a wish but to pay less; A charges at once, and C has what it was granted.
    assert sum(got["noneA"][:2]) < 44
    assert sum(got["wishesA"][:3]) == pytest.approx(66.24, abs=0.01)
    assert sum(got["noneC"][:2]) < 11
    assert sum(got["wishesC"][:2]) == pytest.approx(11.04, abs=0.1)


def test_a_building_at_a_node_takes_of_that_node_and_of_those_above_it(tmp_path: Path) -> None:
    """A and B hang at a panel of 32 A with a kitchen that takes 11.04 kW from ten on; C hangs at the grid."""
    panel = '[[site.nodes]]\nid = "panel"\nparent = "grid"\nlimit_a = 32\n\n'
    evses = '[[site.evses]]\nnode = "{}"\nids = {}\n'
    split = SCENARIO.replace(
        evses.format("grid", '["A", "B", "C"]'),
        panel + evses.format("panel", '["A", "B"]') + evses.format("grid", '["C"]'),
    )
    kitchen = '[[loads]]\nnode = "panel"\npower = { weekdays = { hours = [0, 9], values = [0, 11.04] } }\n'
    steps = tmp_path / "steps.parquet"
    result = simulate(tmp_path, "--ways", "laxity,planner", "--steps", str(steps), scenario=split + kitchen)
    assert result.exit_code == 0, result.output
    for told in outcomes(tmp_path).values():
        assert told["overload"] <= 1 + 1e-6
    with duckdb.connect(":memory:") as table:
        most = table.execute(
            "SELECT scheduler, max(total) FROM (SELECT scheduler, start, sum(power_w) AS total"
            f" FROM '{steps}' WHERE evse IN ('A', 'B') AND epoch(start) >= 1767600000 GROUP BY ALL) GROUP BY ALL"
        ).fetchall()
    # 32 A are 22.08 kW, of which the kitchen leaves half.
    assert [most_w for _, most_w in most] == [11_040] * 2
    wrong = simulate(tmp_path, scenario=SCENARIO + kitchen)
    assert "there is no node panel" in wrong.output


def test_wishes_that_make_no_sense_are_refused(tmp_path: Path) -> None:
    half = simulate(tmp_path, scenario=SCENARIO + "[[wishes]]\nminimum_kwh = 5\n")
    assert (half.exit_code != 0, "minimum_kwh and minimum_h go together" in half.output) == (True, True)
