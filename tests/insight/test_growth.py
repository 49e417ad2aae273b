"""How own sites grow and where new ones go: from the lake, by the API, in the console, by a job that can be stopped."""

import asyncio
import csv
import io
import threading
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pytest_asyncio
from msgspec import structs
from typer.testing import CliRunner

from forecourt.access import Role
from forecourt.cli import app
from forecourt.insight import turns
from forecourt.insight.expansion import past, service
from forecourt.insight.expansion.erlang import blocking
from forecourt.insight.expansion.inputs import Inputs
from forecourt.insight.expansion.model import Costs, Counted, Load, Power, Target, size
from forecourt.insight.expansion.offered import Seen, weeks
from forecourt.insight.expansion.pages import _why
from forecourt.insight.expansion.past import Past, SitePast
from forecourt.insight.expansion.planned import LEAST_SESSIONS, TOO_LITTLE, plan
from forecourt.insight.expansion.service import Growth
from forecourt.insight.lake import asking
from forecourt.insight.lake.export import Exporter
from forecourt.insight.lake.layout import Folder
from forecourt.insight.lake.tables import schema
from forecourt.insight.siting import covering, jobs
from forecourt.insight.siting.integer import Purse
from forecourt.insight.siting.jobs import Siter
from forecourt.insight.siting.model import SitingStopped
from forecourt.insight.siting.service import compare
from forecourt.insight.siting.studies import ASKED
from forecourt.insight.siting.study import Wanted
from forecourt.insight.siting.validating import Known, Verdict, validated
from forecourt.insight.turns import AnswerTooSlow
from forecourt.platform.database import Pool
from forecourt.ui.assets import STATIC_DIR
from tests.care.console import console, signed_in
from tests.conftest import Database
from tests.http import House, Tenant, problem
from tests.insight.conftest import Desk
from tests.insight.test_health_nights import published
from tests.insight.test_importing import written
from tests.support import EPOCH, WAIT_S, FakeClock

needs_assets = pytest.mark.skipif(not (STATIC_DIR / "manifest.json").exists(), reason="the web assets are not built")
BEGIN = datetime(2025, 3, 3, tzinfo=UTC)


def played(seed: int, *, plugs: int, rate: float, stay_h: float, hours: int = 8 * 168) -> Seen:
    """Who comes by chance to a site of so many plugs and is served; the others leave and nobody sees them."""
    chance = np.random.default_rng(seed)
    at, free, starts, ends = 0.0, [0.0] * plugs, [], []
    while (at := at + chance.exponential(1 / rate)) < hours:
        plug = min(range(plugs), key=free.__getitem__)
        if free[plug] <= at:
            free[plug] = at + chance.exponential(stay_h)
            starts.append(at)
            ends.append(free[plug])
    begun, over = np.array(starts) * 3600, np.array(ends) * 3600
    return Seen(
        site="A", zone="UTC", plugs=plugs, starts=begun, ends=over, charging_s=(over - begun) / 2,
        energy_wh=(over - begun) / 2 * 11_000 / 3600,
    )  # fmt: skip


def site_of(seen: Seen) -> SitePast:
    return SitePast(
        site="a", name="A", zone="UTC", plugs=seen.plugs, plug_w=22_000, latitude=None, longitude=None,
        weeks=weeks(seen, 8 * 168 * 3600 - 1.0), paid={"EUR": (10, 10_000)},
    )  # fmt: skip


def test_bounds_hold_what_is_true_about_as_often_as_they_say() -> None:
    """Two an hour for half an hour at one plug: one erlang, of which half leave."""
    held = 0
    for seed in range(40):
        found = plan(site_of(played(seed, plugs=1, rate=2.0, stay_h=0.5)), Inputs(missed_percent=20.0), own=False)
        assert found.size is not None
        assert found.more_bounds is not None
        assert found.more_bounds.low is not None
        assert found.more_bounds.high is not None
        truth = 8_760 * 2 * (1 / 2 - blocking(1.0, found.size.plugs))
        held += found.more_bounds.low <= truth <= found.more_bounds.high
    # Of 40 with 80 %: 32, and by chance seldom fewer than 25 or more than 38.
    assert 25 <= held <= 38


def test_a_plan_says_what_growth_costs_and_earns_with_bounds() -> None:
    inputs = Inputs(
        missed_percent=20.0, per_plug_minor=100_000, per_plug_kw_minor=1_000, per_kw_minor=10_000, fixed_minor=5_000,
        counted=Counted.ALL,
    )  # fmt: skip
    past = site_of(played(1, plugs=1, rate=1.0, stay_h=0.5))
    found = plan(past, inputs, own=False)
    assert found.size is not None
    assert (found.size.plugs_now, found.size.plugs) == (1, 2)
    assert found.size.cost_minor == 5_000 + 122_000 + 22 * 10_000
    # 1,000 a session, of which 40 % are kept.
    assert found.margin_minor == round(found.size.more_a_year * 400)
    assert found.size.payback_years == pytest.approx(found.size.cost_minor / found.margin_minor, rel=1e-3)
    assert found.size.payback_years is not None
    assert found.payback_bounds is not None
    assert found.payback_bounds.low is not None
    assert found.payback_bounds.high is not None
    assert found.payback_bounds.low < found.size.payback_years < found.payback_bounds.high
    short = structs.replace(past, weeks=weeks(played(1, plugs=1, rate=1.0, stay_h=0.5, hours=300)))
    assert plan(short, inputs, own=False).more_bounds is None


@pytest.mark.parametrize(
    ("sessions", "every_h", "told"),
    [
        (1, 1.0, False),
        (LEAST_SESSIONS - 1, 24.0, False),
        (LEAST_SESSIONS, 24.0, True),
        (LEAST_SESSIONS * 4, 1.0, False),
    ],
    ids=["one", "one-too-few", "enough", "many-in-few-days"],
)
def test_nothing_is_recommended_on_too_little(sessions: int, every_h: float, *, told: bool) -> None:
    starts = np.arange(sessions, dtype=np.float64) * (every_h * 3600)
    seen = Seen(
        site="A", zone="UTC", plugs=1, starts=starts, ends=starts + 7_200, charging_s=np.full(sessions, np.nan),
        energy_wh=np.full(sessions, np.nan),
    )  # fmt: skip
    past = structs.replace(site_of(played(1, plugs=1, rate=1.0, stay_h=0.5)), weeks=weeks(seen))
    found = plan(past, Inputs(), own=False)
    assert (found.size is not None) is told
    assert found.load is None or told
    assert found.reason == (None if told else TOO_LITTLE)
    assert found.seen == sessions
    assert told or f"{sessions} of the {LEAST_SESSIONS} sessions, {found.days} of the" in _why(found)


def test_of_a_site_that_is_paid_in_other_money_nothing_is_earned_in_ours_until_somebody_says_what() -> None:
    abroad = structs.replace(site_of(played(1, plugs=1, rate=2.0, stay_h=0.5)), paid={"NOK": (9, 90_000)})
    found = plan(abroad, Inputs(), own=False)
    assert found.size is not None
    assert found.size.more_a_year > 0
    assert (found.paid_in, found.margin_minor, found.margin_bounds, found.size.payback_years) == (
        ("NOK",), None, None, None
    )  # fmt: skip
    assert found.more_bounds is not None
    for inputs in (Inputs(currency="NOK"), Inputs(margin_minor=400)):
        told = plan(abroad, inputs, own=True)
        assert told.paid_in == ()
        assert told.margin_minor


def test_a_connection_bears_what_cars_drew() -> None:
    """They charge for half of their stay, with 11 kW at plugs of 22: of two, two charge at once a twentieth of the
    time or more, three of three hardly ever."""
    load = weeks(played(3, plugs=3, rate=2.0, stay_h=0.5)).load()
    assert set(load.powers_w) == {11_000}
    assert max(load.charging) == pytest.approx(max(load.erlang) / 2, rel=0.1)
    found = size(load, Target(share=0.1), Power(plug_w=22_000, counted=Counted.DRAWN), Costs())
    assert (found.connection_w, found.drawn_w) == (66_000, 33_000)
    unknown = Load(site="A", arrivals=load.arrivals, erlang=load.erlang, stay_minutes=30, plugs=3)
    assert size(unknown, Target(share=0.1), Power(plug_w=22_000), Costs()).drawn_w is None


def network(seed: int, *, field: bool) -> list[Known]:
    """150 sites: use goes by plugs and by where they are, or by nothing that is known."""
    chance = np.random.default_rng(seed)
    at, plugs = chance.random((150, 2)), 1 + chance.poisson(4, 150)
    middles, heights = chance.random((8, 2)), chance.normal(0, 1.2, 8)
    ways = ((at[:, None] - middles[None]) ** 2).sum(axis=2)
    use = 0.7 * np.log(plugs) + np.exp(-ways / 2 / 0.12**2) @ heights + chance.normal(0, 0.4, 150)
    if not field:
        use = chance.normal(0, 1, 150)
    return [
        Known(latitude=52 + 0.3 * float(a), longitude=5 + 0.4 * float(b), plugs=int(count), use=float(np.exp(one)))
        for (a, b), count, one in zip(at, plugs, use, strict=True)
    ]


def test_prediction_is_called_better_where_it_is_and_never_by_chance() -> None:
    found = validated(network(2, field=True))
    assert found.verdict is Verdict.BETTER
    assert found.by["prediction"].correlation > max(found.by["plugs"].correlation, found.by["nearest"].correlation)
    assert validated(network(2, field=False)).verdict is not Verdict.BETTER
    few = validated(network(2, field=True)[:19])
    assert (few.verdict, few.by) == (Verdict.CANT_TELL, {})


def test_the_command_judges_a_file_of_sites_with_use(tmp_path: Path) -> None:
    path = tmp_path / "sites.csv"
    rows = (f"{each.latitude},{each.longitude},{each.plugs},{each.use}" for each in network(1, field=True))
    path.write_text("\n".join(["latitude,longitude,plugs,sessions", *rows]))
    words = ["insight", "site-check", str(path), "--map", "use=sessions"]
    told = CliRunner().invoke(app, words)
    assert told.exit_code == 0, told.output
    assert "better: 150 sites" in told.output
    path.write_text("latitude,longitude,sessions\n1,2,many\n")
    assert "row 2, column sessions" in CliRunner().invoke(app, words).output


def test_a_budget_buys_the_most_that_it_can() -> None:
    """Every choice that it pays for, looked at."""
    for seed in range(8):
        chance = np.random.default_rng(seed)
        ways, weights = chance.random((14, 9)) * 10, chance.integers(1, 9, 14).astype(np.float64)
        costs, none = chance.integers(1, 9, 9), np.full(14, np.inf)
        purse = Purse(costs=costs, budget_minor=12)
        best = max(
            float(weights[(ways[:, list(each)] <= 2).any(axis=1)].sum())
            for count in range(1, 5)
            for each in combinations(range(9), count)
            if costs[list(each)].sum() <= 12
        )
        found = covering.solve(ways, none, weights, 4, 2.0, seconds=60, stopped=lambda: False, purse=purse)
        assert costs[list(found.picked)].sum() <= 12
        assert found.value == best
        assert best - 1e-9 <= found.bound <= best * (1 + 1e-4)
        assert found.greedy <= best


HEAD = "id,station,site,evse,start,end,charged,kwh,currency,cost"
CANDIDATES = "name,latitude,longitude,weight,plugs,people\n" + "".join(
    f"p{n},52.{n},4.{n},1,{1 + n % 3},{n + 1}\n" for n in range(9)
)


def stays() -> list[str]:
    """Five weeks at one plug: four an hour for half an hour each come, and who finds it taken leaves."""
    chance, at, free = np.random.default_rng(5), 0.0, 0.0
    made: list[str] = []
    while (at := at + chance.exponential(15)) < 35 * 1440:
        if at >= free:
            free = at + 1 + chance.exponential(30)
            begun, over = (BEGIN + timedelta(minutes=int(each)) for each in (at, free))
            half = BEGIN + timedelta(minutes=int((at + free) / 2))
            made.append(f"{len(made)},north-1,north,1,{begun:%F %R},{over:%F %R},{half:%F %R},5.5,EUR,10.00")
    return made


@pytest.fixture(scope="module")
def lakes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the application of this module keeps its lakes."""
    return tmp_path_factory.mktemp("lakes")


@pytest_asyncio.fixture(scope="module")
async def application(
    database: Database, nats_url: str, clock_of_process: FakeClock, lakes: Path
) -> AsyncIterator[tuple[Pool, Any]]:
    async with console(database, nats_url, clock_of_process, lakes) as (db, _bus, app):
        yield db, app


@needs_assets
async def test_growth_is_told_by_the_api_the_page_and_as_csv_and_goes_by_what_is_said(
    house: House, tenant: Tenant, desk: Desk, lakes: Path, tmp_path: Path
) -> None:
    api, owner = await tenant.client(), await signed_in(house, tenant)
    assert "There is no lake yet" in (await owner.get("/insight/expansion")).text
    problem(await api.get("/api/v1/expansion"), 404, "lake-missing")
    await desk.bring(tenant.tenant_id, written(tmp_path, *stays(), head=HEAD), "old")
    await Exporter(desk.pool, desk.clock, lakes / "lake").export(tenant.tenant_id)
    [told] = (await api.get("/api/v1/expansion")).json()["sites"]
    assert (told["site"], told["size"]["plugs_now"], told["currency"]) == ("old/north", 1, "EUR")
    # Two erlang at one plug: two thirds leave.
    assert np.mean(told["load"]["arrivals"]) == pytest.approx(4, rel=0.1)
    assert told["load"]["full_share"] == pytest.approx(2 / 3, abs=0.05)
    assert told["revenue_minor"] == 1_000
    low, high = told["more_bounds"]["low"], told["more_bounds"]["high"]
    assert low < told["size"]["more_a_year"] < high
    page = (await owner.get("/insight/expansion?site=old/north")).text
    assert 'class="expansion-day"' in page
    assert "As said of all sites" in page
    [row] = csv.DictReader(io.StringIO((await owner.get("/insight/expansion.csv")).text))
    assert int(row["plugs_needed"]) == told["size"]["plugs"]

    # A site that says otherwise costs otherwise; the others stay as they are.
    form = {"missed_percent": "50", "counted": "all", "currency": "EUR", "fixed_minor": "100", "kept_percent": "10"}
    assert (await owner.post("/insight/expansion?site=old/north", data=form)).status_code == 303
    inputs = (await api.get("/api/v1/expansion/inputs", params={"site": "old/north"})).json()
    assert (inputs["missed_percent"], inputs["fixed_minor"], inputs["per_plug_minor"]) == (50, 10_000, 0)
    again = (await api.get("/api/v1/expansion/site", params={"site": "old/north"})).json()
    assert again["size"]["plugs"] < told["size"]["plugs"]
    assert (again["size"]["cost_minor"], again["own_inputs"]) == (10_000, True)
    assert (await api.get("/api/v1/expansion/inputs")).json()["missed_percent"] == 5
    wrong = await owner.post("/insight/expansion", data=form | {"missed_percent": "80"})
    assert wrong.status_code == 422
    assert "must be from 0.1 to 50" in wrong.text
    problem(await api.put("/api/v1/expansion/inputs", json={"kept_percent": "101"}), 422, "expansion-inputs-refused")
    problem(await api.put("/api/v1/expansion/inputs?site=nowhere", json={}), 404, "site-unseen")
    await owner.post("/insight/expansion/forget?site=old/north")
    assert (await api.get("/api/v1/expansion/site?site=old/north")).json() == told

    # A site whose history is older than what is looked at was not without sessions.
    line = "x,south-1,south,1,2023-12-31 10:00,2023-12-31 11:00,,5.5,EUR,10.00"
    await desk.bring(tenant.tenant_id, written(tmp_path, line, head=HEAD, name="south.csv"), "old")
    await Exporter(desk.pool, desk.clock, lakes / "lake").export(tenant.tenant_id)
    south = (await api.get("/api/v1/expansion/site?site=old/south")).json()
    assert (south["reason"], south["last_on"]) == ("no session was seen there in the last year", "2023-12-31")
    page = (await owner.get("/insight/expansion?site=old/south")).text
    assert "no session was seen there in the last year, the last one was on 31" in page


@needs_assets
async def test_a_study_is_asked_for_chosen_and_shown_side_by_side(house: House, tenant: Tenant, lakes: Path) -> None:
    api, owner = await tenant.client(), await signed_in(house, tenant)
    assert "there is no lake yet" in (await owner.get("/insight/siting")).text
    form = {
        "name": "Where people live", "methods": "cover median", "new": "2, 3", "reach_km": "20", "split": "nearest",
        "currency": "EUR", "site_minor": "1000", "budget_minor": "2500", "seconds": "30",
        "columns": "weight=people",
    }  # fmt: skip
    sent = {"candidates": ("c.csv", CANDIDATES, "text/csv")}
    bad = {"candidates": ("c.csv", CANDIDATES.replace("52.3", "152.3"), "text/csv")}
    refused = await owner.post("/insight/siting", data=form, files=bad)
    assert refused.status_code == 422
    assert "candidates, row 5, column latitude" in refused.text
    asked = await owner.post("/insight/siting", data=form, files=sent)
    assert asked.status_code == 303, asked.text
    path = asked.headers["location"]
    number = int(path.rpartition("/")[2])
    assert "It waits for its turn" in (await owner.get(path)).text
    problem(await api.delete(f"/api/v1/siting/studies/{number}"), 409, "siting-study-open")
    await Siter(house.db, house.clock).choose(tenant.tenant_id, number)
    study = (await api.get(f"/api/v1/siting/studies/{number}")).json()
    assert (study["listed"]["state"], study["listed"]["done"]) == ("done", 4)
    outcomes = study["report"]["outcomes"]
    # The budget pays for two, whatever is asked for.
    assert [(len(each["sites"]), each["cost_minor"]) for each in outcomes] == [(2, 200_000)] * 4
    assert all(each["gap"] <= 1e-4 for each in outcomes)
    # The fragment that waited for it has the page loaded whole, for map and lists.
    assert (await owner.get(path, headers={"hx-request": "true"})).headers["hx-refresh"] == "true"
    page = (await owner.get(f"{path}?scenario=1")).text
    assert "Scenarios side by side" in page
    assert "was not measured" in page
    assert f'data-dots="/insight/siting/{number}/dots?scenario=1"' in page
    drawn = (await owner.get(f"/insight/siting/{number}/dots?scenario=1")).json()
    assert sum(each["kind"] == "new" for each in drawn) == 2
    assert len(list(csv.DictReader(io.StringIO((await owner.get(f"{path}/sites.csv")).text)))) == 8
    compared = list(csv.DictReader(io.StringIO((await owner.get(f"{path}/scenarios.csv")).text)))
    assert [row["scenario"] for row in compared] == [each["title"] for each in outcomes]
    assert [(row["cost"], row["currency"], row["sites"]) for row in compared] == [("2000.00", "EUR", "2")] * 4
    for row, each in zip(compared, outcomes, strict=True):
        told = [float(row[name]) for name in ("value", "bound", "gap", "greedy", "greedy_gap", "demand", "net")]
        assert told == [
            *(each[name] for name in ("value", "bound", "gap", "greedy", "greedy_gap", "demand")),
            each["taken"]["net"],
        ]
    points = (await api.get(f"/api/v1/siting/studies/{number}/sites.geojson")).json()
    assert len(points["features"]) == 8
    # Who may read sees no button, who belongs elsewhere nothing, and neither may ask.
    assert (await (await tenant.client(Role.VIEWER)).get("/api/v1/siting/studies")).status_code == 403
    problem(await (await (await house.tenant()).client()).get(f"/api/v1/siting/studies/{number}"), 404,
            "siting-study-unknown")  # fmt: skip
    assert (await owner.post(f"{path}/delete")).status_code == 303
    assert (await api.get("/api/v1/siting/studies")).json()["items"] == []


@needs_assets
async def test_studies_and_their_form_are_shown_where_own_sites_take_too_long(
    house: House, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    api, owner = await tenant.client(), await signed_in(house, tenant)
    wanted = {"wanted": {"name": "Of before", "own_sites": False}, "files": {"candidates": CANDIDATES}}
    assert (await api.post("/api/v1/siting/studies", json=wanted)).status_code == 201
    asked: list[str] = []

    def slow(name: str) -> Any:
        async def slowly(*_: Any) -> Any:
            asked.append(name)
            raise AnswerTooSlow

        return slowly

    for name in ("reckoned", "past"):
        monkeypatch.setattr(Growth, name, slow(name))
    page = await owner.get("/insight/siting")
    assert page.status_code == 200
    for text in ("Of before", "takes too long", "Choose sites"):
        assert text in page.text
    sent = {"candidates": ("c.csv", CANDIDATES, "text/csv")}
    form = {
        "name": "Typed once",
        "methods": "cover",
        "new": "2",
        "reach_km": "20",
        "split": "nearest",
        "currency": "EUR",
        "seconds": "30",
    }
    wrong = await owner.post("/insight/siting", data=form | {"reach_km": "far"}, files=sent)
    assert (wrong.status_code, 'value="Typed once"' in wrong.text) == (422, True)
    asked.clear()
    late = await owner.post("/insight/siting", data=form | {"own_sites": "yes", "columns": "weight=people"}, files=sent)
    assert (late.status_code, 'value="Typed once"' in late.text) == (503, True)
    assert "It takes too long to read own sites" in late.text
    assert asked == ["past"], "who waited in vain is not kept waiting once more"


async def test_a_study_is_stopped_while_it_waits_and_while_it_runs(
    house: House, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    api, siter = await tenant.client(), Siter(house.db, house.clock)
    wanted = {"wanted": {"name": "A", "own_sites": False}, "files": {"candidates": CANDIDATES}}

    async def asked() -> int:
        return int((await api.post("/api/v1/siting/studies", json=wanted)).json()["study_id"])

    waits = await asked()
    assert (await api.post(f"/api/v1/siting/studies/{waits}/stop")).json()["state"] == "stopped"
    await siter.choose(tenant.tenant_id, waits)
    assert (await api.get(f"/api/v1/siting/studies/{waits}")).json()["report"] is None

    runs, begun = await asked(), threading.Event()

    def endless(asked: Any, scenarios: Any, progress: Any, stopped: Any) -> None:
        progress("covering", 0, 1)
        begun.set()
        while not stopped():
            threading.Event().wait(0.01)
        raise SitingStopped

    monkeypatch.setattr(jobs, "compare", endless)
    monkeypatch.setattr(jobs, "TELL_EVERY_S", 0.01)
    work = asyncio.create_task(siter.choose(tenant.tenant_id, runs))
    await asyncio.to_thread(begun.wait, 30)
    for _ in range(2):
        again = await api.post(f"/api/v1/siting/studies/{runs}/stop")
        assert (again.status_code, again.json()["stop_wanted"]) == (200, True)
    await work
    assert (await api.get(f"/api/v1/siting/studies/{runs}")).json()["listed"]["state"] == "stopped"
    for _ in range(3):
        await asked()
    problem(await api.post("/api/v1/siting/studies", json=wanted), 409, "too-many-siting-studies")


@needs_assets
async def test_whatever_a_study_fails_by_ends_it_with_words_and_what_a_dead_worker_had_is_begun_anew(
    house: House, tenant: Tenant, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    api, siter = await tenant.client(), Siter(house.db, house.clock)
    wanted = {"wanted": {"name": "A", "own_sites": False}, "files": {"candidates": CANDIDATES}}
    honest, tries = compare, []

    async def asked() -> int:
        return int((await api.post("/api/v1/siting/studies", json=wanted)).json()["study_id"])

    async def told(number: int) -> tuple[str, str | None]:
        head = (await api.get(f"/api/v1/siting/studies/{number}")).json()["listed"]
        return head["state"], head["reason"]

    def broken(*_: Any) -> Any:
        raise MemoryError

    def unreadable(*so: Any) -> Any:
        """What JSON, and so PostgreSQL, can't hold: found only when it is put away."""
        report = honest(*so)
        return structs.replace(report, words=("\x00",))

    for fault in (broken, unreadable):
        monkeypatch.setattr(jobs, "compare", fault)
        failed = await asked()
        await siter.choose(tenant.tenant_id, failed)
        assert await told(failed) == ("refused", jobs.FAILED)
    page = (await (await signed_in(house, tenant)).get(f"/insight/siting/{failed}")).text
    assert "It stands in the log of the worker" in page

    class Killed(BaseException):
        pass

    def killed(*_: Any) -> Any:
        tries.append(1)
        raise Killed

    # One whose worker is killed each time that it is begun, and one whose worker was killed once.
    deadly, unlucky = await asked(), await asked()
    monkeypatch.setattr(jobs, "compare", killed)
    async with Pool(database.url, "forecourt_worker", size=1) as workers:

        async def offered() -> set[int]:
            await siter.tend(workers)
            query = "DELETE FROM outbox WHERE tenant_id = %s AND event = %s RETURNING subject::int"
            with house.admin() as admin:
                return {number for (number,) in admin.execute(query, (tenant.tenant_id, ASKED))}

        for number in (deadly, unlucky):
            with pytest.raises(Killed):
                await siter.choose(tenant.tenant_id, number)
        await offered()
        # It is put back in line before its time is over, and a second one meanwhile: neither begins it.
        await siter.choose(tenant.tenant_id, unlucky)
        assert (await told(unlucky), len(tries)) == (("running", None), 2)
        house.clock.advance(jobs.SILENT.total_seconds() + 1)
        assert await offered() == {deadly, unlucky}
        assert await offered() == set()
        monkeypatch.setattr(jobs, "compare", honest)
        await siter.choose(tenant.tenant_id, unlucky)
        assert await told(unlucky) == ("done", None)
        monkeypatch.setattr(jobs, "compare", killed)
        for _ in range(jobs.MAX_TRIES - 1):
            with pytest.raises(Killed):
                await siter.choose(tenant.tenant_id, deadly)
            house.clock.advance(jobs.SILENT.total_seconds() + 1)
            assert await offered() == {deadly}
        await siter.choose(tenant.tenant_id, deadly)
        assert await told(deadly) == ("refused", jobs.GAVE_UP)
        # Who wants a stop of what a dead worker had gets it; and one that goes on for ever is ended.
        stopped = await asked()
        with pytest.raises(Killed):
            await siter.choose(tenant.tenant_id, stopped)
        assert (await api.post(f"/api/v1/siting/studies/{stopped}/stop")).status_code == 200
        house.clock.advance(jobs.SILENT.total_seconds() + 1)
        assert await offered() == {stopped}
        await siter.choose(tenant.tenant_id, stopped)
        assert await told(stopped) == ("stopped", None)

    def endless(_asked: Any, _scenarios: Any, _progress: Any, over: Any) -> None:
        house.clock.advance(jobs.allowed_s(Wanted(name="A"), 1) + 1)
        while not over():
            threading.Event().wait(0.01)

    monkeypatch.setattr(jobs, "compare", endless)
    monkeypatch.setattr(jobs, "TELL_EVERY_S", 0.01)
    forever = await asked()
    await siter.choose(tenant.tenant_id, forever)
    assert await told(forever) == ("refused", jobs.TOO_LONG)


async def test_what_growth_is_told_of_is_ready_by_one_time_and_every_plan_in_its_turn(
    pool: Pool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    empty = {name: schema(name).empty_table() for name in ("states", "gaps", "sessions", "stations")}
    published(Folder(tmp_path, 1), empty, EPOCH)
    sites = (site_of(played(1, plugs=1, rate=1.0, stay_h=0.5)),)
    seen = Past(since=EPOCH, until=EPOCH, currency="EUR", sites=sites, homeless=0, left=0)
    monkeypatch.setattr(service, "read", lambda *_: seen)
    made, ends = turns._made, []

    async def told(make: Any, hand: Any, until: float) -> Any:
        ends.append(until)
        return await made(make, hand, until)

    monkeypatch.setattr(turns, "_made", told)
    growths = [Growth(pool, FakeClock(), tmp_path) for _ in range(3)]
    found: list[Any] = []
    for asked in (
        growths[0].plans(1), growths[1].find(1, "a"), growths[2].reckoned(1, lambda seen, _: seen.sites),
    ):  # fmt: skip
        found.append(await asked)
        # Its past, and what is made of it.
        first, then = ends
        assert first == then
        ends.clear()
    assert (found[0].sites, found[2]) == ([found[1]], sites)
    # What somebody said is told without a plan.
    assert (await Growth(pool, FakeClock(), tmp_path).inputs(1, "a")).currency == "EUR"
    assert len(ends) == 1


async def test_the_nights_of_one_organisation_push_out_the_past_of_no_other(
    pool: Pool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    empty = {name: schema(name).empty_table() for name in ("states", "gaps", "sessions", "stations")}
    asked = []

    def read(root: Path, tenant_id: int, *rest: Any) -> Past:
        asked.append(("read", tenant_id))
        return past.read(root, tenant_id, *rest)

    def judged(seen: Past, _: Any) -> datetime:
        asked.append(("judged", seen.until.toordinal()))
        return seen.until

    monkeypatch.setattr(service, "read", read)
    growth = Growth(pool, FakeClock(), tmp_path)
    published(Folder(tmp_path, 2), empty, EPOCH)
    assert await growth.reckoned(2, judged) == EPOCH
    for night in range(service.MAX_KEPT + 2):
        published(Folder(tmp_path, 1), empty, EPOCH + timedelta(days=night))
        for _ in range(2):
            assert await growth.reckoned(1, judged) == EPOCH + timedelta(days=night)
    assert len(asked) == 2 * (1 + service.MAX_KEPT + 2)
    asked.clear()
    assert await growth.reckoned(2, judged) == EPOCH
    assert asked == []


async def test_growth_is_broken_off_and_nobody_waits_for_another_organisation(
    pool: Pool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    empty = {name: schema(name).empty_table() for name in ("states", "gaps", "sessions", "stations")}
    for tenant_id in (1, 2):
        published(Folder(tmp_path, tenant_id), empty, EPOCH)
    begun, ended = [], []

    def read(root: Path, tenant_id: int, snapshot: int, until: datetime, hand: asking.Hand) -> Past:
        if tenant_id == 2:
            return past.read(root, tenant_id, snapshot, until, hand)
        with asking.opened(root, tenant_id, snapshot, hand=hand) as db:
            begun.append(1)
            try:
                db.execute("SELECT count(*) FROM range(1_000_000_000_000_000) AS n (i) WHERE i % 7 = 8").fetchall()
            finally:
                ended.append(1)
        raise AssertionError

    monkeypatch.setattr(service, "read", read)
    within_s = 0.5
    # On a machine that is busy it may be broken off before it asks anything: then it is asked with more time.
    while not begun:
        within_s *= 2
        with pytest.raises(AnswerTooSlow):
            await Growth(pool, FakeClock(), tmp_path, within_s).past(1)
    assert ended == begun == [1]

    growth = Growth(pool, FakeClock(), tmp_path)
    slow = asyncio.create_task(growth.past(1))
    while len(begun) < 2:
        await asyncio.sleep(0.01)
    assert (await growth.past(2)).sites == ()
    assert len(ended) == 1, "the other is still at it"

    # What is reckoned between queries ends at its next step.
    stuck = threading.Event()

    def never(seen: Past, hand: asking.Hand) -> None:
        stuck.set()
        while True:
            hand.check()

    reckoned = asyncio.create_task(growth.reckoned(2, never))
    assert await asyncio.to_thread(stuck.wait, WAIT_S)
    for each in (slow, reckoned):
        each.cancel()
    for each in (slow, reckoned):
        with pytest.raises(asyncio.CancelledError):
            await each
    assert len(ended) == 2
