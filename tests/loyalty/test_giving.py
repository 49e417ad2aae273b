"""What campaigns take off sessions: to the cent on the bill and in the books, and never beyond their budget."""

import asyncio
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import pytest

from forecourt.loyalty import api, giving, service
from forecourt.loyalty.effect.service import measure_effect
from forecourt.loyalty.errors import AccountNeeded, CampaignRefused, VoucherUnknown, VoucherUsed
from forecourt.loyalty.model.terms import Audience, Places, QuietBy
from forecourt.loyalty.own import own_of
from forecourt.loyalty.store import uses as uses_store
from forecourt.payments.hosts.shares import follow, follow_given
from forecourt.payments.intents.beginning import Begin
from forecourt.payments.intents.errors import ConnectorTaken
from forecourt.payments.intents.model import State
from forecourt.payments.terminals.jobs import TerminalJobs
from forecourt.platform.money import Money
from forecourt.pricing.shown import Quote
from tests.loyalty.club import Club
from tests.payments.hosts import a_host, a_rule, rules
from tests.payments.till import RETURN

#: The books of 10 kWh that were given away whole: what was earned stands, and what was given against it.
GIVEN = {"revenue:energy": -500, "discounts:operator:energy": 500}


def euro(cents: int) -> Money:
    return Money(amount=cents, currency="EUR")


async def quoted(club: Club, **asked: Any) -> Quote:
    handler: Any = api.quote_with_campaigns.fn
    data = api.QuoteAsked(station=club.till.station, **asked)
    found: Quote = await handler(
        data=data, actor=club.till.actor, db=club.till.tenants, payments=club.till.payments, clock=club.till.clock
    )
    return found


async def paid_with(club: Club, code: str | None, *, wh: int, driver_id: int | None = None) -> tuple[UUID, str]:
    """A session that was begun with what is offered, paid by card and captured; its id and its payment."""
    till = club.till
    async with club.promises.kept(till.tenant_id, till.station, 1, driver_id=driver_id, code=code) as token:
        asked = Begin(station=till.station, evse=1, return_url=RETURN, token_uid=token, driver_id=driver_id)
        intent = await till.payments.begin(till.tenant_id, asked)
    assert intent.reference is not None
    await asyncio.to_thread(till.box.pay, intent.reference, "visa")
    await till.payments.returned(till.tenant_id, intent.intent_id)
    await till.work()
    session = till.plug_in(intent, wh=wh)
    await till.work()
    return session, str(intent.intent_id)


@pytest.mark.parametrize("host_bears", [False, True])
async def test_what_was_quoted_is_billed_posted_and_shared_and_counted_of_the_budget(
    club: Club, host_bears: bool
) -> None:
    till: Any = club.till
    [site] = [row["site_id"] for row in till.rows("SELECT site_id FROM sites WHERE tenant_id = %s", till.tenant_id)]
    host = await a_host(till)
    await rules(till, host, site, a_rule(energy=Decimal(70)), till.clock.now() - timedelta(days=1))
    campaign = await club.campaign(
        codes=("SPRING-26",), uses=1, percent=Decimal("15"), budget=1_000, host_bears=host_bears, most=1_000
    )
    # 10.15 kWh at 0.50, 19 % VAT: 5.075 before and 6.03925 with; 15 % off: 4.31375 and 5.1333625.
    quote = await quoted(club, energy_wh=10_150, voucher=" spring 26 ")
    assert (quote.rounded.excl_vat, quote.rounded.incl_vat) == (euro(431), euro(513))
    session, intent = await paid_with(club, "Spring26", wh=10_150)
    cost = await club.priced(session)
    assert (cost.final, cost.bill.rounded if cost.bill else None) == (True, quote.rounded)
    assert [(each.label, each.host_bears) for each in (cost.bill.discounts if cost.bill else [])] == [
        ("Thank you", host_bears)
    ]
    # 0.76125 before VAT were given: what was earned stands whole, and what was given against it.
    bearer = "host" if host_bears else "operator"
    assert till.balances() == {
        "psp_receivable:deployment": 513, "revenue:energy": -507, f"discounts:{bearer}:energy": 76,
        "vat_payable:DE:19": -82,
    }  # fmt: skip
    async with till.tenants.tenant(till.tenant_id) as conn:
        await follow(conn, till.tenant_id, intent, till.clock.now(), settled=True)
    # 70 % of what was left where the host bears it, else of all that was earned.
    assert -till.balances()[f"host_payable:{host.host_id}"] == (302 if host_bears else 355)
    assert club.uses() == [("bound", 1_000, None)]
    await till.loyalty.settle_due()
    await till.loyalty.settle_due()
    # 0.906 with VAT.
    assert club.uses() == [("settled", 1_000, 91)]
    found = await club.find(campaign)
    assert (found.spent, found.reserved, found.left) == (91, 0, 909)
    with pytest.raises(VoucherUsed):
        await quoted(club, energy_wh=1_000, voucher="SPRING26")
    # What is refunded goes back of both, and of the share.
    await till.payments.refund(till.actor, UUID(intent), None, "All of it")
    async with till.tenants.tenant(till.tenant_id) as conn:
        await follow(conn, till.tenant_id, intent, till.clock.now(), settled=True)
    assert {
        name: left for name, left in till.balances().items() if name.startswith(("rev", "disc", "host", "vat"))
    } == {}


async def test_what_is_given_away_whole_is_posted_and_shared_and_nothing_is_taken(club: Club) -> None:
    till: Any = club.till
    [site] = [row["site_id"] for row in till.rows("SELECT site_id FROM sites WHERE tenant_id = %s", till.tenant_id)]
    host = await a_host(till)
    await rules(till, host, site, a_rule(energy=Decimal(70)), till.clock.now() - timedelta(days=1))
    await club.campaign(codes=("FREE-26",), uses=1, percent=Decimal(100), most=10_000)
    session, intent = await paid_with(club, "FREE26", wh=10_000)
    await till.settle()
    [payment] = till.rows("SELECT state, billed_amount FROM payment_intents WHERE intent_id = %s", intent)
    assert (payment["state"], payment["billed_amount"], till.happened("capture")) == ("released", 0, [])
    assert till.balances() == GIVEN
    async with till.tenants.tenant(till.tenant_id) as conn:
        for _ in range(2):
            await follow_given(conn, till.tenant_id, session, till.clock.now())
    assert till.balances() == GIVEN | {"host_share": 350, f"host_payable:{host.host_id}": -350}


async def test_what_is_taken_by_hand_of_a_session_given_away_whole_is_in_the_books_as_nobodys(club: Club) -> None:
    till: Any = club.till
    await club.campaign(codes=("FREE-27",), uses=1, percent=Decimal(100), most=10_000)
    async with club.promises.kept(till.tenant_id, till.station, 1, code="FREE-27") as token:
        intent = await till.paid(token_uid=token)
    await till.work()
    till.plug_in(intent, wh=10_000)
    capture = till.box.client.v1.payment_intents.capture
    await asyncio.to_thread(capture, intent.reference, params={"amount_to_capture": 300})
    await till.work()
    await till.settle()
    taken = await till.find(intent)
    assert (taken.state, taken.captured_amount, taken.billed_amount) == (State.CAPTURED, 300, 0)
    assert till.balances() == GIVEN | {"psp_receivable:deployment": 300, "unmatched": -300}


async def test_a_fleets_session_given_away_whole_that_is_told_late_is_posted_once_and_owed_by_nobody(
    club: Club,
) -> None:
    till: Any = club.till
    [(driver, uid)] = club.drivers()
    fleet = till.one(
        "INSERT INTO fleets (tenant_id, name, currency, zone, created_at, updated_at)"
        " VALUES (%s, 'Vans', 'EUR', 'Europe/Berlin', now(), now()) RETURNING fleet_id AS it", till.tenant_id,
    )  # fmt: skip
    till.rows(
        "INSERT INTO fleet_members (tenant_id, driver_id, fleet_id, joined_at) VALUES (%s, %s, %s, %s)",
        till.tenant_id, driver, fleet, till.clock.now() - timedelta(days=9),
    )  # fmt: skip
    till.rows("UPDATE driver_accounts SET pays_by = 'fleet' WHERE driver_id = %s", driver)
    await club.campaign(percent=Decimal(100), most=10_000)
    till.clock.advance(3601)
    session = club.session(uid)
    await club.begun(session)
    assert (await club.priced(session)).final
    till.clock.advance(3 * 86_400)
    for _ in range(2):
        await till.contracts.priced(tenant_id=till.tenant_id, subject=str(session))
    assert till.balances() == GIVEN
    assert till.rows("SELECT FROM fleet_lines WHERE tenant_id = %s", till.tenant_id) == []
    assert till.rows("SELECT FROM payment_intents WHERE tenant_id = %s", till.tenant_id) == []


async def test_a_session_given_away_whole_that_a_terminal_settles_with_nothing_is_posted_once(club: Club) -> None:
    till: Any = club.till
    [(_, uid)] = club.drivers()
    await club.campaign(percent=Decimal(100), most=10_000)
    till.clock.advance(3601)
    session, settlement = club.session(uid), uuid4()
    await club.begun(session)
    till.rows(
        "INSERT INTO terminal_settlements (settlement_id, tenant_id, station_id, reference, status, amount, settled_at,"
        " heard_at) VALUES (%s, %s, %s, %s, 'Settled', 0, %s, now())",
        settlement, till.tenant_id, till.station_id, uid, till.clock.now(),
    )  # fmt: skip
    terminals = TerminalJobs(till.tenants, till.clock, till.prices)
    about = {"tenant_id": till.tenant_id, "subject": str(settlement)}
    # Before it has a price nothing is posted.
    await terminals.told(**about)
    assert till.balances() == {}
    await club.priced(session)
    for _ in range(2):
        await terminals.priced(tenant_id=till.tenant_id, subject=str(session))
        await terminals.told(**about)
    assert till.balances() == GIVEN
    [row] = till.rows("SELECT session_id, problem FROM terminal_settlements WHERE settlement_id = %s", settlement)
    assert (row["session_id"], row["problem"]) == (session, None)


async def test_a_budget_and_a_code_hold_however_many_ask_at_once(club: Club) -> None:
    campaign = await club.campaign(codes=("MANY",), uses=4, budget=1_000, most=300)
    other = await club.campaign(codes=("FEW",), uses=2, amount=100)

    async def one(code: str) -> bool:
        try:
            async with club.promises.kept(club.tenant_id, club.till.station, 1, code=code):
                return True
        except VoucherUsed:
            return False

    got = await asyncio.gather(*[one("MANY") for _ in range(12)], *[one("FEW") for _ in range(6)])
    # Three times 3.00 of 10.00, and two uses.
    assert (sum(got[:12]), sum(got[12:])) == (3, 2)
    assert ((await club.find(campaign)).reserved, (await club.find(other)).reserved) == (900, 200)
    # Nobody came: it is free again, the code too.
    club.till.clock.advance(2 * 3600)
    await club.till.loyalty.settle_due()
    assert ((await club.find(campaign)).reserved, (await club.find(campaign)).spent) == (0, 0)
    assert await one("FEW")


async def test_a_driver_of_an_audience_has_it_by_card_who_is_held_out_has_not_and_replays_give_nothing_twice(
    club: Club,
) -> None:
    drivers = club.drivers(30, marketing=True)
    [(outsider, outsiders)] = club.drivers()
    campaign = await club.campaign(
        amount=100,
        per_driver=1,
        holdout_percent=Decimal(50),
        audience=Audience(marketing=True),
        stacks=True,
        minimum=200,
    )
    assert campaign.members == 30
    assert 5 <= campaign.held_out <= 25
    treated = {
        row["driver_id"]: row["treated"]
        for row in club.till.rows("SELECT driver_id, treated FROM loyalty_members WHERE tenant_id = %s", club.tenant_id)
    }
    assert outsider not in treated
    has = next(uid for driver, uid in drivers if treated[driver])
    hasnt = next(uid for driver, uid in drivers if not treated[driver])
    club.till.clock.advance(3601)
    sessions = {uid: club.session(uid) for uid in (has, hasnt, outsiders)}
    for _ in range(2):
        for session in sessions.values():
            await club.begun(session)
    # 10 kWh at 0.595 with VAT, 1.00 off; a third session by the same driver has it no more.
    costs = {uid: (await club.priced(session)).incl_vat for uid, session in sessions.items()}
    assert costs == {has: euro(495), hasnt: euro(595), outsiders: euro(595)}
    assert (await club.priced(club.session(has))).incl_vat == euro(595)
    assert club.uses() == [("bound", 100, None)]
    # A session that is below the minimum: it counts, and takes nothing.
    small = next(uid for driver, uid in drivers if treated[driver] and uid != has)
    short = club.session(small, wh=3_000)
    assert (await club.priced(short)).incl_vat == euro(179)
    club.till.clock.advance(timedelta(days=4).total_seconds())
    await club.till.loyalty.settle_due()
    # What took nothing is no use: its part of the budget is free, and its driver may have it once more.
    assert sorted(club.uses(), key=str) == [("released", 100, None), ("settled", 100, 100)]
    found = await club.find(campaign)
    assert (found.spent, found.reserved) == (100, 0)
    assert (await club.priced(club.session(small))).incl_vat == euro(495)


async def test_what_is_broken_off_leaves_nothing_kept(club: Club) -> None:
    campaign = await club.campaign(codes=("ONCE",), uses=1, amount=100, budget=100)
    now = club.till.clock.now()
    with pytest.raises(RuntimeError):
        async with club.till.tenants.tenant(club.tenant_id) as conn:
            occasion = await uses_store.occasion_at(
                conn, club.tenant_id, club.till.station, 1, now, token_uid=str(uuid4())[:20]
            )
            assert occasion is not None
            assert len(await giving.promise(conn, club.tenant_id, occasion, "ONCE", now)) == 1
            raise RuntimeError("killed before the commit")
    assert (club.uses(), (await club.find(campaign)).reserved) == ([], 0)
    # A payment that is refused sets free what was promised to it.
    await club.till.paid()
    with pytest.raises(ConnectorTaken):
        async with club.promises.kept(club.tenant_id, club.till.station, 1, code="ONCE") as token:
            await club.till.begin(token_uid=token)
    assert (club.uses(), (await club.find(campaign)).reserved) == ([("released", 100, None)], 0)


async def test_a_driver_keeps_a_voucher_until_it_is_used_once(club: Club) -> None:
    [(driver, uid), (other, _)] = club.drivers(2)
    await club.campaign(codes=("GIFT",), uses=None, amount=150, per_driver=1, budget=300)
    tenant, now = club.tenant_id, club.till.clock.now()
    with pytest.raises(AccountNeeded):
        await club.promises.offered(tenant, club.till.station, 1, code="gift")
    async with club.till.tenants.tenant(tenant) as conn:
        for _ in range(2):
            await giving.enter(conn, tenant, driver, "gift", now)
        with pytest.raises(VoucherUnknown):
            await giving.enter(conn, tenant, driver, "nothing", now)
        await giving.enter(conn, tenant, other, "gift", now)
    assert [each[0] for each in club.uses()] == ["open", "open"]
    club.till.clock.advance(3601)
    assert (await club.priced(club.session(uid))).incl_vat == euro(445)
    assert (await club.priced(club.session(uid))).incl_vat == euro(595)
    async with club.till.tenants.tenant(tenant) as conn:
        with pytest.raises(VoucherUsed):
            await giving.enter(conn, tenant, driver, "gift", now)


async def test_a_campaign_in_another_currency_is_not_for_a_session_and_leaves_room_for_one_that_is(club: Club) -> None:
    [(driver, uid)] = club.drivers()
    await club.campaign(currency="SEK", amount=1_000, label="Kronor")
    await club.campaign(currency="SEK", amount=1_000, codes=("KRONOR",))
    euros = await club.campaign(amount=100, label="Euros")
    offered = await club.promises.offered(club.tenant_id, club.till.station, 1, driver_id=driver)
    assert [each.campaign_id for each in offered] == [euros.campaign_id]
    with pytest.raises(VoucherUnknown):
        await club.promises.offered(club.tenant_id, club.till.station, 1, driver_id=driver, code="kronor")
    club.till.clock.advance(3601)
    session = club.session(uid)
    await club.begun(session)
    assert (await club.priced(session)).incl_vat == euro(495)
    assert club.uses() == [("bound", 100, None)]


async def test_what_was_promised_before_its_voucher_ran_out_counts_for_who_plugs_in_after(club: Club) -> None:
    till: Any = club.till
    till.clock.set(till.clock.now().replace(minute=0, second=0, microsecond=0) + timedelta(hours=1))
    [(driver, _)], midnight = club.drivers(), till.clock.now() + timedelta(minutes=10)
    evening = frozenset({till.clock.now().astimezone(ZoneInfo("Europe/Berlin")).hour})
    campaign = await club.campaign(codes=("EVE",), amount=150, ends_at=midnight, places=Places(hours=evening))
    async with till.tenants.tenant(club.tenant_id) as conn:
        await giving.enter(conn, club.tenant_id, driver, "eve", till.clock.now())
    till.clock.advance(9 * 60)
    async with club.promises.kept(till.tenant_id, till.station, 1, driver_id=driver) as token:
        pass
    # It has run out, and it is another hour.
    till.clock.advance(3600 + 3 * 60)
    await till.loyalty.settle_due()
    assert [each[0] for each in club.uses()] == ["open"]
    session = club.session(token, ago=-timedelta(hours=1))
    await club.begun(session)
    assert [each[0] for each in club.uses()] == ["bound"]
    till.clock.advance(3600)
    assert (await club.priced(session)).incl_vat == euro(445)
    # One that nobody came for is given up when what was promised has passed, not before.
    assert (await club.find(campaign)).reserved == 150


async def test_quiet_hours_are_those_with_the_least_energy_when_it_starts(club: Club) -> None:
    [(_, uid)] = club.drivers()
    for hours in range(1, 23):
        club.session(uid, wh=1_000 * hours, ago=timedelta(days=1, hours=hours))
    campaign = await club.campaign(amount=100, places=Places(quiet_hours=3))
    by_hour = {
        row["hour"]: row["wh"]
        for row in club.till.rows(
            "SELECT extract(hour FROM started_at AT TIME ZONE 'Europe/Berlin')::int AS hour, sum(meter_stop_wh) AS wh"
            " FROM sessions WHERE tenant_id = %s GROUP BY 1",
            club.tenant_id,
        )
    }
    least = sorted(range(24), key=lambda hour: (by_hour.get(hour, 0), hour))[:3]
    assert campaign.hours == set(least)
    with pytest.raises(CampaignRefused, match="prices"):
        await club.campaign(amount=100, places=Places(quiet_hours=2, quiet_by=QuietBy.PRICE))
    # Each site's by its own market and clock: the hour that is dear at the one is cheap at the other.
    far = club.till.one(
        "INSERT INTO sites (tenant_id, slug, name, time_zone, country) VALUES (%s, 'far', 'Far', 'Asia/Tokyo', 'JP')"
        " RETURNING site_id AS it", club.tenant_id,
    )  # fmt: skip
    yard = club.till.one("SELECT site_id AS it FROM sites WHERE tenant_id = %s AND slug = 'yard'", club.tenant_id)
    midnight = club.till.clock.now().replace(hour=0, minute=0, second=0, microsecond=0)
    for site, zone, currency, cheapest in ((yard, "DE-LU", "EUR", 13), (far, "TOKYO", "JPY", 4)):
        club.till.rows(
            "INSERT INTO site_tariffs (site_id, tenant_id, tariff, changed_at, changed_by)"
            " VALUES (%s, %s, jsonb_build_object('currency', %s::text, 'price_zone', %s::text), now(), 'test')",
            site, club.tenant_id, currency, zone,
        )  # fmt: skip
        for hour in range(24):
            club.till.rows(
                "INSERT INTO signal_series VALUES (%s, 'price', %s, %s, 60, %s, %s, 'test', now())",
                club.tenant_id, zone, midnight + timedelta(hours=hour), abs(hour - cheapest) + 1, currency,
            )  # fmt: skip
    for slug, clock, cheap_hours in (("yard", "Europe/Berlin", (12, 13, 14)), ("far", "Asia/Tokyo", (3, 4, 5))):
        places = Places(sites=frozenset({slug}), quiet_hours=3, quiet_by=QuietBy.PRICE)
        cheap = await club.campaign(amount=100, places=places)
        local = [(midnight + timedelta(hours=each)).astimezone(ZoneInfo(clock)) for each in cheap_hours]
        assert cheap.hours == {each.hour for each in local}
    async with club.till.tenants.tenant(club.tenant_id) as conn:
        ended = await service.end_campaign(conn, club.till.actor, campaign.campaign_id, club.till.clock.now())
    assert ended.ended_at is not None


async def test_a_station_without_a_site_goes_by_the_clock_of_the_organisation_in_all_that_a_campaign_does(
    club: Club,
) -> None:
    till: Any = club.till
    till.rows("UPDATE organisations SET time_zone = 'Asia/Tokyo' WHERE tenant_id = %s", club.tenant_id)
    till.rows("UPDATE stations SET site_id = NULL WHERE station_id = %s", till.station_id)
    drivers = club.drivers(40)
    for _, uid in drivers[:24]:
        club.session(uid, wh=9_000, ago=timedelta(days=1))
    tokyo, busy = ZoneInfo("Asia/Tokyo"), till.clock.now() - timedelta(days=1, hours=1)
    quiet = await club.campaign(amount=100, places=Places(quiet_hours=23), holdout_percent=Decimal(50))
    assert set(range(24)) - quiet.hours == {busy.astimezone(tokyo).hour}
    # Tried at a quiet hour of Tokyo and at the busy one: the same hours count.
    till.clock.advance(timedelta(days=1).total_seconds())
    session = club.session(next(uid for driver, uid in drivers if _has(club, driver)))
    await club.begun(session)
    assert club.uses() == []
    for _, uid in drivers:
        club.session(uid, wh=8_000)
    till.clock.advance(1)
    async with till.tenants.tenant(club.tenant_id) as conn:
        told = await measure_effect(conn, club.tenant_id, quiet.campaign_id, till.clock.now())
    share = {each.measure.value: each for each in told.compared}["share_in_hours"]
    assert (share.treated, share.held_out) == (0.0, 0.0)


def _has(club: Club, driver: int) -> bool:
    return bool(
        club.till.rows(
            "SELECT 1 AS it FROM loyalty_members WHERE tenant_id = %s AND driver_id = %s AND treated",
            club.tenant_id,
            driver,
        )
    )


async def test_only_who_has_it_and_agreed_to_letters_is_told_and_once(club: Club) -> None:
    agreed, others = club.drivers(16, marketing=True), club.drivers(16)
    backed_out = agreed[0][0]
    club.till.rows(
        "INSERT INTO driver_consents (tenant_id, driver_id, kind, given, text_version, said_at)"
        " VALUES (%s, %s, 'marketing', false, '1', now())",
        club.tenant_id, backed_out,
    )  # fmt: skip
    campaign = await club.campaign(amount=150, announce=True, holdout_percent=Decimal(40))
    await club.till.work()
    async with club.till.tenants.tenant(club.tenant_id) as conn:
        for verb in (service.pause_campaign, service.start_campaign):
            await verb(conn, club.till.actor, campaign.campaign_id, club.till.clock.now())
    await club.till.work()
    treated = {
        row["driver_id"]
        for row in club.till.rows(
            "SELECT driver_id FROM loyalty_members WHERE tenant_id = %s AND treated", club.tenant_id
        )
    }
    letters = club.till.rows("SELECT recipient, subject, body FROM letters WHERE tenant_id = %s", club.tenant_id)
    meant = {f"{uid}@club.test" for driver, uid in agreed if driver in treated and driver != backed_out}
    assert sorted(each["recipient"] for each in letters) == sorted(meant)
    assert treated & {driver for driver, _ in others}
    assert "€1.50 off" in letters[0]["subject"]
    assert "/my/account" in letters[0]["body"]


async def test_of_a_kept_voucher_and_a_campaign_the_one_that_is_best_for_this_very_bill_counts(club: Club) -> None:
    [(driver, uid)] = club.drivers()
    tenant, till = club.tenant_id, club.till
    await club.campaign(percent=Decimal(15), most=300, label="Night")
    voucher = await club.campaign(codes=("OPEN-26",), amount=500, minimum=1_000, per_driver=1, label="Opening")
    asked: dict[str, Any] = {"driver": driver, "seconds": 135}
    # Below its least bill the voucher is not for it: 15 % of 5.95 are off, whether it is typed or kept.
    typed = await quoted(club, energy_wh=10_000, voucher="OPEN-26", **asked)
    assert ([each.label for each in typed.discounts], typed.rounded.incl_vat) == (["Night"], euro(506))
    async with till.tenants.tenant(tenant) as conn:
        await giving.enter(conn, tenant, driver, "open-26", till.clock.now())
    small = await quoted(club, energy_wh=10_000, **asked)
    large = await quoted(club, energy_wh=20_000, **asked)
    assert ([each.label for each in large.discounts], large.rounded.incl_vat) == (["Opening"], euro(690))
    assert small.rounded == typed.rounded
    till.clock.advance(3601)
    first = club.session(uid, wh=10_000)
    await club.begun(first)
    async with till.tenants.tenant(tenant) as conn:
        assert (await own_of(conn, tenant, driver, till.clock.now())).kept == []
    assert (await club.priced(first)).incl_vat == small.rounded.incl_vat
    # It was not for it, so it is there again at once, and counts for the next one that it is for.
    async with till.tenants.tenant(tenant) as conn:
        own = await own_of(conn, tenant, driver, till.clock.now())
        assert [each.campaign.campaign_id for each in own.kept] == [voucher.campaign_id]
        await giving.enter(conn, tenant, driver, "open-26", till.clock.now())
    # By the page, too: what is promised for a payment that is refused is kept by the driver again.
    with pytest.raises(ConnectorTaken):
        await till.paid()
        async with club.promises.kept(tenant, till.station, 1, driver_id=driver) as token:
            await till.begin(token_uid=token)
    second = club.session(uid, wh=20_000)
    await club.begun(second)
    assert (await club.priced(second)).incl_vat == large.rounded.incl_vat
    # The first is priced again: what it had stays, what went elsewhere does too.
    assert (await club.priced(first)).incl_vat == small.rounded.incl_vat
    async with till.tenants.tenant(tenant) as conn:
        assert (await own_of(conn, tenant, driver, till.clock.now())).kept == []
    till.clock.advance(timedelta(days=4).total_seconds())
    await till.loyalty.settle_due()
    assert ((await club.find(voucher)).spent, (await club.find(voucher)).reserved) == (500, 0)
    assert sorted(club.uses(), key=str)[-2:] == [("settled", 300, 89), ("settled", 500, 500)]


async def test_a_kept_voucher_that_was_not_used_stays_kept_when_its_session_is_settled(club: Club) -> None:
    [(driver, uid)] = club.drivers()
    tenant, till = club.tenant_id, club.till
    voucher = await club.campaign(codes=("LATER",), uses=1, amount=500, minimum=1_000, budget=500)
    async with till.tenants.tenant(tenant) as conn:
        await giving.enter(conn, tenant, driver, "later", till.clock.now())
    till.clock.advance(3601)
    session = club.session(uid, wh=10_000)
    await club.begun(session)
    assert (await club.priced(session)).incl_vat == euro(595)
    till.clock.advance(timedelta(days=4).total_seconds())
    await till.loyalty.settle_due()
    assert club.uses() == [("open", 500, None)]
    assert (await club.find(voucher)).reserved == 500
    async with till.tenants.tenant(tenant) as conn:
        assert len((await own_of(conn, tenant, driver, till.clock.now())).kept) == 1
    assert (await club.priced(club.session(uid, wh=20_000))).incl_vat == euro(690)
    assert club.uses() == [("bound", 500, None)]


async def test_a_driver_who_enters_a_code_again_while_he_charges_keeps_one_of_it_and_nothing_of_the_budget_is_lost(
    club: Club,
) -> None:
    [(driver, uid)] = club.drivers()
    tenant, till = club.tenant_id, club.till
    voucher = await club.campaign(codes=("TWICE",), amount=500, minimum=1_000)

    async def entered() -> None:
        async with till.tenants.tenant(tenant) as conn:
            await giving.enter(conn, tenant, driver, "twice", till.clock.now())

    await entered()
    till.clock.advance(3601)
    session = club.session(uid, wh=10_000)
    await club.begun(session)
    await entered()
    assert (await club.priced(session)).incl_vat == euro(595)
    async with till.tenants.tenant(tenant) as conn:
        assert len((await own_of(conn, tenant, driver, till.clock.now())).kept) == 1
    async with club.promises.kept(tenant, till.station, 1, driver_id=driver):
        pass
    till.clock.advance(timedelta(days=4).total_seconds())
    await till.loyalty.settle_due()
    assert sorted(club.uses()) == [("open", 500, None), ("released", 500, None)]
    assert (await club.find(voucher)).reserved == 500


async def test_a_voucher_comes_back_until_it_has_run_out_and_a_late_word_still_finds_it(club: Club) -> None:
    [(driver, uid)] = club.drivers()
    tenant, till = club.tenant_id, club.till
    await club.campaign(codes=("LATE",), amount=500, minimum=1_000)
    async with till.tenants.tenant(tenant) as conn:
        await giving.enter(conn, tenant, driver, "late", till.clock.now())
    till.clock.advance(3601)
    session = club.session(uid, wh=10_000)
    await club.begun(session)
    assert (await club.priced(session)).incl_vat == euro(595)
    till.rows("UPDATE sessions SET meter_stop_wh = 20000 WHERE session_id = %s", session)
    assert (await club.priced(session)).incl_vat == euro(690)
    async with till.tenants.tenant(tenant) as conn:
        assert (await own_of(conn, tenant, driver, till.clock.now())).kept == []
    till.rows("UPDATE sessions SET meter_stop_wh = 10000 WHERE session_id = %s", session)
    assert (await club.priced(session)).incl_vat == euro(595)
    till.clock.advance(timedelta(days=91).total_seconds())
    async with till.tenants.tenant(tenant) as conn:
        assert (await own_of(conn, tenant, driver, till.clock.now())).kept == []
    await till.loyalty.settle_due()
    assert club.uses() == [("released", 500, None)]


async def test_a_campaign_that_a_voucher_was_better_than_is_there_for_the_next_session_and_no_more_often(
    club: Club,
) -> None:
    [(driver, uid)] = club.drivers()
    tenant, till = club.tenant_id, club.till
    once = await club.campaign(amount=100, per_driver=1)
    await club.campaign(codes=("BETTER",), amount=500)
    async with till.tenants.tenant(tenant) as conn:
        await giving.enter(conn, tenant, driver, "better", till.clock.now())
    till.clock.advance(3601)
    first = club.session(uid)
    assert (await club.priced(first)).incl_vat == euro(95)
    # Promised to who pays and doesn't come after all, it is free; nobody is given it twice.
    for _ in range(2):
        async with club.promises.kept(tenant, till.station, 1, driver_id=driver):
            assert (await club.priced(club.session(uid))).incl_vat == euro(595)
        till.clock.advance(2 * 3600)
        await till.loyalty.settle_due()
    second = club.session(uid)
    assert (await club.priced(second)).incl_vat == euro(495)
    assert (await club.priced(first)).incl_vat == euro(95)
    assert (await club.priced(club.session(uid))).incl_vat == euro(595)
    till.clock.advance(timedelta(days=4).total_seconds())
    await till.loyalty.settle_due()
    assert ((await club.find(once)).spent, (await club.find(once)).reserved) == (100, 0)
