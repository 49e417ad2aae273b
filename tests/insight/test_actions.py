"""Actions: planted troubles are found with about what they cost, none is found where there is none; what came of one is
told with an interval that holds; and people decide on them by page and API."""

import random
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from msgspec import structs

from forecourt.access import Role
from forecourt.insight.actions import rules, store
from forecourt.insight.actions.finding import Daily
from forecourt.insight.actions.measuring import difference, measured
from forecourt.insight.actions.model import Action, Effect, Kind, Proposal, State
from forecourt.insight.actions.rules import Plug, Top, Used
from forecourt.insight.actions.service import Finder, result_of
from forecourt.insight.health.found import Connector
from forecourt.insight.health.store.connectors import keep_connectors
from forecourt.insight.lake.export import Exporter
from forecourt.platform.database import Pool
from tests.care.console import signed_in
from tests.http import House, Tenant
from tests.insight.conftest import Desk
from tests.insight.test_dashboards import HEAD, needs_assets
from tests.insight.test_importing import written

BEGIN = datetime(2025, 1, 6, tzinfo=UTC)
#: Weeks that there are, and after which actions are looked for.
WEEKS, FOUND = 13, 9
CENTS = 600
#: Between which days are known.
ENDS = (date(2025, 1, 1), date(2025, 3, 31))


def plug(station: str, failed: int, tries: int) -> Plug:
    return Plug(
        site="s", station=station, evse="1", charged=tries - failed, failed=failed, visits_lost=failed // 2,
        earned=1_000, currency="EUR",
    )  # fmt: skip


def test_a_plug_that_fails_more_than_others_is_found_and_networks_of_like_ones_are_left_alone() -> None:
    dice = np.random.default_rng(3)
    fair = [plug(f"F{n}", int(dice.binomial(100, 0.1)), 100) for n in range(60)]
    [found] = rules.failing([*fair, plug("BAD", 45, 100)], 60)
    assert found.station == "BAD"
    # 22 visits lost of 45 that failed; a tenth fails anywhere: 35/45 of 22, at 10.00, for half of 60 days.
    assert found.effect.expected == pytest.approx(22 * 35 / 45 * 1_000 / 2, rel=0.06)
    assert found.effect.low < found.effect.expected < found.effect.high
    # A site where all fail alike has no plug that is worse.
    assert [*rules.failing([*fair, *(structs.replace(plug(f"B{n}", 45, 100), site="b") for n in range(3))], 60)] == []
    alarms = 0
    for _ in range(200):
        alarms += bool([*rules.failing([plug(f"F{n}", int(dice.binomial(100, 0.1)), 100) for n in range(30)], 60)])
    assert alarms <= 10


def test_stations_are_underused_only_beside_their_like_and_peaks_count_where_they_cost() -> None:
    def used(name: str, alike: int, share: float, earned: float) -> Used:
        return Used(site="s", station=name, alike=alike, share=share, earned=earned, currency="EUR")

    six = [used(f"A{n}", 2, 0.3, 30_000) for n in range(6)]
    [found] = rules.underused([*six, used("LOW", 2, 0.05, 4_000), used("SLOW", 0, 0.01, 500)])
    assert (found.station, found.effect.low, found.effect.expected, found.effect.high) == ("LOW", 0, 6_500, 13_000)
    top = Top(site="s", peak_w=80_000, usual_w=50_000, charge=400.0, currency="EUR")
    [shaved] = rules.peaks([top, Top(site="t", peak_w=80_000, usual_w=50_000, charge=0.0, currency="EUR")])
    assert (shaved.site, shaved.effect.expected, shaved.effect.high) == ("s", 6_000, 12_000)


def test_of_every_currency_the_most_worthwhile_is_told_though_another_has_more() -> None:
    def proposal(name: str, currency: str, expected: int) -> Proposal:
        effect = Effect(expected=expected, low=0, high=expected)
        return Proposal(kind=Kind.UNDERUSED, site="s", station=name, currency=currency, effect=effect, facts={})

    many = [proposal(f"E{n}", "EUR", 9_000 - n) for n in range(12)]
    ranked = rules.ranked([*many, proposal("N1", "NOK", 50), proposal("N2", "NOK", 70)])
    told = rules.chosen(ranked, 10)
    assert [each.station for each in told] == [*(f"E{n}" for n in range(8)), "N2", "N1"]


def test_what_an_action_brought_is_told_with_an_interval_that_holds() -> None:
    dice = np.random.default_rng(11)
    for lift in (0.0, 0.3):
        held = seen = 0
        for _ in range(500):
            season = dice.normal(1, 0.15, 16)
            theirs = season * 10_000 * (1 + dice.normal(0, 0.03, 16))
            mine = season * 1_000 * (1 + dice.normal(0, 0.08, 16)) * np.where(np.arange(16) < 8, 1, 1 + lift)
            truth = lift * 1_000 * season[8:].mean()
            found = difference(mine[:8].tolist(), theirs[:8].tolist(), mine[8:].tolist(), theirs[8:].tolist())
            assert found is not None
            held += found[1] <= truth <= found[2]
            seen += not found[1] <= 0 <= found[2]
        assert 0.92 <= held / 500 <= 0.98
        assert seen / 500 >= 0.9 if lift else seen / 500 <= 0.08


def test_nothing_is_measured_of_too_few_weeks_or_without_others() -> None:
    day, taken = timedelta(days=1), date(2025, 3, 1)
    sums = {taken + n * day: 100 for n in range(-60, 60)}
    twice = {at: amount * (2 if at > taken else 1) for at, amount in sums.items()}
    assert measured(twice, sums, taken, taken - 60 * day, taken + 14 * day) is None
    assert measured(twice, {}, taken, taken - 60 * day, taken + 60 * day) is None
    assert measured(twice, sums, taken, taken - 27 * day, taken + 60 * day) is None
    found = measured(twice, sums, taken, taken - 60 * day, taken + 15 * day)
    assert found is not None
    assert (found.effect.expected, found.weeks_before, found.weeks_after) == (3_000, 8, 2)
    assert found.until == taken + 14 * day


DAY = timedelta(days=1)


def test_sites_that_open_or_close_meanwhile_are_no_measure_and_what_is_new_is_not_measured() -> None:
    taken, first, last = date(2025, 3, 1), date(2024, 9, 1), date(2025, 5, 1)

    def sums(amount: int, begins: date, ends: date) -> dict[date, int]:
        return {begins + n * DAY: amount + n % 3 for n in range((ends - begins).days + 1)}

    used = {
        "old/yard-0": (first, last), "old/mall-0": (first, last), "old/park-0": (taken + DAY, last),
        "old/dock-0": (first, taken - DAY), "old/gate-0": (first, last),
    }  # fmt: skip
    money = {
        (name.split("-")[0], name, "EUR"): sums(100 if "yard" in name else 900, *days) for name, days in used.items()
    }
    retired = {"old/gate-0": taken + 20 * DAY}
    known = Daily(begins=first, ends=last, money=money, used=used, retired=retired)
    neutral = Action(
        id=1, kind=Kind.FAILING, site="old/yard", station="old/yard-0", evse="1", state=State.TAKEN, currency="EUR",
        effect=Effect(expected=900, low=0, high=1_800), facts={}, raised_at=BEGIN, seen_at=BEGIN, decided_at=BEGIN,
        decided_by="Ada", measured=None,
    )  # fmt: skip
    found = result_of(known, neutral, taken, [neutral])
    assert found is not None
    assert abs(found.effect.expected) <= 10
    new = structs.replace(known, used={**used, "old/yard-0": (taken - 55 * DAY, last)})
    assert result_of(new, neutral, taken, [neutral]) is None


def visits(*, trouble: bool) -> list[str]:
    """Weeks of four sites with six plugs each. With trouble, the first plug of `yard` fails half of the time until it
    is mended at FOUND; and `dock`, of two plugs, is full by day."""
    dice = random.Random(5)
    rows: list[tuple[datetime, datetime, str, str, float]] = []
    for site in ("yard", "mall", "park", "dock"):
        plugs = 2 if site == "dock" and trouble else 6
        free = dict.fromkeys(range(plugs), BEGIN)
        at = BEGIN
        while at < BEGIN + timedelta(weeks=WEEKS):
            at += timedelta(hours=dice.expovariate(2.0 if site == "dock" and trouble else 0.8))
            here = [n for n, since in free.items() if since <= at]
            # By night a tenth of them come.
            if not here or (not 8 <= at.hour < 20 and dice.random() > 0.1):
                continue
            number = dice.choice(here)
            broken = trouble and site == "yard" and number == 0 and at < BEGIN + timedelta(weeks=FOUND)
            fails = dice.random() < (0.5 if broken else 0.05)
            over = at + timedelta(minutes=4 if fails else dice.randrange(30, 90))
            free[number] = over
            rows.append((at, over, site, f"{site}-{number}", 0.0 if fails else 20.0))
    return [
        f"{n},{station},{site},1,d{n},{at:%Y-%m-%d %H:%M},{over:%Y-%m-%d %H:%M},{kwh},EUR,{CENTS / 100 if kwh else 0}"
        for n, (at, over, site, station, kwh) in enumerate(rows)
    ]


def until(lines: list[str], week: int) -> list[str]:
    ends = f"{BEGIN + timedelta(weeks=week):%Y-%m-%d}"
    return [line for line in lines if line.split(",")[5] < ends]


async def brought(desk: Desk, tenant_id: int, folder: Path, root: Path, lines: list[str]) -> None:
    folder.mkdir(exist_ok=True)
    await desk.bring(tenant_id, written(folder, *lines, head=HEAD), "old")
    await Exporter(desk.pool, desk.clock, root).export(tenant_id)


async def actions(desk: Desk, tenant_id: int) -> list[Action]:
    async with desk.pool.tenant(tenant_id) as conn:
        return await store.list_actions(conn, tenant_id, [*State], 100)


async def test_a_sound_network_has_nothing_to_do(desk: Desk, tmp_path: Path) -> None:
    tenant_id = desk.organisation("sound")
    desk.clock.set(BEGIN + timedelta(weeks=FOUND))
    await brought(desk, tenant_id, tmp_path / "a", tmp_path / "lake", until(visits(trouble=False), FOUND))
    assert await Finder(desk.pool, desk.clock, tmp_path / "lake").find(tenant_id) == 0


async def test_planted_troubles_are_found_and_what_came_of_those_that_were_taken_is_measured(
    desk: Desk, tmp_path: Path
) -> None:
    tenant_id = desk.organisation("troubled")
    lines = visits(trouble=True)
    finder = Finder(desk.pool, desk.clock, tmp_path / "lake")
    desk.clock.set(BEGIN + timedelta(weeks=FOUND))
    await brought(desk, tenant_id, tmp_path / "a", tmp_path / "lake", until(lines, FOUND))
    assert await finder.find(tenant_id) == len(await actions(desk, tenant_id))
    found = {each.kind: each for each in await actions(desk, tenant_id)}
    assert {Kind.FAILING, Kind.BLOCKING, Kind.SHIFT} <= set(found) <= {*Kind} - {Kind.PEAK, Kind.IDLE}
    assert found[Kind.FAILING].station == "old/yard-0"
    assert found[Kind.BLOCKING].site == "old/dock"
    # By day 2 an hour come for an hour each to two plugs: Erlang B turns four in ten of them away.
    away = 30 * 12 * 2 * 0.4 * CENTS * 0.95
    assert found[Kind.BLOCKING].effect.low <= away * 1.1
    assert found[Kind.BLOCKING].effect.expected == pytest.approx(away, rel=0.15)
    async with desk.pool.tenant(tenant_id) as conn:
        for kind, state in ((Kind.FAILING, State.TAKEN), (Kind.BLOCKING, State.DISMISSED)):
            await store.decide(conn, tenant_id, found[kind].id, state, desk.clock.now(), "Ada")
    desk.clock.set(BEGIN + timedelta(weeks=WEEKS))
    # One more site opens after that, and earns more than all others.
    opened = [
        f"n{n},new-{n % 9},new,1,d,{at:%Y-%m-%d %H:%M},{at + timedelta(minutes=20):%Y-%m-%d %H:%M},20,EUR,30"
        for n in range(int((WEEKS - FOUND) * 7 * 24 / 2) - 1)
        for at in [BEGIN + timedelta(weeks=FOUND, hours=2 * n + 1)]
    ]
    await brought(desk, tenant_id, tmp_path / "b", tmp_path / "lake", [*lines, *opened])
    await finder.find(tenant_id)
    after = {each.kind: each for each in await actions(desk, tenant_id)}
    assert after[Kind.FAILING].id == found[Kind.FAILING].id
    told = after[Kind.FAILING].measured
    assert told is not None
    assert (told.weeks_before, told.weeks_after) == (8, 3)
    assert told.effect.low <= found[Kind.FAILING].effect.expected <= told.effect.high
    assert after[Kind.BLOCKING].id == found[Kind.BLOCKING].id
    assert after[Kind.BLOCKING].state == State.DISMISSED


@pytest.fixture(scope="module")
def application(application_with_pages: tuple[Pool, Any]) -> tuple[Pool, Any]:
    return application_with_pages


@needs_assets
async def test_people_decide_by_page_and_api_and_who_only_reads_may_not(
    house: House, tenant: Tenant, desk: Desk
) -> None:
    owner = await signed_in(house, tenant)
    assert "There is nothing to propose yet" in (await owner.get("/insight/actions")).text
    dock = Proposal(
        kind=Kind.BLOCKING, site="old/dock", currency="EUR", effect=Effect(expected=900, low=400, high=1_500),
        facts={"plugs": 2, "away": 0.4, "full": 0.3, "more": 3},
    )  # fmt: skip
    failing = next(iter(rules.failing([plug("old/yard-0", 45, 100), plug("old/yard-1", 2, 400)], 56)))
    async with desk.pool.tenant(tenant.tenant_id) as conn:
        await store.keep_open(conn, tenant.tenant_id, [dock, failing], house.clock.now())
    page = (await owner.get("/insight/actions")).text
    for words in ("Build more plugs", "old/dock", "Have the EVSE looked at", "old/yard-0"):
        assert words in page
    # What Connector health says of the same EVSE stands beside it, and why that may differ.
    assert "Connector health has not looked at it yet." in page
    standing = Connector(
        station="old/yard-0", evse=1, site=None, seen_on=date(2025, 3, 1), standing="known", days=90, kind=None,
        part=None, risk=0.01, reasons=[], recent=[],
    )  # fmt: skip
    async with desk.pool.tenant(tenant.tenant_id) as conn:
        await keep_connectors(conn, tenant.tenant_id, [standing])
    page = (await owner.get("/insight/actions")).text
    assert "Connector health has no alert of it, which is no contradiction" in page
    assert 'href="/insight/expansion?site=old%2Fdock"' in page
    assert "Expansion sizes the same sites by the sessions of up to a year" in page
    assert "ranked by itself" not in page, "there is one currency"
    german = await signed_in(house, tenant, language="de")
    assert "Mehr Ladepunkte bauen" in (await german.get("/insight/actions")).text
    listed = (await owner.get("/api/v1/insight/actions?state=open")).json()["items"]
    assert [each["effect"]["expected"] for each in listed] == sorted(
        (each["effect"]["expected"] for each in listed), reverse=True
    )
    first, second = listed[0]["id"], listed[1]["id"]
    reader = await signed_in(house, tenant, Role.VIEWER)
    assert (await reader.post(f"/insight/actions/{first}/take")).status_code == 403
    assert (await owner.post(f"/insight/actions/{first}/take")).status_code == 303
    assert "Taken" in (await owner.get("/insight/actions")).text
    json = {"accept": "application/json"}
    dismissed = await owner.post(f"/api/v1/insight/actions/{second}/dismiss", headers=json)
    assert dismissed.json()["state"] == "dismissed"
    assert (await owner.post("/api/v1/insight/actions/999999/take", headers=json)).status_code == 404
    result = measured({}, {date(2025, 1, 1) + n * DAY: 9 for n in range(90)}, date(2025, 2, 15), *ENDS)
    assert result is not None
    async with desk.pool.tenant(tenant.tenant_id) as conn:
        await store.keep_measured(conn, tenant.tenant_id, first, result)
    given_up = (await owner.post(f"/api/v1/insight/actions/{first}/dismiss", headers=json)).json()
    assert given_up["measured"]["weeks_before"] == result.weeks_before
    retaken = (await owner.post(f"/api/v1/insight/actions/{first}/take", headers=json)).json()
    assert retaken["measured"] is None
    again = await owner.post(f"/api/v1/insight/actions/{second}/reopen", headers=json)
    assert (again.json()["state"], again.json()["decided_by"]) == ("open", None)
