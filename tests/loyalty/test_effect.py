"""What a campaign changed is told as often as was promised, and never where nothing changed but by chance."""

from datetime import timedelta
from decimal import Decimal
from itertools import combinations
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from msgspec.structs import replace

from forecourt.insight.importing.files import understood
from forecourt.insight.importing.service import Importer
from forecourt.insight.importing.tables import Options
from forecourt.loyalty import service
from forecourt.loyalty.effect.estimate import difference, difference_of_shares
from forecourt.loyalty.effect.service import Measure, measure_effect
from forecourt.loyalty.effect.trial import try_out
from forecourt.loyalty.errors import CampaignRefused
from forecourt.loyalty.model.campaigns import Past
from forecourt.loyalty.model.terms import Audience, Places, Segment, State, Terms
from forecourt.loyalty.rewards.store import sum_use
from forecourt.loyalty.store import uses
from forecourt.simulator.campaigns import World, draw
from tests.loyalty.club import Club

NULL, TRUE = World(drivers=1_000, held_out=0.3), World(drivers=1_000, held_out=0.3, lift=0.25)


def test_of_200_campaigns_without_effect_about_five_percent_are_declared() -> None:
    drawn = draw(NULL, 200, seed=11)
    trial = try_out(drawn.during, drawn.before, drawn.treated, truth=0.0, error=NULL.error)
    # Of 200 at 5 %, 19 or more come by chance once in a hundred times, and so do 2 or fewer.
    assert 2 < trial.declared * 200 < 19
    assert abs(trial.bias) < 3 * NULL.error / np.sqrt(200)


@pytest.mark.parametrize("world", [TRUE, World(drivers=300, held_out=0.2, spread=0.5, lift=0.5)])
def test_a_true_effect_is_found_and_its_interval_holds_it_and_is_narrow(world: World) -> None:
    drawn = draw(world, 500, seed=12)
    trial = try_out(drawn.during, drawn.before, drawn.treated, truth=world.effect, error=world.error)
    assert trial.declared >= 0.80
    assert 0.92 <= trial.covered <= 0.98
    assert trial.width <= 1.2
    assert abs(trial.bias) < 3 * world.error / np.sqrt(500)


def test_without_a_past_it_is_the_plain_difference_by_welch() -> None:
    from scipy import stats  # a second to load, and every process of a run loads this module

    drawn = draw(World(drivers=80), 1, seed=3)
    outcome, treated = drawn.during[0], drawn.treated[0]
    told = difference(outcome, None, treated)
    oracle = stats.ttest_ind(outcome[treated], outcome[~treated], equal_var=False)
    interval = oracle.confidence_interval(0.95)
    # HC2 without a covariate is Welch's error; the degrees of freedom are of a line, one less in each group.
    assert float(told.difference) == pytest.approx(outcome[treated].mean() - outcome[~treated].mean())
    assert float(told.difference / told.error) == pytest.approx(oracle.statistic)
    assert (float(told.low), float(told.high)) == pytest.approx((interval.low, interval.high), rel=0.01)
    assert float(told.p_value) == pytest.approx(oracle.pvalue, rel=0.05)


def test_the_past_narrows_what_is_told_and_one_that_never_varied_changes_nothing() -> None:
    drawn = draw(NULL, 50, seed=4)
    plain = difference(drawn.during, None, drawn.treated)
    narrowed = difference(drawn.during, drawn.before, drawn.treated)
    same = difference(drawn.during, np.full_like(drawn.before, 7.0), drawn.treated)
    assert float(np.mean(narrowed.error)) < 0.75 * float(np.mean(plain.error))
    assert np.allclose(same.error, plain.error)
    assert np.allclose(same.difference, plain.difference)


def test_over_all_ways_to_draw_a_group_the_plain_difference_is_right_on_average() -> None:
    rng = np.random.default_rng(5)
    nothing, gain = rng.lognormal(2, 1, 8), rng.lognormal(0, 1, 8)
    found = []
    for held in combinations(range(8), 3):
        treated = ~np.isin(np.arange(8), held)
        found.append(float(difference(np.where(treated, nothing + gain, nothing), None, treated).difference))
    assert np.mean(found) == pytest.approx(gain.mean())


def test_a_share_is_told_of_sums_and_its_interval_holds_the_truth() -> None:
    rng, runs, drivers = np.random.default_rng(6), 400, 600
    whole = rng.gamma(0.7, 30, (runs, drivers))
    treated = rng.random((runs, drivers)).argsort(axis=1) >= 200
    part = whole * rng.beta(2, 5, (runs, drivers)) + np.where(treated, 0.1, 0.0) * whole * 0.5
    told = difference_of_shares(part, whole, treated)
    assert 0.92 <= float(np.mean((told.low <= 0.05) & (told.high >= 0.05))) <= 0.98


async def test_a_campaign_that_ran_elsewhere_is_told_of_by_imported_sessions(club: Club, tmp_path: Path) -> None:
    drivers, now = club.drivers(24), club.till.clock.now()
    begun, ended = now - timedelta(days=20), now - timedelta(days=10)
    past = Past(source="old", started_at=begun, ended_at=ended, spent=700,
                drivers={driver: number % 2 == 0 for number, (driver, _) in enumerate(drivers)})  # fmt: skip
    lines = ["id,station,driver,start,end,kwh"]
    for number, (driver, uid) in enumerate(drivers):
        # Before it, in it, and after it, when all come again and again.
        times = [begun - timedelta(days=3), begun + timedelta(days=1), *[ended + timedelta(days=1)] * 3]
        times += [begun + timedelta(days=2)] if past.drivers[driver] else []
        for visit, at in enumerate(times):
            lines.append(f"{number}-{visit},A,{uid.upper()},{at:%Y-%m-%d %H:%M},{at:%Y-%m-%d} 23:59,{10 + number % 3}")
    path = tmp_path / "old.csv"
    path.write_text("\n".join(lines), encoding="utf-8")
    importer = Importer(club.till.tenants, club.till.clock, "test")
    await importer.bring(club.tenant_id, path, understood(path, Options(), now), "old")
    terms = Terms(name="Old", label="Thank you", currency="EUR", percent=Decimal(10), most=300)
    async with club.till.tenants.tenant(club.tenant_id) as conn:
        made = await service.bring_campaign(conn, club.till.actor, terms, past, now)
        told = await measure_effect(conn, club.tenant_id, made.campaign_id, now)
        with pytest.raises(CampaignRefused):
            await service.bring_campaign(conn, club.till.actor, terms, replace(past, ended_at=begun), now)
    assert (made.state, made.source, made.members, made.held_out) == (State.ENDED, "old", 24, 12)
    assert (told.start, told.until, told.treated, told.given) == (begun, ended, 12, 700)
    [visits] = [each for each in told.compared if each.measure is Measure.VISITS]
    assert (visits.treated, visits.held_out, visits.difference) == (2.0, 1.0, 1.0)
    # It gives nothing.
    await club.begun(club.session(drivers[0][1], over=False))
    assert club.uses() == []


async def test_of_a_campaign_nothing_is_told_before_its_drivers_did_anything(club: Club) -> None:
    drivers, till = club.drivers(60), club.till
    # What they did before says nothing of what it changes.
    club.session(drivers[0][1], ago=timedelta(days=2))
    campaign = await club.campaign(amount=100, holdout_percent=Decimal(50))
    till.clock.advance(7_200)

    async def told() -> list[Measure]:
        async with till.tenants.tenant(club.tenant_id) as conn:
            found = await measure_effect(conn, club.tenant_id, campaign.campaign_id, till.clock.now())
        assert min(found.treated, found.held_out) >= 10
        return [each.measure for each in found.compared]

    assert await told() == []
    # One that has no price says nothing of revenue.
    club.session(drivers[0][1], ago=timedelta(minutes=1))
    assert await told() == [Measure.ENERGY, Measure.VISITS]


async def test_whom_a_campaign_is_for_is_told_by_imported_sessions_too(club: Club, tmp_path: Path) -> None:
    [(often, uid), (once, other), _] = club.drivers(3)
    now, path = club.till.clock.now(), tmp_path / "old.csv"
    # 12 kWh each: three of one driver in the window, of whom a fourth is too old, and one of another.
    came = [(uid, 5), (uid, 6), (uid, 7), (uid, 200), (other, 5)]
    lines = [
        f"{number},A,{who},{now - timedelta(days=days):%Y-%m-%d %H:%M},{now - timedelta(days=days):%Y-%m-%d} 23:59,12"
        for number, (who, days) in enumerate(came)
    ]
    path.write_text("\n".join(["id,station,driver,start,end,kwh", *lines]), encoding="utf-8")
    importer = Importer(club.till.tenants, club.till.clock, "test")
    await importer.bring(club.tenant_id, path, understood(path, Options(), now), "old")
    club.session(uid, wh=1_000)
    for audience, meant in (
        (Audience(min_sessions=4, max_sessions=4, min_energy_wh=37_000), [often]),
        (Audience(segments=frozenset({Segment.RECENT}), max_sessions=3), [once]),
    ):
        campaign = await club.campaign(amount=100, audience=audience)
        members = club.till.rows(
            "SELECT driver_id FROM loyalty_members WHERE campaign_id = %s", campaign.campaign_id
        )  # fmt: skip
        assert [each["driver_id"] for each in members] == meant


async def test_tiers_and_quiet_hours_count_history_that_was_brought_in(club: Club, tmp_path: Path) -> None:
    [(driver, uid)] = club.drivers()
    now, path = club.till.clock.now(), tmp_path / "old.csv"
    day = (now - timedelta(days=3)).date()
    # Every hour but 3 and 4 was busy, by records of a system before this one.
    lines = [f"{hour},A,{uid},{day} {hour:02}:10,{day} {hour:02}:50,5,4.00" for hour in range(24) if hour not in (3, 4)]
    path.write_text("\n".join(["id,station,driver,start,end,kwh,cost_incl", *lines]), encoding="utf-8")
    importer = Importer(club.till.tenants, club.till.clock, "test")
    options = Options(time_zone="Europe/Berlin", currency="EUR")
    await importer.bring(club.tenant_id, path, understood(path, options, now), "old")
    quiet = await club.campaign(amount=100, places=Places(quiet_hours=2))
    assert quiet.hours == {3, 4}
    async with club.till.tenants.tenant(club.tenant_id) as conn:
        use = await sum_use(conn, club.tenant_id, driver, "EUR", now - timedelta(days=30))
        none = await sum_use(conn, club.tenant_id, driver, "EUR", now)
    assert (use.sessions, use.energy_wh, use.paid) == (22, 110_000, 8_800)
    assert none.sessions == 0


async def test_an_effect_is_what_is_reckoned_by_hand(club: Club) -> None:
    """Who has it charges 8 kWh in its hours and 4 out of them, who is held out 2 in them and 6 out of them."""
    drivers = club.drivers(60)
    early, late = club.till.clock.now() + timedelta(days=2), club.till.clock.now() + timedelta(days=2, hours=6)
    zone = ZoneInfo(club.till.rows("SELECT time_zone AS it FROM sites WHERE tenant_id = %s", club.tenant_id)[0]["it"])
    # A session lasts an hour and counts for the one in which it began.
    hour = (early - timedelta(hours=1)).astimezone(zone).hour
    campaign = await club.campaign(amount=100, holdout_percent=Decimal(50), places=Places(hours=frozenset({hour})))
    treated = {
        row["driver_id"]: row["treated"]
        for row in club.till.rows("SELECT driver_id, treated FROM loyalty_members WHERE tenant_id = %s", club.tenant_id)
    }
    for at, had, not_had in ((early, 8_000, 2_000), (late, 4_000, 6_000)):
        club.till.clock.advance((at - club.till.clock.now()).total_seconds())
        for driver, uid in drivers:
            await club.priced(club.session(uid, wh=had if treated[driver] else not_had))
    club.till.clock.advance(1)
    async with club.till.tenants.tenant(club.tenant_id) as conn:
        told = await measure_effect(conn, club.tenant_id, campaign.campaign_id, club.till.clock.now())
    found = {each.measure.value: (each.treated, each.held_out, each.difference) for each in told.compared}
    # 0.50 a kWh before VAT of 19 %, which comes to 4.76 for 8 kWh; 1.00 off leaves 3.76, 3.16 before VAT.
    assert found == {
        "energy": pytest.approx((12.0, 8.0, 4.0)),
        "visits": pytest.approx((2.0, 2.0, 0.0)),
        "revenue": pytest.approx((5.16, 4.0, 1.16)),
        "share_in_hours": pytest.approx((8 / 12, 2 / 8, 8 / 12 - 2 / 8)),
    }
    totals = {each.measure.value: each.total for each in told.compared}
    assert totals["share_in_hours"] is None
    assert totals["revenue"] == pytest.approx(1.16 * told.treated)


async def test_of_each_group_it_is_said_how_many_were_erased(club: Club) -> None:
    drivers = club.drivers(24)
    campaign = await club.campaign(amount=100, holdout_percent=Decimal(50))
    members = club.till.rows("SELECT driver_id, treated FROM loyalty_members WHERE tenant_id = %s", club.tenant_id)
    had, not_had = ([row["driver_id"] for row in members if row["treated"] is it] for it in (True, False))
    async with club.till.tenants.tenant(club.tenant_id) as conn:
        before = await measure_effect(conn, club.tenant_id, campaign.campaign_id, club.till.clock.now())
        for driver in (*had[:2], *had[:2], not_had[0]):
            await uses.forget_driver(conn, club.tenant_id, driver)
        after = await measure_effect(conn, club.tenant_id, campaign.campaign_id, club.till.clock.now())
    assert (before.left_treated, before.left_held_out, before.treated + before.held_out) == (0, 0, len(drivers))
    assert (after.treated, after.left_treated) == (before.treated - 2, 2)
    assert (after.held_out, after.left_held_out) == (before.held_out - 1, 1)


async def test_an_effect_is_told_by_what_drivers_of_the_campaign_did_before_and_since(club: Club) -> None:
    drivers = club.drivers(60)
    for number, (_, uid) in enumerate(drivers):
        club.session(uid, wh=10_000 + 100 * number, ago=timedelta(days=3))
    campaign = await club.campaign(amount=100, holdout_percent=Decimal(50), places=Places(hours=frozenset(range(24))))
    treated = {
        row["driver_id"]: row["treated"]
        for row in club.till.rows("SELECT driver_id, treated FROM loyalty_members WHERE tenant_id = %s", club.tenant_id)
    }
    club.till.clock.advance(timedelta(days=2).total_seconds())
    for number, (driver, uid) in enumerate(drivers):
        for _ in range(2 if treated[driver] else 1):
            session = club.session(uid, wh=10_000 + 100 * number + 7 * (number % 5))
            if number < 3:
                await club.priced(session)
    club.till.clock.advance(1)
    async with club.till.tenants.tenant(club.tenant_id) as conn:
        told = await measure_effect(conn, club.tenant_id, campaign.campaign_id, club.till.clock.now())
    assert (told.treated, told.held_out) == (sum(treated.values()), 60 - sum(treated.values()))
    by_measure = {each.measure.value: each for each in told.compared}
    assert set(by_measure) == {"energy", "visits", "revenue", "share_in_hours"}
    visits = by_measure["visits"]
    assert (visits.treated, visits.held_out, visits.difference, visits.p_value) == (2.0, 1.0, 1.0, 0.0)
    assert visits.total == told.treated
    energy = by_measure["energy"]
    assert energy.low < energy.difference < energy.high
    # One visit more, of 10 to 16 kWh.
    assert 10 < energy.difference < 16
    assert by_measure["share_in_hours"].difference == 0
    assert by_measure["revenue"].difference != 0
