"""The application as it is asked from outside, with the sandbox provider behind it: each organisation by its own
account, card readers, and hosts on their way to the provider."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
import pytest_asyncio
from httpx import AsyncClient

from forecourt.access import Access, Role
from forecourt.app.screens import screens
from forecourt.app.web import create_app
from forecourt.payments.declines import READER_BUSY
from forecourt.platform.bus import Bus
from forecourt.platform.database import Pool
from forecourt.platform.settings import Settings
from tests.conftest import Database
from tests.http import SECRET, House, Tenant, problem
from tests.payments.hosts import IBANS
from tests.payments.online import online
from tests.payments.signing import signed
from tests.receiver import Receiver, receiving
from tests.sandbox import Sandbox, sandbox
from tests.support import FakeClock


@pytest.fixture(scope="module")
def box() -> Iterator[Sandbox]:
    with sandbox() as running:
        yield running


@pytest_asyncio.fixture(scope="module")
async def outside() -> AsyncIterator[Receiver]:
    """Where the provider sends webhooks: each is handed on to the application by the test."""
    async with receiving() as made:
        yield made


@pytest_asyncio.fixture(scope="module")
async def application(
    database: Database, nats_url: str, clock_of_process: FakeClock, box: Sandbox, outside: Receiver,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[tuple[Pool, Any]]:  # fmt: skip
    settings = Settings(
        data_dir=tmp_path_factory.mktemp("data"), database_url=database.url, nats_url=nats_url, secret_key=SECRET,
        database_pool_size=2, stripe_url=box.address, public_url=outside.url.removesuffix("/hook"),
    )  # fmt: skip
    bus, clock = await Bus.connect(nats_url), clock_of_process
    async with Pool(database.url, "forecourt_app", size=6) as db:
        access = Access(db, settings.secret(), clock)
        seen = screens(settings, db, bus, clock, access)
        yield db, create_app(settings, db, bus, clock, access=access, shell=seen.shell, screens=seen.routes)
    await bus.close()


class Shop:
    """An organisation with a station and a price, and an account of its own at the provider."""

    def __init__(self, house: House, tenant: Tenant, owner: AsyncClient, box: Sandbox) -> None:
        self.house, self.tenant, self.owner, self.box = house, tenant, owner, box
        self.station, self.account, self.site_id = f"CP-{tenant.tenant_id}", "", 0

    async def made(self, path: str, body: object, status: int = 201) -> Any:
        answer = await self.owner.post(f"/api/v1{path}", json=body)
        assert answer.status_code == status, answer.text
        return answer.json()

    async def opened(self, name: str) -> "Shop":
        self.site_id = (await self.made("/sites", {"name": "Yard", "slug": f"yard-{self.tenant.tenant_id}"}))["id"]
        await self.made("/stations", {"id": self.station, "site": self.site})
        with self.house.admin() as connection:
            online(connection, self.station)
        parts = [{"price_components": [{"type": "ENERGY", "price": "0.50", "vat": "19"}]}]
        tariff = await self.made(
            "/tariffs", {"name": "Day", "tariff": {"id": "", "currency": "EUR", "elements": parts}}
        )
        await self.made("/tariff-assignments", {"tariff_id": tariff["id"]})
        said = {"name": name, "statement": name.upper()[:22]}
        await asyncio.to_thread(self.box.control, f"accounts/{self.box.account}", said)
        self.account = (await self.made("/payment-accounts", {"name": "main", "secret_key": self.box.key}))["id"]
        return self

    @property
    def site(self) -> str:
        return f"yard-{self.tenant.tenant_id}"

    async def connect(self) -> Any:
        """A moment later: what is opened by its keys is known by when they were changed."""
        self.house.clock.advance(1)
        return await self.made(f"/payment-accounts/{self.account}/connect", None, 200)

    async def begun(self) -> Any:
        """A driver begins to pay at the station."""
        body = {"station": self.station, "evse": 1, "return_url": "https://drive.test/{intent}"}
        return await self.made("/driver/payments", body)

    async def text(self, path: str, client: AsyncClient | None = None) -> str:
        answer = await (client or self.owner).get(path, headers={"accept": "text/html"})
        assert answer.status_code == 200, answer.text
        return answer.text


@pytest_asyncio.fixture
async def shops(house: House, box: Sandbox) -> list[Shop]:
    house.clock.set(datetime.now(UTC))
    made = []
    for name in ("Volt Charging GmbH", "Ampere Parking AG"):
        tenant = await house.tenant()
        made.append(await Shop(house, tenant, await tenant.client(), box.another()).opened(name))
    return made


async def test_each_organisation_sells_by_its_own_account_and_hears_of_its_own(
    house: House, shops: list[Shop], outside: Receiver
) -> None:
    stranger = house.client()
    volt, ampere = shops
    # Without a secret nothing is believed: anybody could sign with none.
    path = (await volt.owner.get(f"/api/v1/payment-accounts/{volt.account}")).json()["webhook"]
    body = b'{"id": "evt_0", "type": "x", "data": {"object": {}}}'
    forged = signed(body, int(house.clock.now().timestamp()), "")
    assert (await stranger.post(path, content=body, headers=forged)).status_code == 400
    for shop, name in ((volt, "Volt Charging GmbH"), (ampere, "Ampere Parking AG")):
        told = await shop.connect()
        assert (told["merchant"], told["statement"], told["own"]) == (name, name.upper()[:22], True)
        # Asked again it makes no second one, and its keys are shown to nobody.
        await shop.connect()
        [endpoint] = shop.box.client.v1.webhook_endpoints.list().data
        assert urlsplit(endpoint.url).path == told["webhook"]
    outside.got.clear()
    paid = {}
    for shop in shops:
        begun = await shop.begun()
        await asyncio.to_thread(shop.box.pay, begun["page_url"].rpartition("/")[2], "visa")
        paid[shop.account] = begun["id"]
    await asyncio.to_thread(volt.box.delivered)
    assert len(outside.got) >= 4
    for shop in shops:
        holds = [row for row in shop.box.ledger(shop.box.account) if row["what"] == "hold"]
        assert len(holds) == 1
    endpoints = {shop.account: shop.box.client.v1.webhook_endpoints.list().data[0].id for shop in shops}
    for headers, raw in outside.got:
        mine = [account for account, intent in paid.items() if intent.replace("-", "").encode() in raw]
        for account in endpoints:
            answer = await stranger.post(f"/hooks/payments/{account}", content=raw, headers=signature_of(headers))
            # What one account signed is believed at no other's door.
            assert (answer.status_code == 200) == (mine == [account])
    with house.admin() as admin:
        rows = admin.execute(
            "SELECT tenant_id, account_id::text, intent_id::text FROM payment_hooks WHERE tenant_id = ANY(%s)",
            ([shop.tenant.tenant_id for shop in shops],),
        ).fetchall()
    assert {tuple(row) for row in rows} == {(shop.tenant.tenant_id, shop.account, paid[shop.account]) for shop in shops}
    for shop, other in ((volt, "Ampere"), (ampere, "Volt")):
        intent = paid[shop.account]
        back = await stranger.post(f"/api/v1/driver/payments/{intent}/returned")
        assert back.status_code == 200
        with house.admin() as admin:
            admin.execute(
                "UPDATE payment_intents SET state = 'captured', captured_amount = 595, next_at = NULL"
                " WHERE intent_id = %s AND state = 'authorised'",
                (intent,),
            )
        receipt = await shop.text(f"/charging/{intent}", stranger)
        merchant = (await shop.owner.get(f"/api/v1/payment-accounts/{shop.account}")).json()["merchant"]
        assert merchant in receipt
        assert other not in receipt


def signature_of(headers: dict[str, str]) -> dict[str, str]:
    return {"stripe-signature": headers["stripe-signature"], "content-type": "application/json"}


async def test_wrong_keys_are_said_when_an_account_is_tried(shops: list[Shop]) -> None:
    volt = shops[0]
    body = {"name": "typo", "secret_key": "pk_live_not_a_secret_key"}
    made = await volt.made("/payment-accounts", body)
    problem(await volt.owner.post(f"/api/v1/payment-accounts/{made['id']}/connect"), 502, "payment-provider-refused")
    tried = await volt.owner.post(f"/payments/accounts/{made['id']}/connect", headers={"accept": "text/html"})
    assert tried.status_code == 502
    assert "the key is wrong" in tried.text
    # The page takes one without a secret for webhooks, and asks the provider to send them.
    form = {"provider": "stripe", "name": "page", "secret_key": volt.box.key, "webhook_secret": ""}
    assert (await volt.owner.post("/payments/accounts", data=form)).status_code == 303
    rows = (await volt.owner.get("/api/v1/payment-accounts")).json()["items"]
    [added] = [row["id"] for row in rows if row["name"] == "page"]
    volt.house.clock.advance(1)
    assert (await volt.owner.post(f"/payments/accounts/{added}/connect")).status_code == 303
    assert "Volt Charging GmbH" in await volt.text("/payments/accounts")
    assert (await volt.owner.get(f"/api/v1/payment-accounts/{made['id']}")).json()["checked_at"] is None


async def test_a_kiosk_has_its_reader_ask_by_the_api_and_shows_the_driver_where_the_receipt_is(
    house: House, shops: list[Shop]
) -> None:
    volt, ampere = shops
    made = {"registration_code": "simulated-s700"}
    reference = volt.box.client.v1.terminal.readers.create(made).id  # type: ignore[arg-type]
    body = {"name": "Gate", "reference": reference, "site": volt.site}
    problem(
        await ampere.owner.post("/api/v1/card-readers", json={**body, "site": ampere.site}), 422, "card-reader-refused"
    )
    reader = await volt.made("/card-readers", body)
    problem(await volt.owner.post("/api/v1/card-readers", json=body), 409, "card-reader-taken")
    assert [each["id"] for each in (await volt.owner.get("/api/v1/card-readers")).json()["items"]] == [reader["id"]]
    path = f"/api/v1/card-readers/{reader['id']}"
    problem(await ampere.owner.get(path), 404, "card-reader-unknown")
    now = (await volt.owner.get(path)).json()
    assert (now["online"], now["payment"]) == (True, None)
    kiosk = await volt.tenant.client(Role.SUPPORT)
    start = {"station": volt.station, "evse": 1, "language": "de"}
    begun = (await kiosk.post(f"{path}/start", json=start)).json()
    payment = begun["payment"]
    assert (payment["state"], payment["method"]) == ("hold_requested", "reader")
    assert (await volt.owner.get(path)).json()["payment"] == payment["id"]
    busy = (await kiosk.post(f"{path}/start", json=start)).json()["payment"]
    assert (busy["state"], busy["reason"]) == ("failed", READER_BUSY)
    problem(await kiosk.post(f"{path}/start", json={**start, "station": ampere.station}), 409, "card-reader-elsewhere")
    await asyncio.to_thread(volt.box.control, f"readers/{reference}/present", {"card": "visa"})
    await house.client().post(f"/api/v1/driver/payments/{payment['id']}/returned")
    assert (await kiosk.get(f"/api/v1/payments/{payment['id']}")).json()["payment"]["state"] == "authorised"
    page = urlsplit(begun["page"]).path
    assert page == f"/charging/{payment['id']}"
    assert "Betrag ist reserviert" in await volt.text(page + "?lang=de", house.client())
    problem(await kiosk.post(f"{path}/cancel"), 409, "card-reader-idle")
    problem(await kiosk.delete(path), 403, "forbidden")
    assert (await volt.owner.delete(path)).status_code == 204
    problem(await volt.owner.get(path), 404, "card-reader-unknown")


async def test_the_console_starts_at_a_reader_and_cancels(shops: list[Shop]) -> None:
    volt = shops[0]
    made = {"registration_code": "simulated-s700"}
    reference = volt.box.client.v1.terminal.readers.create(made).id  # type: ignore[arg-type]
    assert "There are no card readers yet" in await volt.text("/card-readers")
    wrong = await volt.owner.post("/card-readers", data={"name": "Gate", "reference": "tmr_x", "site": volt.site})
    assert "The provider knows no such card reader" in await volt.text(wrong.headers["location"])
    form = {"name": "Gate", "reference": reference, "site": volt.site}
    there = (await volt.owner.post("/card-readers", data=form)).headers["location"]
    page = await volt.text(there)
    assert f'<option value="1 {volt.station}">' in page
    assert "Free" in page
    led = (await volt.owner.post(f"{there}/start", data={"place": f"1 {volt.station}"})).headers["location"]
    asked = await volt.text(led)
    assert "Hold a card to the reader" in asked
    assert 'http-equiv="refresh" content="2"' in asked
    assert 'class="qr"' not in asked
    assert "What it asks for now" in await volt.text(there)
    assert (await volt.owner.post(f"{there}/cancel")).headers["location"] == led
    ended = await volt.text(led)
    assert "Ask for nothing any more" not in ended
    assert "http-equiv" not in ended
    # One that is not connected says so, in the words that the driver would read.
    await asyncio.to_thread(volt.box.control, f"readers/{reference}", {"status": "offline"})
    led = (await volt.owner.post(f"{there}/start", data={"place": f"1 {volt.station}"})).headers["location"]
    assert "The card reader is not connected." in await volt.text(led)
    await asyncio.to_thread(volt.box.control, f"readers/{reference}", {"status": "online"})
    led = (await volt.owner.post(f"{there}/start", data={"place": f"1 {volt.station}"})).headers["location"]
    await asyncio.to_thread(volt.box.control, f"readers/{reference}/present", {"card": "visa"})
    await volt.house.client().post(f"/api/v1/driver/payments/{led.rpartition('/')[2]}/returned")
    held = await volt.text(led)
    assert 'class="qr"' in held
    assert f"/charging/{led.rpartition('/')[2]}" in held
    assert (await volt.owner.post(f"{there}/start", data={"place": "x"})).headers["location"] == f"{there}?said=value"
    assert (await volt.owner.post(f"{there}/remove")).headers["location"] == "/card-readers"


async def test_a_host_goes_to_the_provider_from_their_own_page_and_reads_what_is_still_asked(
    house: House, shops: list[Shop]
) -> None:
    volt = shops[0]
    host = await volt.made("/hosts", {"name": "Ada", "country": "DE", "sites": [volt.site]})
    path = f"/hosts/{host['id']}"
    refused = await volt.owner.post(f"{path}/onboarding")
    assert refused.headers["location"] == f"{path}?said=host-refused"
    assert "needs the host's e-mail address" in await volt.text(refused.headers["location"])
    await volt.owner.patch(f"/api/v1{path}", json={"email": "ada@owners.test"})
    ada = await volt.tenant.client(Role.SITE_HOST, (volt.site_id,))
    operator = await volt.tenant.client(Role.OPERATOR)
    assert (await operator.post(f"{path}/onboarding")).status_code == 403
    assert "Go to the payment provider" in await volt.text(path, ada)
    out = await ada.post(f"{path}/onboarding")
    found = re.search(r'content="0;url=([^"]+)"', out.text)
    assert found is not None
    there = found[1]
    assert there.startswith(f"{volt.box.address}/c/onboard/")
    # Left half-way: the landing is a page of our own, and leads to where the cookie counts.
    landing = await volt.text(f"{path}/provider/back", house.client())
    assert f'content="0;url={path}/provider"' in landing
    assert (await ada.get(f"{path}/provider")).headers["location"] == path
    page = await volt.text(path, ada)
    assert "They can't receive money there yet" in page
    assert "a bank account, acceptance of the provider's terms." in page
    # A way that has run out leads back to a new one.
    await asyncio.to_thread(volt.box.advance, 301)
    async with httpx.AsyncClient() as browser:
        late = await browser.get(there)
        assert urlsplit(late.headers["location"]).path == f"{path}/provider/again"
        again = await volt.text(f"{path}?said=again", ada)
        assert "had run out" in again
        found = re.search(r'content="0;url=([^"]+)"', (await ada.post(f"{path}/onboarding")).text)
        assert found is not None
        done = await browser.post(found[1], data={"iban": IBANS[0], "holder": "Ada"})
        assert urlsplit(done.headers["location"]).path == f"{path}/provider/back"
    await ada.get(f"{path}/provider")
    assert "Payouts go to their account there, and from there to their bank" in await volt.text(path, ada)
    said = (await volt.owner.get(f"/api/v1{path}")).json()["at_provider"]
    assert (said["may_receive"], said["may_pay_out"], said["due"]) == (True, True, [])
    told = await ada.post(f"/api/v1{path}/look")
    assert told.json()["at_provider"]["may_receive"]
    other = await volt.tenant.client(Role.SITE_HOST, ())
    problem(await other.post(f"/api/v1{path}/look"), 404, "host-unknown")
