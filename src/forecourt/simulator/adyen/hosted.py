"""What happens on the provider's own pages. What a form sends is answered by leading to a page, so that the browser's
Back sends nothing anew."""

from typing import NoReturn
from urllib.parse import parse_qsl

from aiohttp import web

from forecourt.simulator.adyen import pages
from forecourt.simulator.adyen.acts import Bank
from forecourt.simulator.adyen.books import ApiError, Link
from forecourt.simulator.adyen.cards import CARDS

REFUSED = "The payment was refused. Try another card."
#: Links at once whose page has something to say; the oldest forgets it first.
MAX_SAID = 1_000


def hosted(bank: Bank) -> list[web.RouteDef]:
    """The routes of the pages."""

    #: What the next look at a link's page says, by its id.
    told: dict[str, str] = {}

    def lead(link: Link, said: str = "") -> web.HTTPSeeOther:
        """Leads to the page, which says something once."""
        if len(told) >= MAX_SAID:
            del told[next(iter(told))]
        if said:
            told[link.id] = said
        return web.HTTPSeeOther(f"/pay/{link.id}")

    def find(request: web.Request) -> Link:
        link = bank.books.links.get(request.match_info["id"])
        if link is None:
            raise web.HTTPNotFound(text=pages.done("There is nothing here."), content_type="text/html")
        bank.tick()
        return link

    async def show(request: web.Request) -> web.Response:
        link = find(request)
        said = told.pop(link.id, None)
        if link.status != "active" and said is not None:
            return _html(pages.done(said, link.asked.get("returnUrl")))
        if link.status != "active":
            return _html(pages.done(f"This payment link is {link.status}.", link.asked.get("returnUrl")), 410)
        if link.challenged is not None:
            return _html(pages.challenge(CARDS[link.challenged].last4))
        return _html(pages.pay(link, said) if said else pages.pay(link))

    async def act(request: web.Request) -> NoReturn:
        link = find(request)
        form = dict(parse_qsl((await request.read()).decode("utf-8", "replace"), max_num_fields=5))
        waits = link.challenged is not None
        card = CARDS.get(link.challenged or form.get("card", ""), CARDS["visa"])
        passed = form.get("do") == "pass" if waits else None
        try:
            payment = bank.pay(link, card, passed=passed)
        except ApiError as error:
            raise lead(link, str(error)) from None
        if payment is None:
            raise lead(link)
        raise lead(link, REFUSED if payment.refused else "Thank you, the payment is complete.")

    return [web.get("/pay/{id}", show), web.post("/pay/{id}", act)]


def _html(text: str, status: int = 200) -> web.Response:
    headers = {
        "Content-Security-Policy": pages.POLICY, "Cache-Control": "no-store", "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
    }  # fmt: skip
    return web.Response(text=text, status=status, content_type="text/html", headers=headers)
