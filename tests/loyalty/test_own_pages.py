"""What drivers see of vouchers, offers and points, without a script, and the same by the API."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest
from msgspec import structs

from forecourt.driver.account import api
from forecourt.driver.speech import Speech
from forecourt.driver.words import earning_words, tier_words
from forecourt.loyalty.model.terms import Places
from forecourt.loyalty.rewards import service as rewards
from forecourt.loyalty.rewards.model import Program, Tier
from forecourt.pricing.model import Day
from tests.driver.porch import HOST, Porch, an_api
from tests.loyalty.club import Club
from tests.payments.till import Till


async def test_who_has_a_code_sees_what_it_gives_before_he_pays_and_has_it_on_the_bill(club: Club) -> None:
    porch, till = Porch(club.till), club.till
    await club.campaign(codes=("OPEN-26",), uses=1, percent=Decimal(20), most=300, label="Opening voucher")
    browser, here = porch.browser(), f"/charge/{till.station}/1"
    assert "I have a voucher" in (await browser.get(here)).text
    wrong = await browser.get(here, params={"voucher": "nothing"})
    assert "There is no such voucher" in wrong.text
    good = await browser.get(here, params={"voucher": "open 26"})
    for words in ("Opening voucher", "20 % off, at most €3.00"):
        assert words in good.text.replace("\N{NO-BREAK SPACE}", " ")
    assert len(good.content) < 10_000
    # Typed in the form of the button that pays: a wrong one says so before anything is begun, a right one counts.
    begun = till.one("SELECT count(*) AS it FROM payment_intents WHERE tenant_id = %s", till.tenant_id)
    refused = await browser.post(here, data={"voucher": "nothing"})
    assert (refused.status_code, "There is no such voucher" in refused.text) == (409, True)
    assert 'value="nothing"' in refused.text
    assert till.one("SELECT count(*) AS it FROM payment_intents WHERE tenant_id = %s", till.tenant_id) == begun
    form = good.text[good.text.index('<form method="post"') : good.text.index("</form>")]
    assert 'name="voucher"' in form
    answer = await browser.post(here, data={"voucher": "open 26"})
    intent = await porch.pay_page(answer)
    await till.work()
    session = till.plug_in(intent, wh=10_000)
    await till.work()
    cost = await club.priced(session)
    assert cost.incl_vat is not None
    # A fifth of 5.95.
    assert cost.incl_vat.amount == 476
    over = await browser.get(f"/charging/{intent.intent_id}", params={"back": "1"})
    assert "Opening voucher" in over.text
    assert "-€1.19" in over.text
    # It was good once.
    assert "used already" in (await browser.get(here, params={"voucher": "open26"})).text
    refused = await browser.post(f"/charge/{till.station}/2", params={"voucher": "open26"})
    assert (refused.status_code, "used already" in refused.text) == (409, True)


async def test_a_voucher_for_all_of_a_session_ends_with_a_receipt_of_nothing_to_pay(club: Club) -> None:
    porch, till = Porch(club.till), club.till
    await club.campaign(codes=("ALL-26",), uses=1, percent=Decimal(100), most=5_000, label="Everything on us")
    browser, here = porch.browser(), f"/charge/{till.station}/1"
    intent = await porch.pay_page(await browser.post(here, data={"voucher": "all-26"}))
    await till.work()
    way = f"/charging/{intent.intent_id}"
    till.plug_in(intent, wh=10_000)
    assert (await browser.post(f"{way}/email", data={"email": "ada@example.com"})).status_code == 200
    said = await till.work()
    page = (await browser.get(way)).text.replace("\N{NO-BREAK SPACE}", " ")
    assert 'data-stage="free"' in page
    for words in ("There is nothing to pay", "Everything on us", "-€5.95", "<dt>Paid</dt><dd>€0.00</dd>", "10 kWh"):
        assert words in page, words
    assert "Start again" not in page
    assert (await browser.get(f"{way}/receipt.pdf")).content[:5] == b"%PDF-"
    assert "payment.released" in said


async def test_a_driver_enters_a_code_sees_points_and_turns_them_into_money(club: Club) -> None:
    porch, till = Porch(club.till), club.till
    browser, ada = await porch.signed_in("ada@example.com")
    await club.campaign(codes=("GIFT",), uses=None, amount=150, per_driver=1, label="Gift")
    await club.campaign(amount=50, label="For members", stacks=True)
    async with till.tenants.tenant(porch.tenant) as conn:
        program = Program(currency="EUR", points_per_kwh=10, value_of_100=100)
        await rewards.set_program(conn, till.actor, program, till.clock.now())
    page = await browser.post("/my/offers", data={"code": "gift"})
    for words in ("The voucher is kept", "Gift", "€1.50 off", "For members", "Points"):
        assert words in page.text
    assert "There is no such voucher" in (await browser.post("/my/offers", data={"code": "nope"})).text
    assert "€1.50 off" in (await browser.get(porch.there)).text
    intent = await porch.pay_page(await browser.post(porch.there, data={"by": "page"}))
    await till.work()
    till.plug_in(intent, wh=10_000)
    await till.work()
    await till.loyalty.paid(tenant_id=porch.tenant, subject=str(intent.intent_id))
    await till.loyalty.settle_due()
    page = await browser.get("/my/offers")
    for words in ("Saved so far", "€1.50", ">100<", "€1.00"):
        assert words in page.text
    assert "money in your wallet now" in (await browser.post("/my/offers/redeem")).text
    assert till.balances()[f"wallet:{ada.driver_id}"] == -100
    assert "no points that are worth anything" in (await browser.post("/my/offers/redeem")).text
    for language, words in (("de", "Gutscheine"), ("fr", "Bons"), ("nl", "Bonnen"), ("es", "Vales")):
        assert words in (await browser.get("/my/offers", params={"lang": language})).text
    # The same for an app.
    [token] = [each.value for each in browser.cookies.jar if "driver" in each.name]
    transport = httpx.ASGITransport(an_api(porch, api.routes))
    headers = {"authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(transport=transport, base_url=HOST, headers=headers) as app:
        offers: dict[str, Any] = (await app.get("/driver/me/offers")).json()
        assert [each["label"] for each in offers["offered"]] == ["For members"]
        assert [each["amount"]["amount"] for each in offers["given"]] == [150]
        assert (await app.post("/driver/me/vouchers", json={"code": "gift"})).status_code == 409
        points = (await app.get("/driver/me/points")).json()
        assert (points["points"], points["worth"]["amount"]) == (0, 0)
        assert (await app.post("/driver/me/points/redeem", json={})).status_code == 409


async def test_a_driver_is_told_when_where_and_until_when_by_letter_page_and_app(club: Club) -> None:
    porch, till = Porch(club.till), club.till
    browser, ada = await porch.signed_in("nudged@example.com")
    till.rows(
        "INSERT INTO driver_consents (tenant_id, driver_id, kind, given, text_version, said_at)"
        " VALUES (%s, %s, 'marketing', true, '1', now())", porch.tenant, ada.driver_id,
    )  # fmt: skip
    till.rows("UPDATE organisations SET time_zone = 'America/New_York' WHERE tenant_id = %s", porch.tenant)
    # The last day by the organisation's clock, which is over in UTC only on the next one.
    ends = datetime(2099, 11, 30, 23, 59, 59, tzinfo=ZoneInfo("America/New_York"))
    where = Places(hours=frozenset({22, 23, 0, 9}), days=frozenset({Day.MONDAY}), sites=frozenset({"yard"}),
                   connector_types=frozenset({"IEC_62196_T2_COMBO"}))  # fmt: skip
    await club.campaign(
        percent=Decimal(20), most=500, minimum=1_000, label="Quiet hours", announce=True, ends_at=ends, places=where
    )
    await club.campaign(codes=("LATE",), amount=150, minimum=900, label="Late", ends_at=ends, places=where)
    await till.work()
    [letter] = [each for each in till.rows("SELECT body FROM letters WHERE tenant_id = %s", porch.tenant)
                if "Your sessions with" in each["body"]]  # fmt: skip
    page = (await browser.post("/my/offers", data={"code": "late"})).text
    when = "When: Mon, 09:00\N{EN DASH}10:00, 22:00\N{EN DASH}01:00, by the clock of the site"
    told = (when, "Where: Yard", "Plug: CCS", "20 % off, at most €5.00, for a bill from €10.00", "Until: 30 Nov 2099")
    for said in (letter["body"], page):
        plain = said.replace("\N{NO-BREAK SPACE}", " ").replace("\N{NARROW NO-BREAK SPACE}", " ")
        for words in told:
            assert words in plain, words
    assert "€1.50 off, for a bill from €9.00" in page
    assert page.count("Where: Yard") == 2
    for language, words in (("de", "Ortszeit des Standorts"), ("fr", "Où : Yard"), ("nl", "Waar: Yard"),
                            ("es", "Dónde: Yard")):  # fmt: skip
        assert words in (await browser.get("/my/offers", params={"lang": language})).text
    [token] = [each.value for each in browser.cookies.jar if "driver" in each.name]
    transport = httpx.ASGITransport(an_api(porch, api.routes))
    headers = {"authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(transport=transport, base_url=HOST, headers=headers) as app:
        answer: dict[str, Any] = (await app.get("/driver/me/offers")).json()
    [offer] = answer["offered"]
    assert (offer["hours"], offer["days"], offer["sites"]) == ([0, 9, 22, 23], ["MONDAY"], ["Yard"])
    assert (offer["minimum"]["amount"], datetime.fromisoformat(offer["ends_at"])) == (1_000, ends)
    assert answer["kept"][0]["minimum"]["amount"] == 900


@pytest.mark.parametrize(
    ("language", "one", "more"),
    [
        ("en", "Silver from 1 session in 1 day", "Silver from 2 sessions in 30 days"),
        ("de", "Silver ab 1 Ladevorgang in 1 Tag", "Silver ab 2 Ladevorgängen in 30 Tagen"),
        ("fr", "Silver dès 1 recharge en 1 jour", "Silver dès 2 recharges en 30 jours"),
        ("nl", "Silver vanaf 1 laadsessie in 1 dag", "Silver vanaf 2 laadsessies in 30 dagen"),
        ("es", "Silver desde 1 recarga en 1 día", "Silver desde 2 recargas en 30 días"),
    ],
)
def test_one_session_is_one(language: str, one: str, more: str) -> None:
    with Speech().speaking_of(language):
        for least, days, said in ((1, 1, one), (2, 30, more)):
            program = Program(currency="EUR", tier_window_days=days)
            assert tier_words(Tier(name="Silver", least=least), program) == said


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("en", "Points for each kWh: 2|Points for each €1.00 that you pay: 3|Back into your wallet, of what you pay:"
               " 1.5 %"),
        ("de", "Punkte für jede kWh: 2|Punkte für jede bezahlten 1,00 €: 3|Zurück in Ihr Guthaben, von dem, was Sie"
               " bezahlen: 1,5 %"),
    ],
)  # fmt: skip
def test_a_driver_reads_how_points_are_earned(language: str, said: str) -> None:
    program = Program(
        currency="EUR", points_per_kwh=2, points_per_unit=3, value_of_100=100, cashback_percent=Decimal("1.50")
    )
    with Speech().speaking_of(language):
        assert "|".join(earning_words(program, None)).replace("\N{NO-BREAK SPACE}", " ") == said
        assert earning_words(structs.replace(program, active=False), None) == []


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("en", "Points for each kWh: 1.5|Points for each €1.00 that you pay: 4.5|Back into your wallet, of what you"
               " pay: 2.5 %"),
        ("de", "Punkte für jede kWh: 1,5|Punkte für jede bezahlten 1,00 €: 4,5|Zurück in Ihr Guthaben, von dem, was Sie"
               " bezahlen: 2,5 %"),
    ],
)  # fmt: skip
def test_a_driver_with_a_tier_reads_what_he_earns_himself(language: str, said: str) -> None:
    program = Program(
        currency="EUR", points_per_kwh=1, points_per_unit=3, value_of_100=100, cashback_percent=Decimal("1.50")
    )
    with Speech().speaking_of(language):
        silver = Tier(name="Silver", least=5, points_percent=150, cashback_percent=Decimal("2.50"))
        assert "|".join(earning_words(program, silver)).replace("\N{NO-BREAK SPACE}", " ") == said
        # What a tier doesn't say is the program's; one without points says nothing of them.
        plain = Tier(name="Bronze", least=1)
        assert earning_words(program, plain) == earning_words(program, None)
        assert len(earning_words(program, Tier(name="None", least=1, points_percent=0))) == 1


async def test_a_driver_sees_what_he_earns_with_his_tier_and_what_the_next_one_gives(club: Club) -> None:
    porch, till = Porch(club.till), club.till
    browser, _ = await porch.signed_in("silver@example.com")
    tiers = (Tier(name="Silver", least=0, points_percent=150), Tier(name="Gold", least=30, points_percent=200))
    async with till.tenants.tenant(porch.tenant) as conn:
        program = Program(currency="EUR", points_per_kwh=1, value_of_100=100, tiers=tiers)
        await rewards.set_program(conn, till.actor, program, till.clock.now())
    page = (await browser.get("/my/offers")).text
    own, above = page[: page.index("Gold from")], page[page.index("Gold from") :]
    assert "Points for each kWh: 1.5<" in own
    assert "Points for each kWh: 2<" in above


async def test_who_leaves_takes_along_what_was_given_and_points_are_owed_no_more(club: Club) -> None:
    porch, till = Porch(club.till), club.till
    browser, ada = await porch.signed_in("leaving@example.com")
    campaign = await club.campaign(amount=50, label="For members")
    async with till.tenants.tenant(porch.tenant) as conn:
        program = Program(currency="EUR", points_per_kwh=10, value_of_100=100)
        await rewards.set_program(conn, till.actor, program, till.clock.now())
    intent = await porch.pay_page(await browser.post(porch.there, data={"by": "page"}))
    await till.work()
    till.plug_in(intent, wh=10_000)
    await till.work()
    await till.loyalty.paid(tenant_id=porch.tenant, subject=str(intent.intent_id))
    exported = (await browser.get("/my/export.json")).json()
    assert [each["campaign_id"] for each in exported["given"]] == [campaign.campaign_id]
    await browser.post("/my/erase")
    assert f"points:{ada.driver_id}" not in till.balances()
    for table in ("loyalty_members", "loyalty_uses", "loyalty_decisions"):
        assert not till.rows(f"SELECT 1 FROM {table} WHERE driver_id = %s", ada.driver_id), table


async def test_nothing_that_is_kept_names_the_card_of_who_left(club: Club) -> None:
    porch, till = Porch(club.till), club.till
    browser, ada = await porch.signed_in("card@example.com")
    card = "LEFT-c0ffee-77"
    till.rows(
        "INSERT INTO tokens (tenant_id, uid_key, uid, type, status) VALUES (%s, %s, %s, 'ISO14443', 'accepted')",
        porch.tenant, card.lower(), card,
    )  # fmt: skip
    till.rows(
        "INSERT INTO driver_tokens VALUES (%s, %s, %s, %s, 'operator')",
        porch.tenant, card.lower(), ada.driver_id, till.clock.now() - timedelta(days=1),
    )  # fmt: skip
    await club.campaign(amount=50, label="For members")
    till.clock.advance(7200)
    for over in (True, False):
        await club.begun(club.session(card, over=over))
    # What has its session is of no card; and what was written before it was so is of none when its driver leaves.
    assert till.rows("SELECT state, token_uid FROM loyalty_uses WHERE driver_id = %s", ada.driver_id) == 2 * [
        {"state": "bound", "token_uid": None}
    ]
    till.rows("UPDATE loyalty_uses SET token_uid = %s WHERE driver_id = %s", card, ada.driver_id)
    await browser.post("/my/erase")
    assert till.one("SELECT count(*) AS it FROM sessions WHERE token_uid LIKE %s", f"erased-{ada.driver_id}-%") == 2
    assert _tables_with(till, card) == []


def _tables_with(till: Till, text: str) -> list[str]:
    """Tables in which a row has it, however it is spelt."""
    named = till.rows(
        "SELECT c.oid::regclass::text AS it FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
        " WHERE n.nspname = 'public' AND c.relkind = 'r' ORDER BY 1"
    )
    return [
        row["it"]
        for row in named
        if till.rows(f"SELECT 1 FROM {row['it']} t WHERE position(%s in lower(t::text)) > 0 LIMIT 1", text.lower())
    ]
