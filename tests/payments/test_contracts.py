"""Drivers hold their own token to a station over a real socket, and their account pays: by a saved card at the sandbox
provider, from the wallet, on a fleet's account, or not at all."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from forecourt.access.model import Origin
from forecourt.driver.account.store import forget_uids
from forecourt.drivers.accounts.service import detach_token
from forecourt.drivers.autocharge.model import CarUnknown
from forecourt.drivers.autocharge.service import enrol
from forecourt.drivers.model import TokenUnknown, uid_key
from forecourt.drivers.service import delete_token
from forecourt.drivers.store import update_token
from forecourt.payments.contracts.store import hold
from forecourt.payments.ledger.model import Entry, Kind, Leg
from forecourt.payments.ledger.service import post
from forecourt.pricing import service as pricing
from forecourt.pricing.assigning import Scope
from forecourt.pricing.model import Dimension, Element, PriceComponent, Tariff
from tests.ground import Ground
from tests.payments.lot import UID, VERSIONS, Lot, a_lot, ago
from tests.sandbox import Sandbox
from tests.support import WAIT_S

WAITING = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
SOLD = {"revenue:energy": -500, "vat_payable:ZZ:19": -95}


@pytest_asyncio.fixture
async def lot(ground: Ground, box: Sandbox, tmp_path: Path) -> AsyncIterator[Lot]:
    async with a_lot(ground, box, tmp_path) as made:
        yield made


def refused(version: str) -> str:
    """How a version says that somebody can't pay."""
    return "Blocked" if version == "ocpp1.6" else "NoCredit"


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_saved_card_pays_for_a_session_that_a_drivers_own_card_began(lot: Lot, version: str) -> None:
    driver = lot.driver()
    await lot.card(driver)
    async with lot.station(version) as station:
        assert await station.authorize() == "Accepted"
        assert await station.begin() == "Accepted"
        assert await lot.at_work(station) == []
        [held] = lot.intents()
        assert (held["method"], held["state"], held["payer"]) == ("saved", "authorised", f"driver:{driver}")
        # 40 kWh at 0.595.
        assert (held["hold_amount"], held["authorised_amount"]) == (2500, 2500)
        # What runs is held once, however often it is told of.
        lot.run("INSERT INTO outbox (event, subject, tenant_id) SELECT 'session.started', session_id::text, tenant_id"
                " FROM sessions")  # fmt: skip
        await station.measure(4_000)
        await lot.at_work(station)
        assert len(lot.intents()) == 1
        await station.end(10_000)
        await lot.at_work(station)
    [paid] = lot.intents()
    assert (paid["state"], paid["captured_amount"], paid["session_id"]) == (
        "captured", 595, lot.one("SELECT session_id FROM sessions"),
    )  # fmt: skip
    assert [row["amount"] for row in lot.box.ledger(lot.box.account) if row["what"] == "capture"] == [595]
    assert lot.balances() == {"psp_receivable:deployment": 595, **SOLD}
    [(to, subject, body)] = lot.letters()
    assert (to, "€5.95" in subject) == (f"{UID.lower()}@example.com", True)
    assert "10 kWh" in body


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_declined_card_stops_the_session_and_what_was_used_is_owed_and_keeps_out(
    lot: Lot, version: str
) -> None:
    driver = lot.driver()
    await lot.card(driver, "pm_card_chargeCustomerFail")
    async with lot.station(version) as station:
        assert await station.begin() == "Accepted"
        assert await lot.at_work(station) == [station.transaction]
        [intent] = lot.intents()
        assert (intent["state"], intent["authorised_amount"], intent["owed_amount"]) == ("failed", 0, 0)
        [(_, subject, body)] = lot.letters()
        assert "was stopped" in subject
        assert "saved card was declined" in body
        await station.end(1_000)
        # The card is asked once more for what was used, before that is owed.
        await lot.at_work(station)
        [intent] = lot.intents()
        assert (intent["state"], intent["owed_amount"], intent["captured_amount"]) == ("failed", 60, 0)
        assert {subject for _, subject, _ in lot.letters()} == {
            "Your session with Org was stopped", "Your session with Org is not paid yet",
        }  # fmt: skip
        assert lot.balances()["driver_receivable"] == 60
        # The event comes again, and the driver is told nothing twice.
        lot.run("INSERT INTO outbox (event, subject, tenant_id) SELECT 'payment.failed', intent_id::text, tenant_id"
                " FROM payment_intents")  # fmt: skip
        await lot.at_work(station)
        assert len(lot.letters()) == 2
        assert await station.authorize() == refused(version)
        assert await station.begin(transaction="tx-2", minutes_ago=1) == refused(version)
        lot.run("UPDATE payment_intents SET owed_amount = 0")
        assert await station.authorize() == "Accepted"


async def test_a_session_that_a_refused_driver_began_offline_is_stopped_and_charged_all_the_same(lot: Lot) -> None:
    driver = lot.driver()
    await lot.card(driver)
    lot.run("UPDATE driver_accounts SET state = 'blocked'")
    async with lot.station("ocpp1.6") as station:
        assert await station.authorize() == "Blocked"
        assert await station.begin() == "Blocked"
        assert await lot.at_work(station) == [station.transaction]
        await station.end(2_000)
        await lot.at_work(station)
    [intent] = lot.intents()
    assert (intent["state"], intent["owed_amount"], intent["payer"]) == ("failed", 119, f"driver:{driver}")
    assert lot.box.ledger(lot.box.account) == []


async def fee_once(lot: Lot) -> None:
    """From now on each session costs 1.00 and its tax, whatever it takes."""
    once = PriceComponent(type=Dimension.FLAT, price=Decimal(1), vat=Decimal(19))
    tariff = Tariff(id="", currency="EUR", elements=(Element(price_components=(once,)),))
    before = lot.clock.now() - timedelta(days=1)
    async with lot.tenants.tenant(lot.tenant_id) as conn:
        made = await pricing.create_tariff(conn, lot.actor, "Once", tariff, before)
        await pricing.assign_tariff(conn, lot.actor, made.tariff_id, Scope(), before)


@pytest.mark.parametrize(
    ("version", "worked"), [("ocpp1.6", True), ("ocpp1.6", False), ("ocpp2.0.1", True)]
)  # fmt: skip
async def test_a_session_that_was_refused_and_got_nothing_is_owed_by_nobody(
    lot: Lot, version: str, worked: bool
) -> None:
    lot.driver()
    await fee_once(lot)
    async with lot.station(version) as station:
        assert await station.begin(minutes_ago=1) == refused(version)
        if worked:
            assert await lot.at_work(station) == [station.transaction]
        await station.end(0)
        await lot.at_work(station)
        assert lot.one("SELECT incl_minor FROM session_costs") == 119
        assert [(each["state"], each["owed_amount"]) for each in lot.intents()] == [("failed", 0)] * worked
        assert lot.balances() == {}
        assert [subject for _, subject, _ in lot.letters() if "not paid" in subject] == []
        # What was delivered all the same is owed, with the fee.
        assert await station.begin(transaction="tx-2", minutes_ago=0.5) == refused(version)
        await lot.at_work(station)
        await station.end(1_000, minutes_ago=0)
        await lot.at_work(station)
    assert lot.intents()[-1]["owed_amount"] == 119


async def test_a_declined_card_whose_session_is_stopped_before_anything_flows_owes_nothing(lot: Lot) -> None:
    driver = lot.driver()
    await fee_once(lot)
    await lot.card(driver, "pm_card_chargeCustomerFail")
    async with lot.station("ocpp1.6") as station:
        assert await station.begin(minutes_ago=1) == "Accepted"
        assert await lot.at_work(station) == [station.transaction]
        await station.end(0)
        await lot.at_work(station)
    assert [(each["state"], each["owed_amount"]) for each in lot.intents()] == [("failed", 0)]
    assert lot.balances() == {}


async def test_nobody_pays_for_a_card_that_was_lost(lot: Lot) -> None:
    driver = lot.driver()
    await lot.card(driver)
    lot.run("UPDATE tokens SET status = 'blocked'")
    lot.run("UPDATE tokens SET barred_at = now() - interval '2 hours'")
    async with lot.station("ocpp2.0.1") as station:
        assert await station.begin() == "Blocked"
        await station.end(2_000)
        await lot.at_work(station)
    assert lot.intents() == []


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_card_that_its_driver_gives_up_starts_nothing_and_one_that_an_operator_takes_off_goes_on(
    lot: Lot, version: str
) -> None:
    driver, other = lot.driver(), lot.driver("0B")
    await lot.card(driver)
    await lot.card(other)
    async with lot.station(version) as station:
        assert (await station.authorize(), await station.authorize("0B")) == ("Accepted", "Accepted")
        await lot.members().detach(await lot.account(driver), UID.lower(), Origin())
        async with lot.tenants.tenant(lot.tenant_id) as conn:
            await detach_token(conn, lot.actor, other, "0b")
        assert (await station.authorize(), await station.authorize("0B")) == ("Blocked", "Accepted")
        assert await station.begin(minutes_ago=0) == "Blocked"
    with pytest.raises(TokenUnknown):
        await lot.members().detach(await lot.account(driver), UID, Origin())
    # A card that was lost, or ran out, stays what it was.
    third = lot.driver("0C")
    lot.run("UPDATE tokens SET status = 'no_credit' WHERE uid = '0C'")
    await lot.members().detach(await lot.account(third), "0C", Origin())
    assert lot.one("SELECT status FROM tokens WHERE uid = '0C'") == "no_credit"


async def test_a_car_that_is_given_up_as_a_card_is_forgotten_in_all_its_forms(lot: Lot) -> None:
    driver, car = lot.driver(), "00:11:22:AA:BB:CC"
    lot.run("INSERT INTO driver_rules VALUES (%s, false, true, now())", lot.tenant_id)
    async with lot.station("ocpp2.0.1") as station:
        async with lot.tenants.tenant(lot.tenant_id) as conn:
            await enrol(conn, lot.actor, driver, car, "Blue", lot.clock.now(), by="operator")
        assert await station.authorize(car, "MacAddress") == "Accepted"
        await lot.members().detach(await lot.account(driver), car, Origin())
        # Nothing of it is left that would be good once cars start nothing here.
        lot.run("UPDATE driver_rules SET autocharge = false")
        assert await station.authorize(car, "MacAddress") == "Invalid"
        assert await station.authorize("001122AABBCC", "MacAddress") == "Invalid"
    assert lot.one("SELECT count(*) FROM tokens WHERE type = 'MacAddress'") == 0
    assert lot.one("SELECT count(*) FROM driver_tokens") == 1


async def off(lot: Lot, driver: int, how: str) -> None:
    """The driver's card is theirs no more, or good no more."""
    async with lot.tenants.tenant(lot.tenant_id) as conn:
        if how == "taken off":
            await detach_token(conn, lot.actor, driver, UID)
        elif how == "deleted":
            await delete_token(conn, lot.actor, UID)
        elif how == "blocked":
            await update_token(conn, lot.tenant_id, uid_key(UID), {"status": "blocked"})
    if how == "given up":
        await lot.members().detach(await lot.account(driver), UID, Origin())


GOES = ("given up", "taken off", "deleted", "blocked")


@pytest.mark.parametrize("how", GOES)
async def test_whoever_had_the_card_when_a_session_began_pays_however_late_that_is_looked_at(
    lot: Lot, how: str
) -> None:
    driver, other = lot.driver(), lot.driver("0B")
    await lot.card(driver)
    async with lot.station("ocpp2.0.1") as station:
        # By a clock that is two minutes ahead.
        assert await station.begin(minutes_ago=-2) == "Accepted"
        await off(lot, driver, how)
        if how == "taken off":
            lot.run(
                "INSERT INTO driver_tokens VALUES (%s, lower(%s), %s, now(), 'operator')", lot.tenant_id, UID, other
            )
        await lot.at_work(station)
        [held] = lot.intents()
        assert (held["state"], held["driver_id"], held["payer"]) == ("authorised", driver, f"driver:{driver}")
        await station.end(10_000, minutes_ago=-3)
        lot.clock.advance(300)
        await lot.at_work(station)
    [paid] = lot.intents()
    assert (paid["state"], paid["captured_amount"]) == ("captured", 595)


@pytest.mark.parametrize("how", GOES)
async def test_what_a_station_tells_late_is_paid_by_whoever_had_the_card_then_and_by_nobody_after(
    lot: Lot, how: str
) -> None:
    driver = lot.driver()
    await lot.card(driver)
    await off(lot, driver, how)
    async with lot.station("ocpp1.6") as station:
        # It was offline when the card was good, and the session is over by now.
        await station.begin(minutes_ago=60)
        await station.end(10_000, minutes_ago=30)
        await lot.at_work(station)
        [paid] = lot.intents()
        assert (paid["state"], paid["captured_amount"], paid["driver_id"]) == ("captured", 595, driver)
        await station.begin(minutes_ago=-1, transaction="tx-2")
        await station.end(1_000, minutes_ago=-2)
        lot.clock.advance(300)
        await lot.at_work(station)
    assert len(lot.intents()) == 1


async def test_a_membership_counts_for_a_session_that_is_priced_after_the_card_was_taken_off(lot: Lot) -> None:
    driver = lot.driver()
    await lot.card(driver)
    lot.run(
        "WITH plan AS (INSERT INTO subscription_plans (tenant_id, name, title, currency, month_fee, created_at)"
        " VALUES (%s, 'gold', 'Gold', 'EUR', 0, now()) RETURNING plan_id, tenant_id)"
        " INSERT INTO subscriptions (tenant_id, driver_id, plan_id, began_at)"
        " SELECT tenant_id, %s, plan_id, now() - interval '2 days' FROM plan",
        lot.tenant_id, driver,
    )  # fmt: skip
    await lot.priced("0.25", Scope(subscription="gold"))
    async with lot.station("ocpp2.0.1") as station:
        await station.begin()
        await off(lot, driver, "given up")
        await station.end(10_000)
        await lot.at_work(station)
    assert lot.intents()[0]["captured_amount"] == 298


async def test_a_session_that_had_no_price_when_it_began_is_paid_for_once_it_has_one(lot: Lot) -> None:
    driver = lot.driver()
    await lot.card(driver)
    lot.run("DELETE FROM outbox")
    async with lot.station("ocpp2.0.1") as station:
        await station.begin()
        # That it began is lost, or was looked at while nothing had a price.
        lot.run("DELETE FROM outbox")
        await station.end(10_000)
        await lot.at_work(station)
        [paid] = lot.intents()
        assert (paid["state"], paid["captured_amount"], paid["driver_id"]) == ("captured", 595, driver)
        # What was heard of long ago and is priced anew was never to be paid by itself.
        await station.begin(transaction="tx-2", minutes_ago=20)
        lot.run("DELETE FROM outbox")
        lot.run("UPDATE sessions SET start_arrived_at = now() - interval '8 days' WHERE number ="
                " (SELECT max(number) FROM sessions)")  # fmt: skip
        await station.end(1_000)
        await lot.at_work(station)
    assert len(lot.intents()) == 1


async def test_an_erased_driver_leaves_no_word_of_which_cards_were_theirs(lot: Lot) -> None:
    driver = lot.driver()
    await off(lot, driver, "given up")
    assert lot.one("SELECT driver_id FROM driver_tokens_past WHERE uid_key = lower(%s)", UID) == driver
    async with lot.tenants.tenant(lot.tenant_id) as conn:
        await forget_uids(conn, lot.tenant_id, driver, [])
    assert lot.one("SELECT count(*) FROM driver_tokens_past") == 0


@pytest.mark.parametrize("version", VERSIONS)
async def test_an_account_that_pays_by_nothing_starts_nothing_unless_that_is_all_right_here(
    lot: Lot, version: str
) -> None:
    lot.driver()
    lot.rig.token("NOBODYS")
    async with lot.station(version) as station:
        assert await station.authorize() == refused(version)
        assert await station.begin() == refused(version)
        assert await station.authorize("NOBODYS") == "Accepted"
        lot.run("INSERT INTO driver_rules VALUES (%s, false, false, now())", lot.tenant_id)
        assert await station.authorize() == "Accepted"
        await lot.at_work(station)
        assert lot.intents() == []


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_wallet_pays_as_far_as_it_goes_and_an_empty_one_starts_nothing(lot: Lot, version: str) -> None:
    driver = lot.driver()
    await lot.fill_wallet(driver, 99)
    async with lot.station(version) as station:
        assert await station.authorize() == refused(version)
        await lot.fill_wallet(driver, 501, key="second")
        assert await station.authorize() == "Accepted"
        assert await station.begin() == "Accepted"
        await lot.at_work(station)
        [intent] = lot.intents()
        assert (intent["method"], intent["state"], intent["authorised_amount"]) == ("wallet", "authorised", 600)
        # All of it is held, and yet the token may end its own session.
        assert await station.authorize() == "Accepted"
        await station.measure(10_000)
        assert await lot.at_work(station, seconds=31) == [station.transaction]
        await station.end(11_000)
        await lot.at_work(station)
        [intent] = lot.intents()
        # 6.55, of which no more is taken than there was.
        assert (intent["state"], intent["captured_amount"]) == ("captured", 600)
        assert lot.one("SELECT incl_minor FROM session_costs") == 600
        assert f"wallet:{driver}" not in lot.balances()
        assert await station.authorize() == refused(version)


async def test_a_fleets_limits_for_a_session_and_a_month_hold(lot: Lot) -> None:
    first, second = lot.driver(), lot.driver("0B")
    fleet = lot.fleet(first, second, session=300, month=500)
    async with lot.station("ocpp2.0.1") as station:
        assert await station.begin() == "Accepted"
        await lot.at_work(station)
        [intent] = lot.intents()
        assert (intent["method"], intent["payer"], intent["authorised_amount"]) == ("invoice", f"fleet:{fleet}", 300)
        await station.measure(5_000)
        # 2.98 so far: it may reach 3.00 before the next look but one.
        assert await lot.at_work(station, seconds=31) == [station.transaction]
        await station.end(6_000)
        await lot.at_work(station)
        assert lot.intents()[0]["captured_amount"] == 300
        # 2.00 of the month are left, of which the other driver holds all.
        assert await station.begin("0B", transaction="tx-2", minutes_ago=20) == "Accepted"
        await lot.at_work(station)
        assert lot.intents()[1]["authorised_amount"] == 200
        assert await station.authorize() == "NoCredit"
        assert await station.authorize("0B") == "Accepted"
        await station.end(1_000)
        await lot.at_work(station)
        assert lot.intents()[1]["captured_amount"] == 60
        assert await station.authorize() == "Accepted"
        lot.run("UPDATE fleet_members SET month_limit = 300 WHERE driver_id = %s", first)
        assert (await station.authorize(), await station.authorize("0B")) == ("NoCredit", "Accepted")
    assert lot.balances()[f"fleet_receivable:{fleet}"] == 360
    spent = lot.rig.rows("SELECT driver_id, amount FROM fleet_sessions ORDER BY amount")
    assert spent == [(second, 60), (first, 300)]


async def test_what_a_fleet_is_refused_for_stands_on_its_account_and_keeps_nobody_out(lot: Lot) -> None:
    driver = lot.driver()
    fleet = lot.fleet(driver, month=1)
    async with lot.station("ocpp1.6") as station:
        # The least hold is five times what is left, so it is declined once energy flows.
        assert await station.begin() == "Accepted"
        assert await lot.at_work(station) == [station.transaction]
        assert "limit" in str(lot.intents()[0]["reason"])
        await station.end(1_000)
        await lot.at_work(station)
        [intent] = lot.intents()
        assert (intent["state"], intent["captured_amount"], intent["owed_amount"]) == ("captured", 60, 0)
        assert lot.balances()[f"fleet_receivable:{fleet}"] == 60
        assert await station.authorize() == "Blocked"


@pytest.mark.parametrize("first", ["priced", "begun", "noted"])
async def test_a_session_that_arrives_whole_is_on_its_fleets_account_once_whoever_comes_first(
    lot: Lot, first: str
) -> None:
    fleet = lot.fleet(lot.driver(), month=5_000)
    async with lot.station("ocpp2.0.1") as station:
        await station.begin()
        await station.end(10_000)
    session = lot.one("SELECT session_id FROM sessions")
    await lot.jobs.costing.price(tenant_id=lot.tenant_id, subject=str(session))
    lot.run("DELETE FROM outbox")
    ways = {"priced": lot.jobs.contracts.priced, "begun": lot.jobs.contracts.begun, "noted": lot.jobs.accounts.priced}
    about: dict[str, Any] = {"tenant_id": lot.tenant_id, "subject": str(session)}
    # Both who make payments come at once, and wait for each other in this order; the month is told of before or after.
    if first == "noted":
        await ways["noted"](**about)
    running = []
    async with lot.tenants.tenant(lot.tenant_id) as conn:
        await hold(conn, session)
        for number, way in enumerate(sorted(("priced", "begun"), key=lambda each: each != first), 1):
            running.append(asyncio.create_task(ways[way](**about)))
            async with asyncio.timeout(WAIT_S):
                while lot.one(WAITING) < number:
                    await asyncio.sleep(0)
    await asyncio.gather(*running)
    await ways["noted"](**about)
    lot.run("INSERT INTO outbox (event, subject, tenant_id) SELECT event, %s, %s FROM unnest(%s::text[]) event",
            str(session), lot.tenant_id, ["session.started", "session.priced"])  # fmt: skip
    async with lot.station("ocpp2.0.1") as station:
        for _ in range(2):
            await lot.at_work(station, seconds=120)
    made = [(each["method"], each["state"], each["captured_amount"]) for each in lot.intents()]
    assert made == [("invoice", "captured", 595)]
    assert lot.balances() == {f"fleet_receivable:{fleet}": 595, **SOLD}
    assert lot.rig.rows("SELECT amount, over_limit FROM fleet_lines") == [(595, False)]
    assert lot.one("SELECT count(*) FROM payment_book_holds") == 0
    left = "SELECT payments_fleet_left(tenant_id, fleet_id, NULL, now()) FROM fleets WHERE fleet_id = %s"
    assert lot.one(left, fleet) == 5_000 - 595
    assert [subject for _, subject, _ in lot.letters() if "limit" in subject] == []


@pytest.mark.parametrize("limit", ["session", "month", "blocked", "closed"])
async def test_a_session_that_arrives_whole_above_a_limit_is_billed_whole_marked_and_told_once(
    lot: Lot, limit: str
) -> None:
    driver = lot.driver()
    above = limit in ("session", "month")
    fleet = lot.fleet(driver, **({limit: 500} if above else {}))
    lot.run("UPDATE fleets SET email = 'vans@example.com'")
    async with lot.station("ocpp1.6") as station:
        # It was offline: nobody could hold, slow or stop anything.
        await station.begin(minutes_ago=90)
        await station.end(10_000, minutes_ago=30)
        if limit == "blocked":
            lot.run("UPDATE driver_accounts SET state = 'blocked'")
        if limit == "closed":
            lot.run("UPDATE fleets SET active = false")
        await lot.at_work(station)
        for event in ("session.started", "session.priced"):
            lot.run("INSERT INTO outbox (event, subject, tenant_id) SELECT %s, session_id::text, tenant_id"
                    " FROM sessions", event)  # fmt: skip
        await lot.at_work(station, seconds=120)
    [intent] = lot.intents()
    assert (intent["state"], intent["captured_amount"], intent["owed_amount"]) == ("captured", 595, 0)
    assert lot.rig.rows("SELECT amount, over_limit FROM fleet_lines") == [(595, above)]
    assert lot.balances() == {f"fleet_receivable:{fleet}": 595, **SOLD}
    told = [(to, subject) for to, subject, _ in lot.letters() if "limit" in subject]
    assert told == ([("vans@example.com", "Vans: a session above its limit")] if above else [])
    story = [kind for (kind,) in lot.rig.rows("SELECT kind FROM payment_steps ORDER BY step_id")]
    assert story == ["delivered", *(["over_limit"] if above else []), "captured"]


async def test_a_token_that_a_session_names_later_puts_it_on_the_fleets_account(lot: Lot) -> None:
    fleet = lot.fleet(lot.driver(), month=5_000)
    async with lot.station("ocpp2.0.1") as station:
        await station._event("Started", 60, 0, evse={"id": 1, "connectorId": 1})
        assert await lot.at_work(station) == []
        assert lot.intents() == []
        await station._event("Updated", 50, 0, idToken={"idToken": UID, "type": "ISO14443"})
        await station.measure(4_000)
        await lot.at_work(station)
        await station.end(10_000)
        await lot.at_work(station)
        await lot.at_work(station, seconds=120)
    [intent] = lot.intents()
    assert (intent["method"], intent["state"], intent["captured_amount"]) == ("invoice", "captured", 595)
    assert lot.balances() == {f"fleet_receivable:{fleet}": 595, **SOLD}


async def test_a_session_of_a_fleet_whose_cost_is_final_weeks_later_is_billed_then(lot: Lot) -> None:
    fleet = lot.fleet(lot.driver())
    async with lot.station("ocpp2.0.1") as station:
        await station.begin()
        await station.end(10_000)
        lot.run("DELETE FROM outbox")
        lot.run("UPDATE sessions SET start_arrived_at = now() - interval '30 days'")
        lot.run("INSERT INTO outbox (event, subject, tenant_id) SELECT 'session.assessed', session_id::text, tenant_id"
                " FROM sessions")  # fmt: skip
        await lot.at_work(station)
    assert lot.balances() == {f"fleet_receivable:{fleet}": 595, **SOLD}


async def test_what_was_held_for_a_session_that_its_fleet_was_billed_for_without_it_is_given_back(lot: Lot) -> None:
    fleet = lot.fleet(lot.driver(), month=5_000)
    async with lot.station("ocpp2.0.1") as station:
        await station.begin()
        await lot.at_work(station)
        await station.end(10_000)
        lot.run("DELETE FROM outbox")
        [held] = lot.intents()
        # As it once was: the session is on the fleet's account by its own name, and its hold stands.
        amounts = {f"fleet_receivable:{fleet}": 595, **SOLD}
        entry = Entry(
            key=f"capture:{held['session_id']}", kind=Kind.FLEET_INVOICE, at=lot.clock.now(), memo="",
            session_id=held["session_id"], intent=str(held["session_id"]),
            legs=tuple(Leg(account=name, currency="EUR", amount=amount) for name, amount in amounts.items()),
        )  # fmt: skip
        async with lot.tenants.tenant(lot.tenant_id) as conn:
            await post(conn, lot.tenant_id, entry)
        assert [lot.one("SELECT payments_release_stuck()") for _ in range(2)] == [1, 0]
        for event in ("session.ended", "session.priced", "session.started"):
            lot.run("INSERT INTO outbox (event, subject, tenant_id) SELECT %s, session_id::text, tenant_id"
                    " FROM sessions", event)  # fmt: skip
        await lot.at_work(station, seconds=120)
    [intent] = lot.intents()
    assert (intent["state"], intent["captured_amount"], intent["owed_amount"]) == ("released", 0, 0)
    assert lot.one("SELECT count(*) FROM payment_book_holds WHERE state = 'authorised'") == 0
    assert lot.balances() == {f"fleet_receivable:{fleet}": 595, **SOLD}


async def test_a_bigger_session_raises_the_hold_of_a_fleet_up_to_its_limit(lot: Lot) -> None:
    lot.fleet(lot.driver(), session=3_000)
    async with lot.station("ocpp2.1") as station:
        await station.begin()
        await lot.at_work(station)
        assert lot.intents()[0]["authorised_amount"] == 2_500
        await station.measure(41_000)
        assert await lot.at_work(station, seconds=31) == []
        assert lot.intents()[0]["authorised_amount"] == 3_000
        await station.measure(50_200, minutes_ago=20)
        assert await lot.at_work(station, seconds=31) == [station.transaction]
        await station.end(60_000)
        await lot.at_work(station)
    assert lot.intents()[0]["captured_amount"] == 3_000


async def test_a_provider_that_is_away_holds_up_no_start_and_bounds_what_may_be_used(lot: Lot) -> None:
    await lot.card(lot.driver())
    lot.box.faults(error=1.0)
    async with lot.station("ocpp2.0.1") as station:
        try:
            assert await station.begin() == "Accepted"
            await lot.at_work(station)
            assert lot.intents()[0]["state"] == "hold_requested"
            await station.measure(41_900)
            assert await lot.at_work(station, seconds=31) == [station.transaction]
        finally:
            lot.box.faults()
        await station.end(45_000)
        for _ in range(6):
            await lot.at_work(station, seconds=120)
    [intent] = lot.intents()
    assert (intent["state"], intent["captured_amount"]) == ("captured", 2_500)


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_car_that_its_driver_named_after_a_session_starts_the_next_by_being_plugged_in(
    lot: Lot, version: str
) -> None:
    driver = lot.driver()
    await lot.card(driver)
    car, type_ = ("VID:001122AABBCC", "") if version == "ocpp1.6" else ("00:11:22:AA:BB:CC", "MacAddress")
    lot.run("INSERT INTO driver_rules VALUES (%s, true, false, now())", lot.tenant_id)
    members = lot.members()
    ada = await lot.account(driver)
    async with lot.station(version) as station:
        # Nothing is kept of cars until somebody turns that on.
        assert await station.authorize(car, type_) == "Invalid"
        assert lot.one("SELECT count(*) FROM cars_seen") == 0
        lot.run("UPDATE driver_rules SET autocharge = true")
        assert await station.authorize(car, type_) == "Invalid"
        await station.begin(minutes_ago=0.5)
        await station.end(1_000, minutes_ago=0.1)
        await lot.at_work(station)
        [offered] = (await members.cars.plugged(ada)).offered
        made = await members.cars.enrol(ada, offered.session_id, "Blue", Origin())
        assert (made.address, made.name) == ("001122AABBCC", "Blue")
        assert (await members.cars.plugged(ada)).offered == []
        # It was named a moment ago, and the station's clock says that it is plugged in a minute later.
        assert await station.authorize(car, type_) == "Accepted"
        assert await station.begin(car, type_=type_, transaction="tx-2", minutes_ago=-0.5) == "Accepted"
        await lot.at_work(station)
        assert [each["state"] for each in lot.intents()] == ["captured", "authorised"]
        assert lot.intents()[1]["driver_id"] == driver
        await members.cars.forget(ada, "001122aabbcc", Origin())
        assert await station.authorize(car, type_) == "Invalid"


async def test_a_car_is_offered_to_nobody_where_it_could_be_another(lot: Lot) -> None:
    driver = lot.driver()
    await lot.card(driver)
    lot.run("INSERT INTO driver_rules VALUES (%s, true, true, now())", lot.tenant_id)
    async with lot.station("ocpp2.0.1") as station:
        for car in ("001122AABBCC", "001122AABBDD"):
            await station.authorize(car, "MacAddress")
        await station.begin(minutes_ago=0.5)
        await lot.at_work(station)
        ada = await lot.account(driver)
        assert (await lot.members().cars.plugged(ada)).offered == []
        [(session,)] = lot.rig.rows("SELECT session_id FROM sessions")
        with pytest.raises(CarUnknown):
            await lot.members().cars.enrol(ada, session, "Theirs", Origin())
        # A car that was there long before or after is none of this session.
        lot.run("UPDATE cars_seen SET seen_at = now() - interval '20 minutes' WHERE uid = '001122AABBDD'")
        assert len((await lot.members().cars.plugged(ada)).offered) == 1
        lot.clock.advance(3 * 86_400)
        assert await lot.jobs.cars.tidy() == 2


@pytest.mark.parametrize("version", VERSIONS)
async def test_the_car_at_the_next_connector_is_offered_to_nobody(lot: Lot, version: str) -> None:
    """A station of two: the neighbour's car named itself, and the driver's own did not."""
    driver = lot.driver()
    await lot.card(driver)
    lot.run("INSERT INTO driver_rules VALUES (%s, true, true, now())", lot.tenant_id)
    old = version == "ocpp1.6"
    car, type_ = ("VID:001122AABBCC", "") if old else ("001122AABBCC", "MacAddress")
    async with lot.station(version) as station:

        async def offered() -> int:
            await lot.at_work(station)
            return len((await lot.members().cars.plugged(await lot.account(driver))).offered)

        beside = (
            {"connectorId": 2, "errorCode": "NoError", "status": "Preparing"}
            if old
            else {"evseId": 2, "connectorId": 1, "connectorStatus": "Occupied"}
        )
        await station.client.call("StatusNotification", beside | {"timestamp": ago(1.5)})
        await station.authorize(car, type_)
        await station.begin(minutes_ago=0.5)
        assert await offered() == 0, "it may be the neighbour's"
        if not old:
            # Said at its own EVSE it is, whoever stands beside it; said at another it is not.
            lot.run("UPDATE cars_seen SET evse = 1")
            assert await offered() == 1
            lot.run("UPDATE cars_seen SET evse = 2")
            assert await offered() == 0
            lot.run("UPDATE cars_seen SET evse = NULL")
        lot.run("UPDATE connector_history SET state = 'Available' WHERE evse = 2")
        assert await offered() == 1, "nobody else was there"


async def test_where_a_car_named_itself_is_kept_with_it(lot: Lot) -> None:
    lot.run("INSERT INTO driver_rules VALUES (%s, true, true, now())", lot.tenant_id)
    async with lot.station("ocpp2.1") as station:
        await station.authorize("001122AABBCC", "MacAddress")
        assert lot.rig.rows("SELECT evse FROM cars_seen") == [(None,)]
        await station.begin("001122AABBCC", type_="MacAddress", minutes_ago=0.1)
        assert lot.rig.rows("SELECT evse FROM cars_seen") == [(1,)]
        await station.authorize("001122AABBCC", "MacAddress")
        assert lot.rig.rows("SELECT evse FROM cars_seen") == [(1,)]
        # A word that was on its way for minutes says nothing against a later one, and all where that says nothing.
        for number, later, kept in ((2, "2", 2), (3, "NULL", 1)):
            lot.run(f"UPDATE cars_seen SET evse = {later}, seen_at = seen_at + interval '4 minutes'")
            await station.begin("001122AABBCC", type_="MacAddress", transaction=f"tx-{number}", minutes_ago=0.1)
            assert lot.rig.rows("SELECT evse FROM cars_seen") == [(kept,)]


async def test_a_contract_of_plug_and_charge_is_paid_by_its_drivers_account(lot: Lot) -> None:
    driver = lot.driver("DEABCC12345678", "eMAID")
    await lot.card(driver)
    async with lot.station("ocpp2.1") as station:
        assert await station.authorize("DEABCC12345678", "eMAID") == "Accepted"
        assert await station.begin("DEABCC12345678", type_="eMAID") == "Accepted"
        await lot.at_work(station)
        await station.end(10_000)
        await lot.at_work(station)
    assert (lot.intents()[0]["captured_amount"], lot.intents()[0]["driver_id"]) == (595, driver)


@pytest.mark.parametrize(
    ("registered", "said"),
    [
        ("DEABCC12345678", "DE-ABC-C12345678-X"), ("DE-ABC-C12345678-X", "deabcc12345678"),
        ("DE*ABC*C12345678", "DEABCC12345678X"),
    ],
)  # fmt: skip
async def test_a_contract_is_one_however_it_is_written(lot: Lot, registered: str, said: str) -> None:
    driver = lot.driver(registered, "eMAID")
    await lot.card(driver)
    async with lot.station("ocpp2.0.1") as station:
        assert await station.authorize(said[:-1] + "9" if len(said) == 14 else said.replace("123", "124"), "eMAID") == (
            "Invalid"
        )
        assert await station.authorize(said) == "Invalid", "a card of that number is another token"
        assert await station.authorize(said, "eMAID") == "Accepted"
        assert await station.begin(said, type_="eMAID") == "Accepted"
        await lot.at_work(station)
        await station.end(10_000)
        await lot.at_work(station)
    assert lot.one("SELECT token_uid FROM sessions") == registered
    assert (lot.intents()[0]["captured_amount"], lot.intents()[0]["driver_id"]) == (595, driver)


async def test_where_nothing_has_a_price_nobody_is_asked_for_money(lot: Lot) -> None:
    await lot.card(lot.driver())
    lot.run("UPDATE tariff_assignments SET ends_at = starts_at + interval '1 second'")
    async with lot.station("ocpp2.0.1") as station:
        assert await station.begin() == "Accepted"
        await station.end(1_000)
        await lot.at_work(station)
    assert lot.intents() == []
