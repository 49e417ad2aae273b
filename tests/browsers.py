"""The browser of the tests: which one it is, how it is started, and how a page is opened and somebody signed in.

`browser` is a headless Chromium that lives for a module. Each page has a context of its own, and is given up after its
test: one that stays open goes on drawing what is live.
"""

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Page, async_playwright, expect

from tests.http import PASSWORD
from tests.looks import DESK
from tests.support import WAIT_S

#: What is looked for, best first: the shell is the same browser without what only a window needs, for two thirds of the
#: work.
PLACES = (Path("/usr/bin/chromium-headless-shell"), Path("/usr/bin/chromium"))
CHROMIUM = next((place for place in PLACES if place.exists()), None)
#: One process draws all pages, and one thread of it: there is one test at a time, and others have the other cores.
ARGUMENTS = [
    "--no-sandbox", "--headless", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--renderer-process-limit=1", "--disable-site-isolation-trials", "--num-raster-threads=1",
    "--disable-checker-imaging",
]  # fmt: skip
DEADLINE_MS = 1_000 * WAIT_S
REPORT_VIOLATIONS = (
    "addEventListener('securitypolicyviolation', (e) =>"
    " console.error('CSP', e.violatedDirective, e.blockedURI, e.sourceFile, e.lineNumber, e.columnNumber))"
)
NOTHING = re.compile(r"(?!)")
#: For the `pytestmark` of a module that needs the browser.
NEEDS_BROWSER = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason=f"no browser at {' or '.join(map(str, PLACES))}"),
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    expect.set_options(timeout=DEADLINE_MS)
    async with async_playwright() as playwright:
        chromium = await playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield chromium
        await chromium.close()


async def new_page(
    browser: Browser, complaints: list[str], *, no_fault: re.Pattern[str] = NOTHING, **arguments: Any
) -> Page:
    """A page in a context of its own, made with these arguments.

    What the browser finds wrong with it comes into `complaints`: what its policy refused, what was thrown, what did not
    load; not what it says of a `no_fault`.
    """
    # Nothing moves on its way to somewhere: a test would only wait for it, and each picture of it is drawn.
    context = await browser.new_context(**{"viewport": DESK, "reduced_motion": "reduce", **arguments})
    return await another_page(context, complaints, no_fault=no_fault)


async def another_page(context: BrowserContext, complaints: list[str], *, no_fault: re.Pattern[str] = NOTHING) -> Page:
    """A page beside those of this context, of the same person; otherwise as `new_page`."""
    page = await context.new_page()
    page.set_default_timeout(DEADLINE_MS)

    def heard(said: ConsoleMessage) -> None:
        if said.type == "error" and not no_fault.search(said.text):
            complaints.append(said.text)

    page.on("console", heard)
    page.on("pageerror", lambda fault: complaints.append(str(fault)))
    await page.add_init_script(REPORT_VIOLATIONS)
    return page


async def close_pages(browser: Browser) -> None:
    """Gives up whatever is open."""
    for context in browser.contexts:
        await context.close()


async def sign_in(page: Page, address: str, email: str, password: str = PASSWORD) -> None:
    """By the same request as the form's, for tests of what comes after it: the browser has the cookie then."""
    answer = await page.context.request.post(
        f"{address}/sign-in",
        form={"email": email, "password": password},
        headers={"origin": address, "accept": "text/html"},
        max_redirects=0,
    )
    assert answer.status == 303, await answer.text()


async def live(page: Page) -> None:
    """Waits until the page hears what happens."""
    await expect(page.locator("html")).to_have_attribute("data-connection", "live")
