"""Cards that a driver saves without paying, over the provider's own pages, and what becomes of them."""

import asyncio
import re
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest

from forecourt.payments.accounts.store import of_deployment
from forecourt.payments.intents.model import Method, State
from forecourt.payments.saved.model import MAX_CARDS, SetupState
from tests.driver.porch import Porch, leads_out


async def led(porch: Porch, browser: httpx.AsyncClient) -> str:
    """Begins to add a card; the provider's name of the page that the driver is led to."""
    there = leads_out(await browser.post("/my/cards", follow_redirects=False))
    assert there.startswith(f"{porch.till.box.address}/c/pay/cs_")
    return there.rpartition("/")[2]


async def on_page(page: str, porch: Porch, **form: str) -> httpx.Response:
    """What a browser sends on the provider's own page; where that leads is not followed."""
    async with httpx.AsyncClient(base_url=porch.till.box.address) as browser:
        return await browser.post(f"/c/pay/{page}", data=form)


async def added(porch: Porch, browser: httpx.AsyncClient, card: str = "visa") -> str:
    """Adds a card; the page that the driver sees then."""
    page = await led(porch, browser)
    answer = await on_page(page, porch, do="choose", card=card)
    if "/c/challenge/" in answer.headers["location"]:
        async with httpx.AsyncClient(base_url=porch.till.box.address) as provider:
            answer = await provider.post(answer.headers["location"], data={"do": "pass"})
    return (await browser.get(answer.headers["location"])).text


def cards_of(text: str) -> list[str]:
    return re.findall(r"/my/cards/([0-9a-f-]{36})/remove", text)


def at_provider(porch: Porch) -> dict[str, Any]:
    """The customer of every method that is attached at the provider, by the method's name."""
    rows = porch.till.rows("SELECT method, customer FROM payment_methods WHERE tenant_id = %s", porch.tenant)
    methods = porch.till.box.client.v1.payment_methods
    return {row["method"]: methods.retrieve(row["method"]).customer for row in rows}


async def test_cards_are_added_without_paying_and_one_pays_a_session(porch: Porch) -> None:
    browser, ada = await porch.signed_in("ada@example.com")
    text = await added(porch, browser)
    assert "The card is saved." in text
    assert "Visa ••••\N{NO-BREAK SPACE}4242" in text
    porch.till.clock.advance(60)  # the newer stands first
    text = await added(porch, browser, "mastercard")
    assert "Mastercard ••••\N{NO-BREAK SPACE}4444" in text
    assert len(cards_of(text)) == 2
    # Both are the same person's at the provider, and nothing was taken or held for them.
    assert len(set(at_provider(porch).values())) == 1
    assert porch.till.happened("hold") == porch.till.happened("capture") == []
    [mastercard, _visa] = cards_of(text)
    assert (await browser.post("/my/pays-by", data={"by": mastercard})).status_code == 200
    assert (await porch.driver(ada.driver_id)).pays_method == UUID(mastercard)
    begun = await browser.post(porch.there, data={"by": mastercard})
    intent = await porch.till.payments.find(porch.tenant, UUID(begun.url.path.rpartition("/")[2]))
    assert (intent.method, intent.state) == (Method.SAVED, State.AUTHORISED)
    await porch.till.work()
    porch.till.plug_in(intent, wh=10_000)
    await porch.till.work()
    paid = await porch.till.find(intent)
    assert (paid.state, paid.captured_amount) == (State.CAPTURED, 595)
    assert paid.card is not None
    assert paid.card.last4 == "4444"


async def test_coming_back_twice_or_not_at_all_keeps_a_card_once(porch: Porch) -> None:
    browser, _ = await porch.signed_in("ada@example.com")
    page = await led(porch, browser)
    answer = await on_page(page, porch, do="choose", card="visa")
    # The driver closes the browser; the webhook of the deployment's account tells of it, as often as it likes.
    [setup] = porch.till.rows("SELECT setup_id, account_id FROM payment_setups WHERE tenant_id = %s", porch.tenant)
    async with porch.till.tenants.anyone() as conn:
        assert await of_deployment(conn, setup["setup_id"], None) == (porch.tenant, setup["account_id"])
        assert await of_deployment(conn, None, page) == (porch.tenant, setup["account_id"])
        assert await of_deployment(conn, None, f"{page}x") is None
    for _ in range(2):
        await porch.till.jobs.hinted(tenant_id=porch.tenant, subject=str(setup["setup_id"]))
    assert len(cards_of((await browser.get("/my/money")).text)) == 1
    for _ in range(2):
        text = (await browser.get(answer.headers["location"])).text
        assert "The card is saved." in text
        assert len(cards_of(text)) == 1
    # Removed, it stays removed, whoever comes back to the old page.
    [card] = cards_of(text)
    await browser.post(f"/my/cards/{card}/remove")
    assert cards_of((await browser.get(answer.headers["location"])).text) == []
    other, _ = await porch.signed_in("bea@example.com")
    assert "not yours" in (await other.get(answer.headers["location"])).text


async def test_a_page_that_is_left_saves_nothing_and_ends_by_itself(porch: Porch) -> None:
    browser, _ = await porch.signed_in("ada@example.com")
    page = await led(porch, browser)
    back = await on_page(page, porch, do="abandon")
    assert "No card was saved yet" in (await browser.get(back.headers["location"])).text
    # A card that the bank refuses to have saved leaves the page as it was.
    refused = await on_page(page, porch, do="choose", card="declined")
    async with httpx.AsyncClient(base_url=porch.till.box.address) as provider:
        assert "declined" in (await provider.get(refused.headers["location"])).text
    assert "No card was saved yet" in (await browser.get(back.headers["location"])).text
    await asyncio.to_thread(porch.till.box.client.v1.checkout.sessions.expire, page)
    porch.till.clock.advance(11 * 60)
    assert await porch.till.cards.sweep(porch.till.worker) >= 1
    [row] = porch.till.rows("SELECT state, next_at FROM payment_setups WHERE tenant_id = %s", porch.tenant)
    assert row == {"state": "over", "next_at": None}
    assert "No card was saved. Add one again" in (await browser.get(back.headers["location"])).text
    # Long after that it is forgotten.
    porch.till.clock.advance(31 * 86_400)
    await porch.till.jobs.tidy()
    assert porch.till.rows("SELECT 1 FROM payment_setups WHERE tenant_id = %s", porch.tenant) == []


async def test_a_removed_card_is_taken_off_at_the_provider_even_if_that_was_away(porch: Porch) -> None:
    browser, _ = await porch.signed_in("ada@example.com")
    await added(porch, browser)
    text = await added(porch, browser, "amex")
    [amex, visa] = cards_of(text)
    await browser.post(f"/my/cards/{amex}/remove")
    attached = [customer for customer in at_provider(porch).values() if customer]
    assert len(attached) == 1
    gone_wrong = [{"fault": "error", "match": "POST /v1/payment_methods/*/detach", "times": 1}]
    await asyncio.to_thread(porch.till.box.faults, next=gone_wrong)
    text = (await browser.post(f"/my/cards/{visa}/remove")).text
    assert cards_of(text) == []
    assert [customer for customer in at_provider(porch).values() if customer] == attached
    porch.till.clock.advance(3601)
    await porch.till.cards.sweep(porch.till.worker)
    assert not any(at_provider(porch).values())
    # It is asked no more, and one that somebody took off there by hand is done as well.
    assert porch.till.rows("SELECT 1 FROM payment_methods WHERE drop_at IS NOT NULL") == []


async def test_a_bank_that_wants_its_customer_leads_the_driver_to_the_page(porch: Porch) -> None:
    browser, _ = await porch.signed_in("ada@example.com")
    [card] = cards_of(await added(porch, browser, "challenge_always"))
    begun = await browser.post(porch.there, data={"by": card}, follow_redirects=False)
    intent_id = UUID(begun.headers["location"].rpartition("/")[2])
    intent = await porch.till.payments.find(porch.tenant, intent_id)
    # It is the same payment, at the same connector, and waits on the page of the same person.
    assert (intent.method, intent.state) == (Method.HOSTED, State.HOLD_REQUESTED)
    assert intent.page_url is not None
    page = porch.till.box.client.v1.checkout.sessions.retrieve(intent.page_url.rpartition("/")[2])
    assert page.customer == next(iter(at_provider(porch).values()))
    assert intent.page_url in (await browser.get(f"/charging/{intent_id}")).text
    assert intent.reference is not None
    await asyncio.to_thread(porch.till.box.pay, intent.reference, "challenge_always", challenge="pass")
    await browser.get(f"/charging/{intent_id}/back")
    assert (await porch.till.find(intent)).state is State.AUTHORISED
    assert len(porch.till.happened("hold")) == 1
    await porch.till.work()
    porch.till.plug_in(await porch.till.find(intent), wh=10_000)
    await porch.till.work()
    assert (await porch.till.find(intent)).captured_amount == 595


WORDS = {
    "en": "Your bank declined the card",
    "de": "Ihre Bank hat die Karte abgelehnt",
    "fr": "Votre banque a refusé la carte",
    "nl": "Uw bank heeft de kaart geweigerd",
    "es": "Su banco ha rechazado la tarjeta",
}


@pytest.mark.parametrize("language", WORDS)
async def test_a_declined_card_is_said_in_the_drivers_words_and_holds_nothing(porch: Porch, language: str) -> None:
    browser, _ = await porch.signed_in("ada@example.com")
    [card] = cards_of(await added(porch, browser, "declines_later"))
    begun = await browser.post(porch.there, data={"by": card}, follow_redirects=False)
    page = await browser.get(begun.headers["location"], params={"lang": language})
    assert WORDS[language] in page.text
    intent = await porch.till.payments.find(porch.tenant, UUID(begun.headers["location"].rpartition("/")[2]))
    assert (intent.state, intent.owed_amount, intent.next_at) == (State.FAILED, 0, None)
    assert porch.till.happened("hold") == []
    # The connector is free again for another way to pay.
    assert (await porch.pay_page(await browser.post(porch.there, data={"by": "page"}))).state is State.AUTHORISED


async def test_a_provider_that_acted_and_did_not_say_so_decides_the_same(porch: Porch) -> None:
    browser, _ = await porch.signed_in("ada@example.com")
    [card] = cards_of(await added(porch, browser, "declines_later"))
    plan = [{"fault": "drop_after", "match": "POST /v1/payment_intents", "times": 1}]
    await asyncio.to_thread(porch.till.box.faults, next=plan)
    begun = await browser.post(porch.there, data={"by": card}, follow_redirects=False)
    intent = await porch.till.payments.find(porch.tenant, UUID(begun.headers["location"].rpartition("/")[2]))
    assert intent.state is State.HOLD_REQUESTED
    porch.till.clock.advance(6)
    await porch.till.sweeper.sweep()
    assert (await porch.till.find(intent)).state is State.FAILED


async def test_there_is_an_end_to_cards_and_to_open_pages(porch: Porch) -> None:
    browser, ada = await porch.signed_in("ada@example.com")
    for _ in range(5):
        await led(porch, browser)
    assert "open already" in (await browser.post("/my/cards")).text
    porch.till.clock.advance(3601)
    await led(porch, browser)
    account = porch.till.rows("SELECT account_id FROM payment_accounts WHERE tenant_id = %s", porch.tenant)
    for number in range(MAX_CARDS):
        porch.till.rows(
            "INSERT INTO payment_methods (tenant_id, payer, account_id, customer, method, created_at)"
            " VALUES (%s, %s, %s, 'cus_x', %s, now())",
            porch.tenant, ada.payer, account[0]["account_id"], f"pm_{number}",
        )  # fmt: skip
    assert "as many saved cards" in (await browser.post("/my/cards")).text


async def test_who_is_erased_is_forgotten_at_the_provider_too(porch: Porch) -> None:
    browser, _ = await porch.signed_in("ada@example.com")
    await added(porch, browser)
    left = await led(porch, browser)
    [(method, customer)] = at_provider(porch).items()
    assert (await browser.post("/my/erase")).url.path == "/my/sign-in"
    assert porch.till.box.client.v1.checkout.sessions.retrieve(left).status == "expired"
    assert porch.till.rows("SELECT 1 FROM payment_setups WHERE tenant_id = %s", porch.tenant) == []
    await porch.till.cards.sweep(porch.till.worker)
    assert porch.till.rows("SELECT 1 FROM payment_methods WHERE tenant_id = %s", porch.tenant) == []
    assert porch.till.box.client.v1.payment_methods.retrieve(method).customer is None
    assert porch.till.box.client.v1.customers.list().data == []
    assert customer.startswith("cus_")


async def test_an_app_adds_a_card_by_the_same_verbs(porch: Porch) -> None:
    _, ada = await porch.signed_in("ada@example.com")
    setup = await porch.members.add_card(ada, return_url="https://app.volt.test/cards/{setup}")
    assert setup.page_url is not None
    page = porch.till.box.client.v1.checkout.sessions.retrieve(setup.page_url.rpartition("/")[2])
    assert page.success_url == f"https://app.volt.test/cards/{setup.setup_id}"
    assert page.mode == "setup"
    assert (await porch.members.card_added(ada, setup.setup_id)).state is SetupState.OPEN
    assert timedelta(minutes=55) < timedelta(seconds=page.expires_at - porch.till.clock.now().timestamp())
