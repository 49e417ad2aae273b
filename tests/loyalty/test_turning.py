"""Campaigns begin and end by themselves, and count for what they changed only while they gave."""

import json
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import pytest
from msgspec.structs import replace

import forecourt
from forecourt.loyalty import service
from forecourt.loyalty.effect.service import measure_effect
from forecourt.loyalty.errors import CampaignBegun, CampaignOver, CampaignRefused, CampaignUnbegun, Unbegun
from forecourt.loyalty.model.campaigns import MAX_RUNNING
from forecourt.loyalty.model.terms import Audience, Places, State, Terms
from tests.loyalty.club import Club


async def test_one_that_is_to_begin_later_draws_and_tells_its_drivers_then_and_is_measured_from_then(
    club: Club,
) -> None:
    till: Any = club.till
    early = club.drivers(2, marketing=True)
    campaign = await club.campaign(
        amount=100, announce=True, starts_at=till.clock.now() + timedelta(days=2), audience=Audience(max_sessions=0)
    )
    assert (campaign.state, campaign.started_at, campaign.members) == (State.SCHEDULED, None, 0)
    await till.work()
    assert till.rows("SELECT FROM letters WHERE tenant_id = %s", club.tenant_id) == []
    with pytest.raises(CampaignBegun):
        async with till.tenants.tenant(club.tenant_id) as conn:
            await service.change_terms(conn, till.actor, campaign.campaign_id, campaign.terms)
    till.clock.advance(timedelta(days=1).total_seconds())
    club.session(early[0][1])
    late = club.drivers(1, marketing=True)
    assert await till.loyalty.turn_campaigns() == 0
    till.clock.advance(timedelta(days=1).total_seconds())
    assert await till.loyalty.turn_campaigns() == 1
    assert await till.loyalty.turn_campaigns() == 0
    begun = await club.find(campaign)
    assert (begun.state, begun.started_at, begun.members) == (State.RUNNING, till.clock.now(), 2)
    await till.work()
    told = till.rows("SELECT recipient FROM letters WHERE tenant_id = %s", club.tenant_id)
    # Who came meanwhile is not meant any more, and who joined meanwhile is.
    assert {each["recipient"] for each in told} == {f"{uid}@club.test" for _, uid in (early[1], late[0])}
    async with till.tenants.tenant(club.tenant_id) as conn:
        effect = await measure_effect(conn, club.tenant_id, campaign.campaign_id, till.clock.now())
    assert effect.start == till.clock.now()


async def test_one_whose_time_is_over_ends_as_of_then_and_makes_room_for_another(club: Club) -> None:
    till: Any = club.till
    ends = till.clock.now() + timedelta(hours=1)
    dated = [await club.campaign(amount=100, ends_at=ends, by_code=True) for _ in range(2)]
    till.rows(
        "INSERT INTO loyalty_campaigns (tenant_id, terms, by_code, state, seed, created_at, started_at, turns_at)"
        " SELECT tenant_id, terms, by_code, state, seed, created_at, started_at, turns_at FROM loyalty_campaigns"
        " CROSS JOIN generate_series(3, %s) WHERE campaign_id = %s", MAX_RUNNING, dated[0].campaign_id,
    )  # fmt: skip
    async with till.tenants.tenant(club.tenant_id) as conn:
        await service.pause_campaign(conn, till.actor, dated[1].campaign_id, till.clock.now())
    till.clock.advance(3600)
    while await till.loyalty.turn_campaigns():
        pass
    found = [await club.find(each) for each in dated]
    assert [(each.state, each.ended_at) for each in found] == [(State.ENDED, ends)] * 2
    club.drivers()
    assert (await club.campaign(amount=100)).state is State.RUNNING
    async with till.tenants.tenant(club.tenant_id) as conn:
        terms = Terms(name="Late", label="Late", currency="EUR", amount=1, ends_at=ends)
        made = await service.create_campaign(conn, till.actor, terms, till.clock.now())
        with pytest.raises(CampaignOver):
            await service.start_campaign(conn, till.actor, made.campaign_id, till.clock.now())


async def test_an_audience_is_whole_or_refused(club: Club, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "LOOKED_AT_ONCE", 2)
    monkeypatch.setattr(service, "MAX_AUDIENCE", 3)
    drivers = club.drivers(7)
    for _, uid in drivers[:4]:
        club.session(uid, ago=timedelta(days=1))
    rare = await club.campaign(amount=100, audience=Audience(max_sessions=0))
    assert rare.members == 3
    with pytest.raises(CampaignRefused, match="more closely"):
        await club.campaign(amount=100, audience=Audience(min_sessions=1))


async def test_whom_it_would_be_for_is_counted_before_it_begins_as_it_then_is(
    club: Club, monkeypatch: pytest.MonkeyPatch
) -> None:
    till: Any = club.till
    club.drivers(3, marketing=True)
    [charged, *_] = club.drivers(2)
    club.session(charged[1])
    campaign = await club.campaign(
        amount=100, starts_at=till.clock.now() + timedelta(days=1), audience=Audience(max_sessions=0)
    )
    monkeypatch.setattr(service, "LOOKED_AT_ONCE", 2)
    async with till.tenants.tenant(club.tenant_id) as conn:
        meant = await service.count_meant(conn, club.tenant_id, campaign.terms, till.clock.now())
        monkeypatch.setattr(service, "MAX_LOOKED_AT", 2)
        part = await service.count_meant(conn, club.tenant_id, campaign.terms, till.clock.now())
    assert (meant.drivers, meant.marketing, meant.is_whole) == (4, 3, True)
    assert (part.drivers, part.is_whole) == (2, False)
    assert (await club.find(campaign)).members == 0
    till.clock.advance(timedelta(days=1).total_seconds())
    assert await till.loyalty.turn_campaigns() == 1
    assert (await club.find(campaign)).members == meant.drivers


async def test_one_that_can_not_begin_at_its_time_is_a_draft_again_and_the_audit_says_why(
    club: Club, monkeypatch: pytest.MonkeyPatch
) -> None:
    till: Any = club.till
    club.drivers(3)
    ends = till.clock.now() + timedelta(days=3)
    campaign = await club.campaign(
        amount=100, starts_at=till.clock.now() + timedelta(days=1), ends_at=ends, audience=Audience(max_sessions=0)
    )
    monkeypatch.setattr(service, "MAX_AUDIENCE", 2)
    till.clock.advance(timedelta(days=1).total_seconds())
    assert await till.loyalty.turn_campaigns() == 0
    found = await club.find(campaign)
    assert (found.state, found.members) == (State.DRAFT, 0)
    audited = till.rows(
        "SELECT detail FROM audit WHERE tenant_id = %s AND action = 'put back campaign'", club.tenant_id
    )
    assert ["more closely" in str(each["detail"]) for each in audited] == [True]
    # Nothing is tried again, at the time of its end either, until somebody starts it.
    till.clock.advance(timedelta(days=3).total_seconds())
    [row] = till.rows("SELECT turns_at FROM loyalty_campaigns WHERE campaign_id = %s", campaign.campaign_id)
    assert row["turns_at"] is None


async def test_one_that_is_for_nobody_does_not_begin_and_says_so_until_its_terms_are_others(club: Club) -> None:
    till: Any = club.till
    club.drivers(1)
    nobody = Audience(min_sessions=1)
    with pytest.raises(CampaignUnbegun, match="for nobody"):
        await club.campaign(amount=100, audience=nobody)
    campaign = await club.campaign(amount=100, starts_at=till.clock.now() + timedelta(days=1), audience=nobody)
    till.clock.advance(timedelta(days=1).total_seconds())
    assert await till.loyalty.turn_campaigns() == 0
    found = await club.find(campaign)
    assert (found.state, found.unbegun, found.started_at) == (State.DRAFT, Unbegun.NOBODY, None)
    async with till.tenants.tenant(club.tenant_id) as conn:
        terms = replace(campaign.terms, audience=Audience())
        changed = await service.change_terms(conn, till.actor, campaign.campaign_id, terms)
        begun = await service.start_campaign(conn, till.actor, campaign.campaign_id, till.clock.now())
    assert (changed.unbegun, begun.state, begun.members) == (None, State.RUNNING, 1)


async def test_a_campaign_may_name_drivers_fleets_and_tariffs(club: Club) -> None:
    till: Any = club.till
    [(one, _), (two, _), (three, _)] = club.drivers(3)
    fleet = till.one(
        "INSERT INTO fleets (tenant_id, name, currency, zone, created_at, updated_at)"
        " VALUES (%s, 'Vans', 'EUR', 'Europe/Berlin', now(), now()) RETURNING fleet_id AS it", club.tenant_id,
    )  # fmt: skip
    till.rows(
        "INSERT INTO fleet_members (tenant_id, driver_id, fleet_id, joined_at) VALUES (%s, %s, %s, %s)",
        club.tenant_id, two, fleet, till.clock.now() - timedelta(days=9),
    )  # fmt: skip
    [tariff] = till.rows("SELECT tariff_id FROM tariffs WHERE tenant_id = %s", club.tenant_id)
    given: Any = {"amount": 50, "stacks": True}
    by_name = await club.campaign(**given, audience=Audience(drivers=frozenset({one})))
    by_fleet = await club.campaign(**given, audience=Audience(fleets=frozenset({fleet})))
    by_tariff = await club.campaign(**given, places=Places(tariffs=frozenset({tariff["tariff_id"]})))
    other = till.one(
        "INSERT INTO tariffs (tenant_id, name, created_at, created_by) VALUES (%s, 'Other', now(), 'test')"
        " RETURNING number AS it",
        club.tenant_id,
    )
    [other_tariff] = till.rows("SELECT tariff_id FROM tariffs WHERE number = %s", other)
    await club.campaign(**given, places=Places(tariffs=frozenset({other_tariff["tariff_id"]})))
    for driver, own in ((one, [by_name]), (two, [by_fleet]), (three, [])):
        offered = await club.promises.offered(club.tenant_id, till.station, 1, driver_id=driver)
        assert [each.campaign_id for each in offered] == [each.campaign_id for each in (*own, by_tariff)]


@pytest.mark.parametrize("where", [{"sites": frozenset({"yrad"})}, {"tariffs": frozenset({UUID(int=7)})}])
async def test_a_campaign_for_a_place_that_there_is_none_of_is_refused(club: Club, where: Any) -> None:
    """It would run and never fit, and nobody would know why."""
    [name] = where
    with pytest.raises(CampaignRefused, match="there is no") as refused:
        await club.campaign(amount=50, places=Places(**where))
    assert refused.value.context == {"field": name}
    made = await club.campaign(amount=50, starts_at=club.till.clock.now() + timedelta(days=1))
    assert made.state is State.SCHEDULED


async def test_a_campaign_that_fitted_nowhere_fits_nowhere_once_its_words_are_cut(club: Club) -> None:
    """Nothing said of places is all of them: what is left of words that nothing can be called must be one as well."""
    long = "x" * 101
    places = {
        "nowhere": {"sites": [""]}, "long": {"connector_types": [long]}, "both": {"sites": [long, "yard"]},
        "all": {"sites": [], "connector_types": []},
    }  # fmt: skip
    [(driver, _)] = club.drivers()
    made = {name: await club.campaign(amount=50, name=name) for name in places}
    for name, said in places.items():
        club.till.rows(
            "UPDATE loyalty_campaigns SET terms = jsonb_set(terms, '{places}', terms -> 'places' || %s::jsonb)"
            " WHERE tenant_id = %s AND campaign_id = %s",
            json.dumps(said), club.tenant_id, made[name].campaign_id,
        )  # fmt: skip
    migration = Path(forecourt.__file__).parent / "loyalty/migrations/loyalty.0014.sql"
    club.till.admin.execute(migration.read_text(encoding="utf-8").encode())
    there = {name: (await club.find(campaign)).terms.places for name, campaign in made.items()}
    assert (there["both"].sites, there["all"]) == (frozenset({"yard"}), Places())
    offered = await club.promises.offered(club.tenant_id, club.till.station, 1, driver_id=driver)
    assert [each.terms.name for each in offered] == ["both", "all"]
    # By words that may be said.
    for each in (there["nowhere"], there["long"]):
        assert msgspec.convert(msgspec.to_builtins(each), Places) == each
        assert each != Places()


async def test_a_campaign_that_is_chosen_among_many_drivers_begins_by_the_worker(
    club: Club, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody waits for an answer while half a million drivers are looked at."""
    monkeypatch.setattr(service, "CHOSEN_AT_ONCE", 3)
    club.drivers(3)
    at_once = await club.campaign(amount=50)
    assert (at_once.state, at_once.members) == (State.RUNNING, 3)
    [(named, _)] = club.drivers()
    by_worker = await club.campaign(amount=50, audience=Audience(max_sessions=0))
    assert (by_worker.state, by_worker.members, by_worker.started_at) == (State.SCHEDULED, 0, None)
    # Of a few that are named, and of vouchers, nobody is looked for.
    assert (await club.campaign(amount=50, audience=Audience(drivers=frozenset({named})))).state is State.RUNNING
    assert (await club.campaign(amount=50, codes=("MANY",))).state is State.RUNNING
    jobs: Any = club.till.loyalty
    assert await jobs.turn_campaigns() == 1
    begun = await club.find(by_worker)
    assert (begun.state, begun.members) == (State.RUNNING, 4)


async def test_what_drivers_did_while_it_was_paused_is_no_effect_of_it(club: Club) -> None:
    till: Any = club.till
    drivers = club.drivers(60)
    campaign = await club.campaign(amount=100, holdout_percent=Decimal(50))

    async def turn(verb: Any) -> None:
        async with till.tenants.tenant(club.tenant_id) as conn:
            await verb(conn, till.actor, campaign.campaign_id, till.clock.now())

    async def visits() -> tuple[float, float]:
        async with till.tenants.tenant(club.tenant_id) as conn:
            told = await measure_effect(conn, club.tenant_id, campaign.campaign_id, till.clock.now())
        [found] = [each for each in told.compared if each.measure.value == "visits"]
        return found.treated, found.held_out

    # The first hours count, the second were paused, and the third count again; so far the fourth are paused.
    turns = (service.pause_campaign, service.start_campaign, service.pause_campaign, None)
    for verb, counted in zip(turns, (1.0, 1.0, 2.0, 2.0), strict=True):
        till.clock.advance(2 * 3600)
        for number, (_, uid) in enumerate(drivers):
            club.session(uid, wh=9_000 + number)
        till.clock.advance(1)
        if verb is not None:
            await turn(verb)
        assert await visits() == (counted, counted)
