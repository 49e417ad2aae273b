"""A what-if that was stopped goes on where it was, to the same end, and only where it is the same what-if."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from forecourt.cli import app
from forecourt.energy.whatif import compare, world
from forecourt.energy.whatif.compare import Comparison
from forecourt.energy.whatif.ways import PLANNER, STATED, Foresight

SCENARIO = """
name = "Yard"
zone = "Europe/Berlin"
step_min = 30

[site]
[[site.nodes]]
id = "grid"
limit_a = 40

[[site.evses]]
node = "grid"
ids = ["A", "B", "C"]

[tariff]
currency = "EUR"
demand_charge_per_kw = 3.0
weekdays = { hours = [0, 12], prices = [0.10, 0.20] }

[drivers]
"""
SESSIONS = "station,start,end,kwh\n" + "".join(
    f"{station},2026-01-0{day} {start}:00+01:00,2026-01-0{day} {end}:00+01:00,{kwh}\n"
    for day in (5, 6, 7)
    for station, start, end, kwh in (("A", "08", "16", 40), ("B", "08", "10", 30), ("C", "09", "16", 30))
)
#: Steps after which what is done is kept, so that a small time has many such parts.
PART = 4


@pytest.fixture(autouse=True)
def parts(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (compare, world):
        monkeypatch.setattr(module, "PART_STEPS", PART)


def play(folder: Path, sessions: str = SESSIONS, scenario: str = SCENARIO) -> Any:
    folder.mkdir(exist_ok=True)
    (folder / "yard.toml").write_text(scenario, encoding="utf-8")
    (folder / "sessions.csv").write_text(sessions, encoding="utf-8")
    files = ("--sessions", "sessions.csv", "--json", "out.json", "--steps", "steps.parquet")
    named = [str(folder / each) if "." in each else each for each in ("yard.toml", *files)]
    columns = ("--columns", "station=station,start=start,end=end,energy_kwh=kwh")
    return CliRunner().invoke(app, ["energy", "simulate", *named, *columns, "--ways", "myopic,planner,stated,optimum"])


def stop_in(monkeypatch: pytest.MonkeyPatch, way: str, step: int, how: type[BaseException]) -> None:
    played = Comparison.play

    def interrupted(self: Comparison, ways: Any, told: Any) -> None:
        def stop(at: str, done: int, steps: int) -> None:
            told(at, done, steps)
            if (at, done) == (way, step):
                raise how

        played(self, ways, stop)

    monkeypatch.setattr(Comparison, "play", interrupted)


@pytest.mark.parametrize("way", [PLANNER, STATED])
def test_a_whatif_that_was_stopped_ends_as_if_it_had_not_been(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    whole = play(tmp_path / "whole")
    assert whole.exit_code == 0, whole.output
    assert sorted(each.name for each in (tmp_path / "whole").iterdir()) == [
        "out.json",
        "sessions.csv",
        "steps.parquet",
        "yard.toml",
    ]
    planned: list[int] = []
    asked = Foresight.__call__

    def counted(self: Foresight, scene: Any) -> Any:
        planned.append(scene.now)
        return asked(self, scene)

    with monkeypatch.context() as patched:
        stop_in(patched, way, 70, KeyboardInterrupt)
        stopped = play(tmp_path / "stopped")
    assert stopped.exit_code == 130
    assert "goes on from here" in stopped.output
    # As if it had been killed while it wrote.
    with (tmp_path / "stopped" / "out.json.part").open("ab") as file:
        file.write(b"\x20\x00\x00\x00half")
    with monkeypatch.context() as patched:
        patched.setattr(Foresight, "__call__", counted)
        again = play(tmp_path / "stopped")
    assert again.exit_code == 0, again.output
    assert "goes on where it was stopped" in again.output
    assert planned
    assert planned[0] >= 70 - PART
    assert not (tmp_path / "stopped" / "out.json.part").exists()
    for name in ("out.json", "steps.parquet"):
        assert (tmp_path / "stopped" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes(), name


@pytest.mark.parametrize("changed", [{"sessions": SESSIONS.replace("40", "41")}, {"scenario": SCENARIO + "seed = 2\n"}])
def test_another_scenario_or_other_sessions_begin_anew_and_it_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changed: dict[str, str]
) -> None:
    with monkeypatch.context() as patched:
        stop_in(patched, PLANNER, 70, KeyboardInterrupt)
        assert play(tmp_path / "stopped").exit_code == 130
    again = play(tmp_path / "stopped", **changed)
    assert again.exit_code == 0, again.output
    assert "begins anew" in again.output
    fresh = play(tmp_path / "fresh", **changed)
    assert "begins anew" not in fresh.output
    assert json.loads((tmp_path / "stopped" / "out.json").read_text()) == json.loads(
        (tmp_path / "fresh" / "out.json").read_text()
    )


def test_two_do_not_write_beside_one_report_and_what_cant_be_written_is_said_before_anything_is_played(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    again: list[Any] = []
    played = Comparison.play

    def twice(self: Comparison, ways: Any, told: Any) -> None:
        if not again:
            again.append(None)
            again[0] = play(tmp_path)
        played(self, ways, told)

    monkeypatch.setattr(Comparison, "play", twice)
    assert play(tmp_path).exit_code == 0
    assert "written by another what-if" in " ".join(again[0].output.split())
    monkeypatch.undo()
    (tmp_path / "out.json.part").mkdir()
    assert "can't be written" in " ".join(play(tmp_path).output.split())
