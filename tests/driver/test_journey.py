"""A driver's way from the code at the station to the receipt: HTTP, no script, the sandbox provider behind it."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from decimal import Decimal
from html import unescape
from io import BytesIO
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import httpx
import pytest
import pytest_asyncio
from litestar import Litestar
from litestar.di import Provide
from msgspec.structs import replace
from pypdf import PdfReader

from forecourt.app import problems
from forecourt.driver import store, words
from forecourt.driver.api import routes as api_routes
from forecourt.driver.gates import MAX_UNPAID_HERE, MAX_UNPAID_OF_ONE, MAX_UNPAID_OF_ONE_HERE, Gates, giving_way, who_of
from forecourt.driver.jobs import DriverJobs
from forecourt.driver.model import CAN_GIVE_UP, HeldBack, Running, Stage, departure_of, stage_of
from forecourt.driver.pages import driver_pages
from forecourt.driver.scans import Scans
from forecourt.driver.service import Ways
from forecourt.driver.shell import DriverShell, theme_css
from forecourt.driver.speech import Speech
from forecourt.driver.store import OpenStart
from forecourt.driver.way import Leaving
from forecourt.payments.intents.model import State
from forecourt.payments.intents.refunds import heed_refunds
from forecourt.payments.intents.service import TRY_AGAIN_AFTER
from forecourt.payments.intents.store import IntentFilter, list_intents
from forecourt.payments.providers.stripe import Stripe
from forecourt.payments.psp.errors import ProviderRefused
from forecourt.pricing.model import Free, PriceLimit, TaxIncluded
from forecourt.stations.commands import StationOffline
from forecourt.ui.assets import Assets
from forecourt.ui.formats import SPACE
from tests.ground import Ground
from tests.payments.till import SECRET, Till, a_tariff, a_till
from tests.sandbox import Sandbox, sandbox
from tests.support import EPOCH, FakeClock

HOST = "https://drive.test"
LANGUAGES = {"en": "Pay and start", "de": "Bezahlen und starten", "fr": "Payer et démarrer",
             "nl": "Betalen en starten", "es": "Pagar y empezar"}  # fmt: skip

ASSETS = ("my.css", "driver.css", "driver.js", "find.css", "find.js", "countries.json", "map-worker.js")


class Plans:
    """Stands for smart charging: what is planned, and what was said of it."""

    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock
        self.said: list[Any] = []
        self.more: dict[str, Any] = {}

    async def ready_at(self, tenant_id: int, session_id: UUID) -> Leaving:
        at = self.said[-1] if self.said else self.clock.now() + timedelta(hours=2)
        return Leaving(departure_at=at, ready_at=at, **self.more)

    async def leave_at(self, tenant_id: int, session_id: UUID, at: Any) -> None:
        self.said.append(at)


class Street:
    """Where a driver walks up to a station with nothing but a browser."""

    def __init__(self, till: Till) -> None:
        self.till = till
        self.plans = Plans(till.clock)
        assets = Assets(dict.fromkeys(ASSETS, "/static/x"), {})
        self.gates = Gates(till.tenants, till.payments, till.clock, b"a secret")
        scans = Scans(till.tenants, till.clock, SECRET)
        self.ways = Ways(till.tenants, till.payments, till.charging, till.clock, self.gates, self.plans, scans=scans)
        routes = driver_pages(DriverShell(assets), self.ways, till.tenants, till.clock, HOST)
        app = Litestar(route_handlers=routes, exception_handlers=problems.HANDLERS, openapi_config=None)
        inner: Any = app
        self.app = inner
        self.jobs = DriverJobs(till.tenants, self.ways, till.clock, HOST)
        self.browser = httpx.AsyncClient(transport=httpx.ASGITransport(inner), base_url=HOST, follow_redirects=True)
        self.connector = till.connector

    @property
    def code(self) -> str:
        """What the code at the station leads to."""
        return f"/charge/{self.till.station}/1"

    async def pay(self, card: str = "visa", **how: Any) -> str:
        """From the price over the provider's page and back; the address of the payment."""
        answer = await self.browser.post(self.code, **how)
        assert answer.status_code == 200, answer.text
        assert 'http-equiv="refresh" content="0;url=http://127.0.0.1' in answer.text
        intent = await self.till.payments.find(self.till.tenant_id, UUID(answer.url.path.rpartition("/")[2]))
        assert intent.reference is not None
        await asyncio.to_thread(self.till.box.pay, intent.reference, card)
        assert (await self.browser.get(f"{answer.url.path}/back")).status_code == 200
        return answer.url.path

    async def intent(self, way: str) -> Any:
        return await self.till.payments.find(self.till.tenant_id, UUID(way.rpartition("/")[2]))

    async def page(self, way: str, **how: Any) -> str:
        answer = await self.browser.get(way, **how)
        assert answer.status_code == 200
        assert answer.headers["referrer-policy"] == "no-referrer"
        return answer.text


def stage(page: str) -> str:
    found = re.search(r'data-stage="(\w+)"', page)
    assert found is not None, page
    return found[1]


@pytest.fixture(scope="module")
def box() -> Iterator[Sandbox]:
    with sandbox() as running:
        yield running


@pytest_asyncio.fixture
async def street(ground: Ground, clock: FakeClock, box: Sandbox) -> AsyncIterator[Street]:
    async with a_till(ground, clock, box, a_tariff()) as till:
        yield Street(till)


async def test_a_driver_without_a_script_gets_from_the_code_to_the_receipt(street: Street) -> None:
    street.connector("Available")
    price = await street.page(street.code)
    # Prices with taxes, per kWh first, and what is held before anybody pays.
    assert price.index("€0.595 per kWh") < price.index("€0.119 per minute parked")
    assert "All prices include taxes." in price
    assert "are held on your card" in price
    assert "to €300.00 at the most. Then it is stopped" in price
    assert "<script" not in price
    way = await street.pay()
    await street.till.work()
    assert stage(await street.page(way)) == "plug"
    intent = await street.intent(way)
    session = street.till.plug_in(intent, wh=4_000, minutes=30, over=False)
    await street.till.work()
    live = await street.page(way)
    assert stage(live) == "charging"
    assert "<dd>4.0" in live, live
    assert "€2.38" in live
    for typed in ("ada", "ada@", "a b@example.com", ""):
        unread = await street.browser.post(f"{way}/email", data={"email": typed})
        assert (unread.status_code, unread.url.path) == (200, way)
        assert "This e-mail address can't be read" in unread.text
    assert (await street.intent(way)).email is None
    assert (await street.browser.post(f"{way}/email", data={"email": "ada@example.com"})).status_code == 200
    # What is held is told, and that it is nearly used up once the car is slowed down for that.
    assert "Held on your card" in live
    assert "nearly used up" not in live
    street.till.rows("UPDATE payment_intents SET slowed_at = now() WHERE intent_id = %s", intent.intent_id)
    assert "nearly used up" in await street.page(way)
    stopped = await street.browser.post(f"{way}/stop")
    assert stage(stopped.text) == "stopping"
    assert len(street.till.stations.stops) == 1
    street.till.go_on(session, wh=10_000)
    street.till.rows("UPDATE sessions SET charging_state = 'Charging' WHERE session_id = %s", session)
    said = await street.till.work()
    receipt = await street.page(way)
    assert stage(receipt) == "receipt"
    taken = (await street.intent(way)).captured_amount
    assert f"€{Decimal(taken) / 100:.2f}" in receipt
    assert "of which VAT 19 %" in receipt
    assert "payment.captured" in said
    await street.jobs.captured(tenant_id=street.till.tenant_id, subject=way.rpartition("/")[2])
    [letter] = street.till.rows("SELECT recipient, body FROM letters WHERE tenant_id = %s", street.till.tenant_id)
    assert letter["recipient"] == "ada@example.com"
    assert f"€{Decimal(taken) / 100:.2f}" in letter["body"]
    pdf = await street.browser.get(f"{way}/receipt.pdf")
    assert (pdf.headers["content-type"], pdf.content[:5]) == ("application/pdf", b"%PDF-")
    # Records that came once it was paid make it faulty with nobody having looked.
    street.till.rows(
        "INSERT INTO session_signatures (session_id, tenant_id, station_id, trust, flaws, records, held, checked_at)"
        " VALUES (%s, %s, %s, 'broken', '{key-other}', 2, true, now())",
        session, street.till.tenant_id, street.till.station_id,
    )  # fmt: skip
    faulty = unescape(await street.page(way))
    assert "The meter's signed values are faulty." in faulty
    assert "the operator has looked" not in faulty
    street.till.rows("UPDATE session_signatures SET released_at = now() WHERE session_id = %s", session)
    assert "the operator has looked at this session" in await street.page(way)
    # Where less was taken than billed, its VAT is of what was taken, as in the books.
    street.till.rows("UPDATE payment_intents SET captured_amount = 119 WHERE intent_id = %s", intent.intent_id)
    assert "<dt>of which VAT 19 %</dt><dd>€0.19</dd>" in await street.page(way)


async def test_who_was_shown_another_price_than_counts_by_now_is_shown_that_one_and_nothing_begins(
    street: Street,
) -> None:
    page = await street.page(street.code)
    [was] = re.findall(r'name="price" value="([0-9a-f]+)"', page)
    assert "€0.595 per kWh" in page
    # A night passes between the page and the button.
    await street.till.priced(a_tariff("0.79"))
    answer = await street.browser.post(street.code, data={"price": was})
    assert (answer.status_code, "€0.9401 per kWh" in answer.text) == (409, True)
    assert "The price is another one by now" in answer.text
    assert street.till.rows("SELECT 1 FROM payment_intents WHERE tenant_id = %s", street.till.tenant_id) == []
    [now] = re.findall(r'name="price" value="([0-9a-f]+)"', answer.text)
    assert now != was
    way = await street.pay(data={"price": now})
    assert (await street.intent(way)).state is State.AUTHORISED


def cents(lines: list[str]) -> int:
    return round(sum(Decimal(line.replace("\N{EURO SIGN}", "").replace(",", "")) for line in lines) * 100)


async def test_the_lines_of_a_receipt_add_up_to_what_was_paid_when_the_hold_was_used_up(street: Street) -> None:
    way = await street.pay()
    await street.till.work()
    # 200.001 kWh, three hours of it, and no more than the hold.
    street.till.plug_in(await street.intent(way), wh=200_001, minutes=180)
    await street.till.work()
    page = unescape(await street.page(way))
    assert stage(page) == "receipt"
    lines = re.findall(r"<dt>([^<]+)</dt><dd>(-?€[0-9.,]+)</dd>", page[page.index('<dl class="facts">') :])
    at = [what for what, _ in lines].index("Paid")
    held = (await street.intent(way)).authorised_amount
    assert lines[at - 1][0] == "Not charged, as it is above what was held"
    assert cents([amount for _, amount in lines[:at]]) == cents([lines[at][1]]) == held
    vat = next(amount for what, amount in lines if what.startswith("of which VAT 19"))
    assert cents([vat]) == (held * 19 * 2 + 119) // 238
    # The ledger has the very same.
    booked = next(amount for name, amount in street.till.balances().items() if name.startswith("vat_payable"))
    assert -booked == cents([vat])
    # Who sold it, as the organisation says on its invoices, and when.
    assert "<dt>Seller</dt>" in page
    # By its payment, which it finds: it claims no place in a series.
    receipt = way.rpartition("/")[2][:13].upper()
    assert f"<dt>Receipt</dt><dd>{receipt}</dd>" in page
    async with street.till.tenants.tenant(street.till.tenant_id) as conn:
        found = await list_intents(conn, street.till.tenant_id, IntentFilter(search=receipt), limit=9)
    assert [str(each.intent_id) for each in found] == [way.rpartition("/")[2]]
    seller = {
        "name": "Volt GmbH", "street": "Am Hof 1", "postcode": "10115", "city": "Berlin", "country": "DE",
        "vat_id": "DE136695976",
    }  # fmt: skip
    street.till.rows(
        "INSERT INTO invoice_sellers (tenant_id, said, dunning, changed_at) VALUES (%s, %s, '{}', now())",
        street.till.tenant_id, json.dumps(seller),
    )  # fmt: skip
    page = unescape(await street.page(way))
    assert "<dd>Volt GmbH, Am Hof 1, 10115 Berlin, DE</dd>" in page
    assert "<dt>Seller's VAT number</dt><dd>DE136695976</dd>" in page
    assert f"<dt>Date</dt><dd>{words.day(street.till.clock.now(), 'Europe/Berlin')}</dd>" in page
    pdf = await street.browser.get(f"{way}/receipt.pdf")
    assert pdf.content[:5] == b"%PDF-"


async def test_a_16_session_that_pauses_says_so_and_from_when_parking_costs_what(street: Street) -> None:
    street.connector("Preparing")
    way = await street.pay()
    await street.till.work()
    session = street.till.plug_in(await street.intent(way), wh=4_000, minutes=30, over=False)
    await street.till.work()
    began = street.till.rows("SELECT started_at FROM sessions WHERE session_id = %s", session)[0]["started_at"]
    full = began + timedelta(minutes=10)
    for at, state in ((began, "Charging"), (full, "SuspendedEV")):
        street.connector(state)
        street.till.rows(
            "INSERT INTO connector_history (station_id, evse, connector, tenant_id, state, state_at, arrived_at)"
            " VALUES (%s, 1, 1, %s, %s, %s, %s)",
            street.till.station_id, street.till.tenant_id, state, at, at,
        )  # fmt: skip
        if state == "Charging":
            page = await street.page(way)
            assert (stage(page), "Parking without charging costs" in page) == ("charging", False)
    page = unescape(await street.page(way))
    assert stage(page) == "paused"
    assert "You may lock your car and leave" not in page
    clock = words.hour(full, "Europe/Berlin")
    assert f"Parking without charging costs €0.119 per minute. It has been counted since {clock}." in page
    # 20 minutes of it beside 4 kWh: both are in what it costs so far.
    assert "€4.76" in page
    # The site pauses it: nothing runs on.
    street.till.rows(
        "INSERT INTO connector_history (station_id, evse, connector, tenant_id, state, state_at, arrived_at)"
        " VALUES (%s, 1, 1, %s, 'SuspendedEVSE', %s, %s)",
        street.till.station_id, street.till.tenant_id, *[full + timedelta(minutes=5)] * 2,
    )  # fmt: skip
    page = unescape(await street.page(way))
    assert ("No fee for parking runs." in page, "Parking without charging costs" in page) == (True, False)
    street.connector("Charging")
    assert stage(await street.page(way)) == "charging"


async def test_who_pays_a_debt_later_has_the_receipt_and_its_letter_in_their_language(street: Street) -> None:
    till = street.till
    debt = await till.paid(payer="driver:7", email="ada@example.com", language="de")
    await till.work()
    till.clock.advance(301)
    await till.sweeper.sweep()
    till.plug_in(debt, wh=10_000)
    await till.work()
    way = f"/charging/{debt.intent_id}"
    assert stage(await street.page(way)) == "owed"
    assert (await street.browser.get(f"{way}/receipt.pdf")).status_code == 404
    paying = await till.payments.pay_debt(till.tenant_id, "driver:7", return_url="https://x.test")
    assert paying.reference is not None
    await asyncio.to_thread(till.box.pay, paying.reference, "visa")
    await till.payments.returned(till.tenant_id, paying.intent_id)
    page = await street.page(way)
    assert stage(page) == "paid_late"
    assert "Nothing was taken" not in page
    assert "€5.95" in page
    assert "€0.95" in page
    assert (await street.browser.get(f"{way}/receipt.pdf")).content[:5] == b"%PDF-"
    await street.jobs.captured(tenant_id=till.tenant_id, subject=str(paying.intent_id))
    [letter] = till.rows("SELECT recipient, subject, body FROM letters WHERE tenant_id = %s", till.tenant_id)
    assert (letter["recipient"], letter["subject"].partition(" ")[0]) == ("ada@example.com", "Ihr")
    assert way in letter["body"]
    assert "0,95" in letter["body"]


async def test_a_receipt_says_what_it_comes_to_after_money_went_back_as_the_books_do(street: Street) -> None:
    till, way = street.till, await street.pay()
    await till.work()
    intent = await street.intent(way)
    till.plug_in(intent, wh=10_000)
    await till.work()

    async def lines() -> list[tuple[str, str]]:
        found = re.findall(r"<div><dt>(.*?)</dt><dd>(.*?)</dd></div>", unescape(await street.page(way)))
        written = [(what, said) for what, said in found if said.startswith("€")]
        [sheet] = PdfReader(BytesIO((await street.browser.get(f"{way}/receipt.pdf")).content)).pages
        printed = sheet.extract_text()
        assert all(what in printed and said in printed for what, said in written[1:])
        return written

    assert (await lines())[-2:] == [("Paid", "€5.95"), ("of which VAT 19 %", "€0.95")]
    for back, left, tax in ((95, "€5.00", 80), (33, "€4.67", 75)):
        await till.payments.refund(till.actor, intent.intent_id, back, "asked for")
        await till.work()
        assert till.balances()["vat_payable:DE:19"] == -tax
        assert (await lines())[-2:] == [("Now comes to", left), ("of which VAT 19 %", f"€0.{tax}")]
    till.rows(
        "INSERT INTO payment_disputes (tenant_id, account_id, intent_id, reference, amount, currency, status, reason,"
        " opened_at, decided_at, took_money) SELECT tenant_id, account_id, intent_id, 'dp_1', 467, 'EUR', 'lost',"
        " 'fraudulent', now(), now(), true FROM payment_intents WHERE intent_id = %s",
        intent.intent_id,
    )
    # The supply stands, and with it the tax that was declared for it.
    assert till.balances()["vat_payable:DE:19"] == -75
    assert (await lines())[-3:] == [
        ("Now comes to", "€4.67"), ("of which VAT 19 %", "€0.75"), ("Taken back by the bank", "€4.67"),
    ]  # fmt: skip


async def test_a_session_that_was_paid_later_and_refunded_says_so_wherever_it_is_shown(street: Street) -> None:
    till = street.till
    debt = await till.paid(payer="driver:7", email="ada@example.com")
    await till.work()
    till.clock.advance(301)
    await till.sweeper.sweep()
    till.plug_in(debt, wh=10_000)
    await till.work()
    way = f"/charging/{debt.intent_id}"
    page = await street.page(way)
    assert (stage(page), 'href="/my/money"' in page) == ("owed", True)
    paying = await till.payments.pay_debt(till.tenant_id, "driver:7", return_url="https://x.test")
    assert paying.reference is not None
    await asyncio.to_thread(till.box.pay, paying.reference, "visa")
    await till.payments.returned(till.tenant_id, paying.intent_id)
    await till.payments.refund(till.actor, paying.intent_id, 195, "too slow")
    said = {row["subject"] for row in till.rows("SELECT subject FROM outbox WHERE event = 'payment.refunded'")}
    assert str(debt.intent_id) in said
    for subject in said:
        await street.jobs.refunded(tenant_id=till.tenant_id, subject=subject)
        await street.jobs.refunded(tenant_id=till.tenant_id, subject=subject)
    [letter] = till.rows("SELECT recipient, subject, body FROM letters WHERE tenant_id = %s", till.tenant_id)
    assert (letter["recipient"], "€1.95" in letter["subject"]) == ("ada@example.com", True)
    assert "€4.00" in letter["body"]
    assert way in letter["body"]
    page = unescape(await street.page(way))
    assert (stage(page), "Refunded" in page, "€1.95" in page) == ("paid_late", True, True)
    # The provider takes the payment back: it is owed again, and the page of the session says so.
    async with till.payments.saga.turn(till.tenant_id, paying.intent_id) as turn:
        await turn.capture_lost("taken back")
    page = await street.page(way)
    assert (stage(page), "nothing is owed any more" in page) == ("owed", False)


async def test_who_has_no_account_pays_what_is_owed_by_the_link_of_its_receipt(street: Street) -> None:
    till = street.till
    debt = await till.paid(email="ada@example.com")
    await till.work()
    till.clock.advance(301)
    await till.sweeper.sweep()
    till.plug_in(debt, wh=10_000)
    await till.work()
    way = f"/charging/{debt.intent_id}"
    page = await street.page(way)
    assert (stage(page), 'href="/my/money"' in page, "your cards start no other" in page) == ("owed", False, False)
    assert f'<form method="post" action="{way}/pay"><button type="submit">Pay €5.95</button></form>' in page
    begun = await street.browser.post(f"{way}/pay")
    paying = begun.url.path
    assert (paying != way, stage(begun.text)) == (True, "pay")
    again = await street.browser.post(f"{way}/pay")
    assert again.url.path == paying
    # Given up, it is still owed, and told where it was.
    gone = await street.browser.post(f"{paying}/give-up")
    assert (stage(gone.text), f'action="{way}/pay"' in gone.text) == ("owed", True)
    paying = (await street.browser.post(f"{way}/pay")).url.path
    intent = await street.intent(paying)
    assert intent.reference is not None
    await asyncio.to_thread(till.box.pay, intent.reference, "visa")
    back = await street.browser.get(f"{paying}/back")
    assert (stage(back.text), "nothing is owed any more" in back.text) == ("paid_late", True)
    assert stage(await street.page(way)) == "paid_late"
    late = await street.browser.post(f"{way}/pay")
    assert (late.url.path, "Nothing is owed of this any more." in late.text) == (way, True)
    await street.jobs.captured(tenant_id=till.tenant_id, subject=paying.rpartition("/")[2])
    [letter] = till.rows("SELECT recipient, body FROM letters WHERE tenant_id = %s", till.tenant_id)
    assert (letter["recipient"], "€5.95" in letter["body"]) == ("ada@example.com", True)


async def test_who_can_not_pay_what_is_owed_is_told_so_and_tries_again_in_a_minute(
    street: Street, monkeypatch: pytest.MonkeyPatch
) -> None:
    till = street.till
    debt = await till.paid(email="ada@example.com")
    await till.work()
    till.clock.advance(301)
    await till.sweeper.sweep()
    till.plug_in(debt, wh=10_000)
    await till.work()
    way, failed = f"/charging/{debt.intent_id}", "It was declined or not completed. Nothing was taken."
    asked = []

    async def refuse(*_: Any, **__: Any) -> Any:
        asked.append(1)
        raise ProviderRefused("No.")

    assert failed not in await street.page(way)
    with monkeypatch.context() as shut:
        shut.setattr(Stripe, "start_hold", refuse)
        told = await street.browser.post(f"{way}/pay")
        assert (stage(told.text), failed in told.text, f'action="{way}/pay"' in told.text) == ("owed", True, True)
        # Whoever presses on asks the provider no more often, and begins no more payments.
        for _ in range(3):
            told = await street.browser.post(f"{way}/pay")
            assert (told.url.path, "Try again in a minute." in told.text) == (way, True)
        till.clock.advance(TRY_AGAIN_AFTER.total_seconds() + 1)
        assert failed in (await street.browser.post(f"{way}/pay")).text
    assert len(asked) == 2
    till.clock.advance(TRY_AGAIN_AFTER.total_seconds() + 1)
    assert stage((await street.browser.post(f"{way}/pay")).text) == "pay"
    [made] = till.rows("SELECT count(*) AS it FROM payment_intents WHERE debt_of = %s", debt.intent_id)
    assert made["it"] == 3


async def test_who_is_given_money_back_is_written_to_once_and_once_more_if_it_fails(street: Street) -> None:
    till = street.till
    intent = await till.paid(email="ada@example.com", language="de")
    await till.work()
    till.plug_in(intent, wh=10_000)
    await till.work()
    about: dict[str, Any] = {"tenant_id": till.tenant_id, "subject": str(intent.intent_id)}
    await till.payments.refund(till.actor, intent.intent_id, 95, "Kabel klemmte")

    async def letters() -> list[Any]:
        for _ in range(2):
            await street.jobs.refunded(**about)
        return till.rows("SELECT recipient, subject, body FROM letters WHERE tenant_id = %s ORDER BY 1", till.tenant_id)

    [told] = await letters()
    assert (told["recipient"], told["subject"].partition(" ")[0]) == ("ada@example.com", "Ihre")
    for said in ("0,95", "Grund: Kabel klemmte", "Ihr Beleg lautet nun auf 5,00", f"/charging/{intent.intent_id}"):
        assert said in told["body"]
    till.rows("DELETE FROM letters WHERE tenant_id = %s", till.tenant_id)
    hold = await (await till.payments.saga._psp_of(intent)).get((await till.find(intent)).reference or "")
    failed = tuple(replace(each, status="failed") for each in hold.refunds)
    async with till.payments.saga.turn(till.tenant_id, intent.intent_id) as turn:
        await heed_refunds(turn, replace(hold, refunds=failed))
    [told] = await letters()
    for said in ("kam nicht an", "0,95", "Ihr Beleg lautet nun auf 5,95"):
        assert said in told["body"]
    # What is refused at once was never told, and nothing of it is.
    till.rows("DELETE FROM letters WHERE tenant_id = %s", till.tenant_id)
    till.rows("UPDATE payment_calls SET state = 'failed', reason = 'no' WHERE intent_id = %s", intent.intent_id)
    assert await letters() == []


@pytest.mark.parametrize("language", LANGUAGES)
async def test_every_page_speaks_the_drivers_language(street: Street, language: str) -> None:
    street.connector("Available")
    street.browser.cookies.clear()
    answer = await street.browser.get(street.code, headers={"accept-language": f"{language}-XX,en;q=0.1"})
    assert LANGUAGES[language] in answer.text
    assert f'<html lang="{language}">' in answer.text
    chosen = await street.browser.get(f"{street.code}?lang=es", headers={"accept-language": language})
    assert LANGUAGES["es"] in chosen.text
    assert LANGUAGES["es"] in (await street.browser.get(street.code, headers={"accept-language": language})).text


async def test_a_payment_that_is_not_completed_can_be_taken_up_or_given_up(street: Street) -> None:
    answer = await street.browser.post(street.code)
    way = answer.url.path
    back = await street.page(f"{way}?back=1")
    assert stage(back) == "pay"
    assert "0;url=" not in back
    assert "not completed" in back
    gone = await street.browser.post(f"{way}/give-up")
    assert stage(gone.text) == "nothing"
    # Who has paid and not plugged in holds the connector until he gives up, and others are told so.
    paid = await street.pay()
    waits = await street.page(street.code)
    assert "Somebody else is just paying" in waits
    assert "Pay and start" not in waits
    taken = await street.browser.post(street.code)
    assert taken.status_code == 409
    assert "Somebody else is just paying" in taken.text
    assert stage((await street.browser.post(f"{paid}/give-up")).text) == "nothing"
    assert [row["amount"] for row in street.till.happened("cancel")] != []
    assert (await street.browser.post(street.code)).status_code == 200


async def test_a_declined_card_costs_nothing_and_leads_back_to_the_start(street: Street) -> None:
    answer = await street.browser.post(street.code)
    intent = await street.intent(answer.url.path)
    with pytest.raises(Exception):  # noqa: B017, PT011
        await asyncio.to_thread(street.till.box.pay, intent.reference, "declined")
    assert stage(await street.page(f"{answer.url.path}?back=1")) == "pay"


async def test_a_station_that_is_away_or_in_use_takes_no_money(street: Street) -> None:
    start = {"station": street.till.station, "evse": 1, "return_url": "https://app.example.com/paid"}
    # Somebody has paid already, which is not what keeps others away.
    await street.pay()
    for state, reach, said, code in (
        ("Faulted", "1 hour", "out of order", "connector-out-of-order"),
        ("Unavailable", "1 hour", "out of order", "connector-out-of-order"),
        ("Charging", "1 hour", "Somebody charges at this connector", "connector-in-use"),
        ("Available", "1 hour", "Somebody else is just paying", "connector-taken"),
        ("Available", "-1 second", "out of reach", "station-out-of-reach"),
        ("Faulted", "-1 second", "out of reach", "station-out-of-reach"),
    ):
        street.connector(state)
        street.till.rows("UPDATE gateways SET lease_until = now() + %s::interval", reach)
        page = await street.page(street.code)
        assert said in page
        assert "Pay and start" not in page
        # Nor is anybody led to the provider who pressed before, or has an app.
        pressed = await street.browser.post(street.code)
        assert (pressed.status_code, said in pressed.text) == (409, True)
        async with an_app(street) as app:
            asked = await app.post("/driver/payments", json=start)
            assert (asked.status_code, asked.json()["code"]) == (409, code)
            assert (await app.get(f"/driver/places/{street.till.station}/1")).json()["free"] is False
    begun = "SELECT count(*) AS it FROM payment_intents WHERE tenant_id = %s"
    assert street.till.one(begun, street.till.tenant_id) == 1
    assert (await street.browser.get("/charge/NOBODY/1")).status_code == 404
    assert (await street.browser.get(f"/charging/{UUID(int=7)}")).status_code == 404


async def test_where_somebody_charges_nobody_else_pays_and_no_evse_is_made_up(street: Street) -> None:
    till = street.till
    street.connector("Occupied")
    session = till.rows(
        "INSERT INTO sessions (tenant_id, station_id, transaction_id, start_key, started_at, last_key, last_at,"
        " heard_at, evse) VALUES (%s, %s, 'plugged in', 0, now(), 0, now(), now(), 1) RETURNING session_id",
        till.tenant_id, till.station_id,
    )[0]["session_id"]  # fmt: skip
    assert "Pay and start" in await street.page(street.code)  # it waits for whoever pays
    till.rows("UPDATE sessions SET token_uid = 'CARD', token_status = 'Accepted' WHERE session_id = %s", session)
    page = await street.page(street.code)
    assert "Somebody charges at this connector" in page
    assert "Pay and start" not in page
    answer = await street.browser.post(street.code)
    assert (answer.status_code, "Somebody charges at this connector" in answer.text) == (409, True), answer.text
    assert till.one("SELECT count(*) AS it FROM payment_intents WHERE tenant_id = %s", till.tenant_id) == 0
    # A session of long ago, of which the connector says nothing any more, keeps nobody away.
    street.connector("Available")
    assert "Pay and start" in await street.page(street.code)
    elsewhere = f"/charge/{till.station}/9"
    assert (await street.browser.get(elsewhere)).status_code == 404
    assert (await street.browser.post(elsewhere)).status_code == 404


async def test_a_stop_that_does_not_reach_the_station_says_so(street: Street) -> None:
    way = await street.pay()
    await street.till.work()
    street.till.plug_in(await street.intent(way), wh=1_000, over=False)
    await street.till.work()
    street.till.stations.answer = StationOffline()
    answer = await street.browser.post(f"{way}/stop")
    assert "could not be reached" in answer.text


async def test_a_driver_changes_when_he_leaves_by_the_clock_of_the_place(street: Street) -> None:
    way = await street.pay()
    await street.till.work()
    street.till.plug_in(await street.intent(way), wh=1_000, over=False)
    await street.till.work()
    assert "Ready at about" in await street.page(way)
    assert (await street.browser.post(f"{way}/leave", data={"at": "25:00"})).status_code == 400
    # Whatever the clock says while this runs: they mean that time, today's or tomorrow's.
    await street.browser.post(f"{way}/leave", data={"at": "17:30", "tomorrow": "1"})
    [at] = street.plans.said
    assert (at.strftime("%H:%M"), str(at.tzinfo)) == ("17:30", "Europe/Berlin")
    assert timedelta(0) < at - street.till.clock.now() <= timedelta(days=1)


async def test_a_time_that_is_over_is_asked_back_and_what_counts_is_said(street: Street) -> None:
    way = await street.pay()
    await street.till.work()
    street.till.plug_in(await street.intent(way), wh=1_000, over=False)
    await street.till.work()
    zone = ZoneInfo("Europe/Berlin")
    now = street.till.clock.now().astimezone(zone)
    street.till.clock.advance(((now.replace(hour=14, minute=45, second=0) - now) % timedelta(days=1)).total_seconds())
    now = street.till.clock.now().astimezone(zone).replace(microsecond=0)
    asked = await street.browser.post(f"{way}/leave", data={"at": "14:00"})
    assert street.plans.said == []
    assert "14:00 is over for today" in asked.text
    part = await street.browser.get(f"{way}/part?tomorrow=14:00")
    assert "14:00 is over for today" in part.text, "the question stays while the page follows"
    street.plans.more = {"is_said": True, "by_then_wh": 12_300, "lacks_wh": 23_500}
    told = unescape((await street.browser.post(f"{way}/leave", data={"at": "14:00", "tomorrow": "1"})).text)
    [at] = street.plans.said
    assert at == now.replace(hour=14, minute=0) + timedelta(days=1)
    day = words.day(at, "Europe/Berlin")
    assert f"You leave on {day} at {words.hour(at, 'Europe/Berlin')}. About 12.3{SPACE}kWh by then." in told
    assert f"That is 23.5{SPACE}kWh less than it is thought to need." in told
    assert "Ready at about" not in told
    # The next morning needs no question, nor does what is to come today.
    for clock, ahead in (("01:00", timedelta(days=1)), ("15:30", timedelta())):
        answer = await street.browser.post(f"{way}/leave", data={"at": clock})
        assert "is over for today" not in answer.text
        hours, minutes = map(int, clock.split(":"))
        assert street.plans.said[-1] == now.replace(hour=hours, minute=minutes) + ahead
    assert f"You leave at {words.hour(street.plans.said[-1], 'Europe/Berlin')}." in unescape(answer.text)


async def test_a_car_that_was_told_to_wait_is_not_said_to_be_full(street: Street) -> None:
    way = await street.pay()
    await street.till.work()
    street.till.plug_in(await street.intent(way), wh=1_000, over=False)
    await street.till.work()
    street.till.rows("UPDATE sessions SET charging_state = 'SuspendedEVSE' WHERE tenant_id = %s", street.till.tenant_id)
    assert "Your car is full, or pauses" in await street.page(way)
    street.plans.more = {"waits": True}
    page = await street.page(way)
    assert "Your car is full" not in page
    assert "too little power for all cars" in page
    turn_at = street.till.clock.now() + timedelta(minutes=9)
    street.plans.more = {"waits": True, "turn_at": turn_at}
    assert f"Yours comes at about {words.hour(turn_at, 'Europe/Berlin')}." in unescape(await street.page(way))
    # One that waits for another time is not said to lack power.
    street.plans.more = {"waits": True, "why": HeldBack.CHEAPER}
    page = await street.page(way)
    assert "too little power" not in page
    assert page.count("Energy is cheaper later, so most of it comes then.") == 1
    street.plans.more = {"why": HeldBack.SHARED}
    shared = await street.page(way)
    assert "The power of the site is shared with other cars." in shared
    assert "Die Leistung des Standorts wird mit anderen Autos geteilt." in await street.page(f"{way}?lang=de")


def an_app(street: Street) -> httpx.AsyncClient:
    """An operator's own app, which asks the API."""
    api: Any = Litestar(
        route_handlers=[api_routes], exception_handlers=problems.HANDLERS, openapi_config=None,
        dependencies={
            "ways": Provide(lambda: street.ways, sync_to_thread=False),
            "speech": Provide(Speech, sync_to_thread=False),
        },
    )  # fmt: skip
    return httpx.AsyncClient(transport=httpx.ASGITransport(api), base_url=HOST)


async def test_the_price_page_promises_no_other_price_than_is_paid(
    ground: Ground, clock: FakeClock, box: Sandbox
) -> None:
    gross = replace(
        a_tariff(), tax_included=TaxIncluded.YES, free=Free(kwh=Decimal(5)),
        min_price=PriceLimit(before_taxes=Decimal(4), after_taxes=Decimal(5)),
        max_price=PriceLimit(before_taxes=Decimal(42), after_taxes=Decimal(50)),
    )  # fmt: skip
    async with a_till(ground, clock, box, gross) as till:
        street = Street(till)
        street.connector("Available")
        page = unescape(await street.page(street.code)).replace("\N{NO-BREAK SPACE}", " ")
        told = ["The first 5 kWh are free", "At least €5.00 a session", "At most €50.00 a session"]
        assert re.findall(r"<li><b>(.*?)</b>", page)[2:] == told
        assert "raised, to €50.00, the most that a session costs." in page
        assert "€300.00" not in page
        german = unescape(await street.page(f"{street.code}?lang=de"))
        assert re.findall(r"<li><b>(.*?)</b>", german.replace("\N{NO-BREAK SPACE}", " "))[2:] == [
            "Die ersten 5 kWh sind frei", "Mindestens 5,00 € je Ladevorgang", "Höchstens 50,00 € je Ladevorgang",
        ]  # fmt: skip
        async with an_app(street) as app:
            prices = (await app.get(f"/driver/places/{till.station}/1")).json()["prices"]
        assert [each["words"].replace("\N{NO-BREAK SPACE}", " ") for each in prices[2:]] == told
        assert [(each["says"], each["unit"], each["amount"], each["of"]) for each in prices[2:]] == [
            ("free", None, "5", ["kwh"]), ("least", None, "5.00", []), ("most", None, "50.00", []),
        ]  # fmt: skip
        way = await street.pay()
        await till.work()
        till.plug_in(await street.intent(way), wh=1_000)
        await till.work()
        assert (await street.intent(way)).captured_amount == 500


@pytest.mark.parametrize(
    ("most", "said"),
    [
        (Decimal(50), "If your session costs more, that may be raised, to €50.00, the most that a session costs."),
        (Decimal(4), None),
    ],
)
async def test_a_driver_who_charges_is_told_no_higher_most_than_the_tariffs_and_stopped_for_none(
    ground: Ground, clock: FakeClock, box: Sandbox, most: Decimal, said: str | None
) -> None:
    capped = replace(
        a_tariff(), tax_included=TaxIncluded.YES, max_price=PriceLimit(before_taxes=most, after_taxes=most)
    )  # fmt: skip
    async with a_till(ground, clock, box, capped) as till:
        street = Street(till)
        street.connector("Available")
        way = await street.pay()
        await till.work()
        session = till.plug_in(await street.intent(way), wh=4_000, over=False)
        till.rows("UPDATE payment_intents SET may_increment = true WHERE tenant_id = %s", till.tenant_id)
        await till.work()
        page = unescape(await street.page(way)).replace("\N{NO-BREAK SPACE}", " ")
        assert "€300.00" not in page
        if said is not None:
            assert said in page
        else:
            assert "is never taken" not in page
            till.go_on(session, wh=90_000)
            await till.work()
            assert till.stations.stops == [], "it costs no more, however long it goes on"
            assert (await street.intent(way)).slowed_at is None


async def test_an_app_is_told_what_the_page_shows_of_a_plan(street: Street) -> None:
    way = await street.pay()
    await street.till.work()
    street.till.plug_in(await street.intent(way), wh=1_000, over=False)
    await street.till.work()
    street.plans.more = {"is_said": True, "by_then_wh": 12_300, "lacks_wh": 23_500, "why": HeldBack.SHARED}
    page = unescape(await street.page(way))
    async with an_app(street) as app:
        payment = f"/driver/payments/{way.rpartition('/')[2]}"
        told = (await app.get(payment)).json()
        assert {name: told[name] for name in street.plans.more if name != "is_said"} == {
            "by_then_wh": 12_300, "lacks_wh": 23_500, "why": "shared",
        }  # fmt: skip
        assert (told["waits"], told["is_being_planned"], len(told["plan_words"])) == (False, False, 4)
        assert all(words in page for words in told["plan_words"])
        street.plans.more = {"is_said": True, "is_being_planned": True, "waits": True}
        told = (await app.get(payment)).json()
        assert (told["waits"], told["is_being_planned"], told["by_then_wh"], told["why"]) == (True, True, None, None)


async def test_places_are_found_with_what_is_free_and_what_it_costs(street: Street) -> None:
    street.connector("Available")
    assert (await street.browser.get("/find/volt")).status_code == 404
    street.till.rows(
        "INSERT INTO driver_brands (tenant_id, slug, name, colour, help_phone)"
        " VALUES (%s, 'volt', 'Volt', '#ffcc00', '+49 1')",
        street.till.tenant_id,
    )
    page = await street.page("/find/volt")
    for part in ("Yard", "1 of 1 free", "€0.595 per kWh", street.code, "+49 1", "/look/ffcc00"):
        assert part in page
    # Whoever came by the code on a station can keep the pages on their phone too.
    [manifest] = re.findall(r'<link rel="manifest" href="([^"]+)">', await street.page(street.code))
    assert (await street.browser.get(manifest)).json()["start_url"] == "/find/volt"
    street.till.rows("DELETE FROM driver_brands WHERE tenant_id = %s", street.till.tenant_id)


async def test_a_list_of_places_that_is_cut_says_so_and_goes_on(
    street: Street, monkeypatch: pytest.MonkeyPatch
) -> None:
    street.connector("Available")
    tenant = street.till.tenant_id
    street.till.rows(
        "INSERT INTO driver_brands (tenant_id, slug, name, colour) VALUES (%s, 'many', 'M', '#ffcc00')", tenant
    )
    street.till.rows("DELETE FROM connectors WHERE tenant_id = %s", tenant)
    stood = (("Apia", -13.8, -171.7), ("Bern", 46.9, 7.4), ("Suva", -18.1, 178.4))
    for number, (name, latitude, longitude) in enumerate(stood):
        [site] = street.till.rows(
            "INSERT INTO sites (tenant_id, slug, name, time_zone, country, latitude,"
            " longitude) VALUES (%s, %s, %s, 'UTC', 'DE', %s, %s) RETURNING site_id",
            tenant, f"s{number}", name, latitude, longitude,
        )  # fmt: skip
        [station] = street.till.rows(
            "INSERT INTO stations (tenant_id, identity, site_id) VALUES (%s, %s, %s) RETURNING station_id",
            tenant, f"MANY-{tenant}-{number}", site["site_id"],
        )  # fmt: skip
        for evse in (1, 2):
            street.till.rows(
                "INSERT INTO connectors (tenant_id, station_id, evse, connector, state, state_at)"
                " VALUES (%s, %s, %s, 1, 'Available', now())", tenant, station["station_id"], evse,
            )  # fmt: skip

    async def shown(path: str) -> tuple[list[str], str]:
        page = await street.page(path)
        onward = re.findall(r'rel="next" href="([^"]+)"', page)
        assert ("There are more places" in page) is bool(onward)
        return re.findall(r"<summary><b>(\w+)</b>", page), unescape(onward[0]) if onward else ""

    assert await shown("/find/many") == (["Apia", "Bern", "Suva"], "")
    monkeypatch.setattr(store, "MAX_CONNECTORS", 3)
    seen: list[str] = []
    way = "/find/many"
    for _ in stood:
        found, onward = await shown(way)
        [fresh] = (await street.browser.get(way.replace("many", "many/places.json", 1))).json()["places"]
        assert [fresh["name"]] == found
        seen, way = [*seen, *found], onward
    assert (seen, way) == (["Apia", "Bern", "Suva"], "")
    assert (await shown("/find/many?box=40,0,50,10"))[0] == ["Bern"]
    monkeypatch.setattr(store, "MAX_CONNECTORS", 4)
    assert (await shown("/find/many?box=-20,170,0,-170"))[0] == ["Apia", "Suva"]
    assert (await street.browser.get("/find/many?cursor=nothing")).status_code == 400
    street.till.rows("DELETE FROM driver_brands WHERE tenant_id = %s", tenant)


def test_what_is_written_on_a_brands_colour_can_be_read() -> None:
    assert theme_css("ffcc00").endswith("--on-brand:#000}")
    assert theme_css("0a7a4b").endswith("--on-brand:#fff}")


def test_each_state_of_a_payment_is_a_stage_of_the_way() -> None:
    class Intent:
        owed_amount, billed_amount, page_url, stop_asked_at, ends_as, is_ahead = 0, None, "x", None, None, False

    def at(state: State, running: Running | None = None, **more: Any) -> Stage:
        intent: Any = Intent()
        intent.state = state
        for name, value in more.items():
            setattr(intent, name, value)
        return stage_of(intent, running, more.get("plug"))

    running = Running(started_at=EPOCH, ended_at=None, energy_wh=1, power_w=1, soc_pct=None, charging_state="Charging")
    over = Running(started_at=EPOCH, ended_at=EPOCH, energy_wh=1, power_w=1, soc_pct=None, charging_state=None)
    idle = Running(started_at=EPOCH, ended_at=None, energy_wh=1, power_w=0, soc_pct=None, charging_state="SuspendedEV")
    assert at(State.HOLD_REQUESTED, page_url=None) is Stage.OPENING
    assert Stage.OPENING in CAN_GIVE_UP
    assert at(State.HOLD_REQUESTED, page_url=None, ends_as=State.ABANDONED) is Stage.NOTHING
    assert at(State.HOLD_REQUESTED) is Stage.PAY
    assert at(State.AUTHORISED) is Stage.STARTING
    assert at(State.AUTHORISED, plug=EPOCH) is Stage.PLUG
    assert at(State.AUTHORISED, running) is Stage.CHARGING
    assert at(State.AUTHORISED, idle) is Stage.PAUSED
    assert at(State.AUTHORISED, running, stop_asked_at=EPOCH) is Stage.STOPPING
    assert at(State.AUTHORISED, over) is Stage.BILLING
    assert at(State.CAPTURED, over) is Stage.RECEIPT
    assert at(State.CAPTURED, running, is_ahead=True) is Stage.CHARGING, "the hold ran out while the car charges"
    assert at(State.CAPTURED, over, is_ahead=True) is Stage.BILLING
    assert at(State.CAPTURED, over, owed_amount=5) is Stage.OWED, "it came to more than was taken ahead"
    assert at(State.FAILED) is Stage.DECLINED
    assert at(State.FAILED, over, owed_amount=5) is Stage.OWED
    assert at(State.EXPIRED) is Stage.NOTHING
    assert at(State.EXPIRED, running) is Stage.STOPPING, "the hold is gone while the car charges"
    assert at(State.EXPIRED, over) is Stage.BILLING
    assert at(State.EXPIRED, over, billed_amount=0) is Stage.NOTHING
    assert at(State.RELEASED, over, billed_amount=0) is Stage.FREE, "a voucher paid for it"


def test_a_time_that_has_passed_is_meant_for_tomorrow() -> None:
    assert departure_of("11:59", EPOCH) - EPOCH == timedelta(hours=23, minutes=59)
    assert departure_of("12:01", EPOCH) - EPOCH == timedelta(minutes=1)


async def test_an_unpaid_payment_gives_way_to_the_next_and_a_paid_one_stays(street: Street) -> None:
    """Who begins over and over pushes out himself; others at the same connector go on."""
    street.connector("Available")

    async def begin(address: str, status: int = 200) -> str:
        transport: Any = httpx.ASGITransport(street.app, client=(address, 1))
        async with httpx.AsyncClient(transport=transport, base_url=HOST, follow_redirects=True) as browser:
            answer = await browser.post(street.code)
        assert answer.status_code == status, answer.text
        return answer.url.path if status == 200 else answer.text

    driver = await begin("2001:db8:1:2::7")
    others = [await begin(f"2001:db8:9:9::{number}") for number in range(MAX_UNPAID_OF_ONE_HERE + 2)]
    states = [(await street.intent(way)).state for way in others]
    assert states == [State.ABANDONED] * 2 + [State.HOLD_REQUESTED] * MAX_UNPAID_OF_ONE_HERE
    assert (await street.intent(driver)).state is State.HOLD_REQUESTED
    # Who has paid stays, though nobody has heard of it yet.
    await asyncio.to_thread(street.till.box.pay, (await street.intent(others[2])).reference, "visa")
    taken = await begin("2001:db8:9:9::1", 409)
    assert "Somebody else is just paying" in taken
    assert (await street.intent(others[2])).state is State.AUTHORISED
    assert (await street.intent(driver)).state is State.HOLD_REQUESTED


def test_of_whoever_has_the_most_the_oldest_gives_way() -> None:
    def start(number: int, who: bytes, evse: int = 1) -> OpenStart:
        return OpenStart(intent_id=UUID(int=number), station="A", evse=evse, address=who)

    crowd = [start(number, b"one") for number in range(2)]
    crowd += [start(number, bytes([number])) for number in range(2, MAX_UNPAID_HERE)]
    assert giving_way(crowd, "A", 1, b"new") == [UUID(int=0)]
    assert giving_way(crowd[:-1], "A", 1, b"new") == []
    elsewhere = [start(number, b"one", evse=2 + number % 50) for number in range(MAX_UNPAID_OF_ONE)]
    assert giving_way(elsewhere, "A", 1, b"one") == [UUID(int=0)]
    assert giving_way(elsewhere, "A", 1, b"two") == []


def test_a_customer_of_ipv6_is_one_address_and_none_can_be_read_back() -> None:
    assert who_of("2001:db8::1", b"k") == who_of("2001:db8::ffff", b"k")
    assert who_of("2001:db8::1", b"k") != who_of("2001:db8:0:1::1", b"k")
    assert who_of("::ffff:192.0.2.1", b"k") == who_of("192.0.2.1", b"k")
    assert who_of("192.0.2.1", b"k") != who_of("192.0.2.1", b"another key")


def test_amounts_are_written_as_they_are_read() -> None:
    assert words.price(Decimal("0.595"), "EUR") == "€0.595"
    assert words.price(Decimal("4.9"), "NOK") == "NOK\N{NO-BREAK SPACE}4.90"
