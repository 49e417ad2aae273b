"""What batteries and cars that give back are worth in a what-if, and that nobody leaves with less for it."""

import json
from pathlib import Path
from typing import Any

import duckdb
import pytest
from typer.testing import CliRunner

from forecourt.cli import app
from forecourt.energy.whatif.ways import OPTIMUM, PLANNER, UNSTORED
from tests.energy.test_whatif import CALTECH, SCENARIO, SESSIONS

#: Dear from 10 to 12; the cars of the file are there from 8 or 9 on, two of them until 16.
DEAR = SCENARIO.replace("hours = [0, 12], prices = [0.10, 0.20]", "hours = [0, 10, 12], prices = [0.10, 0.90, 0.10]")
BUILDING = """
[load]
weekdays = { hours = [0], values = [5] }
"""
GIVING = """
[v2g]
share = 1.0
discharge_kw = 11.04
capacity_kwh = 60
leaves_with = 0.9
least = 0.2
efficiency = 0.8
wear_per_kwh = 0.02
"""
BATTERY = """
[[batteries]]
id = "store"
node = "{node}"
capacity_kwh = {capacity_kwh}
charge_kw = {kw}
discharge_kw = {kw}
"""


def play(folder: Path, scenario: str, sessions: str, *more: str) -> dict[str, dict[str, Any]]:
    folder.mkdir(exist_ok=True)
    (folder / "site.toml").write_text(scenario, encoding="utf-8")
    (folder / "sessions.csv").write_text(sessions, encoding="utf-8")
    given = more if "--sessions" in more else ("--sessions", str(folder / "sessions.csv"), *COLUMNS, *more)
    files = ("--json", str(folder / "out.json"), "--steps", str(folder / "steps.parquet"))
    result = CliRunner().invoke(app, ["energy", "simulate", str(folder / "site.toml"), *files, *given])
    assert result.exit_code == 0, result.output
    return {each["scheduler"]: each for each in json.loads((folder / "out.json").read_text())["outcomes"]}


COLUMNS = ("--columns", "station=station,start=start,end=end,energy_kwh=kwh")


def test_cars_give_when_it_is_dear_never_below_their_least_and_leave_with_all_they_asked_for(tmp_path: Path) -> None:
    ways = ("--ways", f"{UNSTORED},{PLANNER},{OPTIMUM}")
    told = play(tmp_path, DEAR + BUILDING + GIVING, SESSIONS, *ways)
    assert {way: each["unserved_wh"] for way, each in told.items()} == {UNSTORED: 0, PLANNER: 0, OPTIMUM: 0}
    assert (told[UNSTORED]["given_wh"], told[UNSTORED]["wear_cost"]) == (0, "0.00")
    # The building takes 5 kW for 2 hours at 0.90, and they give no more than that.
    for way in (PLANNER, OPTIMUM):
        assert told[way]["given_wh"] == pytest.approx(10_000, abs=10)
        assert float(told[way]["wear_cost"]) == pytest.approx(10 * 0.02)
        assert told[way]["overload"] <= 1 + 1e-6
        assert float(told[way]["score"]) < float(told[UNSTORED]["score"])
    cars = duckdb.execute(
        f"""SELECT scheduler, session, any_value(need_wh) AS need_wh, max_by(got_wh, start) AS left_wh,
                min(got_wh) AS least_wh,
                sum(if(epoch(start) // 3600 % 24 IN (9, 10), 0, greatest(-power_w, 0))) AS elsewhen
            FROM (SELECT *, sum(if(power_w < 0, power_w / 0.8, power_w))
                OVER (PARTITION BY scheduler, session ORDER BY start) AS got_wh
                FROM '{tmp_path}/steps.parquet' WHERE session IS NOT NULL) GROUP BY ALL"""
    ).fetchall()
    assert len(cars) == 9
    for _, _, need_wh, left_wh, least_wh, elsewhen in cars:
        assert (elsewhen, left_wh) == (0, pytest.approx(need_wh, abs=2))
        # It came with 54 kWh less what it asks for, and keeps 12.
        assert least_wh >= min(0, 12_000 - (54_000 - need_wh)) - 1


def test_a_battery_serves_more_through_a_small_connection_by_contract_and_not_through_a_breaker(tmp_path: Path) -> None:
    contract = SCENARIO.replace("[site]\n", "[site]\npower_limit_w = 12000\n")
    battery = BATTERY.format(node="grid", capacity_kwh=60, kw=20)
    ways = ("--ways", f"{UNSTORED},{PLANNER},{OPTIMUM}")
    told = play(tmp_path / "contract", contract + battery, SESSIONS, *ways)
    # B takes 44.16 kWh in two hours: 12 kW are too little, and what the battery has is enough.
    assert told[UNSTORED]["unserved_wh"] > 10_000
    assert told[PLANNER]["unserved_wh"] < told[UNSTORED]["unserved_wh"] / 4
    assert told[PLANNER]["peak_w"] <= 12_000
    breaker = SCENARIO.replace("limit_a = 48", "limit_a = 48\nlimit_w = 12000")
    told = play(tmp_path / "breaker", breaker + battery, SESSIONS, *ways)
    assert told[PLANNER]["unserved_wh"] >= told[UNSTORED]["unserved_wh"] - 100
    assert told[PLANNER]["overload"] <= 1 + 1e-6


@pytest.mark.skipif(not CALTECH.exists(), reason="the sessions of the Caltech garage are not on this machine")
def test_on_a_real_day_a_battery_lowers_what_planning_costs_and_the_bound_below_it(tmp_path: Path) -> None:
    shipped = Path(__file__).parents[2] / "src" / "forecourt" / "energy" / "scenarios" / "caltech.toml"
    # The optimum over steps of 5 minutes takes most of a minute.
    caltech = shipped.read_text(encoding="utf-8").replace("step_min = 5\n", "step_min = 15\n")
    assert "step_min = 15\n" in caltech
    day = ("--sessions", str(CALTECH), "--from", "2019-03-05", "--to", "2019-03-06", "--ways")
    bare = play(tmp_path / "bare", caltech, "", *day, OPTIMUM)
    battery = BATTERY.format(node="grid", capacity_kwh=40, kw=15)
    told = play(tmp_path / "stored", caltech + battery, "", *day, f"{UNSTORED},{PLANNER},{OPTIMUM}")
    scores = {way: float(each["score"]) for way, each in told.items()}
    assert scores[OPTIMUM] <= float(bare[OPTIMUM]["score"])
    assert scores[OPTIMUM] <= scores[PLANNER] <= scores[UNSTORED]
    assert told[PLANNER]["overload"] <= 1 + 1e-6
    assert told[PLANNER]["energy_pct"] >= 99.5


def test_no_limit_is_passed_by_a_watt_however_odd_what_batteries_and_cars_give_beside_is(tmp_path: Path) -> None:
    """A building with a part of a watt, that takes nearly all that the contract has."""
    hours = ", ".join(str(hour) for hour in range(24))
    values = ", ".join(f"{11.0 + hour * 0.0123457:.7f}" for hour in range(24))
    contract = DEAR.replace("[site]\n", "[site]\npower_limit_w = 12000\n")
    odd = f"\n[load]\nweekdays = {{ hours = [{hours}], values = [{values}] }}\n"
    stores = BATTERY.format(node="grid", capacity_kwh=30, kw=9.9) + "stored_kwh = 20\n"
    ways = ("--ways", f"{PLANNER},{OPTIMUM}")
    told = play(tmp_path, contract + odd + stores + GIVING, SESSIONS, *ways)
    assert min(each["discharged_wh"] + each["given_wh"] for each in told.values()) > 1_000
    assert all(each["peak_w"] <= 12_000 for each in told.values()), {way: told[way]["peak_w"] for way in told}
    rows = duckdb.sql(f"SELECT count(*) FROM '{tmp_path / 'steps.parquet'}' WHERE power_w = 0 AND current_a <> 0")
    assert rows.fetchone() == (0,)


def test_it_is_said_where_a_kwh_that_cars_leave_without_is_worth_less_than_one_costs(tmp_path: Path) -> None:
    dear = SCENARIO.replace("prices = [0.10, 0.20]", "prices = [0.10, 1.20]").replace("EUR", "NOK")
    play(tmp_path, dear, SESSIONS, "--ways", UNSTORED)
    [note] = json.loads((tmp_path / "out.json").read_text())["notes"]
    assert "is worth 1 NOK here" in note
    assert "up to 1.2:" in note
    play(tmp_path, dear + "\n[planner]\nunserved_per_kwh = 1.3\n", SESSIONS, "--ways", UNSTORED)
    assert json.loads((tmp_path / "out.json").read_text())["notes"] == []
