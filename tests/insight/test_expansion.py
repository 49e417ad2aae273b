"""Plugs for a load: against a simulation that knows no formula, and sites that are reckoned by hand."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from typer.testing import CliRunner

from forecourt.cli import app
from forecourt.insight.expansion.erlang import SizingRefused, blocking, busy_at_most, plugs_for, waiting
from forecourt.insight.expansion.model import Costs, Power, Target, size, steady
from forecourt.insight.expansion.offered import loads
from forecourt.insight.model import Session
from tests.support import EPOCH


def played(load: float, plugs: int, *, patient: bool, cars: int = 150_000) -> tuple[float, np.ndarray[Any, Any]]:
    """Cars one after the other: the share that left, and how long the others waited, in mean stays."""
    random = np.random.default_rng(7)
    comes = random.exponential(1 / load, cars).cumsum()
    stays = random.exponential(1.0, cars)
    free_at, left, waits = [0.0] * plugs, 0, []
    for at, stay in zip(comes.tolist(), stays.tolist(), strict=True):
        plug = min(range(plugs), key=free_at.__getitem__)
        wait = max(free_at[plug] - at, 0.0)
        if wait and not patient:
            left += 1
            continue
        waits.append(wait)
        free_at[plug] = at + wait + stay
    return left / cars, np.array(waits)


@pytest.mark.parametrize(("load", "plugs"), [(2.67, 6), (4.0, 4)])
def test_the_share_turned_away_is_that_of_a_simulation(load: float, plugs: int) -> None:
    share, _ = played(load, plugs, patient=False)
    assert blocking(load, plugs) == pytest.approx(share, abs=0.01)


def test_the_share_that_waits_is_that_of_a_simulation() -> None:
    _, waits = played(2.67, 4, patient=True)
    assert waiting(2.67, 4) == pytest.approx((waits > 0).mean(), abs=0.01)
    assert waiting(2.67, 4, 0.5) == pytest.approx((waits > 0.5).mean(), abs=0.01)
    assert waiting(4.0, 4) == 1


def test_the_fewest_plugs_are_found() -> None:
    assert plugs_for(2.67, target=0.05) == 6
    assert blocking(2.67, 5) > 0.05 >= blocking(2.67, 6)
    plugs = plugs_for(2.67, target=0.1, waited=0.5)
    assert waiting(2.67, plugs - 1, 0.5) > 0.1 >= waiting(2.67, plugs, 0.5)
    # One erlang, two plugs: free, one, two with 2/5, 2/5, 1/5 of the time.
    assert [busy_at_most(1.0, 2, share) for share in (0.39, 0.79, 0.81)] == [0, 1, 2]
    with pytest.raises(SizingRefused, match="more than 1,000 plugs"):
        plugs_for(5_000, target=0.05)


def test_pay_back_is_reckoned_from_what_more_is_served() -> None:
    load = steady("A", 1.0, 60, 1)
    found = size(
        load,
        Target(share=0.2),
        Power(plug_w=22_000),
        Costs(per_plug_minor=500_000, per_kw_minor=10_000, margin_minor=200),
    )
    # One erlang: one plug loses a half, two lose a fifth; 8,760 come in a year.
    assert found.plugs == 2
    assert [found.missed_now, found.missed] == pytest.approx([0.5, 0.2])
    assert found.more_a_year == pytest.approx(8_760 * 0.3)
    assert found.cost_minor == 500_000 + 22 * 10_000
    assert found.payback_years == pytest.approx(720_000 / (8_760 * 0.3 * 200))
    assert found.connection_w == 44_000


def test_what_a_full_site_turned_away_is_counted_in() -> None:
    """Four cars an hour for half an hour each at one plug: two thirds leave unseen."""
    random = np.random.default_rng(11)
    free_at, at, sessions = 0.0, 0.0, []
    for _ in range(20_000):
        at += random.exponential(0.25)
        if at >= free_at:
            free_at = at + random.exponential(0.5)
            begun = EPOCH + timedelta(hours=at)
            sessions.append(Session(id=None, station="A", started_at=begun, ended_at=EPOCH + timedelta(hours=free_at)))
    [load] = loads(sessions)
    assert load.plugs == 1
    assert load.full_share == pytest.approx(2 / 3, abs=0.02)
    assert np.mean(load.arrivals) == pytest.approx(4.0, rel=0.05)
    assert np.mean(load.arrivals) * load.stay_minutes / 60 == pytest.approx(2.0, rel=0.05)


def test_a_rush_of_long_stays_is_no_more_than_came() -> None:
    """Ten at eight each day, for four and a half hours each: ten plugs are busy from eight on, then five, then none."""
    sessions = [
        Session(id=None, station=f"A{car}", site="A", started_at=begun, ended_at=begun + timedelta(hours=4.5))
        for begun in (EPOCH.replace(hour=8, minute=0) + timedelta(days=day) for day in range(50))
        for car in range(10)
    ]
    [load] = loads(sessions, plugs=20)
    # The first day begins with its first session, so hours differ in how often they were seen by one in fifty.
    expected = [0.0] * 8 + [10.0] * 4 + [5.0] + [0.0] * 11
    assert load.erlang == pytest.approx(expected, rel=0.03)
    assert load.arrivals[8] == pytest.approx(10, rel=0.03)
    assert load.full_share == 0


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--arrivals-per-hour", "4"], "give files of past sessions"),
        (["--arrivals-per-hour", "4", "--stay-minutes", "40", "--blocking", "5 cars"], "is no share"),
        (["--arrivals-per-hour", "-4", "--stay-minutes", "40"], "above 0"),
    ],
)
def test_what_makes_no_sense_is_refused_in_words(words: list[str], told: str) -> None:
    outcome = CliRunner().invoke(app, ["insight", "size", *words])
    assert outcome.exit_code == 2
    assert told in outcome.output


def test_the_command_prints_what_is_needed() -> None:
    words = ["insight", "size", "--arrivals-per-hour", "4.005", "--stay-minutes", "40"]
    table = CliRunner().invoke(app, words)
    assert table.exit_code == 0, table.output
    assert "2.67" in table.output
    assert "0 -> 6" in table.output
    [site] = msgspec.json.decode(CliRunner().invoke(app, [*words, "--json", "-"]).stdout)
    assert site["plugs"] == 6


def test_past_sessions_are_read_as_imports_read_them(tmp_path: Path) -> None:
    path = tmp_path / "past.csv"
    rows = (f"A;2025-01-{day:02} 10:00;2025-01-{day:02} 11:00;7" for day in range(1, 11))
    path.write_text("\n".join(["pole;start;end;energy_kwh", *rows, "A;never;never;1"]))
    outcome = CliRunner().invoke(app, ["insight", "size", str(path), "--map", "station=pole", "--json", "-"])
    assert outcome.exit_code == 0, outcome.output
    [site] = msgspec.json.decode(outcome.stdout)
    assert (site["plugs_now"], site["seen"], site["stay_minutes"]) == (1, 10, 60)
    assert "1 rows were left out" in outcome.stderr
