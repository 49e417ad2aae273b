"""A driver's own pages and money: no script, the sandbox provider behind them, one organisation with one station."""

import asyncio
import re
from datetime import timedelta
from uuid import UUID

import httpx
import pytest

from forecourt.driver.account import api
from forecourt.driver.account.model import MoneyLeft
from forecourt.insight.pseudonyms import of_driver
from forecourt.loyalty.rewards.entries import points_used
from forecourt.payments.intents.model import State
from forecourt.payments.ledger.service import post
from tests.driver.porch import Porch, an_api, leads_out
from tests.payments.bank import Bank

WORDS = {"en": "My charging", "de": "Mein Laden", "fr": "Mes recharges", "nl": "Mijn laden", "es": "Mis recargas"}


async def test_a_card_that_was_saved_pays_the_next_session_and_can_be_removed(porch: Porch) -> None:
    browser, ada = await porch.signed_in("ada@example.com")
    answer = await browser.get(porch.there)
    assert "Pay by a new card and save it" in answer.text
    first = await porch.pay_page(await browser.post(porch.there, data={"by": "save"}))
    assert (first.payer, first.state) == (ada.payer, State.AUTHORISED)
    await porch.till.work()
    porch.till.plug_in(first, wh=10_000)
    await porch.till.work()
    money = await browser.get("/my/money")
    assert "Visa ••••\N{NO-BREAK SPACE}4242" in money.text
    [card] = re.findall(r"/my/cards/([0-9a-f-]{36})/remove", money.text)
    # The second time nobody is led to the provider.
    second = await browser.post(porch.there, data={"by": card})
    assert second.url.path.startswith("/charging/"), second.text
    intent = await porch.till.payments.find(porch.tenant, UUID(second.url.path.rpartition("/")[2]))
    assert (intent.method, intent.state) == ("saved", State.AUTHORISED)
    await porch.till.work()
    porch.till.plug_in(intent, wh=20_000)
    await porch.till.work()
    listed = (await browser.get("/my/sessions")).text
    assert listed.index("€11.90") < listed.index("€5.95")
    assert f"/charging/{intent.intent_id}" in listed
    # Somebody else can't pay by it, nor see or remove it.
    other, _ = await porch.signed_in("bea@example.com")
    assert "not saved any more" in (await other.post(porch.there, data={"by": card})).text
    assert "not saved any more" in (await other.post(f"/my/cards/{card}/remove")).text
    for path in ("/my", "/my/sessions", "/my/money"):
        text = (await other.get(path)).text
        assert "4242" not in text
        assert str(intent.intent_id) not in text
    # It is charged for a top-up only once the driver was asked.
    count = "SELECT count(*) AS it FROM payment_intents WHERE tenant_id = %s AND purpose = 'top_up'"
    asked = await browser.post("/my/money/top-up", data={"amount": "2000", "card": card})
    assert "€20.00" in asked.text
    assert "The card is charged at once." in asked.text
    assert porch.till.one(count, porch.tenant) == 0
    said = dict(re.findall(r'name="(amount|card|once|sure)" value="([^"]*)"', asked.text))
    assert (said["amount"], said["card"], said["sure"]) == ("2000", card, "yes")
    for _ in range(2):
        await browser.post("/my/money/top-up", data=said)
    assert porch.till.one(count, porch.tenant) == 1
    assert "not saved any more" in (await other.post("/my/money/top-up", data={"amount": "2000", "card": card})).text
    await browser.post("/my/pays-by", data={"by": card})
    assert (await porch.driver(ada.driver_id)).pays_by == "card"
    assert "4242" not in (await browser.post(f"/my/cards/{card}/remove")).text
    assert (await porch.driver(ada.driver_id)).pays_by == "page"
    assert "not saved any more" in (await browser.post(porch.there, data={"by": card})).text


def an_app(porch: Porch, browser: httpx.AsyncClient) -> httpx.AsyncClient:
    """An app of whoever signed in by this browser."""
    [kept] = [each.value for each in browser.cookies.jar if "driver" in each.name]
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(an_api(porch, api.routes)), base_url="https://api.test/driver/me",
        headers={"authorization": f"Bearer {kept}"},
    )  # fmt: skip


async def test_what_became_of_money_is_said_as_it_stands_however_old_the_page_is(porch: Porch) -> None:
    browser, _ada = await porch.signed_in("ada@example.com")
    led = await browser.post("/my/money/top-up", data={"amount": "2000"}, follow_redirects=False)
    topped = await porch.pay_page(led)
    back = f"/my/money/back/{topped.intent_id}"
    told = await browser.get(back)
    assert "The money is in your wallet." in told.text
    # It was for somebody else that it says nothing.
    other, _bea = await porch.signed_in("bea@example.com")
    assert (await other.get(told.url.raw_path.decode())).status_code == 404
    # Spent, it isn't in the wallet any more; and given back it never will be.
    intent = await porch.till.payments.find(porch.tenant, topped.intent_id)
    await porch.till.payments.refund(porch.till.actor, intent.intent_id, None, "asked for")
    for page in (back, told.url.raw_path.decode(), f"/my/money/on/{topped.intent_id}"):
        answer = await browser.get(page)
        if page.startswith("/my/money/on/"):
            answer = await browser.get(leads_out(answer))
        assert "The money is in your wallet." not in answer.text
        assert "This payment was given back" in answer.text


async def test_a_wallet_is_topped_up_and_pays_and_holds_back_an_erasure(porch: Porch) -> None:
    browser, ada = await porch.signed_in("ada@example.com")
    assert "Choose an amount" in (await browser.post("/my/money/top-up", data={"amount": "499"})).text
    async with an_app(porch, browser) as app:
        for currency in ("JPY", "XXX"):
            asked = {"amount": 2_000, "currency": currency, "return_url": "https://app.example.com/back"}
            refused = await app.post("/top-ups", json=asked)
            assert (refused.status_code, refused.json()["code"]) == (422, "currency-refused")
            assert refused.json()["currencies"] == ["EUR"]
    assert porch.till.rows("SELECT FROM payment_intents WHERE tenant_id = %s", porch.tenant) == []
    topped = await browser.post("/my/money/top-up", data={"amount": "10000"}, follow_redirects=False)
    assert leads_out(topped).startswith("http://127.0.0.1")
    assert (await porch.pay_page(topped)).state is State.CAPTURED
    held = (await browser.get("/my/money")).text
    assert "€100.00" in held
    # Pressed twice on one page it is one payment, and the driver is told what came of it.
    [once] = re.findall(r'name="once" value="([0-9a-f]{32})"', held)
    count = "SELECT count(*) AS it FROM payment_intents WHERE tenant_id = %s"
    before = porch.till.one(count, porch.tenant)
    form = {"amount": "2000", "once": once}
    first, second = await asyncio.gather(
        *(browser.post("/my/money/top-up", data=form, follow_redirects=False) for _ in range(2))
    )
    # The one that came while the page was being opened waits for it.
    first, second = [
        await browser.get(each.headers["location"]) if each.status_code == 303 else each for each in (first, second)
    ]
    assert leads_out(first) == leads_out(second)
    assert porch.till.one(count, porch.tenant) == before + 1
    [row] = porch.till.rows(
        "SELECT intent_id FROM payment_intents WHERE tenant_id = %s ORDER BY number DESC LIMIT 1", porch.tenant
    )
    back = f"/my/money/back/{row['intent_id']}"
    assert "Nothing was taken yet" in (await browser.get(back)).text
    assert (
        await browser.post("/my/money/top-up", data=form | {"once": "x"}, follow_redirects=False)
    ).status_code == 400
    assert (await porch.pay_page(first)).state is State.CAPTURED
    assert "The money is in your wallet." in (await browser.get(back)).text
    answer = await browser.post(porch.there, data={"by": "wallet"})
    intent = await porch.till.payments.find(porch.tenant, UUID(answer.url.path.rpartition("/")[2]))
    assert intent.state is State.AUTHORISED
    await porch.till.work()
    porch.till.plug_in(intent, wh=10_000)
    await porch.till.work()
    assert "€114.05" in (await browser.get("/my")).text
    assert porch.till.balances()[f"wallet:{ada.driver_id}"] == -11_405
    receipt = (await browser.get(f"/charging/{intent.intent_id}")).text
    assert "<dt>Paid from your wallet</dt><dd>€5.95</dd>" in receipt
    with pytest.raises(MoneyLeft):
        await porch.leaving.erase(ada, ada.acting())
    page = await browser.post("/my/erase")
    assert "still money in the wallet" in page.text


async def test_a_page_that_the_provider_has_not_opened_yet_is_waited_for(porch: Porch) -> None:
    browser, _ = await porch.signed_in("ada@example.com")
    porch.till.box.faults(seed=1, match="*", error=1.0)
    answer = await browser.post("/my/money/top-up", data={"amount": "2000"}, follow_redirects=False)
    waits = answer.headers["location"]
    held = await browser.get(waits)
    assert f'http-equiv="refresh" content="2;url={waits}"' in held.text
    porch.till.box.faults()
    porch.till.clock.advance(120)
    led = await browser.get(waits)
    assert leads_out(led).startswith("http://127.0.0.1")
    assert (await porch.pay_page(led)).state is State.CAPTURED
    assert (
        "The money is in your wallet."
        in (await browser.get((await browser.get(waits)).text.split("url=")[1].split('"')[0])).text
    )


async def test_what_a_bank_asks_back_of_a_wallet_is_named_can_be_spent_by_nobody_and_holds_back_an_erasure(
    porch: Porch,
) -> None:
    browser, ada = await porch.signed_in("ada@example.com")
    paid = await porch.pay_page(await browser.post("/my/money/top-up", data={"amount": "2000"}, follow_redirects=False))
    bank = Bank(porch.till)
    await bank.dispute(paid)
    await bank.hint(paid)
    assert "€20.00 more is in here" in (await browser.get("/my/money")).text
    said = {
        "de": "Weitere 20,00\xa0€ sind hier und gesperrt", "fr": "20,00\xa0€ de plus",
        "nl": "Nog €\xa020,00 staat erop", "es": "Hay 20,00\xa0€ más que no se pueden usar",
    }  # fmt: skip
    for language, words in said.items():
        assert words in (await browser.get("/my/money", params={"lang": language})).text
    purse = await porch.members.purse(ada)
    assert [each.amount for each in (*purse.wallet, *purse.disputed)] == [0, 2000]
    with pytest.raises(MoneyLeft):
        await porch.leaving.erase(ada, ada.acting())


async def test_an_account_is_erased_only_once_nobody_can_pay_into_it_any_more(porch: Porch) -> None:
    browser, ada = await porch.signed_in("ada@example.com")
    led = await browser.post("/my/money/top-up", data={"amount": "2000"}, follow_redirects=False)
    with pytest.raises(MoneyLeft):
        await porch.leaving.erase(ada, ada.acting())
    assert (await porch.pay_page(led)).state is State.CAPTURED
    with pytest.raises(MoneyLeft):
        await porch.leaving.erase(ada, ada.acting())
    # One that nobody pays is closed after a while, and no longer in the way.
    other, eve = await porch.signed_in("eve@example.com")
    await other.post("/my/money/top-up", data={"amount": "2000"}, follow_redirects=False)
    with pytest.raises(MoneyLeft):
        await porch.leaving.erase(eve, eve.acting())
    porch.till.clock.advance(timedelta(hours=1).total_seconds())
    await porch.till.sweeper.sweep()
    await porch.till.work()
    assert (await porch.leaving.erase(eve, eve.acting())).driver_id == eve.driver_id


async def test_a_debt_is_shown_blocks_the_next_start_and_is_paid(porch: Porch) -> None:
    browser, ada = await porch.signed_in("ada@example.com")
    intent = await porch.pay_page(await browser.post(porch.there, data={"by": "page"}))
    # It began once its hold was given back.
    await porch.till.work()
    porch.till.clock.advance(301)
    await porch.till.sweeper.sweep()
    porch.till.plug_in(intent, wh=10_000)
    await porch.till.work()
    assert "still unpaid" in (await browser.get("/my")).text
    assert "still unpaid" in (await browser.post(porch.there, data={"by": "page"})).text
    led = await browser.post("/my/money/pay", follow_redirects=False)
    assert leads_out(led).startswith("http://127.0.0.1")
    assert (await porch.pay_page(led)).state is State.CAPTURED
    home = (await browser.get("/my")).text
    assert "still unpaid" not in home
    assert "<small>paid</small>" in home
    assert (await porch.driver(ada.driver_id)).driver_id == ada.driver_id


async def test_what_paid_a_debt_and_went_back_is_told_alike_on_every_page(porch: Porch) -> None:
    browser, _ada = await porch.signed_in("ada@example.com")
    till = porch.till
    session = await porch.pay_page(await browser.post(porch.there, data={"by": "page"}))
    await till.work()
    till.clock.advance(301)
    await till.sweeper.sweep()
    till.plug_in(session, wh=10_000)
    await till.work()
    paid = await porch.pay_page(await browser.post("/my/money/pay", follow_redirects=False))
    # A refund is one of the session: nothing is owed, and less was paid.
    await till.payments.refund(till.actor, paid.intent_id, 195, "too slow")
    home, money = (await browser.get("/my")).text, (await browser.get("/my/money")).text
    assert ("still unpaid" in home, "€4.00" in home, "Pay what is owed" in money) == (False, True, False)
    # What the provider takes back is owed of the session, on each page by its place, and told by letter.
    async with till.payments.saga.turn(till.tenant_id, paid.intent_id) as turn:
        await turn.capture_lost("taken back")
    home, money = (await browser.get("/my")).text, (await browser.get("/my/money")).text
    history = (await browser.get("/my/sessions")).text
    assert "still unpaid" in home
    for page in (home, history):
        assert ">owed<" in page
        assert "€4.00" in page
    assert f'href="/charging/{session.intent_id}">{till.station}<' in money
    assert "€4.00" in money
    till.rows("DELETE FROM letters WHERE tenant_id = %s", till.tenant_id)
    for _ in range(2):
        await porch.jobs.unpaid(tenant_id=till.tenant_id, subject=str(paid.intent_id))
    [letter] = till.rows("SELECT recipient, body FROM letters WHERE tenant_id = %s", till.tenant_id)
    assert letter["recipient"] == "ada@example.com"
    assert "€4.00 is owed. Your cards start no other session" in letter["body"]


async def test_a_debt_is_paid_from_the_wallet_as_far_as_there_is_money_and_a_top_up_offers_it(porch: Porch) -> None:
    browser, ada = await porch.signed_in("ada@example.com")
    till = porch.till
    intent = await porch.pay_page(await browser.post(porch.there, data={"by": "page"}))
    await till.work()
    till.clock.advance(301)
    await till.sweeper.sweep()
    till.plug_in(intent, wh=10_000)
    await till.work()
    from_wallet = {"by": "wallet"}
    page = (await browser.get("/my/money")).text
    assert "Or put money into your wallet" in page
    assert 'value="wallet"><button' not in page
    assert "nothing in your wallet" in (await browser.post("/my/money/pay", data=from_wallet)).text
    # Less than is owed: a part is paid, and the next start waits for the rest.
    async with till.tenants.tenant(till.tenant_id) as conn:
        given = points_used(move=1, driver=str(ada.driver_id), at=till.clock.now(), currency="EUR", amount=95)
        await post(conn, till.tenant_id, given)
    assert "Pay €0.95 from my wallet" in (await browser.get("/my/money")).text
    assert "A part of what was owed is paid" in (await browser.post("/my/money/pay", data=from_wallet)).text
    # An app has the same verbs.
    async with an_app(porch, browser) as app:
        shown = (await app.get("/money")).json()
        assert (shown["payable"], [each["owed"]["amount"] for each in shown["debts"]]) == (None, [500])
        asked = {"return_url": "https://app.test/{intent}", "by": "wallet"}
        assert (await app.post("/debts/pay", json=asked)).json()["code"] == "wallet-empty"
        async with till.tenants.tenant(till.tenant_id) as conn:
            about = {"driver": str(ada.driver_id), "at": till.clock.now(), "currency": "EUR"}
            await post(conn, till.tenant_id, points_used(move=2, amount=100, **about))  # type: ignore[arg-type]
        assert (await app.get("/money")).json()["payable"] == {"amount": 100, "currency": "EUR"}
        paid = (await app.post("/debts/pay", json=asked)).json()
        assert (paid["state"], paid["page_url"]) == ("captured", None)
    assert "still unpaid" in (await browser.get("/my")).text
    led = await browser.post("/my/money/top-up", data={"amount": "2000"}, follow_redirects=False)
    topped = await porch.pay_page(led)
    back = await browser.get(f"/my/money/back/{topped.intent_id}")
    assert "Now you can pay what is owed from it" in back.text
    assert "Pay €4.00 from my wallet" in back.text
    assert "What was owed is paid" in (await browser.post("/my/money/pay", data=from_wallet)).text
    assert "still unpaid" not in (await browser.get("/my")).text
    assert till.balances()[f"wallet:{ada.driver_id}"] == -1600


async def test_a_drivers_own_card_shows_its_sessions_from_when_it_was_theirs(porch: Porch) -> None:
    browser, ada = await porch.signed_in("ada@example.com")
    till, now = porch.till, porch.till.clock.now()
    till.rows(
        "INSERT INTO tokens (tenant_id, uid_key, uid, type, status)"
        " VALUES (%s, 'ab12', 'AB12', 'ISO14443', 'accepted')",
        porch.tenant,
    )
    till.rows("INSERT INTO driver_tokens VALUES (%s, 'ab12', %s, %s, 'operator')", porch.tenant, ada.driver_id, now)
    fleet = till.one(
        "INSERT INTO fleets (tenant_id, name, currency, zone, created_at, updated_at)"
        " VALUES (%s, 'Vans', 'EUR', 'Europe/Berlin', now(), now()) RETURNING fleet_id AS it",
        porch.tenant,
    )
    till.rows(
        "INSERT INTO fleet_members (tenant_id, driver_id, fleet_id, cost_centre, joined_at)"
        " VALUES (%s, %s, %s, '4711', now())",
        porch.tenant, ada.driver_id, fleet,
    )  # fmt: skip
    await browser.post("/my/pays-by", data={"by": "fleet"})
    before, after = [
        till.rows(
            "INSERT INTO sessions (tenant_id, station_id, transaction_id, start_key, started_at, last_key, last_at,"
            " heard_at, ended_at, evse, token_uid, meter_start_wh, meter_stop_wh)"
            " VALUES (%s, %s, %s, 0, %s, 0, %s, %s, %s, 1, 'ab12', 0, 10000) RETURNING session_id",
            porch.tenant, till.station_id, f"own-{hours}", now + timedelta(hours=hours), *[now] * 3,
        )[0]["session_id"]
        for hours in (-5, 1)
    ]  # fmt: skip
    for session in (before, after):
        till.rows(
            "INSERT INTO meter_values (station_id, transaction_id, at, digest, tenant_id, evse, readings)"
            " SELECT station_id, transaction_id, started_at + interval '30 minutes', 0, tenant_id, 1, %s FROM sessions"
            " WHERE session_id = %s",
            [0, 10_000], session,
        )  # fmt: skip
    assert (await browser.get("/my/sessions")).text.count("<li>") == 1
    porch.till.clock.advance(3 * 3600)
    for session in (before, after):
        await till.costing.price(tenant_id=porch.tenant, subject=str(session))
        for _ in range(2):
            await porch.jobs.priced(tenant_id=porch.tenant, subject=str(session))
    kept = till.rows("SELECT session_id, cost_centre FROM fleet_sessions WHERE tenant_id = %s", porch.tenant)
    assert kept == [{"session_id": after, "cost_centre": "4711"}]


@pytest.mark.parametrize("language", WORDS)
async def test_own_pages_speak_the_drivers_language(porch: Porch, language: str) -> None:
    browser, _ = await porch.signed_in("ada@example.com")
    for path in ("/my", "/my/sessions", "/my/money", "/my/things", "/my/account", "/my/account?erase=1", porch.there):
        answer = await browser.get(path, params={"lang": language} | ({"erase": "1"} if "?" in path else {}))
        assert answer.status_code == 200, answer.text
        assert WORDS[language] in answer.text
        assert f'<html lang="{language}">' in answer.text
        assert answer.headers["cache-control"] == "private, no-store"


async def test_nobody_who_is_not_signed_in_sees_or_does_anything(porch: Porch) -> None:
    browser, stranger = await porch.signed_in("ada@example.com"), porch.browser()
    assert browser
    for route in porch.app.routes:
        for handler in getattr(route, "route_handlers", ()):
            path = re.sub(r"\{\w+:(\w+)\}", lambda part: _SAMPLE[part[1]], route.path)
            if not path.startswith("/my") or "/sign-in" in path or "/enter" in path:
                continue
            for method in handler.http_methods - {"HEAD", "OPTIONS"}:
                form = _FORM if method == "POST" else None
                answer = await stranger.request(method, path, data=form, follow_redirects=False)
                assert (answer.status_code, answer.headers.get("location")) == (303, "/my/sign-in"), (method, path)
    # A form of another site does nothing, though the browser sends the cookie along.
    mine, _ = browser
    crossed = await mine.post("/my/sign-out", headers={"sec-fetch-site": "cross-site"}, follow_redirects=False)
    assert crossed.status_code == 403
    assert (await mine.get("/my", follow_redirects=False)).status_code == 200
    await mine.post("/my/sign-out")
    assert (await mine.get("/my", follow_redirects=False)).status_code == 303


_SAMPLE = {"uuid": str(UUID(int=7)), "int": "1", "str": "x"}
_FORM = {"amount": "2000", "currency": "EUR", "name": "x", "token": "x", "by": "page"}


async def test_needs_cars_and_consent_are_said_on_the_pages(porch: Porch) -> None:
    browser, ada = await porch.signed_in("ada@example.com")
    week = {"d0": "07:30", "energy_kwh": "12,5", "minimum_kwh": "4"}
    assert 'value="07:30"' in (await browser.post("/my/wants", data=week)).text
    wants = (await porch.driver(ada.driver_id)).wants
    assert (wants["energy_wh"], wants["minimum_wh"], wants["departures"][:2]) == (12_500, 4_000, ["07:30:00", None])
    assert "not filled in" in (await browser.post("/my/wants", data={"d0": "25:99"})).text
    for beyond in ({"energy_kwh": "999999999"}, {"minimum_kwh": "-4"}, {"d1": "07:30+02:00"}):
        assert "not filled in" in (await browser.post("/my/wants", data=beyond)).text, beyond
        assert (await browser.get("/my/things")).status_code == 200
    assert (await porch.driver(ada.driver_id)).wants == wants
    assert "Blue" in (await browser.post("/my/cars", data={"name": "Blue", "battery_kwh": "60"})).text
    assert "not filled in" in (await browser.post("/my/cars", data={"name": "Red", "battery_kwh": "lots"})).text
    assert " checked" not in (await browser.get("/my/account")).text
    assert (await browser.post("/my/consent", data={"usage": "1"})).text.count(" checked") == 1
    said = porch.till.rows("SELECT kind, given FROM driver_consents WHERE tenant_id = %s", porch.tenant)
    assert said == [{"kind": "usage", "given": True}]
    assert (await browser.get("/my/export.json")).json()["account"]["email"] == "ada@example.com"
    gone = await browser.post("/my/erase")
    assert gone.url.path == "/my/sign-in"
    assert (await porch.driver(ada.driver_id)).email is None
    # The lake is told in the same transaction.
    [key] = porch.till.rows("SELECT key FROM pseudonym_keys WHERE tenant_id = %s", porch.tenant)
    erased = porch.till.rows("SELECT pseudonym FROM lake_erasures WHERE tenant_id = %s", porch.tenant)
    assert {"pseudonym": of_driver(bytes(key["key"]), ada.driver_id)} in erased
