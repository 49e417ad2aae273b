"""What tests of signing in share: a browser that is signed in, an authenticator app, and the letters that came."""

import re

import pyotp
from httpx import AsyncClient

from forecourt.access import Access
from forecourt.access.signin.attempts import FREE_FOR_ADDRESS
from tests.http import BASE, PASSWORD, SECRET, House, Tenant

#: What a browser says of a form on a page of ours.
FORM = {"origin": BASE, "accept": "text/html"}
#: Good enough for anybody.
NEW_PASSWORD = "purple kettle drives a lighthouse"


async def signed_in(
    house: House, tenant: Tenant, email: str | None = None, *, password: str = PASSWORD, address: str = ""
) -> AsyncClient:
    """A browser in which somebody is signed in by password alone."""
    browser = house.client(address=address, headers=FORM)
    form = {"email": email or await tenant.operator(), "password": password}
    answer = await browser.post("/sign-in", data=form)
    assert answer.status_code == 303, answer.text
    return browser


class App:
    """An authenticator app on a telephone whose clock is that of the house."""

    def __init__(self, house: House, seed: str) -> None:
        self._house = house
        self.seed = seed

    def code(self, offset_s: int = 0) -> str:
        return pyotp.TOTP(self.seed).at(int(self._house.clock.now().timestamp()) + offset_s)

    def later(self) -> str:
        """The next code, once it has come."""
        self._house.clock.advance(30)
        return self.code()


async def enrolled(house: House, browser: AsyncClient) -> tuple[App, list[str]]:
    """Sets up an authenticator by the pages; the app and the recovery codes."""
    page = await browser.get("/account/authenticator")
    assert page.status_code == 200, page.text
    seed, sealed = (
        re.search(r'data-copy="([A-Z2-7]{32})"', page.text),
        re.search(r'name="sealed" value="(\w+)"', page.text),
    )
    assert seed is not None
    assert sealed is not None
    app = App(house, seed[1])
    answer = await browser.post("/account/authenticator", data={"sealed": sealed[1], "code": app.code()})
    assert answer.status_code == 200, answer.text
    return app, re.findall(r"<code>([a-z2-9-]+)</code>", answer.text)


def letters(house: House, email: str) -> list[tuple[str, str]]:
    """Subject and body of what waits to be sent to an address, oldest first."""
    with house.admin() as connection:
        return connection.execute(
            "SELECT subject, body FROM letters WHERE recipient = %s ORDER BY written_at", (email,)
        ).fetchall()


async def make_wait(house: House, address: str) -> None:
    """Tries so many people from an address that it has to wait, until the clock is advanced."""
    attempts = Access(house.db, SECRET.encode(), house.clock).attempts
    for number in range(FREE_FOR_ADDRESS):
        await attempts.begin("password", address, f"guessed{number}@example.org")


def audited(house: House, tenant: Tenant) -> list[str]:
    """What the audit of an organisation tells was done, oldest first."""
    with house.admin() as connection:
        rows = connection.execute(
            "SELECT action FROM audit WHERE tenant_id = %s ORDER BY audit_id", (tenant.tenant_id,)
        ).fetchall()
    return [action for (action,) in rows]
