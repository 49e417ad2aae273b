"""A fleet that is generated, prices of a CSV, and the depot that is shipped."""

import json
from datetime import datetime, timedelta
from importlib import resources
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from typer.testing import CliRunner

from forecourt.cli import app
from forecourt.energy.whatif.compare import Comparison
from forecourt.energy.whatif.fleet import Fleet, sessions_of
from forecourt.energy.whatif.scenario import read_scenario
from forecourt.energy.whatif.series import ScenarioRefused
from forecourt.energy.whatif.ways import MYOPIC, PLANNER, TOLD_BY_DRIVERS, UNSTORED, WAYS

BERLIN = ZoneInfo("Europe/Berlin")
MONDAY = datetime(2023, 3, 6, tzinfo=BERLIN)
DEPOT = """
name = "Small depot"
zone = "Europe/Berlin"
step_min = 60

[site]
power_limit_w = 400000
[[site.nodes]]
id = "grid"
[[site.evses]]
node = "grid"
max_a = 217
min_a = 10
ids = ["T1", "T2", "T3", "T4"]

[tariff]
currency = "EUR"
demand_charge_per_kw = 4.5
prices_csv = { path = "prices.csv", value = "eur_per_mwh", scale = 0.001 }

[planner]
horizon_h = 18
days = 3

[fleet]
vehicles = 4
days_before = 6
"""


def prices(days: int, first: datetime) -> str:
    """Nights are cheap: from 22 to 4 UTC."""
    hours = (first + timedelta(hours=number) for number in range(24 * days))
    rows = (f"{hour:%Y-%m-%dT%H:00:00Z},{40 if hour.hour >= 22 or hour.hour < 4 else 180}\n" for hour in hours)
    return "# day-ahead\nutc,eur_per_mwh\n" + "".join(rows)


def play(folder: Path, *more: str, days: int = 14) -> Any:
    (folder / "depot.toml").write_text(DEPOT, encoding="utf-8")
    (folder / "prices.csv").write_text(prices(days, datetime(2023, 2, 26, tzinfo=BERLIN)), encoding="utf-8")
    span = ("--from", "2023-03-06", "--to", "2023-03-09", "--json", str(folder / "out.json"))
    return CliRunner().invoke(app, ["energy", "simulate", str(folder / "depot.toml"), *span, *more])


def test_a_fleet_is_planned_by_prices_of_a_csv(tmp_path: Path) -> None:
    result = play(tmp_path)
    assert result.exit_code == 0, result.output
    told = {each["scheduler"]: each for each in json.loads((tmp_path / "out.json").read_text())["outcomes"]}
    assert tuple(told) == tuple(way for way in WAYS if way not in (*TOLD_BY_DRIVERS, UNSTORED))
    scores = {way: float(each["score"]) for way, each in told.items()}
    assert scores["optimum"] <= scores["planner"] <= 1.06 * scores["optimum"] < scores["laxity"]
    # Mostly at night, when a kWh costs 4 cents and not 18; who comes on the last evening can't wait for that.
    assert float(told["planner"]["energy_cost"]) < 0.5 * float(told["deadline"]["energy_cost"])


def test_hours_for_which_there_is_no_price_are_refused_and_named(tmp_path: Path) -> None:
    result = play(tmp_path, days=10)
    assert result.exit_code == 1
    assert "has no eur_per_mwh for 2023-03-0" in " ".join(result.output.split())


def test_a_vehicle_has_its_station_and_its_day_whatever_is_asked_for() -> None:
    fleet = Fleet(vehicles=6, days_before=3)
    sessions = sessions_of(fleet, ("A", "B", "C"), "Europe/Berlin", MONDAY, MONDAY + timedelta(days=3))
    longer = sessions_of(fleet, ("A", "B", "C"), "Europe/Berlin", MONDAY, MONDAY + timedelta(days=30))
    assert longer[: len(sessions)] == sessions
    assert {session.station for session in sessions if session.token in ("vehicle-2", "vehicle-5")} == {"B"}
    assert all(timedelta(minutes=30) <= session.end - session.start < timedelta(days=1) for session in sessions)
    assert min(session.start for session in sessions) >= MONDAY - timedelta(days=3)
    assert (
        sessions_of(Fleet(vehicles=6, seed=2), ("A",), "Europe/Berlin", MONDAY, MONDAY + timedelta(days=3)) != sessions
    )


def test_the_depot_that_is_shipped_has_a_hundred_trucks_and_asks_for_prices() -> None:
    path = Path(str(resources.files("forecourt.energy"))) / "scenarios" / "depot.toml"
    scenario = read_scenario(path)
    assert scenario.fleet is not None
    assert (len(scenario.electrics.evses), scenario.fleet.vehicles) == (100, 100)
    powers = [scenario.electrics.watts_per_ampere(evse) * evse.max_a for evse in scenario.electrics.evses]
    assert (round(max(powers), -4), round(min(powers), -4)) == (1_000_000, 150_000)
    sessions = sessions_of(scenario.fleet, ("T001",), scenario.zone, MONDAY, MONDAY + timedelta(days=1))
    with pytest.raises(ScenarioRefused, match="name it with --prices"):
        Comparison(scenario, sessions, MONDAY, MONDAY + timedelta(days=1))


def test_who_stops_it_has_what_was_played_to_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    played = Comparison.play

    def interrupted(self: Comparison, ways: Any, told: Any) -> None:
        def stop(way: str, done: int, steps: int) -> None:
            told(way, done, steps)
            if way == PLANNER and done == 2:
                raise KeyboardInterrupt

        played(self, ways, stop)

    monkeypatch.setattr(Comparison, "play", interrupted)
    result = play(tmp_path, "--ways", "myopic,planner,optimum", "--steps", str(tmp_path / "steps.parquet"))
    assert result.exit_code == 130
    report = json.loads((tmp_path / "out.json").read_text())
    assert (report["stopped"], [each["scheduler"] for each in report["outcomes"]]) == (True, [MYOPIC])
    assert (tmp_path / "steps.parquet").stat().st_size > 0
