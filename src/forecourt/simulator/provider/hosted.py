"""What happens on the provider's own pages. The number of a card is read in one place here, and kept nowhere.

What a form sends is answered by leading to a page, so that the browser's Back sends nothing anew.
"""

from typing import NoReturn
from urllib.parse import parse_qsl

from aiohttp import web

from forecourt.simulator.provider import accounts, cards, checkout, intents, methods, pages
from forecourt.simulator.provider.act import Act
from forecourt.simulator.provider.bank import Bank
from forecourt.simulator.provider.errors import ApiError, Json
from forecourt.simulator.provider.form import refuse_card_numbers

#: Fields of the card form, the one place where a number may be typed.
_CARD_FIELDS = frozenset({"number", "exp_month", "exp_year", "cvc"})


#: Pages at once that have something to say; the oldest forgets it first.
MAX_SAID = 1_000


class Hosted:
    """The pages of one provider."""

    def __init__(self, bank: Bank) -> None:
        self.bank = bank
        #: What the next look at a page says, by the id in its address.
        self._said: dict[str, str] = {}

    def _lead(self, path: str, said: str) -> web.HTTPSeeOther:
        """Leads to a page that says something once."""
        if len(self._said) >= MAX_SAID:
            del self._said[next(iter(self._said))]
        self._said[path.rpartition("/")[2]] = said
        return web.HTTPSeeOther(path)

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/c/pay/{id}", self.show_pay),
            web.post("/c/pay/{id}", self.do_pay),
            web.get("/c/challenge/{id}", self.show_challenge),
            web.post("/c/challenge/{id}", self.do_challenge),
            web.get("/c/onboard/{id}", self.show_onboard),
            web.post("/c/onboard/{id}", self.do_onboard),
            web.get("/receipts/{id}", self.receipt),
        ]

    def _find(self, request: web.Request, kind: str) -> tuple[Act, Json]:
        given = request.match_info["id"]
        owner = self.bank.books.owner(given)
        found = self.bank.books.get(owner, given, kind) if owner else None
        if found is None or owner is None:
            raise web.HTTPNotFound(text=pages.done("There is nothing here."), content_type="text/html")
        return self.bank.act(owner), found

    # Paying.

    async def show_pay(self, request: web.Request) -> web.Response:
        _, session = self._find(request, "checkout.session")
        if session["status"] != "open":
            return _html(pages.done(f"This session is {session['status']}."), 410)
        said = self._said.pop(session["id"], None)
        return _html(pages.pay(session, said), 200, session["success_url"], session["cancel_url"])

    async def do_pay(self, request: web.Request) -> NoReturn:
        act, session = self._find(request, "checkout.session")
        form = await _form(request, _CARD_FIELDS)
        if form.get("do") == "abandon" and session["cancel_url"]:
            raise web.HTTPSeeOther(session["cancel_url"])
        try:
            with self.bank.books.transaction():
                card = (
                    cards.typed(form.get("number", ""), form.get("exp_month", ""), form.get("exp_year", ""), act.now)
                    if form.get("do") == "type"
                    else cards.BY_NAME.get(form.get("card", ""), cards.BY_NAME["visa"])
                )
                intent = checkout.pay(act, session, methods.make(act, card))
        except ApiError as error:
            raise self._lead(f"/c/pay/{session['id']}", error.error["message"]) from None
        finally:
            self.bank.courier.wake.set()
        if intent["status"] == "requires_action":
            raise web.HTTPSeeOther(f"/c/challenge/{intent['id']}")
        raise web.HTTPSeeOther(back_to(session))

    # 3-D Secure.

    def _challenged(self, request: web.Request) -> tuple[Act, Json, Json | None]:
        """The intent, and the session that it belongs to if it has one."""
        kind = "setup_intent" if request.match_info["id"].startswith("seti_") else "payment_intent"
        act, intent = self._find(request, kind)
        found = act.books.newest(act.account, "checkout.session", equal={"_tried": intent["id"]}, limit=1)
        return act, intent, found[0] if found else None

    async def show_challenge(self, request: web.Request) -> web.Response:
        act, intent, session = self._challenged(request)
        if intent["status"] != "requires_action":
            if (said := self._said.pop(intent["id"], None)) is not None:
                return _html(pages.done(said), 200)
            return _html(pages.done("There is nothing to authenticate any more."), 410)
        method = act.get("payment_method", intent["payment_method"])
        back = (session["success_url"], session["cancel_url"]) if session else (intent["_return_url"],)
        return _html(pages.challenge(cards.BY_NAME[method["_card"]]), 200, *back)

    async def do_challenge(self, request: web.Request) -> NoReturn:
        act, intent, session = self._challenged(request)
        passed = (await _form(request)).get("do") == "pass"
        try:
            with self.bank.books.transaction():
                if session is not None:
                    checkout.challenge(act, session, passed=passed)
                elif intent["object"] == "setup_intent":
                    methods.challenged_setup(act, intent, passed=passed)
                else:
                    intents.challenged(act, intent, passed=passed)
        except ApiError as error:
            if session is not None:
                now = act.get("checkout.session", session["id"])
                if now["status"] == "open":
                    raise self._lead(f"/c/pay/{session['id']}", error.error["message"]) from None
            if not intent["_return_url"]:
                raise self._lead(f"/c/challenge/{intent['id']}", error.error["message"]) from None
        finally:
            self.bank.courier.wake.set()
        if session is not None:
            raise web.HTTPSeeOther(back_to(session))
        if intent["_return_url"]:
            name = intent["object"]
            mark = "&" if "?" in intent["_return_url"] else "?"
            raise web.HTTPSeeOther(f"{intent['_return_url']}{mark}{name}={intent['id']}")
        raise self._lead(f"/c/challenge/{intent['id']}", "Thank you. You can close this page.")

    # Hosts.

    async def show_onboard(self, request: web.Request) -> web.Response:
        act, link = self._find(request, "account_link")
        if link["_expires_at"] < act.now:
            raise web.HTTPSeeOther(link["_refresh_url"])
        return _html(pages.onboard(self._said.pop(link["id"], None)), 200, link["_return_url"])

    async def do_onboard(self, request: web.Request) -> NoReturn:
        act, link = self._find(request, "account_link")
        form = await _form(request, frozenset({"iban"}))
        try:
            with self.bank.books.transaction():
                accounts.onboarded(act, link["_account"], form.get("iban", ""), form.get("holder", ""))
                act.books.remove(act.account, link["id"])
        except ApiError as error:
            raise self._lead(f"/c/onboard/{link['id']}", error.error["message"]) from None
        finally:
            self.bank.courier.wake.set()
        raise web.HTTPSeeOther(link["_return_url"])

    async def receipt(self, request: web.Request) -> web.Response:
        _, charge = self._find(request, "charge")
        taken = pages.shown_amount(charge["amount_captured"], charge["currency"])
        back = pages.shown_amount(charge["amount_refunded"] - charge.get("_let_go", 0), charge["currency"])
        return _html(pages.done(f"Taken: {taken}, of them given back: {back}."), 200)


def back_to(session: Json) -> str:
    """Where the driver goes on, told which session it was."""
    url: str = session["success_url"]
    return url.replace("{CHECKOUT_SESSION_ID}", session["id"])


async def _form(request: web.Request, unread: frozenset[str] = frozenset()) -> dict[str, str]:
    pairs = parse_qsl((await request.read()).decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=20)
    try:
        refuse_card_numbers((name, text) for name, text in pairs if name not in unread)
    except ApiError as error:
        raise web.HTTPBadRequest(text=error.error["message"]) from None
    return dict(pairs)


def _html(text: str, status: int, *back: str | None) -> web.Response:
    headers = {
        "Content-Security-Policy": pages.policy(*back), "Cache-Control": "no-store", "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
    }  # fmt: skip
    return web.Response(text=text, status=status, content_type="text/html", headers=headers)
