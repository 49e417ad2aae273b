"""The file of steps holds all that a report says, and the world keeps its rules."""

import json
from pathlib import Path
from typing import Any

import duckdb
import msgspec
import numpy as np
import pytest
from typer.testing import CliRunner

from forecourt.cli import app
from forecourt.energy.model import Evse
from forecourt.energy.rows import rows_of
from forecourt.energy.whatif.scenario import read_scenario
from forecourt.energy.whatif.ways import STORES_NOTHING
from forecourt.energy.whatif.world import lessened

SCENARIO = """
name = "Court"
zone = "Europe/Berlin"
step_min = 15

[site]
voltage_v = 120
line_voltage_v = 208
power_limit_w = 18000

[[site.nodes]]
id = "grid"

[[site.nodes]]
id = "transformer"
parent = "grid"
delta_wye = 4
limit_a = 60

[[site.evses]]
node = "transformer"
phases = "L1-L2"
ids = ["A", "B", "C"]

[[site.evses]]
node = "transformer"
phases = "L2-L3"
ids = ["D", "E"]

[tariff]
currency = "EUR"
demand_charge_per_kw = 3.0
weekdays = { hours = [0, 12], prices = [0.10, 0.20] }
feed_in = 0.05

[load]
weekdays = { hours = [0, 8, 18], values = [1, 4.5, 2] }

[solar]
weekdays = { hours = [0, 9, 16], values = [0, 6, 0] }

[co2]
weekdays = { hours = [0, 10, 15], values = [400, 150, 350] }

[drivers]
seed = 3

[[batteries]]
id = "cellar"
node = "transformer"
capacity_kwh = 12
charge_kw = 5
discharge_kw = 4
efficiency = 0.81
reserve_kwh = 2
wear_per_kwh = 0.01
stored_kwh = 6
"""
STAYS = (("A", 8, 16, 20.1), ("B", 8, 10, 13.0), ("C", 7, 11, 22.08), ("D", 9, 17, 30.3), ("E", 15, 17, 9.9))
SESSIONS = "station,start,end,kwh\n" + "".join(
    f"{station},2026-01-{day:02} {start:02}:00+01:00,2026-01-{day:02} {end}:00+01:00,{kwh}\n"
    for day in (5, 6)
    for station, start, end, kwh in STAYS
)


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("court")
    (folder / "court.toml").write_text(SCENARIO, encoding="utf-8")
    (folder / "sessions.csv").write_text(SESSIONS, encoding="utf-8")
    files = (
        str(folder / "court.toml"),
        "--sessions",
        str(folder / "sessions.csv"),
        "--steps",
        str(folder / "it's.parquet"),
    )
    more = ("--columns", "station=station,start=start,end=end,energy_kwh=kwh", "--picture", str(folder / "court.svg"))
    result = CliRunner().invoke(app, ["energy", "simulate", *files, *more, "--json", str(folder / "out.json")])
    assert result.exit_code == 0, result.output
    return folder


def rows(folder: Path, query: str) -> list[dict[str, Any]]:
    with duckdb.connect(":memory:") as table:
        table.execute("CREATE VIEW steps AS FROM read_parquet($1)".replace("$1", f"'{folder}/it''s.parquet'"))
        found = table.execute(query)
        names = [each[0] for each in found.description]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def test_what_solvers_leave_of_nothing_is_no_current() -> None:
    drawn_a = lessened(np.array([0.0006, 16.0, 1.5]), np.full(3, 0.69), np.zeros(0, np.int64), np.zeros(0))
    assert drawn_a.tolist() == [0.0, 16.0, 1.5]


def test_every_figure_of_the_report_can_be_recomputed_from_the_steps(played: Path) -> None:
    report = json.loads((played / "out.json").read_text())
    sites = rows(
        played,
        """SELECT scheduler, count(*) AS steps, max(grid_w) AS peak_w, sum(step_min) / 60 AS hours,
            sum(grid_w * if(grid_w >= 0, price, feed_in) * step_min) / 60000 AS energy_cost,
            sum(greatest(grid_w, 0) * co2_g_per_kwh * step_min) / 60e6 AS co2_kg,
            sum(charged_w * step_min) / 60 AS charged_wh, sum(discharged_w * step_min) / 60 AS discharged_wh,
            sum(wear_cost) AS wear_cost, max_by(stored_wh, start) AS left_wh
            FROM steps WHERE session IS NULL GROUP BY ALL""",
    )
    cars = rows(
        played,
        """SELECT scheduler, session, any_value(need_wh) AS need_wh, sum(power_w * step_min) / 60 AS got_wh
            FROM steps WHERE session IS NOT NULL GROUP BY ALL""",
    )
    assert len(report["outcomes"]) == len(sites) == 9
    for told in report["outcomes"]:
        (site,) = [each for each in sites if each["scheduler"] == told["scheduler"]]
        mine = [each for each in cars if each["scheduler"] == told["scheduler"]]
        unserved_wh = sum(each["need_wh"] - min(each["got_wh"], each["need_wh"]) for each in mine)
        demand = site["peak_w"] / 1000 * 3.0 * site["hours"] / 720
        assert (site["steps"], site["peak_w"]) == (2 * 96, told["peak_w"])
        assert sum(each["need_wh"] for each in mine) == told["asked_wh"] == 190_760
        assert unserved_wh == pytest.approx(told["unserved_wh"], abs=0.51)
        assert site["energy_cost"] == pytest.approx(float(told["energy_cost"]), abs=0.0051)
        assert demand == pytest.approx(float(told["demand_cost"]), abs=0.0051)
        # What is missing is charged again at the highest price, with what is lost and worn on the way in.
        missing = max(0, 6000 - site["left_wh"]) / 1000 * (0.20 / 0.9 + 0.005)
        stored = site["wear_cost"] + missing
        assert site["energy_cost"] + demand + unserved_wh / 1000 + stored == pytest.approx(
            float(told["score"]), abs=0.006
        )
        assert missing == pytest.approx(float(told["missing_cost"]), abs=0.0051)
        assert site["wear_cost"] == pytest.approx((site["charged_wh"] + site["discharged_wh"]) / 1000 * 0.005)
        assert (site["charged_wh"], site["discharged_wh"]) == pytest.approx(
            (told["charged_wh"], told["discharged_wh"]), abs=0.51
        )
        assert (told["charged_wh"] > 0) == (told["scheduler"] not in STORES_NOTHING)
        assert site["co2_kg"] == pytest.approx(told["co2_kg"], abs=0.001)


def test_the_site_is_its_cars_and_its_building_less_its_sun_and_keeps_every_limit(played: Path) -> None:
    apart = rows(
        played,
        """SELECT max(abs(grid_w - load_w + solar_w - battery_w - coalesce(cars.power_w, 0))) AS apart_w
            FROM (SELECT * EXCLUDE power_w FROM steps WHERE session IS NULL) LEFT JOIN
            (SELECT scheduler, start, sum(power_w) AS power_w FROM steps WHERE session IS NOT NULL GROUP BY ALL) cars
            USING (scheduler, start)""",
    )
    assert apart == [{"apart_w": 0}]
    # The battery as one more EVSE, of which only what it takes counts.
    electrics = read_scenario(played / "court.toml").electrics
    hung = Evse(id="cellar", node="transformer", max_a=100)
    limits = rows_of(msgspec.structs.replace(electrics, evses=(*electrics.evses, hung)))
    for way, loads in currents(played).items():
        if way != "uncontrolled":
            assert limits.overload(loads) <= 1 + 1e-6, way


def test_what_the_battery_holds_follows_from_what_goes_in_and_comes_out(played: Path) -> None:
    wrong = rows(
        played,
        """SELECT scheduler, max(abs(stored_wh - 6000 - sum_wh)) AS apart, min(stored_wh) AS least,
                max(stored_wh) AS most
            FROM (SELECT *, sum((charged_w * 0.9 - discharged_w / 0.9) * step_min / 60)
                OVER (PARTITION BY scheduler ORDER BY start) AS sum_wh FROM steps WHERE session IS NULL)
            GROUP BY ALL HAVING apart > 1 OR least < 2000 OR most > 12000""",
    )
    assert wrong == []


def test_the_connection_is_never_exceeded_but_by_who_does_not_care(played: Path) -> None:
    highest = rows(played, "SELECT scheduler FROM steps WHERE grid_w > limit_w GROUP BY ALL")
    assert highest == [{"scheduler": "uncontrolled"}]


def currents(folder: Path) -> dict[str, Any]:
    """(EVSEs, steps) by way."""
    found: dict[str, Any] = {}
    for row in rows(
        folder, "SELECT scheduler, evse, epoch(start) AS at_s, current_a FROM steps WHERE session IS NOT NULL"
    ):
        loads = found.setdefault(row["scheduler"], np.zeros((6, 96 * 3)))
        loads["ABCDE".index(row["evse"]), int(row["at_s"] - 1767567600) // 900] = row["current_a"]
    for row in rows(folder, "SELECT scheduler, epoch(start) AS at_s, charged_w FROM steps WHERE session IS NULL"):
        found[row["scheduler"]][5, int(row["at_s"] - 1767567600) // 900] = row["charged_w"] / 360
    return found


def test_a_car_charges_with_its_least_current_or_not_at_all_but_in_its_last_step(played: Path) -> None:
    low = rows(
        played,
        """SELECT s.scheduler, s.session, (SELECT count(*) FROM steps AS later WHERE later.scheduler = s.scheduler
                AND later.session = s.session AND later.start > s.start AND later.power_w > 0) AS later
            FROM steps AS s WHERE current_a > 0 AND current_a < 5.9999 AND scheduler <> 'optimum'""",
    )
    assert [row for row in low if row["later"]] == []


def test_the_picture_shows_every_way_with_its_peak_and_the_limit_and_loads_nothing(played: Path) -> None:
    picture = (played / "court.svg").read_text()
    for told in json.loads((played / "out.json").read_text())["outcomes"]:
        assert f">{told['scheduler']}</tspan>" in picture
        assert f">{told['peak_w'] / 1000:.1f} kW<" in picture
    assert picture.count("limit 18 kW") == picture.count("stored in batteries") == 9
    assert "http" not in picture.replace("http://www.w3.org/2000/svg", "")


def test_the_report_on_standard_output_is_nothing_but_the_report(played: Path, tmp_path: Path) -> None:
    files = (str(played / "court.toml"), "--sessions", str(played / "sessions.csv"), "--json", "-", "--ways", "myopic")
    columns = ("--columns", "station=station,start=start,end=end,energy_kwh=kwh")
    result = CliRunner().invoke(app, ["energy", "simulate", *files, *columns])
    assert json.loads(result.stdout)["outcomes"][0]["scheduler"] == "myopic"
