"""Memberships that drivers begin and end themselves, on their pages and by the API, over the sandbox provider."""

import re
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest

from forecourt.driver.account import api
from forecourt.driver.account.memberships import AlreadyMember, NotMember, PlanChanged
from forecourt.drivers.accounts.model import PaysBy
from forecourt.drivers.fleets import service as fleets
from forecourt.drivers.fleets.model import PlanUnknown
from forecourt.payments.fees.service import Fees
from forecourt.platform.money import Money
from forecourt.pricing import service as pricing
from forecourt.pricing.assigning import Scope
from tests.driver.porch import Porch, an_api
from tests.driver.test_cards import added, cards_of
from tests.payments.till import a_tariff

GOLD: dict[str, Any] = {
    "name": "gold", "title": "Gold", "currency": "EUR", "month_fee": 1190, "vat": 19, "offered": True,
    "gives": "Half the price.", "terms_url": "https://volt.test/gold",
}  # fmt: skip
FEE = {"amount": "1190", "currency": "EUR"}


async def plan(porch: Porch, **more: Any) -> int:
    async with porch.till.tenants.tenant(porch.tenant) as conn:
        made = await fleets.create_plan(conn, porch.till.actor, GOLD | more, porch.till.clock.now())
    return made.plan_id


def subscriptions(porch: Porch) -> list[dict[str, Any]]:
    return porch.till.rows(
        "SELECT plan_id, ends_at, pays_by FROM subscriptions WHERE tenant_id = %s ORDER BY began_at", porch.tenant
    )


async def a_card(porch: Porch, browser: httpx.AsyncClient, card: str = "visa") -> str:
    [found] = cards_of(await added(porch, browser, card))
    return found


async def test_a_driver_sees_what_it_costs_begins_by_a_card_and_has_the_price_and_a_receipt(porch: Porch) -> None:
    number, till = await plan(porch), porch.till
    await plan(porch, name="staff", title="Staff", month_fee=0, offered=False)
    async with till.tenants.tenant(porch.tenant) as conn:
        made = await pricing.create_tariff(conn, till.actor, "Members", a_tariff("0.25"), till.clock.now())
        await pricing.assign_tariff(conn, till.actor, made.tariff_id, Scope(subscription="gold"), till.clock.now())
    browser, ada = await porch.signed_in("ada@example.com")
    offers = (await browser.get("/my/membership")).text
    for words in ("€11.90 a month", "Half the price.", f"/my/membership/plans/{number}"):
        assert words in offers
    assert "Staff" not in offers
    offer = f"/my/membership/plans/{number}"
    assert "Add a card or put money in first" in (await browser.get(offer)).text
    card = await a_card(porch, browser)
    shown = (await browser.get(offer)).text
    for words in ("Begin for €11.90 a month", "19 % of VAT", "https://volt.test/gold", "until you end it"):
        assert words in shown
    assert "Your price as member" not in (await browser.get(porch.there)).text
    begun = await browser.post(offer, data=FEE | {"by": card})
    assert "You are a member now" in begun.text
    assert "Then the next month is paid" in begun.text
    assert till.balances() == {
        "psp_receivable:deployment": 1190, "revenue:subscription": -1000, "vat_payable:DE:19": -190,
    }  # fmt: skip
    assert "Your price as member of Gold" in (await browser.get(porch.there)).text
    [path] = re.findall(r"/my/membership/months/[0-9a-f-]{36}/receipt.pdf", begun.text)
    receipt = await browser.get(path)
    assert (receipt.headers["content-type"], receipt.content[:5]) == ("application/pdf", b"%PDF-")
    # It is nobody else's to read, and a second press of the button takes nothing.
    other, _ = await porch.signed_in("bea@example.com")
    assert (await other.get(path, follow_redirects=False)).status_code == 303
    assert "membership already" in (await browser.post(offer, data=FEE | {"by": card})).text
    assert len(subscriptions(porch)) == 1
    # Whoever looks at what is due, or hears of it once more, finds nothing to ask for.
    fees = Fees(till.worker, till.tenants, till.clock, till.payments)
    [row] = till.rows("SELECT subscription_id FROM subscriptions WHERE tenant_id = %s", porch.tenant)
    await fees.begun(tenant_id=porch.tenant, subject=str(row["subscription_id"]))
    assert len(till.rows("SELECT 1 FROM payment_intents WHERE tenant_id = %s AND purpose = 'fee'", porch.tenant)) == 1
    assert ada.pays_by is PaysBy.PAGE


async def test_a_first_month_that_is_declined_begins_nothing(porch: Porch) -> None:
    number = await plan(porch)
    browser, _ = await porch.signed_in("ada@example.com")
    card = await a_card(porch, browser, "declines_later")
    answer = await browser.post(f"/my/membership/plans/{number}", data=FEE | {"by": card})
    assert "could not be paid, so nothing began" in answer.text
    assert porch.till.balances() == {}
    [row] = subscriptions(porch)
    assert row["ends_at"] is not None
    assert "Your price as member" not in (await browser.get(porch.there)).text
    porch.till.clock.advance(timedelta(days=2).total_seconds())
    fees = Fees(porch.till.worker, porch.till.tenants, porch.till.clock, porch.till.payments)
    assert await fees.look_at_due() == 0
    # An empty wallet begins nothing either.
    answer = await browser.post(f"/my/membership/plans/{number}", data=FEE | {"by": "wallet"})
    assert "could not be paid, so nothing began" in answer.text


async def test_what_is_ended_while_its_first_month_is_asked_for_ends_with_that_month_if_it_fails(porch: Porch) -> None:
    number, till = await plan(porch), porch.till
    browser, ada = await porch.signed_in("ada@example.com")
    card = await a_card(porch, browser, "declines_later")
    verbs, origin = porch.members.memberships, ada.acting().origin
    till.box.faults(next=[{"fault": "error", "match": "POST /v1/payment_intents*", "times": 20}])
    await verbs.begin(ada, number, Money(amount=1190, currency="EUR"), PaysBy.CARD, UUID(card), origin)
    going = await verbs.end(ada, origin)
    assert going is not None
    assert going.subscription.ends_at is not None, "the month counts while it is asked for"
    till.box.faults()
    till.clock.advance(timedelta(hours=2).total_seconds())
    await till.sweeper.sweep()
    await Fees(till.worker, till.tenants, till.clock, till.payments).look_at_due()
    assert till.rows("SELECT state FROM subscription_fees WHERE tenant_id = %s", porch.tenant) == [{"state": "failed"}]
    assert await verbs.find(ada) is None
    with pytest.raises(NotMember):
        await verbs.keep(ada, origin)
    assert subscriptions(porch)[0]["ends_at"] <= till.clock.now()


async def test_what_changed_since_it_was_shown_or_is_not_offered_is_not_begun(porch: Porch) -> None:
    number, staff = await plan(porch), await plan(porch, name="staff", title="Staff", month_fee=0, offered=False)
    browser, ada = await porch.signed_in("ada@example.com")
    verbs, origin = porch.members.memberships, ada.acting().origin
    with pytest.raises(PlanChanged):
        await verbs.begin(ada, number, Money(amount=990, currency="EUR"), PaysBy.WALLET, None, origin)
    for unknown in (staff, 10**9):
        with pytest.raises(PlanUnknown):
            await verbs.begin(ada, unknown, Money(amount=0, currency="EUR"), PaysBy.WALLET, None, origin)
    crowd, _ = await porch.signed_in("bea@example.com")
    theirs = await a_card(porch, crowd)
    answer = await browser.post(f"/my/membership/plans/{number}", data=FEE | {"by": theirs})
    assert "not saved any more" in answer.text
    assert (
        "pay here that way" in (await browser.post(f"/my/membership/plans/{number}", data=FEE | {"by": "fleet"})).text
    )
    async with porch.till.tenants.tenant(porch.tenant) as conn:
        await fleets.close_plan(conn, porch.till.actor, number)
    assert "begun any more" in (await browser.get(f"/my/membership/plans/{number}")).text
    assert subscriptions(porch) == []


async def test_it_ends_with_the_month_that_is_paid_unless_the_driver_keeps_it(porch: Porch) -> None:
    number, till = await plan(porch), porch.till
    browser, ada = await porch.signed_in("ada@example.com")
    card = await a_card(porch, browser)
    await browser.post(f"/my/membership/plans/{number}", data=FEE | {"by": card})
    [month] = till.rows("SELECT until_at FROM subscription_fees WHERE tenant_id = %s", porch.tenant)
    assert "You keep the price of members until" in (await browser.get("/my/membership?end=1")).text
    for _ in range(2):
        ended = await browser.post("/my/membership/end")
        assert "Nothing more is taken" in ended.text
        assert subscriptions(porch)[0]["ends_at"] == month["until_at"]
    with pytest.raises(AlreadyMember):
        await porch.members.memberships.begin(
            ada, number, Money(amount=1190, currency="EUR"), PaysBy.CARD, UUID(card), ada.acting().origin
        )
    assert "Then the next month is paid" in (await browser.post("/my/membership/keep")).text
    assert subscriptions(porch)[0]["ends_at"] is None
    # The wallet pays from now on; and a card that is taken away pays nothing.
    assert "Saved." in (await browser.post("/my/membership/pays-by", data={"by": "wallet"})).text
    assert subscriptions(porch)[0]["pays_by"] == "wallet"
    await browser.post("/my/membership/pays-by", data={"by": card})
    await browser.post(f"/my/cards/{card}/remove")
    assert subscriptions(porch)[0]["pays_by"] is None
    await browser.post("/my/membership/end")
    till.clock.advance(timedelta(days=32).total_seconds())
    fees = Fees(till.worker, till.tenants, till.clock, till.payments)
    await fees.look_at_due()
    assert len(till.rows("SELECT 1 FROM subscription_fees WHERE tenant_id = %s", porch.tenant)) == 1
    assert await porch.members.memberships.find(ada) is None
    assert [each.plan_id for each in await porch.members.memberships.plans(ada)] == [number]


async def test_an_app_has_the_same_verbs(porch: Porch) -> None:
    number, driver = await plan(porch), await porch.signed_in("ada@example.com")
    card = await a_card(porch, driver[0])
    [kept] = [each.value for each in driver[0].cookies.jar if "driver" in each.name]
    app = an_api(porch, api.routes)
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(
        transport=transport, base_url="https://api.test/driver/me", headers={"authorization": f"Bearer {kept}"}
    ) as phone:
        [offer] = (await phone.get("/plans")).json()["items"]
        assert (offer["id"], offer["fee"], offer["vat"]) == (number, {"amount": 1190, "currency": "EUR"}, "19")
        asked = {"plan": number, "amount": 1190, "currency": "EUR", "by": "card", "card": card}
        for changes, status, code in (
            ({"amount": 1000}, 409, "plan-changed"),
            ({"card": str(UUID(int=5))}, 404, "card-unknown"),
            ({"by": "page", "card": None}, 422, "way-refused"),
        ):
            answer = await phone.post("/membership", json=asked | changes)
            assert (answer.status_code, answer.json()["code"]) == (status, code)
        assert (await phone.delete("/membership")).json()["code"] == "not-member"
        begun = (await phone.post("/membership", json=asked)).json()
        assert (begun["pays_by"], begun["card"], begun["ends_at"]) == ("card", card, None)
        assert begun["next_at"] == begun["paid_until"]
        ended = (await phone.delete("/membership")).json()
        assert ended["membership"]["ends_at"] == begun["paid_until"]
        assert [(each["state"], each["fee"]["amount"]) for each in ended["months"]] == [("paid", 1190)]
        kept_on = (await phone.post("/membership/keep")).json()
        assert (kept_on["ends_at"], kept_on["next_at"]) == (None, begun["paid_until"])
        assert (await phone.put("/membership/pays-by", json={"by": "wallet"})).json()["pays_by"] == "wallet"
