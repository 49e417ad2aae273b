"""Smart charging from the command line: the limits of a site, its plan, why a session charges so, and its needs."""

from datetime import datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest
from rich.console import Console
from typer.testing import CliRunner

from forecourt.cli import energy as energy_cli
from forecourt.cli.charging import limits
from forecourt.energy.keeper.reading import find_planned, read_site
from forecourt.energy.planner.solver import SiteSolver
from forecourt.energy.planning.knowledge import packed
from forecourt.energy.planning.making import plan_site
from forecourt.energy.store import plans
from forecourt.energy.whatif.report import Outcome, Report
from forecourt.platform.clock import SystemClock
from forecourt.platform.database import Pool
from tests.cli.conftest import Shell
from tests.stations.gateway.conftest import Rig
from tests.stations.gateway.test_sessions_over_sockets import boot, start

#: Far from any machine's.
ZONE = "Pacific/Auckland"
PANEL = {"id": "p1", "name": "Panel North", "parent": "grid", "limit_a": 16.0}
ELECTRICS = {
    "nodes": [{"id": "grid", "limit_a": 63.0}, PANEL],
    "evses": [{"station": "CP1", "evse": 1, "node": "p1"}],
}


async def planned(rig: Rig) -> None:
    """As the planner does."""
    async with Pool(rig.database.url, "forecourt_app", size=1) as pool, pool.tenant(rig.tenant()) as conn:
        [(site_id,)] = rig.admin.execute("SELECT site_id FROM energy_sites").fetchall()
        record = await find_planned(conn, rig.tenant(), site_id)
        assert record is not None
        known = (await read_site(conn, record, None, SystemClock().now())).known
        await plans.insert_plan(conn, rig.tenant(), site_id, plan_site(known, SiteSolver()), packed(known))


async def test_a_site_is_limited_planned_and_explained_from_a_shell(rig: Rig, shell: Shell) -> None:
    assert (await shell.run("sites", "add", "North yard", "--time-zone", ZONE)).code == 0
    await rig.register("CP1")
    rig.token("TAG1")
    assert (await shell.run("bulk", "site", "north-yard", "CP1")).code == 0
    rig.admin.execute("UPDATE stations SET site_id = (SELECT site_id FROM sites) WHERE identity = 'CP1'")
    async with rig.station("CP1") as station:
        await boot(station)
        status = {"connectorId": 1, "errorCode": "NoError", "status": "Available"}
        await station.call("StatusNotification", status)
        await station.call("StartTransaction", start("TAG1"))
        headers = {"authorization": f"Bearer {shell.key}"}
        async with httpx.AsyncClient(base_url=f"{shell.url}/api/v1/sites/north-yard", headers=headers) as api:
            assert (await api.put("/electrics", json=ELECTRICS)).status_code == 200
            assert (await api.put("/smart-charging", json={"enabled": True})).status_code == 200

        # Limits: set, set again in its place, one of a node, cleared.
        assert (await shell.run("energy", "limits", "set", "north-yard")).code == 2
        assert (await shell.run("energy", "limits", "set", "north-yard", "--power-w", "9000")).code == 0
        [said] = (await shell.run("energy", "limits", "set", "north-yard", "--power-w", "8000", "--json")).json()
        assert (said["limit_w"], said["node"], said["source"]) == (8000, None, "command line")
        until = ("--from", "2099-03-01T17:00:00Z", "--to", "2099-03-01T19:00:00Z")
        of_panel = ("energy", "limits", "set", "north-yard", "--node", "p1", "--current-a", "12.5", *until)
        assert (await shell.run(*of_panel)).code == 0
        wrong = await shell.run("energy", "limits", "set", "north-yard", "--node", "nowhere", "--current-a", "6")
        assert (wrong.code, "no such node" in wrong.err) == (1, True)
        held = (await shell.run("energy", "limits", "list", "north-yard", "--json")).json()
        assert [(each["node"], each["limit_w"], each["limit_a"]) for each in held] == [
            ("p1", None, 12.5),
            (None, 8000, None),
        ]
        shown = (await shell.run("energy", "limits", "list", "north-yard")).out
        assert all(word in shown for word in ("grid connection", "8.0", "12.5", "p1"))
        begins = datetime.fromisoformat(held[0]["from"]).astimezone(ZoneInfo(ZONE))
        assert all(part in shown for part in (f"{begins:%H:%M:%S}", f"({ZONE})")), "by the clock of the site"
        assert (await shell.run("energy", "limits", "clear", "north-yard", held[0]["limit_id"])).code == 0
        left = (await shell.run("energy", "limits", "list", "north-yard", "--json")).json()
        assert [each["limit_id"] for each in left] == [held[1]["limit_id"]]
        every = (await shell.run("energy", "limits", "list", "north-yard", "--all", "--json")).json()
        assert held[0]["limit_id"] in {each["limit_id"] for each in every}
        one = (await shell.run("energy", "limits", "list", "north-yard", "--all", "--limit", "1", "--json")).json()
        assert len(one) == 1

        # Needs of the session, and what is planned of them.
        [session] = (await shell.run("sessions", "list", "--status", "active", "--json")).json()
        assert "Nothing was said." in (await shell.run("energy", "needs", "show", session["id"])).out
        assert (await shell.run("energy", "needs", "set", session["id"])).code == 2
        wants = ("--energy-wh", "12000", "--priority", "high", "--never-discharge")
        [needs] = (await shell.run("energy", "needs", "set", session["id"], *wants, "--json")).json()
        assert needs["wants"] == {"energy_wh": 12000, "priority": "high", "may_discharge": False}
        again = (
            await shell.run("energy", "needs", "set", session["id"], "--energy-wh", "7000", "--source", "driver")
        ).out
        assert all(word in again for word in ("driver", "api", "7000", "high", f"({ZONE})"))
        assert (await shell.run("energy", "needs", "set", session["id"], "--priority", "soon")).code == 1

        assert (await shell.run("energy", "plan", "north-yard")).code == 3
        await planned(rig)
        plan = (await shell.run("energy", "plan", "north-yard")).out
        assert all(word in plan for word in ("optimal", "CP1", session["id"], "7.00"))
        [data] = (await shell.run("energy", "plan", "north-yard", "--json")).json()
        [car] = data["cars"]
        # One clock for the words, and for the times beside them.
        here = f"{datetime.fromisoformat(data['at']).astimezone(ZoneInfo(ZONE)):%Y-%m-%d %H:%M}"
        assert data["known"]["zone"] == ZONE
        assert f"Planned at {here}" in plan
        assert f"({ZONE})" in plan
        ready = datetime.fromisoformat(car["ready_at"]).astimezone(ZoneInfo(ZONE))
        assert f"{ready:%H:%M:%S}" in plan
        assert f"{ready:%H:%M}" in " ".join(car["words"])
        assert 0 < car["power_w"] <= 8000
        why = (await shell.run("energy", "why", session["id"])).out
        assert car["words"][0] in why
        assert f"Times are those of the site: {ZONE}." in why
        told: list[dict[str, Any]] = (await shell.run("energy", "why", session["id"], "--json")).json()
        assert told[0]["car"]["words"] == car["words"]

        assert (await shell.run("energy", "needs", "clear", session["id"], "--source", "driver")).code == 0
        [needs] = (await shell.run("energy", "needs", "show", session["id"], "--json")).json()
        assert (needs["wants"]["energy_wh"], [each["source"] for each in needs["said"]]) == (12000, ["api"])
    # Its id is another station's by now, which stands nowhere.
    async with httpx.AsyncClient(base_url=shell.url, headers=headers) as api:
        assert (await api.delete("/api/v1/stations/CP1")).status_code == 200
    await rig.register("CP1")
    assert (await shell.run("energy", "needs", "set", session["id"], "--energy-wh", "9000")).code == 5
    kept = await shell.run("energy", "needs", "show", session["id"])
    assert (kept.code, "12000" in kept.out, f"({ZONE})" in kept.out) == (0, True, True)
    nobody = "00000000-0000-0000-0000-000000000000"
    assert (await shell.run("energy", "why", nobody)).code == 3
    assert (await shell.run("energy", "limits", "clear", "north-yard", nobody)).code == 3


@pytest.mark.parametrize("current", ["inf", "nan", "-1", "1e300"])
def test_what_is_no_current_is_refused_before_anybody_is_asked(current: str) -> None:
    told = CliRunner().invoke(limits, ["set", "north-yard", "--current-a", current])
    assert (told.exit_code, "--current-a" in told.output) == (2, True)


def test_what_ways_of_charging_are_worth_fits_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    score, energy = Decimal("1234567.89"), Decimal("-98765.43")
    outcome = Outcome(
        scheduler="planner on stated values", asked_wh=1, unserved_wh=12_345_678, grid_wh=1, energy_pct=99.98,
        peak_w=1_234_500, energy_cost=energy, demand_cost=Decimal("765432.10"), score=score, overload=0.999,
        co2_kg=54321.9, fairness=0.987, charged_wh=1,
    )  # fmt: skip
    report = Report(
        scenario="A garage", currency="EUR", start="2019-03-08", end="2019-03-15", sessions=300, left_out={},
        outcomes=[outcome],
    )  # fmt: skip
    energy_cli._tell(report, Console(width=80))
    told = capsys.readouterr().out
    for said in ("99.98", "12345.7", "1234.5", "99.9", score, energy, "765432.10", "0.987", "54321.9", "score EUR"):
        assert str(said) in told
    assert "\N{HORIZONTAL ELLIPSIS}" not in told
