"""An owner reads the bank's statement and gives an account its report key in a real browser, in German."""

import json
import os
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from tests.browsers import NEEDS_BROWSER
from tests.conftest import Servers
from tests.console import Console, furnished
from tests.looks import DESK, PHONE, SCHEMES, breaks_no_rule_in_any_view
from tests.payments.test_reconcile import CAMT, a_line

pytestmark = NEEDS_BROWSER
#: Where pictures are put for whoever wants to look; nowhere else.
PICTURES = os.environ.get("FORECOURT_TEST_PICTURES")


@pytest_asyncio.fixture
async def yard(servers: Servers, browser: Browser) -> AsyncIterator[Console]:
    async for made in furnished(servers, browser):
        yield made


async def looked_at(page: Page, name: str) -> None:
    await breaks_no_rule_in_any_view(page)
    for width, view in ((DESK, "desk"), (PHONE, "phone")) if PICTURES else ():
        for scheme in SCHEMES:
            await page.set_viewport_size(width)
            await page.emulate_media(color_scheme=scheme)
            await page.screenshot(path=f"{PICTURES}/{name}-{view}-{scheme}.png", full_page=True)
    await page.set_viewport_size(DESK)


async def test_a_statement_is_read_and_says_what_belongs_to_nothing(yard: Console, tmp_path: Path) -> None:
    on = f"{datetime.now(UTC):%Y-%m-%d}"
    statement = tmp_path / "statement.xml"
    lines = (a_line("119.00", "CRDT", name="f", text="Rechnung 12 Stadtwerke", on=on), a_line("3.50", name="g", on=on))
    statement.write_text(CAMT.format("".join(lines)))
    wrong = tmp_path / "wrong.xml"
    wrong.write_text("<html/>")
    page = await yard.page("/reconciliation", language="de-DE")
    await page.get_by_role("link", name="Kontoauszüge").click()
    await expect(page.get_by_text("Jede gelesene Zeile ist zugeordnet.")).to_be_visible()
    reading = page.get_by_role("region", name="Kontoauszug lesen").get_by_role("button", name="Lesen")
    await page.set_input_files("[name=file]", wrong)
    await reading.click()
    await expect(page.locator("[role=alert]")).to_contain_text("kein lesbarer Kontoauszug")
    await page.set_input_files("[name=file]", statement)
    await reading.click()
    told = page.locator("[role=status]", has_text="Der Kontoauszug wurde gelesen")
    await expect(told).to_contain_text("davon neu: 2")
    await expect(page.get_by_role("row", name="Rechnung 12 Stadtwerke")).to_be_visible()
    await looked_at(page, "bank")
    # Once more it changes nothing.
    await page.set_input_files("[name=file]", statement)
    await reading.click()
    await expect(told).to_contain_text("davon neu: 0")
    api = await yard.tenant.client()
    account = {
        "name": "adyen-main", "provider": "adyen", "secret_key": "AQEkeyOfTests", "webhook_secret": "0f" * 32,
        "merchant_account": "YardECOM",
    }  # fmt: skip
    assert (await api.post("/api/v1/payment-accounts", json=account)).status_code == 201
    await page.goto(f"{yard.address}/payments/accounts")
    await expect(page.get_by_role("heading", name="Abrechnungen von adyen-main lesen lassen")).to_be_visible()
    await looked_at(page, "accounts")
    form = page.locator("form[action$=reports]")
    await form.locator("[name=report_key]").fill("AQEreportKey")
    await form.get_by_role("button").click()
    await expect(page.get_by_role("heading", name="Abrechnungen von adyen-main")).to_have_count(0)
    [made] = (await api.get("/api/v1/payment-accounts")).json()["items"]
    assert (made["settles"], "AQEreportKey" in json.dumps(made)) == (True, False)
    assert yard.complaints == []
